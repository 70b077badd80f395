import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digitsData, digitsLogits, digitsProblem } from "../../src/autodiff/digits.js";
import { crossEntropy, gather } from "../../src/autodiff/ops.js";
import { valueAndGrad } from "../../src/demos/deep-learning-foundations/backpropagation.js";
import {
  type AllReduceAlgorithm,
  allGather,
  allReduce,
  allReduceProgram,
  allReduceSteps,
  allToAll,
  broadcast,
  busBandwidth,
  type Comm,
  type CostedAlgorithm,
  crossoverBytes,
  DeadlockError,
  fitLink,
  hierarchicalAllReduce,
  nodeWorld,
  pingPongProgram,
  predictTime,
  reduce,
  reduceScatter,
  World,
} from "../../src/demos/systems-and-infrastructure/all-reduce-and-collectives.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

// Threads start from files: the built package. A name in a variable, so that the types are those of the source.
const built = new URL("../../dist/workers.js", import.meta.url).href;
const { runInWorkers } = (await import(/* @vite-ignore */ built)) as typeof import("../../src/workers.js");
const collectives = new URL("demos/systems-and-infrastructure/all-reduce-and-collectives.js", built).href;

const { claim, oracle } = concept("systems-and-infrastructure/all-reduce-and-collectives");

interface Fixture {
  readonly reductions: readonly {
    readonly op: "sum" | "max" | "min" | "prod" | "mean";
    readonly buffers: number[][];
    readonly result: number[];
  }[];
  readonly table: readonly {
    readonly ranks: number;
    readonly bytes: number;
    readonly alpha: number;
    readonly beta: number;
    readonly gamma: number;
    readonly times: Readonly<Record<CostedAlgorithm, number>>;
  }[];
  readonly gloo: {
    readonly buffers: number[][];
    readonly allReduce: number[];
    readonly reduceScatter: number[][];
    readonly allToAll: number[][];
  };
}
const fixture = oracle<Fixture>();

// ---- what the tests are made of ----

const ALGORITHMS: readonly AllReduceAlgorithm[] = [
  "ring",
  "recursive-doubling",
  "recursive-halving-doubling",
  "binomial-tree",
  "star",
];
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const floats = (P: number, n: number, seed = 0) => {
  const { normal } = random(seed);
  return range(P).map(() => Float32Array.from({ length: n }, normal));
};
const integers = (P: number, n: number, seed = 0) => {
  const { integer } = random(seed);
  return range(P).map(() => Float32Array.from({ length: n }, () => integer(2001) - 1000));
};
const total = (xs: ArrayLike<number>) => Array.from(xs).reduce((sum, x) => sum + x, 0);
const column = (buffers: readonly ArrayLike<number>[], i: number) => buffers.map((x) => x[i]!);
const bits = (x: Float32Array) => Array.from(new Int32Array(x.buffer.slice(0) as ArrayBuffer, x.byteOffset, x.length));

// ---- claims ----

claim("the-ring-sends-two-buffers-whatever-the-ranks", () => {
  for (let P = 2; P <= 9; P++) {
    for (const n of [1, 13, 1000]) {
      const { sentBytes, steps, run } = allReduce(floats(P, n));
      expect(steps).toBe(2 * (P - 1));
      expect(total(sentBytes)).toBe(4 * 2 * (P - 1) * n);
      // Nobody but the neighbour on the right is spoken to, once in each step.
      for (const i of range(P)) {
        expect(Array.from(run.messages[i]!)).toEqual(range(P).map((j) => (j === (i + 1) % P ? 2 * (P - 1) : 0)));
      }
      if (n % P === 0) expect(Array.from(sentBytes)).toEqual(new Array(P).fill((4 * 2 * (P - 1) * n) / P));
    }
    const even = allReduce(floats(P, 5 * P));
    expect(Math.max(...even.sentBytes)).toBe((4 * 2 * (P - 1) * 5 * P) / P);
    expect(Math.max(...even.sentBytes)).toBeLessThan(2 * 4 * 5 * P);
  }
});

claim("all-reduce-is-reduce-scatter-then-all-gather", () => {
  for (const P of [2, 3, 5, 8]) {
    for (const n of [1, 7, 64]) {
      const buffers = floats(P, n, P * n);
      const scattered = reduceScatter(buffers);
      const gathered = allGather(scattered.outputs);
      const reduced = allReduce(buffers);
      for (const i of range(P)) expect(bits(gathered.outputs[i]!)).toEqual(bits(reduced.outputs[i]!));
      expect(scattered.steps + gathered.steps).toBe(reduced.steps);
      expect(range(P).map((i) => scattered.sentBytes[i]! + gathered.sentBytes[i]!)).toEqual(
        Array.from(reduced.sentBytes),
      );
    }
  }
});

