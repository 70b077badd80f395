/**
 * ROC and precision-recall curves: what every threshold on a score would do, and the areas under both.
 *
 * Follows Tom Fawcett, "An introduction to ROC analysis", 2006. https://doi.org/10.1016/j.patrec.2005.10.010
 * Follows Elizabeth R. DeLong, David M. DeLong, Daniel L. Clarke-Pearson, "Comparing the Areas under Two or More Correlated
 * Receiver Operating Characteristic Curves: A Nonparametric Approach", 1988. https://doi.org/10.2307/2531595
 * Follows Jesse Davis, Mark Goadrich, "The Relationship Between Precision-Recall and ROC Curves", 2006.
 * https://doi.org/10.1145/1143844.1143874
 *
 * But:
 * - two classes: no averages of one-against-rest areas;
 * - the intervals are for independent samples, without weights: clusters need another bootstrap.
 */
import { checkInteger, checkNumber } from "../../lib/check.js";
import { random } from "../../lib/random.js";
import { binormalCounts, type Label, normalHalfWidth } from "./confusion-matrix.js";
import {
  cumulativeCounts,
  percentileInterval,
  positionOf,
  type SweepOptions,
  thresholdSweep,
} from "./precision-recall-f1.js";

/** The truth or the sample holds one class only: there is nothing to rank it against. */
export class OneClassError extends RangeError {
  override readonly name = "OneClassError";
}

/** Points of a ROC curve, from (0, 0) to (1, 1). */
export interface RocCurve {
  /** score ≥ threshold is called positive; descending, at first Infinity, where nobody is called */
  readonly thresholds: Float64Array;
  /** share of negatives called positive */
  readonly fpr: Float64Array;
  /** share of positives called positive */
  readonly tpr: Float64Array;
}

/**
 * The ROC curve: (FPR, TPR) at every distinct score, from one sort.
 *
 * @param yTrue n labels
 * @param scores n scores, larger for the positive class; ±Infinity is allowed
 * @param options.dropIntermediate leave out points on the line between their neighbours, default false
 * @throws {OneClassError} no positives or no negatives
 * @throws as `cumulativeCounts`
 * @example
 * rocCurve([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]).tpr // Float64Array [0, 0.5, 0.5, 1, 1]
 */
export function rocCurve(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions & { readonly dropIntermediate?: boolean } = {},
): RocCurve {
  const { thresholds, tp, fp } = bothClasses("rocCurve", yTrue, scores, options);
  const [P, N] = [tp.at(-1)!, fp.at(-1)!];
  const [t, f] = [behind(0, tp), behind(0, fp)];
  const curve = {
    thresholds: behind(Infinity, thresholds),
    fpr: f.map((count) => count / N), // (1)
    tpr: t.map((count) => count / P),
  };
  if (!options.dropIntermediate) return curve;
  return pick(
    curve,
    corners(f, t, (turn) => turn !== 0), // of counts: exact
  );
}

function behind(first: number, values: Float64Array): Float64Array {
  const all = new Float64Array(values.length + 1).fill(first);
  all.set(values, 1);
  return all;
}

function bothClasses(caller: string, yTrue: ArrayLike<Label>, scores: ArrayLike<number>, options: SweepOptions) {
  const counts = cumulativeCounts(yTrue, scores, options);
  const [P, N] = [counts.tp.at(-1)!, counts.fp.at(-1)!];
  if (!(P > 0 && N > 0)) {
    throw new OneClassError(`${caller}: yTrue must hold positives and negatives, got ${P} and ${N}`);
  }
  return counts;
}

/** Indices of the points that stay: ends, and those where the path through the ones kept so far turns as `keep` wants. */
function corners(x: Float64Array, y: Float64Array, keep: (turn: number) => boolean): number[] {
  const kept: number[] = [];
  for (let m = 0; m < x.length; m++) {
    while (kept.length >= 2) {
      const [a, b] = [kept.at(-2)!, kept.at(-1)!];
      const turn = (y[b]! - y[a]!) * (x[m]! - x[b]!) - (y[m]! - y[b]!) * (x[b]! - x[a]!); // > 0: to the right
      if (keep(turn)) break;
      kept.pop();
    }
    kept.push(m);
  }
  return kept;
}

