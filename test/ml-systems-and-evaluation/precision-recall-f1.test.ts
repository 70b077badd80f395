import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  binaryMetrics,
  classificationReport,
  confusionMatrix,
  countsAtThreshold,
  oneVsRest,
} from "../../src/demos/ml-systems-and-evaluation/confusion-matrix.js";
import {
  type Average,
  type AverageScores,
  bestThreshold,
  bootstrapInterval,
  cumulativeCounts,
  expectedFscoreSelection,
  fromCounts,
  jaccard,
  macroF1,
  multilabelPrecisionRecallFscore,
  percentileInterval,
  poolFolds,
  positionOf,
  precisionRecallFscore,
  thresholdSweep,
} from "../../src/demos/ml-systems-and-evaluation/precision-recall-f1.js";
import { softmaxRegression } from "../../src/demos/training-fundamentals/cross-entropy-and-softmax.js";
import { againstThreshold, tumours } from "../../src/figures/ml-systems-and-evaluation/precision-recall-f1.js";
import { loadBreastCancer } from "../../src/lib/breast-cancer.js";
import { loadDigits } from "../../src/lib/data.js";
import { column, matrix, matrixOver, rowMajor, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("ml-systems-and-evaluation/precision-recall-f1");
const cell = fc.integer({ min: 1, max: 500 });
const sum = (x: Iterable<number>) => [...x].reduce((a, b) => a + b, 0);
const close = (value: number, digits = 12) => (Number.isNaN(value) ? NaN : expect.closeTo(value, digits));

/** What the note's cell does: a third of the masses to learn from, a third to choose the threshold, a third to test. */
function masses(steps = 300) {
  const { x, target } = loadBreastCancer();
  const largest = Array.from({ length: 30 }, (_, j) => Math.max(...column(x, j)));
  const order = Array.from(random(0).permutation(569));
  const features = (rows: number[]) => matrix(rows.map((i) => largest.map((top, j) => x.get(i, j) / top)));
  const malignant = (rows: number[]) => rows.map((i) => 1 - target[i]!);
  const train = order.slice(0, 190);
  const model = softmaxRegression(features(train), malignant(train), { lr: 1, steps });
  const unseen = order.slice(190);
  const y = malignant(unseen);
  const scores = toRows(matmul(features(unseen), model.weights)).map(
    ([a, b]) => 1 / (1 + Math.exp(a! + model.intercept[0]! - b! - model.intercept[1]!)),
  );
  const part = (at: ArrayLike<number>) => ({ y: pick(y, at), scores: pick(scores, at) });
  const positions = y.map((_, i) => i);
  return { part, validation: part(positions.slice(0, 190)), tested: part(positions.slice(190)) };
}
const pick = (values: number[], at: ArrayLike<number>) => Array.from(at, (i) => values[i]!);
const f1At = ({ y, scores }: { y: number[]; scores: number[] }, threshold: number) =>
  fromCounts(countsAtThreshold(y, scores, threshold)).fscore;

/** Second half of the digits by a model of the first; of the eights only those at multiples of ten are kept. */
function fewEights() {
  const { x, target } = loadDigits();
  const pixels = matrixOver(
    rowMajor(x).map((value) => value / 16),
    1797,
    64,
  );
  const model = softmaxRegression(pixels.hi(898, 64), target.subarray(0, 898), { lr: 0.5, steps: 100 });
  const predicted = toRows(matmul(pixels.lo(898, 0), model.weights)).map((row) => {
    const logits = row.map((z, k) => z + model.intercept[k]!);
    return logits.indexOf(Math.max(...logits));
  });
  const truth = Array.from(target.subarray(898));
  const kept = truth.flatMap((digit, i) => (digit !== 8 || i % 10 === 0 ? [i] : []));
  return { truth: kept.map((i) => truth[i]!), predicted: kept.map((i) => predicted[i]!) };
}

describe("claims", () => {
  claim("fscore-is-weighted-harmonic-mean", () => {
    fc.assert(
      fc.property(cell, cell, cell, fc.constantFrom(0, 0.5, 1, 2, 3), (tp, fn, fp, beta) => {
        const b2 = beta ** 2;
        const { precision: p, recall: r, fscore } = fromCounts({ tp, fn, fp }, { beta });
        expect([p, r]).toEqual([close(tp / (tp + fp), 14), close(tp / (tp + fn), 14)]);
        expect(fscore).toBeCloseTo(((1 + b2) * p * r) / (b2 * p + r), 12);
        expect(fscore).toBeCloseTo(((1 + b2) * tp) / ((1 + b2) * tp + b2 * fn + fp), 12);
        const j = jaccard({ tp, fn, fp }).value;
        expect(j).toBeCloseTo(tp / (tp + fn + fp), 14);
        expect(fromCounts({ tp, fn, fp }).fscore).toBeCloseTo((2 * j) / (1 + j), 12);
        const [missed, called] = [
          { tp, fn: fn + 1, fp },
          { tp, fn, fp: fp + b2 },
        ].map((cells) => fromCounts(cells, { beta }));
        expect(missed!.fscore).toBeCloseTo(called!.fscore, 12);
      }),
    );
    // Neither can be bought with the other: P = 1, R = 0.01.
    expect(fromCounts({ tp: 1, fn: 99, fp: 0 })).toMatchObject({
      precision: 1,
      recall: 0.01,
      fscore: close(0.0198, 4),
    });
  });

  claim("beta-is-the-ratio-of-equal-worth", () => {
    const f = (p: number, r: number, beta: number) =>
      fromCounts({ tp: 1000, fp: 1000 / p - 1000, fn: 1000 / r - 1000 }, { beta }).fscore;
    const h = 1e-5;
    const share = fc.double({ min: 0.1, max: 0.9, noNaN: true });
    const slopes = (p: number, r: number, beta: number) => ({
      byPrecision: (f(p + h, r, beta) - f(p - h, r, beta)) / (2 * h),
      byRecall: (f(p, r + h, beta) - f(p, r - h, beta)) / (2 * h),
    });
    fc.assert(
      fc.property(share, share, fc.constantFrom(0.5, 1, 2), (p, r, beta) => {
        const { byPrecision, byRecall } = slopes(p, r, beta);
        // truncation h²/p² and rounding 1e-16/h, on slopes of 0.008 at least
        expect(Math.abs((byRecall / byPrecision) * (r / (beta * p)) ** 2 - 1)).toBeLessThan(1e-6);
      }),
    );
    for (const beta of [0.5, 1, 2]) {
      const { byPrecision, byRecall } = slopes(0.4, 0.4 * beta, beta);
      expect(byRecall).toBeCloseTo(byPrecision, 7);
    }
  });

  claim("threshold-is-half-the-best-f1", () => {
    const { uniform } = random(1);
    const p = Float64Array.from({ length: 100_000 }, uniform);
    const y = Int32Array.from(p, (value) => (uniform() < value ? 1 : 0));
    const [bestF1, bestAt] = [3 - Math.sqrt(5), (3 - Math.sqrt(5)) / 2];
    expect([bestF1, bestAt]).toEqual([close(0.763932, 6 - 1), close(0.381966, 6 - 1)]);
    const { threshold, fscore } = bestThreshold(y, p);
    expect(Math.abs(fscore - bestF1)).toBeLessThan(0.005); // standard error of F1 about 0.0014
    expect(Math.abs(threshold - bestAt)).toBeLessThan(0.03); // flat optimum
    expect(Math.abs(fromCounts(countsAtThreshold(y, p, 0.5)).fscore - 0.75)).toBeLessThan(0.005);
    // Any probabilities, any β: those and only those with (1 + β²)p > F are called positive.
    const probabilities = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(probabilities, fc.constantFrom(0.5, 1, 2), (values, beta) => {
        const { k, threshold: t, fscore: f } = expectedFscoreSelection(values, { beta });
        const limit = f / (1 + beta ** 2);
        expect(values.filter((value) => value > limit + 1e-12).length).toBeLessThanOrEqual(k);
        expect(values.filter((value) => value > limit - 1e-12).length).toBeGreaterThanOrEqual(k);
        if (k > 0) expect(t).toBeGreaterThan(limit - 1e-12);
        if (beta === 1) expect(limit).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  claim("all-positive-scores", () => {
    for (const [positives, f1] of [
      [500, 2 / 3],
      [10, 0.0198],
    ] as const) {
      expect(fromCounts({ tp: positives, fn: 0, fp: 1000 - positives }).fscore).toBeCloseTo(f1, 4);
    }
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1, noNaN: true }), (pi) => {
        expect(fromCounts({ tp: pi, fn: 0, fp: 1 - pi }).fscore).toBeCloseTo((2 * pi) / (1 + pi), 12);
      }),
    );
    expect(binaryMetrics({ tp: 0, fn: 10, fp: 0, tn: 990 })).toMatchObject({ accuracy: 0.99, f1: 0 });
  });

  claim("random-labels-score", () => {
    const expected = (pi: number, q: number) => (2 * pi * q) / (pi + q);
    for (const [pi, q] of [
      [0.5, 0.5],
      [0.1, 0.3],
      [0.02, 1],
    ] as const) {
      const { uniform } = random(3);
      const truth = Array.from({ length: 100_000 }, () => (uniform() < pi ? 1 : 0));
      const guess = truth.map(() => (uniform() < q ? 1 : 0));
      const { fscore } = precisionRecallFscore(truth, guess, { average: "binary" });
      expect(Math.abs(fscore - expected(pi, q))).toBeLessThan(0.006); // 4 standard errors at most
    }
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (pi, q) => {
          const cells = { tp: pi * q, fn: pi * (1 - q), fp: (1 - pi) * q };
          expect(fromCounts(cells).fscore).toBeCloseTo(q === 0 ? 0 : expected(pi, q), 12);
          expect(expected(pi, q)).toBeLessThanOrEqual(expected(pi, 1) + 1e-15);
        },
      ),
    );
  });

  claim("fixed-alarms-rank-alike", () => {
    const model = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(model, model, fc.constantFrom(0.5, 1, 2), (a, b, beta) => {
        const [first, second] = [a, b].map((tp) => fromCounts({ tp, fn: 250 - tp, fp: 100 - tp }, { beta }));
        for (const name of ["precision", "recall", "fscore"] as const) {
          expect(Math.sign(first![name] - second![name])).toBe(Math.sign(a - b));
        }
        expect(first!.recall).toBeCloseTo((100 / 250) * first!.precision, 14);
      }),
    );
  });

  claim("f1-follows-prevalence", () => {
    const at = (pi: number) => fromCounts({ tp: 0.8 * pi, fn: 0.2 * pi, fp: 0.1 * (1 - pi) }).fscore;
    expect([at(0.5), at(0.01)]).toEqual([close(0.842, 3), close(0.137, 3)]);
  });

  claim("mean-of-f1-never-larger", () => {
    const entries = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 9, maxLength: 9 });
    fc.assert(
      fc.property(entries, (c) => {
        fc.pre(c.some((value) => value > 0));
        const { meanOfF1, f1OfMeans } = macroF1(matrix([c.slice(0, 3), c.slice(3, 6), c.slice(6)]));
        expect(meanOfF1).toBeLessThanOrEqual(f1OfMeans + 1e-14);
        expect(f1OfMeans - meanOfF1).toBeLessThan(0.5);
        const [p, r] = (["precision", "recall"] as const).map((name) => {
          const of = (k: number) => [0, 1, 2].map((j) => (name === "precision" ? c[3 * j + k]! : c[3 * k + j]!));
          return sum([0, 1, 2].map((k) => (c[4 * k] === 0 ? 0 : c[4 * k]! / sum(of(k))))) / 3;
        });
        expect(f1OfMeans).toBeCloseTo(p === 0 ? 0 : 2 / (1 / p! + 1 / r!), 12);
      }),
    );
    const seldom = matrix([
      [10, 90],
      [0, 100],
    ]);
    expect(macroF1(seldom)).toEqual({ meanOfF1: close(0.436, 3), f1OfMeans: close(0.639, 3) });
    for (const n of [10, 1000, 1e6]) {
      const { meanOfF1, f1OfMeans } = macroF1(
        matrix([
          [1, n],
          [0, 1],
        ]),
      );
      // (P, R) = (1, 1/(n + 1)) and (1/(n + 1), 1): means (n + 2)/(2n + 2) both, F1 of each 2/(n + 2)
      expect(f1OfMeans - meanOfF1).toBeCloseTo((n + 2) / (2 * n + 2) - 2 / (n + 2), 12);
      expect(f1OfMeans - meanOfF1).toBeLessThan(0.5);
      if (n === 1e6) expect(f1OfMeans - meanOfF1).toBeGreaterThan(0.49999);
    }
  });

  claim("micro-is-accuracy", () => {
    const labels = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), { minLength: 1 });
    fc.assert(
      fc.property(labels, (pairs) => {
        const [truth, predicted] = [pairs.map(([y]) => y), pairs.map(([, y]) => y)];
        const accuracy = pairs.filter(([y, z]) => y === z).length / pairs.length;
        const { precision, recall, fscore } = precisionRecallFscore(truth, predicted, { average: "micro" });
        expect([precision, recall, fscore]).toEqual([close(accuracy), close(accuracy), close(accuracy)]);
      }),
    );
    const { truth, predicted } = fewEights();
    const some = precisionRecallFscore(truth, predicted, { average: "micro", labels: [1, 8, 9] });
    expect([some.precision, some.recall]).toEqual([close(0.819, 3), close(0.867, 3)]);
    // What the note says of the eights: 3 of 5 found, 7 false alarms, and what they do to the macro average.
    const each = oneVsRest(confusionMatrix(truth, predicted).matrix);
    expect([truth.length, each[8]]).toEqual([816, { tp: 3, fn: 2, fp: 7, tn: 804 }]);
    expect([...loadDigits().target.subarray(898)].filter((digit) => digit === 8)).toHaveLength(88);
    const others = precisionRecallFscore(truth, predicted, { labels: [0, 1, 2, 3, 4, 5, 6, 7, 9] });
    expect(others.fscore).toBeCloseTo(0.926, 3);
    expect(precisionRecallFscore(truth, predicted).fscore).toBeCloseTo(0.873, 3);
  });

  claim("lower-threshold-more-recall", () => {
    const samples = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 1 })), {
      minLength: 2,
    });
    fc.assert(
      fc.property(samples, (pairs) => {
        const sweep = thresholdSweep(
          pairs.map(([, y]) => y),
          pairs.map(([score]) => score),
        );
        for (let m = 1; m < sweep.recall.length; m++) {
          expect(sweep.thresholds[m]).toBeLessThan(sweep.thresholds[m - 1]!);
          expect(sweep.recall[m]).toBeGreaterThanOrEqual(sweep.recall[m - 1]!);
        }
      }),
    );
    const { recall, precision } = thresholdSweep([1, 0, 1, 0], [4, 3, 2, 1]);
    expect([...recall]).toEqual([0.5, 0.5, 1, 1]);
    expect([...precision]).toEqual([1, 0.5, 2 / 3, 0.5]); // falls, rises, falls
  });

  claim("folds-pool-differently", () => {
    const folds = [
      { tp: 1, fn: 0, fp: 0 },
      { tp: 0, fn: 9, fp: 0 },
    ];
    const { pooled, meanOfScores } = poolFolds(folds);
    expect([pooled, meanOfScores]).toEqual([close(2 / 11, 14), 0.5]);
    // A fold with neither positives nor alarms is 0/0: the mean takes zeroDivision, the sum does not notice.
    const empty = [
      { tp: 3, fn: 1, fp: 1 },
      { tp: 0, fn: 0, fp: 0 },
    ];
    expect(poolFolds(empty)).toEqual({ pooled: close(0.75), meanOfScores: close(0.375) });
    const [f2, g2] = [
      fromCounts({ tp: 4, fn: 1, fp: 5 }, { beta: 2 }),
      fromCounts({ tp: 1, fn: 0, fp: 4 }, { beta: 2 }),
    ];
    const h2 = fromCounts({ tp: 3, fn: 1, fp: 1 }, { beta: 2 });
    expect(
      poolFolds(
        [
          { tp: 3, fn: 1, fp: 1 },
          { tp: 1, fn: 0, fp: 4 },
        ],
        { beta: 2 },
      ),
    ).toEqual({
      pooled: f2.fscore,
      meanOfScores: close((g2.fscore + h2.fscore) / 2),
    });
    expect(poolFolds(empty, { zeroDivision: 1 })).toEqual({ pooled: close(0.75), meanOfScores: close(0.875) });
  });

  claim("selection-needs-no-labels", () => {
    // The ratio of expectations: no other subset of cases has a larger one (2⁸ subsets).
    const probabilities = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(probabilities, fc.constantFrom(0.5, 1, 3), (p, beta) => {
        const { fscore } = expectedFscoreSelection(p, { beta });
        const b2 = beta ** 2;
        for (let subset = 1; subset < 2 ** p.length; subset++) {
          const chosen = p.filter((_, i) => (subset >> i) & 1);
          expect(((1 + b2) * sum(chosen)) / (chosen.length + b2 * sum(p))).toBeLessThanOrEqual(fscore + 1e-12);
        }
      }),
      { numRuns: 30 },
    );
    // The expected ratio, by all 2¹² labellings: what the selection loses against the best k.
    const { uniform } = random(5);
    for (let run = 0; run < 5; run++) {
      const p = Float64Array.from({ length: 12 }, uniform).sort().reverse();
      const expected = Array.from({ length: 13 }, (_, k) => expectedF1(p, k));
      const { k } = expectedFscoreSelection(p);
      expect(Math.max(...expected) - expected[k]!).toBeLessThan(0.0003);
    }
  });

  claim("validated-threshold-on-tumours", () => {
    const { part, validation, tested } = masses();
    const { threshold, fscore } = bestThreshold(validation.y, validation.scores);
    const counts = countsAtThreshold(tested.y, tested.scores, threshold);
    const { estimate, lower, upper } = bootstrapInterval(counts);
    const own = bestThreshold(tested.y, tested.scores).fscore;
    expect([fscore, estimate, own]).toEqual([close(0.942, 3), close(0.925, 3), close(0.939, 3)]);
    expect([lower, upper]).toEqual([close(0.876, 3), close(0.968, 3)]);
    let [chosen, found, atHalf] = [0, 0, 0];
    for (let seed = 0; seed < 200; seed++) {
      const rows = random(seed).permutation(379);
      const [a, b] = [part(rows.subarray(0, 190)), part(rows.subarray(190))];
      const best = bestThreshold(a.y, a.scores);
      chosen += best.fscore / 200;
      found += f1At(b, best.threshold) / 200;
      atHalf += f1At(b, 0.5) / 200;
    }
    expect([chosen - found, atHalf - found]).toEqual([close(0.025, 3), close(0.011, 3)]);
  });

  claim("beta-moves-the-threshold", () => {
    const { y, scores } = masses().tested;
    const at = (beta: number) => {
      const { threshold } = bestThreshold(y, scores, { beta });
      return { threshold, ...countsAtThreshold(y, scores, threshold) };
    };
    const betas = [0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 8].map((beta) => at(beta).threshold);
    expect(betas).toEqual([...betas].sort((a, b) => b - a));
    expect(at(0.5)).toMatchObject({ threshold: close(0.603, 3), fn: 7, fp: 1 });
    expect(at(4)).toMatchObject({ threshold: close(0.099, 3), fn: 0, fp: 21 });
  });

  claim("threshold-moves-with-prevalence", () => {
    const { validation, tested } = masses();
    const { threshold } = bestThreshold(validation.y, validation.scores);
    const sampleWeight = tested.y.map((ill) => (ill ? 1 : 20));
    const kept = fromCounts(countsAtThreshold(tested.y, tested.scores, threshold, { sampleWeight }));
    const best = bestThreshold(tested.y, tested.scores, { sampleWeight });
    expect([kept.fscore, best.fscore, best.threshold]).toEqual([close(0.541, 3), close(0.874, 3), close(0.872, 3)]);
    expect(bestThreshold(tested.y, tested.scores).threshold).toBeCloseTo(0.481, 3);
    const corrected = tested.scores.map((p) => p / (p + 20 * (1 - p)));
    const anew = bestThreshold(tested.y, corrected, { sampleWeight });
    expect(anew).toEqual({ threshold: close(0.255, 3), fscore: close(best.fscore) }); // the order is the same
  });

  claim("forecast-needs-calibration", () => {
    for (const [steps, expected, found] of [
      [300, 0.894, 0.939],
      [3000, 0.946, 0.947],
    ] as const) {
      const { tested } = masses(steps);
      const { threshold, fscore } = expectedFscoreSelection(tested.scores);
      expect([fscore, f1At(tested, threshold)]).toEqual([close(expected, 3), close(found, 3)]);
      if (steps === 3000) expect(Math.abs(f1At(tested, threshold) - fscore)).toBeLessThan(0.002);
    }
  });
});

