/**
 * Backpropagation: the derivative of one scalar with respect to every input, by one sweep over the recorded computation from
 * its end to its start. This file is the whole mechanism (tensors, tape, sweep, and what is built from them: gradients,
 * vector-Jacobian, Jacobian-vector and Hessian-vector products); the operations with their rules stand in src/autodiff/ops.ts.
 *
 * Follows Griewank, Walther, "Evaluating Derivatives", 2nd edition, 2008. https://doi.org/10.1137/1.9780898717761
 * Follows Baydin, Pearlmutter, Radul, Siskind, "Automatic Differentiation in Machine Learning: a Survey", 2018.
 * https://arxiv.org/abs/1502.05767
 * Follows Pearlmutter, "Fast Exact Multiplication by the Hessian", 1994. https://doi.org/10.1162/neco.1994.6.1.147
 * But:
 * - Tensors are dense and contiguous, on the processor, in one thread.
 * - Forward mode is made of two reverse sweeps; dual numbers belong to matrix calculus.
 * - Only operations that are recorded count: a branch on a tensor's numbers is taken as it was, not differentiated.
 */
import { checkInteger, checkNumber } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";
import { random } from "../../lib/random.js";

/** The numbers of a tensor: float32 for training, float64 where differences of nearly equal numbers count. */
export type Floats = Float32Array | Float64Array;

/** The two element types. */
export type Dtype = "float32" | "float64";

/** A rank-n array, contiguous, row-major; where it was computed under a tape, it knows the node that made it. */
export class Tensor {
  /** sizes of the axes; [] for a scalar */
  readonly shape: readonly number[];
  /** the numbers, and how often `assign` has changed them; shared by reshaped tensors */
  readonly storage: { readonly data: Floats; version: number };
  /** the entry of the tape that computed it; undefined for a constant */
  readonly node: TapeNode | undefined;

  constructor(storage: Tensor["storage"], shape: readonly number[], node?: TapeNode) {
    this.storage = storage;
    this.shape = shape;
    this.node = node;
  }
  /** the numbers, row-major; to be read only (`assign` writes) */
  get data(): Floats {
    return this.storage.data;
  }
  /** number of entries */
  get size(): number {
    return this.storage.data.length;
  }
  get dtype(): Dtype {
    return this.storage.data instanceof Float32Array ? "float32" : "float64";
  }
  /** The number of a tensor with one entry. */
  item(): number {
    if (this.size !== 1) throw new TypeError(`item: the tensor must have one entry, got shape ${text(this.shape)}`);
    return this.data[0]!;
  }
}

/** Tensors in any arrangement of arrays and records; gradients come back in the same arrangement. */
export type Tree = Tensor | readonly Tree[] | { readonly [name: string]: Tree };

/** How an adjoint of the output becomes adjoints of the inputs; `needs[i]` says whether input i's is wanted. */
export type Rule = (adjoint: Tensor, needs: readonly boolean[]) => readonly (Tensor | undefined)[];

/** One recorded operation. */
export interface TapeNode {
  readonly op: string;
  inputs: readonly Tensor[];
  /** undefined as soon as the sweep has used it and nobody else can */
  rule: Rule | undefined;
  readonly shape: readonly number[];
  /** the value; dropped together with the rule */
  output: Tensor | undefined;
  /** sum of the versions of inputs and output when it was recorded */
  readonly version: number;
  readonly tape: Tape;
  /** where it stands on the tape that is being swept */
  position: number;
}

/** The operations recorded while it was on top of the stack, in the order in which they ran: a topological order. */
interface Tape {
  readonly nodes: TapeNode[];
  /** how many tapes were open below it */
  readonly level: number;
  /** the outermost tape; its tensors live and die together */
  readonly root: Tape;
  freed: boolean;
  readonly checkFinite: boolean;
}

/** The value of a scalar function, and its gradient in the arrangement of the inputs. */
export interface ValueAndGrad<T extends Tree> {
  readonly value: Tensor;
  readonly grads: T;
}

