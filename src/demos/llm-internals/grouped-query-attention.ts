/**
 * Grouped-query attention: h query heads in h_kv groups, each of which reads one shared key head and value head. h_kv = h is
 * ordinary multi-head attention, h_kv = 1 multi-query attention.
 *
 * Follows Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019. https://arxiv.org/abs/1911.02150
 * Follows Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", 2023.
 * https://arxiv.org/abs/2305.13245
 * But:
 * - Arrays take one sequence at a time, in float64; `groupedAttention` takes batches of tensors, and trains.
 * - A past is copied when it grows: a cache that keeps room calls `groupedDotProductAttention` on its own arrays.
 * - Conversion is pooling only; the training that has to follow is done on a whole model, in the note.
 */
import { reshape, transpose } from "../../autodiff/ops.js";
import { checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor, zeros } from "../../lib/matrix.js";
import {
  attention,
  scaledDotProductAttention,
  type TensorAttentionOptions,
} from "../deep-learning-foundations/attention.js";
import type { Tensor } from "../deep-learning-foundations/backpropagation.js";
import { matmul } from "../linear-algebra/matrices-as-linear-maps.js";
import { applyRope, type RopeOptions } from "./rotary-position-embeddings.js";

/** Projections of one attention layer, as in x·W; heads lie side by side in the columns. */
export interface AttentionWeights {
  /** d×(h·dh) */
  readonly wq: Matrix;
  /** d×(h_kv·dh) */
  readonly wk: Matrix;
  /** d×(h_kv·dh) */
  readonly wv: Matrix;
  /** (h·dh)×d */
  readonly wo: Matrix;
}

/** Keys and values of m tokens, a token a row, its heads side by side: what a cache keeps for one layer. */
export interface KeysAndValues {
  /** m×(h_kv·dh), after rotation */
  readonly keys: Matrix;
  /** m×(h_kv·dh) */
  readonly values: Matrix;
}

/** Options of `groupedQueryAttention`. */
export interface GroupedOptions {
  /** h, query heads */
  readonly heads: number;
  /** h_kv, a divisor of h; default h */
  readonly kvHeads?: number;
  /** a token sees what came before it and itself; default true */
  readonly causal?: boolean;
  /** n: where the tokens of X stand, for rotary embeddings; left out, there are none */
  readonly positions?: ArrayLike<number>;
  /** base, layout and width of the rotation, default as `applyRope` */
  readonly rope?: RopeOptions;
  /** keys and values of the tokens before X, as an earlier call returned them */
  readonly past?: KeysAndValues;
}

/** What `groupedQueryAttention` returns: the output, and keys and values of all tokens, the past's first. */
export interface GroupedAttention extends KeysAndValues {
  /** n×d */
  readonly output: Matrix;
}

/**
 * Self-attention in which query head i reads key and value head ⌊i·h_kv/h⌋ (1-3).
 *
 * @param X n×d
 * @throws TypeError if something is no matrix
 * @throws RangeError if kvHeads does not divide heads, a width is not that of so many heads, or past and positions do not fit
 * @example
 * const weights = { wq: matrix([[Math.log(3), 0]]), wk: matrix([[1]]), wv: matrix([[4]]), wo: matrix([[1], [1]]) };
 * const { output, keys } = groupedQueryAttention(matrix([[0], [1]]), weights, { heads: 2, kvHeads: 1 });
 * output.get(1, 0) // 5
 * keys.shape // [2, 1]
 */
