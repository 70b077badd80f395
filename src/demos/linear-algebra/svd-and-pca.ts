/**
 * Singular value decomposition by one-sided Jacobi rotations, and what is read off it: low-rank approximation,
 * pseudo-inverse, numerical rank, principal components.
 *
 * Follows J. Demmel, K. Veselić, "Jacobi's method is more accurate than QR", SIAM Journal on Matrix Analysis and
 * Applications 13(4), 1992. https://doi.org/10.1137/0613074
 * But:
 * - By default the rotations do not start from A but from AV₀, V₀ the eigenvectors of AᵀA. Squaring costs V₀ the small
 *   singular values; the rotations put them right, in one to three sweeps in place of about ten. What is given up is the
 *   paper's relative accuracy for badly scaled columns; `start: "identity"` has it.
 * - The cosines of a sweep are measured all at once, by one matrix product, and only the pairs above the tolerance are turned.
 * - Real float64 only, thin factors only, one thread. `pca` holds the whole of x; an incremental form is not here.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber } from "../../lib/check.js";
import { ConvergenceError } from "../../lib/errors.js";
import { column, identity, type Matrix, matrixOver, norm, row, rowMajor, transpose } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { dot, NEGLIGIBLE, powerOfTwoScale, rotate, selfProducts } from "../../lib/rows.js";
import { symmetricEigenbasis } from "./eigenvalues-and-the-spectral-theorem.js";
import { matmul, qr } from "./matrices-as-linear-maps.js";

/** The thin factorisation A = U·diag(s)·Vᵀ, k = min(m, n). */
export interface Svd {
  /** m×k, its orthonormal columns are the left singular vectors */
  readonly u: Matrix;
  /** k singular values, falling, ≥ 0 */
  readonly s: Float64Array;
  /** k×n, its orthonormal rows are the right singular vectors */
  readonly vt: Matrix;
}

/** How the Jacobi iteration runs. */
export interface SvdOptions {
  /** 'gram': begin with the eigenvectors of AᵀA, fast; 'identity': begin with A itself, slow and most accurate; default 'gram' */
  readonly start?: "gram" | "identity";
  /** give up after so many sweeps; default 60 */
  readonly maxSweeps?: number;
}

/** One sweep over all pairs of columns of W = AV. */
export interface JacobiSweep {
  /** counted from 1 */
  readonly sweep: number;
  /** largest |cosine| between two columns before the sweep */
  readonly maxCosine: number;
  /** how many pairs were above the tolerance √m·eps and were turned; 0 in the last sweep */
  readonly rotations: number;
  /** lengths of the columns after the sweep, falling: the singular values as far as they are known */
  readonly s: Float64Array;
}

/**
 * Singular value decomposition A = U·diag(s)·Vᵀ, thin.
 *
 * The sign of a pair (column of u, row of vt) is arbitrary, and vectors of equal singular values are any basis of their
 * subspace: compare products or projectors.
 *
 * @param a m×n matrix of finite numbers
 * @returns u (m×k), s (k, falling), vt (k×n) in numpy's order, k = min(m, n); O(mnk) operations
 * @throws RangeError if a is empty or not finite, if maxSweeps is not a positive integer, or if the largest singular value overflows
 * @throws TypeError if a is not a matrix of float64
 * @throws ConvergenceError if maxSweeps sweeps are not enough
 * @example
 * svd(matrix([[3, 0], [4, 5]])).s // [6.70820, 2.23607]
 */
export function svd(a: Matrix, options: SvdOptions = {}): Svd {
  const sweeps = svdSteps(a, options);
  for (;;) {
    const step = sweeps.next();
    if (step.done) return step.value;
  }
}

/**
 * The sweeps of `svd`, one by one; the generator returns the factorisation.
 *
 * @param a m×n matrix of finite numbers; of a wide one Aᵀ is factorised
 * @throws as `svd`
 * @example
 * Array.from(svdSteps(matrix([[3, 0], [4, 5]]), { start: "identity" }), ({ rotations }) => rotations) // [1, 0]
 */
export function svdSteps(
  a: Matrix,
  { start = "gram", maxSweeps = 60 }: SvdOptions = {},
): Generator<JacobiSweep, Svd, void> {
  const [m, n] = checkMatrix("svd", "a", a);
  checkChoice("svd", "start", start, ["gram", "identity"]);
  checkInteger("svd", "maxSweeps", maxSweeps, 1);
  return m >= n ? jacobi(a, start, maxSweeps) : transposed(jacobi(transpose(a), start, maxSweeps));
}

