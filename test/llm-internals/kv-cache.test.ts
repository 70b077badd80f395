import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counts, type Floats, tensor } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { decodeAttentionIntensity, kvCacheBytes } from "../../src/demos/llm-internals/grouped-query-attention.js";
import {
  cacheFor,
  decodeStep,
  generate,
  generateSteps,
  generationCost,
  KvCache,
  prefill,
  RollingKvCache,
  rollingCacheFor,
} from "../../src/demos/llm-internals/kv-cache.js";
import {
  countParameters,
  createTransformer,
  forward,
  forwardFlops,
  fromCheckpoint,
  type KeyValueCache,
  type TransformerConfig,
} from "../../src/demos/llm-internals/transformer-architecture.js";
import { loadCheckpoint } from "../../src/lib/checkpoints.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("llm-internals/kv-cache");

const SCHEMES = ["learned", "sinusoidal", "rope", "alibi"] as const;
const SHAPE: TransformerConfig = {
  vocabulary: 13,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  dModel: 16,
  dFeedForward: 24,
  context: 1100,
};
const TOKENS = [3, 8, 0, 5, 10, 2, 7, 12, 4, 9, 1, 6];
const LLAMA3: TransformerConfig = {
  vocabulary: 128_256,
  layers: 32,
  heads: 32,
  kvHeads: 8,
  dModel: 4096,
  dFeedForward: 14_336,
  norm: "rms",
  feedForward: "swiglu",
};

/** A model in float64 whose weights are large enough that positions and tokens matter. */
function modelOf(changes: Partial<TransformerConfig> = {}, seed = 1) {
  const model = createTransformer({ ...SHAPE, ...changes }, { seed, dtype: "float64" });
  const draw = random(seed + 9);
  const parameters = Object.fromEntries(
    Object.entries(model.parameters).map(([name, p]) => [
      name,
      /embedding|positions|weight/.test(name)
        ? tensor(
            p.data.map((v) => v + 0.5 * draw.normal()),
            p.shape,
          )
        : p,
    ]),
  );
  return { ...model, parameters };
}

/** Logits of the last position, everything read anew. */
function recomputed(model: ReturnType<typeof modelOf>, tokens: readonly number[], offset = 0) {
  const { logits } = forward(model, tokens, { offset });
  return logits.data.slice(logits.size - model.config.vocabulary);
}
const apart = (a: ArrayLike<number>, b: ArrayLike<number>) => Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)));

interface Case {
  readonly layers: number;
  readonly positions: (typeof SCHEMES)[number];
  readonly window: number | null;
  readonly sinks: number;
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly tokens: readonly number[];
  readonly logits: readonly (readonly number[])[];
}

/** The models of the fixtures, with the logits that PyTorch computes for every position in one masked pass. */
const CASES = oracle<{ cases: readonly Case[] }>().cases.map(({ parameters, layers, positions, window, ...rest }) => {
  const shape = { vocabulary: 9, layers, heads: 6, kvHeads: 2, dModel: 12, dFeedForward: 10, context: 16 };
  const kind = {
    norm: "rms",
    feedForward: "swiglu",
    positions,
    window: window ?? Infinity,
    sinks: rest.sinks,
  } as const;
  const model = createTransformer({ ...shape, ...kind }, { dtype: "float64" });
  const entries = Object.entries(model.parameters).map(([name, p]) => {
    return [name, tensor(Float64Array.from(parameters[name]!), p.shape)] as const;
  });
  return { model: { ...model, parameters: Object.fromEntries(entries) }, ...rest };
});

/** Largest difference between the fixture's logits and those of a model that reads piece after piece into a cache. */
function differenceFromTorch(
  { model, tokens, logits }: (typeof CASES)[number],
  cache: KvCache | RollingKvCache,
  piece: number,
) {
  const differences: number[] = [];
  for (let t = 0; t < tokens.length; t += piece) {
    const read = tokens.slice(t, t + piece);
    differences.push(apart(prefill(model, read, cache), logits[t + read.length - 1]!));
  }
  return Math.max(...differences);
}

