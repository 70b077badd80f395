import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  binaryMetrics,
  binormalCounts,
  countsAtThreshold,
} from "../../src/demos/ml-systems-and-evaluation/confusion-matrix.js";
import {
  areaUnder,
  averagePrecision,
  binormal,
  bootstrapAuc,
  delong,
  delongTest,
  isoCostPoint,
  OneClassError,
  operatingPoint,
  partialAuc,
  prAucInterpolated,
  precisionRecallCurve,
  prFromRoc,
  rocAuc,
  rocConvexHull,
  rocCurve,
  segmentArea,
} from "../../src/demos/ml-systems-and-evaluation/roc-and-pr-curves.js";
import {
  binaryCrossEntropyWithLogits,
  softmaxRegression,
} from "../../src/demos/training-fundamentals/cross-entropy-and-softmax.js";
import { measurements, threeViews } from "../../src/figures/ml-systems-and-evaluation/roc-and-pr-curves.js";
import { loadBreastCancer } from "../../src/lib/breast-cancer.js";
import { column, matrix, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("ml-systems-and-evaluation/roc-and-pr-curves");
const close = (value: number, digits = 12) => expect.closeTo(value, digits);
const all = (values: ArrayLike<number>, digits = 12) => Array.from(values, (value) => close(value, digits));

/** Samples of both classes, with many ties. */
const sample = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 1 })), { minLength: 2, maxLength: 30 })
  .filter((rows) => new Set(rows.map(([, y]) => y)).size === 2)
  .map((rows) => ({ scores: rows.map(([s]) => s), y: rows.map(([, y]) => y) }));

/** P(positive above negative) + ½P(equal), pair by pair. */
function byPairs(y: ArrayLike<number>, scores: ArrayLike<number>): number {
  let [won, pairs] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    for (let j = 0; j < y.length; j++) {
      if (y[i] !== 1 || y[j] === 1) continue;
      pairs++;
      won += scores[i]! > scores[j]! ? 1 : scores[i]! === scores[j]! ? 0.5 : 0;
    }
  }
  return won / pairs;
}

/** Scores N(d, 1) of positives, then N(0, 1) of negatives. */
function normals(d: number, positives: number, negatives: number, seed: number) {
  const { normal } = random(seed);
  const y = Array.from({ length: positives + negatives }, (_, i) => (i < positives ? 1 : 0));
  return { y, scores: y.map((label) => normal() + d * label) };
}

/** Mean and standard deviation. */
function moments(x: readonly number[]) {
  const mean = x.reduce((a, b) => a + b, 0) / x.length;
  return { mean, deviation: Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / (x.length - 1)) };
}

function tumours() {
  const { x, target, featureNames } = loadBreastCancer();
  const malignant = Array.from(target, (label) => 1 - label);
  return { malignant, of: (name: string) => column(x, featureNames.indexOf(name)), x };
}

/** What the note's cell does: each mass scored by a logistic regression that has not seen its fold. */
function models() {
  const { x, malignant, of } = tumours();
  const largest = Array.from({ length: 30 }, (_, j) => Math.max(...column(x, j)));
  const scaled = toRows(x).map((row) => row.map((value, j) => value / largest[j]!));
  const order = Array.from(random(0).permutation(569));
  const outOfFold = new Float64Array(569);
  for (let fold = 0; fold < 5; fold++) {
    const seen = order.filter((_, i) => i % 5 !== fold);
    const { weights, intercept } = softmaxRegression(
      matrix(seen.map((i) => scaled[i]!)),
      seen.map((i) => malignant[i]!),
      { lr: 1, steps: 200 },
    );
    for (const i of order.filter((_, at) => at % 5 === fold)) {
      const logit = (k: number) => scaled[i]!.reduce((sum, value, j) => sum + value * weights.get(j, k), intercept[k]!);
      outOfFold[i] = logit(1) - logit(0);
    }
  }
  return { x, malignant, of, outOfFold };
}

