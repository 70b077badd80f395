import fc from "fast-check";
import { all, create } from "mathjs";
import { describe, expect, test } from "vitest";
import {
  changeOfVariables,
  cofactorDeterminant,
  determinant,
  inverse,
  lu,
  luSolve,
  luSteps,
  parallelotopeVolume,
  slogdet,
  solve,
} from "../../src/demos/linear-algebra/determinant-and-volume.js";
import { matmul, matvec, qr } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { svd } from "../../src/demos/linear-algebra/svd-and-pca.js";
import {
  letterAndImage,
  lostVolume,
  stretchedDensity,
} from "../../src/figures/linear-algebra/determinant-and-volume.js";
import { loadIris } from "../../src/lib/data.js";
import { SingularMatrixError } from "../../src/lib/errors.js";
import {
  column,
  copy,
  frobeniusNorm,
  identity,
  type Matrix,
  matrix,
  maxAbsDifference,
  norm,
  rowMajor,
  toRows,
  transpose,
  zeros,
} from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { diagonal, from, hilbert, integers, m, normal, scaledBy, strided } from "../matrices.js";

const { claim, oracle } = concept("linear-algebra/determinant-and-volume");
const mathjs = create(all, {});

// ---- what the tests are made of ----

const combined = (a: Matrix, b: Matrix, factor: number) =>
  from(a.shape[0]!, a.shape[1]!, (i, j) => a.get(i, j) + factor * b.get(i, j));
const distance = (x: ArrayLike<number>, y: ArrayLike<number>) => norm(Array.from(x, (xi, i) => xi - y[i]!));
const permuted = (a: Matrix, order: Int32Array) => from(a.shape[0]!, a.shape[1]!, (i, j) => a.get(order[i]!, j));

/** Determinant of integers by fraction-free elimination (Bareiss): exact, and shares no arithmetic with the demo. */
function exactDeterminant(rows: bigint[][]): bigint {
  const a = rows.map((row) => [...row]);
  let [sign, previous] = [1n, 1n];
  for (let k = 0; k < a.length - 1; k++) {
    const p = a.findIndex((row, i) => i >= k && row[k] !== 0n);
    if (p < 0) return 0n;
    if (p !== k) {
      [a[k], a[p]] = [a[p]!, a[k]!];
      sign = -sign;
    }
    for (let i = k + 1; i < a.length; i++) {
      for (let j = k + 1; j < a.length; j++) {
        a[i]![j] = (a[i]![j]! * a[k]![k]! - a[i]![k]! * a[k]![j]!) / previous;
      }
    }
    previous = a[k]![k]!;
  }
  return sign * a.at(-1)!.at(-1)!;
}
const exactly = (a: Matrix) => Number(exactDeterminant(toRows(a).map((row) => row.map(BigInt))));

/** Log-density of N(mean, covariance) by a Cholesky factor written here. */
function gaussianLogDensity(y: ArrayLike<number>, mean: ArrayLike<number>, covariance: Matrix): number {
  const n = y.length;
  const l = zeros(n, n);
  let sum = -(n / 2) * Math.log(2 * Math.PI);
  const z: number[] = [];
  for (let i = 0; i < n; i++) {
    let rest = y[i]! - mean[i]!;
    for (let j = 0; j <= i; j++) {
      let entry = covariance.get(i, j);
      for (let k = 0; k < j; k++) entry -= l.get(i, k) * l.get(j, k);
      l.set(i, j, i === j ? Math.sqrt(entry) : entry / l.get(j, j));
      if (j < i) rest -= l.get(i, j) * z[j]!;
    }
    z.push(rest / l.get(i, i));
    sum -= z[i]! ** 2 / 2 + Math.log(l.get(i, i));
  }
  return sum;
}
const standardNormal = (x: ArrayLike<number>) => gaussianLogDensity(x, zeros(x.length, 1).data, identity(x.length));

const sizes = fc.record({ n: fc.integer({ min: 1, max: 9 }), seed: fc.integer({ min: 0, max: 2 ** 31 }) });

// ---- claims ----

claim("determinants-multiply", () => {
  for (let seed = 0; seed < 100; seed++) {
    const n = seed < 90 ? 1 + (seed % 40) : 100;
    const [a, b] = [normal(n, n, seed), normal(n, n, seed + 1000)];
    const [da, db, dab, dt] = [a, b, matmul(a, b), transpose(a)].map((x) => slogdet(x!)) as [
      ReturnType<typeof slogdet>,
      ReturnType<typeof slogdet>,
      ReturnType<typeof slogdet>,
      ReturnType<typeof slogdet>,
    ];
    // A relative error of 1e-16 in an entry changes log|det| by at most n·κ·1e-16; κ stays below 1e5 here.
    expect(dab.sign).toBe(da.sign * db.sign);
    expect(Math.abs(dab.logAbsDet - da.logAbsDet - db.logAbsDet)).toBeLessThan(1e-8);
    expect(dt.sign).toBe(da.sign);
    expect(Math.abs(dt.logAbsDet - da.logAbsDet)).toBeLessThan(1e-9);
    const scaled = slogdet(scaledBy(-3, a));
    expect(scaled.sign).toBe(da.sign * (-1) ** n);
    expect(Math.abs(scaled.logAbsDet - da.logAbsDet - n * Math.log(3))).toBeLessThan(1e-9);
  }
  const two = scaledBy(2, identity(2));
  expect([determinant(two), determinant(identity(2))]).toEqual([4, 1]); // det(I + I) = 4, det I + det I = 2
});

