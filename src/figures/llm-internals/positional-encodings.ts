/** Figures of positional encodings: attention weight against distance under each scheme, and the matrix of sinusoids. */
import type { TopLevelSpec } from "vega-lite";
import { alibiBias, sinusoidalEncoding, t5RelativeBucket } from "../../demos/llm-internals/positional-encodings.js";
import { relativeScore } from "../../demos/llm-internals/rotary-position-embeddings.js";
import { softmax } from "../../demos/training-fundamentals/cross-entropy-and-softmax.js";
import { figure } from "../../lib/figure.js";
import { row, toRows } from "../../lib/matrix.js";

// Okabe and Ito's blue and vermilion.
const [BLUE, VERMILION] = ["#0072B2", "#D55E00"];
const SCHEMES = ["none", "ALiBi", "T5 with a falling table", "RoPE", "sinusoidal"] as const;

/** Weights of the last of many tokens, all with the same content, over those before it. */
export const distanceFigure = figure(
  "Attention weight against distance, for tokens of equal content",
  {
    scheme: { label: "scheme", options: SCHEMES, value: "ALiBi" },
    slope: {
      label: "ALiBi's slope 2^−s, T5's fall, RoPE's and the sinusoids' strength",
      min: 1,
      max: 8,
      step: 0.5,
      value: 4,
    },
    length: { label: "tokens before it", min: 32, max: 512, step: 32, value: 256 },
  },
  ({ scheme, slope, length }): TopLevelSpec => {
    const distances = Array.from({ length: length + 1 }, (_, r) => r);
    const even = Float64Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? Math.sqrt(1 / 32) : 0));
    const strength = 2 ** (5 - slope / 2);
    const alibi = row(alibiBias(1, length + 1, 2 ** -slope), 0).reverse();
    const here = row(sinusoidalEncoding([0], { dimension: 64 }), 0);
    const scores: Record<(typeof SCHEMES)[number], () => ArrayLike<number>> = {
      none: () => distances.map(() => 0),
      ALiBi: () => alibi,
      // A learned table would hold any numbers; here it falls from bucket to bucket.
      "T5 with a falling table": () =>
        distances.map((r) => (-t5RelativeBucket(-r, { bidirectional: false }) * 2) / slope),
      RoPE: () => relativeScore(even, even, distances).map((s) => strength * s),
      sinusoidal: () =>
        toRows(sinusoidalEncoding(distances, { dimension: 64 })).map(
          (there) => (strength * there.reduce((sum, v, i) => sum + v * here[i]!, 0)) / 32,
        ),
    };
    const weights = softmax(scores[scheme as (typeof SCHEMES)[number]]());
    const values = distances.map((distance) => ({ distance, weight: weights[distance] }));
    let [near, sum] = [0, 0];
    while (sum < 0.99 && near <= length) sum += weights[near++]!;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Attention weight of a token over itself and the ${length} before it, all of equal content, under ${scheme}. The weight ` +
        `of the token itself is ${weights[0]!.toPrecision(3)}, of the farthest ${weights[length]!.toExponential(1)}; 99 % of the ` +
        `weight lie on the nearest ${near} tokens.`,
      title: { text: `${scheme}: 99 % lie on the nearest ${near} tokens`, anchor: "middle" },
      width: 560,
      height: 280,
      data: { values },
      mark: {
        type: "line",
        interpolate: scheme.startsWith("T5") ? "step" : "linear",
        color: scheme === "none" ? BLUE : VERMILION,
        strokeWidth: 2,
      },
      encoding: {
        x: { field: "distance", type: "quantitative", axis: { title: "distance in tokens" } },
        y: { field: "weight", type: "quantitative", axis: { title: "attention weight", format: ".2~%" } },
      },
    };
  },
);

/** The sinusoids as a picture: position down, coordinate across. */
export const sinusoidsFigure = figure(
  "The matrix of sinusoids",
  {
    logBase: { label: "base, as a power of 10", min: 1, max: 5, step: 0.5, value: 4 },
    positions: { label: "positions", min: 16, max: 96, step: 16, value: 64 },
  },
  ({ logBase, positions }): TopLevelSpec => {
    const dimension = 32;
    const encoding = sinusoidalEncoding(
      Array.from({ length: positions }, (_, p) => p),
      { dimension, base: 10 ** logBase },
    );
    const values = toRows(encoding).flatMap((entries, position) =>
      entries.map((value, coordinate) => ({ position, coordinate, value: Number(value.toFixed(3)) })),
    );
    const still = Array.from({ length: dimension / 2 }, (_, i) => i).filter(
      (i) => 10 ** (-logBase * ((2 * i) / dimension)) * (positions - 1) < Math.PI / 2,
    ).length;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Heat map of the sinusoidal encodings of ${positions} positions in ${dimension} coordinates, base ${Math.round(10 ** logBase)}. ` +
        `The left coordinates oscillate fast; ${still} of ${dimension / 2} pairs do not complete a quarter turn.`,
      title: {
        text: `${positions} positions: ${still} of ${dimension / 2} pairs turn by less than a quarter`,
        anchor: "middle",
      },
      width: 480,
      height: 320,
      data: { values },
      mark: "rect",
      encoding: {
        x: {
          field: "coordinate",
          type: "ordinal",
          axis: { title: "coordinate", labelAngle: 0, values: [0, 8, 16, 24, 31] },
        },
        y: {
          field: "position",
          type: "ordinal",
          axis: { title: "position", values: [0, 16, 32, 48, 64, 80].filter((p) => p < positions) },
        },
        color: {
          field: "value",
          type: "quantitative",
          scale: { scheme: "blueorange", domain: [-1, 1] },
          legend: { title: "value" },
        },
      },
    };
  },
);

export const figures = { distanceFigure, sinusoidsFigure };
