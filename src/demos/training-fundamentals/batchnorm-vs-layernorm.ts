/**
 * Batch and layer normalisation: subtract a mean and divide by a standard deviation, then scale and shift. Batch norm takes
 * its statistics from a channel over the batch, layer norm from an example over its features; that is all the difference,
 * and it decides whether examples see each other.
 *
 * Follows Ioffe, Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
 * 2015. https://arxiv.org/abs/1502.03167
 * Follows Ba, Kiros, Hinton, "Layer Normalization", 2016. https://arxiv.org/abs/1607.06450
 * Follows Zhang, Sennrich, "Root Mean Square Layer Normalization", 2019. https://arxiv.org/abs/1910.07467
 * But:
 * - Tables of rows: images come as rows of pixels by channels (N·H·W rows), or as one row for an example (C·H·W columns).
 * - Statistics are computed in two passes, not by sums of squares, which cancel; none are shared between devices.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor, transpose, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

/** Scale and shift, a number for each channel or feature; left out, 1 and 0. */
export interface Affine {
  /** γ */
  readonly gamma?: ArrayLike<number>;
  /** β */
  readonly beta?: ArrayLike<number>;
}

/** Options of `batchNorm`. */
export interface BatchNormOptions extends Affine {
  /** running mean of each channel, default 0 */
  readonly runningMean?: ArrayLike<number>;
  /** running variance of each channel, default 1 */
  readonly runningVar?: ArrayLike<number>;
  /** weight of the new batch in the running statistics, as in PyTorch, default 0.1; Keras' momentum is 1 minus it */
  readonly momentum?: number;
  /** ε, default 1e-5 */
  readonly eps?: number;
  /** true (default): this batch's statistics; false: the running ones */
  readonly training?: boolean;
  /** which variance the running one averages: 'unbiased' (÷(n − 1), default, PyTorch) or 'biased' (÷n, Keras) */
  readonly varianceForRunning?: "unbiased" | "biased";
}

/** What `batchNorm` returns. */
export interface BatchNorm {
  /** n×C */
  readonly y: Matrix;
  /** C, the statistics that were used; the variance is ÷n */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  /** C, for the next batch; unchanged if not training */
  readonly runningMean: Float64Array;
  readonly runningVar: Float64Array;
  /** what `batchNormBackward` needs */
  readonly cache: NormCache;
}

/** What a backward pass needs. */
export interface NormCache {
  /** standardised input, of the input's shape */
  readonly xHat: Matrix;
  /** 1/√(σ² + ε) of each group */
  readonly scale: Float64Array;
  readonly gamma: Float64Array;
  /** whether the statistics depend on the input */
  readonly differentiable: boolean;
}

/**
 * Batch normalisation of each column (1, 2).
 *
 * @param x n×C: examples, or all pixels of all examples, by channels
 * @throws RangeError if a vector has another length than C, an option is out of range, or a channel has a single value in training
 * @example
 * const { y, runningMean, runningVar } = batchNorm(matrix([[1], [3]]), { eps: 0 });
 * toRows(y) // [[-1], [1]]
 * [...runningMean, ...runningVar] // [0.2, 1.1]
 */
export function batchNorm(x: Matrix, options: BatchNormOptions = {}): BatchNorm {
  const { momentum = 0.1, eps = 1e-5, training = true, varianceForRunning = "unbiased" } = options;
  const [n, C] = checkMatrix("batchNorm", "x", x);
  checkNumber("batchNorm", "momentum", momentum, { min: 0, max: 1 });
  checkNumber("batchNorm", "eps", eps, { min: 0 });
  checkChoice("batchNorm", "varianceForRunning", varianceForRunning, ["unbiased", "biased"]);
  const runningMean = checkVector("batchNorm", "runningMean", options.runningMean ?? new Float64Array(C), C);
  const runningVar = checkVector("batchNorm", "runningVar", options.runningVar ?? new Float64Array(C).fill(1), C);
  for (const [c, v] of runningVar.entries()) checkNumber("batchNorm", `runningVar[${c}]`, v, { min: 0 });
  if (training && n === 1) {
    throw new RangeError(
      "batchNorm: training needs at least two values in a channel, got 1: every output would be beta",
    );
  }
  const { mean, variance } = training ? statistics(transpose(x)) : { mean: runningMean, variance: runningVar };
  const scale = variance.map((v) => inverseRoot(v + eps));
  const xHat = standardised(
    x,
    (_, c) => mean[c]!,
    (_, c) => scale[c]!,
  );
  const { gamma, beta } = affine("batchNorm", options, C);
  const unbias = varianceForRunning === "unbiased" ? n / (n - 1) : 1;
  const blend = (old: Float64Array, batch: Float64Array, factor: number) =>
    training ? old.map((value, c) => (1 - momentum) * value + momentum * factor * batch[c]!) : old; // (2)
  return {
    y: scaled(xHat, gamma, beta),
    mean,
    variance,
    runningMean: blend(runningMean, mean, 1),
    runningVar: blend(runningVar, variance, unbias),
    cache: { xHat, scale, gamma, differentiable: training },
  };
}

