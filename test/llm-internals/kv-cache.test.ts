import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tensor } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { kvCacheBytes } from "../../src/demos/llm-internals/grouped-query-attention.js";
import {
  cacheFor,
  decodeStep,
  generateSteps,
  generationCost,
  KvCache,
  prefill,
} from "../../src/demos/llm-internals/kv-cache.js";
import {
  createTransformer,
  forward,
  fromCheckpoint,
  type TransformerConfig,
} from "../../src/demos/llm-internals/transformer-architecture.js";
import { loadCheckpoint } from "../../src/lib/checkpoints.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim } = concept("llm-internals/kv-cache");

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
const TOKENS = Array.from({ length: 12 }, () => random(3).integer(13)).map((t, i) => (t + 5 * i) % 13);

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

claim("cached-and-uncached-agree", () => {
  for (const positions of SCHEMES) {
    for (const layers of [1, 2, 4]) {
      const model = modelOf({ positions, layers });
      const cache = cacheFor(model, 4); // grows on the way
      let logits = prefill(model, TOKENS.slice(0, 3), cache);
      for (let t = 3; t < TOKENS.length; t++) {
        expect(
          apart(logits, recomputed(model, TOKENS.slice(0, t))),
          `${positions}, ${layers} layers, ${t}`,
        ).toBeLessThan(1e-10);
        logits = decodeStep(model, TOKENS[t]!, cache);
      }
      expect(cache.length).toBe(TOKENS.length);
    }
  }
});

claim("token-passes-are-linear", () => {
  const cost = (useCache: boolean) => generationCost({ promptTokens: 100, newTokens: 1000, useCache }).tokenPasses;
  expect([cost(false), cost(true)]).toEqual([599_500, 1099]);
  expect((599_500 / 1099).toFixed(0)).toBe("545");
  const model = modelOf({ layers: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.boolean(), (p, n, useCache) => {
      const last = [...generateSteps(model, TOKENS.slice(0, p), { useCache, maxNewTokens: n })].at(-1)!;
      const expected = generationCost({ promptTokens: p, newTokens: n, useCache });
      expect([last.tokenPasses, last.scoreDotProducts]).toEqual([expected.tokenPasses, expected.scoreDotProducts]);
    }),
    { numRuns: 20 },
  );
});

claim("attention-goes-from-cubic-to-quadratic", () => {
  const dots = (useCache: boolean) => generationCost({ promptTokens: 1, newTokens: 1000, useCache }).scoreDotProducts;
  expect([dots(true), dots(false)]).toEqual([500_500, 167_167_000]);
  expect(167_167_000 / 500_500).toBe(334);
  const growth = (useCache: boolean) =>
    [1000, 2000]
      .map((newTokens) => generationCost({ promptTokens: 1, newTokens, useCache }).scoreDotProducts)
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
  const [cache, plain] = [cacheFor(model, 2), cacheFor(model, 2)];
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

test("a fork goes its own way", () => {
  const model = modelOf();
  const cache = cacheFor(model);
  prefill(model, TOKENS.slice(0, 4), cache);
  const fork = cache.fork();
  decodeStep(model, 1, cache);
  expect([cache.length, fork.length]).toEqual([5, 4]);
  expect(apart(decodeStep(model, 2, fork), recomputed(model, [...TOKENS.slice(0, 4), 2]))).toBeLessThan(1e-10);
});

test("a trained model writes the same text both ways", () => {
  const { characters } = loadCheckpoint("tiny-rope");
  const model = fromCheckpoint(loadCheckpoint("tiny-rope"));
  const prompt = Array.from("Call me Ishmael. ", (character) => characters.indexOf(character));
  const text = (useCache: boolean) =>
    [...generateSteps(model, prompt, { useCache, maxNewTokens: 25 })].map(({ token }) => characters[token]).join("");
  expect(text(true)).toBe(text(false));
  expect(text(true)).toMatch(/^[\w\s,.;'"-]+$/);
});

describe("bad input", () => {
  const shape = { layers: 2, kvHeads: 2, headDim: 3 };
  const rows = (...sizes: number[]) => tensor(new Float32Array(sizes.reduce((a, b) => a * b)), sizes);
  test.each<readonly [string, () => unknown]>([
    ["KvCache: layers must be an integer at least 1, got 0", () => new KvCache({ ...shape, layers: 0 })],
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
      "gather: index 0 must be an integer in [0, 3], got 4",
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
      () => generationCost({ promptTokens: 0, newTokens: 1, useCache: true }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("the keys of a model in another precision do not mix", () => {
    const model = modelOf();
    const cache = new KvCache({ layers: 2, kvHeads: 2, headDim: 4 });
    expect(() => prefill(model, [1], cache)).toThrow(
      new TypeError("KvCache.append: keys must be float32, got float64"),
    );
  });
});
