import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { determinant } from "../../src/demos/linear-algebra/determinant-and-volume.js";
import {
  eig,
  eigSymmetric,
  jacobiEigenSteps,
  lanczos,
  matrixFunction,
  powerIteration,
  powerIterationSteps,
  rayleighQuotientIterationSteps,
  type SymmetricEigen,
  symmetricEigenbasis,
} from "../../src/demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import { matmul, matvec, qr } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  circleAndImage,
  growingPowers,
  scatteredEigenvalues,
  splitClub,
} from "../../src/figures/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import { ConvergenceError } from "../../src/lib/errors.js";
import { loadKarateClub } from "../../src/lib/karate-club.js";
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
import { concept } from "../concept.js";
import { diagonal, dot, from, normal } from "../matrices.js";

const { claim, oracle } = concept("linear-algebra/eigenvalues-and-the-spectral-theorem");

// ---- what the tests are made of ----

const symmetrised = (a: Matrix) => from(a.shape[0]!, a.shape[0]!, (i, j) => (a.get(i, j) + a.get(j, i)) / 2);
const symmetric = (n: number, seed: number) => symmetrised(normal(n, n, seed));
const withSpectrum = (values: readonly number[], seed: number) => {
  const { q } = qr(normal(values.length, values.length, seed));
  const scaled = from(values.length, values.length, (i, j) => q.get(i, j) * values[j]!);
  return { a: symmetrised(matmul(scaled, transpose(q))), q };
};
const difference = (a: Matrix, b: Matrix) => {
  const [x, y] = [rowMajor(a), rowMajor(b)];
  return norm(x.map((entry, i) => entry - y[i]!));
};
const jordan = (n: number, value = 0) => from(n, n, (i, j) => (i === j ? value : j === i + 1 ? 1 : 0));
const spectralNorm = (a: Matrix) => Math.sqrt(eigSymmetric(matmul(transpose(a), a)).values.at(-1)!);
const byHand = matrix([
  [2, 1, 0],
  [1, 3, 1],
  [0, 1, 4],
]);

/** ‖A − QΛQᵀ‖/‖A‖ and ‖QᵀQ − I‖. */
function errors(a: Matrix, { values, vectors }: SymmetricEigen) {
  const n = values.length;
  const scaled = from(n, n, (i, j) => vectors.get(i, j) * values[j]!);
  return {
    residual: difference(a, matmul(scaled, transpose(vectors))) / (frobeniusNorm(a) || 1),
    tilt: difference(matmul(transpose(vectors), vectors), identity(n)),
  };
}
function expectSpectral(a: Matrix, found: SymmetricEigen, tolerance = 1e-12) {
  const { residual, tilt } = errors(a, found);
  expect(residual).toBeLessThan(tolerance);
  expect(tilt).toBeLessThan(tolerance);
  for (let i = 1; i < found.values.length; i++) expect(found.values[i]!).toBeGreaterThanOrEqual(found.values[i - 1]!);
}

function laplacian(): Matrix {
  const { edges, target } = loadKarateClub();
  const l = zeros(target.length, target.length);
  for (const [i, j] of edges) {
    l.set(i, j, -1);
    l.set(j, i, -1);
    l.set(i, i, l.get(i, i) + 1);
    l.set(j, j, l.get(j, j) + 1);
  }
  return l;
}

// ---- claims ----

claim("spectral-decomposition", () => {
  const complete = from(100, 100, (i, j) => (i === j ? 99 : -1));
  expectSpectral(complete, eigSymmetric(complete));
  const { values } = eigSymmetric(complete);
  expect(Math.abs(values[0]!)).toBeLessThan(1e-12);
  for (const value of values.slice(1)) expect(Math.abs(value - 100)).toBeLessThan(1e-11);
  expectSpectral(symmetric(100, 1), eigSymmetric(symmetric(100, 1)));
  for (let seed = 0; seed < 20; seed++) {
    const n = 1 + (seed % 9);
    const a = symmetric(n, seed);
    const { values } = eigSymmetric(a);
    const trace = toRows(a).reduce((sum, row, i) => sum + row[i]!, 0);
    expect(values.reduce((sum, x) => sum + x, 0)).toBeCloseTo(trace, 12);
    expect(values.reduce((product, x) => product * x, 1)).toBeCloseTo(determinant(a), 10); // of size up to 1e3
  }
});

claim("rayleigh-quotients-and-interlacing", () => {
  for (let seed = 0; seed < 40; seed++) {
    const n = 2 + (seed % 8);
    const a = symmetric(n, seed);
    const { values } = eigSymmetric(a);
    const x = normal(n, 1, seed + 100).data;
    const quotient = dot(x, matvec(a, x)) / dot(x, x);
    expect(quotient).toBeGreaterThanOrEqual(values[0]! - 1e-12);
    expect(quotient).toBeLessThanOrEqual(values[n - 1]! + 1e-12);
    const gone = seed % n;
    const keep = (i: number) => (i < gone ? i : i + 1);
    const inner = eigSymmetric(from(n - 1, n - 1, (i, j) => a.get(keep(i), keep(j)))).values;
    for (let i = 0; i < n - 1; i++) {
      expect(inner[i]!).toBeGreaterThanOrEqual(values[i]! - 1e-12);
      expect(inner[i]!).toBeLessThanOrEqual(values[i + 1]! + 1e-12);
    }
  }
});

