import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digitsProblem } from "../../src/autodiff/digits.js";
import { trainSteps } from "../../src/autodiff/train.js";
import { schedule, sgdQuadratic } from "../../src/demos/training-fundamentals/learning-rate-schedules.js";
import {
  COUNTEREXAMPLE,
  chainQuadratic,
  type Floats,
  momentumSpectrum,
  NonFiniteGradientError,
  nesterovSteps,
  optimalHeavyBall,
  SGD,
  type SgdMomentumOptions,
  type SgdOptions,
  sgdMomentum,
  sgdMomentumSteps,
  stationaryVariance,
} from "../../src/demos/training-fundamentals/sgd-with-momentum.js";
import { cycleFigure, noiseFigure, valleyFigure } from "../../src/figures/training-fundamentals/sgd-with-momentum.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("training-fundamentals/sgd-with-momentum");
const { abs, sqrt } = Math;

/** Gradient of ½ Σ λᵢxᵢ². */
const quadratic = (curvatures: readonly number[]) => (x: ArrayLike<number>) =>
  Float64Array.from(x, (xi, i) => curvatures[i]! * xi);

const sum = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);
const normOf = (x: ArrayLike<number>) => Math.hypot(...Array.from(x));
const rosenbrock = ([x, y]: ArrayLike<number> & Iterable<number>) => [
  -2 * (1 - x!) - 400 * x! * (y! - x! * x!),
  200 * (y! - x! * x!),
];

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    // positive form: NaN fails
    const close = abs(actual[i]! - expected[i]!) <= tolerance;
    expect(close, `entry ${i}: ${actual[i]} against ${expected[i]}, tolerance ${tolerance}`).toBe(true);
  }
}

/** Steps until the norm of x is a millionth of that of the start (1, 1); curvatures 1 and κ. */
function stepsOn(kappa: number, guess = kappa) {
  const { lr, momentum } = optimalHeavyBall({ mu: kappa / guess, L: kappa });
  const small = ({ x }: { x: Float64Array }) => normOf(x) <= 1e-6 * sqrt(2);
  const gradient = quadratic([1, kappa]);
  const heavyBall = [...sgdMomentumSteps(gradient, [1, 1], { lr, momentum, steps: 10_000 })].findIndex(small);
  const plain = { lr: 2 / (1 + kappa), momentum: 0, steps: 10_000 };
  return { heavyBall, descent: [...sgdMomentumSteps(gradient, [1, 1], plain)].findIndex(small) };
}

claim("the-root-of-the-condition-number", () => {
  expect(stepsOn(10)).toEqual({ heavyBall: 27, descent: 69 });
  expect(stepsOn(100)).toEqual({ heavyBall: 93, descent: 691 });
  expect(stepsOn(1000)).toEqual({ heavyBall: 315, descent: 6908 });
  const { rate, lr, momentum } = optimalHeavyBall({ mu: 1, L: 100 });
  expect(rate).toBeCloseTo(9 / 11, 15);
  expect(99 / 101).toBeCloseTo(0.9802, 4);
  // both ends of the spectrum, and everything between, shrink at that rate; double roots lose half the digits
  for (const curvature of [1, 1.3, 10, 50, 99, 100]) {
    expect(momentumSpectrum({ lr, momentum, curvature }).spectralRadius).toBeCloseTo(rate, 7);
  }
  const states = [...sgdMomentumSteps(quadratic([1, 100]), [1, 1], { lr, momentum, steps: 400 })];
  const late = (normOf(states[400]!.x) / normOf(states[350]!.x)) ** (1 / 50);
  expect(late).toBeGreaterThan(rate);
  expect(late).toBeLessThan(rate * (400 / 350) ** (1 / 50) * 1.001); // a double root: t·rateᵗ
});

claim("a-wrong-guess-of-kappa-costs", () => {
  expect([10, 100, 1000].map((guess) => stepsOn(100, guess).heavyBall)).toEqual([415, 93, 315]);
});

claim("heavy-ball-may-go-further-nesterov-less-far", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.98, noNaN: true }),
      fc.double({ min: 0.01, max: 4.5, noNaN: true }),
      (momentum, h) => {
        const limits = { plain: 2 * (1 + momentum), look: (2 * (1 + momentum)) / (1 + 2 * momentum) };
        for (const [nesterov, limit] of [
          [false, limits.plain],
          [true, limits.look],
        ] as const) {
          if (abs(h - limit) < 1e-9) continue;
          const { regime } = momentumSpectrum({ lr: h / 3, momentum, curvature: 3, nesterov });
          expect(regime !== "unstable").toBe(h < limit);
        }
      },
    ),
  );
  expect((2 * 1.9) / 2.8).toBeCloseTo(1.3571, 4);
  // and the runs do what the roots say
  const end = (lr: number, nesterov: boolean, momentum = 0.9) =>
    abs(sgdMomentum(quadratic([1]), [1], { lr, momentum, nesterov, steps: 3000 }).x[0]!);
  expect([end(3.79, false), end(1.35, true), end(1.99, false, 0)].every((x) => x < 1e-3)).toBe(true);
  expect([end(3.81, false), end(1.365, true), end(2.01, false, 0)].every((x) => x > 1e3)).toBe(true);
});

claim("nesterov-rings-less", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 0.98, noNaN: true }),
      fc.double({ min: 0.001, max: 1.3, noNaN: true }),
      (momentum, h) => {
        const low = ((1 - momentum) / (1 + momentum)) ** 2;
        if (Math.min(abs(h - low), abs(h - 1)) < 1e-9) return;
        const at = (nesterov: boolean) => momentumSpectrum({ lr: h / 7, momentum, curvature: 7, nesterov });
        const { roots, spectralRadius } = at(true);
        expect(roots[0].im !== 0).toBe(low < h && h < 1);
        if (roots[0].im === 0) return;
        expect(spectralRadius).toBeCloseTo(sqrt(momentum * (1 - h)), 13);
        expect(at(false).regime).toBe("ringing");
        expect(spectralRadius).toBeLessThan(at(false).spectralRadius);
      },
    ),
  );
});

