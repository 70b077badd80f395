/** Command `npm run build`: compiles src/ to dist/, what npm pack puts into the package. */
import { main } from "./project.ts";
import { build } from "./setup.ts";

await main(async () => {
  await build();
  console.log("dist/ is up to date.");
  return 0;
});
