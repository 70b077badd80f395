/**
 * The transformer: a stack of blocks that read from and add to a residual stream, each made of normalised attention (moves
 * information between positions) and a normalised feed-forward network (transforms each position), between an embedding and
 * an output projection.
 *
 * Follows Vaswani et al., "Attention Is All You Need", 2017. https://arxiv.org/abs/1706.03762
 * Follows Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020. https://arxiv.org/abs/2002.04745
 * Follows Olsson et al., "In-context Learning and Induction Heads", 2022. https://arxiv.org/abs/2209.11895
 * But:
 * - Decoder or encoder, not both: no cross-attention, no dropout.
 * - Linear maps have biases exactly where the norms have them ('layer'), as in GPT-2; 'rms' models have none, as in Llama.
 */
import { full, layerNorm, normal, rmsNorm, uniform } from "../../autodiff/layers.js";
import { add, crossEntropy, gather, gelu, matmul, mul, relu, reshape, silu, transpose } from "../../autodiff/ops.js";
import { batches, type Optimizer, type TrainStep, trainSteps } from "../../autodiff/train.js";
import { checkChoice, checkInteger } from "../../lib/check.js";
import type { Checkpoint } from "../../lib/checkpoints.js";
import { type Matrix, matrixOver, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";
import { attention, scaledDotProductAttention } from "../deep-learning-foundations/attention.js";
import { customVjp, type Dtype, noGrad, type Tensor, tensor } from "../deep-learning-foundations/backpropagation.js";
import { alibiSlopes, sinusoidalEncoding } from "./positional-encodings.js";
import { inverseFrequencies, ropeTables, rotateInto } from "./rotary-position-embeddings.js";

/** How a model is told the order of its tokens. */
export type Positions = "none" | "learned" | "sinusoidal" | "rope" | "alibi";

/** The shape of a model. */
export interface TransformerConfig {
  /** V, number of different tokens */
  readonly vocabulary: number;
  readonly layers: number;
  /** h */
  readonly heads: number;
  /** h_kv, a divisor of h, default h */
  readonly kvHeads?: number;
  /** d, width of the residual stream, a multiple of h */
  readonly dModel: number;
  /** f, hidden units of the feed-forward network */
  readonly dFeedForward: number;
  /** 'layer' (default): layer norm, and biases everywhere; 'rms': root mean square, no biases */
  readonly norm?: "layer" | "rms";
  /** 'pre' (default): normalise what a sublayer reads; 'post': normalise the sum, as in the original */
  readonly placement?: "pre" | "post";
  /** default 'gelu' */
  readonly feedForward?: "gelu" | "relu" | "swiglu";
  /** default 'rope' */
  readonly positions?: Positions;
  /** rows of the learned table of positions, default 64 */
  readonly context?: number;
  /** whether a token sees only itself and those before it, default true */
  readonly causal?: boolean;
  /** tokens that a token sees: itself and those just before it, default Infinity; a finite one needs a causal model */
  readonly window?: number;
  /** tokens at the start that every later one sees beside its window, default 0 */
  readonly sinks?: number;
  /** whether the output projection is the embedding, default false */
  readonly tiedHead?: boolean;
  /** a piece that is left out, to see what it is good for; default 'nothing' */
  readonly without?: "nothing" | "attention" | "feedForward" | "norm" | "residual";
}

/** Parameters by name: `embedding`, `blocks.0.query.weight`, …; float32 or float64. */
export type Parameters = Readonly<Record<string, Tensor>>;

/** A model: its shape and its numbers. */
export interface Transformer {
  readonly config: Required<TransformerConfig>;
  readonly parameters: Parameters;
}

/**
 * A model with fresh weights: embeddings N(0, 0.02²), other weights uniform in ±1/√fan-in, gains 1, biases 0.
 *
 * @param options.seed default 0
 * @param options.dtype default 'float32'
 * @throws RangeError if the shape is impossible, e.g. dModel is not a multiple of heads
 * @example
 * const { parameters } = createTransformer({ vocabulary: 10, layers: 1, heads: 2, dModel: 8, dFeedForward: 16 });
 * parameters["blocks.0.up.weight"].shape // [8, 16]
 */
export function createTransformer(
  config: TransformerConfig,
  { seed = 0, dtype = "float32" }: { readonly seed?: number; readonly dtype?: Dtype } = {},
): Transformer {
  const shape = complete("createTransformer", config);
  const draw = random(seed);
  const fresh = {
    gain: (sizes: readonly number[]) => full(sizes, 1, dtype),
    bias: (sizes: readonly number[]) => full(sizes, 0, dtype),
    embedding: (sizes: readonly number[]) => normal(sizes, 0.02, draw, dtype),
    weight: (sizes: readonly number[]) => uniform(sizes, 1 / Math.sqrt(sizes[0]!), draw, dtype),
  };
  const entries = parameterShapes(shape).map(({ name, shape: sizes, kind }) => [name, fresh[kind](sizes)] as const);
  return { config: shape, parameters: Object.fromEntries(entries) };
}

/**
 * A trained model from its checkpoint, float32.
 *
 * @throws RangeError if the checkpoint has not the parameters of its shape
 * @example
 * fromCheckpoint(loadCheckpoint("tiny-rope")).config.layers // 2
 */
export function fromCheckpoint({ config, parameters }: Checkpoint): Transformer {
  const shape = complete("fromCheckpoint", config);
  const entries = parameterShapes(shape).map(({ name, shape: sizes }) => {
    const data = parameters[name];
    if (!data) throw new RangeError(`fromCheckpoint: the parameter ${name} must be there`);
    return [name, tensor(data, sizes)] as const;
  });
  return { config: shape, parameters: Object.fromEntries(entries) };
}

/** What a cache of keys and values has to offer to `forward`; `kv-cache` has one. */
export interface KeyValueCache {
  /** tokens read so far: the next one stands at this position */
  readonly length: number;
  /** Called before a pass; throws if this model's keys do not belong here. */
  begin?(model: Transformer): void;
  /**
   * Keeps the keys (after rotation) and values of new tokens, 1×h_kv×T×dh each, in a layer; layers are filled in order.
   *
   * @returns keys and values of that layer, in the order of their positions, the new ones last. What no later token sees, by
   * the model's window and sinks, may be missing
   */
  append(layer: number, keys: Tensor, values: Tensor): { readonly keys: Tensor; readonly values: Tensor };
}

/** What `forward` returns. */
export interface Forward {
  /** B×T×V, for the token after each */
  readonly logits: Tensor;
  /** B×T×d, the residual stream before the first block and after each */
  readonly residuals: readonly Tensor[];
}

/**
 * All logits of a batch of sequences (1-5).
 *
 * @param tokens B·T integers in [0, V), sequence after sequence
 * @param options.batch B, default 1
 * @param options.offset position of the first token, default 0
 * @param options.cache keys and values of the tokens before these, to which theirs are added; for one sequence
 * @throws RangeError if a token is outside the vocabulary, the sequences do not fit the batch, or a position is beyond a learned table
 */
export function forward(
  model: Transformer,
  tokens: ArrayLike<number>,
  {
    batch = 1,
    offset = 0,
    cache,
  }: { readonly batch?: number; readonly offset?: number; readonly cache?: KeyValueCache } = {},
): Forward {
  const { config, parameters: p } = model;
  const { dModel, heads, kvHeads, layers, placement, without } = config;
  const T = tokens.length / checkInteger("forward", "batch", batch, 1);
  if (!(Number.isInteger(T) && T >= 1)) {
    throw new RangeError(`forward: the number of tokens must be a positive multiple of ${batch}, got ${tokens.length}`);
  }
  checkInteger("forward", "offset", offset, 0);
  if (cache && batch !== 1) throw new RangeError(`forward: a cache is for one sequence, got batch ${batch}`);
  cache?.begin?.(model);
  const before = cache?.length ?? 0;
  const positions = Int32Array.from({ length: T }, (_, t) => offset + before + t);
  const dtype = p.embedding!.dtype;
  const norm = (x: Tensor, name: string) => normalise(model, x, name);
  const map = (x: Tensor, name: string) => {
    const y = matmul(x, p[`${name}.weight`]!);
    return p[`${name}.bias`] ? add(y, p[`${name}.bias`]!) : y;
  };
  const turn = config.positions === "rope" ? rotation(positions, dModel / heads) : (x: Tensor) => x;
  let bias: Tensor | undefined;
  const split = (x: Tensor, count: number) => transpose(reshape(x, [batch, T, count, dModel / heads]), [0, 2, 1, 3]);
  // Key and value heads get an axis for the queries of their group, over which they broadcast.
  const grouped = (x: Tensor, members: number) => reshape(x, [batch, kvHeads, members, -1, dModel / heads]);

  const attend = (x: Tensor, layer: number, block: string) => {
    const [q, k] = [turn(split(map(x, `${block}.query`), heads)), turn(split(map(x, `${block}.key`), kvHeads))];
    const v = split(map(x, `${block}.value`), kvHeads);
    const { keys, values } = cache?.append(layer, k, v) ?? { keys: k, values: v };
    bias ??= scoreBias(config, before, T, keys.shape[2]!, dtype);
    const mixed = attention(grouped(q, heads / kvHeads), grouped(keys, 1), grouped(values, 1), bias ? { bias } : {});
    const together = transpose(reshape(mixed, [batch, heads, T, dModel / heads]), [0, 2, 1, 3]);
    return map(reshape(together, [batch, T, dModel]), `${block}.output`);
  };
  const transform = (x: Tensor, block: string) => {
    const up = map(x, `${block}.up`);
    if (config.feedForward === "swiglu") return map(mul(silu(map(x, `${block}.gate`)), up), `${block}.down`);
    return map((config.feedForward === "relu" ? relu : gelu)(up), `${block}.down`);
  };

  let x = embed(config, p, tokens, positions, batch); // (1)
  const residuals = [x];
  const read = (sublayer: (x: Tensor) => Tensor, name: string) => {
    const plus = (y: Tensor) => (without === "residual" ? y : add(x, y));
    x = placement === "pre" ? plus(sublayer(norm(x, name))) : norm(plus(sublayer(x)), name); // (2), (3) or (4)
  };
  for (let layer = 0; layer < layers; layer++) {
    const block = `blocks.${layer}`;
    if (without !== "attention") read((y) => attend(y, layer, block), `${block}.norm1`);
    if (without !== "feedForward") read((y) => transform(y, block), `${block}.norm2`);
    residuals.push(x);
  }
  return { logits: readOut(model, x), residuals }; // (5)
}

/** Number of parameters by part; see `countParameters`. */
export interface ParameterCount {
  readonly embedding: number;
  readonly positions: number;
  readonly attention: number;
  readonly feedForward: number;
  readonly norms: number;
  readonly head: number;
  readonly total: number;
}

/**
 * Parameters of a model of this shape, part by part, without making it.
 *
 * @example
 * countParameters({ vocabulary: 50257, layers: 12, heads: 12, dModel: 768, dFeedForward: 3072, positions: "learned", context: 1024, tiedHead: true }).total // 124439808
 */
export function countParameters(config: TransformerConfig): ParameterCount {
  const count = { embedding: 0, positions: 0, attention: 0, feedForward: 0, norms: 0, head: 0 };
  for (const { name, shape } of parameterShapes(complete("countParameters", config))) {
    const part = /norm/.test(name)
      ? "norms"
      : /query|key|value|output/.test(name)
        ? "attention"
        : /gate|up|down/.test(name)
          ? "feedForward"
          : (name.split(".")[0] as "embedding" | "positions" | "head");
    count[part] += shape.reduce((product, n) => product * n, 1);
  }
  return { ...count, total: Object.values(count).reduce((a, b) => a + b) };
}

/**
 * Floating-point operations (2 for a multiplication and its addition) for one token that sees n keys: linear maps of all
 * blocks, scores and mixing, and the output projection (6).
 */
export function forwardFlops(
  config: TransformerConfig,
  n: number,
): { readonly linear: number; readonly attention: number; readonly head: number } {
  const shape = complete("forwardFlops", config);
  const { layers, dModel, vocabulary } = shape;
  checkInteger("forwardFlops", "n", n, 1);
  const weights = parameterShapes(shape).filter(({ name }) => /^blocks.*weight$/.test(name));
  const linear = 2 * weights.reduce((sum, { shape }) => sum + shape[0]! * shape[1]!, 0);
  return { linear, attention: 4 * n * dModel * layers, head: 2 * dModel * vocabulary };
}

/** How `trainTransformerSteps` trains. */
export interface TrainTransformerOptions {
  readonly optimizer: Optimizer;
  readonly steps: number;
  /** windows in a batch, default 16 */
  readonly batch?: number;
  /** tokens in a window, default 64 */
  readonly context?: number;
  /** of the windows, default 0 */
  readonly seed?: number;
}

/**
 * Trains a model to predict the next token of a text, window by window; its parameters change in place.
 *
 * @param corpus tokens
 * @throws RangeError if the text is shorter than a window
 * @throws NonFiniteError if the loss is not finite, naming step and operation
 */
export function* trainTransformerSteps(
  model: Transformer,
  corpus: ArrayLike<number>,
  { optimizer, steps, batch = 16, context = 64, seed = 0 }: TrainTransformerOptions,
): Generator<TrainStep> {
  checkInteger("trainTransformerSteps", "context", context, 1, corpus.length - 1);
  const windowsOf = batches(corpus.length - context, batch, seed);
  yield* trainSteps({
    parameters: model.parameters,
    optimizer,
    steps,
    loss(parameters, step) {
      const { tokens, targets } = windows(corpus, windowsOf(step), context);
      return crossEntropy(forward({ config: model.config, parameters }, tokens, { batch }).logits, targets);
    },
  });
}

/**
 * Mean loss in nats of the next token over windows of a text; nothing is recorded.
 *
 * @param starts where the windows begin
 * @param context tokens in a window
 * @throws RangeError if a window does not lie within the text
 */
export function evaluate(
  model: Transformer,
  corpus: ArrayLike<number>,
  starts: ArrayLike<number>,
  context: number,
): number {
  for (let i = 0; i < starts.length; i++) {
    checkInteger("evaluate", `starts[${i}]`, starts[i]!, 0, corpus.length - context - 1);
  }
  const { tokens, targets } = windows(corpus, starts, context);
  return noGrad(() => crossEntropy(forward(model, tokens, { batch: starts.length }).logits, targets)).item();
}

/**
 * The logit lens: what the output projection would say after each block.
 *
 * @returns T×V for the embedding and for each block
 */
export function logitLens(model: Transformer, tokens: ArrayLike<number>): readonly Matrix[] {
  return noGrad(() =>
    forward(model, tokens).residuals.map((x) => {
      const logits = readOut(model, x);
      return matrixOver(Float64Array.from(logits.data), tokens.length, model.config.vocabulary);
    }),
  );
}

/**
 * An induction circuit with weights set by hand: two layers of attention alone. In the first, every token fetches the one
 * before it; in the second, it looks for places whose predecessor is itself and copies what stands there (7).
 *
 * @param vocabulary V
 * @param length longest sequence
 * @returns a function from tokens to logits, n×V; with `withoutFirstLayer` nothing is fetched
 * @throws RangeError from the function if a token is outside the vocabulary or there are too many
 */
export function inductionTransformer({
  vocabulary,
  length,
}: {
  readonly vocabulary: number;
  readonly length: number;
}): (tokens: ArrayLike<number>, options?: { readonly withoutFirstLayer?: boolean }) => Matrix {
  checkInteger("inductionTransformer", "vocabulary", vocabulary, 1);
  checkInteger("inductionTransformer", "length", length, 1);
  const oneHot = (width: number, at: (i: number) => number, n: number) => {
    const rows = zeros(n, width);
    for (let i = 0; i < n; i++) rows.set(i, at(i), 1);
    return rows;
  };
  const sharp = { causal: true, scale: 50 }; // e^50: all other weights vanish
  return (tokens, { withoutFirstLayer = false } = {}) => {
    const n = checkInteger("inductionTransformer", "number of tokens", tokens.length, 1, length);
    for (let i = 0; i < n; i++) checkInteger("inductionTransformer", `tokens[${i}]`, tokens[i]!, 0, vocabulary - 1);
    // A token of its own stands before the first: it is what the first one fetches.
    const token = oneHot(vocabulary + 1, (i) => (i === 0 ? vocabulary : tokens[i - 1]!), n + 1);
    const place = oneHot(length + 1, (i) => i, n + 1);
    const before = oneHot(length + 1, (i) => Math.max(0, i - 1), n + 1);
    const previous = withoutFirstLayer
      ? zeros(n + 1, vocabulary + 1)
      : scaledDotProductAttention(before, place, token, sharp).output; // writes "the token before me" into the stream
    const copied = scaledDotProductAttention(token, previous, token, sharp).output;
    return copied.lo(1, 0).hi(n, vocabulary) as Matrix;
  };
}

// ---- parts ----

function embed(
  config: Required<TransformerConfig>,
  p: Parameters,
  tokens: ArrayLike<number>,
  positions: Int32Array,
  batch: number,
): Tensor {
  const x = gather(p.embedding!, tokens, [batch, positions.length]);
  if (config.positions === "learned") {
    checkInteger("forward", "position", positions.at(-1)!, 0, config.context - 1);
    return add(x, gather(p.positions!, positions));
  }
  if (config.positions !== "sinusoidal") return x;
  const { data } = sinusoidalEncoding(positions, { dimension: config.dModel });
  return add(x, tensor(Array.from(data), [positions.length, config.dModel], x.dtype));
}

function normalise({ config, parameters: p }: Transformer, x: Tensor, name: string): Tensor {
  if (config.without === "norm") return x;
  if (config.norm === "rms") return rmsNorm(x, p[`${name}.gain`]!);
  return layerNorm(x, { gain: p[`${name}.gain`]!, bias: p[`${name}.bias`]! });
}

/** Logits from a residual stream: the last norm of 'pre' models, then the output projection. */
function readOut(model: Transformer, x: Tensor): Tensor {
  const { config, parameters: p } = model;
  const y = config.placement === "pre" ? normalise(model, x, "norm") : x;
  return config.tiedHead ? matmul(y, p.embedding!, { transposeB: true }) : matmul(y, p["head.weight"]!);
}

/** RoPE as an operation: its adjoint is the rotation back. */
function rotation(positions: Int32Array, headDim: number): (x: Tensor) => Tensor {
  const tables = ropeTables(positions, inverseFrequencies(headDim));
  const rotated = (x: Tensor, direction: 1 | -1) => {
    const data = x.data.slice();
    rotateInto(data, headDim, tables, "interleaved", data, direction);
    return tensor(data, x.shape);
  };
  return customVjp(
    (x) => rotated(x!, 1),
    (g) => [rotated(g, -1)],
    "rope",
  );
}

/**
 * What is added to the scores of T queries and m keys, h_kv×(h/h_kv)×T×m or T×m: −Infinity where a query may not look, ALiBi;
 * undefined where nothing is. Keys that a cache has dropped stood between the sinks and the others.
 */
function scoreBias(
  { positions, causal, window, sinks, heads, kvHeads }: Required<TransformerConfig>,
  before: number,
  T: number,
  m: number,
  dtype: Dtype,
): Tensor | undefined {
  if (!causal && positions !== "alibi") return undefined;
  const dropped = before + T - m;
  const rows = (slope: number) =>
    Array.from({ length: T * m }, (_, at) => {
      const place = (at % m) + (at % m < sinks ? 0 : dropped);
      const distance = before + Math.floor(at / m) - place;
      const sees = !causal || (distance >= 0 && (distance < window || place < sinks));
      return sees ? 0 - slope * Math.abs(distance) : -Infinity;
    });
  if (positions !== "alibi") return tensor(rows(0), [T, m], dtype);
  return tensor(Array.from(alibiSlopes(heads), rows).flat(), [kvHeads, heads / kvHeads, T, m], dtype);
}

function windows(corpus: ArrayLike<number>, starts: ArrayLike<number>, context: number) {
  const tokens = new Int32Array(starts.length * context);
  const targets = new Int32Array(starts.length * context);
  for (let b = 0; b < starts.length; b++) {
    for (let t = 0; t < context; t++) {
      tokens[b * context + t] = corpus[starts[b]! + t]!;
      targets[b * context + t] = corpus[starts[b]! + t + 1]!;
    }
  }
  return { tokens, targets };
}

// ---- shapes ----

interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: "embedding" | "weight" | "bias" | "gain";
}

