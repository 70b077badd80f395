/**
 * Finite Markov chains: their classes, stationary law, mixing and absorption; chains that are fitted, walked on a graph
 * (PageRank), or built to have a wanted stationary law (Metropolis-Hastings).
 *
 * Follows D. Levin, Y. Peres, "Markov Chains and Mixing Times", 2nd ed., American Mathematical Society, 2017; for the
 * stationary law W. Grassmann, M. Taksar, D. Heyman, "Regenerative analysis and steady state distributions for Markov chains",
 * Operations Research 33(5), 1985. https://doi.org/10.1287/opre.33.5.1107
 * But:
 * - Transition matrices are dense, n²; only the walk of `pageRank` goes along the edges of a graph.
 * - Discrete time, finitely many states; only Metropolis-Hastings has a state of any kind, and neither tunes its proposal nor
 *   throws away a beginning.
 * - `splitRhat` and `effectiveSampleSize` are those of the mean: no ranks, no tails.
 */
import { checkInteger, checkNumber, checkSquare, checkVector } from "../../lib/check.js";
import { identity, type Matrix, matrixOver, rowMajor, zeros } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";
import { eig } from "../linear-algebra/eigenvalues-and-the-spectral-theorem.js";

/**
 * The stationary distribution π = πP, by the elimination of Grassmann, Taksar and Heyman: no subtraction, so that each entry
 * keeps its digits, however nearly the chain falls apart.
 *
 * Diagonal entries are checked and not used: the rest of a row says how much is left for them.
 *
 * @param p n×n, row i the law of the step from state i
 * @returns n probabilities, 0 for transient states; O(n³) operations. A periodic chain has one too
 * @throws RangeError if p is not square, an entry is negative, a row does not sum to 1 within 1e-9, there are several
 *   recurrent classes, or a probability that links the class is lost to underflow
 * @throws TypeError if p is not a matrix of float64
 * @example
 * stationaryDistribution(matrix([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0, 0.3, 0.7]])) // [0.6, 0.3, 0.1]
 */
export function stationaryDistribution(p: Matrix): Float64Array {
  const caller = "stationaryDistribution";
  const { n, rows } = checkStochastic(caller, p);
  const recurrent = communicating(rows, n).filter((one) => one.recurrent);
  if (recurrent.length > 1) {
    const sets = recurrent.map(({ states }) => `{${states.join(", ")}}`).join(", ");
    throw new RangeError(`${caller}: p must have one recurrent class, got ${recurrent.length}: ${sets}`);
  }
  const { states } = recurrent[0]!;
  const size = states.length;
  const a = Float64Array.from({ length: size * size }, (_, at) => {
    return rows[states[Math.floor(at / size)]! * n + states[at % size]!]!;
  });
  const pi = new Float64Array(n);
  for (const [k, share] of censoredLaw(caller, a, size).entries()) pi[states[k]!] = share;
  return pi;
}

/** The stationary law of an irreducible chain, whose matrix is overwritten. */
function censoredLaw(caller: string, a: Float64Array, n: number): Float64Array {
  const down = new Float64Array(n);
  for (let k = n - 1; k > 0; k--) {
    for (let j = 0; j < k; j++) down[k] = down[k]! + a[k * n + j]!; // (2): a sum, where others take 1 − p
    if (!(down[k]! > 0)) {
      throw new RangeError(`${caller}: the probabilities of p must not vanish in products, got 0 at elimination ${k}`);
    }
    for (let i = 0; i < k; i++) {
      for (let j = 0; j < k; j++) a[i * n + j] = a[i * n + j]! + a[i * n + k]! * (a[k * n + j]! / down[k]!); // (3)
    }
  }
  const pi = new Float64Array(n);
  pi[0] = 1;
  for (let k = 1; k < n; k++) {
    let up = 0;
    for (let i = 0; i < k; i++) up += pi[i]! * a[i * n + k]!;
    const total = up + down[k]!; // shares of a whole, so that nothing overflows
    for (let i = 0; i < k; i++) pi[i] = pi[i]! * (down[k]! / total); // (4)
    pi[k] = up / total; // (4)
  }
  return pi;
}

/** States that can reach each other. */
export interface CommunicatingClass {
  /** rising */
  readonly states: Int32Array;
  /** whether the chain, once in, never leaves */
  readonly recurrent: boolean;
  /** greatest common divisor of the lengths of all ways back; 0 where there is none */
  readonly period: number;
}

/** What `classifyStates` found. */
export interface StateClasses {
  /** in the order of their first states */
  readonly classes: readonly CommunicatingClass[];
  /** states that are never left, rising */
  readonly absorbing: Int32Array;
  /** whether there is one class only */
  readonly irreducible: boolean;
  /** whether there is one recurrent class only, of period 1: then every start leads to the same law */
  readonly ergodic: boolean;
}

/**
 * Communicating classes of a chain, by Tarjan's components of its graph; periods by differences of depth.
 *
 * @param p n×n, row i the law of the step from state i; anything above 0 is a way
 * @throws RangeError, TypeError as `stationaryDistribution` for a matrix that is not stochastic
 * @example
 * classifyStates(matrix([[0, 1], [1, 0]])).classes[0].period // 2
 */
