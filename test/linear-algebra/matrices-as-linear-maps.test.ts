import type { Tensor2D } from "@tensorflow/tfjs";
import fc from "fast-check";
import { all, create } from "mathjs";
import { describe, expect, test } from "vitest";
import {
  changeOfBasis,
  fundamentalSubspaces,
  gramSchmidt,
  gramSchmidtSteps,
  leastSquares,
  linearityErrors,
  matmul,
  matrixOf,
  matvec,
  projector,
  qr,
} from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import { svd } from "../../src/demos/linear-algebra/svd-and-pca.js";
import {
  gridUnderMaps,
  lostOrthogonality,
  movedPhotograph,
} from "../../src/figures/linear-algebra/matrices-as-linear-maps.js";
import { loadDiabetes } from "../../src/lib/data.js";
import { SingularMatrixError } from "../../src/lib/errors.js";
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
  rowMajor,
  toRows,
  transpose,
  zeros,
} from "../../src/lib/matrix.js";
import { concept } from "../concept.js";
import { dot, hilbert, integers, m, normal, ofRank, scaledBy, strided } from "../matrices.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("linear-algebra/matrices-as-linear-maps");
const mathjs = create(all, {});

// ---- what the tests are made of ----

const vandermonde = (m: number, n: number) =>
  matrix(Array.from({ length: m }, (_, i) => Array.from({ length: n }, (_, j) => (i / (m - 1)) ** j)));

const minus = (a: Matrix, b: Matrix) =>
  matrixOver(
    rowMajor(a).map((x, i) => x - rowMajor(b)[i]!),
    a.shape[0]!,
    a.shape[1]!,
  );
const difference = (x: ArrayLike<number>, y: ArrayLike<number>) => Float64Array.from(x, (xi, i) => xi - y[i]!);
const distance = (x: ArrayLike<number>, y: ArrayLike<number>) => norm(difference(x, y));
const trace = (a: Matrix) => toRows(a).reduce((sum, entries, i) => sum + entries[i]!, 0);
const lossOf = (q: Matrix) => frobeniusNorm(minus(matmul(transpose(q), q), identity(q.shape[1]!)));
const permuted = (a: Matrix, permutation: Int32Array) =>
  transpose(matrix(Array.from(permutation, (j) => column(a, j))));

const shapes = fc.record({
  m: fc.integer({ min: 1, max: 9 }),
  n: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
});

// ---- claims ----

const differentiate = (p: ArrayLike<number>) => Array.from(p, (c, k) => k * c).slice(1);

const blur = (x: ArrayLike<number>) => {
  const [kernel, padded] = [
    [0.5, -2, 3],
    [0, ...Array.from(x), 0],
  ];
  return Array.from(x, (_, i) => kernel.reduce((sum, weight, k) => sum + weight * padded[i + k]!, 0));
};

/** Fast Fourier transform by halves of (real parts, imaginary parts): shares no formula with its matrix. */
function fourier(x: ArrayLike<number>): number[] {
  const n = x.length / 2;
  if (n === 1) return Array.from(x);
  const half = (parity: number) =>
    fourier([0, n].flatMap((part) => Array.from({ length: n / 2 }, (_, k) => x[part + 2 * k + parity]!)));
  const [even, odd] = [half(0), half(1)];
  const result = new Array<number>(2 * n);
  for (let k = 0; k < n / 2; k++) {
    const [cos, sin] = [Math.cos((2 * Math.PI * k) / n), -Math.sin((2 * Math.PI * k) / n)];
    const re = odd[k]! * cos - odd[n / 2 + k]! * sin;
    const im = odd[k]! * sin + odd[n / 2 + k]! * cos;
    [result[k], result[n + k]] = [even[k]! + re, even[n / 2 + k]! + im];
    [result[n / 2 + k], result[n + n / 2 + k]] = [even[k]! - re, even[n / 2 + k]! - im];
  }
  return result;
}

claim("linear-function-equals-its-matrix", () => {
  for (const [f, n] of [
    [differentiate, 7],
    [blur, 11],
    [fourier, 32],
  ] as const) {
    const map = matrixOf(f, n);
    for (let seed = 0; seed < 20; seed++) {
      const x = column(normal(n, 1, seed), 0);
      // One rounding for each product and sum, the entries are at most 6 in size: n·1e-12 is a thousand times that.
      expect(distance(matvec(map, x), f(x))).toBeLessThanOrEqual(1e-12 * norm(x) * n);
    }
  }
  expect(toRows(matrixOf(differentiate, 4))).toEqual([
    [0, 1, 0, 0],
    [0, 0, 2, 0],
    [0, 0, 0, 3],
  ]);
  const dft = matrixOf(fourier, 16); // 8 points: cos in the diagonal blocks, ±sin beside them
  for (let k = 0; k < 8; k++) {
    for (let t = 0; t < 8; t++) {
      const angle = (2 * Math.PI * k * t) / 8;
      expect(dft.get(k, t)).toBeCloseTo(Math.cos(angle), 14);
      expect(dft.get(k, 8 + t)).toBeCloseTo(Math.sin(angle), 14);
      expect(dft.get(8 + k, t)).toBeCloseTo(-Math.sin(angle), 14);
    }
  }
});

claim("affine-map-misses-additivity-by-its-shift", () => {
  for (let seed = 0; seed < 20; seed++) {
    const [a, b] = [integers(4, 3, seed), [7, -2, 0, 11]];
    const affine = (x: ArrayLike<number>) => matvec(a, x).map((y, i) => y + b[i]!);
    const { additivity, homogeneity, factor } = linearityErrors(affine, 3, { seed });
    expect(Array.from(additivity)).toEqual([-7, 2, 0, -11].map((x) => x + 0));
    expect(factor).toBeLessThanOrEqual(-2);
    expect(Array.from(homogeneity, (x) => x + 0)).toEqual(b.map((bi) => (1 - factor) * bi + 0));
    // With a coordinate that is always 1 the same map is one matrix, and maps (x, 1) to (Ax + b, 1).
    const lifted = (x: ArrayLike<number>) => [
      ...matvec(a, Array.from(x).slice(0, 3)).map((y, i) => y + b[i]! * x[3]!),
      x[3]!,
    ];
    expect(Array.from(linearityErrors(lifted, 4, { seed }).additivity).every((x) => x === 0)).toBe(true);
    const x = Array.from(column(integers(3, 1, seed + 50), 0));
    expect(Array.from(matvec(matrixOf(lifted, 4), [...x, 1]))).toEqual([...affine(x), 1]);
    const relu = linearityErrors((x) => Array.from(x, (xi) => Math.max(0, xi)), 4, { seed });
    expect(relu.homogeneity.every((error) => error !== 0)).toBe(true); // |c||x|, and no x is 0
  }
});

claim("order-of-multiplication-decides-the-cost", () => {
  let operations = 0;
  const product = (a: number[][], b: number[][]) =>
    a.map((row) =>
      b[0]!.map((_, j) => {
        let sum = 0;
        for (let k = 0; k < row.length; k++) {
          sum += row[k]! * b[k]![j]!;
          operations += 2;
        }
        return sum;
      }),
    );
  const cost = (work: () => number[][]) => {
    operations = 0;
    const result = work();
    return { operations, result };
  };
  const [n, r] = [256, 5];
  const [a, b, x] = [normal(n, n, 1), normal(n, n, 2), normal(n, 1, 3)];
  const [A, B, X] = [toRows(a), toRows(b), toRows(x)];
  const left = cost(() => product(product(A, B), X));
  const right = cost(() => product(A, product(B, X)));
  expect(left.operations).toBe(2 * n ** 3 + 2 * n ** 2);
  expect(right.operations).toBe(4 * n ** 2);
  expect(left.operations / right.operations).toBe(128.5);
  // Equal results: with entries near 1 the error of either order is about n·1e-16 of a norm of n^1.5.
  expect(distance(matvec(matmul(a, b), column(x, 0)), left.result.flat())).toBeLessThan(1e-9);
  expect(distance(matvec(a, matvec(b, column(x, 0))), right.result.flat())).toBeLessThan(1e-9);
  expect(distance(left.result.flat(), right.result.flat())).toBeLessThan(1e-9);
  const [u, v] = [normal(n, r, 4), normal(r, n, 5)];
  const thin = cost(() => product(toRows(u), product(toRows(v), X)));
  expect(thin.operations).toBe(4 * n * r);
  expect(distance(matvec(matmul(u, v), column(x, 0)), thin.result.flat())).toBeLessThan(1e-9);
});

