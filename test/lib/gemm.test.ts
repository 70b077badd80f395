/** gemm against the textbook's triple loop, bit for bit: every path, every edge of a block, every layout of the operands. */
import fc from "fast-check";
import ndarray from "ndarray";
import { describe, expect, test, vi } from "vitest";
import { gemm, plainKernel, type Strided, wasmKernel } from "../../src/lib/gemm.js";
import { type Random, random } from "../../src/lib/random.js";

type Floats = Float64Array | Float32Array;

const types = [
  { name: "float64", like: new Float64Array(), round: (x: number) => x },
  { name: "float32", like: new Float32Array(), round: Math.fround },
] as const;

const make = (like: Floats, length: number, entry: (i: number) => number): Floats =>
  like instanceof Float64Array
    ? Float64Array.from({ length }, (_, i) => entry(i))
    : Float32Array.from({ length }, (_, i) => entry(i));

/** The definition: rows times columns, each sum from the first product to the last. */
function naive(m: number, n: number, k: number, a: Floats, b: Floats, round: (x: number) => number): Floats {
  return make(a, m * n, (at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let p = 0; p < k; p++) sum = round(sum + round(a[i * k + p]! * b[p * n + j]!));
    return sum;
  });
}

/** Numbers of very different sizes, so that another order of summation has other bits. */
const wild = ({ normal, integer }: Random) => normal() * 2 ** (integer(40) - 20);

/** The first entry whose bits differ, in words; equal NaNs count as equal, 0 and −0 do not. */
function difference(actual: Floats, expected: Floats): string | undefined {
  if (actual.length !== expected.length) return `length ${actual.length} instead of ${expected.length}`;
  const at = actual.findIndex((value, i) => !Object.is(value, expected[i]));
  return at < 0 ? undefined : `entry ${at}: ${actual[at]} instead of ${expected[at]}`;
}

// One side of, on and beyond: a tile (4 rows, 4 or 8 columns) and a block (128 rows, 256 deep, 512 columns).
const rows = [1, 2, 3, 4, 5, 7, 8, 127, 128, 129, 131];
const columns = [1, 2, 3, 4, 5, 7, 8, 9, 511, 512, 513, 519];
const depths = [1, 2, 3, 255, 256, 257, 513];

