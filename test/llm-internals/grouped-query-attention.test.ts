import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matmul as product, square, sum } from "../../src/autodiff/ops.js";
import {
  attention,
  causalBias,
  scaledDotProductAttention,
} from "../../src/demos/deep-learning-foundations/attention.js";
import {
  fromMatrix,
  grad,
  type Tensor,
  tensor,
  toMatrix,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { numericalRank } from "../../src/demos/linear-algebra/svd-and-pca.js";
import {
  type AttentionWeights,
  decodeAttentionIntensity,
  expandKvHeads,
  groupedAttention,
  groupedAttentionCost,
  groupedDotProductAttention,
  groupedQueryAttention,
  kvCacheBytes,
  meanPoolKvHeads,
} from "../../src/demos/llm-internals/grouped-query-attention.js";
import {
  createTransformer,
  evaluate,
  trainTransformerSteps,
} from "../../src/demos/llm-internals/transformer-architecture.js";
import { AdamW } from "../../src/demos/training-fundamentals/adam-and-adamw.js";
import { SHAPES } from "../../src/figures/llm-internals/grouped-query-attention.js";
import { loadCheckpoint } from "../../src/lib/checkpoints.js";
import {
  frobeniusNorm,
  type Matrix,
  matrix,
  matrixOver,
  maxAbsDifference,
  row,
  toRows,
  transpose,
} from "../../src/lib/matrix.js";
import { loadMobyDick } from "../../src/lib/moby-dick.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("llm-internals/grouped-query-attention");

type Rows = Readonly<
  Record<"x" | "wq" | "wk" | "wv" | "wo" | "output" | "keys" | "values" | "dWk" | "dWv", number[][]>
>;
interface Case extends Rows {
  readonly heads: number;
  readonly kvHeads: number;
  readonly causal: boolean;
  readonly positions: number[] | null;
  readonly base: number;
}
interface Fixture {
  readonly cases: readonly Case[];
  readonly pooled: { readonly many: number[][]; readonly mean: number[][] };
  readonly starts: number[];
  readonly conversions: readonly {
    readonly kvHeads: number;
    readonly mean: number;
    readonly first: number;
    readonly lost: number[];
  }[];
}
const weightsOf = ({ wq, wk, wv, wo }: Rows): AttentionWeights => ({
  wq: matrix(wq),
  wk: matrix(wk),
  wv: matrix(wv),
  wo: matrix(wo),
});

/** Entries of variance 1/rows: what they multiply keeps its size, so that absolute tolerances mean something. */
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
const rowsOf = (A: Matrix, from: number, to: number) => matrix(toRows(A).slice(from, to));
const map = (A: Matrix, f: (value: number, at: number) => number) =>
  matrixOver(Float64Array.from(A.data, f), A.shape[0]!, A.shape[1]!);

interface Size {
  readonly seed: number;
  readonly n: number;
  readonly d: number;
  readonly kvHeads: number;
  readonly size: number;
  readonly headDim: number;
}
const sizes = fc.record({
  seed: fc.nat(999),
  n: fc.integer({ min: 1, max: 6 }),
  d: fc.integer({ min: 1, max: 7 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  size: fc.integer({ min: 1, max: 4 }),
  headDim: fc.constantFrom(2, 4),
});
const made = ({ seed, n, d, kvHeads, size, headDim }: Size) => {
  const heads = kvHeads * size;
  return { X: map(normals(seed + 9, n, d), (v) => v * 2), weights: layer(seed, d, heads, kvHeads, headDim), heads };
};
const runs = { numRuns: 40 };

/** The layer number by number from its definition, counting its operations; it shares no code with the demo. */
function plainly(X: number[][], weights: AttentionWeights, heads: number, kvHeads: number, causal: boolean) {
  const times = (a: number[][], b: number[][]) =>
    a.map((r) => b[0]!.map((_, c) => r.reduce((s, v, i) => s + v * b[i]![c]!, 0)));
  const [Q, K, V] = [weights.wq, weights.wk, weights.wv].map((w) => times(X, toRows(w)));
  const d = Q![0]!.length / heads;
  let flops = 0;
  let pairs = 0;
  const mixed = X.map((_, i) => {
    const seen = X.map((_, j) => j).filter((j) => !causal || j <= i);
    pairs += seen.length;
    return Array.from({ length: heads }, (_, head) => {
      const at = Math.floor(head / (heads / kvHeads)) * d;
      const powers = seen.map((j) => {
        let score = 0;
        for (let c = 0; c < d; c++, flops += 2) score += Q![i]![head * d + c]! * K![j]![at + c]!;
        return Math.exp(score / Math.sqrt(d));
      });
      const total = powers.reduce((a, b) => a + b);
      return Array.from({ length: d }, (_, c) => {
        let value = 0;
        for (let s = 0; s < seen.length; s++, flops += 2) value += (powers[s]! / total) * V![seen[s]!]![at + c]!;
        return value;
      });
    }).flat();
  });
  return { output: matrix(times(mixed, toRows(weights.wo))), flopsPerPair: flops / pairs };
}

claim("grouping-is-tying", () => {
  for (const { x, heads, kvHeads, causal, positions, base, output, keys, values, ...rest } of oracle<Fixture>().cases) {
    const options = { heads, kvHeads, causal, ...(positions && { positions, rope: { base } }) };
    const y = groupedQueryAttention(matrix(x), weightsOf({ x, output, keys, values, ...rest }), options);
    expect(maxAbsDifference(y.output, matrix(output))).toBeLessThan(1e-12);
    expect(maxAbsDifference(y.keys, matrix(keys))).toBeLessThan(1e-12);
    expect(maxAbsDifference(y.values, matrix(values))).toBeLessThan(1e-12);
  }
  fc.assert(
    fc.property(sizes, fc.boolean(), fc.boolean(), (size, causal, turn) => {
      const { X, weights, heads } = made(size);
      const { kvHeads, n } = size;
      const options = { heads, causal, ...(turn && { positions: Array.from({ length: n }, (_, i) => 3 * i) }) };
      const grouped = groupedQueryAttention(X, weights, { ...options, kvHeads });
      const full = groupedQueryAttention(X, expandKvHeads(weights, { heads, kvHeads }), options);
      expect(maxAbsDifference(grouped.output, full.output)).toBeLessThan(1e-12);
      if (turn) return;
      expect(maxAbsDifference(grouped.output, plainly(toRows(X), weights, heads, kvHeads, causal).output)).toBeLessThan(
        1e-12,
      );
    }),
    runs,
  );
});

claim("cache-shrinks-by-h-over-hkv", () => {
  const bytes = (layers: number, kvHeads: number) => kvCacheBytes({ layers, kvHeads, headDim: 128 }).perToken;
  expect([bytes(32, 32), bytes(32, 8), bytes(80, 8), bytes(80, 64)]).toEqual([524_288, 131_072, 327_680, 2_621_440]);
  expect([bytes(32, 32) / bytes(32, 8), bytes(80, 64) / bytes(80, 8), bytes(80, 64) / bytes(80, 1)]).toEqual([
    4, 8, 64,
  ]);
  // and it is what the layer hands out
  fc.assert(
    fc.property(sizes, (size) => {
      const { X, weights, heads } = made(size);
      const { n: tokens, kvHeads, headDim } = size;
      const { keys, values } = groupedQueryAttention(X, weights, { heads, kvHeads });
      expect(keys.data.byteLength + values.data.byteLength).toBe(
        kvCacheBytes({ layers: 1, kvHeads, headDim, bytesPerElement: 8, tokens }).total,
      );
    }),
    runs,
  );
  const odd = { layers: 3, kvHeads: 4, headDim: 5, bytesPerElement: 0.5, tokens: 7, sequences: 11 };
  expect(kvCacheBytes(odd)).toEqual({ perToken: 60, total: 60 * 77, perDevice: 60 * 77 });
});

claim("operations-of-attention-stay", () => {
  const [heads, headDim, d] = [6, 4, 5];
  const counted = [6, 3, 2, 1].map((kvHeads) => {
    const weights = layer(3, d, heads, kvHeads, headDim);
    const cost = groupedAttentionCost({ d, heads, kvHeads, headDim });
    expect(cost.weights).toBe(Object.values(weights).reduce((total, w) => total + w.size, 0));
    const { flopsPerPair } = plainly(toRows(normals(1, 4, d)), weights, heads, kvHeads, true);
    expect(cost.flopsPerPair).toBe(flopsPerPair);
    return flopsPerPair;
  });
  expect(counted).toEqual([96, 96, 96, 96]); // 4·6·4
  const millions = (kvHeads: number) =>
    (groupedAttentionCost({ d: 4096, heads: 32, kvHeads, headDim: 128 }).weights / 1e6).toFixed(1);
  expect([millions(8), millions(32)]).toEqual(["41.9", "67.1"]);
  for (const [h, kvHeads, intensity] of [
    [32, 32, 1],
    [32, 8, 4],
    [64, 8, 8],
  ] as const) {
    expect(decodeAttentionIntensity({ heads: h, kvHeads })).toBe(intensity);
    // the quotient of operations and bytes, for any batch and context
    for (const [tokens, sequences] of [
      [1, 1],
      [8192, 128],
    ] as const) {
      const flops = groupedAttentionCost({ d: 1, heads: h, kvHeads, headDim: 128 }).flopsPerPair * tokens * sequences;
      expect(flops / kvCacheBytes({ layers: 1, kvHeads, headDim: 128, tokens, sequences }).total).toBe(intensity);
    }
  }
  expect(decodeAttentionIntensity({ heads: 12, kvHeads: 3, bytesPerElement: 0.5 })).toBe(16);
  expect((989.4e12 / 3.35e12).toFixed(0)).toBe("295");
});

claim("shared-heads-gather-gradients", () => {
  const gradients = (
    x: number[][],
    { wq, wk, wv, wo }: AttentionWeights,
    heads: number,
    kvHeads: number,
    causal: boolean,
  ) => {
    const [X, q, o] = [matrix(x), wq, wo].map((a) => fromMatrix(a, "float64")) as [Tensor, Tensor, Tensor];
    return grad((w: { readonly wk: Tensor; readonly wv: Tensor }) => {
      const mixed = groupedAttention(product(X, q), product(X, w.wk), product(X, w.wv), {
        heads,
        kvHeads,
        ...(causal && { bias: causalBias(x.length, x.length, "float64") }),
      });
      return sum(square(product(mixed, o)));
    })({ wk: fromMatrix(wk, "float64"), wv: fromMatrix(wv, "float64") });
  };
  let shared = 0;
  for (const { heads, kvHeads, causal, positions, ...rows } of oracle<Fixture>().cases) {
    if (positions) continue;
    const grouped = gradients(rows.x, weightsOf(rows), heads, kvHeads, causal);
    const copies = gradients(rows.x, expandKvHeads(weightsOf(rows), { heads, kvHeads }), heads, heads, causal);
    const [width, size] = [rows.wk[0]!.length, heads / kvHeads];
    const headDim = width / kvHeads;
    if (size > 1) shared++;
    for (const [name, theirs] of [
      ["wk", rows.dWk],
      ["wv", rows.dWv],
    ] as const) {
      const gathered = toRows(toMatrix(copies[name])).map((r) =>
        Array.from({ length: width }, (_, c) => {
          const first = Math.floor(c / headDim) * size * headDim + (c % headDim);
          return Array.from({ length: size }, (_, i) => r[first + i * headDim]!).reduce((a, b) => a + b);
        }),
      );
      expect(maxAbsDifference(toMatrix(grouped[name]), matrix(theirs)), name).toBeLessThan(1e-10);
      expect(maxAbsDifference(matrix(gathered), matrix(theirs)), name).toBeLessThan(1e-10);
    }
  }
  expect(shared).toBe(3);
});

/** Σ_i ‖W_i − shared head of i's group‖²: what tying the heads of W loses. */
const lost = (W: Matrix, shared: Matrix, heads: number, kvHeads: number, headDim: number) =>
  toRows(W)
    .flatMap((r, at) =>
      r.map((v, c) => {
        const group = Math.floor(Math.floor(c / headDim) / (heads / kvHeads));
        return (v - shared.get(at, group * headDim + (c % headDim))) ** 2;
      }),
    )
    .reduce((a, b) => a + b);

claim("the-mean-is-the-nearest-shared-head", () => {
  const { many, mean } = oracle<Fixture>().pooled;
  const theirs = meanPoolKvHeads(
    { wk: matrix(many), wv: map(matrix(many), (v) => -v) },
    { heads: 6, kvHeads: 2, headDim: 2 },
  );
  expect(maxAbsDifference(theirs.wk, matrix(mean))).toBeLessThan(1e-15);
  expect(maxAbsDifference(theirs.wv, matrix(mean.map((r) => r.map((v) => -v))))).toBeLessThan(1e-15);
  fc.assert(
    fc.property(sizes, (size) => {
      const { X, weights, heads } = made(size);
      const { seed, d, kvHeads, headDim } = size;
      // a step away from the mean costs h/h_kv times its square, whatever its direction
      const wk = normals(seed, d, heads * headDim);
      const pooled = meanPoolKvHeads({ wk, wv: wk }, { heads, kvHeads, headDim }).wk;
      const step = normals(seed + 5, d, kvHeads * headDim);
      const moved = map(pooled, (v, at) => v + step.data[at]!);
      const more = lost(wk, moved, heads, kvHeads, headDim) - lost(wk, pooled, heads, kvHeads, headDim);
      expect(more / (size.size * frobeniusNorm(step) ** 2)).toBeCloseTo(1, 10);
      // heads that are equal already are left as they are, and so is the output
      const tied = expandKvHeads(weights, { heads, kvHeads });
      const back = meanPoolKvHeads(tied, { heads, kvHeads, headDim });
      expect([back.wk.data, back.wv.data]).toEqual([weights.wk.data, weights.wv.data]);
      const before = groupedQueryAttention(X, tied, { heads }).output;
      const after = groupedQueryAttention(X, { ...tied, ...back }, { heads, kvHeads }).output;
      expect(maxAbsDifference(after, before)).toBeLessThan(1e-12);
    }),
    runs,
  );
  // unrelated heads; a standard error is at most √(2/4096) = 2 % of the mean's loss
  const [heads, headDim] = [8, 16];
  const W = normals(1, 64, heads * headDim);
  for (const kvHeads of [4, 2, 1]) {
    const size = heads / kvHeads;
    const share = (shared: Matrix) => lost(W, shared, heads, kvHeads, headDim) / frobeniusNorm(W) ** 2;
    const first = matrix(toRows(W).map((r) => r.filter((_, c) => Math.floor(c / headDim) % size === 0)));
    const byMean = share(meanPoolKvHeads({ wk: W, wv: W }, { heads, kvHeads, headDim }).wk);
    expect(Math.abs(byMean / (1 - kvHeads / heads) - 1)).toBeLessThan(0.05);
    expect(Math.abs(share(first) / (1 - kvHeads / heads) - 2)).toBeLessThan(0.1);
  }
});

claim("key-subspaces-limit-the-rank", () => {
  const [d, heads, headDim] = [64, 8, 8];
  const ranks = [8, 2, 1].map((kvHeads) => {
    const { wq, wk } = expandKvHeads(layer(5, d, heads, kvHeads, headDim), { heads, kvHeads });
    const forms = Array.from({ length: heads }, (_, i) =>
      matmul(slice(wq, i * headDim, (i + 1) * headDim), transpose(slice(wk, i * headDim, (i + 1) * headDim))),
    );
    // One below the other they share the key subspaces; side by side, the queries', which are not tied.
    return [forms.flatMap((form) => toRows(form)), forms.flatMap((form) => toRows(transpose(form)))].map((rows) =>
      numericalRank(matrix(rows)),
    );
  });
  expect(ranks).toEqual([
    [64, 64],
    [16, 64],
    [8, 64],
  ]);
});

claim("tensor-parallel-devices-hold-whole-heads", () => {
  const device = (kvHeads: number, tensorParallel: number) =>
    kvCacheBytes({ layers: 1, kvHeads, headDim: 128, tensorParallel }).perDevice;
  expect(device(8, 8)).toBe(device(1, 8)); // at 8 devices multi-query saves nothing
  expect(16 * device(8, 16)).toBe(2 * kvCacheBytes({ layers: 1, kvHeads: 8, headDim: 128 }).perToken);
  // counted: a device of p has h/p neighbouring query heads and needs the KV heads that they read
  for (const kvHeads of [1, 2, 8, 64]) {
    for (const p of [1, 2, 4, 8, 16, 32]) {
      const needed = Array.from({ length: p }, (_, device) => {
        const own = Array.from({ length: 64 / p }, (_, i) => (device * 64) / p + i);
        return new Set(own.map((i) => Math.floor(i / (64 / kvHeads)))).size;
      });
      expect([...new Set(needed)]).toEqual([device(kvHeads, p) / device(1, 1)]);
    }
  }
});

claim("a-past-continues-exactly", () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 5 }), fc.boolean(), (size, cut, turn) => {
      const n = size.n + cut;
      const { X, weights, heads } = made({ ...size, n });
      const options = (from: number, to: number) => ({
        heads,
        kvHeads: size.kvHeads,
        ...(turn && { positions: Array.from({ length: to - from }, (_, i) => from + i) }),
      });
      const whole = groupedQueryAttention(X, weights, options(0, n));
      const past = groupedQueryAttention(rowsOf(X, 0, cut), weights, options(0, cut));
      const next = groupedQueryAttention(rowsOf(X, cut, n), weights, { ...options(cut, n), past });
      expect(maxAbsDifference(past.output, rowsOf(whole.output, 0, cut))).toBeLessThan(1e-12);
      expect(maxAbsDifference(next.output, rowsOf(whole.output, cut, n))).toBeLessThan(1e-12);
      expect(maxAbsDifference(next.keys, whole.keys)).toBeLessThan(1e-12);
      expect(maxAbsDifference(next.values, whole.values)).toBeLessThan(1e-12);
    }),
    runs,
  );
});