claim("ringing-decays-at-root-beta", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.05, max: 0.99, noNaN: true }),
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      fc.double({ min: 0.01, max: 100, noNaN: true }),
      (momentum, share, curvature) => {
        const [low, high] = [(1 - sqrt(momentum)) ** 2, (1 + sqrt(momentum)) ** 2];
        const lr = (low + share * (high - low)) / curvature;
        const { regime, spectralRadius, roots } = momentumSpectrum({ lr, momentum, curvature });
        expect(regime).toBe("ringing");
        expect(spectralRadius).toBeCloseTo(sqrt(momentum), 14);
        expect(Math.hypot(roots[0].re, roots[0].im)).toBeCloseTo(sqrt(momentum), 12);
      },
    ),
  );
  expect(sqrt(0.9)).toBeCloseTo(0.94868, 5);
  // β = 0.99: half of the amplitude is left after 138 steps, whatever the rate
  expect(Math.ceil(Math.log(0.5) / Math.log(sqrt(0.99)))).toBe(138);
  const setting = { lr: 0.1, momentum: 0.99, steps: 2760 };
  const sizes = [...sgdMomentumSteps(quadratic([1]), [1], setting)].map(({ x }) => abs(x[0]!));
  const amplitude = (from: number) => Math.max(...sizes.slice(from, from + 20)); // more than a half-period of 10 steps
  expect(amplitude(2740) / amplitude(0)).toBeCloseTo(2 ** (-2740 / 137.9), 6);
});

claim("effective-rate-is-lr-over-one-minus-beta", () => {
  const constant = [...sgdMomentumSteps(() => [3], [0], { lr: 0.1, momentum: 0.9, steps: 200 })];
  for (const t of [1, 5, 20, 200]) {
    expect(constant[t]!.velocity[0]! / 30).toBeCloseTo(1 - 0.9 ** t, 13); // 3/(1 − 0.9) = 30
  }
  const stepLength = constant[199]!.x[0]! - constant[200]!.x[0]!;
  expect(stepLength / (0.1 * 3)).toBeCloseTo(10, 7);
  const dampened = { lr: 0.1, momentum: 0.9, dampening: 0.9, steps: 50 };
  for (const { velocity } of [...sgdMomentumSteps(() => [3], [0], dampened)].slice(1)) {
    expect(velocity[0]).toBeCloseTo(3, 13);
  }
  const faster = [...sgdMomentumSteps(() => [3], [0], { lr: 0.1, momentum: 0.99, steps: 2000 })];
  expect(faster.at(-1)!.velocity[0]! / 300).toBeCloseTo(1, 8); // from 0.9 to 0.99: divide the rate by 10 to keep η/(1 − β)
});

claim("forms-agree-until-the-rate-changes", () => {
  const { normal } = random(5);
  const noise = Array.from({ length: 60 }, () => [normal(), normal(), normal()]);
  const gradient = (x: Float64Array, t: number) => x.map((xi, i) => (i + 1) * xi + noise[t]![i]!);
  for (const nesterov of [false, true]) {
    const run = (options: Partial<SgdMomentumOptions>) =>
      sgdMomentum(gradient, [1, 2, -1], { lr: 0.02, momentum: 0.8, nesterov, steps: 60, ...options }).x;
    expectClose(run({ form: "ema", lr: 0.02 / (1 - 0.8) }), run({}), 1e-13); // roundings of 60 steps
    expectClose(run({ form: "lrInside" }), run({}), 1e-13);
    const drop = (t: number) => (t < 30 ? 0.02 : 0.002);
    const [torch, inside] = [run({ lr: drop }), run({ lr: drop, form: "lrInside" })];
    expect(normOf(torch.map((x, i) => x - inside[i]!))).toBeGreaterThan(1e-3);
  }
  // constant gradient 1, β = 0.9, rate from 1 to 0.1 at step 100
  const step = (form: "torch" | "lrInside", at: number) => {
    const lr = (t: number) => (t < 100 ? 1 : 0.1);
    const states = [...sgdMomentumSteps(() => [1], [0], { lr, momentum: 0.9, form, steps: 140 })];
    return states[at]!.x[0]! - states[at + 1]!.x[0]!;
  };
  expect(step("torch", 99)).toBeCloseTo(10, 3);
  expect(step("lrInside", 99)).toBeCloseTo(10, 3);
  expect(step("torch", 100)).toBeCloseTo(1, 4); // at once
  expect(step("lrInside", 100)).toBeCloseTo(9.1, 3); // 0.9·10 + 0.1: the velocity still holds the old rate
  expect(step("lrInside", 122)).toBeCloseTo(1.8, 1);
});

claim("momentum-keeps-the-noise", () => {
  const setting = { lr: 0.1, momentum: 0.9, curvature: 1, noise: 1 };
  expect(stationaryVariance(setting)).toBeCloseTo(0.51351, 5);
  // plain descent with the same effective rate, and how the two approach each other
  const ratio = (lr: number) =>
    stationaryVariance({ ...setting, lr }) / stationaryVariance({ ...setting, lr: 10 * lr, momentum: 0 });
  expect(ratio(1e-5)).toBeCloseTo(1, 4);
  expect(ratio(0.001)).toBeCloseTo(0.9953, 4);
  expect(ratio(0.02)).toBeCloseTo(0.905, 3);
  expect(ratio(0.1)).toBeCloseTo(0.5135, 4); // plain descent is at ηλ = 1 here, near its limit
  // sampled: the mean of squares of one long run
  const { normal } = random(2);
  let squares = 0;
  const steps = 200_000;
  const states = sgdMomentumSteps((x) => [x[0]! + normal()], [0], { lr: 0.1, momentum: 0.9, steps });
  for (const { x, t } of states) squares += t > 200 ? x[0]! ** 2 : 0;
  // values within about 10 steps of each other are one: 3 standard errors are 3·√(2/20,000) = 3 %
  expect(abs(squares / (steps - 200) / 0.51351 - 1)).toBeLessThan(0.03);
});

claim("without-momentum-it-is-the-schedules-floor", () => {
  const { losses } = sgdQuadratic(() => 0.3, { curvatures: [2], noise: [1], x0: [0], steps: 60 }, { runs: 20_000 });
  const variance = stationaryVariance({ lr: 0.3, momentum: 0, curvature: 2, noise: 1 });
  expect(variance).toBeCloseTo(0.3 / (2 * (2 - 0.6)), 14);
  expect(abs(losses[60]! / variance - 1)).toBeLessThan(0.03); // ½λ = 1; three standard errors √(2/20,000)
});

