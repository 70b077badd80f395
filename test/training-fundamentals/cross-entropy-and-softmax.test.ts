import fc from "fast-check";
import { all, create } from "mathjs";
import ndarray from "ndarray";
import { describe, expect, test } from "vitest";
import {
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  logSoftmax,
  logSumExp,
  softmax,
  softmaxHessian,
  softmaxRegression,
  softmaxRegressionSteps,
} from "../../src/demos/training-fundamentals/cross-entropy-and-softmax.js";
import {
  lossAndGradient,
  separableNorm,
  squaredErrorVersusCrossEntropy,
} from "../../src/figures/training-fundamentals/cross-entropy-and-softmax.js";
import { loadDigits, loadIris } from "../../src/lib/data.js";
import { type Matrix, matrix, matrixOver, row, rowMajor, toRows, transpose } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import type { TensorFlow } from "../../src/tensorflow.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("training-fundamentals/cross-entropy-and-softmax");
const { exp, log, log1p, abs } = Math;

/** n×K normal numbers of standard deviation `scale`. */
function logitsOf(seed: number, n: number, K: number, scale = 3): Matrix {
  const { normal } = random(seed);
  return matrixOver(
    Float64Array.from({ length: n * K }, () => scale * normal()),
    n,
    K,
  );
}

/** n×K positive rows, each summing to `mass`. */
function targetsOf(seed: number, n: number, K: number, mass = 1): Matrix {
  const { uniform } = random(seed + 1000);
  return matrix(
    Array.from({ length: n }, () => {
      const share = Array.from({ length: K }, () => 0.01 + uniform());
      const sum = share.reduce((a, b) => a + b);
      return share.map((value) => (mass * value) / sum);
    }),
  );
}

function labelsOf(seed: number, n: number, K: number): Int32Array {
  const { integer } = random(seed + 2000);
  return Int32Array.from({ length: n }, () => integer(K));
}

/** ∂f/∂aᵢⱼ by (f(a + h) − f(a − h)) / 2h for every entry of a copy of the matrix. */
function centralDifferences(a: Matrix, f: (a: Matrix) => number, h = 1e-5): Matrix {
  const data = rowMajor(a).slice();
  const moved = matrixOver(data, a.shape[0]!, a.shape[1]!);
  const slope = data.map((value, at) => {
    data[at] = value + h;
    const up = f(moved);
    data[at] = value - h;
    const down = f(moved);
    data[at] = value;
    return (up - down) / (2 * h);
  });
  return matrixOver(slope, a.shape[0]!, a.shape[1]!);
}

/** The mean loss as the definition has it, −Σ yₖ ln(exp zₖ / Σ exp zⱼ): for logits of moderate size only. */
function definition(z: readonly number[], y: readonly number[]): number {
  const total = z.reduce((sum, value) => sum + exp(value), 0);
  return -z.reduce((sum, value, k) => sum + y[k]! * log(exp(value) / total), 0);
}

/** Matrix of so many columns from its entries, row after row. */
const shaped = (columns: number, entries: readonly number[]) =>
  matrixOver(Float64Array.from(entries), entries.length / columns, columns);

const oneHot = (label: number, K: number) => Array.from({ length: K }, (_, k) => (k === label ? 1 : 0));
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);
const mean = (x: ArrayLike<number>) => sum(x) / x.length;

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    // positive form: NaN fails; equal infinities pass
    const close = actual[i] === expected[i] || abs(actual[i]! - expected[i]!) <= tolerance;
    expect(close, `entry ${i}: ${actual[i]} against ${expected[i]}, tolerance ${tolerance}`).toBe(true);
  }
}

/** Four points that a line through the origin separates. */
const SEPARABLE = {
  x: shaped(2, [1, 0.5, 2, 1, -1, 0.2, -1.5, -1]),
  y: Int32Array.of(1, 1, 0, 0),
};

claim("gradient-is-p-minus-y", () => {
  for (const [n, K] of [
    [3, 5],
    [7, 2],
    [4, 11],
  ] as const) {
    const z = logitsOf(n, n, K);
    const labels = labelsOf(n, n, K);
    const hard = crossEntropy(z, labels, { reduction: "sum" });
    const soft = crossEntropy(z, targetsOf(n, n, K), { reduction: "sum" });
    const heavy = crossEntropy(z, targetsOf(n, n, K, 2.5), { reduction: "sum", allowUnnormalised: true });
    for (let i = 0; i < n; i++) {
      const p = softmax(row(z, i));
      const y = row(targetsOf(n, n, K), i);
      // 1e-15: a rounding or two of numbers of at most 2.5
      expectClose(
        row(hard.gradient, i),
        p.map((value, k) => value - (k === labels[i] ? 1 : 0)),
        1e-15,
      );
      expectClose(
        row(soft.gradient, i),
        p.map((value, k) => value - y[k]!),
        1e-15,
      );
      expectClose(
        row(heavy.gradient, i),
        p.map((value, k) => 2.5 * value - 2.5 * y[k]!),
        2e-15,
      );
      for (const { gradient } of [hard, soft, heavy]) expect(abs(sum(row(gradient, i)))).toBeLessThan(1e-14);
    }
    // h = 1e-5: truncation h²/6 · f''' ≈ 1e-11, rounding of the loss over h ≈ 1e-10
    expectClose(
      rowMajor(hard.gradient),
      rowMajor(centralDifferences(z, (a) => crossEntropy(a, labels, { reduction: "sum" }).loss)),
      1e-8,
    );
    expectClose(
      rowMajor(heavy.gradient),
      rowMajor(
        centralDifferences(
          z,
          (a) => crossEntropy(a, targetsOf(n, n, K, 2.5), { reduction: "sum", allowUnnormalised: true }).loss,
        ),
      ),
      1e-8,
    );
  }
});

claim("fused-loss-is-finite-where-composed-is-not", () => {
  const z = [0, -1000];
  expect(-log(softmax(z)[1]!)).toBe(Infinity); // a safe softmax, and still the logarithm of 0
  expect(exp(1000) / (exp(1000) + exp(0))).toBeNaN(); // the naive softmax
  expect(crossEntropy(matrix([z]), [1]).loss).toBe(1000);
  expect(crossEntropy(matrix([[1000, 0]]), [1]).loss).toBe(1000);
  expect(-logSoftmax(z)[1]!).toBe(1000);
  expect(binaryCrossEntropyWithLogits([-1000], [1]).loss).toBe(1000);
  expect([...crossEntropy(matrix([z]), [1]).gradient.data]).toEqual([1, -1]);
});

claim("exp-overflows-at-709-88-and-11", () => {
  const f16 = Reflect.get(Math, "f16round") as (x: number) => number; // Node 24 has it, TypeScript's types not yet
  expect(exp(709.7827)).toBeLessThan(Infinity);
  expect(exp(709.7828)).toBe(Infinity);
  expect(exp(-745.1332)).toBe(5e-324);
  expect(exp(-745.1333)).toBe(0);
  expect(Math.fround(exp(88.7228))).toBeLessThan(Infinity);
  expect(Math.fround(exp(88.7229))).toBe(Infinity);
  expect([f16(exp(11.09)), f16(exp(11.091))]).toEqual([65504, Infinity]);
  expect(log(65520)).toBeCloseTo(11.0901, 4); // 65504 + half a spacing: what float16 rounds to Infinity
});