claim("skew-part-makes-them-complex", () => {
  const { a } = withSpectrum([0.6, 2], 4);
  for (const s of [0, 0.3, 0.69, 0.71, 1.2]) {
    const { real, imaginary, vectors } = eig(from(2, 2, (i, j) => a.get(i, j) + (i - j) * s));
    const inside = 0.49 - s * s;
    const root = Math.sqrt(Math.abs(inside));
    if (inside > 0) {
      expect(Array.from(real)).toEqual([expect.closeTo(1.3 + root, 12), expect.closeTo(1.3 - root, 12)]);
      expect(Array.from(imaginary)).toEqual([0, 0]);
      const cosine = Math.abs(dot(column(vectors.real, 0), column(vectors.real, 1)));
      if (s === 0) expect(cosine).toBeLessThan(1e-14);
      else expect(cosine).toBeGreaterThan(0.1);
    } else {
      expect(Array.from(imaginary)).toEqual([expect.closeTo(root, 12), expect.closeTo(-root, 12)]);
      expect(Array.from(real)).toEqual([expect.closeTo(1.3, 12), expect.closeTo(1.3, 12)]);
    }
  }
});

claim("power-iteration-rate", () => {
  const { a, q } = withSpectrum([4, 3, 2, 1, 0.5], 0);
  const steps = powerIterationSteps(a);
  const trace = Array.from({ length: 32 }, () => steps.next().value);
  const tangents = trace.map(({ vector }) => {
    const cosine = dot(vector, column(q, 0));
    return norm(vector.map((x, i) => x - cosine * q.get(i, 0))) / Math.abs(cosine);
  });
  expect(Math.abs(tangents[31]! / tangents[30]! - 0.75)).toBeLessThan(1e-3);
  expect(Math.abs((4 - trace[31]!.value) / (4 - trace[30]!.value) - 0.5625)).toBeLessThan(1e-3);
  const stuck = powerIteration(diagonal(1, -1), { start: [1, 2] });
  expect(stuck).toMatchObject({ converged: false, iterations: 1000 });
  expect(Math.abs(stuck.value + 0.6)).toBeLessThan(1e-12);
});

claim("rayleigh-quotient-iteration-is-cubic", () => {
  const found = Array.from(rayleighQuotientIterationSteps(byHand, [1, 1, 1]), ({ value }) =>
    Math.abs(value - 3 - Math.sqrt(3)),
  );
  expect(found.slice(0, 3).map((x) => x.toExponential(1))).toEqual(["4.0e-1", "2.5e-2", "4.5e-6"]);
  expect(found[3]!).toBeLessThan(1e-14);
});

claim("jacobi-ends-quadratically", () => {
  const sizes = Array.from(jacobiEigenSteps(symmetric(20, 3)), ({ offDiagonalNorm }) => offDiagonalNorm);
  expect(sizes.slice(3, 6).map((x) => x.toExponential(1))).toEqual(["4.2e-2", "9.0e-5", "7.2e-11"]);
  expect(sizes[4]!).toBeLessThan(sizes[3]! ** 2);
  expect(sizes[5]!).toBeLessThan(sizes[4]! ** 2);
});

claim("symmetric-eigenvalues-are-safe", () => {
  for (let seed = 0; seed < 30; seed++) {
    const n = 2 + (seed % 7);
    const [a, e] = [symmetric(n, seed), symmetric(n, seed + 50)];
    const moved = eigSymmetric(from(n, n, (i, j) => a.get(i, j) + 0.1 * e.get(i, j))).values;
    const bound = 0.1 * spectralNorm(e);
    const { values } = eigSymmetric(a);
    for (let i = 0; i < n; i++) expect(Math.abs(moved[i]! - values[i]!)).toBeLessThanOrEqual(bound + 1e-13);
  }
  const touched = jordan(10);
  touched.set(9, 0, 1e-10);
  const { real, imaginary } = eig(touched);
  // Rounding adds 1e-16 to 1e-10: a millionth, of which the tenth root makes a tenth.
  for (let j = 0; j < 10; j++) expect(Math.abs(Math.hypot(real[j]!, imaginary[j]!) - 0.1)).toBeLessThan(1e-7);
});

claim("powers-may-grow-first", () => {
  const a = jordan(2, 0.9);
  const { growth } = oracle<Fixture>();
  const norms: number[] = [];
  for (let [k, power] = [1, a]; k <= 40; k++, power = matmul(power, a)) norms.push(spectralNorm(power));
  for (const [k, size] of norms.entries()) expect(size).toBeCloseTo(growth[k]!, 10);
  expect(norms.indexOf(Math.max(...norms)) + 1).toBe(9);
  expect(Math.max(...norms)).toBeCloseTo(3.9126, 4);
  expect(norms.findIndex((size) => size < 1) + 1).toBe(35);
  const s = symmetric(5, 1);
  const radius = spectralNorm(s);
  expect(spectralNorm(matmul(s, matmul(s, s))) / radius ** 3).toBeCloseTo(1, 12);
});

