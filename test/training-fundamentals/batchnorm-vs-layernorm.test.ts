import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchNorm as engineBatchNorm,
  layerNorm as engineLayerNorm,
  rmsNorm as engineRmsNorm,
} from "../../src/autodiff/layers.js";
import { fromMatrix, tensor, toMatrix } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  batchNorm,
  batchNormBackward,
  foldBatchNorm,
  groupNorm,
  groupNormBackward,
  layerNorm,
  normPlacement,
  rmsNorm,
  rmsNormBackward,
} from "../../src/demos/training-fundamentals/batchnorm-vs-layernorm.js";
import {
  column,
  type Matrix,
  matrix,
  matrixOver,
  maxAbsDifference,
  row,
  toRows,
  transpose,
} from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("training-fundamentals/batchnorm-vs-layernorm");

type Rows = number[][];
interface Case {
  readonly x: Rows;
  readonly dy: Rows;
  readonly gamma: number[];
  readonly beta: number[];
  readonly y: Rows;
  readonly dx: Rows;
  readonly dgamma: number[];
  readonly dbeta: number[];
  readonly runningMean: number[];
  readonly runningVar: number[];
}
interface Fixture extends Readonly<Record<"batch" | "evaluation" | "layer" | "group" | "rms", Case>> {
  readonly running: { readonly batches: Rows[]; readonly mean: number[]; readonly var: number[] };
  readonly images: { readonly x: Rows; readonly y: Rows };
}

function normals(seed: number, rows: number, columns: number, scale = 1): Matrix {
  const { normal } = random(seed);
  return matrixOver(
    Float64Array.from({ length: rows * columns }, () => scale * normal()),
    rows,
    columns,
  );
}
const mean = (x: Float64Array) => x.reduce((a, b) => a + b, 0) / x.length;
const variance = (x: Float64Array) => x.reduce((s, v) => s + (v - mean(x)) ** 2, 0) / x.length;
const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < b.length; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThanOrEqual(tolerance);
};
const sizes = fc.record({ seed: fc.nat(999), n: fc.integer({ min: 2, max: 6 }), d: fc.integer({ min: 2, max: 5 }) });

claim("variance-is-a-little-below-one", () => {
  fc.assert(
    fc.property(sizes, fc.constantFrom(1e-5, 1e-3, 0.5), ({ seed, n, d }, eps) => {
      const x = normals(seed, n, d, 2);
      const check = (raw: Float64Array, normed: Float64Array) => {
        expect(Math.abs(mean(normed))).toBeLessThan(1e-12);
        expect(Math.abs(variance(normed) - variance(raw) / (variance(raw) + eps))).toBeLessThan(1e-12);
      };
      const [batch, layer] = [batchNorm(x, { eps }).y, layerNorm(x, { eps }).y];
      for (let c = 0; c < d; c++) check(column(x, c), column(batch, c));
      for (let i = 0; i < n; i++) check(row(x, i), row(layer, i));
    }),
  );
});

claim("only-batch-norm-couples-examples", () => {
  const x = normals(1, 5, 4);
  const alone = matrix([row(x, 2)]);
  for (const norm of [layerNorm, rmsNorm, (a: Matrix) => groupNorm(a, 2)]) {
    expect(row(norm(x).y, 2)).toEqual(row(norm(alone).y, 0)); // bit for bit
  }
  const other = matrix([...toRows(normals(2, 4, 4)), [...row(x, 2)]]);
  close(row(batchNorm(x).y, 2), row(batchNorm(x).y, 2), 0);
  expect(
    Math.max(...row(batchNorm(x).y, 2).map((v, i) => Math.abs(v - row(batchNorm(other).y, 4)[i]!))),
  ).toBeGreaterThan(0.01);
  expect(row(batchNorm(x, { training: false }).y, 2)).toEqual(row(batchNorm(other, { training: false }).y, 4));
});

