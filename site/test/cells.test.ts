/** How a cell is compiled, how values are printed, how declarations are read: without a browser. */
import { describe, expect, test } from "vitest";
import { readExports } from "../prepare/api.ts";
import { readingOrder } from "../src/client/reading-order.ts";
import { CellSyntaxError, compile } from "../src/worker/compile.ts";
import { inspect } from "../src/worker/inspect.ts";

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (...values: unknown[]) => Promise<void>;

/** Runs compiled cells one after the other with the names of the first two shared, as the worker does. */
async function run(...cells: string[]): Promise<{ shown: unknown[]; scope: Record<string, unknown> }> {
  const scope: Record<string, unknown> = {};
  const shown: unknown[] = [];
  const use = async () => ({ svd: "the svd", default: "all", pca: "the pca" });
  for (const cell of cells) {
    const { code, names } = compile(cell);
    for (const name of names) if (!(name in scope)) scope[name] = undefined;
    const body = `with (__scope) { return (async () => { ${code.replaceAll("globalThis.", "__scope.")} })(); }`;
    await new AsyncFunction("__scope", "__use", "__last", body)(scope, use, (value: unknown) => {
      if (value !== undefined) shown.push(value);
    });
  }
  return { shown, scope };
}

describe("a cell becomes a module", () => {
  test("types go, values stay", async () => {
    const { shown } = await run(
      "const x: number = 2;\ninterface A { b: string }\nconst f = <T,>(a: T): T => a;\nf<number>(x as number) + 1",
    );
    expect(shown).toEqual([3]);
  });
  test("what one cell declares, the next one uses", async () => {
    const cells = [
      "const a = 1, { b, c: [d = 4] } = { b: 2, c: [] as number[] };\nlet e;\nfunction f() { return a + b + d; }\nclass G { h = f(); }",
      "e = new G().h;\ne * 2",
    ];
    const { shown, scope } = await run(...cells);
    expect(shown).toEqual([14]);
    expect(Object.keys(scope)).toEqual(["a", "b", "d", "e", "f", "G"]);
  });
  test("a function is there before its declaration, in the same cell", async () => {
    expect((await run("const x = f();\nfunction f() { return 7; }\nx")).shown).toEqual([7]);
  });
  test("imports are kept although the cell itself does not use them", async () => {
    const { scope } = await run(
      'import { svd, type Svd, pca as p } from "runnable-ml/linear-algebra/svd-and-pca";\nimport all from "x";',
    );
    expect(scope).toEqual({ svd: "the svd", p: "the pca", all: "all" });
  });
  test("lines stay where they are, also after an import of several lines", () => {
    const source = 'import {\n  svd,\n  pca,\n} from "x";\nconst a: number = 1;\nthrow new Error("here");';
    const { code } = compile(source);
    expect(code.split("\n").findIndex((line) => line.includes("here"))).toBe(5);
  });
  test("import() asks the page too", async () => {
    expect((await run('(await import("runnable-ml/x")).svd')).shown).toEqual(["the svd"]);
  });
  test("a mistake of form is reported with its line", () => {
    expect(() => compile("const a = 1;\nconst b = ;")).toThrow(CellSyntaxError);
    try {
      compile("const a = 1;\nconst b = ;");
    } catch (error) {
      expect((error as CellSyntaxError).line).toBe(2);
      expect((error as CellSyntaxError).message).not.toContain("Error transforming");
    }
  });
});

describe("values are printed as Node prints them", () => {
  test.each([
    [Float64Array.of(1, 2.5), "Float64Array(2) [ 1, 2.5 ]"],
    [[1, "a", null], "[ 1, 'a', null ]"],
    [{ k: 3, inner: { deep: { deeper: 1 } } }, "{ k: 3, inner: { deep: { deeper: 1 } } }"],
    [{ a: { b: { c: { d: 1 } } } }, "{ a: { b: { c: [Object] } } }"],
    ["text", "text"],
    [-0, "-0"],
    [new Map([["a", 1]]), "Map(1) { 'a' => 1 }"],
    [[], "[]"],
    [{}, "{}"],
  ])("%s", (value, text) => expect(inspect(value)).toBe(text));
  test("a circle does not go round for ever", () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(inspect(circle)).toContain("[Circular]");
  });
});

test("exports are read from a declaration file with their docs", () => {
  const text = `import { type Matrix } from "../../lib/matrix.js";
/** What it returns. */
export interface Result {
    /** u; v */
    readonly u: Matrix;
}
/**
 * Does \`it\`.
 *
 * @param a m×n
 * @param options.k at most n,
 *   at least 1
 * @returns the result
 * @throws {RangeError} k is wrong
 * @example
 * doIt(1) // 2
 */
export declare function doIt(a: Matrix, { k }?: {
    readonly k?: number;
}): Result;
export {};`;
  const [result, doIt] = readExports(text);
  expect([result!.name, result!.kind, result!.summary]).toEqual(["Result", "interface", "What it returns."]);
  expect(doIt).toMatchObject({
    name: "doIt",
    kind: "function",
    summary: "Does `it`.",
    returns: "the result",
    throws: ["{RangeError} k is wrong"],
    example: "doIt(1) // 2",
    parameters: [
      { name: "a", text: "m×n" },
      { name: "options.k", text: "at most n,\n  at least 1" },
    ],
  });
  expect(readExports(text)).toHaveLength(2);
});

test("a reading order has all that is needed, once, each after what it builds on, and nothing else", () => {
  const before = { d: ["c", "b"], c: ["a"], b: ["a"], a: [], e: ["d"] };
  expect(readingOrder({ before }, "d")).toEqual(["a", "c", "b", "d"]);
  expect(readingOrder({ before }, "a")).toEqual(["a"]);
  expect(readingOrder({ before }, "")).toEqual([""]);
});
