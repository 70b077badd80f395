/** A cell of a note as it stands in a page: the code, what it printed when it was executed, and a place for what it prints now. */
import type { Cell, Notebook, Output } from "../../tools/notebook.ts";
import { joined } from "../../tools/notebook.ts";
import { sha256 } from "../../tools/project.ts";
import { asFile } from "../src/client/svg.ts";
import { escapeHtml, highlight } from "./highlight.ts";

export interface Asset {
  /** path inside the site */
  readonly path: string;
  readonly text: string;
}

/** The executed code cells of a notebook, in order, or none when there is no notebook. */
export function codeCells(notebook: Notebook | undefined): Cell[] {
  return notebook?.cells.filter((cell) => cell.cell_type === "code") ?? [];
}

export function cellHtml(
  index: number,
  source: string,
  executed: Cell | undefined,
  base: string,
  assets: Map<string, string>,
): string {
  const fresh = executed !== undefined && joined(executed.source).trim() === source.trim();
  const outputs = fresh
    ? merged(executed.outputs ?? [])
        .map((output) => outputHtml(output, base, assets))
        .join("")
    : '<p class="unrun">Not executed yet: run it here, or run <code>npm run notebooks</code>.</p>';
  const number = index + 1;
  return [
    `<div class="note-cell" data-cell="${number}">`,
    `<div class="cell-code"><pre class="code" tabindex="0" role="region" aria-label="Cell ${number}"><code>${highlight(source)}</code></pre></div>`,
    `<div class="cell-output" aria-live="polite">${outputs}</div>`,
    "</div>",
  ].join("");
}

/** Pieces of one stream that follow each other are one text. */
function merged(outputs: readonly Output[]): Output[] {
  const result: Output[] = [];
  for (const output of outputs) {
    const last = result.at(-1);
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name)
      result[result.length - 1] = { ...last, text: joined(last.text) + joined(output.text) };
    else result.push(output);
  }
  return result;
}

function outputHtml(output: Output, base: string, assets: Map<string, string>): string {
  if (output.output_type === "stream") return `<pre class="text">${escapeHtml(lastLines(joined(output.text)))}</pre>`;
  const data = output.data ?? {};
  const text = (type: string) => joined(data[type] as string | readonly string[] | undefined);
  const svg = text("image/svg+xml");
  if (svg) return figureImage(svg, text("text/plain"), base, assets);
  const html = text("text/html");
  if (html) return `<div class="wide output-table" tabindex="0" role="region" aria-label="Table">${html}</div>`;
  return `<pre class="text">${escapeHtml(text("text/plain"))}</pre>`;
}

/** A drawn figure as a file of its own, so that the page's text does not wait for it. */
export function figureImage(svg: string, alt: string, base: string, assets: Map<string, string>): string {
  const path = `figures/${sha256(svg).slice(0, 16)}.svg`;
  assets.set(path, asFile(svg));
  const [width, height] = sizeOf(svg);
  return `<div class="paper" tabindex="0" role="region" aria-label="Figure"><img src="${base}${path}" alt="${escapeHtml(alt)}" width="${width}" height="${height}" loading="lazy" decoding="async"></div>`;
}

export function sizeOf(svg: string): [width: number, height: number] {
  const size = (name: string) => Math.round(Number(new RegExp(`<svg[^>]* ${name}="([\\d.]+)"`).exec(svg)?.[1] ?? 0));
  return [size("width"), size("height")];
}

/** What a terminal would show: a carriage return starts the line again. */
const lastLines = (text: string) => text.replace(/^.*\r(?!\n)/gm, "");
