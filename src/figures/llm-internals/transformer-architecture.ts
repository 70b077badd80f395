/** Figures of the transformer: what depth does to the residual stream, where a prediction is made, and where parameters are. */
import type { TopLevelSpec } from "vega-lite";
import {
  countParameters,
  createTransformer,
  forward,
  fromCheckpoint,
  logitLens,
  type TransformerConfig,
} from "../../demos/llm-internals/transformer-architecture.js";
import { softmax } from "../../demos/training-fundamentals/cross-entropy-and-softmax.js";
import { loadCheckpoint } from "../../lib/checkpoints.js";
import { figure } from "../../lib/figure.js";
import { row } from "../../lib/matrix.js";

// Okabe and Ito's blue, vermilion, green and orange.
const [BLUE, VERMILION, GREEN, ORANGE] = ["#0072B2", "#D55E00", "#009E73", "#E69F00"];

/** Mean square of the stream after each block of a model with random weights, and of what the block changed. */
export const depthFigure = figure(
  "The residual stream along depth",
  {
    placement: { label: "norm", options: ["pre", "post"], value: "pre" },
    layers: { label: "blocks", min: 2, max: 24, step: 2, value: 16 },
    seed: { label: "seed of the weights", min: 1, max: 5, step: 1, value: 1 },
  },
  ({ placement, layers, seed }): TopLevelSpec => {
    const model = createTransformer(
      { vocabulary: 16, layers, heads: 4, dModel: 32, dFeedForward: 128, placement: placement as "pre" | "post" },
      { seed },
    );
    const { residuals } = forward(
      model,
      Int32Array.from({ length: 16 }, (_, i) => i),
    );
    const meanSquare = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v * v, 0) / x.length;
    const [stream, change] = ["the stream", "the block's change"];
    const values = residuals.slice(1).flatMap(({ data }, i) => {
      const before = residuals[i]!.data;
      return [
        { block: i + 1, of: stream, square: meanSquare(data) },
        { block: i + 1, of: change, square: meanSquare(Array.from(data, (v, at) => v - before[at]!)) },
      ];
    });
    const [first, last] = [values[0]!.square, values.at(-2)!.square];
    const share = values.at(-1)!.square / last;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Mean square of the residual stream after each of ${layers} blocks with ${placement}-norm and random weights: from ` +
        `${first.toFixed(3)} after the first to ${last.toFixed(3)} after the last. What a block changed has a mean square of ` +
        `${(100 * share).toFixed(0)} % of the stream's at the last.`,
      title: { text: `${placement}-norm: mean square ${last.toFixed(2)} after ${layers} blocks`, anchor: "middle" },
      width: 520,
      height: 280,
      data: { values },
      mark: { type: "line", point: true },
      encoding: {
        x: { field: "block", type: "quantitative", axis: { title: "blocks passed", tickMinStep: 1 } },
        y: { field: "square", type: "quantitative", axis: { title: "mean square" } },
        color: {
          field: "of",
          type: "nominal",
          scale: { domain: [stream, change], range: [BLUE, VERMILION] },
          legend: { title: null, orient: "bottom" },
        },
      },
    };
  },
);

const SENTENCE = "Call me Ishmael. Some years ago, never mind how long";

