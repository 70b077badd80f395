import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchNorm as engineBatchNorm,
  batchNormWith as engineBatchNormWith,
  layerNorm as engineLayerNorm,
  rmsNorm as engineRmsNorm,
} from "../../src/autodiff/layers.js";
import { mul, sum as sumOf } from "../../src/autodiff/ops.js";
import {
  fromMatrix,
  type Tensor,
  tensor,
  toMatrix,
  valueAndGrad,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { matmul } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  type Batch,
  type BatchNorm,
  batchNorm,
  digitsWithNorm,
  foldBatchNorm,
  groupNorm,
  layerNorm,
  type Normalized,
  normBackward,
  normPlacement,
  rmsNorm,
} from "../../src/demos/training-fundamentals/batchnorm-vs-layernorm.js";
import {
  axesFigure,
  noiseFigure,
  placementFigure,
} from "../../src/figures/training-fundamentals/batchnorm-vs-layernorm.js";
import { images, imagesOver } from "../../src/lib/images.js";
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
const { abs, sqrt } = Math;

interface Case {
  readonly norm: "batch" | "evaluation" | "group" | "layer" | "RMS";
  readonly shape: readonly number[];
  readonly x: number[];
  readonly dy: number[];
  readonly y: number[];
  readonly dx: number[];
  readonly gamma: number[];
  readonly beta?: number[];
  readonly dgamma: number[];
  readonly dbeta?: number[];
  readonly runningMean?: number[];
  readonly runningVar?: number[];
  readonly groups?: number;
}
interface Fixture {
  readonly eps: number;
  readonly cases: readonly Case[];
  readonly running: readonly {
    readonly shape: readonly number[];
    readonly momentum: number;
    readonly batches: number[][];
    readonly mean: number[];
    readonly var: number[];
  }[];
  /** what training with a batch of one raises */
  readonly single: string;
  readonly affineOfImages: { readonly LayerNorm: number[]; readonly GroupNorm: number[] };
  readonly defaults: Readonly<Record<string, { readonly eps: number; readonly momentum?: number }>>;
}

function normals(seed: number, rows: number, columns: number, scale = 1): Matrix {
  const { normal } = random(seed);
  const data = Float64Array.from({ length: rows * columns }, () => scale * normal());
  return matrixOver(data, rows, columns);
}
function normalImages(seed: number, shape: readonly number[], scale = 1): Batch {
  const { normal } = random(seed);
  return imagesOver(
    Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => scale * normal()),
    shape,
  );
}
const total = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);
const mean = (x: ArrayLike<number>) => total(x) / x.length;
const variance = (x: ArrayLike<number>) => mean(Array.from(x, (v) => (v - mean(x)) ** 2));
const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < b.length; i++) {
    // positive form: NaN fails
    expect(abs(a[i]! - b[i]!) <= tolerance, `entry ${i}: ${a[i]} against ${b[i]}, tolerance ${tolerance}`).toBe(true);
  }
};
const shaped = (shape: readonly number[], data: readonly number[]): Batch =>
  shape.length === 2 ? matrixOver(Float64Array.from(data), shape[0]!, shape[1]!) : images(shape, data);
const sizes = fc.record({ seed: fc.nat(999), n: fc.integer({ min: 2, max: 6 }), d: fc.integer({ min: 2, max: 5 }) });
/** Channel c of images N×H×W×C, and example i. */
const channel = (x: Batch, c: number) => Array.from(x.data).filter((_, at) => at % x.shape.at(-1)! === c);
const example = (x: Batch, i: number) => x.data.slice((i * x.size) / x.shape[0]!, ((i + 1) * x.size) / x.shape[0]!);

const NORMS: Readonly<Record<Case["norm"], (x: Batch, options: Case & { eps: number }) => Normalized>> = {
  batch: batchNorm,
  evaluation: (x, options) => batchNorm(x, { ...options, training: false }),
  group: (x, options) => groupNorm(x, options.groups!, options),
  layer: layerNorm,
  RMS: rmsNorm,
};

claim("variance-is-a-little-below-one", () => {
  fc.assert(
    fc.property(sizes, fc.constantFrom(1e-5, 1e-3, 0.5), ({ seed, n, d }, eps) => {
      const check = (raw: ArrayLike<number>, normed: ArrayLike<number>) => {
        expect(abs(mean(normed))).toBeLessThan(1e-12);
        expect(abs(variance(normed) - variance(raw) / (variance(raw) + eps))).toBeLessThan(1e-12);
      };
      const x = normals(seed, n, d, 2);
      const [batch, layer] = [batchNorm(x, { eps }).y, layerNorm(x, { eps }).y];
      for (let c = 0; c < d; c++) check(column(x, c), column(batch, c));
      for (let i = 0; i < n; i++) check(row(x, i), row(layer, i));
      const pictures = normalImages(seed, [n, 2, 3, d], 2);
      const [overBatch, overImage] = [batchNorm(pictures, { eps }).y, layerNorm(pictures, { eps }).y];
      for (let c = 0; c < d; c++) check(channel(pictures, c), channel(overBatch, c));
      for (let i = 0; i < n; i++) check(example(pictures, i), example(overImage, i));
    }),
  );
});

