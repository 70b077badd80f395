import fc from "fast-check";
import ndarray from "ndarray";
import { describe, expect, test } from "vitest";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  atPrevalence,
  type BinaryCounts,
  balancedAccuracy,
  binaryMetrics,
  binormalCounts,
  classificationReport,
  cohenKappa,
  confusionMatrix,
  costOptimalThreshold,
  countsAtThreshold,
  expectedCost,
  type Label,
  matthewsCorrelation,
  normalHalfWidth,
  oneVsRest,
  ratios,
  wilsonInterval,
} from "../../src/demos/ml-systems-and-evaluation/confusion-matrix.js";
import { crossEntropy, softmaxRegression } from "../../src/demos/training-fundamentals/cross-entropy-and-softmax.js";
import {
  confusedDigits,
  costOfThreshold,
  thresholdAndPrevalence,
} from "../../src/figures/ml-systems-and-evaluation/confusion-matrix.js";
import { loadDigits } from "../../src/lib/data.js";
import { matrix, matrixOver, rowMajor, toRows, transpose } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("ml-systems-and-evaluation/confusion-matrix");

// --- independent of the code under test: everything from the definitions, over plain arrays ---

const sum = (x: Iterable<number>) => [...x].reduce((a, b) => a + b, 0);
const count = <T>(x: Iterable<T>, holds: (value: T, i: number) => boolean) => [...x].filter(holds).length;
const table = ({ tp, fn, fp, tn }: BinaryCounts) =>
  matrix([
    [tp, fn],
    [fp, tn],
  ]);
const cellsOf = ([tp, fn, fp, tn]: readonly number[]): BinaryCounts => ({ tp: tp!, fn: fn!, fp: fp!, tn: tn! });
const listed = ({ tp, fn, fp, tn }: BinaryCounts) => [tp, fn, fp, tn];
/** Cells with the two classes' names exchanged. */
const renamed = ({ tp, fn, fp, tn }: BinaryCounts): BinaryCounts => ({ tp: tn, fn: fp, fp: fn, tn: tp });

/** Pearson's correlation of two vectors, weighted, as Σ of products of deviations from the means. */
function pearson(x: readonly number[], y: readonly number[], w: readonly number[]): number {
  const n = sum(w);
  const mean = (v: readonly number[]) => sum(v.map((value, i) => w[i]! * value)) / n;
  const [mx, my] = [mean(x), mean(y)];
  const product = (u: readonly number[], mu: number, v: readonly number[], mv: number) =>
    sum(u.map((value, i) => w[i]! * (value - mu) * (v[i]! - mv)));
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my));
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    // positive form: NaN fails unless it is expected
    const close = Object.is(actual[i], expected[i]) || Math.abs(actual[i]! - expected[i]!) <= tolerance;
    expect(close, `entry ${i}: ${actual[i]} against ${expected[i]}`).toBe(true);
  }
}

/** A few divisions and sums of numbers of at most 1. */
const ROUNDING = 1e-14;

/** Four cells, all positive. */
const positiveCells = fc
  .tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 1, max: 5000 })))
  .map((cells) => cellsOf(cells));
/** K×K counts with K from 2 to 6 and n samples. */
const labelled = fc
  .record({
    K: fc.integer({ min: 2, max: 6 }),
    n: fc.integer({ min: 1, max: 80 }),
    seed: fc.integer({ min: 0, max: 1e6 }),
  })
  .map(({ K, n, seed }) => {
    const { integer, uniform } = random(seed);
    const yTrue = Int32Array.from({ length: n }, () => integer(K));
    const yPred = yTrue.map((k) => (uniform() < 0.6 ? k : integer(K)));
    return { K, n, yTrue, yPred, weights: Float64Array.from({ length: n }, () => 0.1 + uniform()) };
  });
const upTo = (K: number) => Array.from({ length: K }, (_, k) => k);

/** The digits of the note: trained on the first 898, asked about the rest. */
const digits = (() => {
  const { x, target } = loadDigits();
  const pixels = matrixOver(
    rowMajor(x).map((value) => value / 16),
    1797,
    64,
  );
  const model = softmaxRegression(pixels.hi(898, 64), target.subarray(0, 898), { lr: 0.5, steps: 100 });
  const logits = toRows(matmul(pixels.lo(898, 0), model.weights)).map((row) =>
    row.map((z, k) => z + model.intercept[k]!),
  );
  const truth = target.slice(898);
  const probabilities = toRows(crossEntropy(matrix(logits), truth).probabilities);
  return { truth, probabilities, predicted: logits.map((row) => row.indexOf(Math.max(...row))) };
})();

