/**
 * Seeded randomness: one generator (xoroshiro128+ of `pure-rand`) and the distributions drawn from it.
 *
 * The same seed gives the same bits on every machine: everything is made from 32-bit integers with +, −, ×, ÷ and √,
 * which IEEE 754 fixes to the last bit; a logarithm is only ever compared with, never returned.
 */
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { checkInteger } from "./check.js";

/** A stream of random numbers; every call advances it. */
export interface Random {
  /** uniform on [0, 1), a multiple of 2⁻⁵³ */
  uniform(): number;
  /** normal with mean 0 and variance 1 */
  normal(): number;
  /** uniform integer in [0, n), 1 ≤ n ≤ 2³¹ */
  integer(n: number): number;
  /** a uniformly random order of 0 … n−1 */
  permutation(n: number): Int32Array;
  /** index i with probability weights[i] / Σ weights; the weights are ≥ 0 and not all 0 */
  categorical(weights: ArrayLike<number>): number;
}

/**
 * A generator with its own state.
 *
 * @param seed integer, default 0
 * @throws RangeError if the seed is not a 32-bit integer
 * @example
 * const { uniform, normal } = random(7);
 */
export function random(seed = 0): Random {
  checkInteger("random", "seed", seed, -(2 ** 31), 2 ** 32 - 1);
  const source = xoroshiro128plus(scrambled(seed | 0));
  for (let i = 0; i < 32; i++) source.next(); // its first words still show the regular start state
  const uint32 = () => source.next() >>> 0;
  const uniform = () => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53;

  // Ratio of uniforms with quadratic bounds (Leva 1992, ACM TOMS 18, algorithm 712): x = v/u is normal when (u, v) is
  // uniform on {v² ≤ −4u² ln u}; the two ellipses decide 99 % of the cases without a logarithm.
  const normal = () => {
    for (;;) {
      const u = 1 - uniform();
      const v = 1.7156 * (uniform() - 0.5);
      const x = u - 0.449871;
      const y = Math.abs(v) + 0.386595;
      const q = x * x + y * (0.196 * y - 0.25472 * x);
      if (q < 0.27597) return v / u;
      if (q <= 0.27846 && v * v <= -4 * u * u * Math.log(u)) return v / u;
    }
  };

  const integer = (n: number) => {
    checkInteger("random", "n", n, 1, 2 ** 31);
    // The last, incomplete run of n values is rejected: without it small results would be more likely.
    const limit = 2 ** 32 - (2 ** 32 % n);
    for (;;) {
      const draw = uint32();
      if (draw < limit) return draw % n;
    }
  };

  const permutation = (n: number) => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  };

  const categorical = (weights: ArrayLike<number>) => {
    let total = 0;
    for (let i = 0; i < weights.length; i++) total += weights[i]!;
    if (!(total > 0 && total < Infinity))
      throw new RangeError(`categorical: weights must have a positive finite sum, got ${total}`);
    let left = uniform() * total;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      if (!(weights[i]! > 0)) continue;
      last = i;
      left -= weights[i]!;
      if (left < 0) return i;
    }
    return last; // rounding left a crumb: it belongs to the last possible index
  };

  return { uniform, normal, integer, permutation, categorical };
}

/** A bijection of 32-bit integers that sends neighbours far apart (the finalizer of MurmurHash3). */
function scrambled(seed: number): number {
  let h = seed;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
