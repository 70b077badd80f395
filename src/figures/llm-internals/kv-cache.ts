/** Figures of the KV cache: work with and without it, and the memory that it takes. */
import type { TopLevelSpec } from "vega-lite";
import { kvCacheBytes } from "../../demos/llm-internals/grouped-query-attention.js";
import { generationCost } from "../../demos/llm-internals/kv-cache.js";
import { figure } from "../../lib/figure.js";

// Okabe and Ito's blue and vermilion.
const [BLUE, VERMILION] = ["#0072B2", "#D55E00"];
const legend = { title: null, orient: "bottom" as const, symbolType: "stroke" as const, symbolSize: 400 };

/** Cumulative work of a generation, in two currencies. */
export const workFigure = figure(
  "Work of a generation with and without a cache",
  {
    work: {
      label: "what is counted",
      options: ["dot products of attention", "passes through the linear maps"],
      value: "dot products of attention",
    },
    prompt: { label: "tokens of the prompt", min: 1, max: 1000, step: 1, value: 100 },
    tokens: { label: "new tokens", min: 50, max: 2000, step: 50, value: 1000 },
  },
  ({ work, prompt, tokens }): TopLevelSpec => {
    const field = work.startsWith("dot") ? "scoreDotProducts" : "tokenPasses";
    const at = (newTokens: number, useCache: boolean) =>
      generationCost({ promptTokens: prompt, newTokens, useCache })[field];
    const places = Array.from({ length: 50 }, (_, i) => Math.max(1, Math.round((tokens * (i + 1)) / 50)));
    const values = places.flatMap((newTokens) => [
      { newTokens, count: at(newTokens, true), how: "with a cache" },
      { newTokens, count: at(newTokens, false), how: "without" },
    ]);
    const [cached, anew] = [at(tokens, true), at(tokens, false)];
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Cumulative ${work} against generated tokens, logarithmic, after a prompt of ${prompt}. For ${tokens} new tokens ` +
        `${cached.toLocaleString("en")} with a cache and ${anew.toLocaleString("en")} without, ${(anew / cached).toFixed(0)} times as many.`,
      title: {
        text: `${tokens} new tokens: ${(anew / cached).toFixed(0)} times the work without a cache`,
        anchor: "middle",
      },
      width: 540,
      height: 300,
      data: { values },
      mark: { type: "line", strokeWidth: 2 },
      encoding: {
        x: { field: "newTokens", type: "quantitative", axis: { title: "new tokens" } },
        y: {
          field: "count",
          type: "quantitative",
          scale: { type: "log" },
          axis: { title: work, format: "~s", tickCount: 6 },
        },
        color: {
          field: "how",
          type: "nominal",
          scale: { domain: ["with a cache", "without"], range: [BLUE, VERMILION] },
          legend,
        },
      },
    };
  },
);

/** Memory of the cache of Llama-3-8B against the context. */
export const memoryFigure = figure(
  "Memory of the cache beside the weights",
  {
    sequences: { label: "sequences", min: 1, max: 64, step: 1, value: 8 },
    bytes: { label: "bytes per number", options: ["1", "2", "4"], value: "2" },
  },
  ({ sequences, bytes }): TopLevelSpec => {
    const bytesPerElement = Number(bytes);
    const shape = { layers: 32, kvHeads: 8, headDim: 128, bytesPerElement, sequences };
    const contexts = Array.from({ length: 33 }, (_, i) => Math.max(1024, 4096 * i));
    const gib = (tokens: number) => kvCacheBytes({ ...shape, tokens }).total / 2 ** 30;
    const weights = (2 * 8_030_261_248) / 2 ** 30;
    const values = contexts.flatMap((tokens) => [
      { tokens, size: gib(tokens), of: "cache" },
      { tokens, size: weights, of: "weights" },
    ]);
    const crossing = (weights * 2 ** 30) / kvCacheBytes(shape).total;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Memory of the cache of ${sequences} sequences of Llama-3-8B at ${bytes} bytes per number, against the context up to ` +
        `131,072 tokens, where it is ${gib(131_072).toFixed(1)} GiB. The weights take ${weights.toFixed(1)} GiB; the cache is as ` +
        `large at ${Math.round(crossing).toLocaleString("en")} tokens.`,
      title: {
        text: `As large as the weights at ${Math.round(crossing).toLocaleString("en")} tokens each`,
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
          scale: { domain: ["cache", "weights"], range: [BLUE, VERMILION] },
          legend,
        },
      },
    };
  },
);

export const figures = { workFigure, memoryFigure };
