import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matmul as product, reshape, square, sum, transpose as turn } from "../../src/autodiff/ops.js";
import { attention, causalBias } from "../../src/demos/deep-learning-foundations/attention.js";
import { fromMatrix, grad, type Tensor, toMatrix } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { svd } from "../../src/demos/linear-algebra/svd-and-pca.js";
import {
  type AttentionWeights,
  decodeAttentionIntensity,
  expandKvHeads,
  groupedQueryAttention,
  kvCacheBytes,
  meanPoolKvHeads,
} from "../../src/demos/llm-internals/grouped-query-attention.js";
import {
  frobeniusNorm,
  type Matrix,
  matrix,
  matrixOver,
  maxAbsDifference,
  toRows,
  transpose,
  zeros,
} from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("llm-internals/grouped-query-attention");

interface Case extends Readonly<Record<"x" | "wq" | "wk" | "wv" | "wo" | "output" | "dWk" | "dWv", number[][]>> {
  readonly heads: number;
  readonly kvHeads: number;
  readonly causal: boolean;
}

function normals(seed: number, rows: number, columns: number): Matrix {
  const { normal } = random(seed);
  return matrixOver(
    Float64Array.from({ length: rows * columns }, () => normal() / Math.sqrt(rows)),
    rows,
    columns,
  );
}
const layer = (seed: number, d: number, heads: number, kvHeads: number, headDim: number): AttentionWeights => ({
  wq: normals(seed, d, heads * headDim),
  wk: normals(seed + 1, d, kvHeads * headDim),
  wv: normals(seed + 2, d, kvHeads * headDim),
  wo: normals(seed + 3, heads * headDim, d),
});
const slice = (A: Matrix, from: number, to: number) => matrix(toRows(A).map((r) => r.slice(from, to)));

claim("grouping-is-tying", () => {
  for (const { x, wq, wk, wv, wo, heads, kvHeads, causal, output } of oracle<{ cases: readonly Case[] }>().cases) {
    const weights = { wq: matrix(wq), wk: matrix(wk), wv: matrix(wv), wo: matrix(wo) };
    const y = groupedQueryAttention(matrix(x), weights, { heads, kvHeads, causal });
    expect(maxAbsDifference(y.output, matrix(output))).toBeLessThan(1e-12);
    expect([y.keys.shape[1], y.values.shape[1]]).toEqual([wk[0]!.length, wk[0]!.length]);
  }
  fc.assert(
    fc.property(
      fc.nat(999),
      fc.constantFrom([6, 1], [6, 2], [6, 3], [6, 6], [4, 2]),
      fc.boolean(),
      (seed, [heads, kvHeads], rope) => {
        const [n, d, headDim] = [5, 7, 4];
        const weights = layer(seed, d, heads!, kvHeads!, headDim);
        const X = normals(seed + 9, n, d);
        const positions = rope ? { positions: [3, 4, 5, 6, 7] } : {};
        const grouped = groupedQueryAttention(X, weights, { heads: heads!, kvHeads: kvHeads!, ...positions });
        const expanded = expandKvHeads(weights, { heads: heads!, kvHeads: kvHeads! });
        const full = groupedQueryAttention(X, expanded, { heads: heads!, ...positions });
        expect(maxAbsDifference(grouped.output, full.output)).toBeLessThan(1e-12);
      },
    ),
    { numRuns: 40 },
  );
});

claim("cache-shrinks-by-h-over-hkv", () => {
  const bytes = (layers: number, kvHeads: number) => kvCacheBytes({ layers, kvHeads, headDim: 128 }).perToken;
  expect([bytes(32, 32), bytes(32, 8), bytes(80, 8), bytes(80, 64)]).toEqual([524_288, 131_072, 327_680, 2_621_440]);
  expect(kvCacheBytes({ layers: 32, kvHeads: 8, headDim: 128, tokens: 8192, sequences: 3 }).total).toBe(
    131_072 * 8192 * 3,
  );
  // and it is what the layer hands out
  const { keys, values } = groupedQueryAttention(normals(1, 5, 6), layer(2, 6, 4, 2, 3), { heads: 4, kvHeads: 2 });
  expect(8 * (keys.size + values.size)).toBe(
    kvCacheBytes({ layers: 1, kvHeads: 2, headDim: 3, bytesPerElement: 8, tokens: 5 }).total,
  );
});

claim("operations-of-attention-stay", () => {
  const d = 4096;
  const weightsOf = (heads: number, kvHeads: number) => d * 128 * (2 * heads + 2 * kvHeads);
  expect((weightsOf(32, 8) / 1e6).toFixed(1)).toBe("41.9");
  expect((weightsOf(32, 32) / 1e6).toFixed(1)).toBe("67.1");
  expect(decodeAttentionIntensity({ heads: 32, kvHeads: 32 })).toBe(1);
  expect(decodeAttentionIntensity({ heads: 32, kvHeads: 8 })).toBe(4);
  expect(decodeAttentionIntensity({ heads: 64, kvHeads: 8 })).toBe(8);
  // from the definitions: 4·h·dh operations a cached token and layer, 2·h_kv·dh·bytes read
  expect((4 * 32 * 128) / kvCacheBytes({ layers: 1, kvHeads: 8, headDim: 128 }).perToken).toBe(4);
  expect((989.4e12 / 3.35e12).toFixed(0)).toBe("295");
});

