/** Figures of the confusion matrix: a threshold on two populations, the confused digits, and the cost of a threshold. */
import type { TopLevelSpec } from "vega-lite";
import { matmul } from "../../demos/linear-algebra/matrices-as-linear-maps.js";
import {
  binaryMetrics,
  binormalCounts,
  confusionMatrix,
  costOptimalThreshold,
  countsAtThreshold,
  expectedCost,
} from "../../demos/ml-systems-and-evaluation/confusion-matrix.js";
import { softmaxRegression } from "../../demos/training-fundamentals/cross-entropy-and-softmax.js";
import { loadDigits } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import { matrix, matrixOver, rowMajor, toRows } from "../../lib/matrix.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
/** Okabe and Ito's blue and vermilion: told apart by colour-blind readers, and by their lightness in print. */
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#777777"];

/** Scores of 10,000 people, a threshold, the four cells and the metrics. */
export const thresholdAndPrevalence = figure(
  "Four cells behind a threshold",
  {
    threshold: { label: "threshold", min: -2, max: 5, step: 0.1, value: 1.5 },
    prevalence: { label: "prevalence (%)", min: 0.1, max: 50, step: 0.1, value: 10 },
    separation: { label: "separation (standard deviations)", min: 0, max: 4, step: 0.1, value: 2.5 },
  },
  ({ threshold, prevalence, separation }): TopLevelSpec => {
    const people = 10_000;
    const shares = binormalCounts({ threshold, separation, prevalence: prevalence / 100 });
    const metrics = binaryMetrics(shares);
    const cells = [
      { truth: "positive", call: "positive", name: "TP", share: shares.tp },
      { truth: "positive", call: "negative", name: "FN", share: shares.fn },
      { truth: "negative", call: "positive", name: "FP", share: shares.fp },
      { truth: "negative", call: "negative", name: "TN", share: shares.tn },
    ].map((cell) => ({ ...cell, people: Math.round(cell.share * people) }));
    const counted = cells.map(({ name, people }) => ({ name, people, text: `${name} ${people.toLocaleString("en")}` }));
    const curve = Array.from({ length: 111 }, (_, i) => -4 + i / 10).flatMap((score) =>
      [
        { truth: "positive", mean: separation, share: prevalence / 100 },
        { truth: "negative", mean: 0, share: 1 - prevalence / 100 },
      ].map(({ truth, mean, share }) => {
        const density = (people * share * Math.exp(-((score - mean) ** 2) / 2)) / Math.sqrt(2 * Math.PI);
        return { truth, score: Number(score.toFixed(2)), density: Number(density.toFixed(2)) };
      }),
    );
    const shown = [
      { metric: "sensitivity", value: metrics.sensitivity },
      { metric: "specificity", value: metrics.specificity },
      { metric: "precision", value: metrics.precision },
      { metric: "accuracy", value: metrics.accuracy },
      { metric: "F1", value: metrics.f1 },
      { metric: "MCC", value: metrics.mcc },
    ];
    const color = {
      field: "truth",
      type: "nominal",
      scale: { domain: ["negative", "positive"], range: [BLUE, VERMILION] },
      legend: { title: "truth", orient: "bottom" },
    } as const;
    const list = shown.map(({ metric, value }) => `${metric} ${value.toFixed(3)}`).join(", ");
    return {
      $schema: SCHEMA,
      description:
        `Two bell curves of scores, ${prevalence} % of 10,000 people positive, ${separation} standard deviations apart, cut ` +
        `at ${threshold}: ${counted.map(({ text }) => text).join(", ")}. Bars: ${list}.`,
      title: {
        text: `Prevalence ${prevalence} %: precision ${metrics.precision.toFixed(2)}`,
        subtitle: `sensitivity ${metrics.sensitivity.toFixed(2)}, specificity ${metrics.specificity.toFixed(2)}`,
        anchor: "middle",
      },
      hconcat: [
        {
          width: 250,
          height: 200,
          layer: [
            {
              data: { values: curve },
              mark: { type: "area", opacity: 0.35, line: { strokeWidth: 2 } },
              encoding: {
                x: { field: "score", type: "quantitative", title: "score", scale: { domain: [-4, 7], nice: false } },
                y: { field: "density", type: "quantitative", title: "people per unit of score", stack: null },
                color,
              },
            },
            {
              data: { values: [{ score: threshold }] },
              mark: { type: "rule", strokeWidth: 2, strokeDash: [6, 3] },
              encoding: { x: { field: "score", type: "quantitative" } },
            },
          ],
        },
        {
          vconcat: [
            {
              width: 170,
              height: 80,
              data: { values: cells },
              encoding: {
                x: {
                  field: "call",
                  type: "nominal",
                  sort: ["positive", "negative"],
                  axis: { title: "called", orient: "top", labelAngle: 0 },
                },
                y: { field: "truth", type: "nominal", sort: ["positive", "negative"], axis: { title: "truth" } },
              },
              layer: [
                {
                  mark: { type: "rect", opacity: 0.35, stroke: "white", strokeWidth: 2 },
                  encoding: { color },
                },
                {
                  mark: { type: "text", fontSize: 13 },
                  encoding: { text: { field: "label", type: "nominal" } },
                  transform: [{ calculate: "datum.name + ' ' + format(datum.people, ',')", as: "label" }],
                },
              ],
            },
            {
              width: 170,
              height: 105,
              data: { values: shown },
              encoding: {
                y: { field: "metric", type: "nominal", sort: null, title: null },
                x: {
                  field: "value",
                  type: "quantitative",
                  title: "value",
                  scale: { domain: [0, 1.25] },
                  axis: { values: [0, 0.5, 1] },
                },
              },
              layer: [
                { mark: { type: "bar", color: GREY } },
                {
                  mark: { type: "text", align: "left", dx: 3 },
                  encoding: { text: { field: "value", type: "quantitative", format: ".2f" } },
                },
              ],
            },
          ],
          spacing: 12,
        },
      ],
      spacing: 24,
    };
  },
);

