/** Command `npm run checkpoints`: trains the small models of data/ again, minutes of work, always to the same bits. */
import { main, writeWhole } from "./project.ts";
import { build } from "./setup.ts";

// The characters of Moby-Dick, 1,100,000 for training and the rest for validation; see the sheet of what was trained below.
const STEPS = 1500;
const [BATCH, CONTEXT, TRAINING] = [16, 64, 1_100_000];

await main(async () => {
  await build();
  const from = <M>(path: string): Promise<M> => import(new URL(`../dist/${path}`, import.meta.url).href) as Promise<M>;
  const { createTransformer, evaluate, trainTransformerSteps } = await from<
    typeof import("../src/demos/llm-internals/transformer-architecture.js")
  >("demos/llm-internals/transformer-architecture.js");
  const { AdamW } = await from<typeof import("../src/demos/training-fundamentals/adam-and-adamw.js")>(
    "demos/training-fundamentals/adam-and-adamw.js",
  );
  const { loadMobyDick } = await from<typeof import("../src/lib/moby-dick.js")>("lib/moby-dick.js");
  const { text } = loadMobyDick();
  const characters = [...new Set(text)].sort();
  const codes = new Map(characters.map((character, code) => [character, code]));
  const tokens = Int32Array.from(text, (character) => codes.get(character)!);

  for (const positions of ["rope", "alibi"] as const) {
    const config = {
      vocabulary: characters.length,
      layers: 2,
      heads: 4,
      dModel: 32,
      dFeedForward: 128,
      positions,
      context: CONTEXT,
    };
    const model = createTransformer(config, { seed: 1 });
    // 50 steps up to 3e-3, then down to 0 in a straight line
    const lr = (t: number) => (t < 50 ? (3e-3 * (t + 1)) / 50 : (3e-3 * (STEPS - t)) / (STEPS - 50));
    const optimizer = new AdamW({ lr, weightDecay: 0 });
    const losses: number[] = [];
    const options = { optimizer, steps: STEPS, batch: BATCH, context: CONTEXT, seed: 1 };
    for (const { step, loss } of trainTransformerSteps(model, tokens.subarray(0, TRAINING), options)) {
      if (step % 100 === 0 || step === STEPS - 1) {
        losses.push(Number(loss.toFixed(4)));
        console.log(`tiny-${positions}: step ${step}, loss ${loss.toFixed(4)}`);
      }
    }
    const starts = Int32Array.from({ length: 24 }, (_, i) => TRAINING + 3000 * i);
    const validation = Number(evaluate(model, tokens, starts, CONTEXT).toFixed(4));
    console.log(`tiny-${positions}: validation ${validation} nats per character`);
    const parameters = Object.fromEntries(
      Object.entries(model.parameters).map(([name, { shape, data }]) => [
        name,
        { shape, float32: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") },
      ]),
    );
    const record = {
      steps: STEPS,
      batch: BATCH,
      context: CONTEXT,
      seed: 1,
      optimizer: "AdamW without decay, 3e-3",
      losses,
      validation,
    };
    writeWhole(
      `data/tiny-${positions}.json`,
      `${JSON.stringify({ config, characters: characters.join(""), record, parameters }, null, 1)}\n`,
    );
  }
  return 0;
});