claim("gradients-agree-and-are-centred", () => {
  const { batch, evaluation, layer, group, rms } = oracle<Fixture>();
  const check = (fixture: Case, y: Matrix, g: { dx: Matrix; dgamma: Float64Array; dbeta?: Float64Array }) => {
    expect(maxAbsDifference(y, matrix(fixture.y))).toBeLessThan(1e-12);
    expect(maxAbsDifference(g.dx, matrix(fixture.dx))).toBeLessThan(1e-12);
    close(g.dgamma, fixture.dgamma, 1e-12);
    if (g.dbeta) close(g.dbeta, fixture.dbeta, 1e-12);
  };
  const [b, e] = [
    batchNorm(matrix(batch.x), { ...batch, eps: 1e-3 }),
    batchNorm(matrix(evaluation.x), { ...evaluation, training: false }),
  ];
  check(batch, b.y, batchNormBackward(matrix(batch.dy), b.cache));
  check(evaluation, e.y, batchNormBackward(matrix(evaluation.dy), e.cache));
  const [l, g, r] = [
    layerNorm(matrix(layer.x), layer),
    groupNorm(matrix(group.x), 3, group),
    rmsNorm(matrix(rms.x), { gamma: rms.gamma }),
  ];
  check(layer, l.y, groupNormBackward(matrix(layer.dy), l.cache));
  check(group, g.y, groupNormBackward(matrix(group.dy), g.cache));
  check(rms, r.y, rmsNormBackward(matrix(rms.dy), r.cache));
  fc.assert(
    fc.property(sizes, fc.constantFrom(0, 1e-3, 0.5), ({ seed, n, d }, eps) => {
      const [x, dy] = [normals(seed, n, d, 2), normals(seed + 1, n, d)];
      const gamma = row(normals(seed + 2, 1, d), 0);
      const { cache, variance: s2 } = batchNorm(x, { eps, gamma });
      const { dx } = batchNormBackward(dy, cache);
      for (let c = 0; c < d; c++) {
        const size = Math.max(1, ...column(dx, c).map(Math.abs));
        expect(Math.abs(column(dx, c).reduce((a, v) => a + v, 0))).toBeLessThan(1e-11 * size);
        const along = (a: Matrix) => column(a, c).reduce((sum, v, i) => sum + v * cache.xHat.get(i, c), 0);
        const expected = ((gamma[c]! / Math.sqrt(s2[c]! + eps)) * eps * along(dy)) / (s2[c]! + eps);
        expect(Math.abs(along(dx) - expected)).toBeLessThan(1e-10 * size * Math.max(1, Math.abs(expected)));
      }
    }),
  );
});

claim("running-statistics-in-two-conventions", () => {
  const x = matrix([[1], [3]]);
  const torch = batchNorm(x, { eps: 0 });
  close(torch.runningMean, [0.2], 1e-15);
  close(torch.runningVar, [1.1], 1e-15);
  expect([...torch.variance]).toEqual([1]);
  const keras = batchNorm(x, { momentum: 0.01, varianceForRunning: "biased" });
  close(keras.runningMean, [0.02], 1e-15);
  close(keras.runningVar, [1], 1e-15);
  const { batches, mean: expectedMean, var: expectedVar } = oracle<Fixture>().running;
  let state = { runningMean: [0, 0, 0] as ArrayLike<number>, runningVar: [1, 1, 1] as ArrayLike<number> };
  for (const batch of batches) state = batchNorm(matrix(batch), { ...state, momentum: 0.3 });
  close(state.runningMean, expectedMean, 1e-12);
  close(state.runningVar, expectedVar, 1e-12);
});

claim("how-long-the-average-takes", () => {
  const covered = (momentum: number, steps: number) => {
    let runningMean: ArrayLike<number> = [0];
    for (let t = 0; t < steps; t++)
      runningMean = batchNorm(matrix([[0.5], [1.5]]), { momentum, runningMean }).runningMean;
    return runningMean[0]!;
  };
  expect(covered(0.1, 100)).toBeCloseTo(1 - 0.9 ** 100, 12);
  expect((100 * covered(0.1, 100)).toFixed(3)).toBe("99.997");
  expect((100 * covered(0.01, 100)).toFixed(1)).toBe("63.4");
});

