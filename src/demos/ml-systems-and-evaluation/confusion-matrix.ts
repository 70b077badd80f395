/**
 * Confusion matrix: the counts of true class i predicted as class j, and the metrics that are functions of its cells.
 *
 * Follows Brian W. Matthews, "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", 1975.
 * https://doi.org/10.1016/0005-2795(75)90109-9
 * Follows Jan Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
 * https://doi.org/10.1016/j.compbiolchem.2004.09.006
 * Follows Jacob Cohen, "A Coefficient of Agreement for Nominal Scales", 1960. https://doi.org/10.1177/001316446002000104
 *
 * But:
 * - one label per sample: no multilabel tables;
 * - F_β, averages over a part of the classes and choices of a threshold belong to precision-recall-f1, curves over all
 *   thresholds to roc-and-pr-curves;
 * - cells that are not 0 must be at least 1e-70 of the total, so that products of four of them stay in float64.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkSquare, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";

/** Name of a class: an integer or a text. */
export type Label = number | string;

/** What stands for a ratio 0/0: the number 0, 1 or NaN, or 'throw' for a RangeError. */
export type ZeroDivision = number | "throw";

/** Option of every function with a ratio in it. */
export interface ZeroDivisionOption {
  /** value of a ratio 0/0, default 0; the result's `undefinedMetrics` names each metric that got it */
  readonly zeroDivision?: ZeroDivision;
}

/** How `confusionMatrix` counts. */
export interface ConfusionMatrixOptions<L extends Label> {
  /** classes in the order of rows and columns; default: all in yTrue or yPred, ascending */
  readonly labels?: ArrayLike<L>;
  /** wᵢ ≥ 0, one per sample, not all 0: what sample i counts; default all 1 */
  readonly sampleWeight?: ArrayLike<number>;
  /** divide by the row's sum ('true'), the column's ('pred'), the total ('all'), or by nothing (null, default) */
  readonly normalize?: "true" | "pred" | "all" | null;
}

/** What `confusionMatrix` returns. */
export interface ConfusionMatrix<L extends Label = Label> {
  /** C, K×K: entry (i, j) counts true class i predicted as class j */
  readonly matrix: Matrix;
  /** K names, of rows and of columns */
  readonly labels: readonly L[];
}

/**
 * The confusion matrix. Rows are true classes, columns predicted ones.
 *
 * A row or column without samples stays 0 when it is normalised.
 *
 * @param yTrue n labels, integers or texts, but not both
 * @param yPred n labels of the same kind: decisions, not scores
 * @throws {TypeError} yTrue, yPred or labels is no list
 * @throws {RangeError} no samples; lengths that differ; a label that is neither an integer nor a text, of another kind than
 *   the first, or not in `labels`; `labels` empty or with duplicates; a weight negative or not finite; weights whose sum
 *   is 0 or Infinity; an unknown `normalize`
 * @example
 * const { matrix: C, labels } = confusionMatrix(["cat", "cat", "cat", "dog"], ["cat", "dog", "cat", "dog"]);
 * labels // ["cat", "dog"]
 * C.data // Float64Array [2, 1, 0, 1]
 */
export function confusionMatrix<L extends Label>(
  yTrue: ArrayLike<L>,
  yPred: ArrayLike<L>,
  options: ConfusionMatrixOptions<L> = {},
): ConfusionMatrix<L> {
  const caller = "confusionMatrix";
  const { normalize = null } = options;
  const n = checkTargets(caller, yTrue, yPred);
  if (normalize !== null) checkChoice(caller, "normalize", normalize, ["true", "pred", "all"]);
  const weights = checkWeights(caller, options.sampleWeight, n);
  const labels = options.labels === undefined ? classesOf(yTrue, yPred) : checkClasses(caller, options.labels);
  const K = labels.length;
  const position = new Map(labels.map((label, k) => [label, k]));
  const find = (name: string, y: ArrayLike<L>, i: number) => {
    const k = position.get(y[i]!);
    if (k === undefined) throw new RangeError(`${caller}: ${name} must be in labels, got ${quoted(y[i])} at ${i}`);
    return k;
  };
  const C = new Float64Array(K * K);
  for (let i = 0; i < n; i++) C[find("yTrue", yTrue, i) * K + find("yPred", yPred, i)]! += weights?.[i] ?? 1; // (1)
  return { matrix: matrixOver(normalize === null ? C : normalized(C, K, normalize), K, K), labels };
}

