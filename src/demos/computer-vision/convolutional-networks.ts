/**
 * Convolutional networks: one small filter at every position, so that weights are shared, each output sees a window, and a
 * shifted input gives a shifted output. The definitions as loops, classical filters, receptive fields, costs, and a network
 * trained on handwritten digits.
 *
 * Follows LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
 * https://doi.org/10.1109/5.726791
 * Follows Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", 2019.
 * https://doi.org/10.23915/distill.00021
 * Follows Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", 2016.
 * https://arxiv.org/abs/1701.04128
 * But:
 * - The loops are the definition and slow; what trains is the autodiff engine's product over im2col.
 * - The network has ReLU and softmax cross-entropy, not the tanh, the sparse connections and the radial basis outputs of 1998.
 * - Stride, dilation and padding are the same along both axes.
 */
import { conv2d, maxPool2d } from "../../autodiff/convolution.js";
import { full, type Linear, linear, normal } from "../../autodiff/layers.js";
import { add, crossEntropy, max, relu, reshape } from "../../autodiff/ops.js";
import { batches, trainSteps } from "../../autodiff/train.js";
import { checkChoice, checkInteger, checkNumber, checkVector } from "../../lib/check.js";
import { contiguous, type Images, images, imagesOver } from "../../lib/images.js";
import { type Matrix, matrixOver } from "../../lib/matrix.js";
import { type Random, random } from "../../lib/random.js";
import { noGrad, Tensor, tensor } from "../deep-learning-foundations/backpropagation.js";
import { AdamW } from "../training-fundamentals/adam-and-adamw.js";
import { type ConvGeometry, convGeometry } from "./im2col.js";

/** How a filter moves over an image. */
export interface ConvOptions {
  /** distance of neighbouring windows, default 1 */
  readonly stride?: number;
  /**
   * zeros around the image, default 0; 'same' pads to ⌈size/stride⌉ outputs, the odd zero below and to the right; 'circular'
   * gives as many, but the image goes on at its opposite side
   */
  readonly padding?: number | "same" | "circular";
  /** distance of neighbouring pixels within a window, default 1 */
  readonly dilation?: number;
  /** the g-th part of the filters sees the g-th part of the channels, default 1 */
  readonly groups?: number;
}

/**
 * The convolution of deep learning by its definition (1): a cross-correlation, the filter is not turned.
 *
 * @param x N×H×W×C
 * @param w kh×kw×(C/groups)×F
 * @returns N×H'×W'×F
 * @throws RangeError if the shapes do not fit, an option is out of range, the window is larger than the padded image, or with
 * 'circular' larger than the image
 * @throws TypeError if x or w is not a rank-4 array of float64
 * @example
 * const x = images([1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
 * conv2dDirect(x, images([2, 2, 1, 1], [1, 0, 0, -1])).data // [-4, -4, -4, -4]
 */
export function conv2dDirect(x: Images, w: Images, options: ConvOptions = {}): Images {
  if (options.padding === "circular") return conv2dDirect(wrap(x, w, options), w, { ...options, padding: 0 });
  const { geometry, channels, filters, groups } = fit("conv2dDirect", x, w, options);
  const { batch, outHeight, outWidth } = geometry;
  const [image, weights] = [contiguous(x), contiguous(w)];
  const y = new Float64Array(batch * outHeight * outWidth * filters);
  eachTap(geometry, (input, output, tap) => {
    for (let f = 0; f < filters; f++) {
      const from = input * channels * groups + Math.floor(f / (filters / groups)) * channels; // the channels of f's group
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += image[from + c]! * weights[(tap * channels + c) * filters + f]!;
      y[output * filters + f]! += sum; // (1)
    }
  });
  return imagesOver(y, [batch, outHeight, outWidth, filters]);
}

/**
 * The transposed convolution by its definition (2): every output of `conv2dDirect` hands what it holds back to the pixels of
 * its window. The adjoint of that convolution, not its inverse.
 *
 * @param y N×H'×W'×F
 * @param w kh×kw×(C/groups)×F, as for the convolution whose adjoint this is
 * @param options of that convolution, without 'circular'; `size` is the height and width of the result, default the smallest
 * that the convolution takes to H'×W'
 * @returns N×H×W×C
 * @throws RangeError if the shapes do not fit, or 'same' has no size
 * @example
 * const w = images([2, 2, 1, 1], [1, 2, 3, 4]);
 * convTranspose2dDirect(images([1, 1, 2, 1], [1, 10]), w).data // [1, 12, 20, 3, 34, 40]
 */
