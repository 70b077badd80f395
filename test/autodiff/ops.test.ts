/** Every operation of the table against central differences, first and second order, and against TensorFlow.js. */
import { describe, expect, test } from "vitest";
import "../../src/autodiff/convolution.js";
import * as ops from "../../src/autodiff/ops.js";
import { OPS } from "../../src/autodiff/ops.js";
import {
  grad,
  gradCheck,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { random } from "../../src/lib/random.js";
import type { TensorFlow } from "../../src/tensorflow.js";
import { withTensorFlow } from "../parity.js";

function inputsOf(shapes: readonly (readonly number[])[], [low, high]: readonly [number, number], seed = 1): Tensor[] {
  const { uniform } = random(seed);
  return shapes.map((shape) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float64Array.from({ length: size }, () => low + (high - low) * uniform()),
      shape,
    );
  });
}

/** A scalar in which every entry counts differently. */
function weighted(y: Tensor): Tensor {
  const { uniform } = random(99);
  return ops.sum(
    ops.mul(
      y,
      tensor(
        Float64Array.from(y.data, () => 0.5 + uniform()),
        y.shape,
      ),
    ),
  );
}

describe.each([...OPS])("%s", (_, { apply, shapes, domain = [-2, 2], fused }) => {
  test("its rule agrees with central differences to 1e-6", () => {
    const { maxRelError } = gradCheck((xs: readonly Tensor[]) => weighted(apply(...xs)), inputsOf(shapes, domain));
    expect(maxRelError).toBeLessThan(1e-6);
  });

  test("its rule can be differentiated again, or says that it cannot", () => {
    const squaredSlope = (xs: readonly Tensor[]) => {
      const grads = grad((x: readonly Tensor[]) => weighted(ops.square(apply(...x))))(xs);
      return grads.map((g) => ops.sum(ops.square(g))).reduce((a, b) => ops.add(a, b));
    };
    const inputs = inputsOf(shapes, domain);
    if (fused) expect(() => grad(squaredSlope)(inputs)).toThrow(ops.UnsupportedError);
    else expect(gradCheck(squaredSlope, inputs).maxRelError).toBeLessThan(1e-5);
  });

  test("gradients have the shapes and the type of the inputs, in float32 too", () => {
    const inputs = inputsOf(shapes, domain).map((x) => tensor(Float32Array.from(x.data), x.shape));
    const { grads } = valueAndGrad((xs: readonly Tensor[]) => weighted32(apply(...xs)))(inputs);
    expect(grads.map(({ shape, dtype }) => [shape, dtype])).toEqual(inputs.map(({ shape }) => [shape, "float32"]));
  });
});

const weighted32 = (y: Tensor) => ops.sum(ops.mul(y, 0.5));

type TfTensor = ReturnType<TensorFlow["tensor"]>;
type TfOp = (tf: TensorFlow, ...inputs: TfTensor[]) => TfTensor;