export function classifyStates(p: Matrix): StateClasses {
  const { n, rows } = checkStochastic("classifyStates", p);
  const classes = communicating(rows, n);
  const recurrent = classes.filter((one) => one.recurrent);
  return {
    classes,
    absorbing: Int32Array.from(
      recurrent.filter(({ states }) => states.length === 1),
      ({ states }) => states[0]!,
    ),
    irreducible: classes.length === 1,
    ergodic: recurrent.length === 1 && recurrent[0]!.period === 1,
  };
}

function communicating(rows: Float64Array, n: number): CommunicatingClass[] {
  const component = components(rows, n);
  const members = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const known = members.get(component[i]!);
    if (known) known.push(i);
    else members.set(component[i]!, [i]);
  }
  return [...members.values()].map((states) => ({
    states: Int32Array.from(states),
    recurrent: states.every((i) => component.every((c, j) => c === component[i] || rows[i * n + j] === 0)),
    period: periodOf(rows, n, states, component),
  }));
}

/** The strongly connected component of each state (Tarjan 1972), with a stack of its own: chains may be long. */
function components(rows: Float64Array, n: number): Int32Array {
  const component = new Int32Array(n).fill(-1);
  const [index, low, next] = [new Int32Array(n).fill(-1), new Int32Array(n), new Int32Array(n)];
  const [open, path]: [number[], number[]] = [[], []];
  let [found, closed] = [0, 0];
  for (let root = 0; root < n; root++) {
    if (index[root]! >= 0) continue;
    path.push(root);
    while (path.length > 0) {
      const i = path.at(-1)!;
      if (index[i]! < 0) {
        index[i] = low[i] = found++;
        open.push(i);
      }
      while (next[i]! < n && !(rows[i * n + next[i]!]! > 0 && component[next[i]!]! < 0 && index[next[i]!]! < 0)) {
        const j = next[i]!;
        if (rows[i * n + j]! > 0 && component[j]! < 0) low[i] = Math.min(low[i]!, index[j]!);
        next[i] = j + 1;
      }
      if (next[i]! < n) {
        path.push(next[i]!);
        continue;
      }
      path.pop();
      if (low[i] === index[i]) {
        for (let j = -1; j !== i; ) component[(j = open.pop()!)] = closed;
        closed++;
      }
      const parent = path.at(-1);
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[i]!);
    }
  }
  return component;
}

/** Every edge i → j of the class closes cycles whose lengths differ by depth(i) + 1 − depth(j): the period divides it. */
function periodOf(rows: Float64Array, n: number, states: readonly number[], component: Int32Array): number {
  const depth = new Map([[states[0]!, 0]]);
  const queue = [states[0]!];
  let period = 0;
  for (const i of queue) {
    for (let j = 0; j < n; j++) {
      if (!(rows[i * n + j]! > 0 && component[j] === component[i])) continue;
      if (!depth.has(j)) {
        depth.set(j, depth.get(i)! + 1);
        queue.push(j);
      }
      period = greatestCommonDivisor(period, Math.abs(depth.get(i)! + 1 - depth.get(j)!)); // (5)
    }
  }
  return period;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The law of a chain after so many steps. */
export interface MixingStep {
  /** 0 is the start */
  readonly step: number;
  /** n probabilities */
  readonly distribution: Float64Array;
  /** distance to the stationary distribution, ½Σ|μᵢ − πᵢ|, in [0, 1] */
  readonly totalVariation: number;
  /** mean of the laws of the steps 0 … step − 1; at step 0 the start itself */
  readonly timeAverage: Float64Array;
}

/**
 * The law of the chain, step after step, without end.
 *
 * @param p n×n, row i the law of the step from state i
 * @param start n probabilities, or the state where the chain is
 * @throws RangeError, TypeError as `stationaryDistribution`; RangeError if start is no state or does not sum to 1 within 1e-9
 * @example
 * mixingSteps(matrix([[0.9, 0.1], [0.3, 0.7]]), 0).next().value.totalVariation // 0.25
 */
export function* mixingSteps(p: Matrix, start: number | ArrayLike<number>): Generator<MixingStep, never> {
  const { n, rows } = checkStochastic("mixingSteps", p);
  const pi = stationaryDistribution(p);
  let distribution = checkLaw("mixingSteps", "start", start, n);
  const sum = new Float64Array(n);
  for (let step = 0; ; step++) {
    yield {
      step,
      distribution: distribution.slice(),
      totalVariation: totalVariation(distribution, pi),
      timeAverage: step === 0 ? distribution.slice() : sum.map((total) => total / step),
    };
    for (let i = 0; i < n; i++) sum[i] = sum[i]! + distribution[i]!;
    distribution = stepped(rows, n, distribution);
  }
}

/** μP. */
function stepped(rows: Float64Array, n: number, mu: Float64Array): Float64Array {
  const after = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) after[j] = after[j]! + mu[i]! * rows[i * n + j]!; // (1)
  }
  return after;
}

/**
 * ½Σ|μᵢ − νᵢ|: the largest difference between the probabilities of any event.
 *
 * @param mu n finite numbers
 * @param nu n finite numbers
 * @throws RangeError if the lengths differ or a number is not finite; TypeError if one is no array
 * @example
 * totalVariation([1, 0], [0.25, 0.75]) // 0.75
 */
export function totalVariation(mu: ArrayLike<number>, nu: ArrayLike<number>): number {
  const first = checkVector("totalVariation", "mu", mu);
  const second = checkVector("totalVariation", "nu", nu, first.length);
  return first.reduce((sum, share, i) => sum + Math.abs(share - second[i]!), 0) / 2;
}