export function convTranspose2dDirect(y: Images, w: Images, options: TransposeOptions = {}): Images {
  const { stride = 1, padding = 0, dilation = 1, groups: parts = 1, size } = options;
  checkImages("convTranspose2dDirect", "y", y);
  checkImages("convTranspose2dDirect", "w", w);
  if (padding === "same" && !size) {
    throw new RangeError("convTranspose2dDirect: padding 'same' needs a size, got none");
  }
  const border = padding === "same" ? 0 : 2 * padding;
  const along = (axis: 0 | 1) => (y.shape[axis + 1]! - 1) * stride + dilation * (w.shape[axis]! - 1) + 1 - border;
  const [height, width] = size ?? [along(0), along(1)];
  const shape = [y.shape[0]!, height, width, w.shape[2]! * parts];
  const x = imagesOver(new Float64Array(shape.reduce((product, n) => product * n, 1)), shape);
  const { geometry, channels, filters, groups } = fit("convTranspose2dDirect", x, w, options);
  const { outHeight, outWidth } = geometry;
  if ([outHeight, outWidth, filters].join() !== y.shape.slice(1).join()) {
    throw new RangeError(
      `convTranspose2dDirect: a convolution with filters ${w.shape.join("×")} of images ${height}×${width} gives ` +
        `${outHeight}×${outWidth}×${filters}, got ${y.shape.slice(1).join("×")}`,
    );
  }
  const [slopes, weights] = [contiguous(y), contiguous(w)];
  eachTap(geometry, (input, output, tap) => {
    for (let f = 0; f < filters; f++) {
      const to = input * channels * groups + Math.floor(f / (filters / groups)) * channels;
      const slope = slopes[output * filters + f]!;
      for (let c = 0; c < channels; c++) x.data[to + c]! += weights[(tap * channels + c) * filters + f]! * slope; // (2)
    }
  });
  return x;
}

/** Options of `convTranspose2dDirect`. */
export interface TransposeOptions extends Omit<ConvOptions, "padding"> {
  readonly padding?: number | "same";
  readonly size?: readonly [height: number, width: number];
}

/** Options of pooling. */
export interface PoolOptions {
  /** default: the size of the window, so that windows do not overlap */
  readonly stride?: number;
  /** default 0 */
  readonly padding?: number | "same";
}

/**
 * The largest entry of each window and channel. Padding does not compete.
 *
 * @param x N×H×W×C
 * @param kernel height and width of the window
 * @throws RangeError if the window is larger than the padded image, or a whole window lies in the padding
 * @example
 * maxPool2dDirect(images([1, 2, 4, 1], [1, 2, 3, 4, 8, 7, 6, 5]), 2).data // [8, 6]
 */
export function maxPool2dDirect(x: Images, kernel: number, options: PoolOptions = {}): Images {
  return pool("maxPool2dDirect", x, kernel, options, (y) => {
    y.fill(-Infinity);
    return (value, at) => {
      if (!(value <= y[at]!)) y[at] = value;
    };
  });
}

/**
 * The mean of each window and channel, over its pixels within the image.
 *
 * @throws as `maxPool2dDirect`
 * @example
 * avgPool2dDirect(images([1, 2, 4, 1], [1, 2, 3, 4, 8, 7, 6, 5]), 2).data // [4.5, 4.5]
 */
export function avgPool2dDirect(x: Images, kernel: number, options: PoolOptions = {}): Images {
  return pool("avgPool2dDirect", x, kernel, options, (y) => (value, at, members) => {
    y[at]! += value / members;
  });
}

/** One position of a filter. */
export interface ConvStep {
  /** row and column of the output */
  readonly row: number;
  readonly column: number;
  /** pixels under the filter, kh·kw·C numbers, 0 where it reaches over the border */
  readonly window: Float64Array;
  /** each times its weight */
  readonly products: Float64Array;
  /** their sum: the output */
  readonly sum: number;
}

/**
 * The convolution of one image with one filter, position by position.
 *
 * @param image 1×H×W×C
 * @param kernel kh×kw×C×1
 * @throws as `conv2dDirect`
 * @example
 * const steps = convSteps(images([1, 2, 3, 1], [1, 2, 3, 4, 5, 6]), images([2, 2, 1, 1], [1, 0, 0, -1]));
 * [...steps].map(({ sum }) => sum) // [-4, -4]
 */
