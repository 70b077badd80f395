import fc from "fast-check";
import { all, create } from "mathjs";
import { describe, expect, test } from "vitest";
import { add, div, mul, sub } from "../../src/autodiff/ops.js";
import {
  counts,
  vjp as engineVjp,
  grad,
  type Tensor,
  tensor,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { slogdet, solve } from "../../src/demos/linear-algebra/determinant-and-volume.js";
import { eigSymmetric } from "../../src/demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import { matmul, matvec } from "../../src/demos/linear-algebra/matrices-as-linear-maps.js";
import {
  differenceQuotients,
  evaluate,
  gradient,
  gradientCheck,
  hessian,
  hvp,
  IDENTITIES,
  jacobian,
  jvp,
  type Letters,
  newton,
  newtonSteps,
  type Program,
  vjp,
} from "../../src/demos/linear-algebra/matrix-calculus.js";
import { sgdMomentumSteps } from "../../src/demos/training-fundamentals/sgd-with-momentum.js";
import {
  breastCancerProblem,
  errorOfDifferences,
  newtonAndDescent,
} from "../../src/figures/linear-algebra/matrix-calculus.js";
import { SingularMatrixError } from "../../src/lib/errors.js";
import {
  copy,
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
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";
import { dot, from, m, normal, strided } from "../matrices.js";
import { withTensorFlow } from "../parity.js";

const { claim, oracle } = concept("linear-algebra/matrix-calculus");
const mathjs = create(all, {});
const EPSILON = 2 ** -52;

// ---- what the tests are made of ----

const gaussian = (n: number, seed: number) => Float64Array.from({ length: n }, random(seed).normal);
const distance = (x: ArrayLike<number>, y: ArrayLike<number>) => {
  expect(x.length).toBe(y.length);
  return norm(Array.from(x, (xi, i) => xi - y[i]!));
};
const moved = (x: ArrayLike<number>, v: ArrayLike<number>, t: number) =>
  Float64Array.from(x, (xi, i) => xi + t * v[i]!);
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Slope of the least-squares line through the points (log₁₀ x, log₁₀ y). */
function slopeOfLogs(xs: number[], ys: number[]): number {
  const [p, q] = [xs, ys].map((values) => values.map(Math.log10)) as [number[], number[]];
  const [mp, mq] = [p, q].map((values) => values.reduce((sum, v) => sum + v, 0) / values.length) as [number, number];
  return p.reduce((sum, v, i) => sum + (v - mp) * (q[i]! - mq), 0) / p.reduce((sum, v) => sum + (v - mp) ** 2, 0);
}

/** B·tanh(A·x) with a few more operations around it: n numbers to m. */
function network(n: number, m: number, seed: number): Program {
  const [a, b] = [normal(5, n, seed), normal(m, 5, seed + 1)];
  return (x, { matmul, tanh, add, sin, sum }) => add(matmul(b, tanh(matmul(a, x))), sin(sum(x)));
}
/** Σ i·fᵢ for i = 1, …, m: a scalar that all m entries of f have a share in. */
const weighted =
  (f: Program, m: number): Program =>
  (x, operations) =>
    operations.sum(
      operations.mul(
        operations.reshape(f(x, operations), [-1]),
        Array.from({ length: m }, (_, i) => i + 1),
      ),
    );
const scalar = (n: number, m: number, seed: number) => weighted(network(n, m, seed), m);

const sizes = fc.record({
  n: fc.integer({ min: 1, max: 6 }),
  m: fc.integer({ min: 1, max: 6 }),
  seed: fc.integer({ min: 0, max: 2 ** 31 }),
});

// ---- claims ----

claim("gradient-of-a-quadratic-form", () => {
  const form =
    (a: Matrix): Program =>
    (x, { sum, mul, matmul }) =>
      sum(mul(x, matmul(a, x)));
  expect(Array.from(gradient(form(m("1 2; 0 1")), [1, 1]))).toEqual([4, 4]);
  expect(Array.from(matvec(m("2 4; 0 2"), [1, 1]))).toEqual([6, 2]); // 2Ax
  fc.assert(
    fc.property(sizes, ({ n, seed }) => {
      const [a, x] = [normal(n, n, seed), gaussian(n, seed + 1)];
      const both = Array.from(matvec(a, x), (ax, i) => ax + matvec(transpose(a), x)[i]!);
      expect(distance(gradient(form(a), x), both)).toBeLessThan(1e-13 * (1 + norm(both)));
      const symmetric = from(n, n, (i, j) => a.get(i, j) + a.get(j, i));
      const twice = matvec(symmetric, x).map((value) => 2 * value);
      expect(distance(gradient(form(symmetric), x), twice)).toBeLessThan(1e-13 * (1 + norm(twice)));
    }),
  );
});

claim("differences-have-a-best-step-and-dual-numbers-none", () => {
  const error = (h: number, kind: "forward" | "central") =>
    Math.abs(differenceQuotients(Math.exp, 1, h)[kind] - Math.E);
  const decades = (from: number, to: number) =>
    Array.from({ length: 4 * (to - from) + 1 }, (_, i) => 10 ** (from + i / 4));
  const slope = (kind: "forward" | "central", hs: number[]) =>
    slopeOfLogs(
      hs,
      hs.map((h) => error(h, kind)),
    );
  expect(Math.abs(slope("forward", decades(-5, -2)) - 1)).toBeLessThan(0.05);
  expect(Math.abs(slope("central", decades(-3, -1)) - 2)).toBeLessThan(0.05);

  const { x, exp, log, rational } = oracle<Fixture>().exact;
  const typical = (h: number, kind: "forward" | "central") =>
    median(x.map((xi, i) => Math.abs(differenceQuotients(Math.exp, xi, h)[kind] / exp[i]! - 1)));
  const between = (value: number, low: number, high: number) => {
    expect(value).toBeGreaterThan(low);
    expect(value).toBeLessThan(high);
  };
  between(typical(Math.sqrt(EPSILON), "forward"), 1e-9, 1e-7);
  between(typical(Math.cbrt(EPSILON), "central"), 1e-12, 1e-10);
  between(typical(1e-12, "forward"), 3e-5, 3e-4);
  for (const kind of ["forward", "central"] as const) {
    const small = decades(-13, -10);
    const slopeBelow = slopeOfLogs(
      small,
      small.map((h) => typical(h, kind)),
    );
    expect(Math.abs(slopeBelow + 1)).toBeLessThan(0.15); // rounding over h; medians of 200 points
  }
  // Against values that were rounded from 40 digits.
  const programs: (readonly [number[], Program])[] = [
    [exp, (x, { exp }) => exp(x)],
    [log, (x, { log }) => log(x)],
  ];
  for (const [expected, program] of programs) {
    for (const [i, xi] of x.entries()) {
      expect(Math.abs(jvp(program, [xi], [1]).tangent[0]! / expected[i]! - 1)).toBeLessThanOrEqual(4e-16);
    }
  }
  for (const [i, xi] of x.entries()) {
    const { tangent } = jvp((x, { div, add, square }) => div(1, add(1, square(x))), [xi], [1]);
    expect(Math.abs(tangent[0]! / rational[i]! - 1)).toBeLessThanOrEqual(1e-15); // five roundings instead of one
  }
});

claim("softmax-jacobian-is-semidefinite", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 7 }), fc.integer({ min: 0, max: 2 ** 31 }), (k, seed) => {
      const x = gaussian(k, seed).map((xi) => 2 * xi);
      const p = evaluate((x, { softmax }) => softmax(x), x);
      const j = jacobian((x, { softmax }) => softmax(x), x);
      expect(
        maxAbsDifference(
          j,
          from(k, k, (r, c) => p[r]! * ((r === c ? 1 : 0) - p[c]!)),
        ),
      ).toBeLessThan(1e-15);
      expect(maxAbsDifference(j, transpose(j))).toBeLessThan(1e-16);
      expect(norm(matvec(j, new Float64Array(k).fill(1)))).toBeLessThan(1e-15);
      const { values } = eigSymmetric(j);
      expect(Math.abs(values[0]!)).toBeLessThan(1e-15);
      // On the vectors that sum to 0, vᵀJv is the variance of v under p: at least min p times ‖v‖².
      expect(values[1]!).toBeGreaterThan(0.99 * Math.min(...p));
      expect(values[k - 1]!).toBeLessThan(0.5 + 1e-15);
    }),
  );
  const half = eigSymmetric(jacobian((x, { softmax }) => softmax(x), [0, 0, -800, -800])).values;
  expect(half[3]!).toBeCloseTo(0.5, 15);
  for (const value of half.slice(0, 3)) expect(value).toBeCloseTo(0, 15); // rank 1
});

/** Arithmetic operations (+ − × ÷, no changes of sign) on the tape of what `run` does with scalars. */
function arithmetic(run: (xs: readonly Tensor[]) => Tensor | readonly Tensor[], xs: readonly Tensor[]): number {
  let count = 0;
  engineVjp((inside: readonly Tensor[]) => {
    const result = run(inside);
    const { nodes } = inside[0]!.node!.tape;
    count = nodes.filter(({ op }) => ["add", "sub", "mul", "div", "accumulate"].includes(op)).length;
    return result as readonly Tensor[];
  }, xs);
  return count;
}

