/** Lloyd's algorithm from one start, to its fixed point: bounds that skip distances against ml-kmeans and scikit-learn. */
import { bench, contender, library, peer } from "../harness.ts";

const { kMeans, nearestCentroid } =
  await library<typeof import("../../src/demos/classical-ml/k-means.js")>("classical-ml/k-means");
const { matrix, matrixOver, rowMajor, toRows } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

interface MlOptions {
  readonly initialization: number[][];
  readonly maxIterations: number;
  readonly tolerance: number;
}
const { kmeans } = await peer<{
  kmeans(rows: number[][], k: number, options: MlOptions): { centroids: number[][] };
}>("ml-kmeans");

const [n, d, k, maxIter] = [20_000, 16, 16, 20];

/** n points around k centres whose coordinates have the given spread, each centre's coordinates one unit apart at random. */
function blobs(spread: number, seed: number) {
  const { normal, integer } = random(seed);
  const centres = Array.from({ length: k }, () => Float64Array.from({ length: d }, () => spread * normal()));
  const data = new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    const centre = centres[integer(k)]!;
    for (let j = 0; j < d; j++) data[i * d + j] = centre[j]! + normal();
  }
  return matrixOver(data, n, d);
}

for (const [name, spread] of [
  ["overlapping blobs", 0.75],
  ["separate blobs", 3],
  ["no clusters at all", 0],
] as const) {
  const x = blobs(spread, 1);
  const rows = toRows(x);
  const start = rows.slice(0, k);
  const init = matrix(start);
  bench(`k-means ${n.toLocaleString("en")}×${d}, k = ${k}, ${maxIter} iterations or to convergence, ${name}`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => kMeans(x, k, { init, nInit: 1, maxIter, tol: 0 }),
        answer: ({ centroids, labels }) => [...rowMajor(centroids), ...labels],
      }),
      contender({
        peer: "ml-kmeans",
        run: () => kmeans(rows, k, { initialization: start, maxIterations: maxIter, tolerance: 0 }),
        // Its own labels are those before the last update, unless it has converged.
        answer: ({ centroids }) => [...centroids.flat(), ...nearestCentroid(x, matrix(centroids))],
      }),
    ],
    tolerance: 1e-12, // of the centroids; a label that differs is off by one at least
    inputs: { x: rowMajor(x), start: rowMajor(init), sizes: Int32Array.of(n, d, k, maxIter) },
  });
}
