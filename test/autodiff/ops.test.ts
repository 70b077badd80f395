/** Every operation and every layer against central differences, first and second order, and against TensorFlow.js. */
import { describe, expect, test } from "vitest";
import * as convolution from "../../src/autodiff/convolution.js";
import * as layers from "../../src/autodiff/layers.js";
import * as ops from "../../src/autodiff/ops.js";
import { OPS, type Op } from "../../src/autodiff/ops.js";
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

/** What is composed of the table's operations, by the name it is exported under. */
const COMPOSED: Readonly<Record<string, Op>> = {
  logSigmoid: { apply: (x) => ops.logSigmoid(x!), shapes: [[3, 4]] },
  silu: { apply: (x) => ops.silu(x!), shapes: [[3, 4]] },
  leakyRelu: { apply: (x) => ops.leakyRelu(x!, 0.2), shapes: [[3, 4]] },
  elu: { apply: (x) => ops.elu(x!, 1.5), shapes: [[3, 4]] },
  sumTo: { apply: (x) => ops.sumTo(x!, [3, 1]), shapes: [[2, 3, 4]] },
  stack: {
    apply: (...parts) => ops.stack(parts, -1),
    shapes: [
      [3, 4],
      [3, 4],
    ],
  },
  split: {
    apply: (x) => {
      const [a, b, c] = ops.split(x!, 3, 1);
      return ops.add(ops.mul(a!, b!), c!);
    },
    shapes: [[2, 6, 2]],
  },
  repeat: { apply: (x) => ops.repeat(x!, 3, 1), shapes: [[2, 3, 2]] },
  mean: { apply: (x) => ops.mean(x!, [0, -1]), shapes: [[2, 3, 4]] },
  variance: { apply: (x) => ops.variance(x!, [1], { keepDims: true }), shapes: [[2, 3, 4]] },
  norm: { apply: (x) => ops.norm(x!, [1]), shapes: [[2, 3, 4]] },
  takeAlongLast: { apply: (x) => ops.takeAlongLast(x!, [3, 0, 2, 2, 1, 0]), shapes: [[2, 3, 4]] },
  segmentSoftmax: { apply: (x) => ops.segmentSoftmax(x!, [2, 0, 2, 2, 1, 0, 2], 4), shapes: [[7]] },
  logSoftmax: { apply: (x) => ops.logSoftmax(x!), shapes: [[2, 3, 4]] },
  crossEntropy: { apply: (x) => ops.crossEntropy(x!, [3, 0, 2]), shapes: [[3, 4]] },
  "crossEntropy, some rows ignored": {
    apply: (x) => ops.crossEntropy(x!, [3, -1, 2, -1], { ignoreIndex: -1 }),
    shapes: [[4, 5]],
  },
  "crossEntropy with probabilities": {
    apply: (x) => ops.crossEntropy(x!, tensor(TARGETS.flat(), [2, 3], x!.dtype)),
    shapes: [[2, 3]],
  },
  linear: {
    apply: (x, weight, bias) => layers.linear(x!, { weight: weight!, bias: bias! }),
    shapes: [[2, 3, 4], [4, 5], [5]],
  },
  layerNorm: {
    apply: (x, gain, bias) => layers.layerNorm(x!, { gain: gain!, bias: bias! }, 0.1),
    shapes: [[2, 3, 4], [4], [4]],
    fused: true,
  },
  rmsNorm: { apply: (x, gain) => layers.rmsNorm(x!, gain!, 0.1), shapes: [[2, 3, 4], [4]] },
  batchNorm: {
    apply: (x, gain, bias) => layers.batchNorm(x!, { gain: gain!, bias: bias! }, 0.1),
    shapes: [[2, 3, 4], [4], [4]],
    fused: true,
  },
  batchNormWith: {
    apply: (x, gain, bias, mean, variance) =>
      layers.batchNormWith(x!, { gain: gain!, bias: bias! }, { mean: mean!, variance: variance! }, 0.1),
    shapes: [[2, 3, 4], [4], [4], [4], [4]],
    domain: [0.5, 2],
  },
  "maxPool2d, padded": {
    apply: (x) => convolution.maxPool2d(x!, 3, { stride: 2, padding: "same" }),
    shapes: [[2, 5, 4, 3]],
  },
  "avgPool2d, padded": {
    apply: (x) => convolution.avgPool2d(x!, 3, { stride: 2, padding: "same" }),
    shapes: [[2, 5, 4, 3]],
  },
};