claim("tiny-losses-keep-their-digits", () => {
  const z = [40, 0];
  expect(-log(softmax(z)[0]!)).toBe(-0);
  expect(crossEntropy(matrix([z]), [0]).loss).toBe(log1p(exp(-40)));
  expect(crossEntropy(matrix([z]), [0]).loss / 4.248354255291589e-18).toBeCloseTo(1, 12); // e⁻⁴⁰
  expect(crossEntropy(matrix([[0, -745]]), [0]).loss).toBe(5e-324);
  expect(logSumExp([0, -40])).toBe(log1p(exp(-40)));
  // p − 1 cannot: p is rounded to 1. The other component keeps them.
  expect([...crossEntropy(matrix([z]), [0]).gradient.data]).toEqual([0, exp(-40)]);
});

claim("soft-target-floor-is-entropy", () => {
  const y = [0.7, 0.2, 0.1];
  const entropy = -sum(y.map((value) => value * log(value)));
  expect(entropy).toBeCloseTo(0.80182, 5);
  const best = crossEntropy(matrix([y.map(log)]), matrix([y]));
  expect(best.loss).toBeCloseTo(entropy, 14);
  expectClose(best.gradient.data, [0, 0, 0], 1e-15);
  fc.assert(
    fc.property(fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 3, maxLength: 3 }), (z) => {
      const p = softmax(z);
      const divergence = sum(y.map((value, k) => value * log(value / p[k]!)));
      const { loss } = crossEntropy(matrix([z]), matrix([y]));
      expect(loss).toBeCloseTo(entropy + divergence, 12);
      expect(loss).toBeGreaterThanOrEqual(entropy - 1e-14); // a rounding of a loss near 1
    }),
  );
});

claim("untrained-loss-is-ln-k", () => {
  for (const [K, expected] of [
    [10, "2.302585"],
    [50257, "10.824905"],
  ] as const) {
    expect(crossEntropy(matrixOver(new Float64Array(3 * K).fill(-2.5), 3, K), [0, 1, K - 1]).loss.toFixed(6)).toBe(
      expected,
    );
  }
  expect(softmaxRegression(logitsOf(1, 9, 4), labelsOf(1, 9, 3), { classes: 3, steps: 0 }).loss).toBeCloseTo(
    log(3),
    14,
  );
});

claim("random-logits-add-half-their-variance", () => {
  const rows = 200;
  const z = logitsOf(5, rows, 5000, 1);
  const { logZ, losses } = crossEntropy(z, labelsOf(5, rows, 5000), { reduction: "sum" });
  // log Z of one row has sd √((e − 1)/5000) = 0.0185, the mean of 200 rows 0.0013
  expect(abs(mean(logZ) - 9.0172)).toBeLessThan(0.01);
  expect(log(5000) + 0.5).toBeCloseTo(9.0172, 4);
  expect(log(50257) + 0.5).toBeCloseTo(11.3249, 4);
  // the label's logit has sd 1: the mean of 200 has sd 0.07
  expect(abs(mean(losses) - 9.0172)).toBeLessThan(0.3);
  expect(
    abs(mean(crossEntropy(logitsOf(6, rows, 5000, 0.5), labelsOf(6, rows, 5000)).logZ) - (log(5000) + 0.125)),
  ).toBeLessThan(0.01);
});

claim("hessian-eigenvalues-at-most-half", () => {
  const math = create(all!);
  const eigenvalues = (p: ArrayLike<number>) =>
    (math.eigs(toRows(softmaxHessian(p))).values as number[]).sort((a, b) => a - b);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 2, max: 6 }), (seed, K) => {
      const p = softmax(row(logitsOf(seed, 1, K, 2), 0));
      const values = eigenvalues(p);
      expect(values[0]!).toBeGreaterThan(-1e-12); // roundings of a 6×6 eigenvalue computation
      expect(values.at(-1)!).toBeLessThanOrEqual(0.5 + 1e-12);
      expectClose(toRows(softmaxHessian(p)).map(sum), new Float64Array(K), 1e-15);
    }),
    { numRuns: 60 },
  );
  expectClose(eigenvalues([0.5, 0.5, 0, 0]), [0, 0, 0, 0.5], 1e-14);
  // the Hessian is the derivative of the gradient
  const z = logitsOf(8, 1, 4, 1);
  const jacobian = [0, 1, 2, 3].map((k) =>
    row(
      centralDifferences(z, (a) => crossEntropy(a, [2]).gradient.get(0, k)),
      0,
    ),
  );
  expectClose(
    rowMajor(softmaxHessian(softmax(row(z, 0)))),
    jacobian.flatMap((r) => [...r]),
    1e-9,
  );
});

claim("sigmoid-is-two-class-softmax", () => {
  fc.assert(
    fc.property(fc.double({ min: -60, max: 60, noNaN: true }), fc.integer({ min: 0, max: 1 }), (z, y) => {
      const binary = binaryCrossEntropyWithLogits([z], [y]);
      const both = crossEntropy(matrix([[0, z]]), [y]);
      // 1e-15 relative: the same sum, z − zy rounded in another order
      expect(abs(binary.loss - both.loss)).toBeLessThanOrEqual(1e-15 * Math.max(1, both.loss));
      expectClose(binary.gradient, [both.gradient.get(0, 1)], 1e-15);
      expectClose(binary.probabilities, [both.probabilities.get(0, 1)], 1e-15);
    }),
  );
});

claim("squared-error-gradient-vanishes", () => {
  const sigmoid = (z: number) => 1 / (1 + exp(-z));
  const slope = (f: (z: number) => number, z: number) => (f(z + 1e-4) - f(z - 1e-4)) / 2e-4;
  for (const z of [-10, -3, 0.5, 4]) {
    const p = sigmoid(z);
    const squared = slope((at) => 0.5 * (sigmoid(at) - 1) ** 2, z);
    const { gradient } = binaryCrossEntropyWithLogits([z], [1]);
    expect(squared).toBeCloseTo(gradient[0]! * p * (1 - p), 9); // truncation h²/6 ≈ 2e-9
  }
  expect(sigmoid(-10) * (1 - sigmoid(-10))).toBeCloseTo(4.54e-5, 7);
});

claim("separable-norm-grows-like-ln-t", () => {
  // w = (1, 0) = 2/7·(1, ½) + 5/7·(1, −0.2), both multipliers positive, every margin ≥ 1: the hard-margin solution.
  const [a, b] = [2 / 7, 5 / 7];
  expectClose([a * 1 + b * 1, a * 0.5 - b * 0.2], [1, 0], 1e-15);
  const margins = toRows(SEPARABLE.x)
    .map(([first]) => first! * 1)
    .map((m, i) => (SEPARABLE.y[i] === 1 ? m : -m));
  expect(Math.min(...margins)).toBe(1);

  const norms = new Map<number, number>();
  const losses: number[] = [];
  // The columns of W move oppositely: with lr ½ their difference moves as the w of logistic regression with lr 1.
  for (const { step, weights, loss } of softmaxRegressionSteps(SEPARABLE.x, SEPARABLE.y, {
    lr: 0.5,
    steps: 1e5,
    intercept: false,
  })) {
    if (Number.isInteger(Math.log10(step))) {
      norms.set(step, Math.hypot(weights.get(0, 1) - weights.get(0, 0), weights.get(1, 1) - weights.get(1, 0)));
      losses.push(loss);
    }
  }
  const growth = norms.get(1e5)! - norms.get(1e4)!;
  expect(growth).toBeCloseTo(2.286, 3);
  expect(abs(growth / log(10) - 1)).toBeLessThan(0.03);
  expect(losses).toEqual([...losses].sort((x, y) => y - x));
  expect(losses.at(-1)!).toBeGreaterThan(0);
});

const WEIGHTED = {
  z: shaped(3, [1, 2, 0, 0, 0, 3, 2, -1, 1]),
  y: Int32Array.of(1, 2, 0),
  w: [1, 2, 4],
};

