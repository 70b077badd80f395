/**
 * Gradient descent with momentum: a step along a decaying sum of past gradients. Oscillation across a valley cancels in the
 * sum, progress along it adds up. With what the theory says about it on a quadratic: roots, best coefficients, noise.
 *
 * Follows Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
 * https://doi.org/10.1016/0041-5553(64)90137-5
 * Follows Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep learning", 2013.
 * https://proceedings.mlr.press/v28/sutskever13.html
 * Follows Beck, Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm for Linear Inverse Problems", 2009.
 * https://doi.org/10.1137/080716542 (the weights of `nesterovSteps`)
 * Follows Lessard, Recht, Packard, "Analysis and Design of Optimization Algorithms via Integral Quadratic Constraints", 2016.
 * https://doi.org/10.1137/15M1009597 (the counterexample)
 * But:
 * - The gradient is whatever the caller computes, stochastic or not: no batches are drawn here.
 * - Weight decay in the class `SGD` is L2, part of the gradient, as in PyTorch; there is no decoupled one.
 * - Momentum is constant: Sutskever's schedule of it is left out.
 */
import { checkChoice, checkInteger, checkNumber, checkVector } from "../../lib/check.js";
import { norm } from "../../lib/matrix.js";
import type { Schedule } from "./learning-rate-schedules.js";

/** Gradient of the loss at x in step t = 0, 1, …; it gets a copy of x. */
export type Gradient = (x: Float64Array, t: number) => ArrayLike<number>;

/** Numbers that an optimizer changes in place. */
export type Floats = Float32Array | Float64Array;

/** How `sgdMomentumSteps` moves. */
export interface SgdMomentumOptions {
  /** η > 0, or a schedule of the step t = 0, 1, … that is never negative */
  readonly lr: number | Schedule;
  /** β in [0, 1), default 0.9 */
  readonly momentum?: number;
  /** take the gradient's share of the next velocity too: a look ahead; needs momentum; default false */
  readonly nesterov?: boolean;
  /** in [0, 1], form 'torch' only: from the second step on the gradient enters the velocity times 1 − dampening; needs momentum; default 0 */
  readonly dampening?: number;
  /** the velocity: 'torch' v = βv + g, x −= ηv (default); 'ema' v = βv + (1 − β)g, x −= ηv; 'lrInside' v = βv + ηg, x −= v */
  readonly form?: "torch" | "ema" | "lrInside";
  /** number of steps, default 100; fewer are made where the iterates diverge */
  readonly steps?: number;
}

/** Gradient descent with momentum before the first step (t = 0), or after t steps. */
export interface SgdMomentumState {
  /** steps taken */
  readonly t: number;
  /** x, d numbers */
  readonly x: Float64Array;
  /** v of the step that led here, zeros at first */
  readonly velocity: Float64Array;
  /** g of the step that led here, zeros at first */
  readonly grad: Float64Array;
  /** ‖x‖ is above 1e150, or NaN: no step follows */
  readonly diverged: boolean;
}

/**
 * Gradient descent with momentum, step by step.
 *
 * @param grad gradient at x in step t; d numbers
 * @param x0 start, d numbers
 * @throws {RangeError} an option outside its range; nesterov or dampening without momentum, or both; dampening in another
 *   form than 'torch'; a gradient that is not d numbers
 * @example
 * const states = [...sgdMomentumSteps((x) => x.map((xi) => 2 * xi), [1], { lr: 0.1, momentum: 0.5, steps: 2 })];
 * states.map(({ x }) => x[0]) // [1, 0.8, 0.54]
 * states.map(({ velocity }) => velocity[0]) // [0, 2, 2.6]
 */
export function* sgdMomentumSteps(
  grad: Gradient,
  x0: ArrayLike<number>,
  options: SgdMomentumOptions,
): Generator<SgdMomentumState, void, undefined> {
  const { steps, momentum: beta, nesterov, ...given } = checkRun("sgdMomentum", options);
  let x = checkVector("sgdMomentum", "x0", x0);
  const d = x.length;
  let velocity: Float64Array = new Float64Array(d);
  let g: Float64Array = velocity;
  for (let t = 0; ; t++) {
    const diverged = !(norm(x) <= 1e150);
    yield { t, x, velocity, grad: g, diverged };
    if (t === steps || diverged) return;
    const { share, eta } = factors(given, beta, t);
    g = gradientOf("sgdMomentum", grad(x.slice(), t), d);
    velocity = velocity.map((vi, i) => beta * vi + share * g[i]!); // (1)
    const step = nesterov ? velocity.map((vi, i) => beta * vi + share * g[i]!) : velocity; // (3)
    x = x.map((xi, i) => xi - eta * step[i]!); // (2)
  }
}

