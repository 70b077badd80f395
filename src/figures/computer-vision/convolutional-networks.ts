/** Figures of convolutional networks: filters on a photograph, receptive fields, and what a trained network has learned. */
import type { TopLevelSpec } from "vega-lite";
import {
  avgPool2dDirect,
  type Cnn,
  conv2dDirect,
  convSteps,
  effectiveField,
  type FieldLayer,
  featureMaps,
  filters,
  receptiveField,
} from "../../demos/computer-vision/convolutional-networks.js";
import { loadDigits, loadGreyPhotograph } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import { type Images, images } from "../../lib/images.js";
import { formatNumber, row } from "../../lib/matrix.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
// Okabe and Ito's blue and vermilion.
const [BLUE, VERMILION] = ["#0072B2", "#D55E00"];

/** The filters that a reader can choose. */
const CHOICES = {
  "Sobel x": filters.sobelX,
  "Sobel y": filters.sobelY,
  Laplacian: filters.laplacian,
  sharpen: filters.sharpen,
  "box 5×5": () => filters.box(5),
  "Gaussian σ = 2": () => filters.gaussian(2),
};
type Choice = keyof typeof CHOICES;

/** A photograph, a classical filter, and its response at every position. */
export const filterFigure = figure(
  "A filter on a photograph",
  {
    filter: { label: "filter", options: Object.keys(CHOICES), value: "Sobel x" },
    stride: { label: "stride", min: 1, max: 4, step: 1, value: 1 },
    padding: { label: "padding", options: ["none", "zeros", "circular"], value: "none" },
  },
  ({ filter, stride, padding }): TopLevelSpec => {
    const { pixels, height, width } = loadGreyPhotograph();
    const photo = avgPool2dDirect(images([1, height, width, 1], pixels.data), 2);
    const kernel = CHOICES[filter as Choice]();
    const rule = padding === "none" ? 0 : padding === "zeros" ? "same" : "circular";
    const response = conv2dDirect(photo, kernel, { stride, padding: rule });
    const signed = Math.abs(kernel.data.reduce((sum, weight) => sum + weight, 0)) < 1e-9;
    const size = Math.max(...response.data.map(Math.abs));
    const [, high, wide] = response.shape as [number, number, number, number];
    const [low, top] = signed ? [-size, size] : [0, Math.max(1, size)];
    const panel = (image: Images, title: string, from: number, to: number) => ({
      title: { text: title, anchor: "start" as const, fontWeight: "normal" as const },
      ...picture(image, 288, 192, from, to),
    });
    return {
      $schema: SCHEMA,
      title: { text: `${filter}, ${kernel.shape[0]}×${kernel.shape[1]}: response of ${high}×${wide}`, anchor: "start" },
      description:
        `Left, a photograph of a biplane from above, ${photo.shape[1]}×${photo.shape[2]} pixels. Right, the response of the filter ${filter} ` +
        `with stride ${stride} and padding ${padding}, ${high}×${wide}: from ${formatNumber(Math.min(...response.data), 3)} to ` +
        `${formatNumber(Math.max(...response.data), 3)}, ${signed ? "mid-grey is 0" : "black is 0"}.`,
      hconcat: [
        panel(photo, `photograph, ${photo.shape[1]}×${photo.shape[2]}`, 0, 1),
        panel(response, signed ? "response, mid-grey is 0" : "response, black is 0", low, top),
      ],
      spacing: 24,
    };
  },
);

