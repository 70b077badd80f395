/** The cliff: learned values and the greedy way beside what the agent collected while it learned. */
import type { TopLevelSpec } from "vega-lite";
import { type ControlAlgorithm, qLearning } from "../../demos/reinforcement-learning/q-learning.js";
import { cliffWalking } from "../../lib/environments.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, row } from "../../lib/matrix.js";

/** What an agent has learned on the cliff, and its returns in runs of ten episodes. */
export const cliffFigure = figure(
  "Learning beside a cliff",
  {
    algorithm: {
      label: "algorithm",
      options: ["q-learning", "sarsa", "expected-sarsa", "double-q-learning"],
      value: "q-learning",
    },
    episodes: { label: "episodes", min: 10, max: 1000, step: 10, value: 500 },
    epsilon: { label: "exploration ε", min: 0, max: 0.4, step: 0.02, value: 0.1 },
    alpha: { label: "step size α", min: 0.05, max: 1, step: 0.05, value: 0.5 },
  },
  ({ algorithm, episodes, epsilon, alpha }): TopLevelSpec => {
    const mdp = cliffWalking();
    const options = { algorithm: algorithm as ControlAlgorithm, episodes, epsilon, alpha, maxSteps: 1000 };
    const { Q, policy, returns } = qLearning(mdp, options);
    const way = [36];
    while (way.at(-1) !== 47 && way.length <= 60) {
      way.push(mdp.transitions(way.at(-1)!, policy[way.at(-1)!]!)[0]!.nextState);
    }
    const route = way.at(-1) === 47 ? `the greedy way takes ${way.length - 1} steps` : "the greedy way does not arrive";
    const isCliff = (s: number) => s > 36 && s < 47;
    const cells = Array.from({ length: 48 }, (_, s) => ({
      column: s % 12,
      row: Math.floor(s / 12),
      value: isCliff(s) ? -100 : Number(Math.max(...row(Q, s)).toFixed(2)),
      arrow: s === 47 ? "★" : isCliff(s) ? "" : "↑→↓←"[policy[s]!]!,
    }));
    const runs = Array.from({ length: episodes / 10 }, (_, i) => ({
      episode: 10 * (i + 1),
      reward: returns.slice(10 * i, 10 * (i + 1)).reduce((a, b) => a + b, 0) / 10,
    }));
    const lowest = Math.min(-150, ...runs.slice(runs.length / 4).map(({ reward }) => 1.05 * reward));
    const last = runs.slice(-10);
    const collected = formatNumber(last.reduce((sum, { reward }) => sum + reward, 0) / last.length, 3);
    const subtitle = `an episode lately collects ${collected}`;
    const x = { field: "column", type: "ordinal", axis: null } as const;
    const y = { field: "row", type: "ordinal", axis: null } as const;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      title: { text: `${algorithm}: ${route}`, subtitle, anchor: "start" },
      description:
        `A grid of 4×12 cells: start at the lower left, goal at the lower right, a cliff between them. After ${episodes} ` +
        `episodes with ε = ${epsilon} and α = ${alpha}, ${algorithm}: ${route}; ${subtitle}.`,
      vconcat: [
        {
          width: 500,
          height: 180,
          layer: [
            {
              data: { values: cells },
              mark: { type: "rect", stroke: "white" },
              encoding: {
                x,
                y,
                color: {
                  field: "value",
                  type: "quantitative",
                  scale: { scheme: "blues", domain: [-20, 0], clamp: true, reverse: true },
                  legend: { title: "max Q", gradientLength: 140 },
                },
              },
            },
            {
              data: { values: cells },
              mark: { type: "text", fontSize: 14, color: "#666666" },
              encoding: { x, y, text: { field: "arrow" } },
            },
            {
              data: { values: cells.filter((_, s) => way.includes(s)) },
              mark: { type: "text", fontSize: 26, fontWeight: "bold", color: "#D55E00" },
              encoding: { x, y, text: { field: "arrow" } },
            },
          ],
        },
        {
          width: 500,
          height: 140,
          data: { values: runs },
          mark: { type: "line", color: "#0072B2", clip: true, point: true },
          encoding: {
            x: { field: "episode", type: "quantitative", title: "episode" },
            y: { field: "reward", type: "quantitative", title: "return, mean of 10", scale: { domain: [lowest, 0] } },
          },
        },
      ],
    };
  },
);

export const figures = { cliffFigure };
