/**
 * Positive (semi-)definite matrices: tests for them, their triangular factor and what it gives (solutions, log-determinants,
 * distances, samples), and the nearest one to a matrix that should be one and is not.
 *
 * Follows N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, chapter 10.
 * https://doi.org/10.1137/1.9780898718027
 * But:
 * - Triangular systems and the pivoted factorisation are not blocked: they run at the speed of a scalar loop, not of `matmul`.
 * - No downdate, the factor of A − vvᵀ; no LDLᵀ for indefinite matrices.
 * - The nearest correlation matrix is found by alternating projections, whose error falls by a constant factor per step; Newton's
 *   method on the dual problem (Qi and Sun 2006) needs far fewer steps.
 */
import { checkInteger, checkMatrix, checkNumber, checkSquare, checkVector } from "../../lib/check.js";
import { NotPositiveDefiniteError, SingularMatrixError } from "../../lib/errors.js";
import { gemm } from "../../lib/gemm.js";
import {
  column,
  frobeniusNorm,
  identity,
  type Matrix,
  matrix,
  matrixOver,
  norm,
  rowMajor,
  transpose,
  zeros,
} from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { dot, selfProducts, subtractRow } from "../../lib/rows.js";
import type { RightHandSide, Solution } from "./determinant-and-volume.js";
import { eigSymmetric } from "./eigenvalues-and-the-spectral-theorem.js";

/**
 * Cholesky's factorisation A = LLᵀ of a positive definite matrix. Reads the lower triangle, after a check of symmetry.
 *
 * @param a n×n symmetric matrix; differences across the diagonal may be up to 1e-10 of the largest entry
 * @returns L, n×n, zeros above a positive diagonal; n³/3 operations
 * @throws RangeError if a is not square, empty, not finite or not symmetric
 * @throws TypeError if a is not a matrix of float64
 * @throws NotPositiveDefiniteError if a pivot is not > 0: its index and its value, NaN if it is a difference of infinities
 * @example
 * toRows(cholesky(matrix([[4, 2], [2, 5]]))) // [[2, 0], [1, 2]]
 */
export function cholesky(a: Matrix): Matrix {
  return factorise("cholesky", "a", a);
}

const BLOCK = 32;

/** Columns in blocks: what the columns before a block take from it is one product of matrices; the rest goes row by row. */
function factorise(caller: string, name: string, a: Matrix): Matrix {
  const n = checkSymmetric(caller, name, a);
  const x = rowMajor(a).slice();
  const l = zeros(n, n);
  for (let from = 0; from < n; from += BLOCK) {
    const to = Math.min(from + BLOCK, n);
    subtractProducts(x, l, from, to);
    for (let i = from; i < n; i++) {
      for (let j = from; j < Math.min(i, to); j++) {
        const rest = x[i * n + j]! - dot(l.data, i * n + from, l.data, j * n + from, j - from);
        l.data[i * n + j] = rest / l.data[j * n + j]!; // (3)
      }
      if (i >= to) continue;
      const pivot = x[i * n + i]! - dot(l.data, i * n + from, l.data, i * n + from, i - from);
      if (!(pivot > 0)) {
        throw new NotPositiveDefiniteError(
          `${caller}: ${name} must be positive definite, got pivot ${pivot} at step ${i}`,
          i,
          pivot,
        );
      }
      l.data[i * n + i] = Math.sqrt(pivot); // (2)
    }
  }
  return l;
}

/** Takes the part with k < from out of the sums (2) and (3) of the columns from … to − 1. */
function subtractProducts(x: Float64Array, l: Matrix, from: number, to: number): void {
  if (from === 0) return;
  const n = l.shape[0]!;
  const below = l.lo(from, 0).hi(n - from, from);
  const width = to - from;
  const product = gemm(n - from, width, from, below, transpose(below.hi(width, from)));
  for (let i = from, at = 0; i < n; i++) {
    for (let j = from; j < to; j++, at++) x[i * n + j] = x[i * n + j]! - product[at]!;
  }
}

