import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Cell, cellsHash, differences, type Notebook, type Output, stateOf } from "../../tools/notebook.ts";
import { root } from "../../tools/project.ts";

const code = (source: string, outputs: Output[] = [], tags: string[] = []): Cell => ({
  cell_type: "code",
  id: "a",
  metadata: tags.length ? { tags } : {},
  source,
  outputs,
});
const notebook = (...cells: Cell[]): Notebook => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: {}, "runnable-ml": { hash: "now", cells: cellsHash(cells) } },
  cells,
});
const prints = (text: string, tags: string[] = []) =>
  notebook(code("f()", [{ output_type: "stream", name: "stdout", text }], tags));
const shows = (data: Record<string, unknown>) => notebook(code("show()", [{ output_type: "display_data", data }]));

describe("differences(committed, fresh)", () => {
  test("none for the same text, however the client cut the stream", () => {
    const cut = notebook(
      code(
        "f()",
        ["in", "ertia 78.85\n"].map((text) => ({ output_type: "stream", name: "stdout", text })),
      ),
    );
    expect(differences(prints("inertia 78.85\n"), cut)).toEqual([]);
  });
  test("none within 1e-6 relative or 1e-9 absolute", () => {
    expect(differences(prints("error 3e-16 of 78.85144"), prints("error 1e-16 of 78.85145"))).toEqual([]);
  });
  test.each([
    ["a number", "inertia 78.85", "inertia 78.86", "78.85 became 78.86"],
    ["a sign", "slope -2", "slope 2", "-2 became 2"],
    ["a word", "converged: true", "converged: false", '"converged: true" became "converged: false"'],
    ["one number more", "[1, 2]", "[1, 2, 3]", '"[1, 2]" became "[1, 2, 3]"'],
    ["NaN for a number", "loss 1.5", "loss NaN", '"loss 1.5" became "loss NaN"'],
  ])("names %s that changed", (_, before, after, words) => {
    expect(differences(prints(before), prints(after))).toEqual([`cell 1 prints something else: ${words}`]);
  });
  test("an output that is gone, or new, is a difference", () => {
    expect(differences(prints("x"), notebook(code("f()")))).toHaveLength(1);
    expect(differences(notebook(code("f()")), prints("x"))).toHaveLength(1);
  });
  test("a figure is compared through its data", () => {
    const spec = (y: number) => shows({ "application/vnd.vegalite.v5+json": { data: { values: [{ x: 1, y }] } } });
    expect(differences(spec(2), spec(2 + 1e-12))).toEqual([]);
    expect(differences(spec(2), spec(3))).toEqual(["cell 1 prints something else: 2 became 3"]);
  });
  test("in a cell tagged varies the numbers are free, the words are not", () => {
    expect(differences(prints("took 12 ms", ["varies"]), prints("took 3.5 ms", ["varies"]))).toEqual([]);
    expect(differences(prints("took 12 ms", ["varies"]), prints("crashed", ["varies"]))).toHaveLength(1);
  });
});

describe("stateOf(path, built)", () => {
  const folder = mkdtempSync(join(root, ".cache-notebook-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = relative(root, join(folder, "a.ipynb"));
  const put = (content: object | string) =>
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  const built = notebook(code("f()"));

  test("missing, then fresh once it is written, also with outputs", () => {
    expect(stateOf(path, built)).toBe("missing");
    put(prints("output"));
    expect(stateOf(path, built)).toBe("fresh");
  });
  test("stale when what it was made from has another hash", () => {
    put({
      ...built,
      metadata: { ...built.metadata, "runnable-ml": { ...built.metadata["runnable-ml"], hash: "before" } },
    });
    expect(stateOf(path, built)).toBe("stale");
  });
  test.each([
    ["a changed cell", { ...built, cells: [code("g()")] }],
    ["a cell more", { ...built, cells: [...built.cells, code("g()")] }],
    ["no record of the builder", { ...built, metadata: { kernelspec: {} } }],
    ["a broken file", "{"],
  ])("edited: %s", (_, content) => {
    put(content);
    expect(stateOf(path, built)).toBe("edited");
  });
});
