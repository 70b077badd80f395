/**
 * A world of ranks that share nothing and exchange messages, with a clock for what that costs; and the collectives, as the
 * programs that every rank runs.
 *
 * Follows R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of Collective Communication Operations in MPICH", 2005, for
 * the algorithms and their costs, https://doi.org/10.1177/1094342005051521; P. Patarasuk, X. Yuan, "Bandwidth optimal
 * all-reduce algorithms for clusters of workstations", 2009, for the ring, https://doi.org/10.1016/j.jpdc.2008.09.002
 * But:
 * - The clock knows α per message, β per byte, γ per byte reduced, one send port and one receive port per rank; no packets, no
 *   congestion inside the network, no overlap of reduction and transfer.
 * - No communicators beside groups of ranks, no wildcards, no requests that complete later.
 * - The algorithms for powers of two fold the extra ranks away first, as MPICH does; the ring takes any number.
 */
import { checkChoice, checkInteger, checkNumber, checkVector } from "../../lib/check.js";

/** What can be sent. */
export type Payload = Float32Array | Float64Array | Int32Array;

/** What a link costs. */
export interface Link {
  /** seconds per message, ≥ 0 */
  readonly alpha: number;
  /** seconds per byte, ≥ 0 */
  readonly beta: number;
}

/** How many ranks there are and what it costs them to talk. */
export interface WorldOptions {
  /** P ≥ 1 */
  readonly ranks: number;
  /** seconds per message, default 0 */
  readonly alpha?: number;
  /** seconds per byte sent, default 0 */
  readonly beta?: number;
  /** seconds per byte reduced, default 0 */
  readonly gamma?: number;
  /** costs of one directed link, where they differ from alpha and beta */
  readonly link?: (from: number, to: number) => Link;
  /**
   * true (default): a message is buffered, and its sender goes on once it is on the wire; false: rendezvous, the sender waits
   * until the receiver takes it
   */
  readonly eager?: boolean;
}

/** What a rank asks of the world; the only way to get at another rank's numbers. */
export type RankRequest =
  | { readonly kind: "send"; readonly to: number; readonly data: Payload; readonly tag: number }
  | { readonly kind: "recv"; readonly from: number; readonly tag: number }
  | {
      readonly kind: "sendrecv";
      readonly to: number;
      readonly data: Payload;
      readonly from: number;
      readonly tag: number;
    }
  | { readonly kind: "reduce"; readonly bytes: number };

/** A rank's program: a generator that yields what it asks for and returns its result. */
export type RankProgram<R> = (comm: Comm) => Generator<RankRequest, R, Payload>;

/** What a rank sees of the world. `yield*` its methods. */
export interface Comm {
  /** 0 … size − 1 */
  readonly rank: number;
  readonly size: number;
  /** Sends a copy. */
  send(to: number, data: Payload, tag?: number): Generator<RankRequest, void, Payload>;
  /** The next message of that rank with that tag. */
  recv(from: number, tag?: number): Generator<RankRequest, Payload, Payload>;
  /** Both at once, so that a ring of them cannot block. */
  sendrecv(to: number, data: Payload, from: number, tag?: number): Generator<RankRequest, Payload, Payload>;
  /** Accounts for the time of combining that many bytes. */
  reduce(bytes: number): Generator<RankRequest, void, Payload>;
  /** The same ranks and links, some of them under new numbers: rank i is `members[i]` here. */
  group(members: readonly number[]): Comm;
}

/** What happened in a world. */
export interface WorldRun<R> {
  /** what each rank's program returned */
  readonly results: readonly R[];
  /** number of messages from rank i to rank j at [i][j] */
  readonly messages: readonly Int32Array[];
  /** bytes from rank i to rank j at [i][j] */
  readonly bytes: readonly Float64Array[];
  /** seconds until the last rank was done */
  readonly time: number;
  /** seconds that each rank stood still for a partner that was not ready */
  readonly waits: Float64Array;
  /** sends, receives and exchanges of the rank that had most */
  readonly steps: number;
}

/** No rank can go on, or a message has never been received; the message says who waits for whom. */
export class DeadlockError extends Error {
  override readonly name = "DeadlockError";
  /** one line for each rank that waits, has died or was not listened to */
  readonly reasons: readonly string[];
  constructor(reasons: readonly string[], cause?: unknown) {
    super(`World: deadlock: ${reasons.join("; ")}`, cause === undefined ? undefined : { cause });
    this.reasons = reasons;
  }
}

interface Message {
  readonly data: Payload;
  /** when it was on the wire */
  readonly at: number;
}

interface RankState<R> {
  readonly program: Generator<RankRequest, R, Payload>;
  /** what it waits for; undefined when it is done or dead */
  request: RankRequest | undefined;
  /** for a sendrecv: what of it is still to be done */
  unsent: boolean;
  unreceived: boolean;
  received: Payload;
  clock: number;
  /** when it asked, and for how long the later half of what it asked for had to wait for a partner */
  asked: number;
  waited: number;
  result: R | undefined;
  death: unknown;
  dead: boolean;
}

const NOTHING = new Int32Array(0);

/** P ranks with separate memories. */
export class World {
  readonly ranks: number;
  readonly gamma: number;
  readonly eager: boolean;
  readonly #link: (from: number, to: number) => Link;

  /**
   * @throws RangeError if ranks is not an integer ≥ 1, or a cost is negative or not finite (of a link, when it is used)
   * @example
   * new World({ ranks: 4, alpha: 1e-6, beta: 1e-10 }).ranks // 4
   */
  constructor({ ranks, alpha = 0, beta = 0, gamma = 0, link, eager = true }: WorldOptions) {
    this.ranks = checkInteger("World", "ranks", ranks, 1);
    checkNumber("World", "alpha", alpha, { min: 0 });
    checkNumber("World", "beta", beta, { min: 0 });
    this.gamma = checkNumber("World", "gamma", gamma, { min: 0 });
    this.eager = eager;
    this.#link = link
      ? (from, to) => {
          const costs = link(from, to);
          checkNumber("World", `alpha of the link from ${from} to ${to}`, costs.alpha, { min: 0 });
          checkNumber("World", `beta of the link from ${from} to ${to}`, costs.beta, { min: 0 });
          return costs;
        }
      : () => ({ alpha, beta });
  }

