/** Command `npm test`: types, lint, unit and contract tests, and every notebook executed afresh. Ends with "N passed, N failed". */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ARTEFACTS, catalogue, README_PICTURE, readmePicture, withTable } from "./catalogue.ts";
import { type Execution, execute } from "./execute.ts";
import { buildIndex, buildNotebook, differences, type Notebook, stateOf } from "./notebook.ts";
import { main, readText, root, run, Stop } from "./project.ts";
import { build, prepareJupyter } from "./setup.ts";

let passed = 0;
let failed = 0;
/** Seconds by concept: tests, notebook. */
const times = new Map<string, { tests?: number; notebook?: number; first?: number }>();
const began = performance.now();

await main(async () => {
  await stage("types", () => tool("node_modules/typescript/bin/tsc", ["-p", "tsconfig.json"]));
  await stage("lint and format", () =>
    tool("node_modules/@biomejs/biome/bin/biome", ["check", "--error-on-warnings", "--colors=off"]),
  );
  await stage("build", build);
  await stage("set-up of Jupyter", prepareJupyter);
  await unitTests();
  await notebooks();
  report();
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});

/** A step that passes or fails as a whole; its failure is printed and the run goes on. */
async function stage(name: string, body: () => Promise<void>): Promise<void> {
  const start = performance.now();
  try {
    await body();
    passed++;
    console.log(`ok      ${name}  ${seconds(start)}`);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    failed++;
    console.log(`FAILED  ${name}  ${seconds(start)}\n${error.message.replace(/^/gm, "    ")}`);
  }
}

async function tool(path: string, args: readonly string[]): Promise<void> {
  const { code, output } = await run(process.execPath, [join(root, path), ...args]);
  if (code !== 0) throw new Stop(output.trim());
}

/** Vitest, whose own report is shown; the counts and the times come from its JSON report. */
async function unitTests(): Promise<void> {
  console.log("Unit and contract tests …");
  const report = join(root, ".cache/vitest.json");
  rmSync(report, { force: true });
  const start = performance.now();
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { code } = await run(process.execPath, args, { show: true, env: { FORCE_COLOR: "0", NO_COLOR: "1" } });
  if (!existsSync(report)) {
    failed++;
    console.log(`FAILED  vitest ended with code ${code} and left no report`);
    return;
  }
  const result = JSON.parse(readFileSync(report, "utf8")) as VitestReport;
  passed += result.numPassedTests;
  const broken = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  failed += result.numFailedTests + broken.length;
  if (code !== 0 && result.numFailedTests + broken.length === 0) failed++; // an error outside every test
  if (result.numPassedTests + result.numFailedTests === 0) {
    failed++;
    console.log("FAILED  vitest found no test");
  }
  for (const file of result.testResults) {
    const name = /[/\\]test[/\\](.+)\.test\.ts$/.exec(file.name)?.[1]?.replaceAll("\\", "/");
    if (name) times.set(name, { tests: (file.endTime - file.startTime) / 1000 });
  }
  console.log(`${failed === 0 ? "ok    " : "done  "}  unit and contract tests  ${seconds(start)}`);
}

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Every notebook must be the one that its note makes now, run without an error, and print what is committed. */
async function notebooks(): Promise<void> {
  const notes = catalogue();
  const jobs = new Map<string, Notebook>([
    ["notebooks/index.ipynb", buildIndex(notes)],
    ...notes.map((note) => [ARTEFACTS.notebook(note.name), buildNotebook(note, notes)] as const),
  ]);
  for (const [path, built] of jobs) {
    await stage(`${path} is up to date`, async () => {
      const state = stateOf(path, built);
      if (state === "missing" || state === "stale")
        throw new Stop(`${path} is ${state}: run npm run notebooks, look at it, commit it.`);
      if (state === "edited")
        throw new Stop(`${path} was edited by hand: move the edits into the note, then npm run notebooks -- --force.`);
    });
  }
  await stage("README.md lists the concepts that exist and shows the figure as it is", async () => {
    const readme = readText("README.md");
    if (withTable(readme, notes) !== readme) throw new Stop("its table is stale: run npm run notebooks.");
    if ((await readmePicture()) !== readText(README_PICTURE))
      throw new Stop(`${README_PICTURE} is stale: run npm run notebooks.`);
  });
  console.log(`Executing ${jobs.size} notebooks afresh, two at a time …`);
  const start = performance.now();
  await stage("execution of the notebooks", async () => {
    await execute(jobs, judge);
  });
  console.log(`Executed in ${seconds(start)}.`);

  function judge({ path, notebook, failure, seconds: taken, first }: Execution): void {
    const name = path.slice("notebooks/".length, -".ipynb".length);
    times.set(name, { ...times.get(name), notebook: taken, first });
    const committed = existsSync(join(root, path)) ? (JSON.parse(readText(path)) as Notebook) : undefined;
    const problems = failure
      ? [failure]
      : committed
        ? differences(committed, notebook)
        : ["there is no committed notebook to compare with"];
    if (problems.length === 0) passed++;
    else failed++;
    console.log(`${problems.length ? "FAILED" : "ok    "}  ${path}  ${taken.toFixed(1)} s`);
    for (const problem of problems) console.log(problem.replace(/^/gm, "    "));
  }
}

/** The budgets of each concept, so that a slow one is seen on the day it arrives. */
function report(): void {
  console.log(
    "\nSeconds by file: its tests (all together should take ≤ 90), its notebook (≤ 10), of which to the first result (≤ 3)",
  );
  for (const [name, { tests, notebook, first }] of [...times].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const cell = (value: number | undefined) => (value === undefined ? "" : value.toFixed(1)).padStart(6);
    console.log(`${cell(tests)} ${cell(notebook)} ${cell(first)}  ${name}`);
  }
  console.log(`In all ${seconds(began)}.`);
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
