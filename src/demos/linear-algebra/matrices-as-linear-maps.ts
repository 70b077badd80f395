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
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { SingularMatrixError } from "../../lib/errors.js";
import { gemm } from "../../lib/gemm.js";
import { column, copy, type Matrix, matrix, matrixOver, norm, rowMajor, transpose, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

/** A function from vectors to vectors. What it is given it may write into; it may return any array of numbers. */
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
 * matvec(matrix([[1, 2], [3, 4], [5, 6]]), [1, -1]) // [-1, -1, -1]
 */
export function matvec(a: Matrix, x: ArrayLike<number>): Float64Array {
  const [m, n] = checkShape("matvec", "a", a);
  if (x?.length !== n) throw new RangeError(`matvec: x must have length ${n}, got ${x?.length}`);
  return gemm(m, 1, n, a, Float64Array.from(x)); // (2)
}

/** Rows and columns of a matrix that may hold any numbers; `checkMatrix` without the look at every entry. */
function checkShape(caller: string, name: string, a: Matrix): readonly [number, number] {
  if (!(a?.data instanceof Float64Array && a.shape.length === 2 && a.shape[0]! >= 1 && a.shape[1]! >= 1)) {
    return checkMatrix(caller, name, a);
  }
  return a.shape as [number, number];
}

/** How to factor. */
export interface QROptions {
  /** take the longest remaining column first, so that |r₁₁| ≥ |r₂₂| ≥ …; default false */
  readonly pivoting?: boolean;
  /** q of min(m, n) columns, or of all m; default 'reduced' */
  readonly mode?: "reduced" | "complete";
}

/** The factorisation AΠ = QR. */
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
 * The signs are LAPACK's (so NumPy's): rⱼⱼ has the opposite sign of the entry that the reflection started from, and is
 * that entry itself where only zeros stand below it. A wide matrix, n > m, gets a square q and an r as wide as A.
 *
 * @param a m×n matrix of finite numbers
 * @returns q, r and the order of columns; for m ≥ n 2mn² − 2n³/3 operations for r, as many again for a reduced q
 * @throws RangeError if a is empty or not finite, a column is so long that r overflows, or the mode is unknown
 * @throws TypeError if a is not a matrix of float64
 * @see Golub, Van Loan, "Matrix Computations", 4th ed., 2013, algorithms 5.2.1 and 5.4.1
 * @example
 * toRows(qr(matrix([[3, 1], [4, 2]])).r) // [[-5, -2.2], [0, 0.4]]
 */
export function qr(a: Matrix, { pivoting = false, mode = "reduced" }: QROptions = {}): QR {
  const [m, n] = checkMatrix("qr", "a", a);
  checkChoice("qr", "mode", mode, ["reduced", "complete"]);
  const k = mode === "complete" ? m : Math.min(m, n);
  const scale = scaleOf(rowMajor(a));
  const columns = rowMajor(transpose(a)).map((x) => scale * x); // one after the other in memory
  const { factors, permutation } = triangularise(columns, m, n, pivoting);

  const r = zeros(k, n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i <= Math.min(j, m - 1); i++) r.data[i * n + j] = columns[j * m + i]! / scale;
  }
  if (!r.data.every(Number.isFinite)) throw new RangeError("qr: the columns of a must have finite norms, got Infinity");

  const q = new Float64Array(m * k); // its columns, one after the other
  for (let j = 0; j < k; j++) q[j * m + j] = 1;
  for (let j = factors.length - 1; j >= 0; j--) {
    reflect(columns, j * m + j, factors[j]!, q, j * m + j, m - j, k - j, m); // Q = H₁H₂⋯ (6)
  }
  return { q: copy(transpose(matrixOver(q, k, m))), r, permutation };
}

/**
 * The power of two that brings the largest entry near 2³⁰⁰: no rounding, no overflow in products of three entries, and
 * no underflow of what is up to 2¹³²² times smaller.
 */
function scaleOf(x: Float64Array): number {
  const largest = x.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
  return 2 ** Math.min(1023, 300 - Math.floor(Math.log2(largest || 1)));
}

