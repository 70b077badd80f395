/**
 * Breast masses, malignant or benign, of data/: the two-class table on which metrics and thresholds are tried. A module of its
 * own, so that nobody else carries it.
 */
import cancer from "../../data/breast-cancer.json" with { type: "json" };
import type { Classification } from "./data.js";
import { matrix } from "./matrix.js";

/**
 * Measurements of cell nuclei: 569×30, means, standard errors and worst values of ten features; class 0 malignant (212
 * masses), class 1 benign (357). Fresh arrays at every call. Street, Wolberg and Mangasarian 1993.
 *
 * @example
 * loadBreastCancer().x.shape // [569, 30]
 */
export function loadBreastCancer(): Classification {
  const { x, target, featureNames, targetNames } = cancer as Table;
  return {
    x: matrix(x),
    target: Int32Array.from(target),
    featureNames: [...featureNames],
    targetNames: [...targetNames],
  };
}

interface Table {
  readonly x: readonly (readonly number[])[];
  readonly target: readonly number[];
  readonly featureNames: readonly string[];
  readonly targetNames: readonly string[];
}
