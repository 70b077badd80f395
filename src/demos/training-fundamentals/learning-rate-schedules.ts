/**
 * Learning-rate schedules, the rate of gradient descent as a function of the step, and what they do: exactly, on a quadratic
 * with noisy gradients, where the expected loss of every step has a closed recursion.
 *
 * Follows Zhang et al., "Which Algorithmic Choices Matter at Which Batch Sizes? Insights From a Noisy Quadratic Model", 2019.
 * https://arxiv.org/abs/1907.04164
 * Follows Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017. https://arxiv.org/abs/1608.03983
 * Follows Smith, "Cyclical Learning Rates for Training Neural Networks", 2017. https://arxiv.org/abs/1506.01186 (range test)
 * Follows Gilmer et al., "A Loss Curvature Perspective on Training Instabilities of Deep Learning Models", 2022.
 * https://arxiv.org/abs/2110.04369 (sharpness as the limit of the rate)
 * Follows Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020. https://arxiv.org/abs/1908.03265
 * But:
 * - Steps are counted, never epochs: a schedule is a function of the step t = 0, 1, … and has no state.
 * - The quadratic is diagonal, its noise independent in every step and direction, of a variance that does not change.
 * - The range test takes the rate of the blow-up and of the lowest loss; it does not smooth, and recommends nothing.
 * - Sharpness is found by power iteration, which is slow where the two largest curvatures are close; no Lanczos.
 * - No schedule looks at the loss: reductions on a plateau are left out.
 */
import { checkChoice, checkInteger, checkNumber, checkVector } from "../../lib/check.js";
import { norm } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

/** Learning rate of the step t = 0, 1, … */
export type Schedule = (t: number) => number;

/** The shapes that `schedule` knows. */
export type ScheduleKind = (typeof KINDS)[number];

const KINDS = ["constant", "linear", "cosine", "polynomial", "inverse-sqrt", "step", "sgdr", "one-cycle"] as const;
const OPEN_ENDED: readonly ScheduleKind[] = ["constant", "inverse-sqrt", "sgdr", "step"];

/** What makes a schedule of a shape. */
export interface ScheduleOptions {
  /** the largest rate, at least 0 */
  readonly peak: number;
  /** T, number of steps; without end by default, but 'linear', 'cosine', 'polynomial' and 'one-cycle' need it */
  readonly totalSteps?: number;
  /** W < T: step t < W has peak·(t + 1)/W; default 0, and T·3/10, rounded, at least 2, in 'one-cycle' */
  readonly warmupSteps?: number;
  /** in [0, peak]: where the decay leads to, or what it does not go below; default 0, and peak/250000 in 'one-cycle' */
  readonly minLr?: number;
  /** 'polynomial': exponent of what is left of the way, greater than 0; default 2 */
  readonly power?: number;
  /** 'step': steps t from which on the rate is multiplied by `factor`, rising; default ⌊T/2⌋ and ⌊3T/4⌋ */
  readonly milestones?: readonly number[];
  /** 'step': in (0, 1], default 0.1 */
  readonly factor?: number;
  /** 'sgdr': steps of the first cosine after the warmup; default 10 */
  readonly period?: number;
  /** 'sgdr': each cosine is this many times as long as the one before; an integer, default 2 */
  readonly periodFactor?: number;
  /** 'one-cycle': rate of step 0, in [0, peak]; default peak/25 */
  readonly startLr?: number;
  /** a step beyond the last gets the rate of the last, instead of an error; default false */
  readonly clamp?: boolean;
}

/**
 * The learning rate as a function of the step: a linear warmup, then the shape.
 *
 * With D = T − W steps after the warmup, step t = W + i has minLr + (peak − minLr)·f(i/D), where f(u) is 1 − u ('linear'),
 * (1 + cos πu)/2 ('cosine') or (1 − u)^power ('polynomial'); 'inverse-sqrt' has peak·√(W/(t + 1)). The last step used is
 * i = D − 1: minLr itself comes one step later. 'one-cycle' is PyTorch's: cosines from startLr to peak at step W − 1 and on to
 * minLr at step T − 1.
 *
 * @param kind the shape
 * @returns a pure function of the step
 * @throws {RangeError} an option outside its range, a horizon that is missing; the function itself, if t is no integer in
 *   [0, T)
 * @example
 * const lr = schedule("linear", { peak: 0.6, totalSteps: 6, warmupSteps: 3 });
 * [0, 1, 2, 3, 4, 5].map(lr) // [0.2, 0.4, 0.6, 0.6, 0.4, 0.2]
 */
