import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  apply,
  bestSplit,
  type Criterion,
  categoricalSplit,
  costComplexityPruningPath,
  decisionPath,
  decisionTreeClassifier,
  decisionTreeRegressor,
  decisionTreeSteps,
  exportText,
  featureImportances,
  leafCount,
  predict,
  predictProba,
  prune,
  type RegressionTree,
  type Tree,
  type TreeOptions,
} from "../../src/demos/classical-ml/decision-trees.js";
import { boxesFigure, regressionFigure } from "../../src/figures/classical-ml/decision-trees.js";
import { loadBreastCancer } from "../../src/lib/breast-cancer.js";
import { loadDiabetes, loadIris, loadWine } from "../../src/lib/data.js";
import {
  copy,
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

const { claim, oracle } = concept("classical-ml/decision-trees");

// --- independent of the code under test: impurities and splits from the definitions, over plain arrays ---

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
const median = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
};
const shares = (y: readonly number[]) => [...new Set(y)].map((c) => y.filter((v) => v === c).length / y.length);
const mean = (y: readonly number[]) => sum(y) / y.length;
const impurityOf: Readonly<Record<Criterion, (y: readonly number[]) => number>> = {
  gini: (y) => 1 - sum(shares(y).map((p) => p * p)),
  entropy: (y) => -sum(shares(y).map((p) => p * Math.log2(p))),
  squaredError: (y) => mean(y.map((v) => (v - mean(y)) ** 2)),
  absoluteError: (y) => mean(y.map((v) => Math.abs(v - median(y)))),
};
const gainOf = (criterion: Criterion, left: readonly number[], right: readonly number[]) => {
  const [I, n] = [impurityOf[criterion], left.length + right.length];
  return I([...left, ...right]) - (left.length / n) * I(left) - (right.length / n) * I(right);
};
/** The largest gain over all features and all midpoints of neighbouring values, each computed from scratch. */
function bruteForce(rows: readonly number[][], y: readonly number[], criterion: Criterion) {
  let [best, visits] = [-Infinity, 0];
  for (let j = 0; j < rows[0]!.length; j++) {
    const values = [...new Set(rows.map((x) => x[j]!))].sort((a, b) => a - b);
    for (const [a, b] of values.slice(1).map((b, i) => [values[i]!, b] as const)) {
      const isLeft = (_: number, i: number) => rows[i]![j]! <= (a + b) / 2;
      visits += rows.length;
      best = Math.max(
        best,
        gainOf(
          criterion,
          y.filter(isLeft),
          y.filter((v, i) => !isLeft(v, i)),
        ),
      );
    }
  }
  return { gain: best, visits };
}
const everyRow = (n: number) => Array.from({ length: n }, (_, i) => i);
const share = (a: ArrayLike<number>, b: ArrayLike<number>) => mean(Array.from(a, (v, i) => Number(v === b[i])));
const uniformPoints = (n: number, d: number, seed: number) => {
  const { uniform } = random(seed);
  return matrixOver(
    Float64Array.from({ length: n * d }, () => uniform()),
    n,
    d,
  );
};
/** One leaf is a leaf; otherwise any pruning of the left with any of the right, or this node collapsed. */
function prunings(tree: Tree, node = 0): { risk: number; leaves: number[] }[] {
  const risk = (tree.weightedNNodeSamples[node]! / tree.weightedNNodeSamples[0]!) * tree.impurity[node]!;
  const here = { risk, leaves: [node] };
  if (tree.feature[node]! < 0) return [here];
  const [lefts, rights] = [prunings(tree, tree.childrenLeft[node]), prunings(tree, tree.childrenRight[node])];
  return [
    here,
    ...lefts.flatMap((l) => rights.map((r) => ({ risk: l.risk + r.risk, leaves: [...l.leaves, ...r.leaves] }))),
  ];
}
/** A tree as nested objects: the same whatever the numbers of its nodes are. */
type Nested = {
  samples: number;
  impurity: number;
  value: number[];
  weight: number;
  split?: [number, number, Nested, Nested];
};
interface Arrays {
  readonly feature: ArrayLike<number>;
  readonly threshold: ArrayLike<number>;
  readonly childrenLeft: ArrayLike<number>;
  readonly childrenRight: ArrayLike<number>;
  readonly impurity: ArrayLike<number>;
  readonly nNodeSamples: ArrayLike<number>;
  readonly weightedNNodeSamples: ArrayLike<number>;
}
function nested(tree: Arrays, answerAt: (t: number) => number[], t = 0): Nested {
  const own = {
    samples: tree.nNodeSamples[t]!,
    impurity: tree.impurity[t]!,
    weight: tree.weightedNNodeSamples[t]!,
    value: answerAt(t),
  };
  if (tree.childrenLeft[t]! < 0) return own;
  const child = (of: ArrayLike<number>) => nested(tree, answerAt, of[t]!);
  return { ...own, split: [tree.feature[t]!, tree.threshold[t]!, child(tree.childrenLeft), child(tree.childrenRight)] };
}
const ours = (tree: Tree) => nested(tree, (t) => [...tree.value.subarray(t * tree.nOutputs, (t + 1) * tree.nOutputs)]);
/** Equal to 1e-9, relative to numbers of order 1: both sides sum a few hundred terms. */
function same(actual: unknown, expected: unknown, path = "tree"): void {
  if (typeof expected === "number") {
    expect(Math.abs((actual as number) - expected), `${path}: ${actual} and ${expected}`).toBeLessThan(1e-9);
  } else if (expected === undefined || actual === undefined) expect(actual, path).toBe(expected);
  else
    for (const key of Object.keys(expected as object))
      same((actual as never)[key], (expected as never)[key], `${path}.${key}`);
}

/** Small problems, with equal values and equal targets now and then. */
const problems = fc
  .record({
    n: fc.integer({ min: 2, max: 30 }),
    d: fc.integer({ min: 1, max: 5 }),
    seed: fc.integer({ min: 0, max: 9999 }),
  })
  .map(({ n, d, seed }) => {
    const { integer, normal, uniform } = random(seed);
    const coarse = uniform() < 0.5;
    const rows = Array.from({ length: n }, () => Array.from({ length: d }, () => (coarse ? integer(4) : normal())));
    const classes = Array.from({ length: n }, () => integer(3));
    const numbers = Array.from({ length: n }, () => (coarse ? integer(3) : 7 + normal()));
    return { rows, classes, numbers, n, d, seed };
  });
const CRITERIA = ["gini", "entropy", "squaredError", "absoluteError"] as const;
const targetsFor = (criterion: Criterion, { classes, numbers }: { classes: number[]; numbers: number[] }) =>
  criterion === "gini" || criterion === "entropy" ? classes : numbers;
const grow = (X: Matrix, y: ArrayLike<number>, criterion: Criterion, options: TreeOptions = {}): Tree =>
  criterion === "gini" || criterion === "entropy"
    ? decisionTreeClassifier(X, y, { ...options, criterion })
    : decisionTreeRegressor(X, y, { ...options, criterion });

