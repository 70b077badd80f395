/**
 * The operations on tensors. Each is one entry of the table `OPS`: a function that computes and, through `record`, hands
 * the tape its rule (how the output's adjoint g becomes the inputs' adjoints), and inputs to try it on, which the tests
 * compare with central differences, TensorFlow.js and PyTorch. Rules are written with operations, so that they can be
 * differentiated again; the loops are in entrywise.ts and kernels.ts.
 *
 * Numbers among the operands become scalars of the tensor's type; float32 and float64 do not mix. Axes count from 0, or
 * from the end if negative.
 */
import {
  type Floats,
  isRecording,
  record,
  Tensor,
  tensor,
  text,
} from "../demos/deep-learning-foundations/backpropagation.js";
import { LOOPS1, LOOPS2, type Loop1, type Loop2 } from "./entrywise.js";
import {
  broadcastShapes,
  broadcastStrides,
  cumulateMiddle,
  type Factor,
  gatherStrided,
  isCyclic,
  logSumExpRows,
  maxMiddle,
  multiplyBatch,
  scatterStrided,
  sizeOf,
  softmaxPullback,
  softmaxRows,
  standardizeGroups,
  standardizePullback,
  stridesOf,
  sumMiddle,
  zeros,
} from "./kernels.js";

/** An operation, as the table holds it. */
export interface Op {
  /** applies it, options and all, to tensors of these shapes */
  readonly apply: (...inputs: Tensor[]) => Tensor;
  /** shapes of inputs to test it on */
  readonly shapes: readonly (readonly number[])[];
  /** between which numbers these inputs lie, away from kinks; default [-2, 2] */
  readonly domain?: readonly [number, number];
  /** whether its rule is a plain loop, with no second derivative */
  readonly fused?: boolean;
}

/** All operations by name: whoever adds one adds what it is tested on. */
export const OPS = new Map<string, Op>();

/** A second derivative was asked of an operation whose rule is a plain loop. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
}

const made = (data: Floats, shape: readonly number[]) => new Tensor({ data, version: 0 }, shape);

/** A tensor made by a loop: an output before it is recorded, or a constant that a rule needs. */
function filledBy(like: Tensor, shape: readonly number[], loop: (y: Floats) => void): Tensor {
  const data = zeros(like.data, sizeOf(shape));
  loop(data);
  return made(data, shape);
}

// ---- one operand, entry by entry ----

function unary(
  name: string,
  loop: Loop1,
  rule: (g: Tensor, x: Tensor, y: Tensor) => Tensor,
  domain: readonly [number, number] = [-2, 2],
) {
  const apply = (x: Tensor): Tensor => {
    const y: Tensor = record(
      name,
      [x],
      filledBy(x, x.shape, (data) => loop(x.data, data)),
      (g) => [rule(g, x, y)],
    );
    return y;
  };
  OPS.set(name, { apply, shapes: [[3, 4]], domain });
  return apply;
}

/** A constant of x's shape: a loop's result, not differentiated. */
const constant = (x: Tensor, loop: Loop1) => filledBy(x, x.shape, (data) => loop(x.data, data));