export function* convSteps(
  image: Images,
  kernel: Images,
  options: Omit<ConvOptions, "groups"> = {},
): Generator<ConvStep, void> {
  const { padding = 0, ...placing } = options;
  const [x, zeros] = padding === "circular" ? [wrap(image, kernel, options), 0] : [image, padding];
  const { geometry, channels, filters } = fit("convSteps", x, kernel, { ...placing, padding: zeros });
  if (x.shape[0] !== 1 || filters !== 1) {
    throw new RangeError(`convSteps: there must be one image and one filter, got ${x.shape[0]} and ${filters}`);
  }
  const [pixels, weights] = [contiguous(x), contiguous(kernel)];
  const windows = Array.from(
    { length: geometry.outHeight * geometry.outWidth },
    () => new Float64Array(weights.length),
  );
  eachTap(geometry, (input, output, tap) => {
    windows[output]!.set(pixels.subarray(input * channels, (input + 1) * channels), tap * channels);
  });
  for (const [at, window] of windows.entries()) {
    const products = window.map((pixel, t) => pixel * weights[t]!);
    const sum = products.reduce((total, product) => total + product, 0);
    yield { row: Math.floor(at / geometry.outWidth), column: at % geometry.outWidth, window, products, sum };
  }
}

/**
 * Classical filters for images of one channel, each k×k×1×1 and fresh.
 *
 * @example
 * filters.box(2).data // [0.25, 0.25, 0.25, 0.25]
 */
export const filters = {
  /** slope to the right, smoothed downwards: 8 times the slope of a ramp */
  sobelX: () => square([-1, 0, 1, -2, 0, 2, -1, 0, 1]),
  /** slope downwards, smoothed to the right */
  sobelY: () => square([-1, -2, -1, 0, 0, 0, 1, 2, 1]),
  /** sum of the second differences along both axes */
  laplacian: () => square([0, 1, 0, 1, -4, 1, 0, 1, 0]),
  /** the image less its Laplacian */
  sharpen: () => square([0, -1, 0, -1, 5, -1, 0, -1, 0]),
  /** the mean of k×k pixels */
  box: (k = 3) => square(new Float64Array(checkInteger("filters.box", "k", k, 1) ** 2).fill(1 / k ** 2)),
  /** a bell of the given standard deviation in pixels, cut off at 3σ and with sum 1 */
  gaussian: (sigma: number) => {
    const bell = gaussian1d(sigma);
    return square(Array.from(bell).flatMap((a) => Array.from(bell, (b) => a * b)));
  },
};

/**
 * A bell of 2⌈3σ⌉ + 1 weights with sum 1, along one axis.
 *
 * @param sigma standard deviation in pixels, greater than 0
 * @example
 * gaussian1d(2).length // 13
 */
export function gaussian1d(sigma: number): Float64Array {
  checkNumber("gaussian1d", "sigma", sigma, { above: 0 });
  const reach = Math.ceil(3 * sigma);
  const bell = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-(((i - reach) / sigma) ** 2) / 2));
  const sum = bell.reduce((total, value) => total + value, 0);
  return bell.map((value) => value / sum);
}

/**
 * A convolution with the filter column·rowᵀ as two of one axis each: k + k multiplications a pixel instead of k².
 *
 * @param image N×H×W×1
 * @param row weights to the right
 * @param column weights downwards
 * @returns what `conv2dDirect` gives with the outer product of the two, up to rounding
 * @throws as `conv2dDirect`
 * @example
 * separableConv(images([1, 2, 2, 1], [1, 2, 3, 4]), [1, 1], [1, -1]).data // [-4]
 */
export function separableConv(
  image: Images,
  row: ArrayLike<number>,
  column: ArrayLike<number>,
  options: { readonly padding?: "same" | "circular" } = {},
): Images {
  const right = images([1, row.length, 1, 1], checkVector("separableConv", "row", row));
  const down = images([column.length, 1, 1, 1], checkVector("separableConv", "column", column));
  return conv2dDirect(conv2dDirect(image, right, options), down, options);
}

/** What a layer does to the receptive field: convolution or pooling. */
export interface FieldLayer {
  readonly kernel: number;
  /** default 1 */
  readonly stride?: number;
  /** default 1 */
  readonly dilation?: number;
  /** default 0; shifts the centre and nothing else */
  readonly padding?: number;
}

/** The input pixels that one output depends on. */
export interface ReceptiveField {
  /** width in pixels of the input */
  readonly size: number;
  /** how many pixels of the input the field moves from one output to the next */
  readonly jump: number;
  /** where the field of the first output has its centre; 0 is the centre of the first pixel */
  readonly centre: number;
}

/**
 * The receptive field after these layers (3), along one axis.
 *
 * @param layers first layer first; none leave the pixel itself
 * @throws RangeError if a number is not an integer in its range
 * @example
 * receptiveField([{ kernel: 3 }, { kernel: 3 }]).size // 5
 * receptiveField([{ kernel: 3, stride: 2 }, { kernel: 3 }]) // { size: 7, jump: 2, centre: 3 }
 */
