/**
 * Diffusion models: corrupt data by Gaussian noise, in many small steps; learn to predict what was added; start from noise
 * and take it away again.
 *
 * Follows J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", 2020, for the process, the loss and
 * ancestral sampling, https://arxiv.org/abs/2006.11239; J. Song, C. Meng, S. Ermon, "Denoising Diffusion Implicit
 * Models", 2021, for the deterministic sampler, https://arxiv.org/abs/2010.02502; T. Salimans, J. Ho, "Progressive
 * Distillation for Fast Sampling of Diffusion Models", 2022, for the v prediction, https://arxiv.org/abs/2202.00512
 * But:
 * - Points in a few dimensions and a small network with Fourier features, no images, no U-Net, no attention.
 * - Discrete time; variances are fixed, not learned; every noise level has the same weight in the loss.
 * - Guidance needs a conditional and an unconditional denoiser; the one network that is both is not here.
 */
import { full, type Linear, linear, normal as normalTensor } from "../../autodiff/layers.js";
import { mean, silu, square, sub } from "../../autodiff/ops.js";
import { trainSteps } from "../../autodiff/train.js";
import { checkChoice, checkInteger, checkMatrix, checkNumber } from "../../lib/check.js";
import { type Matrix, matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";
import { noGrad, tensor } from "../deep-learning-foundations/backpropagation.js";
import { AdamW } from "../training-fundamentals/adam-and-adamw.js";

/** How much of the signal is left at each step t = 1 … T; index 0 is the clean data. */
export interface NoiseSchedule {
  readonly steps: number;
  /** T + 1 numbers: variance that step t adds, 0 at t = 0 */
  readonly beta: Float64Array;
  /** T + 1 numbers: ᾱ, the product of all 1 − β so far, 1 at t = 0 */
  readonly alphaBar: Float64Array;
  /** T + 1 numbers: ᾱ/(1 − ᾱ), Infinity at t = 0 */
  readonly snr: Float64Array;
}

/**
 * The variances of the noise.
 *
 * @param kind 'linear': β from 1e-4 to 0.02, times 1000/T; 'cosine': ᾱ follows cos², with β at most 0.999
 * @param steps T ≥ 1
 * @param options.offset of the cosine, keeps the first β from being tiny; default 0.008
 * @throws RangeError if steps is not an integer ≥ 1, the kind is unknown, the offset is negative, or a linear β reaches 1 (T ≤ 20)
 * @see Ho et al. 2020, section 4, and A. Nichol, P. Dhariwal 2021, https://arxiv.org/abs/2102.09672, section 3.2
 * @example
 * noiseSchedule("linear", 1000).alphaBar[1000] // 4.036e-5
 */
export function noiseSchedule(kind: "linear" | "cosine", steps: number, { offset = 0.008 } = {}): NoiseSchedule {
  checkChoice("noiseSchedule", "kind", kind, ["linear", "cosine"]);
  const T = checkInteger("noiseSchedule", "steps", steps, 1);
  checkNumber("noiseSchedule", "offset", offset, { min: 0 });
  const signal = (t: number) => Math.cos((((t / T + offset) / (1 + offset)) * Math.PI) / 2) ** 2;
  const beta = new Float64Array(T + 1);
  const alphaBar = new Float64Array(T + 1).fill(1);
  const snr = new Float64Array(T + 1).fill(Infinity);
  for (let t = 1; t <= T; t++) {
    beta[t] =
      kind === "linear"
        ? (1000 / T) * (1e-4 + (t === T ? 1 : (t - 1) / (T - 1)) * (0.02 - 1e-4))
        : Math.min(1 - signal(t) / signal(t - 1), 0.999);
    checkNumber("noiseSchedule", `beta[${t}]`, beta[t]!, { above: 0, below: 1 });
    alphaBar[t] = alphaBar[t - 1]! * (1 - beta[t]!); // (1)
    snr[t] = alphaBar[t]! / (1 - alphaBar[t]!);
  }
  return { steps: T, beta, alphaBar, snr };
}

/**
 * The data after t steps of noise, at once.
 *
 * @param x0 n×d
 * @param noise n×d, standard normal
 * @returns n×d
 * @throws RangeError if t is not in [0, T], the shapes differ, or a number is not finite
 * @example
 * toRows(qSample(matrix([[1, 0]]), 0, matrix([[5, 5]]), noiseSchedule("cosine", 10))) // [[1, 0]]
 */
export function qSample(x0: Matrix, t: number, noise: Matrix, schedule: NoiseSchedule): Matrix {
  checkInteger("qSample", "t", t, 0, schedule.steps);
  checkSameShape("qSample", { x0, noise });
  const alphaBar = schedule.alphaBar[t]!;
  return combined(Math.sqrt(alphaBar), x0, Math.sqrt(1 - alphaBar), noise); // (2)
}

/**
 * The distribution of the step before, if the clean data were known: N(mean, variance) for each point.
 *
 * @param x0 n×d
 * @param xt n×d
 * @param t in [1, T]
 * @param from the earlier step, default t − 1; sampling may skip steps
 * @throws RangeError if a step is out of range, the shapes differ, or a number is not finite
 * @see Ho et al. 2020, equations 6 and 7
 * @example
 * posterior(matrix([[1]]), matrix([[0.5]]), 1, noiseSchedule("cosine", 10)).variance // 0
 */
export function posterior(
  x0: Matrix,
  xt: Matrix,
  t: number,
  schedule: NoiseSchedule,
  from = t - 1,
): { readonly mean: Matrix; readonly variance: number } {
  checkInteger("posterior", "t", t, 1, schedule.steps);
  checkInteger("posterior", "from", from, 0, t - 1);
  checkSameShape("posterior", { x0, xt });
  const [now, before] = [schedule.alphaBar[t]!, schedule.alphaBar[from]!];
  const alpha = now / before;
  const beta = 1 - alpha;
  return {
    mean: combined((Math.sqrt(before) * beta) / (1 - now), x0, (Math.sqrt(alpha) * (1 - before)) / (1 - now), xt), // (3)
    variance: (beta * (1 - before)) / (1 - now), // (4)
  };
}

/** What a network predicts: the noise, the clean data, a mixture of both, or the gradient of the log-density. */
export type Prediction = "eps" | "x0" | "v" | "score";

/**
 * One prediction as another: all four are affine in one another once x_t is known.
 *
 * @param value n×d, the prediction
 * @param options.xt n×d
 * @param options.alphaBar of the noise level, in [0, 1]
 * @throws RangeError if alphaBar is 0 and the clean data or v is to be had from the noise (predict v there), or 1 and the
 * noise from the data, or any score; or if a shape, a kind or a number does not fit
 * @see Salimans, Ho 2022, appendix D
 * @example
 * toRows(convertPrediction(matrix([[0.6]]), { from: "eps", to: "x0", xt: matrix([[1]]), alphaBar: 0.36 })) // [[0.8667]]
 */
export function convertPrediction(
  value: Matrix,
  {
    from,
    to,
    xt,
    alphaBar,
  }: { readonly from: Prediction; readonly to: Prediction; readonly xt: Matrix; readonly alphaBar: number },
): Matrix {
  checkChoice("convertPrediction", "from", from, ["eps", "x0", "v", "score"]);
  checkChoice("convertPrediction", "to", to, ["eps", "x0", "v", "score"]);
  checkNumber("convertPrediction", "alphaBar", alphaBar, { min: 0, max: 1 });
  checkSameShape("convertPrediction", { value, xt });
  if (from === to) return combined(1, value, 0, value);
  const [signal, noise] = [Math.sqrt(alphaBar), Math.sqrt(1 - alphaBar)];
  if (signal === 0 && (from === "eps" || from === "score") && (to === "x0" || to === "v")) {
    throw new RangeError(
      "convertPrediction: alphaBar must not be 0: the noise says nothing about the data there; predict v",
    );
  }
  if (noise === 0 && (to === "score" || from === "x0")) {
    throw new RangeError("convertPrediction: alphaBar must not be 1: there is no noise to be found");
  }
  // Through the noise (5): eps itself, and what each of the others makes of it.
  const eps =
    from === "eps"
      ? value
      : from === "score"
        ? combined(-noise, value, 0, xt)
        : from === "v"
          ? combined(signal, value, noise, xt)
          : combined(-signal / noise, value, 1 / noise, xt);
  if (to === "eps") return eps;
  if (to === "score") return combined(-1 / noise, eps, 0, xt);
  const x0 =
    from === "x0"
      ? value
      : from === "v"
        ? combined(-noise, value, signal, xt)
        : combined(-noise / signal, eps, 1 / signal, xt);
  return to === "x0" ? x0 : combined(signal, eps, -noise, x0);
}

/** A mixture of round Gaussians: data whose score is known at every noise level. */
export interface Mixture {
  /** k numbers > 0 with sum 1 */
  readonly weights: readonly number[];
  /** k×d */
  readonly means: Matrix;
  /** variance of each coordinate, > 0, of every component */
  readonly variance: number;
}

/**
 * Eight Gaussians on a circle of radius 2, σ = 0.1, divided by what makes the variance of each coordinate 1.
 *
 * @example
 * ringMixture().variance // 0.004975
 */
export function ringMixture(): Mixture {
  const scale = 1 / Math.sqrt(2.01); // the circle's 2²/2 and 0.1²
  const angles = Array.from({ length: 8 }, (_, k) => (k * Math.PI) / 4);
  return {
    weights: new Array<number>(8).fill(1 / 8),
    means: matrix(angles.map((angle) => [2 * scale * Math.cos(angle), 2 * scale * Math.sin(angle)])),
    variance: (0.1 * scale) ** 2,
  };
}

/**
 * Points of a mixture.
 *
 * @param n ≥ 1
 * @param seed default 0
 * @returns n×d
 * @throws RangeError if n is not an integer ≥ 1, or the mixture is none
 * @example
 * sampleMixture(ringMixture(), 100).shape // [100, 2]
 */
export function sampleMixture({ weights, means, variance }: Mixture, n: number, seed = 0): Matrix {
  checkInteger("sampleMixture", "n", n, 1);
  const [, d] = checkMixture("sampleMixture", { weights, means, variance });
  const draw = random(seed);
  const x = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    const k = draw.categorical(weights);
    for (let j = 0; j < d; j++) x[i * d + j] = means.get(k, j) + Math.sqrt(variance) * draw.normal();
  }
  return matrixOver(x, n, d);
}