/** How fast a chain forgets, in the long run. */
export interface SpectralGap {
  /** largest modulus of an eigenvalue when one eigenvalue 1 is left out: the factor per step; 0 for a single state */
  readonly modulus: number;
  /** 1 − modulus; 0, up to rounding, for a periodic chain or several recurrent classes */
  readonly gap: number;
}

/**
 * Second largest modulus of the eigenvalues of P, and its distance from 1.
 *
 * @param p n×n, row i the law of the step from state i
 * @throws RangeError, TypeError as `stationaryDistribution` for a matrix that is not stochastic
 * @example
 * spectralGap(matrix([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0, 0.3, 0.7]])) // { modulus: 0.8, gap: 0.2 }
 */
export function spectralGap(p: Matrix): SpectralGap {
  checkStochastic("spectralGap", p);
  const { real, imaginary } = eig(p);
  const one = real.indexOf(Math.max(...real)); // no other has so large a real part
  const modulus = Math.max(0, ...real.map((value, j) => (j === one ? 0 : Math.hypot(value, imaginary[j]!))));
  return { modulus, gap: 1 - modulus };
}

/** What becomes of a chain that ends. */
export interface AbsorbingChain {
  /** the t states that the chain leaves for ever, rising; rows of everything below */
  readonly transient: Int32Array;
  /** the a states where it ends, rising; columns of `absorptionProbabilities` */
  readonly absorbing: Int32Array;
  /** N = (I − Q)⁻¹, t×t: expected visits to state j from state i, the start counted */
  readonly fundamental: Matrix;
  /** NR, t×a */
  readonly absorptionProbabilities: Matrix;
  /** N·1: mean number of steps before the end, t numbers */
  readonly expectedSteps: Float64Array;
  /** variance of that number; its relative error grows with the mean, to 1e-12 at 1e20 steps. Infinity beyond float64 */
  readonly varianceSteps: Float64Array;
}

/**
 * Where and when a chain with absorbing states ends.
 *
 * @param p n×n, row i the law of the step from state i; at least one state is never left, and reached from all that are
 * @returns O(t³) operations for t transient states
 * @throws RangeError if there is no absorbing state or no other, a state cannot reach one, or a mean is beyond float64 (as
 *   where a chance to end is lost to underflow); RangeError, TypeError for a matrix that is not stochastic
 * @example
 * absorbingChain(matrix([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]])).expectedSteps // [1]
 */
export function absorbingChain(p: Matrix): AbsorbingChain {
  const caller = "absorbingChain";
  const { n, rows } = checkStochastic(caller, p);
  const { absorbing, classes } = classifyStates(p);
  if (absorbing.length === 0) throw new RangeError(`${caller}: p must have an absorbing state, got none`);
  const trap = classes.find(({ recurrent, states }) => recurrent && states.length > 1);
  if (trap) {
    throw new RangeError(
      `${caller}: every state must reach an absorbing one, got {${trap.states.join(", ")}}, never left`,
    );
  }
  const transient = Int32Array.from({ length: n }, (_, i) => i).filter((i) => !absorbing.includes(i));
  const t = transient.length;
  if (t === 0) throw new RangeError(`${caller}: p must have a state that is not absorbing, got none`);
  const [ends, solve] = [absorbing.length, (b: Float64Array) => solveLeaving(rows, n, transient, b)];
  const intoEnds = Float64Array.from({ length: t * ends }, (_, at) => {
    return rows[transient[Math.floor(at / ends)]! * n + absorbing[at % ends]!]!;
  });
  const expectedSteps = meanSteps(caller, rows, n, transient); // (7)
  const unit = Math.max(...expectedSteps); // whose square may overflow
  const ahead = new Float64Array(n);
  for (const [i, state] of transient.entries()) ahead[state] = expectedSteps[i]!;
  // The variance of each step's outcome, over all visits: terms ≥ 0, where 2N(N·1) − N·1 − (N·1)² would cancel.
  const scatter = Float64Array.from(transient, (state, i) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += rows[state * n + j]! * ((1 + ahead[j]! - expectedSteps[i]!) / unit) ** 2;
    return sum;
  });
  return {
    transient,
    absorbing,
    fundamental: matrixOver(solve(identity(t).data), t, t), // (7)
    absorptionProbabilities: matrixOver(solve(intoEnds), t, ends), // (7)
    expectedSteps,
    varianceSteps: solve(scatter).map((variance) => variance * unit * unit), // (8)
  };
}

/** Mean number of steps before the chain is out of these states: the start's row of N·1. */
function meanSteps(caller: string, rows: Float64Array, n: number, states: Int32Array): Float64Array {
  const means = solveLeaving(rows, n, states, new Float64Array(states.length).fill(1));
  const lost = means.findIndex((mean) => !(mean < Infinity));
  if (lost < 0) return means;
  throw new RangeError(`${caller}: mean numbers of steps must be below 1.8e308, got more from state ${states[lost]}`);
}

/**
 * (I − Q)⁻¹B for the steps Q among these states and B ≥ 0, row-major and overwritten, by the elimination of `censoredLaw`:
 * what leaves a state is added up, and not taken from 1, so that each entry keeps its digits, however rarely the chain ends.
 */