claim("signed-area-is-multiplied-by-det", () => {
  const area = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, xi, i) => sum + xi * y[(i + 1) % x.length]! - x[(i + 1) % x.length]! * y[i]!, 0) / 2;
  for (let seed = 0; seed < 200; seed++) {
    const [a, polygon] = [normal(2, 2, seed), normal(2, 3 + (seed % 7), seed + 500)];
    const [x, y] = toRows(polygon) as [number[], number[]];
    const [u, v] = toRows(matmul(a, polygon)) as [number[], number[]];
    // 1e-12 of the largest terms of the sums: some polygons cross themselves and have hardly any area
    const size = frobeniusNorm(a) ** 2 * frobeniusNorm(polygon) ** 2;
    expect(Math.abs(area(u, v) - determinant(a) * area(x, y))).toBeLessThan(1e-12 * size);
    const reversed = area(u.toReversed(), v.toReversed());
    expect(Math.abs(reversed + area(u, v))).toBeLessThan(1e-12 * size);
  }
  expect(area([0, 1, 1, 0], [0, 0, 1, 1])).toBe(1);
  const [u, v] = toRows(matmul(m("0 1; 1 0"), m("0 1 1 0; 0 0 1 1"))) as [number[], number[]];
  expect(area(u, v)).toBe(-1);
});

claim("determinant-says-nothing-about-conditioning", () => {
  const n = 200;
  const small = scaledBy(0.01, qr(normal(n, n, 1)).q);
  const { s } = svd(small);
  expect(s[0]! / s[n - 1]!).toBeCloseTo(1, 10);
  expect(determinant(small)).toBe(0);
  expect(slogdet(small).logAbsDet).toBeCloseTo(-921.034, 4);
  expect(slogdet(small).logAbsDet).toBeCloseTo(200 * Math.log(0.01), 9);
  expect(determinant(scaledBy(100, identity(n)))).toBe(Infinity);
  const triangle = from(30, 30, (i, j) => (i === j ? 1 : i < j ? -1 : 0));
  const largestRow = (a: Matrix) => Math.max(...toRows(a).map((row) => row.reduce((sum, x) => sum + Math.abs(x), 0)));
  expect(determinant(triangle)).toBe(1);
  const condition = largestRow(triangle) * largestRow(inverse(triangle));
  expect(condition).toBe(30 * 2 ** 29); // integers: exact
  expect(condition / 1e10).toBeCloseTo(1.6106, 4);
  expect(condition).toBe(oracle<Fixture>().triangularCondition);
});

claim("hadamard-bounds-the-volume", () => {
  const logRatio = (a: Matrix) => {
    const lengths = Array.from({ length: a.shape[1]! }, (_, j) => Math.log(norm(column(a, j))));
    return slogdet(a).logAbsDet - lengths.reduce((sum, x) => sum + x, 0);
  };
  let sum = 0;
  for (let seed = 0; seed < 2000; seed++) {
    const ratio = logRatio(normal(20, 20, seed));
    expect(ratio).toBeLessThan(0);
    sum += ratio;
  }
  const { n, meanLogRatio } = oracle<Fixture>().hadamard;
  expect(meanLogRatio[n.indexOf(20)]).toBeCloseTo(-10.3104, 4);
  expect(Math.abs(sum / 2000 + 10.3104)).toBeLessThan(0.15); // a draw has standard deviation 1.9, the mean of 2000 one of 0.04
  const stretched = matmul(qr(normal(7, 7, 3)).q, diagonal(1, 2, 3, 4, 5, 6, 7));
  expect(Math.abs(logRatio(stretched))).toBeLessThan(1e-13); // orthogonal columns: equality
});

claim("gradient-of-log-det-is-the-inverse-transposed", () => {
  for (let seed = 0; seed < 30; seed++) {
    const n = 2 + (seed % 5);
    const [a, b] = [combined(normal(n, n, seed), identity(n), 4), normal(n, n, seed + 77)];
    const along = (direction: Matrix) => {
      const h = 1e-4; // error h²·third derivative + 1e-16/h, both near 1e-9
      const [up, down] = [h, -h].map((t) => slogdet(combined(a, direction, t)).logAbsDet) as [number, number];
      return (up - down) / (2 * h);
    };
    const gradient = transpose(inverse(a));
    const trace = toRows(matmul(inverse(a), b)).reduce((sum, row, i) => sum + row[i]!, 0);
    expect(Math.abs(along(b) - trace)).toBeLessThan(1e-7 * (1 + Math.abs(trace)));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const unit = from(n, n, (r, c) => (r === i && c === j ? 1 : 0));
        expect(Math.abs(along(unit) - gradient.get(i, j))).toBeLessThan(1e-7);
      }
    }
  }
});

claim("low-rank-update-needs-a-small-determinant", () => {
  for (let seed = 0; seed < 30; seed++) {
    const [a, u, v] = [normal(6, 6, seed), normal(6, 1, seed + 50), normal(6, 1, seed + 99)];
    const factor = 1 + matmul(transpose(v), solve(a, u)).get(0, 0);
    const [whole, part] = [determinant(combined(a, matmul(u, transpose(v)), 1)), factor * determinant(a)];
    expect(Math.abs(whole - part)).toBeLessThan(1e-10 * (1 + Math.abs(determinant(a)))); // condition number below 1e3
  }
  const [u, v] = [normal(500, 5, 1), normal(5, 500, 2)];
  const large = slogdet(combined(identity(500), matmul(u, v), 1));
  const small = slogdet(combined(identity(5), matmul(v, u), 1));
  expect(large.sign).toBe(small.sign);
  expect(Math.abs(large.logAbsDet - small.logAbsDet)).toBeLessThan(1e-10);
});