claim("heavy-ball-cycles-where-others-converge", () => {
  const { gradient, mu, L, x0 } = COUNTEREXAMPLE;
  const { lr, momentum } = optimalHeavyBall({ mu, L });
  expect([lr, momentum]).toEqual([(2 / 6) ** 2, (4 / 6) ** 2]);
  const states = [...sgdMomentumSteps(gradient, [x0], { lr, momentum, steps: 600 })];
  const three = states.slice(-3).map(({ x }) => x[0]!);
  expectClose(
    three.sort((a, b) => b - a),
    [2.11592, 0.64653, -1.80245],
    5e-6,
  );
  const from = states.findIndex(({ x }, t) => t > 3 && abs(x[0]! - states[t - 3]!.x[0]!) < 1e-9);
  for (let t = from; t <= 600; t++) expect(abs(states[t]!.x[0]! - states[t - 3]!.x[0]!)).toBeLessThan(1e-8);
  const nesterov = sgdMomentum(gradient, [x0], { lr: 1 / 25, momentum: 2 / 3, nesterov: true, steps: 600 });
  const descent = sgdMomentum(gradient, [x0], { lr: 1 / 13, momentum: 0, steps: 600 });
  expect(abs(nesterov.x[0]!)).toBeLessThan(1e-12);
  expect(abs(descent.x[0]!)).toBeLessThan(1e-12);
  // the function is what it is said to be: slopes between 1 and 25, continuous, f'(0) = 0
  const at = (x: number) => gradient([x])[0]!;
  expect([at(0), at(1), at(2), at(3)]).toEqual([0, 25, 26, 51]);
  for (let x = -3; x < 4; x += 0.05) {
    const slope = (at(x + 0.05) - at(x)) / 0.05;
    expect(slope).toBeGreaterThan(1 - 1e-9);
    expect(slope).toBeLessThan(25 + 1e-9);
  }
});

claim("nesterov-keeps-its-bound", () => {
  const chain = chainQuadratic(201);
  const states = [...nesterovSteps(chain.gradient, new Float64Array(201), { L: 4, steps: 300 })];
  const distance = sum(chain.solution.map((x) => x * x));
  for (const { k, x } of states.slice(1)) {
    const gap = chain.value(x) - chain.minimum;
    expect(gap).toBeLessThanOrEqual((2 * 4 * distance) / (k + 1) ** 2);
    expect(gap).toBeGreaterThan(-1e-13);
  }
  expect(chain.value(states[100]!.x) - chain.minimum).toBeCloseTo(0.00791, 5);
  const descent = sgdMomentum(chain.gradient, new Float64Array(201), { lr: 0.25, momentum: 0, steps: 100 });
  expect(chain.value(descent.x) - chain.minimum).toBeCloseTo(0.03729, 5);
  // convex quadratics of any size, started anywhere
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 3, noNaN: true }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 0, max: 1e6 }),
      (curvatures, seed) => {
        const { normal } = random(seed);
        const x0 = curvatures.map(() => 5 * normal());
        const L = Math.max(...curvatures);
        for (const { k, x } of nesterovSteps(quadratic(curvatures), x0, { L, steps: 40 })) {
          const gap = 0.5 * sum(x.map((xi, i) => curvatures[i]! * xi * xi));
          if (k > 0) expect(gap).toBeLessThanOrEqual((2 * L * normOf(x0) ** 2) / (k + 1) ** 2);
        }
      },
    ),
  );
});

claim("torch-stores-the-point-ahead", () => {
  const [mu, L, lr] = [1, 30, 1 / 30];
  const momentum = (sqrt(30) - 1) / (sqrt(30) + 1);
  const gradient = quadratic([1, 7, 30]);
  const torch = [...sgdMomentumSteps(gradient, [1, 2, 3], { lr, momentum, nesterov: true, steps: 25 })];
  const nesterov = [...nesterovSteps(gradient, [1, 2, 3], { L, mu, steps: 25 })];
  torch.forEach(({ x }, t) => void expectClose(x, nesterov[t]!.y, 1e-14)); // its x is Nesterov's y
  expect(normOf(nesterov[3]!.x)).not.toBeCloseTo(normOf(nesterov[3]!.y), 2);
});

/** Mean loss of the last 20 of 300 steps on the digits. */
function digitsRun(lr: number, momentum: number): number {
  const problem = digitsProblem({ batch: 64 });
  const run = trainSteps({ ...problem, optimizer: new SGD({ lr, momentum }), steps: 300 });
  return sum([...run].slice(-20).map(({ loss }) => loss)) / 20;
}

claim(
  "on-digits-momentum-is-a-larger-stable-rate",
  () => {
    const [plain, heavy, raw] = [digitsRun(0.1, 0), digitsRun(0.01, 0.9), digitsRun(0.01, 0)];
    expect(abs(heavy / plain - 1)).toBeLessThan(0.01); // the same effective rate, the same loss
    expect(abs(digitsRun(0.05, 0.9) / digitsRun(0.5, 0) - 1)).toBeLessThan(0.1);
    expect(raw).toBeGreaterThan(4 * heavy);
    // at an effective rate of 2 plain descent is lost
    expect(digitsRun(2, 0)).toBeGreaterThan(Math.log(10));
    expect(digitsRun(0.2, 0.9)).toBeLessThan(0.03);
  },
  60_000,
);