/** Options of `valueAndGrad`. */
export interface GradOptions {
  /** stop with a `NonFiniteError` at the first operation whose output is not finite; default false: it costs a pass each */
  readonly checkFinite?: boolean;
}

/**
 * Value and gradient of a scalar function by one forward evaluation and one reverse sweep.
 *
 * @param f from tensors (in any arrangement) to a tensor with one entry; its computation is recorded
 * @returns a function of the same inputs; the gradients have the shapes of the inputs, zeros where f does not depend on one
 * @throws TypeError if f's result has more than one entry, an input was changed while it was needed, or a tensor of another
 * tape is used
 * @throws NonFiniteError with `checkFinite`, naming the first operation with an output that is not finite
 * @example
 * const cube = ({ x }: { x: Tensor }) => mul(mul(x, x), x); // mul is an operation of src/autodiff/ops.ts
 * valueAndGrad(cube)({ x: tensor([2], []) }).grads.x.item() // 12
 */
export function valueAndGrad<T extends Tree>(
  f: (inputs: T) => Tensor,
  options: GradOptions = {},
): (inputs: T) => ValueAndGrad<T> {
  return (inputs) => {
    const steps = backwardSteps(f, inputs, options);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  };
}

/** The gradient alone, see `valueAndGrad`. */
export function grad<T extends Tree>(f: (inputs: T) => Tensor): (inputs: T) => T {
  return (inputs) => valueAndGrad(f)(inputs).grads;
}

/** What the sweep does at one node. */
export interface BackwardStep {
  /** position of the node on the tape; the sweep counts down */
  readonly index: number;
  readonly op: string;
  /** positions of the nodes that made its inputs; −1 for a constant */
  readonly parents: readonly number[];
  readonly value: Tensor;
  /** ∂output/∂value, the sum of what all consumers have given */
  readonly adjoint: Tensor;
  /** what it gives to each input; undefined where none is needed */
  readonly contributions: readonly (Tensor | undefined)[];
}

/**
 * The reverse sweep of `valueAndGrad`, node by node: it is that very sweep, and returns what `valueAndGrad` returns.
 *
 * @throws as `valueAndGrad`
 */
export function* backwardSteps<T extends Tree>(
  f: (inputs: T) => Tensor,
  inputs: T,
  options: GradOptions = {},
): Generator<BackwardStep, ValueAndGrad<T>> {
  const tape = open(options.checkFinite);
  try {
    const { watched, output } = runUnder(tape, f, inputs, (y) => y);
    if (!(output instanceof Tensor) || output.size !== 1) {
      const got = output instanceof Tensor ? `shape ${text(output.shape)}` : typeof output;
      throw new TypeError(`valueAndGrad: the function must return a tensor with one entry, got ${got}`);
    }
    const seed = new Tensor({ data: filled(output.data, 1, 1), version: 0 }, output.shape);
    const adjoints = yield* sweepSteps(tape, [output], [seed], tape.level === 0);
    return { value: escaping(tape, output), grads: gradients(inputs, watched, adjoints, [seed]) };
  } finally {
    free(tape);
  }
}

/** A function's value and the product of a row vector with its Jacobian there. */
export interface Vjp<T extends Tree, Y extends Tree> {
  readonly value: Y;
  /**
   * uᵀJ for a cotangent u in the arrangement and shapes of the value.
   *
   * @param keep whether the tape stays, so that the pullback can be used again; default false
   */
  pullback(cotangent: Y, keep?: boolean): T;
}

/**
 * Value and pullback of a function with any number of outputs: m calls of the pullback give a Jacobian's m rows.
 *
 * @throws TypeError from the pullback if the cotangent does not fit the value, or the tape was freed by an earlier call
 */
