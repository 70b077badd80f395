/**
 * Layers as functions of a tensor and its parameters, and the tensors that parameters start from. A model is a function
 * too: it takes its parameters as a tree of tensors and calls these.
 */
import { type Dtype, type Tensor, tensor } from "../demos/deep-learning-foundations/backpropagation.js";
import { checkNumber } from "../lib/check.js";
import { type Random, random } from "../lib/random.js";
import { sizeOf } from "./kernels.js";
import { add, matmul, mean, mul, pow, square, standardize } from "./ops.js";

/** A tensor whose entries are one number; default float32. */
export const full = (shape: readonly number[], value: number, dtype?: Dtype) =>
  tensor(new Float64Array(sizeOf(shape)).fill(value), shape, dtype ?? "float32");

/** Entries drawn from N(0, deviation²), in row-major order; default float32. */
export const normal = (shape: readonly number[], deviation: number, draw: Random, dtype?: Dtype) =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, () => deviation * draw.normal()),
    shape,
    dtype ?? "float32",
  );

/** Entries drawn uniformly from [−bound, bound), in row-major order; default float32. */
export const uniform = (shape: readonly number[], bound: number, draw: Random, dtype?: Dtype) =>
  tensor(
    Float64Array.from({ length: sizeOf(shape) }, () => bound * (2 * draw.uniform() - 1)),
    shape,
    dtype ?? "float32",
  );

/** Parameters of a linear layer: weight in×out, bias out. An alias, not an interface, so that it can be part of a tree. */
export type Linear = { readonly weight: Tensor; readonly bias: Tensor };

/** x·W + b over the last axis. */
export const linear = (x: Tensor, { weight, bias }: Linear) => add(matmul(x, weight), bias);

/** Parameters of a normalisation, one number for each feature. */
export type Affine = { readonly gain: Tensor; readonly bias: Tensor };

/** Each row (last axis) to mean 0 and variance 1, then scaled and shifted. */
export const layerNorm = (x: Tensor, { gain, bias }: Affine, eps = 1e-5) =>
  add(mul(standardize(x, "rows", eps), gain), bias);

/** Each row (last axis) divided by the root of its mean square, then scaled. */
export const rmsNorm = (x: Tensor, gain: Tensor, eps = 1e-5) =>
  mul(mul(x, pow(add(mean(square(x), [-1], { keepDims: true }), eps), -0.5)), gain);

/** Each channel (last axis) over the batch and all positions to mean 0 and variance 1, then scaled and shifted: training. */
export const batchNorm = (x: Tensor, { gain, bias }: Affine, eps = 1e-5) =>
  add(mul(standardize(x, "columns", eps), gain), bias);

/** Batch normalisation with the given statistics of each channel instead of the batch's: inference. */
export const batchNormWith = (x: Tensor, { gain, bias }: Affine, statistics: Statistics, eps = 1e-5) => {
  const scale = mul(gain, pow(add(statistics.variance, eps), -0.5));
  return add(mul(add(x, mul(statistics.mean, -1)), scale), bias);
};

/** Mean and variance of each channel. */
export interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Sets each entry to 0 with probability `rate` and divides the others by 1 − rate, so that the mean stays.
 *
 * @param rate in [0, 1)
 * @param seed of the mask: another one for each step and layer
 */
export function dropout(x: Tensor, rate: number, seed: number): Tensor {
  checkNumber("dropout", "rate", rate, { min: 0, below: 1 });
  if (rate === 0) return x;
  const draw = random(seed);
  const mask = Float64Array.from({ length: x.size }, () => (draw.uniform() < rate ? 0 : 1 / (1 - rate)));
  return mul(x, tensor(x.dtype === "float64" ? mask : Float32Array.from(mask), x.shape));
}
