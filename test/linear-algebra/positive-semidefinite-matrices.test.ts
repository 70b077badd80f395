import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { inverse, slogdet, solve } from "../../src/demos/linear-algebra/determinant-and-volume.js";
import { eig, eigSymmetric } from "../../src/demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import { matmul, matvec, qr } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  cholesky,
  choleskyRankOneUpdate,
  choleskySolve,
  confidenceEllipse,
  correlationMatrix,
  covarianceMatrix,
  isPositiveDefinite,
  isPositiveSemidefinite,
  logDetSpd,
  mahalanobis,
  nearestCorrelation,
  nearestCorrelationSteps,
  nearestPsd,
  pivotedCholesky,
  sampleMultivariateNormal,
  triangularSolve,
} from "../../src/demos/linear-algebra/positive-semidefinite-matrices.js";
import {
  ellipseOverPoints,
  irisEllipses,
  kernelMatrix,
  kernelSpectrum,
  levelCurves,
  observed,
  repairedCorrelations,
} from "../../src/figures/linear-algebra/positive-semidefinite-matrices.js";
import { loadIris, loadWine } from "../../src/lib/data.js";
import { NotPositiveDefiniteError, SingularMatrixError } from "../../src/lib/errors.js";
import {
  column,
  copy,
  frobeniusNorm,
  identity,
  type Matrix,
  matrix,
  maxAbsDifference,
  norm,
  row,
  toRows,
  transpose,
  zeros,
} from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { diagonal, from, hilbert, integers, m, normal, scaledBy, strided } from "../matrices.js";

const { claim, oracle } = concept("linear-algebra/positive-semidefinite-matrices");

// ---- what the tests are made of ----

const U = 2 ** -53;
const combined = (a: Matrix, b: Matrix, factor: number) =>
  from(a.shape[0]!, a.shape[1]!, (i, j) => a.get(i, j) + factor * b.get(i, j));
const block = (a: Matrix, fromRow: number, toRow: number, fromColumn: number, toColumn: number) =>
  from(toRow - fromRow, toColumn - fromColumn, (i, j) => a.get(fromRow + i, fromColumn + j));
const symmetricNormal = (n: number, seed: number) => {
  const x = normal(n, n, seed);
  return from(n, n, (i, j) => x.get(i, j) + x.get(j, i));
};
/** XᵀX from integers: exact. */
const gram = (n: number, rank: number, seed: number) => {
  const x = integers(rank, n, seed);
  return matmul(transpose(x), x);
};
/** Definite, with a condition number that stays below 1e4. */
const definite = (n: number, seed: number) => combined(gram(n, n, seed), identity(n), n);
const smallest = (a: Matrix) => eigSymmetric(a).values[0]!;
const gaussianLogDensity = (x: ArrayLike<number>, mean: ArrayLike<number>, covariance: Matrix) =>
  -(x.length * Math.log(2 * Math.PI) + logDetSpd(covariance) + mahalanobis(x, mean, covariance) ** 2) / 2;

const sizes = fc.record({ n: fc.integer({ min: 1, max: 9 }), seed: fc.integer({ min: 0, max: 2 ** 31 - 10 }) });

// ---- claims ----

claim("three-tests-agree", () => {
  const count = { definite: 0, other: 0 };
  for (let seed = 0; seed < 500; seed++) {
    const a = combined(symmetricNormal(4, seed), identity(4), 6 * random(seed).uniform());
    const minors = [1, 2, 3, 4].map((k) => slogdet(block(a, 0, k, 0, k)).sign);
    const least = smallest(a);
    expect(Math.abs(least)).toBeGreaterThan(1e-10);
    expect(isPositiveDefinite(a)).toBe(least > 0);
    expect(minors.every((sign) => sign > 0)).toBe(least > 0);
    expect(isPositiveSemidefinite(a)).toBe(least > 0);
    count[least > 0 ? "definite" : "other"]++;
  }
  expect(Math.min(count.definite, count.other)).toBeGreaterThan(50);
  const trap = diagonal(0, -1);
  expect([1, 2].map((k) => slogdet(block(trap, 0, k, 0, k)).sign)).toEqual([0, 0]);
  expect(isPositiveSemidefinite(trap)).toBe(false);
});

claim("entries-and-determinant-do-not-decide", () => {
  expect(eigSymmetric(m("1 2; 2 1")).values[0]).toBeCloseTo(-1, 14);
  expect(slogdet(diagonal(-1, -1))).toEqual({ sign: 1, logAbsDet: 0 });
  for (const a of [m("1 2; 2 1"), diagonal(-1, -1)]) {
    expect(isPositiveDefinite(a)).toBe(false);
    expect(isPositiveSemidefinite(a)).toBe(false);
  }
});

claim("cholesky-needs-no-pivoting", () => {
  const { s1, sn } = { s1: eigSymmetric(hilbert(10)).values[9]!, sn: smallest(hilbert(10)) };
  expect(s1 / sn).toBeGreaterThan(1e13);
  const scatter = (n: number) => matmul(transpose(normal(n + 20, n, 5)), normal(n + 20, n, 5));
  const cases = [hilbert(5), hilbert(8), hilbert(10), scatter(40), scatter(150), definite(20, 3)];
  for (const a of cases) {
    const [n] = a.shape as [number, number];
    const l = cholesky(a);
    const product = matmul(l, transpose(l));
    let [error, growth] = [0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const size = Math.sqrt(a.get(i, i) * a.get(j, j));
        error = Math.max(error, Math.abs(product.get(i, j) - a.get(i, j)) / size);
        growth = Math.max(growth, Math.abs(l.get(i, j)) / Math.sqrt(a.get(i, i)));
      }
    }
    // The bound holds for the worst case of every rounding; what rounding LLᵀ adds here fits into it too.
    expect(error).toBeLessThanOrEqual((n + 1) * U);
    expect(growth).toBeLessThanOrEqual(1 + (n + 1) * U);
  }
  // Other units, 2⁻²⁵ʲ for variable j: a condition number beyond 1e60, and the same digits.
  const units = (i: number) => 2 ** (-25 * i);
  const a = definite(5, 3);
  const l = cholesky(from(5, 5, (i, j) => units(i) * a.get(i, j) * units(j)));
  expect(l).toEqual(from(5, 5, (i, j) => units(i) * cholesky(a).get(i, j)));
  expect(a.get(0, 0) / (units(4) ** 2 * a.get(4, 4))).toBeGreaterThan(1e59); // no more than the condition number
});

claim("rank-one-update-is-a-new-factor", () => {
  for (let seed = 0; seed < 60; seed++) {
    const n = 1 + (seed % 12);
    const [a, v] = [definite(n, seed), column(normal(n, 1, seed + 100), 0)];
    const updated = choleskyRankOneUpdate(cholesky(a), scaledBy(5, matrix([v])).data);
    const expected = cholesky(from(n, n, (i, j) => a.get(i, j) + 25 * v[i]! * v[j]!));
    expect(maxAbsDifference(updated, expected)).toBeLessThan(1e-13 * frobeniusNorm(expected));
  }
});

