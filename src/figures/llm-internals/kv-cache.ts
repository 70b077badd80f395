/** Figures of the KV cache: work with and without it, and the memory that it takes. */
import type { TopLevelSpec } from "vega-lite";
import { kvCacheBytes } from "../../demos/llm-internals/grouped-query-attention.js";
import { generationCost } from "../../demos/llm-internals/kv-cache.js";
import { countParameters, type TransformerConfig } from "../../demos/llm-internals/transformer-architecture.js";
import { figure } from "../../lib/figure.js";

// Okabe and Ito's blue, vermilion and green.
const [BLUE, VERMILION, GREEN] = ["#0072B2", "#D55E00", "#009E73"];
const legend = { title: null, orient: "bottom" as const, symbolType: "stroke" as const, symbolSize: 400 };

const shape = { norm: "rms", feedForward: "swiglu", dModel: 4096, layers: 32, heads: 32 } as const;
const MODELS: Readonly<Record<string, TransformerConfig>> = {
  "Llama-2-7B": { ...shape, vocabulary: 32_000, dFeedForward: 11_008 },
  "Llama-3-8B": { ...shape, vocabulary: 128_256, kvHeads: 8, dFeedForward: 14_336 },
  "Llama-3-70B": {
    ...shape,
    vocabulary: 128_256,
    layers: 80,
    heads: 64,
    kvHeads: 8,
    dModel: 8192,
    dFeedForward: 28_672,
  },
  "Mistral-7B": { ...shape, vocabulary: 32_000, kvHeads: 8, dFeedForward: 14_336, window: 4096 },
};
const model = { label: "model", options: Object.keys(MODELS), value: "Llama-3-8B" };
const format = (x: number) => (x < 1e12 ? x.toLocaleString("en", { maximumFractionDigits: 1 }) : x.toExponential(2));

/** Cumulative work of a generation, and the cache that saves it. */
export const workFigure = figure(
  "Work of a generation with and without a cache",
  {
    work: {
      label: "what is counted",
      options: ["dot products", "passes", "operations"],
      value: "dot products",
    },
    prompt: { label: "tokens of the prompt", min: 1, max: 1000, step: 1, value: 100 },
    tokens: { label: "new tokens", min: 50, max: 2000, step: 50, value: 1000 },
    model,
  },
  ({ work, prompt, tokens, model }): TopLevelSpec => {
    const unit = {
      "dot products": "dot products, per head and layer",
      passes: "tokens through the linear maps of a layer",
      operations: "floating-point operations",
    }[work]!;
    const at = (newTokens: number, useCache: boolean) => {
      const cost = generationCost({ promptTokens: prompt, newTokens, useCache, model: MODELS[model]! });
      const count = { "dot products": cost.scoreDotProducts, passes: cost.tokenPasses, operations: cost.flops }[work]!;
      return { newTokens, count, mebibytes: cost.cacheBytes / 2 ** 20, how: useCache ? "with a cache" : "without" };
    };
    const places = Array.from({ length: 50 }, (_, i) => Math.max(1, Math.round((tokens * (i + 1)) / 50)));
    const values = places.flatMap((newTokens) => [at(newTokens, true), at(newTokens, false)]);
    const [cached, anew] = [at(tokens, true), at(tokens, false)];
    const times = (anew.count / cached.count).toFixed(0);
    const x = { field: "newTokens", type: "quantitative", axis: { title: "new tokens" } } as const;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Cumulative ${unit}, against generated tokens, logarithmic, after a prompt of ${prompt}. For ${tokens} new tokens ` +
        `${format(cached.count)} with a cache and ${format(anew.count)} without, ${times} times as many. On a second axis the ` +
        `cache of ${model} in bfloat16, which grows to ${format(cached.mebibytes)} MiB.`,
      title: { text: `${tokens} new tokens: ${times} times the work without a cache`, anchor: "middle" },
      width: 520,
      height: 300,
      data: { values },
      resolve: { scale: { y: "independent" } },
      layer: [
        {
          mark: { type: "line", strokeWidth: 2 },
          encoding: {
            x,
            y: {
              field: "count",
              type: "quantitative",
              scale: { type: "log" },
              axis: { title: unit, format: "~s", tickCount: 6 },
            },
            color: {
              field: "how",
              type: "nominal",
              scale: {
                domain: ["with a cache", "without", "memory of the cache"],
                range: [BLUE, VERMILION, GREEN],
              },
              legend,
            },
          },
        },
        {
          transform: [{ filter: "datum.how === 'with a cache'" }],
          mark: { type: "line", strokeWidth: 2, strokeDash: [6, 4] },
          encoding: {
            x,
            y: {
              field: "mebibytes",
              type: "quantitative",
              scale: { zero: true },
              axis: { title: `cache of ${model} (MiB)`, orient: "right", grid: false },
            },
            color: { datum: "memory of the cache" },
          },
        },
      ],
    };
  },
);

/** Memory of the cache against the context, beside the weights. */
export const memoryFigure = figure(
  "Memory of the cache beside the weights",
  {
    model,
    sequences: { label: "sequences", min: 1, max: 64, step: 1, value: 8 },
    bytes: { label: "bytes per cached number", options: ["1", "2", "4"], value: "2" },
  },
  ({ model, sequences, bytes }): TopLevelSpec => {
    const config = MODELS[model]!;
    const { layers, heads, kvHeads = heads, dModel, window = Infinity } = config;
    const cache = { layers, kvHeads, headDim: dModel / heads, bytesPerElement: Number(bytes), sequences };
    const gib = (tokens: number) => kvCacheBytes({ ...cache, tokens: Math.min(tokens, window) }).total / 2 ** 30;
    const weights = (2 * countParameters(config).total) / 2 ** 30;
    const values = Array.from({ length: 65 }, (_, i) => Math.max(1, 2048 * i)).flatMap((tokens) => [
      { tokens, size: gib(tokens), of: "cache" },
      { tokens, size: weights, of: "weights in bfloat16" },
    ]);
    const crossing = Math.round((weights * 2 ** 30) / kvCacheBytes(cache).total);
    const most = gib(131_072);
    const verdict =
      most < weights
        ? "Smaller than the weights up to 131,072 tokens"
        : `As large as the weights at ${format(crossing)} tokens`;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Memory of the cache of ${sequences} sequences of ${model} at ${bytes} bytes per number, against the context up to ` +
        `131,072 tokens, where it is ${most.toFixed(1)} GiB${window < Infinity ? `; a ring of ${format(window)} tokens keeps no more` : ""}. ` +
        `The weights take ${weights.toFixed(1)} GiB. ${verdict}.`,
      title: {
        text: verdict,
        subtitle: `${model}, ${sequences} sequence${sequences > 1 ? "s" : ""}`,
        anchor: "middle",
      },
      width: 540,
      height: 280,
      data: { values },
      mark: { type: "line", strokeWidth: 2 },
      encoding: {
        x: { field: "tokens", type: "quantitative", axis: { title: "tokens in each sequence", format: "~s" } },
        y: { field: "size", type: "quantitative", axis: { title: "GiB" } },
        color: {
          field: "of",
          type: "nominal",
          scale: { domain: ["cache", "weights in bfloat16"], range: [BLUE, VERMILION] },
          legend,
        },
      },
    };
  },
);

export const figures = { workFigure, memoryFigure };
