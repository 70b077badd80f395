/**
 * Tokenization: text becomes integers. Byte-level BPE, exactly as GPT-2 and GPT-4 do it and as it is learned; WordPiece and
 * Unigram beside it.
 *
 * Follows Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016.
 * https://arxiv.org/abs/1508.07909
 * Follows Radford, Wu, Child, Luan, Amodei, Sutskever, "Language Models are Unsupervised Multitask Learners", 2019, for bytes
 * instead of characters. https://github.com/openai/gpt-2
 * Follows Kudo, "Subword Regularization", 2018, for Unigram. https://arxiv.org/abs/1804.10959
 * But:
 * - Text is not normalised (no NFKC, no lower case): what goes in comes out, except lone surrogates, which become U+FFFD.
 * - Letters, digits and white space are those of the running JavaScript engine's version of Unicode.
 * - Unigram and WordPiece work within the words they are given; nothing here marks the beginning of a word.
 */
import { checkInteger, checkNumber } from "../../lib/check.js";
import { random } from "../../lib/random.js";
import { GPT2_PATTERN, type Vocabulary } from "../../lib/vocabulary.js";

/** Which special tokens `encode` may make of a text; the words of tiktoken. */
export interface EncodeOptions {
  /** special tokens that are recognised, default none */
  readonly allowedSpecial?: "all" | readonly string[];
  /** special tokens that the text may not contain unless allowed, default 'all'; with [] they are ordinary text */
  readonly disallowedSpecial?: "all" | readonly string[];
}

/**
 * Byte-level byte-pair encoding with a given table of tokens: `encode` text to ids, `decode` ids to text.
 *
 * The tables of GPT-2 and GPT-4 are in lib/gpt2 and lib/cl100k; `parseRanks` reads a .tiktoken file; `trainBpe` learns one.
 *
 * @example
 * const tokenizer = new BpeTokenizer({ ranks: trainBpe("low low lower", { vocabularySize: 258 }).vocabulary });
 * tokenizer.encode("low") // [257]
 * tokenizer.decode([257, 101]) // "lowe"
 */
export class BpeTokenizer {
  /** bytes of each token; the rank of a token is its id */
  readonly ranks: readonly Uint8Array[];
  /** text of each special token → id */
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly #pattern: RegExp;
  readonly #special: ReadonlyMap<number, string>;
  readonly #whole = new Map<string, number>(); // tokens that are whole characters, by their text
  readonly #pairs: Pairs;
  readonly #byteIds: Int32Array;
  readonly #short = new Uint8Array(SHORT);
  readonly #part = new Int32Array(SHORT);
  readonly #rank = new Int32Array(SHORT);

  /**
   * @param vocabulary `ranks`: bytes of each token in order of rank, all 256 single bytes among them; `pattern`: its matches are
   *   encoded one by one and must cover every text; it gets the flags g and u (default: that of GPT-2); `specialTokens`:
   *   text → id (default: none)
   * @throws RangeError if a single byte is missing, a token is empty or occurs twice, or a special token's id is used or
   *   above 2³¹ − 1
   */
  constructor({ ranks, pattern = GPT2_PATTERN, specialTokens = {} }: Pick<Vocabulary, "ranks"> & Partial<Vocabulary>) {
    this.ranks = ranks;
    this.#pattern = globalPattern(pattern);
    const ids = idsOf("BpeTokenizer", ranks);
    this.#byteIds = Int32Array.from({ length: 256 }, (_, byte) => ids.get(String.fromCharCode(byte)) ?? -1);
    const missing = this.#byteIds.indexOf(-1);
    if (missing >= 0) throw new RangeError(`BpeTokenizer: ranks must contain every single byte, got no ${missing}`);
    for (const [id, bytes] of ranks.entries()) {
      const text = textOf(bytes);
      if (text !== undefined) this.#whole.set(text, id);
    }
    this.#pairs = new Pairs(ids);
    this.specialTokens = new Map(Object.entries(specialTokens));
    this.#special = new Map([...this.specialTokens].map(([text, id]) => [id, text]));
    for (const [text, id] of this.specialTokens) {
      checkInteger("BpeTokenizer", `specialTokens["${text}"]`, id, ranks.length, NONE);
      if (text === "" || this.#special.get(id) !== text) {
        throw new RangeError(`BpeTokenizer: specialTokens must be texts with an id of their own, got "${text}": ${id}`);
      }
    }
  }

  /**
   * The ids of a text. Lone surrogates count as U+FFFD.
   *
   * @throws RangeError if the text contains a special token that is neither allowed nor taken off `disallowedSpecial`, an
   *   option names an unknown special token, or the pattern leaves a part of the text out
   */
  encode(text: string, { allowedSpecial = [], disallowedSpecial = "all" }: EncodeOptions = {}): Int32Array {
    const allowed = this.#chosen("allowedSpecial", allowedSpecial);
    const refused = this.#chosen("disallowedSpecial", disallowedSpecial).filter((token) => !allowed.includes(token));
    const found = anyOf(refused)?.exec(text);
    if (found) {
      throw new RangeError(
        `encode: text must not contain the special token ${found[0]} unless it is in allowedSpecial, got it at ${found.index}`,
      );
    }
    const ids: number[] = [];
    let start = 0;
    for (const { 0: token, index } of allowed.length > 0 ? text.matchAll(anyOf(allowed)!) : []) {
      this.#encodeOrdinary(text.slice(start, index), ids);
      ids.push(this.specialTokens.get(token)!);
      start = index + token.length;
    }
    this.#encodeOrdinary(start === 0 ? text : text.slice(start), ids);
    return Int32Array.from(ids);
  }

