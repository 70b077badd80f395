/** Precision and recall at every threshold of a million scores, against scikit-learn. */
import { bench, contender, library } from "../harness.ts";

const { thresholdSweep } = await library<
  typeof import("../../src/demos/ml-systems-and-evaluation/precision-recall-f1.js")
>("ml-systems-and-evaluation/precision-recall-f1");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

for (const levels of [Infinity, 1000]) {
  const { uniform } = random(1);
  const scores = Float64Array.from({ length: 1_000_000 }, () =>
    levels === Infinity ? uniform() : Math.floor(levels * uniform()) / levels,
  );
  const y = Int32Array.from(scores, (score) => (uniform() < score ? 1 : 0));
  bench(`precision and recall, 1,000,000 scores${levels === Infinity ? "" : `, ${levels} of them different`}`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => thresholdSweep(y, scores),
        answer: ({ precision, recall }) => Float64Array.from([...precision, ...recall]),
      }),
    ],
    tolerance: 1e-12,
    inputs: { scores, y },
  });
}