function normalized(C: Float64Array, K: number, by: "true" | "pred" | "all"): Float64Array {
  const { t, p, n } = margins(C, K);
  return C.map((count, at) => {
    const sum = by === "true" ? t[Math.floor(at / K)]! : by === "pred" ? p[at % K]! : n;
    return sum === 0 ? 0 : count / sum;
  });
}

/** Row sums t (true classes), column sums p (predictions) and the total n. */
function margins(C: Float64Array, K: number) {
  const [t, p] = [new Float64Array(K), new Float64Array(K)];
  for (let at = 0; at < K * K; at++) {
    t[Math.floor(at / K)]! += C[at]!;
    p[at % K]! += C[at]!;
  }
  return { t, p, n: sumOf(t) };
}

/** The four cells of a yes-or-no decision: counts, weights, or shares. */
export interface BinaryCounts {
  /** positives called positive */
  readonly tp: number;
  /** positives called negative, error of type II */
  readonly fn: number;
  /** negatives called positive, error of type I */
  readonly fp: number;
  /** negatives called negative */
  readonly tn: number;
}

/**
 * The four cells of each class against all others.
 *
 * @param matrix K×K counts, rows true
 * @returns K sets of cells, in the order of the rows
 * @throws {TypeError} the matrix is no matrix
 * @throws {RangeError} it is not square; a count is negative, not finite, or positive but below 1e-70 of the total; their
 *   total is 0 or Infinity
 * @example
 * oneVsRest(matrix([[5, 1], [2, 4]]))[0] // { tp: 5, fn: 1, fp: 2, tn: 4 }
 */
export function oneVsRest(matrix: Matrix): BinaryCounts[] {
  const { C, K } = checkCounts("oneVsRest", matrix);
  return restOf(C, K);
}

function restOf(C: Float64Array, K: number): BinaryCounts[] {
  const { t, p, n } = margins(C, K);
  return Array.from(t, (_, k) => {
    const tp = C[k * K + k]!;
    return { tp, fn: t[k]! - tp, fp: p[k]! - tp, tn: Math.max(0, n - t[k]! - p[k]! + tp) }; // (2), weights may round below 0
  });
}

/**
 * The four cells when scores of at least the threshold are called positive.
 *
 * @param yTrue n labels
 * @param scores n scores, larger for the positive class; ±Infinity is allowed
 * @param threshold in the units of the scores; −Infinity calls everything positive
 * @param options.positiveLabel the label that counts as positive, default 1; every other label is negative
 * @param options.sampleWeight as in `confusionMatrix`
 * @throws {TypeError} yTrue or scores is no list
 * @throws {RangeError} lengths that differ or are 0, a label that is no label, a score or threshold NaN, bad weights
 * @example
 * countsAtThreshold([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1], 0.5) // { tp: 1, fn: 1, fp: 1, tn: 1 }
 */
export function countsAtThreshold(
  yTrue: ArrayLike<Label>,
  scores: ArrayLike<number>,
  threshold: number,
  options: { readonly positiveLabel?: Label; readonly sampleWeight?: ArrayLike<number> } = {},
): BinaryCounts {
  const caller = "countsAtThreshold";
  const { positiveLabel = 1 } = options;
  const n = checkPair(caller, "yTrue", yTrue, "scores", scores);
  checkLabelsOf(caller, "yTrue", yTrue, typeof yTrue[0]);
  const weights = checkWeights(caller, options.sampleWeight, n);
  if (Number.isNaN(threshold)) throw new RangeError(`${caller}: threshold must be a number, got NaN`);
  const cells = new Float64Array(4);
  for (let i = 0; i < n; i++) {
    if (!(scores[i]! >= -Infinity)) throw new RangeError(`${caller}: scores must be numbers, got ${scores[i]} at ${i}`);
    cells[(yTrue[i] === positiveLabel ? 0 : 2) + (scores[i]! >= threshold ? 0 : 1)]! += weights?.[i] ?? 1;
  }
  return { tp: cells[0]!, fn: cells[1]!, fp: cells[2]!, tn: cells[3]! };
}

