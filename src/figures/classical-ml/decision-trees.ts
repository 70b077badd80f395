/** A tree's boxes in the plane beside its errors by size; a regression tree's steps, also past the edge of its data. */
import type { TopLevelSpec } from "vega-lite";
import {
  type ClassificationTree,
  decisionTreeClassifier,
  decisionTreeRegressor,
  leafCount,
  predict,
  prune,
  type Tree,
} from "../../demos/classical-ml/decision-trees.js";
import { figure } from "../../lib/figure.js";
import { formatNumber, type Matrix, matrix, matrixOver, toRows } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
/** Class 0 and class 1, for colour-blind readers too. */
const COLOURS = ["#0072B2", "#E69F00"];

/** n points of the unit square, in class 1 above a wave; 15 % have the wrong class. */
function wave(n: number, seed: number): { X: Matrix; y: Int32Array } {
  const { uniform } = random(seed);
  const X = matrixOver(
    Float64Array.from({ length: 2 * n }, () => uniform()),
    n,
    2,
  );
  const y = Int32Array.from({ length: n }, (_, i) => {
    const above = X.get(i, 1) > 0.5 + 0.3 * Math.sin(2 * Math.PI * X.get(i, 0));
    return above !== uniform() < 0.15 ? 1 : 0;
  });
  return { X, y };
}

const errorOf = (tree: ClassificationTree, { X, y }: { X: Matrix; y: Int32Array }) =>
  predict(tree, X).reduce((wrong, c, i) => wrong + (c === y[i] ? 0 : 1), 0) / y.length;

