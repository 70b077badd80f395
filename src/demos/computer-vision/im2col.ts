/**
 * im2col: every receptive window of an image copied into a row of a matrix, so that a convolution is one matrix product.
 *
 * Follows Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
 * https://inria.hal.science/inria-00112631
 * Follows Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", 2016. https://arxiv.org/abs/1509.09308
 * Follows Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016. https://arxiv.org/abs/1603.07285
 * But:
 * - The whole matrix is formed; libraries form it tile by tile, and never write it to memory.
 * - Stride and dilation are the same along both axes.
 */
import { checkChoice, checkInteger } from "../../lib/check.js";
import { gemm } from "../../lib/gemm.js";
import { contiguous, type Images, imagesOver } from "../../lib/images.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";

type Floats = Float32Array | Float64Array;

/** How windows are placed. */
export interface WindowOptions {
  /** height and width of the window; one number for a square */
  readonly kernel: number | readonly [height: number, width: number];
  /** distance of neighbouring windows, default 1 */
  readonly stride?: number;
  /**
   * zeros around the image, default 0; 'same' pads so that there are ⌈size/stride⌉ windows along each axis, the odd zero
   * below and to the right
   */
  readonly padding?: number | "same";
  /** distance of neighbouring pixels within a window, default 1 */
  readonly dilation?: number;
}

/** What `im2col` returns. */
export interface Columns {
  /** (N·H'·W')×(kh·kw·C), a window a row: its pixels row by row, channels fastest */
  readonly columns: Matrix;
  /** [N, H', W'] */
  readonly outputShape: readonly [batch: number, height: number, width: number];
}

/**
 * Every window of the images as a row of a matrix (1).
 *
 * @param x N×H×W×C
 * @param options.layout 'nhwc' (default): entries in the order (row, column, channel); 'nchw': (channel, row, column), as
 * PyTorch's unfold
 * @throws RangeError if the window is larger than the padded image, an option is out of range, or the matrix would have more
 * than 2²⁸ entries
 * @example
 * const x = images([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
 * toRows(im2col(x, { kernel: 2 }).columns) // [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
 */
export function im2col(
  x: Images,
  { layout = "nhwc", ...options }: WindowOptions & { readonly layout?: "nhwc" | "nchw" },
): Columns {
  checkImages("im2col", "x", x);
  checkChoice("im2col", "layout", layout, ["nhwc", "nchw"]);
  const geometry = convGeometry(x.shape, options);
  const { batch, outHeight, outWidth, kernelHeight, kernelWidth, channels } = geometry;
  const [rows, taps] = [batch * outHeight * outWidth, kernelHeight * kernelWidth * channels];
  const columns = floats("im2col", rows, taps);
  im2colInto(contiguous(x), geometry, columns);
  const ordered = layout === "nhwc" ? columns : channelsFirst(columns, kernelHeight * kernelWidth, channels);
  return { columns: matrixOver(ordered, rows, taps), outputShape: [batch, outHeight, outWidth] };
}

/** One window on its way into the matrix. */
export interface Im2colStep {
  /** row of the matrix */
  readonly row: number;
  /** image, and the window's place among the outputs */
  readonly output: readonly [image: number, row: number, column: number];
  /** position in the image of each entry of the row, −1 where it is padding */
  readonly pixels: Int32Array;
  readonly values: Float64Array;
}

/**
 * The rows of `im2col` one by one, with where each entry comes from.
 *
 * @throws as `im2col`
 */
export function* im2colSteps(x: Images, options: WindowOptions): Generator<Im2colStep, void> {
  const { columns, outputShape } = im2col(x, options);
  const positions = imagesOver(
    Float64Array.from({ length: x.size }, (_, i) => i + 1),
    x.shape,
  );
  const sources = im2col(positions, options).columns;
  const [rows, taps] = columns.shape as [number, number];
  const [, height, width] = outputShape;
  for (let row = 0; row < rows; row++) {
    const output = [Math.floor(row / (height * width)), Math.floor(row / width) % height, row % width] as const;
    const pixels = Int32Array.from({ length: taps }, (_, t) => sources.get(row, t) - 1);
    yield { row, output, pixels, values: columns.data.slice(row * taps, (row + 1) * taps) };
  }
}

/**
 * The adjoint of `im2col`: each entry is added to the pixel it was copied from. Not the inverse: a pixel that lies in ν
 * windows comes back ν times (2).
 *
 * @param columns (N·H'·W')×(kh·kw·C), as `im2col` lays them out
 * @param shape [N, H, W, C] of the images
 * @throws RangeError if the matrix has not the shape that `im2col` of such images has, or the images would have more than
 * 2²⁸ entries
 */
