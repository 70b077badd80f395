/** Figures of positive semidefinite matrices: ellipses, level curves, the spectrum of a smooth kernel, repaired correlations. */
import type { TopLevelSpec } from "vega-lite";
import { eigSymmetric } from "../../demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import {
  cholesky,
  confidenceEllipse,
  correlationMatrix,
  covarianceMatrix,
  isPositiveDefinite,
  nearestCorrelation,
  sampleMultivariateNormal,
} from "../../demos/linear-algebra/positive-semidefinite-matrices.js";
import { loadIris, loadWine } from "../../lib/data.js";
import { NotPositiveDefiniteError } from "../../lib/errors.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, type Matrix, matrix, matrixOver, toRows } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN, GREY] = ["#0072B2", "#D55E00", "#009E73", "#8a8a8a"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A closed curve around the centre, and its two axes, of a 2×2 covariance. */
function ellipse(covariance: Matrix, level: number, centre: readonly number[] = [0, 0]) {
  const { radii, axes } = confidenceEllipse(covariance, { level });
  const at = (u: number, v: number): Point => ({
    x: round(centre[0]! + axes.get(0, 0) * radii[0]! * u + axes.get(0, 1) * radii[1]! * v),
    y: round(centre[1]! + axes.get(1, 0) * radii[0]! * u + axes.get(1, 1) * radii[1]! * v),
  });
  const curve = Array.from({ length: 73 }, (_, t) => {
    const angle = (t * 2 * Math.PI) / 72;
    return { ...at(Math.cos(angle), Math.sin(angle)), t };
  });
  const arms = [at(1, 0), at(-1, 0), at(0, 1), at(0, -1)];
  /** In the coordinates of the axes; where all points lie on the longer one, the other is 0 but for rounding, and says nothing. */
  const holds = (point: ArrayLike<number>) => {
    const parts = [0, 1].map((j) => {
      const along = axes.get(0, j) * (point[0]! - centre[0]!) + axes.get(1, j) * (point[1]! - centre[1]!);
      return radii[j]! > 1e-6 * radii[0]! ? along / radii[j]! : 0;
    });
    return Math.hypot(...parts) <= 1;
  };
  return { curve, axes: [0, 2].map((i) => ({ ...arms[i]!, x2: arms[i + 1]!.x, y2: arms[i + 1]!.y })), radii, holds };
}

const percent = (share: number) => `${formatNumber(100 * share, 3)} %`;

/** Points drawn from a covariance and the ellipse that should hold a given share of them. */
export const ellipseOverPoints = figure(
  "The ellipse of a covariance over points drawn from it",
  {
    correlation: { label: "correlation ρ", min: -1, max: 1, step: 0.05, value: 0.7 },
    ratio: { label: "variance of y over variance of x", min: 0.1, max: 1.5, step: 0.1, value: 0.5 },
    level: { label: "share that the ellipse should hold", min: 0.1, max: 0.99, step: 0.01, value: 0.95 },
  },
  ({ correlation, ratio, level }): TopLevelSpec => {
    const cross = correlation * Math.sqrt(ratio);
    const covariance = matrix([
      [1, cross],
      [cross, ratio],
    ]);
    const draws = toRows(sampleMultivariateNormal([0, 0], covariance, 500, { seed: 4 }));
    const { curve, axes, radii, holds } = ellipse(covariance, level);
    const points = draws.map((point) => ({ x: round(point[0]!), y: round(point[1]!), inside: holds(point) }));
    const inside = points.filter((point) => point.inside).length;
    const distance = formatNumber(Math.sqrt(-2 * Math.log1p(-level)), 3);
    const flat = Math.abs(correlation) === 1;
    const eigenvalues = Array.from(eigSymmetric(covariance).values, (value) => formatNumber(round(value), 3)).reverse();
    return {
      $schema: SCHEMA,
      description:
        `500 points of a normal pair with correlation ${formatNumber(correlation)} and variances 1 and ${formatNumber(ratio)}, and the ` +
        `ellipse at Mahalanobis distance ${distance}, with semi-axes ${formatNumber(round(radii[0]!), 3)} and ` +
        `${formatNumber(round(radii[1]!), 3)} along the eigenvectors: ${inside} points, ${percent(inside / 500)}, are inside` +
        `${flat ? "; all points lie on one line" : ""}.`,
      title: {
        text: `Mahalanobis distance ${distance}: ${inside} of 500 points inside (${percent(inside / 500)})`,
        subtitle: `eigenvalues ${eigenvalues.join(" and ")}${flat ? ": singular, the ellipse is a segment" : ""}`,
        fontSize: 13,
      },
      width: 340,
      height: 340,
      encoding: {
        x: plane("x", "x (standard deviation 1)", 4),
        y: plane("y", `y (standard deviation ${formatNumber(Math.sqrt(ratio), 3)})`, 4),
      },
      layer: [
        {
          data: { values: points },
          mark: { type: "point", filled: true, size: 16, opacity: 0.6, clip: true },
          encoding: {
            color: {
              field: "inside",
              type: "nominal",
              scale: { domain: [true, false], range: [GREY, VERMILION] },
              legend: null,
            },
          },
        },
        {
          data: { values: axes },
          mark: { type: "rule", color: GREEN, strokeWidth: 2, clip: true },
          encoding: { x2: { field: "x2" }, y2: { field: "y2" } },
        },
        {
          data: { values: curve },
          mark: { type: "line", color: BLUE, strokeWidth: 2.5, clip: true },
          encoding: { order: { field: "t", type: "quantitative" } },
        },
      ],
    };
  },
);

