/**
 * Adam and its family: every coordinate moves by m̂/(√v̂ + ε), averages of the gradient and of its square, so that the length
 * of a step does not depend on the size of the gradient. AdamW shrinks the weights outside of that ratio. Beside them stand
 * Lion (only the sign), Adafactor (the squares of a matrix, factored) and Muon (a matrix' momentum, orthogonalised).
 *
 * Follows Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015. https://arxiv.org/abs/1412.6980
 * Follows Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019. https://arxiv.org/abs/1711.05101
 * Follows Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", 2018. https://arxiv.org/abs/1904.09237
 * Follows Shazeer, Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018.
 * https://arxiv.org/abs/1804.04235
 * Follows Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023. https://arxiv.org/abs/2302.06675
 * Follows Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
 * https://kellerjordan.github.io/posts/muon/
 * But:
 * - The decay is lr·λ as in PyTorch; the AdamW paper scales a λ of its own by the schedule alone.
 * - AMSGrad corrects its bias, as PyTorch does; the paper does not.
 * - Adafactor is here only as its factored second moment: no relative step sizes, no clipping of the update.
 * - Muon iterates in float64, not bfloat16.
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { copy, frobeniusNorm, type Matrix, matrixOver, rowMajor, transpose } from "../../lib/matrix.js";
import { matmul } from "../linear-algebra/matrices-as-linear-maps.js";
import type { Schedule } from "./learning-rate-schedules.js";
import { type Floats, type Gradient, NonFiniteGradientError } from "./sgd-with-momentum.js";

/** What Adam needs to know. */
export interface AdamOptions {
  /** α ≥ 0, or a schedule of the step t = 0, 1, …; default 0.001 */
  readonly lr?: number | Schedule;
  /** β1, β2 in [0, 1), default [0.9, 0.999] */
  readonly betas?: readonly [beta1: number, beta2: number];
  /** ε ≥ 0, default 1e-8; where it and v̂ are both 0, the step is 0 */
  readonly eps?: number;
  /** λ ≥ 0; default 0.01 in `adamw` and `AdamW`, otherwise 0 */
  readonly weightDecay?: number;
  /** true: θ shrinks by 1 − αλ (AdamW); false: λθ joins the gradient (L2); default true */
  readonly decoupled?: boolean;
  /** divide by the largest v so far; default false */
  readonly amsgrad?: boolean;
  /** divide m by 1 − β1^t and v by 1 − β2^t; default true */
  readonly biasCorrection?: boolean;
  /** where ε stands: 'corrected' m̂/(√v̂ + ε) (default), 'uncorrected' m/(√v + ε) with the corrections in α, 'inside' m̂/√(v̂ + ε) */
  readonly epsForm?: "corrected" | "uncorrected" | "inside";
}

/** How `adamSteps` runs. */
export interface AdamStepsOptions extends AdamOptions {
  /** number of steps, default 100 */
  readonly steps?: number;
  /** after each step, every coordinate is moved back into this interval; default none */
  readonly bounds?: readonly [min: number, max: number];
}

/** Adam after a step. */
export interface AdamState {
  /** steps taken: 1, 2, … */
  readonly t: number;
  /** θ after the step, d numbers */
  readonly theta: Float64Array;
  /** average of the gradients, from 0 */
  readonly m: Float64Array;
  /** average of their squares, from 0 */
  readonly v: Float64Array;
  /** m/(1 − β1^t) */
  readonly mHat: Float64Array;
  /** v/(1 − β2^t); with AMSGrad the largest v so far instead of v */
  readonly vHat: Float64Array;
  /** the adaptive step −α·m̂/(√v̂ + ε), before decay and bounds */
  readonly update: Float64Array;
  /** coordinates of this step whose denominator was 0: their step is defined as 0 */
  readonly zeroDenominators: number;
}

/**
 * Adam, step by step.
 *
 * @param grad gradient at θ in step t
 * @param theta0 θ before the first step, d numbers
 * @throws {RangeError} an option outside its range, a gradient that is not d numbers
 * @throws {NonFiniteGradientError} a gradient that is not finite, or whose square is not
 * @example
 * const states = [...adamSteps((theta) => theta.map((x) => 4 * x), [1, -1], { lr: 0.1, steps: 2 })];
 * states[0].update // [-0.1, 0.1]
 * states[1].theta // [0.8004, -0.8004]
 */