claim("rank-plus-nullity-is-n", () => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 0, max: 9 }), ({ m, n, seed }, wanted) => {
      const rank = Math.min(wanted, m, n);
      const a = rank === 0 ? zeros(m, n) : ofRank(m, n, rank, seed);
      const spaces = fundamentalSubspaces(a);
      expect(spaces.rank).toBe(rank);
      expect(spaces.rank + spaces.nullSpace.shape[1]!).toBe(n);
      expect(spaces.rowSpace.shape).toEqual([n, rank]);
      expect(spaces.columnSpace.shape).toEqual([m, rank]);
      expect(spaces.leftNullSpace.shape).toEqual([m, m - rank]);
    }),
    { numRuns: 300 },
  );
});

claim("subspaces-are-orthogonal-complements", () => {
  for (const [m, n, rank] of [
    [7, 5, 3],
    [4, 9, 2],
    [6, 6, 5],
    [8, 3, 3],
    [3, 8, 3],
    [5, 4, 1],
  ] as const) {
    for (let seed = 0; seed < 20; seed++) {
      const a = ofRank(m, n, rank, 10 * seed);
      const { columnSpace, rowSpace, nullSpace, leftNullSpace } = fundamentalSubspaces(a);
      for (const [space, complement] of [
        [rowSpace, nullSpace],
        [columnSpace, leftNullSpace],
      ] as const) {
        // Both bases together are an orthonormal basis of everything, so each is the complement of the other.
        const all = transpose(matrix([...toRows(transpose(space)), ...toRows(transpose(complement))]));
        expect(all.shape[0]).toBe(all.shape[1]);
        expect(lossOf(all)).toBeLessThan(1e-12);
      }
      // What A destroys, and what Aᵀ destroys: ‖A‖ is below 100 here, so 1e-12 is rounding.
      if (nullSpace.shape[1]! > 0) expect(frobeniusNorm(matmul(a, nullSpace))).toBeLessThan(1e-12);
      if (leftNullSpace.shape[1]! > 0) expect(frobeniusNorm(matmul(transpose(a), leftNullSpace))).toBeLessThan(1e-12);
    }
  }
});

claim("a-product-has-at-most-the-smaller-rank", () => {
  const rank = (a: Matrix) => fundamentalSubspaces(a).rank;
  fc.assert(
    fc.property(shapes, fc.integer({ min: 1, max: 9 }), ({ m, n, seed }, k) => {
      const [a, b] = [integers(m, k, seed, 1), integers(k, n, seed + 1, 1)]; // entries −1, 0, 1: often dependent
      expect(rank(matmul(a, b))).toBeLessThanOrEqual(Math.min(rank(a), rank(b)));
    }),
    { numRuns: 300 },
  );
  // Linear layers 64 → 3 → 64 are one matrix of rank 3.
  const [narrow, wide] = [normal(3, 64, 1), normal(64, 3, 2)];
  expect(rank(matmul(wide, narrow))).toBe(3);
  const x = column(normal(64, 1, 3), 0);
  expect(distance(matvec(matmul(wide, narrow), x), matvec(wide, matvec(narrow, x)))).toBeLessThan(1e-12);
});

claim("projector-gives-the-nearest-point", () => {
  for (let seed = 0; seed < 30; seed++) {
    const [m, n] = [9, 4];
    const rank = 1 + (seed % n);
    const a = ofRank(m, n, rank, seed);
    const p = projector(a);
    expect(maxAbsDifference(matmul(p, p), p)).toBeLessThan(1e-14);
    expect(maxAbsDifference(transpose(p), p)).toBe(0);
    expect(trace(p)).toBeCloseTo(rank, 12);
    expect(maxAbsDifference(matmul(p, a), a)).toBeLessThan(1e-13);
    const x = column(normal(m, 1, seed + 100), 0);
    const image = matvec(p, x);
    const nearest = distance(x, image);
    for (let trial = 0; trial < 20; trial++) {
      const other = matvec(a, column(normal(n, 1, 1000 * seed + trial), 0));
      expect(distance(x, other)).toBeGreaterThanOrEqual(nearest);
      // Pythagoras says why: the way to any other point of the space has a right angle at Px.
      const squares = nearest ** 2 + distance(image, other) ** 2;
      expect(distance(x, other) ** 2 / squares).toBeCloseTo(1, 12);
    }
  }
});

const design = (change: (value: number, feature: number) => number = (value) => value) =>
  matrix(toRows(loadDiabetes().x).map((features) => [1, ...features.map(change)]));

claim("leverages-of-diabetes", () => {
  const p = projector(design());
  const leverages = toRows(p).map((entries, i) => entries[i]!);
  expect(p.shape).toEqual([442, 442]);
  expect(trace(p)).toBeCloseTo(11, 10);
  expect(trace(p) / 442).toBeCloseTo(0.024887, 6);
  expect(Math.max(...leverages)).toBeCloseTo(0.127618, 6);
  // Other units and other zero points span the same space: A times an invertible matrix.
  const changed = projector(design((value, feature) => 10 ** ((feature % 5) - 2) * value + feature - 4));
  expect(maxAbsDifference(changed, p)).toBeLessThan(1e-10); // the change of units has a condition number of about 1e6
});

claim("similar-matrices-share-spectrum-not-norm", () => {
  const c = changeOfBasis(m("2 0; 0 1"), m("1 5; 0 1"));
  expect(maxAbsDifference(c, m("2 5; 0 1"))).toBeLessThan(1e-14);
  expect(maxAbsDifference(c, transpose(c))).toBeGreaterThan(4);
  // For 2×2, σ₁² + σ₂² is the sum of squared entries and σ₁σ₂ is |det|.
  const [squares, det] = [frobeniusNorm(c) ** 2, Math.abs(c.get(0, 0) * c.get(1, 1) - c.get(0, 1) * c.get(1, 0))];
  const [sum, gap] = [Math.sqrt(squares + 2 * det), Math.sqrt(squares - 2 * det)];
  expect((sum + gap) / 2).toBeCloseTo(5.465, 4);
  expect((sum - gap) / 2).toBeCloseTo(0.366, 4);
  for (let seed = 0; seed < 20; seed++) {
    const [a, basis] = [normal(5, 5, seed), normal(5, 5, seed + 500)];
    const similar = changeOfBasis(a, basis);
    // tr Aᵏ = Σ λᵏ for k = 1 … n fixes all eigenvalues (Newton's identities), and with them determinant and rank.
    let [power, other] = [a, similar];
    for (let k = 1; k <= 5; k++) {
      expect(Math.abs(trace(power) - trace(other))).toBeLessThan(1e-9 * (1 + frobeniusNorm(other))); // condition of the basis ≤ 1e3
      [power, other] = [matmul(power, a), matmul(other, similar)];
    }
    expect(Math.abs(frobeniusNorm(similar) - frobeniusNorm(a))).toBeGreaterThan(1e-3);
    const orthogonal = changeOfBasis(a, qr(basis).q);
    expect(frobeniusNorm(orthogonal)).toBeCloseTo(frobeniusNorm(a), 12);
  }
});

claim("rotations-in-space-do-not-commute", () => {
  const aboutX = m("1 0 0; 0 0 -1; 0 1 0");
  const aboutY = m("0 0 1; 0 1 0; -1 0 0");
  expect(frobeniusNorm(minus(matmul(aboutY, aboutX), matmul(aboutX, aboutY)))).toBeCloseTo(Math.sqrt(6), 14);
  const plane = (t: number) =>
    matrix([
      [Math.cos(t), -Math.sin(t)],
      [Math.sin(t), Math.cos(t)],
    ]);
  for (let t = -3; t <= 3; t += 0.37) {
    expect(maxAbsDifference(matmul(plane(t), plane(1.1)), matmul(plane(1.1), plane(t)))).toBeLessThanOrEqual(1e-15);
  }
});

claim("gram-schmidt-loses-orthogonality", () => {
  const a = hilbert(10);
  const classical = lossOf(gramSchmidt(a, { variant: "classical" }).q);
  const modified = lossOf(gramSchmidt(a).q);
  expect(classical).toBeGreaterThan(1);
  expect(modified).toBeGreaterThan(1e-6);
  expect(modified).toBeLessThan(1e-2);
  expect(lossOf(qr(a).q)).toBeLessThan(1e-13);
});