/**
 * The k largest singular values and their vectors: `svd`, cut off.
 *
 * @param a m×n matrix of finite numbers
 * @param k how many, in [1, min(m, n)]
 * @returns u (m×k), s (k), vt (k×n)
 * @throws RangeError if k is not an integer in [1, min(m, n)]; and as `svd`
 * @example
 * truncatedSvd(matrix([[3, 0], [4, 5]]), 1).s // [6.70820]
 */
export function truncatedSvd(a: Matrix, k: number): Svd {
  const [m, n] = checkMatrix("truncatedSvd", "a", a);
  checkInteger("truncatedSvd", "k", k, 1, Math.min(m, n));
  return cutOff(svd(a), k);
}

const cutOff = ({ u, s, vt }: Svd, k: number): Svd => ({
  u: rowMajorCopy(u.hi(u.shape[0]!, k)),
  s: s.slice(0, k),
  vt: rowMajorCopy(vt.hi(k, vt.shape[1]!)),
});

/** A matrix of rank k and how far it is from A. */
export interface LowRankApproximation {
  /** m×n, of rank k or less */
  readonly matrix: Matrix;
  /** ‖A − matrix‖₂ = σₖ₊₁ */
  readonly spectralError: number;
  /** ‖A − matrix‖_F = √(σₖ₊₁² + σₖ₊₂² + …); Infinity where that overflows */
  readonly frobeniusError: number;
}

/**
 * The nearest matrix of rank k or less, in the spectral and in the Frobenius norm.
 *
 * @param a m×n matrix of finite numbers
 * @param k rank, in [1, min(m, n)]
 * @throws RangeError if k is not an integer in [1, min(m, n)]; and as `svd`
 * @see C. Eckart, G. Young, "The approximation of one matrix by another of lower rank", Psychometrika 1, 1936; for the
 *   spectral norm L. Mirsky, "Symmetric gauge functions and unitarily invariant norms", Quart. J. Math. 11, 1960
 * @example
 * lowRankApproximation(matrix([[3, 0], [4, 5]]), 1).spectralError // 2.23607
 */
export function lowRankApproximation(a: Matrix, k: number): LowRankApproximation {
  const [m, n] = checkMatrix("lowRankApproximation", "a", a);
  checkInteger("lowRankApproximation", "k", k, 1, Math.min(m, n));
  const full = svd(a);
  const { u, s, vt } = cutOff(full, k);
  const rest = full.s.subarray(k);
  return { matrix: matmul(scaledColumns(u, s), vt), spectralError: rest[0] ?? 0, frobeniusError: norm(rest) }; // (6)
}

/** How `randomizedSvd` samples. */
export interface RandomizedSvdOptions {
  /** p, columns sampled beyond k; default 10. k + p is cut to min(m, n) */
  readonly oversampling?: number;
  /** q, multiplications by AAᵀ that make the falling of the singular values steeper; default 2 */
  readonly powerIterations?: number;
  /** default 0 */
  readonly seed?: number;
}

/**
 * About the k largest singular values and vectors, from the image of a few random vectors.
 *
 * Follows N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review 53, 2011, algorithms 4.4
 * and 5.1. https://doi.org/10.1137/090771806
 *
 * @param a m×n matrix of finite numbers
 * @param k how many, in [1, min(m, n)]
 * @returns u (m×k), s (k), vt (k×n); O(mn(k + p)(q + 1)) operations
 * @throws RangeError if k, oversampling or powerIterations is out of range, or seed is not a 32-bit integer; and as `svd`
 * @example
 * randomizedSvd(matrix([[3, 0], [4, 5], [0, 0]]), 1).s // [6.70820]
 */
export function randomizedSvd(
  a: Matrix,
  k: number,
  { oversampling = 10, powerIterations = 2, seed = 0 }: RandomizedSvdOptions = {},
): Svd {
  const [m, n] = checkMatrix("randomizedSvd", "a", a);
  checkInteger("randomizedSvd", "k", k, 1, Math.min(m, n));
  checkInteger("randomizedSvd", "oversampling", oversampling, 0);
  checkInteger("randomizedSvd", "powerIterations", powerIterations, 0);
  const width = Math.min(k + oversampling, m, n);
  const scale = powerOfTwoScale(a);
  const scaled = matrixOver(
    rowMajor(a).map((entry) => entry * scale),
    m,
    n,
  );
  const { normal } = random(seed);
  const omega = matrixOver(Float64Array.from({ length: n * width }, normal), n, width);
  let { q } = qr(matmul(scaled, omega)); // an orthonormal basis of the range of AΩ (8)
  for (let i = 0; i < powerIterations; i++) {
    // Orthonormal after each product: otherwise all columns would end up as the first singular vector.
    const { q: rows } = qr(matmul(transpose(scaled), q));
    q = qr(matmul(scaled, rows)).q;
  }
  const { u, s, vt } = svd(matmul(transpose(q), scaled)); // A ≈ QQᵀA = (QŨ)·diag(s)·Vᵀ (9)
  return cutOff({ u: matmul(q, u), s: unscaled("randomizedSvd", s, scale), vt }, k);
}