claim("gradient-for-the-price-of-a-few-values", () => {
  const scalars = (n: number) => Array.from({ length: n }, (_, i) => tensor(Float64Array.of(1 + i / 7), []));
  const ops = { add, sub, mul, div };
  const costs = (f: (xs: readonly Tensor[]) => Tensor, n: number) =>
    arithmetic((xs) => grad(f)(xs), scalars(n)) / arithmetic(f, scalars(n));
  for (let seed = 0; seed < 60; seed++) {
    const kinds = seed % 2 === 0 ? (["add", "sub", "mul"] as const) : (["add", "sub", "mul", "div"] as const);
    const { integer } = random(seed);
    const n = 1 + integer(9);
    const plan = Array.from(
      { length: 5 + integer(40) },
      (_, i) => [kinds[integer(kinds.length)]!, integer(n + i), integer(n + i)] as const,
    );
    const program = (xs: readonly Tensor[]) => {
      const v = [...xs];
      for (const [kind, i, j] of plan) v.push(ops[kind](v[i]!, v[j]!));
      return v.slice(n).reduce((sum, vi) => add(sum, vi));
    };
    expect(costs(program, n)).toBeLessThanOrEqual(seed % 2 === 0 ? 4 : 5);
  }
  // The worst: operations whose operands are one value, each needed again.
  const chain = (kind: "mul" | "div") => (xs: readonly Tensor[]) =>
    Array.from({ length: 30 }).reduce<Tensor>((v) => ops[kind](v, v), xs[0]!);
  expect([costs(chain("mul"), 1), costs(chain("div"), 1)]).toEqual([4, 5]);

  // A perceptron with 10 000 weights and one example: 10 000 multiply-adds.
  const input = gaussian(50, 1);
  const perceptron: Program = (w, { slice, reshape, matmul, tanh, sum, square }) => {
    const [first, second] = [reshape(slice(w, 0, 5000), [100, 50]), reshape(slice(w, 5000, 10000), [50, 100])];
    return sum(square(matmul(second, tanh(matmul(first, input)))));
  };
  const [w, v] = [gaussian(10000, 2), gaussian(10000, 3)];
  const work = (run: () => unknown) => counts(run).multiplyAdds;
  expect(work(() => evaluate(perceptron, w))).toBe(10000);
  expect(work(() => gradient(perceptron, w))).toBe(25000);
  expect(work(() => jvp(perceptron, w, v))).toBe(25000); // one number of the 10 000
  expect(work(() => hvp(perceptron, w, v))).toBe(55000);

  // Runs of the program: one for a reverse gradient, n for a forward one, n + 1 for forward differences.
  let runs = 0;
  const counted: Program = (x, { sum, square }) => {
    runs++;
    return sum(square(x));
  };
  gradient(counted, gaussian(13, 1));
  expect(runs).toBe(1);
  jacobian(counted, gaussian(13, 1), { mode: "forward" });
  expect(runs).toBe(1 + 13);
});

claim("hessian-times-vector-without-the-hessian", () => {
  fc.assert(
    fc.property(sizes, ({ n, m, seed }) => {
      const f = scalar(n, m, seed);
      const [x, v] = [gaussian(n, seed + 2), gaussian(n, seed + 3)];
      const [h, product] = [hessian(f, x), hvp(f, x, v)];
      expect(distance(product, matvec(h, v))).toBeLessThan(1e-9 * (1 + norm(product)));
      expect(maxAbsDifference(h, transpose(h))).toBeLessThan(1e-12 * (1 + norm(rowMajor(h))));
      const t = 1e-5; // error t²·f⁗ + 1e-16/t, both near 1e-10
      const [up, down] = [gradient(f, moved(x, v, t)), gradient(f, moved(x, v, -t))];
      const difference = up.map((ui, i) => (ui - down[i]!) / (2 * t));
      expect(distance(product, difference)).toBeLessThan(1e-6 * (1 + norm(product)));
    }),
    { numRuns: 60 },
  );
});

claim("symmetry-doubles-the-off-diagonal", () => {
  const logDet: Program = (x, { logAbsDet }) => logAbsDet(x);
  const s = m("2 .5; .5 1");
  const free = gradient(logDet, s);
  expect(
    maxAbsDifference(
      free,
      from(2, 2, (i, j) => [1, -0.5, 2][i + j]! / 1.75),
    ),
  ).toBeLessThan(1e-15); // X⁻ᵀ, det X = 1.75
  expect(free.get(0, 1)).toBeCloseTo(-0.285714, 6);
  expect(jvp(logDet, s, m("0 1; 1 0")).tangent[0]).toBeCloseTo(-0.571429, 6);
  // The same by a program that builds the symmetric matrix from three numbers a, b, c.
  const built: Program = (t, { stack, entry, logAbsDet }) => {
    const [a, b, c] = [entry(t, 0), entry(t, 1), entry(t, 2)];
    return logAbsDet(stack([stack([a, b]), stack([b, c])]));
  };
  expect(distance(gradient(built, [2, 0.5, 1]), [4 / 7, -4 / 7, 8 / 7])).toBeLessThan(1e-14);
  for (let seed = 0; seed < 30; seed++) {
    const [n, a] = [2 + (seed % 4), normal(2 + (seed % 4), 2 + (seed % 4), seed)];
    const spd = from(n, n, (i, j) => dot(toRows(a)[i]!, toRows(a)[j]!) + (i === j ? 1 : 0));
    const all = gradient(logDet, spd);
    const pair = jvp(
      logDet,
      spd,
      from(n, n, (i, j) => (i + j === 1 ? 1 : 0)),
    ).tangent[0]!;
    const h = 1e-5;
    const at = (t: number) => slogdet(from(n, n, (i, j) => spd.get(i, j) + (i + j === 1 ? t : 0))).logAbsDet;
    expect(Math.abs(pair - 2 * all.get(0, 1))).toBeLessThan(1e-12);
    expect(Math.abs(pair - (at(h) - at(-h)) / (2 * h))).toBeLessThan(1e-7);
  }
});

claim("newton-doubles-its-digits", () => {
  const { program, value, gradient: byHand, hessian: curvatures, curvature } = breastCancerProblem(1);
  const expected = oracle<Fixture>().logistic;
  const states = [
    ...newtonSteps(
      (w) => evaluate(program, w)[0]!,
      (w) => gradient(program, w),
      (w) => hessian(program, w),
      new Float64Array(31),
      { lineSearch: "none", tolerance: 1e-10 },
    ),
  ];
  const last = states.at(-1)!;
  expect([last.iteration, last.converged]).toEqual([10, true]);
  expect(last.value).toBeCloseTo(37.758946, 6);
  expect(Math.abs(last.value - expected.minimum)).toBeLessThan(1e-12 * expected.minimum);
  // The gradient there is below 1e-10 on both sides, and no curvature below 0.1.
  expect(distance(last.x, expected.weights)).toBeLessThan(1e-9);
  expect(value(last.x)).toBeCloseTo(last.value, 10);
  const errors = states.map(({ x }) => distance(x, expected.weights));
  for (let k = 0; errors[k + 1]! > 1e-9; k++) {
    expect(errors[k + 1]! / errors[k]! ** 2).toBeGreaterThan(0.1);
    expect(errors[k + 1]! / errors[k]! ** 2).toBeLessThan(1);
  }
  // Whole steps are never refused here.
  expect(states.every(({ step, iteration }) => step === (iteration === 0 ? 0 : 1))).toBe(true);
  const guarded = newton(value, byHand, curvatures, new Float64Array(31), { tolerance: 1e-10 });
  expect(guarded.iteration).toBe(10);

  // Gradient descent with step 1/L. NumPy has run it to the end; here are its first 1000 steps, and then what the curvatures
  // at the minimum make of the rest: an error along an eigenvector of H shrinks by 1 − λ/L a step.
  expect(curvature).toBeCloseTo(expected.curvature, 9);
  expect(expected.descentSteps).toBe(23269);
  const done = 1000;
  const descent = [
    ...sgdMomentumSteps(byHand, new Float64Array(31), { lr: 1 / curvature, momentum: 0, steps: done + 1 }),
  ];
  for (const [i, expectedNorm] of expected.descentNorms.entries()) {
    expect(norm(descent[50 * i + 1]!.grad) / expectedNorm).toBeCloseTo(1, 9);
  }
  const { values, vectors } = eigSymmetric(hessian(program, last.x));
  const error = descent[done]!.x.map((wi, i) => wi - last.x[i]!);
  const parts = matvec(transpose(vectors), error);
  const gradientAfter = (more: number) =>
    norm(parts.map((c, i) => c * values[i]! * (1 - values[i]! / curvature) ** more));
  const left = expected.descentSteps - done;
  expect(gradientAfter(left * 0.99)).toBeGreaterThan(1e-6);
  expect(gradientAfter(left * 1.01)).toBeLessThan(1e-6);
  expect(values[0]).toBeCloseTo(0.9966, 4);
});

claim("mixed-partials-may-differ", () => {
  const f: Program = (p, { entry, mul, sub, add, square, div }) => {
    const [x, y] = [entry(p, 0), entry(p, 1)];
    return div(mul(mul(x, y), sub(square(x), square(y))), add(square(x), square(y)));
  };
  for (const t of [1e-1, 1e-4, 1e-8]) {
    // On the axes ∂f/∂x = −y and ∂f/∂y = x; at the origin itself f is 0 along both.
    expect(gradient(f, [0, t])[0]! / t).toBeCloseTo(-1, 14);
    expect(gradient(f, [t, 0])[1]! / t).toBeCloseTo(1, 14);
  }
  const away = hessian(f, [0.3, -0.7]);
  expect(away.get(0, 1)).toBeCloseTo(away.get(1, 0), 13);
  expect(() => gradient(f, [0, 0])).toThrow(
    expect.objectContaining({ message: "gradient: f(x) must be finite, got NaN at 0" }),
  );
});