/** The matrix times that power of two. */
function scaled(a: Matrix) {
  const [m, n] = a.shape as [number, number];
  const scale = scaleOf(rowMajor(a));
  const values = rowMajor(a).map((x) => scale * x);
  return { values: matrixOver(values, m, n), scale };
}

/** Replaces the columns by R above the diagonal and, from the diagonal down, by the vectors v of the reflections. */
function triangularise(columns: Float64Array, m: number, n: number, pivoting: boolean) {
  const factors = new Float64Array(Math.min(m, n));
  const permutation = Int32Array.from({ length: n }, (_, j) => j);
  const lengths = Float64Array.from(pivoting ? permutation : [], (j) => norm(columns.subarray(j * m, j * m + m)));
  const known = lengths.slice(); // when the norm was last computed from the entries
  for (let j = 0; j < factors.length; j++) {
    if (pivoting) {
      let longest = j;
      for (let l = j + 1; l < n; l++) if (lengths[l]! > lengths[longest]!) longest = l;
      for (const x of [permutation, lengths, known]) swap(x, j, longest, 1);
      swap(columns, j * m, longest * m, m);
    }
    factors[j] = makeReflection(columns, j * m + j, m - j);
    reflect(columns, j * m + j, factors[j]!, columns, (j + 1) * m + j, m - j, n - j - 1, m); // (6)
    if (pivoting) shorten(lengths, known, columns, m, n, j);
  }
  return { factors, permutation };
}

/** After step j the rest of each column is shorter by what went into row j of R. */
function shorten(lengths: Float64Array, known: Float64Array, columns: Float64Array, m: number, n: number, j: number) {
  for (let l = j + 1; l < n; l++) {
    const left = Math.max(0, 1 - (columns[l * m + j]! / lengths[l]!) ** 2);
    // Where the subtraction has cancelled half of the digits (or divided 0 by 0), the length is measured anew.
    if (left * (lengths[l]! / known[l]!) ** 2 > 1e-8) lengths[l] = lengths[l]! * Math.sqrt(left);
    else known[l] = lengths[l] = norm(columns.subarray(l * m + j + 1, l * m + m));
  }
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
  const beta = (alpha < 0 ? 1 : -1) * norm(x.subarray(at, at + length)); // this sign, so that alpha − beta cancels nothing (5)
  let square = 1;
  for (let i = 0; i < below.length; i++) square += (below[i] = below[i]! / (alpha - beta)) ** 2;
  x[at] = beta;
  return 2 / square;
}

/**
 * Each of `count` vectors x, `pitch` apart, becomes x − τv(vᵀx), where v = (1, the entries after `from`). Four at a time:
 * they share the loads of v, and their sums do not wait for each other.
 */
function reflect(
  v: Float64Array,
  from: number,
  tau: number,
  x: Float64Array,
  at: number,
  length: number,
  count: number,
  pitch: number,
): void {
  let left = count;
  for (; left >= 4; left -= 4, at += 4 * pitch) {
    const [a, b, c, d] = [at, at + pitch, at + 2 * pitch, at + 3 * pitch];
    let [s, t, u, w] = [x[a]!, x[b]!, x[c]!, x[d]!];
    for (let i = 1; i < length; i++) {
      const vi = v[from + i]!;
      s += vi * x[a + i]!;
      t += vi * x[b + i]!;
      u += vi * x[c + i]!;
      w += vi * x[d + i]!;
    }
    [s, t, u, w] = [tau * s, tau * t, tau * u, tau * w];
    [x[a], x[b], x[c], x[d]] = [x[a]! - s, x[b]! - t, x[c]! - u, x[d]! - w];
    for (let i = 1; i < length; i++) {
      const vi = v[from + i]!;
      x[a + i] = x[a + i]! - s * vi;
      x[b + i] = x[b + i]! - t * vi;
      x[c + i] = x[c + i]! - u * vi;
      x[d + i] = x[d + i]! - w * vi;
    }
  }
  for (; left > 0; left--, at += pitch) {
    let s = x[at]!;
    for (let i = 1; i < length; i++) s += v[from + i]! * x[at + i]!;
    s *= tau;
    x[at] = x[at]! - s;
    for (let i = 1; i < length; i++) x[at + i] = x[at + i]! - s * v[from + i]!;
  }
}

