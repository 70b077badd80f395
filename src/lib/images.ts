/** Rank-4 arrays of float64: batches of images N×H×W×C, channels last, and banks of filters kh×kw×C×F. */
import ndarray, { type NdArray } from "ndarray";

/** A rank-4 array of float64, entry (n, i, j, c) at `x.get(n, i, j, c)`. */
export type Images = NdArray<Float64Array>;

/**
 * Images from their numbers, copied.
 *
 * @param shape [N, H, W, C], or [kh, kw, C, F] for filters
 * @throws RangeError if the shape has not four sizes, or not as many entries
 * @example
 * images([1, 2, 3, 1], [1, 2, 3, 4, 5, 6]).get(0, 1, 2, 0) // 6
 */
export function images(shape: readonly number[], data: ArrayLike<number>): Images {
  return imagesOver(Float64Array.from(data), shape);
}

/**
 * Images over an existing row-major buffer, not copied.
 *
 * @throws as `images`
 */
export function imagesOver(data: Float64Array, shape: readonly number[]): Images {
  const size = shape.reduce((product, n) => product * n, 1);
  if (!(shape.length === 4 && size === data.length)) {
    throw new RangeError(
      `images: the shape must have four sizes and hold ${data.length} numbers, got ${shape.join("×") || "none"}`,
    );
  }
  return ndarray(data, [...shape]);
}

/** The entries in row-major order: the array's own buffer where that is its layout already, otherwise a copy. */
export function contiguous(x: Images): Float64Array {
  const [a, b, c, d] = x.shape as [number, number, number, number];
  const plain = [b * c * d, c * d, d, 1].every((stride, axis) => stride === x.stride[axis]);
  if (x.offset === 0 && x.data.length === x.size && plain) return x.data;
  const data = new Float64Array(x.size);
  let to = 0;
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) for (let k = 0; k < c; k++) for (let l = 0; l < d; l++) data[to++] = x.get(i, j, k, l);
  }
  return data;
}
