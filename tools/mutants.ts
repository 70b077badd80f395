/** Command `npm run mutants <pattern>`: mutation testing (Stryker) of demos and lib; a survivor is a change that no test notices. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, main, matching, root, run, Stop, windows } from "./project.ts";

await main(async ([pattern]) => {
  if (pattern === undefined)
    throw new Stop("name what to mutate, for example npm run mutants k-means; all of it would take hours.");
  const sources = matching(
    [...filesBelow("src/demos", ".ts"), ...filesBelow("src/lib", ".ts")],
    pattern,
    "source file",
  );
  const home = await install();
  const config = join(root, ".cache/stryker.json");
  const options = {
    testRunner: "vitest",
    plugins: [join(home, "node_modules/@stryker-mutator/vitest-runner/dist/src/index.js")],
    mutate: sources,
    reporters: ["clear-text", "progress-append-only"],
    coverageAnalysis: "perTest",
    concurrency: 2,
    tempDirName: ".cache/stryker",
    symlinkNodeModules: true,
    ignorePatterns: [".venv*", ".cache", "dist", "bench"],
    allowConsoleColors: false,
    clearTextReporter: { logTests: false, allowColor: false },
    tsconfigFile: "none.json", // Stryker would rewrite it through an interface that TypeScript 7 no longer has
    vitest: { configFile: "vitest.config.ts", related: true },
  };
  writeFileSync(config, JSON.stringify(options, null, 2));
  console.log(`Mutating ${sources.join(", ")} …`);
  const stryker = join(home, "node_modules/@stryker-mutator/core/bin/stryker.js");
  return (await run(process.execPath, [stryker, "run", config], { show: true })).code;
});

/** Installs the tester once, under a temporary name first. */
async function install(): Promise<string> {
  const home = join(root, ".cache/mutants");
  if (existsSync(home)) return home;
  console.log("Installing the mutation tester (once) …");
  const fresh = `${home}.tmp`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  copyFileSync(join(root, "tools/mutants/package.json"), join(fresh, "package.json"));
  const npm = await run(windows ? "npm.cmd" : "npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: fresh,
  });
  if (npm.code !== 0)
    throw new Stop(`the mutation tester could not be installed: ${npm.output.trim().split("\n").at(-1)}`);
  renameSync(fresh, home);
  return home;
}