claim("the-scale-of-weights-does-not-matter", () => {
  const [x, W, dy] = [normals(1, 6, 3), normals(2, 3, 4), normals(3, 6, 4)];
  const at = (a: number) => {
    const scaledW = matrixOver(
      W.data.map((w) => a * w),
      3,
      4,
    );
    const { y, cache } = batchNorm(matmul(x, scaledW), { eps: 0 });
    const dW = matmul(transpose(x), batchNormBackward(dy, cache).dx);
    return { y, dW, radial: scaledW.data.reduce((s, w, i) => s + w * dW.data[i]!, 0) };
  };
  const [one, seven] = [at(1), at(7)];
  expect(maxAbsDifference(one.y, seven.y)).toBeLessThan(1e-12);
  expect(Math.abs(one.radial)).toBeLessThan(1e-12);
  one.dW.data.forEach((g, i) => {
    expect(Math.abs(seven.dW.data[i]! * 7 - g)).toBeLessThan(1e-9 * Math.max(1, Math.abs(g)));
  });
});

claim("the-norms-are-relatives", () => {
  const x = normals(4, 3, 6, 2);
  const centred = matrix(toRows(x).map((r) => r.map((v) => v - mean(Float64Array.from(r)))));
  expect(maxAbsDifference(rmsNorm(centred).y, layerNorm(x).y)).toBeLessThan(1e-12);
  expect(maxAbsDifference(rmsNorm(x).y, layerNorm(x).y)).toBeGreaterThan(0.05);
  expect(maxAbsDifference(groupNorm(x, 1).y, layerNorm(x).y)).toBe(0);
  // three channels of two pixels: a group for each is instance norm, every channel of every example by itself
  const instance = matrix(
    toRows(x).map((r) => [0, 2, 4].flatMap((c) => [...layerNorm(matrix([r.slice(c, c + 2)])).y.data])),
  );
  expect(maxAbsDifference(groupNorm(x, 3).y, instance)).toBeLessThan(1e-12);
});

claim("placement-of-the-norm", () => {
  const average = (depth: number, placement: "pre" | "post", of: (r: ReturnType<typeof normPlacement>) => number) =>
    Array.from({ length: 6 }, (_, seed) => of(normPlacement({ depth, placement, seed }))).reduce((a, b) => a + b) / 6;
  const last = (r: { gradNorms: Float64Array }) => r.gradNorms.at(-1)!;
  const stream = average(24, "pre", (r) => r.variances.at(-1)! / r.variances[0]!);
  expect(Math.abs(stream / 25 - 1)).toBeLessThan(0.1);
  const ratio = average(24, "pre", last) / average(6, "pre", last);
  expect(Math.abs(ratio / Math.sqrt(7 / 25) - 1)).toBeLessThan(0.1);
  expect(Math.sqrt(7 / 25).toFixed(3)).toBe("0.529");
  expect(Math.abs(average(24, "post", last) / average(6, "post", last) - 1)).toBeLessThan(0.05);
  expect(Math.abs(average(12, "post", (r) => r.skipGain) * 64 - 1)).toBeLessThan(0.05);
});

claim("folding-is-exact", () => {
  const [x, W] = [normals(1, 5, 3), normals(2, 3, 4)];
  const b = [0.1, -0.2, 0.3, 0.4];
  const bn = {
    gamma: [1, -2, 0.5, 3],
    beta: [0, 1, -1, 2],
    runningMean: [0.5, -1, 2, 0],
    runningVar: [0.1, 4, 1, 2],
    eps: 1e-3,
  };
  const plain = matrix(toRows(matmul(x, W)).map((r) => r.map((v, c) => v + b[c]!)));
  const expected = batchNorm(plain, { ...bn, training: false }).y;
  const folded = foldBatchNorm(W, b, bn);
  const once = matrix(toRows(matmul(x, folded.W)).map((r) => r.map((v, c) => v + folded.b[c]!)));
  expect(maxAbsDifference(once, expected)).toBeLessThan(1e-12);
});

