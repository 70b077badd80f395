import { readFileSync } from "node:fs";
import type { Tensor4D, Tensor as TfTensor } from "@tensorflow/tfjs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as engine from "../../src/autodiff/convolution.js";
import { digitsData } from "../../src/autodiff/digits.js";
import { sum } from "../../src/autodiff/ops.js";
import {
  avgPool2dDirect,
  type Cnn,
  type CnnArchitecture,
  type ConvOptions,
  cnnAccuracy,
  cnnLogits,
  conv2dDirect,
  convSteps,
  convTranspose2dDirect,
  countParameters,
  DIGITS_CNN,
  effectiveField,
  type FieldLayer,
  featureMaps,
  filters,
  gaussian1d,
  initCnn,
  type LabelledImages,
  layerCost,
  maxPool2dDirect,
  permutePixels,
  receptiveField,
  rollImages,
  separableConv,
  trainCnn,
  trainCnnSteps,
} from "../../src/demos/computer-vision/convolutional-networks.js";
import { conv2dIm2col } from "../../src/demos/computer-vision/im2col.js";
import {
  grad,
  NonFiniteError,
  type Tensor,
  tensor,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { drawFilters, drawMaps, figures, NETWORKS } from "../../src/figures/computer-vision/convolutional-networks.js";
import { svg } from "../../src/jupyter/index.js";
import { loadGreyPhotograph } from "../../src/lib/data.js";
import { contiguous, type Images, images } from "../../src/lib/images.js";
import { norm } from "../../src/lib/matrix.js";
import { loadMnist } from "../../src/lib/mnist.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("computer-vision/convolutional-networks");

interface Fixture {
  readonly x: readonly number[];
  readonly filters: readonly { readonly kernel: number; readonly groups: number; readonly w: readonly number[] }[];
  readonly convolutions: readonly (readonly [options: number[], shape: number[], sums: number[]])[];
  readonly circular: readonly {
    readonly options: ConvOptions;
    readonly kernel: number;
    readonly y: readonly number[];
  }[];
  readonly transposes: readonly {
    readonly options: { stride: number; padding: number; dilation: number; groups: number };
    readonly w: readonly number[];
    readonly filterShape: readonly number[];
    readonly y: readonly number[];
    readonly shape: readonly number[];
    readonly x: readonly number[];
  }[];
  readonly pools: readonly {
    readonly kernel: number;
    readonly options: { stride: number; padding: number };
    readonly max: readonly number[];
    readonly mean: readonly number[];
  }[];
  readonly paddingCounted: number;
  readonly same: readonly { readonly kernel: number; readonly y: readonly number[] }[];
  readonly network: {
    readonly images: readonly number[];
    readonly labels: readonly number[];
    readonly parameters: readonly (readonly number[])[];
    readonly shapes: readonly (readonly number[])[];
    readonly logits: readonly (readonly number[])[];
    readonly globalMax: readonly (readonly number[])[];
  };
  readonly scipy: Readonly<Record<"image" | "kernel" | "correlate2d" | "convolve2dTurned", readonly number[][]>> &
    Readonly<Record<"sobelX" | "sobelY" | "gaussian" | "laplacian", readonly number[]>>;
}
const fixture = oracle<Fixture>();

/** Normal numbers as images. */
function normals(seed: number, ...shape: number[]): Images {
  const { normal } = random(seed);
  return images(shape, Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, normal));
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((total, v, i) => total + v * b[i]!, 0);
const asTensor = (x: Images) => tensor(contiguous(x), x.shape);
const X = images([2, 9, 11, 4], fixture.x);
const filtersOf = (kernel: number, groups: number) =>
  images([kernel, kernel, 4 / groups, 8], fixture.filters.find((f) => f.kernel === kernel && f.groups === groups)!.w);

/** The image rolled: pixel (i, j) goes to (i + down, j + right). */
function rolled(x: Images, right: number, down = 0): Images {
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const y = images(x.shape, new Float64Array(x.size));
  for (let a = 0; a < n; a++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const [row, column] = [(i + down + 9 * height) % height, (j + right + 9 * width) % width];
        for (let c = 0; c < channels; c++) y.set(a, row, column, c, x.get(a, i, j, c));
      }
    }
  }
  return y;
}

const photograph = () => {
  const { pixels, height, width } = loadGreyPhotograph();
  return images([1, height, width, 1], pixels.data);
};

const layers = fc.record({
  seed: fc.nat(999),
  shape: fc.tuple(
    fc.integer({ min: 1, max: 2 }),
    fc.integer({ min: 5, max: 7 }),
    fc.integer({ min: 5, max: 9 }),
    fc.integer({ min: 1, max: 3 }),
  ),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constant("same" as const)),
  dilation: fc.integer({ min: 1, max: 2 }),
  groups: fc.integer({ min: 1, max: 3 }),
  perGroup: fc.integer({ min: 1, max: 2 }),
});

claim("direct-im2col-and-engine-agree", () => {
  expect(fixture.convolutions).toHaveLength(270);
  for (const [[kernel, stride, padding, dilation, groups], shape, sums] of fixture.convolutions) {
    const options = { stride: stride!, padding: padding!, dilation: dilation!, groups: groups! };
    const y = conv2dDirect(X, filtersOf(kernel!, groups!), options);
    expect(y.shape, JSON.stringify(options)).toEqual(shape);
    const out = (size: number) => Math.floor((size + 2 * padding! - dilation! * (kernel! - 1) - 1) / stride!) + 1;
    expect(y.shape.slice(1, 3)).toEqual([out(9), out(11)]);
    const waves = [() => 1, (i: number) => Math.cos(i), (i: number) => Math.cos(0.37 * i + 1)];
    waves.forEach((wave, s) => {
      // A sum of up to 2,500 numbers of size 10, where 1e-12 is asked of each.
      const total = y.data.reduce((partial, value, i) => partial + value * wave(i), 0);
      expect(Math.abs(total - sums[s]!), JSON.stringify(options)).toBeLessThan(1e-10);
    });
  }
  for (const { options, kernel, y } of fixture.circular) {
    const mine = conv2dDirect(X, filtersOf(kernel, 1), { ...options, padding: "circular" });
    expect(largestDifference(mine.data, y), JSON.stringify(options)).toBeLessThan(1e-12);
  }
  for (const { kernel, y } of fixture.same) {
    expect(largestDifference(conv2dDirect(X, filtersOf(kernel, 1), { padding: "same" }).data, y)).toBeLessThan(1e-12);
  }
  fc.assert(
    fc.property(layers, ({ seed, shape: [n, h, w, c], kernel, groups, perGroup, ...options }) => {
      const x = normals(seed, n, h, w, c * groups);
      const filter = normals(seed + 1, ...kernel, c, perGroup * groups);
      const y = conv2dDirect(x, filter, { ...options, groups });
      const others = [
        conv2dIm2col(x, filter, { ...options, groups }),
        engine.conv2d(asTensor(x), asTensor(filter), { ...options, groups }),
      ];
      for (const other of others) {
        expect(other.shape).toEqual(y.shape);
        expect(largestDifference(y.data, other.data)).toBeLessThan(1e-12); // at most 27 terms of size 1
      }
    }),
  );
});