describe("sgdMomentumSteps", () => {
  test("by hand: f = x², β = ½, η = 0.1 from 1", () => {
    const states = [...sgdMomentumSteps(quadratic([2]), [1], { lr: 0.1, momentum: 0.5, steps: 3 })];
    expectClose(
      states.map(({ x }) => x[0]!),
      [1, 0.8, 0.54, 0.302],
      1e-15,
    );
    expectClose(
      states.map(({ velocity }) => velocity[0]!),
      [0, 2, 2.6, 2.38],
      1e-15,
    );
    expectClose(
      states.map(({ grad }) => grad[0]!),
      [0, 2, 1.6, 1.08],
      1e-15,
    );
    expect(states.map(({ t, diverged }) => [t, diverged])).toEqual([0, 1, 2, 3].map((t) => [t, false]));
    // Nesterov's first step is (1 + β) times as long
    const nesterov = sgdMomentum(quadratic([2]), [1], { lr: 0.1, momentum: 0.5, nesterov: true, steps: 1 });
    expect(nesterov.x[0]).toBeCloseTo(1 - 0.1 * 1.5 * 2, 15);
  });

  test("defaults: momentum 0.9, 100 steps, form 'torch'; a constant schedule is a number", () => {
    const gradient = quadratic([1, 0.3]);
    const full = { lr: 0.05, momentum: 0.9, nesterov: false, dampening: 0, form: "torch", steps: 100 } as const;
    expect(sgdMomentum(gradient, [1, 1], { lr: 0.05 })).toEqual(sgdMomentum(gradient, [1, 1], full));
    const constant = schedule("constant", { peak: 0.05 });
    expect(sgdMomentum(gradient, [1, 1], { lr: constant })).toEqual(sgdMomentum(gradient, [1, 1], full));
    expect(sgdMomentum(gradient, [1, 1], { lr: 0.05 }).t).toBe(100);
  });

  test("the schedule and the gradient get the step 0, 1, …", () => {
    const [rates, steps]: [number[], number[]] = [[], []];
    const lr = (t: number) => {
      rates.push(t);
      return 0.1 * (t + 1);
    };
    const gradient = (_: Float64Array, t: number) => {
      steps.push(t);
      return [1];
    };
    const { x } = sgdMomentum(gradient, [0], { lr, momentum: 0, steps: 3 });
    expect([rates, steps]).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(x[0]).toBeCloseTo(-0.6, 15);
  });

  test("dampening: not in the first step, as in PyTorch", () => {
    const states = [...sgdMomentumSteps(() => [1], [0], { lr: 1, momentum: 0.5, dampening: 0.25, steps: 3 })];
    expectClose(
      states.map(({ velocity }) => velocity[0]!),
      [0, 1, 1.25, 1.375],
      1e-15,
    );
  });

  test("divergence ends the run with a flag: growth, overflow and NaN", () => {
    const growing = [...sgdMomentumSteps(quadratic([1]), [1], { lr: 10, momentum: 0, steps: 1000 })];
    expect(growing.length).toBeLessThan(165); // 9ᵗ passes 1e150 at t = 158
    expect(growing.at(-1)!.diverged).toBe(true);
    expect(growing.slice(0, -1).every(({ diverged }) => !diverged)).toBe(true);
    expect(abs(growing.at(-1)!.x[0]!)).toBeGreaterThan(1e150);
    expect(abs(growing.at(-2)!.x[0]!)).toBeLessThanOrEqual(1e150);
    const broken = [...sgdMomentumSteps((_, t) => [t === 2 ? Number.NaN : 1], [0], { lr: 1 })];
    expect(broken.map(({ diverged }) => diverged)).toEqual([false, false, false, true]);
    expect(sgdMomentum(() => [Infinity], [0], { lr: 1 })).toMatchObject({ t: 1, diverged: true });
    expect(sgdMomentum(() => [1], [1e151], { lr: 1 })).toMatchObject({ t: 0, diverged: true });
    expect(sgdMomentum(() => [0], [5e-324], { lr: 1 })).toMatchObject({ t: 100, diverged: false });
  });

  test("inputs unchanged; the gradient may write into what it gets; states are independent", () => {
    const x0 = Float64Array.of(1, 2);
    const g = Float64Array.of(0.5, -0.5);
    const rude = (x: Float64Array) => {
      x.fill(99);
      return g;
    };
    const states = [...sgdMomentumSteps(rude, x0, { lr: 0.1, momentum: 0, steps: 2 })];
    expect([...x0, ...g]).toEqual([1, 2, 0.5, -0.5]);
    expectClose(states[2]!.x, [0.9, 2.1], 1e-15);
    expectClose(states[1]!.x, [0.95, 2.05], 1e-15);
    states[1]!.grad.fill(7);
    expect([...g]).toEqual([0.5, -0.5]);
  });

  test("errors, with the whole message", () => {
    const fails = (options: object, message: string) =>
      expect(() => sgdMomentum(() => [1], [1], { lr: 0.1, ...options })).toThrow(
        new RangeError(`sgdMomentum: ${message}`),
      );
    fails({ lr: 0 }, "lr must be a finite number in (0, Infinity), got 0");
    fails({ lr: Number.NaN }, "lr must be a finite number in (0, Infinity), got NaN");
    fails({ lr: (t: number) => -t }, "lr(1) must be a finite number in [0, Infinity), got -1");
    fails({ momentum: 1 }, "momentum must be a finite number in [0, 1), got 1");
    fails({ momentum: -0.1 }, "momentum must be a finite number in [0, 1), got -0.1");
    fails({ dampening: 1.5 }, "dampening must be a finite number in [0, 1], got 1.5");
    fails({ nesterov: true, momentum: 0 }, "momentum with nesterov must be a finite number in (0, 1), got 0");
    fails({ nesterov: true, dampening: 0.5 }, "dampening with nesterov must be a finite number in [0, 0], got 0.5");
    fails({ momentum: 0, dampening: 0.5 }, "momentum with dampening must be a finite number in (0, 1), got 0");
    fails({ form: "ema", dampening: 0.5 }, "dampening with form 'ema' must be a finite number in [0, 0], got 0.5");
    fails({ form: "keras" }, "form must be one of 'torch', 'ema', 'lrInside', got 'keras'");
    fails({ steps: 1.5 }, "steps must be an integer at least 0, got 1.5");
    expect(() => sgdMomentum(() => [1, 2], [1], { lr: 0.1 })).toThrow(
      new RangeError("sgdMomentum: gradient must have length 1, got 2"),
    );
    expect(() => sgdMomentum(() => [1], [Number.NaN], { lr: 0.1 })).toThrow(
      new RangeError("sgdMomentum: x0 must be finite, got NaN at 0"),
    );
    expect(sgdMomentum(() => [1], [1], { lr: (t) => 1 - Math.min(1, t), steps: 5 }).t).toBe(5); // a rate of 0 is allowed
  });
});