export function col2im(columns: Matrix, shape: readonly number[], options: WindowOptions): Images {
  const geometry = convGeometry(shape, options);
  const { batch, outHeight, outWidth, kernelHeight, kernelWidth, channels } = geometry;
  const [rows, taps] = [batch * outHeight * outWidth, kernelHeight * kernelWidth * channels];
  if (columns.shape[0] !== rows || columns.shape[1] !== taps) {
    throw new RangeError(
      `col2im: columns must be ${rows}×${taps} for images ${shape.join("×")}, got ${columns.shape.join("×")}`,
    );
  }
  const x = floats("col2im", ...shape);
  col2imInto(rowMajor(columns), geometry, x);
  return imagesOver(x, shape);
}

/** Options of a convolution: the window is the filters'. */
export interface ConvOptions extends Omit<WindowOptions, "kernel"> {
  /** the g-th part of the filters sees the g-th part of the channels, default 1 */
  readonly groups?: number;
}

/**
 * Convolution as one matrix product, Y = im2col(X)·W (3): the cross-correlation of deep learning.
 *
 * @param x N×H×W×C
 * @param w kh×kw×(C/groups)×F
 * @returns N×H'×W'×F
 * @throws RangeError if the shapes do not fit, or the columns of a group or the outputs would have more than 2²⁸ entries
 * @example
 * const x = images([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
 * const w = images([2, 2, 1, 1], [1, 0, 0, -1]);
 * conv2dIm2col(x, w).data // [-4, -4, -4, -4]
 */
export function conv2dIm2col(x: Images, w: Images, options: ConvOptions = {}): Images {
  const { geometry, groups, taps, filters } = plan("conv2dIm2col", x, w, options);
  const { batch, outHeight, outWidth } = geometry;
  const rows = batch * outHeight * outWidth;
  const y = floats("conv2dIm2col", rows, filters * groups);
  for (let g = 0; g < groups; g++) {
    const part = gemm(
      rows,
      filters,
      taps,
      columnsOf("conv2dIm2col", group(contiguous(x), geometry.channels, groups, g), geometry),
      group(contiguous(w), filters, groups, g),
    );
    putGroup(part, y, filters, groups, g);
  }
  return imagesOver(y, [batch, outHeight, outWidth, filters * groups]);
}

/** What `conv2dIm2colBackward` returns, each in the shape of what it is the gradient of. */
export interface ConvGradients {
  readonly dx: Images;
  readonly dw: Images;
  /** F, the gradient of a bias that is added to every output: sums over images and positions */
  readonly db: Float64Array;
}

/**
 * The adjoints of `conv2dIm2col`, two more products: dW = im2col(X)ᵀ·dY and dX = col2im(dY·Wᵀ) (4).
 *
 * @param dy N×H'×W'×F
 * @throws as `conv2dIm2col`
 */
export function conv2dIm2colBackward(x: Images, w: Images, dy: Images, options: ConvOptions = {}): ConvGradients {
  const { geometry, groups, taps, filters } = plan("conv2dIm2colBackward", x, w, options);
  const { batch, outHeight, outWidth, channels } = geometry;
  const rows = batch * outHeight * outWidth;
  if (dy.shape.join() !== [batch, outHeight, outWidth, filters * groups].join()) {
    throw new RangeError(
      `conv2dIm2colBackward: dy must be ${batch}×${outHeight}×${outWidth}×${filters * groups}, got ${dy.shape.join("×")}`,
    );
  }
  const [dx, dw] = [new Float64Array(x.size), new Float64Array(w.size)];
  for (let g = 0; g < groups; g++) {
    const slope = group(contiguous(dy), filters, groups, g);
    const columns = columnsOf("conv2dIm2colBackward", group(contiguous(x), channels, groups, g), geometry);
    const turned = { data: columns, stride: [1, taps], offset: 0 };
    putGroup(gemm(taps, filters, rows, turned, slope), dw, filters, groups, g);
    const weights = { data: group(contiguous(w), filters, groups, g), stride: [1, filters], offset: 0 };
    const image = new Float64Array(x.size / groups);
    col2imInto(gemm(rows, taps, filters, slope, weights), geometry, image);
    putGroup(image, dx, channels, groups, g);
  }
  const db = new Float64Array(filters * groups);
  contiguous(dy).forEach((value, i) => {
    db[i % db.length]! += value;
  });
  return { dx: imagesOver(dx, x.shape), dw: imagesOver(dw, w.shape), db };
}