claim("normal-equations-ruin-a-projector", () => {
  const a = vandermonde(50, 12);
  const { s } = svd(a);
  expect(s[0]! / s[11]! / 1e8).toBeCloseTo(1.2, 1);
  const p = projector(a);
  expect(frobeniusNorm(minus(matmul(p, p), p))).toBeLessThan(1e-13);
  const rows = toRows(a);
  const gram = mathjs.multiply(mathjs.transpose(rows), rows) as number[][];
  const formula = matrix(
    mathjs.multiply(mathjs.multiply(rows, mathjs.inv(gram)), mathjs.transpose(rows)) as number[][],
  );
  expect(frobeniusNorm(minus(matmul(formula, formula), formula))).toBeGreaterThan(1e-4);
});

claim("rank-is-a-matter-of-tolerance", () => {
  for (const [n, rank] of [
    [12, 11],
    [20, 13],
  ] as const) {
    const { s } = svd(hilbert(n));
    expect(s.filter((sigma) => sigma > n * Number.EPSILON * s[0]!).length).toBe(rank);
    expect(fundamentalSubspaces(hilbert(n)).rank).toBe(rank);
  }
  // Row reduction has no tolerance: what it leaves of a row that is three times the other is not 0.
  expect(2.1 - (0.3 / 0.1) * 0.7).toBeCloseTo(4.4e-16, 17);
  expect(fundamentalSubspaces(m("0.1 0.7; 0.3 2.1")).rank).toBe(1);
});

/** x·2^bits as an integer; exact, or the test fails. */
function exact(x: number, bits: number): bigint {
  const scaled = x * 2 ** bits;
  expect(Number.isInteger(scaled)).toBe(true);
  return BigInt(scaled);
}

claim("matmul-error-is-within-the-bound", () => {
  const [m, k, n] = [61, 60, 59];
  const [a, b] = [normal(m, k, 1), normal(k, n, 2)];
  const product = matmul(a, b);
  const [A, B] = [a, b].map((x) => Array.from(rowMajor(x), (entry) => exact(entry, 120))) as [bigint[], bigint[]];
  const abs = (x: bigint) => (x < 0n ? -x : x);
  let inexact = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let [sum, size] = [0n, 0n];
      for (let p = 0; p < k; p++) {
        const term = A[i * k + p]! * B[p * n + j]!;
        sum += term;
        size += abs(term);
      }
      const error = abs(exact(product.get(i, j), 240) - sum);
      // |fl(AB) − AB| ≤ γₖ|A||B| with γₖ = ku/(1 − ku) and u = 2⁻⁵³, in integers.
      expect(error * (2n ** 53n - BigInt(k)) <= BigInt(k) * size).toBe(true);
      if (error > 0n) inexact++;
    }
  }
  expect(inexact).toBeGreaterThan(m * n * 0.9); // the bound is on something: almost no entry is exact
});

claim("transpose-is-the-adjoint", () => {
  fc.assert(
    fc.property(shapes, ({ m, n, seed }) => {
      const [a, x, y] = [integers(m, n, seed), integers(n, 1, seed + 1), integers(m, 1, seed + 2)];
      expect(dot(matvec(a, column(x, 0)), column(y, 0))).toBe(dot(column(x, 0), matvec(transpose(a), column(y, 0)))); // integers: exact
    }),
  );
  // Backward pass: L(x) = ½‖Ax − t‖² has the gradient Aᵀ(Ax − t); L is a square, so its central difference has no error but rounding.
  const [m, n] = [5, 3];
  const [a, x, t] = [normal(m, n, 1), column(normal(n, 1, 2), 0), column(normal(m, 1, 3), 0)];
  const loss = (at: Float64Array) => distance(matvec(a, at), t) ** 2 / 2;
  const gradient = matvec(transpose(a), difference(matvec(a, x), t));
  for (let j = 0; j < n; j++) {
    const [up, down] = [1, -1].map((sign) => loss(x.map((xi, i) => (i === j ? xi + sign * 1e-3 : xi)))) as [
      number,
      number,
    ];
    expect((up - down) / 2e-3).toBeCloseTo(gradient[j]!, 10);
  }
});

claim("transpose-of-a-product-reverses-it", () => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 1, max: 9 }), ({ m, n, seed }, k) => {
      const [a, b] = [normal(m, k, seed), normal(k, n, seed + 1)];
      // The same products in the same order: equal to the last bit.
      expect(maxAbsDifference(transpose(matmul(a, b)), matmul(transpose(b), transpose(a)))).toBe(0);
    }),
  );
  expect(() => matmul(transpose(zeros(2, 3)), transpose(zeros(3, 4)))).toThrow(RangeError);
});

// ---- the worked case of the note, by hand ----

describe("worked case", () => {
  const a = m("1 0; 1 1; 1 2");
  const b = [1, 2, 6];

  test("one reflection of (3, 4)", () => {
    const { q, r } = qr(m("3 1; 4 2"));
    const expected = { q: [-0.6, -0.8, -0.8, 0.6], r: [-5, -2.2, 0, 0.4] };
    expect(distance(rowMajor(q), expected.q)).toBeLessThan(1e-15);
    expect(distance(rowMajor(r), expected.r)).toBeLessThan(1e-14);
    expect(r.get(1, 0)).toBe(0);
  });

  test("the line through (0, 1), (1, 2), (2, 6)", () => {
    const { solution, residual, rank } = leastSquares(a, b);
    expect(distance(solution, [0.5, 2.5])).toBeLessThan(1e-14);
    expect(distance(residual, [0.5, -1, 0.5])).toBeLessThan(1e-14);
    expect(rank).toBe(2);
  });

  test("its projector", () => {
    const p = projector(a);
    const sixths = [5, 2, -1, 2, 2, 2, -1, 2, 5];
    expect(
      distance(
        rowMajor(p),
        sixths.map((x) => x / 6),
      ),
    ).toBeLessThan(1e-15);
    expect(distance(matvec(p, b), [0.5, 3, 5.5])).toBeLessThan(1e-14);
  });

  test("its four subspaces", () => {
    const { rank, nullSpace, leftNullSpace } = fundamentalSubspaces(a);
    expect(rank).toBe(2);
    expect(nullSpace.shape).toEqual([2, 0]);
    // (1, −2, 1)/√6 up to sign: second differences of a line vanish.
    const y = column(leftNullSpace, 0);
    expect(
      distance(
        y.map((yi) => yi / y[0]!),
        [1, -2, 1],
      ),
    ).toBeLessThan(1e-13);
  });
});

// ---- NumPy and SciPy ----

type Rows = number[][];

interface Fixture {
  products: { a: Rows; b: Rows; x: number[]; ab: Rows; ax: number[] }[];
  qr: { a: Rows; q: Rows; r: Rows; numpySigns: number[]; scipySigns: number[] }[];
  pivotedQr: { a: Rows; rank: number; permutation: number[]; sizeOfDiagonal: number[] }[];
  leastSquares: { a: Rows; b: number[]; solution: number[]; residual: number[]; rank: number }[];
  subspaces: ({ a: Rows; rank: number } & Record<`${Space}Projector`, Rows>)[];
  linearFunctions: {
    differentiation: { coefficientsAscending: number[]; derivativeAscending: number[] };
    zeroPaddedConvolution: { x: number[]; kernel: number[]; same: number[] };
    discreteFourierTransform: { re: number[]; im: number[]; reOut: number[]; imOut: number[] };
  };
  leverages: { leverage: number[]; largest: number; mean: number };
  changesOfBasis: { a: Rows; basis: Rows; inBasis: Rows; singularValues: number[]; determinant: number }[];
  rotations: { aboutX: Rows; aboutY: Rows; xThenY: Rows; yThenX: Rows };
  hilbert: { numericalRank10: number; numericalRank12: number; numericalRank20: number };
  conventions: {
    a: Rows;
    numpyQ: number[];
    scipyQ: number[];
    threshold: number;
    numpyRanks: number[];
    scipyNullities: number[];
    numpyDiagonals: number[][];
    scipyDiagonals: number[][];
  };
}

type Space = (typeof SPACES)[number];
const SPACES = ["columnSpace", "rowSpace", "nullSpace", "leftNullSpace"] as const;

