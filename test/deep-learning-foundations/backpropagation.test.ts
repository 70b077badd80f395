import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conv2d, maxPool2d } from "../../src/autodiff/convolution.js";
import { digitsProblem } from "../../src/autodiff/digits.js";
import { layerNorm, linear, rmsNorm } from "../../src/autodiff/layers.js";
import * as ops from "../../src/autodiff/ops.js";
import { train } from "../../src/autodiff/train.js";
import {
  assign,
  backwardSteps,
  counts,
  customVjp,
  type Floats,
  fromMatrix,
  grad,
  gradCheck,
  hvp,
  isRecording,
  jvp,
  leaves,
  mapTree,
  NonFiniteError,
  noGrad,
  stopGradient,
  type Tensor,
  type Tree,
  tensor,
  toMatrix,
  valueAndGrad,
  vjp,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { matrix, toRows } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import type { TensorFlow } from "../../src/tensorflow.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("deep-learning-foundations/backpropagation");
const { add, crossEntropy, div, exp, log, matmul, mean, mul, relu, sin, square, sub, sum, tanh, transpose } = ops;

type Named = Record<string, Tensor>;

/** Normal numbers in float64. */
function normals(seed: number, ...shape: number[]): Tensor {
  const draw = random(seed);
  return tensor(Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw.normal), shape);
}

const scalar = (x: number) => tensor(Float64Array.of(x), []);

/** Largest difference relative to the largest expected entry. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    size = Math.max(size, Math.abs(expected[i]!));
    if (Number.isNaN(actual[i]!)) return Number.NaN;
  }
  return difference / size;
}

/** A multilayer perceptron of these widths, as parameters and as a function of them. */
function perceptron(widths: readonly number[], seed: number) {
  const layers = widths.slice(1).map((width, i) => ({
    weight: normals(seed + 2 * i, widths[i]!, width),
    bias: normals(seed + 2 * i + 1, width),
  }));
  const forward = (x: Tensor, parameters: typeof layers, activation: (x: Tensor) => Tensor) =>
    parameters.reduce((h, layer, i) => linear(i === 0 ? h : activation(h), layer), x);
  return { layers, forward };
}

claim("three-times-the-forward-work", () => {
  const batch = 3;
  for (const widths of [
    [64, 128, 128, 10],
    [5, 7, 3],
    [11, 2, 6, 4, 3],
  ]) {
    const { layers, forward } = perceptron(widths, 1);
    const x = normals(9, batch, widths[0]!);
    const loss = (p: typeof layers) => sum(square(forward(x, p, tanh)));
    const products = widths.slice(1).map((width, i) => widths[i]! * width);
    const once = batch * products.reduce((a, b) => a + b);
    expect(counts(() => loss(layers)).multiplyAdds).toBe(once);
    expect(counts(() => valueAndGrad(loss)(layers)).multiplyAdds).toBe(3 * once - batch * products[0]!);
  }
  // per example, with the widths of the note
  const forward = 64 * 128 + 128 * 128 + 128 * 10;
  expect(forward).toBe(25_856);
  expect(3 * forward - 64 * 128).toBe(69_376);
  expect((69_376 / 25_856).toFixed(4)).toBe("2.6832");
});

claim("every-rule-agrees-with-differences", () => {
  for (const [name, { apply, shapes, domain = [-2, 2] }] of ops.OPS) {
    const { uniform } = random(17);
    const xs = shapes.map((shape) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return tensor(
        Float64Array.from({ length: size }, () => domain[0] + (domain[1] - domain[0]) * uniform()),
        shape,
      );
    });
    const y = apply(...xs);
    const u = normals(18, ...y.shape);
    const scored = (inputs: readonly Tensor[]) => sum(mul(apply(...inputs), u));
    const { maxRelError } = gradCheck(scored, xs, { seed: 3 });
    expect(maxRelError, name).toBeLessThan(1e-6); // truncation and rounding of the difference are below 1e-9
    grad(scored)(xs).forEach((g, i) => {
      expect(g.shape, name).toEqual(xs[i]!.shape);
    });
  }
});

claim("jvp-is-the-derivative-along-v", () => {
  // u·(J v) must be the derivative of u·f along v: forward mode, made of two reverse sweeps, against differences.
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.nat(1000), (n, m, seed) => {
      const [w, x, v, u] = [normals(seed, n, m), normals(seed + 1, n), normals(seed + 2, n), normals(seed + 3, m)];
      const f = (p: Named) => tanh(ops.reshape(matmul(ops.reshape(sin(p.x!), [1, n]), w), [m]));
      const { tangent } = jvp(f, { x }, { x: v });
      expect(tangent.shape).toEqual([m]);
      const moved = (t: number) => sum(mul(f({ x: add(x, mul(v, t)) }), u)).item();
      const h = 1e-5;
      const numeric = (moved(h) - moved(-h)) / (2 * h);
      const analytic = sum(mul(tangent, u)).item();
      expect(Math.abs(analytic - numeric)).toBeLessThan(1e-6 * Math.max(1, Math.abs(numeric)));
    }),
    { numRuns: 40 },
  );
});