/**
 * What a perfect network would know of points that are a mixture's after noise.
 *
 * @param x n×d
 * @param alphaBar of the noise level, in [0, 1]
 * @returns the gradient of the log-density, n×d; the expected clean data, n×d; and the log-density, n numbers, in nats
 * @throws RangeError if alphaBar is out of range, the dimensions differ, the mixture is none, or a number is not finite
 * @example
 * const gaussian = { weights: [1], means: matrix([[0]]), variance: 0.25 };
 * toRows(mixtureScore(gaussian, matrix([[1]]), 0.5).mean) // [[0.2828]]
 */
export function mixtureScore(
  { weights, means, variance }: Mixture,
  x: Matrix,
  alphaBar: number,
): { readonly score: Matrix; readonly mean: Matrix; readonly logDensity: Float64Array } {
  checkNumber("mixtureScore", "alphaBar", alphaBar, { min: 0, max: 1 });
  const [n, d] = checkMatrix("mixtureScore", "x", x);
  const [k, dimensions] = checkMixture("mixtureScore", { weights, means, variance });
  if (d !== dimensions) throw new RangeError(`mixtureScore: x must have ${dimensions} columns, got ${d}`);
  const signal = Math.sqrt(alphaBar);
  const spread = alphaBar * variance + 1 - alphaBar; // of each component after the noise
  const shrink = (signal * variance) / spread;
  const [points, centres] = [rowMajor(x), rowMajor(means)];
  const score = new Float64Array(n * d);
  const mean = new Float64Array(n * d);
  const logDensity = new Float64Array(n);
  const logs = new Float64Array(k);
  for (let i = 0; i < n; i++) {
    let most = -Infinity;
    for (let c = 0; c < k; c++) {
      let distance = 0;
      for (let j = 0; j < d; j++) distance += (points[i * d + j]! - signal * centres[c * d + j]!) ** 2;
      logs[c] = Math.log(weights[c]!) - distance / (2 * spread);
      most = Math.max(most, logs[c]!);
    }
    let total = 0;
    for (let c = 0; c < k; c++) total += Math.exp(logs[c]! - most); // shifted by the largest, so that one term is 1
    for (let c = 0; c < k; c++) {
      const share = Math.exp(logs[c]! - most) / total;
      for (let j = 0; j < d; j++) {
        const gap = points[i * d + j]! - signal * centres[c * d + j]!;
        score[i * d + j]! -= (share * gap) / spread;
        mean[i * d + j]! += share * (centres[c * d + j]! + shrink * gap); // Tweedie, component by component
      }
    }
    logDensity[i] = most + Math.log(total) - (d / 2) * Math.log(2 * Math.PI * spread);
  }
  return { score: matrixOver(score, n, d), mean: matrixOver(mean, n, d), logDensity };
}

