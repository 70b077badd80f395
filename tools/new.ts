/** Command `npm run new <category>/<slug>`: a skeleton of the five files of a concept; npm test then names what is missing. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ARTEFACTS, catalogue } from "./catalogue.ts";
import { readNote, SECTIONS } from "./note.ts";
import { buildNotebook } from "./notebook.ts";
import { PLANNED } from "./planned.ts";
import { main, nearest, root, Stop, writeWhole } from "./project.ts";

const note = ({ title, summary, category, name, id }: Record<string, string>) => `---
title: ${title}
category: ${category}
summary: ${JSON.stringify(summary)}
builds_on: []
see_also: []
difficulty: 2
tags: [‹tag›]
---

# ${title}

‹The definition, in one sentence.›

${SECTIONS.map((section) => `## ${section}\n\n${SECTION_TEXT[section]?.(name!, id!) ?? `‹${section}›`}`).join("\n\n")}
`;

const SECTION_TEXT: Readonly<Record<string, (name: string, id: string) => string>> = {
  Mechanism: (name, id) =>
    `‹Numbered equations, a table of symbols, a case worked by hand.›\n\n\`\`\`typescript\nimport { ${id} } from "runnable-ml/${name}";\n\nconsole.log(${id}(2));\n\`\`\``,
  "What an interviewer expects": () =>
    "### Screening\n\n‹**Question?** Answer.›\n\n### Core\n\n‹**Question?** Answer.›\n\n### Senior\n\n‹**Question?** Answer.›",
  "Checked claims": () => "- **first-claim**: ‹what is true, with its numbers.›",
};

const demo = (title: string, id: string) => `/**
 * ${title}: ‹what it computes, in a sentence›.
 *
 * Follows ‹authors, "title", year. link›
 * But: ‹what it leaves out›
 */
import { checkNumber } from "../../lib/check.js";

/**
 * ‹What it returns, with shapes, units, defaults.›
 *
 * @param x ‹symbol and meaning›
 * @throws RangeError if x is not finite
 * @example
 * ${id}(2) // 2
 */
export function ${id}(x: number): number {
  return checkNumber("${id}", "x", x);
}
`;

const figure = (title: string, id: string) => `/** ‹What the figure shows.› */
import { figure } from "../../lib/figure.js";

export const ${id}Figure = figure(
  "${title}",
  { size: { label: "‹knob›", min: 1, max: 10, step: 1, value: 5 } },
  ({ size }) => ({
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title: "${title}",
    description: \`‹alternative text computed from the data›: \${size} points on a line.\`,
    width: 400,
    height: 240,
    data: { values: Array.from({ length: size }, (_, x) => ({ x, y: x })) },
    mark: "point",
    encoding: {
      x: { field: "x", type: "quantitative", title: "‹x, with its unit›" },
      y: { field: "y", type: "quantitative", title: "‹y, with its unit›" },
    },
  }),
);

export const figures = { ${id}Figure };
`;

const testFile = (name: string) => `import { describe, expect, test } from "vitest";
import * as demo from "../../src/demos/${name}.js";
import { concept } from "../concept.js";

concept("${name}");

describe("bad input", () => {
  test.each(Object.values(demo))("%s refuses NaN", (f) => {
    expect(() => f(Number.NaN)).toThrow(RangeError);
  });
});
`;

await main((args) => {
  const [name = ""] = args;
  const all = Object.keys(PLANNED);
  if (!all.includes(name)) {
    throw new Stop(
      `"${name}" is none of the ${all.length} concepts, written <category>/<slug>. Nearest: ${nearest(all, name).join(", ")}.`,
    );
  }
  for (const pathOf of Object.values(ARTEFACTS)) {
    if (existsSync(join(root, pathOf(name)))) throw new Stop(`${pathOf(name)} is there already; nothing was written.`);
  }
  const [category, slug] = name.split("/") as [string, string];
  const { title, summary } = PLANNED[name]!;
  const id = slug.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  writeWhole(ARTEFACTS.demo(name), demo(title, id));
  writeWhole(ARTEFACTS.figure(name), figure(title, id));
  writeWhole(ARTEFACTS.test(name), testFile(name));
  writeWhole(ARTEFACTS.note(name), note({ title, summary, category, name, id }));
  writeWhole(
    ARTEFACTS.notebook(name),
    `${JSON.stringify(buildNotebook(readNote(root, name), catalogue()), null, 1)}\n`,
  );
  for (const pathOf of Object.values(ARTEFACTS)) console.log(`wrote ${pathOf(name)}`);
  console.log("Replace what stands between ‹ and ›, then npm test: it names what is missing.");
  return 0;
});
