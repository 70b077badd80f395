/**
 * Batch and layer normalisation: subtract a mean and divide by a standard deviation, then scale and shift. Batch norm takes
 * its statistics from a channel over the batch, layer norm from an example over its features; that is all the difference,
 * and it decides whether examples see each other.
 *
 * Follows Ioffe, Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
 * 2015. https://arxiv.org/abs/1502.03167
 * Follows Ba, Kiros, Hinton, "Layer Normalization", 2016. https://arxiv.org/abs/1607.06450
 * Follows Wu, He, "Group Normalization", 2018. https://arxiv.org/abs/1803.08494
 * Follows Zhang, Sennrich, "Root Mean Square Layer Normalization", 2019. https://arxiv.org/abs/1910.07467
 * But:
 * - Channels are the last axis, and γ and β are one number for each; PyTorch's layer norm has one for each feature of an image.
 * - Statistics are computed in two passes, not by sums of squares, which cancel; none are shared between devices.
 */
import type { NdArray } from "ndarray";
import { accuracyOf, digitsData } from "../../autodiff/digits.js";
import * as layers from "../../autodiff/layers.js";
import { crossEntropy, gather, relu } from "../../autodiff/ops.js";
import { batches, train } from "../../autodiff/train.js";
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { gemm } from "../../lib/gemm.js";
import { contiguous, imagesOver } from "../../lib/images.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { noGrad, type Tensor, tensor } from "../deep-learning-foundations/backpropagation.js";
import { SGD } from "./sgd-with-momentum.js";

/** Examples by channels, n×C, or images N×H×W×C: the last axis is the channel. */
export type Batch = NdArray<Float64Array>;

/** Scale and shift, a number for each channel; left out, 1 and 0. */
export interface Affine {
  /** γ */
  readonly gamma?: ArrayLike<number>;
  /** β */
  readonly beta?: ArrayLike<number>;
}

/** Options of the norms that are the same in training and inference. */
export interface NormOptions extends Affine {
  /** ε ≥ 0, default 1e-5; with 0 what does not vary becomes β */
  readonly eps?: number;
}

/** Options of `batchNorm`. */
export interface BatchNormOptions extends NormOptions {
  /** running mean of each channel, default 0 */
  readonly runningMean?: ArrayLike<number>;
  /** running variance of each channel, default 1 */
  readonly runningVar?: ArrayLike<number>;
  /** weight of the new batch in the running statistics, as in PyTorch, default 0.1; Keras' momentum is 1 minus it */
  readonly momentum?: number;
  /** true (default): this batch's statistics; false: the running ones */
  readonly training?: boolean;
  /** which variance the running one averages: 'unbiased' (÷(n − 1), default, PyTorch) or 'biased' (÷n, Keras) */
  readonly varianceForRunning?: "unbiased" | "biased";
}

/** A normalised batch, and what its backward pass needs. */
export interface Normalized {
  /** of the shape of x */
  readonly y: Batch;
  readonly cache: NormCache;
}

/** What `batchNorm` returns. */
export interface BatchNorm extends Normalized {
  /** C, the statistics that were used; the variance is ÷n */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** C, for the next batch; unchanged if not training */
  readonly runningMean: Float64Array;
  readonly runningVar: Float64Array;
}

/** What a backward pass needs. */
export interface NormCache {
  /** standardised input, row-major */
  readonly xHat: Float64Array;
  readonly shape: readonly number[];
  /** 1/√(σ² + ε) of each group */
  readonly scale: Float64Array;
  readonly gamma: Float64Array;
  /** which numbers share their statistics */
  readonly groups: Groups;
  /** what of the input was subtracted or divided by: mean and variance, the mean square, or nothing (inference) */
  readonly statistics: "both" | "square" | "none";
}

/** Which numbers share their statistics: `of` has for each number that of its group; each group has `size` numbers. */
export interface Groups {
  readonly of: Int32Array;
  readonly size: number;
}

/**
 * Batch normalisation: each channel over the batch and all positions.
 *
 * @param x n×C or N×H×W×C, not changed
 * @throws {TypeError} x is of another rank, or not of float64
 * @throws {RangeError} x is not finite or empty, a vector is not of length C, a running variance is negative, an option is out
 *   of range, or a channel has a single value in training: its output would be β whatever it is
 * @example
 * const { y, runningMean, runningVar } = batchNorm(matrix([[1], [3]]), { eps: 0 });
 * toRows(y) // [[-1], [1]]
 * [...runningMean, ...runningVar] // [0.2, 1.1]
 */