  /**
   * Runs one program on every rank, all at once, until all have returned.
   *
   * @param program called once per rank with what that rank sees
   * @throws DeadlockError if no rank can go on, a rank waits for one that has died, or a message is left that nobody received
   * @throws RangeError if a rank speaks to itself or to one that does not exist
   * @throws what the program of a rank threw, where no other rank waits for it
   * @example
   * new World({ ranks: 3 }).run(function* ({ rank, size, sendrecv }) {
   *   return [...(yield* sendrecv((rank + 1) % size, Int32Array.of(rank), (rank + size - 1) % size))];
   * }).results // [[2], [0], [1]]
   */
  run<R>(program: RankProgram<R>): WorldRun<R> {
    const P = this.ranks;
    const mail = new Map<string, Message[]>();
    const messages = Array.from({ length: P }, () => new Int32Array(P));
    const bytes = Array.from({ length: P }, () => new Float64Array(P));
    const waits = new Float64Array(P);
    const steps = new Int32Array(P);
    const states = Array.from(
      { length: P },
      (_, rank): RankState<R> => ({
        program: program(commOf(rank, P)),
        request: undefined,
        unsent: false,
        unreceived: false,
        received: NOTHING,
        clock: 0,
        asked: 0,
        waited: 0,
        result: undefined,
        death: undefined,
        dead: false,
      }),
    );

    /** Lets a rank compute until its next request. */
    const resume = (rank: number, reply: Payload) => {
      const state = states[rank]!;
      state.request = undefined;
      try {
        for (let next = state.program.next(reply); ; next = state.program.next(NOTHING)) {
          if (next.done) {
            state.result = next.value;
            return;
          }
          const request = next.value;
          if (request.kind === "reduce") {
            state.clock += this.gamma * request.bytes;
            continue;
          }
          for (const other of partners(request)) {
            checkInteger("World", `partner of rank ${rank}`, other, 0, P - 1);
            if (other === rank) throw new RangeError(`World: rank ${rank} must not exchange messages with itself`);
          }
          state.request = request;
          state.unsent = request.kind !== "recv";
          state.unreceived = request.kind !== "send";
          state.asked = state.clock;
          state.waited = 0;
          steps[rank]!++;
          return;
        }
      } catch (error) {
        state.dead = true;
        state.death = error;
      }
    };

    /** Does what can be done of a rank's request now; whether something was done. */
    const advance = (rank: number): boolean => {
      const state = states[rank]!;
      const { request } = state;
      if (!request || request.kind === "reduce") return false;
      let moved = false;
      if (state.unsent && request.kind !== "recv" && (this.eager || this.#meets(states, rank, request))) {
        const { to, tag } = request;
        const data = request.data.slice(); // a copy: memories are separate
        const { alpha, beta } = this.#link(rank, to);
        // In a rendezvous both ends begin together.
        const at = this.eager ? state.asked : Math.max(state.asked, states[to]!.asked);
        const queue = mail.get(`${rank} ${to} ${tag}`) ?? [];
        queue.push({ data, at });
        mail.set(`${rank} ${to} ${tag}`, queue);
        messages[rank]![to]!++;
        bytes[rank]![to]! += data.byteLength;
        state.waited = Math.max(state.waited, at - state.asked);
        state.clock = Math.max(state.clock, at + alpha + beta * data.byteLength);
        state.unsent = false;
        moved = true;
      }
      const message = request.kind === "send" ? undefined : mail.get(`${request.from} ${rank} ${request.tag}`)?.[0];
      if (state.unreceived && message && request.kind !== "send") {
        mail.get(`${request.from} ${rank} ${request.tag}`)!.shift();
        const { alpha, beta } = this.#link(request.from, rank);
        const start = Math.max(state.asked, message.at);
        state.waited = Math.max(state.waited, start - state.asked);
        state.clock = Math.max(state.clock, start + alpha + beta * message.data.byteLength);
        state.received = message.data;
        state.unreceived = false;
        moved = true;
      }
      if (!state.unsent && !state.unreceived) {
        waits[rank]! += state.waited;
        resume(rank, state.received);
      }
      return moved;
    };

    for (let rank = 0; rank < P; rank++) resume(rank, NOTHING);
    for (let moved = true; moved; ) {
      moved = false;
      for (let rank = 0; rank < P; rank++) while (advance(rank)) moved = true;
    }

    const dead = states.find((state) => state.dead);
    const reasons = [...states.flatMap(complaintsOf), ...(dead ? [] : unreceived(mail))];
    const stuck = states.some((state) => state.request);
    if (dead && !stuck) throw dead.death;
    if (reasons.length > 0) throw new DeadlockError(reasons, dead?.death);
    return {
      results: states.map((state) => state.result as R),
      messages,
      bytes,
      time: Math.max(...states.map((state) => state.clock)),
      waits,
      steps: Math.max(...steps),
    };
  }

  /** Whether the receiver stands ready to take what this rank wants to send. */
  #meets<R>(
    states: readonly RankState<R>[],
    rank: number,
    request: RankRequest & { readonly to: number; tag: number },
  ) {
    const { request: theirs, unreceived } = states[request.to]!;
    return (
      unreceived &&
      (theirs?.kind === "recv" || theirs?.kind === "sendrecv") &&
      theirs.from === rank &&
      theirs.tag === request.tag
    );
  }
}

const partners = (request: RankRequest) =>
  request.kind === "sendrecv"
    ? [request.to, request.from]
    : request.kind === "send"
      ? [request.to]
      : request.kind === "recv"
        ? [request.from]
        : [];

