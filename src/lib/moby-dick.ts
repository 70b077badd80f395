/**
 * Moby-Dick, the novel, of data/. A module of its own, so that nobody else carries its 1.2 megabytes.
 */
import novel from "../../data/moby-dick.json" with { type: "json" };

/** A novel. */
export interface Novel {
  /** the chapters joined by a blank line ("\n\n") */
  readonly text: string;
  /** each chapter: its heading ("CHAPTER 1. Loomings."), an empty line, its lines; the last one ends with "\n" */
  readonly chapters: readonly string[];
}

/**
 * Moby-Dick, chapters 1 to 135, without etymology, extracts and epilogue. Melville 1851.
 *
 * 1,189,786 characters of 81 kinds, 1,193,018 bytes in UTF-8. All are ASCII except the dash "—" (U+2014, three bytes):
 * quotation marks and apostrophes are straight, there are no tabs, and most lines are broken near column 72. For character
 * models, the first 1,100,000 characters are a usual training part, the other 89,786 the validation part.
 *
 * @example
 * loadMobyDick().text.slice(22, 38) // "Call me Ishmael."
 */
export function loadMobyDick(): Novel {
  const { chapters } = novel as Pick<Novel, "chapters">;
  return { text: chapters.join("\n\n"), chapters: [...chapters] };
}
