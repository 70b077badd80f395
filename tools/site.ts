/** Command `npm run site [-- --port 4321 --no-open]`: builds what is missing, serves the web site on loopback, opens it. */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { siteBuilder } from "../site/prepare/install.ts";
import { output } from "../site/prepare/paths.ts";
import { serve } from "../site/prepare/serve.ts";
import { main, Stop, windows } from "./project.ts";

await main(async (args) => {
  const { port, open } = optionsOf(args);
  // A port in use is seen before anything is built.
  const { server: probe } = await serve(output, "/", port);
  await new Promise((resolve) => probe.close(resolve));
  const { buildSite } = await siteBuilder();
  await buildSite();
  const { server, url } = await serve(output, "/", port);
  console.log(`The site is at ${url}  Ctrl+C stops it.`);
  if (open) openBrowser(url);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, resolve);
  });
  server.closeAllConnections();
  server.close();
  return 0;
});

function optionsOf(args: string[]): { port: number; open: boolean } {
  try {
    const { values } = parseArgs({
      args,
      options: { port: { type: "string", default: "4321" }, open: { type: "boolean", default: true } },
      allowNegative: true,
    });
    const port = Number(values.port);
    if (!(Number.isInteger(port) && port >= 0 && port <= 65535))
      throw new Error(`--port must be a number in [0, 65535], got ${values.port}.`);
    return { port, open: values.open };
  } catch (error) {
    throw new Stop(`${(error as Error).message.split("\n")[0]} Usage: npm run site -- --port 4321 --no-open`);
  }
}

/** The system's own way to open an address; where there is none, the printed address is enough. */
function openBrowser(url: string): void {
  const [program, ...rest] = windows
    ? ["cmd", "/c", "start", ""]
    : process.platform === "darwin"
      ? ["open"]
      : ["xdg-open"];
  const child = spawn(program!, [...rest, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