export function batchNorm(x: Batch, options: BatchNormOptions = {}): BatchNorm {
  const caller = "batchNorm";
  const { data, C, n } = checkBatch(caller, "x", x);
  const { eps, alpha, training, unbias, oldMean, oldVar, gamma, beta } = checkBatchNorm(caller, options, n, C);
  const groups = groupsOf(n, C, n, 1);
  const { xHat, mean, variance, scale } = training
    ? standardize(data, groups, eps) // (1)
    : standardizeWith(data, oldMean, oldVar, eps);
  const blend = (old: Float64Array, batch: Float64Array, factor: number) =>
    training ? old.map((r, c) => (1 - alpha) * r + alpha * factor * batch[c]!) : old; // (2)
  return {
    y: affine(x.shape, xHat, gamma, beta),
    mean,
    variance,
    runningMean: blend(oldMean, mean, 1),
    runningVar: blend(oldVar, variance, unbias),
    cache: { xHat, shape: x.shape, scale, gamma, groups, statistics: training ? "both" : "none" },
  };
}

/**
 * Layer normalisation: each example by its own mean and variance, over its C channels, or H·W·C numbers.
 *
 * @param x n×C or N×H×W×C, not changed; for a sequence, a row for each token
 * @throws as `groupNorm`
 * @example
 * toRows(layerNorm(matrix([[1, 3], [10, 30]]), { eps: 0 }).y) // [[-1, 1], [-1, 1]]
 */
export function layerNorm(x: Batch, options: NormOptions = {}): Normalized {
  return normOfExamples("layerNorm", x, 1, options, "both");
}

/**
 * Group normalisation: each example by groups of neighbouring channels, over all positions. One group is layer norm, a group
 * for each channel is instance norm.
 *
 * @param x n×C or N×H×W×C, not changed
 * @param groups a divisor of C
 * @throws {TypeError} x is of another rank, or not of float64
 * @throws {RangeError} x is not finite or empty, groups does not divide C, gamma or beta is not of length C, eps is negative
 * @example
 * toRows(groupNorm(matrix([[1, 3, 50, 10]]), 2, { eps: 0 }).y) // [[-1, 1, 1, -1]]
 */
export function groupNorm(x: Batch, groups: number, options: NormOptions = {}): Normalized {
  return normOfExamples("groupNorm", x, groups, options, "both");
}

/**
 * Root-mean-square normalisation: each example divided by the root of its mean square; nothing is subtracted, nor added after.
 *
 * @param x n×C or N×H×W×C, not changed
 * @throws as `groupNorm`
 * @example
 * toRows(rmsNorm(matrix([[3, 4]]), { gamma: [5, 10], eps: 0.5 }).y) // [[4.1603, 11.094]]
 */
export function rmsNorm(x: Batch, { gamma, eps }: Omit<NormOptions, "beta"> = {}): Normalized {
  return normOfExamples("rmsNorm", x, 1, { ...(gamma && { gamma }), ...(eps !== undefined && { eps }) }, "square");
}

function normOfExamples(
  caller: string,
  x: Batch,
  parts: number,
  options: NormOptions,
  statistics: "both" | "square",
): Normalized {
  const { data, C, n } = checkBatch(caller, "x", x);
  checkInteger(caller, "groups", parts, 1, C);
  if (C % parts !== 0) throw new RangeError(`${caller}: groups must divide the ${C} channels, got ${parts}`);
  const { eps, gamma, beta } = checkNorm(caller, options, C);
  const groups = groupsOf(n, C, n / x.shape[0]!, C / parts);
  const { xHat, scale } = standardize(data, groups, eps, statistics === "both"); // (1)
  return { y: affine(x.shape, xHat, gamma, beta), cache: { xHat, shape: x.shape, scale, gamma, groups, statistics } };
}

/** Gradients of a normalisation. */
export interface NormGradients {
  /** ∂L/∂x, of the shape of x */
  readonly dx: Batch;
  /** C */
  readonly dgamma: Float64Array;
  /** C */
  readonly dbeta: Float64Array;
}

/**
 * The backward pass of every norm here, with the statistics differentiated too, as far as they were the input's.
 *
 * @param dy ∂L/∂y, of the shape of y
 * @throws {TypeError} dy is of another rank, or not of float64
 * @throws {RangeError} dy is not finite, or has another shape than y
 * @example
 * const { cache } = batchNorm(matrix([[1], [3], [8]]));
 * normBackward(matrix([[1], [1], [1]]), cache).dx.data // [0, 0, 0]
 */