function solveLeaving(rows: Float64Array, n: number, states: Int32Array, b: Float64Array): Float64Array {
  const [t, width] = [states.length, b.length / states.length];
  const q = Float64Array.from({ length: t * t }, (_, at) => rows[states[Math.floor(at / t)]! * n + states[at % t]!]!);
  const inside = new Set(states);
  const out = Float64Array.from(states, (i) => {
    return rows.subarray(i * n, (i + 1) * n).reduce((sum, way, j) => (inside.has(j) ? sum : sum + way), 0);
  });
  const down = new Float64Array(t);
  for (let k = t - 1; k >= 0; k--) {
    down[k] = out[k]!;
    for (let j = 0; j < k; j++) down[k] = down[k]! + q[k * t + j]!; // (2), and the ways out
    for (let i = 0; i < k; i++) {
      const visits = q[i * t + k]!;
      out[i] = out[i]! + visits * (out[k]! / down[k]!); // (3)
      for (let j = 0; j < k; j++) q[i * t + j] = q[i * t + j]! + visits * (q[k * t + j]! / down[k]!); // (3)
      for (let c = 0; c < width; c++) b[i * width + c] = b[i * width + c]! + visits * (b[k * width + c]! / down[k]!);
    }
  }
  for (let k = 0; k < t; k++) {
    for (let j = 0; j < k; j++) {
      for (let c = 0; c < width; c++) b[k * width + c] = b[k * width + c]! + q[k * t + j]! * b[j * width + c]!;
    }
    for (let c = 0; c < width; c++) b[k * width + c] = b[k * width + c]! / down[k]!;
  }
  return b;
}

/**
 * Mean number of steps until the chain is in a state; from the state itself, until it is back.
 *
 * @param p n×n, row i the law of the step from state i
 * @param target state in [0, n)
 * @returns n numbers ≥ 1; Infinity where the target may never be reached
 * @throws RangeError if target is no state or a mean is beyond float64; and as `stationaryDistribution` for a matrix that
 *   is not stochastic
 * @example
 * meanHittingTimes(matrix([[0.9, 0.1], [0.3, 0.7]]), 1) // [10, 4]
 */
export function meanHittingTimes(p: Matrix, target: number): Float64Array {
  const { n, rows } = checkStochastic("meanHittingTimes", p);
  checkInteger("meanHittingTimes", "target", target, 0, n - 1);
  const stopped = rows.slice();
  for (let j = 0; j < n; j++) stopped[target * n + j] = j === target ? 1 : 0;
  const reaching = leadingTo(stopped, n, (i) => i === target);
  const lost = leadingTo(stopped, n, (i) => !reaching[i]);
  const others = Int32Array.from({ length: n }, (_, i) => i).filter((i) => i !== target && !lost[i]);
  const times = new Float64Array(n).fill(Infinity);
  const means = meanSteps("meanHittingTimes", rows, n, others); // (6)
  for (const [k, i] of others.entries()) times[i] = means[k]!;
  times[target] = 1;
  for (let j = 0; j < n; j++) {
    const way = rows[target * n + j]!;
    if (j !== target && way > 0) times[target] = times[target]! + way * times[j]!; // (6)
  }
  return times;
}

/** Which states have a way, of any length, to a state with the property. */
function leadingTo(rows: Float64Array, n: number, wanted: (i: number) => boolean): boolean[] {
  const leads = Array.from({ length: n }, (_, i) => wanted(i));
  const queue = leads.flatMap((yes, i) => (yes ? [i] : []));
  for (const j of queue) {
    for (let i = 0; i < n; i++) {
      if (leads[i] || !(rows[i * n + j]! > 0)) continue;
      leads[i] = true;
      queue.push(i);
    }
  }
  return leads;
}

/**
 * A walk of the chain.
 *
 * @param p n×n, row i the law of the step from state i
 * @param length number of states to return, at least 1
 * @param options.start first state, default 0
 * @param options.seed default 0
 * @throws RangeError if length, start or seed is out of range; and as `stationaryDistribution` for a matrix that is not
 *   stochastic
 * @example
 * simulateChain(matrix([[0, 1], [1, 0]]), 4) // Int32Array [0, 1, 0, 1]
 */
export function simulateChain(
  p: Matrix,
  length: number,
  { start = 0, seed = 0 }: { readonly start?: number; readonly seed?: number } = {},
): Int32Array {
  const { n, rows } = checkStochastic("simulateChain", p);
  checkInteger("simulateChain", "length", length, 1);
  checkInteger("simulateChain", "start", start, 0, n - 1);
  const { categorical } = random(seed);
  const laws = Array.from({ length: n }, (_, i) => rows.subarray(i * n, (i + 1) * n));
  const walk = new Int32Array(length);
  walk[0] = start;
  for (let t = 1; t < length; t++) walk[t] = categorical(laws[walk[t - 1]!]!);
  return walk;
}

/** How `fitMarkovChain` counts. */
export interface FitMarkovChainOptions {
  /** K, number of states; default 1 + the largest seen */
  readonly states?: number;
  /** how many states back the next one depends on; default 1 */
  readonly order?: number;
  /** α ≥ 0, added to each count; default 0, maximum likelihood */
  readonly smoothing?: number;
}

/** A chain of some order, fitted by counting. */
export interface MarkovModel {
  /** K */
  readonly states: number;
  readonly order: number;
  /** α */
  readonly smoothing: number;
  /** the c contexts seen, rising: the last `order` states as digits of a number in base K, the oldest first */
  readonly contexts: Float64Array;
  /** c×K, how often each state came next */
  readonly counts: Matrix;
  /** c×K, its probability: (count + α)/(total + Kα). At order 1 a K×K matrix, row i for state i */
  readonly transition: Matrix;
  /** number of steps that were counted */
  readonly steps: number;
  /** log-probability of these steps, in nats, each sequence's first `order` states given */
  readonly logLikelihood: number;
  /** entropy of the next state in nats, averaged over the contexts as often as they were seen */
  readonly entropyRate: number;
}