/** An image as one path a grey level, with a stroke for each run of equal pixels: a fraction of a mark a pixel. */
function picture(image: Images, width: number, height: number, low: number, high: number) {
  const [rows, columns] = [image.shape[1]!, image.shape[2]!];
  const zoom = Math.min(width / columns, height / rows);
  const LEVELS = 25; // odd, so that 0 has a level of its own
  const levelOf = image.data.map((value) => Math.round(((LEVELS - 1) * (value - low)) / (high - low)));
  const paths = Array.from({ length: LEVELS }, () => "");
  for (let at = 0, end = 0; at < levelOf.length; at = end) {
    const row = Math.floor(at / columns);
    while (end < (row + 1) * columns && levelOf[end] === levelOf[at]) end++;
    paths[levelOf[at]!] += `M${at % columns},${row}h${end - at}`;
  }
  const values = paths.flatMap((shape, level) => {
    const grey = Math.round((255 * level) / (LEVELS - 1));
    return shape ? { x: 0, y: zoom / 2, shape, colour: `rgb(${grey},${grey},${grey})` } : [];
  });
  return {
    width: zoom * columns,
    height: zoom * rows,
    data: { values },
    mark: {
      type: "point" as const,
      filled: false,
      size: 4 * zoom ** 2,
      strokeWidth: zoom,
      strokeJoin: "bevel" as const,
      opacity: 1,
      aria: false,
    },
    encoding: {
      x: { field: "x", type: "quantitative" as const, scale: { domain: [0, zoom * columns] }, axis: null },
      y: { field: "y", type: "quantitative" as const, scale: { domain: [zoom * rows, 0] }, axis: null },
      shape: { field: "shape", type: "nominal" as const, scale: null },
      color: { field: "colour", type: "nominal" as const, scale: null },
    },
  };
}

/** One position of a filter: the window in the image, the products, and the output that their sum fills. */
export const positionFigure = figure(
  "One position of a filter",
  {
    position: { label: "position", min: 0, max: 35, step: 1, value: 14 },
    filter: { label: "filter", options: ["Sobel x", "Sobel y", "Laplacian", "sharpen"], value: "Sobel x" },
    stride: { label: "stride", min: 1, max: 2, step: 1, value: 1 },
  },
  ({ position, filter, stride }): TopLevelSpec => {
    const digit = images([1, 8, 8, 1], row(loadDigits().x, 7));
    const kernel = CHOICES[filter as Choice]();
    const steps = [...convSteps(digit, kernel, { stride })];
    const chosen = steps[Math.min(position, steps.length - 1)]!;
    const reach = (at: number) => at * stride;
    const within = (at: number, start: number) => at >= reach(start) && at < reach(start) + 3;
    const inside = (i: number, j: number) => within(i, chosen.row) && within(j, chosen.column);
    const cell = (at: number, wide: number, value: number, marked: boolean) => ({
      row: Math.floor(at / wide),
      column: at % wide,
      value,
      marked,
    });
    const side = Math.sqrt(steps.length);
    const panel = (title: string, values: readonly object[], count: number, domain: readonly number[]) => ({
      title: { text: title, anchor: "start" as const, fontWeight: "normal" as const },
      width: 26 * count,
      height: 26 * count,
      data: { values },
      encoding: {
        x: { field: "column", type: "ordinal" as const, axis: null },
        y: { field: "row", type: "ordinal" as const, axis: null },
      },
      layer: [
        {
          mark: { type: "rect" as const },
          encoding: {
            color: {
              field: "value",
              type: "quantitative" as const,
              scale: { scheme: "blueorange" as const, domain },
              legend: null,
            },
          },
        },
        {
          transform: [{ filter: "datum.marked" }],
          mark: { type: "rect" as const, fill: null, stroke: "black", strokeWidth: 2.5 },
        },
        {
          mark: { type: "text" as const, fontSize: 10 },
          encoding: {
            text: { field: "value", type: "quantitative" as const },
            color: { condition: { test: `abs(datum.value) > ${0.6 * domain[1]!}`, value: "white" }, value: "black" },
          },
        },
      ],
    });
    const largest = Math.max(...steps.map(({ sum }) => Math.abs(sum)), 1);
    const terms = Array.from(chosen.products).map((value) => Math.round(value * 1e6) / 1e6);
    return {
      $schema: SCHEMA,
      title: { text: `${filter} at (${chosen.row}, ${chosen.column}): ${chosen.sum}`, anchor: "start" },
      description:
        `A handwritten seven of 8×8 pixels with the window at row ${reach(chosen.row)}, column ${reach(chosen.column)} outlined, the nine products of ` +
        `its pixels with the filter ${filter}, ${terms.join(", ")}, and the ${side}×${side} output, where their sum ${chosen.sum} stands.`,
      hconcat: [
        panel(
          "image",
          Array.from(digit.data, (v, at) => cell(at, 8, v, inside(Math.floor(at / 8), at % 8))),
          8,
          [-16, 16],
        ),
        panel(
          "products",
          terms.map((v, at) => cell(at, 3, v, false)),
          3,
          [-64, 64],
        ),
        panel(
          "output",
          steps.map(({ sum }, at) => cell(at, side, sum, steps[at] === chosen)),
          side,
          [-largest, largest],
        ),
      ],
      resolve: { scale: { color: "independent", x: "independent", y: "independent" } },
      spacing: 20,
    };
  },
);

