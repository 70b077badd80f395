import { createHash } from "node:crypto";
import fc from "fast-check";
import cl100kRanks from "gpt-tokenizer/bpeRanks/cl100k_base";
import r50kRanks from "gpt-tokenizer/bpeRanks/r50k_base";
import { GptEncoding } from "gpt-tokenizer/GptEncoding";
import { describe, expect, test } from "vitest";
import {
  type BpeMerge,
  BpeTokenizer,
  longestMatchTokenization,
  minimalTokenization,
  parseRanks,
  tokenStatistics,
  trainBpe,
  trainBpeSteps,
  unigramEncode,
  unigramSample,
  unigramTrainSteps,
  wordPieceEncode,
  wordPieceTrain,
} from "../../src/demos/llm-internals/tokenization.js";
import { compressionFigure, tokensFigure } from "../../src/figures/llm-internals/tokenization.js";
import { loadCl100k } from "../../src/lib/cl100k.js";
import { loadGpt2 } from "../../src/lib/gpt2.js";
import { loadMobyDick } from "../../src/lib/moby-dick.js";
import { GPT2_PATTERN } from "../../src/lib/vocabulary.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("llm-internals/tokenization");

type Name = "gpt2" | "cl100k-base";
interface Fixture {
  readonly digests: Record<Name, string>;
  readonly sizes: Record<Name, { ids: number; tokens: number; special: Record<string, number> }>;
  readonly novel: Record<Name, { tokens: number; sha256: string; first: number[] }>;
  readonly random: {
    readonly seed: number;
    readonly texts: number;
    readonly block: number;
    readonly alphabets: readonly (readonly (readonly [number, number])[])[];
    readonly units: string;
    readonly ids: Record<Name, string[]>;
  };
  readonly cases: readonly ({ text: string } & Record<Name, number[]>)[];
  readonly special: { text: string; all: number[]; some: number[]; none: number[] };
  readonly decoding: readonly { encoding: Name; ids: number[]; text: string }[];
  readonly wordPiece: readonly { vocabulary: string[]; words: string[]; pieces: string[][] }[];
  readonly unigram: readonly { pieces: string[]; logProbabilities: number[]; words: string[]; encoded: string[][] }[];
}
const fixture = oracle<Fixture>();
const novel = loadMobyDick().text;
const vocabularies = { gpt2: loadGpt2(), "cl100k-base": loadCl100k() };
const gpt2 = new BpeTokenizer(vocabularies.gpt2);
const cl100k = new BpeTokenizer(vocabularies["cl100k-base"]);
const tokenizers = { gpt2, "cl100k-base": cl100k };
const names = ["gpt2", "cl100k-base"] as const;
const ordinary = { disallowedSpecial: [] };
const utf8 = new TextEncoder();
const textOf = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const sha256 = () => createHash("sha256");
/** Int32 in the machine's order of bytes, which is little-endian on everything that runs Node. */
const bytesOfIds = (ids: Int32Array) => new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);

// --- independent of the code under test: byte strings and full recounts ---

/** BPE of one piece from the definition: of all pairs of neighbours, join the first of lowest rank, until none is left. */
function naiveEncode(piece: string, ranks: ReadonlyMap<string, number>): number[] {
  const parts = Array.from(Buffer.from(piece, "utf8"), (byte) => String.fromCharCode(byte));
  for (;;) {
    const joined = parts.slice(1).map((part, i) => ranks.get(parts[i]! + part) ?? Infinity);
    const least = Math.min(...joined);
    if (least === Infinity) return parts.map((part) => ranks.get(part)!);
    const i = joined.indexOf(least);
    parts.splice(i, 2, parts[i]! + parts[i + 1]!);
  }
}
const ranksOf = (tokens: readonly Uint8Array[]) =>
  new Map(tokens.map((token, id) => [Buffer.from(token).toString("latin1"), id]));
const gpt2Ranks = ranksOf(vocabularies.gpt2.ranks);

/** Sennrich's loop: count all pairs anew for each merge; ties to the smaller bytes. */
function naiveTraining(text: string, merges: number): { left: string; right: string; count: number }[] {
  const frequency = new Map<string, number>();
  for (const piece of text.match(GPT2_PATTERN)!) frequency.set(piece, (frequency.get(piece) ?? 0) + 1);
  let words = [...frequency].map(([piece, times]) => ({
    times,
    parts: Array.from(Buffer.from(piece, "utf8"), (byte) => String.fromCharCode(byte)),
  }));
  return Array.from({ length: merges }, () => {
    const count = new Map<string, { left: string; right: string; count: number }>();
    for (const { parts, times } of words) {
      for (let i = 1; i < parts.length; i++) {
        const [left, right] = [parts[i - 1]!, parts[i]!];
        const key = `${left.length} ${left}${right}`;
        count.set(key, { left, right, count: (count.get(key)?.count ?? 0) + times });
      }
    }
    const best = [...count.values()].reduce((a, b) =>
      b.count > a.count || (b.count === a.count && (b.left < a.left || (b.left === a.left && b.right < a.right)))
        ? b
        : a,
    );
    words = words.map(({ times, parts }) => {
      const merged: string[] = [];
      for (let i = 0; i < parts.length; i++) {
        if (parts[i] === best.left && parts[i + 1] === best.right) merged.push(parts[i++]! + parts[i]!);
        else merged.push(parts[i]!);
      }
      return { times, parts: merged };
    });
    return best;
  });
}
const bytesOf = (merges: readonly BpeMerge[], id: number) =>
  id < 256 ? String.fromCharCode(id) : Buffer.from(merges[id - 256]!.bytes).toString("latin1");
