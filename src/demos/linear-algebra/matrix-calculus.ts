/**
 * Matrix calculus: derivatives of functions between vectors and matrices as linear maps. Forward mode pushes a direction
 * through a program by dual numbers, reverse mode pulls a row vector back over the tape of backpropagation, and one over the
 * other multiplies the Hessian by a vector; with the check of a gradient by differences, and Newton's method.
 *
 * Follows A. Griewank, A. Walther, "Evaluating Derivatives", 2nd ed., 2008 (forward and reverse mode, their cost).
 * https://doi.org/10.1137/1.9780898717761
 * Follows B. A. Pearlmutter, "Fast Exact Multiplication by the Hessian", 1994. https://doi.org/10.1162/neco.1994.6.1.147
 * Follows J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd ed., 2006, algorithms 3.1 (backtracking) and 3.3 (a shifted
 * Hessian). https://doi.org/10.1007/978-0-387-40065-5
 * But:
 * - A program is written with the operations it is given (`Operations`); it takes one vector or matrix, and float64 only.
 * - A Jacobian takes a pass for each column or row: directions are not carried in blocks, and sparsity is not used.
 * - The Hessian is dense, and Newton's method factors it: for some thousands of unknowns at most.
 */
import * as engine from "../../autodiff/ops.js";
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { NotPositiveDefiniteError } from "../../lib/errors.js";
import { identity, type Matrix, matrixOver, norm, rowMajor, transpose, zeros } from "../../lib/matrix.js";
import { dot } from "../../lib/rows.js";
import {
  customVjp,
  vjp as engineVjp,
  fromMatrix,
  grad,
  Tensor,
  tensor,
  text,
  toMatrix,
} from "../deep-learning-foundations/backpropagation.js";
import { inverse, slogdet } from "./determinant-and-volume.js";
import { matmul } from "./matrices-as-linear-maps.js";
import { cholesky, choleskySolve } from "./positive-semidefinite-matrices.js";

/** Where a program is differentiated: n numbers, or an m×n matrix. */
export type Point = ArrayLike<number> | Matrix;

/** What has the form of the point: a matrix for a matrix, n numbers for n numbers. */
export type Like<X extends Point> = X extends Matrix ? Matrix : Float64Array;

/** A number, a vector or a matrix in a program that does not depend on its argument. */
export type Constant = number | ArrayLike<number> | Matrix;

/**
 * The operations that a program is made of. T is whatever the program runs on: numbers that leave a tape behind in reverse
 * mode, dual numbers in forward mode. Shapes broadcast as in NumPy.
 */
export interface Operations<T> {
  neg(x: T): T;
  exp(x: T): T;
  /** natural */
  log(x: T): T;
  sqrt(x: T): T;
  square(x: T): T;
  sin(x: T): T;
  cos(x: T): T;
  tanh(x: T): T;
  /** 1/(1 + e⁻ˣ) */
  sigmoid(x: T): T;
  /** log(1 + eˣ), without overflow */
  softplus(x: T): T;
  /** max(x, 0); its slope at the kink 0 is 0 */
  relu(x: T): T;
  /** |x|; its slope at the kink 0 is 0 */
  abs(x: T): T;
  add(a: T | Constant, b: T | Constant): T;
  sub(a: T | Constant, b: T | Constant): T;
  /** entry by entry */
  mul(a: T | Constant, b: T | Constant): T;
  /** entry by entry */
  div(a: T | Constant, b: T | Constant): T;
  /** matrix product; a vector is a row on the left and a column on the right, and its axis is gone from the result */
  matmul(a: T | Constant, b: T | Constant): T;
  /** over the axes, default all */
  sum(x: T, axes?: readonly number[]): T;
  transpose(x: T): T;
  /** the same entries, row by row, in another shape; one size may be −1: what is left */
  reshape(x: T, shape: readonly number[]): T;
  /** entry i, counted row by row, as a scalar; its adjoint has the shape of x, so that a sweep over n of them costs n² */
  entry(x: T, i: number): T;
  /** entries from start to before end, counted row by row, as a vector */
  slice(x: T, start: number, end: number): T;
  /** a vector of scalars, a matrix of rows */
  stack(parts: readonly T[]): T;
  /** over the last axis */
  softmax(x: T): T;
  /** log Σ eˣ over the last axis, without overflow */
  logSumExp(x: T): T;
  /** of a square matrix, by LU */
  inverse(x: T): T;
  /** log|det X| of a square matrix, by LU */
  logAbsDet(x: T): T;
}

/** A function of one vector or matrix, written once for all that it is run on: `(x, { sum, exp }) => sum(exp(x))`. */
export type Program = <T>(x: T, operations: Operations<T>) => T;

/**
 * The value of a program: the entries of f(x), row by row.
 *
 * @throws as `jvp`
 * @example
 * evaluate((x, { sum, square }) => sum(square(x)), [3, 4]) // [25]
 */
export function evaluate(f: Program, x: Point): Float64Array {
  return entries("evaluate", "f(x)", run("evaluate", f, TENSORS, pointOf("evaluate", "x", x)));
}

/** A value, and how it moves when the point moves. */
export interface Jvp {
  /** f(x), m entries row by row */
  readonly value: Float64Array;
  /** J·v, m entries */
  readonly tangent: Float64Array;
}