claim("cached-and-uncached-agree", () => {
  for (const positions of SCHEMES) {
    for (const layers of [1, 2, 4]) {
      const model = modelOf({ positions, layers });
      const cache = new KvCache({ ...cacheFor(model).shape, capacity: 4 }); // grows on the way
      let logits = prefill(model, TOKENS.slice(0, 3), cache);
      for (let t = 3; t < TOKENS.length; t++) {
        const difference = apart(logits, recomputed(model, TOKENS.slice(0, t)));
        expect(difference, `${positions}, ${layers} layers, ${t}`).toBeLessThan(1e-10);
        logits = decodeStep(model, TOKENS[t]!, cache);
      }
      expect(cache.length).toBe(TOKENS.length);
    }
  }
  for (const fixture of CASES) {
    for (const piece of [1, 2, 5])
      expect(differenceFromTorch(fixture, cacheFor(fixture.model), piece)).toBeLessThan(1e-10);
  }
});

claim("token-passes-are-linear", () => {
  const cost = (useCache: boolean) =>
    generationCost({ promptTokens: 100, newTokens: 1000, useCache, model: LLAMA3 }).tokenPasses;
  expect([cost(false), cost(true)]).toEqual([599_500, 1099]);
  expect((599_500 / 1099).toFixed(0)).toBe("545");
  const model = modelOf({ layers: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.boolean(), (p, n, useCache) => {
      const last = [...generateSteps(model, TOKENS.slice(0, p), { useCache, maxNewTokens: n })].at(-1)!;
      const expected = generationCost({ promptTokens: p, newTokens: n, useCache, model: SHAPE });
      expect([last.tokenPasses, last.scoreDotProducts]).toEqual([expected.tokenPasses, expected.scoreDotProducts]);
    }),
    { numRuns: 20 },
  );
});

claim("attention-goes-from-cubic-to-quadratic", () => {
  const dots = (useCache: boolean) =>
    generationCost({ promptTokens: 1, newTokens: 1000, useCache, model: LLAMA3 }).scoreDotProducts;
  expect([dots(true), dots(false)]).toEqual([500_500, 167_167_000]);
  expect(167_167_000 / 500_500).toBe(334);
  const growth = (useCache: boolean) =>
    [1000, 2000]
      .map((newTokens) => generationCost({ promptTokens: 1, newTokens, useCache, model: LLAMA3 }).scoreDotProducts)
      .reduce((a, b) => b / a);
  expect(growth(true)).toBeCloseTo(4, 2);
  expect(growth(false)).toBeCloseTo(8, 1);
});

claim("bytes-per-token", () => {
  const llama2 = { layers: 32, kvHeads: 32, headDim: 128 };
  expect(kvCacheBytes(llama2).perToken).toBe(2 ** 19);
  expect(kvCacheBytes({ ...llama2, tokens: 4096 }).total).toBe(2 * 2 ** 30);
  const weights = 2 * 6_738_415_616;
  expect((weights / 2 ** 30).toFixed(2)).toBe("12.55");
  expect([6, 7].map((sequences) => kvCacheBytes({ ...llama2, tokens: 4096, sequences }).total > weights)).toEqual([
    false,
    true,
  ]);
  // Llama-3-8B: the key heads of a group are kept once
  const { layers, heads, kvHeads, dModel } = LLAMA3 as Required<TransformerConfig>;
  const llama3 = { layers, kvHeads, headDim: dModel / heads };
  expect(kvCacheBytes(llama3).perToken).toBe(2 ** 17);
  const gib = [8192, 32_768, 131_072].map((tokens) => kvCacheBytes({ ...llama3, tokens }).total / 2 ** 30);
  expect(gib).toEqual([1, 4, 16]);
  expect(((2 * countParameters(LLAMA3).total) / 2 ** 30).toFixed(2)).toBe("14.96");
  // what a decoding step does for a byte that it reads: far below the 295 that an H100 needs
  expect(decodeAttentionIntensity({ heads, kvHeads })).toBe(4);
  expect((989.4 / 3.35).toFixed(0)).toBe("295");
  const model = modelOf();
  const cache = cacheFor(model);
  prefill(model, TOKENS, cache);
  expect(cache.bytes).toBe(kvCacheBytes({ layers: 2, kvHeads: 2, headDim: 4, bytesPerElement: 8, tokens: 12 }).total);
});

