/**
 * Q-learning: move Q(s, a) toward r + γ max Q(s′, ·), whatever policy produced the step; with SARSA, expected SARSA and double
 * Q-learning, which differ in that target only; and DQN, which moves a network instead of a table.
 *
 * Follows Watkins, Dayan, "Q-learning", 1992. https://doi.org/10.1007/BF00992698
 * Follows van Hasselt, "Double Q-learning", 2010.
 * https://papers.nips.cc/paper/2010/hash/091d584fced301b442654dd8c23b3fc9-Abstract.html
 * Follows Mnih and others, "Human-level control through deep reinforcement learning", 2015.
 * https://doi.org/10.1038/nature14236
 * Follows Sutton, Barto, "Reinforcement Learning: An Introduction", 2nd edition, 2018, chapters 6, 7 and 11.
 * But:
 * - The next action is chosen before the update, by all four algorithms alike, so that SARSA's target can hold it.
 * - DQN has one hidden layer, reads numbers instead of pictures, and takes Adam's steps, of shortened gradients, instead of RMSProp's.
 */
import { type Linear, linear, uniform } from "../../autodiff/layers.js";
import { clip, mean, mul, relu, sub, takeAlongLast, tanh } from "../../autodiff/ops.js";
import { type Optimizer, type TrainStep, trainSteps } from "../../autodiff/train.js";
import { checkChoice, checkInteger, checkNumber } from "../../lib/check.js";
import { expectedTarget, policyEvaluation } from "../../lib/dynamic-programming.js";
import { type Environment, TabularEnvironment, type TabularMdp } from "../../lib/environments.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";
import { mapTree, noGrad, type Tensor, tensor } from "../deep-learning-foundations/backpropagation.js";
import { AdamW } from "../training-fundamentals/adam-and-adamw.js";

/** What the target takes from the next state. */
export type ControlAlgorithm = "q-learning" | "sarsa" | "expected-sarsa" | "double-q-learning";

/** How an agent learns. */
export interface QLearningOptions {
  /** default 'q-learning' */
  readonly algorithm?: ControlAlgorithm;
  /** step size in (0, 1], or a function of the number of visits of the pair, this one included; default 0.1 */
  readonly alpha?: number | ((visits: number) => number);
  /** γ in [0, 1], default 1 */
  readonly gamma?: number;
  /** probability of a uniformly random action, default 0.1 */
  readonly epsilon?: number;
  /** states × actions, rows sum to 1: the agent acts by these probabilities, whatever it learns; default ε-greedy in Q */
  readonly behaviour?: Matrix;
  /** default 500 */
  readonly episodes?: number;
  /** an episode is cut off after so many steps, default 10,000; the last target still has the value of the next state */
  readonly maxSteps?: number;
  /** stop after so many steps in all, default Infinity */
  readonly transitions?: number;
  /** of the environment and the agent, default 0 */
  readonly seed?: number;
}

/** One step of learning. */
export interface QLearningState {
  readonly episode: number;
  readonly state: number;
  readonly action: number;
  readonly reward: number;
  /** target minus Q(s, a), before the update */
  readonly tdError: number;
  /** the episode ended or was cut off */
  readonly done: boolean;
  /** it was cut off by maxSteps */
  readonly truncated: boolean;
  /** states × actions, live: later steps change it; of double Q-learning the mean of both tables, made when it is read */
  readonly Q: Matrix;
}

/** What `qLearning` returns. */
export interface QLearningResult {
  /** states × actions */
  readonly Q: Matrix;
  /** greedy action of each state, the first of equals */
  readonly policy: Int32Array;
  /** sum of rewards of each episode */
  readonly returns: Float64Array;
  /** states × actions: how often a pair was updated; where it is 0, Q is what it was at the start, 0 */
  readonly visits: Int32Array;
  /** episodes that maxSteps cut off; with γ = 1, any is a warning that values need not exist */
  readonly truncatedEpisodes: number;
}

/** A target was NaN or infinite; `step` counts from 0. */
export class DivergenceError extends Error {
  override readonly name = "DivergenceError";
  readonly step: number;
  constructor(message: string, step: number) {
    super(message);
    this.step = step;
  }
}

/**
 * Learns action values from experience.
 *
 * @throws RangeError if an option is outside its range; DivergenceError where a temporal-difference error is not finite
 * @example
 * const walk = (s: number, a: number) => [{ probability: 1, nextState: s + a, reward: -1, terminated: s + a === 2 }];
 * const mdp = { stateCount: 3, actionCount: 2, initialDistribution: Float64Array.of(1, 0, 0), transitions: walk };
 * qLearning(mdp, { alpha: 1 }).policy // [1, 1, 0]
 */
