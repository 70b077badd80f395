/**
 * The one fast multiply kernel of the project: C = A·B for float64 and float32, always with the same bits.
 *
 * Follows Goto, van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM Transactions on Mathematical
 * Software 34(3), 2008. https://doi.org/10.1145/1356052.1356053
 * Blocks of A and B are packed so that the innermost loop reads both in one straight line, and that loop keeps a small
 * tile of C in registers. Here that loop is 128-bit WebAssembly SIMD, made by gemm-wasm.ts when it is first needed.
 *
 * The order of summation is the textbook's, whatever path is taken: cᵢⱼ = ((0 + aᵢ₀b₀ⱼ) + aᵢ₁b₁ⱼ) + …, every product and
 * every sum rounded to the element type. So a result depends neither on the sizes of blocks nor on the machine.
 *
 * But:
 * - No fused multiply-add and no relaxed SIMD: faster where they exist, other bits where they do not.
 * - One thread. A product of blocks in several workers would have the same bits.
 * - The blocks have fixed sizes, so the working memory (1.8 MB for float64) never grows; it is not tuned to the machine's caches.
 */
import { checkInteger } from "./check.js";
import { assembleKernel } from "./gemm-wasm.js";

// What is used of it: the project is compiled without the types of a browser.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

type Floats = Float64Array | Float32Array;

/** A strided rank-2 view: entry (i, j) at `data[offset + i * stride[0] + j * stride[1]]`. A `Matrix` is one. */
export interface Strided<T extends Floats> {
  readonly data: T;
  readonly stride: readonly number[];
  readonly offset: number;
}

/** The innermost loop, and the memory that it works in. */
export interface Kernel<T extends Floats> {
  readonly memory: T;
  /**
   * C += A·B for `tiles` tiles of C below each other, each TILE_ROWS high and as wide as two SIMD registers.
   *
   * @param a where in memory the packed A starts, TILE_ROWS × depth for each tile, column after column
   * @param b where the packed B starts, depth × width of a tile, row after row
   * @param c where the tiles of C start, in rows of `columns` numbers
   */
  multiply(a: number, b: number, c: number, depth: number, tiles: number, columns: number): void;
}

const TILE_ROWS = 4;
const TILE_BYTES = 32; // its width: 4 float64 or 8 float32, two registers of 16 bytes
const [BLOCK_ROWS, BLOCK_DEPTH, BLOCK_COLUMNS] = [128, 256, 512];
const [A_START, B_START, C_START] = [0, BLOCK_ROWS * BLOCK_DEPTH, (BLOCK_ROWS + BLOCK_COLUMNS) * BLOCK_DEPTH];
const MEMORY_LENGTH = C_START + BLOCK_ROWS * BLOCK_COLUMNS;
const WORTH_PACKING = 1024; // multiplications: below about 10×10×10 the plain loop is as fast

/**
 * C = A·B.
 *
 * @param m rows of A and C
 * @param n columns of B and C
 * @param k columns of A, rows of B; 0 gives zeros
 * @param a m×k: row-major numbers, or a strided view (Aᵀ costs no more than A)
 * @param b k×n: likewise, of the same element type
 * @param c where to write the m×n product, row-major; default a new array. What it held is overwritten; it must not overlap a or b
 * @param kernel default: WebAssembly where there is one, otherwise TypeScript; both give the same bits
 * @returns c
 * @throws RangeError if a size is not an integer ≥ 0, an operand or c has not the numbers that the sizes ask for, or c is an operand
 * @example
 * gemm(2, 1, 3, Float64Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(1, 0, -1)) // [-2, -2]
 */
export function gemm<T extends Floats>(
  m: number,
  n: number,
  k: number,
  a: T | Strided<T>,
  b: T | Strided<T>,
  c?: T,
  kernel?: Kernel<T>,
): T {
  checkInteger("gemm", "m", m, 0);
  checkInteger("gemm", "n", n, 0);
  checkInteger("gemm", "k", k, 0);
  const A = strided("a", a, m, k);
  const B = strided("b", b, k, n);
  const C = c ?? arrayLike(A.data, m * n);
  if (C.length !== m * n) throw new RangeError(`gemm: c must hold ${m}×${n} = ${m * n} numbers, got ${C.length}`);
  if (C === A.data || C === B.data) throw new RangeError("gemm: c must not be an operand, got the same array");

  if (m * n * k >= WORTH_PACKING && m >= TILE_ROWS && n >= TILE_ROWS) {
    multiplyBlocks(m, n, k, A, B, C, kernel ?? defaultKernel(C));
  } else {
    C.fill(0);
    if (m < TILE_ROWS && B.stride[1] === 1) multiplyRows(m, n, k, A, B, C);
    else if (n === 1 && A.stride[0] === 1) multiplyRows(1, m, k, swapped(B), swapped(A), C);
    else multiplyPlainly(m, n, k, A, B, { data: C, stride: [n, 1], offset: 0 });
  }
  return C;
}

