/** Figures of Markov chains: a law that settles, and a Metropolis walk with its step size. */
import type { TopLevelSpec } from "vega-lite";
import {
  classifyStates,
  effectiveSampleSize,
  metropolisHastingsSteps,
  mixingSteps,
  spectralGap,
  stationaryDistribution,
} from "../../demos/probability-and-statistics/markov-chains.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, type Matrix, matrix } from "../../lib/matrix.js";
import type { Random } from "../../lib/random.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN, GREY] = ["#0072B2", "#D55E00", "#009E73", "#8a8a8a"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
const round = (value: number) => Math.round(value * 10000) / 10000 + 0; // + 0 makes −0 a 0
const STATES = ["A", "B", "C"];
const STEPS = 30;

/** A chain on three states in a row: its graph, its law step by step, and its distance from the stationary law. */
export const threeStates = figure(
  "A three-state chain and the law it settles on",
  {
    a: { label: "a, chance to leave A or C for B", min: 0.05, max: 1, step: 0.05, value: 0.2 },
    b: { label: "b, chance from B to A", min: 0.05, max: 0.95, step: 0.05, value: 0.7 },
    lazy: { label: "chance to do nothing", min: 0, max: 0.9, step: 0.1, value: 0 },
    start: { label: "start", options: STATES, value: "A" },
  },
  ({ a, b, lazy, start }): TopLevelSpec => {
    const p = chainOf(a, b, lazy);
    const pi = stationaryDistribution(p);
    const { modulus } = spectralGap(p);
    const { period } = classifyStates(p).classes[0]!;
    const steps = firstSteps(p, STATES.indexOf(start));
    const laws = steps.flatMap(({ step, distribution }) =>
      STATES.map((state, i) => ({ step, state, probability: round(distribution[i]!) })),
    );
    const distances = steps.flatMap(({ step, totalVariation }) =>
      totalVariation > 1e-8 ? [{ step, distance: Number(totalVariation.toPrecision(4)) }] : [],
    );
    const slope = steps.flatMap(({ step }) => {
      const distance = steps[0]!.totalVariation * modulus ** step;
      return distance > 1e-8 ? [{ step, distance: Number(distance.toPrecision(4)) }] : [];
    });
    const rate = formatNumber(round(modulus), 3);
    const ending = period === 1 ? `falls in the end by the factor |λ₂| = ${rate} per step` : "does not fall: period 2";
    const law = STATES.map((state, i) => `${state} ${formatNumber(round(pi[i]!), 3)}`).join(", ");
    const colour = {
      field: "state",
      type: "nominal" as const,
      scale: { domain: STATES, range: [BLUE, VERMILION, GREEN] },
      legend: { title: "state", orient: "bottom" as const },
    };
    const step = quantitative("step", "step t", [0, STEPS]);
    return {
      $schema: SCHEMA,
      description:
        `A chain on A, B, C from ${start}, leaving A and C with probability ${formatNumber(a)}, B for A with ` +
        `${formatNumber(b)}, idle with ${formatNumber(lazy)}. Stationary law: ${law}. The distance from it starts at ` +
        `${formatNumber(round(steps[0]!.totalVariation), 3)} and ${ending}; after ${STEPS} steps it is ` +
        `${formatNumber(Number(steps[STEPS]!.totalVariation.toPrecision(2)), 2)}.`,
      resolve: { scale: { color: "independent" } },
      vconcat: [
        graph(p, pi),
        {
          spacing: 30,
          hconcat: [
            {
              width: 255,
              height: 190,
              title: { text: "Law of the chain", subtitle: "dashed: stationary", fontSize: 13 },
              layer: [
                {
                  data: { values: laws },
                  mark: { type: "line", point: { size: 18 }, strokeWidth: 1.5 },
                  encoding: { x: step, y: quantitative("probability", "probability", [0, 1]), color: colour },
                },
                {
                  data: { values: STATES.map((state, i) => ({ state, probability: round(pi[i]!) })) },
                  mark: { type: "rule", strokeDash: [4, 4] },
                  encoding: { y: { field: "probability", type: "quantitative" }, color: colour },
                },
              ],
            },
            {
              width: 255,
              height: 190,
              title: {
                text: "Distance from the stationary law",
                subtitle: `line: ∝ |λ₂|ᵗ, |λ₂| = ${rate}`,
                fontSize: 13,
              },
              encoding: {
                x: step,
                y: {
                  field: "distance",
                  type: "quantitative",
                  scale: { type: "log", domain: [Math.min(0.01, ...distances.map(({ distance }) => distance)), 1] },
                  axis: { title: "total variation (log scale)", gridColor: "#ececec", tickCount: 5, format: "~e" },
                },
              },
              layer: [
                { data: { values: slope }, mark: { type: "line", color: GREY, strokeDash: [5, 4], clip: true } },
                {
                  data: { values: distances },
                  mark: { type: "point", filled: true, size: 28, color: "#000000", clip: true },
                },
              ],
            },
          ],
        },
      ],
    };
  },
);

