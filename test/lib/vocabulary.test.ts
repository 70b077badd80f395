import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { loadCl100k } from "../../src/lib/cl100k.js";
import { loadGpt2 } from "../../src/lib/gpt2.js";
import { GPT2_PATTERN, tokensOf } from "../../src/lib/vocabulary.js";

// Published with tiktoken (tiktoken_ext/openai_public.py) as the hashes of the files that it downloads.
test.each([
  ["r50k_base", loadGpt2, "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930", 50_256],
  ["cl100k_base", loadCl100k, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", 100_256],
])("%s, written as tiktoken's file, has the SHA-256 that OpenAI published", (_, load, digest, size) => {
  const { ranks } = load();
  expect(ranks).toHaveLength(size);
  const file = ranks.map((bytes, rank) => `${Buffer.from(bytes).toString("base64")} ${rank}\n`).join("");
  expect(createHash("sha256").update(file).digest("hex")).toBe(digest);
});

test("special tokens", () => {
  expect(loadGpt2().specialTokens).toEqual({ "<|endoftext|>": 50256 });
  expect(Math.max(...Object.values(loadCl100k().specialTokens))).toBe(100276);
});

test("the patterns cover every text, white space in Unicode's sense", () => {
  const text = "It's 12345 \u0085 \uFEFF'S\r\n\t x\u00A0y…\u{1F600} ";
  for (const pattern of [GPT2_PATTERN, loadCl100k().pattern]) expect(text.match(pattern)!.join("")).toBe(text);
  expect("x\u0085\u0085y".match(GPT2_PATTERN)).toEqual(["x", "\u0085", "\u0085", "y"]);
  expect("!\uFEFF!".match(GPT2_PATTERN)).toEqual(["!\uFEFF!"]);
  expect("'S 1234".match(loadCl100k().pattern)).toEqual(["'S", " ", "123", "4"]);
});

test("tokens of pairs of earlier ids, two or three bytes each; nobody can spoil another's copy", () => {
  const bytes = btoa(String.fromCharCode(...Array.from({ length: 256 }, (_, i) => 255 - i)));
  const file = { bytes, width: 3, merges: [btoa("\x01\0\0\x02\0\0"), btoa("\0\x01\0\x03\0\0")] };
  expect(
    tokensOf(file)
      .slice(255)
      .map((token) => [...token]),
  ).toEqual([[0], [254, 253], [254, 253, 252]]);
  loadGpt2().ranks[300]!.fill(0);
  expect([...loadGpt2().ranks[300]!]).not.toContain(0);
});
