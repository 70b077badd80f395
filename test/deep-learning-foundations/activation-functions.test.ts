import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { add, matmul, mean, mul, relu, square, sub, sum } from "../../src/autodiff/ops.js";
import {
  type ActivationName,
  activations,
  erf,
  type GateKind,
  gatedLinearUnit,
  gaussianMoments,
  varianceMapSteps,
} from "../../src/demos/deep-learning-foundations/activation-functions.js";
import {
  gradCheck,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { solve } from "../../src/demos/linear-algebra/determinant-and-volume.js";
import { matrix } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("deep-learning-foundations/activation-functions");
const names = Object.keys(activations) as ActivationName[];

interface Fixture {
  readonly points: readonly number[];
  readonly values: Readonly<Record<ActivationName, { readonly f: readonly number[]; readonly df: readonly number[] }>>;
  readonly moments: Readonly<
    Record<ActivationName, Readonly<Record<string, Record<"mean" | "second" | "slopeSecond", number>>>>
  >;
  readonly gated: Readonly<Record<"x" | "gate" | "up" | "down", readonly (readonly number[])[]>> & {
    readonly outputs: Readonly<Record<GateKind, readonly (readonly number[])[]>>;
  };
  readonly erf: { readonly x: readonly number[]; readonly y: readonly number[] };
  readonly minima: { readonly gelu: readonly number[]; readonly silu: readonly number[]; readonly lambertW: number };
  readonly torchTanhGain: number;
}

/** Where f is largest on [a, b], on a fine grid and then a finer one. */
function maximum(f: (x: number) => number, a: number, b: number): { x: number; value: number } {
  let best = { x: a, value: f(a) };
  for (let round = 0; round < 4; round++) {
    const step = (b - a) / 2000;
    for (let i = 0; i <= 2000; i++) {
      const x = a + i * step;
      if (f(x) > best.value) best = { x, value: f(x) };
    }
    [a, b] = [best.x - 2 * step, best.x + 2 * step];
  }
  return best;
}

const close = (a: number, b: number, tolerance: number) => expect(Math.abs(a - b)).toBeLessThanOrEqual(tolerance);

claim("gelu-approximations", () => {
  const { gelu, geluTanh, quickGelu } = activations;
  const tanhError = maximum((x) => Math.abs(geluTanh.f(x) - gelu.f(x)), 0, 6);
  expect(tanhError.value.toExponential(2)).toBe("4.73e-4");
  expect(tanhError.x.toFixed(2)).toBe("2.70");
  const quickError = maximum((x) => Math.abs(quickGelu.f(x) - gelu.f(x)), 0, 6);
  expect(quickError.value.toExponential(2)).toBe("2.03e-2");
  expect(quickError.x.toFixed(2)).toBe("2.27");
  // both errors are even in x
  for (const x of [0.5, 2.27, 2.7]) close(geluTanh.f(-x) - gelu.f(-x), geluTanh.f(x) - gelu.f(x), 1e-15);
});

claim("gelu-and-silu-have-minima", () => {
  const { minima } = oracle<Fixture>();
  const gelu = maximum((x) => -activations.gelu.f(x), -2, 0);
  expect([gelu.x.toFixed(6), (-gelu.value).toFixed(6)]).toEqual(["-0.751792", "-0.169971"]);
  close(-gelu.value, minima.gelu[1]!, 1e-12);
  const silu = maximum((x) => -activations.silu.f(x), -3, 0);
  expect([silu.x.toFixed(6), (-silu.value).toFixed(6)]).toEqual(["-1.278465", "-0.278465"]);
  close(silu.value, minima.lambertW, 1e-10); // −W(1/e)
  close(silu.x, -1 - minima.lambertW, 1e-5);
});

claim("largest-slopes", () => {
  const slope = (name: ActivationName) => maximum(activations[name].df, -5, 5);
  expect(slope("sigmoid").value).toBe(0.25);
  expect(slope("tanh").value).toBe(1);
  const gelu = slope("gelu");
  const phi = Math.exp(-1) / Math.sqrt(2 * Math.PI);
  close(gelu.value, 0.5 * (1 + erf(1)) + Math.SQRT2 * phi, 1e-12);
  expect([gelu.value.toFixed(6), gelu.x.toFixed(4)]).toEqual(["1.128904", Math.SQRT2.toFixed(4)]);
  expect(slope("silu").value.toFixed(6)).toBe("1.099839");
  expect(slope("silu").x.toFixed(4)).toBe("2.3994");
  expect(slope("mish").value.toFixed(4)).toBe("1.0885");
  expect((0.25 ** 20).toExponential(1)).toBe("9.1e-13");
});

claim("second-moments-and-gains", () => {
  const moments = (name: ActivationName) => gaussianMoments(name);
  close(moments("relu").second, 0.5, 1e-12);
  close(moments("gelu").second, 1 / 3 + 1 / (2 * Math.sqrt(3) * Math.PI), 1e-12);
  expect(["relu", "gelu", "silu", "tanh"].map((name) => moments(name as ActivationName).gain.toFixed(6))).toEqual([
    "1.414214",
    "1.533530",
    "1.676532",
    "1.592537",
  ]);
  expect(moments("silu").second.toFixed(6)).toBe("0.355776");
  expect(moments("tanh").second.toFixed(6)).toBe("0.394294");
  expect(oracle<Fixture>().torchTanhGain).toBeCloseTo(5 / 3, 12);
});

claim("selu-pulls-to-variance-one", () => {
  const at = (variance: number) => {
    const { mean: m, second } = gaussianMoments("selu", { variance });
    return { mean: m, variance: second - m * m };
  };
  close(at(1).mean, 0, 1e-10);
  close(at(1).variance, 1, 1e-10);
  const slope = (at(1 + 1e-5).variance - at(1 - 1e-5).variance) / 2e-5;
  expect(slope.toFixed(4)).toBe("0.7826");
  let variance = 1.5;
  for (let layer = 0; layer < 25; layer++) variance = at(variance).variance;
  close(variance, 1, 1e-3);
});

claim("relu-is-positively-homogeneous", () => {
  fc.assert(
    fc.property(fc.nat(999), fc.double({ min: 0.1, max: 10, noNaN: true }), (seed, c) => {
      const draw = random(seed);
      const normals = (...shape: number[]) =>
        tensor(Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw.normal), shape);
      const [x, w, b, v] = [normals(5, 3), normals(3, 4), normals(4), normals(4, 2)];
      const out = (p: { w: Tensor; b: Tensor; v: Tensor }) => matmul(relu(add(matmul(x, p.w), p.b)), p.v);
      const scaled = { w: mul(w, c), b: mul(b, c), v: mul(v, 1 / c) };
      const loss = (p: typeof scaled) => sum(square(out(p)));
      const [first, second] = [valueAndGrad(loss)({ w, b, v }), valueAndGrad(loss)(scaled)];
      const size = Math.max(1, first.value.item());
      close(second.value.item(), first.value.item(), 1e-12 * size);
      second.grads.w.data.forEach((g, i) => {
        close(g * c, first.grads.w.data[i]!, 1e-11 * size);
      });
      second.grads.v.data.forEach((g, i) => {
        close(g / c, first.grads.v.data[i]!, 1e-11 * size);
      });
    }),
    { numRuns: 50 },
  );
});