/** What a gradient is multiplied by on its way into the velocity, and the velocity on its way into x. */
function factors({ lr, dampening, form }: Pick<Run, "lr" | "dampening" | "form">, beta: number, t: number) {
  const eta = rateAt("sgdMomentum", lr, t);
  if (form === "lrInside") return { share: eta, eta: 1 };
  if (form === "ema") return { share: 1 - beta, eta };
  return { share: t === 0 ? 1 : 1 - dampening, eta }; // the first velocity is the first gradient, undamped, as in PyTorch
}

/**
 * Gradient descent with momentum, run to its end: the last state of `sgdMomentumSteps`.
 *
 * @throws as `sgdMomentumSteps`
 * @example
 * sgdMomentum((x) => x.map((xi) => 2 * xi), [1], { lr: 0.1, momentum: 0.5, steps: 2 }).x // [0.54]
 */
export function sgdMomentum(grad: Gradient, x0: ArrayLike<number>, options: SgdMomentumOptions): SgdMomentumState {
  let last: SgdMomentumState | undefined;
  for (last of sgdMomentumSteps(grad, x0, options));
  return last!;
}

/** What `SGD` keeps between two steps: everything that a resumed run needs beside the parameters. */
export interface SgdState {
  /** steps taken */
  readonly t: number;
  /** v, an array for each parameter and of its type; empty without momentum, and before the first step */
  readonly velocity: readonly Floats[];
}

/** Options of `SGD`. */
export interface SgdOptions {
  /** η > 0, or a schedule of the step t = 0, 1, … that is never negative */
  readonly lr: number | Schedule;
  /** β in [0, 1), default 0: plain gradient descent */
  readonly momentum?: number;
  /** in [0, 1]: from the second step on the gradient enters the velocity times 1 − dampening; needs momentum; default 0 */
  readonly dampening?: number;
  /** step along g + βv instead of v; needs momentum, and no dampening; default false */
  readonly nesterov?: boolean;
  /** λ ≥ 0: λθ joins the gradient; default 0 */
  readonly weightDecay?: number;
  /** where an earlier run stopped, copied */
  readonly state?: SgdState;
}

/**
 * Gradient descent for a list of parameters, in place, with or without momentum: v = βv + g, θ −= ηv, as in PyTorch.
 * A velocity has the float type of its parameter; arithmetic is in float64 and rounded once when it is stored.
 *
 * @example
 * const theta = Float64Array.of(1, -1);
 * const optimizer = new SGD({ lr: 0.1, momentum: 0.5 });
 * for (let t = 0; t < 2; t++) optimizer.step([theta], [[2, -2]]);
 * theta // [0.5, -0.5]
 */
export class SGD {
  private readonly run: Run;
  private readonly lambda: number;
  private readonly velocity: Floats[];
  private t: number;

  /** @throws {RangeError} an option outside its range; nesterov or dampening without momentum, or both */
  constructor({ state, weightDecay = 0, momentum = 0, ...options }: SgdOptions) {
    this.run = checkRun("SGD", { ...options, momentum });
    this.lambda = checkNumber("SGD", "weightDecay", weightDecay, { min: 0 });
    this.t = checkInteger("SGD", "state.t", state?.t ?? 0, 0);
    this.velocity = (state?.velocity ?? []).map((v) => v.slice());
  }

  /** The velocities and the number of steps; the arrays are those in use, to be read only. */
  get state(): SgdState {
    return { t: this.t, velocity: this.velocity };
  }