export const neg = unary("neg", LOOPS1.neg, (g) => neg(g));
export const exp = unary("exp", LOOPS1.exp, (g, _, y) => mul(g, y));
/** eˣ − 1, exact near 0 */
export const expm1 = unary("expm1", LOOPS1.expm1, (g, _, y) => mul(g, add(y, 1)));
export const log = unary("log", LOOPS1.log, (g, x) => div(g, x), [0.5, 3]);
/** log(1 + x), exact near 0 */
export const log1p = unary("log1p", LOOPS1.log1p, (g, x) => div(g, add(x, 1)), [-0.5, 3]);
export const sqrt = unary("sqrt", LOOPS1.sqrt, (g, _, y) => div(g, mul(y, 2)), [0.5, 3]);
export const square = unary("square", LOOPS1.square, (g, x) => mul(g, mul(x, 2)));
/** |x|; the derivative at 0 is 0 */
export const abs = unary("abs", LOOPS1.abs, (g, x) => mul(g, constant(x, LOOPS1.sign)), [0.1, 2]);
export const sin = unary("sin", LOOPS1.sin, (g, x) => mul(g, cos(x)));
export const cos = unary("cos", LOOPS1.cos, (g, x) => neg(mul(g, sin(x))));
export const tanh = unary("tanh", LOOPS1.tanh, (g, _, y) => mul(g, sub(1, square(y))));
/** 1/(1 + e⁻ˣ), without overflow */
export const sigmoid = unary("sigmoid", LOOPS1.sigmoid, (g, _, y) => mul(g, mul(y, sub(1, y))));
/** log(1 + eˣ), without overflow */
export const softplus = unary("softplus", LOOPS1.softplus, (g, x) => mul(g, sigmoid(x)));
/** the error function 2/√π ∫₀ˣ e^(−t²) dt */
export const erf = unary("erf", LOOPS1.erf, (g, x) => mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))));
/** max(x, 0); the derivative at 0 is 0 */
export const relu = unary("relu", LOOPS1.relu, (g, x) => mul(g, constant(x, LOOPS1.step)), [0.1, 2]);
/** x·Φ(x) with the distribution function of the normal distribution, exact (not the tanh approximation) */
export const gelu = unary("gelu", LOOPS1.gelu, (g, x) => mul(g, geluSlope(x)));
const geluSlope = unary("geluSlope", LOOPS1.geluSlope, (g, x) => mul(g, geluCurvature(x)));
const geluCurvature = unary("geluCurvature", LOOPS1.geluCurvature, (g, x) => {
  const density = mul(exp(mul(square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return mul(g, mul(density, sub(mul(square(x), x), mul(x, 4))));
});
/** x rounded to float32; the gradient passes straight through, as if nothing was rounded */
export const fround = (x: Tensor) => record("fround", [x], constant(x, LOOPS1.fround), (g) => [g]);

/** log σ(x) = −softplus(−x), without overflow */
export const logSigmoid = (x: Tensor) => neg(softplus(neg(x)));
/** x·σ(x) */
export const silu = (x: Tensor) => mul(x, sigmoid(x));
/** x where x > 0, otherwise slope·x; the derivative at 0 is slope */
export const leakyRelu = (x: Tensor, slope = 0.01) => where(constant(x, LOOPS1.step), x, mul(x, slope));
/** x where x > 0, otherwise α(eˣ − 1); the derivative at 0 is α */
export const elu = (x: Tensor, alpha = 1) => {
  const positive = constant(x, LOOPS1.step);
  return where(positive, x, mul(expm1(where(positive, 0, x)), alpha));
};
/** xᶜ for a constant c */
export function pow(x: Tensor, c: number): Tensor {
  const y = filledBy(x, x.shape, (data) => LOOPS2.pow(x.data, zeros(x.data, 1).fill(c), data));
  return record("pow", [x], y, (g) => [c === 0 ? mul(g, 0) : mul(g, mul(pow(x, c - 1), c))]); // 0·0⁻¹ would be NaN
}
OPS.set("pow", { apply: (x) => pow(x!, 2.5), shapes: [[3, 4]], domain: [0.5, 2] });
/** x forced into [min, max]; the derivative is 1 inside and on the bounds, 0 outside */
export function clip(x: Tensor, min: number, max: number): Tensor {
  const y = filledBy(x, x.shape, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = x.data[i]! < min ? min : x.data[i]! > max ? max : x.data[i]!;
  });
  return record("clip", [x], y, (g) => [
    mul(
      g,
      constant(y, (v, m) => LOOPS2.equal(v, x.data, m)),
    ),
  ]);
}
OPS.set("clip", { apply: (x) => clip(x!, -0.7, 1.1), shapes: [[3, 4]] });

// ---- two operands, entry by entry, broadcast ----

function binary(
  name: string,
  loop: Loop2,
  rule: (g: Tensor, a: Tensor, b: Tensor, y: Tensor, needs: readonly boolean[]) => readonly (Tensor | false)[],
  domain: readonly [number, number] = [0.5, 2],
) {
  const apply = (a: Tensor | number, b: Tensor | number): Tensor => {
    const [x, y] = operands(name, a, b);
    const shape = broadcastShapes(name, x.shape, y.shape);
    const [p, q] = [repeated(x, shape), repeated(y, shape)];
    const output: Tensor = record(
      name,
      [x, y],
      filledBy(x, shape, (data) => loop(p, q, data)),
      (g, needs) => {
        const [gx, gy] = rule(g, x, y, output, needs);
        return [needs[0] && gx ? sumTo(gx, x.shape) : undefined, needs[1] && gy ? sumTo(gy, y.shape) : undefined];
      },
    );
    return output;
  };
  OPS.set(name, {
    apply: apply as Op["apply"],
    shapes: [
      [3, 1, 4],
      [2, 4],
    ],
    domain,
  });
  return apply;
}

/** Both as tensors of one type. */
function operands(name: string, a: Tensor | number, b: Tensor | number): readonly [Tensor, Tensor] {
  const like = a instanceof Tensor ? a : b;
  if (!(like instanceof Tensor)) throw new TypeError(`${name}: one operand must be a tensor, got two numbers`);
  const [x, y] = [a, b].map((t) => (t instanceof Tensor ? t : made(zeros(like.data, 1).fill(t), []))) as [
    Tensor,
    Tensor,
  ];
  sameType(name, [x, y]);
  return [x, y];
}

/** @throws TypeError naming the operation if the operands are not of one type */
export function sameType(name: string, inputs: readonly Tensor[]): void {
  for (const x of inputs) {
    if (x.dtype === inputs[0]!.dtype) continue;
    const [first, other] = [inputs[0]!, x].map((t) => `${text(t.shape)} ${t.dtype}`);
    throw new TypeError(`${name}: operands must have one type, got ${first} and ${other}`);
  }
}

/** The numbers of x, repeated where repeating it whole does not fill the shape. */
function repeated(x: Tensor, shape: readonly number[]): Floats {
  if (isCyclic(x.shape, shape)) return x.data;
  const data = zeros(x.data, sizeOf(shape));
  gatherStrided(x.data, shape, broadcastStrides(x.shape, shape), 0, data);
  return data;
}

export const add = binary("add", LOOPS2.add, (g) => [g, g]);
export const sub = binary("sub", LOOPS2.sub, (g, _a, _b, _y, needs) => [g, needs[1]! && neg(g)]);
export const mul = binary("mul", LOOPS2.mul, (g, a, b, _, needs) => [needs[0]! && mul(g, b), needs[1]! && mul(g, a)]);
export const div = binary("div", LOOPS2.div, (g, _, b, y, needs) => [
  needs[0]! && div(g, b),
  needs[1]! && neg(div(mul(g, y), b)),
]);
/** the larger; where both are equal each gets half of the adjoint */
export const maximum = binary("maximum", LOOPS2.maximum, (g, a, b) => [
  mul(g, preference(a, b)),
  mul(g, preference(b, a)),
]);
/** the smaller; where both are equal each gets half of the adjoint */
export const minimum = binary("minimum", LOOPS2.minimum, (g, a, b) => [
  mul(g, preference(b, a)),
  mul(g, preference(a, b)),
]);

/** 1 where a > b, ½ where they are equal, 0 elsewhere; a constant. */
function preference(a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShapes("maximum", a.shape, b.shape);
  return filledBy(a, shape, (data) => LOOPS2.preference(repeated(a, shape), repeated(b, shape), data));
}

/**
 * a where the mask is not 0, b where it is; a number that is not chosen may be anything, NaN included.
 *
 * @param mask a constant that broadcasts to the shape of a and b
 */
export function where(mask: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const [x, y] = operands("where", a, b);
  const shape = broadcastShapes("where", broadcastShapes("where", x.shape, y.shape), mask.shape);
  const chosen = broadcastTo(made(mask.data, mask.shape), shape).data;
  const [p, q] = [broadcastTo(made(x.data, x.shape), shape).data, broadcastTo(made(y.data, y.shape), shape).data];
  const output = filledBy(x, shape, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = chosen[i] !== 0 ? p[i]! : q[i]!;
  });
  return record("where", [x, y], output, (g) => [sumTo(where(mask, g, 0), x.shape), sumTo(where(mask, 0, g), y.shape)]);
}
OPS.set("where", {
  apply: (a, b) => where(tensor([1, 0, 0, 1], [4], a!.dtype), a!, b!),
  shapes: [
    [3, 1, 4],
    [2, 4],
  ],
});

// ---- shapes ----

/** The same numbers in another shape; nothing is copied. One size may be −1: what is left. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  const whole = shape.map((n) => (n === -1 ? x.size / known : n));
  if (sizeOf(whole) !== x.size || !whole.every(Number.isInteger)) {
    throw new RangeError(`reshape: ${text(x.shape)} has ${x.size} entries, which ${text(shape)} cannot hold`);
  }
  return record("reshape", [x], new Tensor(x.storage, whole), (g) => [reshape(g, x.shape)]);
}
OPS.set("reshape", { apply: (x) => reshape(x!, [2, -1]), shapes: [[3, 4]] });

/** Axis i of the result is axis order[i] of x; default: the axes in reverse. */
export function transpose(x: Tensor, order: readonly number[] = x.shape.map((_, i) => x.shape.length - 1 - i)): Tensor {
  const axes = order.map((axis) => axisOf("transpose", x, axis));
  if (new Set(axes).size !== x.shape.length) {
    throw new RangeError(`transpose: order must name each axis of ${text(x.shape)} once, got [${order}]`);
  }
  const strides = stridesOf(x.shape);
  const shape = axes.map((axis) => x.shape[axis]!);
  const y = filledBy(x, shape, (data) =>
    gatherStrided(
      x.data,
      shape,
      axes.map((axis) => strides[axis]!),
      0,
      data,
    ),
  );
  return record("transpose", [x], y, (g) => [
    transpose(
      g,
      axes.map((_, i) => axes.indexOf(i)),
    ),
  ]);
}
OPS.set("transpose", { apply: (x) => transpose(x!, [1, 2, 0]), shapes: [[2, 3, 4]] });

/** x repeated to a larger shape, by the rule of broadcasting. */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  const whole = broadcastShapes("broadcastTo", x.shape, shape);
  if (text(whole) !== text(shape)) {
    throw new RangeError(`broadcastTo: shapes must broadcast, got ${text(x.shape)} and ${text(shape)}`);
  }
  if (text(x.shape) === text(shape)) return x;
  const y = filledBy(x, shape, (data) => gatherStrided(x.data, shape, broadcastStrides(x.shape, shape), 0, data));
  return record("broadcastTo", [x], y, (g) => [sumTo(g, x.shape)]);
}
OPS.set("broadcastTo", { apply: (x) => broadcastTo(x!, [2, 3, 4]), shapes: [[3, 1]] });

