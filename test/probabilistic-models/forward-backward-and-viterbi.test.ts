import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { add, gather, logSumExp, reshape, slice } from "../../src/autodiff/ops.js";
import { fromMatrix, grad, type Tensor, tensor } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import {
  backward,
  type ChainPotentials,
  chainDynamicProgram,
  chainPotentials,
  counting,
  crfLogPartition,
  forward,
  forwardBackward,
  type HiddenChain,
  kBestPaths,
  maxPlus,
  pathLogProbability,
  posteriorDecode,
  type Semiring,
  sampleStatePaths,
  sumProduct,
  unscaledForwardBackward,
  viterbi,
  viterbiSteps,
  ZeroLikelihoodError,
} from "../../src/demos/probabilistic-models/forward-backward-and-viterbi.js";
import { simulateChain } from "../../src/demos/probability-and-statistics/markov-chains.js";
import { casinoNight, feverTrellis } from "../../src/figures/probabilistic-models/forward-backward-and-viterbi.js";
import { type Matrix, matrix, maxAbsDifference, row, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { from, m, strided } from "../matrices.js";

const { claim, oracle } = concept("probabilistic-models/forward-backward-and-viterbi");

// ---- what the tests are made of ----

const fever: HiddenChain = {
  start: [0.6, 0.4],
  transition: m(".7 .3; .4 .6"),
  emission: m(".5 .4 .1; .1 .3 .6"),
};
const days = [0, 1, 2]; // normal, cold, dizzy
const casino: HiddenChain & { emission: Matrix } = {
  start: [0.5, 0.5],
  transition: m(".95 .05; .1 .9"),
  emission: matrix([Array(6).fill(1 / 6), [0.1, 0.1, 0.1, 0.1, 0.1, 0.5]]),
};
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((total, value) => total + value, 0);

function laws(rows: number, columns: number, seed: number, density = 1): Matrix {
  const { uniform, integer } = random(seed);
  return matrix(
    Array.from({ length: rows }, () => {
      const law = Array.from({ length: columns }, () => (uniform() < density ? uniform() + 0.05 : 0));
      if (sum(law) === 0) law[integer(columns)] = 1;
      return law.map((value) => value / sum(law));
    }),
  );
}

interface Case {
  readonly model: HiddenChain & { readonly emission: Matrix };
  readonly x: Int32Array;
  readonly K: number;
  readonly T: number;
}

function caseOf(K: number, M: number, T: number, seed: number, density = 1): Case {
  const { integer } = random(seed);
  return {
    model: {
      start: row(laws(1, K, seed + 1, density), 0),
      transition: laws(K, K, seed + 2, density),
      emission: laws(K, M, seed + 3, density),
    },
    x: Int32Array.from({ length: T }, () => integer(M)),
    K,
    T,
  };
}

const cases = fc
  .record({
    K: fc.integer({ min: 1, max: 4 }),
    M: fc.integer({ min: 1, max: 5 }),
    T: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(1e6),
    density: fc.constantFrom(1, 0.7),
  })
  .map(({ K, M, T, seed, density }) => caseOf(K, M, T, seed, density));

/** All Kᵀ paths with their probabilities, by nothing but products. */
function enumerate({ model, x, K, T }: Case): { path: number[]; p: number }[] {
  return Array.from({ length: K ** T }, (_, code) => {
    const path = Array.from({ length: T }, (_, t) => Math.floor(code / K ** (T - 1 - t)) % K);
    const p = path.reduce(
      (product, state, t) =>
        product *
        (t === 0 ? model.start[state]! : model.transition.get(path[t - 1]!, state)) *
        model.emission.get(state, x[t]!),
      1,
    );
    return { path, p };
  });
}

/** A semiring that counts how often `times` is called. */
function counted<W>(semiring: Semiring<W>): { semiring: Semiring<W>; calls: () => number } {
  let calls = 0;
  const times = (path: W, end: W) => {
    calls++;
    return semiring.times(path, end);
  };
  return { semiring: { ...semiring, times }, calls: () => calls };
}

function rolls(length: number, seed: number) {
  const states = simulateChain(casino.transition, length, { seed, start: seed % 2 });
  const { categorical } = random(1000 + seed);
  return { states, x: states.map((state) => categorical(row(casino.emission, state))) };
}

const share = (path: ArrayLike<number>, states: Int32Array) =>
  states.filter((state, t) => state === path[t]).length / states.length;

const forbidden: HiddenChain = { start: [0.4, 0.3, 0.3], transition: m("1 0 0; 0 0 1; 0 0 1"), emission: m("1; 1; 1") };

const leftToRight: ChainPotentials = {
  unary: from(12, 5, (t, j) => ((t === 0 && j > 0) || (t === 11 && j < 4) ? -Infinity : 0)),
  pairwise: from(5, 5, (i, j) => (j === i || j === i + 1 ? 0 : -Infinity)),
};

// ---- claims ----

claim("equals-enumeration-at-t-k-squared", () => {
  const one = caseOf(3, 4, 8, 5);
  const all = enumerate(one);
  expect(all).toHaveLength(6561);
  const total = sum(all.map(({ p }) => p));
  expect(Math.exp(forward(one.model, one.x).logLikelihood) / total).toBeCloseTo(1, 12);
  const best = all.reduce((a, b) => (b.p > a.p ? b : a));
  expect(Array.from(viterbi(one.model, one.x).path)).toEqual(best.path);
  expect(Math.exp(viterbi(one.model, one.x).logProbability) / best.p).toBeCloseTo(1, 12);
  for (const [K, T] of [
    [3, 8],
    [3, 16],
    [6, 8],
    [2, 1],
  ] as const) {
    const { model, x } = caseOf(K, 4, T, 6);
    const { semiring, calls } = counted(sumProduct);
    chainDynamicProgram(chainPotentials(model, x), semiring);
    expect(calls()).toBe((T - 1) * (K * K + K));
  }
});

claim("fever-example", () => {
  expect(Math.exp(forward(fever, days).logLikelihood)).toBeCloseTo(0.03628, 15);
  const { path, logProbability } = viterbi(fever, days);
  expect(Array.from(path)).toEqual([0, 0, 1]);
  expect(Math.exp(logProbability)).toBeCloseTo(0.01512, 15);
  const { gamma } = forwardBackward(fever, days);
  expect([0, 1, 2].map((t) => gamma.get(t, 1))).toEqual(
    [0.123484, 0.377067, 0.787872].map((value) => expect.closeTo(value, 6)),
  );
});

claim("alpha-beta-is-the-same-at-every-t", () => {
  const { model, x } = caseOf(4, 5, 60, 9);
  const { alpha, beta, likelihood } = unscaledForwardBackward(model, x);
  const scaled = forward(model, x);
  const scaledBeta = backward(model, x, scaled.logScales);
  expect(likelihood).toBeGreaterThan(1e-60);
  for (let t = 0; t < 60; t++) {
    expect(sum(row(alpha, t).map((a, i) => a * beta.get(t, i))) / likelihood).toBeCloseTo(1, 12);
    expect(sum(row(scaled.alpha, t).map((a, i) => a * scaledBeta.get(t, i)))).toBeCloseTo(1, 12);
  }
  expect(scaled.logLikelihood / Math.log(likelihood)).toBeCloseTo(1, 13);
});

claim("posteriors-are-gradients", () => {
  const { model, x, K, T } = caseOf(3, 4, 7, 12);
  const { gamma, xi } = forwardBackward(model, x);
  // By the engine: log P as a function of log b and log a.
  const { unary, pairwise } = chainPotentials(model, x);
  const engine = grad(({ u, a }: { u: Tensor; a: Tensor }) => {
    let v = slice(u, [0, 0], [1, K]);
    for (let t = 1; t < T; t++) {
      const ways = add(reshape(v, [K, 1]), a);
      const ahead = logSumExp(
        gather(
          reshape(ways, [K * K]),
          Array.from({ length: K * K }, (_, k) => (k % K) * K + Math.floor(k / K)),
          [K, K],
        ),
      );
      v = add(reshape(ahead, [1, K]), slice(u, [t, 0], [t + 1, K]));
    }
    return reshape(logSumExp(v), []);
  })({ u: fromMatrix(unary, "float64"), a: fromMatrix(pairwise, "float64") });
  for (const [at, value] of gamma.data.entries()) expect(Math.abs(engine.u.data[at]! - value)).toBeLessThan(1e-10);
  for (const [at, value] of xi.data.entries()) expect(Math.abs(engine.a.data[at]! - value)).toBeLessThan(1e-10);
  // By central differences of log P, over potentials of which nothing is normalised.
  const h = 1e-5;
  const moved = (at: number, by: number, which: "unary" | "pairwise") => {
    const potentials = { unary: matrix(toRows(unary)), pairwise: matrix(toRows(pairwise)) };
    potentials[which].data[at] = potentials[which].data[at]! + by;
    return chainDynamicProgram(potentials, sumProduct);
  };
  for (const [which, posterior] of [
    ["unary", gamma],
    ["pairwise", xi],
  ] as const) {
    for (const [at, value] of posterior.data.entries()) {
      const difference = (moved(at, h, which) - moved(at, -h, which)) / (2 * h);
      expect(Math.abs(difference - value)).toBeLessThan(1e-7);
    }
  }
  expect(tensor([1]).size).toBe(1);
});

claim("single-states-may-make-an-impossible-path", () => {
  const { path, logProbability, expectedCorrect } = posteriorDecode(forbidden, [0, 0]);
  expect([Array.from(path), logProbability]).toEqual([[0, 2], -Infinity]);
  expect(expectedCorrect).toBeCloseTo(1, 15); // 0.4 + 0.6
  const best = viterbi(forbidden, [0, 0]);
  expect([Array.from(best.path), Math.exp(best.logProbability)]).toEqual([[0, 0], expect.closeTo(0.4, 15)]);
});

claim("which-decoder-is-better-depends-on-the-loss", () => {
  const accuracy = { posterior: 0, viterbi: 0, filter: 0, emission: 0, expected: 0 };
  for (let seed = 0; seed < 20; seed++) {
    const { states, x } = rolls(5000, seed);
    const { path, expectedCorrect, logProbability } = posteriorDecode(casino, x);
    const best = viterbi(casino, x);
    const { alpha } = forward(casino, x);
    accuracy.posterior += share(path, states) / 20;
    accuracy.expected += expectedCorrect / 5000 / 20;
    accuracy.viterbi += share(best.path, states) / 20;
    accuracy.filter +=
      share(
        states.map((_, t) => Number(alpha.get(t, 1) > alpha.get(t, 0))),
        states,
      ) / 20;
    accuracy.emission +=
      share(
        x.map((roll) => Number(roll === 5)),
        states,
      ) / 20;
    expect(best.logProbability).toBeGreaterThan(logProbability);
  }
  expect(Math.abs(accuracy.posterior - 0.821)).toBeLessThan(0.01);
  expect(Math.abs(accuracy.viterbi - 0.796)).toBeLessThan(0.01);
  expect(Math.abs(accuracy.filter - 0.778)).toBeLessThan(0.01);
  expect(Math.abs(accuracy.emission - 0.726)).toBeLessThan(0.01);
  expect(Math.abs(accuracy.expected - accuracy.posterior)).toBeLessThan(0.005);
});

claim("unscaled-alpha-underflows", () => {
  const ones = (T: number) => new Int32Array(T);
  const zeroFrom = Array.from({ length: 20 }, (_, i) => 396 + i).find(
    (T) => unscaledForwardBackward(casino, ones(T)).likelihood === 0,
  );
  expect(Math.abs(zeroFrom! - 406)).toBeLessThanOrEqual(2);
  const { x } = rolls(100_000, 3);
  const scaled = forward(casino, x).logLikelihood;
  const inLogs = chainDynamicProgram(chainPotentials(casino, x), sumProduct);
  expect(Math.abs(scaled / inLogs - 1)).toBeLessThan(1e-9);
  expect(scaled).toBeLessThan(-150_000);
});

claim("faint-states-may-decide", () => {
  const apart = { start: [0.5, 0.5], transition: m("1 0; 0 1") };
  const x = m("0 -800; -1000 0");
  const { gamma, logLikelihood } = forwardBackward(apart, x);
  expect(logLikelihood).toBeCloseTo(-800 - Math.log(2), 12);
  expect(gamma.get(0, 1)).toBeCloseTo(1, 12);
  expect(forward(apart, x).alpha.get(0, 1)).toBe(0);
  fc.assert(
    fc.property(
      fc.record({
        K: fc.integer({ min: 1, max: 3 }),
        T: fc.integer({ min: 1, max: 5 }),
        seed: fc.nat(1e6),
        spread: fc.constantFrom(10, 300, 700, 3000),
        density: fc.constantFrom(1, 0.6),
      }),
      ({ K, T, seed, spread, density }) => {
        const { uniform } = random(seed);
        const score = () => (uniform() < density ? spread * (uniform() - 0.5) : -Infinity);
        const unary = from(T, K, score);
        const pairwise = from(K, K, score);
        const paths = Array.from({ length: K ** T }, (_, code) =>
          Array.from({ length: T }, (_, t) => Math.floor(code / K ** (T - 1 - t)) % K),
        );
        const scores = paths.map((path) =>
          sum(path.map((i, t) => unary.get(t, i) + (t === 0 ? 0 : pairwise.get(path[t - 1]!, i)))),
        );
        const top = Math.max(...scores);
        if (top === -Infinity) return void expect(() => crfLogPartition(unary, pairwise)).toThrow(ZeroLikelihoodError);
        const weights = scores.map((value) => Math.exp(value - top));
        const { logPartition, unaryGradient, pairwiseGradient } = crfLogPartition(unary, pairwise);
        expect(Math.abs(logPartition - top - Math.log(sum(weights)))).toBeLessThan(1e-10);
        for (let i = 0; i < K; i++) {
          for (let t = 0; t < T; t++) {
            const here = sum(weights.filter((_, at) => paths[at]![t] === i)) / sum(weights);
            expect(Math.abs(unaryGradient.get(t, i) - here)).toBeLessThan(1e-10);
          }
          for (let j = 0; j < K; j++) {
            const used = (path: number[]) =>
              path.filter((state, t) => t > 0 && path[t - 1] === i && state === j).length;
            const here = sum(weights.map((weight, at) => weight * used(paths[at]!))) / sum(weights);
            expect(Math.abs(pairwiseGradient.get(i, j) - here)).toBeLessThan(1e-10);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

claim("one-recursion-several-answers", () => {
  expect(chainDynamicProgram(leftToRight, counting)).toBe(330); // C(11, 4)
  const best = kBestPaths(fever, days, 3);
  expect(best.map(({ logProbability }) => Math.exp(logProbability))).toEqual(
    [0.01512, 0.00972, 0.00588].map((p) => expect.closeTo(p, 15)),
  );
  expect(best.map(({ path }) => Array.from(path))).toEqual([
    [0, 0, 1],
    [0, 1, 1],
    [0, 0, 0],
  ]);
  const paths = sampleStatePaths(fever, days, { samples: 20_000, seed: 1 });
  const { gamma } = forwardBackward(fever, days);
  for (let t = 0; t < 3; t++) {
    const p = gamma.get(t, 1);
    const seen = paths.filter((path) => path[t] === 1).length / 20_000;
    expect(Math.abs(seen - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 20_000));
  }
  const p = 0.01512 / 0.03628;
  const whole = paths.filter((path) => path.join() === "0,0,1").length / 20_000;
  expect(Math.abs(whole - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / 20_000));
});

claim("backward-messages-are-no-probabilities", () => {
  const { beta } = unscaledForwardBackward(fever, days);
  expect(sum(row(beta, 2))).toBe(2);
  expect(sum(row(beta, 0))).toBeCloseTo(0.106 + 0.112, 12); // from Healthy and from Fever, by hand
  expect(beta.get(0, 0)).toBeCloseTo(0.7 * 0.4 * (0.7 * 0.1 + 0.3 * 0.6) + 0.3 * 0.3 * (0.4 * 0.1 + 0.6 * 0.6), 15);
});

// ---- NumPy, SciPy, PyTorch ----

type Rows = number[][];
interface Model {
  start: number[];
  transition: Rows;
  emission: Rows;
}
interface Fixture {
  enumerated: (Model & {
    x: number[];
    logLikelihood: number;
    gamma: Rows;
    xi: Rows;
    best: { path: number[]; log: number }[];
    possible: number;
  })[];
  longChains: (Model & {
    length: number;
    logLikelihood: number;
    at: number[];
    filter: Rows;
    gamma: Rows;
    viterbiLog: number;
    viterbiCounts: number[];
    viterbiBeginning: number[];
  })[];
  fields: { unary: Rows; pairwise: Rows; logPartition: number; unaryGradient: Rows; pairwiseGradient: Rows }[];
  posteriorGradients: Model & { x: number[]; unary: Rows; pairwise: Rows };
  faint: { logB: Rows; transition: Rows; logPartition: number; gamma: Rows; xi: Rows }[];
  rabiner: Model & { x: number[]; alpha: Rows; beta: Rows; logLikelihood: number };
}

describe("NumPy, SciPy and PyTorch agree", () => {
  const expected = oracle<Fixture>();
  const modelOf = ({ start, transition, emission }: Model) => ({
    start,
    transition: matrix(transition),
    emission: matrix(emission),
  });

  test("on everything that can be enumerated", () => {
    for (const one of expected.enumerated) {
      const model = modelOf(one);
      const { gamma, xi, logLikelihood } = forwardBackward(model, one.x);
      expect(logLikelihood).toBeCloseTo(one.logLikelihood, 13);
      expect(maxAbsDifference(gamma, matrix(one.gamma))).toBeLessThan(1e-14);
      expect(maxAbsDifference(xi, matrix(one.xi))).toBeLessThan(1e-13);
      const best = kBestPaths(model, one.x, one.best.length);
      expect(best.map(({ path }) => Array.from(path))).toEqual(one.best.map(({ path }) => path));
      for (const [k, { log }] of one.best.entries()) expect(best[k]!.logProbability).toBeCloseTo(log, 13);
      expect(Array.from(viterbi(model, one.x).path)).toEqual(one.best[0]!.path);
      expect(chainDynamicProgram(chainPotentials(model, one.x), counting)).toBe(one.possible);
      expect(kBestPaths(model, one.x, 10_000)).toHaveLength(one.possible);
    }
  });

  test("on long chains, against recursions of logarithms", () => {
    for (const one of expected.longChains) {
      const model = modelOf(one);
      const M = one.emission[0]!.length;
      const x = Int32Array.from({ length: one.length }, (_, t) => ((t * t * 7 + t) % 11) % M);
      const { alpha, logLikelihood } = forward(model, x);
      expect(Math.abs(logLikelihood / one.logLikelihood - 1)).toBeLessThan(1e-13);
      const { gamma } = forwardBackward(model, x);
      const best = viterbi(model, x);
      expect(best.logProbability / one.viterbiLog).toBeCloseTo(1, 12);
      expect(Array.from(best.path.slice(0, 60))).toEqual(one.viterbiBeginning);
      expect(one.viterbiCounts.map((_, i) => best.path.filter((state) => state === i).length)).toEqual(
        one.viterbiCounts,
      );
      expect(pathLogProbability(model, x, best.path) / one.viterbiLog).toBeCloseTo(1, 12);
      for (const [k, t] of one.at.entries()) {
        expect(maxAbsDifference(matrix([row(alpha, t)]), matrix([one.filter[k]!]))).toBeLessThan(1e-12);
        expect(maxAbsDifference(matrix([row(gamma, t)]), matrix([one.gamma[k]!]))).toBeLessThan(1e-10); // errors of 3000 steps of logs
      }
    }
  });

  test("on partition functions and gradients of random fields", () => {
    for (const { unary, pairwise, logPartition, unaryGradient, pairwiseGradient } of expected.fields) {
      const ours = crfLogPartition(matrix(unary), matrix(pairwise));
      expect(ours.logPartition / logPartition).toBeCloseTo(1, 13);
      expect(maxAbsDifference(ours.unaryGradient, matrix(unaryGradient))).toBeLessThan(1e-12);
      expect(maxAbsDifference(ours.pairwiseGradient, matrix(pairwiseGradient))).toBeLessThan(1e-12);
    }
  });

  test("on states too faint for float64 that decide in the end", () => {
    for (const { logB, transition, logPartition, gamma, xi } of expected.faint) {
      const K = transition.length;
      const model = { start: Array(K).fill(1 / K), transition: matrix(transition) };
      const x = matrix(logB);
      const chain = forwardBackward(model, x, { steps: true });
      expect(chain.logLikelihood).toBeCloseTo(logPartition - Math.log(K), 9);
      expect(forward(model, x).logLikelihood).toBe(chain.logLikelihood);
      const field = crfLogPartition(x, matrix(transition.map((law) => law.map(Math.log))));
      expect(field.logPartition).toBeCloseTo(logPartition, 9);
      for (const [ours, theirs] of [
        [chain.gamma, gamma],
        [field.unaryGradient, gamma],
        [chain.xi, xi],
        [field.pairwiseGradient, xi],
      ] as const) {
        expect(maxAbsDifference(ours, matrix(theirs))).toBeLessThan(1e-11); // scores of 1e4 have 1e-12 in their last bit
      }
      const likely = posteriorDecode(model, x).path;
      expect(Array.from(likely)).toEqual(gamma.map((law) => law.indexOf(Math.max(...law))));
      for (const path of sampleStatePaths(model, x, { samples: 20 })) {
        expect(pathLogProbability(model, x, path)).toBeGreaterThan(chain.logLikelihood - 15);
      }
    }
  });

  test("on Rabiner's scaling: the same α, and β divided once more", () => {
    const { x, alpha, beta, logLikelihood, ...rest } = expected.rabiner;
    const model = modelOf(rest);
    const ours = forward(model, x);
    expect(ours.logLikelihood).toBeCloseTo(logLikelihood, 13);
    expect(maxAbsDifference(ours.alpha, matrix(alpha))).toBeLessThan(1e-14);
    const ourBeta = backward(model, x, ours.logScales);
    const { gamma } = forwardBackward(model, x);
    for (const [t, theirs] of beta.entries()) {
      const c = Math.exp(ours.logScales[t]!);
      for (const [i, value] of theirs.entries()) {
        expect(value).toBeCloseTo(ourBeta.get(t, i) / c, 12);
        expect(gamma.get(t, i)).toBeCloseTo(alpha[t]![i]! * value * c, 13);
      }
    }
  });

  test("on posteriors as gradients", () => {
    const one = expected.posteriorGradients;
    const { gamma, xi } = forwardBackward(modelOf(one), one.x);
    expect(maxAbsDifference(gamma, matrix(one.unary))).toBeLessThan(1e-13);
    expect(maxAbsDifference(xi, matrix(one.pairwise))).toBeLessThan(1e-13);
  });
});

// ---- properties ----

describe("properties", () => {
  test("everything is what enumeration says, forbidden paths included", () => {
    fc.assert(
      fc.property(cases, (one) => {
        const { model, x, K, T } = one;
        const all = enumerate(one);
        const total = sum(all.map(({ p }) => p));
        if (total === 0) {
          for (const call of [forward, forwardBackward, viterbi, posteriorDecode, sampleStatePaths]) {
            expect(() => call(model, x)).toThrow(ZeroLikelihoodError);
          }
          expect(kBestPaths(model, x, 3)).toEqual([]);
          return;
        }
        const { gamma, xi, xiSteps, logLikelihood } = forwardBackward(model, x, { steps: true });
        expect(Math.abs(logLikelihood - Math.log(total))).toBeLessThan(1e-12);
        expect(Math.abs(chainDynamicProgram(chainPotentials(model, x), sumProduct) - logLikelihood)).toBeLessThan(
          1e-12,
        );
        expect(unscaledForwardBackward(model, x).likelihood / total).toBeCloseTo(1, 12);
        for (let t = 0; t < T; t++) {
          expect(sum(row(gamma, t))).toBeCloseTo(1, 12);
          for (let i = 0; i < K; i++) {
            const here = sum(all.filter(({ path }) => path[t] === i).map(({ p }) => p)) / total;
            expect(Math.abs(gamma.get(t, i) - here)).toBeLessThan(1e-13);
          }
        }
        expect(xiSteps).toHaveLength(T - 1);
        for (const [t, step] of xiSteps!.entries()) {
          for (let i = 0; i < K; i++) {
            expect(sum(row(step, i))).toBeCloseTo(gamma.get(t, i), 12);
            for (let j = 0; j < K; j++) {
              const here = sum(all.filter(({ path }) => path[t] === i && path[t + 1] === j).map(({ p }) => p)) / total;
              expect(Math.abs(step.get(i, j) - here)).toBeLessThan(1e-13);
            }
          }
        }
        expect(sum(xi.data)).toBeCloseTo(T - 1, 11);
        const best = viterbi(model, x);
        const top = Math.max(...all.map(({ p }) => p));
        expect(Math.exp(best.logProbability) / top).toBeCloseTo(1, 12);
        expect(chainDynamicProgram(chainPotentials(model, x), maxPlus)).toBeCloseTo(best.logProbability, 12);
        expect(pathLogProbability(model, x, best.path)).toBeCloseTo(best.logProbability, 12);
        const ranked = kBestPaths(model, x, 5);
        const sorted = all
          .map(({ p }) => p)
          .filter((p) => p > 0)
          .sort((a, b) => b - a)
          .slice(0, 5);
        expect(ranked.map(({ logProbability }) => Math.exp(logProbability))).toEqual(
          sorted.map((p) => expect.closeTo(p, 12)),
        );
        for (const { path, logProbability } of ranked) {
          expect(pathLogProbability(model, x, path)).toBeCloseTo(logProbability, 12);
        }
        expect(new Set(ranked.map(({ path }) => path.join())).size).toBe(ranked.length);
        for (const path of sampleStatePaths(model, x, { samples: 5, seed: T })) {
          expect(pathLogProbability(model, x, path)).toBeGreaterThan(-Infinity);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("an impossible position is the same in logarithms", () => {
    const split = { start: [0.5, 0.5], transition: m("1 0; 0 1") };
    expect(() => forward(split, m("0 -800; -Infinity -Infinity"))).toThrow(
      "forward: x must be possible, got probability 0 at position 1",
    );
  });

  test("the filter is the smoother of the observations so far", () => {
    fc.assert(
      fc.property(cases, ({ model, x, T }) => {
        fc.pre(enumerate({ model, x, K: model.transition.shape[0]!, T }).some(({ p }) => p > 0));
        const { alpha, logScales, logLikelihood } = forward(model, x);
        expect(sum(logScales)).toBeCloseTo(logLikelihood, 12);
        for (let t = 0; t < T; t++) {
          const past = forwardBackward(model, x.subarray(0, t + 1));
          expect(maxAbsDifference(matrix([row(alpha, t)]), matrix([row(past.gamma, t)]))).toBeLessThan(1e-13);
          expect(sum(logScales.slice(0, t + 1))).toBeCloseTo(past.logLikelihood, 12);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("densities: the same as symbols by their logarithms, at any scale; −Infinity forbids", () => {
    const { model, x, K, T } = caseOf(3, 4, 9, 2);
    const logs = from(T, K, (t, i) => Math.log(model.emission.get(i, x[t]!)));
    const bare = { start: model.start, transition: model.transition };
    const symbols = forwardBackward(model, x);
    for (const offset of [0, -5000, 5000]) {
      const shifted = from(T, K, (t, i) => logs.get(t, i) + offset);
      const ours = forwardBackward(bare, shifted);
      expect(maxAbsDifference(ours.gamma, symbols.gamma)).toBeLessThan(1e-11); // 5000 has 1e-12 in its last bit
      expect(maxAbsDifference(ours.xi, symbols.xi)).toBeLessThan(1e-11);
      expect(Math.abs(ours.logLikelihood - symbols.logLikelihood - T * offset)).toBeLessThan(1e-9);
      expect(Array.from(viterbi(bare, shifted).path)).toEqual(Array.from(viterbi(model, x).path));
    }
    const only = forwardBackward(bare, m("-Infinity 0 -Infinity; 0 -Infinity -Infinity"));
    expect(toRows(only.gamma)).toEqual([
      [0, 1, 0],
      [1, 0, 0],
    ]);
  });

  test("a state that the past excludes may have any density: no NaN", () => {
    const stuck = { start: [1, 0], transition: m("1 0; 0 1") };
    const { gamma, xi, logLikelihood } = forwardBackward(stuck, m("-900 0; -900 0; -900 700"));
    expect(toRows(gamma)).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    expect(toRows(xi)).toEqual([
      [2, 0],
      [0, 0],
    ]);
    expect(logLikelihood).toBe(-2700);
    const { logScales } = forward(stuck, m("-900 0; -900 0; -900 700"));
    const beta = backward(stuck, m("-900 0; -900 0; -900 700"), logScales);
    expect(beta.data.every((value) => value >= 0 && value < Infinity)).toBe(true);
    // Infinitely surprising and then impossible: ∞·0. And, with weights that are no laws, two of them: ∞ after all.
    const ended = forwardBackward(stuck, m("-900 0; -900 0; -900 -Infinity"));
    expect(toRows(ended.gamma)).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    const excluded = m("0 -Infinity -Infinity; 0 0 0; 0 0 0");
    const field = crfLogPartition(m("0 -Infinity -Infinity; -900 0 0; -900 0 0"), excluded);
    expect(toRows(field.unaryGradient)).toEqual([
      [1, 0, 0],
      [1, 0, 0],
      [1, 0, 0],
    ]);
    expect(field.logPartition).toBe(-1800);
    const barely = forwardBackward({ start: [1, 5e-324], transition: m("1 0; 0 1") }, m("0 800"));
    expect(sum(barely.gamma.data)).toBeCloseTo(1, 12);
  });

  test("Viterbi's table: scores are best prefixes; ties go to the lowest state", () => {
    const even = { start: [0.5, 0.5], transition: m(".5 .5; .5 .5"), emission: m("1; 1") };
    expect(Array.from(viterbi(even, [0, 0, 0]).path)).toEqual([0, 0, 0]);
    expect(Array.from(posteriorDecode(even, [0, 0, 0]).path)).toEqual([0, 0, 0]);
    expect(kBestPaths(even, [0, 0], 4).map(({ path }) => path.join(""))).toEqual(["00", "10", "01", "11"]);
    const steps = [...viterbiSteps(fever, days)];
    expect(steps.map(({ t }) => t)).toEqual([0, 1, 2]);
    expect(Array.from(steps[0]!.backPointers)).toEqual([-1, -1]);
    expect(Array.from(steps[1]!.backPointers)).toEqual([0, 0]);
    expect(Array.from(steps[2]!.backPointers)).toEqual([0, 0]);
    expect(Array.from(steps[2]!.scores, Math.exp)).toEqual([expect.closeTo(0.00588, 15), expect.closeTo(0.01512, 15)]);
  });

  test("random fields: gradients are marginals; adding a constant to all scores only moves log Z; forbidden states", () => {
    const unary = from(5, 3, (t, i) => ((7 * t + 3 * i) % 5) - 2);
    const pairwise = m("0 1 -1; 2 0 -Infinity; .5 -3 1");
    const { logPartition, unaryGradient, pairwiseGradient } = crfLogPartition(unary, pairwise);
    expect(logPartition).toBeCloseTo(chainDynamicProgram({ unary, pairwise }, sumProduct), 12);
    for (let t = 0; t < 5; t++) expect(sum(row(unaryGradient, t))).toBeCloseTo(1, 12);
    expect(pairwiseGradient.get(1, 2)).toBe(0);
    expect(sum(pairwiseGradient.data)).toBeCloseTo(4, 12);
    const moved = crfLogPartition(
      from(5, 3, (t, i) => unary.get(t, i) + 900),
      from(3, 3, (i, j) => pairwise.get(i, j) - 1200),
    );
    expect(moved.logPartition).toBeCloseTo(logPartition + 5 * 900 - 4 * 1200, 8);
    expect(maxAbsDifference(moved.unaryGradient, unaryGradient)).toBeLessThan(1e-11);
    expect(crfLogPartition(m("3 -Infinity"), m("-Infinity -Infinity; -Infinity -Infinity")).logPartition).toBe(3);
  });
});

// ---- the contract ----

describe("contract", () => {
  test("inputs stay as they are, and need not be row-major; the same seed gives the same bits", () => {
    const { model, x } = caseOf(3, 4, 12, 7);
    const before = JSON.stringify([
      Array.from(model.start),
      toRows(model.transition),
      toRows(model.emission),
      Array.from(x),
    ]);
    const views = { start: model.start, transition: strided(model.transition), emission: strided(model.emission) };
    expect(toRows(forwardBackward(views, x).gamma)).toEqual(toRows(forwardBackward(model, x).gamma));
    const potentials = chainPotentials(model, x);
    const kept = JSON.stringify(toRows(potentials.unary));
    crfLogPartition(strided(potentials.unary), potentials.pairwise);
    expect(JSON.stringify(toRows(potentials.unary))).toBe(kept);
    expect(viterbi(views, x)).toEqual(viterbi(model, x));
    const table = [...viterbiSteps(model, x)].map(({ scores }) => Array.from(scores));
    let t = 0;
    for (const step of viterbiSteps(model, x)) {
      expect(Array.from(step.scores)).toEqual(table[t++]);
      step.scores.fill(9); // what a caller does with a step changes none of those to come
    }
    const logs = from(12, 3, (t, i) => Math.log(model.emission.get(i, x[t]!)));
    const logsBefore = JSON.stringify(toRows(logs));
    chainPotentials(model, logs);
    forwardBackward(model, logs);
    expect(JSON.stringify(toRows(logs))).toBe(logsBefore);
    expect(
      JSON.stringify([Array.from(model.start), toRows(model.transition), toRows(model.emission), Array.from(x)]),
    ).toBe(before);
    const draw = (seed?: number) => sampleStatePaths(model, x, { samples: 9, ...(seed === undefined ? {} : { seed }) });
    expect(draw(4)).toEqual(draw(4));
    expect(draw()).toEqual(draw(0));
    expect(draw(4)).not.toEqual(draw(5));
    expect(sampleStatePaths(model, x)).toHaveLength(1);
    expect("xiSteps" in forwardBackward(model, x)).toBe(false);
  });

  test("an impossible sequence names the first position that makes it so", () => {
    const model = { start: [1, 0], transition: m("0 1; 1 0"), emission: m("1 0; 0 1") };
    for (const call of [forward, viterbi, forwardBackward, posteriorDecode, sampleStatePaths]) {
      try {
        call(model, [0, 1, 1, 0]);
        expect.unreachable();
      } catch (error) {
        expect(error).toBeInstanceOf(ZeroLikelihoodError);
        expect((error as ZeroLikelihoodError).position).toBe(2);
        expect((error as Error).message).toMatch(/^\w+: x must be possible, got probability 0 at position 2$/);
        expect((error as Error).name).toBe("ZeroLikelihoodError");
      }
    }
    expect(unscaledForwardBackward(model, [0, 1, 1, 0]).likelihood).toBe(0);
    expect(pathLogProbability(model, [0, 1, 1], [0, 1, 0])).toBe(-Infinity);
    expect(() => crfLogPartition(m("-Infinity -Infinity"), m("0 0; 0 0"))).toThrow(
      "crfLogPartition: x must be possible, got probability 0 at position 0",
    );
  });

  test("100,000 logarithms are added without losing digits", () => {
    const one = { start: [1], transition: m("1"), emission: m(".1 .9") };
    const { logLikelihood } = forward(one, new Int32Array(100_000));
    expect(Math.abs(logLikelihood / (100_000 * Math.log(0.1)) - 1)).toBeLessThan(5e-16); // a plain sum is off by 1e-13
  });

  test("forbidden steps and symbols do not cost the exactness, nor the speed, of the scaled pass", () => {
    const model = { start: [0.5, 0.5], transition: m("1 0; .25 .75"), emission: m("1 0 0; .5 .25 .25") };
    // Every number is a sum of powers of 2 and divided by one; by logarithms the last bits would differ.
    expect(toRows(forward({ ...model, emission: m("1; 1") }, [0, 0, 0, 0]).alpha)).toEqual([
      [0.5, 0.5],
      [0.625, 0.375],
      [0.71875, 0.28125],
      [0.7890625, 0.2109375],
    ]);
    const seen = {
      start: [0.1, 0.7, 0.2],
      transition: m(".1 .2 .7; .3 .3 .4; .6 .3 .1"),
      emission: m("1 0; 1 0; 0 1"),
    };
    const [first, second] = toRows(forward(seen, [0, 0]).alpha);
    const all = 0.1 + 0.7;
    expect(first).toEqual([0.1 / all, 0.7 / all, 0]);
    const ways = [(0.1 / all) * 0.1 + (0.7 / all) * 0.3, (0.1 / all) * 0.2 + (0.7 / all) * 0.3];
    expect(second).toEqual([ways[0]! / (ways[0]! + ways[1]!), ways[1]! / (ways[0]! + ways[1]!), 0]);
  });

  test("laws may be off by 1e-9", () => {
    const off = (by: number) => () => forward({ ...fever, start: [0.6, 0.4 + by] }, days);
    expect(off(0.9e-9)).not.toThrow();
    expect(off(-0.9e-9)).not.toThrow();
    expect(off(1.1e-9)).toThrow("forward: start must sum to 1, got 1.0000000011");
  });

  test("one state, one observation", () => {
    const one = { start: [1], transition: m("1"), emission: m(".25 .75") };
    expect(forward(one, [1, 1]).logLikelihood).toBeCloseTo(2 * Math.log(0.75), 15);
    expect(toRows(forwardBackward(one, [0]).gamma)).toEqual([[1]]);
    expect(toRows(forwardBackward(one, [0]).xi)).toEqual([[0]]);
    expect(viterbi(one, [0]).logProbability).toBe(Math.log(0.25));
  });

  const bad: [string, () => unknown, string][] = [
    ["empty", () => forward(fever, []), "forward: length of x must be an integer at least 1, got 0"],
    ["symbol", () => forward(fever, [0, 3]), "forward: x[1] must be an integer in [0, 2], got 3"],
    ["negative symbol", () => viterbi(fever, [-1]), "viterbi: x[0] must be an integer in [0, 2], got -1"],
    [
      "half a symbol",
      () => forwardBackward(fever, [0.5]),
      "forwardBackward: x[0] must be an integer in [0, 2], got 0.5",
    ],
    ["start", () => forward({ ...fever, start: [0.5, 0.6] }, days), "forward: start must sum to 1, got 1.1"],
    ["start's length", () => forward({ ...fever, start: [1] }, days), "forward: start must have length 2, got 1"],
    [
      "transition",
      () => viterbi({ ...fever, transition: m(".7 .3; .4 .5") }, days),
      "viterbi: row 1 of transition must sum to 1, got 0.9",
    ],
    [
      "negative",
      () => forward({ ...fever, transition: m("1.2 -.2; 0 1") }, days),
      "forward: row 0 of transition must not be negative, got -0.2 at 1",
    ],
    [
      "not square",
      () => forward({ ...fever, transition: m("1 0") }, days),
      "forward: transition must be square, got 1×2",
    ],
    [
      "NaN",
      () => forward({ ...fever, transition: m("NaN 1; 0 1") }, days),
      "forward: transition must be finite, got NaN at (0, 0)",
    ],
    [
      "emission",
      () => forward({ ...fever, emission: m(".5 .5; .5 .4") }, days),
      "forward: row 1 of emission must sum to 1, got 0.9",
    ],
    [
      "emission's rows",
      () => forward({ ...fever, emission: m("1 0 0") }, days),
      "forward: emission must have 2 rows like transition, got 1",
    ],
    [
      "no emission",
      () => forward({ start: [1], transition: m("1") }, [0]),
      "forward: emission must be given for symbols, got undefined",
    ],
    ["densities", () => forward(fever, m("0 0 0")), "forward: x must have at least one row and 2 columns, got 1×3"],
    ["NaN density", () => forward(fever, m("0 NaN")), "forward: x must be below Infinity, got NaN at (0, 1)"],
    [
      "infinite density",
      () => viterbi(fever, m("0 0; Infinity 0")),
      "viterbi: x must be below Infinity, got Infinity at (1, 0)",
    ],
    ["scales", () => backward(fever, days, [1, 2]), "backward: logScales must have length 3, got 2"],
    ["scales NaN", () => backward(fever, days, [1, Number.NaN, 2]), "backward: logScales must be finite, got NaN at 1"],
    ["path's length", () => pathLogProbability(fever, days, [0]), "pathLogProbability: path must have length 3, got 1"],
    [
      "path's state",
      () => pathLogProbability(fever, days, [0, 2, 0]),
      "pathLogProbability: path[1] must be an integer in [0, 1], got 2",
    ],
    [
      "samples",
      () => sampleStatePaths(fever, days, { samples: 0 }),
      "sampleStatePaths: samples must be an integer at least 1, got 0",
    ],
    [
      "seed",
      () => sampleStatePaths(fever, days, { seed: 0.5 }),
      "random: seed must be an integer in [-2147483648, 4294967295], got 0.5",
    ],
    ["k", () => kBestPaths(fever, days, 0), "kBest: k must be an integer at least 1, got 0"],
    [
      "unary",
      () => chainDynamicProgram({ unary: m("0 0 0"), pairwise: m("0 0; 0 0") }, maxPlus),
      "chainDynamicProgram: unary must have at least one row and 2 columns, got 1×3",
    ],
    ["pairwise", () => crfLogPartition(m("0 0"), m("0 0")), "crfLogPartition: pairwise must be square, got 1×2"],
    [
      "pairwise NaN",
      () => crfLogPartition(m("0"), m("NaN")),
      "crfLogPartition: pairwise must be below Infinity, got NaN at (0, 0)",
    ],
    [
      "no matrix",
      () => crfLogPartition([[0]] as never, m("0")),
      "crfLogPartition: unary must be a rank-2 ndarray of Float64Array",
    ],
    [
      "no transition",
      () => forward({ start: [1], transition: [[1]] as never }, [0]),
      "forward: transition must be a rank-2 ndarray of Float64Array, got Array",
    ],
  ];
  test.each(bad)("%s", (_, call, message) => {
    expect(call).toThrow(new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`));
  });
});

// ---- figures ----

describe("figures", () => {
  test("feverTrellis: the text has the probability and the best path of the sequence it draws", () => {
    const x = [0, 1, 2, 0, 1, 0];
    const text = String(feverTrellis.draw({ third: "dizzy", stickiness: 0 }).description);
    const { path } = viterbi(fever, x);
    expect(text).toContain(Array.from(path, (state) => ["Healthy", "Fever"][state]).join(", "));
    expect(text).toContain(Number(Math.exp(forward(fever, x).logLikelihood).toPrecision(3)).toString());
    expect(feverTrellis.draw({ third: "normal" }).description).not.toBe(text);
    // The best path jumps, and smoothing changes what one believes of day 2 where filtering cannot.
    expect(Array.from(path)).not.toEqual(Array.from(viterbi(fever, [0, 1, 0, 0, 1, 0]).path));
    expect(forward(fever, x).alpha.get(1, 1)).toBe(forward(fever, [0, 1, 0, 0, 1, 0]).alpha.get(1, 1));
    expect(forwardBackward(fever, x).gamma.get(1, 1)).toBeGreaterThan(
      forwardBackward(fever, [0, 1, 0, 0, 1, 0]).gamma.get(1, 1) + 0.1,
    );
  });

  test("casinoNight: shares of right states in the text", () => {
    expect(casinoNight.draw().description).toMatch(/right at \d+ of 300/);
  });
});