claim("conversion-needs-training", () => {
  const { characters, config, parameters } = loadCheckpoint("tiny-rope");
  const codes = new Map([...characters].map((character, code) => [character, code]));
  const novel = Int32Array.from(loadMobyDick().text, (character) => codes.get(character)!);
  const { starts, conversions } = oracle<Fixture>();
  const wide = (p: Float32Array) => matrixOver(Float64Array.from(p), p.length / 32, 32);
  const mean = (W: Matrix, kvHeads: number) => meanPoolKvHeads({ wk: W, wv: W }, { heads: 4, kvHeads, headDim: 8 }).wk;
  const first = (W: Matrix, kvHeads: number) =>
    matrix(toRows(W).map((r) => r.filter((_, c) => Math.floor(c / 8) % (4 / kvHeads) === 0)));
  const converted = (kvHeads: number, fewer: typeof mean) => {
    const model = createTransformer({ ...config, kvHeads });
    for (const [name, p] of Object.entries(parameters)) {
      model.parameters[name]!.data.set(/key|value/.test(name) ? fewer(wide(p), kvHeads).data : p);
    }
    return model;
  };
  const rounded: string[][] = [];
  for (const { kvHeads, lost, ...theirs } of conversions) {
    const mine = [mean, first].map((fewer) => evaluate(converted(kvHeads, fewer), novel, starts, 64));
    expect(Math.abs(mine[0]! - theirs.mean)).toBeLessThan(1e-4); // the model is float32
    expect(Math.abs(mine[1]! - theirs.first)).toBeLessThan(1e-4);
    rounded.push(mine.map((loss) => loss.toFixed(2)));
    [0, 1].forEach((block) => {
      const wk = wide(parameters[`blocks.${block}.key.weight`]!);
      const pooled = mean(wk, kvHeads);
      const weights = { wq: wk, wk: pooled, wv: pooled, wo: wk };
      const error = map(expandKvHeads(weights, { heads: 4, kvHeads }).wk, (v, at) => v - wk.data[at]!);
      expect((frobeniusNorm(error) / frobeniusNorm(wk)) ** 2).toBeCloseTo(lost[block]!, 9);
    });
  }
  expect(rounded).toEqual([
    ["1.82", "1.82"],
    ["3.29", "3.11"],
    ["3.93", "4.29"],
  ]);
  expect(conversions.map(({ lost }) => lost.map((share) => Math.round(100 * share)))).toEqual([
    [0, 0],
    [48, 48],
    [72, 75],
  ]);
  const upTrain = (steps: number) => {
    const model = converted(1, mean);
    const optimizer = new AdamW({ lr: 3e-3, weightDecay: 0 });
    const options = { optimizer, steps, batch: 1, context: 64, seed: 2 };
    return [model, [...trainTransformerSteps(model, novel.subarray(0, 1_100_000), options)]] as const;
  };
  const [model, steps] = upTrain(25);
  expect(evaluate(model, novel, starts, 64)).toBeLessThan(2.9);
  expect(upTrain(5)[1]).toEqual(steps.slice(0, 5));
});