claim("caching-needs-causality", () => {
  const last = (layers: number) => {
    const model = modelOf({ layers, causal: false });
    const cache = cacheFor(model);
    prefill(model, TOKENS.slice(0, -1), cache);
    return apart(decodeStep(model, TOKENS.at(-1)!, cache), recomputed(model, TOKENS));
  };
  // and in any model another first token changes keys of later ones, though not those of the first layer
  const keysOf = (first: number) => {
    const rows: Floats[] = [];
    const cache = cacheFor(causal);
    const watched: KeyValueCache = {
      length: 0,
      append(layer, keys, values) {
        rows.push(keys.data.slice());
        return cache.append(layer, keys, values);
      },
    };
    prefill(causal, [first, ...TOKENS], watched);
    return rows.map((data) => data.slice(4, data.length / 2)); // of the first key head, without the first token's
  };
  const causal = modelOf();
  const [a, b] = [keysOf(1), keysOf(2)];
  expect(a[0]).toEqual(b[0]);
  expect(apart(a[1]!, b[1]!)).toBeGreaterThan(0.01);
  expect(last(1)).toBeLessThan(1e-12); // the one layer's keys depend on nothing but their own token
  expect(last(2)).toBeGreaterThan(0.01);
  expect(last(4)).toBeGreaterThan(0.01);
});

claim("relative-positions-may-start-anywhere", () => {
  const change = (positions: TransformerConfig["positions"]) => {
    const model = modelOf({ positions: positions! });
    return apart(recomputed(model, TOKENS, 1000), recomputed(model, TOKENS));
  };
  for (const positions of ["rope", "alibi"] as const) expect(change(positions)).toBeLessThan(1e-9);
  for (const positions of ["learned", "sinusoidal"] as const) expect(change(positions)).toBeGreaterThan(1);
});

claim("a-truncated-cache-never-saw-the-rest", () => {
  const model = modelOf();
  const [cache, plain] = [cacheFor(model), cacheFor(model)];
  prefill(model, TOKENS.slice(0, 5), cache);
  prefill(model, TOKENS.slice(0, 5), plain);
  prefill(model, [1, 2, 3], cache); // guesses
  cache.truncate(5);
  for (const token of TOKENS.slice(5)) expect(decodeStep(model, token, cache)).toEqual(decodeStep(model, token, plain)); // bit for bit
  // forgetting to truncate shows at once
  const careless = plain.fork();
  decodeStep(model, 7, careless);
  expect(apart(decodeStep(model, 4, careless), decodeStep(model, 4, plain))).toBeGreaterThan(0.01);
});

claim("a-rolling-cache-is-a-band-mask", () => {
  const windowed = CASES.filter(({ model }) => model.config.window < Infinity);
  expect(windowed).toHaveLength(5);
  for (const fixture of windowed) {
    for (const piece of [1, 2, 5]) {
      expect(differenceFromTorch(fixture, rollingCacheFor(fixture.model), piece)).toBeLessThan(1e-10);
    }
  }
  // and for shapes at random
  const size = (min: number, max: number) => fc.integer({ min, max });
  fc.assert(
    fc.property(
      fc.constantFrom(...SCHEMES),
      size(1, 3),
      size(1, 6),
      size(0, 3),
      size(1, 4),
      (positions, layers, window, sinks, piece) => {
        const model = modelOf({ positions, layers, window, sinks });
        const [rolling, whole] = [rollingCacheFor(model), cacheFor(model)];
        for (let t = 0; t < TOKENS.length; t += piece) {
          const [a, b] = [rolling, whole].map((cache) => prefill(model, TOKENS.slice(t, t + piece), cache));
          expect(apart(a!, recomputed(model, TOKENS.slice(0, t + piece)))).toBeLessThan(1e-10);
          expect(apart(a!, b!)).toBeLessThan(1e-10);
          expect(rolling.bytes).toBe((Math.min(rolling.length, window + sinks) * whole.bytes) / whole.length);
        }
      },
    ),
    { numRuns: 40 },
  );
  // how far the first token reaches: exactly to position L·(W − 1)
  for (const [layers, window] of [
    [1, 1],
    [1, 4],
    [2, 3],
    [3, 3],
    [4, 2],
  ] as const) {
    const model = modelOf({ layers, window });
    const logits = (first: number) => forward(model, [first, ...TOKENS.slice(1)]).logits.data;
    const [a, b] = [logits(0), logits(1)];
    const changed = TOKENS.map((_, i) => apart(a.subarray(13 * i, 13 * (i + 1)), b.subarray(13 * i, 13 * (i + 1))));
    const reach = layers * (window - 1);
    expect(changed.slice(reach + 1).every((difference) => difference === 0)).toBe(true);
    for (const difference of changed.slice(0, reach + 1)) expect(difference).toBeGreaterThan(1e-6);
  }
});

