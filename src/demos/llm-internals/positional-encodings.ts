/**
 * Positional encodings: how a transformer is told the order of its tokens. A vector added to the input (sinusoidal,
 * learned), a bias added to the scores that depends on the distance (T5, ALiBi), a rotation of queries and keys (RoPE), or
 * nothing but the causal mask.
 *
 * Follows Vaswani et al., "Attention Is All You Need", 2017. https://arxiv.org/abs/1706.03762
 * Follows Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2020.
 * https://arxiv.org/abs/1910.10683
 * Follows Press, Smith, Lewis, "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
 * 2022. https://arxiv.org/abs/2108.12409
 * But:
 * - `positionedAttention` is one head in one layer; a whole model is measured from outside, as a function from tokens to logits.
 * - T5's table of biases and a learned table of positions are taken as they are: nothing is trained here.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, maxAbsDifference, row, transpose, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { matmul } from "../linear-algebra/matrices-as-linear-maps.js";
import { crossEntropy, softmax } from "../training-fundamentals/cross-entropy-and-softmax.js";
import { applyRope, inverseFrequencies } from "./rotary-position-embeddings.js";

/**
 * Sinusoids: coordinate 2i is sin(p·ωᵢ), coordinate 2i + 1 is cos(p·ωᵢ), with ωᵢ = base^(−2i/d) (1).
 *
 * @param positions n numbers
 * @param options.dimension d, even
 * @param options.base default 10,000
 * @returns n×d
 * @throws RangeError if the dimension is odd or a position is not finite
 * @example
 * toRows(sinusoidalEncoding([0, 1], { dimension: 2 })) // [[0, 1], [0.8414709848, 0.5403023059]]
 */
export function sinusoidalEncoding(
  positions: ArrayLike<number>,
  { dimension, base = 10_000 }: { readonly dimension: number; readonly base?: number },
): Matrix {
  const p = checkVector("sinusoidalEncoding", "positions", positions);
  const omega = inverseFrequencies(dimension, { base });
  const encoding = zeros(p.length, dimension);
  for (let n = 0; n < p.length; n++) {
    for (let i = 0; i < omega.length; i++) {
      encoding.set(n, 2 * i, Math.sin(p[n]! * omega[i]!));
      encoding.set(n, 2 * i + 1, Math.cos(p[n]! * omega[i]!));
    }
  }
  return encoding;
}

/**
 * Rows of a table of learned vectors.
 *
 * @param table limit×d
 * @param positions n integers in [0, limit)
 * @returns n×d
 * @throws RangeError if a position has no row: beyond the table there is nothing
 * @example
 * toRows(learnedEncoding(matrix([[1, 2], [3, 4]]), [1, 1, 0])) // [[3, 4], [3, 4], [1, 2]]
 */
export function learnedEncoding(table: Matrix, positions: ArrayLike<number>): Matrix {
  const [limit, d] = checkMatrix("learnedEncoding", "table", table);
  const encoding = zeros(positions.length, d);
  for (let n = 0; n < positions.length; n++) {
    checkInteger("learnedEncoding", `positions[${n}]`, positions[n]!, 0, limit - 1);
    encoding.data.set(row(table, positions[n]!), n * d);
  }
  return encoding;
}

/**
 * The slopes of ALiBi, one for each head: 2^(−8j/h), j = 1 … h, for a power of two; otherwise those of the power of two
 * below, and then every second one of twice as many (3).
 *
 * @param heads h, a positive integer
 * @throws RangeError if it is not
 * @example
 * alibiSlopes(4) // [0.25, 0.0625, 0.015625, 0.00390625]
 */
export function alibiSlopes(heads: number): Float64Array {
  checkInteger("alibiSlopes", "heads", heads, 1);
  const geometric = (h: number) => Float64Array.from({ length: h }, (_, j) => 2 ** ((-8 * (j + 1)) / h));
  const below = 2 ** Math.floor(Math.log2(heads));
  const between = geometric(2 * below).filter((_, j) => j % 2 === 0);
  return Float64Array.from([...geometric(below), ...between.slice(0, heads - below)]);
}