export function receptiveField(layers: readonly FieldLayer[]): ReceptiveField {
  let [size, jump, centre] = [1, 1, 0];
  for (const { kernel, stride = 1, dilation = 1, padding = 0 } of layers) {
    checkInteger("receptiveField", "kernel", kernel, 1);
    checkInteger("receptiveField", "stride", stride, 1);
    checkInteger("receptiveField", "dilation", dilation, 1);
    checkInteger("receptiveField", "padding", padding, 0);
    size += (kernel - 1) * dilation * jump; // (3)
    centre += (((kernel - 1) * dilation) / 2 - padding) * jump;
    jump *= stride; // (3)
  }
  return { size, jump, centre };
}

/**
 * How much each input pixel counts for one output, where every layer averages its window: the gradient of that output (4).
 * A profile along one axis, as these filters are separable; the image is its outer product with itself.
 *
 * @param layers first layer first; padding is ignored
 * @returns as many numbers as the receptive field is wide, with sum 1
 * @example
 * effectiveField([{ kernel: 3 }, { kernel: 3 }]) // [0.1111, 0.2222, 0.3333, 0.2222, 0.1111]
 */
export function effectiveField(layers: readonly FieldLayer[]): Float64Array {
  receptiveField(layers); // checks them
  let gradient = images([1, 1, 1, 1], [1]);
  for (const { kernel, stride = 1, dilation = 1 } of layers.toReversed()) {
    const mean = images([1, kernel, 1, 1], new Float64Array(kernel).fill(1 / kernel));
    const size = [1, (gradient.shape[2]! - 1) * stride + (kernel - 1) * dilation + 1] as const;
    gradient = convTranspose2dDirect(gradient, mean, { stride, dilation, size }); // (4)
  }
  return gradient.data;
}

/** A convolution layer, as `layerCost` and `initCnn` understand it. */
export interface ConvLayer extends Omit<ConvOptions, "padding"> {
  /** height and width of the window */
  readonly kernel: number;
  /** F */
  readonly filters: number;
  readonly padding?: number | "same";
}

/** What a layer holds, and what it does for one image. */
export interface LayerCost {
  /** weights and biases */
  readonly parameters: number;
  /** multiply-adds, biases not counted */
  readonly macs: number;
  /** [H', W', F] */
  readonly outputShape: readonly [height: number, width: number, filters: number];
}

/**
 * Parameters and multiply-adds of a layer with bias (5). As many groups as channels is a depthwise convolution, a kernel of 1
 * a pointwise one.
 *
 * @param inputShape [H, W, C]
 * @throws RangeError if the window does not fit, or channels or filters are not divisible by groups
 * @example
 * layerCost({ kernel: 3, filters: 128, padding: 1 }, [32, 32, 64]).parameters // 73856
 */
export function layerCost(layer: ConvLayer, inputShape: readonly number[]): LayerCost {
  const { kernel, filters, groups = 1, ...options } = layer;
  const channels = inputShape[2]!;
  checkInteger("layerCost", "filters", filters, 1);
  checkInteger("layerCost", "groups", groups, 1);
  if (channels % groups !== 0 || filters % groups !== 0) {
    throw new RangeError(`layerCost: groups must divide ${channels} channels and ${filters} filters, got ${groups}`);
  }
  const { outHeight, outWidth } = convGeometry([1, ...inputShape], { kernel, ...options });
  const weights = kernel ** 2 * (channels / groups) * filters;
  return {
    parameters: weights + filters,
    macs: outHeight * outWidth * weights, // (5)
    outputShape: [outHeight, outWidth, filters],
  };
}

// ---- a network, and its training ----

/** Images and labels, in the form that `loadMnist` gives. */
export interface LabelledImages {
  readonly n: number;
  readonly height: number;
  readonly width: number;
  /** default 1 */
  readonly channels?: number;
  /** N×H×W×C, row-major */
  readonly images: Float32Array | Float64Array;
  /** N integers in [0, 10) */
  readonly labels: Int32Array;
}

/** A network for ten classes: convolutions with ReLU, a head, and dense layers with ReLU between them. */
export interface CnnArchitecture {
  /** none for a multilayer perceptron */
  readonly layers: readonly (ConvLayer & {
    /** max pooling after the ReLU, with windows of this size side by side; default none */
    readonly pool?: number;
  })[];
  /** all positions of all channels (default), or the largest entry of each channel */
  readonly head?: "flatten" | "globalMax";
  /** units of the dense layers before the last, default none */
  readonly hidden?: readonly number[];
}

