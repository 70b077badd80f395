/**
 * Softmax and cross-entropy from logits: loss, gradient and probabilities of each row from one set of exponentials, in float64.
 *
 * Follows John S. Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships
 * to Statistical Pattern Recognition", 1990. https://doi.org/10.1007/978-3-642-76153-9_28
 * The arithmetic follows Pierre Blanchard, Desmond J. Higham, Nicholas J. Higham, "Accurately computing the log-sum-exp
 * and softmax functions", 2021. https://doi.org/10.1093/imanum/draa038
 *
 * But:
 * - logits are a matrix, one row a sample: images and sequences are flattened to rows first;
 * - the regression is full-batch gradient descent from zero, with neither penalty nor stopping rule;
 * - nothing is sampled and no vocabulary is split: sampled softmax and parallel heads are left out.
 */
import { checkChoice, checkInteger, checkLabels, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { gemm } from "../../lib/gemm.js";
import { type Matrix, matrixOver, rowMajor, transpose, zeros } from "../../lib/matrix.js";

/** What `crossEntropy` can be told beyond logits and targets. */
export interface CrossEntropyOptions {
  /** wₖ ≥ 0, one per class: each class' share of the loss is multiplied by it; default all 1 */
  readonly weights?: ArrayLike<number>;
  /** rows with this label take no part (loss 0, gradient 0); by default every label counts */
  readonly ignoreIndex?: number;
  /** ε in [0, 1]: the target becomes (1 − ε)·y + ε/K; default 0 */
  readonly labelSmoothing?: number;
  /** 'mean' divides by Σ w_yᵢ over the labels that count (with soft targets: by n), 'sum' does not divide; default 'mean' */
  readonly reduction?: "mean" | "sum";
  /** soft targets need not sum to 1; default false */
  readonly allowUnnormalised?: boolean;
}

/** What `crossEntropy` returns. */
export interface CrossEntropy {
  /** mean or sum of the losses, in nats */
  readonly loss: number;
  /** ℓᵢ, weighted but not averaged, in nats; 0 where ignored */
  readonly losses: Float64Array;
  /** ∂loss/∂logits, n×K */
  readonly gradient: Matrix;
  /** softmax of every row, n×K */
  readonly probabilities: Matrix;
  /** logsumexp of every row: log-probabilities are logits − logZ */
  readonly logZ: Float64Array;
  /** rows that are not ignored */
  readonly count: number;
}

/**
 * Cross-entropy between targets and the softmax of logits, with its gradient in closed form.
 *
 * The loss keeps its digits however small or large: the softmax is never rounded before its logarithm is taken. It is
 * Infinity where a target puts mass on a logit of −Infinity (label smoothing does, on every masked class) and where the
 * loss of a row, or the sum over the rows, is beyond 1.8e308.
 *
 * @param logits n×K; −Infinity masks a class (probability 0; gradient 0 where its target is 0), but not all of a row
 * @param targets n labels in [0, K), or an n×K matrix of probabilities, each row summing to 1 within 1e-6
 * @returns loss, losses, gradient, probabilities, logZ, count; with every label ignored, loss 0 and count 0
 * @throws {TypeError} logits, or targets that are no list of labels, are not a rank-2 ndarray of Float64Array
 * @throws {RangeError} a logit NaN or Infinity, or none finite in a row; a label that is no integer in [0, K); a target
 *   negative, not finite, or a row of them not summing to 1; shapes that do not fit; an option outside its range;
 *   `ignoreIndex` with soft targets; labels whose weights sum to 0 or Infinity, when they are to be averaged; a row whose
 *   weighted target sums to Infinity
 * @example
 * const { loss, gradient } = crossEntropy(matrix([[Math.log(6), Math.log(3), 0]]), [1]); // p = (0.6, 0.3, 0.1)
 * loss // 1.203973
 * toRows(gradient) // [[0.6, -0.7, 0.1]]
 */
export function crossEntropy(
  logits: Matrix,
  targets: ArrayLike<number> | Matrix,
  options: CrossEntropyOptions = {},
): CrossEntropy {
  const [n, K] = checkLogits("crossEntropy", logits);
  const { readTarget, divisor, count } = isMatrix(targets)
    ? softTargets(targets, n, K, options)
    : hardTargets(targets, n, K, options);
  const z = rowMajor(logits);
  const [p, gradient] = [new Float64Array(n * K), new Float64Array(n * K)];
  const [losses, logZ, t] = [new Float64Array(n), new Float64Array(n), new Float64Array(K)];
  let total = 0;
  for (let i = 0, start = 0; i < n; i++, start += K) {
    const s = readTarget(i, t);
    if (!(s < Infinity))
      throw new RangeError(`crossEntropy: weighted targets must have a finite sum, got ${s} in row ${i}`);
    const top = argmax(z, start, K);
    const max = z[top]!;
    const rest = shiftedExponentials(z, start, K, top, p);
    const logSum = Math.log1p(rest);
    logZ[i] = max + logSum; // (2)
    let loss = s * logSum;
    for (let k = 0, at = start; k < K; k++, at++) {
      p[at] = p[at]! / (1 + rest); // (1)
      if (t[k]! > 0) loss += t[k]! * (max - z[at]!); // (3), and 0·∞ = 0: a masked class without mass costs nothing
      gradient[at] = (s * p[at]! - t[k]!) / divisor; // (4)
    }
    losses[i] = loss;
    total += loss;
  }
  const loss = total / divisor; // (5)
  return { loss, losses, gradient: matrixOver(gradient, n, K), probabilities: matrixOver(p, n, K), logZ, count };
}

/** Where rows of targets come from: `readTarget` writes wₖyₖ of row i into t and returns their sum, the row's mass. */
interface Targets {
  readonly readTarget: (i: number, t: Float64Array) => number;
  /** what the sum of losses and gradients is divided by */
  readonly divisor: number;
  readonly count: number;
}

function hardTargets(y: ArrayLike<number>, n: number, K: number, options: CrossEntropyOptions): Targets {
  const { weights, smoothing, reduction } = checkOptions(K, options);
  const { ignoreIndex = Number.NaN } = options; // NaN equals no label
  if (options.ignoreIndex !== undefined)
    checkInteger("crossEntropy", "ignoreIndex", ignoreIndex, Number.MIN_SAFE_INTEGER);
  if (typeof y?.length !== "number") {
    throw new TypeError(`crossEntropy: targets must be an array of labels or a matrix, got ${y}`);
  }
  if (y.length !== n) throw new RangeError(`crossEntropy: labels must have length ${n}, got ${y.length}`);
  let [count, weight] = [0, 0];
  for (let i = 0; i < n; i++) {
    if (y[i] === ignoreIndex) continue;
    weight += weights[checkInteger("crossEntropy", `labels[${i}]`, y[i]!, 0, K - 1)]!;
    count++;
  }
  if (reduction === "mean" && count > 0 && !(weight > 0 && weight < Infinity)) {
    throw new RangeError(
      `crossEntropy: weights of the labels must have a positive, finite sum to average over, got ${weight}`,
    );
  }
  const uniform = weights.map((w) => (w * smoothing) / K);
  const uniformMass = uniform.reduce((sum, u) => sum + u, 0);
  const readTarget = (i: number, t: Float64Array) => {
    if (y[i] === ignoreIndex) {
      t.fill(0);
      return 0;
    }
    const own = weights[y[i]!]! * (1 - smoothing);
    t.set(uniform);
    t[y[i]!] = t[y[i]!]! + own;
    return own + uniformMass;
  };
  return { readTarget, divisor: reduction === "mean" && count > 0 ? weight : 1, count };
}

function softTargets(targets: Matrix, n: number, K: number, options: CrossEntropyOptions): Targets {
  const { weights, smoothing, reduction } = checkOptions(K, options);
  if (options.ignoreIndex !== undefined) {
    throw new RangeError(`crossEntropy: ignoreIndex must be left out with soft targets, got ${options.ignoreIndex}`);
  }
  checkMatrix("crossEntropy", "targets", targets);
  if (!(targets.shape[0] === n && targets.shape[1] === K)) {
    throw new RangeError(`crossEntropy: targets must be ${n}×${K} like the logits, got ${targets.shape.join("×")}`);
  }
  const y = rowMajor(targets);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < K; k++) {
      const value = y[i * K + k]!;
      if (!(value >= 0))
        throw new RangeError(`crossEntropy: targets must not be negative, got ${value} at (${i}, ${k})`);
      sum += value;
    }
    if (!(options.allowUnnormalised || Math.abs(sum - 1) <= 1e-6)) {
      throw new RangeError(
        `crossEntropy: targets must sum to 1 in every row (or set allowUnnormalised), got ${sum} in row ${i}`,
      );
    }
  }
  const readTarget = (i: number, t: Float64Array) => {
    let mass = 0;
    for (let k = 0; k < K; k++) mass += t[k] = weights[k]! * ((1 - smoothing) * y[i * K + k]! + smoothing / K);
    return mass;
  };
  return { readTarget, divisor: reduction === "mean" ? n : 1, count: n };
}

