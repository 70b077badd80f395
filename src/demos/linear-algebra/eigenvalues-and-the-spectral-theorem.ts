/**
 * Eigenvalues and eigenvectors: of a symmetric matrix all at once, one at a time, or a few of a huge one; of a general matrix
 * by its Schur form.
 *
 * Follows G. Golub, C. Van Loan, "Matrix Computations", 4th ed., Johns Hopkins University Press, 2013, chapters 7, 8 and 10.
 * But:
 * - From 33 rows on, the eigenvectors of the tridiagonal form are not made of QL's rotations: each is solved for by itself,
 *   from the row where two eliminations meet (Fernando 1997), and one step of Newton and Schulz makes them orthonormal.
 *   Where eigenvalues are too close for that, QL's rotations are used after all.
 * - `eig` returns neither left eigenvectors nor the Schur form.
 * - `lanczos` keeps all its vectors and does not restart: memory n × matvecs. Of an eigenvalue with several vectors it may see only one.
 * - Real float64 only, one thread.
 */
import { checkChoice, checkInteger, checkNumber, checkSquare, checkVector } from "../../lib/check.js";
import { ConvergenceError, SingularMatrixError } from "../../lib/errors.js";
import {
  frobeniusNorm,
  identity,
  type Matrix,
  matrixOver,
  maxAbsDifference,
  norm,
  rowMajor,
  transpose,
  zeros,
} from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { dot, NEGLIGIBLE, powerOfTwoScale, rotate, selfProducts } from "../../lib/rows.js";
import { solve } from "./determinant-and-volume.js";
import { matmul, matvec } from "./matrices-as-linear-maps.js";

/** A = Q·diag(values)·Qᵀ. */
export interface SymmetricEigen {
  /** n eigenvalues, rising */
  readonly values: Float64Array;
  /** Q, n×n: column j is the unit eigenvector of values[j] */
  readonly vectors: Matrix;
}

/** How `eigSymmetric` works. */
export interface EigSymmetricOptions {
  /** 'ql': tridiagonal form, then shifted QL; 'jacobi': plane rotations, slower, for small matrices; default 'ql' */
  readonly method?: "ql" | "jacobi";
  /** give up an eigenvalue after so many shifts, or the rotations after so many sweeps; default 30 */
  readonly maxShifts?: number;
}

/**
 * All eigenvalues and eigenvectors of a symmetric matrix.
 *
 * The sign of a vector is arbitrary, and vectors of equal eigenvalues are any basis of their space: compare projectors.
 *
 * @param a n×n symmetric matrix; differences across the diagonal up to 1e-12·‖A‖_F are averaged away
 * @returns values (n, rising) and vectors (n×n, in columns), numpy's order; O(n³) operations
 * @throws RangeError if a is not square, not finite, not symmetric, maxShifts is not a positive integer, or an eigenvalue overflows
 * @throws TypeError if a is not a matrix of float64
 * @throws ConvergenceError if maxShifts is not enough
 * @example
 * eigSymmetric(matrix([[2, 1], [1, 2]])).values // [1, 3]
 */
export function eigSymmetric(a: Matrix, { method = "ql", maxShifts = 30 }: EigSymmetricOptions = {}): SymmetricEigen {
  checkChoice("eigSymmetric", "method", method, ["ql", "jacobi"]);
  checkInteger("eigSymmetric", "maxShifts", maxShifts, 1);
  const { g, scale } = scaledSymmetric("eigSymmetric", a);
  if (method === "jacobi") {
    const sweeps = jacobiSweeps("eigSymmetric", g, scale, maxShifts);
    for (;;) {
      const step = sweeps.next();
      if (step.done) return step.value;
    }
  }
  const { values, vectors, failed } = symmetricEigenbasis(g, maxShifts);
  if (failed !== undefined) {
    throw new ConvergenceError(`eigSymmetric: eigenvalue ${failed} did not converge in ${maxShifts} shifts`, maxShifts);
  }
  return rising("eigSymmetric", values, vectors, scale);
}

/** One sweep over all pairs of rows. */
export interface JacobiEigenStep {
  /** counted from 1 */
  readonly sweep: number;
  /** how many pairs were turned; 0 in the last sweep */
  readonly rotations: number;
  /** JᵀAJ after the sweep */
  readonly matrix: Matrix;
  /** root of the sum of its squared off-diagonal entries */
  readonly offDiagonalNorm: number;
}

/**
 * Jacobi's sweeps for a symmetric matrix, one by one; the generator returns the decomposition.
 *
 * @param a n×n symmetric matrix
 * @param options.maxSweeps default 30
 * @throws as `eigSymmetric`
 * @example
 * Array.from(jacobiEigenSteps(matrix([[2, 1], [1, 2]])), ({ offDiagonalNorm }) => offDiagonalNorm) // [0, 0]
 */
export function jacobiEigenSteps(
  a: Matrix,
  { maxSweeps = 30 }: { readonly maxSweeps?: number } = {},
): Generator<JacobiEigenStep, SymmetricEigen, void> {
  checkInteger("jacobiEigenSteps", "maxSweeps", maxSweeps, 1);
  const { g, scale } = scaledSymmetric("jacobiEigenSteps", a);
  return jacobiSweeps("jacobiEigenSteps", g, scale, maxSweeps);
}

/**
 * f(A) = Q·diag(f(λ))·Qᵀ: square root, inverse, exponential of a symmetric matrix.
 *
 * @param a n×n symmetric matrix
 * @param f function of a number, called with each eigenvalue
 * @throws RangeError if f is not finite at an eigenvalue, or the result overflows; and as `eigSymmetric`
 * @example
 * toRows(matrixFunction(matrix([[5, 4], [4, 5]]), Math.sqrt)) // [[2, 1], [1, 2]]
 */