/** Gradients of a normalisation. */
export interface NormGradients {
  readonly dx: Matrix;
  readonly dgamma: Float64Array;
  readonly dbeta: Float64Array;
}

/**
 * The backward pass, with mean and variance differentiated too (3).
 *
 * @param dy n×C
 * @throws RangeError if dy has another shape than the output
 */
export function batchNormBackward(dy: Matrix, { xHat, scale, gamma, differentiable }: NormCache): NormGradients {
  sameShape("batchNormBackward", dy, xHat);
  const { dgamma, dbeta } = affineGradients(dy, xHat);
  const [n, C] = dy.shape as [number, number];
  const dx = zeros(n, C);
  for (let c = 0; c < C; c++) {
    for (let i = 0; i < n; i++) {
      const g = dy.get(i, c);
      const centred = differentiable ? g - dbeta[c]! / n - (xHat.get(i, c) * dgamma[c]!) / n : g; // (3)
      dx.set(i, c, gamma[c]! * scale[c]! * centred);
    }
  }
  return { dx, dgamma, dbeta };
}

/** A normalised table, and what its backward pass needs. */
export interface RowNorm {
  readonly y: Matrix;
  readonly cache: NormCache;
}

/**
 * Layer normalisation: each row by its own mean and variance.
 *
 * @param x n×d
 * @throws RangeError if gamma or beta has another length than d, or eps is negative
 * @example
 * toRows(layerNorm(matrix([[1, 3]]), { eps: 0 }).y) // [[-1, 1]]
 */
export function layerNorm(x: Matrix, options: Affine & { readonly eps?: number } = {}): RowNorm {
  return groupNorm(x, 1, options, "layerNorm");
}

/**
 * Group normalisation: the columns of each row in groups of neighbours, each by its own statistics. One group is layer norm,
 * a group for each channel (of its pixels) is instance norm.
 *
 * @param x n×d
 * @param groups a divisor of d
 * @throws RangeError if groups does not divide d
 */
export function groupNorm(
  x: Matrix,
  groups: number,
  options: Affine & { readonly eps?: number } = {},
  caller = "groupNorm",
): RowNorm {
  const { eps = 1e-5 } = options;
  const [n, d] = checkMatrix(caller, "x", x);
  checkInteger(caller, "groups", groups, 1, d);
  checkNumber(caller, "eps", eps, { min: 0 });
  if (d % groups !== 0) throw new RangeError(`${caller}: groups must divide the ${d} columns, got ${groups}`);
  const width = d / groups;
  const { mean, variance } = statistics(matrixOver(rowMajor(x), n * groups, width));
  const scale = variance.map((v) => inverseRoot(v + eps));
  const at = (i: number, c: number) => i * groups + Math.floor(c / width);
  const xHat = standardised(
    x,
    (i, c) => mean[at(i, c)]!,
    (i, c) => scale[at(i, c)]!,
  );
  const { gamma, beta } = affine(caller, options, d);
  return { y: scaled(xHat, gamma, beta), cache: { xHat, scale, gamma, differentiable: true } };
}