claim("all-ranks-have-the-same-bits", () => {
  const u = 2 ** -24;
  let different = 0;
  for (const P of [2, 3, 4, 6, 7, 8, 13]) {
    const buffers = floats(P, 29, P);
    const results = ALGORITHMS.map((algorithm) => allReduce(buffers, { algorithm }).outputs);
    for (const outputs of results) for (const output of outputs) expect(bits(output)).toEqual(bits(outputs[0]!));
    const gamma = ((P - 1) * u) / (1 - (P - 1) * u);
    for (let i = 0; i < 29; i++) {
      const bound = 2 * gamma * total(column(buffers, i).map(Math.abs));
      for (const [a] of results) {
        for (const [b] of results) {
          expect(Math.abs(a![i]! - b![i]!)).toBeLessThanOrEqual(bound);
          if (a![i] !== b![i]) different++;
        }
      }
    }
    const whole = integers(P, 29, P);
    const exact = range(29).map((i) => total(column(whole, i)));
    for (const algorithm of ALGORITHMS) {
      for (const output of allReduce(whole, { algorithm }).outputs) expect(Array.from(output)).toEqual(exact);
    }
  }
  expect(different).toBeGreaterThan(100); // addition of floats is not associative, and it shows
});

claim("the-clock-follows-the-formulas", () => {
  const [alpha, beta, gamma] = [3e-6, 7e-10, 2e-10];
  for (const P of [2, 4, 8, 16]) {
    const n = 4 * P * 5; // bytes of 5P floats
    const L = Math.log2(P);
    const share = (P - 1) / P;
    const expected = {
      ring: 2 * (P - 1) * alpha + 2 * share * n * beta + share * n * gamma,
      "recursive-doubling": L * (alpha + n * beta + n * gamma),
      "recursive-halving-doubling": 2 * L * alpha + 2 * share * n * beta + share * n * gamma,
      "binomial-tree": L * (2 * alpha + 2 * n * beta + n * gamma),
      star: (P - 1) * (2 * alpha + 2 * n * beta + n * gamma),
    };
    for (const algorithm of ALGORITHMS) {
      const world = new World({ ranks: P, alpha, beta, gamma });
      const { time } = allReduce(floats(P, 5 * P), { algorithm, world });
      expect(time / expected[algorithm]).toBeCloseTo(1, 12);
      const predicted = predictTime(`all-reduce/${algorithm}`, { ranks: P, bytes: n, alpha, beta, gamma });
      expect(predicted / expected[algorithm]).toBeCloseTo(1, 12);
    }
    const options = { world: new World({ ranks: P, alpha, beta, gamma }) };
    const costs = { ranks: P, bytes: n, alpha, beta, gamma };
    expect(reduceScatter(floats(P, 5 * P), options).time / predictTime("reduce-scatter/ring", costs)).toBeCloseTo(
      1,
      12,
    );
    expect(allGather(floats(P, 5), options).time / predictTime("all-gather/ring", costs)).toBeCloseTo(1, 12);
    expect(broadcast(floats(P, 5 * P), options).time / predictTime("broadcast/binomial", costs)).toBeCloseTo(1, 12);
  }
});

claim("small-messages-want-few-steps", () => {
  const costs = { ranks: 8, alpha: 5e-6, beta: 1 / 50e9 };
  const crossing = crossoverBytes("all-reduce/ring", "all-reduce/recursive-doubling", costs);
  expect(crossing).toBeCloseTo(2_200_000, 4);
  for (const P of [4, 8, 16]) {
    const world = new World({ ranks: P, alpha: 1, beta: 1 });
    const n = (2 * (P - 1) - Math.log2(P)) / (Math.log2(P) - (2 * (P - 1)) / P); // bytes, at α = β
    const at = (bytes: number) => {
      const buffers = floats(P, (Math.round(bytes / 4 / P) * P) | 0);
      return (["ring", "recursive-doubling"] as const).map(
        (algorithm) => allReduce(buffers, { algorithm, world }).time,
      );
    };
    expect(
      crossoverBytes("all-reduce/ring", "all-reduce/recursive-doubling", { ranks: P, alpha: 1, beta: 1 }),
    ).toBeCloseTo(n, 9);
    const [ringSmall, doublingSmall] = at(0);
    const [ringLarge, doublingLarge] = at(40 * P);
    expect(doublingSmall).toBeLessThan(ringSmall!);
    expect(n).toBeLessThan(40 * P);
    expect(ringLarge).toBeLessThan(doublingLarge!);
  }
  expect(crossoverBytes("all-reduce/ring", "all-reduce/recursive-doubling", { ...costs, ranks: 2 })).toBeNaN();
  for (const n of [1, 100]) {
    const world = new World({ ranks: 2, alpha: 2, beta: 1 });
    const [ring, doubling] = (["ring", "recursive-doubling"] as const).map(
      (algorithm) => allReduce(floats(2, 2 * n), { algorithm, world }).time,
    );
    expect(doubling).toBeLessThan(ring!);
  }
});

