/** Set-up that every command asks for: the built package, and the private Python environment with Jupyter and the kernel. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, readText, root, run, Stop, sha256, windows } from "./project.ts";

const venv = join(root, ".venv");
export const python = join(venv, windows ? "Scripts/python.exe" : "bin/python");

/** The environment in which Jupyter runs: its files stay inside the project. */
export const jupyterEnvironment: NodeJS.ProcessEnv = {
  JUPYTER_CONFIG_DIR: join(venv, "jupyter/config"),
  JUPYTER_DATA_DIR: join(venv, "jupyter/data"),
  JUPYTER_RUNTIME_DIR: join(venv, "jupyter/runtime"),
  JUPYTERLAB_SETTINGS_DIR: join(venv, "jupyter/lab/settings"),
  JUPYTERLAB_WORKSPACES_DIR: join(venv, "jupyter/lab/workspaces"),
  IPYTHONDIR: join(venv, "jupyter/ipython"),
  JUPYTER_PLATFORM_DIRS: "1",
  PYTHONWARNINGS: "ignore",
};

/** Compiles src/ to dist/ unless dist/ was made from these very sources. */
export async function build(): Promise<void> {
  const sources = [...filesBelow("src", ".ts"), "tsconfig.json", "tsconfig.build.json", "package-lock.json"];
  const hash = sha256(...sources.flatMap((path) => [path, readText(path)]));
  const stamp = join(root, "dist/.complete");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const fresh = join(root, `.cache/dist-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { code, output } = await run(process.execPath, [tsc, "-p", "tsconfig.build.json", "--outDir", fresh]);
  if (code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Stop(`src/ does not compile:\n${output.trim()}`);
  }
  writeFileSync(join(fresh, ".complete"), hash);
  rmSync(join(root, "dist"), { recursive: true, force: true });
  renameSync(fresh, join(root, "dist"));
  console.error("Built dist/.");
}

/** Makes `.venv` with JupyterLab and the tslab kernel unless it is there, whole, for this very project and set of packages. */
export async function prepareJupyter(): Promise<void> {
  const kernel = join(root, "node_modules/tslab/bin/tslab");
  const hash = sha256(readText("tools/python/requirements.txt"), root, process.execPath);
  const stamp = join(venv, ".complete");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const base = await findPython();
  rmSync(venv, { recursive: true, force: true });
  console.log("Making the private Python environment .venv (once) …");
  const made = await run(base, ["-m", "venv", venv]);
  if (made.code !== 0) {
    throw new Stop(`Python could not make a virtual environment (${lastLine(made.output)}). ${withoutPython}`);
  }
  console.log("Installing JupyterLab into it …");
  const progress = (line: string) => /^(Collecting|Installing)/.test(line) && process.stdout.write(".");
  const requirements = ["-r", join(root, "tools/python/requirements.txt")];
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", ...requirements];
  const installed = await run(python, pip, { onLine: progress });
  console.log();
  if (installed.code !== 0) {
    throw new Stop(
      `JupyterLab could not be installed (${lastLine(installed.output)}). Is PyPI reachable? ${withoutPython}`,
    );
  }
  // The kernel's specification is written by hand-over to tslab itself; --prefix keeps it inside .venv.
  const registered = await run(
    process.execPath,
    [kernel, "install", `--python=${python}`, `--prefix=${venv}`, `--binary=${kernel}`],
    {
      env: jupyterEnvironment,
    },
  );
  if (registered.code !== 0) throw new Stop(`the tslab kernel could not be registered:\n${registered.output.trim()}`);
  writeKernelSpec(kernel);
  // JupyterLab asks a server for news unless it is told not to.
  const settings = join(venv, "etc/jupyter/labconfig");
  mkdirSync(settings, { recursive: true });
  const disabledExtensions = { "@jupyterlab/apputils-extension:announcements": true };
  writeFileSync(join(settings, "page_config.json"), JSON.stringify({ disabledExtensions }));
  // JupyterLab carries CommonJS files; the package.json of this project would make Node read them as ES modules.
  writeFileSync(join(venv, "package.json"), JSON.stringify({ type: "commonjs" }));
  writeFileSync(`${stamp}.tmp`, hash);
  renameSync(`${stamp}.tmp`, stamp);
}

/** The kernel is started by the project's Node whatever the PATH is: its first word becomes that binary. */
function writeKernelSpec(kernel: string): void {
  const path = join(venv, "share/jupyter/kernels/tslab/kernel.json");
  const spec = JSON.parse(readFileSync(path, "utf8")) as { argv: string[] };
  const rest = spec.argv.slice(spec.argv.indexOf("kernel"));
  writeFileSync(path, JSON.stringify({ ...spec, argv: [process.execPath, kernel, ...rest] }, null, 1));
  rmSync(join(venv, "share/jupyter/kernels/jslab"), { recursive: true, force: true });
}

const withoutPython =
  "The library, its unit tests (npx vitest run) and the executed notebooks as they are on disk still work without it; " +
  "running notebooks does not. Put it right and run the command again.";

async function findPython(): Promise<string> {
  const seen: string[] = [];
  for (const candidate of process.env.PYTHON ? [process.env.PYTHON] : ["python3", "python"]) {
    const { code, output } = await run(candidate, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    const [major = 0, minor = 0] = output.trim().split(".").map(Number);
    if (code === 0 && (major > 3 || (major === 3 && minor >= 10))) {
      if ((await run(candidate, ["-c", "import ensurepip, venv"])).code === 0) return candidate;
      throw new Stop(`${candidate} lacks its venv module (Debian: apt install python3-venv). ${withoutPython}`);
    }
    if (code === 0) seen.push(`${candidate} is ${output.trim()}`);
  }
  throw new Stop(
    `Python 3.10 or newer is needed${seen.length ? ` (${seen.join(", ")})` : ", none was found"}. ${withoutPython}`,
  );
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";
