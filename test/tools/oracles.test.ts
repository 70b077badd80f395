import { expect, test } from "vitest";
import { differences } from "../../tools/oracles/differences.ts";
import { filesBelow } from "../../tools/project.ts";

const json = JSON.stringify;

test("last digits do not count: 1e-9 of the larger number, or 1e-12", () => {
  expect(differences(json({ a: [1, 1e6, 1e-16] }), json({ a: [1 + 9e-10, 1e6 + 9e-4, -8e-13] }))).toEqual([]);
});

test("every place that differs is named", () => {
  const before = { a: [1, [2, 3]], b: { c: "NaN" }, gone: 1, n: null, x: [1, 2] };
  const after = { a: [1.00000001, [2, 4]], b: { c: 1 }, n: 0, fresh: 1, x: [1] };
  expect(differences(json(before), json(after))).toEqual([
    "a[0]: 1 → 1.00000001",
    "a[1][1]: 3 → 4",
    'b.c: "NaN" → 1',
    "gone: gone",
    "n: null → 0",
    "x.length: 2 → 1",
    "fresh: new",
  ]);
});

test("a difference just beyond the tolerance counts, also in integers", () => {
  expect(differences("[1]", "[1.000000002]")).toHaveLength(1);
  expect(differences("[0]", "[2e-12]")).toHaveLength(1);
  expect(differences("[7]", "[8]")).toHaveLength(1);
});

test("other versions of a library are a difference", () => {
  expect(differences('{"versions":{"numpy":"2.2.6"}}', '{"versions":{"numpy":"2.2.7"}}')).toHaveLength(1);
});

test("a committed file that is cut off is a difference", () => {
  expect(differences('{"a": [1', '{"a": [1]}')).toEqual(["the committed file is no JSON"]);
});

test("every fixture has its script beside it, and the reverse", () => {
  const stems = (ending: string) => filesBelow("test/oracles", ending).map((path) => path.slice(0, -ending.length));
  expect(stems(".json")).toEqual(stems(".py"));
});
