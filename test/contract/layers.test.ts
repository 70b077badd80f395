/** Who may import whom (design of the layers), and what no source file may contain. */
import { test } from "vitest";
import { filesBelow, readText } from "../../tools/project.ts";
import { none } from "./none.js";

/** Layer of a path below src/, by its first folder or file. */
const layerOf = (path: string) => /^src\/([a-z]+)/.exec(path)![1]!;

/** What each layer may import: layers of src/ by name, packages as they are written. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: ["lib", "data", "ndarray", "pure-rand", "vega-lite (types)"],
  demos: ["demos", "lib", "autodiff", "ndarray (types)"],
  autodiff: ["autodiff", "demos", "lib"],
  figures: ["demos", "autodiff", "lib", "vega-lite (types)"],
  jupyter: ["lib", "node:module", "vega (types)", "vega-lite (types)"],
  workers: ["workers", "demos", "lib", "node:worker_threads"],
  tensorflow: ["node:module", "node:util", "@tensorflow/tfjs (types)", "@tensorflow/tfjs", "@tensorflow/tfjs-node"],
};

const IMPORT = /^\s*(?:import|export)\s+(type\s+)?[^"';]*?from\s+"([^"]+)"|(typeof )?import\("([^"]+)"\)/gm;

test("imports follow the layers: lib ← demos ← figures, and nothing points the other way", () => {
  const wrong = filesBelow("src", ".ts").flatMap((path) => {
    const layer = layerOf(path);
    return [...readText(path).matchAll(IMPORT)].flatMap(([, typeImport, target, typeOf, dynamic]) => {
      const type = typeImport ?? typeOf;
      const what = importedFrom(path, (target ?? dynamic)!);
      const allowed = ALLOWED[layer] ?? [];
      if (allowed.includes(what) || (type && allowed.includes(`${what} (types)`))) return [];
      return [
        `${path} imports ${target ?? dynamic}: ${layer} may import ${allowed.join(", ")}. Move the code or drop the import.`,
      ];
    });
  });
  none(wrong);
});

function importedFrom(path: string, target: string): string {
  if (!target.startsWith("."))
    return target.startsWith("@") || target.startsWith("node:") ? target : target.split("/")[0]!;
  const resolved = new URL(target, `file:///${path}`).pathname.slice(1);
  return resolved.startsWith("data/") ? "data" : layerOf(resolved);
}

const FORBIDDEN: readonly (readonly [pattern: RegExp, where: RegExp, why: string])[] = [
  [
    /\bMath\.random\b/,
    /^src\//,
    "draw from random(seed) of src/lib/random.ts, so that the same seed gives the same bits",
  ],
  [
    /\bnew Date\b|\bDate\.now\b|\bperformance\.now\b/,
    /^src\/(?!notes|workers)/, // how long threads take is what they are run for
    "the library's results may not depend on the clock",
  ],
  [/\bconsole\./, /^src\/(?!notes|jupyter)/, "a library returns or throws; it does not print"],
  [/\b(?:test|it|describe|claim)\.(?:only|skip|todo|fails)\b/, /^test\//, "every test runs and must pass"],
  [/@ts-(?:ignore|nocheck|expect-error)/, /^(?:src|test|tools)\//, "mend the type instead"],
];

test("no source file contains what the design forbids", () => {
  const files = ["src", "test", "tools"]
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => /\.(?:ts|mjs|md)$/.test(path));
  const wrong = files.flatMap((path) =>
    readText(path)
      .split("\n")
      .flatMap((line, index) =>
        FORBIDDEN.filter(
          ([pattern, where]) => where.test(path) && path !== "test/contract/layers.test.ts" && pattern.test(line),
        ).map(([pattern, , why]) => `${path}:${index + 1} contains ${pattern.exec(line)![0]}: ${why}.`),
      ),
  );
  none(wrong);
});