describe("claims", () => {
  claim("three-ways-to-auc", () => {
    fc.assert(
      fc.property(sample, ({ y, scores }) => {
        const auc = byPairs(y, scores);
        expect(rocAuc(y, scores)).toBeCloseTo(auc, 12);
        expect(areaUnder(rocCurve(y, scores))).toBeCloseTo(auc, 12);
        // U from midranks: the sum of the positives' ranks less its smallest value.
        const rank = (s: number) =>
          scores.filter((other) => other < s).length + (scores.filter((other) => other === s).length + 1) / 2;
        const m = y.filter((label) => label === 1).length;
        const u = scores.reduce((sum, s, i) => sum + y[i]! * rank(s), 0) - (m * (m + 1)) / 2;
        expect(u / (m * (y.length - m))).toBeCloseTo(auc, 12);
      }),
    );
  });

  claim("binormal-auc", () => {
    for (const [d, auc] of [
      [1, 0.7602],
      [2, 0.9214],
      [3, 0.9831],
    ] as const) {
      const population = binormal({ d });
      expect(population.auc).toBeCloseTo(auc, 4);
      expect(areaUnder(population.curve)).toBeCloseTo(auc, 3);
      const { y, scores } = normals(d, 20_000, 10_000, d);
      expect(Math.abs(rocAuc(y, scores) - auc)).toBeLessThan(0.01); // standard error at most 0.003
    }
  });

  claim("prevalence-moves-precision-only", () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 2, max: 5 }), ({ y, scores }, k) => {
        const times = (label: number) => (label === 1 ? 1 : k);
        const more = y.flatMap((label, i) => Array.from({ length: times(label) }, () => i));
        const copied = { y: more.map((i) => y[i]!), scores: more.map((i) => scores[i]!) };
        const [curve, same] = [rocCurve(y, scores), rocCurve(copied.y, copied.scores)];
        expect([all(curve.fpr), all(curve.tpr)]).toEqual([Array.from(same.fpr), Array.from(same.tpr)]);
        expect(rocAuc(copied.y, copied.scores)).toBeCloseTo(rocAuc(y, scores), 12);
        const pi = copied.y.filter((label) => label === 1).length / copied.y.length;
        const { precision, recall } = precisionRecallCurve(copied.y, copied.scores);
        const predicted = prFromRoc(curve, pi);
        expect(Array.from(predicted.precision)).toEqual(all(precision));
        expect(Array.from(predicted.recall)).toEqual(all(recall));
      }),
    );
    for (const [prevalence, ap, at80] of [
      [0.5, 0.922, 0.866],
      [0.1, 0.665, undefined],
      [0.01, 0.269, undefined],
      [0.001, 0.062, 0.00645],
    ] as const) {
      const { auc, averagePrecision: average } = binormal({ d: 2, prevalence });
      expect([auc, average]).toEqual([close(0.9214, 4), close(ap, 3)]);
      // The threshold at which TPR is 0.8 has FPR 0.1234.
      const { tp, fp } = binormalCounts({ threshold: 2 - 0.8416212335729143, separation: 2, prevalence });
      expect([tp / prevalence, fp / (1 - prevalence)]).toEqual([close(0.8), close(0.1234, 4)]);
      if (at80 !== undefined) expect(tp / (tp + fp)).toBeCloseTo(at80, prevalence === 0.5 ? 3 : 5);
    }
  });

  claim("hard-labels-lose-auc", () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 0, max: 5 }), ({ y, scores }, threshold) => {
        const hard = scores.map((s) => (s >= threshold ? 1 : 0));
        const { balancedAccuracy } = binaryMetrics(countsAtThreshold(y, scores, threshold));
        expect(rocAuc(y, hard)).toBeCloseTo(balancedAccuracy, 12);
        expect(rocAuc(y, hard)).toBeLessThanOrEqual(areaUnder(rocConvexHull(rocCurve(y, scores))) + 1e-12);
      }),
    );
    const { malignant, of } = tumours();
    const radius = of("mean radius");
    expect(rocAuc(malignant, radius)).toBeCloseTo(0.938, 3);
    expect(
      rocAuc(
        malignant,
        radius.map((r) => (r >= 15 ? 1 : 0)),
      ),
    ).toBeCloseTo(0.862, 3);
  });

  claim("counts-interpolate-not-precision", () => {
    expect(segmentArea({ tp: 5, fp: 5 }, { tp: 10, fp: 30 }, 20)).toBeCloseTo(0.08017, 5);
    expect(((10 - 5) / 20) * ((0.5 + 0.25) / 2)).toBe(0.09375);
    const count = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(count, count, count, count, (tp, fp, gain, alarms) => {
        fc.pre(gain > 0 && tp + fp > 0);
        const [from, to] = [
          { tp, fp },
          { tp: tp + gain, fp: fp + alarms },
        ];
        const precision = (c: typeof from) => c.tp / (c.tp + c.fp);
        const chord = (gain * (precision(from) + precision(to))) / 2;
        const area = segmentArea(from, to, 100) * 100;
        // Midpoint sums, which share nothing with the closed form.
        const steps = 4000;
        let sum = 0;
        for (let k = 0; k < steps; k++) {
          const share = (k + 0.5) / steps;
          const [u, v] = [tp + share * gain, fp + share * alarms];
          sum += ((u / (u + v)) * gain) / steps;
        }
        expect(Math.abs(area - sum)).toBeLessThan(1e-4 * gain);
        if (precision(to) < precision(from)) expect(area).toBeLessThan(chord + 1e-9);
        if (precision(to) > precision(from)) expect(area).toBeGreaterThan(chord - 1e-9);
      }),
    );
  });

  claim("monotone-transforms-keep-curves", () => {
    fc.assert(
      fc.property(sample, ({ y, scores }) => {
        const steps = scores.map((s) => [-9, -2, 0, 0.5, 7, 1e6][s]!); // any strictly increasing map
        expect(rocCurve(y, steps)).toMatchObject({ fpr: rocCurve(y, scores).fpr, tpr: rocCurve(y, scores).tpr });
        expect(averagePrecision(y, steps)).toBe(averagePrecision(y, scores));
      }),
    );
    // Strictly increasing on paper only: σ(100z) rounds to 1 for many scores, which are tied then.
    const { malignant, outOfFold } = models();
    const squashed = outOfFold.map((z) => 1 / (1 + Math.exp(-100 * z)));
    expect([rocAuc(malignant, outOfFold), rocAuc(malignant, squashed)]).toEqual([close(0.9885, 4), close(0.9854, 4)]);
    const { y, scores } = normals(1, 40, 60, 8);
    const logistic = scores.map((s) => 1 / (1 + Math.exp(-s)));
    for (const change of [scores.map((s) => 10 * s), scores.map((s) => s ** 3), logistic]) {
      const [before, after] = [rocCurve(y, scores), rocCurve(y, change)];
      expect([after.fpr, after.tpr]).toEqual([before.fpr, before.tpr]);
      expect(precisionRecallCurve(y, change).precision).toEqual(precisionRecallCurve(y, scores).precision);
    }
    const loss = (logits: readonly number[]) => binaryCrossEntropyWithLogits(logits, y).loss;
    expect(loss(scores.map((s) => 10 * s))).toBeGreaterThan(3 * loss(scores));
  });

  claim("delong-standard-error", () => {
    const runs = Array.from({ length: 1000 }, (_, seed) => {
      const { y, scores } = normals(1, 50, 50, seed);
      return delong(y, scores);
    });
    const { deviation } = moments(runs.map(({ auc }) => auc));
    const { mean } = moments(runs.map(({ variance }) => Math.sqrt(variance)));
    expect([mean, deviation]).toEqual([close(0.0475, 4), close(0.0472, 4)]);
    expect(Math.abs(mean / deviation - 1)).toBeLessThan(0.1);
    const covered = runs.filter(({ lower, upper }) => lower <= 0.7602 && 0.7602 <= upper).length / 1000;
    expect(Math.abs(covered - 0.95)).toBeLessThan(0.02); // 3 standard errors
    const { malignant, of } = tumours();
    const { varianceA, varianceB, covariance, z } = delongTest(malignant, of("mean radius"), of("mean perimeter"));
    expect(covariance / Math.sqrt(varianceA * varianceB)).toBeCloseTo(0.99, 2);
    const unpaired =
      (rocAuc(malignant, of("mean radius")) - rocAuc(malignant, of("mean perimeter"))) /
      Math.sqrt(varianceA + varianceB);
    expect([z, unpaired]).toEqual([close(-5.1, 2), close(-0.671, 3)]);
  });

  claim("delong-test-holds-its-level", () => {
    // Two equally good scorers of the same samples, correlation of their noise 0.6.
    let [rejected, unpaired] = [0, 0];
    for (let seed = 0; seed < 1000; seed++) {
      const { normal } = random(seed);
      const y = Array.from({ length: 100 }, (_, i) => (i < 40 ? 1 : 0));
      const shared = y.map(() => normal());
      const scorer = () => y.map((label, i) => label + Math.sqrt(0.6) * shared[i]! + Math.sqrt(0.4) * normal());
      const { pValue, difference, varianceA, varianceB } = delongTest(y, scorer(), scorer());
      if (pValue < 0.05) rejected++;
      if (Math.abs(difference) > 1.96 * Math.sqrt(varianceA + varianceB)) unpaired++;
    }
    expect(Math.abs(rejected / 1000 - 0.05)).toBeLessThan(0.021); // 3 standard errors
    expect(unpaired).toBeLessThan(rejected / 3);
  });

  claim("hull-at-least-auc", () => {
    fc.assert(
      fc.property(sample, fc.double({ min: 0, max: 1, noNaN: true }), ({ y, scores }, fpr) => {
        const curve = rocCurve(y, scores);
        const hull = rocConvexHull(curve);
        expect(areaUnder(hull)).toBeGreaterThanOrEqual(areaUnder(curve) - 1e-12);
        // Every point of the hull is a mixture of two thresholds of the curve, and no point of the curve lies above it.
        const { tpr, high, low, probability } = operatingPoint(hull, fpr);
        const at = (t: number) => binaryMetrics(countsAtThreshold(y, scores, t));
        const mixed = (name: "fpr" | "sensitivity") => (1 - probability) * at(high)[name] + probability * at(low)[name];
        expect([mixed("fpr"), mixed("sensitivity")]).toEqual([close(fpr), close(tpr)]);
        curve.fpr.forEach((f, m) => {
          expect(operatingPoint(hull, f).tpr).toBeGreaterThanOrEqual(curve.tpr[m]! - 1e-12);
        });
      }),
    );
  });

  claim("equal-auc-different-at-low-fpr", () => {
    const [narrow, wide] = [binormal({ d: 1.8124 }), binormal({ d: 2.8656, spread: 2 })];
    expect([narrow.auc, wide.auc]).toEqual([close(0.9, 4), close(0.9, 4)]);
    const [a, b] = [narrow, wide].map(({ curve }) => operatingPoint(curve, 0.01).tpr);
    expect([a, b]).toEqual([close(0.304, 3), close(0.606, 3)]);
  });

  claim("auc-and-ap-may-disagree", () => {
    for (const [prevalence, narrow, wide] of [
      [0.5, 0.922, 0.926],
      [0.1, 0.665, 0.771],
      [0.01, 0.269, 0.577],
    ] as const) {
      const [a, b] = [binormal({ d: 2, prevalence }), binormal({ d: 2.8656, spread: 2, prevalence })];
      expect([a.auc, b.auc]).toEqual([close(0.921, 3), close(0.9, 3)]);
      expect([a.averagePrecision, b.averagePrecision]).toEqual([close(narrow, 3), close(wide, 3)]);
    }
  });

  claim("small-samples-miss-small-gaps", () => {
    expect([1.55, 1.4].map((d) => binormal({ d }).auc)).toEqual([close(0.863, 3), close(0.839, 3)]);
    const ill = Array.from({ length: 200 }, (_, i) => (i < 60 ? 1 : 0));
    let found = 0;
    for (let seed = 0; seed < 500; seed++) {
      const { normal } = random(seed);
      const [first, second] = [1.55, 1.4].map((d) => ill.map((label) => d * label + normal()));
      const { aucA, aucB, pValue } = delongTest(ill, first!, second!);
      if (pValue < 0.05) found++;
      if (seed === 6) expect([aucA, aucB, pValue]).toEqual([close(0.879, 3), close(0.827, 3), close(0.23, 2)]);
    }
    expect(Math.abs(found / 500 - 0.1)).toBeLessThan(0.04); // 3 standard errors
  });

  claim("model-beats-the-best-column", () => {
    const { malignant, outOfFold, of, x } = models();
    const single = Array.from({ length: 30 }, (_, j) => rocAuc(malignant, column(x, j)));
    expect(Math.max(...single)).toBe(rocAuc(malignant, of("worst perimeter")));
    const { aucA, aucB, difference, pValue } = delongTest(malignant, outOfFold, of("worst perimeter"));
    expect([aucA, aucB, difference, pValue]).toEqual([
      close(0.9885, 4),
      close(0.9755, 4),
      close(0.013, 3),
      close(0.002, 4),
    ]);
    const hull = areaUnder(rocConvexHull(rocCurve(malignant, outOfFold)));
    expect(hull).toBeCloseTo(0.9905, 4);
    const [dear, rare] = [0.37, 0.01].map((prevalence) =>
      isoCostPoint(rocCurve(malignant, outOfFold), { prevalence, falseNegative: 20 }),
    );
    expect(rare!.threshold).toBeGreaterThan(dear!.threshold);
    expect([dear!.tpr, dear!.fpr, rare!.tpr, rare!.fpr]).toEqual([
      close(0.986, 3),
      close(0.137, 3),
      close(0.854, 3),
      close(0.0056, 4),
    ]);
    // Calling nobody, in the units of the cost of a false alarm.
    expect([rare!.cost, 0.01 * 20]).toEqual([close(0.0348, 4), 0.2]);
  });

  claim("ties-need-one-half", () => {
    const { malignant } = tumours();
    const tied = malignant.map(() => 1);
    expect(rocAuc(malignant, tied)).toBe(0.5);
    // Ties sorted by the label, one way and the other.
    expect(
      [1e-9, -1e-9].map((edge) =>
        rocAuc(
          malignant,
          malignant.map((label) => 1 + edge * label),
        ),
      ),
    ).toEqual([1, 0]);
  });

  claim("useless-scores", () => {
    const y = [1, 0, 0, 1, 0];
    const constant = rocCurve(y, [7, 7, 7, 7, 7]);
    expect([[...constant.fpr], [...constant.tpr]]).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(rocAuc(y, [7, 7, 7, 7, 7])).toBe(0.5);
    expect(averagePrecision(y, [7, 7, 7, 7, 7])).toBe(0.4); // the prevalence
    // Crossing parts that cancel: positives at both ends.
    expect(rocAuc([1, 0, 0, 1], [4, 3, 2, 1])).toBe(0.5);
    fc.assert(
      fc.property(sample, ({ y: labels, scores }) => {
        expect(
          rocAuc(
            labels,
            scores.map((s) => -s),
          ),
        ).toBeCloseTo(1 - rocAuc(labels, scores), 12);
      }),
    );
  });
});

