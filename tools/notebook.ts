/** A note becomes a notebook: its cells, the hashes that tell a stale or an edited one, the comparison of two executions. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ARTEFACTS } from "./catalogue.ts";
import { CATEGORIES, type Note } from "./note.ts";
import { readText, root, sha256 } from "./project.ts";

export interface Output {
  readonly output_type: string;
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface Cell {
  readonly cell_type: "markdown" | "code";
  readonly id: string;
  readonly metadata: { readonly tags?: readonly string[] };
  readonly source: string | readonly string[];
  readonly outputs?: readonly Output[];
  readonly execution_count?: number | null;
}

export interface Notebook {
  readonly nbformat: number;
  readonly nbformat_minor: number;
  readonly metadata: {
    readonly kernelspec: object;
    readonly language_info?: object;
    readonly "runnable-ml"?: { readonly hash: string; readonly cells: string };
  };
  readonly cells: readonly Cell[];
}

const kernelspec = { display_name: "TypeScript", language: "typescript", name: "tslab" };

/** Text of a multi-line field, which the format allows as a list of lines too. */
export const joined = (text: string | readonly string[] | undefined) =>
  typeof text === "string" ? text : (text ?? []).join("");

/** The notebook of a note, not executed yet. */
export function buildNotebook(note: Note, notes: readonly Note[]): Notebook {
  const cells = note.pieces.map(({ kind, text, flags }) =>
    kind === "prose" ? { text: withNotebookLinks(text) } : { text, code: true, tags: flags },
  );
  // The heading and the definition, then where everything is, then the rest.
  const first = cells[0]!.text;
  const section = first.indexOf("\n## ");
  const head = { text: section < 0 ? first : first.slice(0, section).trim() };
  const rest = section < 0 ? [] : [{ text: first.slice(section).trim() }];
  return assemble(notebookHash(note.name), [head, { text: banner(note, notes) }, ...rest, ...cells.slice(1)]);
}

/** The index: what there is, in reading order, and one cell that shows that the kernel works. */
export function buildIndex(notes: readonly Note[]): Notebook {
  const lists = Object.entries(CATEGORIES).flatMap(([category, title]) => {
    const here = notes.filter((note) => note.frontMatter.category === category);
    if (here.length === 0) return [];
    const items = here.map((note) => `- [${note.frontMatter.title}](${note.name}.ipynb): ${note.frontMatter.summary}`);
    return [`## ${title}\n\n${items.join("\n")}`];
  });
  const text = [
    `# runnable-ml\n\nAn executable handbook of machine learning: ${notes.length} concepts so far. Every notebook runs from top to bottom, ` +
      "imports the library by its name, and every number in its text is printed by a cell or asserted by a test.",
    lists.join("\n\n"),
    "## Does it run here?\n\nRun this cell (Shift+Enter). It imports the library, factors a matrix and shows its singular values.",
  ].join("\n\n");
  const code = [
    'import { svd } from "runnable-ml/linear-algebra/svd-and-pca";',
    'import { matrix } from "runnable-ml/lib/matrix";',
    "",
    "console.log(svd(matrix([[3, 0], [4, 5]])).s);",
  ].join("\n");
  const hash = sha256(text, code, ...sourcesOf("linear-algebra/svd-and-pca"));
  return assemble(hash, [{ text }, { text: code, code: true }]);
}

function assemble(
  hash: string,
  parts: readonly { text: string; code?: boolean; tags?: readonly string[] }[],
): Notebook {
  const cells = parts.map(({ text, code, tags = [] }, index): Cell => {
    const id = `cell-${index + 1}`;
    if (!code) return { cell_type: "markdown", id, metadata: {}, source: text };
    return {
      cell_type: "code",
      id,
      metadata: tags.length ? { tags } : {},
      source: text,
      outputs: [],
      execution_count: null,
    };
  });
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec, "runnable-ml": { hash, cells: cellsHash(cells) } },
    cells,
  };
}

function banner(note: Note, notes: readonly Note[]): string {
  const named = (names: readonly string[]) =>
    names
      .map((name) => `[${notes.find((other) => other.name === name)?.frontMatter.title ?? name}](../${name}.ipynb)`)
      .join(", ");
  const { builds_on, see_also } = note.frontMatter;
  const leadsTo = notes.filter((other) => other.frontMatter.builds_on.includes(note.name)).map((other) => other.name);
  const others = see_also.filter((name) => !builds_on.includes(name) && !leadsTo.includes(name));
  return [
    `[Implementation](../../${ARTEFACTS.demo(note.name)}) · [Tests of every claim](../../${ARTEFACTS.test(note.name)}) · ` +
      `[Figure](../../${ARTEFACTS.figure(note.name)}) · [Note](../../${ARTEFACTS.note(note.name)}) · [All concepts](../index.ipynb)`,
    ...(builds_on.length ? [`Builds on: ${named(builds_on)}`] : []),
    ...(leadsTo.length ? [`Leads to: ${named(leadsTo)}`] : []),
    ...(others.length ? [`See also: ${named(others)}`] : []),
  ].join("\n\n");
}