/** How much each pixel counts for one output of a stack of equal layers, beside all pixels that count at all. */
export const fieldFigure = figure(
  "The effective receptive field",
  {
    layers: { label: "layers", min: 1, max: 20, step: 1, value: 20 },
    kernel: { label: "kernel", min: 3, max: 7, step: 2, value: 3 },
    dilation: { label: "dilation", min: 1, max: 2, step: 1, value: 1 },
  },
  ({ layers, kernel, dilation }): TopLevelSpec => {
    const stack = Array.from({ length: layers }, () => ({ kernel, dilation }));
    const { size } = receptiveField(stack);
    const profile = effectiveField(stack);
    const top = Math.max(...profile);
    const middle = (size - 1) / 2;
    const deviation = Math.sqrt(profile.reduce((sum, weight, i) => sum + weight * (i - middle) ** 2, 0));
    const values = Array.from(profile, (weight, i) => ({ pixel: i - middle, weight: weight / top }));
    const spread = formatNumber(deviation, 3);
    return {
      $schema: SCHEMA,
      title: {
        text: `${layers} ${layers === 1 ? "layer" : "layers"} of ${kernel}×${kernel}: ${size} pixels wide, standard deviation ${spread}`,
        subtitle: "dashed: edges of the field; shaded: two standard deviations",
        anchor: "start",
      },
      description:
        `The gradient of one output over the input pixels, along one axis, for ${layers} layers of averaging ${kernel}×${kernel} ` +
        `filters with dilation ${dilation}. The receptive field is ${size} pixels wide, the standard deviation of the gradient is ${spread} pixels.`,
      width: 560,
      height: 240,
      layer: [
        {
          data: {
            values: [{ from: Math.max(-2 * deviation, -middle - 0.5), to: Math.min(2 * deviation, middle + 0.5) }],
          },
          mark: { type: "rect", color: VERMILION, opacity: 0.15 },
          encoding: { x: { field: "from", type: "quantitative" }, x2: { field: "to" } },
        },
        {
          data: { values: [{ edge: -middle - 0.5 }, { edge: middle + 0.5 }] },
          mark: { type: "rule", color: VERMILION, strokeDash: [5, 4], strokeWidth: 2 },
          encoding: { x: { field: "edge", type: "quantitative" } },
        },
        {
          data: { values },
          mark: { type: "line", color: BLUE, interpolate: "step" },
          encoding: {
            x: { field: "pixel", type: "quantitative", title: "pixels from the centre" },
            y: { field: "weight", type: "quantitative", title: "gradient, relative to the largest" },
          },
        },
      ],
    };
  },
);

/** The filters of a network's first layer, each scaled by its own largest weight. */
export function drawFilters({ parameters }: Cnn): TopLevelSpec {
  const { weight } = parameters.convolutions[0]!;
  const [kh, kw, channels, count] = weight.shape as [number, number, number, number];
  const values = Array.from(weight.data, (value, at) => ({
    filter: at % count,
    column: Math.floor(at / (count * channels)) % kw,
    row: Math.floor(at / (count * channels * kw)),
    weight: value,
  }));
  const largest = Array.from({ length: count }, (_, f) =>
    Math.max(...values.map(({ filter, weight: w }) => (filter === f ? Math.abs(w) : 0))),
  );
  return {
    $schema: SCHEMA,
    title: {
      text: `${count} learned filters of ${kh}×${kw}`,
      subtitle: "blue negative, orange positive",
      anchor: "start",
    },
    description:
      `The ${count} filters of the first layer, ${kh}×${kw} weights each, as coloured squares; their largest weights are ` +
      `${largest.map((w) => formatNumber(w, 2)).join(", ")}.`,
    data: { values: values.map((v) => ({ ...v, weight: Number((v.weight / largest[v.filter]!).toFixed(3)) })) },
    facet: { field: "filter", type: "ordinal", header: { title: "filter" } },
    columns: 8,
    spacing: 8,
    spec: { width: 68, height: 68, ...tiles("weight", [-1, 1]) },
  };
}

