/** Figures of inference on chains: a trellis of sums or maxima, and a night at a dishonest casino. */
import type { TopLevelSpec } from "vega-lite";
import {
  forward,
  forwardBackward,
  posteriorDecode,
  viterbi,
  viterbiSteps,
} from "../../demos/probabilistic-models/forward-backward-and-viterbi.js";
import { simulateChain } from "../../demos/probability-and-statistics/markov-chains.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, matrix, row } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#8a8a8a"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
const round = (value: number) => Math.round(value * 10000) / 10000 + 0; // + 0 makes −0 a 0
const SYMPTOMS = ["normal", "cold", "dizzy"];
const STATES = ["Healthy", "Fever"];

/** Six days of a patient: every way through the two states, what each algorithm makes of them, and the posterior. */
export const feverTrellis = figure(
  "A trellis of two states",
  {
    semiring: { label: "sum or maximum over paths", options: ["sum", "max"], value: "sum" },
    third: { label: "third observation", options: SYMPTOMS, value: "dizzy" },
    stickiness: { label: "chance to stay, added", min: 0, max: 0.9, step: 0.1, value: 0 },
  },
  ({ semiring, third, stickiness }): TopLevelSpec => {
    const steps = [
      [0.7, 0.3],
      [0.4, 0.6],
    ];
    const model = {
      start: [0.6, 0.4],
      transition: matrix(steps.map((law, i) => law.map((p, j) => (1 - stickiness) * p + (i === j ? stickiness : 0)))),
      emission: matrix([
        [0.5, 0.4, 0.1],
        [0.1, 0.3, 0.6],
      ]),
    };
    const x = [0, 1, SYMPTOMS.indexOf(third), 0, 1, 0];
    const { gamma, xiSteps, logLikelihood } = forwardBackward(model, x, { steps: true });
    const { alpha } = forward(model, x);
    const { path, logProbability } = viterbi(model, x);
    const table = [...viterbiSteps(model, x)];
    const cells = x.flatMap((_, t) => [0, 1].map((i) => ({ t, i })));
    const edges = cells
      .filter(({ t }) => t > 0)
      .flatMap(({ t, i: j }) =>
        [0, 1].map((i) => {
          const weight = semiring === "sum" ? xiSteps![t - 1]!.get(i, j) : Number(table[t]!.backPointers[j] === i);
          const best = path[t - 1] === i && path[t] === j;
          return { t: t - 1, to: t, y: 1 - i, y2: 1 - j, weight: round(weight), kind: best ? "best path" : "other" };
        }),
      );
    const nodes = cells.map(({ t, i }) => ({
      t,
      y: 1 - i,
      weight: round(
        semiring === "sum" ? gamma.get(t, i) : Math.exp(table[t]!.scores[i]! - Math.max(...table[t]!.scores)),
      ),
      kind: path[t] === i ? "best path" : "other",
    }));
    const lines = x.flatMap((_, t) => [
      { t, kind: "filtered", probability: round(alpha.get(t, 1)) },
      { t, kind: "smoothed", probability: round(gamma.get(t, 1)) },
    ]);
    const day = {
      field: "t",
      type: "quantitative" as const,
      scale: { domain: [-0.3, 5.3], nice: false },
      axis: {
        title: "observation on day t",
        values: [0, 1, 2, 3, 4, 5],
        labelExpr: `[${x.map((symbol) => `"${SYMPTOMS[symbol]}"`).join(", ")}][datum.value]`,
        grid: false,
      },
    };
    const state = {
      field: "y",
      type: "quantitative" as const,
      scale: { domain: [-0.35, 1.35], nice: false },
      axis: {
        title: "state",
        values: [0, 1],
        labelExpr: `datum.value === 1 ? "${STATES[0]}" : "${STATES[1]}"`,
        grid: false,
      },
    };
    const colour = {
      field: "kind",
      type: "nominal" as const,
      scale: { domain: ["best path", "other"], range: [VERMILION, GREY] },
      legend: { title: null, orient: "right" as const, symbolType: "circle" },
    };
    const what =
      semiring === "sum"
        ? "width and area: posterior probability of the step and of the state"
        : "thick: the best way into each state; area: its best score, relative";
    return {
      $schema: SCHEMA,
      description:
        `Trellis of Healthy and Fever over six days (${x.map((symbol) => SYMPTOMS[symbol]).join(", ")}). The observations have ` +
        `probability ${significant(logLikelihood)}; the best path, ${Array.from(path, (i) => STATES[i]).join(", ")}, together with ` +
        `them ${significant(logProbability)}. Smoothed probability of Fever: ` +
        `${x.map((_, t) => formatNumber(round(gamma.get(t, 1)), 2)).join(", ")}; filtered: ` +
        `${x.map((_, t) => formatNumber(round(alpha.get(t, 1)), 2)).join(", ")}.`,
      resolve: { scale: { color: "independent" } },
      vconcat: [
        {
          width: 480,
          height: 150,
          title: {
            text: `Trellis, ${semiring === "sum" ? "sums" : "maxima"} over paths`,
            subtitle: what,
            fontSize: 13,
          },
          layer: [
            {
              data: { values: edges },
              mark: { type: "rule" },
              encoding: {
                x: day,
                x2: { field: "to" },
                y: state,
                y2: { field: "y2" },
                color: colour,
                strokeWidth: {
                  field: "weight",
                  type: "quantitative",
                  scale: { domain: [0, 1], range: [0.6, 9] },
                  legend: null,
                },
              },
            },
            {
              data: { values: nodes },
              mark: { type: "point", filled: true, opacity: 1, shape: "circle", stroke: "white" },
              encoding: {
                x: day,
                y: state,
                color: colour,
                size: {
                  field: "weight",
                  type: "quantitative",
                  scale: { domain: [0, 1], range: [30, 700] },
                  legend: null,
                },
              },
            },
          ],
        },
        {
          width: 480,
          height: 130,
          title: {
            text: "Probability of Fever",
            subtitle: "filtered: given the days so far; smoothed: given all",
            fontSize: 13,
          },
          data: { values: lines },
          mark: { type: "line", point: { size: 45 } },
          encoding: {
            x: day,
            y: {
              field: "probability",
              type: "quantitative",
              scale: { domain: [0, 1] },
              axis: { title: "probability", gridColor: "#ececec" },
            },
            color: {
              field: "kind",
              type: "nominal",
              scale: { domain: ["filtered", "smoothed"], range: [GREY, BLUE] },
              legend: { title: null, orient: "right" },
            },
          },
        },
      ],
    };
  },
);

