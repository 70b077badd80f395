/**
 * im2col: every receptive window of an image copied into a row of a matrix, so that a convolution is one matrix product.
 *
 * Follows Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
 * https://inria.hal.science/inria-00112631
 * Follows Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016. https://arxiv.org/abs/1603.07285
 * But:
 * - The whole matrix is formed; libraries form it tile by tile.
 */
import { checkInteger } from "../../lib/check.js";

type Floats = Float32Array | Float64Array;

/** How windows are placed; see `convGeometry`. */
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
 * @throws RangeError if a size is out of range or the window is larger than the padded image
 * @example
 * convGeometry([1, 28, 28, 1], { kernel: 5, stride: 2 }).outWidth // 12
 */
export function convGeometry(
  [batch, height, width, channels]: readonly number[],
  { kernel, stride = 1, padding = 0, dilation = 1 }: WindowOptions,
): ConvGeometry {
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
  const [down, right] = [along(height!, kernelHeight!), along(width!, kernelWidth!)];
  return {
    batch: batch!,
    height: height!,
    width: width!,
    channels: channels!,
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
  const { batch, height, width, channels, kernelHeight, kernelWidth, stride, dilation } = geometry;
  const { padTop, padLeft, outHeight, outWidth } = geometry;
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let p = 0; p < kernelHeight; p++) {
          const row = i * stride - padTop + p * dilation;
          const start = (n * height + row) * width * channels;
          for (let q = 0; q < kernelWidth; q++) {
            const column = j * stride - padLeft + q * dilation;
            if (row >= 0 && row < height && column >= 0 && column < width) {
              for (let c = 0, from = start + column * channels; c < channels; c++) columns[to++] = x[from++]!;
            } else {
              for (let c = 0; c < channels; c++) columns[to++] = 0;
            }
          }
        }
      }
    }
  }
}

/** The adjoint of `im2colInto`: every entry of the rows is added to the pixel it was copied from. */
export function col2imInto(columns: Floats, geometry: ConvGeometry, x: Floats): void {
  const { batch, height, width, channels, kernelHeight, kernelWidth, stride, dilation } = geometry;
  const { padTop, padLeft, outHeight, outWidth } = geometry;
  let from = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let p = 0; p < kernelHeight; p++) {
          const row = i * stride - padTop + p * dilation;
          const start = (n * height + row) * width * channels;
          for (let q = 0; q < kernelWidth; q++, from += channels) {
            const column = j * stride - padLeft + q * dilation;
            if (!(row >= 0 && row < height && column >= 0 && column < width)) continue;
            for (let c = 0, to = start + column * channels; c < channels; c++) x[to++]! += columns[from + c]!;
          }
        }
      }
    }
  }
}
