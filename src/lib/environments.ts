/**
 * Environments of reinforcement learning: Markov decision processes as tables, and what an agent sees of them.
 *
 * Follows Sutton, Barto, "Reinforcement Learning: An Introduction", 2nd edition, 2018. http://incompleteideas.net/book/the-book-2nd.html
 * Follows Towers et al., "Gymnasium: A Standard Interface for Reinforcement Learning Environments", 2024.
 * https://arxiv.org/abs/2407.17032
 * But:
 * - Tables and rewards are Gymnasium's, its random numbers are not.
 * - Only finite states and actions.
 */
import { checkChoice, checkInteger } from "./check.js";
import { random } from "./random.js";

/** One way in which a step can turn out. */
export interface Transition {
  readonly probability: number;
  readonly nextState: number;
  readonly reward: number;
  /** the process ends here: nothing that comes after has any value */
  readonly terminated: boolean;
}

/** A finite Markov decision process. States are 0 … stateCount−1, actions 0 … actionCount−1. */
export interface TabularMdp {
  readonly stateCount: number;
  readonly actionCount: number;
  /** what can come of action a in state s; probabilities sum to 1 */
  transitions(state: number, action: number): readonly Transition[];
  /** probability of each state at the start */
  readonly initialDistribution: Float64Array;
}

/** What a step returns. */
export interface Step {
  readonly observation: number;
  readonly reward: number;
  /** the process ended */
  readonly terminated: boolean;
  /** the clock ended, not the process: the next state still has a value */
  readonly truncated: boolean;
}

/** An MDP that is lived in, step by step. */
export class TabularEnvironment {
  readonly mdp: TabularMdp;
  readonly #maxSteps: number;
  readonly #draw: ReturnType<typeof random>;
  #state = -1;
  #steps = 0;

  /** @throws RangeError if maxSteps is not an integer of at least 1 (or Infinity) */
  constructor(mdp: TabularMdp, { seed = 0, maxSteps = Infinity } = {}) {
    if (maxSteps !== Infinity) checkInteger("TabularEnvironment", "maxSteps", maxSteps, 1);
    this.mdp = mdp;
    this.#maxSteps = maxSteps;
    this.#draw = random(seed);
  }