export function normBackward(dy: Batch, cache: NormCache): NormGradients {
  const { xHat, shape, scale, gamma, groups, statistics } = cache;
  if (dy.shape.join() !== shape.join()) {
    throw new RangeError(`normBackward: dy must be ${shape.join("×")}, got ${dy.shape.join("×")}`);
  }
  const { data, C } = checkBatch("normBackward", "dy", dy);
  const [dx, dgamma, dbeta] = [new Float64Array(data.length), new Float64Array(C), new Float64Array(C)];
  const [sum, slope] = [new Float64Array(scale.length), new Float64Array(scale.length)];
  const { of, size } = groups;
  for (let at = 0; at < data.length; ) {
    for (let c = 0; c < C; c++, at++) {
      const along = data[at]! * xHat[at]!;
      dgamma[c]! += along;
      dbeta[c]! += data[at]!;
      sum[of[at]!]! += gamma[c]! * data[at]!;
      slope[of[at]!]! += gamma[c]! * along;
    }
  }
  const mean = sum.map((g) => (statistics === "both" ? g / size : 0));
  const stretch = slope.map((g) => (statistics === "none" ? 0 : g / size));
  for (let at = 0; at < data.length; ) {
    for (let c = 0; c < C; c++, at++) {
      const k = of[at]!;
      dx[at] = scale[k]! * (gamma[c]! * data[at]! - mean[k]! - xHat[at]! * stretch[k]!); // (3)
    }
  }
  return { dx: shaped(shape, dx), dgamma, dbeta };
}

/**
 * Batch norm at inference folded into the linear map before it: the two are one map.
 *
 * @param W in×C, as in x·W
 * @param b C
 * @param bn running statistics, gamma, beta and eps, as of `batchNorm`
 * @throws {TypeError} W is not a matrix
 * @throws {RangeError} W is not finite or empty, a vector is not of length C, a running variance or eps is negative
 * @example
 * const bn = { runningMean: [1], runningVar: [4], gamma: [6], beta: [5], eps: 0 };
 * foldBatchNorm(matrix([[2]]), [3], bn).b // [11]
 */
export function foldBatchNorm(
  W: Matrix,
  b: ArrayLike<number>,
  bn: NormOptions & { readonly runningMean: ArrayLike<number>; readonly runningVar: ArrayLike<number> },
): { readonly W: Matrix; readonly b: Float64Array } {
  const caller = "foldBatchNorm";
  const [rows, C] = checkMatrix(caller, "W", W);
  const bias = checkVector(caller, "b", b, C);
  const { eps, oldMean, oldVar, gamma, beta } = checkBatchNorm(caller, { ...bn, training: false }, 1, C);
  const factor = oldVar.map((v, c) => gamma[c]! * inverseRoot(v + eps));
  const folded = rowMajor(W).map((w, at) => w * factor[at % C]!); // (4)
  return { W: matrixOver(folded, rows, C), b: bias.map((value, c) => (value - oldMean[c]!) * factor[c]! + beta[c]!) };
}

/** What depth does to a residual stack; see `normPlacement`. */
export interface NormPlacement {
  /** mean square of the residual stream after 0, 1, … L sublayers */
  readonly variances: Float64Array;
  /** factor by which the identity path is scaled from the first sublayer to the end */
  readonly skipGain: number;
  /** norm of the gradient of each sublayer's weights, for a random linear loss */
  readonly gradNorms: Float64Array;
}

/**
 * Residual stacks of random linear sublayers, with the norm before each ('pre', and one at the end) or after each sum
 * ('post'): how large the stream becomes, and what gradient the weights get.
 *
 * @param options.depth L, default 12
 * @param options.width d, default 256
 * @param options.seed default 0
 * @throws {RangeError} depth below 1, width below 2, or another placement
 * @example
 * normPlacement({ depth: 2, width: 8, placement: "pre" }).skipGain // 1
 */
