/** Gathers what the pages show, from the files of the project, into .generated/: no page reads anything else. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ARTEFACTS, catalogue } from "../../tools/catalogue.ts";
import { CATEGORIES, type Note } from "../../tools/note.ts";
import { type Notebook, notebookHash } from "../../tools/notebook.ts";
import { PLANNED } from "../../tools/planned.ts";
import { readText, root } from "../../tools/project.ts";
import type { SearchDocument } from "../src/client/search-options.ts";
import type { ConceptData, ConceptRef, FigureData, SiteData, SourceFile } from "../src/data.ts";
import { type Export, exportHtml, readExports } from "./api.ts";
import { cellHtml, codeCells, sizeOf } from "./cells.ts";
import { type ClaimState, claimLines, claimStates } from "./claims.ts";
import { highlightLines } from "./highlight.ts";
import { conceptMap } from "./map.ts";
import { noteHtml, type Section } from "./markdown.ts";
import { generated } from "./paths.ts";
import { searchIndex } from "./search-index.ts";

/** A page to make: under which name, from whose files. They differ only when copies stand in for concepts not written yet. */
interface Job {
  readonly name: string;
  readonly source: Note;
  readonly title: string;
  readonly buildsOn: readonly string[];
}

export interface Collected {
  readonly concepts: number;
  readonly problems: readonly string[];
}

/**
 * @param base path of the site on its host, "/" or "/sub/path/"
 * @param kernel path of the kernel's worker inside the site
 * @param simulate so many pages, by copies of the concepts there are: for measuring
 */
export async function collect(base: string, kernel: string, simulate = 0): Promise<Collected> {
  const all = Object.keys(PLANNED);
  const notes = catalogue();
  const jobs = withCopies(notes, all, PLANNED, simulate);
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const states = claimStates();
  const assets = new Map<string, string>();
  const documents: SearchDocument[] = [];
  const problems: string[] = [];
  const reference = (name: string): ConceptRef => ({
    name,
    title: byName.get(name)?.title ?? PLANNED[name]?.title ?? name,
    url: byName.has(name) ? `${base}${name}/` : undefined,
  });

  for (const job of jobs) {
    const { name, source: note } = job;
    const from = note.name;
    const demo = textOf(ARTEFACTS.demo(from));
    const test = textOf(ARTEFACTS.test(from));
    const figureText = textOf(ARTEFACTS.figure(from));
    const notebookText = textOf(ARTEFACTS.notebook(from));
    const notebook = notebookText === undefined ? undefined : (JSON.parse(notebookText) as Notebook);
    const executed = codeCells(notebook);
    const lines = claimLines(test ?? "");
    const claimed = states.get(from);
    const stateOf = (id: string): ClaimState => claimed?.get(id) ?? "not run";

    const html = await noteHtml(note.body, {
      cell: (index, source) => cellHtml(index, source, executed[index], base, assets),
      link: (target) => siteLink(target, name, base, byName),
      claim(id) {
        const state = stateOf(id);
        const line = lines.get(id);
        const title = state === "not run" ? "not run yet" : state;
        const link =
          line === undefined
            ? ""
            : `<a class="proof" href="${base}${name}/test/#L${line}">test<span class="sr-only"> of ${id}</span></a>`;
        return { className: state.replace(" ", "-"), badge: `<span class="state">${title}</span>${link}` };
      },
    });
    problems.push(...html.problems.map((problem) => `${ARTEFACTS.note(from)}: ${problem}`));

    const declarations = textOf(`dist/demos/${from}.d.ts`);
    // What can be called comes first, then the shapes of what goes in and comes out.
    const read = readExports(declarations ?? "");
    const called = (item: Export) => item.kind === "function" || item.kind === "class";
    const exports = [...read.filter(called), ...read.filter((item) => !called(item))];
    const files: SourceFile[] = [
      ["implementation", ARTEFACTS.demo(from), demo],
      ["test", ARTEFACTS.test(from), test],
      ["figure", ARTEFACTS.figure(from), figureText],
    ].flatMap(([id, path, text]) =>
      text === undefined ? [] : [{ id: id!, path: path!, lines: highlightLines(text.trimEnd()) }],
    );
    if (notebookText !== undefined) assets.set(`${name}/${name.split("/")[1]}.ipynb`, notebookText);
    const figures = await figuresOf(from, problems);
    const { category, summary, difficulty, tags, see_also } = note.frontMatter;
    const ownCategory = name === from ? category : (name.split("/")[0] as typeof category);
    const data: ConceptData = {
      name,
      source: from,
      title: job.title,
      category: ownCategory,
      categoryTitle: CATEGORIES[ownCategory],
      summary,
      difficulty,
      tags,
      definition: html.definition,
      body: html.body,
      headings: [...html.headings, ...(exports.length ? [{ depth: 2, slug: "api", text: "Exports" }] : [])],
      figures,
      api: exports.map(exportHtml).join(""),
      exports: exports.map(({ name: exported, kind }) => ({ name: exported, kind })),
      files,
      notebook: notebookText === undefined ? undefined : `${base}${name}/${name.split("/")[1]}.ipynb`,
      notebookState:
        notebook === undefined
          ? "missing"
          : notebook.metadata["runnable-ml"]?.hash === notebookHash(from)
            ? "fresh"
            : "stale",
      buildsOn: job.buildsOn.map(reference),
      leadsTo: jobs.filter((other) => other.buildsOn.includes(name)).map((other) => reference(other.name)),
      seeAlso: see_also.map(reference),
      claims: {
        total: note.claims.length,
        proven: note.claims.filter(({ id }) => stateOf(id) === "proven").length,
        failed: note.claims.filter(({ id }) => stateOf(id) === "failed").length,
      },
      cells: note.pieces.filter(({ kind }) => kind === "cell").map(({ text }) => text),
    };
    writeGenerated(`concepts/${name.replace("/", "__")}.json`, JSON.stringify(data));
    documents.push(documentOf(data, html.sections));
  }

  const entries: SiteData["entries"] = Object.entries(PLANNED).map(([name, { summary }]) => {
    const job = byName.get(name);
    return {
      ...reference(name),
      category: name.split("/")[0] as keyof typeof CATEGORIES,
      summary: job?.source.frontMatter.summary ?? summary,
      difficulty: job?.source.frontMatter.difficulty,
      tags: job?.source.frontMatter.tags ?? [],
    };
  });
  for (const entry of entries) if (!byName.has(entry.name)) documents.push(plannedDocument(entry));
  const site: SiteData = {
    base,
    kernel: `${base}${kernel}`,
    categories: Object.entries(CATEGORIES).map(([id, title]) => ({ id, title })),
    entries,
    order: jobs.map(({ name }) => name),
    map: conceptMap(jobs),
  };
  writeGenerated("site.json", JSON.stringify(site));
  assets.set("favicon.svg", readText("site/src/favicon.svg"));
  assets.set("search.json", searchIndex(documents));
  for (const [path, text] of assets) writeGenerated(`public/${path}`, text);
  return { concepts: jobs.length, problems };
}

