/**
 * One convolution as a product over im2col, float64, against conv2d of TensorFlow.js (cpu, WebAssembly, and the C++ of
 * tfjs-node where it is installed), float32, and PyTorch on one thread, float64.
 */
import { bench, contender, library, peer } from "../harness.ts";

type Tf = typeof import("@tensorflow/tfjs");

const { conv2dIm2col } =
  await library<typeof import("../../src/demos/computer-vision/im2col.js")>("computer-vision/im2col");
const { imagesOver } = await library<typeof import("../../src/lib/images.js")>("lib/images");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");

const backends: { name: string; tf: Tf; backend: string }[] = [];
try {
  const { tf } = await loadTensorFlow({ backend: "tfjs-node" });
  backends.push({ name: "@tensorflow/tfjs-node", tf, backend: "tensorflow" });
} catch {
  console.log("tfjs-node is not installed (npm run setup:tensorflow): it is left out.");
}
backends.push({ name: "@tensorflow/tfjs", tf: (await loadTensorFlow({ backend: "tfjs" })).tf, backend: "cpu" });
try {
  const tf = await peer<Tf>("@tensorflow/tfjs-core");
  await peer("@tensorflow/tfjs-backend-wasm");
  await tf.setBackend("wasm");
  await tf.ready();
  backends.push({ name: "@tensorflow/tfjs-backend-wasm", tf, backend: "wasm" });
} catch {
  console.log("tfjs-backend-wasm is not installed in bench/: it is left out.");
}

const { normal } = random(1);
const normals = (count: number) => Float64Array.from({ length: count }, normal);

for (const [title, shape, filters, stride] of [
  ["3×3, 56×56, 64 to 64 channels", [1, 56, 56, 64], [3, 3, 64, 64], 1],
  ["5×5 with stride 2, 32 images of 28×28, 1 to 8 channels", [32, 28, 28, 1], [5, 5, 1, 8], 2],
] as const) {
  const [x, w] = [shape, filters].map((sizes) => normals((sizes as readonly number[]).reduce((a, b) => a * b, 1))) as [
    Float64Array,
    Float64Array,
  ];
  const [images, bank] = [imagesOver(x, shape), imagesOver(w, filters)];
  bench(`convolution ${title}`, {
    contenders: [
      contender({
        peer: "runnable-ml",
        run: () => conv2dIm2col(images, bank, { stride, padding: "same" }),
        answer: ({ data }) => data,
      }),
      ...backends.map(({ name, tf, backend }) => {
        void tf.setBackend(backend);
        const [xs, ws] = [
          tf.tensor4d(Float32Array.from(x), [...shape]),
          tf.tensor4d(Float32Array.from(w), [...filters]),
        ];
        return contender({
          peer: name,
          run: () => {
            void tf.setBackend(backend); // one engine, several backends
            return tf.tidy(() => tf.conv2d(xs, ws, stride, "same").dataSync());
          },
          answer: (y) => y,
        });
      }),
    ],
    tolerance: 1e-4, // float32 there
    inputs: { x, w },
  });
}