/**
 * The solution of LX = B, from the first row down, or of LᵀX = B, from the last row up.
 *
 * @param l n×n matrix, whose lower triangle alone is read
 * @param b right-hand sides: n numbers, or an n×k matrix of one in each column
 * @param options.transposed solve with Lᵀ; default false
 * @returns X of the form of b; n² operations for each right-hand side
 * @throws RangeError if l is not square, l or b is empty or not finite, b has not n rows, or the solution overflows
 * @throws TypeError if l is not a matrix of float64, or b neither matrix nor array
 * @throws SingularMatrixError if a diagonal entry is 0; `pivot` is its index
 * @example
 * triangularSolve(matrix([[2, 0], [1, 2]]), [4, 6]) // [2, 2]
 */
export function triangularSolve<B extends RightHandSide>(
  l: Matrix,
  b: B,
  { transposed = false }: { readonly transposed?: boolean } = {},
): Solution<B> {
  return substitute("triangularSolve", l, b, transposed ? [backward] : [forward]);
}

/**
 * The solution of AX = B from the factor of A: LZ = B, then LᵀX = Z.
 *
 * @param l n×n factor, A = LLᵀ
 * @returns X of the form of b; 2n² operations for each right-hand side
 * @see triangularSolve for b and the errors
 * @example
 * choleskySolve(cholesky(matrix([[4, 2], [2, 5]])), [8, 12]) // [1, 2]
 */
export function choleskySolve<B extends RightHandSide>(l: Matrix, b: B): Solution<B> {
  return substitute("choleskySolve", l, b, [forward, backward]);
}

type Sweep = (l: Float64Array, x: Float64Array, n: number, k: number) => void;

function substitute<B extends RightHandSide>(caller: string, l: Matrix, b: B, sweeps: readonly Sweep[]): Solution<B> {
  const n = checkSquare(caller, "l", l);
  const lower = rowMajor(l);
  for (let i = 0; i < n; i++) {
    if (lower[i * n + i] === 0) {
      throw new SingularMatrixError(`${caller}: l must be invertible, got 0 at (${i}, ${i})`, i);
    }
  }
  const several = typeof b === "object" && b !== null && "shape" in b;
  if (several) {
    const [rows] = checkMatrix(caller, "b", b);
    if (rows !== n) throw new RangeError(`${caller}: b must have ${n} rows like l, got ${rows}`);
  }
  const x = several ? rowMajor(b).slice() : checkVector(caller, "b", b as ArrayLike<number>, n);
  for (const sweep of sweeps) sweep(lower, x, n, x.length / n);
  if (!x.every(Number.isFinite)) throw new RangeError(`${caller}: the solution must not overflow, got Infinity`);
  return (several ? matrixOver(x, n, x.length / n) : x) as Solution<B>;
}

/** B becomes L⁻¹B, B of k columns: row i is ready when the rows above it are. */
function forward(l: Float64Array, x: Float64Array, n: number, k: number): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) subtractRow(x, i * k, l[i * n + j]!, j * k, k);
    for (let c = i * k; c < (i + 1) * k; c++) x[c] = x[c]! / l[i * n + i]!; // (4)
  }
}

/** B becomes L⁻ᵀB: row i, once ready, is taken from all rows above it, so that L is read along its rows. */
function backward(l: Float64Array, x: Float64Array, n: number, k: number): void {
  for (let i = n - 1; i >= 0; i--) {
    for (let c = i * k; c < (i + 1) * k; c++) x[c] = x[c]! / l[i * n + i]!; // (5)
    for (let j = 0; j < i; j++) subtractRow(x, j * k, l[i * n + j]!, i * k, k);
  }
}

/**
 * log det A of a positive definite matrix, 2 Σ log lᵢᵢ: finite also where the determinant overflows or underflows.
 *
 * @param a n×n positive definite matrix
 * @returns natural logarithm; n³/3 operations
 * @throws as `cholesky`
 * @example
 * logDetSpd(matrix([[4, 2], [2, 5]])) // 2.772589
 */
export function logDetSpd(a: Matrix): number {
  const l = factorise("logDetSpd", "a", a);
  let sum = 0;
  for (let i = 0; i < l.shape[0]!; i++) sum += 2 * Math.log(l.get(i, i));
  return sum;
}