claim("impurity-prefers-pure-nodes", () => {
  const node = (a: number, b: number) => [...Array(a).fill(0), ...Array(b).fill(1)] as number[];
  const misclassification = (y: number[]) => 1 - Math.max(...shares(y));
  const weighted = (I: (y: number[]) => number, left: number[], right: number[]) =>
    (left.length * I(left) + right.length * I(right)) / 800;
  const [A, B] = [[node(300, 100), node(100, 300)] as const, [node(200, 400), node(200, 0)] as const];
  expect(weighted(misclassification, ...A)).toBeCloseTo(0.25, 12);
  expect(weighted(misclassification, ...B)).toBeCloseTo(0.25, 12);
  // Two features that make these two splits; the demo chooses the second by either criterion.
  const y = [...A[0], ...A[1]];
  const pureLeft = y.map((c, i) => (c === 0 && i < 200 ? 0 : 1));
  const X = matrix(y.map((_, i) => [i < 400 ? 0 : 1, pureLeft[i]!]));
  for (const [criterion, a, b] of [
    ["gini", 0.375, 1 / 3],
    ["entropy", 0.8112781245, 0.6887218755],
  ] as const) {
    const rootImpurity = criterion === "gini" ? 0.5 : 1;
    const split = (columns: number[]) => {
      return bestSplit(matrix(toRows(X).map((r) => columns.map((j) => r[j]!))), y, everyRow(800), { criterion })!;
    };
    expect(rootImpurity - split([0]).gain).toBeCloseTo(a, 9);
    expect(rootImpurity - split([1]).gain).toBeCloseTo(b, 9);
    expect(split([0, 1]).feature).toBe(1);
    // Gain is never negative, and 0 exactly for equal class distributions.
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { minLength: 2, maxLength: 4 }), (counts) => {
        const [left, right] = [0, 1].map((side) => counts.flatMap((pair, c) => Array<number>(pair[side]!).fill(c)));
        if (left!.length === 0 || right!.length === 0) return;
        const sides = matrix([...left!.map(() => [0]), ...right!.map(() => [1])]);
        const { gain } = bestSplit(sides, [...left!, ...right!], everyRow(left!.length + right!.length), {
          criterion,
        })!;
        expect(gain).toBeGreaterThanOrEqual(0);
        const equal = counts.every(([l, r]) => l * right!.length === r * left!.length);
        // With at most 24 rows a side, Σ (p_L − p_R)² is at least 2 / (n_L n_R)² where it is not 0: Gini gains at least
        // 2 / (n² n_L n_R) ≥ 1.5e-6, and entropy, by Pinsker's inequality, at least 1 / (2 ln 2) = 0.72 of that.
        if (equal) expect(gain).toBeLessThan(1e-14);
        else expect(gain).toBeGreaterThan(1e-6);
      }),
    );
  }
});

claim("one-pass-equals-brute-force", () => {
  for (let seed = 0; seed < 200; seed++) {
    const { integer, normal } = random(seed);
    const [n, d] = [3 + integer(20), 1 + integer(4)];
    const rows = Array.from({ length: n }, () => Array.from({ length: d }, () => (seed % 2 ? integer(5) : normal())));
    const problem = {
      classes: Array.from({ length: n }, () => integer(3)),
      numbers: Array.from({ length: n }, () => normal() + (seed % 3 === 0 ? 1000 : 0)),
    };
    for (const criterion of CRITERIA) {
      const y = targetsFor(criterion, problem);
      const split = bestSplit(matrix(rows), y, everyRow(n), { criterion });
      const expected = bruteForce(rows, y, criterion);
      if (expected.visits === 0) {
        expect(split).toBeUndefined();
        continue;
      }
      expect(Math.abs(split!.gain - expected.gain)).toBeLessThanOrEqual(1e-12);
      const left = y.filter((_, i) => rows[i]![split!.feature]! <= split!.threshold);
      const right = y.filter((_, i) => rows[i]![split!.feature]! > split!.threshold);
      expect(Math.abs(gainOf(criterion, left, right) - expected.gain)).toBeLessThanOrEqual(1e-12);
    }
  }
  const visits = [50, 100, 200].map((n) => {
    const X = uniformPoints(n, 3, n);
    const y = everyRow(n).map((i) => i % 2);
    return [bestSplit(X, y, everyRow(n))!.rowVisits, bruteForce(toRows(X), y, "gini").visits];
  });
  expect(visits).toEqual([50, 100, 200].map((n) => [3 * n, 3 * n * (n - 1)]));
});

claim(
  "greedy-is-not-optimal",
  () => {
    const corners = Array.from({ length: 100 }, (_, i) => [i % 2, (i >> 1) % 2]);
    const y = corners.map(([a, b]) => a! ^ b!);
    for (const criterion of ["gini", "entropy"] as const) {
      for (const j of [0, 1]) {
        const { gain } = bestSplit(matrix(corners.map((x) => [x[j]!])), y, everyRow(100), { criterion })!;
        expect(gain).toBeLessThanOrEqual(1e-15);
      }
      const tree = decisionTreeClassifier(matrix(corners), y, { criterion, maxDepth: 2 });
      expect(share(predict(tree, matrix(corners)), y)).toBe(1);
      expect(leafCount(decisionTreeClassifier(matrix(corners), y, { criterion, minImpurityDecrease: 1e-7 }))).toBe(1);
    }
    const runs = Array.from({ length: 40 }, (_, seed) => {
      const X = matrix(toRows(uniformPoints(1000, 2, seed)).map((x) => x.map((v) => 2 * v - 1)));
      const target = toRows(X).map(([a, b]) => Number(a! * b! > 0));
      const signs = toRows(X).map((x) => x.map((v) => Number(v > 0))); // four quadrants, each of one class
      expect(new Set(signs.map(([a, b], i) => `${a}${b}${target[i]}`)).size).toBe(4);
      const full = decisionTreeClassifier(X, target);
      const [root, left, right] = Array.from(full.impurity, (I, t) => I * full.nNodeSamples[t]!);
      return {
        accuracy: share(predict(decisionTreeClassifier(X, target, { maxDepth: 2 }), X), target),
        leaves: leafCount(full),
        gain: (root! - left! - right!) / 1000,
      };
    });
    const accuracies = runs.map(({ accuracy }) => accuracy);
    expect(median(accuracies)).toBeLessThanOrEqual(0.75);
    expect(median(accuracies)).toBeGreaterThan(0.5);
    expect(Math.max(...accuracies)).toBeGreaterThan(0.9); // the first cut happens to fall near an axis
    expect(runs.filter(({ leaves }) => leaves > 4).length).toBeGreaterThanOrEqual(38);
    expect(Math.max(...runs.map(({ gain }) => gain))).toBeLessThanOrEqual(0.02);
  },
  20_000,
);