export function* adamSteps(
  grad: Gradient,
  theta0: ArrayLike<number>,
  options: AdamStepsOptions = {},
): Generator<AdamState, void, undefined> {
  const caller = "adamSteps";
  const settings = checkAdam(caller, options, 0);
  const { beta1, beta2, lambda, decoupled, amsgrad } = settings;
  const { steps, bounds } = checkRun(caller, options);
  let theta = checkVector(caller, "theta0", theta0);
  let m: Float64Array = new Float64Array(theta.length);
  let v = m;
  let top = m;
  for (let t = 1; t <= steps; t++) {
    const { alpha, c1, c2, inside, outside } = scalarsAt(caller, settings, t);
    const loss = checkGradient(caller, 0, grad(theta.slice(), t - 1), theta, decoupled ? 0 : lambda);
    const g = decoupled ? loss : loss.map((gi, i) => gi + lambda * theta[i]!); // (1)
    m = m.map((mi, i) => beta1 * mi + (1 - beta1) * g[i]!); // (2)
    v = v.map((vi, i) => beta2 * vi + (1 - beta2) * g[i]! * g[i]!); // (3)
    top = amsgrad ? v.map((vi, i) => Math.max(top[i]!, vi)) : v; // (7)
    const mHat = m.map((mi) => mi / c1); // (4)
    const vHat = top.map((vi) => vi / c2); // (4)
    const root = vHat.map((vi) => Math.sqrt(vi + inside) + outside);
    const update = mHat.map((mi, i) => (root[i]! > 0 ? -(alpha * mi) / root[i]! : 0)); // (5)
    const shrink = decoupled ? 1 - alpha * lambda : 1;
    theta = theta.map((x, i) => clamp(shrink * x + update[i]!, bounds)); // (6)
    const zeroDenominators = root.reduce((count, r) => (r > 0 ? count : count + 1), 0);
    yield { t, theta, m, v, mHat, vHat, update, zeroDenominators };
  }
}

/**
 * Adam run to the end: the last state of `adamSteps`. A `weightDecay` is L2 here, part of the gradient, as in PyTorch's Adam.
 *
 * @throws as `adamSteps`; {RangeError} steps is 0
 * @example
 * adam((theta) => theta.map((x) => 4 * x), [1], { lr: 0.1, steps: 2 }).theta // [0.8004]
 */
export function adam(grad: Gradient, theta0: ArrayLike<number>, options: AdamStepsOptions = {}): AdamState {
  return last("adam", adamSteps(grad, theta0, { ...options, decoupled: options.decoupled ?? false }));
}

/**
 * AdamW run to the end: as `adam`, but θ shrinks by 1 − lr·weightDecay outside of the ratio; weightDecay is 0.01 by default.
 *
 * @throws as `adam`
 * @example
 * adamw(() => [0], [1], { lr: 0.1, weightDecay: 0.5, steps: 2 }).theta // [0.9025]
 */
export function adamw(grad: Gradient, theta0: ArrayLike<number>, options: AdamStepsOptions = {}): AdamState {
  const { weightDecay = 0.01 } = options;
  return last("adamw", adamSteps(grad, theta0, { ...options, decoupled: options.decoupled ?? true, weightDecay }));
}

/** What `AdamW` keeps between two steps: everything that a resumed run needs beside the parameters. */
export interface AdamWState {
  /** steps taken */
  readonly t: number;
  /** average of the gradients, an array for each parameter */
  readonly m: readonly Floats[];
  /** average of their squares */
  readonly v: readonly Floats[];
  /** the largest v so far; empty without amsgrad */
  readonly vMax: readonly Floats[];
  /** coordinates of the last step whose denominator was 0: their step is defined as 0 */
  readonly zeroDenominators: number;
}

/** Options of `AdamW`. */
export interface AdamWOptions extends AdamOptions {
  /** which parameters decay, by their position; default: all. Biases and the gains of normalisations usually should not. */
  readonly decay?: (index: number) => boolean;
  /** where an earlier run stopped, copied */
  readonly state?: AdamWState;
}

