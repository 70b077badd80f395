/**
 * Activation functions: the elementwise nonlinearities between linear layers, with their derivatives, and what they do to a
 * Gaussian signal, which decides whether it keeps its size from layer to layer.
 *
 * Follows Hendrycks, Gimpel, "Gaussian Error Linear Units (GELUs)", 2016. https://arxiv.org/abs/1606.08415
 * Follows Klambauer, Unterthiner, Mayr, Hochreiter, "Self-Normalizing Neural Networks", 2017. https://arxiv.org/abs/1706.02515
 * Follows Shazeer, "GLU Variants Improve Transformer", 2020. https://arxiv.org/abs/2002.05202
 * But:
 * - Signals are taken as exactly Gaussian; networks of finite width are only nearly so.
 * - No functions with learned parameters (PReLU, Swish with a learned slope, maxout).
 */
import { accuracyOf, digitsData } from "../../autodiff/digits.js";
import * as layers from "../../autodiff/layers.js";
import * as ops from "../../autodiff/ops.js";
import { batches, train } from "../../autodiff/train.js";
import { checkChoice, checkInteger, checkNumber } from "../../lib/check.js";
import { erf } from "../../lib/erf.js";
import { random } from "../../lib/random.js";
import { AdamW } from "../training-fundamentals/adam-and-adamw.js";
import { SGD } from "../training-fundamentals/sgd-with-momentum.js";
import { noGrad, type Tensor } from "./backpropagation.js";

export { erf };

/** A function of one number and its derivative, both finite for |x| up to 1000. */
export interface Activation {
  readonly f: (x: number) => number;
  /** the derivative; at a kink the value that PyTorch takes */
  readonly df: (x: number) => number;
}

/** The names of the activations. */
export type ActivationName =
  | "relu"
  | "leakyRelu"
  | "elu"
  | "selu"
  | "sigmoid"
  | "tanh"
  | "softplus"
  | "gelu"
  | "geluTanh"
  | "quickGelu"
  | "silu"
  | "mish";

const { abs, exp, expm1, log1p, max, sqrt, PI, SQRT1_2 } = Math;

/** σ(x) = 1/(1 + e⁻ˣ); the exponential's argument is never positive, so that it cannot overflow. */
const logistic = (x: number) => (x < 0 ? exp(x) : 1) / (1 + exp(-abs(x)));
/** ln(1 + eˣ) */
const softplusOf = (x: number) => max(x, 0) + log1p(exp(-abs(x)));
/** distribution function and density of the normal distribution */
const Phi = (x: number) => 0.5 * (1 + erf(x * SQRT1_2));
const phi = (x: number) => exp(-0.5 * x * x) / sqrt(2 * PI);
/** x·g, where a g of 0 wins even over an infinite x: the limits at ±∞ are 0, not NaN. */
const gated = (x: number, g: number) => (g === 0 ? 0 : x * g);
/** The two constants with which SELU has the fixed point (mean 0, variance 1). */
const [SELU_SCALE, SELU_ALPHA] = [1.0507009873554805, 1.6732632423543772];
const TANH_SCALE = sqrt(2 / PI);
const cubic = (x: number) => TANH_SCALE * (x + 0.044715 * x ** 3);

/**
 * Every activation by name.
 *
 * @example
 * activations.gelu.f(1) // 0.8413447
 * activations.relu.df(0) // 0
 */
export const activations: Readonly<Record<ActivationName, Activation>> = {
  relu: { f: (x) => (x < 0 ? 0 : x), df: (x) => (x > 0 ? 1 : 0) },
  leakyRelu: { f: (x) => (x < 0 ? 0.01 * x : x), df: (x) => (x > 0 ? 1 : 0.01) },
  elu: { f: (x) => (x > 0 ? x : expm1(x)), df: (x) => (x > 0 ? 1 : exp(x)) },
  selu: {
    f: (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1(x)),
    df: (x) => SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * exp(x)),
  },
  sigmoid: { f: logistic, df: (x) => logistic(x) * logistic(-x) },
  tanh: { f: Math.tanh, df: (x) => 1 - Math.tanh(x) ** 2 },
  softplus: { f: softplusOf, df: logistic },
  gelu: { f: (x) => gated(x, Phi(x)), df: (x) => Phi(x) + gated(x, phi(x)) },
  geluTanh: {
    f: (x) => gated(0.5 * x, 1 + Math.tanh(cubic(x))),
    df: (x) => {
      const t = Math.tanh(cubic(x));
      return 0.5 * (1 + t) + gated(0.5 * x * TANH_SCALE * (1 + 3 * 0.044715 * x * x), 1 - t * t);
    },
  },
  quickGelu: {
    f: (x) => gated(x, logistic(1.702 * x)),
    df: (x) => gated(1 + gated(1.702 * x, logistic(-1.702 * x)), logistic(1.702 * x)),
  },
  silu: { f: (x) => gated(x, logistic(x)), df: (x) => gated(1 + gated(x, logistic(-x)), logistic(x)) },
  mish: {
    f: (x) => gated(x, Math.tanh(softplusOf(x))),
    df: (x) => {
      const t = Math.tanh(softplusOf(x));
      return t + gated(gated(x, 1 - t * t), logistic(x));
    },
  },
};

