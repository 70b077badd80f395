/**
 * K-means: choose k centroids so that the sum of squared distances from every point to its nearest one is small.
 *
 * Follows Lloyd, "Least squares quantization in PCM", 1982. https://doi.org/10.1109/TIT.1982.1056489
 * Follows Arthur, Vassilvitskii, "k-means++: The Advantages of Careful Seeding", 2007.
 * https://dl.acm.org/doi/10.5555/1283383.1283494
 * Follows Hamerly, "Making k-means Even Faster", 2010. https://doi.org/10.1137/1.9781611972801.12
 * But:
 * - Points have equal weights, and distances are Euclidean.
 * - Everything is in memory: there are no mini-batches.
 * - Squared distances must fit into float64: entries beyond ±1e140 are refused; distances below 1e-154 lose digits, so that
 *   Hamerly's labels may differ from Lloyd's there, and below 1e-162 they count as 0.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";

/** How one start of Lloyd's algorithm is made and when it stops. */
export interface KMeansStepsOptions {
  /** 'k-means++' (default), 'random' (k different rows), or the k×d centroids themselves */
  readonly init?: "k-means++" | "random" | Matrix;
  /** most updates of the centroids, default 300 */
  readonly maxIter?: number;
  /** stop when Σ_c ‖μ_c's last move‖² ≤ tol × (mean variance of a column), default 1e-4; 0 goes on to a fixed point */
  readonly tol?: number;
  /** 'hamerly' (default) skips distances that cannot matter, 'lloyd' computes them all: the labels are the same */
  readonly algorithm?: "hamerly" | "lloyd";
  /** default 0 */
  readonly seed?: number;
}

/** Options of `kMeans`. */
export interface KMeansOptions extends KMeansStepsOptions {
  /** starts, of which the best is kept, default 10; one where `init` is a matrix */
  readonly nInit?: number;
}

/** One half-step of Lloyd's algorithm. A state never changes; what a half-step leaves alone, it shares with the last state. */
export interface KMeansState {
  /** 'assign': labels are the nearest of the centroids; 'update': centroids are the means of the labels */
  readonly phase: "assign" | "update";
  /** updates so far */
  readonly iteration: number;
  /** k×d, μ */
  readonly centroids: Matrix;
  /** n, a: the cluster of each point */
  readonly labels: Int32Array;
  /** Σ_i ‖x_i − μ_{a_i}‖², computed when it is read */
  readonly inertia: number;
  /** no label changed, or the centroids moved by no more than tol */
  readonly converged: boolean;
  /** distances computed so far: seeding, assignment, empty clusters, between centroids; not those that reading `inertia` costs */
  readonly distanceEvaluations: number;
}

/** What `kMeans` returns. */
export interface KMeansResult {
  /** k×d */
  readonly centroids: Matrix;
  /** n, the row of the nearest centroid, the first of several equally near */
  readonly labels: Int32Array;
  /** Σ_i ‖x_i − μ_{a_i}‖², in squared units of X: a sum, not a mean */
  readonly inertia: number;
  /** updates of the centroids in the best start */
  readonly iterations: number;
  /** whether the best start met its stopping rule before maxIter */
  readonly converged: boolean;
  /** some centroids coincide: at a fixed point exactly when X has fewer than k different rows */
  readonly duplicateCentroids: boolean;
  /** distances computed in all starts together */
  readonly distanceEvaluations: number;
  /** seed of the best start: `kMeansSteps` with it shows that start again */
  readonly seed: number;
}

/**
 * The best of several starts of Lloyd's algorithm.
 *
 * @param X n×d, a point a row
 * @param k number of clusters, 1 ≤ k ≤ n
 * @returns labels of the nearest centroids; the centroids are the means of their points, up to `tol`
 * @throws TypeError if X is not a matrix
 * @throws RangeError if k, X, or an option is outside its range, or a matrix `init` is not k×d
 * @example
 * const X = matrix([[0, 0], [0, 1], [9, 0], [9, 1]]);
 * kMeans(X, 2).inertia // 1
 */