/**
 * AdamW for a list of parameters, in place: the arithmetic of `adamSteps` in one pass over each array. Averages have the
 * float type of their parameter; arithmetic is in float64 and rounded once when it is stored.
 *
 * @example
 * const theta = Float64Array.of(1, -1);
 * new AdamW({ lr: 0.1, weightDecay: 0 }).step([theta], [[4, -4]]);
 * theta // [0.9, -0.9]
 */
export class AdamW {
  private readonly settings: Settings;
  private readonly decays: (index: number) => boolean;
  private readonly m: Floats[];
  private readonly v: Floats[];
  private readonly vMax: Floats[];
  private t: number;
  private zeroDenominators = 0;

  /** @throws {RangeError} an option outside its range */
  constructor(options: AdamWOptions = {}) {
    this.settings = checkAdam("AdamW", options, 0.01);
    this.decays = options.decay ?? (() => true);
    const { t = 0, m = [], v = [], vMax = [] } = options.state ?? {};
    this.t = checkInteger("AdamW", "state.t", t, 0);
    const copies = (arrays: readonly Floats[]) => arrays.map((array) => array.slice());
    this.m = copies(m);
    this.v = copies(v);
    this.vMax = copies(vMax);
  }

  /** The averages and the number of steps; the arrays are those in use, to be read only. */
  get state(): AdamWState {
    const { t, m, v, vMax, zeroDenominators } = this;
    return { t, m, v, vMax, zeroDenominators };
  }

  /**
   * One step: changes every parameter in place.
   *
   * @param parameters arrays, in the same order in every step
   * @param gradients an array of the same length for each; another float type is first rounded to that of the parameter
   * @throws {RangeError} a number or a length that does not fit; lr·weightDecay above 1
   * @throws {NonFiniteGradientError} a gradient that is not finite, or whose square is not in its float type. Whatever is
   * thrown, parameters and state are as before.
   */
  step(parameters: readonly Floats[], gradients: readonly ArrayLike<number>[]): void {
    const { settings, decays } = this;
    const { alpha, c1, c2, inside, outside } = scalarsAt("AdamW", settings, this.t + 1);
    checkLengths("AdamW", parameters, gradients, this.m);
    const lambdas = parameters.map((_, k) => (decays(k) ? settings.lambda : 0));
    const g = parameters.map((theta, k) =>
      checkGradient("AdamW", k, gradients[k]!, theta, settings.decoupled ? 0 : lambdas[k]!),
    );
    this.t++;
    this.zeroDenominators = 0;
    const { beta1, beta2, amsgrad, decoupled } = settings;
    for (const [k, theta] of parameters.entries()) {
      const m = (this.m[k] ??= zerosLike(theta));
      const v = (this.v[k] ??= zerosLike(theta));
      const top = amsgrad ? (this.vMax[k] ??= zerosLike(theta)) : v;
      const [shrink, l2] = decoupled ? [1 - alpha * lambdas[k]!, 0] : [1, lambdas[k]!];
      this.zeroDenominators += // biome-ignore format: one call
        adamInPlace(theta, g[k]!, m, v, top, beta1, beta2, l2, 1 / c1, 1 / c2, inside, outside, alpha, shrink);
    }
  }
}

/** (1) to (7) for one array; returns how many denominators were 0. Without AMSGrad `top` is `v` itself. */
function adamInPlace(
  theta: Floats,
  gradient: Floats,
  m: Floats,
  v: Floats,
  top: Floats,
  beta1: number,
  beta2: number,
  l2: number,
  kM: number,
  kV: number,
  inside: number,
  outside: number,
  alpha: number,
  shrink: number,
): number {
  const [own1, own2] = [1 - beta1, 1 - beta2];
  let zeroDenominators = 0;
  for (let i = 0; i < theta.length; i++) {
    const g = gradient[i]! + l2 * theta[i]!; // (1)
    const mean = beta1 * m[i]! + own1 * g; // (2)
    const square = beta2 * v[i]! + own2 * g * g; // (3)
    m[i] = mean;
    v[i] = square;
    if (!(top[i]! >= square)) top[i] = square; // (7)
    const root = Math.sqrt(top[i]! * kV + inside) + outside;
    let ratio = 0;
    if (root > 0)
      ratio = (mean * kM) / root; // (4), (5)
    else zeroDenominators++;
    theta[i] = shrink * theta[i]! - alpha * ratio; // (6)
  }
  return zeroDenominators;
}