/** The same functions on tensors, entry by entry, composed of the engine's operations, so that they are differentiated. */
export const tensorActivations: Readonly<Record<ActivationName, (x: Tensor) => Tensor>> = {
  relu: ops.relu,
  leakyRelu: (x) => ops.leakyRelu(x),
  elu: (x) => ops.elu(x),
  selu: (x) => ops.mul(ops.elu(x, SELU_ALPHA), SELU_SCALE),
  sigmoid: ops.sigmoid,
  tanh: ops.tanh,
  softplus: ops.softplus,
  gelu: ops.gelu,
  geluTanh: (x) => {
    const inner = ops.mul(ops.add(x, ops.mul(ops.mul(x, ops.square(x)), 0.044715)), TANH_SCALE);
    return ops.mul(ops.mul(x, 0.5), ops.add(ops.tanh(inner), 1));
  },
  quickGelu: (x) => ops.mul(x, ops.sigmoid(ops.mul(x, 1.702))),
  silu: ops.silu,
  mish: (x) => ops.mul(x, ops.tanh(ops.softplus(x))),
};

/** What an activation makes of a Gaussian; see `gaussianMoments`. */
export interface GaussianMoments {
  /** E f(x) */
  readonly mean: number;
  /** E f(x)² */
  readonly second: number;
  /** E f′(x)² */
  readonly slopeSecond: number;
  /** 1/√E f(x)²: weights of variance gain²/n keep the second moment where it is, at variance 1 */
  readonly gain: number;
}

/**
 * Moments of f(x) and f′(x) for x ~ N(0, variance) (1), by Gauss-Legendre quadrature on pieces, none of which has a kink
 * inside; relative error below 1e-13 for variances from 1e-4 to 1e4.
 *
 * @param variance of the input, default 1
 * @throws RangeError if the name is unknown or the variance is not a positive number
 * @example
 * gaussianMoments("relu").second // 0.5
 */
export function gaussianMoments(
  name: ActivationName,
  { variance = 1 }: { readonly variance?: number } = {},
): GaussianMoments {
  const { f, df } = activationNamed("gaussianMoments", name);
  const deviation = sqrt(checkNumber("gaussianMoments", "variance", variance, { above: 0 }));
  let [mean, second, slopeSecond] = [0, 0, 0];
  for (const { node, weight } of GAUSSIAN) {
    const [y, slope] = [f(deviation * node), df(deviation * node)];
    mean += weight * y;
    second += weight * y * y;
    slopeSecond += weight * slope * slope;
  }
  return { mean, second, slopeSecond, gain: 1 / sqrt(second) };
}

/** One layer of the recursion; see `varianceMapSteps`. */
export interface VarianceState {
  readonly layer: number;
  /** second moment of the pre-activations */
  readonly second: number;
  /** product so far of the factors by which a layer multiplies the mean squared gradient */
  readonly gradient: number;
}

/**
 * What happens to the size of a signal and of its gradient in a wide random network, layer by layer (2): no sampling, the
 * limit of infinite width. It ends early where the signal leaves the range of floating-point numbers: after a second moment
 * of 0 or Infinity.
 *
 * @param options.gain weights have variance gain²/n; default the activation's own gain
 * @param options.variance second moment of the first pre-activations, default 1
 * @param options.depth layers, default 30
 * @throws RangeError if the name is unknown or a number is out of range
 * @example
 * [...varianceMapSteps("relu", { gain: 1, depth: 3 })].map(({ second }) => second) // [1, 0.5, 0.25, 0.125]
 */
