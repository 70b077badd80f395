/**
 * Convolution and pooling over images N×H×W×C with filters kh×kw×C×F: one matrix product over the rows of im2col. The three
 * products of a convolution (forward, input's adjoint, filter's adjoint) are linear in each operand, so that the rule of
 * each is the other two.
 */
import {
  type ConvGeometry,
  col2imInto,
  convGeometry,
  im2colInto,
  type WindowOptions,
} from "../demos/computer-vision/im2col.js";
import { type Floats, record, Tensor, tensor, text } from "../demos/deep-learning-foundations/backpropagation.js";
import { multiplyBatch, sizeOf, zeros } from "./kernels.js";
import { concat, gather, mul, OPS, reshape, sameType, scatterAdd, split } from "./ops.js";

/** How the windows of a convolution are placed, and into how many groups the channels are cut. */
export interface ConvOptions extends Omit<WindowOptions, "kernel"> {
  /** the g-th part of the filters sees the g-th part of the channels, default 1; as many groups as channels is depthwise */
  readonly groups?: number;
}

/**
 * Convolution, as it is called in deep learning: the cross-correlation of the images with the filters.
 *
 * @param x N×H×W×C
 * @param w kh×kw×(C/groups)×F
 * @returns N×H'×W'×F, where H' = ⌊(H + 2·padding − dilation·(kh − 1) − 1)/stride⌋ + 1
 * @throws RangeError if the shapes do not fit
 */
export function conv2d(x: Tensor, w: Tensor, { groups = 1, ...options }: ConvOptions = {}): Tensor {
  const [channels, filters] = [w.shape[2]!, w.shape[3]!];
  if (!(x.shape.length === 4 && w.shape.length === 4 && x.shape[3] === channels * groups && filters % groups === 0)) {
    throw new RangeError(
      `conv2d: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, ` +
        `got ${text(x.shape)} and ${text(w.shape)} with groups ${groups}`,
    );
  }
  sameType("conv2d", [x, w]);
  if (groups > 1) {
    const [xs, ws] = [split(x, groups), split(w, groups)];
    return concat(
      xs.map((part, g) => conv2d(part, ws[g]!, options)),
      -1,
    );
  }
  return correlate(x, w, convGeometry(x.shape, { kernel: [w.shape[0]!, w.shape[1]!], ...options }));
}

/**
 * Transposed convolution: the adjoint of `conv2d` with the same filters, from its outputs' shape to its inputs'.
 *
 * @param y N×H'×W'×F
 * @param w kh×kw×C×F, as for the convolution whose adjoint this is
 * @param options as of that convolution; `size` is the height and width of the result, default the smallest that it takes
 * to H'×W'
 * @returns N×H×W×C
 */
export function convTranspose2d(
  y: Tensor,
  w: Tensor,
  { size, ...options }: Omit<ConvOptions, "groups"> & { readonly size?: readonly [height: number, width: number] } = {},
): Tensor {
  sameType("convTranspose2d", [y, w]);
  const { stride = 1, padding = 0, dilation = 1 } = options;
  if (padding === "same" && !size) throw new RangeError("convTranspose2d: padding 'same' needs a size, got none");
  const border = padding === "same" ? 0 : 2 * padding;
  const along = (axis: number) => (y.shape[axis + 1]! - 1) * stride + dilation * (w.shape[axis]! - 1) + 1 - border;
  const [height, width] = size ?? [along(0), along(1)];
  const geometry = convGeometry([y.shape[0]!, height, width, w.shape[2]!], {
    kernel: [w.shape[0]!, w.shape[1]!],
    ...options,
  });
  const { outHeight, outWidth } = geometry;
  if (!(y.shape.length === 4 && y.shape[3] === w.shape[3] && outHeight === y.shape[1] && outWidth === y.shape[2])) {
    throw new RangeError(
      `convTranspose2d: a convolution with filters ${text(w.shape)} of images ${height}×${width} gives ` +
        `${outHeight}×${outWidth}×${w.shape[3]}, got ${text(y.shape.slice(1))}`,
    );
  }
  return spread(y, w, geometry);
}
OPS.set("conv2d", {
  apply: (x, w) => conv2d(x!, w!, { stride: 2, padding: "same" }),
  shapes: [
    [2, 5, 4, 3],
    [3, 2, 3, 4],
  ],
});
OPS.set("conv2d with groups", {
  apply: (x, w) => conv2d(x!, w!, { groups: 2 }),
  shapes: [
    [2, 5, 4, 4],
    [2, 3, 2, 6],
  ],
});
OPS.set("conv2d, dilated and padded", {
  apply: (x, w) => conv2d(x!, w!, { dilation: 2, padding: 1, stride: 2 }),
  shapes: [
    [2, 6, 5, 2],
    [3, 2, 2, 3],
  ],
});
OPS.set("convTranspose2d", {
  apply: (y, w) => convTranspose2d(y!, w!, { stride: 2, padding: "same", size: [5, 4] }),
  shapes: [
    [2, 3, 2, 4],
    [3, 2, 3, 4],
  ],
});

