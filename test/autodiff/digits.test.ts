import { expect, test } from "vitest";
import { accuracyOf, digitsData, digitsLogits, digitsProblem } from "../../src/autodiff/digits.js";
import { train } from "../../src/autodiff/train.js";
import { leaves, tensor, valueAndGrad } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { loadDigits } from "../../src/lib/data.js";
import { row } from "../../src/lib/matrix.js";

test("digitsData: every image once, with its own label, in [0, 1]", () => {
  const { train: most, test: rest } = digitsData();
  expect([most.x.shape, rest.x.shape]).toEqual([
    [1437, 64],
    [360, 64],
  ]);
  const { x, target } = loadDigits();
  const keyOf = (pixels: ArrayLike<number>, label: number) => `${Array.from(pixels, (p) => p * 16).join()}:${label}`;
  const all = [most, rest].flatMap(({ x, labels }) =>
    [...labels].map((label, i) => keyOf(x.data.subarray(64 * i, 64 * (i + 1)), label)),
  );
  expect(all.sort()).toEqual(
    [...target]
      .map((label, i) =>
        keyOf(
          row(x, i).map((p) => p / 16),
          label,
        ),
      )
      .sort(),
  );
});

test("digitsProblem: seeded, starts near ln 10, and gradient descent learns it", () => {
  const make = () => digitsProblem({ hidden: 16, batch: 100, seed: 3 });
  const problem = make();
  const { hidden, output } = problem.parameters;
  expect([hidden, output].map(({ weight, bias }) => [weight.shape, bias!.shape])).toEqual([
    [[64, 16], [16]],
    [[16, 10], [10]],
  ]);
  const losses = (p: typeof problem) => [0, 1].map((step) => p.loss(p.parameters, step).item());
  expect(losses(problem)).toEqual(losses(make()));
  expect(losses(problem)[0]).not.toBe(losses(problem)[1]);
  expect(losses(problem)[0]).toBeGreaterThan(2);
  expect(losses(problem)[0]).toBeLessThan(3);
  const optimizer = {
    step(parameters: readonly (Float32Array | Float64Array)[], gradients: readonly (Float32Array | Float64Array)[]) {
      parameters.forEach((theta, k) => {
        for (let i = 0; i < theta.length; i++) theta[i]! -= 0.5 * gradients[k]![i]!;
      });
    },
  };
  const last = train({ ...problem, optimizer, steps: 150 });
  expect(last!.loss).toBeLessThan(0.3);
  expect(problem.accuracy(problem.parameters)).toBeGreaterThan(0.9);
  const { grads } = valueAndGrad((p: typeof problem.parameters) => problem.loss(p, 0))(problem.parameters);
  expect(leaves(grads)).toHaveLength(4);
});

test("digitsLogits: by hand for one image", () => {
  const layer = (entries: number[], shape: [number, number], bias: number[]) => ({
    weight: tensor(Float64Array.from(entries), shape),
    bias: tensor(Float64Array.from(bias)),
  });
  // ReLU of (1·1 + 2·(−1), 1·2 + 2·1 + 1) = (0, 5); times 2 and −1
  const network = { hidden: layer([1, 2, -1, 1], [2, 2], [0, 1]), output: layer([7, 7, 2, -1], [2, 2], [1, 0]) };
  expect([...digitsLogits(tensor(Float64Array.of(1, 2), [1, 2]), network).data]).toEqual([11, -5]);
});

test("accuracyOf: the first of several largest entries counts", () => {
  const logits = tensor([1, 2, 0, 3, 3, 1, 0, 0, 5], [3, 3]);
  expect(accuracyOf(logits, [1, 0, 2])).toBe(1);
  expect(accuracyOf(logits, [1, 1, 0])).toBe(1 / 3);
});

test("what does not fit is refused", () => {
  expect(() => digitsProblem({ hidden: 0 })).toThrow(
    new RangeError("digitsProblem: hidden must be an integer at least 1, got 0"),
  );
  expect(() => digitsProblem({ batch: 1438 })).toThrow(
    new RangeError("batches: size must be an integer in [1, 1437], got 1438"),
  );
});
