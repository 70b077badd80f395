/**
 * Every `@example` of the library runs. In an example, `expression // value` is an assertion: the value is JavaScript, and
 * its numbers are compared to the digits they show.
 */

import { stripTypeScriptTypes } from "node:module";
import { expect, test } from "vitest";
import { sourceOfSubpath } from "../../tools/notebook.ts";
import { filesBelow, readText } from "../../tools/project.ts";

const shared = ["matrix", "images", "random", "data", "checkpoints", "check", "errors"].map(
  (file) => `../../src/lib/${file}.ts`,
);
/** In scope too where a file has to do with tensors. */
const ENGINE = ["../../src/demos/deep-learning-foundations/backpropagation.ts", "../../src/autodiff/ops.ts"];
const files = [
  ...filesBelow("src/demos", ".ts"),
  ...filesBelow("src/lib", ".ts"),
  ...filesBelow("src/autodiff", ".ts"),
];

const examples = files.flatMap((path) =>
  [...readText(path).matchAll(/@example\n((?:\s*\* ?.*\n)*?)(?=\s*\*\/|\s*\* @)/g)].map(
    ([, text]) => [path, text!.replace(/^\s*\* ?/gm, "").trim()] as const,
  ),
);

test.each(examples)("%s: %s", async (path, example) => {
  const engine = /autodiff\//.test(readText(path)) ? ENGINE : [];
  await runs(example, [...shared, ...engine, `../../${path}`]);
});

test("the listing in the README does what its comments say", async () => {
  const listing = /```ts\n([\s\S]*?)```/.exec(readText("README.md"))![1]!;
  const imported = [...listing.matchAll(/from "runnable-ml\/([^"]+)"/g)].map(
    ([, name]) => `../../${sourceOfSubpath(name!)}`,
  );
  const body = listing.replace(/^import .*\n/gm, "");
  expect(asAssertions(body).match(/^same\(/gm)).toHaveLength(4);
  await runs(body, imported);
});

/** Runs an example with the exports of these modules in scope. */
async function runs(example: string, files: readonly string[]): Promise<void> {
  const modules = await Promise.all(files.map((file) => import(/* @vite-ignore */ file)));
  const scope: Record<string, unknown> = { same, ...Object.assign({}, ...modules) };
  const names = Object.keys(scope);
  const body = stripTypeScriptTypes(asAssertions(example));
  const evaluate = new Function(...names, `return (async () => {\n${body}\n})();`);
  await evaluate(...names.map((name) => scope[name]));
}

test.each(files.filter((path) => path.startsWith("src/demos/")))("%s shows how it is used", (path) => {
  expect(
    examples.map(([file]) => file),
    `${path} has no @example`,
  ).toContain(path);
});

/** `f(x) // 1.25` becomes `same(f(x), 1.25, "1.25")`; other lines stay as they are. */
function asAssertions(example: string): string {
  return example
    .split("\n")
    .map((line) => {
      const found = /^(?!\s*(?:const|let|import|for|\/\/|\}))\s*(.+?);?\s+\/\/ (.+)$/.exec(line);
      return found ? `same(${found[1]}, ${found[2]!.replace(/^\w+Array /, "")}, ${JSON.stringify(line)});` : line;
    })
    .join("\n");
}

/** Equality to the digits that the expected text shows. */
function same(actual: unknown, expected: unknown, line: string): void {
  const digits = (value: number) => /\.(\d+)/.exec(String(value))?.[1]?.length ?? 0;
  const plain = (value: unknown): unknown => {
    if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array);
    return value;
  };
  const check = (a: unknown, b: unknown): void => {
    const left = plain(a);
    if (typeof b === "number" && typeof left === "number" && Number.isFinite(b) && !/e/.test(String(b))) {
      expect(left, line).toBeCloseTo(b, digits(b));
    } else if (Array.isArray(b)) {
      expect((left as unknown[]).length, line).toBe(b.length);
      for (const [i, item] of b.entries()) check((left as unknown[])[i], item);
    } else if (typeof b === "object" && b !== null) {
      for (const [key, item] of Object.entries(b)) check((left as Record<string, unknown>)[key], item);
    } else {
      expect(left, line).toBe(b);
    }
  };
  check(actual, expected);
}