/** What Lion needs to know. */
export interface LionOptions {
  /** α ≥ 0, the length of a step in every coordinate, or a schedule of it; default 0.0001 */
  readonly lr?: number | Schedule;
  /** β1 of the interpolation whose sign is taken, β2 of the momentum; in [0, 1), default [0.9, 0.99] */
  readonly betas?: readonly [beta1: number, beta2: number];
  /** λ ≥ 0, decoupled; default 0 */
  readonly weightDecay?: number;
}

/** Lion after a step. */
export interface LionState {
  /** steps taken: 1, 2, … */
  readonly t: number;
  /** θ after the step, d numbers */
  readonly theta: Float64Array;
  /** average of the gradients: all that Lion keeps */
  readonly m: Float64Array;
  /** −α·sign(β1·m + (1 − β1)·g), with the m before the step */
  readonly update: Float64Array;
}

/**
 * Lion, step by step: the sign of an interpolation between momentum and gradient, and decoupled decay.
 *
 * @param grad gradient at θ in step t
 * @param theta0 θ before the first step, d numbers
 * @param options.steps number of steps, default 100
 * @throws as `adamSteps`
 * @example
 * [...lionSteps(() => [5, -0.01, 0], [0, 0, 0], { lr: 0.1, steps: 2 })][1].theta // [-0.2, 0.2, 0]
 */
export function* lionSteps(
  grad: Gradient,
  theta0: ArrayLike<number>,
  options: LionOptions & { readonly steps?: number } = {},
): Generator<LionState, void, undefined> {
  const caller = "lionSteps";
  const settings = checkAdam(caller, { ...LION, ...options }, 0);
  const { beta1, beta2, lambda } = settings;
  const { steps } = checkRun(caller, options);
  let theta = checkVector(caller, "theta0", theta0);
  let m: Float64Array = new Float64Array(theta.length);
  for (let t = 1; t <= steps; t++) {
    const { alpha } = scalarsAt(caller, settings, t);
    const g = checkGradient(caller, 0, grad(theta.slice(), t - 1), theta);
    const update = m.map((mi, i) => -alpha * Math.sign(beta1 * mi + (1 - beta1) * g[i]!)); // (9)
    theta = theta.map((x, i) => (1 - alpha * lambda) * x + update[i]!);
    m = m.map((mi, i) => beta2 * mi + (1 - beta2) * g[i]!); // (10)
    yield { t, theta, m, update };
  }
}

/** Options of the class `Lion`. */
export interface LionClassOptions extends LionOptions {
  /** which parameters decay, by their position; default: all */
  readonly decay?: (index: number) => boolean;
}

/**
 * Lion for a list of parameters, in place: one average for each number where AdamW keeps two.
 *
 * @example
 * const theta = Float64Array.of(1, -1);
 * new Lion({ lr: 0.1 }).step([theta], [[4, -0.004]]);
 * theta // [0.9, -0.9]
 */
export class Lion {
  private readonly settings: Settings;
  private readonly decays: (index: number) => boolean;
  private readonly m: Floats[] = [];
  private t = 0;

  /** @throws {RangeError} an option outside its range */
  constructor(options: LionClassOptions = {}) {
    this.settings = checkAdam("Lion", { ...LION, ...options }, 0);
    this.decays = options.decay ?? (() => true);
  }

  /** The momentum and the number of steps; the arrays are those in use, to be read only. */
  get state(): { readonly t: number; readonly m: readonly Floats[] } {
    return { t: this.t, m: this.m };
  }

