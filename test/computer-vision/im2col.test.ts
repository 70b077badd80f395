import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { conv2d, maxPool2d } from "../../src/autodiff/convolution.js";
import { mul, sum } from "../../src/autodiff/ops.js";
import {
  col2im,
  conv2dIm2col,
  conv2dIm2colBackward,
  convCost,
  convGeometry,
  im2col,
  im2colInto,
  im2colSteps,
  type SparseMatrix,
  toeplitzMatrix,
  type WindowOptions,
  winogradConv,
} from "../../src/demos/computer-vision/im2col.js";
import { type Tensor, tensor, valueAndGrad } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { contiguous, type Images, images } from "../../src/lib/images.js";
import { matrixOver, toRows, zeros } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("computer-vision/im2col");

/** Normal numbers as images. */
function normals(seed: number, ...shape: number[]): Images {
  const { normal } = random(seed);
  return images(shape, Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, normal));
}

/** The definition, six loops: y[n,i,j,f] = Σ x[n, i·s − p + a·d, j·s − p + b·d, c]·w[a,b,c,f]. */
function direct(x: Images, w: Images, { stride = 1, padding = 0, dilation = 1 } = {}): Images {
  const [N, H, W, C] = x.shape as [number, number, number, number];
  const [kh, kw, , F] = w.shape as [number, number, number, number];
  const out = (size: number, taps: number) => Math.floor((size + 2 * padding - dilation * (taps - 1) - 1) / stride) + 1;
  const y = images([N, out(H, kh), out(W, kw), F], new Float64Array(N * out(H, kh) * out(W, kw) * F));
  for (let n = 0; n < N; n++) {
    for (let i = 0; i < y.shape[1]!; i++) {
      for (let j = 0; j < y.shape[2]!; j++) {
        for (let f = 0; f < F; f++) {
          let sum = 0;
          for (let a = 0; a < kh; a++) {
            for (let b = 0; b < kw; b++) {
              const [row, column] = [i * stride - padding + a * dilation, j * stride - padding + b * dilation];
              if (row < 0 || row >= H || column < 0 || column >= W) continue;
              for (let c = 0; c < C; c++) sum += x.get(n, row, column, c) * w.get(a, b, c, f);
            }
          }
          y.set(n, i, j, f, sum);
        }
      }
    }
  }
  return y;
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

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);

/** Sizes, window and seed, all unequal where they can be. */
const layers = fc.record({
  seed: fc.nat(999),
  shape: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 5, max: 8 }),
    fc.integer({ min: 5, max: 9 }),
    fc.integer({ min: 1, max: 4 }),
  ),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  stride: fc.integer({ min: 1, max: 3 }),
  padding: fc.integer({ min: 0, max: 2 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  filters: fc.integer({ min: 1, max: 5 }),
});

interface Case {
  readonly options: { stride: number; padding: number; dilation: number; groups: number };
  readonly kernel: number;
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly y: readonly number[];
  readonly dy: readonly number[];
  readonly dx: readonly number[];
  readonly dw: readonly number[];
  readonly db: readonly number[];
}
interface Fixture {
  readonly cases: readonly Case[];
  readonly unfold: {
    readonly x: readonly number[];
    readonly options: Omit<WindowOptions, "kernel">;
    readonly columns: readonly (readonly number[])[];
    readonly folded: readonly number[];
  };
  readonly same: {
    readonly x: readonly number[];
    readonly w: readonly number[];
    readonly y: readonly number[];
  };
  readonly scipy: Readonly<Record<"image" | "kernel" | "correlate2d" | "convolve2d", readonly (readonly number[])[]>>;
}