claim("weighted-mean-divides-by-label-weights", () => {
  const { z, y, w } = WEIGHTED;
  const { loss, losses } = crossEntropy(z, y, { weights: w });
  expect(loss).toBeCloseTo(0.22056, 5);
  const parts = toRows(z).map((logits, i) => w[y[i]!]! * definition(logits, oneHot(y[i]!, 3)));
  expectClose(losses, parts, 1e-15);
  expect(loss).toBeCloseTo(sum(parts) / (2 + 4 + 1), 15);
  expect(crossEntropy(z, y, { weights: w, reduction: "sum" }).loss / 3).toBeCloseTo(0.51464, 5);
  // soft targets: by the number of rows, as torch does
  expect(crossEntropy(z, matrix([...y].map((k) => oneHot(k, 3))), { weights: w }).loss).toBeCloseTo(0.51464, 5);
});

claim("second-softmax-floors-the-loss", () => {
  const twice = (z: number[], label: number) =>
    crossEntropy(crossEntropy(matrix([z]), [label]).probabilities, [label]).loss;
  const perfect = oneHot(0, 10).map((value) => 1000 * value);
  expect(twice(perfect, 0)).toBeCloseTo(log(1 + 9 / Math.E), 14);
  expect(twice(perfect, 0)).toBeCloseTo(1.46115, 5);
  expect(twice(perfect, 3)).toBeCloseTo(log(9 + Math.E), 14);
  expect(twice(perfect, 3)).toBeCloseTo(2.46115, 5);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
      const loss = twice([...row(logitsOf(seed, 1, 10, 20), 0)], 4);
      expect(loss).toBeGreaterThanOrEqual(1.46115);
      expect(loss).toBeLessThanOrEqual(2.46116);
    }),
  );
});

claim("logits-are-log-probabilities-up-to-a-constant", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), fc.double({ min: -500, max: 500, noNaN: true }), (seed, shift) => {
      const z = logitsOf(seed, 2, 7);
      const moved = matrixOver(
        z.data.map((value) => value + shift),
        2,
        7,
      );
      const [base, shifted] = [crossEntropy(z, [1, 5]), crossEntropy(moved, [1, 5])];
      // adding 500 rounds each logit to 6e-14
      expectClose(shifted.losses, base.losses, 3e-13);
      expectClose(shifted.gradient.data, base.gradient.data, 3e-13);
      expectClose(
        shifted.logZ,
        base.logZ.map((value) => value + shift),
        3e-13,
      );
      const logP = row(z, 0).map((value) => value - base.logZ[0]!);
      expectClose(logP, row(base.probabilities, 0).map(log), 1e-13);
      expectClose(logP, logSoftmax(row(z, 0)), 1e-14);
    }),
  );
});

claim("masked-class-drops-out", () => {
  const masked = crossEntropy(matrix([[1, -Infinity, 0.5, 2]]), [2]);
  const without = crossEntropy(matrix([[1, 0.5, 2]]), [1]);
  expect(masked.loss).toBe(without.loss);
  expect([...masked.probabilities.data]).toEqual([...without.probabilities.data].toSpliced(1, 0, 0));
  expect([...masked.gradient.data]).toEqual([...without.gradient.data].toSpliced(1, 0, 0));
  // soft target 0 on the masked class: 0·∞ counts as 0 …
  expect(crossEntropy(matrix([[1, -Infinity, 0.5]]), matrix([[0.25, 0, 0.75]])).loss).toBeLessThan(2);
  // … and a label on it is impossible
  const impossible = crossEntropy(matrix([[1, -Infinity, 0.5]]), [1]);
  expect(impossible.loss).toBe(Infinity);
  expect(impossible.gradient.get(0, 1)).toBe(-1);
  // label smoothing puts mass on every class, masked ones too
  expect(crossEntropy(matrix([[1, -Infinity, 0.5]]), [0], { labelSmoothing: 0.1 }).loss).toBe(Infinity);
});

claim("temperature-divides-logits-and-gradient", () => {
  const z = [1.5, -0.5, 0.25];
  for (const temperature of [0.25, 1, 3]) {
    expectClose(softmax(z, { temperature }), softmax(z.map((value) => value / temperature)), 1e-15);
    const slope = centralDifferences(
      matrix([z]),
      (a) =>
        crossEntropy(
          matrixOver(
            a.data.map((v) => v / temperature),
            1,
            3,
          ),
          [1],
        ).loss,
    );
    expectClose(
      slope.data,
      softmax(z, { temperature }).map((p, k) => (p - (k === 1 ? 1 : 0)) / temperature),
      1e-8,
    );
  }
  expectClose(softmax(z, { temperature: 1e-300 }), [1, 0, 0], 0);
  expectClose(softmax([2, 2, 1], { temperature: 1e-3 }), [0.5, 0.5, 0], 0);
  expectClose(softmax(z, { temperature: 1e300 }), [1 / 3, 1 / 3, 1 / 3], 1e-15);
  // the logits are 2e308 apart, which overflows, but z/T is (1, −1) and −Infinity stays a mask
  const sigmoid2 = 1 / (1 + exp(-2));
  expectClose(softmax([1e308, -1e308, -Infinity], { temperature: 1e308 }), [sigmoid2, 1 - sigmoid2, 0], 1e-15);
  expectClose(softmax([1e308, -1e308], { temperature: 1e-300 }), [1, 0], 0);
});

describe("logSumExp", () => {
  const math = create(all!, { number: "BigNumber", precision: 64 });
  /** ln Σ exp zₖ with 64 digits, rounded once at the end. */
  const exact = (z: readonly number[]) => {
    const terms = z.map((value) => math.exp(math.bignumber(value)));
    return math.log(terms.reduce((total, term) => math.add(total, term))).toNumber();
  };

  test("is within four roundings of the 64-digit value", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0.1, 3, 30),
        (seed, K, scale) => {
          const z = [...row(logitsOf(seed, 1, K, scale), 0)];
          // absolute against the largest term and ln K, since max + log1p may cancel
          const scaleOfError = Math.max(...z.map(abs)) + log(K) + Number.MIN_VALUE;
          expect(abs(logSumExp(z) - exact(z))).toBeLessThanOrEqual(4 * Number.EPSILON * scaleOfError);
        },
      ),
      { numRuns: 100 },
    );
    expect(logSumExp([0, -40])).toBe(exact([0, -40]));
    expect(logSumExp([0, -30, -31]) / exact([0, -30, -31])).toBeCloseTo(1, 14);
  });

  test("lies between the maximum and the maximum plus ln n; does not care about order or grouping", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -900, max: 900, noNaN: true }), { minLength: 1, maxLength: 12 }), (z) => {
        const result = logSumExp(z);
        const max = Math.max(...z);
        expect(result).toBeGreaterThanOrEqual(max);
        expect(result).toBeLessThanOrEqual(max + log(z.length) + 1e-12);
        expect(logSumExp([...z].reverse())).toBeCloseTo(result, 11);
        const cut = z.length >> 1;
        expect(logSumExp([logSumExp(z.slice(0, cut)), logSumExp(z.slice(cut))])).toBeCloseTo(result, 11);
      }),
    );
  });

  test("keeps its contract at the edges", () => {
    expect(logSumExp([])).toBe(-Infinity);
    expect(logSumExp([-Infinity])).toBe(-Infinity);
    expect(logSumExp([-Infinity, -Infinity])).toBe(-Infinity);
    expect(logSumExp([-Infinity, 3, -Infinity])).toBe(3);
    expect(logSumExp([0, Infinity, -Infinity])).toBe(Infinity);
    expect(logSumExp([Infinity, Infinity])).toBe(Infinity);
    expect(logSumExp([1e308, 1e308])).toBe(1e308);
    expect(logSumExp([-1e308, 1e308])).toBe(1e308);
    expect(logSumExp([-1.7e308, -1.7e308])).toBe(-1.7e308);
    expect(logSumExp([5e-324])).toBe(5e-324);
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12);
    expect(logSumExp([-1000, -1000, -1000])).toBeCloseTo(-1000 + log(3), 12);
    expect(logSumExp([0.1])).toBe(0.1);
    expect(logSumExp(Float32Array.of(0, 0))).toBe(Math.LN2);
    expect(() => logSumExp([0, Number.NaN])).toThrow(new RangeError("logSumExp: z must not hold NaN, got NaN at 1"));
    expect(() => logSumExp([Number.NaN, 0])).toThrow(new RangeError("logSumExp: z must not hold NaN, got NaN at 0"));
    expect(() => logSumExp([Infinity, Number.NaN])).toThrow("got NaN at 1");
  });
});