  /** Starts an episode. */
  reset(): { readonly observation: number } {
    this.#state = this.#draw.categorical(this.mdp.initialDistribution);
    this.#steps = 0;
    return { observation: this.#state };
  }

  /** @throws RangeError before reset, after the end, or if the action is none of the MDP's */
  step(action: number): Step {
    if (!(this.#state >= 0)) throw new RangeError("TabularEnvironment: reset must be called before step");
    checkInteger("TabularEnvironment", "action", action, 0, this.mdp.actionCount - 1);
    const outcomes = this.mdp.transitions(this.#state, action);
    let left = outcomes.length > 1 ? this.#draw.uniform() : 0;
    let at = 0;
    while (at < outcomes.length - 1 && left >= outcomes[at]!.probability) left -= outcomes[at++]!.probability;
    const { nextState, reward, terminated } = outcomes[at]!;
    this.#steps++;
    const truncated = !terminated && this.#steps >= this.#maxSteps;
    this.#state = terminated || truncated ? -1 : nextState;
    return { observation: nextState, reward, terminated, truncated };
  }
}

/** An MDP whose transitions are computed once. */
function tabular(
  stateCount: number,
  actionCount: number,
  start: number,
  transitions: (state: number, action: number) => Transition[],
): TabularMdp {
  const table = Array.from({ length: stateCount * actionCount }, (_, at) =>
    transitions(Math.floor(at / actionCount), at % actionCount),
  );
  const initialDistribution = new Float64Array(stateCount);
  initialDistribution[start] = 1;
  return { stateCount, actionCount, initialDistribution, transitions: (s, a) => table[s * actionCount + a]! };
}

/** The state one step away in a grid, or the same one at its edge. */
function moved(state: number, [down, right]: readonly [number, number], rows: number, columns: number): number {
  const row = Math.min(rows - 1, Math.max(0, Math.floor(state / columns) + down));
  const column = Math.min(columns - 1, Math.max(0, (state % columns) + right));
  return row * columns + column;
}

const UP_RIGHT_DOWN_LEFT = [
  [-1, 0],
  [0, 1],
  [1, 0],
  [0, -1],
] as const;
const LEFT_DOWN_RIGHT_UP = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
] as const;

/** The action itself, or itself and both at right angles to it with probability 1/3 each. */
const slips = (action: number, slippery: boolean) =>
  slippery ? [(action + 3) % 4, action, (action + 1) % 4] : [action];

/**
 * The 4×4 grid of Sutton and Barto's example 4.1: reward −1 a step, two opposite corners end it. Actions: up, right, down, left.
 *
 * @example
 * gridWorld4x4().transitions(1, 3) // [{ probability: 1, nextState: 0, reward: -1, terminated: true }]
 */
export function gridWorld4x4(): TabularMdp {
  return tabular(16, 4, 5, (state, action) => {
    if (state % 15 === 0) return [{ probability: 1, nextState: state, reward: 0, terminated: true }];
    const nextState = moved(state, UP_RIGHT_DOWN_LEFT[action]!, 4, 4);
    return [{ probability: 1, nextState, reward: -1, terminated: nextState % 15 === 0 }];
  });
}

/**
 * Gymnasium's CliffWalking: 4×12, start 36 and goal 47 in the lowest row, the cliff between them costs 100 and leads back to the
 * start; every other step costs 1. Actions: up, right, down, left.
 *
 * @example
 * cliffWalking().transitions(36, 1) // [{ probability: 1, nextState: 36, reward: -100, terminated: false }]
 */
export function cliffWalking({ slippery = false } = {}): TabularMdp {
  return tabular(48, 4, 36, (state, action) => {
    if (state === 47) return [{ probability: 1, nextState: 47, reward: 0, terminated: true }];
    const ways = slips(action, slippery);
    return ways.map((way) => {
      const to = moved(state, UP_RIGHT_DOWN_LEFT[way]!, 4, 12);
      const falls = to > 36 && to < 47;
      const probability = 1 / ways.length;
      return { probability, nextState: falls ? 36 : to, reward: falls ? -100 : -1, terminated: to === 47 };
    });
  });
}

const LAKES = {
  "4x4": ["SFFF", "FHFH", "FFFH", "HFFG"],
  "8x8": ["SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"],
} as const;

/**
 * Gymnasium's FrozenLake: from one corner to the other, reward 1 at the goal; holes end it without. On slippery ice a step goes where
 * it was meant to with probability 1/3 only. Actions: left, down, right, up.
 *
 * @throws RangeError if there is no such map
 * @example
 * frozenLake().transitions(14, 2).map(({ nextState }) => nextState) // [14, 15, 10]
 */
export function frozenLake({ map = "4x4", slippery = true }: { map?: keyof typeof LAKES; slippery?: boolean } = {}) {
  checkChoice("frozenLake", "map", map, ["4x4", "8x8"]);
  const cells = LAKES[map].join("");
  const side = LAKES[map].length;
  const ends = (state: number) => "HG".includes(cells[state]!);
  return tabular(side * side, 4, 0, (state, action) => {
    if (ends(state)) return [{ probability: 1, nextState: state, reward: 0, terminated: true }];
    const ways = slips(action, slippery);
    return ways.map((way) => {
      const nextState = moved(state, LEFT_DOWN_RIGHT_UP[way]!, side, side);
      const reward = cells[nextState] === "G" ? 1 : 0;
      return { probability: 1 / ways.length, nextState, reward, terminated: ends(nextState) };
    });
  });
}

/**
 * Sutton and Barto's example 6.7: from state 0, right (action 0) ends with reward 0, left (1) leads without reward to state 1, where
 * each of the actions ends with a reward of mean −0.1 and variance 1: −1.1 or 0.9 (theirs is normal). In state 0 the actions from 2
 * on are as action 0.
 *
 * @throws RangeError unless there are at least 2 actions
 * @example
 * maximizationBiasMdp().transitions(1, 4).map(({ reward }) => reward) // [-1.1, 0.9]
 */
export function maximizationBiasMdp({ actions = 10 } = {}): TabularMdp {
  checkInteger("maximizationBiasMdp", "actions", actions, 2);
  return tabular(2, actions, 0, (state, action) => {
    if (state === 0) return [{ probability: 1, nextState: 1, reward: 0, terminated: action !== 1 }];
    return [-1.1, 0.9].map((reward) => ({ probability: 0.5, nextState: 1, reward, terminated: true }));
  });
}