  /**
   * The ids of a text and where each begins.
   *
   * @returns `offsets`: one more than ids, in bytes of the text's UTF-8: id i stands for the bytes offsets[i] … offsets[i+1]−1
   * @throws as `encode`
   */
  encodeWithOffsets(text: string, options: EncodeOptions = {}): { ids: Int32Array; offsets: Int32Array } {
    const ids = this.encode(text, options);
    const offsets = new Int32Array(ids.length + 1);
    for (let i = 0; i < ids.length; i++)
      offsets[i + 1] = offsets[i]! + this.#bytes("encodeWithOffsets", ids[i]!).length;
    return { ids, offsets };
  }

  /**
   * The text of ids; bytes that are not UTF-8, as half a character is, become U+FFFD.
   *
   * @throws RangeError if an id is not one of the vocabulary
   */
  decode(ids: Iterable<number>): string {
    return new TextDecoder("utf-8", KEEP_MARK).decode(join(Array.from(ids, (id) => this.#bytes("decode", id))));
  }

  /**
   * The text of ids, piece by piece: one for each id, "" while a character is incomplete, and one more for what is left at
   * the end.
   *
   * @throws as `decode`, when it gets to the id
   */
  *decodeStream(ids: Iterable<number>): Generator<string, void> {
    const decoder = new TextDecoder("utf-8", KEEP_MARK);
    for (const id of ids) yield decoder.decode(this.#bytes("decode", id), { stream: true });
    yield decoder.decode();
  }

  #bytes(caller: string, id: number): Uint8Array {
    const special = this.#special.get(id);
    if (special !== undefined) return UTF8.encode(special);
    const bytes = this.ranks[id];
    if (bytes === undefined) throw new RangeError(`${caller}: ids must be of the vocabulary, got ${id}`);
    return bytes;
  }

  #chosen(name: string, tokens: "all" | readonly string[]): string[] {
    if (tokens === "all") return [...this.specialTokens.keys()];
    const unknown = tokens.find((token) => !this.specialTokens.has(token));
    if (unknown !== undefined) throw new RangeError(`encode: ${name} must be special tokens, got ${unknown}`);
    return [...tokens];
  }

  #encodeOrdinary(text: string, ids: number[]): void {
    const wellFormed = text.replace(LONE_SURROGATE, "\uFFFD");
    let covered = 0;
    for (const piece of wellFormed.match(this.#pattern) ?? []) {
      covered += piece.length;
      const id = this.#whole.get(piece); // (3): most pieces of English are tokens
      if (id !== undefined) ids.push(id);
      else this.#encodePiece(piece, ids);
    }
    if (covered !== wellFormed.length) {
      throw new RangeError(
        `encode: pattern must cover the text, got ${covered} of ${wellFormed.length} UTF-16 code units covered`,
      );
    }
  }

  /** Joins, again and again, the pair of neighbours whose token has the lowest rank, the first of several (2). */
  #encodePiece(piece: string, ids: number[]): void {
    const { read, written } = UTF8.encodeInto(piece, this.#short);
    if (read < piece.length) this.#encodeLong(UTF8.encode(piece), ids);
    else this.#encodeShort(written, ids);
  }

  #encodeShort(bytes: number, ids: number[]): void {
    const [part, rank] = [this.#part, this.#rank]; // rank[i]: of what part[i] and part[i + 1] would make, NONE if nothing
    let n = bytes;
    for (let i = 0; i < n; i++) part[i] = this.#byteIds[this.#short[i]!]!;
    for (let i = 0; i < n; i++) rank[i] = this.#rankAt(i, n);
    for (;;) {
      let best = 0;
      for (let i = 1; i < n; i++) if (rank[i]! < rank[best]!) best = i;
      if (rank[best] === NONE) break;
      part[best] = rank[best]!;
      n--;
      for (let i = best + 1; i < n; i++) {
        part[i] = part[i + 1]!;
        rank[i] = rank[i + 1]!;
      }
      rank[best] = this.#rankAt(best, n);
      if (best > 0) rank[best - 1] = this.#rankAt(best - 1, n);
    }
    for (let i = 0; i < n; i++) ids.push(part[i]!);
  }

  #rankAt(i: number, n: number): number {
    return i + 1 < n ? this.#pairs.get(this.#part[i]!, this.#part[i + 1]!) : NONE;
  }

  /** The same in O(n log n): neighbours in a linked list, and a heap of pairs instead of looking through them all. */
  #encodeLong(bytes: Uint8Array, ids: number[]): void {
    const n = bytes.length;
    const part = Int32Array.from(bytes, (byte) => this.#byteIds[byte]!);
    const next = Int32Array.from({ length: n }, (_, i) => i + 1); // n is the end
    const before = Int32Array.from({ length: n }, (_, i) => i - 1);
    const heap = new Heap<number>((a, b) => a < b); // rank · n + position: the lowest rank first, then the leftmost
    const offer = (i: number) => {
      if (i < 0 || next[i]! >= n) return;
      const rank = this.#pairs.get(part[i]!, part[next[i]!]!);
      if (rank !== NONE) heap.push(rank * n + i);
    };
    for (let i = 0; i < n; i++) offer(i);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const [rank, i] = [Math.floor(key / n), key % n];
      const j = next[i]!;
      if (part[i]! < 0 || j >= n) continue; // the one before has taken it, or nothing follows any more
      if (this.#pairs.get(part[i]!, part[j]!) !== rank) continue; // one of the two has grown meanwhile
      part[i] = rank;
      part[j] = -1;
      next[i] = next[j]!;
      if (next[i]! < n) before[next[i]!] = i;
      offer(i);
      offer(before[i]!);
    }
    for (let i = 0; i < n; i = next[i]!) ids.push(part[i]!);
  }
}

/**
 * The tokens in a file as tiktoken has them: a line for each, base64 of its bytes, a space, its rank.
 *
 * @returns bytes of each token in order of rank
 * @throws RangeError if a line has another form, or the ranks are not 0, 1, 2, … in some order
 * @example
 * parseRanks("YQ== 1\nYg== 0\n") // [[98], [97]]
 */
export function parseRanks(text: string): Uint8Array[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const ranks: Uint8Array[] = [];
  for (const line of lines) {
    const form = /^([A-Za-z0-9+/]+={0,2}) (\d+)\r?$/.exec(line);
    if (!form) throw new RangeError(`parseRanks: a line must be base64, a space and a rank, got "${line}"`);
    const rank = checkInteger("parseRanks", "rank", Number(form[2]), 0, lines.length - 1);
    if (ranks[rank]) throw new RangeError(`parseRanks: ranks must be different, got ${rank} twice`);
    ranks[rank] = Uint8Array.from(atob(form[1]!), (byte) => byte.charCodeAt(0));
  }
  return ranks;
}

/** Options of `trainBpe` and `trainBpeSteps`. */
export interface TrainBpeOptions {
  /** number of tokens in the end, from 256: fewer come out where nothing is left to merge */
  readonly vocabularySize: number;
  /** merges stay within its matches (with the flags g and u), the rest is not learned from; default: that of GPT-2 */
  readonly pattern?: RegExp;
}

/** One merge: the token that it makes. */
export interface BpeMerge {
  /** ids of the two tokens, neighbours so far */
  readonly pair: readonly [left: number, right: number];
  /** id of the new token */
  readonly id: number;
  /** bytes of the new token */
  readonly bytes: Uint8Array;
  /** how often the two were neighbours, overlaps ("aaa" is two) included */
  readonly count: number;
}

/**
 * Learns a byte-level BPE: as `trainBpeSteps`, run to the end.
 *
 * @returns `vocabulary`: bytes of each token in order of rank, the `ranks` of a `BpeTokenizer`
 * @throws as `trainBpeSteps`
 * @example
 * trainBpe("low low lower", { vocabularySize: 258 }).merges.map(({ count }) => count) // [3, 3]
 */
export function trainBpe(text: string, options: TrainBpeOptions): { merges: BpeMerge[]; vocabulary: Uint8Array[] } {
  const merges = [...trainBpeSteps(text, options)];
  return { merges, vocabulary: [...SINGLE_BYTES.map((byte) => byte.slice()), ...merges.map(({ bytes }) => bytes)] };
}

/**
 * Learns a byte-level BPE, a merge at a time: the most frequent pair of neighbours becomes a token; of equally frequent pairs,
 * the one with the lexicographically smaller bytes on the left, then on the right.
 *
 * Different words are counted once, with their frequency. A merge touches only the words that contain its pair; a heap knows
 * the most frequent pair, and counts that have fallen since are put back when they come up.
 *
 * @throws RangeError if vocabularySize is not an integer from 256 to 2²⁰
 * @example
 * trainBpeSteps("low low lower", { vocabularySize: 300 }).next().value.pair // [108, 111]
 */
export function trainBpeSteps(text: string, { vocabularySize, pattern = GPT2_PATTERN }: TrainBpeOptions) {
  checkInteger("trainBpe", "vocabularySize", vocabularySize, 256, IDS);
  return bpeSteps(wordsOf(text, pattern), vocabularySize);
}

function* bpeSteps({ words, frequency }: Words, vocabularySize: number): Generator<BpeMerge, void> {
  const tokens: Uint8Array[] = [...SINGLE_BYTES];
  const count = new Map<number, number>(); // pair → how often (1)
  const holders = new Map<number, Set<number>>(); // pair → words that have, or once had, it
  const add = (w: number, sign: 1 | -1) => {
    const word = words[w]!;
    for (let i = 0; i + 1 < word.length; i++) {
      const pair = word[i]! * IDS + word[i + 1]!;
      count.set(pair, (count.get(pair) ?? 0) + sign * frequency[w]!);
      if (sign < 0) continue;
      const known = holders.get(pair);
      if (known) known.add(w);
      else holders.set(pair, new Set([w]));
    }
  };
  for (let w = 0; w < words.length; w++) add(w, 1);
  const heap = new Heap(moreFrequent(tokens));
  for (const [pair, times] of count) heap.push({ pair, count: times });

  while (tokens.length < vocabularySize) {
    const top = heap.pop();
    if (!top) return;
    const now = count.get(top.pair)!;
    if (now !== top.count) {
      if (now > 0 && now < top.count) heap.push({ pair: top.pair, count: now }); // it has fallen; where it rose, it was pushed then
      continue;
    }
    if (now === 0) continue;
    const [left, right] = [Math.floor(top.pair / IDS), top.pair % IDS];
    const id = tokens.length;
    tokens.push(join([tokens[left]!, tokens[right]!]));
    const risen = new Set<number>();
    for (const w of holders.get(top.pair)!) {
      const merged = mergeIn(words[w]!, left, right, id);
      if (merged.length === words[w]!.length) continue;
      add(w, -1);
      words[w] = merged;
      add(w, 1);
      for (let i = 0; i + 1 < merged.length; i++) {
        if (merged[i] === id || merged[i + 1] === id) risen.add(merged[i]! * IDS + merged[i + 1]!);
      }
    }
    holders.delete(top.pair);
    for (const pair of risen) heap.push({ pair, count: count.get(pair)! });
    yield { pair: [left, right], id, bytes: tokens[id]!.slice(), count: now };
  }
}

/** The different matches of the pattern, as ids of bytes, and how often each occurs. */
interface Words {
  readonly words: number[][];
  readonly frequency: number[];
}

function wordsOf(text: string, pattern: RegExp): Words {
  const times = new Map<string, number>();
  for (const piece of text.replace(LONE_SURROGATE, "\uFFFD").match(globalPattern(pattern)) ?? []) {
    times.set(piece, (times.get(piece) ?? 0) + 1);
  }
  return { words: [...times.keys()].map((piece) => [...UTF8.encode(piece)]), frequency: [...times.values()] };
}

/** The word with each (left, right), from the left, replaced by id. */
function mergeIn(word: readonly number[], left: number, right: number, id: number): number[] {
  const merged: number[] = [];
  for (let i = 0; i < word.length; i++) {
    if (word[i] === left && word[i + 1] === right) {
      merged.push(id);
      i++;
    } else merged.push(word[i]!);
  }
  return merged;
}

/**
 * The fewest tokens that spell a text, by a shortest path over its bytes: what BPE does not look for.
 *
 * @param text one piece: it is not split first
 * @param ranks bytes of each token, the single bytes of the text among them
 * @returns ids; of several shortest spellings, the one whose tokens are shorter towards the end
 * @throws RangeError if ranks lacks a byte of the text, or a token is empty or occurs twice
 * @example
 * minimalTokenization("aab", ["a", "b", "aa", "ab"].map((token) => new TextEncoder().encode(token))) // [2, 1]
 */
export function minimalTokenization(text: string, ranks: readonly Uint8Array[]): Int32Array {
  const { key, ids, longest } = spelling("minimalTokenization", text, ranks);
  const tokens = new Float64Array(key.length + 1).fill(Infinity, 1); // (4)
  const last = new Int32Array(key.length + 1); // length of the last token
  for (let end = 1; end <= key.length; end++) {
    for (let length = 1; length <= Math.min(longest, end); length++) {
      if (tokens[end - length]! + 1 < tokens[end]! && ids.has(key.slice(end - length, end))) {
        tokens[end] = tokens[end - length]! + 1;
        last[end] = length;
      }
    }
  }
  if (tokens[key.length] === Infinity)
    throw new RangeError("minimalTokenization: ranks must spell the text, got a gap");
  const path: number[] = [];
  for (let end = key.length; end > 0; end -= last[end]!) path.push(ids.get(key.slice(end - last[end]!, end))!);
  return Int32Array.from(path.reverse());
}

/**
 * From the left, always the longest token that fits: what BPE is often taken for.
 *
 * @param text one piece: it is not split first
 * @param ranks bytes of each token, the single bytes of the text among them
 * @throws RangeError if ranks lacks a byte of the text, or a token is empty or occurs twice
 * @example
 * longestMatchTokenization("aab", ["a", "b", "aa", "ab"].map((token) => new TextEncoder().encode(token))) // [2, 1]
 */
export function longestMatchTokenization(text: string, ranks: readonly Uint8Array[]): Int32Array {
  const { key, ids, longest } = spelling("longestMatchTokenization", text, ranks);
  const path: number[] = [];
  for (let start = 0; start < key.length; ) {
    let length = Math.min(longest, key.length - start);
    while (length > 0 && !ids.has(key.slice(start, start + length))) length--;
    if (length === 0) throw new RangeError("longestMatchTokenization: ranks must spell the text, got a gap");
    path.push(ids.get(key.slice(start, start + length))!);
    start += length;
  }
  return Int32Array.from(path);
}

/** What a tokenizer does to a text. */
export interface TokenStatistics {
  readonly tokens: number;
  /** of the text in UTF-8 */
  readonly bytes: number;
  /** pieces between white space */
  readonly words: number;
  /** NaN of an empty text */
  readonly bytesPerToken: number;
  /** NaN of an empty text, Infinity of white space alone */
  readonly tokensPerWord: number;
}

/**
 * How many tokens a text takes, and how much text a token holds.
 *
 * @throws as the tokenizer's `encode`
 * @example
 * const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
 * tokenStatistics("to be", new BpeTokenizer({ ranks: bytes })).tokensPerWord // 2.5
 */
export function tokenStatistics(text: string, tokenizer: Pick<BpeTokenizer, "encode">): TokenStatistics {
  const tokens = tokenizer.encode(text).length;
  const bytes = UTF8.encode(text).length;
  const words = text.match(/\P{White_Space}+/gu)?.length ?? 0;
  return { tokens, bytes, words, bytesPerToken: bytes / tokens, tokensPerWord: tokens / words };
}

/** Options of `wordPieceEncode`. */
export interface WordPieceOptions {
  /** what the pieces inside a word begin with, default '##' */
  readonly prefix?: string;
  /** the piece of a word that cannot be spelled, default '[UNK]' */
  readonly unknown?: string;
  /** a word of more characters than that is unknown, default 100 */
  readonly maxCharacters?: number;
}

/**
 * WordPiece as BERT applies it: from the left, the longest piece that fits; if none fits somewhere, the whole word is unknown.
 * Follows Devlin, Chang, Lee, Toutanova, "BERT", 2019. https://arxiv.org/abs/1810.04805
 *
 * @param word one word; BERT lower-cases and splits at white space and punctuation before
 * @throws RangeError if maxCharacters is not an integer ≥ 1
 * @example
 * wordPieceEncode("unaffable", new Set(["un", "##aff", "##able"])) // ["un", "##aff", "##able"]
 */
export function wordPieceEncode(
  word: string,
  vocabulary: Pick<ReadonlySet<string>, "has">,
  { prefix = "##", unknown = "[UNK]", maxCharacters = 100 }: WordPieceOptions = {},
): string[] {
  checkInteger("wordPieceEncode", "maxCharacters", maxCharacters, 1);
  const characters = [...word];
  if (characters.length > maxCharacters) return [unknown];
  const pieces: string[] = [];
  for (let start = 0; start < characters.length; ) {
    const piece = (end: number) => (start > 0 ? prefix : "") + characters.slice(start, end).join("");
    let end = characters.length;
    while (end > start && !vocabulary.has(piece(end))) end--;
    if (end === start) return [unknown];
    pieces.push(piece(end));
    start = end;
  }
  return pieces;
}

/**
 * Learns WordPiece: characters first, then again and again the pair of neighbours with the largest
 * count(ab) / (count(a) · count(b)), the lexicographically smaller of equal ones. A full recount for each merge.
 * Follows Schuster, Nakajima, "Japanese and Korean voice search", 2012, in the form of that score that is in general use.
 * https://doi.org/10.1109/ICASSP.2012.6289079
 *
 * @param words word → how often it occurs
 * @param options vocabularySize: number of pieces in the end (more where there are more characters, fewer where nothing is left
 *   to merge); prefix as in `wordPieceEncode`
 * @throws RangeError if vocabularySize or a frequency is not an integer ≥ 1
 * @example
 * wordPieceTrain(new Map([["hug", 10], ["pug", 5]]), { vocabularySize: 5 }) // ["##g", "##u", "h", "p", "##ug"]
 */
export function wordPieceTrain(
  words: ReadonlyMap<string, number>,
  { vocabularySize, prefix = "##" }: { readonly vocabularySize: number; readonly prefix?: string },
): string[] {
  checkInteger("wordPieceTrain", "vocabularySize", vocabularySize, 1);
  for (const [word, times] of words) checkInteger("wordPieceTrain", `words["${word}"]`, times, 1);
  const spelled = [...words].map(([word, times]) => ({
    pieces: Array.from(word, (character, i) => (i > 0 ? prefix : "") + character),
    times,
  }));
  const vocabulary = [...new Set(spelled.flatMap(({ pieces }) => pieces))].sort();
  while (vocabulary.length < vocabularySize) {
    const best = bestPair(spelled);
    if (!best) break;
    const [left, right] = best;
    const joined = left + right.slice(prefix.length);
    if (!vocabulary.includes(joined)) vocabulary.push(joined);
    for (const word of spelled) {
      for (let i = 0; i + 1 < word.pieces.length; i++) {
        if (word.pieces[i] === left && word.pieces[i + 1] === right) word.pieces.splice(i, 2, joined);
      }
    }
  }
  return vocabulary;
}

function bestPair(words: readonly { pieces: readonly string[]; times: number }[]) {
  const single = new Map<string, number>();
  const pairs = new Map<string, { pair: readonly [string, string]; count: number }>();
  for (const { pieces, times } of words) {
    for (const [i, piece] of pieces.entries()) {
      single.set(piece, (single.get(piece) ?? 0) + times);
      if (i === 0) continue;
      const key = JSON.stringify([pieces[i - 1], piece]);
      const count = (pairs.get(key)?.count ?? 0) + times;
      pairs.set(key, { pair: [pieces[i - 1]!, piece], count });
    }
  }
  let best: { pair: readonly [string, string]; score: number } | undefined;
  for (const { pair, count } of pairs.values()) {
    const score = count / (single.get(pair[0])! * single.get(pair[1])!); // (5)
    if (!best || score > best.score || (score === best.score && isSmaller(pair, best.pair))) best = { pair, score };
  }
  return best?.pair;
}

const isSmaller = (a: readonly [string, string], b: readonly [string, string]) =>
  a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

/** A segmentation of a text and the logarithm of its probability. */
export interface Segmentation {
  readonly pieces: readonly string[];
  /** natural logarithm; −Infinity, with no pieces, where the text cannot be spelled */
  readonly logProbability: number;
}

/**
 * The most probable segmentation of a text under a Unigram model, pieces being independent: Viterbi.
 *
 * @param text one word: it is not split first
 * @param logProbabilities piece → natural logarithm of its probability
 * @throws RangeError if a logarithm is NaN or above 0
 * @example
 * const model = new Map([["a", Math.log(0.3)], ["b", Math.log(0.2)], ["ab", Math.log(0.5)]]);
 * unigramEncode("aab", model).pieces // ["a", "ab"]
 */
export function unigramEncode(text: string, logProbabilities: ReadonlyMap<string, number>): Segmentation {
  return viterbi(latticeOf(text, checkLexicon("unigramEncode", logProbabilities)));
}

function viterbi({ characters, arriving }: Lattice): Segmentation {
  const best = new Float64Array(characters.length + 1).fill(-Infinity, 1);
  const from = new Int32Array(characters.length + 1);
  for (let end = 1; end < best.length; end++) {
    for (const { start, logP } of arriving[end]!) {
      if (best[start]! + logP > best[end]!) {
        best[end] = best[start]! + logP; // (6)
        from[end] = start;
      }
    }
  }
  const logProbability = best[characters.length]!;
  const pieces: string[] = [];
  for (let end = logProbability > -Infinity ? characters.length : 0; end > 0; end = from[end]!) {
    pieces.push(characters.slice(from[end], end).join(""));
  }
  return { pieces: pieces.reverse(), logProbability };
}

/**
 * A segmentation drawn from the Unigram model's posterior: each with probability ∝ P(pieces)^alpha. Subword regularisation.
 *
 * @param options alpha: 1 (default) the posterior itself, 0 all alike, large only the best one; seed: default 0
 * @throws RangeError if a logarithm is NaN or above 0, or alpha is negative or not finite
 * @example
 * unigramSample("ab", new Map([["a", -1], ["b", -1], ["ab", -9]]), { alpha: 10 }).pieces // ["a", "b"]
 */
export function unigramSample(
  text: string,
  logProbabilities: ReadonlyMap<string, number>,
  { alpha = 1, seed = 0 }: { readonly alpha?: number; readonly seed?: number } = {},
): Segmentation {
  const lexicon = checkLexicon("unigramSample", logProbabilities);
  checkNumber("unigramSample", "alpha", alpha, { min: 0 });
  const { categorical } = random(seed);
  const { characters, arriving } = latticeOf(text, lexicon);
  const forward = sumsTo(arriving, alpha);
  const pieces: string[] = [];
  if (forward[characters.length] === -Infinity) return { pieces, logProbability: -Infinity };
  let logProbability = 0;
  for (let end = characters.length; end > 0; ) {
    const weights = arriving[end]!.map(({ start, logP }) => Math.exp(forward[start]! + alpha * logP - forward[end]!));
    const { start, logP } = arriving[end]![categorical(weights)]!;
    pieces.push(characters.slice(start, end).join(""));
    logProbability += logP;
    end = start;
  }
  return { pieces: pieces.reverse(), logProbability };
}

/** Options of `unigramTrainSteps`. */
export interface UnigramTrainOptions {
  /** number of pieces in the end, at least as many as there are characters; fewer where training begins with fewer */
  readonly vocabularySize: number;
  /** pieces to begin with are the substrings of up to so many characters that occur twice or more, default 6 */
  readonly maxLength?: number;
  /** EM steps between two prunings, default 2 */
  readonly emSteps?: number;
  /** share of the pieces that a pruning keeps, in (0, 1), default 0.75 */
  readonly keep?: number;
}

/** A state of Unigram training. */
export interface UnigramState {
  readonly phase: "start" | "em" | "prune";
  /** piece → natural logarithm of its probability */
  readonly logProbabilities: ReadonlyMap<string, number>;
  /** of all words, over all their segmentations; EM lowers it by 1e-9 for each character at most, a pruning by more */
  readonly logLikelihood: number;
}

/**
 * Learns a Unigram model: from many pieces, EM steps set their probabilities, prunings drop those that the corpus misses least,
 * until vocabularySize are left. Single characters always stay.
 *
 * @param words word → how often it occurs
 * @throws RangeError if an option or a frequency is outside its range, or vocabularySize is below the number of characters
 * @example
 * const steps = [...unigramTrainSteps(new Map([["hug", 10], ["hugs", 5]]), { vocabularySize: 5 })];
 * steps.at(-1).logProbabilities.has("hug") // true
 */
export function unigramTrainSteps(
  words: ReadonlyMap<string, number>,
  { vocabularySize, maxLength = 6, emSteps = 2, keep = 0.75 }: UnigramTrainOptions,
): Generator<UnigramState, void> {
  const caller = "unigramTrainSteps";
  for (const [word, times] of words) checkInteger(caller, `words["${word}"]`, times, 1);
  const characters = new Set([...words.keys()].flatMap((word) => [...word]));
  checkInteger(caller, "vocabularySize", vocabularySize, Math.max(1, characters.size));
  checkInteger(caller, "maxLength", maxLength, 1);
  checkInteger(caller, "emSteps", emSteps, 1);
  checkNumber(caller, "keep", keep, { above: 0, below: 1 });
  return unigramSteps(words, characters, { vocabularySize, maxLength, emSteps, keep });
}

function* unigramSteps(
  words: ReadonlyMap<string, number>,
  characters: ReadonlySet<string>,
  { vocabularySize, maxLength, emSteps, keep }: Required<UnigramTrainOptions>,
): Generator<UnigramState, void> {
  let model = normalised(seedCounts(words, characters, maxLength));
  let expected = expectedCounts(words, model);
  yield { phase: "start", logProbabilities: model, logLikelihood: expected.logLikelihood };
  for (;;) {
    for (let step = 0; step < emSteps; step++) {
      // A character that no segmentation needs keeps a crumb, so that every word of these characters can be spelled.
      for (const character of characters)
        expected.counts.set(character, Math.max(expected.counts.get(character) ?? 0, CRUMB));
      model = normalised(expected.counts); // M
      expected = expectedCounts(words, model); // E (7)
      yield { phase: "em", logProbabilities: model, logLikelihood: expected.logLikelihood };
    }
    if (model.size <= vocabularySize) return;
    const size = Math.max(vocabularySize, Math.floor(model.size * keep));
    model = pruned(model, expected.counts, characters, size);
    expected = expectedCounts(words, model);
    yield { phase: "prune", logProbabilities: model, logLikelihood: expected.logLikelihood };
  }
}

/** Frequencies of all characters, and of the longer substrings that occur at least twice. */
function seedCounts(words: ReadonlyMap<string, number>, characters: ReadonlySet<string>, maxLength: number) {
  const counts = new Map<string, number>();
  for (const [word, times] of words) {
    const letters = [...word];
    for (let start = 0; start < letters.length; start++) {
      for (let end = start + 1; end <= Math.min(letters.length, start + maxLength); end++) {
        const piece = letters.slice(start, end).join("");
        counts.set(piece, (counts.get(piece) ?? 0) + times);
      }
    }
  }
  for (const [piece, count] of counts) if (count < 2 && !characters.has(piece)) counts.delete(piece);
  return counts;
}

/**
 * Keeps the pieces whose loss would cost most: count · (log p(piece) − log p of its best spelling by others). A piece that is
 * rarely part of a segmentation, or nearly as probable in parts, goes first.
 */
function pruned(
  model: ReadonlyMap<string, number>,
  counts: ReadonlyMap<string, number>,
  characters: ReadonlySet<string>,
  size: number,
): Map<string, number> {
  const lexicon = lexiconOf(model);
  const cost = (piece: string, logP: number) =>
    counts.get(piece)! * (logP - viterbi(latticeOf(piece, lexicon, piece)).logProbability); // (8)
  const others = [...model].filter(([piece]) => !characters.has(piece));
  const ranked = others
    .map(([piece, logP]) => ({ piece, logP, cost: cost(piece, logP) }))
    .sort((a, b) => b.cost - a.cost || (a.piece < b.piece ? -1 : 1));
  const kept = ranked.slice(0, size - characters.size).map(({ piece, logP }) => [piece, Math.exp(logP)] as const);
  return normalised(new Map([...[...characters].map((c) => [c, Math.exp(model.get(c)!)] as const), ...kept]));
}

/** E: how often each piece is expected in the words, over all their segmentations; and their log-likelihood. */
function expectedCounts(words: ReadonlyMap<string, number>, model: ReadonlyMap<string, number>) {
  const lexicon = lexiconOf(model);
  const counts = new Map<string, number>();
  let logLikelihood = 0;
  for (const [word, times] of words) {
    const { characters, arriving } = latticeOf(word, lexicon);
    const n = characters.length;
    const forward = sumsTo(arriving, 1);
    const backward = sumsFrom(arriving);
    for (let end = 1; end <= n; end++) {
      for (const { start, logP, piece } of arriving[end]!) {
        const share = Math.exp(forward[start]! + logP + backward[end]! - forward[n]!); // (7)
        counts.set(piece, (counts.get(piece) ?? 0) + times * share);
      }
    }
    logLikelihood += times * forward[n]!;
  }
  return { counts, logLikelihood };
}

/** log Σ P(segmentation)^alpha of the first 0, 1, … characters. */
function sumsTo(arriving: Lattice["arriving"], alpha: number): Float64Array {
  const sums = new Float64Array(arriving.length).fill(-Infinity, 1);
  for (let end = 1; end < sums.length; end++) {
    for (const { start, logP } of arriving[end]!) sums[end] = logAdd(sums[end]!, sums[start]! + alpha * logP);
  }
  return sums;
}

/** log Σ P(segmentation) of what follows the first 0, 1, … characters. */
function sumsFrom(arriving: Lattice["arriving"]): Float64Array {
  const sums = new Float64Array(arriving.length).fill(-Infinity, 0, -1);
  for (let end = sums.length - 1; end > 0; end--) {
    for (const { start, logP } of arriving[end]!) sums[start] = logAdd(sums[start]!, logP + sums[end]!);
  }
  return sums;
}

/** log(eᵃ + eᵇ); the larger exponent is taken out, so that nothing overflows and a long word's 1e-400 is kept. */
function logAdd(a: number, b: number): number {
  if (a < b) return logAdd(b, a);
  return b === -Infinity ? a : a + Math.log1p(Math.exp(b - a));
}

/** Logarithms of counts / their sum, without zeros. */
function normalised(counts: ReadonlyMap<string, number>): Map<string, number> {
  let total = 0;
  for (const count of counts.values()) total += count;
  return new Map(
    [...counts].filter(([, count]) => count > 0).map(([piece, count]) => [piece, Math.log(count / total)]),
  );
}

interface Lexicon {
  readonly logProbabilities: ReadonlyMap<string, number>;
  /** characters of the longest piece */
  readonly longest: number;
}

function lexiconOf(logProbabilities: ReadonlyMap<string, number>): Lexicon {
  let longest = 0;
  for (const piece of logProbabilities.keys()) longest = Math.max(longest, [...piece].length);
  return { logProbabilities, longest };
}

function checkLexicon(caller: string, logProbabilities: ReadonlyMap<string, number>): Lexicon {
  for (const [piece, logP] of logProbabilities) {
    if (!(logP <= 0)) throw new RangeError(`${caller}: logProbabilities must be at most 0, got ${logP} of "${piece}"`);
  }
  return lexiconOf(logProbabilities);
}

/** Every way to spell a text: for each number of characters, the pieces that end there. */
interface Lattice {
  readonly characters: readonly string[];
  readonly arriving: readonly (readonly { start: number; logP: number; piece: string }[])[];
}

function latticeOf(text: string, { logProbabilities, longest }: Lexicon, except?: string): Lattice {
  const characters = [...text];
  const arriving = Array.from({ length: characters.length + 1 }, (_, end) => {
    const pieces: { start: number; logP: number; piece: string }[] = [];
    for (let start = Math.max(0, end - longest), rest = characters.slice(start, end); start < end; start++) {
      const piece = rest.join("");
      const logP = piece === except ? undefined : logProbabilities.get(piece);
      if (logP !== undefined && logP > -Infinity) pieces.push({ start, logP, piece });
      rest = rest.slice(1);
    }
    return pieces;
  });
  return { characters, arriving };
}

const LONE_SURROGATE = /\p{Surrogate}/gu; // with the u flag, the two halves of a pair are no surrogates
const UTF8 = new TextEncoder();
const KEEP_MARK = { ignoreBOM: true }; // otherwise a decoder drops U+FEFF at the beginning
const STRICT = new TextDecoder("utf-8", { ...KEEP_MARK, fatal: true });
const SINGLE_BYTES = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
const IDS = 2 ** 20; // ids are below it, so that a pair of them is an exact integer
const NONE = 2 ** 31 - 1; // above every rank, and the largest that an Int32Array holds
const SHORT = 128; // bytes of a piece, up to which looking through all pairs is faster than a heap
const CRUMB = 1e-9; // as a count

/** With the flag u a match cannot end inside a pair of surrogates, which would be two characters U+FFFD. */
const globalPattern = ({ source, flags }: RegExp) =>
  new RegExp(source, [...new Set(`${flags}g${flags.includes("v") ? "" : "u"}`)].join(""));

/** Any of the texts, the longest of several that begin at the same place. */
function anyOf(texts: readonly string[]): RegExp | undefined {
  const escaped = texts
    .toSorted((a, b) => b.length - a.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return texts.length > 0 ? new RegExp(escaped.join("|"), "g") : undefined;
}

/** Bytes as a string of as many characters: a key of maps, and its slices are the keys of slices. */
function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (let i = 0; i < bytes.length; i++) key += String.fromCharCode(bytes[i]!);
  return key;
}

/** The text of bytes that are whole characters, undefined of others. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte < 0x80)) return keyOf(bytes);
  try {
    return STRICT.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Key of each token → its id. */
function idsOf(caller: string, ranks: readonly Uint8Array[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [id, bytes] of ranks.entries()) {
    const key = keyOf(bytes);
    if (key === "" || ids.has(key)) {
      throw new RangeError(
        `${caller}: ranks must be different and not empty, got ${key ? "a repeated" : "an empty"} token ${id}`,
      );
    }
    ids.set(key, id);
  }
  return ids;
}

function spelling(caller: string, text: string, ranks: readonly Uint8Array[]) {
  const longest = ranks.reduce((most, { length }) => Math.max(most, length), 0);
  return { key: keyOf(UTF8.encode(text)), ids: idsOf(caller, ranks), longest };
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    joined.set(part, end);
    end += part.length;
  }
  return joined;
}