claim(
  "pruning-is-optimal-and-nested",
  () => {
    let trees = 0;
    for (let seed = 0; trees < 40; seed++) {
      const { integer, normal } = random(seed);
      const [n, d] = [14 + integer(12), 1 + integer(3)];
      const X = matrix(Array.from({ length: n }, () => Array.from({ length: d }, () => normal())));
      const criterion = CRITERIA[seed % 4]!;
      const y = Array.from({ length: n }, (_, i) => (seed % 4 < 2 ? Number(X.get(i, 0) + normal() > 0) : normal()));
      const tree = grow(X, y, criterion, { maxDepth: 4, minSamplesLeaf: 1 + integer(2) });
      const leaves = leafCount(tree);
      if (leaves > 12 || leaves < 3) continue;
      trees++;
      const subtrees = prunings(tree);
      const path = costComplexityPruningPath(tree);
      const alphas = [...path.ccpAlphas];
      const between = alphas.map((a, k) => (a + (alphas[k + 1] ?? 2 * a + 1)) / 2);
      let last: string[] = [];
      for (const alpha of [...alphas, ...between].sort((a, b) => a - b)) {
        const costs = subtrees.map(({ risk, leaves }) => risk + alpha * leaves.length);
        const least = Math.min(...costs);
        // Costs that are equal but for rounding; among them the fewest leaves.
        const fewest = Math.min(...subtrees.filter((_, i) => costs[i]! <= least + 1e-11).map((s) => s.leaves.length));
        const pruned = prune(tree, alpha);
        const risk = sum(
          Array.from(pruned.feature, (feature, t) =>
            feature < 0 ? (pruned.weightedNNodeSamples[t]! / n) * pruned.impurity[t]! : 0,
          ),
        );
        expect(Math.abs(risk + alpha * leafCount(pruned) - least)).toBeLessThan(1e-11);
        expect(leafCount(pruned)).toBe(fewest);
        // Nested: the partition of the training rows only gets coarser.
        const cells = new Map<number, number[]>();
        for (const [i, leaf] of apply(pruned, X).entries()) cells.set(leaf, [...(cells.get(leaf) ?? []), i]);
        const now = [...cells.values()].map((cell) => `,${cell.join(",")},`);
        for (const cell of last) {
          const first = cell.split(",")[1];
          const around = now.find((other) => other.includes(`,${first},`))!;
          for (const i of cell.split(",").filter(Boolean)) expect(around).toContain(`,${i},`);
        }
        last = now;
        const k = alphas.findLastIndex((a) => a <= alpha);
        expect(path.leaves[k]).toBe(fewest);
        expect(path.impurities[k]).toBeCloseTo(risk, 11);
      }
      expect(path.leaves.at(-1)).toBe(1);
    }
  },
  20_000,
);

claim("ordered-categories-suffice", () => {
  const q = 7;
  const subsets = Array.from({ length: 2 ** (q - 1) - 1 }, (_, code) => code + 1);
  expect(subsets.length).toBe(63);
  for (let seed = 0; seed < 300; seed++) {
    const { integer, normal } = random(seed);
    const codes = [...everyRow(q), ...Array.from({ length: 13 }, () => integer(q))];
    const binary = seed % 2 === 0;
    const effect = everyRow(q).map(() => normal());
    const y = codes.map((c) => (binary ? Number(effect[c]! + normal() > 0) : effect[c]! + normal()));
    for (const criterion of binary ? (["gini", "entropy", "squaredError"] as const) : (["squaredError"] as const)) {
      const gains = subsets.map((code) => {
        const isLeft = (i: number) => ((code >> codes[i]!) & 1) === 1;
        return gainOf(
          criterion,
          y.filter((_, i) => isLeft(i)),
          y.filter((_, i) => !isLeft(i)),
        );
      });
      const { left, gain } = categoricalSplit(codes, y, { criterion })!;
      expect(gain).toBeCloseTo(Math.max(...gains), 11);
      const [inside, outside] = [true, false].map((side) => y.filter((_, i) => left.has(codes[i]!) === side));
      expect(gainOf(criterion, inside!, outside!)).toBeCloseTo(gain, 11);
      expect(mean(inside!)).toBeLessThanOrEqual(mean(outside!) + 1e-12);
    }
  }
  // Three classes as numbers 0, 1, 2: categories 1 and 2 are all class 1, and the others, mixtures of 0 and 2 with means
  // 2/3 and 4/3, lie on both sides of them. The best grouping takes those two together, which no cut does.
  const byCategory = [
    [0, 0, 2],
    [1, 1, 1],
    [1, 1, 1],
    [0, 2, 2],
  ];
  const together = (...which: number[]) => which.flatMap((c) => byCategory[c]!);
  const codes = everyRow(12).map((i) => [Math.floor(i / 3)]);
  const ordered = bestSplit(matrix(codes), byCategory.flat(), everyRow(12))!; // codes are in the order of the means
  const best = gainOf("gini", together(0, 3), together(1, 2));
  expect(best).toBeCloseTo(0.375, 12);
  expect(ordered.gain).toBeLessThan(best - 0.1);
});

claim("monotone-transform-keeps-training-partition", () => {
  const { x, target } = loadBreastCancer();
  const rows = toRows(x);
  const largest = rows[0]!.map((_, j) => Math.max(...rows.map((r) => r[j]!)));
  const warped = rows.map((r) => r.map((v, j) => Math.exp((5 * v) / largest[j]!)));
  const changed: number[] = [];
  for (let seed = 0; seed < 20; seed++) {
    const order = [...random(seed).permutation(569)];
    const [train, held] = [order.slice(0, 398), order.slice(398)];
    const take = (from: number[][], which: number[]) => matrix(which.map((i) => from[i]!));
    const y = train.map((i) => target[i]!);
    const plain = decisionTreeClassifier(take(rows, train), y);
    const bent = decisionTreeClassifier(take(warped, train), y);
    expect(apply(bent, take(warped, train))).toEqual(apply(plain, take(rows, train)));
    const expected = predict(plain, take(rows, held));
    changed.push(sum(predict(bent, take(warped, held)).map((c, i) => Number(c !== expected[i]))));
  }
  expect(Math.max(...changed) / 171).toBeLessThanOrEqual(0.02);
  expect(Math.max(...changed)).toBe(2); // as the note says
});

claim("diagonal-costs-sqrt-n-leaves", () => {
  const leaves = [100, 400, 1600, 6400].map((n) =>
    mean(
      everyRow(5).map((seed) => {
        const X = uniformPoints(n, 2, seed);
        return leafCount(
          decisionTreeClassifier(
            X,
            toRows(X).map(([a, b]) => Number(a! > b!)),
          ),
        );
      }),
    ),
  );
  for (const [i, more] of leaves.slice(1).entries()) {
    expect(more / leaves[i]!).toBeGreaterThanOrEqual(1.7);
    expect(more / leaves[i]!).toBeLessThanOrEqual(2.6);
  }
});

claim("many-valued-features-win-by-chance", () => {
  const wins = [0, 0, 0];
  for (let seed = 0; seed < 2000; seed++) {
    const { uniform, integer } = random(seed);
    const X = matrix(Array.from({ length: 100 }, () => [integer(2), integer(4), uniform()]));
    const coin = Array.from({ length: 100 }, () => integer(2));
    wins[bestSplit(X, coin, everyRow(100))!.feature]!++;
  }
  for (const [j, expected] of [0.05, 0.14, 0.81].entries()) {
    expect(Math.abs(wins[j]! / 2000 - expected), `feature ${j}: ${wins[j]}`).toBeLessThanOrEqual(0.04);
  }
});

claim("regression-stays-within-training-range", () => {
  fc.assert(
    fc.property(problems, ({ rows, numbers, seed }) => {
      const { normal } = random(seed);
      const far = matrix(Array.from({ length: 7 }, () => rows[0]!.map(() => 100 * normal())));
      for (const criterion of ["squaredError", "absoluteError"] as const) {
        const tree = decisionTreeRegressor(matrix(rows), numbers, { criterion, maxDepth: 3 });
        for (const value of predict(tree, far)) {
          expect(value).toBeGreaterThanOrEqual(Math.min(...numbers) - 1e-12);
          expect(value).toBeLessThanOrEqual(Math.max(...numbers) + 1e-12);
        }
      }
    }),
  );
  const line = decisionTreeRegressor(matrix(everyRow(10).map((i) => [i])), everyRow(10));
  expect([...predict(line, matrix([[-50], [50], [1e300]]))]).toEqual([0, 9, 9]);
});

