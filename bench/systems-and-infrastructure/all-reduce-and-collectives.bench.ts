/**
 * What a message between two threads of this machine costs: α and β by a ping-pong of 8 bytes to 8 MB, γ by an all-reduce of
 * two ranks; and the all-reduces that they predict, beside those that run in threads, a rank each.
 */
import { availableParallelism } from "node:os";
import { library } from "../harness.ts";

const collectives = "systems-and-infrastructure/all-reduce-and-collectives";
type Collectives = typeof import("../../src/demos/systems-and-infrastructure/all-reduce-and-collectives.js");
const { fitLink, predictTime } = await library<Collectives>(collectives);
const { runInWorkers } = await library<typeof import("../../src/workers.js")>("workers");
const programs = new URL("./all-reduce-and-collectives.programs.ts", import.meta.url).href;

/** Median seconds of a round, from runs of some rounds and of three times as many: what the start costs cancels. */
async function timed(ranks: number, module: string, name: string, args: readonly unknown[], rounds: number) {
  const run = async (n: number) => (await runInWorkers({ ranks, module, name, args: () => [...args, n] })).seconds;
  const seconds: number[] = [];
  for (let i = 0; i < 7; i++) seconds.push(-(await run(rounds)) + (await run(3 * rounds)));
  return seconds.sort((a, b) => a - b)[3]! / (2 * rounds);
}

const roundsOf = (bytes: number) => Math.round(Math.max(5, Math.min(500, 1e7 / bytes)));
const pingPong = async (bytes: number) =>
  (await timed(2, `runnable-ml/${collectives}`, "pingPongProgram", [bytes], roundsOf(bytes))) / 2;
const allReduce = (ranks: number, bytes: number, algorithm: string) =>
  timed(ranks, programs, "allReduces", [bytes, algorithm], roundsOf(bytes));

const sizes = [8, 80, 800, 8e3, 8e4, 8e5, 8e6];
const seconds: number[] = [];
for (const bytes of sizes) seconds.push(await pingPong(bytes));
const { alpha, beta } = fitLink(sizes, seconds);
console.log(`\nping-pong of two threads: α = ${(1e6 * alpha).toFixed(1)} µs, 1/β = ${(1e-9 / beta).toFixed(2)} GB/s`);
for (const [i, bytes] of sizes.entries()) row(`${bytes} bytes`, seconds[i]!, alpha + beta * bytes);

const large = 8e6;
const gamma = Math.max(0, (await allReduce(2, large, "recursive-doubling")) - alpha - beta * large) / large;
console.log(`\nall-reduce in threads, 1/γ = ${(1e-9 / gamma).toFixed(2)} GB/s, ${availableParallelism()} processors`);
for (const algorithm of ["ring", "recursive-doubling", "star"] as const) {
  for (const ranks of [2, 4]) {
    for (const bytes of [8e3, large]) {
      const predicted = predictTime(`all-reduce/${algorithm}`, { ranks, bytes, alpha, beta, gamma });
      row(`${algorithm}, ${ranks} ranks, ${bytes} bytes`, await allReduce(ranks, bytes, algorithm), predicted);
    }
  }
}

function row(what: string, took: number, predicted: number): void {
  const times = [took, predicted].map((t) => (1e3 * t).toFixed(3).padStart(9));
  console.log(`  ${what.padEnd(44)}${times[0]} ms, predicted ${times[1]} ms, ratio ${(took / predicted).toFixed(2)}`);
}
