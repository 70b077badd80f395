/**
 * Precision, recall and F_β: the share of predicted positives that are positive, the share of positives that are found,
 * and their harmonic mean in which recall counts β times as much as precision.
 *
 * Follows Zachary C. Lipton, Charles Elkan, Balakrishnan Narayanaswamy, "Optimal Thresholding of Classifiers to Maximize
 * F1 Measure", 2014. https://arxiv.org/abs/1402.1892
 * Follows Juri Opitz, Sebastian Burst, "Macro F1 and Macro F1", 2019. https://arxiv.org/abs/1911.03347
 *
 * But:
 * - areas under curves belong to roc-and-pr-curves;
 * - the selection maximises the ratio of expectations, not the expected ratio, which would take the joint distribution of
 *   the labels, not only each one's probability;
 * - the bootstrap interval is the percentile one, without correction for bias or skewness.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { type Matrix, rowMajor } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import {
  type BinaryCounts,
  confusionMatrix,
  countsAtThreshold,
  type Label,
  oneVsRest,
  ratios,
  type Score,
  type ZeroDivisionOption,
} from "./confusion-matrix.js";

/** The three cells that precision and recall are made of: true negatives take no part. */
export type PositiveCounts = Omit<BinaryCounts, "tn">;

/** β and the value of 0/0. */
export interface FscoreOptions extends ZeroDivisionOption {
  /** β in [0, 1e100]: how many times as much recall counts as precision; 0 is precision itself; default 1 */
  readonly beta?: number;
}

/** Shares in [0, 1]. */
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
 * Precision, recall and F_β of counts.
 *
 * @param counts true positives, false negatives, false positives: counts, weights or shares
 * @throws {RangeError} a count or β outside [0, 1e100], or as `ratios`
 * @example
 * fromCounts({ tp: 90, fn: 10, fp: 40 }).fscore // 0.7826
 */
export function fromCounts(counts: PositiveCounts, { beta = 1, zeroDivision }: FscoreOptions = {}): Fscore {
  const caller = "fromCounts";
  checkBeta(caller, beta);
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  return { ...scoresOf(ratio, checkCells(caller, counts), beta), undefinedMetrics };
}

type Ratio = ReturnType<typeof ratios>["ratio"];

function scoresOf(ratio: Ratio, { tp, fn, fp }: PositiveCounts, beta: number, of = "") {
  const [onFn, onFp] = [beta ** 2 / (1 + beta ** 2), 1 / (1 + beta ** 2)]; // (2) divided by 1 + β²: nothing overflows
  return {
    precision: ratio(`precision${of}`, tp, tp + fp), // (1)
    recall: ratio(`recall${of}`, tp, tp + fn),
    fscore: ratio(`fscore${of}`, tp, tp + onFn * fn + onFp * fp),
  };
}

/**
 * The Jaccard index TP/(TP + FN + FP): the positives found, among all that are positive or called so.
 *
 * @throws as `fromCounts`
 * @example
 * jaccard({ tp: 90, fn: 10, fp: 40 }).value // 0.6429
 */
export function jaccard(counts: PositiveCounts, { zeroDivision }: ZeroDivisionOption = {}): Score {
  const caller = "jaccard";
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const { tp, fn, fp } = checkCells(caller, counts);
  return { value: ratio("jaccard", tp, tp + fn + fp), undefinedMetrics }; // (3)
}

/** One number for several classes: of the summed cells, the mean over classes, that mean weighted by support. */
export type Average = "micro" | "macro" | "weighted";

/** How `precisionRecallFscore` averages. */
export interface PrecisionRecallOptions<L extends Label, A extends Average | "binary" | null> extends FscoreOptions {
  /** 'binary' is the class `positiveLabel` alone; null gives every class; default 'macro' */
  readonly average?: A;
  /** the classes that are averaged, in this order; default: all in yTrue or yPred, ascending */
  readonly labels?: ArrayLike<L>;
  /** the class of average 'binary', default 1 */
  readonly positiveLabel?: L;
  /** wᵢ ≥ 0, one per sample, not all 0; default all 1 */
  readonly sampleWeight?: ArrayLike<number>;
}

/** An average. */
export interface AverageScores extends Fscore {
  /** samples (or weight) that truly are of the averaged classes */
  readonly support: number;
}

