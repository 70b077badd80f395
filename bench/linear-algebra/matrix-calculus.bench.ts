/** A Jacobian and a Hessian against jax-js (compiled, WebAssembly, float32), and PyTorch in float64. */
import { bench, contender, library, peer } from "../harness.ts";

const { hessian, jacobian } = await library<typeof import("../../src/demos/linear-algebra/matrix-calculus.js")>(
  "linear-algebra/matrix-calculus",
);
type Program = import("../../src/demos/linear-algebra/matrix-calculus.js").Program;
const { matrixOver, rowMajor } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

/** What is used of jax-js; an array is used up by the function that it is handed to, unless by its `ref`. */
interface JaxArray {
  readonly ref: JaxArray;
  mul(other: JaxArray | number): JaxArray;
  add(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  dataSync(): ArrayLike<number>;
}
interface JaxJs {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
  jit<F>(f: F): F;
  jacfwd(f: (x: JaxArray) => JaxArray): (x: JaxArray) => JaxArray;
  hessian(f: (x: JaxArray) => JaxArray): (x: JaxArray) => JaxArray;
  readonly numpy: {
    array(data: Float32Array, options: { shape: number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    tanh(x: JaxArray): JaxArray;
    sum(x: JaxArray): JaxArray;
    exp(x: JaxArray): JaxArray;
    log(x: JaxArray): JaxArray;
  };
}
const { init, defaultDevice, jit, jacfwd, hessian: hessianOf, numpy: np } = await peer<JaxJs>("@jax-js/jax");
await init("wasm");
defaultDevice("wasm");

const { normal } = random(1);
const normals = (length: number, scale: number) => Float64Array.from({ length }, () => scale * normal());
const jax = (data: Float64Array, shape: number[]) => np.array(Float32Array.from(data), { shape });

/** The same derivative by this project and by jax-js, whose matrix has the inputs in its rows. */
function compare(
  title: string,
  ours: () => Float64Array,
  theirs: (x: JaxArray) => JaxArray,
  x: Float64Array,
  inputs: Record<string, Float64Array>,
) {
  const compiled = jit(theirs);
  const at = jax(x, [x.length]);
  const n = x.length;
  const columnsFirst = (j: ArrayLike<number>) =>
    Float64Array.from(j, (_, k) => j[(k % n) * (j.length / n) + Math.floor(k / n)]!);
  bench(title, {
    contenders: [
      contender({ peer: "runnable-ml", run: ours, answer: (result) => result }),
      contender({ peer: "@jax-js/jax", run: () => compiled(at.ref).dataSync(), answer: columnsFirst }),
    ],
    tolerance: 1e-4, // float32 there
    inputs: { x, ...inputs },
  });
}

{
  const [n, hidden, m] = [64, 128, 48];
  const [a, b, x] = [normals(hidden * n, 0.1), normals(m * hidden, 0.1), normals(n, 1)];
  const [A, B] = [matrixOver(a, hidden, n), matrixOver(b, m, hidden)];
  const f: Program = (x, { matmul, tanh }) => matmul(B, tanh(matmul(A, x)));
  const [p, q] = [jax(a, [hidden, n]), jax(b, [m, hidden])];
  compare(
    "Jacobian of a network 64 → 128 → 48",
    () => rowMajor(jacobian(f, x)),
    jacfwd((x) => np.matmul(q.ref, np.tanh(np.matmul(p.ref, x.reshape([n, 1])))).reshape([m])),
    x,
    { a, b },
  );
}

{
  const [n, d] = [569, 31];
  const [z, x] = [normals(n * d, 1), normals(d, 0.3)];
  const Z = matrixOver(z, n, d);
  const f: Program = (w, { sum, softplus, matmul, square, add, mul }) =>
    add(sum(softplus(matmul(Z, w))), mul(0.5, sum(square(w))));
  const p = jax(z, [n, d]);
  compare(
    "Hessian of a logistic loss, 569 samples, 31 weights",
    () => rowMajor(hessian(f, x)),
    hessianOf((w) =>
      np.sum(np.log(np.exp(np.matmul(p.ref, w.ref.reshape([d, 1]))).add(1))).add(np.sum(w.ref.mul(w)).mul(0.5)),
    ),
    x,
    { z },
  );
}