export function qLearning(mdp: TabularMdp, options: QLearningOptions = {}): QLearningResult {
  const { stateCount: n, actionCount: m } = mdp;
  const returns = [0];
  const visits = new Int32Array(n * m);
  let truncatedEpisodes = 0;
  let last: QLearningState | undefined;
  for (const step of qLearningSteps(mdp, options)) {
    if (step.truncated) truncatedEpisodes++;
    visits[step.state * m + step.action]!++;
    returns[step.episode] = (returns[step.episode] ?? 0) + step.reward;
    last = step;
  }
  const { Q } = last!;
  return { Q, policy: greedyPolicy(Q), returns: Float64Array.from(returns), visits, truncatedEpisodes };
}

/**
 * The same, step by step.
 *
 * @throws as `qLearning`
 * @example
 * const walk = (s: number, a: number) => [{ probability: 1, nextState: s + a, reward: -1, terminated: s + a === 2 }];
 * const mdp = { stateCount: 3, actionCount: 2, initialDistribution: Float64Array.of(1, 0, 0), transitions: walk };
 * const first = qLearningSteps(mdp).next().value!;
 * [first.state, first.tdError] // [0, -1]
 */
export function* qLearningSteps(mdp: TabularMdp, options: QLearningOptions = {}): Generator<QLearningState, void> {
  const { stateCount: n, actionCount: m } = mdp;
  const { algorithm, alpha, gamma, epsilon, episodes, maxSteps, transitions, seed } = checkOptions(options);
  const mu = options.behaviour && checkBehaviour("qLearning", options.behaviour, n, m);
  const environment = new TabularEnvironment(mdp, { seed, maxSteps });
  const draw = random(seed ^ 0x5bd1e995); // a stream of its own
  const tables = [new Float64Array(n * m), new Float64Array(n * m)] as const;
  const [first, second] = tables;
  const isDouble = algorithm === "double-q-learning";
  const sum = isDouble ? new Float64Array(n * m) : first; // what the agent acts on
  const visits = new Int32Array(n * m);
  const act = (state: number) =>
    mu ? draw.categorical(mu.subarray(state * m, (state + 1) * m)) : epsilonGreedy(sum, state * m, m, epsilon, draw);
  for (let episode = 0, step = 0; episode < episodes && step < transitions; episode++) {
    let { observation: state } = environment.reset();
    let action = act(state);
    for (let done = false; !done && step < transitions; step++) {
      const { observation: next, reward, terminated, truncated } = environment.step(action);
      done = terminated || truncated;
      const following = act(next);
      const own = isDouble && draw.uniform() < 0.5 ? second : first;
      const other = own === first ? second : first;
      let value = 0; // nothing comes after the end (1)
      if (!terminated) {
        if (algorithm === "q-learning")
          value = own[argmax(own, next * m, m, draw)]!; // (1)
        else if (algorithm === "sarsa")
          value = own[next * m + following]!; // (2)
        else if (algorithm === "expected-sarsa")
          value = mu ? dot(mu, own, next * m, m) : expectation(own, next * m, m, epsilon); // (3)
        else value = other[argmax(own, next * m, m, draw)]!; // (4)
      }
      const at = state * m + action;
      const tdError = reward + gamma * value - own[at]!;
      if (!Number.isFinite(tdError)) {
        throw new DivergenceError(`qLearning: the temporal-difference error is ${tdError} at step ${step}`, step);
      }
      visits[at]!++;
      own[at]! += (typeof alpha === "number" ? alpha : stepSize(alpha, visits[at]!)) * tdError;
      if (isDouble) sum[at] = first[at]! + second[at]!;
      yield new Snapshot(episode, state, action, reward, tdError, done, truncated, tables, isDouble, m);
      state = next;
      action = following;
    }
  }
}

/** A step, with Q made only where it is read. */
class Snapshot implements QLearningState {
  readonly episode: number;
  readonly state: number;
  readonly action: number;
  readonly reward: number;
  readonly tdError: number;
  readonly done: boolean;
  readonly truncated: boolean;
  readonly #tables: readonly [Float64Array, Float64Array];
  readonly #isDouble: boolean;
  readonly #m: number;