/** E[F1] of calling the first k positive, over all labellings of independent cases. */
function expectedF1(p: Float64Array, k: number): number {
  let total = 0;
  for (let labelling = 0; labelling < 2 ** p.length; labelling++) {
    let [probability, tp, positives] = [1, 0, 0];
    for (let i = 0; i < p.length; i++) {
      const y = (labelling >> i) & 1;
      probability *= y ? p[i]! : 1 - p[i]!;
      positives += y;
      if (i < k) tp += y;
    }
    if (k + positives > 0) total += (probability * 2 * tp) / (k + positives);
  }
  return total;
}

type Sweep = Record<"scores" | "truth" | "thresholds" | "precision" | "recall" | "fscore", number[]>;
type Averaged<L> = {
  truth: L;
  predicted: L;
  sampleWeight: number[] | null;
  beta: number;
  zeroDivision: number;
  labels: number[] | null;
  averages: Record<string, { precision: number; recall: number; fscore: number }> & {
    None: Record<"precision" | "recall" | "fscore" | "support", number[]>;
  };
};
interface Fixture {
  counts: Record<"beta" | "precision" | "recall" | "fscore" | "jaccard", number>[] & { cells: number[] }[];
  sweeps: (Sweep & { sampleWeight: number[] | null })[];
  macro: { matrix: number[][]; f1: number }[];
  single: Averaged<number[]>[];
  multilabel: Averaged<number[][]>[];
  binary: { truth: number[]; predicted: number[]; precision: number; recall: number; fscore: number }[];
  digits: Record<"n" | "accuracy" | "micro" | "macro" | "weighted", number>;
  quantiles: { values: number[]; lower: number; upper: number };
  conventions: {
    nothingCalled: (number | null)[];
    warning: string;
    otherTwo: string;
    threeClasses: string;
    averages: (string | null)[];
    weightless: number[];
    betas: number[];
  };
}