export function kMeans(X: Matrix, k: number, options: KMeansOptions = {}): KMeansResult {
  const { nInit = 10, seed = 0 } = options;
  const problem = checkProblem("kMeans", X, k, options);
  checkInteger("kMeans", "nInit", nInit, 1);
  const starts = problem.init instanceof Float64Array ? 1 : nInit; // the same centroids would lead to the same end
  const work = { distances: 0 };
  let best: { last: KMeansState; inertia: number; seed: number } | undefined;
  for (let start = 0; start < starts; start++) {
    const startSeed = (seed + start * 0x9e3779b9) | 0; // far apart, so that neighbouring seeds share no start
    let last: KMeansState | undefined;
    for (const state of steps(problem, startSeed, work)) last = state;
    const { inertia } = last!;
    if (!best || inertia < best.inertia) best = { last: last!, inertia, seed: startSeed };
  }
  const { last, inertia, seed: startSeed } = best!;
  const { centroids, labels, iteration: iterations, converged } = last;
  const duplicateCentroids = halfGaps(rowMajor(centroids), k, problem.d, { distances: 0 }).includes(0);
  const distanceEvaluations = work.distances;
  return {
    centroids,
    labels,
    inertia,
    iterations,
    converged,
    duplicateCentroids,
    distanceEvaluations,
    seed: startSeed,
  };
}

/**
 * Lloyd's algorithm from one start, half-step by half-step: assign, then (update, assign) until it converges or has made
 * maxIter updates. An empty cluster takes, in the update, the point farthest from its centroid.
 *
 * @param X n×d, a point a row, not to be changed while the states are used
 * @param k number of clusters, 1 ≤ k ≤ n
 * @throws as `kMeans`
 * @example
 * const X = matrix([[0, 0], [0, 1], [3, 0], [3, 1]]);
 * const states = [...kMeansSteps(X, 2, { init: matrix([[1.5, 0], [1.5, 1]]) })];
 * states.map(({ phase }) => phase) // ["assign", "update", "assign"]
 * states.map(({ inertia }) => inertia) // [9, 9, 9]
 */
export function kMeansSteps(X: Matrix, k: number, options: KMeansStepsOptions = {}): Generator<KMeansState, void> {
  return steps(checkProblem("kMeansSteps", X, k, options), options.seed ?? 0, { distances: 0 });
}

/** n×d points, row-major. */
interface Points {
  readonly x: Float64Array;
  readonly n: number;
  readonly d: number;
}

/** What is to be solved, checked; `tolerance` is of the sum of squared moves, in the units of that sum. */
interface Problem extends Points {
  readonly k: number;
  readonly init: "k-means++" | "random" | Float64Array;
  readonly maxIter: number;
  readonly tolerance: number;
  readonly algorithm: "hamerly" | "lloyd";
}

/** Counts the distances that are computed. */
interface Work {
  distances: number;
}

/**
 * One start. An assignment makes new labels and an update new centroids, and no array is written after it was handed out: a
 * state costs no copy, and a list of states is a record of the run.
 */
function* steps(problem: Problem, seed: number, work: Work): Generator<KMeansState, void> {
  const { x, n, d, k, maxIter, tolerance, algorithm } = problem;
  const assign = algorithm === "hamerly" ? hamerlyAssignment(problem, work) : lloydAssignment(problem, work);
  const state = (phase: "assign" | "update", iteration: number, converged: boolean): KMeansState => {
    const [mu, labels] = [c, a];
    return {
      phase,
      iteration,
      centroids: matrixOver(mu, k, d),
      labels,
      get inertia() {
        return inertiaOf(x, d, mu, labels);
      },
      converged,
      distanceEvaluations: work.distances,
    };
  };
  let c = startingCentroids(problem, random(seed), work);
  let a = assign(c, new Int32Array(n)); // (2)
  yield state("assign", 0, false);
  let before: Int32Array = new Int32Array(n).fill(-1); // the labels that c holds the means of: none yet
  for (let iteration = 1, converged = false; iteration <= maxIter && !converged; iteration++) {
    const moved = update(problem, c, before, a, work); // (3)
    c = moved.centroids;
    before = a = moved.labels;
    yield state("update", iteration, false);
    const labels = assign(c, a); // (2)
    converged = moved.shift <= tolerance || labels.every((label, i) => label === a[i]);
    a = labels;
    yield state("assign", iteration, converged);
  }
}

function startingCentroids({ x, n, d, k, init }: Problem, draw: Random, work: Work): Float64Array {
  if (init instanceof Float64Array) return init;
  if (init === "k-means++") return seedPlusPlus(x, n, d, k, draw, 1, work);
  return rowsAt(x, d, draw.permutation(n).subarray(0, k));
}