/** What `binaryMetrics` returns: rates are shares in [0, 1]. */
export interface BinaryMetrics {
  /** share of positives, P/n */
  readonly prevalence: number;
  /** share of correct decisions */
  readonly accuracy: number;
  /** TP/P: true-positive rate, recall, 1 − fnr */
  readonly sensitivity: number;
  /** TN/N: true-negative rate, 1 − fpr */
  readonly specificity: number;
  /** TP/P̂: positive predictive value */
  readonly precision: number;
  /** TN/N̂: negative predictive value */
  readonly npv: number;
  /** FP/N: false-positive rate */
  readonly fpr: number;
  /** FN/P: false-negative rate */
  readonly fnr: number;
  /** harmonic mean of precision and sensitivity */
  readonly f1: number;
  /** mean of sensitivity and specificity; the one that exists where the truth has one class only */
  readonly balancedAccuracy: number;
  /** sensitivity + specificity − 1, Youden's J, in [−1, 1] */
  readonly informedness: number;
  /** precision + npv − 1, in [−1, 1] */
  readonly markedness: number;
  /** Matthews' correlation coefficient, in [−1, 1] */
  readonly mcc: number;
  /** Cohen's κ, in [−1, 1] */
  readonly kappa: number;
  /** sensitivity/fpr: what a positive result multiplies the odds by; Infinity without false positives */
  readonly likelihoodRatioPositive: number;
  /** fnr/specificity: what a negative result multiplies the odds by */
  readonly likelihoodRatioNegative: number;
  /** metrics that are 0/0 here and got the value of `zeroDivision` */
  readonly undefinedMetrics: readonly string[];
}

/**
 * The metrics of four cells.
 *
 * @throws {RangeError} a cell negative, not finite, or positive but below 1e-70 of the total; a total of 0 or Infinity;
 *   a ratio 0/0 under `zeroDivision: 'throw'`; another `zeroDivision`
 * @example
 * const { mcc, f1, precision } = binaryMetrics({ tp: 90, fn: 10, fp: 40, tn: 860 });
 * [mcc, f1, precision] // [0.7632, 0.7826, 0.6923]
 */
export function binaryMetrics(counts: BinaryCounts, { zeroDivision }: ZeroDivisionOption = {}): BinaryMetrics {
  const caller = "binaryMetrics";
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const { tp, fn, fp, tn } = checkCells(caller, counts);
  const [P, N] = [tp + fn, fp + tn]; // true classes
  const [Phat, Nhat] = [tp + fp, fn + tn]; // predictions
  const det = tp * tn - fp * fn; // (4)
  const sensitivity = ratio("sensitivity", tp, P);
  const specificity = ratio("specificity", tn, N);
  return {
    prevalence: P / (P + N),
    accuracy: (tp + tn) / (P + N),
    sensitivity, // (3)
    specificity,
    precision: ratio("precision", tp, Phat),
    npv: ratio("npv", tn, Nhat),
    fpr: ratio("fpr", fp, N),
    fnr: ratio("fnr", fn, P),
    f1: ratio("f1", 2 * tp, 2 * tp + fp + fn),
    balancedAccuracy: P === 0 ? specificity : N === 0 ? sensitivity : (sensitivity + specificity) / 2,
    informedness: ratio("informedness", det, P * N), // (5)
    markedness: ratio("markedness", det, Phat * Nhat),
    mcc: ratio("mcc", det, Math.sqrt(P * N * (Phat * Nhat))),
    kappa: ratio("kappa", 2 * det, P * Nhat + Phat * N),
    likelihoodRatioPositive: ratio("likelihoodRatioPositive", tp * N, fp * P),
    likelihoodRatioNegative: ratio("likelihoodRatioNegative", fn * N, tn * P),
    undefinedMetrics,
  };
}