describe("scikit-learn", () => {
  const expected = oracle<Fixture>();

  test("counts and the Jaccard index", () => {
    for (const line of expected.counts) {
      const [tp, fn, fp] = (line as unknown as { cells: number[] }).cells as [number, number, number];
      const { precision, recall, fscore, beta } = line;
      const found = fromCounts({ tp, fn, fp }, { beta });
      expect([found.precision, found.recall, found.fscore]).toEqual([close(precision), close(recall), close(fscore)]);
      expect(jaccard({ tp, fn, fp }).value).toBeCloseTo(line.jaccard, 14);
    }
  });

  test("sweeps with ties and weights", () => {
    for (const { scores, truth, sampleWeight, ...given } of expected.sweeps) {
      const found = thresholdSweep(truth, scores, { beta: 2, ...(sampleWeight ? { sampleWeight } : {}) });
      expect([...found.thresholds]).toEqual(given.thresholds);
      for (const name of ["precision", "recall", "fscore"] as const) {
        expect([...found[name]]).toEqual(given[name].map((value) => close(value)));
      }
    }
  });

  const compare = (
    given: Averaged<unknown>,
    run: (average: Average | "samples") => AverageScores,
    classes: Record<"precision" | "recall" | "fscore" | "support", Float64Array>,
  ) => {
    const { None: each, ...averages } = given.averages;
    for (const name of ["precision", "recall", "fscore", "support"] as const) {
      expect([...classes[name]]).toEqual(each[name].map((value) => close(value)));
    }
    for (const [average, scores] of Object.entries(averages)) {
      const found = run(average as Average);
      for (const name of ["precision", "recall", "fscore"] as const) {
        // Where the weights of all that is defined sum to 0, scikit-learn takes the plain mean; here that is 0/0.
        const weight = sum(each[name].map((value, k) => (Number.isNaN(value) ? 0 : each.support[k]!)));
        const value = average === "weighted" && weight === 0 ? given.zeroDivision : scores[name];
        expect(found[name], `${average} ${name}, β ${given.beta}, 0/0 ${given.zeroDivision}`).toEqual(close(value));
      }
      expect(found.support).toBeCloseTo(sum(each.support), 12);
    }
  };

  test("averages over classes: texts, weights, a part of the labels, absent classes", () => {
    expect(expected.single).toHaveLength(60);
    for (const given of expected.single) {
      const { truth, predicted, beta, zeroDivision } = given;
      const weight = given.sampleWeight ? { sampleWeight: given.sampleWeight } : {};
      const options = { beta, zeroDivision, ...weight, ...(given.labels ? { labels: given.labels } : {}) };
      compare(
        given,
        (average) => precisionRecallFscore(truth, predicted, { ...options, average: average as Average }),
        precisionRecallFscore(truth, predicted, { ...options, average: null }),
      );
    }
  });

  test("averages over several labels a sample", () => {
    expect(expected.multilabel).toHaveLength(12);
    for (const given of expected.multilabel) {
      const { beta, zeroDivision, sampleWeight } = given;
      const [truth, predicted] = [matrix(given.truth), matrix(given.predicted)];
      const options = { beta, zeroDivision, ...(sampleWeight ? { sampleWeight } : {}) };
      compare(
        given,
        (average) => multilabelPrecisionRecallFscore(truth, predicted, { ...options, average }),
        multilabelPrecisionRecallFscore(truth, predicted, { ...options, average: null }),
      );
    }
  });

  test("binary", () => {
    for (const { truth, predicted, precision, recall, fscore } of expected.binary) {
      const found = precisionRecallFscore(truth, predicted, { average: "binary" });
      expect([found.precision, found.recall, found.fscore]).toEqual([close(precision), close(recall), close(fscore)]);
    }
  });

  test("macro F1 of a matrix; digits with few eights; quantiles", () => {
    for (const { matrix: C, f1 } of expected.macro) expect(macroF1(matrix(C)).meanOfF1).toBeCloseTo(f1, 14);
    const { truth, predicted } = fewEights();
    const { n, accuracy, ...averages } = expected.digits;
    expect(truth).toHaveLength(n);
    expect(averages.micro).toBeCloseTo(accuracy, 14);
    for (const [average, f1] of Object.entries(averages)) {
      expect(precisionRecallFscore(truth, predicted, { average: average as Average }).fscore).toBeCloseTo(f1, 12);
    }
    const { values, lower, upper } = expected.quantiles;
    expect(percentileInterval(values, 0.9)).toEqual({ lower: close(lower), upper: close(upper) });
  });
});

