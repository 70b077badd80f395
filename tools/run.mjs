/**
 * The door of every `npm run` command: `node tools/run.mjs <command> [arguments]`. Plain JavaScript that any Node ≥ 20.19
 * runs in a bare checkout. It installs the packages of package-lock.json when they are missing or stale, then hands over
 * to tools/<command>.ts under the project's own Node.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const windows = process.platform === "win32";

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

installPackages();

const node = join(root, "node_modules", ".bin", windows ? "node.cmd" : "node");
const child = spawn(existsSync(node) ? node : process.execPath, [join(root, "tools", `${command}.ts`), ...args], {
  cwd: root,
  stdio: "inherit",
  shell: windows,
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));

/** `npm ci`, unless a stamp in node_modules, written last, says that these very packages are there. */
function installPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules", ".complete");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  console.log("Installing the packages of package-lock.json (once) …");
  const path = process.env.PATH.split(delimiter)
    .filter((folder) => !folder.includes("node_modules"))
    .join(delimiter);
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
    shell: windows,
    env: { ...process.env, PATH: path },
  });
  if (status !== 0) {
    stop(
      "the npm packages could not be installed. Is the npm registry reachable? Nothing of the project runs without them, " +
        "but notes (src/notes) and executed notebooks (notebooks) can be read as they are. Run the command again to go on.",
    );
  }
  // Cells import the package by its name, as a user would.
  const link = join(root, "node_modules", "runnable-ml");
  if (!existsSync(link)) symlinkSync(windows ? root : "..", link, "junction");
  writeFileSync(`${stamp}.tmp`, lock);
  renameSync(`${stamp}.tmp`, stamp);
}