/** Exchanges the i-th and the j-th run of `length` numbers. */
function swap(x: Float64Array | Int32Array, i: number, j: number, length: number): void {
  for (let t = 0; t < length; t++) [x[i + t], x[j + t]] = [x[j + t]!, x[i + t]!];
}

/**
 * The matrix of a linear function: column j is the image of the j-th basis vector.
 *
 * @param f linear function of n coordinates, called n times
 * @param n number of coordinates of its argument, at least 1
 * @returns m×n matrix, m the length of f's values; meaningless where f is not linear, see `linearityErrors`
 * @throws TypeError if f returns vectors of different lengths, empty ones, or no vectors
 * @throws RangeError if n is not a positive integer, or f returns a number that is not finite
 * @example
 * toRows(matrixOf(([x, y]) => [x + y, x - y, 3 * y], 2)) // [[1, 1], [1, -1], [0, 3]]
 */
export function matrixOf(f: VectorFunction, n: number): Matrix {
  checkInteger("matrixOf", "n", n, 1);
  const e = (j: number) => Float64Array.from({ length: n }, (_, i) => (i === j ? 1 : 0));
  const images = Array.from({ length: n }, (_, j) => checkVector("matrixOf", `f(e${j})`, f(e(j)))); // (1)
  const m = images[0]!.length;
  if (m === 0) throw new TypeError("matrixOf: f must return at least one number, got none for e0");
  for (const [j, { length }] of images.entries()) {
    if (length !== m) throw new TypeError(`matrixOf: f must return ${m} numbers as for e0, got ${length} for e${j}`);
  }
  return copy(transpose(matrix(images)));
}

/** What is left over of the two laws of linearity; zeros for a linear function. */
export interface LinearityErrors {
  /** f(x + y) − f(x) − f(y) */
  readonly additivity: Float64Array;
  /** f(cx) − c·f(x) */
  readonly homogeneity: Float64Array;
  /** the c of the homogeneity error, an integer in [−9, −2]: |x| and ReLU obey the second law for every positive c */
  readonly factor: number;
}

/**
 * By how much a function misses the two laws of linearity, at one random pair of vectors. Zeros prove nothing beyond that
 * pair, a number other than rounding proves that the function is not linear.
 *
 * The vectors hold integers in [−9, 9] other than 0, so a function that computes with integers has errors without any
 * rounding: an affine x ↦ Ax + b shows exactly −b and (1 − c)b.
 *
 * @param f function of n coordinates, called four times
 * @param n number of coordinates, at least 1
 * @param options.seed default 0
 * @throws RangeError if n is not a positive integer, the seed is not a 32-bit integer, or f returns vectors of different
 *   lengths or numbers that are not finite
 * @throws TypeError if f returns no vectors
 * @example
 * linearityErrors(([x]) => [3 * x + 1], 1).additivity // [-1]
 */
export function linearityErrors(
  f: VectorFunction,
  n: number,
  { seed = 0 }: { readonly seed?: number } = {},
): LinearityErrors {
  checkInteger("linearityErrors", "n", n, 1);
  const { integer } = random(seed);
  const digit = () => (integer(2) === 0 ? -1 : 1) * (1 + integer(9));
  const draw = () => Float64Array.from({ length: n }, digit);
  const [x, y, factor] = [draw(), draw(), -2 - integer(8)];
  const sum = x.map((xi, i) => xi + y[i]!);
  const multiple = x.map((xi) => factor * xi);
  const fx = checkVector("linearityErrors", "f(x)", f(x));
  const value = (name: string, at: Float64Array) => checkVector("linearityErrors", name, f(at), fx.length);
  const [fy, fsum, fmultiple] = [value("f(y)", y), value("f(x + y)", sum), value("f(cx)", multiple)];
  return {
    additivity: fsum.map((whole, i) => whole - fx[i]! - fy[i]!),
    homogeneity: fmultiple.map((whole, i) => whole - factor * fx[i]!),
    factor,
  };
}

