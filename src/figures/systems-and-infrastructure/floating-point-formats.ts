/** Figures of narrow floats: all numbers of a format and where one lands, sums that stop, and what becomes of real gradients. */
import type { TopLevelSpec } from "vega-lite";
import { digitsProblem } from "../../autodiff/digits.js";
import { valueAndGrad } from "../../demos/deep-learning-foundations/backpropagation.js";
import {
  type FloatFormatName,
  fields,
  floatFormat,
  formatInfo,
  round,
  roundArray,
  sumSteps,
  values,
} from "../../demos/systems-and-infrastructure/floating-point-formats.js";
import { figure } from "../../lib/figure.js";
import { formatNumber } from "../../lib/matrix.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN, ORANGE] = ["#0072B2", "#D55E00", "#009E73", "#E69F00"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

/** Every positive number of a small format: on a line from 0, where the subnormals are, and on a logarithmic one. */
export const numberLine = figure(
  "All positive numbers of a format",
  {
    exponentBits: { label: "exponent bits", min: 2, max: 5, step: 1, value: 3 },
    mantissaBits: { label: "fraction bits", min: 1, max: 4, step: 1, value: 2 },
    x: { label: "log₂ of the number to round", min: -8, max: 8, step: 0.1, value: -2.3 },
  },
  ({ exponentBits, mantissaBits, x: log }): TopLevelSpec => {
    const format = floatFormat({ exponentBits, mantissaBits });
    const { max, minNormal, bits } = formatInfo(format);
    const x = 2 ** log;
    const y = round(x, format);
    const { exponent, mantissa } = fields(x, format);
    const code = `0 ${exponent.toString(2).padStart(exponentBits, "0")} ${mantissa.toString(2).padStart(mantissaBits, "0")}`;
    const lands = `${formatNumber(x, 4)} becomes ${Number.isFinite(y) ? formatNumber(y, 4) : "∞"}, code ${code}`;
    const numbers = [...values(format)]
      .filter(({ value }) => value > 0)
      .map(({ value }) => ({
        value,
        log2: Math.log2(value),
        kind: value < minNormal ? "subnormal" : "normal",
      }));
    const near = 4 * minNormal;
    const line = (title: string, log2: boolean) => {
      const field = log2 ? "log2" : "value";
      const ends = [...numbers.map(({ value }) => Math.log2(value)), log];
      const [low, high] = log2 ? [Math.min(...ends) - 1, Math.max(...ends) + 1] : [0, near];
      const inside = (point: { value: number; log2: number }) => point[field] >= low && point[field] <= high;
      const position = {
        field,
        type: "quantitative" as const,
        scale: { domain: [low, high], nice: false },
        axis: { title, grid: false, tickCount: 8, domain: false },
      };
      return {
        width: 600,
        height: 60,
        layer: [
          {
            data: { values: numbers.filter(inside) },
            mark: { type: "tick" as const, thickness: 1.5, size: 30 },
            encoding: {
              x: position,
              color: {
                field: "kind",
                type: "nominal" as const,
                scale: { domain: ["subnormal", "normal"], range: [ORANGE, BLUE] },
                legend: log2 ? null : { title: null, orient: "top" as const, symbolType: "square" },
              },
            },
          },
          {
            data: {
              values: [
                { value: x, log2: log, y: 0.95, shape: "x" },
                { value: y, log2: Math.log2(y), y: 0.05, shape: "rounded x" },
              ].filter(inside),
            },
            mark: { type: "point" as const, filled: true, size: 90, opacity: 1, color: VERMILION },
            encoding: {
              x: position,
              y: { field: "y", type: "quantitative" as const, scale: { domain: [0, 1] }, axis: null },
              shape: {
                field: "shape",
                type: "nominal" as const,
                scale: { domain: ["x", "rounded x"], range: ["triangle-down", "triangle-up"] },
                legend: log2 ? null : { title: null, orient: "top" as const },
              },
            },
          },
        ],
      };
    };
    return {
      $schema: SCHEMA,
      title: {
        text: `${bits} bits, ${exponentBits} for the exponent, ${mantissaBits} for the fraction: ${numbers.length} positive numbers`,
        subtitle: lands,
        fontSize: 13,
      },
      description:
        `The ${numbers.length} positive numbers of a format with ${exponentBits} exponent and ${mantissaBits} fraction bits, ` +
        `from ${formatNumber(numbers[0]!.value, 4)} to ${formatNumber(max, 4)}; the normal ones begin at ` +
        `${formatNumber(minNormal, 4)}. Below that the spacing is constant, above it doubles with every power of two. ${lands}.`,
      vconcat: [
        line(`near zero: up to 4 times the smallest normal number, ${formatNumber(near, 4)}`, false),
        line("log₂ of all of them", true),
      ],
      spacing: 25,
      resolve: { scale: { color: "independent", shape: "independent" } },
    };
  },
);