/**
 * μ_c becomes the mean of the points with label c (3), computed as its first point plus a mean deviation: exact where they are
 * all equal, and no digits are lost far from 0. A cluster with the same points as in `before` keeps the centroid it had.
 */
function update({ x, n, d, k }: Problem, old: Float64Array, before: Int32Array, assigned: Int32Array, work: Work) {
  const centroids = old.slice();
  const size = new Int32Array(k);
  for (let i = 0; i < n; i++) size[assigned[i]!]!++;
  const labels = size.includes(0) ? fillEmpty(x, d, centroids, assigned, size, work) : assigned;
  const changed = new Uint8Array(k);
  for (let i = 0; i < n; i++) if (labels[i] !== before[i]) changed[labels[i]!] = changed[before[i]!] = 1;
  const met = new Uint8Array(k);
  const sum = new Float64Array(k * d);
  for (let i = 0; i < n; i++) {
    const c = labels[i]!;
    if (changed[c] === 0) continue;
    if (met[c] === 0) centroids.set(x.subarray(i * d, (i + 1) * d), c * d);
    met[c] = 1;
    for (let at = c * d, next = i * d; at < (c + 1) * d; at++, next++) sum[at]! += x[next]! - centroids[at]!;
  }
  for (let at = 0; at < k * d; at++) centroids[at]! += sum[at]! / Math.max(1, size[Math.floor(at / d)]!);
  return { centroids, labels, shift: squaredDistance(centroids, 0, old, 0, k * d) };
}

/**
 * Gives each empty cluster the point farthest from its centroid, among the clusters of more than one point. Where even that
 * distance is 0 there are fewer than k different rows: the centroid moves onto the point, a duplicate, and owns none.
 */
function fillEmpty(x: Float64Array, d: number, c: Float64Array, assigned: Int32Array, size: Int32Array, work: Work) {
  const labels = assigned.slice();
  for (let empty = size.indexOf(0); empty >= 0; empty = size.indexOf(0, empty + 1)) {
    let farthest = 0;
    let largest = -1;
    for (let i = 0; i < labels.length; i++) {
      if (size[labels[i]!]! < 2) continue;
      work.distances++;
      const distance = squaredDistance(x, i * d, c, labels[i]! * d, d);
      if (distance > largest) {
        largest = distance;
        farthest = i;
      }
    }
    c.set(x.subarray(farthest * d, (farthest + 1) * d), empty * d);
    if (largest > 0) {
      size[labels[farthest]!]!--;
      size[empty] = 1;
      labels[farthest] = empty;
    }
  }
  return labels;
}

/** Nearest centroids by computing all n·k distances. */
function lloydAssignment({ x, n, d, k }: Problem, work: Work) {
  return (c: Float64Array, _labels: Int32Array): Int32Array => {
    work.distances += n * k;
    return nearest(x, n, d, c, k);
  };
}

/** a_i is the first c with the smallest ‖x_i − μ_c‖² (2). */
function nearest(x: Float64Array, n: number, d: number, c: Float64Array, k: number): Int32Array {
  const labels = new Int32Array(n);
  const [fours, squares] = [inFours(c, k, d), new Float64Array(4)];
  for (let i = 0; i < n; i++) labels[i] = twoNearest(x, i * d, fours, d, squares);
  return labels;
}

/**
 * Nearest centroids by Hamerly's bounds: u_i ≥ the distance to the own centroid, l_i ≤ the distance to any other. Both follow
 * the centroids' moves by the triangle inequality, and only points whose bounds cross are measured.
 */
