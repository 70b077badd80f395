import ndarray from "ndarray";
import { describe, expect, test } from "vitest";
import {
  checkChoice,
  checkInteger,
  checkLabels,
  checkMatrix,
  checkNumber,
  checkSquare,
  checkVector,
} from "../../src/lib/check.js";
import { matrix, transpose, zeros } from "../../src/lib/matrix.js";

describe("what is right passes and comes back", () => {
  test("numbers", () => {
    expect(checkInteger("f", "k", 3, 1, 3)).toBe(3);
    expect(checkNumber("f", "x", 0, { min: 0, max: 1 })).toBe(0);
    expect(checkNumber("f", "x", Infinity, { above: 0, max: Infinity })).toBe(Infinity);
    expect(checkNumber("f", "x", 0.5, { above: 0, below: 1 })).toBe(0.5);
    expect(checkNumber("f", "x", -1e308)).toBe(-1e308);
    expect(checkChoice("f", "mode", "a", ["a", "b"])).toBe("a");
  });
  test("arrays, as copies", () => {
    const x = Float64Array.of(1, 2);
    expect(checkVector("f", "x", x, 2)).toEqual(x);
    expect(checkVector("f", "x", x)).not.toBe(x);
    expect(checkMatrix("f", "a", transpose(matrix([[1, 2, 3]])))).toEqual([3, 1]);
    expect(checkSquare("f", "a", zeros(2, 2))).toBe(2);
    expect(checkLabels("f", "y", [0, 2, 1], 3, 3)).toEqual(Int32Array.of(0, 2, 1));
  });
});

test.each([
  [() => checkInteger("kMeans", "k", 0, 1, 150), "kMeans: k must be an integer in [1, 150], got 0"],
  [() => checkInteger("f", "k", 1.5, 1), "f: k must be an integer at least 1, got 1.5"],
  [() => checkInteger("f", "k", Number.NaN, 1), "f: k must be an integer at least 1, got NaN"],
  [() => checkNumber("f", "x", Number.NaN), "f: x must be a finite number, got NaN"],
  [() => checkNumber("f", "x", -1, { min: 0, max: 1 }), "f: x must be a finite number in [0, 1], got -1"],
  [() => checkNumber("f", "x", -Infinity), "f: x must be a finite number, got -Infinity"],
  [() => checkNumber("f", "x", Infinity, { min: 0 }), "f: x must be a finite number in [0, Infinity), got Infinity"],
  [() => checkNumber("f", "x", 0, { above: 0, below: 1 }), "f: x must be a finite number in (0, 1), got 0"],
  [() => checkNumber("f", "x", 1, { above: 0, below: 1 }), "f: x must be a finite number in (0, 1), got 1"],
  [() => checkNumber("f", "x", 2, { max: 1 }), "f: x must be a finite number in (-Infinity, 1], got 2"],
  [() => checkChoice("f", "mode", "c", ["a", "b"]), "f: mode must be one of 'a', 'b', got 'c'"],
  [() => checkSquare("f", "a", zeros(2, 3)), "f: a must be square, got 2×3"],
  [() => checkSquare("f", "a", matrix([[Infinity]])), "f: a must be finite, got Infinity at (0, 0)"],
  [() => checkMatrix("f", "a", zeros(0, 3)), "f: a must have at least one row and one column, got 0×3"],
  [
    () =>
      checkMatrix(
        "f",
        "a",
        matrix([
          [1, 2],
          [3, Number.NaN],
        ]),
      ),
    "f: a must be finite, got NaN at (1, 1)",
  ],
  [() => checkMatrix("f", "a", transpose(matrix([[1, -Infinity, 2]]))), "f: a must be finite, got -Infinity at (1, 0)"],
  [() => checkVector("f", "x", [1, 2], 3), "f: x must have length 3, got 2"],
  [() => checkVector("f", "x", [1, Infinity]), "f: x must be finite, got Infinity at 1"],
  [() => checkLabels("f", "y", [0, 3], 2, 3), "f: y[1] must be an integer in [0, 2], got 3"],
  [() => checkLabels("f", "y", [0], 2, 3), "f: y must have length 2, got 1"],
])("RangeError %#", (call, message) => {
  expect(call).toThrow(new RangeError(message));
});

test.each([
  [() => checkMatrix("f", "a", undefined as never), "f: a must be a rank-2 ndarray of Float64Array, got undefined"],
  [() => checkMatrix("f", "a", [[1]] as never), "f: a must be a rank-2 ndarray of Float64Array, got Array"],
  [
    () => checkMatrix("f", "a", ndarray(new Float64Array(8), [2, 2, 2]) as never),
    /^f: a must be a rank-2 ndarray of Float64Array, got/,
  ],
  [() => checkVector("f", "x", 3 as never), "f: x must be an array of numbers, got number"],
  [() => checkVector("f", "x", {} as never), "f: x must be an array of numbers, got Object"],
  [() => checkVector("f", "x", "12" as never), "f: x must be an array of numbers, got string"],
  [() => checkVector("f", "x", Object.create(null) as never), "f: x must be an array of numbers, got object"],
  [() => checkVector("f", "x", null as never), "f: x must be an array of numbers, got null"],
])("TypeError %#", (call, message) => {
  expect(call).toThrow(TypeError);
  expect(call).toThrow(message);
});