describe("oracle: scikit-learn", () => {
  interface Skl extends Arrays {
    readonly value: number[][];
  }
  interface Fit {
    readonly options: Record<string, number | string>;
    readonly weighted: boolean;
    readonly tree: Skl;
    readonly predictions: number[];
    readonly probabilities: number[][] | null;
    readonly apply: number[];
    readonly importances: number[];
    readonly ccpAlphas: number[];
    readonly impurities: number[];
    readonly pruneAlpha: number;
    readonly prunedTree: Skl;
  }
  const fixture = oracle<{
    x: number[][];
    numbers: number[];
    classes: number[];
    weights: number[];
    fresh: number[][];
    classifiers: Fit[];
    regressors: Fit[];
    real: { data: string; criterion: string; impurity: number; rootGain: number }[];
    distributions: { counts: number[]; gini: number; entropy: number }[];
    xorLeaves: number[];
    uselessSplitLeaves: number;
    conventions: { rootFeatures: number[]; leavesWithinFloat32: number; missing: number[] };
    defaults: Record<string, number | string | null>;
  }>();
  const camel = (word: string) => word.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const theirs = (tree: Skl) => nested(tree, (t) => tree.value[t]!);
  const fits = [
    ...fixture.classifiers.map((fit) => [JSON.stringify([fit.options, fit.weighted]), fit, fixture.classes] as const),
    ...fixture.regressors.map((fit) => [JSON.stringify([fit.options, fit.weighted]), fit, fixture.numbers] as const),
  ];

  test.each(fits)("%s: the same tree, predictions, importances and pruning", (_, fit, y) => {
    const options = Object.fromEntries(Object.entries(fit.options).map(([key, value]) => [camel(key), value]));
    const criterion = camel(fit.options.criterion as string) as Criterion;
    const weights = fit.weighted ? { sampleWeight: fixture.weights } : {};
    const tree = grow(matrix(fixture.x), y, criterion, { ...options, ...weights });
    same(ours(tree), theirs(fit.tree));
    const fresh = matrix(fixture.fresh);
    same([...predict(tree, fresh)], fit.predictions);
    if (fit.probabilities) same(toRows(predictProba(tree as never, fresh)), fit.probabilities);
    same([...featureImportances(tree)], fit.importances);
    // Their leaf and ours hold the same training rows.
    const leaves = apply(tree, fresh);
    same(
      [...leaves].map((t) => tree.nNodeSamples[t]),
      fit.apply.map((t) => fit.tree.nNodeSamples[t]!),
    );
    // scikit-learn repeats an α where several links are equally weak.
    const alphas = fit.ccpAlphas.filter((alpha, k) => !(fit.ccpAlphas[k + 1]! - alpha < 1e-12));
    const impurities = fit.impurities.filter((_, k) => !(fit.ccpAlphas[k + 1]! - fit.ccpAlphas[k]! < 1e-12));
    const path = costComplexityPruningPath(tree);
    expect(path.ccpAlphas.length).toBe(alphas.length);
    same([...path.ccpAlphas], alphas);
    same([...path.impurities], impurities);
    same(ours(prune(tree, fit.pruneAlpha)), theirs(fit.prunedTree));
  });

  test("the first splits of real tables remove the same impurity", () => {
    const tables = {
      iris: loadIris(),
      wine: loadWine(),
      "breast-cancer": loadBreastCancer(),
      diabetes: loadDiabetes(),
    };
    for (const { data, criterion, impurity, rootGain } of fixture.real) {
      const { x, target } = tables[data as keyof typeof tables];
      const tree = grow(x, target, camel(criterion) as Criterion, { maxDepth: 2 });
      const n = x.shape[0]!;
      const exact = sum(
        Array.from(tree.feature, (feature, t) => (feature < 0 ? tree.nNodeSamples[t]! * tree.impurity[t]! : 0)),
      );
      expect(exact / n / impurity).toBeCloseTo(1, 9);
      const root = bestSplit(x, target, everyRow(n), { criterion: camel(criterion) as Criterion })!;
      expect(root.gain / rootGain).toBeCloseTo(1, 9);
    }
  });

  test("impurities of distributions", () => {
    for (const { counts, ...expected } of fixture.distributions) {
      const y = counts.flatMap((count, c) => Array<number>(count).fill(c));
      const X = matrix(y.map(() => [0]));
      for (const criterion of ["gini", "entropy"] as const) {
        expect(decisionTreeClassifier(X, y, { criterion }).impurity[0]).toBeCloseTo(expected[criterion], 12);
      }
    }
  });

  test("the conventions of the note: zero gain, pruning at 0, defaults", () => {
    const corners = matrix(Array.from({ length: 100 }, (_, i) => [i % 2, (i >> 1) % 2]));
    const y = toRows(corners).map(([a, b]) => a! ^ b!);
    const leaves = [0, 1e-7].map((minImpurityDecrease) =>
      leafCount(decisionTreeClassifier(corners, y, { minImpurityDecrease })),
    );
    expect(leaves).toEqual(fixture.xorLeaves);
    const useless = decisionTreeClassifier(matrix([[0], [1], [0], [1]]), [0, 0, 1, 1]);
    expect(leafCount(useless)).toBe(fixture.uselessSplitLeaves);
    expect(leafCount(prune(useless, 0))).toBe(1);
    const { conventions } = fixture;
    const [column, halves] = [everyRow(4).map((i) => [i]), [0, 0, 1, 1]];
    expect(conventions.rootFeatures).toEqual([0, 1]);
    expect(decisionTreeClassifier(matrix(column.map(([v]) => [v!, v!])), halves).feature[0]).toBe(0);
    expect(conventions.leavesWithinFloat32).toBe(1);
    expect(leafCount(decisionTreeClassifier(matrix(column.map(([v]) => [1 + v! * 1e-12])), halves))).toBe(2);
    expect(conventions.missing).toEqual(halves);
    for (const { tree } of [...fixture.classifiers, ...fixture.regressors]) {
      for (const [t, child] of Array.from(tree.childrenLeft).entries()) {
        if (child < 0) expect(tree.threshold[t]).toBe(-2);
        else expect(child).toBe(t + 1); // depth first
      }
    }
    expect(fixture.defaults).toEqual({
      criterion: "gini",
      max_depth: null,
      min_samples_split: 2,
      min_samples_leaf: 1,
      ccp_alpha: 0,
    });
  });
});