function hamerlyAssignment({ x, n, d, k }: Problem, work: Work) {
  const upper = new Float64Array(n).fill(Infinity);
  const lower = new Float64Array(n);
  // Bounds are rounded outwards by more than a computed distance can be wrong, so that no tie is decided by rounding.
  const [up, down] = [1 + (d + 4) * Number.EPSILON, 1 - (d + 4) * Number.EPSILON];
  const squares = new Float64Array(4);
  let last: { readonly c: Float64Array; readonly labels: Int32Array } | undefined;

  return (c: Float64Array, guess: Int32Array): Int32Array => {
    const { c: old, labels: before } = last ?? { c, labels: guess };
    const { drift, fastest, most, others } = drifts(old, c, k, d, work);
    const half = halfGaps(c, k, d, work);
    const fours = inFours(c, k, d);
    const labels = new Int32Array(n);
    let distances = 0;
    for (let i = 0; i < n; i++) {
      let a = guess[i]!;
      const known = a === before[i]!; // otherwise the update moved the point into an empty cluster
      let u = known ? (upper[i]! + drift[a]!) * up : Infinity; // (5)
      let l = known ? lower[i]! * down - (a === fastest ? others : most) * up : 0; // (5)
      const bound = Math.max(l, half[a]! * down); // (6)
      if (!(u < bound)) {
        distances++;
        u = Math.sqrt(squaredDistance(x, i * d, c, a * d, d)) * up;
      }
      if (!(u < bound)) {
        distances += k;
        a = twoNearest(x, i * d, fours, d, squares);
        u = Math.sqrt(squares[0]!) * up;
        l = Math.sqrt(squares[1]!) * down;
      }
      labels[i] = a;
      upper[i] = u;
      lower[i] = l;
    }
    work.distances += distances;
    last = { c, labels };
    return labels;
  };
}

/** The centroids in groups of four, feature by feature, so that a point meets four at a time; the last are filled with Infinity. */
function inFours(c: Float64Array, k: number, d: number): Float64Array {
  const fours = new Float64Array(Math.ceil(k / 4) * 4 * d).fill(Infinity);
  for (let j = 0; j < k; j++) for (let p = 0; p < d; p++) fours[(j - (j % 4)) * d + 4 * p + (j % 4)] = c[j * d + p]!;
  return fours;
}

/** Index of the centroid nearest to the point at x[i]; its squared distance goes to squares[0], the second smallest to [1]. */
function twoNearest(x: Float64Array, i: number, fours: Float64Array, d: number, squares: Float64Array): number {
  let nearest = 0;
  let smallest = Infinity;
  let second = Infinity;
  for (let at = 0, j = 0; at < fours.length; ) {
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let p = i; p < i + d; p++, at += 4) {
      const value = x[p]!;
      const d0 = value - fours[at]!;
      const d1 = value - fours[at + 1]!;
      const d2 = value - fours[at + 2]!;
      const d3 = value - fours[at + 3]!;
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    squares[0] = s0;
    squares[1] = s1;
    squares[2] = s2;
    squares[3] = s3;
    for (let q = 0; q < 4; q++, j++) {
      const square = squares[q]!;
      if (square < smallest) {
        second = smallest;
        smallest = square;
        nearest = j;
      } else if (square < second) second = square;
    }
  }
  squares[0] = smallest;
  squares[1] = second;
  return nearest;
}

/** How far each centroid moved, δ; which moved the most, and the most that any other moved. */
function drifts(old: Float64Array, c: Float64Array, k: number, d: number, work: Work) {
  work.distances += k;
  const drift = Float64Array.from({ length: k }, (_, j) => Math.sqrt(squaredDistance(old, j * d, c, j * d, d)));
  const most = drift.reduce((a, b) => Math.max(a, b));
  const fastest = drift.indexOf(most);
  const others = drift.reduce((a, b, j) => (j === fastest ? a : Math.max(a, b)), 0);
  return { drift, fastest, most, others };
}

/** s_c, half the distance from each centroid to the nearest other: a point within it has no nearer centroid. */
function halfGaps(c: Float64Array, k: number, d: number, work: Work): Float64Array {
  work.distances += (k * (k - 1)) / 2;
  const half = new Float64Array(k).fill(Infinity);
  for (let i = 0; i < k; i++) {
    for (let j = 0; j < i; j++) {
      const s = Math.sqrt(squaredDistance(c, i * d, c, j * d, d)) / 2;
      half[i] = Math.min(half[i]!, s);
      half[j] = Math.min(half[j]!, s);
    }
  }
  return half;
}

/** ‖x − y‖² of the d numbers from x[i] on and from y[j] on. */
function squaredDistance(x: Float64Array, i: number, y: Float64Array, j: number, d: number): number {
  let sum = 0;
  for (let p = 0; p < d; p++) {
    const difference = x[i + p]! - y[j + p]!;
    sum += difference * difference;
  }
  return sum;
}

/** J, the sum over the points of ‖x_i − μ_{a_i}‖² (1). */
function inertiaOf(x: Float64Array, d: number, c: Float64Array, labels: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) sum += squaredDistance(x, i * d, c, labels[i]! * d, d); // (1)
  return sum;
}

