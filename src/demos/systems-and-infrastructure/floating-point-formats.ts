/**
 * Floating-point formats as arithmetic: any split of a few bits into sign, exponent and fraction, rounded
 * correctly from a double, with sums, dot products and block-scaled storage in them.
 *
 * Follows IEEE 754-2019 for the formats and the rounding; P. Micikevicius et al., "FP8 Formats for Deep Learning", 2022,
 * for E4M3 and E5M2, https://arxiv.org/abs/2209.05433; the OCP Microscaling Formats (MX) Specification 1.0, 2023, for
 * formats without special values and for blocks.
 * But:
 * - Formats of at most 32 bits, so that every value is a double and every code an integer of JavaScript.
 * - One NaN is written: what NaNs carry besides is lost. No exception flags, no decimal formats, no fused multiply-add.
 * - TF32 is float32 rounded to 10 fraction bits, to the nearest even; hardware may round its inputs otherwise.
 * - Sums and products are formed in float64, then rounded. To the nearest that is correct where the accumulator has at most
 *   25 digits and the inputs no more than it; otherwise a result of more than 53 digits is rounded twice.
 */
import { checkChoice, checkInteger, checkVector } from "../../lib/check.js";
import { random } from "../../lib/random.js";

/** How bits are split and what the top codes mean. */
export interface FloatFormat {
  readonly name: string;
  /** e, width of the exponent field */
  readonly exponentBits: number;
  /** m, width of the fraction field; the precision is m + 1 */
  readonly mantissaBits: number;
  /** what is subtracted from the exponent field of a normal number */
  readonly bias: number;
  /**
   * 'ieee': the top exponent is for infinities and NaNs; 'fn': the all-ones code is NaN, no infinities; 'finite': every code
   * is a number; 'scale': powers of two without sign or zero, the all-ones code is NaN
   */
  readonly specials: "ieee" | "fn" | "finite" | "scale";
}

/** A format by its parts. */
export interface FloatFormatParts {
  /** e in [1, 11] */
  readonly exponentBits: number;
  /** m in [0, 30] */
  readonly mantissaBits: number;
  /** default 2^(e−1) − 1 */
  readonly bias?: number;
  /** default 'ieee' */
  readonly specials?: "ieee" | "fn" | "finite";
}

const FORMATS = {
  fp32: [8, 23, "ieee"],
  tf32: [8, 10, "ieee"],
  fp16: [5, 10, "ieee"],
  bf16: [8, 7, "ieee"],
  e5m2: [5, 2, "ieee"],
  e4m3fn: [4, 3, "fn"],
  e4m3: [4, 3, "ieee"],
  e3m2: [3, 2, "finite"],
  e2m3: [2, 3, "finite"],
  e2m1: [2, 1, "finite"],
  e8m0: [8, 0, "scale"],
} as const;

/** The formats that have a name. */
export type FloatFormatName = keyof typeof FORMATS;

/** How a number between two neighbours is rounded, and what happens beyond the largest. */
export interface RoundingOptions {
  /**
   * 'nearest-even' (default; with no fraction bits, where no tie has an even end, the larger one, as IEEE 754 has it);
   * 'toward-zero', where no finite number overflows; 'away' from zero; 'stochastic': up with the probability that makes the
   * mean right
   */
  readonly rounding?: "nearest-even" | "toward-zero" | "away" | "stochastic";
  /**
   * 'ieee' (default): ±Infinity, or NaN where the format has none, or a RangeError where it has neither; 'saturate': the
   * largest number, for ±Infinity too
   */
  readonly overflow?: "ieee" | "saturate";
  /** for stochastic rounding, default 0 */
  readonly seed?: number;
}

/**
 * A format by name or by its parts.
 *
 * @throws RangeError if the name is unknown, a width is out of range, sign and fields exceed 32 bits, 'ieee' has no fraction bit, or the bias makes a number no double
 * @example
 * floatFormat("bf16").mantissaBits // 7
 */
