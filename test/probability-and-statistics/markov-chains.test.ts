import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { solve } from "../../src/demos/linear-algebra/determinant-and-volume.js";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  absorbingChain,
  chainLogLikelihood,
  classifyStates,
  effectiveSampleSize,
  fitMarkovChain,
  type Graph,
  generateSequence,
  meanHittingTimes,
  metropolisHastingsMatrix,
  metropolisHastingsSteps,
  mixingSteps,
  pageRank,
  pageRankSteps,
  randomWalk,
  simulateChain,
  spectralGap,
  splitRhat,
  stationaryDistribution,
  totalVariation,
} from "../../src/demos/probability-and-statistics/markov-chains.js";
import { metropolisSteps, threeStates } from "../../src/figures/probability-and-statistics/markov-chains.js";
import { loadKarateClub } from "../../src/lib/karate-club.js";
import {
  identity,
  type Matrix,
  matrix,
  matrixOver,
  maxAbsDifference,
  toRows,
  transpose,
} from "../../src/lib/matrix.js";
import { loadMobyDick } from "../../src/lib/moby-dick.js";
import { type Random, random } from "../../src/lib/random.js";
import { loadSeattleWeather } from "../../src/lib/seattle-weather.js";
import { concept } from "../concept.js";
import { from, m, strided } from "../matrices.js";

const { claim, oracle } = concept("probability-and-statistics/markov-chains");

// ---- what the tests are made of ----

const byHand = m(".9 .1 0; .2 .7 .1; 0 .3 .7");
const flip = m("0 1; 1 0");
const nearlyDecoupled = (e: number) =>
  matrix([
    [1 - e, e, 0],
    [e / 2, 1 - e, e / 2],
    [0, e, 1 - e],
  ]);
const ruin = (n: number, win: number) =>
  from(n + 1, n + 1, (i, j) => (i === 0 || i === n ? Number(i === j) : j === i + 1 ? win : j === i - 1 ? 1 - win : 0));
const { edges } = loadKarateClub();
const karate: Graph = { nodes: 34, edges, directed: false };
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((total, value) => total + value, 0);
const distance = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Math.max(...Array.from(x, (v, i) => Math.abs(v - y[i]!)));
const relative = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Math.max(...Array.from(x, (v, i) => Math.abs(v / y[i]! - 1)));

/** Random laws as rows; with a low density most ways are missing. */
function chainOf(n: number, seed: number, density = 1): Matrix {
  const { uniform, integer } = random(seed);
  const rows = Array.from({ length: n }, () => {
    const row = Array.from({ length: n }, () => (uniform() < density ? uniform() + 0.01 : 0));
    if (sum(row) === 0) row[integer(n)] = 1;
    return row.map((value) => value / sum(row));
  });
  return matrix(rows);
}

const chains = fc
  .record({ n: fc.integer({ min: 1, max: 9 }), seed: fc.nat(1e6), density: fc.constantFrom(1, 0.5, 0.2) })
  .map(({ n, seed, density }) => chainOf(n, seed, density));

/** Which state reaches which, in no step or more, by Warshall's closure. */
function reach(p: Matrix): boolean[][] {
  const n = p.shape[0]!;
  const r = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => i === j || p.get(i, j) > 0));
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) r[i]![j] ||= r[i]![k]! && r[k]![j]!;
  }
  return r;
}

/** The first n of a generator without end. */
function take<T>(steps: Generator<T>, n: number): T[] {
  return Array.from({ length: n }, () => steps.next().value);
}

const gaussianWalk = (scale: number) => ({ draw: (x: number, { normal }: Random) => x + scale * normal() });
const standardNormal = (x: number) => (-x * x) / 2;

// ---- claims ----

claim("gth-keeps-its-digits", () => {
  for (const e of [0.1, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 1e-100, 1e-300]) {
    expect(relative(stationaryDistribution(nearlyDecoupled(e)), [0.25, 0.5, 0.25])).toBeLessThan(1e-14);
  }
  const p = nearlyDecoupled(1e-12);
  const equations = from(3, 3, (i, j) => (i === 2 ? 1 : p.get(j, i) - Number(i === j)));
  const error = distance(solve(equations, [0, 0, 1]), [0.25, 0.5, 0.25]);
  expect(error).toBeGreaterThan(0.5e-5);
  expect(error).toBeLessThan(3e-5);
});

claim("distance-falls-like-the-second-eigenvalue", () => {
  expect(relative(stationaryDistribution(byHand), [0.6, 0.3, 0.1])).toBeLessThan(1e-15);
  // The characteristic polynomial of the matrix is (x − 1)(x − 0.8)(x − 0.5).
  expect(spectralGap(byHand).modulus).toBeCloseTo(0.8, 13);
  expect(spectralGap(byHand).gap).toBeCloseTo(0.2, 13);
  const tv = take(mixingSteps(byHand, 0), 61).map(({ totalVariation }) => totalVariation);
  expect(tv[10]).toBeCloseTo(0.03586, 5);
  expect(tv[60]! / tv[59]!).toBeCloseTo(0.8, 7);
  const bound = (t: number) => 0.5 * 0.8 ** t * Math.sqrt((1 - 0.6) / 0.6);
  expect(bound(10)).toBeCloseTo(0.04384, 5);
  for (const [t, distance] of tv.entries())
    expect(distance).toBeLessThan(Math.max(bound(t), 0.4 * Number(t === 0) + 1e-9));
});

claim("a-periodic-chain-converges-only-on-average", () => {
  const pi = stationaryDistribution(flip);
  expect(Array.from(pi)).toEqual([0.5, 0.5]);
  expect(spectralGap(flip)).toEqual({ modulus: expect.closeTo(1, 14), gap: expect.closeTo(0, 14) });
  for (const { step, totalVariation: tv, timeAverage } of take(mixingSteps(flip, 0), 500)) {
    expect(tv).toBe(0.5);
    if (step > 0) expect(totalVariation(timeAverage, pi)).toBeLessThanOrEqual(1 / (2 * step) + 1e-15);
  }
  const lazy = from(2, 2, (i, j) => (flip.get(i, j) + Number(i === j)) / 2);
  expect(take(mixingSteps(lazy, 0), 2)[1]!.totalVariation).toBe(0);
});

claim("mean-return-time-is-one-over-pi", () => {
  for (const p of [byHand, chainOf(6, 3), randomWalk(karate), m("0 1 0; 0 0 1; .5 .5 0")]) {
    for (const [i, share] of stationaryDistribution(p).entries()) {
      expect(Math.abs(meanHittingTimes(p, i)[i]! * share - 1)).toBeLessThan(1e-10);
    }
  }
  // Simulation: the times between visits to state 2, of mean 10.
  const walk = simulateChain(byHand, 400_000, { start: 2, seed: 4 });
  const visits = Array.from(walk.keys()).filter((t) => walk[t] === 2);
  const times = visits.slice(1).map((t, k) => t - visits[k]!);
  const mean = sum(times) / times.length;
  const error = Math.sqrt(sum(times.map((t) => (t - mean) ** 2)) / times.length ** 2);
  expect(error).toBeLessThan(0.15);
  expect(Math.abs(mean - 10)).toBeLessThan(4 * error);
});