/** The solution of a least-squares problem, and what it leaves. */
export interface LeastSquares {
  /** x, n numbers */
  readonly solution: Float64Array;
  /** b − Ax, m numbers */
  readonly residual: Float64Array;
  /** numerical rank of A */
  readonly rank: number;
}

/** Where rounding ends and a number begins. */
export interface RankOptions {
  /** |rⱼⱼ| of the pivoted R at or below this counts as 0; default max(m, n)·2⁻⁵²·|r₁₁| */
  readonly tolerance?: number;
}

/**
 * The x with the smallest ‖b − Ax‖₂ and, where there are several, the smallest ‖x‖₂.
 *
 * By column-pivoted QR; AᵀA, which squares the condition number, is never formed.
 *
 * @param a m×n matrix of finite numbers, tall, square or wide, of any rank
 * @param b m finite numbers
 * @throws RangeError if a is empty, a or b is not finite, b has not m entries, the tolerance is negative, or the solution
 *   or the residual overflows
 * @throws TypeError if a is not a matrix of float64 or b not an array
 * @example
 * leastSquares(matrix([[1, 0], [1, 1], [1, 2]]), [1, 2, 6]).solution // [0.5, 2.5]
 */
export function leastSquares(a: Matrix, b: ArrayLike<number>, { tolerance }: RankOptions = {}): LeastSquares {
  const [m, n] = checkMatrix("leastSquares", "a", a);
  const target = checkVector("leastSquares", "b", b, m);
  const { q, r, permutation, rank, scale } = rankRevealing("leastSquares", a, tolerance);
  const solution = new Float64Array(n);
  if (rank > 0) {
    const scaleOfTarget = scaleOf(target);
    const right = target.map((x) => scaleOfTarget * x);
    const y = matvec(transpose(columnsFrom(q, 0, rank)), right); // Qᵀb
    const x = rank === n ? solveTriangular("upper", r, y) : shortestSolution(r.hi(rank, n), y); // Rx = Qᵀb (7)
    for (let j = 0; j < n; j++) solution[permutation[j]!] = x[j]! * (scale / scaleOfTarget);
  }
  const residual = matvec(a, solution).map((image, i) => target[i]! - image);
  if (![...solution, ...residual].every(Number.isFinite)) {
    throw new RangeError("leastSquares: solution and residual must not overflow, got Infinity");
  }
  return { solution, residual, rank };
}

/** The pivoted factors of scale·A, and how many diagonal entries of that R are more than rounding. */
function rankRevealing(caller: string, a: Matrix, tolerance?: number, mode: "reduced" | "complete" = "reduced") {
  const [m, n] = checkMatrix(caller, "a", a);
  if (tolerance !== undefined) checkNumber(caller, "tolerance", tolerance, { min: 0 });
  const { values, scale } = scaled(a);
  const { q, r, permutation } = qr(values, { pivoting: true, mode });
  const size = (j: number) => Math.abs(r.get(j, j));
  const threshold = tolerance === undefined ? Math.max(m, n) * Number.EPSILON * size(0) : scale * tolerance;
  let rank = 0;
  while (rank < Math.min(m, n) && size(rank) > threshold) rank++;
  return { q, r, permutation, rank, scale };
}

/** The shortest x with Rx = y, for a wide R of independent rows: Rᵀ = ZT, so x = ZT⁻ᵀy has no part outside R's rows. */
function shortestSolution(r: Matrix, y: Float64Array): Float64Array {
  const { q: z, r: t } = qr(transpose(r));
  return matvec(z, solveTriangular("lower", transpose(t), y));
}

/** x with Tx = y, one unknown after the other. */
function solveTriangular(triangle: "upper" | "lower", t: Matrix, y: Float64Array): Float64Array {
  const n = y.length;
  const entries = rowMajor(t);
  const x = y.slice();
  for (let step = 0; step < n; step++) {
    const j = triangle === "upper" ? n - 1 - step : step;
    x[j] = x[j]! / entries[j * n + j]!;
    const [from, to] = triangle === "upper" ? [0, j] : [j + 1, n];
    for (let i = from; i < to; i++) x[i] = x[i]! - entries[i * n + j]! * x[j]!;
  }
  return x;
}