claim("cross-correlation-not-convolution", () => {
  const { image, kernel, correlate2d, convolve2dTurned, sobelX, sobelY, gaussian, laplacian } = fixture.scipy;
  const y = conv2dDirect(images([1, 7, 9, 1], image.flat()), images([3, 4, 1, 1], kernel.flat()));
  expect(largestDifference(y.data, correlate2d.flat())).toBeLessThan(1e-13);
  expect(largestDifference(y.data, convolve2dTurned.flat())).toBeLessThan(1e-13);
  // A ramp a·x + b·y has slopes a and b; the Sobel filters give 8 times these, exactly for integers.
  const ramp = images(
    [1, 6, 7, 1],
    Float64Array.from({ length: 42 }, (_, at) => 3 * (at % 7) - 5 * Math.floor(at / 7)),
  );
  expect(new Set(conv2dDirect(ramp, filters.sobelX()).data)).toEqual(new Set([24]));
  expect(new Set(conv2dDirect(ramp, filters.sobelY()).data)).toEqual(new Set([-40]));
  expect(conv2dDirect(ramp, filters.laplacian()).data.every((value) => value === 0)).toBe(true);
  // The classical filters on the photograph, in SciPy's own forms: column sums.
  const { pixels } = loadGreyPhotograph();
  const corner = Float64Array.from({ length: 2000 }, (_, at) => pixels.get(Math.floor(at / 50), at % 50));
  const photo = images([1, 40, 50, 1], corner);
  const columnSums = (z: Images) =>
    Array.from({ length: z.shape[2]! }, (_, j) => {
      let total = 0;
      for (let i = 0; i < z.shape[1]!; i++) total += z.get(0, i, j, 0);
      return total;
    });
  const circular = { padding: "circular" } as const;
  expect(largestDifference(columnSums(conv2dDirect(photo, filters.sobelX())), sobelX)).toBeLessThan(1e-12);
  expect(largestDifference(columnSums(conv2dDirect(photo, filters.sobelY())), sobelY)).toBeLessThan(1e-12);
  expect(largestDifference(columnSums(conv2dDirect(photo, filters.gaussian(2), circular)), gaussian)).toBeLessThan(
    1e-12,
  );
  expect(largestDifference(columnSums(conv2dDirect(photo, filters.laplacian(), circular)), laplacian)).toBeLessThan(
    1e-12,
  );
});

test("the sharpening filter is the image less its Laplacian", () => {
  const one = images([3, 3, 1, 1], [0, 0, 0, 0, 1, 0, 0, 0, 0]).data;
  expect(filters.sharpen().data).toEqual(one.map((v, i) => v - filters.laplacian().data[i]!));
});

claim("shifts-commute-until-strides-alias", () => {
  const x = normals(1, 2, 8, 12, 3);
  const w = normals(2, 3, 5, 3, 2);
  for (const [right, down] of [
    [1, 0],
    [-3, 2],
    [7, 5],
  ] as const) {
    const moved = conv2dDirect(rolled(x, right, down), w, { padding: "circular" });
    expect(moved.data).toEqual(rolled(conv2dDirect(x, w, { padding: "circular" }), right, down).data); // to the bit
  }
  const strided = { stride: 2, padding: "circular" } as const;
  for (const [right, down] of [
    [2, 0],
    [-4, 6],
  ] as const) {
    const moved = conv2dDirect(rolled(x, right, down), w, strided);
    expect(moved.data).toEqual(rolled(conv2dDirect(x, w, strided), right / 2, down / 2).data);
  }
  // An odd shift: the relative norm of what changes, at the best of the whole shifts.
  const change = (image: Images, filter: Images) => {
    const [before, after] = [conv2dDirect(image, filter, strided), conv2dDirect(rolled(image, 1), filter, strided)];
    const errors = [-1, 0, 1, 2].map((shift) => {
      const aligned = rolled(before, shift);
      return norm(after.data.map((value, i) => value - aligned.data[i]!));
    });
    return Math.min(...errors) / norm(before.data);
  };
  const binomial = images(
    [3, 3, 1, 1],
    [1, 2, 1, 2, 4, 2, 1, 2, 1].map((v) => v / 16),
  );
  const photo = photograph();
  expect(change(photo, filters.sobelX())).toBeCloseTo(1.078, 3);
  expect(change(photo, binomial)).toBeCloseTo(0.09, 3);
  const noise = normals(0, 1, 64, 96, 1);
  expect(change(noise, filters.sobelX())).toBeGreaterThan(1);
  // Zeros at the border: exact where no window, before or after, reaches over it.
  const [plain, shifted] = [conv2dDirect(x, w, { padding: 2 }), conv2dDirect(rolled(x, 1), w, { padding: 2 })];
  const [height, width] = [plain.shape[1]!, plain.shape[2]!];
  let differ = 0;
  for (let i = 0; i < height; i++) {
    for (let j = 1; j < width; j++) {
      const same = plain.get(0, i, j - 1, 0) === shifted.get(0, i, j, 0);
      if (j >= 5 && j < width - 4) expect(same).toBe(true);
      else if (!same) differ++;
    }
  }
  expect(differ).toBeGreaterThan(0);
});

claim("transposed-convolution-is-the-adjoint", () => {
  for (const { options, w, filterShape, y, shape, x } of fixture.transposes) {
    const [up, filter] = [images([2, 3, 4, 8], y), images(filterShape, w)];
    const mine = convTranspose2dDirect(up, filter, options);
    expect(mine.shape, JSON.stringify(options)).toEqual(shape);
    expect(largestDifference(mine.data, x), JSON.stringify(options)).toBeLessThan(1e-12);
  }
  fc.assert(
    fc.property(layers, ({ seed, shape: [n, h, width, c], kernel, groups, perGroup, ...options }) => {
      const x = normals(seed, n, h, width, c * groups);
      const w = normals(seed + 1, ...kernel, c, perGroup * groups);
      const y = conv2dDirect(x, w, { ...options, groups });
      const up = normals(seed + 2, ...y.shape);
      const back = convTranspose2dDirect(up, w, { ...options, groups, size: [h, width] });
      expect(back.shape).toEqual(x.shape);
      const scale = norm(y.data) * norm(up.data) + 1;
      expect(Math.abs(dot(y.data, up.data) - dot(x.data, back.data)) / scale).toBeLessThan(1e-12);
      if (groups === 1) {
        const theirs = engine.convTranspose2d(asTensor(up), asTensor(w), { ...options, size: [h, width] });
        expect(largestDifference(back.data, theirs.data)).toBeLessThan(1e-12);
      }
    }),
  );
  // The input gradient of ½‖conv(x)‖², by central differences: exact for a quadratic but for rounding.
  const [x, w] = [normals(3, 1, 5, 6, 2), normals(4, 3, 2, 2, 3)];
  const options = { stride: 2, padding: 1 } as const;
  const energy = (data: Float64Array) =>
    conv2dDirect(images(x.shape, data), w, options).data.reduce((total, v) => total + v * v, 0) / 2;
  const gradient = convTranspose2dDirect(conv2dDirect(x, w, options), w, { ...options, size: [5, 6] }).data;
  for (let i = 0; i < x.size; i++) {
    const at = (h: number) => energy(x.data.map((v, k) => (k === i ? v + h : v)));
    expect(Math.abs((at(1e-4) - at(-1e-4)) / 2e-4 - gradient[i]!)).toBeLessThan(1e-7);
  }
  // Not the inverse: a box filter and its adjoint multiply the middle of ones by 9, the corners by 4.
  const ones = images([1, 4, 5, 1], new Float64Array(20).fill(1));
  const same = { padding: "same" } as const;
  const box = images([3, 3, 1, 1], new Float64Array(9).fill(1));
  const there = conv2dDirect(ones, box, same);
  const back = convTranspose2dDirect(there, box, { ...same, size: [4, 5] });
  expect([there.get(0, 0, 0, 0), there.get(0, 1, 2, 0), back.get(0, 0, 0, 0)]).toEqual([4, 9, 4 + 6 + 6 + 9]);
});

