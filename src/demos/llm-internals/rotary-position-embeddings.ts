/**
 * Rotary position embeddings (RoPE): each pair of coordinates of a query or key is rotated by an angle proportional to the
 * token's position, so that a dot product depends on two positions only through their difference.
 *
 * Follows Su, Ahmed, Lu, Pan, Bo, Liu, "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
 * https://arxiv.org/abs/2104.09864
 * But:
 * - No scaling for longer contexts (position interpolation, YaRN): see long-context models.
 * - Angles are computed in float64; in float32 a position above 2²⁴ has lost its last digit (`precise` says so).
 */
import { checkChoice, checkInteger, checkMatrix, checkNumber, checkVector } from "../../lib/check.js";
import { type Matrix, matrixOver, rowMajor } from "../../lib/matrix.js";

type Floats = Float32Array | Float64Array;

/** Which coordinates make a pair: neighbours (2i, 2i + 1), or the halves (i, i + d/2). */
export type RopeLayout = "interleaved" | "half";
const LAYOUTS = ["interleaved", "half"] as const;

/** Options of the rotation. */
export interface RopeOptions {
  /** 'interleaved' (default; GPT-J, the paper) or 'half' (GPT-NeoX, Llama checkpoints in Hugging Face's layout) */
  readonly layout?: RopeLayout;
  /** coordinates that are rotated, from the first, even; default all. The others stay as they are */
  readonly rotaryDim?: number;
  /** b of the frequencies, default 10,000 */
  readonly base?: number;
}

/**
 * θᵢ = b^(−2i/d), i = 0 … d/2 − 1: the angle of pair i per position (1).
 *
 * @param headDim d, even
 * @throws RangeError if d is not a positive even integer or the base is not above 1
 * @example
 * inverseFrequencies(4) // [1, 0.01]
 */
export function inverseFrequencies(headDim: number, { base = 10_000 }: { readonly base?: number } = {}): Float64Array {
  checkEven("inverseFrequencies", "headDim", headDim);
  checkNumber("inverseFrequencies", "base", base, { above: 1 });
  return Float64Array.from({ length: headDim / 2 }, (_, i) => base ** ((-2 * i) / headDim)); // (1)
}

/** Cosines and sines of all angles, position by position. */
export interface RopeTables {
  /** n×d/2 */
  readonly cos: Matrix;
  /** n×d/2 */
  readonly sin: Matrix;
  /** whether a float32 could hold every position exactly */
  readonly precise: boolean;
}

/**
 * cos and sin of position × frequency, in float64.
 *
 * @param positions n numbers, not necessarily integers or in order
 * @param frequencies d/2 angles per position
 * @throws RangeError if a position or a frequency is not finite
 * @example
 * const { cos, precise } = ropeTables([0, 2], [1, 0.01]);
 * toRows(cos) // [[1, 1], [-0.4161468365, 0.9998000067]]
 * precise // true
 */
export function ropeTables(positions: ArrayLike<number>, frequencies: ArrayLike<number>): RopeTables {
  const [m, theta] = [
    checkVector("ropeTables", "positions", positions),
    checkVector("ropeTables", "frequencies", frequencies),
  ];
  const angles = matrixOver(new Float64Array(m.length * theta.length), m.length, theta.length);
  for (let i = 0; i < m.length; i++) for (let p = 0; p < theta.length; p++) angles.set(i, p, m[i]! * theta[p]!);
  const table = (f: (angle: number) => number) => matrixOver(angles.data.map(f), m.length, theta.length);
  return {
    cos: table(Math.cos),
    sin: table(Math.sin),
    precise: m.every((position) => Math.fround(position) === position),
  };
}

/**
 * Rotates rows by the tables, in place in `to` (2). The inverse rotation, direction −1, is the gradient.
 *
 * @param x rows·width numbers, row-major; row r belongs to position r mod n of the tables
 * @param width d, at least twice as many as the tables have pairs; coordinates beyond are left as they are
 * @param to where the result goes; may be x itself
 * @example
 * const x = Float32Array.of(1, 0);
 * rotateInto(x, 2, ropeTables([Math.PI / 2], [1]), "interleaved", x);
 * [...x] // [0, 1]
 */