claim("ellipses-hold-less-than-you-think", () => {
  const { coverage, radii, segment } = oracle<Fixture>();
  const plane = coverage.find(({ d }) => d === 2)!.within;
  expect(plane[0]).toBeCloseTo(0.3935, 4);
  expect(plane[0]).toBeCloseTo(1 - Math.exp(-0.5), 12);
  expect(plane[3]).toBeCloseTo(0.8535, 4);
  expect(coverage.find(({ d }) => d === 3)!.within[0]).toBeCloseTo(0.199, 3);
  expect(coverage.find(({ d }) => d === 10)!.within[2]).toBeCloseTo(0.468, 3);
  expect(segment).toBeCloseTo(0.9856, 4);
  const covariance = m("3 1.2; 1.2 0.8");
  for (const { level, radius } of radii) {
    const { radii: semiAxes, axes } = confidenceEllipse(covariance, { level });
    const { values, vectors } = eigSymmetric(covariance);
    for (const [j, from] of [1, 0].entries()) {
      expect(semiAxes[j]! / (radius * Math.sqrt(values[from]!))).toBeCloseTo(1, 12);
      const [u, v] = [column(axes, j), column(vectors, from)];
      expect(Math.abs(u[0]! * v[0]! + u[1]! * v[1]!)).toBeCloseTo(1, 12);
    }
    for (let t = 0; t < 6; t += 0.5) {
      const point = matvec(axes, [semiAxes[0]! * Math.cos(t), semiAxes[1]! * Math.sin(t)]);
      expect(mahalanobis(point, [0, 0], covariance)).toBeCloseTo(radius, 12);
    }
  }
  expect(radii.find(({ level }) => level === 0.95)!.radius).toBeCloseTo(2.4477, 4);
  for (const { d, within } of coverage) {
    // half a percentage point is three standard deviations of a share of 1e5 draws, or more
    const sigma = d === 2 ? covariance : definite(d, 4);
    const draws = sampleMultivariateNormal(new Float64Array(d), sigma, 100_000, { seed: 3 });
    const z = triangularSolve(cholesky(sigma), transpose(draws));
    const r = Array.from({ length: 100_000 }, (_, i) => {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += z.data[j * 100_000 + i]! ** 2;
      return Math.sqrt(sum);
    });
    expect(mahalanobis(row(draws, 17), new Float64Array(d), sigma)).toBeCloseTo(r[17]!, 10);
    for (const [at, k] of [1, 2, 3, 1.96].entries()) {
      const share = r.filter((distance) => distance <= k).length / 100_000;
      expect(Math.abs(share - within[at]!)).toBeLessThan(0.005);
    }
  }
});

claim("few-points-make-it-singular", () => {
  for (let seed = 0; seed < 20; seed++) {
    const c = covarianceMatrix(normal(10, 20, seed));
    const { values } = eigSymmetric(c);
    expect(values.filter((value) => value > 1e-10).length).toBe(9);
    expect(values.filter((value) => Math.abs(value) <= 1e-13).length).toBe(11);
    expect(pivotedCholesky(c).rank).toBe(9);
    expect(isPositiveSemidefinite(c)).toBe(true);
    expect(() => cholesky(c)).toThrow(NotPositiveDefiniteError);
    for (const epsilon of [1e-6, 0.1]) {
      const lifted = eigSymmetric(combined(c, identity(20), epsilon)).values;
      for (let i = 0; i < 20; i++) expect(Math.abs(lifted[i]! - values[i]! - epsilon)).toBeLessThan(1e-12);
      expect(isPositiveDefinite(combined(c, identity(20), epsilon))).toBe(true);
    }
  }
});

claim("schur-complement-decides", () => {
  const complement = (whole: Matrix, p: number) => {
    const n = whole.shape[0]!;
    const b = block(whole, 0, p, p, n);
    const solved = choleskySolve(cholesky(block(whole, 0, p, 0, p)), b);
    return combined(block(whole, p, n, p, n), matmul(transpose(b), solved), -1);
  };
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const [p, q] = [1 + (seed % 3), 1 + (seed % 4)];
    const n = p + q;
    const whole = combined(symmetricNormal(n, seed), identity(n), 7 * random(seed).uniform());
    const first = isPositiveDefinite(block(whole, 0, p, 0, p));
    const second = first && isPositiveDefinite(complement(whole, p));
    expect(isPositiveDefinite(whole)).toBe(first && second);
    seen.add(`${first} ${second}`);
    if (!second) continue;
    const s = complement(whole, p);
    const logDets = logDetSpd(block(whole, 0, p, 0, p)) + logDetSpd(s);
    expect(Math.abs(logDetSpd(whole) - logDets)).toBeLessThan(1e-10);
    const corner = block(cholesky(whole), p, n, p, n);
    expect(maxAbsDifference(corner, cholesky(s))).toBeLessThan(1e-10);
    const inverted = inverse(s);
    const scale = frobeniusNorm(inverted);
    expect(maxAbsDifference(block(inverse(whole), p, n, p, n), inverted)).toBeLessThan(1e-9 * scale);
  }
  expect(seen).toEqual(new Set(["true true", "true false", "false false"]));
  for (const { m: rows, p, x, conditional, inverse: inverted } of oracle<Fixture>().schur) {
    const whole = matrix(rows);
    const n = x.length;
    const s = complement(whole, p);
    const mean = matvec(block(whole, p, n, 0, p), solve(block(whole, 0, p, 0, p), x.slice(0, p)));
    expect(gaussianLogDensity(x.slice(p), mean, s)).toBeCloseTo(conditional, 9);
    const expected = inverse(block(matrix(inverted), p, n, p, n));
    expect(maxAbsDifference(expected, s)).toBeLessThan(1e-10 * frobeniusNorm(s));
  }
});

claim("correlations-constrain-each-other", () => {
  const third = (r: number) => m(`1 0.9 0.9; 0.9 1 ${r}; 0.9 ${r} 1`);
  for (const [r, allowed] of [
    [0.6199, false],
    [0.62, true],
    [0.6201, true],
    [0.9, true],
    [1, true],
    [1.0001, false],
  ] as const) {
    expect(isPositiveSemidefinite(third(r)), String(r)).toBe(allowed);
  }
  expect(isPositiveDefinite(third(0.6201))).toBe(true);
  for (let seed = 0; seed < 200; seed++) {
    const { uniform } = random(seed);
    const [r12, r13, r23] = [0, 0, 0].map(() => 2 * uniform() - 1) as [number, number, number];
    const room = Math.sqrt((1 - r12 ** 2) * (1 - r13 ** 2));
    const a = m(`1 ${r12} ${r13}; ${r12} 1 ${r23}; ${r13} ${r23} 1`);
    expect(isPositiveDefinite(a)).toBe(Math.abs(r23 - r12 * r13) < room);
  }
  const opposites = eigSymmetric(m("1 -.9 -.9; -.9 1 -.9; -.9 -.9 1")).values;
  for (const [i, value] of [-0.8, 1.9, 1.9].entries()) expect(opposites[i]).toBeCloseTo(value, 13);
});

claim("nearest-psd-clips", () => {
  for (let seed = 0; seed < 60; seed++) {
    const n = 2 + (seed % 6);
    const a = symmetricNormal(n, seed);
    const { matrix: nearest, distance } = nearestPsd(a);
    const negative = eigSymmetric(a).values.filter((value) => value < 0);
    const size = frobeniusNorm(a);
    expect(distance).toBeCloseTo(Math.hypot(...negative), 12);
    expect(frobeniusNorm(combined(a, nearest, -1))).toBeCloseTo(distance, 12);
    expect(smallest(nearest)).toBeGreaterThan(-1e-14 * size);
    // What was taken away is negative semidefinite and orthogonal to what is left: the condition of a nearest point of a cone.
    const removed = combined(a, nearest, -1);
    expect(eigSymmetric(removed).values[n - 1]).toBeLessThan(1e-14 * size);
    expect(maxAbsDifference(matmul(removed, nearest), zeros(n, n))).toBeLessThan(1e-13 * size ** 2);
    for (let other = 0; other < 5; other++) {
      const x = combined(normal(n, n, seed + 7 * other), identity(n), other);
      const step = [1, 0.1, 0.01, 1e-3, 1e-4][other]!;
      const candidate = combined(scaledBy(1 - step, nearest), matmul(x, transpose(x)), step);
      expect(frobeniusNorm(combined(a, candidate, -1))).toBeGreaterThan(distance - 1e-12);
    }
  }
});

const published = m("1 1 0; 1 1 1; 0 1 1");

