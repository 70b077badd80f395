import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decode,
  dot,
  encode,
  type FloatFormat,
  type FloatFormatName,
  fields,
  floatFormat,
  formatInfo,
  quantizeBlocks,
  round,
  roundArray,
  sum,
  sumSteps,
  values,
} from "../../src/demos/systems-and-infrastructure/floating-point-formats.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("systems-and-infrastructure/floating-point-formats");

interface Fixture {
  readonly values: Readonly<Record<FloatFormatName, number[]>>;
  readonly digests: Readonly<Record<"fp16" | "bf16", string>>;
  readonly limits: readonly {
    readonly format: FloatFormatName;
    readonly bits: number;
    readonly max: number;
    readonly minNormal: number;
    readonly minSubnormal: number;
    readonly epsilon: number;
  }[];
  readonly encodings: readonly { readonly format: FloatFormatName; readonly x: number[]; readonly y: number[] }[];
  readonly doublesToHalf: { readonly x: number[]; readonly y: number[] };
  readonly doublesToBf16: { readonly x: number[]; readonly y: number[] };
  readonly sums: readonly { format: FloatFormatName; x: number[]; naive: number; kahan: number }[];
  readonly harmonic: { readonly terms: number; readonly total: number };
  readonly dots: readonly { format: FloatFormatName; a: number[]; b: number[]; dot: number }[];
  readonly blocks: readonly {
    readonly element: "e2m1" | "e2m3" | "e3m2" | "e4m3fn" | "e5m2";
    readonly x: number[];
    readonly scales: number[];
    readonly dequantized: number[];
  }[];
  readonly scaledByFractions: { x: number[]; tensorScale: number; scales: number[]; dequantized: number[] };
  readonly conventions: Edges & { readonly e2m1: number[]; readonly scaleTies: number[]; readonly pytorch: Edges };
}
interface Edges {
  readonly half65520: number;
  readonly e4m3fn: number[];
  readonly bf16OfDouble: number;
}
const fixture = oracle<Fixture>();

// ---- what the tests are made of ----

const NARROW: readonly FloatFormatName[] = ["fp16", "bf16", "e5m2", "e4m3fn", "e4m3", "e3m2", "e2m3", "e2m1"];
const ALL: readonly FloatFormatName[] = ["fp32", "tf32", ...NARROW, "e8m0"];
const ones = (n: number) => new Float64Array(n).fill(1);
const numbers = (format: FloatFormatName | FloatFormat) => Array.from(values(format), ({ value }) => value);
const ulpsAway = (x: number, ulps: bigint) => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  view.setBigInt64(0, view.getBigInt64(0) + ulps);
  return view.getFloat64(0);
};

/** The nearest number of a format by exact integers: everything in units of the smallest double, ties to the even code. */
function nearestByIntegers(x: number, sorted: readonly number[]): number {
  const exact = (v: number) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, v);
    const bits = view.getBigUint64(0);
    const [field, fraction] = [Number((bits >> 52n) & 0x7ffn), bits & 0xfffffffffffffn];
    return field === 0 ? fraction : (fraction | (1n << 52n)) << BigInt(field - 1);
  };
  const size = exact(Math.abs(x));
  let best = 0;
  for (let code = 1; code < sorted.length; code++) {
    const [d, known] = [exact(sorted[code]!) - size, exact(sorted[best]!) - size];
    const [a, b] = [d < 0n ? -d : d, known < 0n ? -known : known];
    if (a < b || (a === b && code % 2 === 0)) best = code;
  }
  return (x < 0 ? -1 : 1) * sorted[best]!;
}

// ---- claims ----

claim("codes-round-trip", () => {
  const counts: Partial<Record<FloatFormatName, number>> = {};
  for (const format of [...NARROW, "e8m0"] as const) {
    const { bits, finiteCodes } = formatInfo(format);
    let finite = 0;
    const wrong: number[] = [];
    for (let code = 0; code < 2 ** bits; code++) {
      const value = decode(code, format);
      if (Number.isFinite(value)) finite++;
      const again = encode(value, format);
      if (Number.isNaN(value) ? !Number.isNaN(decode(again, format)) : again !== code) wrong.push(code);
    }
    expect(wrong).toEqual([]);
    expect(finite).toBe(finiteCodes);
    counts[format] = finite;
  }
  expect(counts).toEqual({
    fp16: 63488,
    bf16: 65280,
    e5m2: 248,
    e4m3fn: 254,
    e4m3: 240,
    e3m2: 64,
    e2m3: 64,
    e2m1: 16,
    e8m0: 255,
  });
  for (const [format, expected] of Object.entries(fixture.values) as [FloatFormatName, number[]][]) {
    expect(expected.map((_, code) => decode(code, format))).toEqual(expected);
  }
  for (const format of ["fp16", "bf16"] as const) {
    const bytes = new DataView(new ArrayBuffer(65536 * 8));
    for (let code = 0; code < 65536; code++) {
      const value = decode(code, format);
      if (Number.isNaN(value)) bytes.setBigUint64(8 * code, 0x7ff8000000000000n, true);
      else bytes.setFloat64(8 * code, value, true);
    }
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(fixture.digests[format]);
  }
});