function checkOptions(K: number, { weights, labelSmoothing = 0, reduction = "mean" }: CrossEntropyOptions) {
  checkChoice("crossEntropy", "reduction", reduction, ["mean", "sum"]);
  checkNumber("crossEntropy", "labelSmoothing", labelSmoothing, { min: 0, max: 1 });
  const w = weights === undefined ? new Float64Array(K).fill(1) : checkVector("crossEntropy", "weights", weights, K);
  w.forEach((value, k) => void checkNumber("crossEntropy", `weights[${k}]`, value, { min: 0 }));
  return { weights: w, smoothing: labelSmoothing, reduction };
}

/**
 * logsumexp: ln Σ exp(zₖ), without overflow and without losing what is small beside the largest term.
 *
 * The contract, for everything that is built on it:
 * - any finite z: finite, unless the result itself is beyond 1.8e308; max z ≤ result ≤ max z + ln(length) up to rounding;
 * - −Infinity is the logarithm of 0 and adds nothing; all of them −Infinity, or none at all (an empty sum): −Infinity;
 * - one +Infinity: +Infinity;
 * - one element: that element, to the bit;
 * - logSumExp([0, −40]) is 4.2e-18, not 0: the largest term is left out of the sum and comes back through log1p.
 *
 * @param z log-weights, any length, not changed
 * @throws {RangeError} an element is NaN
 * @example
 * logSumExp([Math.log(6), Math.log(3), 0]) // 2.302585
 */