claim("equals-direct-convolution", () => {
  fc.assert(
    fc.property(layers, ({ seed, shape, kernel, filters, ...options }) => {
      const x = normals(seed, ...shape);
      const w = normals(seed + 1, ...kernel, shape[3], filters);
      const [y, expected] = [conv2dIm2col(x, w, options), direct(x, w, options)];
      expect(y.shape).toEqual(expected.shape);
      expect(largestDifference(y.data, expected.data)).toBeLessThan(1e-12); // at most 36 terms of size 1
    }),
  );
  const { cases, scipy } = oracle<Fixture>();
  expect(cases.length).toBeGreaterThan(14);
  for (const { options, kernel, shape, ...fixture } of cases) {
    const y = conv2dIm2col(
      images([2, 7, 9, 4], fixture.x),
      images([kernel, kernel, 4 / options.groups, 4], fixture.w),
      options,
    );
    expect(y.shape, JSON.stringify(options)).toEqual(shape);
    expect(largestDifference(y.data, fixture.y), JSON.stringify(options)).toBeLessThan(1e-12);
  }
  const { same } = oracle<Fixture>(); // an even kernel: PyTorch too has the odd zero below and to the right
  const padded = conv2dIm2col(images([1, 5, 6, 2], same.x), images([4, 4, 2, 3], same.w), { padding: "same" });
  expect(largestDifference(padded.data, same.y)).toBeLessThan(1e-13);
  const y = conv2dIm2col(images([1, 6, 8, 1], scipy.image.flat()), images([3, 3, 1, 1], scipy.kernel.flat()));
  expect(largestDifference(y.data, scipy.correlate2d.flat())).toBeLessThan(1e-13);
  expect(largestDifference(y.data, scipy.convolve2d.flat())).toBeLessThan(1e-13); // of the flipped kernel
});

claim("rows-are-the-windows", () => {
  const { unfold } = oracle<Fixture>();
  const x = images([2, 5, 6, 3], unfold.x);
  const options = { ...unfold.options, kernel: 2 };
  expect(toRows(im2col(x, { ...options, layout: "nchw" }).columns)).toEqual(unfold.columns); // torch's order, exactly
  const mine = toRows(im2col(x, options).columns);
  expect(mine).not.toEqual(unfold.columns); // same shape, other order
  const two = images([1, 2, 2, 2], [1, 10, 2, 20, 3, 30, 4, 40]);
  expect([...im2col(two, { kernel: 2 }).columns.data]).toEqual([1, 10, 2, 20, 3, 30, 4, 40]);
  expect([...im2col(two, { kernel: 2, layout: "nchw" }).columns.data]).toEqual([1, 2, 3, 4, 10, 20, 30, 40]);
  mine.forEach((row, r) => {
    row.forEach((entry, t) => {
      expect(entry).toBe(unfold.columns[r]![(t % 3) * 4 + Math.floor(t / 3)]);
    });
  });
  expect(largestDifference(col2im(im2col(x, options).columns, x.shape, options).data, unfold.folded)).toBeLessThan(
    1e-14,
  );
});

claim("columns-grow-by-k-squared-over-s-squared", () => {
  const elements = (shape: readonly number[], options: WindowOptions) =>
    convCost(shape, 1, "im2col", options).columnElements;
  expect(elements([56, 56, 64], { kernel: 3, padding: 1 })).toBe(1_806_336);
  expect(1_806_336 / (56 * 56 * 64)).toBe(9);
  expect(elements([224, 224, 3], { kernel: 7, stride: 2, padding: 3 })).toBe(1_843_968);
  expect(1_843_968 / (224 * 224 * 3)).toBe(12.25);
  expect(elements([14, 14, 256], { kernel: 1 })).toBe(14 * 14 * 256);
  // the formula is what is really made
  const x = normals(1, 1, 12, 10, 3);
  expect(im2col(x, { kernel: 3, stride: 2, padding: 1 }).columns.size).toBe(
    elements([12, 10, 3], { kernel: 3, stride: 2, padding: 1 }),
  );
});

claim("col2im-is-the-adjoint-not-the-inverse", () => {
  fc.assert(
    fc.property(layers, ({ seed, shape, filters: _, ...options }) => {
      const x = normals(seed, ...shape);
      const { columns } = im2col(x, options);
      const y = matrixOver(
        Float64Array.from(columns.data, random(seed + 5).normal),
        columns.shape[0]!,
        columns.shape[1]!,
      );
      const [left, right] = [dot(columns.data, y.data), dot(x.data, col2im(y, x.shape, options).data)];
      expect(Math.abs(left - right)).toBeLessThan(
        1e-12 * Math.max(1, Math.sqrt(dot(columns.data, columns.data) * dot(y.data, y.data))),
      );
    }),
  );
  const ones = images([1, 5, 5, 1], new Float64Array(25).fill(1));
  const counted = col2im(im2col(ones, { kernel: 3 }).columns, [1, 5, 5, 1], { kernel: 3 });
  expect(toRows(matrixOver(counted.data, 5, 5))).toEqual([
    [1, 2, 3, 2, 1],
    [2, 4, 6, 4, 2],
    [3, 6, 9, 6, 3],
    [2, 4, 6, 4, 2],
    [1, 2, 3, 2, 1],
  ]);
});

