import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DigitsNetwork, digitsData, digitsLogits, digitsProblem } from "../../src/autodiff/digits.js";
import { crossEntropy } from "../../src/autodiff/ops.js";
import { trainSteps } from "../../src/autodiff/train.js";
import { hvp, leaves, mapTree, tensor } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { AdamW, adamSteps } from "../../src/demos/training-fundamentals/adam-and-adamw.js";
import {
  gdStability,
  lrRangeTest,
  type NoisyQuadratic,
  noisyQuadratic,
  noisyQuadraticSteps,
  RIVER,
  radamRectifier,
  type ScheduleKind,
  type ScheduleOptions,
  schedule,
  sgdQuadratic,
  sharpness,
  TWO_SCALE,
} from "../../src/demos/training-fundamentals/learning-rate-schedules.js";
import { SGD, sgdMomentum } from "../../src/demos/training-fundamentals/sgd-with-momentum.js";
import {
  rangeTestFigure,
  scheduleFigure,
  warmupFigure,
} from "../../src/figures/training-fundamentals/learning-rate-schedules.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("training-fundamentals/learning-rate-schedules");
const { abs, cos, PI, sqrt } = Math;

const KINDS: readonly ScheduleKind[] = [
  "constant",
  "linear",
  "cosine",
  "polynomial",
  "inverse-sqrt",
  "step",
  "sgdr",
  "one-cycle",
];

const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);
const ratesOf = (kind: ScheduleKind, options: ScheduleOptions, steps = options.totalSteps!) =>
  Array.from(Array(steps).keys(), schedule(kind, options));
const plan = (kind: ScheduleKind, options: Partial<ScheduleOptions> = {}) =>
  schedule(kind, { peak: 0.5, totalSteps: 1000, ...options });

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    // positive form: NaN fails
    const close = abs(actual[i]! - expected[i]!) <= tolerance;
    expect(close, `entry ${i}: ${actual[i]} against ${expected[i]}, tolerance ${tolerance}`).toBe(true);
  }
}

claim("cosine-and-linear-spend-half", () => {
  for (const T of [1, 2, 7, 100, 1000]) {
    for (const peak of [0.5, 3e-4]) {
      const budget = (peak * (T + 1)) / 2;
      // T roundings of terms of at most peak
      for (const kind of ["cosine", "linear"] as const) {
        expect(abs(sum(ratesOf(kind, { peak, totalSteps: T })) - budget)).toBeLessThan(1e-15 * peak * T);
      }
      expect(sum(ratesOf("constant", { peak, totalSteps: T }))).toBeCloseTo(peak * T, 10);
    }
  }
  // the same sum, another tail: at nine tenths of the way cosine is at 2.4 % of the peak, linear at 10 %
  expect(plan("cosine")(900) / 0.5).toBeCloseTo(0.0245, 4);
  expect(plan("linear")(900) / 0.5).toBeCloseTo(0.1, 12);
});

claim("step-zero-is-not-wasted", () => {
  for (const kind of KINDS.filter((kind) => kind !== "one-cycle")) {
    const rates = ratesOf(kind, { peak: 0.4, totalSteps: 30, warmupSteps: 4, milestones: [10] });
    expectClose(rates.slice(0, 4), [0.1, 0.2, 0.3, 0.4], 1e-16);
    expect(rates[3]).toBe(0.4);
    for (const rate of rates) expect(rate).toBeGreaterThan(0); // the last step moves too: f((D − 1)/D), not f(1)
  }
  for (const rate of ratesOf("one-cycle", { peak: 0.4, totalSteps: 30 })) expect(rate).toBeGreaterThan(0);
  expect(plan("linear")(999)).toBeCloseTo(0.5 / 1000, 15);
});

claim("stable-below-two-over-lambda", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      fc.double({ min: 0.05, max: 3.9, noNaN: true }),
      (curvature, h) => {
        fc.pre(abs(h - 2) > 0.02);
        const lr = h / curvature;
        const { stable, contraction, maxLr } = gdStability({ curvature, lr });
        const after = noisyQuadratic(() => lr, { curvatures: [curvature], noise: [0], x0: [1], steps: 400 });
        expect(stable).toBe(h < 2);
        expect(after.stable).toBe(h < 2);
        expect(after.secondMoment[0]! < 1).toBe(h < 2);
        expect(contraction).toBeCloseTo(1 - h, 12);
        expect(maxLr).toBe(2 / curvature);
      },
    ),
  );
  expect(gdStability({ curvature: 4, lr: 0.5 }).stable).toBe(false); // |1 − ηλ| = 1: x jumps from side to side for ever
});

claim("noise-floor-is-proportional-to-lr", () => {
  const { stationaryVariance } = gdStability({ curvature: 1, lr: 0.1, noise: 1 });
  expect(stationaryVariance).toBeCloseTo(0.052632, 6);
  const problem = { curvatures: [1], noise: [1], x0: [0], steps: 120 };
  // after 120 steps 0.9²⁴⁰ = 1e-11 of the difference to the limit is left
  expect(abs(noisyQuadratic(() => 0.1, problem).secondMoment[0]! - stationaryVariance)).toBeLessThan(1e-11);
  const { losses } = sgdQuadratic(() => 0.1, problem, { runs: 20_000 });
  expect(abs((2 * losses[120]!) / stationaryVariance - 1)).toBeLessThan(0.03); // three standard errors √(2/20000)
  // a tenth of the rate, a little less than a tenth of the floor
  const ratio = stationaryVariance / gdStability({ curvature: 1, lr: 0.01, noise: 1 }).stationaryVariance;
  expect(ratio).toBeCloseTo((10 * 1.99) / 1.9, 12);
  expect(ratio.toFixed(2)).toBe("10.47");
});

claim("decay-removes-the-noise-floor", () => {
  const [constant, linear, cosine] = (["constant", "linear", "cosine"] as const).map((kind) =>
    noisyQuadratic(plan(kind), TWO_SCALE),
  );
  expect(constant!.loss).toBeCloseTo(0.167942, 6);
  expect(linear!.loss).toBeCloseTo(0.0088077, 7);
  expect(cosine!.loss).toBeCloseTo(0.0070408, 7);
  const floor = [1, 0.01].map((curvature) => gdStability({ curvature, lr: 0.5, noise: curvature }).stationaryVariance);
  expect(0.5 * (floor[0]! + 0.01 * floor[1]!)).toBeCloseTo(0.16792, 5);
  expect(constant!.loss).toBeCloseTo(0.16792, 4);
});

