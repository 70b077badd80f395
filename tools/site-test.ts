/** Command `npm run site:test`: the web site's own tests, in a real browser where there is one. Ends with "N passed, N failed". */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { siteBuilder } from "../site/prepare/install.ts";
import { siteFolder, subPathOutput } from "../site/prepare/paths.ts";
import { findBrowser } from "../site/test/find-browser.ts";
import { main, root, run } from "./project.ts";

await main(async (args) => {
  const { buildSite } = await siteBuilder();
  await buildSite();
  // The same site once more, below a path, as a host of many projects serves it.
  await buildSite({ base: "/sub/path", folder: subPathOutput });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const types = await run(process.execPath, [tsc, "-p", join(siteFolder, "tsconfig.json")]);
  console.log(types.code === 0 ? "ok      types of the site" : `FAILED  types of the site\n${types.output.trim()}`);
  const browser = findBrowser();
  if (!browser) {
    console.log(
      "No Chromium or Chrome was found (set CHROMIUM to its path, or install the package chromium): the tests that need " +
        "a browser are skipped. What is tested without one: links, policies, search results, compiling of cells.",
    );
  }
  const report = join(root, ".cache/site-vitest.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const options = ["run", "--config", join(siteFolder, "vitest.config.ts"), "--reporter=verbose", "--reporter=json"];
  const { code } = await run(process.execPath, [vitest, ...options, `--outputFile.json=${report}`, ...args], {
    show: true,
    cwd: siteFolder,
    env: { FORCE_COLOR: "0", NO_COLOR: "1" },
  });
  const result = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8"))
    : { numPassedTests: 0, numFailedTests: 0 };
  // An error outside every test is a failure too.
  const failed = (result.numFailedTests || (code === 0 ? 0 : 1)) + (types.code === 0 ? 0 : 1);
  if (!browser && result.numPendingTests) console.log(`${result.numPendingTests} skipped: they need a browser.`);
  console.log(`${result.numPassedTests + (types.code === 0 ? 1 : 0)} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
