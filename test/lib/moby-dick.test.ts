import { expect, test } from "vitest";
import { loadMobyDick } from "../../src/lib/moby-dick.js";

test("135 chapters, each with its heading and a line break at the end, joined by blank lines", () => {
  const { text, chapters } = loadMobyDick();
  expect(chapters).toHaveLength(135);
  for (const [i, chapter] of chapters.entries()) {
    expect(chapter).toMatch(new RegExp(`^CHAPTER ${i + 1}\\. \\S`));
    expect(chapter).toMatch(/\S\n+$/);
    expect(chapter.length).toBeGreaterThan(200);
  }
  expect(text).toBe(chapters.join("\n\n"));
});

test("1,189,786 characters of 81 kinds, 1,193,018 bytes: letters, digits, straight quotation marks, one kind of dash", () => {
  const { text } = loadMobyDick();
  expect([text.length, new TextEncoder().encode(text).length]).toEqual([1_189_786, 1_193_018]);
  const kinds = [...new Set(text)].sort().join("");
  expect(kinds).toHaveLength(81);
  expect(kinds).toBe(`\n !"$&'()*,-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz${"\u2014"}`);
});

// Sentences that everybody knows, from printed editions.
test("it is the novel", () => {
  const { text, chapters } = loadMobyDick();
  expect(text.startsWith("CHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago\u2014never mind how long")).toBe(
    true,
  );
  expect(text.endsWith("the great shroud of the sea rolled on as it rolled five thousand years ago.\n")).toBe(true);
  expect(chapters[41]).toContain("The Whiteness of The Whale.");
  expect(chapters[134]!.replaceAll("\n", " ")).toContain("from hell's heart I stab at thee");
  for (const part of ["ETYMOLOGY", "EXTRACTS", "Epilogue", "Gutenberg"]) expect(text).not.toContain(part);
});

test("nobody can spoil another's copy", () => {
  (loadMobyDick().chapters as string[])[0] = "";
  expect(loadMobyDick().chapters[0]).toContain("Ishmael");
});
