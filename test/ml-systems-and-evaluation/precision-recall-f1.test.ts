import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bestThreshold,
  fromCounts,
  macroF1,
  poolFolds,
  thresholdSweep,
} from "../../src/demos/ml-systems-and-evaluation/precision-recall-f1.js";
import { matrix } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("ml-systems-and-evaluation/precision-recall-f1");
const cell = fc.integer({ min: 1, max: 500 });

describe("claims", () => {
  claim("fscore-is-weighted-harmonic-mean", () => {
    fc.assert(
      fc.property(cell, cell, cell, fc.constantFrom(0, 0.5, 1, 2, 3), (tp, fn, fp, beta) => {
        const { precision: p, recall: r, fscore } = fromCounts({ tp, fn, fp }, { beta });
        expect(fscore).toBeCloseTo(((1 + beta ** 2) * p * r) / (beta ** 2 * p + r), 12);
        const j = tp / (tp + fn + fp);
        expect(fromCounts({ tp, fn, fp }).fscore).toBeCloseTo((2 * j) / (1 + j), 12);
      }),
    );
  });

  claim("threshold-is-half-the-best-f1", () => {
    const { uniform } = random(1);
    const p = Float64Array.from({ length: 200_000 }, uniform);
    const y = Int32Array.from(p, (value) => (uniform() < value ? 1 : 0));
    const { threshold, fscore } = bestThreshold(p, y);
    expect(Math.abs(fscore - (3 - Math.sqrt(5)))).toBeLessThan(0.005); // standard error of F1 about 0.001
    expect(Math.abs(threshold - (3 - Math.sqrt(5)) / 2)).toBeLessThan(0.03); // flat optimum
  });

  claim("all-positive-scores", () => {
    for (const [positives, f1] of [
      [500, 2 / 3],
      [10, 0.0198],
    ] as const) {
      expect(fromCounts({ tp: positives, fn: 0, fp: 1000 - positives }).fscore).toBeCloseTo(f1, 4);
    }
  });

  claim("f1-follows-prevalence", () => {
    const at = (pi: number) => fromCounts({ tp: 0.8 * pi, fn: 0.2 * pi, fp: 0.1 * (1 - pi) }).fscore;
    expect([at(0.5), at(0.01)]).toEqual([expect.closeTo(0.842, 3), expect.closeTo(0.137, 3)]);
  });

  claim("mean-of-f1-never-larger", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 9, maxLength: 9 }), (c) => {
        fc.pre(c.some((value) => value > 0));
        const { meanOfF1, f1OfMeans } = macroF1(matrix([c.slice(0, 3), c.slice(3, 6), c.slice(6)]));
        expect(meanOfF1).toBeLessThanOrEqual(f1OfMeans + 1e-14);
      }),
    );
  });

  claim("folds-pool-differently", () => {
    const { pooled, meanOfScores } = poolFolds([
      { tp: 1, fn: 0, fp: 0 },
      { tp: 0, fn: 9, fp: 0 },
    ]);
    expect([pooled, meanOfScores]).toEqual([expect.closeTo(2 / 11, 14), 0.5]);
    const { recall, precision } = thresholdSweep([4, 3, 2, 1], [1, 0, 1, 0]);
    expect([...recall]).toEqual([0.5, 0.5, 1, 1]);
    expect([...precision]).toEqual([1, 0.5, 2 / 3, 0.5]); // falls, rises, falls
  });
});