/**
 * 3×3 convolution with stride 1 by Winograd's minimal filtering (5): an output tile of m×m needs (m + 2)² multiplications for
 * each pair of channels instead of 9m².
 *
 * @param x N×H×W×C
 * @param w 3×3×C×F
 * @param options.tile m, 2 (default) or 4; 1 is the definition itself, its transforms change nothing
 * @param options.padding zeros around the image, default 0
 * @param options.round applied to every intermediate number: Math.fround shows the rounding of float32; default none
 * @throws RangeError if the filters are not 3×3 or do not fit the images, the tile is not 1, 2 or 4, or the output would have
 * more than 2²⁸ entries
 */
export function winogradConv(
  x: Images,
  w: Images,
  { tile = 2, padding = 0, round = (value) => value }: WinogradOptions = {},
): Images {
  const { geometry, filters } = plan("winogradConv", x, w, { padding });
  if (!(w.shape[0] === 3 && w.shape[1] === 3)) {
    throw new RangeError(`winogradConv: the filters must be 3×3, got ${w.shape[0]}×${w.shape[1]}`);
  }
  const matrices = WINOGRAD.get(tile);
  if (!matrices) throw new RangeError(`winogradConv: tile must be 1, 2 or 4, got ${tile}`);
  const { A, B, G } = matrices;
  const { batch, height, width, channels, outHeight, outWidth } = geometry;
  const size = tile + 2;
  const [image, weights] = [contiguous(x), contiguous(w)];
  const pixel = (n: number, i: number, j: number, c: number) =>
    i >= 0 && i < height && j >= 0 && j < width ? image[((n * height + i) * width + j) * channels + c]! : 0;
  const y = floats("winogradConv", batch * outHeight * outWidth, filters);
  // U = G·g·Gᵀ for every filter and channel: once, whatever the size of the image.
  const U = Array.from({ length: channels * filters }, (_, at) => {
    const g = Array.from({ length: 9 }, (_, t) => weights[t * channels * filters + at]!);
    return sandwich(G, g, 3, round);
  });
  for (let n = 0; n < batch; n++) {
    for (let top = 0; top < outHeight; top += tile) {
      for (let left = 0; left < outWidth; left += tile) {
        // V = Bᵀ·z·B for every channel of the input tile z
        const V = Array.from({ length: channels }, (_, c) => {
          const z = Array.from({ length: size * size }, (_, t) =>
            pixel(n, top - padding + Math.floor(t / size), left - padding + (t % size), c),
          );
          return sandwich(B, z, size, round);
        });
        for (let f = 0; f < filters; f++) {
          const M = Array.from({ length: size * size }, (_, t) =>
            V.reduce((sum, v, c) => round(sum + round(v[t]! * U[c * filters + f]![t]!)), 0),
          );
          const out = sandwich(A, M, size, round); // Aᵀ·M·A
          for (let i = 0; i < Math.min(tile, outHeight - top); i++) {
            for (let j = 0; j < Math.min(tile, outWidth - left); j++) {
              y[((n * outHeight + top + i) * outWidth + left + j) * filters + f] = out[i * tile + j]!;
            }
          }
        }
      }
    }
  }
  return imagesOver(y, [batch, outHeight, outWidth, filters]);
}

/** Options of `winogradConv`. */
export interface WinogradOptions {
  readonly tile?: 1 | 2 | 4;
  readonly padding?: number;
  readonly round?: (value: number) => number;
}