  /**
   * One step: changes every parameter in place.
   *
   * @throws as `step` of `AdamW`, except that squares may overflow
   */
  step(parameters: readonly Floats[], gradients: readonly ArrayLike<number>[]): void {
    const { beta1, beta2, lambda } = this.settings;
    const { alpha } = scalarsAt("Lion", this.settings, this.t + 1);
    checkLengths("Lion", parameters, gradients, this.m);
    const g = parameters.map((theta, k) => checkGradient("Lion", k, gradients[k]!, theta));
    this.t++;
    for (const [k, theta] of parameters.entries()) {
      const m = (this.m[k] ??= zerosLike(theta));
      lionInPlace(theta, g[k]!, m, beta1, beta2, alpha, this.decays(k) ? 1 - alpha * lambda : 1);
    }
  }
}

/** (9) and (10) for one array. */
function lionInPlace(
  theta: Floats,
  g: Floats,
  m: Floats,
  beta1: number,
  beta2: number,
  alpha: number,
  shrink: number,
): void {
  for (let i = 0; i < theta.length; i++) {
    theta[i] = shrink * theta[i]! - alpha * Math.sign(beta1 * m[i]! + (1 - beta1) * g[i]!);
    m[i] = beta2 * m[i]! + (1 - beta2) * g[i]!;
  }
}

/** What Adafactor keeps of an n×m matrix of squares: n + m numbers. */
export interface FactoredSecondMoment {
  /** R, the n sums of the rows */
  readonly row: Float64Array;
  /** C, the m sums of the columns */
  readonly column: Float64Array;
  /** RCᵀ/ΣR, n×m: V itself where V has rank 1 */
  reconstruct(): Matrix;
}

/**
 * Adafactor's second moment: the sums of the rows and of the columns stand for the whole matrix. Of all matrices of rank 1
 * their product over the total is nearest to V in generalised Kullback-Leibler divergence.
 *
 * @param V n×m, at least 0: averages of squared gradients
 * @throws {TypeError} V is not a matrix
 * @throws {RangeError} an entry that is negative or not finite, or a sum beyond 1.8e308
 * @example
 * const { row, column, reconstruct } = adafactorSecondMoment(matrix([[1, 2, 3], [2, 4, 6]]));
 * row // [6, 12]
 * column // [3, 6, 9]
 * toRows(reconstruct()) // [[1, 2, 3], [2, 4, 6]]
 */
export function adafactorSecondMoment(V: Matrix): FactoredSecondMoment {
  const caller = "adafactorSecondMoment";
  const [n, m] = checkMatrix(caller, "V", V);
  const [row, column] = [new Float64Array(n), new Float64Array(m)];
  rowMajor(V).forEach((value, at) => {
    if (!(value >= 0)) {
      throw new RangeError(`${caller}: V must not be negative, got ${value} at (${Math.floor(at / m)}, ${at % m})`);
    }
    row[Math.floor(at / m)]! += value; // (11)
    column[at % m]! += value;
  });
  const total = row.reduce((sum, r) => sum + r, 0);
  if (!(total < Infinity)) throw new RangeError(`${caller}: the sum of V must be finite, got ${total}`);
  const reconstruct = () => {
    const entry = (_: unknown, at: number) => row[Math.floor(at / m)]! * (total > 0 ? column[at % m]! / total : 0); // (12)
    return matrixOver(Float64Array.from({ length: n * m }, entry), n, m);
  };
  return { row, column, reconstruct };
}

/** How `newtonSchulz5` iterates. */
export interface NewtonSchulzOptions {
  /** number of rounds, default 5 */
  readonly rounds?: number;
  /** a, b, c of ax + bx³ + cx⁵, default Muon's (3.4445, −4.775, 2.0315); (15/8, −10/8, 3/8) converges to 1, slowly */
  readonly coefficients?: readonly [a: number, b: number, c: number];
}

/**
 * Muon's orthogonalisation: an odd polynomial of degree 5 applied to every singular value of G/‖G‖, which keeps the
 * singular vectors and brings the values near 1. It needs products only, no decomposition.
 *
 * @param G n×m
 * @returns n×m; a matrix of zeros stays one
 * @throws {TypeError} G is not a matrix
 * @throws {RangeError} G is not finite or empty, rounds is no integer of at least 0
 * @example
 * toRows(newtonSchulz5(matrix([[5, 0], [0, 5]]))) // [[1.1081, 0], [0, 1.1081]]
 */
