import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digitsProblem } from "../../src/autodiff/digits.js";
import { mul } from "../../src/autodiff/ops.js";
import { type Optimizer, train, trainSteps } from "../../src/autodiff/train.js";
import { svd } from "../../src/demos/linear-algebra/svd-and-pca.js";
import {
  type AdamOptions,
  type AdamStepsOptions,
  AdamW,
  type AdamWOptions,
  adafactorSecondMoment,
  adam,
  adamSteps,
  adamw,
  Lion,
  lionSteps,
  muonStep,
  newtonSchulz5,
  optimizerStateBytes,
} from "../../src/demos/training-fundamentals/adam-and-adamw.js";
import { NonFiniteGradientError, SGD } from "../../src/demos/training-fundamentals/sgd-with-momentum.js";
import { stepLengthFigure, trajectoryFigure } from "../../src/figures/training-fundamentals/adam-and-adamw.js";
import {
  frobeniusNorm,
  type Matrix,
  matrix,
  matrixOver,
  maxAbsDifference,
  toRows,
  zeros,
} from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("training-fundamentals/adam-and-adamw");
const { abs, sqrt } = Math;

const CURVATURES = [1, 10, 0.1];
const START = [1, -2, 0.5];

/** The gradient of the oracle: a quadratic, disturbed, so that the averages never settle. */
const disturbed = (theta: ArrayLike<number>, t: number) =>
  CURVATURES.map((c, i) => c * theta[i]! + Math.cos(0.7 * t * (i + 1)));

const rms = (x: ArrayLike<number>) => sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0) / x.length);

function normals(seed: number, length: number, scale = 1): Float64Array {
  const { normal } = random(seed);
  return Float64Array.from({ length }, () => scale * normal());
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    // positive form: NaN fails
    const close = abs(actual[i]! - expected[i]!) <= tolerance;
    expect(close, `entry ${i}: ${actual[i]} against ${expected[i]}, tolerance ${tolerance}`).toBe(true);
  }
}

/** Longest step of each of `steps` steps under the gradients, in learning rates. */
const lengths = (gradient: (t: number) => number, options: AdamStepsOptions) =>
  Array.from(
    adamSteps((_, t) => [gradient(t)], [0], { lr: 1, eps: 0, ...options }),
    ({ update }) => -update[0]!,
  );

claim("first-step-is-lr", () => {
  const [lr, eps] = [0.03, 1e-8];
  const gradients = [1e-12, -1e-8, 1e-8, 1e-4, -1, 1, 1e100, -1e150];
  const [first] = adamSteps(() => gradients, new Float64Array(8), { lr, eps, steps: 1 });
  // a handful of roundings, relative to each
  first!.update.forEach((u, i) => {
    const expected = (-lr * gradients[i]!) / (abs(gradients[i]!) + eps);
    expect(abs(u / expected - 1)).toBeLessThan(1e-14);
  });
  expectClose(first!.update.slice(1, 3), [lr / 2, -lr / 2], 1e-16);
  expectClose(first!.update.slice(4), [lr, -lr, -lr, lr], 1e-9);
});

claim("uncorrected-steps-are-too-long", () => {
  const constant = (betas: [number, number], biasCorrection: boolean) =>
    lengths(() => 5, { betas, biasCorrection, steps: 200 });
  expect(constant([0.9, 0.999], false)[0]).toBeCloseTo(0.1 / sqrt(0.001), 12);
  expect(constant([0.9, 0.999], false)[0]).toBeCloseTo(3.1623, 4);
  expect(constant([0.9, 0.95], false)[0]).toBeCloseTo(0.4472, 4);
  const steps = constant([0.9, 0.999], false);
  expect(Math.max(...steps)).toBeCloseTo(6.5685, 4);
  expect(steps.indexOf(Math.max(...steps)) + 1).toBe(12);
  for (const length of constant([0.9, 0.999], true)) expect(length).toBeCloseTo(1, 12);
});

claim("worst-case-step-is-7-27", () => {
  const limit = 0.1 / (sqrt(0.001) * sqrt(1 - 0.81 / 0.999));
  expect(limit).toBeCloseTo(7.2703, 4);
  const worst = (T: number) => lengths((t) => (0.9 / 0.999) ** (T - 1 - t), { steps: T })[T - 1]!;
  expect(worst(20_000)).toBeCloseTo(7.27029, 5);
  expect(worst(20_000)).toBeLessThan(limit);
  for (const [T, bound] of Object.entries(oracle<Fixture>().worstCase)) {
    if (T !== "20000") expect(abs(worst(Number(T)) / bound - 1), T).toBeLessThan(1e-12);
  }
  const longest = worst(100);
  // no other sequence passes the bound of its length
  for (let seed = 0; seed < 200; seed++) {
    const { normal, uniform, integer } = random(seed);
    const [T, power] = [1 + integer(100), 4 * uniform()];
    const steps = lengths(() => normal() * 10 ** (power * normal()), { steps: T });
    for (const length of steps) expect(abs(length)).toBeLessThan(longest + 1e-12);
  }
  const spike = lengths((t) => (t === 19_999 ? 1 : 0), { steps: 20_000 });
  expect(spike[19_999]).toBeCloseTo(3.1623, 4);
});

claim("loss-scale-cancels", () => {
  const path = (factor: number, eps: number) =>
    adam((theta, t) => disturbed(theta, t).map((g) => factor * g), START, { lr: 0.05, eps, steps: 300 }).theta;
  expect(path(1024, 0)).toEqual(path(1, 0));
  expectClose(path(1000, 0), path(1, 0), 1e-12);
  // ε breaks it where it is as large as the gradients
  const gap = Math.max(...path(1000, 0.1).map((x, i) => abs(x - path(1, 0.1)[i]!)));
  expect(gap).toBeGreaterThan(1e-3);
  const gradientDescent = (factor: number) => {
    const theta = Float64Array.from(START);
    new SGD({ lr: 1e-3 }).step([theta], [disturbed(theta, 0).map((g) => factor * g)]);
    return theta[0]! - START[0]!;
  };
  expect(gradientDescent(1000) / gradientDescent(1)).toBeCloseTo(1000, 9);
});

claim("digits-do-not-see-the-loss-scale", () => {
  const losses = (factor: number, optimizer: Optimizer) => {
    const problem = digitsProblem({ hidden: 16, batch: 32 });
    const loss: typeof problem.loss = (p, step) => mul(problem.loss(p, step), factor);
    return Array.from(trainSteps({ ...problem, loss, optimizer, steps: 30 }), (step) => step.loss / factor);
  };
  const adamWithout = () => new AdamW({ lr: 0.01, eps: 0 });
  expect(losses(1024, adamWithout())).toEqual(losses(1, adamWithout()));
  const [plain, scaled] = [1, 1024].map((factor) => losses(factor, new SGD({ lr: 0.1 })).at(-1)!);
  expect(plain).toBeLessThan(2);
  expect(scaled).toBeGreaterThan(10);
});

claim("noise-sets-the-step", () => {
  const { normal } = random(0);
  const d = 10_000;
  const noise = () => Float64Array.from({ length: d }, normal);
  const states = adamSteps(noise, new Float64Array(d), { lr: 1, eps: 1e-12, steps: 50 });
  const sizes = Array.from(states, ({ update }) => rms(update));
  expect(sizes[0]).toBeCloseTo(1, 9);
  // the rms of 10,000 independent steps has a relative error of 0.7 %
  expect(abs(sizes[9]! / 0.329 - 1)).toBeLessThan(0.02);
  expect(abs(sizes[49]! / 0.231 - 1)).toBeLessThan(0.02);
  expect(sqrt(0.1 / 1.9)).toBeCloseTo(0.2294, 4);
  expect(abs(sizes[49]! / 0.2294 - 1)).toBeLessThan(0.03);
});