/** Parameters of a network. */
export type CnnParameters = {
  /** weights kh×kw×(C/groups)×F */
  readonly convolutions: readonly Linear[];
  readonly dense: readonly Linear[];
};

/** A network with its parameters. */
export interface Cnn {
  readonly architecture: CnnArchitecture;
  /** [H, W, C] of an image */
  readonly inputShape: readonly [height: number, width: number, channels: number];
  readonly parameters: CnnParameters;
}

/** The network that the note trains: 11,546 parameters and 216,384 multiply-adds an image. */
export const DIGITS_CNN: CnnArchitecture = {
  layers: [
    { kernel: 5, filters: 8, stride: 2, padding: 2 },
    { kernel: 3, filters: 16, stride: 2, padding: 1 },
    { kernel: 3, filters: 16, padding: 1 },
  ],
};

/** How a network is trained. */
export interface CnnTraining {
  readonly data: LabelledImages;
  /** default `DIGITS_CNN` */
  readonly architecture?: CnnArchitecture;
  /** passes over the images, default 5; an incomplete last batch of a pass is left out */
  readonly epochs?: number;
  /** images in a batch, default 32 */
  readonly batch?: number;
  /** of Adam, default 0.003 */
  readonly learningRate?: number;
  /** share of the steps, at the end, over which the rate falls in a straight line to 0; default 0 */
  readonly decay?: number;
  /** every image is rolled by up to so many pixels along both axes, anew each time; default 0 */
  readonly jitter?: number;
  /** of the weights, the batches and the jitter; default 0 */
  readonly seed?: number;
}

/** One step of training. */
export interface CnnStep {
  /** 1, 2, … */
  readonly step: number;
  /** how many there will be */
  readonly steps: number;
  /** mean cross-entropy of the batch in nats, before the step */
  readonly loss: number;
  /** share of the batch that was right, before the step */
  readonly accuracy: number;
  /** always the same one, after the step */
  readonly model: Cnn;
}

/**
 * Trains a network by Adam on the cross-entropy (6), step by step.
 *
 * @throws RangeError if an option is out of range, or the data does not hold what it says
 * @throws NonFiniteError where the loss is not finite
 * @example
 * const digits = { n: 2, height: 8, width: 8, images: new Float32Array(128).fill(1, 64), labels: Int32Array.of(3, 7) };
 * const steps = [...trainCnnSteps({ data: digits, architecture: { layers: [] }, epochs: 20, batch: 2 })];
 * steps.at(-1).accuracy // 1
 */
export function* trainCnnSteps({
  data,
  architecture = DIGITS_CNN,
  epochs = 5,
  batch = 32,
  learningRate = 0.003,
  decay = 0,
  jitter = 0,
  seed = 0,
}: CnnTraining): Generator<CnnStep, void> {
  checkData("trainCnnSteps", data);
  checkInteger("trainCnnSteps", "epochs", epochs, 1);
  checkInteger("trainCnnSteps", "batch", batch, 1, data.n);
  checkNumber("trainCnnSteps", "learningRate", learningRate, { above: 0 });
  checkNumber("trainCnnSteps", "decay", decay, { min: 0, max: 1 });
  checkInteger("trainCnnSteps", "jitter", jitter, 0, Math.min(data.height, data.width) - 1);
  const model = initCnn(architecture, [data.height, data.width, data.channels ?? 1], seed);
  const steps = epochs * Math.floor(data.n / batch);
  const batchAt = batches(data.n, batch, seed);
  const lr = (t: number) => learningRate * (decay > 0 ? Math.min(1, (1 - t / steps) / decay) : 1);
  const loss = (parameters: CnnParameters, step: number) => {
    const indices = batchAt(step);
    const logits = forward(
      { ...model, parameters },
      gatherImages(data, indices, jitter, random((seed + Math.imul(step, 0x9e3779b9)) | 0)),
    );
    const labels = indices.map((i) => data.labels[i]!);
    return { loss: crossEntropy(logits, labels), metrics: { accuracy: rightOf(logits.data, labels) / batch } }; // (6)
  };
  const optimizer = new AdamW({ lr, weightDecay: 0 });
  for (const state of trainSteps({ parameters: model.parameters, loss, optimizer, steps })) {
    yield { step: state.step + 1, steps, loss: state.loss, accuracy: state.metrics.accuracy!, model };
  }
}

/**
 * Trains to the end.
 *
 * @throws as `trainCnnSteps`
 */
export function trainCnn(training: CnnTraining): Cnn {
  let model: Cnn | undefined;
  for (const step of trainCnnSteps(training)) model = step.model;
  return model!;
}

