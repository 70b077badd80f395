import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leastSquares, matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  alibiBias,
  alibiSlopes,
  learnedEncoding,
  type PositionScheme,
  positionedAttention,
  randomHead,
  sinusoidalEncoding,
  sinusoidalShift,
  t5RelativeBucket,
} from "../../src/demos/llm-internals/positional-encodings.js";
import { softmax } from "../../src/demos/training-fundamentals/cross-entropy-and-softmax.js";
import { type Matrix, matrix, matrixOver, maxAbsDifference, row, toRows, transpose } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("llm-internals/positional-encodings");

interface Fixture {
  readonly relative: readonly number[];
  readonly causal: readonly number[];
  readonly bidirectional: readonly number[];
  readonly small: readonly number[];
  readonly slopes: Readonly<Record<string, readonly number[]>>;
  readonly positions: readonly number[];
  readonly sinusoids: readonly (readonly number[])[];
}

function normals(seed: number, rows: number, columns: number): Matrix {
  return matrixOver(Float64Array.from({ length: rows * columns }, random(seed).normal), rows, columns);
}
const rowsAt = (a: Matrix, order: ArrayLike<number>) => matrix(Array.from(order, (i) => row(a, i)));
const [n, d] = [7, 8];
const head = randomHead(d, { seed: 3 });
const X = normals(1, n, d);

claim("attention-alone-sees-a-set", () => {
  fc.assert(
    fc.property(fc.nat(999), (seed) => {
      const order = random(seed).permutation(n);
      const options = { scheme: "none", causal: false } as const;
      const [plain, shuffled] = [X, rowsAt(X, order)].map((x) => positionedAttention(x, head, options).output);
      expect(maxAbsDifference(shuffled!, rowsAt(plain!, order))).toBeLessThan(1e-12);
    }),
  );
});

claim("causal-masks-leak-order-from-the-second-layer-on", () => {
  const order = [3, 0, 5, 1, 4, 2, 6]; // the last token stays
  const layer = (x: Matrix, seed: number) => {
    const { output } = positionedAttention(x, randomHead(d, { seed }), { scheme: "none" });
    return matrixOver(
      output.data.map((y, i) => y + x.data[i]!),
      n,
      d,
    ); // residual
  };
  const last = (x: Matrix) => row(x, n - 1);
  const difference = (a: Float64Array, b: Float64Array) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));
  const [one, shuffled] = [layer(X, 3), layer(rowsAt(X, order), 3)];
  expect(difference(last(one), last(shuffled))).toBeLessThan(1e-12);
  expect(difference(last(layer(one, 4)), last(layer(shuffled, 4)))).toBeGreaterThan(0.1);
});

claim("sinusoids-shift-by-a-rotation", () => {
  const dimension = 64;
  for (const k of [1, 3, 100]) {
    const R = sinusoidalShift(k, { dimension });
    for (const p of [0, 5, 977]) {
      const [from, to] = [p, p + k].map((at) => sinusoidalEncoding([at], { dimension }));
      expect(maxAbsDifference(matmul(from!, transpose(R)), to!)).toBeLessThan(1e-12);
    }
    expect(
      maxAbsDifference(
        matmul(R, transpose(R)),
        matrix(Array.from({ length: 64 }, (_, i) => Array.from({ length: 64 }, (_, j) => (i === j ? 1 : 0)))),
      ),
    ).toBeLessThan(1e-12);
  }
  const dot = (p: number, q: number) => {
    const [a, b] = [p, q].map((at) => row(sinusoidalEncoding([at], { dimension }), 0));
    return a!.reduce((sum, v, i) => sum + v * b![i]!, 0);
  };
  for (const p of [0, 11, 400]) {
    expect(dot(p, p)).toBeCloseTo(32, 10);
    expect(dot(p, p + 3).toFixed(3)).toBe("25.587");
    if (p > 3) expect(dot(p, p - 3)).toBeCloseTo(dot(p, p + 3), 10);
  }
  // and least squares finds that rotation from the encodings alone
  const some = Array.from({ length: 40 }, (_, p) => p);
  const small = (shift: number) =>
    sinusoidalEncoding(
      some.map((p) => p + shift),
      { dimension: 6 },
    );
  const found = Array.from(
    { length: 6 },
    (_, c) =>
      leastSquares(
        small(0),
        Float64Array.from(some, (_, p) => small(2).get(p, c)),
      ).solution,
  );
  expect(maxAbsDifference(matrix(found), sinusoidalShift(2, { dimension: 6 }))).toBeLessThan(1e-8);
});

