/**
 * Determinants: the factor by which a square matrix multiplies volume, from the pivots of Gaussian elimination, and what
 * the same factorisation gives besides: solutions, inverses, and densities of transformed variables.
 *
 * Follows G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th ed., 2013, algorithm 3.4.1 (outer product LU with
 * partial pivoting), and N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, chapters 9 and 14.
 * https://doi.org/10.1137/1.9780898718027
 * But:
 * - Elimination is not blocked: one column at a time, so it runs at the speed of a scalar loop, not of `matmul`.
 * - No iterative refinement, no estimate of the condition number, no equilibration of rows and columns.
 * - Only a pivot that is exactly 0 counts as singular. Rounding usually leaves another number there: the condition number is the judge.
 */
import { checkChoice, checkMatrix, checkSquare, checkVector } from "../../lib/check.js";
import { SingularMatrixError } from "../../lib/errors.js";
import { identity, type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { subtractRow } from "../../lib/rows.js";
import { qr } from "./matrices-as-linear-maps.js";

/** How to eliminate. */
export interface LUOptions {
  /**
   * 'partial' takes the largest entry of what is left of each column as pivot; 'none' takes what stands there, and is here
   * to be compared with; default 'partial'
   */
  readonly pivoting?: "partial" | "none";
}

/** The factorisation PA = LU. */
export interface LU {
  /** n×n, ones on the diagonal, zeros above; with partial pivoting no entry is larger than 1 in size */
  readonly l: Matrix;
  /** n×n, zeros below the diagonal, the pivots on it */
  readonly u: Matrix;
  /** row i of LU is row `permutation[i]` of A; 0 … n−1 in order without pivoting */
  readonly permutation: Int32Array;
  /** det P: 1 after an even number of exchanged rows, −1 after an odd one */
  readonly sign: 1 | -1;
}

/**
 * Gaussian elimination as a factorisation, PA = LU. A singular matrix has one too, with a 0 on the diagonal of U.
 *
 * @param a n×n matrix of finite numbers
 * @returns l, u, the order of rows and its sign; 2n³/3 floating-point operations
 * @throws RangeError if a is not square, empty or not finite, u overflows, or the pivoting is unknown
 * @throws TypeError if a is not a matrix of float64
 * @throws SingularMatrixError if a pivot is 0, entries below it are not, and rows may not be exchanged
 * @see Golub, Van Loan, "Matrix Computations", 4th ed., 2013, algorithm 3.4.1
 * @example
 * toRows(lu(matrix([[1, 2], [4, 6]])).u) // [[4, 6], [0, 0.5]]
 */
export function lu(a: Matrix, { pivoting = "partial" }: LUOptions = {}): LU {
  return factorise("lu", a, pivoting);
}

/**
 * Gaussian elimination, one state for each column. In all of them PA = LU; after k columns u is triangular in its first k.
 *
 * @see lu for the arguments and the errors
 * @example
 * [...luSteps(matrix([[1, 2, 0], [4, 6, 1], [2, 2, 9]]))].map(({ sign }) => sign) // [-1, 1, 1]
 */
export function* luSteps(a: Matrix, { pivoting = "partial" }: LUOptions = {}): Generator<LU> {
  const elimination = begin("lu", a, pivoting);
  for (let k = 0; k < elimination.n; k++) {
    eliminate(elimination, k);
    yield factors(elimination, k + 1);
  }
}

function factorise(caller: string, a: Matrix, pivoting: "partial" | "none" = "partial"): LU {
  const elimination = eliminated(caller, a, pivoting);
  return factors(elimination, elimination.n);
}

/** Elimination after its last column. */
function eliminated(caller: string, a: Matrix, pivoting: "partial" | "none", halvings = 0): Elimination {
  const elimination = begin(caller, a, pivoting, halvings);
  for (let k = 0; k < elimination.n; k++) eliminate(elimination, k);
  return elimination;
}

/** A under elimination: what is left of it and the rows of U, with the multipliers of L where zeros have been made. */
interface Elimination {
  readonly caller: string;
  readonly n: number;
  readonly x: Float64Array;
  readonly permutation: Int32Array;
  readonly pivoting: "partial" | "none";
  sign: 1 | -1;
}

/** Elimination before its first column, of A or of A halved that many times, n at most. */
function begin(caller: string, a: Matrix, pivoting: "partial" | "none", halvings = 0): Elimination {
  const n = checkSquare(caller, "a", a);
  checkChoice(caller, "pivoting", pivoting, ["partial", "none"]);
  const scale = 2 ** -Math.min(n, halvings);
  return {
    caller,
    n,
    x: rowMajor(a).map((entry) => scale * entry),
    permutation: Int32Array.from({ length: n }, (_, i) => i),
    pivoting,
    sign: 1,
  };
}

/** Subtracts multiples of row k from the rows below, so that they are 0 in column k. */
function eliminate(elimination: Elimination, k: number): void {
  const { n, x, permutation, pivoting } = elimination;
  let p = k;
  if (pivoting === "partial") {
    for (let i = k + 1; i < n; i++) if (Math.abs(x[i * n + k]!) > Math.abs(x[p * n + k]!)) p = i; // (2)
  }
  if (p !== k) {
    for (let j = 0; j < n; j++) [x[k * n + j], x[p * n + j]] = [x[p * n + j]!, x[k * n + j]!];
    [permutation[k], permutation[p]] = [permutation[p]!, permutation[k]!];
    elimination.sign = elimination.sign === 1 ? -1 : 1; // (3)
  }
  const pivot = x[k * n + k]!;
  for (let i = k + 1; i < n; i++) {
    const entry = x[i * n + k]!;
    if (entry === 0) continue; // nothing to do, and 0/0 where the whole column is 0
    if (pivot === 0 && pivoting === "none") {
      throw new SingularMatrixError(`lu: without pivoting no pivot may be 0, got 0 at step ${k}`, k);
    }
    const multiplier = entry / pivot; // (1)
    x[i * n + k] = multiplier;
    for (let j = k + 1, at = i * n, from = k * n; j < n; j++) {
      x[at + j] = x[at + j]! - multiplier * x[from + j]!; // (1)
    }
  }
}

/** The factors after `done` columns. */
function factors({ caller, n, x, permutation, sign }: Elimination, done: number): LU {
  if (!x.every(Number.isFinite)) throw new RangeError(`${caller}: u must not overflow, got Infinity`);
  const l = identity(n);
  const u = matrixOver(x.slice(), n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < Math.min(i, done); j++) {
      l.set(i, j, x[i * n + j]!);
      u.set(i, j, 0);
    }
  }
  return { l, u, permutation: permutation.slice(), sign };
}

