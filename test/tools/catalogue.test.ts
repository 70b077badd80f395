import { describe, expect, test } from "vitest";
import { catalogue, demoImports, withTable } from "../../tools/catalogue.ts";

const notes = catalogue();

test("the order of reading puts every concept after those of its category that it builds on", () => {
  const names = notes.map(({ name }) => name);
  for (const { name, frontMatter } of notes) {
    for (const before of frontMatter.builds_on.filter((other) => other.split("/")[0] === name.split("/")[0])) {
      expect(names.indexOf(before), `${before} before ${name}`).toBeLessThan(names.indexOf(name));
    }
  }
});

test("demoImports names the demos that a demo imports", () => {
  expect(demoImports("linear-algebra/svd-and-pca")).toEqual([
    "linear-algebra/eigenvalues-and-the-spectral-theorem",
    "linear-algebra/matrices-as-linear-maps",
  ]);
  expect(demoImports("linear-algebra/matrices-as-linear-maps")).toEqual([]);
});

describe("withTable(readme, notes)", () => {
  const empty = "before\n<!-- concepts: made by npm run notebooks -->\n<!-- end of concepts -->\nafter\n";
  test("fills an empty table with a row for every concept, and leaves a full one as it is", () => {
    const full = withTable(empty, notes);
    for (const { name, frontMatter } of notes) {
      expect(full).toContain(`**${frontMatter.title}**`);
      expect(full).toContain(`(notebooks/${name}.ipynb)`);
    }
    expect(full.startsWith("before\n") && full.endsWith("\nafter\n")).toBe(true);
    expect(withTable(full, notes)).toBe(full);
    expect(withTable(full, notes.slice(1))).not.toBe(full);
  });
  test("says so when the comments are gone", () => {
    expect(() => withTable("no table", notes)).toThrow("README.md has lost the comments around its table of concepts");
  });
});