/** Every class, in the order of `labels`. */
export interface ClassScores<L = Label> {
  readonly labels: readonly L[];
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly fscore: Float64Array;
  /** samples (or weight) that truly are of the class */
  readonly support: Float64Array;
  /** what was 0/0, as 'precision[label]' */
  readonly undefinedMetrics: readonly string[];
}

/** What an average asks for: one number of each kind, or with null one for every class. */
export type ScoresOf<A, L> = A extends null ? ClassScores<L> : AverageScores;

/**
 * Precision, recall and F_β of predicted classes, each class against all others, averaged.
 *
 * A class that neither list holds has 0/0 three times. Values that are NaN are left out of a mean.
 *
 * @param yTrue n labels, integers or texts
 * @param yPred n labels of the same kind
 * @throws as `confusionMatrix`, and RangeError: unknown average, labels empty or repeated; average 'binary' of two or more
 *   classes, none of them `positiveLabel`; β outside [0, 1e100], or as `ratios`
 * @example
 * precisionRecallFscore([0, 0, 0, 1], [0, 1, 0, 1]).fscore // 0.7333
 * precisionRecallFscore([0, 0, 0, 1], [0, 1, 0, 1], { average: null }).recall // Float64Array [0.6667, 1]
 */
export function precisionRecallFscore<L extends Label, A extends Average | "binary" | null = "macro">(
  yTrue: ArrayLike<L>,
  yPred: ArrayLike<L>,
  options: PrecisionRecallOptions<L, A> = {},
): ScoresOf<A, L> {
  const caller = "precisionRecallFscore";
  const { positiveLabel = 1 as L } = options;
  const average: Average | "binary" | null = options.average === undefined ? "macro" : options.average;
  if (average !== null) checkChoice(caller, "average", average, ["binary", "micro", "macro", "weighted"]);
  const { matrix, labels } = confusionMatrix(yTrue, yPred, weightsOf(options));
  if (average === "binary" && labels.length > 1 && !labels.includes(positiveLabel)) {
    throw new RangeError(`${caller}: positiveLabel must be in yTrue or yPred, got ${positiveLabel}`);
  }
  const found = new Map(oneVsRest(matrix).map((cells, k) => [labels[k], cells]));
  const chosen = average === "binary" ? [positiveLabel] : Array.from(options.labels ?? labels);
  checkInteger(caller, "number of labels", chosen.length, 1);
  const groups = chosen.map((label, k) => {
    if (chosen.indexOf(label) < k) throw new RangeError(`${caller}: labels must differ, got ${label} again at ${k}`);
    return { label, ...(found.get(label) ?? { tp: 0, fn: 0, fp: 0 }) };
  });
  return summarise(caller, groups, average === "binary" ? "macro" : average, options) as ScoresOf<A, L>;
}

/** How `multilabelPrecisionRecallFscore` averages. */
export interface MultilabelOptions<A extends Average | "samples" | null> extends FscoreOptions {
  /** 'samples' is the mean over the rows; null gives every label; default 'macro' */
  readonly average?: A;
  /** wᵢ ≥ 0, one per row, not all 0; default all 1 */
  readonly sampleWeight?: ArrayLike<number>;
}

/**
 * Precision, recall and F_β where a sample may have several labels, or none.
 *
 * @param yTrue n×K of 0 and 1
 * @param yPred n×K of 0 and 1
 * @throws {TypeError} no matrix
 * @throws {RangeError} shapes that differ, an entry other than 0 and 1, bad weights, an option as in `precisionRecallFscore`
 * @example
 * const [truth, predicted] = [matrix([[1, 0, 1], [0, 1, 0]]), matrix([[1, 0, 0], [0, 1, 1]])];
 * multilabelPrecisionRecallFscore(truth, predicted, { average: "samples" }).fscore // 0.6667
 */