describe("the table of conventions", () => {
  test("scikit-learn", () => {
    const { nothingCalled, warning, averages, betas, weightless, ...refused } = oracle<Fixture>().conventions;
    expect([nothingCalled, warning]).toEqual([[0, 0, 0, null], "UndefinedMetricWarning"]);
    const here = precisionRecallFscore([1, 0], [0, 0], { average: "binary" });
    expect(here).toEqual({ precision: 0, recall: 0, fscore: 0, support: 1, undefinedMetrics: ["precision[1]"] });
    expect(refused).toEqual({ otherTwo: "ValueError", threeClasses: "ValueError" });
    const one = precisionRecallFscore([0, 1, 2], [0, 1, 1], { average: "binary" });
    expect([one.precision, one.recall]).toEqual([0.5, 1]);
    expect(averages).toEqual([null, "binary"]);
    expect(weightless).toEqual([0.5, 1, 0.5]); // plain means
    const weighted = { labels: [2, 9], average: "weighted", zeroDivision: 1 } as const;
    expect(precisionRecallFscore([0, 0, 1], [2, 0, 1], weighted)).toMatchObject({ precision: 1, recall: 1, fscore: 1 });
    const { precision, recall } = fromCounts({ tp: 1, fn: 2, fp: 1 });
    expect(betas).toEqual([precision, close(recall)]);
  });

  withTensorFlow("precision and recall of class 1, 0 for 0/0", (tf) => {
    const scores = (truth: number[], predicted: number[]) =>
      (["precision", "recall"] as const).map((name) =>
        tf.metrics[name](tf.tensor1d(truth), tf.tensor1d(predicted)).arraySync(),
      );
    for (const [truth, predicted] of [
      [
        [1, 1, 0, 0, 1, 1],
        [1, 0, 0, 1, 1, 0],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ] as const) {
      const { precision, recall } = precisionRecallFscore(truth, predicted, { average: "binary" });
      expect(scores([...truth], [...predicted])).toEqual([close(precision, 6), close(recall, 6)]); // float32
    }
    expect(scores([0, 1, 2, 1], [0, 1, 1, 1])).toEqual([1, 1]); // the 2 called 1 is no false positive there; here it is
    expect(scores([2, 3], [3, 2])).toEqual([0, 0]); // here a RangeError
  });
});

test("agrees with the report of the confusion matrix", () => {
  const [truth, predicted] = [
    ["a", "b", "b", "c", "c", "c"],
    ["a", "c", "b", "c", "a", "c"],
  ];
  const report = classificationReport(confusionMatrix(truth, predicted));
  for (const average of ["macro", "weighted"] as const) {
    const { precision, recall, fscore, support } = precisionRecallFscore(truth, predicted, { average });
    expect({ precision, recall, f1: fscore, support }).toEqual(
      Object.fromEntries(Object.entries(report[average]).map(([name, value]) => [name, close(value)])),
    );
  }
});

describe("sweeps", () => {
  const sample = fc.array(
    fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 4 })),
    { minLength: 1, maxLength: 30 },
  );

  test("every row is what counting at that threshold gives, and the best is the best of all thresholds", () => {
    fc.assert(
      fc.property(sample, fc.constantFrom(0.5, 1, 2), (rows, beta) => {
        fc.pre(rows.some(([, , w]) => w > 0));
        const [scores, y, sampleWeight] = [rows.map(([s]) => s), rows.map(([, l]) => l), rows.map(([, , w]) => w)];
        const { thresholds, tp, fp } = cumulativeCounts(y, scores, { sampleWeight });
        const sweep = thresholdSweep(y, scores, { sampleWeight, beta });
        expect([...sweep.thresholds]).toEqual([...thresholds]);
        thresholds.forEach((t, m) => {
          const cells = countsAtThreshold(y, scores, t, { sampleWeight });
          expect([tp[m], fp[m]]).toEqual([cells.tp, cells.fp]); // integers
          const { precision, recall, fscore } = fromCounts(cells, { beta });
          expect([sweep.precision[m], sweep.recall[m], sweep.fscore[m]]).toEqual([precision, recall, fscore]);
        });
        const levels = new Set(scores.filter((_, i) => sampleWeight[i]! > 0));
        expect([...thresholds]).toEqual([...levels].sort((a, b) => b - a));
        const best = bestThreshold(y, scores, { sampleWeight, beta });
        expect(best.fscore).toBe(Math.max(...sweep.fscore));
        expect(best.threshold).toBe(thresholds[sweep.fscore.indexOf(best.fscore)]);
      }),
    );
  });

  test("infinite scores are ordered, labels may be −1 and 1 or texts", () => {
    const scores = [Infinity, -Infinity, 0, Infinity];
    const expected = { thresholds: [Infinity, 0, -Infinity], tp: [1, 2, 2], fp: [1, 1, 2] };
    for (const [yTrue, options] of [
      [[1, 0, 1, 0], {}],
      [[1, -1, 1, -1], {}],
      [["spam", "ham", "spam", "eggs"], { positiveLabel: "spam" }],
    ] as const) {
      const found = cumulativeCounts(yTrue, scores, options);
      expect({ thresholds: [...found.thresholds], tp: [...found.tp], fp: [...found.fp] }).toEqual(expected);
    }
  });

  test("a score is found among any number of thresholds; weights of 0 take their scores away", () => {
    for (let n = 1; n < 20; n++) {
      const thresholds = Float64Array.from({ length: n }, (_, m) => 3 * (n - m));
      expect(Array.from(thresholds, (score) => positionOf(score, thresholds))).toEqual([...thresholds.keys()]);
    }
    const { thresholds, tp, fp } = cumulativeCounts([1, 0, 1, 0], [2, 7, 2, 5], { sampleWeight: [0.5, 0, 1, 2] });
    expect([[...thresholds], [...tp], [...fp]]).toEqual([
      [5, 2],
      [0, 1.5],
      [2, 2],
    ]);
    expect(cumulativeCounts([1, 0, 1], [0, -0, -0])).toEqual({
      thresholds: Float64Array.of(0),
      tp: Float64Array.of(2),
      fp: Float64Array.of(1),
    });
  });

  test("without positives recall is named once; ties go to the highest threshold", () => {
    const { recall, fscore, undefinedMetrics } = thresholdSweep([0, 0, 0], [3, 1, 2]);
    expect({ recall: [...recall], fscore: [...fscore], undefinedMetrics }).toEqual({
      recall: [0, 0, 0],
      fscore: [0, 0, 0],
      undefinedMetrics: ["recall"],
    });
    expect(thresholdSweep([0, 1], [1, 2]).undefinedMetrics).toEqual([]);
    expect([...thresholdSweep([0], [1], { zeroDivision: 1 }).recall]).toEqual([1]);
    expect(bestThreshold([1, 0, 0, 1], [0.9, 0.8, 0.6, 0.4])).toEqual({ threshold: 0.9, fscore: close(2 / 3) }); // 0.4 too
  });
});

