/** Layer norm and batch norm of a table, forward and backward, against TensorFlow.js' cpu backend and PyTorch. */
import type { Tensor2D } from "@tensorflow/tfjs";
import { bench, contender, library } from "../harness.ts";

const { batchNorm, layerNorm, normBackward } = await library<
  typeof import("../../src/demos/training-fundamentals/batchnorm-vs-layernorm.js")
>("training-fundamentals/batchnorm-vs-layernorm");
const { matrixOver } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");
const { tf } = await loadTensorFlow({ backend: "tfjs" });

const [rows, columns] = [2048, 256];
const { normal } = random(1);
const x = Float64Array.from({ length: rows * columns }, normal);
const dy = Float64Array.from({ length: rows * columns }, normal);
const [xTensor, dyTensor] = [x, dy].map((data) => tf.tensor2d(Float32Array.from(data), [rows, columns])) as [
  Tensor2D,
  Tensor2D,
];

for (const [name, norm, axis] of [
  ["layer norm", layerNorm, 1],
  ["batch norm", batchNorm, 0],
] as const) {
  bench(`${name} of ${rows}×${columns}, gradient of its input`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => normBackward(matrixOver(dy, rows, columns), norm(matrixOver(x, rows, columns)).cache).dx.data,
        answer: (dx) => dx,
      }),
      contender({
        peer: "@tensorflow/tfjs",
        run: () =>
          tf.tidy(() => {
            const f = (a: Tensor2D) => {
              const { mean, variance } = tf.moments(a, axis, true);
              return tf.mul(tf.div(tf.sub(a, mean), tf.sqrt(tf.add(variance, 1e-5))), dyTensor).sum() as never;
            };
            return tf
              .grad(f as never)(xTensor)
              .dataSync();
          }),
        answer: (dx) => dx,
      }),
    ],
    tolerance: 1e-4, // float32 there
    inputs: { x, dy },
  });
}