export function schedule(kind: ScheduleKind, options: ScheduleOptions): Schedule {
  const settings = checkSchedule(kind, options);
  const { peak, T, W, startLr } = settings;
  const after = CURVES[kind](settings);
  const last = options.clamp ? Number.MAX_SAFE_INTEGER : T - 1;
  const ramp = kind === "one-cycle" ? (t: number) => blend(startLr, peak, rise(t / (W - 1))) : undefined;
  return (step) => {
    const t = Math.min(checkInteger("schedule", "t", step, 0, last), T - 1);
    if (t >= W) return after(t);
    return ramp ? ramp(t) : (peak * (t + 1)) / W; // (1)
  };
}

/** Options of `schedule` with their defaults, checked. */
interface Settings extends Required<Omit<ScheduleOptions, "totalSteps" | "warmupSteps" | "clamp">> {
  readonly T: number;
  readonly W: number;
}

/** Rate of a step t ≥ W. */
const CURVES: Readonly<Record<ScheduleKind, (settings: Settings) => Schedule>> = {
  constant:
    ({ peak }) =>
    () =>
      peak,
  linear: (s) => decay(s, (u) => 1 - u), // (2)
  cosine: (s) => decay(s, (u) => rise(1 - u)), // (3)
  polynomial: (s) => decay(s, (u) => (1 - u) ** s.power),
  "inverse-sqrt":
    ({ peak, minLr, W }) =>
    (t) =>
      Math.max(minLr, peak * Math.sqrt(Math.max(W, 1) / (t + 1))), // (4)
  step:
    ({ peak, minLr, milestones, factor }) =>
    (t) =>
      Math.max(minLr, peak * factor ** milestones.filter((from) => from <= t).length),
  sgdr:
    ({ peak, minLr, W, period, periodFactor }) =>
    (t) => {
      let [i, length] = [t - W, period];
      if (periodFactor === 1) i %= period;
      for (; i >= length; length *= periodFactor) i -= length;
      return blend(minLr, peak, rise(1 - i / length));
    },
  "one-cycle":
    ({ peak, minLr, T, W }) =>
    (t) =>
      blend(minLr, peak, rise((T - 1 - t) / (T - W))),
};

/** minLr + (peak − minLr)·f(i/D) for the D steps after the warmup. */
function decay({ peak, minLr, T, W }: Settings, f: (u: number) => number): Schedule {
  return (t) => blend(minLr, peak, f((t - W) / (T - W)));
}

/** (1 − cos πu)/2, from 0 at u = 0 to 1 at u = 1; the squared sine keeps the digits near 0 that 1 − cos would lose. */
const rise = (u: number) => Math.sin((Math.PI / 2) * u) ** 2;

/** low at f = 0 and high at f = 1, both to the bit. */
const blend = (low: number, high: number, f: number) => low * (1 - f) + high * f;

function checkSchedule(kind: ScheduleKind, options: ScheduleOptions): Settings {
  const caller = "schedule";
  checkChoice(caller, "kind", kind, KINDS);
  const { totalSteps = OPEN_ENDED.includes(kind) ? Number.MAX_SAFE_INTEGER : Number.NaN } = options;
  const T = checkInteger(caller, "totalSteps", totalSteps, 1);
  const oneCycle = kind === "one-cycle";
  const { warmupSteps = oneCycle ? Math.max(2, Math.round(0.3 * T)) : 0 } = options;
  const W = checkInteger(caller, "warmupSteps", warmupSteps, oneCycle ? 2 : 0, T - 1);
  const peak = checkNumber(caller, "peak", options.peak, { min: 0 });
  const { minLr = oneCycle ? peak / 250_000 : 0, startLr = peak / 25, power = 2, factor = 0.1 } = options;
  checkNumber(caller, "minLr", minLr, { min: 0, max: peak });
  checkNumber(caller, "startLr", startLr, { min: 0, max: peak });
  checkNumber(caller, "power", power, { above: 0 });
  checkNumber(caller, "factor", factor, { above: 0, max: 1 });
  const { period = 10, periodFactor = 2 } = options;
  checkInteger(caller, "period", period, 1);
  checkInteger(caller, "periodFactor", periodFactor, 1);
  const milestones = [...(options.milestones ?? [Math.floor(T / 2), Math.floor((3 * T) / 4)])];
  if (kind === "step" && options.milestones === undefined && options.totalSteps === undefined) {
    throw new RangeError(`${caller}: milestones or totalSteps must be given, got neither`);
  }
  milestones.forEach(
    (step, k) => void checkInteger(caller, `milestones[${k}]`, step, k === 0 ? 0 : milestones[k - 1]!),
  );
  return { peak, T, W, minLr, startLr, power, factor, period, periodFactor, milestones };
}