export function newtonSchulz5(G: Matrix, options: NewtonSchulzOptions = {}): Matrix {
  const { rounds = 5, coefficients = [3.4445, -4.775, 2.0315] } = options;
  const [n, m] = checkMatrix("newtonSchulz5", "G", G);
  checkInteger("newtonSchulz5", "rounds", rounds, 0);
  const [a, b, c] = checkVector("newtonSchulz5", "coefficients", coefficients, 3) as unknown as [
    number,
    number,
    number,
  ];
  if (n > m) return copy(transpose(newtonSchulz5(transpose(G), options))); // XXᵀ is then the smaller of the two products
  const size = frobeniusNorm(G) || 1;
  let X = combine([G], [1 / size]); // no singular value is above 1 now
  for (let round = 0; round < rounds; round++) {
    const A = matmul(X, transpose(X));
    const B = combine([A, matmul(A, A)], [b, c]);
    X = combine([X, matmul(B, X)], [a, 1]); // (13)
  }
  return X;
}

/** How `muonStep` moves. */
export interface MuonOptions {
  /** α, at least 0; default 0.02 */
  readonly lr?: number;
  /** μ in [0, 1), default 0.95 */
  readonly momentum?: number;
  /** orthogonalise (1 − μ)·G + μ·momentum instead of the momentum; default true */
  readonly nesterov?: boolean;
  /** λ ≥ 0, decoupled; default 0 */
  readonly weightDecay?: number;
}

/**
 * A step of Muon for one matrix of weights: its averaged gradient, orthogonalised. Biases, norms and embeddings are left to
 * AdamW.
 *
 * @param W n×m weights, not changed
 * @param momentum n×m average of the gradients, zeros before the first step; not changed
 * @param G n×m gradient
 * @returns the new weights and momentum; the orthogonalised matrix is scaled by √max(1, n/m)
 * @throws {TypeError} something is not a matrix
 * @throws {RangeError} entries that are not finite, shapes that differ, an option outside its range
 * @example
 * const G = matrix([[0.003, 0], [0, 0.003]]);
 * toRows(muonStep(zeros(2, 2), zeros(2, 2), G, { lr: 0.1 }).weights) // [[-0.1108, 0], [0, -0.1108]]
 */
export function muonStep(
  W: Matrix,
  momentum: Matrix,
  G: Matrix,
  { lr = 0.02, momentum: mu = 0.95, nesterov = true, weightDecay = 0 }: MuonOptions = {},
): { readonly weights: Matrix; readonly momentum: Matrix } {
  const [n, m] = checkMatrix("muonStep", "W", W);
  for (const [name, other] of [
    ["momentum", momentum],
    ["G", G],
  ] as const) {
    // biome-ignore format: a pair
    const [rows, columns] = checkMatrix("muonStep", name, other);
    if (!(rows === n && columns === m))
      throw new RangeError(`muonStep: ${name} must be ${n}×${m} like W, got ${rows}×${columns}`);
  }
  checkNumber("muonStep", "lr", lr, { min: 0 });
  checkNumber("muonStep", "momentum", mu, { min: 0, below: 1 });
  checkNumber("muonStep", "weightDecay", weightDecay, { min: 0 });
  const average = combine([momentum, G], [mu, 1 - mu]);
  const direction = newtonSchulz5(nesterov ? combine([average, G], [mu, 1 - mu]) : average);
  const scale = Math.sqrt(Math.max(1, n / m)); // an n×m semi-orthogonal matrix, n > m, has rows of norm √(m/n) on average
  return { weights: combine([W, direction], [1 - lr * weightDecay, -lr * scale]), momentum: average };
}

/** What training keeps in memory, in bytes, without activations. */
export interface TrainingBytes {
  readonly parameters: number;
  readonly weights: number;
  readonly gradients: number;
  /** float32 copy of the weights, with mixed precision only */
  readonly master: number;
  /** what the optimizer keeps from step to step */
  readonly state: number;
  readonly total: number;
}