claim("karate-club-splits", () => {
  const { karate } = oracle<Fixture>();
  const { values, vectors } = eigSymmetric(laplacian());
  expect(values.filter((value) => Math.abs(value) < 1e-10)).toHaveLength(1);
  expect([values[1]!.toFixed(6), values[33]!.toFixed(6)]).toEqual(["0.468525", "18.136696"]);
  for (const [i, value] of values.entries()) expect(Math.abs(value - karate.values[i]!)).toBeLessThan(1e-12);
  const v = column(vectors, 1);
  for (const [i, x] of v.entries()) expect(Math.abs(Math.abs(x) - Math.abs(karate.fiedler[i]!))).toBeLessThan(1e-12);
  const { target } = loadKarateClub();
  const wrong = Array.from(target.keys()).filter((i) => v[i]! * v[0]! > 0 !== (target[i] === target[0]));
  expect(wrong.map((i) => i + 1)).toEqual([3, 9]);
  expect(karate.exceptions).toEqual([3, 9]);
});

claim("functions-act-on-eigenvalues", () => {
  for (let seed = 0; seed < 10; seed++) {
    const n = 1 + (seed % 6);
    const x = normal(n, 4, seed); // of rank 4 at most
    const a = matmul(x, transpose(x));
    const root = matrixFunction(a, (value) => Math.sqrt(Math.max(0, value)));
    expect(difference(matmul(root, root), a)).toBeLessThan(1e-12 * frobeniusNorm(a));
    const small = symmetric(n, seed);
    const trace = toRows(small).reduce((sum, row, i) => sum + row[i]!, 0);
    expect(determinant(matrixFunction(small, Math.exp)) / Math.exp(trace)).toBeCloseTo(1, 10);
  }
});

claim("lanczos-needs-few-products", () => {
  const a = symmetric(200, 1);
  const { values, vectors, matvecs, residualNorms } = lanczos((x) => matvec(a, x), 200, { k: 3 });
  const exact = eigSymmetric(a).values;
  expect(matvecs).toBe(80);
  for (let j = 0; j < 3; j++) {
    expect(Math.abs(values[j]! - exact[197 + j]!)).toBeLessThan(1e-11);
    const v = column(vectors, j);
    const residual = norm(matvec(a, v).map((x, i) => x - values[j]! * v[i]!));
    expect(Math.abs(residual - residualNorms[j]!)).toBeLessThan(1e-12);
    expect(residual).toBeLessThan(1e-10 * 20);
    expect(norm(v)).toBeCloseTo(1, 12);
  }
  const { iterations, converged } = powerIteration(a);
  expect(converged).toBe(true);
  expect(iterations).toBeGreaterThan(900);
});

claim("polynomial-roots-are-ill-conditioned", () => {
  let coefficients = [1n];
  for (let root = 1n; root <= 20n; root++) {
    coefficients = [...coefficients, 0n].map((c, i) => c - root * (i > 0 ? coefficients[i - 1]! : 0n));
  }
  const companion = from(20, 20, (i, j) => (i === 0 ? -Number(coefficients[j + 1]!) : j === i - 1 ? 1 : 0));
  const roots = Array.from(eig(companion).real).sort((x, y) => x - y);
  const worst = Math.max(...roots.map((x, i) => Math.abs(x - i - 1)));
  expect(worst.toFixed(2)).toBe("0.05");
  expect(oracle<Fixture>().polynomialError).toBe(0.09);
  const whole = Array.from({ length: 20 }, (_, i) => i + 1);
  const { values } = eigSymmetric(withSpectrum(whole, 1).a);
  for (const [i, value] of values.entries()) expect(Math.abs(value - i - 1)).toBeLessThan(1e-12);
});

// ---- the symmetric solver ----