claim("only-batch-norm-couples-examples", () => {
  const alike = (a: Batch, i: number, b: Batch, j: number) => expect(example(a, i)).toEqual(example(b, j)); // bit for bit
  const independent = [layerNorm, rmsNorm, (a: Batch) => groupNorm(a, 2), (a: Batch) => groupNorm(a, 4)];
  for (const x of [normals(1, 5, 4), normalImages(1, [5, 2, 3, 4])]) {
    const sizes = x.shape.slice(1);
    const alone = shaped([1, ...sizes], [...example(x, 2)]);
    for (const norm of independent) alike(norm(x).y, 2, norm(alone).y, 0);
    const strangers = shaped([4, ...sizes], [...normals(2, 4, x.size / 5).data]);
    const other = shaped([5, ...sizes], [...strangers.data, ...example(x, 2)]);
    const [here, there] = [batchNorm(x).y, batchNorm(other).y];
    expect(Math.max(...example(here, 2).map((v, i) => abs(v - example(there, 4)[i]!)))).toBeGreaterThan(0.01);
    alike(batchNorm(x, { training: false }).y, 2, batchNorm(other, { training: false }).y, 4);
  }
});

claim("gradients-agree-and-are-centred", () => {
  const { eps, cases } = oracle<Fixture>();
  expect(cases.length).toBe(14);
  for (const expected of cases) {
    const { y, cache } = NORMS[expected.norm](shaped(expected.shape, expected.x), { ...expected, eps });
    const { dx, dgamma, dbeta } = normBackward(shaped(expected.shape, expected.dy), cache);
    for (const output of [y, dx]) expect(output.shape).toEqual(expected.shape);
    // sums of at most 24 numbers of size 10; 1/σ up to 30
    close(y.data, expected.y, 1e-12);
    close(dx.data, expected.dx, 1e-11);
    close(dgamma, expected.dgamma, 1e-12);
    if (expected.dbeta) close(dbeta, expected.dbeta, 1e-12);
  }
  fc.assert(
    fc.property(sizes, fc.constantFrom(0, 1e-3, 0.5), ({ seed, n, d }, eps) => {
      const [x, dy] = [normals(seed, n, d, 2), normals(seed + 1, n, d)];
      const gamma = row(normals(seed + 2, 1, d), 0);
      const { cache, variance: s2 } = batchNorm(x, { eps, gamma });
      const { dx } = normBackward(dy, cache);
      const xHat = matrixOver(cache.xHat, n, d);
      for (let c = 0; c < d; c++) {
        const size = Math.max(1, ...column(dx, c).map(abs));
        expect(abs(total(column(dx, c)))).toBeLessThan(1e-11 * size);
        const along = (a: Matrix) => column(a, c).reduce((sum, v, i) => sum + v * xHat.get(i, c), 0);
        const expected = ((gamma[c]! / sqrt(s2[c]! + eps)) * eps * along(dy)) / (s2[c]! + eps);
        expect(abs(along(dx) - expected)).toBeLessThan(1e-10 * size * Math.max(1, abs(expected)));
      }
    }),
  );
});

claim("statistics-are-not-constants", () => {
  // L = Σ dy·y by central differences against (3), and against the shortcut that treats μ and σ² as constants
  const [x, dy, h] = [normals(3, 5, 3, 2), normals(4, 5, 3), 1e-5];
  const L = (data: Float64Array) => {
    const { y } = batchNorm(matrixOver(data, 5, 3));
    return y.data.reduce((sum, v, i) => sum + v * dy.data[i]!, 0);
  };
  const moved = (i: number, by: number) => x.data.map((v, j) => (i === j ? v + by : v));
  const numeric = x.data.map((_, i) => (L(moved(i, h)) - L(moved(i, -h))) / (2 * h));
  const { cache } = batchNorm(x);
  close(normBackward(dy, cache).dx.data, numeric, 1e-8); // truncation h², rounding 1e-16/h
  const shortcut = normBackward(dy, { ...cache, statistics: "none" }).dx.data;
  expect(Math.max(...shortcut.map((g, i) => abs(g - numeric[i]!)))).toBeGreaterThan(0.3);
  const sums = [0, 1, 2].map((c) => abs(total(column(matrixOver(shortcut, 5, 3), c))));
  expect(Math.max(...sums)).toBeGreaterThan(0.3);
});