claim("backward-is-two-more-products", () => {
  for (const { options, kernel, shape, ...fixture } of oracle<Fixture>().cases) {
    const [x, w] = [images([2, 7, 9, 4], fixture.x), images([kernel, kernel, 4 / options.groups, 4], fixture.w)];
    const { dx, dw, db } = conv2dIm2colBackward(x, w, images(shape, fixture.dy), options);
    expect(largestDifference(dx.data, fixture.dx)).toBeLessThan(1e-10);
    expect(largestDifference(dw.data, fixture.dw)).toBeLessThan(1e-10);
    expect(largestDifference(db, fixture.db)).toBeLessThan(1e-10);
  }
  // central differences of ⟨conv(x, w), dy⟩, which is linear in each: exact but for rounding
  const [x, w, options] = [normals(1, 1, 5, 6, 2), normals(2, 3, 2, 2, 3), { stride: 2, padding: 1 }];
  const dy = normals(3, ...conv2dIm2col(x, w, options).shape);
  const { dx, dw } = conv2dIm2colBackward(x, w, dy, options);
  const score = () => dot(conv2dIm2col(x, w, options).data, dy.data);
  for (const [of, slope] of [
    [x, dx],
    [w, dw],
  ] as const) {
    for (let i = 0; i < of.size; i++) {
      const value = of.data[i]!;
      of.data[i] = value + 1e-3;
      const up = score();
      of.data[i] = value - 1e-3;
      const down = score();
      of.data[i] = value;
      expect(Math.abs((up - down) / 2e-3 - slope.data[i]!)).toBeLessThan(1e-7);
    }
  }
});

claim("same-work-more-traffic", () => {
  const layer = [[56, 56, 64], 64] as const;
  const options = { kernel: 3, padding: 1 };
  const [direct, columns] = [convCost(...layer, "direct", options), convCost(...layer, "im2col", options)];
  expect(2 * direct.multiplications).toBe(231_211_008);
  expect(columns.multiplications).toBe(direct.multiplications);
  expect(direct.elementsMoved).toBe(438_272);
  expect(columns.elementsMoved).toBe(4_050_944);
  expect((columns.elementsMoved / direct.elementsMoved).toFixed(2)).toBe("9.24");
  expect(direct.intensity.toFixed(1)).toBe("131.9");
  expect(columns.intensity.toFixed(1)).toBe("14.3");
});

claim("winograd-multiplies-less-and-rounds-more", () => {
  const options = { kernel: 3, padding: 1 };
  const multiplications = (method: "direct" | "winograd2" | "winograd4") =>
    convCost([56, 56, 64], 64, method, options).multiplications;
  expect(multiplications("direct") / multiplications("winograd2")).toBe(2.25);
  expect(multiplications("direct") / multiplications("winograd4")).toBe(4);
  // tiles that reach over the border are computed whole: 2×2 tiles of 4 for 5×7 outputs
  expect(convCost([5, 7, 1], 1, "winograd4", options).multiplications).toBe(4 * 36);
  const errors = { direct: 0, 2: 0, 4: 0 };
  const runs = 8;
  for (let seed = 0; seed < runs; seed++) {
    const round = (x: Images) => images(x.shape, x.data.map(Math.fround));
    const [x, w] = [round(normals(seed, 1, 16, 16, 1)), round(normals(seed + 100, 3, 3, 1, 2))];
    const exact = direct(x, w).data;
    // exact in exact arithmetic: in float64 both agree with the definition
    for (const tile of [2, 4] as const)
      expect(largestDifference(winogradConv(x, w, { tile }).data, exact)).toBeLessThan(1e-11);
    errors.direct += largestDifference(inFloat32(x, w).data, exact) / runs;
    for (const tile of [2, 4] as const)
      errors[tile] += largestDifference(winogradConv(x, w, { tile, round: Math.fround }).data, exact) / runs;
  }
  expect(errors[2]).toBeGreaterThan(errors.direct);
  expect(errors[4]).toBeGreaterThan(5 * errors.direct);
  expect(errors[4]).toBeLessThan(1e-4);
  // a tile of 1 is the definition, in float32 too: the sum of nine products, in another order
  const [x, w] = [1, 2].map((seed) => images(seed === 1 ? [1, 16, 16, 1] : [3, 3, 1, 2], normals(seed, 16, 16, 1, 1).data.subarray(0, seed === 1 ? 256 : 18).map(Math.fround))) as [Images, Images]; // biome-ignore format: one line
  expect(largestDifference(winogradConv(x, w, { tile: 1 }).data, direct(x, w).data)).toBeLessThan(1e-14);
  const single = largestDifference(winogradConv(x, w, { tile: 1, round: Math.fround }).data, direct(x, w).data);
  expect(single).toBeGreaterThan(1e-7);
  expect(single).toBeLessThan(3 * errors.direct);
});