describe("intervals", () => {
  test("bootstrap: near the delta method's width, covering the truth as often as it says, same seed same bits", () => {
    const counts = { tp: 90, fn: 10, fp: 40, tn: 860 };
    const { estimate, lower, upper } = bootstrapInterval(counts);
    expect(estimate).toBe(fromCounts(counts).fscore);
    // F = 2a/(2a + b) with shares a of TP, b of errors: gradient (2b, −2a)/(2a + b)², multinomial covariance.
    const [a, b] = [0.09, 0.05];
    const [da, db] = [(2 * b) / (2 * a + b) ** 2, (-2 * a) / (2 * a + b) ** 2];
    const variance = (da * da * a + db * db * b - (da * a + db * b) ** 2) / 1000;
    expect((upper - lower) / (2 * 1.96 * Math.sqrt(variance))).toBeCloseTo(1, 1); // 2000 replicates: ends within 5 %
    expect(bootstrapInterval(counts, { seed: 0 })).toEqual({ estimate, lower, upper });
    expect(bootstrapInterval(counts, { seed: 1 })).not.toEqual({ estimate, lower, upper });
    const narrow = bootstrapInterval(counts, { level: 0.5 });
    expect(narrow.upper - narrow.lower).toBeLessThan(0.45 * (upper - lower)); // 0.674/1.96 = 0.344

    const { categorical } = random(4);
    let covered = 0;
    for (let trial = 0; trial < 100; trial++) {
      const drawn = [0, 0, 0, 0];
      for (let i = 0; i < 300; i++) drawn[categorical([90, 10, 40, 860])]!++;
      const [tp, fn, fp, tn] = drawn as [number, number, number, number];
      const interval = bootstrapInterval({ tp, fn, fp, tn }, { seed: trial, replicates: 150 });
      if (interval.lower <= estimate && estimate <= interval.upper) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(87); // 95 expected, standard deviation 2.2
  });

  test("bootstrap: β and zeroDivision reach the replicates", () => {
    const counts = { tp: 1, fn: 0, fp: 0, tn: 3 };
    expect(bootstrapInterval(counts)).toMatchObject({ estimate: 1, lower: 0, upper: 1 });
    expect(bootstrapInterval(counts, { zeroDivision: 1 })).toEqual({ estimate: 1, lower: 1, upper: 1 });
    const [f1, f2] = [1, 2].map((beta) => bootstrapInterval({ tp: 80, fn: 5, fp: 60, tn: 55 }, { beta }));
    expect(f2!.lower).toBeGreaterThan(f1!.upper);
    expect(f2!.estimate).toBe(fromCounts({ tp: 80, fn: 5, fp: 60 }, { beta: 2 }).fscore);
    expect(bootstrapInterval({ tp: 1, fn: 0, fp: 0, tn: 0 })).toEqual({ estimate: 1, lower: 1, upper: 1 }); // one draw of one
  });

  test("percentiles interpolate", () => {
    expect(percentileInterval([10, 0], 0.5)).toEqual({ lower: 2.5, upper: 7.5 });
    expect(percentileInterval([7], 0.9)).toEqual({ lower: 7, upper: 7 });
  });
});

test("two models with the same F1 make opposite errors", () => {
  const [missing, crying] = [fromCounts({ tp: 60, fn: 40, fp: 0 }), fromCounts({ tp: 60, fn: 0, fp: 40 })];
  expect([missing.fscore, crying.fscore]).toEqual([close(0.75), close(0.75)]);
  expect([missing.precision, crying.precision, missing.recall, crying.recall]).toEqual([1, 0.6, 0.6, 1]);
});

test("a threshold above all scores calls nobody, one below calls everybody", () => {
  const above = countsAtThreshold([1, 0, 1], [0.3, 0.2, 0.9], 2);
  expect(fromCounts(above)).toMatchObject({ precision: 0, recall: 0, fscore: 0, undefinedMetrics: ["precision"] });
  expect(fromCounts(countsAtThreshold([1, 0, 1], [0.3, 0.2, 0.9], -1))).toMatchObject({ recall: 1, precision: 2 / 3 });
});

test("0/0 is named, per class and per average", () => {
  expect(fromCounts({ tp: 0, fn: 0, fp: 0 }).undefinedMetrics).toEqual(["precision", "recall", "fscore"]);
  expect(jaccard({ tp: 0, fn: 0, fp: 0 }, { zeroDivision: 1 })).toEqual({ value: 1, undefinedMetrics: ["jaccard"] });
  const absent = { labels: [0, 7], average: "macro" } as const;
  expect(precisionRecallFscore([0, 1], [0, 0], absent).undefinedMetrics).toEqual([
    "precision[7]",
    "recall[7]",
    "fscore[7]",
  ]);
  const nobody = precisionRecallFscore([0, 1], [0, 0], { labels: [7], average: "weighted" });
  expect([nobody.fscore, nobody.support, nobody.undefinedMetrics.at(-1)]).toEqual([0, 0, "fscore"]);
  expect(precisionRecallFscore([0], [0], { average: "binary" })).toMatchObject({ fscore: 0, support: 0 });
  expect(precisionRecallFscore(["y", "n"], ["y", "y"], { average: "binary", positiveLabel: "y" }).recall).toBe(1);
});

test("expected selection: nothing to find, everything certain, equals together", () => {
  expect(expectedFscoreSelection([0, 0])).toEqual({ k: 0, threshold: Infinity, fscore: 0 });
  expect(expectedFscoreSelection([1, 0, 1])).toEqual({ k: 2, threshold: 1, fscore: 1 });
  // Here the three equals change F by rounding only: they are called all or not at all.
  const equal = expectedFscoreSelection([
    0.30000000000000004, 0.1666666666666667, 0.1666666666666667, 0.1666666666666667,
  ]);
  expect([1, 4]).toContain(equal.k);
  expect(expectedFscoreSelection([0.4, 0.4, 0.4])).toEqual({ k: 3, threshold: 0.4, fscore: close(2.4 / 4.2) });
});

test("extremes: the largest counts and β stay finite; all wrong is 0; one class", () => {
  expect(fromCounts({ tp: 1e100, fn: 1e100, fp: 0 }, { beta: 1e100 }).fscore).toBeCloseTo(0.5, 14);
  expect(fromCounts({ tp: 5e-324, fn: 0, fp: 0 })).toMatchObject({ precision: 1, recall: 1, fscore: 1 });
  const allWrong = matrix([
    [0, 3],
    [5, 0],
  ]);
  expect(macroF1(allWrong)).toEqual({ meanOfF1: 0, f1OfMeans: 0 });
  expect(macroF1(matrix([[4]]))).toEqual({ meanOfF1: 1, f1OfMeans: 1 });
});

test("inputs unchanged", () => {
  const [scores, y, sampleWeight] = [
    Object.freeze([0.2, 0.9, 0.4]),
    Object.freeze([0, 1, 1]),
    Object.freeze([1, 2, 3]),
  ];
  expect(bestThreshold(y, scores, { sampleWeight })).toEqual({ threshold: 0.4, fscore: 1 });
  expect(expectedFscoreSelection(scores).k).toBe(2);
  expect(precisionRecallFscore(y, y, { sampleWeight, labels: y.slice(0, 2) }).fscore).toBe(1);
  const given = Float64Array.of(3, 1, 2);
  percentileInterval(given, 0.5);
  expectedFscoreSelection(given.map((value) => value / 4));
  expect([...given]).toEqual([3, 1, 2]);
});

describe("errors", () => {
  const [ok, wide] = [matrix([[0, 1]]), matrix([[0, 1, 1]])];
  const cells = { tp: 1, fn: 1, fp: 1, tn: 1 };
  test.each<[() => unknown, string]>([
    [() => fromCounts({ tp: -1, fn: 0, fp: 0 }), "fromCounts: tp must be a finite number in [0, 1e+100], got -1"],
    [
      () => fromCounts({ tp: 1e308, fn: 0, fp: 0 }),
      "fromCounts: tp must be a finite number in [0, 1e+100], got 1e+308",
    ],
    [() => fromCounts(cells, { beta: NaN }), "fromCounts: beta must be a finite number in [0, 1e+100], got NaN"],
    [() => fromCounts(cells, { beta: -1 }), "fromCounts: beta must be a finite number in [0, 1e+100], got -1"],
    [
      () => fromCounts({ tp: 0, fn: 1, fp: 0 }, { zeroDivision: "throw" }),
      "fromCounts: precision must be defined, got 0/0",
    ],
    [() => jaccard({ tp: 1, fn: NaN, fp: 0 }), "jaccard: fn must be a finite number in [0, 1e+100], got NaN"],
    [() => thresholdSweep([], []), "countsAtThreshold: yTrue must not be empty, got length 0"],
    [() => thresholdSweep([1], [NaN]), "countsAtThreshold: scores must be numbers, got NaN at 0"],
    [
      () => thresholdSweep([1], [1], { beta: Infinity }),
      "thresholdSweep: beta must be a finite number in [0, 1e+100], got Infinity",
    ],
    [
      () => thresholdSweep([1, 2], [1, 1]),
      "cumulativeCounts: yTrue must hold 1 and 0, or 1 and -1, without positiveLabel, got 2 at 1",
    ],
    [
      () => cumulativeCounts([1, 0, -1], [1, 1, 1]),
      "cumulativeCounts: yTrue must hold 1 and 0, or 1 and -1, without positiveLabel, got -1 at 2",
    ],
    [() => poolFolds([]), "poolFolds: number of folds must be an integer at least 1, got 0"],
    [
      () => precisionRecallFscore([1], [1], { average: "samples" as "macro" }),
      "precisionRecallFscore: average must be one of 'binary', 'micro', 'macro', 'weighted', got 'samples'",
    ],
    [
      () => precisionRecallFscore([1], [1], { labels: [] }),
      "precisionRecallFscore: number of labels must be an integer at least 1, got 0",
    ],
    [
      () => precisionRecallFscore([1], [1], { labels: [1, 0, 1] }),
      "precisionRecallFscore: labels must differ, got 1 again at 2",
    ],
    [
      () => precisionRecallFscore([1], [1], { beta: -1 }),
      "precisionRecallFscore: beta must be a finite number in [0, 1e+100], got -1",
    ],
    [
      () => precisionRecallFscore([1, 0], [1, 1], { zeroDivision: "throw" }),
      "precisionRecallFscore: precision[0] must be defined, got 0/0",
    ],
    [
      () => precisionRecallFscore(["y", "n"], ["y", "y"], { average: "binary" }),
      "precisionRecallFscore: positiveLabel must be in yTrue or yPred, got 1",
    ],
    [
      () => precisionRecallFscore([2, 3], [3, 3], { average: "binary", positiveLabel: 4 }),
      "precisionRecallFscore: positiveLabel must be in yTrue or yPred, got 4",
    ],
    [() => precisionRecallFscore([1], [1, 1]), "confusionMatrix: yPred must have length 1, got 2"],
    [
      () => multilabelPrecisionRecallFscore(ok, wide),
      "multilabelPrecisionRecallFscore: yPred must be 1×2 like yTrue, got 1×3",
    ],
    [
      () =>
        multilabelPrecisionRecallFscore(
          matrix([
            [0, 1],
            [1, 0],
            [0, 1],
          ]),
          matrix([
            [0, 1],
            [1, 2],
            [3, 0],
          ]),
        ),
      "multilabelPrecisionRecallFscore: yPred(1, 1) must be an integer in [0, 1], got 2",
    ],
    [
      () =>
        multilabelPrecisionRecallFscore(
          matrix([
            [1, 0, 1],
            [1, 0, 0.5],
          ]),
          matrix([
            [1, 0, 1],
            [1, 0, 1],
          ]),
        ),
      "multilabelPrecisionRecallFscore: yTrue(1, 2) must be an integer in [0, 1], got 0.5",
    ],
    [
      () => multilabelPrecisionRecallFscore(ok, ok, { sampleWeight: [-1] }),
      "multilabelPrecisionRecallFscore: sampleWeight[0] must be a finite number in [0, Infinity), got -1",
    ],
    [
      () => multilabelPrecisionRecallFscore(ok, ok, { sampleWeight: [0] }),
      "multilabelPrecisionRecallFscore: sum of sampleWeight must be a finite number in (0, Infinity), got 0",
    ],
    [
      () => multilabelPrecisionRecallFscore(ok, ok, { average: "binary" as "macro" }),
      "multilabelPrecisionRecallFscore: average must be one of 'micro', 'macro', 'weighted', 'samples', got 'binary'",
    ],
    [
      () => expectedFscoreSelection([]),
      "expectedFscoreSelection: number of probabilities must be an integer at least 1, got 0",
    ],
    [
      () => expectedFscoreSelection([1.5]),
      "expectedFscoreSelection: probability must be a finite number in [0, 1], got 1.5",
    ],
    [() => bootstrapInterval({ ...cells, fp: 0.5 }), "bootstrapInterval: fp must be an integer at least 0, got 0.5"],
    [
      () => bootstrapInterval({ tp: 0, fn: 0, fp: 0, tn: 0 }),
      "bootstrapInterval: number of decisions must be an integer at least 1, got 0",
    ],
    [
      () => bootstrapInterval(cells, { replicates: 0 }),
      "bootstrapInterval: replicates must be an integer at least 1, got 0",
    ],
    [() => percentileInterval([1], 1), "percentileInterval: level must be a finite number in (0, 1), got 1"],
    [() => percentileInterval([], 0.5), "percentileInterval: number of values must be an integer at least 1, got 0"],
  ])("%s", (run, message) => {
    expect(run).toThrow(new RangeError(message));
  });

  test("no matrix", () => {
    expect(() => multilabelPrecisionRecallFscore([[1]] as never, ok)).toThrow(
      new TypeError("multilabelPrecisionRecallFscore: yTrue must be a rank-2 ndarray of Float64Array, got Array"),
    );
  });
});

describe("figures say what is computed", () => {
  type Title = { title: { text: string; subtitle: string[] } };
  test("calibrated probabilities: 0.764 at 0.38, and the chosen threshold", () => {
    const { text, subtitle } = (againstThreshold.draw() as unknown as Title).title;
    expect(text).toBe("F with β = 1 is best, 0.764, at 0.38");
    expect(subtitle[1]).toBe("at 0.5: precision 0.750, recall 0.750, F 0.750"); // ∫p over (½, 1), doubled or divided
  });

  test("above all scores nobody is called and precision is undefined; rarer positives, lower threshold", () => {
    for (const { draw } of [againstThreshold, tumours]) {
      const spec = draw({ threshold: 1 }) as unknown as Title & {
        vconcat: [{ layer: { data: { values: { metric: string; value: number }[] } }[] }];
      };
      expect(spec.title.subtitle[1]).toBe("at 1: precision undefined, recall 0.000, F 0.000");
      const points = spec.vconcat[0].layer[3]!.data.values.map(({ metric, value }) => [metric, value]);
      expect(points).toEqual([
        ["recall", 0],
        ["F", 0],
      ]);
    }
    const best = (rarity: number) =>
      Number((againstThreshold.draw({ rarity }) as unknown as Title).title.text.slice(-4));
    expect([1, 5, 20].map(best)).toEqual([1, 5, 20].map(best).sort((a, b) => b - a));
    expect(best(20)).toBeLessThan(best(1));
  });

  test("tumours: counts at the threshold", () => {
    const { tested } = masses();
    const { precision, sensitivity } = binaryMetrics(countsAtThreshold(tested.y, tested.scores, 0.3));
    const { subtitle } = (tumours.draw({ threshold: 0.3 }) as unknown as Title).title;
    expect(subtitle[1]).toContain(`precision ${precision.toFixed(3)}, recall ${sensitivity.toFixed(3)}`);
    expect(subtitle[0]).toBe(`189 breast masses; prevalence ${((100 * sum(tested.y)) / 189).toFixed(1)} %`);
  });
});