function complaintsOf<R>({ request, dead, death, unsent, unreceived }: RankState<R>, rank: number): string[] {
  if (dead) return [`rank ${rank} died (${death instanceof Error ? death.message : String(death)})`];
  const lines: string[] = [];
  if (unsent && request && "to" in request)
    lines.push(`rank ${rank} waits for rank ${request.to} to receive (tag ${request.tag})`);
  if (unreceived && request && "from" in request) {
    lines.push(`rank ${rank} waits for a message from rank ${request.from} (tag ${request.tag})`);
  }
  return request ? lines : [];
}

function unreceived(mail: ReadonlyMap<string, readonly Message[]>): string[] {
  return [...mail].flatMap(([key, queue]) => {
    const [from, to, tag] = key.split(" ");
    return queue.map(() => `nobody received a message from rank ${from} to rank ${to} (tag ${tag})`);
  });
}

/**
 * What a rank sees of a world of that size: for those who drive programs in another way than `World`.
 *
 * @example
 * commFor(1, 3).rank // 1
 */
export const commFor = (rank: number, size: number): Comm => commOf(rank, size);

/** What rank `members[rank]` sees of the group. */
function commOf(rank: number, size: number, members?: readonly number[]): Comm {
  const world = (i: number) => {
    if (!members) return i;
    checkInteger("World", `partner of rank ${members[rank]}`, i, 0, size - 1);
    return members[i]!;
  };
  return {
    rank,
    size,
    *send(to, data, tag = 0) {
      yield { kind: "send", to: world(to), data, tag };
    },
    *recv(from, tag = 0) {
      return yield { kind: "recv", from: world(from), tag };
    },
    *sendrecv(to, data, from, tag = 0) {
      return yield { kind: "sendrecv", to: world(to), data, from: world(from), tag };
    },
    *reduce(bytes) {
      yield { kind: "reduce", bytes };
    },
    group: (chosen) => commOf(chosen.indexOf(rank), chosen.length, chosen.map(world)),
  };
}

// ---- collectives ----

/** What is done with the numbers of two ranks; 'mean' is the sum divided by P at the end. */
export type ReduceOp = "sum" | "mean" | "max" | "min" | "prod";

/** The ways to arrange an all-reduce. */
export const ALL_REDUCE_ALGORITHMS = [
  "ring",
  "recursive-doubling",
  "recursive-halving-doubling",
  "binomial-tree",
  "star",
] as const;

/** How an all-reduce is arranged. */
export type AllReduceAlgorithm = (typeof ALL_REDUCE_ALGORITHMS)[number];

/** Where a collective happens and what it computes. */
export interface CollectiveOptions {
  /** default 'sum' */
  readonly op?: ReduceOp;
  /** of as many ranks as there are buffers; default one where nothing costs anything */
  readonly world?: World;
}

/** What a collective left on every rank, and what it cost. */
export interface CollectiveResult<T extends Payload> {
  readonly outputs: readonly T[];
  /** by each rank, in bytes */
  readonly sentBytes: Float64Array;
  /** sends, receives and exchanges of the rank that had most */
  readonly steps: number;
  /** seconds on the clock of the world */
  readonly time: number;
  /** the rest of what the world saw */
  readonly run: WorldRun<T>;
}

/**
 * The elementwise reduction of all buffers, on every rank.
 *
 * @param buffers P arrays of n numbers, of one type; rank i has `buffers[i]`
 * @param options.algorithm default 'ring'
 * @returns P outputs of n numbers, the same bits on all ranks
 * @throws RangeError if the lengths differ, the world has another number of ranks, an option is unknown, or an Int32 result leaves 32 bits
 * @throws TypeError if a buffer is no Float32Array, Float64Array or Int32Array, the types differ, or 'mean' is asked of Int32
 * @see Thakur, Rabenseifner, Gropp 2005, section 4.5
 * @example
 * allReduce([Int32Array.of(1, 2), Int32Array.of(30, 40)]).outputs // [[31, 42], [31, 42]]
 */
export function allReduce<T extends Payload>(
  buffers: readonly T[],
  { algorithm = "ring", op = "sum", world }: CollectiveOptions & { readonly algorithm?: AllReduceAlgorithm } = {},
): CollectiveResult<T> {
  checkBuffers("allReduce", buffers, op, true);
  checkChoice("allReduce", "algorithm", algorithm, ALL_REDUCE_ALGORITHMS);
  return collective("allReduce", buffers, world, (buffer) => allReduceProgram(buffer, { algorithm, op }));
}

/**
 * What one rank runs for an all-reduce; the buffer is not changed.
 *
 * @see allReduce for the options and the errors
 * @example
 * new World({ ranks: 2 }).run((comm) => allReduceProgram(Int32Array.of(comm.rank + 1), { algorithm: "star" })(comm)).results // [[3], [3]]
 */
export function allReduceProgram<T extends Payload>(
  buffer: T,
  { algorithm = "ring", op = "sum" }: { readonly algorithm?: AllReduceAlgorithm; readonly op?: ReduceOp } = {},
): RankProgram<T> {
  checkBuffers("allReduceProgram", [buffer], op, true);
  checkChoice("allReduceProgram", "algorithm", algorithm, ALL_REDUCE_ALGORITHMS);
  return function* (comm) {
    const x = buffer.slice() as T;
    yield* REDUCTIONS[algorithm](comm, x, combiner(op));
    return finished(x, op, comm.size);
  };
}

/**
 * The reduction in P pieces: rank i gets the i-th, ⌊n/P⌋ or ⌈n/P⌉ numbers. A ring.
 *
 * @see allReduce for the arguments and the errors
 * @example
 * reduceScatter([Int32Array.of(1, 2, 3), Int32Array.of(4, 5, 6)]).outputs // [[5, 7], [9]]
 */