/**
 * (left, right) → the id of the token whose bytes are theirs together, NONE if there is none, however that token itself was made.
 *
 * The answers stay, from one text to the next, in a table of 1.5 MB at a place that follows from the pair, until another pair
 * takes it. They depend on nothing but the pair, so what was encoded before changes the time only: a third less with the table.
 */
class Pairs {
  readonly #keys: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #known = new Float64Array(PLACES).fill(-1);
  readonly #answers = new Int32Array(PLACES);

  constructor(ids: ReadonlyMap<string, number>) {
    this.#keys = [...ids.keys()];
    this.#ids = ids;
  }

  get(left: number, right: number): number {
    const place = (Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)) >>> 15;
    const pair = left * this.#keys.length + right; // exact below 2⁵³: up to 94 million tokens
    if (this.#known[place] !== pair) {
      this.#known[place] = pair;
      this.#answers[place] = this.#ids.get(this.#keys[left]! + this.#keys[right]!) ?? NONE;
    }
    return this.#answers[place]!;
  }
}
const PLACES = 2 ** 17; // 32 − 15 bits

/** A binary heap: `pop` gives the entry that comes before all others, undefined when there is none. */
class Heap<T> {
  readonly #heap: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  push(entry: T): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    for (let parent = (i - 1) >> 1; i > 0 && this.#before(entry, heap[parent]!); parent = (i - 1) >> 1) {
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  pop(): T | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const entry = heap.pop()!;
    const n = heap.length;
    if (n === 0) return top;
    let i = 0;
    for (let child = 1; child < n; child = 2 * i + 1) {
      if (child + 1 < n && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, entry)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = entry;
    return top;
  }
}

/** The pair that trains next: of the largest count, and of several the one with the smaller bytes. */
function moreFrequent(tokens: readonly Uint8Array[]) {
  return (a: { readonly pair: number; readonly count: number }, b: typeof a): boolean => {
    if (a.count !== b.count) return a.count > b.count;
    const left = compare(tokens[Math.floor(a.pair / IDS)]!, tokens[Math.floor(b.pair / IDS)]!);
    return (left || compare(tokens[a.pair % IDS]!, tokens[b.pair % IDS]!)) < 0;
  };
}

/** Lexicographic order of bytes. */
function compare(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