/** Width and height of what is not 0 in the engine's gradient of one output, for averaging filters without padding. */
function footprint(stack: readonly FieldLayer[], size: number): number[] {
  const output = (x: Tensor) =>
    stack.reduce((h, { kernel, stride = 1, dilation = 1 }) => {
      const mean = tensor(new Float64Array(kernel ** 2).fill(1 / kernel ** 2), [kernel, kernel, 1, 1]);
      return engine.conv2d(h, mean, { stride, dilation });
    }, x);
  const slope = grad((x: Tensor) => sum(output(x)))(tensor(new Float64Array(size ** 2), [1, size, size, 1]));
  const touched = Array.from(slope.data.entries()).filter(([, value]) => value !== 0);
  return [(at: number) => Math.floor(at / size), (at: number) => at % size].map((axis) => {
    const along = touched.map(([at]) => axis(at));
    return Math.max(...along) - Math.min(...along) + 1;
  });
}

claim("receptive-fields-of-known-networks", () => {
  const sizes = Object.fromEntries(Object.entries(NETWORKS).map(([name, stack]) => [name, receptiveField(stack).size]));
  expect(sizes).toEqual({
    "AlexNet, pool5": 195, // the first three as in the table of Araujo, Norris and Sim
    "VGG-16, pool5": 212,
    "ResNet-50, stride in the 1×1": 483,
    "ResNet-50, stride in the 3×3": 427,
  });
  for (const stack of Object.values(NETWORKS)) expect(receptiveField(stack).jump).toBe(32);
  expect(receptiveField([{ kernel: 3 }, { kernel: 3 }]).size).toBe(5);
  expect(receptiveField([{ kernel: 3, stride: 2 }, { kernel: 3 }]).size).toBe(7);

  const layer = fc.record({
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 2 }),
    dilation: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(layer, { minLength: 1, maxLength: 4 }), (stack) => {
      const { size, centre } = receptiveField(stack);
      expect(footprint(stack, size)).toEqual([size, size]); // an image of just this size has exactly one output
      const profile = effectiveField(stack);
      expect(profile).toHaveLength(size);
      expect(profile.reduce((total, weight) => total + weight, 0)).toBeCloseTo(1, 12);
      expect(profile.reduce((total, weight, i) => total + i * weight, 0)).toBeCloseTo(centre, 9);
    }),
    { numRuns: 40 },
  );
  const vgg = effectiveField(NETWORKS["VGG-16, pool5"]!);
  expect([vgg.length, vgg.every((weight) => weight > 0)]).toEqual([212, true]);

  for (const n of [5, 20]) {
    const profile = effectiveField(Array.from({ length: n }, () => ({ kernel: 3 })));
    expect(profile).toHaveLength(2 * n + 1);
    const variance = profile.reduce((total, weight, i) => total + weight * (i - n) ** 2, 0);
    expect(variance).toBeCloseTo((2 * n) / 3, 10); // each layer adds the variance of −1, 0, 1
  }
  const middle = effectiveField(Array.from({ length: 20 }, () => ({ kernel: 3 }))).subarray(13, 28);
  expect([middle.length, middle.reduce((total, weight) => total + weight, 0).toFixed(2)]).toEqual([15, "0.96"]);
  expect([Math.sqrt(40 / 3), 2 * Math.sqrt(40 / 3)]).toEqual([expect.closeTo(3.65, 2), expect.closeTo(7.3, 2)]);
});

claim("parameters-and-multiply-adds", () => {
  const layer = { kernel: 3, filters: 128, padding: 1 };
  expect(layerCost(layer, [32, 32, 64])).toEqual({
    parameters: 73856, // 9·64·128 + 128
    macs: 32 * 32 * 9 * 64 * 128,
    outputShape: [32, 32, 128],
  });
  expect(layerCost(layer, [100, 7, 64]).parameters).toBe(73856); // whatever the size of the image
  expect(layerCost({ kernel: 7, filters: 64, stride: 2, padding: 3 }, [224, 224, 3]).outputShape).toEqual([
    112, 112, 64,
  ]);
  expect(layerCost({ kernel: 3, filters: 64, padding: 1 }, [224, 224, 3]).parameters).toBe(1792);
  const reduced = [1, 3].map((kernel) => layerCost({ kernel, filters: 64 }, [9, 9, 256]).parameters);
  expect(reduced).toEqual([16448, 147520]);
  const depthwise = layerCost({ kernel: 3, filters: 64, padding: 1, groups: 64 }, [32, 32, 64]);
  const pointwise = layerCost({ kernel: 1, filters: 128 }, [32, 32, 64]);
  const ratio = (depthwise.macs + pointwise.macs) / layerCost(layer, [32, 32, 64]).macs;
  expect(ratio).toBeCloseTo(1 / 128 + 1 / 9, 14);
  expect(ratio).toBeCloseTo(0.1189, 4);
  const C = 10;
  const weights = (kernel: number) => layerCost({ kernel, filters: C }, [20, 20, C]).parameters - C;
  expect([3 * weights(3), weights(7)]).toEqual([27 * C ** 2, 49 * C ** 2]);
  expect(receptiveField([{ kernel: 3 }, { kernel: 3 }, { kernel: 3 }]).size).toBe(7);

  // The network of the note, layer by layer, and the perceptron beside it.
  let shape: readonly number[] = [28, 28, 1];
  let macs = 0;
  for (const conv of DIGITS_CNN.layers) {
    const cost = layerCost(conv, shape);
    macs += cost.macs;
    shape = cost.outputShape;
  }
  expect(macs + 7 * 7 * 16 * 10).toBe(216384);
  expect(784 * 32 + 32 * 10).toBe(25408); // the perceptron's multiply-adds
  expect(countParameters(initCnn(DIGITS_CNN, [28, 28, 1]))).toBe(11546);
  expect(countParameters(initCnn({ layers: [], hidden: [32] }, [28, 28, 1]))).toBe(25450);
  expect(countParameters(initCnn({ ...DIGITS_CNN, head: "globalMax" }, [28, 28, 1]))).toBe(3866);
});