claim("rare-gradients-move-by-the-root", () => {
  for (const K of [1, 10, 100]) {
    const rare = (_: unknown, t: number) => [t % K === 0 ? 1 : 0];
    const path = Array.from(adamSteps(rare, [0], { lr: 1, steps: 4000 }), ({ theta }) => -theta[0]!);
    const mean = (path[3999]! - path[2999]!) / 1000;
    expect(abs(mean * sqrt(K) - 1), `K = ${K}`).toBeLessThan(0.03); // v̂ falls by a tenth between two of them at K = 100
    const theta = Float64Array.of(0);
    const descent = new SGD({ lr: 1 });
    for (let t = 0; t < 1000; t++) descent.step([theta], [rare(0, t)]);
    expect(theta[0]).toBe(-1000 / K);
  }
});

claim("a-larger-batch-doubles-the-mean-step", () => {
  const d = 10_000;
  const steps = (deviation: number) => {
    const noisy = () => normals(7 + seed++, d, deviation).map((g) => g + 0.03);
    let seed = 0;
    const late = [...adamSteps(noisy, new Float64Array(d), { lr: 1, eps: 0, steps: 50 })].slice(20);
    const mean = late.reduce((sum, { update }) => sum - update.reduce((a, b) => a + b, 0) / d, 0) / late.length;
    return { mean, rms: rms(late.map(({ update }) => rms(update))) };
  };
  const [one, four] = [steps(1), steps(0.5)];
  // a mean of 30 steps of 10,000 coordinates, correlated over 10: standard error 0.0013
  expect(abs(one.mean - 0.03)).toBeLessThan(0.004);
  expect(abs(four.mean - 0.06)).toBeLessThan(0.004);
  expect(abs(four.rms / one.rms - 1)).toBeLessThan(0.05);
});

claim("a-spike-is-remembered-by-beta2", () => {
  /** Steps after the spike until a step is 1/√2 of what it was: until the spike's part of v̂ is no larger than the rest. */
  const recovery = (beta2: number) => {
    const after = lengths((t) => (t === 100 ? 1000 : 1), { betas: [0.9, beta2], steps: 7100 }).slice(101);
    return 1 + after.findIndex((length, i) => i > 50 && length >= Math.SQRT1_2);
  };
  expect(recovery(0.999)).toBe(6906);
  expect(recovery(0.95)).toBe(211);
  const left = (beta2: number, k: number) => (1 - beta2) * beta2 ** k * 1e6; // what is left of the spike in v
  expect(left(0.999, 6905)).toBeLessThan(1);
  expect(left(0.999, 6900)).toBeGreaterThan(1);
  expect(left(0.95, 210)).toBeGreaterThan(1);
  expect(left(0.95, 211)).toBeLessThan(1);
});

/** The gradients of Reddi, Kale and Kumar, section 3: f = 3x in every third step, else −x, on [−1, 1]. */
const REDDI = (_: ArrayLike<number>, t: number) => [t % 3 === 0 ? 3 : -1];
const REDDI_OPTIONS: AdamStepsOptions = {
  lr: (t) => 0.1 / sqrt(t + 1),
  betas: [0, 0.1],
  eps: 0,
  bounds: [-1, 1],
  steps: 30_000,
};

claim("adam-goes-to-the-worst-point", () => {
  expect(adam(REDDI, [0], REDDI_OPTIONS).theta[0]).toBeGreaterThan(0.99);
  expect(adam(REDDI, [0], { ...REDDI_OPTIONS, amsgrad: true }).theta[0]).toBeLessThan(-0.99);
  // as in the paper, without the correction
  expect(adam(REDDI, [0], { ...REDDI_OPTIONS, biasCorrection: false, steps: 3000 }).theta[0]).toBeGreaterThan(0.9);
});

claim("decay-outside-of-the-ratio", () => {
  const lr = (t: number) => 0.1 / (1 + t);
  const shrunk = adamw(() => [0, 0], [1, -3], { lr, weightDecay: 0.5, steps: 40 }).theta;
  let product = 1;
  for (let t = 0; t < 40; t++) product *= 1 - lr(t) * 0.5;
  expectClose(shrunk, [product, -3 * product], 1e-14);
  // L2 in Adam: the size of λ cancels like the size of any gradient
  const l2 = (weightDecay: number) => adam(() => [0], [1], { lr: 1e-3, eps: 0, weightDecay, steps: 500 }).theta[0]!;
  expect(l2(1)).toBeCloseTo(0.56051, 5);
  for (const weightDecay of [1e-4, 1e-2]) expect(abs(l2(weightDecay) - l2(1))).toBeLessThan(1e-12);
});

claim("three-places-for-epsilon", () => {
  const first = (epsForm: AdamOptions["epsForm"]) => {
    const [state] = adamSteps(() => [1e-8], [0], { lr: 1, eps: 1e-8, steps: 1, ...(epsForm && { epsForm }) });
    return -state!.update[0]!;
  };
  expect(first("corrected")).toBeCloseTo(0.5, 12);
  expect(first(undefined)).toBe(first("corrected"));
  expect(first("uncorrected")).toBeCloseTo((0.1 * 1e-8) / (sqrt(0.001) * 1e-8 + 1e-8) / (0.1 / sqrt(0.001)), 12);
  expect(first("uncorrected")).toBeCloseTo(0.0307, 4);
  expect(first("inside")).toBeCloseTo(1e-4, 8);
});

claim("large-epsilon-is-momentum", () => {
  // √v̂ ≪ ε: lr/ε times the corrected average of the gradients
  const eps = 1e6;
  let m = 0;
  for (const { t, update } of adamSteps((_, t) => [disturbed(START, t)[1]!], [0], { lr: 1, eps, steps: 50 })) {
    m = 0.9 * m + 0.1 * disturbed(START, t - 1)[1]!;
    expect(abs((-update[0]! * eps * (1 - 0.9 ** t)) / m - 1)).toBeLessThan(1e-4); // √v̂/ε, about 2e-5
  }
});

claim("lion-moves-by-lr", () => {
  for (const { update } of lionSteps(disturbed, START, { lr: 0.01, steps: 50 })) {
    expect(update.map(abs)).toEqual(Float64Array.of(0.01, 0.01, 0.01));
  }
  const scaled = (factor: number) =>
    Array.from(
      lionSteps((theta, t) => disturbed(theta, t).map((g) => factor * g), START, { lr: 0.01, steps: 60 }),
      ({ theta }) => Array.from(theta),
    );
  expect(scaled(1024)).toEqual(scaled(1));
});