  /**
   * One step: changes every parameter in place.
   *
   * @param parameters arrays, in the same order in every step
   * @param gradients an array of the same length for each; another float type is first rounded to that of the parameter
   * @throws {RangeError} numbers or lengths that do not fit, a learning rate that is negative or not finite
   * @throws {NonFiniteGradientError} a gradient, decay included, that is not finite in the float type of its parameter.
   *   Whatever is thrown, parameters and state are as before.
   */
  step(parameters: readonly Floats[], gradients: readonly ArrayLike<number>[]): void {
    const { lr, momentum: beta, dampening, nesterov } = this.run;
    const eta = rateAt("SGD", lr, this.t);
    checkLengths("SGD", parameters, gradients, this.velocity);
    const checked = parameters.map((theta, k) => finiteGradient("SGD", k, gradients[k]!, theta, this.lambda));
    this.t++;
    for (const [k, theta] of parameters.entries()) {
      if (beta === 0) descendInPlace(theta, checked[k]!, this.lambda, eta);
      else {
        const share = this.velocity[k] ? 1 - dampening : 1;
        const v = (this.velocity[k] ??= zerosLike(theta));
        momentumInPlace(theta, checked[k]!, v, this.lambda, eta, beta, share, nesterov ? 1 : 0, nesterov ? beta : 1);
      }
    }
  }
}

/** A gradient is not finite; nothing was changed. */
export class NonFiniteGradientError extends Error {
  override readonly name = "NonFiniteGradientError";
  /** position of the parameter */
  readonly parameter: number;
  /** position within it */
  readonly index: number;
  constructor(message: string, parameter: number, index: number) {
    super(message);
    this.parameter = parameter;
    this.index = index;
  }
}

/** (1) to (3) for one array: the step is a·g + b·v. */
function momentumInPlace(
  theta: Floats,
  gradient: Floats,
  velocity: Floats,
  lambda: number,
  eta: number,
  beta: number,
  share: number,
  a: number,
  b: number,
): void {
  for (let i = 0; i < theta.length; i++) {
    const g = gradient[i]! + lambda * theta[i]!;
    const v = beta * velocity[i]! + share * g; // (1)
    velocity[i] = v;
    theta[i] = theta[i]! - eta * (a * g + b * v); // (2), (3)
  }
}

function descendInPlace(theta: Floats, gradient: Floats, lambda: number, eta: number): void {
  for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! - eta * (gradient[i]! + lambda * theta[i]!);
}

/** How `nesterovSteps` moves. */
export interface NesterovOptions {
  /** Lipschitz constant of the gradient, the largest curvature; the step is 1/L */
  readonly L: number;
  /** in [0, L]: strong convexity, the smallest curvature; default 0 */
  readonly mu?: number;
  /** number of steps, default 100; fewer are made where the iterates diverge */
  readonly steps?: number;
}

/** Nesterov's method before the first step (k = 0), or after k steps. */
export interface NesterovState {
  /** steps taken */
  readonly k: number;
  /** xₖ, where the loss is to be small */
  readonly x: Float64Array;
  /** yₖ, where the next gradient is taken: xₖ and the momentum */
  readonly y: Float64Array;
  /** ‖x‖ is above 1e150, or NaN: no step follows */
  readonly diverged: boolean;
}

/**
 * Nesterov's accelerated gradient: a step of 1/L from a point ahead of the iterate. Without strong convexity the momentum
 * grows towards 1 along FISTA's weights and f(xₖ) − f* ≤ 2L‖x₀ − x*‖²/(k + 1)²; with it, it is (√κ − 1)/(√κ + 1), κ = L/μ.
 *
 * @param grad gradient at y in step k
 * @param x0 start, d numbers
 * @throws {RangeError} L not positive, mu negative or above L; a gradient that is not d numbers
 * @example
 * const [, first, second] = nesterovSteps((y) => y.map((yi, i) => [1, 4][i] * yi), [4, 4], { L: 4, mu: 1, steps: 2 });
 * first.x // [3, 0]
 * second.x // [2, 0]
 */