claim("separable-filters-take-two-passes", () => {
  const photo = images([1, 40, 40, 1], normals(5, 1, 40, 40, 1).data);
  const bell = gaussian1d(2);
  expect(bell).toHaveLength(13); // 13 + 13 multiplications a pixel instead of 169
  const circular = { padding: "circular" } as const;
  for (const options of [{}, circular, { padding: "same" } as const]) {
    const [twice, once] = [
      separableConv(photo, bell, bell, options),
      conv2dDirect(photo, filters.gaussian(2), options),
    ];
    expect(twice.shape).toEqual(once.shape);
    expect(largestDifference(twice.data, once.data)).toBeLessThan(1e-13);
  }
  const sobel = separableConv(photo, [-1, 0, 1], [1, 2, 1], circular);
  expect(largestDifference(sobel.data, conv2dDirect(photo, filters.sobelX(), circular).data)).toBeLessThan(1e-13);
  const turned = separableConv(photo, [1, 2, 1], [-1, 0, 1], circular);
  expect(largestDifference(turned.data, conv2dDirect(photo, filters.sobelY(), circular).data)).toBeLessThan(1e-13);
  // Rank 1: every 2×2 determinant of the filter is 0. The Laplacian and the sharpening filter have others.
  const separable = (w: Images) => {
    const k = w.shape[0]!;
    let largest = 0;
    for (let a = 0; a < k * k; a++) {
      for (let b = 0; b < k * k; b++) {
        const [i, j, p, q] = [Math.floor(a / k), a % k, Math.floor(b / k), b % k];
        const minor = w.get(i, j, 0, 0) * w.get(p, q, 0, 0) - w.get(i, q, 0, 0) * w.get(p, j, 0, 0);
        largest = Math.max(largest, Math.abs(minor));
      }
    }
    return largest < 1e-15;
  };
  const { sobelX, sobelY, box, gaussian, laplacian, sharpen } = filters;
  expect([sobelX(), sobelY(), box(4), gaussian(1.3)].map(separable)).toEqual([true, true, true, true]);
  expect([laplacian(), sharpen()].map(separable)).toEqual([false, false]);
});

/** What the cells of the executed notebook printed: `npm test` makes it again, as the big runs take longer than a test may. */
const printed = (() => {
  const path = "notebooks/computer-vision/convolutional-networks.ipynb";
  const { cells } = JSON.parse(readFileSync(path, "utf8")) as {
    cells: { outputs?: { text?: string[]; data?: Record<string, string[]> }[] }[];
  };
  const outputs = cells.flatMap((cell) => cell.outputs ?? []);
  return outputs.flatMap(({ text, data }) => text ?? data?.["text/plain"] ?? []).join("\n");
})();
/** The numbers behind the first line that starts so. */
const numbersAfter = (start: string) =>
  new RegExp(`^ *${start}:? +([0-9. ]+)$`, "m").exec(printed)![1]!.trim().split(/ +/).map(Number);

const MLP: CnnArchitecture = { layers: [], hidden: [32] };
const brief = { data: loadMnist("train", 400), epochs: 4, batch: 16 };
const held = loadMnist("test", 500);
const flattened = trainCnn(brief); // for two claims

claim("locality-is-the-gain", () => {
  const right = cnnAccuracy(flattened, held);
  expect(right - cnnAccuracy(trainCnn({ ...brief, architecture: MLP }), held)).toBeGreaterThanOrEqual(0.02);
  const mixed = permutePixels(held);
  const permuted = trainCnn({ ...brief, data: permutePixels(brief.data) });
  expect(right - cnnAccuracy(permuted, mixed)).toBeGreaterThanOrEqual(0.05);
  // Whatever a perceptron computes of the pixels, one with the rows of its first layer permuted computes of permuted ones.
  const perceptron = initCnn(MLP, [28, 28, 1]);
  const rows = { n: 1, height: 28, width: 28, channels: 32, labels: Int32Array.of(0) };
  const [first, last] = perceptron.parameters.dense;
  const weights = permutePixels({ ...rows, images: first!.weight.data as Float32Array }).images;
  const dense = [{ weight: tensor(weights, [784, 32]), bias: first!.bias }, last!];
  const other = { ...perceptron, parameters: { convolutions: [], dense } };
  const [a, b] = [cnnLogits(perceptron, held).data, cnnLogits(other, mixed).data];
  expect(largestDifference(a, b)).toBeLessThan(1e-5); // float32, sums of 784 numbers in another order

  const [[cnn, cnnPermuted], [dull, dullPermuted]] = [numbersAfter("CNN"), numbersAfter("perceptron")];
  expect(cnn).toBeGreaterThanOrEqual(0.86);
  expect(dull).toBeLessThanOrEqual(0.845);
  expect(cnn! - cnnPermuted!).toBeGreaterThanOrEqual(0.05);
  expect(Math.abs(dull! - dullPermuted!)).toBeLessThan(0.01);
  expect(cnnPermuted).toBeLessThan(dullPermuted!);
});

claim("equivariant-is-not-invariant", () => {
  expect(cnnAccuracy(flattened, rollImages(held, 4))).toBeLessThanOrEqual(0.45);
  // Away from the border, and while the biases are 0, four pixels are one place of the last map: the maximum stays, to the bit.
  const some = loadMnist("test", 20);
  const pixels = some.images.map((v, at) => (Math.floor(at / 28) % 28 > 8 && at % 28 > 8 && at % 28 < 16 ? v : 0));
  const [middle, moved] = [0, 4].map((right) => rollImages({ ...some, images: pixels }, right));
  const logits = ["globalMax", "flatten"].map((head) => {
    const model = initCnn({ ...DIGITS_CNN, head: head as "flatten" }, [28, 28, 1]);
    return [cnnLogits(model, middle!).data, cnnLogits(model, moved!).data];
  });
  expect(logits[0]![1]).toEqual(logits[0]![0]);
  expect(logits[1]![1]).not.toEqual(logits[1]![0]);

  const [[still, pooledStill], [after, pooledAfter]] = [numbersAfter("0"), numbersAfter("4")];
  expect(still).toBeGreaterThanOrEqual(0.86);
  expect(after).toBeLessThanOrEqual(0.45);
  expect([still, after, pooledStill, pooledAfter]).toEqual([0.864, 0.363, 0.791, 0.745]); // the note's
  expect(pooledStill).toBeGreaterThanOrEqual(0.75);
  expect(pooledStill! - pooledAfter!).toBeLessThanOrEqual(0.12);
});

claim("ninety-seven-percent-of-unseen-digits", () => {
  const part = ({ x, labels }: ReturnType<typeof digitsData>["train"]): LabelledImages => ({
    n: labels.length,
    height: 8,
    width: 8,
    images: x.data,
    labels,
  });
  const { train, test: unseen } = digitsData();
  const architecture = { layers: [{ kernel: 3, filters: 16, padding: 1 }] };
  const training = { data: part(train), architecture, batch: 16, learningRate: 0.005, decay: 0.8 };
  expect(unseen.labels).toHaveLength(360);
  expect(cnnAccuracy(trainCnn(training), part(unseen))).toBeGreaterThanOrEqual(0.97);
  expect(numbersAfter("right of 2,000 unseen digits")[0]).toBeGreaterThanOrEqual(0.97);
});

describe("pooling", () => {
  test("is PyTorch's: the largest entry, and the mean of the pixels within the image", () => {
    for (const { kernel, options, max, mean } of fixture.pools) {
      expect([...maxPool2dDirect(X, kernel, options).data]).toEqual(max);
      expect(largestDifference(avgPool2dDirect(X, kernel, options).data, mean)).toBeLessThan(1e-14);
    }
    const ones = images([1, 4, 4, 1], new Float64Array(16).fill(1));
    expect(avgPool2dDirect(ones, 3, { stride: 2, padding: 1 }).get(0, 0, 0, 0)).toBe(1);
    expect(fixture.paddingCounted).toBeCloseTo(4 / 9, 12); // PyTorch's default counts the zeros
  });

  test("is the engine's, negative numbers and 'same' too", () => {
    const x = images(
      X.shape,
      X.data.map((v) => v - 5),
    );
    for (const [kernel, options] of [
      [2, {}],
      [3, { stride: 2, padding: "same" }],
      [3, { stride: 1, padding: 1 }],
    ] as const) {
      const t = asTensor(x);
      expect(maxPool2dDirect(x, kernel, options).data).toEqual(engine.maxPool2d(t, kernel, options).data);
      const [mine, theirs] = [avgPool2dDirect(x, kernel, options), engine.avgPool2d(t, kernel, options)];
      expect(largestDifference(mine.data, theirs.data)).toBeLessThan(1e-13);
    }
  });
});