function pick({ thresholds, fpr, tpr }: RocCurve, at: readonly number[]): RocCurve {
  const of = (values: Float64Array) => Float64Array.from(at, (m) => values[m]!);
  return { thresholds: of(thresholds), fpr: of(fpr), tpr: of(tpr) };
}

/**
 * Area under straight lines between the points of a curve: of a ROC curve, its AUC.
 *
 * @example
 * areaUnder(rocCurve([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1])) // 0.75
 */
export function areaUnder({ fpr, tpr }: Pick<RocCurve, "fpr" | "tpr">): number {
  let area = 0;
  for (let m = 1; m < fpr.length; m++) area += ((fpr[m]! - fpr[m - 1]!) * (tpr[m]! + tpr[m - 1]!)) / 2; // (2)
  return area;
}

/**
 * Area under the ROC curve: the probability that a random positive has a larger score than a random negative, ties ½.
 *
 * @throws as `rocCurve`
 * @example
 * rocAuc([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]) // 0.75
 */
export function rocAuc(yTrue: ArrayLike<Label>, scores: ArrayLike<number>, options: SweepOptions = {}): number {
  const { tp, fp } = bothClasses("rocAuc", yTrue, scores, options);
  return wonPairs(tp, fp) / (tp.at(-1)! * fp.at(-1)!);
}

/** Pairs of a positive and a negative that are in order, ties ½: Mann and Whitney's U, exact for counts. */
function wonPairs(tp: Float64Array, fp: Float64Array): number {
  let pairs = fp[0]! * (tp[0]! / 2);
  for (let m = 1; m < tp.length; m++) pairs += (fp[m]! - fp[m - 1]!) * ((tp[m]! + tp[m - 1]!) / 2); // (3)
  return pairs;
}

/**
 * Area under the ROC curve up to a false-positive rate.
 *
 * @param options.maxFpr in (0, 1]
 * @param options.standardized McClish's scale, on which chance is ½ and perfection 1; default true. Otherwise the bare area,
 *   at most maxFpr
 * @throws as `rocCurve`, and RangeError: maxFpr outside (0, 1]
 * @example
 * partialAuc([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1], { maxFpr: 0.5, standardized: false }) // 0.25
 */
export function partialAuc(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions & { readonly maxFpr: number; readonly standardized?: boolean },
): number {
  const { standardized = true } = options;
  const maxFpr = checkNumber("partialAuc", "maxFpr", options.maxFpr, { above: 0, max: 1 });
  const curve = rocCurve(yTrue, scores, options);
  const inside = curve.fpr.filter((value) => value <= maxFpr).length;
  const area = areaUnder({
    fpr: Float64Array.from([...curve.fpr.subarray(0, inside), maxFpr]),
    tpr: Float64Array.from([...curve.tpr.subarray(0, inside), operatingPoint(curve, maxFpr).tpr]),
  });
  const chance = maxFpr ** 2 / 2;
  return standardized ? (1 + (area - chance) / (maxFpr - chance)) / 2 : area; // (4)
}

/** Between two points of a curve: call with the low threshold with some probability, otherwise with the high one. */
export interface OperatingPoint {
  readonly fpr: number;
  readonly tpr: number;
  readonly high: number;
  readonly low: number;
  /** of the low threshold */
  readonly probability: number;
}

/**
 * The largest TPR that a curve has at a false-positive rate, and how to get it by drawing one of two thresholds.
 *
 * @param curve a ROC curve or its hull
 * @param fpr in [0, 1]
 * @throws {RangeError} fpr outside [0, 1]
 * @example
 * operatingPoint(rocCurve([1, 0, 0], [3, 2, 1]), 0.25) // { fpr: 0.25, tpr: 1, high: 3, low: 2, probability: 0.5 }
 */
export function operatingPoint(curve: RocCurve, fpr: number): OperatingPoint {
  checkNumber("operatingPoint", "fpr", fpr, { min: 0, max: 1 });
  const after = curve.fpr.findIndex((value) => value > fpr);
  const m = after < 0 ? curve.fpr.length - 1 : after;
  const [from, to] = [curve.fpr[m - 1]!, curve.fpr[m]!];
  const probability = after < 0 ? 1 : (fpr - from) / (to - from);
  const tpr = curve.tpr[m - 1]! + probability * (curve.tpr[m]! - curve.tpr[m - 1]!);
  return { fpr, tpr, high: curve.thresholds[m - 1]!, low: curve.thresholds[m]!, probability };
}

