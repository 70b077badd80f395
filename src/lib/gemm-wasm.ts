/**
 * The innermost loop of gemm.ts in WebAssembly: a few helpers that write its instructions down, and the loop itself.
 *
 * Follows "WebAssembly Core Specification", version 2.0, W3C, chapter 5 (binary format). https://www.w3.org/TR/wasm-core-2/
 * WebAssembly is a stack machine, so operands come before their operation. Every index and offset here is below 64 and so
 * is one byte; only lengths take more.
 */

const op = {
  loop: 0x03,
  end: 0x0b,
  againIf: 0x0d,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  constant: 0x41,
  add: 0x6a,
  subtract: 0x6b,
  load: [0xfd, 0x00],
  store: [0xfd, 0x0b],
  spread32: [0xfd, 0x09],
  spread64: [0xfd, 0x0a],
  plus32: [0xfd, 0xe4, 1],
  times32: [0xfd, 0xe6, 1],
  plus64: [0xfd, 0xf0, 1],
  times64: [0xfd, 0xf2, 1],
} as const;
const [I32, V128, EMPTY, FUNCTION, MEMORY] = [0x7f, 0x7b, 0x40, 0, 2];

/**
 * The bytes of a module with two exports: `memory`, and `multiply` as in `Kernel` of gemm.ts with addresses in bytes. The
 * sums of a tile stay in registers, two of 16 bytes for each row, while `depth` columns of A and rows of B go by.
 *
 * @param bytes of a number: 8 for float64, 4 for float32
 * @param tileRows rows of a tile, at most 4, so that sums and operands fit the 16 registers of x86
 * @param memoryBytes size of the memory, rounded up to pages of 64 KiB
 */
export function assembleKernel(bytes: number, tileRows: number, memoryBytes: number): Uint8Array {
  /** LEB128 */
  const number = (x: number): number[] => (x < 128 ? [x] : [(x & 127) | 128, ...number(x >>> 7)]);

  // Local variables: the six parameters, three more integers, then the vectors.
  const [a, b, c, depth, tiles, pitch, row, panel, left] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
  const sum = (i: number, j: number) => 9 + 2 * i + j;
  const [entry, factors] = [9 + 2 * tileRows, 10 + 2 * tileRows];

  const get = (local: number) => [op.get, local];
  const set = (local: number, ...value: number[]) => [...value, op.set, local];
  const add = (local: number, ...value: number[]) => set(local, op.get, local, ...value, op.add);
  const load = (address: number, offset: number) => [op.get, address, ...op.load, 0, offset];
  const store = (address: number, offset: number, value: number) =>
    [get(address), get(value), op.store, [0, offset]].flat();
  /** One number of A in every lane. */
  const spread = (offset: number) => [op.get, a, ...(bytes === 8 ? op.spread64 : op.spread32), 0, offset];
  /** sum += entry · factor, rounded twice. */
  const accumulate = (sum: number, factor: number) =>
    set(sum, ...[get(sum), get(entry), get(factor), bytes === 8 ? op.times64 : op.times32, plus].flat());
  const plus = bytes === 8 ? op.plus64 : op.plus32;
  /** do { body } while (--counter) */
  const loop = (counter: number, ...body: number[]) =>
    [
      [op.loop, EMPTY],
      body,
      [op.get, counter, op.constant, 1, op.subtract, op.tee, counter, op.againIf, 0, op.end],
    ].flat();

  const rows = (code: (i: number) => number[]) => Array.from({ length: tileRows }, (_, i) => code(i)).flat();
  const multiply = loop(
    tiles,
    ...set(row, ...get(c)),
    ...rows((i) => [
      ...set(sum(i, 0), ...load(row, 0)),
      ...set(sum(i, 1), ...load(row, 16)),
      ...add(row, ...get(pitch)),
    ]),
    ...set(panel, ...get(b)),
    ...set(left, ...get(depth)),
    ...loop(
      left,
      ...set(factors, ...load(panel, 0)),
      ...set(factors + 1, ...load(panel, 16)),
      ...rows((i) => [
        ...set(entry, ...spread(i * bytes)),
        ...accumulate(sum(i, 0), factors),
        ...accumulate(sum(i, 1), factors + 1),
      ]),
      ...add(a, op.constant, tileRows * bytes),
      ...add(panel, op.constant, 32),
    ),
    ...rows((i) => [...store(c, 0, sum(i, 0)), ...store(c, 16, sum(i, 1)), ...add(c, ...get(pitch))]),
  );

  const sized = (content: number[]) => [...number(content.length), ...content];
  const section = (id: number, ...content: number[]) => [id, ...sized([1, ...content])]; // with one entry
  const name = (text: string) => sized(Array.from(text, (letter) => letter.charCodeAt(0)));
  const locals = [2, 3, I32, 2 * tileRows + 3, V128];
  return Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0), // a type: six i32, no result
    ...section(3, 0), // a function of it
    ...section(5, 0, ...number(Math.ceil(memoryBytes / 65536))), // memory, in pages of 64 KiB
    ...[7, ...sized([2, ...name("memory"), MEMORY, 0, ...name("multiply"), FUNCTION, 0])],
    ...section(10, ...sized([...locals, ...multiply, op.end])), // its code
  );
}
