/** The browser of the tests, and what a page did that it should not. */
import { type Browser, chromium, type Page } from "playwright-core";
import { findBrowser } from "./find-browser.ts";

const ARGUMENTS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

/** With a fresh profile of its own, which is deleted with it. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser()!, args: ARGUMENTS.split(" ") });
}

export interface Watched {
  readonly page: Page;
  /** addresses asked for outside the origin */
  readonly foreign: string[];
  /** errors and warnings of the console, exceptions, refusals by the policy, failed requests */
  readonly complaints: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<Watched> {
  const page = await browser.newPage(options);
  const { origin } = new URL(url);
  const foreign: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    const address = request.url();
    if (/^(?:https?|wss?):/.test(address) && new URL(address).origin !== origin) foreign.push(address);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(url, { waitUntil: "load" });
  return { page, foreign, complaints };
}
