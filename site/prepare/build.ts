/** Builds the site: library, data, pages, policies. What is up to date is left as it is. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesBelow, readText, root, run, Stop, sha256 } from "../../tools/project.ts";
import { build as buildPackage } from "../../tools/setup.ts";
import type { BuildOptions } from "./install.ts";
import { generated, normalBase, output, siteFolder } from "./paths.ts";

/** @returns whether anything was to be done */
export async function buildSite({ base = "/", simulate = 0, folder = output }: BuildOptions = {}): Promise<boolean> {
  if (!/^[\w\-./]*$/.test(base)) throw new Stop(`--base must be a path such as /sub/path, got ${base}.`);
  const path = normalBase(base);
  await buildPackage();
  const hash = inputs(path, simulate);
  const stamp = join(folder, ".complete");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return false;
  const start = performance.now();
  const step = (text: string) =>
    console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated, { recursive: true });
  const { buildLibrary } = await import("./library.ts");
  const kernel = await buildLibrary();
  step("library for the browser");
  const { collect } = await import("./collect.ts");
  const { concepts, problems } = await collect(path, kernel, simulate);
  step(`${concepts} concepts: notes, outputs, figures, exports, search index`);
  for (const problem of problems) console.log(`   note: ${problem}`);
  const fresh = join(siteFolder, `.generated/dist`);
  const astro = join(siteFolder, "node_modules/astro/bin/astro.mjs");
  const { code, output: said } = await run(process.execPath, [astro, "build", "--root", siteFolder], {
    cwd: siteFolder,
    env: {
      ASTRO_TELEMETRY_DISABLED: "1",
      NODE_ENV: "production",
      SITE_BASE: path,
      SITE_GENERATED: generated,
      SITE_OUTPUT: fresh,
      NO_COLOR: "1",
    },
  });
  if (code !== 0) throw new Stop(`the pages could not be built:\n${said.trim().slice(-4000)}`);
  if (process.env.SITE_VERBOSE) console.log(said);
  step("pages");
  const { addPolicies } = await import("./finish.ts");
  const pages = addPolicies(fresh);
  writeFileSync(join(fresh, ".complete"), hash);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(fresh, folder);
  step(`${pages} pages with their policies`);
  return true;
}

/** Hash of all that the site is made of. */
function inputs(base: string, simulate: number): string {
  const ours = filesBelow("site").filter((path) => /^site\/(?:src\/|prepare\/|[^/]+$)/.test(path));
  const theirs = ["src", "data", "test", "notebooks"].flatMap((folder) => filesBelow(folder));
  const report = ".cache/vitest.json";
  const paths = [
    ...ours,
    ...theirs,
    "tools/planned.ts",
    "tools/note.ts",
    ...(existsSync(join(root, report)) ? [report] : []),
  ];
  return sha256(base, String(simulate), ...paths.flatMap((path) => [path, readText(path)]));
}