claim("log-det-turns-one-density-into-another", () => {
  for (let seed = 0; seed < 40; seed++) {
    const n = 1 + (seed % 5);
    const [a, b, y] = [
      combined(normal(n, n, seed), identity(n), 3),
      column(normal(n, 1, seed + 9), 0),
      column(normal(n, 1, seed + 5), 0),
    ];
    const affine = {
      logDensity: standardNormal,
      inverse: (y: Float64Array) =>
        solve(
          a,
          y.map((yi, i) => yi - b[i]!),
        ),
      jacobian: () => a,
    };
    const expected = gaussianLogDensity(y, b, matmul(a, transpose(a)));
    expect(Math.abs(changeOfVariables(affine, y) - expected)).toBeLessThan(1e-10);
  }
  // In the plane: sums over a grid of ±12 standard deviations integrate a Gaussian to rounding.
  const a = m("1.5 0.5; -0.4 0.8");
  let [withTerm, withoutTerm] = [0, 0];
  const inverseOfA = inverse(a);
  for (let p = -15; p <= 15; p += 0.25) {
    for (let q = -15; q <= 15; q += 0.25) {
      const at = { logDensity: standardNormal, inverse: (y: Float64Array) => matvec(inverseOfA, y), jacobian: () => a };
      withTerm += Math.exp(changeOfVariables(at, [p, q])) / 16;
      withoutTerm += Math.exp(standardNormal(matvec(inverseOfA, [p, q]))) / 16;
    }
  }
  expect(withTerm).toBeCloseTo(1, 9);
  expect(withoutTerm).toBeCloseTo(1.4, 9); // det A
});

claim("cofactors-cost-a-factorial", () => {
  let before = 0;
  for (let n = 1; n <= 10; n++) {
    const a = integers(n, n, n);
    const { value, multiplications } = cofactorDeterminant(a);
    expect(multiplications).toBe(n === 1 ? 0 : n * (before + 1));
    before = multiplications;
    expect(value).toBe(exactly(a)); // every product and sum is an integer below 2⁵³
  }
  expect(before).toBe(6235300);
  // Elimination with its operations counted.
  const a = toRows(normal(10, 10, 4));
  const count = { multiplications: 0, divisions: 0 };
  let det = 1;
  for (let k = 0; k < 10; k++) {
    for (let i = k + 1; i < 10; i++) {
      const multiplier = a[i]![k]! / a[k]![k]!;
      count.divisions++;
      for (let j = k + 1; j < 10; j++) {
        a[i]![j]! -= multiplier * a[k]![j]!;
        count.multiplications++;
      }
    }
    det *= a[k]![k]!;
  }
  expect(count).toEqual({ multiplications: 285, divisions: 45 });
  expect(det / determinant(normal(10, 10, 4))).toBeCloseTo(1, 9); // without pivoting: a few digits fewer
});

claim("without-pivoting-the-solution-is-lost", () => {
  const [a, b] = [m("1e-20 1; 1 1"), [1, 2]];
  const plain = lu(a, { pivoting: "none" });
  expect(toRows(plain.l)).toEqual([
    [1, 0],
    [1e20, 1],
  ]);
  expect(plain.u.get(0, 0) * plain.u.get(1, 1)).toBe(-1);
  expect(Array.from(luSolve(plain, b))).toEqual([0, 1]);
  expect(matmul(plain.l, plain.u).get(1, 1)).toBe(0); // the 1 of A is gone
  expect(distance(solve(a, b), [1, 1])).toBeLessThan(1e-15);
  expect(determinant(a)).toBe(-1);
});

claim("volume-of-a-flat-box-by-qr", () => {
  const epsilon = 1e-9;
  const flat = matrix([
    [1, 1],
    [epsilon, 0],
    [0, epsilon],
  ]);
  expect(parallelotopeVolume(flat) / (Math.SQRT2 * epsilon)).toBeCloseTo(1, 7); // one digit in 1e16/1e9 is left of the angle
  expect(determinant(matmul(transpose(flat), flat))).toBe(0);
  for (let seed = 0; seed < 30; seed++) {
    const a = normal(7, 3, seed);
    const gram = determinant(matmul(transpose(a), a));
    expect(parallelotopeVolume(a) ** 2 / gram).toBeCloseTo(1, 10);
    expect(parallelotopeVolume(normal(3, 5, seed))).toBe(0);
    const square = normal(4, 4, seed);
    expect(parallelotopeVolume(square) / Math.abs(determinant(square))).toBeCloseTo(1, 10);
  }
});

claim("rounding-hides-a-zero", () => {
  const singular = m("1 2 3; 4 5 6; 7 8 9");
  expect(exactly(singular)).toBe(0);
  const lengths = toRows(singular).reduce((product, row) => product * norm(row), 1);
  const tenths = from(3, 3, (i, j) => (3 * i + j + 1) / 10); // 0.3, 0.6 and 0.7 are rounded: the stored matrix is not singular
  for (const [a, size] of [
    [singular, lengths],
    [tenths, lengths / 1000],
  ] as const) {
    expect(Math.abs(determinant(a))).toBeLessThan(3 * 2 ** -53 * size);
  }
  expect(determinant(tenths)).not.toBe(0);
});

function covarianceOf(x: Matrix): Matrix {
  const [n, d] = x.shape as [number, number];
  const means = Array.from({ length: d }, (_, j) => column(x, j).reduce((sum, value) => sum + value, 0) / n);
  const centred = from(n, d, (i, j) => x.get(i, j) - means[j]!);
  return scaledBy(1 / (n - 1), matmul(transpose(centred), centred));
}
const correlationOf = (c: Matrix) =>
  from(c.shape[0]!, c.shape[0]!, (i, j) => c.get(i, j) / Math.sqrt(c.get(i, i) * c.get(j, j)));