describe("eigSymmetric", () => {
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);
  const hard: Record<string, Matrix> = {
    "Wilkinson's W21, whose largest pairs agree to 14 digits": from(41, 41, (i, j) =>
      i === j ? Math.abs(i - 20) : Math.abs(i - j) === 1 ? 1 : 0,
    ),
    "pairs 1e-8 apart": withSpectrum(
      range(60).map((i) => Math.floor(i / 2) + (i % 2) * 1e-8),
      6,
    ).a,
    "pairs 1e-7 apart": withSpectrum(
      range(60).map((i) => Math.floor(i / 2) + (i % 2) * 1e-7),
      6,
    ).a,
    "2⁰ … 2⁻⁷⁹": withSpectrum(
      range(80).map((i) => 2 ** -i),
      4,
    ).a,
    "40 values within 1e-11": withSpectrum(
      range(80).map((i) => (i < 40 ? 1e-13 * i : i)),
      5,
    ).a,
    "graded downwards": from(40, 40, (i, j) => 10 ** -(i + j)),
    "graded upwards": from(40, 40, (i, j) => 10 ** -(78 - i - j)),
    "rank 1": from(50, 50, (i, j) => (i + 1) * (j + 1)),
    identity: identity(50),
    zeros: zeros(40, 40),
  };
  test.each(Object.keys(hard))("%s", (name) => expectSpectral(hard[name]!, eigSymmetric(hard[name]!)));

  test("both methods, any size up to 40: the decomposition holds, and they agree", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 2 ** 31 }), (n, seed) => {
        const a = symmetric(n, seed);
        const [ql, rotated] = [eigSymmetric(a), eigSymmetric(a, { method: "jacobi" })];
        expectSpectral(a, ql);
        expectSpectral(a, rotated);
        for (let i = 0; i < n; i++) expect(Math.abs(ql.values[i]! - rotated.values[i]!)).toBeLessThan(1e-12);
      }),
      { numRuns: 40 },
    );
  });
  test("the path graph: 2 − 2cos(πk/n)", () => {
    const n = 60;
    const path = from(n, n, (i, j) => (i === j ? (i % (n - 1) === 0 ? 1 : 2) : Math.abs(i - j) === 1 ? -1 : 0));
    for (const [k, value] of eigSymmetric(path).values.entries()) {
      expect(Math.abs(value - 2 + 2 * Math.cos((Math.PI * k) / n))).toBeLessThan(1e-13);
    }
  });
  test("values worked by hand, and the vector of the middle one", () => {
    for (const method of ["ql", "jacobi"] as const) {
      const { values, vectors } = eigSymmetric(byHand, { method });
      const expected = [3 - Math.sqrt(3), 3, 3 + Math.sqrt(3)];
      expect(Array.from(values)).toEqual(expected.map((x) => expect.closeTo(x, 13)));
      const v = column(vectors, 1);
      expect(Array.from(v, (x) => x / v[0]!)).toEqual([1, 1, -1].map((x) => expect.closeTo(x, 13)));
    }
  });
  test("scaling by a power of two changes no bit but the exponents, to the ends of float64", () => {
    const [a, { values, vectors }] = [symmetric(6, 2), eigSymmetric(symmetric(6, 2))];
    for (const factor of [2 ** 900, 2 ** -900]) {
      const scaled = eigSymmetric(from(6, 6, (i, j) => factor * a.get(i, j)));
      expect(scaled.vectors.data).toEqual(vectors.data);
      expect(scaled.values).toEqual(values.map((x) => x * factor));
    }
    expect(Array.from(eigSymmetric(diagonal(1e308, -1e308)).values)).toEqual([-1e308, 1e308]);
    expect(Array.from(eigSymmetric(diagonal(5e-324, 0)).values)).toEqual([0, 5e-324]);
  });
  test("rounding's worth of asymmetry is averaged away", () => {
    const { values } = eigSymmetric(
      matrix([
        [2, 1 + 1e-13],
        [1 - 1e-13, 2],
      ]),
    );
    expect(Array.from(values)).toEqual([expect.closeTo(1, 14), expect.closeTo(3, 14)]);
  });
  test("the input stays as it was, views give the same, and twice the same bits", () => {
    const a = symmetric(40, 5);
    const before = copy(a);
    const first = eigSymmetric(a);
    for (const method of ["ql", "jacobi"] as const) eigSymmetric(a, { method });
    expect(a.data).toEqual(before.data);
    expect(eigSymmetric(transpose(a)).vectors.data).toEqual(first.vectors.data);
  });
  test("what it refuses", () => {
    expect(() => eigSymmetric(zeros(2, 3))).toThrow(new RangeError("eigSymmetric: a must be square, got 2×3"));
    expect(() =>
      eigSymmetric(
        matrix([
          [1, 2],
          [2.5, 1],
        ]),
      ),
    ).toThrow(
      new RangeError("eigSymmetric: a must be symmetric, got entries that differ by 0.5 from their mirror image"),
    );
    expect(() => eigSymmetric(diagonal(Number.NaN))).toThrow(
      new RangeError("eigSymmetric: a must be finite, got NaN at (0, 0)"),
    );
    expect(() => eigSymmetric(byHand, { method: "qr" as "ql" })).toThrow(
      new RangeError("eigSymmetric: method must be one of 'ql', 'jacobi', got 'qr'"),
    );
    expect(() => eigSymmetric(byHand, { maxShifts: 0 })).toThrow(
      new RangeError("eigSymmetric: maxShifts must be an integer at least 1, got 0"),
    );
    expect(() => eigSymmetric(from(2, 2, () => 1.5e308))).toThrow(
      new RangeError("eigSymmetric: the eigenvalues must not overflow, got Infinity"),
    );
  });
  test("too few shifts or sweeps are an error that names the eigenvalue", () => {
    const a = symmetric(12, 1);
    expect(() => eigSymmetric(a, { maxShifts: 1 })).toThrow(
      new ConvergenceError("eigSymmetric: eigenvalue 0 did not converge in 1 shifts", 1),
    );
    expect(() => eigSymmetric(a, { maxShifts: 2, method: "jacobi" })).toThrow(
      new ConvergenceError("eigSymmetric: no convergence in 2 sweeps", 2),
    );
    expect(() => Array.from(jacobiEigenSteps(a, { maxSweeps: 1 }))).toThrow(
      new ConvergenceError("jacobiEigenSteps: no convergence in 1 sweeps", 1),
    );
    const large = symmetricEigenbasis(symmetric(40, 1), 1);
    expect(large.failed).toBeDefined();
    expect(difference(matmul(large.vectors, transpose(large.vectors)), identity(40))).toBeLessThan(1e-12);
  });
});

