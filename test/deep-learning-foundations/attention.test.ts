import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mul, sum } from "../../src/autodiff/ops.js";
import {
  type AttentionOptions,
  additiveAttention,
  attention,
  attentionCost,
  attentionGradients,
  attentionSteps,
  causalBias,
  MaskedRowError,
  multiplicativeAttention,
  scaledDotProductAttention,
} from "../../src/demos/deep-learning-foundations/attention.js";
import {
  fromMatrix,
  grad,
  type Tensor,
  tensor,
  toMatrix,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { applyRope } from "../../src/demos/llm-internals/rotary-position-embeddings.js";
import { type Matrix, matrix, matrixOver, maxAbsDifference, row, rowMajor, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("deep-learning-foundations/attention");

function normals(seed: number, rows: number, columns: number, scale = 1): Matrix {
  const { normal } = random(seed);
  return matrixOver(
    Float64Array.from({ length: rows * columns }, () => scale * normal()),
    rows,
    columns,
  );
}

const rowsAt = (a: Matrix, order: ArrayLike<number>) => matrix(Array.from(order, (i) => row(a, i)));
const sizes = fc.record({
  seed: fc.nat(999),
  n: fc.integer({ min: 1, max: 6 }),
  m: fc.integer({ min: 1, max: 7 }),
  d: fc.integer({ min: 1, max: 5 }),
  dv: fc.integer({ min: 1, max: 4 }),
});
const made = ({ seed, n, m, d, dv }: { seed: number; n: number; m: number; d: number; dv: number }) =>
  [normals(seed, n, d), normals(seed + 1, m, d), normals(seed + 2, m, dv)] as const;

interface Case {
  readonly q: number[][];
  readonly k: number[][];
  readonly v: number[][];
  readonly dOutput: number[][];
  readonly options: { causal?: boolean; scale?: number; mask?: number[][] };
  readonly output: number[][];
  readonly dQ: number[][];
  readonly dK: number[][];
  readonly dV: number[][];
}
interface Fixture {
  readonly cases: readonly Case[];
  readonly scores: Record<"keys" | "values" | "W" | "Wq" | "Wk", number[][]> &
    Record<"q" | "v" | "additive" | "multiplicative", number[]>;
}
const optionsOf = ({ mask, ...rest }: Case["options"]): AttentionOptions => ({
  ...rest,
  ...(mask && { mask: matrix(mask) }),
});

/** e to the entropy of a distribution: how many keys it is spread over. */
const perplexity = (p: ArrayLike<number>) =>
  Math.exp(-Array.from(p).reduce((s, v) => s + (v > 0 ? v * Math.log(v) : 0), 0));

claim("scores-have-variance-d", () => {
  const [d, keys, queries] = [512, 64, 2000];
  const K = normals(1, keys, d);
  const Q = normals(2, queries, d);
  const V = normals(3, keys, 1);
  const scaled = scaledDotProductAttention(Q, K, V);
  const raw = scaledDotProductAttention(Q, K, V, { scale: 1 });
  const variance = (a: Matrix) => a.data.reduce((s, v) => s + v * v, 0) / a.size; // of mean 0
  expect(variance(raw.scores) / d).toBeCloseTo(1, 1); // 64 keys: their lengths vary by some percent
  expect(variance(scaled.scores)).toBeCloseTo(1, 1);
  const average = (weights: Matrix, of: (p: Float64Array) => number) =>
    Array.from({ length: queries }, (_, i) => of(row(weights, i))).reduce((a, b) => a + b) / queries;
  const largest = (p: Float64Array) => p.reduce((a, b) => Math.max(a, b));
  expect(Math.abs(average(raw.weights, largest) - 0.93)).toBeLessThan(0.02);
  expect(Math.abs(average(scaled.weights, largest) - 0.106)).toBeLessThan(0.02);
  expect(Math.abs(average(raw.weights, perplexity) - 1.25)).toBeLessThan(0.1);
  expect(Math.abs(average(scaled.weights, perplexity) - 40.3)).toBeLessThan(1.5);
});

claim("order-does-not-matter", () => {
  fc.assert(
    fc.property(sizes, (size) => {
      const [Q, K, V] = made(size);
      const { permutation } = random(size.seed);
      const [keys, queries] = [permutation(size.m), permutation(size.n)];
      const { output } = scaledDotProductAttention(Q, K, V);
      expect(
        maxAbsDifference(scaledDotProductAttention(Q, rowsAt(K, keys), rowsAt(V, keys)).output, output),
      ).toBeLessThan(1e-12);
      expect(
        maxAbsDifference(scaledDotProductAttention(rowsAt(Q, queries), K, V).output, rowsAt(output, queries)),
      ).toBeLessThan(1e-12);
    }),
  );
});

claim("outputs-lie-among-the-values", () => {
  fc.assert(
    fc.property(sizes, (size) => {
      const [Q, K, V] = made(size);
      const { output, weights } = scaledDotProductAttention(Q, K, V);
      for (let i = 0; i < size.n; i++) {
        expect(row(weights, i).every((p) => p >= 0)).toBe(true);
        expect(row(weights, i).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
        for (let c = 0; c < size.dv; c++) {
          const column = Array.from({ length: size.m }, (_, j) => V.get(j, c));
          expect(output.get(i, c)).toBeGreaterThanOrEqual(Math.min(...column) - 1e-12);
          expect(output.get(i, c)).toBeLessThanOrEqual(Math.max(...column) + 1e-12);
        }
      }
    }),
  );
});

claim("a-shift-of-all-keys-changes-nothing", () => {
  fc.assert(
    fc.property(sizes, (size) => {
      const [Q, K, V] = made(size);
      const c = normals(size.seed + 9, 1, size.d, 3);
      const shifted = matrix(toRows(K).map((key) => key.map((value, j) => value + c.get(0, j))));
      expect(
        maxAbsDifference(scaledDotProductAttention(Q, shifted, V).output, scaledDotProductAttention(Q, K, V).output),
      ).toBeLessThan(1e-12);
    }),
  );
  // not so with rotary positions: the shift is rotated with each key and is no longer the same vector
  const positions = [0, 1, 2, 3, 4];
  const [q, k] = [normals(1, 5, 4), normals(2, 5, 4)];
  const rotated = (keys: Matrix) =>
    scaledDotProductAttention(applyRope(q, positions), applyRope(keys, positions), normals(3, 5, 2)).output;
  const lifted = matrix(toRows(k).map((key) => key.map((value) => value + 1)));
  expect(maxAbsDifference(rotated(lifted), rotated(k))).toBeGreaterThan(0.1);
  // so the bias of a key projection has no gradient: the sum of dK over the keys is 0
  const [Q, K, V] = made({ seed: 4, n: 5, m: 6, d: 3, dv: 4 });
  const { dK } = attentionGradients(Q, K, V, normals(8, 5, 4));
  for (let j = 0; j < 3; j++) {
    expect(Math.abs(Array.from({ length: 6 }, (_, i) => dK.get(i, j)).reduce((a, b) => a + b))).toBeLessThan(1e-14);
  }
});

claim("keys-of-one-length-make-a-kernel-regression", () => {
  const [n, m, d] = [4, 7, 3];
  const raw = toRows(normals(1, m, d));
  const K = matrix(raw.map((key) => key.map((v) => (1.3 * v) / Math.hypot(...key))));
  const [Q, V, scale] = [normals(2, n, d), normals(3, m, 2), 0.8];
  const nadarayaWatson = (keys: Matrix, factor: (key: Float64Array) => number) =>
    matrix(
      Array.from({ length: n }, (_, i) => {
        const kernel = Array.from({ length: m }, (_, j) => {
          const [q, k] = [row(Q, i), row(keys, j)];
          return factor(k) * Math.exp((-scale / 2) * q.reduce((s, v, c) => s + (v - k[c]!) ** 2, 0)); // variance 1/scale
        });
        const total = kernel.reduce((a, b) => a + b);
        return [0, 1].map((c) => kernel.reduce((s, w, j) => s + w * V.get(j, c), 0) / total);
      }),
    );
  expect(
    maxAbsDifference(
      scaledDotProductAttention(Q, K, V, { scale }).output,
      nadarayaWatson(K, () => 1),
    ),
  ).toBeLessThan(1e-12);
  // otherwise each key carries exp(s·|k|²/2) more
  const any = matrix(raw);
  const length = (k: Float64Array) => Math.exp((scale / 2) * k.reduce((s, v) => s + v * v, 0));
  const { output } = scaledDotProductAttention(Q, any, V, { scale });
  expect(maxAbsDifference(output, nadarayaWatson(any, length))).toBeLessThan(1e-12);
  expect(
    maxAbsDifference(
      output,
      nadarayaWatson(any, () => 1),
    ),
  ).toBeGreaterThan(0.1);
});

claim("a-lookup-needs-beta-ln-99-n", () => {
  for (const N of [4, 100]) {
    const K = matrix(Array.from({ length: N }, (_, j) => Array.from({ length: N }, (_, c) => (c === j ? 1 : 0))));
    const weight = (beta: number) => {
      const q = matrix([Array.from({ length: N }, (_, c) => (c === 1 ? beta : 0))]);
      return scaledDotProductAttention(q, K, matrix(Array.from({ length: N }, () => [0])), { scale: 1 }).weights.get(
        0,
        1,
      );
    };
    for (const beta of [0, 1, 5]) expect(weight(beta)).toBeCloseTo(Math.exp(beta) / (Math.exp(beta) + N - 1), 12);
    const needed = Math.log(99 * (N - 1));
    expect(weight(needed)).toBeCloseTo(0.99, 12);
    expect(weight(needed - 0.01)).toBeLessThan(0.99);
  }
  expect(Math.log(99 * 99).toFixed(2)).toBe("9.19");
  expect(Math.log(99 * 999).toFixed(1)).toBe("11.5");
});

claim("quadratic-part-beyond-two-d", () => {
  const d = 64;
  const exceeds = (n: number) => {
    const { scores, values, projections } = attentionCost({ n, d });
    expect(projections).toBe(8 * n * d * d);
    return scores + values > projections;
  };
  expect([exceeds(2 * d), exceeds(2 * d + 1)]).toEqual([false, true]);
  expect(attentionCost({ n: 10, m: 7, d: 3 })).toMatchObject({ scores: 420, values: 420, scoreEntries: 70 });
  // causal: of n² pairs n(n + 1)/2 are used
  const n = 12;
  const used = scaledDotProductAttention(normals(1, n, 2), normals(2, n, 2), normals(3, n, 1), { causal: true });
  expect(used.weights.data.filter((p) => p > 0)).toHaveLength((n * (n + 1)) / 2);
});

claim("causal-gradients-do-not-look-ahead", () => {
  const n = 5;
  const [Q, K, V] = made({ seed: 2, n, m: n, d: 3, dv: 2 });
  for (let i = 0; i < n; i++) {
    const only = matrix(Array.from({ length: n }, (_, r) => (r === i ? [1, -2] : [0, 0])));
    const { dK, dV } = attentionGradients(Q, K, V, only, { causal: true });
    for (let j = i + 1; j < n; j++) {
      expect(
        [...row(dK, j), ...row(dV, j)].every((g) => g === 0),
        `${i}, ${j}`,
      ).toBe(true);
    }
    expect(row(dV, i).some((g) => g !== 0)).toBe(true);
  }
});

claim("closed-form-gradients-agree", () => {
  for (const { q, k, v, dOutput, options, ...expected } of oracle<Fixture>().cases) {
    const [Q, K, V, dO] = [q, k, v, dOutput].map((rows) => matrix(rows)) as [Matrix, Matrix, Matrix, Matrix];
    const given = optionsOf(options);
    expect(maxAbsDifference(scaledDotProductAttention(Q, K, V, given).output, matrix(expected.output))).toBeLessThan(
      1e-13,
    );
    const gradients = attentionGradients(Q, K, V, dO, given);
    for (const name of ["dQ", "dK", "dV"] as const) {
      expect(maxAbsDifference(gradients[name], matrix(expected[name])), name).toBeLessThan(1e-12);
    }
    // the engine, and central differences
    const bias = tensor(
      Float64Array.from({ length: q.length * k.length }, (_, at) => {
        const [i, j] = [Math.floor(at / k.length), at % k.length];
        const seen = (!options.causal || j <= i + k.length - q.length) && (!options.mask || options.mask[i]![j] !== 0);
        return seen ? 0 : -Infinity;
      }),
      [q.length, k.length],
    );
    const loss = (p: Record<"Q" | "K" | "V", Tensor>) =>
      sum(
        mul(
          attention(p.Q, p.K, p.V, { bias, ...(options.scale && { scale: options.scale }) }),
          fromMatrix(dO, "float64"),
        ),
      );
    const engine = grad(loss)({
      Q: fromMatrix(Q, "float64"),
      K: fromMatrix(K, "float64"),
      V: fromMatrix(V, "float64"),
    });
    expect(maxAbsDifference(toMatrix(engine.Q), gradients.dQ)).toBeLessThan(1e-12);
    expect(maxAbsDifference(toMatrix(engine.K), gradients.dK)).toBeLessThan(1e-12);
    expect(maxAbsDifference(toMatrix(engine.V), gradients.dV)).toBeLessThan(1e-12);
    const score = () =>
      rowMajor(scaledDotProductAttention(Q, K, V, given).output).reduce((s, y, at) => s + y * dO.data[at]!, 0);
    for (const [of, slope] of [
      [Q, gradients.dQ],
      [K, gradients.dK],
      [V, gradients.dV],
    ] as const) {
      for (let at = 0; at < of.size; at++) {
        const value = of.data[at]!;
        of.data[at] = value + 1e-5;
        const up = score();
        of.data[at] = value - 1e-5;
        const down = score();
        of.data[at] = value;
        expect(Math.abs((up - down) / 2e-5 - slope.data[at]!)).toBeLessThan(1e-6);
      }
    }
  }
});

claim("weights-are-not-explanations", () => {
  // Two keys with the same value share their weight in any way without changing the output.
  const [K, V] = [
    matrix([
      [3, 0],
      [0, 3],
      [-1, -1],
    ]),
    matrix([[7], [7], [1]]),
  ];
  const [a, b] = [
    [1, 0],
    [0, 1],
  ].map((q) => scaledDotProductAttention(matrix([q]), K, V, { scale: 1 }));
  expect(Math.abs(a!.weights.get(0, 0) - b!.weights.get(0, 0))).toBeGreaterThan(0.8);
  expect(a!.output.get(0, 0)).toBeCloseTo(b!.output.get(0, 0), 12);
  // and weights sum to 1 even where nothing fits: equal scores average everything
  const flat = scaledDotProductAttention(matrix([[0, 0]]), K, V);
  expect(flat.output.get(0, 0)).toBeCloseTo(5, 12);
});

test("the score functions of Bahdanau and of Luong", () => {
  const { q, keys, values, W, Wq, Wk, v, additive, multiplicative } = oracle<Fixture>().scores;
  const [K, V] = [matrix(keys), matrix(values)];
  const bahdanau = additiveAttention(q, K, V, { Wq: matrix(Wq), Wk: matrix(Wk), v });
  bahdanau.output.forEach((y, i) => {
    expect(y).toBeCloseTo(additive[i]!, 12);
  });
  const luong = multiplicativeAttention(q, K, V, { W: matrix(W) });
  luong.output.forEach((y, i) => {
    expect(y).toBeCloseTo(multiplicative[i]!, 12);
  });
  expect(luong.weights.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
});

test("the steps end in the row of the whole", () => {
  const [Q, K, V] = made({ seed: 5, n: 3, m: 6, d: 4, dv: 2 });
  const whole = scaledDotProductAttention(Q, K, V);
  const steps = [...attentionSteps(row(Q, 1), K, V)];
  expect(steps.map(({ stage }) => stage)).toEqual(["score", "max", "exp", "normalise", "accumulate"]);
  const { output, weights, scores, max } = steps.at(-1)!;
  expect(Math.max(...steps[2]!.weights)).toBe(1);
  expect(max).toBe(Math.max(...scores));
  [
    [output, whole.output],
    [weights, whole.weights],
    [scores, whole.scores],
  ].forEach(([mine, theirs]) => {
    (mine as Float64Array).forEach((value, i) => {
      expect(value).toBeCloseTo((theirs as Matrix).get(1, i), 12);
    });
  });
});

describe("on tensors", () => {
  test("a batch is its members; the causal bias is the causal mask", () => {
    const [b, n, d] = [3, 5, 4];
    const parts = Array.from({ length: b }, (_, i) => made({ seed: i, n, m: n, d, dv: d }));
    const stacked = [0, 1, 2].map((which) =>
      tensor(Float64Array.from(parts.flatMap((part) => [...part[which]!.data])), [b, n, d]),
    );
    expect(Array.from(causalBias(2, 4).data)).toEqual([0, 0, 0, -Infinity, 0, 0, 0, 0]); // the last query sees all keys
    const y = attention(stacked[0]!, stacked[1]!, stacked[2]!, { bias: causalBias(n, n, "float64") });
    parts.forEach(([Q, K, V], i) => {
      const { output } = scaledDotProductAttention(Q, K, V, { causal: true });
      expect(
        maxAbsDifference(matrixOver(Float64Array.from(y.data.slice(i * n * d, (i + 1) * n * d)), n, d), output),
      ).toBeLessThan(1e-13);
    });
  });
});

withTensorFlow("softmax(QKᵀ/√d)V written in TensorFlow.js agrees to 1e-5 (float32 there)", (tf) => {
  const [Q, K, V] = made({ seed: 3, n: 4, m: 6, d: 5, dv: 3 });
  const [q, k, v] = [Q, K, V].map((a) => tf.tensor2d(toRows(a)));
  const theirs = tf.matMul(tf.softmax(tf.div(tf.matMul(q!, k!, false, true), Math.sqrt(5))), v!).dataSync();
  const { output } = scaledDotProductAttention(Q, K, V);
  output.data.forEach((value, i) => {
    expect(Math.abs(value - theirs[i]!)).toBeLessThan(1e-5);
  });
});

describe("bad input and extremes", () => {
  const [Q, K, V] = made({ seed: 1, n: 2, m: 3, d: 4, dv: 2 });
  test.each<readonly [string, () => unknown]>([
    [
      "scaledDotProductAttention: Q and K must have as many columns, got 4 and 3",
      () => scaledDotProductAttention(Q, normals(1, 3, 3), V),
    ],
    [
      "scaledDotProductAttention: K and V must have as many rows, got 3 and 5",
      () => scaledDotProductAttention(Q, K, normals(1, 5, 2)),
    ],
    [
      "scaledDotProductAttention: mask must be 2×3, got 3×2",
      () => scaledDotProductAttention(Q, K, V, { mask: normals(1, 3, 2) }),
    ],
    [
      "scaledDotProductAttention: scale must be a finite number, got NaN",
      () => scaledDotProductAttention(Q, K, V, { scale: Number.NaN }),
    ],
    [
      "attentionGradients: dOutput must be 2×2 like the output, got 3×2",
      () => attentionGradients(Q, K, V, normals(1, 3, 2)),
    ],
    ["attentionCost: n must be an integer at least 1, got 0", () => attentionCost({ n: 0, d: 4 })],
    ["causalBias: m must be an integer at least 3, got 2", () => causalBias(3, 2)],
    [
      "scaledDotProductAttention: mask must hold 0 and 1, got -Infinity at (1, 0)",
      () =>
        scaledDotProductAttention(Q, K, V, {
          mask: matrix([
            [0, 0, 0],
            [-Infinity, 0, 0],
          ]),
        }),
    ],
    [
      "attentionGradients: mask must hold 0 and 1, got NaN at (0, 2)",
      () =>
        attentionGradients(Q, K, V, normals(1, 2, 2), {
          mask: matrix([
            [1, 1, Number.NaN],
            [1, 1, 1],
          ]),
        }),
    ],
    [
      "additiveAttention: v must have length 3, got 2",
      () => additiveAttention([1], K, V, { Wq: normals(1, 3, 1), Wk: normals(1, 3, 4), v: [1, 2] }),
    ],
    [
      "multiplicativeAttention: key must have length 5, got 4",
      () => multiplicativeAttention([1], K, V, { W: normals(1, 1, 5) }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("a query that may look at nothing is an error, or zeros where that is asked for", () => {
    const mask = matrix([
      [1, 0, 1],
      [0, 0, 0],
    ]);
    const body = () => scaledDotProductAttention(Q, K, V, { mask });
    expect(body).toThrow("scaledDotProductAttention: query 1 may look at none of the 3 keys");
    expect(body).toThrow(MaskedRowError);
    const { output, weights } = scaledDotProductAttention(Q, K, V, { mask, emptyRow: "zero" });
    expect([...row(output, 1), ...row(weights, 1)]).toEqual([0, 0, 0, 0, 0]);
    expect(weights.get(0, 1)).toBe(0);
  });

  test("scores of ±1e300 give a hard choice, beyond float64 an error", () => {
    const big = scaledDotProductAttention(matrix([[1e150]]), matrix([[1e150], [-1e150]]), matrix([[1], [2]]));
    expect(toRows(big.weights)).toEqual([[1, 0]]);
    expect(() => scaledDotProductAttention(matrix([[1e200]]), matrix([[1e200]]), matrix([[1]]))).toThrow(
      new RangeError("scaledDotProductAttention: the scores must be finite, got Infinity at (0, 0)"),
    );
  });

  test("inputs are unchanged", () => {
    const before = [Q, K, V].map((a) => a.data.slice());
    scaledDotProductAttention(Q, K, V, { causal: false });
    attentionGradients(Q, K, V, normals(1, 2, 2));
    expect([Q, K, V].map((a) => a.data)).toEqual(before);
  });
});