export function vjp<T extends Tree, Y extends Tree>(f: (inputs: T) => Y, inputs: T): Vjp<T, Y> {
  const tape = open();
  const { watched, output } = runUnder(tape, f, inputs, (y) => y);
  const outputs = leaves(output);
  return {
    value: mapTree(output, (y) => escaping(tape, y)),
    pullback(cotangent, keep = false) {
      if (tape.root.freed) {
        throw new TypeError(
          "pullback: its tape was freed by an earlier call; pass keep = true to all calls but the last",
        );
      }
      const us = leaves(cotangent);
      outputs.forEach((y, i) => {
        checkLike("pullback", "the cotangent", us[i], y);
      });
      const drop = !keep && tape.level === 0;
      const adjoints = toEnd(sweepSteps(tape, outputs, us, drop));
      if (drop) free(tape);
      return gradients(inputs, watched, adjoints, us);
    },
  };
}

/**
 * The Jacobian-vector product J·v. The pullback u ↦ uᵀJ is linear in u, so that its own pullback, applied to v, is J·v:
 * two reverse sweeps, whatever the number of outputs.
 *
 * @param v tangent in the arrangement and shapes of the inputs
 * @throws TypeError if v does not fit the inputs
 */
export function jvp<T extends Tree>(f: (inputs: T) => Tensor, inputs: T, v: T): { value: Tensor; tangent: Tensor } {
  const vs = leaves(v);
  leaves(inputs).forEach((x, i) => {
    checkLike("jvp", "the tangent", vs[i], x);
  });
  const tape = open();
  const before = paused;
  paused = false; // the first sweep must be recorded
  try {
    const { value, pullback } = vjp(f, inputs);
    const u = watch(tape, new Tensor({ data: filled(value.data, value.size, 0), version: 0 }, value.shape));
    const rows = pullback(u, true);
    close(tape);
    paused = before;
    const adjoints = toEnd(sweepSteps(tape, leaves(rows), vs, tape.level === 0));
    return { value: escaping(tape, value), tangent: adjoints.get(u.node!) ?? zerosLike(value) };
  } finally {
    paused = before;
    free(tape);
  }
}

/**
 * The Hessian-vector product ∇²f·v: the pullback of the gradient, since the Hessian is symmetric. It costs a constant number
 * of gradients; the Hessian is never formed.
 *
 * @param v in the arrangement and shapes of the inputs
 */
export function hvp<T extends Tree>(f: (inputs: T) => Tensor, inputs: T, v: T): T {
  return vjp(grad(f), inputs).pullback(v);
}

/**
 * Runs a function without recording: what it computes is constant to every tape.
 *
 * @returns what the function returns
 */
export function noGrad<R>(f: () => R): R {
  const before = paused;
  paused = true;
  try {
    return f();
  } finally {
    paused = before;
  }
}

/** The same numbers as a constant: no adjoint passes through. */
export function stopGradient(x: Tensor): Tensor {
  return new Tensor(x.storage, x.shape);
}

/**
 * A function with a derivative of your own: straight-through estimators, recomputation instead of storage, gradients of a
 * library's routine.
 *
 * @param forward from the inputs to one tensor; run without recording
 * @param backward from the adjoint, the inputs and the output to one adjoint for each input
 */
export function customVjp(
  forward: (...inputs: Tensor[]) => Tensor,
  backward: (adjoint: Tensor, inputs: readonly Tensor[], output: Tensor) => readonly (Tensor | undefined)[],
  name = "customVjp",
): (...inputs: Tensor[]) => Tensor {
  return (...inputs) => {
    const y: Tensor = record(name, inputs, stopGradient(noGrad(() => forward(...inputs))), (adjoint) => {
      const adjoints = backward(adjoint, inputs, y);
      inputs.forEach((x, i) => {
        const given = adjoints[i];
        if (given) checkLike(name, `the adjoint of input ${i}`, given, x);
      });
      return adjoints;
    });
    return y;
  };
}

/** What a computation cost; see `counts`. */
export interface Counts {
  /** multiply-adds of matrix products and convolutions */
  readonly multiplyAdds: number;
  /** operations recorded */
  readonly nodes: number;
  /** most entries that recorded outputs held at one time */
  readonly peakSavedElements: number;
}