export function matrixFunction(a: Matrix, f: (value: number) => number): Matrix {
  const { values, vectors } = eigSymmetric(a);
  const images = values.map((value) => {
    const image = f(value);
    if (!Number.isFinite(image)) {
      throw new RangeError(`matrixFunction: f must be finite at the eigenvalues, got ${image} at ${value}`);
    }
    return image;
  });
  const n = values.length;
  const scaled = matrixOver(
    rowMajor(vectors).map((entry, at) => entry * images[at % n]!),
    n,
    n,
  );
  const result = matmul(scaled, transpose(vectors)); // (3)
  if (!result.data.every(Number.isFinite)) {
    throw new RangeError("matrixFunction: the result must not overflow, got Infinity");
  }
  return result;
}

/** An approximate eigenvector and what it is worth. */
export interface EigenStep {
  /** unit vector */
  readonly vector: Float64Array;
  /** Rayleigh quotient vᵀAv */
  readonly value: number;
  /** ‖Av − value·v‖: a symmetric A has an eigenvalue that near */
  readonly residualNorm: number;
}

/** Where `powerIteration` starts and stops. */
export interface PowerOptions {
  /** n numbers, not all 0; default a random vector */
  readonly start?: ArrayLike<number>;
  /** of the random start; default 0 */
  readonly seed?: number;
}

/** What `powerIteration` found. */
export interface PowerResult extends EigenStep {
  /** residualNorm ≤ tolerance·‖A‖_F; if false the vector is no eigenvector */
  readonly converged: boolean;
  /** multiplications by A */
  readonly iterations: number;
}

/**
 * The eigenvalue of largest modulus and its vector, by multiplying with A again and again.
 *
 * @param a n×n matrix
 * @param options.tolerance of the residual, relative to ‖A‖_F; default 1e-10
 * @param options.maxIterations default 1000; then `converged` is false
 * @throws RangeError if a is not square or not finite, start is 0 or has not n numbers, or an option is out of range
 * @example
 * powerIteration(matrix([[2, 1], [1, 2]])).value // 3
 */
export function powerIteration(
  a: Matrix,
  {
    tolerance = 1e-10,
    maxIterations = 1000,
    ...options
  }: PowerOptions & { readonly tolerance?: number; readonly maxIterations?: number } = {},
): PowerResult {
  checkNumber("powerIteration", "tolerance", tolerance, { min: 0 });
  checkInteger("powerIteration", "maxIterations", maxIterations, 1);
  const enough = tolerance * frobeniusNorm(a);
  const steps = powerIterationSteps(a, options);
  for (let iterations = 0; ; iterations++) {
    const step = steps.next().value;
    const converged = step.residualNorm <= enough;
    if (converged || iterations === maxIterations) return { ...step, converged, iterations };
  }
}

/**
 * The steps of power iteration, without end: vector k is Aᵏ·start, of length 1. The first step is the start itself.
 *
 * @param a n×n matrix
 * @throws as `powerIteration`
 * @example
 * powerIterationSteps(matrix([[2, 1], [1, 2]]), { start: [1, 0] }).next().value.value // 2
 */
export function* powerIterationSteps(a: Matrix, { start, seed = 0 }: PowerOptions = {}): Generator<EigenStep, never> {
  const n = checkSquare("powerIteration", "a", a);
  let vector = unit("powerIteration", "start", start ?? Float64Array.from({ length: n }, random(seed).normal), n);
  for (;;) {
    const image = matvec(a, vector); // (5)
    yield stepAt(vector, image);
    const length = norm(image);
    if (length > 0) vector = image.map((entry) => entry / length); // otherwise Av = 0: an eigenvector, of 0
  }
}

/**
 * Rayleigh quotient iteration: the shift of inverse iteration is each time the present Rayleigh quotient. Ends when the
 * residual is nothing but rounding, n·eps·‖A‖_F, or stops falling after that many steps: 50.
 *
 * @param a n×n symmetric matrix
 * @param start n numbers, not all 0: it decides which eigenvalue is found
 * @throws RangeError if a is not square, not finite or not symmetric, or start is 0 or has not n numbers
 * @example
 * Array.from(rayleighQuotientIterationSteps(matrix([[2, 0], [0, 5]]), [1, 3]), ({ value }) => value).at(-1) // 5
 */
export function* rayleighQuotientIterationSteps(a: Matrix, start: ArrayLike<number>): Generator<EigenStep, void> {
  const n = checkSymmetric("rayleighQuotientIterationSteps", a);
  let vector = unit("rayleighQuotientIterationSteps", "start", start, n);
  const enough = n * Number.EPSILON * frobeniusNorm(a);
  for (let iteration = 0; iteration < 50; iteration++) {
    const step = stepAt(vector, matvec(a, vector));
    yield step;
    if (step.residualNorm <= enough) return;
    const next = solveShifted(a, step.value, vector); // (6)
    const length = norm(next);
    vector = next.map((entry) => entry / length);
  }
}

/** (A − shift·I)⁻¹v; a shift that is an eigenvalue to the last bit is moved by rounding's worth. */
function solveShifted(a: Matrix, shift: number, v: Float64Array): Float64Array {
  const n = v.length;
  const shifted = matrixOver(rowMajor(a).slice(), n, n);
  for (let i = 0; i < n; i++) shifted.data[i * n + i]! -= shift;
  try {
    return solve(shifted, v);
  } catch (error) {
    if (!(error instanceof SingularMatrixError)) throw error;
    return solveShifted(a, shift + Number.EPSILON * frobeniusNorm(a), v);
  }
}