/**
 * The Moore–Penrose pseudo-inverse V·diag(1/σ)·Uᵀ: A⁺b is the shortest of all least-squares solutions of Ax = b.
 *
 * @param a m×n matrix of finite numbers
 * @param options.rcond singular values up to rcond·σ₁ count as zero; default max(m, n)·eps
 * @returns n×m matrix
 * @throws RangeError if rcond is not a finite number ≥ 0, or if the result overflows; and as `svd`
 * @example
 * toRows(pseudoInverse(matrix([[1, 0], [0, 2], [0, 0]]))) // [[1, 0, 0], [0, 0.5, 0]]
 */
export function pseudoInverse(a: Matrix, { rcond }: { readonly rcond?: number } = {}): Matrix {
  const [m, n] = checkMatrix("pseudoInverse", "a", a);
  const cut = checkNumber("pseudoInverse", "rcond", rcond ?? Math.max(m, n) * Number.EPSILON, { min: 0 });
  const { u, s, vt } = svd(a);
  const inverse = s.map((sigma) => (sigma > cut * s[0]! ? 1 / sigma : 0)); // (7)
  return finite("pseudoInverse", matmul(scaledColumns(transpose(vt), inverse), transpose(u)));
}

/**
 * How many singular values are above the tolerance.
 *
 * @param a m×n matrix of finite numbers
 * @param options.tolerance absolute, in units of a; default max(m, n)·eps·σ₁, numpy's
 * @throws RangeError if tolerance is not a finite number ≥ 0; and as `svd`
 * @example
 * numericalRank(matrix([[1, 2], [2, 4], [3, 6]])) // 1
 */
export function numericalRank(a: Matrix, { tolerance }: { readonly tolerance?: number } = {}): number {
  const [m, n] = checkMatrix("numericalRank", "a", a);
  if (tolerance !== undefined) checkNumber("numericalRank", "tolerance", tolerance, { min: 0 });
  const { s } = svd(a);
  const cut = tolerance ?? Math.max(m, n) * Number.EPSILON * s[0]!;
  return s.filter((sigma) => sigma > cut).length;
}

/**
 * κ₂ = σ₁/σₖ, k = min(m, n): by how much the map can enlarge a relative error. Infinity if σₖ is 0, or the ratio overflows.
 *
 * @param a m×n matrix of finite numbers, of which at least one is not 0
 * @throws RangeError if all entries are 0; and as `svd`
 * @example
 * conditionNumber(matrix([[3, 0], [4, 5]])) // 3
 */
export function conditionNumber(a: Matrix): number {
  const [m, n] = checkMatrix("conditionNumber", "a", a);
  const { s } = svd(a);
  if (!(s[0]! > 0))
    throw new RangeError(`conditionNumber: a must have an entry that is not 0, got a ${m}×${n} matrix of zeros`);
  return s[0]! / s[s.length - 1]!;
}

/** What `pca` keeps, and in which units. */
export interface PcaOptions {
  /** k, in [1, min(n, d)]; default min(n, d) */
  readonly components?: number;
  /** divide each feature by its standard deviation (n in the denominator, as StandardScaler has it); default false */
  readonly scale?: boolean;
  /** divide each score by its standard deviation, so that all have variance 1; default false */
  readonly whiten?: boolean;
}

/** Principal components of n samples of d features; scikit-learn's names. */
export interface Pca {
  /** k×d, orthonormal rows; the entry of largest size in each is positive, the first of them if they tie */
  readonly components: Matrix;
  /** d means of the features */
  readonly mean: Float64Array;
  /** d divisors of the centred features: standard deviations if `scale`, otherwise 1 */
  readonly scale: Float64Array;
  /** k variances of the scores before whitening, σ²/(n − 1) */
  readonly explainedVariance: Float64Array;
  /** k shares of the total variance */
  readonly explainedVarianceRatio: Float64Array;
  /** k singular values of the centred (and scaled) data */
  readonly singularValues: Float64Array;
  /** n×k coordinates of the samples */
  readonly scores: Matrix;
  /** k divisors of the scores: standard deviations if `whiten`, otherwise 1 */
  readonly scoreScale: Float64Array;
}