claim("adafactor-is-exact-at-rank-one", () => {
  for (let seed = 0; seed < 30; seed++) {
    const { uniform, integer } = random(seed);
    const [n, m] = [1 + integer(7), 8 + integer(6)];
    const [a, b] = [n, m].map((length) => Array.from({ length }, () => 10 ** (6 * uniform() - 3)));
    const V = matrix(a!.map((ai) => b!.map((bj) => ai * bj)));
    const { row, column, reconstruct } = adafactorSecondMoment(V);
    expect([row.length, column.length]).toEqual([n, m]);
    const gap = maxAbsDifference(reconstruct(), V);
    expect(gap / frobeniusNorm(V)).toBeLessThan(1e-12);
  }
  const ones = adafactorSecondMoment(matrix([[1, 0], [0, 1]])); // biome-ignore format: a matrix
  expect(toRows(ones.reconstruct())).toEqual([[0.5, 0.5], [0.5, 0.5]]); // biome-ignore format: rank 2 is not kept
  const { state } = optimizerStateBytes([[4096, 4096]], { optimizer: "adafactor" });
  expect(state / 4).toBe(8192);
  expect(4096 ** 2).toBe(16_777_216);
  expect(4096 ** 2 / (state / 4)).toBe(2048);
});

claim("newton-schulz-does-not-converge", () => {
  const { band } = oracle<Fixture>();
  expect(band.smallest).toBeGreaterThan(0.68);
  expect(band.largest).toBeLessThan(1.21);
  for (let seed = 0; seed < 20; seed++) {
    const { uniform, integer } = random(seed);
    const [n, m] = [2 + integer(4), 6 + integer(4)];
    const { u, vt } = svd(matrixOver(normals(seed, n * m), n, m));
    const s = Array.from({ length: n }, () => 10 ** (-2.4 * uniform())).sort((a, b) => b - a);
    s[0] = 1;
    const size = Math.hypot(...s);
    const G = product(u, diagonal(s), vt);
    // same singular vectors: U diag(p(s)) Vᵀ with the polynomial of each value
    const values = s.map((value) => quintic(value / size, 5));
    expect(maxAbsDifference(newtonSchulz5(G), product(u, diagonal(values), vt))).toBeLessThan(1e-12);
    for (const value of values) {
      expect(value).toBeGreaterThan(0.68);
      expect(value).toBeLessThan(1.21);
    }
  }
  // more rounds do not bring them to 1; with the coefficients of the convergent iteration they do
  const G = matrix([[1, 0.2, 0], [0, 0.3, 0.1]]); // biome-ignore format: a matrix
  const after = (rounds: number) => svd(newtonSchulz5(G, { rounds })).s;
  for (const rounds of [20, 21, 22, 40]) {
    expect(Math.max(...after(rounds).map((s) => abs(s - 1)))).toBeGreaterThan(0.05);
  }
  const convergent = newtonSchulz5(G, { rounds: 12, coefficients: [15 / 8, -10 / 8, 3 / 8] });
  expectClose(svd(convergent).s, [1, 1], 1e-12);
});

claim("seven-billion-take-112-gigabytes", () => {
  const bytes = (optimizer: Parameters<typeof optimizerStateBytes>[1]) =>
    optimizerStateBytes([[7_000, 1_000_000]], optimizer).total / 7e9;
  expect(bytes({ mixed: true })).toBe(16);
  expect(optimizerStateBytes([[7e9]], { mixed: true })).toEqual({
    parameters: 7e9,
    weights: 14e9,
    gradients: 14e9,
    master: 28e9,
    state: 56e9,
    total: 112e9,
  });
  expect(bytes({})).toBe(16); // 4 + 4 + 8: mixed precision saves nothing here
  expect(bytes({ optimizer: "sgd", mixed: true })).toBe(8);
  expect(bytes({ optimizer: "momentum", mixed: true })).toBe(12);
  expect(bytes({ optimizer: "lion", mixed: true })).toBe(12);
  expect(bytes({ optimizer: "muon", mixed: true })).toBe(12);
  expect(bytes({ optimizer: "amsgrad", mixed: true })).toBe(20);
  expect(bytes({ optimizer: "adam" })).toBe(16);
  const mixedShapes = optimizerStateBytes([[3, 5, 7], [11], [2, 13], []], { optimizer: "adafactor" });
  expect(mixedShapes.state).toBe(4 * (3 * (5 + 7) + 11 + (2 + 13) + 1));
  expect(optimizerStateBytes([[3, 5, 7], [11], [2, 13]], { optimizer: "muon" }).state).toBe(4 * (210 + 22 + 26));
});

claim(
  "digits-basins",
  () => {
    const OPTIMIZERS = {
      sgd: (lr: number) => new SGD({ lr }),
      momentum: (lr: number) => new SGD({ lr, momentum: 0.9 }),
      adam: (lr: number) => new AdamW({ lr, weightDecay: 0 }),
      adamw: (lr: number) => new AdamW({ lr, weightDecay: 0.1 }),
      lion: (lr: number) => new Lion({ lr }),
    };
    const accuracy = (optimizer: Optimizer, batch: number) => {
      const problem = digitsProblem({ batch });
      train({ ...problem, optimizer, steps: 100 });
      return problem.accuracy(problem.parameters);
    };
    /** The rates that train, and the best accuracy. */
    const basin = (make: (lr: number) => Optimizer, lrs: number[], batch = 64) => {
      const reached = lrs.map((lr) => accuracy(make(lr), batch));
      return { good: lrs.filter((_, i) => reached[i]! > 0.8), best: Math.max(...reached) };
    };
    const [sgd, momentum, ...family] = [
      basin(OPTIMIZERS.sgd, [0.01, 0.1, 1, 10]),
      basin(OPTIMIZERS.momentum, [0.001, 0.01, 0.1, 1, 10]),
      ...[OPTIMIZERS.adam, OPTIMIZERS.adamw, OPTIMIZERS.lion].map((make) => basin(make, [1e-4, 0.001, 0.01, 0.1, 1])),
    ];
    expect(sgd!.good).toEqual([0.1, 1]);
    expect(momentum!.good).toEqual([0.01, 0.1, 1]);
    expect(family.map(({ good }) => good)).toEqual([
      [0.001, 0.01, 0.1],
      [0.001, 0.01, 0.1],
      [0.001, 0.01],
    ]);
    const best = [sgd!, momentum!, ...family].map((it) => 360 * it.best);
    expect(Math.max(...best) - Math.min(...best)).toBeLessThan(8.5);
    expect(basin(OPTIMIZERS.momentum, [0.1, 1], 32).good).toEqual([0.1]);
    expect(basin(OPTIMIZERS.adam, [0.001, 0.01, 0.1], 32).good).toEqual([0.001, 0.01, 0.1]);
  },
  30_000,
);

/** p(p(…p(x))) of Muon's polynomial. */
function quintic(x: number, rounds: number): number {
  let y = x;
  for (let round = 0; round < rounds; round++) y = 3.4445 * y - 4.775 * y ** 3 + 2.0315 * y ** 5;
  return y;
}

const diagonal = (values: readonly number[]) =>
  matrix(values.map((value, i) => values.map((_, j) => (i === j ? value : 0))));

function product(...[first, ...rest]: Matrix[]): Matrix {
  return rest.reduce((a, b) => {
    const [n, k, m] = [a.shape[0]!, a.shape[1]!, b.shape[1]!];
    const entry = (i: number, j: number) => Array.from({ length: k }, (_, p) => a.get(i, p) * b.get(p, j));
    return matrix(
      Array.from({ length: n }, (_, i) => Array.from({ length: m }, (_, j) => entry(i, j).reduce((x, y) => x + y, 0))),
    );
  }, first!);
}