describe("claims", () => {
  claim("rows-are-truth", () => {
    const { truth, predicted } = digits;
    const { matrix: C, labels } = confusionMatrix(truth, predicted);
    expect(labels).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const k of labels) {
      expect(sum(toRows(C)[k]!)).toBe(count(truth, (y) => y === k));
      expect(sum(toRows(transpose(C))[k]!)).toBe(count(predicted, (y) => y === k));
    }
    expect(sum(labels.map((k) => C.get(k, k)))).toBe(count(truth, (y, i) => y === predicted[i]));
    expect([C.get(1, 9), C.get(9, 1)]).toEqual([12, 0]);
    expect(count(truth, (y, i) => y === 1 && predicted[i] === 9)).toBe(12);
  });

  claim("mcc-is-pearson-correlation", () => {
    fc.assert(
      fc.property(positiveCells, (cells) => {
        const r = pearson([1, 1, 0, 0], [1, 0, 1, 0], listed(cells));
        const { mcc, informedness, markedness, sensitivity, specificity, precision, npv } = binaryMetrics(cells);
        // 1e-12: Pearson's sums cancel where the correlation is small
        expect(Math.abs(mcc - r)).toBeLessThan(1e-12);
        expect(Math.abs(mcc ** 2 - informedness * markedness)).toBeLessThan(ROUNDING);
        expect(Math.abs(mcc ** 2 - (sensitivity + specificity - 1) * (precision + npv - 1))).toBeLessThan(1e-12);
        expect(Math.abs(matthewsCorrelation(table(cells)).value - mcc)).toBeLessThan(ROUNDING);
      }),
    );
  });

  claim("mcc-ignores-class-names", () => {
    const cells = { tp: 90, fn: 10, fp: 40, tn: 860 };
    const [one, other] = [binaryMetrics(cells), binaryMetrics(renamed(cells))];
    expect(one.mcc).toBeCloseTo(0.7632, 4);
    expect(other.mcc).toBe(one.mcc);
    expect([one.f1, other.f1]).toEqual([180 / 230, 1720 / 1770]);
    expect(one.f1).toBeCloseTo(0.7826, 4);
    expect(other.f1).toBeCloseTo(0.9718, 4);
    fc.assert(
      fc.property(positiveCells, (any) => {
        const [a, b] = [binaryMetrics(any), binaryMetrics(renamed(any))];
        expectClose([b.mcc, b.kappa, b.accuracy], [a.mcc, a.kappa, a.accuracy], ROUNDING);
      }),
    );
  });

  claim("kappa-at-most-mcc", () => {
    fc.assert(
      fc.property(positiveCells, (cells) => {
        const { kappa, mcc } = binaryMetrics(cells);
        const equal = cells.fp === cells.fn || cells.tp * cells.tn === cells.fp * cells.fn;
        if (equal) expect(Math.abs(kappa - mcc)).toBeLessThan(ROUNDING);
        else expect(Math.abs(mcc) - Math.abs(kappa)).toBeGreaterThan(-ROUNDING);
      }),
    );
    for (let tp = 1; tp < 7; tp++) {
      for (let fn = 1; fn < 7; fn++) {
        for (let fp = 1; fp < 7; fp++) {
          for (let tn = 1; tn < 7; tn++) {
            const { kappa, mcc } = binaryMetrics({ tp, fn, fp, tn });
            const equal = fp === fn || tp * tn === fp * fn;
            // with counts below 7 a true difference is far above rounding
            expect(Math.abs(mcc) - Math.abs(kappa) > 1e-9).toBe(!equal);
          }
        }
      }
    }
    const { kappa, mcc } = binaryMetrics({ tp: 90, fn: 10, fp: 40, tn: 860 });
    expectClose([kappa, mcc], [0.7549, 0.7632], 5e-5);
    const same = binaryMetrics({ tp: 50, fn: 50, fp: 50, tn: 850 });
    expectClose([same.kappa, same.mcc], [4 / 9, 4 / 9], ROUNDING);
  });

  claim("constant-predictor-is-exposed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 2, maxLength: 7 }),
        fc.nat(),
        fc.boolean(),
        (sizes, pick, weighted) => {
          const K = sizes.length;
          const said = pick % K;
          const scale = weighted ? 0.1 : 1; // weights that binary fractions cannot hold
          const C = matrix(sizes.map((size) => upTo(K).map((j) => (j === said ? scale * size : 0))));
          const report = classificationReport({ matrix: C, labels: upTo(K) });
          expect(Math.abs(report.accuracy - sizes[said]! / sum(sizes))).toBeLessThan(ROUNDING);
          expect(balancedAccuracy(C).value).toBe(1 / K);
          expect(balancedAccuracy(C, { adjusted: true }).value).toBe(0);
          expect(Math.abs(cohenKappa(C).value)).toBeLessThan(weighted ? ROUNDING : Number.MIN_VALUE);
          expect(matthewsCorrelation(C)).toEqual({ value: 0, undefinedMetrics: ["mcc"] });
        },
      ),
    );
    const never = binaryMetrics({ tp: 0, fn: 10, fp: 0, tn: 990 });
    expect(never.accuracy).toBe(0.99);
    expect([never.balancedAccuracy, never.kappa, never.mcc, never.informedness]).toEqual([0.5, 0, 0, 0]);
  });

  claim("precision-follows-prevalence", () => {
    const test = { sensitivity: 0.99, specificity: 0.99 };
    expect(atPrevalence({ ...test, prevalence: 0.01 }).ppv).toBeCloseTo(0.5, 12);
    expect(atPrevalence({ ...test, prevalence: 0.001 }).ppv).toBeCloseTo(0.0902, 4);
    fc.assert(
      fc.property(positiveCells, fc.integer({ min: 2, max: 1000 }), (cells, k) => {
        const copied = { ...cells, fp: k * cells.fp, tn: k * cells.tn };
        const [a, b] = [binaryMetrics(cells), binaryMetrics(copied)];
        const stays = (m: typeof a) => [m.sensitivity, m.fpr, m.balancedAccuracy, m.informedness, m.fnr, m.specificity];
        expectClose(stays(b), stays(a), ROUNDING);
        expect(b.precision).toBeLessThan(a.precision);
        const { ppv, npv } = atPrevalence({ ...b, prevalence: b.prevalence });
        expectClose([ppv, npv], [b.precision, b.npv], 1e-12); // 1 − specificity loses digits
      }),
    );
  });

  claim("true-negatives-lift-accuracy-only", () => {
    const base = { tp: 90, fn: 10, fp: 40, tn: 860 };
    const [a, b, c] = [0, 1e4, 1e9].map((extra) => binaryMetrics({ ...base, tn: base.tn + extra }));
    for (const more of [b!, c!]) {
      expect([more.precision, more.sensitivity, more.f1]).toEqual([a!.precision, a!.sensitivity, a!.f1]);
    }
    expect(a!.accuracy).toBe(0.95);
    expect(b!.accuracy).toBeGreaterThan(0.995);
    expect(1 - c!.accuracy).toBeLessThan(1e-7);
  });

  claim("odds-are-multiplied", () => {
    const odds = (p: number) => p / (1 - p);
    fc.assert(
      fc.property(positiveCells, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (cells, prevalence) => {
        const m = binaryMetrics(cells);
        const { ppv, npv } = atPrevalence({ ...m, prevalence });
        // relative; 1 − ppv and 1 − specificity lose digits where these are near 1: 5000 · 1000 · 1e-16
        expect(odds(ppv) / (odds(prevalence) * m.likelihoodRatioPositive)).toBeCloseTo(1, 7);
        expect(odds(1 - npv) / (odds(prevalence) * m.likelihoodRatioNegative)).toBeCloseTo(1, 7);
        expect(m.likelihoodRatioPositive / (m.sensitivity / m.fpr)).toBeCloseTo(1, 12);
      }),
    );
  });

  claim("swapping-arguments-transposes", () => {
    fc.assert(
      fc.property(labelled, ({ K, yTrue, yPred }) => {
        const labels = upTo(K);
        const [there, back] = [confusionMatrix(yTrue, yPred, { labels }), confusionMatrix(yPred, yTrue, { labels })];
        expect(toRows(back.matrix)).toEqual(toRows(transpose(there.matrix)));
        const [a, b] = [classificationReport(there), classificationReport(back)];
        expectClose(
          [b.macro.precision, b.macro.recall, b.macro.f1],
          [a.macro.recall, a.macro.precision, a.macro.f1],
          ROUNDING,
        );
        expect(b.accuracy).toBe(a.accuracy);
        for (const k of labels) expect(b.classes[k]!.f1).toBeCloseTo(a.classes[k]!.f1, 13);
        expectClose(
          [matthewsCorrelation(back.matrix).value, cohenKappa(back.matrix).value],
          [matthewsCorrelation(there.matrix).value, cohenKappa(there.matrix).value],
          ROUNDING,
        );
      }),
    );
  });

  claim("absent-class-lowers-macro-only", () => {
    fc.assert(
      fc.property(labelled, ({ K, yTrue, yPred }) => {
        const there = confusionMatrix(yTrue, yPred);
        const more = confusionMatrix(yTrue, yPred, { labels: [K, ...there.labels] });
        const [a, b] = [classificationReport(there), classificationReport(more)];
        const present = there.labels.length;
        expect(b.macro.f1).toBeCloseTo((a.macro.f1 * present) / (present + 1), 13);
        expect(b.accuracy).toBe(a.accuracy);
        expect(b.undefinedMetrics).toEqual(expect.arrayContaining([`precision[${K}]`, `recall[${K}]`, `f1[${K}]`]));
        expectClose(
          [balancedAccuracy(more.matrix).value, matthewsCorrelation(more.matrix).value, cohenKappa(more.matrix).value],
          [
            balancedAccuracy(there.matrix).value,
            matthewsCorrelation(there.matrix).value,
            cohenKappa(there.matrix).value,
          ],
          ROUNDING,
        );
      }),
    );
  });

  claim("cost-optimal-threshold", () => {
    expect(costOptimalThreshold({ falsePositive: 1, falseNegative: 9 })).toBeCloseTo(0.1, 15);
    const costs = matrix([
      [0, 9],
      [1, 0],
    ]);
    const { uniform } = random(1);
    const p = Float64Array.from({ length: 100_000 }, uniform);
    const y = Int32Array.from(p, (value) => (uniform() < value ? 1 : 0));
    const costAt = (t: number) => expectedCost(table(countsAtThreshold(y, p, t)), costs);
    for (const t of [0.1, 0.5]) {
      const expected = (9 * t * t + (1 - t) ** 2) / 2;
      // a mean of 10⁵ costs of standard deviation 0.8 at 0.1, 2.9 at 0.5: 2 % is more than two standard errors
      expect(Math.abs(costAt(t) / expected - 1)).toBeLessThan(0.02);
    }
    expect([0.1, 0.5].map((t) => (9 * t * t + (1 - t) ** 2) / 2)).toEqual([expect.closeTo(0.45, 12), 1.25]);
    // the least of the true cost: its derivative 9t − (1 − t) is 0 at 0.1
    const best = upTo(100).map((i) => [(9 * (i / 100) ** 2 + (1 - i / 100) ** 2) / 2, i / 100] as const);
    expect(best.reduce((a, b) => (b[0] < a[0] ? b : a))[1]).toBe(0.1);
    const isEight = Array.from(digits.truth, (digit) => (digit === 8 ? 1 : 0));
    const ofEight = digits.probabilities.map((row) => row[8]!);
    const [least, ...others] = [0.1, 0.05, 0.3, 0.5].map((t) =>
      expectedCost(table(countsAtThreshold(isEight, ofEight, t)), costs),
    );
    for (const cost of others) expect(cost).toBeGreaterThan(least!);
  });

  claim("wilson-survives-zero-errors", () => {
    const z2 = 1.959963984540054 ** 2; // quantile 0.975 of the normal distribution
    const { estimate, lower, upper } = wilsonInterval(0, 100);
    expect([estimate, lower]).toEqual([0, 0]);
    for (let n = 1; n <= 300; n++) expect(wilsonInterval(n, n).upper).toBe(1); // not rounded beyond it
    expect(upper).toBeCloseTo(z2 / (100 + z2), 12);
    expect(upper).toBeCloseTo(0.037, 4);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const { estimate, lower, upper } = wilsonInterval(Math.floor(share * n), n);
        for (const end of [lower, upper]) {
          expect(Math.abs((estimate - end) ** 2 - (z2 * end * (1 - end)) / n)).toBeLessThan(1e-12);
        }
        expect(lower <= estimate && estimate <= upper && lower >= 0 && upper <= 1).toBe(true);
        expect(lower < upper).toBe(true);
      }),
    );
  });
});

