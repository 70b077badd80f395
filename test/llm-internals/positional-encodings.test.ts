import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leastSquares, matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { svd } from "../../src/demos/linear-algebra/svd-and-pca.js";
import {
  alibiBias,
  alibiSlopes,
  extrapolationCurve,
  type LanguageModel,
  learnedEncoding,
  type PositionScheme,
  positionedAttention,
  randomHead,
  shiftSensitivity,
  sinusoidalEncoding,
  sinusoidalShift,
  t5RelativeBucket,
} from "../../src/demos/llm-internals/positional-encodings.js";
import { relativeScore } from "../../src/demos/llm-internals/rotary-position-embeddings.js";
import {
  createTransformer,
  forward,
  fromCheckpoint,
  type Positions,
  type Transformer,
  trainTransformerSteps,
} from "../../src/demos/llm-internals/transformer-architecture.js";
import { AdamW } from "../../src/demos/training-fundamentals/adam-and-adamw.js";
import { softmax } from "../../src/demos/training-fundamentals/cross-entropy-and-softmax.js";
import { loadCheckpoint } from "../../src/lib/checkpoints.js";
import { type Matrix, matrix, matrixOver, maxAbsDifference, row, toRows, transpose } from "../../src/lib/matrix.js";
import { loadMobyDick } from "../../src/lib/moby-dick.js";
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
  readonly lengths: readonly number[];
  readonly ends: readonly number[];
  readonly curves: Readonly<Record<"tiny-rope" | "tiny-alibi", readonly number[]>>;
}

function normals(seed: number, rows: number, columns: number): Matrix {
  return matrixOver(Float64Array.from({ length: rows * columns }, random(seed).normal), rows, columns);
}
const rowsAt = (a: Matrix, order: ArrayLike<number>) => matrix(Array.from(order, (i) => row(a, i)));
const [n, d] = [7, 8];
const head = randomHead(d, { seed: 3 });
const X = normals(1, n, d);

const codes = new Map([...loadCheckpoint("tiny-rope").characters].map((character, code) => [character, code]));
const novel = Int32Array.from(loadMobyDick().text, (character) => codes.get(character)!);
const asFunction =
  (model: Transformer): LanguageModel =>
  (tokens, offset) =>
    matrixOver(Float64Array.from(forward(model, tokens, { offset }).logits.data), tokens.length, 81);

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

claim("beyond-the-trained-length", () => {
  const { lengths, ends, curves } = oracle<Fixture>();
  expect([...lengths]).toEqual([64, 128, 256, 384]);
  const curve = (name: "tiny-rope" | "tiny-alibi", some: readonly number[]) => {
    const model = asFunction(fromCheckpoint(loadCheckpoint(name)));
    const mine = extrapolationCurve(model, novel, { lengths: some, ends });
    mine.forEach((loss, i) => {
      const theirs = curves[name][lengths.indexOf(some[i]!)]!;
      expect(Math.abs(loss - theirs), name).toBeLessThan(1e-4); // the models are float32
    });
    return mine;
  };
  const [trained, longest] = curve("tiny-alibi", [64, 384]);
  expect([trained!.toFixed(2), longest!.toFixed(2)]).toEqual(["1.89", "1.89"]);
  expect(Math.abs(longest! - trained!)).toBeLessThan(0.01);
  expect(Array.from(curve("tiny-rope", lengths), (loss) => loss.toFixed(2))).toEqual(["1.77", "1.80", "2.10", "3.83"]);
});

claim("added-sinusoids-fail-at-once", () => {
  const train = (positions: Positions) => {
    const shape = { vocabulary: 81, layers: 1, heads: 4, dModel: 32, dFeedForward: 64, positions };
    const model = createTransformer(shape, { seed: 1 });
    const optimizer = new AdamW({ lr: (t) => 0.02 * Math.min(1, (t + 1) / 20) * (1 - t / 100), weightDecay: 0 });
    const options = { optimizer, steps: 100, batch: 8, context: 16, seed: 1 };
    const losses = Array.from(trainTransformerSteps(model, novel.subarray(0, 1_100_000), options), ({ loss }) => loss);
    expect(losses.at(-1)).toBeLessThan(3); // it has learned something: guessing costs ln 81 = 4.39
    return asFunction(model);
  };
  const ends = Array.from({ length: 32 }, (_, i) => 1_101_000 + 1800 * i);
  const [sinusoidal, none] = [train("sinusoidal"), train("none")];
  const rise = (model: LanguageModel) => {
    const [trained, twice] = extrapolationCurve(model, novel, { lengths: [16, 32], ends, last: 8 });
    return twice! - trained!;
  };
  expect(rise(sinusoidal)).toBeGreaterThan(0.1);
  expect(Math.abs(rise(none))).toBeLessThan(0.01);
  // and so it is when a text is padded on the left and the positions count the padding
  const text = novel.subarray(1_100_000, 1_100_016);
  expect(shiftSensitivity(sinusoidal, text, 16)).toBeGreaterThan(1);
  expect(shiftSensitivity(none, text, 16)).toBe(0);
});