test("jacobiEigenSteps: each matrix has the norm of A, the entries beside the diagonal become nothing", () => {
  const a = symmetric(9, 4);
  const steps = Array.from(jacobiEigenSteps(a));
  for (const { matrix: m, offDiagonalNorm } of steps) {
    expect(frobeniusNorm(m) / frobeniusNorm(a)).toBeCloseTo(1, 12);
    expect(maxAbsDifference(m, transpose(m))).toBe(0);
    const beside = from(9, 9, (i, j) => (i === j ? 0 : m.get(i, j)));
    expect(offDiagonalNorm).toBeCloseTo(frobeniusNorm(beside), 12);
  }
  expect(steps.map(({ sweep }) => sweep)).toEqual(steps.map((_, i) => i + 1));
  expect(steps[0]!.rotations).toBe(36);
  expect(steps.at(-1)!.rotations).toBe(0);
});

// ---- one vector at a time ----

describe("powerIteration", () => {
  test("finds the eigenvalue of largest modulus, with its sign", () => {
    const { a, q } = withSpectrum([-5, 3, 1, 0.2], 3);
    const { value, vector, residualNorm, converged, iterations } = powerIteration(a);
    expect(converged).toBe(true);
    expect(Math.abs(value + 5)).toBeLessThan(1e-12);
    expect(Math.abs(dot(vector, column(q, 0)))).toBeCloseTo(1, 12);
    expect(norm(matvec(a, vector).map((x, i) => x - value * vector[i]!))).toBeCloseTo(residualNorm, 14);
    expect(residualNorm).toBeLessThanOrEqual(1e-10 * frobeniusNorm(a));
    const steps = powerIterationSteps(a);
    for (let k = 0; k < iterations; k++) steps.next();
    expect(steps.next().value.vector).toEqual(vector);
  });
  test("an eigenvector as start ends at once, also of the eigenvalue 0", () => {
    expect(powerIteration(byHand, { start: [1, 1, -1] })).toMatchObject({ converged: true, iterations: 0 });
    expect(powerIteration(zeros(3, 3))).toMatchObject({ converged: true, iterations: 0, value: 0 });
  });
  test("the seed decides the start", () => {
    const first = (seed: number) => powerIterationSteps(byHand, { seed }).next().value.vector;
    expect(first(3)).toEqual(first(3));
    expect(first(3)).not.toEqual(first(4));
  });
  test("what it refuses", () => {
    expect(() => powerIteration(zeros(2, 3))).toThrow(new RangeError("powerIteration: a must be square, got 2×3"));
    expect(() => powerIteration(byHand, { start: [0, 0, 0] })).toThrow(
      new RangeError("powerIteration: start must have an entry that is not 0, got 3 zeros"),
    );
    expect(() => powerIteration(byHand, { start: [1] })).toThrow(
      new RangeError("powerIteration: start must have length 3, got 1"),
    );
    expect(() => powerIteration(byHand, { tolerance: -1 })).toThrow(
      new RangeError("powerIteration: tolerance must be a finite number in [0, Infinity), got -1"),
    );
    expect(() => powerIteration(byHand, { maxIterations: 0 })).toThrow(
      new RangeError("powerIteration: maxIterations must be an integer at least 1, got 0"),
    );
  });
});

describe("rayleighQuotientIterationSteps", () => {
  test("reaches an eigenvalue from nearly every start", () => {
    for (let seed = 0; seed < 30; seed++) {
      const n = 2 + (seed % 9);
      const a = symmetric(n, seed);
      const last = Array.from(rayleighQuotientIterationSteps(a, normal(n, 1, seed).data)).at(-1)!;
      expect(last.residualNorm).toBeLessThanOrEqual(n * Number.EPSILON * frobeniusNorm(a));
      const { values } = eigSymmetric(a);
      expect(Math.min(...values.map((value) => Math.abs(value - last.value)))).toBeLessThan(1e-13);
    }
  });
  test("a shift that is an eigenvalue of another vector does not stop it", () => {
    const steps = Array.from(rayleighQuotientIterationSteps(diagonal(0, 1, -1), [0, 1, 1]));
    expect(steps[0]!.value).toBe(0);
    expect(Math.abs(steps.at(-1)!.value)).toBe(1);
  });
  test("what it refuses", () => {
    expect(() => rayleighQuotientIterationSteps(jordan(3), [1, 1, 1]).next()).toThrow(
      new RangeError(
        "rayleighQuotientIterationSteps: a must be symmetric, got entries that differ by 1 from their mirror image",
      ),
    );
    expect(() => rayleighQuotientIterationSteps(byHand, [0, 0, 0]).next()).toThrow(
      new RangeError("rayleighQuotientIterationSteps: start must have an entry that is not 0, got 3 zeros"),
    );
  });
});

