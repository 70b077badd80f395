/** Figures of matrix calculus: the error of differences against their step, and Newton's method against gradient descent. */
import type { TopLevelSpec } from "vega-lite";
import { eigSymmetric } from "../../demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import { matmul, matvec } from "../../demos/linear-algebra/matrices-as-linear-maps.js";
import { differenceQuotients, jvp, newtonSteps, type Program } from "../../demos/linear-algebra/matrix-calculus.js";
import { sgdMomentumSteps } from "../../demos/training-fundamentals/sgd-with-momentum.js";
import { loadBreastCancer } from "../../lib/breast-cancer.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, type Matrix, matrix, norm, toRows, transpose } from "../../lib/matrix.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN] = ["#0072B2", "#D55E00", "#009E73"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

interface Slope {
  readonly f: (x: number) => number;
  readonly program: Program;
  /** by hand */
  readonly derivative: (x: number) => number;
}

const FUNCTIONS: Readonly<Record<string, Slope>> = {
  "exp x": { f: Math.exp, program: (x, { exp }) => exp(x), derivative: Math.exp },
  "log x": { f: Math.log, program: (x, { log }) => log(x), derivative: (x) => 1 / x },
  "sin x²": {
    f: (x) => Math.sin(x * x),
    program: (x, { sin, square }) => sin(square(x)),
    derivative: (x) => Math.cos(x * x) * (2 * x),
  },
  "1 / (1 + x²)": {
    f: (x) => 1 / (1 + x * x),
    program: (x, { div, add, square }) => div(1, add(1, square(x))),
    derivative: (x) => (-2 * x) / (1 + x * x) ** 2,
  },
};

const METHODS = ["forward difference", "central difference", "dual number"];

/** Relative error of a derivative by differences, for steps from 1e-14 to 0.1, and by dual numbers, which have no step. */
export const errorOfDifferences = figure(
  "Error of a derivative against the step",
  {
    function: { label: "function", options: Object.keys(FUNCTIONS), value: "exp x" },
    x: { label: "point x", min: 0.5, max: 2, step: 0.1, value: 1 },
  },
  ({ function: name, x }): TopLevelSpec => {
    const { f, program, derivative } = FUNCTIONS[name]!;
    const slope = derivative(x);
    // Where an estimate is right to the last bit its error is 0, which has no logarithm.
    const error = (estimate: number) => round(Math.max(Math.abs(estimate / slope - 1), 1e-17));
    const byDual = error(jvp(program, [x], [1]).tangent[0]!);
    const steps = Array.from({ length: 131 }, (_, i) => 10 ** (i / 10 - 14));
    const values = steps.flatMap((h) => {
      const { forward, central } = differenceQuotients(f, x, h);
      return [forward, central].map((estimate, i) => ({ h: round(h), error: error(estimate), method: METHODS[i]! }));
    });
    // Errors near the best step are rounding, other ones on another machine: the power of ten above all of them is not.
    const around = (method: string, best: number) => {
      const near = values.filter((row) => row.method === method && row.h > best / 3 && row.h < best * 3);
      return `${10 ** Math.ceil(Math.log10(Math.max(...near.map((row) => row.error))))} near h = ${formatNumber(best, 1)}`;
    };
    const [forward, central] = [around(METHODS[0]!, 2 ** -26), around(METHODS[1]!, Math.cbrt(2 ** -52))];
    for (const h of [steps[0]!, steps.at(-1)!]) values.push({ h: round(h), error: byDual, method: METHODS[2]! });
    const scale = { type: "log" as const };
    return {
      $schema: SCHEMA,
      description:
        `Relative error of the derivative of ${name} at ${formatNumber(x)} against the step h, both axes logarithmic: two V shapes. ` +
        `The forward difference errs by less than ${forward}, the central one by less than ${central}; the dual number has error ` +
        `${byDual > 1e-17 ? formatNumber(byDual, 1) : "0, drawn at 1e-17"}.`,
      title: {
        text: `Derivative of ${name} at x = ${formatNumber(x)}`,
        subtitle: "against the formula by hand; an error of 0 is drawn at 1e-17",
        fontSize: 13,
      },
      width: 480,
      height: 280,
      data: { values },
      mark: { type: "line", strokeWidth: 2, clip: true },
      encoding: {
        x: {
          field: "h",
          type: "quantitative",
          scale: { ...scale, domain: [1e-14, 0.1] },
          axis: { title: "step h", format: ".0e", tickCount: 7 },
        },
        y: {
          field: "error",
          type: "quantitative",
          scale: { ...scale, domain: [1e-18, 1] },
          axis: { title: "relative error", format: ".0e", values: [1e-16, 1e-12, 1e-8, 1e-4, 1] },
        },
        ...byMethod("method", METHODS),
      },
    };
  },
);

/** Colour and dashes of up to three lines. */
function byMethod(field: string, domain: readonly string[]) {
  const kind = {
    field,
    type: "nominal" as const,
    legend: { title: null, orient: "bottom" as const, symbolType: "stroke", symbolSize: 300 },
  };
  const dashes = [
    [1, 0],
    [7, 3],
    [2, 2],
  ];
  return {
    color: { ...kind, scale: { domain: [...domain], range: [VERMILION, BLUE, GREEN].slice(0, domain.length) } },
    strokeDash: { ...kind, scale: { domain: [...domain], range: dashes.slice(0, domain.length) } },
  };
}

/** A penalised logistic regression: the objective as a program, and its derivatives by hand. */
export interface PenalisedLogistic {
  /** Σ log(1 + exp(−yᵢ(Zw)ᵢ)) + ½λ‖w‖², without w₀ in the penalty; yᵢ = ±1 */
  readonly program: Program;
  readonly value: (w: ArrayLike<number>) => number;
  readonly gradient: (w: ArrayLike<number>) => Float64Array;
  readonly hessian: (w: ArrayLike<number>) => Matrix;
  /** samples × (1 + features): a column of ones, then features of mean 0 and (population) standard deviation 1 */
  readonly design: Matrix;
  /** λ_max(ZᵀZ)/4 + λ: no curvature is larger, since the slope of 1/(1 + e⁻ᶻ) is at most ¼ */
  readonly curvature: number;
}

/** The breast-cancer data, 569×30: is a mass benign? */
export function breastCancerProblem(lambda: number): PenalisedLogistic {
  const { x, target } = loadBreastCancer();
  const n = target.length;
  const columns = toRows(transpose(x)).map((values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    const deviation = norm(values.map((value) => value - mean)) / Math.sqrt(n);
    return values.map((value) => (value - mean) / deviation);
  });
  const zt = matrix([new Float64Array(n).fill(1), ...columns]);
  const z = matrix(toRows(transpose(zt)));
  const y = Float64Array.from(target, (t) => (t === 1 ? 1 : -1));
  const penalty = new Float64Array(z.shape[1]!).fill(lambda);
  penalty[0] = 0;
  const margins = (w: ArrayLike<number>) => matvec(z, w).map((zi, i) => zi * y[i]!);
  const wrong = (margin: number) => 1 / (1 + Math.exp(margin)); // probability of the other class
  const loss = (margin: number) => Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
  return {
    design: z,
    curvature: eigSymmetric(matmul(zt, z)).values.at(-1)! / 4 + lambda,
    program: (w, { add, mul, sum, square, softplus, matmul, neg }) => {
      const losses = softplus(neg(mul(y, matmul(z, w))));
      return add(sum(losses), mul(0.5, sum(mul(penalty, square(w)))));
    },
    value: (w) =>
      margins(w).reduce((sum, margin) => sum + loss(margin), 0) +
      penalty.reduce((sum, p, j) => sum + 0.5 * p * w[j]! ** 2, 0),
    gradient(w) {
      const residuals = margins(w).map((margin, i) => -y[i]! * wrong(margin));
      return matvec(zt, residuals).map((sum, j) => sum + penalty[j]! * w[j]!);
    },
    hessian(w) {
      const weights = margins(w).map((margin) => wrong(margin) * (1 - wrong(margin)));
      const h = matmul(matrix(toRows(zt).map((row) => row.map((value, i) => value * weights[i]!))), z);
      for (const [j, p] of penalty.entries()) h.set(j, j, h.get(j, j) + p);
      return h;
    },
  };
}

/** Length of the gradient after each step of Newton's method and of gradient descent, on the breast-cancer data. */
export const newtonAndDescent = figure(
  "Newton's method and gradient descent",
  {
    lambda: { label: "penalty λ", min: 0.2, max: 5, step: 0.2, value: 1 },
    steps: { label: "steps of gradient descent", min: 50, max: 500, step: 50, value: 300 },
  },
  ({ lambda, steps }): TopLevelSpec => {
    const { value, gradient, hessian, design, curvature } = breastCancerProblem(lambda);
    const start = new Float64Array(design.shape[1]!);
    const tolerance = 1e-10;
    const newton = [...newtonSteps(value, gradient, hessian, start, { tolerance })];
    const descent = [...sgdMomentumSteps(gradient, start, { lr: 1 / curvature, momentum: 0, steps })];
    const names = ["Newton's method", "gradient descent"];
    const point = (step: number, gradientNorm: number, i: number) => ({
      evaluations: step + 1,
      gradientNorm: round(gradientNorm),
      method: names[i]!,
    });
    const values = [
      ...newton.map(({ iteration, gradientNorm }) => point(iteration, gradientNorm, 0)),
      ...descent.slice(1).map(({ t, grad }) => point(t - 1, norm(grad), 1)), // a state holds the gradient that led to it
    ];
    const [last, slow] = [newton.at(-1)!, values.at(-1)!];
    return {
      $schema: SCHEMA,
      description:
        `Length of the gradient of a logistic regression (569 masses, 31 weights, penalty λ = ${formatNumber(lambda)}) against the number of ` +
        `gradients computed, both axes logarithmic. Newton's method bends down ever faster, below ${tolerance} after ` +
        `${last.iteration} steps; gradient descent creeps, and has ${formatNumber(slow.gradientNorm, 2)} after ${steps - 1}.`,
      title: {
        text: `Logistic regression on the breast-cancer data, λ = ${formatNumber(lambda)}`,
        subtitle: `‖∇f‖ after ${last.iteration} Newton steps: below ${tolerance}; after ${steps - 1} of descent: ${formatNumber(slow.gradientNorm, 2)}`,
        fontSize: 13,
      },
      width: 480,
      height: 280,
      data: { values },
      mark: { type: "line", strokeWidth: 2.5, point: { size: 20 } },
      encoding: {
        x: {
          field: "evaluations",
          type: "quantitative",
          scale: { type: "log", domain: [1, 600] },
          axis: { title: "gradients computed", values: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
        },
        y: {
          field: "gradientNorm",
          type: "quantitative",
          scale: { type: "log" },
          axis: { title: "length of the gradient", format: ".0e" },
        },
        ...byMethod("method", names),
      },
    };
  },
);

export const figures = { errorOfDifferences, newtonAndDescent };

const round = (value: number) => Number(value.toPrecision(4));