/**
 * Principal component analysis: the SVD of the centred data.
 *
 * @param x n×d matrix, a sample in each row, n ≥ 2
 * @throws RangeError if n < 2, x is not finite, components is not an integer in [1, min(n, d)], all samples are equal, a
 *   feature has no deviation and `scale` is set, a component has no variance and `whiten` is set, or the centred x or a
 *   variance overflows
 * @throws TypeError if x is not a matrix of float64
 * @example
 * pca(matrix([[1, 1], [2, 2], [4, 4]])).explainedVarianceRatio // [1, 0]
 */
export function pca(x: Matrix, { components, scale = false, whiten = false }: PcaOptions = {}): Pca {
  const [n, d] = checkMatrix("pca", "x", x);
  if (!(n >= 2)) throw new RangeError(`pca: x must have at least two rows, got ${n}`);
  const k = checkInteger("pca", "components", components ?? Math.min(n, d), 1, Math.min(n, d));
  const { mean, scale: divisors } = moments(x, scale);
  const { u, s, vt } = svd(standardised("pca", x, { mean, scale: divisors })); // Xc = U·diag(σ)·Vᵀ (10)
  if (!(s[0]! > 0)) throw new RangeError(`pca: x must have two different rows, got ${n} equal ones`);

  const deviations = s.map((sigma) => sigma / Math.sqrt(n - 1));
  const explainedVariance = deviations.map((deviation) => deviation ** 2); // (10)
  if (!Number.isFinite(explainedVariance[0]))
    throw new RangeError("pca: the variances must not overflow, got Infinity");
  const shares = s.map((sigma) => (sigma / s[0]!) ** 2); // relative to the first, since σ² may underflow
  const total = shares.reduce((sum, share) => sum + share, 0);
  const flat = s.findIndex((sigma, i) => i < k && !(sigma > Math.max(n, d) * Number.EPSILON * s[0]!));
  if (whiten && flat >= 0)
    throw new RangeError(`pca: whiten must have variance to divide by, got none in component ${flat}`);

  const scoreScale = whiten ? deviations.slice(0, k) : new Float64Array(k).fill(1);
  const signs = Float64Array.from({ length: k }, (_, i) => signOfLargest(row(vt, i)));
  return {
    components: rowMajorCopy(transpose(scaledColumns(transpose(vt.hi(k, d)), signs))),
    mean,
    scale: divisors,
    explainedVariance: explainedVariance.slice(0, k),
    explainedVarianceRatio: shares.slice(0, k).map((share) => share / total),
    singularValues: s.slice(0, k),
    scores: scaledColumns(
      u.hi(n, k),
      signs.map((sign, i) => (sign * s[i]!) / scoreScale[i]!),
    ), // T = XcV = U·diag(σ) (11)
    scoreScale,
  };
}

/**
 * Coordinates of new samples in the components of a model.
 *
 * @param model what `pca` returned
 * @param x r×d matrix of samples
 * @returns r×k scores
 * @throws RangeError if x has not d columns or is not finite, or the result overflows
 * @example
 * toRows(pcaTransform(pca(matrix([[1, 1], [3, 3]]), { components: 1 }), matrix([[2, 2]]))) // [[0]]
 */
export function pcaTransform(model: Pca, x: Matrix): Matrix {
  const [r, d] = checkMatrix("pcaTransform", "x", x);
  if (d !== model.mean.length) throw new RangeError(`pcaTransform: x must have ${model.mean.length} columns, got ${d}`);
  const k = model.scoreScale.length;
  const { data } = matmul(standardised("pcaTransform", x, model), transpose(model.components)); // T = XcV (11)
  for (let i = 0; i < r * k; i++) data[i] = data[i]! / model.scoreScale[i % k]!;
  return finite("pcaTransform", matrixOver(data, r, k));
}

/**
 * The samples that have these scores: the nearest points in the plane of the components, if the scores are of `pcaTransform`.
 *
 * @param model what `pca` returned
 * @param scores r×k matrix
 * @returns r×d matrix, in the units of the data
 * @throws RangeError if scores has not k columns or is not finite, or the result overflows
 * @example
 * toRows(pcaInverseTransform(pca(matrix([[1, 1], [3, 3]]), { components: 1 }), matrix([[0]]))) // [[2, 2]]
 */
