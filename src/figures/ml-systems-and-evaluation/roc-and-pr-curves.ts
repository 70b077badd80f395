/** Figures of ROC and precision-recall curves: one threshold seen three ways, and single measurements as scores. */
import type { TopLevelSpec } from "vega-lite";
import { binaryMetrics, binormalCounts } from "../../demos/ml-systems-and-evaluation/confusion-matrix.js";
import {
  averagePrecision,
  binormal,
  delong,
  precisionRecallCurve,
  prFromRoc,
  rocConvexHull,
  rocCurve,
} from "../../demos/ml-systems-and-evaluation/roc-and-pr-curves.js";
import { loadBreastCancer } from "../../lib/breast-cancer.js";
import { figure } from "../../lib/figure.js";
import { column } from "../../lib/matrix.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
/** Okabe and Ito's colours: told apart by colour-blind readers. */
const [BLUE, VERMILION, GREY, GREEN] = ["#0072B2", "#D55E00", "#777777", "#009E73"];
const unit = (): { domain: [number, number] } => ({ domain: [0, 1] });
const short = (value: number) => Number(value.toFixed(4));
const dashed = { type: "line" as const, strokeDash: [4, 4], color: GREY, strokeWidth: 1.5 };

/** Two bell curves with a threshold; the same threshold on the ROC and on the precision-recall curve. */
export const threeViews = figure(
  "One threshold, three views",
  {
    separation: { label: "separation (standard deviations)", min: 0, max: 4, step: 0.1, value: 2 },
    prevalence: { label: "prevalence (%)", min: 0.1, max: 50, step: 0.1, value: 10 },
    threshold: { label: "threshold", min: -2, max: 5, step: 0.1, value: 1 },
  },
  ({ separation, prevalence, threshold }): TopLevelSpec => {
    const pi = prevalence / 100;
    const { auc, averagePrecision, curve } = binormal({ d: separation, prevalence: pi });
    const at = binaryMetrics(binormalCounts({ threshold, separation, prevalence: pi }));
    const pr = prFromRoc(curve, pi);
    const densities = Array.from({ length: 111 }, (_, i) => short(-4 + i / 10)).flatMap((score) =>
      [
        { truth: "negative", mean: 0 },
        { truth: "positive", mean: separation },
      ].map(({ truth, mean }) => {
        return { truth, score, density: short(Math.exp(-((score - mean) ** 2) / 2) / Math.sqrt(2 * Math.PI)) };
      }),
    );
    const roc = Array.from(curve.fpr, (fpr, m) => ({ fpr: short(fpr), tpr: short(curve.tpr[m]!), m }));
    const values = Array.from(pr.recall, (recall, m) => ({
      recall: short(recall),
      precision: short(pr.precision[m]!),
      m,
    }));
    const text = `AUC ${auc.toFixed(3)}; average precision ${averagePrecision.toFixed(3)} at prevalence ${prevalence} %`;
    const subtitle =
      `at threshold ${threshold}: TPR ${at.sensitivity.toFixed(3)}, FPR ${at.fpr.toFixed(3)}, ` +
      `precision ${at.precision.toFixed(3)}`;
    const dot = { type: "point", filled: true, size: 110, opacity: 1, color: VERMILION } as const;
    return {
      $schema: SCHEMA,
      description:
        `Scores of two classes ${separation} standard deviations apart with a threshold, their ROC curve and their ` +
        `precision-recall curve. ${text}; ${subtitle}.`,
      title: { text, subtitle, anchor: "start" },
      vconcat: [
        {
          width: 560,
          height: 100,
          layer: [
            {
              data: { values: densities },
              mark: { type: "area", opacity: 0.35, line: { strokeWidth: 2 } },
              encoding: {
                x: { field: "score", type: "quantitative", title: "score", scale: { domain: [-4, 7], nice: false } },
                y: { field: "density", type: "quantitative", title: "density", stack: null },
                color: {
                  field: "truth",
                  type: "nominal",
                  scale: { domain: ["negative", "positive"], range: [BLUE, VERMILION] },
                  legend: { title: "truth", orient: "top-right" },
                },
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
          hconcat: [
            {
              width: 240,
              height: 240,
              title: "ROC",
              layer: [
                {
                  data: { values: roc },
                  mark: { type: "line", strokeWidth: 2.5, color: BLUE },
                  encoding: {
                    x: { field: "fpr", type: "quantitative", title: "false-positive rate", scale: unit() },
                    y: { field: "tpr", type: "quantitative", title: "true-positive rate", scale: unit() },
                    order: { field: "m" },
                  },
                },
                {
                  data: { values: [0, 1].map((fpr) => ({ fpr, tpr: fpr })) },
                  mark: dashed,
                  encoding: { x: { field: "fpr", type: "quantitative" }, y: { field: "tpr", type: "quantitative" } },
                },
                {
                  data: { values: [{ fpr: at.fpr, tpr: at.sensitivity }] },
                  mark: dot,
                  encoding: { x: { field: "fpr", type: "quantitative" }, y: { field: "tpr", type: "quantitative" } },
                },
              ],
            },
            {
              width: 240,
              height: 240,
              title: "precision-recall",
              layer: [
                {
                  data: { values },
                  mark: { type: "line", strokeWidth: 2.5, color: BLUE },
                  encoding: {
                    x: { field: "recall", type: "quantitative", title: "recall (true-positive rate)", scale: unit() },
                    y: { field: "precision", type: "quantitative", title: "precision", scale: unit() },
                    order: { field: "m" },
                  },
                },
                {
                  data: { values: [0, 1].map((recall) => ({ recall, precision: pi })) },
                  mark: dashed,
                  encoding: {
                    x: { field: "recall", type: "quantitative" },
                    y: { field: "precision", type: "quantitative" },
                  },
                },
                {
                  data: { values: [{ recall: at.sensitivity, precision: at.precision }] },
                  mark: dot,
                  encoding: {
                    x: { field: "recall", type: "quantitative" },
                    y: { field: "precision", type: "quantitative" },
                  },
                },
              ],
            },
          ],
          spacing: 40,
        },
      ],
      resolve: { scale: { color: "independent" }, legend: { color: "independent" } },
    };
  },
);

/** One measurement of a breast mass as the score for "malignant". */
export const measurements = figure(
  "A single measurement as a score",
  {
    score: {
      label: "score",
      options: ["mean radius", "mean texture", "mean smoothness", "mean fractal dimension", "worst concave points"],
      value: "mean radius",
    },
    copies: { label: "copies of each benign mass", min: 1, max: 50, step: 1, value: 1 },
  },
  ({ score, copies }): TopLevelSpec => {
    const { x, target, featureNames } = loadBreastCancer();
    const malignant = Array.from(target, (label) => 1 - label);
    const scores = column(x, featureNames.indexOf(score));
    const weight = { sampleWeight: malignant.map((label) => (label === 1 ? 1 : copies)) };
    const { auc, lower, upper } = delong(malignant, scores);
    const curve = rocCurve(malignant, scores, { ...weight, dropIntermediate: true });
    const hull = rocConvexHull(curve);
    const pr = precisionRecallCurve(malignant, scores, weight);
    const ill = malignant.filter((label) => label === 1).length;
    const prevalence = ill / (ill + (malignant.length - ill) * copies);
    const ap = averagePrecision(malignant, scores, weight);
    const points = (line: string, of: typeof curve) =>
      Array.from(of.fpr, (fpr, m) => ({ line, fpr: short(fpr), tpr: short(of.tpr[m]!), m }));
    const values = Array.from(pr.recall, (recall, m) => ({
      recall: short(recall),
      precision: short(pr.precision[m]!),
      m,
    }));
    const text = `${score}: AUC ${auc.toFixed(3)}, 95 % interval ${lower.toFixed(3)} to ${upper.toFixed(3)}`;
    const subtitle = `average precision ${ap.toFixed(3)} at prevalence ${(100 * prevalence).toFixed(1)} %`;
    return {
      $schema: SCHEMA,
      description:
        `ROC curve with its convex hull and precision-recall curve of 569 breast masses, the score for malignant being the ` +
        `${score}, each benign mass counted ${copies === 1 ? "once" : `${copies} times`}. ${text}; ${subtitle}.`,
      title: { text, subtitle, anchor: "start" },
      hconcat: [
        {
          width: 240,
          height: 240,
          layer: [
            {
              data: { values: [...points("curve", curve), ...points("hull", hull)] },
              mark: { type: "line", strokeWidth: 2 },
              encoding: {
                x: { field: "fpr", type: "quantitative", title: "false-positive rate", scale: unit() },
                y: { field: "tpr", type: "quantitative", title: "true-positive rate", scale: unit() },
                color: {
                  field: "line",
                  type: "nominal",
                  scale: { domain: ["curve", "hull"], range: [BLUE, GREEN] },
                  legend: { title: null, orient: "bottom-right" },
                },
                order: { field: "m" },
              },
            },
            {
              data: { values: [0, 1].map((fpr) => ({ fpr, tpr: fpr })) },
              mark: dashed,
              encoding: { x: { field: "fpr", type: "quantitative" }, y: { field: "tpr", type: "quantitative" } },
            },
          ],
        },
        {
          width: 240,
          height: 240,
          layer: [
            {
              data: { values },
              mark: { type: "line", strokeWidth: 2, color: BLUE, interpolate: "step-before" },
              encoding: {
                x: { field: "recall", type: "quantitative", title: "recall (true-positive rate)", scale: unit() },
                y: { field: "precision", type: "quantitative", title: "precision", scale: unit() },
                order: { field: "m" },
              },
            },
            {
              data: { values: [0, 1].map((recall) => ({ recall, precision: prevalence })) },
              mark: dashed,
              encoding: {
                x: { field: "recall", type: "quantitative" },
                y: { field: "precision", type: "quantitative" },
              },
            },
          ],
        },
      ],
      spacing: 40,
      resolve: { scale: { color: "independent" }, legend: { color: "independent" } },
    };
  },
);

export const figures = { threeViews, measurements };