export function* nesterovSteps(
  grad: Gradient,
  x0: ArrayLike<number>,
  { L, mu = 0, steps = 100 }: NesterovOptions,
): Generator<NesterovState, void, undefined> {
  const caller = "nesterov";
  checkNumber(caller, "L", L, { above: 0 });
  checkNumber(caller, "mu", mu, { min: 0, max: L });
  checkInteger(caller, "steps", steps, 0);
  let x = checkVector(caller, "x0", x0);
  let y = x;
  const constant = (Math.sqrt(L) - Math.sqrt(mu)) / (Math.sqrt(L) + Math.sqrt(mu)); // (√κ − 1)/(√κ + 1), also for μ = 0
  for (let k = 0, weight = 1; ; k++) {
    const diverged = !(norm(x) <= 1e150);
    yield { k, x, y, diverged };
    if (k === steps || diverged) return;
    const g = gradientOf(caller, grad(y.slice(), k), x.length);
    const [before, heavier] = [x, (1 + Math.sqrt(1 + 4 * weight * weight)) / 2]; // (8)
    const beta = mu > 0 ? constant : (weight - 1) / heavier;
    x = y.map((yi, i) => yi - g[i]! / L); // (7)
    y = x.map((xi, i) => xi + beta * (xi - before[i]!)); // (7)
    weight = heavier;
  }
}

/** A root of the characteristic polynomial. */
export interface Root {
  readonly re: number;
  readonly im: number;
}

/** What momentum does in a direction of one curvature. */
export interface MomentumSpectrum {
  /** the two numbers whose powers x follows; complex ones are conjugates, of two real ones the larger in size is first */
  readonly roots: readonly [Root, Root];
  /** size of the larger: x shrinks by it per step in the long run (a double root adds a factor t) */
  readonly spectralRadius: number;
  /** 'unstable': the radius is at least 1; 'ringing': complex roots; 'alternating': the larger is negative; or 'monotone' */
  readonly regime: "monotone" | "ringing" | "alternating" | "unstable";
}

/** A rate, a momentum and a curvature. */
export interface MomentumSetting {
  /** η > 0 */
  readonly lr: number;
  /** β in [0, 1) */
  readonly momentum: number;
  /** λ; 0 is a flat direction, below 0 one that curves down */
  readonly curvature: number;
  /** default false */
  readonly nesterov?: boolean;
}

/**
 * The roots that govern momentum on ½λx²: of r² − (1 + β − ηλ)r + β, or r² − (1 + β)(1 − ηλ)r + β(1 − ηλ) for Nesterov.
 *
 * @throws {RangeError} a number outside its range
 * @example
 * momentumSpectrum({ lr: 0.1, momentum: 0.9, curvature: 1 }).spectralRadius // 0.948683
 */
export function momentumSpectrum(setting: MomentumSetting): MomentumSpectrum {
  const { h, beta, nesterov } = checkSetting("momentumSpectrum", setting);
  const half = (nesterov ? (1 + beta) * (1 - h) : 1 + beta - h) / 2;
  const product = nesterov ? beta * (1 - h) : beta; // (4)
  const discriminant = half * half - product;
  if (discriminant < 0) {
    const im = Math.sqrt(-discriminant);
    const spectralRadius = Math.sqrt(product); // conjugates: the product is the square of their size, and it is at most β
    return { roots: [{ re: half, im }, { re: half, im: -im }], spectralRadius, regime: "ringing" }; // biome-ignore format: a line
  }
  const large = half + (half < 0 ? -1 : 1) * Math.sqrt(discriminant); // both terms have one sign: no digits cancel
  const small = large === 0 ? 0 : product / large;
  const spectralRadius = Math.abs(large);
  const regime = !(spectralRadius < 1) ? "unstable" : large < 0 ? "alternating" : "monotone";
  return { roots: [{ re: large, im: 0 }, { re: small, im: 0 }], spectralRadius, regime }; // biome-ignore format: a line
}

/** What `optimalHeavyBall` returns. */
export interface HeavyBall {
  readonly lr: number;
  readonly momentum: number;
  /** (√κ − 1)/(√κ + 1): what the error shrinks by per step in the long run, in every direction */
  readonly rate: number;
}

/**
 * The rate and the momentum that are best on a quadratic of which only the smallest and the largest curvature are known.
 *
 * @param options.mu smallest curvature, greater than 0
 * @param options.L largest curvature, at least mu
 * @throws {RangeError} numbers that do not fit
 * @example
 * optimalHeavyBall({ mu: 1, L: 9 }) // { lr: 0.25, momentum: 0.25, rate: 0.5 }
 */
export function optimalHeavyBall({ mu, L }: { readonly mu: number; readonly L: number }): HeavyBall {
  checkNumber("optimalHeavyBall", "mu", mu, { above: 0 });
  checkNumber("optimalHeavyBall", "L", L, { min: mu });
  const [low, high] = [Math.sqrt(mu), Math.sqrt(L)];
  const rate = (high - low) / (high + low);
  return { lr: (2 / (low + high)) ** 2, momentum: rate * rate, rate }; // (5)
}