/** A quadratic ½ Σ λᵢxᵢ² whose gradient is measured with noise. */
export interface NoisyQuadratic {
  /** λᵢ ≥ 0, one for each of d directions */
  readonly curvatures: ArrayLike<number>;
  /** σᵢ² ≥ 0, variance of the noise of the gradient in each direction */
  readonly noise: ArrayLike<number>;
  /** xᵢ before the first step */
  readonly x0: ArrayLike<number>;
  /** T, number of steps */
  readonly steps: number;
}

/** Two directions a hundred times apart in curvature, noise in proportion: many schedules differ on it. `peak` is the usual rate. */
export const TWO_SCALE = {
  curvatures: [1, 0.01],
  noise: [1, 0.01],
  x0: [1, 10],
  peak: 0.5,
  steps: 1000,
} as const satisfies NoisyQuadratic & { peak: number };

/** A river in a valley: steep noisy walls (λ = 1), and a long way along a floor that is almost flat and free of noise. */
export const RIVER = {
  curvatures: [1, 0.002],
  noise: [1, 0],
  x0: [1, Math.sqrt(1000)],
  peak: 0.5,
  steps: 1000,
} as const satisfies NoisyQuadratic & { peak: number };

/** The noisy quadratic before the first step (t = 0), or after t steps. */
export interface NoisyQuadraticState {
  /** steps taken */
  readonly t: number;
  /** η of the step that led here, 0 at first */
  readonly lr: number;
  /** expected loss ½ Σ λᵢ E[xᵢ²] */
  readonly loss: number;
  /** its d terms, ½ λᵢ E[xᵢ²] */
  readonly perDirection: Float64Array;
  /** E[xᵢ²] */
  readonly secondMoment: Float64Array;
  /** every step so far had ηλᵢ < 2 in every direction */
  readonly stable: boolean;
}

/**
 * The expected loss of gradient descent on a noisy quadratic, step by step, exactly: nothing is sampled. Each direction obeys
 * E[x²] ← (1 − ηλ)²·E[x²] + η²σ². The steps end early where the loss is no longer finite.
 *
 * @param lr learning rate of each step, for example of `schedule`
 * @param problem d ≥ 1 directions
 * @throws {RangeError} lengths that differ; a curvature or noise that is negative, anything not finite; a rate that is not
 *   finite or negative
 * @example
 * const problem = { curvatures: [1], noise: [1], x0: [1], steps: 2 };
 * [...noisyQuadraticSteps(() => 0.5, problem)].map(({ loss }) => loss) // [0.5, 0.25, 0.1875]
 */
export function* noisyQuadraticSteps(
  lr: Schedule,
  problem: NoisyQuadratic,
): Generator<NoisyQuadraticState, void, undefined> {
  const { lambda, sigma2, x0, steps } = checkProblem("noisyQuadratic", problem);
  let m = x0.map((x) => x * x);
  let stable = true;
  for (let t = 0, eta = 0; ; t++) {
    const perDirection = m.map((value, i) => 0.5 * lambda[i]! * value);
    const loss = perDirection.reduce((sum, part) => sum + part, 0); // (6)
    if (!m.every(Number.isFinite) || loss === Infinity) return;
    yield { t, lr: eta, loss, perDirection, secondMoment: m, stable };
    if (t === steps) return;
    eta = checkNumber("noisyQuadratic", `lr(${t})`, lr(t), { min: 0 });
    stable &&= lambda.every((l) => eta * l < 2);
    m = m.map((value, i) => (1 - eta * lambda[i]!) ** 2 * value + eta * eta * sigma2[i]!); // (5)
  }
}