/**
 * Memory for weights, gradients and the optimizer's state, which is always float32.
 *
 * @param shapes of the parameters
 * @param options.optimizer default 'adamw'; 'adafactor' is without momentum, 'muon' uses AdamW for all but matrices
 * @param options.mixed weights and gradients in 2 bytes beside a float32 master copy, instead of 4 bytes; default false
 * @throws {RangeError} an optimizer that is not listed, a size that is no integer of at least 0
 * @example
 * optimizerStateBytes([[7e9]], { mixed: true }).total // 112000000000
 */
export function optimizerStateBytes(
  shapes: readonly (readonly number[])[],
  { optimizer = "adamw", mixed = false }: { readonly optimizer?: OptimizerName; readonly mixed?: boolean } = {},
): TrainingBytes {
  checkChoice("optimizerStateBytes", "optimizer", optimizer, Object.keys(KEPT) as OptimizerName[]);
  let parameters = 0;
  let state = 0;
  for (const shape of shapes) {
    const size = shape.reduce((product, n) => product * checkInteger("optimizerStateBytes", "size", n, 0), 1);
    parameters += size;
    state += 4 * KEPT[optimizer](size, shape);
  }
  const [weights, gradients] = mixed ? [2 * parameters, 2 * parameters] : [4 * parameters, 4 * parameters];
  const master = mixed ? 4 * parameters : 0;
  return { parameters, weights, gradients, master, state, total: weights + gradients + master + state };
}

/** Optimizers whose memory `optimizerStateBytes` knows. */
export type OptimizerName = "sgd" | "momentum" | "adam" | "adamw" | "amsgrad" | "lion" | "adafactor" | "muon";

/** Numbers kept for a parameter of this size and shape. */
const KEPT: Readonly<Record<OptimizerName, (size: number, shape: readonly number[]) => number>> = {
  sgd: () => 0,
  momentum: (size) => size,
  adam: (size) => 2 * size,
  adamw: (size) => 2 * size,
  amsgrad: (size) => 3 * size,
  lion: (size) => size,
  // A tensor of more than two axes is a stack of matrices, each factored.
  adafactor: (size, shape) => (shape.length < 2 ? size : size / shape.at(-1)! + size / shape.at(-2)!),
  muon: (size, shape) => (shape.length === 2 ? size : 2 * size),
};

const LION = { lr: 1e-4, betas: [0.9, 0.99] } as const;

/** Options with their defaults, checked. */
interface Settings {
  readonly lr: number | Schedule;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly lambda: number;
  readonly decoupled: boolean;
  readonly amsgrad: boolean;
  readonly biasCorrection: boolean;
  readonly epsForm: "corrected" | "uncorrected" | "inside";
}

function checkAdam(caller: string, options: AdamOptions, defaultDecay: number): Settings {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = defaultDecay } = options;
  const { decoupled = true, amsgrad = false, biasCorrection = true, epsForm = "corrected" } = options;
  if (typeof lr !== "function") checkNumber(caller, "lr", lr, { min: 0 });
  const [beta1, beta2] = betas;
  checkNumber(caller, "betas[0]", beta1, { min: 0, below: 1 });
  checkNumber(caller, "betas[1]", beta2, { min: 0, below: 1 });
  checkNumber(caller, "eps", eps, { min: 0 });
  checkNumber(caller, "weightDecay", weightDecay, { min: 0 });
  checkChoice(caller, "epsForm", epsForm, ["corrected", "uncorrected", "inside"]);
  return { lr, beta1, beta2, eps, lambda: weightDecay, decoupled, amsgrad, biasCorrection, epsForm };
}

function checkRun(caller: string, { steps = 100, bounds }: Pick<AdamStepsOptions, "steps" | "bounds">) {
  checkInteger(caller, "steps", steps, 0);
  if (bounds) {
    checkNumber(caller, "bounds[0]", bounds[0]);
    checkNumber(caller, "bounds[1]", bounds[1], { min: bounds[0] });
  }
  return { steps, bounds };
}

