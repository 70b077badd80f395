import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as lib from "../../src/lib/matrix.js";

const { matrix } = lib;
const rows = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }))
  .chain(([m, n]) =>
    fc.array(fc.array(fc.double({ noNaN: true }), { minLength: n, maxLength: n }), { minLength: m, maxLength: m }),
  );

describe("matrix(rows)", () => {
  test("holds (i, j) at get(i, j)", () => {
    const a = matrix([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([a.shape, a.get(0, 2), a.get(1, 0)]).toEqual([[2, 3], 3, 4]);
  });
  test("refuses ragged rows", () => {
    expect(() => matrix([[1, 2], [3]])).toThrow(
      new RangeError("matrix: every row must have the length of the first, 2, got 1 in row 1"),
    );
  });
  test("copies its input", () => {
    const row = [1, 2];
    const a = matrix([row]);
    row[0] = 9;
    expect(a.get(0, 0)).toBe(1);
  });
});

test("matrixOver wraps the buffer and refuses another length", () => {
  const data = Float64Array.of(1, 2, 3, 4, 5, 6);
  expect(lib.matrixOver(data, 2, 3).data).toBe(data);
  expect(() => lib.matrixOver(data, 2, 2)).toThrow(new RangeError("matrixOver: data must hold 2×2 = 4 numbers, got 6"));
});

test("toRows(matrix(rows)) gives the rows back, also through any view", () => {
  fc.assert(
    fc.property(rows, (entries) => {
      const a = matrix(entries);
      expect(lib.toRows(a)).toEqual(entries);
      expect(lib.toRows(lib.transpose(lib.transpose(a)))).toEqual(entries);
      const flipped = entries[0]!.map((_, j) => entries.map((row) => row[j]!));
      expect(lib.toRows(lib.transpose(a))).toEqual(flipped);
      expect(Array.from(lib.rowMajor(lib.transpose(a)))).toEqual(flipped.flat());
      expect(Array.from(lib.rowMajor(a.lo(entries.length - 1, 0)))).toEqual(entries.at(-1));
    }),
  );
});

test("rowMajor shares the buffer of a contiguous matrix and copies any other", () => {
  const a = matrix([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  expect(lib.rowMajor(a)).toBe(a.data);
  expect(lib.rowMajor(a.hi(2, 2))).toEqual(Float64Array.of(1, 2, 3, 4));
  expect(lib.rowMajor(a.step(2, 1))).toEqual(Float64Array.of(1, 2, 5, 6));
});

test("copy, row and column own their numbers", () => {
  const a = matrix([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const [b, r, c] = [lib.copy(a), lib.row(a, 1), lib.column(a, 2)];
  a.set(1, 2, 0);
  expect([lib.toRows(b), r, c]).toEqual([
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    Float64Array.of(4, 5, 6),
    Float64Array.of(3, 6),
  ]);
});

test("zeros and identity", () => {
  expect(lib.toRows(lib.zeros(2, 3))).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(lib.toRows(lib.identity(2))).toEqual([
    [1, 0],
    [0, 1],
  ]);
});

describe("norm", () => {
  test.each([
    ["3-4-5", [3, -4], 5],
    ["no overflow", [3e307, 4e307], 5e307],
    ["no underflow", [3e-320, 4e-320], 5e-320],
    ["zero", [0, -0], 0],
    ["empty", [], 0],
    ["infinite", [1, -Infinity], Infinity],
    ["NaN wins over Infinity", [Infinity, Number.NaN], Number.NaN],
  ])("%s", (_, x, expected) => {
    if (Number.isFinite(expected)) expect(Math.abs(lib.norm(x) - expected)).toBeLessThanOrEqual(1e-3 * expected);
    else expect(lib.norm(x)).toBe(expected);
  });
  test("frobeniusNorm is the norm of all entries", () => {
    expect(
      lib.frobeniusNorm(
        matrix([
          [1, 2, 4],
          [2, 4, 20],
        ]),
      ),
    ).toBeCloseTo(21, 12);
  });
});

describe("maxAbsDifference", () => {
  test("is the largest, whichever side is larger", () => {
    expect(lib.maxAbsDifference(matrix([[1, 2, 3]]), matrix([[1.5, 0, 3]]))).toBe(2);
  });
  test("is NaN as soon as one entry is", () => {
    expect(lib.maxAbsDifference(matrix([[Number.NaN, 2]]), matrix([[1, 5]]))).toBeNaN();
    expect(lib.maxAbsDifference(matrix([[1, Number.NaN]]), matrix([[7, 5]]))).toBeNaN();
  });
  test("refuses different shapes", () => {
    const message = "maxAbsDifference: shapes must be equal, got 1×2 and 2×1";
    expect(() => lib.maxAbsDifference(matrix([[1, 2]]), matrix([[1], [2]]))).toThrow(new RangeError(message));
  });
});

test("format aligns and rounds", () => {
  expect(
    lib.format(
      matrix([
        [1, 2.34567],
        [-1797, 1e-9],
      ]),
    ),
  ).toBe("    1  2.346\n-1797   1e-9");
  expect([2.5000001, 0.00012345, 0.000012345, -1e-300, 12345.678].map((x) => lib.formatNumber(x, 3))).toEqual([
    "2.5",
    "0.000123",
    "1.23e-5",
    "-1e-300",
    "12300",
  ]);
});
