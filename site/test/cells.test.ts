/** How a cell is compiled, how values are printed, how declarations are read: without a browser. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readExports } from "../prepare/api.ts";
import { siteFolder } from "../prepare/paths.ts";
import { forBothThemes, NIGHT_PAPER, nightColour } from "../src/client/night.ts";
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

describe("figures in the dark", () => {
  const brightness = (colour: string) => Number.parseInt(nightColour(colour)!.slice(3, 5), 16);
  test("black, greys and white change places, paper becomes the night's paper", () => {
    expect(nightColour("white")).toBe(NIGHT_PAPER);
    expect(readFileSync(join(siteFolder, "src/styles/theme.css"), "utf8")).toContain(`--paper: ${NIGHT_PAPER};`);
    const greys = ["#000", "#333", "#888", "rgb(200, 200, 200)", "#eee", "#fff"].map(brightness);
    expect(greys).toEqual([...greys].sort((a, b) => b - a));
    expect(greys[0]).toBeGreaterThan(225);
  });
  test.each(["#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000"])(
    "%s stands out from the paper",
    (colour) => {
      const luminance = (hex: string) =>
        [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
          const value = Number.parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16) / 255;
          return sum + weight * (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        }, 0);
      const contrast = (luminance(nightColour(colour)!) + 0.05) / (luminance(NIGHT_PAPER) + 0.05);
      expect(contrast).toBeGreaterThan(3.5);
    },
  );
  test("a tint on white stays a tint on the night's paper, however strong: no step back", () => {
    const steps = Array.from({ length: 11 }, (_, i) => {
      const mix = (full: number) => Math.round(255 + ((full - 255) * i) / 10);
      return nightColour(`rgb(${mix(0xd5)}, ${mix(0x5e)}, ${mix(0)})`)!;
    });
    const reds = steps.map((colour) => Number.parseInt(colour.slice(1, 3), 16));
    expect(reds[0]).toBeLessThan(40);
    expect(reds.at(-1)).toBeGreaterThan(200);
    for (const [i, red] of reds.slice(0, 6).entries()) expect(reds[i + 1], steps.join(" ")).toBeGreaterThan(red);
  });
  test("what is no colour, and a picture of pixels, stays as it is", () => {
    expect(nightColour("none")).toBeUndefined();
    expect(nightColour("url(#gradient_0)")).toBeUndefined();
    const cells = (n: number) =>
      `<g class="mark-rect role-mark marks">${Array.from({ length: n }, (_, i) => `<path fill="rgb(${i}, ${i}, ${i})"/>`).join("")}</g>`;
    expect(forBothThemes(cells(196))).toBe(cells(196));
    expect(forBothThemes(cells(25))).not.toBe(cells(25));
    const bar = '<g class="mark-rect role-mark marks"><path fill="rgb(7, 7, 7)" stroke="black"/></g>';
    expect(forBothThemes(cells(196) + bar)).toContain('<path fill="rgb(7, 7, 7)" stroke="light-dark(black,#e8e8e8)"/>');
    const strokes = Array.from(
      { length: 3 },
      (_, c) => `<path d="${"M0,0L3,0".repeat(90)}" stroke="rgb(${c}, 0, 0)"/>`,
    );
    const photograph = `<g class="mark-symbol role-mark marks">${strokes.join("")}</g>`;
    expect(forBothThemes(photograph)).toBe(photograph);
    const points = `<g class="mark-symbol role-mark marks">${'<path d="M2,0A2,2,0,1,1,-2,0" fill="#000"/>'.repeat(900)}</g>`;
    expect(forBothThemes(points)).toContain("light-dark(#000,#e8e8e8)");
    const empty = '<g class="mark-text role-mark"><text aria-label="a > b" fill="none"/></g>';
    expect(forBothThemes(empty)).toBe(empty);
    expect(forBothThemes('<g class="mark-text role-mark"><text fill="black">7</text></g>')).toBe(
      '<g class="mark-text role-mark"><text fill="light-dark(black,#e8e8e8)" paint-order="stroke" ' +
        `stroke="light-dark(transparent,${NIGHT_PAPER})" stroke-width="2.5" stroke-linejoin="round">7</text></g>`,
    );
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