/** α, the corrections 1 − β^t, and ε in the two places where it may stand, for step t = 1, 2, … */
function scalarsAt(caller: string, { lr, beta1, beta2, eps, lambda, ...form }: Settings, t: number) {
  const alpha = typeof lr === "function" ? checkNumber(caller, `lr(${t - 1})`, lr(t - 1), { min: 0 }) : lr;
  if (form.decoupled) checkNumber(caller, "lr·weightDecay", alpha * lambda, { min: 0, max: 1 }); // more would flip signs
  const [c1, c2] = form.biasCorrection ? [1 - beta1 ** t, 1 - beta2 ** t] : [1, 1];
  // m/(√v + ε)·√c2/c1 = m̂/(√v̂ + ε/√c2)
  const outside = form.epsForm === "inside" ? 0 : form.epsForm === "corrected" ? eps : eps / Math.sqrt(c2);
  return { alpha, c1, c2, inside: form.epsForm === "inside" ? eps : 0, outside };
}

/**
 * The gradient of parameter k in the float type of θ, its own array where that fits already.
 *
 * @param l2 coefficient of what will be added to it; its square must be finite: an infinite v̂ would silence the coordinate
 * for ever. Left out, only the gradient itself must be finite.
 */
function checkGradient<T extends Floats>(
  caller: string,
  k: number,
  gradient: ArrayLike<number>,
  theta: T,
  l2?: number,
): T {
  if (gradient.length !== theta.length) {
    throw new RangeError(`${caller}: gradient ${k} must have length ${theta.length}, got ${gradient.length}`);
  }
  const float32 = theta instanceof Float32Array;
  const type = float32 ? Float32Array : Float64Array;
  const g = gradient instanceof type ? gradient : type.from(gradient);
  const bad = firstAbove(g, theta, l2 ?? 0, l2 === undefined ? Number.MAX_VALUE : float32 ? SQRT_MAX32 : SQRT_MAX64);
  if (bad < 0) return g as T;
  const value = g[bad]! + (l2 ?? 0) * theta[bad]!;
  throw new NonFiniteGradientError(
    Number.isFinite(value)
      ? `${caller}: gradient ${k} must have a square that is finite in float${float32 ? 32 : 64}, got ${value} at ${bad}`
      : `${caller}: gradient ${k} must be finite, got ${value} at ${bad}`,
    k,
    bad,
  );
}

const SQRT_MAX32 = 1.8446743e19;
const SQRT_MAX64 = Math.sqrt(Number.MAX_VALUE);

/** Index of the first |g + l2·θ| that is above the limit, or NaN; −1 if there is none. */
function firstAbove(g: Floats, theta: Floats, l2: number, limit: number): number {
  for (let i = 0; i < g.length; i++) if (!(Math.abs(g[i]! + l2 * theta[i]!) <= limit)) return i;
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
  if (kept.length > 0 && kept.length !== parameters.length) {
    throw new RangeError(
      `${caller}: there must be ${kept.length} parameters as in the first step, got ${parameters.length}`,
    );
  }
  kept.forEach((before, k) => {
    const [was, is] = [before, parameters[k]!].map((array) => `${array.constructor.name}(${array.length})`);
    if (was !== is)
      throw new RangeError(`${caller}: parameter ${k} must be a ${was} as in the first step, got a ${is}`);
  });
}

/** Σ factors[k]·matrices[k]. */
function combine(matrices: readonly Matrix[], factors: readonly number[]): Matrix {
  const [n, m] = matrices[0]!.shape as [number, number];
  const sum = new Float64Array(n * m);
  for (const [k, matrix] of matrices.entries()) {
    const entries = rowMajor(matrix);
    for (let at = 0; at < sum.length; at++) sum[at]! += factors[k]! * entries[at]!;
  }
  return matrixOver(sum, n, m);
}

function clamp(x: number, bounds: readonly [number, number] | undefined): number {
  return bounds ? Math.min(Math.max(x, bounds[0]), bounds[1]) : x;
}

const zerosLike = (array: Floats): Floats =>
  array instanceof Float32Array ? new Float32Array(array.length) : new Float64Array(array.length);

function last<S>(caller: string, states: Iterable<S>): S {
  let state: S | undefined;
  for (state of states);
  if (!state) throw new RangeError(`${caller}: steps must be an integer at least 1, got 0`);
  return state;
}
