/**
 * The packages that build and test the site: site/node_modules, once. What needs them is imported behind this door only,
 * so that the rest of the project is checked and tested without them.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readText, root, run, Stop, sha256, writeWhole } from "../../tools/project.ts";

/** `npm ci` in site/, unless a stamp says that these very packages are there. */
async function installSite(): Promise<void> {
  const lock = sha256(readText("site/package-lock.json"));
  const stamp = "site/node_modules/.complete";
  if (existsSync(join(root, stamp)) && readFileSync(join(root, stamp), "utf8") === lock) return;
  console.log("Installing the packages of site/package-lock.json (once) …");
  const npm = process.env.npm_execpath;
  const [program, first] = npm ? [process.execPath, [npm]] : ["npm", []];
  const args = [...first, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const { code } = await run(program, args, { cwd: join(root, "site"), show: true });
  if (code !== 0) {
    throw new Stop(
      "the packages of the site could not be installed. Is the npm registry reachable? Run the command again to go on.",
    );
  }
  writeWhole(stamp, lock);
}

export interface BuildOptions {
  /** path of the site on its host */
  readonly base?: string;
  /** build so many pages by copies, to measure */
  readonly simulate?: number;
  /** folder that is made */
  readonly folder?: string;
}

export interface Builder {
  /** Builds the site unless it was made of these very files; tells whether anything was to be done. */
  buildSite(options?: BuildOptions): Promise<boolean>;
}

/** The builder, once its packages are there. */
export async function siteBuilder(): Promise<Builder> {
  await installSite();
  return import(new URL("./build.ts", import.meta.url).href);
}
