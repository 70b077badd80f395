import fc from "fast-check";
import { all, create } from "mathjs";
import { describe, expect, test } from "vitest";
import { matmul, qr } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  conditionNumber,
  lowRankApproximation,
  numericalRank,
  pca,
  pcaInverseTransform,
  pcaTransform,
  pseudoInverse,
  randomizedSvd,
  type Svd,
  type SvdOptions,
  svd,
  svdSteps,
  truncatedSvd,
} from "../../src/demos/linear-algebra/svd-and-pca.js";
import { loadDigits, loadGreyPhotograph, loadIris, loadWine } from "../../src/lib/data.js";
import { ConvergenceError } from "../../src/lib/errors.js";
import {
  column,
  copy,
  frobeniusNorm,
  identity,
  type Matrix,
  matrix,
  matrixOver,
  maxAbsDifference,
  norm,
  row,
  rowMajor,
  toRows,
  transpose,
  zeros,
} from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("linear-algebra/svd-and-pca");
const mathjs = create(all, {});
const STARTS = ["gram", "identity"] as const;

// ---- what the tests are made of ----

function normal(m: number, n: number, seed: number): Matrix {
  return matrixOver(Float64Array.from({ length: m * n }, random(seed).normal), m, n);
}

const map = (a: Matrix, f: (x: number, i: number, j: number) => number) => {
  const [m, n] = a.shape as [number, number];
  return matrixOver(
    rowMajor(a).map((x, at) => f(x, Math.floor(at / n), at % n)),
    m,
    n,
  );
};
const minus = (a: Matrix, b: Matrix) => {
  expect(a.shape).toEqual(b.shape);
  const subtrahend = rowMajor(b);
  return matrixOver(
    rowMajor(a).map((x, at) => x - subtrahend[at]!),
    a.shape[0]!,
    a.shape[1]!,
  );
};
const product = ({ u, s, vt }: Svd) =>
  matmul(
    map(u, (x, _, j) => x * s[j]!),
    vt,
  );
const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, xi, i) => sum + xi * y[i]!, 0);
const cosine = (x: Float64Array, y: Float64Array) => Math.abs(dot(x, y)) / norm(x) / norm(y);
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((total, xi) => total + xi, 0);
const lossOf = (q: Matrix) => maxAbsDifference(matmul(transpose(q), q), identity(q.shape[1]!));
const centred = (x: Matrix) => {
  const means = Array.from({ length: x.shape[1]! }, (_, j) => sum(column(x, j)) / x.shape[0]!);
  return map(x, (value, _, j) => value - means[j]!);
};
const ofRank = (m: number, n: number, rank: number, seed: number) =>
  matmul(normal(m, rank, seed), normal(rank, n, seed + 1));
const hilbert = (n: number) =>
  matrix(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => 1 / (i + j + 1))));
const LAUCHLI = matrix([
  [1, 1],
  [1e-9, 0],
  [0, 1e-9],
]);

/** Everything that makes three arrays an SVD of a; the scale of a comes first, so that ±1e308 can be held against 1. */
function expectSvd(a: Matrix, { u, s, vt }: Svd, scale = 1): void {
  const [m, n] = a.shape as [number, number];
  const k = Math.min(m, n);
  expect([u.shape, vt.shape, s.length]).toEqual([[m, k], [k, n], k]);
  expect(lossOf(u)).toBeLessThan(1e-12);
  expect(lossOf(transpose(vt))).toBeLessThan(1e-12);
  expect(s.every((sigma, i) => sigma >= 0 && (i === 0 || sigma <= s[i - 1]!))).toBe(true);
  const scaled = map(a, (x) => x * scale);
  const error = frobeniusNorm(minus(scaled, product({ u, s: s.map((sigma) => sigma * scale), vt })));
  expect(error).toBeLessThanOrEqual(1e-12 * frobeniusNorm(scaled));
}

/** Matrices of every kind, none of them square by accident. */
const KINDS: Readonly<Record<string, Matrix>> = {
  "tall normal": normal(31, 8, 1),
  "wide normal": normal(7, 23, 2),
  "square normal": normal(20, 20, 3),
  "of rank 3": ofRank(20, 12, 3, 4),
  "wide of rank 2": ofRank(5, 9, 2, 6),
  "with repeated singular values": matmul(qr(normal(9, 6, 8)).q, qr(normal(6, 6, 9)).q),
  "with two pairs of equal values": matmul(
    map(qr(normal(9, 4, 8)).q, (x, _, j) => x * [3, 3, 2, 2][j]!),
    qr(normal(4, 4, 9)).q,
  ),
  "Hilbert 12": hilbert(12),
  Läuchli: LAUCHLI,
  "duplicated rows": matrix(Array.from({ length: 9 }, () => [1, 2, 3, 4])),
  "with columns of zeros": map(normal(10, 6, 5), (x, _, j) => (j % 2 === 0 ? x : 0)),
  "one entry": matrix([[-2]]),
  "one row": matrix([[1, 2, 2]]),
  "one column": matrix([[1], [-2], [2]]),
  zeros: zeros(4, 3),
  identity: identity(5),
};

