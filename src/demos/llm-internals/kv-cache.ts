/**
 * The KV cache: keys and values of every token so far, kept layer by layer. Under causal attention they never change, so a
 * new token needs one row of projections and one row of attention instead of a pass over the whole prefix.
 *
 * Follows Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019. https://arxiv.org/abs/1911.02150
 * Follows Pope et al., "Efficiently Scaling Transformer Inference", 2023. https://arxiv.org/abs/2211.05102
 * But:
 * - One sequence at a time, one contiguous array for each layer: no pages, no sharing between sequences but `fork`.
 * - What attention reads is copied out of the cache, as the engine's tensors are contiguous.
 */
import { checkInteger } from "../../lib/check.js";
import { type Floats, noGrad, type Tensor, tensor } from "../deep-learning-foundations/backpropagation.js";
import { forward, type KeyValueCache, type Transformer } from "./transformer-architecture.js";

/** Shape of a cache. */
export interface KvCacheOptions {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** tokens that fit before the arrays are doubled, default 16 */
  readonly capacity?: number;
  /** whether the arrays are doubled when they are full, default true; otherwise one token too many is an error */
  readonly growing?: boolean;
  readonly dtype?: "float32" | "float64";
}

/** Keys and values of one sequence. */
export class KvCache implements KeyValueCache {
  readonly options: Required<KvCacheOptions>;
  private capacity: number;
  /** tokens in each layer; they differ only while a pass is under way */
  private counts: number[];
  /** h_kv×capacity×dh in each layer */
  private keys: Floats[];
  private values: Floats[];

  /** @throws RangeError if a size is no positive integer */
  constructor(options: KvCacheOptions) {
    this.options = { capacity: 16, growing: true, dtype: "float32", ...options };
    for (const name of ["layers", "kvHeads", "headDim", "capacity"] as const)
      checkInteger("KvCache", name, this.options[name], 1);
    this.capacity = this.options.capacity;
    this.counts = new Array(this.options.layers).fill(0);
    this.keys = this.counts.map(() => this.fresh(this.capacity));
    this.values = this.counts.map(() => this.fresh(this.capacity));
  }

  /** Tokens kept: those that all layers have. */
  get length(): number {
    return this.counts.at(-1)!;
  }

  /** Bytes of the keys and values that are kept, 2·layers·h_kv·dh·bytes for each token (1); what is allocated may be more. */
  get bytes(): number {
    const { layers, kvHeads, headDim } = this.options;
    return 2 * layers * kvHeads * headDim * this.keys[0]!.BYTES_PER_ELEMENT * this.length;
  }

  /**
   * Keeps keys and values of new tokens in a layer.
   *
   * @param keys 1×h_kv×T×dh, values likewise
   * @returns those of all tokens, 1×h_kv×(length + T)×dh
   * @throws RangeError if shapes or the layer do not fit, or the cache is full and does not grow
   * @throws TypeError if the element type is another one: the keys of two models do not mix
   */
  append(layer: number, keys: Tensor, values: Tensor): { readonly keys: Tensor; readonly values: Tensor } {
    const { layers, kvHeads, headDim, dtype } = this.options;
    checkInteger("KvCache.append", "layer", layer, 0, layers - 1);
    const added = keys.shape[2]!;
    for (const [name, x] of [
      ["keys", keys],
      ["values", values],
    ] as const) {
      if (x.shape.join() !== [1, kvHeads, added, headDim].join()) {
        throw new RangeError(`KvCache.append: ${name} must be 1×${kvHeads}×T×${headDim}, got ${x.shape.join("×")}`);
      }
      if (x.dtype !== dtype) throw new TypeError(`KvCache.append: ${name} must be ${dtype}, got ${x.dtype}`);
    }
    const start = this.counts[layer]!;
    this.makeRoom(start + added);
    this.counts[layer] = start + added;
    return {
      keys: this.write(this.keys[layer]!, keys.data, start, added),
      values: this.write(this.values[layer]!, values.data, start, added),
    };
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
    const copy = new KvCache({ ...this.options, capacity: this.capacity });
    copy.counts = [...this.counts];
    copy.keys = this.keys.map((array) => array.slice());
    copy.values = this.values.map((array) => array.slice());
    return copy;
  }

  private fresh(capacity: number): Floats {
    const { kvHeads, headDim, dtype } = this.options;
    return new (dtype === "float32" ? Float32Array : Float64Array)(kvHeads * capacity * headDim);
  }

  /** Doubles the arrays until so many tokens fit: a token is moved O(1) times on average. */
  private makeRoom(tokens: number): void {
    if (tokens <= this.capacity) return;
    const { kvHeads, headDim, growing } = this.options;
    if (!growing) throw new RangeError(`KvCache: ${tokens} tokens must fit a capacity of ${this.capacity}`);
    let wider = this.capacity;
    while (wider < tokens) wider *= 2;
    const moved = (array: Floats) => {
      const larger = this.fresh(wider);
      const rows = this.capacity * headDim;
      for (let h = 0; h < kvHeads; h++) larger.set(array.subarray(h * rows, (h + 1) * rows), h * wider * headDim);
      return larger;
    };
    this.keys = this.keys.map(moved);
    this.values = this.values.map(moved);
    this.capacity = wider;
  }