test("Winograd equals the definition for batches, channels, paddings and sizes that tiles do not divide", () => {
  fc.assert(
    fc.property(
      layers,
      fc.constantFrom(1 as const, 2 as const, 4 as const),
      ({ seed, shape, filters, padding }, tile) => {
        const [x, w] = [normals(seed, ...shape), normals(seed + 1, 3, 3, shape[3], filters)];
        const before = [x.data.slice(), w.data.slice()];
        const [y, expected] = [winogradConv(x, w, { tile, padding }), direct(x, w, { padding })];
        expect(y.shape).toEqual(expected.shape);
        expect(largestDifference(y.data, expected.data)).toBeLessThan(1e-11);
        expect([x.data, w.data]).toEqual(before);
      },
    ),
    { numRuns: 40 },
  );
  const view = normals(1, 2, 8, 7, 3).lo(0, 1, 0, 1).hi(2, 6, 6, 2);
  const w = normals(2, 3, 3, 2, 2);
  expect(largestDifference(winogradConv(view, w).data, direct(view, w).data)).toBeLessThan(1e-12);
});

/** The definition with every product and sum rounded to float32. */
function inFloat32(x: Images, w: Images): Images {
  const { columns } = im2col(x, { kernel: 3 });
  const [rows, taps] = columns.shape as [number, number];
  const filters = w.shape[3]!;
  const y = new Float64Array(rows * filters);
  for (let r = 0; r < rows; r++) {
    for (let f = 0; f < filters; f++) {
      let sum = 0;
      for (let t = 0; t < taps; t++) sum = Math.fround(sum + Math.fround(columns.get(r, t) * w.data[t * filters + f]!));
      y[r * filters + f] = sum;
    }
  }
  return images([1, x.shape[1]! - 2, x.shape[2]! - 2, filters], y);
}

claim("toeplitz-unrolls-the-filter", () => {
  const [x, w] = [normals(1, 1, 28, 28, 1), normals(2, 3, 3, 1, 1)];
  const { shape, values, rows, columns } = toeplitzMatrix(w, [28, 28, 1], { padding: 1 });
  expect(shape).toEqual([784, 784]);
  expect(values.length).toBe(6724);
  expect(((100 * 6724) / 784 ** 2).toFixed(2)).toBe("1.09");
  expect(
    largestDifference(times({ shape, values, rows, columns }, x.data), conv2dIm2col(x, w, { padding: 1 }).data),
  ).toBeLessThan(1e-13);
  fc.assert(
    fc.property(layers, ({ seed, shape: size, kernel, filters, ...options }) => {
      const [image, bank] = [
        normals(seed, 1, size[1], size[2], size[3]),
        normals(seed + 1, ...kernel, size[3], filters),
      ];
      const matrix = toeplitzMatrix(bank, size.slice(1), options);
      const y = conv2dIm2col(image, bank, options);
      expect(largestDifference(times(matrix, image.data), y.data)).toBeLessThan(1e-12);
      // its transpose is the input's adjoint
      const dy = normals(seed + 2, ...y.shape);
      const back = times(
        { ...matrix, shape: [image.size, y.size], rows: matrix.columns, columns: matrix.rows },
        dy.data,
      );
      expect(largestDifference(back, conv2dIm2colBackward(image, bank, dy, options).dx.data)).toBeLessThan(1e-12);
    }),
    { numRuns: 25 },
  );
  // groups, and weights of 0, which are not stored
  for (const groups of [2, 4]) {
    const [image, bank] = [normals(3, 1, 5, 6, 4), normals(4, 2, 3, 4 / groups, 8)];
    bank.data[5] = 0;
    const matrix = toeplitzMatrix(bank, [5, 6, 4], { groups, padding: 1 });
    const y = conv2dIm2col(image, bank, { groups, padding: 1 });
    expect(matrix.shape).toEqual([y.size, image.size]);
    expect(largestDifference(times(matrix, image.data), y.data)).toBeLessThan(1e-13);
    expect(matrix.values.every((value) => value !== 0)).toBe(true);
    expect(new Set(matrix.values.map((_, i) => matrix.rows[i]! * image.size + matrix.columns[i]!)).size).toBe(
      matrix.values.length,
    );
    expect(matrix.rows.length).toBe(matrix.values.length);
    expect(matrix.columns.length).toBe(matrix.values.length);
  }
});

