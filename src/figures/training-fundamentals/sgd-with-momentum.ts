/** Momentum in a narrow valley with its roots in the complex plane; the noise it leaves; a function on which it cycles. */
import type { TopLevelSpec } from "vega-lite";
import {
  COUNTEREXAMPLE,
  momentumSpectrum,
  nesterovSteps,
  optimalHeavyBall,
  sgdMomentumSteps,
  stationaryVariance,
} from "../../demos/training-fundamentals/sgd-with-momentum.js";
import { figure } from "../../lib/figure.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
// Okabe and Ito's colours, told apart by colour-blind readers; shapes and dashes tell them apart in print.
const [BLUE, VERMILION, GREEN, GREY] = ["#0072B2", "#D55E00", "#009E73", "#777777"];
const [X0, Y0] = [9, 2.5];

/** Three digits, with a true minus sign. */
function round(value: number): string {
  const size = Math.abs(value);
  const text =
    value !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replaceAll("-", "−");
}

const clipped = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value));

/** A path over the contours of ½(x² + κy²), and the roots of its two directions in the complex plane. */
export const valleyFigure = figure(
  "Momentum in a valley, and its roots",
  {
    lr: { label: "learning rate η", min: 0.005, max: 0.2, step: 0.005, value: 0.05 },
    momentum: { label: "momentum β", min: 0, max: 0.98, step: 0.02, value: 0.8 },
    kappa: { label: "condition number κ", min: 1, max: 40, step: 1, value: 20 },
    method: { label: "method", options: ["heavy ball", "Nesterov"], value: "heavy ball" },
  },
  ({ lr, momentum, kappa, method }): TopLevelSpec => {
    const nesterov = method === "Nesterov" && momentum > 0;
    const curvatures = [1, kappa];
    const gradient = (x: Float64Array) => x.map((xi, i) => curvatures[i]! * xi);
    const states = [...sgdMomentumSteps(gradient, [X0, Y0], { lr, momentum, nesterov, steps: 60 })];
    const path = states.map(({ t, x }) => ({ t, x: clipped(x[0]!, 20), y: clipped(x[1]!, 20) }));
    const contours = [1, 4, 12, 24, 40, 60].flatMap((level) =>
      Array.from({ length: 61 }, (_, i) => {
        const angle = (2 * Math.PI * i) / 60;
        const [a, b] = [Math.sqrt(2 * level), Math.sqrt((2 * level) / kappa)];
        return { level, i, x: a * Math.cos(angle), y: b * Math.sin(angle) };
      }),
    );
    const spectra = curvatures.map((curvature) => momentumSpectrum({ lr, momentum, curvature, nesterov }));
    const names = ["of x", "of y"];
    const roots = spectra.flatMap(({ roots }, i) =>
      roots.map(({ re, im }) => ({ direction: names[i]!, re: clipped(re, 1.9), im })),
    );
    const outside = spectra.some(({ roots }) => roots.some(({ re }) => Math.abs(re) > 1.9));
    const circle = (radius: number, kind: string) =>
      Array.from({ length: 61 }, (_, i) => {
        const angle = (2 * Math.PI * i) / 60;
        return { kind, i, re: radius * Math.cos(angle), im: radius * Math.sin(angle) };
      });
    const circles = [...circle(1, "1"), ...circle(Math.sqrt(momentum), "√β")];
    const radius = Math.max(...spectra.map(({ spectralRadius }) => spectralRadius));
    const loss = ({ x }: { x: Float64Array }) => 0.5 * (x[0]! ** 2 + kappa * x[1]! ** 2);
    const [first, last] = [loss(states[0]!), loss(states.at(-1)!)];
    const title = `Spectral radius ${round(radius)}: ${radius < 1 ? "converges" : "does not converge"}`;
    const axis = (field: string, title: string, limit: number) => ({
      field,
      type: "quantitative" as const,
      scale: { domain: [-limit, limit] },
      axis: { title, grid: false, tickCount: 5 },
    });
    const [x, y] = [axis("x", "x, curvature 1", 11), axis("y", `y, curvature ${kappa}`, 4)];
    const [re, im] = [axis("re", "real part", 2), axis("im", "imaginary part", 1.25)];
    return {
      $schema: SCHEMA,
      title: {
        text: title,
        subtitle:
          `loss ${round(first)} at the start, ${round(last)} after ${states.length - 1} steps` +
          (outside ? "; a root beyond −1.9 is drawn there" : ""),
        anchor: "start",
      },
      description:
        `Path of ${method} with learning rate ${lr} and momentum ${momentum} in a valley of condition number ${kappa}, and ` +
        `the roots of its two directions: ${spectra.map(({ regime }, i) => `${names[i]}, ${regime}`).join(", ")}. ` +
        `The loss goes from ${round(first)} to ${round(last)}.`,
      hconcat: [
        {
          width: 290,
          height: 230,
          layer: [
            {
              data: { values: contours },
              mark: { type: "line", color: "#BBBBBB", strokeWidth: 1, clip: true },
              encoding: { x, y, detail: { field: "level" }, order: { field: "i" } },
            },
            {
              data: { values: path },
              mark: { type: "line", color: BLUE, strokeWidth: 1.5, clip: true, point: { color: BLUE, size: 18 } },
              encoding: { x, y, order: { field: "t" } },
            },
          ],
        },
        {
          width: 200,
          height: 125,
          layer: [
            {
              data: { values: circles },
              mark: { type: "line", color: GREY, strokeWidth: 1, clip: true },
              encoding: {
                x: re,
                y: im,
                order: { field: "i" },
                strokeDash: {
                  field: "kind",
                  type: "nominal",
                  scale: {
                    domain: ["1", "√β"],
                    range: [
                      [1, 0],
                      [4, 3],
                    ],
                  },
                  legend: { title: "circle of radius", orient: "bottom", symbolType: "stroke", symbolSize: 300 },
                },
              },
            },
            {
              data: { values: roots },
              mark: { type: "point", filled: true, size: 70, opacity: 0.9, clip: true },
              encoding: {
                x: re,
                y: im,
                color: {
                  field: "direction",
                  type: "nominal",
                  scale: { domain: names, range: [BLUE, VERMILION] },
                  legend: { title: "roots", orient: "bottom" },
                },
                shape: {
                  field: "direction",
                  type: "nominal",
                  scale: { domain: names, range: ["circle", "square"] },
                  legend: { title: "roots", orient: "bottom" },
                },
              },
            },
          ],
        },
      ],
      spacing: 20,
      resolve: { scale: { color: "independent", shape: "independent", strokeDash: "independent" } },
    };
  },
);