/** The adjoint of broadcasting: sums over what was repeated. */
export function sumTo(g: Tensor, shape: readonly number[]): Tensor {
  const more = g.shape.length - shape.length;
  const axes = g.shape.flatMap((n, i) => (i < more || (shape[i - more] === 1 && n !== 1) ? [i] : []));
  return axes.length === 0 ? g : reshape(sum(g, axes), shape);
}

/** x from start to (before) end along the first axes; negative numbers count from the end, undefined is everything. */
export function slice(x: Tensor, start: readonly number[], end: readonly (number | undefined)[] = []): Tensor {
  const from = x.shape.map((n, i) => (start[i] ?? 0) + ((start[i] ?? 0) < 0 ? n : 0));
  const to = x.shape.map((n, i) => (end[i] ?? n) + ((end[i] ?? n) < 0 ? n : 0));
  const shape = x.shape.map((_, i) => to[i]! - from[i]!);
  if (!x.shape.every((n, i) => from[i]! >= 0 && shape[i]! >= 0 && to[i]! <= n)) {
    throw new RangeError(`slice: [${start}] to [${end}] must lie within ${text(x.shape)}`);
  }
  const strides = stridesOf(x.shape);
  const offset = from.reduce((sum, n, i) => sum + n * strides[i]!, 0);
  const y = filledBy(x, shape, (data) => gatherStrided(x.data, shape, strides, offset, data));
  return record("slice", [x], y, (g) => [
    pad(
      g,
      x.shape.map((n, i) => [from[i]!, n - to[i]!] as const),
    ),
  ]);
}
OPS.set("slice", { apply: (x) => slice(x!, [1, -3], [undefined, -1]), shapes: [[3, 4]] });