/** Eigenvalues and eigenvectors of a general real matrix, of falling modulus; a complex pair stands side by side. */
export interface Eigen {
  /** n real parts */
  readonly real: Float64Array;
  /** n imaginary parts, exactly 0 for a real eigenvalue; of a pair the positive one comes first */
  readonly imaginary: Float64Array;
  /** n×n each: column j is the eigenvector of value j, of length 1 */
  readonly vectors: { readonly real: Matrix; readonly imaginary: Matrix };
}

/**
 * All eigenvalues and eigenvectors of a real matrix, by its real Schur form.
 *
 * A defective matrix has fewer eigenvectors than rows: columns then coincide up to rounding.
 *
 * @param a n×n matrix
 * @param options.maxShifts give up an eigenvalue after so many double shifts; default 30
 * @throws RangeError if a is not square or not finite, maxShifts is not a positive integer, or an eigenvalue overflows
 * @throws ConvergenceError if maxShifts is not enough
 * @see J. G. F. Francis, "The QR transformation, part 2", The Computer Journal 4(4), 1962
 * @example
 * eig(matrix([[0, -1], [1, 0]])).imaginary // [1, -1]
 */
export function eig(a: Matrix, { maxShifts = 30 }: { readonly maxShifts?: number } = {}): Eigen {
  const n = checkSquare("eig", "a", a);
  checkInteger("eig", "maxShifts", maxShifts, 1);
  const scale = powerOfTwoScale(a);
  const t = rowMajor(a).map((entry) => entry * scale);
  const q = identity(n).data;
  const scales = balance(t, n);
  hessenberg(t, q, n);
  francis(t, q, n, maxShifts);
  const values = schurValues(t, n);
  const order = blocks(values)
    .sort((i, j) => values[j]!.modulus - values[i]!.modulus || values[j]!.real - values[i]!.real)
    .flatMap((i) => (values[i]!.imaginary === 0 ? [i] : [i, i + 1]));

  const [real, imaginary] = [new Float64Array(n), new Float64Array(n)];
  const vectors = { real: zeros(n, n), imaginary: zeros(n, n) };
  for (const [j, from] of order.entries()) {
    const value = values[from]!;
    real[j] = value.real / scale;
    imaginary[j] = value.imaginary / scale;
    const { re, im } = schurVector(t, q, n, from, value, scales);
    for (let i = 0; i < n; i++) {
      vectors.real.set(i, j, re[i]!);
      vectors.imaginary.set(i, j, im[i]!);
    }
  }
  if (![...real, ...imaginary].every(Number.isFinite)) {
    throw new RangeError("eig: the eigenvalues must not overflow, got Infinity");
  }
  return { real, imaginary, vectors };
}

/** Which eigenvalues `lanczos` looks for, and how long. */
export interface LanczosOptions {
  /** how many; default 1 */
  readonly k?: number;
  /** the algebraically largest or smallest; default 'largest' */
  readonly which?: "largest" | "smallest";
  /** of the residuals, relative to the largest |Ritz value|; default 1e-10 */
  readonly tolerance?: number;
  /** default n */
  readonly maxMatvecs?: number;
  /** of the random start; default 0 */
  readonly seed?: number;
}

/** What `lanczos` found. */
export interface LanczosResult extends SymmetricEigen {
  /** how often A was applied */
  readonly matvecs: number;
  /** k norms ‖Av − λv‖, estimated from the last row of the small problem */
  readonly residualNorms: Float64Array;
}

/**
 * The largest or smallest eigenvalues of a symmetric operator that is only known as x → Ax.
 *
 * @param apply symmetric linear function of n numbers; it must not keep or change its argument
 * @param n size
 * @returns k values, rising, and n×k vectors
 * @throws RangeError if an option is out of range, or apply returns anything but n finite numbers
 * @throws ConvergenceError if maxMatvecs is not enough
 * @example
 * lanczos((x) => [x[0], 2 * x[1], 7 * x[2]], 3).values // [7]
 */
export function lanczos(
  apply: (x: Float64Array) => ArrayLike<number>,
  n: number,
  { k = 1, which = "largest", tolerance = 1e-10, maxMatvecs = n, seed = 0 }: LanczosOptions = {},
): LanczosResult {
  checkInteger("lanczos", "n", n, 1);
  checkInteger("lanczos", "k", k, 1, n);
  checkChoice("lanczos", "which", which, ["largest", "smallest"]);
  checkNumber("lanczos", "tolerance", tolerance, { min: 0 });
  checkInteger("lanczos", "maxMatvecs", maxMatvecs, k, n);
  const { normal } = random(seed);
  const draw = () => Float64Array.from({ length: n }, normal);
  const basis: Float64Array[] = [];
  const [alphas, betas]: [number[], number[]] = [[], []];
  let next = orthogonalised(draw(), basis);
  for (let matvecs = 1; ; matvecs++) {
    const q = next.map((entry, _, all) => entry / norm(all));
    basis.push(q);
    const image = checkVector("lanczos", "apply(x)", apply(q.slice()), n);
    const size = norm(image);
    alphas.push(dot(q, 0, image, 0, n));
    next = orthogonalised(image, basis); // (8), against all q and not only two: rounding would let them tilt
    let beta = norm(next);
    if (!(beta > n * Number.EPSILON * size)) {
      beta = 0; // the space is invariant: go on in a new direction
      next = orthogonalised(draw(), basis);
    }
    const done = matvecs === maxMatvecs;
    if (matvecs >= k && (done || beta === 0 || matvecs % 5 === 0)) {
      const found = ritz(alphas, betas, basis, k, which, beta);
      const enough = tolerance * found.largest;
      if (matvecs === n || found.residualNorms.every((residual) => residual <= enough)) {
        return { values: found.values, vectors: found.vectors, matvecs, residualNorms: found.residualNorms };
      }
      if (done) throw new ConvergenceError(`lanczos: no convergence in ${maxMatvecs} matvecs`, maxMatvecs);
    }
    betas.push(beta);
  }
}