claim("sinusoids-leave-room", () => {
  const dimension = 128;
  const { s } = svd(
    sinusoidalEncoding(
      Array.from({ length: 512 }, (_, p) => p),
      { dimension },
    ),
  );
  const energy = s.map((value) => value ** 2);
  const share = (k: number) => energy.slice(0, k).reduce((a, b) => a + b) / ((512 * dimension) / 2); // all rows have the square d/2
  expect([share(47) < 0.99, share(48) >= 0.99]).toEqual([true, true]);
});

test("the curve predicts the same tokens at every length, from the tokens before them", () => {
  // a model that knows the successor of each token of 0, 1, 2, …, and nothing at the start of its input
  const tokens = Int32Array.from({ length: 40 }, (_, i) => i % 7);
  const seen: number[][] = [];
  const model: LanguageModel = (input, offset) => {
    seen.push([offset, input[0]!, input.length]);
    return matrix(
      Array.from(input, (token, t) =>
        Array.from({ length: 7 }, (_, v) => (t >= input.length - 3 && v === (token + 1) % 7 ? 50 : 0)),
      ),
    );
  };
  const lengths = [3, 5, 12];
  const curve = extrapolationCurve(model, tokens, { lengths, ends: [20, 40], last: 3 });
  curve.forEach((loss) => {
    expect(loss).toBeLessThan(1e-15);
  });
  expect(seen).toEqual(lengths.flatMap((length) => [20, 40].map((end) => [0, (end - 1 - length) % 7, length])));
  // one more token is a guess among 7
  const [wider] = extrapolationCurve(model, tokens, { lengths: [6], ends: [20, 40], last: 4 });
  expect(wider).toBeCloseTo(Math.log(7) / 4, 12);
});

test("buckets of other sizes are exact: whole powers decide, not rounded logarithms", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 0, max: 1500 }),
      (half, more, distance) => {
        const maxDistance = half + more;
        const [r, exact, far] = [distance, half, maxDistance].map(BigInt) as [bigint, bigint, bigint];
        let expected = Math.min(distance, half);
        // (r/exact)^exact ≥ (maxDistance/exact)^k, in integers
        for (let k = 1n; distance >= half && k < exact; k++) {
          if (r ** exact * exact ** k >= far ** k * exact ** exact) expected = half + Number(k);
        }
        const options = { buckets: 2 * half, maxDistance };
        expect(t5RelativeBucket(-distance, { ...options, bidirectional: false })).toBe(expected);
        // with both directions each gets as many as one had: double the buckets
        const both = { buckets: 4 * half, maxDistance };
        expect(t5RelativeBucket(-distance, both)).toBe(expected);
        if (distance > 0) expect(t5RelativeBucket(distance, both)).toBe(2 * half + expected);
      },
    ),
    { numRuns: 300 },
  );
});

test("sinusoids agree with NumPy", () => {
  const { positions, sinusoids } = oracle<Fixture>();
  expect(maxAbsDifference(sinusoidalEncoding(positions, { dimension: 10 }), matrix(sinusoids))).toBeLessThan(1e-12);
});

test("the base is a choice, and 10,000 by default", () => {
  const [plain, other] = [
    sinusoidalEncoding([3], { dimension: 4 }),
    sinusoidalEncoding([3], { dimension: 4, base: 81 }),
  ];
  const expected = [1 / 100, 1 / 9].map((w) => matrix([[Math.sin(3), Math.cos(3), Math.sin(3 * w), Math.cos(3 * w)]]));
  expect(maxAbsDifference(plain, expected[0]!)).toBeLessThan(1e-14);
  expect(maxAbsDifference(other, expected[1]!)).toBeLessThan(1e-14);
  const turned = matmul(other, transpose(sinusoidalShift(-3, { dimension: 4, base: 81 })));
  expect(maxAbsDifference(turned, matrix([[0, 1, 0, 1]]))).toBeLessThan(1e-14);
});