claim("limits-follow-from-the-widths", () => {
  const limits = (format: FloatFormatName) => {
    const { max, minNormal, minSubnormal } = formatInfo(format);
    return [max, minNormal, minSubnormal];
  };
  expect(limits("fp16")).toEqual([65504, 2 ** -14, 2 ** -24]);
  expect(limits("bf16")).toEqual([(2 - 2 ** -7) * 2 ** 127, 2 ** -126, 2 ** -133]);
  expect(limits("tf32")).toEqual([(2 - 2 ** -10) * 2 ** 127, 2 ** -126, 2 ** -136]);
  expect(limits("fp32")).toEqual([(2 - 2 ** -23) * 2 ** 127, 2 ** -126, 2 ** -149]);
  expect(limits("e4m3fn")).toEqual([448, 2 ** -6, 2 ** -9]);
  expect(limits("e4m3")).toEqual([240, 2 ** -6, 2 ** -9]);
  expect(limits("e5m2")).toEqual([57344, 2 ** -14, 2 ** -16]);
  expect(limits("e3m2")).toEqual([28, 2 ** -2, 2 ** -4]);
  expect(limits("e2m3")).toEqual([7.5, 1, 2 ** -3]);
  expect(limits("e2m1")).toEqual([6, 1, 2 ** -1]);
  expect(limits("e8m0")).toEqual([2 ** 127, 2 ** -127, Number.NaN]);
  for (const { format, ...expected } of fixture.limits) expect(formatInfo(format)).toMatchObject(expected);
});

claim("nearest-even-is-right-in-every-gap", () => {
  for (const format of NARROW) {
    const { max, minNormal, epsilon } = formatInfo(format);
    const sorted = numbers(format).filter((value) => !Object.is(value, -0));
    let worst = 0;
    const wrong: number[] = [];
    for (let i = 1; i < sorted.length; i++) {
      const [low, high] = [sorted[i - 1]!, sorted[i]!];
      const middle = (low + high) / 2; // exact: one bit more than the format has
      const even = encode(low, format) % 2 === 0 ? low : high;
      const [inner, outer] = middle > 0 ? [low, high] : [high, low];
      const rounded = [0n, -1n, 1n].map((ulps) => round(ulpsAway(middle, ulps), format));
      if (rounded[0] !== even || rounded[1] !== inner || rounded[2] !== outer) wrong.push(middle);
      if (Math.abs(middle) >= minNormal) {
        worst = Math.max(worst, Math.abs(middle - even) / Math.abs(middle));
      }
    }
    expect(wrong).toEqual([]);
    // The bound u/(1 + u) is reached at the middle of the first gap above a power of two.
    const u = epsilon / 2;
    expect(worst).toBe(u / (1 + u));
    expect(round(max, format)).toBe(max);
  }
});

claim("overflow-begins-half-a-gap-above", () => {
  expect([65519.99, 65520, -65520].map((x) => round(x, "fp16"))).toEqual([65504, Infinity, -Infinity]);
  expect([61439, 61440].map((x) => round(x, "e5m2"))).toEqual([57344, Infinity]);
  expect([464, ulpsAway(464, 1n), 1e300].map((x) => round(x, "e4m3fn"))).toEqual([448, Number.NaN, Number.NaN]);
  expect([464.1, 1e300, -Infinity].map((x) => round(x, "e4m3fn", { overflow: "saturate" }))).toEqual([448, 448, -448]);
  for (const format of ["fp16", "e5m2", "bf16", "fp32"] as const) {
    const { max, precision } = formatInfo(format);
    const threshold = max + (max - round(ulpsAway(max, -1n), format, { rounding: "toward-zero" })) / 2;
    expect(threshold).toBe(max * (1 + 2 ** -precision / (2 - 2 ** (1 - precision))));
    expect([ulpsAway(threshold, -1n), threshold].map((x) => round(x, format))).toEqual([max, Infinity]);
  }
});

claim("ones-stop-at-two-to-the-precision", () => {
  const stops = { bf16: 256, fp16: 2048, tf32: 2048, e4m3fn: 16, e5m2: 8 } as const;
  for (const [format, stop] of Object.entries(stops) as [keyof typeof stops, number][]) {
    expect(stop).toBe(2 ** formatInfo(format).precision);
    expect(sum(ones(stop - 1), { format })).toBe(stop - 1);
    expect(sum(ones(stop), { format })).toBe(stop);
    expect(sum(ones(2 * stop), { format })).toBe(stop);
  }
  expect(round(2 ** 24 - 1 + 1, "fp32")).toBe(2 ** 24);
  expect(round(2 ** 24 + 1, "fp32")).toBe(2 ** 24);
  expect(sum(ones(4096), { format: "bf16", algorithm: "pairwise" })).toBe(4096);
  expect(sum(ones(4096), { format: "bf16", algorithm: "kahan" })).toBe(4096);
  expect(sum(ones(4096), { format: "bf16", accumulator: "fp32" })).toBe(4096);
});

claim("small-updates-vanish", () => {
  const [below, above] = [2 ** -9, 2 ** -8];
  expect([below, below * (1 + 2 ** -40)].map((d) => round(1 - d, "bf16"))).toEqual([1, 1 - 2 ** -8]);
  expect([above, above * (1 + 2 ** -40)].map((d) => round(1 + d, "bf16"))).toEqual([1, 1 + 2 ** -7]);
  fc.assert(
    fc.property(
      fc.integer({ min: 0x0080, max: 0x7f7f }),
      fc.boolean(),
      fc.double({ min: -1, max: 1, minExcluded: true, maxExcluded: true, noNaN: true }),
      (code, negative, share) => {
        const w = (negative ? -1 : 1) * decode(code, "bf16");
        const delta = share * 2 ** -9 * Math.abs(w);
        expect(round(w + delta, "bf16")).toBe(w);
      },
    ),
  );
  let w = 1;
  for (let step = 0; step < 1024; step++) w = round(w + 2 ** -10, "bf16");
  expect(w).toBe(1);
});

