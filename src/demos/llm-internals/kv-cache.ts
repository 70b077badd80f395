/**
 * The KV cache: keys and values of every token so far, kept layer by layer. Under causal attention they never change, so a
 * new token needs one row of projections and one row of attention instead of a pass over the whole prefix.
 *
 * Follows Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019. https://arxiv.org/abs/1911.02150
 * Follows Pope et al., "Efficiently Scaling Transformer Inference", 2023. https://arxiv.org/abs/2211.05102
 * Follows Jiang et al., "Mistral 7B", 2023 (the rolling cache). https://arxiv.org/abs/2310.06825
 * Follows Xiao et al., "Efficient Streaming Language Models with Attention Sinks", 2024 (sinks).
 * https://arxiv.org/abs/2309.17453
 * But:
 * - One sequence at a time, one contiguous array for each layer: no pages, no sharing between sequences but `fork`.
 * - What attention reads is copied out of the cache, as the engine's tensors are contiguous.
 * - Sinks stay at their positions in the text; Xiao et al. count positions within the cache.
 */
import { checkInteger, checkVector } from "../../lib/check.js";
import { type Dtype, type Floats, type Tensor, tensor } from "../deep-learning-foundations/backpropagation.js";
import { kvCacheBytes } from "./grouped-query-attention.js";
import {
  forward,
  forwardFlops,
  type KeyValueCache,
  type Parameters,
  type Transformer,
  type TransformerConfig,
} from "./transformer-architecture.js";

/** How a generation runs. */
export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** default true; without it every step reads everything again */
  readonly useCache?: boolean;
  /** default an empty `KvCache`; the first tokens of the prompt may be in it already */
  readonly cache?: KeyValueCache;
}

/** One token of a generation. */
export interface GenerationStep {
  /** the token that was chosen, the likeliest */
  readonly token: number;
  /** V logits it was chosen from */
  readonly logits: Float64Array;
  /** so far: tokens that went through the linear maps of a layer */
  readonly tokenPasses: number;
  /** so far: dot products of a query with a key that it sees, per head and layer */
  readonly scoreDotProducts: number;
}

/**
 * Greedy generation token by token, with its work counted as it is done.
 *
 * @param prompt at least one token that is not in the cache yet
 * @throws RangeError if maxNewTokens is no integer of at least 0, there is nothing to read, or logits are not finite
 */
export function* generateSteps(
  model: Transformer,
  prompt: ArrayLike<number>,
  { maxNewTokens, useCache = true, cache = cacheFor(model) }: GenerateOptions,
): Generator<GenerationStep, void> {
  checkInteger("generateSteps", "maxNewTokens", maxNewTokens, 0);
  const { window, sinks } = model.config;
  const tokens = Array.from(prompt);
  let [tokenPasses, scoreDotProducts] = [0, 0];
  for (let step = 0; step < maxNewTokens; step++) {
    const reader = useCache ? cache : cacheFor(model);
    const before = reader.length;
    const logits = prefill(model, tokens.slice(before), reader);
    for (let place = before; place < tokens.length; place++) {
      tokenPasses++;
      scoreDotProducts += Math.min(place + 1, window + sinks);
    }
    const token = logits.indexOf(checkVector("generateSteps", "logits", logits).reduce((a, b) => Math.max(a, b)));
    tokens.push(token);
    yield { token, logits, tokenPasses, scoreDotProducts };
  }
}

/** A whole generation: the new tokens, the logits each was chosen from, and the work in all. */
export interface Generation extends Pick<GenerationStep, "tokenPasses" | "scoreDotProducts"> {
  readonly tokens: readonly number[];
  readonly logits: readonly Float64Array[];
}

/**
 * The same run to its end.
 *
 * @throws as `generateSteps`
 */
export function generate(model: Transformer, prompt: ArrayLike<number>, options: GenerateOptions): Generation {
  const steps = [...generateSteps(model, prompt, options)];
  const { tokenPasses = 0, scoreDotProducts = 0 } = steps.at(-1) ?? {};
  return {
    tokens: steps.map(({ token }) => token),
    logits: steps.map(({ logits }) => logits),
    tokenPasses,
    scoreDotProducts,
  };
}

/**
 * Reads a prompt, or the next piece of one, into a cache.
 *
 * @returns V logits for the token after it
 * @throws RangeError if there is no token, or a position is beyond a learned table; then the cache is as it was
 * @throws TypeError if the cache holds tokens of another model
 */
