/** Matrices that the tests of linear algebra are made of. */
import { matmul } from "../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { type Matrix, matrix, matrixOver, transpose, zeros } from "../src/lib/matrix.js";
import { random } from "../src/lib/random.js";

/** In MATLAB's notation: m("1 2; 3 4"). */
export const m = (text: string) => matrix(text.split(";").map((line) => line.trim().split(/\s+/).map(Number)));

export const from = (m: number, n: number, entry: (i: number, j: number) => number) =>
  matrix(Array.from({ length: m }, (_, i) => Array.from({ length: n }, (_, j) => entry(i, j))));

export const diagonal = (...d: number[]) => from(d.length, d.length, (i, j) => (i === j ? d[i]! : 0));

export const hilbert = (n: number) => from(n, n, (i, j) => 1 / (i + j + 1));

export const scaledBy = (factor: number, a: Matrix) => from(a.shape[0]!, a.shape[1]!, (i, j) => factor * a.get(i, j));

export const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x).reduce((sum, xi, i) => sum + xi * y[i]!, 0);

/** Entries N(0, 1). */
export const normal = (m: number, n: number, seed: number): Matrix =>
  matrixOver(Float64Array.from({ length: m * n }, random(seed).normal), m, n);

/** Integers from −size to size. */
export function integers(m: number, n: number, seed: number, size = 9): Matrix {
  const { integer } = random(seed);
  return from(m, n, () => integer(2 * size + 1) - size);
}

/** A random matrix of the given rank. */
export const ofRank = (m: number, n: number, rank: number, seed: number) =>
  matmul(normal(m, rank, seed), normal(rank, n, seed + 1));

/** A with every second entry of a larger buffer, backwards: the same numbers, other strides. */
export function strided(a: Matrix): Matrix {
  const [m, n] = a.shape as [number, number];
  const wide = zeros(2 * n, 2 * m + 1);
  const view = transpose(wide).lo(1, 0).step(2, 2).step(-1, -1) as Matrix;
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) view.set(i, j, a.get(i, j));
  return view;
}