describe("softmax and logSoftmax", () => {
  test("agree with the definition, sum to 1, and with each other", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -300, max: 300, noNaN: true }), { minLength: 1, maxLength: 12 }), (z) => {
        const p = softmax(z);
        const total = sum(z.map(exp));
        expectClose(
          p,
          z.map((value) => exp(value) / total),
          1e-14,
        ); // 12 additions
        expect(sum(p)).toBeCloseTo(1, 14);
        expectClose(p, logSoftmax(z).map(exp), 1e-13); // exp turns an error of 300·2⁻⁵³ into a relative one
        expect(logSumExp(logSoftmax(z))).toBeCloseTo(0, 12);
      }),
    );
  });

  test("survive what overflows", () => {
    expect([...softmax([1e308, 1e308, -1e308])]).toEqual([0.5, 0.5, 0]);
    expect([...softmax([1000, -1000, 1000])]).toEqual([0.5, 0, 0.5]);
    expect([...softmax([-Infinity, 3])]).toEqual([0, 1]);
    expect([...logSoftmax([-Infinity, 3])]).toEqual([-Infinity, 0]);
    expect([...logSoftmax([0, -1000])]).toEqual([0, -1000]);
    expect(logSoftmax([0, -40])[0]).toBe(-log1p(exp(-40)));
    expect(logSoftmax([40, 0])[0]).toBe(-log1p(exp(-40))); // not 40 − (40 + 4e-18)
    expect([...softmax([5e-324, 0])]).toEqual([0.5, 0.5]);
    expect([...softmax([7])]).toEqual([1]);
    expect(softmax([0, -40])[1]).toBe(exp(-40) / (1 + exp(-40))); // small probabilities keep their digits
    expect(logSoftmax([1e308, -1e308])[1]).toBe(-Infinity); // −2e308
  });
});