/** Y = im2col(X)·W; the rule of each of these three products is the other two. */
function correlate(x: Tensor, w: Tensor, geometry: ConvGeometry): Tensor {
  const { rows, taps, filters } = sizes(w.shape, geometry);
  const y = made(w, [geometry.batch, geometry.outHeight, geometry.outWidth, filters]);
  multiplyBatch(rows, filters, taps, whole(columnsOf(x, geometry), taps), whole(w.data, filters), y.data);
  return record("conv2d", [x, w], y, (g, needs) => [
    needs[0] ? spread(g, w, geometry) : undefined,
    needs[1] ? filterAdjoint(x, g, w.shape, geometry) : undefined,
  ]);
}

/** X = col2im(Y·Wᵀ) */
function spread(y: Tensor, w: Tensor, geometry: ConvGeometry): Tensor {
  const { rows, taps, filters } = sizes(w.shape, geometry);
  const { batch, height, width, channels } = geometry;
  const columns = room(y.data, rows * taps);
  multiplyBatch(rows, taps, filters, whole(y.data, filters), turned(w.data, filters), columns);
  const x = made(w, [batch, height, width, channels]);
  col2imInto(columns, geometry, x.data);
  return record("convTranspose2d", [y, w], x, (g, needs) => [
    needs[0] ? correlate(g, w, geometry) : undefined,
    needs[1] ? filterAdjoint(g, y, w.shape, geometry) : undefined,
  ]);
}

/** W = im2col(X)ᵀ·Y */
function filterAdjoint(x: Tensor, y: Tensor, shape: readonly number[], geometry: ConvGeometry): Tensor {
  const { rows, taps, filters } = sizes(shape, geometry);
  const w = made(y, shape);
  multiplyBatch(taps, filters, rows, turned(columnsOf(x, geometry), taps), whole(y.data, filters), w.data);
  return record("conv2d filter", [x, y], w, (g, needs) => [
    needs[0] ? spread(y, g, geometry) : undefined,
    needs[1] ? correlate(x, g, geometry) : undefined,
  ]);
}

const sizes = (
  [height, width, channels, filters]: readonly number[],
  { batch, outHeight, outWidth }: ConvGeometry,
) => ({
  rows: batch * outHeight * outWidth,
  taps: height! * width! * channels!,
  filters: filters!,
});

const made = (like: Tensor, shape: readonly number[]) =>
  new Tensor({ data: zeros(like.data, sizeOf(shape)), version: 0 }, shape);
const whole = (data: Floats, columns: number) => ({ data, offsets: Int32Array.of(0), down: columns, right: 1 });
const turned = (data: Floats, columns: number) => ({ data, offsets: Int32Array.of(0), down: 1, right: columns });

/** The rows of im2col; a 1×1 window with stride 1 finds them where they are. */
function columnsOf(x: Tensor, geometry: ConvGeometry): Floats {
  const { batch, channels, kernelHeight, kernelWidth, stride, padTop, padLeft, outHeight, outWidth } = geometry;
  const size = batch * outHeight * outWidth * kernelHeight * kernelWidth * channels;
  if (kernelHeight * kernelWidth * stride === 1 && padTop + padLeft === 0 && size === x.size) return x.data;
  const columns = room(x.data, size);
  im2colInto(x.data, geometry, columns);
  return columns;
}