/**
 * The Jacobian-vector product by forward mode: the program runs once, on dual numbers x + εv. No step, no truncation.
 *
 * @param f program with m entries in its result
 * @param x point of n entries; a matrix counts row by row
 * @param v direction, n entries, in the form of x or row by row
 * @throws RangeError if x is empty, x, v, the value or the derivative is not finite, or v does not fit x
 * @throws TypeError if x or v is not an array of numbers or a matrix of float64, f returns what is no result of its
 * operations, or asks for an operation that is not there
 * @throws SingularMatrixError from `inverse`, if a pivot is 0
 * @example
 * jvp((x, { sin }) => sin(x), [0, Math.PI], [1, 2]) // { value: [0, 0], tangent: [1, -2] }
 */
export function jvp<X extends Point>(f: Program, x: X, v: Like<X> | ArrayLike<number>): Jvp {
  const at = pointOf("jvp", "x", x);
  const y = run("jvp", f, DUALS, new Dual(at, directionOf("jvp", "v", v, at))); // (3)
  const tangent = y.tangent ?? full(y.value.shape, 0);
  return { value: entries("jvp", "f(x)", y.value), tangent: entries("jvp", "the tangent", tangent) };
}

/** A value, and what it does to the point's entries when they are pulled back. */
export interface Vjp<X extends Point> {
  /** f(x), m entries row by row */
  readonly value: Float64Array;
  /** uᵀJ, in the form of x */
  readonly cotangent: Like<X>;
}

/**
 * The vector-Jacobian product by reverse mode: the program runs once, leaving a tape, and u goes back over it.
 *
 * @param u row vector of m entries, in the order of f(x)
 * @throws as `jvp`; RangeError if u has not m entries
 * @example
 * vjp((x, { mul, sum }) => mul(x, sum(x)), [1, 2], [1, 1]) // { value: [3, 6], cotangent: [6, 6] }
 */
export function vjp<X extends Point>(f: Program, x: X, u: ArrayLike<number>): Vjp<X> {
  const { value: y, pullback } = pulled("vjp", f, pointOf("vjp", "x", x));
  const row = checkVector("vjp", "u", u, y.size);
  const value = entries("vjp", "f(x)", y);
  return { value, cotangent: like(x, entries("vjp", "the cotangent", pullback(tensor(row, y.shape), false))) };
}

/**
 * The gradient of a scalar program, in the form of x: one run and one sweep, whatever the number of entries.
 *
 * @throws as `jvp`; TypeError if f(x) has more than one entry
 * @example
 * gradient((x, { sum, square }) => sum(square(x)), [3, 4]) // [6, 8]
 */
export function gradient<X extends Point>(f: Program, x: X): Like<X> {
  const { value, pullback } = pulled("gradient", f, pointOf("gradient", "x", x));
  checkScalar("gradient", value);
  entries("gradient", "f(x)", value);
  return like(x, entries("gradient", "the derivative", pullback(full(value.shape, 1), false))); // (4)
}

/** How to go through the program. */
export interface JacobianOptions {
  /** a column a pass, a row a pass, or whichever needs fewer passes, reverse where both need as many; default 'auto' */
  readonly mode?: "forward" | "reverse" | "auto";
}

/**
 * The Jacobian matrix: entry (i, j) is the derivative of entry i of f(x) by entry j of x, matrices counted row by row.
 *
 * @returns m×n; n runs on dual numbers forward, one run and m sweeps in reverse; 'auto' may run once more, to learn m
 * @throws as `jvp`; RangeError if the mode is unknown
 * @example
 * toRows(jacobian((x, { stack, entry, mul }) => stack([mul(entry(x, 0), entry(x, 1)), entry(x, 1)]), [2, 3])) // [[3, 2], [0, 1]]
 */
export function jacobian(f: Program, x: Point, { mode = "auto" }: JacobianOptions = {}): Matrix {
  checkChoice("jacobian", "mode", mode, ["forward", "reverse", "auto"]);
  const at = pointOf("jacobian", "x", x);
  if (mode === "forward") return byColumns(f, at);
  const { value, pullback } = pulled("jacobian", f, at);
  return mode === "auto" && at.size < value.size ? byColumns(f, at) : byRows(value, pullback, at.size);
}

function byColumns(f: Program, at: Tensor): Matrix {
  const columns = Array.from({ length: at.size }, (_, j) => {
    const { value, tangent = full(value.shape, 0) } = run("jacobian", f, DUALS, new Dual(at, unit(at.shape, j)));
    entries("jacobian", "f(x)", value);
    return entries("jacobian", "the derivative", tangent);
  });
  return filled(columns[0]!.length, at.size, (i, j) => columns[j]![i]!);
}

function byRows(value: Tensor, pullback: (u: Tensor, keep: boolean) => Tensor, n: number): Matrix {
  entries("jacobian", "f(x)", value);
  const rows = Array.from({ length: value.size }, (_, i) =>
    entries("jacobian", "the derivative", pullback(unit(value.shape, i), i < value.size - 1)),
  );
  return filled(value.size, n, (i, j) => rows[i]![j]!);
}