claim("nearest-correlation-needs-dykstra", () => {
  const { matrix: nearest, distance, converged } = nearestCorrelation(published);
  expect(converged).toBe(true);
  for (const [i, j, value] of [
    [0, 1, 0.76069],
    [1, 2, 0.76069],
    [0, 2, 0.1573],
  ] as const) {
    expect(nearest.get(i, j)).toBeCloseTo(value, 5);
    expect(nearest.get(j, i)).toBe(nearest.get(i, j));
  }
  expect(distance).toBeCloseTo(0.52779, 5);
  const clipped = nearestPsd(published).matrix;
  const rescaled = from(3, 3, (i, j) => clipped.get(i, j) / Math.sqrt(clipped.get(i, i) * clipped.get(j, j)));
  expect(frobeniusNorm(combined(published, rescaled, -1))).toBeCloseTo(0.53756, 5);
  expect(isPositiveSemidefinite(rescaled)).toBe(true);
  let plain = published;
  for (let k = 0; k < 200; k++) {
    const next = nearestPsd(plain).matrix;
    plain = from(3, 3, (i, j) => (i === j ? 1 : next.get(i, j)));
  }
  expect(smallest(plain)).toBeGreaterThan(-1e-13);
  expect(frobeniusNorm(combined(published, plain, -1))).toBeCloseTo(0.52791, 5);
});

claim("missing-values-break-correlations", () => {
  const { x } = loadWine();
  let indefinite = 0;
  for (let seed = 0; seed < 100; seed++) {
    const deleted = correlationMatrix(x, { present: observed(0.5, seed) });
    if (smallest(deleted) < -1e-10) indefinite++;
    const { matrix: repaired, distance, converged } = nearestCorrelation(deleted);
    expect(converged).toBe(true);
    expect(smallest(repaired)).toBeGreaterThan(-1e-14);
    expect(distance > 1e-10).toBe(smallest(deleted) < 0);
    for (let i = 0; i < 13; i++) expect(repaired.get(i, i)).toBe(1);
  }
  expect(indefinite).toBeGreaterThanOrEqual(95);
  expect(isPositiveDefinite(correlationMatrix(x))).toBe(true);
});

claim("smooth-kernels-need-jitter", () => {
  const kernel = kernelMatrix(200, 1);
  const { values } = eigSymmetric(kernel);
  const limit = 200 * 2 ** -52 * values[199]!;
  const expected = oracle<Fixture>().kernel;
  expect(values[199]).toBeCloseTo(184.94, 2);
  expect(values[199]).toBeCloseTo(expected.largest, 9);
  expect(limit).toBeCloseTo(8.2e-12, 13);
  expect(200 * 201 * U).toBeCloseTo(4.5e-12, 13);
  expect(values.filter((value) => value > limit).length).toBe(8);
  expect(expected.above).toBe(8);
  for (const [i, value] of expected.leading.entries()) {
    expect(Math.abs(values[199 - i]! - value)).toBeLessThan(limit);
  }
  expect(isPositiveDefinite(kernel)).toBe(false);
  expect(() => cholesky(kernel)).toThrow(NotPositiveDefiniteError);
  expect(isPositiveDefinite(combined(kernel, identity(200), limit))).toBe(true);
});

claim("few-columns-describe-a-kernel", () => {
  const kernel = kernelMatrix(200, 1);
  const { l, permutation, rank, traceError } = pivotedCholesky(kernel, { tolerance: 1e-6 });
  expect(rank).toBe(5);
  const product = matmul(l, transpose(l));
  const error = from(200, 200, (i, j) => kernel.get(permutation[i]!, permutation[j]!) - product.get(i, j));
  const { values } = eigSymmetric(error);
  expect(values[0]).toBeGreaterThan(-1e-13); // rounding of 200 eigenvalues up to 185
  expect(values[199]).toBeLessThan(traceError);
  const trace = Array.from({ length: 200 }, (_, i) => error.get(i, i)).reduce((sum, entry) => sum + entry, 0);
  expect(Math.abs(traceError - trace)).toBeLessThan(1e-13);
  expect(traceError).toBeGreaterThan(1e-6);
});

claim("products-need-not-be-definite", () => {
  for (let seed = 0; seed < 60; seed++) {
    const n = 2 + (seed % 5);
    const [a, b] = [gram(n, 1 + (seed % n), seed), gram(n, 1 + ((seed + 1) % n), seed + 500)];
    const entrywise = from(n, n, (i, j) => a.get(i, j) * b.get(i, j));
    expect(isPositiveSemidefinite(entrywise)).toBe(true);
    const [c, d] = [definite(n, seed), definite(n, seed + 500)];
    const { real, imaginary } = eig(matmul(c, d));
    expect(Math.min(...real)).toBeGreaterThan(0);
    expect(Math.max(...imaginary.map(Math.abs))).toBeLessThan(1e-9 * real[0]!);
  }
  const product = matmul(diagonal(10, 1), m("1 .9; .9 1"));
  expect(Array.from(eig(product).real)).toEqual([expect.closeTo(10.8245, 4), expect.closeTo(0.1755, 4)]);
  const half = combined(scaledBy(0.5, product), transpose(product), 0.5);
  expect(smallest(half)).toBeCloseTo(-1.1897, 4);
});

const byHand = m("4 2 -2; 2 10 2; -2 2 6");

claim("samples-recover-the-covariance", () => {
  const trace = 20;
  expect(frobeniusNorm(byHand) ** 2 + trace ** 2).toBeCloseTo(576, 10);
  for (const n of [50, 400]) {
    let sum = 0;
    for (let seed = 0; seed < 400; seed++) {
      const sampled = covarianceMatrix(sampleMultivariateNormal([5, -1, 2], byHand, n, { seed }));
      sum += frobeniusNorm(combined(sampled, byHand, -1)) ** 2;
    }
    // A squared error varies by about its own size: the mean of 400 by 5 %, its root by half of that.
    const measured = Math.sqrt((sum / 400) * (n - 1));
    expect(Math.abs(measured / 24 - 1)).toBeLessThan(0.1);
  }
});

// ---- the worked case of the note, by hand ----

describe("worked case", () => {
  const l = m("2 0 0; 1 3 0; -1 1 2");

  test("factor, determinant, solution", () => {
    expect(toRows(cholesky(byHand))).toEqual(toRows(l));
    expect(Math.exp(logDetSpd(byHand))).toBeCloseTo(144, 10);
    expect(Array.from(triangularSolve(l, [4, 14, 6]))).toEqual([2, 4, 2]);
    expect(Array.from(triangularSolve(l, [2, 4, 2], { transposed: true }))).toEqual([1, 1, 1]);
    expect(Array.from(choleskySolve(l, [4, 14, 6]))).toEqual([1, 1, 1]);
    expect(mahalanobis([4, 14, 6], [0, 0, 0], byHand)).toBeCloseTo(Math.sqrt(24), 14); // z = (2, 4, 2)
  });

  test("pivoted: the largest diagonal entry comes first", () => {
    const { permutation, l, rank, traceError } = pivotedCholesky(byHand);
    expect(Array.from(permutation)).toEqual([1, 2, 0]); // 10; then 6 − 4/10 against 4 − 4/10
    expect([rank, traceError]).toEqual([3, 0]);
    expect(l.get(0, 0)).toBe(Math.sqrt(10));
    expect(l.get(1, 1)).toBeCloseTo(Math.sqrt(5.6), 15);
  });

  test("one more sample", () => {
    expect(toRows(choleskyRankOneUpdate(m("3 0; 0 1"), [4, 0]))).toEqual([
      [5, 0],
      [0, 1],
    ]);
  });
});

// ---- NumPy, SciPy and PyTorch ----

type Rows = number[][];

interface Fixture {
  factorisations: {
    a: Rows;
    b: Rows;
    v: number[];
    l: Rows;
    forward: Rows;
    backward: Rows;
    x: Rows;
    logDet: number;
    updated: Rows;
  }[];
  pivoted: { a: Rows; rank: number; permutation: number[]; l: Rows }[];
  distances: { covariance: Rows; x: number[]; mean: number[]; distance: number }[];
  correlations: { a: Rows; nearest: Rows; distance: number }[];
  projections: { a: Rows; matrix: Rows; distance: number }[];
  irisCovariances: Rows[];
  wine: { complete: Rows; pairs: Rows };
  kernel: { largest: number; limit: number; above: number; leading: number[] };
  schur: { m: Rows; p: number; x: number[]; conditional: number; inverse: Rows }[];
  coverage: { d: number; within: number[] }[];
  radii: { level: number; radius: number }[];
  segment: number;
  conventions: {
    numpyLower: Rows;
    scipyUpper: Rows;
    torchLower: Rows;
    numpyIndefinite: string;
    scipyIndefinite: string;
    torchIndefinite: string;
    numpyCov: Rows;
    numpyCovOfRows: number[];
    torchCov: Rows;
    numpyDraws: string;
    scipyDraws: string;
    torchDraws: string;
  };
}

