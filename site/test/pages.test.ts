/** The built files: what is listed, where links lead, what the policy says, what the search finds. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import MiniSearch from "minisearch";
import { describe, expect, test } from "vitest";
import { PLANNED } from "../../tools/planned.ts";
import { ask } from "../src/client/ask.ts";
import { type SearchDocument, searchOptions } from "../src/client/search-options.ts";
import { concepts, folder, pagesOf, subFolder } from "./site.ts";

const read = (site: string, path: string) => readFileSync(join(site, path), "utf8");

describe.each([
  ["at the root", folder, "/"],
  ["below a path", subFolder, "/sub/path/"],
])("%s", (_, site, base) => {
  const pages = pagesOf(site);
  const ids = new Map(
    pages.map((page) => [page, new Set([...read(site, page).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!))]),
  );

  test("every link inside the site leads somewhere, to the very place it names", () => {
    const dead: string[] = [];
    for (const page of pages) {
      for (const [, target] of read(site, page).matchAll(/ (?:href|src)="([^"]*)"/g)) {
        if (/^(?:https?|data|mailto):/.test(target!)) continue;
        const url = new URL(target!.replaceAll("&#38;", "&"), `http://site${base}${page.replace(/index\.html$/, "")}`);
        if (!url.pathname.startsWith(base)) {
          dead.push(`${page}: ${target} leaves the site`);
          continue;
        }
        const path = decodeURIComponent(url.pathname.slice(base.length));
        const file = path === "" || path.endsWith("/") ? `${path}index.html` : path;
        if (!existsSync(join(site, file))) dead.push(`${page}: ${target} is not there`);
        const hash = decodeURIComponent(url.hash.slice(1));
        if (hash && ids.has(file) && !ids.get(file)!.has(hash)) dead.push(`${page}: ${target} has no such place`);
      }
    }
    expect(dead).toEqual([]);
  });

  test("nothing is loaded from anywhere else, and no address of another server stands in a script or a style", () => {
    for (const page of pages) {
      const html = read(site, page);
      expect(html.match(/<(?:script|img|iframe|source|video)[^>]* src="https?:[^"]*"/g), page).toBeNull();
      expect(
        html.match(/<link[^>]*rel="(?:stylesheet|preload|modulepreload|icon)"[^>]*href="https?:[^"]*"/g),
        page,
      ).toBeNull();
    }
  });

  test("no page loads more than 150 KB of script before something is touched", () => {
    const sizes = new Map<string, number>();
    /** A script and all that it imports at once. */
    const load = (path: string, loaded: Map<string, number>): void => {
      if (loaded.has(path)) return;
      const text = read(site, path);
      loaded.set(path, Buffer.byteLength(text));
      for (const [, target] of text.matchAll(/(?:\bfrom|\bimport)\s*["'](\.{1,2}\/[^"']+)["']/g))
        load(join(dirname(path), target!), loaded);
    };
    for (const page of pages) {
      const loaded = new Map<string, number>();
      for (const [, src, inline] of read(site, page).matchAll(
        /<script(?: [^>]*?src="([^"]+)")?[^>]*>([\s\S]*?)<\/script>/g,
      )) {
        if (src) load(src.slice(base.length), loaded);
        else loaded.set(`inline ${loaded.size}`, Buffer.byteLength(inline!));
      }
      sizes.set(
        page,
        [...loaded.values()].reduce((sum, size) => sum + size, 0),
      );
    }
    const [worst] = [...sizes].sort((a, b) => b[1] - a[1]);
    console.log(`${base}: at most ${(worst![1] / 1000).toFixed(1)} kB of script (${worst![0]})`);
    expect(worst![1], worst![0]).toBeLessThanOrEqual(150_000);
    expect(worst![1]).toBeGreaterThan(5_000);
  });

  test("every page has a policy without eval and without inline scripts that it does not name", () => {
    for (const page of pages) {
      const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(read(site, page))?.[1];
      expect(policy, page).toMatch(/default-src 'none'/);
      expect(policy, page).not.toMatch(/'unsafe-eval'|script-src[^;]*'unsafe-inline'|https?:/);
    }
  });
});

