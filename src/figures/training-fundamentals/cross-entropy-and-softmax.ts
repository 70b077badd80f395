/** Figures of cross-entropy and softmax: what a logit does to the loss and its gradient, and what squared error loses. */
import type { TopLevelSpec } from "vega-lite";
import {
  binaryCrossEntropyWithLogits,
  crossEntropy,
  softmaxRegressionSteps,
} from "../../demos/training-fundamentals/cross-entropy-and-softmax.js";
import { figure } from "../../lib/figure.js";
import { matrix } from "../../lib/matrix.js";

// Okabe and Ito's blue and vermilion: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION] = ["#0072B2", "#D55E00"];

const logit = (k: number, value: number) => ({ label: `logit of class ${k}`, min: -6, max: 6, step: 0.1, value });

/** Logits → probabilities → gradient for three classes, with the label in another colour. */
export const lossAndGradient = figure(
  "From logits to probabilities, loss and gradient",
  {
    z0: logit(0, 1.8),
    z1: logit(1, 1.1),
    z2: logit(2, 0),
    label: { label: "label", options: ["0", "1", "2"], value: "1" },
    temperature: { label: "temperature", min: 0.25, max: 4, step: 0.05, value: 1 },
  },
  ({ z0, z1, z2, label, temperature }): TopLevelSpec => {
    const z = [z0, z1, z2];
    const result = crossEntropy(matrix([z.map((value) => value / temperature)]), [Number(label)]);
    const values = z.map((value, k) => ({
      class: String(k),
      role: String(k) === label ? "label" : "other class",
      logit: value,
      probability: result.probabilities.get(0, k),
      gradient: result.gradient.get(0, k) / temperature,
    }));
    const share = result.probabilities.get(0, Number(label));
    const list = (field: "logit" | "probability" | "gradient") => values.map((row) => round(row[field])).join(", ");
    const bars = (field: "logit" | "probability" | "gradient", title: string, domain: readonly [number, number]) => ({
      width: 145,
      height: 190,
      encoding: {
        x: { field: "class", type: "nominal" as const, axis: { title: "class", labelAngle: 0 } },
        y: {
          field,
          type: "quantitative" as const,
          scale: { domain: [...domain], nice: false },
          axis: { title, tickCount: 6 },
        },
      },
      layer: [
        {
          mark: { type: "bar" as const, width: 32 },
          encoding: {
            color: {
              field: "role",
              type: "nominal" as const,
              scale: { domain: ["label", "other class"], range: [VERMILION, BLUE] },
              legend: { title: null, orient: "bottom" as const },
            },
          },
        },
        {
          mark: { type: "text" as const, dy: { expr: `datum.${field} < 0 ? 9 : -8` }, fontSize: 11 },
          encoding: { text: { field, type: "quantitative" as const, format: ".3~f" } },
        },
      ],
    });
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Three bar charts. Logits ${list("logit")} at temperature ${temperature} give the probabilities ` +
        `${list("probability")}; with label ${label} the loss is ${round(result.loss)} nats and the gradient ${list("gradient")}.`,
      title: {
        text: `Loss ${round(result.loss)} = −ln ${round(share)}`,
        subtitle: "in nats; a step against the gradient lifts the label",
        anchor: "middle",
      },
      data: { values },
      hconcat: [
        bars("logit", "logit z", [-7.5, 7.5]),
        bars("probability", "probability p", [0, 1.1]),
        bars("gradient", "gradient ∂loss/∂z", [-1.2 / temperature, 1.2 / temperature]),
      ],
      spacing: 20,
    };
  },
);

/** Loss and gradient of cross-entropy and of squared error on a sigmoid, as the logit goes from −15 to 15. */
export const squaredErrorVersusCrossEntropy = figure(
  "Gradient of cross-entropy and of squared error on a sigmoid",
  {
    z: { label: "logit z", min: -15, max: 15, step: 0.5, value: -10 },
    label: { label: "label", options: ["0", "1"], value: "1" },
    scale: { label: "gradient axis", options: ["linear", "logarithmic"], value: "linear" },
  },
  ({ z, label, scale }): TopLevelSpec => {
    const y = Number(label);
    const row = (logit: number) => {
      const { loss, gradient, probabilities } = binaryCrossEntropyWithLogits([logit], [y]);
      const [error, p] = [gradient[0]!, probabilities[0]!];
      return [
        { z: logit, of: "cross-entropy", loss, gradient: Math.abs(error) },
        { z: logit, of: "squared error", loss: 0.5 * error ** 2, gradient: Math.abs(error) * p * (1 - p) },
      ];
    };
    const curves = Array.from({ length: 121 }, (_, i) => row(-15 + i / 4)).flat();
    const here = row(z);
    const panel = (field: "loss" | "gradient", title: string, axisScale: object) => ({
      width: 225,
      height: 210,
      encoding: {
        x: { field: "z", type: "quantitative" as const, axis: { title: "logit z" }, scale: { domain: [-15, 15] } },
        y: { field, type: "quantitative" as const, axis: { title, tickCount: 6 }, scale: axisScale },
        color: {
          field: "of",
          type: "nominal" as const,
          scale: { domain: ["cross-entropy", "squared error"], range: [BLUE, VERMILION] },
          legend: { title: null, orient: "bottom" as const, symbolType: "stroke", symbolSize: 400 },
        },
      },
      layer: [
        {
          mark: { type: "line" as const, strokeWidth: 2.5 },
          encoding: {
            strokeDash: {
              field: "of",
              type: "nominal" as const,
              scale: {
                domain: ["cross-entropy", "squared error"],
                range: [
                  [1, 0],
                  [6, 3],
                ],
              },
            },
          },
        },
        { data: { values: here }, mark: { type: "point" as const, filled: true, size: 70, opacity: 1 } },
      ],
    });
    const [ce, squared] = [here[0]!.gradient, here[1]!.gradient];
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Two line charts over logits from −15 to 15, label ${label}: loss and size of the gradient for cross-entropy and ` +
        `squared error on a sigmoid. At z = ${round(z)} the gradients are ${round(ce)} and ${round(squared)}.`,
      title: { text: `At z = ${round(z)}: gradient ${round(ce)} against ${round(squared)}`, anchor: "middle" },
      data: { values: curves },
      hconcat: [
        panel("loss", "loss: nats, or ½(p − y)²", { domain: [0, 15] }),
        panel(
          "gradient",
          "size of the gradient",
          scale === "linear" ? { domain: [0, 1] } : { type: "log", domain: [1e-14, 1] },
        ),
      ],
      spacing: 30,
    };
  },
);

