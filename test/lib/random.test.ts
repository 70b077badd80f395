import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { random } from "../../src/lib/random.js";

const draws = (n: number, draw: () => number) => Array.from({ length: n }, draw);
const mean = (x: readonly number[]) => x.reduce((sum, value) => sum + value, 0) / x.length;

/** Largest distance between the empirical distribution and a given one (Kolmogorov–Smirnov). */
function distance(sample: number[], cdf: (x: number) => number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return Math.max(
    ...sorted.map((x, i) => Math.max(Math.abs(cdf(x) - i / sorted.length), Math.abs(cdf(x) - (i + 1) / sorted.length))),
  );
}

/** Standard normal cdf by Simpson's rule: independent of the sampler. */
function normalCdf(x: number): number {
  const n = 60;
  const f = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let sum = f(0) + f(x);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * f((x * i) / n);
  return 0.5 + (sum * x) / n / 3;
}

test("the same seed gives the same bits, another seed others", () => {
  const bits = (seed: number) => {
    const r = random(seed);
    return [...draws(50, r.uniform), ...draws(50, r.normal), ...draws(50, () => r.integer(1000)), ...r.permutation(20)];
  };
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (a, b) => {
      expect(bits(a)).toEqual(bits(a));
      if (a !== b) expect(bits(a)).not.toEqual(bits(b));
    }),
  );
});

test("the default seed is 0", () => {
  expect(random().uniform()).toBe(random(0).uniform());
});

// 1.95/√n is passed by a right sampler with probability 0.999; the seeds are fixed, so a pass stays one.
describe.each([0, 1, 2])("seed %i", (seed) => {
  const n = 20_000;
  test("uniform() is uniform on [0, 1)", () => {
    const sample = draws(n, random(seed).uniform);
    expect(Math.min(...sample)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...sample)).toBeLessThan(1);
    expect(distance(sample, (x) => x)).toBeLessThan(1.95 / Math.sqrt(n));
  });
  test("uniform() fills all 53 bits", () => {
    const sample = draws(1000, random(seed).uniform);
    expect(sample.every((x) => Number.isInteger(x * 2 ** 53))).toBe(true);
    expect(mean(sample.map((x) => (x * 2 ** 53) % 2))).toBeCloseTo(0.5, 1);
  });
  test("normal() is standard normal, tails included", () => {
    const sample = draws(n, random(seed).normal);
    expect(distance(sample, normalCdf)).toBeLessThan(1.95 / Math.sqrt(n));
    // 4th moment 3, standard error √(96/n) ≈ 0.07
    expect(Math.abs(mean(sample.map((x) => x ** 4)) - 3)).toBeLessThan(0.3);
  });
  test("successive draws are uncorrelated", () => {
    const sample = draws(n, random(seed).normal);
    // standard error of a correlation of independent draws: 1/√n
    expect(Math.abs(mean(sample.slice(1).map((x, i) => x * sample[i]!)))).toBeLessThan(4 / Math.sqrt(n));
  });
  test("integer(n) is uniform on 0 … n−1", () => {
    const counts = new Array(7).fill(0);
    const r = random(seed);
    for (let i = 0; i < n; i++) counts[r.integer(7)]++;
    // chi-squared with 6 degrees of freedom: 22.5 is its 0.999 quantile
    expect(counts.reduce((sum, count) => sum + (count - n / 7) ** 2 / (n / 7), 0)).toBeLessThan(22.5);
  });
  test("categorical(weights) follows the weights and never picks a weight of 0", () => {
    const counts = [0, 0, 0, 0];
    const r = random(seed);
    for (let i = 0; i < n; i++) counts[r.categorical([1, 0, 3, 0])]!++;
    expect([counts[1], counts[3]]).toEqual([0, 0]);
    // standard error √(0.25·0.75/n) ≈ 0.003
    expect(Math.abs(counts[2]! / n - 0.75)).toBeLessThan(0.013);
  });
});

test("neighbouring seeds give unrelated streams", () => {
  const first = Array.from({ length: 5000 }, (_, seed) => random(seed).uniform());
  expect(distance(first, (x) => x)).toBeLessThan(1.95 / Math.sqrt(5000));
  expect(Math.abs(mean(first.slice(1).map((x, i) => (x - 0.5) * (first[i]! - 0.5) * 12)))).toBeLessThan(
    4 / Math.sqrt(5000),
  );
});

test("permutation(n) is a permutation, and every order is equally likely", () => {
  const counts = new Map<string, number>();
  const r = random(3);
  for (let i = 0; i < 6000; i++) {
    const order = r.permutation(3).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual(["012", "021", "102", "120", "201", "210"]);
  // 5 degrees of freedom: 20.5 is the 0.999 quantile
  expect([...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(20.5);
  expect(Array.from(r.permutation(0))).toEqual([]);
});

test.each([
  ["a fraction", () => random(0.5), "random: seed must be an integer in [-2147483648, 4294967295], got 0.5"],
  ["NaN", () => random(Number.NaN), "random: seed must be an integer in [-2147483648, 4294967295], got NaN"],
  ["integer(0)", () => random().integer(0), "random: n must be an integer in [1, 2147483648], got 0"],
  ["weights of 0", () => random().categorical([0, 0]), "categorical: weights must have a positive finite sum, got 0"],
  [
    "weights with NaN",
    () => random().categorical([1, Number.NaN]),
    "categorical: weights must have a positive finite sum, got NaN",
  ],
])("refuses %s", (_, call, message) => {
  expect(call).toThrow(new RangeError(message));
});