const SUM_FORMATS = ["bf16", "fp16", "e4m3fn", "e5m2"] as const;

/** Running sums of equal or of shrinking terms: the narrow accumulator stops. */
export const stalledSum = figure(
  "Running sums in a narrow accumulator",
  {
    format: { label: "format of the terms", options: SUM_FORMATS, value: "bf16" },
    term: { label: "term k", options: ["1", "1/k"], value: "1" },
    n: { label: "terms", min: 100, max: 3000, step: 100, value: 1000 },
  },
  ({ format: name, term, n }): TopLevelSpec => {
    const format = name as FloatFormatName;
    const xs = Float64Array.from({ length: n }, (_, k) => (term === "1" ? 1 : 1 / (k + 1)));
    const curves = {
      float32: [...sumSteps(xs, { format, accumulator: "fp32" })],
      stochastic: [...sumSteps(roundArray(xs, format), { format, rounding: "stochastic", overflow: "saturate" })],
      nearest: [...sumSteps(xs, { format })],
    };
    const narrow = curves.nearest;
    const stop = narrow.at(-1)!;
    const last = narrow.indexOf(stop) + 1;
    const exact = xs.reduce((total, x) => total + x, 0);
    const every = n / 100;
    const data = Object.entries(curves).flatMap(([curve, sums]) =>
      sums.flatMap((total, i) =>
        (i + 1) % every === 0 || i === 0 ? [{ n: i + 1, total: round(total, "fp32"), curve }] : [],
      ),
    );
    const found =
      last < n ? `stops at ${formatNumber(stop, 6)} after ${last} terms` : `reaches ${formatNumber(stop, 6)}`;
    return {
      $schema: SCHEMA,
      width: 480,
      height: 260,
      title: {
        text: `Σ ${term === "1" ? "1" : "1/k"} in ${format} ${found}`,
        subtitle: `the exact sum of ${n} terms is ${formatNumber(exact, 6)}`,
        fontSize: 13,
      },
      description:
        `Running sums of ${n} terms ${term}. With every sum rounded to the nearest number of ${format} the sum ${found}; ` +
        `kept in float32 it ends at ${formatNumber(curves.float32.at(-1)!, 6)}, and with stochastic rounding, ` +
        `one seed, at ${formatNumber(curves.stochastic.at(-1)!, 6)}. The exact sum is ${formatNumber(exact, 6)}.`,
      data: { values: data },
      mark: { type: "line", interpolate: "step-after", strokeWidth: 2 },
      encoding: {
        x: { field: "n", type: "quantitative", axis: { title: "terms added", grid: false } },
        y: { field: "total", type: "quantitative", axis: { title: "running sum" } },
        color: {
          field: "curve",
          type: "nominal",
          scale: { domain: Object.keys(curves), range: [GREEN, ORANGE, VERMILION] },
          legend: { title: "accumulator", orient: "bottom" },
        },
        strokeDash: {
          field: "curve",
          type: "nominal",
          scale: {
            domain: Object.keys(curves),
            range: [
              [6, 3],
              [2, 2],
              [1, 0],
            ],
          },
          legend: { title: "accumulator", orient: "bottom" },
        },
      },
    };
  },
);