/** What `noisyQuadratic` returns: the last state, and the trace. */
export interface NoisyQuadraticResult extends NoisyQuadraticState {
  /** expected loss before the first step and after each one: T + 1 numbers, fewer where it overflowed */
  readonly losses: Float64Array;
}

/**
 * The expected loss after all steps on a noisy quadratic: the last state of `noisyQuadraticSteps`, with the trace.
 *
 * @throws as `noisyQuadraticSteps`; {RangeError} the loss at x0 itself is beyond 1.8e308
 * @example
 * const { peak, steps } = TWO_SCALE;
 * noisyQuadratic(schedule("cosine", { peak, totalSteps: steps }), TWO_SCALE).loss // 0.0070408
 */
export function noisyQuadratic(lr: Schedule, problem: NoisyQuadratic): NoisyQuadraticResult {
  const losses: number[] = [];
  let last: NoisyQuadraticState | undefined;
  for (const state of noisyQuadraticSteps(lr, problem)) losses.push((last = state).loss);
  if (!last) throw new RangeError("noisyQuadratic: the loss at x0 must be finite, got Infinity");
  return { ...last, losses: Float64Array.from(losses) };
}

/** Sampled counterpart of the losses of `noisyQuadratic`. */
export interface SampledQuadratic {
  /** mean over the runs before the first step and after each one, T + 1 numbers */
  readonly losses: Float64Array;
  /** standard error of each of those means */
  readonly standardErrors: Float64Array;
}

/**
 * Gradient descent on a noisy quadratic with normal noise that is really drawn: many independent runs, averaged.
 *
 * @param lr learning rate of each step
 * @param problem as of `noisyQuadratic`
 * @param options.runs number of runs, at least 2; default 1000
 * @param options.seed default 0
 * @throws as `noisyQuadratic`
 * @example
 * const problem = { curvatures: [1], noise: [0], x0: [1], steps: 2 };
 * sgdQuadratic(() => 0.5, problem).losses // [0.5, 0.125, 0.03125]
 */
export function sgdQuadratic(
  lr: Schedule,
  problem: NoisyQuadratic,
  { runs = 1000, seed = 0 }: { readonly runs?: number; readonly seed?: number } = {},
): SampledQuadratic {
  const caller = "sgdQuadratic";
  const { lambda, sigma2, x0, steps } = checkProblem(caller, problem);
  checkInteger(caller, "runs", runs, 2);
  const eta = Float64Array.from({ length: steps }, (_, t) => checkNumber(caller, `lr(${t})`, lr(t), { min: 0 }));
  const sigma = sigma2.map(Math.sqrt);
  const { normal } = random(seed);
  const [mean, squares] = [new Float64Array(steps + 1), new Float64Array(steps + 1)];
  for (let run = 1; run <= runs; run++) {
    const x = x0.slice();
    for (let t = 0; t <= steps; t++) {
      let loss = 0;
      for (let i = 0; i < x.length; i++) loss += 0.5 * lambda[i]! * x[i]! * x[i]!;
      const off = loss - mean[t]!; // Welford's update: no sum of squares that would cancel
      mean[t]! += off / run;
      squares[t]! += off * (loss - mean[t]!);
      if (t === steps) break;
      for (let i = 0; i < x.length; i++) {
        const noise = sigma[i] === 0 ? 0 : sigma[i]! * normal();
        x[i]! -= eta[t]! * (lambda[i]! * x[i]! + noise);
      }
    }
  }
  return { losses: mean, standardErrors: squares.map((s) => Math.sqrt(s / (runs - 1) / runs)) };
}

