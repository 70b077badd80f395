/**
 * Precision, recall and F_β: the share of predicted positives that are positive, the share of positives that are found,
 * and their harmonic mean in which recall counts β times as much as precision.
 *
 * Follows Zachary C. Lipton, Charles Elkan, Balakrishnan Narayanaswamy, "Optimal Thresholding of Classifiers to Maximize
 * F1 Measure", 2014. https://arxiv.org/abs/1402.1892
 * Follows Juri Opitz, Sebastian Burst, "Macro F1 and Macro F1", 2019. https://arxiv.org/abs/1911.03347
 *
 * But:
 * - one label per sample, no multilabel tables;
 * - areas under the precision-recall curve belong to roc-and-pr-curves.
 */
import { checkInteger, checkNumber, checkVector } from "../../lib/check.js";
import type { Matrix } from "../../lib/matrix.js";
import { type BinaryCounts, oneVsRest, ratios, type ZeroDivisionOption } from "./confusion-matrix.js";

/** β and the value of 0/0. */
export interface FscoreOptions extends ZeroDivisionOption {
  /** β in [0, 1e100]: how many times as much recall counts as precision; 0 is precision itself; default 1 */
  readonly beta?: number;
}

/** What `fromCounts` returns: shares in [0, 1]. */
export interface Fscore {
  /** TP/(TP + FP) */
  readonly precision: number;
  /** TP/(TP + FN) */
  readonly recall: number;
  /** F_β */
  readonly fscore: number;
  /** metrics that were 0/0 */
  readonly undefinedMetrics: readonly string[];
}

/**
 * Precision, recall and F_β of counts. True negatives take no part.
 *
 * @throws {RangeError} a count or β outside [0, 1e100], or as `ratios`
 * @example
 * fromCounts({ tp: 90, fn: 10, fp: 40 }).fscore // 0.7826
 */
export function fromCounts(
  { tp, fn, fp }: Omit<BinaryCounts, "tn">,
  { beta = 1, zeroDivision }: FscoreOptions = {},
): Fscore {
  const caller = "fromCounts";
  for (const [name, value] of Object.entries({ tp, fn, fp, beta })) {
    checkNumber(caller, name, value, { min: 0, max: 1e100 }); // so that β² · count does not overflow
  }
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const b2 = beta * beta;
  const precision = ratio("precision", tp, tp + fp); // (1)
  const recall = ratio("recall", tp, tp + fn);
  const fscore = ratio("fscore", (1 + b2) * tp, (1 + b2) * tp + b2 * fn + fp); // (2)
  return { precision, recall, fscore, undefinedMetrics };
}

/**
 * The two numbers called macro F1.
 *
 * @param matrix K×K counts, rows true
 * @returns meanOfF1, the mean of the classes' F1 (scikit-learn's); f1OfMeans, the F1 of mean precision and mean recall; a
 *   class with 0/0 counts 0
 * @throws as `oneVsRest`
 */
export function macroF1(matrix: Matrix): { readonly meanOfF1: number; readonly f1OfMeans: number } {
  const classes = oneVsRest(matrix).map((cells) => fromCounts(cells));
  const mean = (name: "precision" | "recall" | "fscore") =>
    classes.reduce((sum, line) => sum + line[name], 0) / classes.length;
  const [p, r] = [mean("precision"), mean("recall")];
  return { meanOfF1: mean("fscore"), f1OfMeans: p + r === 0 ? 0 : (2 * p * r) / (p + r) };
}

/** What `thresholdSweep` returns: one entry per distinct score, descending. */
export interface ThresholdSweep {
  readonly thresholds: Float64Array;
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly fscore: Float64Array;
}

/**
 * Precision, recall and F_β of "score ≥ threshold" at every distinct score, by one sort.
 *
 * @param scores n finite scores
 * @param yTrue n labels 0 or 1
 * @throws {RangeError} no samples, lengths that differ, a score not finite, a label other than 0 and 1, a bad β
 * @example
 * thresholdSweep([0.9, 0.4, 0.5], [1, 1, 0]).precision // Float64Array [1, 0.5, 0.6667]
 */
export function thresholdSweep(
  scores: ArrayLike<number>,
  yTrue: ArrayLike<number>,
  options: FscoreOptions = {},
): ThresholdSweep {
  const caller = "thresholdSweep";
  const s = checkVector(caller, "scores", scores);
  checkInteger(caller, "number of scores", s.length, 1);
  const y = checkVector(caller, "yTrue", yTrue, s.length);
  y.forEach((label, i) => void checkInteger(caller, `yTrue[${i}]`, label, 0, 1));
  const order = Uint32Array.from(s, (_, i) => i).sort((a, b) => s[b]! - s[a]!);
  const positives = y.reduce((sum, label) => sum + label, 0);
  const rows: number[][] = [];
  let tp = 0;
  for (let i = 0; i < order.length; i++) {
    tp += y[order[i]!]!;
    if (i + 1 < order.length && s[order[i + 1]!] === s[order[i]!]) continue; // tied scores are called together
    const { precision, recall, fscore } = fromCounts({ tp, fn: positives - tp, fp: i + 1 - tp }, options);
    rows.push([s[order[i]!]!, precision, recall, fscore]);
  }
  const pick = (at: number) => Float64Array.from(rows, (row) => row[at]!);
  return { thresholds: pick(0), precision: pick(1), recall: pick(2), fscore: pick(3) };
}

/**
 * The threshold with the largest F_β on a sample; of equals the highest.
 *
 * @throws as `thresholdSweep`
 * @example
 * bestThreshold([0.9, 0.4, 0.5], [1, 1, 0]) // { threshold: 0.4, fscore: 0.8 }
 */
export function bestThreshold(scores: ArrayLike<number>, yTrue: ArrayLike<number>, options: FscoreOptions = {}) {
  const { thresholds, fscore } = thresholdSweep(scores, yTrue, options);
  const at = fscore.reduce((best, value, i) => (value > fscore[best]! ? i : best), 0);
  return { threshold: thresholds[at]!, fscore: fscore[at]! };
}

/**
 * F_β over folds: of the summed counts, and as the mean of the folds' own scores.
 *
 * @throws as `fromCounts`, and RangeError without folds
 * @example
 * poolFolds([{ tp: 1, fn: 0, fp: 0 }, { tp: 0, fn: 9, fp: 0 }]) // { pooled: 0.1818, meanOfScores: 0.5 }
 */
export function poolFolds(folds: readonly Omit<BinaryCounts, "tn">[], options: FscoreOptions = {}) {
  checkInteger("poolFolds", "number of folds", folds.length, 1);
  const total = { tp: 0, fn: 0, fp: 0 };
  let sum = 0;
  for (const fold of folds) {
    for (const cell of ["tp", "fn", "fp"] as const) total[cell] += fold[cell];
    sum += fromCounts(fold, options).fscore;
  }
  return { pooled: fromCounts(total, options).fscore, meanOfScores: sum / folds.length };
}
