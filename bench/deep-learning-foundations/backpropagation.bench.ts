/**
 * The engine against TensorFlow.js (cpu, WebAssembly, and the C++ of tfjs-node where it is installed) and jax-js: value and
 * all gradients of attention, of a small convolutional network, of a two-layer transformer. float32 everywhere.
 */
import { bench, type Contender, contender, library, peer } from "../harness.ts";

type Tf = typeof import("@tensorflow/tfjs");
type TfTensor = ReturnType<Tf["tensor"]>;
type Weights = Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

const { conv2d } = await library<typeof import("../../src/autodiff/convolution.js")>("autodiff/convolution");
const { layerNorm } = await library<typeof import("../../src/autodiff/layers.js")>("autodiff/layers");
const ops = await library<typeof import("../../src/autodiff/ops.js")>("autodiff/ops");
const { tensor, valueAndGrad } = await library<
  typeof import("../../src/demos/deep-learning-foundations/backpropagation.js")
>("deep-learning-foundations/backpropagation");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");
const { loadTensorFlow } = await library<typeof import("../../src/tensorflow.js")>("tensorflow");
type Tensor = ReturnType<typeof tensor>;

const backends = new Map<string, { tf: Tf; backend: string }>();
try {
  backends.set("@tensorflow/tfjs-node", {
    tf: (await loadTensorFlow({ backend: "tfjs-node" })).tf,
    backend: "tensorflow",
  });
} catch {
  console.log("tfjs-node is not installed (npm run setup:tensorflow): it is left out.");
}
backends.set("@tensorflow/tfjs", { tf: (await loadTensorFlow({ backend: "tfjs" })).tf, backend: "cpu" });
const core = await peer<Tf>("@tensorflow/tfjs-core");
await peer("@tensorflow/tfjs-backend-wasm");
await core.setBackend("wasm");
await core.ready();
backends.set("@tensorflow/tfjs-backend-wasm", { tf: core, backend: "wasm" });

const draw = random(1);
const normals = (shape: readonly number[], scale: number) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => scale * draw.normal()),
});

interface Result {
  readonly loss: number;
  readonly gradients: readonly Float32Array[];
}
const numbers = ({ loss, gradients }: Result) => [loss, ...gradients.flatMap((g) => Array.from(g))];

function ours(weights: Weights, loss: (p: Record<string, Tensor>) => Tensor): Contender<unknown> {
  const parameters = Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, tensor(w.data, w.shape)]));
  const f = valueAndGrad(loss);
  return contender({
    peer: "runnable-ml",
    run: (): Result => {
      const { value, grads } = f(parameters);
      return { loss: value.item(), gradients: Object.values(grads).map((g) => g.data as Float32Array) };
    },
    answer: numbers,
  });
}

function theirs(
  name: string,
  weights: Weights,
  loss: (tf: Tf, p: Record<string, TfTensor>) => TfTensor,
): Contender<unknown>[] {
  const known = backends.get(name);
  if (!known) return [];
  const { tf, backend } = known;
  void tf.setBackend(backend);
  const names = Object.keys(weights);
  const tensors = names.map((id) => tf.tensor(weights[id]!.data, [...weights[id]!.shape]));
  const f = tf.valueAndGrads((...xs: TfTensor[]) =>
    loss(tf, Object.fromEntries(names.map((id, i) => [id, xs[i]!]))).asScalar(),
  );
  return [
    contender({
      peer: name,
      run: (): Result => {
        void tf.setBackend(backend); // one engine, several backends
        return tf.tidy(() => {
          const { value, grads } = f(tensors);
          return { loss: value.dataSync()[0]!, gradients: grads.map((g: TfTensor) => g.dataSync() as Float32Array) };
        });
      },
      answer: numbers,
    }),
  ];
}

// ---- attention: 8 sequences of 128 tokens, d 64, 4 heads ----

function attention(x: Tensor, p: Record<string, Tensor>, heads: number, mask?: Tensor): Tensor {
  const [b, n, d] = x.shape as [number, number, number];
  const split = (w: Tensor) => ops.transpose(ops.reshape(ops.matmul(x, w), [b, n, heads, d / heads]), [0, 2, 1, 3]);
  const queries = ops.mul(split(p.wq!), 1 / Math.sqrt(d / heads)); // scaled before the product: n·d numbers, not n²
  const scores = ops.matmul(queries, split(p.wk!), { transposeB: true });
  const mixed = ops.matmul(ops.softmax(mask ? ops.add(scores, mask) : scores), split(p.wv!));
  return ops.matmul(ops.reshape(ops.transpose(mixed, [0, 2, 1, 3]), [b, n, d]), p.wo!);
}