export function logSumExp(z: ArrayLike<number>): number {
  for (let k = 0; k < z.length; k++) {
    if (Number.isNaN(z[k])) throw new RangeError(`logSumExp: z must not hold NaN, got NaN at ${k}`);
  }
  if (z.length === 0) return -Infinity;
  const top = argmax(z, 0, z.length);
  const max = z[top]!;
  if (!Number.isFinite(max)) return max; // ∞ − ∞ has no value: here the answer needs no arithmetic
  let rest = 0;
  for (let k = 0; k < z.length; k++) if (k !== top) rest += Math.exp(z[k]! - max);
  return max + Math.log1p(rest); // (2)
}

/**
 * softmax: exp(zₖ/T) / Σ exp(zⱼ/T), probabilities that sum to 1.
 *
 * @param z logits, K ≥ 1 of them, at least one finite; −Infinity gets probability 0
 * @param options.temperature T > 0, default 1; towards 0 the largest logit takes all, towards ∞ all become equal
 * @throws {RangeError} z is empty, holds NaN or +Infinity or nothing finite; the temperature is not positive and finite
 * @example
 * softmax([Math.log(6), Math.log(3), 0]) // [0.6, 0.3, 0.1]
 */
export function softmax(
  z: ArrayLike<number>,
  { temperature = 1 }: { readonly temperature?: number } = {},
): Float64Array {
  checkLogitVector("softmax", z);
  checkNumber("softmax", "temperature", temperature, { above: 0 });
  const p = new Float64Array(z.length);
  const rest = shiftedExponentials(z, 0, z.length, argmax(z, 0, z.length), p, temperature);
  return p.map((e) => e / (1 + rest)); // (1)
}