/** Points of a precision-recall curve, one per distinct score, recall rising. */
export interface PrecisionRecallCurve {
  readonly thresholds: Float64Array;
  readonly precision: Float64Array;
  readonly recall: Float64Array;
}

/**
 * Precision and recall at every distinct score. No point is invented at recall 0.
 *
 * @throws as `rocCurve`; negatives may be missing
 * @example
 * precisionRecallCurve([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]).precision // Float64Array [1, 0.5, 0.6667, 0.5]
 */
export function precisionRecallCurve(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions = {},
): PrecisionRecallCurve {
  const { thresholds, precision, recall } = thresholdSweep(yTrue, scores, options);
  checkPositives("precisionRecallCurve", recall.at(-1)!); // it ends at 1, or stays 0
  return { thresholds, precision, recall };
}

/**
 * Average precision: the mean of precision over the recall gained, a step function.
 *
 * @throws as `precisionRecallCurve`
 * @example
 * averagePrecision([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]) // 0.8333
 */
export function averagePrecision(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions = {},
): number {
  const { precision, recall } = precisionRecallCurve(yTrue, scores, options);
  return recall.reduce((sum, r, m) => sum + (r - (recall[m - 1] ?? 0)) * precision[m]!, 0); // (5)
}

/** A point as counts: true and false positives. */
export interface Counts {
  readonly tp: number;
  readonly fp: number;
}

/**
 * Area under the precision-recall curve with counts, not precision, on straight lines between thresholds.
 *
 * @throws as `precisionRecallCurve`
 * @example
 * prAucInterpolated([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]) // 0.7973
 */
export function prAucInterpolated(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions = {},
): number {
  const { tp, fp } = cumulativeCounts(yTrue, scores, options);
  const positives = checkPositives("prAucInterpolated", tp.at(-1)!);
  let [area, from] = [0, { tp: 0, fp: 0 }];
  for (let m = 0; m < tp.length; m++) {
    const to = { tp: tp[m]!, fp: fp[m]! };
    area += segmentArea(from, to, positives);
    from = to;
  }
  return area;
}

function checkPositives(caller: string, positives: number): number {
  if (!(positives > 0)) throw new OneClassError(`${caller}: yTrue must hold positives, got 0 of them`);
  return positives;
}

/**
 * Area under the precision-recall curve between two thresholds: ∫ u/(u + FP(u)) du / positives with FP linear in u.
 *
 * @param from counts at the higher threshold
 * @param to counts at the lower one, neither smaller
 * @throws {RangeError} counts that fall, or are negative; more true positives than positives
 * @example
 * segmentArea({ tp: 5, fp: 5 }, { tp: 10, fp: 30 }, 20) // 0.0802
 */
export function segmentArea(from: Counts, to: Counts, positives: number): number {
  const caller = "segmentArea";
  checkNumber(caller, "positives", positives, { above: 0 });
  checkNumber(caller, "from.tp", from.tp, { min: 0, max: positives });
  checkNumber(caller, "from.fp", from.fp, { min: 0 });
  checkNumber(caller, "to.tp", to.tp, { min: from.tp, max: positives });
  checkNumber(caller, "to.fp", to.fp, { min: from.fp });
  const gain = to.tp - from.tp;
  if (gain === 0) return 0;
  const slope = (to.fp - from.fp) / gain;
  const start = from.fp - slope * from.tp; // FP(u) = start + slope·u
  if (from.tp + from.fp === 0) return gain / (1 + slope) / positives; // from the origin precision is constant
  const growth = Math.log1p((gain + to.fp - from.fp) / (from.tp + from.fp)); // log of a ratio near 1 would lose digits
  return (gain - (start / (1 + slope)) * growth) / (1 + slope) / positives; // (6)
}

