/** Mean cross-entropy of a batch of logits with its gradient, against TensorFlow.js' cpu backend and PyTorch. */
import { bench, contender, library } from "../harness.ts";

const { crossEntropy } = await library<
  typeof import("../../src/demos/training-fundamentals/cross-entropy-and-softmax.js")
>("training-fundamentals/cross-entropy-and-softmax");
const { matrixOver, rowMajor } = await library<typeof import("../../src/lib/matrix.js")>("lib/matrix");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");
const { tf } = await loadTensorFlow({ backend: "tfjs" });

const [n, k] = [1024, 1000];
const { normal, integer } = random(1);
const logits = matrixOver(
  Float64Array.from({ length: n * k }, () => 3 * normal()),
  n,
  k,
);
const labels = Int32Array.from({ length: n }, () => integer(k));

const tensor = tf.tensor2d(Float32Array.from(rowMajor(logits)), [n, k]);
const oneHot = tf.oneHot(tf.tensor1d(labels, "int32"), k).toFloat();
const lossAndGradient = tf.valueAndGrad((z) => tf.losses.softmaxCrossEntropy(oneHot, z).asScalar());

bench("cross-entropy with gradient, 1,024×1,000 logits", {
  contenders: [
    contender({
      peer: "runnable-ml",
      run: () => crossEntropy(logits, labels),
      answer: ({ loss, gradient }) => [loss, ...rowMajor(gradient)],
    }),
    contender({
      peer: "@tensorflow/tfjs",
      run: () =>
        tf.tidy(() => {
          const { value, grad } = lossAndGradient(tensor);
          return { loss: value.dataSync()[0]!, gradient: grad.dataSync() };
        }),
      answer: ({ loss, gradient }) => [loss, ...gradient],
    }),
  ],
  tolerance: 1e-6, // tfjs computes in float32, this project in float64
  inputs: { logits: rowMajor(logits), labels, sizes: Int32Array.of(n, k) },
});