/** Four separable points: the norm of w grows with the logarithm of the step, and its direction settles. */
export const separableNorm = figure(
  "Softmax regression on separable data never stops growing",
  {
    steps: { label: "steps", min: 100, max: 3000, step: 100, value: 3000 },
    lr: { label: "learning rate", min: 0.1, max: 1, step: 0.1, value: 0.5 },
  },
  ({ steps, lr }): TopLevelSpec => {
    const points = [
      [1, 0.5],
      [2, 1],
      [-1, 0.2],
      [-1.5, -1],
    ];
    const labels = [1, 1, 0, 0];
    const trace: { step: number; norm: number; angle: number }[] = [];
    for (const { step, weights } of softmaxRegressionSteps(matrix(points), labels, { lr, steps, intercept: false })) {
      if (step < 1 || (step < steps && step < (trace.at(-1)?.step ?? 0) * 1.12)) continue;
      const w = [weights.get(0, 1) - weights.get(0, 0), weights.get(1, 1) - weights.get(1, 0)] as const;
      trace.push({ step, norm: Math.hypot(...w), angle: (Math.atan2(w[1], w[0]) * 180) / Math.PI });
    }
    const last = trace.at(-1)!;
    const panel = (field: "norm" | "angle", title: string, limit: readonly object[]) => ({
      width: 225,
      height: 210,
      encoding: {
        x: {
          field: "step",
          type: "quantitative" as const,
          axis: { title: "step t", format: "~s", tickCount: 4 },
          scale: { type: "log" as const, domain: [1, steps] },
        },
        y: { field, type: "quantitative" as const, axis: { title, tickCount: 6 } },
      },
      layer: [
        { data: { values: [...limit] }, mark: { type: "line" as const, color: VERMILION, strokeDash: [6, 3] } },
        { data: { values: trace }, mark: { type: "line" as const, strokeWidth: 2.5, color: BLUE } },
      ],
    });
    // The line of slope 1 in ln t that ends where the trace ends, from where it leaves the axis.
    const slope = [Math.max(1, last.step * Math.exp(-last.norm)), last.step].map((step) => ({
      step,
      norm: last.norm + Math.log(step / last.step),
    }));
    const text = `After ${steps} steps: norm ${round(last.norm)}, ${round(last.angle)}° off the maximum margin`;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Two line charts over ${steps} steps. The norm of w reaches ${round(last.norm)} and still climbs, close to the slope ` +
        `of the logarithm; its direction is ${round(last.angle)} degrees from the maximum-margin direction.`,
      title: { text, subtitle: "dashed: the slope of ln t, and the maximum-margin direction", anchor: "middle" },
      hconcat: [
        panel("norm", "norm of w", slope),
        panel("angle", "angle of w, in degrees", [
          { step: 1, angle: 0 },
          { step: steps, angle: 0 },
        ]),
      ],
      spacing: 30,
    };
  },
);

export const figures = { lossAndGradient, squaredErrorVersusCrossEntropy, separableNorm };

/** Three digits, with a true minus sign. */
function round(value: number): string {
  const small = value !== 0 && Math.abs(value) < 1e-3;
  return (small ? value.toExponential(2) : String(Number(value.toPrecision(3)))).replaceAll("-", "−");
}