claim("generalised-variance-of-iris", () => {
  const { x, target } = loadIris();
  const det = determinant(correlationOf(covarianceOf(x)));
  expect(det).toBeCloseTo(0.00811, 5);
  expect(det).toBeCloseTo(oracle<Fixture>().iris.detCorrelation, 12);
  const expected = oracle<Fixture>().iris;
  for (let species = 0; species < 3; species++) {
    const c = covarianceOf(matrix(toRows(x).filter((_, i) => target[i] === species)));
    const { sign, logAbsDet } = slogdet(c);
    expect(sign).toBe(1);
    expect(logAbsDet).toBeCloseTo(expected.logDetCovariance[species]!, 9);
    expect(2 * Math.log(2 * Math.PI * Math.E) + logAbsDet / 2).toBeCloseTo(expected.entropy[species]!, 9);
  }
});

// ---- the worked case of the note, by hand ----

describe("worked case", () => {
  const a = m("1 3 4; 2 2 6; 4 8 8");

  test("elimination", () => {
    const { l, u, permutation, sign } = lu(a);
    expect(toRows(l)).toEqual(toRows(m("1 0 0; .5 1 0; .25 -.5 1")));
    expect(toRows(u)).toEqual(toRows(m("4 8 8; 0 -2 2; 0 0 3")));
    expect(Array.from(permutation)).toEqual([2, 1, 0]);
    expect(sign).toBe(-1);
    expect([...luSteps(a)].map(({ u }) => toRows(u))).toEqual([
      toRows(m("4 8 8; 0 -2 2; 0 1 2")),
      toRows(u),
      toRows(u),
    ]);
  });

  test("determinant, both ways, and its logarithm", () => {
    expect(determinant(a)).toBe(24);
    expect(cofactorDeterminant(a)).toEqual({ value: 24, multiplications: 9 });
    expect(slogdet(a)).toEqual({ sign: 1, logAbsDet: expect.closeTo(Math.log(24), 14) });
  });

  test("solution", () => {
    expect(Array.from(solve(a, [8, 10, 20]))).toEqual([1, 1, 1]);
  });
});

// ---- NumPy and SciPy ----

type Rows = number[][];

interface Fixture {
  slogdets: { a: Rows; sign: number; logAbsDet: number; det: number }[];
  largeSlogdets: { n: number; sign: number; logAbsDet: number }[];
  factorisations: { a: Rows; l: Rows; u: Rows; permutation: number[]; indices: number[] }[];
  solutions: { a: Rows; b: Rows; x: Rows; first: number[]; inverse: Rows }[];
  exact: { vandermonde: number; inverseHilbert: string; tridiagonal: number[] };
  volumes: { a: Rows; volume: number }[];
  densities: { a: Rows; b: number[]; y: number[]; logDensity: number }[];
  logNormal: { y: number[]; logDensity: number };
  iris: { logDetCovariance: number[]; entropy: number[]; detCorrelation: number };
  triangularCondition: number;
  hadamard: { n: number[]; meanLogRatio: number[] };
  conventions: {
    detOfLarge: number;
    detOfSmall: number;
    detOfMixed: number;
    scipyDetOfMixed: number;
    singularSign: number;
    singularLog: number;
    solveSingular: string;
    scipySolveSingular: string;
    luSingular: string;
  };
}

