import { describe, expect, test } from "vitest";
import {
  policyEvaluation,
  policyIteration,
  valueIteration,
  valueIterationSteps,
} from "../../src/lib/dynamic-programming.js";
import {
  Bandit,
  CartPole,
  cartPoleStep,
  cliffWalking,
  type Environment,
  frozenLake,
  gridWorld4x4,
  kArmedTestbed,
  maximizationBiasMdp,
  randomWalk,
  scalarLqr,
  shortCorridor,
  TabularEnvironment,
  type TabularMdp,
  vectorized,
} from "../../src/lib/environments.js";
import { ConvergenceError } from "../../src/lib/errors.js";
import { matrix, row } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";

const worlds: readonly (readonly [string, TabularMdp])[] = [
  ["grid", gridWorld4x4()],
  ["cliff", cliffWalking()],
  ["slippery cliff", cliffWalking({ slippery: true })],
  ["lake", frozenLake()],
  ["large lake", frozenLake({ map: "8x8" })],
  ["dry lake", frozenLake({ slippery: false })],
  ["maximisation bias", maximizationBiasMdp({ actions: 6 })],
  ["walk of 5", randomWalk()],
  ["walk of 19", randomWalk({ states: 19 })],
  ["corridor", shortCorridor()],
];
const uniform = ({ stateCount, actionCount }: TabularMdp) =>
  matrix(Array.from({ length: stateCount }, () => Array<number>(actionCount).fill(1 / actionCount)));

describe("environments", () => {
  test.each(worlds)("%s: probabilities sum to 1, states exist", (_, mdp) => {
    for (let s = 0; s < mdp.stateCount; s++) {
      for (let a = 0; a < mdp.actionCount; a++) {
        const outcomes = mdp.transitions(s, a);
        expect(outcomes.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 15);
        for (const { nextState } of outcomes) expect(nextState >= 0 && nextState < mdp.stateCount).toBe(true);
      }
    }
    expect(mdp.initialDistribution.reduce((a, b) => a + b, 0)).toBe(1);
  });

  test("steps are drawn from the table; the end is told apart from the clock", () => {
    const lake = new TabularEnvironment(frozenLake(), { seed: 1 });
    const counts = new Map<number, number>();
    for (let i = 0; i < 9000; i++) {
      expect(lake.reset().observation).toBe(0);
      const { observation } = lake.step(2);
      counts.set(observation, (counts.get(observation) ?? 0) + 1);
    }
    // Right slips to down, right, up: states 4, 1, 0, a third each; the standard deviation is 45.
    expect([...counts.keys()].sort()).toEqual([0, 1, 4]);
    for (const count of counts.values()) expect(Math.abs(count - 3000)).toBeLessThan(225);
    const cliff = new TabularEnvironment(cliffWalking(), { maxSteps: 13 });
    cliff.reset();
    const path = [0, ...Array<number>(11).fill(1), 2].map((a) => cliff.step(a));
    expect(path.at(-1)).toEqual({ observation: 47, reward: -1, terminated: true, truncated: false });
    expect(() => cliff.step(0)).toThrow(new RangeError("TabularEnvironment: reset must be called before step"));
    cliff.reset();
    const still = Array.from({ length: 13 }, () => cliff.step(3));
    expect(still.map(({ truncated }) => truncated)).toEqual([...Array<boolean>(12).fill(false), true]);
    expect(() => cliff.step(0)).toThrow(new RangeError("TabularEnvironment: reset must be called before step"));
    const walk = (seed: number) => {
      const env = new TabularEnvironment(cliffWalking({ slippery: true }), { seed });
      env.reset();
      return Array.from({ length: 10 }, () => env.step(0).observation);
    };
    expect(walk(3)).toEqual(walk(3));
    expect([4, 5, 6, 7].some((seed) => String(walk(seed)) !== String(walk(3)))).toBe(true);
  });

  test("bad input", () => {
    const env = new TabularEnvironment(cliffWalking());
    expect(() => env.step(0)).toThrow(new RangeError("TabularEnvironment: reset must be called before step"));
    env.reset();
    expect(() => env.step(4)).toThrow(new RangeError("TabularEnvironment: action must be an integer in [0, 3], got 4"));
    expect(() => new TabularEnvironment(cliffWalking(), { maxSteps: 0 })).toThrow(
      new RangeError("TabularEnvironment: maxSteps must be an integer at least 1, got 0"),
    );
    expect(() => maximizationBiasMdp({ actions: 1 })).toThrow(
      new RangeError("maximizationBiasMdp: actions must be an integer at least 2, got 1"),
    );
    expect(() => frozenLake({ map: "9x9" as "4x4" })).toThrow(
      new RangeError("frozenLake: map must be one of '4x4', '8x8', got '9x9'"),
    );
  });
});