const plain = (merges: readonly BpeMerge[]) =>
  merges.map(({ pair, count }) => ({ left: bytesOf(merges, pair[0]), right: bytesOf(merges, pair[1]), count }));

/** Every segmentation of a text into pieces of a model. */
function segmentations(text: string, model: ReadonlyMap<string, number>): { pieces: string[]; log: number }[] {
  if (text === "") return [{ pieces: [], log: 0 }];
  return [...model].flatMap(([piece, log]) =>
    text.startsWith(piece)
      ? segmentations(text.slice(piece.length), model).map((rest) => ({
          pieces: [piece, ...rest.pieces],
          log: log + rest.log,
        }))
      : [],
  );
}

/** The random texts of the fixture's script, by the same rule. */
function* randomTexts({ seed, alphabets }: Fixture["random"], count: number): Generator<string> {
  let x = seed;
  const below = (n: number) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
  for (let i = 0; i < count; i++) {
    const chosen = Array.from({ length: 1 + below(3) }, () => 0).map(() => alphabets[below(alphabets.length)]!);
    const character = () => {
      const alphabet = chosen[below(chosen.length)]!;
      const [first, last] = alphabet[below(alphabet.length)]!;
      return String.fromCodePoint(first + below(last - first + 1));
    };
    let text = "";
    for (let left = 1 + below(24); left > 0; left--) {
      const one = character();
      text += below(16) === 0 ? one.repeat(1 + below(20)) : one;
    }
    if (below(500) === 0) text += character().repeat(200 + below(2000));
    yield text;
  }
}
const peers = {
  gpt2: GptEncoding.getEncodingApi("r50k_base", () => r50kRanks),
  "cl100k-base": GptEncoding.getEncodingApi("cl100k_base", () => cl100kRanks),
};
/** Distinct pieces of the novel, and how often each occurs. */
const pieces = new Map<string, number>();
for (const piece of novel.match(GPT2_PATTERN)!) pieces.set(piece, (pieces.get(piece) ?? 0) + 1);

