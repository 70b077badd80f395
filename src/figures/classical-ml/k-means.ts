/** Lloyd's algorithm step by step in the plane, and where many starts of it end on the iris data. */
import type { TopLevelSpec } from "vega-lite";
import { type KMeansState, kMeans, kMeansSteps } from "../../demos/classical-ml/k-means.js";
import { loadIris } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, type Matrix, matrix, toRows } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
/** Colours that colour-blind readers can tell apart (Okabe and Ito), one a cluster. */
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C7A00", "#555555"];
const SIDE = 12;

/** 180 points in five round groups of different sizes, inside a square of side 12. */
function points(): Matrix {
  const { normal } = random(3);
  const groups = [
    [2.5, 2.5, 0.8, 45],
    [4.5, 8.5, 1, 45],
    [9, 9.5, 0.7, 30],
    [9.5, 5, 0.6, 30],
    [7, 2.2, 0.6, 30],
  ] as const;
  return matrix(
    groups.flatMap(([x, y, spread, n]) =>
      Array.from({ length: n }, () => [x + spread * normal(), y + spread * normal()]),
    ),
  );
}

/** Lloyd's algorithm in the plane: cells of the centroids, points by label, and the inertia of every half-step so far. */
export const stepsFigure = figure(
  "Lloyd's algorithm, half-step by half-step",
  {
    step: { label: "half-step", min: 0, max: 30, step: 1, value: 4 },
    k: { label: "clusters k", min: 1, max: 8, step: 1, value: 5 },
    seed: { label: "seed of the start", min: 0, max: 19, step: 1, value: 2 },
    init: { label: "start", options: ["random", "k-means++"], value: "random" },
  },
  ({ step, k, seed, init }): TopLevelSpec => {
    const X = points();
    const states = [...kMeansSteps(X, k, { init: init === "random" ? "random" : "k-means++", seed, tol: 0 })];
    const shown = Math.min(step, states.length - 1);
    const state = states[shown]!;
    const centroids = toRows(state.centroids);
    const rounded = (value: number) => Number(value.toFixed(3));
    const cells = centroids.flatMap((_, c) =>
      cellOf(centroids, c).map(([x, y], order) => ({ x: rounded(x), y: rounded(y), order, cluster: c })),
    );
    const dots = toRows(X).map(([x, y], i) => ({ x: rounded(x!), y: rounded(y!), cluster: state.labels[i]! }));
    const paths = states
      .slice(0, shown + 1)
      .flatMap(({ centroids }, t) => toRows(centroids).map(([x, y], cluster) => ({ x: x!, y: y!, t, cluster })));
    const trace = states.map(({ inertia }, t) => ({ t, inertia }));
    const title = describeStep(state, states.length - 1 === shown);

    const axis = (field: "x" | "y", title: string) => ({
      field,
      type: "quantitative" as const,
      scale: { domain: [0, SIDE] },
      axis: { title, grid: false, tickCount: 6 },
    });
    const [x, y] = [axis("x", "feature 1"), axis("y", "feature 2")];
    const color = {
      field: "cluster",
      type: "nominal",
      scale: { domain: COLOURS.map((_, c) => c), range: COLOURS },
      legend: null,
    } as const;
    return {
      $schema: SCHEMA,
      title: { text: title, anchor: "start" },
      description:
        `${X.shape[0]} points in the plane and ${k} centroids with their cells. ${title}. ` +
        `From this ${init} start (seed ${seed}) the inertia falls from ${formatNumber(states[0]!.inertia)} to ` +
        `${formatNumber(states.at(-1)!.inertia)} in ${states.length - 1} half-steps.`,
      hconcat: [
        {
          width: 370,
          height: 370,
          layer: [
            {
              data: { values: cells },
              mark: {
                type: "line",
                filled: true,
                fillOpacity: 0.16,
                stroke: "white",
                strokeWidth: 2,
                interpolate: "linear-closed",
              },
              encoding: {
                x,
                y,
                order: { field: "order", type: "quantitative" },
                fill: color,
                detail: { field: "cluster" },
              },
            },
            {
              data: { values: dots },
              mark: { type: "circle", size: 32, opacity: 0.9 },
              encoding: { x, y, color },
            },
            {
              data: { values: paths },
              mark: { type: "line", color: "black", strokeWidth: 1.2, opacity: 0.7 },
              encoding: { x, y, order: { field: "t", type: "quantitative" }, detail: { field: "cluster" } },
            },
            {
              data: { values: paths.filter(({ t }) => t === shown) },
              mark: {
                type: "point",
                shape: "diamond",
                filled: true,
                size: 150,
                opacity: 1,
                stroke: "black",
                strokeWidth: 1.6,
              },
              encoding: { x, y, fill: color },
            },
          ],
        },
        {
          width: 140,
          height: 370,
          layer: [
            {
              data: { values: trace },
              mark: { type: "line", color: "#999999", point: { color: "#999999", size: 22 } },
              encoding: {
                x: { field: "t", type: "quantitative", title: "half-step", axis: { tickMinStep: 1 } },
                y: { field: "inertia", type: "quantitative", title: "inertia (squared units)" },
              },
            },
            {
              data: { values: trace.slice(shown, shown + 1) },
              mark: { type: "point", filled: true, color: "black", size: 90, opacity: 1 },
              encoding: { x: { field: "t", type: "quantitative" }, y: { field: "inertia", type: "quantitative" } },
            },
          ],
        },
      ],
    };
  },
);