export function floatFormat(format: FloatFormatName | FloatFormatParts): FloatFormat {
  if (typeof format === "string") {
    checkChoice("floatFormat", "format", format, Object.keys(FORMATS) as FloatFormatName[]);
    const [exponentBits, mantissaBits, specials] = FORMATS[format];
    return { name: format, exponentBits, mantissaBits, bias: 2 ** (exponentBits - 1) - 1, specials };
  }
  const { exponentBits: e, mantissaBits: m, specials = "ieee" } = format;
  checkInteger("floatFormat", "exponentBits", e, 1, 11);
  checkChoice("floatFormat", "specials", specials, ["ieee", "fn", "finite"]);
  checkInteger("floatFormat", "mantissaBits", m, specials === "ieee" ? 1 : 0, 31 - e);
  const bias = format.bias ?? 2 ** (e - 1) - 1;
  // The smallest number, 2^(1−bias−m), and the power of two of the largest must be doubles.
  const topField = specials === "ieee" ? 2 ** e - 2 : 2 ** e - 1;
  checkInteger("floatFormat", "bias", bias, topField - 1023, 1075 - m);
  return { name: `e${e}m${m}`, exponentBits: e, mantissaBits: m, bias, specials };
}

/**
 * The limits of a format.
 *
 * @returns the width in bits, the largest number, the smallest normal and subnormal ones (NaN where there are none), the gap
 * above 1 (epsilon, 2^−m), the precision m + 1, and how many codes are finite, infinite, NaN
 * @example
 * formatInfo("fp16").max // 65504
 */
export function formatInfo(format: FloatFormatName | FloatFormat) {
  const f = resolve(format);
  const { exponentBits: e, mantissaBits: m, bias, specials } = f;
  const { signs, last } = codesOf(f);
  const codes = signs * 2 ** (e + m);
  const infinities = specials === "ieee" ? 2 : 0;
  return {
    bits: e + m + signs - 1,
    bias,
    max: decode(last, f),
    minNormal: specials === "scale" ? 2 ** -bias : last < 2 ** m ? Number.NaN : 2 ** (1 - bias),
    minSubnormal: m === 0 ? Number.NaN : 2 ** (1 - bias - m),
    epsilon: 2 ** -m,
    precision: m + 1,
    finiteCodes: signs * (last + 1),
    infinities,
    nans: codes - signs * (last + 1) - infinities,
  };
}

/**
 * The number that a code stands for, exactly.
 *
 * @param bits the code as an unsigned integer: sign, exponent field, fraction field
 * @returns a double; NaN and ±Infinity where the code means them, −0 for sign 1 and 0 elsewhere
 * @throws RangeError if bits is no code of the format
 * @example
 * decode(0b0_01111_1000000000, "fp16") // 1.5
 */
export function decode(bits: number, format: FloatFormatName | FloatFormat): number {
  const f = resolve(format);
  const { signs, size } = codesOf(f);
  return decoder(f)(checkInteger("decode", "bits", bits, 0, signs * size - 1));
}

/**
 * The code of the number that x rounds to, from all bits of the double at once: nothing is rounded twice.
 *
 * @param x any double; NaN gives the quiet NaN without a sign, −0 keeps its sign
 * @returns the code as an unsigned integer
 * @throws RangeError if x is NaN and the format has none, x overflows and the format has neither infinity nor NaN, or x ≤ 0 and the format has only powers of two
 * @example
 * encode(0.1, "e4m3fn") // 29
 */
export function encode(x: number, format: FloatFormatName | FloatFormat, options: RoundingOptions = {}): number {
  return encoder("encode", format, options)(x);
}

/**
 * x rounded to a number of the format.
 *
 * @see encode for the options and the errors
 * @example
 * round(3.14159, "bf16") // 3.140625
 */
export function round(x: number, format: FloatFormatName | FloatFormat, options: RoundingOptions = {}): number {
  const f = resolve(format);
  return decode(encoder("round", f, options)(x), f);
}