describe("claims", () => {
  claim("round-trip", () => {
    const character = fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      fc.constantFrom("\uFEFF", "\u0085", "\r\n", "e\u0301", "\u{1F469}\u200D\u{1F466}", "\u0000", " ", "日", "'s"),
    );
    const texts = fc.array(character, { maxLength: 8 }).map((list) => list.join(""));
    fc.assert(
      fc.property(texts, (text) => {
        for (const tokenizer of [gpt2, cl100k]) expect(tokenizer.decode(tokenizer.encode(text, ordinary))).toBe(text);
      }),
      { numRuns: 500 }, // of all of Unicode
    );
    const many = [...randomTexts(fixture.random, 12_000)]
      .filter((text) => !/\p{Surrogate}/u.test(text))
      .slice(0, 10_000);
    expect(many).toHaveLength(10_000);
    for (const tokenizer of [gpt2, cl100k])
      expect(many.filter((text) => tokenizer.decode(tokenizer.encode(text, ordinary)) !== text)).toEqual([]);
    for (const tokenizer of [gpt2, cl100k]) {
      expect(tokenizer.decode(tokenizer.encode("a\uD800b\uDC00\uD83D\uDE00"))).toBe("a\uFFFDb\uFFFD\u{1F600}");
      expect(tokenizer.encode("a\uDFFF")).toEqual(tokenizer.encode("a\uFFFD"));
    }
  });

  claim(
    "ids-equal-tiktoken",
    () => {
      const units = sha256();
      const blocks: Record<Name, number[]> = { gpt2: [], "cl100k-base": [] };
      const hashes = { gpt2: [] as string[], "cl100k-base": [] as string[] };
      let i = 0;
      for (const text of randomTexts(fixture.random, fixture.random.texts)) {
        units.update(Buffer.from(`${text}\n`, "utf16le"));
        i++;
        for (const name of names) {
          const ids = tokenizers[name].encode(text, ordinary);
          blocks[name].push(ids.length, ...ids);
          if (i % fixture.random.block !== 0) continue;
          const block = bytesOfIds(Int32Array.from(blocks[name]));
          hashes[name].push(sha256().update(block).digest("hex").slice(0, 16));
          blocks[name] = [];
        }
      }
      expect(i).toBe(100_000);
      expect(units.digest("hex")).toBe(fixture.random.units); // the same texts as in Python
      expect(hashes).toEqual(fixture.random.ids);
      for (const name of names) {
        const ids = tokenizers[name].encode(novel);
        expect([...ids.slice(0, 50)]).toEqual(fixture.novel[name].first);
        expect(sha256().update(bytesOfIds(ids)).digest("hex")).toBe(fixture.novel[name].sha256);
        for (const { text, ...expected } of fixture.cases) {
          expect([...tokenizers[name].encode(text, ordinary)], JSON.stringify(text)).toEqual(expected[name]);
        }
      }
      expect([...cl100k.encode("\u0085 \u0085x")]).toEqual([126, 227, 220, 126, 227, 87]);
      expect([...cl100k.encode("\uFEFF")]).toEqual([3305]);
      expect(fixture.sizes.gpt2).toMatchObject({ ids: 50_257, tokens: 256 + 50_000 + 1 });
      expect(fixture.sizes["cl100k-base"]).toMatchObject({ ids: 100_277, tokens: 100_256 + 5 });
      for (const name of names) {
        expect(vocabularies[name].ranks.length).toBe(fixture.sizes[name].tokens - tokenizers[name].specialTokens.size);
        expect(Object.fromEntries(tokenizers[name].specialTokens)).toEqual(fixture.sizes[name].special);
      }
    },
    90_000,
  );

  claim(
    "gpt-tokenizer-differs",
    () => {
      const differs = (name: Name, text: string) => {
        const theirs = Int32Array.from(peers[name].encode(text, { disallowedSpecial: new Set() }));
        return Buffer.compare(bytesOfIds(theirs), bytesOfIds(tokenizers[name].encode(text, ordinary))) !== 0;
      };
      for (const name of names) expect(differs(name, novel)).toBe(false);
      // Its \s is JavaScript's, and its lookup of bytes goes through a TextDecoder, which drops a leading U+FEFF.
      const seen = { gpt2: 0, "cl100k-base": 0 };
      for (const text of randomTexts(fixture.random, 2000)) {
        for (const name of names) {
          if (!differs(name, text)) continue;
          seen[name]++;
          expect(text, JSON.stringify(text)).toMatch(/[\u0085\uFEFF]/);
        }
      }
      expect(seen.gpt2).toBeGreaterThan(5);
      expect(seen["cl100k-base"]).toBeGreaterThan(50);
      const nextLine = fixture.cases.find(({ text }) => text === "\u0085 \u0085x")!;
      const mark = fixture.cases.find(({ text }) => text === "x\uFEFF")!;
      for (const [{ text, ...right }, theirs] of [
        [nextLine, [126, 227, 2188, 227, 87]],
        [mark, [87, 171, 3299]],
      ] as const) {
        expect([...cl100k.encode(text)]).toEqual(right["cl100k-base"]); // tiktoken's
        expect(peers["cl100k-base"].encode(text)).toEqual(theirs); // decodes to the same text, but is not what a model was trained on
        expect(cl100k.decode(theirs)).toBe(text);
      }
    },
    90_000,
  );

  claim("novel-in-tokens", () => {
    const [a, b] = [tokenStatistics(novel, gpt2), tokenStatistics(novel, cl100k)];
    expect([a.tokens, b.tokens, a.bytes]).toEqual([287_230, 280_536, 1_193_018]);
    expect([fixture.novel.gpt2.tokens, fixture.novel["cl100k-base"].tokens]).toEqual([a.tokens, b.tokens]);
    expect([a.bytesPerToken, b.bytesPerToken].map((v) => v.toFixed(2))).toEqual(["4.15", "4.25"]);
    expect([a.tokensPerWord, b.tokensPerWord].map((v) => v.toFixed(2))).toEqual(["1.38", "1.35"]);
  });

  claim("bpe-is-not-minimal", () => {
    const spelled = (ids: ArrayLike<number>) => Array.from(ids, (id) => gpt2.decode([id]));
    expect(spelled(gpt2.encode(" whalemen"))).toEqual([" wh", "al", "emen"]);
    expect(spelled(minimalTokenization(" whalemen", vocabularies.gpt2.ranks))).toEqual([" whale", "men"]);
    let [affected, total] = [0, 0];
    for (const [piece, times] of pieces) {
      const fewest = fewestTokens(piece);
      if (fewest < gpt2.encode(piece).length) affected++;
      total += times * fewest;
    }
    expect(total).toBe(285_845);
    expect((affected / pieces.size).toFixed(3)).toBe("0.035");
    expect(((287_230 - total) / 287_230).toFixed(3)).toBe("0.005");
  });

  claim("rank-is-not-longest-match", () => {
    const spelled = (ids: ArrayLike<number>) => Array.from(ids, (id) => gpt2.decode([id]));
    expect(spelled(gpt2.encode(" Ahab"))).toEqual([" A", "hab"]);
    expect(spelled(longestMatchTokenization(" Ahab", vocabularies.gpt2.ranks))).toEqual([" Ah", "ab"]);
    let different = 0;
    for (const piece of pieces.keys()) {
      if (JSON.stringify(longestMatch(piece)) !== JSON.stringify([...gpt2.encode(piece)])) different++;
    }
    expect((different / pieces.size).toFixed(2)).toBe("0.23");
  });

  claim("not-additive", () => {
    const ids = (text: string) => [...cl100k.encode(text)];
    expect([...ids("hello"), ...ids("world")]).toEqual([15339, 14957]);
    expect(ids("helloworld")).toEqual([71, 96392]);
    expect([...ids("The "), ...ids("cat")]).toEqual([791, 220, 4719]);
    expect(ids("The cat")).toEqual([791, 8415]);
  });

  claim("digits-in-threes", () => {
    const spelled = (tokenizer: BpeTokenizer) =>
      Array.from(tokenizer.encode("12345678"), (id) => tokenizer.decode([id]));
    expect(spelled(cl100k)).toEqual(["123", "456", "78"]);
    expect(spelled(gpt2)).toEqual(["123", "45", "678"]);
  });

  claim("training-counts", () => {
    const corpus = ["low_".repeat(5), "lower_".repeat(2), "newest_".repeat(6), "widest_".repeat(3)].join("");
    const { merges } = trainBpe(corpus, { vocabularySize: 261, pattern: /[a-z]+_/g });
    expect(plain(merges)).toEqual([
      { left: "e", right: "s", count: 9 },
      { left: "es", right: "t", count: 9 },
      { left: "est", right: "_", count: 9 },
      { left: "l", right: "o", count: 7 },
      { left: "lo", right: "w", count: 7 },
    ]);
    const part = novel.slice(0, 200_000);
    expect(plain(trainBpe(part, { vocabularySize: 256 + 60 }).merges)).toEqual(naiveTraining(part, 60));
  });
});

