/** Figures of tokenization: what a tokenizer makes of a text, and what a larger vocabulary is worth. */
import type { TopLevelSpec } from "vega-lite";
import { BpeTokenizer, trainBpe } from "../../demos/llm-internals/tokenization.js";
import { loadCl100k } from "../../lib/cl100k.js";
import { figure } from "../../lib/figure.js";
import { loadGpt2 } from "../../lib/gpt2.js";
import { loadMobyDick } from "../../lib/moby-dick.js";

/** Texts of several kinds, for the figures and the notebook. */
export const SAMPLES: Readonly<Record<string, string>> = {
  English: "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse.",
  German: "Die Würde des Menschen ist unantastbar. Sie zu achten ist Verpflichtung aller staatlichen Gewalt.",
  Japanese: "人間は考える葦である。雨ニモマケズ、風ニモマケズ。",
  code: "function add(a, b) {\n    return a + b; // both are numbers\n}\n",
  numbers: "12345678 3.14159265 1000000 2026-11-28 0.1 + 0.2 = 0.30000000000000004",
  emoji: "👩‍👩‍👧‍👦 says 👍🏽 to 🇩🇪 and 🎉",
};

// Okabe and Ito's colours, lightened: neighbours differ, and black text can be read on each.
const COLOURS = ["#A6D8F0", "#F9D9A0", "#A8DCC8", "#F0C4DC"];
const [BLUE, VERMILION, GREEN] = ["#0072B2", "#D55E00", "#009E73"];

const made = new Map<string, BpeTokenizer>();
/** A tokenizer by name, made once. */
function tokenizerOf(name: string): BpeTokenizer {
  let tokenizer = made.get(name);
  if (!tokenizer) {
    const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    const vocabulary = name === "GPT-2" ? loadGpt2() : name === "cl100k_base" ? loadCl100k() : { ranks: bytes };
    tokenizer = new BpeTokenizer(vocabulary);
    made.set(name, tokenizer);
  }
  return tokenizer;
}

const WIDTH = 660;

/** A text, token by token, with the ids below. */
export const tokensFigure = figure(
  "A text in tokens",
  {
    tokenizer: { label: "tokenizer", options: ["single bytes", "GPT-2", "cl100k_base"], value: "GPT-2" },
    sample: { label: "text", options: Object.keys(SAMPLES), value: "English" },
  },
  ({ tokenizer: name, sample }): TopLevelSpec => {
    const text = SAMPLES[sample]!;
    const tokenizer = tokenizerOf(name);
    const { values, height } = layOut([...tokenizer.encode(text)], tokenizer);
    const bytes = new TextEncoder().encode(text).length;
    const perToken = (bytes / values.length).toFixed(2);
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `The ${sample} sample, ${[...text].length} characters or ${bytes} bytes, is ${values.length} tokens of ${name}, ` +
        `${perToken} bytes per token. It begins ${values
          .slice(0, 6)
          .map(({ label, id }) => `"${label}" ${id}`)
          .join(", ")}.`,
      title: {
        text: `${name}: ${values.length} tokens for ${bytes} bytes, ${perToken} bytes per token`,
        subtitle: [
          "· is a space, ⏎ a line break, two hexadecimal digits a byte of",
          "an incomplete character; the id stands below",
        ],
        anchor: "start",
      },
      width: WIDTH,
      height,
      data: { values },
      layer: [
        {
          mark: { type: "rect", cornerRadius: 3 },
          encoding: {
            x: { field: "x", type: "quantitative", scale: { domain: [0, WIDTH], nice: false }, axis: null },
            x2: { field: "x2" },
            y: { field: "y", type: "quantitative", scale: { domain: [height, 0], nice: false }, axis: null },
            y2: { field: "y2" },
            color: { field: "colour", type: "nominal", scale: null },
            tooltip: [{ field: "label", title: "token" }, { field: "id" }],
          },
        },
        {
          mark: { type: "text", font: "monospace", fontSize: 13 },
          encoding: {
            x: { field: "middle", type: "quantitative" },
            y: { field: "line", type: "quantitative" },
            text: { field: "label" },
          },
        },
        {
          mark: { type: "text", fontSize: 9, color: "#555555" },
          encoding: {
            x: { field: "middle", type: "quantitative" },
            y: { field: "below", type: "quantitative" },
            text: { field: "id" },
          },
        },
      ],
      config: { view: { stroke: null } },
    };
  },
);

