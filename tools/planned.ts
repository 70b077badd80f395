/** The scope: all 124 concepts by name, each with a title and a one-line definition. What exists of them is found in the folders. */
import { readText } from "./project.ts";

export const PLANNED = JSON.parse(readText("src/notes/planned.json")) as Readonly<
  Record<string, { readonly title: string; readonly summary: string }>
>;
