/** A concept's page: what is small stands here, what is large is loaded when a figure or a cell is touched. */
const section = document.querySelector<HTMLElement>(".figures");
if (section) {
  let loading: Promise<typeof import("./figures.ts")> | undefined;
  const load = () => {
    loading ??= import("./figures.ts");
    return loading;
  };
  const warm = () => void load().then((figures) => figures.warm());
  for (const event of ["pointerenter", "focusin", "touchstart"] as const)
    section.addEventListener(event, warm, { once: true, passive: true });
  // What happens before the figures' code is there is done again once it is.
  section.addEventListener("input", () => {
    if (!section.dataset.warm) void load().then((figures) => figures.warm());
  });
  section.addEventListener("click", (event) => {
    const id = (event.target as HTMLElement).closest<HTMLElement>("[data-shows]")?.dataset.shows;
    if (id && !section.dataset.warm) void load().then((figures) => figures.show(id));
  });
}

const sources = JSON.parse(document.querySelector("#cells")!.textContent!) as string[];
// Not "cell": that is what Vega calls a part of a faceted figure.
const cells = [...document.querySelectorAll<HTMLElement>(".note-cell")];
let cellsCode: Promise<typeof import("./cells.ts")> | undefined;
const loadCells = () => {
  cellsCode ??= import("./cells.ts");
  return cellsCode;
};
for (const [i, cell] of cells.entries()) {
  const bar = document.createElement("div");
  bar.className = "cell-bar";
  bar.innerHTML = `<span class="cell-name">cell ${i + 1}</span><span class="cell-status" role="status"></span>
    <button type="button" class="quiet" data-do="reset" hidden>Reset</button>
    <button type="button" class="quiet" data-do="edit">Edit</button>
    <button type="button" class="run" data-do="run">Run</button>`;
  for (const button of bar.querySelectorAll("button"))
    button.setAttribute("aria-label", `${button.textContent} cell ${i + 1}`);
  cell.querySelector(".cell-code")!.prepend(bar);
  bar.addEventListener("pointerenter", () => void loadCells(), { once: true });
  bar.addEventListener("click", (event) => {
    const action = (event.target as HTMLElement).closest<HTMLElement>("[data-do]")?.dataset.do;
    if (action) void loadCells().then((code) => code.act(action, i, cells, sources));
  });
  cell
    .querySelector("pre")!
    .addEventListener("dblclick", () => void loadCells().then((code) => code.act("edit", i, cells, sources)));
}
