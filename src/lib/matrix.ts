/**
 * Rank-2 arrays of float64: build them, read them, compare them, print them.
 *
 * A `Matrix` is an `NdArray<Float64Array>` of the `ndarray` package with two axes. Linear algebra itself is not here: the
 * product and QR live in linear-algebra/matrices-as-linear-maps, and so on.
 */
import ndarray, { type NdArray } from "ndarray";

/** A rank-2 array of float64, element (i, j) at `a.get(i, j)`, shape `[rows, columns]`. */
export type Matrix = NdArray<Float64Array>;

/**
 * Matrix from its rows, copied.
 *
 * @param rows m rows of n numbers each
 * @returns m×n matrix
 * @throws RangeError if the rows differ in length
 * @example
 * matrix([[1, 2, 3], [4, 5, 6]]).shape // [2, 3]
 */
export function matrix(rows: ArrayLike<ArrayLike<number>>): Matrix {
  const [m, n] = [rows.length, rows[0]?.length ?? 0];
  const data = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    if (rows[i]!.length !== n) {
      throw new RangeError(
        `matrix: every row must have the length of the first, ${n}, got ${rows[i]!.length} in row ${i}`,
      );
    }
    data.set(rows[i]!, i * n);
  }
  return matrixOver(data, m, n);
}

/**
 * Matrix over an existing row-major buffer, not copied.
 *
 * @param data rows·columns numbers, row after row
 * @throws RangeError if the buffer has another length
 */
export function matrixOver(data: Float64Array, rows: number, columns: number): Matrix {
  if (data.length !== rows * columns) {
    throw new RangeError(
      `matrixOver: data must hold ${rows}×${columns} = ${rows * columns} numbers, got ${data.length}`,
    );
  }
  return ndarray(data, [rows, columns]);
}

/** m×n matrix of zeros. */
export function zeros(rows: number, columns: number): Matrix {
  return matrixOver(new Float64Array(rows * columns), rows, columns);
}

/** n×n identity. */
export function identity(n: number): Matrix {
  const eye = zeros(n, n);
  for (let i = 0; i < n; i++) eye.set(i, i, 1);
  return eye;
}

/**
 * The entries in row-major order. The matrix' own buffer where that is its layout already (then treat it as read-only),
 * otherwise a copy: inner loops run over this instead of `get`.
 *
 * @returns rows·columns numbers, entry (i, j) at i·columns + j
 */
export function rowMajor(a: Matrix): Float64Array {
  const [m, n] = a.shape as [number, number];
  const [rowStride, columnStride] = a.stride as [number, number];
  if (a.offset === 0 && columnStride === 1 && rowStride === n && a.data.length === m * n) return a.data;
  const data = new Float64Array(m * n);
  for (let i = 0, next = 0; i < m; i++) {
    let at = a.offset + i * rowStride;
    for (let j = 0; j < n; j++, at += columnStride) data[next++] = a.data[at]!;
  }
  return data;
}

/** A copy with a buffer of its own, row-major. */
export function copy(a: Matrix): Matrix {
  const [m, n] = a.shape as [number, number];
  return matrixOver(rowMajor(a).slice(), m, n);
}

/** Aᵀ as a view: no entry is copied. */
export function transpose(a: Matrix): Matrix {
  return a.transpose(1, 0);
}

/** Row i, copied: n numbers. */
export function row(a: Matrix, i: number): Float64Array {
  return Float64Array.from({ length: a.shape[1]! }, (_, j) => a.get(i, j));
}

/** Column j, copied: m numbers. */
export function column(a: Matrix, j: number): Float64Array {
  return Float64Array.from({ length: a.shape[0]! }, (_, i) => a.get(i, j));
}

/** The rows as plain arrays: what JSON, tables and test assertions want. */
export function toRows(a: Matrix): number[][] {
  return Array.from({ length: a.shape[0]! }, (_, i) => Array.from(row(a, i)));
}

/**
 * Largest |aᵢⱼ − bᵢⱼ|; NaN as soon as one difference is NaN, so that a comparison with a tolerance fails.
 *
 * @throws RangeError if the shapes differ
 */
export function maxAbsDifference(a: Matrix, b: Matrix): number {
  if (a.shape[0] !== b.shape[0] || a.shape[1] !== b.shape[1]) {
    throw new RangeError(`maxAbsDifference: shapes must be equal, got ${a.shape.join("×")} and ${b.shape.join("×")}`);
  }
  const [x, y] = [rowMajor(a), rowMajor(b)];
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(x[i]! - y[i]!);
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(largest)) return Number.NaN;
  }
  return largest;
}

/** ‖A‖_F, the root of the sum of squared entries. */
export function frobeniusNorm(a: Matrix): number {
  return norm(rowMajor(a));
}

/** ‖x‖₂, scaled by the largest entry so that ±1e308 neither overflows nor vanishes. */
export function norm(x: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const size = Math.abs(x[i]!);
    if (Number.isNaN(size)) return Number.NaN;
    if (size > largest) largest = size;
  }
  if (!(largest > 0 && largest < Infinity)) return largest;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i]! / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/**
 * The matrix as aligned text, one row a line.
 *
 * @param digits significant digits, default 4
 */
export function format(a: Matrix, digits = 4): string {
  const cells = toRows(a).map((entries) => entries.map((value) => formatNumber(value, digits)));
  const width = Math.max(0, ...cells.flat().map((text) => text.length));
  return cells.map((texts) => texts.map((text) => text.padStart(width)).join("  ")).join("\n");
}

/** A number with at most the given significant digits, without trailing zeros: 0.25, 1.2e-7, 1797. */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) < 1e-4 ? rounded.toExponential() : String(rounded);
}