const RANGES = ["fp16", "bf16", "e5m2", "e4m3fn"] as const;

/** Sizes of the gradients of a network that reads digits, over the ranges of four formats. */
export const gradientRanges = figure(
  "Gradients and the ranges of four formats",
  {
    layer: { label: "layer", options: ["hidden", "output"], value: "hidden" },
    scale: { label: "log₂ of the loss scale", min: 0, max: 24, step: 1, value: 0 },
  },
  ({ layer, scale }): TopLevelSpec => {
    const { parameters, loss } = digitsProblem();
    const { grads } = valueAndGrad((p: typeof parameters) => loss(p, 0))(parameters);
    const gradient = Array.from(grads[layer as "hidden" | "output"].weight.data).filter((g) => g !== 0);
    const logs = gradient.map((g) => Math.floor(Math.log2(Math.abs(g)) + scale));
    const counts = new Map<number, number>();
    for (const log of logs) counts.set(log, (counts.get(log) ?? 0) + 1);
    const bars = Array.from(counts, ([log, count]) => ({ from: log, to: log + 1, count })).sort(
      (a, b) => a.from - b.from,
    );
    const scaled = gradient.map((g) => g * 2 ** scale);
    const ranges = RANGES.map((format) => {
      const { max, minNormal, minSubnormal } = formatInfo(format);
      const zero = scaled.filter((g) => round(g, format) === 0).length;
      const over = scaled.filter((g) => Math.abs(g) > max).length;
      return {
        format,
        low: Math.max(Math.log2(minSubnormal), -40),
        normal: Math.max(Math.log2(minNormal), -40),
        high: Math.min(Math.log2(max), 32),
        lost: `${formatNumber((100 * zero) / gradient.length, 3)} % zero, ${formatNumber((100 * over) / gradient.length, 3)} % too large`,
      };
    });
    const axis = (title: string | null) => ({
      type: "quantitative" as const,
      scale: { domain: [-40, 32] },
      axis: { title, grid: false, values: [-40, -32, -24, -16, -8, 0, 8, 16, 24, 32] },
    });
    return {
      $schema: SCHEMA,
      title: {
        text: `${gradient.length} gradients of the ${layer} layer, times ${scale === 0 ? "1" : `2^${scale}`}`,
        subtitle: ranges.map(({ format, lost }) => `${format}: ${lost}`),
        fontSize: 13,
      },
      description:
        `Histogram of the sizes of ${gradient.length} gradients of the ${layer} layer of a digits network, multiplied by 2 to the ${scale}, ` +
        `over the ranges of four formats. Rounded to the nearest: ${ranges.map(({ format, lost }) => `${format} ${lost}`).join("; ")}.`,
      vconcat: [
        {
          width: 500,
          height: 150,
          data: { values: bars },
          mark: { type: "bar", color: BLUE, binSpacing: 1 },
          encoding: {
            x: { field: "from", ...axis(null), bin: { binned: true } },
            x2: { field: "to" },
            y: { field: "count", type: "quantitative", axis: { title: "gradients", tickCount: 4 } },
          },
        },
        {
          width: 500,
          height: 90,
          data: { values: ranges },
          encoding: { y: { field: "format", type: "nominal", sort: [...RANGES], axis: { title: null } } },
          layer: [
            {
              mark: { type: "rule", strokeWidth: 4, color: ORANGE },
              encoding: {
                x: { field: "low", ...axis("log₂ of the size; orange: subnormal; bf16 goes on at both ends") },
                x2: { field: "normal" },
              },
            },
            {
              mark: { type: "rule", strokeWidth: 10, color: GREEN },
              encoding: {
                x: { field: "normal", ...axis("log₂ of the size; orange: subnormal; bf16 goes on at both ends") },
                x2: { field: "high" },
              },
            },
          ],
        },
      ],
    };
  },
);

export const figures = { stalledSum, numberLine, gradientRanges };