/** x without its components along the basis; twice, since the first time may leave rounding errors of x's size. */
function orthogonalised(x: Float64Array, basis: readonly Float64Array[]): Float64Array {
  const rest = x.slice();
  for (let pass = 0; pass < 2; pass++) {
    for (const q of basis) {
      const along = dot(q, 0, rest, 0, rest.length);
      for (let i = 0; i < rest.length; i++) rest[i]! -= along * q[i]!;
    }
  }
  return rest;
}

/** Eigenvalues of the small tridiagonal matrix QᵀAQ, and their vectors taken back to n dimensions. */
function ritz(
  alphas: readonly number[],
  betas: readonly number[],
  basis: readonly Float64Array[],
  k: number,
  which: "largest" | "smallest",
  beta: number,
) {
  const [m, n] = [alphas.length, basis[0]!.length];
  const t = zeros(m, m);
  for (let i = 0; i < m; i++) {
    t.set(i, i, alphas[i]!);
    if (i > 0) {
      t.set(i, i - 1, betas[i - 1]!);
      t.set(i - 1, i, betas[i - 1]!);
    }
  }
  const { values, vectors } = eigSymmetric(t);
  const from = which === "largest" ? m - k : 0;
  const q = matrixOver(new Float64Array(m * n), m, n);
  for (const [i, vector] of basis.entries()) q.data.set(vector, i * n);
  return {
    values: values.slice(from, from + k),
    vectors: matmul(transpose(q), vectors.lo(0, from).hi(m, k)),
    residualNorms: Float64Array.from({ length: k }, (_, j) => beta * Math.abs(vectors.get(m - 1, from + j))), // (9)
    largest: Math.max(Math.abs(values[0]!), Math.abs(values[m - 1]!)),
  };
}

// ---- checks and orders ----

function checkSymmetric(caller: string, a: Matrix): number {
  const n = checkSquare(caller, "a", a);
  const asymmetry = maxAbsDifference(a, transpose(a));
  if (!(asymmetry <= 1e-12 * frobeniusNorm(a))) {
    throw new RangeError(
      `${caller}: a must be symmetric, got entries that differ by ${asymmetry} from their mirror image`,
    );
  }
  return n;
}

/** A copy with its largest entry near 1, exactly symmetric. */
function scaledSymmetric(caller: string, a: Matrix): { readonly g: Matrix; readonly scale: number } {
  const n = checkSymmetric(caller, a);
  const scale = powerOfTwoScale(a);
  const entries = rowMajor(a);
  const g = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      g[i * n + j] = g[j * n + i] = (entries[i * n + j]! * scale + entries[j * n + i]! * scale) / 2;
    }
  }
  return { g: matrixOver(g, n, n), scale };
}

/** The rows of `vectors` as columns, in the rising order of their values. */
function rising(caller: string, values: Float64Array, vectors: Matrix, scale: number): SymmetricEigen {
  const n = values.length;
  const order = Int32Array.from(values.keys()).sort((i, j) => values[i]! - values[j]! || i - j);
  const sorted = Float64Array.from(order, (j) => values[j]! / scale);
  if (!sorted.every(Number.isFinite)) {
    throw new RangeError(`${caller}: the eigenvalues must not overflow, got Infinity`);
  }
  const columns = new Float64Array(n * n);
  for (const [j, from] of order.entries()) {
    for (let i = 0; i < n; i++) columns[i * n + j] = vectors.data[from * n + i]!;
  }
  return { values: sorted, vectors: matrixOver(columns, n, n) };
}

function unit(caller: string, name: string, x: ArrayLike<number>, n: number): Float64Array {
  const vector = checkVector(caller, name, x, n);
  const length = norm(vector);
  if (!(length > 0)) throw new RangeError(`${caller}: ${name} must have an entry that is not 0, got ${n} zeros`);
  return vector.map((entry) => entry / length);
}

function stepAt(vector: Float64Array, image: Float64Array): EigenStep {
  const value = dot(vector, 0, image, 0, vector.length); // (4)
  return { vector, value, residualNorm: norm(image.map((entry, i) => entry - value * vector[i]!)) };
}

// ---- Jacobi's rotations ----

function* jacobiSweeps(
  caller: string,
  g: Matrix,
  scale: number,
  maxSweeps: number,
): Generator<JacobiEigenStep, SymmetricEigen, void> {
  const n = g.shape[0]!;
  const vectors = identity(n);
  const negligible = (Number.EPSILON * frobeniusNorm(g)) / n;
  for (let sweep = 1, rotations = 1; rotations > 0; sweep++) {
    if (sweep > maxSweeps) throw new ConvergenceError(`${caller}: no convergence in ${maxSweeps} sweeps`, maxSweeps);
    rotations = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (!(Math.abs(g.data[p * n + q]!) > negligible)) continue;
        annihilate(g.data, vectors.data, n, p, q);
        rotations++;
      }
    }
    const matrix = matrixOver(
      g.data.map((entry) => entry / scale),
      n,
      n,
    );
    yield { sweep, rotations, matrix, offDiagonalNorm: norm(matrix.data.filter((_, at) => at % (n + 1) !== 0)) };
  }
  return rising(
    caller,
    Float64Array.from({ length: n }, (_, i) => g.data[i * n + i]!),
    vectors,
    scale,
  );
}