export function reduceScatter<T extends Payload>(
  buffers: readonly T[],
  { op = "sum", world }: CollectiveOptions = {},
): CollectiveResult<T> {
  checkBuffers("reduceScatter", buffers, op, true);
  return collective(
    "reduceScatter",
    buffers,
    world,
    (buffer) =>
      function* (comm) {
        const x = buffer.slice() as T;
        yield* ringReduceScatter(comm, x, combiner(op));
        return finished(pieceOf(x, comm.rank, comm.size).slice() as T, op, comm.size);
      },
  );
}

/**
 * All buffers, one behind the other, on every rank. A ring.
 *
 * @param buffers P arrays of one type; the lengths may differ
 * @see allReduce for the errors
 * @example
 * allGather([Int32Array.of(1), Int32Array.of(2, 3)]).outputs // [[1, 2, 3], [1, 2, 3]]
 */
export function allGather<T extends Payload>(
  buffers: readonly T[],
  { world }: { readonly world?: World } = {},
): CollectiveResult<T> {
  checkBuffers("allGather", buffers, "sum", false);
  return collective(
    "allGather",
    buffers,
    world,
    (buffer) =>
      function* ({ rank, size, sendrecv }) {
        const parts: T[] = new Array(size);
        parts[rank] = buffer;
        for (let s = 0; s < size - 1; s++) {
          const [mine, theirs] = [(rank - s + size) % size, (rank - s - 1 + size) % size];
          parts[theirs] = (yield* sendrecv((rank + 1) % size, parts[mine]!, (rank - 1 + size) % size)) as T;
        }
        return joined(parts);
      },
  );
}

/**
 * The root's buffer on every rank.
 *
 * @param buffers P arrays of n numbers, of one type; only that of the root is read
 * @param options.root default 0
 * @param options.algorithm 'binomial' (default): whole buffers down a tree; 'scatter-allgather': pieces down a tree, then a ring
 * @throws RangeError if the root is no rank, and as `allReduce`
 * @example
 * broadcast([Int32Array.of(7), Int32Array.of(0)]).outputs // [[7], [7]]
 */
export function broadcast<T extends Payload>(
  buffers: readonly T[],
  {
    root = 0,
    algorithm = "binomial",
    world,
  }: { readonly root?: number; readonly algorithm?: "binomial" | "scatter-allgather"; readonly world?: World } = {},
): CollectiveResult<T> {
  checkBuffers("broadcast", buffers, "sum", true);
  checkInteger("broadcast", "root", root, 0, buffers.length - 1);
  checkChoice("broadcast", "algorithm", algorithm, ["binomial", "scatter-allgather"]);
  return collective(
    "broadcast",
    buffers,
    world,
    (buffer) =>
      function* (comm) {
        const x = buffer.slice() as T;
        const fromRoot = comm.group(rotated(comm.size, root));
        if (algorithm === "binomial") {
          yield* treeBroadcast(fromRoot, x);
        } else {
          yield* treeScatter(fromRoot, x);
          yield* ringAllGather(fromRoot, x);
        }
        return x;
      },
  );
}

/**
 * The reduction on the root, by a binomial tree; the other ranks are left with an empty array.
 *
 * @param options.root default 0
 * @throws RangeError if the root is no rank, and as `allReduce`
 * @example
 * reduce([Int32Array.of(1), Int32Array.of(2)], { root: 1 }).outputs // [[], [3]]
 */
export function reduce<T extends Payload>(
  buffers: readonly T[],
  { root = 0, op = "sum", world }: CollectiveOptions & { readonly root?: number } = {},
): CollectiveResult<T> {
  checkBuffers("reduce", buffers, op, true);
  checkInteger("reduce", "root", root, 0, buffers.length - 1);
  return collective(
    "reduce",
    buffers,
    world,
    (buffer) =>
      function* (comm) {
        const x = buffer.slice() as T;
        yield* treeReduce(comm.group(rotated(comm.size, root)), x, combiner(op));
        return comm.rank === root ? finished(x, op, comm.size) : (x.slice(0, 0) as T);
      },
  );
}

/**
 * Piece j of rank i becomes piece i of rank j: a transpose of blocks, by P − 1 exchanges in pairs.
 *
 * @see allReduce for the arguments and the errors
 * @example
 * allToAll([Int32Array.of(1, 2), Int32Array.of(3, 4)]).outputs // [[1, 3], [2, 4]]
 */
export function allToAll<T extends Payload>(
  buffers: readonly T[],
  { world }: { readonly world?: World } = {},
): CollectiveResult<T> {
  checkBuffers("allToAll", buffers, "sum", true);
  return collective(
    "allToAll",
    buffers,
    world,
    (buffer) =>
      function* ({ rank, size, sendrecv }) {
        const parts: T[] = new Array(size);
        parts[rank] = pieceOf(buffer, rank, size);
        for (let s = 1; s < size; s++) {
          const [to, from] = [(rank + s) % size, (rank - s + size) % size];
          parts[from] = (yield* sendrecv(to, pieceOf(buffer, to, size), from)) as T;
        }
        return joined(parts);
      },
  );
}

/** Two kinds of links, and how the ranks sit on nodes. */
export interface HierarchyOptions {
  /** N */
  readonly nodes: number;
  /** G; rank i is on node ⌊i/G⌋ */
  readonly ranksPerNode: number;
  /** links inside a node */
  readonly intra: Link;
  /** links between nodes */
  readonly inter: Link;
  /** default 'sum' */
  readonly op?: ReduceOp;
}

/**
 * An all-reduce that sends little out of a node: reduce-scatter inside, all-reduce of each piece across, all-gather inside.
 *
 * @param buffers N·G arrays of n numbers, of one type
 * @see allReduce for the errors
 * @example
 * hierarchicalAllReduce([1, 2, 3, 4].map((x) => Int32Array.of(x, x)), { nodes: 2, ranksPerNode: 2, intra: { alpha: 0, beta: 0 }, inter: { alpha: 0, beta: 1 } }).time // 8
 */