/**
 * The factor of LLᵀ + vvᵀ: one more sample in a covariance, say. A rotation of column k of L with what is left of v makes entry k
 * of v zero.
 *
 * @param l n×n factor, whose lower triangle alone is read; it is not changed
 * @param v n numbers
 * @returns n×n factor with a diagonal ≥ 0; 3n² operations against n³/3 of a new one
 * @throws RangeError if l is not square, l or v is empty or not finite, v has not n numbers, or the factor overflows
 * @throws TypeError if l is not a matrix of float64 or v no array
 * @see P. E. Gill, G. H. Golub, W. Murray, M. A. Saunders, "Methods for modifying matrix factorizations", 1974
 * @example
 * toRows(choleskyRankOneUpdate(matrix([[3, 0], [0, 1]]), [4, 0])) // [[5, 0], [0, 1]]
 */
export function choleskyRankOneUpdate(l: Matrix, v: ArrayLike<number>): Matrix {
  const n = checkSquare("choleskyRankOneUpdate", "l", l);
  const x = lowerTriangle(l);
  const rest = checkVector("choleskyRankOneUpdate", "v", v, n);
  for (let k = 0; k < n; k++) {
    const length = Math.hypot(x[k * n + k]!, rest[k]!);
    if (length === 0) continue; // nothing to rotate: both are 0
    const [c, s] = [x[k * n + k]! / length, rest[k]! / length];
    x[k * n + k] = length;
    for (let i = k + 1; i < n; i++) {
      const [entry, left] = [x[i * n + k]!, rest[i]!];
      x[i * n + k] = c * entry + s * left; // (6)
      rest[i] = c * left - s * entry;
    }
  }
  if (!x.every(Number.isFinite)) {
    throw new RangeError("choleskyRankOneUpdate: the factor must not overflow, got Infinity");
  }
  return matrixOver(x, n, n);
}

function lowerTriangle(l: Matrix): Float64Array {
  const n = l.shape[0]!;
  return rowMajor(l).map((entry, at) => (at % n > Math.floor(at / n) ? 0 : entry));
}

/** PAPᵀ = LLᵀ, up to what is left. */
export interface PivotedCholesky {
  /** n×rank, zeros above a positive diagonal that does not rise */
  readonly l: Matrix;
  /** row i of LLᵀ is row `permutation[i]` of A, and column j its column `permutation[j]` */
  readonly permutation: Int32Array;
  /** the number of pivots that were used */
  readonly rank: number;
  /** trace of A minus the trace of LLᵀ: of a semidefinite matrix no eigenvalue of the difference is larger */
  readonly traceError: number;
}

/** How `pivotedCholesky` stops. */
export interface PivotedCholeskyOptions {
  /** pivots up to this fraction of the largest diagonal entry count as 0; default n·eps */
  readonly tolerance?: number;
}

/**
 * Cholesky's factorisation with the largest diagonal entry as the next pivot: for semidefinite matrices, and for ones that are
 * nearly of low rank. It ends when no pivot is worth its column.
 *
 * @param a n×n positive semidefinite matrix, symmetric as for `cholesky`
 * @returns l, permutation, rank and traceError; n·rank² operations, and n²·rank to check that what is left is semidefinite
 * @throws RangeError if a is not square, empty, not finite or not symmetric, or the tolerance is not in [0, 1)
 * @throws TypeError if a is not a matrix of float64
 * @throws NotPositiveDefiniteError if an entry of what is left is too large for a semidefinite matrix; `pivot` is the rank
 * @example
 * pivotedCholesky(matrix([[1, 2], [2, 4]])).rank // 1
 */
export function pivotedCholesky(a: Matrix, options: PivotedCholeskyOptions = {}): PivotedCholesky {
  const { rows, permutation, rank, traceError } = factoriseByPivots("pivotedCholesky", "a", a, options);
  const l = zeros(permutation.length, rank);
  for (const [i, from] of permutation.entries()) l.data.set(rows.subarray(from * rank, (from + 1) * rank), i * rank);
  return { l, permutation, rank, traceError };
}