interface Fixture {
  curves: {
    truth: number[];
    scores: number[];
    sampleWeight: number[] | null;
    fpr: number[];
    tpr: number[];
    thresholds: number[];
    corners: number;
    precision: number[];
    recall: number[];
    auc: number;
    partial: Record<string, number>;
    averagePrecision: number;
    u: number | null;
    interpolated: number;
  }[];
  paired: (Record<"z" | "pValue" | "lower" | "upper", number> & {
    truth: number[];
    a: number[];
    b: number[];
    auc: number[];
    cov: number[][];
  })[];
  binormal: Record<"d" | "prevalence" | "spread" | "auc" | "averagePrecision", number>[];
  conventions: { oneClass: number; prEnd: number[]; drops: number[]; chord: number };
  tumours: { auc: number[]; averagePrecision: number[]; cov: number[][]; z: number; pValue: number };
}

describe("scikit-learn, SciPy, NumPy", () => {
  const expected = oracle<Fixture>();

  test("curves and areas, ties and weights", () => {
    for (const { truth, scores, ...given } of expected.curves) {
      const weight = given.sampleWeight ? { sampleWeight: given.sampleWeight } : {};
      const { thresholds, fpr, tpr } = rocCurve(truth, scores, weight);
      expect(Array.from(thresholds, (t) => t + 0)).toEqual(given.thresholds.map((t) => t + 0)); // −0 is 0
      expect([Array.from(fpr), Array.from(tpr)]).toEqual([all(given.fpr), all(given.tpr)]);
      const { precision, recall } = precisionRecallCurve(truth, scores, weight);
      expect([Array.from(precision), Array.from(recall)]).toEqual([all(given.precision), all(given.recall)]);
      expect(rocAuc(truth, scores, weight)).toBeCloseTo(given.auc, 12);
      expect(averagePrecision(truth, scores, weight)).toBeCloseTo(given.averagePrecision, 12);
      expect(prAucInterpolated(truth, scores, weight)).toBeCloseTo(given.interpolated, 10); // quadrature
      for (const [limit, area] of Object.entries(given.partial)) {
        expect(partialAuc(truth, scores, { ...weight, maxFpr: Number(limit) })).toBeCloseTo(area, 12);
      }
      if (given.u === null) continue;
      const positives = truth.filter((label) => label === 1).length;
      expect(rocAuc(truth, scores)).toBeCloseTo(given.u / (positives * (truth.length - positives)), 12);
      const corners = rocCurve(truth, scores, { dropIntermediate: true });
      expect(corners.fpr.length).toBeLessThanOrEqual(given.corners);
      expect(areaUnder(corners)).toBeCloseTo(given.auc, 12);
    }
  });

  test("conventions: one class is NaN there, and the PR curve ends at an invented point", () => {
    const [equal, unequal] = [
      [
        [0, 1, 1, 0, 0],
        [5, 4, 3, 2, 1],
      ],
      [
        [0, 1, 1, 1, 0, 0],
        [5, 4, 4, 3, 2, 1],
      ],
    ] as const;
    // Points on a line: there left out between equal steps only; here kept, or all left out.
    expect(expected.conventions).toEqual({ oneClass: NaN, prEnd: [1, 0], drops: [4, 5], chord: 0.09375 });
    const points = (dropIntermediate: boolean) =>
      [equal, unequal].map(([y, scores]) => rocCurve(y, scores, { dropIntermediate }).fpr.length);
    expect([points(false), points(true)]).toEqual([
      [6, 6],
      [4, 4],
    ]);
    expect(() => rocAuc([1, 1], [0.2, 0.1])).toThrow(OneClassError);
    const { precision, recall } = precisionRecallCurve([0, 1, 0], [3, 2, 1]);
    expect([precision[0], recall[0]]).toEqual([0, 0]);
  });

  test("DeLong: variances, covariance and the paired test from all pairs", () => {
    for (const { truth, a, b, auc, cov, z, pValue, lower, upper } of expected.paired) {
      const found = delongTest(truth, a, b);
      expect([found.aucA, found.aucB]).toEqual(all(auc));
      expect([found.varianceA, found.covariance, found.varianceB]).toEqual(
        all([cov[0]![0]!, cov[0]![1]!, cov[1]![1]!]),
      );
      expect([found.z, found.pValue, found.lower, found.upper]).toEqual(all([z, pValue, lower, upper], 10));
      expect(found.difference).toBeCloseTo(auc[0]! - auc[1]!, 12);
      const alone = delong(truth, a);
      expect([alone.auc, alone.variance]).toEqual(all([auc[0]!, cov[0]![0]!]));
      expect(alone.upper - alone.auc).toBeCloseTo(1.959963984540054 * Math.sqrt(cov[0]![0]!), 12);
      expect(alone.auc - alone.lower).toBeCloseTo(alone.upper - alone.auc, 12);
    }
  });

  test("binormal: AUC in closed form, average precision by quadrature", () => {
    for (const { auc, averagePrecision: area, ...options } of expected.binormal) {
      const found = binormal(options);
      expect(found.auc).toBeCloseTo(auc, 12);
      expect(Math.abs(found.averagePrecision - area)).toBeLessThan(1e-9);
    }
  });

  test("binormal: the curve goes from end to end in small steps, and encloses the AUC", () => {
    for (const [d, spread] of [
      [-8, 1],
      [8, 1],
      [-2, 3],
      [0, 0.3],
    ] as const) {
      const { auc, curve } = binormal({ d, spread });
      expect([curve.thresholds[0], curve.thresholds.at(-1)]).toEqual([Infinity, -Infinity]);
      for (const rates of [curve.fpr, curve.tpr]) {
        expect([rates[0], rates.at(-1)]).toEqual([0, 1]);
        // a density of at most 0.4 or 0.4/0.3, times a twentieth
        rates.forEach((rate, m) => void expect(rate - (rates[m - 1] ?? 0)).toBeLessThan(0.07));
      }
      expect(areaUnder(curve)).toBeCloseTo(auc, 3);
    }
  });

  test("breast masses: every measurement as a score", () => {
    const { malignant, x, of } = tumours();
    expected.tumours.auc.forEach((auc, j) => {
      expect(rocAuc(malignant, column(x, j))).toBeCloseTo(auc, 12);
      expect(averagePrecision(malignant, column(x, j))).toBeCloseTo(expected.tumours.averagePrecision[j]!, 12);
    });
    const { covariance, pValue, z } = delongTest(malignant, of("mean radius"), of("mean perimeter"));
    expect(z).toBeCloseTo(expected.tumours.z, 8);
    expect(Math.abs(pValue / expected.tumours.pValue - 1)).toBeLessThan(1e-7); // 1e-15 of 3e-7, and the error of z
    expect(covariance).toBeCloseTo(expected.tumours.cov[0]![1]!, 14);
  });
});