/** Softmax regression on the first half of the digits, asked about the second: what is taken for what. */
export const confusedDigits = figure(
  "Which digits are taken for which",
  {
    normalize: { label: "divide by", options: ["nothing", "row: true digit", "column: prediction"], value: "nothing" },
    steps: { label: "training steps", min: 5, max: 100, step: 5, value: 100 },
  },
  ({ normalize, steps }): TopLevelSpec => {
    const { truth, predicted } = secondHalf(steps);
    const by = normalize === "nothing" ? null : normalize.startsWith("row") ? "true" : "pred";
    const { matrix: C, labels } = confusionMatrix(truth, predicted, { normalize: by });
    const { matrix: counts } = confusionMatrix(truth, predicted);
    const rows = toRows(C);
    const cells = rows.flatMap((row, i) =>
      row.map((value, j) => ({
        truth: labels[i]!,
        predicted: labels[j]!,
        value,
        correct: i === j,
        text: value === 0 ? "" : by === null ? String(value) : String(Math.round(100 * value)),
      })),
    );
    const wrong = toRows(counts).flatMap((row, i) => row.map((count, j) => ({ i, j, count: i === j ? 0 : count })));
    const worst = wrong.reduce((a, b) => (b.count > a.count ? b : a));
    const errors = wrong.reduce((sum, { count }) => sum + count, 0);
    const largest = Math.max(...cells.map(({ correct, value }) => (correct ? 0 : value)));
    const axis = (field: string, title: string) => ({
      field,
      type: "ordinal" as const,
      axis: { title, labelAngle: 0 },
    });
    return {
      $schema: SCHEMA,
      description:
        `Confusion matrix of ${truth.length} digits after ${steps} training steps, rows true, cells in ` +
        `${by === null ? "counts" : by === "true" ? "percent of their row" : "percent of their column"}: ` +
        `${errors} errors, most often ${worst.i} taken for ${worst.j}, ${worst.count} times.`,
      title: {
        text: `${errors} errors among ${truth.length} digits`,
        subtitle: `most often: ${worst.i} taken for ${worst.j}, ${worst.count} times${by === null ? "" : "; cells in %"}`,
      },
      width: 400,
      height: 360,
      data: { values: cells },
      encoding: { x: axis("predicted", "predicted digit"), y: axis("truth", "true digit") },
      layer: [
        {
          mark: { type: "rect", stroke: "#cccccc" },
          encoding: {
            color: {
              condition: { test: "datum.correct", value: "#dddddd" },
              field: "value",
              type: "quantitative",
              scale: { range: ["white", VERMILION], interpolate: "rgb", domain: [0, largest] },
              legend: {
                title: by === null ? "errors" : "share",
                ...(by === null ? { tickMinStep: 1, format: "d" } : { format: ".0%" }),
              },
            },
          },
        },
        {
          mark: { type: "text" },
          encoding: {
            text: { field: "text", type: "nominal" },
            color: {
              condition: { test: `!datum.correct && datum.value > ${0.7 * largest}`, value: "white" },
              value: "black",
            },
          },
        },
      ],
    };
  },
);