export function multilabelPrecisionRecallFscore<A extends Average | "samples" | null = "macro">(
  yTrue: Matrix,
  yPred: Matrix,
  options: MultilabelOptions<A> = {},
): ScoresOf<A, number> {
  const caller = "multilabelPrecisionRecallFscore";
  const { sampleWeight } = options;
  const average: Average | "samples" | null = options.average === undefined ? "macro" : options.average;
  if (average !== null) checkChoice(caller, "average", average, ["micro", "macro", "weighted", "samples"]);
  const [n, K] = checkMatrix(caller, "yTrue", yTrue);
  const [rows, columns] = checkMatrix(caller, "yPred", yPred);
  if (!(rows === n && columns === K)) {
    throw new RangeError(`${caller}: yPred must be ${n}×${K} like yTrue, got ${rows}×${columns}`);
  }
  const w =
    sampleWeight === undefined ? new Float64Array(n).fill(1) : checkVector(caller, "sampleWeight", sampleWeight, n);
  w.forEach((value, i) => void checkNumber(caller, `sampleWeight[${i}]`, value, { min: 0 }));
  checkNumber(
    caller,
    "sum of sampleWeight",
    w.reduce((sum, value) => sum + value, 0),
    { above: 0 },
  );
  const [truth, call] = [binaryEntries(caller, "yTrue", yTrue), binaryEntries(caller, "yPred", yPred)];
  const bySample = average === "samples";
  const groups = Array.from({ length: bySample ? n : K }, (_, label) => ({ label, tp: 0, fn: 0, fp: 0 }));
  for (let at = 0; at < n * K; at++) {
    const i = Math.floor(at / K);
    const cell = truth[at] === 1 ? (call[at] === 1 ? "tp" : "fn") : call[at] === 1 ? "fp" : undefined;
    if (cell !== undefined) groups[bySample ? i : at % K]![cell] += w[i]!;
  }
  return summarise(caller, groups, average === "samples" ? w : average, options) as ScoresOf<A, number>;
}

function binaryEntries(caller: string, name: string, y: Matrix): Float64Array {
  const entries = rowMajor(y);
  const K = y.shape[1];
  const wrong = entries.findIndex((value) => value !== 0 && value !== 1);
  if (wrong >= 0) checkInteger(caller, `${name}(${Math.floor(wrong / K)}, ${wrong % K})`, entries[wrong]!, 0, 1);
  return entries;
}

/** The scores of each group of cells, or one average over the groups; a vector of weights gives a weighted mean. */
function summarise<L extends Label>(
  caller: string,
  groups: readonly (PositiveCounts & { readonly label: L })[],
  average: Average | Float64Array | null,
  { beta = 1, zeroDivision }: FscoreOptions,
): AverageScores | ClassScores<L> {
  checkBeta(caller, beta);
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const support = Float64Array.from(groups, ({ tp, fn }) => tp + fn);
  const total = sumOf(support);
  if (average === "micro") {
    const sum = (cell: "tp" | "fn" | "fp") => sumOf(groups.map((cells) => cells[cell]));
    return {
      ...scoresOf(ratio, { tp: sum("tp"), fn: sum("fn"), fp: sum("fp") }, beta),
      support: total,
      undefinedMetrics,
    };
  }
  const lines = groups.map((cells) => scoresOf(ratio, cells, beta, `[${cells.label}]`));
  const all = (name: keyof (typeof lines)[0]) => Float64Array.from(lines, (line) => line[name]);
  const [precision, recall, fscore] = [all("precision"), all("recall"), all("fscore")];
  if (average === null) {
    return { labels: groups.map(({ label }) => label), precision, recall, fscore, support, undefinedMetrics };
  }
  const weights = average === "weighted" ? support : average === "macro" ? support.map(() => 1) : average;
  const mean = (name: string, values: Float64Array) => {
    const kept = weights.map((weight, k) => (Number.isNaN(values[k]!) ? 0 : weight));
    return ratio(name, sumOf(values.map((value, k) => (kept[k] === 0 ? 0 : kept[k]! * value))), sumOf(kept));
  };
  return {
    precision: mean("precision", precision),
    recall: mean("recall", recall),
    fscore: mean("fscore", fscore),
    support: total,
    undefinedMetrics,
  };
}

/**
 * The two numbers called macro F1.
 *
 * @param matrix K×K counts, rows true
 * @returns meanOfF1, the mean of the classes' F1 (scikit-learn's); f1OfMeans, the F1 of mean precision and mean recall; a
 *   class with 0/0 counts 0
 * @throws as `oneVsRest`
 * @example
 * macroF1(matrix([[10, 90], [0, 100]])) // { meanOfF1: 0.4357, f1OfMeans: 0.6393 }
 */
