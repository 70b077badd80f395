/** The training loop: a generator of its steps, so that whoever runs it can watch, stop, and change his mind. */
import {
  type Floats,
  leaves,
  NonFiniteError,
  type Tensor,
  type Tree,
  valueAndGrad,
} from "../demos/deep-learning-foundations/backpropagation.js";
import { checkInteger } from "../lib/check.js";
import { random } from "../lib/random.js";

/** What changes parameters: SGD, AdamW and their kin. It writes into the arrays of the parameters. */
export interface Optimizer {
  step(parameters: readonly Floats[], gradients: readonly Floats[]): void;
}

/** What a loss function returns: the scalar to minimise, alone or with numbers to report. */
export type Loss = Tensor | { readonly loss: Tensor; readonly metrics: Readonly<Record<string, number>> };

/** One step of training, after the parameters were changed. */
export interface TrainStep {
  /** 0, 1, … */
  readonly step: number;
  /** of this step's batch, before the change */
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** What is trained, and how. */
export interface Training<P extends Tree> {
  /** changed in place, step by step */
  readonly parameters: P;
  /** the loss at these parameters; `step` chooses the batch and seeds the dropout: the same step, the same loss */
  readonly loss: (parameters: P, step: number) => Loss;
  readonly optimizer: Optimizer;
  readonly steps: number;
}

/**
 * Gradient, optimizer step, report; over and over.
 *
 * @throws NonFiniteError where the loss is not finite: it names the step and the first operation that is to blame; the
 * parameters are those before that step
 */
export function* trainSteps<P extends Tree>({ parameters, loss, optimizer, steps }: Training<P>): Generator<TrainStep> {
  checkInteger("trainSteps", "steps", steps, 0);
  const tensors = leaves(parameters);
  const arrays = tensors.map((p) => p.data);
  for (let step = 0; step < steps; step++) {
    let metrics: TrainStep["metrics"] = {};
    const scalar = (p: P) => {
      const result = loss(p, step);
      if (!("loss" in result)) return result;
      metrics = result.metrics;
      return result.loss;
    };
    const { value, grads } = valueAndGrad(scalar)(parameters);
    if (!Number.isFinite(value.item())) blame(scalar, parameters, step);
    optimizer.step(arrays, leaves(grads).map((g) => g.data)); // biome-ignore format: one call
    for (const p of tensors) p.storage.version++;
    yield { step, loss: value.item(), metrics };
  }
}

/** Computes the loss once more, checking every operation, to say where it went wrong. */
function blame<P extends Tree>(loss: (parameters: P) => Tensor, parameters: P, step: number): never {
  let at = "loss";
  let what = "the loss must be finite";
  try {
    valueAndGrad(loss, { checkFinite: true })(parameters);
  } catch (error) {
    if (!(error instanceof NonFiniteError)) throw error;
    at = error.op;
    what = error.message;
  }
  throw new NonFiniteError(at, `trainSteps: at step ${step}, ${what}`);
}

/**
 * The last step of a training run, all steps done.
 *
 * @throws as `trainSteps`
 */
export function train<P extends Tree>(training: Training<P>): TrainStep | undefined {
  let last: TrainStep | undefined;
  for (const step of trainSteps(training)) last = step;
  return last;
}

/**
 * Indices of the samples of each step: every epoch is a new random order, cut into batches; an incomplete last batch is left
 * out, as the order is new each time.
 *
 * @param n samples
 * @param size of a batch, at most n
 * @returns the batch of a step, which depends on nothing but the step and the seed
 */
export function batches(n: number, size: number, seed = 0): (step: number) => Int32Array {
  checkInteger("batches", "size", size, 1, n);
  const perEpoch = Math.floor(n / size);
  let [epoch, order] = [-1, new Int32Array(0)];
  return (step) => {
    const now = Math.floor(step / perEpoch);
    if (now !== epoch)
      order = random((seed + Math.imul(now, 0x9e3779b9)) | 0).permutation(n) as Int32Array<ArrayBuffer>;
    epoch = now;
    const start = (step % perEpoch) * size;
    return order.subarray(start, start + size);
  };
}
