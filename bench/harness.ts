/**
 * What a benchmark is written with: `bench(title, {...})` runs one workload by this project and by its peers, checks that
 * they agree, and prints a table. A benchmark whose answers differ is an error, whatever its speed.
 *
 * The machine may be noisy, so the peers take turns, round after round, and what counts is the median of the rounds. A turn
 * begins with an empty heap, so that nobody sweeps up behind another, and is long enough to pay for one's own garbage.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const root = fileURLToPath(new URL("..", import.meta.url));
const SECONDS = 20; // rounds go on until this much time is spent,
const [FEWEST, MOST] = [5, 25]; // within these numbers of rounds,
const TURN = 0.2; // in a turn everybody repeats his work for this long,
const WARM_UP = 1; // and before the first turn for this long, so that it is compiled

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** One contender: a workload ready to run, and how its answer is read. */
export interface Contender<R> {
  /** npm package, whose installed version is printed */
  readonly peer: string;
  /** the work that is timed: data already in the peer's own form, nothing cached from one call to the next */
  run(): R;
  /** the numbers of the answer, in the same form for every contender; not timed */
  answer(result: R): ArrayLike<number>;
}

/** Lets every contender keep its own result type within one list. */
export const contender = <R>(it: Contender<R>): Contender<unknown> => it as Contender<unknown>;

/** One workload and its contenders. */
export interface Bench {
  /** this project first, then the peers */
  readonly contenders: readonly Contender<unknown>[];
  /** largest |difference| of an answer from ours, relative to our largest |entry| */
  readonly tolerance: number;
  /** inputs for the <slug>.py beside the benchmark, which times native code on the same numbers */
  readonly inputs?: Readonly<Record<string, Float64Array | Int32Array>>;
}

/** A module of the built package, as a user would import it. */
export const library = async <M>(name: string): Promise<M> => (await import(`runnable-ml/${name}`)) as M;

/** A peer; the caller says what it uses of it, so that the types of the project do not depend on what is installed here. */
export const peer = async <M>(name: string): Promise<M> => (await import(name)) as M;

/** Checks that all answers agree, times the contenders in turn, and prints the table; throws where an answer differs. */
export function bench(title: string, { contenders, tolerance, inputs = {} }: Bench): void {
  const first = contenders[0]!;
  const expected = first.answer(first.run());
  for (const other of contenders.slice(1)) check(title, other.peer, other.answer(other.run()), expected, tolerance);

  const times = contenders.map((): number[] => []);
  for (const it of contenders) turn(it, WARM_UP);
  const began = performance.now();
  const spent = () => (performance.now() - began) / 1000;
  for (let round = 0; round < MOST && (round < FEWEST || spent() < SECONDS); round++) {
    for (const [i, it] of contenders.entries()) times[i]!.push(turn(it, TURN));
  }

  const medians = times.map(median);
  console.log(`\n${title}   median of ${times[0]!.length} rounds`);
  for (const [i, { peer }] of contenders.entries()) print(`${peer} ${versionOf(peer)}`, medians[i]!, medians[0]!);
  native(title, inputs, expected, tolerance, medians[0]!);
}

/** Mean milliseconds of a run, over as many runs as fill that many seconds, one at least. */
function turn(it: Contender<unknown>, seconds: number): number {
  collectGarbage();
  const start = performance.now();
  for (let runs = 1; ; runs++) {
    it.run();
    const milliseconds = performance.now() - start;
    if (milliseconds >= 1000 * seconds) return milliseconds / runs;
  }
}

function print(name: string, milliseconds: number, ours: number): void {
  const ratio = milliseconds === ours ? "" : `${(milliseconds / ours).toFixed(2)}× ours`;
  console.log(`  ${name.padEnd(44)}${milliseconds.toFixed(2).padStart(10)} ms   ${ratio.padStart(13)}`);
}

function check(
  title: string,
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!));
  let wrong = actual.length === expected.length ? 0 : 1;
  for (let i = 0; i < expected.length; i++) if (!(Math.abs(actual[i]! - expected[i]!) <= tolerance * largest)) wrong++;
  if (wrong === 0) return;
  throw new Error(`${title}: ${name} disagrees with runnable-ml in ${wrong} of ${expected.length} numbers`);
}

/** The native column: <slug>.py beside the benchmark, in the environment of the oracles where there is one. */
function native(
  title: string,
  inputs: NonNullable<Bench["inputs"]>,
  expected: ArrayLike<number>,
  tolerance: number,
  ours: number,
): void {
  const script = process.argv[1]!.replace(/\.bench\.ts$/, ".py");
  const python = join(
    root,
    process.platform === "win32" ? ".venv-oracles/Scripts/python.exe" : ".venv-oracles/bin/python",
  );
  if (!existsSync(script) || !existsSync(python)) return;
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache/bench-"));
  try {
    for (const [name, numbers] of Object.entries(inputs)) writeFileSync(join(folder, name), numbers);
    const oneThread = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1", MKL_NUM_THREADS: "1" };
    const { status, stdout, stderr } = spawnSync(python, [script, title, folder], {
      encoding: "utf8",
      env: { ...process.env, ...oneThread, PYTHONPATH: join(root, "bench"), PYTHONDONTWRITEBYTECODE: "1" },
    });
    if (status !== 0) throw new Error(`${title}: the native column failed:\n${stderr.trim()}`);
    for (const line of stdout.trim().split("\n").filter(Boolean)) {
      const { name, milliseconds } = JSON.parse(line) as { name: string; milliseconds: number };
      const answer = readFileSync(join(folder, "answer"));
      check(
        title,
        name,
        new Float64Array(answer.buffer.slice(answer.byteOffset, answer.byteOffset + answer.length)),
        expected,
        tolerance,
      );
      print(`native, one thread: ${name}`, milliseconds, ours);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function versionOf(name: string): string {
  const folders = [join(root, "bench/node_modules"), join(root, "node_modules")];
  const path = folders.map((folder) => join(folder, name, "package.json")).find(existsSync);
  return path ? (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version : "";
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
