/** Command `npm run format`: formats the code and applies the safe fixes of the linter. */
import { join } from "node:path";
import { main, root, run } from "./project.ts";

await main(async () => {
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  return (await run(process.execPath, [biome, "check", "--write"], { show: true })).code;
});
