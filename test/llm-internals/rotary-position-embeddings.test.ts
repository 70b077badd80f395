import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scaledDotProductAttention } from "../../src/demos/deep-learning-foundations/attention.js";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { extrapolationCurve } from "../../src/demos/llm-internals/positional-encodings.js";
import {
  applyRope,
  applyRopeComplex,
  convertLayout,
  frequencyProfile,
  inverseFrequencies,
  relativeScore,
  ropeTables,
  rotateInto,
} from "../../src/demos/llm-internals/rotary-position-embeddings.js";
import { evaluate, forward, fromCheckpoint } from "../../src/demos/llm-internals/transformer-architecture.js";
import { loadCheckpoint } from "../../src/lib/checkpoints.js";
import { type Matrix, matrix, matrixOver, maxAbsDifference, norm, row, toRows } from "../../src/lib/matrix.js";
import { loadMobyDick } from "../../src/lib/moby-dick.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("llm-internals/rotary-position-embeddings");

interface Fixture {
  readonly cases: readonly {
    readonly x: number[][];
    readonly positions: number[];
    readonly base: number;
    readonly rotaryDim: number;
    readonly interleaved: number[][];
    readonly half: number[][];
  }[];
  readonly scores: {
    readonly q: number[];
    readonly k: number[];
    readonly distances: number[];
    readonly scores: number[];
  };
  readonly bfloat16Positions: number;
  readonly bfloat16Of257: number;
  readonly starts: number[];
  readonly ends: number[];
  readonly losses: Readonly<
    Record<"halfInHalf" | "halfInInterleaved" | "plain" | "slowSqueezed" | "fastSqueezed", number>
  >;
}

function normals(seed: number, rows: number, columns: number): Matrix {
  return matrixOver(Float64Array.from({ length: rows * columns }, random(seed).normal), rows, columns);
}
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);
const rotated = (x: ArrayLike<number>, position: number, options = {}) =>
  row(applyRope(matrix([x]), [position], options), 0);

/** Rounded to bfloat16, to the nearest and ties to even: the upper half of a float32. */
function bfloat16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!;
  const kept = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(Uint32Array.of(kept).buffer)[0]!;
}

claim("scores-depend-on-the-difference", () => {
  fc.assert(
    fc.property(
      fc.nat(999),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      fc.constantFrom("interleaved" as const, "half" as const),
      (seed, pairs, m, n, layout) => {
        const [q, k] = [row(normals(seed, 1, 2 * pairs), 0), row(normals(seed + 1, 1, 2 * pairs), 0)];
        const options = { layout };
        expect(Math.abs(norm(rotated(q, m, options)) - norm(q))).toBeLessThan(1e-12);
        const score = dot(rotated(q, m, options), rotated(k, n, options));
        // angles of up to 100,000 rad carry a rounding of 1e-11 each
        expect(Math.abs(score - dot(q, rotated(k, n - m, options)))).toBeLessThan(1e-9);
        if (layout === "interleaved") expect(Math.abs(score - relativeScore(q, k, [m - n])[0]!)).toBeLessThan(1e-9);
      },
    ),
  );
  const { q, k, distances, scores } = oracle<Fixture>().scores;
  relativeScore(q, k, distances).forEach((score, i) => {
    expect(Math.abs(score - scores[i]!)).toBeLessThan(1e-10);
  });
});

claim("wavelengths-are-geometric", () => {
  const longest = (base: number) => frequencyProfile({ headDim: 128, base, length: 4096 }).at(-1)!.wavelength;
  expect(frequencyProfile({ headDim: 128, length: 4096 })[0]!.wavelength).toBeCloseTo(2 * Math.PI, 12);
  expect(Math.round(longest(10_000))).toBe(54_410);
  expect(Math.round(longest(500_000))).toBe(2_559_196);
  expect(longest(10_000)).toBeCloseTo(2 * Math.PI * 10_000 ** (126 / 128), 8);
  const theta = inverseFrequencies(10, { base: 77 });
  for (let i = 1; i < theta.length; i++) expect(theta[i]! / theta[i - 1]!).toBeCloseTo(77 ** -0.2, 12);
  const turning = frequencyProfile({ headDim: 128, length: 4096 }).filter(({ turns }) => turns >= 1).length;
  expect(turning).toBe(46); // of 64 pairs, within 4,096 tokens
});

