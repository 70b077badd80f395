/** The thin SVD against the SVDs of npm, and NumPy. */
import { bench, contender, library, peer } from "../harness.ts";

const { svd } =
  await library<typeof import("../../src/demos/linear-algebra/svd-and-pca.js")>("linear-algebra/svd-and-pca");
const { matrixOver, rowMajor, toRows } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

interface MlMatrix {
  to1DArray(): number[];
}
const { Matrix, SingularValueDecomposition } = await peer<{
  Matrix: { from1DArray(m: number, n: number, data: Float64Array): MlMatrix };
  SingularValueDecomposition: new (
    a: MlMatrix,
  ) => {
    diagonal: number[];
    leftSingularVectors: MlMatrix;
    rightSingularVectors: MlMatrix;
  };
}>("ml-matrix");
const { SVD } = await peer<{ SVD: (rows: number[][]) => { q: number[]; u: number[][]; v: number[][] } }>("svd-js");
interface NumpyArray {
  readonly data: Float64Array;
}
const np = await peer<{
  array(rows: number[][]): NumpyArray;
  ascontiguousarray(a: NumpyArray): NumpyArray;
  linalg: { svd(a: NumpyArray, fullMatrices: boolean): { u: NumpyArray; s: NumpyArray; vt: NumpyArray } };
}>("numpy-ts");

for (const [m, n] of [
  [500, 100],
  [200, 200],
] as const) {
  const { normal } = random(m);
  const a = matrixOver(Float64Array.from({ length: m * n }, normal), m, n);
  const rows = toRows(a);
  const mlA = Matrix.from1DArray(m, n, rowMajor(a));
  const npA = np.array(rows);

  /** Singular values in falling order, then U·diag(s)·Vᵀ, which has no signs to choose. */
  const answer = (s: ArrayLike<number>, u: (i: number, r: number) => number, v: (j: number, r: number) => number) => {
    const numbers = Float64Array.from(s).sort().reverse();
    const product = Float64Array.from({ length: m * n }, (_, at) => {
      let sum = 0;
      for (let r = 0; r < n; r++) sum += u(Math.floor(at / n), r) * s[r]! * v(at % n, r);
      return sum;
    });
    return Float64Array.of(...numbers, ...product);
  };

  bench(`svd ${m}×${n}, thin, with vectors`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => svd(a),
        answer: ({ u, s, vt }) =>
          answer(
            s,
            (i, r) => u.get(i, r),
            (j, r) => vt.get(r, j),
          ),
      }),
      contender({
        peer: "ml-matrix",
        run: () => {
          const { diagonal, leftSingularVectors, rightSingularVectors } = new SingularValueDecomposition(mlA);
          return { diagonal, leftSingularVectors, rightSingularVectors };
        },
        answer: ({ diagonal, leftSingularVectors, rightSingularVectors }) => {
          const [u, v] = [leftSingularVectors.to1DArray(), rightSingularVectors.to1DArray()];
          return answer(
            diagonal,
            (i, r) => u[i * n + r]!,
            (j, r) => v[j * n + r]!,
          );
        },
      }),
      contender({
        peer: "svd-js",
        run: () => SVD(rows),
        answer: ({ q, u, v }) =>
          answer(
            q,
            (i, r) => u[i]![r]!,
            (j, r) => v[j]![r]!,
          ),
      }),
      contender({
        peer: "numpy-ts",
        run: () => np.linalg.svd(npA, false),
        answer: ({ u, s, vt }) => {
          const [left, right] = [np.ascontiguousarray(u).data, np.ascontiguousarray(vt).data];
          const leftColumns = left.length / m;
          return answer(
            s.data,
            (i, r) => left[i * leftColumns + r]!,
            (j, r) => right[r * n + j]!,
          );
        },
      }),
    ],
    tolerance: 1e-12,
    inputs: { a: rowMajor(a), shape: Int32Array.of(m, n) },
  });
}