claim("running-statistics-in-two-conventions", () => {
  const x = matrix([[1], [3]]);
  const torch = batchNorm(x, { eps: 0 });
  close(torch.runningMean, [0.2], 1e-15);
  close(torch.runningVar, [1.1], 1e-15);
  expect([...torch.mean, ...torch.variance]).toEqual([2, 1]);
  const keras = batchNorm(x, { momentum: 0.01, varianceForRunning: "biased" });
  close(keras.runningMean, [0.02], 1e-15);
  close(keras.runningVar, [1], 1e-15);
  for (const { shape, momentum, batches, mean: lastMean, var: lastVar } of oracle<Fixture>().running) {
    let state: Pick<BatchNorm, "runningMean" | "runningVar"> | undefined;
    for (const batch of batches) state = batchNorm(shaped(shape, batch), { ...state, momentum });
    close(state!.runningMean, lastMean, 1e-14);
    close(state!.runningVar, lastVar, 1e-14);
  }
  const still = batchNorm(x, { training: false, runningMean: [7], runningVar: [9] });
  expect([...still.runningMean, ...still.runningVar, ...still.mean, ...still.variance]).toEqual([7, 9, 7, 9]);
});

claim("how-long-the-average-takes", () => {
  const covered = (momentum: number, steps: number) => {
    let runningMean: ArrayLike<number> = [0];
    for (let t = 0; t < steps; t++) {
      runningMean = batchNorm(matrix([[0.5], [1.5]]), { momentum, runningMean }).runningMean;
    }
    return runningMean[0]!;
  };
  expect(covered(0.1, 100)).toBeCloseTo(1 - 0.9 ** 100, 12);
  expect((100 * covered(0.1, 100)).toFixed(3)).toBe("99.997");
  expect((100 * covered(0.01, 100)).toFixed(1)).toBe("63.4");
});

claim("the-scale-of-weights-does-not-matter", () => {
  const [x, W, dy] = [normals(1, 6, 3), normals(2, 3, 4), normals(3, 6, 4)];
  const at = (a: number) => {
    const scaledW = matrixOver(W.data.map((w) => a * w), 3, 4); // biome-ignore format: one call
    const { y, cache } = batchNorm(matmul(x, scaledW), { eps: 0 });
    const dW = matmul(transpose(x), normBackward(dy, cache).dx);
    return { y, dW, radial: scaledW.data.reduce((s, w, i) => s + w * dW.data[i]!, 0) };
  };
  const [one, seven] = [at(1), at(7)];
  expect(maxAbsDifference(one.y, seven.y)).toBeLessThan(1e-12);
  for (const { radial } of [one, seven]) expect(abs(radial)).toBeLessThan(1e-12);
  one.dW.data.forEach((g, i) => {
    expect(abs(seven.dW.data[i]! * 7 - g)).toBeLessThan(1e-9 * Math.max(1, abs(g)));
  });
});

claim("the-norms-are-relatives", () => {
  const x = normals(4, 3, 6, 2);
  const centred = matrix(toRows(x).map((r) => r.map((v) => v - mean(r))));
  expect(maxAbsDifference(rmsNorm(centred).y, layerNorm(x).y)).toBeLessThan(1e-12);
  expect(maxAbsDifference(rmsNorm(x).y, layerNorm(x).y)).toBeGreaterThan(0.05);
  expect(maxAbsDifference(groupNorm(x, 1).y, layerNorm(x).y)).toBe(0);
  const pictures = normalImages(5, [2, 3, 2, 4], 2);
  expect(groupNorm(pictures, 1).y.data).toEqual(layerNorm(pictures).y.data);
  // instance norm: every channel of every image is a batch norm of one image
  const instance = groupNorm(pictures, 4).y;
  for (const i of [0, 1]) {
    const alone = images([1, 3, 2, 4], example(pictures, i));
    close(example(instance, i), batchNorm(alone).y.data, 1e-12);
  }
});

claim("placement-of-the-norm", () => {
  const runs = (depth: number, placement: "pre" | "post") =>
    Array.from({ length: 4 }, (_, seed) => normPlacement({ depth, placement, seed }));
  const last = (results: ReturnType<typeof runs>) => mean(results.map(({ gradNorms }) => gradNorms.at(-1)!));
  const [pre24, pre6, post24, post6] = [runs(24, "pre"), runs(6, "pre"), runs(24, "post"), runs(6, "post")];
  const stream = mean(pre24.map(({ variances }) => variances[24]! / variances[0]!));
  expect(abs(stream / 25 - 1)).toBeLessThan(0.1);
  expect(sqrt(7 / 25).toFixed(3)).toBe("0.529");
  expect(abs(last(pre24) / last(pre6) / sqrt(7 / 25) - 1)).toBeLessThan(0.1);
  expect(abs(last(post24) / last(post6) - 1)).toBeLessThan(0.05);
  for (const { variances } of post24) close(variances.slice(1), new Float64Array(24).fill(1), 1e-12);
  expect(pre6.map(({ skipGain }) => skipGain)).toEqual([1, 1, 1, 1]);
  const gain = mean(runs(12, "post").map(({ skipGain }) => skipGain));
  expect(abs(gain * 64 - 1)).toBeLessThan(0.05);
});