claim("chain-rule-multiplies-jacobians", () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 5 }), ({ n, m, seed }, k) => {
      const [inner, outer] = [network(n, k, seed), network(k, m, seed + 9)];
      const x = gaussian(n, seed);
      const both = jacobian((x, operations) => outer(inner(x, operations), operations), x);
      const split = matmul(jacobian(outer, evaluate(inner, x)), jacobian(inner, x));
      expect(maxAbsDifference(both, split)).toBeLessThan(1e-12 * (1 + norm(rowMajor(both))));
    }),
  );
  const work = (n: number, m: number) => {
    const [a, b] = [normal(50, n, 1), normal(m, 50, 2)];
    const f: Program = (x, { matmul, tanh }) => matmul(b, tanh(matmul(a, x)));
    const modes = ["forward", "reverse", "auto"] as const;
    return modes.map((mode) => counts(() => jacobian(f, gaussian(n, 3), { mode })).multiplyAdds);
  };
  expect(work(40, 1)).toEqual([164000, 4100, 4100]);
  expect(work(40, 40)).toEqual([320000, 164000, 164000]);
  expect(work(1, 40)).toEqual([4100, 84050, 6150]); // auto: a run to learn that there are 40
});

/** Random matrices for the letters of an identity. */
const lettersOf = (
  { shapes }: (typeof IDENTITIES)[number],
  [a, b, c]: readonly [number, number, number],
  seed: number,
) => Object.fromEntries(Object.entries(shapes(a, b, c)).map(([letter, [r, k]], i) => [letter, normal(r, k, seed + i)]));
const variableOf = (given: Letters) => Object.values(given)[0]!;

claim("identities-hold", () => {
  expect(IDENTITIES).toHaveLength(8);
  const symbolic = oracle<Fixture>().identities;
  for (const [index, identity] of IDENTITIES.entries()) {
    for (let seed = 0; seed < 20; seed++) {
      const sizes = [1 + (seed % 4), 2 + (seed % 3), 1 + (seed % 5)] as const;
      const given = lettersOf(identity, sizes, 100 * seed);
      const formula = rowMajor(identity.gradient(given));
      for (const mode of ["forward", "reverse"] as const) {
        const derivative = rowMajor(jacobian(identity.f(given), variableOf(given), { mode }));
        expect(distance(derivative, formula), identity.name).toBeLessThan(1e-10 * (1 + norm(formula))); // κ(X) up to 1e3
      }
    }
    const { given, gradient: expected } = symbolic[index]!;
    const letters = Object.fromEntries(Object.entries(given).map(([letter, rows]) => [letter, matrix(rows)]));
    const ordered = Object.fromEntries(
      Object.keys(identity.shapes(2, 3, 4)).map((letter) => [letter, letters[letter]!]),
    );
    expect(distance(rowMajor(identity.gradient(ordered)), expected), identity.name).toBeLessThan(
      1e-13 * (1 + norm(expected)),
    );
    expect(distance(rowMajor(jacobian(identity.f(ordered), variableOf(ordered))), expected)).toBeLessThan(
      1e-13 * (1 + norm(expected)),
    );
  }
});

test("answers of the interview: softmax with cross-entropy, and least squares", () => {
  for (let seed = 0; seed < 20; seed++) {
    const [logits, weights] = [gaussian(4, seed), gaussian(4, seed + 1).map(Math.abs)];
    const y = weights.map((w) => w / weights.reduce((sum, wi) => sum + wi, 0));
    const loss: Program = (x, { sub, logSumExp, sum, mul }) => sum(mul(y, sub(logSumExp(x), x)));
    const p = evaluate((x, { softmax }) => softmax(x), logits);
    expect(distance(gradient(loss, logits), moved(p, y, -1))).toBeLessThan(1e-14);

    const [a, b, x] = [normal(5, 3, seed), gaussian(5, seed + 2), gaussian(3, seed + 3)];
    const half: Program = (x, { mul, sum, square, sub, matmul }) => mul(0.5, sum(square(sub(matmul(a, x), b))));
    const slope = matvec(transpose(a), moved(matvec(a, x), b, -1));
    expect(distance(gradient(half, x), slope)).toBeLessThan(1e-13 * (1 + norm(slope)));
    expect(maxAbsDifference(hessian(half, x), matmul(transpose(a), a))).toBeLessThan(1e-13);
  }
});

test("the formulas with softmax do not overflow", () => {
  const x = m("1000; -1000; 0");
  const [sumExp, softmax] = [5, 7].map((i) => rowMajor(IDENTITIES[i]!.gradient({ x }))) as [Float64Array, Float64Array];
  expect([Array.from(sumExp), norm(softmax)]).toEqual([[1, 0, 0], 0]);
});

/** ‖Ax − b‖² with its gradient, or with one where A is not transposed. */
const squares = (a: Matrix, b: Float64Array) => {
  const residual = (x: ArrayLike<number>) => matvec(a, x).map((ri, i) => ri - b[i]!);
  return {
    f: (x: ArrayLike<number>) => dot(residual(x), residual(x)),
    right: (x: ArrayLike<number>) => matvec(transpose(a), residual(x)).map((gi) => 2 * gi),
    wrong: (x: ArrayLike<number>) => matvec(a, residual(x)).map((gi) => 2 * gi),
  };
};

claim("gradient-check-names-the-coordinate", () => {
  for (let seed = 0; seed < 30; seed++) {
    const a = normal(4, 4, seed);
    const { f, right, wrong } = squares(a, gaussian(4, seed + 1));
    const x = gaussian(4, seed + 2);
    expect(gradientCheck(f, right, x).maxRelativeError).toBeLessThan(1e-7);
    expect(gradientCheck(f, wrong, x).maxRelativeError).toBeGreaterThan(0.1);
    for (const i of [0, 3]) {
      // A coordinate that is off by a thousandth.
      const slightly = (x: ArrayLike<number>) => right(x).map((gi, j) => (j === i ? gi * 1.001 : gi));
      const { maxRelativeError, worstIndex } = gradientCheck(f, slightly, x);
      expect(worstIndex).toBe(i);
      expect(maxRelativeError).toBeCloseTo(0.001, 4);
    }
  }
  const { f, wrong } = squares(m("1 0 0; 0 2 0; 0 5 3"), Float64Array.of(1, 1, 1));
  const { maxRelativeError, worstIndex } = gradientCheck(f, wrong, [2, 1, 1]);
  expect([worstIndex, maxRelativeError.toFixed(2)]).toEqual([1, "0.95"]);
});

claim("kinks-have-one-convention", () => {
  const ramp: Program = (x, { relu, sum }) => sum(relu(x));
  expect(gradient(ramp, [0])[0]).toBe(0);
  expect(jvp(ramp, [0], [1]).tangent[0]).toBe(0);
  const plain = (x: number) => Math.max(x, 0);
  for (const h of [1e-2, 1e-6, 1e-12]) {
    expect(differenceQuotients(plain, 0, h)).toEqual({ forward: 1, central: 0.5 });
    expect(differenceQuotients(plain, 0, -h)).toEqual({ forward: -0, central: 0.5 });
  }
  const check = gradientCheck(
    ([x]) => plain(x!),
    ([x]) => gradient(ramp, [x!]),
    [0],
  );
  expect(check).toEqual({ maxRelativeError: 1, worstIndex: 0 });
  expect(
    gradientCheck(
      ([x]) => plain(x!),
      ([x]) => gradient(ramp, [x!]),
      [0.1],
    ).maxRelativeError,
  ).toBeLessThan(1e-9);
});

const hyperbola: Program = (x, { sum, sqrt, add, square }) => sum(sqrt(add(1, square(x))));
const twoWells: Program = (p, { entry, sub, add, mul, square }) => {
  const [x, y] = [entry(p, 0), entry(p, 1)];
  return add(sub(mul(0.25, square(square(x))), mul(0.5, square(x))), mul(0.5, square(y)));
};
const run = (f: Program, start: ArrayLike<number>, options: Parameters<typeof newton>[4] = {}) => [
  ...newtonSteps(
    (x) => evaluate(f, x)[0]!,
    (x) => gradient(f, x),
    (x) => hessian(f, x),
    start,
    options,
  ),
];

claim("newton-needs-its-safeguards", () => {
  // A whole step on √(1 + x²) goes to −x³: it converges from 0.9 and not from 1.1.
  for (const start of [0.9, 1.1]) {
    const states = run(hyperbola, [start], { lineSearch: "none", maxSteps: 4 });
    for (const [k, { x }] of states.entries()) expect(x[0]! / ((-1) ** k * start ** (3 ** k))).toBeCloseTo(1, 9);
    expect(Math.abs(states.at(-1)!.x[0]!) < 1).toBe(start === 0.9);
  }
  const guarded = run(hyperbola, [1.1]).at(-1)!;
  expect([guarded.converged, Math.abs(guarded.x[0]!) < 1e-8]).toEqual([true, true]);
  expect(run(hyperbola, [30])[1]!.step).toBeLessThan(1);
  // Beside 1e13 the promised fall of 1.8 is less than 1e-12 of the value, but no rounding: steps uphill are still halved.
  const raised: Program = (x, operations) => operations.add(1e13, hyperbola(x, operations));
  const far = run(raised, [1.1]);
  for (const { value } of far) expect(value).toBeLessThanOrEqual(far[0]!.value);
  expect([far[1]!.step, far.at(-1)!.converged]).toEqual([0.5, true]);

  // From (0.1, 1) whole steps with the indefinite Hessian end on the saddle at 0, where the gradient is 0 too.
  let p: Float64Array = Float64Array.of(0.1, 1);
  for (let k = 0; k < 6; k++) {
    const step = solve(hessian(twoWells, p), gradient(twoWells, p));
    p = p.map((pi, i) => pi - step[i]!);
  }
  expect(norm(p)).toBeLessThan(1e-12);
  expect(norm(gradient(twoWells, p))).toBeLessThan(1e-12);
  const states = run(twoWells, [0.1, 1]);
  // Of the negative curvature 3·0.1² − 1 = −0.97, and a thousandth of ‖H‖ more.
  expect(states[1]!.shift).toBeCloseTo(0.97 + 1e-3 * Math.hypot(0.97, 1), 12);
  expect(states.at(-1)!.shift).toBe(0);
  expect(distance(states.at(-1)!.x, [1, 0])).toBeLessThan(1e-8);
});