claim("differences-have-a-best-step", () => {
  const f = (x: number) => Math.exp(Math.sin(x));
  const at = 1.3;
  const slope = Math.cos(at) * f(at);
  const central = (h: number) => Math.abs((f(at + h) - f(at - h)) / (2 * h) - slope) / slope;
  const forward = (h: number) => Math.abs((f(at + h) - f(at)) / h - slope) / slope;
  expect(central(1e-2).toExponential(2)).toBe("6.36e-5");
  expect(central(1e-3).toExponential(2)).toBe("6.37e-7");
  expect(central(1e-4).toExponential(2)).toBe("6.36e-9");
  // slopes 2 and 1 on logarithmic axes, where truncation rules
  expect(Math.log10(central(1e-2) / central(1e-3))).toBeCloseTo(2, 1);
  expect(Math.log10(forward(1e-3) / forward(1e-4))).toBeCloseTo(1, 1);
  // the best steps, of ten in each power of ten, lie within a power of ten of ε^(1/3) and ε^(1/2)
  const grid = Array.from({ length: 131 }, (_, i) => 10 ** (-14 + i / 10));
  const best = (error: (h: number) => number) => grid.reduce((a, b) => (error(b) < error(a) ? b : a));
  expect(Math.abs(Math.log10(best(central) / Number.EPSILON ** (1 / 3)))).toBeLessThan(1);
  expect(Math.abs(Math.log10(best(forward) / Number.EPSILON ** (1 / 2)))).toBeLessThan(1);
  expect(Math.abs(Math.log10(central(best(central)) / 1e-11))).toBeLessThan(0.5); // of the order of 1e-11
  // then rounding: far smaller steps are worse again
  expect(central(1e-9)).toBeGreaterThan(10 * central(6e-6));
  expect(forward(1e-13)).toBeGreaterThan(10 * forward(1.5e-8));
  // the tape has nothing of the kind
  const { grads } = valueAndGrad(({ x }: Named) => exp(sin(x!)))({ x: scalar(at) });
  expect(Math.abs(grads.x!.item() - slope) / slope).toBeLessThan(4 * Number.EPSILON);
});

claim("contributions-of-all-consumers-add", () => {
  const f = ({ x }: Named) => add(mul(x!, x!), mul(x!, 3));
  for (const x of [-2, 0.5, 4]) expect(grad(f)({ x: scalar(x) }).x!.item()).toBe(2 * x + 3);
  const doublings = ({ x }: Named) => {
    let y = x!;
    for (let i = 0; i < 50; i++) y = add(y, y);
    return y;
  };
  expect(grad(doublings)({ x: scalar(1) }).x!.item()).toBe(2 ** 50);
  const steps = [...backwardSteps(doublings, { x: scalar(1) })];
  expect(steps.filter(({ op }) => op === "add")).toHaveLength(50); // of 2^50 paths
});

claim("one-sweep-for-all-parameters", () => {
  // A Jacobian: one pullback gives a row, one jvp a column.
  const [n, m] = [4, 3];
  const w = normals(1, n, m);
  const f = ({ x }: Named) => ops.reshape(tanh(matmul(ops.reshape(x!, [1, n]), w)), [m]);
  const x = normals(2, n);
  const unit = (size: number, i: number) => tensor(new Float64Array(size).fill(1, i, i + 1), [size]);
  const { pullback } = vjp(f, { x });
  const byRows = Array.from({ length: m }, (_, i) => [...pullback(unit(m, i), i < m - 1).x!.data]);
  const byColumns = Array.from({ length: n }, (_, j) => [...jvp(f, { x }, { x: unit(n, j) }).tangent.data]);
  byRows.forEach((row, i) => {
    row.forEach((entry, j) => {
      expect(Math.abs(entry - byColumns[j]![i]!)).toBeLessThan(1e-12);
    });
  });
  // A loss of 4,810 parameters: one sweep; central differences need two evaluations for each.
  const { layers, forward } = perceptron([64, 64, 10], 5);
  expect(leaves(layers).reduce((total, p) => total + p.size, 0)).toBe(4810);
  const data = normals(6, 8, 64);
  const labels = Int32Array.from({ length: 8 }, (_, i) => i);
  let evaluations = 0;
  const loss = (p: typeof layers) => {
    evaluations++;
    return crossEntropy(forward(data, p, tanh), labels);
  };
  const { grads } = valueAndGrad(loss)(layers);
  expect(evaluations).toBe(1);
  expect(leaves(grads).map(({ shape }) => shape)).toEqual(leaves(layers).map(({ shape }) => shape));
});

claim("hessian-vector-products-without-a-hessian", () => {
  const n = 50;
  const b = normals(1, n, n);
  const a = add(b, transpose(b));
  const [x, v] = [normals(2, n), normals(3, n)];
  const quadratic = (p: Named) => mul(sum(mul(p.x!, ops.reshape(matmul(a, ops.reshape(p.x!, [n, 1])), [n]))), 0.5);
  const product = hvp(quadratic, { x }, { x: v }).x!;
  const expected = matmul(a, ops.reshape(v, [n, 1]));
  expect(relativeError(product.data, expected.data)).toBeLessThan(1e-12);
  // a network with tanh units: PyTorch, and the central difference of gradients
  const fixture = oracle<Fixture>().hessianProducts;
  const inputs = mapShapes(fixture.inputs);
  const [data, target] = [fromShape(fixture.x), fromShape(fixture.y)];
  const loss = (p: Named) => mean(square(sub(matmul(tanh(add(matmul(data, p.w1!), p.b1!)), p.w2!), target)));
  const direction = Object.fromEntries(
    Object.entries(inputs).map(([name, p]) => [name, tensor(Float64Array.from(fixture.v[name]!), p.shape)]),
  );
  const products = hvp(loss, inputs, direction);
  const h = 1e-5;
  const gradientAt = (t: number) =>
    grad(loss)(
      Object.fromEntries(Object.entries(inputs).map(([name, p]) => [name, add(p, mul(direction[name]!, t))])) as Named,
    );
  const [up, down] = [gradientAt(h), gradientAt(-h)];
  for (const [name, hv] of Object.entries(products)) {
    expect(relativeError(hv.data, fixture.products[name]!)).toBeLessThan(1e-12);
    expect(relativeError(hv.data, div(sub(up[name]!, down[name]!), 2 * h).data)).toBeLessThan(1e-6);
  }
  const { layers, forward } = perceptron([11, 17, 9, 4], 6);
  const score = (p: typeof layers) => sum(square(forward(normals(7, 3, 11), p, tanh)));
  const once = counts(() => grad(score)(layers)).multiplyAdds;
  const twice = counts(() => hvp(score, layers, layers)).multiplyAdds;
  expect(twice).toBeGreaterThan(once);
  expect(twice).toBeLessThan(3 * once);
});