export function rotateInto(
  x: Floats,
  width: number,
  { cos, sin }: RopeTables,
  layout: RopeLayout,
  to: Floats,
  direction: 1 | -1 = 1,
): void {
  const [n, pairs] = cos.shape as [number, number];
  const [c, s] = [cos.data, sin.data];
  const [step, apart] = layout === "interleaved" ? [2, 1] : [1, pairs];
  if (to !== x) to.set(x);
  for (let start = 0, r = 0; start < x.length; start += width, r = r + 1 === n ? 0 : r + 1) {
    for (let p = 0, at = start; p < pairs; p++, at += step) {
      const [u, v] = [to[at]!, to[at + apart]!];
      const [cosine, sine] = [c[r * pairs + p]!, direction * s[r * pairs + p]!];
      to[at] = u * cosine - v * sine;
      to[at + apart] = u * sine + v * cosine;
    }
  }
}

/**
 * Rotates queries or keys to their positions (2).
 *
 * @param X n×d, a vector a row
 * @param positions n, the position of each row
 * @returns n×d
 * @throws RangeError if d or rotaryDim is odd, rotaryDim is above d, there are not as many positions as rows, or a position
 * is not finite
 * @example
 * toRows(applyRope(matrix([[1, 0]]), [Math.PI / 2])) // [[0, 1]]
 */
export function applyRope(X: Matrix, positions: ArrayLike<number>, options: RopeOptions = {}): Matrix {
  const [n, d] = checkMatrix("applyRope", "X", X);
  const { layout = "interleaved", rotaryDim = d, base = 10_000 } = options;
  checkChoice("applyRope", "layout", layout, LAYOUTS);
  checkEven("applyRope", "rotaryDim", rotaryDim, d);
  checkVector("applyRope", "positions", positions, n);
  const rotated = rowMajor(X).slice();
  rotateInto(rotated, d, ropeTables(positions, inverseFrequencies(rotaryDim, { base })), layout, rotated);
  return matrixOver(rotated, n, d);
}

/**
 * The same by complex multiplication: pair i is the number x₂ᵢ + i·x₂ᵢ₊₁, times e^(i·position·θᵢ). A second way to the same
 * numbers, written from the definition.
 *
 * @param X n×d, interleaved
 * @param positions n
 * @returns n×d
 * @throws RangeError if d is odd, or there are not as many positions as rows
 * @example
 * toRows(applyRopeComplex(matrix([[0, 2]]), [Math.PI])) // [[0, -2]]
 */
export function applyRopeComplex(
  X: Matrix,
  positions: ArrayLike<number>,
  { base = 10_000 }: { readonly base?: number } = {},
): Matrix {
  const [n, d] = checkMatrix("applyRopeComplex", "X", X);
  const theta = inverseFrequencies(d, { base });
  checkVector("applyRopeComplex", "positions", positions, n);
  const rotated = matrixOver(new Float64Array(n * d), n, d);
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < d / 2; p++) {
      const [re, im] = [X.get(i, 2 * p), X.get(i, 2 * p + 1)];
      const [length, angle] = [Math.hypot(re, im), Math.atan2(im, re) + positions[i]! * theta[p]!];
      rotated.set(i, 2 * p, length * Math.cos(angle));
      rotated.set(i, 2 * p + 1, length * Math.sin(angle));
    }
  }
  return rotated;
}

/**
 * The projection of a checkpoint in one layout, for code in the other: in every head the columns are permuted, so that pairs
 * stay pairs (4). A bias is converted as a matrix of one row.
 *
 * @param weights in×(heads·headDim), as in x·W
 * @param options.rotaryDim coordinates of a head that are rotated, the only ones that move; default headDim
 * @throws RangeError if the weights have another width, or headDim or rotaryDim is odd
 * @example
 * const options = { heads: 1, headDim: 4, from: "half", to: "interleaved" } as const;
 * toRows(convertLayout(matrix([[1, 2, 10, 20]]), options)) // [[1, 10, 2, 20]]
 */