describe("NumPy and SciPy agree", () => {
  const expected = oracle<Fixture>();

  test("on signs and logarithms", () => {
    for (const { a, sign, logAbsDet, det } of expected.slogdets) {
      const ours = slogdet(matrix(a));
      expect(ours.sign).toBe(sign);
      expect(Math.abs(ours.logAbsDet - logAbsDet)).toBeLessThan(1e-11); // n·κ·1e-16
      expect(determinant(matrix(a)) / det).toBeCloseTo(1, 10);
    }
    for (const { n, sign, logAbsDet } of expected.largeSlogdets) {
      const ours = slogdet(from(n, n, (i, j) => ((7 * i * i + 13 * i * j + 5 * j ** 3 + i) % 211) / 211 - 0.5));
      expect(ours.sign).toBe(sign);
      expect(Math.abs(ours.logAbsDet - logAbsDet)).toBeLessThan(1e-10);
    }
  });

  test("on factors; SciPy's P is the transpose of ours", () => {
    for (const { a, l, u, permutation, indices } of expected.factorisations) {
      const ours = lu(matrix(a));
      expect(maxAbsDifference(ours.l, matrix(l))).toBeLessThan(1e-12);
      expect(maxAbsDifference(ours.u, matrix(u))).toBeLessThan(1e-12);
      expect(Array.from(ours.permutation)).toEqual(permutation);
      expect(Array.from(ours.permutation, (_, i) => ours.permutation[indices[i]!])).toEqual(
        permutation.map((_, i) => i),
      );
    }
  });

  test("on solutions and inverses", () => {
    for (const { a, b, x, first, inverse: inverted } of expected.solutions) {
      // Condition numbers stay below 1e3.
      expect(maxAbsDifference(solve(matrix(a), matrix(b)), matrix(x))).toBeLessThan(1e-11);
      expect(
        distance(
          solve(
            matrix(a),
            b.map((row) => row[0]!),
          ),
          first,
        ),
      ).toBeLessThan(1e-11);
      expect(maxAbsDifference(inverse(matrix(a)), matrix(inverted))).toBeLessThan(1e-11);
    }
  });

  test("on exact values", () => {
    const { vandermonde, inverseHilbert, tridiagonal } = expected.exact;
    expect(vandermonde).toBe(288);
    expect(determinant(from(5, 5, (i, j) => (i + 1) ** j)) / 288).toBeCloseTo(1, 12);
    expect(inverseHilbert).toBe("186313420339200000");
    expect(Math.abs(determinant(hilbert(6)) * Number(inverseHilbert) - 1)).toBeLessThan(1e-8); // κ·1e-16, κ = 1.5e7
    for (const [i, value] of tridiagonal.entries()) {
      const n = i + 1;
      expect(value).toBe(n + 1);
      const a = from(n, n, (r, c) => (r === c ? 2 : Math.abs(r - c) === 1 ? -1 : 0));
      expect(determinant(a)).toBeCloseTo(n + 1, 12);
    }
  });

  test("on volumes by singular values", () => {
    for (const { a, volume } of expected.volumes) expect(parallelotopeVolume(matrix(a)) / volume).toBeCloseTo(1, 12);
  });

  test("on densities", () => {
    for (const { a, b, y, logDensity } of expected.densities) {
      const affine = {
        logDensity: standardNormal,
        inverse: (y: Float64Array) =>
          solve(
            matrix(a),
            y.map((yi, i) => yi - b[i]!),
          ),
        jacobian: () => matrix(a),
      };
      expect(changeOfVariables(affine, y)).toBeCloseTo(logDensity, 9);
    }
    const { y, logDensity } = expected.logNormal;
    const exponential = {
      logDensity: standardNormal,
      inverse: (y: Float64Array) => y.map(Math.log),
      jacobian: (x: Float64Array) => diagonal(...x.map(Math.exp)),
    };
    expect(changeOfVariables(exponential, y)).toBeCloseTo(logDensity, 12);
  });

  test("on what happens beyond float64, and at a singular matrix", () => {
    const { conventions } = expected;
    const mixed = diagonal(1e200, 1e200, 1e-200, 1e-200);
    expect(determinant(scaledBy(100, identity(200)))).toBe(conventions.detOfLarge);
    expect(determinant(scaledBy(0.01, identity(200)))).toBe(conventions.detOfSmall);
    expect(determinant(mixed)).toBeCloseTo(conventions.detOfMixed, 12);
    expect(conventions.scipyDetOfMixed).toBe(Infinity); // multiplies the pivots in their order
    const singular = m("1 2; 2 4");
    expect(slogdet(singular)).toEqual({ sign: conventions.singularSign, logAbsDet: conventions.singularLog });
    expect([conventions.solveSingular, conventions.scipySolveSingular]).toEqual(["LinAlgError", "LinAlgError"]);
    expect(() => solve(singular, [1, 1])).toThrow(SingularMatrixError);
    expect(conventions.luSingular).toBe("none");
    expect(lu(singular).u.get(1, 1)).toBe(0);
  });
});

// ---- properties ----

describe("lu", () => {
  test("PA = LU in every state, with triangular factors and multipliers of at most 1", () => {
    fc.assert(
      fc.property(sizes, ({ n, seed }) => {
        const a = normal(n, n, seed);
        const states = [...luSteps(a)];
        expect(states.length).toBe(n);
        for (const [k, { l, u, permutation, sign }] of states.entries()) {
          // Rounding of entries below 10, a few for each.
          expect(maxAbsDifference(matmul(l, u), permuted(a, permutation))).toBeLessThan(1e-13);
          for (let i = 0; i < n; i++) {
            expect(l.get(i, i)).toBe(1);
            for (let j = i + 1; j < n; j++) expect(l.get(i, j)).toBe(0);
            for (let j = 0; j < i; j++) {
              expect(Math.abs(l.get(i, j))).toBeLessThanOrEqual(1);
              if (j <= k) expect(u.get(i, j)).toBe(0);
              else expect(l.get(i, j)).toBe(0);
            }
          }
          const order = from(n, n, (i, j) => (permutation[i] === j ? 1 : 0));
          expect(sign).toBe(exactly(order));
        }
        expect(states.at(-1)).toEqual(lu(a));
      }),
      { numRuns: 150 },
    );
  });

  test("without pivoting the rows stay, and the factors still multiply to A", () => {
    for (let seed = 0; seed < 30; seed++) {
      const a = combined(normal(5, 5, seed), identity(5), 9);
      const { l, u, permutation, sign } = lu(a, { pivoting: "none" });
      expect([...permutation, sign]).toEqual([0, 1, 2, 3, 4, 1]);
      expect(maxAbsDifference(matmul(l, u), a)).toBeLessThan(1e-14);
      expect([...luSteps(a, { pivoting: "none" })].at(-1)).toEqual({ l, u, permutation, sign });
      expect(distance(matvec(a, luSolve({ l, u, permutation, sign }, [1, 2, 3, 4, 5])), [1, 2, 3, 4, 5])).toBeLessThan(
        1e-13,
      );
    }
  });

  test("the first of equal entries is the pivot, and a column of zeros is passed over", () => {
    expect(Array.from(lu(m("1 2; -1 5")).permutation)).toEqual([0, 1]);
    const { l, u } = lu(m("0 1; 0 2"));
    expect(toRows(l)).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(toRows(u)).toEqual([
      [0, 1],
      [0, 2],
    ]);
    expect(toRows(lu(m("0 1; 0 2"), { pivoting: "none" }).u)).toEqual(toRows(u));
  });
});