function tfAttention(tf: Tf, x: TfTensor, p: Record<string, TfTensor>, heads: number, mask?: TfTensor): TfTensor {
  const [b, n, d] = x.shape as [number, number, number];
  const times = (a: TfTensor, w: TfTensor) => tf.reshape(tf.matMul(tf.reshape(a, [b * n, d]), w), [b, n, d]);
  const split = (w: TfTensor) => tf.transpose(tf.reshape(times(x, w), [b, n, heads, d / heads]), [0, 2, 1, 3]);
  const scores = tf.mul(tf.matMul(split(p.wq!), split(p.wk!), false, true), 1 / Math.sqrt(d / heads));
  const mixed = tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), split(p.wv!));
  return times(tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [b, n, d]), p.wo!);
}

const square4 = (d: number) =>
  Object.fromEntries(["wq", "wk", "wv", "wo"].map((name) => [name, normals([d, d], 0.15)]));
{
  const weights: Weights = { x: normals([8, 128, 64], 1), ...square4(64) };
  const tfLoss = (tf: Tf, p: Record<string, TfTensor>) => tf.mean(tf.square(tfAttention(tf, p.x!, p, 4)));
  bench("attention forward and backward, batch 8, sequence 128, d 64, 4 heads", {
    contenders: [
      ours(weights, (p) => ops.mean(ops.square(attention(p.x!, p, 4)))),
      ...theirs("@tensorflow/tfjs-backend-wasm", weights, tfLoss),
      ...theirs("@tensorflow/tfjs-node", weights, tfLoss),
      ...theirs("@tensorflow/tfjs", weights, tfLoss),
      await jax(weights),
    ],
    tolerance: 1e-4, // sums in other orders, in float32
  });
}

// ---- a convolutional network on 28×28 digits, batch 32 ----
{
  const labels = Int32Array.from({ length: 32 }, (_, i) => i % 10);
  const weights: Weights = {
    w1: normals([5, 5, 1, 8], 0.3),
    w2: normals([3, 3, 8, 16], 0.2),
    w3: normals([3, 3, 16, 16], 0.15),
    dense: normals([144, 10], 0.1),
  };
  const image = normals([32, 28, 28, 1], 1);
  const x = tensor(image.data, image.shape);
  const tfLoss = (tf: Tf, p: Record<string, TfTensor>) => {
    const images = tf.tensor4d(image.data, image.shape as [number, number, number, number]);
    const conv = (h: TfTensor, w: TfTensor, stride: number) =>
      tf.relu(tf.conv2d(h as never, w as never, stride, "valid"));
    const h = conv(conv(conv(images, p.w1!, 2), p.w2!, 2), p.w3!, 1);
    const logits = tf.matMul(tf.reshape(h, [32, 144]), p.dense!);
    return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(labels, "int32"), 10), logits) as TfTensor;
  };
  bench("convolutional network forward and backward, batch 32 of 28×28", {
    contenders: [
      ours(weights, (p) => {
        const h = ops.relu(
          conv2d(ops.relu(conv2d(ops.relu(conv2d(x, p.w1!, { stride: 2 })), p.w2!, { stride: 2 })), p.w3!),
        );
        return ops.crossEntropy(ops.matmul(ops.reshape(h, [32, 144]), p.dense!), labels);
      }),
      ...theirs("@tensorflow/tfjs-node", weights, tfLoss),
      ...theirs("@tensorflow/tfjs", weights, tfLoss), // the WebAssembly backend has no gradients of convolutions
    ],
    tolerance: 1e-4,
  });
}

