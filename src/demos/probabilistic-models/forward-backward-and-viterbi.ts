/**
 * Inference on chains of hidden states by dynamic programming: the probability of the observations, the posterior of each
 * state, the most probable paths, paths drawn at random; one recursion, written scaled for speed, in logarithms for what
 * scaling would lose, and over any semiring.
 *
 * Follows L. Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition", Proceedings of the
 * IEEE 77(2), 1989. https://doi.org/10.1109/5.18626
 * Follows J. Goodman, "Semiring parsing", Computational Linguistics 25(4), 1999. https://aclanthology.org/J99-4004/
 * But:
 * - Nothing is learned here: the model is given.
 * - Transitions are dense and the same at every step: T·K² operations, and T·K numbers are kept (no checkpoints).
 */
import { checkInteger, checkMatrix, checkSquare, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { logSumExp } from "../training-fundamentals/cross-entropy-and-softmax.js";

/** A Markov chain of K states that are not seen. */
export interface HiddenChain {
  /** K probabilities of the first state */
  readonly start: ArrayLike<number>;
  /** K×K, row i the law of the step from state i */
  readonly transition: Matrix;
  /** K×M, row i the law of the symbol seen in state i; left out where observations are given by their densities */
  readonly emission?: Matrix;
}

/** T symbols in [0, M); or a T×K matrix of log bᵢ(xₜ), the log-density of observation t in state i, −Infinity allowed. */
export type Observations = ArrayLike<number> | Matrix;

/** What `forward` returns. */
export interface Forward {
  /** T×K, the filter: P(state at t | x₀ … xₜ) */
  readonly alpha: Matrix;
  /** log P(xₜ | x₀ … xₜ₋₁), natural, T of them */
  readonly logScales: Float64Array;
  /** log P(x), their sum */
  readonly logLikelihood: number;
}

/**
 * The forward pass: filtered states and the probability of the observations, rescaled at each step; in logarithms, a few
 * times slower, if a state would fall below 1e-300, because later observations may still be possible through it alone.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @returns O(T·K²) operations
 * @throws ZeroLikelihoodError if x is impossible; `position` is the first t that makes it so
 * @throws RangeError if probabilities are negative or do not sum to 1 within 1e-9, sizes differ, a symbol is out of range,
 *   x is empty, or a log-density is NaN or Infinity
 * @throws TypeError if a matrix is not one of float64
 * @example
 * const transition = matrix([[0.7, 0.3], [0.4, 0.6]]);
 * const emission = matrix([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]]);
 * Math.exp(forward({ start: [0.6, 0.4], transition, emission }, [0, 1, 2]).logLikelihood) // 0.03628
 */
export function forward(model: HiddenChain, x: Observations): Forward {
  const { alpha, logScales, logLikelihood } = forwardPass("forward", readChain("forward", model, x));
  return { alpha, logScales, logLikelihood };
}

/** Weights of a chain of T observations and K states: K of the first state, K×K of the steps, T×K of the observations. */
interface Weights {
  readonly T: number;
  readonly K: number;
  readonly start: Float64Array;
  readonly step: Float64Array;
  readonly logStart: Float64Array;
  readonly logStep: Float64Array;
  readonly logB: Float64Array;
}

/** The filter; where it holds numbers that float64 cannot, `logAlpha` has their logarithms. */
interface Filter extends Forward {
  readonly logAlpha?: Float64Array;
}

function forwardPass(caller: string, weights: Weights): Filter {
  return scaledForward(caller, weights) ?? logForward(caller, weights);
}

/** (1) to (4), unless numbers come so near to 5e-324 that the next step may lose them. */
function scaledForward(caller: string, { T, K, start, step, logStep, logB }: Weights): Filter | undefined {
  const alpha = new Float64Array(T * K);
  const logScales = new Float64Array(T);
  const least = step.reduce((low, weight, at) => (logStep[at]! > -Infinity ? Math.min(low, weight) : low), 1);
  let predicted = start;
  for (let t = 0; t < T; t++) {
    if (t > 0) predicted = advanced(alpha.subarray((t - 1) * K, t * K), step, K); // (2)
    // Only states that can be reached have a say in the shift: a density may be 1e300 times larger elsewhere.
    let shift = -Infinity;
    for (let i = 0; i < K; i++) if (predicted[i]! > 0) shift = Math.max(shift, logB[t * K + i]!);
    if (shift === -Infinity) throw impossible(caller, t);
    let c = 0;
    for (let i = 0; i < K; i++) {
      const joint = predicted[i]! > 0 ? predicted[i]! * Math.exp(logB[t * K + i]! - shift) : 0; // (1), (2)
      if (predicted[i]! > 0 && logB[t * K + i]! > -Infinity && !(joint * least > 1e-300)) return undefined;
      alpha[t * K + i] = joint;
      c += joint;
    }
    for (let i = 0; i < K; i++) alpha[t * K + i] = alpha[t * K + i]! / c; // (3)
    logScales[t] = shift + Math.log(c);
  }
  return { alpha: matrixOver(alpha, T, K), logScales, logLikelihood: total(logScales) }; // (4)
}

/** The same in logarithms: nothing is lost, at K² exponentials per step. */
function logForward(caller: string, { T, K, logStart, logStep, logB }: Weights): Filter {
  const logAlpha = new Float64Array(T * K);
  const logScales = new Float64Array(T);
  const terms = new Float64Array(K);
  for (let t = 0; t < T; t++) {
    const now = logAlpha.subarray(t * K, (t + 1) * K);
    for (let j = 0; j < K; j++) {
      if (t > 0) fillTerms(logAlpha, t - 1, logStep, j, terms);
      const predicted = t === 0 ? logStart[j]! : logSumExp(terms);
      now[j] = predicted + logB[t * K + j]!; // (1), (2)
    }
    const c = logSumExp(now);
    if (c === -Infinity) throw impossible(caller, t);
    for (let j = 0; j < K; j++) now[j] = now[j]! - c; // (3)
    logScales[t] = c;
  }
  return { alpha: matrixOver(logAlpha.map(Math.exp), T, K), logAlpha, logScales, logLikelihood: total(logScales) }; // (4)
}

/** log α̂ₜ(i) + log aᵢⱼ of all i: the terms of (2), and the weights of (10). */
function fillTerms(logAlpha: Float64Array, t: number, logStep: Float64Array, j: number, terms: Float64Array): void {
  const K = terms.length;
  for (let i = 0; i < K; i++) terms[i] = logAlpha[t * K + i]! + logStep[i * K + j]!;
}

/** The sum, with the part that rounding cuts off carried along (Kahan): there may be 10⁵ terms. */
function total(terms: Float64Array): number {
  let [sum, lost] = [0, 0];
  for (const term of terms) {
    const next = sum + (term - lost);
    lost = next - sum - (term - lost);
    sum = next;
  }
  return sum;
}

/** μA. */
function advanced(mu: Float64Array, a: Float64Array, K: number): Float64Array {
  const next = new Float64Array(K);
  for (let i = 0; i < K; i++) {
    if (mu[i] === 0) continue;
    for (let j = 0; j < K; j++) next[j] = next[j]! + mu[i]! * a[i * K + j]!;
  }
  return next;
}

/**
 * The backward pass: how much more probable the rest of the observations is from state i at t than it is given the past.
 *
 * @param model of K states
 * @param x T observations
 * @param logScales of `forward` for the same model and x
 * @returns T×K, P(xₜ₊₁ … | state i at t) / P(xₜ₊₁ … | x₀ … xₜ), so that Σᵢ alpha·beta = 1 in each row; the last row is 1.
 *   No probabilities: they need not sum to 1. Where alpha is 0, or too small for float64, they are capped at 1.8e308
 * @throws RangeError if logScales has not T finite numbers; and as `forward`, except ZeroLikelihoodError
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[1, 0], [0, 1]]), emission: matrix([[0.9, 0.1], [0.3, 0.7]]) };
 * toRows(backward(chain, [0, 0], forward(chain, [0, 0]).logScales)) // [[1.2, 0.4], [1, 1]]
 */
export function backward(model: HiddenChain, x: Observations, logScales: ArrayLike<number>): Matrix {
  const weights = readChain("backward", model, x);
  return scaledBackward(weights, checkVector("backward", "logScales", logScales, weights.T));
}

function scaledBackward(weights: Weights, logScales: Float64Array): Matrix {
  const { T, K, step } = weights;
  const beta = new Float64Array(T * K).fill(1);
  const ahead = new Float64Array(K);
  for (let t = T - 2; t >= 0; t--) {
    surprises(weights, logScales, beta, t + 1, ahead);
    for (let i = 0; i < K; i++) {
      let sum = 0;
      for (let j = 0; j < K; j++) sum += step[i * K + j]! * ahead[j]!; // (5)
      beta[t * K + i] = Math.min(sum, Number.MAX_VALUE);
    }
  }
  return matrixOver(beta, T, K);
}

/** bⱼ(xₜ)·βₜ(j) over the scale of t. Where the past excludes j this may overflow; capped, it still times 0 gives 0. */
function surprises(
  { K, logB }: Weights,
  logScales: Float64Array,
  beta: Float64Array,
  t: number,
  ahead: Float64Array,
): void {
  for (let j = 0; j < K; j++) {
    const ratio = Math.min(Math.exp(logB[t * K + j]! - logScales[t]!), Number.MAX_VALUE);
    ahead[j] = Math.min(ratio * beta[t * K + j]!, Number.MAX_VALUE);
  }
}

/** What `forwardBackward` returns. */
export interface Posteriors {
  /** T×K, the smoother: P(state i at t | x) */
  readonly gamma: Matrix;
  /** K×K, expected number of steps i → j given x, Σₜ P(i at t, j at t+1 | x) */
  readonly xi: Matrix;
  /** the terms of that sum, T − 1 matrices K×K; only with the option `steps` */
  readonly xiSteps?: readonly Matrix[];
  /** log P(x), natural */
  readonly logLikelihood: number;
}

/**
 * Posteriors of states and of steps given all observations.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @param options.steps whether to keep the posterior of each step, T·K² numbers; default false
 * @throws as `forward`
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[1, 0], [0, 1]]), emission: matrix([[0.9, 0.1], [0.3, 0.7]]) };
 * toRows(forwardBackward(chain, [0, 0]).gamma) // [[0.9, 0.1], [0.9, 0.1]]
 */
export function forwardBackward(
  model: HiddenChain,
  x: Observations,
  { steps = false }: { readonly steps?: boolean } = {},
): Posteriors {
  return posteriors(readChain("forwardBackward", model, x), "forwardBackward", steps);
}

function posteriors(weights: Weights, caller: string, keep: boolean): Posteriors {
  const { T, K } = weights;
  const filter = forwardPass(caller, weights);
  const { gamma, fillStep } = filter.logAlpha ? logPosteriors(weights, filter) : scaledPosteriors(weights, filter);
  const xi = zeros(K, K);
  const xiSteps: Matrix[] = [];
  const shares = new Float64Array(K * K);
  for (let t = 1; t < T; t++) {
    fillStep(t, shares);
    for (let at = 0; at < K * K; at++) xi.data[at] = xi.data[at]! + shares[at]!; // (7)
    if (keep) xiSteps.push(matrixOver(shares.slice(), K, K));
  }
  return { gamma: matrixOver(gamma, T, K), xi, ...(keep ? { xiSteps } : {}), logLikelihood: filter.logLikelihood };
}

/** (6), and the terms of (7): the posterior of each step into t. */
function scaledPosteriors(weights: Weights, { alpha, logScales }: Filter) {
  const { K, step } = weights;
  const beta = scaledBackward(weights, logScales).data;
  const ahead = new Float64Array(K);
  const fillStep = (t: number, shares: Float64Array): void => {
    surprises(weights, logScales, beta, t, ahead);
    for (let i = 0; i < K; i++) {
      const here = alpha.data[(t - 1) * K + i]!;
      for (let j = 0; j < K; j++) shares[i * K + j] = here * step[i * K + j]! * ahead[j]!;
    }
  };
  return { gamma: alpha.data.map((share, at) => share * beta[at]!), fillStep };
}

/** The same in logarithms, with (5). */
function logPosteriors({ T, K, logStep, logB }: Weights, { logAlpha, logScales }: Filter) {
  const logBeta = new Float64Array(T * K);
  const ahead = new Float64Array(K);
  const fillAhead = (t: number, i: number): void => {
    for (let j = 0; j < K; j++) {
      ahead[j] = logStep[i * K + j]! + logB[t * K + j]! - logScales[t]! + logBeta[t * K + j]!;
    }
  };
  for (let t = T - 2; t >= 0; t--) {
    for (let i = 0; i < K; i++) {
      fillAhead(t + 1, i);
      logBeta[t * K + i] = logSumExp(ahead); // (5)
    }
  }
  const fillStep = (t: number, shares: Float64Array): void => {
    for (let i = 0; i < K; i++) {
      fillAhead(t, i);
      for (let j = 0; j < K; j++) shares[i * K + j] = Math.exp(logAlpha![(t - 1) * K + i]! + ahead[j]!);
    }
  };
  return { gamma: logBeta.map((log, at) => Math.exp(logAlpha![at]! + log)), fillStep };
}

/** What `viterbi` returns. */
export interface BestPath {
  /** T states */
  readonly path: Int32Array;
  /** log P(path, x), natural */
  readonly logProbability: number;
}

/**
 * The most probable path of states given the observations.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @returns of equally good states the lowest, from the end backwards; O(T·K²) operations
 * @throws as `forward`
 * @see A. Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm", 1967
 * @example
 * const transition = matrix([[0.7, 0.3], [0.4, 0.6]]);
 * const emission = matrix([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]]);
 * viterbi({ start: [0.6, 0.4], transition, emission }, [0, 1, 2]).path // Int32Array [0, 0, 1]
 */
export function viterbi(model: HiddenChain, x: Observations): BestPath {
  const steps = Array.from(viterbiSteps(model, x));
  const { scores } = steps.at(-1)!;
  const path = new Int32Array(steps.length);
  let state = argmax(scores);
  const logProbability = scores[state]!;
  for (let t = steps.length - 1; t >= 0; t--) {
    path[t] = state;
    state = steps[t]!.backPointers[state]!; // (9)
  }
  return { path, logProbability };
}

/** Viterbi's table at one observation. */
export interface ViterbiStep {
  readonly t: number;
  /** K log-probabilities of the best path that ends in each state, with x₀ … xₜ */
  readonly scores: Float64Array;
  /** the state before on that path, −1 at t = 0 or where there is none */
  readonly backPointers: Int32Array;
}

/**
 * Viterbi's recursion, one observation after the other. Only logarithms are needed: a maximum of sums does not underflow.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @throws as `forward`
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[1, 0], [0, 1]]), emission: matrix([[0.9, 0.1], [0.3, 0.7]]) };
 * Array.from(viterbiSteps(chain, [0, 0]), ({ backPointers }) => backPointers[1]) // [-1, 1]
 */
export function* viterbiSteps(model: HiddenChain, x: Observations): Generator<ViterbiStep, void> {
  const { T, K, logStart, logStep, logB } = readChain("viterbi", model, x);
  let before = logStart;
  for (let t = 0; t < T; t++) {
    const scores = new Float64Array(K);
    const backPointers = new Int32Array(K).fill(-1);
    for (let j = 0; j < K; j++) {
      let best = t === 0 ? logStart[j]! : -Infinity;
      for (let i = 0; t > 0 && i < K; i++) {
        const score = before[i]! + logStep[i * K + j]!; // (8)
        if (score > best) [best, backPointers[j]] = [score, i];
      }
      scores[j] = best + logB[t * K + j]!; // (8)
    }
    if (scores.every((score) => score === -Infinity)) throw impossible("viterbi", t);
    before = scores;
    yield { t, scores: scores.slice(), backPointers };
  }
}

function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** What `posteriorDecode` returns. */
export interface PosteriorPath {
  /** the most probable state at each t; of equals the lowest */
  readonly path: Int32Array;
  /** expected number of positions at which it is right, Σₜ maxᵢ gamma */
  readonly expectedCorrect: number;
  /** log P(path, x); −Infinity if the path, put together from single states, is impossible */
  readonly logProbability: number;
}

/**
 * The most probable state at each position: as many right states as possible on average, whatever path they make.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @throws as `forward`
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[1, 0], [0, 1]]), emission: matrix([[0.9, 0.1], [0.3, 0.7]]) };
 * posteriorDecode(chain, [0, 1]).path // Int32Array [1, 1]
 */
export function posteriorDecode(model: HiddenChain, x: Observations): PosteriorPath {
  const weights = readChain("posteriorDecode", model, x);
  const { T, K } = weights;
  const { gamma } = posteriors(weights, "posteriorDecode", false);
  const path = Int32Array.from({ length: T }, (_, t) => argmax(gamma.data.subarray(t * K, (t + 1) * K)));
  const expectedCorrect = path.reduce((sum, state, t) => sum + gamma.data[t * K + state]!, 0);
  return { path, expectedCorrect, logProbability: jointLog(weights, path) };
}

/**
 * log P(path, x) of a given path of states.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @param path T states in [0, K)
 * @returns natural; −Infinity for an impossible path
 * @throws RangeError if path has not T states, or one is out of range; and as `forward`, except ZeroLikelihoodError
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[1, 0], [0, 1]]), emission: matrix([[0.9, 0.1], [0.3, 0.7]]) };
 * pathLogProbability(chain, [0, 1], [0, 1]) // -Infinity
 */
export function pathLogProbability(model: HiddenChain, x: Observations, path: ArrayLike<number>): number {
  const caller = "pathLogProbability";
  const weights = readChain(caller, model, x);
  const states = checkVector(caller, "path", path, weights.T);
  states.forEach((state, t) => void checkInteger(caller, `path[${t}]`, state, 0, weights.K - 1));
  return jointLog(weights, states);
}

function jointLog({ K, logStart, logStep, logB }: Weights, path: ArrayLike<number>): number {
  let sum = logStart[path[0]!]!;
  for (let t = 0; t < path.length; t++) {
    sum += logB[t * K + path[t]!]!;
    if (t > 0) sum += logStep[path[t - 1]! * K + path[t]!]!;
  }
  return sum;
}

/**
 * Paths of states drawn from their posterior: filter forwards, then draw backwards from the last state on.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @param options.samples number of paths, default 1
 * @param options.seed default 0
 * @returns paths of T states, independent of each other
 * @throws RangeError if samples or seed is out of range; and as `forward`
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[0, 1], [1, 0]]), emission: matrix([[1, 0], [0, 1]]) };
 * sampleStatePaths(chain, [0, 1, 0])[0] // Int32Array [0, 1, 0]
 */
export function sampleStatePaths(
  model: HiddenChain,
  x: Observations,
  { samples = 1, seed = 0 }: { readonly samples?: number; readonly seed?: number } = {},
): Int32Array[] {
  checkInteger("sampleStatePaths", "samples", samples, 1);
  const weights = readChain("sampleStatePaths", model, x);
  const { T, K, logStep } = weights;
  const { alpha, logAlpha = alpha.data.map(Math.log) } = forwardPass("sampleStatePaths", weights);
  const { categorical } = random(seed);
  const terms = new Float64Array(K);
  return Array.from({ length: samples }, () => {
    const path = new Int32Array(T);
    path[T - 1] = categorical(alpha.data.subarray((T - 1) * K));
    for (let t = T - 2; t >= 0; t--) {
      fillTerms(logAlpha, t, logStep, path[t + 1]!, terms);
      const top = Math.max(...terms);
      path[t] = categorical(terms.map((term) => Math.exp(term - top))); // (10)
    }
    return path;
  });
}

/** Log-potentials of a chain of T positions with K states each; −Infinity forbids. */
export interface ChainPotentials {
  /** T×K, of each state at each position */
  readonly unary: Matrix;
  /** K×K, of state i followed by state j */
  readonly pairwise: Matrix;
}

/** How the recursion combines values of type W: `plus` over alternatives, `times` along a path. */
export interface Semiring<W> {
  /** value of a state at a position */
  readonly unary: (logPotential: number, state: number) => W;
  /** value of a step */
  readonly pairwise: (logPotential: number) => W;
  /** over one or more alternatives */
  readonly plus: (alternatives: readonly W[]) => W;
  /** a path and what is put at its end; distributes over plus */
  readonly times: (path: W, end: W) => W;
}

/**
 * The recursion of all these algorithms: for each state the sum over the paths that end there, over any semiring.
 *
 * @param potentials of T positions with K states
 * @param semiring `sumProduct`, `maxPlus`, `counting`, `kBest(k)`, or one of your own
 * @returns the sum over all paths; (T − 1)(K² + K) calls of `times`
 * @throws RangeError if potentials are NaN or Infinity, or sizes differ
 * @throws TypeError if a potential is not a matrix of float64
 * @example
 * const free = { unary: matrix([[0, 0], [0, 0], [0, 0]]), pairwise: matrix([[0, 0], [-Infinity, 0]]) };
 * chainDynamicProgram(free, counting) // 4
 */
export function chainDynamicProgram<W>({ unary, pairwise }: ChainPotentials, semiring: Semiring<W>): W {
  const { T, K, states, steps } = readPotentials("chainDynamicProgram", unary, pairwise);
  const { plus, times } = semiring;
  const value = (t: number, j: number) => semiring.unary(states[t * K + j]!, j);
  let ending = Array.from({ length: K }, (_, j) => value(0, j));
  for (let t = 1; t < T; t++) {
    ending = Array.from({ length: K }, (_, j) => {
      const ways = ending.map((path, i) => times(path, semiring.pairwise(steps[i * K + j]!)));
      return times(plus(ways), value(t, j)); // (11)
    });
  }
  return plus(ending); // (11)
}

/** Log of the sum over paths of the product of potentials: the forward pass. */
export const sumProduct: Semiring<number> = {
  unary: (log) => log,
  pairwise: (log) => log,
  plus: logSumExp,
  times: (path, end) => path + end,
};

/** Log-potential of the best path: Viterbi's score. */
export const maxPlus: Semiring<number> = { ...sumProduct, plus: (alternatives) => Math.max(...alternatives) };

/** Number of paths that are not forbidden; exact up to 2⁵³. */
export const counting: Semiring<number> = {
  unary: (log) => Number(log > -Infinity),
  pairwise: (log) => Number(log > -Infinity),
  plus: (alternatives) => alternatives.reduce((sum, count) => sum + count),
  times: (path, end) => path * end,
};

/** A path as a list from its end, with its log-potential. */
export interface RankedPath {
  readonly score: number;
  /** last state; undefined for a step without state */
  readonly state: number | undefined;
  readonly before: RankedPath | undefined;
}

/**
 * The k best paths, as lists that share their beginnings, best first.
 *
 * @param k at least 1
 * @returns a semiring whose values are up to k paths; forbidden ones are left out; of equals those of lower states come first
 * @throws RangeError if k is not a positive integer
 * @example
 * const free = { unary: matrix([[0, -1], [0, -3]]), pairwise: matrix([[0, 0], [0, 0]]) };
 * chainDynamicProgram(free, kBest(2)).map(({ score }) => score) // [0, -1]
 */
export function kBest(k: number): Semiring<readonly RankedPath[]> {
  checkInteger("kBest", "k", k, 1);
  const one = (score: number, state?: number): RankedPath[] =>
    score > -Infinity ? [{ score, state, before: undefined }] : [];
  return {
    unary: one,
    pairwise: (score) => one(score),
    plus: (alternatives) =>
      alternatives
        .flat()
        .sort((a, b) => b.score - a.score)
        .slice(0, k),
    times: (paths, [end]) =>
      end === undefined ? [] : paths.map((before) => ({ score: before.score + end.score, state: end.state, before })),
  };
}

/**
 * The k most probable paths of states given the observations, best first.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @param k at least 1
 * @returns fewer than k where there are fewer possible paths; none if x is impossible. O(T·K²·k) numbers
 * @throws RangeError if k is not a positive integer; and as `forward`, except ZeroLikelihoodError
 * @example
 * const transition = matrix([[0.7, 0.3], [0.4, 0.6]]);
 * const emission = matrix([[0.5, 0.4, 0.1], [0.1, 0.3, 0.6]]);
 * kBestPaths({ start: [0.6, 0.4], transition, emission }, [0, 1, 2], 2).map((best) => Math.exp(best.logProbability)) // [0.01512, 0.00972]
 */
export function kBestPaths(model: HiddenChain, x: Observations, k: number): BestPath[] {
  const semiring = kBest(k);
  return chainDynamicProgram(chainPotentials(model, x), semiring).map((last) => {
    const states: number[] = [];
    for (let end: RankedPath | undefined = last; end; end = end.before)
      if (end.state !== undefined) states.push(end.state);
    return { path: Int32Array.from(states.reverse()), logProbability: last.score };
  });
}

/**
 * A hidden chain and its observations as log-potentials.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @throws as `forward`, except ZeroLikelihoodError
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[0, 1], [1, 0]]), emission: matrix([[1, 0], [0, 1]]) };
 * chainDynamicProgram(chainPotentials(chain, [0, 1]), sumProduct) // -0.693147
 */
export function chainPotentials(model: HiddenChain, x: Observations): ChainPotentials {
  const { T, K, logStart, logStep, logB } = readChain("chainPotentials", model, x);
  const unary = matrixOver(logB.slice(), T, K);
  for (let i = 0; i < K; i++) unary.data[i] = unary.data[i]! + logStart[i]!;
  return { unary, pairwise: matrixOver(logStep, K, K) };
}

/** What `crfLogPartition` returns. */
export interface CrfPartition {
  /** log Z, the logarithm of the sum over all Kᵀ paths of exp(score) */
  readonly logPartition: number;
  /** ∂ log Z / ∂ unary, T×K: the marginals of the states */
  readonly unaryGradient: Matrix;
  /** ∂ log Z / ∂ pairwise, K×K: expected numbers of steps */
  readonly pairwiseGradient: Matrix;
}

/**
 * Normaliser of a linear-chain conditional random field, with its gradient: the same two passes over scores that need not be
 * probabilities.
 *
 * @param unary T×K scores of the states; −Infinity forbids
 * @param pairwise K×K scores of the steps; −Infinity forbids
 * @throws ZeroLikelihoodError if every path is forbidden; RangeError, TypeError as `chainDynamicProgram`
 * @see J. Lafferty, A. McCallum, F. Pereira, "Conditional random fields", ICML 2001
 * @example
 * crfLogPartition(matrix([[0, 0], [0, 0]]), matrix([[0, 0], [0, 0]])).logPartition // 1.386294
 */
export function crfLogPartition(unary: Matrix, pairwise: Matrix): CrfPartition {
  const { T, K, states, steps } = readPotentials("crfLogPartition", unary, pairwise);
  const top = steps.reduce((largest, score) => Math.max(largest, score), -Infinity);
  const shift = top > -Infinity ? top : 0;
  const weights = {
    T,
    K,
    start: new Float64Array(K).fill(1),
    step: steps.map((score) => Math.exp(score - shift)),
    logStart: new Float64Array(K),
    logStep: steps.map((score) => score - shift),
    logB: states,
  };
  const { gamma, xi, logLikelihood } = posteriors(weights, "crfLogPartition", false);
  return { logPartition: logLikelihood + (T - 1) * shift, unaryGradient: gamma, pairwiseGradient: xi };
}

/** The two passes as the textbook has them. */
export interface UnscaledPasses {
  /** T×K, P(x₀ … xₜ, state at t) */
  readonly alpha: Matrix;
  /** T×K, P(xₜ₊₁ … | state at t) */
  readonly beta: Matrix;
  /** P(x); 0 once it is below 5e-324 */
  readonly likelihood: number;
}

/**
 * Forward and backward passes without scaling, for the experiment that breaks them: all is 0 after some hundred observations.
 *
 * @param model of K states
 * @param x T ≥ 1 observations
 * @throws as `forward`, except ZeroLikelihoodError
 * @example
 * const chain = { start: [0.5, 0.5], transition: matrix([[1, 0], [0, 1]]), emission: matrix([[0.9, 0.1], [0.3, 0.7]]) };
 * unscaledForwardBackward(chain, [0, 0]).likelihood // 0.45
 */
export function unscaledForwardBackward(model: HiddenChain, x: Observations): UnscaledPasses {
  const { T, K, start, step, logB } = readChain("unscaledForwardBackward", model, x);
  const b = logB.map(Math.exp);
  const [alpha, beta] = [zeros(T, K), matrixOver(new Float64Array(T * K).fill(1), T, K)];
  let predicted = start;
  for (let t = 0; t < T; t++) {
    alpha.data.set(
      predicted.map((share, i) => share * b[t * K + i]!), // (1), (2)
      t * K,
    );
    predicted = advanced(alpha.data.subarray(t * K, (t + 1) * K), step, K);
  }
  for (let t = T - 2; t >= 0; t--) {
    for (let i = 0; i < K; i++) {
      let sum = 0;
      for (let j = 0; j < K; j++) sum += step[i * K + j]! * b[(t + 1) * K + j]! * beta.data[(t + 1) * K + j]!; // (5), unscaled
      beta.data[t * K + i] = sum;
    }
  }
  return { alpha, beta, likelihood: total(alpha.data.subarray((T - 1) * K)) };
}

/** The observations have probability 0 under the model; `position` is the first that makes it so. */
export class ZeroLikelihoodError extends Error {
  override readonly name = "ZeroLikelihoodError";
  readonly position: number;
  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

function impossible(caller: string, t: number): ZeroLikelihoodError {
  return new ZeroLikelihoodError(`${caller}: x must be possible, got probability 0 at position ${t}`, t);
}

/** Model and observations, checked, as weights. */
function readChain(caller: string, { start, transition, emission }: HiddenChain, x: Observations): Weights {
  const K = checkSquare(caller, "transition", transition);
  const first = checkVector(caller, "start", start, K);
  checkShares(caller, "start", first);
  const step = checkRows(caller, "transition", transition);
  const chain = { K, start: first, step, logStart: first.map(Math.log), logStep: step.map(Math.log) };
  if (isMatrix(x)) {
    const { rows: T, entries: logB } = readLogs(caller, "x", x, K);
    return { ...chain, T, logB };
  }
  if (emission === undefined) throw new RangeError(`${caller}: emission must be given for symbols, got undefined`);
  const [rows, M] = checkMatrix(caller, "emission", emission);
  if (rows !== K) throw new RangeError(`${caller}: emission must have ${K} rows like transition, got ${rows}`);
  const logEmission = checkRows(caller, "emission", emission).map(Math.log);
  const T = checkInteger(caller, "length of x", x.length, 1);
  const logB = new Float64Array(T * K);
  for (let t = 0; t < T; t++) {
    const symbol = checkInteger(caller, `x[${t}]`, x[t]!, 0, M - 1);
    for (let i = 0; i < K; i++) logB[t * K + i] = logEmission[i * M + symbol]!;
  }
  return { ...chain, T, logB };
}

function readPotentials(caller: string, unary: Matrix, pairwise: Matrix) {
  const { columns: K, entries: steps, rows } = readLogs(caller, "pairwise", pairwise);
  if (rows !== K) throw new RangeError(`${caller}: pairwise must be square, got ${rows}×${K}`);
  const { rows: T, entries: states } = readLogs(caller, "unary", unary, K);
  return { T, K, states, steps };
}

function isMatrix(x: Observations): x is Matrix {
  return typeof x === "object" && x !== null && "shape" in x;
}

/** A matrix of logarithms: below Infinity, −Infinity allowed. */
function readLogs(caller: string, name: string, a: Matrix, K?: number) {
  if (!(a?.data instanceof Float64Array && a.shape.length === 2)) {
    throw new TypeError(`${caller}: ${name} must be a rank-2 ndarray of Float64Array`);
  }
  const [rows, columns] = a.shape as [number, number];
  if (!(rows >= 1 && columns >= 1 && (K === undefined || columns === K))) {
    const wanted = K === undefined ? "one column" : `${K} columns`;
    throw new RangeError(`${caller}: ${name} must have at least one row and ${wanted}, got ${rows}×${columns}`);
  }
  const entries = rowMajor(a);
  const bad = entries.findIndex((value) => !(value < Infinity));
  if (bad >= 0) {
    const at = `(${Math.floor(bad / columns)}, ${bad % columns})`;
    throw new RangeError(`${caller}: ${name} must be below Infinity, got ${entries[bad]} at ${at}`);
  }
  return { rows, columns, entries };
}

/** The entries of a matrix whose rows are laws. */
function checkRows(caller: string, name: string, a: Matrix): Float64Array {
  const entries = rowMajor(a);
  const [m, n] = a.shape as [number, number];
  for (let i = 0; i < m; i++) checkShares(caller, `row ${i} of ${name}`, entries.subarray(i * n, (i + 1) * n));
  return entries;
}

function checkShares(caller: string, name: string, shares: Float64Array): void {
  let sum = 0;
  for (let j = 0; j < shares.length; j++) {
    if (!(shares[j]! >= 0)) throw new RangeError(`${caller}: ${name} must not be negative, got ${shares[j]} at ${j}`);
    sum += shares[j]!;
  }
  if (!(Math.abs(sum - 1) <= 1e-9)) throw new RangeError(`${caller}: ${name} must sum to 1, got ${sum}`);
}