/**
 * Every number rounded to the format; stochastic rounding draws from one stream.
 *
 * @see encode for the options and the errors
 * @example
 * roundArray([1, 1.1, 1e-3], "e2m1") // [1, 1, 0]
 */
export function roundArray(
  xs: ArrayLike<number>,
  format: FloatFormatName | FloatFormat,
  options: RoundingOptions = {},
): Float64Array {
  return rounded(xs, rounder("roundArray", format, options));
}

/** A number of a format, taken apart. */
export interface FloatFields {
  /** 0 or 1 */
  readonly sign: number;
  /** the exponent field, as it stands */
  readonly exponent: number;
  /** the fraction field, as it stands */
  readonly mantissa: number;
  readonly class: "zero" | "subnormal" | "normal" | "infinite" | "nan";
}

/**
 * The fields of the code that x rounds to.
 *
 * @see encode for the options and the errors
 * @example
 * fields(-0.1, "bf16") // { sign: 1, exponent: 123, mantissa: 77, class: "normal" }
 */
export function fields(x: number, format: FloatFormatName | FloatFormat, options: RoundingOptions = {}): FloatFields {
  const f = resolve(format);
  const bits = encoder("fields", f, options)(x);
  const { size } = codesOf(f);
  const code = bits % size;
  const value = decode(bits, f);
  const exponent = Math.floor(code / 2 ** f.mantissaBits);
  return {
    sign: bits < size ? 0 : 1,
    exponent,
    mantissa: code % 2 ** f.mantissaBits,
    class: Number.isNaN(value)
      ? "nan"
      : !Number.isFinite(value)
        ? "infinite"
        : value === 0
          ? "zero"
          : exponent === 0 && f.specials !== "scale"
            ? "subnormal"
            : "normal",
  };
}

/**
 * All finite numbers of a format in order, −0 before 0.
 *
 * @example
 * [...values("e2m1")].map(({ value }) => value).slice(8) // [0, 0.5, 1, 1.5, 2, 3, 4, 6]
 */
export function* values(
  format: FloatFormatName | FloatFormat,
): Generator<{ readonly bits: number; readonly value: number }> {
  const f = resolve(format);
  const { signs, size, last } = codesOf(f);
  if (signs === 2) for (let code = last; code >= 0; code--) yield { bits: size + code, value: decode(size + code, f) };
  for (let code = 0; code <= last; code++) yield { bits: code, value: decode(code, f) };
}

/** Formats of the numbers that go in and of the sum that is kept. */
export interface SumOptions extends RoundingOptions {
  /** the numbers are rounded to it first */
  readonly format: FloatFormatName | FloatFormat;
  /** every result of an operation is rounded to it; default `format` */
  readonly accumulator?: FloatFormatName | FloatFormat;
}

/**
 * Σ xs, every operation rounded to the accumulator's format.
 *
 * @param algorithm 'naive' (default): from left to right; 'pairwise': the sums of two halves, down to single numbers; 'kahan':
 * from left to right, with what rounding took away carried along
 * @returns 0 for no numbers
 * @throws RangeError if an option is unknown, or a number or sum has no code
 * @see N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., 2002, chapter 4
 * @example
 * sum(new Float64Array(1000).fill(1), { format: "bf16" }) // 256
 */
export function sum(
  xs: ArrayLike<number>,
  { algorithm = "naive", ...options }: SumOptions & { readonly algorithm?: "naive" | "pairwise" | "kahan" },
): number {
  checkChoice("sum", "algorithm", algorithm, ["naive", "pairwise", "kahan"]);
  if (algorithm === "pairwise") {
    const { input, fl } = roundings("sum", options);
    return pairwiseSum(rounded(xs, input), 0, xs.length, fl);
  }
  let total = 0;
  for (total of runningSums("sum", xs, algorithm, options));
  return total;
}

/**
 * The sum after every number, from left to right.
 *
 * @see sum for the arguments and the errors
 * @example
 * [...sumSteps([3, 4, 5], { format: "e2m1", accumulator: "e5m2" })] // [3, 7, 12]
 */