describe("convSteps", () => {
  test("yields every position: the window, its products, and the sum that the convolution has there", () => {
    const [image, kernel] = [normals(6, 1, 5, 6, 2), normals(7, 2, 3, 2, 1)];
    for (const options of [
      {},
      { stride: 2, padding: 1 },
      { dilation: 2 },
      { padding: "circular" },
      { padding: "same" },
    ] as const) {
      const y = conv2dDirect(image, kernel, options);
      const steps = [...convSteps(image, kernel, options)];
      expect(steps).toHaveLength(y.size);
      for (const { row, column, window, products, sum: total } of steps) {
        expect(total).toBeCloseTo(y.get(0, row, column, 0), 12);
        expect(products).toEqual(window.map((pixel, t) => pixel * kernel.data[t]!));
      }
    }
    const [first, second] = convSteps(
      images([1, 2, 3, 1], [1, 2, 3, 4, 5, 6]),
      images([2, 2, 1, 1], [1, 10, 100, 1000]),
    );
    expect(first).toEqual({
      row: 0,
      column: 0,
      window: Float64Array.of(1, 2, 4, 5),
      products: Float64Array.of(1, 20, 400, 5000),
      sum: 5421,
    });
    expect([second!.row, second!.column, second!.sum]).toEqual([0, 1, 6532]);
  });
});

