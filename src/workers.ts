/**
 * Runs the programs of ranks in worker threads, a thread each: real messages between separate memories, in real time. The
 * programs are those of `World` (systems-and-infrastructure/all-reduce-and-collectives), unchanged.
 *
 * For Node only.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { DeadlockError } from "./demos/systems-and-infrastructure/all-reduce-and-collectives.js";
import { checkInteger } from "./lib/check.js";

/** What to run: `(await import(module))[name](...args(rank))` must be the program of that rank. */
export interface WorkersOptions {
  /** P ≥ 1 */
  readonly ranks: number;
  /** URL of an ES module, or a package name as in an import */
  readonly module: string;
  /** of the export that makes a program */
  readonly name: string;
  /** its arguments on each rank, which must be cloneable; default none */
  readonly args?: (rank: number) => readonly unknown[];
}

/** What the threads did. */
export interface WorkersRun {
  /** what each rank's program returned */
  readonly results: readonly unknown[];
  /** number of messages from rank i to rank j at [i][j] */
  readonly messages: readonly (readonly number[])[];
  /** bytes from rank i to rank j at [i][j] */
  readonly bytes: readonly (readonly number[])[];
  /** of the slowest program, from its start; all start when all threads are ready */
  readonly seconds: number;
}

/** How a rank stands, as its thread answers when asked. */
export interface RankStatus {
  readonly kind: "running" | "waiting" | "done" | "dead";
  /** messages and bytes sent to each rank; messages from each rank that have arrived, and those of them nobody took */
  readonly sent: readonly number[];
  readonly bytes: readonly number[];
  readonly arrived: readonly number[];
  readonly left: readonly number[];
  /** whom it waits for, when waiting */
  readonly from: number;
  readonly tag: number;
  /** what the program returned, or why it died */
  readonly result: unknown;
  readonly seconds: number;
}

/**
 * Runs one program per rank, each in a thread of its own, until all have returned.
 *
 * @throws DeadlockError if no rank can go on, a rank waits for one that has died, or a message is left that nobody received
 * @throws RangeError if ranks is not an integer ≥ 1
 * @throws what a rank's program threw, as an Error with that message, where no other rank waits for it
 *
 * @example
 * const { results } = await runInWorkers({
 *   ranks: 2,
 *   module: "runnable-ml/systems-and-infrastructure/all-reduce-and-collectives",
 *   name: "allReduceProgram",
 *   args: (rank) => [Float32Array.of(rank, 1)],
 * });
 * results; // [Float32Array [1, 2], Float32Array [1, 2]]
 */
export async function runInWorkers({ ranks, module, name, args = () => [] }: WorkersOptions): Promise<WorkersRun> {
  const P = checkInteger("runInWorkers", "ranks", ranks, 1);
  const ports: MessagePort[][] = Array.from({ length: P }, () => []);
  for (let i = 0; i < P; i++) {
    for (let j = 0; j < i; j++) {
      const { port1, port2 } = new MessageChannel();
      ports[i]![j] = port1;
      ports[j]![i] = port2;
    }
  }
  const threads = ports.map((own, rank) => {
    const lines = Array.from({ length: P }, (_, i) => own[i]);
    const workerData = { rank, size: P, module, name, args: args(rank), ports: lines };
    return thread(
      workerData,
      lines.filter((port) => port !== undefined),
      P,
    );
  });
  try {
    const statuses = await finalStatuses(threads);
    const dead = statuses.find(({ kind }) => kind === "dead");
    const cause = dead && new Error(String(dead.result));
    if (cause && !statuses.some(({ kind }) => kind === "waiting")) throw cause;
    const reasons = complaints(statuses);
    if (reasons.length > 0) throw new DeadlockError(reasons, cause);
    return {
      results: statuses.map(({ result }) => result),
      messages: statuses.map(({ sent }) => sent),
      bytes: statuses.map(({ bytes }) => bytes),
      seconds: Math.max(...statuses.map(({ seconds }) => seconds)),
    };
  } finally {
    await Promise.all(threads.map(({ end }) => end()));
  }
}

interface Thread {
  /** Its status; the first answer comes when its program is loaded, and "start" lets it run. */
  ask(question: "status" | "start"): Promise<RankStatus>;
  end(): Promise<unknown>;
}

function thread(workerData: object, transferList: readonly MessagePort[], P: number): Thread {
  const worker = new Worker(new URL("./workers-rank.js", import.meta.url), {
    workerData,
    transferList: [...transferList],
  });
  let crashed: RankStatus | undefined;
  let answer: (status: RankStatus) => void = () => {};
  worker.on("message", (status: RankStatus) => answer(status));
  const crash = (reason: string) => {
    const none = new Array<number>(P).fill(0);
    crashed ??= {
      kind: "dead",
      sent: none,
      bytes: none,
      arrived: none,
      left: none,
      from: -1,
      tag: 0,
      result: reason,
      seconds: 0,
    };
    answer(crashed);
  };
  worker.on("error", (error) => crash(error.message));
  worker.on("exit", (code) => crash(`its thread ended with code ${code}`));
  return {
    ask: (question) =>
      new Promise((resolve) => {
        answer = resolve;
        if (crashed) resolve(crashed);
        else worker.postMessage(question);
      }),
    end: () => worker.terminate(),
  };
}

/**
 * Starts all programs together, and returns when all ranks are done, dead or waiting for good: when two rounds of questions
 * get the same answers, nobody runs and no message is on its way, nobody ever will (F. Mattern, "Algorithms for distributed
 * termination detection", 1987, the four-counter method).
 */
async function finalStatuses(threads: readonly Thread[]): Promise<RankStatus[]> {
  const all = (question: "status" | "start") => Promise.all(threads.map(({ ask }) => ask(question)));
  await all("status");
  let before = JSON.stringify(await all("start"));
  for (let pause = 1; ; pause = Math.min(2 * pause, 20)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const now = await all("status");
    const text = JSON.stringify(now.map(({ kind, sent, arrived }) => [kind, sent, arrived]));
    const onTheWay = now.some(({ kind, sent }, i) =>
      now.some((to, j) => kind !== "dead" && to.kind !== "dead" && sent[j] !== to.arrived[i]),
    );
    if (text === before && !onTheWay && now.every(({ kind }) => kind !== "running")) return now;
    before = text;
  }
}

function complaints(statuses: readonly RankStatus[]): string[] {
  const stuck = statuses.flatMap(({ kind, from, tag, result }, rank) =>
    kind === "waiting"
      ? [`rank ${rank} waits for a message from rank ${from} (tag ${tag})`]
      : kind === "dead"
        ? [`rank ${rank} died (${result})`]
        : [],
  );
  const unread = statuses.flatMap(({ left }, to) =>
    left.flatMap((count, from) =>
      count > 0 ? [`nobody received ${count} of the messages from rank ${from} to rank ${to}`] : [],
    ),
  );
  return stuck.length > 0 ? stuck : unread;
}
