/** The browser build: demos, shared plumbing and figures of dist/ and the kernel's worker, split into modules that load when asked for. */
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { filesBelow, root } from "../../tools/project.ts";
import { writtenOut } from "./ndarray.ts";
import { generated, siteFolder } from "./paths.ts";

/** Subpath of the package, as in `runnable-ml/<subpath>` → file below dist/, for all that a page can import. */
function subpaths(): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of filesBelow("dist", ".js")) {
    const inner = path.slice("dist/".length, -".js".length);
    if (/^(?:lib|figures|autodiff)\//.test(inner)) found.set(inner, path);
    if (inner.startsWith("demos/")) found.set(inner.slice("demos/".length), path);
  }
  found.set("jupyter", "dist/jupyter/index.js");
  return found;
}

/** @returns path of the kernel's worker inside the site */
export async function buildLibrary(): Promise<string> {
  const lines = [...subpaths()].map(
    ([subpath, path]) => `  ${JSON.stringify(subpath)}: () => import(${JSON.stringify(join(root, path))}),`,
  );
  const modules = `export const modules = {\n${lines.join("\n")}\n};\n`;
  const pieces: Plugin = {
    name: "pieces",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^virtual:modules$/ }, () => ({ path: "modules", namespace: "virtual" }));
      onLoad({ filter: /.*/, namespace: "virtual" }, () => ({ contents: modules, resolveDir: root, loader: "js" }));
      onLoad({ filter: /[/\\]ndarray[/\\]ndarray\.js$/ }, ({ path }) => ({ contents: writtenOut(path), loader: "js" }));
      // show() asks Node for tslab and for vega; in a page both come from the worker.
      onResolve({ filter: /^node:module$/ }, () => ({ path: join(siteFolder, "src/worker/node-module.ts") }));
    },
  };
  const result = await build({
    entryPoints: { kernel: join(siteFolder, "src/worker/kernel.ts") },
    outdir: join(generated, "public/library"),
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    minify: true,
    metafile: true,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    plugins: [pieces],
    logLevel: "error",
    absWorkingDir: root,
    legalComments: "none",
  });
  const kernel = Object.keys(result.metafile.outputs).find((path) => /library\/kernel-\w+\.js$/.test(path));
  return `library/${kernel!.split("/").at(-1)}`;
}