claim(
  "ping-pong-shows-alpha-and-beta",
  async () => {
    const sizes = [8, 80, 800, 8e3, 8e4, 8e5, 8e6];
    const [alpha, beta] = [5e-6, 1 / 50e9];
    const world = new World({ ranks: 2, alpha, beta });
    const seconds = sizes.map((bytes) => world.run(pingPongProgram(bytes)).time / 2);
    const fit = fitLink(sizes, seconds);
    expect(fit.alpha / alpha).toBeCloseTo(1, 9);
    expect(fit.beta / beta).toBeCloseTo(1, 9);
    // Times that are off by as many percent either way: α and β are off by no more.
    const times = seconds.map((t, i) => t * (i % 2 === 0 ? 1.03 : 0.97));
    const noisy = fitLink(sizes, times);
    const errors = (a: number, b: number) => total(sizes.map((n, i) => ((a + b * n) / times[i]! - 1) ** 2));
    for (const [da, db] of [
      [1e-4, 0],
      [-1e-4, 0],
      [0, 1e-4],
      [0, -1e-4],
    ] as const) {
      expect(errors(noisy.alpha * (1 + da), noisy.beta * (1 + db))).toBeGreaterThan(errors(noisy.alpha, noisy.beta));
    }
    expect(Math.abs(noisy.alpha / alpha - 1)).toBeLessThan(0.03);
    expect(Math.abs(noisy.beta / beta - 1)).toBeLessThan(0.03);

    // Two threads: the same program, the same messages, times of this machine.
    const real: number[] = [];
    for (const [bytes, rounds] of [
      [8, 300],
      [8e6, 5],
    ] as const) {
      const {
        messages,
        bytes: sent,
        seconds: spent,
      } = await runInWorkers({
        ranks: 2,
        module: collectives,
        name: "pingPongProgram",
        args: () => [bytes, rounds],
      });
      const run = world.run(pingPongProgram(bytes, rounds));
      expect(messages).toEqual(run.messages.map((row) => Array.from(row)));
      expect(sent).toEqual(run.bytes.map((row) => Array.from(row)));
      real.push(spent / (2 * rounds));
    }
    const threads = fitLink([8, 8e6], real);
    expect(threads.alpha).toBeGreaterThan(0);
    expect(threads.beta).toBeGreaterThan(0);
  },
  30_000,
);

claim("the-star-takes-as-many-times-as-long-as-there-are-ranks", () => {
  for (const P of [2, 3, 5, 8]) {
    const world = new World({ ranks: P, beta: 1 });
    const buffers = floats(P, 4 * P);
    expect(allReduce(buffers, { algorithm: "star", world }).time).toBe(P * allReduce(buffers, { world }).time);
  }
});

claim("bus-bandwidth-is-the-link", () => {
  const beta = 1 / 25e9;
  let previous = Infinity;
  for (const P of [2, 3, 4, 8, 16]) {
    const n = 12 * P;
    const { time } = allReduce(floats(P, n), { world: new World({ ranks: P, beta }) });
    expect(busBandwidth("all-reduce", { bytes: 4 * n, time, ranks: P }) * beta).toBeCloseTo(1, 12);
    const algorithmBandwidth = ((4 * n) / time) * beta;
    expect(algorithmBandwidth).toBeCloseTo(P / (2 * (P - 1)), 12);
    expect(algorithmBandwidth).toBeLessThan(previous);
    previous = algorithmBandwidth;
  }
  expect(previous).toBeGreaterThan(0.5);
});

claim("one-slow-link-slows-the-whole-ring", () => {
  for (const P of [3, 4, 8]) {
    for (const [alpha, k] of [
      [0, 10],
      [2, 1],
      [2, 3],
    ] as const) {
      const n = 4 * 6 * P;
      const link = (from: number) => ({ alpha, beta: from === 1 ? k : 1 });
      const { time } = allReduce(floats(P, 6 * P), { world: new World({ ranks: P, link }) });
      expect(time).toBe(2 * (P - 1) * (alpha + (k * n) / P));
    }
  }
});

claim("the-hierarchy-gains-by-its-ports", () => {
  const [nodes, ranksPerNode] = [4, 8];
  const P = nodes * ranksPerNode;
  const n = 2 * P;
  const links = { intra: { alpha: 0, beta: 0 }, inter: { alpha: 0, beta: 1 } };
  const buffers = integers(P, n, 5);
  const nodeOf = (rank: number) => Math.floor(rank / ranksPerNode);
  const leaving = (bytes: readonly Float64Array[], node: number) =>
    total(range(P).flatMap((i) => range(P).map((j) => (nodeOf(i) === node && nodeOf(j) !== node ? bytes[i]![j]! : 0))));
  const world = nodeWorld({ nodes, ranksPerNode, ...links });
  const ring = allReduce(buffers, { world });
  const hierarchy = hierarchicalAllReduce(buffers, { nodes, ranksPerNode, ...links });
  expect(hierarchy.outputs).toEqual(ring.outputs); // integers
  expect(leaving(ring.run.bytes, 2)).toBe(((2 * (P - 1)) / P) * 4 * n);
  expect(leaving(hierarchy.run.bytes, 2)).toBe(((2 * (nodes - 1)) / nodes) * 4 * n);
  expect(ring.time / hierarchy.time).toBeCloseTo(31 / 3, 12);

  // A ring whose neighbours always sit on different nodes.
  const order = range(P).map((i) => (i % nodes) * ranksPerNode + Math.floor(i / nodes));
  const mixed = world.run((comm: Comm) => allReduceProgram(buffers[comm.rank]!)(comm.group(order)));
  expect(mixed.results).toEqual(ring.outputs);
  expect(leaving(mixed.bytes, 2)).toBe(ranksPerNode * leaving(ring.run.bytes, 2));
});

claim("blocking-sends-around-a-ring-deadlock", () => {
  const program = (paired: boolean) =>
    function* ({ rank, size, send, recv, sendrecv }: Comm) {
      const [right, left] = [(rank + 1) % size, (rank - 1 + size) % size];
      const mine = Int32Array.of(rank);
      if (paired) return (yield* sendrecv(right, mine, left))[0];
      yield* send(right, mine);
      return (yield* recv(left))[0];
    };
  const rendezvous = new World({ ranks: 3, eager: false });
  expect(() => rendezvous.run(program(false))).toThrow(
    new DeadlockError([
      "rank 0 waits for rank 1 to receive (tag 0)",
      "rank 1 waits for rank 2 to receive (tag 0)",
      "rank 2 waits for rank 0 to receive (tag 0)",
    ]),
  );
  expect(rendezvous.run(program(true)).results).toEqual([2, 0, 1]);
  expect(new World({ ranks: 3 }).run(program(false)).results).toEqual([2, 0, 1]);
});