function checkProblem(caller: string, { curvatures, noise, x0, steps }: NoisyQuadratic) {
  const lambda = checkVector(caller, "curvatures", curvatures);
  const d = checkInteger(caller, "number of curvatures", lambda.length, 1);
  const sigma2 = checkVector(caller, "noise", noise, d);
  lambda.forEach((value, i) => void checkNumber(caller, `curvatures[${i}]`, value, { min: 0 }));
  sigma2.forEach((value, i) => void checkNumber(caller, `noise[${i}]`, value, { min: 0 }));
  return { lambda, sigma2, x0: checkVector(caller, "x0", x0, d), steps: checkInteger(caller, "steps", steps, 0) };
}

/** What a constant rate does in one direction. */
export interface Stability {
  /** 1 − ηλ: what a step without noise multiplies x by */
  readonly contraction: number;
  /** 2/λ: at this rate and above, gradient descent does not converge */
  readonly maxLr: number;
  /** 0 < ηλ < 2 */
  readonly stable: boolean;
  /** E[x²] after ever so many steps: ησ²/(λ(2 − ηλ)), Infinity where it is not stable */
  readonly stationaryVariance: number;
}

/**
 * Gradient descent at a constant rate in a direction of curvature λ.
 *
 * @param options.curvature λ > 0
 * @param options.lr η > 0
 * @param options.noise σ² ≥ 0, variance of the gradient's noise; default 0
 * @throws {RangeError} a number outside its range
 * @example
 * gdStability({ curvature: 1, lr: 0.1, noise: 1 }).stationaryVariance // 0.052632
 */
export function gdStability({
  curvature,
  lr,
  noise = 0,
}: {
  readonly curvature: number;
  readonly lr: number;
  readonly noise?: number;
}): Stability {
  checkNumber("gdStability", "curvature", curvature, { above: 0 });
  checkNumber("gdStability", "lr", lr, { above: 0 });
  checkNumber("gdStability", "noise", noise, { min: 0 });
  const stable = lr * curvature < 2;
  const stationaryVariance = stable ? (lr * noise) / (curvature * (2 - lr * curvature)) : Infinity; // (7)
  return { contraction: 1 - lr * curvature, maxLr: 2 / curvature, stable, stationaryVariance };
}

/** RAdam's rectification in one step. */
export interface Rectification {
  /** 1, 2, … */
  readonly t: number;
  /** ρ_t, length of the simple moving average that stands for the exponential one */
  readonly rho: number;
  /** r_t, factor of the adaptive step; undefined where ρ_t ≤ 4, as the variance then has no finite value */
  readonly rectifier: number | undefined;
}

/**
 * RAdam's rectifier: a warmup derived from the variance of Adam's denominator.
 *
 * @param options.beta2 in (0, 1), default 0.999
 * @param options.steps how many, default 100
 * @throws {RangeError} a number outside its range
 * @example
 * radamRectifier({ steps: 5 })[4].rectifier // 0.0173
 */