claim("a-dead-relu-never-moves", () => {
  const x = tensor(
    Float64Array.from({ length: 101 }, (_, i) => -2 + 0.04 * i),
    [101],
  );
  const target = relu(x);
  const fit = (slope: number) => {
    const p = { w: 1, b: -10, v: 1 };
    for (let step = 0; step < 5000; step++) {
      let [dw, db, dv] = [0, 0, 0];
      for (let i = 0; i < 101; i++) {
        const z = p.w * x.data[i]! + p.b;
        const h = z > 0 ? z : slope * z;
        const g = (2 / 101) * (p.v * h - target.data[i]!);
        dv += g * h;
        dw += g * p.v * (z > 0 ? 1 : slope) * x.data[i]!;
        db += g * p.v * (z > 0 ? 1 : slope);
      }
      p.w -= 0.05 * dw;
      p.b -= 0.05 * db;
      p.v -= 0.05 * dv;
    }
    let loss = 0;
    for (let i = 0; i < 101; i++) {
      const z = p.w * x.data[i]! + p.b;
      loss += (p.v * (z > 0 ? z : slope * z) - target.data[i]!) ** 2 / 101;
    }
    return { ...p, loss };
  };
  expect(fit(0)).toMatchObject({ w: 1, b: -10, v: 1 });
  expect(fit(0).loss.toFixed(2)).toBe("0.68");
  expect(fit(0.01).loss).toBeLessThan(0.2);
  // The engine's gradient there is exactly 0 as well.
  const scalar = (value: number) => tensor(Float64Array.of(value), []);
  const { grads } = valueAndGrad((p: Record<string, Tensor>) =>
    mean(square(sub(mul(relu(add(mul(x, p.w!), p.b!)), p.v!), target))),
  )({ w: scalar(1), b: scalar(-10), v: scalar(1) });
  expect([grads.w!.item(), grads.b!.item(), grads.v!.item()].every((g) => g === 0)).toBe(true);
});