/** An AUC with its standard error. */
export interface DelongAuc {
  readonly auc: number;
  /** of the AUC over samples of the same sizes */
  readonly variance: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * AUC with DeLong's variance and a normal interval, in O(n log n).
 *
 * Where the AUC is 0 or 1 the variance is 0 and the interval a point: then it says nothing.
 *
 * @param yTrue n labels, at least two positives and two negatives
 * @param options.level of the interval, in (0, 1), default 0.95; its ends are cut at 0 and 1
 * @throws {OneClassError} fewer than two of a class
 * @throws as `cumulativeCounts`
 * @example
 * delong([1, 1, 1, 0, 0, 0], [6, 5, 2, 4, 3, 1]).variance // 0.0617
 */
export function delong(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  { level = 0.95, ...options }: DelongOptions = {},
): DelongAuc {
  const half = normalHalfWidth(checkNumber("delong", "level", level, { above: 0, below: 1 }));
  const { auc, wins, losses } = placements("delong", yTrue, scores, options);
  const variance = covariance(wins, wins) / wins.length + covariance(losses, losses) / losses.length; // (8)
  const reach = half * Math.sqrt(variance);
  return { auc, variance, lower: Math.max(0, auc - reach), upper: Math.min(1, auc + reach) };
}

/** The positive label and the level of an interval. */
export interface DelongOptions extends Pick<SweepOptions, "positiveLabel"> {
  readonly level?: number;
}

/** What `delongTest` returns. */
export interface DelongTest {
  readonly aucA: number;
  readonly aucB: number;
  readonly varianceA: number;
  readonly varianceB: number;
  /** of the two AUCs: both saw the same samples */
  readonly covariance: number;
  /** aucA − aucB */
  readonly difference: number;
  /** difference over its standard error; 0 for a difference of 0 */
  readonly z: number;
  /** two-sided: probability of so large a |z| if the two AUCs are equal, within 1e-15 */
  readonly pValue: number;
  /** interval of the difference */
  readonly lower: number;
  readonly upper: number;
}

/**
 * DeLong's paired test: do two scorers of the same samples have the same AUC?
 *
 * @throws as `delong`
 * @example
 * delongTest([1, 1, 1, 0, 0, 0], [6, 5, 2, 4, 3, 1], [6, 1, 2, 4, 3, 5]).difference // 0.4444
 */
export function delongTest(
  yTrue: ArrayLike<Label>,
  scoresA: ArrayLike<number>,
  scoresB: ArrayLike<number>,
  { level = 0.95, ...options }: DelongOptions = {},
): DelongTest {
  const half = normalHalfWidth(checkNumber("delongTest", "level", level, { above: 0, below: 1 }));
  const [a, b] = [scoresA, scoresB].map((scores) => placements("delongTest", yTrue, scores, options)) as [
    Placements,
    Placements,
  ];
  const [m, n] = [a.wins.length, a.losses.length];
  const between = (p: Placements, q: Placements) => covariance(p.wins, q.wins) / m + covariance(p.losses, q.losses) / n;
  const [varianceA, varianceB, shared] = [between(a, a), between(b, b), between(a, b)];
  const difference = a.auc - b.auc;
  const error = Math.sqrt(Math.max(0, varianceA + varianceB - 2 * shared)); // (9), rounding may fall below 0
  const z = difference === 0 ? 0 : difference / error;
  const tail = (size: number) =>
    size < Infinity ? binormalCounts({ threshold: size, separation: 0, prevalence: 0 }).fp : 0;
  return {
    aucA: a.auc,
    aucB: b.auc,
    varianceA,
    varianceB,
    covariance: shared,
    difference,
    z,
    pValue: 2 * tail(Math.abs(z)),
    lower: difference - half * error,
    upper: difference + half * error,
  };
}

interface Placements {
  readonly auc: number;
  /** of each positive: share of negatives below it, ties ½ */
  readonly wins: Float64Array;
  /** of each negative: share of positives above it, ties ½ */
  readonly losses: Float64Array;
}

/** Where each sample stands in the other class: its rank in all samples less its rank in its own. */
function placements(
  caller: string,
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: SweepOptions,
): Placements {
  const { thresholds, tp, fp } = cumulativeCounts(yTrue, scores, options);
  const [m, n] = [tp.at(-1)!, fp.at(-1)!];
  if (!(m >= 2 && n >= 2)) {
    throw new OneClassError(`${caller}: yTrue must hold two positives and two negatives at least, got ${m} and ${n}`);
  }
  const [wins, losses] = [[] as number[], [] as number[]];
  for (let i = 0; i < scores.length; i++) {
    const g = positionOf(scores[i]!, thresholds);
    if (yTrue[i] === (options.positiveLabel ?? 1))
      wins.push(1 - (fp[g]! + (fp[g - 1] ?? 0)) / 2 / n); // (7)
    else losses.push((tp[g]! + (tp[g - 1] ?? 0)) / 2 / m);
  }
  return { auc: wonPairs(tp, fp) / (m * n), wins: Float64Array.from(wins), losses: Float64Array.from(losses) };
}

/** Sample covariance, n − 1 below. */
function covariance(x: Float64Array, y: Float64Array): number {
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  return x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0) / (x.length - 1);
}

