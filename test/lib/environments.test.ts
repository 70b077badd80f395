import { describe, expect, test } from "vitest";
import { policyEvaluation, valueIteration, valueIterationSteps } from "../../src/lib/dynamic-programming.js";
import {
  cliffWalking,
  frozenLake,
  gridWorld4x4,
  maximizationBiasMdp,
  TabularEnvironment,
  type TabularMdp,
} from "../../src/lib/environments.js";
import { ConvergenceError } from "../../src/lib/errors.js";
import { matrix, row } from "../../src/lib/matrix.js";

const worlds: readonly (readonly [string, TabularMdp])[] = [
  ["grid", gridWorld4x4()],
  ["cliff", cliffWalking()],
  ["slippery cliff", cliffWalking({ slippery: true })],
  ["lake", frozenLake()],
  ["large lake", frozenLake({ map: "8x8" })],
  ["dry lake", frozenLake({ slippery: false })],
  ["maximisation bias", maximizationBiasMdp({ actions: 7 })],
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