claim("linear-depth-adds-nothing", () => {
  const { normal } = random(3);
  const layers = Array.from({ length: 10 }, () =>
    tensor(
      Float64Array.from({ length: 16 }, () => normal() / 2),
      [4, 4],
    ),
  );
  const x = tensor(Float64Array.from({ length: 12 }, normal), [3, 4]);
  const deep = layers.reduce((h, w) => matmul(h, w), x);
  const one = matmul(
    x,
    layers.reduce((a, w) => matmul(a, w)),
  );
  deep.data.forEach((value, i) => {
    close(value, one.data[i]!, 1e-12);
  });
  // XOR: the best affine model, by the normal equations, and an exact one with two ReLUs
  const inputs = [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ];
  const xor = [0, 1, 1, 0];
  const rows = inputs.map(([a, b]) => [a!, b!, 1]);
  const normalMatrix = [0, 1, 2].map((i) => [0, 1, 2].map((j) => rows.reduce((s, row) => s + row[i]! * row[j]!, 0)));
  const right = [0, 1, 2].map((i) => [rows.reduce((s, row, r) => s + row[i]! * xor[r]!, 0)]);
  const best = solve(matrix(normalMatrix), matrix(right));
  const error = rows.reduce(
    (s, row, r) => s + (row.reduce((t, v, i) => t + v * best.get(i, 0), 0) - xor[r]!) ** 2 / 4,
    0,
  );
  close(error, 0.25, 1e-12);
  const { f } = activations.relu;
  expect(inputs.map(([a, b]) => f(a! + b!) - 2 * f(a! + b! - 1))).toEqual(xor);
  expect([2 * 768 * 4 * 768, 3 * 768 * ((8 * 768) / 3)]).toEqual([4_718_592, 4_718_592]);
});

claim("values-agree-with-pytorch", () => {
  const { points, values } = oracle<Fixture>();
  for (const name of names) {
    const { f, df } = activations[name];
    points.forEach((x, i) => {
      // a few roundings of the result, and of the input where it is cancelled
      close(f(x), values[name].f[i]!, 1e-15 * Math.max(1, Math.abs(x)));
      close(df(x), values[name].df[i]!, 2e-15);
    });
  }
});

test("moments agree with SciPy's quadrature", () => {
  const { moments } = oracle<Fixture>();
  for (const name of names) {
    for (const variance of [1, 2.25]) {
      const { mean: m, second, slopeSecond, gain } = gaussianMoments(name, { variance });
      const expected = moments[name][String(variance === 1 ? 1 : variance)]!;
      for (const [mine, theirs] of [
        [m, expected.mean],
        [second, expected.second],
        [slopeSecond, expected.slopeSecond],
      ] as const) {
        close(mine, theirs, 1e-10);
      }
      close(gain, 1 / Math.sqrt(expected.second), 1e-10);
    }
  }
});

test("erf agrees with mpmath to 5e-16, is odd and monotone, and saturates", () => {
  const { x, y } = oracle<Fixture>().erf;
  x.forEach((at, i) => {
    close(erf(at), y[i]!, 5e-16);
    expect(erf(-at) + erf(at)).toBe(0);
  });
  expect([erf(Infinity), erf(-Infinity), erf(6), erf(0)]).toEqual([1, -1, 1, 0]);
  expect(erf(Number.NaN)).toBeNaN();
  expect(erf(1e-300) / 1e-300).toBeCloseTo(2 / Math.sqrt(Math.PI), 12);
});

describe("derivatives", () => {
  test.each(names)("%s: df is the slope of f", (name) => {
    const { f, df } = activations[name];
    fc.assert(
      fc.property(fc.double({ min: -20, max: 20, noNaN: true }), (x) => {
        fc.pre(Math.abs(x) > 1e-3); // away from kinks
        const h = 1e-5;
        close(df(x), (f(x + h) - f(x - h)) / (2 * h), 1e-8);
      }),
    );
  });

  test.each(names)("%s stays finite at ±1000 and passes NaN on", (name) => {
    const { f, df } = activations[name];
    for (const x of [-1000, 1000, -1e-320, 0]) expect(Number.isFinite(f(x)) && Number.isFinite(df(x))).toBe(true);
    expect(f(Number.NaN)).toBeNaN();
  });

  test.each(names)("%s has its limits at ±∞, not NaN", (name) => {
    const { f, df } = activations[name];
    for (const x of [-1e5, 1e5]) {
      const limit = Math.sign(x) * Infinity;
      const [value, slope] = [f(limit), df(limit)];
      expect(Number.isNaN(value) || Number.isNaN(slope)).toBe(false);
      close(slope, df(x), 1e-12);
      if (Number.isFinite(value)) close(value, f(x), 1e-12);
      else expect(Math.abs(f(x))).toBeGreaterThan(900);
    }
  });
});