describe.each(STARTS)("svd from the start '%s'", (start) => {
  test.each(Object.entries(KINDS))("factorises a matrix %s", (_, a) => {
    expectSvd(a, svd(a, { start }));
  });

  test("keeps its promises for matrices of any shape, any rank and any size of entries", () => {
    const shape = fc.record({
      m: fc.integer({ min: 1, max: 12 }),
      n: fc.integer({ min: 1, max: 12 }),
      rank: fc.integer({ min: 1, max: 12 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
      power: fc.integer({ min: -300, max: 300 }),
    });
    fc.assert(
      fc.property(shape, ({ m, n, rank, seed, power }) => {
        const a = map(ofRank(m, n, rank, seed), (x) => x * 10 ** power);
        expectSvd(a, svd(a, { start }), 10 ** -power);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test("takes ±1e308, denormals, and both in one matrix", () => {
    const huge = matrix([
      [1e308, 2],
      [1, -1e308],
      [1e308, 1e300],
    ]);
    expectSvd(huge, svd(huge, { start }), 2 ** -1000);
    expect(svd(huge, { start }).s[0]! / Math.SQRT2).toBeCloseTo(1e308, -296); // columns (1, 0, 1), (0, −1, 0)
    const tiny = matrix([
      [5e-324, 1e-323],
      [0, 5e-324],
      [5e-324, 0],
    ]);
    const { u, s, vt } = svd(tiny, { start });
    expect(Math.max(lossOf(u), lossOf(transpose(vt)))).toBeLessThan(1e-12);
    // In units of the smallest denormal: [[1, 2], [0, 1], [1, 0]] has AᵀA = [[2, 2], [2, 5]], σ² = 6 and 1.
    expect(Array.from(s)).toEqual([2 * 5e-324, 5e-324]);
    expect(
      Array.from(
        svd(
          matrix([
            [1, 0],
            [0, 1e-200],
          ]),
          { start },
        ).s,
      ),
    ).toEqual([1, 1e-200]);
    const mixed = matrix([
      [1e308, 5e-324],
      [1e-300, 1e300],
    ]);
    expect(Array.from(svd(mixed, { start }).s)).toEqual([1e308, 1e300]);
  });

  test("orthonormalises u where columns are too short to be squared", () => {
    const a = matrix([
      [1, 1e-200],
      [1, 0],
      [0, 1e-200],
    ]);
    const { u, s } = svd(a, { start });
    expect(lossOf(u)).toBeLessThan(1e-14);
    expect(s[1]! / 1e-200).toBeGreaterThan(0.5);
    expect(dot(column(u, 0), Float64Array.of(1, 1, 0)) * svd(a, { start }).vt.get(0, 0)).toBeCloseTo(Math.SQRT2, 12);
  });

  test("has the singular values of the transposed matrix and of a reordered one, and scales with the matrix", () => {
    const a = normal(9, 14, 12);
    const { s } = svd(a, { start });
    const close = (other: Float64Array, factor = 1) =>
      s.every((sigma, i) => Math.abs(sigma * factor - other[i]!) < 1e-13 * factor * s[0]!);
    expect(close(svd(transpose(a), { start }).s)).toBe(true);
    expect(close(svd(matrix(toRows(a).reverse()), { start }).s)).toBe(true);
    expect(
      close(
        svd(
          map(a, (x) => -3 * x),
          { start },
        ).s,
        3,
      ),
    ).toBe(true);
    expect(close(svd(matmul(qr(normal(9, 9, 1)).q, a), { start }).s)).toBe(true);
  });

  test("reports its sweeps: the cosines fall quadratically in the end, and the last sweep turns nothing", () => {
    const a = normal(90, 60, 1);
    const sweeps = [...svdSteps(a, { start })];
    const last = sweeps.at(-1)!;
    expect(sweeps.map(({ sweep }) => sweep)).toEqual(sweeps.map((_, i) => i + 1));
    expect(sweeps.map(({ rotations }) => rotations === 0)).toEqual(sweeps.map((_, i) => i === sweeps.length - 1));
    expect(last.maxCosine).toBeLessThanOrEqual(Math.sqrt(90) * Number.EPSILON);
    expect(sweeps.every(({ maxCosine, rotations }) => maxCosine <= 1 && rotations <= (60 * 59) / 2)).toBe(true);
    for (const [i, { maxCosine }] of sweeps.entries()) {
      if (i > 0 && sweeps[i - 1]!.maxCosine < 1e-3)
        expect(maxCosine).toBeLessThan(60 * sweeps[i - 1]!.maxCosine ** 2 + 1e-14);
    }
    expect(Array.from(last.s)).toEqual(Array.from(svd(a, { start }).s));
    for (const { s } of sweeps) expect(sum(s.map((x) => x * x))).toBeCloseTo(frobeniusNorm(a) ** 2, 8); // turns keep ‖W‖_F
  });

  test("gives up after maxSweeps", () => {
    const a = matrix([
      [1, 2, 0],
      [0, 1, 3],
      [1, 1, 1],
      [0, 2, 5],
    ]);
    const options: SvdOptions = { start: "identity", maxSweeps: 2 };
    expect(() => svd(a, options)).toThrow(new ConvergenceError("svd: no convergence in 2 sweeps", 2));
    expect(() => svd(transpose(a), options)).toThrow(new ConvergenceError("svd: no convergence in 2 sweeps", 2));
    expect([...svdSteps(identity(3), { start, maxSweeps: 1 })]).toHaveLength(1);
  });
});

test("the start from AᵀA saves most of the sweeps", () => {
  // 9 from A: one more as soon as the lengths of the columns are not followed through a sweep.
  for (const seed of [0, 1, 2, 3]) {
    const sweeps = (options?: SvdOptions) => [...svdSteps(normal(90, 60, seed), options)].length;
    expect(sweeps({ start: "identity" })).toBeGreaterThanOrEqual(7);
    expect(sweeps({ start: "identity" })).toBeLessThanOrEqual(9);
    expect(sweeps()).toBeLessThanOrEqual(3); // the default
  }
  // Nearly equal singular values: AᵀA is nearly diagonal, and no reflection may be skipped for that.
  const nearly = map(qr(normal(40, 10, 1)).q, (x, i, j) => x + 0.01 * Math.sin(i * 7 + j * j));
  expect([...svdSteps(nearly)].length).toBeLessThanOrEqual(3);
});

test("no cosine is above 1, not even of parallel columns, and none is reported of columns too short to be squared", () => {
  for (let seed = 0; seed < 50; seed++) {
    for (const { maxCosine } of svdSteps(ofRank(7, 3, 1, seed), { start: "identity" }))
      expect(maxCosine).toBeLessThanOrEqual(1);
  }
  const short = matrix([
    [1, 1e-200],
    [1, 0],
    [0, 1e-200],
  ]);
  expect([...svdSteps(short, { start: "identity" })].map(({ maxCosine }) => maxCosine)).toEqual([0]);
});

test("svd settles two columns with one turn: the case worked by hand", () => {
  const a = matrix([
    [3, 0],
    [4, 5],
  ]);
  const sweeps = [...svdSteps(a, { start: "identity" })];
  expect(sweeps.map(({ rotations }) => rotations)).toEqual([1, 0]);
  expect(sweeps[0]!.maxCosine).toBeCloseTo(0.8, 15);
  expect(svd(a, { start: "identity", maxSweeps: 2 }).s[0]).toBeCloseTo(Math.sqrt(45), 14);
  expect(() => svd(a, { start: "identity", maxSweeps: 1 })).toThrow(
    new ConvergenceError("svd: no convergence in 1 sweeps", 1),
  );
  const { u, s, vt } = svd(a);
  expect(s[0]).toBeCloseTo(Math.sqrt(45), 14);
  expect(s[1]).toBeCloseTo(Math.sqrt(5), 14);
  const half = Math.SQRT1_2;
  expect(Array.from(rowMajor(vt), Math.abs)).toEqual([half, half, half, half].map((x) => expect.closeTo(x, 14)));
  const [x, y] = [1, 3].map((z) => z / Math.sqrt(10)) as [number, number];
  expect(Array.from(rowMajor(u), Math.abs)).toEqual([x, y, y, x].map((z) => expect.closeTo(z, 14)));
});

// ---- the claims ----

claim("factors-and-norms", () => {
  for (const a of Object.values(KINDS)) {
    const factors = svd(a);
    expectSvd(a, factors);
    const gram = a.shape[0]! >= a.shape[1]! ? matmul(transpose(a), a) : matmul(a, transpose(a));
    const { s, vt, u } = factors;
    const vectors = a.shape[0]! >= a.shape[1]! ? transpose(vt) : u;
    const residual = minus(
      matmul(gram, vectors),
      map(vectors, (x, _, j) => x * s[j]! ** 2),
    );
    expect(frobeniusNorm(residual)).toBeLessThanOrEqual(1e-12 * frobeniusNorm(gram)); // AᵀAv = σ²v, k times: all eigenvalues
    expect(Math.abs(norm(s) - frobeniusNorm(a))).toBeLessThanOrEqual(1e-13 * frobeniusNorm(a));
    const { normal: draw } = random(0);
    for (let i = 0; i < 20; i++) {
      const x = matrixOver(Float64Array.from({ length: a.shape[1]! }, draw), a.shape[1]!, 1);
      expect(frobeniusNorm(matmul(a, x))).toBeLessThanOrEqual(s[0]! * frobeniusNorm(x) * (1 + 1e-13));
    }
    const first = frobeniusNorm(matmul(a, transpose(matrix([row(vt, 0)]))));
    expect(Math.abs(first - s[0]!)).toBeLessThanOrEqual(1e-13 * s[0]!); // and v₁ reaches the bound
  }
});

claim("eckart-young", () => {
  const a = normal(12, 7, 20);
  const { s } = svd(a);
  const { integer, normal: draw } = random(3);
  for (let k = 1; k <= 7; k++) {
    const { matrix: nearest, spectralError, frobeniusError } = lowRankApproximation(a, k);
    const rest = minus(a, nearest);
    expect(numericalRank(nearest)).toBe(k);
    const tail = Math.sqrt(sum(s.slice(k).map((sigma) => sigma ** 2)));
    // 1e-10 relative; with all seven columns the rest is rounding, so an absolute 1e-13 comes on top
    expect(Math.abs(svd(rest).s[0]! - spectralError)).toBeLessThanOrEqual(1e-10 * spectralError + 1e-13);
    expect(Math.abs(frobeniusNorm(rest) - frobeniusError)).toBeLessThanOrEqual(1e-10 * frobeniusError + 1e-13);
    expect(spectralError).toBe(s[k] ?? 0);
    expect(frobeniusError).toBeCloseTo(tail, 12);
  }
  for (let i = 0; i < 1000; i++) {
    const k = 1 + integer(6);
    const { u, s: sigma, vt } = truncatedSvd(a, k);
    // Half of the competitors are anywhere, half near the optimum, where a mistake would show.
    const left = map(u, (x, _, j) => (i % 2 === 0 ? draw() : x * sigma[j]! + 1e-3 * draw()));
    const right = map(vt, (x) => (i % 2 === 0 ? draw() : x + 1e-3 * draw()));
    const error = minus(a, matmul(left, right));
    const best = lowRankApproximation(a, k);
    expect(frobeniusNorm(error)).toBeGreaterThan(best.frobeniusError);
    expect(svd(error).s[0]!).toBeGreaterThan(best.spectralError * (1 - 1e-12));
  }
});

claim("gram-loses-small-singular-values", () => {
  for (const start of STARTS) {
    const { s } = svd(LAUCHLI, { start });
    expect(Math.abs(s[1]! / 1e-9 - 1)).toBeLessThan(1e-6);
    expect(s[0]).toBeCloseTo(Math.sqrt(2 + 1e-18), 14);
  }
  expect(toRows(matmul(transpose(LAUCHLI), LAUCHLI))).toEqual([
    [1, 1],
    [1, 1],
  ]);
});

claim("identity-start-keeps-relative-accuracy", () => {
  // Where the columns' lengths are 1e10 apart, σⱼ = |rⱼⱼ|·scale up to a relative 1e-20, R from the QR of the unscaled B.
  const b = normal(30, 4, 40);
  const scales = [1, 1e-10, 1e-20, 1e-30];
  const { r } = qr(b);
  const { s } = svd(
    map(b, (x, _, j) => x * scales[j]!),
    { start: "identity" },
  );
  for (const [j, scale] of scales.entries()) {
    expect(Math.abs(s[j]! / (Math.abs(r.get(j, j)) * scale) - 1)).toBeLessThan(1e-13);
  }
});

claim("pca-diagonalises-the-covariance", () => {
  const iris = loadIris().x;
  const ratios = [0.924619, 0.053066, 0.017103, 0.005212];
  expect(Array.from(pca(iris).explainedVarianceRatio)).toEqual(ratios.map((ratio) => expect.closeTo(ratio, 6)));
  for (const x of [iris, loadWine().x, normal(40, 11, 3)]) {
    const n = x.shape[0]!;
    const xc = centred(x);
    const covariance = map(matmul(transpose(xc), xc), (value) => value / (n - 1));
    const { components, explainedVariance, singularValues, scores } = pca(x);
    const turned = matmul(components, matmul(covariance, transpose(components)));
    const expected = map(covariance, (_, i, j) => (i === j ? explainedVariance[i]! : 0));
    expect(frobeniusNorm(minus(turned, expected))).toBeLessThan(1e-12 * frobeniusNorm(covariance));
    expect(Array.from(explainedVariance)).toEqual(
      Array.from(singularValues, (sigma) => expect.closeTo(sigma ** 2 / (n - 1), 8)),
    );
    for (let i = 0; i < components.shape[0]!; i++) {
      expect(Math.abs(sum(column(scores, i)))).toBeLessThan(1e-9); // centred, as the data are
      for (let j = 0; j < i; j++) expect(cosine(column(scores, i), column(scores, j))).toBeLessThan(1e-12);
    }
  }
});

claim("preprocessing-decides", () => {
  const iris = loadIris().x;
  const { mean, components } = pca(iris);
  const raw = row(svd(iris).vt, 0);
  expect(cosine(raw, mean)).toBeCloseTo(0.9994, 4);
  expect(cosine(raw, row(components, 0))).toBeCloseTo(0.739, 3);
  const wine = loadWine();
  const unscaled = pca(wine.x);
  expect(wine.featureNames[12]).toBe("proline");
  expect(unscaled.explainedVarianceRatio[0]).toBeCloseTo(0.9981, 4);
  expect(unscaled.components.get(0, 12)).toBeCloseTo(0.9998, 4);
  const three = pca(wine.x, { components: 3, scale: true }).explainedVarianceRatio;
  expect(Array.from(three)).toEqual([0.362, 0.1921, 0.1112].map((ratio) => expect.closeTo(ratio, 4)));
});

claim("reconstruction-error-is-the-dropped-variance", () => {
  const { x } = loadDigits();
  const full = pca(x);
  const [n] = x.shape as [number, number];
  for (const components of [1, 21, 63]) {
    const model = pca(x, { components });
    const error = frobeniusNorm(minus(x, pcaInverseTransform(model, model.scores))) ** 2 / n;
    const dropped = ((n - 1) / n) * sum(full.explainedVariance.slice(components));
    expect(Math.abs(error - dropped)).toBeLessThan(1e-10 * sum(full.explainedVariance));
  }
  expect(numericalRank(centred(x))).toBe(61);
  const passing = (share: number) => {
    let total = 0;
    return 1 + full.explainedVarianceRatio.findIndex((ratio) => (total += ratio) > share);
  };
  expect([0.8, 0.9, 0.95, 0.99].map(passing)).toEqual([13, 21, 29, 41]);
});

/** Frobenius error of `randomizedSvd` on the centred digits over the least error of rank 10, less 1; mean of 20 seeds. */
function meanExcess(k: number, powerIterations: number, oversampling = 10): number {
  const key = `${k} ${powerIterations} ${oversampling}`;
  let mean = excesses.get(key);
  if (mean === undefined) {
    const x = centred(loadDigits().x);
    const { frobeniusError: optimum } = lowRankApproximation(x, 10);
    const errors = Array.from({ length: 20 }, (_, seed) =>
      frobeniusNorm(minus(x, product(randomizedSvd(x, k, { oversampling, powerIterations, seed })))),
    );
    mean = sum(errors) / 20 / optimum - 1;
    excesses.set(key, mean);
  }
  return mean;
}
const excesses = new Map<string, number>();

claim("randomised-svd-needs-power-steps", () => {
  const without = 1 + meanExcess(10, 0);
  expect(without).toBeGreaterThan(1.1);
  expect(without).toBeLessThan(1.2);
  const two = 1 + meanExcess(10, 2);
  expect(two).toBeGreaterThanOrEqual(1);
  expect(two).toBeLessThan(1.002);
  // All k + p = 20 columns kept: QQᵀA itself (Halko, Martinsson and Tropp, theorem 10.5, k = p = 10).
  expect(1 + meanExcess(20, 0, 0)).toBeLessThan(Math.sqrt(1 + 10 / 9));
});

claim("noise-has-a-first-component", () => {
  const edge = (1 + Math.sqrt(0.2)) ** 2;
  expect(edge).toBeCloseTo(2.0944, 4);
  for (const seed of [0, 1, 2]) {
    const largest = svd(normal(1000, 200, seed)).s[0]! ** 2 / 1000;
    expect(Math.abs(largest / edge - 1)).toBeLessThan(0.05);
  }
});

// ---- NumPy and scikit-learn, test/oracles/linear-algebra/svd-and-pca.py ----

type Rows = readonly (readonly number[])[];
interface Oracle {
  readonly svd: readonly {
    name: string;
    a: Rows;
    s: readonly number[];
    rank: number;
    leftProjector: Rows;
    rightProjector: Rows;
    rankOneApproximation: Rows;
    rankOneSpectralError: number;
    rankOneFrobeniusError: number;
  }[];
  readonly pseudoInverse: readonly { a: Rows; rcond: number; pseudoInverse: Rows }[];
  readonly conditionNumber: readonly { a: Rows; conditionNumber: number }[];
  readonly pca: readonly {
    data: "iris" | "wine" | "digits";
    standardised: boolean;
    mean: readonly number[];
    components: Rows;
    explainedVariance: readonly number[];
    explainedVarianceRatio: readonly number[];
    singularValues: readonly number[];
    firstScores: Rows;
    firstWhitenedScores: Rows;
    firstReconstructed: Rows;
  }[];
  readonly uncentredIris: { cosineWithMean: number; cosineWithFirstComponent: number };
  readonly digits: {
    rank: number;
    constantPixels: readonly number[];
    componentsFor: Readonly<Record<string, number>>;
    meanSquaredReconstructionError: Readonly<Record<string, number>>;
  };
  readonly randomizedSvd: readonly {
    k: number;
    oversampling: number;
    powerIterations: number;
    seeds: number;
    optimalError: number;
    errorRatio: { mean: number; smallest: number; largest: number };
    basisErrorRatioMean: number;
  }[];
  readonly noise: { rows: number; columns: number; edge: number; largestEigenvalues: readonly number[] };
  readonly photograph: { s: readonly number[]; rankForOnePercentError: number };
}
const expected = oracle<Oracle>();
const tables = { iris: loadIris, wine: loadWine, digits: loadDigits };

/** Largest deviation over the largest size, so that 1e-12 means twelve digits of what matters. */
const deviation = (x: ArrayLike<number>, y: ArrayLike<number>) => {
  expect(x.length).toBe(y.length);
  const size = Array.from(y).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Array.from(x).reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / (size || 1);
};

describe("agrees with NumPy", () => {
  describe.each(STARTS)("from the start '%s'", (start) => {
    test.each(expected.svd)("on a matrix $name", ({ a: rows, ...numpy }) => {
      const a = matrix(rows);
      const { u, s, vt } = svd(a, { start });
      expect(deviation(s, numpy.s)).toBeLessThan(1e-14 * s.length);
      expect(numericalRank(a)).toBe(numpy.rank);
      if (numpy.rank === 0) return;
      const [left, right] = [u.hi(a.shape[0]!, numpy.rank), transpose(vt.hi(numpy.rank, a.shape[1]!))];
      // The graded matrix has σ₄ = 1e-9: its vectors are only known to eps/1e-9.
      const tolerance = numpy.name === "graded" ? 1e-6 : 1e-12;
      expect(maxAbsDifference(matmul(left, transpose(left)), matrix(numpy.leftProjector))).toBeLessThan(tolerance);
      expect(maxAbsDifference(matmul(right, transpose(right)), matrix(numpy.rightProjector))).toBeLessThan(tolerance);
    });
  });

  test.each(expected.svd)("in the best rank 1 of $name", ({ a, ...numpy }) => {
    const best = lowRankApproximation(matrix(a), 1);
    expect(maxAbsDifference(best.matrix, matrix(numpy.rankOneApproximation))).toBeLessThan(1e-12);
    expect(best.spectralError).toBeCloseTo(numpy.rankOneSpectralError, 12);
    expect(best.frobeniusError).toBeCloseTo(numpy.rankOneFrobeniusError, 12);
  });

  test("in pseudo-inverses and condition numbers", () => {
    for (const { a, rcond, pseudoInverse: numpy } of expected.pseudoInverse) {
      expect(deviation(rowMajor(pseudoInverse(matrix(a), { rcond })), numpy.flat())).toBeLessThan(1e-12);
    }
    for (const { a, conditionNumber: numpy } of expected.conditionNumber) {
      expect(conditionNumber(matrix(a)) / numpy).toBeCloseTo(1, 12);
    }
  });

  test("in the singular values of a photograph", () => {
    const { s } = svd(loadGreyPhotograph().pixels);
    expect(deviation(s, expected.photograph.s)).toBeLessThan(1e-13);
    expect(s.findIndex((_, k) => norm(s.subarray(k)) <= 0.01 * norm(s))).toBe(
      expected.photograph.rankForOnePercentError,
    );
  });

  test("in the edge of noise", () => {
    const { rows, columns, edge, largestEigenvalues } = expected.noise;
    expect((1 + Math.sqrt(columns / rows)) ** 2).toBeCloseTo(edge, 12);
    const largest = svd(normal(rows, columns, 5)).s[0]! ** 2 / rows;
    // Other random numbers: the range of their twenty, widened by its own width.
    expect(largest).toBeGreaterThan(Math.min(...largestEigenvalues) - 0.05);
    expect(largest).toBeLessThan(Math.max(...largestEigenvalues) + 0.05);
  });
});

describe("agrees with scikit-learn", () => {
  test.each(expected.pca)("in PCA of $data, standardised: $standardised", ({ data, standardised, ...sklearn }) => {
    const { x } = tables[data]();
    const components = sklearn.components.length;
    const model = pca(x, { components, scale: standardised });
    const [first, d] = [x.hi(5, x.shape[1]!), x.shape[1]!];
    if (!standardised) expect(deviation(model.mean, sklearn.mean)).toBeLessThan(1e-14);
    expect(maxAbsDifference(model.components, matrix(sklearn.components))).toBeLessThan(1e-10); // signs too
    expect(deviation(model.explainedVariance, sklearn.explainedVariance)).toBeLessThan(1e-12);
    expect(deviation(model.explainedVarianceRatio, sklearn.explainedVarianceRatio)).toBeLessThan(1e-12);
    expect(deviation(model.singularValues, sklearn.singularValues)).toBeLessThan(1e-12);
    expect(deviation(rowMajor(pcaTransform(model, first)), sklearn.firstScores.flat())).toBeLessThan(1e-11);
    expect(deviation(rowMajor(model.scores.hi(5, components)), sklearn.firstScores.flat())).toBeLessThan(1e-11);
    const whitened = pca(x, { components, scale: standardised, whiten: true });
    expect(deviation(rowMajor(pcaTransform(whitened, first)), sklearn.firstWhitenedScores.flat())).toBeLessThan(1e-10);
    const back = pcaInverseTransform(model, pcaTransform(model, first));
    const inTheirUnits = map(back, (value, _, j) =>
      standardised ? (value - model.mean[j]!) / model.scale[j]! : value,
    );
    expect(deviation(rowMajor(inTheirUnits), sklearn.firstReconstructed.flat())).toBeLessThan(1e-11);
    expect(model.components.shape).toEqual([components, d]);
  });

  test("in the direction of uncentred iris", () => {
    const { x } = loadIris();
    const { mean, components } = pca(x);
    const raw = row(svd(x).vt, 0);
    expect(cosine(raw, mean)).toBeCloseTo(expected.uncentredIris.cosineWithMean, 12);
    expect(cosine(raw, row(components, 0))).toBeCloseTo(expected.uncentredIris.cosineWithFirstComponent, 12);
  });

  test("in rank, components and reconstruction of the digits", () => {
    const { x } = loadDigits();
    const { rank, constantPixels, componentsFor, meanSquaredReconstructionError } = expected.digits;
    expect(numericalRank(centred(x))).toBe(rank);
    const constant = Array.from({ length: 64 }, (_, j) => j).filter((j) => new Set(column(x, j)).size === 1);
    expect(constant).toEqual(constantPixels);
    const ratios = pca(x).explainedVarianceRatio;
    for (const [share, components] of Object.entries(componentsFor)) {
      expect(sum(ratios.slice(0, components))).toBeGreaterThan(Number(share));
      expect(sum(ratios.slice(0, components - 1))).toBeLessThanOrEqual(Number(share));
    }
    for (const [components, error] of Object.entries(meanSquaredReconstructionError)) {
      const model = pca(x, { components: Number(components) });
      const rest = minus(x, pcaInverseTransform(model, model.scores));
      expect(frobeniusNorm(rest) ** 2 / 1797 / error).toBeCloseTo(1, 11);
    }
  });

  test("in the level of error of the randomised SVD", () => {
    const { frobeniusError: optimum } = lowRankApproximation(centred(loadDigits().x), 10);
    for (const { k, oversampling, powerIterations, seeds, ...sklearn } of expected.randomizedSvd) {
      expect([k, seeds]).toEqual([10, 20]);
      expect(optimum / sklearn.optimalError).toBeCloseTo(1, 12);
      // Other random numbers: the mean excess of 20 seeds agrees within a third, the two levels are 300 times apart.
      const ratio = meanExcess(k, powerIterations, oversampling) / (sklearn.errorRatio.mean - 1);
      expect(ratio).toBeGreaterThan(2 / 3);
      expect(ratio).toBeLessThan(3 / 2);
    }
  });
});

// ---- the rest of the contract ----

describe("low rank, pseudo-inverse, rank and condition", () => {
  test("truncatedSvd is the beginning of svd", () => {
    for (const a of [normal(9, 5, 1), normal(4, 11, 2)]) {
      const whole = svd(a);
      const part = truncatedSvd(a, 3);
      expect(Array.from(part.s)).toEqual(Array.from(whole.s.slice(0, 3)));
      expect(toRows(part.u)).toEqual(toRows(whole.u).map((entries) => entries.slice(0, 3)));
      expect(toRows(part.vt)).toEqual(toRows(whole.vt).slice(0, 3));
      expect(rowMajor(part.u)).toBe(part.u.data); // no view of the larger matrix
    }
  });

  test("pseudoInverse keeps Penrose's four conditions for every shape and rank", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 1e6 }),
        (m, n, rank, seed) => {
          const a = ofRank(m, n, rank, seed);
          const p = pseudoInverse(a);
          const [ap, pa] = [matmul(a, p), matmul(p, a)];
          // Errors are of the size κ·eps, and κ is that of the part of A that counts.
          const { s } = svd(a);
          const kappa = s[0]! / s[Math.min(m, n, rank) - 1]!;
          const tolerance = 1e-13 * kappa * Math.max(1, kappa / s[0]!);
          expect(maxAbsDifference(matmul(ap, a), a)).toBeLessThan(tolerance * s[0]!);
          expect(maxAbsDifference(matmul(pa, p), p)).toBeLessThan(tolerance * frobeniusNorm(p));
          expect(maxAbsDifference(ap, transpose(ap))).toBeLessThan(tolerance);
          expect(maxAbsDifference(pa, transpose(pa))).toBeLessThan(tolerance);
        },
      ),
      { numRuns: 100, seed: 2 },
    );
  });

  test("pseudoInverse equals mathjs.pinv, and inv for a square matrix", () => {
    const a = normal(7, 4, 9);
    expect(maxAbsDifference(pseudoInverse(a), matrix(mathjs.pinv(toRows(a))))).toBeLessThan(1e-12);
    const square = normal(5, 5, 10);
    expect(maxAbsDifference(pseudoInverse(square), matrix(mathjs.inv(toRows(square))))).toBeLessThan(1e-11);
  });

  test("σ² are what mathjs.eigs finds for AᵀA", () => {
    const a = normal(8, 5, 31);
    const { values } = mathjs.eigs(toRows(matmul(transpose(a), a)));
    const expected = (values as number[]).toSorted((x, y) => y - x);
    expect(Array.from(svd(a).s, (sigma) => sigma ** 2)).toEqual(expected.map((value) => expect.closeTo(value, 10)));
  });

  test("rcond decides what counts as zero", () => {
    const a = matrix([
      [2, 0],
      [0, 1e-3],
    ]);
    expect(toRows(pseudoInverse(a, { rcond: 4e-4 }))).toEqual([
      [0.5, 0],
      [0, 1000],
    ]);
    expect(toRows(pseudoInverse(a, { rcond: 6e-4 }))).toEqual([
      [0.5, 0],
      [0, 0],
    ]);
    expect(toRows(pseudoInverse(zeros(2, 3)))).toEqual(toRows(zeros(3, 2)));
    // The default is max(m, n)·eps: 3·eps for this one.
    const edge = (factor: number) =>
      matrix([
        [1, 0, 0],
        [0, factor * Number.EPSILON, 0],
      ]);
    expect(pseudoInverse(edge(2.9)).get(1, 1)).toBe(0);
    expect(pseudoInverse(edge(3.1)).get(1, 1)).toBeGreaterThan(0);
  });

  test("numericalRank counts what is above numpy's tolerance, or the given one", () => {
    expect(numericalRank(ofRank(30, 20, 7, 1))).toBe(7);
    expect(numericalRank(zeros(3, 2))).toBe(0);
    const a = matrix([
      [5, 0, 0],
      [0, 1, 0],
    ]);
    expect([0.5, 1, 4.9, 5].map((tolerance) => numericalRank(a, { tolerance }))).toEqual([2, 1, 1, 0]);
    const edge = (factor: number) =>
      matrix([
        [4, 0, 0],
        [0, 4 * factor * Number.EPSILON, 0],
      ]);
    expect([2.9, 3.1].map((factor) => numericalRank(edge(factor)))).toEqual([1, 2]);
  });

  test("conditionNumber is σ₁/σₖ, Infinity if σₖ is 0", () => {
    expect(
      conditionNumber(
        matrix([
          [3, 0],
          [4, 5],
        ]),
      ),
    ).toBeCloseTo(3, 13);
    expect(conditionNumber(transpose(LAUCHLI)) / (Math.SQRT2 / 1e-9)).toBeCloseTo(1, 6);
    expect(
      conditionNumber(
        matrix([
          [1, 0],
          [0, 0],
        ]),
      ),
    ).toBe(Infinity);
  });
});

describe("randomizedSvd", () => {
  const a = matmul(
    map(qr(normal(40, 25, 1)).q, (x, _, j) => x * 2 ** -j),
    qr(normal(25, 25, 2)).q,
  );

  test("is exact when the sample is as wide as the matrix", () => {
    for (const b of [normal(9, 6, 3), normal(6, 9, 3)]) expectSvd(b, randomizedSvd(b, 6, { powerIterations: 0 }));
  });

  test("finds the leading part of a falling spectrum", () => {
    const factors = randomizedSvd(a, 5);
    expect([factors.u.shape, factors.s.length, factors.vt.shape]).toEqual([[40, 5], 5, [5, 25]]);
    expect(Array.from(factors.s)).toEqual([0, 1, 2, 3, 4].map((j) => expect.closeTo(2 ** -j, 12)));
    expect(Math.max(lossOf(factors.u), lossOf(transpose(factors.vt)))).toBeLessThan(1e-12);
    expect(maxAbsDifference(product(factors), lowRankApproximation(a, 5).matrix)).toBeLessThan(1e-8);
  });

  test("stays orthonormal where plain power steps would collapse", () => {
    const { s } = randomizedSvd(a, 12, { powerIterations: 20, oversampling: 4 });
    expect(Array.from(s)).toEqual(Array.from({ length: 12 }, (_, j) => expect.closeTo(2 ** -j, 14)));
  });

  test("reaches singular values whose squares are below eps", () => {
    // (AAᵀ)³ would make 1e-66 of 1e-11; with orthonormal columns in between it is seen, to eps/1e-11 = 2e-5.
    const steep = matmul(
      map(qr(normal(40, 14, 1)).q, (x, _, j) => x * 10 ** -j),
      qr(normal(14, 14, 2)).q,
    );
    const { s } = randomizedSvd(steep, 12, { oversampling: 0, powerIterations: 3 });
    for (const [j, sigma] of s.entries()) expect(sigma * 10 ** j).toBeCloseTo(1, 3);
  });

  test("depends on the seed and on nothing else; the default seed is 0", () => {
    const bits = (seed?: number) =>
      Array.from(
        randomizedSvd(a, 3, { oversampling: 0, powerIterations: 0, ...(seed === undefined ? {} : { seed }) }).s,
      );
    expect(bits(0)).toEqual(bits());
    expect(bits(7)).toEqual(bits(7));
    expect(bits(7)).not.toEqual(bits(8));
  });

  test("defaults to oversampling 10 and two power steps", () => {
    const b = normal(60, 40, 5);
    const s = (options?: object) => Array.from(randomizedSvd(b, 4, options).s);
    expect(s()).toEqual(s({ oversampling: 10, powerIterations: 2 }));
    expect(s()).not.toEqual(s({ oversampling: 9 }));
    expect(s()).not.toEqual(s({ powerIterations: 1 }));
  });

  test("takes ±1e308 and 1e-310", () => {
    for (const power of [1023, -1030]) {
      const b = map(a, (x) => x * 2 ** (power - 8) * 2 ** 8);
      expect(randomizedSvd(b, 2).s[0]! / 2 ** (power - 8) / 2 ** 8).toBeCloseTo(1, power > 0 ? 12 : 10);
    }
  });
});

describe("pca", () => {
  const x = map(normal(23, 5, 50), (value, _, j) => value * (j + 1) + 10 * j);

  test("scores are coordinates, and back again", () => {
    for (const options of [{}, { scale: true }, { whiten: true }, { scale: true, whiten: true }]) {
      const model = pca(x, options);
      expect(maxAbsDifference(pcaTransform(model, x), model.scores)).toBeLessThan(1e-12);
      expect(maxAbsDifference(pcaInverseTransform(model, model.scores), x)).toBeLessThan(1e-12);
      const other = normal(4, 5, 51);
      expect(maxAbsDifference(pcaInverseTransform(model, pcaTransform(model, other)), other)).toBeLessThan(1e-11);
    }
  });

  test("whitened scores have the identity as covariance", () => {
    for (const scale of [false, true]) {
      const { scores } = pca(x, { whiten: true, scale });
      const covariance = map(matmul(transpose(scores), scores), (value) => value / 22);
      expect(maxAbsDifference(covariance, identity(5))).toBeLessThan(1e-12);
    }
    expect(pca(x, { whiten: true }).scale).toEqual(new Float64Array(5).fill(1));
  });

  test("scaled data have population variance 1, so the variances add up to d·n/(n − 1)", () => {
    const { explainedVariance, scale, mean } = pca(x, { scale: true });
    expect(sum(explainedVariance)).toBeCloseTo((5 * 23) / 22, 12);
    const deviation = Math.sqrt(sum(column(x, 2).map((value) => (value - mean[2]!) ** 2)) / 23);
    expect(scale[2]).toBeCloseTo(deviation, 12);
  });

  test("shifting the data moves nothing but the mean; turning them turns the components", () => {
    const model = pca(x);
    const shifted = pca(map(x, (value, _, j) => value + 7 * j));
    expect(maxAbsDifference(shifted.components, model.components)).toBeLessThan(1e-12);
    expect(shifted.mean[3]! - model.mean[3]!).toBeCloseTo(21, 12);
    const turn = qr(normal(5, 5, 60)).q;
    const turned = pca(matmul(x, turn));
    for (let i = 0; i < 5; i++) {
      expect(turned.explainedVariance[i]).toBeCloseTo(model.explainedVariance[i]!, 11);
      const expected = rowMajor(matmul(matrix([row(model.components, i)]), turn));
      expect(cosine(row(turned.components, i), expected)).toBeCloseTo(1, 12);
    }
  });

  test("the entry of largest size in each component is positive, and the scores go with it", () => {
    for (let seed = 0; seed < 20; seed++) {
      const data = normal(12, 4, seed);
      const { components, scores } = pca(data);
      for (const entries of toRows(components)) {
        expect(Math.max(...entries)).toBe(Math.max(...entries.map(Math.abs)));
      }
      expect(maxAbsDifference(matmul(scores, components), centred(data))).toBeLessThan(1e-13);
    }
  });

  test("keeps the leading components, with shares of the whole variance", () => {
    const [two, five] = [pca(x, { components: 2 }), pca(x)];
    expect([two.components.shape, two.scores.shape]).toEqual([
      [2, 5],
      [23, 2],
    ]);
    expect(Array.from(two.explainedVarianceRatio)).toEqual(Array.from(five.explainedVarianceRatio.slice(0, 2)));
    expect([two.singularValues.length, two.explainedVariance.length, two.scoreScale.length]).toEqual([2, 2, 2]);
    expect(sum(five.explainedVarianceRatio)).toBeCloseTo(1, 14);
  });

  test("works with fewer samples than features, with constant columns, and with entries whose squares leave the range", () => {
    const wide = normal(4, 9, 1);
    expect(pca(wide).components.shape).toEqual([4, 9]);
    expect(pca(wide).explainedVariance[3]).toBeLessThan(1e-28); // centring leaves rank n − 1
    const constant = pca(map(x, (value, _, j) => (j === 1 ? 0.1 : value)));
    expect(constant.mean[1]).toBe(0.1);
    expect(constant.explainedVariance[4]).toBeLessThan(1e-28);
    const small = pca(map(x, (value) => value * 1e-200));
    expect(small.explainedVariance[0]).toBe(0); // underflows, but the shares do not
    expect(Array.from(small.explainedVarianceRatio)).toEqual(
      Array.from(pca(x).explainedVarianceRatio, (share) => expect.closeTo(share, 12)),
    );
    expect(
      maxAbsDifference(
        pca(
          map(x, (value) => value * 1e-200),
          { whiten: true },
        ).scores,
        pca(x, { whiten: true }).scores,
      ),
    ).toBeLessThan(1e-11);
    expect(pca(matrix([[1e150], [-1e150], [1e150], [-1e150]])).mean[0]).toBe(0);
    expect(
      pca(
        matrix([
          [1.7e308, 0],
          [1.7e308, 1],
          [1.7e308, 5],
        ]),
      ).mean[0],
    ).toBe(1.7e308);
  });
});

describe("the contract", () => {
  const a = normal(6, 4, 70);

  test("inputs stay as they are, and strided views are read as they stand", () => {
    const before = copy(a);
    const views = [transpose(a), a.hi(5, 3).lo(1, 1), a.step(2, 1), a.step(-1, 1)];
    for (const view of [a, ...views]) {
      const plain = matrixOver(rowMajor(view).slice(), view.shape[0]!, view.shape[1]!);
      for (const f of [
        (x: Matrix) => toRows(svd(x).u),
        (x: Matrix) => toRows(svd(x, { start: "identity" }).vt),
        (x: Matrix) => toRows(truncatedSvd(x, 2).vt),
        (x: Matrix) => toRows(lowRankApproximation(x, 2).matrix),
        (x: Matrix) => toRows(randomizedSvd(x, 2).u),
        (x: Matrix) => toRows(pseudoInverse(x)),
        (x: Matrix) => toRows(pca(x).scores),
        (x: Matrix) => toRows(pca(x, { scale: true, whiten: true, components: 2 }).scores),
        (x: Matrix) => toRows(pcaTransform(pca(plain), x)),
        (x: Matrix) => [[numericalRank(x), conditionNumber(x)]],
      ]) {
        expect(f(view)).toEqual(f(plain));
      }
    }
    expect(a).toEqual(before);
    const scores = transpose(normal(4, 6, 71));
    expect(toRows(pcaInverseTransform(pca(a), scores))).toEqual(toRows(pcaInverseTransform(pca(a), copy(scores))));
    const eye = identity(3);
    svd(eye, { start: "identity" }).vt.set(0, 0, 7);
    expect(eye).toEqual(identity(3));
  });

  test("results are arrays of their own, in rows", () => {
    for (const b of [a, transpose(a)]) {
      const { u, vt } = svd(b);
      expect([u.stride, vt.stride]).toEqual([
        [4, 1],
        [vt.shape[1], 1],
      ]);
    }
    const { components, scores } = pca(a);
    expect([components.stride, scores.stride]).toEqual([
      [4, 1],
      [4, 1],
    ]);
  });

  test.each<[string, () => unknown, new (message: string) => Error]>([
    [
      "svd: a must be finite, got NaN at (1, 0)",
      () =>
        svd(
          matrix([
            [1, 2],
            [Number.NaN, 1],
          ]),
        ),
      RangeError,
    ],
    ["svd: a must be finite, got -Infinity at (0, 1)", () => svd(matrix([[1, -Infinity]])), RangeError],
    ["svd: a must have at least one row and one column, got 0×0", () => svd(matrix([])), RangeError],
    ["svd: a must be a rank-2 ndarray of Float64Array, got Array", () => svd([[1]] as never), TypeError],
    ["svd: start must be one of 'gram', 'identity', got 'qr'", () => svdSteps(a, { start: "qr" as never }), RangeError],
    ["svd: maxSweeps must be an integer at least 1, got 0", () => svdSteps(a, { maxSweeps: 0 }), RangeError],
    [
      "svd: the largest singular value must not overflow, got Infinity",
      () => svd(map(zeros(3, 2), () => 1.7e308)),
      RangeError,
    ],
    ["truncatedSvd: k must be an integer in [1, 4], got 0", () => truncatedSvd(a, 0), RangeError],
    ["truncatedSvd: k must be an integer in [1, 4], got 5", () => truncatedSvd(a, 5), RangeError],
    ["lowRankApproximation: k must be an integer in [1, 4], got 1.5", () => lowRankApproximation(a, 1.5), RangeError],
    ["lowRankApproximation: k must be an integer in [1, 4], got 5", () => lowRankApproximation(a, 5), RangeError],
    ["randomizedSvd: k must be an integer in [1, 4], got 5", () => randomizedSvd(transpose(a), 5), RangeError],
    ["randomizedSvd: k must be an integer in [1, 4], got NaN", () => randomizedSvd(a, Number.NaN), RangeError],
    [
      "randomizedSvd: oversampling must be an integer at least 0, got -1",
      () => randomizedSvd(a, 2, { oversampling: -1 }),
      RangeError,
    ],
    [
      "randomizedSvd: powerIterations must be an integer at least 0, got 0.5",
      () => randomizedSvd(a, 2, { powerIterations: 0.5 }),
      RangeError,
    ],
    [
      "randomizedSvd: the largest singular value must not overflow, got Infinity",
      () =>
        randomizedSvd(
          map(zeros(3, 2), () => 1.7e308),
          1,
        ),
      RangeError,
    ],
    [
      "pseudoInverse: rcond must be a finite number in [0, Infinity), got -1",
      () => pseudoInverse(a, { rcond: -1 }),
      RangeError,
    ],
    [
      "pseudoInverse: rcond must be a finite number in [0, Infinity), got NaN",
      () => pseudoInverse(a, { rcond: Number.NaN }),
      RangeError,
    ],
    ["pseudoInverse: the result must not overflow, got Infinity", () => pseudoInverse(matrix([[5e-324]])), RangeError],
    [
      "numericalRank: tolerance must be a finite number in [0, Infinity), got -0.1",
      () => numericalRank(a, { tolerance: -0.1 }),
      RangeError,
    ],
    [
      "conditionNumber: a must have an entry that is not 0, got a 2×3 matrix of zeros",
      () => conditionNumber(zeros(2, 3)),
      RangeError,
    ],
    ["conditionNumber: a must be finite, got NaN at (0, 0)", () => conditionNumber(matrix([[Number.NaN]])), RangeError],
    ["pca: x must have at least two rows, got 1", () => pca(matrix([[1, 2]])), RangeError],
    [
      "pca: x must be finite, got NaN at (0, 1)",
      () =>
        pca(
          matrix([
            [1, Number.NaN],
            [1, 2],
          ]),
        ),
      RangeError,
    ],
    ["pca: components must be an integer in [1, 4], got 5", () => pca(a, { components: 5 }), RangeError],
    ["pca: components must be an integer in [1, 3], got 4", () => pca(normal(3, 9, 1), { components: 4 }), RangeError],
    [
      "pca: x must have two different rows, got 3 equal ones",
      () =>
        pca(
          matrix([
            [1, 0.1],
            [1, 0.1],
            [1, 0.1],
          ]),
        ),
      RangeError,
    ],
    [
      "pca: scale must have a deviation to divide by, got constant column 0",
      () => pca(loadDigits().x, { scale: true }),
      RangeError,
    ],
    [
      "pca: whiten must have variance to divide by, got none in component 61",
      () => pca(loadDigits().x, { whiten: true }),
      RangeError,
    ],
    ["pca: the variances must not overflow, got Infinity", () => pca(matrix([[1e200], [-1e200]])), RangeError],
    [
      "pca: x must stay finite when it is centred, got Infinity",
      () => pca(matrix([[1.7e308], [-1.7e308], [-1.7e308]])),
      RangeError,
    ],
    ["pcaTransform: x must have 4 columns, got 3", () => pcaTransform(pca(a), a.hi(6, 3)), RangeError],
    [
      "pcaTransform: x must be finite, got NaN at (0, 0)",
      () =>
        pcaTransform(
          pca(a),
          map(a, () => Number.NaN),
        ),
      RangeError,
    ],
    [
      "pcaInverseTransform: scores must have 2 columns, got 4",
      () => pcaInverseTransform(pca(a, { components: 2 }), a),
      RangeError,
    ],
  ])("%s", (message, call, type) => {
    expect(call).toThrow(new type(message));
  });

  test("whitening the 61 components that vary is allowed", () => {
    expect(pca(loadDigits().x, { components: 61, whiten: true }).scores.shape).toEqual([1797, 61]);
  });
});

test("the numbers in the note's prose and cells", () => {
  const { pixels } = loadGreyPhotograph();
  expect([pixels.shape, 128 * 192]).toEqual([[128, 192], 24576]);
  const { s } = svd(pixels);
  expect(s.findIndex((_, k) => norm(s.subarray(k)) <= 0.01 * norm(s))).toBe(93);
  expect((93 * (128 + 192 + 1)) / 24576).toBeGreaterThan(1);
});