function rowsAt(x: Float64Array, d: number, rows: ArrayLike<number>): Float64Array {
  const chosen = new Float64Array(rows.length * d);
  for (let c = 0; c < rows.length; c++) chosen.set(x.subarray(rows[c]! * d, (rows[c]! + 1) * d), c * d);
  return chosen;
}

/**
 * Starting centroids by D² sampling: each next one is a row drawn with probability proportional to its squared distance to
 * the nearest of those already chosen.
 *
 * @param X n×d, a point a row
 * @param k number of centroids, 1 ≤ k ≤ n
 * @param options.seed default 0
 * @param options.nLocalTrials rows drawn for each centroid, of which the one that lowers the sum of D² the most is kept;
 * default 1, for which the bound 8 (ln k + 2) on the expected inertia is proven
 * @returns k×d, rows of X; duplicates only where X has fewer than k different rows
 * @throws TypeError if X is not a matrix
 * @throws RangeError if X, k, nLocalTrials or the seed is outside its range
 * @example
 * kMeansPlusPlus(matrix([[0], [0], [7]]), 2).data.toSorted() // [0, 7]
 */
export function kMeansPlusPlus(
  X: Matrix,
  k: number,
  { seed = 0, nLocalTrials = 1 }: { readonly seed?: number; readonly nLocalTrials?: number } = {},
): Matrix {
  const { x, n, d } = checkPoints("kMeansPlusPlus", "X", X);
  checkInteger("kMeansPlusPlus", "k", k, 1, n);
  checkInteger("kMeansPlusPlus", "nLocalTrials", nLocalTrials, 1);
  checkInteger("kMeansPlusPlus", "seed", seed, -(2 ** 31), 2 ** 32 - 1);
  return matrixOver(seedPlusPlus(x, n, d, k, random(seed), nLocalTrials, { distances: 0 }), k, d);
}

function seedPlusPlus(x: Float64Array, n: number, d: number, k: number, draw: Random, trials: number, work: Work) {
  /** D² of every point after the given row has been chosen too */
  const choose = (row: number, before?: Float64Array) => {
    work.distances += n;
    const D2 = new Float64Array(n);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      D2[i] = Math.min(before?.[i] ?? Infinity, squaredDistance(x, i * d, x, row * d, d));
      sum += D2[i]!;
    }
    return { row, D2, sum };
  };
  let last = choose(draw.integer(n));
  const rows = [last.row];
  while (rows.length < k) {
    const { D2, sum } = last;
    const candidates = Array.from(
      { length: trials },
      () => choose(sum > 0 ? draw.categorical(D2) : draw.integer(n), D2), // (4); all 0: every different row has been chosen
    );
    last = candidates.reduce((best, candidate) => (candidate.sum < best.sum ? candidate : best));
    rows.push(last.row);
  }
  return rowsAt(x, d, rows);
}

/**
 * The nearest centroid of points that may be new ones.
 *
 * @param X n×d, a point a row
 * @param centroids k×d
 * @returns n labels in 0 … k−1, the first of several equally near
 * @throws TypeError if X or centroids is not a matrix
 * @throws RangeError if they differ in columns, or an entry is not finite or too large
 * @example
 * nearestCentroid(matrix([[1], [5], [6]]), matrix([[0], [10]])) // [0, 0, 1]
 */
export function nearestCentroid(X: Matrix, centroids: Matrix): Int32Array {
  const { x, n, d } = checkPoints("nearestCentroid", "X", X);
  const { x: c, n: k, d: columns } = checkPoints("nearestCentroid", "centroids", centroids);
  if (columns !== d) throw new RangeError(`nearestCentroid: centroids must have ${d} columns, got ${columns}`);
  return nearest(x, n, d, c, k);
}

/** What `optimalKMeans1d` returns; clusters are in the order of their numbers. */
export interface OptimalClusters1d {
  /** k−1 numbers half-way between neighbouring clusters */
  readonly breaks: Float64Array;
  /** k means, ascending */
  readonly centroids: Float64Array;
  /** the smallest inertia that k clusters can have */
  readonly inertia: number;
}

/**
 * The best k clusters of numbers, exactly: on a line they are intervals, and dynamic programming tries every cut, O(k n²) at
 * worst. Follows Wang, Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic Programming", 2011.
 * https://doi.org/10.32614/RJ-2011-015
 *
 * @param x n numbers in any order
 * @param k number of clusters, 1 ≤ k ≤ n
 * @throws TypeError if x is not an array
 * @throws RangeError if x is empty, an entry is not finite or too large, or k is not in 1 … n
 * @example
 * optimalKMeans1d([8, 1, 2, 9], 2) // { breaks: [5], centroids: [1.5, 8.5], inertia: 1 }
 */
