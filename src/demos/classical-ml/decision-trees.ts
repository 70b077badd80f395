/**
 * Decision trees (CART): questions "feature j ≤ t?" asked one after the other, each chosen because it lowers the impurity of the
 * targets most; a leaf answers with the class frequencies, the mean or the median of its training rows.
 *
 * Follows Breiman, Friedman, Olshen, Stone, "Classification and Regression Trees", 1984. https://doi.org/10.1201/9781315139470
 * Follows Fisher, "On Grouping for Maximum Homogeneity", 1958. https://doi.org/10.1080/01621459.1958.10501479
 * But:
 * - No missing values: there are neither surrogate splits nor learned default directions.
 * - Trees ask about numbers; `categoricalSplit` finds the best split of one categorical feature and is not called by the tree.
 * - One target, one feature a question (no linear combinations), and everything in memory.
 * - Regression targets are squared: beyond ±1e140 they are refused, and deviations below 1e-162 count as 0.
 */
import { checkChoice, checkInteger, checkLabels, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { formatNumber, type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";

/** Impurities of class labels. */
export type ClassCriterion = "gini" | "entropy";
/** Impurities of numbers. */
export type NumberCriterion = "squaredError" | "absoluteError";
/** What a split is to lower: Gini index, entropy in bits, variance, or mean absolute deviation from the median. */
export type Criterion = ClassCriterion | NumberCriterion;

/** When a tree stops growing, and what it may look at. */
export interface TreeOptions {
  /** most questions on a path, default Infinity */
  readonly maxDepth?: number;
  /** fewest rows of a node that is split, default 2 */
  readonly minSamplesSplit?: number;
  /** fewest rows of a leaf, default 1 */
  readonly minSamplesLeaf?: number;
  /** a split must have (w_t / w) × gain of at least this, default 0, which even a split without gain has */
  readonly minImpurityDecrease?: number;
  /** features tried at a node, a fresh random choice among those that vary there; default all */
  readonly maxFeatures?: number;
  /** n weights, default all 1; rows of weight 0 are left out */
  readonly sampleWeight?: ArrayLike<number>;
  /** of the choices that `maxFeatures` asks for, default 0 */
  readonly seed?: number;
}

/** Options of `decisionTreeClassifier`. */
export interface ClassifierOptions extends TreeOptions {
  /** default 'gini' */
  readonly criterion?: ClassCriterion;
}

/** Options of `decisionTreeRegressor`. */
export interface RegressorOptions extends TreeOptions {
  /** default 'squaredError' */
  readonly criterion?: NumberCriterion;
}

/** A tree as flat arrays, an entry a node. Node 0 is the root; a child comes after its parent, a right child after the left. */
export interface Tree {
  readonly criterion: Criterion;
  /** columns of X */
  readonly nFeatures: number;
  /** numbers a node in `value`: classes of a classifier, 1 of a regressor */
  readonly nOutputs: number;
  /** feature that the node asks about, −1 in a leaf */
  readonly feature: Int32Array;
  /** rows with x ≤ threshold go left; NaN in a leaf */
  readonly threshold: Float64Array;
  /** −1 in a leaf */
  readonly childrenLeft: Int32Array;
  /** −1 in a leaf */
  readonly childrenRight: Int32Array;
  /** of the node's training rows */
  readonly impurity: Float64Array;
  /** training rows in the node */
  readonly nNodeSamples: Int32Array;
  /** their weight, w_t */
  readonly weightedNNodeSamples: Float64Array;
  /** nodes × nOutputs, row-major: class frequencies, which sum to 1, or the mean or median */
  readonly value: Float64Array;
}

/** A tree that predicts classes. */
export interface ClassificationTree extends Tree {
  readonly criterion: ClassCriterion;
}

/** A tree that predicts numbers. */
export interface RegressionTree extends Tree {
  readonly criterion: NumberCriterion;
}

/** What `predict` returns: classes or numbers, one a row. */
export type Prediction<T extends Tree> = T["criterion"] extends ClassCriterion
  ? Int32Array
  : T["criterion"] extends NumberCriterion
    ? Float64Array
    : Int32Array | Float64Array;

/** A question and what it is worth. */
export interface Split {
  readonly feature: number;
  /** halfway between two neighbouring values of the feature: rows with x ≤ threshold go left */
  readonly threshold: number;
  /** impurity of the node minus the weighted mean impurity of its two halves, ≥ 0 */
  readonly gain: number;
}

/** One split of a growing tree. */
export interface TreeState extends Split {
  /** the leaf that was split */
  readonly node: number;
  /** leaves after it */
  readonly leaves: number;
  /** the tree after it, made when it is read */
  readonly tree: Tree;
}

/**
 * A classification tree.
 *
 * @param X n×d, finite
 * @param y n classes, integers in [0, 65535]; the tree knows the classes from 0 to the largest of them
 * @throws TypeError if X is not a matrix
 * @throws RangeError if X or y is not finite, lengths differ, or an option is outside its range
 * @example
 * const X = matrix([[1, 5], [2, 4], [3, 5], [4, 4]]);
 * const tree = decisionTreeClassifier(X, [0, 0, 1, 1]);
 * tree.feature // [0, -1, -1]
 * tree.threshold[0] // 2.5
 * predict(tree, matrix([[2.4, 9], [2.6, 9]])) // [0, 1]
 */
export function decisionTreeClassifier(
  X: Matrix,
  y: ArrayLike<number>,
  options: ClassifierOptions = {},
): ClassificationTree {
  const criterion = checkChoice("decisionTreeClassifier", "criterion", options.criterion ?? "gini", CLASS_CRITERIA);
  return grown("decisionTreeClassifier", X, y, criterion, options) as ClassificationTree;
}

/**
 * A regression tree.
 *
 * @param X n×d, finite
 * @param y n numbers within ±1e140
 * @throws as `decisionTreeClassifier`
 * @example
 * const tree = decisionTreeRegressor(matrix([[0], [1], [2], [3]]), [5, 6, 1, 2], { maxDepth: 1 });
 * predict(tree, matrix([[-9], [9]])) // [5.5, 1.5]
 */
export function decisionTreeRegressor(X: Matrix, y: ArrayLike<number>, options: RegressorOptions = {}): RegressionTree {
  const criterion = options.criterion ?? "squaredError";
  checkChoice("decisionTreeRegressor", "criterion", criterion, NUMBER_CRITERIA);
  return grown("decisionTreeRegressor", X, y, criterion, options) as RegressionTree;
}

/**
 * The same trees, split by split: always the leaf farthest left among those that are still to be looked at.
 *
 * @param options as for the two functions; the criterion, 'gini' by default, decides which kind of tree it is
 * @example
 * const steps = [...decisionTreeSteps(matrix([[0], [1], [2]]), [0, 1, 0])];
 * steps.map(({ threshold }) => threshold) // [0.5, 1.5]
 * steps.map(({ leaves }) => leaves) // [2, 3]
 */
export function decisionTreeSteps(
  X: Matrix,
  y: ArrayLike<number>,
  options: TreeOptions & { readonly criterion?: Criterion } = {},
): Generator<TreeState, Tree> {
  const criterion = checkChoice("decisionTreeSteps", "criterion", options.criterion ?? "gini", CRITERIA);
  return grow(checkProblem("decisionTreeSteps", X, y, criterion, options));
}

/**
 * The split of some rows with the largest gain: the first feature's and then the smallest threshold among equal ones.
 * Sorts every feature once and passes over it once: O(d·n log n) time.
 *
 * @param rows rows of X that are to be split; a row named twice counts twice
 * @returns the split, or undefined where no feature varies; `rowVisits` counts the rows that the passes went over
 * @example
 * bestSplit(matrix([[1], [2], [4], [8]]), [0, 0, 1, 1], [0, 1, 2, 3]) // { feature: 0, threshold: 3, gain: 0.5 }
 */
export function bestSplit(
  X: Matrix,
  y: ArrayLike<number>,
  rows: ArrayLike<number>,
  { criterion = "gini" }: { readonly criterion?: Criterion } = {},
): (Split & { readonly rowVisits: number }) | undefined {
  checkChoice("bestSplit", "criterion", criterion, CRITERIA);
  const [n] = checkMatrix("bestSplit", "X", X);
  if (!(rows.length >= 1)) throw new RangeError("bestSplit: rows must name at least one row, got 0");
  const sampleWeight = new Float64Array(n);
  for (let i = 0; i < rows.length; i++) sampleWeight[checkInteger("bestSplit", `rows[${i}]`, rows[i]!, 0, n - 1)]!++;
  const problem = checkProblem("bestSplit", X, y, criterion, { sampleWeight });
  const splitter = new Splitter(problem);
  splitter.enter(0, problem.n);
  const cut = splitter.best(0, problem.n);
  if (!cut) return undefined;
  return { feature: cut.feature, threshold: cut.threshold, gain: cut.gain, rowVisits: splitter.rowVisits };
}

/** Grows a tree to the end. */
function grown(caller: string, X: Matrix, y: ArrayLike<number>, criterion: Criterion, options: TreeOptions): Tree {
  const growing = grow(checkProblem(caller, X, y, criterion, options));
  for (;;) {
    const { done, value } = growing.next();
    if (done) return value;
  }
}

/** A leaf that is still to be looked at: its rows are at [start, end) of every feature's order. */
interface Pending {
  readonly node: number;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

/** The algorithm: take a leaf, find its best split, and make the two halves leaves. */
function* grow(problem: Problem): Generator<TreeState, Tree> {
  const { n, maxDepth, minSamplesSplit, minImpurityDecrease } = problem;
  const splitter = new Splitter(problem);
  const nodes = new Nodes(problem);
  const add = (start: number, end: number, depth: number): Pending => {
    splitter.enter(start, end);
    return { node: nodes.add(splitter.criterion, end - start), start, end, depth };
  };
  const pending = [add(0, n, 0)];
  const least = minImpurityDecrease * nodes.weighted[0]!;
  for (let leaf = pending.pop(); leaf; leaf = pending.pop()) {
    const { node, start, end, depth } = leaf;
    if (depth >= maxDepth || end - start < minSamplesSplit) continue;
    splitter.enter(start, end);
    const cut = splitter.criterion.pure ? undefined : splitter.best(start, end);
    if (!cut || !(cut.gain * nodes.weighted[node]! >= least * (1 - 1e-12))) continue; // a bound just met, to rounding
    splitter.divide(cut, start, end);
    const left = add(start, cut.middle, depth + 1);
    const right = add(cut.middle, end, depth + 1);
    nodes.split(node, cut, left.node);
    pending.push(right, left);
    const { feature, threshold, gain } = cut;
    const count = nodes.count;
    yield {
      node,
      feature,
      threshold,
      gain,
      leaves: (count + 1) / 2,
      get tree() {
        return nodes.tree(count);
      },
    };
  }
  return nodes.tree(nodes.count);
}

/** What is to be fitted, checked; only rows of positive weight. */
interface Problem {
  /** d×n: a feature after the other */
  readonly x: Float64Array;
  readonly n: number;
  readonly d: number;
  readonly y: Float64Array;
  readonly weight: Float64Array;
  readonly criterion: Criterion;
  readonly nOutputs: number;
  readonly maxDepth: number;
  readonly minSamplesSplit: number;
  readonly minSamplesLeaf: number;
  readonly minImpurityDecrease: number;
  readonly maxFeatures: number;
  readonly draw: Random;
}

/** A split with the place where it cuts the rows sorted by its feature. */
interface Cut extends Split {
  readonly middle: number;
}

/**
 * Finds the best split of a node. Every feature's rows are sorted once, for the root; a split divides all orders stably, so that
 * each node finds its rows sorted, in the same places [start, end) of every order.
 */
class Splitter {
  readonly criterion: RunningImpurity;
  rowVisits = 0;
  readonly #problem: Problem;
  /** d×n rows: block j holds them in ascending order of feature j */
  readonly #order: Int32Array;
  readonly #goesLeft: Uint8Array;
  readonly #buffer: Int32Array;

  constructor(problem: Problem) {
    const { x, n, d } = problem;
    this.#problem = problem;
    this.#order = new Int32Array(n * d);
    for (let j = 0; j < d; j++) sortRows(x.subarray(j * n, (j + 1) * n), this.#order.subarray(j * n, (j + 1) * n));
    this.#goesLeft = new Uint8Array(n);
    this.#buffer = new Int32Array(n);
    this.criterion = RUNNING[problem.criterion](problem);
  }

  /** Makes the criterion that of the rows in [start, end). */
  enter(start: number, end: number): void {
    this.criterion.enter(this.#order.subarray(start, end));
  }

  /** The best split of the node entered last. */
  best(start: number, end: number): Cut | undefined {
    const { x, n, minSamplesLeaf } = this.#problem;
    const { criterion } = this;
    const order = this.#order;
    // Drops this close are equal but for rounding, and the first of them is kept.
    const slack = 1e-13 * criterion.impurity * criterion.weight;
    let [feature, last, most] = [-1, -1, -Infinity];
    for (const j of this.#candidates(start, end)) {
      const block = j * n;
      criterion.begin(order.subarray(block + start, block + end));
      let value = x[block + order[block + start]!]!;
      for (let at = start; at < end - 1; at++) {
        criterion.moveLeft(order[block + at]!);
        const next = x[block + order[block + at + 1]!]!;
        if (next === value) continue; // equal values stay together
        value = next;
        if (at + 1 - start < minSamplesLeaf || end - at - 1 < minSamplesLeaf) continue;
        const drop = criterion.drop(); // (4)
        if (drop > most + slack) [feature, last, most] = [j, at, drop];
      }
      this.rowVisits += end - start;
    }
    if (feature < 0) return undefined;
    const valueAt = (at: number) => x[feature * n + order[feature * n + at]!]!;
    const threshold = between(valueAt(last), valueAt(last + 1));
    return { feature, threshold, gain: Math.max(0, most / criterion.weight), middle: last + 1 };
  }

  /** Features that vary in [start, end): all of them, or a random choice, in ascending order. */
  #candidates(start: number, end: number): number[] {
    const { x, n, d, maxFeatures, draw } = this.#problem;
    const at = (j: number, place: number) => x[j * n + this.#order[j * n + place]!]!;
    const varies = (j: number) => at(j, start) !== at(j, end - 1);
    if (maxFeatures >= d) return Array.from({ length: d }, (_, j) => j).filter(varies);
    return Array.from(draw.permutation(d))
      .filter(varies)
      .slice(0, maxFeatures)
      .sort((i, j) => i - j);
  }

  /** Moves the rows left of the cut to [start, middle) of every order, and keeps the order on both sides. */
  divide({ feature, middle }: Cut, start: number, end: number): void {
    const { n, d } = this.#problem;
    const [order, goesLeft, buffer] = [this.#order, this.#goesLeft, this.#buffer];
    for (let at = start; at < end; at++) goesLeft[order[feature * n + at]!] = at < middle ? 1 : 0;
    for (let j = 0; j < d; j++) {
      let left = j * n + start;
      let right = 0;
      for (let at = left, stop = j * n + end; at < stop; at++) {
        const row = order[at]!;
        const isLeft = goesLeft[row]!;
        order[left] = row; // both are written and one of them counts: there is no branch to guess
        buffer[right] = row;
        left += isLeft;
        right += 1 - isLeft;
      }
      for (let at = 0; at < right; at++) order[left + at] = buffer[at]!;
    }
  }
}

/** Rows in ascending order of their values, equal ones by number: the values are sorted, then each row finds its place. */
function sortRows(values: Float64Array, order: Int32Array): void {
  const sorted = values.slice().sort();
  const taken = new Int32Array(values.length);
  for (let row = 0; row < values.length; row++) {
    let [low, high] = [0, values.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < values[row]!) low = middle + 1;
      else high = middle;
    }
    order[low + taken[low]!++] = row;
  }
}

/** Halfway from a to b > a, or a itself where halfway rounds to b: no half of a split is ever empty. */
function between(a: number, b: number): number {
  const middle = a / 2 + b / 2; // a + b could overflow
  return middle >= a && middle < b ? middle : a;
}

/** Impurity of a node's rows, and of its two halves while the rows move, one by one, from the right half to the left. */
interface RunningImpurity {
  /** w_t */
  readonly weight: number;
  /** I_t */
  readonly impurity: number;
  /** all targets are equal */
  readonly pure: boolean;
  /** what a leaf predicts */
  readonly value: Float64Array;
  enter(rows: Int32Array): void;
  /** Puts all rows, which will move in this order, into the right half. */
  begin(rows: Int32Array): void;
  moveLeft(row: number): void;
  /** w_t I_t − w_L I_L − w_R I_R (4) */
  drop(): number;
}

/** Gini index and entropy, from class weights. */
class ClassImpurity implements RunningImpurity {
  weight = 0;
  impurity = 0;
  pure = false;
  readonly value: Float64Array;
  readonly #y: Int32Array;
  readonly #weights: Float64Array;
  readonly #total: Float64Array;
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  readonly #entropy: boolean;
  readonly #timesLog: Float64Array;
  #leftWeight = 0;
  // Σ_c (weight of c)²: one product a row keeps them right, and for whole weights they are exact.
  #totalSquares = 0;
  #leftSquares = 0;
  #rightSquares = 0;
  #totalLogs = 0;

  constructor({ y, weight, nOutputs, criterion }: Problem) {
    this.#y = Int32Array.from(y);
    this.#weights = weight;
    this.#entropy = criterion === "entropy";
    this.value = new Float64Array(nOutputs);
    this.#total = new Float64Array(nOutputs);
    this.#left = new Float64Array(nOutputs);
    this.#right = new Float64Array(nOutputs);
    // Logarithms are slow and weights are mostly counts: those are looked up.
    this.#timesLog = Float64Array.from({ length: this.#entropy ? y.length + 1 : 0 }, (_, count) => timesLog(count));
  }

  enter(rows: Int32Array): void {
    const total = this.#total.fill(0);
    for (let i = 0; i < rows.length; i++) total[this.#y[rows[i]!]!]! += this.#weights[rows[i]!]!;
    this.weight = 0;
    for (let c = 0; c < total.length; c++) this.weight += total[c]!;
    this.#totalSquares = 0;
    let squares = 0;
    let classes = 0;
    for (let c = 0; c < total.length; c++) {
      if (total[c]! > 0) classes++;
      this.value[c] = total[c]! / this.weight;
      squares += this.value[c]! ** 2;
      this.#totalSquares += total[c]! ** 2;
    }
    this.pure = classes === 1;
    this.#totalLogs = this.#entropy ? this.#sumOfLogs(total, this.weight) : 0;
    if (this.pure) this.impurity = 0;
    else this.impurity = this.#entropy ? -this.#totalLogs / this.weight : 1 - squares; // (1), (2)
  }

  begin(): void {
    this.#left.fill(0);
    this.#right.set(this.#total);
    this.#leftWeight = this.#leftSquares = 0;
    this.#rightSquares = this.#totalSquares;
  }

  moveLeft(row: number): void {
    const c = this.#y[row]!;
    const w = this.#weights[row]!;
    const left = this.#left[c]!;
    const right = this.#right[c]!;
    this.#leftSquares += w * (2 * left + w);
    this.#rightSquares -= w * (2 * right - w);
    this.#left[c] = left + w;
    this.#right[c] = right - w;
    this.#leftWeight += w;
  }

  drop(): number {
    const [weight, left] = [this.weight, this.#leftWeight];
    if (this.#entropy) {
      return this.#sumOfLogs(this.#left, left) + this.#sumOfLogs(this.#right, weight - left) - this.#totalLogs;
    }
    return this.#leftSquares / left + this.#rightSquares / (weight - left) - this.#totalSquares / weight;
  }

  /** Σ_c w_c log₂(w_c / w) = Σ_c w_c log₂ w_c − w log₂ w: −w times the entropy. */
  #sumOfLogs(weights: Float64Array, weight: number): number {
    const table = this.#timesLog;
    let sum = -(table[weight] ?? timesLog(weight)); // no entry where the weight is no whole number
    for (let c = 0; c < weights.length; c++) sum += table[weights[c]!] ?? timesLog(weights[c]!);
    return sum;
  }
}

/** w log₂ w, and 0 log 0 = 0. */
const timesLog = (w: number) => (w > 0 ? w * Math.log2(w) : 0);

/** Variance, from sums of deviations from the node's mean: far from 0 no digits are lost. */
class SquaredError implements RunningImpurity {
  weight = 0;
  impurity = 0;
  pure = false;
  readonly value = new Float64Array(1);
  readonly #y: Float64Array;
  readonly #weights: Float64Array;
  readonly #deviation: Float64Array;
  #leftWeight = 0;
  #leftSum = 0;
  #sum = 0;

  constructor({ y, weight }: Problem) {
    this.#y = y;
    this.#weights = weight;
    this.#deviation = new Float64Array(y.length);
  }

  enter(rows: Int32Array): void {
    const [y, weights] = [this.#y, this.#weights];
    const first = y[rows[0]!]!;
    this.weight = 0;
    this.pure = true;
    let sum = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (y[row] !== first) this.pure = false;
      this.weight += weights[row]!;
      sum += weights[row]! * (y[row]! - first);
    }
    const mean = first + sum / this.weight;
    let squares = 0;
    this.#sum = 0; // 0 but for the rounding of the mean
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const deviation = y[row]! - mean;
      this.#deviation[row] = weights[row]! * deviation;
      this.#sum += weights[row]! * deviation;
      squares += weights[row]! * deviation ** 2;
    }
    this.value[0] = mean;
    this.impurity = (squares - this.#sum ** 2 / this.weight) / this.weight; // (3), about the exact mean
  }

  begin(): void {
    this.#leftWeight = this.#leftSum = 0;
  }

  moveLeft(row: number): void {
    this.#leftWeight += this.#weights[row]!;
    this.#leftSum += this.#deviation[row]!;
  }

  drop(): number {
    const [left, right] = [this.#leftWeight, this.weight - this.#leftWeight];
    return this.#leftSum ** 2 / left + (this.#sum - this.#leftSum) ** 2 / right - this.#sum ** 2 / this.weight;
  }
}

/**
 * Mean absolute deviation from the median. A Fenwick tree over the ranks of the node's targets finds the median of the rows so far
 * in O(log n); a pass from the right end, before the one from the left, notes the deviations of every right half.
 */
class AbsoluteError implements RunningImpurity {
  weight = 0;
  impurity = 0;
  pure = false;
  readonly value = new Float64Array(1);
  readonly #y: Float64Array;
  readonly #weights: Float64Array;
  readonly #rank: Int32Array;
  readonly #rightDeviations: Float64Array;
  #sorted = new Float64Array(0);
  #left: RunningMedian;
  #total = 0;
  #moved = 0;

  constructor({ y, weight, n }: Problem) {
    this.#y = y;
    this.#weights = weight;
    this.#rank = new Int32Array(n);
    this.#rightDeviations = new Float64Array(n + 1);
    this.#left = new RunningMedian(this.#sorted);
  }

  enter(rows: Int32Array): void {
    const targets = Float64Array.from(rows, (row) => this.#y[row]!);
    const order = new Int32Array(rows.length);
    sortRows(targets, order);
    for (let i = 0; i < rows.length; i++) this.#rank[rows[order[i]!]!] = i;
    this.#sorted = targets.sort();
    const all = new RunningMedian(this.#sorted);
    for (const row of rows) all.add(this.#rank[row]!, this.#weights[row]!);
    this.weight = all.weight;
    this.pure = targets[0] === targets[targets.length - 1];
    this.#total = this.pure ? 0 : all.deviations();
    this.impurity = this.#total / this.weight;
    this.value[0] = all.median();
  }

  begin(rows: Int32Array): void {
    const right = new RunningMedian(this.#sorted);
    for (let i = rows.length - 1; i >= 0; i--) {
      right.add(this.#rank[rows[i]!]!, this.#weights[rows[i]!]!);
      this.#rightDeviations[i] = right.deviations();
    }
    this.#left = new RunningMedian(this.#sorted);
    this.#moved = 0;
  }

  moveLeft(row: number): void {
    this.#left.add(this.#rank[row]!, this.#weights[row]!);
    this.#moved++;
  }

  drop(): number {
    return this.#total - this.#left.deviations() - this.#rightDeviations[this.#moved]!;
  }
}

/** Weighted median of a growing multiset of given numbers (sorted), in O(log n) a number. */
class RunningMedian {
  weight = 0;
  readonly #sorted: Float64Array;
  readonly #weights: Float64Array;
  readonly #sums: Float64Array;
  #sum = 0;

  constructor(sorted: Float64Array) {
    this.#sorted = sorted;
    this.#weights = new Float64Array(sorted.length + 1);
    this.#sums = new Float64Array(sorted.length + 1);
  }

  add(rank: number, weight: number): void {
    const weighted = weight * (this.#sorted[rank]! - this.#sorted[0]!);
    for (let i = rank + 1; i < this.#weights.length; i += i & -i) {
      this.#weights[i]! += weight;
      this.#sums[i]! += weighted;
    }
    this.weight += weight;
    this.#sum += weighted;
  }

  /** The last rank whose weight below it is less than `share` of all, with that weight and that sum. */
  #below(share: number) {
    const half = share * this.weight;
    let [rank, weight, sum] = [0, 0, 0];
    for (let step = 2 ** Math.floor(Math.log2(this.#weights.length)); step >= 1; step /= 2) {
      const next = rank + step;
      if (next < this.#weights.length && weight + this.#weights[next]! < half) {
        rank = next;
        weight += this.#weights[next]!;
        sum += this.#sums[next]!;
      }
    }
    return { rank: Math.min(rank, this.#sorted.length - 1), weight, sum };
  }

  /** Σ w |y − median|; any median gives the same. */
  deviations(): number {
    const { rank, weight, sum } = this.#below(0.5);
    const median = this.#sorted[rank]! - this.#sorted[0]!;
    return Math.max(0, median * weight - sum + (this.#sum - sum) - median * (this.weight - weight));
  }

  /** Halfway between the lower and the upper median. */
  median(): number {
    const lower = this.#sorted[this.#below(0.5).rank]!;
    const upper = this.#sorted[this.#below(0.5 + 1e-12).rank]!; // exactly half lies below: the next one is a median too
    return lower / 2 + upper / 2;
  }
}

const CLASS_CRITERIA = ["gini", "entropy"] as const;
const NUMBER_CRITERIA = ["squaredError", "absoluteError"] as const;
const CRITERIA = [...CLASS_CRITERIA, ...NUMBER_CRITERIA] as const;
const RUNNING: Readonly<Record<Criterion, (problem: Problem) => RunningImpurity>> = {
  gini: (problem) => new ClassImpurity(problem),
  entropy: (problem) => new ClassImpurity(problem),
  squaredError: (problem) => new SquaredError(problem),
  absoluteError: (problem) => new AbsoluteError(problem),
};
const isClassCriterion = (criterion: Criterion) => criterion === "gini" || criterion === "entropy";

/** The arrays of a tree while they grow. */
class Nodes {
  readonly weighted: number[] = [];
  readonly #problem: Problem;
  readonly #feature: number[] = [];
  readonly #threshold: number[] = [];
  readonly #left: number[] = [];
  readonly #impurity: number[] = [];
  readonly #samples: number[] = [];
  readonly #value: number[] = [];

  constructor(problem: Problem) {
    this.#problem = problem;
  }

  get count(): number {
    return this.weighted.length;
  }

  add({ weight, impurity, value }: RunningImpurity, samples: number): number {
    this.#feature.push(-1);
    this.#threshold.push(Number.NaN);
    this.#left.push(-1);
    this.#impurity.push(impurity);
    this.#samples.push(samples);
    this.#value.push(...value);
    return this.weighted.push(weight) - 1;
  }

  split(node: number, { feature, threshold }: Split, left: number): void {
    this.#feature[node] = feature;
    this.#threshold[node] = threshold;
    this.#left[node] = left;
  }

  /** The tree of the first nodes: a node whose children came later is a leaf in it. */
  tree(count: number): Tree {
    const { criterion, d, nOutputs } = this.#problem;
    const left = Int32Array.from({ length: count }, (_, t) => (this.#left[t]! < count ? this.#left[t]! : -1));
    return {
      criterion,
      nFeatures: d,
      nOutputs,
      feature: left.map((child, t) => (child < 0 ? -1 : this.#feature[t]!)),
      threshold: Float64Array.from(left, (child, t) => (child < 0 ? Number.NaN : this.#threshold[t]!)),
      childrenLeft: left,
      childrenRight: left.map((child) => (child < 0 ? -1 : child + 1)),
      impurity: Float64Array.from(this.#impurity.slice(0, count)),
      nNodeSamples: Int32Array.from(this.#samples.slice(0, count)),
      weightedNNodeSamples: Float64Array.from(this.weighted.slice(0, count)),
      value: Float64Array.from(this.#value.slice(0, count * nOutputs)),
    };
  }
}

/**
 * The leaf of every row.
 *
 * @param X n×d
 * @returns n nodes of the tree
 * @throws RangeError if X is not finite or has another number of columns than the tree was grown with
 * @example
 * apply(decisionTreeClassifier(matrix([[0], [1]]), [0, 1]), matrix([[0.2], [0.7]])) // [1, 2]
 */
export function apply(tree: Tree, X: Matrix): Int32Array {
  const [n, d, x] = checkRows("apply", tree, X);
  return Int32Array.from({ length: n }, (_, i) => {
    let node = 0;
    while (tree.feature[node]! >= 0) node = childOf(tree, node, x, i * d);
    return node;
  });
}

/**
 * The nodes that every row passes, from the root to its leaf.
 *
 * @throws as `apply`
 * @example
 * decisionPath(decisionTreeClassifier(matrix([[0], [1]]), [0, 1]), matrix([[0.7]])) // [[0, 2]]
 */
export function decisionPath(tree: Tree, X: Matrix): Int32Array[] {
  const [n, d, x] = checkRows("decisionPath", tree, X);
  return Array.from({ length: n }, (_, i) => {
    const path = [0];
    while (tree.feature[path.at(-1)!]! >= 0) path.push(childOf(tree, path.at(-1)!, x, i * d));
    return Int32Array.from(path);
  });
}

/** The child that the row at x[from] goes to. */
function childOf(tree: Tree, node: number, x: Float64Array, from: number): number {
  return x[from + tree.feature[node]!]! <= tree.threshold[node]! ? tree.childrenLeft[node]! : tree.childrenRight[node]!;
}

/**
 * The class of every row, the most frequent one of its leaf and the first of several; of a regression tree, the number.
 *
 * @throws as `apply`
 */
export function predict<T extends Tree>(tree: T, X: Matrix): Prediction<T> {
  checkRows("predict", tree, X);
  const { value, nOutputs } = tree;
  const leaves = apply(tree, X);
  const classOf = (leaf: number) => {
    const frequencies = value.subarray(leaf * nOutputs, (leaf + 1) * nOutputs);
    return frequencies.indexOf(Math.max(...frequencies));
  };
  const answers = isClassCriterion(tree.criterion)
    ? leaves.map(classOf)
    : Float64Array.from(leaves, (leaf) => value[leaf]!);
  return answers as Prediction<T>;
}

/**
 * The class frequencies in the leaf of every row.
 *
 * @returns n×(number of classes), rows sum to 1
 * @throws as `apply`; RangeError for a regression tree
 * @example
 * const stump = decisionTreeClassifier(matrix([[0], [1], [2], [3]]), [0, 1, 1, 1], { minSamplesLeaf: 2 });
 * toRows(predictProba(stump, matrix([[0], [3]]))) // [[0.5, 0.5], [0, 1]]
 */
export function predictProba(tree: ClassificationTree, X: Matrix): Matrix {
  checkChoice("predictProba", "tree.criterion", tree.criterion, CLASS_CRITERIA);
  const [n] = checkRows("predictProba", tree, X);
  const { value, nOutputs } = tree;
  const frequencies = new Float64Array(n * nOutputs);
  for (const [i, leaf] of apply(tree, X).entries()) {
    frequencies.set(value.subarray(leaf * nOutputs, (leaf + 1) * nOutputs), i * nOutputs);
  }
  return matrixOver(frequencies, n, nOutputs);
}

/**
 * Number of leaves.
 *
 * @example
 * leafCount(decisionTreeClassifier(matrix([[0], [1], [2]]), [0, 1, 0])) // 3
 */
export function leafCount(tree: Tree): number {
  return tree.feature.reduce((leaves, feature) => leaves + (feature < 0 ? 1 : 0), 0);
}

/** Subtrees of a tree by the price of a leaf. */
export interface PruningPath {
  /** α_k, ascending from 0: from α_k up to the next one, subtree k costs least */
  readonly ccpAlphas: Float64Array;
  /** R of each subtree: Σ over its leaves of (w_leaf / w) × impurity */
  readonly impurities: Float64Array;
  /** leaves of each subtree, down to 1 */
  readonly leaves: Int32Array;
}

/**
 * Weakest-link pruning: collapse the nodes whose leaves buy the least, and again, until the root is left. Nodes that buy equally
 * little, to 12 digits, collapse together. Time: nodes × subtrees.
 *
 * @example
 * const tree = decisionTreeClassifier(matrix([[0], [1], [2], [3], [4]]), [0, 0, 1, 0, 0]);
 * costComplexityPruningPath(tree).ccpAlphas // [0, 0.16]
 */
export function costComplexityPruningPath(tree: Tree): PruningPath {
  const risk = risks(tree);
  const path = { ccpAlphas: [] as number[], impurities: [] as number[], leaves: [] as number[] };
  const kept = internalAt(tree, 0);
  for (let alpha = 0; ; ) {
    const { impurity, leaves } = summary(tree, risk, kept);
    path.ccpAlphas.push(alpha);
    path.impurities.push(impurity[0]!);
    path.leaves.push(leaves[0]!);
    if (leaves[0] === 1) break;
    const links = impurity.map((below, t) => (kept[t] ? (risk[t]! - below) / (leaves[t]! - 1) : Infinity)); // (6)
    alpha = links.reduce((least, link) => Math.min(least, link), Infinity);
    const limit = alpha + 1e-12 * risk[0]!;
    links.forEach((link, t) => {
      if (link <= limit) kept[t] = 0;
    });
    withoutOrphans(tree, kept);
  }
  return {
    ccpAlphas: Float64Array.from(path.ccpAlphas),
    impurities: Float64Array.from(path.impurities),
    leaves: Int32Array.from(path.leaves),
  };
}

/**
 * The subtree that costs least when a leaf costs α, R(T) + α × leaves (5), and the smallest such one. With α = 0 it drops splits
 * that buy nothing.
 *
 * @param ccpAlpha α ≥ 0, in the units of the impurity
 * @throws RangeError if ccpAlpha is negative or not finite
 * @example
 * const tree = decisionTreeClassifier(matrix([[0], [1], [2], [3], [4]]), [0, 0, 1, 0, 0]);
 * [0, 0.15, 0.17].map((alpha) => leafCount(prune(tree, alpha))) // [3, 3, 1]
 */
export function prune<T extends Tree>(tree: T, ccpAlpha: number): T {
  checkNumber("prune", "ccpAlpha", ccpAlpha, { min: 0 });
  const { nOutputs } = tree;
  const internal = internalAt(tree, ccpAlpha);
  const reached = Uint8Array.of(1, ...new Uint8Array(internal.length - 1));
  for (const [t, keeps] of internal.entries()) {
    if (keeps) reached[tree.childrenLeft[t]!] = reached[tree.childrenRight[t]!] = 1;
  }
  const nodes = Int32Array.from(reached, (_, t) => t).filter((t) => reached[t] === 1); // in the order they had
  const renamed = new Map(Array.from(nodes, (old, t) => [old, t]));
  const child = (of: Int32Array) => nodes.map((t) => (internal[t] ? renamed.get(of[t]!)! : -1));
  const numbers = (of: Float64Array) => Float64Array.from(nodes, (t) => of[t]!);
  return {
    ...tree,
    feature: nodes.map((t) => (internal[t] ? tree.feature[t]! : -1)),
    threshold: Float64Array.from(nodes, (t) => (internal[t] ? tree.threshold[t]! : Number.NaN)),
    childrenLeft: child(tree.childrenLeft),
    childrenRight: child(tree.childrenRight),
    impurity: numbers(tree.impurity),
    nNodeSamples: nodes.map((t) => tree.nNodeSamples[t]!),
    weightedNNodeSamples: numbers(tree.weightedNNodeSamples),
    value: Float64Array.from(
      Array.from(nodes, (t) => [...tree.value.subarray(t * nOutputs, (t + 1) * nOutputs)]).flat(),
    ),
  };
}

/** (w_t / w) I_t of every node. */
function risks({ impurity, weightedNNodeSamples: weight }: Tree): Float64Array {
  return impurity.map((value, t) => (value * weight[t]!) / weight[0]!);
}

/** Which nodes are internal (1) in the cheapest subtree at α: from the leaves up, a node is collapsed where that costs no more. */
function internalAt(tree: Tree, alpha: number): Uint8Array {
  const risk = risks(tree);
  const cost = risk.map((own) => own + alpha);
  const internal = new Uint8Array(cost.length);
  for (let t = cost.length - 1; t >= 0; t--) {
    if (tree.feature[t]! < 0) continue;
    const below = cost[tree.childrenLeft[t]!]! + cost[tree.childrenRight[t]!]!;
    if (cost[t]! <= below + 1e-12 * risk[0]!) continue; // equal, to rounding: the smaller tree
    cost[t] = below;
    internal[t] = 1;
  }
  return withoutOrphans(tree, internal);
}

/** Clears the marks below a node without one. */
function withoutOrphans(tree: Tree, internal: Uint8Array): Uint8Array {
  for (const [t, feature] of tree.feature.entries()) {
    if (feature >= 0 && !internal[t]) internal[tree.childrenLeft[t]!] = internal[tree.childrenRight[t]!] = 0;
  }
  return internal;
}

/** R and number of leaves of the subtree below every node. */
function summary(tree: Tree, risk: Float64Array, internal: Uint8Array) {
  const impurity = risk.slice();
  const leaves = new Int32Array(risk.length).fill(1);
  for (let t = risk.length - 1; t >= 0; t--) {
    if (!internal[t]) continue;
    const [left, right] = [tree.childrenLeft[t]!, tree.childrenRight[t]!];
    impurity[t] = impurity[left]! + impurity[right]!;
    leaves[t] = leaves[left]! + leaves[right]!;
  }
  return { impurity, leaves };
}

/**
 * Impurity decrease by feature, Σ (w_t / w) × gain over the nodes that ask about it (7), divided by the sum of all.
 *
 * @returns nFeatures shares that sum to 1, or all 0 where no split had a gain
 * @example
 * featureImportances(decisionTreeClassifier(matrix([[0, 7], [1, 7]]), [0, 1])) // [1, 0]
 */
export function featureImportances(tree: Tree): Float64Array {
  const risk = risks(tree);
  const decrease = new Float64Array(tree.nFeatures);
  for (const [t, feature] of tree.feature.entries()) {
    if (feature < 0) continue;
    decrease[feature]! += Math.max(0, risk[t]! - risk[tree.childrenLeft[t]!]! - risk[tree.childrenRight[t]!]!);
  }
  const sum = decrease.reduce((a, b) => a + b, 0);
  return sum > 0 ? decrease.map((share) => share / sum) : decrease;
}

/**
 * The tree as indented text.
 *
 * @param featureNames one a column of X, default x0, x1, …
 * @throws RangeError if there are not as many names as features
 * @example
 * exportText(decisionTreeRegressor(matrix([[0], [1]]), [5, 7]))
 * // "x0 <= 0.5\n|  5 (1 row)\nx0 > 0.5\n|  7 (1 row)"
 */
export function exportText(tree: Tree, featureNames: readonly string[] = defaultNames(tree)): string {
  if (featureNames.length !== tree.nFeatures) {
    throw new RangeError(`exportText: featureNames must have length ${tree.nFeatures}, got ${featureNames.length}`);
  }
  const lines: string[] = [];
  const open = [{ node: 0, depth: 0, question: "" }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, depth, question } = next;
    if (question) lines.push("|  ".repeat(depth - 1) + question);
    const feature = tree.feature[node]!;
    if (feature < 0) {
      lines.push(`${"|  ".repeat(depth)}${answerOf(tree, node)}`);
      continue;
    }
    const [name, threshold] = [featureNames[feature]!, formatNumber(tree.threshold[node]!)];
    open.push({ node: tree.childrenRight[node]!, depth: depth + 1, question: `${name} > ${threshold}` });
    open.push({ node: tree.childrenLeft[node]!, depth: depth + 1, question: `${name} <= ${threshold}` });
  }
  return lines.join("\n");
}

const defaultNames = ({ nFeatures }: Tree) => Array.from({ length: nFeatures }, (_, j) => `x${j}`);

function answerOf({ criterion, value, nOutputs, nNodeSamples }: Tree, node: number): string {
  const numbers = [...value.subarray(node * nOutputs, (node + 1) * nOutputs)];
  const rows = `${nNodeSamples[node]} ${nNodeSamples[node] === 1 ? "row" : "rows"}`;
  if (!isClassCriterion(criterion)) return `${formatNumber(numbers[0]!)} (${rows})`;
  return `class ${numbers.indexOf(Math.max(...numbers))} (${rows}: ${numbers.map((p) => formatNumber(p, 2)).join(", ")})`;
}

/**
 * The best two groups of a feature's categories. With them in the order of their mean targets, one of the q − 1 cuts is the best of
 * all 2^(q−1) − 1 groupings: for numbers and squared error, for classes 0 and 1 also for Gini and entropy.
 *
 * @param codes n categories, integers ≥ 0
 * @param y n numbers; 0 or 1 where the criterion is 'gini' or 'entropy'
 * @returns categories of the left group, which has the lower mean, and the gain; undefined where there is one category
 * @throws RangeError if lengths differ, or a code or target is outside its range
 * @example
 * categoricalSplit([0, 1, 2, 0, 1, 2], [5, 1, 4, 5, 1, 4])?.left // new Set([1])
 */
export function categoricalSplit(
  codes: ArrayLike<number>,
  y: ArrayLike<number>,
  { criterion = "squaredError" }: { readonly criterion?: "squaredError" | ClassCriterion } = {},
): { readonly left: ReadonlySet<number>; readonly gain: number } | undefined {
  checkChoice("categoricalSplit", "criterion", criterion, ["squaredError", ...CLASS_CRITERIA]);
  const targets = checkVector("categoricalSplit", "y", y);
  if (isClassCriterion(criterion)) checkLabels("categoricalSplit", "y", y, y.length, 2);
  if (codes.length !== targets.length || codes.length === 0) {
    throw new RangeError(`categoricalSplit: codes must have the length of y, at least 1, got ${codes.length}`);
  }
  const sums = new Map<number, { sum: number; count: number }>();
  for (let i = 0; i < codes.length; i++) {
    const code = checkInteger("categoricalSplit", `codes[${i}]`, codes[i]!, 0);
    const { sum, count } = sums.get(code) ?? { sum: 0, count: 0 };
    sums.set(code, { sum: sum + targets[i]!, count: count + 1 });
  }
  const meanOf = (code: number) => sums.get(code)!.sum / sums.get(code)!.count;
  const order = [...sums.keys()].sort((a, b) => meanOf(a) - meanOf(b) || a - b);
  const place = new Map(order.map((code, at) => [code, at]));
  const places = matrixOver(
    Float64Array.from(codes, (code) => place.get(code)!),
    codes.length,
    1,
  );
  const split = bestSplit(
    places,
    targets,
    Int32Array.from(codes, (_, i) => i),
    { criterion },
  );
  return split && { left: new Set(order.slice(0, Math.ceil(split.threshold))), gain: split.gain };
}

const MOST_CLASSES = 65536;

/** Checks everything, turns X on its side, and drops the rows of weight 0. */
function checkProblem(
  caller: string,
  X: Matrix,
  y: ArrayLike<number>,
  criterion: Criterion,
  options: TreeOptions,
): Problem {
  const [rows, d] = checkMatrix(caller, "X", X);
  const { minSamplesSplit = 2, minSamplesLeaf = 1, minImpurityDecrease = 0, maxFeatures = d, seed = 0 } = options;
  const { maxDepth = Infinity, sampleWeight } = options;
  if (maxDepth !== Infinity) checkInteger(caller, "maxDepth", maxDepth, 1);
  checkInteger(caller, "minSamplesSplit", minSamplesSplit, 2);
  checkInteger(caller, "minSamplesLeaf", minSamplesLeaf, 1);
  checkNumber(caller, "minImpurityDecrease", minImpurityDecrease, { min: 0 });
  checkInteger(caller, "maxFeatures", maxFeatures, 1, d);
  const targets = checkVector(caller, "y", y, rows);
  let nOutputs = 1;
  if (isClassCriterion(criterion)) {
    for (const c of checkLabels(caller, "y", y, rows, MOST_CLASSES)) nOutputs = Math.max(nOutputs, c + 1);
  } else {
    const large = targets.find((value) => Math.abs(value) > 1e140);
    if (large !== undefined)
      throw new RangeError(`${caller}: y must lie within ±1e140, beyond which squares overflow, got ${large}`);
  }
  const weights = checkWeights(caller, sampleWeight, rows);
  const kept = Int32Array.from(weights, (_, i) => i).filter((i) => weights[i]! > 0);
  const n = kept.length;
  const data = rowMajor(X);
  const x = new Float64Array(n * d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) x[j * n + i] = data[kept[i]! * d + j]!;
  return {
    x,
    n,
    d,
    y: Float64Array.from(kept, (i) => targets[i]!),
    weight: Float64Array.from(kept, (i) => weights[i]!),
    criterion,
    nOutputs,
    maxDepth,
    minSamplesSplit,
    minSamplesLeaf,
    minImpurityDecrease,
    maxFeatures,
    draw: random(seed),
  };
}

/** Weights whose squares and sums are exact enough; 1 each where none are given. */
function checkWeights(caller: string, sampleWeight: ArrayLike<number> | undefined, n: number): Float64Array {
  if (sampleWeight === undefined) return new Float64Array(n).fill(1);
  const weights = checkVector(caller, "sampleWeight", sampleWeight, n);
  let [smallest, largest] = [Infinity, 0];
  for (const [i, weight] of weights.entries()) {
    if (!(weight === 0 || (weight >= 1e-100 && weight <= 1e100))) {
      throw new RangeError(`${caller}: sampleWeight[${i}] must be 0 or in [1e-100, 1e100], got ${weight}`);
    }
    if (weight === 0) continue;
    smallest = Math.min(smallest, weight);
    largest = Math.max(largest, weight);
  }
  if (!(largest > 0)) throw new RangeError(`${caller}: sampleWeight must not be all 0`);
  if (!(largest <= 1e9 * smallest)) {
    throw new RangeError(`${caller}: sampleWeight must span at most a factor of 1e9, got ${smallest} and ${largest}`);
  }
  return weights;
}

/** Rows that a tree can be asked about: [n, d, row-major entries]. */
function checkRows(caller: string, tree: Tree, X: Matrix): readonly [n: number, d: number, x: Float64Array] {
  const [n, d] = checkMatrix(caller, "X", X);
  if (d !== tree.nFeatures) throw new RangeError(`${caller}: X must have ${tree.nFeatures} columns, got ${d}`);
  return [n, d, rowMajor(X)];
}