test("pixels of images are rows of their channels, as in BatchNorm2d", () => {
  const { x, y } = oracle<Fixture>().images;
  expect(maxAbsDifference(batchNorm(matrix(x)).y, matrix(y))).toBeLessThan(1e-12);
});

test("the engine's layers agree", () => {
  const x = normals(5, 6, 4, 2);
  const [gain, bias] = [Float64Array.of(1, 2, -1, 0.5), Float64Array.of(0, 1, 2, 3)];
  const t = { gain: tensor(gain), bias: tensor(bias) };
  const input = fromMatrix(x, "float64");
  const options = { gamma: gain, beta: bias };
  expect(maxAbsDifference(toMatrix(engineBatchNorm(input, t)), batchNorm(x, options).y)).toBeLessThan(1e-12);
  expect(maxAbsDifference(toMatrix(engineLayerNorm(input, t)), layerNorm(x, options).y)).toBeLessThan(1e-12);
  expect(maxAbsDifference(toMatrix(engineRmsNorm(input, t.gain)), rmsNorm(x, { gamma: gain }).y)).toBeLessThan(1e-12);
});

withTensorFlow("TensorFlow.js' batch normalisation with given statistics agrees to 1e-5 (float32 there)", (tf) => {
  const { evaluation } = oracle<Fixture>();
  const [x, m, v, beta, gamma] = [
    tf.tensor2d(evaluation.x),
    ...[evaluation.runningMean, evaluation.runningVar, evaluation.beta, evaluation.gamma].map((a) => tf.tensor1d(a)),
  ];
  const y = tf.batchNorm(x as never, m as never, v as never, beta as never, gamma as never, 1e-5).dataSync();
  close(y, evaluation.y.flat(), 1e-4);
});

describe("bad input and extremes", () => {
  const x = normals(1, 3, 4);
  test.each<readonly [string, () => unknown]>([
    [
      "batchNorm: training needs at least two values in a channel, got 1: every output would be beta",
      () => batchNorm(normals(1, 1, 4)),
    ],
    ["batchNorm: eps must be a finite number in [0, Infinity), got -1", () => batchNorm(x, { eps: -1 })],
    ["batchNorm: momentum must be a finite number in [0, 1], got 1.5", () => batchNorm(x, { momentum: 1.5 })],
    [
      "batchNorm: runningVar[1] must be a finite number in [0, Infinity), got -2",
      () => batchNorm(x, { runningVar: [1, -2, 1, 1] }),
    ],
    ["batchNorm: gamma must have length 4, got 3", () => batchNorm(x, { gamma: [1, 2, 3] })],
    ["groupNorm: groups must divide the 4 columns, got 3", () => groupNorm(x, 3)],
    ["layerNorm: x must be finite, got NaN at (0, 0)", () => layerNorm(matrix([[Number.NaN, 1]]))],
    ["batchNormBackward: dy must be 3×4, got 2×4", () => batchNormBackward(normals(1, 2, 4), batchNorm(x).cache)],
    ["normPlacement: depth must be an integer at least 1, got 0", () => normPlacement({ depth: 0, placement: "pre" })],
    [
      "normPlacement: placement must be one of 'pre', 'post', got 'mid'",
      () => normPlacement({ placement: "mid" as never }),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("a constant row becomes beta, also with eps 0; inputs are unchanged; far from 0 no digits cancel", () => {
    expect([...layerNorm(matrix([[5, 5, 5]]), { beta: [1, 2, 3] }).y.data]).toEqual([1, 2, 3]);
    expect([...layerNorm(matrix([[5, 5, 5]]), { beta: [1, 2, 3], eps: 0 }).y.data]).toEqual([1, 2, 3]);
    const before = x.data.slice();
    batchNorm(x);
    layerNorm(x);
    expect(x.data).toEqual(before);
    expect(maxAbsDifference(layerNorm(matrix([[1e9, 1e9 + 2]])).y, layerNorm(matrix([[0, 2]])).y)).toBeLessThan(1e-6);
  });
});