describe("dynamic programming", () => {
  test("the uniform policy on the grid: the table of example 4.1", () => {
    const { V } = policyEvaluation(gridWorld4x4(), uniform(gridWorld4x4()));
    const printed = [0, -14, -20, -22, -14, -18, -20, -20, -20, -20, -18, -14, -22, -20, -14, 0];
    for (const [s, v] of printed.entries()) expect(V[s]).toBeCloseTo(v, 10);
  });

  test("exact values of the cliff and the lakes", () => {
    expect(valueIteration(cliffWalking()).V[36]).toBe(-13);
    expect(valueIteration(cliffWalking(), { epsilonSoft: 0.1 }).V[36]).toBeCloseTo(-20.707677, 6);
    const lake = (gamma: number) => valueIteration(frozenLake(), { gamma }).V[0];
    expect(lake(1)).toBeCloseTo(14 / 17, 9);
    expect(lake(0.99)).toBeCloseTo(0.542025932, 9);
    expect(lake(0.95)).toBeCloseTo(0.180471578397, 9);
    expect(valueIteration(frozenLake({ map: "8x8" }), { tolerance: 1e-10 }).V[0]).toBeCloseTo(1, 5);
    expect(policyEvaluation(frozenLake(), uniform(frozenLake()), { gamma: 0.99 }).V[0]).toBeCloseTo(0.0123561373, 9);
  });

  test("a greedy policy of the optimal values is worth just those", () => {
    for (const [, mdp] of worlds) {
      const { V, Q } = valueIteration(mdp, { gamma: 0.9 });
      const greedy = matrix(
        Array.from({ length: mdp.stateCount }, (_, s) => {
          const values = [...row(Q, s)];
          return values.map((_, a) => Number(a === values.indexOf(Math.max(...values))));
        }),
      );
      const exact = policyEvaluation(mdp, greedy, { gamma: 0.9 });
      for (const [s, v] of exact.V.entries()) expect(v).toBeCloseTo(V[s]!, 9);
    }
  });

  test("policy iteration finds the same optimum, in few rounds; what it evaluates last is its own policy", () => {
    for (const [, mdp] of worlds) {
      const { V, Q, policy, rounds } = policyIteration(mdp, { gamma: 0.9 });
      const best = valueIteration(mdp, { gamma: 0.9 });
      for (const [s, v] of best.V.entries()) {
        expect(V[s]).toBeCloseTo(v, 9);
        expect(Q.get(s, policy[s]!)).toBeCloseTo(v, 9);
        expect(Math.max(...row(Q, s))).toBeCloseTo(v, 9);
      }
      expect(rounds).toBeLessThanOrEqual(20);
    }
    expect(policyIteration(frozenLake()).V[0]).toBeCloseTo(0.542025932, 9); // γ = 0.99
    const flat: TabularMdp = {
      stateCount: 1,
      actionCount: 3,
      initialDistribution: Float64Array.of(1),
      transitions: (_, a) => [{ probability: 1, nextState: 0, reward: a === 0 ? 0 : 1e-15 * a, terminated: true }],
    };
    expect(policyIteration(flat)).toMatchObject({ policy: Int32Array.of(0), rounds: 2 }); // equals do not replace
    expect(() => policyIteration(cliffWalking(), { gamma: 1 })).toThrow(
      new RangeError("policyIteration: gamma must be a finite number in [0, 1), got 1"),
    );
  });

  test("bad input and no answer", () => {
    const stay = matrix(Array.from({ length: 48 }, () => [0, 0, 0, 1]));
    expect(() => policyEvaluation(cliffWalking(), stay, { maxIter: 500 })).toThrow(
      new ConvergenceError("policyEvaluation: no convergence in 500 sweeps; at γ = 1 the policy must end", 500),
    );
    expect(() => policyEvaluation(cliffWalking(), matrix([[1]]))).toThrow(
      new RangeError("policyEvaluation: policy must be 48×4, got 1×1"),
    );
    expect(() => policyEvaluation(cliffWalking(), stay, { gamma: 1.1 })).toThrow(
      new RangeError("policyEvaluation: gamma must be a finite number in [0, 1], got 1.1"),
    );
    expect(() => valueIteration(cliffWalking(), { maxIter: 3 })).toThrow(
      new ConvergenceError("valueIteration: no convergence in 3 sweeps", 3),
    );
    expect(() => valueIterationSteps(cliffWalking(), { epsilonSoft: 2 }).next()).toThrow(
      new RangeError("valueIteration: epsilonSoft must be a finite number in [0, 1], got 2"),
    );
  });
});

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe("chains of Sutton and Barto", () => {
  test("random walks: the printed values of examples 6.2 and 7.1", () => {
    const values = (mdp: TabularMdp) => policyEvaluation(mdp, uniform(mdp)).V;
    const five = values(randomWalk());
    for (let s = 1; s <= 5; s++) expect(five[s]).toBeCloseTo(s / 6, 10);
    const nineteen = values(randomWalk({ states: 19 }));
    for (let s = 1; s <= 19; s++) expect(nineteen[s]).toBeCloseTo((s - 10) / 10, 10);
    expect(values(randomWalk({ states: 7, left: 5 }))[4]).toBeCloseTo(3, 10);
    expect(randomWalk({ states: 19 }).initialDistribution[10]).toBe(1);
  });

  test("example 6.7: half of the actions are left; what is noise there has mean −0.1 and variance 1", () => {
    const mdp = maximizationBiasMdp({ actions: 6 });
    const ends = [0, 1, 2, 3, 4, 5].map((a) => mdp.transitions(0, a).map(({ terminated }) => terminated));
    expect(ends).toEqual([[true], [false], [true], [false], [true], [false]]);
    const rewards = mdp.transitions(1, 5).map(({ reward }) => reward);
    expect(mean(rewards)).toBeCloseTo(-0.1, 15);
    expect(mean(rewards.map((r) => (r + 0.1) ** 2))).toBeCloseTo(1, 15);
    expect(valueIteration(mdp).V[0]).toBe(0);
  });

  test("the corridor is worth −2(2 − p)/(p(1 − p)), at best −(6 + 4√2); the agent sees nothing", () => {
    const corridor = shortCorridor();
    const worth = (p: number) => policyEvaluation(corridor, matrix(Array.from({ length: 4 }, () => [1 - p, p]))).V[0]!;
    for (const p of [0.1, 0.5, 0.95]) expect(worth(p) / ((-2 * (2 - p)) / (p * (1 - p)))).toBeCloseTo(1, 9);
    expect(worth(2 - Math.SQRT2)).toBeCloseTo(-(6 + 4 * Math.SQRT2), 9);
    const env = new TabularEnvironment(corridor);
    const seen = [env.reset().observation, ...[1, 1, 1, 0, 1].map((a) => env.step(a).observation)];
    expect(seen).toEqual([0, 0, 0, 0, 0, 0]); // 0 → 1 → 0 → 1 → 2 → the end
    expect(() => env.step(0)).toThrow(new RangeError("TabularEnvironment: reset must be called before step"));
  });
});

