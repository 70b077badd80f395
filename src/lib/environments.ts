/**
 * Environments of reinforcement learning: Markov decision processes as tables and what an agent sees of them, the pole on a cart,
 * a linear system, and bandits.
 *
 * Follows Sutton, Barto, "Reinforcement Learning: An Introduction", 2nd edition, 2018. http://incompleteideas.net/book/the-book-2nd.html
 * Follows Towers et al., "Gymnasium: A Standard Interface for Reinforcement Learning Environments", 2024.
 * https://arxiv.org/abs/2407.17032
 * Follows Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", 1983.
 * https://doi.org/10.1109/TSMC.1983.6313077
 * But:
 * - Tables, dynamics and rewards are Gymnasium's, its random numbers are not.
 * - The cart has no friction, unlike that of the paper's appendix.
 */
import { checkChoice, checkInteger, checkNumber, checkVector } from "./check.js";
import { type Random, random } from "./random.js";

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
  /** what an agent sees of a state; default the state itself */
  observation?(state: number): number;
}

/** What a step returns. */
export interface Step<Observation = number> {
  readonly observation: Observation;
  readonly reward: number;
  /** the process ended */
  readonly terminated: boolean;
  /** the clock ended, not the process: the next state still has a value */
  readonly truncated: boolean;
}

/** What an agent acts in. */
export interface Environment<Observation = number> {
  /** actions are 0 … actionCount−1; Infinity where any number is an action */
  readonly actionCount: number;
  /** starts an episode */
  reset(): { readonly observation: Observation };
  /** @throws RangeError before reset, after the end, or if the action is none */
  step(action: number): Step<Observation>;
}

/** An MDP that is lived in, step by step. */
export class TabularEnvironment implements Environment {
  readonly mdp: TabularMdp;
  readonly actionCount: number;
  readonly #maxSteps: number;
  readonly #draw: ReturnType<typeof random>;
  #state = -1;
  #steps = 0;

  /** @throws RangeError if maxSteps is not an integer of at least 1 (or Infinity) */
  constructor(mdp: TabularMdp, { seed = 0, maxSteps = Infinity } = {}) {
    checkSteps("TabularEnvironment", maxSteps);
    this.mdp = mdp;
    this.actionCount = mdp.actionCount;
    this.#maxSteps = maxSteps;
    this.#draw = random(seed);
  }

