/**
 * The package ndarray writes the code of its views when they are first used. A page may not turn text into code (its policy
 * forbids eval), so the same texts are taken down here, while the site is built, and become part of the bundle.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const TYPES = ["float64", "float32", "int32", "uint8", "array", "generic"];
const DIMENSIONS = 4;

/** The source of ndarray with all code written out; views of other types or more dimensions throw when they are asked for. */
export function writtenOut(path: string): string {
  const source = readFileSync(path, "utf8");
  const marked = source.replaceAll("new Function(", "__written(");
  if (marked === source) throw new Error(`${path}: it writes no code any more, so prepare/ndarray.ts can go`);
  const texts = new Map<string, string>();
  const take = (...parts: string[]) => {
    texts.set(parts.join("\n"), `function(${parts.slice(0, -1).join(",")}){${parts.at(-1)}}`);
    return new Function(...parts);
  };
  const module = { exports: undefined as unknown };
  const types = `CACHED_CONSTRUCTORS = Object.fromEntries(${JSON.stringify(TYPES)}.map(type => [type, []]));`;
  const fill = `${types} for (const type of ${JSON.stringify(TYPES)})
    for (let d = -1; d <= ${DIMENSIONS}; d++) CACHED_CONSTRUCTORS[type].push(compileConstructor(type, d));`;
  new Function("module", "__written", "require", `${marked}\n${fill}`)(module, take, createRequire(path));
  const names = new Map([...texts.keys()].map((text) => [text, nameOf(text)]));
  if (new Set(names.values()).size !== names.size) throw new Error(`${path}: two views have one name`);
  const table = [...texts].map(([text, code]) => `${JSON.stringify(names.get(text))}: ${code}`);
  return `const __table = {${table.join(",\n")}};
const __nameOf = ${nameOf};
function __written(...parts) {
  const found = __table[__nameOf(parts.join("\\n"))];
  if (!found) throw new Error("ndarray: views of this type or of this many dimensions are not in the page");
  return found;
}
${marked}`;
}

/** What a text of code is known by: its length and a hash (FNV-1a). Runs in the page too. */
function nameOf(text: string): string {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return `${text.length}.${hash >>> 0}`;
}
