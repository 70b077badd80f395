/** Figures of grouped-query attention: the cache against the context, and which query head reads which key head. */
import type { TopLevelSpec } from "vega-lite";
import { decodeAttentionIntensity, kvCacheBytes } from "../../demos/llm-internals/grouped-query-attention.js";
import { figure } from "../../lib/figure.js";

// Okabe and Ito's blue, vermilion, green and orange.
const [BLUE, VERMILION, GREEN, ORANGE] = ["#0072B2", "#D55E00", "#009E73", "#E69F00"];

/** Published shapes: layers, query heads, parameters; heads are 128 wide. */
export const SHAPES = {
  "Llama-2-7B": { layers: 32, heads: 32, parameters: 6_738_415_616 },
  "Llama-3-8B": { layers: 32, heads: 32, parameters: 8_030_261_248 },
  "Llama-2-70B": { layers: 80, heads: 64, parameters: 68_976_648_192 },
} as const;

/** Size of the cache against the context for three numbers of key heads, beside the weights. */
export const cacheFigure = figure(
  "The cache against the context",
  {
    model: { label: "model", options: Object.keys(SHAPES), value: "Llama-3-8B" },
    kvHeads: { label: "key heads, as a power of 2", min: 0, max: 5, step: 1, value: 3 },
    sequences: { label: "sequences", min: 1, max: 64, step: 1, value: 16 },
  },
  ({ model, kvHeads, sequences }): TopLevelSpec => {
    const { layers, heads, parameters } = SHAPES[model as keyof typeof SHAPES];
    const chosen = 2 ** kvHeads;
    const gib = (count: number, tokens: number) =>
      kvCacheBytes({ layers, kvHeads: count, headDim: 128, tokens, sequences }).total / 2 ** 30;
    const contexts = Array.from({ length: 8 }, (_, i) => 1024 * 2 ** i);
    const names = [`multi-head: ${heads}`, `chosen: ${chosen}`, "multi-query: 1"];
    const values = contexts.flatMap((tokens) => [
      { tokens, size: gib(heads, tokens), of: names[0] },
      { tokens, size: gib(chosen, tokens), of: names[1] },
      { tokens, size: gib(1, tokens), of: names[2] },
    ]);
    const weights = (2 * parameters) / 2 ** 30;
    const free = Math.max(0, 80 - (weights < 80 ? weights : 0));
    const fits = Math.floor(
      (free * 2 ** 30) / (kvCacheBytes({ layers, kvHeads: chosen, headDim: 128 }).perToken * sequences),
    );
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Cache of ${sequences} sequences in GiB against the context, both logarithmic, for ${model} in bfloat16. At 8,192 tokens ` +
        `${heads} key heads take ${gib(heads, 8192).toFixed(1)} GiB, ${chosen} take ${gib(chosen, 8192).toFixed(1)}, one takes ` +
        `${gib(1, 8192).toFixed(2)}. The weights take ${weights.toFixed(1)} GiB.`,
      title: {
        text: `${chosen} key heads: ${gib(chosen, 8192).toFixed(1)} GiB at 8,192 tokens (${gib(heads, 8192).toFixed(1)} with ${heads})`,
        subtitle:
          weights < 80
            ? `beside the weights, 80 GiB hold ${fits.toLocaleString("en")} tokens each`
            : "the weights alone exceed 80 GiB",
        anchor: "middle",
      },
      width: 540,
      height: 320,
      layer: [
        {
          data: { values },
          mark: { type: "line", point: true, strokeWidth: 2 },
          encoding: {
            x: {
              field: "tokens",
              type: "quantitative",
              scale: { type: "log", base: 2 },
              axis: { title: "context in tokens", values: contexts, format: "~s" },
            },
            y: { field: "size", type: "quantitative", scale: { type: "log" }, axis: { title: "cache in GiB" } },
            color: {
              field: "of",
              type: "nominal",
              scale: { domain: names, range: [VERMILION, BLUE, GREEN] },
              legend: { title: "key heads", orient: "bottom" },
            },
          },
        },
        {
          data: { values: [{ size: weights }] },
          mark: { type: "rule", strokeDash: [6, 4], color: ORANGE, strokeWidth: 2 },
          encoding: { y: { field: "size", type: "quantitative" } },
        },
      ],
    };
  },
);

/** Query heads above, key heads below, and who reads whom. */
export const groupsFigure = figure(
  "Which query head reads which key head",
  { kvHeads: { label: "key heads", options: ["8", "4", "2", "1"], value: "2" } },
  ({ kvHeads }): TopLevelSpec => {
    const [heads, count] = [8, Number(kvHeads)];
    const keyAt = (group: number) => ((group + 0.5) * heads) / count - 0.5;
    const lines = Array.from({ length: heads }, (_, i) => ({
      x: i,
      y: 1,
      x2: keyAt(Math.floor((i * count) / heads)),
      y2: 0,
    }));
    const boxes = [
      ...Array.from({ length: heads }, (_, i) => ({ x: i, y: 1, label: `q${i}`, of: "query head" })),
      ...Array.from({ length: count }, (_, g) => ({
        x: keyAt(g),
        y: 0,
        label: `k${g}, v${g}`,
        of: "key and value head",
      })),
    ];
    const x = { field: "x", type: "quantitative" as const, axis: null, scale: { domain: [-0.7, 7.7] } };
    const y = { field: "y", type: "quantitative" as const, axis: null, scale: { domain: [-0.4, 1.4] } };
    const intensity = decodeAttentionIntensity({ heads, kvHeads: count });
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description: `Eight query heads and ${count} key and value heads; each key head is read by ${heads / count} query heads, so that a cached byte serves ${intensity} operations in bfloat16.`,
      title: {
        text: `${heads / count} query heads for each key head: ${intensity} operations per cached byte`,
        anchor: "middle",
      },
      width: 560,
      height: 200,
      layer: [
        {
          data: { values: lines },
          mark: { type: "rule", color: "#999999" },
          encoding: { x, y, x2: { field: "x2" }, y2: { field: "y2" } },
        },
        {
          data: { values: boxes },
          mark: { type: "square", size: 1500, opacity: 1 },
          encoding: {
            x,
            y,
            color: {
              field: "of",
              type: "nominal",
              scale: { domain: ["query head", "key and value head"], range: [BLUE, VERMILION] },
              legend: { title: null, orient: "bottom", symbolSize: 120 },
            },
          },
        },
        {
          data: { values: boxes },
          mark: { type: "text", color: "white", fontSize: 10, fontWeight: "bold" },
          encoding: { x, y, text: { field: "label" } },
        },
      ],
    };
  },
);

export const figures = { cacheFigure, groupsFigure };