/**
 * The Hessian-vector product: the slope ∇f·v comes out of a run on dual numbers, and its gradient is H·v. The Hessian is
 * never formed; the cost is that of a few gradients.
 *
 * @param f scalar program
 * @param v direction, n entries, in the form of x or row by row
 * @returns H·v in the form of x
 * @throws as `gradient`
 * @example
 * hvp((x, { sum, square }) => square(sum(x)), [1, 2], [1, 0]) // [2, 2]
 */
export function hvp<X extends Point>(f: Program, x: X, v: Like<X> | ArrayLike<number>): Like<X> {
  const at = pointOf("hvp", "x", x);
  return like(x, entries("hvp", "the derivative", hessianTimes("hvp", f, at, directionOf("hvp", "v", v, at))));
}

/** Reverse over forward: the tape records a run on dual numbers, so that its sweep differentiates their tangent. */
function hessianTimes(caller: string, f: Program, at: Tensor, v: Tensor): Tensor {
  return grad((x: Tensor) => {
    const { value, tangent } = run(caller, f, DUALS, new Dual(x, v));
    checkScalar(caller, value);
    entries(caller, "f(x)", value);
    return tangent ?? full(value.shape, 0);
  })(at); // (5)
}

/**
 * The Hessian of a scalar program, by one Hessian-vector product for each entry of x.
 *
 * @returns n×n, entries of a matrix counted row by row; symmetric but for rounding
 * @throws as `gradient`
 * @example
 * toRows(hessian((x, { entry, mul, square }) => mul(square(entry(x, 0)), entry(x, 1)), [1, 3])) // [[6, 2], [2, 0]]
 */
export function hessian(f: Program, x: Point): Matrix {
  const at = pointOf("hessian", "x", x);
  const rows = Array.from({ length: at.size }, (_, i) =>
    entries("hessian", "the derivative", hessianTimes("hessian", f, at, unit(at.shape, i))),
  );
  return filled(at.size, at.size, (i, j) => rows[i]![j]!);
}

// ---- dual numbers ----

/** a + εt with ε² = 0: a value, and how fast it moves; without a tangent it stands still. */
class Dual {
  readonly value: Tensor;
  readonly tangent: Tensor | undefined;
  constructor(value: Tensor, tangent?: Tensor) {
    this.value = value;
    this.tangent = tangent;
  }
}

const dual = (x: Dual | Constant) => (x instanceof Dual ? x : new Dual(constant(x)));
const tensorOf = (x: Tensor | Constant) => (x instanceof Tensor ? x : constant(x));

function constant(c: Constant): Tensor {
  if (typeof c === "number") return tensor(Float64Array.of(c), []);
  return isMatrix(c) ? tensor(rowMajor(c), c.shape) : tensor(Float64Array.from(c));
}

/** f(a + εt) = f(a) + ε·f′(a)·t for a function applied entry by entry. */
const entrywise =
  (f: (x: Tensor) => Tensor, slope: (x: Tensor, y: Tensor) => Tensor) =>
  ({ value, tangent }: Dual): Dual => {
    const y = f(value);
    return new Dual(y, tangent && engine.mul(tangent, slope(value, y)));
  };

/** L(a + εt) = L(a) + ε·L(t) for a linear function. */
const linear =
  <A extends readonly unknown[]>(f: (x: Tensor, ...rest: A) => Tensor) =>
  ({ value, tangent }: Dual, ...rest: A): Dual =>
    new Dual(f(value, ...rest), tangent && f(tangent, ...rest));

/** (a + εs)·(b + εt) = ab + ε(sb + at) for a product that is linear in either factor. */
const bilinear =
  (f: (a: Tensor, b: Tensor) => Tensor) =>
  (a: Dual | Constant, b: Dual | Constant): Dual => {
    const [p, q] = [dual(a), dual(b)];
    const [first, second] = [p.tangent && f(p.tangent, q.value), q.tangent && f(p.value, q.tangent)];
    return new Dual(f(p.value, q.value), first && second ? engine.add(first, second) : (first ?? second));
  };

/** a + b or a − b: a tangent that stands alone is spread over the shape of the sum. */
const additive =
  (f: (a: Tensor | number, b: Tensor | number) => Tensor) =>
  (a: Dual | Constant, b: Dual | Constant): Dual => {
    const [p, q] = [dual(a), dual(b)];
    const y = f(p.value, q.value);
    if (!(p.tangent || q.tangent)) return new Dual(y);
    return new Dual(y, engine.broadcastTo(f(p.tangent ?? 0, q.tangent ?? 0), y.shape));
  };

const isPositive = (x: Tensor) =>
  tensor(
    Float64Array.from(x.data, (xi) => (xi > 0 ? 1 : 0)),
    x.shape,
  );
const signOf = (x: Tensor) => tensor(Float64Array.from(x.data, Math.sign), x.shape);
const entryOf = (x: Tensor, i: number) =>
  engine.gather(engine.reshape(x, [-1]), [checkInteger("entry", "i", i, 0, x.size - 1)], []);
const sliceOf = (x: Tensor, start: number, end: number) => {
  checkInteger("slice", "start", start, 0, x.size - 1);
  checkInteger("slice", "end", end, start + 1, x.size);
  return engine.slice(engine.reshape(x, [-1]), [start], [end]);
};