claim("a-mean-of-means-is-not-the-mean", () => {
  const { train } = digitsData();
  const { parameters } = digitsProblem({ hidden: 8 });
  const of = (rows: Int32Array) => {
    const labels = rows.map((i) => train.labels[i]!);
    const { grads } = valueAndGrad((p: typeof parameters) =>
      crossEntropy(digitsLogits(gather(train.x, rows), p), labels),
    )(parameters);
    return grads.hidden.weight.data as Float32Array;
  };
  const all = Int32Array.from(range(40));
  const shards = [all.subarray(0, 30), all.subarray(30)];
  const exact = of(all);
  const distance = (x: Float32Array) => Math.hypot(...x.map((xi, i) => xi - exact[i]!)) / Math.hypot(...exact);
  const naive = allReduce(shards.map(of), { op: "mean" }).outputs[0]!;
  const weighted = allReduce(shards.map((rows) => of(rows).map((g) => (g * rows.length) / 40))).outputs[0]!;
  expect(distance(naive)).toBeGreaterThan(0.1);
  expect(distance(weighted)).toBeLessThan(1e-6); // float32
});

claim("all-to-all-is-a-transpose-of-blocks", () => {
  for (const [P, block] of [
    [2, 3],
    [5, 2],
    [4, 1],
  ] as const) {
    const buffers = floats(P, P * block, P);
    const once = allToAll(buffers);
    for (const i of range(P)) {
      for (const j of range(P)) {
        const piece = (x: Float32Array, k: number) => Array.from(x.subarray(k * block, (k + 1) * block));
        expect(piece(once.outputs[j]!, i)).toEqual(piece(buffers[i]!, j));
      }
    }
    expect(allToAll(once.outputs).outputs).toEqual(buffers);
    expect(Array.from(once.sentBytes)).toEqual(new Array(P).fill(4 * block * (P - 1)));
  }
});

// ---- against NumPy, PyTorch and the table of costs ----

describe("against NumPy, PyTorch and the published costs", () => {
  test.each(fixture.reductions)("$op of all buffers", ({ op, buffers, result }) => {
    for (const algorithm of ALGORITHMS) {
      const { outputs } = allReduce(
        buffers.map((x) => Float64Array.from(x)),
        { op, algorithm },
      );
      for (const output of outputs) {
        // Sums and products in other orders: a few roundings of float64.
        for (const [i, expected] of result.entries()) expect(output[i]! - expected).toBeCloseTo(0, 12);
      }
    }
  });

  test.each(fixture.table)("costs for $ranks ranks and $bytes bytes", ({ times, ...costs }) => {
    for (const [algorithm, time] of Object.entries(times) as [CostedAlgorithm, number][]) {
      expect(predictTime(algorithm, costs) / time).toBeCloseTo(1, 12);
    }
  });

  test("the factors of nccl-tests", () => {
    for (const n of [2, 3, 8]) {
      const at = (collective: Parameters<typeof busBandwidth>[0]) =>
        busBandwidth(collective, { bytes: 6, time: 2, ranks: n });
      expect(at("all-reduce")).toBeCloseTo((3 * 2 * (n - 1)) / n, 12);
      for (const part of ["reduce-scatter", "all-gather", "all-to-all"] as const) {
        expect(at(part)).toBeCloseTo((3 * (n - 1)) / n, 12);
      }
      expect([at("broadcast"), at("reduce")]).toEqual([3, 3]);
    }
  });

  test("a mean divides the sum once", () => {
    const buffers = [1, 1, 3].map((x) => Float64Array.of(x));
    expect(5 / 3).not.toBe(5 * (1 / 3));
    for (const algorithm of ALGORITHMS) {
      expect(allReduce(buffers, { algorithm, op: "mean" }).outputs[1]).toEqual(Float64Array.of(5 / 3));
    }
    expect(reduceScatter(buffers, { op: "mean" }).outputs[0]).toEqual(Float64Array.of(5 / 3));
    expect(reduce(buffers, { op: "mean", root: 2 }).outputs[2]).toEqual(Float64Array.of(5 / 3));
  });

  test("torch.distributed's processes leave the same numbers", () => {
    const buffers = fixture.gloo.buffers.map((x) => Float64Array.from(x));
    expect(Array.from(allReduce(buffers).outputs[1]!)).toEqual(fixture.gloo.allReduce);
    expect(reduceScatter(buffers).outputs.map((x) => Array.from(x))).toEqual(fixture.gloo.reduceScatter);
    expect(allToAll(buffers).outputs.map((x) => Array.from(x))).toEqual(fixture.gloo.allToAll);
  });
});

// ---- properties ----