describe("NumPy, SciPy and PyTorch agree", () => {
  const expected = oracle<Fixture>();
  const close = (ours: Matrix, theirs: Rows, tolerance: number) => {
    const given = matrix(theirs);
    expect(maxAbsDifference(ours, given)).toBeLessThanOrEqual(tolerance * frobeniusNorm(given));
  };

  test("on factors, solutions, log-determinants and updates", () => {
    for (const { a, b, v, l, forward, backward, x, logDet, updated } of expected.factorisations) {
      const factor = cholesky(matrix(a));
      // Condition numbers stay below 1e4.
      close(factor, l, 1e-13);
      close(triangularSolve(factor, matrix(b)), forward, 1e-12);
      close(triangularSolve(factor, matrix(b), { transposed: true }), backward, 1e-12);
      close(choleskySolve(factor, matrix(b)), x, 1e-11);
      expect(logDetSpd(matrix(a))).toBeCloseTo(logDet, 11);
      close(choleskyRankOneUpdate(factor, v), updated, 1e-12);
    }
  });

  test("on pivots and rank", () => {
    for (const { a, rank, permutation, l } of expected.pivoted) {
      const ours = pivotedCholesky(matrix(a));
      expect(ours.rank).toBe(rank);
      expect(Array.from(ours.permutation.slice(0, rank))).toEqual(permutation.slice(0, rank));
      const order = (p: ArrayLike<number>, rows: Rows) => permutation.map((at) => rows[Array.from(p).indexOf(at)]!);
      close(matrix(order(ours.permutation, toRows(ours.l))), order(permutation, l), 1e-12);
      expect(ours.traceError).toBeLessThan(1e-13 * frobeniusNorm(matrix(a)));
    }
  });

  test("on distances", () => {
    for (const { covariance, x, mean, distance } of expected.distances) {
      expect(mahalanobis(x, mean, matrix(covariance)) / distance).toBeCloseTo(1, 10);
    }
  });

  test("on the nearest matrices", () => {
    for (const { a, matrix: projection, distance } of expected.projections) {
      const ours = nearestPsd(matrix(a));
      close(ours.matrix, projection, 1e-13);
      expect(ours.distance).toBeCloseTo(distance, 12);
    }
    for (const { a, nearest, distance } of expected.correlations) {
      const ours = nearestCorrelation(matrix(a));
      expect(ours.converged).toBe(true);
      expect(maxAbsDifference(ours.matrix, matrix(nearest))).toBeLessThan(1e-7); // both stop near 1e-9
      expect(ours.distance).toBeCloseTo(distance, 8);
    }
  });

  test("on covariances and correlations", () => {
    const { x, target } = loadIris();
    for (const [species, covariance] of expected.irisCovariances.entries()) {
      close(covarianceMatrix(matrix(toRows(x).filter((_, i) => target[i] === species))), covariance, 1e-13);
    }
    const { x: wine } = loadWine();
    close(correlationMatrix(wine), expected.wine.complete, 1e-13);
    const present = (i: number, j: number) => (31 * i + 17 * j + i * i * j * j + i * j) % 7 >= 2;
    close(correlationMatrix(wine, { present }), expected.wine.pairs, 1e-13);
  });

  test("on what they do otherwise", () => {
    const theirs = expected.conventions;
    const lower = [
      [2, 0],
      [1, 2],
    ];
    expect(theirs.numpyLower).toEqual(lower); // of [[4, 9], [2, 5]]
    expect(theirs.torchLower).toEqual(lower);
    expect(theirs.scipyUpper).toEqual(toRows(transpose(matrix(lower)))); // of [[4, 2], [9, 5]]
    expect(() => cholesky(m("4 9; 2 5"))).toThrow(RangeError);
    expect([theirs.numpyIndefinite, theirs.scipyIndefinite, theirs.torchIndefinite]).toEqual(
      Array(3).fill("LinAlgError"),
    );
    expect(theirs.numpyCov).toEqual(toRows(covarianceMatrix(m("1 2; 3 8; 2 2")))); // of the transposed
    expect(theirs.torchCov).toEqual(theirs.numpyCov);
    expect(theirs.numpyCovOfRows).toEqual([3, 3]);
    expect([theirs.numpyDraws, theirs.scipyDraws, theirs.torchDraws]).toEqual([
      "RuntimeWarning",
      "ValueError",
      "ValueError",
    ]);
    expect(() => sampleMultivariateNormal([0, 0], m("1 2; 2 1"), 1)).toThrow(NotPositiveDefiniteError);
  });
});

// ---- properties ----

describe("cholesky", () => {
  test("a lower triangle with a positive diagonal, and LLᵀ = A", () => {
    fc.assert(
      fc.property(sizes, ({ n, seed }) => {
        const a = definite(n, seed);
        const l = cholesky(a);
        for (let i = 0; i < n; i++) {
          expect(l.get(i, i)).toBeGreaterThan(0);
          for (let j = i + 1; j < n; j++) expect(l.get(i, j)).toBe(0);
        }
        expect(maxAbsDifference(matmul(l, transpose(l)), a)).toBeLessThan(1e-14 * frobeniusNorm(a));
        expect(cholesky(strided(a))).toEqual(l);
      }),
      { numRuns: 100 },
    );
  });

  test("finds the triangle it was made of, integers exactly", () => {
    for (let seed = 0; seed < 50; seed++) {
      const n = 1 + (seed % 7);
      const x = integers(n, n, seed);
      const l = from(n, n, (i, j) => (i === j ? 1 + Math.abs(x.get(i, i)) : i > j ? x.get(i, j) : 0));
      // Only powers of two divide without rounding; others divide a multiple of themselves here.
      expect(toRows(cholesky(matmul(l, transpose(l))))).toEqual(toRows(l));
    }
  });

  test("larger than a block, and not a multiple of one", () => {
    for (const n of [31, 32, 33, 64, 100]) {
      const l = from(n, n, (i, j) => (i === j ? 3 + (i % 5) : i > j ? Math.sin(i + 2 * j) : 0));
      expect(maxAbsDifference(cholesky(matmul(l, transpose(l))), l)).toBeLessThan(1e-11);
    }
  });

  test("powers of four scale without rounding, up to the ends of float64", () => {
    const a = definite(4, 8);
    for (const k of [-400, -1, 3, 500]) {
      expect(cholesky(scaledBy(4 ** k, a))).toEqual(scaledBy(2 ** k, cholesky(a)));
    }
    expect(toRows(cholesky(m("1e308 5e307; 5e307 1e308")))[0]).toEqual([1e154, 0]);
    expect(cholesky(m("5e-324")).get(0, 0)).toBe(Math.sqrt(5e-324));
  });

  test("of differences within rounding the lower triangle counts", () => {
    expect(toRows(cholesky(m("4 2.0000000003; 2 5")))).toEqual([
      [2, 0],
      [1, 2],
    ]);
  });

  test("the failing pivot is named, with its value", () => {
    const failure = (a: Matrix) => {
      try {
        cholesky(a);
      } catch (error) {
        if (error instanceof NotPositiveDefiniteError) return error;
      }
      throw new Error("no failure");
    };
    expect(failure(m("1 2; 2 1"))).toMatchObject({
      name: "NotPositiveDefiniteError",
      pivot: 1,
      value: -3,
      message: "cholesky: a must be positive definite, got pivot -3 at step 1",
    });
    expect(failure(m("0 0; 0 1"))).toMatchObject({ pivot: 0, value: 0 });
    expect(failure(m("4 2 2; 2 1 1; 2 1 9"))).toMatchObject({ pivot: 1, value: 0 });
    expect(failure(m("1e-300 1e300; 1e300 1"))).toMatchObject({ pivot: 1, value: -Infinity });
    // Rows of many blocks: pivot 70 would have been 9, and 10 is taken from it.
    const l = from(100, 100, (i, j) => (i === j ? 3 : i > j ? Math.sin(i * j) : 0));
    const late = matmul(l, transpose(l));
    late.set(70, 70, late.get(70, 70) - 10);
    expect(failure(late)).toMatchObject({ pivot: 70, value: expect.closeTo(-1, 11) });
  });
});

