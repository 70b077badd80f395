import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../src/autodiff/ops.js";
import {
  counts,
  type Floats,
  gradCheck,
  NonFiniteError,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../src/demos/deep-learning-foundations/backpropagation.js";
import {
  countParameters,
  createTransformer,
  evaluate,
  forward,
  forwardFlops,
  fromCheckpoint,
  inductionTransformer,
  logitLens,
  type Transformer,
  type TransformerConfig,
  trainTransformerSteps,
} from "../../src/demos/llm-internals/transformer-architecture.js";
import { SGD } from "../../src/demos/training-fundamentals/sgd-with-momentum.js";
import { loadCheckpoint } from "../../src/lib/checkpoints.js";
import { row } from "../../src/lib/matrix.js";
import { loadMobyDick } from "../../src/lib/moby-dick.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("llm-internals/transformer-architecture");

const GPT2: TransformerConfig = {
  vocabulary: 50_257,
  layers: 12,
  heads: 12,
  dModel: 768,
  dFeedForward: 3072,
  positions: "learned",
  context: 1024,
  tiedHead: true,
};
const SMALL: TransformerConfig = { vocabulary: 11, layers: 2, heads: 2, dModel: 8, dFeedForward: 12, context: 12 };

interface Case {
  readonly config: Omit<TransformerConfig, "vocabulary" | "layers" | "heads" | "dModel" | "dFeedForward">;
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly tokens: readonly number[];
  readonly targets: readonly number[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

/** The same weights as the fixture's. */
function modelOf({ config, parameters }: Case): Transformer {
  const whole = { vocabulary: 7, layers: 2, heads: 4, dModel: 8, dFeedForward: 12, context: 6, ...config };
  const model = createTransformer(whole, { dtype: "float64" });
  expect(Object.keys(model.parameters).sort()).toEqual(Object.keys(parameters).sort());
  return {
    ...model,
    parameters: Object.fromEntries(
      Object.entries(model.parameters).map(([name, { shape }]) => [
        name,
        tensor(Float64Array.from(parameters[name]!), shape),
      ]),
    ),
  };
}

claim("published-parameter-counts", () => {
  const llama = { norm: "rms", feedForward: "swiglu", positions: "rope" } as const;
  const total = (config: TransformerConfig) => countParameters(config).total;
  expect(total(GPT2)).toBe(124_439_808);
  expect(total({ ...llama, vocabulary: 32_000, layers: 32, heads: 32, dModel: 4096, dFeedForward: 11_008 })).toBe(
    6_738_415_616,
  );
  expect(
    total({ ...llama, vocabulary: 128_256, layers: 32, heads: 32, kvHeads: 8, dModel: 4096, dFeedForward: 14_336 }),
  ).toBe(8_030_261_248);
  expect(
    total({
      ...llama,
      vocabulary: 128_256,
      layers: 16,
      heads: 32,
      kvHeads: 8,
      dModel: 2048,
      dFeedForward: 8192,
      tiedHead: true,
    }),
  ).toBe(1_235_814_400);
  expect(
    total({ ...llama, vocabulary: 32_000, layers: 32, heads: 32, kvHeads: 8, dModel: 4096, dFeedForward: 14_336 }),
  ).toBe(7_241_732_096);
  // and what is counted is what is made
  for (const config of [
    SMALL,
    { ...SMALL, norm: "rms", feedForward: "swiglu", kvHeads: 1, placement: "post", positions: "learned" },
  ] as const) {
    const made = Object.values(createTransformer(config).parameters).reduce((sum, { size }) => sum + size, 0);
    expect(total(config)).toBe(made);
  }
});

claim("the-future-does-not-count", () => {
  for (const positions of ["none", "learned", "sinusoidal", "rope", "alibi"] as const) {
    const model = createTransformer({ ...SMALL, positions }, { seed: 3 });
    const tokens = [1, 5, 2, 9, 0, 7];
    const logits = (sequence: readonly number[]) => forward(model, sequence).logits.data;
    const [before, after] = [logits(tokens), logits([1, 5, 2, 9, 4, 7])];
    expect(after.slice(0, 4 * 11)).toEqual(before.slice(0, 4 * 11)); // bit for bit
    expect(after.slice(4 * 11, 5 * 11)).not.toEqual(before.slice(4 * 11, 5 * 11));
    const open = createTransformer({ ...SMALL, positions, causal: false }, { seed: 3 });
    expect(forward(open, [1, 5, 2, 9, 4, 7]).logits.data.slice(0, 11)).not.toEqual(
      forward(open, tokens).logits.data.slice(0, 11),
    );
  }
});

claim("gradients-agree-with-pytorch", () => {
  for (const fixture of oracle<{ cases: readonly Case[] }>().cases) {
    const model = modelOf(fixture);
    const loss = (parameters: Readonly<Record<string, Tensor>>) =>
      crossEntropy(forward({ ...model, parameters }, fixture.tokens, { batch: 2 }).logits, fixture.targets);
    const { value, grads } = valueAndGrad(loss)(model.parameters);
    expect(Math.abs(value.item() - fixture.loss)).toBeLessThan(1e-12);
    for (const [name, expected] of Object.entries(fixture.gradients)) {
      const size = Math.max(...expected.map(Math.abs), 1e-6);
      expected.forEach((g, i) => {
        expect(
          Math.abs(grads[name]!.data[i]! - g) / size,
          `${name}[${i}] ${JSON.stringify(fixture.config)}`,
        ).toBeLessThan(1e-8);
      });
    }
    expect(gradCheck(loss, model.parameters, { directions: 1 }).maxRelError).toBeLessThan(1e-5);
  }
});

claim("twelve-l-d-squared", () => {
  const { attention, feedForward, norms, embedding } = countParameters(GPT2);
  const blocks = attention + feedForward + norms - 2 * 768; // without the last norm
  expect(12 * 12 * 768 ** 2).toBe(84_934_656);
  expect(blocks).toBe(85_054_464);
  expect((100 * (1 - 84_934_656 / 85_054_464)).toFixed(2)).toBe("0.14");
  expect(feedForward / (attention + feedForward)).toBeCloseTo(2 / 3, 3);
  for (const kind of [{}, { feedForward: "swiglu", dFeedForward: (8 * 768) / 3 }] as const) {
    expect(countParameters({ ...GPT2, ...kind, norm: "rms" }).feedForward).toBe(12 * 8 * 768 ** 2); // no biases
  }
  expect(embedding).toBe(38_597_376);
  expect(countParameters({ ...GPT2, tiedHead: false }).total / 124_439_808).toBeCloseTo(1.31, 2);
});

claim("attention-costs-as-much-at-six-d", () => {
  const d = 768;
  const { linear, attention } = forwardFlops(GPT2, 6 * d);
  expect(linear).toBe(12 * 24 * d * d);
  expect(attention).toBe(linear);
  expect(6 * d).toBe(4608);
  // what the engine multiplies for T tokens: every one sees all T keys, the masked ones too
  for (const kind of [{}, { kvHeads: 1, feedForward: "swiglu", tiedHead: true }] as const) {
    const model = createTransformer({ ...SMALL, ...kind });
    const { multiplyAdds } = counts(() => forward(model, [1, 2, 3, 4, 5, 6, 7]));
    const each = forwardFlops({ ...SMALL, ...kind }, 7);
    expect(2 * multiplyAdds).toBe(7 * (each.linear + each.attention + each.head));
  }
  const average = (n: number) => Array.from({ length: n }, (_, i) => 4 * (i + 1) * d).reduce((a, b) => a + b) / n;
  expect(average(12 * d) / (24 * d * d)).toBeCloseTo(1, 3);
});

claim("the-first-loss-is-ln-v-and-half-a-variance", () => {
  const V = 1000;
  const { normal, integer } = random(4);
  const logits = tensor(Float64Array.from({ length: 400 * V }, normal), [400, V]);
  const targets = Int32Array.from({ length: 400 }, () => integer(V));
  // the target's own logit has mean 0 and deviation 1/√400
  expect(Math.abs(crossEntropy(logits, targets).item() - (Math.log(V) + 0.5))).toBeLessThan(0.1);
  const mean = [...Array(400).keys()].reduce((s, r) => s + logits.data[r * V + targets[r]!]!, 0) / 400;
  expect(Math.abs(crossEntropy(logits, targets).item() + mean - (Math.log(V) + 0.5))).toBeLessThan(0.02);
  expect(Math.log(50_257).toFixed(3)).toBe("10.825");
  const model = createTransformer({ ...SMALL, vocabulary: 50, tiedHead: true }, { seed: 1 });
  const tokens = Int32Array.from({ length: 200 }, () => integer(50));
  expect(Math.abs(evaluate(model, tokens, [0, 40, 80, 120], 12) - Math.log(50))).toBeLessThan(0.05); // logits near 0
  // A head of ±1/√d makes logits of variance 1/3 from a normalised stream, so a sixth is added: the checkpoints' first losses.
  for (const name of ["tiny-rope", "tiny-alibi"] as const) {
    expect(Math.abs(loadCheckpoint(name).record.losses[0]! - (Math.log(81) + 1 / 6))).toBeLessThan(0.03);
  }
});

claim("placement-decides-what-depth-does", () => {
  const tokens = Int32Array.from({ length: 32 }, (_, i) => i);
  const targets = random(7).permutation(32);
  const measured = (layers: number, placement: "pre" | "post", seed: number) => {
    const shape = { vocabulary: 32, layers, heads: 1, dModel: 64, dFeedForward: 256, placement } as const;
    const kind = { feedForward: "relu", positions: "none", causal: false } as const;
    const model = createTransformer({ ...shape, ...kind }, { seed, dtype: "float64" });
    // Xavier's ±√(6/(in + out)) in place of ±1/√in, and embeddings of variance 1
    const entries = Object.entries(model.parameters).map(([name, { data, shape }]) => {
      const [rows, columns] = shape as [number, number];
      const factor = name === "embedding" ? 50 : name.endsWith("weight") ? Math.sqrt((6 * rows) / (rows + columns)) : 1;
      return [
        name,
        tensor(
          data.map((v) => factor * v),
          shape,
        ),
      ] as const;
    });
    const loss = (p: Readonly<Record<string, Tensor>>) =>
      crossEntropy(forward({ ...model, parameters: p }, tokens).logits, targets);
    const parameters = Object.fromEntries(entries);
    return {
      squares: forward({ ...model, parameters }, tokens).residuals.map(({ data }) => meanSquare(data)),
      gradient: () => {
        const { data } = valueAndGrad(loss)(parameters).grads[`blocks.${layers - 1}.down.weight`]!;
        return Math.sqrt(data.length * meanSquare(data));
      },
    };
  };
  const ratio = (placement: "pre" | "post") => {
    const [deep, shallow] = [24, 6].map(
      (layers) => measured(layers, placement, 1).gradient() + measured(layers, placement, 2).gradient(),
    );
    return deep! / shallow!;
  };
  expect(squaredCorrelation(measured(48, "pre", 1).squares)).toBeGreaterThan(0.97);
  for (const square of measured(24, "post", 1).squares.slice(1)) expect(square).toBeCloseTo(1, 2);
  expect(Math.abs(ratio("pre") - 0.5)).toBeLessThan(0.1);
  const post = ratio("post");
  expect(post).toBeGreaterThan(0.8);
  expect(post).toBeLessThan(2);
});

const meanSquare = (x: Floats) => Float64Array.from(x).reduce((sum, v) => sum + v * v, 0) / x.length;

/** Of y₀, y₁, … with 0, 1, …: R² of the line through them. */
function squaredCorrelation(ys: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  const [x, y] = [ys.map((_, i) => i), ys].map((values) => values.map((v) => v - mean(values))) as [number[], number[]];
  const product = (a: readonly number[], b: readonly number[]) => mean(a.map((v, i) => v * b[i]!));
  return product(x, y) ** 2 / (product(x, x) * product(y, y));
}

claim("two-heads-make-an-induction-circuit", () => {
  const [vocabulary, half] = [32, 16];
  const predict = inductionTransformer({ vocabulary, length: 2 * half });
  const accuracy = (withoutFirstLayer: boolean) => {
    let [right, all] = [0, 0];
    for (let seed = 0; seed < 10; seed++) {
      const first = random(seed).permutation(vocabulary).slice(0, half);
      const tokens = [...first, ...first];
      const logits = predict(tokens, { withoutFirstLayer });
      for (let t = half; t < 2 * half - 1; t++) {
        const scores = row(logits, t);
        if (scores.indexOf(Math.max(...scores)) === tokens[t + 1]) right++;
        all++;
      }
    }
    return right / all;
  };
  expect(accuracy(false)).toBe(1);
  expect(accuracy(true)).toBeLessThan(0.2);
  // without the first layer the second looks at all tokens alike, the one before the first included
  const alike = row(predict([3, 1, 3], { withoutFirstLayer: true }), 2);
  expect(Array.from(alike.slice(0, 5), (z) => z.toFixed(12))).toEqual([0, 0.25, 0, 0.5, 0].map((z) => z.toFixed(12)));
});

test("fresh weights fill ±1/√fan-in, embeddings have a deviation of 0.02, gains are 1, biases 0", () => {
  const { parameters } = createTransformer({ ...SMALL, vocabulary: 500 }, { seed: 3 });
  const largest = (name: string) => Math.max(...parameters[name]!.data.map(Math.abs));
  for (const [name, fanIn] of [
    ["blocks.0.up.weight", 8],
    ["blocks.1.down.weight", 12],
  ] as const) {
    expect(largest(name)).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
    expect(largest(name)).toBeGreaterThan(0.95 / Math.sqrt(fanIn));
  }
  expect(Math.sqrt(meanSquare(parameters.embedding!.data))).toBeCloseTo(0.02, 3);
  const { context: _, ...unsaid } = SMALL;
  expect(createTransformer({ ...unsaid, positions: "learned" }).parameters.positions!.shape).toEqual([64, 8]);
  expect([largest("blocks.0.norm1.gain"), largest("blocks.0.up.bias"), largest("norm.bias")]).toEqual([1, 0, 0]);
});

test("PyTorch's encoder layer: post-norm, biases everywhere, weights out×in", () => {
  const { encoder_layer } = oracle<{ encoder_layer: unknown }>();
  expect(encoder_layer).toEqual({ normFirst: false, relu: true, linear1: [12, 8], biases: true, eps: 1e-5 });
  expect(createTransformer(SMALL).parameters["blocks.0.up.weight"]!.shape).toEqual([8, 12]); // here in×out
});

test("tiny-rope and tiny-alibi: what was recorded when they were trained is true of the files", () => {
  const { text } = loadMobyDick();
  const codes = new Map([...loadCheckpoint("tiny-rope").characters].map((character, code) => [character, code]));
  const tokens = Int32Array.from(text, (character) => codes.get(character)!);
  const starts = Int32Array.from({ length: 24 }, (_, i) => 1_100_000 + 3000 * i);
  for (const name of ["tiny-rope", "tiny-alibi"] as const) {
    const { record, config } = loadCheckpoint(name);
    const model = fromCheckpoint(loadCheckpoint(name));
    expect(countParameters(config).total).toBe(30_656);
    const validation = evaluate(model, tokens, starts, 64);
    expect(validation).toBeCloseTo(record.validation, 3);
    expect(validation).toBeLessThan(2);
    expect(record.losses[0]!).toBeGreaterThan(4.3); // ln 81 = 4.394
  }
});

test("what letter frequencies alone can do: 3.06 nats in the novel, 1.91 in the digits", () => {
  const entropy = (symbols: Iterable<string>) => {
    const counts = new Map<string, number>();
    let n = 0;
    for (const symbol of symbols) {
      counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
      n++;
    }
    return [...counts.values()].reduce((sum, count) => sum - (count / n) * Math.log(count / n), 0);
  };
  expect(entropy(loadMobyDick().text.slice(0, 1_100_000)).toFixed(2)).toBe("3.06");
  expect(entropy("31415926").toFixed(2)).toBe("1.91");
});

test("a sublayer that is left out is one that writes nothing", () => {
  const logits = (change: Partial<TransformerConfig>, silent?: RegExp) => {
    const model = createTransformer({ ...SMALL, ...change }, { seed: 4, dtype: "float64" });
    const entries = Object.entries(model.parameters).map(([name, p]) => {
      return [name, silent?.test(name) ? tensor(new Float64Array(p.size), p.shape) : p] as const;
    });
    return forward({ ...model, parameters: Object.fromEntries(entries) }, [1, 2, 3, 4]).logits.data;
  };
  expect(logits({ without: "attention" })).toEqual(logits({}, /output/));
  expect(logits({ without: "feedForward" })).toEqual(logits({}, /down/));
  // blocks that write nothing leave the embedding, and nothing at all if that is not added
  expect(logits({ without: "residual" }, /down/)).toEqual(new Float64Array(44));
  expect(logits({ without: "norm" }, /output|down/)).not.toEqual(logits({}, /output|down/));
  expect(logits({ without: "norm", placement: "post" })).toEqual(logits({ without: "norm" }));
});

describe("training", () => {
  const corpus = Int32Array.from({ length: 600 }, (_, i) => [3, 1, 4, 1, 5, 9, 2, 6][i % 8]!);
  const run = (seed: number) => {
    const model = createTransformer({ ...SMALL, positions: "alibi" }, { seed });
    const options = { optimizer: new SGD({ lr: 0.1, momentum: 0.9 }), steps: 60, batch: 8, context: 12, seed };
    return { model, losses: [...trainTransformerSteps(model, corpus, options)].map(({ loss }) => loss) };
  };

  test("learns a sequence that repeats, and the same seed gives the same bits", () => {
    const [a, b, c] = [run(1), run(1), run(2)];
    expect(a.losses[0]!).toBeGreaterThan(2.2); // ln 11 = 2.398
    expect(a.losses.at(-1)!).toBeLessThan(0.3);
    expect(b.losses).toEqual(a.losses);
    expect(c.losses).not.toEqual(a.losses);
    const [first, second] = [1, 2].map((seed) => {
      const options = { optimizer: new SGD({ lr: 0.1, momentum: 0 }), steps: 1, batch: 8, context: 12, seed };
      return [...trainTransformerSteps(createTransformer(SMALL), corpus, options)][0]!.loss;
    });
    expect(first).not.toBe(second); // the windows are others
    expect(evaluate(a.model, corpus, [0, 5, 11], 12)).toBeLessThan(0.3);
  });

  test("a loss that is not finite names step and operation", () => {
    const model = createTransformer(SMALL);
    const options = { optimizer: new SGD({ lr: 1e38, momentum: 0 }), steps: 5, batch: 2, context: 8 };
    expect(() => [...trainTransformerSteps(model, corpus, options)]).toThrow(NonFiniteError);
    const again = () => [...trainTransformerSteps(createTransformer(SMALL), corpus, options)];
    expect(again).toThrow(/^trainSteps: at step [1-4], \w+: the output must be finite, got /);
  });
});

test("the lens ends in the model's own logits, and starts from the embedding", () => {
  const model = createTransformer(SMALL, { seed: 2, dtype: "float64" });
  const lens = logitLens(model, [1, 2, 3]);
  expect(lens).toHaveLength(3);
  lens.at(-1)!.data.forEach((value, i) => {
    expect(value).toBeCloseTo(forward(model, [1, 2, 3]).logits.data[i]!, 12);
  });
});

test("a batch is its sequences, positions may start anywhere", () => {
  const model = createTransformer(SMALL, { seed: 2, dtype: "float64" });
  const both = forward(model, [1, 2, 3, 4, 5, 6], { batch: 2 }).logits.data;
  const second = forward(model, [4, 5, 6]).logits.data;
  both.slice(33).forEach((value, i) => {
    expect(value).toBeCloseTo(second[i]!, 12);
  });
  const shifted = forward(model, [4, 5, 6], { offset: 1000 }).logits.data; // rotary: nothing changes
  shifted.forEach((value, i) => {
    expect(Math.abs(value - second[i]!)).toBeLessThan(1e-9);
  });
  const learned = createTransformer({ ...SMALL, positions: "learned" }, { seed: 2, dtype: "float64" });
  const last = forward(learned, [4], { offset: 11 }).logits.data;
  expect(last).not.toEqual(forward(learned, [4]).logits.data);
  expect(() => forward(learned, [4], { offset: 12 })).toThrow(
    new RangeError("forward: position must be an integer in [0, 11], got 12"),
  );
});

describe("bad input", () => {
  const model = createTransformer({ ...SMALL, positions: "learned" });
  test.each<readonly [string, () => unknown]>([
    [
      "createTransformer: dModel must be a multiple of heads, got 8 and 3",
      () => createTransformer({ ...SMALL, heads: 3 }),
    ],
    ["createTransformer: kvHeads must divide heads, got 4 and 2", () => createTransformer({ ...SMALL, kvHeads: 4 })],
    [
      "createTransformer: rotary positions need heads of even width, got 1",
      () => createTransformer({ ...SMALL, heads: 8 }),
    ],
    [
      "createTransformer: layers must be an integer at least 1, got 0",
      () => createTransformer({ ...SMALL, layers: 0 }),
    ],
    [
      "countParameters: norm must be one of 'layer', 'rms', got 'batch'",
      () => countParameters({ ...SMALL, norm: "batch" as never }),
    ],
    [
      "createTransformer: without must be one of 'nothing', 'attention', 'feedForward', 'norm', 'residual', got 'all'",
      () => createTransformer({ ...SMALL, without: "all" as never }),
    ],
    [
      "evaluate: starts[1] must be an integer in [0, 5], got 6",
      () => evaluate(model, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5, 6], 4),
    ],
    [
      "trainTransformerSteps: context must be an integer in [1, 3], got 4",
      () => [
        ...trainTransformerSteps(model, [1, 2, 3, 4], {
          optimizer: new SGD({ lr: 1, momentum: 0 }),
          steps: 1,
          context: 4,
        }),
      ],
    ],
    [
      "fromCheckpoint: the parameter blocks.0.norm1.gain must be there",
      () => fromCheckpoint({ ...loadCheckpoint("tiny-rope"), parameters: { embedding: new Float32Array(81 * 32) } }),
    ],
    ["gather: index 1 must be an integer in [0, 10], got 11", () => forward(model, [0, 11])],
    ["forward: position must be an integer in [0, 11], got 12", () => forward(model, new Int32Array(13))],
    [
      "forward: the number of tokens must be a positive multiple of 2, got 3",
      () => forward(model, [1, 2, 3], { batch: 2 }),
    ],
    [
      "createTransformer: window must be an integer at least 1, got 0",
      () => createTransformer({ ...SMALL, window: 0 }),
    ],
    [
      "createTransformer: a window needs a causal model, got 3",
      () => createTransformer({ ...SMALL, window: 3, causal: false }),
    ],
    [
      "createTransformer: sinks must be an integer at least 0, got -1",
      () => createTransformer({ ...SMALL, sinks: -1 }),
    ],
    ["forwardFlops: n must be an integer at least 1, got 0", () => forwardFlops(SMALL, 0)],
    [
      "inductionTransformer: tokens[1] must be an integer in [0, 3], got 4",
      () => inductionTransformer({ vocabulary: 4, length: 5 })([0, 4]),
    ],
  ])("%s", (message, body) => {
    expect(body).toThrow(new RangeError(message));
  });
});
