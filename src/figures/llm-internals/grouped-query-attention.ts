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

const GIB = 2 ** 30;
const MEMORY = 80; // GiB of a device
const WIDTH = 470;

/** Size of the cache on each device against the context for three numbers of key heads, beside weights and free memory. */
export const cacheFigure = figure(
  "The cache against the context",
  {
    model: { label: "model", options: Object.keys(SHAPES), value: "Llama-3-8B" },
    kvHeads: { label: "key heads, as a power of 2", min: 0, max: 5, step: 1, value: 3 },
    sequences: { label: "sequences", min: 1, max: 64, step: 1, value: 16 },
    devices: { label: "devices of 80 GiB", options: ["1", "2", "4", "8"], value: "1" },
  },
  ({ model, kvHeads, sequences, devices }): TopLevelSpec => {
    const { layers, heads, parameters } = SHAPES[model as keyof typeof SHAPES];
    const [chosen, tensorParallel] = [2 ** kvHeads, Number(devices)];
    const gib = (count: number, tokens: number) =>
      kvCacheBytes({ layers, kvHeads: count, headDim: 128, tokens, sequences, tensorParallel }).perDevice / GIB;
    const contexts = Array.from({ length: 8 }, (_, i) => 1024 * 2 ** i);
    const names = [`multi-head: ${heads}`, `chosen: ${chosen}`, "multi-query: 1"];
    const values = [heads, chosen, 1].flatMap((count, i) =>
      contexts.map((tokens) => ({ tokens, size: gib(count, tokens), of: names[i]! })),
    );
    const weights = (2 * parameters) / tensorParallel / GIB;
    const free = MEMORY - weights;
    const fits = Math.floor(free / gib(chosen, 1));
    const where = tensorParallel === 1 ? "" : " on each device";
    const found =
      free > 0
        ? `beside the weights, 80 GiB hold ${sequences} × ${fits.toLocaleString("en-US")} tokens`
        : "the weights alone exceed 80 GiB";
    const rules = [
      { size: weights, label: `weights: ${weights.toFixed(1)} GiB`, above: weights > free },
      ...(free > 0 ? [{ size: free, label: `left: ${free.toFixed(1)} GiB`, above: weights <= free }] : []),
    ];
    const size = {
      field: "size",
      type: "quantitative" as const,
      scale: { type: "log" as const },
      axis: { title: `GiB${where}`, labelExpr: "format(datum.value, '~g')", tickCount: 5, grid: false },
    };
    const text = (above: boolean) => ({
      data: { values: rules.filter((rule) => rule.above === above) },
      mark: {
        type: "text" as const,
        align: "left" as const,
        baseline: above ? ("bottom" as const) : ("top" as const),
        dx: 6,
      },
      encoding: { x: { value: WIDTH }, y: size, text: { field: "label" } },
    });
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Cache${where} of ${sequences} sequences in GiB against the context, both logarithmic, for ${model} in bfloat16 on ` +
        `${tensorParallel} device${tensorParallel === 1 ? "" : "s"} of 80 GiB. At 8,192 tokens ${heads} key heads take ${gib(heads, 8192).toFixed(1)} GiB, ${chosen} take ` +
        `${gib(chosen, 8192).toFixed(1)}, one takes ${gib(1, 8192).toFixed(2)}. The weights take ${weights.toFixed(1)} GiB; ${found}.`,
      title: {
        text: `${chosen} key heads: ${gib(chosen, 8192).toFixed(1)} GiB at 8,192 tokens (${gib(heads, 8192).toFixed(1)} with ${heads})`,
        subtitle: found,
        anchor: "middle",
      },
      width: WIDTH,
      height: 320,
      layer: [
        {
          data: { values: rules },
          mark: { type: "rule", strokeDash: [6, 4], color: ORANGE, strokeWidth: 2 },
          encoding: { y: size },
        },
        text(true),
        ...(free > 0 ? [text(false)] : []),
        {
          data: { values },
          mark: { type: "line", point: true, strokeWidth: 2 },
          encoding: {
            x: {
              field: "tokens",
              type: "quantitative",
              scale: { type: "log", base: 2, domain: [1024, contexts.at(-1)!], nice: false },
              axis: {
                title: "context in tokens, k = 1,024",
                values: contexts,
                labelExpr: "datum.value / 1024 + 'k'",
                grid: false,
              },
            },
            y: size,
            color: {
              field: "of",
              type: "nominal",
              scale: { domain: names, range: [VERMILION, BLUE, GREEN] },
              legend: { title: "key heads", orient: "bottom" },
            },
          },
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
      description: `Eight query heads and ${count} key and value heads; each key head is read by ${heads / count} query heads, so that a cached byte serves ${intensity} operations in bfloat16. Neighbours share.`,
      title: {
        text: `${heads / count} query head${heads === count ? "" : "s"} for each key head: ${intensity} operation${intensity === 1 ? "" : "s"} per cached byte`,
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