/** Stationary variance over the rate, for several momenta: against η, and against η/(1 − β). */
export const noiseFigure = figure(
  "Noise that momentum leaves",
  {
    curvature: { label: "curvature λ", min: 0.2, max: 4, step: 0.1, value: 1 },
    method: { label: "method", options: ["heavy ball", "Nesterov"], value: "heavy ball" },
    axis: {
      label: "horizontal axis",
      options: ["effective rate η/(1 − β)", "rate η"],
      value: "effective rate η/(1 − β)",
    },
  },
  ({ curvature, method, axis }): TopLevelSpec => {
    const nesterov = method === "Nesterov";
    const betas = [0, 0.5, 0.9, 0.99];
    const values = betas.flatMap((momentum) =>
      Array.from({ length: 81 }, (_, i) => {
        const at = 1e-3 * 1e4 ** (i / 80);
        const lr = axis === "rate η" ? at : at * (1 - momentum);
        const variance = stationaryVariance({ lr, momentum, curvature, noise: 1, nesterov });
        return { momentum: `β = ${momentum}`, at, variance };
      }).filter(({ variance }) => variance < 100),
    );
    const at = (momentum: number) =>
      round(stationaryVariance({ lr: 0.01 * (1 - momentum), momentum, curvature, noise: 1, nesterov }));
    const title = `At η/(1 − β) = 0.01: E[x²] = ${at(0)} for β = 0, ${at(0.9)} for β = 0.9`;
    const domain = betas.map((momentum) => `β = ${momentum}`);
    return {
      $schema: SCHEMA,
      title: {
        text: title,
        subtitle: `${method}, curvature ${curvature}, gradient noise of variance 1`,
        anchor: "start",
      },
      description:
        `Stationary variance of x over the ${axis}, for momenta 0, 0.5, 0.9 and 0.99; ${method}, curvature ${curvature}. ` +
        `${title}.`,
      width: 560,
      height: 260,
      data: { values },
      mark: { type: "line", strokeWidth: 2.5, clip: true },
      encoding: {
        x: {
          field: "at",
          type: "quantitative",
          scale: { type: "log", domain: [1e-3, 10] },
          axis: { title: axis, format: "~g", tickCount: 5 },
        },
        y: {
          field: "variance",
          type: "quantitative",
          scale: { type: "log", domain: [1e-4, 100] },
          axis: { title: "stationary variance E[x²]", format: "~g", tickCount: 6 },
        },
        color: {
          field: "momentum",
          type: "nominal",
          scale: { domain, range: [GREY, GREEN, BLUE, VERMILION] },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400 },
        },
        strokeDash: {
          field: "momentum",
          type: "nominal",
          scale: {
            domain,
            range: [
              [1, 0],
              [8, 3],
              [4, 2],
              [2, 2],
            ],
          },
        },
      },
    };
  },
);