claim("stochastic-rounding-is-right-on-average", () => {
  // The accumulator of sum() is rounded stochastically: 1 and 1024 updates of 2⁻¹⁰, whose mean is 2.
  const updates = Float64Array.of(1, ...new Float64Array(1024).fill(2 ** -10));
  const ends = Array.from({ length: 400 }, (_, seed) => sum(updates, { format: "bf16", rounding: "stochastic", seed }));
  const mean = ends.reduce((total, end) => total + end / ends.length, 0);
  const variance = ends.reduce((total, end) => total + (end - mean) ** 2, 0) / (ends.length - 1);
  expect(Math.abs(mean - 2)).toBeLessThan(4 * Math.sqrt(variance / ends.length));
  expect(Math.sqrt(variance)).toBeGreaterThan(0.01);

  // Where the numbers are rounded as well, by draws of their own: were they the same, errors would agree and the mean be off.
  const [n, x] = [300, 1 + 2 ** -9];
  const options = { format: "bf16", rounding: "stochastic" } as const;
  for (const total of [
    (seed: number) => sum(new Float64Array(n).fill(x), { ...options, seed }),
    (seed: number) => dot(new Float64Array(n).fill(x), ones(n), { ...options, seed }),
    (seed: number) => sum(new Float64Array(n).fill(x), { ...options, algorithm: "pairwise", seed }),
  ]) {
    const totals = Array.from({ length: 400 }, (_, seed) => total(seed));
    const m = totals.reduce((s, t) => s + t / totals.length, 0);
    const v = totals.reduce((s, t) => s + (t - m) ** 2 / (totals.length - 1), 0);
    expect(Math.abs(m - n * x)).toBeLessThan(4 * Math.sqrt(v / totals.length));
  }

  for (const [x, low, high] of [
    [1 + 2 ** -9, 1, 1 + 2 ** -7],
    [-0.1, -0.10009765625, -0.099609375],
  ] as const) {
    expect([low, high]).toEqual(
      [x < 0 ? "away" : "toward-zero", x < 0 ? "toward-zero" : "away"].map((rounding) =>
        round(x, "bf16", { rounding: rounding as "away" }),
      ),
    );
    const n = 40_000;
    const drawn = roundArray(new Float64Array(n).fill(x), "bf16", { rounding: "stochastic", seed: 3 });
    expect(new Set(drawn)).toEqual(new Set([low, high]));
    const expected = (x - low) * (high - x); // the variance
    const m = drawn.reduce((total, y) => total + y / n, 0);
    expect(Math.abs(m - x)).toBeLessThan(4 * Math.sqrt(expected / n));
    const spread = drawn.reduce((total, y) => total + (y - x) ** 2 / n, 0);
    // Its standard error is below that of a coin's variance, gap²/√n.
    expect(Math.abs(spread - expected)).toBeLessThan((4 * (high - low) ** 2) / Math.sqrt(n));
  }
});

claim("rounding-twice-is-not-rounding-once", () => {
  const x = 1 + 2 ** -8 + 2 ** -40;
  expect(round(x, "bf16")).toBe(1.0078125);
  expect(round(Math.fround(x), "bf16")).toBe(1);
  expect(fixture.conventions.bf16OfDouble).toBe(1); // what ml_dtypes does with the double
});

claim("twice-the-digits-and-two-are-enough", () => {
  // 53 ≥ 2·24 + 2: float64 results of float32 operands, rounded, are the float32 results. By integers: exact products.
  const { uniform, integer } = random(4);
  const float = () => (integer(2) ? 1 : -1) * Math.fround((1 + uniform()) * 2 ** (integer(60) - 30));
  const exact = (v: number) => BigInt(v * 2 ** 60); // an integer: |v| ≥ 2⁻³⁰ has its last bit at 2⁻⁵³
  const roundedByIntegers = (n: bigint, scale: number) => {
    const size = n < 0n ? -n : n;
    const length = size.toString(2).length;
    const shift = BigInt(Math.max(length - 24, 0));
    const [low, rest] = [size >> shift, size & ((1n << shift) - 1n)];
    const half = shift === 0n ? 1n : 1n << (shift - 1n);
    const up = rest > half || (rest === half && shift > 0n && low % 2n === 1n) ? 1n : 0n;
    return (n < 0n ? -1 : 1) * Number(low + up) * 2 ** (Number(shift) - scale);
  };
  let wrong = 0;
  for (let i = 0; i < 1e5; i++) {
    const [a, b] = [float(), float()];
    if (Math.fround(a * b) !== roundedByIntegers(exact(a) * exact(b), 120)) wrong++;
    if (Math.fround(a + b) !== roundedByIntegers(exact(a) + exact(b), 60)) wrong++;
  }
  expect(wrong).toBe(0);
  // All numbers of 5 digits, two binary exponents wide and 16 apart, through 12 digits and through 11.
  const twice = (digits: number) => {
    const [narrow, wide] = [5, digits].map((p) => floatFormat({ exponentBits: 8, mantissaBits: p - 1 }));
    let differ = 0;
    const check = (exactly: number) => {
      if (round(round(exactly, wide!), narrow!) !== round(exactly, narrow!)) differ++;
    };
    for (let a = 16; a < 32; a++) {
      for (let b = 16; b < 32; b++) {
        for (let shift = -16; shift <= 16; shift++) {
          const c = b * 2 ** shift;
          for (const result of [a + c, a - c]) check(result);
        }
        check(a * b);
        check(a / b);
      }
      check(Math.sqrt(a));
      check(Math.sqrt(2 * a));
    }
    return differ;
  };
  expect(twice(12)).toBe(0);
  expect(twice(11)).toBeGreaterThan(0);
});