export function sumSteps(
  xs: ArrayLike<number>,
  { algorithm = "naive", ...options }: SumOptions & { readonly algorithm?: "naive" | "kahan" },
): Generator<number> {
  checkChoice("sumSteps", "algorithm", algorithm, ["naive", "kahan"]);
  return runningSums("sumSteps", xs, algorithm, options);
}

/**
 * a·b as matrix units compute it: narrow numbers in, every product and every sum rounded to the accumulator's format.
 *
 * @param a n numbers
 * @param b n numbers
 * @throws RangeError if the lengths differ, an option is unknown, or a number or sum has no code
 * @example
 * dot([1, 2], [3, 4], { format: "e2m1", accumulator: "fp32" }) // 11
 */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>, options: SumOptions): number {
  if (a.length !== b.length) throw new RangeError(`dot: b must have length ${a.length}, got ${b.length}`);
  const { input, fl } = roundings("dot", options);
  let total = 0;
  for (let i = 0; i < a.length; i++) total = fl(total + fl(input(a[i]!) * input(b[i]!)));
  return total;
}

/** How blocks share a scale. */
export interface BlockOptions {
  readonly element: "e2m1" | "e2m3" | "e3m2" | "e4m3fn" | "e5m2";
  /** numbers per scale, default 32; the last block may be shorter */
  readonly blockSize?: number;
  /** 'e8m0' (default): the power of two of the MX formats; 'e4m3fn': largest size ÷ largest element, rounded */
  readonly scale?: "e8m0" | "e4m3fn";
  /** one more scale for all numbers, a float32 that brings the largest block scale to the top of E4M3; default false */
  readonly tensorScale?: boolean;
}

/** Numbers in blocks with a scale each. */
export interface QuantizedBlocks {
  /** a code of `element` for each number */
  readonly codes: Uint8Array;
  /** the number that each block's elements are multiplied by, ⌈n / blockSize⌉, without the tensor's scale */
  readonly scales: Float64Array;
  /** 1 without one */
  readonly tensorScale: number;
  /** the n numbers that are left */
  readonly dequantized: Float64Array;
  /** of an element and its share of the block's scale */
  readonly bitsPerElement: number;
}

/**
 * Numbers as narrow elements times a scale per block. Elements beyond the largest saturate. A block of zeros has the
 * smallest scale.
 *
 * @param xs n finite numbers
 * @throws RangeError if a number is not finite, the block size is no integer ≥ 1, or an option is unknown or needs another
 * @see OCP Microscaling Formats (MX) Specification 1.0, 2023, section 6.3, for 'e8m0'
 * @example
 * quantizeBlocks([0.1, 1, -7], { element: "e2m1" }).dequantized // [0, 1, -6]
 */
export function quantizeBlocks(
  xs: ArrayLike<number>,
  { element, blockSize = 32, scale = "e8m0", tensorScale = false }: BlockOptions,
): QuantizedBlocks {
  checkChoice("quantizeBlocks", "element", element, ["e2m1", "e2m3", "e3m2", "e4m3fn", "e5m2"]);
  checkInteger("quantizeBlocks", "blockSize", blockSize, 1);
  checkChoice("quantizeBlocks", "scale", scale, tensorScale ? ["e4m3fn"] : ["e8m0", "e4m3fn"]);
  const x = checkVector("quantizeBlocks", "xs", xs);
  const n = x.length;
  const f = floatFormat(element);
  const { bits, max: largestElement } = formatInfo(f);
  const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const all = largest(x);
  const whole = tensorScale && all > 0 ? wholeScale(all, largestElement) : 1;

  const toElement = encoder("quantizeBlocks", f, { overflow: "saturate" });
  const toNumber = decoder(f);
  const scales = new Float64Array(Math.ceil(n / blockSize));
  const codes = new Uint8Array(n);
  const dequantized = new Float64Array(n);
  for (let b = 0; b < scales.length; b++) {
    const [start, end] = [b * blockSize, Math.min((b + 1) * blockSize, n)];
    const top = largest(x.subarray(start, end)) / whole;
    const s = scale === "e8m0" ? powerScale(top, largestElement) : fractionScale(top, largestElement);
    scales[b] = s;
    for (let i = start; i < end; i++) {
      codes[i] = toElement(x[i]! / whole / s); // (6)
      dequantized[i] = toNumber(codes[i]!) * s * whole;
    }
  }
  return { codes, scales, tensorScale: whole, dequantized, bitsPerElement: bits + 8 / blockSize };
}