function writeGenerated(path: string, text: string): void {
  const target = join(generated, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function textOf(path: string): string | undefined {
  return existsSync(join(root, path)) ? readText(path) : undefined;
}

function withCopies(
  notes: readonly Note[],
  all: readonly string[],
  definitions: Readonly<Record<string, { title: string }>>,
  simulate: number,
): Job[] {
  const jobs: Job[] = notes.map((source) => ({
    name: source.name,
    source,
    title: source.frontMatter.title,
    buildsOn: source.frontMatter.builds_on,
  }));
  const missing = all.filter((name) => !notes.some((note) => note.name === name));
  for (const [i, name] of missing.slice(0, Math.max(0, simulate - notes.length)).entries()) {
    // A graph such as a whole handbook has: most build on one or two that come before.
    const before = [jobs[(i * 7) % jobs.length]!.name, jobs[(i * 3) % jobs.length]!.name];
    jobs.push({
      name,
      source: notes[i % notes.length]!,
      title: definitions[name]!.title,
      buildsOn: i % 5 === 0 ? [] : [...new Set(before.slice(0, 1 + (i % 2)))],
    });
  }
  return jobs;
}

/** The figures of a concept, drawn at their first settings by the built package. */
async function figuresOf(name: string, problems: string[]): Promise<FigureData[]> {
  const path = join(root, `dist/figures/${name}.js`);
  if (!existsSync(path)) return [];
  const [{ figures }, { svg }] = await Promise.all([import(path), import(join(root, "dist/jupyter/index.js"))]);
  return Object.entries(
    figures as Record<string, { title: string; knobs: FigureData["knobs"]; draw(): { description?: string } }>,
  ).flatMap(([id, { title, knobs, draw }]) => {
    try {
      const spec = draw();
      const picture = svg(spec) as string;
      const [width, height] = sizeOf(picture);
      return [{ id, title, knobs, svg: picture, width, height, description: spec.description ?? title }];
    } catch (error) {
      problems.push(`${ARTEFACTS.figure(name)}: ${id} cannot be drawn: ${(error as Error).message}`);
      return [];
    }
  });
}

/** Links between the files of the project become links between pages. */
function siteLink(target: string, name: string, base: string, pages: ReadonlyMap<string, unknown>): string {
  if (/^(?:[a-z]+:|#)/.test(target)) return target;
  const [path = "", anchor] = target.split("#");
  const file = new URL(path, `file:///src/notes/${name}.md`).pathname.slice(1);
  const hash = anchor === undefined ? "" : `#${anchor}`;
  const concept = /^(?:src\/(?:notes|demos|figures)|test|notebooks)\/([^/]+\/[^/.]+)\.(?:md|ts|test\.ts|ipynb)$/.exec(
    file,
  )?.[1];
  if (concept === undefined || !pages.has(concept)) return `${base}#${concept ?? ""}`;
  if (file.startsWith("src/demos/")) return `${base}${concept}/implementation/${hash}`;
  if (file.startsWith("src/figures/")) return `${base}${concept}/figure/${hash}`;
  if (file.startsWith("test/")) return `${base}${concept}/test/${hash}`;
  return `${base}${concept}/${hash}`;
}

const excerpted = (text: string) => text.replace(/\s+/g, " ").trim().slice(0, 600);

function documentOf(data: ConceptData, sections: readonly Section[]): SearchDocument {
  return {
    id: data.name,
    slug: data.name.split("/")[1]!,
    title: data.title,
    summary: data.summary,
    names: data.exports.map(({ name }) => name).join(" "),
    tags: data.tags.join(" "),
    headings: sections.map(({ heading }) => heading).join(" · "),
    text: sections.map(({ text }) => text).join("\n"),
    category: data.categoryTitle,
    url: `${data.name}/`,
    planned: false,
    sections: sections.map(({ slug, heading, text }) => [slug, heading, excerpted(text)] as const),
  };
}

function plannedDocument(entry: SiteData["entries"][number]): SearchDocument {
  return {
    id: entry.name,
    slug: entry.name.split("/")[1]!,
    title: entry.title,
    summary: entry.summary,
    names: "",
    tags: "",
    headings: "",
    text: "",
    category: CATEGORIES[entry.category],
    url: `#${entry.name}`,
    planned: true,
    sections: [],
  };
}
