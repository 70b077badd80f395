/** The product and QR against the linear algebra packages of npm, and NumPy. */
import { bench, contender, library, peer } from "../harness.ts";

const { matmul, qr } = await library<typeof import("../../src/demos/linear-algebra/matrices-as-linear-maps.js")>(
  "linear-algebra/matrices-as-linear-maps",
);
const { matrixOver, rowMajor, toRows } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

interface MlMatrix {
  to1DArray(): number[];
  mmul(other: MlMatrix): MlMatrix;
}
const { Matrix, QrDecomposition } = await peer<{
  Matrix: { from1DArray(m: number, n: number, data: Float64Array): MlMatrix };
  QrDecomposition: new (a: MlMatrix) => { orthogonalMatrix: MlMatrix; upperTriangularMatrix: MlMatrix };
}>("ml-matrix");

interface NumpyArray {
  readonly data: Float64Array;
}
const np = await peer<{
  array(rows: number[][]): NumpyArray;
  matmul(a: NumpyArray, b: NumpyArray): NumpyArray;
  ascontiguousarray(a: NumpyArray): NumpyArray;
  linalg: { qr(a: NumpyArray): { q: NumpyArray; r: NumpyArray } };
}>("numpy-ts");

type Dgemm = (
  ...args: [string, string, string, number, number, number, number, ...(Float64Array | number)[]]
) => Float64Array;
const { default: dgemm } = await peer<{ default: Dgemm }>("@stdlib/blas-base-dgemm");

const { normal } = random(1);
const gaussian = (m: number, n: number) => matrixOver(Float64Array.from({ length: m * n }, normal), m, n);

{
  const n = 512;
  const [a, b] = [gaussian(n, n), gaussian(n, n)];
  const [x, y] = [rowMajor(a), rowMajor(b)];
  const [mlA, mlB] = [Matrix.from1DArray(n, n, x), Matrix.from1DArray(n, n, y)];
  const [npA, npB] = [np.array(toRows(a)), np.array(toRows(b))];
  bench("matmul 512×512 float64", {
    contenders: [
      contender({ peer: "runnable-ml", run: () => matmul(a, b), answer: rowMajor }),
      contender({ peer: "numpy-ts", run: () => np.matmul(npA, npB), answer: (c) => c.data }),
      contender({ peer: "ml-matrix", run: () => mlA.mmul(mlB), answer: (c) => c.to1DArray() }),
      contender({
        peer: "@stdlib/blas-base-dgemm",
        run: () =>
          dgemm("row-major", "no-transpose", "no-transpose", n, n, n, 1, x, n, y, n, 0, new Float64Array(n * n), n),
        answer: (c) => c,
      }),
    ],
    tolerance: 1e-13,
    inputs: { a: x, b: y },
  });
}

{
  const [m, n] = [400, 200];
  const a = gaussian(m, n);
  const mlA = Matrix.from1DArray(m, n, rowMajor(a));
  const npA = np.array(toRows(a));
  // Q and R are unique up to the signs of R's rows: what is compared is |R|.
  const sizes = (r: ArrayLike<number>) => Float64Array.from(r, Math.abs).subarray(0, n * n);
  bench("qr 400×200, Q and R", {
    contenders: [
      contender({ peer: "runnable-ml", run: () => qr(a), answer: ({ r }) => sizes(rowMajor(r)) }),
      contender({
        peer: "ml-matrix",
        run: () => {
          const { orthogonalMatrix, upperTriangularMatrix } = new QrDecomposition(mlA);
          return { q: orthogonalMatrix, r: upperTriangularMatrix };
        },
        answer: ({ r }) => sizes(r.to1DArray()),
      }),
      contender({
        peer: "numpy-ts",
        run: () => np.linalg.qr(npA),
        answer: ({ r }) => sizes(np.ascontiguousarray(r).data),
      }),
    ],
    tolerance: 1e-12,
    inputs: { a: rowMajor(a) },
  });
}