test("the note's worked case: (90, 10, 40, 860)", () => {
  const m = binaryMetrics({ tp: 90, fn: 10, fp: 40, tn: 860 });
  expectClose(
    [m.informedness, m.markedness, m.mcc, m.kappa, m.precision, m.sensitivity],
    [77_000 / 90_000, 77_000 / 113_100, 77_000 / Math.sqrt(90_000 * 113_100), 154_000 / 204_000, 90 / 130, 0.9],
    ROUNDING,
  );
  expectClose([m.informedness, m.markedness], [0.8556, 0.6808], 5e-5);
  expect([m.prevalence, m.accuracy, m.balancedAccuracy]).toEqual([0.1, 0.95, (0.9 + 860 / 900) / 2]);
  expect([m.fpr, m.fnr, m.npv, m.specificity]).toEqual([40 / 900, 0.1, 860 / 870, 860 / 900]);
});

describe("numbers of the note", () => {
  test("the first table and the figure: 58 %, nearly 99 false alarms of 100, MCC 0.66 and 0.10", () => {
    const at = (prevalence: number) => binaryMetrics(binormalCounts({ threshold: 1.5, separation: 2.5, prevalence }));
    const [common, rare] = [at(0.1), at(0.001)];
    expect(common.precision).toBeCloseTo(0.58, 2);
    expect(rare.precision).toBeCloseTo(0.0125, 3);
    expect([common.accuracy, rare.accuracy].map((a) => a.toFixed(2))).toEqual(["0.92", "0.93"]);
    expectClose([common.mcc, rare.mcc], [0.66, 0.1], 5e-3);
    expect(rare.informedness).toBeCloseTo(common.informedness, 12);
  });

  test("digits: precision and recall of 9, the interval of the 8's recall, accuracy by thresholds", () => {
    const { classes } = classificationReport(confusionMatrix(digits.truth, digits.predicted));
    expectClose([classes[9]!.precision, classes[9]!.recall], [0.748, 0.935], 5e-4);
    const recalls = classes.map(({ recall }) => recall);
    expect(recalls.indexOf(Math.min(...recalls))).toBe(8);
    expect([classes[8]!.recall * 88, classes[8]!.support]).toEqual([68, 88]);
    const { lower, upper } = wilsonInterval(68, 88);
    expect([(upper - lower) / 2]).toEqual([expect.closeTo(0.09, 2)]);
    expect(count(digits.truth, (digit) => digit !== 8)).toBe(811);
    const isEight = Array.from(digits.truth, (digit) => (digit === 8 ? 1 : 0));
    const ofEight = digits.probabilities.map((row) => row[8]!);
    const accuracies = [0.3, 1.01, 0.5, 0.1, 0.05].map(
      (t) => binaryMetrics(countsAtThreshold(isEight, ofEight, t)).accuracy,
    );
    expect(accuracies.indexOf(Math.max(...accuracies))).toBe(0);
  });
});