describe("SGD", () => {
  const { normal } = random(11);
  const sizes = [3, 1, 4];
  const draw = () => sizes.map((size) => Float64Array.from({ length: size }, normal));
  const gradients = Array.from({ length: 6 }, draw);
  const start = draw();

  /** Steps with the drawn gradients, from copies. */
  function run(options: SgdOptions, type: typeof Float32Array | typeof Float64Array = Float64Array, steps = 6) {
    const parameters: Floats[] = start.map((p) => type.from(p));
    const optimizer = new SGD(options);
    for (let t = 0; t < steps; t++) optimizer.step(parameters, gradients[t]!);
    return { parameters, optimizer };
  }

  test("does what sgdMomentumSteps does, for every parameter", () => {
    const lr = schedule("cosine", { peak: 0.3, totalSteps: 6 });
    for (const options of [
      { momentum: 0 },
      { momentum: 0.9 },
      { momentum: 0.9, nesterov: true },
      { momentum: 0.6, dampening: 0.3 },
    ]) {
      const { parameters } = run({ lr, ...options });
      parameters.forEach((p, k) => {
        const { x } = sgdMomentum((_, t) => gradients[t]![k]!, start[k]!, { lr, ...options, steps: 6 });
        expectClose(p, x, 1e-15);
      });
    }
  });

  test("in place; gradients unchanged; float32 stays float32", () => {
    const parameters = [Float32Array.of(1, 2), Float64Array.of(3)];
    const same = [...parameters];
    const given = [[0.5, 1], Float32Array.of(0.1)];
    const optimizer = new SGD({ lr: 0.1, momentum: 0.9 });
    expect(optimizer.state).toEqual({ t: 0, velocity: [] });
    optimizer.step(parameters, given);
    expect(parameters[0]).toBe(same[0]);
    expectClose(parameters[0]!, [0.95, 1.9], 1e-7);
    expect(parameters[1]![0]).toBe(3 - 0.1 * Math.fround(0.1));
    expect(given).toEqual([[0.5, 1], Float32Array.of(0.1)]);
    expect(optimizer.state.t).toBe(1);
    expect(optimizer.state.velocity).toEqual([Float32Array.of(0.5, 1), Float64Array.of(Math.fround(0.1))]);
    new SGD({ lr: 1 }).step([], []);
  });

  test("no momentum, no velocity", () => {
    expect(run({ lr: 0.1 }).optimizer.state).toEqual({ t: 6, velocity: [] });
  });

  test("weight decay: λθ joins the gradient, before momentum", () => {
    const theta = Float64Array.of(2);
    const optimizer = new SGD({ lr: 0.1, momentum: 0.5, weightDecay: 0.25 });
    optimizer.step([theta], [[1]]);
    expect(theta[0]).toBeCloseTo(2 - 0.1 * 1.5, 15);
    optimizer.step([theta], [[1]]);
    expect(theta[0]).toBeCloseTo(1.85 - 0.1 * (0.75 + 1 + 0.25 * 1.85), 15);
    const plain = Float64Array.of(2);
    new SGD({ lr: 0.1, weightDecay: 0.25 }).step([plain], [[1]]);
    expect(plain[0]).toBeCloseTo(1.85, 15);
  });

  test("a resumed run is the run without a break, dampening and schedule included", () => {
    const lr = schedule("linear", { peak: 0.3, totalSteps: 6 });
    const options = { lr, momentum: 0.7, dampening: 0.2 };
    const whole = run(options).parameters;
    const { parameters, optimizer } = run(options, Float64Array, 3);
    const { state } = optimizer;
    const second = new SGD({ ...options, state });
    for (let t = 3; t < 6; t++) second.step(parameters, gradients[t]!);
    expect(parameters).toEqual(whole);
    expect(state.t).toBe(3); // the state was copied
    // a new velocity is undamped, also where the count of steps goes on
    const theta = Float64Array.of(0);
    const late = new SGD({
      lr: (t) => (t === 40 ? 1 : Number.NaN),
      momentum: 0.5,
      dampening: 0.5,
      state: { t: 40, velocity: [] },
    });
    late.step([theta], [[1]]);
    expect(theta[0]).toBe(-1);
    expect(second.state.velocity[0]).not.toBe(state.velocity[0]);
  });

  test("whatever is thrown, parameters and state are as before", () => {
    const { parameters, optimizer } = run({ lr: 0.1, momentum: 0.9, weightDecay: 0.1 });
    const before = structuredClone({ parameters, state: optimizer.state });
    const bad = draw();
    bad[2]![3] = Number.NaN;
    const attempts: (readonly [gradients: ArrayLike<number>[], error: Error])[] = [
      [bad, new NonFiniteGradientError("SGD: gradient 2 must be finite, got NaN at 3", 2, 3)],
      [
        [bad[0]!, [Infinity], bad[1]!],
        new NonFiniteGradientError("SGD: gradient 1 must be finite, got Infinity at 0", 1, 0),
      ],
      [[bad[0]!, [1], [1]], new RangeError("SGD: gradient 2 must have length 4, got 1")],
      [[bad[0]!], new RangeError("SGD: there must be a gradient for each of 3 parameters, got 1")],
    ];
    for (const [given, error] of attempts) {
      const usable = given === bad ? given : given.map((g, k) => (k === 2 && g.length === 4 ? gradients[0]![2]! : g));
      expect(() => optimizer.step(parameters, usable)).toThrow(error);
      expect({ parameters, state: optimizer.state }).toEqual(before);
    }
    let rate = Number.NaN;
    const scheduled = new SGD({ lr: () => rate });
    expect(() => scheduled.step(parameters, gradients[0]!)).toThrow(
      new RangeError("SGD: lr(0) must be a finite number in [0, Infinity), got NaN"),
    );
    expect(parameters).toEqual(before.parameters);
    rate = 0.1;
    scheduled.step(parameters, gradients[0]!);
    expect(scheduled.state.t).toBe(1);
  });

  test("the error names the parameter and the place; float32 overflows earlier; decay counts", () => {
    const step = (theta: Floats, gradient: ArrayLike<number>, weightDecay = 0) => {
      try {
        new SGD({ lr: 1e-300, weightDecay }).step([theta], [gradient]);
        return "fine";
      } catch (error) {
        return error instanceof NonFiniteGradientError ? [error.name, error.parameter, error.index] : error;
      }
    };
    const named = (index: number) => ["NonFiniteGradientError", 0, index];
    expect(step(Float64Array.of(0, 0), [1e308, 1])).toBe("fine");
    expect(step(Float32Array.of(0, 0), [1, 1e39])).toEqual(named(1));
    expect(step(Float32Array.of(0, 0), [1, 3.4e38])).toBe("fine");
    expect(step(Float32Array.of(0, 0), [1, 3.4028235e38])).toBe("fine"); // rounds to the largest float32
    expect(step(Float64Array.of(0, 1e308), [1, 1e308], 1)).toEqual(named(1));
    expect(step(Float32Array.of(3e38, 0), [3e38, 0], 1)).toEqual(named(0));
    expect(step(Float64Array.of(0), [5e-324])).toBe("fine");
  });

  test("other parameters than in the first step are refused", () => {
    const { optimizer } = run({ lr: 0.1, momentum: 0.9 });
    const fails = (parameters: Floats[], message: string) =>
      expect(() => optimizer.step(parameters, parameters)).toThrow(new RangeError(`SGD: ${message}`));
    fails([Float64Array.of(1)], "there must be 3 parameters as in the first step, got 1");
    fails([...start, Float64Array.of(1)], "there must be 3 parameters as in the first step, got 4");
    fails(
      [new Float64Array(3), new Float64Array(1), new Float64Array(5)],
      "parameter 2 must be a Float64Array(4) as in the first step, got a Float64Array(5)",
    );
    fails(
      [new Float32Array(3), new Float64Array(1), new Float64Array(4)],
      "parameter 0 must be a Float64Array(3) as in the first step, got a Float32Array(3)",
    );
  });

  test("errors of the constructor", () => {
    const fails = (options: object, message: string) =>
      expect(() => new SGD({ lr: 0.1, ...options })).toThrow(new RangeError(`SGD: ${message}`));
    fails({ lr: -1 }, "lr must be a finite number in (0, Infinity), got -1");
    fails({ momentum: 1 }, "momentum must be a finite number in [0, 1), got 1");
    fails({ nesterov: true }, "momentum with nesterov must be a finite number in (0, 1), got 0");
    fails({ dampening: 0.5 }, "momentum with dampening must be a finite number in (0, 1), got 0");
    fails({ weightDecay: -1 }, "weightDecay must be a finite number in [0, Infinity), got -1");
    fails({ state: { t: -1, velocity: [] } }, "state.t must be an integer at least 0, got -1");
  });
});