/** The backward pass of `layerNorm` and `groupNorm` (3), group by group. */
export function groupNormBackward(dy: Matrix, { xHat, scale, gamma }: NormCache): NormGradients {
  sameShape("groupNormBackward", dy, xHat);
  const [n, d] = dy.shape as [number, number];
  const [groups, dx] = [scale.length / n, zeros(n, d)];
  const width = d / groups;
  for (let g = 0; g < n * groups; g++) {
    const [i, start] = [Math.floor(g / groups), (g % groups) * width];
    let [sum, slope] = [0, 0];
    for (let c = start; c < start + width; c++) {
      sum += gamma[c]! * dy.get(i, c);
      slope += gamma[c]! * dy.get(i, c) * xHat.get(i, c);
    }
    for (let c = start; c < start + width; c++) {
      dx.set(i, c, scale[g]! * (gamma[c]! * dy.get(i, c) - sum / width - (xHat.get(i, c) * slope) / width));
    }
  }
  return { dx, ...affineGradients(dy, xHat) };
}

/**
 * Root-mean-square normalisation: each row divided by the root of its mean square; nothing is subtracted.
 *
 * @param x n×d
 * @param options.gamma d, default 1
 * @param options.eps default 1e-5
 */
export function rmsNorm(
  x: Matrix,
  options: { readonly gamma?: ArrayLike<number>; readonly eps?: number } = {},
): RowNorm {
  const { eps = 1e-5 } = options;
  const [n, d] = checkMatrix("rmsNorm", "x", x);
  checkNumber("rmsNorm", "eps", eps, { min: 0 });
  const scale = Float64Array.from({ length: n }, (_, i) => {
    let square = 0;
    for (let c = 0; c < d; c++) square += x.get(i, c) ** 2 / d;
    return inverseRoot(square + eps);
  });
  const xHat = standardised(
    x,
    () => 0,
    (i) => scale[i]!,
  );
  const { gamma, beta } = affine("rmsNorm", options, d);
  return { y: scaled(xHat, gamma, beta), cache: { xHat, scale, gamma, differentiable: true } };
}

/** The backward pass of `rmsNorm`: (3) without the mean. */
export function rmsNormBackward(dy: Matrix, { xHat, scale, gamma }: NormCache): Omit<NormGradients, "dbeta"> {
  sameShape("rmsNormBackward", dy, xHat);
  const [n, d] = dy.shape as [number, number];
  const dx = zeros(n, d);
  for (let i = 0; i < n; i++) {
    let slope = 0;
    for (let c = 0; c < d; c++) slope += gamma[c]! * dy.get(i, c) * xHat.get(i, c);
    for (let c = 0; c < d; c++) dx.set(i, c, scale[i]! * (gamma[c]! * dy.get(i, c) - (xHat.get(i, c) * slope) / d));
  }
  return { dx, dgamma: affineGradients(dy, xHat).dgamma };
}

/**
 * Batch norm folded into the linear map before it: for inference the two are one map (4).
 *
 * @param W in×C, as in x·W
 * @param b C
 * @param bn running statistics, gamma, beta and eps, as of `batchNorm`
 */
export function foldBatchNorm(
  W: Matrix,
  b: ArrayLike<number>,
  bn: Affine & {
    readonly runningMean: ArrayLike<number>;
    readonly runningVar: ArrayLike<number>;
    readonly eps?: number;
  },
): { readonly W: Matrix; readonly b: Float64Array } {
  const [rows, C] = checkMatrix("foldBatchNorm", "W", W);
  const bias = checkVector("foldBatchNorm", "b", b, C);
  const mean = checkVector("foldBatchNorm", "runningMean", bn.runningMean, C);
  const variance = checkVector("foldBatchNorm", "runningVar", bn.runningVar, C);
  const { gamma, beta } = affine("foldBatchNorm", bn, C);
  const factor = variance.map((v, c) => gamma[c]! * inverseRoot(v + (bn.eps ?? 1e-5)));
  const folded = zeros(rows, C);
  for (let i = 0; i < rows; i++) for (let c = 0; c < C; c++) folded.set(i, c, W.get(i, c) * factor[c]!);
  return { W: folded, b: bias.map((value, c) => (value - mean[c]!) * factor[c]! + beta[c]!) }; // (4)
}

