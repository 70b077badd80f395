import { describe, expect, test } from "vitest";
import * as demo from "../../src/demos/linear-algebra/matrix-calculus.js";
import { concept } from "../concept.js";

concept("linear-algebra/matrix-calculus");

describe("bad input", () => {
  test.each(Object.values(demo))("%s refuses NaN", (f) => {
    expect(() => f(Number.NaN)).toThrow(RangeError);
  });
});
