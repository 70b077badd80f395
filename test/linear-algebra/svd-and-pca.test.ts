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
import { dot, hilbert, normal, ofRank } from "../matrices.js";

const { claim, oracle } = concept("linear-algebra/svd-and-pca");
const mathjs = create(all, {});
const STARTS = ["gram", "identity"] as const;

// ---- what the tests are made of ----

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
const cosine = (x: Float64Array, y: Float64Array) => Math.abs(dot(x, y)) / norm(x) / norm(y);
const sum = (x: ArrayLike<number>) => Array.from(x).reduce((total, xi) => total + xi, 0);
const lossOf = (q: Matrix) => maxAbsDifference(matmul(transpose(q), q), identity(q.shape[1]!));
const centred = (x: Matrix) => {
  const means = Array.from({ length: x.shape[1]! }, (_, j) => sum(column(x, j)) / x.shape[0]!);
  return map(x, (value, _, j) => value - means[j]!);
};
const LAUCHLI = matrix([
  [1, 1],
  [1e-9, 0],
  [0, 1e-9],
]);

const digits = loadDigits().x;
const centredDigits = centred(digits);
const digitsPca = pca(digits);

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
  test.each([
    ["columns", 47, (x: number, _: number, j: number) => x * 2 ** (-47 * j)],
    ["rows", 47, (x: number, i: number) => x * 2 ** (-47 * i)],
    ["columns", 30, (x: number, _: number, j: number) => x * 2 ** (30 * j)],
  ] as const)(
    "strongly graded %s, each 2^±%i times the last, neither overflow nor lose orthogonality",
    (_, __, graded) => {
      for (let seed = 0; seed < 4; seed++) {
        const a = map(normal(14, 12, seed), graded);
        const { u, s, vt } = svd(a, { start });
        // a few rotations of each vector, each with a rounding error
        expect(lossOf(u)).toBeLessThan(1e-13);
        expect(lossOf(transpose(vt))).toBeLessThan(1e-13);
        expect(frobeniusNorm(minus(product({ u, s, vt }), a))).toBeLessThan(1e-13 * frobeniusNorm(a));
      }
    },
  );

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
  const optima = [1, 2, 3, 4, 5, 6].map((k) => ({ ...truncatedSvd(a, k), best: lowRankApproximation(a, k) }));
  for (let i = 0; i < 1000; i++) {
    const { u, s: sigma, vt, best } = optima[integer(6)]!;
    // Half of the competitors are anywhere, half near the optimum, where a mistake would show.
    const left = map(u, (x, _, j) => (i % 2 === 0 ? draw() : x * sigma[j]! + 1e-3 * draw()));
    const right = map(vt, (x) => (i % 2 === 0 ? draw() : x + 1e-3 * draw()));
    const error = minus(a, matmul(left, right));
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
  let worstOfGram = 0;
  for (const { a, s: exact } of expected.badlyScaled) {
    const error = (start: "gram" | "identity") =>
      Math.max(...svd(matrix(a), { start }).s.map((sigma, j) => Math.abs(sigma / exact[j]! - 1)));
    expect(error("identity")).toBeLessThan(1e-14);
    worstOfGram = Math.max(worstOfGram, error("gram"));
  }
  expect(worstOfGram).toBeGreaterThan(1e-11);
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
  const typical = Array.from({ length: 13 }, (_, j) => sum(column(wine.x, j)) / 178);
  expect(typical.map((value) => value > 100)).toEqual(Array.from({ length: 13 }, (_, j) => j === 12));
  expect(unscaled.explainedVarianceRatio[0]).toBeCloseTo(0.9981, 4);
  expect(unscaled.components.get(0, 12)).toBeCloseTo(0.9998, 4);
  const three = pca(wine.x, { components: 3, scale: true }).explainedVarianceRatio;
  expect(Array.from(three)).toEqual([0.362, 0.1921, 0.1112].map((ratio) => expect.closeTo(ratio, 4)));
});

