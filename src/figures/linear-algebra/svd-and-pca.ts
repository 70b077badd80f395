/** Figures of the SVD and of principal components: the axes of a cloud, a photograph of low rank, real variance and noise. */
import type { TopLevelSpec } from "vega-lite";
import { lowRankApproximation, pca, svd } from "../../demos/linear-algebra/svd-and-pca.js";
import { loadDigits, loadGreyPhotograph } from "../../lib/data.js";
import { figure } from "../../lib/figure.js";
import { column, formatNumber, frobeniusNorm, type Matrix, matrixOver, norm, row, zeros } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREY] = ["#0072B2", "#D55E00", "#8a8a8a"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
const MEAN_DIRECTION = (110 * Math.PI) / 180;

/** Two directions of a cloud of points: of largest variance if it is centred, of largest square if it is not. */
export const principalAxes = figure(
  "Principal axes of a cloud of points",
  {
    correlation: { label: "correlation", min: -0.95, max: 0.95, step: 0.05, value: 0.8 },
    offset: { label: "distance of the mean from the origin", min: 0, max: 5, step: 0.25, value: 4 },
    centre: { label: "centre the data", options: ["yes", "no"], value: "yes" },
  },
  ({ correlation, offset, centre }): TopLevelSpec => {
    const x = cloud(160, correlation, offset);
    const { mean, components, explainedVariance } = pca(x);
    const centred = centre === "yes";
    const raw = svd(x);
    const directions = centred ? components : raw.vt;
    const lengths = centred
      ? explainedVariance.map((v) => 2 * Math.sqrt(v))
      : raw.s.map((sigma) => sigma / Math.sqrt(160));
    const from = centred ? mean : new Float64Array(2);
    const axes = [0, 1].map((i) => {
      const direction = row(directions, i);
      const sign =
        !centred && offset > 0 && i === 0 && direction[0]! * mean[0]! + direction[1]! * mean[1]! < 0 ? -1 : 1;
      const [dx, dy] = [direction[0]! * lengths[i]! * sign, direction[1]! * lengths[i]! * sign];
      return {
        axis: i === 0 ? "first direction" : "second direction",
        ...{ x: round(from[0]!), y: round(from[1]!), x2: round(from[0]! + dx), y2: round(from[1]! + dy) },
        angle: round(90 - (Math.atan2(dy, dx) * 180) / Math.PI),
      };
    });
    const first = row(directions, 0);
    const overlap = Math.abs(first[0]! * components.get(0, 0) + first[1]! * components.get(0, 1));
    const toMean = Math.abs(first[0]! * mean[0]! + first[1]! * mean[1]!) / norm(mean);
    const sentences = [
      `${degrees(overlap)} between the first direction and that of largest variance`,
      offset > 0
        ? `${degrees(toMean)} between the first direction and the mean`
        : "the mean is the origin: centring changes nothing",
    ];
    const position = (channel: "x" | "y") => ({
      field: channel,
      type: "quantitative" as const,
      scale: { domain: channel === "x" ? [-6.5, 5.5] : [-4, 8] },
      axis: {
        title: channel === "x" ? "first feature" : "second feature",
        gridColor: { condition: { test: "datum.value === 0", value: "#555555" }, value: "#ececec" }, // they meet in the origin
        tickCount: 6,
      },
    });
    const colour = {
      field: "axis",
      type: "nominal" as const,
      scale: { domain: ["first direction", "second direction"], range: [VERMILION, BLUE] },
      legend: {
        title: `length of an arrow: ${centred ? "two standard deviations" : "root mean square"}`,
        titleFontWeight: "normal" as const,
        titleLimit: 400,
        orient: "bottom" as const,
        symbolType: "stroke",
        symbolSize: 300,
      },
    };
    return {
      $schema: SCHEMA,
      description:
        `160 points with correlation ${formatNumber(correlation)}, mean ${formatNumber(offset)} from the origin, ` +
        `${centred ? "centred" : "not centred"}: ${sentences.join(", ")}.`,
      title: {
        text: centred ? "Centred: axes of the cloud" : "Not centred: axes seen from the origin",
        subtitle: sentences,
        fontSize: 13,
      },
      width: 400,
      height: 400,
      encoding: { x: position("x"), y: position("y") },
      layer: [
        {
          data: { values: Array.from({ length: 160 }, (_, i) => ({ x: round(x.get(i, 0)), y: round(x.get(i, 1)) })) },
          mark: { type: "point", filled: true, size: 22, color: GREY, opacity: 0.6, clip: true },
        },
        {
          data: { values: [{ x: 0, y: 0 }] },
          mark: { type: "point", shape: "cross", filled: true, size: 110, color: "black", opacity: 1 },
        },
        {
          data: { values: axes },
          mark: { type: "rule", strokeWidth: 3, clip: true },
          encoding: { x2: { field: "x2" }, y2: { field: "y2" }, color: colour },
        },
        {
          data: { values: axes.map(({ axis, x2, y2, angle }) => ({ axis, x: x2, y: y2, angle })) },
          mark: { type: "point", shape: "wedge", filled: true, size: 260, opacity: 1, clip: true },
          encoding: { angle: { field: "angle", type: "quantitative", scale: null }, color: colour },
        },
      ],
    };
  },
);

/** Normal points with standard deviations 1.4 and 1 and the given correlation, moved so that their mean is `offset` from the origin. */
function cloud(n: number, correlation: number, offset: number): Matrix {
  const { normal } = random(4);
  const x = zeros(n, 2);
  for (let i = 0; i < n; i++) {
    const [a, b] = [normal(), normal()];
    x.set(i, 0, 1.4 * a);
    x.set(i, 1, correlation * a + Math.sqrt(1 - correlation ** 2) * b);
  }
  const { mean } = pca(x);
  for (let i = 0; i < n; i++) {
    x.set(i, 0, x.get(i, 0) - mean[0]! + offset * Math.cos(MEAN_DIRECTION));
    x.set(i, 1, x.get(i, 1) - mean[1]! + offset * Math.sin(MEAN_DIRECTION));
  }
  return x;
}

/** A photograph as a matrix of rank k, with the singular values that it keeps and those that it loses. */
export const photographAtRank = figure(
  "A photograph at rank k",
  { k: { label: "rank k", min: 1, max: 40, step: 1, value: 8 } },
  ({ k }): TopLevelSpec => {
    const pixels = reduced(96);
    const [height, width] = pixels.shape as [number, number];
    const { s } = svd(pixels);
    const { matrix, frobeniusError } = lowRankApproximation(pixels, k);
    const error = frobeniusError / frobeniusNorm(pixels);
    const stored = (k * (height + width + 1)) / (height * width);
    const summary = `${percent(1 - error ** 2, 4)} of the squared norm, relative error ${percent(error)}`;
    const values = Array.from(s, (sigma, i) => ({
      i: i + 1,
      sigma: Number(sigma.toPrecision(4)),
      part: i < k ? "kept" : "dropped",
    })).filter(({ sigma }) => sigma > 1e-6 * s[0]!);
    const zoom = 3; // whole, so that neighbouring shapes leave no gap
    return {
      $schema: SCHEMA,
      description:
        `A grey photograph of ${height}×${width} pixels approximated by a matrix of rank ${k}: ${summary}; ` +
        `${k}·(${height} + ${width} + 1) numbers are stored, ${percent(stored)} of the pixels.`,
      title: {
        text: `Rank ${k}: ${summary}`,
        subtitle: `numbers stored: ${percent(stored)} of the pixels`,
        fontSize: 13,
      },
      resolve: { scale: { color: "independent" } },
      hconcat: [
        {
          width: zoom * width,
          height: zoom * height,
          title: { text: `the picture, ${height}×${width} pixels`, fontSize: 13 },
          data: { values: greyShapes(matrix) },
          mark: { type: "point", size: 4 * zoom ** 2, filled: true, strokeWidth: 0, opacity: 1, aria: false },
          encoding: {
            x: { value: 0 },
            y: { value: 0 },
            shape: { field: "shape", type: "nominal", scale: null },
            color: { field: "grey", type: "nominal", scale: null },
          },
        },
        {
          width: 260,
          height: zoom * height,
          title: { text: "singular values", fontSize: 13 },
          data: { values },
          mark: { type: "point", filled: true, size: 22, opacity: 1 },
          encoding: {
            x: { field: "i", type: "quantitative", axis: { title: "index i", grid: false }, scale: { nice: false } },
            y: {
              field: "sigma",
              type: "quantitative",
              scale: { type: "log" },
              axis: { title: "σᵢ (grey level 0 to 1)", format: "~g", tickCount: 5, gridColor: "#ececec" },
            },
            color: {
              field: "part",
              type: "nominal",
              scale: { domain: ["kept", "dropped"], range: [VERMILION, GREY] },
              legend: { title: null, orient: "top-right" },
            },
          },
        },
      ],
    };
  },
);

/** The photograph with blocks of pixels averaged, at most `width` wide. */
function reduced(width: number): Matrix {
  const { pixels } = loadGreyPhotograph();
  const [h, w] = pixels.shape as [number, number];
  const block = Math.ceil(w / width);
  const small = zeros(Math.floor(h / block), Math.floor(w / block));
  for (let i = 0; i < small.shape[0]! * block; i++) {
    for (let j = 0; j < small.shape[1]! * block; j++) {
      const [r, c] = [Math.floor(i / block), Math.floor(j / block)];
      small.set(r, c, small.get(r, c) + pixels.get(i, j) / block ** 2);
    }
  }
  return small;
}

/** Variances of the components of standardised data, real or random, against the edge that noise alone reaches. */
export const noiseEdge = figure(
  "Variances of components against the edge of noise",
  {
    data: {
      label: "data",
      options: ["handwritten digits", "digits, each pixel shuffled", "normal noise"],
      value: "handwritten digits",
    },
    samples: { label: "samples", min: 200, max: 1700, step: 100, value: 1700 },
  },
  ({ data, samples }): TopLevelSpec => {
    const x = dataOf(data, samples);
    const [n, d] = x.shape as [number, number];
    const lambda = pca(x, { scale: true }).singularValues.map((sigma) => sigma ** 2 / n);
    const edge = (1 + Math.sqrt(d / n)) ** 2;
    const above = lambda.filter((value) => value > edge).length;
    const values = Array.from(lambda, (value, i) => ({
      i: i + 1,
      lambda: round(value),
      side: value > edge ? "above the edge" : "below",
    }));
    const sentence = `${above} of ${values.length} components above the edge (1 + √(d/n))² = ${formatNumber(edge, 4)}`;
    return {
      $schema: SCHEMA,
      description: `Scree of ${data}, ${n} samples of ${d} standardised features: ${sentence}. The largest variance is ${formatNumber(lambda[0]!, 4)}.`,
      title: { text: sentence, subtitle: `${data}, n = ${n}, d = ${d}`, fontSize: 13 },
      width: 520,
      height: 260,
      layer: [
        {
          data: { values },
          mark: { type: "bar", width: 6 },
          encoding: {
            x: {
              field: "i",
              type: "quantitative",
              axis: { title: "component", grid: false },
              scale: { domain: [0, d + 1], nice: false },
            },
            y: {
              field: "lambda",
              type: "quantitative",
              axis: { title: "variance (feature = 1)", gridColor: "#ececec" },
            },
            color: {
              field: "side",
              type: "nominal",
              scale: { domain: ["above the edge", "below"], range: [VERMILION, GREY] },
              legend: { title: null, orient: "bottom" },
            },
          },
        },
        {
          data: { values: [{ edge: round(edge) }] },
          mark: { type: "rule", strokeDash: [6, 4], strokeWidth: 1.5, color: "black" },
          encoding: { y: { field: "edge", type: "quantitative" } },
        },
      ],
    };
  },
);

export const figures = { principalAxes, photographAtRank, noiseEdge };

/** The pixels of the first digits that are not constant among them; shuffled within each pixel; or noise of that shape. */
function dataOf(data: string, samples: number): Matrix {
  const digits = loadDigits().x.hi(samples, 64);
  const { normal, permutation } = random(0);
  const columns = Array.from({ length: 64 }, (_, j) => column(digits, j))
    .filter((values) => values.some((value) => value !== values[0]))
    .map((values) => {
      if (data === "handwritten digits") return values;
      const order = permutation(samples);
      return values.map((_, i) => (data === "normal noise" ? normal() : values[order[i]!]!));
    });
  return matrixOver(Float64Array.from(columns.flatMap((values) => [...values])), columns.length, samples).transpose(
    1,
    0,
  );
}

const round = (value: number) => Math.round(value * 1000) / 1000 + 0; // + 0 makes −0 a 0
const percent = (share: number, digits = 3) => `${formatNumber(100 * share, digits)} %`;
const degrees = (cosine: number) => `${((Math.acos(Math.min(1, cosine)) * 180) / Math.PI).toFixed(1)}°`;

const LEVELS = 32;

/** Brightness in [0, 1] as one shape for each of 32 greys, an SVG path of runs of pixels: a twentieth of a mark per pixel. */
function greyShapes(pixels: Matrix): { grey: string; shape: string }[] {
  const [h, w] = pixels.shape as [number, number];
  const paths = Array.from({ length: LEVELS }, () => [] as string[]);
  const level = (i: number, j: number) => Math.round(Math.max(0, Math.min(1, pixels.get(i, j))) * (LEVELS - 1));
  for (let i = 0; i < h; i++) {
    for (let j = 0, end = 0; j < w; j = end) {
      while (end < w && level(i, end) === level(i, j)) end++;
      paths[level(i, j)]!.push(`M${j},${i}h${end - j}v1h${j - end}z`);
    }
  }
  return paths.flatMap((runs, at) => {
    const value = Math.round((255 * at) / (LEVELS - 1));
    return runs.length > 0 ? [{ grey: `rgb(${value},${value},${value})`, shape: runs.join("") }] : [];
  });
}