/**
 * Division that knows about 0/0: `ratio(name, a, b)` is a/b, or the value of `zeroDivision` with the name kept in
 * `undefinedMetrics`. What all the metric concepts divide with.
 *
 * @param caller name at the front of error messages
 * @throws {RangeError} `zeroDivision` is none of 0, 1, NaN, 'throw'; `ratio` meets 0/0 under 'throw'
 * @example
 * const { ratio, undefinedMetrics } = ratios("demo", 1);
 * ratio("precision", 0, 0) // 1
 * undefinedMetrics // ["precision"]
 */
export function ratios(caller: string, zeroDivision: ZeroDivision = 0) {
  if (![0, 1, Number.NaN, "throw"].includes(zeroDivision)) {
    throw new RangeError(`${caller}: zeroDivision must be 0, 1, NaN or 'throw', got ${quoted(zeroDivision)}`);
  }
  const names: string[] = [];
  const ratio = (name: string, numerator: number, denominator: number): number => {
    if (numerator !== 0 || denominator !== 0) return numerator / denominator;
    if (zeroDivision === "throw") throw new RangeError(`${caller}: ${name} must be defined, got 0/0`);
    names.push(name);
    return zeroDivision;
  };
  return { ratio, undefinedMetrics: names as readonly string[] };
}

/** One number of a whole matrix. */
export interface Score {
  readonly value: number;
  /** what was 0/0 */
  readonly undefinedMetrics: readonly string[];
}

/**
 * Correlation of true and predicted classes, R_K; for two classes Matthews' coefficient.
 *
 * @param matrix K×K counts
 * @returns value in [−1, 1]; 0/0, named 'mcc', where the truth or the predictions hold one class only
 * @throws as `oneVsRest`, and RangeError as `ratios`
 * @example
 * matthewsCorrelation(matrix([[90, 10], [40, 860]])).value // 0.7632
 */
export function matthewsCorrelation(matrix: Matrix, { zeroDivision }: ZeroDivisionOption = {}): Score {
  const caller = "matthewsCorrelation";
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const { scaled, K } = checkCounts(caller, matrix);
  const { t, p } = margins(scaled, K);
  const scale = Math.sqrt(spread(t) * spread(p));
  const det = sumOf(restOf(scaled, K).map(({ tp, fn, fp, tn }) => tp * tn - fp * fn)); // (4), of each class
  const value = ratio("mcc", scale === 0 ? 0 : det, scale); // (6)
  return { value, undefinedMetrics };
}

/** Σ_k m_k (n − m_k) as 2·Σ_{j<k} m_j m_k: exactly 0 when one class holds everything, whatever the rounding. */
function spread(m: Float64Array): number {
  let [sum, before] = [0, 0];
  for (const mk of m) {
    sum += 2 * mk * before;
    before += mk;
  }
  return sum;
}

/**
 * Cohen's κ: agreement beyond what the margins alone would give.
 *
 * @param matrix K×K counts
 * @param options.weights how much a confusion of classes i and j counts: 1 (null, default), |i − j| ('linear') or
 *   (i − j)² ('quadratic'); the last two are for ordered classes
 * @returns value at most 1; 0/0, named 'kappa', where truth and predictions hold the same single class
 * @throws as `oneVsRest`, and RangeError as `ratios` or for unknown weights
 * @example
 * cohenKappa(matrix([[90, 10], [40, 860]])).value // 0.7549
 */
export function cohenKappa(
  matrix: Matrix,
  options: ZeroDivisionOption & { readonly weights?: "linear" | "quadratic" | null } = {},
): Score {
  const caller = "cohenKappa";
  const { weights = null } = options;
  const { ratio, undefinedMetrics } = ratios(caller, options.zeroDivision);
  if (weights !== null) checkChoice(caller, "weights", weights, ["linear", "quadratic"]);
  const { scaled, K } = checkCounts(caller, matrix);
  const { t, p, n } = margins(scaled, K);
  let [observed, expected] = [0, 0];
  for (let i = 0; i < K; i++) {
    for (let j = 0; j < K; j++) {
      const gap = Math.abs(i - j);
      const w = weights === "quadratic" ? gap * gap : weights === "linear" ? gap : Math.min(gap, 1);
      observed += w * scaled[i * K + j]! * n;
      expected += w * t[i]! * p[j]!;
    }
  }
  return { value: ratio("kappa", expected - observed, expected), undefinedMetrics }; // (7)
}

