/** Command `npm run site:build [-- --base /sub/path]`: the web site as a folder, site/dist, for any static host. */
import { parseArgs } from "node:util";
import { siteBuilder } from "../site/prepare/install.ts";
import { main, Stop } from "./project.ts";

await main(async (args) => {
  const { base, simulate } = optionsOf(args);
  const { buildSite } = await siteBuilder();
  await buildSite({ base, simulate });
  console.log(`site/dist is up to date, to be served at ${base}`);
  return 0;
});

function optionsOf(args: string[]): { base: string; simulate: number } {
  try {
    const { values } = parseArgs({
      args,
      options: {
        base: { type: "string", default: "/" },
        // so many pages by copies of the concepts there are: how long will the whole handbook take?
        simulate: { type: "string", default: "0" },
      },
    });
    const simulate = Number(values.simulate);
    if (!(Number.isInteger(simulate) && simulate >= 0))
      throw new Error(`--simulate must be a number of pages, got ${values.simulate}.`);
    return { base: values.base, simulate };
  } catch (error) {
    throw new Stop(`${(error as Error).message.split("\n")[0]} Usage: npm run site:build -- --base /sub/path`);
  }
}