describe("determinant, slogdet and cofactorDeterminant", () => {
  test("are right for integers, by exact arithmetic", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 4 }), ({ n, seed }, size) => {
        const a = integers(n, n, seed, size);
        const exact = exactly(a);
        const bound = toRows(a).reduce((product, row) => product * norm(row), 1);
        expect(Math.abs(determinant(a) - exact)).toBeLessThanOrEqual(1e-13 * bound);
        expect(cofactorDeterminant(a).value).toBe(exact);
        const { sign, logAbsDet } = slogdet(a);
        if (exact !== 0) {
          expect(sign).toBe(Math.sign(exact));
          expect(sign * Math.exp(logAbsDet)).toBeCloseTo(exact, 13 - Math.ceil(Math.log10(bound + 1)) - 1);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("the worst growth of entries, 2ⁿ⁻¹, is taken in up to 64 doublings beyond float64", () => {
    const worst = (n: number, size: number) =>
      from(n, n, (i, j) => (j === n - 1 || i === j ? size : i > j ? -size : 0));
    expect(lu(worst(50, 1)).u.get(49, 49)).toBe(2 ** 49);
    expect(slogdet(worst(50, 1e308)).logAbsDet / (50 * 308 * Math.LN10 + 49 * Math.LN2)).toBeCloseTo(1, 13);
    expect(() => slogdet(worst(100, 1e308))).toThrow(
      expect.objectContaining({ message: "slogdet: the pivots of a must not overflow, got Infinity" }),
    );
    // The overflow leaves NaN below a pivot 0: still an overflow, not a singular matrix.
    const hidden = m("1e308 1e308 1 1; 1e308 -1e308 2 1; 0 0 0 1; 1e308 -1e308 1 1");
    const halved = slogdet(scaledBy(2 ** -10, hidden));
    expect(slogdet(hidden)).toEqual({
      sign: halved.sign,
      logAbsDet: expect.closeTo(halved.logAbsDet + 40 * Math.LN2, 9),
    });
    expect(() => lu(hidden)).toThrow(expect.objectContaining({ message: "lu: u must not overflow, got Infinity" }));
    expect(slogdet(worst(100, 1)).logAbsDet).toBeCloseTo(99 * Math.LN2, 12);
  });

  test("agree with mathjs", () => {
    for (let seed = 0; seed < 20; seed++) {
      const a = normal(6, 6, seed);
      expect(determinant(a)).toBeCloseTo(mathjs.det(toRows(a)), 9);
    }
  });

  test("±1e308, denormals and zeros", () => {
    const huge = m("1e308 1e308; 1e308 -1e308"); // a pivot of −2e308 on the way
    expect(determinant(huge)).toBe(-Infinity);
    expect(slogdet(huge)).toEqual({ sign: -1, logAbsDet: expect.closeTo(Math.LN2 + 616 * Math.LN10, 9) });
    expect(determinant(m("1e308 1e308 0; 1e308 -1e308 0; 0 0 1e-309")) / -2e307).toBeCloseTo(1, 12);
    expect(determinant(diagonal(1e308, 1e-308))).toBeCloseTo(1, 12);
    expect(slogdet(diagonal(5e-324, 5e-324)).logAbsDet).toBeCloseTo(2 * Math.log(5e-324), 9);
    expect(determinant(diagonal(5e-324, 5e-324))).toBe(0);
    expect(determinant(m("5e-324"))).toBe(5e-324);
    // Halfway 4.94 times 5e-324 is no float64: rounded, it would spoil the result by 1.2 %.
    const split = determinant(diagonal(5e-324, 5e-324, 1e162, 1e162, 1e162, 1e162));
    expect(split / (2 ** -1074 * 1e162 * 1e162) ** 2).toBeCloseTo(1, 14);
    expect(determinant(zeros(3, 3))).toBe(0);
    expect(Object.is(determinant(m("0 -1; 0 -2")), 0)).toBe(true);
    expect(Object.is(cofactorDeterminant(m("-0")).value, 0)).toBe(true);
    expect(slogdet(zeros(2, 2))).toEqual({ sign: 0, logAbsDet: -Infinity });
    expect(determinant(m("-7"))).toBe(-7);
    // Every order of large and small factors gives the product.
    for (let seed = 0; seed < 50; seed++) {
      const order = random(seed).permutation(6);
      const entries = Array.from(order, (i) => [1e200, 1e-200, -1e150, 1e-150, 1e300, 1e-300][i]!);
      expect(determinant(diagonal(...entries))).toBeCloseTo(-1, 12);
    }
    expect(determinant(diagonal(-1e200, -1e150, 1e-200, 1e-150))).toBeCloseTo(1, 12); // sorted by size, not by value
    expect(parallelotopeVolume(diagonal(1e200, 1e-200, 1e-200, 1e200))).toBeCloseTo(1, 12);
  });
});

describe("solve, luSolve and inverse", () => {
  test("leave no residual but rounding, for one side and for several", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), ({ n, seed }, k) => {
        const [a, b] = [combined(normal(n, n, seed), identity(n), 2 * n), normal(n, k, seed + 1)]; // well-conditioned
        const x = solve(a, b);
        expect(x.shape).toEqual([n, k]);
        expect(maxAbsDifference(matmul(a, x), b)).toBeLessThan(1e-13);
        for (let j = 0; j < k; j++) expect(solve(a, column(b, j))).toEqual(column(x, j));
        expect(luSolve(lu(a), b)).toEqual(x);
        expect(maxAbsDifference(matmul(a, inverse(a)), identity(n))).toBeLessThan(1e-13);
      }),
      { numRuns: 200 },
    );
  });

  test("small residuals even where the matrix is nearly singular", () => {
    const a = hilbert(12); // κ near 1e16
    const b = matvec(a, new Float64Array(12).fill(1));
    const x = solve(a, b);
    expect(distance(matvec(a, x), b)).toBeLessThan(1e-15 * norm(x) * 12);
  });
});