/** The next character as the output projection would have it after each block of tiny-rope. */
export const lensFigure = figure(
  "Where is the next character decided?",
  { place: { label: "characters read", min: 1, max: SENTENCE.length - 1, step: 1, value: 19 } },
  ({ place }): TopLevelSpec => {
    const { model, characters } = tinyRope();
    const tokens = Array.from(SENTENCE.slice(0, place), (character) => characters.indexOf(character));
    const shown = (character: string) => (character === " " ? "␣" : character === "\n" ? "⏎" : character);
    const levels = logitLens(model, tokens).map((logits, block) => {
      const p = softmax(row(logits, place - 1));
      const best = Array.from(p.keys())
        .sort((a, b) => p[b]! - p[a]!)
        .slice(0, 5);
      return best.map((token, rank) => ({
        after: ["the embedding", "block 1", "block 2"][block],
        rank: rank + 1,
        character: shown(characters[token]!),
        probability: p[token],
      }));
    });
    const truth = shown(SENTENCE[place]!);
    const final = levels.at(-1)!;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `The five likeliest next characters after "${SENTENCE.slice(0, place)}", read off after the embedding and after each ` +
        `block. The model ends with ${final.map(({ character, probability }) => `${character} ${(100 * probability!).toFixed(0)} %`).join(", ")}; the text goes on with ${truth}.`,
      title: {
        text: `…${SENTENCE.slice(Math.max(0, place - 24), place)}│ goes on with ${truth}`,
        subtitle: "what the output projection says after each part",
        anchor: "middle",
      },
      data: { values: levels.flat() },
      facet: {
        column: { field: "after", type: "nominal", sort: ["the embedding", "block 1", "block 2"], title: null },
      },
      spec: {
        width: 165,
        height: 160,
        layer: [
          {
            mark: { type: "bar", color: BLUE },
            encoding: {
              y: { field: "rank", type: "ordinal", axis: { title: "rank" } },
              x: {
                field: "probability",
                type: "quantitative",
                scale: { domain: [0, 1] },
                axis: { title: "probability", format: "%", tickCount: 3 },
              },
            },
          },
          {
            mark: { type: "text", dx: 10, fontSize: 13, fontWeight: "bold" },
            encoding: {
              y: { field: "rank", type: "ordinal" },
              x: { field: "probability", type: "quantitative" },
              text: { field: "character" },
              color: {
                condition: { test: `datum.character === ${JSON.stringify(truth)}`, value: VERMILION },
                value: "#333333",
              },
            },
          },
        ],
      },
    };
  },
);

let loaded: { readonly model: ReturnType<typeof fromCheckpoint>; readonly characters: string } | undefined;
function tinyRope() {
  if (!loaded) {
    const checkpoint = loadCheckpoint("tiny-rope");
    loaded = { model: fromCheckpoint(checkpoint), characters: checkpoint.characters };
  }
  return loaded;
}

const PUBLISHED: Readonly<Record<string, TransformerConfig>> = {
  "GPT-2 small": {
    vocabulary: 50_257,
    layers: 12,
    heads: 12,
    dModel: 768,
    dFeedForward: 3072,
    positions: "learned",
    context: 1024,
    tiedHead: true,
  },
  "Llama-2-7B": {
    vocabulary: 32_000,
    layers: 32,
    heads: 32,
    dModel: 4096,
    dFeedForward: 11_008,
    norm: "rms",
    feedForward: "swiglu",
  },
  "Llama-3-8B": {
    vocabulary: 128_256,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    dModel: 4096,
    dFeedForward: 14_336,
    norm: "rms",
    feedForward: "swiglu",
  },
  "Llama-3.2-1B": {
    vocabulary: 128_256,
    layers: 16,
    heads: 32,
    kvHeads: 8,
    dModel: 2048,
    dFeedForward: 8192,
    norm: "rms",
    feedForward: "swiglu",
    tiedHead: true,
  },
};

/** Parameters of published models, part by part. */
export const countFigure = figure(
  "Where the parameters are",
  { model: { label: "model", options: Object.keys(PUBLISHED), value: "GPT-2 small" } },
  ({ model }): TopLevelSpec => {
    const { total, ...parts } = countParameters(PUBLISHED[model]!);
    const values = Object.entries(parts).map(([part, count]) => ({ part, share: count / total, count }));
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description: `Parameters of ${model}, ${total.toLocaleString("en")} in all: ${values.map(({ part, share }) => `${part} ${percent(share)}`).join(", ")}.`,
      title: { text: `${model}: ${total.toLocaleString("en")} parameters`, anchor: "middle" },
      width: 480,
      height: 200,
      data: { values },
      layer: [
        {
          mark: { type: "bar" },
          encoding: {
            y: { field: "part", type: "nominal", sort: null, axis: { title: "part" } },
            x: { field: "share", type: "quantitative", axis: { title: "share of all parameters", format: "%" } },
            color: {
              field: "part",
              type: "nominal",
              scale: {
                domain: values.map(({ part }) => part),
                range: [ORANGE, ORANGE, BLUE, GREEN, "#999999", VERMILION],
              },
              legend: null,
            },
          },
        },
        {
          mark: { type: "text", align: "left", dx: 4 },
          encoding: {
            y: { field: "part", type: "nominal", sort: null },
            x: { field: "share", type: "quantitative" },
            text: { field: "count", type: "quantitative", format: "," },
          },
        },
      ],
    };
  },
);

export const figures = { lensFigure, depthFigure, countFigure };