describe("properties", () => {
  test("a full tree fits what can be told apart; leaves, paths and values agree with the training rows", () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(...CRITERIA), ({ rows, classes, numbers, n }, criterion) => {
        const y = targetsFor(criterion, { classes, numbers });
        const X = matrix(rows);
        const tree = grow(X, y, criterion);
        const groups = new Map<string, number[]>();
        for (const [i, r] of rows.entries()) groups.set(String(r), [...(groups.get(String(r)) ?? []), y[i]!]);
        expect(leafCount(tree)).toBeLessThanOrEqual(groups.size);
        const leaves = apply(tree, X);
        for (const leaf of new Set(leaves)) {
          const own = y.filter((_, i) => leaves[i] === leaf);
          expect(tree.nNodeSamples[leaf]).toBe(own.length);
          expect(tree.impurity[leaf]).toBeCloseTo(impurityOf[criterion](own), 11);
          // Impure only where the rows are equal.
          const different = new Set(rows.filter((_, i) => leaves[i] === leaf).map(String)).size;
          if (new Set(own).size > 1) expect(different).toBe(1);
          if (tree.nOutputs > 1) {
            const frequencies = [...tree.value.subarray(leaf * tree.nOutputs, (leaf + 1) * tree.nOutputs)];
            for (const [c, p] of frequencies.entries())
              expect(p).toBeCloseTo(mean(own.map((v) => Number(v === c))), 12);
          } else if (criterion === "squaredError") expect(tree.value[leaf]).toBeCloseTo(mean(own), 11);
          else if (criterion === "absoluteError") expect(tree.value[leaf]).toBeCloseTo(median(own), 11);
        }
        for (const [i, path] of decisionPath(tree, X).entries()) {
          expect(path[0]).toBe(0);
          expect(path.at(-1)).toBe(leaves[i]);
          for (const [t, node] of path.slice(0, -1).entries()) {
            const isLeft = rows[i]![tree.feature[node]!]! <= tree.threshold[node]!;
            expect(path[t + 1]).toBe(isLeft ? tree.childrenLeft[node] : tree.childrenRight[node]);
          }
        }
        expect(sum(tree.nNodeSamples.filter((_, t) => tree.feature[t]! < 0))).toBe(n);
      }),
    );
  });

  test("every split is the best of its node: the greedy tree, split by split", () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(...CRITERIA), ({ rows, classes, numbers, n }, criterion) => {
        const y = targetsFor(criterion, { classes, numbers });
        const X = matrix(rows);
        const states = [...decisionTreeSteps(X, y, { criterion })];
        let before: Tree = decisionTreeRegressor(
          X,
          y.map(() => 0),
        ); // a single leaf
        for (const [k, { node, gain, feature, threshold, leaves, tree }] of states.entries()) {
          expect(leaves).toBe(k + 2);
          expect(leafCount(tree)).toBe(leaves);
          const own = everyRow(n).filter((i) => apply(before, X)[i] === node);
          const best = bruteForce(
            own.map((i) => rows[i]!),
            own.map((i) => y[i]!),
            criterion,
          );
          expect(Math.abs(gain - best.gain)).toBeLessThan(1e-11);
          expect([tree.feature[node], tree.threshold[node]]).toEqual([feature, threshold]);
          before = tree;
        }
        if (states.length > 0) expect(before).toEqual(grow(X, y, criterion));
      }),
      { numRuns: 60 },
    );
  });

  test("weights are repeated rows; rows of weight 0 are not there", () => {
    fc.assert(
      fc.property(problems, fc.constantFrom(...CRITERIA), ({ rows, classes, numbers, n, seed }, criterion) => {
        const { integer } = random(seed + 1);
        const y = targetsFor(criterion, { classes, numbers });
        const weights = [
          ...everyRow(n)
            .map(() => integer(3))
            .slice(1),
          1,
        ];
        const repeated = weights.flatMap((w, i) => Array<number>(w).fill(i));
        const weighted = grow(matrix(rows), y, criterion, { sampleWeight: weights, maxDepth: 3 });
        const plain = grow(
          matrix(repeated.map((i) => rows[i]!)),
          repeated.map((i) => y[i]!),
          criterion,
          { maxDepth: 3 },
        );
        if (plain.nOutputs !== weighted.nOutputs) return; // a class has no rows left
        // Rows are counted differently; all else is the same, and small weights do not matter by themselves.
        const { nNodeSamples: _, ...rest } = weighted;
        const tiny = grow(matrix(rows), y, criterion, { sampleWeight: weights.map((w) => w / 1024), maxDepth: 3 });
        const depthFree = ours(plain);
        const strip = ({ samples: _samples, split, ...own }: Nested): object =>
          split ? { ...own, split: [split[0], split[1], strip(split[2]), strip(split[3])] } : own;
        same(strip(ours({ ...rest, nNodeSamples: weighted.nNodeSamples })), strip(depthFree));
        same([...tiny.value], [...weighted.value]);
        same([...tiny.impurity], [...weighted.impurity]);
      }),
    );
  });

  test("a least decrease that is just met, to rounding; a share of all weight, not of the node's", () => {
    const { x, target } = loadWine();
    const grows = (least: number) => leafCount(decisionTreeClassifier(x, target, { minImpurityDecrease: least })) > 1;
    const { gain } = bestSplit(x, target, everyRow(178))!;
    expect([gain, gain * (1 + 1e-13), gain * (1 + 1e-11)].map(grows)).toEqual([true, true, false]);
  });

  test("a least decrease is a share of all weight; a tie among classes goes to the first", () => {
    const heavy = { sampleWeight: [8, 8, 8, 8], minImpurityDecrease: 0.5 };
    const line = matrix(everyRow(4).map((i) => [i]));
    expect(leafCount(decisionTreeClassifier(line, [0, 0, 1, 1], heavy))).toBe(2); // gains 0.5
    expect(leafCount(decisionTreeClassifier(line, [0, 0, 1, 1], { ...heavy, minImpurityDecrease: 0.51 }))).toBe(1);
    const light = { sampleWeight: [0.1, 0.1, 0.1, 0.1], minImpurityDecrease: 0.51 };
    expect(leafCount(decisionTreeClassifier(line, [0, 0, 1, 1], light))).toBe(1);
    const undecided = decisionTreeClassifier(matrix([[0], [0]]), [2, 1]);
    expect([...predict(undecided, matrix([[0]]))]).toEqual([1]);
  });

  test("ties among the features drawn: the smallest one", () => {
    const column = matrix(everyRow(4).map((i) => [i, i, i]));
    const roots = everyRow(40).map((seed) => {
      return decisionTreeClassifier(column, [0, 0, 1, 1], { maxFeatures: 2, seed }).feature[0]!;
    });
    expect(new Set(roots)).toEqual(new Set([0, 1])); // feature 2 is never drawn alone
  });

  test("bestSplit: a row named twice counts twice; other rows do not matter", () => {
    const X = matrix([[0], [1], [2], [3], [99]]);
    const y = [0, 1, 0, 1, 2];
    expect(bestSplit(X, y, [0, 1, 2, 3])!.threshold).toBe(0.5);
    expect(bestSplit(X, y, [0, 1, 2, 2, 2, 2, 3, 3, 3, 3])!.threshold).toBe(2.5);
    expect(bestSplit(X, y, [3])).toBeUndefined();
  });

  test("ties: the first feature, then the smallest threshold", () => {
    const twice = matrix([
      [0, 0, 5],
      [1, 1, 5],
      [2, 2, 5],
      [3, 3, 5],
    ]);
    expect(bestSplit(twice, [0, 1, 1, 0], everyRow(4))).toMatchObject({ feature: 0, threshold: 0.5 });
    // Thirds, with a rounding that differs from cut to cut: equal gains are still equal.
    const target = [0, 1, 2, 1, 0].map((v) => v / 3);
    expect(
      bestSplit(matrix(everyRow(5).map((i) => [i])), target, everyRow(5), { criterion: "squaredError" })!.threshold,
    ).toBe(0.5);
  });

  test("rounding takes no gain, importance or deviation below 0", () => {
    const halves = (left: number[], right: number[]) => {
      return [matrix([...left.map(() => [0]), ...right.map(() => [1])]), [...left, ...right]] as const;
    };
    // Halves of equal shares: without a bound the gain is −1.5e-16, the importance −2.8e-17.
    const thirds = [0, 1, 1];
    const [X, y] = halves(thirds, [...thirds, ...thirds, ...thirds]);
    expect(bestSplit(X, y, everyRow(12), { criterion: "entropy" })!.gain).toBe(0);
    const even = decisionTreeClassifier(...halves([0, 0, 0, 0, 1, 1, 1, 1], [0, 1]), { maxDepth: 1 });
    expect([...featureImportances(even)]).toEqual([0]);
    // Halves without deviations: all of the impurity is gained, not 0.07500000000000004 of 0.07500000000000001.
    const pure = halves([0], [0.3, 0.3, 0.3]);
    const { gain } = bestSplit(...pure, everyRow(4), { criterion: "absoluteError" })!;
    expect(gain).toBe(decisionTreeRegressor(...pure, { criterion: "absoluteError" }).impurity[0]);
  });

  test("a mean that rounds spoils neither the variance nor the gain", () => {
    const line = matrix([[0], [1], [2]]);
    const y = [0, 0, 1].map((v) => 2 ** 52 + v); // the mean is a third above 2^52, which is no float
    expect(decisionTreeRegressor(line, y).impurity[0]).toBeCloseTo(2 / 9, 14);
    expect(bestSplit(line, y, everyRow(3), { criterion: "squaredError" })!.gain).toBeCloseTo(2 / 9, 14);
  });

  test("links that are equal but for rounding give way together", () => {
    const tree = decisionTreeClassifier(matrix(everyRow(6).map((i) => [i])), [1, 0, 1, 0, 1, 0]);
    const { ccpAlphas, leaves } = costComplexityPruningPath(tree); // links 0.09999999999999999 and 0.10000000000000003
    expect(ccpAlphas.length).toBe(2);
    expect(ccpAlphas[1]).toBeCloseTo(0.1, 14);
    expect([...leaves]).toEqual([6, 1]);
  });

  test("categories with equal means stand in ascending order, whichever comes first", () => {
    expect(categoricalSplit([1, 0], [5, 5])).toEqual({ left: new Set([0]), gain: 0 });
  });

  test("the smallest and the largest weights change nothing", () => {
    for (const w of [1e-100, 1e100]) {
      for (const criterion of CRITERIA) {
        const tree = grow(matrix(everyRow(4).map((i) => [i])), [0, 0, 1, 1], criterion, { sampleWeight: [w, w, w, w] });
        expect(tree.threshold[0]).toBe(1.5);
        expect(tree.impurity[0]).toBeCloseTo(impurityOf[criterion]([0, 0, 1, 1]), 12);
        expect(leafCount(tree)).toBe(2);
      }
    }
  });

  test("options: depth, leaf and node sizes, least decrease, number of features", () => {
    const { x, target } = loadIris();
    const depthOf = (tree: Tree) => Math.max(...decisionPath(tree, x).map((path) => path.length - 1));
    for (const maxDepth of [1, 2, 3]) expect(depthOf(decisionTreeClassifier(x, target, { maxDepth }))).toBe(maxDepth);
    const large = decisionTreeClassifier(x, target, { minSamplesLeaf: 7 });
    expect(Math.min(...large.nNodeSamples)).toBeGreaterThanOrEqual(7);
    expect(Math.min(...large.nNodeSamples)).toBeLessThan(14);
    const nodes = decisionTreeClassifier(x, target, { minSamplesSplit: 47 });
    const asked = nodes.nNodeSamples.filter((_, t) => nodes.feature[t]! >= 0);
    expect(Math.min(...asked)).toBeGreaterThanOrEqual(47);
    expect(leafCount(nodes)).toBeGreaterThan(leafCount(decisionTreeClassifier(x, target, { minSamplesSplit: 151 })));
    // The root lowers the Gini index by exactly 1/3, its right child by 0.26.
    expect(leafCount(decisionTreeClassifier(x, target, { minImpurityDecrease: 1 / 3 }))).toBe(2);
    expect(leafCount(decisionTreeClassifier(x, target, { minImpurityDecrease: 0.34 }))).toBe(1);
    // A single feature a node: the trees of 30 seeds ask about every one of the four at the root.
    const roots = everyRow(30).map((seed) => decisionTreeClassifier(x, target, { maxFeatures: 1, seed }).feature[0]!);
    expect(new Set(roots).size).toBe(4);
    const some = decisionTreeClassifier(x, target, { maxFeatures: 1, seed: 3 });
    expect(new Set(some.feature).size).toBeGreaterThan(2); // drawn anew at every node
    expect(share(predict(some, x), target)).toBe(1);
    // Constant features are not among those drawn.
    const padded = matrix(toRows(x).map(([a]) => [7, 7, 7, a!, 7]));
    for (const seed of everyRow(20)) {
      expect(decisionTreeClassifier(padded, target, { maxFeatures: 1, maxDepth: 1, seed }).feature[0]).toBe(3);
    }
  });

  test("exportText and importances", () => {
    const { x, target, featureNames } = loadIris();
    const tree = decisionTreeClassifier(x, target, { maxDepth: 2 });
    expect(exportText(tree, featureNames)).toBe(
      [
        `${featureNames[2]} <= 2.45`,
        "|  class 0 (50 rows: 1, 0, 0)",
        `${featureNames[2]} > 2.45`,
        `|  ${featureNames[3]} <= 1.75`,
        "|  |  class 1 (54 rows: 0, 0.91, 0.093)",
        `|  ${featureNames[3]} > 1.75`,
        "|  |  class 2 (46 rows: 0, 0.022, 0.98)",
      ].join("\n"),
    );
    expect(sum(featureImportances(tree))).toBeCloseTo(1, 12);
    expect([...featureImportances(decisionTreeClassifier(matrix([[1, 2]]), [0]))]).toEqual([0, 0]);
  });
});