/**
 * A Markov chain of any order from sequences of states, by counting what follows what.
 *
 * @param sequences integers in [0, K) each; their ends do not touch
 * @returns at order 2 and more only contexts that were seen; at order 1 all K
 * @throws RangeError if there is no step to count, a state is out of range, an option is out of range, K to the power of
 *   order + 1 exceeds 2⁵³, or at order 1 without smoothing a state is never left
 * @example
 * toRows(fitMarkovChain([[0, 0, 1, 0, 1, 1, 0]]).transition) // [[0.333, 0.667], [0.667, 0.333]]
 */
export function fitMarkovChain(
  sequences: readonly ArrayLike<number>[],
  { states = 1 + largest(sequences), order = 1, smoothing = 0 }: FitMarkovChainOptions = {},
): MarkovModel {
  const caller = "fitMarkovChain";
  const K = checkInteger(caller, "states", states, 1);
  checkInteger(caller, "order", order, 0);
  checkNumber(caller, "smoothing", smoothing, { min: 0 });
  checkNumber(caller, "states to the power of order + 1", K ** (order + 1), { max: 2 ** 53 });
  const seen = new Map<number, Float64Array>();
  if (order === 1) for (let i = 0; i < K; i++) seen.set(i, new Float64Array(K));
  let steps = 0;
  for (const [s, sequence] of sequences.entries()) {
    forEachStep(caller, `sequences[${s}]`, sequence, { states: K, order }, (context, state) => {
      let row = seen.get(context);
      if (!row) seen.set(context, (row = new Float64Array(K)));
      row[state] = row[state]! + 1;
      steps++;
    });
  }
  if (steps === 0) throw new RangeError(`${caller}: sequences must be longer than the order, ${order}, got no step`);
  const contexts = Float64Array.from(seen.keys()).sort();
  const [counts, transition] = [zeros(contexts.length, K), zeros(contexts.length, K)];
  let [logLikelihood, entropy] = [0, 0];
  for (const [c, context] of contexts.entries()) {
    const row = seen.get(context)!;
    const total = row.reduce((sum, count) => sum + count, 0);
    if (total + smoothing === 0) {
      throw new RangeError(`${caller}: without smoothing every state must be left once, got none after ${context}`);
    }
    for (let j = 0; j < K; j++) {
      const share = (row[j]! + smoothing) / (total + K * smoothing); // (9)
      counts.set(c, j, row[j]!);
      transition.set(c, j, share);
      if (row[j]! > 0) logLikelihood += row[j]! * Math.log(share);
      if (share > 0) entropy -= total * share * Math.log(share);
    }
  }
  return {
    states: K,
    order,
    smoothing,
    contexts,
    counts,
    transition,
    steps,
    logLikelihood,
    entropyRate: entropy / steps,
  };
}

function largest(sequences: readonly ArrayLike<number>[]): number {
  let top = 0;
  for (const sequence of sequences)
    for (let t = 0; t < sequence.length; t++) top = Math.max(top, Math.floor(sequence[t]!));
  return top;
}

/** Calls back with each state that has `order` states before it, and these as one number in base K. */
function forEachStep(
  caller: string,
  name: string,
  sequence: ArrayLike<number>,
  { states, order }: { readonly states: number; readonly order: number },
  visit: (context: number, state: number, position: number) => void,
): void {
  const contexts = states ** order;
  let context = 0;
  for (let t = 0; t < sequence.length; t++) {
    const state = sequence[t]!;
    if (!(Number.isInteger(state) && state >= 0 && state < states)) {
      throw new RangeError(`${caller}: ${name}[${t}] must be an integer in [0, ${states - 1}], got ${state}`);
    }
    if (t >= order) visit(context, state, t);
    context = (context * states + state) % contexts;
  }
}

/**
 * Log-probability of a sequence under a fitted chain, the states before position `from` given.
 *
 * @param model of `fitMarkovChain`
 * @param sequence integers in [0, K)
 * @param options.from first position that counts, default the order: a larger one compares models of several orders
 * @returns nats; −Infinity if a step has probability 0, as every step after an unseen context without smoothing
 * @throws RangeError if a state or `from` is out of range
 * @example
 * chainLogLikelihood(fitMarkovChain([[0, 0, 1, 0, 1, 1, 0]]), [0, 1, 1]) // -1.504077
 */
export function chainLogLikelihood(
  model: MarkovModel,
  sequence: ArrayLike<number>,
  { from = model.order }: { readonly from?: number } = {},
): number {
  checkInteger("chainLogLikelihood", "from", from, model.order);
  let sum = 0;
  forEachStep("chainLogLikelihood", "sequence", sequence, model, (context, state, t) => {
    if (t >= from) sum += Math.log(nextLaw(model, context)[state]!);
  });
  return sum;
}

/** Law of the next state: what (9) says of a context without a row is 1/K, or nothing without smoothing. */
function nextLaw({ contexts, transition, states, smoothing }: MarkovModel, context: number): Float64Array {
  let [low, high] = [0, contexts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (contexts[middle]! < context) low = middle + 1;
    else high = middle;
  }
  if (contexts[low] === context) return transition.data.subarray(low * states, (low + 1) * states);
  return new Float64Array(states).fill(smoothing > 0 ? 1 / states : 0);
}