export function convertLayout(
  weights: Matrix,
  {
    heads,
    headDim,
    rotaryDim = headDim,
    from,
    to,
  }: {
    readonly heads: number;
    readonly headDim: number;
    readonly rotaryDim?: number;
    readonly from: RopeLayout;
    readonly to: RopeLayout;
  },
): Matrix {
  const [rows, columns] = checkMatrix("convertLayout", "weights", weights);
  checkInteger("convertLayout", "heads", heads, 1);
  checkEven("convertLayout", "headDim", headDim);
  checkEven("convertLayout", "rotaryDim", rotaryDim, headDim);
  checkChoice("convertLayout", "from", from, LAYOUTS);
  checkChoice("convertLayout", "to", to, LAYOUTS);
  if (columns !== heads * headDim) {
    throw new RangeError(
      `convertLayout: weights must have ${heads}·${headDim} = ${heads * headDim} columns, got ${columns}`,
    );
  }
  const pairs = rotaryDim / 2;
  /** Where a layout has the first (0) or the second (1) coordinate of a pair. */
  const place = (layout: RopeLayout, pair: number, which: number) =>
    layout === "half" ? pair + which * pairs : 2 * pair + which;
  const converted = matrixOver(rowMajor(weights).slice(), rows, columns);
  for (let start = 0; start < columns; start += headDim) {
    for (let c = 0; c < rotaryDim; c++) {
      const [source, target] = [from, to].map((layout) => start + place(layout, c >> 1, c & 1)) as [number, number];
      for (let r = 0; r < rows; r++) converted.set(r, target, weights.get(r, source)); // (4)
    }
  }
  return converted;
}

/**
 * The score of a query and a key at these distances, as a sum of one cosine for each pair (3):
 * Σᵢ |qᵢ||kᵢ| cos(rθᵢ + φᵢ), with φᵢ the angle from the key's pair to the query's.
 *
 * @param q d, k d, interleaved, before rotation
 * @param distances r = position of the query − position of the key
 * @returns a score for each distance
 * @throws RangeError if a number is not finite, or q and k are not of the same even length
 * @example
 * relativeScore([1, 0], [1, 0], [0, Math.PI]) // [1, -1]
 */
export function relativeScore(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  distances: ArrayLike<number>,
  { base = 10_000 }: { readonly base?: number } = {},
): Float64Array {
  const x = checkVector("relativeScore", "q", q);
  const y = checkVector("relativeScore", "k", k, x.length);
  const theta = inverseFrequencies(x.length, { base });
  return checkVector("relativeScore", "distances", distances).map((r) => {
    let score = 0;
    for (let p = 0; p < theta.length; p++) {
      const [a, b, c, d] = [x[2 * p]!, x[2 * p + 1]!, y[2 * p]!, y[2 * p + 1]!];
      const [cosine, sine] = [Math.cos(r * theta[p]!), Math.sin(r * theta[p]!)];
      score += (a * c + b * d) * cosine + (a * d - b * c) * sine; // (3)
    }
    return score;
  });
}

/** One pair of coordinates; see `frequencyProfile`. */
export interface Frequency {
  /** positions for a full turn, 2π/θ */
  readonly wavelength: number;
  /** turns within the context */
  readonly turns: number;
}

/**
 * Wavelength of every pair, and how often it turns within a context of this length.
 *
 * @param options.headDim d, even
 * @param options.base default 10,000
 * @param options.length tokens, above 0
 * @returns d/2 pairs, the fastest first
 * @throws RangeError if the length is not above 0, or as `inverseFrequencies`
 * @example
 * frequencyProfile({ headDim: 4, length: 628 }).map(({ turns }) => Math.round(turns)) // [100, 1]
 */
export function frequencyProfile({
  headDim,
  base = 10_000,
  length,
}: {
  readonly headDim: number;
  readonly base?: number;
  readonly length: number;
}): readonly Frequency[] {
  checkNumber("frequencyProfile", "length", length, { above: 0 });
  return Array.from(inverseFrequencies(headDim, { base }), (theta) => {
    const wavelength = (2 * Math.PI) / theta;
    return { wavelength, turns: length / wavelength };
  });
}

function checkEven(caller: string, name: string, value: number, max = Number.MAX_SAFE_INTEGER): number {
  checkInteger(caller, name, value, 2, max);
  if (value % 2 !== 0) throw new RangeError(`${caller}: ${name} must be even, got ${value}`);
  return value;
}