/** What predicts at a noise level, and in which terms. */
export interface Denoiser {
  readonly prediction: Prediction;
  /** n×d points at step t → n×d predictions */
  predict(xt: Matrix, t: number): Matrix;
}

/**
 * The denoiser that knows the data's distribution.
 *
 * @example
 * exactDenoiser(ringMixture(), noiseSchedule("cosine", 50)).prediction // "x0"
 */
export function exactDenoiser(mixture: Mixture, schedule: NoiseSchedule): Denoiser {
  return { prediction: "x0", predict: (xt, t) => mixtureScore(mixture, xt, schedule.alphaBar[t]!).mean };
}

/** How a denoiser is trained. */
export interface DenoiserOptions {
  readonly schedule: NoiseSchedule;
  /** what the network's output means, default 'v' */
  readonly prediction?: "eps" | "x0" | "v";
  /** optimizer steps, default 1000 */
  readonly steps?: number;
  /** units of each of three hidden layers, default 48 */
  readonly hidden?: number;
  /** points in a batch, default 128 */
  readonly batch?: number;
  /** of AdamW without decay of weights, falling linearly to 0; default 4e-3 */
  readonly learningRate?: number;
  /** sines and cosines of 2^k·x for k below this, default 4; 0 leaves raw coordinates */
  readonly frequencies?: number;
  /** of weights, batches, levels and noise; default 0 */
  readonly seed?: number;
}