/**
 * Balanced accuracy: the mean of the classes' recalls.
 *
 * @param matrix K×K counts
 * @param options.adjusted rescale so that guessing gives 0 and perfection 1; default false
 * @returns value, a mean over the classes that the truth holds; the others are named 'recall[row]'
 * @throws as `oneVsRest`, and RangeError as `ratios`
 * @example
 * balancedAccuracy(matrix([[90, 10], [40, 860]])).value // 0.9278
 */
export function balancedAccuracy(
  matrix: Matrix,
  { adjusted = false, zeroDivision }: ZeroDivisionOption & { readonly adjusted?: boolean } = {},
): Score {
  const caller = "balancedAccuracy";
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const { scaled, K } = checkCounts(caller, matrix);
  const recalls = restOf(scaled, K).flatMap(({ tp, fn }, k) => {
    const recall = ratio(`recall[${k}]`, tp, tp + fn);
    return tp + fn > 0 ? [recall] : [];
  });
  const [mean, present] = [sumOf(recalls) / recalls.length, recalls.length];
  if (!adjusted) return { value: mean, undefinedMetrics };
  const value = present === 1 ? ratio("adjusted", 0, 0) : (mean - 1 / present) / (1 - 1 / present);
  return { value, undefinedMetrics };
}

/** Precision, recall and F1 of a class or an average. */
export interface ReportLine {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** samples (or weight) of the class; of an average: of all */
  readonly support: number;
}

/** What `classificationReport` returns. */
export interface ClassificationReport<L extends Label = Label> {
  readonly classes: readonly (ReportLine & { readonly label: L })[];
  readonly accuracy: number;
  /** mean over the classes */
  readonly macro: ReportLine;
  /** mean over the classes, weighted by support */
  readonly weighted: ReportLine;
  /** what was 0/0, as 'precision[label]' */
  readonly undefinedMetrics: readonly string[];
}

/**
 * Precision, recall and F1 class by class, and their averages; ratios that are NaN are left out of the averages.
 *
 * @param confusion what `confusionMatrix` returns, not normalised
 * @throws as `oneVsRest`, and RangeError as `ratios` or if there is not one label per row
 * @example
 * const report = classificationReport(confusionMatrix([0, 0, 0, 1], [0, 1, 0, 1]));
 * report.macro // { precision: 0.75, recall: 0.8333, f1: 0.7333, support: 4 }
 */
export function classificationReport<L extends Label>(
  { matrix, labels }: ConfusionMatrix<L>,
  { zeroDivision }: ZeroDivisionOption = {},
): ClassificationReport<L> {
  const caller = "classificationReport";
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const { C, K } = checkCounts(caller, matrix);
  if (labels.length !== K) throw new RangeError(`${caller}: labels must have length ${K}, got ${labels.length}`);
  const classes = restOf(C, K).map(({ tp, fn, fp }, k) => {
    const label = labels[k]!;
    const precision = ratio(`precision[${label}]`, tp, tp + fp);
    const recall = ratio(`recall[${label}]`, tp, tp + fn);
    const f1 = ratio(`f1[${label}]`, tp, tp + fp / 2 + fn / 2);
    return { label, precision, recall, f1, support: tp + fn };
  });
  const support = sumOf(C);
  const average = (weightOf: (line: ReportLine) => number): ReportLine => {
    const mean = (metric: "precision" | "recall" | "f1") => {
      const lines = classes.filter((line) => !Number.isNaN(line[metric]));
      return sumOf(lines.map((line) => weightOf(line) * line[metric])) / sumOf(lines.map(weightOf));
    };
    return { precision: mean("precision"), recall: mean("recall"), f1: mean("f1"), support };
  };
  const accuracy = sumOf(classes.map((_, k) => C[k * K + k]!)) / support;
  return {
    classes,
    accuracy,
    macro: average(() => 1),
    weighted: average((line) => line.support / support),
    undefinedMetrics,
  };
}