/** NumPy's product of vectors and matrices. */
function product(a: Tensor, b: Tensor): Tensor {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const y = engine.matmul(row ? engine.reshape(a, [1, -1]) : a, column ? engine.reshape(b, [-1, 1]) : b);
  return row || column ? engine.reshape(y, y.shape.slice(row ? 1 : 0, column ? 1 : 2)) : y;
}

/** X⁻¹, with d(X⁻¹) = −X⁻¹·dX·X⁻¹ transposed to a rule for adjoints. */
const inverted = customVjp(
  (x) => fromMatrix(inverse(toMatrix(x)), "float64"),
  (adjoint, _, y) => [engine.neg(product(product(engine.transpose(y), adjoint), engine.transpose(y)))],
  "inverse",
);

/** log|det X|, with d log|det X| = tr(X⁻¹·dX). */
const logAbsDetOf = customVjp(
  (x) => tensor(Float64Array.of(slogdet(toMatrix(x)).logAbsDet), []),
  (adjoint, [x]) => [engine.mul(adjoint, engine.transpose(inverted(x!)))],
  "logAbsDet",
);

/** Reverse mode runs on tensors: the engine's operations, with constants let in. */
const TENSORS: Operations<Tensor> = guarded({
  neg: engine.neg,
  exp: engine.exp,
  log: engine.log,
  sqrt: engine.sqrt,
  square: engine.square,
  sin: engine.sin,
  cos: engine.cos,
  tanh: engine.tanh,
  sigmoid: engine.sigmoid,
  softplus: engine.softplus,
  relu: engine.relu,
  abs: engine.abs,
  add: (a, b) => engine.add(tensorOf(a), tensorOf(b)),
  sub: (a, b) => engine.sub(tensorOf(a), tensorOf(b)),
  mul: (a, b) => engine.mul(tensorOf(a), tensorOf(b)),
  div: (a, b) => engine.div(tensorOf(a), tensorOf(b)),
  matmul: (a, b) => product(tensorOf(a), tensorOf(b)),
  sum: (x, axes) => engine.sum(x, axes),
  transpose: (x) => engine.transpose(x),
  reshape: engine.reshape,
  entry: entryOf,
  slice: sliceOf,
  stack: (parts) => engine.stack(parts),
  softmax: engine.softmax,
  logSumExp: (x) => engine.logSumExp(x),
  inverse: inverted,
  logAbsDet: logAbsDetOf,
});

/** Forward mode runs on dual numbers: each operation with the differential of its result. */
const DUALS: Operations<Dual> = guarded({
  neg: linear(engine.neg),
  exp: entrywise(engine.exp, (_, y) => y),
  log: entrywise(engine.log, (x) => engine.div(1, x)),
  sqrt: entrywise(engine.sqrt, (_, y) => engine.div(0.5, y)),
  square: entrywise(engine.square, (x) => engine.mul(x, 2)),
  sin: entrywise(engine.sin, engine.cos),
  cos: entrywise(engine.cos, (x) => engine.neg(engine.sin(x))),
  tanh: entrywise(engine.tanh, (_, y) => engine.sub(1, engine.square(y))),
  sigmoid: entrywise(engine.sigmoid, (_, y) => engine.mul(y, engine.sub(1, y))),
  softplus: entrywise(engine.softplus, engine.sigmoid),
  relu: entrywise(engine.relu, isPositive),
  abs: entrywise(engine.abs, signOf),
  add: additive(engine.add),
  sub: additive(engine.sub),
  mul: bilinear(engine.mul),
  div(a, b) {
    const [p, q] = [dual(a), dual(b)];
    const y = engine.div(p.value, q.value);
    const { tangent } = DUALS.sub(new Dual(p.value, p.tangent), DUALS.mul(new Dual(y), q)); // dy = (da − y·db)/b
    return new Dual(y, tangent && engine.div(tangent, q.value));
  },
  matmul: bilinear(product),
  sum: linear((x, axes?: readonly number[]) => engine.sum(x, axes)),
  transpose: linear((x) => engine.transpose(x)),
  reshape: linear(engine.reshape),
  entry: linear(entryOf),
  slice: linear(sliceOf),
  stack: (parts) =>
    new Dual(
      engine.stack(parts.map(({ value }) => value)),
      engine.stack(parts.map(({ value, tangent = full(value.shape, 0) }) => tangent)),
    ),
  softmax({ value, tangent }) {
    const p = engine.softmax(value);
    const mean = tangent && engine.sum(engine.mul(p, tangent), [-1], { keepDims: true });
    return new Dual(p, tangent && engine.mul(p, engine.sub(tangent, mean!))); // dp = p∘(dx − pᵀdx)
  },
  logSumExp: ({ value, tangent }) =>
    new Dual(engine.logSumExp(value), tangent && engine.sum(engine.mul(engine.softmax(value), tangent), [-1])),
  inverse({ value, tangent }) {
    const y = inverted(value);
    return new Dual(y, tangent && engine.neg(product(product(y, tangent), y)));
  },
  logAbsDet: ({ value, tangent }) =>
    new Dual(
      logAbsDetOf(value),
      tangent && engine.sum(engine.mul(engine.transpose(inverted(value)), tangent)), // tr(X⁻¹·dX)
    ),
});