/** x with zeros before and after each axis. */
export function pad(x: Tensor, widths: readonly (readonly [before: number, after: number])[]): Tensor {
  if (widths.length !== x.shape.length || !widths.flat().every((n) => Number.isInteger(n) && n >= 0)) {
    throw new RangeError(
      `pad: widths must be two integers at least 0 for each axis of ${text(x.shape)}, got [${widths}]`,
    );
  }
  const shape = x.shape.map((n, i) => widths[i]![0] + n + widths[i]![1]);
  const strides = stridesOf(shape);
  const offset = widths.reduce((sum, [before], i) => sum + before * strides[i]!, 0);
  const y = filledBy(x, shape, (data) => scatterStrided(x.data, x.shape, strides, offset, data));
  return record("pad", [x], y, (g) => [
    slice(
      g,
      widths.map(([before]) => before),
      widths.map(([before], i) => before + x.shape[i]!),
    ),
  ]);
}
OPS.set("pad", {
  apply: (x) =>
    pad(x!, [
      [1, 0],
      [2, 3],
    ]),
  shapes: [[3, 4]],
});

/** Entries in reverse order along the axes. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  const turned = axes.map((axis) => axisOf("flip", x, axis));
  const strides = stridesOf(x.shape);
  const offset = turned.reduce((sum, axis) => sum + (x.shape[axis]! - 1) * strides[axis]!, 0);
  const signed = strides.map((stride, axis) => (turned.includes(axis) ? -stride : stride));
  const y = filledBy(x, x.shape, (data) => gatherStrided(x.data, x.shape, signed, offset, data));
  return record("flip", [x], y, (g) => [flip(g, axes)]);
}
OPS.set("flip", { apply: (x) => flip(x!, [-1]), shapes: [[3, 4]] });

/** Tensors one after the other along an axis. */
export function concat(parts: readonly Tensor[], axis = 0): Tensor {
  const first = parts[0]!;
  const along = axisOf("concat", first, axis);
  const shape = first.shape.map((n, i) => (i === along ? parts.reduce((sum, x) => sum + x.shape[i]!, 0) : n));
  sameType("concat", parts);
  for (const x of parts) {
    if (x.shape.length === shape.length && x.shape.every((n, i) => i === along || n === shape[i])) continue;
    throw new RangeError(
      `concat: shapes must agree except along axis ${along}, got ${text(first.shape)} and ${text(x.shape)}`,
    );
  }
  const strides = stridesOf(shape);
  const starts: number[] = [];
  const y = filledBy(first, shape, (data) => {
    let start = 0;
    for (const x of parts) {
      scatterStrided(x.data, x.shape, strides, start * strides[along]!, data);
      starts.push(start);
      start += x.shape[along]!;
    }
  });
  const before = (start: number) => shape.map((_, i) => (i === along ? start : 0));
  return record("concat", parts, y, (g, needs) =>
    parts.map((x, i) => {
      const end = shape.map((n, j) => (j === along ? starts[i]! + x.shape[j]! : n));
      return needs[i] ? slice(g, before(starts[i]!), end) : undefined;
    }),
  );
}
OPS.set("concat", {
  apply: (...parts) => concat(parts, 1),
  shapes: [
    [3, 2],
    [3, 1],
    [3, 4],
  ],
});

