/** Classification trees of depth 10: orders sorted once and divided, against scikit-learn, which sorts in every node. */
import { bench, contender, library } from "../harness.ts";

const { decisionTreeClassifier } =
  await library<typeof import("../../src/demos/classical-ml/decision-trees.js")>("classical-ml/decision-trees");
const { matrixOver, rowMajor } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

const [n, d, maxDepth] = [2000, 20, 10];
const { normal } = random(1);
// Numbers that scikit-learn, which keeps them in float32, does not round.
const x = matrixOver(
  Float64Array.from({ length: n * d }, () => Math.fround(normal())),
  n,
  d,
);
const y = Int32Array.from({ length: n }, (_, i) => (x.get(i, 0) + x.get(i, 1) * x.get(i, 2) + normal() > 0 ? 1 : 0));

for (const criterion of ["gini", "entropy"] as const) {
  bench(`decision tree ${n.toLocaleString("en")}×${d}, depth ${maxDepth}, ${criterion}`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => decisionTreeClassifier(x, y, { criterion, maxDepth }),
        // The root and its children: further down, equal gains are split differently.
        answer: ({ childrenLeft, childrenRight, threshold, impurity, nNodeSamples }) =>
          [0, childrenLeft[0]!, childrenRight[0]!].flatMap((t) => [threshold[t]!, impurity[t]!, nNodeSamples[t]!]),
      }),
    ],
    tolerance: 1e-9,
    inputs: { x: rowMajor(x), y, sizes: Int32Array.of(n, d, maxDepth) },
  });
}