claim("interleaved-groups-are-silently-wrong", () => {
  const [d, heads, kvHeads, headDim] = [32, 8, 2, 4];
  const weights = layer(2, d, heads, kvHeads, headDim);
  const X = map(normals(7, 12, d), (v) => v * Math.sqrt(12));
  // the checkpoint's own reader: query head i with KV head i mod 2, written out as multi-head weights
  const own = (W: Matrix) =>
    matrix(
      toRows(W).map((r) =>
        Array.from(
          { length: heads * headDim },
          (_, c) => r[(Math.floor(c / headDim) % kvHeads) * headDim + (c % headDim)]!,
        ),
      ),
    );
  const right = groupedQueryAttention(X, { ...weights, wk: own(weights.wk), wv: own(weights.wv) }, { heads }).output;
  const wrong = groupedQueryAttention(X, weights, { heads, kvHeads }).output;
  expect(frobeniusNorm(map(wrong, (v, at) => v - right.data[at]!)) / frobeniusNorm(right)).toBeGreaterThan(0.5);
  // mended: the query heads of KV head 0 first, in the columns of wq and in the rows of wo
  const order = [0, 2, 4, 6, 1, 3, 5, 7].flatMap((i) => [0, 1, 2, 3].map((c) => headDim * i + c));
  const sorted = (W: Matrix) => matrix(order.map((r) => row(W, r)));
  const mended = { ...weights, wq: transpose(sorted(transpose(weights.wq))), wo: sorted(weights.wo) };
  expect(maxAbsDifference(groupedQueryAttention(X, mended, { heads, kvHeads }).output, right)).toBeLessThan(1e-12);
});