/** Tensors of one shape along a new axis, which is counted among the axes of the result. */
export function stack(parts: readonly Tensor[], axis = 0): Tensor {
  const at = axis < 0 ? axis + parts[0]!.shape.length + 1 : axis;
  const apart = parts.map((x) => reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]));
  return concat(apart, axis);
}

/** Equal pieces along an axis. */
export function split(x: Tensor, pieces: number, axis = -1): Tensor[] {
  const along = axisOf("split", x, axis);
  const width = x.shape[along]! / pieces;
  if (!Number.isInteger(width)) {
    throw new RangeError(`split: axis ${along} of ${text(x.shape)} must be a multiple of ${pieces}`);
  }
  return Array.from({ length: pieces }, (_, p) => {
    const start = x.shape.map((_, i) => (i === along ? p * width : 0));
    return slice(
      x,
      start,
      x.shape.map((n, i) => (i === along ? (p + 1) * width : n)),
    );
  });
}

/** Every entry `times` times along an axis: nearest-neighbour upsampling. */
export function repeat(x: Tensor, times: number, axis: number): Tensor {
  const along = axisOf("repeat", x, axis);
  const apart = [...x.shape.slice(0, along + 1), 1, ...x.shape.slice(along + 1)];
  const wide = broadcastTo(
    reshape(x, apart),
    apart.map((n, i) => (i === along + 1 ? times : n)),
  );
  return reshape(
    wide,
    x.shape.map((n, i) => (i === along ? n * times : n)),
  );
}

function axisOf(op: string, x: Tensor, axis: number): number {
  const rank = x.shape.length;
  if (!(Number.isInteger(axis) && axis >= -rank && axis < rank)) {
    throw new RangeError(
      `${op}: axis must be an integer in [${-rank}, ${rank - 1}] for shape ${text(x.shape)}, got ${axis}`,
    );
  }
  return axis < 0 ? axis + rank : axis;
}

// ---- reductions ----

type Reduction = (x: Floats, outer: number, middle: number, inner: number, y: Floats) => void;

/** What a reduction over several axes needs: x with these axes side by side, its sizes, and the shapes of the result. */
function reduce(op: string, x: Tensor, axes: readonly number[] | undefined, kernel: Reduction) {
  const gone = (axes ?? x.shape.map((_, i) => i)).map((axis) => axisOf(op, x, axis)).sort((a, b) => a - b);
  const kept = x.shape.map((n, i) => (gone.includes(i) ? 1 : n));
  const dropped = x.shape.filter((_, i) => !gone.includes(i));
  const together = gone.every((axis, i) => axis === gone[0]! + i);
  const order = [...x.shape.keys()].filter((i) => !gone.includes(i)).concat(gone);
  const data = together ? x.data : transpose(made(x.data, x.shape), order).data;
  const outer = together ? sizeOf(x.shape.slice(0, gone[0] ?? 0)) : sizeOf(dropped);
  const middle = sizeOf(gone.map((axis) => x.shape[axis]!));
  const y = filledBy(x, dropped, (to) => kernel(data, outer, middle, x.size / (outer * middle || 1), to));
  return { y, kept, middle };
}

/** Options of a reduction. */
export interface ReductionOptions {
  /** whether the reduced axes stay, with size 1; default false */
  readonly keepDims?: boolean;
}

const withKept = (y: Tensor, kept: readonly number[], { keepDims = false }: ReductionOptions) =>
  keepDims ? reshape(y, kept) : y;

