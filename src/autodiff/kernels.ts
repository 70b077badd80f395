/**
 * The loops under the operations: contiguous typed arrays in, contiguous typed arrays out, no gradients, no allocation
 * inside a loop. Sums are kept in float64 and rounded once.
 */
import { countMultiplyAdds, type Floats, text } from "../demos/deep-learning-foundations/backpropagation.js";
import { gemm } from "../lib/gemm.js";

/** Number of entries of a shape. */
export const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

/** An array of zeros of the same element type. */
export const zeros = (like: Floats, length: number): Floats =>
  like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);

/** Row-major strides: how far apart neighbours along each axis are. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; stride *= shape[axis--]!) strides[axis] = stride;
  return strides;
}

/**
 * NumPy's rule: shapes are aligned at the last axis, and sizes must be equal or 1.
 *
 * @throws RangeError naming the operation and both shapes
 */
export function broadcastShapes(op: string, a: readonly number[], b: readonly number[]): readonly number[] {
  if (a.length === b.length && a.every((n, i) => n === b[i])) return a;
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [m, n] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    if (m !== n && m !== 1 && n !== 1) {
      throw new RangeError(`${op}: shapes must broadcast, got ${text(a)} and ${text(b)}`);
    }
    return m === 1 ? n : m;
  });
}

/** The strides that make an array of this shape look like one of the larger shape: 0 along what is repeated. */
export function broadcastStrides(shape: readonly number[], larger: readonly number[]): number[] {
  const strides = stridesOf(shape);
  const more = larger.length - shape.length;
  return larger.map((_, i) => (i < more || shape[i - more] === 1 ? 0 : strides[i - more]!));
}

/**
 * Whether an array repeats itself, whole, to fill the larger shape: equal shapes, scalars, trailing axes. Then index
 * arithmetic is a counter that wraps around.
 */
export function isCyclic(shape: readonly number[], larger: readonly number[]): boolean {
  const first = shape.findIndex((n) => n !== 1);
  if (first < 0) return true;
  const own = shape.slice(first);
  return own.every((n, i) => n === larger[larger.length - own.length + i]);
}

/**
 * y[i] = x[offset + Σ index·stride]: transposes, slices, flips and broadcasts are this one loop.
 *
 * @param shape of y; index runs over it
 */
export function gatherStrided(
  x: Floats,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  y: Floats,
): void {
  eachRow(shape, strides, offset, (from, to, length, stride) => {
    if (stride === 1) {
      for (let i = 0; i < length; i++) y[to + i] = x[from + i]!;
    } else {
      for (let i = 0, at = from; i < length; i++, at += stride) y[to + i] = x[at]!;
    }
  });
}

/** y[offset + Σ index·stride] = x[i]: the way back of `gatherStrided` where no place is met twice. */
export function scatterStrided(
  x: Floats,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  y: Floats,
): void {
  eachRow(shape, strides, offset, (at, from, length, stride) => {
    for (let i = 0, to = at; i < length; i++, to += stride) y[to] = x[from + i]!;
  });
}