/** A determinant too large or too small for a float64, by its logarithm. */
export interface SignedLogDeterminant {
  /** 1, −1, or 0 for a singular matrix */
  readonly sign: 1 | -1 | 0;
  /** log|det A|, natural; −Infinity for a singular matrix */
  readonly logAbsDet: number;
}

/**
 * Sign and logarithm of the determinant, for matrices whose determinant has no place in a float64.
 *
 * @param a n×n matrix of finite numbers
 * @returns {0, −Infinity} only if a pivot is exactly 0; 2n³/3 operations
 * @throws RangeError if a is not square, empty or not finite, or entries grow beyond 2⁶⁴ times the largest float64
 * @throws TypeError if a is not a matrix of float64
 * @example
 * slogdet(matrix([[0, 2], [3, 0]])) // { sign: -1, logAbsDet: 1.791759 }
 */
export function slogdet(a: Matrix): SignedLogDeterminant {
  const parts = determinantFactors("slogdet", a);
  if (parts.includes(0)) return { sign: 0, logAbsDet: -Infinity };
  const negative = parts.filter((part) => part < 0).length;
  return { sign: negative % 2 === 0 ? 1 : -1, logAbsDet: sumOfLogs(parts) };
}

/** log of the product's size, by a sum that can neither overflow nor vanish. */
function sumOfLogs(factors: readonly number[]): number {
  return factors.reduce((sum, factor) => sum + Math.log(Math.abs(factor)), 0); // (4)
}