const TARGETS = [
  [0.2, 0.5, 0.3],
  [0, 0.1, 0.9],
];

const ALL = new Map([...OPS, ...Object.entries(COMPOSED)]);

/** Functions that are no operations, and operations that have tests of their own below. */
const NOT_IN_THE_TABLE = [
  "sameType",
  "UnsupportedError",
  "OPS",
  "standardize",
  "fround",
  "full",
  "normal",
  "uniform",
  "dropout",
];

test("every export is tested: operations and layers by their names", () => {
  for (const name of [ops, layers, convolution].flatMap(Object.keys)) {
    expect([...ALL.keys(), ...NOT_IN_THE_TABLE], name).toContain(name);
  }
});

describe.each([...ALL])("%s", (_, { apply, shapes, domain = [-2, 2], fused }) => {
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
    if (fused) {
      expect(() => grad(squaredSlope)(inputs)).toThrow(
        new ops.UnsupportedError(
          "standardize: its rule has no derivative; compose it of mean, variance, sub, sqrt and div for second derivatives",
        ),
      );
    } else expect(gradCheck(squaredSlope, inputs).maxRelError).toBeLessThan(1e-5);
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
  logSigmoid: (tf, x) => tf.logSigmoid(x!),
  silu: (tf, x) => tf.mul(x!, tf.sigmoid(x!)),
  leakyRelu: (tf, x) => tf.leakyRelu(x!, 0.2),
  elu: (tf, x) => tf.sub(tf.relu(x!), tf.mul(1.5, tf.relu(tf.sub(1, tf.exp(x!))))),
  sumTo: (tf, x) => tf.sum(x!, [0, 2]).reshape([3, 1]),
  stack: (tf, ...parts) => tf.stack(parts, -1),
  split: (tf, x) => {
    const [a, b, c] = tf.split(x!, 3, 1);
    return tf.add(tf.mul(a!, b!), c!);
  },
  repeat: (tf, x) =>
    tf.concat(
      tf.split(x!, 3, 1).flatMap((part) => [part, part, part]),
      1,
    ),
  mean: (tf, x) => tf.mean(x!, [0, 2]),
  variance: (tf, x) => tf.moments(x!, 1, true).variance,
  norm: (tf, x) => tf.sqrt(tf.sum(tf.square(x!), 1)),
  takeAlongLast: (tf, x) => tf.sum(tf.mul(x!, tf.oneHot(tf.tensor2d([3, 0, 2, 2, 1, 0], [2, 3], "int32"), 4)), -1),
  segmentSoftmax: (tf, x) => {
    const segments = [2, 0, 2, 2, 1, 0, 2];
    const powers = tf.exp(x!);
    const same = tf.tensor2d(segments.map((s) => segments.map((t) => Number(s === t))));
    return tf.div(powers, tf.matMul(same, powers.reshape([7, 1])).reshape([7]));
  },
  logSoftmax: (tf, x) => tf.logSoftmax(x!),
  crossEntropy: (tf, x) => tf.losses.softmaxCrossEntropy(tf.oneHot([3, 0, 2], 4), x!),
  "crossEntropy, some rows ignored": (tf, x) =>
    tf.losses.softmaxCrossEntropy(tf.oneHot([3, 2], 5), tf.gather(x!, [0, 2])),
  "crossEntropy with probabilities": (tf, x) => tf.losses.softmaxCrossEntropy(tf.tensor2d(TARGETS), x!),
  linear: (tf, x, weight, bias) => tf.add(tf.matMul(x!.reshape([6, 4]), weight!), bias!).reshape([2, 3, 5]),
  layerNorm: (tf, x, gain, bias) => {
    const { mean, variance } = tf.moments(x!, -1, true);
    return tf.add(tf.mul(tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 0.1))), gain!), bias!);
  },
  rmsNorm: (tf, x, gain) => tf.mul(tf.div(x!, tf.sqrt(tf.add(tf.mean(tf.square(x!), -1, true), 0.1))), gain!),
  batchNorm: (tf, x, gain, bias) => {
    const { mean, variance } = tf.moments(x!, [0, 1]);
    return tf.add(tf.mul(tf.div(tf.sub(x!, mean), tf.sqrt(tf.add(variance, 0.1))), gain!), bias!);
  },
  batchNormWith: (tf, x, gain, bias, mean, variance) =>
    tf.add(tf.mul(tf.div(tf.sub(x!, mean!), tf.sqrt(tf.add(variance!, 0.1))), gain!), bias!),
  "maxPool2d, padded": (tf, x) => tf.maxPool(x as never, 3, 2, "same"),
  // Their CPU backend's gradient divides by the whole window, padding included: sums of windows, divided by their sizes.
  "avgPool2d, padded": (tf, x) => {
    const sums = (t: TfTensor) => tf.depthwiseConv2d(t as never, tf.ones([3, 3, 3, 1]), 2, "same");
    return tf.div(sums(x!), sums(tf.ones([2, 5, 4, 3])));
  },
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
  expect(Object.keys(IN_TENSORFLOW).sort()).toEqual([...ALL.keys()].sort());
});