claim("shared-heads-gather-gradients", () => {
  const [n, d, heads, kvHeads, headDim] = [5, 6, 4, 2, 3];
  const weights = layer(4, d, heads, kvHeads, headDim);
  const x = fromMatrix(normals(8, n, d), "float64");
  const [wq, wo] = [weights.wq, weights.wo].map((w) => fromMatrix(w, "float64"));
  /** The expanded layer on the engine's tensors. */
  const loss = ({ wk, wv }: { wk: Tensor; wv: Tensor }) => {
    const split = (w: Tensor) => turn(reshape(product(x, w), [n, heads, headDim]), [1, 0, 2]);
    const mixed = attention(split(wq!), split(wk), split(wv), { bias: causalBias(n, n, "float64") });
    return sum(square(product(reshape(turn(mixed, [1, 0, 2]), [n, heads * headDim]), wo!)));
  };
  const { wk, wv } = expandKvHeads(weights, { heads, kvHeads });
  const copies = grad(loss)({ wk: fromMatrix(wk, "float64"), wv: fromMatrix(wv, "float64") });
  /** d/dw of the grouped layer by central differences. */
  const differences = (name: "wk" | "wv") => {
    const slope = zeros(d, kvHeads * headDim);
    const score = (w: Matrix) =>
      groupedQueryAttention(toMatrix(x), { ...weights, [name]: w }, { heads, kvHeads }).output.data.reduce(
        (s, y) => s + y * y,
        0,
      );
    slope.data.forEach((_, at) => {
      const [up, down] = [1e-5, -1e-5].map((h) =>
        matrixOver(
          weights[name].data.map((v, i) => (i === at ? v + h : v)),
          d,
          kvHeads * headDim,
        ),
      );
      slope.data[at] = (score(up!) - score(down!)) / 2e-5;
    });
    return slope;
  };
  for (const name of ["wk", "wv"] as const) {
    const all = toMatrix(copies[name]);
    const gathered = matrix(
      toRows(all).map((r) =>
        Array.from({ length: kvHeads * headDim }, (_, c) => {
          const [group, within] = [Math.floor(c / headDim), c % headDim];
          return r[2 * group * headDim + within]! + r[(2 * group + 1) * headDim + within]!;
        }),
      ),
    );
    expect(maxAbsDifference(gathered, differences(name))).toBeLessThan(1e-7);
  }
  // PyTorch's gradients of the shared heads are such sums
  for (const { x: X, wq: q, wk: k, wv: v, wo: o, heads: h, kvHeads: g, causal, dWk } of oracle<{
    cases: readonly Case[];
  }>().cases) {
    const dh = q[0]!.length / h;
    const full = expandKvHeads(
      { wq: matrix(q), wk: matrix(k), wv: matrix(v), wo: matrix(o) },
      { heads: h, kvHeads: g },
    );
    const t = (a: Matrix) => fromMatrix(a, "float64");
    const rows = X.length;
    const engine = ({ wk: w }: { wk: Tensor }) => {
      const split = (y: Tensor) => turn(reshape(product(t(matrix(X)), y), [rows, h, dh]), [1, 0, 2]);
      const bias = causal ? { bias: causalBias(rows, rows, "float64") } : {};
      const mixed = attention(split(t(full.wq)), split(w), split(t(full.wv)), bias);
      return sum(square(product(reshape(turn(mixed, [1, 0, 2]), [rows, h * dh]), t(full.wo))));
    };
    const each = toRows(toMatrix(grad(engine)({ wk: t(full.wk) }).wk));
    const sums = each.map((r) =>
      Array.from({ length: g * dh }, (_, c) => {
        const [group, within] = [Math.floor(c / dh), c % dh];
        return Array.from({ length: h / g }, (_, i) => r[(group * (h / g) + i) * dh + within]!).reduce((a, b) => a + b);
      }),
    );
    expect(maxAbsDifference(matrix(sums), matrix(dWk))).toBeLessThan(1e-10);
  }
});

claim("the-mean-is-the-nearest-shared-head", () => {
  const [d, heads, kvHeads, headDim] = [5, 6, 2, 3];
  const { wk, wv } = layer(1, d, heads, heads, headDim);
  const pooled = meanPoolKvHeads({ wk, wv }, { heads, kvHeads, headDim });
  const distance = (shared: Matrix) =>
    Array.from({ length: 3 }, (_, i) => {
      const head = slice(wk, i * headDim, (i + 1) * headDim);
      return head.data.reduce((s, v, at) => s + (v - shared.data[at]!) ** 2, 0);
    }).reduce((a, b) => a + b);
  const mean = slice(pooled.wk, 0, headDim);
  for (let seed = 0; seed < 20; seed++) {
    const other = matrixOver(
      mean.data.map((v, i) => v + 0.01 * normals(seed, 1, mean.size).data[i]!),
      d,
      headDim,
    );
    expect(distance(mean)).toBeLessThan(distance(other));
  }
  // heads that are equal already survive unchanged
  const tied = expandKvHeads(layer(3, d, heads, kvHeads, headDim), { heads, kvHeads });
  const back = meanPoolKvHeads(tied, { heads, kvHeads, headDim });
  const X = normals(9, 4, d);
  const before = groupedQueryAttention(X, tied, { heads }).output;
  expect(
    maxAbsDifference(groupedQueryAttention(X, { ...tied, ...back }, { heads, kvHeads }).output, before),
  ).toBeLessThan(1e-12);
});