/** What the layers of a network make of one image: the first eight channels of each. */
export function drawMaps(model: Cnn, image: Images): TopLevelSpec {
  const maps = featureMaps(model, image);
  const rows = maps.map((map, layer) => {
    const [, height, width, channels] = map.shape as [number, number, number, number];
    const shown = Math.min(8, channels);
    const top = Math.max(...map.data) || 1;
    const values = Array.from({ length: height * width * shown }, (_, at) => ({
      channel: Math.floor(at / (height * width)),
      row: Math.floor(at / width) % height,
      column: at % width,
      value: Number(
        (map.get(0, Math.floor(at / width) % height, at % width, Math.floor(at / (height * width))) / top).toFixed(2),
      ),
    }));
    return {
      title: {
        text: `layer ${layer + 1}: ${height}×${width}, ${channels} channels`,
        anchor: "start" as const,
        fontWeight: "normal" as const,
      },
      data: { values },
      facet: { field: "channel", type: "ordinal" as const, header: { title: null, labels: false } },
      columns: 8,
      spacing: 6,
      spec: { width: 68, height: 68, ...tiles("value", [-1, 1]) },
    };
  });
  return {
    $schema: SCHEMA,
    title: { text: "What the layers make of one image", subtitle: "the first eight channels of each", anchor: "start" },
    description: `Feature maps after the ReLU of ${maps.length} layers: ${maps
      .map((map) => map.shape.slice(1).join("×"))
      .join(", ")}; the darker, the larger. ${maps
      .map(
        (map, i) =>
          `${formatNumber((100 * map.data.filter((v) => v > 0).length) / map.data.length, 2)} % of layer ${i + 1}`,
      )
      .join(", ")} are not 0.`,
    vconcat: rows,
  };
}

const tiles = (field: string, domain: readonly number[]) => ({
  mark: { type: "rect" as const },
  encoding: {
    x: { field: "column", type: "ordinal" as const, axis: null },
    y: { field: "row", type: "ordinal" as const, axis: null },
    color: {
      field,
      type: "quantitative" as const,
      scale: { scheme: "blueorange" as const, domain: [...domain] },
      legend: null,
    },
  },
});

// ---- networks whose receptive fields the note computes ----

const repeat = (times: number, layers: readonly FieldLayer[]) => Array.from({ length: times }, () => layers).flat();
const [three, pool2] = [
  { kernel: 3, padding: 1 },
  { kernel: 2, stride: 2 },
];
const bottlenecks = (strided: "1×1" | "3×3") =>
  [3, 4, 6, 3].flatMap((blocks, stage) =>
    Array.from({ length: blocks }, (_, block) => {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      return [
        { kernel: 1, stride: strided === "1×1" ? stride : 1 },
        { kernel: 3, padding: 1, stride: strided === "3×3" ? stride : 1 },
        { kernel: 1 },
      ];
    }).flat(),
  );
const stem: readonly FieldLayer[] = [
  { kernel: 7, stride: 2, padding: 3 },
  { kernel: 3, stride: 2, padding: 1 },
];

/** Convolutions and poolings of well-known networks, up to their last feature map. */
export const NETWORKS: Readonly<Record<string, readonly FieldLayer[]>> = {
  "AlexNet, pool5": [
    { kernel: 11, stride: 4 },
    { kernel: 3, stride: 2 },
    { kernel: 5, padding: 2 },
    { kernel: 3, stride: 2 },
    ...repeat(3, [three]),
    { kernel: 3, stride: 2 },
  ],
  "VGG-16, pool5": [...repeat(2, [three, three, pool2]), ...repeat(3, [three, three, three, pool2])],
  "ResNet-50, stride in the 1×1": [...stem, ...bottlenecks("1×1")],
  "ResNet-50, stride in the 3×3": [...stem, ...bottlenecks("3×3")],
};

export const figures = { filterFigure, positionFigure, fieldFigure };