/** Training after a step. */
export interface DenoiserState {
  readonly step: number;
  /** mean squared error of the prediction, of this step's batch */
  readonly loss: number;
  /** uses the weights as they are when it is asked */
  readonly denoiser: Denoiser;
}

/**
 * Trains a network to predict from a noisy point and its noise level, by the mean squared error, level by level alike.
 *
 * @param data n×d, of about unit variance
 * @throws RangeError if an option is out of range, a coordinate of the data does not vary, or a number is not finite
 * @throws NonFiniteError if training diverges
 * @see Ho et al. 2020, algorithm 1
 * @example
 * const options = { schedule: noiseSchedule("cosine", 20), steps: 2, hidden: 8 };
 * [...trainDenoiserSteps(sampleMixture(ringMixture(), 500), options)].length // 2
 */
export function* trainDenoiserSteps(data: Matrix, options: DenoiserOptions): Generator<DenoiserState> {
  const { schedule, prediction = "v", steps = 1000, hidden = 48, batch = 128 } = options;
  const { learningRate = 4e-3, frequencies = 4, seed = 0 } = options;
  const [n, d] = checkMatrix("trainDenoiserSteps", "data", data);
  checkChoice("trainDenoiserSteps", "prediction", prediction, ["eps", "x0", "v"]);
  checkInteger("trainDenoiserSteps", "steps", steps, 1);
  checkInteger("trainDenoiserSteps", "hidden", hidden, 1);
  checkInteger("trainDenoiserSteps", "batch", batch, 1);
  checkInteger("trainDenoiserSteps", "frequencies", frequencies, 0, 16);
  checkNumber("trainDenoiserSteps", "learningRate", learningRate, { above: 0 });
  const points = rowMajor(data);
  for (let j = 0; j < d; j++) {
    if (points.every((x, i) => i % d !== j || x === points[j])) {
      throw new RangeError(`trainDenoiserSteps: data must vary, got ${points[j]} everywhere in column ${j}`);
    }
  }

  const draw = random(seed);
  const parameters = network(d, hidden, frequencies, draw);
  const T = schedule.steps;
  const apply = (xt: Float64Array, t: ArrayLike<number>, layers: readonly Linear[]) =>
    forward(tensor(features(xt, t, d, T, frequencies), [t.length, widthOf(d, frequencies)]), layers);
  const denoiser: Denoiser = {
    prediction,
    predict: (xt, t) => {
      const rows = xt.shape[0]!;
      const y = noGrad(() => apply(rowMajor(xt), new Int32Array(rows).fill(t), parameters));
      return matrixOver(Float64Array.from(y.data), rows, d);
    },
  };

  const training = trainSteps({
    parameters,
    optimizer: new AdamW({ lr: (step: number) => learningRate * (1 - step / steps), weightDecay: 0 }),
    steps,
    loss: (layers) => {
      const t = Int32Array.from({ length: batch }, () => 1 + draw.integer(T));
      const xt = new Float64Array(batch * d);
      const target = new Float32Array(batch * d);
      for (let i = 0; i < batch; i++) {
        const row = draw.integer(n) * d;
        const [signal, noise] = [Math.sqrt(schedule.alphaBar[t[i]!]!), Math.sqrt(1 - schedule.alphaBar[t[i]!]!)];
        for (let j = 0; j < d; j++) {
          const [x0, eps] = [points[row + j]!, draw.normal()];
          xt[i * d + j] = signal * x0 + noise * eps; // (2)
          target[i * d + j] = prediction === "eps" ? eps : prediction === "x0" ? x0 : signal * eps - noise * x0;
        }
      }
      return mean(square(sub(apply(xt, t, layers), tensor(target, [batch, d])))); // (6)
    },
  });
  for (const { step, loss } of training) yield { step, loss, denoiser };
}