describe("a cache is its list of rows", () => {
  // rows are numbers that name layer, head and place, so that whatever is mixed up shows
  const rowsOf = (layer: number, heads: number, width: number, places: readonly number[], sign: 1 | -1) =>
    Array.from({ length: heads }, (_, h) =>
      places.map((place) => Array.from({ length: width }, (_, i) => sign * (1000 * layer + 100 * h + 10 * place + i))),
    ).flat(2);
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  const sizes = fc.record({
    layers: fc.integer({ min: 1, max: 3 }),
    kvHeads: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 3 }),
    pieces: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
    dtype: fc.constantFrom("float32", "float64"),
  });
  /** Reads a piece; what comes back must be the rows of these places. */
  const reads = (cache: KvCache | RollingKvCache, before: number, piece: number, expected: readonly number[]) => {
    const { layers, kvHeads, headDim, dtype } = cache.shape;
    for (let layer = 0; layer < layers; layer++) {
      const places = range(before, before + piece);
      const [keys, values] = ([1, -1] as const).map((sign) =>
        tensor(rowsOf(layer, kvHeads, headDim, places, sign), [1, kvHeads, piece, headDim], dtype),
      );
      expect(cache.length).toBe(before); // until the last layer has them
      const all = cache.append(layer, keys!, values!);
      keys!.data.fill(Number.NaN); // the cache has a copy
      expect(all.keys.shape).toEqual([1, kvHeads, expected.length, headDim]);
      expect(Array.from(all.keys.data)).toEqual(rowsOf(layer, kvHeads, headDim, expected, 1));
      expect(Array.from(all.values.data)).toEqual(rowsOf(layer, kvHeads, headDim, expected, -1));
      expect([all.keys.dtype, all.values.dtype]).toEqual([dtype, dtype]);
    }
    expect(cache.length).toBe(before + piece);
  };

  test("KvCache", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 4 }), fc.nat(), ({ pieces, ...shape }, capacity, back) => {
        const cache = new KvCache({ ...shape, capacity } as never);
        let before = 0;
        for (const piece of pieces) {
          reads(cache, before, piece, range(0, before + piece));
          before += piece;
        }
        const kept = back % (before + 1);
        cache.truncate(kept);
        const fork = cache.fork();
        reads(cache, kept, 2, range(0, kept + 2));
        reads(fork, kept, 3, range(0, kept + 3));
        const perToken = 2 * shape.layers * shape.kvHeads * shape.headDim * (shape.dtype === "float32" ? 4 : 8);
        expect([cache.bytes, fork.bytes]).toEqual([(kept + 2) * perToken, (kept + 3) * perToken]);
      }),
      { numRuns: 60 },
    );
  });

  test("RollingKvCache", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), fc.nat({ max: 4 }), ({ pieces, ...shape }, window, sinks) => {
        const cache = new RollingKvCache({ ...shape, window, sinks } as never);
        let before = 0;
        for (const piece of pieces) {
          const seen = range(0, before + piece).filter((place) => place < sinks || before - place < window);
          reads(cache, before, piece, seen);
          before += piece;
        }
      }),
      { numRuns: 60 },
    );
  });
});

