import { expect, test } from "vitest";
import { log, mul, square, sub, sum } from "../../src/autodiff/ops.js";
import { batches, type Optimizer, train, trainSteps } from "../../src/autodiff/train.js";
import {
  grad,
  NonFiniteError,
  type Tensor,
  tensor,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";

/** θ ← θ − rate·g. */
const descent = (rate: number): Optimizer => ({
  step(parameters, gradients) {
    parameters.forEach((theta, k) => {
      for (let i = 0; i < theta.length; i++) theta[i]! -= rate * gradients[k]![i]!;
    });
  },
});

test("trainSteps: the losses of gradient descent on a parabola, in closed form", () => {
  // (θ − 3)² at rate 0.25 halves the distance in every step
  const parameters = { theta: tensor(Float64Array.of(7)) };
  const loss = ({ theta }: typeof parameters, step: number) => {
    const distance = sub(theta, 3);
    return { loss: sum(square(distance)), metrics: { distance: distance.data[0]!, step } };
  };
  const steps = [...trainSteps({ parameters, loss, optimizer: descent(0.25), steps: 4 })];
  expect(steps).toEqual([
    { step: 0, loss: 16, metrics: { distance: 4, step: 0 } },
    { step: 1, loss: 4, metrics: { distance: 2, step: 1 } },
    { step: 2, loss: 1, metrics: { distance: 1, step: 2 } },
    { step: 3, loss: 0.25, metrics: { distance: 0.5, step: 3 } },
  ]);
  expect([...parameters.theta.data]).toEqual([3.25]);
});

test("trainSteps: what was recorded with the parameters before a step cannot be swept after it", () => {
  const theta = tensor(Float64Array.of(7));
  const stale = (steps: number) =>
    grad((x: Tensor) => {
      const before = mul(x, theta);
      train({ parameters: [theta], loss: () => sum(square(theta)), optimizer: descent(0.25), steps });
      return sum(before);
    });
  const x = tensor(Float64Array.of(2));
  expect(stale(0)(x).data[0]).toBe(7);
  expect(() => stale(1)(x)).toThrow(
    new TypeError("mul: a tensor of shape 1 or one of its operands was overwritten before the sweep needed it"),
  );
});

test("train: the last step, and none of no steps", () => {
  const parameters = [tensor(Float64Array.of(1))] as const;
  const loss = ([theta]: readonly [Tensor]) => sum(square(theta));
  expect(train({ parameters, loss, optimizer: descent(0.25), steps: 0 })).toBeUndefined();
  expect(parameters[0].data[0]).toBe(1);
  expect(train({ parameters, loss, optimizer: descent(0.25), steps: 2 })).toEqual({ step: 1, loss: 0.25, metrics: {} });
  expect(() => train({ parameters, loss, optimizer: descent(0.25), steps: 0.5 })).toThrow(
    new RangeError("trainSteps: steps must be an integer at least 0, got 0.5"),
  );
});

test("trainSteps: a loss that is not finite names the step and the operation, and leaves the parameters", () => {
  // The logarithm's slope drives θ below 0 in the second step.
  const parameters = { theta: tensor(Float64Array.of(1)) };
  const loss = ({ theta }: typeof parameters) => sum(mul(log(theta), 2));
  const run = trainSteps({ parameters, loss, optimizer: descent(1), steps: 5 });
  expect(run.next().value).toMatchObject({ step: 0, loss: 0 });
  expect([...parameters.theta.data]).toEqual([-1]);
  expect(() => run.next()).toThrow(
    new NonFiniteError("log", "trainSteps: at step 1, log: the output must be finite, got NaN at 0 of shape 1, from 1"),
  );
  expect([...parameters.theta.data]).toEqual([-1]);
});

test("batches: every epoch is a new order of all samples but the incomplete last batch's; seeded; any step in any order", () => {
  const at = batches(10, 3, 4);
  const epoch = (e: number, batchAt = at) => [0, 1, 2].flatMap((i) => [...batchAt(3 * e + i)]);
  for (const e of [0, 1, 2]) {
    expect(new Set(epoch(e)).size).toBe(9);
    expect(Math.max(...epoch(e))).toBeLessThan(10);
  }
  expect(epoch(0)).not.toEqual(epoch(1));
  const again = batches(10, 3, 4);
  expect([again(5), again(0), again(4)]).toEqual([at(5), at(0), at(4)]);
  expect(epoch(0, batches(10, 3, 5))).not.toEqual(epoch(0));
  // over many epochs each sample is left out about as often
  const counts = new Array(10).fill(0);
  for (let e = 0; e < 1000; e++) for (const i of epoch(e)) counts[i]++;
  // 900 each, deviation √(1000·0.9·0.1) = 9.5; five of them
  for (const count of counts) expect(Math.abs(count - 900)).toBeLessThan(48);
});
