/** Figures of determinants: a letter and its image, columns that lose volume, and the density of a stretched variable. */
import type { TopLevelSpec } from "vega-lite";
import { changeOfVariables, determinant, slogdet } from "../../demos/linear-algebra/determinant-and-volume.js";
import { matmul } from "../../demos/linear-algebra/matrices-as-linear-maps.js";
import { figure } from "../../lib/figure.js";
import { column, formatNumber, type Matrix, matrix, matrixOver, norm, toRows } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN, GREY] = ["#0072B2", "#D55E00", "#009E73", "#8a8a8a"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

const LETTER = matrix([
  [0.25, 0.42, 0.42, 0.66, 0.66, 0.42, 0.42, 0.78, 0.78, 0.25],
  [0.12, 0.12, 0.43, 0.43, 0.58, 0.58, 0.74, 0.74, 0.9, 0.9],
]);
const SQUARE = matrix([
  [0, 1, 1, 0],
  [0, 0, 1, 1],
]);

/** The unit square with a letter in it, and both under a 2×2 matrix: area and orientation are the determinant. */
export const letterAndImage = figure(
  "A letter in the unit square and its image",
  {
    angle: { label: "angle between the columns (degrees)", min: 0, max: 180, step: 5, value: 60 },
    length: { label: "length of the second column", min: 0, max: 2, step: 0.05, value: 1.5 },
    flip: { label: "exchange the columns", options: ["no", "yes"], value: "no" },
  },
  ({ angle, length, flip }): TopLevelSpec => {
    const tilt = (15 * Math.PI) / 180;
    const [first, second] = [
      [1.5 * Math.cos(tilt), 1.5 * Math.sin(tilt)],
      [length * Math.cos(tilt + (angle * Math.PI) / 180), length * Math.sin(tilt + (angle * Math.PI) / 180)],
    ] as const;
    const [a1, a2] = flip === "yes" ? [second, first] : [first, second];
    const map = matrix([
      [a1[0]!, a2[0]!],
      [a1[1]!, a2[1]!],
    ]);
    const det = round(determinant(map));
    const colour = det < 0 ? VERMILION : BLUE;
    const orientation = det > 0 ? "orientation kept" : det < 0 ? "orientation reversed" : "flattened to a segment";
    return {
      $schema: SCHEMA,
      description:
        `The unit square with a letter F, area 1, and its image under a matrix whose columns have lengths ` +
        `${formatNumber(round(norm(a1)), 3)} and ${formatNumber(round(norm(a2)), 3)} and enclose ${angle}°: ` +
        `determinant ${formatNumber(det, 4)}, ${orientation}.`,
      hconcat: [
        panel("Before: area 1", "counterclockwise: e₁, then e₂", SQUARE, LETTER, identityArrows, BLUE),
        panel(
          `After: det A = ${formatNumber(det, 4)}`,
          `area ${formatNumber(Math.abs(det), 4)}, ${orientation}`,
          matmul(map, SQUARE),
          matmul(map, LETTER),
          map,
          colour,
        ),
      ],
      spacing: 30,
    };
  },
);

const identityArrows = matrix([
  [1, 0],
  [0, 1],
]);

function panel(text: string, subtitle: string, square: Matrix, letter: Matrix, arrows: Matrix, colour: string) {
  const position = (channel: "x" | "y") => ({
    field: channel,
    type: "quantitative" as const,
    scale: { domain: channel === "x" ? [-2.25, 3.5] : [-0.75, 2.75] },
    axis: {
      title: channel === "x" ? "first coordinate" : "second coordinate",
      values: [-2, -1, 0, 1, 2, 3],
      domain: false,
      format: "d",
      gridColor: "#ececec",
    },
  });
  const shape = (points: Matrix, style: object) => ({
    data: { values: pointsOf(points).map((point, order) => ({ ...point, order })) },
    mark: { type: "line" as const, interpolate: "linear-closed" as const, color: colour, clip: true, ...style },
    encoding: { order: { field: "order", type: "quantitative" as const } },
  });
  const columns = pointsOf(arrows).map(({ x, y }, j) => ({
    x,
    y,
    from: 0,
    vector: `${j === 0 ? "first" : "second"} column`,
  }));
  return {
    width: 240,
    height: 146, // the same unit on both axes
    title: { text, subtitle, fontSize: 13 },
    encoding: { x: position("x"), y: position("y") },
    layer: [
      shape(square, { fill: colour, fillOpacity: 0.15, strokeWidth: 1.5 }),
      shape(letter, { fill: colour, fillOpacity: 0.75, strokeWidth: 1 }),
      {
        data: { values: columns },
        layer: [
          {
            mark: { type: "rule" as const, strokeWidth: 3, clip: true },
            encoding: { x2: { field: "from" }, y2: { field: "from" } },
          },
          { mark: { type: "point" as const, filled: true, size: 90, opacity: 1, clip: true } },
        ],
        encoding: {
          color: {
            field: "vector",
            type: "nominal" as const,
            scale: { domain: ["first column", "second column"], range: [GREEN, "#000000"] },
            legend: { title: null, orient: "bottom" as const, symbolType: "circle" },
          },
        },
      },
    ],
  };
}

/** How much of the volume of a box is left when its edges point in random directions. */
export const lostVolume = figure(
  "Volume spanned by random columns",
  {
    largest: { label: "largest dimension n", min: 10, max: 60, step: 5, value: 30 },
    draws: { label: "matrices per dimension", min: 10, max: 40, step: 10, value: 30 },
  },
  ({ largest, draws }): TopLevelSpec => {
    const { normal } = random(0);
    const sizes = Array.from({ length: 10 }, (_, i) => Math.round(((i + 1) * largest) / 10));
    const values = sizes.flatMap((n) =>
      Array.from({ length: draws }, () => {
        const a = matrixOver(Float64Array.from({ length: n * n }, normal), n, n);
        const lengths = Array.from({ length: n }, (_, j) => Math.log(norm(column(a, j))));
        const ratio = (slogdet(a).logAbsDet - lengths.reduce((sum, x) => sum + x, 0)) / Math.LN10;
        return { n, ratio: round(ratio) };
      }),
    );
    const means = sizes.map((n) => {
      const drawn = values.filter((value) => value.n === n);
      return { n, ratio: round(drawn.reduce((sum, { ratio }) => sum + ratio, 0) / draws) };
    });
    const last = means.at(-1)!;
    return {
      $schema: SCHEMA,
      description:
        `log₁₀ of |det A| over the product of the column lengths for ${draws} matrices of normal numbers in each of ` +
        `${sizes.length} dimensions: none above 0, falling almost in a straight line to a mean of ${formatNumber(last.ratio, 3)} ` +
        `at n = ${last.n}.`,
      title: {
        text: "Hadamard's ratio |det A| / Π‖aⱼ‖ of normal columns",
        subtitle: "points: matrices; line: their mean; dashed: the bound",
        fontSize: 13,
      },
      width: 480,
      height: 260,
      encoding: {
        x: { field: "n", type: "quantitative", scale: { domain: [0, largest] }, axis: { title: "dimension n" } },
        y: { field: "ratio", type: "quantitative", axis: { title: "log₁₀ of the ratio" } },
      },
      layer: [
        { data: { values }, mark: { type: "point", filled: true, size: 18, color: GREY, opacity: 0.5 } },
        { data: { values: means }, mark: { type: "line", color: BLUE, point: { size: 45, color: BLUE } } },
        {
          data: { values: [{ from: 0, to: largest, bound: 0 }] },
          mark: { type: "rule", color: VERMILION, strokeDash: [5, 4], strokeWidth: 2 },
          encoding: {
            x: { field: "from", type: "quantitative" },
            x2: { field: "to" },
            y: { field: "bound", type: "quantitative" },
          },
        },
      ],
    };
  },
);

const STEP = 0.05;

/** A histogram of y = sinh(sx)/s for normal x, with the density that has the Jacobian's term and the one without. */
export const stretchedDensity = figure(
  "Density of a stretched normal variable",
  { s: { label: "strength s of the stretching", min: 0.1, max: 1.5, step: 0.1, value: 1 } },
  ({ s }): TopLevelSpec => {
    const { normal } = random(1);
    const logDensity = ([x]: Float64Array) => -(x! ** 2) / 2 - Math.log(2 * Math.PI) / 2;
    const inverse = (y: ArrayLike<number>) => [Math.asinh(s * y[0]!) / s];
    const jacobian = ([x]: Float64Array) => matrix([[Math.cosh(s * x!)]]);
    const stretched = { logDensity, inverse, jacobian };
    const [reach, width, n] = [6, 0.25, 20000];
    const counts = new Float64Array((2 * reach) / width);
    for (let i = 0; i < n; i++) {
      const bin = Math.floor((Math.sinh(s * normal()) / s + reach) / width);
      if (bin >= 0 && bin < counts.length) counts[bin]!++;
    }
    const bars = Array.from(counts, (count, i) => ({
      from: i * width - reach,
      to: (i + 1) * width - reach,
      density: round(count / n / width),
    }));
    const curve = (kind: string, at: (y: number) => number) => {
      const ys = Array.from({ length: (2 * reach) / STEP + 1 }, (_, i) => round(i * STEP - reach));
      return ys.map((y) => ({ kind, y, density: round(Math.exp(at(y))) }));
    };
    const withTerm = (y: number) => changeOfVariables(stretched, [y]);
    const withoutTerm = (y: number) => logDensity(Float64Array.from(inverse([y])));
    const areas = [withTerm, withoutTerm].map((at) => formatNumber(areaUnder(at), 3)) as [string, string];
    const kinds = ["with log|J|", "without log|J|"];
    const kind = {
      field: "kind",
      type: "nominal" as const,
      scale: { domain: kinds },
      legend: { title: null, orient: "bottom" as const, symbolType: "stroke", symbolSize: 300 },
    };
    return {
      $schema: SCHEMA,
      description:
        `Histogram of ${n} values of y = sinh(${formatNumber(s)}x)/${formatNumber(s)} for normal x. The density with the term −log|J| ` +
        `follows it and has area ${areas[0]}; the one without lies above it away from 0 and has area ${areas[1]}.`,
      title: {
        text: `y = sinh(sx)/s with s = ${formatNumber(s)}`,
        subtitle: `area with the term ${areas[0]}, without it ${areas[1]}`,
        fontSize: 13,
      },
      width: 480,
      height: 260,
      layer: [
        {
          data: { values: bars },
          mark: { type: "bar", color: "#c9c9c9", stroke: "white", strokeWidth: 0.5 },
          encoding: {
            x: { field: "from", type: "quantitative", scale: { domain: [-reach, reach] }, axis: { title: "y" } },
            x2: { field: "to" },
            y: { field: "density", type: "quantitative", axis: { title: "density (per unit of y)" } },
            y2: { datum: 0 },
          },
        },
        {
          data: { values: [...curve(kinds[0]!, withTerm), ...curve(kinds[1]!, withoutTerm)] },
          mark: { type: "line", strokeWidth: 2.5 },
          encoding: {
            x: { field: "y", type: "quantitative" },
            y: { field: "density", type: "quantitative" },
            color: { ...kind, scale: { domain: kinds, range: [BLUE, VERMILION] } },
            strokeDash: {
              ...kind,
              scale: {
                domain: kinds,
                range: [
                  [1, 0],
                  [6, 4],
                ],
              },
            },
          },
        },
      ],
    };
  },
);

/** ∫ exp(logDensity(y)) dy, by the substitution y = sinh t and sums over t: far tails need few terms. */
function areaUnder(logDensity: (y: number) => number): number {
  let sum = 0;
  for (let t = -12; t <= 12; t += STEP) sum += Math.exp(logDensity(Math.sinh(t))) * Math.cosh(t) * STEP;
  return sum;
}

export const figures = { letterAndImage, lostVolume, stretchedDensity };

/** The columns of a matrix as points: first row x, second row y. */
function pointsOf(a: Matrix): { x: number; y: number }[] {
  const [x, y] = toRows(a) as [number[], number[]];
  return x.map((value, i) => ({ x: round(value), y: round(y[i]!) }));
}

const round = (value: number) => Math.round(value * 10000) / 10000 + 0; // + 0 makes −0 a 0
