/** Reads a note: front matter, sections, cells, claims and links. Everything that is derived from notes starts here. */
import { readFileSync } from "node:fs";
import type { RootContent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { parse as parseYaml } from "yaml";
import { z } from "zod";

export const CATEGORIES = {
  "linear-algebra": "Linear Algebra & Math",
  "probability-and-statistics": "Probability & Statistics",
  "classical-ml": "Classical ML",
  "deep-learning-foundations": "Deep Learning Foundations",
  "generative-models": "Generative Models",
  "probabilistic-models": "Probabilistic Models",
  "reinforcement-learning": "Reinforcement Learning",
  "computer-vision": "Computer Vision",
  "llm-internals": "LLM Internals",
  "training-fundamentals": "Training Fundamentals",
  "systems-and-infrastructure": "Systems & Infrastructure",
  "ml-systems-and-evaluation": "ML Systems & Evaluation",
} as const;

/** The headings of a note, in their order; the definition stands above the first. */
export const SECTIONS = [
  "Why it matters",
  "Mechanism",
  "Experiments",
  "What an interviewer expects",
  "Common confusions",
  "Conventions",
  "Checked claims",
  "References",
] as const;

const conceptName = z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, "must be written <category>/<slug>");

const frontMatterSchema = z.strictObject({
  title: z.string().min(1),
  category: z.enum(Object.keys(CATEGORIES) as [keyof typeof CATEGORIES, ...(keyof typeof CATEGORIES)[]]),
  summary: z.string().min(1).max(400),
  builds_on: z.array(conceptName),
  see_also: z.array(conceptName),
  difficulty: z.int().min(1).max(3),
  tags: z.array(z.string()).min(1),
});

export type FrontMatter = z.infer<typeof frontMatterSchema>;

/** A piece of a note in reading order: prose, or a ```typescript cell that runs. */
export interface Piece {
  readonly kind: "prose" | "cell";
  readonly text: string;
  /** the words after ```typescript, for example "varies" for a cell whose numbers differ from run to run */
  readonly flags: readonly string[];
  /** 1-based line of the file */
  readonly line: number;
}

export interface Claim {
  readonly id: string;
  readonly sentence: string;
}

export interface Note {
  /** `<category>/<slug>` */
  readonly name: string;
  readonly frontMatter: FrontMatter;
  /** the note without its front matter */
  readonly body: string;
  readonly headings: readonly string[];
  readonly definition: string;
  readonly pieces: readonly Piece[];
  readonly claims: readonly Claim[];
  /** link targets, as written */
  readonly links: readonly { readonly url: string; readonly line: number }[];
}

export class NoteError extends Error {
  override readonly name = "NoteError";
}

/**
 * Reads and checks the form of a note.
 *
 * @param root the project's folder
 * @param name `<category>/<slug>`
 * @throws NoteError that names the file and what is wrong in it
 */
export function readNote(root: string, name: string): Note {
  const path = `src/notes/${name}.md`;
  return parseNote(readFileSync(`${root}/${path}`, "utf8"), name, path);
}

export function parseNote(text: string, name: string, path: string): Note {
  const match = /^---\n([\s\S]*?)\n---\n/.exec(text);
  if (!match) throw new NoteError(`${path}: must start with YAML front matter between two lines ---`);
  const parsed = frontMatterSchema.safeParse(parseYaml(match[1]!));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new NoteError(`${path}: front matter, ${issue.path.join(".") || "as a whole"}: ${issue.message}`);
  }
  const body = text.slice(match[0].length);
  const firstLine = match[0].split("\n").length - 1;
  const tree = fromMarkdown(body);
  const source = (node: RootContent) => body.slice(node.position!.start.offset!, node.position!.end.offset!);

  const headings: string[] = [];
  const pieces: Piece[] = [];
  const claims: Claim[] = [];
  let definition = "";
  let prose: { start: number; end: number; line: number } | undefined;
  const flush = () => {
    if (prose) pieces.push({ kind: "prose", text: body.slice(prose.start, prose.end), flags: [], line: prose.line });
    prose = undefined;
  };
  for (const node of tree.children) {
    const line = node.position!.start.line + firstLine;
    if (node.type === "code" && node.lang === "typescript") {
      flush();
      pieces.push({ kind: "cell", text: node.value, flags: node.meta?.split(/\s+/) ?? [], line: line + 1 });
      continue;
    }
    prose ??= { start: node.position!.start.offset!, end: 0, line };
    prose.end = node.position!.end.offset!;
    if (node.type === "heading" && node.depth <= 2) headings.push(source(node).replace(/^#+\s*/, ""));
    if (node.type === "paragraph" && headings.length === 1 && definition === "") definition = source(node);
    if (node.type === "list" && headings.at(-1) === "Checked claims") {
      for (const item of node.children) {
        const found = /^- \*\*([a-z0-9-]+)\*\*: ([\s\S]+)$/.exec(source(item as unknown as RootContent));
        if (!found) {
          throw new NoteError(
            `${path}:${item.position!.start.line + firstLine}: a claim is written "- **claim-id**: sentence."`,
          );
        }
        claims.push({ id: found[1]!, sentence: found[2]!.replace(/\s+/g, " ") });
      }
    }
  }
  flush();
  return {
    name,
    frontMatter: parsed.data,
    body,
    headings,
    definition,
    pieces,
    claims,
    links: linksOf(tree.children, firstLine),
  };
}

function linksOf(nodes: readonly RootContent[], firstLine: number): { url: string; line: number }[] {
  return nodes.flatMap((node) => {
    const own =
      node.type === "link" || node.type === "definition" || node.type === "image"
        ? [{ url: node.url, line: node.position!.start.line + firstLine }]
        : [];
    return "children" in node ? [...own, ...linksOf(node.children as RootContent[], firstLine)] : own;
  });
}
