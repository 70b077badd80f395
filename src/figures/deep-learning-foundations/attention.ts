/** Figures of attention: a soft lookup in the plane, and what the division by √d does to the weights. */
import type { TopLevelSpec } from "vega-lite";
import { scaledDotProductAttention } from "../../demos/deep-learning-foundations/attention.js";
import { figure } from "../../lib/figure.js";
import { matrix, matrixOver, row, toRows } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's blue, vermilion and green.
const [BLUE, VERMILION, GREEN] = ["#0072B2", "#D55E00", "#009E73"];
const short = (x: number) => Number(x.toPrecision(3));

/** Keys on a circle are their own values; one query looks at them, and the average is where the weights say. */
export const lookupFigure = figure(
  "One query, a few keys, and the average of their values",
  {
    angle: { label: "direction of the query in degrees", min: 0, max: 360, step: 5, value: 30 },
    scale: { label: "factor of the scores", min: 0, max: 12, step: 0.25, value: 2 },
    keys: { label: "keys", min: 2, max: 9, step: 1, value: 5 },
  },
  ({ angle, scale, keys }): TopLevelSpec => {
    const at = (turn: number) => [Math.cos(2 * Math.PI * turn), Math.sin(2 * Math.PI * turn)];
    const K = matrix(Array.from({ length: keys }, (_, j) => at(j / keys)));
    const Q = matrix([at(angle / 360)]);
    const { output, weights } = scaledDotProductAttention(Q, K, K, { scale });
    const p = row(weights, 0);
    const points = toRows(K).map(([x, y], j) => ({
      x,
      y,
      label: `${Math.round(100 * p[j]!)} %`,
      weight: p[j],
      of: "key and value",
    }));
    const [qx, qy] = toRows(Q)[0]!;
    const [ox, oy] = toRows(output)[0]!;
    const entropy = -p.reduce((sum, v) => sum + (v > 0 ? v * Math.log(v) : 0), 0);
    const best = p.indexOf(Math.max(...p));
    const axis = (field: string) => ({
      field,
      type: "quantitative" as const,
      scale: { domain: [-1.35, 1.35] },
      axis: { title: field === "x" ? "first coordinate" : "second coordinate", tickCount: 5 },
    });
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `${keys} keys on a circle and a query at ${angle} degrees. With factor ${scale} the weights are ` +
        `${Array.from(p, (v) => `${short(100 * v)} %`).join(", ")}; they are spread over ${Math.exp(entropy).toFixed(2)} keys. ` +
        `The output is at (${short(ox!)}, ${short(oy!)}), ${Math.hypot(ox!, oy!).toFixed(2)} from the middle.`,
      title: {
        text: `Weights spread over ${Math.exp(entropy).toFixed(2)} of ${keys} keys, largest ${Math.round(100 * p[best]!)} %`,
        subtitle: "size of a circle: weight; green: the query; red: the output",
        anchor: "middle",
      },
      width: 380,
      height: 380,
      layer: [
        {
          data: { values: points.map(({ x, y, weight }) => ({ x, y, x2: ox, y2: oy, weight })) },
          mark: { type: "rule", color: VERMILION },
          encoding: {
            x: axis("x"),
            y: axis("y"),
            x2: { field: "x2" },
            y2: { field: "y2" },
            strokeWidth: {
              field: "weight",
              type: "quantitative",
              scale: { domain: [0, 1], range: [0.3, 6] },
              legend: null,
            },
          },
        },
        {
          data: { values: points },
          mark: { type: "circle", color: BLUE, opacity: 0.9 },
          encoding: {
            x: axis("x"),
            y: axis("y"),
            size: { field: "weight", type: "quantitative", scale: { domain: [0, 1], range: [30, 1500] }, legend: null },
          },
        },
        {
          data: { values: points.map((point) => ({ ...point, x: 1.22 * point.x!, y: 1.22 * point.y! })) },
          mark: { type: "text", fontSize: 12 },
          encoding: { x: axis("x"), y: axis("y"), text: { field: "label" } },
        },
        {
          data: { values: [{ x: 0, y: 0, x2: qx, y2: qy }] },
          mark: { type: "rule", color: GREEN, strokeWidth: 2, strokeDash: [5, 4] },
          encoding: { x: axis("x"), y: axis("y"), x2: { field: "x2" }, y2: { field: "y2" } },
        },
        {
          data: { values: [{ x: ox, y: oy }] },
          mark: { type: "point", filled: true, shape: "diamond", size: 160, color: VERMILION, opacity: 1 },
          encoding: { x: axis("x"), y: axis("y") },
        },
      ],
    };
  },
);

/** Weights of random queries over 64 random keys, sorted, with and without the division by √d. */
export const scaleFigure = figure(
  "Attention weights with and without division by √d",
  { d: { label: "width d", min: 4, max: 256, step: 4, value: 64 } },
  ({ d }): TopLevelSpec => {
    const { normal } = random(1);
    const normals = (rows: number) => matrixOver(Float64Array.from({ length: rows * d }, normal), rows, d);
    const [K, Q] = [normals(64), normals(40)];
    const V = matrix(Array.from({ length: 64 }, () => [0]));
    const sorted = (scale: number) => {
      const rows = toRows(scaledDotProductAttention(Q, K, V, { scale }).weights).map((p) => p.sort((a, b) => b - a));
      return Array.from({ length: 64 }, (_, rank) => rows.reduce((sum, p) => sum + p[rank]!, 0) / rows.length);
    };
    const [raw, scaled] = [sorted(1), sorted(1 / Math.sqrt(d))];
    const values = [
      ...raw.map((weight, rank) => ({ rank: rank + 1, weight, scores: "q·k" })),
      ...scaled.map((weight, rank) => ({ rank: rank + 1, weight, scores: "q·k/√d" })),
    ];
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Mean attention weight by rank for 40 random queries over 64 random keys of width ${d}. Unscaled, the first key gets ` +
        `${short(100 * raw[0]!)} % and the tenth ${short(100 * raw[9]!)} %; divided by √d, ${short(100 * scaled[0]!)} % and ` +
        `${short(100 * scaled[9]!)} %. Equal weights would be 1.56 %.`,
      title: {
        text: `d = ${d}: the best key gets ${short(100 * raw[0]!)} % unscaled, ${short(100 * scaled[0]!)} % scaled`,
        anchor: "middle",
      },
      width: 560,
      height: 280,
      data: { values },
      mark: { type: "line", strokeWidth: 2 },
      encoding: {
        x: {
          field: "rank",
          type: "quantitative",
          axis: { title: "rank of the key" },
          scale: { domain: [1, 64], nice: false },
        },
        y: {
          field: "weight",
          type: "quantitative",
          axis: { title: "mean weight", format: "%" },
          scale: { domain: [0, 1] },
        },
        color: {
          field: "scores",
          type: "nominal",
          scale: { domain: ["q·k", "q·k/√d"], range: [VERMILION, BLUE] },
          legend: { title: "scores", orient: "bottom", symbolType: "stroke", symbolSize: 400 },
        },
      },
    };
  },
);

export const figures = { lookupFigure, scaleFigure };