/** The table, with a word about a name that is not in it. */
function guarded<T>(operations: Operations<T>): Operations<T> {
  return new Proxy(operations, {
    get(table, name) {
      const operation = table[name as keyof Operations<T>];
      if (operation) return operation;
      const known = Object.keys(table).join(", ");
      throw new TypeError(`Operations: '${String(name)}' has no derivative here; there are ${known}`);
    },
  });
}

// ---- points, results ----

const isMatrix = (x: unknown): x is Matrix => typeof x === "object" && x !== null && "shape" in x;

/** A checked copy of the point as a tensor. */
function pointOf(caller: string, name: string, x: Point): Tensor {
  if (isMatrix(x)) {
    checkMatrix(caller, name, x);
    return fromMatrix(x, "float64");
  }
  return tensor(someNumbers(caller, name, x));
}

/** A checked copy of one number or more. */
function someNumbers(caller: string, name: string, x: ArrayLike<number>): Float64Array {
  const vector = checkVector(caller, name, x);
  if (!(vector.length >= 1)) throw new RangeError(`${caller}: ${name} must have at least one entry, got 0`);
  return vector;
}

/** A checked copy of a direction at a point: of its shape, or as many numbers. */
function directionOf(caller: string, name: string, v: Point, at: Tensor): Tensor {
  if (!isMatrix(v)) return tensor(checkVector(caller, name, v, at.size), at.shape);
  const direction = pointOf(caller, name, v);
  if (text(direction.shape) !== text(at.shape)) {
    throw new RangeError(`${caller}: ${name} must be ${text(at.shape)} like x, got ${text(direction.shape)}`);
  }
  return direction;
}

/** The program's result on tensors or on dual numbers. */
function run<T extends Tensor | Dual>(caller: string, f: Program, operations: Operations<T>, x: T): T {
  const y = f(x, operations);
  if (y instanceof x.constructor) return y;
  const got = y === null ? "null" : typeof y === "object" ? y.constructor.name : typeof y;
  throw new TypeError(`${caller}: f must return a result of its operations, got ${got}`);
}

/** The program's value, and the sweep that pulls back. */
const pulled = (caller: string, f: Program, at: Tensor) => engineVjp((x: Tensor) => run(caller, f, TENSORS, x), at);

function checkScalar(caller: string, y: Tensor): void {
  if (y.size !== 1) throw new TypeError(`${caller}: f must return one number, got shape ${text(y.shape)}`);
}

/** The numbers of a result, if all are finite. */
function entries(caller: string, what: string, { data }: Tensor): Float64Array {
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`${caller}: ${what} must be finite, got ${data[bad]} at ${bad}`);
  return data as Float64Array; // there are no others here
}

function like<X extends Point>(x: X, data: Float64Array): Like<X> {
  return (isMatrix(x) ? matrixOver(data, x.shape[0]!, x.shape[1]!) : data) as Like<X>;
}

function full(shape: readonly number[], value: number): Tensor {
  return tensor(new Float64Array(shape.reduce((size, n) => size * n, 1)).fill(value), shape);
}

/** 1 at entry i, 0 elsewhere. */
function unit(shape: readonly number[], i: number): Tensor {
  const e = full(shape, 0);
  e.data[i] = 1;
  return e;
}

function filled(rows: number, columns: number, entry: (i: number, j: number) => number): Matrix {
  const a = zeros(rows, columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) a.set(i, j, entry(i, j));
  return a;
}

// ---- differences ----

/** Two estimates of a slope. */
export interface DifferenceQuotients {
  /** (f(x + h) − f(x)) / h */
  readonly forward: number;
  /** (f(x + h) − f(x − h)) / 2h */
  readonly central: number;
}

/**
 * The difference quotients of a function of one number, as the textbook has them: to be compared with, and to check.
 *
 * @param h step, not 0
 * @throws RangeError if x or h is not finite, or h is 0
 * @example
 * differenceQuotients((x) => x ** 2, 1, 0.5) // { forward: 2.5, central: 2 }
 */
export function differenceQuotients(f: (x: number) => number, x: number, h: number): DifferenceQuotients {
  checkNumber("differenceQuotients", "x", x);
  if (!(Number.isFinite(h) && h !== 0)) throw new RangeError(`differenceQuotients: h must not be 0, got ${h}`);
  return { forward: (f(x + h) - f(x)) / h, central: (f(x + h) - f(x - h)) / (2 * h) }; // (6), (7)
}

/** Options of `gradientCheck`. */
export interface GradientCheckOptions {
  /** h/max(1, |xᵢ|) in (0, 1); default ∛ε = 6.06e-6, where truncation and rounding balance */
  readonly step?: number;
}

/** How far a gradient is from central differences. */
export interface GradientCheck {
  /** largest |gᵢ − dᵢ| / max(|gᵢ|, |dᵢ|, what rounding can put into dᵢ times 1/∛ε) */
  readonly maxRelativeError: number;
  /** the coordinate where it is; the first of several */
  readonly worstIndex: number;
}

const CUBE_ROOT_OF_EPSILON = Math.cbrt(2 ** -52);

