/** A million doubles rounded to half precision and to bfloat16, against the engine's own half precision and NumPy with ml_dtypes. */
import { bench, contender, library } from "../harness.ts";

const { roundArray } = await library<
  typeof import("../../src/demos/systems-and-infrastructure/floating-point-formats.js")
>("systems-and-infrastructure/floating-point-formats");
const { random } = await library<typeof import("../../src/lib/random.js")>("lib/random");

const { normal, integer } = random(1);
// float32 numbers, since ml_dtypes goes by way of float32.
const x = Float64Array.from({ length: 1_000_000 }, () => Math.fround(normal() * 2 ** (integer(30) - 20)));
const { f16round } = Math as unknown as { readonly f16round?: (x: number) => number };

for (const [format, title] of [
  ["fp16", "1,000,000 doubles to FP16"],
  ["bf16", "1,000,000 doubles to BF16"],
] as const) {
  const ours = contender({ peer: "runnable-ml", run: () => roundArray(x, format), answer: (y) => y });
  const engine = contender({ peer: "Math.f16round", run: () => x.map((xi) => f16round!(xi)), answer: (y) => y });
  bench(title, { contenders: format === "fp16" && f16round ? [ours, engine] : [ours], tolerance: 0, inputs: { x } });
}