/** Columns from … to−1, copied. */
function columnsFrom(a: Matrix, from: number, to: number): Matrix {
  return copy(a.hi(a.shape[0]!, to).lo(0, from));
}

/** What a map reaches and what it destroys, for A and for Aᵀ. */
export interface FundamentalSubspaces {
  /** numerical rank r */
  readonly rank: number;
  /** m×r orthonormal basis of all Ax */
  readonly columnSpace: Matrix;
  /** n×r orthonormal basis of all Aᵀy */
  readonly rowSpace: Matrix;
  /** n×(n − r) orthonormal basis of the x with Ax = 0 */
  readonly nullSpace: Matrix;
  /** m×(m − r) orthonormal basis of the y with Aᵀy = 0 */
  readonly leftNullSpace: Matrix;
}

/**
 * Orthonormal bases of the four fundamental subspaces, from two QR factorisations.
 *
 * The rank is what the pivoted R suggests: a heuristic, right unless singular values come close to the tolerance. A basis
 * may have no columns. It is one of many: compare projectors, not bases.
 *
 * @param a m×n matrix of finite numbers; m×m and n×n matrices are made on the way
 * @throws RangeError if a is empty or not finite, or the tolerance is negative
 * @throws TypeError if a is not a matrix of float64
 * @example
 * fundamentalSubspaces(matrix([[1, 2], [2, 4], [3, 6]])).rank // 1
 */
export function fundamentalSubspaces(a: Matrix, { tolerance }: RankOptions = {}): FundamentalSubspaces {
  const { q, r, permutation, rank } = rankRevealing("fundamentalSubspaces", a, tolerance, "complete");
  const [m, n] = a.shape as [number, number];
  const rows = zeros(n, Math.max(rank, 1)); // the rows of R that count, back in A's order of columns, as columns
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < n; j++) rows.set(permutation[j]!, i, r.get(i, j));
  }
  const { q: z } = qr(rows, { mode: "complete" });
  return {
    rank,
    columnSpace: columnsFrom(q, 0, rank),
    rowSpace: columnsFrom(z, 0, rank),
    nullSpace: columnsFrom(z, rank, n),
    leftNullSpace: columnsFrom(q, rank, m),
  };
}

/**
 * The orthogonal projector P = QQᵀ onto the column space of A: Px is the point of that space nearest to x.
 *
 * @param a m×n matrix of finite numbers, of any rank
 * @returns m×m symmetric matrix, its trace the numerical rank of A
 * @throws RangeError if a is empty or not finite, or the tolerance is negative
 * @throws TypeError if a is not a matrix of float64
 * @example
 * toRows(projector(matrix([[2], [0]]))) // [[1, 0], [0, 0]]
 */
export function projector(a: Matrix, { tolerance }: RankOptions = {}): Matrix {
  const { q, rank } = rankRevealing("projector", a, tolerance);
  const basis = columnsFrom(q, 0, rank);
  return rank === 0 ? zeros(a.shape[0]!, a.shape[0]!) : matmul(basis, transpose(basis)); // (8)
}

/**
 * The matrix B⁻¹AB of the same map in another basis.
 *
 * @param a n×n matrix
 * @param basis n×n matrix, its columns the new basis vectors in old coordinates
 * @returns n×n matrix: what it does to new coordinates, A does to old ones
 * @throws RangeError if a is not square, the basis has another shape, an entry is not finite, or the result overflows
 * @throws TypeError if an argument is not a matrix of float64
 * @throws SingularMatrixError if a basis vector lies, to rounding, in the span of the others
 * @example
 * toRows(changeOfBasis(matrix([[2, 0], [0, 1]]), matrix([[1, 5], [0, 1]]))) // [[2, 5], [0, 1]]
 */