/**
 * ALiBi's bias of the scores: −slope·(i − j) for key j at or before query i (2). With more keys than queries, the last query is
 * at the last key. Keys after the query get −slope·|i − j|; a causal mask removes them.
 *
 * @param slope m ≥ 0
 * @returns queryLength×keyLength
 * @throws RangeError if a length is no positive integer, or the slope is negative or not finite
 * @example
 * toRows(alibiBias(2, 3, 0.5)) // [[-0.5, 0, -0.5], [-1, -0.5, 0]]
 */
export function alibiBias(queryLength: number, keyLength: number, slope: number): Matrix {
  checkInteger("alibiBias", "queryLength", queryLength, 1);
  checkInteger("alibiBias", "keyLength", keyLength, 1);
  checkNumber("alibiBias", "slope", slope, { min: 0 });
  const bias = zeros(queryLength, keyLength);
  const start = keyLength - queryLength;
  for (let i = 0; i < queryLength; i++) {
    for (let j = 0; j < keyLength; j++) bias.set(i, j, 0 - slope * Math.abs(start + i - j)); // (2)
  }
  return bias;
}

/** Options of `t5RelativeBucket`. */
export interface T5Options {
  /** whether keys after the query count; then half of the buckets are theirs. Default true, as in T5's encoder */
  readonly bidirectional?: boolean;
  /** default 32 */
  readonly buckets?: number;
  /** from this distance on all share the last bucket, default 128 */
  readonly maxDistance?: number;
}

/**
 * T5's bucket of a relative position: near distances have one each, farther ones share, logarithmically (4).
 *
 * @param relativePosition position of the key − position of the query
 * @returns integer in [0, buckets)
 * @throws RangeError if a number is out of range, or buckets is odd where both directions count
 * @example
 * t5RelativeBucket(-3, { bidirectional: false }) // 3
 * t5RelativeBucket(3) // 19
 */
export function t5RelativeBucket(
  relativePosition: number,
  { bidirectional = true, buckets = 32, maxDistance = 128 }: T5Options = {},
): number {
  checkInteger("t5RelativeBucket", "relativePosition", relativePosition, Number.MIN_SAFE_INTEGER);
  checkInteger("t5RelativeBucket", "buckets", buckets, bidirectional ? 4 : 2);
  if (bidirectional && buckets % 2 !== 0) {
    throw new RangeError(`t5RelativeBucket: buckets must be even where both directions count, got ${buckets}`);
  }
  const available = bidirectional ? buckets / 2 : buckets;
  const exact = Math.floor(available / 2);
  checkNumber("t5RelativeBucket", "maxDistance", maxDistance, { above: exact });
  const start = bidirectional && relativePosition > 0 ? available : 0;
  const distance = bidirectional ? Math.abs(relativePosition) : Math.max(0, -relativePosition); // the future counts as 0
  if (distance < exact) return start + distance;
  const far = exact + Math.floor((Math.log(distance / exact) / Math.log(maxDistance / exact)) * (available - exact)); // (4)
  return start + Math.min(far, available - 1);
}

/** A way to tell positions. */
export type PositionScheme = "none" | "sinusoidal" | "learned" | "alibi" | "t5" | "rope";

/** Weights of one attention head, and what the schemes need beside them. */
export interface HeadWeights {
  /** d×d each */
  readonly Wq: Matrix;
  readonly Wk: Matrix;
  readonly Wv: Matrix;
  /** limit×d, for 'learned' */
  readonly table: Matrix;
  /** one number for each of T5's 32 buckets */
  readonly t5Bias: Float64Array;
}

