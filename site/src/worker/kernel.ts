/**
 * The kernel of a page, in a Web Worker: draws figures and runs cells against the browser build of the library. A worker of
 * its own serves the figures, another one the cells, so that a cell that never ends does not stop the knobs.
 */
import { modules } from "virtual:modules";
import { CellSyntaxError, compile } from "./compile.ts";
import { inspect } from "./inspect.ts";
import type { CellOutput, Reply, Request } from "./messages.ts";
import { onDisplay } from "./node-module.ts";

type Loaders = Readonly<Record<string, (() => Promise<Record<string, unknown>>) | undefined>>;

const post = self.postMessage.bind(self) as (reply: Reply) => void;
const now = performance.now.bind(performance);
/** Characters of output that one cell may show; a loop that prints without end is cut off here, not by the browser. */
const MOST = 200_000;

let running: { readonly id: number; written: number; pending: string; flushed: number } | undefined;

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if (data.type === "draw") void draw(data);
  else void run(data);
});
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  write(`Unhandled: ${inspect(event.reason)}\n`);
});

/** The newest request wins: while one figure is drawn, a drag has asked for ten more. */
let waiting: Extract<Request, { type: "draw" }> | undefined;
let drawing = false;
const warm = new Set<string>();

async function draw(request: Extract<Request, { type: "draw" }>): Promise<void> {
  waiting = request;
  if (drawing) return;
  drawing = true;
  while (waiting) {
    const { id, concept, figure, settings }: Extract<Request, { type: "draw" }> = waiting;
    waiting = undefined;
    try {
      const [{ figures }, { svg }] = await Promise.all([use(`figures/${concept}`), use("jupyter")]);
      const begun = now();
      const { draw } = (figures as Record<string, { draw(settings: unknown): { description?: string } }>)[figure]!;
      const spec = draw(settings);
      const picture = (svg as (spec: unknown) => string)(spec);
      post({ type: "drawn", id, svg: picture, description: spec.description ?? "", milliseconds: now() - begun });
      // The first picture teaches the compiler: a few more in silence, while nobody waits, and the first drag is fast.
      for (let i = 0; i < 4 && !warm.has(figure); i++) {
        await new Promise((resolve) => setTimeout(resolve));
        if (waiting) break;
        (svg as (spec: unknown) => string)(draw(settings));
      }
      warm.add(figure);
    } catch (error) {
      post({ type: "done", id, error: { message: String(error), line: undefined }, milliseconds: 0 });
    }
    // A turn of the event loop, so that newer requests arrive.
    await new Promise((resolve) => setTimeout(resolve));
  }
  drawing = false;
}

/** A module of the library by its subpath; vega comes along with the modules that draw. */
async function use(subpath: string): Promise<Record<string, unknown>> {
  const load = (modules as Loaders)[subpath];
  if (!load) throw new Error(`there is no "runnable-ml/${subpath}" here`);
  if (subpath === "jupyter") await import("./vega.ts");
  return load();
}

async function run({ id, name, code }: Extract<Request, { type: "run" }>): Promise<void> {
  const begun = now();
  running = { id, written: 0, pending: "", flushed: begun };
  let url = "";
  try {
    const compiled = compile(code);
    for (const variable of compiled.names) {
      // A property of its own, whatever the worker's global object has under this name.
      const value = Object.getOwnPropertyDescriptor(globalThis, variable)?.value;
      Object.defineProperty(globalThis, variable, { value, writable: true, configurable: true, enumerable: true });
    }
    url = URL.createObjectURL(new Blob([`${compiled.code}\n//# sourceURL=${name}`], { type: "text/javascript" }));
    await import(/* @vite-ignore */ url);
    flush();
    post({ type: "done", id, milliseconds: now() - begun });
  } catch (error) {
    flush();
    post({ type: "done", id, error: explained(error, name, url), milliseconds: now() - begun });
  } finally {
    URL.revokeObjectURL(url);
  }
}

function explained(error: unknown, name: string, url: string): { message: string; line: number | undefined } {
  if (error instanceof CellSyntaxError) return { message: `SyntaxError: ${error.message}`, line: error.line };
  if (!(error instanceof Error)) return { message: `Thrown: ${inspect(error)}`, line: undefined };
  const frames = error.stack ?? "";
  const at = [name, url].filter(Boolean).map((place) => {
    const start = frames.indexOf(`${place}:`);
    return start < 0 ? undefined : Number(/^\d+/.exec(frames.slice(start + place.length + 1))?.[0]);
  });
  return { message: `${error.name}: ${error.message}`, line: at.find((line) => line !== undefined) };
}

function output(piece: CellOutput): void {
  if (!running) return;
  flush();
  post({ type: "output", id: running.id, output: piece });
}

function write(text: string): void {
  if (!running || running.written > MOST) return;
  running.written += text.length;
  running.pending += running.written > MOST ? `${text}… and more: the rest of this cell's output is left out.\n` : text;
  if (now() - running.flushed > 50) flush();
}

function flush(): void {
  if (!running) return;
  running.flushed = now();
  if (running.pending === "") return;
  post({ type: "output", id: running.id, output: { kind: "text", text: running.pending } });
  running.pending = "";
}

onDisplay((bundle, line) => {
  const svg = bundle["image/svg+xml"];
  const html = bundle["text/html"];
  if (line) output({ kind: "line", text: String(bundle["text/plain"]) });
  else if (typeof svg === "string") output({ kind: "figure", svg, description: String(bundle["text/plain"]) });
  else if (typeof html === "string") output({ kind: "html", html });
  else write(`${String(bundle["text/plain"])}\n`);
});

const print = (...values: readonly unknown[]) => write(`${values.map((value) => inspect(value)).join(" ")}\n`);
for (const method of ["log", "info", "debug", "warn", "error", "table", "dir"] as const) {
  console[method] = print;
}

Object.assign(globalThis, {
  async __use(specifier: string) {
    const subpath = /^runnable-ml\/(.+)$/.exec(specifier)?.[1];
    if (subpath !== undefined && (modules as Loaders)[subpath]) return use(subpath);
    throw new Error(`"${specifier}" cannot be imported in the page: only the modules of runnable-ml are here.`);
  },
  __last(value: unknown) {
    if (value !== undefined && !(value instanceof Promise)) print(value);
  },
});

post({ type: "ready" });
