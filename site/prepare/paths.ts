/** Where things are, and how a page is addressed under the base path of the host. */
import { join } from "node:path";
import { root } from "../../tools/project.ts";

export const siteFolder = join(root, "site");
/** What the preparation writes and Astro reads; made anew by every build. */
export const generated = join(siteFolder, ".generated");
/** The finished site. */
export const output = join(siteFolder, "dist");
/** The same site once more below a path, for the tests. */
export const subPathOutput = join(root, ".cache/site-sub-path");

/** "/" or "/sub/path/": starts and ends with a slash. */
export function normalBase(base: string): string {
  const inner = base.replace(/^\/+|\/+$/g, "");
  return inner === "" ? "/" : `/${inner}/`;
}