test("one head from the definition: inputs, scores, weights and outputs, number by number", () => {
  const norm = 1 / Math.sqrt(d);
  const vector = (x: Float64Array, W: Matrix) =>
    Array.from({ length: d }, (_, c) => x.reduce((sum, v, r) => sum + v * W.get(r, c), 0));
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);
  for (const scheme of ["none", "sinusoidal", "learned", "alibi", "t5", "rope"] as const) {
    for (const causal of [true, false]) {
      const { output, scores } = positionedAttention(X, head, { scheme, causal, offset: 2 });
      const inputs = Array.from({ length: n }, (_, i) => {
        const place = {
          sinusoidal: () => row(sinusoidalEncoding([i + 2], { dimension: d }), 0),
          learned: () => row(head.table, i + 2),
        }[scheme as "learned"]?.();
        return row(X, i).map((x, c) => x + (place?.[c] ?? 0));
      });
      for (let i = 0; i < n; i++) {
        const q = vector(inputs[i]!, head.Wq);
        const expected = inputs.map((input, j) => {
          const k = vector(input, head.Wk);
          if (causal && j > i) return -Infinity;
          if (scheme === "rope") return norm * relativeScore(q, k, [i - j])[0]!;
          const bias = {
            alibi: () => -0.25 * Math.abs(i - j),
            t5: () => head.t5Bias[causal || j <= i ? i - j : 16 + j - i]!,
          }[scheme as "t5"]?.();
          return norm * dot(q, k) + (bias ?? 0);
        });
        const weights = softmax(expected);
        expected.forEach((score, j) => {
          if (score === -Infinity) expect(scores.get(i, j)).toBe(score);
          else expect(Math.abs(scores.get(i, j) - score), scheme).toBeLessThan(1e-12);
        });
        const values = inputs.map((input) => vector(input, head.Wv));
        for (let c = 0; c < d; c++) {
          const mixed = values.reduce((sum, v, j) => sum + weights[j]! * v[c]!, 0);
          expect(Math.abs(output.get(i, c) - mixed), scheme).toBeLessThan(1e-12);
        }
      }
    }
  }
  const steep = positionedAttention(X, head, { scheme: "alibi", slope: 2 }).scores;
  const flat = positionedAttention(X, head, { scheme: "none" }).scores;
  expect(steep.get(5, 2) - flat.get(5, 2)).toBeCloseTo(-6, 12);
});

test("random heads: N(0, 1/d) and a standard normal table; the seed is all that counts", () => {
  const { Wq, Wk, Wv, table, t5Bias } = randomHead(100, { limit: 70, seed: 5 });
  const deviation = (a: ArrayLike<number>) => Math.sqrt(Array.from(a).reduce((sum, v) => sum + v * v, 0) / a.length);
  // 10,000 and 7,000 numbers: 3 % is more than 3 standard errors
  for (const W of [Wq, Wk, Wv]) expect(Math.abs(deviation(W.data) / 0.1 - 1)).toBeLessThan(0.03);
  expect([table.shape, t5Bias.length]).toEqual([[70, 100], 32]);
  expect(Math.abs(deviation(table.data) - 1)).toBeLessThan(0.03);
  expect(Math.abs(deviation(t5Bias) - 1)).toBeLessThan(0.4); // 32 numbers
  expect(randomHead(4)).toEqual(randomHead(4, { limit: 64, seed: 0 }));
  expect(randomHead(4).Wq.data).not.toEqual(randomHead(4, { seed: 1 }).Wq.data);
});

test("a shift is measured from position 0, and NaN is not lost", () => {
  const model: LanguageModel = (tokens, offset) => matrix([[tokens[0]!, offset ** 2]]);
  expect(shiftSensitivity(model, [7], 3)).toBe(9);
  expect(shiftSensitivity((_, offset) => matrix([[0, offset ? Number.NaN : 0]]), [7], 3)).toBeNaN();
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
    ["shiftSensitivity: offset must be an integer at least 0, got -1", () => shiftSensitivity(() => X, [1], -1)],
    [
      "extrapolationCurve: last must be an integer at least 1, got 0",
      () => extrapolationCurve(() => X, novel, { lengths: [8], ends: [9], last: 0 }),
    ],
    [
      "extrapolationCurve: number of ends must be an integer at least 1, got 0",
      () => extrapolationCurve(() => X, novel, { lengths: [64], ends: [] }),
    ],
    [
      "extrapolationCurve: lengths[1] must be an integer at least 32, got 31",
      () => extrapolationCurve(() => normals(1, 32, 81), novel, { lengths: [32, 31], ends: [99] }),
    ],
    [
      "extrapolationCurve: ends[0] must be an integer in [65, 100], got 64",
      () => extrapolationCurve(() => X, novel.subarray(0, 100), { lengths: [64], ends: [64] }),
    ],
    [
      "extrapolationCurve: ends[0] must be an integer in [65, 100], got 101",
      () => extrapolationCurve(() => X, novel.subarray(0, 100), { lengths: [64], ends: [101] }),
    ],
    [
      "t5RelativeBucket: relativePosition must be an integer at least -9007199254740991, got 0.5",
      () => t5RelativeBucket(0.5),
    ],
    ["t5RelativeBucket: buckets must be an integer at least 4, got 2", () => t5RelativeBucket(1, { buckets: 2 })],
    ["alibiBias: queryLength must be an integer at least 1, got 0", () => alibiBias(0, 2, 1)],
    ["alibiBias: keyLength must be an integer at least 1, got 0", () => alibiBias(2, 0, 1)],
    ["randomHead: d must be an integer at least 2, got 1", () => randomHead(1)],
    ["randomHead: limit must be an integer at least 1, got 0", () => randomHead(2, { limit: 0 })],
    ["sinusoidalShift: k must be a finite number, got NaN", () => sinusoidalShift(Number.NaN, { dimension: 4 })],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("under a causal T5 the future falls into bucket 0, as in the reference", () => {
    expect(t5RelativeBucket(5, { bidirectional: false })).toBe(0);
  });
});