describe("nesterovSteps", () => {
  test("the momentum: FISTA's weights, or the constant", () => {
    // along a constant gradient −1 of slope L = 1: x_{k+1} = y_k + 1, so y − x over the last move shows β
    const betas = (mu: number) => {
      const states = [...nesterovSteps(() => [-1], [0], { L: 1, mu, steps: 4 })];
      return states.slice(1).map(({ x, y }, k) => (y[0]! - x[0]!) / (x[0]! - states[k]!.x[0]!));
    };
    const t = [1];
    for (let k = 0; k < 4; k++) t.push((1 + sqrt(1 + 4 * t[k]! ** 2)) / 2);
    expectClose(
      betas(0),
      [0, 1, 2, 3].map((k) => (t[k]! - 1) / t[k + 1]!),
      1e-14,
    );
    expectClose(betas(0.25), Array(4).fill(1 / 3), 1e-14);
    expectClose(betas(1), Array(4).fill(0), 0);
  });

  test("one step of 1/L solves a round bowl; divergence is flagged; inputs unchanged", () => {
    const x0 = Float64Array.of(3, -4);
    const states = [...nesterovSteps(quadratic([5, 5]), x0, { L: 5, mu: 5, steps: 2 })];
    expectClose(states[1]!.x, [0, 0], 1e-15);
    expect([...x0]).toEqual([3, -4]);
    const far = [...nesterovSteps(quadratic([50]), [1], { L: 1, steps: 1000 })];
    expect(far.at(-1)!.diverged).toBe(true);
    expect(far.length).toBeLessThan(200);
    const rude = (y: Float64Array) => {
      const g = y.map((yi) => 2 * yi);
      y.fill(99);
      return g;
    };
    expect([...nesterovSteps(rude, [1], { L: 4, steps: 2 })].map(({ x }) => x[0])).toEqual([1, 0.5, 0.25]);
    expect([...nesterovSteps(quadratic([1]), [1], { L: 1 })]).toHaveLength(101);
  });

  test("errors", () => {
    const fails = (options: object, message: string) =>
      expect(() => [...nesterovSteps(() => [1], [1], { L: 2, ...options })]).toThrow(
        new RangeError(`nesterov: ${message}`),
      );
    fails({ L: 0 }, "L must be a finite number in (0, Infinity), got 0");
    fails({ mu: 3 }, "mu must be a finite number in [0, 2], got 3");
    fails({ mu: -1 }, "mu must be a finite number in [0, 2], got -1");
    fails({ steps: -1 }, "steps must be an integer at least 0, got -1");
    expect(() => [...nesterovSteps(() => [], [1], { L: 2 })]).toThrow(
      new RangeError("nesterov: gradient must have length 1, got 0"),
    );
  });
});