describe("curves", () => {
  test("every point is what counting at its threshold gives; ends at (0, 0) and (1, 1); rising", () => {
    fc.assert(
      fc.property(sample, ({ y, scores }) => {
        const { thresholds, fpr, tpr } = rocCurve(y, scores);
        expect([thresholds[0], fpr[0], tpr[0], fpr.at(-1), tpr.at(-1)]).toEqual([Infinity, 0, 0, 1, 1]);
        thresholds.forEach((t, m) => {
          const metrics = binaryMetrics(countsAtThreshold(y, scores, t));
          expect([fpr[m], tpr[m]]).toEqual([close(metrics.fpr), close(metrics.sensitivity)]);
          if (m > 0) expect(tpr[m]! - tpr[m - 1]! + fpr[m]! - fpr[m - 1]!).toBeGreaterThan(0);
        });
      }),
    );
  });

  test("corners: no three points on a line, none lost that is not on one", () => {
    const { fpr, tpr, thresholds } = rocCurve([1, 1, 1, 0, 0, 1, 0], [7, 6, 5, 4, 3, 2, 1], { dropIntermediate: true });
    expect([...thresholds]).toEqual([Infinity, 5, 3, 2, 1]);
    expect([...tpr]).toEqual([0, 0.75, 0.75, 1, 1]);
    expect([...fpr]).toEqual([0, 0, 2 / 3, 2 / 3, 1]);
  });

  test("labels −1 and 1, texts, infinite scores, order of samples", () => {
    const scores = [Infinity, 0.5, -Infinity, 0.5];
    const expected = rocAuc([1, 1, 0, 0], scores);
    expect(expected).toBe(0.875);
    expect(rocAuc([1, 1, -1, -1], scores)).toBe(expected);
    expect(rocAuc(["a", "a", "b", "b"], scores, { positiveLabel: "a" })).toBe(expected);
    expect(rocAuc([0, 0, 1, 1], [...scores].reverse())).toBe(rocAuc([1, 1, 0, 0], scores));
    expect(delong(["a", "a", "b", "b"], scores, { positiveLabel: "a" })).toEqual(delong([1, 1, 0, 0], scores));
    expect(rocAuc([1, 0, 1, 0], [5e-324, 0, 1e308, -1e308])).toBe(1);
    // Ties sorted by label would give 1 or 0.
    expect(rocAuc([1, 1, 0, 0], [1, 1, 1, 1])).toBe(0.5);
    expect(rocAuc([0, 0, 1, 1], [1, 1, 1, 1])).toBe(0.5);
  });

  test("weights count like copies, and 0 like absence", () => {
    const [y, scores, w] = [
      [1, 0, 1, 0, 0, 1],
      [3, 2, 2, 1, 3, 1],
      [2, 1, 0, 3, 1, 1],
    ];
    const copies = w.flatMap((count, i) => Array.from({ length: count }, () => i));
    const [y2, s2] = [copies.map((i) => y[i]!), copies.map((i) => scores[i]!)];
    const weight = { sampleWeight: w };
    expect(rocAuc(y, scores, weight)).toBeCloseTo(rocAuc(y2, s2), 14);
    expect(rocCurve(y, scores, weight)).toEqual(rocCurve(y2, s2));
    expect(averagePrecision(y, scores, weight)).toBeCloseTo(averagePrecision(y2, s2), 14);
    expect(prAucInterpolated(y, scores, weight)).toBeCloseTo(prAucInterpolated(y2, s2), 14);
  });

  test("partial area: whole, bare, perfect, chance", () => {
    const { y, scores } = normals(1, 30, 50, 3);
    const bare = { standardized: false };
    expect(partialAuc(y, scores, { maxFpr: 1, ...bare })).toBeCloseTo(rocAuc(y, scores), 12);
    expect(partialAuc(y, scores, { maxFpr: 1 })).toBeCloseTo(rocAuc(y, scores), 12);
    expect(partialAuc([1, 0], [2, 1], { maxFpr: 0.2 })).toBe(1);
    expect(partialAuc([1, 0], [2, 1], { maxFpr: 0.2, ...bare })).toBeCloseTo(0.2, 14);
    expect(partialAuc([1, 0], [1, 1], { maxFpr: 0.2 })).toBeCloseTo(0.5, 14);
  });

  test("partial area up to a vertical stretch stops before it", () => {
    expect(partialAuc([0, 1, 0], [3, 2, 1], { maxFpr: 0.5, standardized: false })).toBe(0);
  });

  test("more scores than a call has arguments", () => {
    const scores = Float64Array.from({ length: 150_000 }, (_, i) => -i);
    const y = Int32Array.from(scores, (_, i) => (i % 7 < 3 ? 1 : 0));
    const curve = rocCurve(y, scores, { dropIntermediate: true });
    expect(areaUnder(curve)).toBeCloseTo(rocAuc(y, scores), 12);
    expect(partialAuc(y, scores, { maxFpr: 1 })).toBeCloseTo(rocAuc(y, scores), 10);
  });

  test("operating points: between, on, and at the ends of a curve", () => {
    const curve = rocCurve([1, 0, 1, 0], [4, 3, 2, 1]);
    expect(operatingPoint(curve, 0)).toMatchObject({ tpr: 0.5, high: 4, low: 3, probability: 0 });
    expect(operatingPoint(curve, 0.5)).toMatchObject({ tpr: 1, high: 2, low: 1, probability: 0 });
    expect(operatingPoint(curve, 0.25)).toMatchObject({ tpr: 0.5, high: 4, low: 3, probability: 0.5 });
    expect(operatingPoint(curve, 1)).toMatchObject({ tpr: 1, low: 1, probability: 1 });
  });

  test("the cheapest point is the cheapest of all and lies on the hull", () => {
    fc.assert(
      fc.property(sample, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), ({ y, scores }, cFp, cFn) => {
        const curve = rocCurve(y, scores);
        const prevalence = y.filter((label) => label === 1).length / y.length;
        const found = isoCostPoint(curve, { prevalence, falsePositive: cFp, falseNegative: cFn });
        const costs = Array.from(curve.thresholds, (t) => {
          const { fp, fn } = countsAtThreshold(y, scores, t);
          return (cFp * fp + cFn * fn) / y.length;
        });
        expect(found.cost).toBeCloseTo(Math.min(...costs), 12);
        expect(operatingPoint(rocConvexHull(curve), found.fpr).tpr).toBeCloseTo(found.tpr, 12);
        expect(found.slope).toBeCloseTo(((1 - prevalence) * cFp) / (prevalence * cFn), 12);
      }),
    );
    const tie = isoCostPoint(rocCurve([1, 0], [1, 1]), { prevalence: 0.5 });
    expect(tie).toEqual({ threshold: Infinity, fpr: 0, tpr: 0, cost: 0.5, slope: 1 });
  });
});