/**
 * E[x²] of a noisy direction after ever so many steps: ησ²(1 + β)/(λ(1 − β)(2(1 + β) − ηλ)) for the heavy ball.
 *
 * @param setting rate, momentum, curvature > 0, and `noise`, σ² ≥ 0, the variance of the gradient's noise
 * @returns Infinity where the rate is too large for the curvature
 * @throws {RangeError} a number outside its range
 * @example
 * stationaryVariance({ lr: 0.1, momentum: 0.9, curvature: 1, noise: 1 }) // 0.513514
 */
export function stationaryVariance(setting: MomentumSetting & { readonly noise: number }): number {
  const caller = "stationaryVariance";
  const { lr, curvature, noise } = setting;
  const { h, beta, nesterov } = checkSetting(caller, setting);
  checkNumber(caller, "curvature", curvature, { above: 0 });
  checkNumber(caller, "noise", noise, { min: 0 });
  if (momentumSpectrum(setting).regime === "unstable") return Infinity;
  if (!nesterov) return (lr * noise * (1 + beta)) / (curvature * (1 - beta) * (2 * (1 + beta) - h)); // (6)
  // x_{t+1} = (1 + β)(x_t − ηg_t) − β(x_{t−1} − ηg_{t−1}): an ARMA(2, 1) process of the noise
  const [a, b] = [(1 + beta) * (1 - h), -beta * (1 - h)];
  const [now, before] = [1 + beta, -beta];
  const gain = (1 - b) * (now * now + before * before) + 2 * a * now * before;
  return (lr * lr * noise * gain) / ((1 + b) * (1 - b - a) * (1 - b + a));
}

/**
 * Where the heavy ball fails: a convex function with curvatures in [1, 25], on which the coefficients that are best for a
 * quadratic of these curvatures cycle for ever. f'(x) is 25x below 1, x + 24 up to 2, and 25x − 24 above.
 *
 * @example
 * COUNTEREXAMPLE.gradient([1.5]) // [25.5]
 */
export const COUNTEREXAMPLE = {
  gradient: (x: ArrayLike<number>): Float64Array =>
    Float64Array.from(x, (xi) => (xi < 1 ? 25 * xi : xi < 2 ? xi + 24 : 25 * xi - 24)),
  mu: 1,
  L: 25,
  /** start of a run that ends in the cycle */
  x0: 3.3,
} as const;

/** A quadratic, its gradient and its minimum. */
export interface Quadratic {
  readonly value: (x: ArrayLike<number>) => number;
  readonly gradient: (x: ArrayLike<number>) => Float64Array;
  readonly solution: Float64Array;
  /** value at the solution */
  readonly minimum: number;
}

/**
 * Nesterov's chain, hard for every method that sees only gradients: ½xᵀAx − x₁ with 2 on A's diagonal and −1 beside it, of
 * curvatures within (0, 4). From 0, a gradient reaches one variable further per step.
 *
 * @param n number of variables, at least 1
 * @throws {RangeError} n is not a positive integer
 * @example
 * chainQuadratic(3).solution // [0.75, 0.5, 0.25]
 * chainQuadratic(3).gradient([1, 0, 0]) // [1, -1, 0]
 */
export function chainQuadratic(n: number): Quadratic {
  checkInteger("chainQuadratic", "n", n, 1);
  const gradient = (x: ArrayLike<number>) =>
    Float64Array.from(x, (xi, i) => 2 * xi - (x[i - 1] ?? 0) - (x[i + 1] ?? 0) - (i === 0 ? 1 : 0));
  const value = (x: ArrayLike<number>) => {
    const g = gradient(x); // ½xᵀAx − x₁ = ½xᵀ(Ax − e₁) − ½x₁
    return 0.5 * (g.reduce((sum, gi, i) => sum + gi * x[i]!, 0) - x[0]!);
  };
  const solution = Float64Array.from({ length: n }, (_, i) => 1 - (i + 1) / (n + 1));
  return { value, gradient, solution, minimum: -0.5 * solution[0]! };
}

/** Options with their defaults, checked. */
type Run = Required<SgdMomentumOptions>;

