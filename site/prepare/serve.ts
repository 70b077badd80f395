/** A server of static files on loopback, such as any host is: what it serves is what is in the folder. */
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { createGzip } from "node:zlib";
import { Stop } from "../../tools/project.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".ipynb": "application/x-ipynb+json",
  ".woff2": "font/woff2",
  ".woff": "font/woff",
  ".ttf": "font/ttf",
};

/**
 * @param folder what is served
 * @param base path below which it stands, "/" or "/sub/path/"
 * @param port 0 takes any that is free
 */
export function serve(folder: string, base: string, port: number): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    let file = path.startsWith(base) ? fileOf(folder, path.slice(base.length)) : undefined;
    if (file && !path.endsWith("/") && file.endsWith(`${sep}index.html`)) {
      response.writeHead(301, { location: `${path}/` }).end();
      return;
    }
    const status = file ? 200 : 404;
    file ??= join(folder, "404.html");
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    const headers: Record<string, string> = { "content-type": type, "cache-control": "no-cache" };
    const zip = /text|json|svg|javascript/.test(type) && /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
    if (zip) headers["content-encoding"] = "gzip";
    response.writeHead(status, headers);
    if (request.method === "HEAD" || !existsSync(file)) response.end();
    else if (zip)
      createReadStream(file)
        .pipe(createGzip({ level: 4 }))
        .pipe(response);
    else createReadStream(file).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const next = port < 65535 ? port + 1 : port - 1;
      if (error.code !== "EADDRINUSE" && error.code !== "EACCES") reject(error);
      else
        reject(
          new Stop(`port ${port} is in use: stop what uses it, or choose another with npm run site -- --port ${next}.`),
        );
    });
    server.listen(port, "127.0.0.1", () => {
      const { port: taken } = server.address() as { port: number };
      resolve({ server, url: `http://127.0.0.1:${taken}${base}` });
    });
  });
}

/** The file behind a path, if it lies in the folder. */
function fileOf(folder: string, path: string): string | undefined {
  const file = normalize(join(folder, path));
  if (file !== folder && !file.startsWith(folder + sep) && `${file}${sep}` !== folder) return undefined;
  if (!existsSync(file)) return undefined;
  if (!statSync(file).isDirectory()) return file;
  const index = join(file, "index.html");
  return existsSync(index) ? index : undefined;
}