/**
 * A sequence drawn from a fitted chain. It ends early at a context without a successor.
 *
 * @param model of `fitMarkovChain`
 * @param length of the sequence, `start` included
 * @param options.start the first states, at least as many as the order
 * @param options.seed default 0
 * @throws RangeError if length, start or seed is out of range
 * @example
 * generateSequence(fitMarkovChain([[0, 1, 2, 0, 1]], { order: 2 }), 6, { start: [1, 2] }) // Int32Array [1, 2, 0, 1, 2, 0]
 */
export function generateSequence(
  model: MarkovModel,
  length: number,
  { start = [], seed = 0 }: { readonly start?: ArrayLike<number>; readonly seed?: number } = {},
): Int32Array {
  const caller = "generateSequence";
  checkInteger(caller, "length of start", start.length, model.order);
  checkInteger(caller, "length", length, start.length);
  forEachStep(caller, "start", start, model, () => {});
  const { categorical } = random(seed);
  const sequence = Array.from(start);
  const contexts = model.states ** model.order;
  let context = sequence.reduce((code, state) => (code * model.states + state) % contexts, 0);
  while (sequence.length < length) {
    const law = nextLaw(model, context);
    if (!law.some((share) => share > 0)) break;
    const state = categorical(law);
    sequence.push(state);
    context = (context * model.states + state) % contexts;
  }
  return Int32Array.from(sequence);
}

/** A graph by its edges. */
export interface Graph {
  /** n; nodes are 0 … n − 1 */
  readonly nodes: number;
  /** pairs of nodes; a repeated edge counts again */
  readonly edges: readonly (readonly [from: number, to: number])[];
  /** whether edges lead one way only; default true */
  readonly directed?: boolean;
}

/**
 * The walk that leaves a node by one of its edges, each as likely, or jumps to any node with probability 1 − damping.
 *
 * @param graph without an edge out of a node, the walk jumps from it
 * @param options.damping chance to follow an edge, in [0, 1]; default 1
 * @returns n×n, row i the law of the step from node i
 * @throws RangeError if there is no node, an edge leads to no node, or damping is out of range
 * @example
 * toRows(randomWalk({ nodes: 2, edges: [[0, 1]] })) // [[0, 1], [0.5, 0.5]]
 */
export function randomWalk(graph: Graph, { damping = 1 }: { readonly damping?: number } = {}): Matrix {
  checkNumber("randomWalk", "damping", damping, { min: 0, max: 1 });
  const { n, from, to, degree } = arcs("randomWalk", graph);
  const p = zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) p.data[i * n + j] = (degree[i]! > 0 ? 1 - damping : 1) / n;
  }
  for (const [e, i] of from.entries()) {
    const at = i * n + to[e]!;
    p.data[at] = p.data[at]! + damping / degree[i]!;
  }
  return p;
}

/** Edges one way each, and how many leave each node. */
function arcs(caller: string, { nodes, edges, directed = true }: Graph) {
  const n = checkInteger(caller, "nodes", nodes, 1);
  const pairs = edges.flatMap(([i, j]) =>
    directed || i === j ? [[i, j] as const] : [[i, j] as const, [j, i] as const],
  );
  for (const [i, j] of pairs) {
    checkInteger(caller, "node of an edge", i, 0, n - 1);
    checkInteger(caller, "node of an edge", j, 0, n - 1);
  }
  const [from, to] = [Int32Array.from(pairs, ([i]) => i), Int32Array.from(pairs, ([, j]) => j)];
  const degree = new Int32Array(n);
  for (const i of from) degree[i] = degree[i]! + 1;
  return { n, from, to, degree };
}

/** How `pageRank` surfs. */
export interface PageRankOptions {
  /** d, chance to follow a link, in [0, 1); default 0.85 */
  readonly damping?: number;
  /** n probabilities, or a node; default the uniform law */
  readonly start?: number | ArrayLike<number>;
}

/** PageRank between two steps. */
export interface PageRankStep {
  /** 0 is the start */
  readonly iteration: number;
  /** n probabilities */
  readonly rank: Float64Array;
  /** Σ|xᵢ − x*ᵢ| ≤ this, for the limit x*: from the last change, Infinity before there is one */
  readonly errorBound: number;
}

/**
 * Steps of power iteration for the walk of `randomWalk`, without end; n + edges operations each.
 *
 * @param graph links between pages
 * @throws RangeError if damping is out of range, start is no law; and as `randomWalk`
 * @example
 * pageRankSteps({ nodes: 2, edges: [[0, 1]] }).next().value.rank // [0.5, 0.5]
 */
export function* pageRankSteps(
  graph: Graph,
  { damping = 0.85, start }: PageRankOptions = {},
): Generator<PageRankStep, never> {
  const caller = "pageRank";
  const d = checkNumber(caller, "damping", damping, { min: 0, below: 1 });
  const { n, from, to, degree } = arcs(caller, graph);
  let rank = start === undefined ? new Float64Array(n).fill(1 / n) : checkLaw(caller, "start", start, n);
  let errorBound = Infinity;
  for (let iteration = 0; ; iteration++) {
    yield { iteration, rank: rank.slice(), errorBound };
    const stuck = rank.reduce((sum, share, i) => sum + (degree[i] === 0 ? share : 0), 0);
    const next = new Float64Array(n).fill((1 - d + d * stuck) / n); // (10)
    for (let e = 0; e < from.length; e++) {
      next[to[e]!] = next[to[e]!]! + (d * rank[from[e]!]!) / degree[from[e]!]!; // (10)
    }
    errorBound = (d / (1 - d)) * 2 * totalVariation(next, rank); // (11)
    rank = next;
  }
}