/**
 * AUC with an interval from samples drawn again, positives out of the positives and negatives out of the negatives.
 *
 * @param options.level in (0, 1), default 0.95
 * @param options.replicates default 2000
 * @param options.seed default 0
 * @throws as `rocCurve`, and RangeError: an option out of range
 * @example
 * bootstrapAuc([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]) // { auc: 0.75, lower: 0, upper: 1 }
 */
export function bootstrapAuc(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  options: DelongOptions & { readonly replicates?: number; readonly seed?: number } = {},
): Pick<DelongAuc, "auc" | "lower" | "upper"> {
  const caller = "bootstrapAuc";
  const { level = 0.95, replicates = 2000, seed = 0 } = options;
  checkInteger(caller, "replicates", replicates, 1);
  const { tp, fp } = bothClasses(caller, yTrue, scores, options);
  const [P, N] = [tp.at(-1)!, fp.at(-1)!];
  const { integer } = random(seed);
  const [drawTp, drawFp] = [resampler(tp, integer), resampler(fp, integer)];
  const values = Float64Array.from({ length: replicates }, () => wonPairs(drawTp(), drawFp()) / (P * N));
  return { auc: wonPairs(tp, fp) / (P * N), ...percentileInterval(values, level) };
}

/** Draws as many samples as a cumulative count holds, with replacement: again a cumulative count. */
function resampler(cumulative: Float64Array, integer: (n: number) => number): () => Float64Array {
  const groupOf = new Uint32Array(cumulative.at(-1)!);
  for (let g = 0, i = 0; g < cumulative.length; g++) while (i < cumulative[g]!) groupOf[i++] = g;
  return () => {
    const drawn = new Float64Array(cumulative.length);
    for (let i = 0; i < groupOf.length; i++) drawn[groupOf[integer(groupOf.length)]!]!++;
    for (let g = 1; g < drawn.length; g++) drawn[g]! += drawn[g - 1]!;
    return drawn;
  };
}

/**
 * The upper convex hull of a ROC curve: the points that no mixture of two others beats.
 *
 * @example
 * rocConvexHull(rocCurve([1, 0, 1, 0], [4, 3, 2, 1])).tpr // Float64Array [0, 0.5, 1, 1]
 */
export function rocConvexHull(curve: RocCurve): RocCurve {
  return pick(
    curve,
    corners(curve.fpr, curve.tpr, (turn) => turn > 0),
  );
}

/** What a population and its errors cost. */
export interface IsoCost {
  /** π, in (0, 1) */
  readonly prevalence: number;
  /** > 0, default 1 */
  readonly falsePositive?: number;
  /** > 0, default 1 */
  readonly falseNegative?: number;
}

/**
 * The cheapest point of a ROC curve: where a line of equal cost touches it. Of equals, the highest threshold.
 *
 * @returns threshold, fpr, tpr; cost per case; slope (1 − π)c_FP/(π c_FN) of the lines of equal cost
 * @throws {RangeError} a prevalence outside (0, 1), a cost that is not positive
 * @example
 * isoCostPoint(rocCurve([1, 0, 1, 0], [4, 3, 2, 1]), { prevalence: 0.5, falseNegative: 3 }).threshold // 2
 */
