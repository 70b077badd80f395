/** The site in a real browser: what a reader does, and that nothing leaves the origin and nothing complains meanwhile. */
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readNote } from "../../tools/note.ts";
import { root as project } from "../../tools/project.ts";
import { serve } from "../prepare/serve.ts";
import { openPage, startBrowser } from "./browser.ts";
import { findBrowser } from "./find-browser.ts";
import { concepts, folder, pagesOf, subFolder } from "./site.ts";

const K_MEANS = "classical-ml/k-means/";
const SOFTMAX = "training-fundamentals/cross-entropy-and-softmax/";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(!findBrowser())("in a browser", () => {
  let browser: Browser;
  let servers: Server[];
  let root: string;
  let sub: string;

  beforeAll(async () => {
    const [atRoot, below] = [await serve(folder, "/", 0), await serve(subFolder, "/sub/path/", 0)];
    [root, sub, servers] = [atRoot.url, below.url, [atRoot.server, below.server]];
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    for (const server of servers ?? []) {
      server.closeAllConnections();
      server.close();
    }
  });

  test("no page complains, asks another server or is wider than a phone of 360 px", { timeout: 600_000 }, async () => {
    const paths = (site: string) => pagesOf(site).map((path) => path.replace(/index\.html$/, ""));
    // Below a path: a page of each kind; where the links of all the others lead is tested in their files.
    const below = ["", "map/", "404.html", SOFTMAX, `${SOFTMAX}implementation/`];
    for (const [base, all] of [
      [root, paths(folder)],
      [sub, below],
    ] as const) {
      await side(4, all, async (next) => {
        const { page, foreign, complaints } = await openPage(browser, base, { viewport: { width: 360, height: 740 } });
        for (const path of next) {
          await page.goto(base + path, { waitUntil: "load" });
          await page.waitForTimeout(50);
          expect(foreign, path).toEqual([]);
          expect(complaints, path).toEqual([]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360);
        }
        await page.close();
      });
    }
  });

  describe("the search", () => {
    test.each([
      ["svd", "linear-algebra/svd-and-pca"],
      ["pca", "linear-algebra/svd-and-pca"],
      ["kv cache", "llm-internals/kv-cache"],
      ["why divide by sqrt d", "deep-learning-foundations/attention"],
      ["kmeens", "classical-ml/k-means"],
    ])("/ then %s", async (question, name) => {
      // The note's own page; only while there is none, its place in the list.
      const target = concepts.some((concept) => concept.name === name) ? `${root}${name}/` : `${root}#${name}`;
      const { page, complaints } = await openPage(browser, root + K_MEANS);
      // Typed at once, as by somebody who knows the way: nothing of it may be lost while the search is loaded.
      await page.keyboard.type(`/${question}`);
      await page.locator("#search-results li").first().waitFor();
      await page.waitForTimeout(150);
      const links = await page
        .locator("#search-results li a")
        .evaluateAll((all) => all.slice(0, 3).map((link) => (link as HTMLAnchorElement).href));
      expect(links.map((link) => (link.startsWith(`${target}#`) ? target : link))).toContain(target);
      expect(complaints).toEqual([]);
      await page.close();
    });

    test("Ctrl+K opens it too, arrows and Enter go to a result, Escape closes it", async () => {
      const { page } = await openPage(browser, root);
      await page.keyboard.press("Control+k");
      await page.locator("dialog.search input").waitFor();
      await page.keyboard.press("Escape");
      await expect.poll(() => page.locator("dialog.search").isVisible()).toBe(false);
      await page.keyboard.press("/");
      await page.keyboard.type("pca");
      await page.locator("#search-results [aria-selected=true]").waitFor();
      await page.keyboard.press("ArrowDown");
      expect(await page.locator("#search-results li").nth(1).getAttribute("aria-selected")).toBe("true");
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Enter");
      await page.waitForURL(/svd-and-pca/);
      await page.close();
    });

    test("/ in a field is a letter", async () => {
      const { page } = await openPage(browser, root);
      await page.locator(".filters input[type=search]").focus();
      await page.keyboard.type("a/b");
      expect(await page.locator(".filters input[type=search]").inputValue()).toBe("a/b");
      await page.close();
    });
  });

  test("the list is filtered while typing, by category and by difficulty", async () => {
    const { page } = await openPage(browser, root);
    const shown = () => page.locator(".entry:visible").count();
    expect(await shown()).toBe(124);
    await page.locator(".filters [name=text]").fill("attention");
    expect(await shown()).toBeGreaterThan(5);
    expect(await shown()).toBeLessThan(40);
    await page.locator(".filters [name=text]").fill("");
    await page.locator(".filters [name=category]").selectOption("linear-algebra");
    expect(await shown()).toBe(6);
    await page.locator(".filters [name=category]").selectOption("");
    await page.locator(".filters [name=written]").check();
    expect(await shown()).toBe(concepts.length);
    await page.locator(".filters [name=difficulty]").selectOption("1");
    expect(await shown()).toBe(concepts.filter(({ difficulty }) => difficulty === 1).length);
    await page.close();
  });

  describe.concurrent.each(concepts.map(({ name }) => name))("%s", (name) => {
    test("every knob of every figure redraws it, in a worker", async ({ expect }) => {
      const { page, foreign, complaints } = await openPage(browser, `${root}${name}/`);
      const data = concepts.find((concept) => concept.name === name)!;
      for (const [i, figure] of data.figures.entries()) {
        if (i > 0) await page.locator(`[data-shows="${figure.id}"]`).click();
        else await page.locator(".figures .paper").first().hover();
        const plot = page.locator(`[data-figure="${figure.id}"] .plot`);
        const drawn = () => plot.evaluate((element) => (element as HTMLElement).dataset.drawn ?? "0");
        await expect.poll(drawn, { timeout: 20_000 }).not.toBe("0");
        for (const [id, knob] of Object.entries(figure.knobs)) {
          const [before, count] = [await plot.innerHTML(), await drawn()];
          const input = page.locator(`[data-figure="${figure.id}"] [data-knob="${id}"]`);
          if ("options" in knob) await input.selectOption(knob.options.find((option) => option !== knob.value)!);
          else await input.fill(String(knob.value === knob.max ? knob.min : knob.max));
          await expect.poll(drawn, { timeout: 20_000 }).not.toBe(count);
          const plain = (svg: string) => svg.replace(/[fd]\d+-/g, "");
          expect(plain(await plot.innerHTML()), `${figure.id}, ${id}`).not.toBe(plain(before));
          expect((await plot.getAttribute("aria-label"))!.length).toBeGreaterThan(40);
          await page.locator(`[data-figure="${figure.id}"] [data-reset]`).click();
          await expect.poll(() => page.locator(`[data-figure="${figure.id}"] [data-reset]`).isVisible()).toBe(false);
        }
      }
      expect(foreign).toEqual([]);
      expect(complaints).toEqual([]);
      await page.close();
    });

    // Some cells train for ten seconds on a quiet machine.
    test("every cell runs here and shows what the notebook shows", { timeout: 180_000 }, async ({ expect }) => {
      const { page, foreign, complaints } = await openPage(browser, `${root}${name}/`);
      const outputs = () =>
        page
          .locator(".cell-output")
          .evaluateAll((all) => all.map((place) => (place as HTMLElement).innerText.replace(/\s+/g, " ").trim()));
      const pictures = () =>
        page
          .locator(".cell-output")
          .evaluateAll((all) => all.map((place) => [...place.querySelectorAll("img")].map(({ alt }) => alt)));
      const [executed, drawn] = [await outputs(), await pictures()];
      const broken = await page.locator(".cell-output img").evaluateAll(async (images) => {
        const read = (images as HTMLImageElement[]).map((image) => {
          image.loading = "eager";
          return image.decode().then(
            () => [],
            () => [image.src],
          );
        });
        return (await Promise.all(read)).flat();
      });
      expect(broken).toEqual([]);
      await page.locator(".note-cell .run").last().click();
      const last = page.locator(".note-cell").last();
      await expect
        .poll(() => last.locator(".cell-status").innerText(), { timeout: 150_000 })
        .toMatch(/^[\d.]+ m?s$|failed/);
      expect(await page.locator("pre.error").allInnerTexts()).toEqual([]);
      const data = concepts.find((concept) => concept.name === name)!;
      if (data.notebookState === "fresh") {
        const now = await outputs();
        const flags = readNote(project, name).pieces.flatMap(({ kind, flags }) => (kind === "cell" ? [flags] : []));
        for (const [i, text] of executed.entries()) {
          // Of times only the words are the same in another run.
          const same = flags[i]!.includes("varies") ? wordsOf : rounded;
          expect(same(now[i]!), `cell ${i + 1}`).toEqual(same(text));
        }
        expect(await pictures()).toEqual(drawn);
      }
      expect(foreign).toEqual([]);
      expect(complaints).toEqual([]);
      await page.close();
    });
  });

  test("below a path knobs, cells and the search work too", async () => {
    const { page, foreign, complaints } = await openPage(browser, sub + SOFTMAX);
    await page.locator(".knob input").first().fill("2");
    const drawn = () => page.locator(".plot").first().getAttribute("data-drawn");
    await expect.poll(drawn, { timeout: 20_000 }).not.toBeNull();
    await page.locator(".note-cell .run").nth(1).click();
    await expect.poll(() => page.locator(".cell-status").nth(1).innerText(), { timeout: 20_000 }).toMatch(/ms$/);
    await page.keyboard.press("/");
    await page.keyboard.type("pca");
    await page.locator("#search-results [aria-selected=true]").waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(`${sub}linear-algebra/svd-and-pca/**`);
    expect([...foreign, ...complaints]).toEqual([]);
    await page.close();
  });

  test("a drag at the defaults redraws in the worker; times are printed", async () => {
    for (const { name, figures } of spread(concepts, 6)) {
      const { page } = await openPage(browser, `${root}${name}/`);
      const [figure] = figures;
      const plot = page.locator(".plot").first();
      const input = page.locator(`[data-figure="${figure!.id}"] input[type=range]`).first();
      if ((await input.count()) === 0) continue;
      await input.focus();
      const drawn = () => plot.evaluate((element) => Number((element as HTMLElement).dataset.drawn ?? 0));
      await expect.poll(drawn, { timeout: 20_000 }).toBeGreaterThan(0);
      const times: number[] = [];
      // One step away from where the knob stands at first, towards the side that has room, and back.
      const there = await input.evaluate((knob: HTMLInputElement) => knob.value !== knob.max);
      for (let i = 0; i < 8; i++) {
        const before = await drawn();
        await page.keyboard.press(there === (i % 2 === 0) ? "ArrowRight" : "ArrowLeft");
        await expect.poll(drawn, { interval: 5 }).toBeGreaterThan(before);
        times.push(Number(await plot.getAttribute("data-milliseconds")));
      }
      const [, , , , median] = times.sort((a, b) => a - b);
      console.log(`${name}: ${figure!.id} redrawn in ${median!.toFixed(0)} ms (median of ${times.length})`);
      await page.close();
    }
  });

  describe("a cell", () => {
    const write = async (page: Page, n: number, text: string) => {
      const cell = page.locator(".note-cell").nth(n);
      if (await cell.locator("[data-do=edit]").isVisible()) await cell.locator("[data-do=edit]").click();
      const editor = cell.locator(".editor .cm-content");
      await editor.click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(text);
      return cell;
    };

    test("is edited, run by keyboard, fails with its line, is reset", async () => {
      const { page, complaints } = await openPage(browser, root + SOFTMAX);
      const original = await page.locator(".note-cell").first().locator("pre.code").innerText();
      const cell = await write(page, 0, 'const answer: number = 6 * 7;\nconsole.log("the answer", answer, [1.5, 2]);');
      await page.keyboard.press("Control+Enter");
      await expect.poll(() => cell.locator(".cell-output").innerText()).toContain("the answer 42 [ 1.5, 2 ]");
      await write(page, 0, 'const a = 1;\n\nfunction g(): never {\n  throw new RangeError("too much");\n}\ng();');
      await page.keyboard.press("Control+Enter");
      await expect
        .poll(() => cell.locator("pre.error").innerText())
        .toMatch(/RangeError: too much\s+at line 4 of cell 1/);
      await write(page, 0, "const a = 1;\nconst b = ;");
      await page.keyboard.press("Control+Enter");
      await expect.poll(() => cell.locator("pre.error").innerText()).toMatch(/SyntaxError: .*\s+at line 2 of cell 1/);
      await write(page, 0, 'import { nothing } from "left-pad";');
      await page.keyboard.press("Control+Enter");
      await expect
        .poll(() => cell.locator("pre.error").innerText())
        .toContain('"left-pad" cannot be imported in the page');
      await cell.locator("[data-do=reset]").click();
      expect(await cell.locator("pre.code").innerText()).toBe(original);
      expect(await cell.locator("pre.error").count()).toBe(0);
      expect(complaints).toEqual([]);
      await page.close();
    });

    test("that never ends is stopped, and the next one runs", async () => {
      const { page } = await openPage(browser, root + SOFTMAX);
      const cell = await write(page, 0, "for (let i = 0; ; i++) if (i % 1e7 === 0) console.log(i);");
      await cell.locator(".run").click();
      await expect.poll(() => cell.locator(".cell-output").innerText()).toContain("10000000");
      // The page lives meanwhile.
      await page.locator(".theme-button:visible").click();
      await cell.locator("[data-do=stop]").click();
      await expect.poll(() => cell.locator(".cell-status").innerText()).toContain("stopped");
      await write(page, 0, 'console.log("again");');
      await page.keyboard.press("Control+Enter");
      await expect.poll(() => cell.locator(".cell-output").innerText()).toContain("again");
      await page.close();
    });

    test("that trains shows how far it is, in one line", async () => {
      const { page } = await openPage(browser, root + SOFTMAX);
      const text =
        'import { progress } from "runnable-ml/jupyter";\nconsole.log("start");\n' +
        "for (let i = 1; i <= 30; i++) { await progress('step ' + i); await new Promise((go) => setTimeout(go, 50)); }\n" +
        'console.log("end");';
      const cell = await write(page, 0, text);
      await page.keyboard.press("Control+Enter");
      const lines = async () => (await cell.locator(".cell-output").innerText()).split(/\n+/).filter(Boolean);
      await expect
        .poll(lines, { interval: 20, timeout: 20_000 })
        .toEqual(["start", expect.stringMatching(/^step \d$/)]);
      await expect.poll(lines, { timeout: 20_000 }).toEqual(["start", "step 30", "end"]);
      await page.close();
    });

    test("has no network: the policy of the page holds in its worker", async () => {
      const { page, foreign } = await openPage(browser, root + SOFTMAX);
      const cell = await write(
        page,
        0,
        'await fetch("https://example.org/").catch((error) => console.log("refused:", error.name));',
      );
      await page.keyboard.press("Control+Enter");
      await expect.poll(() => cell.locator(".cell-output").innerText()).toContain("refused: TypeError");
      await write(
        page,
        0,
        'await import("https://example.org/a.js").catch((error) => console.log("refused:", error.name));',
      );
      await page.keyboard.press("Control+Enter");
      await expect.poll(() => cell.locator(".cell-output").innerText()).toContain("refused:");
      expect(foreign).toEqual([]);
      await page.close();
    });

    test("shows matrices and tables, and an endless print is cut off", async () => {
      const { page } = await openPage(browser, root + SOFTMAX);
      const cell = await write(
        page,
        0,
        'import { show } from "runnable-ml/jupyter";\nimport { matrix } from "runnable-ml/lib/matrix";\nshow(matrix([[1, 2], [3, 4]]));\nshow([{ k: 2, loss: 0.5 }]);\nfor (let i = 0; i < 1e5; i++) console.log("line", i);',
      );
      await page.keyboard.press("Control+Enter");
      await expect
        .poll(() => cell.locator(".cell-output").innerText(), { timeout: 20_000 })
        .toContain("the rest of this cell's output is left out");
      expect(await cell.locator("table").count()).toBe(2);
      await page.close();
    });
  });

  test("the map is walked by arrow keys and lists what to read before", async () => {
    const { page, complaints } = await openPage(browser, `${root}map/`);
    await page.locator(".map-tools select").selectOption("linear-algebra/svd-and-pca");
    const steps = await page.locator(".route li").allInnerTexts();
    expect(steps.at(-1)).toBe("SVD and PCA");
    expect(steps.length).toBe(1 + needed("linear-algebra/svd-and-pca").size);
    await page.locator('.node[data-name="linear-algebra/svd-and-pca"]').focus();
    await page.keyboard.press("ArrowLeft");
    const focused = await page.evaluate(() => (document.activeElement as HTMLElement).dataset.name);
    expect(needed("linear-algebra/svd-and-pca")).toContain(focused);
    await page.keyboard.press("Enter");
    await page.waitForURL(new RegExp(`${focused}/$`));
    expect(complaints).toEqual([]);
    await page.close();
  });

  describe.each(["light", "dark"] as const)("%s", (colorScheme) => {
    test.each(["", "map/", ...spread(concepts, 4).map(({ name }) => `${name}/`)])(
      "axe finds nothing serious on /%s",
      async (path) => {
        const { page } = await openPage(browser, root + path, { colorScheme });
        expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(colorScheme);
        await page.evaluate(axe);
        const found = await page.evaluate(async () => {
          const { violations } = await (
            globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
          ).axe.run();
          return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(
              ({ id, nodes }) =>
                `${id}: ${nodes
                  .slice(0, 3)
                  .map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 240)}`)
                  .join(" | ")}`,
            );
        });
        expect(found).toEqual([]);
        await page.close();
      },
    );
  });

  test("by keyboard alone: to the content, a knob, a cell edited, run, left, stopped", async () => {
    const { page, complaints } = await openPage(browser, root + K_MEANS);
    const focused = () =>
      page.evaluate(() => {
        const element = document.activeElement as HTMLElement;
        const name = element.getAttribute("aria-label") ?? (element as HTMLInputElement).labels?.[0]?.textContent;
        return { name: name ?? element.textContent!.trim(), outline: getComputedStyle(element).outlineStyle };
      });
    /** Tab until the focus is on something of this name; every stop on the way can be seen and has a name. */
    const tabTo = async (wanted: string) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press("Tab");
        const { name, outline } = await focused();
        expect(name).not.toBe("");
        expect(outline, name).not.toBe("none");
        if (name === wanted) return;
      }
      expect.fail(`Tab does not come to ${wanted}`);
    };
    await tabTo("Skip to content");
    await page.keyboard.press("Enter");
    const plot = page.locator(".plot").first();
    const before = await plot.getAttribute("aria-label");
    await tabTo("half-step");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => plot.getAttribute("aria-label"), { timeout: 20_000 }).not.toBe(before);
    await tabTo("Run cell 1");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator(".note-cell .editor").first().waitFor();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText("for (;;);");
    await page.keyboard.press("Control+Enter");
    await page.locator("[data-do=stop]").waitFor();
    await page.keyboard.press("Escape");
    expect((await focused()).name).toBe("Stop cell 1");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(".cell-status").first().innerText()).toContain("stopped");
    expect((await focused()).name).toBe("Run cell 1");
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("figures follow the theme: drawn ones, executed ones, and all of them are printed on white", async () => {
    const { page } = await openPage(browser, root + K_MEANS, { colorScheme: "dark" });
    const lightness = (rgb: string) => Math.max(...rgb.match(/\d+/g)!.map(Number));
    const label = () =>
      page
        .locator(".plot .role-axis-label text")
        .first()
        .evaluate((text) => getComputedStyle(text).fill);
    const paper = () =>
      page
        .locator(".paper")
        .first()
        .evaluate((element) => getComputedStyle(element).backgroundColor);
    expect(lightness(await label())).toBeGreaterThan(200);
    expect(lightness(await paper())).toBeLessThan(60);
    // A picture in a file has no style of this page: its corner is looked at.
    const picture = page.locator(".cell-output img").first();
    await picture.scrollIntoViewIfNeeded();
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.complete)).toBe(true);
    const corner = () =>
      picture.evaluate((image: HTMLImageElement) => {
        const { colorScheme } = getComputedStyle(image);
        return [colorScheme, image.naturalWidth > 100] as const;
      });
    expect(await corner()).toEqual(["dark", true]);
    await page.locator(".theme-button:visible").click();
    expect(lightness(await label())).toBeLessThan(60);
    expect(lightness(await paper())).toBe(255);
    expect(await corner()).toEqual(["light", true]);
    await page.locator(".theme-button:visible").click();
    await page.emulateMedia({ media: "print" });
    expect(lightness(await label())).toBeLessThan(60);
    expect(lightness(await paper())).toBe(255);
    expect(await corner()).toEqual(["light", true]);
    await page.close();
  });

  test("without scripts a concept can be read: text, formulas, outputs, the figure", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(root + SOFTMAX);
    expect(await page.locator(".katex").count()).toBeGreaterThan(10);
    expect(await page.locator(".plot svg").first().isVisible()).toBe(true);
    expect(await page.locator(".cell-output").count()).toBeGreaterThan(3);
    await context.close();
  });

  test("a page stores no cookie, and nothing else but the choice of light or dark", async () => {
    const { page } = await openPage(browser, root + K_MEANS);
    await page.locator(".theme-button:visible").click();
    expect(await page.context().cookies()).toEqual([]);
    expect(await page.evaluate(() => Object.keys(localStorage))).toEqual(["starlight-theme"]);
    await page.close();
  });

  test("a concept page is readable within a second on a slow processor; times are printed", async () => {
    for (const { name } of spread(concepts, 6)) {
      // The best of three: other work on the machine is not the page's.
      let readable = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 3 && readable > 800; i++) {
        const page = await browser.newPage();
        const client = await page.context().newCDPSession(page);
        await client.send("Emulation.setCPUThrottlingRate", { rate: 4 });
        await page.goto(`${root}${name}/`, { waitUntil: "load" });
        const painted = await page.evaluate(
          () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.POSITIVE_INFINITY,
        );
        readable = Math.min(readable, painted);
        await page.close();
      }
      console.log(`${name}: readable after ${readable.toFixed(0)} ms at 4× CPU throttling`);
      expect(readable, name).toBeLessThanOrEqual(1000);
    }
  });
});

/** So many of them, evenly chosen. */
function spread<T>(all: readonly T[], n: number): T[] {
  return all.filter((_, i) => Math.floor((i * n) / all.length) !== Math.floor(((i - 1) * n) / all.length));
}

/** So many workers side by side, which take the items one by one. */
async function side<T>(
  workers: number,
  items: readonly T[],
  work: (next: Iterable<T>) => Promise<void>,
): Promise<void> {
  const next = items[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: workers }, () => work({ [Symbol.iterator]: () => ({ next: () => next.next() }) })),
  );
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** All that a concept builds on, directly or not. */
function needed(name: string, found = new Set<string>()): Set<string> {
  for (const before of concepts.find((concept) => concept.name === name)?.buildsOn ?? []) {
    if (found.has(before.name)) continue;
    found.add(before.name);
    needed(before.name, found);
  }
  return found;
}

/** Text without its numbers and the spaces that align them. */
function wordsOf(text: string): string {
  return text.replace(/-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/gi, "#").replace(/\s+/g, "");
}

/** Text with its numbers to six digits, and those that are nothing but rounding as one word: processors round in their own ways. */
function rounded(text: string): string {
  return text.replace(/-?\d+(?:\.\d+)?e[+-]?\d+|-?\d+\.\d+/g, (number) =>
    Number(number) !== 0 && Math.abs(Number(number)) < 1e-12 ? "tiny" : Number(number).toPrecision(6),
  );
}