claim("cross-entropy-from-logits-is-finite", () => {
  const labels = Int32Array.of(1, 0, 2, 1);
  const z = normals(4, 4, 3);
  const { grads } = valueAndGrad((p: Named) => crossEntropy(p.z!, labels))({ z });
  const p = ops.softmax(z);
  const expected = Float64Array.from(
    p.data,
    (value, at) => (value - (at % 3 === labels[Math.floor(at / 3)] ? 1 : 0)) / 4,
  );
  expect(relativeError(grads.z!.data, expected)).toBeLessThan(1e-15); // one or two roundings
  const far = tensor(Float64Array.of(1000, 0, -1000), [1, 3]);
  const fused = valueAndGrad((q: Named) => crossEntropy(q.z!, [2]))({ z: far });
  expect(fused.value.item()).toBe(2000);
  expect([...fused.grads.z!.data]).toEqual([1, 0, -1]);
  const composed = (q: Named) => {
    const powers = exp(q.z!);
    return ops.neg(sum(log(ops.slice(div(powers, sum(powers)), [0, 2], [1, 3]))));
  };
  const naive = valueAndGrad(composed)({ z: far });
  expect(Number.isFinite(naive.value.item())).toBe(false);
  expect([...naive.grads.z!.data].every(Number.isNaN)).toBe(true);
});

// ---- whole networks, against PyTorch and TensorFlow.js ----

interface Shaped {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Network {
  readonly inputs: Readonly<Record<string, Shaped>>;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly labels?: readonly number[];
}
interface Fixture {
  readonly mlp: Network;
  readonly cnn: Network;
  readonly lstm: Network;
  readonly transformerBlock: Network;
  readonly hessianProducts: {
    readonly inputs: Readonly<Record<string, Shaped>>;
    readonly x: Shaped;
    readonly y: Shaped;
    readonly v: Readonly<Record<string, readonly number[]>>;
    readonly products: Readonly<Record<string, readonly number[]>>;
  };
  readonly kinks: Readonly<Record<string, number | readonly number[]>>;
}

const fromShape = ({ shape, data }: Shaped) => tensor(Float64Array.from(data), shape);
const mapShapes = (inputs: Readonly<Record<string, Shaped>>): Named =>
  Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, fromShape(value)]));

const NETWORKS: Readonly<
  Record<"mlp" | "cnn" | "lstm" | "transformerBlock", (p: Named, labels: readonly number[]) => Tensor>
> = {
  mlp: (p, labels) =>
    crossEntropy(linear(tanh(linear(p.x!, { weight: p.w1!, bias: p.b1! })), { weight: p.w2!, bias: p.b2! }), labels),
  cnn: (p, labels) => {
    const first = ops.gelu(add(conv2d(p.x!, p.w1!, { padding: 1 }), p.b1!));
    const second = relu(conv2d(maxPool2d(first, 2), p.w2!, { stride: 2 }));
    return crossEntropy(matmul(mean(second, [1, 2]), p.dense!), labels);
  },
  lstm: (p) => {
    let [h, c] = [tensor(new Float64Array(18), [3, 6]), tensor(new Float64Array(18), [3, 6])];
    for (let t = 0; t < 5; t++) {
      const x = ops.reshape(ops.slice(p.x!, [t], [t + 1]), [3, 4]);
      const [i, f, g, o] = ops.split(add(add(matmul(x, p.wx!), matmul(h, p.wh!)), p.b!), 4);
      c = add(mul(ops.sigmoid(f!), c), mul(ops.sigmoid(i!), tanh(g!)));
      h = mul(ops.sigmoid(o!), tanh(c));
    }
    return mean(square(sub(h, p.target!)));
  },
  transformerBlock: (p) => {
    const heads = (x: Tensor) => transpose(ops.reshape(x, [2, 5, 2, 3]), [0, 2, 1, 3]);
    const mask = tensor(
      Float64Array.from({ length: 25 }, (_, at) => (at % 5 > Math.floor(at / 5) ? -Infinity : 0)),
      [5, 5],
    );
    const h = layerNorm(p.x!, { gain: p.gain1!, bias: p.bias1! });
    const [q, k, v] = [p.wq!, p.wk!, p.wv!].map((w) => heads(matmul(h, w)));
    const weights = ops.softmax(add(mul(matmul(q!, k!, { transposeB: true }), 1 / Math.sqrt(3)), mask));
    const mixed = ops.reshape(transpose(matmul(weights, v!), [0, 2, 1, 3]), [2, 5, 6]);
    const x = add(p.x!, matmul(mixed, p.wo!));
    return sum(ops.logSumExp(add(x, matmul(ops.gelu(matmul(rmsNorm(x, p.gain2!), p.w1!)), p.w2!))));
  },
};

claim("agrees-with-pytorch-and-tensorflow", () => {
  const fixture = oracle<Fixture>();
  for (const [name, network] of Object.entries(NETWORKS) as [keyof typeof NETWORKS, (typeof NETWORKS)["mlp"]][]) {
    const { inputs, loss, gradients, labels = [] } = fixture[name];
    const { value, grads } = valueAndGrad((p: Named) => network(p, labels))(mapShapes(inputs));
    expect(Math.abs(value.item() - loss) / Math.abs(loss), name).toBeLessThan(1e-12);
    for (const [input, expected] of Object.entries(gradients)) {
      // The sums are taken in another order; 1e-10 of the largest entry leaves room for that.
      expect(relativeError(grads[input]!.data, expected), `${name}, ${input}`).toBeLessThan(1e-10);
    }
  }
});

