/** Command `npm run build`: compiles src/ to dist/, what npm pack puts into the package. */
import { main } from "./project.ts";
import { build } from "./setup.ts";

await main(async () => {
  await build();
  console.error("dist/ is up to date."); // stdout belongs to npm pack --json
  return 0;
});