export function hierarchicalAllReduce<T extends Payload>(
  buffers: readonly T[],
  { nodes, ranksPerNode, intra, inter, op = "sum" }: HierarchyOptions,
): CollectiveResult<T> {
  checkBuffers("hierarchicalAllReduce", buffers, op, true);
  checkInteger("hierarchicalAllReduce", "nodes", nodes, 1);
  checkInteger("hierarchicalAllReduce", "ranksPerNode", ranksPerNode, 1);
  const world = nodeWorld({ nodes, ranksPerNode, intra, inter });
  return collective(
    "hierarchicalAllReduce",
    buffers,
    world,
    (buffer) =>
      function* (comm) {
        const x = buffer.slice() as T;
        const [node, place] = [Math.floor(comm.rank / ranksPerNode), comm.rank % ranksPerNode];
        const inside = comm.group(Array.from({ length: ranksPerNode }, (_, i) => node * ranksPerNode + i));
        const across = comm.group(Array.from({ length: nodes }, (_, i) => i * ranksPerNode + place));
        yield* ringReduceScatter(inside, x, combiner(op));
        const piece = pieceOf(x, place, ranksPerNode);
        yield* ringReduceScatter(across, piece, combiner(op));
        yield* ringAllGather(across, piece);
        yield* ringAllGather(inside, x);
        return finished(x, op, comm.size);
      },
  );
}

/**
 * A world of N nodes with G ranks each.
 *
 * @throws RangeError as World
 * @example
 * nodeWorld({ nodes: 2, ranksPerNode: 4, intra: { alpha: 0, beta: 0 }, inter: { alpha: 0, beta: 1 } }).ranks // 8
 */
export function nodeWorld({ nodes, ranksPerNode, intra, inter }: Omit<HierarchyOptions, "op">): World {
  const nodeOf = (rank: number) => Math.floor(rank / ranksPerNode);
  return new World({
    ranks: nodes * ranksPerNode,
    link: (from, to) => (nodeOf(from) === nodeOf(to) ? intra : inter),
  });
}

/** Who holds what after a step of an all-reduce. */
export interface AllReduceState {
  /** 0 before anything was sent */
  readonly step: number;
  /** bit j of holdings[i][c]: piece c on rank i contains the numbers of rank j */
  readonly holdings: readonly Int32Array[];
  /** the messages of this step, by ranks */
  readonly links: readonly { readonly from: number; readonly to: number }[];
}

/**
 * Which partial sums stand where after each step: the algorithm itself, run on P ranks with a number per piece that says
 * whose it is. A message takes a step, and is counted in the one in which it arrives.
 *
 * @param ranks P in [1, 30]
 * @param options.algorithm default 'ring'
 * @throws RangeError if ranks is out of range or the algorithm unknown
 * @example
 * [...allReduceSteps(2)].map(({ holdings }) => holdings.map((row) => [...row])) // [[[1, 1], [2, 2]], [[3, 1], [2, 3]], [[3, 3], [3, 3]]]
 */
export function* allReduceSteps(
  ranks: number,
  { algorithm = "ring" }: { readonly algorithm?: AllReduceAlgorithm } = {},
): Generator<AllReduceState> {
  checkInteger("allReduceSteps", "ranks", ranks, 1, 30);
  checkChoice("allReduceSteps", "algorithm", algorithm, ALL_REDUCE_ALGORITHMS);
  const holdings: Int32Array[][] = []; // [step][rank]; nothing where nothing has changed
  const links: { from: number; to: number }[][] = [];
  const begun = new Map<string, number[]>(); // when the messages of a pair of ranks were sent
  new World({ ranks }).run(function* (comm) {
    const held = new Int32Array(ranks).fill(1 << comm.rank);
    const program = REDUCTIONS[algorithm](comm, held, combiner("sum"));
    let step = 0;
    const keep = () => {
      holdings[step] ??= [];
      holdings[step]![comm.rank] = held.slice();
    };
    keep();
    for (let next = program.next(NOTHING); !next.done; keep()) {
      const request = next.value;
      const at = step;
      if ("to" in request) {
        const key = `${comm.rank} ${request.to}`;
        begun.set(key, [...(begun.get(key) ?? []), at]);
        step = at + 1;
      }
      const reply = yield request;
      if ("from" in request) {
        step = Math.max(at, begun.get(`${request.from} ${comm.rank}`)!.shift()!) + 1;
        links[step] ??= [];
        links[step]!.push({ from: request.from, to: comm.rank });
      }
      next = program.next(reply);
    }
  });
  let now: readonly Int32Array[] = [];
  for (const [step, changed] of holdings.entries()) {
    now = Array.from({ length: ranks }, (_, rank) => changed?.[rank] ?? now[rank]!);
    yield { step, holdings: now, links: (links[step] ?? []).sort((a, b) => a.from - b.from) };
  }
}

// ---- costs ----

/** What a collective is predicted to cost. */
export interface CostOptions {
  /** P */
  readonly ranks: number;
  /** of one rank's buffer; for an all-gather of the gathered one */
  readonly bytes: number;
  /** seconds per message */
  readonly alpha: number;
  /** seconds per byte sent */
  readonly beta: number;
  /** seconds per byte reduced, default 0 */
  readonly gamma?: number;
}

/** Collective and algorithm, as in the table of the note. */
export type CostedAlgorithm =
  | `all-reduce/${AllReduceAlgorithm}`
  | "reduce-scatter/ring"
  | "all-gather/ring"
  | "broadcast/binomial";

/**
 * Seconds by the α-β-γ formulas: exact on the clock of the world if P divides the buffer and, except for the rings and the
 * star, P is a power of two.
 *
 * @throws RangeError if the algorithm is unknown, ranks is not an integer ≥ 1, or a size or cost is negative
 * @see Thakur, Rabenseifner, Gropp 2005, table of costs
 * @example
 * predictTime("all-reduce/ring", { ranks: 4, bytes: 1e6, alpha: 1e-6, beta: 1e-9 }) // 0.001506
 */