describe("lanczos", () => {
  test("smallest and largest of any size, also with equal eigenvalues and all n at once", () => {
    for (const n of [1, 2, 7, 30]) {
      const a = symmetric(n, n);
      const exact = eigSymmetric(a).values;
      const all = lanczos((x) => matvec(a, x), n, { k: n });
      for (let i = 0; i < n; i++) expect(Math.abs(all.values[i]! - exact[i]!)).toBeLessThan(1e-12);
      expectSpectral(a, all);
      const low = lanczos((x) => matvec(a, x), n, { which: "smallest", seed: 1 });
      expect(Math.abs(low.values[0]! - exact[0]!)).toBeLessThan(1e-10);
    }
    expect(Array.from(lanczos((x) => x, 5, { k: 2 }).values)).toEqual([expect.closeTo(1, 14), expect.closeTo(1, 14)]);
    expect(lanczos((x) => x, 5, { k: 2 }).matvecs).toBe(2);
    expect(Array.from(lanczos((x) => x.map(() => 0), 4).values)).toEqual([0]);
  });
  test("vectors stay orthonormal where Ax hardly leaves the basis: one pass would tilt them by 1e-6", () => {
    const s = symmetric(30, 2);
    const a = from(30, 30, (i, j) => (i === j ? 1 : 0) + 1e-10 * s.get(i, j));
    expectSpectral(
      a,
      lanczos((x) => matvec(a, x), 30, { k: 30 }),
    );
  });
  test("apply may spoil its argument without harm", () => {
    const spoiling = (x: Float64Array) => {
      const image = matvec(byHand, x);
      x.fill(7);
      return image;
    };
    expect(lanczos(spoiling, 3).values).toEqual(lanczos((x) => matvec(byHand, x), 3).values);
  });
  test("what it refuses", () => {
    expect(() => lanczos((x) => x, 3, { k: 4 })).toThrow(
      new RangeError("lanczos: k must be an integer in [1, 3], got 4"),
    );
    expect(() => lanczos((x) => x, 0)).toThrow(new RangeError("lanczos: n must be an integer at least 1, got 0"));
    expect(() => lanczos(() => [1], 3)).toThrow(new RangeError("lanczos: apply(x) must have length 3, got 1"));
    expect(() => lanczos((x) => x, 3, { which: "both" as "largest" })).toThrow(
      new RangeError("lanczos: which must be one of 'largest', 'smallest', got 'both'"),
    );
    expect(() => lanczos((x) => x, 3, { tolerance: Number.NaN })).toThrow(
      new RangeError("lanczos: tolerance must be a finite number in [0, Infinity), got NaN"),
    );
    const a = symmetric(30, 1);
    expect(() => lanczos((x) => matvec(a, x), 30, { maxMatvecs: 7 })).toThrow(
      new ConvergenceError("lanczos: no convergence in 7 matvecs", 7),
    );
  });
});

test("matrixFunction: where f has no value, and where the result overflows", () => {
  expect(() => matrixFunction(diagonal(1, -4), Math.sqrt)).toThrow(
    new RangeError("matrixFunction: f must be finite at the eigenvalues, got NaN at -4"),
  );
  expect(() =>
    matrixFunction(
      from(2, 2, () => 1),
      () => 1.7e308 * 1,
    ),
  ).not.toThrow();
  expect(toRows(matrixFunction(diagonal(4, 9), (x) => 1 / x))).toEqual([
    [0.25, 0],
    [0, expect.closeTo(1 / 9, 15)],
  ]);
});

// ---- the general solver ----

/** Largest entry of AV − VΛ over ‖A‖, in complex numbers, and the largest deviation of a column's length from 1. */
function generalErrors(a: Matrix, { real, imaginary, vectors: { real: u, imaginary: v } } = eig(a)) {
  const [au, av] = [matmul(a, u), matmul(a, v)];
  let [residual, length] = [0, 0];
  for (let j = 0; j < real.length; j++) {
    for (let i = 0; i < real.length; i++) {
      const [x, y] = [u.get(i, j), v.get(i, j)];
      const re = au.get(i, j) - real[j]! * x + imaginary[j]! * y;
      const im = av.get(i, j) - real[j]! * y - imaginary[j]! * x;
      residual = Math.max(residual, Math.hypot(re, im) / (frobeniusNorm(a) || 1));
    }
    length = Math.max(length, Math.abs(Math.hypot(norm(column(u, j)), norm(column(v, j))) - 1));
  }
  return { residual, length };
}

