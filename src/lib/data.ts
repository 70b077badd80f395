/**
 * The data sets of data/: real, small, with source and licence in data/sources.json. Every call gives fresh arrays, so
 * nobody can spoil another's copy.
 */
import colour from "../../data/colour-photograph.json" with { type: "json" };
import diabetes from "../../data/diabetes.json" with { type: "json" };
import digits from "../../data/digits.json" with { type: "json" };
import grey from "../../data/grey-photograph.json" with { type: "json" };
import iris from "../../data/iris.json" with { type: "json" };
import wine from "../../data/wine.json" with { type: "json" };
import { type Matrix, matrix, matrixOver } from "./matrix.js";

/** A table of n samples with d features and one class each. */
export interface Classification {
  /** n×d, in the units of `featureNames` */
  readonly x: Matrix;
  /** class of each sample: n integers in [0, classes) */
  readonly target: Int32Array;
  readonly featureNames: readonly string[];
  /** name of each class */
  readonly targetNames: readonly string[];
}

/** A table of n samples with d features and one number each. */
export interface Regression {
  /** n×d */
  readonly x: Matrix;
  /** n numbers */
  readonly target: Float64Array;
  readonly featureNames: readonly string[];
}

/** A photograph. */
export interface Photograph {
  /** intensities in [0, 1], 0 black; grey: height×width, colour: (height·width)×3 with columns red, green, blue */
  readonly pixels: Matrix;
  readonly height: number;
  readonly width: number;
}

/**
 * Iris: sepal and petal length and width in cm, 150×4, 50 flowers of each of three species. Fisher 1936.
 *
 * @example
 * loadIris().x.shape // [150, 4]
 */
export const loadIris = (): Classification => classification(iris);

/**
 * Wine: thirteen chemical measurements, 178×13, of 59, 71 and 48 wines of three cultivars. Aeberhard and Forina 1992.
 *
 * @example
 * loadWine().x.shape // [178, 13]
 */
export const loadWine = (): Classification => classification(wine);

/**
 * Handwritten digits: 1797×64, 8×8 images row by row, integers from 0 (white) to 16 (black). Alpaydin and Kaynak 1998.
 *
 * @example
 * loadDigits().x.shape // [1797, 64]
 */
export const loadDigits = (): Classification => classification(digits);

/**
 * Diabetes: ten baseline measurements in their own units (sex coded 1, 2), 442×10, and the progression of the disease a
 * year later. Efron, Hastie, Johnstone and Tibshirani 2004.
 *
 * @example
 * loadDiabetes().featureNames[2] // "bmi"
 */
export function loadDiabetes(): Regression {
  const { x, target, featureNames } = diabetes as Table;
  return { x: matrix(x), target: Float64Array.from(target), featureNames: [...featureNames] };
}

/**
 * A grey photograph, 128×192 (height×width): a biplane seen from above, 1914–1929.
 *
 * @example
 * loadGreyPhotograph().pixels.shape // [128, 192]
 */
export function loadGreyPhotograph(): Photograph {
  const { width, height } = grey as Image;
  return { pixels: matrixOver(intensities(grey as Image), height, width), height, width };
}

/**
 * A colour photograph, 128×128: a pagoda at the Summer Palace in Beijing, by danielbuechele, CC BY 2.0.
 *
 * @example
 * loadColourPhotograph().pixels.shape // [16384, 3]
 */
export function loadColourPhotograph(): Photograph {
  const { width, height } = colour as Image;
  return { pixels: matrixOver(intensities(colour as Image), height * width, 3), height, width };
}

interface Table {
  readonly x: readonly (readonly number[])[];
  readonly target: readonly number[];
  readonly featureNames: readonly string[];
  readonly targetNames: readonly string[];
}

interface Image {
  readonly width: number;
  readonly height: number;
  /** 8-bit samples in base64, a line per row of the image, channel fastest */
  readonly pixels: readonly string[];
}

function classification(file: unknown): Classification {
  const { x, target, featureNames, targetNames } = file as Table;
  return {
    x: matrix(x),
    target: Int32Array.from(target),
    featureNames: [...featureNames],
    targetNames: [...targetNames],
  };
}

function intensities({ pixels }: Image): Float64Array {
  const bytes = pixels.map((line) => atob(line)).join("");
  return Float64Array.from(bytes, (character) => character.charCodeAt(0) / 255);
}