/** A matrix by its entries that are not 0. */
export interface SparseMatrix {
  readonly shape: readonly [rows: number, columns: number];
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/**
 * The other way round: the filters unrolled into the matrix of the whole linear map, which then multiplies the flattened
 * image (6). Its transpose is the transposed convolution.
 *
 * @param w kh×kw×(C/groups)×F
 * @param shape [H, W, C] of one image
 * @returns (H'·W'·F)×(H·W·C), without what is padding and without weights of 0
 * @throws RangeError if the shapes do not fit, or there would be more than 2²⁸ products
 */
export function toeplitzMatrix(w: Images, shape: readonly number[], options: ConvOptions = {}): SparseMatrix {
  const image = [1, ...shape];
  const one = imagesOver(floats("toeplitzMatrix", ...image), image);
  const { geometry, groups, taps, filters } = plan("toeplitzMatrix", one, w, options);
  const { channels, outHeight, outWidth, kernelHeight, kernelWidth } = geometry;
  const weights = contiguous(w);
  const all = filters * groups;
  const values = floats("toeplitzMatrix", outHeight * outWidth, taps * all);
  const [rows, columns] = [new Int32Array(values.length), new Int32Array(values.length)];
  let count = 0;
  const { groups: _, ...window } = options;
  for (const { row, pixels } of im2colSteps(one, { ...window, kernel: [kernelHeight, kernelWidth] })) {
    for (const [t, pixel] of pixels.entries()) {
      if (pixel < 0) continue;
      const [tap, c] = [Math.floor(t / (channels * groups)), t % (channels * groups)];
      const g = Math.floor(c / channels);
      for (let f = g * filters; f < (g + 1) * filters; f++) {
        const weight = weights[(tap * channels + (c % channels)) * all + f]!;
        if (weight === 0) continue;
        [rows[count], columns[count], values[count]] = [row * all + f, pixel, weight];
        count++;
      }
    }
  }
  return {
    shape: [outHeight * outWidth * all, one.size],
    rows: rows.slice(0, count),
    columns: columns.slice(0, count),
    values: values.slice(0, count),
  };
}

/** What one convolution layer costs, for one image. */
export interface ConvCost {
  /** of the products (for Winograd of its products by entry, transforms not counted) */
  readonly multiplications: number;
  /** entries of the column matrix; 0 where there is none */
  readonly columnElements: number;
  /** entries read and written: input, weights, output, and the column matrix once each way */
  readonly elementsMoved: number;
  /** floating-point operations (2 for a multiplication and its addition) per byte moved, in float32 */
  readonly intensity: number;
}

/** The ways to compute a convolution that `convCost` knows. */
export type ConvMethod = "direct" | "im2col" | "winograd2" | "winograd4";

/**
 * Work and traffic of a layer without groups, by formula (7).
 *
 * @param shape [H, W, C] of the input
 * @param filters F
 * @param method 'direct', 'im2col', or Winograd's with tiles of 2 or 4 (3×3, stride 1 only)
 * @throws RangeError if a number or the method is out of range
 * @example
 * convCost([56, 56, 64], 64, "im2col", { kernel: 3, padding: 1 }).columnElements // 1806336
 */
export function convCost(
  shape: readonly number[],
  filters: number,
  method: ConvMethod,
  options: WindowOptions,
): ConvCost {
  checkChoice("convCost", "method", method, ["direct", "im2col", "winograd2", "winograd4"]);
  checkInteger("convCost", "filters", filters, 1);
  const { kernelHeight, kernelWidth, stride, dilation, outHeight, outWidth } = convGeometry([1, ...shape], options);
  const channels = shape[2]!;
  const outputs = outHeight * outWidth;
  const taps = kernelHeight * kernelWidth * channels;
  const tile = method === "winograd2" ? 2 : method === "winograd4" ? 4 : undefined;
  if (tile && !(kernelHeight === 3 && kernelWidth === 3 && stride === 1 && dilation === 1)) {
    throw new RangeError(
      `convCost: ${method} is for windows of 3×3 with stride and dilation 1, got ${kernelHeight}×${kernelWidth}, stride ${stride}, dilation ${dilation}`,
    );
  }
  const multiplications = tile
    ? Math.ceil(outHeight / tile) * Math.ceil(outWidth / tile) * (tile + 2) ** 2 * channels * filters
    : outputs * taps * filters;
  const columnElements = method === "im2col" ? outputs * taps : 0;
  const once = shape[0]! * shape[1]! * channels + taps * filters + outputs * filters;
  const elementsMoved = once + 2 * columnElements; // (7)
  return {
    multiplications,
    columnElements,
    elementsMoved,
    intensity: (2 * outputs * taps * filters) / (4 * elementsMoved),
  };
}

// ---- sizes and loops; the autodiff engine uses these too ----

/** All sizes of a convolution, worked out. */
export interface ConvGeometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: number;
  readonly dilation: number;
  /** zeros above and to the left; below and to the right are as many as the last window needs */
  readonly padTop: number;
  readonly padLeft: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/**
 * The sizes of a convolution over images N×H×W×C.
 *
 * @throws RangeError if there are not four sizes, a size is out of range, or the window is larger than the padded image
 * @example
 * convGeometry([1, 28, 28, 1], { kernel: 5, stride: 2 }).outWidth // 12
 */
export function convGeometry(
  shape: readonly number[],
  { kernel, stride = 1, padding = 0, dilation = 1 }: WindowOptions,
): ConvGeometry {
  if (!(shape.length === 4 && shape.every((size, axis) => Number.isInteger(size) && size >= Math.min(axis, 1)))) {
    throw new RangeError(`convGeometry: images must be N×H×W×C with H, W and C at least 1, got ${shape.join("×")}`);
  }
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const [kernelHeight, kernelWidth] = typeof kernel === "number" ? [kernel, kernel] : kernel;
  checkInteger("convGeometry", "kernel height", kernelHeight, 1);
  checkInteger("convGeometry", "kernel width", kernelWidth, 1);
  checkInteger("convGeometry", "stride", stride, 1);
  checkInteger("convGeometry", "dilation", dilation, 1);
  const along = (size: number, taps: number) => {
    const reach = dilation * (taps - 1) + 1; // from the first pixel of a window to its last
    const wanted = Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
    const pad = padding === "same" ? Math.floor(wanted / 2) : checkInteger("convGeometry", "padding", padding, 0);
    const padded = size + (padding === "same" ? wanted : 2 * pad);
    if (!(reach <= padded)) {
      throw new RangeError(
        `convGeometry: the window of ${kernelHeight}×${kernelWidth} (dilation ${dilation}) must fit into the padded image, ` +
          `got ${height}×${width} with padding ${padding}`,
      );
    }
    return { pad, out: Math.floor((padded - reach) / stride) + 1 };
  };
  const [down, right] = [along(height, kernelHeight!), along(width, kernelWidth!)];
  return {
    batch,
    height,
    width,
    channels,
    kernelHeight: kernelHeight!,
    kernelWidth: kernelWidth!,
    stride,
    dilation,
    padTop: down.pad,
    padLeft: right.pad,
    outHeight: down.out,
    outWidth: right.out,
  };
}

/**
 * The windows of the images as rows: (N·H'·W') × (kh·kw·C), zeros where a window reaches over the border.
 *
 * @param x N×H×W×C, row-major
 * @param columns where to write
 */
export function im2colInto(x: Floats, geometry: ConvGeometry, columns: Floats): void {
  walk(x, geometry, columns, false);
}

/** The adjoint of `im2colInto`: every entry of the rows is added to the pixel it was copied from. */
export function col2imInto(columns: Floats, geometry: ConvGeometry, x: Floats): void {
  walk(x, geometry, columns, true);
}

/**
 * All windows, run by run: a row of a window lies in one run of the image's row; with dilation, each pixel in a run of its
 * own. Copies them to the columns, or adds the columns back.
 */
function walk(x: Floats, geometry: ConvGeometry, columns: Floats, back: boolean): void {
  const { batch, height, channels, kernelHeight, stride, dilation, padTop, padLeft, outHeight, outWidth } = geometry;
  const pieces = dilation === 1 ? 1 : geometry.kernelWidth;
  const [length, line] = [(geometry.kernelWidth / pieces) * channels, geometry.width * channels];
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let p = 0; p < kernelHeight; p++) {
          const row = i * stride - padTop + p * dilation;
          const inside = row >= 0 && row < height;
          const start = (n * height + row) * line;
          for (let q = 0; q < pieces; q++, to += length) {
            const at = (j * stride - padLeft + q * dilation) * channels;
            const from = start + at;
            if (inside && at >= 0 && at + length <= line) {
              if (back) for (let t = 0; t < length; t++) x[from + t]! += columns[to + t]!;
              else if (length >= WORTH_SET) columns.set(x.subarray(from, from + length), to);
              else for (let t = 0; t < length; t++) columns[to + t] = x[from + t]!;
            } else {
              for (let t = 0; t < length; t++) {
                const seen = inside && at + t >= 0 && at + t < line;
                if (!back) columns[to + t] = seen ? x[from + t]! : 0;
                else if (seen) x[from + t]! += columns[to + t]!;
              }
            }
          }
        }
      }
    }
  }
}

