/** The package as its users get it: packed, installed into an empty project, typed, in three Nodes and in a browser bundle. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../tools/project.ts";

const USE = `
import { matmul } from "runnable-ml/linear-algebra/matrices-as-linear-maps";
import { svd } from "runnable-ml/linear-algebra/svd-and-pca";
import { kMeans } from "runnable-ml/classical-ml/k-means";
import { crossEntropy } from "runnable-ml/training-fundamentals/cross-entropy-and-softmax";
import { AdamW } from "runnable-ml/training-fundamentals/adam-and-adamw";
import { digitsProblem } from "runnable-ml/autodiff/digits";
import { train } from "runnable-ml/autodiff/train";
import { matrix, toRows } from "runnable-ml/lib/matrix";
import { random } from "runnable-ml/lib/random";
import { loadIris } from "runnable-ml/lib/data";

const a = matrix([[3, 0], [4, 5]]);
const { normal } = random(7);
const digits = digitsProblem({ hidden: 16, batch: 100, seed: 3 });
const last = train({ ...digits, optimizer: new AdamW({ lr: 0.01 }), steps: 60 });
console.log(JSON.stringify({
  product: toRows(matmul(a, a)),
  singularValues: Array.from(svd(a).s),
  inertia: kMeans(loadIris().x, 3).inertia,
  loss: crossEntropy(matrix([[0, -1000]]), Int32Array.of(1)).loss,
  normals: Array.from({ length: 5 }, normal),
  training: { loss: last.loss, accuracy: digits.accuracy(digits.parameters) },
}));
`;

describe("npm pack, installed into an empty project", () => {
  const folder = mkdtempSync(join(tmpdir(), "runnable-ml-user-"));
  const npm = (...args: string[]) =>
    execFileSync("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const node = (binary: string) => JSON.parse(execFileSync(binary, ["use.mjs"], { cwd: folder, encoding: "utf8" }));

  beforeAll(() => {
    const [{ filename }] = JSON.parse(npm("pack", root, "--json"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
    npm("install", `./${filename}`);
    writeFileSync(join(folder, "use.mjs"), USE);
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("brings ndarray, its types, pure-rand, and what these need, nothing else", () => {
    const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
    const installed = Object.keys(lock.packages)
      .filter((path) => path !== "")
      .map((path) => path.replace("node_modules/", ""));
    expect(installed.sort()).toEqual([
      "@types/ndarray",
      "iota-array",
      "is-buffer",
      "ndarray",
      "pure-rand",
      "runnable-ml",
    ]);
  });

  test("gives the right results in this Node, and the same bits in Node 22, 24 and 26", () => {
    const here = node(process.execPath);
    expect(here.product).toEqual([
      [9, 0],
      [32, 25],
    ]);
    expect(here.singularValues[0]).toBeCloseTo(Math.sqrt(45), 12);
    expect(here.singularValues[1]).toBeCloseTo(Math.sqrt(5), 12);
    expect(here.inertia).toBeCloseTo(78.851441426, 6);
    expect(here.loss).toBe(1000);
    expect(here.training.accuracy).toBeGreaterThan(0.9);
    for (const major of [22, 24, 26]) {
      const binary = nodeBinary(major);
      expect(execFileSync(binary, ["--version"], { encoding: "utf8" })).toMatch(new RegExp(`^v${major}\\.`));
      expect(node(binary), `Node ${major}`).toEqual(here);
    }
  }, 180_000);

  test("is typed: the right call compiles, a wrong one does not", () => {
    const right = `${USE.replace(/console\.log[\s\S]*$/, "")}\nexport const s: Float64Array = svd(a).s;\nexport const x = [matmul, kMeans, crossEntropy, toRows, normal, loadIris];\n`;
    expect(typeErrors({ "right.mts": right })).toBe("");
    expect(
      typeErrors({ "wrong.mts": `import { svd } from "runnable-ml/linear-algebra/svd-and-pca";\nsvd("no matrix");\n` }),
    ).toMatch(/not assignable/);
    expect(typeErrors({ "wrong.mts": `import "runnable-ml/linear-algebra/no-such-concept";\n` })).toMatch(
      /Cannot find module/,
    );
  }, 60_000);

  test("runs from a browser bundle, where there is nothing of Node", async () => {
    const { outputFiles, warnings } = await build({
      entryPoints: [join(folder, "use.mjs")],
      bundle: true,
      platform: "browser",
      format: "iife",
      write: false,
      logLevel: "silent",
    });
    expect(warnings).toEqual([]);
    const printed: string[] = [];
    const browser = createContext({
      console: { log: (text: string) => printed.push(text) },
      atob,
      WebAssembly: Reflect.get(globalThis, "WebAssembly"),
    });
    runInContext(outputFiles[0]!.text, browser);
    expect(JSON.parse(printed[0]!)).toEqual(node(process.execPath));
  }, 60_000);

  function typeErrors(files: Record<string, string>): string {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const options = {
      module: "nodenext",
      target: "es2023",
      lib: ["es2023"],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      types: [],
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, files: Object.keys(files) }),
    );
    try {
      execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], {
        cwd: folder,
        encoding: "utf8",
      });
      return "";
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  }
});

/** The binary of a Node release from its npm package, kept in .cache. */
function nodeBinary(major: number): string {
  const home = join(root, `.cache/node-${major}`);
  const binary = join(home, "node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(binary)) return binary;
  const fresh = `${home}.${process.pid}.tmp`;
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }));
  execFileSync("npm", ["install", `node@${major}`, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: fresh,
    stdio: ["ignore", "pipe", "pipe"],
  });
  renameSync(fresh, home);
  return binary;
}
