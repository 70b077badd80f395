/** Typed failures of numerical work: the input was of the right kind, but the computation has no answer. */

/** A matrix that has to be inverted is singular; `pivot` is the 0-based elimination step that found it. */
export class SingularMatrixError extends Error {
  override readonly name = "SingularMatrixError";
  readonly pivot: number;
  constructor(message: string, pivot: number) {
    super(message);
    this.pivot = pivot;
  }
}

/** A matrix that has to be positive definite is not; `pivot` is the 0-based step that found it, `value` what stood there. */
export class NotPositiveDefiniteError extends Error {
  override readonly name = "NotPositiveDefiniteError";
  readonly pivot: number;
  readonly value: number;
  constructor(message: string, pivot: number, value: number) {
    super(message);
    this.pivot = pivot;
    this.value = value;
  }
}

/** An iteration did not reach its tolerance within `iterations` steps. */
export class ConvergenceError extends Error {
  override readonly name = "ConvergenceError";
  readonly iterations: number;
  constructor(message: string, iterations: number) {
    super(message);
    this.iterations = iterations;
  }
}