/** Three methods on the function of curvatures 1 and 25 that makes the heavy ball cycle. */
export const cycleFigure = figure(
  "The heavy ball on a strongly convex function",
  {
    x0: { label: "start x₀", min: -4, max: 4, step: 0.1, value: 3.3 },
    momentum: { label: "momentum of the heavy ball", min: 0, max: 0.9, step: 0.02, value: 0.44 },
    steps: { label: "steps", min: 10, max: 60, step: 1, value: 30 },
  },
  ({ x0, momentum, steps }): TopLevelSpec => {
    const { gradient, mu, L } = COUNTEREXAMPLE;
    const { lr } = optimalHeavyBall({ mu, L });
    const runs = {
      "heavy ball": [...sgdMomentumSteps(gradient, [x0], { lr, momentum, steps })].map(({ x }) => x[0]!),
      Nesterov: [...nesterovSteps(gradient, [x0], { L, mu, steps })].map(({ x }) => x[0]!),
      "gradient descent": [...sgdMomentumSteps(gradient, [x0], { lr: 2 / (mu + L), momentum: 0, steps })].map(
        ({ x }) => x[0]!,
      ),
    };
    const domain = Object.keys(runs);
    const values = Object.entries(runs).flatMap(([method, xs]) => xs.map((x, t) => ({ method, t, x: clipped(x, 6) })));
    const end = (method: keyof typeof runs) => Math.max(...runs[method].slice(-3).map(Math.abs));
    const title = `Last 3 steps, |x| up to: heavy ball ${round(end("heavy ball"))}, Nesterov ${round(end("Nesterov"))}`;
    return {
      $schema: SCHEMA,
      title: {
        text: title,
        subtitle: `from x₀ = ${x0}; curvature 1 between 1 and 2, 25 elsewhere`,
        anchor: "start",
      },
      description:
        `x over ${steps} steps of the heavy ball, of Nesterov's method and of gradient descent from ${x0}. ${title}, ` +
        `gradient descent ${round(end("gradient descent"))}.`,
      width: 560,
      height: 250,
      data: { values },
      mark: { type: "line", strokeWidth: 2, point: { size: 25 }, clip: true },
      encoding: {
        x: {
          field: "t",
          type: "quantitative",
          scale: { domain: [0, steps] },
          axis: { title: "step t", tickCount: 10 },
        },
        y: { field: "x", type: "quantitative", scale: { domain: [-4, 4] }, axis: { title: "x" } },
        color: {
          field: "method",
          type: "nominal",
          scale: { domain, range: [VERMILION, BLUE, GREY] },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400 },
        },
        strokeDash: {
          field: "method",
          type: "nominal",
          scale: {
            domain,
            range: [
              [1, 0],
              [5, 3],
              [2, 2],
            ],
          },
        },
      },
    };
  },
);

export const figures = { valleyFigure, noiseFigure, cycleFigure };