test("the list has all concepts, by category and alphabetical within it, the unwritten ones without a link", () => {
  const html = read(folder, "index.html");
  const written = new Set(concepts.map(({ name }) => name));
  const groups = html.split('<section class="group"').slice(1);
  const categories = [...new Set(Object.keys(PLANNED).map((name) => name.split("/")[0]!))];
  expect(groups).toHaveLength(categories.length);
  for (const [i, category] of categories.entries()) {
    const entries = [
      ...groups[i]!.matchAll(
        /<li id="([^"]+)"[\s\S]*?<p class="entry-title">\s*([\s\S]*?)<\/p>\s*<p class="entry-summary">([\s\S]*?)<\/p>/g,
      ),
    ];
    expect(entries.map(([, id]) => id).sort()).toEqual(
      Object.keys(PLANNED)
        .filter((name) => name.startsWith(`${category}/`))
        .sort(),
    );
    const titles = entries.map(([, , title]) =>
      title!
        .replace(/<span[\s\S]*$/, "")
        .replace(/<[^>]+>/g, "")
        .trim(),
    );
    expect(titles).toEqual([...titles].sort((a, b) => a.localeCompare(b, "en", { sensitivity: "base" })));
    for (const [, id, title, summary] of entries) {
      expect(title!.includes("<a "), id).toBe(written.has(id!));
      expect(summary!.length, id).toBeGreaterThan(30);
    }
  }
});

describe("the search", () => {
  const index = MiniSearch.loadJSON<SearchDocument>(read(folder, "search.json"), searchOptions);
  const found = (question: string) =>
    ask(index, question)
      .slice(0, 3)
      .map(({ id }) => id as string);
  test.each([
    ["svd", "linear-algebra/svd-and-pca"],
    ["pca", "linear-algebra/svd-and-pca"],
    ["kv cache", "llm-internals/kv-cache"],
    ["why divide by sqrt d", "deep-learning-foundations/attention"],
    ["kmeens", "classical-ml/k-means"],
    ["k-means", "classical-ml/k-means"],
    ["Softmax", "training-fundamentals/cross-entropy-and-softmax"],
    ["logsumexp", "training-fundamentals/cross-entropy-and-softmax"],
    ["crossEntropy", "training-fundamentals/cross-entropy-and-softmax"],
    ["kMeansSteps", "classical-ml/k-means"],
    ["atention", "deep-learning-foundations/attention"],
    ["gradient vanishes", "deep-learning-foundations/exploding-and-vanishing-gradients"],
    ["adam", "training-fundamentals/adam-and-adamw"],
  ])("%s: %s is among the first three", (question, name) => expect(found(question)).toContain(name));

  test("every exported function of every concept leads to its concept", () => {
    const lost = concepts.flatMap(({ name, exports }) =>
      exports
        .filter(({ kind }) => kind === "function")
        .filter((item) => !found(item.name).includes(name))
        .map((item) => `${item.name} (${name})`),
    );
    expect(lost).toEqual([]);
  });

  test("every title brings its concept first", () => {
    const lost = concepts.filter(({ title, name }) => found(title)[0] !== name).map(({ title }) => title);
    expect(lost).toEqual([]);
  });
});

describe.each(concepts)("$name", (data) => {
  test("every claim of the note is in its list with a state and a test", () => {
    const claims = [...data.body.matchAll(/<li id="claim-([^"]+)" class="claim ([\w-]+)">/g)];
    expect(claims).toHaveLength(data.claims.total);
    for (const [, , state] of claims) expect(["proven", "failed", "not-run"]).toContain(state);
    expect(data.body.match(/class="proof"/g)).toHaveLength(data.claims.total);
  });
  test("has a cell for each of the note's, its outputs, its figures and its exports", () => {
    expect(data.body.match(/<div class="note-cell" /g) ?? []).toHaveLength(data.cells.length);
    if (data.notebookState === "fresh") expect(data.body).not.toContain("Not executed yet");
    expect(data.figures.length).toBeGreaterThan(0);
    for (const { description } of data.figures) expect(description.length).toBeGreaterThan(40);
    expect(data.exports.length).toBeGreaterThan(0);
    expect(data.body).not.toContain("katex-error");
  });
});
