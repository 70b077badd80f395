/**
 * Dynamic programming on tabular MDPs: values of a policy, and optimal values, by sweeps to a fixed point or by better and better
 * policies.
 *
 * Follows Sutton, Barto, "Reinforcement Learning: An Introduction", 2nd edition, 2018, chapter 4.
 * http://incompleteideas.net/book/the-book-2nd.html
 * But:
 * - Whole tables: every sweep reads every transition.
 */
import { checkInteger, checkNumber } from "./check.js";
import type { TabularMdp } from "./environments.js";
import { ConvergenceError } from "./errors.js";
import { type Matrix, zeros } from "./matrix.js";

/** Values of states and of state-action pairs. */
export interface Values {
  /** expected discounted return from each state; 0 in states that end the process */
  readonly V: Float64Array;
  /** states × actions */
  readonly Q: Matrix;
}

/** Options of value iteration. */
export interface ValueIterationOptions {
  /** γ in [0, 1], default 1 */
  readonly gamma?: number;
  /** the policy is ε-soft: with probability ε it acts uniformly at random; default 0 */
  readonly epsilonSoft?: number;
  /** stop when no Q moves by more, default 1e-12 */
  readonly tolerance?: number;
  /** most sweeps, default 100,000 */
  readonly maxIter?: number;
}

/**
 * Σ over outcomes of P·(r + γ V(s′)), with nothing after the end: the mean target of an action.
 *
 * @example
 * const pay = (s: number, a: number) => [{ probability: 1, nextState: 1, reward: a, terminated: s === 1 }];
 * const mdp = { stateCount: 2, actionCount: 2, initialDistribution: Float64Array.of(1, 0), transitions: pay };
 * [0, 1].map((state) => expectedTarget(mdp, state, 1, [0, 4], 0.5)) // [3, 1]
 */
export function expectedTarget(
  mdp: TabularMdp,
  state: number,
  action: number,
  V: ArrayLike<number>,
  gamma: number,
): number {
  let value = 0;
  for (const { probability, nextState, reward, terminated } of mdp.transitions(state, action)) {
    value += probability * (reward + (terminated ? 0 : gamma * V[nextState]!));
  }
  return value;
}

/**
 * Values of a policy: sweeps of V(s) ← Σ π(a|s) Σ P (r + γ V(s′)), in place, until none moves by more than the tolerance.
 *
 * @param policy states × actions, rows sum to 1
 * @throws RangeError if γ or the policy's shape is wrong; ConvergenceError where maxIter sweeps do not suffice, as with γ = 1 and a
 *   policy that does not end, or hardly ever does
 * @example
 * const pay = (s: number, a: number) => [{ probability: 1, nextState: 1, reward: s + a, terminated: s === 1 }];
 * const mdp = { stateCount: 2, actionCount: 2, initialDistribution: Float64Array.of(1, 0), transitions: pay };
 * policyEvaluation(mdp, matrix([[0.5, 0.5], [1, 0]])).V // [1.5, 1]
 */
export function policyEvaluation(
  mdp: TabularMdp,
  policy: Matrix,
  { gamma = 1, tolerance = 1e-13, maxIter = 20_000 } = {},
): Values {
  const { stateCount: n, actionCount: m } = mdp;
  checkNumber("policyEvaluation", "gamma", gamma, { min: 0, max: 1 });
  if (policy.shape[0] !== n || policy.shape[1] !== m) {
    throw new RangeError(`policyEvaluation: policy must be ${n}×${m}, got ${policy.shape.join("×")}`);
  }
  const V = new Float64Array(n);
  const Q = zeros(n, m);
  for (let sweep = 1, change = Infinity; change > tolerance; sweep++) {
    if (sweep > maxIter) {
      throw new ConvergenceError(
        `policyEvaluation: no convergence in ${maxIter} sweeps; at γ = 1 the policy must end`,
        maxIter,
      );
    }
    change = 0;
    for (let s = 0; s < n; s++) {
      let value = 0;
      for (let a = 0; a < m; a++) {
        Q.set(s, a, expectedTarget(mdp, s, a, V, gamma));
        value += policy.get(s, a) * Q.get(s, a);
      }
      change = Math.max(change, Math.abs(value - V[s]!) / Math.max(1, Math.abs(value)));
      V[s] = value;
    }
  }
  return { V, Q };
}

/**
 * Value iteration, sweep by sweep: Q(s, a) ← Σ P (r + γ max Q(s′, ·)). With ε-soft policies the maximum becomes
 * (1 − ε) max + ε mean.
 *
 * @throws RangeError if an option is outside its range
 * @example
 * const pay = (s: number, a: number) => [{ probability: 1, nextState: 1, reward: s + a, terminated: s === 1 }];
 * const mdp = { stateCount: 2, actionCount: 2, initialDistribution: Float64Array.of(1, 0), transitions: pay };
 * [...valueIterationSteps(mdp)].map(({ V }) => V[0]) // [1, 3, 3]
 */
