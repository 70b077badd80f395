/** What every concept keeps: its five files, and the form of its note. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ARTEFACTS, catalogue, conceptNames, demoImports } from "../../tools/catalogue.ts";
import { CATEGORIES, readNote, SECTIONS } from "../../tools/note.ts";
import { PLANNED } from "../../tools/planned.ts";
import { readText, root } from "../../tools/project.ts";

import { none } from "./none.js";

const names = conceptNames();

test("there are concepts, and their prerequisites are acyclic", () => {
  expect(names.length).toBeGreaterThan(0);
  expect(catalogue().length).toBeGreaterThan(0);
});

describe.each(names)("%s", (name) => {
  test("has its five files", () => {
    const missing = Object.entries(ARTEFACTS).flatMap(([kind, pathOf]) => {
      const path = pathOf(name);
      const how = kind === "notebook" ? `run npm run notebooks ${name}` : "write it (npm run new makes a skeleton)";
      return existsSync(join(root, path)) ? [] : [`${path} is missing: ${how}.`];
    });
    none(missing);
  });

  test("the note has the form of a note", () => {
    none(problemsOf(name));
  });

  test("nothing of the skeleton is left", () => {
    const left = Object.values(ARTEFACTS)
      .map((pathOf) => pathOf(name))
      .filter((path) => !path.endsWith(".ipynb") && existsSync(join(root, path)))
      .flatMap((path) =>
        readText(path)
          .split("\n")
          .flatMap((line, i) => (/‹.*›/.test(line) ? [`${path}:${i + 1} is still to be written: ${line.trim()}`] : [])),
      );
    none(left);
  });

  test("is one of the planned concepts", () => {
    expect(Object.keys(PLANNED), `${name} is not in src/notes/planned.json`).toContain(name);
  });

  test("the test file is tied to the note", () => {
    const path = ARTEFACTS.test(name);
    expect(readText(path), `${path} must open with concept("${name}")`).toContain(`concept("${name}")`);
  });

  test("every export of the demo is documented", () => {
    const path = ARTEFACTS.demo(name);
    const text = readText(path);
    const undocumented = [
      ...text.matchAll(/^export (?:async )?(?:function\*?|class|const|interface|type) (\w+)/gm),
    ].filter(({ index }) => !/\*\/\s*$/.test(text.slice(0, index)));
    none(undocumented.map(([, id]) => `${path}: ${id} has no docstring`));
    expect(text, `${path}: its header must say what it Follows and, under But:, what it leaves out`).toMatch(
      /^\/\*\*[\s\S]*?Follows[\s\S]*?But:[\s\S]*?\*\//,
    );
  });
});

/** Everything that is wrong with the form of a note, each with the file and what to do. */
function problemsOf(name: string): string[] {
  const path = ARTEFACTS.note(name);
  const note = readNote(root, name);
  const { frontMatter, headings, pieces, links, claims, body } = note;
  const problems: string[] = [];
  const demand = (condition: boolean, message: string) => {
    if (!condition) problems.push(`${path}: ${message}`);
  };

  demand(
    frontMatter.category === name.split("/")[0],
    `category must be the name of its folder, got ${frontMatter.category}`,
  );
  const expected = [frontMatter.title, ...SECTIONS];
  demand(
    headings[0] === frontMatter.title,
    `the first heading must be the title, "# ${frontMatter.title}", got "${headings[0]}"`,
  );
  for (const section of SECTIONS) demand(headings.includes(section), `the section "## ${section}" is missing`);
  if (expected.every((heading) => headings.includes(heading))) {
    demand(
      headings.join("|") === expected.join("|"),
      `sections must be, in this order: ${SECTIONS.join(", ")}; got ${headings.slice(1).join(", ")}`,
    );
  }
  demand(note.definition !== "", "the definition, one sentence, must stand under the title");
  demand(claims.length > 0, 'the section "Checked claims" must state at least one claim');
  for (const level of ["Screening", "Core", "Senior"])
    demand(body.includes(`\n### ${level}\n`), `"What an interviewer expects" needs "### ${level}"`);

  const cells = pieces.filter(({ kind }) => kind === "cell");
  const code = (text: string) => text.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//"));
  demand(
    cells.length > 0 && cells[0]!.text.trimStart().startsWith("import"),
    "the first ```typescript cell must import what the note uses",
  );
  const lengths = cells
    .map(({ text }) => code(text).filter((line) => !line.startsWith("import ")).length)
    .sort((a, b) => a - b);
  demand(
    (lengths[lengths.length >> 1] ?? 0) <= 6,
    `cells must be short, median ≤ 6 lines; theirs is ${lengths[lengths.length >> 1]}`,
  );
  for (const { text, line } of cells) {
    const wide = text.split("\n").findIndex((codeLine) => codeLine.length > 100);
    demand(wide < 0, `line ${line + wide}: a line of a cell has at most 100 characters, so that it fits the notebook`);
    demand(
      !/^\s*(?:for|while)\s*\(.*\n\s+(?:for|while)\s*\(/m.test(text),
      `line ${line}: an algorithm (nested loops) belongs in the demo, not in a cell`,
    );
  }
  const words = proseWords(note.body);
  demand(words >= 600 && words <= 1400, `must have 600-1,400 words of prose, has ${words}`);

  for (const other of [...frontMatter.builds_on, ...frontMatter.see_also]) {
    demand(
      existsSync(join(root, ARTEFACTS.note(other))),
      `names ${other} in its front matter, which is not there (yet): take it out`,
    );
    demand(other !== name, "names itself in its front matter");
  }
  for (const other of demoImports(name))
    demand(frontMatter.builds_on.includes(other), `builds_on must contain ${other}, which its demo imports`);
  for (const { url, line } of links) {
    if (/^https?:/.test(url)) continue;
    const target = join(root, dirname(path), url.split("#")[0]!);
    demand(
      url.startsWith("#") || existsSync(target),
      `line ${line}: the link ${url} leads nowhere; name a concept that is not there yet without a link`,
    );
  }
  demand(
    /https:\/\/(?:doi\.org|arxiv\.org)\//.test(body.slice(body.indexOf("\n## References"))),
    "References need at least one DOI or arXiv link",
  );
  demand(frontMatter.category in CATEGORIES, "unknown category");
  return problems;
}

/** Words of prose: without code, formulas, tables, claims and references. */
function proseWords(body: string): number {
  const prose = body
    .slice(0, body.indexOf("\n## Checked claims"))
    .replace(/```[\s\S]*?```/g, " ")
    .replace(/\$\$[\s\S]*?\$\$/g, " ")
    .replace(/^\|.*$/gm, " ")
    .replace(/\$[^$\n]*\$/g, " x ")
    .replace(/\]\([^)]*\)/g, "]");
  return (prose.match(/[\p{L}\d][\p{L}\p{N}'’.,-]*/gu) ?? []).length;
}