/**
 * A fresh network: weights N(0, 2/inputs), biases 0.
 *
 * @param inputShape [H, W, C]
 * @throws RangeError if a window does not fit its image, or a size is out of range
 * @example
 * countParameters(initCnn(DIGITS_CNN, [28, 28, 1])) // 11546
 */
export function initCnn(
  architecture: CnnArchitecture,
  inputShape: readonly [height: number, width: number, channels: number],
  seed = 0,
): Cnn {
  checkChoice("initCnn", "head", architecture.head ?? "flatten", ["flatten", "globalMax"]);
  const draw = random(seed);
  let [height, width, channels] = inputShape;
  const convolutions = architecture.layers.map((layer) => {
    const { outputShape } = layerCost(layer, [height, width, channels]);
    const inputs = channels / (layer.groups ?? 1);
    const made = he([layer.kernel, layer.kernel, inputs, layer.filters], layer.kernel ** 2 * inputs, draw);
    [height, width, channels] = outputShape;
    if (layer.pool) {
      const pooled = convGeometry([1, height, width, channels], { kernel: layer.pool, stride: layer.pool });
      [height, width] = [pooled.outHeight, pooled.outWidth];
    }
    return made;
  });
  const features = architecture.head === "globalMax" ? channels : height * width * channels;
  const widths = [features, ...(architecture.hidden ?? []), 10];
  const dense = widths.slice(1).map((units, i) => {
    checkInteger("initCnn", "hidden", units, 1);
    return he([widths[i]!, units], widths[i]!, draw);
  });
  return { architecture, inputShape, parameters: { convolutions, dense } };
}

/** Number of weights and biases. */
export function countParameters({ parameters: { convolutions, dense } }: Cnn): number {
  return [...convolutions, ...dense].reduce((sum, { weight, bias }) => sum + weight.size + bias.size, 0);
}

/**
 * Scores of the ten classes, one row for each image: unnormalised log-probabilities.
 *
 * @returns n×10
 * @throws RangeError if the images have not the shape that the network takes, or the data does not hold what it says
 */
export function cnnLogits(model: Cnn, data: LabelledImages): Matrix {
  checkData("cnnLogits", data);
  const shape = [data.height, data.width, data.channels ?? 1];
  if (shape.join() !== model.inputShape.join()) {
    throw new RangeError(`cnnLogits: images must be ${model.inputShape.join("×")}, got ${shape.join("×")}`);
  }
  const logits = new Float64Array(data.n * 10);
  for (let start = 0; start < data.n; start += 32) {
    const some = Int32Array.from({ length: Math.min(32, data.n - start) }, (_, i) => start + i); // what fits into a cache
    logits.set(noGrad(() => forward(model, gatherImages(data, some))).data, start * 10);
  }
  return matrixOver(logits, data.n, 10);
}

/**
 * Share of the images whose largest score is that of their label, the first of several equal ones.
 *
 * @throws as `cnnLogits`
 */
export const cnnAccuracy = (model: Cnn, data: LabelledImages): number =>
  rightOf(cnnLogits(model, data).data, data.labels) / data.n;

/**
 * What each convolution layer makes of one image, after its ReLU and pooling.
 *
 * @param image 1×H×W×C
 * @returns for each layer 1×H'×W'×F
 * @throws RangeError if the image has not the shape that the network takes
 */
export function featureMaps(model: Cnn, image: Images): Images[] {
  checkImages("featureMaps", "image", image);
  if (image.shape.join() !== [1, ...model.inputShape].join()) {
    throw new RangeError(`featureMaps: image must be 1×${model.inputShape.join("×")}, got ${image.shape.join("×")}`);
  }
  const maps: Images[] = [];
  noGrad(() =>
    forward(model, tensor(Float32Array.from(contiguous(image)), [1, ...model.inputShape]), (h) => {
      maps.push(images(h.shape, h.data));
    }),
  );
  return maps;
}

/**
 * All images rolled: what leaves at one side comes back at the other.
 *
 * @param right pixels to the right, negative to the left
 * @param down pixels downwards
 * @example
 * const digit = { n: 1, height: 2, width: 3, images: Float32Array.of(1, 2, 3, 4, 5, 6), labels: Int32Array.of(0) };
 * rollImages(digit, 1).images // [3, 1, 2, 6, 4, 5]
 */
export function rollImages<T extends LabelledImages>(data: T, right: number, down = 0): T {
  checkData("rollImages", data);
  checkInteger("rollImages", "right", right, -data.width, data.width);
  checkInteger("rollImages", "down", down, -data.height, data.height);
  const rolled = data.images.slice();
  for (let i = 0; i < data.n; i++) roll(data, i, right, down, rolled, i);
  return { ...data, images: rolled };
}