type TfTensor = ReturnType<TensorFlow["tensor"]>;

describe("a whole network against TensorFlow.js", () => {
  withTensorFlow("gradients agree to 1e-4 of the largest entry (float32 there)", (tf) => {
    const { inputs, labels } = oracle<Fixture>().mlp;
    const { grads } = valueAndGrad((p: Named) => NETWORKS.mlp(p, labels!))(mapShapes(inputs));
    const names = ["x", "w1", "b1", "w2", "b2"];
    const loss = (...xs: readonly TfTensor[]) => {
      const [x, w1, b1, w2, b2] = xs;
      const logits = tf.add(tf.matMul(tf.tanh(tf.add(tf.matMul(x!, w1!), b1!)), w2!), b2!);
      return tf.losses.softmaxCrossEntropy(tf.oneHot([...labels!], 5), logits) as TfTensor;
    };
    const theirs = tf.grads(loss)(names.map((name) => tf.tensor([...inputs[name]!.data], [...inputs[name]!.shape])));
    names.forEach((name, i) => {
      expect(relativeError(theirs[i]!.dataSync(), grads[name]!.data)).toBeLessThan(1e-4);
    });
  });
});

claim("kinks-have-conventions", () => {
  const kinks = oracle<Fixture>().kinks;
  const slopeAt = (f: (x: Tensor) => Tensor, ...at: number[]) => [
    ...grad(({ x }: Named) => sum(f(x!)))({ x: tensor(Float64Array.from(at)) }).x!.data,
  ];
  expect(slopeAt(relu, 0)).toEqual([0]);
  expect(slopeAt(ops.abs, 0)).toEqual([0]);
  expect(slopeAt((x) => ops.max(x), 2, 2, 1)).toEqual([0.5, 0.5, 0]);
  expect(kinks).toMatchObject({ "relu at 0": 0, "abs at 0": 0, "max of [2, 2, 1]": [0.5, 0.5, 0] });
  const pair = grad((p: Named) => sum(ops.maximum(p.a!, p.b!)))({ a: scalar(2), b: scalar(2) });
  expect([pair.a!.item(), pair.b!.item()]).toEqual(kinks["maximum of equals"]);
  // At a bound of clip torch gives 0 and TensorFlow.js gives 1: here it is 1.
  expect(kinks["clamp at a bound"]).toBe(0);
  expect(slopeAt((x) => ops.clip(x, 0, 1), 1, 0, 2)).toEqual([1, 1, 0]);
});

describe("kinks in TensorFlow.js", () => {
  withTensorFlow(
    "|x| has slope -1 at 0, each of equal maxima gets the whole adjoint, the first of two equal operands too",
    (tf) => {
      const at0 = tf.tensor1d([0]);
      expect([
        ...tf
          .grad((x) => tf.relu(x))(at0)
          .dataSync(),
      ]).toEqual([0]);
      expect([
        ...tf
          .grad((x) => tf.abs(x))(at0)
          .dataSync(),
      ]).toEqual([-1]);
      const pair = tf.grads((a, b) => tf.maximum(a, b))([tf.tensor1d([2]), tf.tensor1d([2])]);
      expect(pair.map((g) => [...g.dataSync()])).toEqual([[1], [0]]);
      const ties = tf.grad((x) => tf.max(x))(tf.tensor1d([2, 2, 1]));
      expect([...ties.dataSync()]).toEqual([1, 1, 0]);
      expect([
        ...tf
          .grad((x) => tf.clipByValue(x, 0, 1))(tf.tensor1d([1]))
          .dataSync(),
      ]).toEqual([1]);
    },
  );
});

claim("a-network-learns-digits", () => {
  const problem = digitsProblem({ batch: 64 });
  const step = (weights: readonly Floats[], slopes: readonly Floats[]) => {
    weights.forEach((w, k) => {
      for (let i = 0; i < w.length; i++) w[i]! -= 0.5 * slopes[k]![i]!;
    });
  };
  expect(problem.accuracy(problem.parameters)).toBeLessThan(0.3); // untrained
  const last = train({ ...problem, optimizer: { step }, steps: 600 })!;
  expect(last.loss).toBeLessThan(0.1);
  expect(problem.accuracy(problem.parameters)).toBeGreaterThan(0.96);
});

// ---- the tape ----

const anyTree = fc.letrec<{ tree: Tree; leaf: Tensor }>((tie) => ({
  leaf: fc
    .array(fc.double({ noNaN: true, min: -9, max: 9 }), { minLength: 1, maxLength: 4 })
    .map((xs) => tensor(Float64Array.from(xs))),
  tree: fc.oneof(
    { depthSize: "small" },
    tie("leaf"),
    fc.array(tie("tree"), { minLength: 1, maxLength: 3 }) as fc.Arbitrary<Tree>,
    fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie("tree"), { minKeys: 1, maxKeys: 3 }) as fc.Arbitrary<Tree>,
  ),
})).tree;

