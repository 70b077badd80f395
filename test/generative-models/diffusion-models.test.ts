import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  convertPrediction,
  type Denoiser,
  type DenoiserState,
  exactDenoiser,
  type Mixture,
  mixtureQuality,
  mixtureScore,
  noiseLoss,
  noiseSchedule,
  type Prediction,
  posterior,
  qSample,
  ringMixture,
  sample,
  sampleMixture,
  sampleSteps,
  trainDenoiserSteps,
} from "../../src/demos/generative-models/diffusion-models.js";
import { erf } from "../../src/lib/erf.js";
import { type Matrix, matrix, matrixOver, maxAbsDifference, rowMajor, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { normal } from "../matrices.js";

const { claim, oracle } = concept("generative-models/diffusion-models");

interface Fixture {
  readonly schedules: {
    readonly linear: number[];
    readonly linearAlphaBar: number[];
    readonly cosine: number[];
    readonly cosineAlphaBar: number[];
    readonly rescaled: number[];
  };
  readonly posteriors: readonly {
    readonly before: number;
    readonly alpha: number;
    readonly x0: number[][];
    readonly xt: number[][];
    readonly mean: number[][];
    readonly variance: number;
  }[];
  readonly mixtures: readonly {
    readonly weights: number[];
    readonly means: number[][];
    readonly variance: number;
    readonly alphaBar: number;
    readonly x: number[][];
    readonly logDensity: number[];
    readonly score: number[][];
    readonly mean: number[][];
  }[];
  readonly guided: { readonly mean: number; readonly deviation: number };
  readonly bayesLoss: number;
}
const fixture = oracle<Fixture>();

// ---- what the tests are made of ----

const ring = ringMixture();
const cosine50 = noiseSchedule("cosine", 50);
const gaussian = (variance: number, centre = 0): Mixture => ({ weights: [1], means: matrix([[centre]]), variance });
const scalar = (x: number) => matrix([[x]]);
const at = (x: Matrix) => x.get(0, 0);
const meanOf = (x: ArrayLike<number>) => Array.from(x).reduce((sum, value) => sum + value, 0) / x.length;
/** inputs×outputs weights N(0, 1/inputs), drawn row by row; one array for each output. */
const weightsOf = (inputs: number, outputs: number, draw: () => number) => {
  const rows = Array.from({ length: inputs }, () => Array.from({ length: outputs }, () => draw() / Math.sqrt(inputs)));
  return Array.from({ length: outputs }, (_, j) => rows.map((row) => row[j]!));
};
const deviationOf = (x: ArrayLike<number>) => {
  const m = meanOf(x);
  return Math.sqrt(meanOf(Array.from(x, (value) => (value - m) ** 2)));
};
/** Of the ring, whose variance is 1: 2²/2 + 0.1² before it is divided. */
const RADIUS = 2 / Math.sqrt(2.01);
const tenSteps = Array.from({ length: 10 }, (_, i) => 50 - 5 * i);

/** Networks of the default size, each trained once; the one whose failure is shown gets less training, as its control shows enough. */
const networks = new Map<Prediction, Denoiser>();
function trained(prediction: "eps" | "v"): Denoiser {
  let denoiser = networks.get(prediction);
  if (!denoiser) {
    const effort = prediction === "eps" ? { steps: 800, batch: 64 } : { steps: 800, batch: 96 };
    const states = trainDenoiserSteps(sampleMixture(ring, 5000, 1), { schedule: cosine50, prediction, ...effort });
    for (const state of states) denoiser = state.denoiser;
    networks.set(prediction, denoiser!);
  }
  return denoiser!;
}

// ---- claims ----

claim("all-steps-at-once", () => {
  for (const schedule of [noiseSchedule("linear", 1000), noiseSchedule("cosine", 37)]) {
    // x ← √(1−β)·x + √β·ε, coefficient of x0 and variance, step by step
    let [signal, variance] = [1, 0];
    for (let t = 1; t <= schedule.steps; t++) {
      signal *= Math.sqrt(1 - schedule.beta[t]!);
      variance = (1 - schedule.beta[t]!) * variance + schedule.beta[t]!;
      expect(Math.abs(at(qSample(scalar(1), t, scalar(0), schedule)) - signal)).toBeLessThan(1e-12);
      expect(Math.abs(at(qSample(scalar(0), t, scalar(1), schedule)) ** 2 - variance)).toBeLessThan(1e-12);
    }
  }
  const { alphaBar, snr } = noiseSchedule("linear", 1000);
  expect(alphaBar[1000]).toBeCloseTo(4.036e-5, 8);
  expect(Math.sqrt(alphaBar[1000]!)).toBeCloseTo(0.0064, 4);
  expect(snr[1000]).toBeGreaterThan(4e-5);
});

claim("the-posterior-is-a-product-of-gaussians", () => {
  for (const { before, alpha, x0, xt, mean, variance } of fixture.posteriors) {
    const now = before * alpha;
    const schedule = {
      steps: 2,
      beta: Float64Array.of(0, 1 - before, 1 - alpha),
      alphaBar: Float64Array.of(1, before, now),
      snr: Float64Array.of(Infinity, before / (1 - before), now / (1 - now)),
    };
    const found = posterior(matrix(x0), matrix(xt), 2, schedule);
    expect(maxAbsDifference(found.mean, matrix(mean))).toBeLessThan(1e-12);
    expect(Math.abs(found.variance - variance)).toBeLessThan(1e-12);
    expect(found.variance).toBeCloseTo(((1 - alpha) * (1 - before)) / (1 - now), 12);
  }
});

claim("predictions-are-affine-in-one-another", () => {
  const alphaBar = 0.3;
  const [x0, eps] = [normal(6, 2, 1), normal(6, 2, 2)];
  const mix = (a: number, x: Matrix, b: number, y: Matrix) =>
    matrixOver(
      rowMajor(x).map((value, i) => a * value + b * rowMajor(y)[i]!),
      6,
      2,
    );
  const xt = mix(Math.sqrt(alphaBar), x0, Math.sqrt(1 - alphaBar), eps);
  const all: Record<Prediction, Matrix> = {
    x0,
    eps,
    v: mix(Math.sqrt(alphaBar), eps, -Math.sqrt(1 - alphaBar), x0),
    score: mix(-1 / Math.sqrt(1 - alphaBar), eps, 0, eps),
  };
  for (const from of ["eps", "x0", "v", "score"] as const) {
    for (const to of ["eps", "x0", "v", "score"] as const) {
      expect(maxAbsDifference(convertPrediction(all[from], { from, to, xt, alphaBar }), all[to])).toBeLessThan(1e-12);
    }
  }
  // An error of the noise is multiplied by √((1 − ᾱ)/ᾱ) on its way to the data.
  const wrong = convertPrediction(normal(6, 2, 3), { from: "eps", to: "x0", xt, alphaBar });
  const squares = (x: Matrix, y: Matrix) =>
    rowMajor(x).reduce((sum, value, i) => sum + (value - rowMajor(y)[i]!) ** 2, 0);
  expect(squares(wrong, x0) / squares(normal(6, 2, 3), eps)).toBeCloseTo((1 - alphaBar) / alphaBar, 11);
  const first = { from: "eps", to: "x0", xt: scalar(0), alphaBar: cosine50.alphaBar[50]! } as const;
  expect(Math.abs(at(convertPrediction(scalar(1), first)))).toBeCloseTo(1015, -0.5);
});

claim(
  "noise-predictions-fail-in-few-steps",
  () => {
    const options = { schedule: cosine50, n: 1000, sampler: "ddim", timesteps: tenSteps } as const;
    const quality = (denoiser: Denoiser, clip = Infinity) =>
      mixtureQuality(ring, sample(denoiser, { ...options, clip })).highQuality;
    expect(quality(trained("eps"))).toBeLessThan(0.3);
    expect(quality(trained("v"))).toBeGreaterThan(0.7);
    expect(quality(trained("eps"), 1.6)).toBeGreaterThan(0.7);
    // The network is not to blame: in all 50 steps it does well.
    expect(mixtureQuality(ring, sample(trained("eps"), { schedule: cosine50 })).highQuality).toBeGreaterThan(0.8);
  },
  120_000,
);

claim(
  "the-best-loss-is-not-zero",
  () => {
    const lossAt = (mixture: Mixture, denoiser: Denoiser, t: number, n: number) =>
      noiseLoss(denoiser, sampleMixture(mixture, n, t), { schedule: cosine50, t, seed: 1000 + t });
    for (const s2 of [1, 0.25]) {
      for (const t of [5, 20, 45]) {
        const a = cosine50.alphaBar[t]!;
        const best = (a * s2) / (a * s2 + 1 - a);
        const found = lossAt(gaussian(s2), exactDenoiser(gaussian(s2), cosine50), t, 20_000);
        expect(Math.abs(found / best - 1)).toBeLessThan(4 * Math.sqrt(2 / 20_000)); // four standard errors
        if (s2 === 1) expect(best).toBeCloseTo(a, 12);
      }
    }
    const average = (denoiser: Denoiser, n: number) =>
      meanOf(Array.from({ length: 50 }, (_, i) => lossAt(ring, denoiser, i + 1, n)));
    const bayes = average(exactDenoiser(ring, cosine50), 1000);
    expect(fixture.bayesLoss).toBeCloseTo(0.314, 2);
    expect(Math.abs(bayes / fixture.bayesLoss - 1)).toBeLessThan(0.02); // four standard errors of 50 · 1000 points
    // The same points for both: the excess is the network's.
    const excess = average(trained("v"), 1000) / bayes - 1;
    expect(excess).toBeGreaterThan(0);
    expect(excess).toBeLessThan(0.06);
  },
  120_000,
);

claim("steps-cost-first-order", () => {
  // With the exact denoiser of N(0, 0.25) every step is x ← a·x + noise; the variance follows.
  const s2 = 0.25;
  const ratio = (T: number, sampler: "ddim" | "posterior" | "beta") => {
    const schedule = noiseSchedule("cosine", T);
    const { predict } = exactDenoiser(gaussian(s2), schedule);
    let variance = 1;
    for (let t = T; t >= 1; t--) {
      const alphaBar = schedule.alphaBar[t]!;
      const x0 = predict(scalar(1), t);
      if (sampler === "ddim") {
        const eps = convertPrediction(x0, { from: "x0", to: "eps", xt: scalar(1), alphaBar });
        variance *= at(qSample(x0, t - 1, eps, schedule)) ** 2;
      } else {
        const step = posterior(x0, scalar(1), t, schedule);
        const noise = t === 1 ? 0 : sampler === "beta" ? schedule.beta[t]! : step.variance;
        variance = at(step.mean) ** 2 * variance + noise;
      }
    }
    return variance / s2;
  };
  const table = {
    ddim: [0.939, 0.969, 0.984, 0.997],
    posterior: [0.875, 0.931, 0.963, 0.992],
    beta: [1.031, 1.016, 1.008, 1.002],
  };
  for (const [sampler, expected] of Object.entries(table) as [keyof typeof table, number[]][]) {
    const found = [50, 100, 200, 1000].map((T) => ratio(T, sampler));
    for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(0.0006);
    // first order: twice the steps, half the error
    expect((1 - found[0]!) / (1 - found[1]!)).toBeGreaterThan(1.7);
    expect((1 - found[0]!) / (1 - found[1]!)).toBeLessThan(2.1);
  }
  // And the sampler does what the recursion says.
  const denoiser = exactDenoiser(gaussian(s2), cosine50);
  const states = [...sampleSteps(denoiser, { schedule: cosine50, n: 3, dimension: 1, sampler: "ddim" })];
  const [first, last] = [states[0]!.x, states.at(-1)!.x];
  for (let i = 0; i < 3; i++) expect((last.get(i, 0) / first.get(i, 0)) ** 2 / s2).toBeCloseTo(ratio(50, "ddim"), 10);
  const n = 8000;
  for (const [options, expected] of [
    [{ variance: "posterior" }, "posterior"],
    [{ variance: "beta" }, "beta"],
    [{ sampler: "ddim", eta: 1 }, "posterior"],
  ] as const) {
    const x = rowMajor(sample(denoiser, { schedule: cosine50, n, dimension: 1, ...options }));
    expect(Math.abs(deviationOf(x) ** 2 / s2 / ratio(50, expected) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  }
});

claim("the-bound-is-tight-with-the-right-variance", () => {
  const s2 = 0.25;
  const elbo = (T: number, variance: "optimal" | "beta") => {
    const schedule = noiseSchedule("cosine", T);
    const last = schedule.alphaBar[T]!;
    let bound = -0.5 * (last * s2 - last - Math.log(1 - last)); // −E KL(q(x_T | x0) ‖ N(0, 1))
    for (let t = 1; t <= T; t++) {
      const a = schedule.alphaBar[t]!;
      const unknown = (s2 * (1 - a)) / (a * s2 + 1 - a); // variance of x0 given x_t
      const coefficient = at(posterior(scalar(1), scalar(0), t, schedule).mean);
      const own = posterior(scalar(0), scalar(0), t, schedule).variance;
      const gap = coefficient ** 2 * unknown;
      const sigma2 = variance === "optimal" || t === 1 ? own + gap : schedule.beta[t]!;
      if (t === 1) bound -= 0.5 * (Math.log(2 * Math.PI * sigma2) + gap / sigma2);
      else bound -= 0.5 * (Math.log(sigma2 / own) + (own + gap) / sigma2 - 1);
    }
    return bound;
  };
  const entropy = 0.5 * Math.log(2 * Math.PI * Math.E * s2);
  const shortfall = [10, 50, 200, 1000].map((T) => -entropy - elbo(T, "beta"));
  for (const [i, expected] of [0.0553, 0.0121, 0.0031, 0.0006].entries()) {
    expect(Math.abs(shortfall[i]! - expected)).toBeLessThan(6e-5);
  }
  for (const T of [10, 50, 200, 1000]) expect(Math.abs(elbo(T, "optimal") + entropy)).toBeLessThan(1e-9);
});

claim(
  "guidance-is-not-the-sharpened-density",
  () => {
    const schedule = noiseSchedule("cosine", 1000, { offset: 0 });
    const both = exactDenoiser({ weights: [0.5, 0.5], means: matrix([[1], [-1]]), variance: 0.25 }, schedule);
    const one = exactDenoiser(gaussian(0.25, 1), schedule);
    const options = { schedule, n: 400, dimension: 1, sampler: "ddim" } as const;
    // Deterministic in the noise z it starts from: the moments are integrals over z, by the midpoint rule between sorted points.
    const moments = (weight: number) => {
      const states = [...sampleSteps(one, { ...options, guidance: { weight, unconditional: both } })];
      const [z, x] = [rowMajor(states[0]!.x), rowMajor(states.at(-1)!.x)];
      const order = Array.from(z.keys()).sort((i, j) => z[i]! - z[j]!);
      const below = order.slice(1).map((i, k) => (1 + erf((z[i]! + z[order[k]!]!) / Math.SQRT2 / 2)) / 2);
      const shares = order.map((_, k) => (below[k] ?? 1) - (below[k - 1] ?? 0));
      const mean = order.reduce((sum, i, k) => sum + shares[k]! * x[i]!, 0);
      return { x, mean, deviation: Math.sqrt(order.reduce((sum, i, k) => sum + shares[k]! * (x[i]! - mean) ** 2, 0)) };
    };
    const three = moments(3);
    expect(Math.abs(three.mean - 1.525)).toBeLessThan(0.01);
    expect(Math.abs(three.deviation - 0.315)).toBeLessThan(0.01);
    expect(fixture.guided.mean).toBeCloseTo(1.051, 3);
    expect(fixture.guided.deviation).toBeCloseTo(0.457, 3);
    const plain = moments(1);
    expect(Math.abs(plain.mean - 1)).toBeLessThan(0.01);
    expect(Math.abs(plain.deviation - 0.5)).toBeLessThan(0.01);
    const alone = rowMajor(sample(one, options));
    expect(Math.max(...plain.x.map((value, i) => Math.abs(value - alone[i]!)))).toBeLessThan(1e-9);
  },
  30_000,
);

claim(
  "a-small-network-covers-the-ring",
  () => {
    // Two samples of 2,000 points, one generated and one of fresh data, by the same measures.
    const [made, real] = [sample(trained("v"), { schedule: cosine50, n: 2000 }), sampleMixture(ring, 2000, 99)];
    expect(mixtureQuality(ring, made).covered).toBe(8);
    expect(mixtureQuality(ring, made).highQuality).toBeGreaterThan(0.9);
    expect(mixtureQuality(ring, real).covered).toBe(8);
    expect(mixtureQuality(ring, real).highQuality).toBeGreaterThan(0.998);
    // Counted once more in polar coordinates: no mode is starved or crowded.
    const counts = new Array<number>(8).fill(0);
    for (const [a, b] of toRows(made)) {
      const k = Math.round(Math.atan2(b!, a!) / (Math.PI / 4));
      const gap = Math.hypot(a! - RADIUS * Math.cos((k * Math.PI) / 4), b! - RADIUS * Math.sin((k * Math.PI) / 4));
      if (gap <= 0.2 * RADIUS) counts[(k + 8) % 8]!++; // 4σ, where σ is a twentieth of the radius
    }
    expect(counts.reduce((sum, count) => sum + count, 0) / 2000).toBeCloseTo(
      mixtureQuality(ring, made).highQuality,
      12,
    );
    expect(Math.min(...counts)).toBeGreaterThan(0.8 * 250);
    expect(Math.max(...counts)).toBeLessThan(1.3 * 250);
    for (const moment of [1, 2, 4]) {
      for (const j of [0, 1]) {
        const [a, b] = [made, real].map((points) => toRows(points).map((row) => row[j]! ** moment));
        const error = Math.sqrt((deviationOf(a!) ** 2 + deviationOf(b!) ** 2) / 2000);
        expect(Math.abs(meanOf(a!) - meanOf(b!))).toBeLessThan(4 * error);
      }
    }
    // The check can fail: a Gaussian has the same means and variances.
    expect(mixtureQuality(ring, normal(2000, 2, 5)).highQuality).toBeLessThan(0.2);
  },
  120_000,
);

// ---- against NumPy and PyTorch ----

describe("against NumPy and PyTorch", () => {
  test("schedules", () => {
    const { schedules } = fixture;
    const linear = noiseSchedule("linear", 1000);
    for (const [i, beta] of schedules.linear.entries()) {
      expect(linear.beta[1 + 111 * i]! / beta).toBeCloseTo(1, 12);
      expect(linear.alphaBar[1 + 111 * i]! / schedules.linearAlphaBar[i]!).toBeCloseTo(1, 10);
    }
    for (let t = 1; t <= 50; t++) {
      expect(cosine50.beta[t]! / schedules.cosine[t - 1]!).toBeCloseTo(1, 10);
      expect(cosine50.alphaBar[t]! / schedules.cosineAlphaBar[t - 1]!).toBeCloseTo(1, 10);
      expect(noiseSchedule("linear", 50).beta[t]! / schedules.rescaled[t - 1]!).toBeCloseTo(1, 12);
    }
  });

  test.each(fixture.mixtures)(
    "a mixture's score at $alphaBar",
    ({ weights, means, variance, alphaBar, ...expected }) => {
      const found = mixtureScore({ weights, means: matrix(means), variance }, matrix(expected.x), alphaBar);
      expect(maxAbsDifference(found.score, matrix(expected.score))).toBeLessThan(1e-10);
      expect(maxAbsDifference(found.mean, matrix(expected.mean))).toBeLessThan(1e-10);
      for (const [i, log] of expected.logDensity.entries()) expect(found.logDensity[i]).toBeCloseTo(log, 10);
    },
  );
});

// ---- properties ----

describe("properties", () => {
  test("variance is preserved, signal falls, and all of it is bounded", () => {
    fc.assert(
      fc.property(fc.constantFrom("linear", "cosine"), fc.integer({ min: 21, max: 300 }), (kind, steps) => {
        const { beta, alphaBar, snr } = noiseSchedule(kind as "linear", steps);
        expect([beta.length, alphaBar.length, snr.length]).toEqual(new Array(3).fill(steps + 1));
        expect([beta[0], alphaBar[0], snr[0]]).toEqual([0, 1, Infinity]);
        for (let t = 1; t <= steps; t++) {
          expect(beta[t]! > 0 && beta[t]! < 1).toBe(true);
          expect(snr[t]!).toBeLessThan(snr[t - 1]!);
          expect(snr[t]!).toBeCloseTo(alphaBar[t]! / (1 - alphaBar[t]!), 12);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("conversions undo each other at every level", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Prediction>("eps", "x0", "v", "score"),
        fc.constantFrom<Prediction>("eps", "x0", "v", "score"),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        fc.integer({ min: 0, max: 99 }),
        (from, to, alphaBar, seed) => {
          const [value, xt] = [normal(3, 2, seed), normal(3, 2, seed + 100)];
          const there = convertPrediction(value, { from, to, xt, alphaBar });
          const back = convertPrediction(there, { from: to, to: from, xt, alphaBar });
          expect(maxAbsDifference(back, value)).toBeLessThan(1e-10);
        },
      ),
    );
  });

  test("the score is the slope of the log-density, and Tweedie's formula holds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 999 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        (seed, alphaBar) => {
          const x = normal(1, 2, seed);
          const { score, mean } = mixtureScore(ring, x, alphaBar);
          const h = 1e-5;
          for (const j of [0, 1]) {
            const moved = (by: number) =>
              matrix([[x.get(0, 0) + (j === 0 ? by : 0), x.get(0, 1) + (j === 1 ? by : 0)]]);
            const slope =
              (mixtureScore(ring, moved(h), alphaBar).logDensity[0]! -
                mixtureScore(ring, moved(-h), alphaBar).logDensity[0]!) /
              (2 * h);
            expect(Math.abs(slope - score.get(0, j))).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
            const tweedie = (x.get(0, j) + (1 - alphaBar) * score.get(0, j)) / Math.sqrt(alphaBar);
            expect(mean.get(0, j)).toBeCloseTo(tweedie, 9);
          }
        },
      ),
    );
  });

  test("samples are the same for a seed, and begin as noise", () => {
    const denoiser = exactDenoiser(ring, cosine50);
    const options = { schedule: cosine50, n: 200, seed: 7 };
    const states = [...sampleSteps(denoiser, options)];
    expect(states.map(({ t }) => t)).toEqual(Array.from({ length: 51 }, (_, i) => 50 - i));
    expect(deviationOf(rowMajor(states[0]!.x))).toBeCloseTo(1, 0);
    expect(rowMajor(sample(denoiser, options))).toEqual(rowMajor(states.at(-1)!.x));
    expect(rowMajor(sample(denoiser, { ...options, seed: 8 }))).not.toEqual(rowMajor(states.at(-1)!.x));
    expect(mixtureQuality(ring, states.at(-1)!.x)).toEqual({ highQuality: 1, covered: 8 });
    const few = [...sampleSteps(denoiser, { ...options, timesteps: [50, 20, 3] })];
    expect(few.map(({ t }) => t)).toEqual([50, 20, 3, 0]);
    const limited = sample(denoiser, { ...options, sampler: "ddim", clip: 0.5 });
    expect(Math.max(...rowMajor(limited).map(Math.abs))).toBeLessThan(0.5 + 1e-12);
  });

  test("steps that are skipped leave the schedule of those that are visited", () => {
    const visited = [50, 20, 3];
    const alphaBar = Float64Array.from([0, 3, 20, 50], (t) => cosine50.alphaBar[t]!);
    const beta = alphaBar.map((now, i) => (i === 0 ? 0 : 1 - now / alphaBar[i - 1]!));
    const coarse = { steps: 3, beta, alphaBar, snr: alphaBar.map((a) => a / (1 - a)) };
    for (const options of [
      {},
      { variance: "beta" },
      { clip: 0.7 },
      { sampler: "ddim" },
      { sampler: "ddim", eta: 0.5 },
    ] as const) {
      const skipping = sample(exactDenoiser(ring, cosine50), {
        schedule: cosine50,
        n: 20,
        timesteps: visited,
        ...options,
      });
      const whole = sample(exactDenoiser(ring, coarse), { schedule: coarse, n: 20, ...options });
      expect(maxAbsDifference(skipping, whole)).toBeLessThan(1e-12);
    }
    const [x0, xt] = [normal(3, 2, 1), normal(3, 2, 2)];
    const [found, expected] = [posterior(x0, xt, 50, cosine50, 20), posterior(x0, xt, 3, coarse)];
    expect(maxAbsDifference(found.mean, expected.mean)).toBeLessThan(1e-12);
    expect(found.variance).toBeCloseTo(expected.variance, 12);
  });

  test("the last step adds no noise, whatever the variance", () => {
    for (const variance of ["posterior", "beta"] as const) {
      const options = { schedule: cosine50, n: 5, timesteps: [30], variance };
      const [start, end] = [...sampleSteps(exactDenoiser(ring, cosine50), options)];
      expect(maxAbsDifference(end!.x, mixtureScore(ring, start!.x, cosine50.alphaBar[30]!).mean)).toBeLessThan(1e-12);
    }
  });

  test("the loss by hand", () => {
    const zero: Denoiser = {
      prediction: "eps",
      predict: (x) => matrixOver(new Float64Array(6), ...(x.shape as [3, 2])),
    };
    for (const seed of [0, 7]) {
      const eps = Array.from({ length: 6 }, random(seed).normal);
      const found = noiseLoss(zero, normal(3, 2, 1), { schedule: cosine50, t: 9, seed });
      expect(found).toBeCloseTo(meanOf(eps.map((e) => e ** 2)), 12);
    }
  });

  test("a DDIM step by hand, with noise and a clipped prediction", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 99 }), (eta, seed) => {
        const guess: Denoiser = { prediction: "eps", predict: () => matrixOver(new Float64Array(4).fill(0.3), 4, 1) };
        const options = { schedule: cosine50, n: 4, dimension: 1, clip: 0.4, timesteps: [30, 10], eta, seed } as const;
        const [start, next] = [...sampleSteps(guess, { ...options, sampler: "ddim" })];
        const draw = random(seed);
        const z = Array.from({ length: 8 }, () => draw.normal()); // four of the start, four of the step
        const [now, then] = [cosine50.alphaBar[30]!, cosine50.alphaBar[10]!];
        const sigma = eta * Math.sqrt((1 - then) / (1 - now)) * Math.sqrt(1 - now / then);
        for (let i = 0; i < 4; i++) {
          expect(start!.x.get(i, 0)).toBe(z[i]);
          const x0 = Math.max(-0.4, Math.min(0.4, (z[i]! - Math.sqrt(1 - now) * 0.3) / Math.sqrt(now)));
          const eps = (z[i]! - Math.sqrt(now) * x0) / Math.sqrt(1 - now); // what agrees with the clipped prediction
          const x = Math.sqrt(then) * x0 + Math.sqrt(1 - then - sigma ** 2) * eps + sigma * z[4 + i]!;
          expect(next!.x.get(i, 0)).toBeCloseTo(x, 12);
        }
      }),
      {
        examples: [
          [0, 0],
          [0.5, 1],
        ],
        numRuns: 30,
      },
    );
  });

  test("the network is the one that is described", () => {
    // A rate below the resolution of float32 leaves the weights as they were drawn.
    const [schedule, data] = [noiseSchedule("cosine", 10), normal(9, 2, 1)];
    for (const [hidden, frequencies] of [
      [5, 3],
      [2, 0],
    ] as const) {
      const options = { schedule, hidden, frequencies, steps: 1, batch: 2, learningRate: 1e-30, seed: 4 };
      const { denoiser } = trainDenoiserSteps(data, options).next().value as DenoiserState;
      const draw = random(4);
      const waves = (value: number, count: number, unit: number) => [
        value,
        ...Array.from({ length: count }, (_, k) => unit * 2 ** k * value).flatMap((angle) => [
          Math.sin(angle),
          Math.cos(angle),
        ]),
      ];
      let layer = [...waves(0.4, frequencies, 1), ...waves(-1.3, frequencies, 1), ...waves(7 / 10, 4, Math.PI / 2)];
      for (const [i, width] of [hidden, hidden, hidden, 2].entries()) {
        const weight = weightsOf(layer.length, width, draw.normal);
        layer = weight.map((column) => column.reduce((sum, w, k) => sum + w * layer[k]!, 0));
        if (i < 3) layer = layer.map((x) => x / (1 + Math.exp(-x)));
      }
      expect(maxAbsDifference(denoiser.predict(matrix([[0.4, -1.3]]), 7), matrix([layer]))).toBeLessThan(1e-5); // float32
    }
  });

  test("every row of the data is visited, at noisy levels only", () => {
    const schedule = noiseSchedule("cosine", 1); // one level, 0.1 % signal: the noise is nearly given, the data are not
    const data = matrix([[-1], [1]]);
    const last = (prediction: "eps" | "x0") => {
      const options = { schedule, prediction, steps: 100, hidden: 8, batch: 64 };
      return meanOf([...trainDenoiserSteps(data, options)].slice(-10).map(({ loss }) => loss));
    };
    expect(last("eps")).toBeLessThan(0.1);
    expect(last("x0")).toBeGreaterThan(0.8); // one row alone would be learned by heart
  });

  test("the defaults of training, and a rate that falls over all its steps", () => {
    const data = sampleMixture(ring, 50);
    const losses = (options: object) => {
      const states = trainDenoiserSteps(data, { schedule: cosine50, ...options });
      return Array.from({ length: 3 }, () => (states.next().value as DenoiserState).loss);
    };
    const defaults = { prediction: "v", steps: 1000, hidden: 48, batch: 128, learningRate: 4e-3, frequencies: 4 };
    expect(losses({})).toEqual(losses({ ...defaults, seed: 0 }));
    expect(losses({ steps: 3 })[1]).toBe(losses({})[1]); // the first step has the whole rate
    expect(losses({ steps: 3 })[2]).not.toBe(losses({})[2]);
  });

  test("training is the same for a seed, improves, and leaves the data alone", () => {
    const data = sampleMixture(ring, 300, 2);
    const kept = rowMajor(data).slice();
    const run = (prediction: "eps" | "x0" | "v", count: number, seed = 0) => {
      const states = trainDenoiserSteps(data, {
        schedule: cosine50,
        prediction,
        steps: 200,
        hidden: 16,
        seed,
        batch: 64,
      });
      return Array.from({ length: count }, () => states.next().value as DenoiserState);
    };
    for (const prediction of ["eps", "x0", "v"] as const) {
      const [a, b] = [run(prediction, 200), run(prediction, 5)];
      expect(a.slice(0, 5).map(({ loss }) => loss)).toEqual(b.map(({ loss }) => loss));
      expect(meanOf(a.slice(-10).map(({ loss }) => loss))).toBeLessThan(
        0.95 * meanOf(a.slice(0, 10).map(({ loss }) => loss)),
      );
      expect(a[0]!.denoiser.prediction).toBe(prediction);
      expect(a[0]!.denoiser.predict(normal(5, 2, 1), 10).shape).toEqual([5, 2]);
    }
    expect(run("v", 1, 1)[0]!.loss).not.toBe(run("v", 1)[0]!.loss);
    expect(rowMajor(data)).toEqual(kept);
    const raw = [...trainDenoiserSteps(data, { schedule: cosine50, steps: 1, frequencies: 0 })];
    expect(raw[0]!.loss).toBeGreaterThan(0);
    expect(raw[0]!.loss).not.toBe([...trainDenoiserSteps(data, { schedule: cosine50, steps: 1 })][0]!.loss);
  });
});

