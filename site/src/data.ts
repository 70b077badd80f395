/** What the preparation hands to the pages. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CATEGORIES } from "../../tools/note.ts";

export interface ConceptRef {
  readonly name: string;
  readonly title: string;
  /** undefined: not written yet */
  readonly url: string | undefined;
}

export interface Slider {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
}

export interface Choice {
  readonly label: string;
  readonly options: readonly string[];
  readonly value: string;
}

export interface FigureData {
  readonly id: string;
  readonly title: string;
  readonly knobs: Readonly<Record<string, Slider | Choice>>;
  readonly svg: string;
  readonly width: number;
  readonly height: number;
  readonly description: string;
}

export interface SourceFile {
  /** last part of its address */
  readonly id: string;
  readonly path: string;
  /** highlighted, one HTML text a line */
  readonly lines: readonly string[];
}

export interface ConceptData {
  readonly name: string;
  /** whose files it is made of: its own, but for copies that stand in when the build is measured */
  readonly source: string;
  readonly title: string;
  readonly category: keyof typeof CATEGORIES;
  readonly categoryTitle: string;
  readonly summary: string;
  readonly difficulty: number;
  readonly tags: readonly string[];
  readonly definition: string;
  readonly body: string;
  readonly headings: readonly { readonly depth: number; readonly slug: string; readonly text: string }[];
  readonly figures: readonly FigureData[];
  readonly api: string;
  readonly exports: readonly { readonly name: string; readonly kind: string }[];
  readonly files: readonly SourceFile[];
  readonly notebook: string | undefined;
  readonly notebookState: "fresh" | "stale" | "missing";
  readonly buildsOn: readonly ConceptRef[];
  readonly leadsTo: readonly ConceptRef[];
  readonly seeAlso: readonly ConceptRef[];
  readonly claims: { readonly total: number; readonly proven: number; readonly failed: number };
  /** sources of the cells, in order */
  readonly cells: readonly string[];
}

export interface SiteData {
  readonly base: string;
  /** address of the kernel's worker */
  readonly kernel: string;
  readonly categories: readonly { readonly id: string; readonly title: string }[];
  readonly entries: readonly (ConceptRef & {
    readonly category: keyof typeof CATEGORIES;
    readonly summary: string;
    readonly difficulty: number | undefined;
    readonly tags: readonly string[];
  })[];
  /** names of the concepts that have a page, in reading order */
  readonly order: readonly string[];
  readonly map: import("../prepare/map.ts").ConceptMap;
}

const folder = process.env.SITE_GENERATED ?? ".generated";

export const site = JSON.parse(readFileSync(join(folder, "site.json"), "utf8")) as SiteData;

export function concept(name: string): ConceptData {
  return JSON.parse(readFileSync(join(folder, `concepts/${name.replace("/", "__")}.json`), "utf8")) as ConceptData;
}
