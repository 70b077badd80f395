/** Command `npm start [-- options of jupyter lab]`: JupyterLab on the index notebook, on loopback, with its token. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { main, root, Stop } from "./project.ts";
import { build, jupyterEnvironment, prepareJupyter, python } from "./setup.ts";

await main(async (args) => {
  const port = portOf(args);
  if (port !== undefined && !(await isFree(port))) {
    throw new Stop(
      `port ${port} is in use: stop what uses it, or choose another with npm start -- --port ${port + 1}.`,
    );
  }
  await build();
  await prepareJupyter();
  const own = [
    "--ServerApp.ip=127.0.0.1",
    `--ServerApp.root_dir=${root}`,
    "--LabApp.default_url=/lab/tree/notebooks/index.ipynb",
    "--LabApp.extension_manager=readonly",
    "--LanguageServerManager.autodetect=False",
    "--log-level=WARN",
  ];
  if (process.getuid?.() === 0) own.push("--allow-root");
  console.log("Starting JupyterLab; Ctrl+C stops it.");
  const server = spawn(python, ["-m", "jupyterlab", ...own, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...jupyterEnvironment },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => server.kill(signal));
  return new Promise((resolve) => server.on("exit", (code) => resolve(code ?? 0)));
});

/** The port asked for with --port 9999, --port=9999 or --ServerApp.port=9999. */
function portOf(args: readonly string[]): number | undefined {
  const text = args.join(" ");
  const found = /(?:^| )--(?:ServerApp\.)?port[= ](\S+)/.exec(text)?.[1];
  if (found === undefined) return undefined;
  const port = Number(found);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535))
    throw new Stop(`--port must be a number in [0, 65535], got ${found}.`);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