/** From this many entries on, `set` copies faster than a loop. */
const WORTH_SET = 32;

// ---- helpers ----

function checkImages(caller: string, name: string, x: Images): void {
  if (!(x?.data instanceof Float64Array && x.shape.length === 4)) {
    throw new TypeError(
      `${caller}: ${name} must be a rank-4 ndarray of Float64Array, got ${x?.shape ? `rank ${x.shape.length}` : typeof x}`,
    );
  }
}

/** Checks that images and filters fit, and works out the sizes of one group. */
function plan(caller: string, x: Images, w: Images, { groups = 1, ...options }: ConvOptions) {
  checkImages(caller, "x", x);
  checkImages(caller, "w", w);
  checkInteger(caller, "groups", groups, 1);
  const [kernelHeight, kernelWidth, channels, filters] = w.shape as [number, number, number, number];
  if (!(x.shape[3] === channels * groups && filters % groups === 0)) {
    throw new RangeError(
      `${caller}: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, ` +
        `got ${x.shape.join("×")} and ${w.shape.join("×")} with groups ${groups}`,
    );
  }
  const [batch, height, width] = x.shape as [number, number, number, number];
  const geometry = convGeometry([batch, height, width, channels], { ...options, kernel: [kernelHeight, kernelWidth] });
  return { geometry, groups, taps: kernelHeight * kernelWidth * channels, filters: filters / groups };
}