claim("layouts-differ-by-a-permutation", () => {
  const [heads, headDim, inputs] = [2, 8, 5];
  const [X, Wq, Wk] = [normals(1, 2, inputs), normals(2, inputs, heads * headDim), normals(3, inputs, heads * headDim)];
  const positions = [3, 17];
  /** Scores of token 1's query with token 0's key, head by head. */
  const scores = (q: Matrix, k: Matrix, layout: "interleaved" | "half") =>
    Array.from({ length: heads }, (_, h) => {
      const head = (a: Matrix) => matrix(toRows(matmul(X, a)).map((r) => r.slice(h * headDim, (h + 1) * headDim)));
      const [Q, K] = [q, k].map((a) => applyRope(head(a), positions, { layout }));
      return dot(row(Q!, 1), row(K!, 0));
    });
  const half = scores(Wq, Wk, "half");
  const convert = (w: Matrix) => convertLayout(w, { heads, headDim, from: "half", to: "interleaved" });
  scores(convert(Wq), convert(Wk), "interleaved").forEach((score, h) => {
    expect(Math.abs(score - half[h]!)).toBeLessThan(1e-12);
  });
  scores(Wq, Wk, "interleaved").forEach((score, h) => {
    expect(Math.abs(score - half[h]!)).toBeGreaterThan(0.1); // mixed up
  });
  const back = convertLayout(convert(Wq), { heads, headDim, from: "interleaved", to: "half" });
  expect(toRows(back)).toEqual(toRows(Wq));
});

claim("rope-alone-does-not-decay", () => {
  // The key that is best at a distance of your choice is the query turned by that distance.
  for (const distance of [3, 500]) {
    const q = row(normals(4, 1, 16), 0);
    const k = rotated(q, distance);
    const scores = relativeScore(
      q,
      k,
      Array.from({ length: 1001 }, (_, r) => r),
    );
    expect(scores.indexOf(Math.max(...scores))).toBe(distance);
    expect(scores[distance]).toBeCloseTo(dot(q, q), 10);
  }
  const equal = Float64Array.from({ length: 128 }, (_, i) => (i % 2 === 0 ? 1 / 8 : 0)); // |q|² = 1
  const all = Array.from({ length: 4096 }, (_, r) => r);
  const s = relativeScore(equal, equal, all);
  expect([0, 10, 100, 1000].map((r) => s[r]!.toFixed(3))).toEqual(["1.000", "0.669", "0.477", "0.159"]);
  expect(all.slice(1).filter((r) => s[r]! > s[r - 1]!)).toHaveLength(1991);
  expect(s.findIndex((score) => score < 0)).toBe(1707);
  expect(Math.min(...relativeScore(equal, equal, all, { base: 500_000 }))).toBeGreaterThan(0.17);
});

claim("shifting-all-positions-changes-nothing", () => {
  const [n, d] = [6, 8];
  const [Q, K] = [normals(1, n, d), normals(2, n, d)];
  const scores = (offset: number) => {
    const positions = Array.from({ length: n }, (_, i) => i + offset);
    return matmul(applyRope(Q, positions), applyRope(K, positions).transpose(1, 0));
  };
  expect(maxAbsDifference(scores(1000), scores(0))).toBeLessThan(1e-9);
  // so a key can be rotated once and kept: it meets later queries as it is
  const cached = applyRope(K, [0, 1, 2, 3, 4, 5]);
  expect(dot(rotated(row(Q, 0), 9), row(cached, 2))).toBeCloseTo(relativeScore(row(Q, 0), row(K, 2), [7])[0]!, 12);
});