const longestToken = vocabularies.gpt2.ranks.reduce((most, { length }) => Math.max(most, length), 0);

/** Length of the shortest spelling in GPT-2's tokens, forwards over byte strings. */
function fewestTokens(piece: string): number {
  const bytes = Buffer.from(piece, "utf8").toString("latin1");
  const tokens = [0];
  for (let start = 0; start < bytes.length; start++) {
    for (let end = start + 1; end <= Math.min(bytes.length, start + longestToken); end++) {
      if (gpt2Ranks.has(bytes.slice(start, end))) tokens[end] = Math.min(tokens[end] ?? Infinity, tokens[start]! + 1);
    }
  }
  return tokens[bytes.length]!;
}

function longestMatch(piece: string): number[] {
  const bytes = Buffer.from(piece, "utf8").toString("latin1");
  if (bytes === "") return [];
  let end = Math.min(bytes.length, longestToken);
  while (!gpt2Ranks.has(bytes.slice(0, end))) end--;
  const rest = Buffer.from(bytes.slice(end), "latin1");
  const found: number[] = [gpt2Ranks.get(bytes.slice(0, end))!];
  for (let left = rest.toString("latin1"); left !== ""; left = left.slice(end)) {
    end = Math.min(left.length, longestToken);
    while (!gpt2Ranks.has(left.slice(0, end))) end--;
    found.push(gpt2Ranks.get(left.slice(0, end))!);
  }
  return found;
}

describe("tiktoken", () => {
  test("special tokens: all, some, or none of them recognised", () => {
    const { text, all, some, none } = fixture.special;
    expect([...cl100k.encode(text, { allowedSpecial: "all" })]).toEqual(all);
    expect([...cl100k.encode(text, { allowedSpecial: ["<|endoftext|>"], disallowedSpecial: [] })]).toEqual(some);
    expect([...cl100k.encode(text, ordinary)]).toEqual(none);
    expect(cl100k.decode(all)).toBe(text);
  });

  test("decoding of any ids: the same replacement characters", () => {
    for (const { encoding, ids, text } of fixture.decoding) expect(tokenizers[encoding].decode(ids)).toBe(text);
  });
});