describe("crossEntropy", () => {
  const optionSets: readonly CrossEntropyOptions[] = [
    {},
    { reduction: "sum" },
    { labelSmoothing: 0.2 },
    { labelSmoothing: 1 },
    { weights: [0.5, 2, 1, 3, 0.25] },
    { weights: [0.5, 2, 1, 3, 0.25], labelSmoothing: 0.1, reduction: "sum" },
    { weights: [0.5, 2, 0, 3, 0.25], labelSmoothing: 0.3 },
  ];
  const [n, K] = [4, 5];

  test.each(optionSets)("%j: loss by the definition, gradient by central differences", (options) => {
    const { weights = [1, 1, 1, 1, 1], labelSmoothing: epsilon = 0, reduction } = options;
    const z = logitsOf(11, n, K, 2);
    const labels = Int32Array.of(3, 0, 4, 1);
    const soft = targetsOf(11, n, K);
    for (const targets of [labels, soft]) {
      const y = targets === labels ? [...labels].map((label) => oneHot(label, K)) : toRows(soft);
      const losses = toRows(z).map((logits, i) =>
        definition(
          logits,
          y[i]!.map((value, k) => weights[k]! * ((1 - epsilon) * value + epsilon / K)),
        ),
      );
      const divisor = targets === labels ? sum([...labels].map((label) => weights[label]!)) : n;
      const result = crossEntropy(z, targets, options);
      expectClose(result.losses, losses, 1e-13); // roundings of losses up to 30
      expect(result.loss).toBeCloseTo(sum(losses) / (reduction === "sum" ? 1 : divisor), 12);
      expect(result.count).toBe(n);
      expectClose(
        rowMajor(result.probabilities),
        toRows(z).flatMap((logits) => [...softmax(logits)]),
        1e-16,
      );
      expectClose(result.logZ, toRows(z).map(logSumExp), 0);
      const slope = centralDifferences(z, (a) => crossEntropy(a, targets, options).loss);
      expectClose(rowMajor(result.gradient), rowMajor(slope), 1e-8); // as in the claim
    }
  });

  test("one-hot targets equal labels", () => {
    const z = logitsOf(3, n, K);
    const hard = crossEntropy(z, [3, 0, 4, 1], { labelSmoothing: 0.1 });
    const soft = crossEntropy(z, matrix([3, 0, 4, 1].map((label) => oneHot(label, K))), { labelSmoothing: 0.1 });
    expect(soft.loss).toBeCloseTo(hard.loss, 14);
    expectClose(soft.gradient.data, hard.gradient.data, 1e-15);
  });

  test("ignored rows take no part", () => {
    const z = logitsOf(12, n, K);
    const rows = toRows(z);
    for (const weights of [undefined, [0.5, 2, 1, 3, 0.25]]) {
      const options = { labelSmoothing: 0.1, ...(weights && { weights }) };
      for (const ignoreIndex of [-100, 2]) {
        const some = crossEntropy(z, [3, ignoreIndex, 4, ignoreIndex], { ...options, ignoreIndex });
        const rest = crossEntropy(matrix([rows[0]!, rows[2]!]), [3, 4], options);
        expect(some.loss).toBeCloseTo(rest.loss, 15);
        expect(some.count).toBe(2);
        expect([...some.losses].filter((_, i) => i % 2)).toEqual([0, 0]);
        expect([...row(some.gradient, 1), ...row(some.gradient, 3)]).toEqual(Array(10).fill(0));
        expectClose([...row(some.gradient, 0), ...row(some.gradient, 2)], rest.gradient.data, 1e-16);
      }
    }
  });

  test("with every label ignored the loss is 0, the gradient 0, the count 0", () => {
    const { loss, gradient, count } = crossEntropy(logitsOf(1, 2, 3), [-100, -100], { ignoreIndex: -100 });
    expect([loss, count, ...gradient.data]).toEqual(Array(8).fill(0));
  });

  test("a class of weight 0 costs nothing, even masked", () => {
    const z = shaped(3, [1, 0, -Infinity, 0, 2, 1]);
    expect(crossEntropy(z, [2, 1], { weights: [1, 1, 0] }).loss).toBeCloseTo(definition([0, 2, 1], [0, 1, 0]), 15);
    expect(crossEntropy(z, shaped(3, [0, 0, 1, 0, 1, 0]), { weights: [1, 1, 0], reduction: "sum" }).loss).toBeCloseTo(
      definition([0, 2, 1], [0, 1, 0]),
      15,
    );
  });

  test("extremes: ±1e308, denormals, one class, one row, repeated rows", () => {
    expect(crossEntropy(matrix([[1e308, 0]]), [1]).loss).toBe(1e308);
    expect(crossEntropy(matrix([[1e308, -1e308]]), [0]).loss).toBe(0);
    expect(crossEntropy(matrix([[1e308, -1e308]]), [1]).loss).toBe(Infinity); // 2e308
    expect([...crossEntropy(matrix([[1e308, -1e308]]), [1]).gradient.data]).toEqual([1, -1]);
    expect(crossEntropy(matrix([[5e-324, 0]]), [1]).loss).toBe(Math.LN2);
    const two = crossEntropy(shaped(2, [1e308, 0, 1e308, 0]), [1, 1]);
    expect([two.loss, ...two.losses]).toEqual([Infinity, 1e308, 1e308]); // the sum over the rows is 2e308
    expect(crossEntropy(shaped(1, [-3, 8]), [0, 0]).loss).toBe(0);
    const repeated = crossEntropy(shaped(3, [1, 2, 4, 1, 2, 4, 1, 2, 4]), [1, 1, 1]);
    expect(repeated.loss).toBeCloseTo(crossEntropy(matrix([[1, 2, 4]]), [1]).loss, 15);
  });

  test("strided and transposed views", () => {
    const z = logitsOf(21, K, n);
    const flipped = matrix(toRows(transpose(z)));
    const view = crossEntropy(transpose(z), [3, 0, 4, 1]);
    const plain = crossEntropy(flipped, [3, 0, 4, 1]);
    expect(view.loss).toBe(plain.loss);
    expect([...rowMajor(view.gradient)]).toEqual([...rowMajor(plain.gradient)]);
    const soft = targetsOf(21, K, n);
    expect(crossEntropy(transpose(z), transpose(soft), { allowUnnormalised: true }).loss).toBe(
      crossEntropy(flipped, matrix(toRows(transpose(soft))), { allowUnnormalised: true }).loss,
    );
    const part = z.hi(3, n).lo(1, 0); // rows 1 and 2, with an offset
    expect(crossEntropy(part, [2, 0]).loss).toBe(crossEntropy(matrix(toRows(part)), [2, 0]).loss);
  });

  test("inputs stay as they are, results are new, and the same call gives the same bits", () => {
    const [z, soft, labels, weights] = [
      logitsOf(2, n, K),
      targetsOf(2, n, K),
      Int32Array.of(0, 1, 2, 3),
      Float64Array.of(1, 2, 3, 4, 5),
    ];
    const before = [z.data, soft.data, labels, weights].map((array) => [...array]);
    const options = { weights, labelSmoothing: 0.1 };
    const once = [crossEntropy(z, labels, options), crossEntropy(z, soft, options)];
    expect([crossEntropy(z, labels, options), crossEntropy(z, soft, options)]).toEqual(once);
    expect([z.data, soft.data, labels, weights].map((array) => [...array])).toEqual(before);
    expect(once[0]!.gradient.data).not.toBe(once[0]!.probabilities.data);
    expect(() => crossEntropy(z, Object.freeze([0, 1, 2, 3]))).not.toThrow();
  });

  test("every documented error, with its whole message", () => {
    const z = shaped(3, [1, 2, 0, 0, 0, 3]);
    const y = [1, 2];
    const rejects = (a: Matrix, t: ArrayLike<number> | Matrix, options: CrossEntropyOptions, message: string) =>
      expect(() => crossEntropy(a, t, options)).toThrow(new RangeError(`crossEntropy: ${message}`));
    const kind = new TypeError("crossEntropy: logits must be a rank-2 ndarray of Float64Array");
    expect(() => crossEntropy([[1, 2]] as never, y)).toThrow(kind);
    expect(() => crossEntropy(null as never, y)).toThrow(kind);
    expect(() => crossEntropy(ndarray(new Float64Array(6)) as never, y)).toThrow(kind);
    expect(() => crossEntropy(ndarray(new Float32Array(6), [2, 3]) as never, y)).toThrow(kind);
    rejects(shaped(3, []), [], {}, "logits must have at least one row and one column, got 0×3");
    rejects(matrixOver(new Float64Array(0), 2, 0), y, {}, "logits must have at least one row and one column, got 2×0");
    const allowed = "logits must be finite or -Infinity";
    rejects(shaped(3, [0, 1, 2, 0, Number.NaN, 1]), y, {}, `${allowed}, got NaN at (1, 1)`);
    rejects(shaped(3, [0, 1, Infinity, 0, 1, 1]), y, {}, `${allowed}, got Infinity at (0, 2)`);
    const none = shaped(2, [0, 1, -Infinity, -Infinity]);
    rejects(none, [0, 0], {}, "logits must hold a finite number in every row, got none in row 1");

    for (const label of [3, -1, -100, 0.5, Number.NaN, undefined as never]) {
      rejects(z, [1, label], {}, `labels[1] must be an integer in [0, 2], got ${label}`);
    }
    rejects(z, [1, -1], { ignoreIndex: -100 }, "labels[1] must be an integer in [0, 2], got -1");
    rejects(z, [1], {}, "labels must have length 2, got 1");
    rejects(z, y, { ignoreIndex: 0.5 }, "ignoreIndex must be an integer at least -9007199254740991, got 0.5");
    for (const labelSmoothing of [1.5, -0.1, Number.NaN]) {
      rejects(z, y, { labelSmoothing }, `labelSmoothing must be a finite number in [0, 1], got ${labelSmoothing}`);
    }
    rejects(z, y, { weights: [1, 2] }, "weights must have length 3, got 2");
    rejects(z, y, { weights: [1, -2, 3] }, "weights[1] must be a finite number in [0, Infinity), got -2");
    rejects(z, y, { weights: [1, Number.NaN, 3] }, "weights must be finite, got NaN at 1");
    const total = "weights of the labels must have a positive, finite sum to average over";
    rejects(z, y, { weights: [1, 0, 0] }, `${total}, got 0`);
    rejects(z, y, { weights: [1, 1e308, 1e308] }, `${total}, got Infinity`);
    expect(
      crossEntropy(z, y, { weights: [1, 1e308, 1e308], reduction: "sum" }).gradient.data.every(Number.isFinite),
    ).toBe(true);
    for (const missing of [null, undefined, 1]) {
      const message = `crossEntropy: targets must be an array of labels or a matrix, got ${missing}`;
      expect(() => crossEntropy(z, missing as never)).toThrow(new TypeError(message));
    }
    expect(crossEntropy(z, y, { weights: [1, 0, 0], reduction: "sum" }).loss).toBe(0);
    rejects(z, y, { reduction: "none" as never }, "reduction must be one of 'mean', 'sum', got 'none'");

    const soft = shaped(3, [0.5, 0.5, 0, 0, 0, 1]);
    rejects(z, soft, { ignoreIndex: 0 }, "ignoreIndex must be left out with soft targets, got 0");
    rejects(z, soft, { labelSmoothing: 2 }, "labelSmoothing must be a finite number in [0, 1], got 2");
    rejects(z, matrix([[1, 0, 0]]), {}, "targets must be 2×3 like the logits, got 1×3");
    rejects(z, shaped(2, [1, 0, 0, 1]), {}, "targets must be 2×3 like the logits, got 2×2");
    rejects(z, shaped(3, [0.5, 0.5, 0, 1.5, -0.5, 0]), {}, "targets must not be negative, got -0.5 at (1, 1)");
    const unnormalised = "targets must sum to 1 in every row (or set allowUnnormalised), got 1.5 in row 1";
    rejects(z, shaped(3, [0.5, 0.5, 0, 1, 0.5, 0]), {}, unnormalised);
    const infinite = "weighted targets must have a finite sum, got Infinity in row 1";
    rejects(z, shaped(3, [0.5, 0.5, 0, 1e308, 1e308, 0]), { allowUnnormalised: true }, infinite);
    rejects(z, shaped(3, [0.5, 0.5, Number.NaN, 1, 0, 0]), {}, "targets must be finite, got NaN at (0, 2)");
    const tensor = new TypeError("crossEntropy: targets must be a rank-2 ndarray of Float64Array, got Object");
    expect(() => crossEntropy(z, { shape: [2, 3] } as never)).toThrow(tensor);
    // rows that were float32 once sum to 1 only within 1e-7
    expect(() => crossEntropy(z, shaped(3, [1 + 9e-7, 0, 0, 0, 0, 1 - 9e-7]))).not.toThrow();
    expect(() => crossEntropy(z, shaped(3, [1 + 2e-6, 0, 0, 0, 0, 1]))).toThrow("must sum to 1");
  });

  test("every documented error of softmax, logSoftmax and softmaxHessian", () => {
    for (const f of [softmax, logSoftmax]) {
      const rejects = (z: number[], message: string) =>
        expect(() => f(z)).toThrow(new RangeError(`${f.name}: logits must ${message}`));
      rejects([], "hold a finite number, got none among 0");
      rejects([-Infinity, -Infinity], "hold a finite number, got none among 2");
      rejects([0, Number.NaN], "be finite or -Infinity, got NaN at 1");
      rejects([Infinity, 0], "be finite or -Infinity, got Infinity at 0");
    }
    for (const temperature of [0, -1, Number.NaN, Infinity]) {
      const message = `softmax: temperature must be a finite number in (0, Infinity), got ${temperature}`;
      expect(() => softmax([1, 2], { temperature })).toThrow(new RangeError(message));
    }
    const rejects = (p: number[], message: string) =>
      expect(() => softmaxHessian(p)).toThrow(new RangeError(`softmaxHessian: ${message}`));
    rejects([], "p must sum to 1, got 0");
    rejects([0.5, 0.6], "p must sum to 1, got 1.1");
    expect(() => softmaxHessian([0.5, 0.5 + 9e-7])).not.toThrow();
    expect(() => softmaxHessian([0.5, 0.5 + 2e-6])).toThrow("softmaxHessian: p must sum to 1, got");
    rejects([1.5, -0.5], "p[1] must be a finite number in [0, Infinity), got -0.5");
    rejects([Number.NaN], "p must be finite, got NaN at 0");
  });
});