interface Line {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}
interface Report {
  readonly classes: readonly (Line & { readonly support: number })[];
  readonly macro: Line;
  readonly weighted: Line;
}
interface Scores {
  readonly truth: Label[];
  readonly predicted: Label[];
  readonly labels: Label[] | null;
  readonly sampleWeight: number[] | null;
  readonly matrix: number[][];
  readonly normalized: Record<"true" | "pred" | "all", number[][]>;
  readonly accuracy: number;
  readonly mcc: number;
  readonly balancedAccuracy: number;
  readonly adjusted: number;
  readonly kappa: Record<"None" | "linear" | "quadratic", number>;
  readonly report0: Report;
  readonly report1: Report;
  readonly reportNaN: Report;
}
type Cells = readonly number[];
interface Fixture {
  readonly scores: Record<string, Scores>;
  readonly binary: readonly ({ readonly cells: Cells } & Record<string, number>)[];
  readonly likelihoodRatios: readonly { cells: Cells; positive: number; negative: number }[];
  readonly wilson: readonly { successes: number; n: number; level: number; lower: number; upper: number }[];
  readonly binormal: readonly (BinaryCounts & { threshold: number; separation: number; prevalence: number })[];
  readonly eights: readonly { threshold: number; cells: Cells }[];
  readonly dropped: number[][];
}

describe("scikit-learn and SciPy", () => {
  const fixture = oracle<Fixture>();

  test.each(Object.entries(fixture.scores))("%s: matrix, normalisations, every metric", (_, expected) => {
    const options = {
      ...(expected.labels && { labels: expected.labels }),
      ...(expected.sampleWeight && { sampleWeight: expected.sampleWeight }),
    };
    const { truth, predicted } = expected;
    const found = confusionMatrix(truth, predicted, options);
    const C = found.matrix;
    expectClose(C.data, expected.matrix.flat(), 1e-12);
    for (const normalize of ["true", "pred", "all"] as const) {
      const { matrix: shares } = confusionMatrix(truth, predicted, { ...options, normalize });
      expectClose(shares.data, expected.normalized[normalize].flat(), ROUNDING);
    }
    expectClose([matthewsCorrelation(C).value], [expected.mcc], 1e-12);
    expectClose([balancedAccuracy(C).value], [expected.balancedAccuracy], ROUNDING);
    const adjusted = balancedAccuracy(C, { adjusted: true, zeroDivision: Number.NaN }).value;
    expectClose([adjusted], [expected.adjusted], ROUNDING);
    for (const weights of [null, "linear", "quadratic"] as const) {
      const kappa = cohenKappa(C, { weights, zeroDivision: Number.NaN }).value; // as scikit-learn has it
      expectClose([kappa], [expected.kappa[weights ?? "None"]], 1e-12);
    }
    const line = ({ precision, recall, f1 }: Line) => [precision, recall, f1];
    for (const [zeroDivision, report] of [
      [0, expected.report0],
      [1, expected.report1],
      [Number.NaN, expected.reportNaN],
    ] as const) {
      const ours = classificationReport(found, { zeroDivision });
      expectClose([ours.accuracy], [expected.accuracy], ROUNDING);
      ours.classes.forEach((one, k) => {
        expectClose([...line(one), one.support], [...line(report.classes[k]!), report.classes[k]!.support], 1e-13);
      });
      expectClose(line(ours.macro), line(report.macro), ROUNDING);
      expectClose(line(ours.weighted), line(report.weighted), ROUNDING);
    }
  });

  test("our digit predictions are those of the independent training", () => {
    expect(digits.predicted).toEqual(fixture.scores.digits!.predicted);
    expect([...digits.truth]).toEqual(fixture.scores.digits!.truth);
    const isEight = Array.from(digits.truth, (digit) => String(digit === 8));
    const ofEight = digits.probabilities.map((row) => row[8]!);
    for (const { threshold, cells } of fixture.eights) {
      expect(countsAtThreshold(isEight, ofEight, threshold, { positiveLabel: "true" })).toEqual(cellsOf(cells));
    }
  });

  test.each(fixture.binary)("four cells $cells", ({ cells, ...expected }) => {
    const ours = binaryMetrics(cellsOf(cells), { zeroDivision: Number.NaN });
    for (const [name, value] of Object.entries(expected)) {
      // scikit-learn has MCC 0/0 as 0; the difference of two rates as 1e-16
      const mine = ours[name as keyof typeof ours] as number;
      if (name === "mcc" && Number.isNaN(mine)) expect(value).toBe(0);
      else expect([name, mine]).toEqual([name, Number.isNaN(value) ? value : expect.closeTo(value, 12)]);
    }
  });

  test("likelihood ratios; without false positives Infinity, where scikit-learn has NaN", () => {
    for (const { cells, positive, negative } of fixture.likelihoodRatios) {
      const { likelihoodRatioPositive, likelihoodRatioNegative } = binaryMetrics(cellsOf(cells));
      expect(likelihoodRatioNegative).toBeCloseTo(negative, 12);
      if (cells[2] === 0) expect([likelihoodRatioPositive, positive]).toEqual([Infinity, Number.NaN]);
      else expect(likelihoodRatioPositive).toBeCloseTo(positive, 12);
    }
  });

  test("Wilson's interval", () => {
    for (const { successes, n, level, lower, upper } of fixture.wilson) {
      const ours = wilsonInterval(successes, n, level);
      expectClose([ours.lower, ours.upper, ours.estimate], [lower, upper, successes / n], 1e-11); // z to 1e-10 at 0.999999
    }
  });

  test("normal scores: the four shares", () => {
    for (const { threshold, separation, prevalence, ...expected } of fixture.binormal) {
      const ours = binormalCounts({ threshold, separation, prevalence });
      expectClose(listed(ours), listed(expected), 1e-15); // the tail is 1 minus the rest
      expect(sum(listed(ours))).toBeCloseTo(1, 15);
    }
  });

  test("scikit-learn drops samples with a label that is not listed; here they are an error", () => {
    expect(fixture.dropped).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(() => confusionMatrix([0, 0, 1, 2, 2], [0, 2, 1, 1, 2], { labels: [0, 1] })).toThrow(
      new RangeError("confusionMatrix: yPred must be in labels, got 2 at 1"),
    );
  });
});

describe("TensorFlow.js", () => {
  withTensorFlow("confusionMatrix has rows of truth", (tf) => {
    tf.tidy(() => {
      const { truth, predicted } = digits;
      const theirs = tf.math.confusionMatrix(tf.tensor1d(truth, "int32"), tf.tensor1d(predicted, "int32"), 10);
      expect([...confusionMatrix(truth, predicted).matrix.data]).toEqual([...theirs.dataSync()]);
    });
  });
});