/** What depth does; see `normPlacement`. */
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
 * @param options.depth L, default 12; width d, default 256; seed default 0
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
  const draw = (rows: number, scale: number) =>
    matrixOver(
      Float64Array.from({ length: rows * width }, () => scale * normal()),
      rows,
      width,
    );
  const weights = Array.from({ length: depth }, () => draw(width, 1 / Math.sqrt(width)));
  const [start, loss] = [draw(1, 1), draw(1, 1)];
  const product = (a: Matrix, W: Matrix, turned = false) => {
    const y = zeros(1, width);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) y.data[j]! += a.get(0, i) * (turned ? W.get(j, i) : W.get(i, j));
    }
    return y;
  };
  const sum = (a: Matrix, b: Matrix) =>
    matrixOver(
      a.data.map((v, i) => v + b.data[i]!),
      1,
      width,
    );
  const square = (a: Matrix) => a.data.reduce((s, v) => s + v * v, 0) / width;
  const exact = { eps: 0 };

  let x = start;
  const variances = [square(x)];
  const inputs: Matrix[] = [];
  const caches: NormCache[] = [];
  let skipGain = 1;
  for (const W of weights) {
    if (placement === "pre") {
      const { y, cache } = layerNorm(x, exact);
      inputs.push(y);
      caches.push(cache);
      x = sum(x, product(y, W));
    } else {
      inputs.push(x);
      const { y, cache } = layerNorm(sum(x, product(x, W)), exact);
      caches.push(cache);
      skipGain *= cache.scale[0]!;
      x = y;
    }
    variances.push(square(x));
  }
  let g = placement === "pre" ? groupNormBackward(loss, layerNorm(x, exact).cache).dx : loss;
  const gradNorms = new Float64Array(depth);
  for (let l = depth - 1; l >= 0; l--) {
    if (placement === "post") g = groupNormBackward(g, caches[l]!).dx;
    gradNorms[l] = Math.sqrt(square(inputs[l]!) * square(g)) * width; // the outer product of input and adjoint
    const through = product(g, weights[l]!, true);
    g = sum(g, placement === "pre" ? groupNormBackward(through, caches[l]!).dx : through);
  }
  return { variances: Float64Array.from(variances), skipGain, gradNorms };
}

// ---- helpers ----

/** 1/√v; 0 where v is 0, so that what does not vary becomes 0, not NaN. */
const inverseRoot = (v: number) => (v > 0 ? 1 / Math.sqrt(v) : 0);

/** Mean and variance (÷n) of every row, in two passes. */
function statistics(x: Matrix): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const [groups, n] = x.shape as [number, number];
  const [mean, variance] = [new Float64Array(groups), new Float64Array(groups)];
  for (let g = 0; g < groups; g++) {
    for (let i = 0; i < n; i++) mean[g]! += x.get(g, i) / n;
    for (let i = 0; i < n; i++) variance[g]! += (x.get(g, i) - mean[g]!) ** 2 / n;
  }
  return { mean, variance };
}

function standardised(
  x: Matrix,
  mean: (i: number, c: number) => number,
  scale: (i: number, c: number) => number,
): Matrix {
  const [n, d] = x.shape as [number, number];
  const y = zeros(n, d);
  for (let i = 0; i < n; i++) for (let c = 0; c < d; c++) y.set(i, c, (x.get(i, c) - mean(i, c)) * scale(i, c));
  return y;
}

function scaled(xHat: Matrix, gamma: Float64Array, beta: Float64Array): Matrix {
  const [n, d] = xHat.shape as [number, number];
  const y = zeros(n, d);
  for (let i = 0; i < n; i++) for (let c = 0; c < d; c++) y.set(i, c, gamma[c]! * xHat.get(i, c) + beta[c]!);
  return y;
}

function affine(caller: string, { gamma, beta }: Affine, width: number) {
  return {
    gamma: checkVector(caller, "gamma", gamma ?? new Float64Array(width).fill(1), width),
    beta: checkVector(caller, "beta", beta ?? new Float64Array(width), width),
  };
}

function affineGradients(dy: Matrix, xHat: Matrix) {
  const [n, d] = dy.shape as [number, number];
  const [dgamma, dbeta] = [new Float64Array(d), new Float64Array(d)];
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < d; c++) {
      dgamma[c]! += dy.get(i, c) * xHat.get(i, c);
      dbeta[c]! += dy.get(i, c);
    }
  }
  return { dgamma, dbeta };
}

function sameShape(caller: string, dy: Matrix, xHat: Matrix): void {
  if (dy.shape.join() === xHat.shape.join()) return;
  throw new RangeError(`${caller}: dy must be ${xHat.shape.join("×")}, got ${dy.shape.join("×")}`);
}