claim("reconstruction-error-is-the-dropped-variance", () => {
  const cases: [Matrix, number[]][] = [
    [digits, [21]],
    [loadWine().x, [1, 2, 12, 13]],
    [normal(7, 11, 13), [1, 2, 3, 4, 5, 6, 7]],
  ];
  for (const [x, ks] of cases) {
    const n = x.shape[0]!;
    const { explainedVariance } = x === digits ? digitsPca : pca(x);
    for (const components of ks) {
      const model = pca(x, { components });
      const error = frobeniusNorm(minus(x, pcaInverseTransform(model, model.scores))) ** 2 / n;
      const dropped = ((n - 1) / n) * sum(explainedVariance.slice(components));
      // 1e-10 of what is dropped; with all components that is rounding, so 1e-20 of the whole comes on top
      expect(Math.abs(error - dropped)).toBeLessThan(1e-10 * dropped + 1e-20 * sum(explainedVariance));
    }
  }
  expect(numericalRank(centredDigits)).toBe(61);
  const passing = (share: number) => {
    let total = 0;
    return 1 + digitsPca.explainedVarianceRatio.findIndex((ratio) => (total += ratio) > share);
  };
  expect([0.8, 0.9, 0.95, 0.99].map(passing)).toEqual([13, 21, 29, 41]);
});

