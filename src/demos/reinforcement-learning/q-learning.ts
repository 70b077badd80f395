/**
 * Q-learning: move Q(s, a) toward r + γ max Q(s′, ·), whatever policy produced the step; with SARSA, expected SARSA and double
 * Q-learning, which differ in that target only.
 *
 * Follows Watkins, Dayan, "Q-learning", 1992. https://doi.org/10.1007/BF00992698
 * Follows van Hasselt, "Double Q-learning", 2010.
 * https://papers.nips.cc/paper/2010/hash/091d584fced301b442654dd8c23b3fc9-Abstract.html
 * Follows Sutton, Barto, "Reinforcement Learning: An Introduction", 2nd edition, 2018, chapters 6 and 11.
 * But:
 * - Tables only: no networks, hence neither replay memory nor target network (DQN).
 * - A behaviour is ε-greedy in what has been learned so far; ε = 1 is the uniformly random one.
 */
import { checkChoice, checkInteger, checkNumber } from "../../lib/check.js";
import { TabularEnvironment, type TabularMdp } from "../../lib/environments.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";

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
  let last: QLearningState | undefined;
  for (const step of qLearningSteps(mdp, options)) {
    visits[step.state * m + step.action]!++;
    returns[step.episode] = (returns[step.episode] ?? 0) + step.reward;
    last = step;
  }
  const { Q } = last!;
  return { Q, policy: greedyPolicy(Q), returns: Float64Array.from(returns), visits };
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
  const { algorithm, alpha, gamma, epsilon, episodes, maxSteps, transitions, seed } = checkOptions(options);
  const { stateCount: n, actionCount: m } = mdp;
  const environment = new TabularEnvironment(mdp, { seed, maxSteps });
  const draw = random(seed ^ 0x5bd1e995); // a stream of its own
  const tables = [new Float64Array(n * m), new Float64Array(n * m)] as const;
  const [first, second] = tables;
  const isDouble = algorithm === "double-q-learning";
  const sum = isDouble ? new Float64Array(n * m) : first; // what the agent acts on
  const visits = new Int32Array(n * m);
  const act = (state: number) => epsilonGreedy(sum, state * m, m, epsilon, draw);
  for (let episode = 0, step = 0; episode < episodes && step < transitions; episode++) {
    let { observation: state } = environment.reset();
    let action = act(state);
    for (let done = false; !done && step < transitions; step++) {
      const { observation: next, reward, terminated, truncated } = environment.step(action);
      done = terminated || truncated;
      const following = act(next);
      const [own, other] = isDouble && draw.uniform() < 0.5 ? [second, first] : [first, second];
      let value = 0; // nothing comes after the end (1)
      if (!terminated) {
        if (algorithm === "q-learning")
          value = own[argmax(own, next * m, m, draw)]!; // (1)
        else if (algorithm === "sarsa")
          value = own[next * m + following]!; // (2)
        else if (algorithm === "expected-sarsa")
          value = expectation(own, next * m, m, epsilon); // (3)
        else value = other[argmax(own, next * m, m, draw)]!; // (4)
      }
      const at = state * m + action;
      const tdError = reward + gamma * value - own[at]!;
      if (!Number.isFinite(tdError)) {
        throw new DivergenceError(`qLearning: the temporal-difference error is ${tdError} at step ${step}`, step);
      }
      visits[at]!++;
      own[at]! += (typeof alpha === "number" ? alpha : alpha(visits[at]!)) * tdError;
      if (isDouble) sum[at] = first[at]! + second[at]!;
      yield {
        episode,
        state,
        action,
        reward,
        tdError,
        done,
        get Q() {
          return matrixOver(isDouble ? sum.map((value) => value / 2) : first, n, m);
        },
      };
      [state, action] = [next, following];
    }
  }
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
 * @returns w after each of the steps, from w = 1 on
 * @example
 * linearDivergence({ alpha: 0.5, gamma: 0.9, steps: 2 }) // [1, 1.4, 1.96]
 */
export function linearDivergence({ alpha = 0.1, gamma = 0.99, steps = 10 } = {}): Float64Array {
  checkNumber("linearDivergence", "alpha", alpha, { above: 0, max: 1 });
  checkNumber("linearDivergence", "gamma", gamma, { min: 0, max: 1 });
  checkInteger("linearDivergence", "steps", steps, 0);
  const w = new Float64Array(steps + 1).fill(1);
  for (let t = 0; t < steps; t++) w[t + 1] = w[t]! + alpha * (gamma * 2 * w[t]! - w[t]!);
  return w;
}

const ALGORITHMS = ["q-learning", "sarsa", "expected-sarsa", "double-q-learning"] as const;

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