export function radamRectifier({
  beta2 = 0.999,
  steps = 100,
}: {
  readonly beta2?: number;
  readonly steps?: number;
} = {}): readonly Rectification[] {
  checkNumber("radamRectifier", "beta2", beta2, { above: 0, below: 1 });
  checkInteger("radamRectifier", "steps", steps, 0);
  const limit = 2 / (1 - beta2) - 1;
  return Array.from({ length: steps }, (_, i) => {
    const t = i + 1;
    const rho = limit - (2 * t * beta2 ** t) / -Math.expm1(t * Math.log(beta2)); // (8): 1 − β2^t with all its digits
    const ratio = ((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho);
    return { t, rho, rectifier: rho > 4 ? Math.sqrt(ratio) : undefined }; // (9)
  });
}

/** How `lrRangeTest` runs. */
export interface LrRangeTestOptions {
  /** rate of the first step, default 1e-5 */
  readonly minLr?: number;
  /** rate of the last step, default 10 */
  readonly maxLr?: number;
  /** at least 2, default 100: each rate is the same multiple of the one before */
  readonly steps?: number;
  /** stop as soon as the loss is not finite or above this many times the lowest so far; default 4 */
  readonly blowUp?: number;
}

/** What `lrRangeTest` saw. */
export interface LrRangeTest {
  /** the rates that were tried, rising */
  readonly lrs: Float64Array;
  /** loss of the batch before the step with that rate; the last may be huge, or not finite */
  readonly losses: Float64Array;
  /** rate at which the loss was lowest */
  readonly lowestAt: number;
  /** rate at which the loss blew up; undefined if it did not */
  readonly blowUpAt: number | undefined;
}

/**
 * Learning-rate range test: one short run in which the rate rises exponentially, until the loss blows up.
 *
 * @param trainStep makes one step at the given rate, in whatever way, and returns the loss from before it
 * @throws {RangeError} an option outside its range
 * @example
 * let x = 1; // x²/2: from a rate of 2 on, |x| grows
 * const step = (lr) => { const loss = (x * x) / 2; x -= lr * x; return loss; };
 * lrRangeTest(step, { minLr: 2, maxLr: 20, steps: 11 }).blowUpAt // 3.9905
 */
export function lrRangeTest(
  trainStep: (lr: number, t: number) => number,
  options: LrRangeTestOptions = {},
): LrRangeTest {
  const caller = "lrRangeTest";
  const { minLr = 1e-5, maxLr = 10, steps = 100, blowUp = 4 } = options;
  checkNumber(caller, "minLr", minLr, { above: 0 });
  checkNumber(caller, "maxLr", maxLr, { above: minLr });
  checkInteger(caller, "steps", steps, 2);
  checkNumber(caller, "blowUp", blowUp, { above: 1 });
  const lrs = Float64Array.from({ length: steps }, (_, t) => minLr * (maxLr / minLr) ** (t / (steps - 1)));
  const losses = new Float64Array(steps);
  let [t, lowest, lowestAt, blowUpAt] = [0, Infinity, minLr, undefined as number | undefined];
  for (; t < steps && blowUpAt === undefined; t++) {
    const loss = trainStep(lrs[t]!, t);
    losses[t] = loss;
    if (!(loss <= blowUp * lowest && loss < Infinity)) blowUpAt = lrs[t]!;
    else if (loss < lowest) [lowest, lowestAt] = [loss, lrs[t]!];
  }
  return { lrs: lrs.slice(0, t), losses: losses.slice(0, t), lowestAt, blowUpAt };
}

/** What `sharpness` returns. */
export interface Sharpness {
  /** the eigenvalue of the Hessian that is largest in size, in most cases λ_max */
  readonly curvature: number;
  /** Hessian-vector products that were made */
  readonly iterations: number;
  /** the estimate changed by no more than tol of itself in the last iteration */
  readonly converged: boolean;
}

/**
 * Largest curvature of a loss at a point, from products with its Hessian alone: gradient descent needs rates below 2/curvature
 * there.
 *
 * @param hessianVector v ↦ Hv, d numbers
 * @param d number of parameters
 * @param options.iterations at most, default 100
 * @param options.tol default 1e-3
 * @param options.seed of the normal vector to start from, default 0
 * @throws {RangeError} a number outside its range, a product that is not d finite numbers
 * @example
 * sharpness((v) => v.map((vi, i) => [3, -1][i] * vi), 2).curvature // 3.00
 */
export function sharpness(
  hessianVector: (v: Float64Array) => ArrayLike<number>,
  d: number,
  { iterations = 100, tol = 1e-3, seed = 0 }: Partial<Record<"iterations" | "tol" | "seed", number>> = {},
): Sharpness {
  checkInteger("sharpness", "d", d, 1);
  checkInteger("sharpness", "iterations", iterations, 1);
  checkNumber("sharpness", "tol", tol, { min: 0 });
  let v: Float64Array = Float64Array.from({ length: d }, random(seed).normal);
  let curvature = Number.NaN;
  for (let k = 1; ; k++) {
    const length = norm(v);
    if (length === 0) return { curvature: 0, iterations: k - 1, converged: true }; // the Hessian maps v to 0
    v = v.map((vi) => vi / length);
    const Hv = checkVector("sharpness", "Hv", hessianVector(v.slice()), d);
    const before = curvature;
    curvature = Hv.reduce((sum, hi, i) => sum + hi * v[i]!, 0); // (10)
    const converged = Math.abs(curvature - before) <= tol * Math.abs(curvature);
    if (converged || k === iterations) return { curvature, iterations: k, converged };
    v = Hv;
  }
}
