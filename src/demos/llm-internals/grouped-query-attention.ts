/**
 * Grouped-query attention: h query heads in h_kv groups, each of which reads one shared key head and value head. h_kv = h is
 * ordinary multi-head attention, h_kv = 1 multi-query attention.
 *
 * Follows Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019. https://arxiv.org/abs/1911.02150
 * Follows Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints", 2023.
 * https://arxiv.org/abs/2305.13245
 * But:
 * - One sequence at a time, in float64; no cache that grows (its size and its traffic are formulas here).
 * - Conversion is pooling only; training on afterwards, as the paper does, needs a trained model.
 */
import { checkInteger, checkMatrix } from "../../lib/check.js";
import { type Matrix, matrixOver, zeros } from "../../lib/matrix.js";
import { scaledDotProductAttention } from "../deep-learning-foundations/attention.js";
import { matmul } from "../linear-algebra/matrices-as-linear-maps.js";
import { applyRope } from "./rotary-position-embeddings.js";

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

/** Options of `groupedQueryAttention`. */
export interface GroupedOptions {
  /** h, query heads */
  readonly heads: number;
  /** h_kv, a divisor of h; default h */
  readonly kvHeads?: number;
  /** default true */
  readonly causal?: boolean;
  /** n: where the tokens stand, for rotary embeddings; left out, there are none */
  readonly positions?: ArrayLike<number>;
}

/** What `groupedQueryAttention` returns. */
export interface GroupedAttention {
  /** n×d */
  readonly output: Matrix;
  /** n×(h_kv·dh): what a cache would keep, after rotation */
  readonly keys: Matrix;
  /** n×(h_kv·dh) */
  readonly values: Matrix;
}

/**
 * Self-attention in which query head i reads key and value head ⌊i·h_kv/h⌋ (1).
 *
 * @param X n×d
 * @throws RangeError if kvHeads does not divide heads, or a width is not that of so many heads
 */
export function groupedQueryAttention(X: Matrix, weights: AttentionWeights, options: GroupedOptions): GroupedAttention {
  const { n, headDim, heads, kvHeads } = checkLayer("groupedQueryAttention", X, weights, options);
  const { causal = true, positions } = options;
  const turned = (A: Matrix, count: number) =>
    positions ? joined(range(count, (i) => applyRope(headOf(A, i, headDim), positions))) : A;
  const queries = turned(matmul(X, weights.wq), heads);
  const keys = turned(matmul(X, weights.wk), kvHeads);
  const values = matmul(X, weights.wv);
  const mixed = range(heads, (i) => {
    const group = Math.floor((i * kvHeads) / heads); // (1)
    const [Q, K, V] = [headOf(queries, i, headDim), headOf(keys, group, headDim), headOf(values, group, headDim)];
    return scaledDotProductAttention(Q, K, V, { causal }).output;
  });
  return { output: matmul(matrixOver(joined(mixed).data, n, heads * headDim), weights.wo), keys, values };
}

/**
 * The multi-head layer that computes the same: every key and value head written out once for each query head of its group.
 *
 * @throws RangeError as `groupedQueryAttention`
 */
export function expandKvHeads(
  weights: AttentionWeights,
  { heads, kvHeads }: { readonly heads: number; readonly kvHeads: number },
): AttentionWeights {
  const headDim = checkWeights("expandKvHeads", weights, heads, kvHeads);
  const repeated = (W: Matrix) => joined(range(heads, (i) => headOf(W, Math.floor((i * kvHeads) / heads), headDim)));
  return { ...weights, wk: repeated(weights.wk), wv: repeated(weights.wv) };
}

/**
 * Fewer key and value heads from a multi-head checkpoint: the mean of each group, which is nearest to all of its heads in
 * the sum of squared differences (2).
 *
 * @param wk d×(h·dh)
 * @param wv d×(h·dh)
 * @returns d×(h_kv·dh) each
 */