export function pcaInverseTransform(model: Pca, scores: Matrix): Matrix {
  const [r, k] = checkMatrix("pcaInverseTransform", "scores", scores);
  const [components, d] = model.components.shape as [number, number];
  if (k !== components) throw new RangeError(`pcaInverseTransform: scores must have ${components} columns, got ${k}`);
  const { data } = matmul(scaledColumns(scores, model.scoreScale), model.components); // X̂ = TVᵀ + x̄ (12)
  for (let i = 0; i < r * d; i++) data[i] = data[i]! * model.scale[i % d]! + model.mean[i % d]!;
  return finite("pcaInverseTransform", matrixOver(data, r, d));
}

/** Means of the columns, and what to divide them by. */
function moments(x: Matrix, scale: boolean): Pick<Pca, "mean" | "scale"> {
  const [n, d] = x.shape as [number, number];
  const values = rowMajor(x);
  // The mean of the differences from the first row: small sums, and equal rows have exactly that mean. Divided by n before
  // they are subtracted, so that ±1e308 does not overflow.
  const shift = new Float64Array(d);
  for (let at = d; at < n * d; at++) shift[at % d]! += values[at]! / n - values[at % d]! / n;
  const mean = shift.map((difference, j) => values[j]! + difference);
  const divisors = new Float64Array(d).fill(1);
  for (let j = 0; scale && j < d; j++) {
    divisors[j] = norm(column(x, j).map((value) => (value - mean[j]!) / Math.sqrt(n)));
    if (!(divisors[j]! > 0))
      throw new RangeError(`pca: scale must have a deviation to divide by, got none in column ${j}`);
  }
  return { mean, scale: divisors };
}

/** (x − mean)/scale, row by row. */
function standardised(caller: string, x: Matrix, { mean, scale }: Pick<Pca, "mean" | "scale">): Matrix {
  const [n, d] = x.shape as [number, number];
  const data = rowMajor(x).map((value, i) => (value - mean[i % d]!) / scale[i % d]!);
  if (!data.every(Number.isFinite))
    throw new RangeError(`${caller}: x must stay finite when it is centred, got Infinity`);
  return matrixOver(data, n, d);
}

function finite(caller: string, result: Matrix): Matrix {
  if (!result.data.every(Number.isFinite))
    throw new RangeError(`${caller}: the result must not overflow, got Infinity`);
  return result;
}

const signOfLargest = (x: Float64Array): number => {
  const at = x.reduce((best, value, i) => (Math.abs(value) > Math.abs(x[best]!) ? i : best), 0);
  return x[at]! < 0 ? -1 : 1;
};

/** A·diag(factors). */
function scaledColumns(a: Matrix, factors: Float64Array): Matrix {
  const [m, n] = a.shape as [number, number];
  return matrixOver(
    rowMajor(a).map((value, i) => value * factors[i % n]!),
    m,
    n,
  );
}

// ---- the Jacobi iteration ----

function* transposed(sweeps: Generator<JacobiSweep, Svd, void>): Generator<JacobiSweep, Svd, void> {
  const { u, s, vt } = yield* sweeps;
  return { u: rowMajorCopy(transpose(vt)), s, vt: rowMajorCopy(transpose(u)) };
}

/** Turns the columns of W = AV, pair by pair, until all are orthogonal; then W = U·diag(s). */
function* jacobi(a: Matrix, start: "gram" | "identity", maxSweeps: number): Generator<JacobiSweep, Svd, void> {
  const [m, n] = a.shape as [number, number];
  const scale = powerOfTwoScale(a);
  // Wᵀ and Vᵀ: a column is a run of numbers in memory.
  const at = matrixOver(rowMajor(transpose(a)).slice(), n, m);
  for (let i = 0; i < n * m; i++) at.data[i]! *= scale;
  const vt = start === "gram" ? symmetricEigenbasis(selfProducts(at)).vectors : identity(n); // (5)
  const wt = start === "gram" ? matmul(vt, at) : at; // (2)
  for (let sweep = 1, rotations = 1; rotations > 0; sweep++) {
    if (sweep > maxSweeps) throw new ConvergenceError(`svd: no convergence in ${maxSweeps} sweeps`, maxSweeps);
    const before = orthogonalise(wt, vt, Math.sqrt(m) * Number.EPSILON);
    rotations = before.rotations;
    yield {
      sweep,
      ...before,
      s: lengths(wt)
        .map((length) => length / scale)
        .sort((x, y) => y - x),
    };
  }
  return factors(wt, vt, scale);
}