/**
 * What a test's result is worth in a population: Bayes' rule.
 *
 * @param population.sensitivity P(positive | condition), in [0, 1]
 * @param population.specificity P(negative | no condition), in [0, 1]
 * @param population.prevalence P(condition), in [0, 1]
 * @returns ppv = P(condition | positive), npv = P(no condition | negative)
 * @throws {RangeError} one of them outside [0, 1]; 0/0 under `zeroDivision: 'throw'`
 * @example
 * atPrevalence({ sensitivity: 0.99, specificity: 0.99, prevalence: 0.001 }).ppv // 0.0902
 */
export function atPrevalence(
  population: { readonly sensitivity: number; readonly specificity: number; readonly prevalence: number },
  { zeroDivision }: ZeroDivisionOption = {},
): { readonly ppv: number; readonly npv: number; readonly undefinedMetrics: readonly string[] } {
  const caller = "atPrevalence";
  const { ratio, undefinedMetrics } = ratios(caller, zeroDivision);
  const share = (name: keyof typeof population) => checkNumber(caller, name, population[name], { min: 0, max: 1 });
  const [sensitivity, specificity, pi] = [share("sensitivity"), share("specificity"), share("prevalence")];
  const [tp, fn] = [pi * sensitivity, pi * (1 - sensitivity)];
  const [fp, tn] = [(1 - pi) * (1 - specificity), (1 - pi) * specificity];
  return { ppv: ratio("ppv", tp, tp + fp), npv: ratio("npv", tn, tn + fn), undefinedMetrics }; // (8)
}

/**
 * Mean cost of a decision.
 *
 * @param matrix K×K counts
 * @param costs K×K: entry (i, j) is the cost of predicting class j where i is true, in any unit; negative for a gain
 * @returns Σ cᵢⱼCᵢⱼ / n, in that unit
 * @throws as `oneVsRest`, and RangeError if the costs are not finite or not K×K
 * @example
 * expectedCost(matrix([[90, 10], [40, 860]]), matrix([[0, 9], [1, 0]])) // 0.13
 */
export function expectedCost(matrix: Matrix, costs: Matrix): number {
  const caller = "expectedCost";
  const { C, K } = checkCounts(caller, matrix);
  const [rows, columns] = checkMatrix(caller, "costs", costs);
  if (!(rows === K && columns === K)) {
    throw new RangeError(`${caller}: costs must be ${K}×${K} like the matrix, got ${rows}×${columns}`);
  }
  const n = sumOf(C);
  return sumOf(rowMajor(costs).map((cost, at) => cost * (C[at]! / n)));
}

/** What decisions cost, in any one unit. */
export interface DecisionCosts {
  readonly falsePositive: number;
  readonly falseNegative: number;
  /** default 0 */
  readonly truePositive?: number;
  /** default 0 */
  readonly trueNegative?: number;
}

/**
 * The probability from which on calling positive is the cheaper decision.
 *
 * @returns threshold in [0, 1], for calibrated probabilities of the positive class
 * @throws {RangeError} a cost not finite, or an error that costs no more than the correct decision
 * @example
 * costOptimalThreshold({ falsePositive: 1, falseNegative: 9 }) // 0.1
 */
export function costOptimalThreshold(costs: DecisionCosts): number {
  const caller = "costOptimalThreshold";
  const { truePositive = 0, trueNegative = 0 } = costs;
  checkNumber(caller, "truePositive", truePositive);
  checkNumber(caller, "trueNegative", trueNegative);
  const falsePositive = checkNumber(caller, "falsePositive", costs.falsePositive, { above: trueNegative });
  const falseNegative = checkNumber(caller, "falseNegative", costs.falseNegative, { above: truePositive });
  // halves: the difference of two costs of 1e308 may overflow
  return 1 / (1 + (falseNegative / 2 - truePositive / 2) / (falsePositive / 2 - trueNegative / 2)); // (9)
}

/**
 * Wilson's interval for a share: the shares p that lie within z standard errors √(p(1−p)/n) of the observed one.
 *
 * @param successes integer in [0, n]: a weighted count has no such interval
 * @param n number of trials, at least 1
 * @param level probability that the interval covers the true share, approximately; in (0, 1), default 0.95
 * @throws {RangeError} an argument outside its range
 * @example
 * wilsonInterval(0, 100) // { estimate: 0, lower: 0, upper: 0.037 }
 */
