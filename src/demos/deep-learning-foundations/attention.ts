/**
 * Attention: a differentiable lookup. Every query is compared with all keys, the scores become weights, and the output is
 * the weighted average of the values.
 *
 * Follows Vaswani et al., "Attention Is All You Need", 2017. https://arxiv.org/abs/1706.03762
 * Follows Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", 2015.
 * https://arxiv.org/abs/1409.0473
 * Follows Luong, Pham, Manning, "Effective Approaches to Attention-based Neural Machine Translation", 2015.
 * https://arxiv.org/abs/1508.04025
 * But:
 * - One head; several heads are slices of the features, each with attention of its own.
 * - All scores are kept: memory grows with queries × keys.
 */
import { add, mul, matmul as product, softmax as softmaxOf } from "../../autodiff/ops.js";
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { gemm } from "../../lib/gemm.js";
import { type Matrix, matrixOver, row, rowMajor, transpose, zeros } from "../../lib/matrix.js";
import { matmul, matvec } from "../linear-algebra/matrices-as-linear-maps.js";
import { softmax } from "../training-fundamentals/cross-entropy-and-softmax.js";
import { type Tensor, tensor } from "./backpropagation.js";

/** Options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /** n×m: 1 where a query may look at a key, 0 where not; default all 1 */
  readonly mask?: Matrix;
  /** query i sees keys 0 … i + m − n only: the last query sees all of them; default false */
  readonly causal?: boolean;
  /** factor of the scores, default 1/√d */
  readonly scale?: number;
  /** a query that may look at nothing: 'error' (default), or 'zero' for weights and output of 0 */
  readonly emptyRow?: "error" | "zero";
}

/** What `scaledDotProductAttention` returns. */
export interface Attention {
  /** n×dv, a weighted average of the values for each query */
  readonly output: Matrix;
  /** n×m, each row is a distribution over the keys */
  readonly weights: Matrix;
  /** n×m, scaled; −Infinity where masked */
  readonly scores: Matrix;
}

/** A query was forbidden to look at any key. */
export class MaskedRowError extends RangeError {
  override readonly name = "MaskedRowError";
  /** 0-based index of the query */
  readonly row: number;
  constructor(message: string, row: number) {
    super(message);
    this.row = row;
  }
}

/**
 * Scaled dot-product attention, softmax(s·QKᵀ)V (1-3). O(n·m·(d + dv)) operations.
 *
 * @param Q n×d queries
 * @param K m×d keys
 * @param V m×dv values
 * @throws RangeError if shapes do not fit, the mask holds anything but 0 and 1, or the scores overflow
 * @throws MaskedRowError if a query may look at nothing and `emptyRow` is not 'zero'
 * @example
 * const { output } = scaledDotProductAttention(matrix([[0, 0]]), matrix([[1, 0], [0, 1]]), matrix([[2], [4]]));
 * output.get(0, 0) // 3
 */
export function scaledDotProductAttention(Q: Matrix, K: Matrix, V: Matrix, options: AttentionOptions = {}): Attention {
  const { n, m, d, dv, scale, visible, emptyRow } = checkAttention("scaledDotProductAttention", Q, K, V, options);
  const S = gemm(n, m, d, Q, transpose(K)); // (1)
  const P = new Float64Array(n * m);
  for (let i = 0, at = 0; i < n; i++) {
    let seen = 0;
    for (let j = 0; j < m; j++, at++) {
      const score = scale * S[at]!;
      if (!Number.isFinite(score)) {
        throw new RangeError(`scaledDotProductAttention: the scores must be finite, got ${score} at (${i}, ${j})`);
      }
      const sees = visible(i, j);
      S[at] = sees ? score : -Infinity;
      if (sees) seen++;
    }
    if (seen > 0)
      P.set(softmax(S.subarray(i * m, at)), i * m); // (2)
    else if (emptyRow === "error") {
      throw new MaskedRowError(`scaledDotProductAttention: query ${i} may look at none of the ${m} keys`, i);
    }
  }
  const output = matrixOver(gemm(n, dv, m, P, V), n, dv); // (3)
  return { output, weights: matrixOver(P, n, m), scores: matrixOver(S, n, m) };
}

/** The gradients of attention with respect to its three inputs, each in its input's shape. */
export interface AttentionGradients {
  readonly dQ: Matrix;
  readonly dK: Matrix;
  readonly dV: Matrix;
}

/**
 * The closed form of the backward pass (4).
 *
 * @param dOutput n×dv, the gradient with respect to the output
 * @throws as `scaledDotProductAttention`
 */
