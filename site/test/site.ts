/** The built site as the tests see it: its folder, its pages, what the preparation gathered. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { output as folder, generated, subPathOutput as subFolder } from "../prepare/paths.ts";
import type { ConceptData } from "../src/data.ts";

export { folder, subFolder };

/** HTML files of a built site, as paths from its folder. */
export function pagesOf(site: string): string[] {
  return (readdirSync(site, { recursive: true }) as string[])
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".html") && !path.startsWith("."))
    .sort();
}

/** What the pages of the concepts were made of. */
export const concepts = readdirSync(join(generated, "concepts"))
  .sort()
  .map((file) => JSON.parse(readFileSync(join(generated, "concepts", file), "utf8")) as ConceptData);
