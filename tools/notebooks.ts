/** Command `npm run notebooks [pattern] [-- --force]`: builds, executes and writes what is missing or stale. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ARTEFACTS, catalogue, README_PICTURE, readmePicture, withTable } from "./catalogue.ts";
import { execute } from "./execute.ts";
import { buildIndex, buildNotebook, type Notebook, stateOf } from "./notebook.ts";
import { main, matching, readText, root, Stop, writeWhole } from "./project.ts";
import { build, prepareJupyter } from "./setup.ts";

await main(async (args) => {
  const force = args.includes("--force");
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--force");
  if (unknown) throw new Stop(`unknown option ${unknown}; there is: --force.`);
  const [pattern] = args.filter((arg) => arg !== "--force");
  const notes = catalogue();
  const names = matching(
    notes.map((note) => note.name),
    pattern,
  );
  const built = new Map<string, Notebook>(
    notes
      .filter((note) => names.includes(note.name))
      .map((note) => [ARTEFACTS.notebook(note.name), buildNotebook(note, notes)]),
  );
  if (pattern === undefined) built.set("notebooks/index.ipynb", buildIndex(notes));
  const states = new Map([...built].map(([path, notebook]) => [path, stateOf(path, notebook)]));
  const edited = [...states].filter(([, state]) => state === "edited").map(([path]) => path);
  if (edited.length > 0 && !force) {
    throw new Stop(
      `${edited.join(", ")} was edited by hand and is left as it is. Move the edits into the note (src/notes) and bring the ` +
        `notebook back with git checkout, or overwrite it with npm run notebooks${pattern ? ` ${pattern}` : ""} -- --force.`,
    );
  }
  const jobs = new Map([...built].filter(([path]) => force || states.get(path) !== "fresh"));
  await build();
  if (pattern === undefined) await updateReadme();
  if (jobs.size === 0) {
    console.log(`${built.size === 1 ? "The notebook is" : `All ${built.size} notebooks are`} up to date.`);
    return 0;
  }
  await prepareJupyter();
  console.log(`Executing ${jobs.size} notebook${jobs.size === 1 ? "" : "s"}, two at a time …`);
  const results = await execute(jobs, ({ path, seconds, first, failure, notebook }) => {
    console.log(
      `${failure ? "FAILED" : "ok    "} ${path}  ${seconds.toFixed(1)} s (first result ${first.toFixed(1)} s)`,
    );
    if (failure) console.log(indented(failure));
    else writeWhole(path, serialised(notebook));
  });
  return results.some((result) => result.failure) ? 1 : 0;

  async function updateReadme(): Promise<void> {
    for (const [path, text] of [
      ["README.md", withTable(readText("README.md"), notes)],
      [README_PICTURE, await readmePicture()],
    ] as const) {
      if (!existsSync(join(root, path)) || readText(path) !== text) writeWhole(path, text);
    }
  }
});

function indented(text: string): string {
  return text.replace(/^/gm, "    ");
}

/** As Jupyter writes notebooks, without what changes from run to run: times and the client's own notes. */
function serialised(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => {
    const { execution: _, ...metadata } = cell.metadata as Record<string, unknown>;
    return { ...cell, metadata };
  });
  return `${JSON.stringify({ ...notebook, cells }, null, 1)}\n`;
}