claim("vec-of-a-product-is-a-kronecker-product", () => {
  const { A, B, byRows, byColumns, rowsAgree, columnsAgree } = oracle<Fixture>().kronecker;
  expect([rowsAgree, columnsAgree]).toEqual([true, true]);
  const [a, b] = [matrix(A), matrix(B)];
  const f: Program = (x, { matmul }) => matmul(matmul(a, x), b);
  expect(maxAbsDifference(jacobian(f, normal(3, 4, 1)), matrix(byRows))).toBeLessThan(1e-12);
  // The same map between transposed matrices counts the entries by columns.
  const turned: Program = (x, { matmul, transpose }) => transpose(matmul(matmul(a, transpose(x)), b));
  expect(maxAbsDifference(jacobian(turned, normal(4, 3, 1)), matrix(byColumns))).toBeLessThan(1e-12);
  // A⊗B is not even of the shape: 8×15 for a Jacobian of 10×12. For square A and B it is, and wrong by one transposition.
  expect(jacobian(f, normal(3, 4, 1)).shape).toEqual([10, 12]);
  const [p, q] = [normal(2, 2, 1), normal(3, 3, 2)];
  const square = jacobian((x, { matmul }) => matmul(matmul(p, x), q), normal(2, 3, 3));
  const kronecker = (c: Matrix) =>
    from(6, 6, (i, j) => p.get(Math.floor(i / 3), Math.floor(j / 3)) * c.get(i % 3, j % 3));
  expect(maxAbsDifference(square, kronecker(transpose(q)))).toBeLessThan(1e-15);
  expect(maxAbsDifference(square, kronecker(q))).toBeGreaterThan(0.1);
});

claim("zero-gradient-is-not-a-minimum", () => {
  const saddle: Program = (p, { entry, square, sub }) => sub(square(entry(p, 0)), square(entry(p, 1)));
  expect(norm(gradient(saddle, [0, 0]))).toBe(0);
  expect(Array.from(eigSymmetric(hessian(saddle, [0, 0])).values)).toEqual([-2, 2]);
  expect(run(saddle, [0, 0], { tolerance: 0 })[0]!.converged).toBe(true);
  expect(run(saddle, [0, 0])[0]).toMatchObject({ converged: true, iteration: 0 });
});

// ---- the worked case of the note, by hand ----

describe("worked case", () => {
  // f(x, y) = (xy, y²) at (2, 3)
  const f: Program = (p, { entry, stack, mul, square }) => stack([mul(entry(p, 0), entry(p, 1)), square(entry(p, 1))]);

  test("Jacobian, a column and a row", () => {
    for (const mode of ["forward", "reverse", "auto"] as const) {
      expect(toRows(jacobian(f, [2, 3], { mode }))).toEqual([
        [3, 2],
        [0, 6],
      ]);
    }
    expect(jvp(f, [2, 3], [1, 1])).toEqual({ value: Float64Array.of(6, 9), tangent: Float64Array.of(5, 6) });
    expect(vjp(f, [2, 3], [1, 1])).toEqual({ value: Float64Array.of(6, 9), cotangent: Float64Array.of(3, 8) });
    expect(evaluate(f, [2, 3])).toEqual(Float64Array.of(6, 9));
  });

  test("Hessian of x²y at (1, 3)", () => {
    const g: Program = (p, { entry, mul, square }) => mul(square(entry(p, 0)), entry(p, 1));
    expect(Array.from(gradient(g, [1, 3]))).toEqual([6, 1]);
    expect(toRows(hessian(g, [1, 3]))).toEqual([
      [6, 2],
      [2, 0],
    ]);
    expect(Array.from(hvp(g, [1, 3], [1, -1]))).toEqual([4, 2]);
  });
});

// ---- PyTorch, SymPy, scikit-learn ----

type Rows = number[][];

interface Derivatives {
  value: number[];
  jacobian: Rows;
  hessian: Rows;
  hvp: number[];
}

interface Fixture {
  operations: {
    table: Record<string, { x: number[]; shape: number[]; v: number[]; result: Derivatives }>;
    row: number[];
    column: Rows;
    left: Rows;
    tall: Rows;
  };
  network: { A: Rows; B: Rows; x: number[]; v: number[]; result: Derivatives };
  identities: { given: Record<string, Rows>; gradient: number[] }[];
  exact: { x: number[]; exp: number[]; log: number[]; rational: number[] };
  logistic: {
    weights: number[];
    minimum: number;
    curvature: number;
    descentSteps: number;
    descentNorms: number[];
  };
  kronecker: { A: Rows; B: Rows; byRows: Rows; byColumns: Rows; rowsAgree: boolean; columnsAgree: boolean };
  conventions: {
    torchJacobianShape: number[];
    torchReluAtZero: number;
    torchAbsAtZero: number;
    torchLogdetOfNegative: number;
    torchLogAbsDet: number;
    torchGradcheckStep: number;
    torchInverseOfSingular: string;
    torchVectorGradient: string;
    scipyApproxFprimeStep: number;
    scipyCheckGradStep: number;
  };
}

describe("PyTorch agrees", () => {
  const { operations, network: net } = oracle<Fixture>();
  const [row, col, left, tall] = [
    operations.row,
    matrix(operations.column),
    matrix(operations.left),
    matrix(operations.tall),
  ];
  const programs: Readonly<Record<string, Program>> = {
    neg: (x, { neg }) => neg(x),
    exp: (x, { exp }) => exp(x),
    log: (x, { log }) => log(x),
    sqrt: (x, { sqrt }) => sqrt(x),
    square: (x, { square }) => square(x),
    sin: (x, { sin }) => sin(x),
    cos: (x, { cos }) => cos(x),
    tanh: (x, { tanh }) => tanh(x),
    sigmoid: (x, { sigmoid }) => sigmoid(x),
    softplus: (x, { softplus }) => softplus(x),
    relu: (x, { relu, mul }) => mul(relu(x), x),
    abs: (x, { abs, mul }) => mul(abs(x), x),
    add: (x, { add, mul }) => mul(add(x, row), x),
    sub: (x, { sub, mul }) => mul(sub(col, x), x),
    mul: (x, { mul }) => mul(mul(x, row), mul(x, 3)),
    div: (x, { div, add }) => add(div(col, x), div(x, row)),
    matmul: (x, { matmul, transpose }) => {
      const y = matmul(matmul(left, x), tall);
      return matmul(matmul(y, transposed(tall)), transpose(x));
    },
    matmulVectors: (x, { matmul, mul }) => mul(mul(matmul(transposed(tall), x), matmul(x, tall)), matmul(x, x)),
    sum: (x, { sum, mul }) => mul(sum(x, [0]), sum(x)),
    transpose: (x, { transpose, mul }) => mul(transpose(x), transpose(x)),
    reshape: (x, { reshape, square }) => square(reshape(x, [2, -1])),
    entry: (x, { entry, mul }) => mul(entry(x, 5), x),
    slice: (x, { slice, square }) => square(slice(x, 2, 7)),
    stack: (x, { stack, entry, mul, sin, add }) => {
      const constant = add(mul(0, entry(x, 0)), 2);
      return stack([mul(entry(x, 0), entry(x, 1)), entry(x, 3), constant, sin(entry(x, 0))]);
    },
    softmax: (x, { softmax }) => softmax(x),
    logSumExp: (x, { logSumExp }) => logSumExp(x),
    inverse: (x, { inverse }) => inverse(x),
    logAbsDet: (x, { logAbsDet }) => logAbsDet(x),
  };
  const pointOf = (x: number[], shape: number[]) =>
    shape.length === 2 ? matrixOver(Float64Array.from(x), shape[0]!, shape[1]!) : x;

  test("the table holds every operation", () => {
    let names: string[] = [];
    const spy: Program = (x, operations) => {
      names = Object.keys(operations);
      return x;
    };
    evaluate(spy, [1]);
    const inReverse = names.toSorted();
    jvp(spy, [1], [1]);
    expect(names.toSorted()).toEqual(inReverse);
    expect(
      Object.keys(programs)
        .filter((name) => name !== "matmulVectors")
        .toSorted(),
    ).toEqual(inReverse);
    expect(Object.keys(operations.table).toSorted()).toEqual(Object.keys(programs).toSorted());
  });

  const agrees = (f: Program, x: ArrayLike<number> | Matrix, v: number[], result: Derivatives) => {
    // float64 on both sides: some hundred roundings of the largest entry; inverse has κ³ in its Hessian.
    const near = (ours: ArrayLike<number>, theirs: ArrayLike<number>) =>
      expect(distance(ours, theirs)).toBeLessThan(1e-12 * (1 + norm(theirs)));
    near(evaluate(f, x), result.value);
    for (const mode of ["forward", "reverse"] as const)
      near(rowMajor(jacobian(f, x, { mode })), result.jacobian.flat());
    const total = weighted(f, result.value.length);
    near(rowMajor(hessian(total, x)), result.hessian.flat());
    const product = hvp(total, x, v);
    near("shape" in product ? rowMajor(product) : product, result.hvp);
  };

  test.each(Object.entries(operations.table))("on %s", (name, { x, shape, v, result }) => {
    agrees(programs[name]!, pointOf(x, shape), v, result);
  });

  test("on a network", () => {
    const [a, b] = [matrix(net.A), matrix(net.B)];
    agrees((x, { matmul, tanh }) => matmul(b, tanh(matmul(a, x))), net.x, net.v, net.result);
  });

  test("on conventions, and where it has others", () => {
    const c = oracle<Fixture>().conventions;
    expect([c.torchReluAtZero, c.torchAbsAtZero]).toEqual([0, 0]);
    for (const name of ["relu", "abs"] as const) {
      const f: Program = (x, operations) => operations.sum(operations[name](x));
      expect([gradient(f, [0])[0], jvp(f, [0], [1]).tangent[0]]).toEqual([0, 0]);
    }
    // A Jacobian of 2×3 → 2×4 numbers: four axes there, 8×6 here.
    expect(c.torchJacobianShape).toEqual([2, 4, 2, 3]);
    expect(jacobian((x, { matmul }) => matmul(x, normal(3, 4, 1)), normal(2, 3, 2)).shape).toEqual([8, 6]);
    expect(c.torchLogdetOfNegative).toBeNaN();
    expect(evaluate((x, { logAbsDet }) => logAbsDet(x), m("1 0; 0 -2"))[0]).toBeCloseTo(c.torchLogAbsDet, 15);
    expect([c.torchGradcheckStep, c.scipyApproxFprimeStep, c.scipyCheckGradStep]).toEqual([
      1e-6,
      Math.sqrt(EPSILON),
      Math.sqrt(EPSILON),
    ]);
    expect([c.torchInverseOfSingular, c.torchVectorGradient]).toEqual(["_LinAlgError", "RuntimeError"]);
  });
});