describe("momentumSpectrum, optimalHeavyBall, stationaryVariance, chainQuadratic", () => {
  test("the roots satisfy their polynomial, and a run follows them", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.double({ min: -0.5, max: 4, noNaN: true }),
        fc.boolean(),
        (momentum, h, nesterov) => {
          const { roots, spectralRadius } = momentumSpectrum({ lr: 0.5, momentum, curvature: 2 * h, nesterov });
          const [a, b] = roots;
          const trace = nesterov ? (1 + momentum) * (1 - h) : 1 + momentum - h;
          const product = nesterov ? momentum * (1 - h) : momentum;
          expect(a.re + b.re).toBeCloseTo(trace, 13);
          expect(a.im + b.im).toBe(0);
          expect(a.re * b.re - a.im * b.im).toBeCloseTo(product, 13);
          expect(Math.hypot(a.re, a.im)).toBeCloseTo(spectralRadius, 13);
          expect(Math.hypot(b.re, b.im)).toBeLessThanOrEqual(spectralRadius + 1e-13);
        },
      ),
    );
    // x_{t+1} = trace·x_t − product·x_{t−1}
    for (const nesterov of [false, true]) {
      const setting = { lr: 0.3, momentum: 0.6 };
      const xs = [...sgdMomentumSteps(quadratic([1.7]), [1], { ...setting, nesterov, steps: 9 })].map(({ x }) => x[0]!);
      const [a, b] = momentumSpectrum({ ...setting, curvature: 1.7, nesterov }).roots;
      for (let t = 2; t < 10; t++) {
        expect(xs[t]).toBeCloseTo((a.re + b.re) * xs[t - 1]! - (a.re * b.re - a.im * b.im) * xs[t - 2]!, 13);
      }
    }
  });

  test("regimes", () => {
    const regime = (h: number, momentum: number, nesterov = false) =>
      momentumSpectrum({ lr: 1, momentum, curvature: h, nesterov }).regime;
    expect([regime(0.001, 0.9), regime(0.1, 0.9), regime(3.798, 0.9), regime(3, 0.5)]).toEqual([
      "monotone",
      "ringing",
      "alternating",
      "unstable",
    ]);
    expect([regime(0.5, 0), regime(1.5, 0), regime(2, 0), regime(0, 0.5), regime(-0.1, 0.5)]).toEqual([
      "monotone",
      "alternating",
      "unstable",
      "unstable",
      "unstable",
    ]);
    expect(regime(1, 0)).toBe("monotone"); // both roots 0: done in one step
    expect(regime(-9, 0.5, true)).toBe("unstable");
  });

  test("errors", () => {
    const fails = (run: () => unknown, message: string) => expect(run).toThrow(new RangeError(message));
    const setting = { lr: 1, momentum: 0.5, curvature: 1, noise: 1 };
    for (const [name, run] of [
      ["momentumSpectrum", momentumSpectrum],
      ["stationaryVariance", stationaryVariance],
    ] as const) {
      fails(() => run({ ...setting, lr: 0 }), `${name}: lr must be a finite number in (0, Infinity), got 0`);
      fails(() => run({ ...setting, momentum: 1 }), `${name}: momentum must be a finite number in [0, 1), got 1`);
      fails(() => run({ ...setting, curvature: Number.NaN }), `${name}: curvature must be a finite number, got NaN`);
    }
    const variance = (more: object) => () => stationaryVariance({ ...setting, ...more });
    fails(variance({ curvature: 0 }), "stationaryVariance: curvature must be a finite number in (0, Infinity), got 0");
    fails(variance({ noise: -1 }), "stationaryVariance: noise must be a finite number in [0, Infinity), got -1");
    expect(variance({ lr: 3 })()).toBe(Infinity);
    expect(variance({ lr: 1.6, nesterov: true })()).toBe(Infinity);
    expect(variance({ noise: 0 })()).toBe(0);
    const best = (mu: number, L: number) => () => optimalHeavyBall({ mu, L });
    fails(best(0, 1), "optimalHeavyBall: mu must be a finite number in (0, Infinity), got 0");
    fails(best(2, 1), "optimalHeavyBall: L must be a finite number in [2, Infinity), got 1");
    expect(best(4, 4)()).toEqual({ lr: 0.25, momentum: 0, rate: 0 });
    fails(() => chainQuadratic(0), "chainQuadratic: n must be an integer at least 1, got 0");
    expect(chainQuadratic(1).gradient([2])).toEqual(Float64Array.of(3));
  });

  test("the chain: gradient by central differences, one variable further per step", () => {
    const { value, gradient, solution } = chainQuadratic(5);
    const x = [0.3, -1, 2, 0.5, 0.1];
    const h = 1e-5;
    const moved = (i: number, by: number) => x.map((xi, j) => (i === j ? xi + by : xi));
    const slope = x.map((_, i) => (value(moved(i, h)) - value(moved(i, -h))) / (2 * h));
    expectClose(gradient(x), slope, 1e-9); // rounding of the value over h
    expectClose(gradient(solution), new Float64Array(5), 1e-15);
    const { x: reached } = sgdMomentum(chainQuadratic(9).gradient, new Float64Array(9), { lr: 0.2, steps: 4 });
    expect([...reached].map((xi) => xi !== 0)).toEqual([true, true, true, true, false, false, false, false, false]);
  });
});

interface Fixture {
  readonly torch: readonly {
    readonly options: { momentum?: number; nesterov?: boolean; dampening?: number; weight_decay?: number };
    readonly start: number[][];
    readonly gradients: number[][][];
    readonly lrs: number[];
    readonly float64: number[][];
    readonly float32: number[][];
  }[];
  readonly sklearn: readonly {
    readonly nesterov: boolean;
    readonly start: number[][];
    readonly gradients: number[][][];
    readonly lrs: number[];
    readonly end: number[][];
  }[];
  readonly rosenbrock: readonly { nesterov: boolean; end: number[] }[];
  readonly spectra: readonly {
    readonly h: number;
    readonly beta: number;
    readonly nesterov: boolean;
    readonly sum: number;
    readonly product: number;
    readonly radius: number;
    readonly variance?: number;
  }[];
  readonly bestCoefficients: readonly { mu: number; L: number; rate: number }[];
  readonly cycle: number[];
  readonly chain: {
    readonly n: number;
    readonly largestCurvature: number;
    readonly solution: number[];
    readonly minimum: number;
    readonly gaps: number[];
    readonly gradientDescent: number;
  };
}

