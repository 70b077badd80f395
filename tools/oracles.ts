/** Command `npm run oracles [pattern] [-- --check]`: makes the fixtures of test/oracles again, by independent implementations. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { differences } from "./oracles/differences.ts";
import { filesBelow, main, matching, readText, root, run, Stop, sha256, windows, writeWhole } from "./project.ts";

const folder = "test/oracles";
const venv = join(root, ".venv-oracles");
const python = join(venv, windows ? "Scripts/python.exe" : "bin/python");

const withoutOracles =
  "The fixtures in test/oracles are as they were, and the tests use those; only making them again needs this. " +
  "Put it right and run the command again.";

await main(async (args) => {
  const check = args.includes("--check");
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--check");
  if (unknown) throw new Stop(`unknown option ${unknown}; there is: --check.`);
  const scripts = filesBelow(folder, ".py").map((path) => path.slice(folder.length + 1, -".py".length));
  const pattern = args.find((arg) => !arg.startsWith("-"));
  const names = matching(scripts, pattern, "oracle");
  await prepareOracles();

  let [differing, failed] = [0, 0];
  for (const name of names) {
    const start = performance.now();
    const made = await runScript(name);
    const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`;
    const path = `${folder}/${name}.json`;
    if (made instanceof Error) {
      failed++;
      console.log(`${name}  failed (${seconds}): ${made.message}`);
      continue;
    }
    const found = existsSync(join(root, path)) ? differences(readText(path), made) : ["no such file yet"];
    if (found.length > 0) differing++;
    if (found.length > 0 && !check) writeWhole(path, made);
    console.log(`${name}  ${found.length === 0 ? "unchanged" : check ? "differs" : "written"} (${seconds})`);
    for (const line of found.slice(0, 10)) console.log(`  ${line}`);
    if (found.length > 10) console.log(`  … and ${found.length - 10} more`);
  }
  const orphans = filesBelow(folder, ".json").filter(
    (path) => !scripts.includes(path.slice(folder.length + 1, -".json".length)),
  );
  for (const path of orphans) console.log(`${path} has no script beside it`);
  console.log(`${names.length} oracles, ${differing} ${check ? "differing" : "written"}, ${failed} failed.`);
  return failed > 0 || orphans.length > 0 || (check && differing > 0) ? 1 : 0;
});

/** What the script prints, or why there is nothing to compare. */
function runScript(name: string): Promise<string | Error> {
  return new Promise((resolve) => {
    const child = spawn(python, [join(root, `${folder}/${name}.py`)], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PYTHONPATH: join(root, "tools/oracles"),
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONHASHSEED: "0",
        PYTHONUTF8: "1",
        // The order in which threads add up must not show in the last digits.
        OMP_NUM_THREADS: "1",
        OPENBLAS_NUM_THREADS: "1",
      },
    });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", resolve);
    child.on("close", (code) => {
      const text = Buffer.concat(stdout).toString().replaceAll("\r\n", "\n");
      const complaint = Buffer.concat(stderr).toString().trim();
      if (code !== 0) return resolve(new Error(complaint || `exit code ${code}`));
      try {
        JSON.parse(text);
        resolve(text);
      } catch (error) {
        resolve(new Error(`it printed no JSON: ${(error as Error).message}`));
      }
    });
  });
}

/** Makes `.venv-oracles` unless it is there, whole, for this very project and set of packages. */
async function prepareOracles(): Promise<void> {
  const requirements = "tools/oracles/requirements.txt";
  const hash = sha256(readText(requirements), readText("tools/oracles/without_cuda.py"), root);
  const stamp = ".venv-oracles/.complete";
  if (existsSync(join(root, stamp)) && readFileSync(join(root, stamp), "utf8") === hash) return;
  const base = await findPython();
  rmSync(venv, { recursive: true, force: true });
  console.log("Making the private Python environment .venv-oracles (once) …");
  const made = await run(base, ["-m", "venv", venv]);
  if (made.code !== 0) {
    throw new Stop(`Python could not make a virtual environment (${lastLine(made.output)}). ${withoutOracles}`);
  }
  console.log("Installing NumPy, SciPy, scikit-learn, PyTorch into it (0.7 GB to fetch, 1.6 GB on disk) …");
  await install(["--no-deps", "-r", join(root, requirements)]);
  await run(python, [join(root, "tools/oracles/without_cuda.py")], { env: { PYTHONDONTWRITEBYTECODE: "1" } });
  if (!(await torchRuns())) {
    console.log("PyTorch does not start without CUDA's libraries here: installing them too (several GB) …");
    await install(["-r", join(root, requirements)]);
    if (!(await torchRuns())) throw new Stop(`PyTorch does not start on this machine. ${withoutOracles}`);
  }
  writeWhole(stamp, hash);
}

async function install(what: readonly string[]): Promise<void> {
  const onLine = (line: string) => /^(Collecting|Installing)/.test(line) && process.stdout.write(".");
  const pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary=:all:", ...what];
  const { code, output } = await run(python, pip, { onLine });
  console.log();
  if (code !== 0) {
    throw new Stop(`the packages could not be installed (${lastLine(output)}). Is PyPI reachable? ${withoutOracles}`);
  }
}

async function torchRuns(): Promise<boolean> {
  const { code } = await run(python, [
    "-c",
    "import torch; (torch.eye(2, requires_grad=True) @ torch.ones(2)).sum().backward()",
  ]);
  return code === 0;
}

async function findPython(): Promise<string> {
  const seen: string[] = [];
  const names = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
  for (const candidate of process.env.PYTHON ? [process.env.PYTHON] : names) {
    const { code, output } = await run(candidate, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    const [major = 0, minor = 0] = output.trim().split(".").map(Number);
    if (code === 0 && major === 3 && minor >= 10 && minor <= 13) return candidate;
    if (code === 0) seen.push(`${candidate} is ${output.trim()}`);
  }
  throw new Stop(
    `Python 3.10 to 3.13 is needed (${seen.length ? seen.join(", ") : "none was found"}); PYTHON=<path> names one. ${withoutOracles}`,
  );
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