const transposed = (a: Matrix) => from(a.shape[1]!, a.shape[0]!, (i, j) => a.get(j, i));

test("mathjs agrees on symbolic derivatives of one number", () => {
  const cases: Readonly<Record<string, Program>> = {
    "exp(sin(x)) / (1 + x^2)": (x, { exp, sin, div, add, square }) => div(exp(sin(x)), add(1, square(x))),
    "sqrt(x) * log(x) - cos(3 * x)": (x, { sqrt, log, cos, mul, sub }) => sub(mul(sqrt(x), log(x)), cos(mul(3, x))),
    "tanh(x^2 - x)": (x, { tanh, square, sub }) => tanh(sub(square(x), x)),
  };
  for (const [text, f] of Object.entries(cases)) {
    const first = mathjs.derivative(text, "x", { simplify: false });
    const second = mathjs.derivative(first, "x", { simplify: false });
    for (const x of [0.3, 1.1, 2.7]) {
      const [d1, d2] = [first, second].map((node) => node.evaluate({ x }) as number) as [number, number];
      expect(Math.abs(jvp(f, [x], [1]).tangent[0]! - d1)).toBeLessThan(1e-13 * (1 + Math.abs(d1)));
      expect(Math.abs(gradient(f, [x])[0]! - d1)).toBeLessThan(1e-13 * (1 + Math.abs(d1)));
      expect(Math.abs(hvp(f, [x], [1])[0]! - d2)).toBeLessThan(1e-12 * (1 + Math.abs(d2)));
    }
  }
});

withTensorFlow("gradient of a penalised logistic loss", (tf) => {
  const [a, w, y] = [normal(7, 3, 1), gaussian(3, 2), [1, -1, -1, 1, 1, -1, 1]];
  const f: Program = (w, { matmul, mul, softplus, neg, sum, square, add }) =>
    add(sum(softplus(neg(mul(y, matmul(a, w))))), mul(0.5, sum(square(w))));
  const theirs = tf.tidy(() =>
    Array.from(
      tf
        .grad((w) =>
          tf
            .matMul(tf.tensor2d(toRows(a)), w.reshape([3, 1]))
            .reshape([7])
            .mul(tf.tensor1d(y))
            .neg()
            .softplus()
            .sum()
            .add(w.square().sum().mul(0.5)),
        )(tf.tensor1d(Array.from(w)))
        .dataSync(),
    ),
  );
  expect(distance(gradient(f, w), theirs)).toBeLessThan(1e-5); // float32 there
});

// ---- properties ----

describe("jvp and vjp", () => {
  test("are two readings of one matrix: u·(Jv) = (uᵀJ)·v, in either mode the same Jacobian", () => {
    fc.assert(
      fc.property(sizes, ({ n, m, seed }) => {
        const f = network(n, m, seed);
        const [x, v, u] = [gaussian(n, seed + 3), gaussian(n, seed + 4), gaussian(m, seed + 5)];
        const [forward, reverse] = [jvp(f, x, v), vjp(f, x, u)];
        const scale = 1 + norm(u) * norm(forward.tangent);
        expect(Math.abs(dot(u, forward.tangent) - dot(reverse.cotangent, v))).toBeLessThan(1e-12 * scale);
        expect(forward.value).toEqual(evaluate(f, x));
        expect(reverse.value).toEqual(evaluate(f, x));
        const [columns, rows] = [jacobian(f, x, { mode: "forward" }), jacobian(f, x, { mode: "reverse" })];
        expect(columns.shape).toEqual([m, n]);
        expect(maxAbsDifference(columns, rows)).toBeLessThan(1e-12 * (1 + norm(rowMajor(rows))));
        expect(maxAbsDifference(jacobian(f, x), rows)).toBeLessThan(1e-12 * (1 + norm(rowMajor(rows))));
        expect(distance(forward.tangent, matvec(rows, v))).toBeLessThan(1e-12 * scale * (1 + norm(v)));
        const h = 1e-5;
        const [up, down] = [evaluate(f, moved(x, v, h)), evaluate(f, moved(x, v, -h))];
        const quotient = up.map((value, i) => (value - down[i]!) / (2 * h));
        expect(distance(forward.tangent, quotient)).toBeLessThan(1e-6 * (1 + norm(quotient)));
      }),
    );
  });

  test("take matrices as they take their entries row by row", () => {
    fc.assert(
      fc.property(sizes, ({ n, m, seed }) => {
        const [x, v] = [normal(m, n, seed), normal(m, n, seed + 1)];
        const [left, right] = [normal(2, m, seed + 2), normal(n, 4, seed + 3)];
        const f: Program = (x, { matmul, sin }) => sin(matmul(matmul(left, x), right));
        const flat: Program = (x, operations) => f(operations.reshape(x, [m, n]), operations);
        const u = gaussian(8, seed);
        expect(jvp(f, x, v)).toEqual(jvp(flat, rowMajor(x), rowMajor(v)));
        expect(jvp(f, x, rowMajor(v))).toEqual(jvp(f, x, v));
        const { cotangent } = vjp(f, x, u);
        expect(cotangent.shape).toEqual([m, n]);
        expect(rowMajor(cotangent)).toEqual(vjp(flat, rowMajor(x), u).cotangent);
        expect(jacobian(f, x)).toEqual(jacobian(flat, rowMajor(x)));
        const total = weighted(f, 8);
        expect(gradient(total, x).shape).toEqual([m, n]);
        expect(hvp(total, x, v).shape).toEqual([m, n]);
        expect(rowMajor(hvp(total, x, v))).toEqual(hvp(weighted(flat, 8), rowMajor(x), rowMajor(v)));
      }),
      { numRuns: 40 },
    );
  });

  test("of what does not depend on x are 0", () => {
    const constant: Program = (_, { add }) => add([1, 2], [3, 4]);
    expect(jvp(constant, [5], [1])).toEqual({ value: Float64Array.of(4, 6), tangent: Float64Array.of(0, 0) });
    expect(vjp(constant, [5], [1, 1]).cotangent).toEqual(Float64Array.of(0));
    expect(toRows(jacobian(constant, [5], { mode: "forward" }))).toEqual([[0], [0]]);
    const one: Program = (_, { sum, add }) => sum(add(1, 1));
    expect([gradient(one, [5, 6]), hvp(one, [5, 6], [1, 1])]).toEqual([new Float64Array(2), new Float64Array(2)]);
    // A constant among the parts, and a sum in which one operand alone moves and is the smaller one.
    const mixed: Program = (x, { stack, entry, add, mul }) => add(stack([entry(x, 0), add(2, 3)]), mul(entry(x, 1), 2));
    expect(toRows(jacobian(mixed, [1, 1], { mode: "forward" }))).toEqual([
      [1, 2],
      [0, 2],
    ]);
    const spread: Program = (x, { sub, entry }) => sub([1, 2, 3], entry(x, 0));
    expect(toRows(jacobian(spread, [1, 1], { mode: "forward" }))).toEqual([
      [-1, 0],
      [-1, 0],
      [-1, 0],
    ]);
  });
});