describe("CartPole", () => {
  test("ten steps of Gymnasium 1.3.0's CartPole-v1", () => {
    let state = Float64Array.of(0.01, -0.02, 0.03, 0.04);
    for (const action of [1, 0, 1, 1, 0, 0, 1, 0, 1, 0]) state = cartPoleStep(state, action) as typeof state;
    const expected = [0.033008390428920745, -0.022591187585420697, 0.003821465246233716, 0.09714176712333417];
    for (const [i, value] of expected.entries()) expect(Math.abs(state[i]! - value)).toBeLessThan(1e-12);
  });

  const lasts = (env: CartPole, policy: (state: Float64Array) => number, from?: number[]) => {
    let { observation } = env.reset(from);
    for (let steps = 1; ; steps++) {
      const step = env.step(policy(observation));
      if (step.reward !== 1) throw new Error(`reward ${step.reward}`);
      if (step.terminated || step.truncated) return { steps, ...step };
      observation = step.observation;
    }
  };

  test("pushing right falls after 9 steps, a rule of thumb lasts to the clock, chance 22.2 steps", () => {
    expect(lasts(new CartPole(), () => 1, [0, 0, 0, 0])).toMatchObject({
      steps: 9,
      terminated: true,
      truncated: false,
    });
    const balance = (s: Float64Array) => Number(s[2]! + 0.5 * s[3]! > 0);
    expect(lasts(new CartPole(), balance, [0, 0, 0.05, 0])).toMatchObject({
      steps: 500,
      terminated: false,
      truncated: true,
    });
    expect(lasts(new CartPole({ maxSteps: 9 }), () => 1, [0, 0, 0, 0])).toMatchObject({
      terminated: true,
      truncated: false,
    });
    // Beyond 2.4 m on the left as on the right.
    for (const side of [-1, 1]) {
      const away = lasts(new CartPole(), balance, [side * 2.39, side, 0, 0]);
      expect([away.terminated, Math.abs(away.observation[0]!) > 2.4, away.steps < 50]).toEqual([true, true, true]);
    }
    const draw = random(5);
    const env = new CartPole({ seed: 5 });
    // The standard deviation of an episode's length is about 12, that of the mean of 3000 0.22.
    expect(
      Math.abs(mean(Array.from({ length: 3000 }, () => lasts(env, () => draw.integer(2)).steps)) - 22.2),
    ).toBeLessThan(1.1);
  });

  test("starts are within ±0.05, the same for the same seed; observations are copies", () => {
    const starts = (seed: number) => {
      const env = new CartPole({ seed });
      return Array.from({ length: 50 }, () => [...env.reset().observation]);
    };
    expect(starts(1)).toEqual(starts(1));
    expect(starts(1)).not.toEqual(starts(2));
    const all = starts(1).flat();
    expect(Math.max(...all)).toBeLessThan(0.05);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(-0.05);
    expect(Math.max(...all)).toBeGreaterThan(0.045);
    const env = new CartPole();
    const from = [0, 0, 0, 0];
    env.reset(from).observation.fill(9);
    env.step(1).observation.fill(9);
    expect(env.step(0).observation).toEqual(cartPoleStep(cartPoleStep([0, 0, 0, 0], 1), 0));
    expect(from).toEqual([0, 0, 0, 0]);
  });

  test("bad input", () => {
    const env = new CartPole();
    expect(() => env.step(0)).toThrow(new RangeError("CartPole: reset must be called before step"));
    expect(() => env.reset([1, 2])).toThrow(new RangeError("CartPole: state must have length 4, got 2"));
    env.reset();
    expect(() => env.step(2)).toThrow(new RangeError("cartPoleStep: action must be an integer in [0, 1], got 2"));
    expect(() => cartPoleStep([0, 0, Number.NaN, 0], 0)).toThrow(
      new RangeError("cartPoleStep: state must be finite, got NaN at 2"),
    );
    expect(() => new CartPole({ maxSteps: 0 })).toThrow(
      new RangeError("CartPole: maxSteps must be an integer at least 1, got 0"),
    );
    lasts(env, () => 1);
    expect(() => env.step(1)).toThrow(new RangeError("CartPole: reset must be called before step"));
  });
});