/** As `pivotedCholesky`, with the rows of L, `rank` numbers each, in the order of A. */
function factoriseByPivots(caller: string, name: string, a: Matrix, { tolerance }: PivotedCholeskyOptions) {
  const x = rowMajor(symmetric(caller, name, a));
  const n = a.shape[0]!;
  const rounding = n * Number.EPSILON;
  const fraction = checkNumber(caller, "tolerance", tolerance ?? rounding, { min: 0, below: 1 });
  const l = new Float64Array(n * n);
  const left = Float64Array.from({ length: n }, (_, i) => x[i * n + i]!); // diagonal of A − LLᵀ
  const largest = left.reduce((size, entry) => Math.max(size, entry), 0);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  let rank = 0;
  for (; rank < n; rank++) {
    let at = rank;
    for (let t = rank + 1; t < n; t++) if (left[order[t]!]! > left[order[at]!]!) at = t;
    [order[rank], order[at]] = [order[at]!, order[rank]!];
    const pivot = order[rank]!;
    if (!(left[pivot]! > fraction * largest)) break;
    const root = Math.sqrt(left[pivot]!);
    l[pivot * n + rank] = root;
    for (let t = rank + 1; t < n; t++) {
      const i = order[t]!;
      const entry = (x[i * n + pivot]! - dot(l, i * n, l, pivot * n, rank)) / root; // (7)
      l[i * n + rank] = entry;
      left[i] = left[i]! - entry * entry;
    }
  }
  // In a semidefinite remainder |sᵢⱼ| ≤ √(sᵢᵢsⱼⱼ), and its diagonal is below the tolerance; the rest of the limit is for rounding.
  const limit = (fraction + 100 * rounding) * largest;
  let traceError = 0;
  for (let t = rank; t < n; t++) {
    const i = order[t]!;
    for (let q = rank; q <= t; q++) {
      const j = order[q]!;
      const entry = i === j ? left[i]! : x[i * n + j]! - dot(l, i * n, l, j * n, rank);
      if (i === j ? entry >= -limit : Math.abs(entry) <= limit) continue;
      throw new NotPositiveDefiniteError(
        `${caller}: ${name} must be positive semidefinite, got ${entry} at (${i}, ${j}) after ${rank} pivots`,
        rank,
        entry,
      );
    }
    traceError += left[i]!;
  }
  const rows = new Float64Array(n * rank);
  for (let i = 0; i < n; i++) rows.set(l.subarray(i * n, i * n + rank), i * rank);
  return { rows, permutation: order, rank, traceError: Math.max(0, traceError) };
}

/**
 * Whether xᵀAx > 0 for every x ≠ 0: whether Cholesky's factorisation ends well. In float64 that is no sharp line: where the
 * smallest eigenvalue, after scaling to a diagonal of ones, is within about n²u of 0 (u = 2⁻⁵³), rounding may decide.
 *
 * @param a n×n symmetric matrix
 * @throws RangeError if a is not square, empty, not finite or not symmetric
 * @throws TypeError if a is not a matrix of float64
 * @example
 * isPositiveDefinite(matrix([[1, 2], [2, 1]])) // false
 */
export function isPositiveDefinite(a: Matrix): boolean {
  try {
    factorise("isPositiveDefinite", "a", a);
    return true;
  } catch (error) {
    if (error instanceof NotPositiveDefiniteError) return false;
    throw error;
  }
}

/**
 * Whether xᵀAx ≥ 0 for every x, up to rounding: whether λ_min ≥ −tolerance·λ_max.
 *
 * @param a n×n symmetric matrix
 * @param options.tolerance relative to the largest eigenvalue; default n·eps, the error of a computed eigenvalue
 * @throws RangeError if a is not square, empty, not finite or not symmetric, or the tolerance is not ≥ 0
 * @throws TypeError if a is not a matrix of float64
 * @example
 * isPositiveSemidefinite(matrix([[1, 1], [1, 1]])) // true
 */
export function isPositiveSemidefinite(a: Matrix, { tolerance }: { readonly tolerance?: number } = {}): boolean {
  const { values } = eigSymmetric(symmetric("isPositiveSemidefinite", "a", a));
  const n = values.length;
  const fraction = checkNumber("isPositiveSemidefinite", "tolerance", tolerance ?? n * Number.EPSILON, { min: 0 });
  return values[0]! >= -fraction * values[n - 1]!;
}

/**
 * The covariance of the columns, with denominator n − 1. It is XᵀX of centred data, a Gram matrix, hence positive semidefinite.
 *
 * @param x n×d, a sample in each row, n ≥ 2
 * @returns d×d, exactly symmetric, of rank n − 1 at most
 * @throws RangeError if x has fewer than two rows, no column, is not finite, or an entry of the result overflows
 * @throws TypeError if x is not a matrix of float64
 * @example
 * toRows(covarianceMatrix(matrix([[1, 2], [3, 8]]))) // [[2, 6], [6, 18]]
 */