describe("PyTorch, scikit-learn, NumPy and SciPy", () => {
  const fixture = oracle<Fixture>();

  test.each(fixture.torch)("torch.optim.SGD, $options", ({ options, start, gradients, lrs, ...expected }) => {
    const { weight_decay: weightDecay = 0, ...rest } = options;
    for (const type of [Float64Array, Float32Array]) {
      const optimizer = new SGD({ ...rest, weightDecay, lr: (t) => lrs[t]! });
      const parameters: Floats[] = start.map((p) => type.from(p));
      for (const g of gradients) optimizer.step(parameters, g);
      const float64 = type === Float64Array;
      const theirs = float64 ? expected.float64 : expected.float32;
      // 7 steps of roundings of numbers of about 1; theirs rounds every operation to float32, ours only what it stores
      parameters.forEach((p, k) => void expectClose(p, theirs[k]!, float64 ? 1e-14 : 2e-6));
    }
  });

  test.each(fixture.sklearn)("the rate is inside in MLPClassifier's optimizer, nesterov $nesterov", (expected) => {
    const { nesterov, start, gradients, lrs, end } = expected;
    const lr = (t: number) => lrs[t]!;
    start.forEach((x0, k) => {
      const gradient = (_: Float64Array, t: number) => gradients[t]![k]!;
      const options = { lr, momentum: 0.9, nesterov, steps: lrs.length };
      expectClose(sgdMomentum(gradient, x0, { ...options, form: "lrInside" }).x, end[k]!, 1e-14);
      const outside = sgdMomentum(gradient, x0, options).x; // the rate drops on the way: the forms differ
      expect(abs(outside[0]! - end[k]![0]!)).toBeGreaterThan(0.01);
    });
  });

  test.each(fixture.rosenbrock)("200 steps on Rosenbrock's function, nesterov $nesterov", ({ nesterov, end }) => {
    const { x } = sgdMomentum(rosenbrock, [-1.2, 1], { lr: 5e-4, momentum: 0.9, nesterov, steps: 200 });
    expectClose(x, end, 1e-11); // 200 steps in a curved valley
  });

  test.each(fixture.spectra)(
    "eigenvalues and Lyapunov equation: ηλ = $h, β = $beta, nesterov $nesterov",
    (expected) => {
      const { h, beta: momentum, nesterov, variance } = expected;
      const setting = { lr: 0.25, momentum, curvature: h / 0.25, nesterov };
      const { roots, spectralRadius } = momentumSpectrum(setting);
      expect(roots[0].re + roots[1].re).toBeCloseTo(expected.sum, 14);
      expect(roots[0].re * roots[1].re - roots[0].im * roots[1].im).toBeCloseTo(expected.product, 14);
      expect(spectralRadius).toBeCloseTo(expected.radius, spectralRadius === 0 ? 8 : 12); // eigvals loses half of a double root
      if (variance !== undefined) expect(stationaryVariance({ ...setting, noise: 1.7 }) / variance).toBeCloseTo(1, 10);
    },
  );

  test("no search finds better coefficients", () => {
    for (const { mu, L, rate } of fixture.bestCoefficients) {
      const ours = optimalHeavyBall({ mu, L }).rate;
      expect(ours).toBeLessThan(rate + 1e-12);
      expect(rate - ours).toBeLessThan(1e-4); // Nelder-Mead on a function with a kink at its minimum
    }
  });

  test("the cycle from its linear equations", () => {
    const { lr, momentum } = optimalHeavyBall(COUNTEREXAMPLE);
    const states = [...sgdMomentumSteps(COUNTEREXAMPLE.gradient, [3.3], { lr, momentum, steps: 600 })].slice(-3);
    const first = states.findIndex(({ x }) => x[0]! > 2);
    expectClose(
      [0, 1, 2].map((i) => states[(first + i) % 3]!.x[0]!),
      fixture.cycle,
      1e-12,
    );
  });

  test("the chain, Tseng's form of the accelerated method, and gradient descent", () => {
    const { n, solution, minimum, gaps, gradientDescent, largestCurvature } = fixture.chain;
    const chain = chainQuadratic(n);
    expect(largestCurvature).toBeLessThan(4);
    expectClose(chain.solution, solution, 1e-12); // n²·ε: the condition of the system
    expect(chain.minimum).toBeCloseTo(minimum, 12);
    const states = [...nesterovSteps(chain.gradient, new Float64Array(n), { L: 4, steps: gaps.length })].slice(1);
    expectClose(
      states.map(({ x }) => chain.value(x) - chain.minimum),
      gaps,
      1e-13,
    );
    const { x } = sgdMomentum(chain.gradient, new Float64Array(n), { lr: 0.25, momentum: 0, steps: gaps.length });
    expect(chain.value(x) - chain.minimum).toBeCloseTo(gradientDescent, 13);
  });
});

describe("TensorFlow.js, in float32", () => {
  withTensorFlow("tf.train.momentum: v = βv + g, the rate outside; its Nesterov is the same", (tf) => {
    for (const nesterov of [false, true]) {
      const optimizer = tf.train.momentum(0.01, 0.9, nesterov);
      const x = tf.variable(tf.tensor1d([1, -2, 0.5]));
      const curvatures = [1, 3, 10];
      const ours = Float32Array.of(1, -2, 0.5);
      const sgd = new SGD({ lr: (t) => (t < 20 ? 0.01 : 0.001), momentum: 0.9, nesterov });
      for (let t = 0; t < 40; t++) {
        if (t === 20) optimizer.setLearningRate(0.001);
        optimizer.applyGradients([{ name: x.name, tensor: tf.tensor1d([...quadratic(curvatures)(x.dataSync())]) }]);
        sgd.step([ours], [quadratic(curvatures)(ours)]);
      }
      expectClose(ours, x.dataSync(), 1e-6); // float32 has 7 digits
      optimizer.dispose();
      x.dispose();
    }
  });
});

describe("figures say what is computed", () => {
  const titleOf = (spec: object) => (spec as { title: { text: string; subtitle: string } }).title;

  test("the valley: spectral radius, and the loss after 60 steps", () => {
    // λ = 20, η = 0.05, β = 0.8: complex roots; λ = 1: also complex, both of size √0.8
    expect(titleOf(valleyFigure.draw()).text).toBe("Spectral radius 0.894: converges");
    const { x } = sgdMomentum(quadratic([1, 20]), [9, 2.5], { lr: 0.05, momentum: 0.8, steps: 60 });
    const loss = (0.5 * (x[0]! ** 2 + 20 * x[1]! ** 2)).toExponential(2).replace("-", "−");
    expect(titleOf(valleyFigure.draw()).subtitle).toBe(`loss 103 at the start, ${loss} after 60 steps`);
    // λ = 40, η = 0.2: the larger root is about −6
    expect(titleOf(valleyFigure.draw({ lr: 0.2, kappa: 40 })).subtitle).toMatch(
      /; a root beyond −1\.9 is drawn there$/,
    );
    expect(titleOf(valleyFigure.draw({ lr: 0.2, method: "Nesterov" })).text).toContain("does not converge");
  });

  test("the noise at an effective rate of 0.01", () => {
    const plain = 0.01 / (2 - 0.01);
    const heavy = (0.001 * 1.9) / (0.1 * (3.8 - 0.001));
    expect(titleOf(noiseFigure.draw()).text).toBe(
      `At η/(1 − β) = 0.01: E[x²] = ${plain.toPrecision(3)} for β = 0, ${heavy.toPrecision(1)} for β = 0.9`,
    );
  });

  test("the cycle", () => {
    expect(titleOf(cycleFigure.draw({ momentum: 0.44, steps: 60 })).text).toMatch(
      /^Last 3 steps, \|x\| up to: heavy ball 2\.1\d?, Nesterov 0$/,
    );
    // without momentum its rate is too large: x grows by 25/9 − 1 per step
    expect(titleOf(cycleFigure.draw({ momentum: 0, steps: 60 })).text).toMatch(/heavy ball \d\.\d+e\+15/);
  });
});