describe.each(types)("$name", ({ like, round }) => {
  const kernels = { wasm: wasmKernel(like as Floats), plain: plainKernel(like as Floats) };

  test("sizes around the edges of tiles and blocks: the textbook's bits from both kernels", { timeout: 60_000 }, () => {
    const source = random(1);
    const sizes = [
      ...rows.flatMap((m) => columns.filter((n) => m < 10 || n < 10).map((n) => [m, n, 11] as const)),
      ...depths.flatMap((k) => [[5, 6, k] as const, [9, 17, k] as const]),
      ...([
        [129, 513, 257],
        [131, 9, 513],
        [6, 519, 515],
        [257, 5, 40],
      ] as const),
    ];
    for (const [m, n, k] of sizes) {
      const a = make(like, m * k, () => wild(source));
      const b = make(like, k * n, () => wild(source));
      const expected = naive(m, n, k, a, b, round);
      for (const [name, kernel] of Object.entries(kernels)) {
        expect(
          difference(gemm(m, n, k, a, b, undefined, kernel), expected),
          `${m}×${k} · ${k}×${n}, ${name}`,
        ).toBeUndefined();
      }
    }
  });

  test("every small size up to 7×9×5", () => {
    const source = random(2);
    for (let m = 0; m <= 7; m++) {
      for (let n = 0; n <= 9; n++) {
        for (let k = 0; k <= 5; k++) {
          const a = make(like, m * k, () => wild(source));
          const b = make(like, k * n, () => wild(source));
          expect(difference(gemm(m, n, k, a, b), naive(m, n, k, a, b, round)), `${m}×${k} · ${k}×${n}`).toBeUndefined();
        }
      }
    }
  });

  test("integers: exact, in every order of summation", () => {
    const source = random(3);
    const [m, n, k] = [130, 70, 300];
    const a = make(like, m * k, () => source.integer(19) - 9);
    const b = make(like, k * n, () => source.integer(19) - 9); // |sum| ≤ 300·81 < 2²⁴: exact in float32 too
    const backwards = make(like, m * n, (at) => {
      let sum = 0;
      for (let p = k - 1; p >= 0; p--) sum += a[Math.floor(at / n) * k + p]! * b[p * n + (at % n)]!;
      return sum;
    });
    expect(difference(gemm(m, n, k, a, b), backwards)).toBeUndefined();
  });

  test("random sizes and layouts: both kernels and the default give the textbook's bits", { timeout: 60_000 }, () => {
    const size = fc.integer({ min: 1, max: 40 });
    const layout = fc.record({
      transposed: fc.boolean(),
      step: fc.integer({ min: 1, max: 3 }),
      gap: fc.integer({ min: 0, max: 4 }),
      offset: fc.integer({ min: 0, max: 5 }),
      flipped: fc.boolean(),
    });
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 0, max: 300 }),
        layout,
        layout,
        fc.integer(),
        (m, n, k, forA, forB, seed) => {
          const source = random(seed);
          const a = make(like, m * k, () => wild(source));
          const b = make(like, k * n, () => wild(source));
          const expected = naive(m, n, k, a, b, round);
          const [A, B] = [spreadOut(a, m, k, forA), spreadOut(b, k, n, forB)];
          for (const kernel of [undefined, kernels.wasm, kernels.plain]) {
            expect(difference(gemm(m, n, k, A, B, undefined, kernel), expected)).toBeUndefined();
          }
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  test.each([
    [140, 521, 270],
    [140, 1, 270],
    [5, 1, 3],
  ])("transposed operands: %i×%i, sums of %i", (m, n, k) => {
    const source = random(4);
    const a = make(like, m * k, () => wild(source));
    const b = make(like, k * n, () => wild(source));
    const expected = naive(m, n, k, a, b, round);
    const at = make(like, m * k, (i) => a[(i % m) * k + Math.floor(i / m)]!);
    const bt = make(like, k * n, (i) => b[(i % k) * n + Math.floor(i / k)]!);
    const [A, B] = [ndarray(at, [k, m]).transpose(1, 0), ndarray(bt, [n, k]).transpose(1, 0)];
    expect(difference(gemm<Floats>(m, n, k, A, b), expected)).toBeUndefined();
    expect(difference(gemm<Floats>(m, n, k, a, B), expected)).toBeUndefined();
    expect(difference(gemm<Floats>(m, n, k, A, B), expected)).toBeUndefined();
  });

  test("NaN and Infinity go where IEEE 754 sends them, and only into their own rows and columns", () => {
    for (const [m, n, k] of [
      [3, 5, 4],
      [30, 37, 50],
    ] as const) {
      const a = make(like, m * k, (i) => (i % 5) - 2);
      const b = make(like, k * n, (i) => (i % 7) - 3);
      a[1 * k + 2] = Number.NaN;
      a[(m - 1) * k] = Infinity; // the last row, beside the padding
      b[n - 1] = -Infinity; // the last column, likewise
      const c = gemm(m, n, k, a, b);
      expect(difference(c, naive(m, n, k, a, b, round))).toBeUndefined();
      expect(c[(m - 1) * n + n - 1]).toBe(-Infinity);
      expect(Array.from(c.subarray(n, 2 * n)).every(Number.isNaN)).toBe(true);
      expect(Number.isFinite(c[0]!)).toBe(true);
    }
  });

  test("extremes: overflow to Infinity, underflow through the denormals to 0, no −0 out of +0 + (−0)", () => {
    const [big, tiny] = like instanceof Float64Array ? [1e308, 5e-324] : [3e38, 2 ** -149];
    for (const size of [2, 16]) {
      const filled = (x: number) => make(like, size * size, () => x);
      for (const [x, y] of [
        [big, big],
        [big, -big],
        [tiny, 1],
        [tiny, tiny],
        [-0, 1],
        [big, tiny],
      ] as const) {
        const [a, b] = [filled(x), filled(y)];
        expect(
          difference(gemm(size, size, size, a, b), naive(size, size, size, a, b, round)),
          `${x} · ${y}`,
        ).toBeUndefined();
      }
    }
    expect(
      gemm(
        1,
        1,
        1,
        make(like, 1, () => -0),
        make(like, 1, () => 1),
      )[0],
    ).toBe(0);
  });

  test("writes the given array, whatever it held, and changes no operand", () => {
    for (const [m, n, k] of [
      [2, 3, 4],
      [33, 34, 300],
      [3, 2, 0],
    ] as const) {
      const source = random(5);
      const a = make(like, m * k, () => wild(source));
      const b = make(like, k * n, () => wild(source));
      const before = [a.slice(), b.slice()];
      const c = make(like, m * n, () => Number.NaN);
      expect(gemm(m, n, k, a, b, c)).toBe(c);
      expect(difference(c, naive(m, n, k, a, b, round))).toBeUndefined();
      expect([a, b]).toEqual(before);
    }
  });

  test("what one product leaves in the kernel's memory does not reach the next", () => {
    const [m, n, k] = [50, 60, 70];
    const a = make(like, m * k, (i) => i % 11);
    const b = make(like, k * n, (i) => i % 13);
    const first = gemm(m, n, k, a, b);
    const nan = make(like, 200 * 600, () => Number.NaN);
    gemm(200, 200, 600, nan, nan);
    expect(difference(gemm(m, n, k, a, b), first)).toBeUndefined();
  });

  test("sums of no products are zeros, and an empty product is empty", () => {
    const none = make(like, 0, () => 0);
    expect(Array.from(gemm(2, 3, 0, none, none))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(
      gemm(
        0,
        3,
        2,
        none,
        make(like, 6, () => 1),
      ).length,
    ).toBe(0);
    expect(
      gemm(
        2,
        0,
        1,
        make(like, 2, () => 1),
        none,
      ).length,
    ).toBe(0);
  });
});

test("larger than all of the kernel's memory", () => {
  const [m, n, k] = [700, 1100, 600];
  const a = Float64Array.from({ length: m * k }, (_, i) => (i % 17) - 8);
  const b = Float64Array.from({ length: k * n }, (_, i) => (i % 23) - 11);
  const c = gemm(m, n, k, a, b);
  // Exact integers: C·1 = A·(B·1) checks every row, 1ᵀ·C = (1ᵀ·A)·B every column.
  const ones = (length: number) => new Float64Array(length).fill(1);
  expect(gemm(m, 1, n, c, ones(n))).toEqual(gemm(m, 1, k, a, gemm(k, 1, n, b, ones(n))));
  expect(gemm(1, n, m, ones(m), c)).toEqual(gemm(1, n, k, gemm(1, k, m, ones(m), a), b));
});

test("the example of the docstring", () => {
  expect(gemm(2, 1, 3, Float64Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(1, 0, -1))).toEqual(Float64Array.of(-2, -2));
});

test("a kernel that is given is the one that works", () => {
  const a = new Float64Array(400).fill(1);
  const { memory, multiply } = plainKernel(a);
  const watched = vi.fn(multiply);
  expect(gemm(20, 20, 20, a, a, undefined, { memory, multiply: watched })).toEqual(new Float64Array(400).fill(20));
  expect(watched).toHaveBeenCalledTimes(5); // a strip of four columns each
});

test("without WebAssembly the TypeScript kernel takes over, with the same bits", async () => {
  const source = random(6);
  const a = Float64Array.from({ length: 900 }, () => wild(source));
  const b = Float64Array.from({ length: 900 }, () => wild(source));
  const expected = gemm(30, 30, 30, a, b);
  const instances = vi.fn();
  vi.stubGlobal("WebAssembly", {
    Module: class {},
    Instance: class {
      constructor() {
        instances();
        throw new Error("forbidden");
      }
    },
  });
  vi.resetModules();
  try {
    const without = await import("../../src/lib/gemm.js");
    expect(difference(without.gemm(30, 30, 30, a, b), expected)).toBeUndefined();
    expect(difference(without.gemm(30, 30, 30, a, b), expected)).toBeUndefined();
    expect(instances).toHaveBeenCalledOnce(); // tried for the first product, not again
  } finally {
    vi.unstubAllGlobals();
  }
});

describe("errors", () => {
  const x = new Float64Array(6);
  const cases: [() => unknown, string][] = [
    [() => gemm(-1, 3, 2, x, x), "gemm: m must be an integer at least 0, got -1"],
    [() => gemm(2, 1.5, 3, x, x), "gemm: n must be an integer at least 0, got 1.5"],
    [() => gemm(2, 3, Number.NaN, x, x), "gemm: k must be an integer at least 0, got NaN"],
    [() => gemm(2, 2, 4, x, x), "gemm: a must hold 2×4 numbers within its array, got 6 numbers"],
    [() => gemm(1, 7, 1, x, x), "gemm: b must hold 1×7 numbers within its array, got 6 numbers"],
    [
      () => gemm(2, 2, 3, { data: x, stride: [3, 1], offset: 1 }, x),
      "gemm: a must hold 2×3 numbers within its array, got 6 numbers",
    ],
    [
      () => gemm(2, 2, 3, { data: x, stride: [-3, 1], offset: 2 }, x),
      "gemm: a must hold 2×3 numbers within its array, got 6 numbers",
    ],
    [
      () => gemm(2, 2, 3, { data: x, stride: [3, 1], offset: Number.NaN }, x),
      "gemm: a must hold 2×3 numbers within its array, got 6 numbers",
    ],
    [() => gemm(2, 2, 3, x, x, new Float64Array(5)), "gemm: c must hold 2×2 = 4 numbers, got 5"],
    [() => gemm(2, 3, 2, new Float64Array(4), x, x), "gemm: c must not be an operand, got the same array"],
  ];
  for (const [call, message] of cases) {
    test(message, () => expect(call).toThrow(new RangeError(message)));
  }
});

interface Layout {
  readonly transposed: boolean;
  readonly step: number;
  readonly gap: number;
  readonly offset: number;
  readonly flipped: boolean;
}

/** The same rows × columns numbers with other strides, NaN everywhere between them. */
function spreadOut(
  x: Floats,
  rows: number,
  columns: number,
  { transposed, step, gap, offset, flipped }: Layout,
): Strided<Floats> {
  const [outer, inner] = transposed ? [columns, rows] : [rows, columns];
  const line = inner * step + gap;
  const data = make(x, offset + outer * line, () => Number.NaN);
  const stride = transposed ? [step, line] : [line, step];
  const start = flipped ? offset + (rows - 1) * stride[0]! : offset;
  if (flipped) stride[0] = -stride[0]!;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) data[start + i * stride[0]! + j * stride[1]!] = x[i * columns + j]!;
  }
  return { data, stride, offset: start };
}