/** Names and shapes of all parameters, in order: the one list that making and counting share. */
function parameterShapes(config: Required<TransformerConfig>): readonly ParameterShape[] {
  const { vocabulary: V, layers, heads, kvHeads, dModel: d, dFeedForward: f } = config;
  const biases = config.norm === "layer";
  const norm = (name: string): ParameterShape[] => [
    { name: `${name}.gain`, shape: [d], kind: "gain" },
    ...(biases ? [{ name: `${name}.bias`, shape: [d], kind: "bias" } as const] : []),
  ];
  const map = (name: string, from: number, to: number): ParameterShape[] => [
    { name: `${name}.weight`, shape: [from, to], kind: "weight" },
    ...(biases ? [{ name: `${name}.bias`, shape: [to], kind: "bias" } as const] : []),
  ];
  const keys = (d / heads) * kvHeads;
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const block = `blocks.${layer}`;
    return [
      ...norm(`${block}.norm1`),
      ...map(`${block}.query`, d, d),
      ...map(`${block}.key`, d, keys),
      ...map(`${block}.value`, d, keys),
      ...map(`${block}.output`, d, d),
      ...norm(`${block}.norm2`),
      ...(config.feedForward === "swiglu" ? map(`${block}.gate`, d, f) : []),
      ...map(`${block}.up`, d, f),
      ...map(`${block}.down`, f, d),
    ];
  });
  return [
    { name: "embedding", shape: [V, d], kind: "embedding" },
    ...(config.positions === "learned"
      ? [{ name: "positions", shape: [config.context, d], kind: "embedding" } as const]
      : []),
    ...blocks.flat(),
    ...(config.placement === "pre" ? norm("norm") : []),
    ...(config.tiedHead ? [] : [{ name: "head.weight", shape: [d, V], kind: "weight" } as const]),
  ];
}