/** The boxes of a tree in the unit square, and how its errors depend on the number of leaves. */
export const boxesFigure = figure(
  "A tree's boxes, and its errors by size",
  {
    maxDepth: { label: "most questions on a path", min: 1, max: 10, step: 1, value: 4 },
    ccpAlpha: { label: "price of a leaf α", min: 0, max: 0.03, step: 0.001, value: 0 },
    splits: { label: "splits shown, of those in the tree", min: 0, max: 80, step: 1, value: 80 },
    criterion: { label: "impurity", options: ["gini", "entropy"], value: "gini" },
  },
  ({ maxDepth, ccpAlpha, splits, criterion }): TopLevelSpec => {
    const [train, held] = [wave(200, 1), wave(2000, 2)];
    const options = { criterion: criterion as "gini" | "entropy" };
    const whole = decisionTreeClassifier(train.X, train.y, { ...options, maxDepth });
    const tree = firstSplits(ccpAlpha > 0 ? prune(whole, ccpAlpha) : whole, splits);
    const curve = Array.from({ length: 10 }, (_, i) => {
      const deeper = decisionTreeClassifier(train.X, train.y, { ...options, maxDepth: i + 1 });
      return { leaves: leafCount(deeper), training: errorOf(deeper, train), new: errorOf(deeper, held) };
    });
    const now = { leaves: leafCount(tree), training: errorOf(tree, train), new: errorOf(tree, held) };
    const percent = (value: number) => Number((100 * value).toFixed(1));
    const long = (points: (typeof now)[]) =>
      points.flatMap(({ leaves, ...errors }) =>
        (["training", "new"] as const).map((kind) => ({
          leaves,
          error: percent(errors[kind]),
          points: `${kind} points`,
        })),
      );
    const best = curve.reduce((a, b) => (b.new < a.new ? b : a));
    const title = `${now.leaves} ${now.leaves === 1 ? "leaf" : "leaves"}: ${percent(now.training)} % of the training points wrong, ${percent(now.new)} % of new ones`;
    const axis = (field: "x" | "y", title: string) => ({
      field,
      type: "quantitative" as const,
      scale: { domain: [0, 1], nice: false },
      axis: { title, grid: false, tickCount: 5 },
    });
    const [x, y] = [axis("x", "feature 0"), axis("y", "feature 1")];
    const colour = { type: "nominal", scale: { domain: ["0", "1"], range: COLOURS } } as const;
    const classLegend = {
      title: null,
      orient: "top",
      offset: 4,
      symbolOpacity: 1,
      labelExpr: "'class ' + datum.label",
    } as const;
    const kinds = {
      field: "points",
      type: "nominal",
      scale: { domain: ["training points", "new points"], range: ["#555555", "#D55E00"] },
      legend: { title: null, orient: "top", offset: 4 },
    } as const;
    const errorAxes = {
      x: {
        field: "leaves",
        type: "quantitative",
        title: "leaves",
        scale: { type: "log", domain: [1, 100] as number[], nice: false },
        axis: { values: [1, 2, 5, 10, 20, 50, 100] as number[] },
      },
      y: { field: "error", type: "quantitative", title: "error (%)", scale: { domain: [0, 50] as number[] } },
    } as const;
    return {
      $schema: SCHEMA,
      title: { text: title, anchor: "start" },
      description:
        `200 points of two classes in a square, and the ${boxesOf(tree).length} boxes of a tree of depth at most ${maxDepth} ` +
        `(${criterion}, α = ${ccpAlpha}). ${title}. Of trees of depth 1 to 10, the one with ${best.leaves} leaves errs least ` +
        `on new points, ${percent(best.new)} %; the deepest, with ${curve.at(-1)!.leaves} leaves, errs on ` +
        `${percent(curve.at(-1)!.training)} % of the training points and ${percent(curve.at(-1)!.new)} % of new ones.`,
      resolve: { scale: { color: "independent", shape: "independent" } },
      hconcat: [
        {
          width: 310,
          height: 310,
          layer: [
            {
              data: { values: boxesOf(tree) },
              mark: { type: "rect", stroke: "white", strokeWidth: 1, opacity: 0.25 },
              encoding: {
                x,
                x2: { field: "x2" },
                y,
                y2: { field: "y2" },
                color: { field: "class", ...colour, legend: classLegend },
              },
            },
            {
              data: {
                values: toRows(train.X).map(([a, b], i) => ({
                  x: Number(a!.toFixed(4)),
                  y: Number(b!.toFixed(4)),
                  class: `${train.y[i]}`,
                })),
              },
              mark: { type: "point", filled: true, size: 26, opacity: 1 },
              encoding: {
                x,
                y,
                color: { field: "class", ...colour, legend: classLegend },
                shape: {
                  field: "class",
                  type: "nominal",
                  scale: { domain: ["0", "1"], range: ["circle", "triangle-up"] },
                  legend: classLegend,
                },
              },
            },
          ],
        },
        {
          width: 210,
          height: 310,
          layer: [
            {
              data: { values: long(curve) },
              mark: { type: "line", strokeWidth: 2 },
              encoding: { ...errorAxes, color: kinds },
            },
            {
              data: { values: long([now]) },
              mark: { type: "point", filled: true, size: 110, opacity: 1, stroke: "black" },
              encoding: { ...errorAxes, color: kinds },
            },
          ],
        },
      ],
    };
  },
);

/** The first splits of a tree, in the order in which it grew: the children of the k-th are the nodes 2k − 1 and 2k. */
function firstSplits(tree: ClassificationTree, splits: number): ClassificationTree {
  const count = Math.min(2 * splits + 1, tree.feature.length);
  const left = tree.childrenLeft.slice(0, count).map((child) => (child < count ? child : -1));
  return {
    ...tree,
    feature: left.map((child, t) => (child < 0 ? -1 : tree.feature[t]!)),
    childrenLeft: left,
    childrenRight: left.map((child) => (child < 0 ? -1 : child + 1)),
  };
}

