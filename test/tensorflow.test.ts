import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import util from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadTensorFlow, type TensorFlow } from "../src/tensorflow.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const found = await loadTensorFlow();
const skipped = found.fallbackReason && "skipped: no working tfjs-node here";
console.info(
  `TensorFlow.js here is ${found.backend}${skipped ? ` (${found.fallbackReason}; "npm run setup:tensorflow" makes it)` : ""}`,
);

describe.for(["tfjs", "tfjs-node"] as const)("loadTensorFlow: %s", (backend) => {
  const left = backend === "tfjs-node" ? skipped : undefined;
  const check = (name: string, body: (tf: TensorFlow) => void | Promise<void>) =>
    test.skipIf(left)(left ? `${name} (${left})` : name, async () => body((await loadTensorFlow({ backend })).tf));

  check("its own engine is the active one", async (tf) => {
    expect(tf.getBackend()).toBe(backend === "tfjs" ? "cpu" : "tensorflow");
    expect(await loadTensorFlow({ backend })).toEqual({ tf, backend, fallbackReason: undefined });
  });

  check("matMul of a 2x3 by a 3x2 matrix is the product worked by hand", (tf) => {
    const product = tf.matMul(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      [
        [7, 8],
        [9, 10],
        [11, 12],
      ],
    );
    expect(product.arraySync()).toEqual([
      [58, 64],
      [139, 154],
    ]);
  });

  check("the gradient of sum(x² y) is 2xy by x and x² by y", (tf) => {
    const f = (x: import("@tensorflow/tfjs").Tensor, y: import("@tensorflow/tfjs").Tensor) =>
      tf.sum(tf.mul(tf.square(x), y));
    const [byX, byY] = tf.grads(f)([tf.tensor1d([1, -2, 3]), tf.tensor1d([4, 5, -6])]);
    expect(byX!.arraySync()).toEqual([8, -20, -36]);
    expect(byY!.arraySync()).toEqual([1, 4, 9]);
  });

  check("the gradient of a convolution sums what its kernel met", (tf) => {
    const image = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
    const kernel = tf.tensor4d([1, 0, 0, -1], [2, 2, 1, 1]);
    // Each output is x[i, j] - x[i + 1, j + 1] = -4; each kernel entry met four pixels.
    expect(tf.conv2d(image, kernel, 1, "valid").dataSync()).toEqual(Float32Array.of(-4, -4, -4, -4));
    const gradient = tf.grad((k) => tf.sum(tf.conv2d(image, k as typeof kernel, 1, "valid")))(kernel);
    expect(gradient.dataSync()).toEqual(Float32Array.of(1 + 2 + 4 + 5, 2 + 3 + 5 + 6, 4 + 5 + 7 + 8, 5 + 6 + 8 + 9));
  });

  check("one step of gradient descent on a linear layer", async (tf) => {
    const zero = { kernelInitializer: "zeros" as const, biasInitializer: "zeros" as const };
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], ...zero })] });
    model.compile({ optimizer: tf.train.sgd(0.5), loss: "meanSquaredError" });
    // From w = 0, b = 0 the residual is -y: dL/dw = -2 (3 x1 - x2) / 2 for y = (3, -1), dL/db = -2 (3 - 1) / 2.
    const loss = await model.trainOnBatch(
      tf.tensor2d([
        [1, 2],
        [4, 5],
      ]),
      tf.tensor2d([[3], [-1]]),
    );
    expect(loss).toBe(5);
    expect(model.getWeights().map((weight) => [...weight.dataSync()])).toEqual([[-0.5, 0.5], [1]]);
  });

  check("operations with several outputs, those that need the old functions of util", (tf) => {
    const [first, second] = tf.split(tf.tensor1d([1, 2, 3, 4]), 2);
    expect([first!.arraySync(), second!.arraySync()]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});

test("loadTensorFlow(): tfjs-node where it works, tfjs with the reason otherwise", () => {
  const works = found.fallbackReason === undefined;
  expect(found.backend).toBe(works ? "tfjs-node" : "tfjs");
  if (!works) expect(found.fallbackReason).toMatch(/^@tensorflow\/tfjs-node: ./);
  const folder = join(root, "node_modules/@tensorflow/tfjs-node");
  // Under Vitest an optional peer that is not installed is a module that throws; Node itself says that there is none.
  if (!works && !existsSync(folder)) expect(found.fallbackReason).toMatch(/it is not installed|Could not resolve/);
});

test.skipIf(skipped)(`tensors outlive a change of backend${skipped ? ` (${skipped})` : ""}`, async () => {
  const { tf } = await loadTensorFlow({ backend: "tfjs" });
  const x = tf.tensor1d([1, 2, 3]);
  const native = await loadTensorFlow({ backend: "tfjs-node" });
  expect(native.tf.sum(native.tf.square(x)).arraySync()).toBe(14);
});

test.skipIf(skipped)(`what is put back into util cannot be enumerated${skipped ? ` (${skipped})` : ""}`, async () => {
  const enumerable = (name: string) => Object.getOwnPropertyDescriptor(util, name)?.enumerable;
  expect(enumerable("isNullOrUndefined") ?? false).toBe(Number(process.versions.node.split(".")[0]) < 23);
});

test.each([["webgl"], [null], [0]])("loadTensorFlow({ backend: %j }) is a TypeError", async (backend) => {
  await expect(loadTensorFlow({ backend: backend as unknown as "tfjs" })).rejects.toThrow(
    new TypeError(`loadTensorFlow: backend must be "tfjs-node" or "tfjs", got ${util.inspect(backend)}`),
  );
});

/** The loader in a folder, and so with packages, of its own; each program runs there in a fresh process. */
describe("loadTensorFlow in another project", () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), "tensorflow-"));
    writeFileSync(join(home, "package.json"), '{ "type": "module" }');
    copyFileSync(join(root, "src/tensorflow.ts"), join(home, "tensorflow.ts"));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  /**
   * Brings in the project's own tfjs or tfjs-node, or a package that consists of the given text. The other one gets an
   * empty folder, which is not installed either and hides what folders further up may hold.
   */
  function install(packages: Record<string, "ours" | { index: string }>) {
    rmSync(join(home, "node_modules"), { recursive: true, force: true });
    for (const name of ["@tensorflow/tfjs", "@tensorflow/tfjs-node"]) {
      const place = join(home, "node_modules", name);
      const what = packages[name];
      mkdirSync(what === "ours" ? dirname(place) : place, { recursive: true });
      if (what === undefined) continue;
      if (what === "ours") symlinkSync(join(root, "node_modules", name), place, "junction");
      else writeFileSync(join(place, "index.js"), what.index);
    }
  }

  function program(body: string) {
    const loader = pathToFileURL(join(home, "tensorflow.ts")).href;
    const script = `import util from "node:util"; import { loadTensorFlow } from ${JSON.stringify(loader)};
      const show = (value) => console.log(JSON.stringify(value));
      const message = (promise) => promise.then(() => "no error", (error) => error.name + ": " + error.message);
      ${body}`;
    const args = ["--input-type=module", "--eval", script];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: home, encoding: "utf8" });
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 }); // nothing on stderr: no banner, no notice
    return stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  const compute = `const { tf, ...rest } = await loadTensorFlow(); show(rest); show(tf.getBackend());
    show(tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).arraySync()); show(tf.split([1, 2], 2).map((x) => x.arraySync()));`;
  const results = [
    [
      [19, 22],
      [43, 50],
    ],
    [[1], [2]],
  ];

  test("without tfjs-node: plain tfjs, quietly", () => {
    install({ "@tensorflow/tfjs": "ours" });
    const fallbackReason = "@tensorflow/tfjs-node: it is not installed";
    expect(program(compute)).toEqual([{ backend: "tfjs", fallbackReason }, "cpu", ...results]);
  });

  test("without tfjs-node: asked for it, one error that says how to get it", () => {
    install({ "@tensorflow/tfjs": "ours" });
    expect(program('show(await message(loadTensorFlow({ backend: "tfjs-node" })));')).toEqual([
      'Error: loadTensorFlow: @tensorflow/tfjs-node does not work here (it is not installed); "npm run setup:tensorflow" makes it',
    ]);
  });

  test("with a tfjs-node that does not load: plain tfjs, the reason, and util as it was", () => {
    install({
      "@tensorflow/tfjs": "ours",
      "@tensorflow/tfjs-node": { index: 'throw new Error("no addon\\nat all");' },
    });
    const before = "const names = Object.getOwnPropertyNames(util).join(), isArray = util.isArray;";
    const after = "show(names === Object.getOwnPropertyNames(util).join() && isArray === util.isArray);";
    const fallbackReason = "@tensorflow/tfjs-node: no addon";
    expect(program(before + compute + after)).toEqual([{ backend: "tfjs", fallbackReason }, "cpu", ...results, true]);
  });

  test("with a tfjs-node whose installer did not run: the reason in words", () => {
    const index = 'throw new Error("The Node.js native addon module (tfjs_binding.node) can not be found at path: x");';
    install({ "@tensorflow/tfjs": "ours", "@tensorflow/tfjs-node": { index } });
    const fallbackReason = "@tensorflow/tfjs-node: its native addon is missing";
    expect(program("const { tf, ...rest } = await loadTensorFlow(); show(rest);")).toEqual([
      { backend: "tfjs", fallbackReason },
    ]);
  });

  test("with neither: one error that names tfjs", () => {
    install({});
    const error =
      'Error: loadTensorFlow: @tensorflow/tfjs does not work here (it is not installed); "npm install @tensorflow/tfjs" brings it';
    expect(
      program('show(await message(loadTensorFlow())); show(await message(loadTensorFlow({ backend: "tfjs" })));'),
    ).toEqual([error, error]);
  });

  test("flags of tfjs stay as they were", () => {
    install({ "@tensorflow/tfjs": "ours" });
    expect(
      program('const { tf } = await loadTensorFlow(); show(tf.env().getBool("PROD")); show(tf.memory().numTensors);'),
    ).toEqual([false, 0]);
  });

  test.skipIf(skipped)(`with tfjs-node: it is taken, quietly${skipped ? ` (${skipped})` : ""}`, () => {
    install({ "@tensorflow/tfjs": "ours", "@tensorflow/tfjs-node": "ours" });
    expect(program(compute)).toEqual([{ backend: "tfjs-node" }, "tensorflow", ...results]);
  });
});