describe("properties", () => {
  test("the matrix by brute force, weighted, for labels in any order; its parts are consistent", () => {
    fc.assert(
      fc.property(labelled, ({ K, n, yTrue, yPred, weights }) => {
        const labels = upTo(K).reverse();
        const { matrix: C } = confusionMatrix(yTrue, yPred, { labels, sampleWeight: weights });
        labels.forEach((a, i) => {
          labels.forEach((b, j) => {
            const own = upTo(n).filter((s) => yTrue[s] === a && yPred[s] === b);
            expect(C.get(i, j)).toBeCloseTo(sum(own.map((s) => weights[s]!)), 12);
          });
        });
        oneVsRest(C).forEach((cells, k) => {
          const is = (y: Int32Array, s: number) => y[s] === labels[k];
          const weigh = (t: boolean, p: boolean) =>
            sum(upTo(n).map((s) => (is(yTrue, s) === t && is(yPred, s) === p ? weights[s]! : 0)));
          expectClose(
            listed(cells),
            [weigh(true, true), weigh(true, false), weigh(false, true), weigh(false, false)],
            1e-12,
          );
          expect(cells.tn).toBeGreaterThanOrEqual(0);
        });
      }),
    );
  });

  test("normalised rows, columns and totals sum to 1, or are 0 where there is nothing", () => {
    fc.assert(
      fc.property(labelled, ({ K, yTrue, yPred }) => {
        const labels = upTo(K);
        const of = (normalize: "true" | "pred" | "all") => confusionMatrix(yTrue, yPred, { labels, normalize }).matrix;
        for (const k of labels) {
          expect(sum(toRows(of("true"))[k]!)).toBeCloseTo(yTrue.includes(k) ? 1 : 0, 13);
          expect(sum(toRows(transpose(of("pred")))[k]!)).toBeCloseTo(yPred.includes(k) ? 1 : 0, 13);
        }
        expect(sum(of("all").data)).toBeCloseTo(1, 13);
      }),
    );
  });

  test("renaming the classes, and counting everything thrice, changes no score", () => {
    fc.assert(
      fc.property(labelled, ({ K, yTrue, yPred }) => {
        const plain = confusionMatrix(yTrue, yPred, { labels: upTo(K) }).matrix;
        const turned = confusionMatrix(yTrue, yPred, { labels: [...upTo(K).slice(1), 0] }).matrix;
        const thrice = matrixOver(
          plain.data.map((c) => 3 * c),
          K,
          K,
        );
        const scores = (C: typeof plain) =>
          [matthewsCorrelation(C), cohenKappa(C), balancedAccuracy(C)].map(({ value }) => value);
        expectClose(scores(turned), scores(plain), ROUNDING);
        expectClose(scores(thrice), scores(plain), ROUNDING);
        for (const value of scores(plain)) expect(Math.abs(value)).toBeLessThanOrEqual(1 + ROUNDING);
      }),
    );
  });

  test("κ of two raters who agree always is 1, whatever the weights; quadratic weights forgive near misses", () => {
    const perfect = matrix([
      [3, 0, 0],
      [0, 5, 0],
      [0, 0, 2],
    ]);
    for (const weights of [null, "linear", "quadratic"] as const) {
      expect(cohenKappa(perfect, { weights }).value).toBe(1);
    }
    expect(matthewsCorrelation(perfect)).toEqual({ value: 1, undefinedMetrics: [] });
    const near = matrix([
      [5, 3, 0],
      [0, 5, 3],
      [0, 0, 5],
    ]);
    const kappa = (weights: null | "linear" | "quadratic") => cohenKappa(near, { weights }).value;
    expect(kappa(null)).toBeLessThan(kappa("linear"));
    expect(kappa("linear")).toBeLessThan(kappa("quadratic"));
  });

  test("expected cost: 1 off the diagonal is the error rate; costs index [true][predicted]", () => {
    const C = matrix([
      [5, 1, 0],
      [2, 4, 3],
      [0, 0, 5],
    ]);
    expect(
      expectedCost(
        C,
        matrix([
          [0, 1, 1],
          [1, 0, 1],
          [1, 1, 0],
        ]),
      ),
    ).toBeCloseTo(6 / 20, 14);
    const only = matrix([
      [0, 0, 0],
      [0, 0, 7],
      [0, -2, 0],
    ]);
    expect(expectedCost(C, only)).toBeCloseTo(21 / 20, 14);
    expect(expectedCost(transpose(C), only)).toBeCloseTo(-6 / 20, 14);
  });

  test("costs of correct decisions move the threshold as Elkan has it", () => {
    const costs = { falsePositive: 3, falseNegative: 10, truePositive: 2, trueNegative: 1 };
    const t = costOptimalThreshold(costs);
    // where both decisions cost the same
    expect(t * costs.truePositive + (1 - t) * costs.falsePositive).toBeCloseTo(
      t * costs.falseNegative + (1 - t) * costs.trueNegative,
      14,
    );
    expect(t).toBeCloseTo(0.2, 15);
  });

  test("a score at the threshold is positive; the ends call everything positive or nothing", () => {
    const [y, scores] = [
      ["a", "b", "a", "b", "b"],
      [0.5, 0.5, 0.2, -Infinity, Infinity],
    ] as const;
    const at = (t: number) => listed(countsAtThreshold(y, scores, t, { positiveLabel: "a" }));
    expect(at(0.5)).toEqual([1, 1, 2, 1]);
    expect(at(-Infinity)).toEqual([2, 0, 3, 0]);
    expect(at(Infinity)).toEqual([0, 2, 1, 2]);
    const sampleWeight = [1, 2, 4, 8, 16];
    expect(listed(countsAtThreshold(y, scores, 0.5, { positiveLabel: "a", sampleWeight }))).toEqual([1, 4, 18, 8]);
    expect(listed(countsAtThreshold([0, 1, 2], [1, 1, 1], 1))).toEqual([1, 0, 2, 0]);
  });

  test("Wilson's interval mirrors when successes become failures, and widens with the level", () => {
    const [a, b] = [wilsonInterval(3, 17), wilsonInterval(14, 17)];
    expectClose([a.lower, a.upper], [1 - b.upper, 1 - b.lower], ROUNDING);
    const widths = [1e-9, 0.5, 0.9, 0.95, 0.999999, 1 - 1e-12].map((level) => {
      const { lower, upper } = wilsonInterval(3, 17, level);
      return upper - lower;
    });
    widths.slice(1).forEach((width, i) => void expect(width).toBeGreaterThan(widths[i]!));
    expect(wilsonInterval(3, 17)).toEqual(wilsonInterval(3, 17, 0.95));
  });
});