describe("eig", () => {
  const cycle = (n: number) => from(n, n, (i, j) => (j === (i + 1) % n ? 1 : 0));
  const special: Record<string, Matrix> = {
    "quarter turn": matrix([
      [0, -1],
      [1, 0],
    ]),
    "cycle of 4": cycle(4),
    "cycle of 7": cycle(7),
    "two equal pairs": from(4, 4, (i, j) => (i === (j ^ 1) ? (i % 2 === 0 ? 1 : -1) : 0)),
    "coupled equal pairs": matrix([
      [0, 1, 1, 0],
      [-1, 0, 0, 1],
      [0, 0, 0, 1],
      [0, 0, -1, 0],
    ]),
    "Jordan block of 30": jordan(30),
    "Jordan block of 30 with 2": jordan(30, 2),
    "rank 1": from(5, 5, (i) => i + 1),
    "triangular, with equal entries": matrix([
      [1, 2, 3],
      [0, 1, 4],
      [0, 0, 5],
    ]),
    companion: matrix([
      [6, -11, 6],
      [1, 0, 0],
      [0, 1, 0],
    ]),
    zeros: zeros(4, 4),
    "1e300": from(5, 5, (i, j) => 1e300 * Math.sin(3 * i + j * j)),
    "1e-300": from(5, 5, (i, j) => 1e-300 * Math.sin(3 * i + j * j)),
  };
  test.each(Object.keys(special))("%s: AV = VΛ with unit columns", (name) => {
    const factor = name.startsWith("1e") ? 1 / Number(name) : 1;
    const a = special[name]!;
    const found = eig(a);
    const rescaled = {
      ...found,
      real: found.real.map((x) => x * factor),
      imaginary: found.imaginary.map((x) => x * factor),
    };
    const { residual, length } = generalErrors(
      from(a.shape[0]!, a.shape[0]!, (i, j) => factor * a.get(i, j)),
      rescaled,
    );
    expect(residual).toBeLessThan(1e-14);
    expect(length).toBeLessThan(1e-14);
  });
  test("closed forms: roots of unity, and the roots 3, 2, 1", () => {
    const { real, imaginary } = eig(special["cycle of 7"]!);
    const angles = Array.from(real, (x, j) => Math.round((Math.atan2(imaginary[j]!, x) * 7) / (2 * Math.PI)));
    expect(angles.sort((x, y) => x - y)).toEqual([-3, -2, -1, 0, 1, 2, 3]);
    expect(Array.from(eig(special.companion!).real)).toEqual([3, 2, 1].map((x) => expect.closeTo(x, 12)));
  });
  test("any size up to 25: residual, trace, order, conjugate pairs side by side", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 0, max: 2 ** 31 }), (n, seed) => {
        const a = normal(n, n, seed);
        const found = eig(a);
        const { residual, length } = generalErrors(a, found);
        expect(residual).toBeLessThan(1e-13);
        expect(length).toBeLessThan(1e-14);
        const { real, imaginary } = found;
        const trace = toRows(a).reduce((sum, row, i) => sum + row[i]!, 0);
        expect(real.reduce((sum, x) => sum + x, 0)).toBeCloseTo(trace, 11);
        for (let j = 0; j < n; j++) {
          if (imaginary[j]! > 0) expect([real[j + 1], imaginary[j + 1]]).toEqual([real[j], -imaginary[j]!]);
          if (imaginary[j]! < 0) expect(imaginary[j - 1]).toBe(-imaginary[j]!);
          if (j > 0) {
            const [size, before] = [j, j - 1].map((i) => Math.hypot(real[i!]!, imaginary[i!]!)) as [number, number];
            expect(size).toBeLessThanOrEqual(before * (1 + 1e-15));
          }
        }
      }),
      { numRuns: 60 },
    );
  });
  test("a matrix that is only badly scaled loses no digits", () => {
    const b = normal(6, 6, 9);
    const a = from(6, 6, (i, j) => b.get(i, j) * 2 ** (8 * (i - j)));
    const [found, expected] = [eig(a), eig(b)];
    for (let j = 0; j < 6; j++) {
      expect(Math.abs(found.real[j]! - expected.real[j]!)).toBeLessThan(1e-13);
      expect(Math.abs(found.imaginary[j]! - expected.imaginary[j]!)).toBeLessThan(1e-13);
    }
    expect(generalErrors(a, found).residual).toBeLessThan(1e-14);
  });
  test("on a symmetric matrix it agrees with eigSymmetric", () => {
    const a = symmetric(12, 8);
    const found = Array.from(eig(a).real).sort((x, y) => x - y);
    for (const [i, value] of eigSymmetric(a).values.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-13);
  });
  test("the input stays, and what it refuses", () => {
    const a = normal(6, 6, 1);
    const before = copy(a);
    eig(a);
    expect(a.data).toEqual(before.data);
    expect(() => eig(zeros(2, 3))).toThrow(new RangeError("eig: a must be square, got 2×3"));
    expect(() => eig(a, { maxShifts: 0.5 })).toThrow(
      new RangeError("eig: maxShifts must be an integer at least 1, got 0.5"),
    );
    expect(() => eig(a, { maxShifts: 1 })).toThrow(
      new ConvergenceError("eig: eigenvalue 5 did not converge in 1 double shifts", 1),
    );
    expect(() => eig(from(2, 2, () => 1.5e308))).toThrow(
      new RangeError("eig: the eigenvalues must not overflow, got Infinity"),
    );
  });
});

// ---- independent implementations ----