const rooms = new Map<number, Floats>();

/**
 * Room for the rows of im2col, which every product here has done with before the next one asks. The largest so far is kept:
 * fresh arrays of this size make the garbage collector walk the whole heap every few steps, and a notebook's kernel has a
 * compiler in it.
 */
function room(like: Floats, length: number): Floats {
  const floats = rooms.get(like.BYTES_PER_ELEMENT);
  if (floats && floats.length >= length) return floats.subarray(0, length);
  rooms.set(like.BYTES_PER_ELEMENT, zeros(like, length));
  return room(like, length);
}

/** Options of pooling: the stride is the size of the window unless said otherwise; dilation is 1. */
export interface PoolOptions {
  readonly stride?: number;
  readonly padding?: number | "same";
}

/** The largest entry of each window and channel, the first of several equal ones, NaN where there is one; padding does not compete. */
export function maxPool2d(x: Tensor, kernel: number, { stride = kernel, padding = 0 }: PoolOptions = {}): Tensor {
  const geometry = convGeometry(x.shape, { kernel, stride, padding });
  const { batch, channels, outHeight, outWidth } = geometry;
  const largest = new Int32Array(batch * outHeight * outWidth * channels);
  eachWindow(geometry, (pixels, window) => {
    for (let c = 0; c < channels; c++) {
      let best = -1;
      for (const pixel of pixels) {
        const at = pixel * channels + c;
        if (best < 0 || x.data[at]! > x.data[best]! || Number.isNaN(x.data[at])) best = at;
      }
      largest[window * channels + c] = best;
    }
  });
  return gather(reshape(x, [-1]), largest, [batch, outHeight, outWidth, channels]);
}
OPS.set("maxPool2d", { apply: (x) => maxPool2d(x!, 2), shapes: [[2, 4, 5, 3]] });

/** The mean of each window and channel, over its pixels within the image. */
export function avgPool2d(x: Tensor, kernel: number, { stride = kernel, padding = 0 }: PoolOptions = {}): Tensor {
  const geometry = convGeometry(x.shape, { kernel, stride, padding });
  const { batch, channels, outHeight, outWidth } = geometry;
  const members: number[] = [];
  const windows: number[] = [];
  const shares: number[] = [];
  eachWindow(geometry, (pixels, window) => {
    for (const pixel of pixels) {
      members.push(pixel);
      windows.push(window);
      shares.push(1 / pixels.length);
    }
  });
  const weighted = mul(gather(reshape(x, [-1, channels]), members), tensor(shares, [shares.length, 1], x.dtype));
  return reshape(scatterAdd(weighted, windows, batch * outHeight * outWidth), [batch, outHeight, outWidth, channels]);
}
OPS.set("avgPool2d", { apply: (x) => avgPool2d(x!, 3, { stride: 2 }), shapes: [[2, 5, 7, 3]] });

/** Calls body with the pixels of each window that lie within the image (numbered through the batch), and its number. */
function eachWindow(geometry: ConvGeometry, body: (pixels: readonly number[], window: number) => void): void {
  const { batch, height, width, kernelHeight, kernelWidth, stride, padTop, padLeft, outHeight, outWidth } = geometry;
  const pixels: number[] = [];
  for (let window = 0; window < batch * outHeight * outWidth; window++) {
    const left = (window % outWidth) * stride - padLeft;
    const top = (Math.floor(window / outWidth) % outHeight) * stride - padTop;
    const image = Math.floor(window / (outWidth * outHeight)) * height;
    pixels.length = 0;
    for (let i = Math.max(0, top); i < Math.min(height, top + kernelHeight); i++) {
      for (let j = Math.max(0, left); j < Math.min(width, left + kernelWidth); j++)
        pixels.push((image + i) * width + j);
    }
    body(pixels, window);
  }
}