describe("the network", () => {
  const { network } = fixture;
  const architecture: CnnArchitecture = {
    layers: [
      { kernel: 3, filters: 4, padding: 1, pool: 2 },
      { kernel: 2, filters: 6, stride: 2, groups: 2 },
    ],
    hidden: [5],
  };
  const data: LabelledImages = {
    n: 3,
    height: 9,
    width: 8,
    channels: 2,
    images: Float64Array.from(network.images),
    labels: Int32Array.from(network.labels),
  };
  const leaf = (i: number) => tensor(Float32Array.from(network.parameters[i]!), network.shapes[i]!);
  const pair = (i: number) => ({ weight: leaf(i), bias: leaf(i + 1) });
  const model: Cnn = {
    architecture,
    inputShape: [9, 8, 2],
    parameters: { convolutions: [pair(0), pair(2)], dense: [pair(4), pair(6)] },
  };

  test("has PyTorch's scores: strides, groups, pooling, two dense layers", () => {
    const largest = Math.max(...network.logits.flat().map(Math.abs));
    const logits = cnnLogits(model, data);
    expect(logits.shape).toEqual([3, 10]);
    expect(largestDifference(logits.data, network.logits.flat()) / largest).toBeLessThan(1e-5); // float32
    const right = network.logits.filter((row, i) => row.indexOf(Math.max(...row)) === network.labels[i]).length;
    expect(cnnAccuracy(model, data)).toBe(right / 3);
  });

  test("has the shapes of its own start", () => {
    const fresh = initCnn(architecture, [9, 8, 2]);
    const shapes = [...fresh.parameters.convolutions, ...fresh.parameters.dense].flatMap(({ weight, bias }) => [
      weight.shape,
      bias.shape,
    ]);
    expect(shapes).toEqual(network.shapes);
    const wide = initCnn({ layers: [{ kernel: 3, filters: 400 }] }, [5, 5, 2], 3).parameters.convolutions[0]!;
    expect(norm(Float64Array.from(wide.weight.data)) ** 2 / wide.weight.size).toBeCloseTo(2 / 18, 2); // He's variance
    expect(wide.bias.data.every((b) => b === 0)).toBe(true);
    const grouped = initCnn({ layers: [{ kernel: 3, filters: 400, groups: 4 }] }, [5, 5, 4]).parameters
      .convolutions[0]!;
    expect(norm(Float64Array.from(grouped.weight.data)) ** 2 / grouped.weight.size).toBeCloseTo(2 / 9, 2);
  });

  test("feature maps: those of the loops", () => {
    const image = images([1, 9, 8, 2], network.images.slice(0, 144));
    const [first, second] = featureMaps(model, image);
    const relu = (y: Images, bias: readonly number[]) =>
      images(
        y.shape,
        y.data.map((v, i) => Math.max(0, v + bias[i % bias.length]!)),
      );
    const filter = (i: number) => images(network.shapes[i]!, network.parameters[i]!);
    const one = maxPool2dDirect(relu(conv2dDirect(image, filter(0), { padding: 1 }), network.parameters[1]!), 2);
    const two = relu(conv2dDirect(one, filter(2), { stride: 2, groups: 2 }), network.parameters[3]!);
    expect([first!.shape, second!.shape]).toEqual([one.shape, two.shape]);
    expect(largestDifference(first!.data, one.data)).toBeLessThan(1e-5);
    expect(largestDifference(second!.data, two.data)).toBeLessThan(2e-5);
    const view = images([1, 8, 9, 2], contiguous(image.transpose(0, 2, 1, 3) as Images));
    expect(featureMaps(model, view.transpose(0, 2, 1, 3) as Images)[0]!.data).toEqual(first!.data);
  });

  test("global max: the largest of each channel goes to the dense layer", () => {
    const pooled: Cnn = {
      architecture: { layers: [], head: "globalMax" },
      inputShape: [9, 11, 4],
      parameters: {
        convolutions: [],
        dense: [
          {
            weight: tensor(
              Float32Array.from({ length: 40 }, (_, i) => (i % 11 === 0 ? 1 : 0)),
              [4, 10],
            ),
            bias: tensor(new Float32Array(10), [10]),
          },
        ],
      },
    };
    const logits = cnnLogits(pooled, {
      n: 2,
      height: 9,
      width: 11,
      channels: 4,
      images: X.data,
      labels: Int32Array.of(0, 0),
    });
    for (const i of [0, 1]) {
      network.globalMax[i]!.forEach((value, c) => {
        expect(logits.get(i, c)).toBeCloseTo(value, 6);
      });
    }
  });

  test("same seed, same bits; another seed, another network; the data is left alone", () => {
    const before = [data.images.slice(), data.labels.slice()];
    const run = (seed: number, more: object = {}) =>
      [...trainCnnSteps({ data, architecture, epochs: 4, batch: 2, jitter: 2, decay: 0.5, seed, ...more })].map(
        (s) => s.loss,
      );
    expect(run(5)).toEqual(run(5));
    expect(run(5)).not.toEqual(run(6));
    expect(run(0)).toEqual(
      [...trainCnnSteps({ data, architecture, epochs: 4, batch: 2, jitter: 2, decay: 0.5 })].map((s) => s.loss),
    );
    expect(run(5, { jitter: 0 })).not.toEqual(run(5));
    expect(run(5, { decay: 0, epochs: 6 }).slice(0, 4)).toEqual(run(5, { epochs: 6 }).slice(0, 4)); // it falls after half
    expect(run(5, { decay: 0, epochs: 6 })).not.toEqual(run(5, { epochs: 6 }));
    expect([data.images, data.labels]).toEqual(before);
  });

  test("jitter rolls by every pair of up to so many pixels, anew at each step", () => {
    const one = { ...data, n: 1, images: data.images.slice(0, 144), labels: data.labels.slice(0, 1) };
    const fresh = initCnn(architecture, [9, 8, 2]);
    const lossOf = (rightward: number, down: number) => {
      const logits = cnnLogits(fresh, rollImages(one, rightward, down)).data;
      return Math.log(logits.reduce((total, z) => total + Math.exp(z), 0)) - logits[one.labels[0]!]!;
    };
    const possible = [-1, 0, 1].flatMap((rightward) => [-1, 0, 1].map((down) => lossOf(rightward, down)));
    // With so small a rate the network stays what it is.
    const steps = trainCnnSteps({ data: one, architecture, epochs: 80, batch: 1, jitter: 1, learningRate: 1e-12 });
    const seen = new Set<number>();
    for (const { loss } of steps) {
      const which = possible.findIndex((expected) => Math.abs(loss - expected) < 1e-4);
      expect(which).toBeGreaterThanOrEqual(0);
      seen.add(which);
    }
    expect(new Set(possible.map((loss) => loss.toFixed(4))).size).toBe(9);
    expect(seen.size).toBe(9);
  });

  test("scores of many images are those of each", () => {
    const many: LabelledImages = {
      n: 260,
      height: 3,
      width: 2,
      images: normals(9, 260, 3, 2, 1).data,
      labels: new Int32Array(260),
    };
    const net = initCnn({ layers: [{ kernel: 2, filters: 3 }] }, [3, 2, 1]);
    const all = cnnLogits(net, many).data;
    const last = cnnLogits(net, { ...many, n: 5, images: many.images.slice(255 * 6), labels: new Int32Array(5) }).data;
    expect(all.slice(2550)).toEqual(last);
  });

  test("of equal scores the first counts", () => {
    const blank = { ...data, images: new Float64Array(data.images.length) }; // fresh biases are 0, and so are all scores
    const model = initCnn(architecture, [9, 8, 2]);
    expect(cnnAccuracy(model, { ...blank, labels: Int32Array.of(0, 9, 0) })).toBe(2 / 3);
  });

  test("by default 5 passes of batches of 32", () => {
    const many = { n: 100, height: 2, width: 2, images: new Float32Array(400), labels: new Int32Array(100) };
    const first = trainCnnSteps({ data: many, architecture: { layers: [] } }).next().value!;
    expect(first.steps).toBe(5 * 3);
  });

  test("NonFiniteError where the loss is none", () => {
    expect(() => trainCnn({ data, architecture, batch: 3, learningRate: 1e30 })).toThrow(NonFiniteError);
  });

  test("tells how far it is, and trains the same model throughout", () => {
    const steps = [...trainCnnSteps({ data, architecture, epochs: 3, batch: 1 })];
    expect(steps.map(({ step, steps: all }) => [step, all])).toEqual(Array.from({ length: 9 }, (_, i) => [i + 1, 9]));
    expect(new Set(steps.map(({ model: m }) => m)).size).toBe(1);
    expect(steps.every(({ accuracy }) => accuracy === 0 || accuracy === 1)).toBe(true);
    const first = trainCnnSteps({ data, architecture, batch: 3 }).next().value!;
    expect(first.accuracy).toBe(cnnAccuracy(initCnn(architecture, [9, 8, 2]), data));
    // Before the first step the loss is that of the fresh network.
    const logits = cnnLogits(initCnn(architecture, [9, 8, 2]), data);
    const expected = network.labels.map((label, i) => {
      const row = Array.from({ length: 10 }, (_, k) => logits.get(i, k));
      return Math.log(row.reduce((total, z) => total + Math.exp(z), 0)) - row[label]!;
    });
    expect(first.loss).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / 3, 4);
  });

  withTensorFlow("trains as TensorFlow.js does: losses of six steps of Adam", (tf) => {
    const fresh = initCnn({ layers: architecture.layers.map(({ groups: _, ...l }) => l), hidden: [5] }, [9, 8, 2], 1);
    const mine = [...trainCnnSteps({ data, architecture: fresh.architecture, epochs: 6, batch: 3, seed: 1 })];
    const theirs = tf.tidy(() => {
      const variables = [...fresh.parameters.convolutions, ...fresh.parameters.dense]
        .flatMap(({ weight, bias }) => [weight, bias])
        .map((t) => tf.variable(tf.tensor(Float32Array.from(t.data), [...t.shape])));
      const [w1, w2] = [variables[0], variables[2]] as [Tensor4D, Tensor4D];
      const [b1, b2] = [variables[1]!, variables[3]!];
      const [w3, b3, w4, b4] = variables.slice(4) as TfTensor[] as [TfTensor, TfTensor, TfTensor, TfTensor];
      const x = tf.tensor4d(Float32Array.from(data.images), [3, 9, 8, 2]);
      const oneHot = tf.oneHot(tf.tensor1d(data.labels, "int32"), 10).toFloat();
      const loss = () => {
        const one = tf.maxPool(tf.relu(tf.add(tf.conv2d(x, w1, 1, "same"), b1)) as Tensor4D, 2, 2, "valid");
        const two = tf.relu(tf.add(tf.conv2d(one, w2, 2, "valid"), b2));
        const hidden = tf.relu(tf.add(tf.matMul(two.reshape([3, -1]), w3), b3));
        const z = tf.add(tf.matMul(hidden, w4), b4);
        return tf.losses.softmaxCrossEntropy(oneHot, z).asScalar();
      };
      const adam = tf.train.adam(0.003, 0.9, 0.999, 1e-8);
      return mine.map(() => adam.minimize(loss, true, variables)!.dataSync()[0]!);
    });
    expect(mine).toHaveLength(6);
    mine.forEach(({ loss }, step) => {
      expect(Math.abs(loss - theirs[step]!) / theirs[step]!).toBeLessThan(1e-4); // float32, six steps
    });
    expect(theirs.at(-1)!).toBeLessThan(theirs[0]!);
  });
});

describe("TensorFlow.js", () => {
  withTensorFlow("convolves and transposes the same", (tf) => {
    for (const [kernel, stride, dilation, padding] of [
      [3, 1, 1, "same"],
      [3, 2, 1, "same"],
      [2, 2, 1, "same"],
      [3, 1, 2, 0],
      [5, 3, 1, 0],
    ] as const) {
      const w = filtersOf(kernel, 1);
      const y = conv2dDirect(X, w, { stride, dilation, padding });
      tf.tidy(() => {
        const [x4, w4] = [
          tf.tensor4d(Float32Array.from(X.data), [2, 9, 11, 4]),
          tf.tensor4d(Float32Array.from(w.data), [kernel, kernel, 4, 8]),
        ];
        const pad = padding === 0 ? "valid" : "same";
        const theirs = tf.conv2d(x4, w4, stride, pad, "NHWC", dilation);
        expect(theirs.shape).toEqual(y.shape);
        expect(largestDifference(y.data, theirs.dataSync())).toBeLessThan(1e-4); // float32, up to 100 terms
        if (dilation === 1) {
          const back = convTranspose2dDirect(y, w, { stride, padding, size: [9, 11] });
          const tback = tf.conv2dTranspose(theirs, w4, [2, 9, 11, 4], stride, pad);
          expect(largestDifference(back.data, tback.dataSync()) / Math.max(...back.data.map(Math.abs))).toBeLessThan(
            1e-5,
          );
        }
      });
    }
    tf.tidy(() => {
      const x4 = tf.tensor4d(Float32Array.from(X.data), [2, 9, 11, 4]);
      const options = { stride: 2, padding: "same" } as const;
      for (const [mine, theirs] of [
        [avgPool2dDirect(X, 3, options), tf.avgPool(x4, 3, 2, "same")],
        [maxPool2dDirect(X, 3, options), tf.maxPool(x4, 3, 2, "same")],
      ] as const) {
        expect(largestDifference(mine.data, theirs.dataSync())).toBeLessThan(1e-5);
      }
    });
    const depthwise = normals(8, 3, 3, 1, 4);
    tf.tidy(() => {
      const theirs = tf.depthwiseConv2d(
        tf.tensor4d(Float32Array.from(X.data), [2, 9, 11, 4]),
        tf.tensor4d(Float32Array.from(depthwise.data), [3, 3, 4, 1]),
        1,
        "same",
      );
      const y = conv2dDirect(X, depthwise, { padding: "same", groups: 4 });
      expect(largestDifference(y.data, theirs.dataSync())).toBeLessThan(1e-4);
    });
  });
});