/**
 * Random weights of a head: entries N(0, 1/d), a table of standard normal rows, standard normal biases.
 *
 * @param d width, even for the schemes that have pairs
 * @param options.limit rows of the table, default 64
 * @param options.seed default 0
 * @throws RangeError if d is not an integer of at least 2, or the limit not a positive one
 * @example
 * randomHead(8, { limit: 5 }).table.shape // [5, 8]
 */
export function randomHead(
  d: number,
  { limit = 64, seed = 0 }: { readonly limit?: number; readonly seed?: number } = {},
): HeadWeights {
  checkInteger("randomHead", "d", d, 2);
  checkInteger("randomHead", "limit", limit, 1);
  const { normal } = random(seed);
  const draw = (rows: number, scale: number) =>
    matrixOver(
      Float64Array.from({ length: rows * d }, () => scale * normal()),
      rows,
      d,
    );
  const scale = 1 / Math.sqrt(d);
  return {
    Wq: draw(d, scale),
    Wk: draw(d, scale),
    Wv: draw(d, scale),
    table: draw(limit, 1),
    t5Bias: Float64Array.from({ length: 32 }, normal),
  };
}

/** Options of `positionedAttention`. */
export interface PositionedOptions {
  readonly scheme: PositionScheme;
  /** position of the first token, default 0 */
  readonly offset?: number;
  /** default true */
  readonly causal?: boolean;
  /** of ALiBi, default 1/4 */
  readonly slope?: number;
}

/** What `positionedAttention` returns. */
export interface PositionedAttention {
  /** n×d */
  readonly output: Matrix;
  /** n×n, each row a distribution */
  readonly weights: Matrix;
  /** n×n, before the softmax; −Infinity where masked */
  readonly scores: Matrix;
}

/**
 * One head of self-attention under any of the schemes (5): the same weights, told the positions in different ways.
 *
 * @param X n×d tokens
 * @throws RangeError if the weights are not d×d, a learned table has no row for a position, or d is odd for pairs
 * @example
 * const X = matrix([[1, 0], [0, 1]]);
 * toRows(positionedAttention(X, randomHead(2), { scheme: "alibi" }).weights)[0] // [1, 0]
 */
export function positionedAttention(
  X: Matrix,
  { Wq, Wk, Wv, table, t5Bias }: HeadWeights,
  { scheme, offset = 0, causal = true, slope = 1 / 4 }: PositionedOptions,
): PositionedAttention {
  const [n, d] = checkMatrix("positionedAttention", "X", X);
  checkChoice("positionedAttention", "scheme", scheme, ["none", "sinusoidal", "learned", "alibi", "t5", "rope"]);
  checkInteger("positionedAttention", "offset", offset, 0);
  const positions = Int32Array.from({ length: n }, (_, i) => offset + i);
  const added =
    scheme === "sinusoidal"
      ? sinusoidalEncoding(positions, { dimension: d })
      : scheme === "learned"
        ? learnedEncoding(table, positions)
        : undefined;
  const input = added
    ? matrixOver(
        X.data.map((x, i) => x + added.data[i]!),
        n,
        d,
      )
    : X;
  const [Q, K, V] = [Wq, Wk, Wv].map((W) => matmul(input, W)) as [Matrix, Matrix, Matrix];
  const turn = (A: Matrix) => (scheme === "rope" ? applyRope(A, positions) : A);
  const scores = matmul(turn(Q), transpose(turn(K)));
  const bias = scheme === "alibi" ? alibiBias(n, n, slope) : undefined;
  const weights = zeros(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const score = scores.get(i, j) / Math.sqrt(d);
      const told =
        scheme === "t5" ? t5Bias[t5RelativeBucket(j - i, { bidirectional: !causal })]! : (bias?.get(i, j) ?? 0);
      scores.set(i, j, causal && j > i ? -Infinity : score + told); // (5)
    }
    weights.data.set(softmax(row(scores, i)), i * n);
  }
  return { output: matmul(weights, V), weights, scores };
}