describe("triangularSolve, choleskySolve", () => {
  test("one right-hand side or several, with L and with Lᵀ", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), ({ n, seed }, k) => {
        const a = definite(n, seed);
        const [l, b] = [cholesky(a), normal(n, k, seed + 3)];
        const [z, w, x] = [triangularSolve(l, b), triangularSolve(l, b, { transposed: true }), choleskySolve(l, b)];
        expect(maxAbsDifference(matmul(l, z), b)).toBeLessThan(1e-12);
        expect(maxAbsDifference(matmul(transpose(l), w), b)).toBeLessThan(1e-12);
        expect(maxAbsDifference(matmul(a, x), b)).toBeLessThan(1e-10);
        for (let j = 0; j < k; j++) {
          expect(choleskySolve(l, column(b, j))).toEqual(column(x, j));
          expect(triangularSolve(l, Array.from(column(b, j)))).toEqual(column(z, j));
        }
        expect(choleskySolve(strided(l), strided(b))).toEqual(x);
      }),
      { numRuns: 60 },
    );
  });

  test("only the lower triangle is read", () => {
    expect(triangularSolve(m("2 99; 1 2"), [4, 6])).toEqual(Float64Array.of(2, 2));
    expect(choleskySolve(m("2 99; 1 2"), [8, 12])).toEqual(Float64Array.of(1, 2));
    expect(toRows(choleskyRankOneUpdate(m("3 99; 0 1"), [4, 0]))).toEqual([
      [5, 0],
      [0, 1],
    ]);
  });
});

test("a factor may be singular and its update not; a diagonal of 0 stays 0 where there is nothing to add", () => {
  expect(toRows(choleskyRankOneUpdate(zeros(2, 2), [0, 3]))).toEqual([
    [0, 0],
    [0, 3],
  ]);
  expect(toRows(choleskyRankOneUpdate(m("1e200 0; 0 1"), [1e200, 0]))[0]![0]! / 1e200).toBeCloseTo(Math.SQRT2, 15);
});

describe("pivotedCholesky", () => {
  test("PAPᵀ = LLᵀ for every rank, with pivots that do not rise", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), ({ n, seed }, most) => {
        const rank = Math.min(n, most);
        const x = normal(rank, n, seed);
        const a = matmul(transpose(x), x);
        const { l, permutation, rank: found, traceError } = pivotedCholesky(a);
        expect(found).toBe(rank);
        expect(Array.from(permutation).sort((i, j) => i - j)).toEqual(Array.from({ length: n }, (_, i) => i));
        expect(l.shape).toEqual([n, rank]);
        for (let j = 0; j < rank; j++) {
          if (j > 0) expect(l.get(j, j)).toBeLessThanOrEqual(l.get(j - 1, j - 1));
          for (let i = 0; i < j; i++) expect(l.get(i, j)).toBe(0);
        }
        const permuted = from(n, n, (i, j) => a.get(permutation[i]!, permutation[j]!));
        expect(maxAbsDifference(matmul(l, transpose(l)), permuted)).toBeLessThan(1e-13 * frobeniusNorm(a));
        expect(traceError).toBeLessThan(1e-13 * frobeniusNorm(a));
        expect(traceError).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 150 },
    );
  });

  test("the first of equal entries is the pivot; nothing is taken from a matrix of zeros", () => {
    expect(Array.from(pivotedCholesky(identity(3)).permutation)).toEqual([0, 1, 2]);
    expect(pivotedCholesky(zeros(2, 2))).toMatchObject({ rank: 0, traceError: 0 });
    expect(pivotedCholesky(zeros(2, 2)).l.shape).toEqual([2, 0]);
  });

  test("the tolerance counts from the largest diagonal entry", () => {
    expect(pivotedCholesky(diagonal(100, 1, 9), { tolerance: 0.05 })).toMatchObject({ rank: 2, traceError: 1 });
    expect(pivotedCholesky(diagonal(100, 1, 5), { tolerance: 0.05 })).toMatchObject({ rank: 1, traceError: 6 });
    expect(pivotedCholesky(diagonal(1, 1e-20)).rank).toBe(1);
    expect(pivotedCholesky(diagonal(1, 1e-20), { tolerance: 0 }).rank).toBe(2);
    for (let seed = 0; seed < 50; seed++) {
      const x = normal(1, 2, seed); // what is left of xᵀx is rounding, of either sign: never an error
      expect(pivotedCholesky(matmul(transpose(x), x), { tolerance: 0 }).traceError).toBeGreaterThanOrEqual(0);
    }
  });

  test("an indefinite matrix is noticed, on the diagonal and beside it", () => {
    const message = (a: Matrix) => {
      try {
        pivotedCholesky(a);
        return "";
      } catch (error) {
        return String(error);
      }
    };
    const named = "NotPositiveDefiniteError: pivotedCholesky: a must be positive semidefinite, got";
    expect(message(m("1 2; 2 1"))).toBe(`${named} -3 at (1, 1) after 1 pivots`);
    expect(message(m("0 1; 1 0"))).toBe(`${named} 1 at (1, 0) after 0 pivots`);
    expect(message(m("4 2 2; 2 1 2; 2 2 1"))).toBe(`${named} 1 at (2, 1) after 1 pivots`);
    expect(message(m("1 0 0; 0 0 1e-10; 0 1e-10 0"))).toBe(`${named} 1e-10 at (2, 1) after 1 pivots`);
    expect(message(diagonal(-1, -1))).toBe(`${named} -1 at (0, 0) after 0 pivots`);
    for (let seed = 0; seed < 100; seed++) {
      const a = symmetricNormal(2 + (seed % 6), seed);
      expect(message(a) === "").toBe(isPositiveSemidefinite(a));
    }
  });
});

test("isPositiveSemidefinite: Gram matrices of every rank are, whatever rounding does; the tolerance is relative", () => {
  for (let seed = 0; seed < 200; seed++) {
    const n = 1 + (seed % 12);
    const x = normal(1 + (seed % n), n, seed);
    expect(isPositiveSemidefinite(scaledBy(10 ** ((seed % 7) * 20 - 60), matmul(transpose(x), x)))).toBe(true);
  }
  expect(isPositiveSemidefinite(zeros(3, 3))).toBe(true);
  expect(isPositiveSemidefinite(diagonal(100, -1), { tolerance: 0.02 })).toBe(true);
  expect(isPositiveSemidefinite(diagonal(100, -1), { tolerance: 0.005 })).toBe(false);
  expect(isPositiveSemidefinite(diagonal(1, -1e-13))).toBe(false);
  expect(isPositiveSemidefinite(m("-1"))).toBe(false);
  expect(isPositiveDefinite(zeros(1, 1))).toBe(false);
});

test("asymmetry up to 1e-10 of the largest entry is rounding; beyond, an error", () => {
  const skewed = (by: number) => m(`2 ${1 + by}; 1 2`);
  const users = [
    cholesky,
    logDetSpd,
    pivotedCholesky,
    isPositiveDefinite,
    isPositiveSemidefinite,
    nearestPsd,
    (a: Matrix) => mahalanobis([1, 2], [0, 0], a),
    confidenceEllipse,
    (a: Matrix) => sampleMultivariateNormal([0, 0], a, 2),
    (a: Matrix) => nearestCorrelation(combined(a, identity(2), -1)),
  ];
  for (const use of users) {
    expect(() => use(skewed(0.9e-10))).not.toThrow();
    expect(() => use(skewed(5e-10))).toThrow(/must be symmetric, got 1 at \(1, 0\) and 1\.0000000005 at \(0, 1\)$/);
  }
  expect(nearestPsd(skewed(1e-10)).matrix.get(0, 1)).toBe(nearestPsd(skewed(1e-10)).matrix.get(1, 0));
});