export function attentionGradients(
  Q: Matrix,
  K: Matrix,
  V: Matrix,
  dOutput: Matrix,
  options: AttentionOptions = {},
): AttentionGradients {
  const { n, m, dv, scale } = checkAttention("attentionGradients", Q, K, V, options);
  if (dOutput.shape[0] !== n || dOutput.shape[1] !== dv) {
    throw new RangeError(
      `attentionGradients: dOutput must be ${n}×${dv} like the output, got ${dOutput.shape.join("×")}`,
    );
  }
  const P = scaledDotProductAttention(Q, K, V, options).weights;
  const dP = matmul(dOutput, transpose(V));
  const dS = zeros(n, m);
  for (let i = 0; i < n; i++) {
    let mean = 0;
    for (let j = 0; j < m; j++) mean += P.get(i, j) * dP.get(i, j);
    for (let j = 0; j < m; j++) dS.set(i, j, scale * P.get(i, j) * (dP.get(i, j) - mean));
  }
  return { dQ: matmul(dS, K), dK: matmul(transpose(dS), Q), dV: matmul(transpose(P), dOutput) };
}

/** Options of `attention`. */
export interface TensorAttentionOptions {
  /** broadcasts to …×n×m and is added to the scores: 0 where a query may look, −Infinity where not; a row of nothing but −Infinity gives NaN */
  readonly bias?: Tensor;
  /** factor of the scores, default 1/√d */
  readonly scale?: number;
}

/**
 * The same on tensors with any axes in front (batch, heads), so that it trains.
 *
 * @param Q …×n×d
 * @param K …×m×d
 * @param V …×m×dv
 * @returns …×n×dv
 */
export function attention(Q: Tensor, K: Tensor, V: Tensor, { bias, scale }: TensorAttentionOptions = {}): Tensor {
  const queries = mul(Q, scale ?? 1 / Math.sqrt(Q.shape.at(-1)!)); // n·d products instead of n·m
  const scores = product(queries, K, { transposeB: true });
  return product(softmaxOf(bias ? add(scores, bias) : scores), V);
}

/**
 * The bias of a causal mask: query i sees keys 0 … i + m − n.
 *
 * @returns n×m, 0 and −Infinity, float32 unless said otherwise
 * @throws RangeError if m < n: the first queries would see no key
 */
export function causalBias(n: number, m = n, dtype: "float32" | "float64" = "float32"): Tensor {
  checkInteger("causalBias", "n", n, 1);
  checkInteger("causalBias", "m", m, n);
  const values = Float64Array.from({ length: n * m }, (_, at) =>
    at % m <= Math.floor(at / m) + m - n ? 0 : -Infinity,
  );
  return tensor(dtype === "float64" ? values : Float32Array.from(values), [n, m]);
}

/** Attention of one query: what it looked at, and what it saw. */
export interface SoftLookup {
  /** dv */
  readonly output: Float64Array;
  /** m, sums to 1 */
  readonly weights: Float64Array;
  /** m */
  readonly scores: Float64Array;
}

/**
 * Additive attention of Bahdanau, Cho and Bengio (5): the score of a key is vᵀ·tanh(Wq·q + Wk·k).
 *
 * @param q d, the query
 * @param K m×dk, V m×dv
 * @param weights Wq h×d, Wk h×dk, v h
 * @throws RangeError if shapes do not fit
 */
export function additiveAttention(
  q: ArrayLike<number>,
  K: Matrix,
  V: Matrix,
  { Wq, Wk, v }: { readonly Wq: Matrix; readonly Wk: Matrix; readonly v: ArrayLike<number> },
): SoftLookup {
  const [h] = checkMatrix("additiveAttention", "Wq", Wq);
  const hidden = checkVector("additiveAttention", "v", v, h);
  const fromQuery = matvec(Wq, q);
  return lookup("additiveAttention", K, V, (key) => {
    const fromKey = matvec(Wk, key);
    return hidden.reduce((sum, weight, i) => sum + weight * Math.tanh(fromQuery[i]! + fromKey[i]!), 0);
  });
}

/**
 * Multiplicative attention of Luong, Pham and Manning (6), their "general" form: the score of a key is qᵀ·W·k.
 *
 * @param q d, the query
 * @param K m×dk, V m×dv
 * @param weights W d×dk
 * @throws RangeError if shapes do not fit
 */
export function multiplicativeAttention(
  q: ArrayLike<number>,
  K: Matrix,
  V: Matrix,
  { W }: { readonly W: Matrix },
): SoftLookup {
  const turned = matvec(transpose(W), q);
  return lookup("multiplicativeAttention", K, V, (key) => {
    checkVector("multiplicativeAttention", "key", key, turned.length);
    return turned.reduce((sum, value, i) => sum + value * key[i]!, 0);
  });
}