claim("decoding-gains-where-the-cache-is-read", () => {
  const { layers, parameters } = SHAPES["Llama-3-8B"];
  const bytes = (kvHeads: number, sequences: number, tokens: number) =>
    2 * parameters + kvCacheBytes({ layers, kvHeads, headDim: 128, sequences, tokens }).total;
  const ratio = (...at: [sequences: number, tokens: number]) => (bytes(32, ...at) / bytes(8, ...at)).toFixed(2);
  expect([ratio(1, 1024), ratio(1, 8192), ratio(128, 8192)]).toEqual(["1.02", "1.19", "3.69"]);
  expect((100 * (1 - (2 * parameters) / bytes(8, 1, 1024))).toFixed(2)).toBe("0.83");
});

test("by hand: heads of output 3 and 2, together 5", () => {
  const weights = {
    wq: matrix([[Math.log(3), 0]]),
    wk: matrix([[1]]),
    wv: matrix([[4]]),
    wo: matrix([[1], [1]]),
  };
  const { output, keys, values } = groupedQueryAttention(matrix([[0], [1]]), weights, { heads: 2, kvHeads: 1 });
  expect(output.get(0, 0)).toBe(0);
  expect(output.get(1, 0)).toBeCloseTo(5, 14);
  expect([[...keys.data], [...values.data]]).toEqual([
    [0, 1],
    [0, 4],
  ]);
});

