/** GPT-2's vocabulary, of data/: a module of its own, so that nobody else carries its 0.3 megabytes. */
import file from "../../data/gpt2.json" with { type: "json" };
import { GPT2_PATTERN, tokensOf, type Vocabulary } from "./vocabulary.js";

/**
 * GPT-2 (r50k_base in tiktoken, GPT-3 too): 256 bytes, 50,000 merges, and `<|endoftext|>`, 50,257 ids. Radford, Wu, Child,
 * Luan, Amodei and Sutskever 2019.
 *
 * @example
 * loadGpt2().ranks.length // 50256
 */
export const loadGpt2 = (): Vocabulary => ({
  ranks: tokensOf(file),
  pattern: GPT2_PATTERN,
  specialTokens: { "<|endoftext|>": 50256 },
});
