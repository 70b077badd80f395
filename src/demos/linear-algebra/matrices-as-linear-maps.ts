/**
 * Matrices as linear maps: the matrix of a function, the product as composition, and orthogonal bases of what a map
 * reaches and of what it destroys.
 *
 * Follows L. N. Trefethen, D. Bau, "Numerical Linear Algebra", 1997, lectures 7, 8, 10 and 11.
 * https://doi.org/10.1137/1.9780898719574
 * But:
 * - QR is not blocked: one reflection at a time, so it runs at the speed of a scalar loop, not of `matmul`.
 * - Rank is decided by the diagonal of a column-pivoted R. That is a good guess, not a proof; singular values are the judge.
 * - Real float64 only; a complex map of n coordinates is written as a real one of 2n.
 */
import { checkChoice, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { SingularMatrixError } from "../../lib/errors.js";
import { gemm } from "../../lib/gemm.js";
import { column, type Matrix, matrixOver, norm, rowMajor, transpose, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

/** A function from vectors to vectors; it may get a buffer of its own to work in, and may return any array of numbers. */
export type VectorFunction = (x: Float64Array) => ArrayLike<number>;

/**
 * The product AB, the matrix of "first B, then A".
 *
 * NaN and Infinity are allowed and spread as IEEE 754 has it; every other function here refuses them.
 *
 * @param a m×k matrix
 * @param b k×n matrix
 * @returns m×n matrix, row-major; 2mnk floating-point operations
 * @throws RangeError if a has not as many columns as b has rows, or a matrix is empty
 * @throws TypeError if an argument is not a matrix of float64
 * @example
 * toRows(matmul(matrix([[1, 2], [3, 4]]), matrix([[0, 1], [1, 0]]))) // [[2, 1], [4, 3]]
 */
export function matmul(a: Matrix, b: Matrix): Matrix {
  const [m, k] = checkShape("matmul", "a", a);
  const [rows, n] = checkShape("matmul", "b", b);
  if (rows !== k) {
    throw new RangeError(`matmul: a must have as many columns as b has rows, got ${m}×${k} and ${rows}×${n}`);
  }
  return matrixOver(gemm(m, n, k, a, b), m, n); // (3)
}

/**
 * The image Ax of one vector.
 *
 * @param a m×n matrix
 * @param x n numbers
 * @returns m numbers; 2mn floating-point operations
 * @throws RangeError if x has not n entries, or a is empty
 * @throws TypeError if a is not a matrix of float64
 * @example
 * matvec(matrix([[1, 2], [3, 4], [5, 6]]), [1, -1]) // Float64Array [-1, -1, -1]
 */
export function matvec(a: Matrix, x: ArrayLike<number>): Float64Array {
  const [m, n] = checkShape("matvec", "a", a);
  if (x.length !== n) throw new RangeError(`matvec: x must have length ${n}, got ${x.length}`);
  return gemm(m, 1, n, a, Float64Array.from(x)); // (2)
}

/** Rows and columns of a matrix that may hold any numbers; `checkMatrix` without the look at every entry. */
function checkShape(caller: string, name: string, a: Matrix): readonly [number, number] {
  if (!(a?.data instanceof Float64Array && a.shape.length === 2 && a.shape[0]! >= 1 && a.shape[1]! >= 1)) {
    return checkMatrix(caller, name, a);
  }
  return a.shape as [number, number];
}

export interface QROptions {
  /** take the longest remaining column first, so that |r₁₁| ≥ |r₂₂| ≥ …; default false */
  readonly pivoting?: boolean;
  /** q of min(m, n) columns, or of all m; default 'reduced' */
  readonly mode?: "reduced" | "complete";
}

export interface QR {
  /** m×k with orthonormal columns, k = min(m, n), or k = m if complete */
  readonly q: Matrix;
  /** k×n, zero below the diagonal */
  readonly r: Matrix;
  /** column j of QR is column `permutation[j]` of A; 0 … n−1 in order without pivoting */
  readonly permutation: Int32Array;
}

/**
 * Householder's factorisation AΠ = QR.
 *
 * The signs are LAPACK's (so NumPy's): rⱼⱼ has the opposite sign of the entry that the reflection started from. A wide
 * matrix, n > m, gets a square q and an r as wide as A.
 *
 * @param a m×n matrix of finite numbers
 * @returns q, r and the order of columns; 2mn² − 2n³/3 operations for r, as many again for q
 * @throws RangeError if a is empty or not finite, or if a column is so long that r overflows
 * @throws TypeError if a is not a matrix of float64
 * @see Golub, Van Loan, "Matrix Computations", 4th ed., 2013, algorithms 5.2.1 and 5.4.1
 * @example
 * toRows(qr(matrix([[3, 1], [4, 2]])).r) // [[-5, -2.2], [0, 0.4]] to rounding
 */
export function qr(a: Matrix, { pivoting = false, mode = "reduced" }: QROptions = {}): QR {
  const [m, n] = checkMatrix("qr", "a", a);
  checkChoice("qr", "mode", mode, ["reduced", "complete"]);
  const k = mode === "complete" ? m : Math.min(m, n);
  // Columns lie one after the other in memory. A power of two scales them without rounding, away from over- and underflow.
  const scale = 2 ** -Math.max(-1023, Math.min(1023, Math.floor(Math.log2(largest(rowMajor(a)) || 1))));
  const columns = rowMajor(transpose(a)).map((x) => x * scale);
  const { factors, permutation } = triangularise(columns, m, n, pivoting);

  const r = zeros(k, n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i <= Math.min(j, m - 1); i++) r.data[i * n + j] = columns[j * m + i]! / scale;
  }
  if (!r.data.every(Number.isFinite)) throw new RangeError("qr: the columns of a must have finite norms, got Infinity");

  const q = new Float64Array(m * k); // its columns, one after the other
  for (let j = 0; j < k; j++) q[j * m + j] = 1;
  for (let j = factors.length - 1; j >= 0; j--) {
    for (let l = j; l < k; l++) reflect(columns, j * m + j, factors[j]!, q, l * m + j, m - j); // Q = H₁H₂⋯ (6)
  }
  return { q: matrixOver(rowMajor(transpose(matrixOver(q, k, m))), m, k), r, permutation };
}

/** Replaces the columns by R above the diagonal and, from the diagonal down, by the vectors v of the reflections. */
function triangularise(columns: Float64Array, m: number, n: number, pivoting: boolean) {
  const factors = new Float64Array(Math.min(m, n));
  const permutation = Int32Array.from({ length: n }, (_, j) => j);
  const lengths = pivoting ? columnNorms(columns, m, n) : new Float64Array(0);
  const known = lengths.slice(); // when the norm was last computed from the entries
  for (let j = 0; j < factors.length; j++) {
    if (pivoting) {
      let longest = j;
      for (let l = j + 1; l < n; l++) if (lengths[l]! > lengths[longest]!) longest = l;
      swap(permutation, j, longest, 1);
      swap(lengths, j, longest, 1);
      swap(known, j, longest, 1);
      swap(columns, j * m, longest * m, m);
    }
    factors[j] = makeReflection(columns, j * m + j, m - j);
    for (let l = j + 1; l < n; l++) {
      reflect(columns, j * m + j, factors[j]!, columns, l * m + j, m - j); // (6)
      if (pivoting && lengths[l]! > 0) {
        // The rest of the column is shorter by what went into r; where that cancels too many digits, measure anew.
        const left = Math.max(0, 1 - (columns[l * m + j]! / lengths[l]!) ** 2);
        if (left * (lengths[l]! / known[l]!) ** 2 > 1e-8) lengths[l] = lengths[l]! * Math.sqrt(left);
        else known[l] = lengths[l] = norm(columns.subarray(l * m + j + 1, l * m + m));
      }
    }
  }
  return { factors, permutation };
}

/**
 * The reflection H = I − τvvᵀ that sends x to βe₁: x₁ becomes β, the entries below become those of v, whose first is 1.
 *
 * @returns τ; 0, that is H = I, if there is nothing below x₁
 */
function makeReflection(x: Float64Array, at: number, length: number): number {
  const below = x.subarray(at + 1, at + length);
  if (!below.some((entry) => entry !== 0)) return 0;
  const alpha = x[at]!;
  const beta = (alpha > 0 ? -1 : 1) * norm(x.subarray(at, at + length)); // this sign, so that alpha − beta cancels nothing (5)
  let square = 1;
  for (let i = 0; i < below.length; i++) square += (below[i] = below[i]! / (alpha - beta)) ** 2;
  x[at] = beta;
  return 2 / square;
}

/** x becomes x − τv(vᵀx), where v = (1, the entries after `from`). */
function reflect(v: Float64Array, from: number, tau: number, x: Float64Array, at: number, length: number): void {
  let [s0, s1, s2, s3] = [x[at]!, 0, 0, 0]; // four sums do not wait for each other
  let i = 1;
  for (; i + 3 < length; i += 4) {
    s0 += v[from + i]! * x[at + i]!;
    s1 += v[from + i + 1]! * x[at + i + 1]!;
    s2 += v[from + i + 2]! * x[at + i + 2]!;
    s3 += v[from + i + 3]! * x[at + i + 3]!;
  }
  for (; i < length; i++) s0 += v[from + i]! * x[at + i]!;
  const s = tau * (s0 + s1 + (s2 + s3));
  x[at] = x[at]! - s;
  for (i = 1; i < length; i++) x[at + i] = x[at + i]! - s * v[from + i]!;
}