/**
 * How far a denoiser is from the noise at one level: the mean of |ε − ε̂|² over points and coordinates. Even the best one is not at 0.
 *
 * @param x0 n×d, clean data
 * @param options.seed of the noise, default 0
 * @throws RangeError if t is not in [1, T], or a number is not finite
 * @example
 * const schedule = noiseSchedule("cosine", 50);
 * const ring = ringMixture();
 * noiseLoss(exactDenoiser(ring, schedule), sampleMixture(ring, 1000), { schedule, t: 50 }) < 0.01 // true
 */
export function noiseLoss(
  { prediction, predict }: Denoiser,
  x0: Matrix,
  { schedule, t, seed = 0 }: { readonly schedule: NoiseSchedule; readonly t: number; readonly seed?: number },
): number {
  checkInteger("noiseLoss", "t", t, 1, schedule.steps);
  const [n, d] = checkMatrix("noiseLoss", "x0", x0);
  const eps = normalMatrix(n, d, random(seed));
  const xt = qSample(x0, t, eps, schedule);
  const found = convertPrediction(predict(xt, t), { from: prediction, to: "eps", xt, alphaBar: schedule.alphaBar[t]! });
  const errors = rowMajor(combined(1, eps, -1, found));
  return errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length;
}

/** How points are drawn. */
export interface SampleOptions {
  readonly schedule: NoiseSchedule;
  /** number of points, default 1000 */
  readonly n?: number;
  /** d, default 2 */
  readonly dimension?: number;
  /** 'ddpm' (default): ancestral, noise in every step; 'ddim': deterministic unless eta > 0 */
  readonly sampler?: "ddpm" | "ddim";
  /** noise of DDIM: 0 none (default), 1 as much as ancestral sampling with 'posterior' */
  readonly eta?: number;
  /** of ancestral sampling: 'posterior' (default), β̃, or 'beta', β; the last step adds none */
  readonly variance?: "posterior" | "beta";
  /** the steps to visit, decreasing, the first as if it were pure noise; default T … 1. 0 comes last by itself */
  readonly timesteps?: readonly number[];
  /** largest size of a coordinate of the predicted clean data; default Infinity */
  readonly clip?: number;
  /** weight w ≥ 0 of the denoiser against another that was not told the condition; noise w·ε(x|c) + (1 − w)·ε(x) */
  readonly guidance?: { readonly weight: number; readonly unconditional: Denoiser };
  /** default 0 */
  readonly seed?: number;
}

/** The points at a step. */
export interface SampleState {
  /** T before the first step, 0 at the end */
  readonly t: number;
  /** n×d */
  readonly x: Matrix;
}

/**
 * Points from noise, one state per step, the noise itself first.
 *
 * @throws RangeError if an option is out of range, the timesteps are none or do not decrease within [1, T], or a coordinate is no
 * longer finite (it names the step)
 * @see Ho et al. 2020, algorithm 2; Song, Meng, Ermon 2021, equation 12
 * @example
 * const schedule = noiseSchedule("cosine", 10);
 * [...sampleSteps(exactDenoiser(ringMixture(), schedule), { schedule, n: 4 })].at(-1).x.shape // [4, 2]
 */
