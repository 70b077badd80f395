/**
 * The door of every `npm run` command: `node tools/run.mjs <command> [arguments]`. Plain JavaScript that any Node ≥ 20.19
 * runs in a bare checkout. It installs the packages of package-lock.json when they are missing or stale, then hands over
 * to tools/<command>.ts under the project's own Node.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const windows = process.platform === "win32";
let interrupted = false;

function stop(message) {
  console.error(`runnable-ml: ${message}`);
  process.exit(1);
}

const [major, minor] = process.versions.node.split(".").map(Number);
if (!(major > 20 || (major === 20 && minor >= 19))) {
  stop(`Node 20.19 or newer is needed, this is ${process.versions.node}. Install it, then run the command again.`);
}

const [command, ...args] = process.argv.slice(2);
const commands = readdirSync(join(root, "tools"))
  .filter((file) => file.endsWith(".ts") && readFileSync(join(root, "tools", file), "utf8").startsWith("/** Command"))
  .map((file) => file.slice(0, -3));
if (!commands.includes(command)) stop(`unknown command ${command ?? "(none)"}; there are: ${commands.join(", ")}.`);

await installPackages();
linkPackage();

const node = join(root, "node_modules", ".bin", windows ? "node.cmd" : "node");
const { status, signal } = await run(existsSync(node) ? node : process.execPath, [
  join(root, "tools", `${command}.ts`),
  ...args,
]);
if (signal) stop("interrupted. Run the command again: it goes on with what is missing.");
process.exit(status);

/** Runs a program in the foreground; it gets this process' signals, which leave this process alive to say how it ended. */
function run(program, programArgs, env = process.env) {
  const child = spawn(program, programArgs, { cwd: root, stdio: "inherit", shell: windows, env });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(name, () => {
      interrupted = true;
      child.kill(name);
    });
  }
  return new Promise((resolve) => {
    child.on("error", (error) => stop(`${program} could not be started: ${error.message}.`));
    child.on("exit", (status, signal) => resolve({ status, signal }));
  });
}

/** `npm ci`, unless a stamp in node_modules, written last, says that these very packages are there. */
async function installPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".complete");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.log("Installing the packages of package-lock.json (once) …");
  // npm must not run under the Node that it is about to replace.
  const path = process.env.PATH.split(delimiter)
    .filter((folder) => !folder.includes("node_modules"))
    .join(delimiter);
  const { status } = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    ...process.env,
    PATH: path,
  });
  if (interrupted) stop("interrupted while installing packages. Run the command again: it starts them afresh.");
  if (status !== 0) {
    stop(
      "the npm packages could not be installed. Is the npm registry reachable? Nothing of the project runs without them, " +
        "but notes (src/notes) and executed notebooks (notebooks) can be read as they are. Run the command again to go on.",
    );
  }
  writeFileSync(`${stamp}.tmp`, lock);
  renameSync(`${stamp}.tmp`, stamp);
}

/** Cells import the package by its name, as a user would; npm drops the link whenever it touches node_modules. */
function linkPackage() {
  const link = join(root, "node_modules", "runnable-ml");
  if (!existsSync(link)) symlinkSync(windows ? root : "..", link, "junction");
}