/**
 * Compares a gradient with central differences, coordinate by coordinate. Away from kinks below 1e-7 is right, above 1e-4 wrong.
 * Where f is large and its slope small, differences resolve little: an f that is right to its last bits then shows no more
 * than some 1e-5, and a wrong gradient may show as little.
 *
 * @param f scalar function
 * @param gradient its gradient, n numbers
 * @param x point of n entries
 * @returns 2n evaluations of f
 * @throws RangeError if x is empty, the step is outside (0, 1), x, the gradient or f beside x is not finite (naming the
 * coordinate), or the gradient has not n entries
 * @example
 * gradientCheck(([x, y]) => x * x * y, ([x, y]) => [2 * x * y, x], [3, 2]).worstIndex // 1
 */
export function gradientCheck(
  f: (x: Float64Array) => number,
  gradient: (x: Float64Array) => ArrayLike<number>,
  x: ArrayLike<number>,
  { step = CUBE_ROOT_OF_EPSILON }: GradientCheckOptions = {},
): GradientCheck {
  checkNumber("gradientCheck", "step", step, { above: 0, below: 1 });
  const at = someNumbers("gradientCheck", "x", x);
  const n = at.length;
  const g = checkVector("gradientCheck", "gradient(x)", gradient(at.slice()), n);
  let worst = { maxRelativeError: 0, worstIndex: 0 };
  for (let i = 0; i < n; i++) {
    const h = step * Math.max(1, Math.abs(at[i]!));
    const [up, down] = [at[i]! + h, at[i]! - h];
    if (!(down < at[i]! && at[i]! < up && up - down < Infinity)) {
      throw new RangeError(
        `gradientCheck: step must move x[${i}] = ${at[i]} to finite numbers on both sides, got ${step}`,
      );
    }
    const [above, below] = [up, down].map((xi) =>
      checkNumber("gradientCheck", `f with x[${i}] = ${xi}`, f(at.with(i, xi))),
    ) as [number, number];
    const d = (above - below) / (up - down); // by the step that was really made, after rounding
    const noise = (2 ** -52 * Math.max(Math.abs(above), Math.abs(below))) / h;
    const size = Math.max(Math.abs(g[i]!), Math.abs(d), noise / CUBE_ROOT_OF_EPSILON);
    const error = Math.abs(g[i]! - d) / size;
    if (error > worst.maxRelativeError) worst = { maxRelativeError: error, worstIndex: i };
  }
  return worst;
}

// ---- Newton's method ----

/** Options of `newton`. */
export interface NewtonOptions {
  /**
   * 'backtracking' halves a step until the value falls by 1e-4 of what the slope promises (where that is below 1e-12 of the
   * value: until it rises by 2⁻⁴⁸ of it at most); 'none' takes every step whole, and is here to be compared with; default
   * 'backtracking'
   */
  readonly lineSearch?: "backtracking" | "none";
  /** stop at a gradient of at most this length; default 1e-8 */
  readonly tolerance?: number;
  /** default 100 */
  readonly maxSteps?: number;
}

/** Newton's method after some steps. */
export interface NewtonState {
  /** steps taken */
  readonly iteration: number;
  /** where it stands, n numbers */
  readonly x: Float64Array;
  /** f(x) */
  readonly value: number;
  /** ‖∇f(x)‖₂ */
  readonly gradientNorm: number;
  /** fraction t of Newton's step that led here; 0 at the start */
  readonly step: number;
  /** τ that was added to the Hessian's diagonal for that step; 0 where the Hessian was positive definite */
  readonly shift: number;
  /** whether the gradient is within the tolerance; a saddle point has a gradient of 0 too */
  readonly converged: boolean;
  /** why it ended; empty while it goes on */
  readonly reason:
    | ""
    | "gradient within tolerance"
    | "maxSteps taken"
    | "no descent after 50 halvings"
    | "f is not finite after a whole step";
}

/**
 * Minimises f by Newton's method: step p from (H + τI)p = −∇f, with τ = 0 where H is positive definite, then x + tp with t = 1,
 * ½, ¼, … until f falls enough. Without the shift a step may lead uphill to a saddle, without the halving past the minimum.
 *
 * @param f function to be minimised, of n numbers
 * @param gradient ∇f, n numbers
 * @param hessian H, symmetric n×n
 * @param start n numbers
 * @returns the state at the start, and after each step; the last one has a reason
 * @throws RangeError if start is empty, an option is outside its range, f(start), a gradient or a Hessian is not finite, or one
 * of them has another size or H is not symmetric
 * @see Nocedal, Wright, "Numerical Optimization", 2nd ed., 2006, algorithms 3.1 to 3.3
 * @example
 * const states = [...newtonSteps(([x]) => x - Math.log(x), ([x]) => [1 - 1 / x], ([x]) => matrix([[x ** -2]]), [0.5])];
 * states.slice(0, 3).map(({ x }) => x[0]) // [0.5, 0.75, 0.9375]
 */