export function predictTime(algorithm: CostedAlgorithm, { bytes, ...options }: CostOptions): number {
  checkNumber("predictTime", "bytes", bytes, { min: 0 });
  const { fixed, perByte } = costOf("predictTime", algorithm, options);
  return fixed + perByte * bytes;
}

/**
 * The size of buffer at which two algorithms take the same time.
 *
 * @returns bytes; NaN where one of them is never slower
 * @see predictTime for the errors
 * @example
 * Math.round(crossoverBytes("all-reduce/ring", "all-reduce/recursive-doubling", { ranks: 8, alpha: 5e-6, beta: 1 / 50e9 })) // 2200000
 */
export function crossoverBytes(a: CostedAlgorithm, b: CostedAlgorithm, options: Omit<CostOptions, "bytes">): number {
  const [p, q] = [a, b].map((algorithm) => costOf("crossoverBytes", algorithm as CostedAlgorithm, options));
  const bytes = (p!.fixed - q!.fixed) / (q!.perByte - p!.perByte);
  return bytes > 0 && Number.isFinite(bytes) ? bytes : Number.NaN;
}

/**
 * What each link carried, in bytes per second: the figure that can be held against its data sheet whatever P is.
 *
 * @param options.bytes of one rank's buffer; for an all-gather of the gathered one
 * @param options.time in seconds, > 0
 * @throws RangeError if the collective is unknown or a number out of range
 * @see NVIDIA nccl-tests, doc/PERFORMANCE.md
 * @example
 * busBandwidth("all-reduce", { bytes: 8e9, time: 1, ranks: 4 }) // 12000000000
 */
export function busBandwidth(
  collective: "all-reduce" | "reduce-scatter" | "all-gather" | "all-to-all" | "broadcast" | "reduce",
  { bytes, time, ranks }: { readonly bytes: number; readonly time: number; readonly ranks: number },
): number {
  checkChoice("busBandwidth", "collective", collective, Object.keys(BUS_FACTORS) as (keyof typeof BUS_FACTORS)[]);
  checkNumber("busBandwidth", "bytes", bytes, { min: 0 });
  checkNumber("busBandwidth", "time", time, { above: 0 });
  checkInteger("busBandwidth", "ranks", ranks, 1);
  return (bytes / time) * BUS_FACTORS[collective](ranks);
}

const BUS_FACTORS = {
  "all-reduce": (P: number) => (2 * (P - 1)) / P,
  "reduce-scatter": (P: number) => (P - 1) / P,
  "all-gather": (P: number) => (P - 1) / P,
  "all-to-all": (P: number) => (P - 1) / P,
  broadcast: () => 1,
  reduce: () => 1,
};

/**
 * A message back and forth between ranks 0 and 1: its time is 2·rounds·(α + β·bytes).
 *
 * @param bytes of the message, a multiple of 4
 * @param rounds default 1
 * @throws RangeError if bytes/4 is not an integer ≥ 0, or rounds not one ≥ 1
 * @example
 * new World({ ranks: 2, alpha: 1, beta: 0.25 }).run(pingPongProgram(8, 10)).time // 60
 */
export function pingPongProgram(bytes: number, rounds = 1): RankProgram<void> {
  checkInteger("pingPongProgram", "bytes / 4", bytes / 4, 0);
  checkInteger("pingPongProgram", "rounds", rounds, 1);
  return function* ({ rank, send, recv }) {
    const ball = new Float32Array(bytes / 4);
    for (let round = 0; round < rounds; round++) {
      if (rank === 0) yield* send(1, ball);
      if (rank < 2) yield* recv(1 - rank);
      if (rank === 1) yield* send(0, ball);
    }
  };
}

/**
 * α and β of a link, from messages that were timed: least squares of the relative errors, so that the short messages, which
 * know α, count as much as the long ones, which know β.
 *
 * @param bytes sizes of the messages, two of them different at least
 * @param seconds what each took, > 0
 * @throws RangeError if the lengths differ, a number is not finite, a time is not above 0, or all sizes are the same
 * @example
 * fitLink([0, 8], [1, 5]) // { alpha: 1, beta: 0.5 }
 */
export function fitLink(bytes: ArrayLike<number>, seconds: ArrayLike<number>): Link {
  const n = checkVector("fitLink", "bytes", bytes);
  const t = checkVector("fitLink", "seconds", seconds, n.length);
  for (const time of t) checkNumber("fitLink", "a time", time, { above: 0 });
  const weighted = (f: (i: number) => number) => t.reduce((sum, time, i) => sum + f(i) / time ** 2, 0);
  const weight = weighted(() => 1);
  const [meanBytes, meanTime] = [weighted((i) => n[i]!) / weight, weighted((i) => t[i]!) / weight];
  const spread = weighted((i) => (n[i]! - meanBytes) ** 2);
  if (!(spread > 0)) throw new RangeError("fitLink: bytes must hold two different sizes");
  const beta = weighted((i) => (n[i]! - meanBytes) * (t[i]! - meanTime)) / spread;
  return { alpha: meanTime - beta * meanBytes, beta };
}

function costOf(
  caller: string,
  algorithm: CostedAlgorithm,
  { ranks: P, alpha, beta, gamma = 0 }: Omit<CostOptions, "bytes">,
) {
  checkInteger(caller, "ranks", P, 1);
  for (const [name, cost] of Object.entries({ alpha, beta, gamma })) checkNumber(caller, name, cost, { min: 0 });
  checkChoice(caller, "algorithm", algorithm, Object.keys(COSTS) as CostedAlgorithm[]);
  const [messages, sent, reduced] = COSTS[algorithm](P, Math.ceil(Math.log2(P)));
  return { fixed: messages * alpha, perByte: sent * beta + reduced * gamma };
}

/** Messages one after the other, and bytes sent and bytes reduced per byte of the buffer; L is ⌈log₂P⌉. */
const COSTS: Record<
  CostedAlgorithm,
  (P: number, L: number) => readonly [messages: number, sent: number, reduced: number]