export function groupedQueryAttention(X: Matrix, weights: AttentionWeights, options: GroupedOptions): GroupedAttention {
  const { heads, kvHeads = heads, causal = true, positions, rope, past } = options;
  const [n, m] = checkLayer("groupedQueryAttention", X, weights, { ...options, kvHeads });
  const turned = (A: Matrix, count: number) => {
    if (!positions) return A;
    const perHead = Float64Array.from({ length: n * count }, (_, at) => positions[Math.floor(at / count)]!);
    const vectors = matrixOver(rowMajor(A), n * count, A.shape[1]! / count); // token after token, head after head
    return matrixOver(rowMajor(applyRope(vectors, perHead, rope)), n, A.shape[1]!);
  };
  const queries = turned(matmul(X, weights.wq), heads); // (1)
  const keys = below(past?.keys, turned(matmul(X, weights.wk), kvHeads), m);
  const values = below(past?.values, matmul(X, weights.wv), m);
  const mixed = groupedDotProductAttention(queries, keys, values, { heads, kvHeads, causal }); // (2)
  return { output: matmul(mixed, weights.wo), keys, values }; // (3)
}

/**
 * Attention between the projections (2). The query heads of a group are rows of one matrix, so that the shared keys and values
 * are read once for all of them.
 *
 * @param Q n×(h·dh)
 * @param K m×(h_kv·dh)
 * @param V m×(h_kv·dv)
 * @param options causal (default true): query i sees keys 0 … i + m − n; scale: default 1/√dh
 * @returns n×(h·dv)
 * @throws RangeError if kvHeads does not divide heads, shapes do not fit, or a causal query would see no key (m < n)
 */
export function groupedDotProductAttention(
  Q: Matrix,
  K: Matrix,
  V: Matrix,
  options: Pick<GroupedOptions, "heads" | "kvHeads" | "causal"> & { readonly scale?: number },
): Matrix {
  const { heads, kvHeads = heads, causal = true, scale } = options;
  const { n, m, size, dh, dv } = checkProjected("groupedDotProductAttention", Q, K, V, heads, kvHeads, causal);
  const mask = causal && n > 1 ? causalMask(n, m, size) : undefined; // a single query is the last and sees everything
  const output = zeros(n, heads * dv);
  for (let g = 0; g < kvHeads; g++) {
    const queries = matrixOver(rowMajor(columnsOf(Q, g, size * dh)), n * size, dh);
    const mixed = scaledDotProductAttention(queries, columnsOf(K, g, dh), columnsOf(V, g, dv), {
      ...(mask && { mask }),
      ...(scale !== undefined && { scale }),
    }).output.data;
    for (let i = 0; i < n; i++) {
      output.data.set(mixed.subarray(i * size * dv, (i + 1) * size * dv), (i * heads + g * size) * dv);
    }
  }
  return output;
}

/**
 * The same on tensors with any axes in front, so that it trains. Shared heads are broadcast over their group: the gradient of
 * one is the sum over the query heads that read it (6).
 *
 * @param Q …×n×(h·dh)
 * @param K …×m×(h_kv·dh)
 * @param V …×m×(h_kv·dv)
 * @param options bias: added to the scores, broadcasts to n×m or to …×h×n×m; scale: default 1/√dh
 * @returns …×n×(h·dv)
 */
export function groupedAttention(
  Q: Tensor,
  K: Tensor,
  V: Tensor,
  { heads, kvHeads = heads, bias, scale }: Pick<GroupedOptions, "heads" | "kvHeads"> & TensorAttentionOptions,
): Tensor {
  const size = checkHeads("groupedAttention", heads, kvHeads);
  const mixed = attention(splitHeads(Q, kvHeads, size), splitHeads(K, kvHeads, 1), splitHeads(V, kvHeads, 1), {
    ...(bias && { bias: biasOfGroups(bias, kvHeads, size) }),
    ...(scale !== undefined && { scale }),
  }); // …×h_kv×size×n×dv
  const at = mixed.shape.length - 4;
  const tokensFirst = transpose(mixed, [...Array(at).keys(), at + 2, at, at + 1, at + 3]);
  return reshape(tokensFirst, [...tokensFirst.shape.slice(0, -3), -1]);
}

/**
 * The multi-head layer that computes the same: every key and value head written out once for each query head of its group (4).
 *
 * @throws RangeError as `groupedQueryAttention`
 */