/**
 * One permutation of the pixels, the same for all images: nothing is lost but what lies beside what.
 *
 * @param seed of the permutation, default 0
 */
export function permutePixels<T extends LabelledImages>(data: T, seed = 0): T {
  checkData("permutePixels", data);
  const { n, height, width, channels = 1 } = data;
  const pixels = height * width;
  const order = random(seed).permutation(pixels);
  const permuted = data.images.slice();
  for (let at = 0; at < n * pixels; at++) {
    const from = (Math.floor(at / pixels) * pixels + order[at % pixels]!) * channels;
    for (let c = 0; c < channels; c++) permuted[at * channels + c] = data.images[from + c]!;
  }
  return { ...data, images: permuted };
}

// ---- helpers ----

/** Calls body for every pixel of every window that lies within its image: pixel, window and tap by their numbers. */
function eachTap(
  {
    batch,
    height,
    width,
    kernelHeight,
    kernelWidth,
    stride,
    dilation,
    padTop,
    padLeft,
    outHeight,
    outWidth,
  }: ConvGeometry,
  body: (input: number, output: number, tap: number) => void,
): void {
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < outHeight; i++) {
      for (let j = 0; j < outWidth; j++) {
        for (let a = 0; a < kernelHeight; a++) {
          const row = i * stride - padTop + a * dilation;
          if (!(row >= 0 && row < height)) continue;
          for (let b = 0; b < kernelWidth; b++) {
            const column = j * stride - padLeft + b * dilation;
            if (!(column >= 0 && column < width)) continue;
            body((n * height + row) * width + column, (n * outHeight + i) * outWidth + j, a * kernelWidth + b);
          }
        }
      }
    }
  }
}

/** Checks that images and filters fit, and works out the sizes. */
function fit(caller: string, x: Images, w: Images, { groups = 1, padding = 0, ...options }: ConvOptions) {
  checkImages(caller, "x", x);
  checkImages(caller, "w", w);
  checkInteger(caller, "groups", groups, 1);
  if (padding === "circular") throw new RangeError(`${caller}: padding must be a number or 'same', got 'circular'`);
  const [kernelHeight, kernelWidth, channels, filters] = w.shape as [number, number, number, number];
  if (!(x.shape[3] === channels * groups && filters % groups === 0)) {
    throw new RangeError(
      `${caller}: images N×H×W×C and filters kh×kw×(C/groups)×F with F a multiple of groups must fit, ` +
        `got ${x.shape.join("×")} and ${w.shape.join("×")} with groups ${groups}`,
    );
  }
  const geometry = convGeometry(x.shape, { kernel: [kernelHeight, kernelWidth], padding, ...options });
  return { geometry, channels, filters, groups };
}

function checkImages(caller: string, name: string, x: Images): void {
  if (!(x?.data instanceof Float64Array && x.shape.length === 4)) {
    throw new TypeError(
      `${caller}: ${name} must be a rank-4 ndarray of Float64Array, got ${x?.shape ? `rank ${x.shape.length}` : typeof x}`,
    );
  }
  const bad = contiguous(x).findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`${caller}: ${name} must be finite, got ${contiguous(x)[bad]} at ${bad}`);
}

/** The images with as many pixels of their opposite side around them as a window needs to be at home everywhere. */
function wrap(x: Images, w: Images, { dilation = 1 }: ConvOptions): Images {
  checkImages("conv2dDirect", "x", x);
  checkImages("conv2dDirect", "w", w);
  checkInteger("conv2dDirect", "dilation", dilation, 1);
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const [down, right] = [dilation * (w.shape[0]! - 1), dilation * (w.shape[1]! - 1)];
  if (!(down < height && right < width)) {
    throw new RangeError(
      `conv2dDirect: with 'circular' the window of ${down + 1}×${right + 1} pixels must fit the image, got ${height}×${width}`,
    );
  }
  const [top, left] = [Math.floor(down / 2), Math.floor(right / 2)];
  const shape = [n, height + down, width + right, channels] as const;
  const y = imagesOver(new Float64Array(shape[0] * shape[1] * shape[2] * shape[3]), shape);
  for (let i = 0; i < n; i++) {
    for (let r = 0; r < shape[1]; r++) {
      for (let s = 0; s < shape[2]; s++) {
        const [row, column] = [(r - top + height) % height, (s - left + width) % width];
        for (let c = 0; c < channels; c++) y.set(i, r, s, c, x.get(i, row, column, c));
      }
    }
  }
  return y;
}