test("the note's numbers: four rows by hand, breast cancer by cross-validation", () => {
  const four = [0, 0, 1, 0];
  const steps = [...decisionTreeSteps(matrix([[1], [2], [4], [8]]), four)];
  expect(steps.map(({ threshold, gain }) => [threshold, gain])).toEqual([
    [3, 0.125],
    [6, 0.5],
  ]);
  for (const [cut, gain] of [0.0417, 0.125, 0.0417].entries()) {
    expect(gainOf("gini", four.slice(0, cut + 1), four.slice(cut + 1))).toBeCloseTo(gain, 4);
  }
  const { x, target } = loadBreastCancer();
  const tree = decisionTreeClassifier(x, target);
  expect([leafCount(tree), share(predict(tree, x), target)]).toEqual([22, 1]);
  const rows = toRows(x);
  const order = [...random(0).permutation(569)];
  const folds = everyRow(10).map((fold) => {
    const held = order.filter((_, k) => k % 10 === fold);
    const train = order.filter((_, k) => k % 10 !== fold);
    const full = decisionTreeClassifier(
      matrix(train.map((i) => rows[i]!)),
      train.map((i) => target[i]!),
    );
    return { held, full };
  });
  const right = (alpha: number) =>
    sum(
      folds.map(({ held, full }) => {
        const guess = predict(prune(full, alpha), matrix(held.map((i) => rows[i]!)));
        return sum(held.map((i, k) => Number(guess[k] === target[i])));
      }),
    );
  expect([0, 0.008, 0.05].map(right)).toEqual([530, 538, 516]);
  expect(leafCount(prune(tree, 0.008))).toBe(6);
});