test("several environments start over by themselves and keep the last observation", () => {
  const both = vectorized<number>((i) => new TabularEnvironment(cliffWalking(), { seed: i, maxSteps: 2 + i }), 2);
  expect(both.reset()).toEqual([36, 36]);
  expect(both.step([0, 0]).map(({ observation }) => observation)).toEqual([24, 24]);
  const [first, second] = both.step([0, 1]);
  expect(first).toEqual({ observation: 36, reward: -1, terminated: false, truncated: true, finalObservation: 12 });
  expect(second).toEqual({
    observation: 25,
    reward: -1,
    terminated: false,
    truncated: false,
    finalObservation: undefined,
  });
  expect(both.step([0, 0]).map(({ observation, finalObservation }) => [observation, finalObservation])).toEqual([
    [24, undefined],
    [36, 13],
  ]);
  expect(() => both.step([0])).toThrow(new RangeError("vectorized: there must be an action for each of 2, got 1"));
  expect(() => vectorized(() => new CartPole(), 0)).toThrow(
    new RangeError("vectorized: n must be an integer at least 1, got 0"),
  );
  const fallen = vectorized<Float64Array>((seed) => new CartPole({ seed }), 1);
  fallen.reset();
  const steps = Array.from({ length: 12 }, () => fallen.step([1])[0]!);
  const end = steps.find(({ terminated }) => terminated)!;
  expect(Math.abs(end.finalObservation![2]!)).toBeGreaterThan(0.2);
  expect(Math.abs(end.observation[2]!)).toBeLessThan(0.05);
});