describe("NumPy and SciPy agree", () => {
  const expected = oracle<Fixture>();
  // Entries are near 1 and matrices small: 1e-12 leaves room for another order of summation and a condition number of 100.
  const close = (actual: Matrix, rows: Rows, tolerance = 1e-12) =>
    expect(maxAbsDifference(actual, matrix(rows))).toBeLessThan(tolerance);
  const near = (actual: ArrayLike<number>, numbers: number[], tolerance = 1e-12) => {
    expect(actual.length).toBe(numbers.length);
    expect(distance(actual, numbers)).toBeLessThan(tolerance);
  };

  test("on products", () => {
    for (const { a, b, x, ab, ax } of expected.products) {
      close(matmul(matrix(a), matrix(b)), ab);
      near(matvec(matrix(a), x), ax);
    }
  });

  test("on QR, and LAPACK's signs are these", () => {
    for (const { a, q, r, numpySigns, scipySigns } of expected.qr) {
      const ours = qr(matrix(a));
      const signs = numpySigns.map((_, j) => Math.sign(ours.r.get(j, j)));
      expect(signs).toEqual(numpySigns);
      expect(signs).toEqual(scipySigns);
      const flip = zeros(signs.length, signs.length);
      for (const [j, sign] of signs.entries()) flip.set(j, j, sign);
      close(matmul(ours.q, flip), q);
      close(matmul(flip, ours.r), r);
    }
  });

  test("on pivoted QR", () => {
    for (const { a, rank, permutation, sizeOfDiagonal } of expected.pivotedQr) {
      const ours = qr(matrix(a), { pivoting: true });
      expect(Array.from(ours.permutation.slice(0, rank))).toEqual(permutation);
      near(
        sizeOfDiagonal.map((_, j) => Math.abs(ours.r.get(j, j))),
        sizeOfDiagonal,
      );
    }
  });

  test("on least squares, of full and of lower rank", () => {
    for (const { a, b, solution, residual, rank } of expected.leastSquares) {
      const ours = leastSquares(matrix(a), b);
      expect(ours.rank).toBe(rank);
      near(ours.solution, solution);
      near(ours.residual, residual);
    }
  });

  test("on the four subspaces", () => {
    for (const { a, rank, ...projectors } of expected.subspaces) {
      const ours = fundamentalSubspaces(matrix(a));
      expect(ours.rank).toBe(rank);
      for (const space of SPACES) {
        const basis = ours[space];
        const n = basis.shape[0]!;
        close(basis.shape[1] === 0 ? zeros(n, n) : matmul(basis, transpose(basis)), projectors[`${space}Projector`]);
      }
      close(projector(matrix(a)), projectors.columnSpaceProjector);
    }
  });

  test("on matrices of linear functions", () => {
    const { differentiation, zeroPaddedConvolution, discreteFourierTransform } = expected.linearFunctions;
    const coefficients = differentiation.coefficientsAscending;
    near(matvec(matrixOf(differentiate, coefficients.length), coefficients), differentiation.derivativeAscending);
    const { x, kernel, same } = zeroPaddedConvolution;
    const convolve = (signal: ArrayLike<number>) =>
      Array.from(signal, (_, i) => kernel.reduce((sum, weight, k) => sum + weight * (signal[i + 1 - k] ?? 0), 0));
    near(matvec(matrixOf(convolve, x.length), x), same);
    const { re, im, reOut, imOut } = discreteFourierTransform;
    const n = re.length;
    const transform = (z: ArrayLike<number>) =>
      Array.from(z, (_, row) => {
        const angle = (t: number) => (-2 * Math.PI * (row % n) * t) / n - (row < n ? 0 : Math.PI / 2); // Im z = Re(z·e^(−iπ/2))
        const terms = Array.from({ length: n }, (_, t) => z[t]! * Math.cos(angle(t)) - z[n + t]! * Math.sin(angle(t)));
        return terms.reduce((sum, term) => sum + term, 0);
      });
    near(matvec(matrixOf(transform, 2 * n), [...re, ...im]), [...reOut, ...imOut]);
  });

  test("on the leverages of all 442 patients", () => {
    const p = projector(design());
    near(
      Array.from({ length: 442 }, (_, i) => p.get(i, i)),
      expected.leverages.leverage,
    );
    expect(expected.leverages.leverage.indexOf(expected.leverages.largest)).toBe(322); // the row that the note names
    expect(expected.leverages.largest / expected.leverages.mean).toBeCloseTo(5.1, 1);
  });

  test("on changes of basis", () => {
    for (const { a, basis, inBasis, singularValues } of expected.changesOfBasis) {
      const ours = changeOfBasis(matrix(a), matrix(basis));
      close(ours, inBasis);
      near(svd(ours).s, singularValues);
    }
  });

  test("on rotations in both orders", () => {
    const { aboutX, aboutY, xThenY, yThenX } = expected.rotations;
    close(matmul(matrix(aboutY), matrix(aboutX)), xThenY, Number.MIN_VALUE);
    close(matmul(matrix(aboutX), matrix(aboutY)), yThenX, Number.MIN_VALUE);
  });

  test("on the rank of Hilbert matrices, and where a rank begins", () => {
    for (const n of [10, 12, 20] as const) {
      expect(fundamentalSubspaces(hilbert(n)).rank).toBe(expected.hilbert[`numericalRank${n}`]);
    }
    const { threshold, numpyRanks, scipyNullities } = expected.conventions;
    for (const [i, x] of [threshold, 1.01 * threshold].entries()) {
      const { rank, nullSpace } = fundamentalSubspaces(m(`8 0; 0 ${x}; 0 0`));
      expect(rank).toBe(numpyRanks[i]);
      expect(nullSpace.shape[1]).toBe(scipyNullities[i]);
    }
  });

  test("on the signs where only zeros stand below, and where the first entry is 0", () => {
    const { numpyDiagonals, scipyDiagonals } = expected.conventions;
    for (const [i, a] of [m("5 1; 0 3; 0 4"), m("0 1; 4 2; 0 2"), m("3 1; 4 2")].entries()) {
      const { r } = qr(a);
      near([r.get(0, 0), r.get(1, 1)], numpyDiagonals[i]!);
      near([r.get(0, 0), r.get(1, 1)], scipyDiagonals[i]!);
    }
    expect(qr(m("5 1; 0 3; 0 4")).r.get(0, 0)).toBe(5);
    expect(qr(m("0 1; 4 2; 0 2")).r.get(0, 0)).toBe(-4);
  });

  test("on the size of Q: NumPy's is the default here, SciPy's is the complete one", () => {
    const { a, numpyQ, scipyQ } = expected.conventions;
    expect(qr(matrix(a)).q.shape).toEqual(numpyQ);
    expect(qr(matrix(a), { mode: "complete" }).q.shape).toEqual(scipyQ);
  });
});

// ---- properties ----

describe("matmul and matvec", () => {
  test("agree with mathjs", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 9 }), ({ m, n, seed }, k) => {
        const [a, b] = [integers(m, k, seed), integers(k, n, seed + 1)];
        const expected = mathjs.multiply(toRows(a), toRows(b)) as number[][];
        expect(matmul(a, b).shape).toEqual([m, n]);
        expect(maxAbsDifference(matmul(a, b), matrix(expected))).toBe(0); // integers: exact
        const x = column(b, 0);
        expect(Array.from(matvec(a, x), (y) => y + 0)).toEqual(expected.map((entries) => entries[0]! + 0));
      }),
    );
  });

  test("the product is the composition", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 9 }), ({ m, n, seed }, k) => {
        const [f, g] = [integers(m, k, seed), integers(k, n, seed + 1)];
        const composed = matrixOf((x) => matvec(f, matvec(g, x)), n);
        expect(maxAbsDifference(composed, matmul(f, g))).toBe(0);
      }),
    );
  });

  test("take strided views as they are", () => {
    const [a, b] = [normal(5, 7, 1), normal(7, 3, 2)];
    expect(maxAbsDifference(matmul(strided(a), strided(b)), matmul(a, b))).toBe(0);
    expect(matvec(strided(a), column(b, 0))).toEqual(matvec(a, column(b, 0)));
    expect(matvec(a, Array.from(column(b, 0)))).toEqual(matvec(a, column(b, 0)));
  });

  test("NaN and Infinity spread", () => {
    expect(toRows(matmul(m("1 NaN; Infinity 1"), identity(2)))).toEqual(toRows(m("NaN NaN; Infinity NaN"))); // 0·∞ is NaN
  });
});

