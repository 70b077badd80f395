/** The index of the search, made at build time and read by the page when the search is first opened. */
import MiniSearch from "minisearch";
import { type SearchDocument, searchOptions } from "../src/client/search-options.ts";

export function searchIndex(documents: readonly SearchDocument[]): string {
  const index = new MiniSearch<SearchDocument>(searchOptions);
  index.addAll(documents);
  return JSON.stringify(index);
}