describe("scalar linear-quadratic system", () => {
  test("the average cost of u = −Kx is (q + rK²)s²/(1 − (a − bK)²)", () => {
    const { a, b, q, r, noise, K } = { a: 0.9, b: 2, q: 3, r: 0.5, noise: 0.7, K: 0.3 };
    const env: Environment = scalarLqr({ a, b, q, r, noise, seed: 1 });
    let { observation: x } = env.reset();
    let cost = 0;
    for (let t = 0; t < 200_000; t++) {
      const step = env.step(-K * x);
      cost -= step.reward / 200_000;
      x = step.observation;
    }
    // x is nearly white (a − bK = 0.3), so that the relative deviation is about √(2/200,000)·1.1 = 0.4 %.
    expect(cost / (((q + r * K * K) * noise * noise) / (1 - (a - b * K) ** 2))).toBeCloseTo(1, 1.5);
  });

  test("a clock, and bad input", () => {
    const env = scalarLqr({ maxSteps: 2 });
    expect(() => env.step(0)).toThrow(new RangeError("scalarLqr: reset must be called before step"));
    env.reset();
    expect([env.step(0).truncated, env.step(0).truncated]).toEqual([false, true]);
    expect(() => env.step(0)).toThrow(new RangeError("scalarLqr: reset must be called before step"));
    env.reset();
    expect(() => env.step(Number.NaN)).toThrow(new RangeError("scalarLqr: action must be a finite number, got NaN"));
    expect(() => scalarLqr({ r: -1 })).toThrow(
      new RangeError("scalarLqr: r must be a finite number in [0, Infinity), got -1"),
    );
    expect(() => scalarLqr({ a: Infinity })).toThrow(
      new RangeError("scalarLqr: a must be a finite number, got Infinity"),
    );
    expect(() => scalarLqr({ maxSteps: 0 })).toThrow(
      new RangeError("scalarLqr: maxSteps must be an integer at least 1, got 0"),
    );
  });
});