export function macroF1(matrix: Matrix): { readonly meanOfF1: number; readonly f1OfMeans: number } {
  const classes = oneVsRest(matrix).map((cells) => fromCounts(cells));
  const mean = (name: "precision" | "recall" | "fscore") =>
    classes.reduce((sum, line) => sum + line[name], 0) / classes.length;
  const [p, r] = [mean("precision"), mean("recall")];
  return { meanOfF1: mean("fscore"), f1OfMeans: p + r === 0 ? 0 : (2 * p * r) / (p + r) };
}

/** Who is called positive as the threshold falls: one entry per distinct score, descending. */
export interface CumulativeCounts {
  /** the distinct scores: score ≥ threshold is called positive */
  readonly thresholds: Float64Array;
  /** positives called positive; the last is the number (or weight) of all positives */
  readonly tp: Float64Array;
  /** negatives called positive; the last is the number (or weight) of all negatives */
  readonly fp: Float64Array;
}

/** Which label is positive, and what each sample counts. */
export interface SweepOptions {
  /** the label that counts as positive, every other is negative; default 1, and then the others must be 0, or −1 */
  readonly positiveLabel?: Label;
  /** wᵢ ≥ 0, one per sample, not all 0; samples of weight 0 are left out; default all 1 */
  readonly sampleWeight?: ArrayLike<number>;
}

/**
 * Counts at every threshold by one sort, O(n log n): what all curves are made of.
 *
 * @param yTrue n labels
 * @param scores n scores, larger for the positive class; ±Infinity is allowed
 * @throws as `countsAtThreshold`, and RangeError: without `positiveLabel`, labels other than 1 and 0, or 1 and −1
 * @example
 * const { tp, fp } = cumulativeCounts([1, 1, 0], [0.9, 0.4, 0.5]);
 * tp // Float64Array [1, 1, 2]
 * fp // Float64Array [0, 1, 1]
 */
export function cumulativeCounts(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions = {},
): CumulativeCounts {
  const { positiveLabel = 1, sampleWeight: w } = options;
  countsAtThreshold(yTrue, scores, -Infinity, options); // checks
  if (options.positiveLabel === undefined) checkTwoLabels("cumulativeCounts", yTrue);
  const thresholds = levelsOf(scores, w);
  const [tp, fp] = [new Float64Array(thresholds.length), new Float64Array(thresholds.length)];
  for (let i = 0; i < scores.length; i++) {
    const calls = yTrue[i] === positiveLabel ? tp : fp;
    calls[positionOf(scores[i]!, thresholds)]! += w?.[i] ?? 1; // tied scores are called together
  }
  for (let m = 1; m < thresholds.length; m++) {
    tp[m]! += tp[m - 1]!;
    fp[m]! += fp[m - 1]!;
  }
  return { thresholds, tp, fp };
}