describe("what is 0/0", () => {
  test("is zeroDivision, and named", () => {
    const noPositives = { tp: 0, fn: 0, fp: 2, tn: 8 };
    const names = ["sensitivity", "fnr", "informedness", "mcc", "likelihoodRatioPositive", "likelihoodRatioNegative"];
    for (const zeroDivision of [0, 1, Number.NaN]) {
      const metrics = binaryMetrics(noPositives, { zeroDivision });
      expect(metrics.undefinedMetrics).toEqual(names);
      for (const name of names) expect(metrics[name as "mcc"]).toBe(zeroDivision);
      expect([metrics.balancedAccuracy, metrics.precision, metrics.npv, metrics.markedness]).toEqual([0.8, 0, 1, 0]);
    }
    expect(binaryMetrics(noPositives)).toEqual(binaryMetrics(noPositives, { zeroDivision: 0 }));
    expect(binaryMetrics({ tp: 0, fn: 0, fp: 0, tn: 4 }).undefinedMetrics).toEqual([
      ...["sensitivity", "precision", "fnr", "f1", "informedness", "markedness", "mcc", "kappa"],
      ...["likelihoodRatioPositive", "likelihoodRatioNegative"],
    ]);
    expect(binaryMetrics({ tp: 3, fn: 1, fp: 0, tn: 0 }).undefinedMetrics).toEqual([
      ...["specificity", "fpr", "informedness", "mcc", "likelihoodRatioPositive", "likelihoodRatioNegative"],
    ]);
    expect(binaryMetrics({ tp: 3, fn: 1, fp: 0, tn: 0 }, { zeroDivision: 1 }).balancedAccuracy).toBe(0.75);
    expect(atPrevalence({ sensitivity: 0.5, specificity: 1, prevalence: 0 }).undefinedMetrics).toEqual(["ppv"]);
    expect(atPrevalence({ sensitivity: 1, specificity: 0, prevalence: 0.5 }, { zeroDivision: 1 })).toEqual({
      ppv: 0.5,
      npv: 1,
      undefinedMetrics: ["npv"],
    });
    const one = matrix([[4]]);
    expect(cohenKappa(one)).toEqual({ value: 0, undefinedMetrics: ["kappa"] });
    expect(cohenKappa(one, { zeroDivision: 1 }).value).toBe(1);
    expect(matthewsCorrelation(one, { zeroDivision: Number.NaN }).value).toBeNaN();
    const absent = matrix([
      [2, 1],
      [0, 0],
    ]);
    expect(balancedAccuracy(absent)).toEqual({ value: 2 / 3, undefinedMetrics: ["recall[1]"] });
    expect(balancedAccuracy(absent, { adjusted: true })).toEqual({
      value: 0,
      undefinedMetrics: ["recall[1]", "adjusted"],
    });
    // scikit-learn's adjusted score without an absent class: (mean recall − ½)/(1 − ½)
    const two = matrix([
      [3, 1],
      [1, 1],
    ]);
    expect(balancedAccuracy(two, { adjusted: true }).value).toBeCloseTo(0.25, 15);
  });

  test("throws under 'throw', naming the metric", () => {
    const options = { zeroDivision: "throw" } as const;
    const one = matrix([[4]]);
    for (const [run, message] of [
      [
        () => binaryMetrics({ tp: 0, fn: 0, fp: 2, tn: 8 }, options),
        "binaryMetrics: sensitivity must be defined, got 0/0",
      ],
      [() => matthewsCorrelation(one, options), "matthewsCorrelation: mcc must be defined, got 0/0"],
      [() => cohenKappa(one, options), "cohenKappa: kappa must be defined, got 0/0"],
      [
        () => balancedAccuracy(one, { ...options, adjusted: true }),
        "balancedAccuracy: adjusted must be defined, got 0/0",
      ],
      [
        () => classificationReport(confusionMatrix(["a", "b"], ["a", "a"]), options),
        "classificationReport: precision[b] must be defined, got 0/0",
      ],
      [
        () => atPrevalence({ sensitivity: 0, specificity: 1, prevalence: 0.5 }, options),
        "atPrevalence: ppv must be defined, got 0/0",
      ],
    ] as const) {
      expect(run).toThrow(new RangeError(message));
    }
    const { ratio, undefinedMetrics } = ratios("x");
    expect([ratio("a", 1, 2), ratio("b", 3, 0), ratio("c", 0, 5), ratio("d", 0, 0)]).toEqual([0.5, Infinity, 0, 0]);
    expect(undefinedMetrics).toEqual(["d"]);
  });
});