describe("covarianceMatrix and correlationMatrix", () => {
  test("against sums written here", () => {
    const x = normal(17, 4, 2);
    const mean = (j: number) => column(x, j).reduce((sum, value) => sum + value, 0) / 17;
    const expected = from(4, 4, (p, q) => {
      let sum = 0;
      for (let i = 0; i < 17; i++) sum += (x.get(i, p) - mean(p)) * (x.get(i, q) - mean(q));
      return sum / 16;
    });
    const c = covarianceMatrix(x);
    expect(maxAbsDifference(c, expected)).toBeLessThan(1e-14);
    expect(c).toEqual(copy(transpose(c)));
    const r = correlationMatrix(x);
    expect(r).toEqual(copy(transpose(r)));
    const rescaled = from(4, 4, (p, q) => c.get(p, q) / Math.sqrt(c.get(p, p) * c.get(q, q)));
    expect(maxAbsDifference(r, rescaled)).toBeLessThan(1e-14);
    expect(covarianceMatrix(strided(x))).toEqual(c);
  });

  test("a correlation is within [−1, 1], also of columns that are multiples", () => {
    for (let seed = 0; seed < 100; seed++) {
      const x = normal(7, 1, seed);
      const r = correlationMatrix(from(7, 3, (i, j) => x.get(i, 0) * [1, 3, -0.7][j]! + j));
      expect(Math.abs(r.get(1, 0))).toBeLessThanOrEqual(1);
      expect(r.get(1, 0)).toBeCloseTo(1, 13);
      expect(r.get(2, 0)).toBeCloseTo(-1, 13);
    }
    // From the denormal to the largest numbers: (1, 2, 0) with deviations (0, 1, −1), against (1, 2, 6) with (−2, −1, 3).
    for (const unit of [5e-324, 1e-310, 1e-200, 1, 1e200, 8e307]) {
      const r = correlationMatrix(matrix([1, 2, 0].map((value, i) => [value * unit, [1, 2, 6][i]!])));
      expect(r.get(1, 0)).toBeCloseTo(-4 / Math.sqrt(28), 14);
    }
    expect(correlationMatrix(m("-1.7e308 1; 1.7e308 2")).get(1, 0)).toBeCloseTo(1, 15);
  });

  test("what is missing does not matter", () => {
    const present = (i: number, j: number) => (i + 2 * j) % 4 !== 0; // row and column must not be exchanged
    const x = normal(20, 3, 4);
    const other = from(20, 3, (i, j) => (present(i, j) ? x.get(i, j) : 1e9));
    expect(correlationMatrix(other, { present })).toEqual(correlationMatrix(x, { present }));
  });
});