export function wilsonInterval(
  successes: number,
  n: number,
  level = 0.95,
): { readonly estimate: number; readonly lower: number; readonly upper: number } {
  const caller = "wilsonInterval";
  checkInteger(caller, "n", n, 1);
  checkInteger(caller, "successes", successes, 0, n);
  const z2 = normalHalfWidth(checkNumber(caller, "level", level, { above: 0, below: 1 })) ** 2;
  const failures = n - successes;
  const half = Math.sqrt(z2 * (successes * (failures / n) + z2 / 4));
  const high = (successes + z2 / 2 + half) / (n + z2); // (10)
  const low = ((successes / n) * successes) / (n + z2) / high; // their product is s²/(n(n + z²)): no digits cancel
  return { estimate: successes / n, lower: low, upper: failures === 0 ? 1 : high };
}

/**
 * z with P(|Z| ≤ z) = level for a standard normal Z: half the width of a normal interval, in standard errors.
 *
 * @param level in (0, 1)
 * @throws {RangeError} a level outside (0, 1)
 * @example
 * normalHalfWidth(0.95) // 1.96
 */
export function normalHalfWidth(level: number): number {
  checkNumber("normalHalfWidth", "level", level, { above: 0, below: 1 });
  let z = 0; // Newton from 0: the function is concave there, so no step goes too far
  for (let step = 0; step < 200; step++) {
    const next = z + (level - normalMass(z)) / (Math.sqrt(2 / Math.PI) * Math.exp((-z * z) / 2));
    if (!(next > z)) break;
    z = next;
  }
  return z;
}

/** P(|Z| ≤ z) of a standard normal, by 2φ(z)·Σ z^(2k+1)/(1·3·5⋯(2k+1)): all terms positive, no digits lost. */
function normalMass(z: number): number {
  if (z > 9) return 1; // within 3e-19
  let sum = 0;
  for (let k = 1, term = z; sum + term !== sum; k++, term *= (z * z) / (2 * k - 1)) sum += term;
  return Math.min(1, Math.sqrt(2 / Math.PI) * Math.exp((-z * z) / 2) * sum);
}

/**
 * The four cells, as shares of the population, of a threshold on normal scores: N(0, 1) for negatives and N(d, 1) for
 * positives.
 *
 * @param options.threshold scores from here on are called positive
 * @param options.separation d, in standard deviations
 * @param options.prevalence share of positives, in [0, 1]
 * @throws {RangeError} an option not finite or outside its range
 * @example
 * binormalCounts({ threshold: 1, separation: 2, prevalence: 0.5 }).tp // 0.4207
 */
export function binormalCounts(options: {
  readonly threshold: number;
  readonly separation: number;
  readonly prevalence: number;
}): BinaryCounts {
  const caller = "binormalCounts";
  const threshold = checkNumber(caller, "threshold", options.threshold);
  const separation = checkNumber(caller, "separation", options.separation);
  const pi = checkNumber(caller, "prevalence", options.prevalence, { min: 0, max: 1 });
  const below = (x: number) => (1 + Math.sign(x) * normalMass(Math.abs(x))) / 2; // Φ
  return {
    tp: pi * below(separation - threshold),
    fn: pi * below(threshold - separation),
    fp: (1 - pi) * below(-threshold),
    tn: (1 - pi) * below(threshold),
  };
}

const sumOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
};

const quoted = (value: unknown) => (typeof value === "string" ? `'${value}'` : String(value));

/** K×K counts: as they are, and scaled by a power of two, so that the products of the metrics can neither overflow nor round. */
function checkCounts(caller: string, matrix: Matrix) {
  const K = checkSquare(caller, "matrix", matrix);
  const C = rowMajor(matrix);
  return { C, K, scaled: checkedScale(caller, C, (at) => `matrix[${Math.floor(at / K)}][${at % K}]`) };
}