describe("binaryCrossEntropyWithLogits", () => {
  test("loss by the definition, gradient by central differences, mean and sum", () => {
    const [z, y] = [
      [-2, 0.5, 3],
      [0, 0.25, 1],
    ];
    const expected = z.map((value, i) => definition([0, value], [1 - y[i]!, y[i]!]));
    const average = binaryCrossEntropyWithLogits(z, y);
    const total = binaryCrossEntropyWithLogits(z, y, { reduction: "sum" });
    expectClose(average.losses, expected, 1e-15);
    expect(average.loss).toBeCloseTo(mean(expected), 15);
    expect(total.loss).toBeCloseTo(sum(expected), 14);
    for (const [result, reduction] of [
      [average, "mean"],
      [total, "sum"],
    ] as const) {
      const slope = centralDifferences(matrix([z]), (a) => binaryCrossEntropyWithLogits(a.data, y, { reduction }).loss);
      expectClose(result.gradient, slope.data, 1e-8); // as in the claim
    }
  });

  test("extremes and errors", () => {
    expect(binaryCrossEntropyWithLogits([1000, -1000, 1e308, -1e308], [1, 0, 1, 0]).loss).toBe(0);
    expect(binaryCrossEntropyWithLogits([40], [1]).loss).toBe(log1p(exp(-40)));
    const wrong = binaryCrossEntropyWithLogits([1e308, -1e308, 0], [0, 1, 0.5]);
    expect([wrong.loss, ...wrong.losses]).toEqual([Infinity, 1e308, 1e308, Math.LN2]); // the sum is 2e308
    expect([...binaryCrossEntropyWithLogits([800, -800], [0, 1], { reduction: "sum" }).gradient]).toEqual([1, -1]);
    const fails = (run: () => unknown, message: string) =>
      expect(run).toThrow(new RangeError(`binaryCrossEntropyWithLogits: ${message}`));
    fails(() => binaryCrossEntropyWithLogits([], []), "number of logits must be an integer at least 1, got 0");
    fails(() => binaryCrossEntropyWithLogits([1], [1, 0]), "targets must have length 1, got 2");
    fails(() => binaryCrossEntropyWithLogits([Number.NaN], [1]), "logits must be finite, got NaN at 0");
    fails(() => binaryCrossEntropyWithLogits([-Infinity], [1]), "logits must be finite, got -Infinity at 0");
    fails(
      () => binaryCrossEntropyWithLogits([0, 0], [1, 1.5]),
      "targets[1] must be a finite number in [0, 1], got 1.5",
    );
    fails(() => binaryCrossEntropyWithLogits([0], [-0.5]), "targets[0] must be a finite number in [0, 1], got -0.5");
    fails(
      () => binaryCrossEntropyWithLogits([0], [1], { reduction: "none" as never }),
      "reduction must be one of 'mean', 'sum', got 'none'",
    );
  });
});