export function optimalKMeans1d(x: ArrayLike<number>, k: number): OptimalClusters1d {
  const sorted = checkVector("optimalKMeans1d", "x", x).sort();
  const n = sorted.length;
  if (!(n >= 1)) throw new RangeError("optimalKMeans1d: x must have at least one number, got 0");
  checkSize("optimalKMeans1d", "x", sorted);
  checkInteger("optimalKMeans1d", "k", k, 1, n);
  /** smallest inertia of the first i numbers, and where the last cluster then begins, for 0, 1, … clusters */
  let cost = new Float64Array(n + 1).fill(Infinity, 1);
  const begins: Int32Array[] = [];
  for (let q = 1; q <= k; q++) {
    const next = new Float64Array(n + 1).fill(Infinity);
    const begin = new Int32Array(n + 1);
    for (let i = q; i <= n; i++) {
      let mean = 0;
      let spread = 0;
      for (let j = i - 1; j >= q - 1; j--) {
        const delta = sorted[j]! - mean; // Welford: the mean and the inertia of j … i−1 from those of j+1 … i−1
        mean += delta / (i - j);
        spread += delta * (sorted[j]! - mean);
        if (spread >= next[i]!) break; // it only grows
        if (cost[j]! + spread < next[i]!) [next[i], begin[i]] = [cost[j]! + spread, j]; // (7)
      }
    }
    cost = next;
    begins.push(begin);
  }
  const breaks = new Float64Array(k - 1);
  const centroids = new Float64Array(k);
  for (let c = k - 1, end = n; c >= 0; c--) {
    const begin = begins[c]![end]!;
    const cluster = sorted.subarray(begin, end);
    centroids[c] = cluster[0]! + cluster.reduce((sum, value) => sum + (value - cluster[0]!), 0) / cluster.length;
    if (c > 0) breaks[c - 1] = (sorted[begin - 1]! + sorted[begin]!) / 2;
    end = begin;
  }
  return { breaks, centroids, inertia: cost[n]! };
}

/**
 * Silhouette of every point, (b − a) / max(a, b): a is its mean distance to the others of its cluster, b the smallest mean
 * distance to another cluster. 1 well inside, 0 between two, negative nearer to another; 0 for a cluster of one point.
 * Follows Rousseeuw, "Silhouettes", 1987. https://doi.org/10.1016/0377-0427(87)90125-7
 *
 * @param X n×d, a point a row
 * @param labels n integers, from 2 up to n−1 different ones
 * @returns n numbers in [−1, 1]; their mean is the silhouette score. O(n² d)
 * @throws TypeError if X is not a matrix
 * @throws RangeError if X or labels is outside its range
 * @example
 * silhouetteSamples(matrix([[0], [1], [10]]), [0, 0, 1]) // [0.9, 0.889, 0]
 */
export function silhouetteSamples(X: Matrix, labels: ArrayLike<number>): Float64Array {
  const { x, n, d } = checkPoints("silhouetteSamples", "X", X);
  if (labels.length !== n) {
    throw new RangeError(`silhouetteSamples: labels must have length ${n}, got ${labels.length}`);
  }
  const { code, size } = codesOf("silhouetteSamples", "labels", labels);
  if (!(size.length >= 2 && size.length < n)) {
    throw new RangeError(
      `silhouetteSamples: labels must have at least 2 and at most n − 1 = ${n - 1} different values, got ${size.length}`,
    );
  }
  const sum = new Float64Array(size.length);
  return code.reduce((s, own, i) => {
    sum.fill(0);
    for (let j = 0; j < n; j++) sum[code[j]!]! += Math.sqrt(squaredDistance(x, i * d, x, j * d, d));
    const a = sum[own]! / (size[own]! - 1);
    const b = sum.reduce((least, total, c) => (c === own ? least : Math.min(least, total / size[c]!)), Infinity);
    s[i] = size[own] === 1 || a === b ? 0 : (b - a) / Math.max(a, b); // (8); a = b may both be 0
    return s;
  }, new Float64Array(n));
}