claim("key-subspaces-limit-the-rank", () => {
  const [d, heads, headDim] = [64, 8, 8];
  for (const [kvHeads, expected] of [
    [8, 64],
    [2, 16],
    [1, 8],
  ] as const) {
    const { wq, wk } = expandKvHeads(layer(5, d, heads, kvHeads, headDim), { heads, kvHeads });
    const forms = Array.from({ length: heads }, (_, i) =>
      matmul(slice(wq, i * headDim, (i + 1) * headDim), transpose(slice(wk, i * headDim, (i + 1) * headDim))),
    );
    const stacked = matrix(forms.flatMap((form) => toRows(form)));
    const { s } = svd(stacked);
    expect(s.filter((value) => value > 1e-10 * s[0]!)).toHaveLength(expected);
    expect(frobeniusNorm(stacked)).toBeGreaterThan(1);
  }
});

claim("tensor-parallel-devices-hold-whole-heads", () => {
  const device = (kvHeads: number, tensorParallel: number) =>
    kvCacheBytes({ layers: 1, kvHeads, headDim: 128, tensorParallel }).perDevice;
  expect(device(8, 8)).toBe(device(1, 8)); // at 8 devices multi-query saves nothing
  expect(device(8, 16)).toBe(device(8, 8)); // and at 16 each head is stored twice
  expect(16 * device(8, 16)).toBe(2 * kvCacheBytes({ layers: 1, kvHeads: 8, headDim: 128 }).perToken);
  expect(device(64, 8)).toBe(8 * device(8, 8));
});

test("contiguous grouping: a checkpoint read with interleaved groups gives other outputs", () => {
  const weights = layer(2, 6, 4, 2, 3);
  const X = normals(7, 5, 6);
  const { wk, wv } = expandKvHeads(weights, { heads: 4, kvHeads: 2 });
  const swapped = (W: Matrix) =>
    matrix(toRows(W).map((r) => [...r.slice(0, 3), ...r.slice(6, 9), ...r.slice(3, 6), ...r.slice(9, 12)]));
  const right = groupedQueryAttention(X, weights, { heads: 4, kvHeads: 2 }).output;
  const wrong = groupedQueryAttention(X, { ...weights, wk: swapped(wk), wv: swapped(wv) }, { heads: 4 }).output;
  expect(maxAbsDifference(right, wrong)).toBeGreaterThan(0.1);
});

describe("bad input", () => {
  const X = normals(1, 3, 6);
  test.each<readonly [string, () => unknown]>([
    [
      "groupedQueryAttention: kvHeads must divide heads, got 4 and 6",
      () => groupedQueryAttention(X, layer(1, 6, 6, 4, 2), { heads: 6, kvHeads: 4 }),
    ],
    [
      "groupedQueryAttention: kvHeads must be an integer in [1, 4], got 8",
      () => groupedQueryAttention(X, layer(1, 6, 4, 4, 2), { heads: 4, kvHeads: 8 }),
    ],
    [
      "groupedQueryAttention: wk must be 6×4, got 6×8",
      () => groupedQueryAttention(X, layer(1, 6, 4, 4, 2), { heads: 4, kvHeads: 2 }),
    ],
    [
      "groupedQueryAttention: wq must have as many rows as X has columns, got 5 and 6",
      () => groupedQueryAttention(X, layer(1, 5, 4, 2, 2), { heads: 4, kvHeads: 2 }),
    ],
    [
      "expandKvHeads: wq must have a multiple of 3 columns, got 8",
      () => expandKvHeads(layer(1, 6, 4, 4, 2), { heads: 3, kvHeads: 3 }),
    ],
    [
      "meanPoolKvHeads: wk must have 4·3 columns, got 8",
      () => meanPoolKvHeads(layer(1, 6, 4, 4, 2), { heads: 4, kvHeads: 2, headDim: 3 }),
    ],
    [
      "kvCacheBytes: tensorParallel must divide kvHeads or be a multiple of it, got 3 and 8",
      () => kvCacheBytes({ layers: 1, kvHeads: 8, headDim: 64, tensorParallel: 3 }),
    ],
    [
      "kvCacheBytes: tokens must be an integer at least 1, got 0",
      () => kvCacheBytes({ layers: 1, kvHeads: 8, headDim: 64, tokens: 0 }),
    ],
    [
      "decodeAttentionIntensity: heads must be an integer at least 1, got 0",
      () => decodeAttentionIntensity({ heads: 0, kvHeads: 1 }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });
});
