/** Figures of diffusion: particles on their way from noise to data over the density they should have, and what schedules leave. */
import type { TopLevelSpec } from "vega-lite";
import {
  exactDenoiser,
  type Mixture,
  mixtureQuality,
  mixtureScore,
  noiseSchedule,
  ringMixture,
  sampleSteps,
} from "../../demos/generative-models/diffusion-models.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, matrix, matrixOver, toRows } from "../../lib/matrix.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#444444"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";

/** Points at a step of sampling with the exact score, over the density of data with that much noise, and its slope. */
export const particles = figure(
  "Particles on their way from noise to the ring",
  {
    done: { label: "steps done (%)", min: 0, max: 100, step: 5, value: 60 },
    steps: { label: "steps in all", min: 5, max: 60, step: 5, value: 40 },
    sampler: { label: "sampler", options: ["ddpm", "ddim"], value: "ddpm" },
    guidance: { label: "guidance w towards the right half", min: 0, max: 5, step: 0.5, value: 0 },
  },
  ({ done, steps, sampler, guidance }): TopLevelSpec => {
    const schedule = noiseSchedule("cosine", steps);
    const ring = ringMixture();
    const right: Mixture = {
      weights: [1 / 3, 1 / 3, 1 / 3],
      means: matrix([0, 1, 7].map((k) => toRows(ring.means)[k]!)),
      variance: ring.variance,
    };
    const unconditional = exactDenoiser(ring, schedule);
    const states = sampleSteps(guidance > 0 ? exactDenoiser(right, schedule) : unconditional, {
      schedule,
      n: 250,
      sampler: sampler as "ddpm" | "ddim",
      seed: 1,
      ...(guidance > 0 ? { guidance: { weight: guidance, unconditional } } : {}),
    });
    const wanted = Math.round((done / 100) * steps);
    let [state, i] = [states.next().value!, 0];
    while (i < wanted) [state, i] = [states.next().value!, i + 1];
    const { t, x } = state;
    const alphaBar = schedule.alphaBar[t]!;
    const target = guidance > 0 ? right : ring;
    const { highQuality, covered } = mixtureQuality(target, x);

    const side = 40;
    const ticks = Array.from({ length: side }, (_, k) => -2.4 + ((k + 0.5) * 4.8) / side);
    const grid = matrixOver(Float64Array.from(ticks.flatMap((b) => ticks.flatMap((a) => [a, b]))), side * side, 2);
    const { logDensity } = mixtureScore(target, grid, alphaBar);
    const half = 2.4 / side;
    const visible = Math.max(...logDensity) + Math.log(0.001); // what is fainter is white anyway
    const density = Array.from(logDensity, (log, k) => ({
      a: round(grid.get(k, 0) - half),
      a2: round(grid.get(k, 0) + half),
      b: round(grid.get(k, 1) - half),
      b2: round(grid.get(k, 1) + half),
      p: round(Math.exp(log)),
    })).filter((_, k) => logDensity[k]! > visible);
    const coarse = ticks.filter((_, k) => k % 4 === 2);
    const places = matrix(coarse.flatMap((b) => coarse.map((a) => [a, b])));
    const { score } = mixtureScore(target, places, alphaBar);
    const arrows = toRows(places).map(([a, b], k) => {
      const [u, v] = [score.get(k, 0), score.get(k, 1)];
      const scale = 0.2 / Math.max(1, Math.hypot(u, v));
      const angle = round(90 - (Math.atan2(v, u) * 180) / Math.PI); // clockwise from up
      return { a: round(a!), b: round(b!), a2: round(a! + scale * u), b2: round(b! + scale * v), angle };
    });
    const points = toRows(x)
      .filter((row) => row.every((value) => Math.abs(value) <= 2.4))
      .map(([a, b]) => ({ a: round(a!), b: round(b!) }));
    const axis = (field: string, title: string) => ({
      field,
      type: "quantitative" as const,
      scale: { domain: [-2.4, 2.4], nice: false },
      axis: { title, grid: false, tickCount: 5 },
    });
    const quality = `${formatNumber(100 * highQuality, 3)} % within 4σ of a centre, ${covered} of ${target.weights.length} covered`;
    return {
      $schema: SCHEMA,
      width: 360,
      height: 360,
      title: {
        text: `${sampler}, step ${wanted} of ${steps}: ${formatNumber(100 * alphaBar, 3)} % of the variance is signal`,
        subtitle: quality,
        fontSize: 13,
      },
      description:
        `250 points after ${wanted} of ${steps} ${sampler} steps with the exact score` +
        `${guidance > 0 ? ` and guidance ${guidance} towards the three centres on the right` : ""}, over the density of data ` +
        `whose variance is ${formatNumber(100 * alphaBar, 3)} % signal, with arrows along its score: ${quality}; ` +
        `${x.shape[0]! - points.length} of the points lie outside the picture.`,
      layer: [
        {
          data: { values: density },
          mark: { type: "rect" },
          encoding: {
            x: { ...axis("a", "first coordinate") },
            x2: { field: "a2" },
            y: { ...axis("b", "second coordinate") },
            y2: { field: "b2" },
            color: {
              field: "p",
              type: "quantitative",
              scale: { type: "sqrt", domainMin: 0, range: ["#ffffff", BLUE], interpolate: "rgb" },
              legend: { title: "density" },
            },
          },
        },
        {
          data: { values: arrows },
          mark: { type: "rule", color: GREY, clip: true },
          encoding: {
            x: axis("a", "first coordinate"),
            y: axis("b", "second coordinate"),
            x2: { field: "a2" },
            y2: { field: "b2" },
          },
        },
        {
          data: { values: arrows },
          mark: { type: "point", shape: "triangle-up", filled: true, size: 22, opacity: 1, color: GREY, clip: true },
          encoding: {
            x: axis("a2", "first coordinate"),
            y: axis("b2", "second coordinate"),
            angle: { field: "angle", type: "quantitative", scale: null },
          },
        },
        {
          data: { values: points },
          mark: { type: "point", filled: true, size: 14, opacity: 0.8, color: VERMILION },
          encoding: { x: axis("a", "first coordinate"), y: axis("b", "second coordinate") },
        },
      ],
    };
  },
);

