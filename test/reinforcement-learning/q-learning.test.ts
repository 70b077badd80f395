import { describe, expect, test } from "vitest";
import {
  DivergenceError,
  greedyPolicy,
  linearDivergence,
  qLearning,
  qLearningSteps,
  softened,
} from "../../src/demos/reinforcement-learning/q-learning.js";
import { cliffFigure } from "../../src/figures/reinforcement-learning/q-learning.js";
import { policyEvaluation, valueIteration, valueIterationSteps } from "../../src/lib/dynamic-programming.js";
import {
  cliffWalking,
  frozenLake,
  gridWorld4x4,
  maximizationBiasMdp,
  type TabularMdp,
} from "../../src/lib/environments.js";
import { type Matrix, matrix, maxAbsDifference, row, rowMajor, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("reinforcement-learning/q-learning");

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const seeds = (n: number) => Array.from({ length: n }, (_, seed) => seed);
/** Steps of the greedy policy from the start to the goal of the cliff, 100 if it does not arrive. */
function pathLength(mdp: TabularMdp, policy: Int32Array): number {
  let [state, steps] = [36, 0];
  while (state !== 47 && steps < 100) {
    state = mdp.transitions(state, policy[state]!)[0]!.nextState;
    steps++;
  }
  return steps;
}

claim("optimality-backup-contracts", () => {
  const lake = frozenLake();
  const gamma = 0.99;
  const backup = (Q: Matrix) =>
    matrix(
      Array.from({ length: 16 }, (_, s) =>
        Array.from({ length: 4 }, (_, a) =>
          lake
            .transitions(s, a)
            .reduce(
              (sum, t) =>
                sum + t.probability * (t.reward + (t.terminated ? 0 : gamma * Math.max(...row(Q, t.nextState)))),
              0,
            ),
        ),
      ),
    );
  const { normal } = random(1);
  const table = () => matrix(Array.from({ length: 16 }, () => Array.from({ length: 4 }, () => 10 * normal())));
  for (let trial = 0; trial < 1000; trial++) {
    const [P, Q] = [table(), table()];
    expect(maxAbsDifference(backup(P), backup(Q))).toBeLessThanOrEqual(gamma * maxAbsDifference(P, Q) + 1e-12);
  }
  const { Q: best } = valueIteration(lake, { gamma });
  let k = 0;
  for (const { Q } of valueIterationSteps(lake, { gamma })) {
    k++;
    expect(maxAbsDifference(Q, best)).toBeLessThanOrEqual(gamma ** k * Math.max(...rowMajor(best)) + 1e-10);
  }
});

claim(
  "random-behaviour-finds-the-optimum",
  () => {
    const lake = frozenLake();
    const { Q: best, V } = valueIteration(lake, { gamma: 0.99 });
    const learn = (exponent: number, seed: number) =>
      qLearning(lake, {
        alpha: (visits) => visits ** -exponent,
        gamma: 0.99,
        epsilon: 1,
        episodes: 1e9,
        transitions: 500_000,
        seed,
      });
    const errors = seeds(5).map((seed) => {
      const { Q } = learn(0.6, seed);
      const value = policyEvaluation(lake, softened(greedyPolicy(Q), 4, 0), { gamma: 0.99 }).V[0]!;
      expect(value).toBeCloseTo(V[0]!, 9); // the greedy policy is optimal, to the last digit
      return maxAbsDifference(Q, best);
    });
    expect(Math.max(...errors)).toBeLessThanOrEqual(0.1);
    expect(maxAbsDifference(learn(1, 0).Q, best)).toBeGreaterThanOrEqual(0.4);
    const uniform = softened(new Int32Array(16), 4, 1);
    expect(policyEvaluation(lake, uniform, { gamma: 0.99 }).V[0]).toBeCloseTo(0.0124, 4);
  },
  60_000,
);

claim("grid-world-optimum-exactly", () => {
  const grid = gridWorld4x4();
  const { Q: best } = valueIteration(grid);
  for (const seed of seeds(10)) {
    const { Q, visits } = qLearning(grid, { alpha: 0.5, epsilon: 1, episodes: 1000, seed });
    expect(maxAbsDifference(Q, best)).toBeLessThan(1e-9);
    expect([...visits].filter((count, at) => count === 0 && at >= 4 && at < 60)).toEqual([]);
  }
});

claim(
  "edge-or-detour",
  () => {
    const cliff = cliffWalking();
    expect(valueIteration(cliff).V[36]).toBe(-13);
    const soft = (epsilonSoft: number) => valueIteration(cliff, { epsilonSoft });
    expect(soft(0.1).V[36]).toBeCloseTo(-20.707677, 6);
    const lengths = [0.007, 0.008, 0.1, 0.157, 0.158].map((e) => pathLength(cliff, greedyPolicy(soft(e).Q)));
    expect(lengths).toEqual([13, 15, 15, 15, 17]);
    // Around the edge path: up from the start, right along the third row, down at its end; from the rows above, down.
    const edge = Int32Array.from({ length: 48 }, (_, s) => (s === 36 ? 0 : s >= 24 && s < 35 ? 1 : 2));
    expect(policyEvaluation(cliff, softened(edge, 4, 0.1)).V[36]).toBeCloseTo(-51.813188, 5);
    const run = (algorithm: "q-learning" | "sarsa" | "expected-sarsa") =>
      seeds(50).map((seed) => {
        const { policy, returns } = qLearning(cliff, { algorithm, alpha: 0.5, epsilon: 0.1, episodes: 500, seed });
        return { online: mean([...returns.slice(-100)]), length: pathLength(cliff, policy) };
      });
    const [q, sarsa, expected] = [run("q-learning"), run("sarsa"), run("expected-sarsa")];
    const online = (runs: typeof q) => mean(runs.map((r) => r.online));
    expect(q.every(({ length }) => length === 13)).toBe(true);
    expect(expected.every(({ length }) => length === 15)).toBe(true);
    expect(sarsa.filter(({ length }) => length === 17).length).toBeGreaterThanOrEqual(35);
    expect(online(q)).toBeLessThanOrEqual(-40);
    expect(online(sarsa)).toBeGreaterThanOrEqual(-32);
    expect(online(sarsa)).toBeLessThanOrEqual(-22);
    expect(online(expected)).toBeGreaterThanOrEqual(-23);
  },
  30_000,
);

claim(
  "maximum-of-noise-is-biased",
  () => {
    const mdp = maximizationBiasMdp();
    const left = (algorithm: "q-learning" | "double-q-learning") => {
      const share = new Float64Array(300);
      for (const seed of seeds(200)) {
        for (const { state, action, episode } of qLearningSteps(mdp, { algorithm, episodes: 300, seed })) {
          if (state === 0 && action === 1) share[episode]! += 1 / 200;
        }
      }
      return share;
    };
    const [q, double] = [left("q-learning"), left("double-q-learning")];
    expect(Math.max(...q)).toBeGreaterThanOrEqual(0.6);
    expect(Math.max(...double)).toBeLessThanOrEqual(0.4);
    expect(mean([...q.slice(250)])).toBeGreaterThan(1.5 * mean([...double.slice(250)]));
    const { maxOfNormals } = oracle<{ maxOfNormals: number }>();
    const { normal } = random(2);
    const largest = seeds(20_000).map(() => Math.max(...Array.from({ length: 10 }, normal)));
    expect(Math.abs(mean(largest) - maxOfNormals)).toBeLessThan(0.021); // five standard errors
    expect(maxOfNormals).toBeCloseTo(1.538753, 6);
  },
  30_000,
);

claim("deadly-triad", () => {
  for (const alpha of [0.1, 0.5, 1]) {
    for (const gamma of [0.3, 0.5, 0.7, 0.99]) {
      const w = linearDivergence({ alpha, gamma, steps: 40 });
      const factor = 1 + alpha * (2 * gamma - 1);
      for (const [t, value] of w.entries()) expect(value / factor ** t).toBeCloseTo(1, 10);
      expect(w[40]! > 1 + 1e-9).toBe(gamma > 0.5);
    }
  }
});

describe("oracle: values by NumPy on the tables written out once more", () => {
  test("value iteration and solved linear systems", () => {
    const fixture = oracle<{ lakeQ: number[][]; cliffQ: number[][]; uniformLakeV: number[] }>();
    expect(maxAbsDifference(valueIteration(frozenLake(), { gamma: 0.99 }).Q, matrix(fixture.lakeQ))).toBeLessThan(1e-9);
    expect(maxAbsDifference(valueIteration(cliffWalking(), { gamma: 0.95 }).Q, matrix(fixture.cliffQ))).toBeLessThan(
      1e-9,
    );
    const { V } = policyEvaluation(frozenLake(), softened(new Int32Array(16), 4, 1), { gamma: 0.99 });
    for (const [s, v] of fixture.uniformLakeV.entries()) expect(V[s]).toBeCloseTo(v, 10);
  });
});

/** From 0 the only action pays 1 and leads back to 0: worth 1/(1 − γ) for ever. */
const loop: TabularMdp = {
  stateCount: 1,
  actionCount: 1,
  initialDistribution: Float64Array.of(1),
  transitions: () => [{ probability: 1, nextState: 0, reward: 1, terminated: false }],
};

describe("contract", () => {
  test("the target by hand: one step of each kind", () => {
    // 0 → 1 → end; the second step pays 8.
    const chain: TabularMdp = {
      ...loop,
      stateCount: 2,
      initialDistribution: Float64Array.of(1, 0),
      transitions: (s) => [{ probability: 1, nextState: 1, reward: s === 1 ? 8 : 0, terminated: s === 1 }],
    };
    for (const algorithm of ["q-learning", "sarsa", "expected-sarsa"] as const) {
      const errors = [...qLearningSteps(chain, { algorithm, alpha: 0.5, gamma: 0.5, episodes: 3 })].map(
        (s) => s.tdError,
      );
      // Q(1) is 0, 4, 6; Q(0) is 0, 0, then 0.5·(0.5·4) = 1: targets 0, 8, 2, 8, 3, 8.
      expect(errors).toEqual([0, 8, 2, 4, 2, 2]);
    }
  });

  test("a cut-off episode still has a value after it, an ended one has none", () => {
    const { Q } = qLearning(loop, { alpha: 0.5, gamma: 0.9, maxSteps: 3, episodes: 400 });
    expect(Q.get(0, 0)).toBeCloseTo(10, 9);
    const once = { ...loop, transitions: () => [{ probability: 1, nextState: 0, reward: 1, terminated: true }] };
    expect(qLearning(once, { alpha: 0.5, gamma: 0.9 }).Q.get(0, 0)).toBeCloseTo(1, 9);
  });

  test("the same seed gives the same bits; ties are broken at random", () => {
    const run = (seed: number) => qLearning(frozenLake(), { seed, episodes: 50 });
    expect(run(3)).toEqual(run(3));
    expect(String(run(3).visits)).not.toBe(String(run(4).visits));
    const firsts = seeds(40).map((seed) => qLearningSteps(gridWorld4x4(), { seed, epsilon: 0 }).next().value!.action);
    expect(new Set(firsts).size).toBe(4);
    expect(qLearning(cliffWalking())).toEqual(
      qLearning(cliffWalking(), {
        algorithm: "q-learning",
        alpha: 0.1,
        gamma: 1,
        epsilon: 0.1,
        episodes: 500,
        seed: 0,
      }),
    );
    expect(qLearning(loop, { transitions: 7, episodes: 9 }).visits[0]).toBe(7);
  });

  test("a diverging error is reported with its step", () => {
    const blast = { ...loop, transitions: () => [{ probability: 1, nextState: 0, reward: 1e308, terminated: false }] };
    expect(() => qLearning(blast, { alpha: 1, gamma: 1 })).toThrow(DivergenceError);
    expect(() => qLearning(blast, { alpha: 1, gamma: 1 })).toThrow(
      "qLearning: the temporal-difference error is Infinity at step 1",
    );
  });

  test.each<[string, () => unknown]>([
    ["qLearning: alpha must be a finite number in (0, 1], got 0", () => qLearning(loop, { alpha: 0 })],
    ["qLearning: alpha must be a finite number in (0, 1], got NaN", () => qLearning(loop, { alpha: Number.NaN })],
    ["qLearning: gamma must be a finite number in [0, 1], got 1.1", () => qLearning(loop, { gamma: 1.1 })],
    ["qLearning: epsilon must be a finite number in [0, 1], got -1", () => qLearning(loop, { epsilon: -1 })],
    ["qLearning: episodes must be an integer at least 1, got 0", () => qLearning(loop, { episodes: 0 })],
    ["qLearning: maxSteps must be an integer at least 1, got 0", () => qLearning(loop, { maxSteps: 0 })],
    ["qLearning: transitions must be an integer at least 1, got 0.5", () => qLearning(loop, { transitions: 0.5 })],
    [
      "qLearning: algorithm must be one of 'q-learning', 'sarsa', 'expected-sarsa', 'double-q-learning', got 'dqn'",
      () => qLearning(loop, { algorithm: "dqn" as "sarsa" }),
    ],
    ["softened: epsilon must be a finite number in [0, 1], got 2", () => softened(Int32Array.of(0), 2, 2)],
    ["linearDivergence: alpha must be a finite number in (0, 1], got 2", () => linearDivergence({ alpha: 2 })],
  ])("RangeError: %s", (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("the figure's arrows are the greedy policy", () => {
    const spec = cliffFigure.draw({ episodes: 500 }) as unknown as { description: string };
    expect(spec.description).toContain("13 steps");
    expect(toRows(softened(Int32Array.of(1, 0), 2, 0.2))).toEqual([
      [0.1, 0.9],
      [0.9, 0.1],
    ]);
  });
});