/**
 * The determinant: the oriented volume of the image of the unit cube.
 *
 * It is Infinity beyond 1.8e308 and 0 below 5e-324: with 200 rows of entries near 100 or 0.01 that is the rule, and
 * `slogdet` the answer. Products on the way neither overflow nor vanish before the determinant does.
 *
 * @param a n×n matrix of finite numbers
 * @returns det A; 2n³/3 operations
 * @throws RangeError if a is not square, empty or not finite, or entries grow beyond 2⁶⁴ times the largest float64
 * @throws TypeError if a is not a matrix of float64
 * @example
 * determinant(matrix([[2, 1], [1, 3]])) // 5
 */
export function determinant(a: Matrix): number {
  return balancedProduct(determinantFactors("determinant", a)); // (3)
}

/** Numbers whose product is det A: the sign of P, the pivots, and powers of two that undo a change of scale. */
function determinantFactors(caller: string, a: Matrix): number[] {
  // The entries at most double in a step. Where that overflows, A is halved n times at first; 64 times is enough for any
  // matrix met in practice, where they grow far less.
  for (const halvings of [0, 64]) {
    const { n, x, sign } = eliminated(caller, a, "partial", halvings);
    if (!x.every(Number.isFinite)) continue;
    const pivots = Array.from({ length: n }, (_, k) => x[k * n + k]!);
    return [sign, ...pivots, ...pivots.map(() => 2 ** Math.min(n, halvings))];
  }
  throw new RangeError(`${caller}: the pivots of a must not overflow, got Infinity`);
}

/** The product, a largest factor while it is below 1 and a smallest one otherwise, so that only the result can overflow. */
function balancedProduct(numbers: readonly number[]): number {
  // A denormal times a number that is not large would be rounded to a few bits: it is taken as two factors that are none.
  const normal = numbers.flatMap((x) => (Math.abs(x) < 2 ** -1022 ? [x * 2 ** 64, 2 ** -64] : [x]));
  const sorted = normal.sort((x, y) => Math.abs(x) - Math.abs(y));
  let product = 1;
  for (let low = 0, high = sorted.length - 1; low <= high; ) {
    product *= Math.abs(product) < 1 ? sorted[high--]! : sorted[low++]!;
  }
  return product + 0; // −0 is 0
}

/** A determinant with its price. */
export interface CofactorDeterminant {
  /** det A */
  readonly value: number;
  /** multiplications of two numbers, counted as they are made */
  readonly multiplications: number;
}

/**
 * The determinant by cofactors of the first row, then of the first row of each minor, and so on. About e·n! operations:
 * here to count them.
 *
 * @param a n×n matrix of finite numbers, n ≤ 10
 * @throws RangeError if a is not square, larger than 10×10, empty or not finite
 * @throws TypeError if a is not a matrix of float64
 * @example
 * cofactorDeterminant(matrix([[1, 2, 3], [4, 5, 6], [7, 8, 10]])) // { value: -3, multiplications: 9 }
 */
export function cofactorDeterminant(a: Matrix): CofactorDeterminant {
  const n = checkSquare("cofactorDeterminant", "a", a);
  if (!(n <= 10)) throw new RangeError(`cofactorDeterminant: a must be at most 10×10, got ${n}×${n}`);
  const x = rowMajor(a);
  let multiplications = 0;
  // The minor of the rows from `row` on and of the columns in the set `columns`, bit j for column j.
  const minor = (row: number, columns: number): number => {
    let sum = 0;
    let sign = 1;
    for (let j = 0; j < n; j++) {
      if ((columns & (1 << j)) === 0) continue;
      const entry = sign * x[row * n + j]!; // a change of sign, no multiplication
      if (row === n - 1) return entry;
      sum += entry * minor(row + 1, columns & ~(1 << j)); // (5)
      multiplications++;
      sign = -sign;
    }
    return sum;
  };
  const value = minor(0, (1 << n) - 1);
  return { value: value + 0, multiplications }; // −0 is 0
}