interface Fixture {
  symmetric: { a: number[][]; values: number[]; projector: number[][] }[];
  large: { n: number; values: number[] }[];
  general: { a: number[][]; real: number[]; imaginary: number[] }[];
  functions: { a: number[][]; sqrt: number[][]; exp: number[][] }[];
  lanczos: { largest: number[]; smallest: number[] };
  karate: { values: number[]; fiedler: number[]; exceptions: number[] };
  growth: number[];
  polynomialError: number;
  conventions: Record<"numpyLower" | "scipyLower" | "numpyAscending" | "numpyGeneral" | "scipyGeneral", number[]>;
}

describe("agrees with NumPy and SciPy", () => {
  const fixture = oracle<Fixture>();
  const formula = (n: number) => from(n, n, (i, j) => ((7 * (i * i + j * j) + 13 * i * j + i + j) % 211) / 211 - 0.5);

  test("eigh: values, and the projector on the lower half", () => {
    for (const { a, values, projector } of fixture.symmetric) {
      const scale = Math.max(...values.map(Math.abs));
      for (const method of ["ql", "jacobi"] as const) {
        const found = eigSymmetric(matrix(a), { method });
        for (const [i, value] of values.entries())
          expect(Math.abs(found.values[i]! - value) / scale).toBeLessThan(1e-13);
        const half = found.vectors.hi(a.length, Math.ceil(a.length / 2));
        // the projector's error is rounding over the gap in the middle, 1e-3 of the norm or more
        expect(maxAbsDifference(matmul(half, transpose(half)), matrix(projector))).toBeLessThan(1e-11);
      }
    }
    for (const { n, values } of fixture.large) {
      const found = eigSymmetric(formula(n)).values;
      for (const [i, value] of values.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-12);
    }
  });
  test("eigvals", () => {
    for (const { a, real, imaginary } of fixture.general) {
      const found = eig(matrix(a));
      for (const [j, x] of real.entries()) {
        expect(Math.abs(found.real[j]! - x)).toBeLessThan(1e-11);
        expect(Math.abs(found.imaginary[j]! - imaginary[j]!)).toBeLessThan(1e-11);
      }
    }
  });
  test("sqrtm and expm", () => {
    for (const { a, sqrt, exp } of fixture.functions) {
      expect(maxAbsDifference(matrixFunction(matrix(a), Math.sqrt), matrix(sqrt))).toBeLessThan(1e-10);
      const image = matrixFunction(matrix(a), (x) => Math.exp(x / 4));
      expect(maxAbsDifference(image, matrix(exp)) / frobeniusNorm(image)).toBeLessThan(1e-12);
    }
  });
  test("eigsh", () => {
    const a = formula(60);
    const [high, low] = [
      lanczos((x) => matvec(a, x), 60, { k: 4 }),
      lanczos((x) => matvec(a, x), 60, { k: 3, which: "smallest" }),
    ];
    for (const [i, x] of fixture.lanczos.largest.entries()) expect(Math.abs(high.values[i]! - x)).toBeLessThan(1e-9);
    for (const [i, x] of fixture.lanczos.smallest.entries()) expect(Math.abs(low.values[i]! - x)).toBeLessThan(1e-9);
  });
  test("conventions", () => {
    const { conventions } = fixture;
    for (const lower of [conventions.numpyLower, conventions.scipyLower]) {
      expect(lower).toEqual([expect.closeTo(-1, 12), expect.closeTo(3, 12)]);
    }
    expect(conventions.numpyAscending).toEqual([-1, 2, 3]);
    expect(Array.from(eigSymmetric(diagonal(3, -1, 2)).values)).toEqual([-1, 2, 3]);
    for (const general of [conventions.numpyGeneral, conventions.scipyGeneral]) expect(general).toEqual([2, -3, 1]);
    expect(Array.from(eig(diagonal(2, -3, 1)).real)).toEqual([-3, 2, 1]);
  });
});

// ---- figures ----

describe("figures say what the algorithms found", () => {
  const description = (figure: { draw(settings?: never): unknown }, settings: object) =>
    (figure.draw(settings as never) as { description: string }).description;

  test("circleAndImage", () => {
    expect(description(circleAndImage, {})).toContain(
      "eigenvalues 2 and 0.6: the eigenvectors enclose 90°, which are the axes of the image.",
    );
    expect(description(circleAndImage, { skew: 1 })).toContain("1.3 + 0.714i and 1.3 − 0.714i: no real direction");
    expect(description(circleAndImage, { skew: 0.35 })).toContain("the eigenvectors enclose 60°.");
  });
  test("scatteredEigenvalues", () => {
    expect(description(scatteredEigenvalues, {})).toContain("on a circle of radius 0.1;");
    expect(description(scatteredEigenvalues, { size: 4, exponent: -8 })).toContain("on a circle of radius 0.01;");
  });
  test("growingPowers", () => {
    expect(description(growingPowers, {})).toContain("largest ‖Aᵏ‖ 3.913 at k = 9");
    expect(description(growingPowers, { coupling: 0 })).toContain("largest ‖Aᵏ‖ 1 at k = 0");
  });
  test("splitClub", () => {
    expect(description(splitClub, {})).toContain("eigenvalue 0.46853: 2 of 34 signs against the recorded side");
    expect(description(splitClub, { which: 3 })).not.toContain(": 2 of 34");
  });
});