export function* sampleSteps(denoiser: Denoiser, options: SampleOptions): Generator<SampleState> {
  const { schedule, n = 1000, dimension: d = 2, sampler = "ddpm", eta = 0, variance = "posterior" } = options;
  const { clip = Infinity, guidance, seed = 0 } = options;
  const T = schedule.steps;
  const steps = options.timesteps ?? Array.from({ length: T }, (_, i) => T - i);
  checkInteger("sampleSteps", "n", n, 1);
  checkInteger("sampleSteps", "dimension", d, 1);
  checkChoice("sampleSteps", "sampler", sampler, ["ddpm", "ddim"]);
  checkChoice("sampleSteps", "variance", variance, ["posterior", "beta"]);
  checkNumber("sampleSteps", "eta", eta, { min: 0, max: 1 });
  checkNumber("sampleSteps", "clip", clip, { above: 0, max: Infinity });
  if (guidance) checkNumber("sampleSteps", "guidance.weight", guidance.weight, { min: 0 });
  checkInteger("sampleSteps", "the number of timesteps", steps.length, 1, T);
  for (const [i, t] of steps.entries())
    checkInteger("sampleSteps", `timesteps[${i}]`, t, 1, i === 0 ? T : steps[i - 1]! - 1);

  const draw = random(seed);
  const noise = () => normalMatrix(n, d, draw);
  let x = noise();
  yield { t: steps[0]!, x };
  for (const [i, t] of steps.entries()) {
    const before = steps[i + 1] ?? 0;
    const [now, next] = [schedule.alphaBar[t]!, schedule.alphaBar[before]!];
    const x0 = clipped(predictedData(denoiser, guidance, x, t, now), clip);
    if (sampler === "ddpm") {
      const step = posterior(x0, x, t, schedule, before);
      const spread = before === 0 ? 0 : variance === "beta" ? 1 - now / next : step.variance;
      x = combined(1, step.mean, Math.sqrt(spread), spread > 0 ? noise() : x);
    } else {
      const eps = convertPrediction(x0, { from: "x0", to: "eps", xt: x, alphaBar: now });
      const spread = eta ** 2 * ((1 - next) / (1 - now)) * (1 - now / next);
      x = combined(Math.sqrt(next), x0, Math.sqrt(Math.max(1 - next - spread, 0)), eps); // (7)
      if (spread > 0) x = combined(1, x, Math.sqrt(spread), noise());
    }
    yield { t: before, x: stillFinite(x, t) };
  }
}

/**
 * The points at the end of `sampleSteps`.
 *
 * @see sampleSteps for the options and the errors
 * @example
 * const schedule = noiseSchedule("cosine", 10);
 * sample(exactDenoiser(ringMixture(), schedule), { schedule, n: 4 }).shape // [4, 2]
 */
export function sample(denoiser: Denoiser, options: SampleOptions): Matrix {
  let last: Matrix | undefined;
  for (const { x } of sampleSteps(denoiser, options)) last = x;
  return last!;
}

/**
 * How well samples fit a mixture.
 *
 * @param x n×d
 * @returns share of the samples within 4σ of their nearest centre, and how many centres get at least a fifth of weight·n of those
 * @throws RangeError if the dimensions differ, the mixture is none, or a number is not finite
 * @example
 * mixtureQuality(ringMixture(), sampleMixture(ringMixture(), 2000)).covered // 8
 */
export function mixtureQuality(
  { weights, means, variance }: Mixture,
  x: Matrix,
): { readonly highQuality: number; readonly covered: number } {
  const [n, d] = checkMatrix("mixtureQuality", "x", x);
  const [k, dimensions] = checkMixture("mixtureQuality", { weights, means, variance });
  if (d !== dimensions) throw new RangeError(`mixtureQuality: x must have ${dimensions} columns, got ${d}`);
  const counts = weights.map(() => 0);
  for (let i = 0; i < n; i++) {
    let [nearest, least] = [0, Infinity];
    for (let c = 0; c < k; c++) {
      let distance = 0;
      for (let j = 0; j < d; j++) distance += (x.get(i, j) - means.get(c, j)) ** 2;
      if (distance < least) [nearest, least] = [c, distance];
    }
    if (least <= 16 * variance) counts[nearest]!++; // the nearest only: no point counts twice
  }
  return {
    highQuality: counts.reduce((sum, count) => sum + count, 0) / n,
    covered: counts.filter((count, c) => count >= 0.2 * weights[c]! * n).length,
  };
}

// ---- what they are made of ----

/** n×d entries N(0, 1). */
function normalMatrix(n: number, d: number, draw: Random): Matrix {
  const x = new Float64Array(n * d);
  for (let i = 0; i < x.length; i++) x[i] = draw.normal();
  return matrixOver(x, n, d);
}

