/** 200 tokens decoded with a cache by a float32 decoder of 3.4 million parameters, against the same decoder in PyTorch. */
import { bench, contender, library } from "../harness.ts";

const { generate, cacheFor, decodeStep } =
  await library<typeof import("../../src/demos/llm-internals/kv-cache.js")>("llm-internals/kv-cache");
const { createTransformer } = await library<typeof import("../../src/demos/llm-internals/transformer-architecture.js")>(
  "llm-internals/transformer-architecture",
);

const config = {
  vocabulary: 512,
  layers: 4,
  heads: 8,
  kvHeads: 2,
  dModel: 256,
  dFeedForward: 768,
  norm: "rms",
  feedForward: "swiglu",
} as const;
const model = createTransformer(config, { seed: 1 });
const tokens = [7, ...generate(model, [7], { maxNewTokens: 199 }).tokens];
const parameters = Float64Array.from(Object.values(model.parameters).flatMap(({ data }) => Array.from(data)));

bench("200 tokens decoded with a cache", {
  contenders: [
    contender({
      peer: "runnable-ml",
      run: () => {
        const cache = cacheFor(model);
        return tokens.map((token) => decodeStep(model, token, cache)).at(-1)!;
      },
      answer: (logits) => logits,
    }),
  ],
  tolerance: 1e-4, // float32
  inputs: { parameters, tokens: Int32Array.from(tokens) },
});