/** One sweep: every pair of columns whose cosine is above the tolerance is turned to a right angle. */
function orthogonalise(wt: Matrix, vt: Matrix, tolerance: number): { maxCosine: number; rotations: number } {
  const [n, m] = wt.shape as [number, number];
  const [w, v] = [wt.data, vt.data];
  const products = selfProducts(wt).data; // WᵀW, the inner products of all pairs
  const squares = Float64Array.from({ length: n }, (_, j) => products[j * n + j]!);
  const norms = squares.map(Math.sqrt);
  const order = falling(norms); // long columns first: they grow, the short ones shrink to their singular value
  let [maxCosine, rotations] = [0, 0];
  for (let i = 0; i < n; i++) {
    const p = order[i]!;
    for (let j = i + 1; j < n && norms[order[j]!]! > NEGLIGIBLE; j++) {
      const q = order[j]!;
      const cosine = Math.abs(products[p * n + q]!) / (norms[p]! * norms[q]!); // (3)
      if (cosine > maxCosine) maxCosine = cosine;
      if (!(cosine > tolerance)) continue;
      const gamma = dot(w, p * m, w, q * m, m); // anew: the sweep has changed it
      const zeta = (squares[q]! - squares[p]!) / (2 * gamma);
      const size = Math.abs(zeta); // its square may overflow: hence the minimum
      const t = (zeta < 0 ? -1 : 1) / (size + Math.min(Math.sqrt(1 + size * size), 1 + size)); // the smaller root of t² + 2ζt = 1 (4)
      if (!(Math.abs(t) > 0)) continue; // also when gamma has become 0
      const c = 1 / Math.sqrt(1 + t * t);
      rotate(w, p * m, q * m, m, c, c * t);
      rotate(v, p * n, q * n, n, c, c * t);
      squares[p] = squares[p]! - t * gamma;
      squares[q] = squares[q]! + t * gamma;
      rotations++;
    }
  }
  return { maxCosine: Math.min(1, maxCosine), rotations };
}

function unscaled(caller: string, singularValues: Float64Array, scale: number): Float64Array {
  const s = singularValues.map((sigma) => sigma / scale);
  if (!Number.isFinite(s[0]))
    throw new RangeError(`${caller}: the largest singular value must not overflow, got ${s[0]}`);
  return s;
}

/** Divides the columns of W by their lengths and brings them into falling order. */
function factors(wt: Matrix, vt: Matrix, scale: number): Svd {
  const [n, m] = wt.shape as [number, number];
  const norms = lengths(wt);
  const order = falling(norms);
  const s = unscaled(
    "svd",
    Float64Array.from(order, (j) => norms[j]!),
    scale,
  );
  const ut = new Float64Array(n * m);
  const sorted = new Float64Array(n * n);
  for (const [j, from] of order.entries()) {
    const length = norms[from]! || 1; // a column of zeros stays one, for now
    for (let i = 0; i < m; i++) ut[j * m + i] = wt.data[from * m + i]! / length; // uⱼ = wⱼ/σⱼ (2)
    sorted.set(vt.data.subarray(from * n, from * n + n), j * n);
  }
  const u = rowMajorCopy(transpose(matrixOver(ut, n, m)));
  return { u: norms[order[n - 1]!]! > NEGLIGIBLE ? u : completed(u), s, vt: matrixOver(sorted, n, n) };
}

/** Where σ is 0 the column of U is free, but must be orthogonal to the others: Householder's Q always is. */
function completed(u: Matrix): Matrix {
  const { q, r } = qr(u);
  const [m, n] = u.shape as [number, number];
  for (let j = 0; j < n; j++) {
    if (r.get(j, j) < 0) for (let i = 0; i < m; i++) q.set(i, j, -q.get(i, j));
  }
  return q;
}

const lengths = (rows: Matrix): Float64Array => {
  const [count, length] = rows.shape as [number, number];
  return Float64Array.from({ length: count }, (_, j) => norm(rows.data.subarray(j * length, j * length + length)));
};

/** The indices of x from its largest entry to its smallest. */
const falling = (x: Float64Array): Int32Array => Int32Array.from(x.keys()).sort((i, j) => x[j]! - x[i]! || i - j);

const rowMajorCopy = (a: Matrix): Matrix => matrixOver(rowMajor(a), a.shape[0]!, a.shape[1]!);