export function isoCostPoint({ thresholds, fpr, tpr }: RocCurve, costs: IsoCost) {
  const caller = "isoCostPoint";
  const pi = checkNumber(caller, "prevalence", costs.prevalence, { above: 0, below: 1 });
  const falsePositive = checkNumber(caller, "falsePositive", costs.falsePositive ?? 1, { above: 0 });
  const falseNegative = checkNumber(caller, "falseNegative", costs.falseNegative ?? 1, { above: 0 });
  const cost = fpr.map((f, m) => (1 - pi) * falsePositive * f + pi * falseNegative * (1 - tpr[m]!)); // (10)
  const m = cost.reduce((best, value, at) => (value < cost[best]! ? at : best), 0);
  const slope = ((1 - pi) * falsePositive) / (pi * falseNegative);
  return { threshold: thresholds[m]!, fpr: fpr[m]!, tpr: tpr[m]!, cost: cost[m]!, slope };
}

/**
 * The precision-recall curve that a ROC curve becomes at a prevalence.
 *
 * @param prevalence π, in (0, 1]
 * @returns a point for each point of the curve but those at (0, 0), where precision is 0/0
 * @throws {RangeError} a prevalence outside (0, 1]
 * @example
 * prFromRoc(rocCurve([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1]), 0.1).precision // Float64Array [1, 0.1, 0.1818, 0.1]
 */
export function prFromRoc({ thresholds, fpr, tpr }: RocCurve, prevalence: number): PrecisionRecallCurve {
  const pi = checkNumber("prFromRoc", "prevalence", prevalence, { above: 0, max: 1 });
  const called = tpr.map((t, m) => pi * t + (1 - pi) * fpr[m]!);
  const defined = (_: number, m: number) => called[m]! > 0;
  return {
    thresholds: thresholds.filter(defined),
    precision: tpr.map((t, m) => (pi * t) / called[m]!).filter(defined), // (11)
    recall: tpr.filter(defined),
  };
}

/** What `binormal` returns. */
export interface Binormal {
  readonly auc: number;
  /** ∫ precision d(recall), within 1e-9 */
  readonly averagePrecision: number;
  /** at thresholds a twentieth apart */
  readonly curve: RocCurve;
}

/**
 * The curves of normal scores: N(0, 1) for negatives, N(d, spread²) for positives.
 *
 * @param options.d distance of the means, in [−8, 8]
 * @param options.prevalence in [1e-6, 1), default ½
 * @param options.spread standard deviation of the positives, in [0.1, 10], default 1
 * @throws {RangeError} an option outside its range
 * @example
 * binormal({ d: 2 }).auc // 0.9214
 */
export function binormal(options: {
  readonly d: number;
  readonly prevalence?: number;
  readonly spread?: number;
}): Binormal {
  const caller = "binormal";
  const d = checkNumber(caller, "d", options.d, { min: -8, max: 8 });
  const pi = checkNumber(caller, "prevalence", options.prevalence ?? 0.5, { min: 1e-6, below: 1 }); // tails hold 1e-16
  const s = checkNumber(caller, "spread", options.spread ?? 1, { min: 0.1, max: 10 });
  const above = (x: number) => binormalCounts({ threshold: x, separation: 0, prevalence: 0 }).fp; // 1 − Φ(x)
  const rates = (t: number) => ({ fpr: above(t), tpr: above((t - d) / s) });
  let averagePrecision = 0;
  const step = 1 / 64; // the trapezoid rule converges faster than any power of the step where all derivatives vanish
  for (let x = -9; x <= 7; x += step) {
    const { fpr, tpr } = rates(d + s * x);
    const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
    averagePrecision += (step * density * pi * tpr) / (pi * tpr + (1 - pi) * fpr);
  }
  const [low, high] = [Math.min(-5, d - 5 * s), Math.max(5, d + 5 * s)];
  const count = Math.ceil((high - low) * 20);
  const thresholds = Float64Array.from({ length: count + 3 }, (_, i) =>
    i === 0 ? Infinity : i === count + 2 ? -Infinity : high - ((i - 1) * (high - low)) / count,
  );
  const inner = (name: "fpr" | "tpr") =>
    thresholds.map((t) => (t === Infinity ? 0 : t === -Infinity ? 1 : rates(t)[name]));
  return {
    auc: above(-d / Math.sqrt(1 + s * s)), // (12)
    averagePrecision,
    curve: { thresholds, fpr: inner("fpr"), tpr: inner("tpr") },
  };
}