export function covarianceMatrix(x: Matrix): Matrix {
  const [n, d] = checkMatrix("covarianceMatrix", "x", x);
  if (n < 2) throw new RangeError("covarianceMatrix: x must have at least two rows, got 1");
  const centred = matrix(Array.from({ length: d }, (_, j) => centre(column(x, j))));
  const result = matrixOver(
    selfProducts(centred).data.map((entry) => entry / (n - 1)), // (1)
    d,
    d,
  );
  if (!result.data.every(Number.isFinite)) {
    throw new RangeError("covarianceMatrix: the result must not overflow, got Infinity");
  }
  return result;
}

/** What `correlationMatrix` may know about its data. */
export interface CorrelationOptions {
  /** whether the entry in this row and column has been observed; default: all have */
  readonly present?: (row: number, column: number) => boolean;
}

/**
 * The correlations of the columns. Where values are missing, each pair of columns is taken over the rows that have both: the
 * entries then come from different samples, and the result need not be positive semidefinite.
 *
 * @param x n×d, a sample in each row; the numbers in the place of missing values do not matter
 * @returns d×d, exactly symmetric, ones on the diagonal
 * @throws RangeError if x is empty or not finite, or a column does not vary over the rows that it shares with another
 * @throws TypeError if x is not a matrix of float64
 * @example
 * correlationMatrix(matrix([[1, 1], [2, 2], [3, 1]])).get(1, 0) // 0
 */
export function correlationMatrix(x: Matrix, { present = () => true }: CorrelationOptions = {}): Matrix {
  const [n, d] = checkMatrix("correlationMatrix", "x", x);
  const rows = Array.from({ length: n }, (_, i) => i);
  const columns = Array.from({ length: d }, (_, j) => column(x, j));
  const observed = columns.map((_, j) => rows.map((i) => present(i, j)));
  const result = identity(d);
  for (let p = 0; p < d; p++) {
    for (let q = 0; q < p; q++) {
      const shared = rows.filter((i) => observed[p]![i] && observed[q]![i]);
      const [u, v] = [p, q].map((j) => {
        const values = new Float64Array(shared.map((i) => columns[j]![i]!));
        if (values.every((value) => value === values[0])) {
          throw new RangeError(
            `correlationMatrix: column ${j} must vary over the ${shared.length} rows it shares with ${p + q - j}, got deviation 0`,
          );
        }
        return direction(values);
      }) as [Float64Array, Float64Array];
      const correlation = Math.max(-1, Math.min(1, dot(u, 0, v, 0, u.length))); // rounding may end beyond 1
      result.set(p, q, correlation);
      result.set(q, p, correlation);
    }
  }
  return result;
}

/** The deviations from the mean, scaled to length 1; the largest number becomes 1 first, lest squares overflow or vanish. */
function direction(x: Float64Array): Float64Array {
  const largest = x.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
  const deviations = centre(x.map((value) => value / largest));
  const length = norm(deviations);
  return deviations.map((value) => value / length);
}

/** The numbers minus their mean. */
function centre(x: Float64Array): Float64Array {
  const mean = x.reduce((sum, value) => sum + value / x.length, 0);
  return x.map((value) => value - mean);
}

/** A positive semidefinite matrix and how far it was. */
export interface NearestPsd {
  /** n×n, exactly symmetric; its eigenvalues are ≥ 0 up to rounding */
  readonly matrix: Matrix;
  /** ‖A − matrix‖_F, the root of the sum of the squared negative eigenvalues; Infinity if that is beyond float64 */
  readonly distance: number;
}

/**
 * The positive semidefinite matrix nearest to A in Frobenius' norm: the negative eigenvalues become 0.
 *
 * @param a n×n symmetric matrix
 * @throws RangeError if a is not square, empty, not finite or not symmetric, or an eigenvalue overflows
 * @throws TypeError if a is not a matrix of float64
 * @see N. J. Higham, "Computing a nearest symmetric positive semidefinite matrix", 1988
 * @example
 * nearestPsd(matrix([[1, 2], [2, 1]])) // { matrix: matrix([[1.5, 1.5], [1.5, 1.5]]), distance: 1 }
 */