  /** Writes the rows of new tokens, head by head, and reads everything up to them. */
  private write(array: Floats, x: Floats, start: number, added: number): Tensor {
    const { kvHeads, headDim } = this.options;
    const length = start + added;
    const all = this.fresh(Math.max(1, length)).subarray(0, kvHeads * length * headDim) as Floats;
    for (let h = 0; h < kvHeads; h++) {
      const place = h * this.capacity * headDim;
      array.set(x.subarray(h * added * headDim, (h + 1) * added * headDim), place + start * headDim);
      all.set(array.subarray(place, place + length * headDim), h * length * headDim);
    }
    return tensor(all, [1, kvHeads, length, headDim]);
  }
}

/** An empty cache of the shape that a model needs. */
export function cacheFor({ config, parameters }: Transformer, capacity = 16): KvCache {
  const { layers, kvHeads, dModel, heads } = config;
  return new KvCache({ layers, kvHeads, headDim: dModel / heads, capacity, dtype: parameters.embedding!.dtype });
}

/**
 * Reads a prompt into a cache.
 *
 * @returns V logits for the token after it
 * @throws RangeError if the prompt is empty or a position is beyond a learned table
 */
export function prefill(model: Transformer, tokens: ArrayLike<number>, cache: KeyValueCache): Float64Array {
  return noGrad(() => lastRow(forward(model, tokens, { cache }).logits));
}

/** Reads one token more. @returns V logits for the next */
export function decodeStep(model: Transformer, token: number, cache: KeyValueCache): Float64Array {
  return prefill(model, [token], cache);
}

/** One token of a generation. */
export interface GenerationStep {
  /** the token that was chosen, the likeliest */
  readonly token: number;
  /** V logits it was chosen from */
  readonly logits: Float64Array;
  /** so far: tokens that went through the linear maps of a layer */
  readonly tokenPasses: number;
  /** so far: dot products of a query with a key, per head and layer, masked ones not counted */
  readonly scoreDotProducts: number;
}

/** How `generateSteps` runs. */
export interface GenerateOptions {
  /** default true; without it every step reads everything again */
  readonly useCache?: boolean;
  readonly maxNewTokens: number;
}

/**
 * Greedy generation token by token, with its work counted as it is done.
 *
 * @throws RangeError if maxNewTokens is no integer of at least 0
 */
export function* generateSteps(
  model: Transformer,
  prompt: ArrayLike<number>,
  { useCache = true, maxNewTokens }: GenerateOptions,
): Generator<GenerationStep, void> {
  checkInteger("generateSteps", "maxNewTokens", maxNewTokens, 0);
  const tokens = Array.from(prompt);
  let cache = cacheFor(model);
  let [tokenPasses, scoreDotProducts] = [0, 0];
  for (let step = 0; step < maxNewTokens; step++) {
    if (!useCache) cache = cacheFor(model);
    const before = cache.length;
    const unread = tokens.slice(before);
    const logits = prefill(model, unread, cache);
    tokenPasses += unread.length;
    for (let t = 0; t < unread.length; t++) scoreDotProducts += before + t + 1;
    const token = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    tokens.push(token);
    yield { token, logits, tokenPasses, scoreDotProducts };
  }
}

/** Work of a whole generation by formula; see `generationCost`. */
export interface GenerationCost {
  readonly tokenPasses: number;
  readonly scoreDotProducts: number;
}

/**
 * Closed forms of what `generateSteps` counts, for p prompt tokens and n new ones (2, 3).
 *
 * @example
 * generationCost({ promptTokens: 100, newTokens: 1000, useCache: true }).tokenPasses // 1099
 */
export function generationCost({
  promptTokens: p,
  newTokens: n,
  useCache,
}: {
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly useCache: boolean;
}): GenerationCost {
  checkInteger("generationCost", "promptTokens", p, 1);
  checkInteger("generationCost", "newTokens", n, 1);
  const read = p + n - 1; // the last token is never read
  if (useCache) return { tokenPasses: read, scoreDotProducts: (read * (read + 1)) / 2 };
  // Σ_{t<n} (p + t), and Σ_{t<n} (p + t)(p + t + 1)/2 by the sum of the triangular numbers
  const tetrahedral = (m: number) => (m * (m + 1) * (m + 2)) / 6;
  return { tokenPasses: n * p + (n * (n - 1)) / 2, scoreDotProducts: tetrahedral(read) - tetrahedral(p - 1) };
}

function lastRow(logits: Tensor): Float64Array {
  const V = logits.shape.at(-1)!;
  return Float64Array.from(logits.data.subarray(logits.size - V));
}
