/** Figures of im2col: the window and the row that it fills, and what the matrix costs in the layers of a network. */
import type { TopLevelSpec } from "vega-lite";
import { convCost, convGeometry, im2col, im2colSteps } from "../../demos/computer-vision/im2col.js";
import { loadDigits } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import { images } from "../../lib/images.js";
import { row } from "../../lib/matrix.js";

// Okabe and Ito's blue, vermilion and orange.
const [BLUE, VERMILION, ORANGE] = ["#0072B2", "#D55E00", "#E69F00"];

/** A digit of 8×8 pixels, the window that slides over it, and the matrix with that window's row marked. */
export const windowFigure = figure(
  "A window and its row in the column matrix",
  {
    output: { label: "window", min: 0, max: 35, step: 1, value: 14 },
    kernel: { label: "kernel", min: 1, max: 4, step: 1, value: 3 },
    stride: { label: "stride", min: 1, max: 3, step: 1, value: 1 },
    dilation: { label: "dilation", min: 1, max: 2, step: 1, value: 1 },
  },
  ({ output, kernel, stride, dilation }): TopLevelSpec => {
    const options = { kernel, stride, dilation };
    const x = images([1, 8, 8, 1], row(loadDigits().x, 3));
    const { columns } = im2col(x, options);
    const [rows, taps] = columns.shape as [number, number];
    const chosen = Math.min(output, rows - 1);
    const steps = [...im2colSteps(x, options)];
    const { pixels } = steps[chosen]!;
    const copies = new Int32Array(64);
    for (const step of steps) for (const pixel of step.pixels) copies[pixel]!++;
    const inWindow = new Set(pixels);
    const image = Array.from(x.data, (ink, at) => ({
      column: at % 8,
      row: Math.floor(at / 8),
      ink,
      copies: copies[at],
      window: inWindow.has(at),
    }));
    const entries = steps.flatMap(({ row: r, values, pixels: sources }) =>
      Array.from(values, (ink, t) => ({ tap: t, row: r, ink, chosen: r === chosen, copy: inWindow.has(sources[t]!) })),
    );
    const { outHeight, outWidth } = convGeometry(x.shape, options);
    const most = Math.max(...copies);
    const shade = {
      field: "ink",
      type: "quantitative" as const,
      scale: { scheme: "greys" as const, domain: [0, 16] },
      legend: null,
    };
    const side = (count: number) => Math.min(260, Math.max(8, Math.floor(260 / count)) * count);
    const axis = (field: string, count: number, title: string) => ({
      field,
      type: "ordinal" as const,
      axis: {
        title,
        labelAngle: 0,
        values: Array.from({ length: count }, (_, i) => i).filter((i) => i % Math.ceil(count / 8) === 0),
      },
    });
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Left, a handwritten digit of 8×8 pixels with window ${chosen} of ${outHeight}×${outWidth} outlined. Right, the column ` +
        `matrix, ${rows}×${taps}: ${rows * taps} entries for 64 pixels. The window's row is outlined, and every copy of one of ` +
        `its pixels is marked with a dot; a pixel is copied up to ${most} times.`,
      title: {
        text: `${rows}×${taps} = ${rows * taps} entries for 64 pixels: ${((rows * taps) / 64).toFixed(2)} copies of each`,
        subtitle: "outlined: the window and its row; dots: all copies of its pixels",
        anchor: "middle",
      },
      hconcat: [
        {
          width: 260,
          height: 260,
          data: { values: image },
          encoding: { x: axis("column", 8, "column of the image"), y: axis("row", 8, "row of the image") },
          layer: [
            { mark: { type: "rect" as const }, encoding: { color: shade } },
            {
              transform: [{ filter: "datum.window" }],
              mark: { type: "rect" as const, fill: null, stroke: VERMILION, strokeWidth: 2.5 },
            },
          ],
        },
        {
          width: side(taps),
          height: side(rows),
          data: { values: entries },
          encoding: { x: axis("tap", taps, "pixel of the window"), y: axis("row", rows, "window") },
          layer: [
            { mark: { type: "rect" as const }, encoding: { color: shade } },
            {
              transform: [{ filter: "datum.copy" }],
              mark: { type: "circle" as const, size: 14, color: ORANGE, opacity: 1 },
            },
            {
              transform: [{ filter: "datum.chosen" }],
              mark: { type: "rect" as const, fill: null, stroke: VERMILION, strokeWidth: 1.5 },
            },
          ],
        },
      ],
      resolve: { scale: { x: "independent", y: "independent" } },
      spacing: 30,
    };
  },
);

