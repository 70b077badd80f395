/** GPT-4's vocabulary, of data/: a module of its own, so that nobody else carries its 0.8 megabytes. */
import file from "../../data/cl100k-base.json" with { type: "json" };
import { tokensOf, type Vocabulary } from "./vocabulary.js";

/**
 * cl100k_base (GPT-3.5 and GPT-4): 256 bytes, 100,000 merges, and five special tokens; ids up to 100,276, of which 16 are not
 * used.
 *
 * White space is Unicode's, as in tiktoken: JavaScript's `\s` lacks U+0085 and has U+FEFF in its place. An English suffix may
 * be written in capitals, and with the long s, U+017F, which is another form of the letter s to tiktoken's case folding.
 *
 * @example
 * loadCl100k().ranks.length // 100256
 */
export const loadCl100k = (): Vocabulary => ({
  ranks: tokensOf(file),
  pattern,
  specialTokens: {
    "<|endoftext|>": 100257,
    "<|fim_prefix|>": 100258,
    "<|fim_middle|>": 100259,
    "<|fim_suffix|>": 100260,
    "<|endofprompt|>": 100276,
  },
});

const pattern =
  /'(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}+$|\p{White_Space}*[\r\n]|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}/gu;