describe("nearestCorrelation", () => {
  const uniformCorrelations = (n: number, seed: number) => {
    const { uniform } = random(seed);
    const x = from(n, n, () => 2 * uniform() - 1);
    return from(n, n, (i, j) => (i === j ? 1 : i > j ? x.get(i, j) : x.get(j, i)));
  };

  test("a correlation matrix, no farther than shrinking or rescaling, and its own nearest", () => {
    for (let seed = 0; seed < 40; seed++) {
      const n = 2 + (seed % 6);
      const a = uniformCorrelations(n, seed);
      const { matrix: nearest, distance, converged, iterations } = nearestCorrelation(a);
      expect(converged).toBe(true);
      for (let i = 0; i < n; i++) expect(nearest.get(i, i)).toBe(1);
      expect(nearest).toEqual(copy(transpose(nearest)));
      expect(smallest(nearest)).toBeGreaterThan(-1e-14);
      expect(frobeniusNorm(combined(a, nearest, -1))).toBeCloseTo(distance, 12);
      const shift = Math.max(0, -smallest(a));
      const shrunk = from(n, n, (i, j) => (i === j ? 1 : a.get(i, j) / (1 + shift)));
      expect(distance).toBeLessThan(frobeniusNorm(combined(a, shrunk, -1)) + 1e-9);
      expect(nearestCorrelation(nearest).distance).toBeLessThan(1e-8);
      if (isPositiveDefinite(a)) expect([distance, iterations]).toEqual([expect.closeTo(0, 12), 1]);
    }
  });

  test("its states, and where it stops", () => {
    const steps = nearestCorrelationSteps(published);
    const first = Array.from({ length: 30 }, () => steps.next().value);
    expect(first.map(({ iteration }) => iteration)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(maxAbsDifference(first[0]!.semidefinite, nearestPsd(published).matrix)).toBe(0);
    for (const { semidefinite, unitDiagonal } of first) {
      expect(smallest(semidefinite)).toBeGreaterThan(-1e-14);
      const expected = from(3, 3, (i, j) => (i === j ? 1 : semidefinite.get(i, j)));
      expect(toRows(unitDiagonal)).toEqual(toRows(expected));
    }
    for (const { semidefinite, unitDiagonal, residual } of first) {
      const apart = frobeniusNorm(combined(unitDiagonal, semidefinite, -1));
      expect(residual).toBeCloseTo(apart / frobeniusNorm(unitDiagonal), 14);
    }
    const { iterations } = nearestCorrelation(published, { tolerance: 1e-4 });
    expect(first[iterations - 1]!.residual).toBeLessThanOrEqual(1e-4);
    expect(first[iterations - 2]!.residual).toBeGreaterThan(1e-4);
  });

  test("each projected matrix is A but for its diagonal: so a diagonal of ones ends the search", () => {
    const a = uniformCorrelations(5, 3);
    let unitDiagonal = a;
    let shifts = zeros(5, 5);
    const steps = nearestCorrelationSteps(a);
    for (let k = 0; k < 10; k++) {
      const step = steps.next().value;
      const expected = nearestPsd(combined(a, shifts, 1)).matrix;
      expect(maxAbsDifference(step.semidefinite, expected)).toBeLessThan(1e-13);
      unitDiagonal = step.unitDiagonal;
      shifts = combined(combined(shifts, unitDiagonal, 1), step.semidefinite, -1);
    }
  });

  test("a tolerance of 0 can be reached", () => {
    expect(nearestCorrelation(identity(3), { tolerance: 0 })).toMatchObject({ converged: true, iterations: 1 });
  });

  test("not converged: says so, and is a correlation matrix all the same", () => {
    const { matrix: early, converged, iterations } = nearestCorrelation(published, { maxIterations: 2 });
    expect([converged, iterations]).toEqual([false, 2]);
    expect(smallest(early)).toBeGreaterThan(-1e-14);
    expect([0, 1, 2].map((i) => early.get(i, i))).toEqual([1, 1, 1]);
  });
});

describe("sampleMultivariateNormal", () => {
  test("x = μ + Lz, row by row", () => {
    const { normal: draw } = random(9);
    const l = cholesky(byHand);
    const draws = sampleMultivariateNormal([10, 20, 30], byHand, 4, { seed: 9 });
    expect(draws.shape).toEqual([4, 3]);
    for (let i = 0; i < 4; i++) {
      const z = [draw(), draw(), draw()];
      const expected = matvec(l, z);
      for (let j = 0; j < 3; j++) expect(draws.get(i, j)).toBeCloseTo(10 * (j + 1) + expected[j]!, 12);
    }
    expect(sampleMultivariateNormal([0, 0, 0], byHand, 5)).toEqual(sampleMultivariateNormal([0, 0, 0], byHand, 5));
    expect(sampleMultivariateNormal([0, 0, 0], byHand, 5, { seed: 1 })).not.toEqual(
      sampleMultivariateNormal([0, 0, 0], byHand, 5),
    );
  });

  test("a singular covariance: every draw keeps the relations of the variables", () => {
    // (1, 3, 1) and (0, 1, 2): the third variable is twice the second minus five times the first
    const x = m("1 3 1; 0 1 2");
    const singular = matmul(transpose(x), x);
    const draws = sampleMultivariateNormal([7, 0, 0], singular, 2000, { seed: 2 });
    for (let i = 0; i < 2000; i++) {
      expect(draws.get(i, 2)).toBeCloseTo(2 * draws.get(i, 1) - 5 * (draws.get(i, 0) - 7), 11);
    }
    const error = frobeniusNorm(combined(covarianceMatrix(draws), singular, -1));
    const trace = 1 + 10 + 5;
    expect(error).toBeLessThan(3 * Math.sqrt((frobeniusNorm(singular) ** 2 + trace ** 2) / 1999));
    expect(toRows(sampleMultivariateNormal([1, 2], zeros(2, 2), 2))).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});

test("Mahalanobis' distance does not depend on the units", () => {
  fc.assert(
    fc.property(sizes, ({ n, seed }) => {
      const [sigma, x, mean] = [
        definite(n, seed),
        column(normal(n, 1, seed + 1), 0),
        column(normal(n, 1, seed + 2), 0),
      ];
      const units = combined(qr(normal(n, n, seed + 3)).q, identity(n), 2);
      const image = matmul(matmul(units, sigma), transpose(units));
      const there = mahalanobis(
        matvec(units, x),
        matvec(units, mean),
        combined(scaledBy(0.5, image), transpose(image), 0.5),
      );
      expect(there).toBeCloseTo(mahalanobis(x, mean, sigma), 10);
    }),
    { numRuns: 60 },
  );
  expect(mahalanobis([3, 4], [0, 0], identity(2))).toBe(5);
  expect(mahalanobis([1e300, 0], [0, 0], identity(2))).toBe(1e300);
});

test("confidenceEllipse: a segment for a singular covariance, a point at level 0, the longer axis first", () => {
  const { radii, axes } = confidenceEllipse(m("1 1; 1 1"), { level: 0.5 });
  expect(radii[0]).toBeCloseTo(Math.sqrt(4 * Math.LN2), 12);
  expect(radii[1]).toBeLessThan(1e-7);
  expect(Math.abs(axes.get(0, 0))).toBeCloseTo(Math.SQRT1_2, 14);
  expect(axes.get(0, 0)).toBeCloseTo(axes.get(1, 0), 14);
  expect(Array.from(confidenceEllipse(identity(2), { level: 0 }).radii)).toEqual([0, 0]);
  const beyond = 1 + 2 ** -52; // rounding's worth: the smaller eigenvalue is negative
  expect(confidenceEllipse(m(`1 ${beyond}; ${beyond} 1`)).radii[1]).toBe(0);
  expect(Array.from(confidenceEllipse(zeros(2, 2)).radii)).toEqual([0, 0]);
  expect(confidenceEllipse(identity(2), { level: 1e-20 }).radii[0]! / Math.sqrt(2e-20)).toBeCloseTo(1, 12);
});

// ---- the contract ----

describe("the contract", () => {
  const messageOf = (call: () => unknown) => {
    try {
      return call();
    } catch (error) {
      return (error as Error).message;
    }
  };
  const one = identity(2);
  const bad: [string, () => unknown, string, unknown][] = [
    ["not square", () => cholesky(zeros(2, 3)), "cholesky: a must be square, got 2×3", RangeError],
    ["NaN", () => cholesky(m("1 NaN; 0 1")), "cholesky: a must be finite, got NaN at (0, 1)", RangeError],
    [
      "no matrix",
      () => cholesky([[1]] as never),
      "cholesky: a must be a rank-2 ndarray of Float64Array, got Array",
      TypeError,
    ],
    [
      "asymmetric",
      () => cholesky(m("1 2; 3 1")),
      "cholesky: a must be symmetric, got 3 at (1, 0) and 2 at (0, 1)",
      RangeError,
    ],
    [
      "log-determinant",
      () => logDetSpd(m("-1")),
      "logDetSpd: a must be positive definite, got pivot -1 at step 0",
      NotPositiveDefiniteError,
    ],
    ["triangle", () => triangularSolve(zeros(2, 3), [1, 2]), "triangularSolve: l must be square, got 2×3", RangeError],
    [
      "zero on the diagonal",
      () => triangularSolve(m("1 0; 5 0"), [1, 2]),
      "triangularSolve: l must be invertible, got 0 at (1, 1)",
      SingularMatrixError,
    ],
    ["rows of b", () => choleskySolve(one, zeros(3, 1)), "choleskySolve: b must have 2 rows like l, got 3", RangeError],
    ["length of b", () => choleskySolve(one, [1]), "choleskySolve: b must have length 2, got 1", RangeError],
    [
      "b of nothing",
      () => choleskySolve(one, null as never),
      "choleskySolve: b must be an array of numbers, got null",
      TypeError,
    ],
    [
      "infinite b",
      () => choleskySolve(one, [1, Infinity]),
      "choleskySolve: b must be finite, got Infinity at 1",
      RangeError,
    ],
    [
      "overflow",
      () => triangularSolve(m("1e-200"), [1e200]),
      "triangularSolve: the solution must not overflow, got Infinity",
      RangeError,
    ],
    ["v", () => choleskyRankOneUpdate(one, [1]), "choleskyRankOneUpdate: v must have length 2, got 1", RangeError],
    [
      "updated triangle",
      () => choleskyRankOneUpdate(zeros(1, 2), [1]),
      "choleskyRankOneUpdate: l must be square, got 1×2",
      RangeError,
    ],
    [
      "updated beyond float64",
      () => choleskyRankOneUpdate(m("1.7e308"), [1.7e308]),
      "choleskyRankOneUpdate: the factor must not overflow, got Infinity",
      RangeError,
    ],
    [
      "tolerance",
      () => pivotedCholesky(one, { tolerance: 1 }),
      "pivotedCholesky: tolerance must be a finite number in [0, 1), got 1",
      RangeError,
    ],
    [
      "tolerance of a test",
      () => isPositiveSemidefinite(one, { tolerance: -1 }),
      "isPositiveSemidefinite: tolerance must be a finite number in [0, Infinity), got -1",
      RangeError,
    ],
    [
      "test of no square",
      () => isPositiveDefinite(zeros(1, 2)),
      "isPositiveDefinite: a must be square, got 1×2",
      RangeError,
    ],
    ["projection", () => nearestPsd(zeros(1, 2)), "nearestPsd: a must be square, got 1×2", RangeError],
    [
      "diagonal",
      () => nearestCorrelation(m("1 0; 0 2")),
      "nearestCorrelation: a must have ones on its diagonal, got 2 at (1, 1)",
      RangeError,
    ],
    [
      "diagonal of the steps",
      () => nearestCorrelationSteps(m("0.9")).next(),
      "nearestCorrelationSteps: a must have ones on its diagonal, got 0.9 at (0, 0)",
      RangeError,
    ],
    [
      "tolerance of the iteration",
      () => nearestCorrelation(one, { tolerance: Number.NaN }),
      "nearestCorrelation: tolerance must be a finite number in [0, Infinity), got NaN",
      RangeError,
    ],
    [
      "iterations",
      () => nearestCorrelation(one, { maxIterations: 0 }),
      "nearestCorrelation: maxIterations must be an integer at least 1, got 0",
      RangeError,
    ],
    ["one row", () => covarianceMatrix(m("1 2")), "covarianceMatrix: x must have at least two rows, got 1", RangeError],
    [
      "covariance beyond float64",
      () => covarianceMatrix(m("1e200; -1e200")),
      "covarianceMatrix: the result must not overflow, got Infinity",
      RangeError,
    ],
    [
      "constant column",
      () => correlationMatrix(m("1 0.1; 2 0.1; 4 0.1")),
      "correlationMatrix: column 1 must vary over the 3 rows it shares with 0, got deviation 0",
      RangeError,
    ],
    [
      "constant column whose mean is rounded",
      () => correlationMatrix(from(10, 2, (i, j) => (j === 0 ? 0.7 : i))),
      "correlationMatrix: column 0 must vary over the 10 rows it shares with 1, got deviation 0",
      RangeError,
    ],
    [
      "nothing shared",
      () => correlationMatrix(m("1 5; 2 6; 4 8"), { present: (i, j) => i === j }),
      "correlationMatrix: column 1 must vary over the 0 rows it shares with 0, got deviation 0",
      RangeError,
    ],
    [
      "nothing but constant",
      () => correlationMatrix(m("1e-200 1; 1e-200 2")),
      "correlationMatrix: column 0 must vary over the 2 rows it shares with 1, got deviation 0",
      RangeError,
    ],
    ["x of a distance", () => mahalanobis([1], [0, 0], one), "mahalanobis: x must have length 2, got 1", RangeError],
    [
      "mean of a distance",
      () => mahalanobis([1, 2], [0], one),
      "mahalanobis: mean must have length 2, got 1",
      RangeError,
    ],
    [
      "distance beyond float64",
      () => mahalanobis([1.7e308, 0], [-1.7e308, 0], one),
      "mahalanobis: x − mean must be finite, got Infinity at 0",
      RangeError,
    ],
    [
      "singular covariance",
      () => mahalanobis([1, 2], [0, 0], m("1 1; 1 1")),
      "mahalanobis: covariance must be positive definite, got pivot 0 at step 1",
      NotPositiveDefiniteError,
    ],
    [
      "ellipse in space",
      () => confidenceEllipse(identity(3)),
      "confidenceEllipse: covariance must be 2×2, got 3×3",
      RangeError,
    ],
    [
      "level",
      () => confidenceEllipse(one, { level: 1 }),
      "confidenceEllipse: level must be a finite number in [0, 1), got 1",
      RangeError,
    ],
    [
      "hyperbola",
      () => confidenceEllipse(diagonal(1, -1)),
      "confidenceEllipse: covariance must be positive semidefinite, got eigenvalue -1",
      RangeError,
    ],
    [
      "hyperbola, though nearly flat",
      () => confidenceEllipse(diagonal(1, -1e-14)),
      "confidenceEllipse: covariance must be positive semidefinite, got eigenvalue -1e-14",
      RangeError,
    ],
    [
      "draws",
      () => sampleMultivariateNormal([0, 0], one, 0),
      "sampleMultivariateNormal: n must be an integer at least 1, got 0",
      RangeError,
    ],
    [
      "mean",
      () => sampleMultivariateNormal([0], one, 1),
      "sampleMultivariateNormal: mean must have length 2, got 1",
      RangeError,
    ],
    [
      "indefinite covariance",
      () => sampleMultivariateNormal([0, 0], m("1 2; 2 1"), 1),
      "sampleMultivariateNormal: covariance must be positive semidefinite, got -3 at (1, 1) after 1 pivots",
      NotPositiveDefiniteError,
    ],
  ];

  test.each(bad)("%s is refused", (_, call, message, kind) => {
    expect(call).toThrow(kind as typeof Error);
    expect(messageOf(call)).toBe(message);
  });

  test("inputs are not changed", () => {
    const [a, b, l, x] = [definite(4, 1), normal(4, 2, 2), cholesky(definite(4, 1)), normal(9, 3, 3)];
    const r = uniformlyWrong(5);
    const before = [a, b, l, x, r].map((given) => copy(given));
    const v = Float64Array.of(1, 2, 3, 4);
    cholesky(a);
    choleskySolve(l, b);
    triangularSolve(l, b, { transposed: true });
    triangularSolve(l, v);
    choleskyRankOneUpdate(l, v);
    pivotedCholesky(a);
    nearestPsd(a);
    nearestCorrelation(r);
    covarianceMatrix(x);
    correlationMatrix(x);
    mahalanobis(v, v, a);
    sampleMultivariateNormal(v, a, 3);
    for (const [i, given] of [a, b, l, x, r].entries()) expect(given).toEqual(before[i]);
    expect(v).toEqual(Float64Array.of(1, 2, 3, 4));
  });

  test("large and small entries", () => {
    const big = scaledBy(1e305, definite(3, 1));
    expect(isPositiveDefinite(big)).toBe(true);
    expect(isPositiveSemidefinite(scaledBy(1e-310, definite(3, 1)))).toBe(true);
    expect(nearestPsd(m("-1e308")).distance).toBe(1e308);
    expect(nearestPsd(m("-1e308")).matrix.get(0, 0)).toBe(0);
    expect(covarianceMatrix(m("1.7e308; 1.7e308; 1.7e308")).get(0, 0)).toBe(0); // the sum of a column would overflow
    expect(nearestPsd(diagonal(-1.7e308, -1.7e308)).distance).toBe(Infinity);
    expect(mahalanobis([1.7e308, 1.7e308], [0, 0], identity(2))).toBe(Infinity);
    expect(logDetSpd(scaledBy(1e-300, identity(50)))).toBeCloseTo(50 * Math.log(1e-300), 8);
  });
});

/** Correlations that cannot be: all −0.9. */
function uniformlyWrong(n: number): Matrix {
  return from(n, n, (i, j) => (i === j ? 1 : -0.9));
}

// ---- figures ----

describe("figures", () => {
  const text = (spec: { description?: string }) => spec.description!;

  test("ellipse over points: the count is that of the points within the distance", () => {
    for (const [level, correlation] of [
      [0.5, 0.5],
      [0.95, 0.5],
      [0.8, 0.99],
    ] as const) {
      const covariance = m(`1 ${0.7 * correlation}; ${0.7 * correlation} 0.49`);
      const spec = ellipseOverPoints.draw({ level, correlation, ratio: 0.49 });
      const draws = sampleMultivariateNormal([0, 0], covariance, 500, { seed: 4 });
      const radius = Math.sqrt(-2 * Math.log(1 - level));
      const inside = toRows(draws).filter((point) => mahalanobis(point, [0, 0], covariance) <= radius).length;
      expect(text(spec)).toContain(`${inside} points`);
    }
    // On a line the distance is |z| of one normal number: 0.4590 holds 0.3538 of them, whatever the variances and the rounding.
    for (const correlation of [-1, 1]) {
      for (let tenths = 1; tenths <= 15; tenths++) {
        const alt = text(ellipseOverPoints.draw({ correlation, ratio: tenths / 10, level: 0.1 }));
        expect(alt).toContain("all points lie on one line");
        const inside = Number(/: (\d+) points/.exec(alt)![1]);
        expect(Math.abs(inside - 177)).toBeLessThan(32); // three standard deviations
      }
    }
  });

  test("level curves: every point is on its level", () => {
    for (const lambda of [-1, 0, 0.5]) {
      const spec = levelCurves.draw({ lambda, angle: 0 }) as unknown as {
        data: { values: { x: number; y: number; level: number }[] };
        description: string;
      };
      expect(spec.data.values.length).toBeGreaterThan(200);
      for (const { x, y, level } of spec.data.values) expect(x * x + lambda * y * y).toBeCloseTo(level, 2);
      expect(spec.description).toContain(lambda < 0 ? "hyperbolas" : lambda === 0 ? "parallel lines" : "ellipses");
    }
  });

  test("kernel: the count of the claim, and success where the kernel is rough", () => {
    expect(text(kernelSpectrum.draw())).toContain("8 lie above");
    expect(text(kernelSpectrum.draw())).toMatch(/Cholesky fails at step \d+\.$/);
    expect(text(kernelSpectrum.draw({ n: 20, logScale: -2.5 }))).toContain("20 lie above");
    expect(text(kernelSpectrum.draw({ n: 20, logScale: -2.5 }))).toMatch(/Cholesky succeeds\.$/);
  });

  test("iris: counts of flowers within the distance", () => {
    const { x, target } = loadIris();
    const setosa = matrix(toRows(x).flatMap((flower, i) => (target[i] === 0 ? [flower.slice(2)] : [])));
    const mean = [0, 1].map((j) => column(setosa, j).reduce((sum, value) => sum + value / 50, 0));
    const sigma = covarianceMatrix(setosa);
    const inside = toRows(setosa).filter((flower) => mahalanobis(flower, mean, sigma) <= 2.44775).length;
    expect(text(irisEllipses.draw())).toContain(`setosa ${inside} of 50`);
  });

  test("wine: the smallest eigenvalue and the distance of the repair", () => {
    const deleted = correlationMatrix(loadWine().x, { present: observed(0.5, 0) });
    const least = Number(smallest(deleted).toPrecision(3));
    expect(text(repairedCorrelations.draw())).toContain(`smallest eigenvalue of ${least}`);
    expect(text(repairedCorrelations.draw({ missing: 0 }))).toContain("still definite; the repair is at distance 0.");
    expect(norm(column(deleted, 0))).toBeGreaterThan(1);
  });
});