test("normPlacement's defaults", () => {
  expect(normPlacement({ placement: "pre" })).toEqual(
    normPlacement({ placement: "pre", depth: 12, width: 256, seed: 0 }),
  );
});

test("normPlacement's gradients, by central differences of the loss", () => {
  // the loss of the same stack built from the exported norms, with the seed's own draws
  const [depth, width, seed, h] = [3, 5, 7, 1e-5];
  for (const placement of ["pre", "post"] as const) {
    const { normal } = random(seed);
    const weights = Array.from({ length: depth }, () =>
      Float64Array.from({ length: width ** 2 }, () => normal() / sqrt(width)),
    );
    const [start, target] = [0, 1].map(() => Float64Array.from({ length: width }, normal)) as [
      Float64Array,
      Float64Array,
    ];
    const norm = (x: Float64Array) => layerNorm(matrixOver(x, 1, width), { eps: 0 }).y.data;
    const times = (x: Float64Array, W: Float64Array) =>
      matmul(matrixOver(x, 1, width), matrixOver(W, width, width)).data;
    const loss = () => {
      let x = start.slice();
      for (const W of weights) {
        const through = times(placement === "pre" ? norm(x) : x, W);
        x = x.map((v, i) => v + through[i]!);
        if (placement === "post") x = norm(x).slice();
      }
      const end = placement === "pre" ? norm(x) : x;
      return end.reduce((sum, v, i) => sum + v * target[i]!, 0);
    };
    const expected = weights.map((W) =>
      Math.hypot(
        ...W.map((w, i) => {
          const [up, down] = [h, -h].map((by) => {
            W[i] = w + by;
            return loss();
          }) as [number, number];
          W[i] = w;
          return (up - down) / (2 * h);
        }),
      ),
    );
    close(normPlacement({ depth, width, placement, seed }).gradNorms, expected, 1e-7);
  }
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
  const plus = (a: Matrix, c: ArrayLike<number>) => matrix(toRows(a).map((r) => r.map((v, i) => v + c[i]!)));
  for (const options of [bn, { runningMean: bn.runningMean, runningVar: bn.runningVar }]) {
    const expected = batchNorm(plus(matmul(x, W), b), { ...options, training: false }).y;
    const folded = foldBatchNorm(W, b, options);
    expect(maxAbsDifference(plus(matmul(x, folded.W), folded.b), expected)).toBeLessThan(1e-12);
  }
  const turned = foldBatchNorm(transpose(normals(2, 4, 3)), b, bn); // a view folds like any matrix
  expect(maxAbsDifference(turned.W, foldBatchNorm(matrix(toRows(transpose(normals(2, 4, 3)))), b, bn).W)).toBe(0);
});

/** Networks trained in batches of 8, once for both claims. */
const eights = {
  batch: digitsWithNorm({ norm: "batch", batch: 8 }),
  layer: digitsWithNorm({ norm: "layer", batch: 8 }),
};

claim("digits-at-three-batch-sizes", () => {
  const accuracies = (batch: number, epochs: number) =>
    (["none", "batch", "layer"] as const).map((norm) => digitsWithNorm({ norm, batch, epochs }).accuracy) as [
      number,
      number,
      number,
    ];
  const [none, batch, layer] = accuracies(2, 2);
  expect(batch).toBeLessThan(Math.min(none, layer) - 0.05);
  expect(eights.batch.accuracy).toBeGreaterThan(eights.layer.accuracy);
  const [noneLarge, batchLarge, layerLarge] = accuracies(128, 4);
  expect(batchLarge).toBeGreaterThan(Math.max(noneLarge, layerLarge) + 0.02);
});

claim("training-mode-on-sorted-data", () => {
  const { batch, layer } = eights;
  expect(batch.accuracy).toBeGreaterThan(0.95);
  expect(batch.trainingMode).toBeGreaterThan(0.92);
  expect(batch.trainingModeSorted).toBeLessThan(0.35);
  const { accuracy, trainingMode, trainingModeSorted } = layer;
  expect([trainingMode, trainingModeSorted]).toEqual([accuracy, accuracy]);
});

test("digitsWithNorm: same seed, same bits; defaults are 128 images, 4 epochs, seed 0", () => {
  expect(digitsWithNorm({ norm: "layer" })).toEqual(digitsWithNorm({ norm: "layer", batch: 128, epochs: 4, seed: 0 }));
  expect(digitsWithNorm({ norm: "layer", seed: 1 })).not.toEqual(digitsWithNorm({ norm: "layer" }));
});

claim("two-examples-become-signs", () => {
  const { y } = batchNorm(normals(8, 2, 500, 3), { eps: 0 });
  for (const v of y.data) expect(abs(abs(v) - 1)).toBeLessThan(1e-12);
  for (let c = 0; c < 500; c++) expect(y.get(0, c) * y.get(1, c)).toBeLessThan(0);
  // the output for one and the same input, over many batches
  const spread = (size: number) => {
    const outputs = Array.from({ length: 2000 }, (_, seed) => {
      const { data } = normals(seed, size, 1);
      data[0] = 1;
      return batchNorm(matrixOver(data, size, 1)).y.get(0, 0);
    });
    return sqrt(variance(outputs));
  };
  expect(spread(128)).toBeLessThan(0.2);
  expect(spread(2)).toBeGreaterThan(0.6);
});