describe("data", () => {
  const digits: LabelledImages = {
    n: 2,
    height: 2,
    width: 3,
    channels: 2,
    images: Float32Array.from({ length: 24 }, (_, i) => i),
    labels: Int32Array.of(1, 2),
  };

  test("rollImages moves right and down, and back", () => {
    const moved = rollImages(digits, 1, 1);
    expect([...moved.images.slice(0, 12)]).toEqual([10, 11, 6, 7, 8, 9, 4, 5, 0, 1, 2, 3]);
    expect(rollImages(moved, -1, -1)).toEqual(digits);
    expect(rollImages(digits, 3, 2)).toEqual(digits);
    expect(rollImages(digits, 0)).toEqual(digits);
    expect(digits.images[0]).toBe(0);
  });

  test("permutePixels: one permutation for all images, channels stay together", () => {
    const mixed = permutePixels(digits, 4);
    const pixels = (images: Float32Array | Float64Array, i: number) =>
      Array.from({ length: 6 }, (_, p) => [...images.subarray(12 * i + 2 * p, 12 * i + 2 * p + 2)]);
    const [first, second] = [pixels(mixed.images, 0), pixels(mixed.images, 1)];
    expect([...first].sort((a, b) => a[0]! - b[0]!)).toEqual(pixels(digits.images, 0));
    expect(second).toEqual(first.map((pixel) => pixel.map((v) => v + 12)));
    expect(mixed.images).not.toEqual(digits.images);
    expect(permutePixels(digits, 4)).toEqual(mixed);
    expect(permutePixels(digits)).toEqual(permutePixels(digits, 0));
    expect(permutePixels(digits, 5).images).not.toEqual(mixed.images);
  });

  test("inputs stay as they are", () => {
    const [x, w, y] = [normals(1, 1, 6, 5, 2), normals(2, 3, 2, 2, 4), normals(3, 1, 4, 4, 4)];
    const before = [x, w, y].map((a) => a.data.slice());
    conv2dDirect(x, w);
    conv2dDirect(x, w, { padding: "circular" });
    convTranspose2dDirect(y, w);
    maxPool2dDirect(x, 2);
    avgPool2dDirect(x, 2);
    [...convSteps(x, images([1, 1, 2, 1], [1, 2]))].at(-1)!.window.fill(9);
    expect([x, w, y].map((a) => a.data)).toEqual(before);
    filters.sobelX().data.fill(9);
    expect(filters.sobelX().data[0]).toBe(-1);
  });

  test("strided views are read as they are", () => {
    const x = normals(1, 1, 6, 5, 2);
    const turned = x.transpose(0, 2, 1, 3) as Images;
    const copied = images(
      [1, 5, 6, 2],
      Float64Array.from({ length: 60 }, (_, at) => x.get(0, Math.floor(at / 2) % 6, Math.floor(at / 12), at % 2)),
    );
    const w = normals(2, 3, 2, 2, 3);
    expect(conv2dDirect(turned, w).data).toEqual(conv2dDirect(copied, w).data);
    expect(maxPool2dDirect(turned, 2).data).toEqual(maxPool2dDirect(copied, 2).data);
  });
});

