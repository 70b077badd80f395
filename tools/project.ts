/** What the commands share: paths, running programs, one-line failures, names that match a pattern. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { distance } from "fastest-levenshtein";

export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/[/\\]$/, "");
export const windows = process.platform === "win32";

/** A failure that a line explains: the message says what is wrong and what to do. */
export class Stop extends Error {}

/** Runs a command's main function; a `Stop` becomes one line on stderr and exit code 1. */
export async function main(body: (args: string[]) => Promise<number | undefined> | number | undefined): Promise<void> {
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    console.error(`runnable-ml: ${error.message}`);
    process.exitCode = 1;
  }
}

export interface Run {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs a program without a shell, stdout and stderr together.
 *
 * @param show whether its output is passed through as it comes
 */
export function run(
  program: string,
  args: readonly string[],
  {
    show = false,
    env = {},
    cwd = root,
    onLine,
  }: { show?: boolean; env?: NodeJS.ProcessEnv; cwd?: string; onLine?: (line: string) => void } = {},
): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let rest = "";
    const take = (chunk: Buffer) => {
      output += chunk;
      if (show) process.stdout.write(chunk);
      if (!onLine) return;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      lines.forEach(onLine);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => resolve({ code: 127, output: error.message }));
    child.on("close", (code) => {
      if (rest && onLine) onLine(rest);
      resolve({ code: code ?? 1, output });
    });
  });
}

export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

/** Files below a folder of the project, as paths from its root with forward slashes, sorted. */
export function filesBelow(folder: string, ending = ""): string[] {
  let entries: import("node:fs").Dirent[];
  try {
    entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  } catch {
    return [];
  }
  return entries
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith(ending) && !entry.parentPath.includes(".ipynb_checkpoints"),
    )
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}

export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Writes a file whole or not at all: under a temporary name first, then renamed. */
export function writeWhole(path: string, text: string): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(`${target}.tmp`, text);
  renameSync(`${target}.tmp`, target);
}

/** The names that contain the pattern, all of them without one; `Stop` with the nearest names when there is none. */
export function matching(names: readonly string[], pattern: string | undefined, what = "concept"): string[] {
  const found = pattern === undefined ? [...names] : names.filter((name) => name.includes(pattern));
  if (found.length > 0 || pattern === undefined) return found;
  throw new Stop(`no ${what} matches "${pattern}". Nearest: ${nearest(names, pattern).join(", ")}.`);
}

/** The three names nearest to a misspelt one, by edit distance to the whole name or to its last part. */
export function nearest(names: readonly string[], wrong: string): string[] {
  const apart = (name: string) =>
    Math.min(distance(wrong, name), distance(wrong.split("/").at(-1)!, name.split("/").at(-1)!));
  return [...names].sort((a, b) => apart(a) - apart(b)).slice(0, 3);
}
