/** The exports of a module with their types and docs, read from its declaration file: what the compiler wrote, no compiler needed. */
import { escapeHtml, highlight } from "./highlight.ts";

export interface Export {
  readonly name: string;
  readonly kind: "function" | "class" | "interface" | "type" | "const";
  /** the declaration without its docs, as TypeScript */
  readonly signature: string;
  readonly summary: string;
  readonly parameters: readonly { readonly name: string; readonly text: string }[];
  readonly returns: string | undefined;
  readonly throws: readonly string[];
  readonly example: string | undefined;
}

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(function\*?|class|interface|type|const|let) ([A-Za-z_$][\w$]*)/;

/** @param text of a .d.ts file */
export function readExports(text: string): Export[] {
  const found: Export[] = [];
  let docs = "";
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = /^\s+/.exec(rest);
    if (space) {
      at += space[0].length;
      continue;
    }
    if (rest.startsWith("/**")) {
      const end = rest.indexOf("*/") + 2;
      docs = rest.slice(0, end);
      at += end;
      continue;
    }
    const end = endOfDeclaration(rest);
    const declaration = rest.slice(0, end).trim();
    const match = DECLARATION.exec(declaration);
    if (match) found.push(describe(match[2]!, match[1]!, declaration, docs));
    docs = "";
    at += end;
  }
  return found;
}

/** Length of the declaration at the start of the text: to the `;` outside all brackets, or the `}` that closes a body. */
function endOfDeclaration(text: string): number {
  const body = /^export (?:declare )?(?:abstract )?(?:class|interface)/.test(text);
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (text.startsWith("/*", i)) i = text.indexOf("*/", i) + 1;
    else if (text.startsWith("//", i)) i = text.indexOf("\n", i);
    else if (character === '"' || character === "'" || character === "`") i = text.indexOf(character, i + 1);
    else if ("({[".includes(character)) depth++;
    else if (")}]".includes(character)) {
      depth--;
      if (depth === 0 && body && character === "}") return i + 1;
    } else if (character === ";" && depth === 0) return i + 1;
  }
  return text.length;
}

function describe(name: string, keyword: string, declaration: string, docs: string): Export {
  const lines = docs
    .replace(/^\/\*\*|\*\/$/g, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""));
  const blocks: { tag: string; text: string }[] = [{ tag: "", text: "" }];
  for (const line of lines) {
    const tag = /^@(\w+)\s*(.*)$/.exec(line);
    if (tag) blocks.push({ tag: tag[1]!, text: tag[2]! });
    else blocks.at(-1)!.text += `\n${line}`;
  }
  const texts = (tag: string) => blocks.filter((block) => block.tag === tag).map(({ text }) => text.trim());
  return {
    name,
    kind: (keyword === "let" ? "const" : keyword.replace("*", "")) as Export["kind"],
    signature: declaration
      .replace(/^export (declare )?/, "")
      .replace(/\n {4}/g, "\n  ")
      .replace(/\n {6,8}/g, "\n    "),
    summary: texts("")[0]!,
    parameters: texts("param").map((text) => {
      const [, parameter, rest] = /^(?:\{[^}]*\}\s*)?(\S+)\s*([\s\S]*)$/.exec(text) ?? ["", "", text];
      return { name: parameter!, text: rest! };
    }),
    returns: texts("returns")[0],
    throws: texts("throws"),
    example: texts("example")[0],
  };
}

/** A parameter a line where one line would be too long. */
function broken(signature: string): string {
  const open = signature.indexOf("(");
  if (!signature.startsWith("function") || signature.length <= 84 || open < 0) return signature;
  const parts = [""];
  let depth = 0;
  let at = open + 1;
  for (; at < signature.length; at++) {
    const character = signature[at]!;
    if ("({[<".includes(character)) depth++;
    else if (")}]".includes(character) || (character === ">" && signature[at - 1] !== "=")) depth--;
    if (depth < 0) break;
    if (character === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  const lines = parts.map((part) => `  ${part.trim().replaceAll("\n", "\n  ")},\n`);
  return `${signature.slice(0, open + 1)}\n${lines.join("")}${signature.slice(at)}`;
}

/** Docs have paragraphs, lists written with "- ", and `code`; everything else is text. */
export function docsHtml(text: string): string {
  return text
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim() !== "")
    .map((paragraph) => {
      const [first, ...items] = paragraph.split(/(?:^|\n)\s*- /);
      const list = items.length ? `<ul>${items.map((item) => `<li>${inline(item)}</li>`).join("")}</ul>` : "";
      return (first?.trim() ? `<p>${inline(first)}</p>` : "") + list;
    })
    .join("");
}

export function inline(text: string): string {
  return escapeHtml(text.trim())
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\{@link ([^}\s]+)[^}]*\}/g, "<code>$1</code>");
}

export function exportHtml(item: Export): string {
  const rows = [
    ...item.parameters.map(({ name, text }) => `<dt><code>${escapeHtml(name)}</code></dt><dd>${inline(text)}</dd>`),
    ...(item.returns ? [`<dt>returns</dt><dd>${inline(item.returns)}</dd>`] : []),
    ...item.throws.map(
      (text) => `<dt>throws</dt><dd>${inline(text.replace(/^\{?(\w+)\}?/, (_, type: string) => `\`${type}\``))}</dd>`,
    ),
  ];
  const signature = item.signature.replace(/\/\*\*[\s\S]*?\*\/\n?\s*/g, (comment) =>
    item.kind === "interface" || item.kind === "class" ? comment : "",
  );
  return [
    `<section class="export" id="api-${item.name}">`,
    `<h3><code>${item.name}</code> <span class="kind">${item.kind}</span></h3>`,
    docsHtml(item.summary),
    `<pre class="code" tabindex="0" role="region" aria-label="Declaration of ${item.name}"><code>${highlight(broken(signature))}</code></pre>`,
    rows.length ? `<dl>${rows.join("")}</dl>` : "",
    item.example
      ? `<p class="label">Example</p><pre class="code" tabindex="0" role="region" aria-label="Example of ${item.name}"><code>${highlight(item.example)}</code></pre>`
      : "",
    "</section>",
  ].join("");
}