claim("cosine-needs-its-horizon", () => {
  const long = plan("cosine", { totalSteps: 2000 });
  expect(long(1000)).toBeCloseTo(0.25, 15);
  const [stopped, planned] = [noisyQuadratic(long, TWO_SCALE).loss, noisyQuadratic(plan("cosine"), TWO_SCALE).loss];
  expect(stopped).toBeCloseTo(0.072638, 6);
  expect((stopped / planned).toFixed(1)).toBe("10.3");
});

claim("early-drop-is-a-short-horizon-trap", () => {
  const drop = noisyQuadratic(plan("step", { milestones: [100], factor: 1 / 20 }), TWO_SCALE);
  const [constant, cosine] = [noisyQuadratic(plan("constant"), TWO_SCALE), noisyQuadratic(plan("cosine"), TWO_SCALE)];
  expect([drop, constant, cosine].map(({ losses }) => losses[150]!.toFixed(4))).toEqual(["0.1988", "0.2788", "0.2701"]);
  expect(drop.loss).toBeCloseTo(0.12384, 5);
  expect((drop.loss / cosine.loss).toFixed(1)).toBe("17.6");
  expect(drop.perDirection[1]! / drop.loss).toBeGreaterThan(0.9); // what is left is the flat direction's
});

claim("no-schedule-is-best-everywhere", () => {
  const on = (problem: NoisyQuadratic, kind: ScheduleKind, options: Partial<ScheduleOptions> = {}) =>
    noisyQuadratic(plan(kind, options), problem).loss;
  // two scales: the old step decay, ÷10 at 500 and at 750, beats cosine; river: no decay at all beats both
  expect(on(TWO_SCALE, "step")).toBeCloseTo(0.0056964, 7);
  expect(on(TWO_SCALE, "step")).toBeLessThan(on(TWO_SCALE, "cosine"));
  expect(on(RIVER, "constant")).toBeCloseTo(0.30187, 5);
  expect(on(RIVER, "step")).toBeCloseTo(0.35021, 5);
  expect(on(RIVER, "cosine")).toBeCloseTo(0.37054, 5);
  // decaying as 1/√t from the start spends a sixteenth of the rate and does not arrive
  expect(sum(ratesOf("inverse-sqrt", { peak: 0.5, totalSteps: 1000 }))).toBeCloseTo(30.9, 1);
  expect(on(TWO_SCALE, "inverse-sqrt")).toBeCloseTo(0.27357, 5);
  const harmonic = (problem: NoisyQuadratic) => noisyQuadratic((t) => 0.5 / (t + 1), problem).loss;
  expect(harmonic(TWO_SCALE)).toBeCloseTo(0.46509, 5);
  for (const problem of [TWO_SCALE, RIVER]) {
    for (const kind of KINDS) expect(on(problem, kind)).toBeLessThan(harmonic(problem));
  }
  // cosine against linear, which spend the same sum
  expect(on(TWO_SCALE, "cosine") / on(TWO_SCALE, "linear")).toBeCloseTo(0.8, 2);
  expect(on(RIVER, "cosine") / on(RIVER, "linear")).toBeCloseTo(0.995, 3);
});

claim("a-minimum-keeps-its-noise", () => {
  const { loss, perDirection } = noisyQuadratic(plan("cosine", { minLr: 0.05 }), TWO_SCALE);
  expect(perDirection[0]! / loss).toBeCloseTo(0.84, 2);
  expect(loss).toBeCloseTo(0.015391, 6);
  expect((loss / noisyQuadratic(plan("cosine"), TWO_SCALE).loss).toFixed(1)).toBe("2.2");
  // the steep direction holds the floor of the minimum rate
  const floor = 0.5 * gdStability({ curvature: 1, lr: 0.05, noise: 1 }).stationaryVariance;
  expect(perDirection[0]! / floor).toBeCloseTo(1, 2);
});

claim("k-times-the-batch-k-times-the-rate", () => {
  const floor = (k: number) => gdStability({ curvature: 1, lr: 0.01 * k, noise: 1 / k }).stationaryVariance;
  expect(floor(8) / floor(1)).toBeCloseTo(1.99 / 1.92, 12); // 3.6 % more noise
  expect((floor(8) / floor(1)).toFixed(3)).toBe("1.036");
  // eight small steps against one large one, along a flat direction
  expect(0.9999 ** 8).toBeCloseTo(1 - 8 * 0.0001, 6);
  expect(floor(100) / floor(1)).toBeCloseTo(1.99, 12); // near the limit the noise doubles
  expect(floor(200)).toBe(Infinity); // ηλ = 2
  expect(floor(150)).toBeLessThan(Infinity);
});

const quartic = (x: ArrayLike<number>) => [x[0]! ** 3 + x[0]!];

claim("warmup-leaves-a-steep-start", () => {
  const run = (x0: number, warmupSteps: number, steps = 300) =>
    sgdMomentum(quartic, [x0], { lr: schedule("constant", { peak: 0.3, warmupSteps }), momentum: 0, steps });
  expect(run(3, 0).diverged).toBe(true);
  expect(abs(run(3, 10).x[0]!)).toBeLessThan(1e-12);
  // it diverges exactly beyond |x| = √(2/η − 1), where a step leads to −x
  const edge = sqrt(2 / 0.3 - 1);
  expect(edge.toFixed(4)).toBe("2.3805");
  expect(edge - 0.3 * quartic([edge])[0]!).toBeCloseTo(-edge, 13);
  for (const sign of [1, -1]) {
    expect(run(sign * (edge + 1e-9), 0).diverged).toBe(true);
    expect(abs(run(sign * (edge - 1e-9), 0).x[0]!)).toBeLessThan(1e-12);
  }
  expect(0.3).toBeLessThan(gdStability({ curvature: 1, lr: 0.3 }).maxLr); // fine at the minimum, where f″ = 1
  expect(0.3).toBeGreaterThan(gdStability({ curvature: 28, lr: 0.3 }).maxLr); // not at 3, where f″ = 28
});

claim("noam-peaks-at-the-end-of-warmup", () => {
  const [d, W] = [512, 4000];
  const noam = (s: number) => d ** -0.5 * Math.min(s ** -0.5, s * W ** -1.5);
  expect(noam(W)).toBeCloseTo(6.9877e-4, 8);
  const ours = schedule("inverse-sqrt", { peak: (d * W) ** -0.5, warmupSteps: W });
  for (const s of [1, 2, 100, W - 1, W, W + 1, 3 * W, 1e6]) expect(ours(s - 1) / noam(s)).toBeCloseTo(1, 13);
  expect(ours(4 * W - 1)).toBeCloseTo(ours(W - 1) / 2, 15);
});