function describeStep({ phase, iteration, inertia }: KMeansState, last: boolean): string {
  const what = last
    ? `Fixed point after update ${iteration}`
    : phase === "update"
      ? `Update ${iteration}: centroids move to the means`
      : `Assign ${iteration}: points join the nearest centroid`;
  return `${what}, inertia ${formatNumber(inertia, 5)}`;
}

/** Corners of the part of the square that is nearer to centroid c than to any other: the square, cut by each bisector. */
function cellOf(centroids: readonly number[][], c: number): [number, number][] {
  const [cx, cy] = centroids[c] as [number, number];
  let corners: [number, number][] = [
    [0, 0],
    [SIDE, 0],
    [SIDE, SIDE],
    [0, SIDE],
  ];
  for (const [ox, oy] of centroids as [number, number][]) {
    if (ox === cx && oy === cy) continue;
    /** positive on the side of c, 0 on the bisector */
    const side = ([x, y]: [number, number]) => (cx - ox) * (2 * x - cx - ox) + (cy - oy) * (2 * y - cy - oy);
    corners = corners.flatMap((p, i) => {
      const q = corners[(i + 1) % corners.length]!;
      const [here, there] = [side(p), side(q)];
      const kept = here >= 0 ? [p] : [];
      if (here * there >= 0) return kept;
      const t = here / (here - there);
      return [...kept, [p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])] as [number, number]];
    });
  }
  return corners;
}

/** Where independent starts end on iris: final inertias in ascending order, for random rows and for k-means++. */
export const startsFigure = figure(
  "Where many starts end",
  {
    k: { label: "clusters k", min: 2, max: 8, step: 1, value: 3 },
    starts: { label: "starts", min: 20, max: 200, step: 20, value: 100 },
  },
  ({ k, starts }): TopLevelSpec => {
    const { x: X } = loadIris();
    const inertias = (init: "random" | "k-means++") =>
      Float64Array.from({ length: starts }, (_, seed) => kMeans(X, k, { init, seed, nInit: 1 }).inertia).sort();
    const [uniform, plusPlus] = [inertias("random"), inertias("k-means++")];
    const best = Math.min(uniform[0]!, plusPlus[0]!);
    const bad = (ends: Float64Array) => ends.filter((inertia) => inertia > 1.01 * best).length;
    const values = [
      ...Array.from(uniform, (inertia, i) => ({ start: "random rows", share: (100 * (i + 1)) / starts, inertia })),
      ...Array.from(plusPlus, (inertia, i) => ({ start: "k-means++", share: (100 * (i + 1)) / starts, inertia })),
    ];
    const legend = { title: "start", orient: "top-left", offset: 12, symbolSize: 400, symbolStrokeWidth: 2.5 } as const;
    return {
      $schema: SCHEMA,
      title: {
        text: `Iris, k = ${k}: ${starts} starts of each kind, sorted`,
        anchor: "start",
      },
      description:
        `Final inertias of ${starts} starts on iris with k = ${k}, sorted. The best is ${formatNumber(best, 5)}; ` +
        `${bad(uniform)} of the random starts and ${bad(plusPlus)} of the k-means++ starts end more than 1 % above it.`,
      width: 520,
      height: 260,
      data: { values },
      mark: { type: "line", interpolate: "step-before", strokeWidth: 2.5 },
      encoding: {
        x: { field: "share", type: "quantitative", title: "starts (%)", scale: { domain: [0, 100] } },
        y: { field: "inertia", type: "quantitative", title: "final inertia (cm²)", scale: { zero: false } },
        color: {
          field: "start",
          type: "nominal",
          scale: { domain: ["random rows", "k-means++"], range: ["#E69F00", "#0072B2"] },
          legend,
        },
        strokeDash: {
          field: "start",
          type: "nominal",
          scale: {
            domain: ["random rows", "k-means++"],
            range: [
              [6, 3],
              [1, 0],
            ],
          },
          legend,
        },
      },
    };
  },
);

export const figures = { stepsFigure, startsFigure };