/** Links from note to note become links from notebook to notebook. */
function withNotebookLinks(text: string): string {
  return text.replace(/\]\((\.\.?\/[^)\s]+)\.md(#[^)]*)?\)/g, "]($1.ipynb$2)");
}

/** Hash of all that an executed notebook depends on: note, demo, figure, and what these import, data included. */
export function notebookHash(name: string): string {
  return sha256(...sourcesOf(name));
}

function sourcesOf(name: string): string[] {
  const seen = new Map<string, string>();
  const visit = (path: string) => {
    if (seen.has(path) || !existsSync(join(root, path))) return;
    const text = readText(path);
    seen.set(path, text);
    for (const [, target] of text.matchAll(/from "(\.\.?\/[^"]+)"/g)) {
      visit(new URL(target!.replace(/\.js$/, ".ts"), `file:///${path}`).pathname.slice(1));
    }
    for (const [, target] of path.endsWith(".md") ? text.matchAll(/from "runnable-ml\/([^"]+)"/g) : []) {
      visit(sourceOfSubpath(target!));
    }
  };
  visit(ARTEFACTS.note(name));
  visit(ARTEFACTS.demo(name));
  visit(ARTEFACTS.figure(name));
  return [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
}

/** The source file behind `runnable-ml/<subpath>`. */
export function sourceOfSubpath(subpath: string): string {
  if (subpath === "jupyter") return "src/jupyter/index.ts";
  if (/^(lib|figures|autodiff)\//.test(subpath) || subpath === "tensorflow") return `src/${subpath}.ts`;
  return `src/demos/${subpath}.ts`;
}

/** Hash of what a reader may have edited: kinds and sources of the cells, not their outputs. */
export function cellsHash(cells: readonly Cell[]): string {
  return sha256(...cells.flatMap((cell) => [cell.cell_type, joined(cell.source)]));
}

export type State = "missing" | "edited" | "stale" | "fresh";

/**
 * How the notebook on disk stands to what would be built now. "edited": its cells are not those that the builder wrote.
 *
 * @param path from the project's root
 */
export function stateOf(path: string, built: Notebook): State {
  const file = join(root, path);
  if (!existsSync(file)) return "missing";
  let onDisk: Notebook;
  try {
    onDisk = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return "edited";
  }
  const record = onDisk.metadata["runnable-ml"];
  if (record?.cells !== cellsHash(onDisk.cells)) return "edited";
  return record.hash === built.metadata["runnable-ml"]!.hash && record.cells === cellsHash(built.cells)
    ? "fresh"
    : "stale";
}

/**
 * Differences between the outputs of two executions, in words; none when they agree. Numbers may differ by 1e-6 relative
 * or 1e-9 absolute (other processors, other rounding); in cells tagged "varies" (timings) only the words around the
 * numbers count.
 */
export function differences(committed: Notebook, fresh: Notebook): string[] {
  return fresh.cells.flatMap((cell, index) => {
    if (cell.cell_type !== "code") return [];
    const varies = cell.metadata.tags?.includes("varies") ?? false;
    const [before, after] = [essence(committed.cells[index]?.outputs), essence(cell.outputs)];
    const difference = compare(before, after, varies);
    return difference === undefined ? [] : [`cell ${index + 1} prints something else: ${difference}`];
  });
}

/** Outputs without what the client decides: neighbouring pieces of one stream are one piece. */
function essence(outputs: readonly Output[] = []): unknown[] {
  const merged: Record<string, unknown>[] = [];
  for (const { output_type, name, text, data } of outputs) {
    const last = merged.at(-1);
    if (output_type === "stream" && last?.name === name && last?.output_type === "stream") last.text += joined(text);
    else if (output_type === "stream") merged.push({ output_type, name, text: joined(text) });
    else
      merged.push({
        output_type,
        data: Object.fromEntries(
          Object.entries(data ?? {}).map(([type, value]) => [type, Array.isArray(value) ? value.join("") : value]),
        ),
      });
  }
  return merged;
}

function compare(a: unknown, b: unknown, varies: boolean): string | undefined {
  if (typeof a === "number" && typeof b === "number") {
    return varies || close(a, b) ? undefined : `${a} became ${b}`;
  }
  if (typeof a === "string" && typeof b === "string") return compareText(a, b, varies);
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    for (const key of keys) {
      const found = compare((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], varies);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return Object.is(a, b) ? undefined : `${JSON.stringify(a)?.slice(0, 80)} became ${JSON.stringify(b)?.slice(0, 80)}`;
}

const NUMBER = /-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/gi;

function compareText(a: string, b: string, varies: boolean): string | undefined {
  if (a === b) return undefined;
  const words = (text: string) => text.replace(NUMBER, "#").replace(/[ ─-]+/g, varies ? "" : "$&");
  const numbers = (text: string) => (text.match(NUMBER) ?? []).map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  if (words(a) !== words(b)) return `"${shortened(a, b)}" became "${shortened(b, a)}"`;
  const apart = varies ? -1 : left.findIndex((value, i) => !close(value, right[i]!));
  return apart < 0 ? undefined : `${left[apart]} became ${right[apart]}`;
}

const close = (a: number, b: number) =>
  Object.is(a, b) || Math.abs(a - b) <= Math.max(1e-9, 1e-6 * Math.max(Math.abs(a), Math.abs(b)));

/** The part of a text around the first place where it differs from another. */
function shortened(text: string, other: string): string {
  let at = 0;
  while (at < text.length && text[at] === other[at]) at++;
  return text.slice(Math.max(0, at - 30), at + 50).replaceAll("\n", "⏎");
}