export function* varianceMapSteps(
  name: ActivationName,
  options: { readonly gain?: number; readonly variance?: number; readonly depth?: number } = {},
): Generator<VarianceState, void> {
  const { gain = gaussianMoments(name).gain, variance = 1, depth = 30 } = options;
  checkNumber("varianceMapSteps", "gain", gain, { above: 0 });
  checkNumber("varianceMapSteps", "variance", variance, { above: 0 });
  checkInteger("varianceMapSteps", "depth", depth, 0);
  let [second, gradient] = [variance, 1];
  for (let layer = 0; ; layer++) {
    yield { layer, second, gradient };
    if (layer === depth || !(second > 0 && second < Infinity)) return;
    const moments = gaussianMoments(name, { variance: second });
    gradient *= gain ** 2 * moments.slopeSecond;
    second = gain ** 2 * moments.second; // (2)
  }
}

/** Weights of a gated block, d features, h hidden units. */
export type GatedWeights = {
  /** d×h */
  readonly Wgate: Tensor;
  /** d×h */
  readonly Wup: Tensor;
  /** h×d */
  readonly Wdown: Tensor;
};

/** Which function gates. */
export type GateKind = "glu" | "reglu" | "geglu" | "swiglu";

/**
 * The gated feed-forward block (g(x·Wgate) ∘ x·Wup)·Wdown (3), on tensors, so that it trains.
 *
 * @param x …×d
 * @param kind g: sigmoid, ReLU, GELU or SiLU
 * @throws RangeError if the kind is unknown or shapes do not fit
 */
export function gatedLinearUnit(x: Tensor, { Wgate, Wup, Wdown }: GatedWeights, kind: GateKind): Tensor {
  const gates = { glu: ops.sigmoid, reglu: ops.relu, geglu: ops.gelu, swiglu: ops.silu };
  const g = gates[checkChoice("gatedLinearUnit", "kind", kind, Object.keys(gates) as GateKind[])];
  return ops.matmul(ops.mul(g(ops.matmul(x, Wgate)), ops.matmul(x, Wup)), Wdown);
}

/** A deep network that was trained; see `deepDigits`. */
export interface DeepDigits {
  /** of the last batch, in nats */
  readonly loss: number;
  /** share of the 360 test images that are right */
  readonly accuracy: number;
  /** class scores of the test images, 360×10; with another activation in the place of the trained one, if one is named */
  logits(activation?: ActivationName): Tensor;
}

/**
 * The 8×8 digits by a deep and narrow network, 64 → 32 → … → 32 → 10, trained by gradient descent with momentum 0.9 on
 * batches of 32.
 *
 * @param options.activation after every layer but the last
 * @param options.gain weights start from N(0, gain²/inputs), those of the last layer from N(0, 1/inputs), biases from 0;
 * default the activation's own gain
 * @param options.depth weight matrices, default 10
 * @param options.lr learning rate, default 0.02
 * @param options.steps default 300
 * @param options.seed of weights and batches, default 0
 * @throws RangeError if the name is unknown or a number is out of range
 * @throws NonFiniteError, NonFiniteGradientError where training diverges
 */
export function deepDigits(options: {
  readonly activation: ActivationName;
  readonly gain?: number;
  readonly depth?: number;
  readonly lr?: number;
  readonly steps?: number;
  readonly seed?: number;
}): DeepDigits {
  const { activation, depth = 10, lr = 0.02, steps = 300, seed = 0 } = options;
  const { gain = gaussianMoments(activation).gain } = options;
  checkNumber("deepDigits", "gain", gain, { above: 0 });
  checkInteger("deepDigits", "depth", depth, 1);
  checkInteger("deepDigits", "steps", steps, 1);
  const data = digitsData();
  const draw = random(seed);
  const parameters = Array.from({ length: depth }, (_, i) => {
    const [from, to, g] = [i === 0 ? 64 : 32, i === depth - 1 ? 10 : 32, i === depth - 1 ? 1 : gain];
    return { weight: layers.normal([from, to], g / sqrt(from), draw), bias: layers.full([to], 0) };
  });
  const network = (x: Tensor, p: typeof parameters, name: ActivationName) =>
    p.slice(1).reduce((h, layer) => layers.linear(tensorActivations[name](h), layer), layers.linear(x, p[0]!));
  const batchAt = batches(data.train.labels.length, 32, seed);
  const last = train({
    parameters,
    loss(p, step) {
      const indices = batchAt(step);
      const labels = indices.map((i) => data.train.labels[i]!);
      return ops.crossEntropy(network(ops.gather(data.train.x, indices), p, activation), labels);
    },
    optimizer: new SGD({ lr, momentum: 0.9 }),
    steps,
  });
  const logits = (name = activation) => {
    checkChoice("deepDigits", "activation", name, Object.keys(activations) as ActivationName[]);
    return noGrad(() => network(data.test.x, parameters, name));
  };
  return { loss: last!.loss, accuracy: accuracyOf(logits(), data.test.labels), logits };
}