test("between the projections: attention head by head, for values of another width and any scale", () => {
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      ({ seed, n, kvHeads, size, headDim }, dv, causal) => {
        const [heads, m] = [kvHeads * size, n + 2];
        const [Q, K, V] = [
          normals(seed, n, heads * headDim),
          normals(seed + 1, m, kvHeads * headDim),
          normals(seed + 2, m, kvHeads * dv),
        ];
        for (const given of [{}, { scale: 0.3 }]) {
          const output = groupedDotProductAttention(Q, K, V, { heads, kvHeads, causal, ...given });
          expect(output.shape).toEqual([n, heads * dv]);
          for (let i = 0; i < heads; i++) {
            const g = Math.floor(i / size);
            const part = (A: Matrix, at: number, width: number) => slice(A, at * width, (at + 1) * width);
            const alone = scaledDotProductAttention(part(Q, i, headDim), part(K, g, headDim), part(V, g, dv), {
              causal,
              ...given,
            });
            expect(maxAbsDifference(part(output, i, dv), alone.output)).toBeLessThan(1e-12);
          }
        }
      },
    ),
    runs,
  );
});

describe("on tensors", () => {
  const [batch, n, m, heads, kvHeads, dh, dv] = [3, 2, 5, 6, 2, 4, 3];
  const { normal } = random(4);
  const drawn = (...shape: number[]) =>
    tensor(Float64Array.from({ length: shape.reduce((a, b) => a * b) }, normal), shape);
  const [Q, K, V] = [drawn(batch, n, heads * dh), drawn(batch, m, kvHeads * dh), drawn(batch, m, kvHeads * dv)];
  const member = (x: Tensor, b: number) => {
    const [rows, width] = x.shape.slice(1) as [number, number];
    return matrixOver(Float64Array.from(x.data.slice(b * rows * width, (b + 1) * rows * width)), rows, width);
  };

  test("a batch is its members; the causal bias is the causal mask", () => {
    const y = groupedAttention(Q, K, V, { heads, kvHeads, bias: causalBias(n, m, "float64"), scale: 0.7 });
    expect(y.shape).toEqual([batch, n, heads * dv]);
    for (let b = 0; b < batch; b++) {
      const [q, k, v] = [Q, K, V].map((x) => member(x, b)) as [Matrix, Matrix, Matrix];
      const alone = groupedDotProductAttention(q, k, v, { heads, kvHeads, scale: 0.7 });
      expect(maxAbsDifference(member(y, b), alone)).toBeLessThan(1e-13);
    }
  });

  test("a bias for each head goes to that head; one for all may have an axis of 1", () => {
    const bias = drawn(heads, n, m);
    const of = (i: number, ...shape: number[]) =>
      tensor(Float64Array.from(bias.data.slice(i * n * m, (i + 1) * n * m)), shape);
    const y = groupedAttention(Q, K, V, { heads, kvHeads, bias });
    const part = (x: Tensor, b: number, i: number, width: number) =>
      fromMatrix(slice(member(x, b), i * width, (i + 1) * width), "float64");
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < heads; i++) {
        const g = Math.floor(i / 3);
        const alone = attention(part(Q, b, i, dh), part(K, b, g, dh), part(V, b, g, dv), { bias: of(i, n, m) });
        expect(maxAbsDifference(toMatrix(part(y, b, i, dv)), toMatrix(alone))).toBeLessThan(1e-13);
      }
    }
    const options = { heads, kvHeads };
    expect(groupedAttention(Q, K, V, { ...options, bias: of(1, 1, n, m) }).data).toEqual(
      groupedAttention(Q, K, V, { ...options, bias: of(1, n, m) }).data,
    );
  });

  test("without kvHeads it is multi-head attention", () => {
    const one = (width: number, seed: number) => fromMatrix(normals(seed, 4, width), "float64");
    const y = groupedAttention(one(6, 1), one(6, 2), one(6, 3), { heads: 3 });
    const full = groupedDotProductAttention(normals(1, 4, 6), normals(2, 4, 6), normals(3, 4, 6), {
      heads: 3,
      causal: false,
    });
    expect(maxAbsDifference(toMatrix(y), full)).toBeLessThan(1e-13);
  });
});