/**
 * Agreement of two partitions of the same points: pairs that both keep together, corrected for chance. 1 where they are the
 * same up to names, 0 on average for random ones, negative below that.
 * Follows Hubert, Arabie, "Comparing partitions", 1985. https://doi.org/10.1007/BF01908075
 *
 * @param a n integers
 * @param b n integers
 * @throws RangeError if they differ in length, are empty, or hold anything but integers
 * @example
 * adjustedRandIndex([0, 0, 1, 1], [5, 5, 2, 2]) // 1
 */
export function adjustedRandIndex(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length;
  if (!(n >= 1)) throw new RangeError("adjustedRandIndex: a must have at least one label, got 0");
  if (b.length !== n) throw new RangeError(`adjustedRandIndex: b must have length ${n}, got ${b.length}`);
  const [A, B] = [codesOf("adjustedRandIndex", "a", a), codesOf("adjustedRandIndex", "b", b)];
  const both = codesOf(
    "adjustedRandIndex",
    "both",
    Array.from(A.code, (u, i) => u * n + B.code[i]!),
  );
  const pairs = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + (size * (size - 1)) / 2, 0);
  const [together, inA, inB] = [pairs(both.size), pairs(A.size), pairs(B.size)];
  if (inA === inB && (inA === 0 || inA === pairs([n]))) return 1; // all apart or all together, in both
  const expected = inA * (inB / pairs([n]));
  return (together - expected) / ((inA + inB) / 2 - expected); // (9)
}

/** Labels renumbered 0, 1, … in the order of their first appearance, and how many points each has. */
function codesOf(caller: string, name: string, labels: ArrayLike<number>) {
  const codes = new Map<number, number>();
  const size: number[] = [];
  const code = Int32Array.from(labels, (label, i) => {
    checkInteger(caller, `${name}[${i}]`, label, Number.MIN_SAFE_INTEGER);
    const known = codes.get(label) ?? codes.size;
    codes.set(label, known);
    size[known] = (size[known] ?? 0) + 1;
    return known;
  });
  return { code, size };
}

function checkProblem(caller: string, X: Matrix, k: number, options: KMeansStepsOptions): Problem {
  const { init = "k-means++", maxIter = 300, tol = 1e-4, algorithm = "hamerly", seed = 0 } = options;
  const { x, n, d } = checkPoints(caller, "X", X);
  checkInteger(caller, "k", k, 1, n);
  checkInteger(caller, "maxIter", maxIter, 1);
  checkNumber(caller, "tol", tol, { min: 0 });
  checkChoice(caller, "algorithm", algorithm, ["hamerly", "lloyd"]);
  checkInteger(caller, "seed", seed, -(2 ** 31), 2 ** 32 - 1);
  const tolerance = tol > 0 ? tol * meanVariance(x, n, d) : 0;
  return { x, n, d, k, init: checkInit(caller, init, k, d), maxIter, tolerance, algorithm };
}

/** The mean over the columns of their variance (divided by n). */
function meanVariance(x: Float64Array, n: number, d: number): number {
  const mean = new Float64Array(d); // of the deviations from the first row
  for (let at = 0; at < n * d; at++) mean[at % d]! += (x[at]! - x[at % d]!) / n;
  let sum = 0;
  for (let at = 0; at < n * d; at++) sum += (x[at]! - x[at % d]! - mean[at % d]!) ** 2;
  return sum / (n * d);
}

function checkInit(caller: string, init: "k-means++" | "random" | Matrix, k: number, d: number): Problem["init"] {
  if (typeof init === "string")
    return checkChoice<"k-means++" | "random">(caller, "init", init, ["k-means++", "random"]);
  const { x, n, d: columns } = checkPoints(caller, "init", init);
  if (n !== k || columns !== d) throw new RangeError(`${caller}: init must be ${k}×${d}, got ${n}×${columns}`);
  return x.slice();
}

function checkPoints(caller: string, name: string, X: Matrix): Points {
  const [n, d] = checkMatrix(caller, name, X);
  const x = rowMajor(X);
  checkSize(caller, name, x);
  return { x, n, d };
}

/** The square of 1e140, added up over all entries, is far from overflow. */
function checkSize(caller: string, name: string, x: Float64Array): void {
  for (let at = 0; at < x.length; at++) {
    if (!(Math.abs(x[at]!) <= 1e140)) {
      throw new RangeError(`${caller}: ${name} must lie within ±1e140, beyond which squares overflow, got ${x[at]}`);
    }
  }
}
