import { expect } from "vitest";

/** Fails with the problems, one a line, if there are any. */
export function none(problems: readonly string[]): void {
  if (problems.length > 0) expect.fail(problems.join("\n"));
}