describe("contract", () => {
  const a = normal(5, 5, 1);
  const b = normal(5, 3, 2);

  test("inputs are not changed, and strided views are taken as they are", () => {
    const [before, beforeB] = [copy(a), copy(b)];
    const calls: ((x: Matrix, y: Matrix) => unknown)[] = [
      (x) => lu(x),
      (x) => [...luSteps(x)],
      (x) => lu(x, { pivoting: "none" }),
      (x) => slogdet(x),
      (x) => determinant(x),
      (x) => cofactorDeterminant(x),
      (x, y) => rowMajor(solve(x, y)),
      (x, y) => rowMajor(luSolve(lu(x), y)),
      (x) => rowMajor(inverse(x)),
      (x) => parallelotopeVolume(x),
      (_, y) => parallelotopeVolume(y),
      (x) =>
        changeOfVariables({ logDensity: standardNormal, inverse: (y) => y, jacobian: () => x }, new Float64Array(5)),
    ];
    for (const call of calls) {
      const plain = call(a, b);
      expect(call(strided(a), strided(b))).toEqual(plain);
      expect(call(a, b)).toEqual(plain);
      expect(maxAbsDifference(a, before)).toBe(0);
      expect(maxAbsDifference(b, beforeB)).toBe(0);
    }
    const side = [1, 2, 3, 4, 5];
    solve(a, side);
    expect(side).toEqual([1, 2, 3, 4, 5]);
    const state = luSteps(a);
    const first = state.next().value as ReturnType<typeof lu>;
    const rows = toRows(first.u);
    const order = Array.from(first.permutation);
    state.next();
    expect([toRows(first.u), Array.from(first.permutation)]).toEqual([rows, order]); // a state does not change later
  });

  test("functions that write into their arguments do no harm to changeOfVariables", () => {
    const y = Float64Array.of(2, 3);
    const selfish = {
      logDensity: ([p, q]: Float64Array) => -(p! ** 2 + q! ** 2) / 2,
      inverse: (v: Float64Array) => {
        const x = v.slice();
        v.fill(9);
        return x;
      },
      jacobian: (x: Float64Array) => {
        x.fill(7);
        return identity(2);
      },
    };
    expect(changeOfVariables(selfish, y)).toBe(-6.5);
    expect(Array.from(y)).toEqual([2, 3]);
  });

  const square = identity(2);
  const nan = m("1 2; NaN 4");
  const huge = m("1e308 1e308; 1e308 -1e308");
  const wide = zeros(2, 3);
  const notMatrix = [[1]] as unknown as Matrix;
  const variable = { logDensity: () => 0, inverse: (y: Float64Array) => y, jacobian: () => square };
  const refusals = [
    [
      RangeError,
      {
        "lu: a must be square, got 2×3": () => lu(wide),
        "lu: a must be finite, got NaN at (1, 0)": () => lu(nan),
        "lu: pivoting must be one of 'partial', 'none', got 'complete'": () =>
          lu(square, { pivoting: "complete" as "none" }),
        "lu: u must not overflow, got Infinity": () => lu(huge),
        "slogdet: a must be square, got 2×3": () => slogdet(wide),
        "slogdet: a must be finite, got NaN at (1, 0)": () => slogdet(nan),
        "determinant: a must be square, got 2×3": () => determinant(wide),
        "determinant: a must be finite, got Infinity at (0, 0)": () => determinant(m("Infinity")),
        "cofactorDeterminant: a must be square, got 2×3": () => cofactorDeterminant(wide),
        "cofactorDeterminant: a must be at most 10×10, got 11×11": () => cofactorDeterminant(identity(11)),
        "cofactorDeterminant: a must be finite, got NaN at (1, 0)": () => cofactorDeterminant(nan),
        "solve: a must be square, got 2×3": () => solve(wide, [1, 2]),
        "solve: a must be finite, got NaN at (1, 0)": () => solve(nan, [1, 2]),
        "solve: b must have length 2, got 3": () => solve(square, [1, 2, 3]),
        "solve: b must have 2 rows like a, got 3": () => solve(square, zeros(3, 2)),
        "solve: b must be finite, got NaN at 1": () => solve(square, [1, Number.NaN]),
        "solve: u must not overflow, got Infinity": () => solve(huge, [1, 2]),
        "solve: the solution must not overflow, got Infinity": () => solve(diagonal(1e-300, 1), [1e300, 1]),
        "luSolve: b must have length 2, got 1": () => luSolve(lu(square), [1]),
        "luSolve: b must have 2 rows like a, got 1": () => luSolve(lu(square), identity(1)),
        "inverse: a must be square, got 2×3": () => inverse(wide),
        "inverse: a must be finite, got NaN at (1, 0)": () => inverse(nan),
        "inverse: u must not overflow, got Infinity": () => inverse(huge),
        "inverse: the solution must not overflow, got Infinity": () => inverse(diagonal(5e-324, 1)),
        "parallelotopeVolume: vectors must be finite, got NaN at (1, 0)": () => parallelotopeVolume(nan),
        "parallelotopeVolume: vectors must have at least one row and one column, got 0×3": () =>
          parallelotopeVolume(zeros(0, 3)),
        "changeOfVariables: y must be finite, got NaN at 1": () => changeOfVariables(variable, [1, Number.NaN]),
        "changeOfVariables: inverse(y) must have length 2, got 1": () =>
          changeOfVariables({ ...variable, inverse: () => [1] }, [1, 2]),
        "changeOfVariables: inverse(y) must be finite, got NaN at 0": () =>
          changeOfVariables({ ...variable, inverse: () => [Number.NaN, 1] }, [1, 2]),
        "changeOfVariables: jacobian(x) must be 3×3, got 2×2": () => changeOfVariables(variable, [1, 2, 3]),
        "changeOfVariables: jacobian(x) must be square, got 2×3": () =>
          changeOfVariables({ ...variable, jacobian: () => wide }, [1, 2]),
        "changeOfVariables: jacobian(x) must be finite, got NaN at (1, 0)": () =>
          changeOfVariables({ ...variable, jacobian: () => nan }, [1, 2]),
        "changeOfVariables: logDensity(x) must be below Infinity, got NaN": () =>
          changeOfVariables({ ...variable, logDensity: () => Number.NaN }, [1, 2]),
        "changeOfVariables: logDensity(x) must be below Infinity, got Infinity": () =>
          changeOfVariables({ ...variable, logDensity: () => Infinity }, [1, 2]),
      },
    ],
    [
      TypeError,
      {
        "lu: a must be a rank-2 ndarray of Float64Array, got Array": () => lu(notMatrix),
        "slogdet: a must be a rank-2 ndarray of Float64Array, got Array": () => slogdet(notMatrix),
        "determinant: a must be a rank-2 ndarray of Float64Array, got undefined": () => determinant(undefined as never),
        "cofactorDeterminant: a must be a rank-2 ndarray of Float64Array, got Array": () =>
          cofactorDeterminant(notMatrix),
        "solve: a must be a rank-2 ndarray of Float64Array, got Array": () => solve(notMatrix, [1]),
        "solve: b must be an array of numbers, got number": () => solve(square, 3 as never),
        "solve: b must be an array of numbers, got null": () => solve(square, null as never),
        "inverse: a must be a rank-2 ndarray of Float64Array, got Array": () => inverse(notMatrix),
        "parallelotopeVolume: vectors must be a rank-2 ndarray of Float64Array, got Array": () =>
          parallelotopeVolume(notMatrix),
        "changeOfVariables: y must be an array of numbers, got number": () => changeOfVariables(variable, 3 as never),
        "changeOfVariables: inverse(y) must be an array of numbers, got undefined": () =>
          changeOfVariables({ ...variable, inverse: (() => undefined) as never }, [1]),
        "changeOfVariables: jacobian(x) must be a rank-2 ndarray of Float64Array, got Array": () =>
          changeOfVariables({ ...variable, jacobian: () => notMatrix }, [1]),
      },
    ],
    [
      SingularMatrixError,
      {
        "lu: without pivoting no pivot may be 0, got 0 at step 0": () => lu(m("0 1; 1 0"), { pivoting: "none" }),
        "solve: a must be invertible, got pivot 0 at step 1": () => solve(m("1 2; 2 4"), [1, 1]),
        "luSolve: a must be invertible, got pivot 0 at step 1": () => luSolve(lu(m("1 2; 2 4")), [1, 1]),
        "inverse: a must be invertible, got pivot 0 at step 0": () => inverse(zeros(2, 2)),
        "changeOfVariables: jacobian(x) must be invertible, got pivot 0 at step 1": () =>
          changeOfVariables({ ...variable, jacobian: () => m("1 2; 2 4") }, [1, 2]),
      },
    ],
  ] as const;
  for (const [type, calls] of refusals) {
    test.each(Object.entries(calls))("%s", (message, call) => {
      expect(call).toThrow(type);
      expect(call).toThrow(expect.objectContaining({ message }));
    });
  }

  test("a singular matrix tells at which step", () => {
    for (const call of [
      () => solve(m("1 2; 2 4"), [1, 1]),
      () => changeOfVariables({ ...variable, jacobian: () => m("1 2; 2 4") }, [1, 2]),
    ]) {
      expect(call).toThrow(expect.objectContaining({ name: "SingularMatrixError", pivot: 1 }));
    }
    expect(changeOfVariables({ ...variable, logDensity: () => -Infinity }, [1, 2])).toBe(-Infinity);
  });
});