describe("properties", () => {
  const case_ = fc.record({
    P: fc.integer({ min: 1, max: 11 }),
    n: fc.integer({ min: 0, max: 20 }),
    seed: fc.integer({ min: 0, max: 1000 }),
    algorithm: fc.constantFrom(...ALGORITHMS),
  });

  test("every collective computes what its definition says, for any P and n, eager or not", () => {
    fc.assert(
      fc.property(case_, fc.boolean(), fc.integer({ min: 0, max: 10 }), ({ P, n, seed, algorithm }, eager, r) => {
        const world = new World({ ranks: P, eager });
        const root = r % P;
        const buffers = integers(P, n, seed);
        const kept = buffers.map((x) => x.slice());
        const sum = range(n).map((i) => total(column(buffers, i)));
        const start = (i: number) => i * Math.floor(n / P) + Math.min(i, n % P);
        const piece = (x: ArrayLike<number>, i: number) => Array.from(x).slice(start(i), start(i + 1));
        const lists = (outputs: readonly Float32Array[]) => outputs.map((x) => Array.from(x));
        expect(lists(allReduce(buffers, { algorithm, world }).outputs)).toEqual(range(P).map(() => sum));
        expect(lists(reduceScatter(buffers, { world }).outputs)).toEqual(range(P).map((i) => piece(sum, i)));
        expect(lists(allGather(buffers, { world }).outputs)).toEqual(range(P).map(() => lists(buffers).flat()));
        expect(lists(reduce(buffers, { root, world }).outputs)).toEqual(range(P).map((i) => (i === root ? sum : [])));
        for (const way of ["binomial", "scatter-allgather"] as const) {
          const { outputs } = broadcast(buffers, { root, algorithm: way, world });
          expect(lists(outputs)).toEqual(range(P).map(() => Array.from(buffers[root]!)));
        }
        expect(lists(allToAll(buffers, { world }).outputs)).toEqual(
          range(P).map((i) => buffers.flatMap((x) => piece(x, i))),
        );
        const max = range(n).map((i) => Math.max(...column(buffers, i)));
        expect(lists(allReduce(buffers, { algorithm, op: "max", world }).outputs)).toEqual(range(P).map(() => max));
        expect(buffers).toEqual(kept);
      }),
      { numRuns: 150 },
    );
  });

  test("unequal parts gather; a hierarchy of any shape sums", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 15 }),
        (nodes, ranksPerNode, n) => {
          const buffers = integers(nodes * ranksPerNode, n, n);
          const sum = range(n).map((i) => total(column(buffers, i)));
          const free = { alpha: 0, beta: 0 };
          const { outputs } = hierarchicalAllReduce(buffers, { nodes, ranksPerNode, intra: free, inter: free });
          for (const output of outputs) expect(Array.from(output)).toEqual(sum);
          const parts = buffers.map((x, i) => x.subarray(0, i));
          expect(Array.from(allGather(parts).outputs.at(-1)!)).toEqual(parts.flatMap((x) => Array.from(x)));
        },
      ),
    );
  });

  test("bytes are conserved and the clock is never ahead of the busiest port", () => {
    fc.assert(
      fc.property(case_, ({ P, n, seed, algorithm }) => {
        const beta = 0.5;
        const { run, time, sentBytes } = allReduce(floats(P, n, seed), {
          algorithm,
          world: new World({ ranks: P, beta }),
        });
        const received = range(P).map((j) => total(run.bytes.map((row) => row[j]!)));
        expect(total(received)).toBe(total(sentBytes));
        expect(time).toBeGreaterThanOrEqual(beta * Math.max(...sentBytes, ...received) - 1e-9);
        expect(run.waits.every((wait) => wait >= 0 && wait <= time)).toBe(true);
      }),
    );
  });

  test("holdings grow until every rank has everything, and follow the links", () => {
    for (const algorithm of ALGORITHMS) {
      for (const P of [1, 2, 3, 4, 6, 8]) {
        const states = [...allReduceSteps(P, { algorithm })];
        expect(states[0]!.holdings.map((row) => Array.from(row))).toEqual(
          range(P).map((i) => new Array(P).fill(1 << i)),
        );
        expect(states[0]!.links).toEqual([]);
        expect(states.at(-1)!.holdings.every((row) => row.every((held) => held === 2 ** P - 1))).toBe(true);
        // As long as on the clock of a world where a message takes a second.
        const { time, run } = allReduce(floats(P, P), { algorithm, world: new World({ ranks: P, alpha: 1 }) });
        expect(states.map(({ step }) => step)).toEqual(range(time + 1));
        expect(states.flatMap(({ links }) => links)).toHaveLength(total(run.messages.flatMap((row) => [...row])));
        for (const [i, { holdings, links }] of states.entries()) {
          if (i === 0) continue;
          const before = states[i - 1]!.holdings;
          for (const [rank, row] of holdings.entries()) {
            // One message at most, and nothing but what its sender had before this step.
            const senders = links.filter(({ to }) => to === rank).map(({ from }) => from);
            expect(senders.length).toBeLessThanOrEqual(1);
            for (const [piece, held] of row.entries()) {
              const had = before[rank]![piece]!;
              const theirs = senders.length > 0 ? before[senders[0]!]![piece]! : had;
              expect([had, theirs, had | theirs]).toContain(held);
            }
          }
          const from = links.map((link) => link.from);
          expect(from).toEqual([...new Set(from)].sort((a, b) => a - b));
        }
      }
    }
    const ring = [...allReduceSteps(4)];
    expect(Array.from(ring[1]!.holdings[0]!)).toEqual([1, 1, 0b1001, 1]);
    expect(ring[3]!.holdings.map((row, i) => row[i])).toEqual([15, 15, 15, 15]); // reduce-scatter is done
    expect(ring[2]!.links).toEqual(range(4).map((i) => ({ from: i, to: (i + 1) % 4 })));
    // The root takes one after the other, and only then can anybody have the result.
    const star = [...allReduceSteps(3, { algorithm: "star" })];
    expect(star.map(({ holdings }) => holdings.map(([held]) => held))).toEqual([
      [1, 2, 4],
      [3, 2, 4],
      [7, 2, 4],
      [7, 7, 4],
      [7, 7, 7],
    ]);
    expect(star.map(({ links }) => links.map(({ from, to }) => [from, to]))).toEqual([
      [],
      [[1, 0]],
      [[2, 0]],
      [[0, 1]],
      [[0, 2]],
    ]);
  });
});

