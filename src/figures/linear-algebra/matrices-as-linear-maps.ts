/** Figures of matrices as linear maps: two orders of composition, a photograph that is moved, orthogonality that is lost. */
import type { TopLevelSpec } from "vega-lite";
import {
  fundamentalSubspaces,
  gramSchmidtSteps,
  matmul,
  qr,
} from "../../demos/linear-algebra/matrices-as-linear-maps.js";
import { loadGreyPhotograph } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import {
  formatNumber,
  frobeniusNorm,
  identity,
  type Matrix,
  matrix,
  matrixOver,
  rowMajor,
  toRows,
  transpose,
} from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN] = ["#0072B2", "#D55E00", "#009E73"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

const rotation = (degrees: number) => {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return matrix([
    [cos, -sin],
    [sin, cos],
  ]);
};
const shearing = (s: number) =>
  matrix([
    [1, s],
    [0, 1],
  ]);
const diagonal = (x: number, y: number) =>
  matrix([
    [x, 0],
    [0, y],
  ]);

/** Ways from the identity (amount 0) to a map (amount 1). */
const PATHS: Readonly<Record<string, (amount: number) => Matrix>> = {
  "rotation by 90°": (t) => rotation(90 * t),
  shear: shearing,
  stretch: (t) => diagonal(1 + t / 2, 1 - t / 2),
  reflection: (t) => diagonal(1 - 2 * t, 1),
  projection: (t) => diagonal(1, 1 - t),
};

const amount = (of: string) => ({ label: `amount of ${of}`, min: 0, max: 1, step: 0.05, value: 1 });
const choice = (label: string, value: string) => ({ label, options: Object.keys(PATHS), value });

/** A grid, a letter and the basis vectors, under AB and under BA. */
export const gridUnderMaps = figure(
  "A grid under AB and under BA",
  {
    a: choice("A", "rotation by 90°"),
    amountOfA: amount("A"),
    b: choice("B", "shear"),
    amountOfB: amount("B"),
  },
  ({ a, amountOfA, b, amountOfB }): TopLevelSpec => {
    const [A, B] = [PATHS[a]!(amountOfA), PATHS[b]!(amountOfB)];
    const [ab, ba] = [matmul(A, B), matmul(B, A)];
    const sentence = (name: string, map: Matrix) =>
      `${name} = ${written(map)} has rank ${fundamentalSubspaces(map).rank}`;
    return {
      $schema: SCHEMA,
      description:
        `A letter F on a grid under two products of A (${a}, amount ${formatNumber(amountOfA)}) and B (${b}, amount ` +
        `${formatNumber(amountOfB)}): ${sentence("AB", ab)}; ${sentence("BA", ba)}. Frobenius norm of AB − BA: ${distance(ab, ba)}.`,
      hconcat: [underMap("AB", "first B, then A", ab), underMap("BA", "first A, then B", ba)],
      spacing: 30,
    };
  },
);

const LETTER = matrix([
  [0.4, 0.8, 0.8, 1.3, 1.3, 0.8, 0.8, 1.6, 1.6, 0.4],
  [0.4, 0.4, 1, 1, 1.4, 1.4, 1.8, 1.8, 2.2, 2.2],
]);
// Two columns, the ends, for each line of the grid.
const GRID = transpose(
  matrix(
    [-3, -2, -1, 0, 1, 2, 3].flatMap((c) => [
      [c, -3],
      [c, 3],
      [-3, c],
      [3, c],
    ]),
  ),
);

function underMap(name: string, order: string, map: Matrix) {
  const [x, y] = toRows(matmul(map, GRID)) as [number[], number[]];
  const lines = x.flatMap((_, i) =>
    i % 2 === 0 ? [{ x: round(x[i]!), y: round(y[i]!), x2: round(x[i + 1]!), y2: round(y[i + 1]!) }] : [],
  );
  const letter = pointsOf(matmul(map, LETTER)).map((point, order) => ({ ...point, order }));
  const arrows = pointsOf(map).map(({ x, y }, j) => ({
    x,
    y,
    from: 0,
    vector: j === 0 ? "image of e₁" : "image of e₂",
    angle: round(90 - (Math.atan2(y, x) * 180) / Math.PI),
  }));
  const heads = arrows.flatMap((arrow) => {
    const back = 1 - 0.16 / Math.hypot(arrow.x, arrow.y); // a symbol is drawn around its centre
    return arrow.x === 0 && arrow.y === 0 ? [] : [{ ...arrow, x: round(arrow.x * back), y: round(arrow.y * back) }];
  });
  const axis = (title: string) => ({
    title,
    values: [-4, -3, -2, -1, 0, 1, 2, 3, 4],
    domain: false,
    gridColor: "#ececec",
  });
  const position = (channel: "x" | "y") => ({
    field: channel,
    type: "quantitative" as const,
    scale: { domain: [-4, 4] },
    axis: axis(channel === "x" ? "first coordinate" : "second coordinate"),
  });
  const colour = {
    field: "vector",
    type: "nominal" as const,
    scale: { domain: ["image of e₁", "image of e₂"], range: [VERMILION, GREEN] },
    legend: { title: null, orient: "bottom" as const, symbolType: "stroke", symbolSize: 300 },
  };
  return {
    width: 260,
    height: 260,
    title: {
      text: `${name} = ${written(map)}`,
      subtitle: `${order}; rank ${fundamentalSubspaces(map).rank}`,
      fontSize: 13,
    },
    encoding: { x: position("x"), y: position("y") },
    layer: [
      {
        data: { values: lines },
        mark: { type: "rule" as const, color: "#8fb8d8", clip: true },
        encoding: { x2: { field: "x2" }, y2: { field: "y2" } },
      },
      {
        data: { values: letter },
        mark: {
          type: "line" as const,
          interpolate: "linear-closed" as const,
          color: BLUE,
          fill: BLUE,
          fillOpacity: 0.35,
          clip: true,
        },
        encoding: { order: { field: "order", type: "quantitative" as const } },
      },
      {
        data: { values: arrows },
        mark: { type: "rule" as const, strokeWidth: 3, clip: true },
        encoding: { x2: { field: "from" }, y2: { field: "from" }, color: colour },
      },
      {
        data: { values: heads },
        mark: { type: "point" as const, shape: "wedge", size: 420, filled: true, opacity: 1, clip: true },
        encoding: { angle: { field: "angle", type: "quantitative" as const, scale: null }, color: colour },
      },
    ],
  };
}

/**
 * A photograph as strips of one grey, the ends of the strips as points in homogeneous coordinates, moved by one 3×3 matrix.
 * The image of a strip is a strip, and its height does not change: the shear is along the strips, and a turn keeps lengths.
 */
export const movedPhotograph = figure(
  "A photograph moved by one 3×3 matrix",
  {
    angle: { label: "turn (degrees)", min: -180, max: 180, step: 5, value: 30 },
    shear: { label: "shear", min: -1, max: 1, step: 0.05, value: 0 },
    shift: { label: "shift to the right (picture widths)", min: -0.5, max: 0.5, step: 0.05, value: 0.5 },
    order: { label: "order", options: ["turn, then shift", "shift, then turn"], value: "turn, then shift" },
  },
  ({ angle, shear, shift, order }): TopLevelSpec => {
    const turn = homogeneous(rotation(angle), 0);
    const slant = homogeneous(shearing(shear), 0);
    const move = homogeneous(identity(2), 2 * shift);
    const map = order === "turn, then shift" ? matmul(move, matmul(turn, slant)) : matmul(turn, matmul(move, slant));
    const { ends, greys, frame } = strips(48, 32, 9);
    const [from, to] = ends.map((points) => pointsOf(matmul(map, points))) as [Point[], Point[]];
    const moved = from.map(({ x, y }, i) => ({ x, y, x2: to[i]!.x, y2: to[i]!.y, grey: greys[i]! }));
    const centre = pointsOf(matmul(map, matrix([[0], [0], [1]])))[0]!;
    const place = `(${formatNumber(centre.x, 3)}, ${formatNumber(centre.y, 3)})`;
    const position = (channel: "x" | "y") => ({
      field: channel,
      type: "quantitative" as const,
      scale: { domain: [-2.8, 2.8] },
      axis: { title: `${channel} (half picture widths)`, values: [-2, -1, 0, 1, 2], gridColor: "#ececec" },
    });
    return {
      $schema: SCHEMA,
      description:
        `A grey photograph of ${moved.length} strips: shear ${formatNumber(shear)}, then "${order}" by ${formatNumber(angle)}° and ` +
        `${formatNumber(shift)} of the picture's width. Its centre lands at ${place}.`,
      title: { text: `${order}: the centre lands at ${place}`, fontSize: 13 },
      width: 420,
      height: 420,
      encoding: { x: position("x"), y: position("y") },
      layer: [
        {
          data: { values: moved },
          mark: { type: "rule", strokeWidth: (1.1 * 420) / 5.6 / 24, clip: true, aria: false }, // a pixel and what hides the seams
          encoding: {
            x2: { field: "x2" },
            y2: { field: "y2" },
            color: {
              field: "grey",
              type: "quantitative",
              scale: { domain: [0, 1], range: ["#000", "#fff"] },
              legend: null,
            },
          },
        },
        {
          data: { values: pointsOf(frame).map((point, order) => ({ ...point, order })) },
          mark: { type: "line", color: BLUE, strokeDash: [5, 4] },
          encoding: { order: { field: "order", type: "quantitative" } },
        },
        {
          data: { values: [centre] },
          mark: { type: "point", shape: "cross", filled: true, size: 130, color: VERMILION, opacity: 1, clip: true },
        },
      ],
    };
  },
);

/** The 3×3 matrix of x ↦ Ax + (shift, 0) in homogeneous coordinates. */
function homogeneous(a: Matrix, shift: number): Matrix {
  const [first, second] = toRows(a) as [number[], number[]];
  return matrix([
    [...first, shift],
    [...second, 0],
    [0, 0, 1],
  ]);
}

/**
 * The photograph at width×height in the given number of greys, as horizontal strips: left and right ends in homogeneous
 * coordinates with x in [−1, 1], grey from 0 for the darkest to 1, and the frame.
 */
function strips(width: number, height: number, levels: number) {
  const photograph = loadGreyPhotograph();
  const [across, down] = [photograph.width / width, photograph.height / height];
  const average = (i: number, j: number) => {
    let sum = 0;
    for (let s = 0; s < across * down; s++) {
      sum += photograph.pixels.get(i * down + Math.floor(s / across), j * across + (s % across));
    }
    return sum / (across * down);
  };
  const pixels = Array.from({ length: width * height }, (_, p) => average(Math.floor(p / width), p % width));
  const [darkest, brightest] = [Math.min(...pixels), Math.max(...pixels)];
  const shades = pixels.map((p) => Math.round(((p - darkest) / (brightest - darkest)) * (levels - 1)));
  const starts = [...shades.keys()].filter((p) => p % width === 0 || shades[p] !== shades[p - 1]);
  const lengths = starts.map((p, i) => (starts[i + 1] ?? shades.length) - p);
  const points = (add: (i: number) => number) =>
    matrix([
      starts.map((p, i) => (2 * ((p % width) + add(i)) - width) / width),
      starts.map((p) => (height - 2 * Math.floor(p / width) - 1) / width),
      starts.map(() => 1),
    ]);
  const edge = height / width;
  return {
    ends: [points(() => 0), points((i) => lengths[i]!)],
    greys: starts.map((p) => round(shades[p]! / (levels - 1))),
    frame: matrix([
      [-1, 1, 1, -1, -1],
      [-edge, -edge, edge, edge, -edge],
    ]),
  };
}

const VECTORS: Readonly<Record<string, (n: number) => Matrix>> = {
  "Hilbert matrix": (n) =>
    matrix(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => 1 / (i + j + 1)))),
  "powers 1, t, t², … at 50 points of [0, 1]": (n) =>
    matrix(Array.from({ length: 50 }, (_, i) => Array.from({ length: n }, (_, j) => (i / 49) ** j))),
  "random normal numbers, 50 rows": (n) => matrixOver(Float64Array.from({ length: 50 * n }, random(0).normal), 50, n),
};