  /** Starts an episode. */
  reset(): { readonly observation: number } {
    this.#state = this.#draw.categorical(this.mdp.initialDistribution);
    this.#steps = 0;
    return { observation: this.#seen(this.#state) };
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
    return { observation: this.#seen(nextState), reward, terminated, truncated };
  }

  #seen(state: number): number {
    return this.mdp.observation?.(state) ?? state;
  }
}

function checkSteps(caller: string, maxSteps: number): void {
  if (maxSteps !== Infinity) checkInteger(caller, "maxSteps", maxSteps, 1);
}

/** What a step of several environments at once returns, for one of them. */
export interface VectorizedStep<Observation> extends Step<Observation> {
  /** at the end of an episode the last observation of it, as `observation` is then the first of the next; else undefined */
  readonly finalObservation: Observation | undefined;
}

/** Several copies of an environment. */
export interface VectorizedEnvironment<Observation> {
  /** starts an episode in each of them */
  reset(): Observation[];
  /** an action for each; where an episode ends the next one begins at once */
  step(actions: ArrayLike<number>): VectorizedStep<Observation>[];
}

/**
 * Copies of an environment that step together and start over by themselves.
 *
 * @param make from 0 … n−1 to an environment, which should take its seed from that number
 * @throws RangeError if n is not an integer of at least 1; from `step` if there is not an action for each
 * @example
 * const pair = vectorized((seed) => new TabularEnvironment(shortCorridor(), { seed, maxSteps: 1 }), 2);
 * pair.reset() // [0, 0]
 */
export function vectorized<Observation>(
  make: (index: number) => Environment<Observation>,
  n: number,
): VectorizedEnvironment<Observation> {
  checkInteger("vectorized", "n", n, 1);
  const copies = Array.from({ length: n }, (_, i) => make(i));
  return {
    reset: () => copies.map((environment) => environment.reset().observation),
    step(actions) {
      if (actions.length !== n)
        throw new RangeError(`vectorized: there must be an action for each of ${n}, got ${actions.length}`);
      return copies.map((environment, i) => {
        const step = environment.step(actions[i]!);
        if (!(step.terminated || step.truncated)) return { ...step, finalObservation: undefined };
        return { ...step, finalObservation: step.observation, observation: environment.reset().observation };
      });
    },
  };
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
 * Sutton and Barto's example 6.7: from state 0, right ends with reward 0, left leads without reward to state 1, where each of the
 * actions ends with a reward of mean −0.1 and variance 1: −1.1 or 0.9 (theirs is normal). State 0 has as many actions as state 1, so
 * even ones are right and odd ones left.
 *
 * @param options.actions default 10; an even number, so that half of them are left
 * @throws RangeError unless there are at least 2 actions, and as many of each kind
 * @example
 * maximizationBiasMdp().transitions(1, 4).map(({ reward }) => reward) // [-1.1, 0.9]
 */
export function maximizationBiasMdp({ actions = 10 } = {}): TabularMdp {
  checkInteger("maximizationBiasMdp", "actions", actions, 2);
  if (actions % 2 === 1) throw new RangeError(`maximizationBiasMdp: actions must be even, got ${actions}`);
  return tabular(2, actions, 0, (state, action) => {
    if (state === 0) return [{ probability: 1, nextState: 1, reward: 0, terminated: action % 2 === 0 }];
    return [-1.1, 0.9].map((reward) => ({ probability: 0.5, nextState: 1, reward, terminated: true }));
  });
}

/**
 * Sutton and Barto's random walks: states 1 … n in a row between two ends, 0 and n+1; the one action goes either way with probability
 * 1/2, from the middle on. The right end pays 1.
 *
 * @param options.states default 5, example 6.2; an odd number
 * @param options.left reward at the left end; default 0 with 5 states, −1 otherwise, as in example 7.1, which has 19
 * @throws RangeError if the number of states is even or less than 3, or the reward is not finite
 * @example
 * randomWalk().transitions(5, 0).map(({ reward }) => reward) // [0, 1]
 */
export function randomWalk(options: { readonly states?: number; readonly left?: number } = {}): TabularMdp {
  const { states = 5, left = states === 5 ? 0 : -1 } = options;
  checkInteger("randomWalk", "states", states, 3);
  if (states % 2 === 0) throw new RangeError(`randomWalk: states must be odd, got ${states}`);
  checkNumber("randomWalk", "left", left);
  return tabular(states + 2, 1, (states + 1) / 2, (state) => {
    if (state % (states + 1) === 0) return [{ probability: 1, nextState: state, reward: 0, terminated: true }];
    return [state - 1, state + 1].map((nextState) => {
      const reward = nextState === 0 ? left : Number(nextState === states + 1);
      return { probability: 0.5, nextState, reward, terminated: nextState % (states + 1) === 0 };
    });
  });
}

/**
 * Sutton and Barto's example 13.1: from state 0 to the end, 3; a step costs 1. Actions: left, right; in state 1 they do the reverse. All
 * states look alike: what an agent sees is 0.
 *
 * @example
 * shortCorridor().transitions(1, 1) // [{ probability: 1, nextState: 0, reward: -1, terminated: false }]
 */
export function shortCorridor(): TabularMdp {
  const mdp = tabular(4, 2, 0, (state, action) => {
    if (state === 3) return [{ probability: 1, nextState: 3, reward: 0, terminated: true }];
    const right = (action === 1) !== (state === 1);
    const nextState = right ? state + 1 : Math.max(0, state - 1);
    return [{ probability: 1, nextState, reward: -1, terminated: nextState === 3 }];
  });
  return { ...mdp, observation: () => 0 };
}

const CART = { gravity: 9.8, cart: 1, pole: 0.1, halfLength: 0.5, force: 10, tau: 0.02 } as const;
const FARTHEST = { position: 2.4, angle: (12 * Math.PI) / 180 } as const;

/**
 * Where the cart and its pole are 0.02 s later: an explicit Euler step, in which positions move by the old velocities.
 *
 * @param state position in m, velocity in m/s, angle from upright in rad, angular velocity in rad/s
 * @param action 0 pushes to the left, 1 to the right, with 10 N
 * @returns the same four, new
 * @throws RangeError if the action is neither, or the state not four finite numbers
 * @example
 * cartPoleStep([0, 0, 0, 0], 1) // [0, 0.195122, 0, -0.292683]
 */
export function cartPoleStep(state: ArrayLike<number>, action: number): Float64Array {
  const [x, v, angle, spin] = checkVector("cartPoleStep", "state", state, 4) as unknown as [
    number,
    number,
    number,
    number,
  ];
  checkInteger("cartPoleStep", "action", action, 0, 1);
  const { gravity, cart, pole, halfLength, tau } = CART;
  const force = action === 1 ? CART.force : -CART.force;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const mass = cart + pole;
  const push = (force + pole * halfLength * spin * spin * sin) / mass;
  const turn = (gravity * sin - cos * push) / (halfLength * (4 / 3 - (pole * cos * cos) / mass));
  const pull = push - (pole * halfLength * turn * cos) / mass;
  return Float64Array.of(x + tau * v, v + tau * pull, angle + tau * spin, spin + tau * turn);
}

/**
 * A pole to be balanced on a cart, as Gymnasium's CartPole: every step pays 1, the failing one too; it fails beyond 2.4 m or 12°.
 * Observations are position, velocity, angle and angular velocity.
 *
 * @example
 * const env = new CartPole({ seed: 1 });
 * env.reset([0, 0, 0, 0]);
 * env.step(1).observation // [0, 0.195122, 0, -0.292683]
 */
export class CartPole implements Environment<Float64Array> {
  readonly actionCount = 2;
  readonly #maxSteps: number;
  readonly #draw: Random;
  #state: Float64Array | undefined;
  #steps = 0;

  /** @throws RangeError if maxSteps is not an integer of at least 1 (or Infinity); default 500 */
  constructor({ seed = 0, maxSteps = 500 } = {}) {
    checkSteps("CartPole", maxSteps);
    this.#maxSteps = maxSteps;
    this.#draw = random(seed);
  }

  /**
   * Starts an episode.
   *
   * @param state default drawn uniformly from [−0.05, 0.05)⁴
   */
  reset(state?: ArrayLike<number>): { readonly observation: Float64Array } {
    this.#state = state
      ? checkVector("CartPole", "state", state, 4)
      : Float64Array.from({ length: 4 }, () => 0.1 * this.#draw.uniform() - 0.05);
    this.#steps = 0;
    return { observation: this.#state.slice() };
  }

  /** @throws RangeError before reset, after the end, or if the action is neither 0 nor 1 */
  step(action: number): Step<Float64Array> {
    if (!this.#state) throw new RangeError("CartPole: reset must be called before step");
    const next = cartPoleStep(this.#state, action);
    const fails = Math.abs(next[0]!) > FARTHEST.position || Math.abs(next[2]!) > FARTHEST.angle;
    const truncated = ++this.#steps >= this.#maxSteps && !fails;
    this.#state = fails || truncated ? undefined : next;
    return { observation: next.slice(), reward: 1, terminated: fails, truncated };
  }
}

/**
 * A linear system with one state and a quadratic cost: x ← a·x + b·u + noise·N(0, 1), where a step pays −(q·x² + r·u²). It starts at 0
 * and never ends by itself; an action is any number u.
 *
 * @throws RangeError if q, r or noise is negative, or an option is not finite
 * @example
 * const system = scalarLqr({ a: 2, noise: 0 });
 * system.reset();
 * [system.step(3), system.step(1)].map(({ observation, reward }) => [observation, reward]) // [[3, -9], [7, -10]]
 */
export function scalarLqr({
  a = 1.1,
  b = 1,
  q = 1,
  r = 1,
  noise = 1,
  maxSteps = Infinity,
  seed = 0,
} = {}): Environment {
  for (const [name, value] of Object.entries({ a, b })) checkNumber("scalarLqr", name, value);
  for (const [name, value] of Object.entries({ q, r, noise })) checkNumber("scalarLqr", name, value, { min: 0 });
  checkSteps("scalarLqr", maxSteps);
  const draw = random(seed);
  let [x, steps, running] = [0, 0, false];
  return {
    actionCount: Infinity,
    reset() {
      [x, steps, running] = [0, 0, true];
      return { observation: x };
    },
    step(u) {
      if (!running) throw new RangeError("scalarLqr: reset must be called before step");
      checkNumber("scalarLqr", "action", u);
      const reward = -(q * x * x + r * u * u);
      x = a * x + b * u + noise * draw.normal();
      running = ++steps < maxSteps;
      return { observation: x, reward, terminated: false, truncated: !running };
    },
  };
}

/** What a bandit is made of. */
export interface BanditOptions {
  /** expected reward of each arm */
  readonly means: ArrayLike<number>;
  /** rewards are 0 or 1, or N(mean, 1); default 'bernoulli' */
  readonly reward?: "bernoulli" | "gaussian";
  /** standard deviation of what every mean moves by after a pull, default 0; normal rewards only */
  readonly drift?: number;
  /** default 0 */
  readonly seed?: number;
}

/**
 * Arms to be pulled, and what they pay.
 *
 * @example
 * new Bandit({ means: [0, 1] }).pull(1) // 1
 */
export class Bandit {
  readonly #means: Float64Array;
  readonly #gaussian: boolean;
  readonly #drift: number;
  readonly #draw: Random;

  /** @throws RangeError without arms, or if a mean is not finite or, of rewards 0 or 1, not in [0, 1]; drift of such rewards */
  constructor({ means, reward = "bernoulli", drift = 0, seed = 0 }: BanditOptions) {
    checkChoice("Bandit", "reward", reward, ["bernoulli", "gaussian"]);
    this.#gaussian = reward === "gaussian";
    this.#means = checkVector("Bandit", "means", means);
    checkInteger("Bandit", "number of means", this.#means.length, 1);
    this.#drift = checkNumber("Bandit", "drift", drift, { min: 0, ...(this.#gaussian ? {} : { max: 0 }) });
    if (!this.#gaussian)
      for (const [i, p] of this.#means.entries()) checkNumber("Bandit", `means[${i}]`, p, { min: 0, max: 1 });
    this.#draw = random(seed);
  }

  /** Expected rewards now, a copy. */
  get means(): Float64Array {
    return this.#means.slice();
  }

  /** Index of the arm that is best now, the first of equals. */
  get best(): number {
    return this.#means.indexOf(Math.max(...this.#means));
  }

  /** The reward of a pull; drift comes after it. @throws RangeError if there is no such arm */
  pull(arm: number): number {
    checkInteger("Bandit", "arm", arm, 0, this.#means.length - 1);
    const mean = this.#means[arm]!;
    const reward = this.#gaussian ? mean + this.#draw.normal() : Number(this.#draw.uniform() < mean);
    if (this.#drift > 0)
      for (let i = 0; i < this.#means.length; i++) this.#means[i]! += this.#drift * this.#draw.normal();
    return reward;
  }
}

/**
 * A task of Sutton and Barto's section 2.3: means N(0, 1), rewards N(mean, 1).
 *
 * @throws RangeError if there is no arm
 * @example
 * kArmedTestbed({ arms: 3 }).means.length // 3
 */
export function kArmedTestbed({ arms = 10, drift = 0, seed = 0 } = {}): Bandit {
  checkInteger("kArmedTestbed", "arms", arms, 1);
  const { normal } = random(seed ^ 0x9e3779b9); // a stream of its own
  return new Bandit({ means: Float64Array.from({ length: arms }, normal), reward: "gaussian", drift, seed });
}