// ---- a two-layer transformer: batch 16, sequence 64, d 64, 4 heads, 81 characters ----
{
  const [B, T, D, V] = [16, 64, 64, 81];
  const tokens = Int32Array.from({ length: B * T }, () => draw.integer(V));
  const targets = Int32Array.from({ length: B * T }, () => draw.integer(V));
  const masked = Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0));
  const block = (i: number) => ({
    ...Object.fromEntries(Object.entries(square4(D)).map(([name, w]) => [`${name}${i}`, w])),
    [`up${i}`]: normals([D, 4 * D], 0.1),
    [`down${i}`]: normals([4 * D, D], 0.1),
    ...Object.fromEntries(["gain1", "bias1", "gain2", "bias2"].map((name) => [`${name}${i}`, normals([D], 0.5)])),
  });
  const weights: Weights = {
    embedding: normals([V, D], 0.5),
    position: normals([T, D], 0.5),
    ...block(0),
    ...block(1),
    head: normals([D, V], 0.1),
  };
  const of = <X>(p: Record<string, X>, i: number) =>
    Object.fromEntries(
      Object.entries(p).flatMap(([name, w]) => (name.endsWith(String(i)) ? [[name.slice(0, -1), w]] : [])),
    );
  const mask = tensor(masked, [T, T]);
  const tfNorm = (tf: Tf, x: TfTensor, gain: TfTensor, bias: TfTensor) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5))), gain), bias);
  };
  const tfLoss = (tf: Tf, p: Record<string, TfTensor>) => {
    let x: TfTensor = tf.add(tf.reshape(tf.gather(p.embedding!, tf.tensor1d(tokens, "int32")), [B, T, D]), p.position!);
    for (const i of [0, 1]) {
      const q = of(p, i);
      x = tf.add(x, tfAttention(tf, tfNorm(tf, x, q.gain1!, q.bias1!), q, 4, tf.tensor2d(masked, [T, T])));
      const h = tf.matMul(tf.reshape(tfNorm(tf, x, q.gain2!, q.bias2!), [B * T, D]), q.up!);
      const gelu = tf.mul(tf.mul(h, 0.5), tf.add(1, tf.erf(tf.mul(h, Math.SQRT1_2))));
      x = tf.add(x, tf.reshape(tf.matMul(gelu, q.down!), [B, T, D]));
    }
    const logits = tf.matMul(tf.reshape(x, [B * T, D]), p.head!);
    return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d(targets, "int32"), V), logits) as TfTensor;
  };
  bench("two-layer transformer forward and backward, batch 16, sequence 64, d 64, 4 heads", {
    contenders: [
      ours(weights, (p) => {
        let x = ops.add(ops.gather(p.embedding!, tokens, [B, T]), p.position!);
        for (const i of [0, 1]) {
          const q = of(p, i);
          x = ops.add(x, attention(layerNorm(x, { gain: q.gain1!, bias: q.bias1! }), q, 4, mask));
          const h = layerNorm(x, { gain: q.gain2!, bias: q.bias2! });
          x = ops.add(x, ops.matmul(ops.gelu(ops.matmul(h, q.up!)), q.down!));
        }
        return ops.crossEntropy(ops.matmul(x, p.head!), targets);
      }),
      ...theirs("@tensorflow/tfjs-node", weights, tfLoss),
      ...theirs("@tensorflow/tfjs", weights, tfLoss),
    ],
    tolerance: 1e-3,
  });
}

/** The same attention in jax-js, compiled, on its WebAssembly backend. */
async function jax(weights: Weights): Promise<Contender<unknown>> {
  const { init, defaultDevice, jit, nn, numpy: np, valueAndGrad: withGrad } = await peer<JaxJs>("@jax-js/jax");
  await init("wasm");
  defaultDevice("wasm");
  const names = Object.keys(weights);
  const loss = (p: readonly JaxArray[]) => {
    const [x, wq, wk, wv, wo] = p as [JaxArray, JaxArray, JaxArray, JaxArray, JaxArray];
    const split = (w: JaxArray) => np.transpose(np.matmul(x.ref, w).reshape([8, 128, 4, 16]), [0, 2, 1, 3]);
    const scores = np.matmul(split(wq), np.transpose(split(wk), [0, 1, 3, 2])).mul(0.25);
    const mixed = np.transpose(np.matmul(nn.softmax(scores, -1), split(wv)), [0, 2, 1, 3]).reshape([8, 128, 64]);
    x.dispose();
    const y = np.matmul(mixed, wo);
    return np.mean(y.ref.mul(y));
  };
  const f = jit(withGrad(loss));
  const arrays = names.map((name) => np.array(weights[name]!.data, { shape: [...weights[name]!.shape] }));
  return contender({
    peer: "@jax-js/jax",
    run: (): Result => {
      const [value, grads] = f(arrays.map((a) => a.ref));
      return { loss: value.dataSync()[0]!, gradients: grads.map((g) => g.dataSync() as Float32Array) };
    },
    answer: numbers,
  });
}

/** What is used of jax-js. */
interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  dispose(): void;
  dataSync(): ArrayLike<number>;
}
interface JaxJs {
  init(device: string): Promise<unknown>;
  defaultDevice(device: string): void;
  jit<F>(f: F): F;
  valueAndGrad(f: (p: readonly JaxArray[]) => JaxArray): (p: readonly JaxArray[]) => [JaxArray, JaxArray[]];
  readonly nn: { softmax(x: JaxArray, axis: number): JaxArray };
  readonly numpy: {
    array(data: Float32Array, options: { shape: number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    transpose(a: JaxArray, order: readonly number[]): JaxArray;
    mean(a: JaxArray): JaxArray;
  };
}
