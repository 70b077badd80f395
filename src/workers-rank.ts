/** The thread of one rank, which `runInWorkers` starts: it drives the rank's program and carries its messages. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import {
  commFor,
  type Payload,
  type RankProgram,
  type RankRequest,
} from "./demos/systems-and-infrastructure/all-reduce-and-collectives.js";
import type { RankStatus } from "./workers.js";

interface Letter {
  readonly tag: number;
  readonly data: Payload;
}

const { rank, size, module, name, args, ports } = workerData as {
  readonly rank: number;
  readonly size: number;
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly ports: readonly (MessagePort | undefined)[];
};
const zeros = () => new Array<number>(size).fill(0);
const [sent, bytes, arrived] = [zeros(), zeros(), zeros()];
const mail: Letter[][] = Array.from({ length: size }, () => []);
let state: Pick<RankStatus, "kind" | "from" | "tag" | "result" | "seconds"> = {
  kind: "waiting",
  from: rank,
  tag: 0,
  result: undefined,
  seconds: 0,
};
let wake = () => {};
for (const [from, port] of ports.entries()) {
  port?.on("message", (letter: Letter) => {
    arrived[from]!++;
    mail[from]!.push(letter);
    wake();
  });
}

function portOf(partner: number): MessagePort {
  const port = ports[partner];
  if (!port) throw new RangeError(`World: partner of rank ${rank} must be another rank below ${size}, got ${partner}`);
  return port;
}

function send(to: number, data: Payload, tag: number): void {
  const port = portOf(to);
  const copy = data.slice();
  sent[to]!++;
  bytes[to]! += copy.byteLength;
  port.postMessage({ tag, data: copy } satisfies Letter, [copy.buffer as ArrayBuffer]);
}

/** The next letter from that rank with that tag. */
async function receive(from: number, tag: number): Promise<Payload> {
  portOf(from);
  for (;;) {
    const at = mail[from]!.findIndex((letter) => letter.tag === tag);
    if (at >= 0) return mail[from]!.splice(at, 1)[0]!.data;
    state = { ...state, kind: "waiting", from, tag };
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    state = { ...state, kind: "running" };
  }
}

async function drive(program: Generator<RankRequest, unknown, Payload>): Promise<unknown> {
  let reply: Payload = new Int32Array(0);
  for (;;) {
    const next = program.next(reply);
    if (next.done) return next.value;
    const request = next.value;
    if (request.kind === "send" || request.kind === "sendrecv") send(request.to, request.data, request.tag);
    if (request.kind === "recv" || request.kind === "sendrecv") reply = await receive(request.from, request.tag);
  }
}

const make = ((await import(module)) as Record<string, (...args: readonly unknown[]) => RankProgram<unknown>>)[name]!;
parentPort!.on("message", (question: "status" | "start") => {
  if (question === "start") {
    state = { ...state, kind: "running" };
    const start = performance.now();
    const seconds = () => (performance.now() - start) / 1000;
    drive(make(...args)(commFor(rank, size))).then(
      (result) => {
        state = { ...state, kind: "done", result, seconds: seconds() };
      },
      (error: Error) => {
        state = { ...state, kind: "dead", result: error.message, seconds: seconds() };
      },
    );
  }
  const left = mail.map((letters) => letters.length);
  parentPort!.postMessage({ ...state, sent, bytes, arrived, left } satisfies RankStatus);
});