describe("encoding", () => {
  test("short and long pieces are merged as the definition says", () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "b", "c", "é", "日"), maxLength: 30 }),
      fc.string({ unit: fc.constantFrom("a", "b", "ab", "t", "h"), minLength: 100, maxLength: 200 }),
      fc.tuple(fc.constantFrom("a", "ha", "日", "the"), fc.integer({ min: 1, max: 130 })).map(([s, n]) => s.repeat(n)),
    );
    const whole = new BpeTokenizer({ ranks: vocabularies.gpt2.ranks, pattern: /.+/su });
    fc.assert(
      fc.property(text, (piece) => {
        expect([...whole.encode(piece)]).toEqual(naiveEncode(piece, gpt2Ranks));
      }),
      { numRuns: 200 },
    );
    for (const n of [127, 128, 129])
      expect([...whole.encode("q".repeat(n))]).toEqual(naiveEncode("q".repeat(n), gpt2Ranks));
  });

  test("a table whose ids are not in the order of bytes, and tokens that merges do not reach", () => {
    const ranks = [
      ...Array.from({ length: 256 }, (_, i) => Uint8Array.of(255 - i)),
      ...["xyz", "ab", "bc"].map((t) => utf8.encode(t)),
    ];
    const tokenizer = new BpeTokenizer({ ranks, pattern: /[a-z]+/g });
    expect([...tokenizer.encode("abc")]).toEqual([257, 255 - 99]);
    expect([...tokenizer.encode("xyz")]).toEqual([256]); // a whole piece is a token, as in tiktoken, though no merge makes it
    expect([...tokenizer.encode("xyzz")]).toEqual([..."xyzz"].map((c) => 255 - c.charCodeAt(0)));
  });

  test("a lone surrogate is U+FFFD also where that is a token that merges do not reach", () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    const tokenizer = new BpeTokenizer({ ranks: [...bytes, utf8.encode("\uFFFD")] });
    expect([...tokenizer.encode("\uFFFD")]).toEqual([256]);
    expect([...tokenizer.encode("\uD800")]).toEqual([256]);
  });

  test("offsets are bytes; tokens there spell the text", () => {
    for (const text of ["", "naïve 👍🏽 text", "日本語", "a<|endoftext|>b"]) {
      const { ids, offsets } = cl100k.encodeWithOffsets(text, { allowedSpecial: "all" });
      expect(ids).toEqual(cl100k.encode(text, { allowedSpecial: "all" }));
      expect([offsets.length, offsets[0], offsets.at(-1)]).toEqual([ids.length + 1, 0, utf8.encode(text).length]);
      ids.forEach((id, i) => {
        const bytes = utf8.encode(text).slice(offsets[i], offsets[i + 1]);
        expect(cl100k.decode([id])).toBe(textOf(bytes));
      });
    }
    expect([...gpt2.encodeWithOffsets("héllo").offsets]).toEqual([0, 1, 3, 6]);
  });

  test("a stream keeps half a character back", () => {
    const ids = cl100k.encode("👩🏽 日");
    const chunks = [...cl100k.decodeStream(ids)];
    expect(chunks).toHaveLength(ids.length + 1);
    expect(chunks.join("")).toBe("👩🏽 日");
    expect(chunks.join("")).not.toContain("\uFFFD");
    expect(chunks).toContain("");
    expect([...cl100k.decodeStream(ids.slice(0, 1))].join("")).toBe("\uFFFD");
    expect(cl100k.decode(cl100k.encode("\uFEFFa"))).toBe("\uFEFFa");
  });

  test("empty text, no ids", () => {
    expect(gpt2.encode("")).toEqual(new Int32Array());
    expect(gpt2.decode([])).toBe("");
    expect([...gpt2.encodeWithOffsets("").offsets]).toEqual([0]);
    expect(tokenStatistics("", gpt2)).toEqual({
      tokens: 0,
      bytes: 0,
      words: 0,
      bytesPerToken: NaN,
      tokensPerWord: NaN,
    });
    expect(tokenStatistics(" ", gpt2)).toMatchObject({ bytesPerToken: 1, tokensPerWord: Infinity });
  });

  test("a run of 300,000 letters in well under quadratic time", () => {
    const ids = gpt2.encode("ab".repeat(150_000)); // 9·10¹⁰ steps if each merge looked at every pair
    expect(gpt2.decode(ids)).toBe("ab".repeat(150_000));
  }, 20_000);

  test("the caller's vocabulary is not changed, nor its pattern moved", () => {
    const pattern = /./gs;
    pattern.lastIndex = 1;
    const ranks = Array.from({ length: 256 }, (_, byte) => Object.freeze([byte])).map(([byte]) => Uint8Array.of(byte!));
    const tokenizer = new BpeTokenizer({ ranks: Object.freeze(ranks), pattern });
    expect([...tokenizer.encode("ab")]).toEqual([97, 98]);
    expect([...tokenizer.encode("ab")]).toEqual([97, 98]);
    expect(pattern.lastIndex).toBe(1);
  });

  test("a pattern without the flag u does not cut a character in two; one with v keeps it", () => {
    const ranks = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    for (const flags of ["s", "gs", "su", "sv"]) {
      const pattern = new RegExp(".", flags);
      expect([...new BpeTokenizer({ ranks, pattern }).encode("a😀")]).toEqual([97, 0xf0, 0x9f, 0x98, 0x80]);
      expect(trainBpe("😀😀", { vocabularySize: 257, pattern }).merges[0]).toMatchObject({
        pair: [0x98, 0x80],
        count: 2,
      });
    }
  });

  test("what was encoded before changes nothing", () => {
    const used = new BpeTokenizer(vocabularies.gpt2);
    const texts = [...randomTexts(fixture.random, 300)];
    const first = texts.map((text) => used.encode(text, ordinary));
    expect(texts.toReversed().map((text) => used.encode(text, ordinary))).toEqual(first.toReversed());
  });

  test("errors", () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    const fails = (body: () => unknown, message: string) => expect(body).toThrow(new RangeError(message));
    fails(
      () => gpt2.encode("a<|endoftext|>"),
      "encode: text must not contain the special token <|endoftext|> unless it is in allowedSpecial, got it at 1",
    );
    fails(
      () => gpt2.encode("a", { allowedSpecial: ["<x>"] }),
      "encode: allowedSpecial must be special tokens, got <x>",
    );
    fails(
      () => gpt2.encode("a", { disallowedSpecial: ["y"] }),
      "encode: disallowedSpecial must be special tokens, got y",
    );
    for (const id of [50_257, -1, 0.5, NaN])
      fails(() => gpt2.decode([id]), `decode: ids must be of the vocabulary, got ${id}`);
    fails(() => cl100k.decode([100_256]), "decode: ids must be of the vocabulary, got 100256");
    fails(
      () => new BpeTokenizer({ ranks: bytes.slice(0, 255) }),
      "BpeTokenizer: ranks must contain every single byte, got no 255",
    );
    fails(
      () => new BpeTokenizer({ ranks: [...bytes, Uint8Array.of(7)] }),
      "BpeTokenizer: ranks must be different and not empty, got a repeated token 256",
    );
    fails(
      () => new BpeTokenizer({ ranks: [...bytes, new Uint8Array()] }),
      "BpeTokenizer: ranks must be different and not empty, got an empty token 256",
    );
    fails(
      () => new BpeTokenizer({ ranks: bytes, specialTokens: { "<s>": 255 } }),
      'BpeTokenizer: specialTokens["<s>"] must be an integer in [256, 2147483647], got 255',
    );
    fails(
      () => new BpeTokenizer({ ranks: bytes, specialTokens: { "<s>": 2 ** 31 } }),
      'BpeTokenizer: specialTokens["<s>"] must be an integer in [256, 2147483647], got 2147483648',
    );
    fails(
      () => new BpeTokenizer({ ranks: bytes, specialTokens: { "<s>": 256, "<t>": 256 } }),
      'BpeTokenizer: specialTokens must be texts with an id of their own, got "<s>": 256',
    );
    fails(
      () => new BpeTokenizer({ ranks: bytes, specialTokens: { "": 256 } }),
      'BpeTokenizer: specialTokens must be texts with an id of their own, got "": 256',
    );
    fails(
      () => new BpeTokenizer({ ranks: bytes, pattern: /[a-z]+/ }).encode("ab1"),
      "encode: pattern must cover the text, got 2 of 3 UTF-16 code units covered",
    );
  });

  test("special tokens that begin alike: the longest", () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    const tokenizer = new BpeTokenizer({ ranks: bytes, specialTokens: { "<a": 256, "<a>+": 257 } });
    expect([...tokenizer.encode("<a>+<a", { allowedSpecial: "all" })]).toEqual([257, 256]);
  });

  test("parseRanks reads a .tiktoken file in any order of lines", () => {
    const ranks = vocabularies.gpt2.ranks.slice(0, 2000);
    const lines = ranks.map((bytes, id) => `${Buffer.from(bytes).toString("base64")} ${id}`);
    expect(parseRanks(lines.toReversed().join("\r\n"))).toEqual(ranks);
    const fails = (text: string, message: string) => expect(() => parseRanks(text)).toThrow(new RangeError(message));
    fails("YQ==0", 'parseRanks: a line must be base64, a space and a rank, got "YQ==0"');
    fails("YQ== 0\nYg== 2", "parseRanks: rank must be an integer in [0, 1], got 2");
    fails("YQ== 0\nYg== 0", "parseRanks: ranks must be different, got 0 twice");
  });
});

