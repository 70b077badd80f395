/** Moby-Dick, 1.2 MB, to ids: against gpt-tokenizer without its cache of pieces. */
import { bench, contender, library, peer } from "../harness.ts";

const { BpeTokenizer } =
  await library<typeof import("../../src/demos/llm-internals/tokenization.js")>("llm-internals/tokenization");
const { loadGpt2 } = await library<typeof import("../../src/lib/gpt2.js")>("lib/gpt2");
const { loadCl100k } = await library<typeof import("../../src/lib/cl100k.js")>("lib/cl100k");
const { loadMobyDick } = await library<typeof import("../../src/lib/moby-dick.js")>("lib/moby-dick");

interface GptTokenizer {
  encode(text: string): number[];
  setMergeCacheSize(size: number): void;
}
const { text } = loadMobyDick();

for (const [name, load] of [
  ["r50k_base", loadGpt2],
  ["cl100k_base", loadCl100k],
] as const) {
  const tokenizer = new BpeTokenizer(load());
  const { default: other } = await peer<{ default: GptTokenizer }>(`gpt-tokenizer/encoding/${name}`);
  other.setMergeCacheSize(0);
  bench(`encode ${name}, 1.2 MB of English`, {
    contenders: [
      contender({ peer: "runnable-ml", run: () => tokenizer.encode(text), answer: (ids) => ids }),
      contender({ peer: "gpt-tokenizer", run: () => other.encode(text), answer: (ids) => ids }),
    ],
    tolerance: 0,
  });
}
