/** Runs notebooks by the tslab kernel through Jupyter's client (tools/python/execute.py), two at a time. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Notebook } from "./notebook.ts";
import { root, run, Stop } from "./project.ts";
import { jupyterEnvironment, python } from "./setup.ts";

export interface Execution {
  /** path of the notebook from the project's root */
  readonly path: string;
  readonly notebook: Notebook;
  /** wall-clock seconds, kernel start included */
  readonly seconds: number;
  /** seconds to the first cell's result, kernel start included */
  readonly first: number;
  /** what went wrong, or undefined */
  readonly failure: string | undefined;
}

/**
 * Executes notebooks with working directories as a reader has them: the folder of each notebook.
 *
 * @param jobs path from the project's root → notebook
 * @param onDone called as each one ends
 */
export async function execute(
  jobs: ReadonlyMap<string, Notebook>,
  onDone: (result: Execution) => void = () => {},
): Promise<Execution[]> {
  const scratch = mkdtempSync(join(tmpdir(), "runnable-ml-"));
  const results: Execution[] = [];
  try {
    const paths = [...jobs.keys()];
    const args = paths.map((path, index) => {
      writeFileSync(join(scratch, `${index}.ipynb`), JSON.stringify(jobs.get(path)));
      const folder = join(root, dirname(path));
      mkdirSync(folder, { recursive: true });
      return `${join(scratch, `${index}.ipynb`)}=${join(scratch, `${index}.out.ipynb`)}=${folder}`;
    });
    const onLine = (line: string) => {
      if (!line.startsWith("{")) return;
      const event = JSON.parse(line);
      if (event.event !== "done") return;
      const index = Number(/(\d+)\.ipynb$/.exec(event.source)![1]);
      const notebook = JSON.parse(readFileSync(join(scratch, `${index}.out.ipynb`), "utf8"));
      const failure = event.failed ? `cell ${event.failed.cell + 1} failed: ${plain(event.failed.text)}` : undefined;
      const result = {
        path: paths[index]!,
        notebook,
        seconds: event.seconds,
        first: event.first ?? Number.NaN,
        failure,
      };
      results.push(result);
      onDone(result);
    };
    const { code, output } = await run(python, [join(root, "tools/python/execute.py"), "2", ...args], {
      env: jupyterEnvironment,
      onLine,
    });
    if (results.length !== paths.length)
      throw new Stop(`the notebooks could not be executed (exit code ${code}):\n${output.trim().slice(-2000)}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return results;
}

/** Text without terminal colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
const plain = (text: string) => text.replace(/\u001b\[[0-9;]*m/g, "").trim();