export function expandKvHeads(
  weights: AttentionWeights,
  { heads, kvHeads }: { readonly heads: number; readonly kvHeads: number },
): AttentionWeights {
  const dh = checkWeights("expandKvHeads", weights, heads, kvHeads);
  const repeated = (W: Matrix) => {
    const wide = zeros(W.shape[0]!, heads * dh);
    for (let i = 0; i < heads; i++) paste(wide, i * dh, columnsOf(W, Math.floor((i * kvHeads) / heads), dh));
    return wide;
  };
  return { ...weights, wk: repeated(weights.wk), wv: repeated(weights.wv) };
}

/**
 * Fewer key and value heads from a multi-head checkpoint: the mean of each group, which is nearest to all of its heads in
 * the sum of squared differences (5).
 *
 * @param wk d×(h·dh)
 * @param wv d×(h·dh)
 * @returns d×(h_kv·dh) each
 * @throws RangeError if kvHeads does not divide heads, or a width is not heads·headDim
 * @example
 * const wk = matrix([[1, 3]]);
 * toRows(meanPoolKvHeads({ wk, wv: wk }, { heads: 2, kvHeads: 1, headDim: 1 }).wk) // [[2]]
 */
export function meanPoolKvHeads(
  { wk, wv }: { readonly wk: Matrix; readonly wv: Matrix },
  { heads, kvHeads, headDim }: { readonly heads: number; readonly kvHeads: number; readonly headDim: number },
): { readonly wk: Matrix; readonly wv: Matrix } {
  const size = checkHeads("meanPoolKvHeads", heads, kvHeads);
  checkInteger("meanPoolKvHeads", "headDim", headDim, 1);
  const pooled = (name: string, W: Matrix) => {
    const [rows, columns] = checkMatrix("meanPoolKvHeads", name, W);
    if (columns !== heads * headDim) {
      throw new RangeError(`meanPoolKvHeads: ${name} must have ${heads}·${headDim} columns, got ${columns}`);
    }
    const mean = zeros(rows, kvHeads * headDim);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < kvHeads * headDim; c++) {
        const start = Math.floor(c / headDim) * size * headDim + (c % headDim);
        const first = W.get(r, start);
        // The first plus a mean deviation: exact where the heads are equal; divided first, nothing overflows.
        let value = first;
        for (let i = 1; i < size; i++) value += W.get(r, start + i * headDim) / size - first / size;
        mean.set(r, c, value); // (5)
      }
    }
    return mean;
  };
  return { wk: pooled("wk", wk), wv: pooled("wv", wv) };
}

/** Bytes of a cache; see `kvCacheBytes`. */
export interface CacheBytes {
  readonly perToken: number;
  /** all tokens of all sequences */
  readonly total: number;
  /** on each of the devices of a tensor-parallel group */
  readonly perDevice: number;
}

/**
 * Size of the key-value cache: 2·layers·h_kv·dh·bytes for each token (8). A device of p holds max(1, h_kv/p) heads (9).
 *
 * @throws RangeError if a count is no positive integer, bytesPerElement is not above 0, or p is neither a divisor nor a multiple of h_kv
 * @example
 * kvCacheBytes({ layers: 32, kvHeads: 8, headDim: 128 }).perToken // 131072
 */
export function kvCacheBytes({
  layers,
  kvHeads,
  headDim,
  bytesPerElement = 2,
  tokens = 1,
  sequences = 1,
  tensorParallel = 1,
}: {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** default 2 (bfloat16); 0.5 for 4 bits */
  readonly bytesPerElement?: number;
  readonly tokens?: number;
  readonly sequences?: number;
  readonly tensorParallel?: number;
}): CacheBytes {
  for (const [name, value] of Object.entries({ layers, kvHeads, headDim, tokens, sequences, tensorParallel })) {
    checkInteger("kvCacheBytes", name, value, 1);
  }
  checkNumber("kvCacheBytes", "bytesPerElement", bytesPerElement, { above: 0 });
  if (kvHeads % tensorParallel !== 0 && tensorParallel % kvHeads !== 0) {
    throw new RangeError(
      `kvCacheBytes: tensorParallel must divide kvHeads or be a multiple of it, got ${tensorParallel} and ${kvHeads}`,
    );
  }
  const perToken = 2 * layers * kvHeads * headDim * bytesPerElement; // (8)
  const total = perToken * tokens * sequences;
  return { perToken, total, perDevice: (total / kvHeads) * Math.max(1, kvHeads / tensorParallel) }; // (9)
}