describe("intervals", () => {
  test("bootstrap: as wide as DeLong's, same seed same bits", () => {
    const { y, scores } = normals(1, 60, 90, 11);
    const [b, d] = [bootstrapAuc(y, scores), delong(y, scores)];
    expect(b.auc).toBe(d.auc);
    expect((b.upper - b.lower) / (d.upper - d.lower)).toBeCloseTo(1, 0.7); // within 10 %
    expect(bootstrapAuc(y, scores)).toEqual(b);
    expect(bootstrapAuc(y, scores, { seed: 1 })).not.toEqual(b);
    const half = bootstrapAuc(y, scores, { level: 0.5 });
    expect(half.upper - half.lower).toBeLessThan(0.45 * (b.upper - b.lower));
    const renamed = y.map((label) => (label === 1 ? "ill" : "well"));
    expect(bootstrapAuc(renamed, scores, { positiveLabel: "ill" })).toEqual(b);
  });

  test("DeLong: level, cut at 1, identical and perfectly separated scorers", () => {
    const [y, good, bad] = [
      [1, 1, 1, 0, 0, 0],
      [6, 5, 2, 4, 3, 1],
      [1, 1, 1, 1, 1, 1],
    ];
    const [wide, narrow] = [delong(y, good), delong(y, good, { level: 0.5 })];
    expect(wide.upper).toBe(1);
    expect(
      delong(
        y,
        good.map((s) => -s),
      ).lower,
    ).toBe(0);
    expect(narrow.upper - narrow.lower).toBeCloseTo(2 * 0.6744897501960817 * Math.sqrt(wide.variance), 12);
    expect(delongTest(y, good, good)).toMatchObject({ difference: 0, z: 0, pValue: 1 });
    const apart = delongTest(y, [3, 3, 3, 1, 1, 1], bad);
    expect(apart).toMatchObject({ difference: 0.5, z: Infinity, pValue: 0, lower: 0.5, upper: 0.5 });
    const swapped = delongTest(y, bad, good);
    expect(swapped.z).toBeCloseTo(-delongTest(y, good, bad).z, 12);
    expect(swapped.pValue).toBeCloseTo(delongTest(y, good, bad).pValue, 12);
    const at50 = delongTest(y, good, bad, { level: 0.5 });
    expect(at50.upper - at50.lower).toBeCloseTo(2 * 0.6744897501960817 * Math.sqrt(at50.varianceA), 12);
  });
});