/** Labels and predictions of the second half of the digits, by a regression trained on the first. */
function secondHalf(steps: number) {
  const { x, target } = loadDigits();
  const pixels = rowMajor(x).map((value) => value / 16);
  const half = 898;
  const train = matrixOver(pixels.slice(0, half * 64), half, 64);
  const test = matrixOver(pixels.slice(half * 64), target.length - half, 64);
  const { weights, intercept } = softmaxRegression(train, target.subarray(0, half), { lr: 0.5, steps });
  const predicted = toRows(matmul(test, weights)).map((logits) => {
    const shifted = logits.map((z, k) => z + intercept[k]!);
    return shifted.indexOf(Math.max(...shifted));
  });
  return { truth: target.slice(half), predicted };
}

/** Mean cost of thresholds on calibrated probabilities, uniform in (0, 1). */
export const costOfThreshold = figure(
  "What a threshold costs",
  {
    falseNegative: { label: "cost of a false negative", min: 1, max: 20, step: 1, value: 9 },
    falsePositive: { label: "cost of a false positive", min: 1, max: 20, step: 1, value: 1 },
  },
  ({ falseNegative, falsePositive }): TopLevelSpec => {
    // A sample of p = (i + ½)/500, each as a positive of weight p and a negative of weight 1 − p: calibrated by construction.
    const p = Float64Array.from({ length: 500 }, (_, i) => (i + 0.5) / 500);
    const both = { scores: [...p, ...p], sampleWeight: [...p, ...p.map((value) => 1 - value)] };
    const y = Array.from(both.scores, (_, i) => (i < 500 ? 1 : 0));
    const costs = matrix([
      [0, falseNegative],
      [falsePositive, 0],
    ]);
    const costAt = (t: number) => {
      const { tp, fn, fp, tn } = countsAtThreshold(y, both.scores, t, both);
      return expectedCost(
        matrix([
          [tp, fn],
          [fp, tn],
        ]),
        costs,
      );
    };
    const curve = Array.from({ length: 101 }, (_, i) => ({ threshold: i / 100, cost: costAt(i / 100) }));
    const best = costOptimalThreshold({ falsePositive, falseNegative });
    const marks = [
      { threshold: best, cost: costAt(best), name: "optimal" },
      { threshold: 0.5, cost: costAt(0.5), name: "one half" },
    ];
    const short = (value: number) => String(Number(value.toPrecision(3)));
    return {
      $schema: SCHEMA,
      description:
        `Mean cost against the threshold for calibrated probabilities, a false negative costing ${falseNegative} and a false ` +
        `positive ${falsePositive}: lowest, ${short(marks[0]!.cost)}, at ${short(best)}; ${short(marks[1]!.cost)} at 0.5.`,
      title: {
        text: `Best threshold ${short(best)}: cost ${short(marks[0]!.cost)}`,
        subtitle: `at 0.5: ${short(marks[1]!.cost)}`,
      },
      width: 440,
      height: 230,
      layer: [
        {
          data: { values: curve },
          mark: { type: "line", strokeWidth: 2.5, color: BLUE },
          encoding: {
            x: { field: "threshold", type: "quantitative", title: "threshold on the probability" },
            y: { field: "cost", type: "quantitative", title: "mean cost per case", scale: { zero: true } },
          },
        },
        {
          data: { values: marks },
          mark: { type: "point", filled: true, size: 110, opacity: 1 },
          encoding: {
            x: { field: "threshold", type: "quantitative" },
            y: { field: "cost", type: "quantitative" },
            color: {
              field: "name",
              type: "nominal",
              scale: { domain: ["optimal", "one half"], range: [VERMILION, GREY] },
              legend: { title: "threshold", orient: "bottom" },
            },
            shape: {
              field: "name",
              type: "nominal",
              scale: { domain: ["optimal", "one half"], range: ["circle", "diamond"] },
            },
          },
        },
      ],
    };
  },
);

export const figures = { thresholdAndPrevalence, confusedDigits, costOfThreshold };