// ---- what they are made of ----

const resolve = (format: FloatFormatName | FloatFormat) => (typeof format === "string" ? floatFormat(format) : format);

/** How many signs there are, how many codes each has, and the last of them that is a finite number. */
function codesOf({ exponentBits: e, mantissaBits: m, specials }: FloatFormat) {
  const size = 2 ** (e + m);
  const last = specials === "ieee" ? size - 2 ** m - 1 : specials === "finite" ? size - 1 : size - 2;
  return { signs: specials === "scale" ? 1 : 2, size, last };
}

/** `decode` without the check, for many codes. */
function decoder(f: FloatFormat): (bits: number) => number {
  const { mantissaBits: m, bias, specials } = f;
  const { size, last } = codesOf(f);
  const one = 2 ** m;
  return (bits) => {
    const code = bits % size;
    const sign = bits < size ? 1 : -1;
    if (code > last) return specials === "ieee" && code === last + 1 ? sign * Infinity : Number.NaN;
    if (specials === "scale") return powerOfTwo(code - bias);
    const field = Math.floor(code / one);
    const fraction = code % one;
    if (field === 0) return sign * fraction * powerOfTwo(1 - bias - m); // (2)
    return sign * (one + fraction) * powerOfTwo(field - bias - m); // (1)
  };
}

/** Rounding to a format as a function, with one stream of random numbers for all its calls. */
function rounder(
  caller: string,
  format: FloatFormatName | FloatFormat,
  options: RoundingOptions,
  uniform?: () => number,
): (x: number) => number {
  const f = resolve(format);
  const [toBits, toNumber] = [encoder(caller, f, options, uniform), decoder(f)];
  return (x) => toNumber(toBits(x));
}

function rounded(xs: ArrayLike<number>, fl: (x: number) => number): Float64Array {
  const y = new Float64Array(xs.length); // Float64Array.from with a function takes twice as long
  for (let i = 0; i < y.length; i++) y[i] = fl(xs[i]!);
  return y;
}

/** Rounding of what goes in and of results. They share a stream: from two alike, their errors would agree. */
function roundings(caller: string, { format, accumulator = format, ...options }: SumOptions) {
  const { uniform } = random(options.seed);
  return {
    input: rounder(caller, format, options, uniform),
    fl: rounder(caller, accumulator, options, uniform),
  };
}

function encoder(
  caller: string,
  format: FloatFormatName | FloatFormat,
  { rounding = "nearest-even", overflow = "ieee", seed }: RoundingOptions,
  uniform = random(seed).uniform,
): (x: number) => number {
  checkChoice(caller, "rounding", rounding, ["nearest-even", "toward-zero", "away", "stochastic"]);
  checkChoice(caller, "overflow", overflow, ["ieee", "saturate"]);
  const f = resolve(format);
  const { name, mantissaBits: m, bias, specials } = f;
  const { size, last } = codesOf(f);
  const scale = specials === "scale";
  const one = 2 ** m;
  const lowest = scale ? -bias : 1 - bias; // exponent of the smallest normal number, and of all subnormals

  return (x) => {
    if (Number.isNaN(x)) {
      if (specials === "finite") throw new RangeError(`${caller}: x must not be NaN, which ${name} has not, got NaN`);
      return specials === "ieee" ? last + 1 + 2 ** (m - 1) : size - 1;
    }
    if (scale && !(x > 0)) throw new RangeError(`${caller}: x must be above 0 in ${name}, got ${x}`);
    const sign = x < 0 || Object.is(x, -0) ? size : 0;
    const exponent = Math.max(exponentOf(x), lowest);
    // In units of the gap between neighbours. Exact: the gap is a power of two.
    const units = Math.abs(x) / powerOfTwo(exponent - m); // (3)
    const below = Math.floor(units);
    const up = Number.isFinite(x) && roundsUp(below, units - below, rounding, uniform);
    // Codes follow the order of the numbers, so a carry runs into the exponent field by itself.
    const code = Math.max((exponent - lowest) * one + below + (up ? 1 : 0) - (scale ? 1 : 0), 0); // (4)
    if (code <= last) return sign + code;
    if (overflow === "saturate" || (rounding === "toward-zero" && Number.isFinite(x))) return sign + last;
    if (specials === "finite") {
      throw new RangeError(`${caller}: x must be at most ${decode(last, f)} in size in ${name}, got ${x}`);
    }
    return specials === "ieee" ? sign + last + 1 : size - 1;
  };
}

