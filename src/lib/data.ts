/**
 * The data sets of data/: real, small, with source and licence in data/sources.json. Every call gives fresh arrays, so
 * nobody can spoil another's copy.
 */
import boats from "../../data/boats.json" with { type: "json" };
import diabetes from "../../data/diabetes.json" with { type: "json" };
import digits from "../../data/digits.json" with { type: "json" };
import iris from "../../data/iris.json" with { type: "json" };
import pagoda from "../../data/pagoda.json" with { type: "json" };
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
  const { rows, target, featureNames } = diabetes as Table;
  return { x: matrix(rows), target: Float64Array.from(target), featureNames: [...featureNames] };
}

/**
 * A grey photograph, 160×160: boats in Nagasaki by Felice Beato, about 1865.
 *
 * @example
 * loadGreyPhotograph().pixels.shape // [160, 160]
 */
export function loadGreyPhotograph(): Photograph {
  const { width, height } = boats as Image;
  return { pixels: matrixOver(intensities(boats as Image), height, width), height, width };
}

/**
 * A colour photograph, 128×128: a pagoda at the Summer Palace in Beijing, by danielbuechele, CC BY 2.0.
 *
 * @example
 * loadColourPhotograph().pixels.shape // [16384, 3]
 */
export function loadColourPhotograph(): Photograph {
  const { width, height } = pagoda as Image;
  return { pixels: matrixOver(intensities(pagoda as Image), height * width, 3), height, width };
}

interface Table {
  readonly rows: readonly (readonly number[])[];
  readonly target: readonly number[];
  readonly featureNames: readonly string[];
  readonly targetNames: readonly string[];
}

interface Image {
  readonly width: number;
  readonly height: number;
  /** 8-bit samples, row by row, channel fastest */
  readonly base64: string;
}

function classification(file: unknown): Classification {
  const { rows, target, featureNames, targetNames } = file as Table;
  return {
    x: matrix(rows),
    target: Int32Array.from(target),
    featureNames: [...featureNames],
    targetNames: [...targetNames],
  };
}

function intensities({ base64 }: Image): Float64Array {
  return Float64Array.from(atob(base64), (character) => character.charCodeAt(0) / 255);
}