describe("extremes", () => {
  test("one pixel, one filter; the largest and the smallest numbers", () => {
    const one = (value: number) => images([1, 1, 1, 1], [value]);
    expect(conv2dDirect(one(3), one(-2)).data[0]).toBe(-6);
    expect(conv2dDirect(one(1e308), one(10)).data[0]).toBe(Infinity);
    expect(conv2dDirect(one(Number.MIN_VALUE), one(1)).data[0]).toBe(Number.MIN_VALUE);
    expect(maxPool2dDirect(one(-1e308), 1).data[0]).toBe(-1e308);
    expect(effectiveField([])).toEqual(Float64Array.of(1));
    expect(receptiveField([])).toEqual({ size: 1, jump: 1, centre: 0 });
    expect(
      receptiveField([
        { kernel: 3, padding: 1 },
        { kernel: 2, stride: 2 },
      ]),
    ).toEqual({ size: 4, jump: 2, centre: 0.5 });
    expect(conv2dDirect(images([0, 3, 3, 1], []), images([2, 2, 1, 1], [1, 1, 1, 1])).shape).toEqual([0, 2, 2, 1]);
  });

  const x = normals(0, 1, 4, 5, 3);
  const w = normals(1, 3, 3, 3, 2);
  const digit: LabelledImages = { n: 1, height: 2, width: 2, images: new Float32Array(4), labels: Int32Array.of(0) };
  const tiny = { data: digit, architecture: { layers: [] }, batch: 1, epochs: 1 };
  test.each([
    [
      "conv2dDirect: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, got 1×4×5×3 and 3×3×3×2 with groups 2",
      () => conv2dDirect(x, w, { groups: 2 }),
    ],
    [
      "conv2dDirect: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, got 1×4×5×3 and 1×1×1×2 with groups 3",
      () => conv2dDirect(x, normals(0, 1, 1, 1, 2), { groups: 3 }),
    ],
    ["conv2dDirect: groups must be an integer at least 1, got 0", () => conv2dDirect(x, w, { groups: 0 })],
    [
      "convGeometry: the window of 3×3 (dilation 2) must fit into the padded image, got 4×5 with padding 0",
      () => conv2dDirect(x, w, { dilation: 2 }),
    ],
    ["convGeometry: stride must be an integer at least 1, got 0", () => conv2dDirect(x, w, { stride: 0 })],
    ["convGeometry: padding must be an integer at least 0, got -1", () => conv2dDirect(x, w, { padding: -1 })],
    [
      "convGeometry: dilation must be an integer at least 1, got NaN",
      () => conv2dDirect(x, w, { dilation: Number.NaN }),
    ],
    [
      "conv2dDirect: dilation must be an integer at least 1, got 0",
      () => conv2dDirect(x, w, { dilation: 0, padding: "circular" }),
    ],
    [
      "conv2dDirect: with 'circular' the window of 5×5 pixels must fit the image, got 4×5",
      () => conv2dDirect(x, w, { dilation: 2, padding: "circular" }),
    ],
    [
      "conv2dDirect: x must be finite, got NaN at 1",
      () => conv2dDirect(images([1, 1, 2, 1], [0, Number.NaN]), images([1, 1, 1, 1], [1])),
    ],
    [
      "conv2dDirect: w must be finite, got Infinity at 0",
      () => conv2dDirect(images([1, 1, 2, 1], [0, 1]), images([1, 1, 1, 1], [Infinity])),
    ],
    [
      "convTranspose2dDirect: padding 'same' needs a size, got none",
      () => convTranspose2dDirect(x, w, { padding: "same" }),
    ],
    [
      "convTranspose2dDirect: a convolution with filters 3×3×3×2 of images 6×7 gives 4×5×2, got 4×5×3",
      () => convTranspose2dDirect(x, w),
    ],
    [
      "convTranspose2dDirect: a convolution with filters 3×3×2×3 of images 9×9 gives 7×7×3, got 4×5×3",
      () => convTranspose2dDirect(x, normals(1, 3, 3, 2, 3), { size: [9, 9] }),
    ],
    [
      "convTranspose2dDirect: padding must be a number or 'same', got 'circular'",
      () => convTranspose2dDirect(x, w, { padding: "circular" as "same", size: [4, 5] }),
    ],
    [
      "convGeometry: the window of 6×6 (dilation 1) must fit into the padded image, got 4×5 with padding 0",
      () => maxPool2dDirect(x, 6),
    ],
    ["avgPool2dDirect: padding must leave pixels in every window, got 2", () => avgPool2dDirect(x, 1, { padding: 2 })],
    ["convSteps: there must be one image and one filter, got 1 and 2", () => [...convSteps(x, w)]],
    ["filters.box: k must be an integer at least 1, got 0", () => filters.box(0)],
    ["gaussian1d: sigma must be a finite number in (0, Infinity), got 0", () => filters.gaussian(0)],
    [
      "separableConv: column must be finite, got NaN at 0",
      () => separableConv(images([1, 1, 1, 1], [1]), [1], [Number.NaN]),
    ],
    ["receptiveField: kernel must be an integer at least 1, got 0", () => receptiveField([{ kernel: 0 }])],
    [
      "receptiveField: stride must be an integer at least 1, got 1.5",
      () => effectiveField([{ kernel: 3, stride: 1.5 }]),
    ],
    [
      "receptiveField: dilation must be an integer at least 1, got 0",
      () => receptiveField([{ kernel: 1, dilation: 0 }]),
    ],
    [
      "receptiveField: padding must be an integer at least 0, got -1",
      () => receptiveField([{ kernel: 1, padding: -1 }]),
    ],
    [
      "layerCost: groups must divide 4 channels and 6 filters, got 4",
      () => layerCost({ kernel: 1, filters: 6, groups: 4 }, [5, 5, 4]),
    ],
    ["layerCost: filters must be an integer at least 1, got 0", () => layerCost({ kernel: 1, filters: 0 }, [5, 5, 4])],
    [
      "initCnn: head must be one of 'flatten', 'globalMax', got 'mean'",
      () => initCnn({ layers: [], head: "mean" as "flatten" }, [5, 5, 1]),
    ],
    ["initCnn: hidden must be an integer at least 1, got 0", () => initCnn({ layers: [], hidden: [0] }, [5, 5, 1])],
    ["trainCnnSteps: epochs must be an integer at least 1, got 0", () => trainCnn({ ...tiny, epochs: 0 })],
    ["trainCnnSteps: batch must be an integer in [1, 1], got 2", () => trainCnn({ ...tiny, batch: 2 })],
    [
      "trainCnnSteps: learningRate must be a finite number in (0, Infinity), got 0",
      () => trainCnn({ ...tiny, learningRate: 0 }),
    ],
    ["trainCnnSteps: decay must be a finite number in [0, 1], got 2", () => trainCnn({ ...tiny, decay: 2 })],
    ["trainCnnSteps: jitter must be an integer in [0, 1], got 2", () => trainCnn({ ...tiny, jitter: 2 })],
    [
      "trainCnnSteps: the data must hold 1×2×2×1 = 4 numbers and 1 labels, got 3 and 1",
      () => trainCnn({ ...tiny, data: { ...digit, images: new Float32Array(3) } }),
    ],
    [
      "trainCnnSteps: labels[0] must be an integer in [0, 9], got 10",
      () => trainCnn({ ...tiny, data: { ...digit, labels: Int32Array.of(10) } }),
    ],
    [
      "trainCnnSteps: images must be finite, got NaN at 3",
      () => trainCnn({ ...tiny, data: { ...digit, images: Float32Array.of(0, 0, 0, Number.NaN) } }),
    ],
    ["cnnLogits: images must be 3×2×1, got 2×2×1", () => cnnAccuracy(initCnn({ layers: [] }, [3, 2, 1]), digit)],
    ["featureMaps: image must be 1×3×2×1, got 1×4×5×3", () => featureMaps(initCnn({ layers: [] }, [3, 2, 1]), x)],
    ["rollImages: right must be an integer in [-2, 2], got 3", () => rollImages(digit, 3)],
    ["rollImages: down must be an integer in [-2, 2], got 0.5", () => rollImages(digit, 0, 0.5)],
    [
      "permutePixels: the data must hold 2×2×2×1 = 8 numbers and 2 labels, got 4 and 1",
      () => permutePixels({ ...digit, n: 2 }),
    ],
  ])("RangeError: %s", (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("TypeError where it is no image", () => {
    expect(() => conv2dDirect(3 as unknown as Images, w)).toThrow(
      new TypeError("conv2dDirect: x must be a rank-4 ndarray of Float64Array, got number"),
    );
    expect(() => conv2dDirect(x, loadGreyPhotograph().pixels as unknown as Images)).toThrow(
      new TypeError("conv2dDirect: w must be a rank-4 ndarray of Float64Array, got rank 2"),
    );
    expect(() => maxPool2dDirect(loadGreyPhotograph().pixels as unknown as Images, 2)).toThrow(
      new TypeError("maxPool2dDirect: x must be a rank-4 ndarray of Float64Array, got rank 2"),
    );
  });
});

describe("figures", () => {
  test("the alternative texts tell what was computed", () => {
    const text = (spec: { description?: unknown }) => String(spec.description);
    expect(text(figures.fieldFigure.draw())).toContain(
      "41 pixels wide, the standard deviation of the gradient is 3.65 pixels",
    );
    expect(text(figures.filterFigure.draw({ stride: 3, padding: "zeros" }))).toContain("22×32");
    expect(text(figures.positionFigure.draw({ position: 0 }))).toContain("row 0, column 0");
    expect(text(figures.positionFigure.draw({ position: 35, stride: 2 }))).toContain("row 4, column 4");
  });

  test("filters and maps of a network are drawn, within the page", () => {
    const model = initCnn(DIGITS_CNN, [28, 28, 1]);
    const image = images([1, 28, 28, 1], loadMnist("test", 1).images);
    for (const spec of [drawFilters(model), drawMaps(model, image)]) {
      const drawn = svg(spec);
      expect(Number(/<svg[^>]* width="(\d+)"/.exec(drawn)![1])).toBeLessThanOrEqual(720);
      expect(drawn).not.toContain("NaN");
      expect(JSON.stringify(spec).length).toBeLessThan(400_000);
    }
    expect(String(drawMaps(model, image).description)).toContain("14×14×8, 7×7×16, 7×7×16");
  });
});