/**
 * Floating-point operations per byte of cached keys and values when one token is decoded: (h/h_kv)·2/bytes (10), whatever the
 * batch and the context. Queries and outputs are not counted.
 *
 * @example
 * decodeAttentionIntensity({ heads: 32, kvHeads: 8 }) // 4
 */
export function decodeAttentionIntensity({
  heads,
  kvHeads,
  bytesPerElement = 2,
}: {
  readonly heads: number;
  readonly kvHeads: number;
  readonly bytesPerElement?: number;
}): number {
  checkHeads("decodeAttentionIntensity", heads, kvHeads);
  checkNumber("decodeAttentionIntensity", "bytesPerElement", bytesPerElement, { above: 0 });
  return ((heads / kvHeads) * 2) / bytesPerElement; // (10): 4·h·dh operations over 2·h_kv·dh·bytes
}

/** What one layer costs, see `groupedAttentionCost`. */
export interface GroupedAttentionCost {
  /** of scores and mixing in all heads, for one query and one key; a multiplication and its addition are 2 */
  readonly flopsPerPair: number;
  /** numbers in wq, wk, wv and wo */
  readonly weights: number;
}

/**
 * Operations and weights of one layer of width d: only the weights depend on kvHeads.
 *
 * @throws RangeError if a count is no positive integer, or kvHeads does not divide heads
 * @example
 * groupedAttentionCost({ d: 4096, heads: 32, kvHeads: 8, headDim: 128 }).weights // 41943040
 */
export function groupedAttentionCost({
  d,
  heads,
  kvHeads,
  headDim,
}: {
  readonly d: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
}): GroupedAttentionCost {
  checkHeads("groupedAttentionCost", heads, kvHeads);
  checkInteger("groupedAttentionCost", "d", d, 1);
  checkInteger("groupedAttentionCost", "headDim", headDim, 1);
  return { flopsPerPair: 4 * heads * headDim, weights: 2 * d * headDim * (heads + kvHeads) };
}

// ---- helpers ----

/** The i-th of the blocks of so many columns: a view. */
const columnsOf = (A: Matrix, i: number, width: number): Matrix => A.lo(0, i * width).hi(A.shape[0]!, width);

/** Writes a block of columns into a matrix of the same height. */
function paste(into: Matrix, column: number, block: Matrix): void {
  const [rows, width] = block.shape as [number, number];
  for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) into.set(r, column + c, block.get(r, c));
}

/** The rows of the past, then those of now: m rows. */
function below(past: Matrix | undefined, now: Matrix, m: number): Matrix {
  if (!past) return now;
  const all = zeros(m, now.shape[1]!);
  all.data.set(rowMajor(past));
  all.data.set(rowMajor(now), past.size);
  return all;
}

/** Row i·size + j is query head j of token i, which sees keys 0 … i + m − n. */
function causalMask(n: number, m: number, size: number): Matrix {
  const mask = zeros(n * size, m);
  for (let r = 0; r < n * size; r++) mask.data.fill(1, r * m, r * m + Math.floor(r / size) + m - n + 1);
  return mask;
}

/** …×tokens×(kvHeads·each·dh) → …×kvHeads×each×tokens×dh */
function splitHeads(x: Tensor, kvHeads: number, each: number): Tensor {
  const at = x.shape.length - 2;
  const apart = reshape(x, [...x.shape.slice(0, -1), kvHeads, each, -1]);
  return transpose(apart, [...Array(at).keys(), at + 1, at + 2, at, at + 3]);
}

