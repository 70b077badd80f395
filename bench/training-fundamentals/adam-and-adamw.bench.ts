/** Ten steps of Adam on a million parameters in float32, against TensorFlow.js' cpu backend and PyTorch. */
import { bench, contender, library } from "../harness.ts";

const { AdamW } = await library<typeof import("../../src/demos/training-fundamentals/adam-and-adamw.js")>(
  "training-fundamentals/adam-and-adamw",
);
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");
const { tf } = await loadTensorFlow({ backend: "tfjs" });

const [n, steps, lr, eps] = [1_000_000, 10, 0.01, 1e-7];
const { normal } = random(1);
const start = Float32Array.from({ length: n }, normal);
const gradient = Float32Array.from({ length: n }, normal);
const gradientTensor = tf.tensor1d(gradient);

bench("Adam, 10 steps on 1,000,000 parameters", {
  contenders: [
    contender({
      peer: "runnable-ml",
      run: () => {
        const parameters = [start.slice()];
        const optimizer = new AdamW({ lr, eps, weightDecay: 0 });
        for (let t = 0; t < steps; t++) optimizer.step(parameters, [gradient]);
        return parameters[0]!;
      },
      answer: (theta) => theta,
    }),
    contender({
      peer: "@tensorflow/tfjs",
      run: () => {
        const theta = tf.variable(tf.tensor1d(start));
        const optimizer = tf.train.adam(lr, 0.9, 0.999, eps);
        for (let t = 0; t < steps; t++) optimizer.applyGradients([{ name: theta.name, tensor: gradientTensor }]);
        const result = theta.dataSync();
        theta.dispose();
        optimizer.dispose();
        return result;
      },
      answer: (theta) => theta,
    }),
  ],
  tolerance: 1e-5, // float32, rounded once per step here and once per operation there
  inputs: { start: Float64Array.from(start), gradient: Float64Array.from(gradient) },
});