export function* newtonSteps(
  f: (x: Float64Array) => number,
  gradient: (x: Float64Array) => ArrayLike<number>,
  hessian: (x: Float64Array) => Matrix,
  start: ArrayLike<number>,
  options: NewtonOptions = {},
): Generator<NewtonState, void, undefined> {
  const { lineSearch, tolerance, maxSteps } = checkNewton(options);
  let x = someNumbers("newton", "start", start);
  let value = checkNumber("newton", "f(start)", f(x.slice()));
  let [step, shift] = [0, 0];
  for (let iteration = 0; ; iteration++) {
    const g = checkVector("newton", "gradient(x)", gradient(x.slice()), x.length);
    const state = { iteration, x, value, gradientNorm: norm(g), step, shift, converged: false };
    if (state.gradientNorm <= tolerance)
      return yield { ...state, converged: true, reason: "gradient within tolerance" };
    if (iteration === maxSteps) return yield { ...state, reason: "maxSteps taken" };
    yield { ...state, reason: "" };
    const newtonStep = shiftedSolve(checkHessian(hessian(x.slice()), x.length), g); // (8)
    const taken = lineSearch === "none" ? whole(f, x, newtonStep.p) : backtrack(f, x, value, g, newtonStep.p); // (9)
    if (typeof taken === "string") return yield { ...state, reason: taken };
    ({ x, value, step } = taken);
    shift = newtonStep.shift;
  }
}

/**
 * Newton's method, run to its end: the last state of `newtonSteps`.
 *
 * @throws as `newtonSteps`
 * @example
 * const { x, converged } = newton(([x]) => x - Math.log(x), ([x]) => [1 - 1 / x], ([x]) => matrix([[x ** -2]]), [0.5]);
 * x[0] // 1
 * converged // true
 */
export function newton(
  f: (x: Float64Array) => number,
  gradient: (x: Float64Array) => ArrayLike<number>,
  hessian: (x: Float64Array) => Matrix,
  start: ArrayLike<number>,
  options: NewtonOptions = {},
): NewtonState {
  let last: NewtonState | undefined;
  for (last of newtonSteps(f, gradient, hessian, start, options));
  return last!;
}

/** −(H + τI)⁻¹g with the first τ of 0 and a geometric series for which Cholesky's factorisation succeeds. */
function shiftedSolve(h: Matrix, g: Float64Array): { readonly p: Float64Array; readonly shift: number } {
  const n = g.length;
  const least = 1e-3 * norm(rowMajor(h)) || 1e-3; // by the scale of H, so that it takes some tens of trials at most
  const lowest = Math.min(...Array.from({ length: n }, (_, i) => h.get(i, i)));
  for (let shift = lowest > 0 ? 0 : least - lowest; ; shift = Math.max(2 * shift, least)) {
    try {
      const l = cholesky(filled(n, n, (i, j) => h.get(i, j) + (i === j ? shift : 0)));
      return { p: choleskySolve(l, g).map((pi) => -pi), shift };
    } catch (error) {
      if (!(error instanceof NotPositiveDefiniteError)) throw error;
    }
  }
}

/** Halves t = 1 until f(x + tp) ≤ f(x) + 1e-4·t·∇fᵀp, up to the rounding of f. */
function backtrack(
  f: (x: Float64Array) => number,
  x: Float64Array,
  value: number,
  g: Float64Array,
  p: Float64Array,
): Pick<NewtonState, "x" | "value" | "step"> | "no descent after 50 halvings" {
  const slope = dot(g, 0, p, 0, x.length);
  // Close to the minimum the promised fall drowns in the rounding of f: then a step may seem to climb by some units of it.
  const rounding = -slope < 1e-12 * Math.abs(value) ? 2 ** -48 * Math.abs(value) : 0;
  for (let step = 1; step >= 2 ** -50; step /= 2) {
    const next = x.map((xi, i) => xi + step * p[i]!);
    const reached = f(next.slice());
    const enough = reached <= value + 1e-4 * step * slope + rounding;
    if (enough && Number.isFinite(reached)) return { x: next, value: reached, step };
  }
  return "no descent after 50 halvings";
}

function whole(
  f: (x: Float64Array) => number,
  x: Float64Array,
  p: Float64Array,
): Pick<NewtonState, "x" | "value" | "step"> | "f is not finite after a whole step" {
  const next = x.map((xi, i) => xi + p[i]!);
  const value = f(next.slice());
  return Number.isFinite(value) ? { x: next, value, step: 1 } : "f is not finite after a whole step";
}

function checkHessian(h: Matrix, n: number): Matrix {
  const [rows, columns] = checkMatrix("newton", "hessian(x)", h);
  if (rows !== n || columns !== n) {
    throw new RangeError(`newton: hessian(x) must be ${n}×${n}, got ${rows}×${columns}`);
  }
  return h;
}

function checkNewton(options: NewtonOptions): Required<NewtonOptions> {
  const { lineSearch = "backtracking", tolerance = 1e-8, maxSteps = 100 } = options;
  checkChoice("newton", "lineSearch", lineSearch, ["backtracking", "none"]);
  checkNumber("newton", "tolerance", tolerance, { min: 0 });
  checkInteger("newton", "maxSteps", maxSteps, 0);
  return { lineSearch, tolerance, maxSteps };
}

// ---- identities ----

/** The matrices of an identity by their letters; vectors are single columns. */
export type Letters = Readonly<Record<string, Matrix>>;

