/** TypeScript as HTML: a span with a one-letter class for each token; the colours are in the style sheet. */
import { createCssVariablesTheme, createHighlighter } from "shiki";

const theme = createCssVariablesTheme({ name: "variables", variablePrefix: "--" });
const highlighter = await createHighlighter({ langs: ["typescript", "python", "bash", "json"], themes: [theme] });

/** What shiki calls a token → class. */
const CLASSES: Readonly<Record<string, string>> = {
  "token-keyword": "k",
  "token-string": "s",
  "token-string-expression": "s",
  "token-comment": "c",
  "token-constant": "n",
  "token-function": "f",
  "token-parameter": "p",
};

/** Lines of highlighted code, each one HTML. */
export function highlightLines(code: string, language = "typescript"): string[] {
  const lang = highlighter.getLoadedLanguages().includes(language) ? language : "text";
  return highlighter
    .codeToTokensBase(code, { lang: lang as "typescript", theme: "variables" as never })
    .map((tokens) => {
      const merged: { text: string; token: string | undefined }[] = [];
      for (const { content, color } of tokens) {
        const token = CLASSES[/var\(--([a-z-]+)\)/.exec(color ?? "")?.[1] ?? ""];
        const last = merged.at(-1);
        if (last && (last.token === token || content.trim() === "")) last.text += content;
        else merged.push({ text: content, token });
      }
      return merged
        .map(({ text, token }) => (token ? `<span class="${token}">${escapeHtml(text)}</span>` : escapeHtml(text)))
        .join("");
    });
}

export function highlight(code: string, language = "typescript"): string {
  return highlightLines(code, language).join("\n");
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