/**
 * The convolutions of ResNet-50 with more than one pixel in a window, and two of the others: [H, W, C] of the input, filters,
 * window. The stride of a stage is in its first 3×3 layer, as in torchvision.
 */
export const RESNET50 = [
  { layer: "stem 7×7/2", shape: [224, 224, 3], filters: 64, window: { kernel: 7, stride: 2, padding: 3 } },
  { layer: "stage 1, 1×1", shape: [56, 56, 256], filters: 64, window: { kernel: 1 } },
  { layer: "stage 1, 3×3", shape: [56, 56, 64], filters: 64, window: { kernel: 3, padding: 1 } },
  { layer: "stage 2, 3×3/2", shape: [56, 56, 128], filters: 128, window: { kernel: 3, stride: 2, padding: 1 } },
  { layer: "stage 2, 3×3", shape: [28, 28, 128], filters: 128, window: { kernel: 3, padding: 1 } },
  { layer: "stage 3, 3×3/2", shape: [28, 28, 256], filters: 256, window: { kernel: 3, stride: 2, padding: 1 } },
  { layer: "stage 3, 3×3", shape: [14, 14, 256], filters: 256, window: { kernel: 3, padding: 1 } },
  { layer: "stage 4, 3×3/2", shape: [14, 14, 512], filters: 512, window: { kernel: 3, stride: 2, padding: 1 } },
  { layer: "stage 4, 3×3", shape: [7, 7, 512], filters: 512, window: { kernel: 3, padding: 1 } },
  { layer: "stage 4, 1×1", shape: [7, 7, 2048], filters: 512, window: { kernel: 1 } },
] as const;

/** Memory of the column matrix beside that of the input, layer by layer. */
export const memoryFigure = figure(
  "Memory of the column matrix in ResNet-50",
  { batch: { label: "images in a batch", min: 1, max: 64, step: 1, value: 32 } },
  ({ batch }): TopLevelSpec => {
    const mebibytes = (elements: number) => (4 * batch * elements) / 2 ** 20;
    const values = RESNET50.flatMap(({ layer, shape, filters, window }) => {
      const { columnElements } = convCost(shape, filters, "im2col", window);
      const input = shape[0] * shape[1] * shape[2];
      return [
        { layer, of: "input", size: mebibytes(input) },
        { layer, of: "column matrix", size: mebibytes(columnElements) },
      ];
    });
    const worst = values.reduce((a, b) => (b.size > a.size ? b : a));
    return {
      $schema: "https://vega.github.io/schema/vega-lite/v5.json",
      description:
        `Bars of memory in float32 for ${batch} images: ${values.map(({ layer, of, size }) => `${layer}, ${of} ${size.toFixed(1)} MiB`).join("; ")}. ` +
        `The largest is the column matrix of ${worst.layer}.`,
      title: {
        text: `${batch} images in float32: ${worst.layer} needs ${worst.size.toFixed(0)} MiB of columns`,
        anchor: "middle",
      },
      width: 520,
      height: 300,
      data: { values },
      mark: { type: "bar" },
      encoding: {
        y: { field: "layer", type: "nominal", sort: null, axis: { title: "layer of ResNet-50" } },
        x: { field: "size", type: "quantitative", axis: { title: "MiB" } },
        yOffset: { field: "of", sort: ["input", "column matrix"] },
        color: {
          field: "of",
          type: "nominal",
          scale: { domain: ["input", "column matrix"], range: [BLUE, VERMILION] },
          legend: { title: null, orient: "bottom" },
        },
      },
    };
  },
);

export const figures = { windowFigure, memoryFigure };