/** One stage of the lookup of one query; what a stage leaves alone is as the last one left it. */
export interface AttentionStep {
  readonly stage: "score" | "max" | "exp" | "normalise" | "accumulate";
  readonly scores: Float64Array;
  /** largest score, subtracted before the exponential */
  readonly max: number;
  /** exp(score − max), then divided by their sum */
  readonly weights: Float64Array;
  readonly output: Float64Array;
}

/**
 * Attention of one query, stage by stage; its end is the row of `scaledDotProductAttention`.
 *
 * @param q d
 * @param scale default 1/√d
 */
export function* attentionSteps(
  q: ArrayLike<number>,
  K: Matrix,
  V: Matrix,
  { scale = 1 / Math.sqrt(q.length) }: { readonly scale?: number } = {},
): Generator<AttentionStep, void> {
  const query = matrixOver(checkVector("attentionSteps", "q", q), 1, q.length);
  const { m, dv } = checkAttention("attentionSteps", query, K, V, { scale });
  const scores = matvec(K, q).map((score) => scale * score);
  const empty = { weights: new Float64Array(m), output: new Float64Array(dv) };
  yield { stage: "score", scores, max: Number.NaN, ...empty };
  const max = scores.reduce((a, b) => Math.max(a, b));
  yield { stage: "max", scores, max, ...empty };
  const powers = scores.map((score) => Math.exp(score - max));
  yield { stage: "exp", scores, max, ...empty, weights: powers };
  const sum = powers.reduce((a, b) => a + b);
  const weights = powers.map((power) => power / sum);
  yield { stage: "normalise", scores, max, ...empty, weights };
  yield { stage: "accumulate", scores, max, weights, output: matvec(transpose(V), weights) };
}

/** Floating-point operations (a multiplication and its addition are 2) and memory of one layer of attention. */
export interface AttentionCost {
  /** QKᵀ */
  readonly scores: number;
  /** weights·V */
  readonly values: number;
  /** the four projections of self-attention (Q, K, V, output), over n tokens of width d */
  readonly projections: number;
  /** entries of the score matrix */
  readonly scoreEntries: number;
}

/** Cost by formula: n queries, m keys (default n), width d for keys and values (7). */
export function attentionCost({
  n,
  m = n,
  d,
}: {
  readonly n: number;
  readonly m?: number;
  readonly d: number;
}): AttentionCost {
  for (const [name, value] of Object.entries({ n, m, d })) checkInteger("attentionCost", name, value, 1);
  return { scores: 2 * n * m * d, values: 2 * n * m * d, projections: 8 * n * d * d, scoreEntries: n * m };
}

// ---- helpers ----

function lookup(caller: string, K: Matrix, V: Matrix, score: (key: Float64Array) => number): SoftLookup {
  const [m] = checkMatrix(caller, "K", K);
  const [rows] = checkMatrix(caller, "V", V);
  if (rows !== m) throw new RangeError(`${caller}: K and V must have as many rows, got ${m} and ${rows}`);
  const scores = Float64Array.from({ length: m }, (_, j) => score(row(K, j)));
  const weights = softmax(scores);
  return { output: matvec(transpose(V), weights), weights, scores };
}

function checkAttention(caller: string, Q: Matrix, K: Matrix, V: Matrix, options: AttentionOptions) {
  const [n, d] = checkMatrix(caller, "Q", Q);
  const [m, keyWidth] = checkMatrix(caller, "K", K);
  const [rows, dv] = checkMatrix(caller, "V", V);
  if (keyWidth !== d) throw new RangeError(`${caller}: Q and K must have as many columns, got ${d} and ${keyWidth}`);
  if (rows !== m) throw new RangeError(`${caller}: K and V must have as many rows, got ${m} and ${rows}`);
  const { mask, causal = false, scale = 1 / Math.sqrt(d), emptyRow = "error" } = options;
  checkNumber(caller, "scale", scale);
  checkChoice(caller, "emptyRow", emptyRow, ["error", "zero"]);
  if (mask && (mask.shape[0] !== n || mask.shape[1] !== m)) {
    throw new RangeError(`${caller}: mask must be ${n}×${m}, got ${mask.shape.join("×")}`);
  }
  const allowed = mask && rowMajor(mask);
  // A mask to be added to the scores (0 and −Infinity) would otherwise be read as its opposite.
  const odd = allowed?.findIndex((value) => value !== 0 && value !== 1) ?? -1;
  if (odd >= 0) {
    throw new RangeError(
      `${caller}: mask must hold 0 and 1, got ${allowed![odd]} at (${Math.floor(odd / m)}, ${odd % m})`,
    );
  }
  const visible = (i: number, j: number) => (!causal || j <= i + m - n) && allowed?.[i * m + j] !== 0;
  return { n, m, d, dv, scale, visible, emptyRow };
}