claim("epsilon-shows-at-small-variances", () => {
  const x = matrix([[0, 0.0632455532]]); // variance 1e-3
  const size = (eps: number) => abs(layerNorm(x, { eps }).y.get(0, 0));
  expect(size(1e-3)).toBeCloseTo(sqrt(0.5), 6);
  expect(size(1e-5)).toBeCloseTo(0.995, 3);
});

describe("the engine's layers agree", () => {
  const [n, d] = [6, 4];
  const [x, dy] = [normals(5, n, d, 2), normals(6, n, d)];
  const [gain, bias] = [Float64Array.of(1, 2, -1, 0.5), Float64Array.of(0, 1, 2, 3)];
  const [runningMean, runningVar] = [Float64Array.of(1, 0, -1, 2), Float64Array.of(1, 0.5, 2, 3)];
  const statistics = { mean: tensor(runningMean), variance: tensor(runningVar) };
  type Inputs = { readonly x: Tensor; readonly gain: Tensor; readonly bias: Tensor };
  test.each<[string, (t: Inputs) => Tensor, Normalized]>([
    ["batchNorm", (t) => engineBatchNorm(t.x, t), batchNorm(x, { gamma: gain, beta: bias })],
    [
      "batchNormWith",
      (t) => engineBatchNormWith(t.x, t, statistics),
      batchNorm(x, { gamma: gain, beta: bias, runningMean, runningVar, training: false }),
    ],
    ["layerNorm", (t) => engineLayerNorm(t.x, t), layerNorm(x, { gamma: gain, beta: bias })],
    ["rmsNorm", (t) => engineRmsNorm(t.x, t.gain), rmsNorm(x, { gamma: gain })],
  ])("%s, values and gradients", (name, engine, { y, cache }) => {
    const inputs: Inputs = { x: fromMatrix(x, "float64"), gain: tensor(gain), bias: tensor(bias) };
    const weights = fromMatrix(dy, "float64");
    expect(maxAbsDifference(toMatrix(engine(inputs)), y)).toBeLessThan(1e-12);
    const { grads } = valueAndGrad((t: Inputs) => sumOf(mul(engine(t), weights)))(inputs);
    const ours = normBackward(dy, cache);
    close(ours.dx.data, grads.x.data, 1e-12);
    close(ours.dgamma, grads.gain.data, 1e-12);
    if (name !== "rmsNorm") close(ours.dbeta, grads.bias.data, 1e-12);
  });
});

describe("TensorFlow.js, in float32", () => {
  withTensorFlow("batchNorm with given statistics", (tf) => {
    tf.tidy(() => {
      const { eps, cases } = oracle<Fixture>();
      for (const { shape, x, y, runningMean, runningVar, beta, gamma } of cases.filter(
        (c) => c.norm === "evaluation",
      )) {
        const [m, v, b, g] = [runningMean!, runningVar!, beta!, gamma].map((a) => tf.tensor1d(a));
        close(tf.batchNorm(tf.tensor(x, [...shape]), m!, v!, b!, g!, eps).dataSync(), y, 5e-6); // 7 digits of up to 20
      }
    });
  });

  withTensorFlow("tf.layers.batchNormalization: ε 1e-3, momentum 0.99, biased; a batch of one becomes β", (tf) => {
    const layer = tf.layers.batchNormalization();
    const call = (rows: number[][]) =>
      tf.tidy(() => (layer.apply(tf.tensor2d(rows), { training: true }) as { dataSync(): Float32Array }).dataSync());
    close(call([[1], [3]]), batchNorm(matrix([[1], [3]]), { eps: 1e-3 }).y.data, 1e-6);
    const [gamma, beta, movingMean, movingVariance] = layer.getWeights().map((w) => w.dataSync()[0]!);
    close([gamma!, beta!, movingMean!, movingVariance!], [1, 0, 0.02, 1], 1e-6);
    expect([...call([[5]])]).toEqual([0]);
    layer.dispose();
  });

  withTensorFlow("tf.layers.layerNormalization", (tf) => {
    const layer = tf.layers.layerNormalization({ epsilon: 1e-5 });
    const x = normals(2, 3, 5, 2);
    const y = tf.tidy(() => (layer.apply(tf.tensor2d(toRows(x))) as { dataSync(): Float32Array }).dataSync());
    close(layerNorm(x).y.data, y, 2e-6);
    layer.dispose();
  });
});