describe("gradientCheck", () => {
  test("does not care for the unit of f or of x", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: -200, max: 200 }), ({ n, seed }, power) => {
        const f = scalar(n, 2, seed);
        const x = gaussian(n, seed + 1);
        const unit = 2 ** power;
        const check = gradientCheck(
          (x) => unit * evaluate(f, x)[0]!,
          (x) => gradient(f, x).map((gi) => unit * gi),
          x,
        );
        expect(check.maxRelativeError).toBeLessThan(1e-5);
        expect(check).toEqual(
          gradientCheck(
            (x) => evaluate(f, x)[0]!,
            (x) => gradient(f, x),
            x,
          ),
        ); // powers of 2: exact
      }),
      { numRuns: 40 },
    );
    const large = gradientCheck(
      ([x]) => x! ** 2,
      ([x]) => [2 * x!],
      [1e150],
    );
    expect(large.maxRelativeError).toBeLessThan(1e-9);
  });

  test("rounding alone never looks like a wrong gradient", () => {
    // At a minimum with a large value: differences see 1e4·ε/h where the slope is 0.
    const { maxRelativeError } = gradientCheck(
      ([x]) => 1e4 + x! ** 2,
      ([x]) => [2 * x!],
      [1e-9],
    );
    expect(maxRelativeError).toBeLessThan(2e-5);
    expect(gradientCheck(() => 0, () => [0, 0], [1, 2])).toEqual({ maxRelativeError: 0, worstIndex: 0 }); // biome-ignore format: short
  });

  test("divides by the step that was made, and names the first of equal errors", () => {
    for (const x of [0.1, 3, 1e5]) {
      // x ± h is rounded; the difference of a linear function over the difference of the points is exact.
      expect(
        gradientCheck(
          ([x]) => x!,
          () => [1],
          [x],
        ),
      ).toEqual({ maxRelativeError: 0, worstIndex: 0 });
    }
    const twice = gradientCheck(
      ([x, y]) => x! + y!,
      () => [2, 2],
      [0, 0],
    );
    expect(twice).toEqual({ maxRelativeError: 0.5, worstIndex: 0 });
  });

  test("steps by ∛ε, or by what is asked for, times the size of the coordinate", () => {
    const asked: number[] = [];
    const spy = (x: Float64Array) => {
      asked.push(...x);
      return 0;
    };
    gradientCheck(spy, () => [0, 0], [1000, 0.5]);
    const h = Math.cbrt(EPSILON);
    expect(asked).toEqual([1000 + 1000 * h, 0.5, 1000 - 1000 * h, 0.5, 1000, 0.5 + h, 1000, 0.5 - h]);
    asked.length = 0;
    gradientCheck(spy, () => [0], [3], { step: 0.25 });
    expect(asked).toEqual([3.75, 2.25]);
    expect(
      gradientCheck(
        ([x]) => x! ** 3,
        ([x]) => [3 * x! ** 2],
        [1],
        { step: 0.5 },
      ).maxRelativeError,
    ).toBeCloseTo(1 / 13, 12);
  });
});

