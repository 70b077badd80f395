/** How words are cut and weighed: the same when the index is made and when it is asked. */
import type { Options, SearchOptions } from "minisearch";

export interface SearchDocument {
  readonly id: string;
  /** last part of the id: one or a few words that are the concept */
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  /** names of exported functions, classes and types */
  readonly names: string;
  readonly tags: string;
  readonly headings: string;
  readonly text: string;
  readonly category: string;
  /** address inside the site */
  readonly url: string;
  readonly planned: boolean;
  /** start of each section: its address, its heading and the text that an excerpt is taken from */
  readonly sections: readonly (readonly [slug: string, heading: string, text: string])[];
}

/** Words that say nothing about what is looked for. */
const EMPTY = new Set(
  "a an and are as at be by do does for from has have how i in is it its of on or that the then there this to was what when where which why with you".split(
    " ",
  ),
);

/** `kMeansSteps` → kmeanssteps, k, means, steps; k-means → kmeans, k, means; √d → sqrt, d. */
function tokenize(text: string): string[] {
  const words = text
    .replaceAll("√", " sqrt ")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .match(/[\p{L}\p{N}]+(?:[-'’_][\p{L}\p{N}]+)*/gu);
  return (words ?? []).flatMap((word) => {
    const parts = word.replace(/([a-z\d])([A-Z])/g, "$1 $2").split(/[\s\-'’_]+/);
    return parts.length > 1 ? [parts.join(""), ...parts] : [word];
  });
}

const processTerm = (term: string) => {
  const low = term.toLowerCase();
  if (EMPTY.has(low)) return null;
  // A light stem, so that "divide" finds "divided" and "vanishes" finds "vanishing".
  return low.length > 4 && !low.endsWith("ss") ? low.replace(/(?:ings?|ed|es|s|e)$/, "") : low;
};

export const searchOptions: Options<SearchDocument> = {
  fields: ["slug", "title", "summary", "names", "tags", "headings", "text"],
  storeFields: ["title", "summary", "category", "url", "planned", "sections", "names"],
  tokenize,
  processTerm,
};

export const askOptions: SearchOptions = {
  tokenize,
  processTerm,
  prefix: (term) => term.length > 1,
  fuzzy: (term) => (term.length > 3 ? 0.25 : false),
  maxFuzzy: 2,
  boost: { slug: 4, title: 6, tags: 4, names: 3, summary: 3, headings: 2, text: 1 },
  weights: { fuzzy: 0.3, prefix: 0.6 },
  combineWith: "OR",
};