/** A derivative that is worth knowing by heart. */
export interface Identity {
  /** the function of x or X */
  readonly name: string;
  /** its gradient, in the shape of the variable; for softmax the Jacobian */
  readonly formula: string;
  /** rows and columns of the letters, for three sizes; the variable is first */
  readonly shapes: (m: number, n: number, k: number) => Readonly<Record<string, readonly [number, number]>>;
  /** the function, for given matrices */
  readonly f: (given: Letters) => Program;
  /** the formula, by products of matrices */
  readonly gradient: (given: Letters) => Matrix;
}

/**
 * The derivatives that machine learning is made of. Each can be checked against `jacobian`, whose entries it holds.
 *
 * @example
 * IDENTITIES.map(({ name }) => name).slice(0, 2) // ["xᵀAx", "‖Ax − b‖²"]
 * const [{ f, gradient: byFormula }] = IDENTITIES;
 * const given = { x: matrix([[1], [1]]), A: matrix([[1, 2], [0, 1]]) };
 * toRows(byFormula(given)) // [[4], [4]]
 * toRows(gradient(f(given), given.x)) // [[4], [4]]
 */
export const IDENTITIES: readonly Identity[] = [
  {
    name: "xᵀAx",
    formula: "(A + Aᵀ)x",
    shapes: (_, n) => ({ x: [n, 1], A: [n, n] }),
    f:
      ({ A }) =>
      (x, { sum, mul, matmul }) =>
        sum(mul(x, matmul(A!, x))),
    gradient: ({ x, A }) => combined(1, matmul(A!, x!), 1, matmul(transpose(A!), x!)),
  },
  {
    name: "‖Ax − b‖²",
    formula: "2Aᵀ(Ax − b)",
    shapes: (m, n) => ({ x: [n, 1], A: [m, n], b: [m, 1] }),
    f:
      ({ A, b }) =>
      (x, { sum, square, sub, matmul }) =>
        sum(square(sub(matmul(A!, x), b!))),
    gradient: ({ x, A, b }) => matmul(transpose(A!), combined(2, matmul(A!, x!), -2, b!)),
  },
  {
    name: "log|det X|",
    formula: "X⁻ᵀ",
    shapes: (_, n) => ({ X: [n, n] }),
    f:
      () =>
      (x, { logAbsDet }) =>
        logAbsDet(x),
    gradient: ({ X }) => transpose(inverse(X!)),
  },
  {
    name: "tr(AXB)",
    formula: "AᵀBᵀ",
    shapes: (m, n, k) => ({ X: [m, n], A: [k, m], B: [n, k] }),
    f:
      ({ A, B }) =>
      (x, { sum, mul, matmul }) =>
        sum(mul(matmul(matmul(A!, x), B!), identity(A!.shape[0]!))),
    gradient: ({ A, B }) => matmul(transpose(A!), transpose(B!)),
  },
  {
    name: "aᵀX⁻¹b",
    formula: "−X⁻ᵀabᵀX⁻ᵀ",
    shapes: (_, n) => ({ X: [n, n], a: [n, 1], b: [n, 1] }),
    f:
      ({ a, b }) =>
      (x, { matmul, inverse }) =>
        matmul(transpose(a!), matmul(inverse(x), b!)),
    gradient: ({ X, a, b }) => {
      const inv = transpose(inverse(X!));
      return combined(-1, matmul(matmul(inv, a!), matmul(transpose(b!), inv)));
    },
  },
  {
    name: "log Σ exp xᵢ",
    formula: "softmax(x)",
    shapes: (_, n) => ({ x: [n, 1] }),
    f:
      () =>
      (x, { logSumExp, reshape }) =>
        logSumExp(reshape(x, [-1])),
    gradient: ({ x }) => softmaxOf(x!),
  },
  {
    name: "‖X‖²",
    formula: "2X",
    shapes: (m, n) => ({ X: [m, n] }),
    f:
      () =>
      (x, { sum, square }) =>
        sum(square(x)),
    gradient: ({ X }) => combined(2, X!),
  },
  {
    name: "softmax(x) = p",
    formula: "diag(p) − ppᵀ",
    shapes: (_, n) => ({ x: [n, 1] }),
    f:
      () =>
      (x, { softmax, reshape }) =>
        softmax(reshape(x, [-1])),
    gradient: ({ x }) => {
      const p = softmaxOf(x!);
      return filled(p.shape[0]!, p.shape[0]!, (i, j) => p.get(i, 0) * ((i === j ? 1 : 0) - p.get(j, 0)));
    },
  },
];

/** α·A + β·B. */
const combined = (alpha: number, a: Matrix, beta = 0, b = a) =>
  filled(a.shape[0]!, a.shape[1]!, (i, j) => alpha * a.get(i, j) + beta * b.get(i, j));

/** eˣ over its sum, of a column. */
function softmaxOf(x: Matrix): Matrix {
  const n = x.shape[0]!;
  const largest = Math.max(...rowMajor(x)); // so that no power overflows
  const powers = filled(n, 1, (i) => Math.exp(x.get(i, 0) - largest));
  return combined(1 / powers.data.reduce((sum, power) => sum + power, 0), powers);
}