/** Sum over the axes, default all. */
export function sum(x: Tensor, axes?: readonly number[], options: ReductionOptions = {}): Tensor {
  const { y, kept } = reduce("sum", x, axes, sumMiddle);
  const output = record("sum", [x], y, (g) => [broadcastTo(reshape(g, kept), x.shape)]);
  return withKept(output, kept, options);
}
OPS.set("sum", { apply: (x) => sum(x!, [0, 2]), shapes: [[2, 3, 4]] });

/** Mean over the axes, default all. */
export function mean(x: Tensor, axes?: readonly number[], options: ReductionOptions = {}): Tensor {
  const total = sum(x, axes, options);
  return mul(total, total.size / x.size);
}

/** Mean squared deviation from the mean (divided by n) over the axes, default all. */
export function variance(x: Tensor, axes?: readonly number[], options: ReductionOptions = {}): Tensor {
  return mean(square(sub(x, mean(x, axes, { keepDims: true }))), axes, options);
}

/** √Σx² over the axes, default all; its derivative at 0 is NaN. */
export const norm = (x: Tensor, axes?: readonly number[], options: ReductionOptions = {}) =>
  sqrt(sum(square(x), axes, options));

/** The largest entry over the axes, default all; where several are equal they share the adjoint. */
export function max(x: Tensor, axes?: readonly number[], options: ReductionOptions = {}): Tensor {
  const { y, kept } = reduce("max", x, axes, maxMiddle);
  const output = record("max", [x], y, (g) => {
    const top = broadcastTo(made(y.data, kept), x.shape);
    const ties = constant(x, (v, m) => LOOPS2.equal(v, top.data, m));
    return [mul(ties, div(reshape(g, kept), sumTo(ties, kept)))];
  });
  return withKept(output, kept, options);
}
OPS.set("max", { apply: (x) => max(x!, [1]), shapes: [[2, 3, 4]] });

/** log Σ eˣ over the last axis, without overflow. */
export function logSumExp(x: Tensor, options: ReductionOptions = {}): Tensor {
  const [columns, kept] = [lastOf("logSumExp", x), [...x.shape.slice(0, -1), 1]];
  const y = filledBy(x, x.shape.slice(0, -1), (data) => logSumExpRows(x.data, columns, data));
  return withKept(
    record("logSumExp", [x], y, (g) => [mul(softmax(x), reshape(g, kept))]),
    kept,
    options,
  );
}
OPS.set("logSumExp", { apply: (x) => logSumExp(x!), shapes: [[2, 3, 4]] });

/** Running sums along an axis. */
export function cumsum(x: Tensor, axis = -1): Tensor {
  const along = axisOf("cumsum", x, axis);
  const [outer, inner] = [sizeOf(x.shape.slice(0, along)), sizeOf(x.shape.slice(along + 1))];
  const y = filledBy(x, x.shape, (data) => cumulateMiddle(x.data, outer, x.shape[along]!, inner, data));
  return record("cumsum", [x], y, (g) => [flip(cumsum(flip(g, [along]), along), [along])]);
}
OPS.set("cumsum", { apply: (x) => cumsum(x!, 1), shapes: [[2, 3, 4]] });

function lastOf(op: string, x: Tensor): number {
  const size = x.shape.at(-1);
  if (!(size! > 0))
    throw new RangeError(`${op}: the last axis must have at least one entry, got shape ${text(x.shape)}`);
  return size!;
}

// ---- matrix products ----

/** Which operands of a product are taken transposed in their last two axes; costs nothing. */
export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/**
 * Matrix products over the last two axes; the axes before them broadcast.
 *
 * @param a …×m×k
 * @param b …×k×n
 * @returns …×m×n
 */