function chainOf(a: number, b: number, lazy: number): Matrix {
  const rows = [
    [1 - a, a, 0],
    [b, 0, 1 - b],
    [0, a, 1 - a],
  ];
  return matrix(rows.map((row, i) => row.map((p, j) => (1 - lazy) * p + (i === j ? lazy : 0))));
}

function firstSteps(p: Matrix, start: number) {
  const steps = mixingSteps(p, start);
  return Array.from({ length: STEPS + 1 }, () => steps.next().value);
}

/** States as circles of the area of their stationary share; ways as arcs, above to the right, below to the left. */
function graph(p: Matrix, pi: Float64Array) {
  const [gap, lift] = [0.11, 0.34];
  const arcs = [
    [0, 1],
    [1, 2],
    [1, 0],
    [2, 1],
  ].map(([i, j]) => {
    const sign = j! > i! ? 1 : -1;
    return { i: i!, j: j!, sign, from: i! + sign * gap, to: j! - sign * gap, chance: p.get(i!, j!) };
  });
  const lines = arcs.flatMap(({ i, j, sign, from, to, chance }) =>
    Array.from({ length: 17 }, (_, k) => ({
      arc: `${i}${j}`,
      order: k,
      x: round(from + ((to - from) * k) / 16),
      y: round(sign * (0.12 + lift * 4 * (k / 16) * (1 - k / 16))),
      chance: round(chance),
    })),
  );
  const heads = arcs.map(({ to, sign, chance }) => ({
    x: round(to),
    y: round(sign * 0.12),
    chance: round(chance),
    sign,
  }));
  const labels = arcs.map(({ from, to, sign, chance }) => ({
    x: round((from + to) / 2),
    y: round(sign * 0.68),
    label: formatNumber(round(chance), 3),
  }));
  const nodes = STATES.map((state, i) => ({
    state,
    x: i,
    y: 0,
    share: round(pi[i]!),
    stays: `stays ${formatNumber(round(p.get(i, i)), 3)}`,
    stationary: `π = ${formatNumber(round(pi[i]!), 3)}`,
  }));
  const axis = (field: "x" | "y", domain: number[]) => ({
    field,
    type: "quantitative" as const,
    scale: { domain, nice: false },
    axis: null,
  });
  const width = {
    field: "chance",
    type: "quantitative" as const,
    scale: { domain: [0, 1], range: [0.8, 5] },
    legend: null,
  };
  return {
    width: 575,
    height: 150,
    title: {
      text: "The chain",
      subtitle: "area of a circle: stationary probability π; width of an arc: chance",
      fontSize: 13,
    },
    encoding: { x: axis("x", [-0.45, 2.45]), y: axis("y", [-1.1, 0.85]) },
    layer: [
      {
        data: { values: lines },
        mark: { type: "line" as const, color: GREY },
        encoding: {
          detail: { field: "arc" },
          order: { field: "order", type: "quantitative" as const },
          strokeWidth: width,
        },
      },
      ...[1, -1].map((sign) => ({
        data: { values: heads.filter((head) => head.sign === sign) },
        mark: {
          type: "point" as const,
          shape: "triangle",
          angle: sign > 0 ? 135 : 315,
          filled: true,
          color: GREY,
          size: 90,
          opacity: 1,
        },
      })),
      {
        data: { values: labels },
        mark: { type: "text" as const, fontSize: 12 },
        encoding: { text: { field: "label" } },
      },
      {
        data: { values: nodes },
        layer: [
          {
            mark: { type: "point" as const, filled: true, opacity: 1, shape: "circle" },
            encoding: {
              size: {
                field: "share",
                type: "quantitative" as const,
                scale: { domain: [0, 1], range: [60, 2600] },
                legend: null,
              },
              color: {
                field: "state",
                type: "nominal" as const,
                scale: { domain: STATES, range: [BLUE, VERMILION, GREEN] },
                legend: null,
              },
            },
          },
          {
            mark: { type: "text" as const, dx: -34, fontWeight: "bold" as const, fontSize: 14 },
            encoding: { text: { field: "state" } },
          },
          { mark: { type: "text" as const, dy: 58, fontSize: 11 }, encoding: { text: { field: "stationary" } } },
          { mark: { type: "text" as const, dy: 72, fontSize: 11 }, encoding: { text: { field: "stays" } } },
        ],
      },
    ],
  };
}