export function prefill(model: Transformer, tokens: ArrayLike<number>, cache: KeyValueCache): Float64Array {
  const { data } = forward(model, tokens, { cache }).logits;
  return Float64Array.from(data.subarray(data.length - model.config.vocabulary));
}

/** Reads one token more. @returns V logits for the next */
export function decodeStep(model: Transformer, token: number, cache: KeyValueCache): Float64Array {
  return prefill(model, [token], cache);
}

/** Shape of a cache. */
export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** default 'float32' */
  readonly dtype?: Dtype;
}

/** What the two kinds of cache share: an array of keys and one of values for each layer, h_kv×capacity×dh. */
abstract class LayeredCache implements KeyValueCache {
  readonly shape: Required<CacheShape>;
  protected readonly name: string;
  /** tokens that fit */
  protected capacity: number;
  /** tokens read by each layer; they differ only while a pass is under way */
  protected counts: number[];
  protected keys: Floats[];
  protected values: Floats[];
  /** of the model whose keys these are */
  protected reader: Parameters | undefined;

  constructor(name: string, { layers, kvHeads, headDim, dtype = "float32" }: CacheShape, capacity: number) {
    for (const [size, value] of Object.entries({ layers, kvHeads, headDim })) checkInteger(name, size, value, 1);
    this.shape = { layers, kvHeads, headDim, dtype };
    this.name = name;
    this.capacity = capacity;
    this.counts = new Array(layers).fill(0);
    this.keys = this.counts.map(() => this.fresh(capacity));
    this.values = this.counts.map(() => this.fresh(capacity));
  }

  /** Tokens read: those that all layers have. */
  get length(): number {
    return this.counts.at(-1)!;
  }

  /** Bytes of the keys and values that are kept, 2·layers·h_kv·dh·bytes for each token (1); what is allocated may be more. */
  get bytes(): number {
    const { layers, kvHeads, headDim } = this.shape;
    return 2 * layers * kvHeads * headDim * this.keys[0]!.BYTES_PER_ELEMENT * Math.min(this.length, this.capacity);
  }

  /**
   * Called before a pass.
   *
   * @throws RangeError if the model has another number of layers
   * @throws TypeError if the tokens that are here were read by another model
   */
  begin({ config, parameters }: Transformer): void {
    if (config.layers !== this.shape.layers) {
      throw new RangeError(`${this.name}: layers must be the model's ${config.layers}, got ${this.shape.layers}`);
    }
    if (this.length > 0 && this.reader !== parameters) {
      throw new TypeError(`${this.name}: the ${this.length} tokens in it must be this model's, got those of another`);
    }
    this.reader = parameters;
  }

  /**
   * Keeps keys and values of new tokens in a layer.
   *
   * @param keys 1×h_kv×T×dh, after rotation; values likewise
   * @returns those that the new tokens may see, 1×h_kv×m×dh, the new ones last
   * @throws RangeError if shapes or the layer do not fit, or the cache is full and does not grow
   * @throws TypeError if the element type is another one
   */
  append(layer: number, keys: Tensor, values: Tensor): { readonly keys: Tensor; readonly values: Tensor } {
    const { layers, kvHeads, headDim, dtype } = this.shape;
    checkInteger(`${this.name}.append`, "layer", layer, 0, layers - 1);
    const added = keys.shape[2]!;
    for (const [what, x] of Object.entries({ keys, values })) {
      if (x.shape.join() !== [1, kvHeads, added, headDim].join()) {
        const [expected, got] = [`1×${kvHeads}×T×${headDim}`, x.shape.join("×")];
        throw new RangeError(`${this.name}.append: ${what} must be ${expected}, got ${got}`);
      }
      if (x.dtype !== dtype) throw new TypeError(`${this.name}.append: ${what} must be ${dtype}, got ${x.dtype}`);
    }
    const before = this.counts[layer]!;
    this.makeRoom(before + added);
    this.counts[layer] = before + added;
    return {
      keys: this.write(this.keys[layer]!, keys.data, before, added),
      values: this.write(this.values[layer]!, values.data, before, added),
    };
  }

  protected fresh(rows: number): Floats {
    const { kvHeads, headDim, dtype } = this.shape;
    return new (dtype === "float32" ? Float32Array : Float64Array)(kvHeads * rows * headDim);
  }