/**
 * Logarithm of the softmax, zₖ − logsumexp(z), computed without the softmax: finite for every finite logit, unless it lies
 * more than 1.8e308 below the largest.
 *
 * @param z logits, K ≥ 1 of them, at least one finite; −Infinity stays −Infinity
 * @throws {RangeError} z is empty, holds NaN or +Infinity or nothing finite
 * @example
 * logSoftmax([0, -1000]) // [0, -1000]
 */
export function logSoftmax(z: ArrayLike<number>): Float64Array {
  checkLogitVector("logSoftmax", z);
  const logP = new Float64Array(z.length);
  const top = argmax(z, 0, z.length);
  const logSum = Math.log1p(shiftedExponentials(z, 0, z.length, top, logP));
  for (let k = 0; k < z.length; k++) logP[k] = z[k]! - z[top]! - logSum; // (2)
  return logP;
}

/**
 * Second derivative of cross-entropy with respect to the logits, diag(p) − ppᵀ, whatever the target of mass 1: also the
 * Jacobian of the softmax and the covariance of a one-hot draw from p.
 *
 * @param p K probabilities that sum to 1 within 1e-6
 * @returns K×K, symmetric, positive semidefinite, each row sums to 0
 * @throws {RangeError} p is empty, negative somewhere, not finite, or does not sum to 1
 * @example
 * toRows(softmaxHessian([0.5, 0.5])) // [[0.25, -0.25], [-0.25, 0.25]]
 */
export function softmaxHessian(p: ArrayLike<number>): Matrix {
  const probability = checkVector("softmaxHessian", "p", p);
  probability.forEach((value, k) => void checkNumber("softmaxHessian", `p[${k}]`, value, { min: 0 }));
  const sum = probability.reduce((total, value) => total + value, 0);
  if (!(Math.abs(sum - 1) <= 1e-6)) throw new RangeError(`softmaxHessian: p must sum to 1, got ${sum}`);
  const K = p.length;
  const hessian = zeros(K, K);
  for (let k = 0; k < K; k++) {
    for (let j = 0; j < K; j++) hessian.set(k, j, (k === j ? probability[k]! : 0) - probability[k]! * probability[j]!); // (6)
  }
  return hessian;
}

/** What `binaryCrossEntropyWithLogits` returns. */
export interface BinaryCrossEntropy {
  /** mean or sum of the losses, in nats; Infinity where their sum is beyond 1.8e308 */
  readonly loss: number;
  /** one per logit, not averaged */
  readonly losses: Float64Array;
  /** ∂loss/∂logits */
  readonly gradient: Float64Array;
  /** σ(z), the probability of the class 1 */
  readonly probabilities: Float64Array;
}

/**
 * Cross-entropy of independent yes-no labels under σ(z), from the logits z: the two-class softmax with logits (0, z).
 *
 * @param logits n finite numbers
 * @param targets n numbers in [0, 1]: labels, or probabilities of the class 1
 * @param options.reduction 'mean' (default) or 'sum'
 * @throws {RangeError} a logit that is not finite, a target outside [0, 1], lengths that differ or are 0
 * @example
 * binaryCrossEntropyWithLogits([-1000], [1]).loss // 1000
 */