export function nearestPsd(a: Matrix): NearestPsd {
  return clip(symmetric("nearestPsd", "a", a));
}

function clip(a: Matrix): NearestPsd {
  const { values, vectors } = eigSymmetric(a);
  const n = values.length;
  const roots = values.map((value) => Math.sqrt(Math.max(value, 0)));
  const half = matrixOver(
    rowMajor(vectors).map((entry, at) => entry * roots[at % n]!),
    n,
    n,
  );
  return { matrix: selfProducts(half), distance: norm(values.filter((value) => value < 0)) }; // (8)
}

/** A pair of projections: onto the semidefinite matrices, and onto those with a diagonal of ones. */
export interface NearestCorrelationStep {
  /** counted from 1 */
  readonly iteration: number;
  /** positive semidefinite, its diagonal not yet 1 */
  readonly semidefinite: Matrix;
  /** `semidefinite` with ones on its diagonal, perhaps not semidefinite any more */
  readonly unitDiagonal: Matrix;
  /** ‖unitDiagonal − semidefinite‖_F, relative to unitDiagonal: 0 at the nearest correlation matrix, and nowhere else */
  readonly residual: number;
}

/**
 * Alternating projections to the nearest correlation matrix, without end, with Dykstra's correction: without it they would end
 * in some correlation matrix, but not in the nearest.
 *
 * @param a n×n symmetric matrix with ones on its diagonal, within 1e-10
 * @throws RangeError if a is not square, empty, not finite, not symmetric, or its diagonal is not 1
 * @throws TypeError if a is not a matrix of float64
 * @see N. J. Higham, "Computing the nearest correlation matrix: a problem from finance", 2002, algorithm 3.3
 * @example
 * nearestCorrelationSteps(matrix([[1, 2], [2, 1]])).next().value.unitDiagonal // matrix([[1, 1.5], [1.5, 1]])
 */
export function* nearestCorrelationSteps(a: Matrix): Generator<NearestCorrelationStep, never> {
  let unitDiagonal = withUnitDiagonal(checkCorrelation("nearestCorrelationSteps", a));
  let correction = zeros(a.shape[0]!, a.shape[0]!);
  for (let iteration = 1; ; iteration++) {
    const corrected = minus(unitDiagonal, correction); // (9)
    const semidefinite = clip(corrected).matrix; // (10)
    correction = minus(semidefinite, corrected); // (11)
    unitDiagonal = withUnitDiagonal(semidefinite); // (12)
    const residual = frobeniusNorm(minus(unitDiagonal, semidefinite)) / frobeniusNorm(unitDiagonal);
    yield { iteration, semidefinite, unitDiagonal, residual };
  }
}

/** How long `nearestCorrelation` goes on. */
export interface NearestCorrelationOptions {
  /** stop at a residual up to this; default 1e-10 */
  readonly tolerance?: number;
  /** default 1000; then `converged` is false */
  readonly maxIterations?: number;
}

/** The nearest correlation matrix. */
export interface NearestCorrelation {
  /** n×n, ones on the diagonal; eigenvalues ≥ 0 up to rounding, also where the iteration has not converged */
  readonly matrix: Matrix;
  /** ‖A − matrix‖_F */
  readonly distance: number;
  /** pairs of projections */
  readonly iterations: number;
  /** the last residual was within the tolerance */
  readonly converged: boolean;
}

/**
 * The correlation matrix nearest to A in Frobenius' norm: symmetric, semidefinite, with ones on its diagonal.
 *
 * @see nearestCorrelationSteps for a and the errors
 * @throws RangeError if an option is out of range
 * @example
 * nearestCorrelation(matrix([[1, 2], [2, 1]])).matrix // matrix([[1, 1], [1, 1]])
 */
export function nearestCorrelation(
  a: Matrix,
  { tolerance = 1e-10, maxIterations = 1000 }: NearestCorrelationOptions = {},
): NearestCorrelation {
  checkNumber("nearestCorrelation", "tolerance", tolerance, { min: 0 });
  checkInteger("nearestCorrelation", "maxIterations", maxIterations, 1);
  const given = checkCorrelation("nearestCorrelation", a);
  const steps = nearestCorrelationSteps(given);
  for (;;) {
    const { iteration, unitDiagonal, residual } = steps.next().value;
    const converged = residual <= tolerance;
    if (!converged && iteration < maxIterations) continue;
    const result = shrunk(unitDiagonal);
    return { matrix: result, distance: frobeniusNorm(minus(given, result)), iterations: iteration, converged };
  }
}