/** G ← JᵀGJ with the plane rotation that makes entry (p, q) zero. */
function annihilate(g: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const [pp, pq, qq] = [g[p * n + p]!, g[p * n + q]!, g[q * n + q]!];
  const theta = (qq - pp) / (2 * pq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(1, theta)); // the smaller of the two angles
  const c = 1 / Math.hypot(1, t);
  rotate(g, p * n, q * n, n, c, c * t);
  for (let i = 0; i < n; i++) {
    g[i * n + p] = g[p * n + i]!; // symmetric again: the columns of the other rows
    g[i * n + q] = g[q * n + i]!;
  }
  [g[p * n + p], g[p * n + q], g[q * n + p], g[q * n + q]] = [pp - t * pq, 0, 0, qq + t * pq];
  rotate(vectors, p * n, q * n, n, c, c * t);
}

// ---- the symmetric solver: Householder's tridiagonal form ----

/** What `symmetricEigenbasis` returns. */
export interface SymmetricEigenbasis {
  /** n eigenvalues, in no order */
  readonly values: Float64Array;
  /** n×n: row i is the unit eigenvector of values[i] */
  readonly vectors: Matrix;
  /** index of an eigenvalue that did not converge, if there is one */
  readonly failed: number | undefined;
}

/**
 * The bare solver behind `eigSymmetric`, without its checks: the SVD starts from it. Whatever fails, the rows are orthonormal.
 *
 * @param g n×n symmetric matrix, its largest entry between 2⁻⁵⁰ and 2⁵⁰; overwritten
 * @param maxShifts default 30
 * @example
 * symmetricEigenbasis(matrix([[2, 1], [1, 2]])).values.sort() // [1, 3]
 */
export function symmetricEigenbasis(g: Matrix, maxShifts = 30): SymmetricEigenbasis {
  const { diagonal, offDiagonal, betas } = tridiagonalise(g.data, g.shape[0]!); // (1)
  const basis = tridiagonalEigenvectors(diagonal, offDiagonal, maxShifts); // (2)
  reflectRows(basis.vectors, g.data, betas);
  return basis;
}

/** Turns G into G − vpᵀ − pvᵀ, that is (I − βvvᵀ)G(I − βvvᵀ). */
type Reflection = { readonly v: Float64Array; readonly p: Float64Array };

/**
 * T = QᵀGQ by reflections I − βvvᵀ, from the last row up. Only the lower triangle of G is used; the vector of the k-th
 * reflection is left in row k, before the diagonal. offDiagonal[i] is T's entry (i, i + 1).
 */
function tridiagonalise(g: Float64Array, n: number) {
  const [diagonal, offDiagonal, betas] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  let last: Reflection = { v: new Float64Array(n), p: new Float64Array(n) };
  let next: Reflection = { v: new Float64Array(n), p: new Float64Array(n) };
  for (let k = n - 1; k >= 0; k--) {
    const [at, end] = [k * n, k * n + k];
    for (let j = 0; j <= k; j++) g[at + j] = g[at + j]! - (last.v[k]! * last.p[j]! + last.p[k]! * last.v[j]!);
    diagonal[k] = g[end]!;
    if (k === 0) break;
    const entry = g[end - 1]!;
    const rest = dot(g, at, g, at, k - 1);
    offDiagonal[k - 1] = entry;
    if (rest > NEGLIGIBLE ** 2) {
      const length = Math.sqrt(entry * entry + rest) * (entry > 0 ? -1 : 1); // this sign: the next lines cancel nothing
      offDiagonal[k - 1] = length;
      g[end - 1] = entry - length;
      betas[k] = 1 / (length * length - entry * length);
    }
    const { v, p } = next;
    v.set(g.subarray(at, end));
    p.fill(0);
    for (let r = k - 2; r >= 0; r -= 2) reflectTwoRows(g, r, last, next);
    if (k % 2 === 1) {
      g[0] = g[0]! - 2 * last.v[0]! * last.p[0]!;
      p[0] = p[0]! + g[0]! * v[0]!;
    }
    for (let j = 0; j < k; j++) p[j] = p[j]! * betas[k]!;
    const half = (betas[k]! * dot(p, 0, v, 0, k)) / 2;
    for (let j = 0; j < k; j++) p[j] = p[j]! - half * v[j]!; // p = βGv − (β²vᵀGv/2)v
    [last, next] = [next, last];
  }
  return { diagonal, offDiagonal, betas };
}

/** One pass over rows r and r + 1 of the lower triangle: the last reflection, then what they give to the Gv of the next. */
function reflectTwoRows(g: Float64Array, r: number, { v: u, p: w }: Reflection, { v, p }: Reflection): void {
  const [at, below] = [r * v.length, (r + 1) * v.length];
  const [u0, u1, w0, w1, v0, v1] = [u[r]!, u[r + 1]!, w[r]!, w[r + 1]!, v[r]!, v[r + 1]!];
  let [sum0, sum1] = [0, 0];
  for (let j = 0; j <= r; j++) {
    const x = g[at + j]! - (u0 * w[j]! + w0 * u[j]!);
    const y = g[below + j]! - (u1 * w[j]! + w1 * u[j]!);
    g[at + j] = x;
    g[below + j] = y;
    sum0 += x * v[j]!;
    sum1 += y * v[j]!;
    p[j] = p[j]! + (x * v0 + y * v1); // the mirror image of the two rows
  }
  g[below + r + 1] = g[below + r + 1]! - 2 * u1 * w1;
  p[r] = p[r]! + sum0 - g[at + r]! * v0; // the diagonal is its own mirror image
  p[r + 1] = p[r + 1]! + sum1 + g[below + r + 1]! * v1;
}