/** Pooling: `start` prepares the outputs and gives what happens to each pixel of each window. */
function pool(
  caller: string,
  x: Images,
  kernel: number,
  { stride = kernel, padding = 0 }: PoolOptions,
  start: (y: Float64Array) => (value: number, at: number, members: number) => void,
): Images {
  checkImages(caller, "x", x);
  const geometry = convGeometry(x.shape, { kernel, stride, padding });
  const { batch, channels, outHeight, outWidth } = geometry;
  const members = new Int32Array(batch * outHeight * outWidth);
  eachTap(geometry, (_, output) => {
    members[output]!++;
  });
  if (members.includes(0)) throw new RangeError(`${caller}: padding must leave pixels in every window, got ${padding}`);
  const y = new Float64Array(members.length * channels);
  const take = start(y);
  const pixels = contiguous(x);
  eachTap(geometry, (input, output) => {
    for (let c = 0; c < channels; c++) take(pixels[input * channels + c]!, output * channels + c, members[output]!);
  });
  return imagesOver(y, [batch, outHeight, outWidth, channels]);
}

/** A square filter for one channel. */
function square(weights: ArrayLike<number>): Images {
  const k = Math.sqrt(weights.length);
  return images([k, k, 1, 1], weights);
}

const he = (shape: readonly number[], inputs: number, draw: Random): Linear => ({
  weight: normal(shape, Math.sqrt(2 / inputs), draw),
  bias: full([shape.at(-1)!], 0),
});

/** Scores N×10; `watch` sees what each convolution layer hands on. */
function forward({ architecture, parameters }: Cnn, x: Tensor, watch?: (h: Tensor) => void): Tensor {
  let h = x;
  for (const [i, { kernel: _, filters: __, pool: window, ...options }] of architecture.layers.entries()) {
    const { weight, bias } = parameters.convolutions[i]!;
    h = relu(add(conv2d(h, weight, options), bias));
    if (window) h = maxPool2d(h, window);
    watch?.(h);
  }
  h = architecture.head === "globalMax" ? max(h, [1, 2]) : reshape(h, [h.shape[0]!, -1]);
  return parameters.dense.reduce((a, layer, i) => linear(i === 0 ? a : relu(a), layer), h);
}

/** The chosen images as a tensor, each rolled by up to `jitter` pixels. */
function gatherImages(data: LabelledImages, indices: Int32Array, jitter = 0, draw?: Random): Tensor {
  const { height, width, channels = 1 } = data;
  const chosen = new Float32Array(indices.length * height * width * channels);
  const pixels = () => (draw ? draw.integer(2 * jitter + 1) - jitter : 0);
  for (const [to, from] of indices.entries()) roll(data, from, pixels(), pixels(), chosen, to);
  return new Tensor({ data: chosen, version: 0 }, [indices.length, height, width, channels]);
}

/** Writes the image with number `from`, rolled, as the one with number `to`. */
function roll(
  { height, width, channels = 1, images: pixels }: LabelledImages,
  from: number,
  right: number,
  down: number,
  target: Float32Array | Float64Array,
  to: number,
): void {
  const line = width * channels;
  const shift = (((right % width) + width) % width) * channels;
  for (let row = 0; row < height; row++) {
    const source = (from * height + row) * line;
    const start = (to * height + ((((row + down) % height) + height) % height)) * line;
    target.set(pixels.subarray(source, source + line - shift), start + shift);
    target.set(pixels.subarray(source + line - shift, source + line), start);
  }
}

/** How many rows of ten have their largest entry at the label, the first of several equal ones. */
function rightOf(logits: Float32Array | Float64Array, labels: Int32Array): number {
  return labels.reduce((count, label, i) => {
    const scores = logits.subarray(i * 10, i * 10 + 10);
    return scores.indexOf(Math.max(...scores)) === label ? count + 1 : count;
  }, 0);
}

function checkData(caller: string, { n, height, width, channels = 1, images: pixels, labels }: LabelledImages): void {
  checkInteger(caller, "n", n, 1);
  if (pixels.length !== n * height * width * channels || labels.length !== n) {
    throw new RangeError(
      `${caller}: the data must hold ${n}×${height}×${width}×${channels} = ${n * height * width * channels} numbers and ` +
        `${n} labels, got ${pixels.length} and ${labels.length}`,
    );
  }
  for (let i = 0; i < n; i++) checkInteger(caller, `labels[${i}]`, labels[i]!, 0, 9);
  const bad = pixels.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new RangeError(`${caller}: images must be finite, got ${pixels[bad]} at ${bad}`);
}
