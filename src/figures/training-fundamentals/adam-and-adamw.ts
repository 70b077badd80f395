/** How long Adam's steps are under four kinds of gradients; paths of five optimizers over two landscapes. */
import type { TopLevelSpec } from "vega-lite";
import { adamSteps, lionSteps } from "../../demos/training-fundamentals/adam-and-adamw.js";
import { sgdMomentumSteps } from "../../demos/training-fundamentals/sgd-with-momentum.js";
import { figure } from "../../lib/figure.js";
import { random } from "../../lib/random.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
// Okabe and Ito's blue and vermilion: told apart by colour-blind readers; dashes tell them apart in print.
const [BLUE, VERMILION] = ["#0072B2", "#D55E00"];
const SOLID = [1, 0];
const DASHED = [6, 3];

/** Three digits, with a true minus sign. */
function round(value: number): string {
  const size = Math.abs(value);
  const text =
    value !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replaceAll("-", "−");
}

const rms = (x: Float64Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);

const STEPS = 300;
const COORDINATES = 300;

/** Root mean square of the step over the learning rate, step by step, with and without bias correction. */
export const stepLengthFigure = figure(
  "Length of Adam's step in learning rates",
  {
    gradients: {
      label: "gradients",
      options: ["constant", "pure noise", "one spike of 1000", "growing: the worst case"],
      value: "constant",
    },
    beta1: { label: "β1", min: 0, max: 0.95, step: 0.05, value: 0.9 },
    beta2: { label: "β2", min: 0.91, max: 0.999, step: 0.001, value: 0.999 },
  },
  ({ gradients, beta1, beta2 }): TopLevelSpec => {
    const names = ["with bias correction", "without"] as const;
    const run = (of: (typeof names)[number]) => {
      const { normal } = random(0);
      const at = (t: number) => {
        if (gradients === "pure noise") return Float64Array.from({ length: COORDINATES }, normal);
        if (gradients === "one spike of 1000") return [t === 50 ? 1000 : 1];
        return [gradients === "constant" ? 1 : (beta1 / beta2) ** (STEPS - 1 - t)];
      };
      const size = gradients === "pure noise" ? COORDINATES : 1;
      const options = { lr: 1, betas: [beta1, beta2], eps: 0, steps: STEPS, biasCorrection: of === names[0] } as const;
      const states = adamSteps((_, t) => at(t), new Float64Array(size), options);
      return Array.from(states, ({ t, update }) => ({ t, of, length: rms(update) }));
    };
    const curves = names.map(run);
    const [largest, uncorrected] = curves.map((curve) => Math.max(...curve.map(({ length }) => length)));
    const last = curves[0]!.at(-1)!.length;
    // Fewer points where the logarithmic axis draws them on top of each other; none for a gradient that has underflowed to 0.
    const values = curves.flat().filter(({ t, length }) => (t <= 60 || t % 5 === 0) && length > 0);
    return {
      $schema: SCHEMA,
      description:
        `Line chart over ${STEPS} steps under gradients of the kind "${gradients}", β1 = ${beta1}, β2 = ${beta2}: length of ` +
        `the step in learning rates. Corrected it is at most ${round(largest!)} and ends at ${round(last)}; without ` +
        `correction it reaches ${round(uncorrected!)}.`,
      title: {
        text: `Longest step: ${round(largest!)}·lr, without correction ${round(uncorrected!)}·lr`,
        subtitle: `after ${STEPS} steps: ${round(last)}·lr`,
        anchor: "start",
      },
      data: { values },
      width: 520,
      height: 240,
      mark: { type: "line", strokeWidth: 2, clip: true },
      encoding: {
        x: { field: "t", type: "quantitative", scale: { type: "log", domain: [1, STEPS] }, axis: { title: "step t" } },
        y: {
          field: "length",
          type: "quantitative",
          scale: { type: "log", domain: [0.003, 40] },
          axis: { title: "length of the step, in learning rates", values: [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30] },
        },
        color: {
          field: "of",
          type: "nominal",
          scale: { domain: [...names], range: [BLUE, VERMILION] },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400, labelLimit: 300 },
        },
        strokeDash: {
          field: "of",
          type: "nominal",
          scale: { domain: [...names], range: [SOLID, DASHED] },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400, labelLimit: 300 },
        },
      },
    };
  },
);