  protected abstract makeRoom(tokens: number): void;

  /** Writes the rows of new tokens into an array, and reads those that they may see. */
  protected abstract write(array: Floats, x: Floats, before: number, added: number): Tensor;
}

/** Keys and values of all tokens of one sequence. */
export class KvCache extends LayeredCache {
  private readonly growing: boolean;

  /**
   * @param options.capacity tokens that fit at first, default 16
   * @param options.growing whether the arrays are doubled when they are full, default true; otherwise a token too many is an error
   * @throws RangeError if a size is no positive integer
   */
  constructor({
    capacity = 16,
    growing = true,
    ...shape
  }: CacheShape & { readonly capacity?: number; readonly growing?: boolean }) {
    super("KvCache", shape, checkInteger("KvCache", "capacity", capacity, 1));
    this.growing = growing;
  }

  /**
   * Forgets all but the first n tokens, as if the others had never been seen: what a rejected guess needs.
   *
   * @throws RangeError if there are not so many
   */
  truncate(n: number): void {
    checkInteger("KvCache.truncate", "n", n, 0, this.length);
    this.counts.fill(n);
  }

  /** A copy that goes its own way: two continuations of one prefix. */
  fork(): KvCache {
    const copy = new KvCache({ ...this.shape, capacity: this.capacity, growing: this.growing });
    copy.reader = this.reader;
    copy.counts = [...this.counts];
    copy.keys = this.keys.map((array) => array.slice());
    copy.values = this.values.map((array) => array.slice());
    return copy;
  }

  /** Doubles the arrays until so many tokens fit: a token is moved O(1) times on average. */
  protected makeRoom(tokens: number): void {
    if (tokens <= this.capacity) return;
    if (!this.growing) throw new RangeError(`KvCache: ${tokens} tokens must fit a capacity of ${this.capacity}`);
    const { kvHeads, headDim } = this.shape;
    let wider = this.capacity;
    while (wider < tokens) wider *= 2;
    const moved = (array: Floats) => {
      const larger = this.fresh(wider);
      const size = this.capacity * headDim;
      for (let h = 0; h < kvHeads; h++) larger.set(array.subarray(h * size, (h + 1) * size), h * wider * headDim);
      return larger;
    };
    this.keys = this.keys.map(moved);
    this.values = this.values.map(moved);
    this.capacity = wider;
  }

  protected write(array: Floats, x: Floats, before: number, added: number): Tensor {
    const { kvHeads, headDim } = this.shape;
    const m = before + added;
    const all = this.fresh(m);
    for (let h = 0; h < kvHeads; h++) {
      const start = h * this.capacity * headDim;
      array.set(x.subarray(h * added * headDim, (h + 1) * added * headDim), start + before * headDim);
      all.set(array.subarray(start, start + m * headDim), h * m * headDim);
    }
    return tensor(all, [1, kvHeads, m, headDim]);
  }
}

/** Keys and values of the first tokens and of the last W: a ring, for a model whose attention has this window and these sinks. */
export class RollingKvCache extends LayeredCache {
  readonly window: number;
  readonly sinks: number;

  /**
   * @param options.window W, the last tokens that are kept
   * @param options.sinks tokens at the start that are never dropped, default 0
   * @throws RangeError if a size is no positive integer, or sinks no integer of at least 0
   */
  constructor({ window, sinks = 0, ...shape }: CacheShape & { readonly window: number; readonly sinks?: number }) {
    checkInteger("RollingKvCache", "window", window, 1);
    super("RollingKvCache", shape, window + checkInteger("RollingKvCache", "sinks", sinks, 0));
    this.window = window;
    this.sinks = sinks;
  }

  /**
   * Called before a pass.
   *
   * @throws RangeError if the model's tokens see more, or less, than this cache keeps, or as `KvCache`
   * @throws TypeError as `KvCache`
   */
  override begin(model: Transformer): void {
    super.begin(model);
    const [expected, got] = [model.config, this].map(({ window, sinks }) => `${window} and ${sinks}`);
    if (got !== expected) {
      throw new RangeError(`RollingKvCache: window and sinks must be the model's ${expected}, got ${got}`);
    }
  }

  protected makeRoom(): void {} // the oldest make room