export function changeOfBasis(a: Matrix, basis: Matrix): Matrix {
  const [n, columnsOfA] = checkMatrix("changeOfBasis", "a", a);
  const [m, k] = checkMatrix("changeOfBasis", "basis", basis);
  if (columnsOfA !== n) throw new RangeError(`changeOfBasis: a must be square, got ${n}×${columnsOfA}`);
  if (!(m === n && k === n)) throw new RangeError(`changeOfBasis: basis must be ${n}×${n} like a, got ${m}×${k}`);
  const { values: map, scale } = scaled(a);
  const { values: vectors } = scaled(basis); // its scale cancels
  const { q, r, permutation } = qr(vectors, { pivoting: true });
  for (let j = 0; j < n; j++) {
    const vector = permutation[j]!;
    if (!(Math.abs(r.get(j, j)) > n * Number.EPSILON * norm(column(vectors, vector)))) {
      throw new SingularMatrixError(`changeOfBasis: basis must be invertible, got a dependent column ${vector}`, j);
    }
  }
  const images = matmul(transpose(q), matmul(map, vectors)); // QᵀAB
  const result = zeros(n, n);
  for (let l = 0; l < n; l++) {
    const x = solveTriangular("upper", r, column(images, l)); // RΠᵀX = QᵀAB (9)
    for (let j = 0; j < n; j++) result.set(permutation[j]!, l, x[j]! / scale);
  }
  if (!rowMajor(result).every(Number.isFinite)) {
    throw new RangeError("changeOfBasis: the result must not overflow, got Infinity");
  }
  return result;
}

/** Which of the two orders of subtraction. */
export interface GramSchmidtOptions {
  /** coefficients from the given column (classical) or from what is left of it (modified); default 'modified' */
  readonly variant?: "classical" | "modified";
}

/** The factorisation of the columns so far. */
export interface GramSchmidtState {
  /** m×j, columns of length 1 */
  readonly q: Matrix;
  /** j×j, upper triangular, positive diagonal: the first j columns of A are QR */
  readonly r: Matrix;
}

/**
 * Gram–Schmidt orthogonalisation, one state for each column.
 *
 * Here to be compared with `qr`: the columns it returns lose their orthogonality as A becomes ill-conditioned. Errors come
 * when the first state, or that of the column at fault, is asked for.
 *
 * @param a m×n matrix of finite numbers, n ≤ m
 * @throws RangeError if a is wide, empty or not finite, a column is so long that r overflows, or the variant is unknown
 * @throws TypeError if a is not a matrix of float64
 * @throws SingularMatrixError if nothing at all is left of a column
 * @example
 * [...gramSchmidtSteps(matrix([[3, 1], [4, 2]]))].length // 2
 */
export function* gramSchmidtSteps(
  a: Matrix,
  { variant = "modified" }: GramSchmidtOptions = {},
): Generator<GramSchmidtState> {
  const [m, n] = checkMatrix("gramSchmidt", "a", a);
  checkChoice("gramSchmidt", "variant", variant, ["classical", "modified"]);
  if (!(n <= m)) throw new RangeError(`gramSchmidt: a must have at most as many columns as rows, got ${m}×${n}`);
  const { values, scale } = scaled(a);
  const qs: Float64Array[] = [];
  const r = zeros(n, n);
  for (let j = 0; j < n; j++) {
    const given = column(values, j);
    const left = given.slice();
    for (let i = 0; i < j; i++) {
      const coefficient = dot(qs[i]!, variant === "classical" ? given : left);
      for (let t = 0; t < m; t++) left[t] = left[t]! - coefficient * qs[i]![t]!;
      r.set(i, j, coefficient / scale);
    }
    const length = norm(left);
    if (!(length > 0)) {
      throw new SingularMatrixError(`gramSchmidt: columns must be independent, got a dependent column ${j}`, j);
    }
    r.set(j, j, length / scale);
    if (!column(r, j).every(Number.isFinite)) {
      throw new RangeError("gramSchmidt: the columns of a must have finite norms, got Infinity");
    }
    qs.push(left.map((x) => x / length));
    yield { q: copy(transpose(matrix(qs))), r: copy(r.hi(j + 1, j + 1)) };
  }
}

/**
 * Gram–Schmidt orthogonalisation run to the end.
 *
 * @see gramSchmidtSteps for the arguments and the errors
 * @example
 * toRows(gramSchmidt(matrix([[3, 1], [4, 2]])).r) // [[5, 2.2], [0, 0.4]]
 */
export function gramSchmidt(a: Matrix, options: GramSchmidtOptions = {}): GramSchmidtState {
  return [...gramSchmidtSteps(a, options)].at(-1)!;
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
