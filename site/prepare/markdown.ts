/** A note as HTML: formulas by KaTeX, cells with their executed outputs, claims with their states, links inside the site. */
import type { Element, ElementContent, Root as HtmlRoot } from "hast";
import type { Root } from "mdast";
import rehypeKatex from "rehype-katex";
import rehypeSlug from "rehype-slug";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";
import { SKIP, visit } from "unist-util-visit";
import { VFile } from "vfile";
import { highlight } from "./highlight.ts";

export interface Heading {
  readonly depth: number;
  readonly slug: string;
  readonly text: string;
}

export interface Section {
  /** of the heading, empty for the start of the page */
  readonly slug: string;
  readonly heading: string;
  readonly text: string;
}

export interface NoteHtml {
  /** the sentence under the title */
  readonly definition: string;
  /** all that comes after it */
  readonly body: string;
  readonly headings: readonly Heading[];
  readonly sections: readonly Section[];
  readonly problems: readonly string[];
}

export interface NoteParts {
  /** HTML of the cell with this number, counted from 0, and its source */
  cell(index: number, source: string): string;
  /** target of a link as it is written in the note → where it is in the site */
  link(target: string): string;
  /** what stands before a claim's sentence */
  claim(id: string): { readonly className: string; readonly badge: string };
}

const parser = unified().use(remarkParse).use(remarkGfm).use(remarkMath);

export async function noteHtml(markdown: string, parts: NoteParts): Promise<NoteHtml> {
  const tree = parser.parse(markdown) as Root;
  // $$ … $$ on one line is a formula of its own, as notebooks have it, although it stands inside a paragraph.
  visit(tree, "inlineMath", (node) => {
    if (!markdown.startsWith("$$", node.position?.start.offset)) return;
    node.data = { ...node.data, hProperties: { className: ["language-math", "math-display"] } } as never;
  });
  const start = tree.children.findIndex((node) => node.type === "paragraph");
  const definition = tree.children[start]!;
  const rest: Root = { type: "root", children: tree.children.slice(start + 1) };
  const [head, body] = [await toHtml({ type: "root", children: [definition] }, parts), await toHtml(rest, parts)];
  return {
    definition: head.html,
    body: body.html,
    headings: body.headings,
    sections: [
      { slug: "", heading: "", text: head.sections.map(({ text }) => text).join(" ") },
      ...body.sections.filter(({ slug }) => slug !== ""),
    ],
    problems: [...head.problems, ...body.problems],
  };
}