> = {
  "all-reduce/ring": (P) => [2 * (P - 1), (2 * (P - 1)) / P, (P - 1) / P],
  "all-reduce/recursive-doubling": (_, L) => [L, L, L],
  "all-reduce/recursive-halving-doubling": (P, L) => [2 * L, (2 * (P - 1)) / P, (P - 1) / P],
  "all-reduce/binomial-tree": (_, L) => [2 * L, 2 * L, L],
  "all-reduce/star": (P) => [2 * (P - 1), 2 * (P - 1), P - 1],
  "reduce-scatter/ring": (P) => [P - 1, (P - 1) / P, (P - 1) / P],
  "all-gather/ring": (P) => [P - 1, (P - 1) / P, 0],
  "broadcast/binomial": (_, L) => [L, L, 0],
};

// ---- what the ranks do ----

/** x ← x ∘ y, elementwise. */
type Combine = (x: Payload, y: Payload) => void;

/** Step s: the piece that has been through s ranks goes on to the right. In the end rank i has all of piece i. */
function* ringReduceScatter(comm: Comm, x: Payload, combine: Combine): Generator<RankRequest, void, Payload> {
  const { rank, size: P } = comm;
  for (let s = 0; s < P - 1; s++) {
    const mine = pieceOf(x, (rank - s - 1 + P) % P, P);
    const theirs = pieceOf(x, (rank - s - 2 + 2 * P) % P, P);
    const received = yield* comm.sendrecv((rank + 1) % P, mine, (rank - 1 + P) % P);
    combine(theirs, received); // (1)
    yield* comm.reduce(theirs.byteLength);
  }
}

/** Step s: the finished piece of the rank s to the left goes on to the right. */
function* ringAllGather(comm: Comm, x: Payload): Generator<RankRequest, void, Payload> {
  const { rank, size: P } = comm;
  for (let s = 0; s < P - 1; s++) {
    const mine = pieceOf(x, (rank - s + P) % P, P);
    const theirs = pieceOf(x, (rank - s - 1 + P) % P, P);
    theirs.set(yield* comm.sendrecv((rank + 1) % P, mine, (rank - 1 + P) % P)); // (2)
  }
}

/** Step s: pairs whose numbers differ in bit s exchange everything. */
function* recursiveDoubling(comm: Comm, x: Payload, combine: Combine): Generator<RankRequest, void, Payload> {
  for (let bit = 1; bit < comm.size; bit *= 2) {
    const partner = comm.rank ^ bit;
    combine(x, yield* comm.sendrecv(partner, x, partner));
    yield* comm.reduce(x.byteLength);
  }
}

/** Pairs exchange halves of what they still have, then halves of those; and back, with finished pieces. */
function* halvingDoubling(comm: Comm, x: Payload, combine: Combine): Generator<RankRequest, void, Payload> {
  const { rank, size: P } = comm;
  let [low, high] = [0, P];
  for (let bit = P / 2; bit >= 1; bit /= 2) {
    const middle = (low + high) / 2;
    const lower = pieceOf(x, low, P, middle);
    const upper = pieceOf(x, middle, P, high);
    const [kept, given] = rank & bit ? [upper, lower] : [lower, upper];
    combine(kept, yield* comm.sendrecv(rank ^ bit, given, rank ^ bit));
    yield* comm.reduce(kept.byteLength);
    if (rank & bit) low = middle;
    else high = middle;
  }
  for (let bit = 1; bit < P; bit *= 2) {
    const theirs = rank & bit ? pieceOf(x, low - bit, P, low) : pieceOf(x, high, P, high + bit);
    theirs.set(yield* comm.sendrecv(rank ^ bit, pieceOf(x, low, P, high), rank ^ bit));
    if (rank & bit) low -= bit;
    else high += bit;
  }
}

/** Makes the number of ranks a power of two: the first few hand their numbers to a neighbour, and get the result from it. */
function* folded(
  comm: Comm,
  x: Payload,
  combine: Combine,
  inner: (comm: Comm, x: Payload, combine: Combine) => Generator<RankRequest, void, Payload>,
): Generator<RankRequest, void, Payload> {
  const { rank, size: P } = comm;
  const extra = P - 2 ** Math.floor(Math.log2(P));
  const members = Array.from({ length: P }, (_, i) => i).filter((i) => i >= 2 * extra || i % 2 === 1);
  if (rank < 2 * extra && rank % 2 === 0) {
    yield* comm.send(rank + 1, x);
    x.set(yield* comm.recv(rank + 1));
    return;
  }
  if (rank < 2 * extra) {
    combine(x, yield* comm.recv(rank - 1));
    yield* comm.reduce(x.byteLength);
  }
  yield* inner(comm.group(members), x, combine);
  if (rank < 2 * extra) yield* comm.send(rank - 1, x);
}

/** To rank 0: a rank receives from those 1, 2, 4 … above it until its own lowest bit, then it sends. */
function* treeReduce(comm: Comm, x: Payload, combine: Combine): Generator<RankRequest, void, Payload> {
  for (let bit = 1; bit < comm.size; bit *= 2) {
    if (comm.rank & bit) return yield* comm.send(comm.rank - bit, x);
    if (comm.rank + bit < comm.size) {
      combine(x, yield* comm.recv(comm.rank + bit));
      yield* comm.reduce(x.byteLength);
    }
  }
}

/** From rank 0, the same tree from the top. */
function* treeBroadcast(comm: Comm, x: Payload): Generator<RankRequest, void, Payload> {
  let bit = lowestBit(comm);
  if (comm.rank > 0) x.set(yield* comm.recv(comm.rank - bit));
  for (bit /= 2; bit >= 1; bit /= 2) if (comm.rank + bit < comm.size) yield* comm.send(comm.rank + bit, x);
}