describe("training", () => {
  test("equals a full recount on random corpora, ties and overlaps included", () => {
    const corpus = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 1, maxLength: 9 }), {
      minLength: 3,
      maxLength: 12,
    });
    fc.assert(
      fc.property(corpus, (words) => {
        const text = words.join(" ");
        const { merges } = trainBpe(text, { vocabularySize: 262 });
        expect(plain(merges)).toEqual(naiveTraining(text, merges.length));
      }),
      { numRuns: 200 },
    );
  });

  test("overlapping pairs count, merges go from the left, and training stops when nothing is left", () => {
    const { merges, vocabulary } = trainBpe("aaaa", { vocabularySize: 300 });
    expect(plain(merges)).toEqual([
      { left: "a", right: "a", count: 3 },
      { left: "aa", right: "aa", count: 1 },
    ]);
    expect(vocabulary).toHaveLength(258);
    expect(textOf(vocabulary[257]!)).toBe("aaaa");
    expect(merges.map(({ id }) => id)).toEqual([256, 257]);
  });

  test("the learned table encodes what it learned from as training left it", () => {
    const part = loadMobyDick().chapters[2]!;
    const { vocabulary } = trainBpe(part, { vocabularySize: 600 });
    const tokenizer = new BpeTokenizer({ ranks: vocabulary });
    expect(tokenizer.decode(tokenizer.encode(part))).toBe(part);
    const larger = trainBpe(part, { vocabularySize: 900 }).vocabulary;
    expect(larger.slice(0, 600)).toEqual(vocabulary);
    expect(new BpeTokenizer({ ranks: larger }).encode(part).length).toBeLessThan(tokenizer.encode(part).length);
  });

  test("errors", () => {
    for (const vocabularySize of [255, 2 ** 20 + 1, 300.5, NaN]) {
      expect(() => trainBpeSteps("a", { vocabularySize })).toThrow(
        new RangeError(`trainBpe: vocabularySize must be an integer in [256, 1048576], got ${vocabularySize}`),
      );
    }
    expect(trainBpe("", { vocabularySize: 300 }).merges).toEqual([]);
  });
});

