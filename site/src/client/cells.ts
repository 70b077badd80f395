/** Cells that run in the page: what is asked for, what is shown, in which state each of them is. */
import type { CellOutput } from "../worker/messages.ts";
import { CellKernel, type RunResult } from "./kernel.ts";
import { asFile } from "./svg.ts";

interface State {
  readonly element: HTMLElement;
  readonly number: number;
  readonly source: string;
  readonly original: readonly Node[];
  editor: { text(): string; focus(): void; mark(line: number | undefined): void; destroy(): void } | undefined;
  /** the text that ran last in the present kernel */
  ran: string | undefined;
  running: boolean;
}

const kernel = new CellKernel();
let states: State[] | undefined;
let busy = false;

export async function act(
  action: string,
  i: number,
  elements: readonly HTMLElement[],
  sources: readonly string[],
): Promise<void> {
  states ??= elements.map((element, j) => ({
    element,
    number: j + 1,
    source: sources[j]!,
    original: [...element.querySelector(".cell-output")!.childNodes],
    editor: undefined,
    ran: undefined,
    running: false,
  }));
  const state = states[i]!;
  if (action === "edit") await edit(state);
  else if (action === "reset") reset(state);
  else if (action === "stop") kernel.stop();
  else if (!busy) await runUpTo(i, states);
}

const textOf = (state: State) => state.editor?.text() ?? state.source;
const button = (state: State, action: string) => state.element.querySelector<HTMLButtonElement>(`[data-do=${action}]`)!;

async function edit(state: State): Promise<void> {
  if (!state.editor) {
    const { makeEditor } = await import("./editor.ts");
    if (state.editor) return;
    const pre = state.element.querySelector("pre")!;
    state.editor = makeEditor(pre, state.source, `Cell ${state.number}`, {
      run: () => void (busy || runUpTo(state.number - 1, states!)),
      changed: () => button(state, "reset").removeAttribute("hidden"),
    });
    button(state, "edit").hidden = true;
  }
  state.editor.focus();
}

function reset(state: State): void {
  if (state.running) kernel.stop();
  state.editor?.destroy();
  state.editor = undefined;
  state.ran = undefined;
  state.element.querySelector(".cell-output")!.replaceChildren(...state.original);
  state.element.classList.remove("live", "failed");
  say(state, "");
  button(state, "reset").hidden = true;
  button(state, "edit").hidden = false;
  button(state, "run").focus();
}

const say = (state: State, text: string) => {
  state.element.querySelector(".cell-status")!.textContent = text;
};

/** Runs a cell, after those above it that have not run in this kernel: they declare what it uses. */
async function runUpTo(last: number, all: readonly State[]): Promise<void> {
  busy = true;
  try {
    for (const state of all.slice(0, last + 1)) {
      if (state.number - 1 < last && state.ran !== undefined && state.ran === textOf(state)) continue;
      if (state.number - 1 < last) say(all[last]!, `runs after cell ${state.number} …`);
      const { error, stopped } = await runOne(state);
      if (stopped) {
        for (const other of all) other.ran = undefined;
        if (state.number - 1 < last) say(all[last]!, "stopped");
        return;
      }
      if (error && state.number - 1 < last) {
        say(all[last]!, `not run: cell ${state.number} above failed`);
        return;
      }
    }
  } finally {
    busy = false;
  }
}

async function runOne(state: State): Promise<RunResult> {
  const place = state.element.querySelector<HTMLElement>(".cell-output")!;
  const code = textOf(state);
  state.running = true;
  state.editor?.mark(undefined);
  state.element.classList.remove("failed");
  state.element.classList.add("live", "running");
  const run = button(state, "run");
  run.dataset.do = "stop";
  run.textContent = "Stop";
  run.setAttribute("aria-label", `Stop cell ${state.number}`);
  say(state, "running …");
  place.replaceChildren();
  const result = await kernel.run(`cell-${state.number}.ts`, code, (output) => show(place, output));
  state.running = false;
  run.dataset.do = "run";
  run.textContent = "Run";
  run.setAttribute("aria-label", `Run cell ${state.number}`);
  state.element.classList.remove("running");
  button(state, "reset").hidden = false;
  if (result.stopped) {
    say(state, "stopped; the cells above will run again");
    state.ran = undefined;
  } else if (result.error) {
    state.ran = undefined;
    state.element.classList.add("failed");
    say(state, "failed");
    const { message, line } = result.error;
    const box = document.createElement("pre");
    box.className = "text error";
    box.setAttribute("role", "alert");
    box.textContent =
      line === undefined
        ? message
        : `${message}\n    at line ${line} of cell ${state.number}: ${code.split("\n")[line - 1]?.trim() ?? ""}`;
    place.append(box);
    state.editor?.mark(line);
  } else {
    state.ran = code;
    say(
      state,
      `${result.milliseconds < 1000 ? `${Math.max(1, Math.round(result.milliseconds))} ms` : `${(result.milliseconds / 1000).toFixed(1)} s`}`,
    );
  }
  return result;
}

function show(place: HTMLElement, output: CellOutput): void {
  if (output.kind === "text") {
    let last = place.lastElementChild as HTMLElement | null;
    if (!last?.matches("pre.text:not(.progress)")) {
      last = document.createElement("pre");
      last.className = "text";
      place.append(last);
    }
    last.append(output.text);
  } else if (output.kind === "line") {
    let line = place.querySelector(".progress");
    if (!line) {
      line = document.createElement("pre");
      line.className = "text progress";
      place.append(line);
    }
    line.textContent = output.text;
  } else if (output.kind === "html") {
    const box = document.createElement("div");
    box.className = "wide output-table";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "Table");
    // Parsed as a document of its own: only its table comes over, no script, no handler.
    const table = new DOMParser().parseFromString(output.html, "text/html").querySelector("table");
    if (table) box.append(document.importNode(table, true));
    place.append(box);
  } else {
    const box = document.createElement("div");
    box.className = "paper";
    const picture = document.createElement("img");
    picture.alt = output.description;
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asFile(output.svg))}`;
    box.append(picture);
    place.append(box);
  }
}