/** Frobenius error of `randomizedSvd` on the centred digits over the least error of rank 10, less 1; mean of 20 seeds. */
function meanExcess(k: number, powerIterations: number, oversampling = 10): number {
  const key = `${k} ${powerIterations} ${oversampling}`;
  let mean = excesses.get(key);
  if (mean === undefined) {
    const optimum = norm(digitsPca.singularValues.subarray(10));
    const errors = Array.from({ length: 20 }, (_, seed) =>
      frobeniusNorm(
        minus(centredDigits, product(randomizedSvd(centredDigits, k, { oversampling, powerIterations, seed }))),
      ),
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
  const basis = 1 + meanExcess(20, 0, 0);
  expect(basis).toBeLessThan(Math.sqrt(1 + 10 / 9));
  // scikit-learn's mean over other random numbers; one error varies by 0.01.
  expect(Math.abs(basis - expected.randomizedSvd[0]!.basisErrorRatioMean)).toBeLessThan(0.01);
});

claim("noise-has-a-first-component", () => {
  const edge = (1 + Math.sqrt(0.2)) ** 2;
  expect(edge).toBeCloseTo(2.0944, 4);
  for (const seed of [0, 5]) {
    const largest = svd(normal(1000, 200, seed)).s[0]! ** 2 / 1000;
    expect(Math.abs(largest / edge - 1)).toBeLessThan(0.05);
    // NumPy's twenty largest, from other random numbers: their range, widened by half of its width.
    const [low, high] = [Math.min, Math.max].map((extreme) => extreme(...expected.noise.largestEigenvalues));
    expect(largest).toBeGreaterThan(low! - (high! - low!) / 2);
    expect(largest).toBeLessThan(high! + (high! - low!) / 2);
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
  readonly badlyScaled: readonly { a: Rows; s: readonly number[] }[];
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
    aboveTheEdge: number;
    edgeOfTheRest: number;
    largestWhiteningRatio: number;
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
  readonly noise: { edge: number; largestEigenvalues: readonly number[] };
  readonly photograph: { s: readonly number[]; rankForOnePercentError: number };
  readonly conventions: {
    svd: Readonly<Record<string, { columnsOfU: number; third: "v" | "vt" }>>;
    cutoff: Readonly<Record<string, number>>;
    deviationOf124: Readonly<Record<string, number>>;
    standardScalerOfConstant: number;
    powerSteps: Readonly<Record<string, number>>;
  };
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
    const { rank, constantPixels, componentsFor, meanSquaredReconstructionError } = expected.digits;
    expect(numericalRank(digitsPca.scores)).toBe(rank);
    const constant = Array.from({ length: 64 }, (_, j) => j).filter((j) => new Set(column(digits, j)).size === 1);
    expect(constant).toEqual(constantPixels);
    const ratios = digitsPca.explainedVarianceRatio;
    for (const [share, components] of Object.entries(componentsFor)) {
      expect(sum(ratios.slice(0, components))).toBeGreaterThan(Number(share));
      expect(sum(ratios.slice(0, components - 1))).toBeLessThanOrEqual(Number(share));
    }
    for (const components of ["5", "40"]) {
      const model = pca(digits, { components: Number(components) });
      const rest = minus(digits, pcaInverseTransform(model, model.scores));
      expect(frobeniusNorm(rest) ** 2 / 1797 / meanSquaredReconstructionError[components]!).toBeCloseTo(1, 11);
    }
  });

  test("in the level of error of the randomised SVD", () => {
    const optimum = norm(digitsPca.singularValues.subarray(10));
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

describe("the table of conventions", () => {
  const { svd: returned, cutoff, deviationOf124, standardScalerOfConstant, powerSteps } = expected.conventions;

  test("of a 5×3 matrix NumPy, SciPy and PyTorch return a full u unless told otherwise; only torch.svd returns v", () => {
    expect(returned).toEqual({
      "numpy.linalg.svd": { columnsOfU: 5, third: "vt" },
      "scipy.linalg.svd": { columnsOfU: 5, third: "vt" },
      "torch.linalg.svd": { columnsOfU: 5, third: "vt" },
      "torch.svd": { columnsOfU: 3, third: "v" },
    });
    expect(svd(normal(5, 3, 0)).u.shape).toEqual([5, 3]);
  });

  test("rank and pseudo-inverse count as zero what NumPy's matrix_rank and SciPy's pinv do; NumPy's pinv has 1e-15", () => {
    const spike = (ratio: number) => map(zeros(5, 3), (_, i, j) => (i !== j ? 0 : [1, ratio, 0][j]!));
    for (const [name, counts] of [
      ["numpy.linalg.matrix_rank", (a: Matrix) => numericalRank(a) === 2],
      ["scipy.linalg.pinv", (a: Matrix) => pseudoInverse(a).get(1, 1) > 0],
      ["numpy.linalg.pinv", (a: Matrix) => pseudoInverse(a, { rcond: 1e-15 }).get(1, 1) > 0],
    ] as const) {
      expect([0.999, 1.001].map((factor) => counts(spike(factor * cutoff[name]!)))).toEqual([false, true]);
    }
  });

  test("scale divides as StandardScaler and numpy.std do; StandardScaler divides a constant column by 1", () => {
    const { scale } = pca(matrix([[1], [2], [4]]), { scale: true });
    expect(scale[0]).toBeCloseTo(deviationOf124.StandardScaler!, 14);
    expect(scale[0]).toBeCloseTo(deviationOf124["numpy.std"]!, 14);
    expect(scale[0]! * Math.sqrt(3 / 2)).toBeCloseTo(deviationOf124["torch.std"]!, 14);
    expect(standardScalerOfConstant).toBe(1);
  });

  test("the default numbers of power steps", () => {
    expect(powerSteps).toEqual({
      "randomized_svd, k = 3 of 40": 7,
      "randomized_svd, k = 4 of 40": 4,
      "torch.svd_lowrank": 2,
    });
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
      for (const factor of [part.u, part.vt]) expect(rowMajor(factor)).toBe(factor.data); // no view of the larger matrix
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

  test("gains with every power step, whose number is not bounded", () => {
    const b = normal(60, 40, 5);
    const optimum = norm(svd(b).s.subarray(0, 4));
    const missing = [0, 1, 2, 3, 6, 12, 40, 120].map(
      (powerIterations) => optimum - norm(randomizedSvd(b, 4, { oversampling: 2, powerIterations }).s),
    );
    for (const [i, left] of missing.entries()) {
      expect(left).toBeGreaterThan(-1e-13);
      if (i > 0) expect(left).toBeLessThan(missing[i - 1]!);
    }
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

  test("of entries of one size the first is positive, as in scikit-learn", () => {
    const anticorrelated = matrix([
      [1, -1],
      [-1, 1],
      [2, -2],
    ]);
    const { components } = pca(anticorrelated, { components: 1 });
    expect(components.get(0, 0)).toBe(-components.get(0, 1)); // a tie to the last bit, so that the rule is what decides
    expect(components.get(0, 0)).toBeGreaterThan(0);
  });

  test("means are right to the last bits, and equal entries have that very mean", () => {
    // Multiples of 1/8 below 2^53/8 add up without rounding: a reference that owes nothing to the order of the sum.
    const n = 1797;
    const far = matrixOver(
      Float64Array.from({ length: 2 * n }, (_, at) => (at % 2 ? 1e8 + (at % 7) / 8 : 1e6 * Math.sin(at))),
      n,
      2,
    );
    const eighths = map(far, (value) => Math.round(value * 8) / 8);
    const { mean } = pca(eighths);
    for (const j of [0, 1]) {
      const exact = sum(column(eighths, j)) / n;
      const largest = Math.max(...column(eighths, j).map(Math.abs));
      expect(Math.abs(mean[j]! - exact)).toBeLessThanOrEqual(4 * Number.EPSILON * largest);
    }
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 2, max: 40 }),
        (value, rows) => {
          const x = map(zeros(rows, 2), (_, i, j) => (j === 0 ? value : i));
          expect(pca(x).mean[0]).toBe(value + 0);
          expect(() => pca(x.hi(rows, 1))).toThrow(`pca: x must have two different rows, got ${rows} equal ones`);
          expect(() => pca(x, { scale: true })).toThrow("got none in column 0");
        },
      ),
      { numRuns: 100, seed: 3 },
    );
  });

  test("scales features of any size: the scores of ±1e308, of 1 and of 1e-300 are the same", () => {
    const data = matrix([
      [1, 4],
      [-1, 1],
      [1, -3],
      [-1, 2],
    ]);
    const { scores } = pca(data, { scale: true });
    for (const factor of [1.7e308, 1e200, 1e-200, 1e-300]) {
      const large = map(data, (value, _, j) => (j === 0 ? value * factor : value));
      expect(maxAbsDifference(pca(large, { scale: true }).scores, scores)).toBeLessThan(1e-13);
    }
    expect(Array.from(pca(matrix([[1.7e308], [-1.7e308]]), { scale: true }).scores.data)).toEqual([1, -1]);
  });

  test("new samples get finite whitened scores also where the deviations are denormal", () => {
    const tiny = matrix([
      [1e-310, 3e-310],
      [4e-310, -1e-310],
      [2e-310, 7e-310],
      [1e-310, -5e-310],
    ]);
    const model = pca(tiny, { whiten: true });
    expect(maxAbsDifference(pcaTransform(model, tiny), model.scores)).toBeLessThan(1e-12); // 1e-310 has 14 digits
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
    const edge = pca(matrix([[1e154], [-1e154], [1e154], [-1e154]]));
    expect(edge.mean[0]).toBe(0);
    expect(edge.explainedVariance[0]! / 1e308).toBeCloseTo(4 / 3, 12); // although σ² = 4e308 overflows
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
      "pca: scale must have a deviation to divide by, got none in column 0",
      () => pca(digits, { scale: true }),
      RangeError,
    ],
    [
      "pca: scale must have a deviation to divide by, got none in column 2",
      () =>
        pca(
          map(a, (x, _, j) => (j === 2 ? 0.1 : x)),
          { scale: true },
        ),
      RangeError,
    ],
    [
      "pca: whiten must have variance to divide by, got none in component 61",
      () => pca(digits, { whiten: true }),
      RangeError,
    ],
    [
      "pcaTransform: the result must not overflow, got Infinity",
      () =>
        pcaTransform(
          pca(a),
          map(zeros(1, 4), (_, __, j) => 1.5e308 * Math.sign(pca(a).components.get(0, j))),
        ),
      RangeError,
    ],
    [
      "pcaTransform: x must stay finite when it is centred, got Infinity",
      () => pcaTransform(pca(matrix([[1e308], [1.5e308]]), { scale: true }), matrix([[-1.7e308]])),
      RangeError,
    ],
    [
      "pcaInverseTransform: the result must not overflow, got Infinity",
      () =>
        pcaInverseTransform(
          pca(a),
          map(zeros(1, 4), (_, __, j) => 1.5e308 * Math.sign(pca(a).components.get(j, 0))),
        ),
      RangeError,
    ],
    [
      "random: seed must be an integer in [-2147483648, 4294967295], got 0.5",
      () => randomizedSvd(a, 2, { seed: 0.5 }),
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

  test("whitening the components that vary is allowed", () => {
    const one = map(a, (x, _, j) => (j === 1 ? 7 : x));
    expect(() => pca(one, { whiten: true })).toThrow("got none in component 3");
    expect(pca(one, { components: 3, whiten: true }).scores.shape).toEqual([6, 3]);
  });

  test("an error too large for a number is Infinity", () => {
    const { matrix: nearest, ...errors } = lowRankApproximation(
      map(identity(3), (x) => 1.7e308 * x),
      1,
    );
    expect(errors).toEqual({ spectralError: 1.7e308, frobeniusError: Infinity });
    expect(norm(rowMajor(nearest))).toBe(1.7e308);
    expect(
      conditionNumber(
        matrix([
          [1e200, 0],
          [0, 1e-200],
        ]),
      ),
    ).toBe(Infinity);
  });
});

describe("the numbers in the note's prose", () => {
  test("of the photograph: no saving at all", () => {
    expect([loadGreyPhotograph().pixels.shape, 128 * 192]).toEqual([[128, 192], 24576]);
    expect((expected.photograph.rankForOnePercentError * (128 + 192 + 1)) / 24576).toBeGreaterThan(1);
  });

  test("of the digits: twelve components above the edge, the rest near 0.6; whitening", () => {
    const first = digits.hi(1700, 64);
    const varying = Array.from({ length: 64 }, (_, j) => column(first, j)).filter((x) => x.some((xi) => xi !== x[0]));
    const lambda = pca(transpose(matrix(varying)), { scale: true }).singularValues.map((sigma) => sigma ** 2 / 1700);
    const [d, edge] = [lambda.length, (1 + Math.sqrt(lambda.length / 1700)) ** 2];
    expect(lambda.filter((value) => value > edge)).toHaveLength(12);
    expect(expected.digits.aboveTheEdge).toBe(12);
    const rest = (sum(lambda.slice(12)) / (d - 12)) * (1 + Math.sqrt((d - 12) / 1700)) ** 2;
    expect(rest).toBeCloseTo(expected.digits.edgeOfTheRest, 12);
    expect(rest).toBeCloseTo(0.6, 1);
    const { singularValues } = digitsPca;
    expect(singularValues[0]! / singularValues[60]!).toBeCloseTo(expected.digits.largestWhiteningRatio, 8);
    expect(Math.round(expected.digits.largestWhiteningRatio)).toBe(659);
  });

  test("of iris: the first variance by n − 1 and by n", () => {
    const [variance] = expected.pca[0]!.explainedVariance as [number];
    expect(variance).toBeCloseTo(4.2282, 4);
    expect((variance * 149) / 150).toBeCloseTo(4.2001, 4);
  });
});