/** Runs a function and counts its work, gradients included. */
export function counts(f: () => unknown): Counts {
  const start = { ...work };
  work.peak = work.saved;
  try {
    f();
    return {
      multiplyAdds: work.multiplyAdds - start.multiplyAdds,
      nodes: work.nodes - start.nodes,
      peakSavedElements: work.peak - start.saved,
    };
  } finally {
    work.peak = Math.max(work.peak, start.peak);
  }
}

/** How a derivative was checked; see `gradCheck`. */
export interface GradCheck {
  /** largest |analytic − numeric| / max(1, |analytic|, |numeric|) */
  readonly maxRelError: number;
  /** where it was; `index` is the entry of the input, or the number of the random direction */
  readonly worst: {
    readonly input: number;
    readonly index: number;
    readonly analytic: number;
    readonly numeric: number;
  };
}

/** Options of `gradCheck`. */
export interface GradCheckOptions {
  /** step of the central difference, default 6e-6, near ∛ε, where truncation and rounding balance */
  readonly h?: number;
  /** inputs with more entries than this are checked along that many random directions instead; default 32 */
  readonly directions?: number;
  /** of the directions, default 0 */
  readonly seed?: number;
}

/**
 * Compares the gradient with central differences (f(x + hv) − f(x − hv)) / 2h: along every axis of a small input, along
 * random directions of a large one. It ends at the first NaN.
 *
 * @param f scalar function of the inputs, which must be float64
 * @throws TypeError if an input is float32, whose differences would show nothing but rounding
 */
export function gradCheck<T extends Tree>(
  f: (inputs: T) => Tensor,
  inputs: T,
  { h = 6e-6, directions = 32, seed = 0 }: GradCheckOptions = {},
): GradCheck {
  checkNumber("gradCheck", "h", h, { above: 0 });
  checkInteger("gradCheck", "directions", directions, 1);
  const xs = leaves(inputs);
  for (const x of xs) {
    if (x.dtype !== "float64") throw new TypeError("gradCheck: the inputs must be float64, got float32");
  }
  const grads = leaves(valueAndGrad(f)(inputs).grads);
  const { normal } = random(seed);
  const valueAt = (input: number, direction: Float64Array, t: number) => {
    const moved = xs.map((x, i) =>
      i === input
        ? tensor(
            x.data.map((xi, j) => xi + t * direction[j]!),
            x.shape,
          )
        : x,
    );
    let next = 0;
    return noGrad(() => f(mapTree(inputs, () => moved[next++]!))).item();
  };
  let found: GradCheck = { maxRelError: 0, worst: { input: 0, index: 0, analytic: 0, numeric: 0 } };
  for (const [input, x] of xs.entries()) {
    const axes = x.size <= directions;
    for (let index = 0; index < (axes ? x.size : directions); index++) {
      const v = axes ? new Float64Array(x.size).fill(1, index, index + 1) : Float64Array.from(x.data, normal);
      const numeric = (valueAt(input, v, h) - valueAt(input, v, -h)) / (2 * h);
      const { data } = grads[input]!;
      const analytic = axes ? data[index]! : v.reduce((sum, vj, j) => sum + vj * data[j]!, 0); // 0·∞ would be NaN
      const error = Math.abs(analytic - numeric) / Math.max(1, Math.abs(analytic), Math.abs(numeric));
      if (Number.isNaN(found.maxRelError)) return found; // nothing is worse
      if (!(error <= found.maxRelError)) found = { maxRelError: error, worst: { input, index, analytic, numeric } };
    }
  }
  return found;
}

/** An operation's output, or a training loss, is not finite. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
  /** the operation */
  readonly op: string;
  constructor(op: string, message: string) {
    super(message);
    this.op = op;
  }
}

// ---- tensors ----