export function binaryCrossEntropyWithLogits(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  { reduction = "mean" }: { readonly reduction?: "mean" | "sum" } = {},
): BinaryCrossEntropy {
  const caller = "binaryCrossEntropyWithLogits";
  const z = checkVector(caller, "logits", logits);
  const n = checkInteger(caller, "number of logits", z.length, 1);
  const y = checkVector(caller, "targets", targets, n);
  checkChoice(caller, "reduction", reduction, ["mean", "sum"]);
  const divisor = reduction === "mean" ? n : 1;
  const [losses, gradient, probabilities] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  let total = 0;
  for (let i = 0; i < n; i++) {
    checkNumber(caller, `targets[${i}]`, y[i]!, { min: 0, max: 1 });
    const small = Math.exp(-Math.abs(z[i]!)); // the exponent is never positive: no overflow
    probabilities[i] = (z[i]! >= 0 ? 1 : small) / (1 + small);
    losses[i] = Math.max(z[i]!, 0) - z[i]! * y[i]! + Math.log1p(small); // (7)
    gradient[i] = (probabilities[i]! - y[i]!) / divisor;
    total += losses[i]!;
  }
  return { loss: total / divisor, losses, gradient, probabilities };
}

/** How `softmaxRegression` descends. */
export interface SoftmaxRegressionOptions {
  /** η, length of a step; default 0.1 */
  readonly lr?: number;
  /** number of steps; default 100 */
  readonly steps?: number;
  /** K; default 1 + the largest label, at least 2 */
  readonly classes?: number;
  /** whether each class has a constant of its own; default true */
  readonly intercept?: boolean;
}

/** Softmax regression between two steps. */
export interface SoftmaxRegressionState {
  /** steps taken so far */
  readonly step: number;
  /** mean cross-entropy of these weights, in nats */
  readonly loss: number;
  /** W, d×K: the logits are XW + intercept */
  readonly weights: Matrix;
  /** K constants, all 0 without intercept */
  readonly intercept: Float64Array;
}

/**
 * Softmax regression by gradient descent from zero weights: yields the state before the first step and after each one.
 *
 * @param x n×d samples
 * @param y n labels in [0, classes)
 * @throws {TypeError} x is not a rank-2 ndarray of Float64Array
 * @throws {RangeError} x not finite or empty, a label out of range, an option out of range; logits that overflow because
 *   lr is far too large
 * @example
 * const losses = [...softmaxRegressionSteps(matrix([[1], [-1]]), [0, 1], { steps: 2 })].map(({ loss }) => loss);
 * losses // [0.6931, 0.6444, 0.6004]
 */
export function* softmaxRegressionSteps(
  x: Matrix,
  y: ArrayLike<number>,
  options: SoftmaxRegressionOptions = {},
): Generator<SoftmaxRegressionState, void, undefined> {
  const caller = "softmaxRegression";
  const { lr = 0.1, steps = 100, intercept = true, classes = classesOf(y) } = options;
  const [n, d] = checkMatrix(caller, "x", x);
  const K = checkInteger(caller, "classes", classes, 2);
  const labels = checkLabels(caller, "labels", y, n, K);
  checkNumber(caller, "lr", lr, { above: 0 });
  checkInteger(caller, "steps", steps, 0);
  const [W, b] = [new Float64Array(d * K), new Float64Array(K)];
  for (let step = 0; ; step++) {
    const logits = gemm(n, K, d, x, W);
    for (let at = 0; at < n * K; at++) logits[at] = logits[at]! + b[at % K]!;
    const { loss, gradient } = crossEntropy(matrixOver(logits, n, K), labels);
    yield { step, loss, weights: matrixOver(W.slice(), d, K), intercept: b.slice() };
    if (step === steps) return;
    const dW = gemm(d, K, n, transpose(x), gradient.data); // (8)
    for (let at = 0; at < d * K; at++) W[at] = W[at]! - lr * dW[at]!;
    if (intercept) for (let at = 0; at < n * K; at++) b[at % K] = b[at % K]! - lr * gradient.data[at]!;
  }
}

