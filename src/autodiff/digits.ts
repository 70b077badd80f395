/**
 * The problem that many concepts train on: the 8×8 digits and a network 64 → hidden → 10 with a ReLU, in float32. 1437
 * images are for training and 360 for testing, always the same.
 */
import { noGrad, type Tensor, tensor } from "../demos/deep-learning-foundations/backpropagation.js";
import { checkInteger } from "../lib/check.js";
import { loadDigits } from "../lib/data.js";
import { rowMajor } from "../lib/matrix.js";
import { random } from "../lib/random.js";
import { full, linear, normal } from "./layers.js";
import { crossEntropy, gather, relu } from "./ops.js";
import { batches } from "./train.js";

const TEST = 360;

/** Parameters of the network: a tree of tensors. */
export type DigitsNetwork = { readonly hidden: DigitsLayer; readonly output: DigitsLayer };

/** Parameters of one of its layers: in×out and out. */
export type DigitsLayer = { readonly weight: Tensor; readonly bias: Tensor };

/** Images, 0 white to 1 black, and their labels. */
export interface DigitsPart {
  /** n×64 */
  readonly x: Tensor;
  /** n */
  readonly labels: Int32Array;
}

/** What `trainSteps` needs beside an optimizer, and how good the result is. */
export interface DigitsProblem {
  /** fresh: weights N(0, 2/inputs), biases 0 */
  readonly parameters: DigitsNetwork;
  /** mean cross-entropy of a batch, in nats */
  loss(parameters: DigitsNetwork, step: number): Tensor;
  /** share of the test images that are classified right */
  accuracy(parameters: DigitsNetwork): number;
}

/**
 * The digits, mixed once and for all, and split.
 *
 * @example
 * digitsData().train.x.shape // [1437, 64]
 */
export function digitsData(): { readonly train: DigitsPart; readonly test: DigitsPart } {
  const { x, target } = loadDigits();
  const n = target.length;
  const order = random(0).permutation(n);
  const shades = new Float32Array(rowMajor(x)).map((value) => value / 16); // Float32Array.from takes several times as long
  const pixels = tensor(shades, [n, 64]);
  const part = (indices: Int32Array) => ({ x: gather(pixels, indices), labels: indices.map((i) => target[i]!) });
  return { train: part(order.subarray(TEST)), test: part(order.subarray(0, TEST)) };
}

/** Class scores, n×10. */
export const digitsLogits = (x: Tensor, { hidden, output }: DigitsNetwork) => linear(relu(linear(x, hidden)), output);

/**
 * The network, its loss and its accuracy.
 *
 * @param options.hidden units of the hidden layer, default 64
 * @param options.batch images in a batch, default 128
 * @param options.seed of the weights and of the batches, default 0
 * @throws RangeError if hidden is not at least 1, or batch not in [1, 1437]
 * @example
 * const problem = digitsProblem({ hidden: 32 });
 * problem.parameters.hidden.weight.shape // [64, 32]
 */
export function digitsProblem({ hidden = 64, batch = 128, seed = 0 } = {}): DigitsProblem {
  checkInteger("digitsProblem", "hidden", hidden, 1);
  const { train, test } = digitsData();
  const batchAt = batches(train.labels.length, batch, seed);
  const draw = random(seed);
  const layer = (from: number, to: number): DigitsLayer => ({
    weight: normal([from, to], Math.sqrt(2 / from), draw),
    bias: full([to], 0),
  });
  return {
    parameters: { hidden: layer(64, hidden), output: layer(hidden, 10) },
    loss(parameters, step) {
      const indices = batchAt(step);
      const labels = indices.map((i) => train.labels[i]!);
      return crossEntropy(digitsLogits(gather(train.x, indices), parameters), labels);
    },
    accuracy: (parameters) =>
      accuracyOf(
        noGrad(() => digitsLogits(test.x, parameters)),
        test.labels,
      ),
  };
}

/**
 * Share of the rows whose largest entry stands at the label, the first of several equal ones.
 *
 * @param logits n×C
 */
export function accuracyOf(logits: Tensor, labels: ArrayLike<number>): number {
  const [n, classes] = logits.shape as [number, number];
  let right = 0;
  for (let i = 0; i < n; i++) {
    const row = logits.data.subarray(i * classes, (i + 1) * classes);
    let top = 0;
    for (let k = 1; k < classes; k++) if (row[k]! > row[top]!) top = k;
    if (top === labels[i]) right++;
  }
  return right / n;
}