claim("gamblers-ruin", () => {
  const fair = absorbingChain(ruin(10, 0.5));
  for (let i = 1; i < 10; i++) {
    expect(fair.absorptionProbabilities.get(i - 1, 1)).toBeCloseTo(i / 10, 13);
    expect(fair.expectedSteps[i - 1]).toBeCloseTo(i * (10 - i), 11);
  }
  expect(fair.expectedSteps[2]).toBeCloseTo(21, 11);
  const biased = absorbingChain(ruin(100, 0.49));
  const r = 0.51 / 0.49;
  const wins = (r ** 50 - 1) / (r ** 100 - 1);
  expect(wins).toBeCloseTo(0.119175, 6);
  expect(biased.absorptionProbabilities.get(49, 1)).toBeCloseTo(wins, 11);
  expect((50 - 100 * wins) / 0.02).toBeCloseTo(1904.1, 1);
  expect(biased.expectedSteps[49]).toBeCloseTo((50 - 100 * wins) / 0.02, 7);
});

claim("a-walk-visits-by-degree", () => {
  const pi = stationaryDistribution(randomWalk(karate));
  const degree = pi.map((_, i) => edges.filter((edge) => edge.includes(i)).length);
  expect(
    relative(
      pi,
      degree.map((d) => d / 156),
    ),
  ).toBeLessThan(1e-13);
  expect(pi[33]).toBeCloseTo(0.108974, 6);
  const { rank, converged } = pageRank(karate);
  expect(converged).toBe(true);
  expect([rank[33], rank[0]]).toEqual([expect.closeTo(0.100919, 6), expect.closeTo(0.096997, 6)]);
});

claim("pagerank-contracts-by-its-damping", () => {
  for (const [graph, damping] of [
    [karate, 0.85],
    [{ nodes: 3, edges: [[0, 1]] } as Graph, 0.85],
    [karate, 0.5],
  ] as const) {
    const limit = stationaryDistribution(randomWalk(graph, { damping }));
    for (const start of [0, graph.nodes - 1]) {
      for (const { iteration, rank, errorBound } of take(pageRankSteps(graph, { damping, start }), 60)) {
        const error = 2 * totalVariation(rank, limit);
        expect(error).toBeLessThanOrEqual(2 * damping ** iteration + 1e-14);
        expect(error).toBeLessThanOrEqual(errorBound + 1e-14);
      }
    }
    expect(spectralGap(randomWalk(graph, { damping })).modulus).toBeLessThanOrEqual(damping + 1e-12);
  }
  expect(spectralGap(randomWalk(karate, { damping: 0.85 })).modulus).toBeCloseTo(0.7376, 4);
});

claim("metropolis-hastings-is-in-detailed-balance", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.nat(1e6), fc.constantFrom(1, 0.4), (n, seed, density) => {
      const { uniform } = random(seed);
      const weights = Array.from({ length: n }, () => 10 ** (20 * uniform() - 10));
      const pi = weights.map((w) => w / sum(weights));
      const p = metropolisHastingsMatrix(weights, chainOf(n, seed + 1, density));
      for (let i = 0; i < n; i++) {
        expect(sum(toRows(p)[i]!)).toBeCloseTo(1, 14);
        for (let j = 0; j < n; j++) {
          expect(Math.abs(pi[i]! * p.get(i, j) - pi[j]! * p.get(j, i))).toBeLessThanOrEqual(1e-15);
        }
      }
    }),
  );
});

claim("acceptance-is-not-efficiency", () => {
  const published = [
    [0.1, 0.9682],
    [1, 0.7048],
    [2.4, 0.4423],
    [10, 0.1257],
  ] as const;
  const efficiency = published.map(([scale, acceptance]) => {
    expect((2 / Math.PI) * Math.atan(2 / scale)).toBeCloseTo(acceptance, 4);
    const steps = take(
      metropolisHastingsSteps(standardNormal, { proposal: gaussianWalk(scale), start: 0, seed: 7 }),
      100_001,
    ).slice(1);
    // Acceptances are correlated: 4 standard errors of independent ones, doubled.
    expect(Math.abs(steps.filter(({ accepted }) => accepted).length / 1e5 - acceptance)).toBeLessThan(0.01);
    return effectiveSampleSize([steps.map(({ state }) => state)]) / 1e5;
  });
  const { metropolis } = oracle<Fixture>();
  for (const { scale, acceptance, efficiency } of metropolis) {
    expect(acceptance).toBeCloseTo((2 / Math.PI) * Math.atan(2 / scale), 4); // trapezoids of width 0.01
    if (scale !== 2.4) expect(efficiency).toBeLessThan(0.227);
  }
  expect(metropolis.map(({ scale }) => scale)).toEqual([0.1, 1, 2, 2.2, 2.4, 2.6, 3, 10]);
  const kernel = metropolis.filter(({ scale }) => published.some(([s]) => s === scale));
  expect(kernel.map((one) => Number(one.efficiency.toPrecision(4)))).toEqual([0.002342, 0.1205, 0.2274, 0.08374]);
  for (const [i, { scale, efficiency: exact }] of kernel.entries()) {
    expect(scale).toBe(published[i]![0]);
    // An estimate of τ has a standard error of τ·√(c·τ/S) with c about 10: 2 % at 2.4, 20 % at 0.1 (S = 1e5).
    expect(Math.abs(efficiency[i]! / exact - 1)).toBeLessThan(scale < 1 ? 0.5 : 0.1);
  }
  expect(Math.max(...efficiency)).toBe(efficiency[2]);
});