function times({ shape, rows, columns, values }: SparseMatrix, x: ArrayLike<number>): Float64Array {
  const y = new Float64Array(shape[0]);
  values.forEach((value, i) => {
    y[rows[i]!]! += value * x[columns[i]!]!;
  });
  return y;
}

claim("non-overlapping-windows-permute", () => {
  const x = normals(1, 2, 6, 9, 2);
  const { columns, outputShape } = im2col(x, { kernel: 3, stride: 3 });
  expect(outputShape).toEqual([2, 2, 3]);
  expect(columns.size).toBe(x.size);
  expect([...columns.data].sort()).toEqual([...x.data].sort());
  expect(col2im(columns, x.shape, { kernel: 3, stride: 3 }).data).toEqual(x.data);
});

describe("against TensorFlow.js", () => {
  withTensorFlow("conv2d agrees to 1e-4 (float32 there), 'same' padding included", (tf) => {
    for (const [stride, padding] of [
      [1, "same"],
      [2, "same"],
      [2, "valid"],
    ] as const) {
      const [x, w] = [normals(1, 2, 6, 7, 3), normals(2, 3, 2, 3, 4)];
      const theirs = tf.conv2d(
        tf.tensor4d(Array.from(x.data), x.shape as never, "float32"),
        tf.tensor4d(Array.from(w.data), w.shape as never, "float32"),
        stride,
        padding,
      );
      const y = conv2dIm2col(x, w, { stride, padding: padding === "same" ? "same" : 0 });
      expect(theirs.shape).toEqual(y.shape);
      expect(largestDifference(theirs.dataSync(), y.data)).toBeLessThan(1e-4);
    }
  });
});

test("the steps are the rows of the matrix, and say where each entry comes from", () => {
  const x = normals(1, 2, 4, 5, 3);
  const options = { kernel: [3, 2] as const, stride: 2, padding: 1 };
  const { columns, outputShape } = im2col(x, options);
  const steps = [...im2colSteps(x, options)];
  expect(steps).toHaveLength(columns.shape[0]!);
  expect(steps.at(-1)!.output).toEqual(outputShape.map((n) => n - 1));
  for (const { row, pixels, values } of steps) {
    expect([...values]).toEqual(toRows(columns)[row]);
    pixels.forEach((pixel, t) => {
      expect(values[t]).toBe(pixel < 0 ? 0 : x.data[pixel]);
    });
  }
});

test("no images give no windows; what is not rank 4 is refused, in the engine too", () => {
  const none = images([0, 4, 5, 2], []);
  expect(im2col(none, { kernel: 2 }).columns.shape).toEqual([0, 8]);
  expect(conv2dIm2col(none, normals(1, 2, 2, 2, 3)).shape).toEqual([0, 3, 4, 3]);
  expect(() => maxPool2d(tensor(new Float64Array(40), [4, 5, 2]), 2)).toThrow(
    new RangeError("convGeometry: images must be N×H×W×C with H, W and C at least 1, got 4×5×2"),
  );
});