/** a·x + b·y, entry by entry. */
function combined(a: number, x: Matrix, b: number, y: Matrix): Matrix {
  const [n, d] = x.shape as [number, number];
  const [p, q] = [rowMajor(x), rowMajor(y)];
  return matrixOver(b === 0 ? p.map((value) => a * value) : p.map((value, i) => a * value + b * q[i]!), n, d);
}

const clipped = (x: Matrix, limit: number) =>
  matrixOver(
    rowMajor(x).map((value) => Math.max(-limit, Math.min(limit, value))),
    x.shape[0]!,
    x.shape[1]!,
  );

/** The clean data as the denoiser sees it, guided if there is another one. */
function predictedData(
  denoiser: Denoiser,
  guidance: SampleOptions["guidance"],
  xt: Matrix,
  t: number,
  alphaBar: number,
): Matrix {
  const dataBy = ({ prediction, predict }: Denoiser) =>
    convertPrediction(stillFinite(predict(xt, t), t), { from: prediction, to: "x0", xt, alphaBar });
  // Noise is affine in the clean data, with coefficients that add up to the same: mixing either is mixing both.
  const x0 = guidance
    ? combined(guidance.weight, dataBy(denoiser), 1 - guidance.weight, dataBy(guidance.unconditional))
    : dataBy(denoiser);
  return stillFinite(x0, t);
}

/** Divergence is reported where it happens. */
function stillFinite(x: Matrix, t: number): Matrix {
  const bad = rowMajor(x).find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new RangeError(`sampleSteps: points must stay finite, got ${bad} in step ${t}`);
  return x;
}

/** Returns the number of components and the dimension. */
function checkMixture(caller: string, { weights, means, variance }: Mixture): readonly [k: number, d: number] {
  const [k, d] = checkMatrix(caller, "means", means);
  checkInteger(caller, "the number of weights", weights.length, k, k);
  for (const [i, weight] of weights.entries()) checkNumber(caller, `weights[${i}]`, weight, { above: 0, max: 1 });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  checkNumber(caller, "the sum of the weights", total, { min: 1 - 1e-9, max: 1 + 1e-9 });
  checkNumber(caller, "variance", variance, { above: 0 });
  return [k, d];
}

function checkSameShape(caller: string, matrices: Readonly<Record<string, Matrix>>): void {
  const [[firstName, first], [secondName, second]] = Object.entries(matrices) as [[string, Matrix], [string, Matrix]];
  const [n, d] = checkMatrix(caller, firstName, first);
  const [m, e] = checkMatrix(caller, secondName, second);
  if (n !== m || d !== e) {
    throw new RangeError(`${caller}: ${secondName} must have the shape of ${firstName}, ${n}×${d}, got ${m}×${e}`);
  }
}

/** Coordinates with their waves, then the time with its waves. */
const widthOf = (d: number, frequencies: number) => d * (1 + 2 * frequencies) + 9;

function features(xt: Float64Array, t: ArrayLike<number>, d: number, T: number, frequencies: number): Float32Array {
  const width = widthOf(d, frequencies);
  const out = new Float32Array(t.length * width);
  for (let i = 0; i < t.length; i++) {
    let at = i * width;
    const waves = (value: number, count: number, unit: number) => {
      out[at++] = value;
      for (let k = 0; k < count; k++) {
        out[at++] = Math.sin(unit * 2 ** k * value);
        out[at++] = Math.cos(unit * 2 ** k * value);
      }
    };
    for (let j = 0; j < d; j++) waves(xt[i * d + j]!, frequencies, 1);
    waves(t[i]! / T, 4, Math.PI / 2);
  }
  return out;
}

/** Three hidden layers and an output, weights N(0, 1/inputs), biases 0. */
function network(d: number, hidden: number, frequencies: number, draw: Random): Linear[] {
  const sizes = [widthOf(d, frequencies), hidden, hidden, hidden, d];
  return sizes.slice(1).map((to, i) => ({
    weight: normalTensor([sizes[i]!, to], Math.sqrt(1 / sizes[i]!), draw),
    bias: full([to], 0),
  }));
}

function forward(x: ReturnType<typeof tensor>, layers: readonly Linear[]): ReturnType<typeof tensor> {
  return layers.reduce((h, layer, i) => (i < layers.length - 1 ? silu(linear(h, layer)) : linear(h, layer)), x);
}
