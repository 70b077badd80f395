/** Planted failures must turn the run red, whichever way tslab reports them. */
import { expect, test } from "vitest";
import { execute } from "../../tools/execute.ts";
import type { Cell, Notebook } from "../../tools/notebook.ts";

const notebook = (...sources: string[]): Notebook => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { kernelspec: { display_name: "TypeScript", language: "typescript", name: "tslab" } },
  cells: sources.map(
    (source, i): Cell => ({ cell_type: "code", id: `c${i}`, metadata: {}, source, outputs: [], execution_count: null }),
  ),
});

test("a cell that throws, that does not type-check, or that writes to stderr fails its notebook, and only its own", async () => {
  const jobs = new Map([
    [
      "notebooks/fine.ipynb",
      notebook('import { matrix } from "runnable-ml/lib/matrix";', "console.log(matrix([[1, 2, 3]]).shape)"),
    ],
    ["notebooks/throws.ipynb", notebook("const a = 1;", 'throw new Error("planted")')],
    ["notebooks/types.ipynb", notebook('const b: number = "planted";')],
    ["notebooks/stderr.ipynb", notebook('console.error("planted")')],
  ]);
  const failures = Object.fromEntries((await execute(jobs)).map(({ path, failure }) => [path, failure]));
  expect(failures).toEqual({
    "notebooks/fine.ipynb": undefined,
    "notebooks/throws.ipynb": expect.stringMatching(/^cell 2 failed:[\s\S]*planted/),
    "notebooks/types.ipynb": expect.stringMatching(/^cell 1 failed:[\s\S]*not assignable/),
    "notebooks/stderr.ipynb": expect.stringMatching(/^cell 1 failed:[\s\S]*planted/),
  });
}, 120_000);