export function matmul(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: MatmulOptions = {}): Tensor {
  sameType("matmul", [a, b]);
  const fits = a.shape.length >= 2 && b.shape.length >= 2;
  const [m, k] = inOrder(a.shape.slice(-2), transposeA);
  const [rows, n] = inOrder(b.shape.slice(-2), transposeB);
  if (!(fits && k === rows)) {
    const [left, right] = [a, b].map((x, i) => text(x.shape) + ([transposeA, transposeB][i] ? " transposed" : ""));
    throw new RangeError(`matmul: the columns of A must be the rows of B, got ${left} and ${right}`);
  }
  const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
  const y = filledBy(a, [...batch, m!, n!], (data) => {
    // A stack of matrices times one matrix is one product of a taller matrix.
    const tall = b.shape.length === 2 && !transposeA;
    const [count, height] = tall ? [[], sizeOf(batch) * m!] : [batch, m!];
    multiplyBatch(height, n!, k!, factor(a, count, transposeA), factor(b, count, transposeB), data);
  });
  return record("matmul", [a, b], y, (g, needs) => {
    const [t, f] = [true, false];
    // dA = g·Bᵀ and dB = Aᵀ·g, each transposed where its operand was.
    const da = () =>
      transposeA
        ? matmul(b, g, { transposeA: transposeB, transposeB: t })
        : matmul(g, b, { transposeA: f, transposeB: !transposeB });
    const db = () =>
      transposeB ? matmul(g, a, { transposeA: t, transposeB: transposeA }) : product(a, g, !transposeA);
    return [needs[0] ? sumTo(da(), a.shape) : undefined, needs[1] ? sumTo(db(), b.shape) : undefined];
  });

  /** Aᵀ·g; where B is one matrix under a stack of A's, the stack is one tall matrix and its products are never summed apart. */
  function product(x: Tensor, g: Tensor, transposed: boolean): Tensor {
    if (b.shape.length > 2 || !transposed || x.shape.length === 2) return matmul(x, g, { transposeA: transposed });
    return matmul(reshape(x, [-1, k!]), reshape(g, [-1, n!]), { transposeA: true });
  }
}
OPS.set("matmul", {
  apply: (a, b) => matmul(a!, b!),
  shapes: [
    [2, 3, 4],
    [4, 5],
  ],
});
OPS.set("matmul with both transposed", {
  apply: (a, b) => matmul(a!, b!, { transposeA: true, transposeB: true }),
  shapes: [
    [3, 1, 4, 2],
    [2, 5, 4],
  ],
});

const inOrder = (sizes: readonly number[], swapped: boolean) => (swapped ? [sizes[1], sizes[0]] : sizes);

function factor(x: Tensor, batch: readonly number[], transposed: boolean): Factor<Floats> {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const strides = broadcastStrides(x.shape.slice(0, -2), batch).map((stride) => stride * rows * columns);
  const offsets = Int32Array.from({ length: sizeOf(batch) }, (_, index) => {
    let offset = 0;
    for (let axis = batch.length - 1, rest = index; axis >= 0; rest = Math.floor(rest / batch[axis--]!)) {
      offset += (rest % batch[axis]!) * strides[axis]!;
    }
    return offset;
  });
  return { data: x.data, offsets, down: transposed ? 1 : columns, right: transposed ? columns : 1 };
}

// ---- indices ----

/**
 * Rows of x: the result's row i is row indices[i]. An embedding is a gather.
 *
 * @param indices integers in [0, rows of x)
 * @param shape of the indices, default one axis
 * @returns shape × (shape of a row)
 */
export function gather(x: Tensor, indices: ArrayLike<number>, shape: readonly number[] = [indices.length]): Tensor {
  const [rows, width] = [x.shape[0]!, x.size / (x.shape[0] || 1)];
  checkIndices("gather", indices, rows);
  const y = filledBy(x, [...shape, ...x.shape.slice(1)], (data) => {
    for (let i = 0, to = 0; i < indices.length; i++) {
      for (let p = indices[i]! * width, end = p + width; p < end; p++, to++) data[to] = x.data[p]!;
    }
  });
  return record("gather", [x], y, (g) => [scatterAdd(reshape(g, [-1, ...x.shape.slice(1)]), indices, rows)]);
}
OPS.set("gather", { apply: (x) => gather(x!, [2, 0, 2, 1, 2, 0], [3, 2]), shapes: [[4, 3]] });

/** `rows` rows of zeros to which row i of x is added at indices[i]; equal indices add up: sums by segment. */
export function scatterAdd(x: Tensor, indices: ArrayLike<number>, rows: number): Tensor {
  if (indices.length !== x.shape[0]) {
    throw new RangeError(
      `scatterAdd: there must be an index for each of the ${x.shape[0]} rows, got ${indices.length}`,
    );
  }
  checkIndices("scatterAdd", indices, rows);
  const width = x.size / (x.shape[0] || 1);
  const y = filledBy(x, [rows, ...x.shape.slice(1)], (data) => {
    for (let i = 0, from = 0; i < indices.length; i++) {
      for (let p = indices[i]! * width, end = p + width; p < end; p++, from++) data[p]! += x.data[from]!;
    }
  });
  return record("scatterAdd", [x], y, (g) => [gather(g, indices)]);
}
OPS.set("scatterAdd", { apply: (x) => scatterAdd(x!, [2, 0, 2, 1], 4), shapes: [[4, 3]] });

/** From each row along the last axis the entry that its index names. */
export function takeAlongLast(x: Tensor, indices: ArrayLike<number>): Tensor {
  const columns = lastOf("takeAlongLast", x);
  const shape = x.shape.slice(0, -1);
  if (indices.length !== sizeOf(shape)) {
    throw new RangeError(
      `takeAlongLast: there must be an index for each of the ${sizeOf(shape)} rows, got ${indices.length}`,
    );
  }
  checkIndices("takeAlongLast", indices, columns);
  return gather(
    reshape(x, [-1]),
    Int32Array.from(indices, (index, row) => row * columns + index),
    shape,
  );
}

