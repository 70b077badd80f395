/** The states of claims: what the last run of the tests said of each of them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readText, root } from "../../tools/project.ts";

export type ClaimState = "proven" | "failed" | "not run";

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

const PATH = ".cache/vitest.json";

/** Claim id → state, by concept; empty where the tests have not been run. */
export function claimStates(): Map<string, Map<string, ClaimState>> {
  const states = new Map<string, Map<string, ClaimState>>();
  if (!existsSync(join(root, PATH))) return states;
  for (const { name, assertionResults } of (JSON.parse(readText(PATH)) as Report).testResults) {
    const concept = /[/\\]test[/\\]([^/\\]+[/\\][^/\\]+)\.test\.ts$/.exec(name)?.[1]?.replaceAll("\\", "/");
    if (!concept) continue;
    const own = new Map<string, ClaimState>();
    for (const { title, status } of assertionResults) {
      const id = /^claim (\S+)$/.exec(title)?.[1];
      if (id) own.set(id, status === "passed" ? "proven" : status === "failed" ? "failed" : "not run");
    }
    states.set(concept, own);
  }
  return states;
}

/** Claim id → line of its test in the test file. */
export function claimLines(test: string): Map<string, number> {
  return new Map(
    [...test.matchAll(/\bclaim\(\s*["'`]([a-z0-9-]+)["'`]/g)].map(({ 1: id, index }) => [
      id!,
      test.slice(0, index).split("\n").length,
    ]),
  );
}