const significant = (log: number) => formatNumber(Number(Math.exp(log).toPrecision(3)), 3);

const NIGHT = 300;

/** 300 rolls of a casino that exchanges its die now and then: what was, and what each decoder makes of the rolls. */
export const casinoNight = figure(
  "A night at the dishonest casino",
  {
    seed: { label: "night", min: 0, max: 9, step: 1, value: 2 },
    six: { label: "chance of a six with the loaded die", min: 0.2, max: 0.9, step: 0.1, value: 0.5 },
  },
  ({ seed, six }): TopLevelSpec => {
    const casino = {
      start: [0.5, 0.5],
      transition: matrix([
        [0.95, 0.05],
        [0.1, 0.9],
      ]),
      emission: matrix([Array(6).fill(1 / 6), [...Array(5).fill((1 - six) / 5), six]]),
    };
    const states = simulateChain(casino.transition, NIGHT, { seed });
    const { categorical } = random(seed + 1000);
    const x = states.map((state) => categorical(row(casino.emission, state)));
    const { gamma } = forwardBackward(casino, x);
    const { alpha } = forward(casino, x);
    const decoded = posteriorDecode(casino, x).path;
    const best = viterbi(casino, x).path;
    const rows: [string, ArrayLike<number>][] = [
      ["true die", states],
      ["Viterbi", best],
      ["posterior", decoded],
    ];
    const right = (path: ArrayLike<number>) => states.filter((state, t) => state === path[t]).length;
    const spells = rows.flatMap(([kind, path]) => spellsOf(path).map((spell) => ({ kind, ...spell })));
    const lines = Array.from(x, (_, t) => [
      { t, kind: "filtered", probability: round(alpha.get(t, 1)) },
      { t, kind: "smoothed", probability: round(gamma.get(t, 1)) },
    ]).flat();
    const sixes = Array.from(x.keys()).filter((t) => x[t] === 5);
    const roll = {
      field: "t",
      type: "quantitative" as const,
      scale: { domain: [0, NIGHT] },
      axis: { title: "roll t", grid: false },
    };
    return {
      $schema: SCHEMA,
      description:
        `${NIGHT} rolls, ${sixes.length} of them sixes; the loaded die, with sixes at ${formatNumber(six)}, is in play for ` +
        `${states.filter((state) => state === 1).length}. Viterbi's path is right at ${right(best)} of ${NIGHT} rolls, the ` +
        `posterior's at ${right(decoded)}; the path changes the die ${spellsOf(best).length} times into loaded, the truth ` +
        `${spellsOf(states).length} times.`,
      vconcat: [
        {
          width: 540,
          height: 90,
          title: {
            text: "Rolls with the loaded die",
            subtitle: `right: Viterbi ${right(best)}, posterior ${right(decoded)} of ${NIGHT}`,
            fontSize: 13,
          },
          data: { values: spells },
          mark: { type: "bar", height: 16 },
          encoding: {
            x: { ...roll, field: "from", axis: null },
            x2: { field: "to" },
            y: { field: "kind", type: "nominal", sort: rows.map(([kind]) => kind), axis: { title: null } },
            color: {
              field: "kind",
              type: "nominal",
              scale: { domain: rows.map(([kind]) => kind), range: ["#000000", VERMILION, BLUE] },
              legend: null,
            },
          },
        },
        {
          width: 540,
          height: 150,
          title: { text: "Probability of the loaded die", subtitle: "ticks at the top: sixes", fontSize: 13 },
          layer: [
            {
              data: { values: lines },
              mark: { type: "line", strokeWidth: 1.3 },
              encoding: {
                x: roll,
                y: {
                  field: "probability",
                  type: "quantitative",
                  scale: { domain: [0, 1.1], nice: false },
                  axis: { title: "probability", values: [0, 0.25, 0.5, 0.75, 1], gridColor: "#ececec" },
                },
                color: {
                  field: "kind",
                  type: "nominal",
                  scale: { domain: ["filtered", "smoothed"], range: ["#b9b9b9", BLUE] },
                  legend: { title: null, orient: "bottom" },
                },
              },
            },
            {
              data: { values: sixes.map((t) => ({ t, probability: 1.06 })) },
              mark: { type: "tick", color: "#000000", orient: "vertical", size: 9, thickness: 1 },
              encoding: { x: roll, y: { field: "probability", type: "quantitative" } },
            },
          ],
        },
      ],
      resolve: { scale: { color: "independent" } },
    };
  },
);

/** Runs of state 1: from the first roll to the one after the last. */
function spellsOf(path: ArrayLike<number>): { from: number; to: number }[] {
  const states = Array.from(path);
  return states.flatMap((state, t) => {
    if (state !== 1 || states[t - 1] === 1) return [];
    const end = states.findIndex((later, s) => s > t && later !== 1);
    return [{ from: t, to: end < 0 ? states.length : end }];
  });
}

export const figures = { feverTrellis, casinoNight };