/** Calls body for every row along the last axis: where it starts in the strided array, and in the contiguous one. */
function eachRow(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  body: (strided: number, contiguous: number, length: number, stride: number) => void,
): void {
  const size = sizeOf(shape);
  if (size === 0) return;
  const last = shape.length - 1;
  if (last < 0) {
    body(offset, 0, 1, 0);
    return;
  }
  const [length, stride] = [shape[last]!, strides[last]!];
  const index = new Int32Array(last);
  for (let contiguous = 0, strided = offset; ; ) {
    body(strided, contiguous, length, stride);
    contiguous += length;
    if (contiguous >= size) return;
    let axis = last - 1;
    for (; index[axis]! === shape[axis]! - 1; axis--) {
      strided -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
    index[axis]!++;
    strided += strides[axis]!;
  }
}

/** y[o, i] = Σ_m x[o, m, i]. */
export function sumMiddle(x: Floats, outer: number, middle: number, inner: number, y: Floats): void {
  if (inner === 1) {
    for (let o = 0, at = 0; o < outer; o++) {
      let sum = 0;
      for (let m = 0; m < middle; m++, at++) sum += x[at]!;
      y[o] = sum;
    }
    return;
  }
  const sums = new Float64Array(inner);
  for (let o = 0, at = 0; o < outer; o++) {
    sums.fill(0);
    for (let m = 0; m < middle; m++) for (let i = 0; i < inner; i++, at++) sums[i]! += x[at]!;
    for (let i = 0; i < inner; i++) y[o * inner + i] = sums[i]!;
  }
}

/** y[o, i] = max_m x[o, m, i]; NaN where one is NaN. */
export function maxMiddle(x: Floats, outer: number, middle: number, inner: number, y: Floats): void {
  y.fill(-Infinity);
  for (let o = 0, at = 0; o < outer; o++) {
    for (let m = 0; m < middle; m++) {
      for (let i = o * inner; i < (o + 1) * inner; i++, at++) {
        if (x[at]! > y[i]! || Number.isNaN(x[at])) y[i] = x[at]!;
      }
    }
  }
}

/** Running sums along the middle axis. */
export function cumulateMiddle(x: Floats, outer: number, middle: number, inner: number, y: Floats): void {
  const sums = new Float64Array(inner);
  for (let o = 0, at = 0; o < outer; o++) {
    sums.fill(0);
    for (let m = 0; m < middle; m++) for (let i = 0; i < inner; i++, at++) y[at] = sums[i]! += x[at]!;
  }
}

/** Softmax of each row, shifted by its maximum so that no exponential overflows; a row of −∞ alone becomes NaN. */
export function softmaxRows(x: Floats, columns: number, y: Floats): void {
  for (let start = 0; start < x.length; start += columns) {
    const end = start + columns;
    let largest = -Infinity;
    for (let i = start; i < end; i++) if (x[i]! > largest) largest = x[i]!;
    let sum = 0;
    for (let i = start; i < end; i++) sum += y[i] = Math.exp(x[i]! - largest);
    const scale = 1 / sum;
    for (let i = start; i < end; i++) y[i]! *= scale;
  }
}

/** The pullback of the softmax, P∘(g − rowsum(P∘g)). */
export function softmaxPullback(p: Floats, g: Floats, columns: number, y: Floats): void {
  for (let start = 0; start < p.length; start += columns) {
    const end = start + columns;
    let mean = 0;
    for (let i = start; i < end; i++) mean += p[i]! * g[i]!;
    for (let i = start; i < end; i++) y[i] = p[i]! * (g[i]! - mean);
  }
}

/** log Σ exp of each row, shifted by its maximum m where that is finite. */
export function logSumExpRows(x: Floats, columns: number, y: Floats): void {
  for (let row = 0, start = 0; row < y.length; row++, start += columns) {
    let largest = -Infinity;
    for (let i = start; i < start + columns; i++) if (!(x[i]! <= largest)) largest = x[i]!;
    let sum = 0;
    for (let i = start; i < start + columns; i++) sum += Math.exp(x[i]! - largest);
    y[row] = Number.isFinite(largest) ? largest + Math.log(sum) : largest;
  }
}

/**
 * (x − μ)/√(σ² + ε) of each group, where the groups are rows (over the last axis) or columns (over all others). Variances
 * are those of the whole group (divided by n).
 *
 * @param deviation where 1/√(σ² + ε) of each group goes
 */
export function standardizeGroups(
  x: Floats,
  columns: number,
  overRows: boolean,
  eps: number,
  y: Floats,
  deviation: Float64Array,
): void {
  const rows = x.length / columns;
  const [groups, n] = overRows ? [rows, columns] : [columns, rows];
  const [between, along] = overRows ? [columns, 1] : [1, columns];
  for (let group = 0; group < groups; group++) {
    const start = group * between;
    let mean = 0;
    for (let i = 0, at = start; i < n; i++, at += along) mean += x[at]!;
    mean /= n;
    let variance = 0;
    for (let i = 0, at = start; i < n; i++, at += along) variance += (x[at]! - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / n + eps);
    deviation[group] = scale;
    for (let i = 0, at = start; i < n; i++, at += along) y[at] = (x[at]! - mean) * scale;
  }
}

/** The pullback of `standardizeGroups`: (g − mean(g) − ŷ·mean(g·ŷ))/√(σ² + ε). */
export function standardizePullback(
  y: Floats,
  g: Floats,
  columns: number,
  overRows: boolean,
  deviation: Float64Array,
  dx: Floats,
): void {
  const rows = y.length / columns;
  const [groups, n] = overRows ? [rows, columns] : [columns, rows];
  const [between, along] = overRows ? [columns, 1] : [1, columns];
  for (let group = 0; group < groups; group++) {
    const start = group * between;
    let [mean, slope] = [0, 0];
    for (let i = 0, at = start; i < n; i++, at += along) {
      mean += g[at]!;
      slope += g[at]! * y[at]!;
    }
    mean /= n;
    slope /= n;
    const scale = deviation[group]!;
    for (let i = 0, at = start; i < n; i++, at += along) dx[at] = (g[at]! - mean - y[at]! * slope) * scale;
  }
}

/** One operand of a batch of products: entry (i, j) of product b at data[offsets[b] + i·down + j·right]. */
export interface Factor<T extends Floats> {
  readonly data: T;
  readonly offsets: Int32Array;
  readonly down: number;
  readonly right: number;
}

/** C_b = A_b·B_b for a batch, each m×n over k, into consecutive blocks of c. */
export function multiplyBatch<T extends Floats>(
  m: number,
  n: number,
  k: number,
  a: Factor<T>,
  b: Factor<T>,
  c: T,
): void {
  const batch = a.offsets.length;
  countMultiplyAdds(batch * m * n * k);
  for (let p = 0; p < batch; p++) {
    const left = { data: a.data, offset: a.offsets[p]!, stride: [a.down, a.right] };
    const right = { data: b.data, offset: b.offsets[p]!, stride: [b.down, b.right] };
    gemm(m, n, k, left, right, batch === 1 ? c : (c.subarray(p * m * n, (p + 1) * m * n) as T));
  }
}
