/** A kernel, seen from the page: a worker that is started when it is first needed and can be stopped whatever it does. */
import type { CellError, CellOutput, Reply, Request } from "../worker/messages.ts";
import type { Settings } from "./figure-types.ts";

export interface Drawn {
  readonly svg: string;
  readonly description: string;
  readonly milliseconds: number;
}

/** A worker whose script comes from here but which is bound to the page's own policy, because the page wrote its first line. */
function startWorker(onReply: (reply: Reply) => void, onFailure: (message: string) => void): Worker {
  const address = new URL(document.querySelector<HTMLMetaElement>("meta[name=kernel]")!.content, location.href).href;
  const url = URL.createObjectURL(new Blob([`import ${JSON.stringify(address)};`], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
    if (data.type === "ready") URL.revokeObjectURL(url);
    else onReply(data);
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    onFailure(event.message || "the kernel could not be loaded");
  });
  return worker;
}

/** Draws figures; a newer request overtakes those that still wait. */
export class FigureKernel {
  #worker: Worker | undefined;
  #next = 0;
  #onDrawn: (drawn: Drawn) => void;
  #onFailure: (message: string) => void;

  constructor(onDrawn: (drawn: Drawn) => void, onFailure: (message: string) => void) {
    this.#onDrawn = onDrawn;
    this.#onFailure = onFailure;
  }

  draw(concept: string, figure: string, settings: Settings): void {
    this.#worker ??= startWorker((reply) => {
      if (reply.type === "drawn" && reply.id === this.#next) this.#onDrawn(reply);
      else if (reply.type === "done" && reply.error) this.#onFailure(reply.error.message);
    }, this.#onFailure);
    this.#worker.postMessage({ type: "draw", id: ++this.#next, concept, figure, settings } satisfies Request);
  }
}

/** Runs cells, one at a time, in one worker that keeps their variables. */
export class CellKernel {
  #worker: Worker | undefined;
  #next = 0;
  #current: { id: number; onOutput(output: CellOutput): void; finish(result: RunResult): void } | undefined;

  run(name: string, code: string, onOutput: (output: CellOutput) => void): Promise<RunResult> {
    this.#worker ??= startWorker(
      (reply) => {
        if (reply.type === "drawn" || reply.type === "ready" || reply.id !== this.#current?.id) return;
        if (reply.type === "output") this.#current.onOutput(reply.output);
        else this.#finish({ error: reply.error, milliseconds: reply.milliseconds, stopped: false });
      },
      (message) => this.#finish({ error: { message, line: undefined }, milliseconds: 0, stopped: false }),
    );
    const id = ++this.#next;
    return new Promise((resolve) => {
      this.#current = { id, onOutput, finish: resolve };
      this.#worker!.postMessage({ type: "run", id, name, code } satisfies Request);
    });
  }

  /** Ends the worker, and with it all variables of the cells. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#finish({ error: undefined, milliseconds: 0, stopped: true });
  }

  #finish(result: RunResult): void {
    const current = this.#current;
    this.#current = undefined;
    current?.finish(result);
  }
}

export interface RunResult {
  readonly error: CellError | undefined;
  readonly milliseconds: number;
  readonly stopped: boolean;
}
