/**
 * Training the note's network, and one layer with its gradients, against TensorFlow.js (the C++ of tfjs-node where it is
 * installed, and the cpu backend) and PyTorch. float32 everywhere.
 */
import type { Tensor, Tensor4D } from "@tensorflow/tfjs";
import { bench, type Contender, contender, library } from "../harness.ts";

type Tf = typeof import("@tensorflow/tfjs");

const { conv2d } = await library<typeof import("../../src/autodiff/convolution.js")>("autodiff/convolution");
const { mul, sum } = await library<typeof import("../../src/autodiff/ops.js")>("autodiff/ops");
const { DIGITS_CNN, initCnn, trainCnnSteps } = await library<
  typeof import("../../src/demos/computer-vision/convolutional-networks.js")
>("computer-vision/convolutional-networks");
const { tensor, valueAndGrad } = await library<
  typeof import("../../src/demos/deep-learning-foundations/backpropagation.js")
>("deep-learning-foundations/backpropagation");
const { loadMnist } = await library<typeof import("../../src/lib/mnist.js")>("lib/mnist");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");

const backends: { readonly name: string; readonly backend: string; readonly tf: Tf }[] = [];
try {
  const { tf } = await loadTensorFlow({ backend: "tfjs-node" });
  backends.push({ name: "@tensorflow/tfjs-node", backend: "tensorflow", tf });
} catch {
  console.log("tfjs-node is not installed (npm run setup:tensorflow): it is left out.");
}
backends.push({ name: "@tensorflow/tfjs", backend: "cpu", tf: (await loadTensorFlow({ backend: "tfjs" })).tf });

/** The same work in TensorFlow.js, on each of its backends. */
const theirs = (run: (tf: Tf) => ArrayLike<number>): Contender<unknown>[] =>
  backends.map(({ name, backend, tf }) =>
    contender({
      peer: name,
      run: () => {
        void tf.setBackend(backend); // one engine, several backends
        let numbers: ArrayLike<number> = [];
        tf.tidy(() => {
          numbers = run(tf);
        });
        return numbers;
      },
      answer: (numbers) => numbers,
    }),
  );

// ---- three steps of Adam on 32 digits ----
{
  const data = loadMnist("train", 32);
  const { convolutions, dense } = initCnn(DIGITS_CNN, [28, 28, 1]).parameters;
  const initial = [...convolutions, ...dense].flatMap(({ weight, bias }) => [weight, bias]);
  bench("three steps of Adam, the digits' network, batch 32 of 28×28", {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => Float64Array.from(trainCnnSteps({ data, epochs: 3 }), ({ loss }) => loss),
        answer: (losses) => losses,
      }),
      ...theirs((tf) => {
        const variables = initial.map(({ data: numbers, shape }) =>
          tf.variable(tf.tensor(Float32Array.from(numbers), [...shape])),
        );
        const [w1, b1, w2, b2, w3, b3, w4, b4] = variables as Tensor[] as [
          Tensor4D,
          Tensor,
          Tensor4D,
          Tensor,
          Tensor4D,
          Tensor,
          Tensor,
          Tensor,
        ];
        const x = tf.tensor4d(data.images, [32, 28, 28, 1]);
        const labels = tf.oneHot(tf.tensor1d(data.labels, "int32"), 10);
        const loss = () => {
          const conv = (h: Tensor, w: Tensor4D, b: Tensor, stride: number) => {
            const reach = (w.shape[0] - 1) / 2;
            const padded = tf.pad(h, [[0, 0], [reach, reach], [reach, reach], [0, 0]]); // biome-ignore format: four axes
            return tf.relu(tf.add(tf.conv2d(padded as Tensor4D, w, stride, "valid"), b));
          };
          const h = conv(conv(conv(x, w1, b1, 2), w2, b2, 2), w3, b3, 1);
          const scores = tf.add(tf.matMul(h.reshape([32, 784]), w4 as never), b4);
          return tf.losses.softmaxCrossEntropy(labels, scores).asScalar();
        };
        const adam = tf.train.adam(0.003, 0.9, 0.999, 1e-8);
        const losses = Array.from({ length: 3 }, () => adam.minimize(loss, true, variables)!.dataSync()[0]!);
        adam.dispose();
        for (const variable of variables) variable.dispose();
        return losses;
      }),
    ],
    tolerance: 1e-3, // sums in other orders, over three steps
    inputs: {
      images: Float64Array.from(data.images),
      labels: data.labels,
      weights: Float64Array.from(initial.flatMap(({ data: numbers }) => Array.from(numbers))),
    },
  });
}

// ---- one layer ----
{
  const draw = random(1);
  const normals = (length: number) => Float32Array.from({ length }, () => draw.normal());
  const [xShape, wShape, yShape] = [
    [2, 28, 28, 32],
    [3, 3, 32, 64],
    [2, 28, 28, 64],
  ] as const;
  const [x, w, dy] = [xShape, wShape, yShape].map((shape) => normals(shape.reduce((a: number, b) => a * b, 1))) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const weights = tensor(dy, yShape);
  const f = valueAndGrad(({ image, filter }: { image: ReturnType<typeof tensor>; filter: ReturnType<typeof tensor> }) =>
    sum(mul(conv2d(image, filter, { padding: 1 }), weights)),
  );
  const leaves = { image: tensor(x, xShape), filter: tensor(w, wShape) };
  bench("3×3 convolution of 2×28×28×32 to 64 channels, both gradients", {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => f(leaves).grads,
        answer: ({ image, filter }) => [...image.data, ...filter.data],
      }),
      ...theirs((tf) => {
        const g = tf.grads((image, filter) =>
          tf.mul(tf.conv2d(image as Tensor4D, filter as Tensor4D, 1, "same"), tf.tensor4d(dy, [...yShape])).sum(),
        );
        return g([tf.tensor4d(x, [...xShape]), tf.tensor4d(w, [...wShape])]).flatMap((t) => [...t.dataSync()]);
      }),
    ],
    tolerance: 1e-4,
    inputs: { x: Float64Array.from(x), w: Float64Array.from(w), dy: Float64Array.from(dy) },
  });
}
