/**
 * The entrywise loops, one a line: each is its own small function, so that the compiler makes it as fast as a loop written
 * by hand (a shared loop that calls a function for each entry takes four times as long).
 */
import type { Floats } from "../demos/deep-learning-foundations/backpropagation.js";
import { erf } from "../lib/erf.js";

/** y[i] is a function of x[i]. */
export type Loop1 = (x: Floats, y: Floats) => void;

/** y[i] is a function of a and b at i, each starting again from its first entry when it has come to its end. */
export type Loop2 = (a: Floats, b: Floats, y: Floats) => void;

const SQRT_HALF = Math.SQRT1_2;
const DENSITY = 1 / Math.sqrt(2 * Math.PI); // of the normal distribution, at 0

// biome-ignore format: a table
export const LOOPS1 = {
  neg: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = -x[i]!; },
  exp: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.exp(x[i]!); },
  expm1: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.expm1(x[i]!); },
  log: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.log(x[i]!); },
  log1p: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.log1p(x[i]!); },
  sqrt: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.sqrt(x[i]!); },
  square: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = x[i]! * x[i]!; },
  abs: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.abs(x[i]!); },
  sign: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.sign(x[i]!); },
  sin: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.sin(x[i]!); },
  cos: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.cos(x[i]!); },
  tanh: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.tanh(x[i]!); },
  // Each exponential has an argument ≤ 0, so that none overflows.
  sigmoid: (x, y) => { for (let i = 0; i < x.length; i++) { const e = Math.exp(-Math.abs(x[i]!)); y[i] = (x[i]! < 0 ? e : 1) / (1 + e); } },
  softplus: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.max(x[i]!, 0) + Math.log1p(Math.exp(-Math.abs(x[i]!))); },
  erf: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = erf(x[i]!); },
  relu: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = x[i]! < 0 ? 0 : x[i]!; }, // NaN stays NaN
  step: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = x[i]! > 0 ? 1 : 0; },
  gelu: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = 0.5 * x[i]! * (1 + erf(x[i]! * SQRT_HALF)); },
  geluSlope: (x, y) => { for (let i = 0; i < x.length; i++) { const v = x[i]!; y[i] = 0.5 * (1 + erf(v * SQRT_HALF)) + (v < -40 || v > 40 ? 0 : v * DENSITY * Math.exp(-0.5 * v * v)); } },
  geluCurvature: (x, y) => { for (let i = 0; i < x.length; i++) { const v = Math.min(Math.abs(x[i]!), 40); y[i] = DENSITY * Math.exp(-0.5 * v * v) * (2 - v * v); } },
  fround: (x, y) => { for (let i = 0; i < x.length; i++) y[i] = Math.fround(x[i]!); },
} satisfies Record<string, Loop1>;

// biome-ignore format: a table
export const LOOPS2 = {
  add: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! + b[q]!; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  sub: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! - b[q]!; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  mul: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! * b[q]!; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  div: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! / b[q]!; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  maximum: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = Math.max(a[p]!, b[q]!); if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  minimum: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = Math.min(a[p]!, b[q]!); if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  pow: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! ** b[q]!; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  // 1 where a is greater, ½ where they are equal, else 0: how a maximum shares its adjoint.
  preference: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! > b[q]! ? 1 : a[p]! === b[q]! ? 0.5 : 0; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
  equal: (a, b, y) => { for (let i = 0, p = 0, q = 0; i < y.length; i++) { y[i] = a[p]! === b[q]! ? 1 : 0; if (++p === a.length) p = 0; if (++q === b.length) q = 0; } },
} satisfies Record<string, Loop2>;