/** Boxes from left to right, in lines. */
function layOut(ids: readonly number[], tokenizer: BpeTokenizer) {
  let [x, y] = [0, 0];
  const values = ids.map((id, i) => {
    const label = labelOf(tokenizer.ranks[id]!);
    const cells = [...label].reduce((sum, character) => sum + (character.codePointAt(0)! >= 0x1100 ? 2 : 1), 0);
    const width = Math.max(8.2 * cells, 5.6 * String(id).length) + 4;
    if (x + width > WIDTH) [x, y] = [0, y + 38];
    const box = { id, label, x, x2: x + width - 2, middle: x + width / 2 - 1, y: y + 2, y2: y + 21, line: y + 12 };
    x += width;
    return { ...box, below: y + 28, colour: COLOURS[i % COLOURS.length]! };
  });
  return { values, height: y + 38 };
}

function labelOf(bytes: Uint8Array): string {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  if (text.includes("\uFFFD")) return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return text.replaceAll(" ", "·").replaceAll("\n", "⏎").replaceAll("\u200D", "zwj").replaceAll("\uFE0F", "vs16");
}

const trained = new Map<number, Uint8Array[]>();
/** A vocabulary of 2,256 tokens learned from the first characters of the novel, made once for each length. */
function learned(characters: number): Uint8Array[] {
  let ranks = trained.get(characters);
  if (!ranks) {
    ranks = trainBpe(loadMobyDick().text.slice(0, characters), { vocabularySize: 2256 }).vocabulary;
    trained.set(characters, ranks);
  }
  return ranks;
}

const SIZES = [256, 276, 306, 356, 456, 656, 1056, 1556, 2256];

/** Bytes per token against the size of a vocabulary learned from a part of the novel, on four kinds of text. */
export const compressionFigure = figure(
  "What a larger vocabulary is worth",
  {
    characters: { label: "characters to learn from", min: 10_000, max: 60_000, step: 10_000, value: 40_000 },
    vocabularySize: { label: "vocabulary size", min: 256, max: 2256, step: 100, value: 1256 },
  },
  ({ characters, vocabularySize }): TopLevelSpec => {
    const ranks = learned(characters);
    const texts = {
      "what it was learned from": loadMobyDick().text.slice(0, 10_000),
      "the last chapter": loadMobyDick().chapters.at(-1)!.slice(0, 10_000),
      German: SAMPLES.German!,
      numbers: SAMPLES.numbers!,
    };
    const sizes = [...new Set([...SIZES, vocabularySize])].sort((a, b) => a - b).filter((size) => size <= ranks.length);
    const values = sizes.flatMap((size) => {
      const tokenizer = new BpeTokenizer({ ranks: ranks.slice(0, size) });
      return Object.entries(texts).map(([text, content]) => ({
        size,
        text,
        bytesPerToken: new TextEncoder().encode(content).length / tokenizer.encode(content).length,
      }));
    });
    const shown = Math.min(vocabularySize, ranks.length);
    const chosen = values.filter(({ size }) => size === shown);
    const color = {
      field: "text",
      type: "nominal" as const,
      scale: { domain: Object.keys(texts), range: [BLUE, GREEN, VERMILION, "#CC79A7"] },
      legend: { title: null, orient: "bottom" as const, columns: 4, labelLimit: 0 },
    };
    const x = {
      field: "size",
      type: "quantitative" as const,
      scale: { type: "log" as const, domain: [250, 2400], nice: false },
      axis: { title: "vocabulary size in tokens, logarithmic", values: [256, 512, 1024, 2048], format: "d" },
    };
    const y = {
      field: "bytesPerToken",
      type: "quantitative" as const,
      scale: { domain: [0.9, 4.8], nice: false },
      axis: { title: "bytes per token" },
    };
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Bytes per token rise with the size of a vocabulary learned from ${characters} characters of Moby-Dick. At ${shown} ` +
        `tokens: ${chosen.map(({ text, bytesPerToken }) => `${text} ${bytesPerToken.toFixed(2)}`).join(", ")}.`,
      title: { text: `BPE learned from ${characters} characters of Moby-Dick, at ${shown} tokens`, anchor: "middle" },
      width: 560,
      height: 280,
      data: { values },
      layer: [
        { mark: { type: "line", point: true }, encoding: { x, y, color } },
        {
          transform: [{ filter: `datum.size === ${shown}` }],
          mark: { type: "text", dy: -10, fontSize: 11 },
          encoding: { x, y, text: { field: "bytesPerToken", type: "quantitative", format: ".2f" }, color },
        },
      ],
    };
  },
);

export const figures = { tokensFigure, compressionFigure };