/** Eigenvalues and orthonormal eigenvectors, one a row, of the tridiagonal matrix with d on and e beside the diagonal. */
function tridiagonalEigenvectors(d: Float64Array, e: Float64Array, maxShifts: number): SymmetricEigenbasis {
  const n = d.length;
  if (n > 32) {
    const eigenvalues = d.slice();
    const failed = implicitQl(eigenvalues, e.slice(), maxShifts);
    const z = identity(n);
    for (let i = 0; i < n; i++) twistedVector(d, e, eigenvalues[i]!, z.data.subarray(i * n, i * n + n));
    const defect = selfProducts(z); // ZZᵀ − I
    for (let i = 0; i < n; i++) defect.data[i * n + i]! -= 1;
    if (dot(defect.data, 0, defect.data, 0, n * n) < 1e-16) {
      const change = matmul(defect, z).data; // a step of Newton and Schulz squares a defect of 1e-8 to 1e-16
      for (let i = 0; i < n * n; i++) z.data[i]! -= change[i]! / 2;
      return { values: eigenvalues, vectors: z, failed };
    }
  }
  const basis = identity(n); // few, or too close to each other: QL's own rotations are orthonormal in any case
  const failed = implicitQl(d, e, maxShifts, basis.data);
  return { values: d, vectors: basis, failed };
}

/**
 * The eigenvector z of one eigenvalue: T − λI is eliminated from both ends, to the row where the pivots of the two agree
 * best; from there (T − λI)z = 0 is solved. Follows K. V. Fernando, "On computing an eigenvector of a
 * tridiagonal matrix. Part I: Basic results", SIAM Journal on Matrix Analysis and Applications 18(4), 1997.
 */
function twistedVector(d: Float64Array, e: Float64Array, lambda: number, z: Float64Array): void {
  const last = d.length - 1;
  const up = new Float64Array(last + 1);
  z[0] = d[0]! - lambda || NEGLIGIBLE;
  up[last] = d[last]! - lambda || NEGLIGIBLE;
  for (let i = 1, j = last - 1; i <= last; i++, j--) {
    z[i] = d[i]! - lambda - (e[i - 1]! / z[i - 1]!) * e[i - 1]! || NEGLIGIBLE;
    up[j] = d[j]! - lambda - (e[j]! / up[j + 1]!) * e[j]! || NEGLIGIBLE;
  }
  let [twist, least] = [0, Infinity];
  for (let i = 0; i <= last; i++) {
    const residual = Math.abs(z[i]! + up[i]! - (d[i]! - lambda));
    if (residual < least) [twist, least] = [i, residual];
  }
  z[twist] = 1;
  for (let i = twist - 1; i >= 0; i--) z[i] = (-e[i]! / z[i]!) * z[i + 1]!;
  for (let i = twist + 1; i <= last; i++) z[i] = (-e[i - 1]! / up[i]!) * z[i - 1]!;
  const length = Math.sqrt(dot(z, 0, z, 0, last + 1));
  for (let i = 0; i <= last; i++) z[i] = z[i]! / length;
}

/**
 * Diagonalises the tridiagonal matrix (d, e) by implicitly shifted QL sweeps; the rotations go into the rows of
 * `basis`. Returns the first eigenvalue that maxShifts sweeps did not isolate.
 */
function implicitQl(d: Float64Array, e: Float64Array, maxShifts: number, basis?: Float64Array): number | undefined {
  const n = d.length;
  const enough = n * Number.EPSILON * Math.max(norm(d), norm(e));
  let failed: number | undefined;
  for (let l = 0; l < n; l++) {
    for (let shift = 0; ; shift++) {
      let m = l; // the block l … m does not fall apart
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++;
      if (m === l) break;
      if (shift === maxShifts) {
        if (Math.abs(e[l]!) > enough) failed ??= l; // tiny beside T, though not beside its neighbours: good enough
        break;
      }
      const ratio = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      const root = Math.sqrt(ratio * ratio + 1);
      let g = d[m]! - d[l]! + e[l]! / (ratio + (ratio < 0 ? -root : root)); // d[m] − Wilkinson's shift
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        const length = Math.sqrt(f * f + g * g);
        e[i + 1] = length;
        if (length < NEGLIGIBLE) break; // its square has underflowed: c and s would not be a rotation
        s = f / length;
        c = g / length;
        g = d[i + 1]! - p;
        const r = (d[i]! - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        if (basis) rotate(basis, i * n, (i + 1) * n, n, c, s);
      }
      if (i >= l) d[i + 1] = d[i + 1]! - p;
      else [d[l], e[l]] = [d[l]! - p, g];
      e[m] = 0;
    }
  }
  return failed;
}

/**
 * Every row of x times the reflections 1, 2, …, n − 1 of `tridiagonalise`. A block of them is I − YᵀTY, with the vectors in
 * the rows of Y and an upper triangular T: so nearly all is `matmul`. Follows R. Schreiber, C. Van Loan, "A storage-efficient
 * WY representation for products of Householder transformations", SIAM J. Sci. Stat. Comput. 10(1), 1989.
 */
