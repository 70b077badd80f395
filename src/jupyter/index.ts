/**
 * What a notebook needs: `show` a figure, a matrix or a table under the cell, `progress` while something runs.
 *
 * A figure goes out as one MIME bundle: Vega-Lite for JupyterLab, SVG for viewers without scripts (GitHub, nbviewer), the
 * alternative text as plain text. Vega is loaded when the first figure is shown.
 */
import { createRequire } from "node:module";
import type { TopLevelSpec } from "vega-lite";
import { formatNumber, type Matrix, toRows } from "../lib/matrix.js";

/** A row of a table: column heading → cell. */
export type TableRow = Readonly<Record<string, string | number | boolean | null | undefined>>;

const require = createRequire(import.meta.url);

/**
 * Shows a value under the running cell; outside a notebook the plain text is printed instead.
 *
 * @param value a Vega-Lite 5 spec, a matrix, or rows of a table (the keys of the first row are the headings)
 * @param digits significant digits of numbers in matrices and tables, default 5
 * @throws Error if a spec does not compile
 * @example
 * show([{ k: 2, inertia: 152.35 }, { k: 3, inertia: 78.85 }]);
 */
export function show(value: TopLevelSpec | Matrix | readonly TableRow[], digits = 5): void {
  if (Array.isArray(value)) display(tableBundle(value, digits));
  else if (isMatrix(value)) display(matrixBundle(value, digits));
  else display(figureBundle(value as TopLevelSpec));
}

/**
 * Shows a line of text under the running cell, in the place of the line that the same cell showed before: how far something
 * has come. Outside a notebook it rewrites the terminal's line.
 *
 * @returns a promise to wait for: a loop that never waits lets no line out before its end
 * @example
 * await progress("step 100 of 600");
 */
export async function progress(text: string): Promise<void> {
  const write = writer();
  if (write) {
    const known = line?.write === write; // each run of a cell has a writer of its own
    if (!known) line = { write, id: `progress-${++lines}` };
    write({ data: { "text/plain": text }, metadata: {}, transient: { display_id: line!.id } }, known);
  } else process.stdout.write(`\r${text}\u001b[K`);
  await new Promise((resolve) => setTimeout(resolve));
}

let line: { readonly write: Writer; readonly id: string } | undefined;
let lines = 0;

type Bundle = Readonly<Record<string, unknown>> & { readonly "text/plain": string };

type Writer = (message: { data: Bundle; metadata: object; transient?: object }, update: boolean) => void;

function display(data: Bundle): void {
  const write = writer();
  if (write) write({ data, metadata: {} }, false);
  else console.log(data["text/plain"]);
}

/** Where the running cell's output goes; undefined outside a notebook. */
function writer(): Writer | undefined {
  const tslab = Object.entries(require.cache).find(([path]) => /[/\\]tslab[/\\]dist[/\\]jupyter\.js$/.test(path))?.[1];
  return tslab?.exports.lastWriteDisplayData ?? undefined;
}

function isMatrix(value: unknown): value is Matrix {
  return (value as Matrix).data instanceof Float64Array && (value as Matrix).shape.length === 2;
}

function figureBundle(spec: TopLevelSpec): Bundle {
  return {
    "application/vnd.vegalite.v5+json": spec,
    "image/svg+xml": svg(spec),
    "text/plain": typeof spec.description === "string" ? spec.description : "figure without a description",
  };
}

/**
 * The figure as SVG text, drawn without a browser and without waiting: `View.toSVG` does the same, but answers with a
 * promise, which would come after the cell's end.
 *
 * @param spec Vega-Lite 5 spec
 * @throws Error if the spec does not compile
 */
export function svg(spec: TopLevelSpec): string {
  const vega = require("vega") as typeof import("vega") & VegaInside;
  const { compile } = require("vega-lite") as typeof import("vega-lite");
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: "none" }).run() as unknown as ViewInside;
  const { left, right, top, bottom } = view.padding();
  const [width, height] = [view._viewWidth + left + right, view._viewHeight + top + bottom];
  const renderer = new vega.SVGStringRenderer(vega.loader());
  renderer.initialize(null, width, height, [left + view._origin[0], top + view._origin[1]], 1);
  const text = renderer.background(view.background()).render(view.scenegraph().root).svg();
  view.finalize();
  return text;
}

/** What vega 5 has but does not declare: the renderer that `View.toSVG` uses, and the size that it reads. */
interface VegaInside {
  SVGStringRenderer: new (
    loader: unknown,
  ) => {
    initialize(element: null, width: number, height: number, origin: readonly number[], scale: number): void;
    background(colour: string): { render(root: unknown): { svg(): string } };
  };
}
interface ViewInside {
  readonly _viewWidth: number;
  readonly _viewHeight: number;
  readonly _origin: readonly [number, number];
  padding(): { left: number; right: number; top: number; bottom: number };
  background(): string;
  scenegraph(): { root: unknown };
  finalize(): void;
}

function matrixBundle(a: Matrix, digits: number): Bundle {
  const cells = toRows(a).map((entries) => entries.map((entry) => formatNumber(entry, digits)));
  return { "text/plain": aligned(cells), "text/html": html(undefined, cells) };
}

function tableBundle(rows: readonly TableRow[], digits: number): Bundle {
  const headings = Object.keys(rows[0] ?? {});
  const cells = rows.map((row) => headings.map((heading) => cell(row[heading], digits)));
  return { "text/plain": aligned([headings, ...cells]), "text/html": html(headings, cells) };
}

const cell = (value: TableRow[string], digits: number) =>
  typeof value === "number" ? formatNumber(value, digits) : String(value ?? "");

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, j) => Math.max(...rows.map((row) => row[j]!.length))) ?? [];
  return rows.map((row) => row.map((text, j) => text.padStart(widths[j]!)).join("  ")).join("\n");
}

function html(headings: readonly string[] | undefined, rows: readonly (readonly string[])[]): string {
  const line = (tag: "th" | "td", texts: readonly string[]) =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join("")}</tr>`;
  const head = headings ? `<thead>${line("th", headings)}</thead>` : "";
  return `<table>${head}<tbody>${rows.map((row) => line("td", row)).join("")}</tbody></table>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