/** What each operation of the table is in TensorFlow.js, or why it is nothing there. */
const IN_TENSORFLOW: Readonly<Record<string, TfOp | string>> = {
  neg: (tf, x) => tf.neg(x!),
  exp: (tf, x) => tf.exp(x!),
  expm1: (tf, x) => tf.expm1(x!),
  log: (tf, x) => tf.log(x!),
  log1p: (tf, x) => tf.log1p(x!),
  sqrt: (tf, x) => tf.sqrt(x!),
  square: (tf, x) => tf.square(x!),
  abs: (tf, x) => tf.abs(x!),
  sin: (tf, x) => tf.sin(x!),
  cos: (tf, x) => tf.cos(x!),
  tanh: (tf, x) => tf.tanh(x!),
  sigmoid: (tf, x) => tf.sigmoid(x!),
  softplus: (tf, x) => tf.softplus(x!),
  erf: (tf, x) => tf.erf(x!),
  relu: (tf, x) => tf.relu(x!),
  gelu: (tf, x) => tf.mul(tf.mul(x!, 0.5), tf.add(1, tf.erf(tf.mul(x!, Math.SQRT1_2)))),
  geluSlope: "part of the rule of gelu, compared there",
  geluCurvature: "part of the rule of gelu, compared there",
  pow: (tf, x) => tf.pow(x!, 2.5),
  clip: (tf, x) => tf.clipByValue(x!, -0.7, 1.1),
  add: (tf, a, b) => tf.add(a!, b!),
  sub: (tf, a, b) => tf.sub(a!, b!),
  mul: (tf, a, b) => tf.mul(a!, b!),
  div: (tf, a, b) => tf.div(a!, b!),
  // Theirs forget to sum over what was broadcast, so that it is broadcast before.
  maximum: (tf, a, b) => tf.maximum(tf.add(a!, tf.zeros([3, 2, 4])), tf.add(b!, tf.zeros([3, 2, 4]))),
  minimum: (tf, a, b) => tf.minimum(tf.add(a!, tf.zeros([3, 2, 4])), tf.add(b!, tf.zeros([3, 2, 4]))),
  where: (tf, a, b) => {
    const zeros = tf.zeros([3, 2, 4]);
    return tf.where(tf.tensor1d([1, 0, 0, 1], "bool").broadcastTo([3, 2, 4]), tf.add(a!, zeros), tf.add(b!, zeros));
  },
  reshape: (tf, x) => tf.reshape(x!, [2, -1]),
  transpose: (tf, x) => tf.transpose(x!, [1, 2, 0]),
  broadcastTo: (tf, x) => tf.broadcastTo(x!, [2, 3, 4]),
  slice: (tf, x) => tf.slice(x!, [1, 1], [2, 2]),
  pad: (tf, x) =>
    tf.pad(x!, [
      [1, 0],
      [2, 3],
    ]),
  flip: (tf, x) => tf.reverse(x!, -1),
  concat: (tf, ...parts) => tf.concat(parts, 1),
  sum: (tf, x) => tf.sum(x!, [0, 2]),
  max: (tf, x) => tf.max(x!, 1),
  logSumExp: (tf, x) => tf.logSumExp(x!, -1),
  // The gradient of theirs has its axes in the wrong order unless the axis is the last.
  cumsum: (tf, x) => tf.transpose(tf.cumsum(tf.transpose(x!, [0, 2, 1]), 2), [0, 2, 1]),
  matmul: (tf, a, b) => tf.stack([0, 1].map((i) => tf.matMul(tf.gather(a!, i), b!))),
  "matmul with both transposed": (tf, a, b) =>
    tf.stack(
      [0, 1, 2].map((i) =>
        tf.stack([0, 1].map((j) => tf.matMul(tf.gather(tf.gather(a!, i), 0), tf.gather(b!, j), true, true))),
      ),
    ),
  gather: (tf, x) =>
    tf.gather(
      x!,
      tf.tensor2d(
        [
          [2, 0],
          [2, 1],
          [2, 0],
        ],
        [3, 2],
        "int32",
      ),
    ),
  scatterAdd: (tf, x) => tf.unsortedSegmentSum(x!, tf.tensor1d([2, 0, 2, 1], "int32"), 4),
  conv2d: (tf, x, w) => tf.conv2d(x as never, w as never, 2, "same"),
  "conv2d, dilated and padded": "no gradient of a dilated convolution there; PyTorch's is compared in im2col",
  "conv2d with groups": (tf, x, w) => grouped(tf, x!, w!),
  convTranspose2d: (tf, y, w) => tf.conv2dTranspose(y as never, w as never, [2, 5, 4, 3], 2, "same"),
  maxPool2d: (tf, x) => tf.maxPool(x as never, 2, 2, "valid"),
  avgPool2d: (tf, x) => tf.avgPool(x as never, 3, 2, "valid"),
  softmax: (tf, x) => tf.softmax(x!),
  standardize: (tf, x) => {
    const { mean, variance } = tf.moments(x!, -1, true);
    return tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 1e-5)));
  },
  "standardize columns": (tf, x) => {
    const { mean, variance } = tf.moments(x!, [0, 1], true);
    return tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 1e-5)));
  },
};

/** TensorFlow.js' convolution has no groups: each by itself. */
const grouped: TfOp = (tf, x, w) =>
  tf.concat(
    [0, 1].map((g) =>
      tf.conv2d(
        tf.slice(x!, [0, 0, 0, 2 * g], [-1, -1, -1, 2]) as never,
        tf.slice(w!, [0, 0, 0, 3 * g], [-1, -1, -1, 3]) as never,
        1,
        "valid",
      ),
    ),
    3,
  );

test("the table of TensorFlow.js names every operation", () => {
  expect(Object.keys(IN_TENSORFLOW).sort()).toEqual([...OPS.keys()].sort());
});

describe.each(Object.entries(IN_TENSORFLOW).filter(([, theirs]) => typeof theirs !== "string"))(
  "%s",
  (name, theirs) => {
    withTensorFlow("values and gradients agree to 1e-4 (float32 there)", (tf) => {
      const { apply, shapes, domain = [-2, 2] } = OPS.get(name)!;
      const inputs = inputsOf(shapes, domain, 2);
      const { value, grads } = valueAndGrad((xs: readonly Tensor[]) => weighted(apply(...xs)))(inputs);
      const output = apply(...inputs);
      const { uniform } = random(99);
      const weights = Array.from(output.data, () => 0.5 + uniform());
      const loss = (...xs: TfTensor[]) => {
        const y = (theirs as TfOp)(tf, ...xs);
        expect(y.shape).toEqual([...output.shape]);
        return tf.sum(tf.mul(y, tf.tensor(weights, y.shape))) as ReturnType<TensorFlow["scalar"]>;
      };
      const their = tf.valueAndGrads(loss)(inputs.map((x) => tf.tensor(Array.from(x.data), [...x.shape], "float32")));
      close(their.value.dataSync(), value.data);
      their.grads.forEach((g: TfTensor, i: number) => {
        close(g.dataSync(), grads[i]!.data);
      });
    });
  },
);

/** Within 1e-4 of the largest entry. */
function close(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThan(1e-4 * scale);
}
