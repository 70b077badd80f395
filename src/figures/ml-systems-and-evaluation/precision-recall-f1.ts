/** Figure of precision, recall and F_β: all three against the threshold, on scores calibrated by construction. */
import type { TopLevelSpec } from "vega-lite";
import { fromCounts } from "../../demos/ml-systems-and-evaluation/precision-recall-f1.js";
import { figure } from "../../lib/figure.js";

/** Probabilities u^rarity, u uniform: the prevalence is 1/(1 + rarity). */
export const againstThreshold = figure(
  "Precision, recall and F against the threshold",
  {
    beta: { label: "β", min: 0.5, max: 4, step: 0.5, value: 1 },
    rarity: { label: "negatives per positive", min: 1, max: 20, step: 1, value: 1 },
  },
  ({ beta, rarity }): TopLevelSpec => {
    const p = Float64Array.from({ length: 2000 }, (_, i) => ((i + 0.5) / 2000) ** rarity);
    const rows = Array.from({ length: 99 }, (_, i) => (i + 1) / 100).map((threshold) => {
      const cells = { tp: 0, fn: 0, fp: 0 };
      for (const value of p) {
        if (value < threshold) cells.fn += value;
        else {
          cells.tp += value;
          cells.fp += 1 - value;
        }
      }
      return { threshold, ...fromCounts(cells, { beta }) };
    });
    const best = rows.reduce((a, b) => (b.fscore > a.fscore ? b : a));
    const values = rows.flatMap(({ threshold, precision, recall, fscore }) =>
      Object.entries({ precision, recall, F: fscore }).map(([metric, value]) => ({ threshold, metric, value })),
    );
    const found = `F with β = ${beta} is best, ${best.fscore.toFixed(3)}, at threshold ${best.threshold}`;
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description: `Precision, recall and F against the threshold, ${rarity} negatives per positive: ${found}.`,
      title: found,
      width: 460,
      height: 240,
      layer: [
        {
          data: { values },
          mark: { type: "line", strokeWidth: 2.5 },
          encoding: {
            x: { field: "threshold", type: "quantitative", title: "threshold on the probability" },
            y: { field: "value", type: "quantitative", title: "value (share)", scale: { domain: [0, 1] } },
            color: {
              field: "metric",
              type: "nominal",
              scale: { domain: ["precision", "recall", "F"], range: ["#0072B2", "#D55E00", "#333333"] },
              legend: { title: null, orient: "bottom" },
            },
          },
        },
        {
          data: { values: [{ threshold: best.threshold }] },
          mark: { type: "rule", strokeDash: [6, 3] },
          encoding: { x: { field: "threshold", type: "quantitative" } },
        },
      ],
    };
  },
);

export const figures = { againstThreshold };