/**
 * Softmax regression, run to the end of `steps`: the last state of `softmaxRegressionSteps`, with the trace of the loss.
 *
 * @param x n×d samples
 * @param y n labels in [0, classes)
 * @returns the last state, and `losses` before the first step and after each one, steps + 1 of them
 * @throws as `softmaxRegressionSteps`
 * @example
 * softmaxRegression(matrix([[1], [-1]]), [0, 1], { steps: 2 }).loss // 0.6004
 */
export function softmaxRegression(
  x: Matrix,
  y: ArrayLike<number>,
  options: SoftmaxRegressionOptions = {},
): SoftmaxRegressionState & { readonly losses: Float64Array } {
  const losses: number[] = [];
  let last: SoftmaxRegressionState | undefined;
  for (const state of softmaxRegressionSteps(x, y, options)) losses.push((last = state).loss);
  return { ...last!, losses: Float64Array.from(losses) };
}

/** 1 + the largest label, at least 2. */
function classesOf(y: ArrayLike<number>): number {
  let largest = 1;
  for (let i = 0; i < y.length; i++) if (y[i]! > largest) largest = Math.floor(y[i]!);
  return 1 + largest;
}

/** Position of the largest of the `length` numbers from `start` on, the first where several are equal. */
function argmax(z: ArrayLike<number>, start: number, length: number): number {
  let top = start;
  for (let at = start + 1; at < start + length; at++) if (z[at]! > z[top]!) top = at;
  return top;
}

/**
 * Writes exp((zₖ − max z)/T) to p and returns the sum of all but the largest: with that 1 left out, terms below 1e-16 count.
 * Shifted by the maximum no exponent is positive, so nothing overflows and what underflows was below 5e-324 of the sum.
 */
function shiftedExponentials(
  z: ArrayLike<number>,
  start: number,
  length: number,
  top: number,
  p: Float64Array,
  T = 1,
): number {
  const max = z[top]!;
  let rest = 0;
  for (let at = start; at < start + length; at++) {
    const gap = z[at]! - max;
    p[at] = Math.exp(gap > -Infinity ? gap / T : z[at]! / T - max / T); // a gap that overflows may not once it is divided
    if (at !== top) rest += p[at]!;
  }
  return rest;
}

function isMatrix(targets: ArrayLike<number> | Matrix): targets is Matrix {
  return typeof targets === "object" && targets !== null && "shape" in targets;
}

/** Shape of the logits, after every rule but finiteness of all: −Infinity is allowed as a mask. */
function checkLogits(caller: string, logits: Matrix): readonly [rows: number, columns: number] {
  if (!(logits?.data instanceof Float64Array && logits.shape.length === 2)) {
    throw new TypeError(`${caller}: logits must be a rank-2 ndarray of Float64Array`);
  }
  const [n, K] = logits.shape as [number, number];
  if (!(n >= 1 && K >= 1))
    throw new RangeError(`${caller}: logits must have at least one row and one column, got ${n}×${K}`);
  const z = rowMajor(logits);
  for (let i = 0; i < n; i++) {
    let finite = 0;
    for (let k = 0; k < K; k++) {
      const value = z[i * K + k]!;
      if (!(value < Infinity)) {
        throw new RangeError(`${caller}: logits must be finite or -Infinity, got ${value} at (${i}, ${k})`);
      }
      if (value > -Infinity) finite++;
    }
    if (finite === 0)
      throw new RangeError(`${caller}: logits must hold a finite number in every row, got none in row ${i}`);
  }
  return [n, K];
}

function checkLogitVector(caller: string, z: ArrayLike<number>): void {
  let finite = 0;
  for (let k = 0; k < z.length; k++) {
    if (!(z[k]! < Infinity)) throw new RangeError(`${caller}: logits must be finite or -Infinity, got ${z[k]} at ${k}`);
    if (z[k]! > -Infinity) finite++;
  }
  if (finite === 0) throw new RangeError(`${caller}: logits must hold a finite number, got none among ${z.length}`);
}
