/** Lloyd's algorithm step by step in the plane; a photograph in k colours, means of digits; where many starts end on iris. */
import type { TopLevelSpec } from "vega-lite";
import { type KMeansState, kMeans, kMeansSteps } from "../../demos/classical-ml/k-means.js";
import { loadColourPhotograph, loadDigits, loadIris } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, type Matrix, matrix, row, toRows } from "../../lib/matrix.js";
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
    k: { label: "clusters k", min: 2, max: 8, step: 1, value: 5 },
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

/** A photograph whose pixels are replaced by their centroids, and how many pixels have each of the colours. */
export const paletteFigure = figure(
  "A photograph in k colours",
  { k: { label: "colours k", min: 2, max: 32, step: 1, value: 16 } },
  ({ k }): TopLevelSpec => {
    const { pixels, width, height } = loadColourPhotograph();
    const { centroids, labels, inertia } = kMeans(pixels, k, { nInit: 1 });
    const colours = toRows(centroids).map((rgb) => `rgb(${rgb.map((value) => Math.round(255 * value)).join(",")})`);
    const used = colours
      .map((colour, c) => ({ colour, share: (100 * labels.filter((a) => a === c).length) / labels.length }))
      .sort((a, b) => b.share - a.share)
      .map(({ colour, share }, at) => ({ colour, share: Number(share.toFixed(2)), rank: at + 1 }));
    const error = formatNumber(255 * Math.sqrt(inertia / pixels.data.length), 3);
    const zoom = 3;
    return {
      $schema: SCHEMA,
      title: { text: `${k} colours: rms error ${error} of 255 a channel`, anchor: "start" },
      description:
        `A photograph of ${height}×${width} pixels, each in the nearest of ${k} centroids; the rms error of a channel is ` +
        `${error} of 255. The most frequent colour, ${used[0]!.colour}, covers ${formatNumber(used[0]!.share, 3)} % of it.`,
      hconcat: [
        {
          width: zoom * width,
          height: zoom * height,
          data: {
            values: strokes(labels, width).flatMap((shape, c) => ({ x: 0, y: zoom / 2, shape, colour: colours[c]! })),
          },
          ...picture(zoom),
        },
        {
          width: 150,
          height: zoom * height,
          data: { values: used },
          mark: { type: "bar", stroke: "#666666", strokeWidth: 0.5 },
          encoding: {
            x: { field: "share", type: "quantitative", title: "pixels (%)", axis: { grid: false, tickCount: 4 } },
            y: { field: "rank", type: "ordinal", title: null, axis: null, sort: null },
            color: { field: "colour", type: "nominal", scale: null },
          },
        },
      ],
    };
  },
);

/** Centroids of handwritten digits as images, each with the digit that is most frequent among its points. */
export const digitsFigure = figure(
  "Centroids of handwritten digits",
  { k: { label: "clusters k", min: 2, max: 20, step: 1, value: 10 } },
  ({ k }): TopLevelSpec => {
    const { x: X, target } = loadDigits();
    const { centroids, labels } = kMeans(X, k, { nInit: 1 });
    const clusters = Array.from({ length: k }, (_, c) => {
      const counts = Array.from({ length: 10 }, () => 0);
      for (const [i, digit] of target.entries()) if (labels[i] === c) counts[digit]!++;
      const most = Math.max(...counts);
      const size = counts.reduce((a, b) => a + b, 0);
      return { image: row(centroids, c), digit: counts.indexOf(most), most, size };
    }).sort((a, b) => a.digit - b.digit || b.size - a.size);
    const right = clusters.reduce((sum, { most }) => sum + most, 0) / target.length;
    const found = new Set(clusters.map(({ digit }) => digit)).size;
    const title = `${k} clusters, ${(100 * right).toFixed(0)} % of the images in one of their own digit`;
    const [zoom, perRow, across, down] = [12, 5, 118, 128];
    const corner = (at: number) => ({ x: across * (at % perRow), y: down * Math.floor(at / perRow) + 24 });
    return {
      $schema: SCHEMA,
      title: {
        text: title,
        subtitle: "images in each cluster, and the share of its most frequent digit",
        anchor: "start",
      },
      description:
        `${title}; ${found} of the ten digits are the most frequent one of some cluster. The means of the clusters as 8×8 ` +
        `images: ${clusters.map(({ digit, most, size }) => `${size} points, ${most} of them a ${digit}`).join("; ")}.`,
      width: across * Math.min(k, perRow),
      height: down * Math.ceil(k / perRow),
      view: { stroke: null },
      layer: [
        {
          data: {
            values: clusters.flatMap(({ image }, at) =>
              strokes(image.map(Math.round), 8).map((shape, ink) => ({
                x: corner(at).x,
                y: corner(at).y + zoom / 2,
                shape,
                colour: `rgb(${Array.from({ length: 3 }, () => 240 - 15 * ink).join(",")})`,
              })),
            ),
          },
          ...picture(zoom),
        },
        {
          data: {
            values: clusters.map(({ digit, most, size }, at) => ({
              x: corner(at).x,
              y: corner(at).y - 9,
              text: `${size}, ${((100 * most) / size).toFixed(0)} % are ${digit}`,
            })),
          },
          mark: { type: "text", align: "left", baseline: "middle", fontSize: 12 },
          encoding: { ...position, text: { field: "text" } },
        },
      ],
    };
  },
);

