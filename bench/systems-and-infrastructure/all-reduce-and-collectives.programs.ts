/** What the threads of the benchmark run. */
import type {
  AllReduceAlgorithm,
  RankProgram,
} from "../../src/demos/systems-and-infrastructure/all-reduce-and-collectives.js";

const name = "runnable-ml/systems-and-infrastructure/all-reduce-and-collectives"; // in a variable: the types are the source's
const { allReduceProgram } = (await import(
  name
)) as typeof import("../../src/demos/systems-and-infrastructure/all-reduce-and-collectives.js");

/** One all-reduce after the other, so that the compiler's first look at the code does not count. */
export function allReduces(bytes: number, algorithm: AllReduceAlgorithm, rounds: number): RankProgram<void> {
  return function* (comm) {
    const program = allReduceProgram(new Float32Array(bytes / 4), { algorithm });
    for (let round = 0; round < rounds; round++) yield* program(comm);
  };
}