/**
 * Tensor from numbers.
 *
 * @param data row-major; a Float64Array makes a float64 tensor, a Float32Array a float32 one, neither is copied; anything
 * else is copied into `dtype`
 * @param shape default: one axis
 * @param dtype of what is copied, default float32
 * @throws RangeError if the shape does not have as many entries
 * @example
 * tensor([1, 2, 3, 4, 5, 6], [2, 3]).shape // [2, 3]
 */
export function tensor(data: ArrayLike<number>, shape: readonly number[] = [data.length], dtype?: Dtype): Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  if (size !== data.length || !shape.every((n) => Number.isInteger(n) && n >= 0)) {
    throw new RangeError(`tensor: data must hold the ${size} numbers of shape ${text(shape)}, got ${data.length}`);
  }
  const isFloats = data instanceof Float32Array || data instanceof Float64Array;
  const given = isFloats ? (data instanceof Float32Array ? "float32" : "float64") : undefined;
  if (isFloats && (dtype ?? given) === given) return new Tensor({ data, version: 0 }, shape);
  const copied = dtype === "float64" ? Float64Array.from(data) : Float32Array.from(data);
  return new Tensor({ data: copied, version: 0 }, shape);
}

/** The entries of a matrix as a tensor, copied; default float32. */
export function fromMatrix(a: Matrix, dtype: Dtype = "float32"): Tensor {
  const data = rowMajor(a);
  return tensor(dtype === "float64" ? data.slice() : Float32Array.from(data), a.shape);
}

/** A rank-2 tensor as a matrix, copied. */
export function toMatrix(x: Tensor): Matrix {
  if (x.shape.length !== 2) throw new TypeError(`toMatrix: the tensor must have two axes, got ${text(x.shape)}`);
  return matrixOver(Float64Array.from(x.data), x.shape[0]!, x.shape[1]!);
}

/**
 * Overwrites a tensor's numbers, as an optimizer does. A sweep that still needs the old ones then stops with an error.
 *
 * @throws RangeError if the number of entries differs
 */
export function assign(x: Tensor, values: ArrayLike<number>): void {
  if (values.length !== x.size)
    throw new RangeError(`assign: values must have ${x.size} entries, got ${values.length}`);
  x.storage.data.set(values);
  x.storage.version++;
}

/** The tensors of a tree, in order: of arrays by index, of records by insertion. */
export function leaves(tree: Tree): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  return Object.values(tree as readonly Tree[]).flatMap(leaves);
}

/** A tree of the same arrangement with every tensor replaced. */
export function mapTree<T extends Tree>(tree: T, f: (x: Tensor) => Tensor): T {
  if (tree instanceof Tensor) return f(tree) as T;
  if (Array.isArray(tree)) return tree.map((part) => mapTree(part, f)) as unknown as T;
  return Object.fromEntries(Object.entries(tree).map(([name, part]) => [name, mapTree(part, f)])) as T;
}

/** A shape in words: 2×3, or "scalar". */
export function text(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}

// ---- the tape ----

const stack: Tape[] = [];
let paused = false;
const work = { multiplyAdds: 0, nodes: 0, saved: 0, peak: 0 };

/** Whether an operation on tracked tensors would be recorded now. */
export function isRecording(): boolean {
  return stack.length > 0 && !paused;
}

/** Adds to the multiply-adds that `counts` reports. */
export function countMultiplyAdds(n: number): void {
  work.multiplyAdds += n;
}

/**
 * Ties an operation's output to its inputs, where a tape is open and an input is tracked: the way in for every operation.
 *
 * @param op name, for messages and figures
 * @param output a fresh tensor
 * @param rule how the output's adjoint becomes the inputs' (2)
 * @returns the output, tracked
 * @throws TypeError if an input belongs to another tape
 * @throws NonFiniteError under `checkFinite`
 */
export function record(op: string, inputs: readonly Tensor[], output: Tensor, rule: Rule): Tensor {
  const tape = stack.at(-1);
  if (!tape || paused) return output;
  if (tape.checkFinite) checkFinite(op, inputs, output);
  let tracked = false;
  for (const { node, shape } of inputs) {
    if (!node) continue;
    if (node.tape.root !== tape.root) {
      throw new TypeError(
        `${op}: the operand of shape ${text(shape)} was computed under another tape${node.tape.root.freed ? ", which was freed" : ""}; ` +
          "return it from the function, or make it a constant with stopGradient",
      );
    }
    tracked = true;
  }
  return tracked ? push(tape, op, inputs, output, rule) : output;
}