/** A bias of n×m is that of all heads; in …×h×n×m the heads are split as those of the queries. */
function biasOfGroups(bias: Tensor, kvHeads: number, size: number): Tensor {
  if (bias.shape.length < 3) return bias;
  const groups = bias.shape.at(-3) === 1 ? [1, 1] : [kvHeads, size];
  return reshape(bias, [...bias.shape.slice(0, -3), ...groups, ...bias.shape.slice(-2)]);
}

/** Returns the query heads of a group. */
function checkHeads(caller: string, heads: number, kvHeads: number): number {
  checkInteger(caller, "heads", heads, 1);
  checkInteger(caller, "kvHeads", kvHeads, 1, heads);
  if (heads % kvHeads !== 0) throw new RangeError(`${caller}: kvHeads must divide heads, got ${kvHeads} and ${heads}`);
  return heads / kvHeads;
}

/** Returns the width of a head. */
function checkWeights(caller: string, { wq, wk, wv, wo }: AttentionWeights, heads: number, kvHeads: number): number {
  checkHeads(caller, heads, kvHeads);
  const [d, width] = checkMatrix(caller, "wq", wq);
  if (width % heads !== 0) throw new RangeError(`${caller}: wq must have a multiple of ${heads} columns, got ${width}`);
  const dh = width / heads;
  checkShape(caller, "wk", wk, d, kvHeads * dh);
  checkShape(caller, "wv", wv, d, kvHeads * dh);
  checkShape(caller, "wo", wo, width, d);
  return dh;
}

/** Returns the numbers of queries and of keys. */
function checkLayer(
  caller: string,
  X: Matrix,
  weights: AttentionWeights,
  { heads, kvHeads, positions, past }: GroupedOptions & { readonly kvHeads: number },
): readonly [n: number, m: number] {
  const [n, d] = checkMatrix(caller, "X", X);
  checkWeights(caller, weights, heads, kvHeads);
  if (weights.wq.shape[0] !== d) {
    throw new RangeError(`${caller}: wq must have as many rows as X has columns, got ${weights.wq.shape[0]} and ${d}`);
  }
  if (positions) checkVector(caller, "positions", positions, n);
  if (!past) return [n, n];
  const [before] = checkMatrix(caller, "past.keys", past.keys);
  checkShape(caller, "past.keys", past.keys, before, weights.wk.shape[1]!);
  checkShape(caller, "past.values", past.values, before, weights.wv.shape[1]!);
  return [n, before + n];
}

function checkProjected(
  caller: string,
  Q: Matrix,
  K: Matrix,
  V: Matrix,
  heads: number,
  kvHeads: number,
  causal: boolean,
) {
  const size = checkHeads(caller, heads, kvHeads);
  const [n, width] = checkMatrix(caller, "Q", Q);
  if (width % heads !== 0) throw new RangeError(`${caller}: Q must have a multiple of ${heads} columns, got ${width}`);
  const dh = width / heads;
  const [m] = checkMatrix(caller, "K", K);
  checkShape(caller, "K", K, m, kvHeads * dh);
  const [, values] = checkMatrix(caller, "V", V);
  if (values % kvHeads !== 0) {
    throw new RangeError(`${caller}: V must have a multiple of ${kvHeads} columns, got ${values}`);
  }
  checkShape(caller, "V", V, m, values);
  if (causal && m < n) throw new RangeError(`${caller}: K must have at least the ${n} rows of Q if causal, got ${m}`);
  return { n, m, size, dh, dv: values / kvHeads };
}

function checkShape(caller: string, name: string, W: Matrix, rows: number, columns: number): void {
  checkMatrix(caller, name, W);
  if (W.shape[0] !== rows || W.shape[1] !== columns) {
    throw new RangeError(`${caller}: ${name} must be ${rows}×${columns}, got ${W.shape.join("×")}`);
  }
}