describe("newton", () => {
  const quadratic = (a: Matrix, b: Float64Array) => ({
    f: (x: ArrayLike<number>) => 0.5 * dot(x, matvec(a, x)) - dot(b, x),
    gradient: (x: ArrayLike<number>) => matvec(a, x).map((gi, i) => gi - b[i]!),
    hessian: () => a,
  });

  test("takes one step to the minimum of a quadratic", () => {
    fc.assert(
      fc.property(sizes, ({ n, seed }) => {
        const root = normal(n, n, seed);
        const a = from(n, n, (i, j) => dot(toRows(root)[i]!, toRows(root)[j]!) + (i === j ? 1 : 0));
        const { f, gradient, hessian } = quadratic(a, gaussian(n, seed + 1));
        const states = [...newtonSteps(f, gradient, hessian, gaussian(n, seed + 2), { tolerance: 1e-9 })];
        expect(states.length).toBeLessThanOrEqual(3); // a second one where rounding has left a little
        expect(states[1]!.gradientNorm).toBeLessThan(1e-11 * (1 + norm(rowMajor(a))) * (1 + norm(states[0]!.x)));
      }),
      { numRuns: 50 },
    );
  });

  test("goes the same way in every basis", () => {
    fc.assert(
      fc.property(sizes, ({ n, seed }) => {
        const f: Program = (x, { sum, softplus, mul, square, add }) => add(sum(softplus(mul(3, x))), sum(square(x)));
        const map = from(n, n, (i, j) => normal(n, n, seed).get(i, j) + (i === j ? 3 : 0));
        const g: Program = (y, operations) => f(operations.matmul(map, y), operations);
        const start = gaussian(n, seed + 1);
        const plain = run(f, matvec(map, start), { tolerance: 1e-6 });
        const mapped = run(g, start, { tolerance: 1e-6 });
        for (let k = 0; k < Math.min(3, plain.length, mapped.length); k++) {
          expect(distance(matvec(map, mapped[k]!.x), plain[k]!.x)).toBeLessThan(1e-9);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("values fall, states agree with the functions, the last one says why", () => {
    for (let seed = 0; seed < 20; seed++) {
      const start = gaussian(2, seed).map((x) => 3 * x);
      const states = run(rosenbrock, start);
      for (const [k, state] of states.entries()) {
        expect(state.iteration).toBe(k);
        expect(state.value).toBe(evaluate(rosenbrock, state.x)[0]);
        expect(state.gradientNorm).toBe(norm(gradient(rosenbrock, state.x)));
        if (k > 0) expect(state.value).toBeLessThanOrEqual(states[k - 1]!.value);
        expect(state.reason).toBe(k === states.length - 1 ? "gradient within tolerance" : "");
        expect(state.converged).toBe(k === states.length - 1);
      }
      expect(distance(states.at(-1)!.x, [1, 1])).toBeLessThan(1e-6);
      expect(
        newton(
          (x) => evaluate(rosenbrock, x)[0]!,
          (x) => gradient(rosenbrock, x),
          (x) => hessian(rosenbrock, x),
          start,
        ),
      ).toEqual(states.at(-1));
    }
  });

  test("accepts a step only if it brings 1e-4 of what the slope promises", () => {
    // f(x) = |x|^1.5-like wells are left out: here the curvature given is 0.5 of the true one, so that a whole step of a
    // parabola lands at −x, where nothing is gained; half of it is the minimum.
    const states = [
      ...newtonSteps(
        ([x]) => x! ** 2,
        ([x]) => [2 * x!],
        () => matrix([[1]]),
        [3],
      ),
    ];
    expect(states.map(({ x, step }) => [x[0], step])).toEqual([
      [3, 0],
      [0, 0.5],
    ]);
  });

  test("the share is 1e-4, and of the step that is tried", () => {
    // x² from 3 with a given curvature c: of the fall that the slope promises a step t brings the share 1 − t/c.
    const steps = (c: number) =>
      newton(
        ([x]) => x! ** 2,
        ([x]) => [2 * x!],
        () => matrix([[c]]),
        [3],
        { maxSteps: 1 },
      ).step;
    expect([1.01, 1.0002, 1.00005].map(steps)).toEqual([1, 1, 0.5]);
    expect(steps(1e-3)).toBe(2 ** -10); // 1 − 0.977 of a step of 2⁻¹⁰, but 2e-5 of the whole one
  });

  test("takes a step whose promise is below the rounding of f, whatever the sign of f", () => {
    for (const value of [9, -9]) {
      const { x, iteration, step } = newton(
        ([x]) => (x === 0 ? value + 4e-15 : value), // x²/2 + value, with an error of some bits at 0
        ([x]) => [x!],
        () => matrix([[1]]),
        [1e-7],
      );
      expect([x[0], iteration, step]).toEqual([0, 1, 1]);
    }
  });

  test("takes 100 steps unless told otherwise", () => {
    const endless = [([x]: Float64Array) => x!, () => [1], () => matrix([[1]])] as const;
    expect(newton(...endless, [0])).toMatchObject({ iteration: 100, reason: "maxSteps taken" });
  });

  test("halves a step 50 times", () => {
    const deep = (reach: number) =>
      newton(
        ([x]) => (x === 0 ? 0 : x! <= reach ? -1e12 : 1),
        () => [-(2 ** 50)],
        () => matrix([[1]]),
        [0],
        { maxSteps: 1 },
      );
    expect(deep(1)).toMatchObject({ step: 2 ** -50, iteration: 1 });
    expect(deep(0.5)).toMatchObject({ step: 0, reason: "no descent after 50 halvings" });
  });

  test("stops with a reason where it cannot go on", () => {
    const uphill = newton(
      ([x]) => x!,
      () => [-1],
      () => matrix([[1]]),
      [0],
    );
    expect(uphill).toMatchObject({ converged: false, reason: "no descent after 50 halvings", iteration: 0 });
    expect(
      newton(
        ([x]) => x! ** 4,
        ([x]) => [4 * x! ** 3],
        ([x]) => matrix([[12 * x! ** 2]]),
        [1],
        { maxSteps: 3 },
      ),
    ).toMatchObject({ converged: false, reason: "maxSteps taken", iteration: 3 });
    const leap = { lineSearch: "none" } as const;
    const lost = newton(
      ([x]) => Math.log(x!),
      () => [1],
      () => matrix([[0.1]]),
      [1],
      leap,
    );
    expect(lost).toMatchObject({ converged: false, reason: "f is not finite after a whole step", iteration: 0 });
    // With a line search the same step is halved until the logarithm is there.
    const found = [
      ...newtonSteps(
        ([x]) => x! - Math.log(x!),
        ([x]) => [1 - 1 / x!],
        () => matrix([[0.01]]),
        [2],
      ),
    ];
    expect(found[1]!.step).toBeLessThan(1 / 16);
    expect(found[1]!.value).toBeLessThan(found[0]!.value);
    const bottomless = newton(
      ([x]) => (x! < 0 ? -Infinity : x!),
      () => [1],
      () => matrix([[1]]),
      [0.5],
    );
    expect(bottomless.reason).not.toBe("gradient within tolerance");
    expect(Number.isFinite(bottomless.value)).toBe(true);
  });

  test("shifts a Hessian that is not definite, by little, in the scale of the Hessian", () => {
    for (const scale of [1e-6, 1, 1e6]) {
      const h = matrix([
        [scale, 2 * scale],
        [2 * scale, scale],
      ]); // eigenvalues 3 and −1, a positive diagonal
      const f = ([x, y]: Float64Array) => scale * (0.5 * x! ** 2 + 2 * x! * y! + 0.5 * y! ** 2 + x! ** 4 + y! ** 4);
      const g = ([x, y]: Float64Array) => [scale * (x! + 2 * y! + 4 * x! ** 3), scale * (2 * x! + y! + 4 * y! ** 3)];
      const [, first] = [...newtonSteps(f, g, () => h, [0.1, -0.2], { maxSteps: 1 })];
      expect(first!.shift / scale).toBeGreaterThan(1);
      expect(first!.shift / scale).toBeLessThan(2.2);
    }
    // H = 0: any step is as good, and a gradient step is taken.
    const flat = [
      ...newtonSteps(
        ([x]) => x!,
        () => [1],
        () => matrix([[0]]),
        [0],
        { maxSteps: 1 },
      ),
    ];
    expect([flat[1]!.shift, flat[1]!.x[0]]).toEqual([1e-3, expect.closeTo(-1000, 9)]);
    // A thousandth of this norm is 0: doubled for ever, if the series began there.
    const denormal = newton(
      ([x, y]) => x! + y!,
      () => [1, 1],
      () => m("0 5e-324; 5e-324 0"),
      [0, 0],
      { maxSteps: 1 },
    );
    expect(denormal.shift).toBe(1e-3);
  });
});

const rosenbrock: Program = (p, { entry, sub, square, mul, add }) => {
  const [x, y] = [entry(p, 0), entry(p, 1)];
  return add(square(sub(1, x)), mul(100, square(sub(y, square(x)))));
};

// ---- contract ----

describe("contract", () => {
  const f: Program = (x, { matmul, exp, transpose }) => exp(matmul(x, transpose(x)));
  const total = weighted(f, 9);
  const [x, v] = [normal(3, 2, 1), normal(3, 2, 2)];

  test("inputs are not changed, strided views are taken as they are, the same call gives the same bits", () => {
    const calls: ((x: Matrix, v: Matrix) => unknown)[] = [
      (x) => evaluate(f, x),
      (x, v) => jvp(f, x, v),
      (x) => rowMajor(vjp(f, x, gaussian(9, 1)).cotangent),
      (x) => rowMajor(gradient(total, x)),
      (x) => jacobian(f, x),
      (x) => jacobian(f, x, { mode: "forward" }),
      (x, v) => rowMajor(hvp(total, x, v)),
      (x) => hessian(total, x),
      (x, v) => evaluate((_, { matmul, add }) => add(matmul(transpose(v), x), 0), [1]),
    ];
    const [beforeX, beforeV] = [copy(x), copy(v)];
    for (const call of calls) {
      const plain = call(x, v);
      expect(call(strided(x), strided(v))).toEqual(plain);
      expect(call(x, v)).toEqual(plain);
      expect(maxAbsDifference(x, beforeX)).toBe(0);
      expect(maxAbsDifference(v, beforeV)).toBe(0);
    }
    const [point, u] = [[1, 2], [1]];
    vjp((x, { sum }) => sum(x), point, u);
    hvp((x, { sum, square }) => sum(square(x)), point, point);
    expect([point, u]).toEqual([[1, 2], [1]]);
  });

  test("results belong to the caller", () => {
    const same: Program = (x) => x;
    const at = Float64Array.of(1, 2);
    const { value } = jvp(same, at, at);
    value.fill(9);
    const u = Float64Array.of(1, 1);
    vjp(same, at, u).cotangent.fill(9);
    evaluate(same, at).fill(9);
    expect([at, u]).toEqual([Float64Array.of(1, 2), Float64Array.of(1, 1)]);
  });

  test("functions that write into their arguments do no harm", () => {
    const selfish =
      <R>(f: (x: Float64Array) => R) =>
      (x: Float64Array) => {
        const result = f(x);
        x.fill(Number.NaN);
        return result;
      };
    const [f, g, h] = [
      ([x]: Float64Array) => x! - Math.log(x!),
      ([x]: Float64Array) => [1 - 1 / x!],
      ([x]: Float64Array) => matrix([[x! ** -2]]),
    ];
    const start = Float64Array.of(0.5);
    expect([...newtonSteps(selfish(f), selfish(g), selfish(h), start)]).toEqual([...newtonSteps(f, g, h, start)]);
    expect([...newtonSteps(selfish(f), selfish(g), selfish(h), start, { lineSearch: "none" })]).toEqual([
      ...newtonSteps(f, g, h, start, { lineSearch: "none" }),
    ]);
    expect(gradientCheck(selfish(f), selfish(g), start)).toEqual(gradientCheck(f, g, start));
    expect(start).toEqual(Float64Array.of(0.5));
  });

  test("a state does not change later", () => {
    const steps = newtonSteps(
      ([x]) => x! ** 4,
      ([x]) => [4 * x! ** 3],
      ([x]) => matrix([[12 * x! ** 2]]),
      [1],
    );
    const first = steps.next().value as { x: Float64Array };
    steps.next();
    expect(first.x).toEqual(Float64Array.of(1));
  });

  test("large, small and denormal numbers", () => {
    const cube: Program = (x, { mul, square }) => mul(x, square(x));
    expect(jvp(cube, [1e100], [1e-50]).tangent[0]! / 3e150).toBeCloseTo(1, 14);
    expect(gradient(cube, [5e-324])[0]).toBe(0);
    expect(gradient((x, { mul }) => mul(x, 5e-324), [1])[0]).toBe(5e-324);
    expect(gradient((x, { logSumExp }) => logSumExp(x), [1000, -1000])).toEqual(Float64Array.of(1, 0));
    expect(gradient((x, { softplus, sum }) => sum(softplus(x)), [800, -800])).toEqual(Float64Array.of(1, 0));
    expect(jvp((x, { logSumExp }) => logSumExp(x), [1000, -1000], [2, 7])).toEqual({
      value: Float64Array.of(1000),
      tangent: Float64Array.of(2),
    });
  });

  const sum: Program = (x, { sum }) => sum(x);
  const root: Program = (x, { sqrt, sum }) => sum(sqrt(x));
  const square: Program = (x, { square, sum }) => sum(square(x));
  const notMatrix = { shape: [2, 2], data: [1, 2, 3, 4] } as unknown as Matrix;
  const wrong = (() => 3) as unknown as Program;
  const nothing = (() => undefined) as unknown as Program;
  const unknown = ((x: unknown, operations: Record<string, (x: unknown) => unknown>) =>
    operations.floor!(x)) as unknown as Program;
  const parabola = [([x]: Float64Array) => x! ** 2, ([x]: Float64Array) => [2 * x!], () => matrix([[2]])] as const;
  const [p, dp, ddp] = parabola;
  const refusals = [
    [
      RangeError,
      {
        "evaluate: x must have at least one entry, got 0": () => evaluate(sum, []),
        "evaluate: x must be finite, got NaN at 1": () => evaluate(sum, [1, Number.NaN]),
        "evaluate: x must be finite, got Infinity at (0, 1)": () => evaluate(sum, m("1 Infinity")),
        "evaluate: f(x) must be finite, got NaN at 0": () => evaluate(root, [-1]),
        "jvp: x must have at least one row and one column, got 0×2": () => jvp(sum, zeros(0, 2), []),
        "jvp: v must have length 2, got 3": () => jvp(sum, [1, 2], [1, 2, 3]),
        "jvp: v must be 2×3 like x, got 3×2": () => jvp(sum, zeros(2, 3), zeros(3, 2)),
        "jvp: v must be finite, got Infinity at 0": () => jvp(sum, [1], [Infinity]),
        "jvp: f(x) must be finite, got Infinity at 0": () => jvp(square, [1e200], [1]),
        "jvp: the tangent must be finite, got Infinity at 0": () => jvp(root, [0], [1]),
        "vjp: x must be finite, got NaN at 0": () => vjp(sum, [Number.NaN], [1]),
        "vjp: u must have length 1, got 2": () => vjp(sum, [1, 2], [1, 2]),
        "vjp: u must be finite, got NaN at 0": () => vjp(sum, [1, 2], [Number.NaN]),
        "vjp: f(x) must be finite, got Infinity at 0": () => vjp((x, { exp }) => exp(x), [1000], [0]),
        "vjp: the cotangent must be finite, got Infinity at 0": () => vjp(root, [0], [1]),
        "gradient: x must have at least one entry, got 0": () => gradient(sum, []),
        "gradient: f(x) must be finite, got Infinity at 0": () => gradient(square, [1e200]),
        "gradient: the derivative must be finite, got Infinity at 1": () => gradient(root, [1, 0]),
        "jacobian: x must be finite, got NaN at 0": () => jacobian(sum, [Number.NaN]),
        "jacobian: mode must be one of 'forward', 'reverse', 'auto', got 'both'": () =>
          jacobian(sum, [1], { mode: "both" as "auto" }),
        "jacobian: f(x) must be finite, got NaN at 0": () => jacobian(root, [-1], { mode: "reverse" }),
        "jacobian: f(x) must be finite, got Infinity at 0": () => jacobian(square, [1e200], { mode: "forward" }),
        "jacobian: the derivative must be finite, got Infinity at 0": () => jacobian(root, [0], { mode: "forward" }),
        "jacobian: the derivative must be finite, got Infinity at 1": () => jacobian(root, [1, 0], { mode: "reverse" }),
        "hvp: v must have length 2, got 1": () => hvp(sum, [1, 2], [1]),
        "hvp: f(x) must be finite, got Infinity at 0": () => hvp(square, [1e200], [1]),
        "hvp: the derivative must be finite, got -Infinity at 0": () => hvp(root, [0], [1]),
        "hessian: x must have at least one entry, got 0": () => hessian(sum, []),
        "hessian: f(x) must be finite, got NaN at 0": () => hessian(root, [-1]),
        "hessian: the derivative must be finite, got -Infinity at 0": () => hessian(root, [0]),
        "entry: i must be an integer in [0, 1], got 2": () => evaluate((x, { entry }) => entry(x, 2), [1, 2]),
        "slice: start must be an integer in [0, 1], got -1": () => evaluate((x, { slice }) => slice(x, -1, 1), [1, 2]),
        "slice: end must be an integer in [2, 2], got 1": () => evaluate((x, { slice }) => slice(x, 1, 1), [1, 2]),
        "matmul: the columns of A must be the rows of B, got 1×2 and 3×1": () =>
          evaluate((x, { matmul }) => matmul(x, [1, 2, 3]), [1, 2]),
        "differenceQuotients: x must be a finite number, got NaN": () => differenceQuotients(Math.exp, Number.NaN, 1),
        "differenceQuotients: h must not be 0, got 0": () => differenceQuotients(Math.exp, 1, 0),
        "differenceQuotients: h must not be 0, got NaN": () => differenceQuotients(Math.exp, 1, Number.NaN),
        "gradientCheck: step must be a finite number in (0, 1), got 0": () => gradientCheck(p, dp, [1], { step: 0 }),
        "gradientCheck: step must be a finite number in (0, 1), got NaN": () =>
          gradientCheck(p, dp, [1], { step: Number.NaN }),
        "gradientCheck: x must have at least one entry, got 0": () => gradientCheck(p, dp, []),
        "gradientCheck: x must be finite, got NaN at 1": () => gradientCheck(p, dp, [1, Number.NaN]),
        "gradientCheck: gradient(x) must have length 2, got 1": () => gradientCheck(p, dp, [1, 2]),
        "gradientCheck: gradient(x) must be finite, got NaN at 0": () => gradientCheck(p, () => [Number.NaN], [1]),
        "gradientCheck: f with x[1] = 1.75 must be a finite number, got NaN": () =>
          gradientCheck(
            ([, y]) => (y! > 1 ? Number.NaN : 0),
            () => [0, 0],
            [0, 1],
            { step: 0.75 },
          ),
        "gradientCheck: step must move x[0] = 1.7e+308 to finite numbers on both sides, got 0.5": () =>
          gradientCheck(p, () => [0], [1.7e308], { step: 0.5 }),
        "gradientCheck: step must move x[0] = 1 to finite numbers on both sides, got 1e-20": () =>
          gradientCheck(p, dp, [1], { step: 1e-20 }),
        "gradientCheck: step must move x[0] = 1 to finite numbers on both sides, got 1e-16": () =>
          gradientCheck(p, dp, [1], { step: 1e-16 }), // it moves 1 down and not up
        "newton: start must have at least one entry, got 0": () => newton(p, dp, ddp, []),
        "newton: start must be finite, got NaN at 0": () => newton(p, dp, ddp, [Number.NaN]),
        "newton: f(start) must be a finite number, got NaN": () => newton(() => Number.NaN, dp, ddp, [1]),
        "newton: gradient(x) must have length 1, got 2": () => newton(p, () => [1, 2], ddp, [1]),
        "newton: gradient(x) must be finite, got Infinity at 0": () => newton(p, () => [Infinity], ddp, [1]),
        "cholesky: a must be symmetric, got 1 at (1, 0) and 0 at (0, 1)": () =>
          newton(
            p,
            () => [1, 1],
            () => m("2 0; 1 2"),
            [1, 1],
          ),
        "newton: hessian(x) must be 1×1, got 2×2": () => newton(p, dp, () => identity(2), [1]),
        "newton: hessian(x) must be finite, got NaN at (0, 0)": () => newton(p, dp, () => m("NaN"), [1]),
        "newton: lineSearch must be one of 'backtracking', 'none', got 'exact'": () =>
          newton(p, dp, ddp, [1], { lineSearch: "exact" as "none" }),
        "newton: tolerance must be a finite number in [0, Infinity), got -1": () =>
          newton(p, dp, ddp, [1], { tolerance: -1 }),
        "newton: maxSteps must be an integer at least 0, got 1.5": () => newton(p, dp, ddp, [1], { maxSteps: 1.5 }),
      },
    ],
    [
      TypeError,
      {
        "evaluate: x must be an array of numbers, got number": () => evaluate(sum, 3 as never),
        "evaluate: x must be a rank-2 ndarray of Float64Array, got Object": () => evaluate(sum, notMatrix),
        "evaluate: f must return a result of its operations, got number": () => evaluate(wrong, [1]),
        "jvp: v must be an array of numbers, got null": () => jvp(sum, [1], null as never),
        "jvp: f must return a result of its operations, got undefined": () => jvp(nothing, [1], [1]),
        "vjp: f must return a result of its operations, got number": () => vjp(wrong, [1], [1]),
        "gradient: f must return one number, got shape 2": () => gradient((x) => x, [1, 2]),
        "gradient: f must return a result of its operations, got number": () => gradient(wrong, [1]),
        "hvp: f must return one number, got shape 2×1": () => hvp((x) => x, m("1; 2"), [1, 1]),
        "hvp: f must return a result of its operations, got number": () => hvp(wrong, [1], [1]),
        "hessian: f must return one number, got shape 2": () => hessian((x) => x, [1, 2]),
        "jacobian: f must return a result of its operations, got null": () =>
          jacobian((() => null) as unknown as Program, [1]),
        [`Operations: 'floor' has no derivative here; there are ${NAMES}`]: () => evaluate(unknown, [1]),
        "gradientCheck: x must be an array of numbers, got undefined": () => gradientCheck(p, dp, undefined as never),
        "newton: hessian(x) must be a rank-2 ndarray of Float64Array, got Array": () =>
          newton(p, dp, () => [[2]] as never, [1]),
      },
    ],
    [
      SingularMatrixError,
      {
        "inverse: a must be invertible, got pivot 0 at step 1": () =>
          evaluate((x, { inverse }) => inverse(x), m("1 2; 2 4")),
      },
    ],
  ] as const;
  for (const [type, calls] of refusals) {
    test.each(Object.entries(calls))("%s", (message, call) => {
      expect(call).toThrow(type);
      expect(call).toThrow(expect.objectContaining({ message }));
    });
  }

  test("forward mode names an unknown operation too, and a program that fails leaves no tape open", () => {
    expect(() => jvp(unknown, [1], [1])).toThrow(/^Operations: 'floor' has no derivative here; there are neg, exp, /);
    expect(() => hvp(unknown, [1], [1])).toThrow(TypeError);
    expect(Array.from(gradient(sum, [1, 2]))).toEqual([1, 1]);
  });
});

const NAMES =
  "neg, exp, log, sqrt, square, sin, cos, tanh, sigmoid, softplus, relu, abs, add, sub, mul, div, matmul, sum, transpose, " +
  "reshape, entry, slice, stack, softmax, logSumExp, inverse, logAbsDet";

describe("figures", () => {
  test("derivatives by hand are right, and the description is that of the curves", () => {
    const said = (settings: object) => String(errorOfDifferences.draw(settings).description);
    for (const name of errorOfDifferences.knobs.function.options) {
      for (const x of [0.5, 1, 2]) {
        const text = said({ function: name, x });
        const [, e1, h1, e2, h2] = /less than (\S+) near h = (\S+), the central one by less than (\S+) near h = (\S+);/
          .exec(text)!
          .map(Number) as number[];
        expect([h1, h2]).toEqual([1e-8, 6e-6]);
        expect([1e-8, 1e-7, 1e-6].includes(e1!) && [1e-11, 1e-10, 1e-9].includes(e2!), text).toBe(true);
        expect(/error (?:0, drawn|[1-4]e-16)/.test(text), text).toBe(true);
      }
    }
  });

  test("the derivatives of the logistic problem by hand are those of the program", () => {
    for (const lambda of [0.2, 3]) {
      const { program, value, gradient: g, hessian: h, curvature } = breastCancerProblem(lambda);
      const w = gaussian(31, 4).map((x) => x / 4);
      expect(value(w)).toBeCloseTo(evaluate(program, w)[0]!, 8);
      expect(distance(g(w), gradient(program, w))).toBeLessThan(1e-10 * norm(g(w)));
      expect(maxAbsDifference(h(w), hessian(program, w))).toBeLessThan(1e-10 * curvature);
      expect(gradientCheck(value, g, w).maxRelativeError).toBeLessThan(1e-5);
      expect(eigSymmetric(h(w)).values.at(-1)!).toBeLessThan(curvature);
    }
  });

  test("more steps of descent bring less gradient, and Newton's end is in the description", () => {
    const said = (settings: object) =>
      /below (\S+) after (\d+) steps; .* has (\S+) after (\d+)\./
        .exec(String(newtonAndDescent.draw(settings).description))!
        .slice(1)
        .map(Number);
    const [few, many] = [said({ steps: 50 }), said({ steps: 500 })] as [number[], number[]];
    expect(few.slice(0, 2)).toEqual(many.slice(0, 2));
    expect(few.slice(0, 2)).toEqual([1e-10, 10]);
    const problem = breastCancerProblem(1);
    const { value, gradient: g, hessian: h } = problem;
    expect(newton(value, g, h, new Float64Array(31), { tolerance: 1e-10 })).toMatchObject({
      iteration: 10,
      converged: true,
    });
    expect([few[3], many[3]]).toEqual([49, 499]);
    expect(many[2]!).toBeLessThan(few[2]!);
    expect(said({ lambda: 5 })[2]!).toBeLessThan(said({ lambda: 0.2 })[2]!);
  });
});
