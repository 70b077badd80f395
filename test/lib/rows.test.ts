import { expect, test } from "vitest";
import { type Matrix, matrixOver, toRows, transpose } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { dot, powerOfTwoScale, rotate, selfProducts, subtractRow } from "../../src/lib/rows.js";

const normal = (m: number, n: number): Matrix =>
  matrixOver(Float64Array.from({ length: m * n }, random(m).normal), m, n);

test("dot: runs of odd and even length, from where they are told", () => {
  const x = Float64Array.of(9, 1, 2, 3, 9);
  const y = Float64Array.of(4, 5, 6, 9);
  expect([0, 1, 2, 3].map((length) => dot(x, 1, y, 0, length))).toEqual([0, 4, 14, 32]);
});

test("rotate: a quarter turn sends the first run to the second, and the second, negated, to the first", () => {
  const x = Float64Array.of(7, 1, 2, 3, 4, 7);
  rotate(x, 1, 3, 2, 0, 1);
  expect(Array.from(x)).toEqual([7, -3, -4, 1, 2, 7]);
});

test("subtractRow: a multiple of one run is taken from the other, nothing else changes", () => {
  const x = Float64Array.of(7, 1, 2, 3, 4, 7);
  subtractRow(x, 3, 2, 1, 2);
  expect(Array.from(x)).toEqual([7, 1, 2, 1, 0, 7]);
});

test.each([1, 5, 64, 65, 130])("selfProducts: XXᵀ of %i rows, exactly symmetric, of a view as well", (n) => {
  const x = normal(n, 7);
  const product = selfProducts(x);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < 7; k++) sum += x.get(i, k) * x.get(j, k);
      // 7 products of about 1, added in another order
      if (!(Math.abs(product.get(i, j) - sum) < 1e-13)) expect([i, j, product.get(i, j)]).toEqual([i, j, sum]);
      if (product.get(i, j) !== product.get(j, i)) expect(product.get(i, j)).toBe(product.get(j, i));
    }
  }
  const view = transpose(matrixOver(Float64Array.from(toRows(transpose(x)).flat()), 7, n));
  expect(selfProducts(view).data).toEqual(product.data);
});

test("powerOfTwoScale: the largest entry comes into [1, 2); zeros stay, and the ends of float64 overflow nowhere", () => {
  const scaled = (...entries: number[]) =>
    entries.map((x) => x * powerOfTwoScale(matrixOver(Float64Array.from(entries), 1, entries.length)));
  expect(scaled(3, -12)).toEqual([0.375, -1.5]);
  expect(scaled(0, 0)).toEqual([0, 0]);
  expect(Math.max(...scaled(Number.MAX_VALUE, 1))).toBeLessThan(2);
  expect(Math.max(...scaled(5e-324, 0))).toBeGreaterThan(0);
});