/** From rank 0, to each branch of the tree only its own pieces. */
function* treeScatter(comm: Comm, x: Payload): Generator<RankRequest, void, Payload> {
  const { rank, size: P } = comm;
  let bit = lowestBit(comm);
  if (rank > 0) pieceOf(x, rank, P, rank + bit).set(yield* comm.recv(rank - bit));
  for (bit /= 2; bit >= 1; bit /= 2) {
    if (rank + bit < P) yield* comm.send(rank + bit, pieceOf(x, rank + bit, P, rank + 2 * bit));
  }
}

/** The lowest bit of a rank's number; for rank 0 the power of two that is not below P. */
function lowestBit({ rank, size }: Comm): number {
  return rank > 0 ? rank & -rank : 2 ** Math.ceil(Math.log2(size));
}

/** Everything to rank 0, one after the other, and back. */
function* star(comm: Comm, x: Payload, combine: Combine): Generator<RankRequest, void, Payload> {
  if (comm.rank > 0) {
    yield* comm.send(0, x);
    x.set(yield* comm.recv(0));
    return;
  }
  for (let other = 1; other < comm.size; other++) {
    combine(x, yield* comm.recv(other));
    yield* comm.reduce(x.byteLength);
  }
  for (let other = 1; other < comm.size; other++) yield* comm.send(other, x);
}

/** Pieces i … end − 1 of P of x, as a view: the first n mod P have one number more. There is nothing behind the last. */
function pieceOf<T extends Payload>(x: T, i: number, P: number, end = i + 1): T {
  const start = (piece: number) => piece * Math.floor(x.length / P) + Math.min(piece, x.length % P);
  return x.subarray(start(i), start(end)) as T;
}

/** What a rank does for an all-reduce; x is its buffer in the beginning and the result in the end. */
const REDUCTIONS: Record<
  AllReduceAlgorithm,
  (comm: Comm, x: Payload, combine: Combine) => Generator<RankRequest, void, Payload>
> = {
  *ring(comm, x, combine) {
    yield* ringReduceScatter(comm, x, combine);
    yield* ringAllGather(comm, x);
  },
  "recursive-doubling": (comm, x, combine) => folded(comm, x, combine, recursiveDoubling),
  "recursive-halving-doubling": (comm, x, combine) => folded(comm, x, combine, halvingDoubling),
  *"binomial-tree"(comm, x, combine) {
    yield* treeReduce(comm, x, combine);
    yield* treeBroadcast(comm, x);
  },
  star,
};

const rotated = (P: number, root: number) => Array.from({ length: P }, (_, i) => (root + i) % P);

function joined<T extends Payload>(parts: readonly T[]): T {
  const x = arrayLike(
    parts[0]!,
    parts.reduce((n, part) => n + part.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    x.set(part, at);
    at += part.length;
  }
  return x;
}

const arrayLike = <T extends Payload>(x: T, n: number) => new (x.constructor as new (n: number) => T)(n);

function combiner(op: ReduceOp): Combine {
  const two = {
    sum: (a: number, b: number) => a + b,
    mean: (a: number, b: number) => a + b,
    prod: (a: number, b: number) => a * b,
    max: Math.max,
    min: Math.min,
  }[op];
  return (x, y) => {
    const whole = x instanceof Int32Array;
    for (let i = 0; i < x.length; i++) {
      const result = two(x[i]!, y[i]!);
      x[i] = result;
      if (whole && x[i] !== result) {
        throw new RangeError(`World: a ${op} of Int32 must stay within 32 bits, got ${result} at ${i} of a message`);
      }
    }
  };
}

/** The mean is made from the sum at the end, so that each rank divides once. */
function finished<T extends Payload>(x: T, op: ReduceOp, P: number): T {
  if (op === "mean") for (let i = 0; i < x.length; i++) x[i] = x[i]! / P;
  return x;
}

function checkBuffers(caller: string, buffers: readonly Payload[], op: ReduceOp, equal: boolean): void {
  checkInteger(caller, "the number of buffers", buffers.length, 1);
  checkChoice(caller, "op", op, ["sum", "mean", "max", "min", "prod"]);
  const [first] = buffers;
  const nameOf = (x: unknown) => x?.constructor?.name ?? String(x);
  for (const [rank, x] of buffers.entries()) {
    if (!(x instanceof Float32Array || x instanceof Float64Array || x instanceof Int32Array)) {
      throw new TypeError(
        `${caller}: buffers must be Float32Array, Float64Array or Int32Array, got ${nameOf(x)} on rank ${rank}`,
      );
    }
    if (x.constructor !== first!.constructor) {
      throw new TypeError(
        `${caller}: buffers must have one type, got ${nameOf(first)} on rank 0 and ${nameOf(x)} on rank ${rank}`,
      );
    }
    if (equal && x.length !== first!.length) {
      throw new RangeError(
        `${caller}: buffers must have equal lengths, got ${first!.length} on rank 0 and ${x.length} on rank ${rank}`,
      );
    }
  }
  if (op === "mean" && first instanceof Int32Array)
    throw new TypeError(`${caller}: a mean must be of floats, got Int32Array`);
}

function collective<T extends Payload>(
  caller: string,
  buffers: readonly T[],
  world: World | undefined,
  programOf: (buffer: T) => RankProgram<T>,
): CollectiveResult<T> {
  const P = buffers.length;
  const where = world ?? new World({ ranks: P });
  if (where.ranks !== P)
    throw new RangeError(`${caller}: the world must have a rank for each of ${P} buffers, got ${where.ranks}`);
  let run: WorldRun<T>;
  try {
    run = where.run((comm) => programOf(buffers[comm.rank]!)(comm));
  } catch (error) {
    // What made a rank die says more than who waits for it.
    throw error instanceof DeadlockError && error.cause instanceof RangeError ? error.cause : error;
  }
  const sentBytes = Float64Array.from(run.bytes, (row) => row.reduce((sum, x) => sum + x, 0));
  return { outputs: run.results, sentBytes, steps: run.steps, time: run.time, run };
}