claim("sgdr-restarts-at-growing-intervals", () => {
  const rates = ratesOf("sgdr", { peak: 0.7, totalSteps: 200 });
  const restarts = rates.flatMap((rate, t) => (t > 0 && rate > rates[t - 1]! ? [t] : []));
  expect(restarts).toEqual([10, 30, 70, 150]);
  for (const t of [0, ...restarts]) expect(rates[t]).toBe(0.7);
  const even = ratesOf("sgdr", { peak: 1, totalSteps: 50, period: 7, periodFactor: 1, warmupSteps: 3 });
  expect(even.flatMap((rate, t) => (t > 3 && rate > even[t - 1]! ? [t] : []))).toEqual([10, 17, 24, 31, 38, 45]);
});

claim("radam-starts-at-step-five", () => {
  const rectified = radamRectifier({ steps: 2000 });
  expect(rectified.slice(0, 4).map(({ rectifier }) => rectifier)).toEqual(Array(4).fill(undefined));
  expect(rectified[3]!.rho).toBeLessThan(4);
  expect(rectified[4]!.rectifier).toBeCloseTo(0.0173, 4);
  for (let i = 5; i < 2000; i++) expect(rectified[i]!.rectifier!).toBeGreaterThan(rectified[i - 1]!.rectifier!);
  expect(rectified[1999]!.rectifier!).toBeLessThan(1);
});

claim("sampled-runs-agree-with-the-recursion", () => {
  const problem = { curvatures: [1, 0.2, 0.05], noise: [1, 0, 0.3], x0: [1, -2, 3], steps: 60 };
  const lr = schedule("cosine", { peak: 0.7, totalSteps: 60, warmupSteps: 7 });
  const { losses, standardErrors } = sgdQuadratic(lr, problem, { runs: 4000, seed: 3 });
  const exact = noisyQuadratic(lr, problem).losses;
  expect(losses[0]).toBeCloseTo(exact[0]!, 12);
  expect(standardErrors[0]).toBe(0);
  for (let t = 1; t <= 60; t++) expect(abs(losses[t]! - exact[t]!)).toBeLessThan(4 * standardErrors[t]!);
  // and the errors are small enough for that to mean something
  expect(standardErrors[60]! / losses[60]!).toBeLessThan(0.03);
});

claim("adam-keeps-a-floor-too", () => {
  const [d, steps] = [400, 1000];
  for (const lr of [0.04, 0.004]) {
    const { normal } = random(1);
    const states = adamSteps((x) => x.map((xi) => xi + normal()), new Float64Array(d), { lr, steps });
    let squares = 0;
    for (const { t, theta } of states) if (t > steps / 2) squares += sum(theta.map((x) => x * x)) / d;
    // 500 steps are at least four memories 1/(2·lr), of 400 runs: a standard error of √(2/1600) = 3.5 %
    expect(abs(squares / (steps / 2) / (lr / 2) - 1), `rate ${lr}`).toBeLessThan(0.15);
  }
});

claim("adams-transient-is-short", () => {
  const { normal } = random(0);
  const noise = () => Float64Array.from({ length: 5000 }, normal);
  const states = adamSteps(noise, new Float64Array(5000), { lr: 1, eps: 0, steps: 60 });
  const lengths = Array.from(states, ({ update }) => sqrt(sum(update.map((u) => u * u)) / 5000));
  const later = sqrt(0.1 / 1.9);
  expect((1 / later).toFixed(2)).toBe("4.36");
  expect(lengths[0]! / later).toBeCloseTo(4.36, 2);
  for (const length of lengths.slice(49)) expect(abs(length / later - 1)).toBeLessThan(0.03);
  expect(lengths[19]! / later).toBeGreaterThan(1.03); // not yet
});

/** Largest curvature of the mean loss over all training digits, where these parameters are. */
function digitsCurvature(parameters: DigitsNetwork) {
  const { train } = digitsData();
  const loss = (p: DigitsNetwork) => crossEntropy(digitsLogits(train.x, p), train.labels);
  const product = (v: Float64Array) => {
    let at = 0;
    const direction = mapTree(parameters, (p) => tensor(v.subarray(at, (at += p.data.length)), p.shape, "float32"));
    return leaves(hvp(loss, parameters, direction)).flatMap(({ data }) => [...data]);
  };
  return sharpness(
    product,
    leaves(parameters).reduce((total, { data }) => total + data.length, 0),
  );
}

/** The digits' network with all weights `scale` times as large. */
function scaledDigits(scale: number) {
  const problem = digitsProblem();
  for (const { data } of leaves(problem.parameters)) data.forEach((value, i) => void (data[i] = scale * value));
  return problem;
}

/** One run on the digits: its losses step by step, the parameters and the accuracy at the end. */
function digitsRun(lr: (t: number) => number, steps: number, scale = 1) {
  const problem = scaledDigits(scale);
  const losses: number[] = [];
  for (const { loss } of trainSteps({ ...problem, optimizer: new SGD({ lr }), steps })) losses.push(loss);
  return { losses, parameters: problem.parameters, accuracy: problem.accuracy(problem.parameters) };
}

claim("digits-outrun-their-first-limit", () => {
  const { curvature, converged } = digitsCurvature(digitsProblem().parameters);
  expect(converged).toBe(true);
  expect(abs(curvature - 3.68)).toBeLessThan(0.02);
  const limit = 2 / curvature;
  expect(limit.toFixed(2)).toBe("0.54");
  const problem = digitsProblem();
  let rate = 0;
  const run = trainSteps({ ...problem, optimizer: new SGD({ lr: () => rate }), steps: 100 });
  const step = (lr: number) => {
    rate = lr;
    return run.next().value!.loss;
  };
  const { blowUpAt } = lrRangeTest(step, { minLr: 1e-3, maxLr: 100, steps: 100 });
  expect(blowUpAt).toBeCloseTo(2.72, 2);
  expect((blowUpAt! / limit).toFixed(1)).toBe("5.0");
  // the delay until the loss has grown fourfold explains little: the same rates on a quadratic, λ = 4
  const expected = noisyQuadraticSteps((t) => 1e-3 * 1e5 ** (t / 99), {
    curvatures: [4, 0.2],
    noise: [1, 0.05],
    x0: [1, 5],
    steps: 100,
  });
  const onQuadratic = lrRangeTest(() => expected.next().value!.loss, { minLr: 1e-3, maxLr: 100, steps: 100 });
  expect((onQuadratic.blowUpAt! / 0.5).toFixed(2)).toBe("1.35");
  // a constant rate of nearly twice the limit trains well: the curvature falls out of its way
  const { losses, accuracy, parameters } = digitsRun(() => 1, 300);
  expect(sum(losses.slice(-20)) / 20).toBeLessThan(0.05);
  expect(accuracy).toBeGreaterThan(0.95);
  expect(digitsCurvature(parameters).curvature).toBeLessThan(2);
});