/** What `pageRank` returns. */
export interface PageRankResult {
  /** n probabilities */
  readonly rank: Float64Array;
  readonly iterations: number;
  /** whether Σ|error| is at most the tolerance */
  readonly converged: boolean;
}

/**
 * PageRank: the stationary law of a surfer who follows a link with probability `damping` and otherwise jumps anywhere. A
 * page without links is left by a jump.
 *
 * @param graph links between pages
 * @param options.tolerance of Σ|rank − limit|, guaranteed by the contraction; default 1e-10
 * @param options.maxIterations default 10,000; then `converged` is false
 * @throws RangeError if an option is out of range; and as `pageRankSteps`
 * @example
 * pageRank({ nodes: 3, edges: [[0, 2], [1, 2], [2, 0]] }).rank // [0.4635, 0.05, 0.4865]
 */
export function pageRank(
  graph: Graph,
  {
    tolerance = 1e-10,
    maxIterations = 10_000,
    ...options
  }: PageRankOptions & { readonly tolerance?: number; readonly maxIterations?: number } = {},
): PageRankResult {
  checkNumber("pageRank", "tolerance", tolerance, { above: 0 });
  checkInteger("pageRank", "maxIterations", maxIterations, 1);
  const steps = pageRankSteps(graph, options);
  for (;;) {
    const { iteration, rank, errorBound } = steps.next().value;
    const converged = errorBound <= tolerance;
    if (converged || iteration === maxIterations) return { rank, iterations: iteration, converged };
  }
}

/** Where Metropolis-Hastings may go next. */
export interface Proposal<T> {
  /** a new state, drawn with this generator; the old one must stay as it is */
  readonly draw: (state: T, random: Random) => T;
  /** log q(to | from), up to a constant; left out where q is symmetric */
  readonly logDensity?: (to: T, from: T) => number;
}

/** A step of Metropolis-Hastings. */
export interface MetropolisStep<T> {
  readonly state: T;
  /** log of the unnormalised target at the state */
  readonly logTarget: number;
  /** whether the state is the one proposed; false for the start */
  readonly accepted: boolean;
}

/**
 * Metropolis-Hastings: a chain whose stationary law is the target, known up to a factor. The start comes first.
 *
 * @param logTarget log of the target up to a constant; −Infinity where it is 0
 * @param options.proposal how to draw a candidate
 * @param options.start where the target is positive
 * @param options.seed default 0
 * @throws RangeError if logTarget is not finite at the start, is NaN or Infinity at a candidate, or the proposal's density
 *   is NaN
 * @example
 * const proposal = { draw: (x, { normal }) => x + normal() };
 * metropolisHastingsSteps((x) => -x * x / 2, { proposal, start: 3 }).next().value.logTarget // -4.5
 */
export function* metropolisHastingsSteps<T>(
  logTarget: (state: T) => number,
  { proposal, start, seed = 0 }: { readonly proposal: Proposal<T>; readonly start: T; readonly seed?: number },
): Generator<MetropolisStep<T>, never> {
  const caller = "metropolisHastingsSteps";
  const generator = random(seed);
  let state = start;
  let log = checkNumber(caller, "logTarget(start)", logTarget(start));
  yield { state, logTarget: log, accepted: false };
  for (;;) {
    const candidate = proposal.draw(state, generator);
    const its = logTarget(candidate);
    if (!(its < Infinity)) throw new RangeError(`${caller}: logTarget must be below Infinity, got ${its}`);
    const { logDensity } = proposal;
    const back = logDensity ? logDensity(state, candidate) - logDensity(candidate, state) : 0;
    if (Number.isNaN(back)) throw new RangeError(`${caller}: logDensity must be a number, got NaN`);
    const accepted = Math.log(generator.uniform()) < its - log + back; // (12), in logarithms: targets underflow
    if (accepted) [state, log] = [candidate, its];
    yield { state, logTarget: log, accepted };
  }
}

/**
 * The transition matrix of Metropolis-Hastings on finitely many states.
 *
 * @param target n positive weights, of any sum
 * @param proposal n×n, row i the law of the candidate from state i
 * @returns n×n, row i the law of the step from state i
 * @throws RangeError if a weight is not positive, or the proposal is not stochastic or has another size
 * @example
 * toRows(metropolisHastingsMatrix([1, 3], matrix([[0, 1], [1, 0]]))) // [[0, 1], [0.3333, 0.6667]]
 */
export function metropolisHastingsMatrix(target: ArrayLike<number>, proposal: Matrix): Matrix {
  const caller = "metropolisHastingsMatrix";
  const { n, rows: q } = checkStochastic(caller, proposal, "proposal");
  const weight = checkVector(caller, "target", target, n);
  for (let i = 0; i < n; i++) checkNumber(caller, `target[${i}]`, weight[i]!, { above: 0 });
  const p = zeros(n, n);
  for (let i = 0; i < n; i++) {
    let stays = q[i * n + i]!;
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const [way, back] = [q[i * n + j]!, q[j * n + i]!];
      const moves = back === 0 ? 0 : Math.min(way, back * (weight[j]! / weight[i]!)); // (12)
      p.data[i * n + j] = moves;
      stays += way - moves;
    }
    p.data[i * n + i] = stays;
  }
  return p;
}

