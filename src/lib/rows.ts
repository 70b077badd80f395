/**
 * Inner loops over rows: runs of numbers in one Float64Array, from an index on. The eigen-solver and the SVD turn, multiply
 * and add whole rows.
 */
import { gemm } from "./gemm.js";
import { type Matrix, matrixOver, rowMajor, transpose } from "./matrix.js";

/** X·Xᵀ. It is symmetric: only the blocks up to the diagonal are multiplied, and copied to the other side. */
export function selfProducts(x: Matrix): Matrix {
  const [n, m] = x.shape as [number, number];
  const result = new Float64Array(n * n);
  for (let from = 0; from < n; from += 64) {
    const to = Math.min(from + 64, n);
    const block = gemm(to - from, to, m, x.lo(from, 0).hi(to - from, m), transpose(x.hi(to, m)));
    for (let i = from, at = 0; i < to; i++, at += to) {
      for (let j = 0; j <= i; j++) result[i * n + j] = result[j * n + i] = block[at + j]!;
    }
  }
  return matrixOver(result, n, n);
}

/** Σ x[at + i]·y[from + i]; two sums, so that one addition need not wait for the other. */
export function dot(x: Float64Array, at: number, y: Float64Array, from: number, length: number): number {
  let even = 0;
  let odd = 0;
  let i = 0;
  for (; i < length - 1; i += 2) {
    even += x[at + i]! * y[from + i]!;
    odd += x[at + i + 1]! * y[from + i + 1]!;
  }
  if (i < length) even += x[at + i]! * y[from + i]!;
  return even + odd;
}

/** The runs of x at p and at q become c·p − s·q and s·p + c·q. */
export function rotate(x: Float64Array, p: number, q: number, length: number, c: number, s: number): void {
  for (let i = 0; i < length; i++) {
    const a = x[p + i]!;
    const b = x[q + i]!;
    x[p + i] = c * a - s * b;
    x[q + i] = s * a + c * b;
  }
}

/** The run of x at `to` minus a multiple of the run at `from`, both of the given length. */
export function subtractRow(x: Float64Array, to: number, multiple: number, from: number, length: number): void {
  for (let c = 0; c < length; c++) x[to + c] = x[to + c]! - multiple * x[from + c]!;
}

/** Rows shorter than this, against entries scaled to about 1, count as zero: their squares would underflow. */
export const NEGLIGIBLE = 2 ** -480;

/** A factor that brings the largest entry near 1. A power of two scales without rounding, away from over- and underflow. */
export function powerOfTwoScale(a: Matrix): number {
  let largest = 0;
  const entries = rowMajor(a);
  for (let i = 0; i < entries.length; i++) largest = Math.max(largest, Math.abs(entries[i]!));
  return 2 ** -Math.max(-1023, Math.min(1023, Math.floor(Math.log2(largest || 1))));
}
