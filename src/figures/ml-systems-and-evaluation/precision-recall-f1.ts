/** Figures of precision, recall and F_β against the threshold: on calibrated probabilities, and on tumours. */
import type { TopLevelSpec } from "vega-lite";
import { matmul } from "../../demos/linear-algebra/matrices-as-linear-maps.js";
import { countsAtThreshold } from "../../demos/ml-systems-and-evaluation/confusion-matrix.js";
import {
  bestThreshold,
  fromCounts,
  thresholdSweep,
} from "../../demos/ml-systems-and-evaluation/precision-recall-f1.js";
import { softmaxRegression } from "../../demos/training-fundamentals/cross-entropy-and-softmax.js";
import { loadBreastCancer } from "../../lib/breast-cancer.js";
import { figure } from "../../lib/figure.js";
import { column, matrix, toRows } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

const threshold = { label: "threshold", min: 0, max: 1, step: 0.01, value: 0.5 };
const beta = { label: "β", min: 0.5, max: 4, step: 0.5, value: 1 };

/** Probabilities u^rarity, u uniform: the prevalence is 1/(1 + rarity). */
export const againstThreshold = figure(
  "Precision, recall and F against the threshold",
  { threshold, beta, rarity: { label: "negatives per positive", min: 1, max: 20, step: 1, value: 1 } },
  ({ threshold, beta, rarity }): TopLevelSpec => {
    // Each probability p once as a positive of weight p, once as a negative of weight 1 − p: calibrated by construction.
    const p = Float64Array.from({ length: 1000 }, (_, i) => ((i + 0.5) / 1000) ** rarity);
    const sample = {
      yTrue: Array.from({ length: 2000 }, (_, i) => (i < 1000 ? 1 : 0)),
      scores: [...p, ...p],
      sampleWeight: [...p, ...p.map((value) => 1 - value)],
    };
    return sweep(sample, { threshold, beta, of: `Calibrated probabilities, negatives per positive: ${rarity}` });
  },
);

/** Malignant or benign? Logistic regression on a third of the masses, asked about another third. */
export const tumours = figure(
  "Thresholds on breast masses",
  { threshold, beta, copies: { label: "copies of each benign mass", min: 1, max: 50, step: 1, value: 1 } },
  ({ threshold, beta, copies }): TopLevelSpec => {
    const { yTrue, scores } = testedMasses();
    const sampleWeight = yTrue.map((malignant) => (malignant === 1 ? 1 : copies));
    const times = copies === 1 ? "" : `, benign ones counted ${copies} times`;
    return sweep({ yTrue, scores, sampleWeight }, { threshold, beta, of: `189 breast masses${times}` });
  },
);

export const figures = { againstThreshold, tumours };

/** Truth (1 malignant) and probability of the last 189 masses in a random order, by a model of the first 190. */
function testedMasses() {
  const { x, target } = loadBreastCancer();
  const largest = Array.from({ length: 30 }, (_, j) => Math.max(...column(x, j)));
  const order = Array.from(random(0).permutation(569));
  const features = (rows: readonly number[]) => matrix(rows.map((i) => largest.map((top, j) => x.get(i, j) / top)));
  const malignant = (rows: readonly number[]) => rows.map((i) => 1 - target[i]!);
  const [train, tested] = [order.slice(0, 190), order.slice(380)];
  const { weights, intercept } = softmaxRegression(features(train), malignant(train), { lr: 1, steps: 300 });
  const scores = toRows(matmul(features(tested), weights)).map(
    ([benign, ill]) => 1 / (1 + Math.exp(benign! + intercept[0]! - ill! - intercept[1]!)),
  );
  return { yTrue: malignant(tested), scores };
}

interface Sample {
  readonly yTrue: number[];
  readonly scores: number[];
  readonly sampleWeight: number[];
}

const COLOURS = { domain: ["precision", "recall", "F"], range: ["#0072B2", "#D55E00", "#333333"] };

