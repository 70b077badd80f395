/** Figures of collectives: who holds which partial sum after a step, and time against message size. */
import type { TopLevelSpec } from "vega-lite";
import {
  ALL_REDUCE_ALGORITHMS,
  type AllReduceAlgorithm,
  allReduce,
  allReduceSteps,
  crossoverBytes,
  predictTime,
  World,
} from "../../demos/systems-and-infrastructure/all-reduce-and-collectives.js";
import { figure } from "../../lib/figure.js";
import { formatNumber } from "../../lib/matrix.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN, ORANGE, PURPLE] = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

/** Ranks by pieces: how many numbers each partial sum contains, and whose they are. */
export const partialSums = figure(
  "Partial sums after a step of an all-reduce",
  {
    algorithm: { label: "algorithm", options: ALL_REDUCE_ALGORITHMS, value: "ring" },
    ranks: { label: "ranks", min: 2, max: 8, step: 1, value: 4 },
    step: { label: "step", min: 0, max: 14, step: 1, value: 2 },
  },
  ({ algorithm, ranks, step: asked }): TopLevelSpec => {
    const states = [...allReduceSteps(ranks, { algorithm: algorithm as AllReduceAlgorithm })];
    const step = Math.min(asked, states.length - 1);
    const { holdings, links } = states[step]!;
    const members = (mask: number) => Array.from({ length: ranks }, (_, i) => i).filter((i) => mask & (1 << i));
    const cells = holdings.flatMap((row, rank) =>
      Array.from(row, (mask, piece) => {
        const whose = members(mask);
        const missing = members(~mask);
        const short =
          missing.length === 0 ? "all" : missing.length === 1 && ranks > 6 ? `all but ${missing[0]}` : undefined;
        return { rank, piece, count: whose.length, whose: short ?? whose.join("+") };
      }),
    );
    const finished = cells.filter(({ count }) => count === ranks).length;
    const arrows = links.map(({ from, to }) => `${from}→${to}`).join(", ");
    return {
      $schema: SCHEMA,
      width: Math.min(70 * ranks, 520),
      height: 34 * ranks,
      title: {
        text: `${algorithm}, step ${step} of ${states.length - 1}: ${finished} of ${cells.length} pieces are complete`,
        subtitle: step === 0 ? "nothing was sent yet" : `messages: ${arrows || "none"}`,
        fontSize: 13,
      },
      description:
        `Which ranks' numbers each of the ${ranks} pieces contains on each of ${ranks} ranks after step ${step} of ` +
        `${states.length - 1} of ${algorithm}: ${finished} of ${cells.length} are complete. ` +
        `Messages of this step: ${arrows || "none"}.`,
      data: { values: cells },
      encoding: {
        x: { field: "piece", type: "ordinal", axis: { title: "piece of the buffer", labelAngle: 0 } },
        y: { field: "rank", type: "ordinal", axis: { title: "rank" } },
      },
      layer: [
        {
          mark: { type: "rect", stroke: "white" },
          encoding: {
            color: {
              field: "count",
              type: "quantitative",
              scale: { domain: [1, ranks], range: ["#e8eff7", "#5a9bd0"] },
              legend: { title: "ranks in the sum", tickMinStep: 1, format: "d" },
            },
          },
        },
        { mark: { type: "text", fontSize: ranks > 5 ? 9 : 12 }, encoding: { text: { field: "whose" } } },
      ],
    };
  },
);

/** Seconds of an all-reduce by formula, and on the clock of a world that runs it. */
export const timeAgainstSize = figure(
  "Time of an all-reduce against the size of the buffer",
  {
    ranks: { label: "ranks", options: ["2", "4", "8", "16", "32"], value: "8" },
    alpha: { label: "α (µs per message)", min: 1, max: 50, step: 1, value: 5 },
    bandwidth: { label: "1/β (GB/s)", min: 10, max: 400, step: 10, value: 50 },
  },
  ({ ranks: text, alpha: micros, bandwidth }): TopLevelSpec => {
    const ranks = Number(text);
    const [alpha, beta] = [micros * 1e-6, 1e-9 / bandwidth];
    const sizes = Array.from({ length: 25 }, (_, i) => 10 ** (2 + i / 4));
    const lines = ALL_REDUCE_ALGORITHMS.flatMap((algorithm) =>
      sizes.map((bytes) => ({
        algorithm,
        bytes,
        time: 1e6 * predictTime(`all-reduce/${algorithm}`, { ranks, bytes, alpha, beta }),
      })),
    );
    // A few numbers stand for a large buffer: the clock reads the same when each of their bytes counts for many.
    const buffers = Array.from({ length: ranks }, () => new Int32Array(ranks));
    const points = ALL_REDUCE_ALGORITHMS.flatMap((algorithm) =>
      [1e3, 1e5, 1e7].map((bytes) => {
        const world = new World({ ranks, alpha, beta: (beta * bytes) / (4 * ranks) });
        return { algorithm, bytes, time: 1e6 * allReduce(buffers, { algorithm, world }).time };
      }),
    );
    const crossing = crossoverBytes("all-reduce/ring", "all-reduce/recursive-doubling", { ranks, alpha, beta });
    const found = Number.isNaN(crossing)
      ? "recursive doubling is never slower than the ring"
      : `the ring is faster than recursive doubling from ${formatNumber(crossing / 1e6, 3)} MB on`;
    const position = {
      x: {
        field: "bytes",
        type: "quantitative" as const,
        scale: { type: "log" as const },
        axis: { title: "bytes of a buffer", format: "~s", grid: false, tickCount: 6 },
      },
      y: {
        field: "time",
        type: "quantitative" as const,
        scale: { type: "log" as const },
        axis: { title: "time (µs)", format: "~s", tickCount: 6 },
      },
      color: {
        field: "algorithm",
        type: "nominal" as const,
        scale: { domain: [...ALL_REDUCE_ALGORITHMS], range: [BLUE, ORANGE, GREEN, PURPLE, VERMILION] },
        legend: { title: null, orient: "bottom" as const, columns: 3, labelLimit: 220 },
      },
    };
    return {
      $schema: SCHEMA,
      width: 480,
      height: 300,
      title: { text: `${ranks} ranks, α = ${micros} µs, 1/β = ${bandwidth} GB/s`, subtitle: found, fontSize: 13 },
      description:
        `Time of five all-reduce algorithms against buffer size on logarithmic axes, for ${ranks} ranks, ${micros} µs per message ` +
        `and ${bandwidth} GB/s: flat where latency rules, of slope 1 where bandwidth does; ${found}. ` +
        `At 10 MB the ring takes ${formatNumber(1e6 * predictTime("all-reduce/ring", { ranks, bytes: 1e7, alpha, beta }), 4)} µs, the star ` +
        `${formatNumber(1e6 * predictTime("all-reduce/star", { ranks, bytes: 1e7, alpha, beta }), 4)} µs. Points are from the simulated clock.`,
      layer: [
        { data: { values: lines }, mark: { type: "line", strokeWidth: 2 }, encoding: position },
        { data: { values: points }, mark: { type: "point", filled: true, size: 45, opacity: 1 }, encoding: position },
      ],
    };
  },
);

export const figures = { partialSums, timeAgainstSize };