claim("bfloat16-positions-collapse", () => {
  const { bfloat16Positions, bfloat16Of257 } = oracle<Fixture>();
  const rounded = Array.from({ length: 4096 }, (_, m) => bfloat16(m));
  expect(new Set(rounded).size).toBe(769);
  expect(bfloat16Positions).toBe(769);
  expect([bfloat16(257), bfloat16Of257]).toEqual([256, 256]);
  expect(rounded.slice(0, 257)).toEqual(Array.from({ length: 257 }, (_, m) => m));
  expect(new Set(rounded.slice(256, 512)).size).toBe(129); // pairs
  expect(new Set(rounded.slice(512, 1024)).size).toBe(129); // fours
});

const checkpoint = loadCheckpoint("tiny-rope");
const codes = new Map([...checkpoint.characters].map((character, code) => [character, code]));
const novel = Int32Array.from(loadMobyDick().text, (character) => codes.get(character)!);

claim("a-trained-model-in-the-wrong-layout", () => {
  const { starts, losses } = oracle<Fixture>();
  const converted = (from: "half" | "interleaved", to: typeof from, p: Readonly<Record<string, Float32Array>>) =>
    Object.fromEntries(
      Object.entries(p).map(([name, w]) => {
        if (!/query|key/.test(name)) return [name, w];
        const W = matrixOver(Float64Array.from(w), w.length / 32, 32);
        return [name, Float32Array.from(convertLayout(W, { heads: 4, headDim: 8, from, to }).data)];
      }),
    );
  const loss = (parameters: Readonly<Record<string, Float32Array>>) =>
    evaluate(fromCheckpoint({ ...checkpoint, parameters }), novel, starts, 64);
  const half = converted("interleaved", "half", checkpoint.parameters);
  const [right, wrong] = [loss(checkpoint.parameters), loss(half)];
  expect([right.toFixed(2), wrong.toFixed(2)]).toEqual(["1.82", "3.44"]);
  expect(Math.abs(right - losses.halfInHalf)).toBeLessThan(1e-4); // the model is float32
  expect(Math.abs(wrong - losses.halfInInterleaved)).toBeLessThan(1e-4);
  expect(converted("half", "interleaved", half)).toEqual(checkpoint.parameters);
});

claim("slow-pairs-meet-unseen-angles", () => {
  const { ends, losses } = oracle<Fixture>();
  const model = fromCheckpoint(checkpoint);
  const logits = (tokens: ArrayLike<number>) =>
    matrixOver(Float64Array.from(forward(model, tokens).logits.data), tokens.length, 81);
  const [seen, far] = extrapolationCurve(logits, novel, { lengths: [64, 384], ends });
  expect([seen!.toFixed(2), far!.toFixed(2)]).toEqual(["1.77", "3.83"]);
  expect(Math.abs(far! - losses.plain)).toBeLessThan(1e-4);
  expect([losses.slowSqueezed, losses.fastSqueezed].map((loss) => loss.toFixed(2))).toEqual(["2.80", "4.03"]);
  // which pairs are slow: those that do not come round within the 64 characters of training
  const turns = frequencyProfile({ headDim: 8, length: 64 }).map((pair) => pair.turns >= 1);
  expect(turns).toEqual([true, true, false, false]);
});

claim("values-and-cached-keys-have-their-place", () => {
  const [n, d] = [6, 8];
  const [Q, K, V] = [normals(1, n, d), normals(2, n, d), normals(3, n, d)];
  const output = (offset: number, rotateValues: boolean) => {
    const positions = Array.from({ length: n }, (_, i) => i + offset);
    const turn = (A: Matrix) => applyRope(A, positions);
    return scaledDotProductAttention(turn(Q), turn(K), rotateValues ? turn(V) : V, { causal: true }).output;
  };
  expect(maxAbsDifference(output(0, false), output(1000, false))).toBeLessThan(1e-12);
  expect(maxAbsDifference(output(0, true), output(1000, true))).toBeGreaterThan(1);
  // tokens 2 … 5 are still in a window, the query is at 6: keys that are rotated anew from 0 are 2 too far away
  const query = rotated(row(Q, 0), 6);
  const kept = [2, 3, 4, 5].map((m) => dot(query, rotated(row(K, m), m)));
  const anew = [2, 3, 4, 5].map((m) => dot(query, rotated(row(K, m), m - 2)));
  kept.forEach((score, i) => {
    const m = i + 2;
    expect(score).toBeCloseTo(relativeScore(row(Q, 0), row(K, m), [6 - m])[0]!, 12);
    expect(anew[i]).toBeCloseTo(relativeScore(row(Q, 0), row(K, m), [8 - m])[0]!, 12);
  });
  expect(Math.max(...kept.map((score, i) => Math.abs(score - anew[i]!)))).toBeGreaterThan(1);
});