/** How far the first columns of Q are from orthonormal, for three ways to make them. */
export const lostOrthogonality = figure(
  "Orthogonality lost by Gram–Schmidt",
  {
    vectors: { label: "columns", options: Object.keys(VECTORS), value: "Hilbert matrix" },
    n: { label: "number of columns", min: 4, max: 14, step: 1, value: 10 },
  },
  ({ vectors, n }): TopLevelSpec => {
    const a = VECTORS[vectors]!(n);
    const { q } = qr(a); // its first j columns are those of the first j columns of a
    const methods = {
      "classical Gram–Schmidt": [...gramSchmidtSteps(a, { variant: "classical" })].map(({ q }) => q),
      "modified Gram–Schmidt": [...gramSchmidtSteps(a, { variant: "modified" })].map(({ q }) => q),
      Householder: Array.from({ length: n }, (_, j) => q.hi(a.shape[0]!, j + 1)),
    };
    const values = Object.entries(methods).flatMap(([method, qs]) =>
      qs.map((q, j) => ({ method, columns: j + 1, loss: Math.max(lossOf(q), 1e-17) })).slice(1),
    );
    const last = values.filter(({ columns }) => columns === n);
    const legend = { title: null, orient: "bottom" as const, labelLimit: 300 };
    return {
      $schema: SCHEMA,
      description: `‖QᵀQ − I‖ after ${n} columns, ${vectors}: ${last.map(({ method, loss }) => `${method} ${loss.toExponential(1)}`).join(", ")}.`,
      title: { text: "Distance of Q from orthonormal", subtitle: vectors, fontSize: 13 },
      width: 480,
      height: 260,
      data: { values },
      mark: { type: "line", point: { size: 50 } },
      encoding: {
        x: {
          field: "columns",
          type: "quantitative",
          scale: { domain: [2, n] },
          axis: { title: "columns so far", values: Array.from({ length: n - 1 }, (_, i) => i + 2), format: "d" },
        },
        y: {
          field: "loss",
          type: "quantitative",
          scale: { type: "log", domain: [1e-17, 100] },
          axis: { title: "‖QᵀQ − I‖ (Frobenius norm)", format: ".0e", tickCount: 8 },
        },
        color: {
          field: "method",
          type: "nominal",
          scale: { domain: Object.keys(methods), range: [VERMILION, BLUE, GREEN] },
          legend,
        },
        shape: { field: "method", type: "nominal", scale: { domain: Object.keys(methods) }, legend },
      },
    };
  },
);

export const figures = { gridUnderMaps, movedPhotograph, lostOrthogonality };

function lossOf(q: Matrix): number {
  const gram = matmul(transpose(q), q);
  for (let j = 0; j < gram.shape[0]!; j++) gram.set(j, j, gram.get(j, j) - 1);
  return frobeniusNorm(gram);
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The columns of a matrix as points: first row x, second row y. */
function pointsOf(a: Matrix): Point[] {
  const [x, y] = toRows(a) as [number[], number[]];
  return x.map((value, i) => ({ x: round(value), y: round(y[i]!) }));
}

function distance(a: Matrix, b: Matrix): string {
  const entries = rowMajor(a).map((value, i) => value - rowMajor(b)[i]!);
  return formatNumber(round(frobeniusNorm(matrixOver(entries, 2, 2))), 3);
}

const round = (value: number) => Math.round(value * 1000) / 1000 + 0; // + 0 makes −0 a 0
const written = (a: Matrix) =>
  `[${toRows(a)
    .map((entries) => `[${entries.map((x) => formatNumber(round(x), 3)).join(", ")}]`)
    .join(", ")}]`;