claim("blocks-store-a-share-of-a-scale", () => {
  const bits = (options: Parameters<typeof quantizeBlocks>[1]) => quantizeBlocks([1], options).bitsPerElement;
  expect(bits({ element: "e2m1" })).toBe(4.25);
  expect(bits({ element: "e4m3fn" })).toBe(8.25);
  expect(bits({ element: "e2m1", blockSize: 16, scale: "e4m3fn" })).toBe(4.5);
  // The largest of a block lies between 4 and 8 scales; from 6 on it saturates.
  let worst = 0;
  for (let i = 0; i <= 4000; i++) {
    const x = 4 + i / 1000 - (i === 4000 ? 2 ** -40 : 0);
    const { scales, dequantized } = quantizeBlocks([x, 0.25], { element: "e2m1" });
    expect(scales[0]).toBe(1);
    if (x >= 6) expect(dequantized[0]).toBe(6);
    worst = Math.max(worst, Math.abs(dequantized[0]! - x) / x);
  }
  expect(worst).toBeLessThan(0.25);
  expect(worst).toBeGreaterThan(0.25 - 1e-12);
});

claim("harmonic-sum-stalls", () => {
  const terms = Float64Array.from({ length: 3000 }, (_, i) => 1 / (i + 1));
  const upTo = (n: number, options: object = {}) => sum(terms.subarray(0, n), { format: "fp16", ...options });
  const { terms: last, total } = fixture.harmonic;
  expect([last, total]).toEqual([512, 7.0859375]);
  expect(upTo(last - 1)).toBeLessThan(total);
  for (const n of [last, 513, 1000, 3000]) expect(upTo(n)).toBe(total);
  const exact = terms.reduce((s, x) => s + x, 0);
  expect(exact).toBeCloseTo(Math.log(3000) + 0.5772156649 + 1 / 6000, 7);
  expect(Math.abs(upTo(3000, { accumulator: "fp32" }) - exact)).toBeLessThan(1e-3);
  expect(Math.abs(upTo(3000, { algorithm: "pairwise" }) - exact)).toBeLessThan(0.01);
  expect(Math.abs(upTo(3000, { algorithm: "kahan" }) - exact)).toBeLessThan(0.01);
});

claim("truncation-is-biased", () => {
  const { uniform } = random(6);
  const x = Float64Array.from({ length: 20_000 }, () => 2 ** (40 * uniform() - 20));
  const error = (rounding: "nearest-even" | "toward-zero") => {
    const y = roundArray(x, "bf16", { rounding });
    const relative = Array.from(y, (value, i) => (Math.abs(value) - Math.abs(x[i]!)) / Math.abs(x[i]!));
    return {
      mean: relative.reduce((s, r) => s + r / relative.length, 0),
      worst: Math.max(...relative.map(Math.abs)),
    };
  };
  const [nearest, truncated] = [error("nearest-even"), error("toward-zero")];
  // Half a gap lost on average, over a significand whose reciprocal is 1/(2 ln 2) on average. Standard error 0.002.
  expect(Math.abs(truncated.mean / 2 ** -7 + 1 / (4 * Math.LN2))).toBeLessThan(0.008);
  expect(Math.abs(nearest.mean)).toBeLessThan(0.02 * 2 ** -7);
  expect(truncated.worst / nearest.worst).toBeGreaterThan(1.9);
  expect(truncated.worst).toBeLessThan(2 ** -7);
});

// ---- against NumPy and ml_dtypes ----

