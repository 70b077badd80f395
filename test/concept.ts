/** What the test of a concept opens with: `const { claim, oracle } = concept("<category>/<slug>")`. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readNote } from "../tools/note.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Ties a test file to its note: every claim of the note must be proven here, and nothing else may be called a claim.
 *
 * @param name `<category>/<slug>`
 */
export function concept(name: string) {
  const proven: string[] = [];
  test("the claims proven here are the claims of the note", () => {
    const stated = readNote(root, name).claims.map(({ id }) => id);
    const file = `test/${name}.test.ts`;
    const unproven = stated.filter((id) => !proven.includes(id));
    const unstated = proven.filter((id) => !stated.includes(id));
    const twice = proven.filter((id, i) => proven.indexOf(id) !== i);
    expect(unproven, `src/notes/${name}.md states claims without a test: add claim("<id>", ...) to ${file}`).toEqual(
      [],
    );
    expect(
      unstated,
      `${file} proves claims that the note does not state: add them to "Checked claims" of src/notes/${name}.md`,
    ).toEqual([]);
    expect(twice, `${file} uses a claim id twice`).toEqual([]);
  });
  return {
    /** A test of the claim with this id; the body computes what the note's sentence says. */
    claim(id: string, body: () => void | Promise<void>, timeout?: number): void {
      proven.push(id);
      test(`claim ${id}`, body, timeout);
    },
    /** The fixture that `npm run oracles` made with an independent implementation; non-finite numbers are decoded. */
    oracle<T>(): T {
      const text = readFileSync(`${root}/test/oracles/${name}.json`, "utf8");
      return JSON.parse(text, (_, value) => NON_FINITE.get(value) ?? value) as T;
    },
  };
}

const NON_FINITE = new Map<unknown, number>([
  ["NaN", Number.NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);