describe.each(Object.entries(IN_TENSORFLOW).filter(([, theirs]) => typeof theirs !== "string"))(
  "%s",
  (name, theirs) => {
    withTensorFlow("values and gradients agree to 1e-4 (float32 there)", (tf) => {
      const { apply, shapes, domain = [-2, 2] } = ALL.get(name)!;
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

describe("what no table can say", () => {
  const slopes = (f: (x: Tensor) => Tensor, ...at: number[]) => [
    ...grad((x: Tensor) => ops.sum(f(x)))(tensor(Float64Array.from(at))).data,
  ];

  test("slopes at 0: those of PyTorch", () => {
    expect(slopes((x) => ops.elu(x, 1.5), 0)).toEqual([1.5]);
    expect(slopes((x) => ops.leakyRelu(x, 0.2), 0)).toEqual([0.2]);
    expect(slopes((x) => ops.pow(x, 0), 0, 3)).toEqual([0, 0]);
    expect(slopes((x) => ops.pow(x, 1), 0, 3)).toEqual([1, 1]);
  });

  test("fround: the value is rounded, the adjoint is not", () => {
    const x = tensor(Float64Array.of(0.1, -2 / 3));
    expect([...ops.fround(x).data]).toEqual([Math.fround(0.1), Math.fround(-2 / 3)]);
    expect(slopes((v) => ops.mul(ops.fround(v), 0.1), 0.1, -2 / 3)).toEqual([0.1, 0.1]);
  });

  test("far out: no operation that promises it overflows", () => {
    const x = tensor(Float64Array.of(-1000, 1000));
    expect([...ops.sigmoid(x).data]).toEqual([0, 1]);
    expect([...ops.softplus(x).data]).toEqual([0, 1000]);
    expect([...ops.logSigmoid(x).data]).toEqual([-1000, -0]);
    expect([...ops.softmax(x).data]).toEqual([0, 1]);
    expect(ops.logSumExp(x).item()).toBe(1000);
    expect([...ops.segmentSoftmax(x, [0, 0], 1).data]).toEqual([0, 1]);
    for (const op of [ops.sigmoid, ops.softplus, ops.logSigmoid, ops.gelu, ops.silu, ops.softmax, ops.elu]) {
      expect(slopes(op, -1000, 1000).every(Number.isFinite)).toBe(true);
    }
  });

  test("gelu at ±∞: slope 0 and 1, curvature 0; NaN stays NaN", () => {
    const at = [-Infinity, Infinity, Number.NaN];
    expect(slopes(ops.gelu, ...at)).toEqual([0, 1, Number.NaN]);
    const slope = (x: Tensor) => grad((v: Tensor) => ops.sum(ops.gelu(v)))(x);
    expect(slopes(slope, ...at).map(Math.abs)).toEqual([0, 0, Number.NaN]);
  });

  test("log-sum-exp and maximum of what is not finite", () => {
    const rows = [
      [-Infinity, -Infinity],
      [-Infinity, 3],
      [3, Infinity],
      [Number.NaN, 3],
      [3, Number.NaN],
    ];
    const x = tensor(Float64Array.from(rows.flat()), [5, 2]);
    expect([...ops.logSumExp(x).data]).toEqual([-Infinity, 3, Infinity, Number.NaN, Number.NaN]);
    expect([...ops.max(x, [1]).data]).toEqual([-Infinity, 3, Infinity, Number.NaN, Number.NaN]);
    const pooled = convolution.maxPool2d(tensor(Float64Array.of(Number.NaN, 3, 2, 5), [1, 1, 4, 1]), 1, { stride: 1 });
    expect([...pooled.data]).toEqual([Number.NaN, 3, 2, 5]);
    const windows = tensor(Float64Array.of(Number.NaN, 3, 1, 2, 3, Number.NaN, 4, 5), [1, 2, 4, 1]);
    expect([...convolution.maxPool2d(windows, 2).data]).toEqual([Number.NaN, 5]);
    const first = grad((v: Tensor) => ops.sum(convolution.maxPool2d(v, 2)))(tensor([7, 7, 7, 7], [1, 2, 2, 1]));
    expect([...first.data]).toEqual([1, 0, 0, 0]);
    expect([...ops.softmax(x).data.slice(0, 4)]).toEqual([Number.NaN, Number.NaN, 0, 1]);
  });

  test("where: what is not chosen may be NaN", () => {
    const f = (x: Tensor) => ops.where(tensor([1, 0], [2], "float64"), x, ops.log(ops.neg(ops.exp(x))));
    expect(f(tensor(Float64Array.of(2, 3))).data[0]).toBe(2);
    const g = (x: Tensor) => ops.where(tensor([1, 1], [2], "float64"), x, tensor(Float64Array.of(Number.NaN, 0)));
    expect(slopes(g, 2, 3)).toEqual([1, 1]);
  });

  test("stack and split: the new axis counts among those of the result", () => {
    const [a, b] = [0, 10].map((start) =>
      tensor(
        Float64Array.from({ length: 6 }, (_, i) => start + i),
        [2, 3],
      ),
    );
    expect([0, 1, 2, -1, -2, -3].map((axis) => ops.stack([a!, b!], axis).shape)).toEqual([
      [2, 2, 3],
      [2, 2, 3],
      [2, 3, 2],
      [2, 3, 2],
      [2, 2, 3],
      [2, 2, 3],
    ]);
    expect([...ops.stack([a!, b!], -1).data]).toEqual([0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15]);
  });

  test("dropout: the share that is asked for, the mean kept, seeded", () => {
    const x = layers.full([20000], 3, "float64");
    const y = layers.dropout(x, 0.3, 7);
    expect(new Set(y.data)).toEqual(new Set([0, 3 / 0.7]));
    // A share of 20,000 draws has deviation √(0.3·0.7/20000) = 0.0032; four of them.
    expect(Math.abs(y.data.filter((v) => v === 0).length / 20000 - 0.3)).toBeLessThan(0.013);
    expect(layers.dropout(x, 0.3, 7).data).toEqual(y.data);
    expect(layers.dropout(x, 0.3, 8).data).not.toEqual(y.data);
    expect(layers.dropout(x, 0, 7)).toBe(x);
    expect(() => layers.dropout(x, 1, 7)).toThrow(RangeError);
  });

  test("normal and uniform: mean, spread, bounds, seeded", () => {
    const z = layers.normal([100, 200], 0.5, random(1));
    const u = layers.uniform([100, 200], 0.5, random(1));
    expect([z.dtype, z.shape, u.shape]).toEqual(["float32", [100, 200], [100, 200]]);
    for (const [x, deviation] of [
      [z, 0.5],
      [u, 0.5 / Math.sqrt(3)],
    ] as const) {
      expect(Math.abs(ops.mean(x).item())).toBeLessThan((4 * deviation) / Math.sqrt(20000));
      expect(Math.sqrt(ops.variance(x).item()) / deviation).toBeCloseTo(1, 1);
    }
    expect(Math.max(...u.data)).toBeLessThanOrEqual(0.5);
    expect(Math.min(...u.data)).toBeGreaterThanOrEqual(-0.5);
    expect(layers.normal([3], 0.5, random(1)).data).toEqual(z.data.slice(0, 3));
  });

  test.each<readonly [string, () => unknown]>([
    [
      "pad: widths must be two integers at least 0 for each axis of 2, got [-1,0]",
      () => ops.pad(tensor([1, 2]), [[-1, 0]]),
    ],
    ["pad: widths must be two integers at least 0 for each axis of 2, got []", () => ops.pad(tensor([1, 2]), [])],
    ["split: axis 0 of 3 must be a multiple of 2", () => ops.split(tensor([1, 2, 3]), 2)],
    ["slice: [1] to [4] must lie within 3", () => ops.slice(tensor([1, 2, 3]), [1], [4])],
    [
      "transpose: order must name each axis of 1×2 once, got [0,0]",
      () => ops.transpose(tensor([1, 2], [1, 2]), [0, 0]),
    ],
    ["broadcastTo: shapes must broadcast, got 2 and 3", () => ops.broadcastTo(tensor([1, 2]), [3])],
    [
      "concat: shapes must agree except along axis 0, got 1×2 and 1×3",
      () => ops.concat([tensor([1, 2], [1, 2]), tensor([1, 2, 3], [1, 3])]),
    ],
    ["scatterAdd: there must be an index for each of the 2 rows, got 1", () => ops.scatterAdd(tensor([1, 2]), [0], 3)],
    [
      "takeAlongLast: there must be an index for each of the 2 rows, got 1",
      () => ops.takeAlongLast(tensor([1, 2, 3, 4], [2, 2]), [0]),
    ],
    [
      "crossEntropy: at least one label must not be ignoreIndex 7",
      () => ops.crossEntropy(tensor([1, 2], [1, 2]), [7], { ignoreIndex: 7 }),
    ],
    ["softmax: the last axis must have at least one entry, got shape 2×0", () => ops.softmax(tensor([], [2, 0]))],
    [
      "conv2d: operands must have one type, got 1×2×2×1 float32 and 1×1×1×1 float64",
      () => convolution.conv2d(tensor([1, 2, 3, 4], [1, 2, 2, 1]), tensor(Float64Array.of(1), [1, 1, 1, 1])),
    ],
    [
      "convTranspose2d: operands must have one type, got 1×2×2×1 float32 and 1×1×1×1 float64",
      () => convolution.convTranspose2d(tensor([1, 2, 3, 4], [1, 2, 2, 1]), tensor(Float64Array.of(1), [1, 1, 1, 1])),
    ],
    [
      "conv2d: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, " +
        "got 1×2×2×1 and 1×1×2×1 with groups 1",
      () => convolution.conv2d(tensor([1, 2, 3, 4], [1, 2, 2, 1]), tensor([1, 2], [1, 1, 2, 1])),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(message);
  });
});