function reflectRows(x: Matrix, vectors: Float64Array, betas: Float64Array): void {
  const n = betas.length;
  for (let from = 1; from < n; from += 32) {
    const count = Math.min(32, n - from);
    const width = from + count - 1;
    const y = matrixOver(new Float64Array(count * width), count, width);
    const t = matrixOver(new Float64Array(count * count), count, count);
    for (let j = 0; j < count; j++) {
      const k = from + j;
      y.data.set(vectors.subarray(k * n, k * n + k), j * width);
      t.data[j * count + j] = betas[k]!;
    }
    const products = selfProducts(y).data;
    for (let j = 1; j < count; j++) {
      for (let i = 0; i < j; i++) {
        const sum = dot(t.data, i * count + i, products, j * count + i, j - i);
        t.data[i * count + j] = -betas[from + j]! * sum;
      }
    }
    const change = matmul(matmul(x.hi(n, width), transpose(y)), matmul(t, y)).data;
    for (let i = 0, at = 0; i < n; i++) {
      for (let j = i * n; j < i * n + width; j++, at++) x.data[j] = x.data[j]! - change[at]!;
    }
  }
}

// ---- the general solver: Schur form T = QᵀAQ, blocks of 1×1 and 2×2 on the diagonal ----

/**
 * A ← D⁻¹AD with powers of two, until row and column i have about the same sum of sizes; returns the diagonal of D. Rounding
 * errors are proportional to the norm, which this makes small. Follows B. N. Parlett, C. Reinsch, "Balancing a matrix for
 * calculation of eigenvalues and eigenvectors", Numerische Mathematik 13, 1969.
 */
function balance(a: Float64Array, n: number): Float64Array {
  const scales = new Float64Array(n).fill(1);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 0; i < n; i++) {
      let [row, column] = [0, 0];
      for (let j = 0; j < n; j++) {
        if (j === i) continue;
        row += Math.abs(a[i * n + j]!);
        column += Math.abs(a[j * n + i]!);
      }
      if (!(row > 0 && column > 0)) continue; // no factor would balance these
      const factor = 2 ** Math.round(Math.log2(row / column) / 2);
      if (!(row / factor + column * factor < 0.95 * (row + column))) continue;
      for (let j = 0; j < n; j++) a[i * n + j]! /= factor;
      for (let j = 0; j < n; j++) a[j * n + i]! *= factor;
      scales[i]! *= factor;
      changed = true;
    }
  }
  return scales;
}

/** Makes A upper Hessenberg, zero below the first subdiagonal, by reflections; they are multiplied into Q as well. */
function hessenberg(t: Float64Array, q: Float64Array, n: number): void {
  for (let k = 0; k < n - 2; k++) {
    const v = Float64Array.from({ length: n - k - 1 }, (_, i) => t[(k + 1 + i) * n + k]!);
    reflect(t, q, n, k + 1, v, k, n);
    for (let i = k + 2; i < n; i++) t[i * n + k] = 0;
  }
}

/**
 * T ← HTH and Q ← QH for the reflection H = I − βvvᵀ in the rows from `at` on that turns x into a multiple of e₁.
 * Columns of T left of `first` and rows from `last` on are known to be zero there.
 */
function reflect(
  t: Float64Array,
  q: Float64Array,
  n: number,
  at: number,
  x: Float64Array,
  first: number,
  last: number,
) {
  const length = norm(x) * (x[0]! > 0 ? -1 : 1);
  if (length === 0) return;
  const v = x.map((entry) => entry / length);
  v[0] = v[0]! - 1; // no cancellation: v[0] ≤ 0
  const beta = -1 / v[0]!;
  for (let j = first; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < v.length; i++) sum += v[i]! * t[(at + i) * n + j]!;
    for (let i = 0; i < v.length; i++) t[(at + i) * n + j]! -= beta * sum * v[i]!;
  }
  for (const [rows, matrix] of [[last, t] as const, [n, q] as const]) {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let i = 0; i < v.length; i++) sum += v[i]! * matrix[row * n + at + i]!;
      for (let i = 0; i < v.length; i++) matrix[row * n + at + i]! -= beta * sum * v[i]!;
    }
  }
}

/** Francis' double-shift QR sweeps on a Hessenberg matrix: two conjugate shifts at once keep everything real. (7) */
function francis(t: Float64Array, q: Float64Array, n: number, maxShifts: number): void {
  const whole = norm(t);
  for (let end = n - 1, shifts = 0; end >= 0; ) {
    let start = end; // the block start … end does not fall apart
    for (; start > 0; start--) {
      const size = Math.abs(t[(start - 1) * (n + 1)]!) + Math.abs(t[start * (n + 1)]!) || whole;
      if (Math.abs(t[start * n + start - 1]!) <= Number.EPSILON * size) {
        t[start * n + start - 1] = 0;
        break;
      }
    }
    if (end - start < 2) {
      if (end > start) splitBlock(t, q, n, start);
      [end, shifts] = [start - 1, 0];
      continue;
    }
    if (shifts === maxShifts) {
      throw new ConvergenceError(`eig: eigenvalue ${end} did not converge in ${maxShifts} double shifts`, maxShifts);
    }
    shifts++;
    doubleShift(t, q, n, start, end, shifts % 10 === 0);
  }
}

/** One sweep: the bulge that the first reflection makes is chased down to the end of the block. */
function doubleShift(t: Float64Array, q: Float64Array, n: number, start: number, end: number, odd: boolean): void {
  const at = (i: number, j: number) => t[i * n + j]!;
  let trace = at(end - 1, end - 1) + at(end, end);
  let det = at(end - 1, end - 1) * at(end, end) - at(end - 1, end) * at(end, end - 1);
  if (odd) {
    const size = Math.abs(at(end, end - 1)) + Math.abs(at(end - 1, end - 2)); // a shift of no meaning breaks a cycle
    [trace, det] = [1.5 * size, size * size];
  }
  let x = Float64Array.of(
    (at(start, start) * (at(start, start) - trace) + det) / at(start + 1, start) + at(start, start + 1),
    at(start, start) + at(start + 1, start + 1) - trace,
    at(start + 2, start + 1),
  );
  for (let k = start; k < end; k++) {
    reflect(t, q, n, k, x, Math.max(start, k - 1), Math.min(k + 4, end + 1));
    if (k > start) for (let i = k + 1; i < k + x.length; i++) t[i * n + k - 1] = 0;
    const height = Math.min(3, end - k);
    x = Float64Array.from({ length: height }, (_, i) => at(k + 1 + i, k));
  }
}