/** The distinct scores of samples with weight, descending. */
function levelsOf(scores: ArrayLike<number>, w: ArrayLike<number> | undefined): Float64Array {
  const sorted = Float64Array.from(scores);
  let kept = 0;
  for (let i = 0; i < scores.length; i++) if (w?.[i] !== 0) sorted[kept++] = scores[i]!;
  sorted.subarray(0, kept).sort().reverse(); // without a comparator: four times as fast
  let levels = 0;
  for (let i = 0; i < kept; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[levels++] = sorted[i]!;
  return sorted.slice(0, levels);
}

/**
 * Where a score stands among thresholds, by bisection.
 *
 * @param thresholds distinct, descending, the score among them
 * @example
 * positionOf(5, [9, 5, 2]) // 1
 */
export function positionOf(score: number, thresholds: ArrayLike<number>): number {
  let [from, to] = [0, thresholds.length - 1];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (thresholds[middle]! > score) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** What `thresholdSweep` returns: one entry per distinct score, descending. */
export interface ThresholdSweep {
  readonly thresholds: Float64Array;
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly fscore: Float64Array;
  /** metrics that were 0/0: recall, without positives */
  readonly undefinedMetrics: readonly string[];
}

/**
 * Precision, recall and F_β of "score ≥ threshold" at every distinct score, by one sort.
 *
 * @param yTrue n labels
 * @param scores n scores, larger for the positive class; ±Infinity is allowed
 * @throws as `cumulativeCounts`, and RangeError: β outside [0, 1e100], or as `ratios`
 * @example
 * thresholdSweep([1, 1, 0], [0.9, 0.4, 0.5]).precision // Float64Array [1, 0.5, 0.6667]
 */
export function thresholdSweep(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: FscoreOptions & SweepOptions = {},
): ThresholdSweep {
  const caller = "thresholdSweep";
  const { beta = 1, zeroDivision } = options;
  checkBeta(caller, beta);
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const { thresholds, tp, fp } = cumulativeCounts(yTrue, scores, options);
  const positives = tp.at(-1)!;
  const [precision, recall, fscore] = [tp.slice(), tp.slice(), tp.slice()];
  for (let m = 0; m < tp.length; m++) {
    const scores = scoresOf(ratio, { tp: tp[m]!, fn: positives - tp[m]!, fp: fp[m]! }, beta);
    precision[m] = scores.precision;
    recall[m] = scores.recall;
    fscore[m] = scores.fscore;
  }
  return { thresholds, precision, recall, fscore, undefinedMetrics: [...new Set(undefinedMetrics)] };
}

/**
 * The threshold with the largest F_β on a sample; of equals the highest.
 *
 * @throws as `thresholdSweep`
 * @example
 * bestThreshold([1, 1, 0], [0.9, 0.4, 0.5]) // { threshold: 0.4, fscore: 0.8 }
 */
export function bestThreshold(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: FscoreOptions & SweepOptions = {},
): { readonly threshold: number; readonly fscore: number } {
  const { thresholds, fscore } = thresholdSweep(yTrue, scores, options);
  const at = fscore.reduce((best, value, i) => (value > fscore[best]! ? i : best), 0);
  return { threshold: thresholds[at]!, fscore: fscore[at]! };
}

/** What `expectedFscoreSelection` returns. */
export interface Selection {
  /** how many to call positive: those with the k largest probabilities */
  readonly k: number;
  /** the smallest probability among them; Infinity if k is 0 */
  readonly threshold: number;
  /** F_β of the expected counts */
  readonly fscore: number;
}

/**
 * Whom to call positive for the largest F_β, from calibrated probabilities alone: no label is needed.
 *
 * @param probabilities P(positive) of n cases, each in [0, 1]; equal ones are called together
 * @throws {RangeError} no probabilities, or one outside [0, 1]; β outside [0, 1e100]
 * @example
 * expectedFscoreSelection([0.9, 0.5, 0.3, 0.1]) // { k: 2, threshold: 0.5, fscore: 0.7368 }
 */
export function expectedFscoreSelection(
  probabilities: ArrayLike<number>,
  { beta = 1 }: { readonly beta?: number } = {},
): Selection {
  const caller = "expectedFscoreSelection";
  const b2 = checkBeta(caller, beta) ** 2;
  const p = checkVector(caller, "probabilities", probabilities).sort().reverse();
  checkInteger(caller, "number of probabilities", p.length, 1);
  for (const value of p) checkNumber(caller, "probability", value, { min: 0, max: 1 });
  const positives = sumOf(p);
  let best: Selection = { k: 0, threshold: Infinity, fscore: 0 };
  for (let k = 1, tp = 0; k <= p.length; k++) {
    tp += p[k - 1]!;
    if (p[k] === p[k - 1]) continue;
    const fscore = ((1 + b2) * tp) / (k + b2 * positives); // (4)
    if (fscore > best.fscore) best = { k, threshold: p[k - 1]!, fscore };
  }
  return best;
}

/**
 * F_β over folds: of the summed counts, and as the mean of the folds' own scores, where 0/0 counts as `zeroDivision`.
 *
 * @throws as `fromCounts`, and RangeError without folds
 * @example
 * poolFolds([{ tp: 1, fn: 0, fp: 0 }, { tp: 0, fn: 9, fp: 0 }]) // { pooled: 0.1818, meanOfScores: 0.5 }
 */
export function poolFolds(folds: readonly PositiveCounts[], options: FscoreOptions = {}) {
  checkInteger("poolFolds", "number of folds", folds.length, 1);
  const total = { tp: 0, fn: 0, fp: 0 };
  let sum = 0;
  for (const fold of folds) {
    for (const cell of ["tp", "fn", "fp"] as const) total[cell] += fold[cell];
    sum += fromCounts(fold, options).fscore;
  }
  return { pooled: fromCounts(total, options).fscore, meanOfScores: sum / folds.length };
}

/** What `bootstrapInterval` returns. */
export interface Interval {
  /** of the sample itself */
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * Interval for F_β by drawing n decisions out of the n observed ones, again and again.
 *
 * @param counts four integers, n of them in all
 * @param options.level probability that the interval covers F_β of the population, approximately; in (0, 1), default 0.95
 * @param options.replicates how many samples are drawn, default 2000
 * @param options.seed default 0
 * @returns the (1 ± level)/2 quantiles of the replicates; one without any positive counts as `zeroDivision`, default 0
 * @throws {RangeError} a count that is no integer ≥ 0, all of them 0, an option out of range, or as `fromCounts`
 * @example
 * bootstrapInterval({ tp: 90, fn: 10, fp: 40, tn: 860 }).estimate // 0.7826
 */
export function bootstrapInterval(
  counts: BinaryCounts,
  options: FscoreOptions & { readonly level?: number; readonly replicates?: number; readonly seed?: number } = {},
): Interval {
  const caller = "bootstrapInterval";
  const { level = 0.95, replicates = 2000, seed = 0 } = options;
  const cells = (["tp", "fn", "fp", "tn"] as const).map((name) => checkInteger(caller, name, counts[name], 0));
  const n = checkInteger(caller, "number of decisions", sumOf(cells), 1);
  checkInteger(caller, "replicates", replicates, 1);
  const { categorical } = random(seed);
  const values = Float64Array.from({ length: replicates }, () => {
    const drawn = new Float64Array(4);
    for (let i = 0; i < n; i++) drawn[categorical(cells)]!++;
    return fromCounts({ tp: drawn[0]!, fn: drawn[1]!, fp: drawn[2]! }, options).fscore;
  });
  return { estimate: fromCounts(counts, options).fscore, ...percentileInterval(values, level) };
}

/**
 * The middle part of a sample: its (1 − level)/2 and (1 + level)/2 quantiles, interpolated between neighbours.
 *
 * @param values at least one number
 * @param level in (0, 1)
 * @throws {RangeError} no values, one not finite, or a level outside (0, 1)
 * @example
 * percentileInterval([4, 0, 1, 2, 3], 0.5) // { lower: 1, upper: 3 }
 */
export function percentileInterval(values: ArrayLike<number>, level: number): Omit<Interval, "estimate"> {
  const caller = "percentileInterval";
  checkNumber(caller, "level", level, { above: 0, below: 1 });
  const sorted = checkVector(caller, "values", values).sort();
  checkInteger(caller, "number of values", sorted.length, 1);
  const quantile = (share: number) => {
    const at = share * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
    return below + (at % 1) * (above - below);
  };
  return { lower: quantile((1 - level) / 2), upper: quantile((1 + level) / 2) };
}

const sumOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
};

const weightsOf = ({ sampleWeight }: { readonly sampleWeight?: ArrayLike<number> }) =>
  sampleWeight === undefined ? {} : { sampleWeight };

/** At most 1e100, so that β² does not overflow. */
const checkBeta = (caller: string, beta: number) => checkNumber(caller, "beta", beta, { min: 0, max: 1e100 });

function checkCells(caller: string, { tp, fn, fp }: PositiveCounts): PositiveCounts {
  for (const [name, value] of Object.entries({ tp, fn, fp })) checkNumber(caller, name, value, { min: 0, max: 1e100 });
  return { tp, fn, fp };
}

function checkTwoLabels(caller: string, yTrue: ArrayLike<Label>): void {
  let negative: Label | undefined;
  for (let i = 0; i < yTrue.length; i++) {
    if (yTrue[i] === 1) continue;
    negative ??= yTrue[i]!;
    if (!(yTrue[i] === negative && (negative === 0 || negative === -1))) {
      throw new RangeError(
        `${caller}: yTrue must hold 1 and 0, or 1 and -1, without positiveLabel, got ${yTrue[i]} at ${i}`,
      );
    }
  }
}