describe("figures", () => {
  type Drawn = { description: string; hconcat: { layer: { data: { values: Record<string, number>[] } }[] }[] };
  test("the boxes tile the square, once", () => {
    for (const settings of [{}, { maxDepth: 8 }, { splits: 2 }, { ccpAlpha: 0.01 }, { criterion: "entropy" }]) {
      const boxes = (boxesFigure.draw(settings) as unknown as Drawn).hconcat[0]!.layer[0]!.data.values;
      expect(sum(boxes.map(({ x, x2, y, y2 }) => (x2! - x!) * (y2! - y!)))).toBeCloseTo(1, 2);
    }
    const few = (boxesFigure.draw({ splits: 2 }) as unknown as Drawn).hconcat[0]!.layer[0]!.data.values;
    expect(few.length).toBe(3);
  });
  test("deeper trees fit better, and their error on new points has a minimum inside", () => {
    const { description, hconcat } = boxesFigure.draw({ maxDepth: 10 }) as unknown as Drawn;
    const curve = hconcat[1]!.layer[0]!.data.values as unknown as { points: string; error: number }[];
    const [training, fresh] = ["training points", "new points"].map((kind) =>
      curve.filter(({ points }) => points === kind).map(({ error }) => error),
    );
    expect(training).toEqual(training!.toSorted((a, b) => b - a));
    expect(training!.at(-1)).toBe(0);
    expect(fresh!.indexOf(Math.min(...fresh!))).toBeGreaterThan(0);
    expect(fresh!.at(-1)! - Math.min(...fresh!)).toBeGreaterThan(5);
    expect(description).toContain("52 leaves: 0 % of the training points wrong");
    expect(JSON.stringify(regressionFigure.draw({ maxDepth: 1 }))).not.toBe(
      JSON.stringify(regressionFigure.draw({ maxDepth: 5 })),
    );
  });
  test("the splits shown are the first of the pruned tree, in the order in which it grew", () => {
    const boxes = (settings: object) =>
      (boxesFigure.draw(settings) as unknown as Drawn).hconcat[0]!.layer[0]!.data.values.map(({ x, x2, y, y2 }) => {
        return [x!, x2!, y!, y2!];
      });
    const all = boxes({ maxDepth: 10, ccpAlpha: 0.01 });
    expect(all.length).toBeGreaterThan(3);
    for (let splits = 0; splits < all.length; splits++) {
      const some = boxes({ maxDepth: 10, ccpAlpha: 0.01, splits });
      expect(some.length).toBe(splits + 1);
      for (const [x, x2, y, y2] of all) {
        const around = some.filter(([a, a2, b, b2]) => a! <= x! && x2! <= a2! && b! <= y! && y2! <= b2!);
        expect(around.length).toBe(1);
      }
    }
  });
});