describe("the variance map", () => {
  test("an activation's own gain keeps the size, a smaller one loses it", () => {
    const kept = [...varianceMapSteps("gelu", { depth: 20 })];
    expect(kept).toHaveLength(21);
    close(kept.at(-1)!.second, 1, 1e-9);
    const lost = [...varianceMapSteps("relu", { gain: 1, depth: 10 })];
    close(lost.at(-1)!.second, 2 ** -10, 1e-12);
    close(lost.at(-1)!.gradient, 2 ** -10, 1e-12);
  });

  test("agrees with a wide random network", () => {
    const { normal } = random(5);
    const width = 300;
    let h = Float64Array.from({ length: width }, normal);
    const { gain } = gaussianMoments("tanh");
    for (const { second } of varianceMapSteps("tanh", { depth: 4 })) {
      const measured = h.reduce((s, v) => s + v * v, 0) / width;
      expect(Math.abs(measured / second - 1)).toBeLessThan(0.35); // √(2/300) = 0.08 a layer, over five layers
      const y = h.map(activations.tanh.f);
      h = Float64Array.from({ length: width }, () =>
        y.reduce((s, v) => s + (v * gain * normal()) / Math.sqrt(width), 0),
      );
    }
  });
});

describe("gated units", () => {
  const { gated } = oracle<Fixture>();
  const tensors = [gated.x, gated.gate, gated.up, gated.down].map((a) =>
    tensor(Float64Array.from(a.flat()), [a.length, a[0]!.length]),
  );
  const [x, Wgate, Wup, Wdown] = tensors as [Tensor, Tensor, Tensor, Tensor];

  test.each(["glu", "reglu", "geglu", "swiglu"] as const)("%s agrees with PyTorch, and trains", (kind) => {
    const y = gatedLinearUnit(x, { Wgate, Wup, Wdown }, kind);
    gated.outputs[kind].flat().forEach((value, i) => {
      close(y.data[i]!, value, 1e-14);
    });
    const loss = (weights: { Wgate: Tensor; Wup: Tensor; Wdown: Tensor }) =>
      sum(square(gatedLinearUnit(x, weights, kind)));
    expect(gradCheck(loss, { Wgate, Wup, Wdown }).maxRelError).toBeLessThan(1e-6);
  });
});

withTensorFlow("TensorFlow.js has the same functions (float32 there)", (tf) => {
  const x = [-3, -1.3, -0.1, 0.2, 0.9, 4];
  for (const name of ["relu", "sigmoid", "tanh", "softplus", "selu", "elu"] as const) {
    const theirs = tf[name](tf.tensor1d(x)).dataSync();
    x.forEach((at, i) => {
      close(theirs[i]!, activations[name].f(at), 1e-5);
    });
  }
});

describe("bad input", () => {
  test.each<readonly [string, () => unknown]>([
    [
      "gaussianMoments: variance must be a finite number in (0, Infinity), got 0",
      () => gaussianMoments("relu", { variance: 0 }),
    ],
    [
      "gaussianMoments: variance must be a finite number in (0, Infinity), got NaN",
      () => gaussianMoments("relu", { variance: Number.NaN }),
    ],
    [
      "varianceMapSteps: depth must be an integer at least 0, got 1.5",
      () => [...varianceMapSteps("relu", { depth: 1.5 })],
    ],
    [
      "varianceMapSteps: gain must be a finite number in (0, Infinity), got -1",
      () => [...varianceMapSteps("relu", { gain: -1 })],
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("unknown names are listed", () => {
    expect(() => gaussianMoments("swish" as never)).toThrow(
      /^gaussianMoments: name must be one of 'relu', .*, got 'swish'$/,
    );
    expect(() => gatedLinearUnit(tensor([1], [1, 1]), {} as never, "gelu" as never)).toThrow(
      new RangeError("gatedLinearUnit: kind must be one of 'glu', 'reglu', 'geglu', 'swiglu', got 'gelu'"),
    );
  });
});