/**
 * The solution of AX = B, by LU with partial pivoting.
 *
 * @param a n×n matrix of finite numbers
 * @param b right-hand sides: n numbers, or an n×k matrix of one in each column
 * @returns x of the form of b; 2n³/3 operations, and 2n² for each right-hand side
 * @throws RangeError if a is not square, a or b is empty or not finite, b has not n rows, or u or the solution overflows
 * @throws TypeError if a is not a matrix of float64, or b neither matrix nor array
 * @throws SingularMatrixError if a pivot is exactly 0; `pivot` is its index
 * @example
 * solve(matrix([[2, 1], [1, 3]]), [3, 4]) // [1, 1]
 */
export function solve<B extends RightHandSide>(a: Matrix, b: B): Solution<B> {
  return substitute("solve", factorise("solve", a), b);
}

/** One right-hand side, n numbers, or k of them as the columns of an n×k matrix. */
export type RightHandSide = Matrix | ArrayLike<number>;

/** A matrix for a matrix, n numbers for n numbers. */
export type Solution<B extends RightHandSide> = B extends Matrix ? Matrix : Float64Array;

/**
 * The solution of AX = B from factors of A that are there already: 2n² operations for each right-hand side.
 *
 * @param factors l, u and permutation with PA = LU
 * @see solve for the right-hand sides and the errors
 * @example
 * luSolve(lu(matrix([[2, 1], [1, 3]])), [3, 4]) // [1, 1]
 */
export function luSolve<B extends RightHandSide>(factors: LU, b: B): Solution<B> {
  return substitute("luSolve", factors, b);
}

function substitute<B extends RightHandSide>(caller: string, factors: LU, b: B): Solution<B> {
  const n = factors.u.shape[0]!;
  if (!(typeof b === "object" && b !== null && "shape" in b)) {
    const one = matrixOver(checkVector(caller, "b", b as ArrayLike<number>, n), n, 1);
    return substituteRows(caller, factors, one).data as Solution<B>;
  }
  const [rows] = checkMatrix(caller, "b", b);
  if (rows !== n) throw new RangeError(`${caller}: b must have ${n} rows like a, got ${rows}`);
  return substituteRows(caller, factors, b) as Solution<B>;
}

/** Ly = Pb from the first row down, then Ux = y from the last row up, all right-hand sides at once. */
function substituteRows(caller: string, { l, u, permutation }: LU, b: Matrix): Matrix {
  const [n, k] = b.shape as [number, number];
  const [lower, upper, given] = [rowMajor(l), rowMajor(u), rowMajor(b)];
  const x = new Float64Array(n * k);
  for (let i = 0; i < n; i++) {
    if (upper[i * n + i] === 0) {
      throw new SingularMatrixError(`${caller}: a must be invertible, got pivot 0 at step ${i}`, i);
    }
    x.set(given.subarray(permutation[i]! * k, (permutation[i]! + 1) * k), i * k);
    for (let j = 0; j < i; j++) subtractRow(x, i * k, lower[i * n + j]!, j * k, k); // (6)
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < n; j++) subtractRow(x, i * k, upper[i * n + j]!, j * k, k); // (7)
    for (let c = i * k; c < (i + 1) * k; c++) x[c] = x[c]! / upper[i * n + i]!; // (7)
  }
  if (!x.every(Number.isFinite)) throw new RangeError(`${caller}: the solution must not overflow, got Infinity`);
  return matrixOver(x, n, k);
}

/**
 * The inverse A⁻¹, where its entries are wanted: to solve, `solve` is cheaper and more accurate.
 *
 * @param a n×n matrix of finite numbers
 * @returns n×n matrix; 8n³/3 operations
 * @throws RangeError if a is not square, empty or not finite, or u or the inverse overflows
 * @throws TypeError if a is not a matrix of float64
 * @throws SingularMatrixError if a pivot is exactly 0; `pivot` is its index
 * @example
 * toRows(inverse(matrix([[2, 0], [0, 4]]))) // [[0.5, 0], [0, 0.25]]
 */