/** Curves above, scores of both classes below, on one axis of thresholds. */
function sweep(
  { yTrue, scores, sampleWeight }: Sample,
  at: { threshold: number; beta: number; of: string },
): TopLevelSpec {
  const options = { beta: at.beta, sampleWeight };
  const { thresholds, precision, recall, fscore } = thresholdSweep(yTrue, scores, options);
  const best = bestThreshold(yTrue, scores, options);
  const chosen = fromCounts(countsAtThreshold(yTrue, scores, at.threshold, { sampleWeight }), {
    beta: at.beta,
    zeroDivision: Number.NaN,
  });
  const every = Math.ceil(thresholds.length / 250);
  const long = (threshold: number, line: { precision: number; recall: number; fscore: number }) =>
    (
      [
        ["precision", line.precision],
        ["recall", line.recall],
        ["F", line.fscore],
      ] as const
    )
      .filter(([, value]) => !Number.isNaN(value)) // nobody is called: no precision
      .map(([metric, value]) => ({ threshold, metric, value: Number(value.toFixed(4)) }));
  const curves = Array.from(thresholds, (t, m) => ({ t, m }))
    .filter(({ m }) => m % every === 0)
    .flatMap(({ t, m }) =>
      long(Number(t.toFixed(4)), { precision: precision[m]!, recall: recall[m]!, fscore: fscore[m]! }),
    );
  const bins = Array.from({ length: 40 }, (_, k) => ({
    truth: k < 20 ? "negative" : "positive",
    from: (k % 20) / 20,
    to: (k % 20) / 20 + 0.05,
    share: 0,
  }));
  const totals = [0, 1].map((label) => sampleWeight.reduce((sum, w, i) => sum + (yTrue[i] === label ? w : 0), 0));
  scores.forEach((score, i) => {
    const bin = bins[20 * yTrue[i]! + Math.min(19, Math.floor(score * 20))]!;
    bin.share += (100 * sampleWeight[i]!) / totals[yTrue[i]!]!;
  });
  const prevalence = totals[1]! / (totals[0]! + totals[1]!);
  const found = `F with β = ${at.beta} is best, ${best.fscore.toFixed(3)}, at ${best.threshold.toFixed(2)}`;
  const { precision: p, recall: r, fscore: f } = chosen;
  const here = `at ${at.threshold}: precision ${Number.isNaN(p) ? "undefined" : p.toFixed(3)}, recall ${r.toFixed(3)}, F ${f.toFixed(3)}`;
  const x = { field: "threshold", type: "quantitative", scale: { domain: [0, 1] as [number, number] } } as const;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    description: `${at.of}, prevalence ${(100 * prevalence).toFixed(1)} %. Curves against the threshold: ${found}; ${here}.`,
    title: {
      text: found,
      subtitle: [`${at.of}; prevalence ${(100 * prevalence).toFixed(1)} %`, here],
      anchor: "start",
    },
    vconcat: [
      {
        width: 520,
        height: 220,
        layer: [
          {
            data: { values: curves },
            mark: { type: "line", strokeWidth: 2.5, interpolate: "step-before" }, // constant between two scores
            encoding: {
              x: { ...x, title: null, axis: { labels: false } },
              y: { field: "value", type: "quantitative", title: "value (share)", scale: { domain: [0, 1] } },
              color: { field: "metric", type: "nominal", scale: COLOURS, legend: { title: null, orient: "right" } },
            },
          },
          {
            data: { values: [{ threshold: best.threshold }] },
            mark: { type: "rule", strokeDash: [6, 3], strokeWidth: 1.5 },
            encoding: { x },
          },
          {
            data: { values: [{ threshold: at.threshold }] },
            mark: { type: "rule", color: "#999999" },
            encoding: { x },
          },
          {
            data: { values: long(at.threshold, chosen) },
            mark: { type: "point", filled: true, size: 80, opacity: 1 },
            encoding: {
              x,
              y: { field: "value", type: "quantitative" },
              color: { field: "metric", type: "nominal", scale: COLOURS },
            },
          },
        ],
      },
      {
        width: 520,
        height: 90,
        data: { values: bins.map((bin) => ({ ...bin, share: Number(bin.share.toFixed(3)) })) },
        layer: [
          {
            mark: { type: "bar", opacity: 0.5 },
            encoding: {
              x: {
                field: "from",
                type: "quantitative",
                bin: { binned: true, step: 0.05 },
                title: "probability; threshold (dashed: best, grey: chosen)",
                scale: { domain: [0, 1] },
              },
              x2: { field: "to" },
              y: { field: "share", type: "quantitative", stack: null, title: "of the class (%)" },
              color: {
                field: "truth",
                type: "nominal",
                scale: { domain: ["negative", "positive"], range: ["#56B4E9", "#E69F00"] },
                legend: { title: "truth", orient: "right" },
              },
            },
          },
          {
            data: { values: [{ threshold: at.threshold }] },
            mark: { type: "rule", color: "#999999" },
            encoding: { x },
          },
        ],
      },
    ],
    resolve: { scale: { color: "independent" } },
  };
}