function complete(caller: string, config: TransformerConfig): Required<TransformerConfig> {
  const shape: Required<TransformerConfig> = {
    kvHeads: config.heads,
    norm: "layer",
    placement: "pre",
    feedForward: "gelu",
    positions: "rope",
    context: 64,
    causal: true,
    window: Infinity,
    sinks: 0,
    tiedHead: false,
    without: "nothing",
    ...config,
  };
  const { heads, kvHeads, dModel, positions, causal, window } = shape;
  for (const name of ["vocabulary", "layers", "heads", "kvHeads", "dModel", "dFeedForward", "context"] as const) {
    checkInteger(caller, name, shape[name], 1);
  }
  checkInteger(caller, "sinks", shape.sinks, 0);
  if (window !== Infinity) checkInteger(caller, "window", window, 1);
  if (window !== Infinity && !causal) throw new RangeError(`${caller}: a window needs a causal model, got ${window}`);
  checkChoice(caller, "norm", shape.norm, ["layer", "rms"]);
  checkChoice(caller, "placement", shape.placement, ["pre", "post"]);
  checkChoice(caller, "feedForward", shape.feedForward, ["gelu", "relu", "swiglu"]);
  checkChoice(caller, "positions", positions, ["none", "learned", "sinusoidal", "rope", "alibi"]);
  checkChoice(caller, "without", shape.without, ["nothing", "attention", "feedForward", "norm", "residual"]);
  if (dModel % heads !== 0)
    throw new RangeError(`${caller}: dModel must be a multiple of heads, got ${dModel} and ${heads}`);
  if (heads % kvHeads !== 0) throw new RangeError(`${caller}: kvHeads must divide heads, got ${kvHeads} and ${heads}`);
  if (positions === "rope" && (dModel / heads) % 2 !== 0) {
    throw new RangeError(`${caller}: rotary positions need heads of even width, got ${dModel / heads}`);
  }
  return shape;
}