claim("t5-buckets-are-the-published-ones", () => {
  const { relative, causal, bidirectional, small } = oracle<Fixture>();
  relative.forEach((r, i) => {
    expect(t5RelativeBucket(r, { bidirectional: false }), String(r)).toBe(causal[i]);
    expect(t5RelativeBucket(r), String(r)).toBe(bidirectional[i]);
    expect(t5RelativeBucket(r, { buckets: 12, maxDistance: 50 }), String(r)).toBe(small[i]);
  });
  const bucket = (distance: number) => t5RelativeBucket(-distance, { bidirectional: false });
  const edges = Array.from({ length: 300 }, (_, i) => i + 1).filter((i) => bucket(i) !== bucket(i - 1));
  expect(edges.slice(0, 15)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  expect(edges.slice(15)).toEqual([16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]);
  expect([bucket(112), bucket(113), bucket(10_000)]).toEqual([30, 31, 31]);
});

claim("alibi-slopes-and-its-other-form", () => {
  const { slopes } = oracle<Fixture>();
  for (const [heads, expected] of Object.entries(slopes)) {
    const mine = alibiSlopes(Number(heads));
    expect(mine.length).toBe(expected.length);
    mine.forEach((slope, i) => {
      expect(Math.abs(slope / expected[i]! - 1)).toBeLessThan(1e-12);
    });
  }
  expect([...alibiSlopes(8)]).toEqual(Array.from({ length: 8 }, (_, j) => 2 ** -(j + 1)));
  expect([...alibiSlopes(12)].slice(8).map((s) => s.toFixed(4))).toEqual(["0.7071", "0.3536", "0.1768", "0.0884"]);
  // −m(i − j) and m·j differ by a constant in each row, which the softmax cancels
  const scores = normals(2, 5, 5);
  for (let i = 0; i < 5; i++) {
    const relative = softmax(row(scores, i).map((s, j) => (j <= i ? s + alibiBias(5, 5, 0.3).get(i, j) : -Infinity)));
    const absolute = softmax(row(scores, i).map((s, j) => (j <= i ? s + 0.3 * j : -Infinity)));
    relative.forEach((p, j) => {
      expect(Math.abs(p - absolute[j]!)).toBeLessThan(1e-12);
    });
  }
});

claim("an-alibi-head-sees-so-far", () => {
  const within = (slope: number, w: number, context: number) => {
    const p = softmax(Float64Array.from({ length: context }, (_, distance) => -slope * distance));
    return p.slice(0, w).reduce((a, b) => a + b, 0);
  };
  for (const [slope, tokens] of [
    [1 / 2, 10],
    [1 / 256, 1179],
  ] as const) {
    expect(within(slope, tokens, 20_000)).toBeCloseTo(1 - Math.exp(-slope * tokens), 6);
    expect(within(slope, tokens, 20_000)).toBeGreaterThanOrEqual(0.99);
    expect(within(slope, tokens - 1, 20_000)).toBeLessThan(0.99);
  }
});

claim("relative-schemes-do-not-mind-a-shift", () => {
  const table = normals(9, 1100, d);
  const outputs = (scheme: PositionScheme) =>
    [0, 1000].map((offset) => positionedAttention(X, { ...head, table }, { scheme, offset }).output) as [
      Matrix,
      Matrix,
    ];
  for (const scheme of ["none", "alibi", "t5", "rope"] as const) {
    expect(maxAbsDifference(...outputs(scheme)), scheme).toBeLessThan(1e-9);
  }
  for (const scheme of ["sinusoidal", "learned"] as const)
    expect(maxAbsDifference(...outputs(scheme)), scheme).toBeGreaterThan(1);
});

claim("learned-positions-are-a-table", () => {
  expect(1024 * 768).toBe(786_432);
  const table = normals(1, 1024, 4);
  expect(toRows(learnedEncoding(table, [1023, 0]))).toEqual([[...row(table, 1023)], [...row(table, 0)]]);
  expect(() => learnedEncoding(table, [1024])).toThrow(
    new RangeError("learnedEncoding: positions[0] must be an integer in [0, 1023], got 1024"),
  );
});

test("sinusoids agree with NumPy", () => {
  const { positions, sinusoids } = oracle<Fixture>();
  expect(maxAbsDifference(sinusoidalEncoding(positions, { dimension: 10 }), matrix(sinusoids))).toBeLessThan(1e-12);
});

test("weights are distributions, and a causal head does not look ahead", () => {
  for (const scheme of ["none", "sinusoidal", "learned", "alibi", "t5", "rope"] as const) {
    const { weights, scores } = positionedAttention(X, head, { scheme });
    for (let i = 0; i < n; i++) {
      expect(row(weights, i).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      for (let j = i + 1; j < n; j++) expect([weights.get(i, j), scores.get(i, j)]).toEqual([0, -Infinity]);
    }
  }
  const before = X.data.slice();
  positionedAttention(X, head, { scheme: "rope" });
  expect(X.data).toEqual(before);
});

test("alibi with more keys than queries is aligned at the end", () => {
  expect(toRows(alibiBias(2, 4, 0.5))).toEqual([
    [-1, -0.5, 0, -0.5],
    [-1.5, -1, -0.5, 0],
  ]);
});

describe("bad input", () => {
  test.each<readonly [string, () => unknown]>([
    ["inverseFrequencies: headDim must be even, got 5", () => sinusoidalEncoding([0], { dimension: 5 })],
    [
      "sinusoidalEncoding: positions must be finite, got NaN at 0",
      () => sinusoidalEncoding([Number.NaN], { dimension: 4 }),
    ],
    ["alibiSlopes: heads must be an integer at least 1, got 0", () => alibiSlopes(0)],
    ["alibiBias: slope must be a finite number in [0, Infinity), got -1", () => alibiBias(2, 2, -1)],
    [
      "t5RelativeBucket: buckets must be even where both directions count, got 7",
      () => t5RelativeBucket(1, { buckets: 7 }),
    ],
    [
      "t5RelativeBucket: maxDistance must be a finite number in (8, Infinity), got 8",
      () => t5RelativeBucket(1, { maxDistance: 8 }),
    ],
    [
      "positionedAttention: offset must be an integer at least 0, got -1",
      () => positionedAttention(X, head, { scheme: "rope", offset: -1 }),
    ],
    [
      "positionedAttention: scheme must be one of 'none', 'sinusoidal', 'learned', 'alibi', 't5', 'rope', got 'nope'",
      () => positionedAttention(X, head, { scheme: "nope" as never }),
    ],
    [
      "learnedEncoding: positions[6] must be an integer in [0, 63], got 64",
      () => positionedAttention(X, head, { scheme: "learned", offset: 58 }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("under a causal T5 the future falls into bucket 0, as in the reference", () => {
    expect(t5RelativeBucket(5, { bidirectional: false })).toBe(0);
  });
});
