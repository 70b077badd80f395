/** Ranks in threads: the built package, since a thread starts from a file. */
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allReduce } from "../src/demos/systems-and-infrastructure/all-reduce-and-collectives.js";
import { random } from "../src/lib/random.js";

// A name in a variable, so that the types are those of the source.
const built = new URL("../dist/workers.js", import.meta.url).href;
const { runInWorkers } = (await import(/* @vite-ignore */ built)) as typeof import("../src/workers.js");
const collectives = new URL("../dist/demos/systems-and-infrastructure/all-reduce-and-collectives.js", import.meta.url)
  .href;

let folder: string;
let programs: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ranks-"));
  const file = join(folder, "programs.mjs");
  writeFileSync(
    file,
    `export const ring = () => function* ({ rank, size, send, recv }) {
       if (rank !== 0) yield* send((rank + 1) % size, Int32Array.of(1));
       return yield* recv((rank + size - 1) % size);
     };
     export const dies = () => function* ({ rank, recv }) {
       if (rank === 1) throw new Error("out of memory");
       if (rank === 0) yield* recv(1, 3);
     };
     export const exits = () => function* ({ rank, recv }) {
       if (rank === 1) process.exit(3);
       if (rank === 0) yield* recv(1);
     };
     export const unread = () => function* ({ rank, send }) {
       if (rank === 1) yield* send(0, Int32Array.of(1));
     };
     export const alone = () => function* ({ rank }) {
       if (rank === 2) throw new Error("alone");
     };
     export const later = () => function* ({ rank, send, recv }) {
       if (rank === 0) {
         const x = Float64Array.of(1);
         yield* send(1, x, 5);
         x[0] = 2;
         yield* send(1, x, 6);
         return x[0];
       }
       if (rank === 1) return [...(yield* recv(0, 6)), ...(yield* recv(0, 5))];
     };
     export const itself = () => function* ({ rank, recv }) {
       if (rank === 1) yield* recv(1);
     };
     export const nobody = () => function* ({ rank, send }) {
       if (rank === 0) yield* send(3, Int32Array.of(1));
     };`,
  );
  programs = pathToFileURL(file).href;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("runInWorkers(options)", () => {
  test.each(["ring", "recursive-doubling", "recursive-halving-doubling", "binomial-tree", "star"] as const)(
    "an all-reduce by %s has the bits and the messages of the world's",
    async (algorithm) => {
      const { normal } = random(3);
      const buffers = Array.from({ length: 3 }, () => Float32Array.from({ length: 1000 }, normal));
      const { outputs, run } = allReduce(buffers, { algorithm });
      const { results, messages, bytes, seconds } = await runInWorkers({
        ranks: 3,
        module: collectives,
        name: "allReduceProgram",
        args: (rank) => [buffers[rank], { algorithm }],
      });
      expect(results).toEqual(outputs);
      expect(messages).toEqual(run.messages.map((row) => Array.from(row)));
      expect(bytes).toEqual(run.bytes.map((row) => Array.from(row)));
      expect(seconds).toBeGreaterThan(0);
    },
    30_000,
  );

  test("payloads are copied, and taken by their tags", async () => {
    const { results } = await runInWorkers({ ranks: 2, module: programs, name: "later" });
    expect(results).toEqual([2, [2, 1]]);
  });

  test.each([
    ["ring", "World: deadlock: rank 1 waits for a message from rank 0 (tag 0)"],
    ["dies", "World: deadlock: rank 0 waits for a message from rank 1 (tag 3); rank 1 died (out of memory)"],
    [
      "exits",
      "World: deadlock: rank 0 waits for a message from rank 1 (tag 0); rank 1 died (its thread ended with code 3)",
    ],
    ["unread", "World: deadlock: nobody received 1 of the messages from rank 1 to rank 0"],
    ["alone", "alone"],
    ["itself", "World: partner of rank 1 must be another rank below 3, got 1"],
    ["nobody", "World: partner of rank 0 must be another rank below 3, got 3"],
  ])(
    "%s is reported, not waited for",
    async (name, message) => {
      await expect(runInWorkers({ ranks: 3, module: programs, name })).rejects.toThrow(message);
    },
    30_000,
  );

  test("refuses no ranks", async () => {
    await expect(runInWorkers({ ranks: 0, module: programs, name: "ring" })).rejects.toThrow(
      new RangeError("runInWorkers: ranks must be an integer at least 1, got 0"),
    );
  });
});
