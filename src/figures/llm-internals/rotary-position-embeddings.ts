/** Figures of RoPE: the score against the distance as a sum of cosines, and the rotation of the pairs. */
import type { TopLevelSpec } from "vega-lite";
import { applyRope, frequencyProfile, relativeScore } from "../../demos/llm-internals/rotary-position-embeddings.js";
import { figure } from "../../lib/figure.js";
import { matrix, row } from "../../lib/matrix.js";

// Okabe and Ito's blue, vermilion and sky blue; grey for the axis.
const [BLUE, VERMILION, SKY, GREY] = ["#0072B2", "#D55E00", "#56B4E9", "#999999"];

/** Score of a query with a key that is the query itself, turned to be best at a chosen distance. */
export const scoreFigure = figure(
  "Score against distance",
  {
    best: { label: "distance that the key is made for", min: 0, max: 1500, step: 10, value: 0 },
    logBase: { label: "base, as a power of 10", min: 2, max: 6, step: 0.1, value: 4 },
    width: { label: "width of the head", options: ["16", "64", "128"], value: "128" },
  },
  ({ best, logBase, width }): TopLevelSpec => {
    const [d, base] = [Number(width), 10 ** logBase];
    const q = Float64Array.from({ length: d }, (_, i) => (i % 2 === 0 ? Math.sqrt(2 / d) : 0));
    const k = row(applyRope(matrix([q]), [best], { base }), 0);
    const distances = Array.from({ length: 2001 }, (_, r) => r);
    const scores = relativeScore(q, k, distances, { base });
    const [middle, slow] = [Math.floor(d / 4), d / 2 - 1].map((pair) => {
      const only = (x: ArrayLike<number>) => Float64Array.from({ length: d }, (_, i) => (i >> 1 === pair ? x[i]! : 0));
      return relativeScore(only(q), only(k), distances, { base }).map((score) => (score * d) / 2);
    });
    // The mean is drawn at every distance, the smooth lines of single pairs at every eighth.
    const values = distances.flatMap((distance) => {
      const point = (line: Float64Array, of: string) => ({ distance, score: Number(line[distance]!.toFixed(3)), of });
      const mean = point(scores, "all pairs (mean)");
      if (distance % 8 !== 0) return [mean];
      return [mean, point(middle!, "a pair in the middle"), point(slow!, "the slowest pair")];
    });
    const top = scores.indexOf(Math.max(...scores));
    const negative = distances.find((distance) => scores[distance]! < 0);
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Score of a query with a key made for distance ${best}, against distances from 0 to 2,000, for heads of width ${d} and ` +
        `base ${Math.round(base)}. It is largest at distance ${top}; at 2,000 it is ${scores.at(-1)!.toFixed(3)}. ` +
        `${negative === undefined ? "It is never negative here" : `It is first negative at ${negative}`}. The slowest pair turns ` +
        `once in ${Math.round(frequencyProfile({ headDim: d, base, length: 1 }).at(-1)!.wavelength)} positions.`,
      title: {
        text: `Largest at distance ${top}; at 2,000 the score is ${scores.at(-1)!.toFixed(2)}`,
        anchor: "middle",
      },
      width: 560,
      height: 300,
      data: { values },
      mark: "line",
      encoding: {
        x: { field: "distance", type: "quantitative", axis: { title: "distance of query and key in tokens" } },
        y: {
          field: "score",
          type: "quantitative",
          axis: { title: "score, relative to |q|²" },
          scale: { domain: [-1, 1] },
        },
        color: {
          field: "of",
          type: "nominal",
          scale: {
            domain: ["all pairs (mean)", "a pair in the middle", "the slowest pair"],
            range: [VERMILION, SKY, BLUE],
          },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400, labelLimit: 250 },
        },
      },
    };
  },
);

/** Every pair of a head as a hand of a clock: fast ones tell neighbours apart, slow ones count far. */
export const clockFigure = figure(
  "Eight pairs as clock hands",
  {
    position: { label: "position", min: 0, max: 400, step: 1, value: 20 },
    logBase: { label: "base, as a power of 10", min: 1, max: 6, step: 0.5, value: 4 },
  },
  ({ position, logBase }): TopLevelSpec => {
    const base = 10 ** logBase;
    const ones = matrix([Float64Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 1 : 0))]);
    const hands = row(applyRope(ones, [position], { base }), 0);
    const profile = frequencyProfile({ headDim: 16, base, length: Math.max(position, 1) });
    const values = profile.map(({ wavelength }, pair) => {
      const [x, y] = [hands[2 * pair]!, hands[2 * pair + 1]!];
      const [column, line] = [pair % 4, Math.floor(pair / 4)];
      const [cx, cy] = [2.6 * column, -3.1 * line];
      return {
        cx,
        cy,
        x: cx + x,
        y: cy + y,
        label: `pair ${pair}: ${wavelength < 1000 ? wavelength.toFixed(0) : wavelength.toExponential(1)} tokens`,
      };
    });
    const rims = values.flatMap(({ cx, cy }, clock) =>
      Array.from({ length: 41 }, (_, i) => ({
        clock,
        order: i,
        x: cx + Math.cos((Math.PI * i) / 20),
        y: cy + Math.sin((Math.PI * i) / 20),
      })),
    );
    const turned = profile.filter(({ wavelength }) => wavelength <= position).length;
    const x = { field: "x", type: "quantitative" as const, axis: null, scale: { domain: [-1.3, 9.1] } };
    const y = { field: "y", type: "quantitative" as const, axis: null, scale: { domain: [-4.9, 1.3] } };
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Eight clocks, a pair of coordinates each, at position ${position} with base ${Math.round(base)}. Their full turns take ` +
        `${profile.map(({ wavelength }) => Math.round(wavelength)).join(", ")} tokens; ${turned} of 8 have turned once.`,
      title: { text: `Position ${position}: ${turned} of 8 pairs have made a full turn`, anchor: "middle" },
      width: 600,
      height: 360,
      layer: [
        {
          data: { values: rims },
          mark: { type: "line", color: GREY, strokeWidth: 1 },
          encoding: { x, y, detail: { field: "clock" }, order: { field: "order" } },
        },
        {
          data: { values },
          mark: { type: "rule", color: VERMILION, strokeWidth: 2.5 },
          encoding: { x: { ...x, field: "cx" }, y: { ...y, field: "cy" }, x2: { field: "x" }, y2: { field: "y" } },
        },
        {
          data: { values: values.map(({ cx, cy, label }) => ({ x: cx, y: cy - 1.35, label })) },
          mark: { type: "text", fontSize: 11 },
          encoding: { x, y, text: { field: "label" } },
        },
      ],
    };
  },
);

export const figures = { scoreFigure, clockFigure };