/** C += A·B by Goto's loops: a block of B and a block of A are packed, then every tile of their product is the kernel's. */
function multiplyBlocks<T extends Floats>(
  m: number,
  n: number,
  k: number,
  a: Strided<T>,
  b: Strided<T>,
  c: T,
  kernel: Kernel<T>,
) {
  const { memory } = kernel;
  const tileColumns = TILE_BYTES / memory.BYTES_PER_ELEMENT;
  for (let j = 0; j < n; j += BLOCK_COLUMNS) {
    const columns = Math.min(BLOCK_COLUMNS, n - j);
    const width = Math.ceil(columns / tileColumns) * tileColumns;
    for (let p = 0; p < k; p += BLOCK_DEPTH) {
      const depth = Math.min(BLOCK_DEPTH, k - p);
      pack(memory, B_START, tileColumns, swapped(b), j, columns, p, depth);
      for (let i = 0; i < m; i += BLOCK_ROWS) {
        const rows = Math.min(BLOCK_ROWS, m - i);
        pack(memory, A_START, TILE_ROWS, a, i, rows, p, depth);
        // Rows of C that lie side by side, here and there, are copied as one.
        const [pieces, length] = width === n ? [1, rows * n] : [rows, columns];
        const pieceOfC = (r: number) => c.subarray((i + r) * n + j, (i + r) * n + j + length);
        // The first block starts from 0, a later one from the sums so far: adding up separate sums would be another order.
        if (p === 0) memory.fill(0, C_START, C_START + rows * width);
        else for (let r = 0, to = C_START; r < pieces; r++, to += width) memory.set(pieceOfC(r), to);
        for (let s = 0; s < width; s += tileColumns) {
          kernel.multiply(A_START, B_START + s * depth, C_START + s, depth, Math.ceil(rows / TILE_ROWS), width);
        }
        for (let r = 0, at = C_START; r < pieces; r++, at += width) pieceOfC(r).set(memory.subarray(at, at + length));
      }
    }
  }
}

/**
 * Copies rows × depth entries of x, from (i, p) on, into strips of `height` rows, each strip column after column. Where the
 * last strip has rows to spare they keep what they held: their products land outside C. B is packed as Bᵀ, so that a
 * strip has whole rows of B.
 */
function pack<T extends Floats>(
  memory: T,
  at: number,
  height: number,
  x: Strided<T>,
  i: number,
  rows: number,
  p: number,
  depth: number,
) {
  const { data, offset } = x;
  const [rowStride, columnStride] = x.stride as [number, number];
  for (let r = 0; r < rows; r++) {
    const inStrip = r % height;
    let to = at + (r - inStrip) * depth + inStrip;
    let from = offset + (i + r) * rowStride + p * columnStride;
    for (let q = 0; q < depth; q++, to += height, from += columnStride) memory[to] = data[from]!;
  }
}

/**
 * C += A·B for few rows of A, such as a single one: each row of B is read from its start to its end. A single column of C is a row
 * of Cᵀ = BᵀAᵀ.
 */
function multiplyRows<T extends Floats>(m: number, n: number, k: number, a: Strided<T>, b: Strided<T>, z: T) {
  const [x, y] = [a.data, b.data];
  for (let i = 0; i < m; i++) {
    for (let p = 0; p < k; p++) {
      const factor = x[a.offset + i * a.stride[0]! + p * a.stride[1]!]!;
      const end = (i + 1) * n;
      let v = b.offset + p * b.stride[0]!;
      if (z instanceof Float64Array) for (let at = i * n; at < end; at++, v++) z[at]! += factor * y[v]!;
      else for (let at = i * n; at < end; at++, v++) z[at] = Math.fround(z[at]! + Math.fround(factor * y[v]!));
    }
  }
}

