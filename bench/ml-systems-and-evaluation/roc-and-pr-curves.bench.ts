/** Area under the ROC curve of a million scores, and the curve itself, against scikit-learn. */
import { bench, contender, library } from "../harness.ts";

const { rocAuc, rocCurve } = await library<
  typeof import("../../src/demos/ml-systems-and-evaluation/roc-and-pr-curves.js")
>("ml-systems-and-evaluation/roc-and-pr-curves");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

const { normal, uniform } = random(1);
const y = Int32Array.from({ length: 1_000_000 }, () => (uniform() < 0.1 ? 1 : 0));
const scores = Float64Array.from(y, (label) => Math.round(1e4 * (normal() + 2 * label)) / 1e4);

bench("AUC, 1,000,000 scores", {
  contenders: [contender({ peer: "runnable-ml", run: () => rocAuc(y, scores), answer: (auc) => Float64Array.of(auc) })],
  tolerance: 1e-12,
  inputs: { scores, y },
});
bench("ROC curve, 1,000,000 scores", {
  contenders: [
    contender({
      peer: "runnable-ml",
      run: () => rocCurve(y, scores),
      answer: ({ fpr, tpr }) => Float64Array.from([...fpr, ...tpr]),
    }),
  ],
  tolerance: 1e-12,
  inputs: { scores, y },
});