/** Softmax of the entries of each segment of a vector, as attention over a node's neighbours needs it. */
export function segmentSoftmax(x: Tensor, segments: ArrayLike<number>, count: number): Tensor {
  const largest = zeros(x.data, count).fill(-Infinity);
  for (let i = 0; i < x.size; i++) largest[segments[i]!] = Math.max(largest[segments[i]!]!, x.data[i]!);
  const powers = exp(sub(x, gather(made(largest, [count]), segments)));
  return div(powers, gather(scatterAdd(powers, segments, count), segments));
}

function checkIndices(op: string, indices: ArrayLike<number>, size: number): void {
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (!(Number.isInteger(index) && index >= 0 && index < size)) {
      throw new RangeError(`${op}: index ${i} must be an integer in [0, ${size - 1}], got ${index}`);
    }
  }
}

// ---- softmax, losses, normalisation ----

/** Softmax over the last axis, without overflow; a row of −∞ alone becomes NaN. */
export function softmax(x: Tensor): Tensor {
  const columns = lastOf("softmax", x);
  const p: Tensor = record(
    "softmax",
    [x],
    filledBy(x, x.shape, (data) => softmaxRows(x.data, columns, data)),
    (g) => {
      if (!isRecording()) return [filledBy(x, x.shape, (data) => softmaxPullback(p.data, g.data, columns, data))];
      return [mul(p, sub(g, sum(mul(p, g), [-1], { keepDims: true })))];
    },
  );
  return p;
}
OPS.set("softmax", { apply: (x) => softmax(x!), shapes: [[2, 3, 4]] });

/** x − logSumExp(x) over the last axis. */
export const logSoftmax = (x: Tensor) => sub(x, logSumExp(x, { keepDims: true }));

/** Options of `crossEntropy`. */
export interface CrossEntropyOptions {
  /** rows with this label do not count; default none */
  readonly ignoreIndex?: number;
}

/**
 * Mean cross-entropy of softmax(logits) and the targets over the rows, in nats, from the logits: finite wherever they are.
 *
 * @param logits …×C
 * @param targets one label in [0, C) for each row, or a constant tensor of probabilities of the logits' shape
 */
export function crossEntropy(
  logits: Tensor,
  targets: ArrayLike<number> | Tensor,
  { ignoreIndex }: CrossEntropyOptions = {},
): Tensor {
  if (targets instanceof Tensor) {
    return neg(mul(sum(mul(targets, logSoftmax(logits))), lastOf("crossEntropy", logits) / logits.size));
  }
  const losses = (labels: ArrayLike<number>) => sub(logSumExp(logits), takeAlongLast(logits, labels));
  if (ignoreIndex === undefined) return mean(losses(targets));
  const counted: number[] = Array.from(targets, (label) => (label === ignoreIndex ? 0 : 1));
  const count = counted.reduce((total, one) => total + one, 0);
  if (count === 0) throw new RangeError(`crossEntropy: at least one label must not be ignoreIndex ${ignoreIndex}`);
  const kept = losses(Array.from(targets, (label) => (label === ignoreIndex ? 0 : label)));
  return mul(sum(mul(kept, tensor(counted, kept.shape, logits.dtype))), 1 / count);
}

/**
 * (x − mean)/√(variance + eps), over the last axis ("rows": every row by itself) or over all others ("columns": every
 * channel over the whole batch). Layer and batch normalisation are this and a scale and shift.
 */
export function standardize(x: Tensor, over: "rows" | "columns", eps = 1e-5): Tensor {
  const columns = lastOf("standardize", x);
  const deviation = new Float64Array(over === "rows" ? x.size / columns : columns);
  const y: Tensor = record(
    "standardize",
    [x],
    filledBy(x, x.shape, (data) => standardizeGroups(x.data, columns, over === "rows", eps, data, deviation)),
    (g) => {
      if (isRecording()) {
        throw new UnsupportedError(
          "standardize: its rule has no derivative; compose it of mean, variance, sub, sqrt and div for second derivatives",
        );
      }
      return [
        filledBy(x, x.shape, (data) => standardizePullback(y.data, g.data, columns, over === "rows", deviation, data)),
      ];
    },
  );
  return y;
}
OPS.set("standardize", { apply: (x) => standardize(x!, "rows"), shapes: [[2, 3, 4]], fused: true });
OPS.set("standardize columns", { apply: (x) => standardize(x!, "columns"), shapes: [[2, 3, 4]], fused: true });
