/** What is found for a question, the best first. */
import type MiniSearch from "minisearch";
import type { SearchResult } from "minisearch";
import { askOptions, type SearchDocument } from "./search-options.ts";

export function ask(search: MiniSearch<SearchDocument>, question: string): SearchResult[] {
  return search.search(question, {
    ...askOptions,
    // What can be read comes before what is planned, where both fit as well.
    boostDocument: (_id, _term, stored) => (stored?.planned ? 0.8 : 1),
  });
}