function checkRun(caller: string, options: SgdMomentumOptions): Run {
  const { lr, momentum = 0.9, nesterov = false, dampening = 0, form = "torch", steps = 100 } = options;
  if (typeof lr !== "function") checkNumber(caller, "lr", lr, { above: 0 });
  checkNumber(caller, "momentum", momentum, { min: 0, below: 1 });
  checkNumber(caller, "dampening", dampening, { min: 0, max: 1 });
  checkChoice(caller, "form", form, ["torch", "ema", "lrInside"]);
  checkInteger(caller, "steps", steps, 0);
  if (nesterov) {
    checkNumber(caller, "momentum with nesterov", momentum, { above: 0, below: 1 });
    checkNumber(caller, "dampening with nesterov", dampening, { min: 0, max: 0 });
  }
  if (dampening > 0) checkNumber(caller, "momentum with dampening", momentum, { above: 0, below: 1 });
  if (form !== "torch") checkNumber(caller, `dampening with form '${form}'`, dampening, { min: 0, max: 0 });
  return { lr, momentum, nesterov, dampening, form, steps };
}

function checkSetting(caller: string, { lr, momentum, curvature, nesterov = false }: MomentumSetting) {
  checkNumber(caller, "lr", lr, { above: 0 });
  checkNumber(caller, "momentum", momentum, { min: 0, below: 1 });
  checkNumber(caller, "curvature", curvature);
  return { h: lr * curvature, beta: momentum, nesterov };
}

function rateAt(caller: string, lr: number | Schedule, t: number): number {
  return typeof lr === "function" ? checkNumber(caller, `lr(${t})`, lr(t), { min: 0 }) : lr;
}

/** A gradient of d numbers; those may be infinite or NaN, which ends a run as diverged. */
function gradientOf(caller: string, gradient: ArrayLike<number>, d: number): Float64Array {
  if (gradient.length !== d) throw new RangeError(`${caller}: gradient must have length ${d}, got ${gradient.length}`);
  return Float64Array.from(gradient);
}

/** The gradient of parameter k in the float type of θ, its own array where that fits already; finite, with λθ added. */
function finiteGradient(caller: string, k: number, gradient: ArrayLike<number>, theta: Floats, lambda: number): Floats {
  if (gradient.length !== theta.length) {
    throw new RangeError(`${caller}: gradient ${k} must have length ${theta.length}, got ${gradient.length}`);
  }
  const type = theta instanceof Float32Array ? Float32Array : Float64Array;
  const g = gradient instanceof type ? gradient : type.from(gradient);
  const bad = firstBeyond(g, theta, lambda, theta instanceof Float32Array ? MAX_FLOAT32 : Number.MAX_VALUE);
  if (bad < 0) return g;
  const value = g[bad]! + lambda * theta[bad]!;
  throw new NonFiniteGradientError(`${caller}: gradient ${k} must be finite, got ${value} at ${bad}`, k, bad);
}

const MAX_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/** Index of the first |g + λθ| that is above the limit, or NaN; −1 if there is none. */
function firstBeyond(g: Floats, theta: Floats, lambda: number, limit: number): number {
  for (let i = 0; i < g.length; i++) if (!(Math.abs(g[i]! + lambda * theta[i]!) <= limit)) return i;
  return -1;
}

function checkLengths(
  caller: string,
  parameters: readonly Floats[],
  gradients: readonly ArrayLike<number>[],
  kept: readonly Floats[],
): void {
  if (gradients.length !== parameters.length) {
    throw new RangeError(
      `${caller}: there must be a gradient for each of ${parameters.length} parameters, got ${gradients.length}`,
    );
  }
  if (kept.length === 0) return;
  if (kept.length !== parameters.length) {
    throw new RangeError(
      `${caller}: there must be ${kept.length} parameters as in the first step, got ${parameters.length}`,
    );
  }
  kept.forEach((v, k) => {
    const [was, is] = [v, parameters[k]!].map((array) => `${array.constructor.name}(${array.length})`);
    if (was !== is) {
      throw new RangeError(`${caller}: parameter ${k} must be a ${was} as in the first step, got a ${is}`);
    }
  });
}

const zerosLike = (array: Floats): Floats =>
  array instanceof Float32Array ? new Float32Array(array.length) : new Float64Array(array.length);