type Lists = Record<"scores" | "truth" | "thresholds" | "precision" | "recall" | "fscore", number[]>;
test("scikit-learn: counts, sweeps with ties, macro F1", () => {
  const expected = oracle<{
    counts: { cells: [number, number, number]; beta: number; precision: number; recall: number; fscore: number }[];
    sweeps: Lists[];
    macro: { matrix: number[][]; f1: number }[];
  }>();
  for (const { cells, beta, precision, recall, fscore } of expected.counts) {
    const [tp, fn, fp] = cells;
    const found = fromCounts({ tp, fn, fp }, { beta });
    expect(found.precision).toBeCloseTo(precision, 14);
    expect(found.recall).toBeCloseTo(recall, 14);
    expect(found.fscore).toBeCloseTo(fscore, 14);
  }
  for (const given of expected.sweeps) {
    const found = thresholdSweep(given.scores, given.truth, { beta: 2 });
    expect([...found.thresholds]).toEqual(given.thresholds);
    for (const name of ["precision", "recall", "fscore"] as const) {
      found[name].forEach((value, i) => void expect(value).toBeCloseTo(given[name][i]!, 13));
    }
  }
  for (const { matrix: C, f1 } of expected.macro) expect(macroF1(matrix(C)).meanOfF1).toBeCloseTo(f1, 14);
});

test.each<[() => unknown, string]>([
  [() => fromCounts({ tp: -1, fn: 0, fp: 0 }), "fromCounts: tp must be a finite number in [0, 1e+100], got -1"],
  [
    () => fromCounts({ tp: 1, fn: 0, fp: 0 }, { beta: NaN }),
    "fromCounts: beta must be a finite number in [0, 1e+100], got NaN",
  ],
  [
    () => fromCounts({ tp: 0, fn: 1, fp: 0 }, { zeroDivision: "throw" }),
    "fromCounts: precision must be defined, got 0/0",
  ],
  [() => thresholdSweep([], []), "thresholdSweep: number of scores must be an integer at least 1, got 0"],
  [() => thresholdSweep([NaN], [1]), "thresholdSweep: scores must be finite, got NaN at 0"],
  [() => thresholdSweep([1], [2]), "thresholdSweep: yTrue[0] must be an integer in [0, 1], got 2"],
  [() => poolFolds([]), "poolFolds: number of folds must be an integer at least 1, got 0"],
])("%s", (run, message) => {
  expect(run).toThrow(new RangeError(message));
});

test("0/0 is named", () => {
  expect(fromCounts({ tp: 0, fn: 0, fp: 0 }).undefinedMetrics).toEqual(["precision", "recall", "fscore"]);
});

test("a small gain in recall and in precision are worth the same where R = βP", () => {
  for (const beta of [0.5, 1, 2]) {
    const f = (p: number, r: number) => {
      const tp = 1000;
      return fromCounts({ tp, fp: tp / p - tp, fn: tp / r - tp }, { beta }).fscore;
    };
    const [p, r, h] = [0.4, 0.4 * beta, 1e-5];
    const byPrecision = (f(p + h, r) - f(p - h, r)) / (2 * h);
    const byRecall = (f(p, r + h) - f(p, r - h)) / (2 * h);
    expect(byRecall).toBeCloseTo(byPrecision, 7); // truncation h² and rounding 1e-16/h
  }
});

test("inputs unchanged", () => {
  const [scores, y] = [Object.freeze([0.2, 0.9, 0.4]), Object.freeze([0, 1, 1])];
  expect(bestThreshold(scores, y)).toEqual({ threshold: 0.4, fscore: 1 });
});

test("ties go to the highest threshold, all wrong is 0, and the largest counts and β stay finite", () => {
  expect(bestThreshold([0.9, 0.8, 0.6, 0.4], [1, 0, 0, 1])).toEqual({ threshold: 0.9, fscore: 2 / 3 }); // 0.4 has it too
  const allWrong = matrix([
    [0, 3],
    [5, 0],
  ]);
  expect(macroF1(allWrong)).toEqual({ meanOfF1: 0, f1OfMeans: 0 });
  expect(fromCounts({ tp: 1e100, fn: 1e100, fp: 0 }, { beta: 1e100 }).fscore).toBeCloseTo(0.5, 14);
  expect(() => fromCounts({ tp: 1e308, fn: 0, fp: 0 })).toThrow(RangeError);
});