export function normPlacement({
  depth = 12,
  width = 256,
  placement,
  seed = 0,
}: {
  readonly depth?: number;
  readonly width?: number;
  readonly placement: "pre" | "post";
  readonly seed?: number;
}): NormPlacement {
  checkInteger("normPlacement", "depth", depth, 1);
  checkInteger("normPlacement", "width", width, 2);
  checkChoice("normPlacement", "placement", placement, ["pre", "post"]);
  const { normal } = random(seed);
  const draw = (length: number, deviation: number) => Float64Array.from({ length }, () => deviation * normal());
  const weights = Array.from({ length: depth }, () => draw(width * width, 1 / Math.sqrt(width)));
  const [start, loss] = [draw(width, 1), draw(width, 1)];
  const norm = (x: Float64Array) => layerNorm(matrixOver(x, 1, width), { eps: 0 });
  const back = (dy: Float64Array, cache: NormCache) => normBackward(matrixOver(dy, 1, width), cache).dx.data;
  const plus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]!);
  const square = (a: Float64Array) => a.reduce((sum, value) => sum + value * value, 0);

  let x: Float64Array = start;
  const variances = [square(x) / width];
  const passed: { readonly input: Float64Array; readonly cache: NormCache }[] = [];
  for (const W of weights) {
    if (placement === "pre") {
      const { y, cache } = norm(x);
      passed.push({ input: y.data, cache });
      x = plus(x, gemm(1, width, width, y.data, W)); // (5)
    } else {
      const { y, cache } = norm(plus(x, gemm(1, width, width, x, W))); // (6)
      passed.push({ input: x, cache });
      x = y.data;
    }
    variances.push(square(x) / width);
  }
  let g: Float64Array = placement === "pre" ? back(loss, norm(x).cache) : loss;
  const gradNorms = new Float64Array(depth);
  for (let l = depth - 1; l >= 0; l--) {
    const { input, cache } = passed[l]!;
    if (placement === "post") g = back(g, cache);
    gradNorms[l] = Math.sqrt(square(input) * square(g)); // ∂L/∂W is the outer product of input and adjoint
    const through = gemm(width, 1, width, weights[l]!, g);
    g = plus(g, placement === "pre" ? back(through, cache) : through);
  }
  const skipGain = placement === "pre" ? 1 : passed.reduce((gain, { cache }) => gain * cache.scale[0]!, 1);
  return { variances: Float64Array.from(variances), skipGain, gradNorms };
}

/** The digits' network with a norm, trained; see `digitsWithNorm`. */
export interface DigitsWithNorm {
  /** of the last batch, in nats */
  readonly loss: number;
  /** share of the 360 test images that are right, with running statistics */
  readonly accuracy: number;
  /** the same with the statistics of test batches of 18, as they come */
  readonly trainingMode: number;
  /** the same with test batches of 18 sorted by class */
  readonly trainingModeSorted: number;
}

/**
 * The digits by a network 64 → 64 → norm → ReLU → 10, with gradient descent at rate 0.1, and what becomes of its accuracy when
 * batch norm is left in training mode.
 *
 * @param options.norm 'none', 'batch' or 'layer', before the ReLU
 * @param options.batch images in a batch, default 128
 * @param options.epochs default 4
 * @param options.seed of weights and batches, default 0
 * @throws {RangeError} an option is out of range; 'batch' with a single image in a batch
 */