describe("qr", () => {
  for (const pivoting of [false, true]) {
    for (const mode of ["reduced", "complete"] as const) {
      test(`AΠ = QR, pivoting ${pivoting}, ${mode}`, () => {
        fc.assert(
          fc.property(shapes, fc.integer({ min: 0, max: 9 }), ({ m, n, seed }, wanted) => {
            const rank = Math.min(wanted, m, n);
            const a = rank === 0 ? zeros(m, n) : ofRank(m, n, rank, seed);
            const { q, r, permutation } = qr(a, { pivoting, mode });
            const k = mode === "complete" ? m : Math.min(m, n);
            expect([q.shape, r.shape]).toEqual([
              [m, k],
              [k, n],
            ]);
            expect(lossOf(q)).toBeLessThan(1e-13); // a few roundings for each of at most 9 reflections
            expect(maxAbsDifference(matmul(q, r), permuted(a, permutation))).toBeLessThan(1e-13);
            for (let i = 0; i < k; i++) for (let j = 0; j < Math.min(i, n); j++) expect(r.get(i, j)).toBe(0);
            expect(Array.from(permutation).sort((x, y) => x - y)).toEqual(Array.from({ length: n }, (_, j) => j));
            if (!pivoting) expect(Array.from(permutation)).toEqual(Array.from({ length: n }, (_, j) => j));
          }),
          { numRuns: 200 },
        );
      });
    }
  }

  function expectPivoted(a: Matrix) {
    const [m, n] = a.shape as [number, number];
    const { r } = qr(a, { pivoting: true });
    for (let k = 0; k < Math.min(m, n); k++) {
      for (let j = k; j < n; j++) {
        const left = norm(Array.from({ length: Math.min(m, j + 1) - k }, (_, i) => r.get(k + i, j)));
        // 1e-7: a length that is carried along may have lost half of its digits; 1e-15: rounding of the entries
        expect(Math.abs(r.get(k, k))).toBeGreaterThanOrEqual(left * (1 - 1e-7) - 1e-15 * frobeniusNorm(a));
      }
    }
  }

  test("pivoting takes the longest of what is left, also where lengths cancel", () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), ({ m, n, seed }, digits) => {
        // Every column is a sum of ever smaller parts, the last its own: after each step little is left of the others.
        const parts = [...digits, 0].map((_, level) => normal(m, 1, seed + level));
        const [own, share] = [normal(m, n, seed + 9), normal(digits.length + 1, n, seed + 10)];
        const a = zeros(m, n);
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const sum = digits.reduceRight(
              (rest, digit, level) => parts[level]!.get(i, 0) * share.get(level, j) + 10 ** -digit * rest,
              own.get(i, j),
            );
            a.set(i, j, sum);
          }
        }
        expectPivoted(a);
      }),
      { numRuns: 500 },
    );
    // Rows of falling size: lengths cancel at some steps and are carried along at others, and columns change places between.
    for (let seed = 0; seed < 1000; seed++) {
      const sizes = [0, 4, 4, 8, 12].map((digits) => 10 ** -digits);
      expectPivoted(matrix(toRows(normal(5, 6, seed)).map((entries, i) => entries.map((x) => x * sizes[i]!))));
    }
    const { permutation } = qr(m("1 -3 2 3"), { pivoting: true });
    expect(Array.from(permutation)).toEqual([1, 0, 2, 3]); // of equals the first
  });

  test("agrees with mathjs up to the signs of the columns", () => {
    for (let seed = 0; seed < 10; seed++) {
      const a = normal(7, 4, seed);
      const { q, r } = qr(a);
      const peer = mathjs.qr(toRows(a)) as unknown as { Q: number[][]; R: number[][] };
      for (let j = 0; j < 4; j++) {
        const sign = Math.sign(r.get(j, j)) * Math.sign(peer.R[j]![j]!);
        for (let i = 0; i < 7; i++) expect(q.get(i, j)).toBeCloseTo(sign * peer.Q[i]![j]!, 13);
        for (let l = j; l < 4; l++) expect(r.get(j, l)).toBeCloseTo(sign * peer.R[j]![l]!, 13);
      }
    }
  });

  withTensorFlow("agrees with TensorFlow.js, which reflects a single last entry too", (tf) => {
    const first = (rows: number[][]) => (tf.linalg.qr(tf.tensor2d(rows))[1]!.arraySync() as number[][])[0]![0]!;
    expect(
      first([
        [5, 1],
        [0, 3],
        [0, 4],
      ]),
    ).toBeCloseTo(-5, 5); // opposite above zeros
    expect(
      first([
        [0, 1],
        [4, 2],
        [0, 2],
      ]),
    ).toBeCloseTo(4, 5); // + for an entry 0
    for (const [m, n] of [
      [7, 4],
      [4, 6],
      [5, 5],
    ] as const) {
      const a = normal(m, n, 3);
      const [q, r] = tf.linalg.qr(tf.tensor2d(toRows(a))) as [Tensor2D, Tensor2D];
      const ours = qr(a);
      expect([q.shape, r.shape]).toEqual([ours.q.shape, ours.r.shape]);
      const sign = (j: number) => (m <= n && j === m - 1 ? -1 : 1);
      const [signedQ, signedR] = [copy(ours.q), copy(ours.r)];
      for (let j = 0; j < Math.min(m, n); j++) {
        for (let i = 0; i < m; i++) signedQ.set(i, j, sign(j) * ours.q.get(i, j));
        for (let l = 0; l < n; l++) signedR.set(j, l, sign(j) * ours.r.get(j, l));
      }
      // float32: 24 bits, a few roundings each
      expect(maxAbsDifference(matrix(q.arraySync()), signedQ)).toBeLessThan(1e-5);
      expect(maxAbsDifference(matrix(r.arraySync()), signedR)).toBeLessThan(1e-5);
      const product = tf.matMul(q, r).arraySync() as number[][];
      expect(maxAbsDifference(matrix(product), matmul(ours.q, ours.r))).toBeLessThan(1e-5);
    }
  });

  test("each sign is opposite to the entry that the reflection starts from; nothing below, no reflection", () => {
    expect(qr(m("3; 4")).r.get(0, 0)).toBeCloseTo(-5, 14);
    expect(qr(m("-3; 4")).r.get(0, 0)).toBeCloseTo(5, 14);
    expect(qr(m("0; 4")).r.get(0, 0)).toBeCloseTo(-4, 14);
    expect(toRows(qr(m("3 1")).r)).toEqual([[3, 1]]);
    expect(toRows(qr(m("-3; 0")).q)).toEqual([[1], [0]]);
  });

  test("a power of two goes through without a rounding", () => {
    const a = normal(6, 4, 3);
    const { q, r } = qr(a, { pivoting: true });
    for (const exponent of [-900, -1, 37, 1000]) {
      const other = qr(scaledBy(2 ** exponent, a), { pivoting: true });
      expect(maxAbsDifference(other.q, q)).toBe(0);
      expect(maxAbsDifference(other.r, scaledBy(2 ** exponent, r))).toBe(0);
    }
  });

  test("entries from 1e-320 to 1e308 keep q orthonormal", () => {
    for (const entries of [
      [1e308, 1e308, -1e308, 3],
      [5e-324, 5e-324, 1e-323, 0],
      [1, 1e-320, 1e-310, 1e-200],
      [1e-323, 5e-324, 0, 5e-324],
    ]) {
      const [x, y, z, w] = entries as [number, number, number, number];
      const a = matrix([
        [x, y],
        [y, z / 4],
        [w, x / 8],
      ]);
      const { q, r } = qr(a);
      expect(lossOf(q)).toBeLessThan(1e-14);
      const product = matmul(q, r); // entries of size 1e308 may not be subtracted from their negatives
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 2; j++) {
          expect(Math.abs(product.get(i, j) - a.get(i, j))).toBeLessThanOrEqual(
            1e-15 * Math.max(...rowMajor(a)) + 1e-323,
          );
        }
      }
    }
  });

  test("columns 1e328 times apart keep all their digits", () => {
    const { q, r } = qr(m("5e307 0; 5e307 5e-21; 0 5e-21"));
    expect(lossOf(q)).toBeLessThan(1e-15);
    // By hand: of (0, 1, 1) the part along (1, 1, 0)/√2 is 1/√2, what is left has length √(3/2).
    expect(r.get(0, 1) / -5e-21).toBeCloseTo(Math.SQRT1_2, 14);
    expect(r.get(1, 1) / -5e-21).toBeCloseTo(Math.sqrt(1.5), 14);
  });

  test("a column that is tiny beside the others is still reduced", () => {
    const { q, r } = qr(m("1 0; 0 3e-200; 0 4e-200"));
    expect(lossOf(q)).toBeLessThan(1e-15);
    expect(r.get(1, 1) / -5e-200).toBeCloseTo(1, 14);
  });

  test("a column of denormals beside an ordinary one: the norm is rough, the reflection is still orthogonal", () => {
    const { q } = qr(m("1 0; 0 1e-323; 0 5e-324"));
    expect(lossOf(q)).toBeLessThan(1e-15);
  });

  test("every second entry of a larger array gives the same bits", () => {
    const a = normal(6, 4, 5);
    for (const pivoting of [false, true]) {
      const [plain, view] = [qr(a, { pivoting }), qr(strided(a), { pivoting })];
      expect(maxAbsDifference(view.q, plain.q)).toBe(0);
      expect(maxAbsDifference(view.r, plain.r)).toBe(0);
    }
    const wide = transpose(a);
    expect(maxAbsDifference(qr(wide).q, qr(copy(wide)).q)).toBe(0);
  });
});