export function meanPoolKvHeads(
  { wk, wv }: { readonly wk: Matrix; readonly wv: Matrix },
  { heads, kvHeads, headDim }: { readonly heads: number; readonly kvHeads: number; readonly headDim: number },
): { readonly wk: Matrix; readonly wv: Matrix } {
  checkHeads("meanPoolKvHeads", heads, kvHeads);
  const pooled = (name: string, W: Matrix) => {
    const [rows, columns] = checkMatrix("meanPoolKvHeads", name, W);
    if (columns !== heads * headDim) {
      throw new RangeError(`meanPoolKvHeads: ${name} must have ${heads}·${headDim} columns, got ${columns}`);
    }
    const size = heads / kvHeads;
    const mean = zeros(rows, kvHeads * headDim);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const [head, within] = [Math.floor(c / headDim), c % headDim];
        const at = Math.floor(head / size) * headDim + within;
        mean.set(r, at, mean.get(r, at) + W.get(r, c) / size); // (2)
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
 * Size of the key-value cache: 2·layers·h_kv·dh·bytes for each token (3). A device of p holds max(1, h_kv/p) heads.
 *
 * @throws RangeError if a count is no positive integer, or p is neither a divisor nor a multiple of h_kv
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
  /** default 2 */
  readonly bytesPerElement?: number;
  readonly tokens?: number;
  readonly sequences?: number;
  readonly tensorParallel?: number;
}): CacheBytes {
  for (const [name, value] of Object.entries({ layers, kvHeads, headDim, tokens, sequences, tensorParallel })) {
    checkInteger("kvCacheBytes", name, value, 1);
  }
  if (kvHeads % tensorParallel !== 0 && tensorParallel % kvHeads !== 0) {
    throw new RangeError(
      `kvCacheBytes: tensorParallel must divide kvHeads or be a multiple of it, got ${tensorParallel} and ${kvHeads}`,
    );
  }
  const perToken = 2 * layers * kvHeads * headDim * bytesPerElement; // (3)
  const total = perToken * tokens * sequences;
  return { perToken, total, perDevice: (total / kvHeads) * Math.max(1, kvHeads / tensorParallel) };
}

/**
 * Floating-point operations per byte of cached keys and values when one token is decoded: (h/h_kv)·2/bytes (4), whatever the
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
  checkInteger("decodeAttentionIntensity", "bytesPerElement", bytesPerElement, 1);
  return ((heads / kvHeads) * 2) / bytesPerElement; // (4): 4·h·dh operations over 2·h_kv·dh·bytes
}

// ---- helpers ----

const range = <T>(n: number, f: (i: number) => T) => Array.from({ length: n }, (_, i) => f(i));

/** Head i of columns that lie side by side: a view, nothing is copied. */
const headOf = (A: Matrix, i: number, headDim: number) => A.lo(0, i * headDim).hi(A.shape[0]!, headDim) as Matrix;

/** Matrices of equal height, side by side. */
function joined(parts: readonly Matrix[]): Matrix {
  const [n, width] = parts[0]!.shape as [number, number];
  const all = zeros(n, parts.length * width);
  for (const [p, part] of parts.entries()) {
    for (let r = 0; r < n; r++) for (let c = 0; c < width; c++) all.set(r, p * width + c, part.get(r, c));
  }
  return all;
}

function checkHeads(caller: string, heads: number, kvHeads: number): void {
  checkInteger(caller, "heads", heads, 1);
  checkInteger(caller, "kvHeads", kvHeads, 1, heads);
  if (heads % kvHeads !== 0) throw new RangeError(`${caller}: kvHeads must divide heads, got ${kvHeads} and ${heads}`);
}

function checkWeights(caller: string, { wq, wk, wv, wo }: AttentionWeights, heads: number, kvHeads: number): number {
  checkHeads(caller, heads, kvHeads);
  const [d, width] = checkMatrix(caller, "wq", wq);
  if (width % heads !== 0) throw new RangeError(`${caller}: wq must have a multiple of ${heads} columns, got ${width}`);
  const headDim = width / heads;
  for (const [name, W, rows, columns] of [
    ["wk", wk, d, kvHeads * headDim],
    ["wv", wv, d, kvHeads * headDim],
    ["wo", wo, width, wo.shape[1]!],
  ] as const) {
    checkMatrix(caller, name, W);
    if (W.shape[0] !== rows || W.shape[1] !== columns) {
      throw new RangeError(`${caller}: ${name} must be ${rows}×${columns}, got ${W.shape.join("×")}`);
    }
  }
  return headDim;
}

function checkLayer(caller: string, X: Matrix, weights: AttentionWeights, { heads, kvHeads = heads }: GroupedOptions) {
  const [n, d] = checkMatrix(caller, "X", X);
  const headDim = checkWeights(caller, weights, heads, kvHeads);
  if (weights.wq.shape[0] !== d) {
    throw new RangeError(`${caller}: wq must have as many rows as X has columns, got ${weights.wq.shape[0]} and ${d}`);
  }
  return { n, headDim, heads, kvHeads };
}
