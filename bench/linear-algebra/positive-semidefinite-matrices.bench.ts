/** Cholesky's factorisation against those of npm, and NumPy. */
import { bench, contender, library, peer } from "../harness.ts";

const { cholesky, covarianceMatrix } = await library<
  typeof import("../../src/demos/linear-algebra/positive-semidefinite-matrices.js")
>("linear-algebra/positive-semidefinite-matrices");
const { matrixOver, rowMajor, toRows } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

interface MlMatrix {
  to1DArray(): number[];
}
const { Matrix, CholeskyDecomposition } = await peer<{
  Matrix: { from1DArray(m: number, n: number, data: Float64Array): MlMatrix };
  CholeskyDecomposition: new (a: MlMatrix) => { lowerTriangularMatrix: MlMatrix };
}>("ml-matrix");
interface NumpyArray {
  readonly data: Float64Array;
}
const np = await peer<{
  array(rows: number[][]): NumpyArray;
  ascontiguousarray(a: NumpyArray): NumpyArray;
  linalg: { cholesky(a: NumpyArray): NumpyArray };
}>("numpy-ts");

for (const n of [100, 400]) {
  const { normal } = random(n);
  const a = covarianceMatrix(matrixOver(Float64Array.from({ length: 2 * n * n }, normal), 2 * n, n));
  const mlA = Matrix.from1DArray(n, n, rowMajor(a));
  const npA = np.array(toRows(a));
  bench(`Cholesky ${n}×${n}`, {
    contenders: [
      contender({ peer: "runnable-ml", run: () => cholesky(a), answer: (l) => l.data }),
      contender({
        peer: "ml-matrix",
        run: () => new CholeskyDecomposition(mlA).lowerTriangularMatrix,
        answer: (l) => l.to1DArray(),
      }),
      contender({
        peer: "numpy-ts",
        run: () => np.linalg.cholesky(npA),
        answer: (l) => np.ascontiguousarray(l).data,
      }),
    ],
    tolerance: 1e-13,
    inputs: { a: rowMajor(a), shape: Int32Array.of(n, n) },
  });
}
