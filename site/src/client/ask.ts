/** What is found for a question, the best first. */
import type MiniSearch from "minisearch";
import type { SearchResult } from "minisearch";
import { askOptions, type SearchDocument } from "./search-options.ts";

export function ask(search: MiniSearch<SearchDocument>, question: string): SearchResult[] {
  const name = question.trim().toLowerCase();
  return search.search(question, {
    ...askOptions,
    // What can be read comes before what is planned, where both fit as well; the name of an export, written out, means it.
    boostDocument: (_id, _term, stored) => {
      const names = String(stored?.names ?? "").toLowerCase();
      return (stored?.planned ? 0.8 : 1) * (` ${names} `.includes(` ${name} `) ? 20 : 1);
    },
  });
}