function plane(channel: "x" | "y", title: string, reach: number) {
  return {
    field: channel,
    type: "quantitative" as const,
    scale: { domain: [-reach, reach], nice: false },
    axis: { title, tickCount: 2 * reach, gridColor: "#ececec" },
  };
}

/** Curves of equal xᵀAx for a matrix with eigenvalues 1 and λ: ellipses, parallel lines, hyperbolas. */
export const levelCurves = figure(
  "Level curves of a quadratic form",
  {
    lambda: { label: "second eigenvalue λ", min: -1, max: 2, step: 0.1, value: -0.5 },
    angle: { label: "direction of the first eigenvector (degrees)", min: 0, max: 90, step: 5, value: 30 },
  },
  ({ lambda, angle }): TopLevelSpec => {
    const second = round(lambda);
    const tilt = (angle * Math.PI) / 180;
    const levels = [-2, -1, -0.5, 0.5, 1, 2, 4];
    const values = levels.flatMap((level) => {
      // In direction t the form is r²(cos² t + λ sin² t). Where that has the other sign, the curve is interrupted.
      let branch = 0;
      return Array.from({ length: 241 }, (_, step) => (step * Math.PI) / 120).flatMap((t, step) => {
        const squared = level / (Math.cos(t) ** 2 + second * Math.sin(t) ** 2);
        if (!(squared > 0 && squared < 40)) {
          branch++;
          return [];
        }
        const r = Math.sqrt(squared);
        const [x, y] = [round(r * Math.cos(t + tilt)), round(r * Math.sin(t + tilt))];
        return [{ x, y, step, level, curve: `${level}/${branch}` }];
      });
    });
    const kind = second > 0 ? "positive definite" : second === 0 ? "positive semidefinite" : "indefinite";
    const shape = second > 0 ? "ellipses" : second === 0 ? "pairs of parallel lines" : "hyperbolas";
    return {
      $schema: SCHEMA,
      description:
        `Level curves of a quadratic form with eigenvalues 1, along ${angle}°, and ${formatNumber(second)}: ${shape}; ` +
        `the matrix is ${kind}.`,
      title: {
        text: `Eigenvalues 1 and ${formatNumber(second)}: ${kind}`,
        subtitle: `level curves: ${shape}`,
        fontSize: 13,
      },
      width: 340,
      height: 340,
      data: { values },
      mark: { type: "line", strokeWidth: 2, clip: true },
      encoding: {
        x: plane("x", "first coordinate", 3),
        y: plane("y", "second coordinate", 3),
        order: { field: "step", type: "quantitative" },
        detail: { field: "curve", type: "nominal" },
        color: {
          field: "level",
          type: "ordinal",
          scale: { domain: levels, range: ["#7a3400", "#b54d00", "#e8935c", "#a6cee3", "#56a0d3", BLUE, "#003f66"] },
          legend: { title: "xᵀAx", symbolType: "stroke" },
        },
      },
    };
  },
);