/** (Y + δI)/(1 + δ), with the smallest δ ≥ 0 that makes Y + δI semidefinite: about the tolerance once Y has converged. */
function shrunk(y: Matrix): Matrix {
  const shift = Math.max(0, -eigSymmetric(y).values[0]!);
  return withUnitDiagonal(
    matrixOver(
      rowMajor(y).map((entry) => entry / (1 + shift)),
      y.shape[0]!,
      y.shape[0]!,
    ),
  );
}

function withUnitDiagonal(a: Matrix): Matrix {
  const n = a.shape[0]!;
  return matrixOver(
    rowMajor(a).map((entry, at) => (at % (n + 1) === 0 ? 1 : entry)),
    n,
    n,
  );
}

function minus(a: Matrix, b: Matrix): Matrix {
  const y = rowMajor(b);
  return matrixOver(
    rowMajor(a).map((entry, at) => entry - y[at]!),
    a.shape[0]!,
    a.shape[1]!,
  );
}

/**
 * Mahalanobis' distance √((x − μ)ᵀΣ⁻¹(x − μ)): how many standard deviations x is from μ. With Lz = x − μ it is ‖z‖: no inverse.
 *
 * @param x d numbers
 * @param mean μ, d numbers
 * @param covariance Σ, d×d positive definite matrix
 * @returns distance ≥ 0; Infinity if it is beyond float64
 * @throws RangeError if x or mean has not d finite numbers, covariance is not square, empty, not finite or not symmetric, or x − μ
 *   or z overflows
 * @throws TypeError if x or mean is no array, or covariance no matrix of float64
 * @throws NotPositiveDefiniteError if covariance is not positive definite
 * @example
 * mahalanobis([3, 0], [1, 0], matrix([[4, 0], [0, 1]])) // 1
 */
export function mahalanobis(x: ArrayLike<number>, mean: ArrayLike<number>, covariance: Matrix): number {
  const l = factorise("mahalanobis", "covariance", covariance);
  const d = l.shape[0]!;
  const centre = checkVector("mahalanobis", "mean", mean, d);
  const difference = checkVector("mahalanobis", "x", x, d).map((value, i) => value - centre[i]!);
  checkVector("mahalanobis", "x − mean", difference);
  return norm(substitute("mahalanobis", l, difference, [forward])); // (13)
}

/** The points at one Mahalanobis distance from the mean. */
export interface ConfidenceEllipse {
  /** semi-axes, the longer one first; a linear combination's standard deviation times Mahalanobis' distance */
  readonly radii: Float64Array;
  /** 2×2, orthogonal: column j is the unit direction of radii[j] */
  readonly axes: Matrix;
}

/**
 * The ellipse around the mean that a normal pair of variables falls into with the given probability. (With a singular covariance
 * it is a segment, and the probability larger: at level 0.95 it is 0.9856.)
 *
 * @param covariance 2×2 positive semidefinite matrix; an eigenvalue 0 gives a radius 0
 * @param options.level probability in [0, 1); default 0.95, Mahalanobis' distance 2.4477
 * @throws RangeError if covariance is not 2×2, finite, symmetric and semidefinite, or the level is not in [0, 1)
 * @throws TypeError if covariance is not a matrix of float64
 * @example
 * confidenceEllipse(matrix([[9, 0], [0, 1]])).radii // [7.343, 2.448]
 */
export function confidenceEllipse(
  covariance: Matrix,
  { level = 0.95 }: { readonly level?: number } = {},
): ConfidenceEllipse {
  checkNumber("confidenceEllipse", "level", level, { min: 0, below: 1 });
  const given = symmetric("confidenceEllipse", "covariance", covariance);
  if (given.shape[0] !== 2) {
    throw new RangeError(`confidenceEllipse: covariance must be 2×2, got ${given.shape.join("×")}`);
  }
  const { values, vectors } = eigSymmetric(given);
  if (!(values[0]! >= -2 * Number.EPSILON * values[1]!)) {
    throw new RangeError(`confidenceEllipse: covariance must be positive semidefinite, got eigenvalue ${values[0]}`);
  }
  const radius = Math.sqrt(-2 * Math.log1p(-level)); // (14)
  const order = [1, 0];
  return {
    radii: Float64Array.from(order, (j) => radius * Math.sqrt(Math.max(values[j]!, 0))),
    axes: transpose(matrix(order.map((j) => column(vectors, j)))),
  };
}

