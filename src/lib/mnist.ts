/**
 * MNIST, handwritten digits of 28×28 pixels: 5,000 for training and 2,000 by other writers for testing, of data/. A module of
 * its own, so that nobody else carries its two megabytes.
 */
import testing from "../../data/mnist-test.json" with { type: "json" };
import training from "../../data/mnist-train.json" with { type: "json" };
import { checkChoice, checkInteger } from "./check.js";

/** Images of one channel and their labels; fresh arrays at every call. */
export interface Mnist {
  /** number of images */
  readonly n: number;
  readonly height: number;
  readonly width: number;
  /** n×height×width, row-major, 0 paper to 1 ink (multiples of 1/255) */
  readonly images: Float32Array;
  /** n digits */
  readonly labels: Int32Array;
}

/**
 * The first images of one of the two parts. LeCun, Bottou, Bengio and Haffner 1998.
 *
 * @param part 'train' or 'test'
 * @param n how many; default all: 5,000 or 2,000
 * @throws RangeError if the part is unknown or has fewer images
 * @example
 * loadMnist("test", 3).labels // [7, 1, 0]
 */
export function loadMnist(part: "train" | "test", n?: number): Mnist {
  checkChoice("loadMnist", "part", part, ["train", "test"]);
  const { height, width, target, pixels } = (part === "train" ? training : testing) as Handwriting;
  const count = checkInteger("loadMnist", "n", n ?? target.length, 1, target.length);
  const images = new Float32Array(count * height * width);
  for (let i = 0; i < count; i++) unsqueeze(atob(pixels[i]!), images, i * height * width);
  return { n: count, height, width, images, labels: Int32Array.from(target.slice(0, count)) };
}

interface Handwriting {
  readonly height: number;
  readonly width: number;
  readonly target: readonly number[];
  /** base64, a text for each image: bytes row by row, a run of zeros as 0 and its length */
  readonly pixels: readonly string[];
}

/** Writes an image where it belongs; `to` is already 0 everywhere. */
function unsqueeze(bytes: string, to: Float32Array, start: number): void {
  for (let i = 0, at = start; i < bytes.length; i++) {
    const value = bytes.charCodeAt(i);
    if (value === 0) at += bytes.charCodeAt(++i);
    else to[at++] = value / 255;
  }
}
