/** Command: makes @tensorflow/tfjs-node work where its own installer cannot download its binaries. */
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { main, root, run, Stop } from "./project.ts";

// The C++ library comes out of a Python wheel, which holds it whole and with its headers; no Python code of it is run.
// tfjs-node's addon (Node-API, so one binary for every Node) is compiled against it. What is built stays in
// .cache/, where `npm ci` does not delete it, and the package in node_modules gets a link to it.
const tfjsNode = "@tensorflow/tfjs-node";
const tfjsNodeVersion = "4.22.0";
const headersVersion = "1.9.0";
const tensorflowVersion = "2.21.0";
const wheels: Record<string, { project: string; platform: string; megabytes: number }> = {
  "linux-x64": { project: "tensorflow-cpu", platform: "manylinux_2_27_x86_64", megabytes: 274 },
  "linux-arm64": { project: "tensorflow", platform: "manylinux_2_27_aarch64", megabytes: 282 },
};

const machine = `${process.platform}-${process.arch}`;
const cache = join(root, ".cache");
const built = join(cache, `tfjs-node-${tfjsNodeVersion}-tensorflow-${tensorflowVersion}-${machine}`);
const stage = join(cache, `tensorflow-${process.pid}.tmp`);
const home = join(root, "node_modules", ...tfjsNode.split("/"));

main(async () => {
  const before = await load();
  if (before.works) {
    console.log(`${tfjsNode} is already there and works (${before.text}).`);
    return 0;
  }
  removeLeftovers();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      removeStage();
      process.exit(signal === "SIGINT" ? 130 : 1);
    });
  }
  try {
    mkdirSync(stage, { recursive: true });
    writeFileSync(join(stage, "package.json"), "{}");
    const unpacked = existsSync(join(built, "lib"));
    const tools = unpacked ? undefined : await findTools();
    await installPackage();
    if (tools) await build(tools);
    link();
  } finally {
    removeStage();
  }
  const after = await load();
  if (!after.works) {
    rmSync(built, { recursive: true, force: true }); // so that the next run makes it again
    throw new Stop(`${tfjsNode} was made but does not load: ${after.text}`);
  }
  console.log(`${tfjsNode} works (${after.text}).`);
  return 0;
});

/** Loads tfjs-node in a process of its own and multiplies two matrices: a crash there is only an answer here. */
async function load(): Promise<{ works: boolean; text: string }> {
  const script = `
    const { loadTensorFlow } = await import(${JSON.stringify(new URL("../src/tensorflow.ts", import.meta.url).href)});
    const { tf } = await loadTensorFlow({ backend: "tfjs-node" });
    const product = tf.matMul([[1, 2], [3, 4]], [[5, 6], [7, 8]]).dataSync();
    if (product.join() !== "19,22,43,50") throw new Error("wrong product " + product.join());
    console.log("works:" + tf.version["tfjs-node"] + " on TensorFlow " + tf.backend().binding.TF_Version);`;
  const { output } = await run(process.execPath, ["--input-type=module", "--eval", script], {
    env: { NODE_NO_WARNINGS: "1" },
  });
  const good = /^works:(.*)$/m.exec(output)?.[1];
  if (good) return { works: true, text: good };
  return { works: false, text: /Error: (.*)/.exec(output)?.[1] ?? (lastLine(output) || "the process died") };
}

function removeStage(): void {
  rmSync(stage, { recursive: true, force: true, maxRetries: 5 });
}