withTensorFlow("repeated heads (gather) in TensorFlow.js agree to 1e-5 (float32 there)", (tf) => {
  const [X, weights] = [map(normals(7, 5, 6), (v) => 2 * v), layer(8, 6, 4, 2, 4)];
  const x = tf.tensor2d(toRows(X));
  const split = (W: Matrix, count: number) =>
    tf.transpose(tf.reshape(tf.matMul(x, tf.tensor2d(toRows(W))), [5, count, 4]), [1, 0, 2]);
  const [q, k, v] = [
    split(weights.wq, 4),
    ...[weights.wk, weights.wv].map((W) => tf.gather(split(W, 2), [0, 0, 1, 1])),
  ];
  const mixed = tf.matMul(tf.softmax(tf.mul(tf.matMul(q!, k!, false, true), 0.5)), v!);
  const joined = tf.reshape(tf.transpose(mixed, [1, 0, 2]), [5, 16]);
  const theirs = tf.matMul(joined, tf.tensor2d(toRows(weights.wo))).dataSync();
  const { output } = groupedQueryAttention(X, weights, { heads: 4, kvHeads: 2, causal: false });
  output.data.forEach((value, at) => {
    expect(Math.abs(value - theirs[at]!)).toBeLessThan(1e-5);
  });
});