  constructor(
    episode: number,
    state: number,
    action: number,
    reward: number,
    tdError: number,
    done: boolean,
    truncated: boolean,
    tables: readonly [Float64Array, Float64Array],
    isDouble: boolean,
    m: number,
  ) {
    this.episode = episode;
    this.state = state;
    this.action = action;
    this.reward = reward;
    this.tdError = tdError;
    this.done = done;
    this.truncated = truncated;
    this.#tables = tables;
    this.#isDouble = isDouble;
    this.#m = m;
  }

  get Q(): Matrix {
    const [first, second] = this.#tables;
    const values = this.#isDouble ? first.map((value, at) => (value + second[at]!) / 2) : first;
    return matrixOver(values, values.length / this.#m, this.#m);
  }
}

function stepSize(alpha: (visits: number) => number, visits: number): number {
  const size = alpha(visits);
  return size > 0 && size <= 1 ? size : checkNumber("qLearning", `alpha(${visits})`, size, { above: 0, max: 1 });
}

/** Index of the largest of m values from `at` on; ties are broken at random. */
function argmax(values: Float64Array, at: number, m: number, draw: Random): number {
  let [best, ties] = [at, 1];
  for (let i = at + 1; i < at + m; i++) {
    if (values[i]! > values[best]!) [best, ties] = [i, 1];
    else if (values[i] === values[best] && draw.integer(++ties) === 0) best = i;
  }
  return best;
}

function epsilonGreedy(values: Float64Array, at: number, m: number, epsilon: number, draw: Random): number {
  if (epsilon === 1 || draw.uniform() < epsilon) return draw.integer(m);
  return argmax(values, at, m, draw) - at;
}

/** Mean of Q(s′, ·) under the ε-greedy policy. */
function expectation(values: Float64Array, at: number, m: number, epsilon: number): number {
  let [sum, largest] = [0, -Infinity];
  for (let i = at; i < at + m; i++) {
    sum += values[i]!;
    largest = Math.max(largest, values[i]!);
  }
  return (1 - epsilon) * largest + (epsilon * sum) / m;
}

/**
 * The greedy action of every state, the first of equals.
 *
 * @param Q states × actions
 * @example
 * greedyPolicy(matrix([[0, 2, 1], [3, 3, 0]])) // [1, 0]
 */
export function greedyPolicy(Q: Matrix): Int32Array {
  const [n, m] = Q.shape as [number, number];
  const values = rowMajor(Q);
  return Int32Array.from({ length: n }, (_, s) => {
    const row = values.subarray(s * m, (s + 1) * m);
    return row.indexOf(Math.max(...row));
  });
}

/**
 * A policy as probabilities: ε-greedy around one action a state.
 *
 * @param policy an action a state
 * @returns states × actions
 * @example
 * toRows(softened(Int32Array.of(1), 2, 0.1)) // [[0.05, 0.95]]
 */
export function softened(policy: Int32Array, actions: number, epsilon: number): Matrix {
  checkNumber("softened", "epsilon", epsilon, { min: 0, max: 1 });
  const probabilities = new Float64Array(policy.length * actions).fill(epsilon / actions);
  for (const [s, a] of policy.entries()) probabilities[s * actions + a]! += 1 - epsilon;
  return matrixOver(probabilities, policy.length, actions);
}

/**
 * Two states with features 1 and 2 and no rewards, of which only the first, 1 → 2, is updated: w ← w + α(γ·2w − w). Bootstrapping,
 * approximation and off-policy updates together.
 *
 * @param options.both whether after each of these updates the second state, 2 → the end, is updated too: w ← w + α(0 − 2w)·2; default
 * false
 * @returns w after each of the steps, from w = 1 on
 * @throws RangeError if an option is outside its range
 * @example
 * linearDivergence({ alpha: 0.5, gamma: 0.9, steps: 2 }) // [1, 1.4, 1.96]
 */
export function linearDivergence({ alpha = 0.1, gamma = 0.99, steps = 10, both = false } = {}): Float64Array {
  checkNumber("linearDivergence", "alpha", alpha, { above: 0, max: 1 });
  checkNumber("linearDivergence", "gamma", gamma, { min: 0, max: 1 });
  checkInteger("linearDivergence", "steps", steps, 0);
  const w = new Float64Array(steps + 1).fill(1);
  for (let t = 0; t < steps; t++) {
    w[t + 1] = w[t]! + alpha * (gamma * 2 * w[t]! - w[t]!);
    if (both) w[t + 1]! += alpha * (0 - 2 * w[t + 1]!) * 2;
  }
  return w;
}

const ALGORITHMS = ["q-learning", "sarsa", "expected-sarsa", "double-q-learning"] as const;

/** The probabilities, row after row. */
function checkBehaviour(caller: string, behaviour: Matrix, n: number, m: number): Float64Array {
  if (behaviour.shape[0] !== n || behaviour.shape[1] !== m)
    throw new RangeError(`${caller}: behaviour must be ${n}×${m}, got ${behaviour.shape.join("×")}`);
  const mu = rowMajor(behaviour);
  for (let s = 0; s < n; s++) {
    const row = mu.subarray(s * m, (s + 1) * m);
    for (const [a, p] of row.entries()) checkNumber(caller, `behaviour(${s}, ${a})`, p, { min: 0, max: 1 });
    checkNumber(
      caller,
      `sum of the behaviour's row ${s}`,
      row.reduce((sum, p) => sum + p, 0),
      { min: 1 - 1e-9, max: 1 + 1e-9 },
    );
  }
  return mu;
}

function checkOptions(options: QLearningOptions) {
  const { algorithm = "q-learning", alpha = 0.1, gamma = 1, epsilon = 0.1, episodes = 500, seed = 0 } = options;
  const { maxSteps = 10_000, transitions = Infinity } = options;
  checkChoice("qLearning", "algorithm", algorithm, ALGORITHMS);
  if (typeof alpha === "number") checkNumber("qLearning", "alpha", alpha, { above: 0, max: 1 });
  checkNumber("qLearning", "gamma", gamma, { min: 0, max: 1 });
  checkNumber("qLearning", "epsilon", epsilon, { min: 0, max: 1 });
  checkInteger("qLearning", "episodes", episodes, 1);
  checkInteger("qLearning", "maxSteps", maxSteps, 1);
  if (transitions !== Infinity) checkInteger("qLearning", "transitions", transitions, 1);
  return { algorithm, alpha, gamma, epsilon, episodes, seed, maxSteps, transitions };
}

/** What `nStepFixedPoint` returns. */
export interface NStepFixedPoint {
  /** states × actions: where n-step Q-learning without importance weights settles */
  readonly Q: Matrix;
  /** what the policy that is greedy in Q is really worth, from the start */
  readonly greedyValue: number;
}

/**
 * The limit of n-step Q-learning without importance weights: the first action is free, the n − 1 after it are the behaviour's, and only
 * then comes the maximum. With n = 1 these are the optimal values.
 *
 * @param behaviour states × actions, rows sum to 1
 * @param options.n default 1
 * @param options.gamma γ in [0, 1), default 0.99
 * @throws RangeError if an option or the behaviour's shape is wrong
 * @example
 * const pay = (s: number, a: number) => [{ probability: 1, nextState: 1, reward: a, terminated: s === 1 }];
 * const mdp = { stateCount: 2, actionCount: 2, initialDistribution: Float64Array.of(1, 0), transitions: pay };
 * const coin = matrix([[0.5, 0.5], [0.5, 0.5]]);
 * [1, 2].map((n) => toRows(nStepFixedPoint(mdp, coin, { n, gamma: 0.5 }).Q)[0]) // [[0.5, 1.5], [0.25, 1.25]]
 */
export function nStepFixedPoint(mdp: TabularMdp, behaviour: Matrix, { n = 1, gamma = 0.99 } = {}): NStepFixedPoint {
  const { stateCount, actionCount: m } = mdp;
  checkInteger("nStepFixedPoint", "n", n, 1);
  checkNumber("nStepFixedPoint", "gamma", gamma, { min: 0, below: 1 });
  const mu = checkBehaviour("nStepFixedPoint", behaviour, stateCount, m);
  let Q = new Float64Array(stateCount * m);
  for (let change = Infinity; change > 1e-13; ) {
    let V = Float64Array.from({ length: stateCount }, (_, s) => Math.max(...Q.subarray(s * m, (s + 1) * m)));
    const next = new Float64Array(Q.length);
    for (let k = n; k >= 1; k--) {
      for (let at = 0; at < next.length; at++) next[at] = expectedTarget(mdp, Math.floor(at / m), at % m, V, gamma);
      V = V.map((_, s) => dot(mu, next, s * m, m)); // what the behaviour makes of it, one step earlier
    }
    change = 0; // relative to values above 1, whose rounding errors may exceed 1e-13
    for (const [at, value] of next.entries())
      change = Math.max(change, Math.abs(value - Q[at]!) / Math.max(1, Math.abs(value)));
    Q = next;
  }
  const result = matrixOver(Q, stateCount, m);
  const { V } = policyEvaluation(mdp, softened(greedyPolicy(result), m, 0), { gamma });
  return { Q: result, greedyValue: dot(mdp.initialDistribution, V, 0, stateCount) };
}

/** Σ x·y over m entries from `at` on. */
function dot(x: Float64Array, y: Float64Array, at: number, m: number): number {
  let sum = 0;
  for (let i = at; i < at + m; i++) sum += x[i]! * y[i]!;
  return sum;
}

// ---- DQN ----

/** Steps drawn from a memory; row i of each belongs together. */
export interface Batch {
  /** n × size of an observation */
  readonly observations: Float32Array;
  readonly actions: Int32Array;
  readonly rewards: Float32Array;
  readonly nextObservations: Float32Array;
  /** 1 where the process ended, 0 elsewhere, after a time limit too */
  readonly terminated: Uint8Array;
}

/**
 * The last steps that an agent has made, to be drawn at random: neighbours in time are alike, a batch of them would be one step.
 *
 * @example
 * const memory = new ReplayBuffer({ capacity: 2 });
 * for (const reward of [1, 2, 3]) memory.add([reward], 0, reward, [reward + 1], false);
 * [memory.size, Math.min(...memory.sample(50).rewards)] // [2, 2]
 */
export class ReplayBuffer {
  readonly #capacity: number;
  readonly #draw: Random;
  readonly #actions: Int32Array;
  readonly #rewards: Float32Array;
  readonly #terminated: Uint8Array;
  #observations = new Float32Array(0);
  #nextObservations = new Float32Array(0);
  #width = 0;
  #added = 0;