describe("other ways to cut", () => {
  test("the fewest tokens, and the longest match", () => {
    const tokens = ["a", "b", "c", "ab", "bc", "abc", "ca", "aa"].map((token) => utf8.encode(token));
    const texts = ["a", "b", "c", "ab", "bc", "abc", "ca", "aa"];
    const model = new Map(texts.map((piece) => [piece, -1]));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 }), (text) => {
        const fewest = minimalTokenization(text, tokens);
        expect(Array.from(fewest, (id) => texts[id]).join("")).toBe(text);
        expect(fewest.length).toBe(Math.min(...segmentations(text, model).map(({ pieces: p }) => p.length)));
        let left = text;
        for (const id of longestMatchTokenization(text, tokens)) {
          const fitting = texts.filter((piece) => left.startsWith(piece));
          expect(texts[id]!.length).toBe(Math.max(...fitting.map(({ length }) => length)));
          left = left.slice(texts[id]!.length);
        }
        expect(left).toBe("");
      }),
    );
    expect([...minimalTokenization("aab", tokens)]).toEqual([7, 1]); // not a, ab
    for (const cut of [minimalTokenization, longestMatchTokenization]) {
      expect(() => cut("ax", tokens)).toThrow(new RangeError(`${cut.name}: ranks must spell the text, got a gap`));
    }
  });

  test("WordPiece as Hugging Face applies it", () => {
    for (const { vocabulary, words, pieces: expected } of fixture.wordPiece) {
      const encoded = words.map((word) => wordPieceEncode(word, new Set(vocabulary), { maxCharacters: 7 }));
      expect(encoded).toEqual(expected);
    }
    expect(wordPieceEncode("", new Set(["a"]))).toEqual([]);
    expect(wordPieceEncode("😀a", new Set(["😀", "@a"]), { prefix: "@" })).toEqual(["😀", "@a"]);
    expect(wordPieceEncode("x", new Set(), { unknown: "?" })).toEqual(["?"]);
    expect(wordPieceEncode("x".repeat(101), new Set(["x", "##x"]))).toEqual(["[UNK]"]);
    expect(() => wordPieceEncode("x", new Set(), { maxCharacters: 0 })).toThrow(
      new RangeError("wordPieceEncode: maxCharacters must be an integer at least 1, got 0"),
    );
  });

  // hug 10, pug 5, pun 12, bun 4, hugs 5: counts h 15, p 17, b 4, ##u 36, ##g 20, ##n 16, ##s 5; ##gs scores 5/(20·5) = 0.05.
  test("WordPiece learns by association: the rare pair first", () => {
    const words = new Map([
      ["hug", 10],
      ["pug", 5],
      ["pun", 12],
      ["bun", 4],
      ["hugs", 5],
    ]);
    const letters = ["##g", "##n", "##s", "##u", "b", "h", "p"];
    expect(wordPieceTrain(words, { vocabularySize: 1 })).toEqual(letters);
    expect(wordPieceTrain(words, { vocabularySize: 8 })).toEqual([...letters, "##gs"]);
    // Then every pair with ##u scores 1/36, as in h·##u, 15/(15·36): ##u·##g is the smallest.
    expect(wordPieceTrain(words, { vocabularySize: 9 }).at(-1)).toBe("##ug");
    expect(wordPieceTrain(new Map([["ab", 1]]), { vocabularySize: 50 })).toEqual(["##b", "a", "ab"]);
    expect(() => wordPieceTrain(words, { vocabularySize: 0 })).toThrow(
      new RangeError("wordPieceTrain: vocabularySize must be an integer at least 1, got 0"),
    );
    expect(() => wordPieceTrain(new Map([["a", 0]]), { vocabularySize: 5 })).toThrow(
      new RangeError('wordPieceTrain: words["a"] must be an integer at least 1, got 0'),
    );
  });
});