test("PyTorch's defaults are ours", () => {
  const { single, affineOfImages } = oracle<Fixture>();
  expect(single).toBe(
    "ValueError: Expected more than 1 value per channel when training, got input size torch.Size([1, 3])",
  );
  expect(affineOfImages).toEqual({ LayerNorm: [3, 2, 4], GroupNorm: [3] });
  const { BatchNorm1d, LayerNorm, GroupNorm } = oracle<Fixture>().defaults;
  expect([BatchNorm1d!.eps, BatchNorm1d!.momentum, LayerNorm!.eps, GroupNorm!.eps]).toEqual([1e-5, 0.1, 1e-5, 1e-5]);
  const x = normals(1, 3, 4);
  expect(batchNorm(x)).toEqual(
    batchNorm(x, {
      eps: 1e-5,
      momentum: 0.1,
      runningMean: [0, 0, 0, 0],
      runningVar: [1, 1, 1, 1],
      training: true,
      varianceForRunning: "unbiased",
    }),
  );
  for (const norm of [layerNorm, rmsNorm]) expect(norm(x)).toEqual(norm(x, { eps: 1e-5, gamma: [1, 1, 1, 1] }));
});

describe("invariants", () => {
  test("shifting and stretching a group changes nothing", () => {
    fc.assert(
      fc.property(
        sizes,
        fc.double({ min: 0.1, max: 50, noNaN: true }),
        fc.double({ min: -50, max: 50, noNaN: true }),
        ({ seed, n, d }, a, b) => {
          const x = normals(seed, n, d);
          const moved = matrixOver(x.data.map((v) => a * v + b), n, d); // biome-ignore format: one call
          const size = Math.max(1, ...layerNorm(x, { eps: 0 }).cache.scale, ...batchNorm(x, { eps: 0 }).cache.scale);
          for (const norm of [layerNorm, batchNorm]) {
            // digits lost to the shift, times 1/σ
            expect(maxAbsDifference(norm(moved, { eps: 0 }).y, norm(x, { eps: 0 }).y)).toBeLessThan(
              1e-11 * size * size,
            );
          }
        },
      ),
    );
  });

  test("batch norm of a permuted batch is the permuted output; of turned axes, layer norm", () => {
    const x = normals(9, 5, 3);
    const order = random(1).permutation(5);
    const permute = (a: Matrix) => matrix(Array.from(order, (i) => row(a, i)));
    expect(maxAbsDifference(batchNorm(permute(x)).y, permute(batchNorm(x).y))).toBeLessThan(1e-14);
    expect(maxAbsDifference(batchNorm(transpose(x)).y, transpose(layerNorm(x).y))).toBeLessThan(1e-14);
  });

  test("images are their pixels as rows, views are read as they are", () => {
    const x = normalImages(3, [2, 3, 2, 4]);
    const rows = matrixOver(x.data, 12, 4);
    expect(batchNorm(x).y.data).toEqual(batchNorm(rows).y.data);
    expect(batchNorm(x).y.shape).toEqual([2, 3, 2, 4]);
    const view = x.transpose(1, 0, 2, 3); // another order of the same numbers
    const back = batchNorm(view).y;
    for (const [n, i, j, c] of [
      [2, 1, 0, 3],
      [0, 1, 1, 2],
    ] as const) {
      // biome-ignore format: positions
      expect(abs(back.get(n, i, j, c) - batchNorm(x).y.get(i, n, j, c))).toBeLessThan(1e-14);
    }
  });

  test("inputs are unchanged", () => {
    const [x, dy] = [normals(1, 3, 4), normals(2, 3, 4)];
    const [gamma, runningMean, runningVar] = [1, 2, 3].map((k) => Float64Array.of(k, 1, 2, 3));
    const before = [x.data, dy.data, gamma, runningMean, runningVar].map((a) => a!.slice());
    for (const norm of [batchNorm, layerNorm, rmsNorm]) {
      const { cache } = norm(x, { gamma: gamma!, runningMean: runningMean!, runningVar: runningVar! });
      normBackward(dy, cache);
    }
    expect([x.data, dy.data, gamma, runningMean, runningVar]).toEqual(before);
  });
});