/** A function of two variables with its contours, and where a path starts. */
interface Landscape {
  readonly value: (x: number, y: number) => number;
  readonly gradient: (x: number, y: number) => readonly [number, number];
  readonly start: readonly [number, number];
  readonly levels: readonly number[];
  /** the two y at which the level is met at x; NaN where there is none */
  readonly contour: (level: number, x: number) => readonly [low: number, high: number];
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

const LANDSCAPES: Readonly<Record<string, Landscape>> = {
  "quadratic, curvatures 1 and 50": {
    value: (x, y) => 0.5 * (x * x + 50 * y * y),
    gradient: (x, y) => [x, 50 * y],
    start: [-4, 1.5],
    levels: [0.5, 2, 5, 12, 25, 50, 80],
    contour: (level, x) => {
      const high = Math.sqrt((2 * level - x * x) / 50);
      return [-high, high];
    },
    x: [-5, 5],
    y: [-2, 2],
  },
  Rosenbrock: {
    value: (x, y) => (1 - x) ** 2 + 100 * (y - x * x) ** 2,
    gradient: (x, y) => [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
    start: [-1.2, 1],
    levels: [0.3, 2, 10, 40, 120, 300],
    contour: (level, x) => {
      const half = Math.sqrt((level - (1 - x) ** 2) / 100);
      return [x * x - half, x * x + half];
    },
    x: [-2, 2],
    y: [-1, 3],
  },
};

const METHODS = ["Adam", "AMSGrad", "Lion", "gradient descent", "momentum 0.9"];

/** A path over contours, and the length of its steps in either coordinate; the loss may be multiplied by a constant. */
export const trajectoryFigure = figure(
  "Paths and steps of five optimizers",
  {
    optimizer: { label: "optimizer", options: METHODS, value: "Adam" },
    landscape: { label: "landscape", options: Object.keys(LANDSCAPES), value: "quadratic, curvatures 1 and 50" },
    logLr: { label: "log₁₀ of the learning rate", min: -4, max: 0, step: 0.1, value: -1 },
    beta2: { label: "β2 (Adam, AMSGrad, Lion)", min: 0.8, max: 0.999, step: 0.001, value: 0.99 },
    logEps: { label: "log₁₀ ε (Adam, AMSGrad)", min: -8, max: 2, step: 0.5, value: -8 },
    logScale: { label: "log₁₀ of the loss' factor", min: -3, max: 3, step: 1, value: 0 },
  },
  ({ optimizer, landscape, logLr, beta2, logEps, logScale }): TopLevelSpec => {
    const f = LANDSCAPES[landscape]!;
    const [lr, factor, steps] = [10 ** logLr, 10 ** logScale, 120];
    const gradient = (theta: ArrayLike<number>) => f.gradient(theta[0]!, theta[1]!).map((g) => factor * g);
    const visited = [f.start, ...pathOf(optimizer, gradient, f.start, { lr, beta2, eps: 10 ** logEps, steps })];
    // A path that leaves the picture is drawn as far as one step outside.
    const outside = visited.findIndex(([x, y]) => !(Math.abs(x) < 8 && Math.abs(y) < 8));
    const shown = (outside < 0 ? visited : visited.slice(0, outside)).map(([x, y], t) => ({ t, x, y }));
    const sizes = shown.slice(1).flatMap(({ t, x, y }, i) =>
      [
        { t, of: "x", size: Math.abs(x - shown[i]!.x) / lr },
        { t, of: "y", size: Math.abs(y - shown[i]!.y) / lr },
      ].filter(({ size }) => size > 0),
    );
    const contours = f.levels.flatMap((level) => {
      const xs = Array.from({ length: 161 }, (_, i) => f.x[0] + ((f.x[1] - f.x[0]) * i) / 160);
      const inside = xs.map((x) => [x, ...f.contour(level, x)] as const).filter(([, low]) => !Number.isNaN(low));
      const around = [...inside.map(([x, , high]) => [x, high]), ...inside.reverse().map(([x, low]) => [x, low])];
      return [...around, around[0]!].map(([x, y], i) => ({ level, i, x, y }));
    });
    const end = shown.at(-1)!;
    const [before, after] = [f.value(...f.start), f.value(end.x, end.y)];
    const left = outside >= 0 ? `leaves the picture in step ${outside}` : `loss ${round(before)} → ${round(after)}`;
    const axis = (field: "x" | "y", domain: readonly [number, number]) => ({
      field,
      type: "quantitative" as const,
      scale: { domain: [...domain], nice: false },
      axis: { title: field, grid: false, tickCount: 5 },
    });
    const [x, y] = [axis("x", f.x), axis("y", f.y)];
    return {
      $schema: SCHEMA,
      description:
        `Path of ${optimizer} on ${landscape}, learning rate ${round(lr)}, loss multiplied by ${factor}: ${left} in ` +
        `${shown.length - 1} steps. Beside it the length of each step in x and y, in learning rates.`,
      title: {
        text: `${optimizer}: ${left}`,
        subtitle: `${shown.length - 1} steps, loss multiplied by ${factor}`,
        anchor: "start",
      },
      hconcat: [
        {
          width: 285,
          height: 240,
          layer: [
            {
              data: { values: contours },
              mark: { type: "line", color: "#BBBBBB", strokeWidth: 1, clip: true },
              encoding: { x, y, detail: { field: "level" }, order: { field: "i" } },
            },
            {
              data: { values: shown },
              mark: { type: "line", color: BLUE, strokeWidth: 1.5, clip: true, point: { color: BLUE, size: 14 } },
              encoding: { x, y, order: { field: "t" } },
            },
          ],
        },
        {
          width: 205,
          height: 240,
          data: { values: sizes },
          mark: { type: "line", strokeWidth: 2, clip: true },
          encoding: {
            x: { field: "t", type: "quantitative", scale: { domain: [0, steps] }, axis: { title: "step t" } },
            y: {
              field: "size",
              type: "quantitative",
              scale: { type: "log", domain: [1e-5, 1e4] },
              axis: { title: "length of the step, in learning rates", format: "~g", tickCount: 5 },
            },
            color: {
              field: "of",
              type: "nominal",
              scale: { domain: ["x", "y"], range: [BLUE, VERMILION] },
              legend: { title: "coordinate", orient: "bottom", symbolType: "stroke", symbolSize: 400 },
            },
            strokeDash: {
              field: "of",
              type: "nominal",
              scale: { domain: ["x", "y"], range: [SOLID, DASHED] },
              legend: { title: "coordinate", orient: "bottom", symbolType: "stroke", symbolSize: 400 },
            },
          },
        },
      ],
      spacing: 30,
      resolve: { scale: { color: "independent", strokeDash: "independent" } },
    };
  },
);

/** The points after each step. */
function pathOf(
  optimizer: string,
  gradient: (theta: ArrayLike<number>) => number[],
  start: readonly [number, number],
  { lr, beta2, eps, steps }: { lr: number; beta2: number; eps: number; steps: number },
): [number, number][] {
  const pair = ([x, y]: Float64Array): [number, number] => [x!, y!];
  if (optimizer === "Lion") {
    return Array.from(lionSteps(gradient, start, { lr, betas: [0.9, beta2], steps }), ({ theta }) => pair(theta));
  }
  if (optimizer === "Adam" || optimizer === "AMSGrad") {
    const options = { lr, betas: [0.9, beta2], eps, amsgrad: optimizer === "AMSGrad", steps } as const;
    return Array.from(adamSteps(gradient, start, options), ({ theta }) => pair(theta));
  }
  const options = { lr, momentum: optimizer === "momentum 0.9" ? 0.9 : 0, steps };
  return Array.from(sgdMomentumSteps(gradient, start, options), ({ x }) => pair(x)).slice(1);
}

export const figures = { stepLengthFigure, trajectoryFigure };