/** Whether what lies `rest` of a gap above an integer is rounded up in size. */
function roundsUp(below: number, rest: number, rounding: RoundingOptions["rounding"], uniform: () => number): boolean {
  if (rounding === "nearest-even") return rest > 0.5 || (rest === 0.5 && below % 2 === 1);
  if (rounding === "stochastic") return uniform() < rest;
  return rounding === "away" && rest > 0;
}

const view = new DataView(new ArrayBuffer(8));

/** 2^k, k in [−1074, 1023]: a table, for Math.pow takes several times as long. */
const powerOfTwo = (k: number) => POWERS[k + 1074]!;
const POWERS = Float64Array.from({ length: 2098 }, (_, i) => 2 ** (i - 1074));

/** ⌊log₂|x|⌋ from the exponent field of the double: a logarithm would be rounded. 1023 for infinities, −1127 for 0. */
function exponentOf(x: number): number {
  view.setFloat64(0, x);
  const field = (view.getUint16(0) >> 4) & 0x7ff;
  if (field > 0) return Math.min(field, 2046) - 1023;
  return x === 0 ? -1127 : exponentOf(x * 2 ** 52) - 52; // a subnormal double
}

function* runningSums(
  caller: string,
  xs: ArrayLike<number>,
  algorithm: "naive" | "kahan",
  options: SumOptions,
): Generator<number> {
  const { input, fl } = roundings(caller, options);
  let total = 0;
  let lost = 0;
  for (let i = 0; i < xs.length; i++) {
    const x = input(xs[i]!);
    if (algorithm === "naive") {
      total = fl(total + x); // (5)
    } else {
      const term = fl(x - lost);
      const next = fl(total + term);
      lost = fl(fl(next - total) - term);
      total = next;
    }
    yield total;
  }
}

function pairwiseSum(x: Float64Array, start: number, end: number, fl: (x: number) => number): number {
  if (end - start <= 1) return end > start ? x[start]! : 0;
  const middle = (start + end) >> 1;
  return fl(pairwiseSum(x, start, middle, fl) + pairwiseSum(x, middle, end, fl));
}

/** The scale of the MX formats: the powers of two of the largest number and of the largest element, divided. */
function powerScale(top: number, largestElement: number): number {
  return top === 0 ? 2 ** -127 : 2 ** Math.min(127, Math.max(-127, exponentOf(top) - exponentOf(largestElement))); // (7)
}

/** What brings the largest number to the largest element times the largest scale, in float32; neither 0 nor infinite. */
function wholeScale(all: number, largestElement: number): number {
  const { max } = formatInfo("e4m3fn");
  return Math.max(2 ** -149, round(all / (largestElement * max), "fp32", { overflow: "saturate" }));
}

/** The largest number over the largest element, in E4M3; not 0 where something is to be scaled. */
function fractionScale(top: number, largestElement: number): number {
  const { minSubnormal } = formatInfo("e4m3fn");
  return Math.max(minSubnormal, round(top / largestElement, "e4m3fn", { overflow: "saturate" }));
}