async function toHtml(tree: Root, parts: NoteParts) {
  let cells = 0;
  const blocks: string[] = [];
  const block = (html: string): Element => {
    blocks.push(html);
    return { type: "element", tagName: "x-block", properties: { n: String(blocks.length - 1) }, children: [] };
  };
  const headings: Heading[] = [];
  const sections: { slug: string; heading: string; text: string }[] = [{ slug: "", heading: "", text: "" }];

  /** Code: cells, and listings that do not run. */
  const code = () => (html: HtmlRoot) => {
    visit(html, "element", (node, index, parent) => {
      const inner = node.children[0];
      if (node.tagName !== "pre" || inner?.type !== "element" || inner.tagName !== "code" || !parent) return;
      const language = /language-(\S+)/.exec(String(inner.properties.className ?? ""))?.[1] ?? "";
      if (language === "math") return SKIP;
      const text = plain(inner).replace(/\n$/, "");
      const made = block(
        language === "typescript"
          ? parts.cell(cells++, text)
          : `<pre class="code listing" tabindex="0" role="region" aria-label="Listing"><code>${highlight(text, language === "ts" ? "typescript" : language)}</code></pre>`,
      );
      (parent.children as ElementContent[])[index!] = made;
      return SKIP;
    });
  };

  /** Headings and the text below each of them: for the table of contents and the search. */
  const outline = () => (html: HtmlRoot) => {
    for (const node of html.children) {
      if (node.type !== "element") continue;
      const depth = Number(/^h([2-6])$/.exec(node.tagName)?.[1]);
      const text = spoken(node);
      if (depth) {
        const slug = String(node.properties.id);
        headings.push({ depth, slug, text });
        sections.push({ slug, heading: text, text: "" });
        node.children.push({
          type: "element",
          tagName: "a",
          properties: { className: ["anchor"], href: `#${slug}`, ariaLabel: `Link to this section: ${text}` },
          children: [{ type: "text", value: "#" }],
        });
      } else sections.at(-1)!.text += `${text}\n`;
    }
  };

  const finish = () => (html: HtmlRoot) => {
    let section = "";
    visit(html, "element", (node, index, parent) => {
      if (/^h2$/.test(node.tagName)) section = String(node.properties.id);
      if (
        node.tagName === "a" &&
        typeof node.properties.href === "string" &&
        String(node.properties.className) !== "anchor"
      ) {
        node.properties.href = parts.link(node.properties.href);
        if (/^https?:/.test(node.properties.href)) node.properties.rel = ["noreferrer"];
      }
      if (node.tagName === "table" && parent && index !== undefined) {
        const wide: Element = {
          type: "element",
          tagName: "div",
          properties: { className: ["wide"], tabIndex: 0, role: "region", ariaLabel: "Table" },
          children: [node],
        };
        (parent.children as ElementContent[])[index] = wide;
        return [SKIP, index + 1];
      }
      if (section === "checked-claims" && node.tagName === "ul") node.properties.className = ["claims"];
      if (section === "checked-claims" && node.tagName === "li") {
        const strong = node.children.find((child) => child.type === "element" && child.tagName === "strong");
        if (!strong) return;
        const id = plain(strong);
        const { className, badge } = parts.claim(id);
        node.properties.id = `claim-${id}`;
        node.properties.className = ["claim", className];
        node.children.unshift(block(badge));
      }
      return;
    });
    // Prose is a column of its own measure; what is wider than it says so.
    visit(html, "element", (node) => {
      if (node.tagName === "span" && String(node.properties.className).includes("katex-display")) {
        node.properties.tabIndex = 0;
        node.properties.role = "region";
        node.properties.ariaLabel = "Formula";
      }
    });
  };

  const processor = unified()
    .use(remarkRehype)
    .use(code)
    .use(rehypeSlug)
    .use(outline)
    .use(rehypeKatex, { strict: "ignore", trust: false })
    .use(finish)
    .use(rehypeStringify);
  const file = new VFile();
  const transformed = await processor.run(tree, file);
  const html = processor
    .stringify(transformed)
    .replace(/<x-block n="(\d+)"><\/x-block>/g, (_, number: string) => blocks[Number(number)]!);
  return {
    html,
    headings,
    sections,
    problems: file.messages.map(({ reason, cause }) => `${reason}: ${(cause as Error | undefined)?.message ?? ""}`),
  };
}

/** The text of a node as it stands in the source, formulas as TeX. */
function plain(node: ElementContent | HtmlRoot["children"][number]): string {
  if (node.type === "text") return node.value;
  return "children" in node ? node.children.map(plain).join("") : "";
}

/** The text of a node with formulas in words that can be searched for: \sqrt d → sqrt d. */
function spoken(node: ElementContent | HtmlRoot["children"][number]): string {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return "";
  if (node.tagName === "x-block") return "";
  const text = node.children.map(spoken).join(/^(?:td|th|tr|li|ul|table|tbody|thead|p)$/.test(node.tagName) ? " " : "");
  const isMath = node.tagName === "code" && /math/.test(String(node.properties.className ?? ""));
  return isMath ? texInWords(text) : text;
}

const NAMES: Readonly<Record<string, string>> = {
  ell: "ℓ",
  nabla: "∇",
  cdot: "·",
  times: "×",
  infty: "∞",
  le: "≤",
  ge: "≥",
  top: "ᵀ",
  in: "∈",
  to: "→",
  sum: "Σ",
  eta: "η",
  alpha: "α",
  beta: "β",
  gamma: "γ",
  lambda: "λ",
  mu: "μ",
  sigma: "σ",
  varepsilon: "ε",
  epsilon: "ε",
  theta: "θ",
  phi: "φ",
  pi: "π",
  rho: "ρ",
  tau: "τ",
  partial: "∂",
};

function texInWords(tex: string): string {
  let flat = tex;
  for (let before = ""; before !== flat; ) {
    before = flat;
    flat = flat.replace(/\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}/g, "$1 / $2").replace(/([_^])\{([^{}]*)\}/g, "$1$2");
  }
  return flat
    .replace(
      /\\tag\{\w+\}|\\(?:big|Big|bigl|bigr|Bigl|Bigr|left|right|mathbf|mathrm|text|operatorname|quad|qquad|,|;|!)\b/g,
      " ",
    )
    .replace(/\\([A-Za-z]+)/g, (_, name: string) => NAMES[name] ?? name)
    .replace(/[{}$\\&_^]/g, "")
    .replace(/\s+/g, " ");
}