function push(tape: Tape, op: string, inputs: readonly Tensor[], output: Tensor, rule: Rule): Tensor {
  const { storage, shape } = output;
  const version = versionOf(inputs) + storage.version;
  const node: TapeNode = { op, inputs, rule, shape, output: undefined, version, tape, position: -1 };
  node.output = new Tensor(storage, shape, node);
  tape.nodes.push(node);
  work.nodes++;
  work.peak = Math.max(work.peak, (work.saved += output.size));
  return node.output;
}

function open(checkFinite = stack.at(-1)?.checkFinite ?? false): Tape {
  const nodes: TapeNode[] = [];
  const tape = { nodes, level: stack.length, freed: false, checkFinite } as Omit<Tape, "root"> as Tape;
  (tape as { root: Tape }).root = stack[0] ?? tape;
  stack.push(tape);
  return tape;
}

/** Takes the tape off the stack. What it holds happened under the tape below too. */
function close(tape: Tape): void {
  if (stack.at(-1) !== tape) return; // closed already
  stack.pop();
  const below = stack.at(-1);
  if (below) for (const node of tape.nodes) below.nodes.push(node);
}

function free(tape: Tape): void {
  close(tape);
  if (tape.level > 0) return;
  for (const node of tape.nodes) drop(node);
  tape.freed = true;
  tape.nodes.length = 0;
}

/** Lets go of what a node keeps alive. */
function drop(node: TapeNode): void {
  if (node.output) work.saved -= node.output.size;
  node.output = undefined;
  node.rule = undefined;
  node.inputs = [];
}

/** Runs f on tracked stand-ins of the inputs; whatever happens, the tape is closed afterwards. */
function runUnder<T extends Tree, Y>(tape: Tape, f: (inputs: T) => Y, inputs: T, then: (y: Y) => Y) {
  const before = paused;
  paused = false;
  try {
    const watched: Tensor[] = [];
    const stand = mapTree(inputs, (x) => {
      const y = watch(tape, x);
      watched.push(y);
      return y;
    });
    return { watched, output: then(f(stand)) };
  } finally {
    paused = before;
    close(tape);
  }
}

/** A stand-in that the tape tracks; what reaches it is passed on to x where an outer tape tracks x. */
function watch(tape: Tape, x: Tensor): Tensor {
  const known = x.node && x.node.tape.root === tape.root ? [x] : [];
  return push(tape, "input", known, new Tensor(x.storage, x.shape), (adjoint) => [adjoint]);
}

/** A result as the caller gets it: tracked where an outer tape is still open, otherwise a constant. */
function escaping(tape: Tape, y: Tensor): Tensor {
  return tape.level > 0 && !paused ? y : stopGradient(y);
}

/**
 * The reverse sweep: the adjoint of a node is complete when the sweep reaches it, since all its consumers come after it on
 * the tape. It is handed to the node's rule, and what the rule returns is added to the adjoints of the inputs.
 *
 * Rules are written with the same operations: under an outer tape the sweep itself is recorded and can be differentiated.
 *
 * @param dropping whether nodes let go of their arrays once they are swept
 */