describe("Unigram", () => {
  const model = new Map(
    Object.entries({ a: 0.1, b: 0.2, c: 0.15, ab: 0.2, bc: 0.05, abc: 0.1, ca: 0.2 }).map(([p, q]) => [p, Math.log(q)]),
  );

  test("Viterbi equals Hugging Face and the best of all segmentations", () => {
    for (const { pieces: list, logProbabilities, words, encoded } of fixture.unigram) {
      const logs = new Map(list.map((piece, i) => [piece, logProbabilities[i]!]));
      expect(words.map((word) => unigramEncode(word, logs).pieces)).toEqual(encoded);
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 9 }), (text) => {
        const found = unigramEncode(text, model);
        const best = segmentations(text, model).reduce((a, b) => (b.log > a.log ? b : a));
        expect(found.logProbability).toBeCloseTo(best.log, 10);
        expect(found.pieces.join("")).toBe(text);
        expect(found.pieces.reduce((sum, piece) => sum + model.get(piece)!, 0)).toBeCloseTo(best.log, 10);
      }),
    );
    expect(unigramEncode("ax", model)).toEqual({ pieces: [], logProbability: -Infinity });
    expect(unigramEncode("a", new Map([["a", -Infinity]]))).toEqual({ pieces: [], logProbability: -Infinity });
  });

  test("samples follow P^alpha, and the same seed gives the same pieces", () => {
    for (const alpha of [0, 0.5, 1]) {
      const all = segmentations("abca", model);
      const weights = all.map(({ log }) => Math.exp(alpha * log));
      const total = weights.reduce((a, b) => a + b);
      const counts = new Map<string, number>();
      for (let seed = 0; seed < 2000; seed++) {
        const { pieces: drawn, logProbability } = unigramSample("abca", model, { alpha, seed });
        expect(logProbability).toBeCloseTo(
          drawn.reduce((sum, piece) => sum + model.get(piece)!, 0),
          10,
        );
        counts.set(drawn.join("|"), (counts.get(drawn.join("|")) ?? 0) + 1);
      }
      all.forEach(({ pieces: list }, i) => {
        const p = weights[i]! / total; // five standard deviations of a binomial
        expect(Math.abs((counts.get(list.join("|")) ?? 0) / 2000 - p)).toBeLessThan(
          5 * Math.sqrt((p * (1 - p)) / 2000),
        );
      });
    }
    expect(unigramSample("abcab", model, { seed: 3 })).toEqual(unigramSample("abcab", model, { seed: 3 }));
    expect(unigramSample("x", model)).toEqual({ pieces: [], logProbability: -Infinity });
    expect(() => unigramSample("a", model, { alpha: -1 })).toThrow(
      new RangeError("unigramSample: alpha must be a finite number in [0, Infinity), got -1"),
    );
    expect(() => unigramEncode("a", new Map([["a", 0.1]]))).toThrow(
      new RangeError('unigramEncode: logProbabilities must be at most 0, got 0.1 of "a"'),
    );
    expect(() => unigramEncode("a", new Map([["a", NaN]]))).toThrow(
      new RangeError('unigramEncode: logProbabilities must be at most 0, got NaN of "a"'),
    );
  });

  test("EM steps are those of the definition and never lower the likelihood", () => {
    const words = new Map([
      ["abca", 3],
      ["cab", 5],
      ["bcab", 2],
      ["aab", 4],
    ]);
    const states = [...unigramTrainSteps(words, { vocabularySize: 3, emSteps: 3, keep: 0.7 })];
    expect(states[0]!.phase).toBe("start");
    expect(states[0]!.logProbabilities.get("ab")).toBeCloseTo(Math.log(14 / countAll(words)), 10);
    states.forEach((state, t) => {
      const likelihood = [...words].reduce((sum, [word, times]) => {
        const all = segmentations(word, state.logProbabilities);
        return sum + times * Math.log(all.reduce((s, { log }) => s + Math.exp(log), 0));
      }, 0);
      expect(state.logLikelihood).toBeCloseTo(likelihood, 8);
      expect([...state.logProbabilities.values()].reduce((s, log) => s + Math.exp(log), 0)).toBeCloseTo(1, 10);
      if (state.phase !== "em") return;
      const before = states[t - 1]!;
      expect(state.logLikelihood).toBeGreaterThanOrEqual(before.logLikelihood - 4e-9); // three crumbs, and rounding
      const expected = new Map<string, number>();
      for (const [word, times] of words) {
        const all = segmentations(word, before.logProbabilities);
        const total = all.reduce((s, { log }) => s + Math.exp(log), 0);
        for (const { pieces: list, log } of all) {
          for (const piece of list) expected.set(piece, (expected.get(piece) ?? 0) + (times * Math.exp(log)) / total);
        }
      }
      const sum = [...expected.values()].reduce((a, b) => a + b);
      for (const [piece, log] of state.logProbabilities)
        expect(Math.exp(log)).toBeCloseTo((expected.get(piece) ?? 0) / sum, 8);
    });
    expect([...states.at(-1)!.logProbabilities.keys()].sort()).toEqual(["a", "b", "c"]);
    expect([...unigramTrainSteps(new Map([["ab", 1]]), { vocabularySize: 9 })].at(-1)!.logProbabilities.size).toBe(2);
    const sizes = states.filter(({ phase }) => phase === "prune").map(({ logProbabilities }) => logProbabilities.size);
    expect(sizes.length).toBeGreaterThan(2);
    expect(sizes.every((size, i) => i === 0 || size < sizes[i - 1]!)).toBe(true);
  });

  test("pruning keeps what the corpus would miss most", () => {
    const words = new Map([
      ["the", 50],
      ["then", 20],
      ["hen", 5],
      ["ten", 3],
      ["net", 2],
    ]);
    const last = [...unigramTrainSteps(words, { vocabularySize: 6 })].at(-1)!;
    expect(last.logProbabilities.size).toBe(6);
    expect([...last.logProbabilities.keys()]).toEqual(expect.arrayContaining(["t", "h", "e", "n", "the"]));
  });

  test("errors", () => {
    const words = new Map([["ab", 2]]);
    const fails = (options: object, message: string) =>
      expect(() => unigramTrainSteps(words, { vocabularySize: 3, ...options })).toThrow(
        new RangeError(`unigramTrainSteps: ${message}`),
      );
    fails({ vocabularySize: 1 }, "vocabularySize must be an integer at least 2, got 1");
    fails({ maxLength: 0 }, "maxLength must be an integer at least 1, got 0");
    fails({ emSteps: 0 }, "emSteps must be an integer at least 1, got 0");
    fails({ keep: 1 }, "keep must be a finite number in (0, 1), got 1");
    expect(() => unigramTrainSteps(new Map([["a", 0.5]]), { vocabularySize: 3 })).toThrow(
      new RangeError('unigramTrainSteps: words["a"] must be an integer at least 1, got 0.5'),
    );
  });
});

/** How many substrings of up to six characters there are, those that occur once left out. */
function countAll(words: ReadonlyMap<string, number>): number {
  const counts = new Map<string, number>();
  for (const [word, times] of words) {
    for (let i = 0; i < word.length; i++) {
      for (let j = i + 1; j <= word.length; j++) {
        const piece = word.slice(i, j);
        counts.set(piece, (counts.get(piece) ?? 0) + times);
      }
    }
  }
  return [...counts.values()].filter((count) => count >= 2).reduce((a, b) => a + b, 0);
}

test("the figures describe what they draw", () => {
  for (const tokenizer of ["single bytes", "GPT-2", "cl100k_base"]) {
    const { description } = tokensFigure.draw({ tokenizer, sample: "numbers" });
    expect(description).toContain(`of ${tokenizer}`);
  }
  expect(tokensFigure.draw({ tokenizer: "single bytes", sample: "Japanese" }).description).toContain(
    "1.00 bytes per token",
  );
  expect(compressionFigure.draw({ characters: 10_000, vocabularySize: 256 }).description).toContain(
    "learned from 1.00",
  );
});