describe("softmaxRegression", () => {
  const x = logitsOf(31, 12, 3, 1);
  const y = labelsOf(31, 12, 4);

  test("each step is the gradient step of its loss, by central differences", () => {
    for (const intercept of [true, false]) {
      const states = [...softmaxRegressionSteps(x, y, { lr: 0.7, steps: 3, classes: 4, intercept })];
      expect(states.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
      /** mean loss with the constants as a fourth row of W */
      const lossAt = (parameters: Matrix) => {
        const [W, b] = [toRows(parameters).slice(0, 3), toRows(parameters)[3]!];
        return crossEntropy(
          matrix(toRows(x).map((xi) => b.map((bk, k) => bk + sum(xi.map((v, j) => v * W[j]![k]!))))),
          y,
        ).loss;
      };
      for (let t = 0; t < 3; t++) {
        const here = matrix([...toRows(states[t]!.weights), states[t]!.intercept]);
        const next = [...rowMajor(states[t + 1]!.weights), ...states[t + 1]!.intercept];
        const slope = centralDifferences(here, lossAt).data;
        expect(lossAt(here)).toBeCloseTo(states[t]!.loss, 14);
        expectClose(
          next,
          here.data.map((value, at) => (at < 12 || intercept ? value - 0.7 * slope[at]! : value)),
          1e-8,
        );
      }
    }
  });

  test("the loss falls; the run equals the last state; defaults; the states are independent of each other", () => {
    const states = [...softmaxRegressionSteps(x, y)];
    const run = softmaxRegression(x, y, { lr: 0.1, steps: 100, intercept: true, classes: Math.max(...y) + 1 });
    expect(states).toHaveLength(101);
    expect([...run.losses]).toEqual(states.map(({ loss }) => loss));
    for (let t = 1; t <= 100; t++) expect(run.losses[t]!).toBeLessThan(run.losses[t - 1]!);
    expect(toRows(run.weights)).toEqual(toRows(states[100]!.weights));
    expect([...run.intercept]).toEqual([...states[100]!.intercept]);
    expect(run.step).toBe(100);
    expect([...rowMajor(states[0]!.weights), ...states[0]!.intercept]).toEqual(Array(16).fill(0));
    expect(softmaxRegression(x, new Int32Array(12), { steps: 1 }).weights.shape).toEqual([3, 2]);
  });

  test("strided samples; inputs unchanged", () => {
    const columns = matrix(toRows(transpose(x)));
    const before = [...columns.data];
    expect(softmaxRegression(transpose(columns), y, { steps: 5 }).loss).toBe(
      softmaxRegression(x, y, { steps: 5 }).loss,
    );
    expect([...columns.data]).toEqual(before);
  });

  test("errors", () => {
    const fails = (run: () => unknown, message: string) =>
      expect(run).toThrow(new RangeError(`softmaxRegression: ${message}`));
    fails(() => softmaxRegression(x, y, { lr: 0 }), "lr must be a finite number in (0, Infinity), got 0");
    fails(() => softmaxRegression(x, y, { lr: Number.NaN }), "lr must be a finite number in (0, Infinity), got NaN");
    fails(() => softmaxRegression(x, y, { steps: -1 }), "steps must be an integer at least 0, got -1");
    fails(() => softmaxRegression(x, y, { classes: 1 }), "classes must be an integer at least 2, got 1");
    fails(() => softmaxRegression(x, [0, 1]), "labels must have length 12, got 2");
    fails(
      () =>
        softmaxRegression(
          x,
          y.map((label) => label + 1),
          { classes: 4 },
        ),
      `labels[${y.indexOf(3)}] must be an integer in [0, 3], got 4`,
    );
    fails(
      () =>
        softmaxRegression(
          x,
          [...y].map((label, i) => (i === 3 ? 1.5 : label)),
        ),
      "labels[3] must be an integer in [0, 3], got 1.5",
    );
    fails(() => softmaxRegression(shaped(1, [1, 2]), [0, 1.5]), "labels[1] must be an integer in [0, 1], got 1.5");
    fails(() => softmaxRegression(matrix([[Number.NaN]]), [0]), "x must be finite, got NaN at (0, 0)");
    expect(() => softmaxRegression([[1]] as never, [0])).toThrow(
      new TypeError("softmaxRegression: x must be a rank-2 ndarray of Float64Array, got Array"),
    );
    expect(() => softmaxRegression(shaped(1, [1e300, -1e300]), [0, 1], { lr: 1e300 })).toThrow(
      "crossEntropy: logits must be finite or -Infinity, got",
    );
  });
});

describe("the worked case and the examples", () => {
  test("logits ln 6, ln 3, ln 1 with label 1", () => {
    const { loss, gradient, probabilities, logZ } = crossEntropy(matrix([[log(6), log(3), 0]]), [1]);
    expectClose(probabilities.data, [0.6, 0.3, 0.1], 1e-15);
    expectClose(gradient.data, [0.6, -0.7, 0.1], 1e-15);
    expect(logZ[0]).toBeCloseTo(log(10), 14);
    expect(logZ[0]!.toFixed(6)).toBe("2.302585");
    expect(loss).toBeCloseTo(-log(0.3), 14);
    expect(loss).toBeCloseTo(1.203973, 6);
    expectClose(
      softmaxHessian([0.6, 0.3, 0.1]).data,
      [0.24, -0.18, -0.06, -0.18, 0.21, -0.03, -0.06, -0.03, 0.09],
      1e-15,
    );
  });

  test("docstrings", () => {
    expect(logSumExp([log(6), log(3), 0])).toBeCloseTo(Math.LN10, 14);
    expectClose(softmax([log(6), log(3), 0]), [0.6, 0.3, 0.1], 1e-15);
    expect([...logSoftmax([0, -1000])]).toEqual([0, -1000]);
    expect(toRows(softmaxHessian([0.5, 0.5]))).toEqual([
      [0.25, -0.25],
      [-0.25, 0.25],
    ]);
    expect(binaryCrossEntropyWithLogits([-1000], [1]).loss).toBe(1000);
    const losses = [...softmaxRegressionSteps(shaped(1, [1, -1]), [0, 1], { steps: 2 })].map(({ loss }) => loss);
    // by hand: the columns of W are ∓c with c = 0, then 0.05, then 0.05 + 0.1·σ(−0.1); the loss is ln(1 + e⁻²ᶜ)
    const c = 0.05 + 0.1 / (1 + exp(0.1));
    expectClose(losses, [Math.LN2, log1p(exp(-0.1)), log1p(exp(-2 * c))], 1e-15);
    expect(losses.map((loss) => loss.toFixed(4))).toEqual(["0.6931", "0.6444", "0.6004"]);
    expect(softmaxRegression(shaped(1, [1, -1]), [0, 1], { steps: 2 }).loss).toBeCloseTo(0.6004, 4);
  });
});

interface Reduced {
  readonly loss: number;
  readonly gradient: number[][];
}

interface Fixture {
  readonly crossEntropy: readonly {
    readonly name: string;
    readonly logits: number[][];
    readonly targets: number[] | number[][];
    readonly options: { weight?: number[]; ignore_index?: number; label_smoothing?: number };
    readonly losses: number[];
    readonly mean: Reduced;
    readonly sum: Reduced;
  }[];
  readonly softmax: readonly {
    readonly logits: number[];
    readonly temperature: number;
    readonly logSumExp: number;
    readonly softmax: number[];
    readonly logSoftmax: number[];
  }[];
  readonly binaryCrossEntropyWithLogits: {
    readonly logits: number[];
    readonly targets: number[];
    readonly losses: number[];
    readonly mean: number;
    readonly gradientOfSum: number[];
    readonly sigmoid: number[];
  };
  readonly logSumExpHessian: readonly {
    readonly logits: number[];
    readonly softmax: number[];
    readonly hessian: number[][];
    readonly eigenvalues: number[];
  }[];
  readonly softmaxRegression: readonly {
    readonly data: "iris" | "digits";
    readonly dividedBy: number;
    readonly lr: number;
    readonly steps: number;
    readonly losses: number[];
    readonly weights: number[][];
    readonly intercept: number[];
  }[];
  readonly separable: { readonly hardMarginWeights: number[]; readonly normAfterSteps: Record<string, number> };
  readonly expLimits: Record<
    "float64" | "float32" | "float16",
    { readonly expOverflowsAbove: number; readonly expUnderflowsBelow: number }
  >;
}

describe("PyTorch and SciPy, in float64", () => {
  const fixture = oracle<Fixture>();
  const isSoft = (targets: number[] | number[][]): targets is number[][] => Array.isArray(targets[0]);
  /** equal to 1e-13 relative, or absolute below 1: a few roundings of sums of at most 64 terms */
  const expectNear = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
    expectClose(actual, expected, 1e-13 * Math.max(1, ...Array.from(expected, abs).filter(Number.isFinite)));

  test.each(fixture.crossEntropy)(
    "F.cross_entropy: $name",
    ({ name, logits, targets, options, losses, ...reduced }) => {
      for (const reduction of ["mean", "sum"] as const) {
        const ours = crossEntropy(matrix(logits), isSoft(targets) ? matrix(targets) : targets, {
          ...(options.weight && { weights: options.weight }),
          ...(options.ignore_index !== undefined && { ignoreIndex: options.ignore_index }),
          ...(options.label_smoothing !== undefined && { labelSmoothing: options.label_smoothing }),
          reduction,
          allowUnnormalised: name === "targets of other mass",
        });
        if (name === "masked class, probabilities") {
          expect([...losses, reduced[reduction].loss]).toEqual([Number.NaN, Number.NaN]); // theirs: 0·∞; ours takes it as 0
          expect(ours.loss).toBeCloseTo(definition([1, 0.5], [0.25, 0.75]), 15);
          expectNear(ours.gradient.data, reduced[reduction].gradient.flat());
          continue;
        }
        expectNear(ours.losses, losses);
        if (name === "nearly certain") {
          expect([abs(reduced[reduction].loss), ours.loss]).toEqual([0, log1p(exp(-40))]); // theirs rounds 1 + e⁻⁴⁰
        }
        if (name === "everything ignored" && reduction === "mean") {
          expect(reduced.mean.loss).toBeNaN(); // theirs: 0/0; ours is documented as 0
          expect(ours.loss).toBe(0);
          continue;
        }
        expectNear([ours.loss], [reduced[reduction].loss]);
        expectNear(ours.gradient.data, reduced[reduction].gradient.flat());
      }
    },
  );

  test.each(fixture.softmax)("logsumexp, softmax, log_softmax of $logits at $temperature", (expected) => {
    const { logits, temperature } = expected;
    const z = logits.map((value) => value / temperature);
    expectNear([logSumExp(z)], [expected.logSumExp]);
    expectNear(softmax(logits, { temperature }), expected.softmax);
    expectNear(logSoftmax(z), expected.logSoftmax);
  });

  test("SciPy's log_softmax gives 0 where ours keeps e⁻⁴⁰", () => {
    const theirs = fixture.softmax.find(({ logits }) => logits.join() === "40,0,-40")!;
    expect(abs(theirs.logSoftmax[0]!)).toBe(0);
    expect(logSoftmax(theirs.logits)[0]! / -exp(-40)).toBeCloseTo(1, 14);
  });

  test("binary_cross_entropy_with_logits", () => {
    const { logits, targets, ...expected } = fixture.binaryCrossEntropyWithLogits;
    const total = binaryCrossEntropyWithLogits(logits, targets, { reduction: "sum" });
    expectNear(total.losses, expected.losses);
    expectNear(total.gradient, expected.gradientOfSum);
    // relative, so that the smallest keep their digits: three roundings
    total.probabilities.forEach((p, i) => {
      expect(abs(p - expected.sigmoid[i]!)).toBeLessThanOrEqual(4 * Number.EPSILON * expected.sigmoid[i]!);
    });
    expectNear([binaryCrossEntropyWithLogits(logits, targets).loss], [expected.mean]);
  });

  test("the Hessian by automatic differentiation", () => {
    for (const { logits, hessian } of fixture.logSumExpHessian) {
      expectNear(softmaxHessian(softmax(logits)).data, hessian.flat());
    }
  });

  test.each(fixture.softmaxRegression)("softmax regression on $data: losses and weights", (expected) => {
    const { x, target } = expected.data === "iris" ? loadIris() : loadDigits();
    const [n, d] = x.shape as [number, number];
    const entries = rowMajor(x).map((value) => value / expected.dividedBy);
    const ours = softmaxRegression(matrixOver(entries, n, d), target, { lr: expected.lr, steps: expected.steps });
    expectNear(ours.losses, expected.losses);
    // 50 steps carry the roundings of sums over up to 1797 samples
    expectClose(rowMajor(ours.weights), expected.weights.flat(), 1e-12);
    expectClose(ours.intercept, expected.intercept, 1e-12);
  });

  test("the separable points: hard margin and norms; the limits of exp", () => {
    expect(fixture.separable.hardMarginWeights).toEqual([1, 0]);
    const options = { lr: 0.5, steps: 10_000, intercept: false };
    const { weights } = softmaxRegression(SEPARABLE.x, SEPARABLE.y, options);
    const norm = Math.hypot(weights.get(0, 1) - weights.get(0, 0), weights.get(1, 1) - weights.get(1, 0));
    expect(norm).toBeCloseTo(fixture.separable.normAfterSteps["10000"]!, 11); // 10⁴ steps of one rounding each
    const { float64, float32, float16 } = fixture.expLimits;
    expect(float64.expOverflowsAbove).toBeCloseTo(709.7827, 4);
    expect(float64.expUnderflowsBelow).toBeCloseTo(-745.1332, 4);
    expect(float32.expOverflowsAbove).toBeCloseTo(88.7228, 4);
    expect(float16.expOverflowsAbove).toBeCloseTo(11.09, 3);
  });
});

describe("figures say what is computed", () => {
  const titleOf = (spec: object) => (spec as { title: { text: string } }).title.text;

  test("logits (1.8, 1.1, 0), label 1; the temperature divides logits and gradient", () => {
    const share = exp(1.1) / (exp(1.8) + exp(1.1) + 1);
    expect(titleOf(lossAndGradient.draw())).toBe(`Loss ${(-log(share)).toFixed(2)} = −ln ${share.toFixed(3)}`);
    const e = [exp(0.9), exp(0.55), 1]; // at temperature 2
    const slopes = e.map((value, k) => (value / sum(e) - (k === 1 ? 1 : 0)) / 2);
    const said = slopes.map((slope) => String(Number(slope.toPrecision(3))).replace("-", "−")).join(", ");
    expect(lossAndGradient.draw({ temperature: 2 }).description).toContain(`the gradient ${said}.`);
  });

  test("sigmoid at −10", () => {
    expect(titleOf(squaredErrorVersusCrossEntropy.draw())).toBe("At z = −10: gradient 1 against 4.54e−5");
  });

  test("the norm is that of the last step, whatever steps are drawn", () => {
    const norm = oracle<Fixture>().separable.normAfterSteps["3000"]!;
    expect(titleOf(separableNorm.draw())).toMatch(
      new RegExp(`^After 3000 steps: norm ${norm.toFixed(2)}, 8\\.27° off`),
    );
    expect(titleOf(separableNorm.draw({ steps: 100 }))).toMatch(/^After 100 steps: /);
  });
});

describe("TensorFlow.js, in float32", () => {
  const [n, K] = [6, 4];
  const z = logitsOf(41, n, K);
  const labels = labelsOf(41, n, K);

  withTensorFlow("softmaxCrossEntropy: mean and gradient, smoothed or not", (tf) => {
    for (const labelSmoothing of [0, 0.1]) {
      tf.tidy(() => {
        const y = tf.oneHot(tf.tensor1d(labels, "int32"), K);
        const f = (a: InstanceType<TensorFlow["Tensor"]>) =>
          tf.losses.softmaxCrossEntropy(y, a, undefined, labelSmoothing).asScalar();
        const { value, grad } = tf.valueAndGrad(f)(tf.tensor2d(toRows(z)));
        const ours = crossEntropy(z, labels, { labelSmoothing });
        // float32 has 7 digits, the losses are up to 10
        expect(abs(ours.loss - value.dataSync()[0]!)).toBeLessThan(2e-6);
        expectClose(ours.gradient.data, grad.dataSync(), 1e-6);
      });
    }
  });

  withTensorFlow("its weights are per row and the mean divides by the rows of non-zero weight", (tf) => {
    tf.tidy(() => {
      const { z, y, w } = WEIGHTED;
      const rowWeights = tf.tensor1d([...y].map((label) => w[label]!));
      const theirs = tf.losses.softmaxCrossEntropy(
        tf.oneHot(tf.tensor1d(y, "int32"), 3),
        tf.tensor2d(toRows(z)),
        rowWeights,
      );
      expect(theirs.dataSync()[0]).toBeCloseTo(0.51464, 5);
    });
  });

  withTensorFlow("sigmoidCrossEntropy, logSumExp, softmax", (tf) => {
    tf.tidy(() => {
      const [logits, y] = [
        [-30, -2, 0.5, 3],
        [1, 0, 1, 1],
      ];
      const theirs = tf.losses.sigmoidCrossEntropy(tf.tensor1d(y), tf.tensor1d(logits)).dataSync()[0]!;
      expect(abs(binaryCrossEntropyWithLogits(logits, y).loss / theirs - 1)).toBeLessThan(1e-6);
      const tensor = tf.tensor2d(toRows(z));
      const { logZ, probabilities } = crossEntropy(z, labels);
      expectClose(logZ, tensor.logSumExp(1).dataSync(), 2e-6);
      expectClose(probabilities.data, tensor.softmax().dataSync(), 1e-6);
    });
  });
});