export function inverse(a: Matrix): Matrix {
  const n = checkSquare("inverse", "a", a);
  return substituteRows("inverse", factorise("inverse", a), identity(n));
}

/**
 * The n-dimensional volume of the parallelotope spanned by n vectors of m dimensions: length, area, volume, …
 *
 * It is √det(AᵀA), computed as Π|rᵢᵢ| of Householder's QR: forming AᵀA would square the condition number. It has no sign;
 * only n vectors of n dimensions have an orientation.
 *
 * @param vectors m×n matrix of finite numbers, its columns the vectors
 * @returns |det A| for m = n; 0 if there are more vectors than dimensions; Infinity or 0 outside the range of float64
 * @throws RangeError if the matrix is empty or not finite, or a column so long that its norm overflows
 * @throws TypeError if it is not a matrix of float64
 * @example
 * parallelotopeVolume(matrix([[1, 0], [0, 3], [0, 4]])) // 5
 */
export function parallelotopeVolume(vectors: Matrix): number {
  const [m, n] = checkMatrix("parallelotopeVolume", "vectors", vectors);
  if (n > m) return 0;
  const { r } = qr(vectors);
  return balancedProduct(Array.from({ length: n }, (_, i) => Math.abs(r.get(i, i)))); // (8)
}

/** A random vector x and a differentiable, invertible map f of it. */
export interface TransformedVariable {
  /** log p_X(x), natural; −Infinity where x cannot be */
  readonly logDensity: (x: Float64Array) => number;
  /** f⁻¹(y), as many numbers as y has */
  readonly inverse: (y: Float64Array) => ArrayLike<number>;
  /** n×n matrix of ∂fᵢ/∂xⱼ at x, of f itself and not of its inverse */
  readonly jacobian: (x: Float64Array) => Matrix;
}

/**
 * The log-density of y = f(x): log p_X(f⁻¹(y)) − log|det J_f|.
 *
 * @param variable density of x, inverse of f, and its Jacobian as a function of x
 * @param y n finite numbers
 * @returns log p_Y(y), natural
 * @throws RangeError if y or f⁻¹(y) is not finite, f⁻¹(y) has another length, the log-density is NaN or +Infinity, or the
 *   Jacobian is not n×n or not finite
 * @throws TypeError if y or f⁻¹(y) is no array, or the Jacobian no matrix of float64
 * @throws SingularMatrixError if the Jacobian has a pivot 0: there y has no density
 * @example
 * changeOfVariables({ logDensity: () => 0, inverse: ([y]) => [y / 4], jacobian: () => matrix([[4]]) }, [2]) // -1.386294
 */
export function changeOfVariables(
  { logDensity, inverse, jacobian }: TransformedVariable,
  y: ArrayLike<number>,
): number {
  const caller = "changeOfVariables";
  const at = checkVector(caller, "y", y);
  const n = at.length;
  const x = checkVector(caller, "inverse(y)", inverse(at), n);
  const j = jacobian(x.slice());
  if (checkSquare(caller, "jacobian(x)", j) !== n) {
    throw new RangeError(`${caller}: jacobian(x) must be ${n}×${n}, got ${j.shape.join("×")}`);
  }
  const parts = determinantFactors(caller, j);
  const pivot = parts.indexOf(0) - 1; // the sign comes before the pivots
  if (pivot >= 0) {
    throw new SingularMatrixError(`${caller}: jacobian(x) must be invertible, got pivot 0 at step ${pivot}`, pivot);
  }
  const given = logDensity(x);
  if (!(given < Infinity)) throw new RangeError(`${caller}: logDensity(x) must be below Infinity, got ${given}`);
  return given - sumOfLogs(parts); // (9)
}