/**
 * How many independent draws would estimate the mean as well as these: the chains are split in half, and autocorrelations
 * are added up until a pair of them is no longer positive (Geyer's initial monotone sequence).
 *
 * @param chains m ≥ 1 chains of N ≥ 8 numbers each
 * @returns at most mN·log₁₀(mN): anticorrelated chains are worth more than independent draws
 * @throws RangeError if chains are missing, too short, of different lengths, not finite, or all constant
 * @see A. Vehtari et al., "Rank-normalization, folding, and localization", Bayesian Analysis 16(2), 2021, section 3.2
 * @example
 * effectiveSampleSize([[1, 1, 2, 2, 1, 1, 2, 2]]) // 7.2247
 */
export function effectiveSampleSize(chains: readonly ArrayLike<number>[]): number {
  const { halves, length, within, pooled } = splitChains("effectiveSampleSize", chains);
  if (pooled === 0) throw new RangeError("effectiveSampleSize: chains must not be constant, got variance 0");
  const total = halves.length * length;
  const correlation = (lag: number) => {
    let covariance = 0;
    for (const half of halves) {
      for (let t = lag; t < length; t++) covariance += half[t - lag]! * half[t]!;
    }
    return 1 - (within - covariance / total) / pooled; // (13)
  };
  let tau = -1;
  let previous = Infinity;
  for (let lag = 0; lag + 1 < length; lag += 2) {
    const pair = (lag === 0 ? 1 : correlation(lag)) + correlation(lag + 1);
    if (!(pair > 0)) break;
    previous = Math.min(previous, pair); // pairs may only fall
    tau += 2 * previous; // (14)
  }
  return total / Math.max(tau, 1 / Math.log10(total));
}

/**
 * Gelman and Rubin's R̂ of the halves of the chains: about 1 where they agree, more where they do not, or still drift.
 *
 * @param chains m ≥ 1 chains of N ≥ 8 numbers each
 * @returns √(pooled/within variance); Infinity where every half is constant but not all the same
 * @throws RangeError as `effectiveSampleSize`
 * @example
 * splitRhat([[1, 2, 1, 2, 3, 4, 3, 4]]) // 2.598
 */
export function splitRhat(chains: readonly ArrayLike<number>[]): number {
  const { within, pooled } = splitChains("splitRhat", chains);
  if (pooled === 0) throw new RangeError("splitRhat: chains must not be constant, got variance 0");
  return Math.sqrt(pooled / within); // (15)
}

/**
 * Halves of the chains, each minus its mean, and the two estimates of the variance, all in units of the largest |x|, whose
 * square might overflow. Of an odd length the middle is left out.
 */
function splitChains(caller: string, chains: readonly ArrayLike<number>[]) {
  checkInteger(caller, "number of chains", chains.length, 1);
  const n = checkInteger(caller, "length of a chain", chains[0]!.length, 8);
  const length = n >> 1;
  const whole = chains.map((chain, c) => checkVector(caller, `chains[${c}]`, chain, n));
  const unit = Math.max(...whole.map((x) => x.reduce((top, value) => Math.max(top, Math.abs(value)), 0))) || 1;
  const parts = whole
    .flatMap((x) => [x.slice(0, length), x.slice(n - length)])
    .map((half) => half.map((v) => v / unit));
  const means = Float64Array.from(parts, mean);
  const halves = parts.map((half, h) => half.map((value) => value - means[h]!));
  const squares = halves.reduce((sum, half) => half.reduce((s, value) => s + value * value, sum), 0);
  const within = squares / (halves.length * (length - 1));
  const centre = mean(means);
  const between = means.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (means.length - 1);
  return { halves, length, within, pooled: ((length - 1) / length) * within + between };
}

/** Counted from the first number, so that the mean of equal numbers is that number. */
function mean(x: Float64Array): number {
  return x[0]! + x.reduce((sum, value) => sum + (value - x[0]!), 0) / x.length;
}

/** Rows that are probability laws: size and row-major entries. */
function checkStochastic(caller: string, p: Matrix, name = "p"): { readonly n: number; readonly rows: Float64Array } {
  const n = checkSquare(caller, name, p);
  const rows = rowMajor(p);
  for (let i = 0; i < n; i++) checkShares(caller, `row ${i} of ${name}`, rows.subarray(i * n, (i + 1) * n));
  return { n, rows };
}

/** A law over n states, copied; a number is the state where all of it is. */
function checkLaw(caller: string, name: string, law: number | ArrayLike<number>, n: number): Float64Array {
  if (typeof law === "number") {
    const all = new Float64Array(n);
    all[checkInteger(caller, name, law, 0, n - 1)] = 1;
    return all;
  }
  const shares = checkVector(caller, name, law, n);
  checkShares(caller, name, shares);
  return shares;
}

function checkShares(caller: string, name: string, shares: Float64Array): void {
  let sum = 0;
  for (let j = 0; j < shares.length; j++) {
    if (!(shares[j]! >= 0)) throw new RangeError(`${caller}: ${name} must not be negative, got ${shares[j]} at ${j}`);
    sum += shares[j]!;
  }
  if (!(Math.abs(sum - 1) <= 1e-9)) throw new RangeError(`${caller}: ${name} must sum to 1, got ${sum}`);
}
