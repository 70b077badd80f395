/** The last touch to every page: a content security policy that allows what this very page needs, by hashes. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the policy into every page; @returns how many */
export function addPolicies(folder: string): number {
  const pages = (readdirSync(folder, { recursive: true }) as string[]).filter((path) => path.endsWith(".html"));
  for (const page of pages) {
    const path = join(folder, page);
    const html = readFileSync(path, "utf8");
    const policy = `<meta http-equiv="Content-Security-Policy" content="${policyOf(html)}">`;
    writeFileSync(path, html.replace(/<head>/, `<head>${policy}`));
  }
  return pages.length;
}

function policyOf(html: string): string {
  const scripts = inlineOf(html, /<script(?![^>]*\bsrc=)(?![^>]*type="application\/)[^>]*>([\s\S]*?)<\/script>/g);
  const styles = inlineOf(html, /<style[^>]*>([\s\S]*?)<\/style>/g);
  return [
    "default-src 'none'",
    // blob: a cell is a module that the page itself writes; wasm: the multiply kernel of the library. No eval.
    `script-src 'self' blob: 'wasm-unsafe-eval'${scripts}`,
    "worker-src 'self' blob:",
    `style-src-elem 'self'${styles}`,
    // KaTeX places its glyphs, and figures their text, by style attributes.
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "object-src 'none'",
  ].join("; ");
}

function inlineOf(html: string, pattern: RegExp): string {
  const texts = new Set([...html.matchAll(pattern)].map(([, text]) => text!));
  return [...texts].map((text) => ` 'sha256-${createHash("sha256").update(text).digest("base64")}'`).join("");
}