export function* valueIterationSteps(
  mdp: TabularMdp,
  options: ValueIterationOptions = {},
): Generator<Values & { change: number }> {
  const { gamma = 1, epsilonSoft = 0, tolerance = 1e-12, maxIter = 100_000 } = options;
  checkNumber("valueIteration", "gamma", gamma, { min: 0, max: 1 });
  checkNumber("valueIteration", "epsilonSoft", epsilonSoft, { min: 0, max: 1 });
  checkNumber("valueIteration", "tolerance", tolerance, { min: 0 });
  checkInteger("valueIteration", "maxIter", maxIter, 1);
  const { stateCount: n, actionCount: m } = mdp;
  let V = new Float64Array(n);
  let Q = zeros(n, m);
  for (let iteration = 1, change = Infinity; change > tolerance && iteration <= maxIter; iteration++) {
    const next = zeros(n, m);
    change = 0;
    for (let s = 0; s < n; s++) {
      for (let a = 0; a < m; a++) {
        const value = expectedTarget(mdp, s, a, V, gamma);
        change = Math.max(change, Math.abs(value - Q.get(s, a)));
        next.set(s, a, value);
      }
    }
    Q = next;
    V = Float64Array.from({ length: n }, (_, s) => {
      const row = Array.from({ length: m }, (_, a) => next.get(s, a));
      return (1 - epsilonSoft) * Math.max(...row) + (epsilonSoft / m) * row.reduce((a, b) => a + b, 0);
    });
    yield { V, Q, change };
  }
}

/**
 * Optimal values, or those of the best ε-soft policy.
 *
 * @throws as `valueIterationSteps`; ConvergenceError where maxIter sweeps do not suffice
 * @example
 * const pay = (s: number, a: number) => [{ probability: 1, nextState: 1, reward: s + a, terminated: s === 1 }];
 * const mdp = { stateCount: 2, actionCount: 2, initialDistribution: Float64Array.of(1, 0), transitions: pay };
 * valueIteration(mdp).V // [3, 2]
 */
export function valueIteration(mdp: TabularMdp, options: ValueIterationOptions = {}): Values {
  let last: (Values & { change: number }) | undefined;
  let sweeps = 0;
  for (const state of valueIterationSteps(mdp, options)) {
    last = state;
    sweeps++;
  }
  if (last!.change > (options.tolerance ?? 1e-12)) {
    throw new ConvergenceError(`valueIteration: no convergence in ${sweeps} sweeps`, sweeps);
  }
  return { V: last!.V, Q: last!.Q };
}

/** What `policyIteration` returns. */
export interface PolicyIterationResult extends Values {
  /** optimal action of each state */
  readonly policy: Int32Array;
  /** policies that were evaluated, the random one included */
  readonly rounds: number;
}

/**
 * Policy iteration: evaluate a policy, take the best action by its values, and so on until no action is better. It starts with the
 * uniformly random policy; an action is replaced only by one that is better by more than rounding.
 *
 * @param options.gamma γ in [0, 1), default 0.99: with γ = 1 a policy on the way may never end, and have no values
 * @throws RangeError if γ is outside its range; ConvergenceError as `policyEvaluation`
 * @example
 * const pay = (s: number, a: number) => [{ probability: 1, nextState: 1, reward: s + a, terminated: s === 1 }];
 * const mdp = { stateCount: 2, actionCount: 2, initialDistribution: Float64Array.of(1, 0), transitions: pay };
 * const { V, policy, rounds } = policyIteration(mdp, { gamma: 0.5 });
 * [[...V], [...policy], rounds] // [[2, 2], [1, 1], 2]
 */
export function policyIteration(mdp: TabularMdp, { gamma = 0.99 } = {}): PolicyIterationResult {
  checkNumber("policyIteration", "gamma", gamma, { min: 0, below: 1 });
  const { stateCount: n, actionCount: m } = mdp;
  const probabilities = zeros(n, m);
  for (let s = 0; s < n; s++) for (let a = 0; a < m; a++) probabilities.set(s, a, 1 / m);
  const policy = new Int32Array(n).fill(-1);
  for (let rounds = 1; ; rounds++) {
    const { V, Q } = policyEvaluation(mdp, probabilities, { gamma });
    let stable = true;
    for (let s = 0; s < n; s++) {
      const margin = 1e-9 * Math.max(1, Math.abs(V[s]!));
      let best = policy[s]!;
      for (let a = 0; a < m; a++) {
        if (best < 0 || Q.get(s, a) > Q.get(s, best) + margin) best = a;
      }
      if (best === policy[s]) continue;
      stable = false;
      policy[s] = best;
      for (let a = 0; a < m; a++) probabilities.set(s, a, Number(a === best));
    }
    if (stable) return { V, Q, policy, rounds };
  }
}
