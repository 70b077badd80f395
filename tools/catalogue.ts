/**
 * The catalogue: which concepts exist, in which order they are read, what leads to what. Everything here is derived from
 * the folders and from the front matter of the notes.
 */

import { CATEGORIES, type Note, readNote } from "./note.ts";
import { filesBelow, readText, root } from "./project.ts";

/** The five files of a concept. */
export const ARTEFACTS = {
  note: (name: string) => `src/notes/${name}.md`,
  demo: (name: string) => `src/demos/${name}.ts`,
  figure: (name: string) => `src/figures/${name}.ts`,
  test: (name: string) => `test/${name}.test.ts`,
  notebook: (name: string) => `notebooks/${name}.ipynb`,
} as const;

const FOLDERS = [
  ["src/notes", ".md"],
  ["src/demos", ".ts"],
  ["src/figures", ".ts"],
  ["test", ".test.ts"],
  ["notebooks", ".ipynb"],
] as const;

/** Names that at least one artefact has, sorted: `<category>/<slug>`. */
export function conceptNames(): string[] {
  const names = FOLDERS.flatMap(([folder, ending]) =>
    filesBelow(folder, ending).map((path) => path.slice(folder.length + 1, -ending.length)),
  ).filter((name) => (name.split("/")[0] ?? "") in CATEGORIES && name.split("/").length === 2);
  return [...new Set(names)].sort();
}

/** Concepts that have a note, in reading order: by category, and within one a concept after those it builds on. */
export function catalogue(): Note[] {
  const notes = filesBelow("src/notes", ".md").map((path) =>
    readNote(root, path.slice("src/notes/".length, -".md".length)),
  );
  const byName = new Map(notes.map((note) => [note.name, note]));
  const ordered = new Set<Note>();
  const visit = (note: Note, onPath: readonly string[]) => {
    if (onPath.includes(note.name)) {
      throw new Error(
        `builds_on goes in a circle: ${[...onPath, note.name].join(" → ")}. Take one of these out of its note.`,
      );
    }
    for (const before of note.frontMatter.builds_on) {
      const other = byName.get(before);
      if (other) visit(other, [...onPath, note.name]);
    }
    ordered.add(note);
  };
  for (const note of notes) visit(note, []);
  return Object.keys(CATEGORIES).flatMap((category) =>
    [...ordered].filter((note) => note.frontMatter.category === category),
  );
}

/** Demos that a demo imports, as concept names. */
export function demoImports(name: string): string[] {
  const [category] = name.split("/");
  return [...readText(ARTEFACTS.demo(name)).matchAll(/from "(\.\.?\/[^"]+)\.js"/g)]
    .map(([, path]) => new URL(path!, `file:///src/demos/${category}/`).pathname)
    .filter((path) => path.startsWith("/src/demos/"))
    .map((path) => path.slice("/src/demos/".length));
}

/** The README's table of concepts. */
export function readmeTable(notes: readonly Note[]): string {
  const lines = notes.map(({ name, frontMatter: { title, category, summary } }) => {
    const files = `[note](${ARTEFACTS.note(name)}) · [code](${ARTEFACTS.demo(name)}) · [notebook](${ARTEFACTS.notebook(name)})`;
    return `| ${CATEGORIES[category]} | **${title}** | ${summary.replaceAll("|", "\\|").trim()} | ${files} |`;
  });
  return ["| category | concept | in one line | files |", "|---|---|---|---|", ...lines].join("\n");
}

const TABLE = /(<!-- concepts: made by npm run notebooks -->\n)[\s\S]*?(<!-- end of concepts -->)/;

/**
 * The README's text with its table of concepts brought up to date.
 *
 * @throws Error if the two comments between which the table stands are not there
 */
export function withTable(readme: string, notes: readonly Note[]): string {
  if (!TABLE.test(readme))
    throw new Error("README.md has lost the comments around its table of concepts: put them back");
  return readme.replace(TABLE, (_, before: string, after: string) => `${before}\n${readmeTable(notes)}\n\n${after}`);
}

/** The picture of the README: a figure of the built package as SVG. */
export const README_PICTURE = "docs/k-means.svg";

/** Draws the README's picture; dist/ must be built. */
export async function readmePicture(): Promise<string> {
  const { figures } = await import(`${root}/dist/figures/classical-ml/k-means.js`);
  const { svg } = await import(`${root}/dist/jupyter/index.js`);
  const [first] = Object.values(figures) as { draw(): unknown }[];
  return `${svg(first!.draw())}\n`;
}