describe("extremes", () => {
  test("what does not vary becomes β, to the bit, also with ε = 0", () => {
    for (const value of [5, 0, -1e308, 0.1, 5e-324]) {
      for (const eps of [0, 1e-5]) {
        const constant = matrix([[value, value, value]]);
        expect([...layerNorm(constant, { beta: [1, 2, 3], eps }).y.data]).toEqual([1, 2, 3]);
        const { y, cache } = batchNorm(transpose(constant), { beta: [4], eps });
        expect([...y.data]).toEqual([4, 4, 4]);
        if (eps === 0) expect([...normBackward(y, cache).dx.data].map(abs)).toEqual([0, 0, 0]);
      }
    }
    expect([...rmsNorm(matrix([[0, 0]]), { eps: 0 }).y.data]).toEqual([0, 0]);
  });

  test("numbers whose squares leave the range of float64", () => {
    for (const unit of [1e-320, 1e-200, 1e-160, 1, 1e160, 1e200, 8e307]) {
      const x = matrix([[-unit, unit, -2 * unit, 2 * unit]]);
      const expected = [-1, 1, -2, 2].map((v) => v / sqrt(2.5));
      // denormal inputs have three digits
      close(layerNorm(x, { eps: 0 }).y.data, expected, unit < 1e-300 ? 1e-3 : 1e-15);
      close(rmsNorm(x, { eps: 0 }).y.data, expected, unit < 1e-300 ? 1e-3 : 1e-15);
      close(batchNorm(transpose(x), { eps: 0 }).y.data, expected, unit < 1e-300 ? 1e-3 : 1e-15);
      const { mean: mu, variance: s2 } = batchNorm(transpose(x));
      expect(mu[0]).toBe(0);
      if (unit <= 1e150 && unit >= 1e-150) expect(abs(s2[0]! / (2.5 * unit * unit) - 1)).toBeLessThan(1e-14);
    }
    // ε and what is returned have the units of x: a variance of 1e-300 beside an ε of 3e-300
    const small = transpose(matrix([[1e-150, 3e-150], [1, 2]])); // biome-ignore format: two channels
    const { y, mean: mu, variance: s2, cache: kept } = batchNorm(small, { eps: 3e-300 });
    for (const [value, expected] of [
      [y.get(0, 0), -1 / 2],
      [y.get(1, 0), 1 / 2],
      [mu[0]! / 1e-150, 2],
      [s2[0]! / 1e-300, 1],
      [kept.scale[0]! / 1e150, 1 / 2],
      [mu[1]!, 1.5], // the channel beside it is in units of its own
      [s2[1]!, 0.25],
      [y.get(1, 1), 1],
    ] as const) {
      expect(abs(value / expected - 1)).toBeLessThan(1e-14);
    }
    expect(layerNorm(matrix([[5e-324, -5e-324]]), { eps: 1e-291 }).y.get(0, 0) / (5e-324 / sqrt(1e-291))).toBeCloseTo(
      1,
      12,
    );
    expect(layerNorm(matrix([[0, 0]]), { eps: 1e-300 }).cache.scale[0]! / 1e150).toBeCloseTo(1, 12);
    const large = batchNorm(matrix([[2e200], [6e200]]));
    expect(abs(large.mean[0]! / 4e200 - 1)).toBeLessThan(1e-14);
    expect([large.variance[0], large.runningVar[0]]).toEqual([Infinity, Infinity]);
    // with another example out of range, what is tiny beside ε stays so
    const mixed = layerNorm(matrix([[1e200, -1e200], [1e-320, -1e-320]])); // biome-ignore format: two examples
    expect(mixed.y.get(1, 0)).toBe(layerNorm(matrix([[1e-320, -1e-320]])).y.get(0, 0));
    expect(mixed.y.get(1, 0)).toBeGreaterThan(0);
    // with ε nothing tiny is blown up
    close(layerNorm(matrix([[-1e-200, 1e-200]])).y.data, [-1e-200 / sqrt(1e-5), 1e-200 / sqrt(1e-5)], 1e-210);
    // 1/σ in the gradient has the units of x
    const { cache } = layerNorm(matrix([[1e200, -2e200, 3e200]]), { eps: 0 });
    const { cache: plain } = layerNorm(matrix([[1, -2, 3]]), { eps: 0 });
    const [scaled, unscaled] = [cache, plain].map((c) => normBackward(matrix([[1, 0, 0]]), c).dx.data);
    scaled!.forEach((g, i) => {
      expect(abs((g * 1e200) / unscaled![i]! - 1)).toBeLessThan(1e-14);
    });
  });

  test("far from 0 the digits of the differences are kept", () => {
    const near = layerNorm(matrix([[0, 2, 7]])).y;
    expect(maxAbsDifference(layerNorm(matrix([[2 ** 40, 2 ** 40 + 2, 2 ** 40 + 7]])).y, near)).toBeLessThan(1e-12);
  });

  const x = normals(1, 3, 4);
  const finite = "must be a finite number in";
  test.each<readonly [string, () => unknown]>([
    [
      "batchNorm: training needs at least two values in a channel, got 1: every output would be beta",
      () => batchNorm(normals(1, 1, 4)),
    ],
    [
      "batchNorm: training needs at least two values in a channel, got 1: every output would be beta",
      () => batchNorm(normalImages(1, [1, 1, 1, 4])),
    ],
    [`batchNorm: eps ${finite} [0, Infinity), got -1`, () => batchNorm(x, { eps: -1 })],
    [`batchNorm: momentum ${finite} [0, 1], got 1.5`, () => batchNorm(x, { momentum: 1.5 })],
    [`batchNorm: runningVar[1] ${finite} [0, Infinity), got -2`, () => batchNorm(x, { runningVar: [1, -2, 1, 1] })],
    ["batchNorm: runningMean must have length 4, got 2", () => batchNorm(x, { runningMean: [1, -2] })],
    ["batchNorm: gamma must have length 4, got 3", () => batchNorm(x, { gamma: [1, 2, 3] })],
    ["batchNorm: beta must be finite, got NaN at 1", () => batchNorm(x, { beta: [1, Number.NaN, 3, 4] })],
    [
      "batchNorm: varianceForRunning must be one of 'unbiased', 'biased', got 'n'",
      () => batchNorm(x, { varianceForRunning: "n" as "biased" }),
    ],
    ["groupNorm: groups must divide the 4 channels, got 3", () => groupNorm(x, 3)],
    ["groupNorm: groups must be an integer in [1, 4], got 5", () => groupNorm(x, 5)],
    ["layerNorm: x must be finite, got NaN at 0", () => layerNorm(matrix([[Number.NaN, 1]]))],
    ["rmsNorm: x must be finite, got Infinity at 3", () => rmsNorm(images([1, 1, 2, 2], [1, 2, 3, Infinity]))],
    ["layerNorm: x must not be empty, got 0×3", () => layerNorm(matrixOver(new Float64Array(0), 0, 3))],
    [`rmsNorm: eps ${finite} [0, Infinity), got NaN`, () => rmsNorm(x, { eps: Number.NaN })],
    ["normBackward: dy must be 3×4, got 2×4", () => normBackward(normals(1, 2, 4), batchNorm(x).cache)],
    [
      "normBackward: dy must be finite, got NaN at 0",
      () => normBackward(matrix([[Number.NaN, 1]]), layerNorm(matrix([[1, 2]])).cache),
    ],
    [
      "foldBatchNorm: b must have length 4, got 1",
      () => foldBatchNorm(x, [1], { runningMean: [0, 0, 0, 0], runningVar: [1, 1, 1, 1] }),
    ],
    [
      `foldBatchNorm: runningVar[3] ${finite} [0, Infinity), got -1`,
      () => foldBatchNorm(x, [0, 0, 0, 0], { runningMean: [0, 0, 0, 0], runningVar: [1, 1, 1, -1] }),
    ],
    ["normPlacement: depth must be an integer at least 1, got 0", () => normPlacement({ depth: 0, placement: "pre" })],
    ["normPlacement: width must be an integer at least 2, got 1", () => normPlacement({ width: 1, placement: "pre" })],
    [
      "normPlacement: placement must be one of 'pre', 'post', got 'mid'",
      () => normPlacement({ placement: "mid" as "pre" }),
    ],
    [
      "digitsWithNorm: norm must be one of 'none', 'batch', 'layer', got 'RMS'",
      () => digitsWithNorm({ norm: "RMS" as "none" }),
    ],
    ["digitsWithNorm: batch must be an integer in [2, 1437], got 1", () => digitsWithNorm({ norm: "batch", batch: 1 })],
    ["digitsWithNorm: epochs must be an integer at least 1, got 0", () => digitsWithNorm({ norm: "none", epochs: 0 })],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("what is no batch", () => {
    for (const wrong of [[[1, 2]], undefined, { data: new Float32Array(2), shape: [1, 2] }]) {
      expect(() => batchNorm(wrong as unknown as Batch)).toThrow(
        new TypeError("batchNorm: x must be an ndarray of Float64Array, n×C or N×H×W×C"),
      );
    }
  });
});

describe("figures say what is computed", () => {
  const titleOf = (spec: object) => (spec as { title: { text: string } }).title.text;

  test("how many numbers share their statistics", () => {
    const counts = (["batch", "layer", "RMS", "instance", "group"] as const).map((norm) =>
      titleOf(axesFigure.draw({ norm, groups: "3" })),
    );
    expect(counts).toEqual([
      "batch norm: 16 of 96 numbers share their statistics",
      "layer norm: 24 of 96 numbers share their statistics",
      "RMS norm: 24 of 96 numbers share their statistics",
      "instance norm: 4 of 96 numbers share their statistics",
      "group norm, 3 groups: 8 of 96 numbers share their statistics",
    ]);
    const cells = (
      axesFigure.draw({ norm: "group", groups: "2", channel: 4, example: 3 }) as unknown as {
        data: { values: { column: number; example: number; kind: string }[] };
      }
    ).data.values;
    const marked = cells.filter(({ kind }) => kind !== "others");
    expect(marked.every(({ example, column }) => example === 3 && column >= 3 * 5)).toBe(true);
    expect(marked).toHaveLength(12);
  });

  test("the noise, and the stack", () => {
    expect(titleOf(noiseFigure.draw({ batch: "2" }))).toMatch(
      /^Batches of 2: -?\d\.\d\d ± \d\.\d\d for the same input$/,
    );
    const pre = normPlacement({ depth: 24, width: 64, placement: "pre" }).gradNorms.at(-1)!;
    expect(titleOf(placementFigure.draw())).toContain(`Last sublayer: ${pre.toFixed(1)} with pre-norm`);
  });
});