/**
 * The rotation that takes every sinusoidal encoding to the one k positions further: PE(p + k) = R(k)·PE(p), for all p (6).
 *
 * @param k any number, also negative
 * @param options.dimension d, even
 * @param options.base default 10,000
 * @returns d×d, block-diagonal
 * @throws RangeError if the dimension is odd or k is not finite
 * @example
 * toRows(sinusoidalShift(Math.PI / 2, { dimension: 2 })) // [[0, 1], [-1, 0]]
 */
export function sinusoidalShift(
  k: number,
  { dimension, base = 10_000 }: { readonly dimension: number; readonly base?: number },
): Matrix {
  checkNumber("sinusoidalShift", "k", k);
  const R = zeros(dimension, dimension);
  inverseFrequencies(dimension, { base }).forEach((omega, i) => {
    const [cosine, sine] = [Math.cos(k * omega), Math.sin(k * omega)];
    R.set(2 * i, 2 * i, cosine);
    R.set(2 * i, 2 * i + 1, sine);
    R.set(2 * i + 1, 2 * i, -sine);
    R.set(2 * i + 1, 2 * i + 1, cosine);
  });
  return R;
}

/** A language model from outside: tokens, and the position of the first of them, to the logits of the token after each, n×V. */
export type LanguageModel = (tokens: ArrayLike<number>, offset: number) => Matrix;

/**
 * How far a logit of a model moves, at most, when all positions are raised: rounding only where distances alone count.
 *
 * @param tokens the same in both places
 * @param offset position of the first token instead of 0
 * @throws RangeError if the offset is no integer of at least 0
 * @example
 * const blind = () => matrix([[0, 1]]);
 * shiftSensitivity(blind, [7], 1000) // 0
 */
export function shiftSensitivity(model: LanguageModel, tokens: ArrayLike<number>, offset: number): number {
  checkInteger("shiftSensitivity", "offset", offset, 0);
  return maxAbsDifference(model(tokens, 0), model(tokens, offset));
}

/**
 * Mean loss of a model on the same tokens of a text, seen from inputs of different lengths (7). As the tokens are the same, only
 * the length makes a difference: at length n they are predicted at the positions n − last … n − 1.
 *
 * @param tokens the text
 * @param options.lengths of the inputs, each at least `last`
 * @param options.ends where inputs end: the tokens before each of these places are predicted
 * @param options.last how many of them, default 32
 * @returns nats per token, for each length
 * @throws RangeError if a length is below `last`, there is no end, or one leaves no room for an input
 * @example
 * const even = (tokens: ArrayLike<number>) => matrix(Array.from(tokens, () => [0, 0]));
 * extrapolationCurve(even, Int32Array.of(0, 1, 1, 0, 1, 0), { lengths: [2, 5], ends: [6], last: 2 }) // [0.693147, 0.693147]
 */
export function extrapolationCurve(
  model: LanguageModel,
  tokens: Int32Array,
  {
    lengths,
    ends,
    last = 32,
  }: { readonly lengths: readonly number[]; readonly ends: ArrayLike<number>; readonly last?: number },
): Float64Array {
  checkInteger("extrapolationCurve", "last", last, 1);
  checkInteger("extrapolationCurve", "number of ends", ends.length, 1);
  return Float64Array.from(lengths, (length, l) => {
    checkInteger("extrapolationCurve", `lengths[${l}]`, length, last);
    let sum = 0;
    for (let e = 0; e < ends.length; e++) {
      const end = checkInteger("extrapolationCurve", `ends[${e}]`, ends[e]!, length + 1, tokens.length);
      const logits = model(tokens.subarray(end - 1 - length, end - 1), 0);
      const { losses } = crossEntropy(logits, tokens.subarray(end - length, end));
      for (const loss of losses.subarray(length - last)) sum += loss; // (7)
    }
    return sum / (ends.length * last);
  });
}