export function digitsWithNorm({
  norm,
  batch = 128,
  epochs = 4,
  seed = 0,
}: {
  readonly norm: "none" | "batch" | "layer";
  readonly batch?: number;
  readonly epochs?: number;
  readonly seed?: number;
}): DigitsWithNorm {
  checkChoice("digitsWithNorm", "norm", norm, ["none", "batch", "layer"]);
  checkInteger("digitsWithNorm", "epochs", epochs, 1);
  const { train: images, test } = digitsData();
  const [n, h] = [images.labels.length, 64];
  checkInteger("digitsWithNorm", "batch", batch, norm === "batch" ? 2 : 1, n);
  const draw = random(seed);
  const layer = (from: number, to: number) => ({
    weight: layers.normal([from, to], Math.sqrt(2 / from), draw),
    bias: layers.full([to], 0),
  });
  const parameters = {
    hidden: layer(64, h),
    norm: { gain: layers.full([h], 1), bias: layers.full([h], 0) },
    output: layer(h, 10),
  };
  let running: Pick<BatchNorm, "runningMean" | "runningVar"> | undefined;
  const normed = (a: Tensor, p: typeof parameters, mode: "train" | "batch" | "running") => {
    if (norm === "none") return a;
    if (norm === "layer") return layers.layerNorm(a, p.norm);
    const [mean, variance] = [running?.runningMean, running?.runningVar].map((s) => s && tensor(Float32Array.from(s)));
    if (mode === "running" && mean && variance) return layers.batchNormWith(a, p.norm, { mean, variance });
    if (mode === "train") running = batchNorm(matrixOver(Float64Array.from(a.data), a.shape[0]!, h), running);
    return layers.batchNorm(a, p.norm);
  };
  const logits = (x: Tensor, p: typeof parameters, mode: "train" | "batch" | "running") =>
    layers.linear(relu(normed(layers.linear(x, p.hidden), p, mode)), p.output);
  const batchAt = batches(n, batch, seed);
  const last = train({
    parameters,
    loss(p, step) {
      const indices = batchAt(step);
      const labels = indices.map((i) => images.labels[i]!);
      return crossEntropy(logits(gather(images.x, indices), p, "train"), labels);
    },
    optimizer: new SGD({ lr: 0.1 }),
    steps: epochs * Math.floor(n / batch),
  });
  const asTheyCome = test.labels.map((_, i) => i);
  const sorted = asTheyCome.slice().sort((i, j) => test.labels[i]! - test.labels[j]!);
  const inBatches = (order: Int32Array, mode: "batch" | "running", size: number) => {
    let right = 0;
    for (let start = 0; start < order.length; start += size) {
      const indices = order.subarray(start, start + size);
      const scores = noGrad(() => logits(gather(test.x, indices), parameters, mode));
      right += indices.length * accuracyOf(scores, indices.map((i) => test.labels[i]!)); // biome-ignore format: one line
    }
    return right / order.length;
  };
  return {
    loss: last!.loss,
    accuracy: inBatches(asTheyCome, "running", asTheyCome.length),
    trainingMode: inBatches(asTheyCome, "batch", 18),
    trainingModeSorted: inBatches(sorted, "batch", 18),
  };
}

// ---- helpers ----

interface Standardized {
  /** as x, row-major */
  readonly xHat: Float64Array;
  /** of each group; ÷n */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** 1/√(σ² + ε) */
  readonly scale: Float64Array;
}

/** Groups of `width` neighbouring channels of `rows` neighbouring rows, in the order of memory. */
function groupsOf(n: number, C: number, rows: number, width: number): Groups {
  const of = new Int32Array(n * C);
  for (let row = 0, at = 0; row < n; row++) {
    const first = Math.floor(row / rows) * (C / width);
    for (let k = first; k < first + C / width; k++) for (let i = 0; i < width; i++) of[at++] = k;
  }
  return { of, size: rows * width };
}

/** (1) before γ and β, each group by its own statistics; not `centred`, the mean is left in. */
function standardize(x: Float64Array, groups: Groups, eps: number, centred = true): Standardized {
  const count = x.length / groups.size;
  const plain = standardizeIn(new Float64Array(count).fill(1), x, groups, eps, centred);
  const fits = plain.variance.map((v) => (v + eps >= 1e-290 && v + eps < Infinity ? 1 : 0));
  if (!fits.includes(0)) return plain;
  // Squares have left the range of float64: once more in other units, powers of two that round nothing.
  const largest = new Float64Array(count);
  x.forEach((value, at) => {
    largest[groups.of[at]!] = Math.max(largest[groups.of[at]!]!, Math.abs(value));
  });
  const exponent = (size: number) => clamp(Math.floor(Math.log2(Math.max(size, Math.sqrt(eps)))), -1000, 1000);
  const unit = largest.map((size, k) => (fits[k] ? 1 : 2 ** -exponent(size)));
  return standardizeIn(unit, x, groups, eps, centred);
}

/** The same in units of each group's own; what it returns is in the units of x. */
function standardizeIn(
  unit: Float64Array,
  x: Float64Array,
  { of, size }: Groups,
  eps: number,
  centred: boolean,
): Standardized {
  const [mean, square] = [new Float64Array(unit.length), new Float64Array(unit.length)];
  if (centred) {
    // As the first number plus a mean deviation: exact where all are equal, so that they become 0 and not rounding errors.
    const [first, deviation] = [new Float64Array(unit.length), new Float64Array(unit.length)];
    for (let at = x.length - 1; at >= 0; at--) first[of[at]!] = unit[of[at]!]! * x[at]!;
    for (let at = 0; at < x.length; at++) deviation[of[at]!]! += unit[of[at]!]! * x[at]! - first[of[at]!]!;
    for (let k = 0; k < mean.length; k++) mean[k] = first[k]! + deviation[k]! / size;
  }
  for (let at = 0; at < x.length; at++) {
    const deviation = unit[of[at]!]! * x[at]! - mean[of[at]!]!;
    square[of[at]!]! += deviation * deviation;
  }
  const scale = square.map((s, k) => inverseRoot(s / size + eps * unit[k]! * unit[k]!));
  const xHat = new Float64Array(x.length);
  for (let at = 0; at < x.length; at++) xHat[at] = (unit[of[at]!]! * x[at]! - mean[of[at]!]!) * scale[of[at]!]!;
  return {
    xHat,
    mean: mean.map((mu, k) => mu / unit[k]!),
    variance: square.map((s, k) => s / size / unit[k]! / unit[k]!),
    scale: scale.map((factor, k) => factor * unit[k]!),
  };
}