describe("leastSquares", () => {
  test("leaves a residual orthogonal to the columns, and a solution without a part in the null space", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 9 }), ({ m, n, seed }, wanted) => {
        const rank = Math.min(wanted, m, n);
        const a = ofRank(m, n, rank, seed);
        const b = column(normal(m, 1, seed + 9), 0);
        const { solution, residual, rank: found } = leastSquares(a, b);
        const { nullSpace } = fundamentalSubspaces(a);
        fc.pre(qr(a, { pivoting: true }).r.get(rank - 1, rank - 1) ** 2 > 1e-6); // far from a smaller rank
        expect(found).toBe(rank);
        expect(distance(difference(b, matvec(a, solution)), residual)).toBe(0);
        // The two conditions have one common solution. Tolerance: rounding times a condition number below 1e5.
        expect(norm(matvec(transpose(a), residual))).toBeLessThan(1e-10);
        if (rank < n) expect(norm(matvec(transpose(nullSpace), solution))).toBeLessThan(1e-10 * (1 + norm(solution)));
      }),
      { numRuns: 300 },
    );
  });

  test("right-hand sides and matrices at both ends of float64", () => {
    expect(leastSquares(m("1; 1; 1; 1"), new Array(4).fill(1.5e308)).solution[0]! / 1.5e308).toBeCloseTo(1, 14);
    expect(leastSquares(m("1.5e308; 1.5e308"), [1.5e308, 1.5e308]).solution[0]).toBeCloseTo(1, 14); // a column longer than any float64
    expect(Array.from(leastSquares(m("1e-323; 5e-324"), [2e-323, 1e-323]).solution)).toEqual([2]);
    expect(Array.from(leastSquares(m("0 1; 1 1"), [5e-324, 1.5e-323]).solution)).toEqual([1e-323, 5e-324]);
    expect(leastSquares(m("1e308 0; 0 1e100"), [1, 1], { tolerance: 1e99 }).rank).toBe(2);
    expect(leastSquares(m("1e308 0; 0 1e100"), [1, 1], { tolerance: 1e100 }).rank).toBe(1);
  });

  test("finds the solution of a consistent system, also after a change of scale", () => {
    const [a, x] = [normal(8, 5, 1), column(normal(5, 1, 2), 0)];
    expect(distance(leastSquares(a, matvec(a, x)).solution, x)).toBeLessThan(1e-13);
    const big = scaledBy(1e300, a);
    expect(distance(leastSquares(big, matvec(big, x)).solution, x)).toBeLessThan(1e-13);
  });

  test("a zero matrix has the solution 0 and rank 0", () => {
    const { solution, residual, rank } = leastSquares(zeros(3, 2), [1, 2, 3]);
    expect([Array.from(solution), Array.from(residual), rank]).toEqual([[0, 0], [1, 2, 3], 0]);
  });

  test("the tolerance decides the rank", () => {
    const a = m("1 0; 0 1e-3");
    expect(leastSquares(a, [1, 1]).rank).toBe(2);
    expect(leastSquares(a, [1, 1], { tolerance: 1e-3 }).rank).toBe(1); // at the tolerance counts as zero
    expect(Array.from(leastSquares(a, [1, 1], { tolerance: 1e-2 }).solution)).toEqual([1, 0]);
    // The default is max(m, n)·2⁻⁵²·|r₁₁|: 3 × 2⁻⁵² × 8 here.
    const threshold = 3 * 2 ** -52 * 8;
    const small = (x: number) => m(`8 0; 0 ${x}; 0 0`);
    expect(leastSquares(small(threshold), [1, 1, 1]).rank).toBe(1);
    expect(leastSquares(small(threshold * 1.01), [1, 1, 1]).rank).toBe(2);
    expect(fundamentalSubspaces(small(threshold)).rank).toBe(1);
    expect(trace(projector(small(threshold * 1.01)))).toBeCloseTo(2, 14);
    expect(trace(projector(small(1), { tolerance: 2 }))).toBeCloseTo(1, 14);
    expect(fundamentalSubspaces(small(1), { tolerance: 2 }).rank).toBe(1);
  });
});

describe("matrixOf and linearityErrors", () => {
  test("matrixOf undoes matvec, for any shape", () => {
    fc.assert(
      fc.property(shapes, ({ m, n, seed }) => {
        const a = normal(m, n, seed);
        const recovered = matrixOf((x) => matvec(a, x), n);
        expect(maxAbsDifference(recovered, a)).toBe(0);
      }),
    );
  });

  test("a function that writes into its argument does no harm", () => {
    const selfish = (x: Float64Array) => {
      const sum = x.reduce((s, xi) => s + xi, 0);
      x.fill(7);
      return [sum];
    };
    expect(toRows(matrixOf(selfish, 3))).toEqual([[1, 1, 1]]);
    expect(Array.from(linearityErrors(selfish, 3).additivity)).toEqual([0]);
    expect(Array.from(linearityErrors(selfish, 3).homogeneity)).toEqual([0]);
  });

  test("a square is additive nowhere, and the same seed draws the same vectors", () => {
    const square = ([x, y]: Float64Array) => [x! * x!, y!];
    for (let seed = 0; seed < 5; seed++) {
      const { additivity, homogeneity, factor } = linearityErrors(square, 2, { seed });
      expect(linearityErrors(square, 2, { seed })).toEqual({ additivity, homogeneity, factor });
      expect(additivity[1]).toBe(0);
      expect(homogeneity[1]).toBe(0);
      expect(homogeneity[0]! % (factor * (factor - 1))).toBe(0); // c²x² − cx²
    }
    const errors = Array.from({ length: 30 }, (_, seed) => linearityErrors(square, 2, { seed }));
    expect(errors.every(({ additivity, homogeneity }) => additivity[0] !== 0 && homogeneity[0] !== 0)).toBe(true);
    const factors = Array.from({ length: 200 }, (_, seed) => linearityErrors(square, 2, { seed }).factor);
    expect([Math.min(...factors), Math.max(...factors)]).toEqual([-9, -2]);
    const drawn = factors.flatMap((_, seed) => {
      const seen: number[] = [];
      linearityErrors((x) => [seen.push(...x)], 2, { seed });
      return seen.slice(0, 4); // x and y
    });
    const digits = Array.from({ length: 9 }, (_, i) => i + 1);
    expect([...new Set(drawn)].sort((x, y) => x - y)).toEqual([...digits.map((d) => -d).reverse(), ...digits]);
    expect(linearityErrors(square, 2)).toEqual(linearityErrors(square, 2, { seed: 0 }));
    // Squares of integers up to 18 in size: 2xy is even and at most 2 · 9 · 9.
    for (const { additivity } of errors) expect(Math.abs(additivity[0]!) <= 162 && additivity[0]! % 2 === 0).toBe(true);
  });
});

test("Kahan's matrix fools a pivoted QR: its smallest singular value is far below the last diagonal entry", () => {
  // sⁱ on the diagonal, −c·sⁱ to the right, shrunk column by column so that rounding does not choose the pivots.
  const [n, c] = [90, 0.3];
  const s = Math.sqrt(1 - c ** 2);
  const entry = (i: number, j: number) => (i > j ? 0 : s ** i * (i === j ? 1 : -c) * (1 - 1e-10 * j));
  const kahan = matrix(Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => entry(i, j))));
  const { r, permutation } = qr(kahan, { pivoting: true });
  expect(Array.from(permutation)).toEqual(Array.from({ length: n }, (_, j) => j));
  expect(Math.abs(r.get(n - 1, n - 1)) / svd(kahan).s[n - 1]!).toBeGreaterThan(1e6);
});