test("precision-recall without negatives is 1; areas by hand", () => {
  expect(precisionRecallCurve([1, 1], [2, 1]).precision).toEqual(Float64Array.of(1, 1));
  expect(prAucInterpolated([1, 1], [2, 1])).toBe(1);
  expect(segmentArea({ tp: 0, fp: 0 }, { tp: 2, fp: 2 }, 4)).toBe(0.25); // half the recall at precision ½
  expect(segmentArea({ tp: 3, fp: 1 }, { tp: 3, fp: 9 }, 4)).toBe(0);
  // Late in a long list: ∫ u/(u + FP) over one positive, to all digits, where a log of the ratio would keep ten.
  const late = segmentArea({ tp: 1e6, fp: 3e6 }, { tp: 1e6 + 1, fp: 3e6 }, 2e6) * 2e6;
  expect(late).toBeCloseTo(0.25 + (0.5 * 3) / 16 / 1e6, 12); // P + P′/2, with P′ = FP/(TP + FP)²
  const { thresholds, precision, recall } = prFromRoc(rocCurve([1, 0, 1], [3, 2, 1]), 0.5);
  expect([[...thresholds], [...precision], [...recall]]).toEqual([
    [3, 2, 1],
    [1, close(1 / 3), 0.5],
    [0.5, 0.5, 1],
  ]);
});