describe("bad input and extremes", () => {
  const X = normals(1, 3, 6);
  const good = layer(1, 6, 4, 2, 2);
  const options = { heads: 4, kvHeads: 2 };
  const [Q, K, V] = [normals(1, 2, 8), normals(2, 3, 4), normals(3, 3, 6)];
  const shape = { layers: 1, kvHeads: 8, headDim: 64 };
  const one = tensor([1], [1, 1]);
  const past = (keys: Matrix, values: Matrix) => () =>
    groupedQueryAttention(X, good, { ...options, past: { keys, values } });
  test.each<readonly [string, () => unknown]>([
    [
      "groupedQueryAttention: kvHeads must divide heads, got 4 and 6",
      () => groupedQueryAttention(X, layer(1, 6, 6, 4, 2), { heads: 6, kvHeads: 4 }),
    ],
    [
      "groupedQueryAttention: kvHeads must be an integer in [1, 4], got 8",
      () => groupedQueryAttention(X, layer(1, 6, 4, 4, 2), { heads: 4, kvHeads: 8 }),
    ],
    ["groupedQueryAttention: wk must be 6×4, got 6×8", () => groupedQueryAttention(X, layer(1, 6, 4, 4, 2), options)],
    [
      "groupedQueryAttention: wv must be 6×4, got 6×3",
      () => groupedQueryAttention(X, { ...good, wv: normals(1, 6, 3) }, options),
    ],
    [
      "groupedQueryAttention: wo must be 8×6, got 8×5",
      () => groupedQueryAttention(X, { ...good, wo: normals(1, 8, 5) }, options),
    ],
    [
      "groupedQueryAttention: wq must have as many rows as X has columns, got 5 and 6",
      () => groupedQueryAttention(X, layer(1, 5, 4, 2, 2), options),
    ],
    [
      "groupedQueryAttention: positions must have length 3, got 2",
      () => groupedQueryAttention(X, good, { ...options, positions: [0, 1] }),
    ],
    [
      "groupedQueryAttention: positions must be finite, got NaN at 1",
      () => groupedQueryAttention(X, good, { ...options, positions: [0, Number.NaN, 1] }),
    ],
    ["groupedQueryAttention: past.keys must be 2×4, got 2×5", past(normals(1, 2, 5), normals(1, 2, 4))],
    ["groupedQueryAttention: past.values must be 2×4, got 1×4", past(normals(1, 2, 4), normals(1, 1, 4))],
    [
      "groupedQueryAttention: X must be finite, got NaN at (0, 1)",
      () => groupedQueryAttention(matrix([[1, Number.NaN, 0, 0, 0, 0]]), good, options),
    ],
    [
      "groupedQueryAttention: wv must be finite, got Infinity at (0, 0)",
      () => groupedQueryAttention(X, { ...good, wv: map(good.wv, (v, at) => (at === 0 ? Infinity : v)) }, options),
    ],
    [
      "groupedDotProductAttention: Q must have a multiple of 3 columns, got 8",
      () => groupedDotProductAttention(Q, K, V, { heads: 3 }),
    ],
    ["groupedDotProductAttention: K must be 3×4, got 3×6", () => groupedDotProductAttention(Q, V, V, options)],
    [
      "groupedDotProductAttention: V must have a multiple of 2 columns, got 5",
      () => groupedDotProductAttention(Q, K, normals(1, 3, 5), options),
    ],
    [
      "groupedDotProductAttention: V must be 3×6, got 2×6",
      () => groupedDotProductAttention(Q, K, normals(1, 2, 6), options),
    ],
    [
      "groupedDotProductAttention: K must have at least the 4 rows of Q if causal, got 3",
      () => groupedDotProductAttention(normals(1, 4, 8), K, V, options),
    ],
    [
      "groupedAttention: kvHeads must divide heads, got 3 and 4",
      () => groupedAttention(one, one, one, { heads: 4, kvHeads: 3 }),
    ],
    [
      "expandKvHeads: wq must have a multiple of 3 columns, got 8",
      () => expandKvHeads(layer(1, 6, 4, 4, 2), { heads: 3, kvHeads: 3 }),
    ],
    ["expandKvHeads: wk must be 6×2, got 6×4", () => expandKvHeads(good, { heads: 4, kvHeads: 1 })],
    [
      "meanPoolKvHeads: wk must have 4·3 columns, got 8",
      () => meanPoolKvHeads(layer(1, 6, 4, 4, 2), { ...options, headDim: 3 }),
    ],
    [
      "meanPoolKvHeads: wv must have 4·2 columns, got 4",
      () => meanPoolKvHeads({ wk: good.wq, wv: good.wv }, { ...options, headDim: 2 }),
    ],
    [
      "meanPoolKvHeads: kvHeads must divide heads, got 3 and 4",
      () => meanPoolKvHeads(good, { heads: 4, kvHeads: 3, headDim: 2 }),
    ],
    [
      "meanPoolKvHeads: headDim must be an integer at least 1, got 0",
      () => meanPoolKvHeads(good, { ...options, headDim: 0 }),
    ],
    [
      "kvCacheBytes: tensorParallel must divide kvHeads or be a multiple of it, got 3 and 8",
      () => kvCacheBytes({ ...shape, tensorParallel: 3 }),
    ],
    ["kvCacheBytes: tokens must be an integer at least 1, got 0", () => kvCacheBytes({ ...shape, tokens: 0 })],
    [
      "kvCacheBytes: sequences must be an integer at least 1, got NaN",
      () => kvCacheBytes({ ...shape, sequences: Number.NaN }),
    ],
    [
      "kvCacheBytes: bytesPerElement must be a finite number in (0, Infinity), got NaN",
      () => kvCacheBytes({ ...shape, bytesPerElement: Number.NaN }),
    ],
    [
      "decodeAttentionIntensity: heads must be an integer at least 1, got 0",
      () => decodeAttentionIntensity({ heads: 0, kvHeads: 1 }),
    ],
    [
      "decodeAttentionIntensity: bytesPerElement must be a finite number in (0, Infinity), got 0",
      () => decodeAttentionIntensity({ ...options, bytesPerElement: 0 }),
    ],
    [
      "groupedAttentionCost: d must be an integer at least 1, got 0",
      () => groupedAttentionCost({ ...options, d: 0, headDim: 1 }),
    ],
    [
      "groupedAttentionCost: headDim must be an integer at least 1, got 1.5",
      () => groupedAttentionCost({ ...options, d: 1, headDim: 1.5 }),
    ],
    [
      "groupedAttentionCost: kvHeads must divide heads, got 3 and 4",
      () => groupedAttentionCost({ heads: 4, kvHeads: 3, d: 1, headDim: 1 }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("what is no matrix is a TypeError", () => {
    expect(() => groupedQueryAttention([[1]] as never, good, options)).toThrow(
      new TypeError("groupedQueryAttention: X must be a rank-2 ndarray of Float64Array, got Array"),
    );
  });

  test("pooling neither overflows nor loses denormals", () => {
    const pooled = (...heads: number[]) => {
      const W = matrix([heads]);
      return meanPoolKvHeads({ wk: W, wv: W }, { heads: heads.length, kvHeads: 1, headDim: 1 }).wk.get(0, 0);
    };
    expect(pooled(1.6e308, 1.6e308)).toBe(1.6e308);
    expect(Math.abs(pooled(1.6e308, -1.6e308))).toBeLessThan(1e293);
    expect(pooled(5e-324, 5e-324)).toBe(5e-324);
    expect(pooled(0.1, 0.1, 0.1)).toBe(0.1);
  });

  test("inputs are unchanged, the same call gives the same bits, and views are read as they stand", () => {
    const given = [X, ...Object.values(good)];
    const before = given.map((a) => a.data.slice());
    const earlier = groupedQueryAttention(X, good, { ...options, positions: [0, 1, 2] });
    const kept = [earlier.keys.data.slice(), earlier.values.data.slice()];
    const run = () => groupedQueryAttention(X, good, { ...options, positions: [3, 4, 5], past: earlier }).output;
    const first = run();
    expect(run().data).toEqual(first.data);
    expect(given.map((a) => a.data)).toEqual(before);
    expect([earlier.keys.data, earlier.values.data]).toEqual(kept);
    const turned = (a: Matrix) => transpose(matrix(toRows(transpose(a)))); // the same numbers, column after column
    const [wq, wk, wv, wo] = [good.wq, good.wk, good.wv, good.wo].map(turned) as [Matrix, Matrix, Matrix, Matrix];
    const viewed = groupedQueryAttention(
      turned(X),
      { wq, wk, wv, wo },
      { ...options, positions: [3, 4, 5], past: { keys: turned(earlier.keys), values: turned(earlier.values) } },
    );
    expect(maxAbsDifference(viewed.output, first)).toBeLessThan(1e-13);
    expect(expandKvHeads({ wq, wk, wv, wo }, options).wk.data).toEqual(expandKvHeads(good, options).wk.data);
  });
});