// ---- the world ----

describe("the world", () => {
  test("payloads are copied, messages are in order per tag", () => {
    const { results, messages, bytes } = new World({ ranks: 2 }).run(function* ({ rank, send, recv }) {
      if (rank === 0) {
        const x = Float64Array.of(1);
        yield* send(1, x, 5);
        x[0] = 2;
        yield* send(1, x, 5);
        yield* send(1, Float64Array.of(9, 9), 6);
        return [];
      }
      const other = yield* recv(0, 6);
      const first = yield* recv(0, 5);
      const second = yield* recv(0, 5);
      first[0]! += 10;
      return [...other, ...first, ...second];
    });
    expect(results[1]).toEqual([9, 9, 11, 2]);
    expect(messages.map((row) => Array.from(row))).toEqual([
      [0, 3],
      [0, 0],
    ]);
    expect(bytes[0]![1]).toBe(32);
  });

  test("a rendezvous begins when both are there, an eager message may wait at the receiver", () => {
    const times = (eager: boolean) => {
      const world = new World({ ranks: 2, alpha: 1, beta: 1, gamma: 1, eager });
      const { time, waits } = world.run(function* ({ rank, send, recv, reduce: compute }) {
        if (rank === 0) {
          yield* send(1, new Int32Array(1)); // 5 s on the wire
          yield* compute(1);
        } else {
          yield* compute(10);
          yield* recv(0);
        }
      });
      return [time, ...waits];
    };
    expect(times(true)).toEqual([15, 0, 0]);
    expect(times(false)).toEqual([16, 10, 0]);
    const late = new World({ ranks: 2, alpha: 1, gamma: 1 }).run(function* ({ rank, send, recv, reduce: compute }) {
      if (rank === 0) {
        yield* compute(10);
        yield* send(1, new Int32Array(1));
      } else {
        yield* recv(0);
      }
    });
    expect([late.time, ...late.waits]).toEqual([11, 0, 10]);
  });

  test("a rendezvous is with the one that is waited for, and with its tag", () => {
    const { time, waits } = new World({ ranks: 3, alpha: 1, gamma: 1, eager: false }).run(function* (comm) {
      if (comm.rank === 0) yield* comm.send(1, new Int32Array(1));
      if (comm.rank === 1) for (const from of [2, 0]) yield* comm.recv(from);
      if (comm.rank === 2) {
        yield* comm.reduce(10);
        yield* comm.send(1, new Int32Array(1));
      }
    });
    expect([time, ...waits]).toEqual([12, 11, 10, 0]);
    const crossed = (eager: boolean) =>
      new World({ ranks: 2, eager }).run(function* ({ rank, send, recv }) {
        for (const tag of [1, 2]) {
          if (rank === 0) yield* send(1, new Int32Array(1), tag);
          else yield* recv(0, 3 - tag);
        }
      });
    expect(crossed(true).messages[0]![1]).toBe(2);
    expect(() => crossed(false)).toThrow(
      new DeadlockError([
        "rank 0 waits for rank 1 to receive (tag 1)",
        "rank 1 waits for a message from rank 0 (tag 2)",
      ]),
    );
  });

  test("a group of a group", () => {
    const { results, messages } = new World({ ranks: 5 }).run(function* (comm) {
      const inner = [4, 2, 1].includes(comm.rank) ? comm.group([4, 3, 2, 1]).group([3, 0, 2]) : undefined; // 1, 4, 2
      if (!inner) return [];
      const { rank, size } = inner;
      return [rank, ...(yield* inner.sendrecv((rank + 1) % size, Int32Array.of(comm.rank), (rank + 2) % size))];
    });
    expect(results).toEqual([[], [0, 2], [2, 4], [], [1, 1]]);
    expect([messages[1]![4], messages[4]![2], messages[2]![1]]).toEqual([1, 1, 1]);
  });

  test("an exchange is over when both of its halves are", () => {
    const bytes = (n: number) => new Int32Array(n / 4);
    const longer = new World({ ranks: 3, beta: 1 }).run(function* ({ rank, send, recv, sendrecv }) {
      if (rank === 0) {
        yield* sendrecv(1, bytes(12), 2);
        yield* send(2, bytes(4));
      } else if (rank === 1) {
        yield* recv(0);
      } else {
        yield* send(0, bytes(4));
        yield* recv(0);
      }
    });
    expect(longer.time).toBe(16);
    const shorter = new World({ ranks: 3, beta: 1, eager: false }).run(function* ({ rank, send, recv, sendrecv }) {
      if (rank === 0) {
        yield* sendrecv(1, bytes(4), 2);
        yield* send(1, bytes(4));
      } else if (rank === 1) {
        yield* recv(2);
        yield* recv(0);
        yield* recv(0);
      } else {
        yield* send(1, bytes(4));
        yield* send(0, bytes(100));
      }
    });
    expect(shorter.time).toBe(108);
  });

  test("an exchange that waits for its partner waits once", () => {
    const { time, waits } = new World({ ranks: 2, gamma: 1, eager: false }).run(function* ({
      rank,
      sendrecv,
      reduce: compute,
    }) {
      if (rank === 1) yield* compute(1);
      yield* sendrecv(1 - rank, new Int32Array(1), 1 - rank);
    });
    expect([time, ...waits]).toEqual([1, 1, 0]);
  });

  test("the slow link is waited for by the rank behind it", () => {
    const link = (from: number) => ({ alpha: 0, beta: from === 1 ? 10 : 1 });
    const { run } = allReduce(floats(4, 4), { world: new World({ ranks: 4, link }) });
    // Steps of 40 s behind rank 1, of 4 s elsewhere: rank 3 stands still for 36 s in all steps but the first, rank 0 in all
    // but the first two. Rank 2 is busy receiving all the time.
    expect(Array.from(run.waits)).toEqual([4 * 36, 0, 0, 5 * 36]);
  });

  test("missing partners, missing receivers, deaths and wrong ranks are named", () => {
    const world = new World({ ranks: 3 });
    expect(() =>
      world.run(function* ({ rank, recv }) {
        if (rank > 0) yield* recv(0, rank);
      }),
    ).toThrow(
      new DeadlockError([
        "rank 1 waits for a message from rank 0 (tag 1)",
        "rank 2 waits for a message from rank 0 (tag 2)",
      ]),
    );
    expect(() =>
      world.run(function* ({ rank, send }) {
        if (rank === 1) yield* send(2, Int32Array.of(1), 7);
      }),
    ).toThrow(new DeadlockError(["nobody received a message from rank 1 to rank 2 (tag 7)"]));
    const death = new Error("out of memory");
    const dying = function* ({ rank, recv, send }: Comm) {
      if (rank === 1) throw death;
      if (rank === 0) yield* recv(1);
      yield* send(1, Int32Array.of(1));
    };
    let caught: unknown;
    try {
      world.run(dying);
    } catch (error) {
      caught = error;
    }
    expect(caught).toEqual(
      new DeadlockError(["rank 0 waits for a message from rank 1 (tag 0)", "rank 1 died (out of memory)"]),
    );
    expect((caught as Error).cause).toBe(death);
    expect((caught as DeadlockError).name).toBe("DeadlockError");
    // biome-ignore lint/correctness/useYield: a program that does not communicate
    const alone = function* ({ rank }: Comm) {
      if (rank === 2) throw death;
    };
    expect(() => world.run(alone)).toThrow(death);
    const skipped = function* (comm: Comm) {
      if (comm.rank !== 2) yield* allReduceProgram(Float32Array.of(1, 2, 3))(comm);
    };
    expect(() => world.run(skipped)).toThrow(/rank 0 waits for a message from rank 2/);
    for (const [to, message] of [
      [3, "World: partner of rank 0 must be an integer in [0, 2], got 3"],
      [0, "World: rank 0 must not exchange messages with itself"],
    ] as const) {
      expect(() =>
        world.run(function* ({ rank, send }) {
          if (rank === 0) yield* send(to, Int32Array.of(1));
        }),
      ).toThrow(new RangeError(message));
    }
    expect(() =>
      world.run(function* ({ group, rank }) {
        if (rank === 0) yield* group([0, 1]).send(2, Int32Array.of(1));
      }),
    ).toThrow(new RangeError("World: partner of rank 0 must be an integer in [0, 1], got 2"));
  });

  test("one rank talks to nobody", () => {
    for (const algorithm of ALGORITHMS) {
      const x = Float64Array.of(1, 2);
      const { outputs, sentBytes, steps, time } = allReduce([x], { algorithm, op: "mean" });
      expect(outputs).toEqual([x]);
      expect(outputs[0]).not.toBe(x);
      expect([sentBytes[0], steps, time]).toEqual([0, 0, 0]);
    }
  });

  const two = [Float32Array.of(1), Float32Array.of(2)];
  test.each<[string, () => unknown, Error]>([
    ["ranks", () => new World({ ranks: 0 }), new RangeError("World: ranks must be an integer at least 1, got 0")],
    [
      "alpha",
      () => new World({ ranks: 1, alpha: -1 }),
      new RangeError("World: alpha must be a finite number in [0, Infinity), got -1"),
    ],
    [
      "beta",
      () => new World({ ranks: 1, beta: Number.NaN }),
      new RangeError("World: beta must be a finite number in [0, Infinity), got NaN"),
    ],
    [
      "gamma",
      () => new World({ ranks: 1, gamma: Infinity }),
      new RangeError("World: gamma must be a finite number in [0, Infinity), got Infinity"),
    ],
    [
      "a link's cost",
      () => allReduce(two, { world: new World({ ranks: 2, link: () => ({ alpha: 0, beta: -1 }) }) }),
      new RangeError("World: beta of the link from 0 to 1 must be a finite number in [0, Infinity), got -1"),
    ],
    [
      "no buffers",
      () => allReduce([]),
      new RangeError("allReduce: the number of buffers must be an integer at least 1, got 0"),
    ],
    [
      "lengths",
      () => allReduce([two[0]!, new Float32Array(3)]),
      new RangeError("allReduce: buffers must have equal lengths, got 1 on rank 0 and 3 on rank 1"),
    ],
    [
      "types",
      () => reduceScatter<Float32Array | Int32Array>([two[0]!, new Int32Array(1)]),
      new TypeError("reduceScatter: buffers must have one type, got Float32Array on rank 0 and Int32Array on rank 1"),
    ],
    [
      "arrays",
      () => allToAll([[1]] as unknown as Int32Array[]),
      new TypeError("allToAll: buffers must be Float32Array, Float64Array or Int32Array, got Array on rank 0"),
    ],
    [
      "algorithm",
      () => allReduce(two, { algorithm: "mesh" as "ring" }),
      new RangeError(
        "allReduce: algorithm must be one of 'ring', 'recursive-doubling', 'recursive-halving-doubling', 'binomial-tree', 'star', got 'mesh'",
      ),
    ],
    [
      "algorithm of a program",
      () => allReduceProgram(two[0]!, { algorithm: "mesh" as "ring" }),
      new RangeError(
        "allReduceProgram: algorithm must be one of 'ring', 'recursive-doubling', 'recursive-halving-doubling', 'binomial-tree', 'star', got 'mesh'",
      ),
    ],
    [
      "mean of integers in a program",
      () => allReduceProgram(Int32Array.of(1), { op: "mean" }),
      new TypeError("allReduceProgram: a mean must be of floats, got Int32Array"),
    ],
    [
      "op",
      () => reduce(two, { op: "xor" as "sum" }),
      new RangeError("reduce: op must be one of 'sum', 'mean', 'max', 'min', 'prod', got 'xor'"),
    ],
    [
      "world",
      () => allGather(two, { world: new World({ ranks: 3 }) }),
      new RangeError("allGather: the world must have a rank for each of 2 buffers, got 3"),
    ],
    ["root", () => broadcast(two, { root: 2 }), new RangeError("broadcast: root must be an integer in [0, 1], got 2")],
    [
      "broadcast",
      () => broadcast(two, { algorithm: "ring" as "binomial" }),
      new RangeError("broadcast: algorithm must be one of 'binomial', 'scatter-allgather', got 'ring'"),
    ],
    [
      "mean of integers",
      () => allReduce([Int32Array.of(1)], { op: "mean" }),
      new TypeError("allReduce: a mean must be of floats, got Int32Array"),
    ],
    [
      "overflow",
      () => allReduce([1, 2].map(() => Int32Array.of(0, 2 ** 31 - 1))),
      new RangeError("World: a sum of Int32 must stay within 32 bits, got 4294967294 at 0 of a message"),
    ],
    [
      "steps",
      () => [...allReduceSteps(31)],
      new RangeError("allReduceSteps: ranks must be an integer in [1, 30], got 31"),
    ],
    [
      "predicted",
      () => predictTime("all-reduce/mesh" as "all-reduce/ring", { ranks: 2, bytes: 1, alpha: 0, beta: 0 }),
      new RangeError(
        "predictTime: algorithm must be one of 'all-reduce/ring', 'all-reduce/recursive-doubling', 'all-reduce/recursive-halving-doubling', 'all-reduce/binomial-tree', 'all-reduce/star', 'reduce-scatter/ring', 'all-gather/ring', 'broadcast/binomial', got 'all-reduce/mesh'",
      ),
    ],
    [
      "bytes",
      () => predictTime("all-reduce/ring", { ranks: 2, bytes: -1, alpha: 0, beta: 0 }),
      new RangeError("predictTime: bytes must be a finite number in [0, Infinity), got -1"),
    ],
    [
      "a ball",
      () => pingPongProgram(6),
      new RangeError("pingPongProgram: bytes / 4 must be an integer at least 0, got 1.5"),
    ],
    [
      "rounds",
      () => pingPongProgram(8, 0),
      new RangeError("pingPongProgram: rounds must be an integer at least 1, got 0"),
    ],
    ["equal sizes", () => fitLink([8, 8], [1, 2]), new RangeError("fitLink: bytes must hold two different sizes")],
    ["no sizes", () => fitLink([], []), new RangeError("fitLink: bytes must hold two different sizes")],
    [
      "no time",
      () => fitLink([8, 16], [1, 0]),
      new RangeError("fitLink: a time must be a finite number in (0, Infinity), got 0"),
    ],
    [
      "more times than sizes",
      () => fitLink([8, 16], [1, 2, 3]),
      new RangeError("fitLink: seconds must have length 2, got 3"),
    ],
    [
      "time",
      () => busBandwidth("all-reduce", { bytes: 1, time: 0, ranks: 2 }),
      new RangeError("busBandwidth: time must be a finite number in (0, Infinity), got 0"),
    ],
    [
      "collective",
      () => busBandwidth("scan" as "reduce", { bytes: 1, time: 1, ranks: 2 }),
      new RangeError(
        "busBandwidth: collective must be one of 'all-reduce', 'reduce-scatter', 'all-gather', 'all-to-all', 'broadcast', 'reduce', got 'scan'",
      ),
    ],
  ])("refuses %s", (_, call, error) => {
    expect(call).toThrow(error);
  });
});
