/** What a byte-level tokenizer is made of, and how the files of data/ hold it. */

/** The tokens of a byte-pair encoding and the rule that splits text before it. */
export interface Vocabulary {
  /** bytes of each token, in order of rank: the rank of a token is its id */
  readonly ranks: readonly Uint8Array[];
  /** what each match of it is, is encoded by itself; the matches must cover every text */
  readonly pattern: RegExp;
  /** text → id of the tokens that stand for no bytes of a text */
  readonly specialTokens: Readonly<Record<string, number>>;
}

/**
 * GPT-2's rule: an English suffix, a run of letters, of digits or of other characters, each with a space before it, or white
 * space. White space is Unicode's, as in tiktoken: JavaScript's `\s` lacks U+0085 and has U+FEFF in its place.
 *
 * @example
 * "I'll pay  $10".match(GPT2_PATTERN) // ["I", "'ll", " pay", " ", " $", "10"]
 */
export const GPT2_PATTERN =
  /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

/**
 * The tokens of a vocabulary in the form of data/: 256 bytes, then pairs of earlier ids, whose bytes a token joins.
 *
 * @example
 * const bytes = btoa(String.fromCharCode(...Array(256).keys()));
 * tokensOf({ bytes, width: 2, merges: [btoa("a\0b\0")] })[256] // [97, 98]
 */
export function tokensOf(file: unknown): Uint8Array[] {
  const { bytes, width, merges } = file as { bytes: string; width: number; merges: readonly string[] };
  const tokens = Array.from(atob(bytes), (byte) => Uint8Array.of(byte.charCodeAt(0)));
  for (const line of merges) {
    const packed = atob(line);
    const id = (at: number) => {
      let value = 0;
      for (let i = width - 1; i >= 0; i--) value = value * 256 + packed.charCodeAt(at + i);
      return value;
    };
    for (let at = 0; at < packed.length; at += 2 * width) {
      const [left, right] = [tokens[id(at)]!, tokens[id(at + width)]!];
      const token = new Uint8Array(left.length + right.length);
      token.set(left);
      token.set(right, left.length);
      tokens.push(token);
    }
  }
  return tokens;
}