test("generate is generateSteps to its end, from whatever the cache holds, and changes nothing it is given", () => {
  const model = modelOf();
  const prompt = Object.freeze(TOKENS.slice(0, 4));
  const steps = [...generateSteps(model, prompt, { maxNewTokens: 5 })];
  const whole = generate(model, prompt, { maxNewTokens: 5 });
  expect(whole).toEqual({
    tokens: steps.map(({ token }) => token),
    logits: steps.map(({ logits }) => logits),
    tokenPasses: 8,
    scoreDotProducts: 36,
  });
  for (const [t, logits] of whole.logits.entries()) {
    expect(apart(logits, recomputed(model, [...prompt, ...whole.tokens.slice(0, t)]))).toBeLessThan(1e-10);
    expect(logits[whole.tokens[t]!]).toBe(Math.max(...logits));
  }
  const cache = cacheFor(model);
  prefill(model, prompt.slice(0, 3), cache);
  const rest = generate(model, prompt, { maxNewTokens: 5, cache });
  expect(rest.tokens).toEqual(whole.tokens);
  expect([rest.tokenPasses, rest.scoreDotProducts]).toEqual([8 - 3, 36 - 6]);
  expect(cache.length).toBe(8);
  const nothing = generate(model, prompt, { maxNewTokens: 0 });
  expect(nothing).toEqual({ tokens: [], logits: [], tokenPasses: 0, scoreDotProducts: 0 });
});

test("with a window each query has at most window + sinks dot products, cached or not", () => {
  const model = modelOf({ window: 3, sinks: 1 });
  const work = [rollingCacheFor(model), cacheFor(model)].map((cache) =>
    generate(model, TOKENS.slice(0, 2), { maxNewTokens: 6, cache }),
  );
  expect(work.map(({ scoreDotProducts }) => scoreDotProducts)).toEqual([1, 1].map(() => 1 + 2 + 3 + 4 * 4));
  expect(work[0]!.tokens).toEqual(work[1]!.tokens);
});

test("the formula of a generation's operations is what the engine counts", () => {
  const config = { ...SHAPE, kvHeads: 1, feedForward: "swiglu" } as const;
  const model = modelOf(config);
  for (const n of [1, 5]) {
    const { multiplyAdds } = counts(() => generate(model, [3], { maxNewTokens: n }));
    const cost = generationCost({ promptTokens: 1, newTokens: n, useCache: true, model: config, bytesPerElement: 8 });
    expect(2 * multiplyAdds).toBe(cost.flops);
    const cache = cacheFor(model);
    generate(model, [3], { maxNewTokens: n, cache });
    expect(cost.cacheBytes).toBe(cache.bytes);
  }
  const [without, cached] = [false, true].map((useCache) =>
    generationCost({ promptTokens: 100, newTokens: 1000, useCache, model: LLAMA3 }),
  );
  expect([without!.cacheBytes, cached!.cacheBytes]).toEqual([0, 1099 * 2 ** 17]);
  const { kvHeads: _, ...manyHeads } = LLAMA3;
  const many = generationCost({ promptTokens: 1, newTokens: 3, useCache: true, model: manyHeads });
  expect(many.cacheBytes).toBe(3 * 2 ** 19); // four times as many
  const { linear, attention, head } = forwardFlops(LLAMA3, 1);
  expect(without!.flops).toBe(599_500 * linear + 221_666_500 * attention + 1000 * head);
  expect(`${(without!.flops / 1e15).toFixed(1)} ${(cached!.flops / 1e12).toFixed(1)}`).toBe("8.5 16.7"); // PFLOP and TFLOP
  expect((without!.flops / cached!.flops).toFixed(0)).toBe("508");
  expect((221_666_500 / 604_450).toFixed(0)).toBe("367");
  expect((cached!.cacheBytes / 2 ** 20).toFixed(0)).toBe("137");
});