describe("contract", () => {
  const X = () => uniformPoints(30, 4, 5);
  const y = () => Array.from({ length: 30 }, (_, i) => (i * 7) % 3);

  test("inputs are unchanged; the same seed gives the same bits", () => {
    const points = X();
    const [before, targets, weights] = [copy(points), y(), y().map((v) => v + 1)];
    const tree = decisionTreeClassifier(points, targets, { sampleWeight: weights, maxFeatures: 2, seed: 4 });
    const snapshot = structuredClone(tree);
    costComplexityPruningPath(tree);
    prune(tree, 0.1);
    predict(tree, points);
    featureImportances(tree);
    categoricalSplit(targets, weights);
    expect(tree).toEqual(snapshot);
    expect(maxAbsDifference(points, before)).toBe(0);
    expect([targets, weights]).toEqual([y(), y().map((v) => v + 1)]);
    expect(decisionTreeClassifier(points, targets, { sampleWeight: weights, maxFeatures: 2, seed: 4 })).toEqual(tree);
    expect(decisionTreeClassifier(points, targets, { maxFeatures: 2 })).toEqual(
      decisionTreeClassifier(points, targets, { maxFeatures: 2, seed: 0 }),
    );
    const seeds = everyRow(5).map((seed) =>
      String(decisionTreeClassifier(points, targets, { maxFeatures: 2, seed }).threshold),
    );
    expect(new Set(seeds).size).toBeGreaterThan(1);
    expect(decisionTreeClassifier(points, targets)).toEqual(
      decisionTreeClassifier(points, targets, {
        criterion: "gini",
        maxDepth: Infinity,
        minSamplesSplit: 2,
        minSamplesLeaf: 1,
        minImpurityDecrease: 0,
        maxFeatures: 4,
        sampleWeight: targets.map(() => 1),
        seed: 99,
      }),
    );
    expect(decisionTreeRegressor(points, targets)).toEqual(
      decisionTreeRegressor(points, targets, { criterion: "squaredError" }),
    );
  });

  test("a state's tree stays what it was; strided views", () => {
    const states = [...decisionTreeSteps(X(), y())];
    const live: Tree[] = [];
    for (const state of decisionTreeSteps(X(), y())) live.push(structuredClone(state.tree));
    expect(states.map(({ tree }) => tree)).toEqual(live);
    // Farthest left first: the root's left child (1) and what is below it (4), then its right child (2) and below (8).
    const line = matrix(everyRow(6).map((i) => [i]));
    expect([...decisionTreeSteps(line, [0, 1, 0, 2, 3, 2])].map(({ node }) => node)).toEqual([0, 1, 4, 2, 8]);
    const view = transpose(matrix(toRows(transpose(X()))));
    expect(decisionTreeClassifier(view, y())).toEqual(decisionTreeClassifier(X(), y()));
    expect(predict(decisionTreeClassifier(X(), y()), view)).toEqual(Int32Array.from(y()));
  });

  test("extremes: one row, one class, constant features, neighbours in floating point, the largest and the smallest numbers", () => {
    expect(leafCount(decisionTreeClassifier(matrix([[1, 2]]), [3]))).toBe(1);
    expect([...predict(decisionTreeClassifier(matrix([[1, 2]]), [3]), matrix([[9, 9]]))]).toEqual([3]);
    expect(
      leafCount(
        decisionTreeClassifier(
          X(),
          y().map(() => 2),
        ),
      ),
    ).toBe(1);
    expect(
      leafCount(
        decisionTreeRegressor(
          X(),
          y().map(() => 0.1),
        ),
      ),
    ).toBe(1);
    expect(
      decisionTreeRegressor(
        X(),
        y().map(() => 0.1),
      ),
    ).toMatchObject({ impurity: Float64Array.of(0), value: Float64Array.of(0.1) });
    expect(leafCount(decisionTreeClassifier(matrix(y().map(() => [7])), y()))).toBe(1);
    for (const [a, b] of [
      [1, 1 + Number.EPSILON],
      [1 - Number.EPSILON / 2, 1],
      [0, Number.MIN_VALUE],
      [-Number.MIN_VALUE, 0],
      [Number.MIN_VALUE, 2 * Number.MIN_VALUE],
      [-1.7e308, 1.7e308],
      [1.6e308, 1.7e308],
    ] as const) {
      const tree = decisionTreeClassifier(matrix([[a], [b]]), [0, 1]);
      expect([...predict(tree, matrix([[a], [b]]))]).toEqual([0, 1]);
      expect(tree.threshold[0]).toBeGreaterThanOrEqual(a);
      expect(tree.threshold[0]).toBeLessThan(b);
      // Halfway, not just between.
      if (b > 1.5e308) expect(tree.threshold[0]).toBe(a / 2 + b / 2);
    }
    // −0 and 0 are equal.
    expect(leafCount(decisionTreeClassifier(matrix([[-0], [0], [-0]]), [0, 1, 0]))).toBe(1);
    // Far from 0 no digits are lost, and 1e140 does not overflow.
    const shifted = decisionTreeRegressor(matrix([[0], [1], [2], [3]]), [1e9, 1e9 + 1, 1e9 + 5, 1e9 + 6], {
      maxDepth: 1,
    });
    expect(shifted.threshold[0]).toBe(1.5);
    expect([...shifted.impurity]).toEqual([6.5, 0.25, 0.25]);
    const huge = decisionTreeRegressor(matrix([[0], [1], [2]]), [-1e140, 1e140, 1e140]);
    expect([...predict(huge, matrix([[0], [2]]))]).toEqual([-1e140, 1e140]);
    const deep = decisionTreeClassifier(
      matrix(everyRow(3000).map((i) => [i])),
      everyRow(3000).map((i) => i % 2),
    );
    expect(leafCount(deep)).toBe(3000);
  });

  const ok = X();
  const good = decisionTreeClassifier(ok, y());
  test.each<[string, () => unknown]>([
    ["decisionTreeClassifier: y must have length 30, got 29", () => decisionTreeClassifier(ok, y().slice(1))],
    ["decisionTreeRegressor: y must have length 30, got 29", () => decisionTreeRegressor(ok, y().slice(1))],
    [
      "decisionTreeClassifier: X must have at least one row and one column, got 0×0",
      () => decisionTreeClassifier(matrix([]), []),
    ],
    [
      "decisionTreeClassifier: X must be finite, got NaN at (1, 0)",
      () => decisionTreeClassifier(matrix([[0], [Number.NaN]]), [0, 1]),
    ],
    [
      "decisionTreeRegressor: X must be finite, got Infinity at (0, 1)",
      () => decisionTreeRegressor(matrix([[0, Infinity]]), [0]),
    ],
    [
      "decisionTreeRegressor: y must be finite, got NaN at 1",
      () => decisionTreeRegressor(matrix([[0], [1]]), [0, Number.NaN]),
    ],
    [
      "decisionTreeRegressor: y must lie within ±1e140, beyond which squares overflow, got -1e+141",
      () => decisionTreeRegressor(matrix([[0]]), [-1e141]),
    ],
    [
      "decisionTreeClassifier: y[1] must be an integer in [0, 65535], got 0.5",
      () => decisionTreeClassifier(matrix([[0], [1]]), [0, 0.5]),
    ],
    [
      "decisionTreeClassifier: y[0] must be an integer in [0, 65535], got -1",
      () => decisionTreeClassifier(matrix([[0], [1]]), [-1, 0]),
    ],
    [
      "decisionTreeClassifier: maxDepth must be an integer at least 1, got 0",
      () => decisionTreeClassifier(ok, y(), { maxDepth: 0 }),
    ],
    [
      "decisionTreeClassifier: minSamplesSplit must be an integer at least 2, got 1",
      () => decisionTreeClassifier(ok, y(), { minSamplesSplit: 1 }),
    ],
    [
      "decisionTreeClassifier: minSamplesLeaf must be an integer at least 1, got 0",
      () => decisionTreeClassifier(ok, y(), { minSamplesLeaf: 0 }),
    ],
    [
      "decisionTreeClassifier: minImpurityDecrease must be a finite number in [0, Infinity), got NaN",
      () => decisionTreeClassifier(ok, y(), { minImpurityDecrease: Number.NaN }),
    ],
    [
      "decisionTreeClassifier: maxFeatures must be an integer in [1, 4], got 5",
      () => decisionTreeClassifier(ok, y(), { maxFeatures: 5 }),
    ],
    [
      "decisionTreeClassifier: criterion must be one of 'gini', 'entropy', got 'squaredError'",
      () => decisionTreeClassifier(ok, y(), { criterion: "squaredError" as "gini" }),
    ],
    [
      "decisionTreeRegressor: criterion must be one of 'squaredError', 'absoluteError', got 'gini'",
      () => decisionTreeRegressor(ok, y(), { criterion: "gini" as "squaredError" }),
    ],
    [
      "decisionTreeSteps: criterion must be one of 'gini', 'entropy', 'squaredError', 'absoluteError', got 'best'",
      () => decisionTreeSteps(ok, y(), { criterion: "best" as "gini" }),
    ],
    [
      "decisionTreeClassifier: sampleWeight must have length 30, got 1",
      () => decisionTreeClassifier(ok, y(), { sampleWeight: [1] }),
    ],
    [
      "decisionTreeClassifier: sampleWeight[1] must be 0 or in [1e-100, 1e100], got -1",
      () => decisionTreeClassifier(matrix([[0], [1]]), [0, 1], { sampleWeight: [1, -1] }),
    ],
    [
      "decisionTreeClassifier: sampleWeight[0] must be 0 or in [1e-100, 1e100], got 9e-101",
      () => decisionTreeClassifier(matrix([[0], [1]]), [0, 1], { sampleWeight: [9e-101, 9e-101] }),
    ],
    [
      "decisionTreeClassifier: sampleWeight[1] must be 0 or in [1e-100, 1e100], got 1.1e+100",
      () => decisionTreeClassifier(matrix([[0], [1]]), [0, 1], { sampleWeight: [0, 1.1e100] }),
    ],
    [
      "decisionTreeClassifier: sampleWeight must not be all 0",
      () => decisionTreeClassifier(matrix([[0], [1]]), [0, 1], { sampleWeight: [0, 0] }),
    ],
    [
      "decisionTreeClassifier: sampleWeight must span at most a factor of 1e9, got 1 and 10000000000",
      () => decisionTreeClassifier(matrix([[0], [1]]), [0, 1], { sampleWeight: [1, 1e10] }),
    ],
    [
      "random: seed must be an integer in [-2147483648, 4294967295], got 0.5",
      () => decisionTreeClassifier(ok, y(), { seed: 0.5 }),
    ],
    ["bestSplit: rows must name at least one row, got 0", () => bestSplit(ok, y(), [])],
    ["bestSplit: rows[0] must be an integer in [0, 29], got 30", () => bestSplit(ok, y(), [30])],
    ["predict: X must have 4 columns, got 3", () => predict(good, matrix([[1, 2, 3]]))],
    ["predict: X must be finite, got NaN at (0, 3)", () => predict(good, matrix([[1, 2, 3, Number.NaN]]))],
    ["apply: X must have 4 columns, got 1", () => apply(good, matrix([[1]]))],
    ["decisionPath: X must have 4 columns, got 1", () => decisionPath(good, matrix([[1]]))],
    ["predictProba: X must have 4 columns, got 1", () => predictProba(good, matrix([[1]]))],
    [
      "predictProba: tree.criterion must be one of 'gini', 'entropy', got 'squaredError'",
      () => predictProba(decisionTreeRegressor(ok, y()) as RegressionTree as never, ok),
    ],
    ["prune: ccpAlpha must be a finite number in [0, Infinity), got -1", () => prune(good, -1)],
    ["exportText: featureNames must have length 4, got 1", () => exportText(good, ["a"])],
    ["categoricalSplit: codes must have the length of y, at least 1, got 1", () => categoricalSplit([0], [1, 2])],
    ["categoricalSplit: codes must have the length of y, at least 1, got 0", () => categoricalSplit([], [])],
    ["categoricalSplit: codes[1] must be an integer at least 0, got -1", () => categoricalSplit([0, -1], [1, 2])],
    [
      "categoricalSplit: y[1] must be an integer in [0, 1], got 2",
      () => categoricalSplit([0, 1], [1, 2], { criterion: "gini" }),
    ],
    ["categoricalSplit: y must be finite, got Infinity at 0", () => categoricalSplit([0], [Infinity])],
  ])("RangeError: %s", (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("TypeError where it is no matrix or no array; undefined where there is one category", () => {
    expect(() => decisionTreeClassifier([[0]] as unknown as Matrix, [0])).toThrow(
      new TypeError("decisionTreeClassifier: X must be a rank-2 ndarray of Float64Array, got Array"),
    );
    expect(() => decisionTreeClassifier(ok, null as unknown as number[])).toThrow(
      new TypeError("decisionTreeClassifier: y must be an array of numbers, got null"),
    );
    expect(categoricalSplit([4, 4], [0, 1])).toBeUndefined();
    expect(row(ok, 0).length).toBe(4);
  });
});
