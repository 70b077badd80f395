/** Command `npm run bench [pattern]`: this project against its peers, which are installed in bench/ only. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, main, matching, readText, root, run, Stop, sha256, writeWhole } from "./project.ts";
import { build } from "./setup.ts";

await main(async ([pattern]) => {
  const ending = ".bench.ts";
  const names = filesBelow("bench", ending)
    .filter((path) => !path.includes("node_modules"))
    .map((path) => path.slice("bench/".length, -ending.length));
  const chosen = matching(names, pattern, "benchmark");
  await build();
  await installPeers();
  if (!existsSync(join(root, ".venv-oracles"))) {
    console.log("No native column: .venv-oracles, which npm run oracles makes, is not there.");
  }
  const failed: string[] = [];
  for (const name of chosen) {
    console.log(`\n${name}`);
    // A process each: what one benchmark has taught the compiler does not slow down the next.
    const { code } = await run(process.execPath, [join(root, `bench/${name}${ending}`)], { show: true });
    if (code !== 0) failed.push(name);
  }
  if (failed.length > 0) throw new Stop(`failed: ${failed.join(", ")}.`);
  return 0;
});

/** `npm ci` in bench/, unless a stamp says that these very packages are there. */
async function installPeers(): Promise<void> {
  const lock = sha256(readText("bench/package-lock.json"));
  const stamp = "bench/node_modules/.complete";
  if (existsSync(join(root, stamp)) && readFileSync(join(root, stamp), "utf8") === lock) return;
  console.log("Installing the peers of bench/package-lock.json (once) …");
  const npm = process.env.npm_execpath;
  const [program, first] = npm ? [process.execPath, [npm]] : ["npm", []];
  const args = [...first, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { code } = await run(program, args, { cwd: join(root, "bench"), show: true });
  if (code !== 0) {
    throw new Stop("the peers could not be installed. Is the npm registry reachable? Run the command again to go on.");
  }
  writeWhole(stamp, lock);
}