test("a fork goes its own way", () => {
  const model = modelOf();
  const prompt = TOKENS.slice(0, 4);
  const cache = cacheFor(model);
  prefill(model, prompt, cache);
  const fork = cache.fork();
  decodeStep(model, 2, fork);
  decodeStep(model, 1, cache); // must not overwrite the other's
  expect(apart(decodeStep(model, 5, fork), recomputed(model, [...prompt, 2, 5]))).toBeLessThan(1e-10);
  expect([cache.length, fork.length]).toEqual([5, 6]);
  const full = new KvCache({ ...cache.shape, capacity: 4, growing: false });
  prefill(model, prompt, full);
  expect(() => decodeStep(model, 1, full.fork())).toThrow("KvCache: 5 tokens must fit a capacity of 4");
});

test("a trained model writes the same text both ways", () => {
  const { characters } = loadCheckpoint("tiny-rope");
  const model = fromCheckpoint(loadCheckpoint("tiny-rope"));
  const prompt = Array.from("Call me Ishmael. ", (character) => characters.indexOf(character));
  const text = (useCache: boolean) =>
    generate(model, prompt, { useCache, maxNewTokens: 25 })
      .tokens.map((token) => characters[token])
      .join("");
  expect(text(true)).toBe(text(false));
  expect(text(true)).toMatch(/^[\w\s,.;'"-]+$/);
});

describe("bad input", () => {
  const shape = { layers: 2, kvHeads: 2, headDim: 3 };
  const rows = (...sizes: number[]) => tensor(new Float32Array(sizes.reduce((a, b) => a * b)), sizes);
  test.each<readonly [string, () => unknown]>([
    ["KvCache: layers must be an integer at least 1, got 0", () => new KvCache({ ...shape, layers: 0 })],
    ["KvCache: kvHeads must be an integer at least 1, got 0.5", () => new KvCache({ ...shape, kvHeads: 0.5 })],
    ["KvCache: headDim must be an integer at least 1, got NaN", () => new KvCache({ ...shape, headDim: Number.NaN })],
    ["KvCache: capacity must be an integer at least 1, got 0", () => new KvCache({ ...shape, capacity: 0 })],
    ["RollingKvCache: window must be an integer at least 1, got 0", () => new RollingKvCache({ ...shape, window: 0 })],
    [
      "RollingKvCache: sinks must be an integer at least 0, got -1",
      () => new RollingKvCache({ ...shape, window: 2, sinks: -1 }),
    ],
    [
      "RollingKvCache.append: keys must be 1×2×T×3, got 2×3",
      () => new RollingKvCache({ ...shape, window: 2 }).append(0, rows(2, 3), rows(2, 3)),
    ],
    [
      "RollingKvCache: window must be an integer at least 1, got Infinity",
      () => rollingCacheFor(modelOf()), // a model without a window keeps everything
    ],
    [
      "RollingKvCache: window and sinks must be the model's 3 and 1, got 3 and 0",
      () => prefill(modelOf({ window: 3, sinks: 1 }), [1], rollingCacheFor(modelOf({ window: 3 }))),
    ],
    [
      "RollingKvCache: window and sinks must be the model's Infinity and 0, got 3 and 0",
      () => prefill(modelOf(), [1], rollingCacheFor(modelOf({ window: 3 }))),
    ],
    ["KvCache: layers must be the model's 3, got 2", () => prefill(modelOf({ layers: 3 }), [1], cacheFor(modelOf()))],
    [
      "forward: the number of tokens must be a positive multiple of 1, got 0",
      () => generate(modelOf(), [], { maxNewTokens: 1 }),
    ],
    [
      "generateSteps: logits must be finite, got NaN at 0",
      () => {
        const model = modelOf();
        const broken = { ...model.parameters, "norm.gain": tensor(new Float64Array(16).fill(Number.NaN)) };
        generate({ ...model, parameters: broken }, [1], { maxNewTokens: 1 });
      },
    ],
    [
      "generationCost: newTokens must be an integer at least 1, got 0",
      () => generationCost({ promptTokens: 1, newTokens: 0, useCache: true, model: SHAPE }),
    ],
    ["KvCache.truncate: n must be an integer in [0, 0], got -1", () => new KvCache(shape).truncate(-1)],
    [
      "KvCache.append: keys must be 1×2×T×3, got 1×2×1×4",
      () => new KvCache(shape).append(0, rows(1, 2, 1, 4), rows(1, 2, 1, 4)),
    ],
    [
      "KvCache.append: values must be 1×2×T×3, got 1×2×2×3",
      () => new KvCache(shape).append(0, rows(1, 2, 1, 3), rows(1, 2, 2, 3)),
    ],
    [
      "KvCache.append: layer must be an integer in [0, 1], got 2",
      () => new KvCache(shape).append(2, rows(1, 2, 1, 3), rows(1, 2, 1, 3)),
    ],
    [
      "KvCache: 3 tokens must fit a capacity of 2",
      () => new KvCache({ ...shape, capacity: 2, growing: false }).append(0, rows(1, 2, 3, 3), rows(1, 2, 3, 3)),
    ],
    ["KvCache.truncate: n must be an integer in [0, 0], got 1", () => new KvCache(shape).truncate(1)],
    [
      "forward: a cache is for one sequence, got batch 2",
      () => forward(modelOf(), [1, 2], { batch: 2, cache: cacheFor(modelOf()) }),
    ],
    [
      "forward: position must be an integer in [0, 3], got 4",
      () => {
        const model = modelOf({ positions: "learned", context: 4 });
        const cache = cacheFor(model);
        prefill(model, [1, 2, 3, 4], cache);
        decodeStep(model, 5, cache);
      },
    ],
    [
      "generateSteps: maxNewTokens must be an integer at least 0, got -1",
      () => [...generateSteps(modelOf(), [1], { maxNewTokens: -1 })],
    ],
    [
      "generationCost: promptTokens must be an integer at least 1, got 0",
      () => generationCost({ promptTokens: 0, newTokens: 1, useCache: true, model: SHAPE }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("the keys of two models do not mix, in whatever a fork keeps; an empty cache is anybody's", () => {
    const [model, other] = [modelOf(), modelOf({}, 2)];
    const cache = cacheFor(model);
    prefill(model, [1, 2, 3], cache);
    const message = "KvCache: the 3 tokens in it must be this model's, got those of another";
    for (const each of [cache, cache.fork()]) {
      expect(() => decodeStep(other, 4, each)).toThrow(new TypeError(message));
    }
    expect(decodeStep(model, 4, cache.fork())).toEqual(decodeStep(model, 4, cache));
    const near = modelOf({ window: 3 });
    const ring = rollingCacheFor(near);
    prefill(near, [1, 2, 3], ring);
    expect(() => decodeStep({ ...other, config: near.config }, 4, ring)).toThrow(
      new TypeError(message.replace("KvCache", "RollingKvCache")),
    );
    cache.truncate(0);
    expect(prefill(other, [1, 2], cache)).toEqual(prefill(other, [1, 2], cacheFor(other)));
  });

  test("a pass that fails leaves the cache as it was", () => {
    const model = modelOf({ positions: "learned", context: 4 });
    const [cache, untouched] = [0, 1].map(() => new KvCache({ ...cacheFor(model).shape, capacity: 3, growing: false }));
    for (const each of [cache!, untouched!]) prefill(model, [1, 2], each);
    for (const wrong of [[13], [1, 2, 3], [1, 2], []]) expect(() => prefill(model, wrong, cache!)).toThrow(RangeError);
    expect(cache!.length).toBe(2);
    expect(decodeStep(model, 3, cache!)).toEqual(decodeStep(model, 3, untouched!));
  });

  test("the keys of a model in another precision do not mix", () => {
    const model = modelOf();
    const cache = new KvCache({ layers: 2, kvHeads: 2, headDim: 4 });
    expect(() => prefill(model, [1], cache)).toThrow(
      new TypeError("KvCache.append: keys must be float32, got float64"),
    );
  });
});