describe("against NumPy and ml_dtypes", () => {
  test.each(fixture.encodings)("float32 numbers as $format", ({ format, x, y }) => {
    expect(Array.from(roundArray(x, format))).toEqual(y);
  });

  test("doubles to half precision and to bfloat16, ties and their neighbours", () => {
    expect(Array.from(roundArray(fixture.doublesToHalf.x, "fp16"))).toEqual(fixture.doublesToHalf.y);
    expect(Array.from(roundArray(fixture.doublesToBf16.x, "bf16"))).toEqual(fixture.doublesToBf16.y);
  });

  test.each(fixture.sums)("sums in $format", ({ format, x, naive, kahan }) => {
    expect(sum(x, { format })).toBe(naive);
    expect(sum(x, { format, algorithm: "kahan" })).toBe(kahan);
  });

  test.each(fixture.dots)("dot products of $format in float32", ({ format, a, b, dot: expected }) => {
    expect(dot(a, b, { format, accumulator: "fp32" })).toBe(expected);
  });

  test.each(fixture.blocks)("blocks of $element", ({ element, x, scales, dequantized }) => {
    const blocks = quantizeBlocks(x, { element });
    expect(Array.from(blocks.scales)).toEqual(scales);
    expect(Array.from(blocks.dequantized)).toEqual(dequantized);
    expect(blocks.tensorScale).toBe(1);
  });

  test("blocks of 16 with two scales", () => {
    const { x, tensorScale, scales, dequantized } = fixture.scaledByFractions;
    const blocks = quantizeBlocks(x, { element: "e2m1", blockSize: 16, scale: "e4m3fn", tensorScale: true });
    expect(blocks.tensorScale).toBe(tensorScale);
    expect(Array.from(blocks.scales)).toEqual(scales);
    expect(Array.from(blocks.dequantized)).toEqual(dequantized);
  });

  test("the conventions of the table", () => {
    const { half65520, e4m3fn, e2m1, bf16OfDouble, pytorch } = fixture.conventions;
    const edges = [464, 465, Infinity];
    expect([half65520, round(65520, "fp16"), pytorch.half65520]).toEqual([Infinity, Infinity, Infinity]);
    expect(e4m3fn).toEqual([448, Number.NaN, Number.NaN]);
    expect(edges.map((x) => round(x, "e4m3fn"))).toEqual(e4m3fn);
    expect(pytorch.e4m3fn).toEqual([448, 448, 448]);
    expect(edges.map((x) => round(x, "e4m3fn", { overflow: "saturate" }))).toEqual(pytorch.e4m3fn);
    expect(e2m1).toEqual([6, 6, -0]);
    expect([7, Infinity].map((x) => round(x, "e2m1", { overflow: "saturate" }))).toEqual([6, 6]);
    for (const x of [7, Infinity, Number.NaN]) expect(() => round(x, "e2m1")).toThrow(RangeError);
    expect(roundArray([1.5, 3, 6, 12], "e8m0")).toEqual(Float64Array.from(fixture.conventions.scaleTies));
    expect([bf16OfDouble, pytorch.bf16OfDouble, round(1 + 2 ** -8 + 2 ** -40, "bf16")]).toEqual([1, 1, 1.0078125]);
  });
});

// ---- properties ----

describe("properties", () => {
  const anyFormat = fc.oneof(
    fc.constantFrom(...ALL.filter((name) => name !== "e8m0")).map((name) => floatFormat(name)),
    fc
      .record({
        exponentBits: fc.integer({ min: 1, max: 6 }),
        mantissaBits: fc.integer({ min: 1, max: 5 }),
        bias: fc.integer({ min: -3, max: 40 }),
        specials: fc.constantFrom("ieee", "fn", "finite"),
      })
      .map((parts) => floatFormat(parts as Parameters<typeof floatFormat>[0])),
  );
  const anyNumber = fc
    .tuple(fc.double({ min: -2, max: 2, noNaN: true }), fc.integer({ min: -45, max: 45 }))
    .map(([x, e]) => x * 2 ** e);

  test("the nearest number, by exact integers, in formats with any widths and bias", () => {
    const small = fc.record({
      exponentBits: fc.integer({ min: 1, max: 4 }),
      mantissaBits: fc.integer({ min: 1, max: 3 }),
      bias: fc.integer({ min: -5, max: 20 }),
    });
    fc.assert(
      fc.property(small, anyNumber, (parts, x) => {
        const format = floatFormat({ ...parts, specials: "finite" });
        const sorted = numbers(format).slice(2 ** (parts.exponentBits + parts.mantissaBits));
        expect(round(x, format, { overflow: "saturate" }) + 0).toBe(nearestByIntegers(x, sorted) + 0);
      }),
      { numRuns: 300 },
    );
  });

  test("rounding is odd, monotone, idempotent, and between the two directed roundings", () => {
    fc.assert(
      fc.property(anyFormat, anyNumber, anyNumber, (format, a, b) => {
        const options = { overflow: "saturate" } as const;
        const [low, high] = a < b ? [a, b] : [b, a];
        const [x, y] = [round(low, format, options), round(high, format, options)];
        expect(x).toBeLessThanOrEqual(y);
        expect(round(-low, format, options)).toBe(-x);
        expect(round(x, format, options)).toBe(x);
        const [inner, outer] = (["toward-zero", "away"] as const).map((rounding) =>
          Math.abs(round(low, format, { ...options, rounding })),
        ) as [number, number];
        expect(inner).toBeLessThanOrEqual(Math.abs(x));
        expect(outer).toBeGreaterThanOrEqual(Math.abs(x));
        expect(inner).toBeLessThanOrEqual(Math.abs(low));
        if (Math.abs(low) <= formatInfo(format).max) expect(outer).toBeGreaterThanOrEqual(Math.abs(low));
        expect([inner, outer]).toContain(Math.abs(round(low, format, { ...options, rounding: "stochastic" })));
      }),
    );
  });

  test("every finite code in order, counted, with the fields that it is made of", () => {
    for (const format of NARROW) {
      const all = [...values(format)];
      const { exponentBits: e, mantissaBits: m } = floatFormat(format);
      expect(all).toHaveLength(formatInfo(format).finiteCodes);
      expect(all.every(({ value }, i) => i === 0 || all[i - 1]!.value <= value)).toBe(true);
      expect(new Set(all.map(({ bits }) => bits)).size).toBe(all.length);
      for (const { bits, value } of all.filter((_, i) => i % 7 === 0)) {
        const { sign, exponent, mantissa, class: kind } = fields(value, format);
        expect((sign * 2 ** e + exponent) * 2 ** m + mantissa).toBe(bits);
        expect(kind).toBe(value === 0 ? "zero" : exponent === 0 ? "subnormal" : "normal");
      }
    }
    expect([...values("e8m0")].map(({ value }) => Math.log2(value))).toEqual(
      Array.from({ length: 255 }, (_, i) => i - 127),
    );
  });

  test("subnormals: a difference of two numbers that differ is never 0, and without them it would be", () => {
    for (const format of ["e2m1", "e2m3", "e3m2", "e4m3fn", "e5m2"] as const) {
      const positive = numbers(format).filter((value) => value > 0);
      const { minNormal } = formatInfo(format);
      let smaller = 0;
      for (const x of positive) {
        for (const y of positive.filter((value) => value > x)) {
          expect(round(y - x, format)).toBeGreaterThan(0);
          if (x >= minNormal && y - x < minNormal) smaller++;
        }
      }
      expect(smaller).toBeGreaterThan(0);
    }
  });

  test("float32 is Math.fround, bit by bit", () => {
    const view = new DataView(new ArrayBuffer(4));
    fc.assert(
      fc.property(fc.double(), (x) => {
        view.setFloat32(0, x);
        expect(round(x, "fp32")).toBe(Math.fround(x));
        if (!Number.isNaN(x)) expect(encode(x, "fp32")).toBe(view.getUint32(0));
      }),
      { numRuns: 500 },
    );
    const half = 2 ** -150; // half of the smallest float32
    expect([half, ulpsAway(half, 1n), Number.MIN_VALUE].map((x) => round(x, "fp32"))).toEqual([0, 2 ** -149, 0]);
  });

  test("powers of two scale numbers and blocks alike", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 70 }),
        fc.integer({ min: -20, max: 20 }),
        fc.constantFrom("e2m1", "e2m3", "e3m2", "e4m3fn", "e5m2"),
        (xs, shift, element) => {
          const snapped = xs.map((x) => Math.fround(x) + 0).map((x) => (Math.abs(x) < 1e-20 ? 0 : x));
          const plain = quantizeBlocks(snapped, { element, blockSize: 16 });
          const moved = quantizeBlocks(
            snapped.map((x) => x * 2 ** shift),
            { element, blockSize: 16 },
          );
          expect(Array.from(moved.codes)).toEqual(Array.from(plain.codes));
          expect(Array.from(moved.dequantized)).toEqual(Array.from(plain.dequantized, (x) => x * 2 ** shift));
          expect(plain.scales).toHaveLength(Math.ceil(xs.length / 16));
        },
      ),
    );
  });

  test("dot products are exact where nothing needs rounding", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -7, max: 7 }), fc.integer({ min: -7, max: 7 })), { maxLength: 20 }),
        (pairs) => {
          const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
          const exact = pairs.reduce((s, [x, y]) => s + x * y, 0);
          expect(dot(a, b, { format: "e4m3fn", accumulator: "fp16" }) + 0).toBe(exact + 0);
        },
      ),
    );
  });
});