/** Eigenvalues of the matrix of a Gaussian kernel on a grid: positive on paper, rounding from some index on. */
export const kernelSpectrum = figure(
  "Eigenvalues of a smooth kernel matrix",
  {
    n: { label: "points in [0, 1]", min: 20, max: 200, step: 20, value: 200 },
    logScale: { label: "log₁₀ of the length-scale", min: -2.5, max: 0.5, step: 0.25, value: 0 },
  },
  ({ n, logScale }): TopLevelSpec => {
    const scale = 10 ** logScale;
    const kernel = kernelMatrix(n, scale);
    const descending = eigSymmetric(kernel).values.toReversed();
    const limit = n * Number.EPSILON * descending[0]!;
    const above = descending.filter((value) => value > limit).length;
    const outcome = pivotThatFails(kernel);
    const values = Array.from(descending, (value, i) => ({
      index: i + 1,
      size: Math.max(1e-18, Number(Math.abs(value).toPrecision(4))),
      sign: value > 0 ? "positive" : "negative or 0",
    }));
    const fate = outcome === undefined ? "Cholesky succeeds" : `Cholesky fails at step ${outcome}`;
    return {
      $schema: SCHEMA,
      description:
        `Computed eigenvalues of the Gaussian kernel matrix of ${n} equispaced points with length-scale ${formatNumber(scale, 3)}, ` +
        `falling from ${formatNumber(descending[0]!)}: ${above} lie above n·eps·λ_max = ${limit.toExponential(1)}` +
        `${values.some(({ sign }) => sign !== "positive") ? ", the others are rounding, some of them not positive" : ""}. ${fate}.`,
      title: {
        text: `${above} of ${n} eigenvalues above rounding; ${fate}`,
        subtitle: `length-scale ${formatNumber(scale, 3)}; dashed: n·eps·λ_max = ${limit.toExponential(1)}`,
        fontSize: 13,
      },
      width: 480,
      height: 260,
      layer: [
        {
          data: { values },
          mark: { type: "point", filled: true, size: 22, opacity: 0.8 },
          encoding: {
            x: { field: "index", type: "quantitative", axis: { title: "index of the eigenvalue, falling" } },
            y: {
              field: "size",
              type: "quantitative",
              scale: { type: "log", domain: [1e-18, 1e3] },
              axis: { title: "|λ|", format: "~e", values: [1e-18, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 1, 1e3] },
            },
            color: {
              field: "sign",
              type: "nominal",
              scale: { domain: ["positive", "negative or 0"], range: [BLUE, VERMILION] },
              legend: { title: "computed λ", orient: "bottom" },
            },
          },
        },
        {
          data: { values: [{ limit }] },
          mark: { type: "rule", strokeDash: [5, 4], strokeWidth: 2, color: GREY },
          encoding: { y: { field: "limit", type: "quantitative" } },
        },
      ],
    };
  },
);

/** exp(−(s − t)²/2ℓ²) for n equispaced points of [0, 1]. */
export function kernelMatrix(n: number, lengthScale: number): Matrix {
  const at = (index: number) => index / (n - 1) / lengthScale;
  const entries = Float64Array.from({ length: n * n }, (_, k) =>
    Math.exp(-((at(Math.floor(k / n)) - at(k % n)) ** 2) / 2),
  );
  return matrixOver(entries, n, n);
}

function pivotThatFails(a: Matrix): number | undefined {
  try {
    cholesky(a);
    return undefined;
  } catch (error) {
    if (error instanceof NotPositiveDefiniteError) return error.pivot;
    throw error;
  }
}

/** Two measurements of the irises, and for each species the ellipse of its covariance. */
export const irisEllipses = figure(
  "Covariance ellipses of three species",
  {
    pair: { label: "measurements", options: ["petals", "sepals", "lengths", "widths"], value: "petals" },
    level: { label: "share that an ellipse should hold", min: 0.1, max: 0.99, step: 0.01, value: 0.95 },
  },
  ({ pair, level }): TopLevelSpec => {
    const { x, target, featureNames, targetNames } = loadIris();
    const [p, q] = PAIRS[pair]!;
    const species = targetNames.map((name, k) => {
      const points = toRows(x).flatMap((flower, i) => (target[i] === k ? [[flower[p]!, flower[q]!]] : []));
      const mean = [0, 1].map((j) => points.reduce((sum, point) => sum + point[j]! / points.length, 0));
      const { curve, holds } = ellipse(covarianceMatrix(matrix(points)), level, mean);
      return { name, points, curve, inside: points.filter(holds).length };
    });
    const title = (j: number) => `${featureNames[j]!.replace(/\s*\(cm\)/, "")} (cm)`;
    const axis = (channel: "x" | "y", j: number) => ({
      field: channel,
      type: "quantitative" as const,
      scale: { zero: false },
      axis: { title: title(j), gridColor: "#ececec" },
    });
    const colour = {
      field: "species",
      type: "nominal" as const,
      scale: { domain: [...targetNames], range: [BLUE, VERMILION, GREEN] },
      legend: { title: null, orient: "bottom" as const },
    };
    const counts = species.map(({ name, points, inside }) => `${name} ${inside} of ${points.length}`).join(", ");
    return {
      $schema: SCHEMA,
      description:
        `${title(p)} against ${title(q)} of 150 irises, with an ellipse for each species that would hold ${percent(level)} of a ` +
        `normal distribution with its covariance. Inside are: ${counts}.`,
      title: { text: `Ellipses for ${percent(level)}`, subtitle: `inside: ${counts}`, fontSize: 13 },
      width: 480,
      height: 280,
      encoding: { x: axis("x", p), y: axis("y", q), color: colour },
      layer: [
        {
          data: {
            values: species.flatMap(({ name, points }) =>
              points.map((point) => ({ x: point[0]!, y: point[1]!, species: name })),
            ),
          },
          mark: { type: "point", filled: true, size: 22, opacity: 0.6 },
        },
        {
          data: { values: species.flatMap(({ name, curve }) => curve.map((point) => ({ ...point, species: name }))) },
          mark: { type: "line", strokeWidth: 2 },
          encoding: { order: { field: "t", type: "quantitative" } },
        },
      ],
    };
  },
);

