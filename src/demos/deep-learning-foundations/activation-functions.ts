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
import { gelu, matmul, mul, relu, sigmoid, silu } from "../../autodiff/ops.js";
import { checkChoice, checkInteger, checkNumber } from "../../lib/check.js";
import { erf } from "../../lib/erf.js";
import type { Tensor } from "./backpropagation.js";

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
 * inside; accurate to about 1e-12.
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
 * limit of infinite width.
 *
 * @param options.gain weights have variance gain²/n; default the activation's own gain
 * @param options.variance second moment of the first pre-activations, default 1
 * @param options.depth layers, default 30
 * @throws RangeError if a number is out of range
 */
export function* varianceMapSteps(
  name: ActivationName,
  options: { readonly gain?: number; readonly variance?: number; readonly depth?: number } = {},
): Generator<VarianceState, void> {
  const { gain = gaussianMoments(name).gain, variance = 1, depth = 30 } = options;
  checkNumber("varianceMapSteps", "gain", gain, { above: 0 });
  checkInteger("varianceMapSteps", "depth", depth, 0);
  let [second, gradient] = [variance, 1];
  yield { layer: 0, second, gradient };
  for (let layer = 1; layer <= depth; layer++) {
    const moments = gaussianMoments(name, { variance: second });
    gradient *= gain ** 2 * moments.slopeSecond;
    second = gain ** 2 * moments.second; // (2)
    yield { layer, second, gradient };
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
  const gates = { glu: sigmoid, reglu: relu, geglu: gelu, swiglu: silu };
  const g = gates[checkChoice("gatedLinearUnit", "kind", kind, Object.keys(gates) as GateKind[])];
  return matmul(mul(g(matmul(x, Wgate)), matmul(x, Wup)), Wdown);
}

function activationNamed(caller: string, name: ActivationName): Activation {
  return activations[checkChoice(caller, "name", name, Object.keys(activations) as ActivationName[])];
}

/** Nodes on [−14, 14] and weights of the normal density: 16 Gauss-Legendre points on each of 28 pieces, 0 between two. */
const GAUSSIAN = Array.from({ length: 28 }, (_, piece) =>
  legendre(16).map(({ node, weight }) => {
    const z = piece - 14 + (node + 1) / 2;
    return { node: z, weight: (weight / 2) * phi(z) };
  }),
).flat();

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
