/** The map: walking by arrow keys, and the shortest list of what to read before a concept. */
import { type Graph, readingOrder } from "./reading-order.ts";

const graph = JSON.parse(document.querySelector("#graph")!.textContent!) as Graph;
const nodes = new Map([...document.querySelectorAll<SVGAElement>(".node")].map((node) => [node.dataset.name!, node]));
const edges = [...document.querySelectorAll<SVGPathElement>(".edges path")];
const select = document.querySelector<HTMLSelectElement>(".map-tools select")!;
const route = document.querySelector<HTMLElement>(".route")!;

function choose(name: string): void {
  const chosen = nodes.has(name) ? name : "";
  select.value = chosen;
  const order = readingOrder(graph, chosen);
  const first = new Set(order.slice(0, -1));
  const next = new Set(graph.after[chosen] ?? []);
  document.querySelector(".map")!.classList.toggle("has-choice", chosen !== "");
  for (const [other, node] of nodes) {
    node.classList.toggle("chosen", other === chosen);
    node.classList.toggle("needed", first.has(other));
    node.classList.toggle("next", next.has(other));
  }
  for (const edge of edges) {
    const { from, to } = edge.dataset as { from: string; to: string };
    edge.classList.toggle("needed", (first.has(to) || to === chosen) && first.has(from));
    edge.classList.toggle("next", from === chosen);
  }
  route.replaceChildren();
  if (!chosen) return;
  const title = (of: string) => nodes.get(of)!.getAttribute("aria-label")!;
  const words = document.createElement("p");
  words.textContent =
    first.size === 0
      ? `${title(chosen)} builds on nothing here: start with it.`
      : `${first.size} to read before, in this order:`;
  const list = document.createElement("ol");
  for (const step of order) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = nodes.get(step)!.getAttribute("href")!;
    link.textContent = title(step);
    if (step === chosen) item.className = "goal";
    item.append(link);
    list.append(item);
  }
  route.append(words, list);
  history.replaceState(null, "", `#${chosen}`);
  // The frame moves to the chosen one; the page stays where it is.
  const frame = document.querySelector<HTMLElement>(".map-frame")!;
  const { x, y } = nodes.get(chosen)!.dataset;
  const out = (at: number, start: number, size: number) => at < start + 100 || at > start + size - 100;
  const [left, top] = [Number(x), Number(y)];
  if (out(left, frame.scrollLeft, frame.clientWidth) || out(top, frame.scrollTop, frame.clientHeight))
    frame.scrollTo({ left: left - frame.clientWidth / 2, top: top - frame.clientHeight / 2 });
}

/** The node to go to with an arrow key: along an edge to the side, to the nearest in the same column up and down. */
function neighbour(name: string, key: string): string | undefined {
  const place = (of: string) => ({ x: Number(nodes.get(of)!.dataset.x), y: Number(nodes.get(of)!.dataset.y) });
  const here = place(name);
  const nearest = (names: readonly string[]) =>
    [...names].sort((a, b) => Math.abs(place(a).y - here.y) - Math.abs(place(b).y - here.y))[0];
  if (key === "ArrowLeft") return nearest(graph.before[name] ?? []);
  if (key === "ArrowRight") return nearest(graph.after[name] ?? []);
  const sign = key === "ArrowUp" ? -1 : key === "ArrowDown" ? 1 : 0;
  if (sign === 0) return undefined;
  const others = [...nodes.keys()].filter((other) => (place(other).y - here.y) * sign > 0);
  const distance = (other: string) => Math.abs(place(other).y - here.y) + 3 * Math.abs(place(other).x - here.x);
  return others.sort((a, b) => distance(a) - distance(b))[0];
}

document.querySelector(".map")!.addEventListener("keydown", (event) => {
  const node = (event.target as Element).closest<SVGAElement>(".node");
  const next = node && neighbour(node.dataset.name!, (event as KeyboardEvent).key);
  if (!next) return;
  event.preventDefault();
  nodes.get(next)!.focus();
});
for (const [name, node] of nodes) {
  node.addEventListener("focus", () => choose(name));
  // A first click chooses, a click on what is chosen opens it.
  let wasChosen = false;
  node.addEventListener("pointerdown", () => {
    wasChosen = node.classList.contains("chosen");
  });
  node.addEventListener("click", (event) => {
    if (event.detail === 0 || wasChosen) return;
    event.preventDefault();
    choose(name);
  });
}
select.addEventListener("change", () => choose(select.value));
if (location.hash) choose(decodeURIComponent(location.hash.slice(1)));