describe("bandits", () => {
  test("rewards have the arm's mean; those of Bernoulli arms are 0 or 1, normal ones have variance 1", () => {
    const coin = new Bandit({ means: [0.2, 0.7, 0.7], seed: 3 });
    const heads = Array.from({ length: 10_000 }, () => coin.pull(1));
    expect(new Set(heads)).toEqual(new Set([0, 1]));
    expect(Math.abs(mean(heads) - 0.7)).toBeLessThan(0.023); // five standard errors
    expect(coin.best).toBe(1);
    const normal = new Bandit({ means: [5, -3], reward: "gaussian", seed: 4 });
    const pays = Array.from({ length: 10_000 }, () => normal.pull(1));
    expect(Math.abs(mean(pays) + 3)).toBeLessThan(0.05);
    expect(Math.abs(mean(pays.map((x) => (x + 3) ** 2)) - 1)).toBeLessThan(0.07);
    expect([...normal.means]).toEqual([5, -3]);
    normal.means.fill(0);
    expect(normal.best).toBe(0);
  });

  test("drift moves every mean at every pull", () => {
    const pulls = 400;
    const ends = Array.from({ length: 200 }, (_, seed) => {
      const bandit = new Bandit({ means: [0, 0], reward: "gaussian", drift: 0.05, seed });
      for (let t = 0; t < pulls; t++) bandit.pull(0);
      return bandit.means;
    });
    // After 400 pulls the standard deviation is 0.05·√400 = 1; of its square over 200 tasks 10 %.
    for (const arm of [0, 1]) expect(Math.abs(mean(ends.map((means) => means[arm]! ** 2)) - 1)).toBeLessThan(0.5);
  });

  test("the testbed's means are N(0, 1), each seed has its own", () => {
    const all = Array.from({ length: 500 }, (_, seed) => [...kArmedTestbed({ seed }).means]).flat();
    expect(all.length).toBe(5000);
    expect(Math.abs(mean(all))).toBeLessThan(0.071);
    expect(Math.abs(mean(all.map((x) => x * x)) - 1)).toBeLessThan(0.1);
    expect(new Set(all).size).toBe(5000);
    const pays = (seed: number) => {
      const task = kArmedTestbed({ arms: 3, seed });
      return [0, 1, 2].map((arm) => task.pull(arm));
    };
    expect(pays(1)).toEqual(pays(1));
    expect(pays(1)).not.toEqual(pays(2));
  });

  test.each<[string, () => unknown]>([
    ["Bandit: arm must be an integer in [0, 1], got 2", () => new Bandit({ means: [0, 1] }).pull(2)],
    ["Bandit: means[1] must be a finite number in [0, 1], got 1.5", () => new Bandit({ means: [0, 1.5] })],
    ["Bandit: means must be finite, got NaN at 0", () => new Bandit({ means: [Number.NaN], reward: "gaussian" })],
    ["Bandit: number of means must be an integer at least 1, got 0", () => new Bandit({ means: [] })],
    ["Bandit: drift must be a finite number in [0, 0], got 0.1", () => new Bandit({ means: [0.5], drift: 0.1 })],
    [
      "Bandit: drift must be a finite number in [0, Infinity), got -1",
      () => new Bandit({ means: [0.5], reward: "gaussian", drift: -1 }),
    ],
    [
      "Bandit: reward must be one of 'bernoulli', 'gaussian', got 'beta'",
      () => new Bandit({ means: [0.5], reward: "beta" as "bernoulli" }),
    ],
    ["maximizationBiasMdp: actions must be even, got 3", () => maximizationBiasMdp({ actions: 3 })],
    ["kArmedTestbed: arms must be an integer at least 1, got 0", () => kArmedTestbed({ arms: 0 })],
    ["randomWalk: states must be odd, got 4", () => randomWalk({ states: 4 })],
    ["randomWalk: states must be an integer at least 3, got 1", () => randomWalk({ states: 1 })],
    ["randomWalk: left must be a finite number, got NaN", () => randomWalk({ left: Number.NaN })],
  ])("RangeError: %s", (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });
});