test("the engine's gradients are these", () => {
  const [x, w, options] = [normals(1, 2, 5, 6, 2), normals(2, 3, 2, 2, 3), { stride: 2, padding: 1 }];
  const y = conv2dIm2col(x, w, options);
  const dy = normals(3, ...y.shape);
  const [xt, wt, dyt] = [x, w, dy].map((a) => tensor(a.data, a.shape)) as [Tensor, Tensor, Tensor];
  const { grads } = valueAndGrad((p: { x: Tensor; w: Tensor }) => sum(mul(conv2d(p.x, p.w, options), dyt)))({
    x: xt,
    w: wt,
  });
  const { dx, dw } = conv2dIm2colBackward(x, w, dy, options);
  expect(largestDifference(grads.x.data, dx.data)).toBeLessThan(1e-13);
  expect(largestDifference(grads.w.data, dw.data)).toBeLessThan(1e-13);
});

test("rows and pixels wider than 32 entries, whole and cut by the border, are copied and added as well", () => {
  const options = { kernel: 3, padding: 1 };
  const [x, w] = [normals(1, 1, 5, 4, 40), normals(2, 3, 3, 40, 2)];
  expect(largestDifference(conv2dIm2col(x, w, options).data, direct(x, w, options).data)).toBeLessThan(1e-11);
  const y = im2col(x, options).columns;
  // written over, not added to
  const again = y.data.slice().fill(7);
  im2colInto(x.data, convGeometry(x.shape, options), again);
  expect(again).toEqual(y.data);
  const ones = { ...options, dilation: 2 };
  expect(largestDifference(conv2dIm2col(x, w, ones).data, direct(x, w, ones).data)).toBeLessThan(1e-11);
});

test("strided and sliced inputs are read as they are; inputs are unchanged", () => {
  const x = normals(1, 2, 6, 5, 4);
  const view = x.lo(0, 1, 0, 1).hi(2, 4, 5, 2);
  const before = x.data.slice();
  const y = conv2dIm2col(view, normals(2, 3, 3, 2, 3));
  expect(y.data).toEqual(conv2dIm2col(images(view.shape, contiguous(view)), normals(2, 3, 3, 2, 3)).data);
  expect(largestDifference(y.data, direct(view, normals(2, 3, 3, 2, 3)).data)).toBeLessThan(1e-12);
  expect(x.data).toEqual(before);
});