/** C += A·B without packing, 2×2 entries of C at a time: small products, and every tile where there is no WebAssembly. */
function multiplyPlainly<T extends Floats>(
  m: number,
  n: number,
  k: number,
  a: Strided<T>,
  b: Strided<T>,
  c: Strided<T>,
) {
  const [x, y, z] = [a.data, b.data, c.data];
  const [aDown, aRight] = a.stride as [number, number];
  const [bDown, bRight] = b.stride as [number, number];
  const [cDown, cRight] = c.stride as [number, number];
  for (let i = 0; i < m; i += 2) {
    for (let j = 0; j < n; j += 2) {
      // Where only one row or column is left, it is taken twice: the same sum, stored twice.
      const down = i + 1 < m ? 1 : 0;
      const right = j + 1 < n ? 1 : 0;
      const [aNext, bNext, cNext, cBelow] = [down * aDown, right * bRight, right * cRight, down * cDown];
      const at = c.offset + i * cDown + j * cRight;
      let c00 = z[at]!;
      let c01 = z[at + cNext]!;
      let c10 = z[at + cBelow]!;
      let c11 = z[at + cBelow + cNext]!;
      let u = a.offset + i * aDown;
      let v = b.offset + j * bRight;
      if (z instanceof Float64Array) {
        for (let p = 0; p < k; p++, u += aRight, v += bDown) {
          c00 += x[u]! * y[v]!;
          c01 += x[u]! * y[v + bNext]!;
          c10 += x[u + aNext]! * y[v]!;
          c11 += x[u + aNext]! * y[v + bNext]!;
        }
      } else {
        for (let p = 0; p < k; p++, u += aRight, v += bDown) {
          c00 = Math.fround(c00 + Math.fround(x[u]! * y[v]!));
          c01 = Math.fround(c01 + Math.fround(x[u]! * y[v + bNext]!));
          c10 = Math.fround(c10 + Math.fround(x[u + aNext]! * y[v]!));
          c11 = Math.fround(c11 + Math.fround(x[u + aNext]! * y[v + bNext]!));
        }
      }
      z[at] = c00;
      z[at + cNext] = c01;
      z[at + cBelow] = c10;
      z[at + cBelow + cNext] = c11;
    }
  }
}

function strided<T extends Floats>(name: string, x: T | Strided<T>, rows: number, columns: number): Strided<T> {
  const view = "data" in x ? x : { data: x, stride: [columns, 1], offset: 0 };
  const [down, right] = [(rows - 1) * view.stride[0]!, (columns - 1) * view.stride[1]!];
  const first = view.offset + Math.min(down, 0) + Math.min(right, 0);
  const last = view.offset + Math.max(down, 0) + Math.max(right, 0);
  if (!(rows * columns === 0 || (first >= 0 && last < view.data.length))) {
    throw new RangeError(
      `gemm: ${name} must hold ${rows}×${columns} numbers within its array, got ${view.data.length} numbers`,
    );
  }
  return view;
}

const swapped = <T extends Floats>(x: Strided<T>): Strided<T> => ({ ...x, stride: [x.stride[1]!, x.stride[0]!] });
const arrayLike = <T extends Floats>(x: T, length: number) => new (x.constructor as new (length: number) => T)(length);

// ---- kernels ----

const kernels = new Map<number, Kernel<Floats>>();

/** One kernel for each element type, made when it is first needed. */
function defaultKernel<T extends Floats>(like: T): Kernel<T> {
  let kernel = kernels.get(like.BYTES_PER_ELEMENT);
  if (!kernel) {
    try {
      kernel = wasmKernel(like);
    } catch {
      kernel = plainKernel(like); // no WebAssembly SIMD, or a content security policy that forbids it
    }
    kernels.set(like.BYTES_PER_ELEMENT, kernel);
  }
  return kernel as Kernel<T>;
}

/** The kernel in TypeScript, for the element type of `like`. */
export function plainKernel<T extends Floats>(like: T): Kernel<T> {
  const memory = arrayLike(like, MEMORY_LENGTH);
  const width = TILE_BYTES / memory.BYTES_PER_ELEMENT;
  const view = (offset: number, rowStride: number, columnStride: number) => ({
    data: memory,
    offset,
    stride: [rowStride, columnStride],
  });
  return {
    memory,
    multiply(a, b, c, depth, tiles, columns) {
      for (let t = 0; t < tiles; t++, a += TILE_ROWS * depth, c += TILE_ROWS * columns) {
        multiplyPlainly(TILE_ROWS, width, depth, view(a, 1, TILE_ROWS), view(b, width, 1), view(c, columns, 1));
      }
    },
  };
}

/**
 * The kernel in WebAssembly, for the element type of `like`.
 *
 * @throws ReferenceError, RangeError or WebAssembly.CompileError where there is no WebAssembly, no SIMD, or no permission
 */
export function wasmKernel<T extends Floats>(like: T): Kernel<T> {
  const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1; // as WebAssembly's memory always is
  if (!littleEndian) throw new RangeError("wasmKernel: the machine must be little-endian");
  const bytes = like.BYTES_PER_ELEMENT;
  const module = assembleKernel(bytes, TILE_ROWS, MEMORY_LENGTH * bytes);
  const { memory, multiply } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as {
    memory: { buffer: ArrayBuffer };
    multiply: Kernel<T>["multiply"];
  };
  return {
    memory: new (like.constructor as new (buffer: ArrayBuffer) => T)(memory.buffer),
    multiply: (a, b, c, depth, tiles, columns) =>
      multiply(a * bytes, b * bytes, c * bytes, depth, tiles, columns * bytes),
  };
}