function* sweepSteps(
  tape: Tape,
  outputs: readonly Tensor[],
  cotangents: readonly Tensor[],
  dropping: boolean,
): Generator<BackwardStep, Map<TapeNode, Tensor>> {
  const adjoints = new Map<TapeNode, Tensor>();
  const sums = new Set<Tensor>(); // adjoints that nobody else holds: further contributions are added in place
  const within = (x: Tensor) => x.node !== undefined && x.node.tape.level >= tape.level;
  const give = (node: TapeNode, contribution: Tensor) => {
    const before = adjoints.get(node);
    if (!before) adjoints.set(node, contribution);
    else if (sums.has(before)) addInPlace(before.data, contribution.data);
    else {
      const sum = accumulate(before, contribution); // (3)
      if (!isRecording()) sums.add(sum);
      adjoints.set(node, sum);
    }
  };
  outputs.forEach((y, i) => {
    if (within(y)) give(y.node!, cotangents[i]!); // (1)
  });
  for (const [index, node] of tape.nodes.entries()) node.position = index;
  for (let index = tape.nodes.length - 1; index >= 0; index--) {
    const node = tape.nodes[index]!;
    const adjoint = adjoints.get(node);
    if (!adjoint) {
      if (dropping) drop(node);
      continue;
    }
    sums.delete(adjoint); // from here on the rule may hand it to several inputs
    const { op, inputs, rule, output } = node;
    if (versionOf(inputs) + output!.storage.version !== node.version) {
      throw new TypeError(
        `${op}: a tensor of shape ${text(node.shape)} or one of its operands was overwritten before the sweep needed it`,
      );
    }
    const needs = inputs.map(within);
    const contributions = needs.includes(true) ? rule!(adjoint, needs) : []; // (2)
    needs.forEach((needed, i) => {
      if (needed && contributions[i]) give(inputs[i]!.node!, contributions[i]);
    });
    if (op !== "input") adjoints.delete(node);
    const parents = inputs.map((x) => (within(x) ? x.node!.position : -1));
    yield { index, op, parents, value: output!, adjoint, contributions };
    if (dropping) drop(node);
  }
  return adjoints;
}

/** The adjoints of the inputs, each in an array of its own: a caller may clip one without changing another. */
function gradients<T extends Tree>(
  inputs: T,
  watched: readonly Tensor[],
  adjoints: Map<TapeNode, Tensor>,
  cotangents: readonly Tensor[],
): T {
  let next = 0;
  const taken = new Set(cotangents.map(({ data }) => data));
  return mapTree(inputs, (x) => {
    const adjoint = adjoints.get(watched[next++]!.node!) ?? zerosLike(x);
    if (!taken.has(adjoint.data)) {
      taken.add(adjoint.data);
      return adjoint;
    }
    return new Tensor({ data: adjoint.data.slice(), version: 0 }, adjoint.shape, adjoint.node);
  });
}

function toEnd<R>(steps: Generator<unknown, R>): R {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value as R;
  }
}

/** x + y of equal shapes, recorded like any operation. */
function accumulate(x: Tensor, y: Tensor): Tensor {
  const data = x.data.slice();
  addInPlace(data, y.data);
  return record("accumulate", [x, y], new Tensor({ data, version: 0 }, x.shape), (adjoint) => [adjoint, adjoint]);
}

function addInPlace(x: Floats, y: Floats): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
}

function checkFinite(op: string, inputs: readonly Tensor[], output: Tensor): void {
  const { data } = output;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i]!)) continue;
    const from = inputs.map(({ shape }) => text(shape)).join(", ");
    throw new NonFiniteError(
      op,
      `${op}: the output must be finite, got ${data[i]} at ${i} of shape ${text(output.shape)}, from ${from}`,
    );
  }
}

function versionOf(tensors: readonly Tensor[]): number {
  let sum = 0;
  for (const { storage } of tensors) sum += storage.version;
  return sum;
}

/** Demands that x has the shape and the type of y. */
function checkLike(op: string, what: string, x: Tensor | undefined, y: Tensor): void {
  const [got, expected] = [x, y].map((t) => (t ? `${text(t.shape)} ${t.dtype}` : "nothing"));
  if (got !== expected) throw new TypeError(`${op}: ${what} must be ${expected}, got ${got}`);
}

const filled = (like: Floats, length: number, value: number): Floats =>
  (like instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)).fill(value);

const zerosLike = (x: Tensor) => new Tensor({ data: filled(x.data, x.size, 0), version: 0 }, x.shape);