const PAIRS: Readonly<Record<string, readonly [number, number]>> = {
  petals: [2, 3],
  sepals: [0, 1],
  lengths: [0, 2],
  widths: [1, 3],
};

/** Eigenvalues of the correlations of thirteen measurements of wines: complete, with values deleted, and repaired. */
export const repairedCorrelations = figure(
  "Correlations with values missing, and their repair",
  {
    missing: { label: "share of the values deleted", min: 0, max: 0.7, step: 0.05, value: 0.5 },
    seed: { label: "seed of the deletion", min: 0, max: 9, step: 1, value: 0 },
  },
  ({ missing, seed }): TopLevelSpec => {
    const { x } = loadWine();
    const deleted = correlationMatrix(x, { present: observed(missing, seed) });
    const { matrix: repaired, distance } = nearestCorrelation(deleted, { tolerance: 1e-7 });
    const kinds = ["complete", "pairwise deletion", "nearest correlation matrix"];
    const values = [correlationMatrix(x), deleted, repaired].flatMap((a, k) =>
      Array.from(eigSymmetric(a).values.subarray(0, 8), (value, i) => ({
        kind: kinds[k]!,
        index: 13 - i,
        value: round(value),
      })),
    );
    const smallest = round(eigSymmetric(deleted).values[0]!);
    const verdict = isPositiveDefinite(deleted) ? "still definite" : "indefinite";
    return {
      $schema: SCHEMA,
      description:
        `The eight smallest eigenvalues of the 13×13 correlations of wine: of all 178 rows, with ${percent(missing)} of the values deleted at random, and of ` +
        `the correlation matrix nearest to that. Pairwise deletion leaves a smallest eigenvalue of ${formatNumber(smallest, 3)}, ${verdict}; ` +
        `the repair is at distance ${formatNumber(round(distance), 3)}.`,
      title: {
        text: `Smallest eigenvalue after pairwise deletion: ${formatNumber(smallest, 3)} (${verdict})`,
        subtitle: `${percent(missing)} of the values missing; repair at distance ${formatNumber(round(distance), 3)}`,
        fontSize: 13,
      },
      width: 480,
      height: 260,
      data: { values },
      mark: { type: "line", point: { size: 40 }, strokeWidth: 1.5 },
      encoding: {
        x: {
          field: "index",
          type: "ordinal",
          axis: { title: "index of the eigenvalue, falling; the last eight of 13", labelAngle: 0, grid: true },
        },
        y: {
          field: "value",
          type: "quantitative",
          axis: {
            title: "eigenvalue",
            gridColor: { condition: { test: "datum.value === 0", value: "black" }, value: "#dddddd" },
          },
        },
        color: {
          field: "kind",
          type: "nominal",
          scale: { domain: kinds, range: [GREY, VERMILION, BLUE] },
          legend: { title: null, orient: "bottom", labelLimit: 250 },
        },
        strokeDash: {
          field: "kind",
          type: "nominal",
          scale: {
            domain: kinds,
            range: [
              [2, 2],
              [1, 0],
              [6, 3],
            ],
          },
          legend: { title: null, orient: "bottom", labelLimit: 250 },
        },
      },
    };
  },
);

/** Which values of the 178×13 table of wine are kept, each with probability 1 − missing. */
export function observed(missing: number, seed: number): (row: number, column: number) => boolean {
  const { uniform } = random(seed);
  const kept = Array.from({ length: 178 * 13 }, () => uniform() >= missing);
  return (row, column) => kept[row * 13 + column]!;
}

export const figures = { ellipseOverPoints, levelCurves, irisEllipses, repairedCorrelations, kernelSpectrum };

const round = (value: number) => Math.round(value * 10000) / 10000 + 0; // + 0 makes −0 a 0