  /** @throws RangeError if the capacity is not an integer of at least 1 */
  constructor({ capacity = 10_000, seed = 0 } = {}) {
    this.#capacity = checkInteger("ReplayBuffer", "capacity", capacity, 1);
    this.#draw = random(seed);
    this.#actions = new Int32Array(capacity);
    this.#rewards = new Float32Array(capacity);
    this.#terminated = new Uint8Array(capacity);
  }

  /** How many steps there are to draw from. */
  get size(): number {
    return Math.min(this.#added, this.#capacity);
  }

  /**
   * Keeps a step, in the place of the oldest where the memory is full.
   *
   * @throws RangeError if an observation has another length than the first one
   */
  add(
    observation: ArrayLike<number>,
    action: number,
    reward: number,
    nextObservation: ArrayLike<number>,
    terminated: boolean,
  ): void {
    if (this.#added === 0) {
      this.#width = observation.length;
      this.#observations = new Float32Array(this.#capacity * this.#width);
      this.#nextObservations = new Float32Array(this.#capacity * this.#width);
    }
    for (const { length } of [observation, nextObservation]) {
      if (length !== this.#width)
        throw new RangeError(`ReplayBuffer: observations must have length ${this.#width}, got ${length}`);
    }
    const at = this.#added++ % this.#capacity;
    this.#observations.set(observation, at * this.#width);
    this.#nextObservations.set(nextObservation, at * this.#width);
    this.#actions[at] = action;
    this.#rewards[at] = reward;
    this.#terminated[at] = Number(terminated);
  }

  /**
   * Steps drawn uniformly, with replacement.
   *
   * @throws RangeError if n is not an integer of at least 1, or the memory is empty
   */
  sample(n: number): Batch {
    checkInteger("ReplayBuffer", "n", n, 1);
    if (this.#added === 0) throw new RangeError("ReplayBuffer: there must be a step to draw, got an empty memory");
    const width = this.#width;
    const batch = {
      observations: new Float32Array(n * width),
      actions: new Int32Array(n),
      rewards: new Float32Array(n),
      nextObservations: new Float32Array(n * width),
      terminated: new Uint8Array(n),
    };
    for (let i = 0; i < n; i++) {
      const at = this.#draw.integer(this.size);
      batch.observations.set(this.#observations.subarray(at * width, (at + 1) * width), i * width);
      batch.nextObservations.set(this.#nextObservations.subarray(at * width, (at + 1) * width), i * width);
      batch.actions[i] = this.#actions[at]!;
      batch.rewards[i] = this.#rewards[at]!;
      batch.terminated[i] = this.#terminated[at]!;
    }
    return batch;
  }
}

/** Parameters of the network of values: a tree of tensors. An alias, not an interface, so that it can be part of a tree. */
export type QNetwork = { readonly hidden: Linear; readonly output: Linear };

/** What a hidden unit does with its sum. */
export type Activation = "tanh" | "relu";

/** How DQN learns. */
export interface DqnOptions {
  /** units of the hidden layer, default 64 */
  readonly hidden?: number;
  /** default 'tanh' */
  readonly activation?: Activation;
  /** the target network is copied from the network after so many steps; null for none: targets move with every update; default 100 */
  readonly targetEvery?: number | null;
  /** the network chooses the next action, the target network judges it; default false */
  readonly double?: boolean;
  /** Huber's loss, whose slope is at most 1, instead of half the square; default true */
  readonly huber?: boolean;
  /** steps in a batch, default 32 */
  readonly batch?: number;
  /** steps from one update to the next, default 2 */
  readonly updateEvery?: number;
  /** steps before the first update, default 1000 */
  readonly warmUp?: number;
  /** steps that are remembered, default 10,000 */
  readonly capacity?: number;
  /** of Adam, default 5e-3 */
  readonly learningRate?: number;
  /** longer gradients are shortened to this norm, default 10 */
  readonly maxGradNorm?: number;
  /** γ in [0, 1], default 0.98 */
  readonly gamma?: number;
  /** probability of a random action at a step; default from 1 in a straight line to 0.04 at step 5000 */
  readonly epsilonSchedule?: (step: number) => number;
  /** default 10,000 */
  readonly steps?: number;
  /** of network, memory, agent and environment, default 0 */
  readonly seed?: number;
}

/** One step of DQN. */
export interface DqnState {
  readonly step: number;
  readonly episode: number;
  /** sum of rewards of the episode so far */
  readonly episodeReturn: number;
  /** the episode ended or was cut off */
  readonly done: boolean;
  /** of this step's update; undefined where there was none */
  readonly loss: number | undefined;
  /** largest predicted value of the update's batch, before it */
  readonly largestQ: number | undefined;
  /** live: later steps change it */
  readonly network: QNetwork;
}

/** What `dqn` returns. */
export interface DqnResult {
  readonly network: QNetwork;
  /** sum of rewards of each complete episode */
  readonly returns: Float64Array;
  /** largest value that was ever predicted for a batch; −Infinity without an update */
  readonly largestQ: number;
  /** steps made */
  readonly steps: number;
}

/**
 * Deep Q-learning, to the end.
 *
 * @param makeEnvironment from a seed to an environment
 * @param options.solvedAt stop as soon as the mean return of 20 episodes in a row reaches this; default Infinity
 * @throws RangeError if an option is outside its range; NonFiniteError where the loss is not finite: it names the update
 * @example
 * const coin = () => ({
 *   actionCount: 2,
 *   reset: () => ({ observation: Float64Array.of(0) }),
 *   step: (action: number) => ({ observation: Float64Array.of(0), reward: action, terminated: true, truncated: false }),
 * });
 * dqn(coin, { steps: 50, warmUp: 40, hidden: 3 }).returns.length // 50
 */
export function dqn(
  makeEnvironment: (seed: number) => Environment<Float64Array>,
  { solvedAt = Infinity, ...options }: DqnOptions & { readonly solvedAt?: number } = {},
): DqnResult {
  const returns: number[] = [];
  let last: DqnState | undefined;
  let largest = -Infinity;
  for (last of dqnSteps(makeEnvironment, options)) {
    largest = Math.max(largest, last.largestQ ?? -Infinity);
    if (!last.done) continue;
    returns.push(last.episodeReturn);
    if (returns.length >= 20 && returns.slice(-20).reduce((sum, x) => sum + x, 0) / 20 >= solvedAt) break;
  }
  return { network: last!.network, returns: Float64Array.from(returns), largestQ: largest, steps: last!.step + 1 };
}

/**
 * The same, step by step.
 *
 * @throws as `dqn`
 * @example
 * const coin = () => ({
 *   actionCount: 2,
 *   reset: () => ({ observation: Float64Array.of(0) }),
 *   step: (action: number) => ({ observation: Float64Array.of(0), reward: action, terminated: true, truncated: false }),
 * });
 * const [first] = dqnSteps(coin, { hidden: 3 });
 * [first!.episodeReturn <= 1, first!.done, first!.loss] // [true, true, undefined]
 */
export function* dqnSteps(
  makeEnvironment: (seed: number) => Environment<Float64Array>,
  options: DqnOptions = {},
): Generator<DqnState, void> {
  const settings = checkDqn(options);
  const { hidden, activation, targetEvery, batch, updateEvery, warmUp, epsilonSchedule, steps, seed } = settings;
  const environment = makeEnvironment(seed);
  const draw = random(seed ^ 0x5bd1e995); // a stream of its own
  const memory = new ReplayBuffer({ capacity: settings.capacity, seed: seed ^ 0x27d4eb2f });
  let { observation } = environment.reset();
  const network = qNetwork(observation.length, hidden, environment.actionCount, draw);
  let target = targetEvery === null ? network : copyOf(network);
  let sample: Batch | undefined;
  const updates = trainSteps({
    parameters: network,
    optimizer: shortened(new AdamW({ lr: settings.learningRate, weightDecay: 0 }), settings.maxGradNorm),
    steps: Number.MAX_SAFE_INTEGER,
    loss: (parameters) => dqnLoss(parameters, sample!, dqnTargets(network, target, sample!, settings), settings),
  });
  for (let step = 0, episode = 0, episodeReturn = 0; step < steps; step++) {
    const explores =
      draw.uniform() < checkNumber("dqn", `epsilonSchedule(${step})`, epsilonSchedule(step), { min: 0, max: 1 });
    const action = explores ? draw.integer(environment.actionCount) : greedyAction(network, observation, activation);
    const next = environment.step(action);
    memory.add(observation, action, next.reward, next.observation, next.terminated); // a clock that ran out is no end
    const done = next.terminated || next.truncated;
    episodeReturn += next.reward;
    let update: TrainStep | undefined;
    if (step + 1 >= warmUp && (step + 1) % updateEvery === 0) {
      sample = memory.sample(batch);
      update = updates.next().value as TrainStep;
    }
    if (targetEvery !== null && (step + 1) % targetEvery === 0) target = copyOf(network);
    yield { step, episode, episodeReturn, done, loss: update?.loss, largestQ: update?.metrics.largestQ, network };
    observation = done ? environment.reset().observation : next.observation;
    if (done) [episode, episodeReturn] = [episode + 1, 0];
  }
}

/**
 * Targets r + γ max Q(s′, ·) by the target network, r alone where the process ended; of double DQN the value of the action that the
 * network prefers.
 *
 * @returns one for each step of the batch
 * @example
 * const flat = { hidden: { weight: tensor([0], [1, 1]), bias: tensor([0]) }, output: { weight: tensor([0, 0], [1, 2]), bias: tensor([4, 6]) } };
 * const memory = new ReplayBuffer();
 * memory.add([0], 0, 1, [0], false);
 * dqnTargets(flat, flat, memory.sample(1), { gamma: 0.5 }) // [4]
 */
export function dqnTargets(
  network: QNetwork,
  target: QNetwork,
  { nextObservations, rewards, terminated }: Batch,
  { gamma = 0.98, double = false, activation = "tanh" }: Pick<DqnOptions, "gamma" | "double" | "activation"> = {},
): Float32Array {
  const n = rewards.length;
  const next = tensor(nextObservations, [n, nextObservations.length / n]);
  const judged = noGrad(() => qValues(next, target, activation));
  const choosing = double ? noGrad(() => qValues(next, network, activation)) : judged;
  return rewards.map((reward, i) => {
    if (terminated[i] === 1) return reward; // (5)
    return reward + gamma * judged.data[firstLargest(choosing, i)]!; // (5), (6)
  });
}

/**
 * Mean over the batch of Huber's loss, or of half the square, of Q(s, a) − target; the targets are constants.
 *
 * @returns the loss, and as a metric the largest value predicted
 */
export function dqnLoss(
  network: QNetwork,
  { observations, actions }: Batch,
  targets: Float32Array,
  { huber = true, activation = "tanh" }: Pick<DqnOptions, "huber" | "activation"> = {},
): { readonly loss: Tensor; readonly metrics: { readonly largestQ: number } } {
  const n = actions.length;
  const Q = qValues(tensor(observations, [n, observations.length / n]), network, activation);
  const error = sub(takeAlongLast(Q, actions), tensor(targets));
  const short = huber ? clip(error, -1, 1) : error;
  // c·(e − c/2), c = e forced into [−1, 1]: e²/2 inside, |e| − 1/2 outside, slope c.
  const loss = mean(mul(short, sub(error, mul(short, 0.5)))); // (7)
  let largestQ = -Infinity;
  for (const q of Q.data) largestQ = Math.max(largestQ, q);
  return { loss, metrics: { largestQ } };
}

/**
 * Values of all actions.
 *
 * @param x n × size of an observation
 * @returns n × actions
 */
export function qValues(x: Tensor, { hidden, output }: QNetwork, activation: Activation = "tanh"): Tensor {
  const sums = linear(x, hidden);
  return linear(activation === "tanh" ? tanh(sums) : relu(sums), output);
}

/** Weights and biases uniform within ±1/√inputs. */
function qNetwork(inputs: number, hidden: number, actions: number, draw: Random): QNetwork {
  const layer = (from: number, to: number): Linear => ({
    weight: uniform([from, to], 1 / Math.sqrt(from), draw),
    bias: uniform([to], 1 / Math.sqrt(from), draw),
  });
  return { hidden: layer(inputs, hidden), output: layer(hidden, actions) };
}

const copyOf = (network: QNetwork) => mapTree(network, (x) => tensor(x.data.slice(), x.shape));

/** Index in the data of the largest entry of a row, the first of equals. */
function firstLargest({ data, shape }: Tensor, row: number): number {
  const m = shape[1]!;
  let best = row * m;
  for (let i = best + 1; i < (row + 1) * m; i++) if (data[i]! > data[best]!) best = i;
  return best;
}

function greedyAction(network: QNetwork, observation: ArrayLike<number>, activation: Activation): number {
  const x = tensor(Float32Array.from(observation), [1, observation.length]);
  return firstLargest(
    noGrad(() => qValues(x, network, activation)),
    0,
  );
}

/** An optimizer whose gradients are, all together, at most so long. */
function shortened(optimizer: Optimizer, maxNorm: number): Optimizer {
  return {
    step(parameters, gradients) {
      let squares = 0;
      for (const g of gradients) for (let i = 0; i < g.length; i++) squares += g[i]! * g[i]!;
      const factor = maxNorm / Math.sqrt(squares);
      optimizer.step(parameters, factor < 1 ? gradients.map((g) => g.map((x) => factor * x)) : gradients);
    },
  };
}

/**
 * What a network collects when it no longer explores.
 *
 * @param options.episodes default 10
 * @param options.seed of the environment, default 1
 * @returns sum of rewards of each episode
 * @example
 * const coin = () => ({
 *   actionCount: 2,
 *   reset: () => ({ observation: Float64Array.of(0) }),
 *   step: (action: number) => ({ observation: Float64Array.of(0), reward: action, terminated: true, truncated: false }),
 * });
 * const [{ network }] = dqnSteps(coin, { hidden: 3 });
 * greedyReturns(coin, network, { episodes: 2 }).length // 2
 */
export function greedyReturns(
  makeEnvironment: (seed: number) => Environment<Float64Array>,
  network: QNetwork,
  { episodes = 10, activation = "tanh", seed = 1 }: { episodes?: number; activation?: Activation; seed?: number } = {},
): Float64Array {
  checkInteger("greedyReturns", "episodes", episodes, 1);
  const environment = makeEnvironment(seed);
  return new Float64Array(episodes).map(() => {
    let { observation } = environment.reset();
    for (let total = 0; ; ) {
      const step = environment.step(greedyAction(network, observation, activation));
      total += step.reward;
      if (step.terminated || step.truncated) return total;
      observation = step.observation;
    }
  });
}

function checkDqn(options: DqnOptions) {
  const { hidden = 64, activation = "tanh", targetEvery = 100, double = false, huber = true, seed = 0 } = options;
  const { batch = 32, updateEvery = 2, warmUp = 1000, capacity = 10_000, learningRate = 5e-3 } = options;
  const { maxGradNorm = 10, gamma = 0.98, steps = 10_000 } = options;
  const { epsilonSchedule = (step) => Math.max(0.04, 1 - (0.96 * step) / 5000) } = options;
  for (const [name, value] of Object.entries({ hidden, batch, updateEvery, warmUp, capacity, steps }))
    checkInteger("dqn", name, value, 1);
  if (targetEvery !== null) checkInteger("dqn", "targetEvery", targetEvery, 1);
  checkChoice("dqn", "activation", activation, ["tanh", "relu"]);
  checkNumber("dqn", "learningRate", learningRate, { above: 0 });
  checkNumber("dqn", "maxGradNorm", maxGradNorm, { above: 0, max: Infinity });
  checkNumber("dqn", "gamma", gamma, { min: 0, max: 1 });
  const sizes = { hidden, batch, updateEvery, warmUp, capacity, steps };
  return { ...sizes, activation, targetEvery, double, huber, learningRate, maxGradNorm, gamma, epsilonSchedule, seed };
}