function checkCells(caller: string, { tp, fn, fp, tn }: BinaryCounts): BinaryCounts {
  const scaled = checkedScale(caller, Float64Array.of(tp, fn, fp, tn), (at) => ["tp", "fn", "fp", "tn"][at]!);
  return { tp: scaled[0]!, fn: scaled[1]!, fp: scaled[2]!, tn: scaled[3]! };
}

function checkedScale(caller: string, counts: Float64Array, nameOf: (at: number) => string): Float64Array {
  counts.forEach((count, at) => void checkNumber(caller, nameOf(at), count, { min: 0 }));
  const total = sumOf(counts);
  if (!(total > 0 && total < Infinity)) {
    throw new RangeError(`${caller}: counts must have a positive, finite total, got ${total}`);
  }
  const small = counts.findIndex((count) => count > 0 && count < 1e-70 * total);
  if (small >= 0) {
    throw new RangeError(
      `${caller}: ${nameOf(small)} must be 0 or at least 1e-70 of the total ${total}, got ${counts[small]}`,
    );
  }
  const power = Math.floor(Math.log2(total) / 2); // twice half of it: 2^1074 is no float64
  return counts.map((count) => count * 2 ** -power * 2 ** -power);
}

function checkPair(caller: string, nameA: string, a: ArrayLike<unknown>, nameB: string, b: ArrayLike<unknown>): number {
  for (const [name, list] of [
    [nameA, a],
    [nameB, b],
  ] as const) {
    if (!(typeof list === "object" && list !== null && typeof list.length === "number")) {
      throw new TypeError(`${caller}: ${name} must be a list, got ${list === null ? "null" : typeof list}`);
    }
  }
  if (!(a.length >= 1)) throw new RangeError(`${caller}: ${nameA} must not be empty, got length 0`);
  if (b.length !== a.length) throw new RangeError(`${caller}: ${nameB} must have length ${a.length}, got ${b.length}`);
  return a.length;
}

function checkTargets(caller: string, yTrue: ArrayLike<Label>, yPred: ArrayLike<Label>): number {
  const n = checkPair(caller, "yTrue", yTrue, "yPred", yPred);
  checkLabelsOf(caller, "yTrue", yTrue, typeof yTrue[0]);
  checkLabelsOf(caller, "yPred", yPred, typeof yTrue[0]);
  return n;
}

/** Every entry an integer or a text, all of one kind. */
function checkLabelsOf(caller: string, name: string, y: ArrayLike<Label>, kind: string): void {
  for (let i = 0; i < y.length; i++) {
    const label = y[i]!;
    if (!(Number.isInteger(label) || typeof label === "string")) {
      throw new RangeError(`${caller}: ${name} must hold labels, integers or texts, got ${quoted(label)} at ${i}`);
    }
    if (typeof label !== kind) {
      throw new RangeError(`${caller}: ${name} must hold a ${kind} like yTrue[0], got ${quoted(label)} at ${i}`);
    }
  }
}

function checkWeights(caller: string, weights: ArrayLike<number> | undefined, n: number): Float64Array | undefined {
  if (weights === undefined) return undefined;
  const w = checkVector(caller, "sampleWeight", weights, n);
  w.forEach((value, i) => void checkNumber(caller, `sampleWeight[${i}]`, value, { min: 0 }));
  const total = sumOf(w);
  if (!(total > 0 && total < Infinity)) {
    throw new RangeError(`${caller}: sampleWeight must have a positive, finite sum, got ${total}`);
  }
  return w;
}

function checkClasses<L extends Label>(caller: string, labels: ArrayLike<L>): L[] {
  checkPair(caller, "labels", labels, "labels", labels);
  const list = Array.from(labels);
  list.forEach((label, k) => {
    if (list.indexOf(label) < k)
      throw new RangeError(`${caller}: labels must differ, got ${quoted(label)} again at ${k}`);
  });
  return list;
}

/** All labels of both lists, once each: integers ascending, texts by their code units. */
function classesOf<L extends Label>(yTrue: ArrayLike<L>, yPred: ArrayLike<L>): L[] {
  const seen = new Set<L>();
  for (const y of [yTrue, yPred]) for (let i = 0; i < y.length; i++) seen.add(y[i]!);
  return [...seen].sort((a, b) => (a < b ? -1 : 1));
}