/** Zeros for an array of these sizes, if that is not too large. */
function floats(caller: string, ...sizes: readonly number[]): Float64Array {
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count <= 2 ** 28) return new Float64Array(count);
  throw new RangeError(
    `${caller}: ${sizes.join("×")} entries are too many for one array; cut the batch or the image into tiles`,
  );
}

/** The g-th of `groups` parts of the last axis, each `width` long. */
function group(data: Float64Array, width: number, groups: number, g: number): Float64Array {
  if (groups === 1) return data;
  const part = new Float64Array(data.length / groups);
  for (let i = 0; i < part.length; i++)
    part[i] = data[Math.floor(i / width) * width * groups + g * width + (i % width)]!;
  return part;
}

/** The way back of `group`. */
function putGroup(part: Float64Array, data: Float64Array, width: number, groups: number, g: number): void {
  for (let i = 0; i < part.length; i++)
    data[Math.floor(i / width) * width * groups + g * width + (i % width)] = part[i]!;
}

function columnsOf(caller: string, x: Float64Array, geometry: ConvGeometry): Float64Array {
  const { batch, channels, kernelHeight, kernelWidth, stride, outHeight, outWidth } = geometry;
  const [rows, taps] = [batch * outHeight * outWidth, kernelHeight * kernelWidth * channels];
  if (kernelHeight * kernelWidth * stride === 1 && rows * taps === x.length) return x; // the pixels are the rows already
  const columns = floats(caller, rows, taps);
  im2colInto(x, geometry, columns);
  return columns;
}

/** Rows in the order (tap, channel) become rows in the order (channel, tap). */
function channelsFirst(columns: Float64Array, taps: number, channels: number): Float64Array {
  const width = taps * channels;
  return columns.map((_, i) => {
    const [row, at] = [Math.floor(i / width), i % width];
    return columns[row * width + (at % taps) * channels + Math.floor(at / taps)]!;
  });
}

const IDENTITY = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];
/**
 * Lavin and Gray's matrices for tiles of 2 and 4, and those with which a tile of 1 is the definition: Aᵀ, Bᵀ and G by their
 * rows, so that each transform is L·X·Lᵀ.
 */
const WINOGRAD = new Map([
  [1, { A: [[1, 1, 1]], B: IDENTITY, G: IDENTITY }],
  [
    2,
    {
      A: [
        [1, 1, 1, 0],
        [0, 1, -1, -1],
      ],
      B: [
        [1, 0, -1, 0],
        [0, 1, 1, 0],
        [0, -1, 1, 0],
        [0, 1, 0, -1],
      ],
      G: [
        [1, 0, 0],
        [1 / 2, 1 / 2, 1 / 2],
        [1 / 2, -1 / 2, 1 / 2],
        [0, 0, 1],
      ],
    },
  ],
  [
    4,
    {
      A: [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
      ],
      B: [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
      ],
      G: [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
      ],
    },
  ],
]);

/** L·X·Lᵀ for a square X of the given size. */
function sandwich(
  L: readonly (readonly number[])[],
  X: readonly number[],
  size: number,
  round: (x: number) => number,
): number[] {
  const product = (rows: readonly (readonly number[])[], entry: (k: number, j: number) => number) =>
    rows.map((l) =>
      Array.from({ length: size }, (_, j) => l.reduce((sum, value, k) => round(sum + round(value * entry(k, j))), 0)),
    );
  const left = product(L, (k, j) => X[k * size + j]!); // L·X
  return left.flatMap((row) => L.map((l) => l.reduce((sum, value, k) => round(sum + round(value * row[k]!)), 0))); // ·Lᵀ
}