describe("figures", () => {
  test("the determinant that the letter shows is |a||b| sin of the angle, and exchanging columns turns its sign", () => {
    const said = (settings: object) =>
      /determinant (\S+), (.*)\.$/.exec(String(letterAndImage.draw(settings).description))!;
    expect(Number(said({})[1])).toBeCloseTo(1.5 * 1.5 * Math.sin(Math.PI / 3), 3);
    expect(Number(said({ flip: "yes", angle: 30, length: 2 })[1])).toBeCloseTo(-1.5, 3);
    expect(said({ angle: 0 }).slice(1)).toEqual(["0", "flattened to a segment"]);
    expect(said({ angle: 180 })[1]).toBe("0");
  });

  test("without the term the area is the mean of cosh(sx), exp(s²/2)", () => {
    for (const s of [0.5, 1, 1.5]) {
      const [, withTerm, withoutTerm] = /area (\S+); .* area (\S+)\.$/.exec(
        String(stretchedDensity.draw({ s }).description),
      )!;
      expect(Number(withTerm)).toBe(1);
      expect(Number(withoutTerm)).toBeCloseTo(Math.exp(s ** 2 / 2), 1);
    }
  });

  test("the mean ratio is the expected one", () => {
    const { n, meanLogRatio } = oracle<Fixture>().hadamard;
    const [, mean] = /mean of (\S+) at n = 20\./.exec(String(lostVolume.draw({ largest: 20 }).description))!;
    const expected = meanLogRatio[n.indexOf(20)]! / Math.LN10;
    expect(Math.abs(Number(mean) - expected)).toBeLessThan(0.6); // 30 draws of standard deviation 0.8
  });
});