/** The cell of every leaf within the unit square, and its more frequent class. */
function boxesOf(tree: Tree) {
  const rounded = (value: number) => Number(value.toFixed(4));
  const boxes: { x: number; x2: number; y: number; y2: number; class: string }[] = [];
  const open = [{ node: 0, low: [0, 0], high: [1, 1] }];
  for (let box = open.pop(); box; box = open.pop()) {
    const { node, low, high } = box;
    const [feature, threshold] = [tree.feature[node]!, tree.threshold[node]!];
    if (feature < 0) {
      const [x, y, x2, y2] = [...low, ...high].map(rounded) as [number, number, number, number];
      boxes.push({ x, x2, y, y2, class: tree.value[2 * node]! >= 0.5 ? "0" : "1" });
      continue;
    }
    open.push({ node: tree.childrenLeft[node]!, low, high: high.with(feature, threshold) });
    open.push({ node: tree.childrenRight[node]!, low: low.with(feature, threshold), high });
  }
  return boxes;
}

/** A regression tree on a noisy rising wave, 0 to 10, and its answers from −4 to 14. */
export const regressionFigure = figure(
  "A regression tree, within and past its data",
  {
    maxDepth: { label: "most questions on a path", min: 1, max: 8, step: 1, value: 3 },
    minSamplesLeaf: { label: "fewest points of a leaf", min: 1, max: 20, step: 1, value: 1 },
    criterion: { label: "impurity", options: ["squaredError", "absoluteError"], value: "squaredError" },
  },
  ({ maxDepth, minSamplesLeaf, criterion }): TopLevelSpec => {
    const { uniform, normal } = random(4);
    const points = Array.from({ length: 80 }, () => {
      const x = 10 * uniform();
      return { x, y: x + 2 * Math.sin(x) + 0.6 * normal() };
    });
    const X = matrix(points.map(({ x }) => [x]));
    const options = { maxDepth, minSamplesLeaf, criterion: criterion as "squaredError" | "absoluteError" };
    const tree = decisionTreeRegressor(
      X,
      points.map(({ y }) => y),
      options,
    );
    const grid = Array.from({ length: 361 }, (_, i) => -4 + i / 20);
    const answers = predict(tree, matrix(grid.map((x) => [x])));
    const last = answers.at(-1)!;
    const title = `${leafCount(tree)} steps; past x = 10 the answer stays ${formatNumber(last, 3)}`;
    const rounded = (value: number) => Number(value.toFixed(3));
    const axes = {
      x: { field: "x", type: "quantitative", title: "feature x", scale: { domain: [-4, 14] as number[], nice: false } },
      y: { field: "y", type: "quantitative", title: "target y", scale: { domain: [-4, 16] as number[], nice: false } },
    } as const;
    const drawnAs = (datum: string) => ({
      ...axes,
      color: {
        datum,
        scale: { domain: ["points", "curve", "tree"], range: ["#0072B2", "#999999", "#D55E00"] },
        legend: { title: null, orient: "top" as const },
      },
    });
    return {
      $schema: SCHEMA,
      title: { text: title, anchor: "start" },
      description:
        `80 points with x from 0 to 10 that rise in a wave, the curve x + 2 sin x they scatter about, and a regression tree of ` +
        `depth at most ${maxDepth} with at least ${minSamplesLeaf} ${minSamplesLeaf === 1 ? "point" : "points"} a leaf (${criterion}). ${title}, where the curve ` +
        `goes on to ${formatNumber(14 + 2 * Math.sin(14), 3)} at x = 14.`,
      width: 560,
      height: 280,
      layer: [
        {
          data: { values: grid.map((x) => ({ x: rounded(x), y: rounded(x + 2 * Math.sin(x)) })) },
          mark: { type: "line", strokeDash: [5, 4], strokeWidth: 1.5 },
          encoding: drawnAs("curve"),
        },
        {
          data: { values: points.map(({ x, y }) => ({ x: rounded(x), y: rounded(y) })) },
          mark: { type: "circle", size: 30, opacity: 0.8 },
          encoding: drawnAs("points"),
        },
        {
          data: { values: grid.map((x, i) => ({ x: rounded(x), y: rounded(answers[i]!) })) },
          mark: { type: "line", strokeWidth: 2.5, interpolate: "step-after" },
          encoding: drawnAs("tree"),
        },
      ],
    };
  },
);

export const figures = { boxesFigure, regressionFigure };