  protected write(array: Floats, x: Floats, before: number, added: number): Tensor {
    const { kvHeads, headDim } = this.shape;
    const slot = (place: number) => (place < this.sinks ? place : this.sinks + (place % this.window));
    const seen: number[] = []; // slots of the earlier tokens that the first of the new ones sees
    for (let place = 0; place < Math.min(before, this.sinks); place++) seen.push(place);
    for (let place = Math.max(this.sinks, before - this.window + 1); place < before; place++) seen.push(slot(place));
    const m = seen.length + added;
    const all = this.fresh(m);
    for (let h = 0; h < kvHeads; h++) {
      const ring = array.subarray(h * this.capacity * headDim, (h + 1) * this.capacity * headDim);
      const rows = x.subarray(h * added * headDim, (h + 1) * added * headDim);
      const row = (from: Floats, i: number) => from.subarray(i * headDim, (i + 1) * headDim);
      for (let j = 0; j < seen.length; j++) all.set(row(ring, seen[j]!), (h * m + j) * headDim);
      all.set(rows, (h * m + seen.length) * headDim);
      for (let t = 0; t < added; t++) ring.set(row(rows, t), slot(before + t) * headDim);
    }
    return tensor(all, [1, kvHeads, m, headDim]);
  }
}

/** An empty cache of the shape that a model needs. */
export function cacheFor(model: Transformer): KvCache {
  return new KvCache(shapeOf(model));
}

/**
 * An empty rolling cache for a model with a window.
 *
 * @throws RangeError if the model has none
 */
export function rollingCacheFor(model: Transformer): RollingKvCache {
  return new RollingKvCache({ ...shapeOf(model), window: model.config.window, sinks: model.config.sinks });
}

/** The shape of a generation: what `generateSteps` is asked to do. */
export interface GenerationShape {
  /** p */
  readonly promptTokens: number;
  /** n */
  readonly newTokens: number;
  readonly useCache: boolean;
  readonly model: TransformerConfig;
  readonly bytesPerElement?: number;
}

/** Work of a whole generation by formula. */
export interface GenerationCost extends Pick<GenerationStep, "tokenPasses" | "scoreDotProducts"> {
  /** floating-point operations, a multiplication and its addition being 2; each new token is read off once (4) */
  readonly flops: number;
  /** at the end; 0 without a cache */
  readonly cacheBytes: number;
}

/**
 * Closed forms of what `generateSteps` counts, for p prompt tokens, n new ones and no window (2, 3), and what follows from them
 * (1, 4).
 *
 * @param options.model its configuration
 * @param options.bytesPerElement of the cache, default 2
 * @throws RangeError if p or n is no positive integer, or there is no such model
 * @example
 * const model = { vocabulary: 81, layers: 2, heads: 4, dModel: 32, dFeedForward: 128 };
 * generationCost({ promptTokens: 100, newTokens: 1000, useCache: true, model }).tokenPasses // 1099
 */
export function generationCost({
  promptTokens: p,
  newTokens: n,
  useCache,
  model,
  bytesPerElement = 2,
}: GenerationShape): GenerationCost {
  checkInteger("generationCost", "promptTokens", p, 1);
  checkInteger("generationCost", "newTokens", n, 1);
  const read = p + n - 1; // the last token is never read
  // the sum of the first m triangular numbers
  const tetrahedral = (m: number) => (m * (m + 1) * (m + 2)) / 6;
  const tokenPasses = useCache ? read : n * p + (n * (n - 1)) / 2; // (2)
  const scoreDotProducts = useCache ? (read * (read + 1)) / 2 : tetrahedral(read) - tetrahedral(p - 1); // (3)
  const { linear, attention, head } = forwardFlops(model, 1);
  const { layers, heads, kvHeads = heads, dModel } = model;
  const perToken = kvCacheBytes({ layers, kvHeads, headDim: dModel / heads, bytesPerElement }).perToken;
  return {
    tokenPasses,
    scoreDotProducts,
    flops: tokenPasses * linear + scoreDotProducts * attention + n * head, // (4)
    cacheBytes: useCache ? read * perToken : 0,
  };
}

function shapeOf({ config, parameters }: Transformer): Required<CacheShape> {
  const { layers, heads, kvHeads, dModel } = config;
  return { layers, kvHeads, headDim: dModel / heads, dtype: parameters.embedding!.dtype };
}
