/** Knobs: every move asks the figures' worker for a new picture. Loaded when a figure is first touched. */
import { FigureKernel } from "./kernel.ts";
import { inPage } from "./svg.ts";

const section = document.querySelector<HTMLElement>(".figures")!;
const figures = [...section.querySelectorAll<HTMLElement>(".live")];
let shown = figures[0]!;
let pictures = 0;

const kernel = new FigureKernel(
  ({ svg, description, milliseconds }) => {
    const plot = shown.querySelector<HTMLElement>(".plot")!;
    plot.innerHTML = inPage(svg, `d${++pictures}-`);
    plot.setAttribute("aria-label", description);
    plot.dataset.milliseconds = milliseconds.toFixed(1);
    plot.dataset.drawn = String(Number(plot.dataset.drawn ?? 0) + 1);
    shown.classList.remove("failed");
    sayLater(description);
  },
  (message) => {
    shown.classList.add("failed");
    shown.querySelector("[data-said]")!.textContent = `The figure could not be drawn: ${message}`;
  },
);

let timer: ReturnType<typeof setTimeout> | undefined;
/** To those who hear the page: what the figure shows, once the knob rests. */
function sayLater(text: string): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    shown.querySelector("[data-said]")!.textContent = text;
  }, 700);
}

type Knob = HTMLInputElement | HTMLSelectElement;
const knobsOf = (figure: HTMLElement) => [...figure.querySelectorAll<Knob>("[data-knob]")];
const settingOf = (knob: Knob) => (knob instanceof HTMLInputElement ? knob.valueAsNumber : knob.value);

export function draw(figure = shown): void {
  for (const knob of knobsOf(figure)) {
    const output = knob.parentElement!.querySelector("output");
    if (output) output.textContent = Number(knob.value).toFixed(Number(knob.dataset.digits));
  }
  const moved = knobsOf(figure).some((knob) => knob.value !== knob.dataset.value);
  figure.querySelector<HTMLElement>("[data-reset]")?.toggleAttribute("hidden", !moved);
  const settings = Object.fromEntries(knobsOf(figure).map((knob) => [knob.dataset.knob!, settingOf(knob)]));
  kernel.draw(section.dataset.concept!, figure.dataset.figure!, settings);
}

/** Starts the worker and lets it load what the figure needs, before a knob is moved. */
export function warm(): void {
  if (!section.dataset.warm) draw();
  section.dataset.warm = "yes";
}

section.addEventListener("input", (event) => {
  if ((event.target as HTMLElement).closest("[data-knob]")) draw();
});
section.addEventListener("click", (event) => {
  const button = (event.target as HTMLElement).closest("button");
  if (!button) return;
  if (button.dataset.reset !== undefined) {
    for (const knob of knobsOf(shown)) knob.value = knob.dataset.value!;
    draw();
    knobsOf(shown)[0]?.focus();
  } else if (button.dataset.shows) show(button.dataset.shows);
});

export function show(id: string): void {
  for (const button of section.querySelectorAll<HTMLElement>("[data-shows]"))
    button.setAttribute("aria-pressed", String(button.dataset.shows === id));
  for (const figure of figures) figure.hidden = figure.dataset.figure !== id;
  shown = figures.find((figure) => figure.dataset.figure === id)!;
  draw();
}