describe("contract", () => {
  test("inputs are unchanged, and results are no views of them", () => {
    const [y, p, labels, w] = [
      Object.freeze([2, 0, 1, 1]),
      Object.freeze([2, 1, 1, 0]),
      Object.freeze([2, 1, 0]),
      Object.freeze([1, 2, 3, 4]),
    ];
    const found = confusionMatrix(y, p, { labels, sampleWeight: w });
    expect(found.labels).not.toBe(labels);
    const before = [...found.matrix.data];
    classificationReport(found);
    cohenKappa(found.matrix);
    matthewsCorrelation(found.matrix);
    balancedAccuracy(found.matrix);
    expectedCost(found.matrix, found.matrix);
    oneVsRest(found.matrix);
    expect([...found.matrix.data]).toEqual(before);
  });

  test("labels: integers ascending, texts in order; typed arrays and mixed containers", () => {
    expect(confusionMatrix([10, 9, -1], Int32Array.of(9, 9, 2)).labels).toEqual([-1, 2, 9, 10]);
    expect(confusionMatrix(["b", "a", "é"], ["B", "a", "a"]).labels).toEqual(["B", "a", "b", "é"]);
    expect(toRows(confusionMatrix([7], [7]).matrix)).toEqual([[1]]);
  });

  test("strided views", () => {
    const data = Float64Array.from({ length: 40 }, (_, i) => (i * 7) % 11);
    const view = ndarray(data, [3, 3], [12, 3], 2);
    const dense = matrix(toRows(view));
    expect(matthewsCorrelation(view)).toEqual(matthewsCorrelation(dense));
    expect(cohenKappa(transpose(view), { weights: "linear" })).toEqual(
      cohenKappa(matrix(toRows(transpose(view))), { weights: "linear" }),
    );
    expect(oneVsRest(view)).toEqual(oneVsRest(dense));
    expect(expectedCost(view, transpose(view))).toBe(expectedCost(dense, matrix(toRows(transpose(view)))));
    const labels = ["a", "b", "c"];
    expect(classificationReport({ matrix: view, labels })).toEqual(classificationReport({ matrix: dense, labels }));
  });

  test("extremes: counts near 1e308, denormals and far apart cells give the same scores as ordinary ones", () => {
    const [tp, fn, fp, tn] = [9, 1, 4, 86];
    const plain = binaryMetrics({ tp, fn, fp, tn });
    for (const scale of [2 ** 1016, 2 ** -1074, 2 ** 300, 2 ** -500]) {
      const scaled = { tp: tp * scale, fn: fn * scale, fp: fp * scale, tn: tn * scale };
      expect(binaryMetrics(scaled)).toEqual(plain);
      const C = table(scaled);
      expect(matthewsCorrelation(C).value).toBe(matthewsCorrelation(table({ tp, fn, fp, tn })).value);
      expect(cohenKappa(C).value).toBe(cohenKappa(table({ tp, fn, fp, tn })).value);
      expect(balancedAccuracy(C).value).toBe(plain.balancedAccuracy);
      expect(expectedCost(C, table({ tp: 0, fn: 1, fp: 1, tn: 0 }))).toBeCloseTo(0.05, 15);
    }
    // no cell below 0, no share above 1, however the sums round: n − t − p + tp is −3e-17 here
    expect(
      oneVsRest(
        matrix([
          [0.1, 0.1],
          [0.2, 0],
        ]),
      )[0]!.tn,
    ).toBe(0);
    for (let n = 7; n < 12; n++) expect(wilsonInterval(n, n).upper).toBe(1);
    for (let i = 0; i < 200; i++) {
      const share = binormalCounts({ threshold: 7 + i / 100, separation: 0, prevalence: 0.5 });
      expect(Math.min(...listed(share))).toBeGreaterThanOrEqual(0);
    }
    expect(binormalCounts({ threshold: 100, separation: 0, prevalence: 0.5 })).toEqual({
      tp: 0,
      fn: 0.5,
      fp: 0,
      tn: 0.5,
    });
    // D/√(P N P̂ N̂) with P = P̂ = ε is 1 up to rounding although the products are as small as 1e-140
    const tiny = binaryMetrics({ tp: 1e-69, fn: 0, fp: 0, tn: 1 });
    expectClose([tiny.mcc, tiny.kappa], [1, 1], ROUNDING);
    expect(costOptimalThreshold({ falsePositive: 1e308, falseNegative: 1e308, trueNegative: -1e308 })).toBeCloseTo(
      2 / 3,
    );
    expect(wilsonInterval(0, 1e15).upper / 3.841458820694124e-15).toBeCloseTo(1, 12); // z²/(n + z²)
    expect(wilsonInterval(1, 1e15).lower / 1.765e-16).toBeCloseTo(1, 3); // 1 + z²/2 − √(z² + z⁴/4) over n
    expect(wilsonInterval(1, 1).upper).toBe(1);
  });

  const ok = matrix([
    [1, 2],
    [3, 4],
  ]);
  const cells = { tp: 1, fn: 2, fp: 3, tn: 4 };
  const half = { sensitivity: 0.5, specificity: 0.5, prevalence: 0.5 };
  test.each<[() => unknown, string]>([
    [() => confusionMatrix([], []), "confusionMatrix: yTrue must not be empty, got length 0"],
    [() => confusionMatrix([1, 2], [1]), "confusionMatrix: yPred must have length 2, got 1"],
    [
      () => confusionMatrix([1, 0], [0.73, 0.2]),
      "confusionMatrix: yPred must hold labels, integers or texts, got 0.73 at 0",
    ],
    [
      () => confusionMatrix([1, Number.NaN], [1, 1]),
      "confusionMatrix: yTrue must hold labels, integers or texts, got NaN at 1",
    ],
    [
      () => confusionMatrix<Label>([1, 0], [1, "0"]),
      "confusionMatrix: yPred must hold a number like yTrue[0], got '0' at 1",
    ],
    [
      () => confusionMatrix<Label>(["a", 1], ["a", "a"]),
      "confusionMatrix: yTrue must hold a string like yTrue[0], got 1 at 1",
    ],
    [
      () => confusionMatrix(["a", "b"], ["a", "a"], { labels: ["a"] as string[] }),
      "confusionMatrix: yTrue must be in labels, got 'b' at 1",
    ],
    [() => confusionMatrix([1], [1], { labels: [] }), "confusionMatrix: labels must not be empty, got length 0"],
    [() => confusionMatrix([1], [1], { labels: [1, 2, 1] }), "confusionMatrix: labels must differ, got 1 again at 2"],
    [
      () => confusionMatrix([1, 1], [1, 1], { sampleWeight: [1, -1] }),
      "confusionMatrix: sampleWeight[1] must be a finite number in [0, Infinity), got -1",
    ],
    [
      () => confusionMatrix([1, 1], [1, 1], { sampleWeight: [1, Number.NaN] }),
      "confusionMatrix: sampleWeight must be finite, got NaN at 1",
    ],
    [
      () => confusionMatrix([1, 1], [1, 1], { sampleWeight: [1] }),
      "confusionMatrix: sampleWeight must have length 2, got 1",
    ],
    [
      () => confusionMatrix([1, 1], [1, 1], { sampleWeight: [0, 0] }),
      "confusionMatrix: sampleWeight must have a positive, finite sum, got 0",
    ],
    [
      () => confusionMatrix([1, 1], [1, 1], { sampleWeight: [1e308, 1e308] }),
      "confusionMatrix: sampleWeight must have a positive, finite sum, got Infinity",
    ],
    [
      () => confusionMatrix([1], [1], { normalize: "rows" as "all" }),
      "confusionMatrix: normalize must be one of 'true', 'pred', 'all', got 'rows'",
    ],
    [() => oneVsRest(matrix([[1, 2, 3]])), "oneVsRest: matrix must be square, got 1×3"],
    [
      () =>
        matthewsCorrelation(
          matrix([
            [1, -2],
            [3, 4],
          ]),
        ),
      "matthewsCorrelation: matrix[0][1] must be a finite number in [0, Infinity), got -2",
    ],
    [
      () =>
        cohenKappa(
          matrix([
            [1, 2],
            [Number.NaN, 4],
          ]),
        ),
      "cohenKappa: matrix must be finite, got NaN at (1, 0)",
    ],
    [
      () =>
        balancedAccuracy(
          matrix([
            [0, 0],
            [0, 0],
          ]),
        ),
      "balancedAccuracy: counts must have a positive, finite total, got 0",
    ],
    [
      () =>
        oneVsRest(
          matrix([
            [1e308, 0],
            [0, 1e308],
          ]),
        ),
      "oneVsRest: counts must have a positive, finite total, got Infinity",
    ],
    [
      () =>
        oneVsRest(
          matrix([
            [1, 0],
            [1e-71, 0],
          ]),
        ),
      "oneVsRest: matrix[1][0] must be 0 or at least 1e-70 of the total 1, got 1e-71",
    ],
    [() => binaryMetrics({ ...cells, fp: -1 }), "binaryMetrics: fp must be a finite number in [0, Infinity), got -1"],
    [
      () => binaryMetrics({ ...cells, tn: Number.NaN }),
      "binaryMetrics: tn must be a finite number in [0, Infinity), got NaN",
    ],
    [
      () => binaryMetrics({ tp: 0, fn: 0, fp: 0, tn: 0 }),
      "binaryMetrics: counts must have a positive, finite total, got 0",
    ],
    [
      () => binaryMetrics({ tp: 0, fn: 1e-90, fp: 0, tn: 1 }),
      "binaryMetrics: fn must be 0 or at least 1e-70 of the total 1, got 1e-90",
    ],
    [
      () => binaryMetrics(cells, { zeroDivision: 0.5 }),
      "binaryMetrics: zeroDivision must be 0, 1, NaN or 'throw', got 0.5",
    ],
    [() => ratios("demo", "warn" as "throw"), "demo: zeroDivision must be 0, 1, NaN or 'throw', got 'warn'"],
    [
      () => cohenKappa(ok, { weights: "cubic" as "linear" }),
      "cohenKappa: weights must be one of 'linear', 'quadratic', got 'cubic'",
    ],
    [
      () => classificationReport({ matrix: ok, labels: ["a"] }),
      "classificationReport: labels must have length 2, got 1",
    ],
    [() => expectedCost(ok, matrix([[1, 2]])), "expectedCost: costs must be 2×2 like the matrix, got 1×2"],
    [
      () =>
        expectedCost(
          ok,
          matrix([
            [0, Infinity],
            [1, 0],
          ]),
        ),
      "expectedCost: costs must be finite, got Infinity at (0, 1)",
    ],
    [
      () => costOptimalThreshold({ falsePositive: 0, falseNegative: 1 }),
      "costOptimalThreshold: falsePositive must be a finite number in (0, Infinity), got 0",
    ],
    [
      () => costOptimalThreshold({ falsePositive: 1, falseNegative: 1, trueNegative: 2 }),
      "costOptimalThreshold: falsePositive must be a finite number in (2, Infinity), got 1",
    ],
    [
      () => costOptimalThreshold({ falsePositive: 1, falseNegative: 1, truePositive: 1 }),
      "costOptimalThreshold: falseNegative must be a finite number in (1, Infinity), got 1",
    ],
    [
      () => costOptimalThreshold({ falsePositive: 1, falseNegative: 1, trueNegative: Number.NaN }),
      "costOptimalThreshold: trueNegative must be a finite number, got NaN",
    ],
    [
      () => costOptimalThreshold({ falsePositive: 1, falseNegative: 1, truePositive: -Infinity }),
      "costOptimalThreshold: truePositive must be a finite number, got -Infinity",
    ],
    [
      () => atPrevalence({ ...half, prevalence: 1.5 }),
      "atPrevalence: prevalence must be a finite number in [0, 1], got 1.5",
    ],
    [
      () => atPrevalence({ ...half, specificity: Number.NaN }),
      "atPrevalence: specificity must be a finite number in [0, 1], got NaN",
    ],
    [
      () => atPrevalence({ ...half, sensitivity: -0.1 }),
      "atPrevalence: sensitivity must be a finite number in [0, 1], got -0.1",
    ],
    [() => wilsonInterval(0, 0), "wilsonInterval: n must be an integer at least 1, got 0"],
    [() => wilsonInterval(3, 2), "wilsonInterval: successes must be an integer in [0, 2], got 3"],
    [() => wilsonInterval(0.5, 2), "wilsonInterval: successes must be an integer in [0, 2], got 0.5"],
    [() => normalHalfWidth(1), "normalHalfWidth: level must be a finite number in (0, 1), got 1"],
    [() => wilsonInterval(1, 2, 1), "wilsonInterval: level must be a finite number in (0, 1), got 1"],
    [() => countsAtThreshold([1], [Number.NaN], 0), "countsAtThreshold: scores must be numbers, got NaN at 0"],
    [() => countsAtThreshold([1], [1], Number.NaN), "countsAtThreshold: threshold must be a number, got NaN"],
    [() => countsAtThreshold([1, 0], [1], 0), "countsAtThreshold: scores must have length 2, got 1"],
    [() => countsAtThreshold([], [], 0), "countsAtThreshold: yTrue must not be empty, got length 0"],
    [
      () => countsAtThreshold([0.5], [1], 0),
      "countsAtThreshold: yTrue must hold labels, integers or texts, got 0.5 at 0",
    ],
    [
      () => countsAtThreshold([1], [1], 0, { sampleWeight: [0] }),
      "countsAtThreshold: sampleWeight must have a positive, finite sum, got 0",
    ],
    [
      () => binormalCounts({ threshold: 0, separation: Number.NaN, prevalence: 0 }),
      "binormalCounts: separation must be a finite number, got NaN",
    ],
    [
      () => binormalCounts({ threshold: Infinity, separation: 0, prevalence: 0 }),
      "binormalCounts: threshold must be a finite number, got Infinity",
    ],
    [
      () => binormalCounts({ threshold: 0, separation: 0, prevalence: 2 }),
      "binormalCounts: prevalence must be a finite number in [0, 1], got 2",
    ],
  ])("%s", (run, message) => {
    expect(run).toThrow(new RangeError(message));
  });

  test.each<[() => unknown, string]>([
    [() => confusionMatrix(null as never, [1]), "confusionMatrix: yTrue must be a list, got null"],
    [() => confusionMatrix("ab" as never, ["a"] as never), "confusionMatrix: yTrue must be a list, got string"],
    [() => confusionMatrix([1], [1], { labels: 3 as never }), "confusionMatrix: labels must be a list, got number"],
    [() => countsAtThreshold([1], 0.5 as never, 0), "countsAtThreshold: scores must be a list, got number"],
    [() => oneVsRest([[1]] as never), "oneVsRest: matrix must be a rank-2 ndarray of Float64Array, got Array"],
  ])("TypeError: %s", (run, message) => {
    expect(run).toThrow(new TypeError(message));
  });
});

