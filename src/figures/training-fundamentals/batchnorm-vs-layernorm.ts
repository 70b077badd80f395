/** Figures of normalisation: which numbers share a mean, how noisy a batch's statistics are, what depth does. */
import type { TopLevelSpec } from "vega-lite";
import { batchNorm, normPlacement } from "../../demos/training-fundamentals/batchnorm-vs-layernorm.js";
import { figure } from "../../lib/figure.js";
import { matrixOver } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's blue and vermilion.
const [BLUE, VERMILION] = ["#0072B2", "#D55E00"];
const [N, C, P] = [4, 6, 4]; // examples, channels, pixels

/** Every cell is a number of a batch of images; those that are standardised together are marked. */
export const axesFigure = figure(
  "Which numbers share a mean and a variance",
  {
    norm: { label: "norm", options: ["batch", "layer", "instance", "group"], value: "group" },
    groups: { label: "groups of channels", options: ["2", "3"], value: "2" },
    example: { label: "example", min: 0, max: N - 1, step: 1, value: 1 },
    channel: { label: "channel", min: 0, max: C - 1, step: 1, value: 2 },
  },
  ({ norm, groups, example, channel }): TopLevelSpec => {
    const width = C / Number(groups);
    const together = (n: number, c: number) =>
      norm === "batch"
        ? c === channel
        : n === example &&
          (norm === "layer" ||
            (norm === "instance" ? c === channel : Math.floor(c / width) === Math.floor(channel / width)));
    const values = Array.from({ length: N * C * P }, (_, at) => {
      const [n, c, p] = [Math.floor(at / (C * P)), Math.floor(at / P) % C, at % P];
      return { column: c * (P + 1) + p, example: n, group: together(n, c) ? "standardised together" : "others" };
    });
    const count = values.filter(({ group }) => group === "standardised together").length;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `A batch of ${N} examples with ${C} channels of ${P} pixels. Marked are the ${count} numbers that share a mean and a ` +
        `variance with channel ${channel} of example ${example} under ${norm} norm${norm === "group" ? ` with ${groups} groups` : ""}.`,
      title: { text: `${norm} norm: ${count} of ${N * C * P} numbers share their statistics`, anchor: "middle" },
      width: 560,
      height: 170,
      data: { values },
      mark: { type: "rect", stroke: "white" },
      encoding: {
        x: {
          field: "column",
          type: "ordinal",
          axis: { title: `pixels, in ${C} channels`, labels: false, ticks: false },
        },
        y: { field: "example", type: "ordinal", axis: { title: "example" } },
        color: {
          field: "group",
          type: "nominal",
          scale: { domain: ["standardised together", "others"], range: [VERMILION, "#D0D0D0"] },
          legend: { title: null, orient: "bottom", labelLimit: 250 },
        },
      },
    };
  },
);

/** Output of one and the same example in 200 random batches. */
export const noiseFigure = figure(
  "One example in many batches",
  { batch: { label: "examples in the batch", options: ["2", "4", "8", "32", "128"], value: "8" } },
  ({ batch }): TopLevelSpec => {
    const size = Number(batch);
    const { normal } = random(1);
    const outputs = Array.from({ length: 200 }, () => {
      const values = Float64Array.from({ length: size }, (_, i) => (i === 0 ? 1 : normal()));
      return batchNorm(matrixOver(values, size, 1)).y.get(0, 0);
    });
    const mean = outputs.reduce((a, b) => a + b) / 200;
    const deviation = Math.sqrt(outputs.reduce((s, y) => s + (y - mean) ** 2, 0) / 200);
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Histogram of what batch norm makes of the value 1 in 200 batches of ${size}, the others standard normal: mean ` +
        `${mean.toFixed(2)}, standard deviation ${deviation.toFixed(2)}. In evaluation it would always be 1.`,
      title: {
        text: `Batches of ${size}: ${mean.toFixed(2)} ± ${deviation.toFixed(2)} for the same input`,
        anchor: "middle",
      },
      width: 520,
      height: 240,
      data: { values: outputs.map((output) => ({ output })) },
      mark: { type: "bar", color: BLUE },
      encoding: {
        x: {
          field: "output",
          type: "quantitative",
          bin: { step: 0.1, extent: [-3, 4] },
          axis: { title: "output for the input 1" },
        },
        y: { aggregate: "count", type: "quantitative", axis: { title: "batches" } },
      },
    };
  },
);

/** The residual stream and the gradients of its weights, norm before or after. */
export const placementFigure = figure(
  "Norm before the sublayer, or after the sum",
  {
    depth: { label: "sublayers", min: 4, max: 32, step: 4, value: 24 },
    seed: { label: "seed", min: 0, max: 5, step: 1, value: 0 },
  },
  ({ depth, seed }): TopLevelSpec => {
    const runs = (["pre", "post"] as const).map((placement) => ({
      placement,
      ...normPlacement({ depth, width: 64, placement, seed }),
    }));
    const values = runs.flatMap(({ placement, gradNorms }) =>
      Array.from(gradNorms, (gradient, l) => ({ sublayer: l + 1, gradient, placement })),
    );
    const [pre, post] = runs.map(({ gradNorms }) => gradNorms.at(-1)!);
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Gradient norm of each of ${depth} random linear sublayers of width 64. With the norm before, the last has ` +
        `${pre!.toFixed(1)} and the stream grows to ${runs[0]!.variances.at(-1)!.toFixed(1)}; with the norm after the sum the ` +
        `last has ${post!.toFixed(1)}, and the identity path is scaled by ${runs[1]!.skipGain.toExponential(1)}.`,
      title: {
        text: `Last sublayer: ${pre!.toFixed(1)} with pre-norm, ${post!.toFixed(1)} with post-norm`,
        anchor: "middle",
      },
      width: 540,
      height: 260,
      data: { values },
      mark: { type: "line", point: true },
      encoding: {
        x: { field: "sublayer", type: "quantitative", axis: { title: "sublayer", tickMinStep: 1 } },
        y: {
          field: "gradient",
          type: "quantitative",
          scale: { type: "log" },
          axis: { title: "norm of the weights' gradient" },
        },
        color: {
          field: "placement",
          type: "nominal",
          scale: { domain: ["pre", "post"], range: [BLUE, VERMILION] },
          legend: { title: "norm", orient: "bottom", symbolType: "stroke", symbolSize: 400 },
        },
      },
    };
  },
);

export const figures = { axesFigure, noiseFigure, placementFigure };