/** (1) with given statistics of each channel. */
function standardizeWith(x: Float64Array, mean: Float64Array, variance: Float64Array, eps: number): Standardized {
  const C = mean.length;
  const scale = variance.map((v) => inverseRoot(v + eps));
  const xHat = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += C) {
    for (let c = 0; c < C; c++) xHat[row + c] = (x[row + c]! - mean[c]!) * scale[c]!;
  }
  return { xHat, mean, variance, scale };
}

/** 1/√v; 0 where v is 0, so that what does not vary becomes 0, not NaN. */
const inverseRoot = (v: number) => (v > 0 ? 1 / Math.sqrt(v) : 0);

const clamp = (value: number, min: number, max: number) => Math.max(min, Math.min(max, value));

/** γ·x̂ + β by channel. */
function affine(shape: readonly number[], xHat: Float64Array, gamma: Float64Array, beta: Float64Array): Batch {
  const C = gamma.length;
  const y = new Float64Array(xHat.length);
  for (let row = 0; row < y.length; row += C) {
    for (let c = 0; c < C; c++) y[row + c] = gamma[c]! * xHat[row + c]! + beta[c]!;
  }
  return shaped(shape, y);
}

const shaped = (shape: readonly number[], data: Float64Array): Batch =>
  shape.length === 2 ? matrixOver(data, shape[0]!, shape[1]!) : imagesOver(data, shape);

/** The numbers row by row: n rows, N of them or N·H·W, of C channels. */
function checkBatch(caller: string, name: string, x: Batch) {
  if (!(x?.data instanceof Float64Array && (x.shape.length === 2 || x.shape.length === 4))) {
    throw new TypeError(`${caller}: ${name} must be an ndarray of Float64Array, n×C or N×H×W×C`);
  }
  const C = x.shape.at(-1)!;
  const data = x.shape.length === 2 ? rowMajor(x) : contiguous(x);
  if (!(data.length > 0)) throw new RangeError(`${caller}: ${name} must not be empty, got ${x.shape.join("×")}`);
  for (let at = 0; at < data.length; at++) {
    if (!Number.isFinite(data[at]!)) {
      throw new RangeError(`${caller}: ${name} must be finite, got ${data[at]} at ${at}`);
    }
  }
  return { data, C, n: data.length / C };
}

function checkNorm(caller: string, { eps = 1e-5, gamma, beta }: NormOptions, C: number) {
  return {
    eps: checkNumber(caller, "eps", eps, { min: 0 }),
    gamma: checkVector(caller, "gamma", gamma ?? new Float64Array(C).fill(1), C),
    beta: checkVector(caller, "beta", beta ?? new Float64Array(C), C),
  };
}

function checkBatchNorm(caller: string, options: BatchNormOptions, n: number, C: number) {
  const { momentum = 0.1, training = true, varianceForRunning = "unbiased" } = options;
  checkNumber(caller, "momentum", momentum, { min: 0, max: 1 });
  checkChoice(caller, "varianceForRunning", varianceForRunning, ["unbiased", "biased"]);
  const oldMean = checkVector(caller, "runningMean", options.runningMean ?? new Float64Array(C), C);
  const oldVar = checkVector(caller, "runningVar", options.runningVar ?? new Float64Array(C).fill(1), C);
  for (const [c, v] of oldVar.entries()) checkNumber(caller, `runningVar[${c}]`, v, { min: 0 });
  if (training && !(n >= 2)) {
    throw new RangeError(
      `${caller}: training needs at least two values in a channel, got ${n}: every output would be beta`,
    );
  }
  const unbias = varianceForRunning === "unbiased" ? n / (n - 1) : 1;
  return { ...checkNorm(caller, options, C), alpha: momentum, training, unbias, oldMean, oldVar };
}