interface Fixture {
  readonly torch: readonly {
    readonly optimizer: "Adam" | "AdamW";
    readonly options: {
      readonly lr: number;
      readonly betas?: [number, number];
      readonly eps?: number;
      readonly weight_decay?: number;
      readonly amsgrad?: boolean;
    };
    readonly path: readonly number[][];
  }[];
  readonly scheduled: readonly number[][];
  readonly sklearn: readonly number[][];
  readonly forms: {
    readonly lr: number;
    readonly betas: [number, number];
    readonly eps: number;
    readonly steps: number;
    readonly theta: Readonly<Record<"uncorrected" | "inside" | "no bias correction", number[]>>;
  };
  readonly lion: {
    readonly lr: number;
    readonly betas: [number, number];
    readonly weightDecay: number;
    readonly path: readonly number[][];
  };
  readonly adafactor: Readonly<Record<"squares" | "estimate", number[][]>> &
    Readonly<Record<"rowMeans" | "columnMeans", number[]>>;
  readonly newtonSchulz: readonly { readonly G: number[][]; readonly result: number[][] }[];
  readonly band: { readonly smallest: number; readonly largest: number };
  readonly muon: {
    readonly lr: number;
    readonly momentum: number;
    readonly weightDecay: number;
    readonly runs: readonly {
      readonly W: number[][];
      readonly gradients: readonly number[][][];
      readonly nesterov: boolean;
      readonly end: number[][];
    }[];
  };
  readonly worstCase: Readonly<Record<string, number>>;
}

describe("oracle", () => {
  const fixture = oracle<Fixture>();
  /** Every ninth θ of a run of 100 steps. */
  const ninths = (states: Iterable<{ readonly theta: Float64Array }>) =>
    Array.from(states, ({ theta }) => theta).filter((_, t) => t % 9 === 0);
  const expectPath = (path: readonly ArrayLike<number>[], expected: readonly number[][], tolerance: number) => {
    expect(path.length).toBe(expected.length);
    path.forEach((theta, i) => {
      expectClose(theta, expected[i]!, tolerance);
    });
  };
  const steps = 100;

  test.each(fixture.torch)("torch.optim.$optimizer $options", ({ optimizer, options, path }) => {
    const { weight_decay: weightDecay, ...rest } = options;
    const given = { ...rest, ...(weightDecay !== undefined && { weightDecay }), steps };
    // 100 steps of a few roundings of numbers of about 1
    const decoupled = optimizer === "AdamW";
    const states = adamSteps(disturbed, START, {
      weightDecay: decoupled ? 0.01 : 0,
      ...given,
      decoupled,
    });
    expectPath(ninths(states), path, 1e-12);
    const run = decoupled ? adamw : adam;
    expectClose(run(disturbed, START, given).theta, path.at(-1)!, 1e-12);
  });

  test("torch.optim.AdamW with a schedule", () => {
    const lr = (t: number) => 0.1 / (1 + t);
    expectPath(ninths(adamSteps(disturbed, START, { lr, weightDecay: 0.1, steps })), fixture.scheduled, 1e-12);
  });

  test("the Adam of scikit-learn's MLPClassifier: ε beside the uncorrected root", () => {
    const options = { lr: 0.05, betas: [0.9, 0.99], eps: 0.01, epsForm: "uncorrected", steps } as const;
    expectPath(ninths(adamSteps(disturbed, START, options)), fixture.sklearn, 1e-12);
  });

  test("ε beside the uncorrected root, ε inside of the root, no bias correction", () => {
    const { theta, ...options } = fixture.forms;
    for (const form of ["uncorrected", "inside"] as const) {
      expectClose(adam(disturbed, START, { ...options, epsForm: form }).theta, theta[form], 1e-12);
    }
    for (const epsForm of ["corrected", "uncorrected"] as const) {
      const { theta: ours } = adam(disturbed, START, { ...options, epsForm, biasCorrection: false });
      expectClose(ours, theta["no bias correction"], 1e-12);
    }
  });

  test("Lion", () => {
    const { path, ...options } = fixture.lion;
    // the only decision is a sign; where it is taken no argument is near 0
    expectPath(ninths(lionSteps(disturbed, START, { ...options, steps })), path, 1e-13);
  });

  test("torch.optim.Adafactor's factors: means where ours are sums", () => {
    const { squares, rowMeans, columnMeans, estimate } = fixture.adafactor;
    const { row, column, reconstruct } = adafactorSecondMoment(matrix(squares));
    expectClose(
      row.map((r) => r / 3),
      rowMeans,
      1e-14,
    );
    expectClose(
      column.map((c) => c / 5),
      columnMeans,
      1e-14,
    );
    expect(maxAbsDifference(reconstruct(), matrix(estimate))).toBeLessThan(1e-13);
  });

  test("the quintic applied to NumPy's singular values", () => {
    for (const { G, result } of fixture.newtonSchulz) {
      expect(maxAbsDifference(newtonSchulz5(matrix(G)), matrix(result))).toBeLessThan(1e-12);
    }
  });

  test("torch.optim.Muon, which multiplies in bfloat16", () => {
    const { lr, momentum: mu, weightDecay, runs } = fixture.muon;
    for (const { W, gradients, nesterov, end } of runs) {
      let state = { weights: matrix(W), momentum: zeros(W.length, W[0]!.length) };
      for (const G of gradients) {
        state = muonStep(state.weights, state.momentum, matrix(G), { lr, momentum: mu, nesterov, weightDecay });
      }
      // three steps of 0.1·√(rows/columns) times an entry that is right to a hundredth
      expect(maxAbsDifference(state.weights, matrix(end))).toBeLessThan(1e-2);
      expect(maxAbsDifference(state.weights, matrix(W))).toBeGreaterThan(0.1);
    }
  });
});

const optionsArbitrary = fc.record({
  lr: fc.double({ min: 0, max: 0.5, noNaN: true }),
  betas: fc.tuple(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.double({ min: 0, max: 0.9999, noNaN: true })),
  eps: fc.constantFrom(1e-10, 1e-8, 1e-3, 1),
  weightDecay: fc.constantFrom(0, 0.1, 1.5),
  decoupled: fc.boolean(),
  amsgrad: fc.boolean(),
  biasCorrection: fc.boolean(),
  epsForm: fc.constantFrom("corrected", "uncorrected", "inside"),
}) as fc.Arbitrary<AdamOptions & { lr: number; weightDecay: number }>;