test("inputs unchanged", () => {
  const [y, scores] = [Object.freeze([1, 0, 1, 0]), Object.freeze([0.1, 0.7, 0.9, 0.2])];
  const curve = rocCurve(y, scores);
  const copy = structuredClone(curve);
  rocConvexHull(curve);
  prFromRoc(curve, 0.1);
  isoCostPoint(curve, { prevalence: 0.1 });
  expect(curve).toEqual(copy);
  expect([delong(y, scores).auc, bootstrapAuc(y, scores).auc]).toEqual([0.5, 0.5]);
});

describe("errors", () => {
  const curve = rocCurve([1, 0], [2, 1]);
  const counts = [
    { tp: 1, fp: 1 },
    { tp: 2, fp: 2 },
  ] as const;
  test.each<[() => unknown, string]>([
    [() => rocCurve([1, 1], [1, 2]), "rocCurve: yTrue must hold positives and negatives, got 2 and 0"],
    [() => rocAuc([0, 0], [1, 2]), "rocAuc: yTrue must hold positives and negatives, got 0 and 2"],
    [() => prAucInterpolated([0], [1]), "prAucInterpolated: yTrue must hold positives, got 0 of them"],
    [() => bootstrapAuc([0], [1]), "bootstrapAuc: yTrue must hold positives and negatives, got 0 and 1"],
    [() => precisionRecallCurve([0], [1]), "precisionRecallCurve: yTrue must hold positives, got 0 of them"],
    [
      () => delong([1, 0, 0], [1, 2, 3]),
      "delong: yTrue must hold two positives and two negatives at least, got 1 and 2",
    ],
    [
      () => delongTest([1, 1, 0], [1, 2, 3], [1, 2, 3]),
      "delongTest: yTrue must hold two positives and two negatives at least, got 2 and 1",
    ],
  ])("one class: %s", (run, message) => {
    expect(run).toThrow(new OneClassError(message));
    expect(run).toThrow(OneClassError);
    expect(run).toThrow(RangeError);
  });

  test.each<[() => unknown, string]>([
    [() => rocCurve([1, 0], [NaN, 1]), "countsAtThreshold: scores must be numbers, got NaN at 0"],
    [() => rocCurve([1, 0], [1]), "countsAtThreshold: scores must have length 2, got 1"],
    [
      () => rocAuc([1, 2], [1, 1]),
      "cumulativeCounts: yTrue must hold 1 and 0, or 1 and -1, without positiveLabel, got 2 at 1",
    ],
    [
      () => rocAuc([1, 0], [1, 1], { sampleWeight: [1, -1] }),
      "countsAtThreshold: sampleWeight[1] must be a finite number in [0, Infinity), got -1",
    ],
    [() => partialAuc([1, 0], [1, 1], { maxFpr: 0 }), "partialAuc: maxFpr must be a finite number in (0, 1], got 0"],
    [() => operatingPoint(curve, 1.1), "operatingPoint: fpr must be a finite number in [0, 1], got 1.1"],
    [() => delong([1, 0], [1, 1], { level: 1 }), "delong: level must be a finite number in (0, 1), got 1"],
    [
      () => delongTest([1, 0], [1, 1], [1, 1], { level: NaN }),
      "delongTest: level must be a finite number in (0, 1), got NaN",
    ],
    [
      () => bootstrapAuc([1, 0], [1, 1], { replicates: 0 }),
      "bootstrapAuc: replicates must be an integer at least 1, got 0",
    ],
    [() => segmentArea(...counts, 1), "segmentArea: to.tp must be a finite number in [1, 1], got 2"],
    [() => segmentArea(counts[1], counts[0], 3), "segmentArea: to.tp must be a finite number in [2, 3], got 1"],
    [
      () => segmentArea({ tp: 1, fp: 3 }, counts[1], 3),
      "segmentArea: to.fp must be a finite number in [3, Infinity), got 2",
    ],
    [
      () => segmentArea({ tp: 1, fp: -1 }, counts[1], 3),
      "segmentArea: from.fp must be a finite number in [0, Infinity), got -1",
    ],
    [
      () => segmentArea({ tp: 4, fp: 1 }, counts[1], 3),
      "segmentArea: from.tp must be a finite number in [0, 3], got 4",
    ],
    [() => segmentArea(...counts, 0), "segmentArea: positives must be a finite number in (0, Infinity), got 0"],
    [() => isoCostPoint(curve, { prevalence: 1 }), "isoCostPoint: prevalence must be a finite number in (0, 1), got 1"],
    [
      () => isoCostPoint(curve, { prevalence: 0.5, falsePositive: 0 }),
      "isoCostPoint: falsePositive must be a finite number in (0, Infinity), got 0",
    ],
    [
      () => isoCostPoint(curve, { prevalence: 0.5, falseNegative: -1 }),
      "isoCostPoint: falseNegative must be a finite number in (0, Infinity), got -1",
    ],
    [() => prFromRoc(curve, 0), "prFromRoc: prevalence must be a finite number in (0, 1], got 0"],
    [() => binormal({ d: 9 }), "binormal: d must be a finite number in [-8, 8], got 9"],
    [
      () => binormal({ d: 1, prevalence: 1e-7 }),
      "binormal: prevalence must be a finite number in [0.000001, 1), got 1e-7",
    ],
    [() => binormal({ d: 1, spread: 0 }), "binormal: spread must be a finite number in [0.1, 10], got 0"],
  ])("%s", (run, message) => {
    expect(run).toThrow(new RangeError(message));
  });
});

describe("figures say what is computed", () => {
  type Title = { title: { text: string; subtitle: string } };
  test("three views: AUC in closed form, precision at the threshold", () => {
    const { text, subtitle } = (threeViews.draw() as unknown as Title).title;
    expect(text).toBe("AUC 0.921; average precision 0.665 at prevalence 10 %");
    // Φ(1) = 0.8413, 1 − Φ(1) = 0.1587
    const precision = (0.1 * 0.841345) / (0.1 * 0.841345 + 0.9 * 0.158655);
    expect(subtitle).toBe(`at threshold 1: TPR 0.841, FPR 0.159, precision ${precision.toFixed(3)}`);
  });

  test("measurements: the AUC of a column", () => {
    const { text } = (measurements.draw({ score: "mean texture" }) as unknown as Title).title;
    const { malignant, of } = tumours();
    expect(text).toContain(`mean texture: AUC ${byPairs(malignant, of("mean texture")).toFixed(3)}`);
  });
});
