/** How two fixtures differ. */

/** Numbers this near are equal: other builds of BLAS and other processors differ in the last digits. */
const RELATIVE = 1e-9;
const ABSOLUTE = 1e-12;

/**
 * The places where two JSON documents differ, each as `path: committed → made`; none if they agree, numbers within
 * 1e-9 of the larger one or 1e-12.
 *
 * @param committed text of the fixture that is there
 * @param made text of the one that was made now
 */
export function differences(committed: string, made: string): string[] {
  let before: unknown;
  try {
    before = JSON.parse(committed);
  } catch {
    return ["the committed file is no JSON"];
  }
  return [...compare(before, JSON.parse(made), "")];
}

function* compare(a: unknown, b: unknown, path: string): Generator<string, void> {
  if (typeof a === "number" && typeof b === "number") {
    const near = Math.max(ABSOLUTE, RELATIVE * Math.max(Math.abs(a), Math.abs(b)));
    if (!(Math.abs(a - b) <= near)) yield `${path}: ${a} → ${b}`;
  } else if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) yield `${path}.length: ${a.length} → ${b.length}`;
    else for (let i = 0; i < a.length; i++) yield* compare(a[i], b[i], `${path}[${i}]`);
  } else if (isRecord(a) && isRecord(b)) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const at = path === "" ? key : `${path}.${key}`;
      if (!(key in b)) yield `${at}: gone`;
      else if (!(key in a)) yield `${at}: new`;
      else yield* compare(a[key], b[key], at);
    }
  } else if (a !== b) yield `${path}: ${short(a)} → ${short(b)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function short(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