// ---- the contract ----

describe("edges", () => {
  test("no noise, all noise", () => {
    const x = normal(2, 3, 1);
    expect(toRows(qSample(x, 0, normal(2, 3, 2), cosine50))).toEqual(toRows(x));
    const whole = mixtureScore(ring, matrix([[0.3, -2]]), 0);
    expect(toRows(whole.score)[0]![0]).toBeCloseTo(-0.3, 12);
    expect(toRows(whole.mean)[0]![0]).toBeCloseTo(0, 12);
    expect(at(convertPrediction(scalar(-2), { from: "v", to: "x0", xt: scalar(9), alphaBar: 0 }))).toBe(2);
    expect(at(convertPrediction(scalar(4), { from: "eps", to: "x0", xt: scalar(9), alphaBar: 1 }))).toBe(9);
    for (const kind of ["eps", "x0", "v", "score"] as const) {
      for (const alphaBar of [0, 1]) {
        expect(at(convertPrediction(scalar(3), { from: kind, to: kind, xt: scalar(9), alphaBar }))).toBe(3);
      }
    }
    const far = mixtureScore(ring, matrix([[1e3, 0]]), 0.999);
    expect(Number.isFinite(far.logDensity[0]) && far.score.get(0, 0) < 0).toBe(true);
    expect(noiseSchedule("cosine", 1).beta[1]).toBe(0.999);
  });

  test("quality counts", () => {
    const centres = ring.means;
    expect(mixtureQuality(ring, centres)).toEqual({ highQuality: 1, covered: 8 });
    expect(mixtureQuality(ring, matrix([[0, 0]]))).toEqual({ highQuality: 0, covered: 0 });
    const half = matrix([...toRows(centres).slice(0, 2), [0, 0], [9, 9]]);
    expect(mixtureQuality(ring, half)).toEqual({ highQuality: 0.5, covered: 2 });
    // Components that overlap share a point: it counts once, for the nearest.
    const overlapping = { weights: [0.5, 0.5], means: matrix([[0], [1]]), variance: 1 };
    expect(mixtureQuality(overlapping, matrix([[0.2], [0.3]]))).toEqual({ highQuality: 1, covered: 1 });
    // 4σ belongs to the mode; a fifth of its share covers it.
    const unit = { weights: [1], means: matrix([[0]]), variance: 1 };
    expect(mixtureQuality(unit, matrix([[4], [4.01], [9], [9], [9]]))).toEqual({ highQuality: 0.2, covered: 1 });
    expect(mixtureQuality(unit, matrix([[4], [9], [9], [9], [9], [9]])).covered).toBe(0);
    // A share is of the component's own weight; a mixture draws by its weights.
    const rare = { weights: [0.9, 0.1], means: matrix([[0], [100]]), variance: 1 };
    const tenth = matrix([...new Array(36).fill([0]), [100], [9], [9], [9]]);
    expect(mixtureQuality(rare, tenth)).toEqual({ highQuality: 0.925, covered: 2 });
    const drawn = rowMajor(sampleMixture(rare, 2000)).filter((x) => x > 50).length / 2000;
    expect(Math.abs(drawn - 0.1)).toBeLessThan(4 * Math.sqrt((0.1 * 0.9) / 2000));
  });

  const schedule = cosine50;
  const denoiser = exactDenoiser(ring, schedule);
  const data = sampleMixture(ring, 20);
  const constant = (value: number): Denoiser => ({
    prediction: "x0",
    predict: (x) => matrixOver(new Float64Array(x.size).fill(value), x.shape[0]!, 2),
  });
  test.each<[string, () => unknown, string]>([
    ["steps", () => noiseSchedule("cosine", 0), "noiseSchedule: steps must be an integer at least 1, got 0"],
    [
      "kind",
      () => noiseSchedule("sigmoid" as "cosine", 5),
      "noiseSchedule: kind must be one of 'linear', 'cosine', got 'sigmoid'",
    ],
    ["one step", () => noiseSchedule("linear", 1), "noiseSchedule: beta[1] must be a finite number in (0, 1), got 20"],
    ["beta", () => noiseSchedule("linear", 20), "noiseSchedule: beta[20] must be a finite number in (0, 1), got 1"],
    [
      "offset",
      () => noiseSchedule("cosine", 5, { offset: -1 }),
      "noiseSchedule: offset must be a finite number in [0, Infinity), got -1",
    ],
    ["t", () => qSample(scalar(1), 51, scalar(1), schedule), "qSample: t must be an integer in [0, 50], got 51"],
    [
      "shapes",
      () => qSample(scalar(1), 1, matrix([[1, 2]]), schedule),
      "qSample: noise must have the shape of x0, 1×1, got 1×2",
    ],
    [
      "from",
      () => posterior(scalar(1), scalar(1), 3, schedule, 3),
      "posterior: from must be an integer in [0, 2], got 3",
    ],
    [
      "all noise",
      () => convertPrediction(scalar(1), { from: "eps", to: "x0", xt: scalar(1), alphaBar: 0 }),
      "convertPrediction: alphaBar must not be 0: the noise says nothing about the data there; predict v",
    ],
    [
      "no noise",
      () => convertPrediction(scalar(1), { from: "x0", to: "eps", xt: scalar(1), alphaBar: 1 }),
      "convertPrediction: alphaBar must not be 1: there is no noise to be found",
    ],
    [
      "no noise, v",
      () => convertPrediction(scalar(1), { from: "x0", to: "v", xt: scalar(1), alphaBar: 1 }),
      "convertPrediction: alphaBar must not be 1: there is no noise to be found",
    ],
    [
      "all noise, v",
      () => convertPrediction(scalar(1), { from: "score", to: "v", xt: scalar(1), alphaBar: 0 }),
      "convertPrediction: alphaBar must not be 0: the noise says nothing about the data there; predict v",
    ],
    [
      "no noise, score",
      () => convertPrediction(scalar(1), { from: "v", to: "score", xt: scalar(1), alphaBar: 1 }),
      "convertPrediction: alphaBar must not be 1: there is no noise to be found",
    ],
    [
      "weights",
      () => sampleMixture({ ...gaussian(1), weights: [0.5, 0.5] }, 3),
      "sampleMixture: the number of weights must be an integer in [1, 1], got 2",
    ],
    [
      "weight",
      () => mixtureScore({ weights: [0, 1], means: matrix([[0], [1]]), variance: 1 }, scalar(1), 0.5),
      "mixtureScore: weights[0] must be a finite number in (0, 1], got 0",
    ],
    [
      "sum of weights",
      () => mixtureQuality({ ...gaussian(1), weights: [0.5] }, scalar(1)),
      "mixtureQuality: the sum of the weights must be a finite number in [0.999999999, 1.000000001], got 0.5",
    ],
    [
      "variance",
      () => mixtureScore(gaussian(0), scalar(1), 1),
      "mixtureScore: variance must be a finite number in (0, Infinity), got 0",
    ],
    ["level", () => noiseLoss(denoiser, data, { schedule, t: 0 }), "noiseLoss: t must be an integer in [1, 50], got 0"],
    [
      "no timesteps",
      () => sample(denoiser, { schedule, timesteps: [] }),
      "sampleSteps: the number of timesteps must be an integer in [1, 50], got 0",
    ],
    [
      "prediction",
      () => convertPrediction(scalar(1), { from: "mu" as "eps", to: "x0", xt: scalar(1), alphaBar: 0.5 }),
      "convertPrediction: from must be one of 'eps', 'x0', 'v', 'score', got 'mu'",
    ],
    ["dimensions", () => mixtureScore(ring, scalar(1), 0.5), "mixtureScore: x must have 2 columns, got 1"],
    [
      "alphaBar",
      () => mixtureScore(ring, data, 1.5),
      "mixtureScore: alphaBar must be a finite number in [0, 1], got 1.5",
    ],
    ["points", () => sampleMixture(ring, 0), "sampleMixture: n must be an integer at least 1, got 0"],
    ["quality", () => mixtureQuality(ring, scalar(1)), "mixtureQuality: x must have 2 columns, got 1"],
    [
      "constant data",
      () =>
        trainDenoiserSteps(
          matrix([
            [1, 2],
            [3, 2],
          ]),
          { schedule },
        ).next(),
      "trainDenoiserSteps: data must vary, got 2 everywhere in column 1",
    ],
    [
      "rate",
      () => trainDenoiserSteps(data, { schedule, learningRate: 0 }).next(),
      "trainDenoiserSteps: learningRate must be a finite number in (0, Infinity), got 0",
    ],
    [
      "frequencies",
      () => trainDenoiserSteps(data, { schedule, frequencies: 17 }).next(),
      "trainDenoiserSteps: frequencies must be an integer in [0, 16], got 17",
    ],
    [
      "timesteps",
      () => sample(denoiser, { schedule, timesteps: [10, 20] }),
      "sampleSteps: timesteps[1] must be an integer in [1, 9], got 20",
    ],
    [
      "guidance",
      () => sample(denoiser, { schedule, guidance: { weight: Number.NaN, unconditional: denoiser } }),
      "sampleSteps: guidance.weight must be a finite number in [0, Infinity), got NaN",
    ],
    [
      "eta",
      () => sample(denoiser, { schedule, sampler: "ddim", eta: 2 }),
      "sampleSteps: eta must be a finite number in [0, 1], got 2",
    ],
    [
      "sampler",
      () => sample(denoiser, { schedule, sampler: "euler" as "ddim" }),
      "sampleSteps: sampler must be one of 'ddpm', 'ddim', got 'euler'",
    ],
    [
      "divergence",
      () => sample(constant(1e308), { schedule, n: 2, guidance: { weight: 5, unconditional: denoiser } }),
      "sampleSteps: points must stay finite, got Infinity in step 50",
    ],
    [
      "a prediction that is none",
      () => sample(constant(Number.NaN), { schedule }),
      "sampleSteps: points must stay finite, got NaN in step 50",
    ],
    [
      "divergence of DDIM",
      () => sample(constant(1e308), { schedule, sampler: "ddim", timesteps: [3, 2] }),
      "sampleSteps: points must stay finite, got -Infinity in step 3",
    ],
    [
      "a timestep twice",
      () => sample(denoiser, { schedule, timesteps: [10, 10] }),
      "sampleSteps: timesteps[1] must be an integer in [1, 9], got 10",
    ],
    [
      "a timestep past the end",
      () => sample(denoiser, { schedule, timesteps: [51] }),
      "sampleSteps: timesteps[0] must be an integer in [1, 50], got 51",
    ],
    [
      "clip",
      () => sample(denoiser, { schedule, clip: 0 }),
      "sampleSteps: clip must be a number in (0, Infinity], got 0",
    ],
    [
      "variance of a step",
      () => sample(denoiser, { schedule, variance: "learned" as "beta" }),
      "sampleSteps: variance must be one of 'posterior', 'beta', got 'learned'",
    ],
    ["no points", () => sample(denoiser, { schedule, n: 0 }), "sampleSteps: n must be an integer at least 1, got 0"],
    [
      "no dimension",
      () => sample(denoiser, { schedule, dimension: 0 }),
      "sampleSteps: dimension must be an integer at least 1, got 0",
    ],
    [
      "score as a target",
      () => trainDenoiserSteps(data, { schedule, prediction: "score" as "eps" }).next(),
      "trainDenoiserSteps: prediction must be one of 'eps', 'x0', 'v', got 'score'",
    ],
    ...(["steps", "hidden", "batch"] as const).map((name): [string, () => unknown, string] => [
      `no ${name}`,
      () => trainDenoiserSteps(data, { schedule, [name]: 0 }).next(),
      `trainDenoiserSteps: ${name} must be an integer at least 1, got 0`,
    ]),
    [
      "to",
      () => convertPrediction(scalar(1), { from: "eps", to: "mu" as "eps", xt: scalar(1), alphaBar: 0.5 }),
      "convertPrediction: to must be one of 'eps', 'x0', 'v', 'score', got 'mu'",
    ],
    [
      "level of a prediction",
      () => convertPrediction(scalar(1), { from: "eps", to: "x0", xt: scalar(1), alphaBar: 2 }),
      "convertPrediction: alphaBar must be a finite number in [0, 1], got 2",
    ],
    [
      "points of a prediction",
      () => convertPrediction(scalar(1), { from: "eps", to: "x0", xt: normal(2, 1, 0), alphaBar: 0.5 }),
      "convertPrediction: xt must have the shape of value, 1×1, got 2×1",
    ],
    [
      "posterior of clean data",
      () => posterior(scalar(1), scalar(1), 0, schedule),
      "posterior: t must be an integer in [1, 50], got 0",
    ],
    [
      "shapes of a posterior",
      () => posterior(scalar(1), normal(2, 1, 0), 1, schedule),
      "posterior: xt must have the shape of x0, 1×1, got 2×1",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("random() is what draws", () => {
    expect(sampleMixture(gaussian(1), 1, 5).get(0, 0)).toBe(
      (() => {
        const draw = random(5);
        draw.categorical([1]);
        return draw.normal();
      })(),
    );
  });
});