// ---- the contract ----

describe("edges", () => {
  test("zeros, infinities and NaN", () => {
    for (const format of ALL.filter((name) => name !== "e8m0")) {
      expect([round(0, format), round(-0, format), round(-1e-300, format)]).toEqual([0, -0, -0]);
      expect(fields(-0, format)).toEqual({ sign: 1, exponent: 0, mantissa: 0, class: "zero" });
    }
    expect([NaN, Infinity, -Infinity].map((x) => encode(x, "fp16"))).toEqual([0x7e00, 0x7c00, 0xfc00]);
    expect([NaN, Infinity, -Infinity].map((x) => encode(x, "e4m3fn"))).toEqual([0x7f, 0x7f, 0x7f]);
    expect([NaN, 0.7, 1.5, 2 ** -140, Infinity].map((x) => encode(x, "e8m0"))).toEqual([255, 126, 128, 0, 255]);
    expect(encode(1e300, "e8m0", { overflow: "saturate" })).toBe(254);
    expect(fields(Infinity, "bf16").class).toBe("infinite");
    expect(fields(Number.NaN, "bf16").class).toBe("nan");
    expect(fields(2 ** -127, "e8m0")).toEqual({ sign: 0, exponent: 0, mantissa: 0, class: "normal" });
    expect([0x7c01, 0xffff].map((bits) => decode(bits, "fp16"))).toEqual([Number.NaN, Number.NaN]);
    expect([0x7f, 0xff].map((bits) => decode(bits, "e4m3fn"))).toEqual([Number.NaN, Number.NaN]);
  });

  test("counts of special codes", () => {
    const special = (format: FloatFormatName) => {
      const { bits, finiteCodes, infinities, nans } = formatInfo(format);
      return [bits, finiteCodes + infinities + nans - 2 ** bits, infinities, nans];
    };
    expect(special("fp32")).toEqual([32, 0, 2, 2 ** 24 - 2]);
    expect(special("tf32")).toEqual([19, 0, 2, 2046]);
    expect(special("e5m2")).toEqual([8, 0, 2, 6]);
    expect(special("e4m3fn")).toEqual([8, 0, 0, 2]);
    expect(special("e2m1")).toEqual([4, 0, 0, 0]);
    expect(special("e8m0")).toEqual([8, 0, 0, 1]);
    // One exponent bit, which is for infinities: 0, ½ · 2 and no normal number.
    expect(formatInfo(floatFormat({ exponentBits: 1, mantissaBits: 1 }))).toMatchObject({ max: 1, minNormal: NaN });
    expect(formatInfo(floatFormat({ exponentBits: 1, mantissaBits: 1, specials: "fn" }))).toMatchObject({
      max: 2,
      minNormal: 2,
    });
  });

  test("no fraction bits, no even end: ties go up, as IEEE 754 has it", () => {
    expect([1.5, 3, 6, 12, 2.999, 2 ** -127.5].map((x) => round(x, "e8m0"))).toEqual([2, 4, 8, 16, 2, 2 ** -127]);
    const bare = floatFormat({ exponentBits: 3, mantissaBits: 0, specials: "finite" });
    expect([-1.5, 3, 6].map((x) => round(x, bare))).toEqual([-2, 4, 8]);
  });

  test("what half precision makes 0", () => {
    const half = 2 ** -25;
    expect([half, ulpsAway(half, 1n)].map((x) => round(x, "fp16"))).toEqual([0, 2 ** -24]);
  });

  test("a sum of more than 53 digits is rounded twice, which shows only where the header says so", () => {
    const [large, small] = [1 + 2 ** -8, 2 ** -60]; // just above a tie of bfloat16: 1.0078125 if rounded once
    expect(sum([small, large], { format: "fp32", accumulator: "bf16" })).toBe(1);
    expect(sum([small, large], { format: "fp32" })).toBe(large);
    expect(sum([1, -small], { format: "fp32", rounding: "toward-zero" })).toBe(1);
  });

  test("directed rounding stops at the largest number, or does not", () => {
    const at = (rounding: "toward-zero" | "away" | "stochastic", x: number) => round(x, "fp16", { rounding });
    expect([at("toward-zero", 1e9), at("toward-zero", -1e9), at("toward-zero", Infinity)]).toEqual([
      65504,
      -65504,
      Infinity,
    ]);
    expect([at("away", 65504), at("away", 65504.001), at("away", 1e-30)]).toEqual([65504, Infinity, 2 ** -24]);
    expect([at("stochastic", 65504), at("stochastic", 3), at("stochastic", 1e9)]).toEqual([65504, 3, Infinity]);
  });

  test("the widest and the narrowest formats keep their ends", () => {
    const wide = floatFormat({ exponentBits: 11, mantissaBits: 20 });
    const { max, minSubnormal } = formatInfo(wide);
    expect([max, minSubnormal]).toEqual([(2 - 2 ** -20) * 2 ** 1023, 2 ** -1042]);
    expect([1e308, 5e-324, 2 ** -1043, 1.5 * 2 ** -1043].map((x) => round(x, wide))).toEqual([
      expect.closeTo(1e308, -303),
      0,
      0,
      2 ** -1042,
    ]);
    const bit = floatFormat({ exponentBits: 1, mantissaBits: 0, specials: "finite" });
    expect(numbers(bit)).toEqual([-2, -0, 0, 2]);
    expect(round(1e308, floatFormat({ exponentBits: 11, mantissaBits: 0, bias: 1024, specials: "finite" }))).toBe(
      2 ** 1023,
    );
  });

  test("empty arrays, blocks of zeros, partial blocks, scales at their ends", () => {
    for (const algorithm of ["naive", "pairwise", "kahan"] as const)
      expect(sum([], { format: "fp16", algorithm })).toBe(0);
    expect(sum([0.1], { format: "bf16", algorithm: "pairwise" })).toBe(round(0.1, "bf16"));
    expect(dot([], [], { format: "fp16" })).toBe(0);
    expect(quantizeBlocks([], { element: "e2m1" })).toEqual({
      codes: new Uint8Array(0),
      scales: new Float64Array(0),
      tensorScale: 1,
      dequantized: new Float64Array(0),
      bitsPerElement: 4.25,
    });
    const zeros = quantizeBlocks([0, -0, 0], { element: "e2m1", blockSize: 2 });
    expect(zeros.scales).toEqual(Float64Array.of(2 ** -127, 2 ** -127));
    expect(zeros.dequantized).toEqual(Float64Array.of(0, -0, 0));
    const small = quantizeBlocks([0, 1e-9, 0, 0], { element: "e2m1", blockSize: 2, scale: "e4m3fn" });
    expect(small.scales).toEqual(Float64Array.of(2 ** -9, 2 ** -9));
    expect(quantizeBlocks([1e300], { element: "e2m1" }).scales[0]).toBe(2 ** 127);
    expect(quantizeBlocks([1e-300], { element: "e2m1" }).scales[0]).toBe(2 ** -127);
    // The product, 1 + 2⁻⁶ + 2⁻¹⁴, is rounded before it is added.
    expect(dot([1, 1.0078125], [-1.015625, 1.0078125], { format: "bf16" })).toBe(0);
    expect(quantizeBlocks([1e9], { element: "e2m1", scale: "e4m3fn" }).dequantized[0]).toBe(6 * 448);
    expect(quantizeBlocks([1e-300], { element: "e2m1", scale: "e4m3fn", tensorScale: true }).tensorScale).toBe(
      2 ** -149,
    );
    const huge = quantizeBlocks([1e300, -1e300], { element: "e2m1", scale: "e4m3fn", tensorScale: true });
    expect([huge.tensorScale, huge.scales[0]]).toEqual([formatInfo("fp32").max, 448]);
    expect(huge.dequantized).toEqual(Float64Array.of(6 * 448 * huge.tensorScale, -6 * 448 * huge.tensorScale));
  });

  test("inputs stay as they were; a seed gives the same bits", () => {
    const xs = Object.freeze([0.1, -2.7, 300]);
    const options = { rounding: "stochastic", seed: 5 } as const;
    expect(roundArray(xs, "e4m3fn", options)).toEqual(roundArray(xs, "e4m3fn", options));
    const many = Float64Array.from({ length: 50 }, (_, i) => i / 7);
    const kept = many.slice();
    const [a, b] = [0, 1].map((seed) => roundArray(many, "e4m3fn", { rounding: "stochastic", seed }));
    expect(a).not.toEqual(b);
    quantizeBlocks(many, { element: "e2m1" });
    sum(many, { format: "bf16" });
    expect(many).toEqual(kept);
  });

  test.each<[string, () => unknown, string]>([
    [
      "name",
      () => formatInfo("fp8" as "fp16"),
      "floatFormat: format must be one of 'fp32', 'tf32', 'fp16', 'bf16', 'e5m2', 'e4m3fn', 'e4m3', 'e3m2', 'e2m3', 'e2m1', 'e8m0', got 'fp8'",
    ],
    [
      "exponentBits",
      () => floatFormat({ exponentBits: 0, mantissaBits: 3 }),
      "floatFormat: exponentBits must be an integer in [1, 11], got 0",
    ],
    [
      "mantissaBits",
      () => floatFormat({ exponentBits: 5, mantissaBits: -1 }),
      "floatFormat: mantissaBits must be an integer in [1, 26], got -1",
    ],
    [
      "fraction",
      () => floatFormat({ exponentBits: 5, mantissaBits: 0 }),
      "floatFormat: mantissaBits must be an integer in [1, 26], got 0",
    ],
    [
      "bias",
      () => floatFormat({ exponentBits: 5, mantissaBits: 2, bias: 1074 }),
      "floatFormat: bias must be an integer in [-993, 1073], got 1074",
    ],
    [
      "specials",
      () => floatFormat({ exponentBits: 5, mantissaBits: 2, specials: "scale" as "fn" }),
      "floatFormat: specials must be one of 'ieee', 'fn', 'finite', got 'scale'",
    ],
    ["bits", () => decode(16, "e2m1"), "decode: bits must be an integer in [0, 15], got 16"],
    ["half a bit", () => decode(0.5, "e2m1"), "decode: bits must be an integer in [0, 15], got 0.5"],
    ["NaN", () => encode(Number.NaN, "e2m1"), "encode: x must not be NaN, which e2m1 has not, got NaN"],
    ["too large", () => encode(8, "e2m1"), "encode: x must be at most 6 in size in e2m1, got 8"],
    ["Infinity", () => round(-Infinity, "e3m2"), "round: x must be at most 28 in size in e3m2, got -Infinity"],
    ["scale", () => roundArray([1, -1], "e8m0"), "roundArray: x must be above 0 in e8m0, got -1"],
    ["zero in a scale", () => round(0, "e8m0"), "round: x must be above 0 in e8m0, got 0"],
    [
      "rounding",
      () => fields(1, "fp16", { rounding: "up" as "away" }),
      "fields: rounding must be one of 'nearest-even', 'toward-zero', 'away', 'stochastic', got 'up'",
    ],
    [
      "overflow",
      () => encode(1, "fp16", { overflow: "wrap" as "ieee" }),
      "encode: overflow must be one of 'ieee', 'saturate', got 'wrap'",
    ],
    [
      "seed",
      () => encode(1, "fp16", { seed: 0.5 }),
      "random: seed must be an integer in [-2147483648, 4294967295], got 0.5",
    ],
    [
      "algorithm",
      () => sum([1], { format: "fp16", algorithm: "fast" as "kahan" }),
      "sum: algorithm must be one of 'naive', 'pairwise', 'kahan', got 'fast'",
    ],
    ["sum", () => sum([6, 6], { format: "e2m1" }), "sum: x must be at most 6 in size in e2m1, got 12"],
    [
      "sum on the way",
      () => [...sumSteps([6, -6, 7], { format: "e2m1" })],
      "sumSteps: x must be at most 6 in size in e2m1, got 7",
    ],
    [
      "algorithm of steps",
      () => sumSteps([1], { format: "fp16", algorithm: "pairwise" as "kahan" }),
      "sumSteps: algorithm must be one of 'naive', 'kahan', got 'pairwise'",
    ],
    ["lengths", () => dot([1, 2], [1], { format: "fp16" }), "dot: b must have length 2, got 1"],
    [
      "a product's factor",
      () => dot([NaN], [1], { format: "e2m1", accumulator: "fp32" }),
      "dot: x must not be NaN, which e2m1 has not, got NaN",
    ],
    [
      "element",
      () => quantizeBlocks([1], { element: "fp16" as "e2m1" }),
      "quantizeBlocks: element must be one of 'e2m1', 'e2m3', 'e3m2', 'e4m3fn', 'e5m2', got 'fp16'",
    ],
    [
      "blockSize",
      () => quantizeBlocks([1], { element: "e2m1", blockSize: 0 }),
      "quantizeBlocks: blockSize must be an integer at least 1, got 0",
    ],
    [
      "block scale",
      () => quantizeBlocks([1], { element: "e2m1", tensorScale: true }),
      "quantizeBlocks: scale must be one of 'e4m3fn', got 'e8m0'",
    ],
    [
      "not finite",
      () => quantizeBlocks([1, NaN], { element: "e2m1" }),
      "quantizeBlocks: xs must be finite, got NaN at 1",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(new RangeError(message));
  });
});
