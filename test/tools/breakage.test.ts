/**
 * The contract tests themselves: in a copy of the project a new concept is started as CONTRIBUTING.md says, every rule is
 * broken once, and each break must be reported with the file and what to do.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../tools/project.ts";

const NEW = "classical-ml/a-new-concept";
const copy = mkdtempSync(join(root, ".cache-breakage-"));
const path = (...parts: string[]) => join(copy, ...parts);
const edit = (file: string, change: (text: string) => string) =>
  writeFileSync(path(file), change(readFileSync(path(file), "utf8")));
const vitest = (...args: string[]) => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(root, "node_modules/vitest/vitest.mjs"), "run", ...args],
    {
      cwd: copy,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    },
  );
  return { text: stdout + stderr, status };
};

beforeAll(() => {
  for (const part of [
    "src",
    "test",
    "tools",
    "data",
    "notebooks",
    "package.json",
    "vitest.config.ts",
    "README.md",
    "CONTRIBUTING.md",
  ]) {
    cpSync(join(root, part), path(part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), path("node_modules"), "junction");
  edit("src/notes/planned.json", (text) =>
    JSON.stringify({ [NEW]: { title: "A new concept", summary: "What it is." }, ...JSON.parse(text) }),
  );
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe("npm run new", () => {
  const start = (name: string) =>
    spawnSync(process.execPath, [path("tools/new.ts"), name], { cwd: copy, encoding: "utf8" });

  test("writes the five files, and refuses to write them twice", () => {
    const { stdout, status } = start(NEW);
    expect(status).toBe(0);
    const written = [...stdout.matchAll(/^wrote (.+)$/gm)].map(([, file]) => file);
    expect(written).toEqual([
      `src/notes/${NEW}.md`,
      `src/demos/${NEW}.ts`,
      `src/figures/${NEW}.ts`,
      `test/${NEW}.test.ts`,
      `notebooks/${NEW}.ipynb`,
    ]);
    expect(start(NEW).stderr).toBe(`runnable-ml: src/notes/${NEW}.md is there already; nothing was written.\n`);
  });
  test("names the nearest concepts for a misspelt one", () => {
    const { stderr, status } = start("classical-ml/k-maens");
    expect(status).toBe(1);
    expect(stderr).toMatch(/"classical-ml\/k-maens" is none of the \d+ concepts.*Nearest: classical-ml\/k-means/);
  });
  test("the skeleton compiles", () => {
    const config = {
      extends: "../tsconfig.json",
      include: [`src/*/${NEW}.ts`, `test/${NEW}.test.ts`, "src/json.d.ts"],
    };
    writeFileSync(path("tsconfig.json"), JSON.stringify(config));
    const { stdout } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", copy], {
      encoding: "utf8",
    });
    expect(stdout).toBe("");
  });
});

describe("each broken rule is reported", () => {
  let contract = "";
  let claims = "";
  beforeAll(() => {
    edit(`src/figures/${NEW}.ts`, (text) =>
      text.replace('mark: "point",', 'mark: { type: "point", size: { bad: 1 } as never },'),
    );
    edit("src/notes/classical-ml/k-means.md", (text) => text.replace("\n## Conventions\n", "\n### Conventions\n"));
    appendFileSync(path("src/notes/linear-algebra/svd-and-pca.md"), "\n[nowhere](../linear-algebra/nowhere.md)\n");
    rmSync(path("notebooks/linear-algebra/svd-and-pca.ipynb"));
    appendFileSync(path("src/lib/matrix.ts"), 'export { kMeans } from "../demos/classical-ml/k-means.js";\n');
    appendFileSync(path("src/demos/classical-ml/k-means.ts"), "export const drawn = () => Math.random();\n");
    contract = vitest("test/contract").text;
    edit("src/notes/linear-algebra/matrices-as-linear-maps.md", (text) =>
      text.replace("\n## Checked claims\n\n", "\n## Checked claims\n\n- **planted**: unproven.\n"),
    );
    appendFileSync(
      path("test/training-fundamentals/cross-entropy-and-softmax.test.ts"),
      '\nclaim("planted", () => {});\n',
    );
    claims = vitest(
      "test/linear-algebra",
      "test/training-fundamentals",
      `test/${NEW}`,
      "-t",
      "the claims proven here",
    ).text;
  }, 400_000);

  test.each([
    ["an untouched skeleton, note", `src/notes/${NEW}.md:8 is still to be written: tags: [‹tag›]`],
    ["an untouched skeleton, demo", `src/demos/${NEW}.ts:2 is still to be written`],
    ["an untouched skeleton, prose", `src/notes/${NEW}.md: must have 600-1,400 words of prose, has`],
    ["a note without a section", 'src/notes/classical-ml/k-means.md: the section "## Conventions" is missing'],
    ["a dead internal link", "the link ../linear-algebra/nowhere.md leads nowhere"],
    [
      "a missing artefact",
      "notebooks/linear-algebra/svd-and-pca.ipynb is missing: run npm run notebooks linear-algebra/svd-and-pca.",
    ],
    ["an import against the layers", "src/lib/matrix.ts imports ../demos/classical-ml/k-means.js: lib may import"],
    ["Math.random in src", "contains Math.random: draw from random(seed) of src/lib/random.ts"],
    ["an undocumented export", "src/demos/classical-ml/k-means.ts: drawn has no docstring"],
    ["a figure with a warning", `src/figures/${NEW}.ts, aNewConceptFigure at {}`],
  ])("%s", (_, message) => {
    expect(contract).toContain(message);
  });

  test.each([
    ["a claim without a test", "src/notes/linear-algebra/matrices-as-linear-maps.md states claims without a test"],
    [
      "a test without a claim",
      "test/training-fundamentals/cross-entropy-and-softmax.test.ts proves claims that the note does not state",
    ],
    ["the skeleton's claim", `src/notes/${NEW}.md states claims without a test`],
  ])("%s", (_, message) => {
    expect(claims).toContain(message);
  });
});
