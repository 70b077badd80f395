/** Figures of the activations: the function and its slope under a Gaussian, and the size of a signal through many layers. */
import type { TopLevelSpec } from "vega-lite";
import {
  type ActivationName,
  activations,
  gaussianMoments,
  varianceMapSteps,
} from "../../demos/deep-learning-foundations/activation-functions.js";
import { figure } from "../../lib/figure.js";

// Okabe and Ito's blue and vermilion; grey for the Gaussian.
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#999999"];
const names = Object.keys(activations);
const choice = { label: "activation", options: names, value: "gelu" } as const;
const short = (x: number) => Number(x.toPrecision(3));

/** f and f′ of a chosen activation, over the density of its input. */
export const activationFigure = figure(
  "An activation, its slope, and the Gaussian that meets it",
  {
    activation: choice,
    deviation: { label: "standard deviation s of the input", min: 0.2, max: 3, step: 0.1, value: 1 },
  },
  ({ activation, deviation }): TopLevelSpec => {
    const name = activation as ActivationName;
    const { f, df } = activations[name];
    const { mean, second, slopeSecond } = gaussianMoments(name, { variance: deviation ** 2 });
    const xs = Array.from({ length: 161 }, (_, i) => -4 + i / 20);
    const density = (x: number) => Math.exp(-0.5 * (x / deviation) ** 2);
    const values = xs.flatMap((x) => [
      { x, y: f(x), of: "f(x)" },
      { x, y: df(x), of: "slope f′(x)" },
    ]);
    const top = Math.max(...values.map(({ y }) => y));
    const low = Math.min(...values.map(({ y }) => y));
    const gaussian = xs.map((x) => ({ x, low: 0, high: Math.min(1, top) * density(x) }));
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `${name} and its slope from −4 to 4, over the bell of an input with standard deviation ${deviation}. There the mean ` +
        `output is ${short(mean)}, the mean square ${short(second)} and the mean squared slope ${short(slopeSecond)}; the ` +
        `slope runs from ${short(Math.min(...xs.map(df)))} to ${short(Math.max(...xs.map(df)))}.`,
      title: {
        text: `${name}: E f = ${short(mean)}, E f² = ${short(second)}, E f′² = ${short(slopeSecond)}`,
        subtitle: `for x ~ N(0, s²) with s = ${deviation}, drawn in grey`,
        anchor: "middle",
      },
      width: 560,
      height: 320,
      layer: [
        {
          data: { values: gaussian },
          mark: { type: "area", color: GREY, opacity: 0.25 },
          encoding: {
            x: { field: "x", type: "quantitative" },
            y: { field: "low", type: "quantitative" },
            y2: { field: "high" },
          },
        },
        {
          data: { values },
          mark: { type: "line", strokeWidth: 2 },
          encoding: {
            x: { field: "x", type: "quantitative", axis: { title: "x" }, scale: { domain: [-4, 4] } },
            y: {
              field: "y",
              type: "quantitative",
              axis: { title: "f(x), f′(x)" },
              scale: { domain: [Math.min(low, -0.3), top + 0.1] },
            },
            color: {
              field: "of",
              type: "nominal",
              scale: { domain: ["f(x)", "slope f′(x)"], range: [BLUE, VERMILION] },
              legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400 },
            },
          },
        },
      ],
    };
  },
);

/** Mean square of signal and gradient through the layers of a wide random network. */
export const depthFigure = figure(
  "Signal and gradient through many layers",
  {
    activation: { ...choice, value: "relu" },
    gain: { label: "gain: weights have variance gain²/n", min: 0.8, max: 2, step: 0.01, value: 1.41 },
  },
  ({ activation, gain }): TopLevelSpec => {
    const name = activation as ActivationName;
    const steps = [...varianceMapSteps(name, { gain, depth: 50 })];
    const clamp = (y: number) => Math.min(1e12, Math.max(1e-12, y));
    const values = steps.flatMap(({ layer, second, gradient }) => [
      { layer, y: clamp(second), of: "signal" },
      { layer, y: clamp(gradient), of: "gradient" },
    ]);
    const { second, gradient } = steps.at(-1)!;
    const own = gaussianMoments(name).gain;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Mean square of the signal and of the gradient through 50 layers of ${name} with gain ${gain}, logarithmic. After 50 ` +
        `layers the signal is ${second.toExponential(1)}, the gradient ${gradient.toExponential(1)}; the gain that keeps a ` +
        `signal of variance 1 is ${own.toFixed(3)}.`,
      title: {
        text: `${name} (${gain}): signal ${second.toExponential(1)}, gradient ${gradient.toExponential(1)} after 50`,
        subtitle: `its own gain is ${own.toFixed(3)}; beyond 1e±12 the lines are cut`,
        anchor: "middle",
      },
      width: 560,
      height: 300,
      data: { values },
      mark: { type: "line", strokeWidth: 2 },
      encoding: {
        x: { field: "layer", type: "quantitative", axis: { title: "layer" } },
        y: {
          field: "y",
          type: "quantitative",
          scale: { type: "log", domain: [1e-12, 1e12] },
          axis: { title: "mean square (relative)", format: ".0e", tickCount: 7 },
        },
        color: {
          field: "of",
          type: "nominal",
          scale: { domain: ["signal", "gradient"], range: [BLUE, VERMILION] },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 400 },
        },
      },
    };
  },
);

export const figures = { activationFigure, depthFigure };