describe("bad input", () => {
  const x = normals(1, 1, 4, 5, 2);
  test.each<readonly [string, () => unknown]>([
    [
      "convGeometry: the window of 5×5 (dilation 1) must fit into the padded image, got 4×5 with padding 0",
      () => im2col(x, { kernel: 5 }),
    ],
    ["convGeometry: stride must be an integer at least 1, got 0", () => im2col(x, { kernel: 2, stride: 0 })],
    ["convGeometry: dilation must be an integer at least 1, got 0.5", () => im2col(x, { kernel: 2, dilation: 0.5 })],
    ["convGeometry: padding must be an integer at least 0, got -1", () => im2col(x, { kernel: 2, padding: -1 })],
    ["convGeometry: kernel height must be an integer at least 1, got NaN", () => im2col(x, { kernel: Number.NaN })],
    ["im2col: layout must be one of 'nhwc', 'nchw', got 'hwc'", () => im2col(x, { kernel: 2, layout: "hwc" as never })],
    [
      "conv2dIm2col: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, " +
        "got 1×4×5×2 and 3×3×3×4 with groups 1",
      () => conv2dIm2col(x, normals(1, 3, 3, 3, 4)),
    ],
    [
      "col2im: columns must be 12×8 for images 1×4×5×2, got 3×8",
      () => col2im(zeros(3, 8), [1, 4, 5, 2], { kernel: 2 }),
    ],
    [
      "conv2dIm2colBackward: dy must be 1×2×3×4, got 1×2×2×4",
      () => conv2dIm2colBackward(x, normals(1, 3, 3, 2, 4), normals(1, 1, 2, 2, 4)),
    ],
    ["winogradConv: the filters must be 3×3, got 2×2", () => winogradConv(x, normals(1, 2, 2, 2, 1))],
    [
      "winogradConv: tile must be 1, 2 or 4, got 3",
      () => winogradConv(x, normals(1, 3, 3, 2, 1), { tile: 3 as never }),
    ],
    [
      "convCost: winograd2 is for windows of 3×3 with stride and dilation 1, got 3×3, stride 2, dilation 1",
      () => convCost([8, 8, 1], 1, "winograd2", { kernel: 3, stride: 2 }),
    ],
    [
      "im2col: 1000000×961 entries are too many for one array; cut the batch or the image into tiles",
      () => im2col(images([1, 1000, 1000, 1], new Float64Array(1e6)), { kernel: 31, padding: 15 }),
    ],
    [
      "conv2dIm2col: 1000000×961 entries are too many for one array; cut the batch or the image into tiles",
      () => conv2dIm2col(images([1, 1000, 1000, 1], new Float64Array(1e6)), normals(1, 31, 31, 1, 1), { padding: 15 }),
    ],
    [
      "conv2dIm2col: 1000000×300 entries are too many for one array; cut the batch or the image into tiles",
      () => conv2dIm2col(images([1, 1000, 1000, 1], new Float64Array(1e6)), normals(1, 1, 1, 1, 300)),
    ],
    [
      "conv2dIm2colBackward: 1000000×961 entries are too many for one array; cut the batch or the image into tiles",
      () => {
        const x = images([1, 1000, 1000, 1], new Float64Array(1e6));
        conv2dIm2colBackward(x, normals(1, 31, 31, 1, 1), x, { padding: 15 });
      },
    ],
    [
      "winogradConv: 1000000×300 entries are too many for one array; cut the batch or the image into tiles",
      () => winogradConv(images([1, 1000, 1000, 1], new Float64Array(1e6)), normals(1, 3, 3, 1, 300), { padding: 1 }),
    ],
    [
      "toeplitzMatrix: 1000000×961 entries are too many for one array; cut the batch or the image into tiles",
      () => toeplitzMatrix(normals(1, 31, 31, 1, 1), [1000, 1000, 1], { padding: 15 }),
    ],
    [
      "col2im: 1×100000×100000×1 entries are too many for one array; cut the batch or the image into tiles",
      () => col2im(zeros(1, 1), [1, 100_000, 100_000, 1], { kernel: 1, stride: 100_000 }),
    ],
    [
      "convGeometry: images must be N×H×W×C with H, W and C at least 1, got 4×5×2",
      () => convGeometry([4, 5, 2], { kernel: 2 }),
    ],
    [
      "convGeometry: images must be N×H×W×C with H, W and C at least 1, got 1×4×5×0",
      () => convGeometry([1, 4, 5, 0], { kernel: 2 }),
    ],
    [
      "convGeometry: images must be N×H×W×C with H, W and C at least 1, got 1×4×5×1.5",
      () => convGeometry([1, 4, 5, 1.5], { kernel: 2 }),
    ],
    ["convCost: filters must be an integer at least 1, got 0", () => convCost([4, 5, 2], 0, "im2col", { kernel: 2 })],
    ["toeplitzMatrix: groups must be an integer at least 1, got 0", () => toeplitzMatrix(x, [4, 5, 2], { groups: 0 })],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });

  test("what is not rank 4 is named", () => {
    expect(() => im2col(zeros(2, 2) as never, { kernel: 1 })).toThrow(
      new TypeError("im2col: x must be a rank-4 ndarray of Float64Array, got rank 2"),
    );
  });

  test("NaN and infinity stay where they are seen", () => {
    const bad = images([1, 3, 3, 1], [Number.NaN, 1, 1, 1, 1, 1, 1, 1, Infinity]);
    const y = conv2dIm2col(bad, images([2, 2, 1, 1], [1, 1, 1, 1]));
    expect([...y.data]).toEqual([Number.NaN, 4, 4, Infinity]);
  });
});

test("convGeometry: 'same' gives ⌈size/stride⌉ outputs, the odd zero below and right", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      (size, kernel, stride) => {
        const { outHeight, padTop } = convGeometry([1, size, size, 1], { kernel, stride, padding: "same" });
        expect(outHeight).toBe(Math.ceil(size / stride));
        expect(padTop).toBe(Math.floor(Math.max(0, (outHeight - 1) * stride + kernel - size) / 2));
      },
    ),
  );
});
