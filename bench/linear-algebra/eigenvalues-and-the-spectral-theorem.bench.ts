/** The symmetric eigen-decomposition against that of ml-matrix, and NumPy. */
import { bench, contender, library, peer } from "../harness.ts";

const { eigSymmetric } = await library<
  typeof import("../../src/demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js")
>("linear-algebra/eigenvalues-and-the-spectral-theorem");
const { matrixOver, rowMajor } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

interface MlMatrix {
  to1DArray(): number[];
}
const { Matrix, EigenvalueDecomposition } = await peer<{
  Matrix: { from1DArray(m: number, n: number, data: Float64Array): MlMatrix };
  EigenvalueDecomposition: new (
    a: MlMatrix,
    options: { assumeSymmetric: boolean },
  ) => { realEigenvalues: number[]; eigenvectorMatrix: MlMatrix };
}>("ml-matrix");

for (const n of [50, 200]) {
  const { normal } = random(n);
  const x = matrixOver(Float64Array.from({ length: n * n }, normal), n, n);
  const a = matrixOver(
    Float64Array.from(
      { length: n * n },
      (_, at) => x.get(Math.floor(at / n), at % n) + x.get(at % n, Math.floor(at / n)),
    ),
    n,
    n,
  );
  const mlA = Matrix.from1DArray(n, n, rowMajor(a));

  /** Eigenvalues in rising order, then Q·diag(λ)·Qᵀ, which has no signs to choose; q row-major. */
  const answer = (values: ArrayLike<number>, q: ArrayLike<number>) => {
    const product = Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let r = 0; r < n; r++) sum += q[i * n + r]! * values[r]! * q[j * n + r]!;
      return sum;
    });
    return Float64Array.of(...Float64Array.from(values).sort(), ...product);
  };

  bench(`symmetric eigen-decomposition ${n}×${n}, with vectors`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => eigSymmetric(a),
        answer: ({ values, vectors }) => answer(values, vectors.data),
      }),
      contender({
        peer: "ml-matrix",
        run: () => {
          const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(mlA, { assumeSymmetric: true });
          return { realEigenvalues, eigenvectorMatrix };
        },
        answer: ({ realEigenvalues, eigenvectorMatrix }) => answer(realEigenvalues, eigenvectorMatrix.to1DArray()),
      }),
    ],
    tolerance: 1e-12,
    inputs: { a: rowMajor(a), shape: Int32Array.of(n, n) },
  });
}