/** What an interrupted run, one whose process is gone, has left. */
function removeLeftovers(): void {
  if (!existsSync(cache)) return;
  for (const name of readdirSync(cache)) {
    const pid = Number(/^tensorflow-(\d+)\.tmp$/.exec(name)?.[1] ?? Number.NaN);
    if (pid && (pid === process.pid || !isAlive(pid)))
      rmSync(join(cache, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

interface Tools {
  readonly wheel: (typeof wheels)[string];
  readonly compiler: string;
  /** the Python that has pip */
  readonly python: string;
}

/** Everything the build needs, looked for before anything is downloaded. */
async function findTools(): Promise<Tools> {
  const wheel = wheels[machine];
  const { glibcVersionRuntime } = (
    process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  ).header;
  if (!wheel || !glibcVersionRuntime) {
    const here = wheel ? `${machine} without glibc` : machine;
    throw new Stop(
      `there is no TensorFlow wheel for ${here}, only for ${Object.keys(wheels).join(" and ")}. ${without}`,
    );
  }
  const compiler = await firstThatRuns(process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"], ["--version"]);
  if (!compiler) throw new Stop(`a C++ compiler is needed (c++, g++ or clang++), none was found. ${without}`);
  const current = "import sys; sys.exit(sys.version_info < (3, 10))";
  const base = await firstThatRuns(process.env.PYTHON ? [process.env.PYTHON] : ["python3", "python"], ["-c", current]);
  if (!base) throw new Stop(`Python 3.10 or newer is needed, none was found. ${without}`);
  if ((await run(base, ["-m", "pip", "--version"])).code === 0) return { wheel, compiler, python: base };
  const venv = join(stage, "venv");
  const { code, output } = await run(base, ["-m", "venv", venv]);
  if (code !== 0) throw new Stop(`${base} has neither pip nor venv (${lastLine(output)}). ${without}`);
  return { wheel, compiler, python: join(venv, "bin/python") };
}

async function firstThatRuns(programs: readonly string[], args: readonly string[]): Promise<string | undefined> {
  for (const program of programs) if ((await run(program, args)).code === 0) return program;
  return undefined;
}

/** Puts the JavaScript part into node_modules, unless npm did; with those of its dependencies that the project lacks. */
async function installPackage(): Promise<void> {
  if (versionOf(home) === tfjsNodeVersion) return;
  console.log(`Installing ${tfjsNode} ${tfjsNodeVersion} without its installer …`);
  await npmInstall(`${tfjsNode}@${tfjsNodeVersion}`);
  const from = join(stage, "node_modules");
  const fresh = join(dirname(home), `.tfjs-node-${process.pid}`); // beside its place, so that the last step is a rename
  try {
    cpSync(join(from, tfjsNode), fresh, { recursive: true });
    for (const name of packagesIn(from)) {
      if (name === tfjsNode || versionOf(join(from, name)) === versionOf(join(root, "node_modules", name))) continue;
      cpSync(join(from, name), join(fresh, "node_modules", name), { recursive: true });
    }
    rmSync(home, { recursive: true, force: true });
    renameSync(fresh, home);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function packagesIn(folder: string): string[] {
  const visible = (path: string) => readdirSync(path).filter((name) => !name.startsWith("."));
  return visible(folder).flatMap((name) =>
    name.startsWith("@") ? visible(join(folder, name)).map((rest) => `${name}/${rest}`) : [name],
  );
}

function versionOf(folder: string): string | undefined {
  const path = join(folder, "package.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as { version?: string }).version : undefined;
}

async function npmInstall(...packages: string[]): Promise<void> {
  const quiet = [
    "--ignore-scripts",
    "--no-save",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
  ];
  const { code, output } = await run("npm", ["install", "--prefix", stage, ...quiet, ...packages], { cwd: stage });
  if (code !== 0) throw new Stop(`npm could not install ${packages.join(" ")} (${explain(output)}). ${again}`);
}

/** Makes `built` (the C++ library and the addon beside it): in the stage first, then renamed. */
async function build({ wheel, compiler, python }: Tools): Promise<void> {
  const what = `${wheel.project} ${tensorflowVersion}`;
  console.log(`Downloading ${what} from PyPI (${wheel.megabytes} MB) …`);
  await download(wheel, python);
  console.log("Unpacking its C++ library and headers …");
  const [file] = readdirSync(stage).filter((name) => name.endsWith(".whl"));
  const unpacked = await run(python, ["-c", unpack, join(stage, file!), stage]);
  if (unpacked.code !== 0) throw new Stop(`the wheel of ${what} could not be unpacked: ${lastLine(unpacked.output)}`);

  console.log("Compiling the addon …");
  await npmInstall(`node-api-headers@${headersVersion}`);
  const result = join(stage, "result");
  const libraries = join(result, "deps/lib");
  const addon = join(result, "lib/napi-v8"); // the highest Node-API version that the package's manifest lists
  mkdirSync(dirname(libraries), { recursive: true });
  mkdirSync(addon, { recursive: true });
  renameSync(join(stage, "tensorflow/lib"), libraries);
  const sources = ["tfjs_backend.cc", "tfjs_binding.cc"].map((name) => join(home, "binding", name));
  const folders = [join(stage, "node_modules/node-api-headers/include"), join(stage, "tensorflow/include")];
  const compiled = await run(compiler, [
    ...["-std=c++17", "-O2", "-fPIC", "-shared", "-w", "-DNAPI_VERSION=8"],
    ...folders.map((folder) => `-I${folder}`),
    ...sources,
    ...["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"].map((name) => join(libraries, name)),
    "-Wl,-rpath,$ORIGIN/../../deps/lib",
    ...["-o", join(addon, "tfjs_binding.node")],
  ]);
  if (compiled.code !== 0) {
    const wrong = compiled.output.split("\n").find((line) => /error/i.test(line)) ?? lastLine(compiled.output);
    throw new Stop(`${compiler} could not compile the addon: ${wrong.trim()}`);
  }
  rmSync(built, { recursive: true, force: true });
  renameSync(result, built);
}

/** `pip download` of the wheel for one fixed Python, whichever Python runs it: only the C++ library in it is wanted. */
async function download(wheel: Tools["wheel"], python: string): Promise<void> {
  const temporary = join(stage, "pip");
  mkdirSync(temporary, { recursive: true });
  let shown = 0;
  const progress = setInterval(() => {
    const megabytes = Math.floor(sizeOf(temporary) / 1e6);
    if (megabytes > shown) console.log(`  ${megabytes} of ${wheel.megabytes} MB`);
    shown = Math.max(shown, megabytes);
  }, 5000);
  const kind = [
    "--only-binary=:all:",
    "--implementation=cp",
    "--python-version=3.12",
    "--abi=cp312",
    `--platform=${wheel.platform}`,
  ];
  const quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--retries=2"];
  const wanted = `${wheel.project}==${tensorflowVersion}`;
  const { code, output } = await run(
    python,
    ["-m", "pip", "download", "--no-deps", ...kind, ...quiet, "--dest", stage, wanted],
    {
      env: { TMPDIR: temporary },
    },
  );
  clearInterval(progress);
  if (code !== 0)
    throw new Stop(`pip could not download ${wanted} for ${wheel.platform} (${explain(output)}). ${again}`);
}

function sizeOf(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    bytes += statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

/** Python: from the wheel argv[1] into argv[2], the two libraries to tensorflow/lib, the C API's headers to tensorflow/include. */
const unpack = `
import os, shutil, sys, zipfile
wheel, target = sys.argv[1:]
headers = tuple("tensorflow/include/" + part for part in ("tensorflow/c/", "tensorflow/core/platform/", "tsl/platform/", "xla/tsl/"))
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [name for name in archive.namelist() if name.startswith(headers)])
    os.makedirs(target + "/tensorflow/lib")
    for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2"):
        with archive.open("tensorflow/" + name) as source, open(target + "/tensorflow/lib/" + name, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
os.remove(wheel)
`;

/** tfjs-node looks for its addon in its folder lib. The addon finds the C++ library from its real place, beyond the link. */
function link(): void {
  const place = join(home, "lib");
  if (lstatSync(place, { throwIfNoEntry: false })) rmSync(place, { recursive: true, force: true });
  symlinkSync(relative(realpathSync(home), join(realpathSync(built), "lib")), place);
}

const without = `The project works without ${tfjsNode}, on the slower @tensorflow/tfjs.`;
const again = "Put it right and run the command again.";

/** The cause of a failed download in a few words. */
function explain(output: string): string {
  if (/ENOSPC|no space left/i.test(output)) return "the disk is full";
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|NewConnectionError|NameResolution|ConnectTimeout|ProxyError|SSLError|connection broken/i.test(
      output,
    )
  ) {
    return "the registry cannot be reached";
  }
  if (/No matching distribution|E404|ETARGET/i.test(output)) return "the registry does not have it";
  return lastLine(output);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)!.trim();
}