function quantitative(field: string, title: string, domain: readonly number[]) {
  return {
    field,
    type: "quantitative" as const,
    scale: { domain: [...domain] },
    axis: { title, gridColor: "#ececec" },
  };
}

const SHOWN = 600;

/** Random-walk Metropolis on the standard normal law, with steps of one size. */
export const metropolisSteps = figure(
  "A Metropolis walk on the normal law",
  {
    scale: {
      label: "standard deviation of the proposed step",
      options: ["0.1", "0.5", "2.4", "10", "40"],
      value: "0.1",
    },
    seed: { label: "seed", min: 0, max: 9, step: 1, value: 0 },
  },
  ({ scale, seed }): TopLevelSpec => {
    const s = Number(scale);
    const n = 8000;
    const draw = (x: number, { normal }: Random) => x + s * normal();
    const walk = metropolisHastingsSteps((x: number) => (-x * x) / 2, { proposal: { draw }, start: 3, seed });
    const steps = Array.from({ length: n }, () => walk.next().value);
    const states = steps.map(({ state }) => state);
    const accepted = Math.round((100 * steps.filter((step) => step.accepted).length) / (n - 1));
    const worth = Math.round(effectiveSampleSize([states]));
    const width = 0.25;
    const bars = Array.from({ length: 32 }, (_, i) => {
      const from = i * width - 4;
      const inside = states.filter((x) => x >= from && x < from + width).length;
      return { from, to: from + width, density: round(inside / n / width) };
    });
    const curve = Array.from({ length: 81 }, (_, i) => i / 10 - 4).map((x) => ({
      x: round(x),
      density: round(Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)),
    }));
    return {
      $schema: SCHEMA,
      description:
        `Random-walk Metropolis on N(0, 1) from 3 with steps of standard deviation ${scale}: it accepts ${accepted} % of the ` +
        `proposals, and its ${n} states are worth ${worth} independent draws. Left, the first ${SHOWN} states; right, the ` +
        `histogram of all with the target's density.`,
      spacing: 40,
      hconcat: [
        {
          width: 330,
          height: 200,
          title: { text: `First ${SHOWN} of ${n} states`, subtitle: `${accepted} % accepted`, fontSize: 13 },
          data: { values: states.slice(0, SHOWN).map((state, step) => ({ step, state: round(state) })) },
          mark: { type: "line", interpolate: "step-after", strokeWidth: 1, color: BLUE, clip: true },
          encoding: { x: quantitative("step", "step t", [0, SHOWN]), y: quantitative("state", "state x", [-4, 4]) },
        },
        {
          width: 170,
          height: 200,
          title: { text: "All states", subtitle: `worth ${worth} draws; line: target`, fontSize: 13 },
          layer: [
            {
              data: { values: bars },
              mark: { type: "bar", color: "#c9c9c9", stroke: "white", strokeWidth: 0.5 },
              encoding: {
                x: quantitative("from", "state x", [-4, 4]),
                x2: { field: "to" },
                y: quantitative("density", "density (per unit of x)", [0, 1]),
                y2: { datum: 0 },
              },
            },
            {
              data: { values: curve },
              mark: { type: "line", color: VERMILION, strokeWidth: 2 },
              encoding: { x: { field: "x", type: "quantitative" }, y: { field: "density", type: "quantitative" } },
            },
          ],
        },
      ],
    };
  },
);

export const figures = { threeStates, metropolisSteps };
