/**
 * Argument checks with one message form, `kMeans: k must be an integer in [1, 150], got 0`. Every condition is written
 * positively (`!(x > 0)`), so that NaN fails it.
 */
import { type Matrix, rowMajor } from "./matrix.js";

/** An integer in [min, max]; returns it. */
export function checkInteger(
  caller: string,
  name: string,
  value: number,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `in [${min}, ${max}]`;
    throw new RangeError(`${caller}: ${name} must be an integer ${range}, got ${value}`);
  }
  return value;
}

/** What `checkNumber` accepts; Infinity only where a bound is Infinity itself and included. */
export interface NumberRange {
  /** smallest allowed value */
  readonly min?: number;
  /** largest allowed value */
  readonly max?: number;
  /** the value must be greater than this */
  readonly above?: number;
  /** the value must be less than this */
  readonly below?: number;
}

/** A number in the given range, finite unless `max` is Infinity; returns it. */
export function checkNumber(caller: string, name: string, value: number, range: NumberRange = {}): number {
  const aboveLow = range.above !== undefined ? value > range.above : value >= (range.min ?? -Infinity);
  const belowHigh = range.below !== undefined ? value < range.below : value <= (range.max ?? Infinity);
  const inside = aboveLow && belowHigh;
  if (!(inside && (Number.isFinite(value) || range.max === Infinity))) {
    throw new RangeError(
      `${caller}: ${name} must be a ${range.max === Infinity ? "" : "finite "}number${describe(range)}, got ${value}`,
    );
  }
  return value;
}

function describe({ min, max, above, below }: NumberRange): string {
  const low = above !== undefined ? `(${above}` : min !== undefined ? `[${min}` : undefined;
  const high = below !== undefined ? `${below})` : max !== undefined ? `${max}]` : undefined;
  if (low === undefined && high === undefined) return "";
  return ` in ${low ?? "(-Infinity"}, ${high ?? "Infinity)"}`;
}

/** One of the listed words; returns it. */
export function checkChoice<T extends string>(caller: string, name: string, value: T, choices: readonly T[]): T {
  if (!choices.includes(value)) {
    throw new RangeError(
      `${caller}: ${name} must be one of ${choices.map((c) => `'${c}'`).join(", ")}, got '${value}'`,
    );
  }
  return value;
}

/** A rank-2 array with at least one row and one column, every entry finite; returns [rows, columns]. */
export function checkMatrix(caller: string, name: string, a: Matrix): readonly [rows: number, columns: number] {
  if (!(a?.data instanceof Float64Array && a.shape.length === 2)) {
    throw new TypeError(`${caller}: ${name} must be a rank-2 ndarray of Float64Array, got ${kindOf(a)}`);
  }
  const [m, n] = a.shape as [number, number];
  if (!(m >= 1 && n >= 1)) {
    throw new RangeError(`${caller}: ${name} must have at least one row and one column, got ${m}×${n}`);
  }
  const data = rowMajor(a);
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]!)) {
      throw new RangeError(`${caller}: ${name} must be finite, got ${data[i]} at (${Math.floor(i / n)}, ${i % n})`);
    }
  }
  return [m, n];
}

/** As `checkMatrix`, with as many columns as rows; returns their number. */
export function checkSquare(caller: string, name: string, a: Matrix): number {
  const [m, n] = checkMatrix(caller, name, a);
  if (m !== n) throw new RangeError(`${caller}: ${name} must be square, got ${m}×${n}`);
  return n;
}

/** A vector of finite numbers, of the given length where one is given; returns it as a Float64Array, copied. */
export function checkVector(caller: string, name: string, x: ArrayLike<number>, length?: number): Float64Array {
  if (!(typeof x === "object" && x !== null && typeof x.length === "number")) {
    throw new TypeError(`${caller}: ${name} must be an array of numbers, got ${kindOf(x)}`);
  }
  if (length !== undefined && x.length !== length) {
    throw new RangeError(`${caller}: ${name} must have length ${length}, got ${x.length}`);
  }
  const vector = Float64Array.from(x);
  const bad = vector.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`${caller}: ${name} must be finite, got ${vector[bad]} at ${bad}`);
  return vector;
}

/** Class labels: integers in [0, classes), one per sample; returns them as an Int32Array, copied. */
export function checkLabels(
  caller: string,
  name: string,
  labels: ArrayLike<number>,
  samples: number,
  classes: number,
): Int32Array {
  if (labels.length !== samples) {
    throw new RangeError(`${caller}: ${name} must have length ${samples}, got ${labels.length}`);
  }
  for (let i = 0; i < samples; i++) checkInteger(caller, `${name}[${i}]`, labels[i]!, 0, classes - 1);
  return Int32Array.from(labels);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return value.constructor?.name ?? "object";
}