describe("changeOfBasis", () => {
  test("does to new coordinates what A does to old ones", () => {
    for (let seed = 0; seed < 20; seed++) {
      const [n, a, basis] = [4, normal(4, 4, seed), normal(4, 4, seed + 99)];
      const c = changeOfBasis(a, basis);
      const x = column(normal(n, 1, seed + 7), 0);
      const error = distance(matvec(basis, matvec(c, x)), matvec(a, matvec(basis, x)));
      expect(error).toBeLessThan(1e-12 * (1 + norm(rowMajor(c)))); // condition number of the basis below 1e3
    }
  });

  test("very different lengths of the basis vectors are no obstacle", () => {
    const a = m("1 2; 3 4");
    const basis = m("1e-30 0; 0 1e30");
    const expected = [1, 2e60, 3e-60, 4];
    expect(norm(Float64Array.from(rowMajor(changeOfBasis(a, basis)), (x, i) => x / expected[i]! - 1))).toBeLessThan(
      1e-14,
    );
  });
});

describe("sizes at both ends of float64", () => {
  test("a basis has no size of its own, and that of the map goes through", () => {
    for (const size of [5e-324, 1e-200, 1e200, 8e307]) {
      expect(toRows(changeOfBasis(scaledBy(size, m("1 0; 0 2")), scaledBy(size, m("1 0; 0 1"))))).toEqual([
        [size, 0],
        [0, 2 * size],
      ]);
    }
    const graded = [
      [1, 2e200],
      [3e-200, 4],
    ];
    const c = changeOfBasis(m("1 2; 3 4"), m("1e-100 0; 0 1e100"));
    graded.forEach((entries, i) => {
      entries.forEach((x, j) => {
        expect(c.get(i, j) / x).toBeCloseTo(1, 14);
      });
    });
  });

  test("a space has no size", () => {
    for (const size of [5e-324, 1.5e308]) {
      expect(maxAbsDifference(projector(scaledBy(size, m("1; 1"))), m("0.5 0.5; 0.5 0.5"))).toBeLessThan(1e-15);
      expect(fundamentalSubspaces(scaledBy(size, m("1 1; 1 1"))).rank).toBe(1);
    }
  });

  test("Gram–Schmidt neither overflows in an inner product nor takes denormals for the whole", () => {
    for (const size of [5e-324, 4e307]) {
      const { q, r } = gramSchmidt(scaledBy(size, m("1 3; 1 1")));
      expect(lossOf(q)).toBeLessThan(1e-15);
      expect(
        distance(
          rowMajor(q),
          [1, 1, 1, -1].map((x) => x * Math.SQRT1_2),
        ),
      ).toBeLessThan(1e-15);
      if (size > 1)
        expect(
          distance(
            Float64Array.from(rowMajor(r), (x) => x / size),
            [1, 2, 0, 1].map((x) => x * Math.SQRT2),
          ),
        ).toBeLessThan(1e-14);
    }
  });
});

describe("Gram–Schmidt", () => {
  for (const variant of ["classical", "modified"] as const) {
    test(`${variant}: each state factors the columns so far, and good columns give what QR gives`, () => {
      const a = normal(9, 5, 4);
      const states = [...gramSchmidtSteps(a, { variant })];
      expect(states.length).toBe(5);
      for (const [j, { q, r }] of states.entries()) {
        expect([q.shape, r.shape]).toEqual([
          [9, j + 1],
          [j + 1, j + 1],
        ]);
        expect(lossOf(q)).toBeLessThan(1e-14);
        expect(maxAbsDifference(matmul(q, r), copy(a.hi(9, j + 1)))).toBeLessThan(1e-14);
        for (let i = 0; i <= j; i++) {
          expect(r.get(i, i)).toBeGreaterThan(0);
          for (let l = 0; l < i; l++) expect(r.get(i, l)).toBe(0);
        }
      }
      const { q, r } = qr(a);
      const signs = Array.from({ length: 5 }, (_, j) => Math.sign(r.get(j, j)));
      for (let i = 0; i < 9; i++)
        for (let j = 0; j < 5; j++) expect(q.get(i, j) * signs[j]!).toBeCloseTo(states[4]!.q.get(i, j), 13);
      expect(gramSchmidt(a, { variant })).toEqual(states[4]);
    });
  }

  test("who writes into a state does not disturb the next", () => {
    for (const { q, r } of gramSchmidtSteps(m("3 1; 4 2"))) {
      if (r.shape[0] === 2) expect(r.get(0, 1)).toBeCloseTo(2.2, 14);
      expect(r.get(0, 0)).toBeCloseTo(5, 14);
      q.set(0, 0, 7);
      if (r.shape[0] === 1) {
        r.set(0, 0, 7);
        r.data.fill(7);
      }
    }
  });

  test("modified is the default", () => {
    expect(gramSchmidt(hilbert(6))).toEqual(gramSchmidt(hilbert(6), { variant: "modified" }));
    expect(gramSchmidt(hilbert(6))).not.toEqual(gramSchmidt(hilbert(6), { variant: "classical" }));
  });

  test("strided views", () => {
    expect(gramSchmidt(strided(hilbert(4)))).toEqual(gramSchmidt(hilbert(4)));
  });
});

// ---- contract ----