/** A feed-forward block that was trained; see `blockOnDigits`. */
export interface BlockOnDigits {
  /** how many numbers were trained */
  readonly parameters: number;
  /** mean squared error on the test images, whose pixels go from 0 to 1 */
  readonly error: number;
}

/**
 * A regression for one feed-forward block of d = 24: from the first three rows of an 8×8 digit's pixels to the next three, by
 * AdamW without decay on batches of 32. A gated block has 8d/3 = 64 hidden units, max(x·Wup, 0)·Wdown has 4d = 96: 8d²
 * parameters either way.
 *
 * @param options.kind 'relu', or which function gates
 * @param options.lr learning rate, default 0.01
 * @param options.steps default 400
 * @param options.seed of weights, N(0, 1/inputs), and batches, default 0
 * @throws RangeError if the kind is unknown or a number is out of range
 */
export function blockOnDigits(options: {
  readonly kind: "relu" | GateKind;
  readonly lr?: number;
  readonly steps?: number;
  readonly seed?: number;
}): BlockOnDigits {
  const { kind, lr = 0.01, steps = 400, seed = 0 } = options;
  checkChoice("blockOnDigits", "kind", kind, ["relu", "glu", "reglu", "geglu", "swiglu"]);
  checkInteger("blockOnDigits", "steps", steps, 1);
  const [d, h] = [24, kind === "relu" ? 96 : 64];
  const draw = random(seed);
  const weight = (from: number, to: number) => layers.normal([from, to], sqrt(1 / from), draw);
  const ungated = { Wup: weight(d, h), Wdown: weight(h, d) };
  const parameters: Readonly<Record<string, Tensor>> = kind === "relu" ? ungated : { ...ungated, Wgate: weight(d, h) };
  const block = (x: Tensor, p: GatedWeights) =>
    kind === "relu" ? ops.matmul(ops.relu(ops.matmul(x, p.Wup)), p.Wdown) : gatedLinearUnit(x, p, kind);
  const data = digitsData();
  const rows = (x: Tensor, first: number) => ops.slice(x, [0, 8 * first], [undefined, 8 * first + d]);
  const error = (x: Tensor, p: typeof parameters) =>
    ops.mean(ops.square(ops.sub(block(rows(x, 0), p as GatedWeights), rows(x, 3))));
  const batchAt = batches(data.train.labels.length, 32, seed);
  train({
    parameters,
    loss: (p, step) => error(ops.gather(data.train.x, batchAt(step)), p),
    optimizer: new AdamW({ lr, weightDecay: 0 }),
    steps,
  });
  return {
    parameters: Object.values(parameters).reduce((count, { size }) => count + size, 0),
    error: noGrad(() => error(data.test.x, parameters)).item(),
  };
}

function activationNamed(caller: string, name: ActivationName): Activation {
  return activations[checkChoice(caller, "name", name, Object.keys(activations) as ActivationName[])];
}

/**
 * Nodes on [−14, 14] and weights of the normal density: 16 Gauss-Legendre points on each piece. The pieces halve towards 0
 * down to 2⁻¹², as an activation of a wide Gaussian does all it does near 0.
 */
const ENDS = [
  0,
  ...Array.from({ length: 12 }, (_, i) => 2 ** (i - 12)),
  ...Array.from({ length: 14 }, (_, i) => i + 1),
];
const GAUSSIAN = ENDS.slice(1).flatMap((end, i) => {
  const half = (end - ENDS[i]!) / 2;
  return legendre(16).flatMap(({ node, weight }) => {
    const z = end - half + half * node;
    return [z, -z].map((at) => ({ node: at, weight: weight * half * phi(z) }));
  });
});

/** Gauss-Legendre nodes and weights on [−1, 1], by Newton's method on the Legendre polynomial. */
function legendre(n: number): readonly { readonly node: number; readonly weight: number }[] {
  return Array.from({ length: n }, (_, i) => {
    let x = Math.cos((PI * (i + 0.75)) / (n + 0.5));
    let slope = 0;
    for (let iteration = 0; iteration < 8; iteration++) {
      let [before, p] = [0, 1];
      for (let k = 0; k < n; k++) [before, p] = [p, ((2 * k + 1) * x * p - k * before) / (k + 1)];
      slope = (n * (x * p - before)) / (x * x - 1);
      x -= p / slope;
    }
    return { node: x, weight: 2 / ((1 - x * x) * slope * slope) };
  });
}
