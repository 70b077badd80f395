/** What builds on what, by names. */
export interface Graph {
  readonly before: Readonly<Record<string, readonly string[]>>;
  readonly after: Readonly<Record<string, readonly string[]>>;
}

/**
 * The shortest list that ends with a concept and has all that it builds on, directly or not, each after its own
 * prerequisites: nothing can be left out of it, and nothing else is in it.
 */
export function readingOrder({ before }: Pick<Graph, "before">, name: string, done = new Set<string>()): string[] {
  if (done.has(name)) return [];
  done.add(name);
  return [...(before[name] ?? []).flatMap((other) => readingOrder({ before }, other, done)), name];
}