describe("the class AdamW", () => {
  /** Runs it on one parameter of START. */
  const run = (options: AdamWOptions, steps: number) => {
    const theta = Float64Array.from(START);
    const optimizer = new AdamW(options);
    for (let t = 0; t < steps; t++) optimizer.step([theta], [disturbed(theta, t)]);
    return { theta, state: optimizer.state };
  };

  test("is adamSteps in place, whatever the options", () => {
    fc.assert(
      fc.property(optionsArbitrary, fc.integer({ min: 1, max: 25 }), (options, steps) => {
        const last = adamw(disturbed, START, { ...options, steps });
        const { theta, state } = run(options, steps);
        // products instead of quotients: some roundings a step, which 25 steps may enlarge
        expectClose(theta, last.theta, 1e-11);
        expect(state.t).toBe(steps);
        expectClose(state.m[0]!, last.m, 1e-11);
        last.v.forEach((v, i) => {
          expect(abs(state.v[0]![i]! - v)).toBeLessThanOrEqual(1e-11 * Math.max(1, v));
        });
        expect(state.vMax).toHaveLength(options.amsgrad ? 1 : 0);
      }),
      { numRuns: 150 },
    );
  });

  test("has AdamW's defaults", () => {
    expectClose(run({}, 20).theta, adamw(disturbed, START, { steps: 20 }).theta, 1e-14);
    const named: AdamWOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, decoupled: true };
    expect(run({}, 20).theta).toEqual(run(named, 20).theta);
  });

  test("float32 parameters have float32 averages and the same path to 6 digits", () => {
    const theta = Float32Array.from(START);
    const optimizer = new AdamW({ lr: 0.05 });
    for (let t = 0; t < 50; t++) optimizer.step([theta], [Float32Array.from(disturbed(theta, t))]);
    expect(optimizer.state.m[0]).toBeInstanceOf(Float32Array);
    expect(optimizer.state.v[0]).toBeInstanceOf(Float32Array);
    expectClose(theta, run({ lr: 0.05 }, 50).theta, 1e-5);
  });

  test("any gradient array will do, and is left as it is", () => {
    const kinds = [(x: number[]) => x, (x: number[]) => Float32Array.from(x), (x: number[]) => Float64Array.from(x)];
    const results = kinds.map((kind) => {
      const theta = [Float32Array.of(1, -2, 3), Float64Array.of(4)];
      const gradients = [kind([0.25, -0.5, 4]), kind([2])];
      new AdamW().step(theta, gradients);
      expect([Array.from(gradients[0]!), Array.from(gradients[1]!)]).toEqual([[0.25, -0.5, 4], [2]]);
      return theta;
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("decay says which parameters shrink, decoupled or not", () => {
    for (const decoupled of [true, false]) {
      const theta = [Float64Array.of(1), Float64Array.of(1), Float64Array.of(1)];
      const decay = (index: number) => index !== 1;
      const optimizer = new AdamW({ lr: 0.1, weightDecay: 0.5, decoupled, decay });
      optimizer.step(theta, [[0], [0], [0]]);
      // L2: the first step is lr towards 0, up to ε
      const expected = decoupled ? 0.95 : 0.9;
      expectClose(theta.map(([x]) => x!), [expected, 1, expected], 1e-8); // biome-ignore format: one call
    }
  });

  test("a run that is resumed from its state ends on the same bits", () => {
    for (const amsgrad of [false, true]) {
      const options: AdamWOptions = { lr: (t) => 0.1 / (1 + t), amsgrad, betas: [0.9, 0.9] };
      const whole = run(options, 30).theta;
      const theta = Float64Array.from(START);
      const first = new AdamW(options);
      for (let t = 0; t < 12; t++) first.step([theta], [disturbed(theta, t)]);
      const { state } = first;
      const second = new AdamW({ ...options, state });
      const kept = state.m[0]!.slice();
      for (let t = 12; t < 30; t++) second.step([theta], [disturbed(theta, t)]);
      expect(theta).toEqual(whole);
      expect(state.m[0]).toEqual(kept); // copied, not shared
      expect(second.state.t).toBe(30);
    }
  });

  test("a gradient that is not finite, or whose square is not, changes nothing", () => {
    const theta = [Float64Array.of(1, 2), Float32Array.of(3, 4, 5)];
    const optimizer = new AdamW({ lr: 0.1 });
    optimizer.step(theta, [[1, 1], [1, 1, 1]]); // biome-ignore format: short
    const before = structuredClone([theta, optimizer.state]);
    const attempt = (first: number[], second: number[]) => {
      try {
        optimizer.step(theta, [first, second]);
      } catch (error) {
        expect(error).toBeInstanceOf(NonFiniteGradientError);
        expect([theta, optimizer.state]).toEqual(before);
        const { message, parameter, index } = error as NonFiniteGradientError;
        return [message, parameter, index];
      }
      return "nothing thrown";
    };
    expect(attempt([1, Number.NaN], [1, 1, 1])).toEqual(["AdamW: gradient 0 must be finite, got NaN at 1", 0, 1]);
    expect(attempt([1, 1], [1, 1, -Infinity])).toEqual(["AdamW: gradient 1 must be finite, got -Infinity at 2", 1, 2]);
    expect(attempt([1, 1], [1e39, 1, 1])).toEqual(["AdamW: gradient 1 must be finite, got Infinity at 0", 1, 0]);
    const square = (type: number) => `must have a square that is finite in float${type}`;
    expect(attempt([-1e160, 1], [1, 1, 1])).toEqual([`AdamW: gradient 0 ${square(64)}, got -1e+160 at 0`, 0, 0]);
    expect(attempt([1, 1], [1, 2e19, 1])).toEqual([
      `AdamW: gradient 1 ${square(32)}, got ${Math.fround(2e19)} at 1`,
      1,
      1,
    ]);
    optimizer.step(theta, [[1e154, -1e154], [1.8e19, 0, -1.8e19]]); // biome-ignore format: the largest that fit
    expect(
      [...theta[0]!, ...theta[1]!, ...optimizer.state.v[0]!, ...optimizer.state.v[1]!].every(Number.isFinite),
    ).toBe(true);
    const l2 = new AdamW({ lr: 0.1, weightDecay: 1e10, decoupled: false });
    expect(() => l2.step([Float64Array.of(1e300)], [[1]])).toThrow(NonFiniteGradientError);
  });

  test("0/0 is a step of 0, and counted", () => {
    const theta = Float64Array.of(1, 1, 1);
    const optimizer = new AdamW({ lr: 0.1, eps: 0, weightDecay: 0 });
    optimizer.step([theta], [[0, 3, 1e-200]]); // the square of the last is 0
    expect([...theta]).toEqual([1, 0.9, 1]);
    expect(optimizer.state.zeroDenominators).toBe(2);
    optimizer.step([theta], [[1, 3, 1]]);
    expect(optimizer.state.zeroDenominators).toBe(0);
    const [state] = adamSteps(() => [0, 3, 1e-200], [1, 1, 1], { lr: 0.1, eps: 0, steps: 1 });
    expect([...state!.theta]).toEqual([1, 0.9, 1]);
    expect(state!.zeroDenominators).toBe(2);
  });

  test.each<[string, () => unknown, string]>([
    ["lr", () => new AdamW({ lr: -1 }), "AdamW: lr must be a finite number in [0, Infinity), got -1"],
    ["β1", () => new AdamW({ betas: [1, 0.9] }), "AdamW: betas[0] must be a finite number in [0, 1), got 1"],
    ["β2", () => new AdamW({ betas: [0, Number.NaN] }), "AdamW: betas[1] must be a finite number in [0, 1), got NaN"],
    ["ε", () => new AdamW({ eps: -1e-8 }), "AdamW: eps must be a finite number in [0, Infinity), got -1e-8"],
    ["λ", () => new AdamW({ weightDecay: -1 }), "AdamW: weightDecay must be a finite number in [0, Infinity), got -1"],
    [
      "form",
      () => new AdamW({ epsForm: "outside" as "inside" }),
      "AdamW: epsForm must be one of 'corrected', 'uncorrected', 'inside', got 'outside'",
    ],
    [
      "state",
      () => new AdamW({ state: { t: -1, m: [], v: [], vMax: [], zeroDenominators: 0 } }),
      "AdamW: state.t must be an integer at least 0, got -1",
    ],
    [
      "too much decay",
      () => new AdamW({ lr: 0.5, weightDecay: 3 }).step([Float64Array.of(1)], [[1]]),
      "AdamW: lr·weightDecay must be a finite number in [0, 1], got 1.5",
    ],
    [
      "schedule",
      () => new AdamW({ lr: () => Number.NaN }).step([Float64Array.of(1)], [[1]]),
      "AdamW: lr(0) must be a finite number in [0, Infinity), got NaN",
    ],
    [
      "gradients missing",
      () => new AdamW().step([Float64Array.of(1), Float64Array.of(1)], [[1]]),
      "AdamW: there must be a gradient for each of 2 parameters, got 1",
    ],
    ["length", () => new AdamW().step([Float64Array.of(1)], [[1, 2]]), "AdamW: gradient 0 must have length 1, got 2"],
    [
      "other parameters",
      () =>
        new AdamW({
          state: { t: 1, m: [Float64Array.of(0)], v: [Float64Array.of(0)], vMax: [], zeroDenominators: 0 },
        }).step([], []),
      "AdamW: there must be 1 parameters as in the first step, got 0",
    ],
    [
      "more parameters",
      () => {
        const optimizer = new AdamW();
        optimizer.step([Float64Array.of(1)], [[1]]);
        optimizer.step([Float64Array.of(1), Float64Array.of(1)], [[1], [1]]);
      },
      "AdamW: there must be 1 parameters as in the first step, got 2",
    ],
    [
      "other type",
      () => {
        const optimizer = new AdamW();
        optimizer.step([Float64Array.of(1)], [[1]]);
        optimizer.step([Float32Array.of(1)], [[1]]);
      },
      "AdamW: parameter 0 must be a Float64Array(1) as in the first step, got a Float32Array(1)",
    ],
  ])("refuses: %s", (_, call, message) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("takes no parameters, and empty ones", () => {
    new AdamW().step([], []);
    new AdamW().step([new Float32Array(0)], [[]]);
  });
});

describe("the class Lion", () => {
  test("is lionSteps in place", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.constantFrom(0, 0.3), (steps, weightDecay) => {
        const options = { lr: (t: number) => 0.02 / (1 + t), betas: [0.8, 0.97] as const, weightDecay };
        const theta = Float64Array.from(START);
        const optimizer = new Lion(options);
        for (let t = 0; t < steps; t++) optimizer.step([theta], [disturbed(theta, t)]);
        const last = [...lionSteps(disturbed, START, { ...options, steps })].at(-1)!;
        expectClose(theta, last.theta, 1e-14);
        expectClose(optimizer.state.m[0]!, last.m, 1e-14);
        expect(optimizer.state.t).toBe(steps);
      }),
    );
  });

  test("the sign is that of β1·m + (1 − β1)·g, with the m before the step", () => {
    const optimizer = new Lion({ lr: 1, betas: [0.5, 0.75] });
    const theta = Float64Array.of(0);
    optimizer.step([theta], [[2]]); // m = 0.5
    expect(theta[0]).toBe(-1);
    optimizer.step([theta], [[-0.6]]); // 0.25 − 0.3 < 0; m + (1 − β1)·g, m after the step, and β2's interpolation are above 0
    expect(theta[0]).toBe(0);
  });

  test("decays what it is told to, by default 0, and refuses what is not finite", () => {
    const theta = [Float64Array.of(1), Float32Array.of(1)];
    new Lion({ lr: 0.1, weightDecay: 0.5, decay: (index) => index === 1 }).step(theta, [[0], [0]]);
    expect(theta).toEqual([Float64Array.of(1), Float32Array.of(0.95)]);
    const optimizer = new Lion();
    optimizer.step(theta, [[1e200], [-1]]); // no squares: they may overflow
    expect(theta[0]![0]).toBeCloseTo(0.9999, 12);
    expect(() => optimizer.step(theta, [[1], [Number.NaN]])).toThrow(
      new NonFiniteGradientError("Lion: gradient 1 must be finite, got NaN at 0", 1, 0),
    );
    expect(() => new Lion({ betas: [0, 1] })).toThrow(
      new RangeError("Lion: betas[1] must be a finite number in [0, 1), got 1"),
    );
    expect(() => new Lion().step([Float64Array.of(1)], [])).toThrow(
      new RangeError("Lion: there must be a gradient for each of 1 parameters, got 0"),
    );
  });

  test("defaults are the paper's", () => {
    const by = (options: object) => [...lionSteps(disturbed, START, { steps: 30, ...options })].at(-1)!.theta;
    expect(by({})).toEqual(by({ lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0 }));
  });
});

describe("adamSteps", () => {
  test("a state never changes, and θ0 and what grad gets are copies", () => {
    const theta0 = Float64Array.from(START);
    const grad = (theta: Float64Array, t: number) => {
      const g = disturbed(theta, t);
      theta.fill(99);
      return g;
    };
    const states = [...adamSteps(grad, theta0, { lr: 0.1, amsgrad: true, steps: 5 })];
    const snapshots = [1, 2, 3, 4, 5].map((steps) =>
      [...adamSteps(disturbed, START, { lr: 0.1, amsgrad: true, steps })].at(-1),
    );
    expect(states).toEqual(snapshots);
    expect(theta0).toEqual(Float64Array.from(START));
    expect(states.map(({ t }) => t)).toEqual([1, 2, 3, 4, 5]);
  });

  test("mHat, vHat and update are what they are called", () => {
    const [beta1, beta2, lr, eps] = [0.7, 0.9, 0.1, 0.01];
    let [m, v] = [0, 0];
    for (const s of adamSteps((_, t) => [disturbed(START, t)[2]!], [0], {
      lr,
      betas: [beta1, beta2],
      eps,
      steps: 30,
    })) {
      const g = disturbed(START, s.t - 1)[2]!;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      expectClose([s.m[0]!, s.v[0]!], [m, v], 1e-15);
      expectClose([s.mHat[0]!, s.vHat[0]!], [m / (1 - beta1 ** s.t), v / (1 - beta2 ** s.t)], 1e-14);
      expectClose(s.update, [(-lr * s.mHat[0]!) / (sqrt(s.vHat[0]!) + eps)], 1e-15);
    }
  });

  test("by hand: gradients 2 and 1, β = (½, ¾), as in the note", () => {
    const states = [...adamSteps((_, t) => [2 - t], [0], { lr: 0.1, betas: [0.5, 0.75], eps: 0, steps: 2 })];
    expect(states.map(({ m, v }) => [m[0], v[0]])).toEqual([[1, 1], [1, 1]]); // biome-ignore format: short
    expect(states.map(({ mHat }) => mHat[0])).toEqual([2, 4 / 3]);
    expect(states.map(({ vHat }) => vHat[0])).toEqual([4, 16 / 7]);
    expectClose([states[1]!.update[0]!], [-0.1 * (4 / 3) * (sqrt(7) / 4)], 1e-16);
    expect(states[1]!.theta[0]).toBeCloseTo(-0.188192, 6);
  });

  test("bounds hold on both sides", () => {
    const { theta, update } = adam(() => [1, -1], [0, 0], { lr: 1, eps: 0, bounds: [-2.5, 1.5], steps: 9 });
    expect([...theta]).toEqual([-2.5, 1.5]);
    expectClose(update, [-1, 1], 1e-14); // the step itself is not cut
  });

  test("a constant β1 = β2 = 0 is the sign of the gradient", () => {
    const { update } = adam(() => [3, -0.1, 0], [0, 0, 0], { lr: 0.1, betas: [0, 0], eps: 0, steps: 4 });
    expectClose(update, [-0.1, 0.1, 0], 1e-16);
  });

  test("permuting the coordinates permutes the path", () => {
    fc.assert(
      fc.property(optionsArbitrary, fc.integer({ min: 0, max: 1000 }), (options, seed) => {
        const curvatures = normals(seed, 4).map(abs);
        const start = normals(seed + 1, 4);
        const order = random(seed).permutation(4);
        const end = (c: ArrayLike<number>, s: ArrayLike<number>) =>
          adamw((theta) => theta.map((x, i) => c[i]! * x - 1), s, { ...options, steps: 12 }).theta;
        const pick = (x: Float64Array) => Float64Array.from(order, (i) => x[i]!);
        expect(end(pick(curvatures), pick(start))).toEqual(pick(end(curvatures, start)));
      }),
      { numRuns: 50 },
    );
  });

  test.each<[string, () => unknown, string]>([
    [
      "steps",
      () => [...adamSteps(disturbed, START, { steps: 1.5 })],
      "adamSteps: steps must be an integer at least 0, got 1.5",
    ],
    ["none", () => adam(disturbed, START, { steps: 0 }), "adam: steps must be an integer at least 1, got 0"],
    ["none", () => adamw(disturbed, START, { steps: 0 }), "adamw: steps must be an integer at least 1, got 0"],
    ["θ0", () => adam(disturbed, [1, Number.NaN]), "adamSteps: theta0 must be finite, got NaN at 1"],
    ["gradient", () => adam(() => [1], [1, 2]), "adamSteps: gradient 0 must have length 2, got 1"],
    [
      "bounds",
      () => adam(() => [1], [1], { bounds: [2, 1] }),
      "adamSteps: bounds[1] must be a finite number in [2, Infinity), got 1",
    ],
    [
      "bounds",
      () => adam(() => [1], [1], { bounds: [Number.NaN, 1] }),
      "adamSteps: bounds[0] must be a finite number, got NaN",
    ],
    [
      "Lion",
      () => [...lionSteps(() => [1], [1], { lr: -1 })],
      "lionSteps: lr must be a finite number in [0, Infinity), got -1",
    ],
    ["Lion", () => [...lionSteps(() => [1, 1], [1])], "lionSteps: gradient 0 must have length 1, got 2"],
  ])("refuses: %s", (_, call, message) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("a gradient that is not finite", () => {
    expect(() => adam(() => [Infinity], [1])).toThrow(
      new NonFiniteGradientError("adamSteps: gradient 0 must be finite, got Infinity at 0", 0, 0),
    );
    expect(() => [...lionSteps(() => [Number.NaN], [1])]).toThrow(NonFiniteGradientError);
  });

  test("no steps yield nothing, no coordinates are no trouble", () => {
    expect([...adamSteps(disturbed, START, { steps: 0 })]).toEqual([]);
    expect(adam(() => [], []).theta).toEqual(new Float64Array(0));
  });
});

describe("adafactorSecondMoment", () => {
  test("sums survive, zeros too, and V stays as it is", () => {
    const V = matrix([[0, 0, 0], [0, 2, 4]]); // biome-ignore format: a matrix
    const { row, column, reconstruct } = adafactorSecondMoment(V);
    expect([[...row], [...column]]).toEqual([[0, 6], [0, 2, 4]]); // biome-ignore format: short
    expect(toRows(reconstruct())).toEqual([[0, 0, 0], [0, 2, 4]]); // biome-ignore format: a matrix
    expect(toRows(V)).toEqual([[0, 0, 0], [0, 2, 4]]); // biome-ignore format: a matrix
    expect(toRows(adafactorSecondMoment(zeros(2, 3)).reconstruct())).toEqual(toRows(zeros(2, 3)));
    const tiny = matrix([[1e-300, 2e-300]]);
    expect(maxAbsDifference(adafactorSecondMoment(tiny).reconstruct(), tiny)).toBeLessThan(1e-315);
  });

  test("of the matrices of rank 1 it is nearest in generalised Kullback-Leibler divergence", () => {
    const divergence = (V: Matrix, W: Matrix) =>
      Array.from(V.data).reduce((sum, v, i) => sum + v * Math.log(v / W.data[i]!) - v + W.data[i]!, 0);
    for (let seed = 0; seed < 20; seed++) {
      const V = matrixOver(normals(seed, 15).map((x) => x * x + 0.01), 3, 5); // biome-ignore format: one call
      const { row, column, reconstruct } = adafactorSecondMoment(V);
      const best = divergence(V, reconstruct());
      const nudge = normals(seed + 100, 8, 0.05).map(Math.exp);
      const total = row.reduce((a, b) => a + b);
      const other = matrix(
        Array.from(row, (r, i) => Array.from(column, (c, j) => (r * c * nudge[i]! * nudge[3 + j]!) / total)),
      );
      expect(divergence(V, other)).toBeGreaterThanOrEqual(best);
    }
  });

  test("refuses what is negative, not finite, or too large to sum", () => {
    expect(() =>
      adafactorSecondMoment(
        matrix([
          [1, 2],
          [3, -4],
        ]),
      ),
    ).toThrow(
      // biome-ignore format: a matrix
      new RangeError("adafactorSecondMoment: V must not be negative, got -4 at (1, 1)"),
    );
    expect(() => adafactorSecondMoment(matrix([[1, Number.NaN]]))).toThrow(
      new RangeError("adafactorSecondMoment: V must be finite, got NaN at (0, 1)"),
    );
    expect(() => adafactorSecondMoment(matrix([[1e308, 1e308]]))).toThrow(
      new RangeError("adafactorSecondMoment: the sum of V must be finite, got Infinity"),
    );
    expect(() => adafactorSecondMoment([[1]] as unknown as Matrix)).toThrow(TypeError);
  });
});

describe("newtonSchulz5 and muonStep", () => {
  test("transposes, scales of any size, zeros, no rounds", () => {
    const G = matrixOver(normals(3, 15), 5, 3);
    const before = G.data.slice();
    const X = newtonSchulz5(G);
    const T = (a: Matrix) =>
      matrix(Array.from({ length: a.shape[1]! }, (_, j) => Array.from({ length: a.shape[0]! }, (_, i) => a.get(i, j))));
    expect(maxAbsDifference(newtonSchulz5(T(G)), T(X))).toBeLessThan(1e-14);
    for (const scale of [1e-300, 1024, 1e300]) {
      const scaled = matrixOver(G.data.map((g) => g * scale), 5, 3); // biome-ignore format: one call
      expect(maxAbsDifference(newtonSchulz5(scaled), X)).toBeLessThan(1e-12);
    }
    expect(toRows(newtonSchulz5(zeros(2, 3)))).toEqual(toRows(zeros(2, 3)));
    expect(frobeniusNorm(newtonSchulz5(G, { rounds: 0 }))).toBeCloseTo(1, 14);
    expect(G.data).toEqual(before);
  });

  test("a step: momentum averages, the update has the size of lr whatever the gradient's, inputs stay", () => {
    const [W, M, G] = [1, 2, 3].map((seed) => matrixOver(normals(seed, 12), 6, 2)) as [Matrix, Matrix, Matrix];
    const copies = [W, M, G].map(({ data }) => data.slice());
    const { weights, momentum } = muonStep(W, M, G, { lr: 0.1, momentum: 0.8, weightDecay: 0.5 });
    expectClose(momentum.data, M.data.map((m, i) => 0.8 * m + 0.2 * G.data[i]!), 1e-15); // biome-ignore format: one call
    const looked = matrixOver(momentum.data.map((m, i) => 0.8 * m + 0.2 * G.data[i]!), 6, 2); // biome-ignore format: one call
    const direction = newtonSchulz5(looked).data;
    expectClose(weights.data, W.data.map((w, i) => 0.95 * w - 0.1 * sqrt(3) * direction[i]!), 1e-14); // biome-ignore format: one call
    expect([W, M, G].map(({ data }) => data)).toEqual(copies);
    const plain = muonStep(W, M, G, { lr: 0.1, momentum: 0.8, nesterov: false });
    const averaged = newtonSchulz5(momentum).data;
    expectClose(plain.weights.data, W.data.map((w, i) => w - 0.1 * sqrt(3) * averaged[i]!), 1e-14); // biome-ignore format: one call
    const byDefault = muonStep(W, M, G);
    expect(byDefault).toEqual(muonStep(W, M, G, { lr: 0.02, momentum: 0.95, nesterov: true, weightDecay: 0 }));
  });

  test.each<[string, () => unknown, string]>([
    [
      "rounds",
      () => newtonSchulz5(zeros(2, 2), { rounds: -1 }),
      "newtonSchulz5: rounds must be an integer at least 0, got -1",
    ],
    ["G", () => newtonSchulz5(matrix([[Infinity]])), "newtonSchulz5: G must be finite, got Infinity at (0, 0)"],
    [
      "coefficients",
      () => newtonSchulz5(zeros(1, 1), { coefficients: [1, 2] as unknown as [number, number, number] }),
      "newtonSchulz5: coefficients must have length 3, got 2",
    ],
    ["shape", () => muonStep(zeros(2, 3), zeros(2, 3), zeros(3, 2)), "muonStep: G must be 2×3 like W, got 3×2"],
    ["shape", () => muonStep(zeros(2, 3), zeros(2, 2), zeros(2, 3)), "muonStep: momentum must be 2×3 like W, got 2×2"],
    [
      "lr",
      () => muonStep(zeros(1, 1), zeros(1, 1), zeros(1, 1), { lr: -1 }),
      "muonStep: lr must be a finite number in [0, Infinity), got -1",
    ],
    [
      "μ",
      () => muonStep(zeros(1, 1), zeros(1, 1), zeros(1, 1), { momentum: 1 }),
      "muonStep: momentum must be a finite number in [0, 1), got 1",
    ],
    [
      "λ",
      () => muonStep(zeros(1, 1), zeros(1, 1), zeros(1, 1), { weightDecay: -1 }),
      "muonStep: weightDecay must be a finite number in [0, Infinity), got -1",
    ],
    ["size", () => optimizerStateBytes([[2, -1]]), "optimizerStateBytes: size must be an integer at least 0, got -1"],
    [
      "optimizer",
      () => optimizerStateBytes([], { optimizer: "adagrad" as "adam" }),
      "optimizerStateBytes: optimizer must be one of 'sgd', 'momentum', 'adam', 'adamw', 'amsgrad', 'lion', 'adafactor', 'muon', got 'adagrad'",
    ],
  ])("refuses: %s", (_, call, message) => {
    expect(call).toThrow(new RangeError(message));
  });
});

describe("TensorFlow.js, in float32", () => {
  withTensorFlow("tf.train.adam with ε given: the corrected form", (tf) => {
    const eps = 1e-3;
    const optimizer = tf.train.adam(0.02, 0.9, 0.99, eps);
    const x = tf.variable(tf.tensor1d(START));
    const ours = Float32Array.from(START);
    const adamOurs = new AdamW({ lr: 0.02, betas: [0.9, 0.99], eps, weightDecay: 0 });
    for (let t = 0; t < 40; t++) {
      optimizer.applyGradients([{ name: x.name, tensor: tf.tensor1d(disturbed(x.dataSync(), t)) }]);
      adamOurs.step([ours], [disturbed(ours, t)]);
      expectClose(ours, x.dataSync(), 2e-6); // float32 has 7 digits
    }
    optimizer.dispose();
    x.dispose();
  });

  withTensorFlow("its default ε is the backend's, 1e-7, not 1e-8", (tf) => {
    const optimizer = tf.train.adam(1);
    const x = tf.variable(tf.tensor1d([0]));
    optimizer.applyGradients([{ name: x.name, tensor: tf.tensor1d([1e-7]) }]);
    expect(tf.backend().epsilon()).toBe(1e-7);
    expect(x.dataSync()[0]).toBeCloseTo(-0.5, 3); // float32 keeps 1 − β only to some digits
    optimizer.dispose();
    x.dispose();
  });
});

describe("figures say what is computed", () => {
  const titleOf = (spec: object) => (spec as { title: { text: string; subtitle: string } }).title;

  test("lengths of steps", () => {
    expect(titleOf(stepLengthFigure.draw()).text).toBe("Longest step: 1·lr, without correction 6.57·lr");
    const worst = stepLengthFigure.draw({ gradients: "growing: the worst case" });
    const bound = (0.1 / sqrt(0.001)) * sqrt((1 - (0.81 / 0.999) ** 300) / (1 - 0.81 / 0.999)) * sqrt(1 - 0.999 ** 300);
    expect(titleOf(worst).text).toContain(`Longest step: ${Number(bound.toPrecision(3))}·lr`);
    const noise = stepLengthFigure.draw({ gradients: "pure noise" });
    // at β1 = 0 the first uncorrected step is 1/√0.001, and a spike of 1000 makes steps of less than a hundredth: both are drawn
    const drawn = (params: object) => {
      const spec = stepLengthFigure.draw(params) as unknown as {
        data: { values: { length: number }[] };
        encoding: { y: { scale: { domain: [number, number] } } };
      };
      const [low, high] = spec.encoding.y.scale.domain;
      return spec.data.values.every(({ length }) => low <= length && length <= high);
    };
    for (const gradients of ["constant", "one spike of 1000", "growing: the worst case"]) {
      for (const beta1 of [0, 0.9, 0.95]) {
        for (const beta2 of [0.91, 0.999]) expect(drawn({ gradients, beta1, beta2 }), gradients).toBe(true);
      }
    }
    expect(titleOf(noise).subtitle).toMatch(/^after 300 steps: 0\.2[123][0-9]*·lr$/);
  });

  test("the path's losses", () => {
    const gradient = ([x, y]: ArrayLike<number> & Iterable<number>) => [x!, 50 * y!];
    const { theta } = adam((p) => gradient(p), [-4, 1.5], { lr: 0.1, betas: [0.9, 0.99], steps: 120 });
    const loss = 0.5 * (theta[0]! ** 2 + 50 * theta[1]! ** 2);
    const said = loss.toExponential(2).replace("-", "−");
    expect(titleOf(trajectoryFigure.draw()).text).toBe(`Adam: loss 64.3 → ${said}`);
    // the factor leaves Adam's path, and throws gradient descent out of the picture
    expect(titleOf(trajectoryFigure.draw({ logScale: 3 })).text).toBe(`Adam: loss 64.3 → ${said}`);
    expect(titleOf(trajectoryFigure.draw({ optimizer: "gradient descent", logLr: -2, logScale: 3 })).text).toMatch(
      /leaves the picture in step 1$/,
    );
    const line = trajectoryFigure.draw({ optimizer: "Lion", landscape: "Rosenbrock" });
    expect(line.description).toContain("Path of Lion on Rosenbrock, learning rate 0.1");
  });
});