describe("figures say what is computed", () => {
  const titleOf = (spec: object) => (spec as { title: { text: string; subtitle: string } }).title;

  test("threshold and prevalence: the cells are rounded shares of 10,000", () => {
    const [sensitivity, specificity] = [0.8413447460685429, 0.9331927987311419]; // Φ(1), Φ(1.5)
    const spec = thresholdAndPrevalence.draw();
    expect(spec.description).toContain("TP 841, FN 159, FP 601, TN 8,399");
    expect(spec.description).toContain(`sensitivity ${sensitivity.toFixed(3)}, specificity ${specificity.toFixed(3)}`);
    expect(titleOf(spec).text).toBe("Prevalence 10 %: precision 0.58");
  });

  test("digits: errors and the commonest confusion", () => {
    const errors = count(digits.truth, (digit, i) => digit !== digits.predicted[i]);
    const { text, subtitle } = titleOf(confusedDigits.draw());
    expect(text).toBe(`${errors} errors among 899 digits`);
    expect(subtitle).toBe("most often: 1 taken for 9, 12 times");
  });

  test("cost: 0.45 at 0.1, 1.25 at 0.5", () => {
    expect(titleOf(costOfThreshold.draw())).toEqual({
      text: "Best threshold 0.1: cost 0.45",
      subtitle: "at 0.5: 1.25",
    });
  });
});