/**
 * Draws from N(μ, Σ): x = μ + Lz with z of independent standard normal numbers.
 *
 * @param mean μ, d numbers
 * @param covariance Σ, d×d positive semidefinite matrix; a singular one is factorised with pivoting
 * @param n how many
 * @param options.seed default 0
 * @returns n×d matrix, a draw in each row
 * @throws RangeError if mean has not d finite numbers, covariance is not square, empty, not finite or not symmetric, n is not a
 *   positive integer, or the seed no 32-bit integer
 * @throws TypeError if mean is no array, or covariance no matrix of float64
 * @throws NotPositiveDefiniteError if covariance is not positive semidefinite
 * @example
 * sampleMultivariateNormal([0, 5], matrix([[1, 0], [0, 0]]), 3).get(2, 1) // 5
 */
export function sampleMultivariateNormal(
  mean: ArrayLike<number>,
  covariance: Matrix,
  n: number,
  { seed = 0 }: { readonly seed?: number } = {},
): Matrix {
  const caller = "sampleMultivariateNormal";
  checkInteger(caller, "n", n, 1);
  const { l, rank } = rootOf(caller, covariance);
  const d = covariance.shape[0]!;
  const centre = checkVector(caller, "mean", mean, d);
  const { normal } = random(seed);
  const z = new Float64Array(rank);
  const draws = new Float64Array(n * d);
  for (let at = 0; at < n * d; at += d) {
    for (let k = 0; k < rank; k++) z[k] = normal();
    for (let i = 0; i < d; i++) draws[at + i] = centre[i]! + dot(l, i * rank, z, 0, rank); // (15)
  }
  return matrixOver(draws, n, d);
}

/** L with Σ = LLᵀ, `rank` numbers in each row: Cholesky's, or the pivoted one, whose tolerance drops what is near rounding. */
function rootOf(caller: string, covariance: Matrix): { readonly l: Float64Array; readonly rank: number } {
  try {
    return { l: rowMajor(factorise(caller, "covariance", covariance)), rank: covariance.shape[0]! };
  } catch (error) {
    if (!(error instanceof NotPositiveDefiniteError)) throw error;
    const { rows, rank } = factoriseByPivots(caller, "covariance", covariance, {});
    return { l: rows, rank };
  }
}

/** The given matrix, if it may be a correlation matrix but for its eigenvalues; exactly symmetric. */
function checkCorrelation(caller: string, a: Matrix): Matrix {
  const given = symmetric(caller, "a", a);
  for (let i = 0; i < given.shape[0]!; i++) {
    const entry = given.get(i, i);
    if (!(Math.abs(entry - 1) <= 1e-10)) {
      throw new RangeError(`${caller}: a must have ones on its diagonal, got ${entry} at (${i}, ${i})`);
    }
  }
  return given;
}

/** The given matrix with small differences across the diagonal averaged away. */
function symmetric(caller: string, name: string, a: Matrix): Matrix {
  const n = checkSymmetric(caller, name, a);
  const x = rowMajor(a);
  // x + (y − x)/2 cannot overflow, and is exactly x where the two agree
  return matrixOver(
    x.map((entry, at) => entry + (x[(at % n) * n + Math.floor(at / n)]! - entry) / 2),
    n,
    n,
  );
}

/** The number of rows, if the matrix is its own transpose up to 1e-10 of its largest entry. */
function checkSymmetric(caller: string, name: string, a: Matrix): number {
  const n = checkSquare(caller, name, a);
  const x = rowMajor(a);
  let largest = 0;
  for (let at = 0; at < n * n; at++) largest = Math.max(largest, Math.abs(x[at]!));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const entry = x[i * n + j]!;
      const mirrored = x[j * n + i]!;
      if (!(Math.abs(entry - mirrored) <= 1e-10 * largest)) {
        throw new RangeError(
          `${caller}: ${name} must be symmetric, got ${entry} at (${i}, ${j}) and ${mirrored} at (${j}, ${i})`,
        );
      }
    }
  }
  return n;
}