claim("detailed-balance-is-not-necessary", () => {
  const round = m("0 .9 .1; .1 0 .9; .9 .1 0");
  const pi = stationaryDistribution(round);
  expect(relative(pi, [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(1e-15);
  expect(pi[0]! * round.get(0, 1)).toBeCloseTo(0.3, 15);
  expect(pi[1]! * round.get(1, 0)).toBeCloseTo(1 / 30, 15);
  // 0.9ω + 0.1ω² for the third root of unity ω: a pair with real part −1/2.
  expect(spectralGap(round).modulus).toBeCloseTo(Math.sqrt(0.73), 13);
});

claim("the-second-eigenvalue-is-not-the-whole-story", () => {
  // The last three of many flips: state 2^k·(old flips) + new flip.
  const lastThree = from(8, 8, (i, j) => (j >> 1 === (i & 3) ? 0.5 : 0));
  expect(spectralGap(lastThree).modulus).toBeLessThan(1e-4); // 0 with a block of size 3: eps^(1/3) is 6e-6
  const window = take(mixingSteps(lastThree, 0), 5).map((step) => step.totalVariation);
  for (const [t, tv] of [7 / 8, 3 / 4, 1 / 2, 0, 0].entries()) expect(window[t]).toBeCloseTo(tv, 14);
  // How many of 100 bits are 1 when one of them, at random, is thrown anew in each step; all are 0 at the start.
  const bits = from(101, 101, (k, j) => (j === k ? 50 : j === k - 1 ? k / 2 : j === k + 1 ? (100 - k) / 2 : 0) / 100);
  expect(spectralGap(bits).modulus).toBeCloseTo(0.99, 10);
  const ones = take(mixingSteps(bits, 0), 437).map((step) => step.totalVariation);
  expect(ones[100]).toBeGreaterThan(0.9);
  expect(ones[200]).toBeCloseTo(0.5, 2);
  expect(ones[435]).toBeGreaterThan(0.05);
  expect(ones[436]).toBeLessThan(0.05);
  expect(ones[400]! / ones[300]!).toBeCloseTo(0.99 ** 100, 1);
});

const letters = (text: string) =>
  Int32Array.from(
    text
      .toLowerCase()
      .replace(/[^a-z]+/g, " ")
      .trim(),
    (c) => (c === " " ? 26 : c.charCodeAt(0) - 97),
  );

claim("more-memory-needs-more-data", () => {
  const novel = letters(loadMobyDick().text);
  expect(novel).toHaveLength(1_148_857);
  const heldOut = novel.slice(1_000_000);
  const bits = (size: number, order: number) => {
    const model = fitMarkovChain([novel.subarray(0, size)], { states: 27, order, smoothing: 0.1 });
    return -chainLogLikelihood(model, heldOut, { from: 4 }) / (heldOut.length - 4) / Math.LN2;
  };
  const [short, long] = [20_000, 1_000_000].map((size) => [0, 1, 2, 3, 4].map((order) => bits(size, order)));
  expect(short!.map((b) => Number(b.toFixed(2)))).toEqual([4.08, 3.34, 2.98, 3.01, 3.42]);
  expect(long!.map((b) => Number(b.toFixed(2)))).toEqual([4.08, 3.3, 2.72, 2.24, 2.07]);
});

claim("seattles-weather-is-nearly-stationary", () => {
  const { weather } = loadSeattleWeather();
  const { transition } = fitMarkovChain([weather]);
  const shares = [0, 1, 2, 3, 4].map((state) => weather.filter((day) => day === state).length / 1461);
  // Each state is entered as often as left, up to the first and the last day: two of 1460 steps.
  expect(2 * totalVariation(stationaryDistribution(transition), shares)).toBeLessThan(0.01);
  const spells = (state: number) =>
    Array.from(weather.keys()).filter((t) => weather[t] === state && (t === 0 || weather[t - 1] !== state)).length;
  for (const state of [0, 1]) {
    const mean = weather.filter((day) => day === state).length / spells(state);
    expect(mean).toBeCloseTo(1 / (1 - transition.get(state, state)), 1);
  }
  expect([transition.get(0, 0), transition.get(1, 1)].map((x) => Number(x.toFixed(3)))).toEqual([0.682, 0.674]);
});

// ---- NumPy, SciPy, NetworkX ----

type Rows = number[][];
interface Fixture {
  chains: { p: Rows; stationary: number[]; second: number; seventh: number[] }[];
  nearlyDecoupled: { p: Rows; stationary: number[] }[];
  classifications: { p: Rows; classes: { states: number[]; recurrent: boolean; period: number }[] }[];
  absorptions: {
    p: Rows;
    transient: number[];
    absorbing: number[];
    fundamental: Rows;
    probabilities: Rows;
    steps: number[];
    variance: number[];
  }[];
  rareEnds: { p: Rows; fundamental: Rows; probabilities: Rows; steps: number[]; variance: number[] }[];
  metropolis: { scale: number; acceptance: number; efficiency: number }[];
  hitting: { p: Rows; times: Rows }[];
  fits: {
    states: number;
    order: number;
    smoothing: number;
    sequences: Rows;
    contexts: Rows;
    transition: Rows;
    logLikelihood: number;
    entropyRate: number;
    fresh: number[];
    freshLogLikelihood: number;
  }[];
  weather: { transition: Rows; stationary: number[]; shares: number[] };
  pageRanks: { nodes: number; edges: [number, number][]; damping: number; rank: number[] }[];
  karate: { rank: number[]; defaultError: number; secondOfGoogle: number; stationary: number[] };
  effectiveSizes: { chains: Rows; size: number; rhat: number }[];
  conventions: { rightVectorIsConstant: boolean; rightVectorNorm: number; danglingRank: number[]; failure: string };
}

describe("NumPy, SciPy, NetworkX and fractions agree", () => {
  const expected = oracle<Fixture>();

  test("on stationary laws, second eigenvalues and powers", () => {
    for (const { p, stationary, second, seventh } of expected.chains) {
      const ours = matrix(p);
      expect(relative(stationaryDistribution(ours), stationary)).toBeLessThan(1e-11); // NumPy's eigenvectors
      expect(spectralGap(ours).modulus).toBeCloseTo(second, 11);
      const after = take(mixingSteps(ours, p.length - 1), 8).at(-1);
      expect(after!.step).toBe(7);
      expect(distance(after!.distribution, seventh)).toBeLessThan(1e-14);
      expect(after!.totalVariation).toBeCloseTo(totalVariation(seventh, stationary), 12);
    }
  });

  test("on chains that nearly fall apart, to the last digits of every entry", () => {
    for (const { p, stationary } of expected.nearlyDecoupled) {
      expect(relative(stationaryDistribution(matrix(p)), stationary)).toBeLessThan(1e-14);
    }
  });

  test("on classes and periods", () => {
    for (const { p, classes } of expected.classifications) {
      const ours = classifyStates(matrix(p));
      expect(ours.classes.map((one) => ({ ...one, states: Array.from(one.states) }))).toEqual(classes);
    }
    expect(expected.classifications.flatMap(({ classes }) => classes.map(({ period }) => period))).toEqual(
      expect.arrayContaining([0, 1, 2, 3]),
    );
  });

  test("on absorption", () => {
    for (const { p, transient, absorbing, fundamental, probabilities, steps, variance } of expected.absorptions) {
      const ours = absorbingChain(matrix(p));
      expect(Array.from(ours.transient)).toEqual(transient);
      expect(Array.from(ours.absorbing)).toEqual(absorbing);
      expect(maxAbsDifference(ours.fundamental, matrix(fundamental))).toBeLessThan(1e-12);
      expect(maxAbsDifference(ours.absorptionProbabilities, matrix(probabilities))).toBeLessThan(1e-12);
      expect(distance(ours.expectedSteps, steps)).toBeLessThan(1e-11);
      expect(
        relative(
          ours.varianceSteps,
          variance.map((v) => v || 1e-300),
        ),
      ).toBeLessThan(1e-10);
    }
  });

  test("on chains that hardly ever end, to the last digits of every entry", () => {
    for (const { p, fundamental, probabilities, steps, variance } of expected.rareEnds) {
      const ours = absorbingChain(matrix(p));
      expect(relative(ours.fundamental.data, fundamental.flat())).toBeLessThan(1e-14);
      expect(relative(ours.absorptionProbabilities.data, probabilities.flat())).toBeLessThan(1e-14);
      expect(relative(ours.expectedSteps, steps)).toBeLessThan(1e-14);
      expect(relative(ours.varianceSteps, variance)).toBeLessThan(1e-12); // differences of means of 1e20
      // With the two ends made one, the time to hit it.
      const t = steps.length;
      const merged = from(t + 1, t + 1, (i, j) =>
        i === t ? Number(j === t) : p[i]![j]! + (j === t ? p[i]![t + 1]! : 0),
      );
      expect(relative(meanHittingTimes(merged, t).subarray(0, t), steps)).toBeLessThan(1e-14);
    }
  });

  test("on hitting times, by another fundamental matrix", () => {
    for (const { p, times } of expected.hitting) {
      for (const j of p.keys())
        expect(
          relative(
            meanHittingTimes(matrix(p), j),
            times.map((row) => row[j]!),
          ),
        ).toBeLessThan(1e-11);
    }
  });

  test("on fits of every order", () => {
    for (const fit of expected.fits) {
      const { states, order, smoothing, sequences } = fit;
      const model = fitMarkovChain(sequences, { states, order, smoothing });
      const code = (context: number[]) => context.reduce((sum, state) => sum * states + state, 0);
      expect(Array.from(model.contexts)).toEqual(fit.contexts.map(code));
      expect(maxAbsDifference(model.transition, matrix(fit.transition))).toBeLessThan(1e-15);
      expect(model.logLikelihood).toBeCloseTo(fit.logLikelihood, 9);
      expect(model.entropyRate).toBeCloseTo(fit.entropyRate, 12);
      expect(chainLogLikelihood(model, fit.fresh, { from: 3 })).toBeCloseTo(fit.freshLogLikelihood, 10);
      expect(model.steps).toBe(sum(sequences.map((sequence) => sequence.length - order)));
      expect(sum(model.counts.data)).toBe(model.steps);
      expect(sum(sequences.map((sequence) => chainLogLikelihood(model, sequence)))).toBeCloseTo(model.logLikelihood, 9);
    }
    const { transition, stationary, shares } = expected.weather;
    const { weather } = loadSeattleWeather();
    const ours = fitMarkovChain([weather]);
    expect(maxAbsDifference(ours.transition, matrix(transition))).toBeLessThan(1e-15);
    expect(distance(stationaryDistribution(ours.transition), stationary)).toBeLessThan(1e-12);
    expect(shares[0]).toBeCloseTo(640 / 1461, 12);
  });

  test("on PageRank", () => {
    for (const { nodes, edges, damping, rank } of expected.pageRanks) {
      expect(distance(pageRank({ nodes, edges }, { damping, tolerance: 1e-13 }).rank, rank)).toBeLessThan(1e-12);
      expect(distance(stationaryDistribution(randomWalk({ nodes, edges }, { damping })), rank)).toBeLessThan(1e-12);
    }
    const { rank, secondOfGoogle, stationary } = expected.karate;
    expect(2 * totalVariation(pageRank(karate).rank, rank)).toBeLessThan(1e-10);
    expect(spectralGap(randomWalk(karate, { damping: 0.85 })).modulus).toBeCloseTo(secondOfGoogle, 11);
    expect(distance(stationaryDistribution(randomWalk(karate)), stationary)).toBeLessThan(1e-12);
  });

  test("on effective sample sizes and R̂", () => {
    for (const { chains, size, rhat } of expected.effectiveSizes) {
      expect(effectiveSampleSize(chains) / size).toBeCloseTo(1, 10);
      expect(splitRhat(chains)).toBeCloseTo(rhat, 12);
    }
  });

  test("on the table of conventions", () => {
    const { conventions, karate: club } = expected;
    expect(conventions.rightVectorIsConstant).toBe(true);
    expect(conventions.rightVectorNorm).toBeCloseTo(1, 12);
    expect(conventions.failure).toBe("PowerIterationFailedConvergence");
    expect(
      pageRank(
        {
          nodes: 3,
          edges: [
            [0, 1],
            [1, 2],
            [2, 0],
            [0, 2],
          ],
        },
        { maxIterations: 3 },
      ),
    ).toMatchObject({ iterations: 3, converged: false });
    expect(distance(pageRank({ nodes: 2, edges: [[0, 1]] }).rank, conventions.danglingRank)).toBeLessThan(1e-10);
    expect(club.defaultError).toBeCloseTo(3.3e-5, 6); // NetworkX's default stops at a change below n·1e-6
  });
});

// ---- properties ----

describe("properties", () => {
  test("πP = π where there is one recurrent class, an error that lists them otherwise; and what reachability says", () => {
    fc.assert(
      fc.property(chains, (p) => {
        const n = p.shape[0]!;
        const r = reach(p);
        const { classes, absorbing, irreducible, ergodic } = classifyStates(p);
        const closed = (i: number) => r[i]!.every((yes, j) => !yes || r[j]![i]!);
        expect(classes.flatMap(({ states }) => [...states]).sort((a, b) => a - b)).toEqual(
          Array.from({ length: n }, (_, i) => i),
        );
        for (const { states, recurrent } of classes) {
          const [first] = states;
          expect(Array.from(states)).toEqual(r[first!]!.flatMap((yes, j) => (yes && r[j]![first!]! ? [j] : [])));
          expect(recurrent).toBe(closed(first!));
        }
        expect(classes.map(({ states }) => states[0]!)).toEqual(
          classes.map(({ states }) => states[0]!).sort((a, b) => a - b),
        );
        expect(Array.from(absorbing)).toEqual(Array.from({ length: n }, (_, i) => i).filter((i) => p.get(i, i) === 1));
        expect(irreducible).toBe(classes.length === 1);
        const recurrent = classes.filter((one) => one.recurrent);
        expect(ergodic).toBe(recurrent.length === 1 && recurrent[0]!.period === 1);
        if (recurrent.length > 1) return void expect(() => stationaryDistribution(p)).toThrow("one recurrent class");
        const pi = stationaryDistribution(p);
        expect(sum(pi)).toBeCloseTo(1, 14);
        expect(distance(matmul(matrixOver(pi.slice(), 1, n), p).data, pi)).toBeLessThan(1e-14);
        for (let i = 0; i < n; i++) expect(pi[i]! > 0).toBe(closed(i));
      }),
      { numRuns: 300 },
    );
  });

  test("laws stay laws; the time average is the mean of them; renaming the states renames everything", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 7 }), fc.nat(1e6), (n, seed) => {
        const p = chainOf(n, seed);
        const steps = take(mixingSteps(p, seed % n), 12);
        for (const { step, distribution, timeAverage } of steps) {
          expect(sum(distribution)).toBeCloseTo(1, 13);
          const before = steps.slice(0, Math.max(1, step)).map(({ distribution }) => distribution);
          const mean = distribution.map((_, i) => sum(before.map((law) => law[i]!)) / before.length);
          expect(distance(timeAverage, mean)).toBeLessThan(1e-14);
        }
        const order = random(seed).permutation(n);
        const renamed = from(n, n, (i, j) => p.get(order[i]!, order[j]!));
        const pi = stationaryDistribution(p);
        expect(
          relative(
            stationaryDistribution(renamed),
            pi.map((_, i) => pi[order[i]!]!),
          ),
        ).toBeLessThan(1e-13);
        const hits = meanHittingTimes(p, order[0]!);
        expect(
          relative(
            meanHittingTimes(renamed, 0),
            hits.map((_, i) => hits[order[i]!]!),
          ),
        ).toBeLessThan(1e-10);
      }),
    );
  });

  test("hitting times satisfy their equation, and are infinite exactly where the chain can miss the target", () => {
    fc.assert(
      fc.property(chains, fc.nat(100), (p, k) => {
        const n = p.shape[0]!;
        const target = k % n;
        const times = meanHittingTimes(p, target);
        const stopped = from(n, n, (i, j) => (i === target ? Number(j === target) : p.get(i, j)));
        const r = reach(stopped);
        for (let i = 0; i < n; i++) {
          const next = Array.from({ length: n }, (_, j) =>
            p.get(i, j) > 0 && j !== target ? p.get(i, j) * times[j]! : 0,
          );
          if (i !== target) expect(times[i] === Infinity).toBe(r[i]!.some((yes, j) => yes && !r[j]![target]!));
          if (times[i] === Infinity) expect(sum(next)).toBe(Infinity);
          else expect(Math.abs(1 + sum(next) - times[i]!) / times[i]!).toBeLessThan(1e-12);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("absorption probabilities sum to 1 and agree with the chain after many steps; steps agree with simulation", () => {
    const p = matrix([
      [1, 0, 0, 0, 0],
      [0.3, 0.1, 0.4, 0.1, 0.1],
      [0, 0.5, 0, 0.2, 0.3],
      [0, 0, 0, 1, 0],
      [0.2, 0.2, 0.2, 0.2, 0.2],
    ]);
    const { transient, absorbing, absorptionProbabilities, expectedSteps, varianceSteps } = absorbingChain(p);
    let power = p;
    for (let i = 0; i < 10; i++) power = matmul(power, power);
    for (const [i, state] of transient.entries()) {
      expect(sum(toRows(absorptionProbabilities)[i]!)).toBeCloseTo(1, 14);
      for (const [j, end] of absorbing.entries()) {
        expect(absorptionProbabilities.get(i, j)).toBeCloseTo(power.get(state, end), 12);
      }
    }
    const steps = Array.from({ length: 4000 }, (_, seed) => {
      const walk = simulateChain(p, 200, { start: 2, seed });
      return walk.findIndex((state) => state === 0 || state === 3);
    });
    const mean = sum(steps) / steps.length;
    const variance = sum(steps.map((s) => (s - mean) ** 2)) / steps.length;
    expect(Math.abs(mean - expectedSteps[1]!)).toBeLessThan(4 * Math.sqrt(varianceSteps[1]! / 4000));
    expect(variance / varianceSteps[1]!).toBeGreaterThan(0.85);
    expect(variance / varianceSteps[1]!).toBeLessThan(1.15);
  });

  test("a chain without choice has variance 0 exactly, a rare exit keeps its digits", () => {
    expect(Array.from(absorbingChain(m("0 1 0 0; 0 0 1 0; 0 0 0 1; 0 0 0 1")).varianceSteps)).toEqual([0, 0, 0]);
    const e = 1e-14;
    const rare = absorbingChain(
      matrix([
        [1 - e, e],
        [0, 1],
      ]),
    );
    expect(rare.expectedSteps[0]! * e).toBeCloseTo(1, 14); // 1 − (1 − e) would be off by 1e-2
    expect(rare.varianceSteps[0]! * e * e).toBeCloseTo(1 - e, 13);
  });

  test("a simulated chain uses its matrix: counts of steps within 4 standard errors", () => {
    const p = chainOf(4, 11);
    const walk = simulateChain(p, 200_000, { start: 3, seed: 2 });
    expect(walk[0]).toBe(3);
    const { transition, counts } = fitMarkovChain([walk], { states: 4 });
    for (let i = 0; i < 4; i++) {
      const visits = sum(toRows(counts)[i]!);
      for (let j = 0; j < 4; j++) {
        const error = Math.sqrt((p.get(i, j) * (1 - p.get(i, j))) / visits);
        expect(Math.abs(transition.get(i, j) - p.get(i, j))).toBeLessThan(4 * error);
      }
    }
  });

  test("generated sequences have the law of the model, and end where nothing followed", () => {
    const source = Array.from(
      { length: 3000 },
      (
        (r) => () =>
          r.integer(3)
      )(random(5)),
    );
    const biased = source.map((state, t) => (t > 1 && source[t - 2] === 0 ? 1 : state));
    const model = fitMarkovChain([biased], { order: 2 });
    const sequence = generateSequence(model, 100_000, { start: [0, 1], seed: 3 });
    const again = fitMarkovChain([sequence], { states: 3, order: 2 });
    expect(maxAbsDifference(again.transition, model.transition)).toBeLessThan(0.02);
    expect(Array.from(generateSequence(fitMarkovChain([[0, 1, 2]], { order: 2 }), 9, { start: [0, 1] }))).toEqual([
      0, 1, 2,
    ]);
    expect(
      generateSequence(fitMarkovChain([[0, 1, 2]], { order: 2, smoothing: 1 }), 9, { start: [0, 1] }),
    ).toHaveLength(9);
    expect(chainLogLikelihood(fitMarkovChain([[0, 1, 2]], { order: 2 }), [1, 1, 1])).toBe(-Infinity);
    expect(chainLogLikelihood(fitMarkovChain([[0, 1, 2]], { order: 2, smoothing: 1 }), [1, 1, 1])).toBeCloseTo(
      -Math.log(3),
      14,
    );
    expect(
      fitMarkovChain([
        [0, 1, 1, 0],
        [1, 0],
      ]).logLikelihood,
    ).toBeCloseTo(Math.log(1 / 3) + 2 * Math.log(2 / 3), 12);
  });

  test("an asymmetric proposal needs its density: with it the law is the target, without it another", () => {
    const q = m(".1 .8 .1; .3 .3 .4; .6 .2 .2");
    const laws = toRows(q);
    const weights = [2, 3, 5];
    const proposal = {
      draw: (i: number, { categorical }: Random) => categorical(laws[i]!),
      logDensity: (to: number, from: number) => Math.log(q.get(from, to)),
    };
    const share = (withDensity: boolean) => {
      const options = { proposal: withDensity ? proposal : { draw: proposal.draw }, start: 0, seed: 9 };
      const walk = take(
        metropolisHastingsSteps((i) => Math.log(weights[i]!) - 2000, options),
        60_000,
      );
      return [0, 1, 2].map((i) => walk.filter(({ state }) => state === i).length / 60_000);
    };
    expect(distance(share(true), [0.2, 0.3, 0.5])).toBeLessThan(0.01);
    expect(distance(share(false), [0.2, 0.3, 0.5])).toBeGreaterThan(0.04);
    const p = metropolisHastingsMatrix(weights, q);
    expect(relative(stationaryDistribution(p), [0.2, 0.3, 0.5])).toBeLessThan(1e-14);
    expect(p.get(0, 1)).toBeCloseTo(Math.min(0.8, (3 / 2) * 0.3), 15);
    expect(p.get(0, 0)).toBeCloseTo(0.1 + 0.8 - 0.45, 15);
  });

  test("weights over the whole range of float64, with ways that lead in one direction only", () => {
    const p = metropolisHastingsMatrix([1e-300, 1e300], m(".5 .5; 0 1"));
    expect(toRows(p)).toEqual([
      [1, 0],
      [0, 1],
    ]);
    // π₁/π₀ = 5; the weights are so small that 1e-10 of them is 0.
    const tiny = metropolisHastingsMatrix([1e-315, 5e-315], m("0 1; 1e-10 .9999999999"));
    expect(tiny.get(0, 1)).toBeCloseTo(5e-10, 17);
  });

  test("Metropolis-Hastings stays where the target is positive", () => {
    const onHalfLine = (x: number) => (x > 0 ? -x : -Infinity);
    const steps = take(metropolisHastingsSteps(onHalfLine, { proposal: gaussianWalk(2), start: 1, seed: 1 }), 40_000);
    expect(Math.min(...steps.map(({ state }) => state))).toBeGreaterThan(0);
    expect(steps[0]).toEqual({ state: 1, logTarget: -1, accepted: false });
    expect(sum(steps.map(({ state }) => state)) / 40_000).toBeCloseTo(1, 1);
    expect(steps.every(({ state, logTarget }) => logTarget === -state)).toBe(true);
    expect(steps.every(({ state, accepted }, t) => t === 0 || accepted === (state !== steps[t - 1]!.state))).toBe(true);
  });

  test("effective sizes: (1 − φ)/(1 + φ) of an AR(1) chain, drifting chains are worth little, and scale does not matter", () => {
    for (const phi of [0.8, 0.3, -0.5]) {
      const { normal } = random(12);
      const chains = Array.from({ length: 4 }, () => {
        let x = normal() / Math.sqrt(1 - phi * phi);
        return Array.from({ length: 20_000 }, () => (x = phi * x + normal()));
      });
      expect(effectiveSampleSize(chains) / 80_000 / ((1 - phi) / (1 + phi))).toBeCloseTo(1, 0.9);
      expect(Math.abs(splitRhat(chains) - 1)).toBeLessThan(0.001);
      const scaled = chains.map((chain) => chain.map((x) => 3e5 * x - 7));
      expect(effectiveSampleSize(scaled) / effectiveSampleSize(chains)).toBeCloseTo(1, 6);
    }
    const drift = Array.from({ length: 1000 }, (_, t) => t);
    expect(splitRhat([drift])).toBeGreaterThan(1.8);
    expect(effectiveSampleSize([drift])).toBeLessThan(5);
    expect(splitRhat([[1, 1, 1, 1, 2, 2, 2, 2]])).toBe(Infinity);
    // The middle of an odd length is left out.
    expect(splitRhat([[1, 2, 1, 2, 99, 3, 4, 3, 4]])).toBe(splitRhat([[1, 2, 1, 2, 3, 4, 3, 4]]));
    // Neither the size of the numbers nor the rounding of a mean decides what is constant.
    const small = [1, 2, 1, 2, 3, 4, 3, 4];
    for (const unit of [1e-320, 1e-200, 1e200, 1e307]) {
      const scaled = small.map((x) => x * unit);
      expect(splitRhat([scaled]) / splitRhat([small])).toBeCloseTo(1, unit < 1e-300 ? 2 : 13); // few digits there
      expect(effectiveSampleSize([scaled, scaled])).toBeCloseTo(effectiveSampleSize([small, small]), 12);
    }
    const halves = Array.from({ length: 26 }, (_, t) => (t < 13 ? 0.1 : 0.3));
    expect(splitRhat([halves, new Float64Array(26).fill(0.7)])).toBe(Infinity);
    const alternating = Array.from({ length: 100 }, (_, t) => (-1) ** t + (t % 3) / 100);
    expect(effectiveSampleSize([alternating])).toBeLessThanOrEqual(200);
    expect(effectiveSampleSize([alternating])).toBeGreaterThan(100);
  });

  test("graphs: loops count once, repeated edges again, damping 0 forgets the links", () => {
    expect(
      toRows(
        randomWalk({
          nodes: 2,
          edges: [
            [0, 0],
            [0, 1],
          ],
          directed: false,
        }),
      ),
    ).toEqual([
      [0.5, 0.5],
      [1, 0],
    ]);
    expect(
      toRows(
        randomWalk({
          nodes: 3,
          edges: [
            [0, 1],
            [0, 1],
            [0, 2],
            [1, 2],
            [2, 0],
          ],
        }),
      )[0],
    ).toEqual([0, expect.closeTo(2 / 3, 15), expect.closeTo(1 / 3, 15)]);
    expect(Array.from(pageRank({ nodes: 4, edges: [[0, 1]] }, { damping: 0 }).rank)).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(pageRank(karate, { tolerance: 1e-6 }).iterations).toBeLessThan(pageRank(karate).iterations);
    const [first] = pageRankSteps(karate, { start: 3 });
    expect(first).toEqual({
      iteration: 0,
      rank: Float64Array.from({ length: 34 }, (_, i) => Number(i === 3)),
      errorBound: Infinity,
    });
  });
});

// ---- the contract ----

describe("contract", () => {
  test("inputs stay as they are, and need not be row-major", () => {
    const p = chainOf(5, 8);
    const before = toRows(p);
    const view = strided(p);
    expect(Array.from(stationaryDistribution(view))).toEqual(Array.from(stationaryDistribution(p)));
    expect(Array.from(meanHittingTimes(view, 2))).toEqual(Array.from(meanHittingTimes(p, 2)));
    expect(Array.from(simulateChain(view, 50))).toEqual(Array.from(simulateChain(p, 50)));
    expect(spectralGap(transpose(transpose(p)))).toEqual(spectralGap(p));
    const start = Float64Array.of(0.2, 0.2, 0.2, 0.2, 0.2);
    const [, second] = take(mixingSteps(p, start), 2);
    second!.distribution.fill(9);
    classifyStates(p);
    expect(toRows(p)).toEqual(before);
    expect(Array.from(start)).toEqual([0.2, 0.2, 0.2, 0.2, 0.2]);
    const steps = mixingSteps(p, 0);
    steps.next().value.distribution.fill(9);
    expect(sum(steps.next().value.distribution)).toBeCloseTo(1, 13);
    const ranks = pageRankSteps(karate);
    ranks.next().value.rank.fill(9);
    expect(sum(ranks.next().value.rank)).toBeCloseTo(1, 13);
  });

  test("the same seed gives the same bits, another seed others", () => {
    const p = chainOf(4, 2);
    expect(simulateChain(p, 100, { seed: 5 })).toEqual(simulateChain(p, 100, { seed: 5 }));
    expect(simulateChain(p, 100, { seed: 5 })).not.toEqual(simulateChain(p, 100));
    expect(simulateChain(p, 100)).toEqual(simulateChain(p, 100, { seed: 0, start: 0 }));
    const model = fitMarkovChain([simulateChain(p, 100)], { order: 1 });
    expect(generateSequence(model, 50, { start: [0], seed: 1 })).toEqual(
      generateSequence(model, 50, { start: [0], seed: 1 }),
    );
    expect(generateSequence(model, 50, { start: [0], seed: 1 })).not.toEqual(
      generateSequence(model, 50, { start: [0] }),
    );
    expect(generateSequence(model, 50, { start: [0] })).toEqual(generateSequence(model, 50, { start: [0], seed: 0 }));
    const walk = (seed?: number) =>
      take(
        metropolisHastingsSteps(standardNormal, {
          proposal: gaussianWalk(1),
          start: 0,
          ...(seed === undefined ? {} : { seed }),
        }),
        20,
      );
    expect(walk(1)).toEqual(walk(1));
    expect(walk()).toEqual(walk(0));
    expect(walk(1)).not.toEqual(walk(0));
  });

  test("chains that end once in 1e200 steps: a mean of float64, a variance beyond; and once in 1e310: refused", () => {
    const rare = (e: number) =>
      matrix([
        [0, 1, 0],
        [1, 0, e],
        [0, 0, 1],
      ]);
    const { expectedSteps, varianceSteps, fundamental, absorptionProbabilities } = absorbingChain(rare(1e-200));
    expect(relative(expectedSteps, [2e200, 2e200])).toBeLessThan(1e-15);
    expect(Array.from(varianceSteps)).toEqual([Infinity, Infinity]);
    expect(relative(fundamental.data, [1e200, 1e200, 1e200, 1e200])).toBeLessThan(1e-15);
    expect(Array.from(absorptionProbabilities.data)).toEqual([1, 1]);
    expect(relative(meanHittingTimes(rare(1e-200), 2), [2e200, 2e200, 1])).toBeLessThan(1e-15);
    // A state from which the end is sure, beside one from which it is rare: no 0·∞.
    const beside = absorbingChain(m("0 0 1; 0 1 1e-200; 0 0 1"));
    expect(Array.from(beside.varianceSteps)).toEqual([0, Infinity]);
    const message = "mean numbers of steps must be below 1.8e308, got more from state 0";
    expect(() => absorbingChain(rare(1e-310))).toThrow(new RangeError(`absorbingChain: ${message}`));
    expect(() => meanHittingTimes(rare(1e-310), 2)).toThrow(new RangeError(`meanHittingTimes: ${message}`));
  });

  test("laws may be off by 1e-9", () => {
    const off = (by: number) => () => stationaryDistribution(m(`.9 .1; .3 ${0.7 + by}`));
    expect(off(0.9e-9)).not.toThrow();
    expect(off(-0.9e-9)).not.toThrow();
    expect(off(1.1e-9)).toThrow("stationaryDistribution: row 1 of p must sum to 1, got 1.000000001");
  });

  test("one state; denormal and tiny ways", () => {
    const one = m("1");
    expect(Array.from(stationaryDistribution(one))).toEqual([1]);
    expect(spectralGap(one)).toEqual({ modulus: 0, gap: 1 });
    expect(Array.from(meanHittingTimes(one, 0))).toEqual([1]);
    expect(classifyStates(one).classes).toEqual([{ states: Int32Array.of(0), recurrent: true, period: 1 }]);
    const tiny = matrix([
      [1, 1e-308],
      [4e-308, 1],
    ]);
    expect(relative(stationaryDistribution(tiny), [0.8, 0.2])).toBeLessThan(1e-15);
    const lopsided = matrix([
      [1, 5e-324],
      [1, 0],
    ]);
    expect(Array.from(stationaryDistribution(lopsided))).toEqual([1, 5e-324]);
    const faint = matrix([
      [1, 0, 1e-170],
      [0, 1, 1e-170],
      [1e-170, 1e-170, 1],
    ]); // products of two ways vanish, not what is left of one
    expect(relative(stationaryDistribution(faint), [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(1e-15);
    // A long chain: Tarjan's search must not be recursive.
    const ring = from(1500, 1500, (i, j) => Number(j === (i + 1) % 1500));
    expect(classifyStates(ring).classes.map(({ period }) => period)).toEqual([1500]);
  });

  const bad: [string, () => unknown, string][] = [
    ["not square", () => stationaryDistribution(matrix([[1, 0]])), "stationaryDistribution: p must be square, got 1×2"],
    [
      "row sum",
      () => stationaryDistribution(m("1 0; .5 .4")),
      "stationaryDistribution: row 1 of p must sum to 1, got 0.9",
    ],
    [
      "negative",
      () => classifyStates(m("1.5 -.5; 0 1")),
      "classifyStates: row 0 of p must not be negative, got -0.5 at 1",
    ],
    ["NaN", () => spectralGap(m("NaN 1; 0 1")), "spectralGap: p must be finite, got NaN at (0, 0)"],
    [
      "Infinity",
      () => absorbingChain(m("1 0; Infinity 1")),
      "absorbingChain: p must be finite, got Infinity at (1, 0)",
    ],
    [
      "no matrix",
      () => stationaryDistribution([[1]] as never),
      "stationaryDistribution: p must be a rank-2 ndarray of Float64Array, got Array",
    ],
    [
      "columns for rows",
      () => mixingSteps(transpose(byHand), 0).next(),
      "mixingSteps: row 0 of p must sum to 1, got 1.1",
    ],
    [
      "two recurrent classes",
      () => stationaryDistribution(m("1 0 0 0; .5 0 .5 0; 0 0 0 1; 0 0 1 0")),
      "stationaryDistribution: p must have one recurrent class, got 2: {0}, {2, 3}",
    ],
    [
      "mixing of two",
      () => mixingSteps(identity(2), 0).next(),
      "stationaryDistribution: p must have one recurrent class, got 2: {0}, {1}",
    ],
    [
      "underflow",
      () =>
        stationaryDistribution(
          matrix([
            [0, 0.5, 0.5],
            [0, 1, 1e-200],
            [1e-200, 1, 0],
          ]),
        ),
      "stationaryDistribution: the probabilities of p must not vanish in products, got 0 at elimination 1",
    ],
    ["start state", () => mixingSteps(byHand, 3).next(), "mixingSteps: start must be an integer in [0, 2], got 3"],
    ["start law", () => mixingSteps(byHand, [0.5, 0.5, 0.5]).next(), "mixingSteps: start must sum to 1, got 1.5"],
    ["start length", () => mixingSteps(byHand, [1, 0]).next(), "mixingSteps: start must have length 3, got 2"],
    [
      "start NaN",
      () => mixingSteps(byHand, Number.NaN).next(),
      "mixingSteps: start must be an integer in [0, 2], got NaN",
    ],
    ["variation", () => totalVariation([1], [0.5, 0.5]), "totalVariation: nu must have length 1, got 2"],
    ["no end", () => absorbingChain(byHand), "absorbingChain: p must have an absorbing state, got none"],
    [
      "trap",
      () => absorbingChain(m("1 0 0 0; 0 0 1 0; 0 1 0 0; .5 .5 0 0")),
      "absorbingChain: every state must reach an absorbing one, got {1, 2}, never left",
    ],
    [
      "all absorbing",
      () => absorbingChain(identity(2)),
      "absorbingChain: p must have a state that is not absorbing, got none",
    ],
    ["target", () => meanHittingTimes(byHand, 3), "meanHittingTimes: target must be an integer in [0, 2], got 3"],
    ["length", () => simulateChain(byHand, 0), "simulateChain: length must be an integer at least 1, got 0"],
    [
      "walk's start",
      () => simulateChain(byHand, 5, { start: -1 }),
      "simulateChain: start must be an integer in [0, 2], got -1",
    ],
    [
      "seed",
      () => simulateChain(byHand, 5, { seed: 0.5 }),
      "random: seed must be an integer in [-2147483648, 4294967295], got 0.5",
    ],
    [
      "no step",
      () => fitMarkovChain([[0], []]),
      "fitMarkovChain: sequences must be longer than the order, 1, got no step",
    ],
    [
      "no sequence",
      () => fitMarkovChain([]),
      "fitMarkovChain: sequences must be longer than the order, 1, got no step",
    ],
    [
      "state",
      () =>
        fitMarkovChain(
          [
            [0, 1],
            [0, 2],
          ],
          { states: 2 },
        ),
      "fitMarkovChain: sequences[1][1] must be an integer in [0, 1], got 2",
    ],
    [
      "half a state",
      () => fitMarkovChain([[0, 0.5]]),
      "fitMarkovChain: sequences[0][1] must be an integer in [0, 0], got 0.5",
    ],
    [
      "order",
      () => fitMarkovChain([[0, 1]], { order: -1 }),
      "fitMarkovChain: order must be an integer at least 0, got -1",
    ],
    [
      "smoothing",
      () => fitMarkovChain([[0, 1]], { smoothing: -1 }),
      "fitMarkovChain: smoothing must be a finite number in [0, Infinity), got -1",
    ],
    [
      "too many contexts",
      () => fitMarkovChain([[0, 26]], { order: 11 }),
      "fitMarkovChain: states to the power of order + 1 must be a finite number in (-Infinity, 9007199254740992], got 150094635296999140",
    ],
    [
      "never left",
      () => fitMarkovChain([[0, 0, 1]]),
      "fitMarkovChain: without smoothing every state must be left once, got none after 1",
    ],
    [
      "from",
      () => chainLogLikelihood(fitMarkovChain([[0, 0, 0]]), [0, 0], { from: 0 }),
      "chainLogLikelihood: from must be an integer at least 1, got 0",
    ],
    [
      "fresh state",
      () => chainLogLikelihood(fitMarkovChain([[0, 0, 0]]), [0, 1]),
      "chainLogLikelihood: sequence[1] must be an integer in [0, 0], got 1",
    ],
    [
      "start too short",
      () => generateSequence(fitMarkovChain([[0, 0, 0]]), 5),
      "generateSequence: length of start must be an integer at least 1, got 0",
    ],
    [
      "too short",
      () => generateSequence(fitMarkovChain([[0, 0, 0]]), 1, { start: [0, 0] }),
      "generateSequence: length must be an integer at least 2, got 1",
    ],
    [
      "generate's start",
      () => generateSequence(fitMarkovChain([[0, 0, 0]]), 3, { start: [7] }),
      "generateSequence: start[0] must be an integer in [0, 0], got 7",
    ],
    ["no node", () => randomWalk({ nodes: 0, edges: [] }), "randomWalk: nodes must be an integer at least 1, got 0"],
    [
      "edge",
      () => randomWalk({ nodes: 2, edges: [[0, 2]] }),
      "randomWalk: node of an edge must be an integer in [0, 1], got 2",
    ],
    [
      "walk's damping",
      () => randomWalk(karate, { damping: 1.1 }),
      "randomWalk: damping must be a finite number in [0, 1], got 1.1",
    ],
    ["damping", () => pageRank(karate, { damping: 1 }), "pageRank: damping must be a finite number in [0, 1), got 1"],
    [
      "tolerance",
      () => pageRank(karate, { tolerance: 0 }),
      "pageRank: tolerance must be a finite number in (0, Infinity), got 0",
    ],
    [
      "iterations",
      () => pageRank(karate, { maxIterations: 0 }),
      "pageRank: maxIterations must be an integer at least 1, got 0",
    ],
    [
      "rank's start",
      () => pageRank({ nodes: 2, edges: [] }, { start: [1, 1] }),
      "pageRank: start must sum to 1, got 2",
    ],
    [
      "rank's edge",
      () => pageRank({ nodes: 1, edges: [[0, 1]] }),
      "pageRank: node of an edge must be an integer in [0, 0], got 1",
    ],
    [
      "impossible start",
      () => metropolisHastingsSteps(() => -Infinity, { proposal: gaussianWalk(1), start: 0 }).next(),
      "metropolisHastingsSteps: logTarget(start) must be a finite number, got -Infinity",
    ],
    [
      "NaN target",
      () =>
        take(
          metropolisHastingsSteps((x) => (x === 0 ? 0 : Number.NaN), { proposal: gaussianWalk(1), start: 0 }),
          2,
        ),
      "metropolisHastingsSteps: logTarget must be below Infinity, got NaN",
    ],
    [
      "infinite target",
      () =>
        take(
          metropolisHastingsSteps((x) => (x === 0 ? 0 : Infinity), { proposal: gaussianWalk(1), start: 0 }),
          2,
        ),
      "metropolisHastingsSteps: logTarget must be below Infinity, got Infinity",
    ],
    [
      "NaN density",
      () =>
        take(
          metropolisHastingsSteps(standardNormal, {
            proposal: { ...gaussianWalk(1), logDensity: () => Number.NaN },
            start: 0,
          }),
          2,
        ),
      "metropolisHastingsSteps: logDensity must be a number, got NaN",
    ],
    [
      "weight",
      () => metropolisHastingsMatrix([1, 0], flip),
      "metropolisHastingsMatrix: target[1] must be a finite number in (0, Infinity), got 0",
    ],
    [
      "weights",
      () => metropolisHastingsMatrix([1], flip),
      "metropolisHastingsMatrix: target must have length 2, got 1",
    ],
    [
      "proposal",
      () => metropolisHastingsMatrix([1], m(".5")),
      "metropolisHastingsMatrix: row 0 of proposal must sum to 1, got 0.5",
    ],
    ["no chain", () => splitRhat([]), "splitRhat: number of chains must be an integer at least 1, got 0"],
    [
      "short chain",
      () => effectiveSampleSize([[1, 2, 3, 4, 5, 6, 7]]),
      "effectiveSampleSize: length of a chain must be an integer at least 8, got 7",
    ],
    [
      "unequal chains",
      () => splitRhat([[1, 2, 3, 4, 5, 6, 7, 8], [1]]),
      "splitRhat: chains[1] must have length 8, got 1",
    ],
    [
      "NaN chain",
      () => effectiveSampleSize([[1, 2, 3, 4, 5, 6, 7, Number.NaN]]),
      "effectiveSampleSize: chains[0] must be finite, got NaN at 7",
    ],
    [
      "constant chain",
      () => effectiveSampleSize([new Float64Array(8)]),
      "effectiveSampleSize: chains must not be constant, got variance 0",
    ],
    [
      "constant chains of a number that is rounded",
      () => splitRhat([new Float64Array(13).fill(0.1), new Float64Array(13).fill(0.1), new Float64Array(13).fill(0.1)]),
      "splitRhat: chains must not be constant, got variance 0",
    ],
  ];
  test.each(bad)("%s", (_, call, message) => {
    expect(call).toThrow(new RegExp(`^${message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`));
  });
});

// ---- figures ----

describe("figures", () => {
  test("threeStates: a straight decay, none at period 2, and the numbers in the text", () => {
    expect(threeStates.draw().description).toContain("0.8");
    expect(threeStates.draw({ a: 1, lazy: 0 }).description).toContain("period 2");
  });

  test("metropolisSteps: the acceptance it states is the measured one", () => {
    expect(metropolisSteps.draw({ scale: "2.4" }).description).toMatch(/accepts 4[2-6]/);
  });
});