/** Data in pixels of the screen. */
const position = {
  x: { field: "x", type: "quantitative", scale: null, axis: null },
  y: { field: "y", type: "quantitative", scale: null, axis: null },
} as const;

/** Marks that draw `strokes`, `zoom` times as large. */
const picture = (zoom: number) =>
  ({
    mark: {
      type: "point",
      filled: false,
      size: 4 * zoom ** 2,
      strokeWidth: zoom,
      strokeJoin: "bevel",
      opacity: 1,
      aria: false,
    },
    encoding: {
      ...position,
      shape: { field: "shape", type: "nominal", scale: null },
      color: { field: "colour", type: "nominal", scale: null },
    },
  }) as const;

/** A picture as one SVG path a colour, with a stroke for each run of equal pixels: a fraction of a mark a pixel. */
function strokes(colourOf: ArrayLike<number>, width: number): string[] {
  const paths: string[] = [];
  for (let at = 0, end = 0; at < colourOf.length; at = end) {
    const [y, x, colour] = [Math.floor(at / width), at % width, colourOf[at]!];
    while (end < (y + 1) * width && colourOf[end] === colour) end++;
    paths[colour] = `${paths[colour] ?? ""}M${x},${y}h${end - at}`;
  }
  return paths;
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
    const sortedEnds = (init: "random" | "k-means++") =>
      Float64Array.from({ length: starts }, (_, seed) => kMeans(X, k, { init, seed, nInit: 1 }).inertia).sort();
    const [uniform, plusPlus] = [sortedEnds("random"), sortedEnds("k-means++")];
    const best = Math.min(uniform[0]!, plusPlus[0]!);
    const bad = (inertias: Float64Array) => inertias.filter((inertia) => inertia > 1.01 * best).length;
    const ends = `more than 1 % above the best: ${bad(uniform)} random starts, ${bad(plusPlus)} k-means++`;
    const values = [
      ...Array.from(uniform, (inertia, i) => ({ start: "random rows", share: (100 * (i + 1)) / starts, inertia })),
      ...Array.from(plusPlus, (inertia, i) => ({ start: "k-means++", share: (100 * (i + 1)) / starts, inertia })),
    ];
    const legend = { title: "start", orient: "top-left", offset: 12, symbolSize: 400, symbolStrokeWidth: 2.5 } as const;
    return {
      $schema: SCHEMA,
      title: {
        text: `Iris, k = ${k}: ${starts} starts of each kind, sorted`,
        subtitle: ends,
        anchor: "start",
      },
      description:
        `Final inertias of ${starts} starts on iris with k = ${k}, sorted. The best is ${formatNumber(best, 5)}; ` +
        `${ends}.`,
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

export const figures = { stepsFigure, paletteFigure, startsFigure, digitsFigure };