claim("partial-rotation-adds-a-plain-product", () => {
  const [d, r] = [10, 4];
  const [q, k] = [row(normals(1, 1, d), 0), row(normals(2, 1, d), 0)];
  const options = { rotaryDim: r };
  const [a, b] = [rotated(q, 12, options), rotated(k, 5, options)];
  const expected = relativeScore(q.slice(0, r), k.slice(0, r), [7])[0]! + dot(q.slice(r), k.slice(r));
  expect(dot(a, b)).toBeCloseTo(expected, 12);
  expect(a.slice(r)).toEqual(q.slice(r));
});

describe("against PyTorch", () => {
  test("both layouts, three bases and sizes, partial rotation", () => {
    for (const { x, positions, base, rotaryDim, ...expected } of oracle<Fixture>().cases) {
      for (const layout of ["interleaved", "half"] as const) {
        const y = applyRope(matrix(x), positions, { base, rotaryDim, layout });
        expect(maxAbsDifference(y, matrix(expected[layout])), layout).toBeLessThan(1e-10); // cos of up to 1e5 rad
      }
    }
  });
});

test("a partly rotated head is converted in its rotated part only, head by head", () => {
  const W = matrix([Array.from({ length: 12 }, (_, c) => c)]); // 2 heads of 6, 4 of them rotated
  const options = { heads: 2, headDim: 6, rotaryDim: 4, from: "half", to: "interleaved" } as const;
  expect(toRows(convertLayout(W, options))).toEqual([[0, 2, 1, 3, 4, 5, 6, 8, 7, 9, 10, 11]]);
  expect(toRows(convertLayout(W, { ...options, to: "half" }))).toEqual(toRows(W));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 2 }), fc.nat(999), (pairs, rest, seed) => {
      const headDim = 2 * (pairs + rest);
      const heads = normals(seed, 3, headDim);
      const shape = { heads: 1, headDim, rotaryDim: 2 * pairs, from: "half", to: "interleaved" } as const;
      const rope = { rotaryDim: 2 * pairs };
      const there = convertLayout(applyRope(heads, [3, 1, 7], { ...rope, layout: "half" }), shape);
      expect(maxAbsDifference(there, applyRope(convertLayout(heads, shape), [3, 1, 7], rope))).toBe(0);
    }),
  );
  const view = W.transpose(1, 0).transpose(1, 0) as Matrix;
  expect(toRows(convertLayout(view, options))).toEqual(toRows(convertLayout(W, options)));
  expect([...W.data]).toEqual(Array.from({ length: 12 }, (_, c) => c));
});

test("complex multiplication gives the same numbers", () => {
  const X = normals(1, 5, 6);
  const positions = [0, 1, 7, -3, 1e4];
  expect(maxAbsDifference(applyRope(X, positions), applyRopeComplex(X, positions))).toBeLessThan(1e-11);
  const base = { base: 50 };
  expect(maxAbsDifference(applyRope(X, positions, base), applyRopeComplex(X, positions, base))).toBeLessThan(1e-11);
});

test("rotateInto: float32, rows that repeat the positions, and back again", () => {
  const tables = ropeTables([2, 5, 9], inverseFrequencies(4));
  const x = Float32Array.from({ length: 2 * 3 * 4 }, random(3).normal);
  const y = new Float32Array(x.length);
  rotateInto(x, 4, tables, "interleaved", y);
  const expected = applyRope(matrixOver(Float64Array.from(x), 6, 4), [2, 5, 9, 2, 5, 9]);
  y.forEach((value, i) => {
    expect(Math.abs(value - expected.data[i]!)).toBeLessThan(1e-6);
  });
  rotateInto(y, 4, tables, "interleaved", y, -1);
  y.forEach((value, i) => {
    expect(Math.abs(value - x[i]!)).toBeLessThan(1e-6);
  });
});

