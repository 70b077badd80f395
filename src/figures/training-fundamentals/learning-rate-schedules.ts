/** What a schedule does to the expected loss, where warmup saves a run, and what a range test sees: all without sampling. */
import type { TopLevelSpec } from "vega-lite";
import {
  lrRangeTest,
  type NoisyQuadraticState,
  noisyQuadraticSteps,
  RIVER,
  type ScheduleKind,
  schedule,
  TWO_SCALE,
} from "../../demos/training-fundamentals/learning-rate-schedules.js";
import { sgdMomentumSteps } from "../../demos/training-fundamentals/sgd-with-momentum.js";
import { figure } from "../../lib/figure.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
// Okabe and Ito's colours, told apart by colour-blind readers; dashes tell them apart in print.
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#555555"];
const WIDTH = 560;

/** Every n-th of at most about 200 points, and the last. */
function thinned<T>(points: readonly T[]): T[] {
  const every = Math.max(1, Math.floor(points.length / 200));
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

/** Three digits, with a true minus sign. */
function round(value: number): string {
  const size = Math.abs(value);
  const text =
    value !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
  return text.replaceAll("-", "−");
}

/** Learning rate above, expected loss of a steep and of a flat direction below, over 1000 steps. */
export const scheduleFigure = figure(
  "Schedule and exact expected loss, direction by direction",
  {
    kind: {
      label: "schedule",
      options: ["constant", "linear", "cosine", "polynomial", "inverse-sqrt", "step", "sgdr", "one-cycle"],
      value: "cosine",
    },
    problem: { label: "problem", options: ["two scales", "river"], value: "two scales" },
    warmup: { label: "warmup steps", min: 2, max: 300, step: 1, value: 20 },
    peak: { label: "peak rate", min: 0.05, max: 1.9, step: 0.05, value: 0.5 },
    horizon: { label: "planned steps", min: 500, max: 2000, step: 100, value: 1000 },
  },
  ({ kind, problem, warmup, peak, horizon }): TopLevelSpec => {
    const quadratic = problem === "river" ? RIVER : TWO_SCALE;
    const options = { peak, totalSteps: horizon, warmupSteps: warmup, clamp: true, period: 100 };
    const lr = schedule(kind as ScheduleKind, options);
    const states = [...noisyQuadraticSteps(lr, quadratic)];
    const last = states.at(-1)!;
    const [steep, flat] = quadratic.curvatures.map((curvature) => `λ = ${curvature}`) as [string, string];
    const values = thinned(states).flatMap(({ t, loss, perDirection }) => [
      { t, part: steep, loss: perDirection[0]! },
      { t, part: flat, loss: perDirection[1]! },
      { t, part: "both", loss },
    ]);
    const rates = states.slice(1).map((state) => ({ t: state.t - 1, lr: Number(state.lr.toPrecision(4)) }));
    const x = (title: string | null) => ({
      field: "t",
      type: "quantitative" as const,
      scale: { domain: [0, quadratic.steps] },
      axis: { title, tickCount: 10 },
    });
    const title = `After ${quadratic.steps} steps: expected loss ${round(last.loss)}`;
    return {
      $schema: SCHEMA,
      title: {
        text: title,
        subtitle: `${kind} on ${problem}: ${round(last.perDirection[0]!)} at ${steep}, ${round(last.perDirection[1]!)} at ${flat}`,
        anchor: "start",
      },
      description:
        `Learning rate and expected loss over ${quadratic.steps} steps; schedule ${kind}, peak ${peak}, warmup ${warmup}, ` +
        `planned for ${horizon} steps. The loss falls from ${round(states[0]!.loss)} to ${round(last.loss)}: ` +
        `${round(last.perDirection[0]!)} at ${steep} and ${round(last.perDirection[1]!)} at ${flat}.`,
      vconcat: [
        {
          width: WIDTH,
          height: 90,
          data: { values: rates },
          mark: { type: "line", color: GREY, strokeWidth: 2, interpolate: "step-after" },
          encoding: {
            x: x(null),
            y: { field: "lr", type: "quantitative", axis: { title: "learning rate η", tickCount: 4 } },
          },
        },
        {
          width: WIDTH,
          height: 230,
          data: { values },
          mark: { type: "line", strokeWidth: 2.5, clip: true },
          encoding: {
            x: x("step t"),
            y: {
              field: "loss",
              type: "quantitative",
              scale: { type: "log", domain: [1e-4, Math.max(2, 2 * Math.max(...states.map(({ loss }) => loss)))] },
              axis: { title: "expected loss", format: "~g", tickCount: 6 },
            },
            color: {
              field: "part",
              type: "nominal",
              scale: { domain: [steep, flat, "both"], range: [VERMILION, BLUE, GREY] },
              legend: { title: "direction", orient: "bottom", symbolType: "stroke", symbolSize: 400 },
            },
            strokeDash: {
              field: "part",
              type: "nominal",
              scale: {
                domain: [steep, flat, "both"],
                range: [
                  [6, 3],
                  [1, 0],
                  [2, 2],
                ],
              },
            },
          },
        },
      ],
    };
  },
);

/** x⁴/4 + x²/2: the rate of each step against the largest that its curvature allows, 2/f″. */
export const warmupFigure = figure(
  "Warmup on a function that is steep at first",
  {
    peak: { label: "peak rate", min: 0.05, max: 0.6, step: 0.05, value: 0.3 },
    warmup: { label: "warmup steps", min: 0, max: 20, step: 1, value: 10 },
    x0: { label: "start x₀", min: 1, max: 5, step: 0.1, value: 3 },
  },
  ({ peak, warmup, x0 }): TopLevelSpec => {
    const run = (warmupSteps: number, who: string) => {
      const lr = schedule("constant", { peak, warmupSteps });
      const gradient = ([x]: Float64Array) => [x! ** 3 + x!];
      const states = [...sgdMomentumSteps(gradient, [x0], { lr, momentum: 0, steps: 25 })].filter(
        ({ x }) => Math.abs(x[0]!) < 1e3,
      );
      const values = states.map(({ t, x }) => ({
        t,
        who,
        lr: lr(t),
        limit: 2 / (3 * x[0]! ** 2 + 1),
        size: Math.max(1e-4, Math.abs(x[0]!)),
      }));
      return { values, diverged: states.length < 26 };
    };
    const [cold, warm] = [run(0, "without"), run(warmup, "with warmup")];
    const said = ({ diverged }: { diverged: boolean }) => (diverged ? "diverges" : "converges");
    const title = `x₀ = ${x0}, η = ${peak}: ${said(cold)} without warmup, ${said(warm)} with ${warmup} steps`;
    const x = {
      field: "t",
      type: "quantitative" as const,
      scale: { domain: [0, 25] },
      axis: { title: "step t", tickCount: 6 },
    };
    const scale = { domain: ["without", "with warmup"], range: [VERMILION, BLUE] };
    const color = {
      field: "who",
      type: "nominal" as const,
      scale,
      legend: { title: null, orient: "bottom" as const, symbolType: "stroke", symbolSize: 400 },
    };
    const log = (domain: [number, number], title: string) => ({
      type: "quantitative" as const,
      scale: { type: "log" as const, domain },
      axis: { title, format: "~g", tickCount: 5 },
    });
    return {
      $schema: SCHEMA,
      title: { text: title, subtitle: "dashed on the left: the limit 2/f″(x) where the run stands", anchor: "start" },
      description:
        `Gradient descent on x⁴/4 + x²/2. ${title}. At the start f″ is ${round(3 * x0 ** 2 + 1)}, so that ` +
        `rates up to ${round(2 / (3 * x0 ** 2 + 1))} are stable there.`,
      data: { values: [...cold.values, ...warm.values] },
      hconcat: [
        {
          width: 268,
          height: 220,
          layer: [
            {
              mark: { type: "line", strokeWidth: 2.5, clip: true },
              encoding: { x, y: { field: "lr", ...log([1e-4, 3], "rate η, and its limit") }, color },
            },
            {
              mark: { type: "line", strokeDash: [5, 3], strokeWidth: 1.5, clip: true },
              encoding: { x, y: { field: "limit", ...log([1e-4, 3], "rate η, and its limit") }, color },
            },
          ],
        },
        {
          width: 268,
          height: 220,
          mark: { type: "line", strokeWidth: 2.5, point: { size: 25 }, clip: true },
          encoding: { x, y: { field: "size", ...log([1e-4, 1e3], "distance |x| to the minimum") }, color },
        },
      ],
      spacing: 25,
    };
  },
);

/** The loss of a noisy quadratic while the rate rises tenfold again and again. */
export const rangeTestFigure = figure(
  "Range test on a quadratic whose largest curvature is known",
  {
    curvature: { label: "largest curvature λ", min: 0.5, max: 20, step: 0.5, value: 4 },
    steps: { label: "steps from 0.001 to 100", min: 20, max: 400, step: 10, value: 100 },
    noise: { label: "noise variance σ²", min: 0, max: 4, step: 0.1, value: 1 },
  },
  ({ curvature, steps, noise }): TopLevelSpec => {
    const problem = { curvatures: [curvature, curvature / 20], noise: [noise, noise / 20], x0: [1, 5], steps };
    const range = { minLr: 1e-3, maxLr: 100, steps };
    const rising = (t: number) => 1e-3 * 1e5 ** (t / (steps - 1));
    const states = noisyQuadraticSteps(rising, problem);
    const next = () => (states.next().value as NoisyQuadraticState | undefined)?.loss ?? Infinity;
    const { lrs, losses, lowestAt, blowUpAt } = lrRangeTest(next, range);
    const values = Array.from(lrs, (lr, i) => ({ lr, loss: losses[i]! })).filter(({ loss }) => loss < Infinity);
    const limit = 2 / curvature;
    const title = `Loss at 4 times its lowest: η = ${round(blowUpAt ?? Number.NaN)}; limit 2/λ = ${round(limit)}`;
    const x = {
      field: "lr",
      type: "quantitative" as const,
      scale: { type: "log" as const, domain: [1e-3, 100] },
      axis: { title: "learning rate η", format: "~g", tickCount: 6 },
    };
    return {
      $schema: SCHEMA,
      title: { text: title, subtitle: `lowest expected loss at η = ${round(lowestAt)}`, anchor: "start" },
      description:
        `Expected loss of a quadratic with largest curvature ${curvature} during a run whose rate rises from 0.001 to 100 ` +
        `in ${steps} steps. ${title}. The loss is lowest at ${round(lowestAt)}.`,
      width: WIDTH,
      height: 220,
      layer: [
        {
          data: { values },
          mark: { type: "line", strokeWidth: 2.5, color: BLUE, clip: true },
          encoding: {
            x,
            y: {
              field: "loss",
              type: "quantitative",
              scale: { type: "log" },
              axis: { title: "expected loss", format: "~g", tickCount: 5 },
            },
          },
        },
        {
          data: { values: [{ lr: limit }] },
          mark: { type: "rule", color: VERMILION, strokeDash: [5, 3], strokeWidth: 2 },
          encoding: { x },
        },
        {
          data: { values: [{ lr: limit, text: "2/λ" }] },
          mark: { type: "text", align: "left", dx: 5, color: VERMILION, fontSize: 12 },
          encoding: { x, y: { value: 10 }, text: { field: "text" } },
        },
      ],
    };
  },
);

export const figures = { scheduleFigure, warmupFigure, rangeTestFigure };