claim("warmup-spares-the-digits-a-spike", () => {
  expect(2 / digitsCurvature(scaledDigits(3).parameters).curvature).toBeLessThan(0.125);
  const cold = digitsRun(() => 1, 150, 3);
  const warm = digitsRun(schedule("constant", { peak: 1, warmupSteps: 50 }), 150, 3);
  expect(cold.losses[0]).toBe(warm.losses[0]);
  expect(Math.max(...cold.losses)).toBeGreaterThan(2 * cold.losses[0]!);
  expect(Math.max(...warm.losses)).toBe(warm.losses[0]);
  for (const { accuracy } of [cold, warm]) expect(accuracy).toBeGreaterThan(0.94); // this network recovers either way
});

claim("adam-survives-with-warmup", () => {
  const accuracy = (peak: number, warmupSteps: number) => {
    const problem = digitsProblem({ batch: 64 });
    const optimizer = new AdamW({ lr: schedule("constant", { peak, warmupSteps }), weightDecay: 0 });
    let worst = 0;
    for (const { loss } of trainSteps({ ...problem, optimizer, steps: 150 })) worst = Math.max(worst, loss);
    return { worst, accuracy: problem.accuracy(problem.parameters) };
  };
  const [cold, warm] = [accuracy(0.1, 0), accuracy(0.1, 20)];
  expect(cold.worst).toBeGreaterThan(1.2 * warm.worst); // a spike
  for (const run of [cold, warm]) expect(run.accuracy).toBeGreaterThan(0.93);
  expect(accuracy(0.2, 20).accuracy).toBeGreaterThan(0.92);
  expect(accuracy(0.2, 0).accuracy).toBeLessThan(0.75);
});