describe("valueAndGrad", () => {
  test("gradients come back in the arrangement of the inputs", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const total = (t: Tree) =>
          leaves(t)
            .map((x) => sum(square(x)))
            .reduce((a, b) => add(a, b));
        const { value, grads } = valueAndGrad(total)(tree);
        expect(leaves(grads).map((g) => [...g.data])).toEqual(
          leaves(tree).map((x) => Array.from(x.data, (v) => 2 * v)),
        );
        expect(JSON.stringify(mapTree(grads, () => value))).toBe(JSON.stringify(mapTree(tree, () => value)));
      }),
    );
  });

  test("an input that does not count gets zeros of its shape", () => {
    const { grads } = valueAndGrad((p: Named) => sum(p.a!))({ a: normals(1, 2), b: normals(2, 2, 3) });
    expect(grads.b!.shape).toEqual([2, 3]);
    expect([...grads.b!.data]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("is the end of backwardSteps, whose contributions add up to the adjoints", () => {
    const { layers, forward } = perceptron([4, 5, 3], 1);
    const x = normals(8, 6, 4);
    const loss = (p: typeof layers) => crossEntropy(forward(x, p, tanh), [0, 1, 2, 0, 1, 2]);
    const steps = backwardSteps(loss, layers);
    const received = new Map<number, number>();
    let step = steps.next();
    let last = Infinity;
    for (; !step.done; step = steps.next()) {
      const { index, parents, contributions, adjoint } = step.value;
      expect(index).toBeLessThan(last);
      last = index;
      if (received.has(index)) expect(sum(adjoint).item()).toBeCloseTo(received.get(index)!, 12);
      parents.forEach((parent, i) => {
        if (contributions[i]) received.set(parent, (received.get(parent) ?? 0) + sum(contributions[i]).item());
      });
    }
    const direct = valueAndGrad(loss)(layers);
    expect(leaves(step.value.grads).map(({ data }) => data)).toEqual(leaves(direct.grads).map(({ data }) => data));
  });

  test("of random programs, whose values are consumed any number of times: forward differentiation, which shares no code", () => {
    // Each step applies an operation to two earlier values; the tangents with respect to the inputs are carried along.
    const steps = fc.array(fc.tuple(fc.constantFrom("add", "sub", "mul", "neg", "reshape"), fc.nat(99), fc.nat(99)), {
      minLength: 1,
      maxLength: 14,
    });
    fc.assert(
      fc.property(steps, (program) => {
        const inputs = [0.7, -1.1, 0.4];
        const f = (xs: readonly Tensor[]) => {
          const values = [...xs];
          for (const [op, i, j] of program) {
            const [a, b] = [values[i % values.length]!, values[j % values.length]!];
            if (op === "neg") values.push(ops.neg(a));
            else if (op === "reshape") values.push(ops.reshape(a, [1]));
            else values.push({ add, sub, mul }[op as "add" | "sub" | "mul"](a, b));
          }
          return values.slice(-3).reduce((a, b) => add(a, b));
        };
        const values = inputs.map((value, k) => ({ value, tangent: inputs.map((_, i) => Number(i === k)) }));
        for (const [op, i, j] of program) {
          const [a, b] = [values[i % values.length]!, values[j % values.length]!];
          const along = (da: number, db: number) => a.tangent.map((t, k) => da * t + db * b.tangent[k]!);
          if (op === "add") values.push({ value: a.value + b.value, tangent: along(1, 1) });
          else if (op === "sub") values.push({ value: a.value - b.value, tangent: along(1, -1) });
          else if (op === "mul") values.push({ value: a.value * b.value, tangent: along(b.value, a.value) });
          else if (op === "neg") values.push({ value: -a.value, tangent: along(-1, 0) });
          else values.push({ value: a.value, tangent: along(1, 0) });
        }
        const expected = inputs.map((_, k) => values.slice(-3).reduce((total, { tangent }) => total + tangent[k]!, 0));
        const grads = grad(f)(inputs.map((x) => tensor(Float64Array.of(x)))).map((g) => g.item());
        // Some tens of roundings of numbers that partly cancel.
        grads.forEach((g, k) => {
          expect(Math.abs(g - expected[k]!)).toBeLessThan(1e-9 * Math.max(1, ...expected.map(Math.abs)));
        });
      }),
      { numRuns: 500 },
    );
  });

  test("an adjoint that two inputs receive is not changed by what one of them receives later", () => {
    // z = x + y is consumed twice, so that its adjoint is a sum; x has a further consumer, which the sweep meets after z.
    const f = ({ x, y }: Named) => {
      const w = exp(x!);
      const z = add(x!, y!);
      return add(mul(z, z), w);
    };
    const { x, y } = grad(f)({ x: scalar(1), y: scalar(2) });
    expect([x!.item(), y!.item()]).toEqual([6 + Math.E, 6]);
  });

  test("each gradient has an array of its own, so that one can be clipped without the others", () => {
    const { a, b } = grad((p: Named) => sum(add(p.a!, p.b!)))({ a: normals(1, 3), b: normals(2, 3) });
    expect(a!.data).toEqual(b!.data);
    expect(a!.data).not.toBe(b!.data);
    const u = normals(3, 2);
    const { pullback } = vjp((p: Named) => p.x!, { x: normals(4, 2) });
    expect(pullback(u, true).x!.data).toEqual(u.data);
    expect(pullback(u).x!.data).not.toBe(u.data);
    // and derivatives of such gradients still come through
    const slopes = grad((p: Named) => {
      const g = grad((q: Named) => square(add(q.a!, q.b!)))(p);
      return mul(g.a!, square(g.b!)); // (2(a + b))³
    })({ a: scalar(1), b: scalar(0.5) });
    expect([slopes.a!.item(), slopes.b!.item()]).toEqual([54, 54]);
  });

  test("inputs are unchanged, results are constants, and nothing is recorded afterwards", () => {
    const x = normals(1, 3);
    const before = x.data.slice();
    const { value, grads } = valueAndGrad((p: Named) => sum(exp(p.x!)))({ x });
    expect(x.data).toEqual(before);
    expect(value.node).toBeUndefined();
    expect(grads.x!.node).toBeUndefined();
    expect(isRecording()).toBe(false);
    expect(add(value, grads.x!).node).toBeUndefined();
  });

  test("calls nest: the derivative of a derivative", () => {
    const third = (x: number) => {
      const f = (p: Named) => mul(mul(p.x!, p.x!), mul(p.x!, p.x!));
      const first = (p: Named) => grad(f)(p).x!;
      const second = (p: Named) => grad(first)(p).x!;
      return grad(second)({ x: scalar(x) }).x!.item();
    };
    for (const x of [-1, 0.5, 3]) expect(third(x)).toBeCloseTo(24 * x, 10);
  });

  test("vjp nests: a pullback may be differentiated, and used twice", () => {
    const u = tensor(Float64Array.of(3, 5));
    const f = (p: Named) => {
      const { pullback } = vjp((q: Named) => mul(square(q.x!), q.x!), p); // u ↦ 3x²u
      return sum(add(pullback(u, true).x!, pullback(u).x!));
    };
    expect([...grad(f)({ x: tensor(Float64Array.of(1, 2)) }).x!.data]).toEqual([2 * 6 * 3, 2 * 6 * 2 * 5]);
  });

  test("nested steps name their nodes by the places on their own tape", () => {
    const trace = (p: Named) => {
      const y = square(p.x!);
      return [...backwardSteps((q: Named) => mul(sin(q.y!), q.y!), { y })].map(({ index, parents }) => [
        index,
        parents,
      ]);
    };
    const alone = trace({ x: scalar(2) });
    expect(alone).toEqual([
      [2, [1, 0]],
      [1, [0]],
      [0, []],
    ]);
    let nested: unknown;
    grad((p: Named) => {
      nested = trace(p);
      return p.x!;
    })({ x: scalar(2) });
    expect(nested).toEqual([...alone.slice(0, 2), [0, [-1]]]); // y comes from the outer tape
  });

  test("an inner gradient sees what the outer function tracks as a constant, and the outer one sees through it", () => {
    // f(y) = d/dx (x²y) at x = 3 = 6y, so that df/dy = 6
    const f = ({ y }: Named) => grad(({ x }: Named) => mul(mul(x!, x!), y!))({ x: scalar(3) }).x!;
    const { value, grads } = valueAndGrad(f)({ y: scalar(5) });
    expect([value.item(), grads.y!.item()]).toEqual([30, 6]);
  });

  test("the tape is closed when the function throws, and the next call works", () => {
    const broken = (p: Named) => matmul(p.x!, p.x!);
    expect(() => valueAndGrad(broken)({ x: normals(1, 2, 3) })).toThrow(RangeError);
    expect(isRecording()).toBe(false);
    expect(grad((p: Named) => sum(p.x!))({ x: normals(1, 2) }).x!.data).toEqual(Float64Array.of(1, 1));
  });
});

describe("vjp", () => {
  test("the pullback may be used again only if it was told to keep the tape", () => {
    const { value, pullback } = vjp((p: Named) => square(p.x!), { x: tensor(Float64Array.of(1, 2)) });
    expect(value.data).toEqual(Float64Array.of(1, 4));
    const u = tensor(Float64Array.of(1, 10));
    expect(pullback(u, true).x!.data).toEqual(Float64Array.of(2, 40));
    expect(pullback(u).x!.data).toEqual(Float64Array.of(2, 40));
    expect(() => pullback(u)).toThrow(
      new TypeError("pullback: its tape was freed by an earlier call; pass keep = true to all calls but the last"),
    );
  });

  test("the cotangent must fit", () => {
    const { pullback } = vjp((p: Named) => square(p.x!), { x: normals(1, 2, 3) });
    expect(() => pullback(normals(1, 3, 2))).toThrow(
      new TypeError("pullback: the cotangent must be 2×3 float64, got 3×2 float64"),
    );
  });
});

describe("jvp and hvp", () => {
  test("the tangent must fit", () => {
    expect(() => jvp((p: Named) => square(p.x!), { x: normals(1, 2, 3) }, { x: normals(1, 3, 2) })).toThrow(
      new TypeError("jvp: the tangent must be 2×3 float64, got 3×2 float64"),
    );
    expect(() => hvp((p: Named) => sum(square(p.x!)), { x: normals(1, 2) }, { x: tensor([1, 2]) })).toThrow(
      new TypeError("pullback: the cotangent must be 2 float64, got 2 float32"),
    );
  });

  test("work under noGrad too, as constants", () => {
    const f = (p: Named) => mul(square(p.x!), p.x!);
    const at = { x: scalar(2) };
    expect(noGrad(() => jvp(f, at, { x: scalar(1) })).tangent.item()).toBe(12);
    expect(noGrad(() => hvp(f, at, { x: scalar(1) })).x!.item()).toBe(12);
    const outer = (inner: (p: Named) => Tensor) =>
      grad((p: Named) =>
        mul(
          p.x!,
          noGrad(() => inner(p)),
        ),
      )(at).x!.item();
    expect(outer((p) => jvp(f, p, { x: scalar(1) }).tangent)).toBe(12);
    expect(outer((p) => jvp(f, p, { x: scalar(1) }).value)).toBe(8);
    expect(outer((p) => grad(f)(p).x!)).toBe(12);
    expect(outer((p) => valueAndGrad(f)(p).value)).toBe(8);
    expect(outer((p) => vjp(f, p).value)).toBe(8);
    const failing = (p: Named) => {
      expect(() => jvp((q: Named) => matmul(q.x!, q.x!), p, p)).toThrow(RangeError);
      return square(p.x!); // still a constant
    };
    expect(outer(failing)).toBe(4);
  });

  test("a function that does not depend on its input: zeros", () => {
    const constant = () => normals(1, 3);
    expect(jvp(constant, { x: scalar(2) }, { x: scalar(1) }).tangent.data).toEqual(new Float64Array(3));
    expect(hvp((p: Named) => sum(p.x!), { x: normals(1, 2) }, { x: normals(2, 2) }).x!.data).toEqual(
      new Float64Array(2),
    );
  });
});

describe("constants", () => {
  test("stopGradient and noGrad let no adjoint through", () => {
    const f = (p: Named) => mul(p.x!, stopGradient(p.x!));
    expect(grad(f)({ x: scalar(3) }).x!.item()).toBe(3);
    const g = (p: Named) =>
      mul(
        p.x!,
        noGrad(() => square(p.x!)),
      );
    expect(grad(g)({ x: scalar(3) }).x!.item()).toBe(9);
  });

  test("customVjp: a straight-through rounding, and recomputation inside a rule", () => {
    const round = customVjp(
      (x) => tensor(x.data.map(Math.round), x.shape),
      (g) => [g],
    );
    expect(grad((p: Named) => sum(mul(round(p.x!), 2)))({ x: normals(1, 3) }).x!.data).toEqual(
      Float64Array.of(2, 2, 2),
    );
    const block = (x: Tensor) => tanh(exp(x));
    const recomputed = customVjp(block, (g, [x]) => [vjp((p: Named) => block(p.x!), { x: x! }).pullback(g).x]);
    const x = normals(2, 4);
    const [plain, again] = [block, recomputed].map((f) => grad((p: Named) => sum(square(f(p.x!))))({ x }).x!.data);
    expect(again).toEqual(plain);
  });
});

describe("customVjp", () => {
  test("its output may be used by its rule and differentiated again", () => {
    const e = customVjp(
      (x) => tensor(x.data.map(Math.exp), x.shape),
      (g, _, y) => [mul(g, y)],
    );
    const x = tensor(Float64Array.of(0.5, -1));
    const v = tensor(Float64Array.of(1, 10));
    const product = hvp((p: Named) => sum(e(p.x!)), { x }, { x: v }).x!;
    expect([...product.data]).toEqual([Math.exp(0.5), 10 * Math.exp(-1)]);
  });

  test("a rule whose adjoint does not fit the input is named", () => {
    const f = customVjp(square, () => [tensor(Float64Array.of(1, 2))], "mine");
    expect(() => grad((p: Named) => sum(f(p.x!)))({ x: normals(1, 3) })).toThrow(
      new TypeError("mine: the adjoint of input 0 must be 3 float64, got 2 float64"),
    );
  });
});

describe("gradCheck", () => {
  test("directions of a large input, axes of a small one; the worst is named", () => {
    const wrong = customVjp(
      (x) => square(x),
      (g, [x]) => [mul(g, mul(x!, tensor(Float64Array.of(2, 2, 5), [3])))],
    );
    const f = (p: Named) => add(sum(square(p.a!)), sum(wrong(p.b!)));
    const inputs = { a: normals(1, 40), b: tensor(Float64Array.of(1, 2, 3)) };
    const { maxRelError, worst } = gradCheck(f, inputs);
    expect([worst.input, worst.index, worst.analytic]).toEqual([1, 2, 15]);
    expect(worst.numeric).toBeCloseTo(6, 8);
    expect(maxRelError).toBeCloseTo(9 / 15, 8);
    expect(gradCheck(f, inputs, { directions: 2 }).worst.input).toBe(1);
    expect(gradCheck((p: Named) => sum(square(p.a!)), { a: inputs.a }).maxRelError).toBeLessThan(1e-8);
  });

  test("NaN is the worst there is, wherever it stands", () => {
    const f = (p: Named) => sum(ops.sqrt(p.x!)); // to the left of 0 the root is NaN
    for (const at of [
      [0, 1, 2],
      [1, 0, 2],
      [1, 2, 0],
    ]) {
      const { maxRelError, worst } = gradCheck(f, { x: tensor(Float64Array.from(at)) });
      expect(maxRelError).toBeNaN();
      expect(worst.index).toBe(at.indexOf(0));
    }
  });

  test("the step and the number of directions must make sense", () => {
    const f = (p: Named) => sum(p.x!);
    expect(() => gradCheck(f, { x: normals(1, 2) }, { h: 0 })).toThrow(RangeError);
    expect(() => gradCheck(f, { x: normals(1, 2) }, { directions: 0 })).toThrow(RangeError);
  });
});

describe("bad input", () => {
  const message = (body: () => unknown) => {
    try {
      body();
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`;
    }
    return "nothing was thrown";
  };

  test.each<readonly [string, () => unknown]>([
    [
      "TypeError: valueAndGrad: the function must return a tensor with one entry, got shape 2×3",
      () => valueAndGrad((p: Named) => square(p.x!))({ x: normals(1, 2, 3) }),
    ],
    ["RangeError: add: shapes must broadcast, got 2×3 and 4", () => add(normals(1, 2, 3), normals(1, 4))],
    [
      "RangeError: matmul: the columns of A must be the rows of B, got 2×3 and 2×3",
      () => matmul(normals(1, 2, 3), normals(1, 2, 3)),
    ],
    [
      "RangeError: matmul: the columns of A must be the rows of B, got 2×3 transposed and 3×4",
      () => matmul(normals(1, 2, 3), normals(1, 3, 4), { transposeA: true }),
    ],
    [
      "TypeError: mul: operands must have one type, got 2 float64 and 2 float32",
      () => mul(normals(1, 2), tensor([1, 2])),
    ],
    ["TypeError: add: one operand must be a tensor, got two numbers", () => add(1, 2)],
    ["RangeError: gather: index 1 must be an integer in [0, 3], got 4", () => ops.gather(normals(1, 4, 2), [0, 4])],
    [
      "RangeError: takeAlongLast: index 0 must be an integer in [0, 2], got 1.5",
      () => crossEntropy(normals(1, 2, 3), [1.5, 0]),
    ],
    ["RangeError: reshape: 2×3 has 6 entries, which 4×-1 cannot hold", () => ops.reshape(normals(1, 2, 3), [4, -1])],
    ["RangeError: sum: axis must be an integer in [-2, 1] for shape 2×3, got 2", () => sum(normals(1, 2, 3), [2])],
    ["RangeError: tensor: data must hold the 6 numbers of shape 2×3, got 5", () => tensor([1, 2, 3, 4, 5], [2, 3])],
    ["RangeError: assign: values must have 2 entries, got 3", () => assign(normals(1, 2), [1, 2, 3])],
    [
      "TypeError: gradCheck: the inputs must be float64, got float32",
      () => gradCheck((p: Named) => sum(p.x!), { x: tensor([1]) }),
    ],
    ["TypeError: toMatrix: the tensor must have two axes, got 3", () => toMatrix(normals(1, 3))],
    ["TypeError: item: the tensor must have one entry, got shape 2", () => normals(1, 2).item()],
  ])("%s", (expected, body) => {
    expect(message(body)).toBe(expected);
  });

  test("a tensor of a tape that is gone", () => {
    let leaked: Tensor | undefined;
    grad((p: Named) => sum((leaked = square(p.x!))))({ x: normals(1, 2) });
    expect(message(() => grad((p: Named) => sum(mul(p.x!, leaked!)))({ x: normals(1, 2) }))).toBe(
      "TypeError: mul: the operand of shape 2 was computed under another tape, which was freed; " +
        "return it from the function, or make it a constant with stopGradient",
    );
    expect(grad((p: Named) => sum(mul(p.x!, stopGradient(leaked!))))({ x: normals(1, 2) }).x!.data).toEqual(
      leaked!.data,
    );
  });

  test("a tensor that is overwritten before the sweep needs it", () => {
    const f = (p: Named) => {
      const y = sum(square(p.x!));
      assign(p.x!, [0, 0]);
      return y;
    };
    expect(message(() => grad(f)({ x: normals(1, 2) }))).toBe(
      "TypeError: square: a tensor of shape 2 or one of its operands was overwritten before the sweep needed it",
    );
  });

  test("an output that is not finite is named where it first appears", () => {
    const f = (p: Named) => sum(exp(mul(log(p.x!), 2)));
    const x = tensor(Float64Array.of(1, -1), [2]);
    const body = () => valueAndGrad(f, { checkFinite: true })({ x });
    expect(message(body)).toBe("NonFiniteError: log: the output must be finite, got NaN at 1 of shape 2, from 2");
    expect(body).toThrow(NonFiniteError);
    const inner = () => valueAndGrad((p: Named) => sum(grad(f)(p).x!), { checkFinite: true })({ x });
    expect(inner).toThrow(NonFiniteError); // the check holds for calls inside too
    expect(valueAndGrad(f)({ x }).value.item()).toBeNaN(); // without the check NaN is the answer
  });
});

describe("tensors", () => {
  test("float32 unless float64 is asked for or given; typed arrays are not copied", () => {
    expect(tensor([0.1]).dtype).toBe("float32");
    expect(tensor([0.1], [1], "float64").data[0]).toBe(0.1);
    const data = Float32Array.of(1, 2);
    expect(tensor(data).data).toBe(data);
    expect(tensor(data, [2], "float64").dtype).toBe("float64");
  });

  test("to and from matrices", () => {
    const a = matrix([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(toRows(toMatrix(fromMatrix(a)))).toEqual(toRows(a));
    expect(fromMatrix(a).dtype).toBe("float32");
    expect(fromMatrix(a, "float64").data).not.toBe(a.data);
  });

  test("counts: nodes and the most that was kept", () => {
    const { nodes, peakSavedElements } = counts(() => grad((p: Named) => sum(square(p.x!)))({ x: normals(1, 2, 3) }));
    expect([nodes, peakSavedElements]).toEqual([3, 13]); // input 6, square 6, sum 1
    expect(counts(() => square(normals(1, 5))).nodes).toBe(0);
    const product = () => matmul(normals(1, 2, 3), normals(2, 3, 4));
    // A block that is recomputed by its rule meets a tape from which everything behind it has gone: 100 of the input, 100 of
    // the block, and the second tape's 100 and 8 times 100; not the 500 of the chain behind it.
    const chain = (x: Tensor, n: number) =>
      Array(n)
        .fill(0)
        .reduce<Tensor>((y) => tanh(y), x);
    const block = customVjp(
      (x) => chain(x, 8),
      (g, [x]) => [vjp((y: Tensor) => chain(y, 8), x!).pullback(g)],
    );
    const recomputed = () =>
      grad((x: Tensor) => {
        const y = block(x);
        chain(y, 3); // of no use, and gone as well
        return sum(chain(y, 5));
      })(normals(1, 100));
    expect(counts(recomputed).peakSavedElements).toBe(1100);
    let inner = 0;
    const outer = counts(() => {
      product();
      inner = counts(product).multiplyAdds;
    });
    const sizes = (n: number) => counts(() => grad((x: Tensor) => sum(square(x)))(normals(1, n))).peakSavedElements;
    expect(counts(() => [sizes(10), sizes(3)]).peakSavedElements).toBe(21);
    expect([inner, outer.multiplyAdds]).toEqual([24, 48]); // what is counted inside is counted outside too
  });
});