/** Two real eigenvalues: a rotation makes the 2×2 block triangular. A complex pair stays a block. */
function splitBlock(t: Float64Array, q: Float64Array, n: number, k: number): void {
  const [a, b, c, d] = [t[k * n + k]!, t[k * n + k + 1]!, t[(k + 1) * n + k]!, t[(k + 1) * n + k + 1]!];
  const half = (a - d) / 2;
  const discriminant = half * half + b * c;
  if (!(discriminant >= 0)) return;
  const larger = half + (half < 0 ? -1 : 1) * Math.sqrt(discriminant); // λ − d, without cancellation
  reflect(t, q, n, k, Float64Array.of(larger, c), k, k + 2);
  t[(k + 1) * n + k] = 0;
}

interface SchurValue {
  readonly real: number;
  readonly imaginary: number;
  readonly modulus: number;
}

function schurValues(t: Float64Array, n: number): readonly SchurValue[] {
  return Array.from({ length: n }, (_, i) => {
    const k = i > 0 && t[i * n + i - 1] !== 0 ? i - 1 : i; // where its block starts
    if (k === n - 1 || t[(k + 1) * n + k] === 0)
      return { real: t[i * n + i]!, imaginary: 0, modulus: Math.abs(t[i * n + i]!) };
    const [a, b, c, d] = [t[k * n + k]!, t[k * n + k + 1]!, t[(k + 1) * n + k]!, t[(k + 1) * n + k + 1]!];
    const [real, size] = [(a + d) / 2, Math.sqrt(-b * c - ((a - d) / 2) ** 2)];
    return { real, imaginary: i === k ? size : -size, modulus: Math.hypot(real, size) };
  });
}

/** Where the blocks start. */
const blocks = (values: readonly SchurValue[]): number[] =>
  Array.from(values.keys()).filter((i) => values[i]!.imaginary >= 0);

/** The unit eigenvector Qx of one eigenvalue λ: (T − λI)x = 0 is solved from its block upwards, in complex numbers. */
function schurVector(
  t: Float64Array,
  q: Float64Array,
  n: number,
  k: number,
  { real, imaginary }: SchurValue,
  scales: Float64Array,
) {
  const [x, y] = [new Float64Array(n), new Float64Array(n)]; // real and imaginary part
  const at = (i: number, j: number) => t[i * n + j]!;
  const least = Number.EPSILON * norm(t) || 1; // in place of a pivot that is 0
  const start = imaginary < 0 ? k - 1 : k;
  if (imaginary === 0) x[k] = 1;
  else {
    x[start + 1] = at(start + 1, start);
    [x[start], y[start]] = [real - at(start + 1, start + 1), imaginary];
  }
  const last = imaginary === 0 ? k : start + 1;
  const rest = (i: number, j: number, z: Float64Array) => -dot(t, i * n + j, z, j, last + 1 - j);
  for (let i = start - 1; i >= 0; i--) {
    if (i > 0 && at(i, i - 1) !== 0) {
      const [p0, p1] = [at(i - 1, i - 1) - real, at(i, i) - real];
      const [b, c] = [at(i - 1, i), at(i, i - 1)];
      const [r0, s0, r1, s1] = [rest(i - 1, i + 1, x), rest(i - 1, i + 1, y), rest(i, i + 1, x), rest(i, i + 1, y)];
      const det = [p0 * p1 - imaginary * imaginary - b * c, -imaginary * (p0 + p1)] as const;
      // Cramer: x₀ = (p₁r₀ − b·r₁)/det, x₁ = (p₀r₁ − c·r₀)/det, each pᵢ with −imaginary as its imaginary part
      [x[i - 1], y[i - 1]] = quotient(
        p1 * r0 + imaginary * s0 - b * r1,
        p1 * s0 - imaginary * r0 - b * s1,
        ...det,
        least * least,
      );
      [x[i], y[i]] = quotient(
        p0 * r1 + imaginary * s1 - c * r0,
        p0 * s1 - imaginary * r1 - c * s0,
        ...det,
        least * least,
      );
      i--;
    } else {
      [x[i], y[i]] = quotient(rest(i, i + 1, x), rest(i, i + 1, y), at(i, i) - real, -imaginary, least);
    }
    const size = Math.max(Math.abs(x[i]!), Math.abs(y[i]!));
    if (size > 1e100) for (const z of [x, y]) for (let j = i; j <= last; j++) z[j]! /= size;
  }
  const [u, v] = [x, y].map((z) => matvec(matrixOver(q, n, n), z).map((entry, i) => entry * scales[i]!)) as [
    Float64Array,
    Float64Array,
  ];
  const length = Math.hypot(norm(u), norm(v));
  return { re: u.map((entry) => entry / length), im: v.map((entry) => entry / length) };
}

/** (a + bi)/(c + di); a divisor smaller than `least` counts as `least`. */
function quotient(a: number, b: number, c: number, d: number, least: number): [real: number, imaginary: number] {
  const size = Math.hypot(c, d);
  if (!(size > least)) return [a / least, b / least];
  const [e, f] = [c / size, d / size];
  return [(a * e + b * f) / size, (b * e - a * f) / size];
}