describe("contract", () => {
  const a = normal(4, 3, 1);
  const square = normal(3, 3, 2);

  test("inputs stay as they are", () => {
    const inputs = [a, square, transpose(a)];
    const before = inputs.map((x) => rowMajor(x).slice());
    const b = [1, 2, 3, 4];
    matmul(a, square);
    matvec(a, b.slice(0, 3));
    qr(a, { pivoting: true, mode: "complete" });
    qr(transpose(a), { pivoting: true });
    leastSquares(a, b);
    leastSquares(transpose(a), b.slice(0, 3));
    fundamentalSubspaces(a);
    projector(a);
    changeOfBasis(square, square);
    gramSchmidt(a);
    inputs.forEach((x, i) => {
      expect(rowMajor(x)).toEqual(before[i]);
    });
    expect(b).toEqual([1, 2, 3, 4]);
  });

  test("results are not views of inputs", () => {
    const eye = identity(3);
    for (const result of [matmul(eye, eye), qr(eye).q, qr(eye).r, projector(eye), changeOfBasis(eye, eye)]) {
      expect(result.data).not.toBe(eye.data);
    }
  });

  test("one entry, duplicated and constant columns", () => {
    expect(toRows(qr(m("-2")).r)).toEqual([[-2]]);
    expect(toRows(projector(m("5")))).toEqual([[1]]);
    expect(Array.from(leastSquares(m("4"), [2]).solution)).toEqual([0.5]);
    const twice = m("1 1 2; 1 1 2; 1 1 2; 1 1 2");
    const { rank, nullSpace } = fundamentalSubspaces(twice);
    expect([rank, nullSpace.shape[1]]).toEqual([1, 2]);
    expect(frobeniusNorm(minus(projector(twice), matrixOver(new Float64Array(16).fill(0.25), 4, 4)))).toBeLessThan(
      1e-15,
    );
    // The shortest solution of x + y + 2z = 3 is 3(1, 1, 2)/6.
    expect(distance(leastSquares(twice, [3, 3, 3, 3]).solution, [0.5, 0.5, 1])).toBeLessThan(1e-14);
    expect(maxAbsDifference(projector(zeros(2, 5)), zeros(2, 2))).toBe(0);
    const nothing = fundamentalSubspaces(zeros(2, 3));
    expect([nothing.rank, nothing.columnSpace.shape, nothing.nullSpace.shape]).toEqual([0, [2, 0], [3, 3]]);
    expect(lossOf(nothing.nullSpace)).toBe(0);
  });

  const nan = m("1 2; 3 NaN");
  const infinite = m("1 -Infinity");
  const empty = zeros(0, 3);
  const notMatrix = [[1, 2]] as unknown as Matrix;
  const refusals = [
    [
      RangeError,
      {
        "matmul: a must have as many columns as b has rows, got 2×3 and 2×3": () => matmul(zeros(2, 3), zeros(2, 3)),
        "matmul: a must have at least one row and one column, got 0×3": () => matmul(empty, zeros(3, 1)),
        "matmul: b must have at least one row and one column, got 1×0": () => matmul(zeros(3, 1), zeros(1, 0)),
        "matvec: x must have length 3, got 2": () => matvec(a, [1, 2]),
        "matvec: a must have at least one row and one column, got 0×3": () => matvec(empty, []),
        "qr: a must have at least one row and one column, got 0×3": () => qr(empty),
        "qr: a must be finite, got NaN at (1, 1)": () => qr(nan),
        "qr: mode must be one of 'reduced', 'complete', got 'full'": () => qr(a, { mode: "full" as "complete" }),
        "qr: the columns of a must have finite norms, got Infinity": () => qr(m("1.5e308; 1.5e308")),
        "leastSquares: a must be finite, got -Infinity at (0, 1)": () => leastSquares(infinite, [1]),
        "leastSquares: b must have length 4, got 3": () => leastSquares(a, [1, 2, 3]),
        "leastSquares: b must be finite, got NaN at 2": () => leastSquares(a, [1, 2, Number.NaN, 4]),
        "leastSquares: solution and residual must not overflow, got Infinity": () => leastSquares(m("1e-300"), [1e300]),
        "matvec: x must have length 3, got undefined": () => matvec(a, null as never),
        "changeOfBasis: the result must not overflow, got Infinity": () =>
          changeOfBasis(m("1 2; 3 4"), m("1e-200 0; 0 1e200")),
        "gramSchmidt: the columns of a must have finite norms, got Infinity": () => gramSchmidt(m("1.5e308; 1.5e308")),
        "leastSquares: tolerance must be a finite number in [0, Infinity), got -1": () =>
          leastSquares(a, [1, 2, 3, 4], { tolerance: -1 }),
        "fundamentalSubspaces: a must be finite, got NaN at (1, 1)": () => fundamentalSubspaces(nan),
        "fundamentalSubspaces: tolerance must be a finite number in [0, Infinity), got NaN": () =>
          fundamentalSubspaces(a, { tolerance: Number.NaN }),
        "projector: a must have at least one row and one column, got 0×3": () => projector(empty),
        "projector: tolerance must be a finite number in [0, Infinity), got -2": () => projector(a, { tolerance: -2 }),
        "changeOfBasis: a must be square, got 4×3": () => changeOfBasis(a, square),
        "changeOfBasis: basis must be 3×3 like a, got 4×3": () => changeOfBasis(square, a),
        "changeOfBasis: basis must be 3×3 like a, got 3×2": () => changeOfBasis(square, zeros(3, 2)),
        "changeOfBasis: a must be finite, got NaN at (1, 1)": () => changeOfBasis(nan, nan),
        "changeOfBasis: basis must be finite, got NaN at (1, 1)": () => changeOfBasis(identity(2), nan),
        "matrixOf: n must be an integer at least 1, got 0": () => matrixOf((x) => x, 0),
        "matrixOf: n must be an integer at least 1, got NaN": () => matrixOf((x) => x, Number.NaN),
        "matrixOf: f(e1) must be finite, got Infinity at 0": () => matrixOf((x) => [1 / x[0]!], 2),
        "linearityErrors: n must be an integer at least 1, got 0.5": () => linearityErrors((x) => x, 0.5),
        "linearityErrors: f(x) must be finite, got NaN at 0": () => linearityErrors(() => [Number.NaN], 1),
        "random: seed must be an integer in [-2147483648, 4294967295], got 0.5": () =>
          linearityErrors((x) => x, 1, { seed: 0.5 }),
        "gramSchmidt: a must have at most as many columns as rows, got 2×3": () => gramSchmidt(zeros(2, 3)),
        "gramSchmidt: a must be finite, got NaN at (1, 1)": () => gramSchmidt(nan),
        "gramSchmidt: variant must be one of 'classical', 'modified', got 'twice'": () =>
          gramSchmidt(a, { variant: "twice" as "classical" }),
      },
    ],
    [
      TypeError,
      {
        "matmul: a must be a rank-2 ndarray of Float64Array, got Array": () => matmul(notMatrix, a),
        "matvec: a must be a rank-2 ndarray of Float64Array, got Array": () => matvec(notMatrix, [1]),
        "qr: a must be a rank-2 ndarray of Float64Array, got Array": () => qr(notMatrix),
        "leastSquares: b must be an array of numbers, got number": () => leastSquares(a, 3 as never),
        "leastSquares: a must be a rank-2 ndarray of Float64Array, got Array": () => leastSquares(notMatrix, [1]),
        "fundamentalSubspaces: a must be a rank-2 ndarray of Float64Array, got Array": () =>
          fundamentalSubspaces(notMatrix),
        "projector: a must be a rank-2 ndarray of Float64Array, got Array": () => projector(notMatrix),
        "changeOfBasis: a must be a rank-2 ndarray of Float64Array, got Array": () => changeOfBasis(notMatrix, square),
        "matrixOf: f must return 2 numbers as for e0, got 3 for e1": () =>
          matrixOf((x) => x.slice(0, x[0] === 1 ? 2 : 3), 3),
        "matrixOf: f must return at least one number, got none for e0": () => matrixOf(() => [], 2),
        "matrixOf: f(e0) must be an array of numbers, got number": () => matrixOf((() => 1) as never, 2),
        "linearityErrors: f(x) must be an array of numbers, got undefined": () =>
          linearityErrors((() => undefined) as never, 2),
        "gramSchmidt: a must be a rank-2 ndarray of Float64Array, got Array": () => gramSchmidt(notMatrix),
      },
    ],
    [
      SingularMatrixError,
      {
        "changeOfBasis: basis must be invertible, got a dependent column 0": () => changeOfBasis(square, zeros(3, 3)),
        "gramSchmidt: columns must be independent, got a dependent column 0": () => gramSchmidt(zeros(3, 2)),
      },
    ],
  ] as const;
  for (const [type, calls] of refusals) {
    test.each(Object.entries(calls))("%s", (message, call) => {
      expect(call).toThrow(type);
      expect(call).toThrow(expect.objectContaining({ message }));
    });
  }

  test("a residual that overflows is refused like a solution, a shorter image like a longer one", () => {
    // x = c/3, so the last residual is c + c/3.
    expect(() => leastSquares(m("1; 1; -1"), [1.5e308, 1.5e308, 1.5e308])).toThrow(
      /^leastSquares: solution and residual/,
    );
    expect(() => matrixOf((x) => x.slice(0, x[0] === 1 ? 3 : 2), 3)).toThrow(
      new TypeError("matrixOf: f must return 3 numbers as for e0, got 2 for e1"),
    );
  });

  test("linearityErrors names the value whose length differs", () => {
    let calls = 0;
    expect(() => linearityErrors(() => new Array(++calls).fill(0), 2)).toThrow(
      /^linearityErrors: f\(y\) must have length 1, got 2$/,
    );
  });

  test("a singular matrix tells at which step", () => {
    const failure = (call: () => unknown) => {
      try {
        return call();
      } catch (error) {
        return error;
      }
    };
    const dependent = failure(() => changeOfBasis(identity(3), m("1 2 3; 4 5 6; 7 8 9"))) as SingularMatrixError;
    expect(dependent).toBeInstanceOf(SingularMatrixError);
    expect(dependent.pivot).toBe(2);
    expect(dependent.message).toMatch(/^changeOfBasis: basis must be invertible, got a dependent column [01]$/); // 3 is the longest
    expect(failure(() => gramSchmidt(m("1 2; 0 0")))).toMatchObject({ name: "SingularMatrixError", pivot: 1 });
  });
});

describe("figures", () => {
  const centre = (order: string) =>
    String(movedPhotograph.draw({ order }).description).split("Its centre lands at ")[1];

  test("the centre of the photograph stays on the axis if it is turned first, and swings round if it is shifted first", () => {
    expect(centre("turn, then shift")).toBe("(1, 0).");
    expect(centre("shift, then turn")).toBe("(0.866, 0.5)."); // 1·(cos 30°, sin 30°)
  });

  test("the letter collapses with a projection, in both orders", () => {
    const { description } = gridUnderMaps.draw({ a: "projection" });
    expect(description).toMatch(/AB = .* has rank 1; BA = .* has rank 1\./);
    expect(gridUnderMaps.draw().description).toContain(
      "AB = [[0, -1], [1, 1]] has rank 2; BA = [[1, -1], [1, 0]] has rank 2.",
    );
  });

  test("the loss of orthogonality is the one of the claim", () => {
    const exponents = [...String(lostOrthogonality.draw().description).matchAll(/ \d\.\de([+-]\d+)/g)].map(([, e]) =>
      Number(e),
    );
    expect(exponents).toEqual([0, -4, -15]);
  });
});
