import { describe, expect, test } from "vitest";
import { crossEntropy } from "../../src/autodiff/ops.js";
import {
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
  expect(2 * 768 * 4 * 768).toBe(3 * 768 * ((8 * 768) / 3)); // SwiGLU with f = 8d/3
  expect(embedding).toBe(38_597_376);
  expect(countParameters({ ...GPT2, tiedHead: false }).total / 124_439_808).toBeCloseTo(1.31, 2);
});

claim("attention-costs-as-much-at-six-d", () => {
  const d = 768;
  const { linear, attention } = forwardFlops(GPT2, 6 * d);
  expect(linear).toBe(12 * 24 * d * d);
  expect(attention).toBe(linear);
  expect(6 * d).toBe(4608);
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
});

claim("placement-decides-what-depth-does", () => {
  const d = 64;
  const { normal } = random(7);
  const probe = Float64Array.from({ length: 32 * d }, normal);
  const measured = (layers: number, placement: "pre" | "post", seed: number) => {
    const config = {
      vocabulary: 32,
      layers,
      heads: 1,
      dModel: d,
      dFeedForward: d * 4,
      placement,
      feedForward: "relu",
      positions: "none",
      causal: false,
    } as const;
    const model = createTransformer(config, { seed, dtype: "float64" });
    const draw = random(seed + 50);
    // Xavier's uniform weights, and embeddings of variance 1
    const parameters = Object.fromEntries(
      Object.entries(model.parameters).map(([name, p]) => {
        if (name === "embedding")
          return [
            name,
            tensor(
              p.data.map(() => draw.normal()),
              p.shape,
            ),
          ];
        if (!name.endsWith("weight")) return [name, p];
        const bound = Math.sqrt(6 / (p.shape[0]! + p.shape[1]!));
        return [
          name,
          tensor(
            p.data.map(() => bound * (2 * draw.uniform() - 1)),
            p.shape,
          ),
        ];
      }),
    );
    const tokens = Int32Array.from({ length: 32 }, (_, i) => i);
    const { residuals } = forward({ ...model, parameters }, tokens);
    const squares = residuals.map(({ data }) => Float64Array.from(data).reduce((s, v) => s + v * v, 0) / data.length);
    if (layers === 48) return { squares, gradient: Number.NaN };
    const { grads } = valueAndGrad((p: Readonly<Record<string, Tensor>>) =>
      crossEntropy(
        forward({ ...model, parameters: p }, tokens).logits,
        Int32Array.from(probe.slice(0, 32), (v) => Math.floor(Math.abs(v) * 7) % 32),
      ),
    )(parameters);
    const last = Float64Array.from(grads[`blocks.${layers - 1}.down.weight`]!.data);
    return { squares, gradient: Math.sqrt(last.reduce((s, g) => s + g * g, 0)) };
  };
  const mean = (layers: number, placement: "pre" | "post") =>
    [1, 2].map((seed) => measured(layers, placement, seed).gradient).reduce((a, b) => a + b) / 2;
  const { squares } = measured(48, "pre", 1);
  const fit = squares.map((y, x) => ({ x, y }));
  const [mx, my] = [fit.reduce((s, { x }) => s + x, 0) / fit.length, fit.reduce((s, { y }) => s + y, 0) / fit.length];
  const [sxy, sxx, syy] = [
    fit.reduce((s, { x, y }) => s + (x - mx) * (y - my), 0),
    fit.reduce((s, { x }) => s + (x - mx) ** 2, 0),
    fit.reduce((s, { y }) => s + (y - my) ** 2, 0),
  ];
  expect(sxy ** 2 / (sxx * syy)).toBeGreaterThan(0.97);
  expect(Math.abs(mean(24, "pre") / mean(6, "pre") - 0.5)).toBeLessThan(0.1);
  const [deep, shallow] = [24, 6].map((layers) => measured(layers, "post", 1));
  for (const square of deep!.squares.slice(1)) expect(square).toBeCloseTo(1, 2);
  const ratio = deep!.gradient / shallow!.gradient;
  expect(ratio).toBeGreaterThan(0.8);
  expect(ratio).toBeLessThan(2);
});

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
    expect(evaluate(a.model, corpus, [0, 5, 11], 12)).toBeLessThan(0.3);
  });

  test("a loss that is not finite names step and operation", () => {
    const model = createTransformer(SMALL);
    const options = { optimizer: new SGD({ lr: 1e38, momentum: 0 }), steps: 5, batch: 2, context: 8 };
    expect(() => [...trainTransformerSteps(model, corpus, options)]).toThrow(NonFiniteError);
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
