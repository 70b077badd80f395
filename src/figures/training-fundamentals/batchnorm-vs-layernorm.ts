/** Figures of normalisation: which numbers share a mean, how noisy a batch's statistics are, what depth does. */
import type { TopLevelSpec } from "vega-lite";
import {
  type Batch,
  batchNorm,
  groupNorm,
  layerNorm,
  normBackward,
  normPlacement,
  rmsNorm,
} from "../../demos/training-fundamentals/batchnorm-vs-layernorm.js";
import { figure } from "../../lib/figure.js";
import { imagesOver } from "../../lib/images.js";
import { matrixOver } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
// Okabe and Ito's colours, told apart by colour-blind readers.
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#D0D0D0"];
const [C, P] = [6, 4]; // channels, pixels of 2×2 images

/**
 * A batch of images, a cell for each number. Which of them share statistics with the marked one is not drawn by hand: these
 * are the ones on which its output depends, by the derivative.
 */
export const axesFigure = figure(
  "Which numbers share a mean and a variance",
  {
    norm: { label: "norm", options: ["batch", "layer", "RMS", "instance", "group"], value: "group" },
    groups: { label: "groups of channels (group norm)", options: ["2", "3"], value: "2" },
    batch: { label: "examples in the batch", min: 1, max: 6, step: 1, value: 4 },
    example: { label: "example looked at (if it is there)", min: 0, max: 5, step: 1, value: 1 },
    channel: { label: "channel looked at", min: 0, max: C - 1, step: 1, value: 2 },
  },
  ({ norm, groups, batch: N, example, channel }): TopLevelSpec => {
    const n = Math.min(example, N - 1);
    const { normal } = random(0);
    const x = imagesOver(Float64Array.from({ length: N * P * C }, normal), [N, 2, 2, C]);
    const norms: Readonly<Record<string, (x: Batch) => ReturnType<typeof layerNorm>>> = {
      batch: batchNorm,
      layer: layerNorm,
      RMS: rmsNorm,
      instance: (x) => groupNorm(x, C),
      group: (x) => groupNorm(x, Number(groups)),
    };
    const one = imagesOver(new Float64Array(x.size), x.shape);
    one.set(n, 0, 0, channel, 1);
    const { dx } = normBackward(one, norms[norm]!(x).cache);
    const values = Array.from(dx.data, (derivative, at) => {
      const [i, pixel, c] = [Math.floor(at / (P * C)), Math.floor(at / C) % P, at % C];
      const looked = i === n && pixel === 0 && c === channel;
      const kind = looked ? "the number looked at" : derivative !== 0 ? "standardised with it" : "others";
      return { column: c * (P + 1) + pixel, example: i, kind };
    });
    const count = values.filter(({ kind }) => kind !== "others").length;
    const which = norm === "group" ? `group norm, ${groups} groups` : `${norm} norm`;
    return {
      $schema: SCHEMA,
      description:
        `A batch of ${N} examples with ${C} channels of ${P} pixels. Marked are the ${count} numbers that share their ` +
        `statistics with a pixel in channel ${channel} of example ${n} under ${which}.`,
      title: { text: `${which}: ${count} of ${values.length} numbers share their statistics`, anchor: "middle" },
      width: 560,
      height: 40 * N + 10,
      data: { values },
      mark: { type: "rect", stroke: "white" },
      encoding: {
        x: {
          field: "column",
          type: "ordinal",
          axis: { title: `${C} channels of ${P} pixels each`, labels: false, ticks: false },
        },
        y: { field: "example", type: "ordinal", axis: { title: "example" } },
        color: {
          field: "kind",
          type: "nominal",
          scale: { domain: ["the number looked at", "standardised with it", "others"], range: [BLUE, VERMILION, GREY] },
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
    const evaluation = batchNorm(matrixOver(Float64Array.of(1), 1, 1), { training: false }).y.get(0, 0);
    const deviation = Math.sqrt(outputs.reduce((s, y) => s + (y - mean) ** 2, 0) / 200);
    return {
      $schema: SCHEMA,
      description:
        `Histogram of what batch norm makes of the value 1 in 200 batches of ${size}, the others standard normal: mean ` +
        `${mean.toFixed(2)}, standard deviation ${deviation.toFixed(2)}. In evaluation it is always ${evaluation.toFixed(2)}.`,
      title: {
        text: `Batches of ${size}: ${mean.toFixed(2)} ± ${deviation.toFixed(2)} for the same input`,
        anchor: "middle",
      },
      width: 520,
      height: 240,
      layer: [
        {
          data: { values: outputs.map((output) => ({ output })) },
          mark: { type: "bar", color: BLUE },
          encoding: {
            x: {
              field: "output",
              type: "quantitative",
              bin: { step: 0.1, extent: [-3, 4] },
              axis: { title: "output for the input 1; dashed: in evaluation" },
            },
            y: { aggregate: "count", type: "quantitative", axis: { title: "batches" } },
          },
        },
        {
          data: { values: [{ evaluation }] },
          mark: { type: "rule", color: VERMILION, strokeWidth: 2, strokeDash: [6, 3] },
          encoding: { x: { field: "evaluation", type: "quantitative" } },
        },
      ],
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
      $schema: SCHEMA,
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
        strokeDash: {
          field: "placement",
          type: "nominal",
          scale: {
            domain: ["pre", "post"],
            range: [
              [1, 0],
              [6, 3],
            ],
          },
          legend: { title: "norm", orient: "bottom", symbolType: "stroke", symbolSize: 400 },
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