describe("bad input and extremes", () => {
  const X = normals(1, 2, 6);
  test.each<readonly [string, () => unknown]>([
    ["inverseFrequencies: headDim must be even, got 5", () => inverseFrequencies(5)],
    ["inverseFrequencies: headDim must be an integer at least 2, got 0", () => inverseFrequencies(0)],
    [
      "inverseFrequencies: base must be a finite number in (1, Infinity), got 1",
      () => inverseFrequencies(4, { base: 1 }),
    ],
    ["applyRope: rotaryDim must be an integer in [2, 6], got 8", () => applyRope(X, [0, 1], { rotaryDim: 8 })],
    ["applyRope: rotaryDim must be even, got 3", () => applyRope(X, [0, 1], { rotaryDim: 3 })],
    ["applyRope: positions must have length 2, got 3", () => applyRope(X, [0, 1, 2])],
    ["applyRope: positions must be finite, got NaN at 1", () => applyRope(X, [0, Number.NaN])],
    [
      "applyRope: layout must be one of 'interleaved', 'half', got 'neox'",
      () => applyRope(X, [0, 1], { layout: "neox" as never }),
    ],
    [
      "convertLayout: weights must have 2·4 = 8 columns, got 6",
      () => convertLayout(X, { heads: 2, headDim: 4, from: "half", to: "interleaved" }),
    ],
    [
      "convertLayout: from must be one of 'interleaved', 'half', got 'gptj'",
      () => convertLayout(X, { heads: 1, headDim: 6, from: "gptj" as never, to: "half" }),
    ],
    [
      "convertLayout: to must be one of 'interleaved', 'half', got 'gptj'",
      () => convertLayout(X, { heads: 1, headDim: 6, from: "half", to: "gptj" as never }),
    ],
    [
      "convertLayout: heads must be an integer at least 1, got 0",
      () => convertLayout(X, { heads: 0, headDim: 6, from: "half", to: "half" }),
    ],
    [
      "convertLayout: headDim must be even, got 3",
      () => convertLayout(X, { heads: 2, headDim: 3, from: "half", to: "interleaved" }),
    ],
    [
      "convertLayout: rotaryDim must be an integer in [2, 6], got 8",
      () => convertLayout(X, { heads: 1, headDim: 6, rotaryDim: 8, from: "half", to: "interleaved" }),
    ],
    ["ropeTables: positions must be finite, got Infinity at 0", () => ropeTables([Infinity], [1])],
    ["ropeTables: frequencies must be finite, got NaN at 0", () => ropeTables([1], [Number.NaN])],
    ["applyRopeComplex: positions must have length 2, got 1", () => applyRopeComplex(X, [1])],
    ["inverseFrequencies: headDim must be even, got 3", () => relativeScore([1, 2, 3], [1, 2, 3], [0])],
    ["relativeScore: distances must be finite, got NaN at 1", () => relativeScore([1, 2], [1, 2], [0, Number.NaN])],
    ["relativeScore: k must have length 4, got 2", () => relativeScore([1, 2, 3, 4], [1, 2], [0])],
    [
      "frequencyProfile: length must be a finite number in (0, Infinity), got 0",
      () => frequencyProfile({ headDim: 4, length: 0 }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("position 0 is the identity; positions beyond float32 are flagged; inputs are unchanged", () => {
    const before = X.data.slice();
    expect(toRows(applyRope(X, [0, 0]))).toEqual(toRows(X));
    expect(X.data).toEqual(before);
    expect(ropeTables([2 ** 24], [1]).precise).toBe(true);
    expect(ropeTables([1, 2 ** 24 + 1], [1]).precise).toBe(false);
  });
});