/** The share of signal at each step, for both schedules. */
export const schedules = figure(
  "Signal left at each step",
  {
    steps: { label: "steps", min: 25, max: 1000, step: 25, value: 1000 },
    offset: { label: "offset of the cosine", min: 0, max: 0.1, step: 0.004, value: 0.008 },
  },
  ({ steps, offset }): TopLevelSpec => {
    const both = {
      linear: noiseSchedule("linear", steps),
      cosine: noiseSchedule("cosine", steps, { offset }),
    };
    const every = Math.max(1, Math.floor(steps / 200));
    const values = Object.entries(both).flatMap(([schedule, { alphaBar }]) =>
      Array.from(alphaBar, (a, t) => ({ schedule, t, amplitude: round(Math.sqrt(a)) })).filter(
        ({ t }) => t % every === 0 || t === steps,
      ),
    );
    const [linear, cosine] = Object.values(both).map(({ alphaBar }) => Math.sqrt(alphaBar[steps]!)) as [number, number];
    return {
      $schema: SCHEMA,
      width: 440,
      height: 240,
      title: {
        text: `Amplitude of the signal over ${steps} steps`,
        subtitle: `at the end: linear ${formatNumber(linear, 3)}, cosine ${formatNumber(cosine, 3)}`,
        fontSize: 13,
      },
      description:
        `Amplitude of the signal, the root of ᾱ, against the step for ${steps} steps: the linear schedule falls early and ends at ` +
        `${formatNumber(linear, 3)}, the cosine schedule falls evenly and ends at ${formatNumber(cosine, 3)}.`,
      data: { values },
      mark: { type: "line", strokeWidth: 2 },
      encoding: {
        x: { field: "t", type: "quantitative", scale: { nice: false }, axis: { title: "step t", grid: false } },
        y: { field: "amplitude", type: "quantitative", axis: { title: "√ᾱ, amplitude of the signal" } },
        color: {
          field: "schedule",
          type: "nominal",
          scale: { domain: ["linear", "cosine"], range: [VERMILION, BLUE] },
          legend: { title: null, orient: "top-right" },
        },
      },
    };
  },
);

const round = (x: number) => Number(x.toPrecision(4));

export const figures = { particles, schedules };
