/** Ten steps of momentum on a million parameters in float32, against TensorFlow.js' cpu backend and PyTorch. */
import { bench, contender, library } from "../harness.ts";

const { SGD } = await library<typeof import("../../src/demos/training-fundamentals/sgd-with-momentum.js")>(
  "training-fundamentals/sgd-with-momentum",
);
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");
const { tf } = await loadTensorFlow({ backend: "tfjs" });

const [n, steps, lr, momentum] = [1_000_000, 10, 0.01, 0.9];
const { normal } = random(1);
const start = Float32Array.from({ length: n }, normal);
const gradient = Float32Array.from({ length: n }, normal);
const gradientTensor = tf.tensor1d(gradient);

bench("momentum, 10 steps on 1,000,000 parameters", {
  contenders: [
    contender({
      peer: "runnable-ml",
      run: () => {
        const parameters = [start.slice()];
        const optimizer = new SGD({ lr, momentum });
        for (let t = 0; t < steps; t++) optimizer.step(parameters, [gradient]);
        return parameters[0]!;
      },
      answer: (theta) => theta,
    }),
    contender({
      peer: "@tensorflow/tfjs",
      run: () => {
        const theta = tf.variable(tf.tensor1d(start));
        const optimizer = tf.train.momentum(lr, momentum);
        for (let t = 0; t < steps; t++) optimizer.applyGradients([{ name: theta.name, tensor: gradientTensor }]);
        const result = theta.dataSync();
        theta.dispose();
        optimizer.dispose();
        return result;
      },
      answer: (theta) => theta,
    }),
  ],
  tolerance: 1e-6, // float32, rounded once per step here and once per operation there
  inputs: { start: Float64Array.from(start), gradient: Float64Array.from(gradient) },
});