describe("schedule", () => {
  test("the definitions, at every step", () => {
    const [peak, T, W, minLr] = [0.8, 17, 5, 0.1];
    const options = { peak, totalSteps: T, warmupSteps: W, minLr };
    const D = T - W;
    const expected: Record<string, (i: number) => number> = {
      constant: () => peak,
      linear: (i) => minLr + (peak - minLr) * (1 - i / D),
      cosine: (i) => minLr + ((peak - minLr) * (1 + cos((PI * i) / D))) / 2,
      polynomial: (i) => minLr + (peak - minLr) * (1 - i / D) ** 3,
      "inverse-sqrt": (i) => Math.max(minLr, peak * sqrt(W / (W + i + 1))),
      step: (i) => Math.max(minLr, peak * 0.2 ** ((W + i >= 8 ? 1 : 0) + (W + i >= 12 ? 1 : 0))),
      sgdr: (i) => minLr + ((peak - minLr) * (1 + cos((PI * (i < 10 ? i / 10 : (i - 10) / 20)) / 1))) / 2,
    };
    for (const [kind, f] of Object.entries(expected)) {
      const rates = ratesOf(kind as ScheduleKind, { ...options, power: 3, factor: 0.2 });
      for (let t = 0; t < T; t++) expect(rates[t]).toBeCloseTo(t < W ? (peak * (t + 1)) / W : f(t - W), 14);
    }
  });

  test("one-cycle: cosines from peak/25 to the peak at W − 1 and to peak/250000 at T − 1", () => {
    const rates = ratesOf("one-cycle", { peak: 1, totalSteps: 20 });
    expect([rates[0], rates[5]]).toEqual([1 / 25, 1]); // W = 6
    expect(rates[19]).toBeCloseTo(4e-6, 18);
    expect(rates[2]).toBeCloseTo(0.04 + (0.96 * (1 - cos(0.4 * PI))) / 2, 14);
    expect(schedule("one-cycle", { peak: 1, totalSteps: 3 })(1)).toBe(1); // W is 2 at least
    const own = ratesOf("one-cycle", { peak: 1, totalSteps: 9, warmupSteps: 4, startLr: 0.5, minLr: 0.25 });
    expect([own[0], own[3], own[8]]).toEqual([0.5, 1, 0.25]);
  });

  test("stays within [0, peak], ends where it should, for any options", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.integer({ min: 3, max: 300 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.double({ min: 1e-6, max: 10, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (kind, totalSteps, warm, peak, low) => {
          const warmupSteps = Math.max(kind === "one-cycle" ? 2 : 0, Math.floor(warm * totalSteps));
          fc.pre(warmupSteps < totalSteps);
          const minLr = low * peak;
          const rates = ratesOf(kind, { peak, totalSteps, warmupSteps, minLr });
          const roundings = 4 * Number.EPSILON * peak;
          for (const rate of rates) {
            expect(rate).toBeGreaterThanOrEqual(0);
            expect(rate).toBeLessThanOrEqual(peak + roundings);
          }
          for (const rate of rates.slice(warmupSteps)) expect(rate).toBeGreaterThanOrEqual(minLr - roundings);
          if (kind !== "step") expect(Math.max(...rates)).toBeCloseTo(peak, 12);
          if (["linear", "cosine", "polynomial", "sgdr"].includes(kind)) expect(rates[warmupSteps]).toBe(peak);
          if (kind === "sgdr") return;
          for (let t = Math.max(1, warmupSteps); t < totalSteps; t++) {
            expect(rates[t]!).toBeLessThanOrEqual(
              Math.max(peak * (t === warmupSteps ? 1 : 0), rates[t - 1]!) + roundings,
            );
          }
        },
      ),
    );
  });

  test("without end where the shape has no horizon; clamp keeps the last rate", () => {
    for (const kind of ["constant", "inverse-sqrt", "sgdr"] as const) {
      expect(schedule(kind, { peak: 1 })(1e9)).toBeGreaterThan(0);
    }
    expect(schedule("step", { peak: 1, milestones: [3, 3] })(1e9)).toBeCloseTo(0.01, 15);
    expect([24, 99, 1e9].map(schedule("inverse-sqrt", { peak: 1, warmupSteps: 4, minLr: 0.25 }))).toEqual([
      0.4, 0.25, 0.25,
    ]);
    const clamped = schedule("cosine", { peak: 1, totalSteps: 8, clamp: true });
    expect([8, 9, 1e12].map(clamped)).toEqual(Array(3).fill(clamped(7)));
    expect(schedule("sgdr", { peak: 1, periodFactor: 1, period: 4 })(4e9 + 2)).toBeCloseTo(0.5, 12);
  });

  test("inputs unchanged; a schedule keeps its own copy", () => {
    const milestones = [2, 4];
    const lr = schedule("step", { peak: 1, milestones: Object.freeze(milestones) });
    expect(lr(2)).toBeCloseTo(0.1, 15);
    const mine = [2];
    const other = schedule("step", { peak: 1, milestones: mine });
    mine[0] = 100;
    expect(other(2)).toBeCloseTo(0.1, 15);
  });

  test("extremes", () => {
    expect(ratesOf("cosine", { peak: 1e308, totalSteps: 3, minLr: 1e308 })).toEqual([1e308, 1e308, 1e308]);
    expect(ratesOf("linear", { peak: 5e-324, totalSteps: 2 })[0]).toBe(5e-324);
    expect(ratesOf("linear", { peak: 0, totalSteps: 3 })).toEqual([0, 0, 0]);
    expect(ratesOf("cosine", { peak: 0.11, minLr: 0.008, totalSteps: 9 })[0]).toBe(0.11); // 0.008 + (0.11 − 0.008) is not
    expect(ratesOf("cosine", { peak: 2, totalSteps: 1 })).toEqual([2]);
    // the last steps of a long cosine keep their digits: sin²(x) ≈ x²
    const T = 1e8;
    const last = schedule("cosine", { peak: 1, totalSteps: T })(T - 1);
    expect(last / (PI / 2 / T) ** 2).toBeCloseTo(1, 6);
  });

  test("errors, with the whole message", () => {
    const fails = (kind: string, options: object, message: string) =>
      expect(() => schedule(kind as ScheduleKind, { peak: 1, totalSteps: 10, ...options })).toThrow(
        new RangeError(`schedule: ${message}`),
      );
    const kinds = KINDS.map((kind) => `'${kind}'`).join(", ");
    fails("cosin", {}, `kind must be one of ${kinds}, got 'cosin'`);
    fails("linear", { totalSteps: undefined }, "totalSteps must be an integer at least 1, got NaN");
    fails("constant", { totalSteps: 0 }, "totalSteps must be an integer at least 1, got 0");
    fails("cosine", { totalSteps: 9.5 }, "totalSteps must be an integer at least 1, got 9.5");
    fails("cosine", { warmupSteps: 10 }, "warmupSteps must be an integer in [0, 9], got 10");
    fails("cosine", { warmupSteps: 1.5 }, "warmupSteps must be an integer in [0, 9], got 1.5");
    fails("one-cycle", { warmupSteps: 1 }, "warmupSteps must be an integer in [2, 9], got 1");
    fails("cosine", { peak: -1 }, "peak must be a finite number in [0, Infinity), got -1");
    fails("cosine", { peak: Number.NaN }, "peak must be a finite number in [0, Infinity), got NaN");
    fails("cosine", { minLr: 1.5 }, "minLr must be a finite number in [0, 1], got 1.5");
    fails("cosine", { minLr: -0.1 }, "minLr must be a finite number in [0, 1], got -0.1");
    fails("one-cycle", { startLr: 2 }, "startLr must be a finite number in [0, 1], got 2");
    fails("polynomial", { power: 0 }, "power must be a finite number in (0, Infinity), got 0");
    fails("step", { factor: 0 }, "factor must be a finite number in (0, 1], got 0");
    fails("step", { factor: 1.1 }, "factor must be a finite number in (0, 1], got 1.1");
    fails("step", { milestones: [3, 2] }, "milestones[1] must be an integer at least 3, got 2");
    fails("step", { milestones: [-1] }, "milestones[0] must be an integer at least 0, got -1");
    fails("step", { totalSteps: undefined }, "milestones or totalSteps must be given, got neither");
    fails("sgdr", { period: 0 }, "period must be an integer at least 1, got 0");
    fails("sgdr", { periodFactor: 1.5 }, "periodFactor must be an integer at least 1, got 1.5");
    const lr = schedule("cosine", { peak: 1, totalSteps: 10 });
    for (const t of [10, -1, 0.5, Number.NaN]) {
      expect(() => lr(t)).toThrow(new RangeError(`schedule: t must be an integer in [0, 9], got ${t}`));
    }
    expect(() => schedule("cosine", { peak: 1, totalSteps: 10, clamp: true })(-1)).toThrow(
      new RangeError("schedule: t must be an integer at least 0, got -1"),
    );
  });
});

describe("noisyQuadratic and sgdQuadratic", () => {
  test("by hand: λ = σ² = x₀ = 1, η = ½ gives E[x²] = 1, 1/2, 3/8, and at last 1/3", () => {
    const states = [...noisyQuadraticSteps(() => 0.5, { curvatures: [1], noise: [1], x0: [1], steps: 2 })];
    expect(states.map(({ secondMoment }) => secondMoment[0])).toEqual([1, 0.5, 0.375]);
    expect(states.map(({ loss }) => loss)).toEqual([0.5, 0.25, 0.1875]);
    expect(states.map(({ t, lr }) => [t, lr])).toEqual([
      [0, 0],
      [1, 0.5],
      [2, 0.5],
    ]);
    expect(gdStability({ curvature: 1, lr: 0.5, noise: 1 }).stationaryVariance).toBeCloseTo(1 / 3, 15);
  });

  test("without noise it is gradient descent itself; directions do not mix; the losses are the trace", () => {
    const problem = { curvatures: [2, 0.3, 0], noise: [0, 0, 0], x0: [1, -3, 2], steps: 12 };
    const lr = schedule("linear", { peak: 0.4, totalSteps: 12 });
    const result = noisyQuadratic(lr, problem);
    const { x } = sgdMomentum((x) => x.map((xi, i) => problem.curvatures[i]! * xi), problem.x0, {
      lr,
      momentum: 0,
      steps: 12,
    });
    expectClose(
      result.secondMoment,
      x.map((xi) => xi * xi),
      1e-14,
    );
    expect(result.losses).toHaveLength(13);
    expect(result.losses[12]).toBe(result.loss);
    expect(result.t).toBe(12);
    expect(sum(result.perDirection)).toBeCloseTo(result.loss, 15);
    expect(sgdQuadratic(lr, problem, { runs: 2 }).losses[12]).toBeCloseTo(result.loss, 14);
    expect([...sgdQuadratic(lr, problem, { runs: 2 }).standardErrors]).toEqual(Array(13).fill(0));
  });

  test("pure noise in a flat direction: E[x²] is σ² Σ η²", () => {
    const { secondMoment } = noisyQuadratic((t) => 1 / (t + 1), { curvatures: [0], noise: [2], x0: [0], steps: 5 });
    expect(secondMoment[0]).toBeCloseTo(2 * (1 + 1 / 4 + 1 / 9 + 1 / 16 + 1 / 25), 14);
  });

  test("the same seed gives the same bits, another one others; the mean and its error by definition", () => {
    const problem = { curvatures: [1, 0.1], noise: [1, 0.5], x0: [1, 1], steps: 5 };
    const draw = (seed: number, runs = 50) => sgdQuadratic(() => 0.3, problem, { runs, seed });
    expect(draw(4)).toEqual(draw(4));
    expect(draw(4).losses).not.toEqual(draw(5).losses);
    expect(draw(0)).toEqual(sgdQuadratic(() => 0.3, problem, { runs: 50 }));
    expect(sgdQuadratic(() => 0.3, problem)).toEqual(draw(0, 1000));
    // a direction without noise draws none
    const quiet = { curvatures: [0, ...problem.curvatures], noise: [0, ...problem.noise], x0: [1, 1, 1], steps: 5 };
    expect(sgdQuadratic(() => 0.3, quiet, { runs: 50 })).toEqual(draw(0));
    // three runs are the first of four: the fourth loss, the mean and the error follow from two means
    const [two, three] = [draw(7, 2), draw(7, 3)];
    const third = 3 * three.losses[5]! - 2 * two.losses[5]!;
    const half = two.standardErrors[5]!; // half the distance of two values is their standard error
    const values = [two.losses[5]! - half, two.losses[5]! + half, third];
    const mean = sum(values) / 3;
    expect(three.standardErrors[5]).toBeCloseTo(sqrt(sum(values.map((v) => (v - mean) ** 2)) / 2 / 3), 12);
  });

  test("too large a rate is flagged, and the values go on until they overflow", () => {
    const problem = { curvatures: [1, 0.1], noise: [0, 0], x0: [1, 1], steps: 2000 };
    const result = noisyQuadratic(() => 3, problem);
    expect(result.stable).toBe(false);
    expect(result.t).toBe(511); // 2²ᵗ/2 fits up to t = 512, but E[x²] = 4ᵗ only up to 511
    expect(result.loss).toBe(2 ** 1021 + result.perDirection[1]!);
    expect(result.losses).toHaveLength(512);
    const once = [...noisyQuadraticSteps((t) => (t === 1 ? 2 : 0.5), { ...problem, steps: 4 })];
    expect(once.map(({ stable }) => stable)).toEqual([true, true, false, false, false]);
  });

  test("TWO_SCALE and RIVER are what they are said to be", () => {
    expect(TWO_SCALE).toEqual({ curvatures: [1, 0.01], noise: [1, 0.01], x0: [1, 10], peak: 0.5, steps: 1000 });
    expect(RIVER).toEqual({ curvatures: [1, 0.002], noise: [1, 0], x0: [1, sqrt(1000)], peak: 0.5, steps: 1000 });
    expect(noisyQuadratic(plan("constant"), RIVER).losses[0]).toBeCloseTo(1.5, 14);
  });

  test("extremes and errors, with the whole message", () => {
    const good = { curvatures: [1, 2], noise: [1, 0], x0: [3, 4], steps: 3 };
    const lr = () => 0.1;
    const fails = (problem: object, message: string, type = RangeError) => {
      expect(() => noisyQuadratic(lr, { ...good, ...problem })).toThrow(new type(`noisyQuadratic: ${message}`));
      expect(() => sgdQuadratic(lr, { ...good, ...problem })).toThrow(new type(`sgdQuadratic: ${message}`));
    };
    fails({ curvatures: [] }, "number of curvatures must be an integer at least 1, got 0");
    fails({ curvatures: [1, -1] }, "curvatures[1] must be a finite number in [0, Infinity), got -1");
    fails({ curvatures: [1, Number.NaN] }, "curvatures must be finite, got NaN at 1");
    fails({ noise: [1] }, "noise must have length 2, got 1");
    fails({ noise: [-1, 0] }, "noise[0] must be a finite number in [0, Infinity), got -1");
    fails({ x0: [1, 2, 3] }, "x0 must have length 2, got 3");
    fails({ x0: [1, Infinity] }, "x0 must be finite, got Infinity at 1");
    fails({ steps: -1 }, "steps must be an integer at least 0, got -1");
    fails({ x0: 3 }, "x0 must be an array of numbers, got number", TypeError);
    for (const rate of [-0.1, Number.NaN, Infinity]) {
      const message = `lr(1) must be a finite number in [0, Infinity), got ${rate}`;
      const bad = (t: number) => (t === 1 ? rate : 0.1);
      expect(() => noisyQuadratic(bad, good)).toThrow(new RangeError(`noisyQuadratic: ${message}`));
      expect(() => sgdQuadratic(bad, good)).toThrow(new RangeError(`sgdQuadratic: ${message}`));
    }
    expect(() => sgdQuadratic(lr, good, { runs: 1 })).toThrow(
      new RangeError("sgdQuadratic: runs must be an integer at least 2, got 1"),
    );
    expect(() => noisyQuadratic(lr, { ...good, x0: [1e308, 0] })).toThrow(
      new RangeError("noisyQuadratic: the loss at x0 must be finite, got Infinity"),
    );
    expect([...noisyQuadraticSteps(lr, { curvatures: [0], noise: [0], x0: [1e200], steps: 1 })]).toEqual([]); // E[x²] is not finite
    // E[x²] = 1e308 is finite, its loss is not
    expect([...noisyQuadraticSteps(lr, { curvatures: [4], noise: [0], x0: [1e154], steps: 1 })]).toEqual([]);
    expect(noisyQuadratic(lr, { ...good, steps: 0 }).losses).toEqual(Float64Array.of(20.5)); // 9/2 + 16
    expect(noisyQuadratic(lr, { ...good, x0: [5e-324, 0], noise: [0, 0] }).loss).toBe(0);
    const frozen = [good.curvatures, good.noise, good.x0].map((x) => Float64Array.from(x));
    const before = frozen.map((x) => [...x]);
    const arrays = { curvatures: frozen[0]!, noise: frozen[1]!, x0: frozen[2]!, steps: 3 };
    noisyQuadratic(lr, arrays);
    sgdQuadratic(lr, arrays, { runs: 2 });
    expect(frozen.map((x) => [...x])).toEqual(before);
  });
});

describe("gdStability, radamRectifier", () => {
  test("contraction 1 − ηλ; no stationary variance where it is unstable", () => {
    expect(gdStability({ curvature: 2, lr: 0.3 })).toEqual({
      contraction: 0.4,
      maxLr: 1,
      stable: true,
      stationaryVariance: 0,
    });
    expect(gdStability({ curvature: 2, lr: 1, noise: 0 })).toMatchObject({
      stable: false,
      stationaryVariance: Infinity,
    });
    const fails = (setting: object, message: string) =>
      expect(() => gdStability({ curvature: 1, lr: 1, ...setting })).toThrow(new RangeError(`gdStability: ${message}`));
    fails({ curvature: 0 }, "curvature must be a finite number in (0, Infinity), got 0");
    fails({ lr: 0 }, "lr must be a finite number in (0, Infinity), got 0");
    fails({ noise: -1 }, "noise must be a finite number in [0, Infinity), got -1");
    fails({ curvature: Number.NaN }, "curvature must be a finite number in (0, Infinity), got NaN");
  });

  test("ρ_t by its definition: 2/(1 − w) − 1 for the weighted mean age", () => {
    // ρ_t + 1 is twice the mean of the ages 1 … t under the weights (1 − β2)·β2^(age − 1), normalised
    for (const { t, rho } of radamRectifier({ beta2: 0.9, steps: 12 })) {
      const weights = Array.from({ length: t }, (_, age) => 0.9 ** age);
      const meanAge = sum(weights.map((w, age) => w * (age + 1))) / sum(weights);
      expect(rho).toBeCloseTo(2 * meanAge - 1, 12);
    }
    expect(radamRectifier()).toHaveLength(100);
    expect(radamRectifier({ steps: 0 })).toEqual([]);
    // β2 ≤ 0.6: ρ∞ ≤ 4, never defined; close to 1: no digits are lost in 1 − β2^t
    for (const { rectifier } of radamRectifier({ beta2: 0.6, steps: 500 })) expect(rectifier).toBeUndefined();
    expect(radamRectifier({ beta2: 1 - 1e-9, steps: 5 })[4]!.rho).toBeCloseTo(5, 5);
  });

  test("errors", () => {
    for (const beta2 of [0, 1, Number.NaN]) {
      expect(() => radamRectifier({ beta2 })).toThrow(
        new RangeError(`radamRectifier: beta2 must be a finite number in (0, 1), got ${beta2}`),
      );
    }
    expect(() => radamRectifier({ steps: 1.5 })).toThrow(
      new RangeError("radamRectifier: steps must be an integer at least 0, got 1.5"),
    );
  });
});

describe("lrRangeTest", () => {
  test("rates rise by one factor; it stops where the loss is above 4 times the lowest", () => {
    const losses = [3, 2, 1, 4, 4.1, 0];
    const seen: number[] = [];
    const step = (lr: number, t: number) => {
      seen.push(lr);
      return losses[t]!;
    };
    const result = lrRangeTest(step, { minLr: 0.01, maxLr: 1000, steps: 6 });
    expectClose(result.lrs, [0.01, 0.1, 1, 10, 100], 1e-12);
    expect([...result.lrs]).toEqual(seen);
    expect([...result.losses]).toEqual(losses.slice(0, 5));
    expect(result.lowestAt).toBeCloseTo(1, 13);
    expect(result.blowUpAt).toBeCloseTo(100, 11);
  });

  test("a loss that is not finite stops it, at the first step too; without a blow-up there is none", () => {
    for (const bad of [Number.NaN, Infinity]) {
      expect(lrRangeTest(() => bad).blowUpAt).toBe(1e-5);
      expect(lrRangeTest((_, t) => (t < 2 ? 1 : bad)).losses).toEqual(Float64Array.of(1, 1, bad));
    }
    const calm = lrRangeTest((lr) => 1 / lr);
    expect(calm.blowUpAt).toBeUndefined();
    expect([calm.lrs.length, calm.losses.length]).toEqual([100, 100]);
    expect(calm.lowestAt).toBeCloseTo(10, 12);
    expect(lrRangeTest(() => 1).lowestAt).toBe(1e-5); // the first of equal ones
    expect(lrRangeTest((_, t) => [1, 1.6][t]!, { steps: 2, blowUp: 1.5 }).blowUpAt).toBe(10);
  });

  test("errors", () => {
    const fails = (options: object, message: string) =>
      expect(() => lrRangeTest(() => 1, options)).toThrow(new RangeError(`lrRangeTest: ${message}`));
    fails({ minLr: 0 }, "minLr must be a finite number in (0, Infinity), got 0");
    fails({ minLr: 1, maxLr: 1 }, "maxLr must be a finite number in (1, Infinity), got 1");
    fails({ steps: 1 }, "steps must be an integer at least 2, got 1");
    fails({ blowUp: 1 }, "blowUp must be a finite number in (1, Infinity), got 1");
  });
});

describe("sharpness", () => {
  test("the eigenvalue that is largest in size, negative ones included", () => {
    const diagonal = (values: readonly number[]) => (v: Float64Array) => v.map((vi, i) => values[i]! * vi);
    const { curvature, converged } = sharpness(diagonal([2, -7, 3]), 3, { tol: 1e-12, iterations: 1000 });
    expect(curvature).toBeCloseTo(-7, 10);
    expect(converged).toBe(true);
    expect(sharpness(diagonal([0, 0]), 2)).toEqual({ curvature: 0, iterations: 1, converged: true });
    expect(sharpness(diagonal([5]), 1)).toEqual({ curvature: 5, iterations: 2, converged: true });
    expect(sharpness(diagonal([5, 4.9]), 2, { iterations: 2, tol: 0 })).toMatchObject({
      iterations: 2,
      converged: false,
    });
    expect(sharpness(diagonal([1, 2]), 2, { seed: 1 })).not.toEqual(sharpness(diagonal([1, 2]), 2));
    // 100 products at most, and a thousandth is close enough
    let calls = 0;
    const restless = (v: Float64Array) => v.map((vi) => (++calls % 2 ? 2 : 1) * vi);
    expect(sharpness(restless, 1)).toMatchObject({ iterations: 100, converged: false });
    const close = diagonal([5, 4]);
    expect(sharpness(close, 2)).toEqual(sharpness(close, 2, { iterations: 100, tol: 1e-3, seed: 0 }));
    expect(sharpness(close, 2, { tol: 1e-2 }).iterations).toBeLessThan(sharpness(close, 2).iterations);
    expect(sharpness(diagonal([1e300, 1]), 2).curvature / 1e300).toBeCloseTo(1, 3); // v is normalised without overflow
  });

  test("errors; the caller may write into the vector it gets", () => {
    const fails = (run: () => unknown, message: string) => expect(run).toThrow(new RangeError(`sharpness: ${message}`));
    fails(() => sharpness((v) => v, 0), "d must be an integer at least 1, got 0");
    fails(() => sharpness((v) => v, 2, { iterations: 0 }), "iterations must be an integer at least 1, got 0");
    fails(() => sharpness((v) => v, 2, { tol: -1 }), "tol must be a finite number in [0, Infinity), got -1");
    fails(() => sharpness(() => [1], 2), "Hv must have length 2, got 1");
    fails(() => sharpness(() => [1, Number.NaN], 2), "Hv must be finite, got NaN at 1");
    const rude = (v: Float64Array) => {
      const product = v.map((vi) => 3 * vi);
      v.fill(9);
      return product;
    };
    expect(sharpness(rude, 2).curvature).toBeCloseTo(3, 14);
  });
});

describe("figures say what is computed", () => {
  const titleOf = (spec: object) => (spec as { title: { text: string; subtitle: string } }).title;

  test("the schedule's figure", () => {
    expect(titleOf(scheduleFigure.draw({ warmup: 2, horizon: 1000 })).text).toMatch(/^After 1000 steps: expected loss/);
    const { loss, perDirection } = noisyQuadratic(
      schedule("linear", { peak: 0.5, totalSteps: 500, warmupSteps: 20, clamp: true }),
      RIVER,
    );
    const spec = scheduleFigure.draw({ kind: "linear", problem: "river", horizon: 500 });
    expect(titleOf(spec).text).toContain(String(Number(loss.toPrecision(3))));
    expect(titleOf(spec).subtitle).toContain(`${Number(perDirection[1]!.toPrecision(3))} at λ = 0.002`);
  });

  test("warmup: diverges without, converges with", () => {
    expect(titleOf(warmupFigure.draw()).text).toBe("x₀ = 3, η = 0.3: diverges without warmup, converges with 10 steps");
    expect(titleOf(warmupFigure.draw({ x0: 2.3 })).text).toContain("converges without");
  });

  test("range test: the limit, and where the loss is four times its lowest", () => {
    expect(titleOf(rangeTestFigure.draw()).text).toContain("limit 2/λ = 0.5");
    const rates = Array.from({ length: 100 }, (_, t) => 1e-3 * 1e5 ** (t / 99));
    const { losses } = noisyQuadratic((t) => rates[t]!, {
      curvatures: [4, 0.2],
      noise: [1, 0.05],
      x0: [1, 5],
      steps: 99,
    });
    const at = losses.findIndex((loss, t) => loss > 4 * Math.min(...losses.subarray(0, t + 1)));
    expect(titleOf(rangeTestFigure.draw()).text).toContain(`η = ${Number(rates[at]!.toPrecision(3))};`);
  });
});

interface Fixture {
  readonly schedules: readonly { kind: ScheduleKind; options: ScheduleOptions; rates: number[] }[];
  readonly quadratics: readonly {
    readonly problem: "TWO_SCALE" | "RIVER";
    readonly plan: string;
    readonly at150: number;
    readonly final: number;
    readonly mean: number;
  }[];
  readonly randomQuadratic: {
    readonly curvatures: number[];
    readonly noise: number[];
    readonly x0: number[];
    readonly lrs: number[];
    readonly losses: number[];
  };
  readonly cosinePastItsEnd: number[];
  readonly radam: readonly { beta2: number; updates: number[] }[];
  readonly quartic: readonly { x0: number; warmup: number; path: number[] }[];
  readonly hessian: { readonly matrix: number[][]; readonly largest: number };
}

describe("PyTorch and NumPy", () => {
  const fixture = oracle<Fixture>();

  test.each(fixture.schedules)("torch's scheduler: $kind $options", ({ kind, options, rates }) => {
    // theirs is a product of up to 200 ratios for the chained ones
    expectClose(ratesOf(kind, options), rates, 1e-13 * options.peak);
  });

  test.each(fixture.quadratics)("recursion of covariance matrices: $plan on $problem", (expected) => {
    const lr: Record<string, (t: number) => number> = {
      constant: plan("constant"),
      linear: plan("linear"),
      cosine: plan("cosine"),
      "cosine for 2T": plan("cosine", { totalSteps: 2000 }),
      "drop at 100": plan("step", { milestones: [100], factor: 1 / 20 }),
    };
    const { losses, loss } = noisyQuadratic(lr[expected.plan]!, expected.problem === "RIVER" ? RIVER : TWO_SCALE);
    // theirs works in a rotated basis: 1000 steps of roundings of numbers up to 1000
    expectClose([losses[150]!, loss, sum(losses) / 1001], [expected.at150, expected.final, expected.mean], 1e-11);
  });

  test("random curvatures, noise and rates", () => {
    const { lrs, losses, ...problem } = fixture.randomQuadratic;
    expectClose(noisyQuadratic((t) => lrs[t]!, { ...problem, steps: lrs.length }).losses, losses, 1e-13);
  });

  test("torch's cosine rises again beyond its horizon; ours is an error, or stays", () => {
    const past = fixture.cosinePastItsEnd;
    expectClose(past.slice(0, 5), ratesOf("cosine", { peak: 1, totalSteps: 5 }), 1e-14);
    expect(past[5]).toBeCloseTo(0, 14);
    expect(past[8]!).toBeGreaterThan(past[7]!);
  });

  test("RAdam: torch rectifies where ρ > 5, a step later than the paper's ρ > 4", () => {
    for (const { beta2, updates } of fixture.radam) {
      const ours = radamRectifier({ beta2, steps: updates.length });
      updates.forEach((update, i) => {
        const { rho, rectifier } = ours[i]!;
        if (rho > 5) expect(rectifier).toBeCloseTo(update, 11);
        else expect(update).toBeCloseTo(1, 12); // plain momentum
      });
      expect(ours.filter(({ rho, rectifier }) => rectifier !== undefined && rho <= 5).map(({ t }) => t)).toEqual([5]);
    }
  });

  test("x⁴/4 + x²/2 by torch's SGD", () => {
    for (const { x0, warmup, path } of fixture.quartic) {
      const lr = schedule("constant", { peak: 0.3, warmupSteps: warmup });
      const steps = path.length - 1;
      const { x } = sgdMomentum(quartic, [x0], { lr, momentum: 0, steps });
      const end = path.at(-1)!;
      expect(abs(x[0]! - end)).toBeLessThanOrEqual(1e-9 * Math.max(1e-9, abs(end))); // chaotic growth near the edge
      expect(abs(end) > 1e3).toBe(x0 === 2.381 || (x0 === 3 && warmup === 0));
    }
  });

  test("power iteration against eigvalsh", () => {
    const { matrix, largest } = fixture.hessian;
    const product = (v: Float64Array) => matrix.map((row) => sum(row.map((value, j) => value * v[j]!)));
    expect(sharpness(product, 5, { tol: 1e-14, iterations: 1000 }).curvature).toBeCloseTo(largest, 11);
  });
});
