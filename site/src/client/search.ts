/** The search: a dialog with a line to type in and a list of what was found, over an index that lies beside the pages. */
import MiniSearch, { type SearchResult } from "minisearch";
import { ask } from "./ask.ts";
import { type SearchDocument, searchOptions } from "./search-options.ts";

const MOST = 12;
let dialog: HTMLDialogElement | undefined;
let index: Promise<MiniSearch<SearchDocument>> | undefined;

/** @param typed what the reader has typed already */
export function openSearch(indexUrl: string, base: string, typed = ""): void {
  index ??= fetch(indexUrl)
    .then((response) => (response.ok ? response.text() : Promise.reject(new Error(`status ${response.status}`))))
    .then((text) => MiniSearch.loadJSON<SearchDocument>(text, searchOptions));
  dialog ??= makeDialog(base);
  if (!dialog.open) dialog.showModal();
  const input = dialog.querySelector("input")!;
  input.focus();
  if (typed) {
    input.value = typed;
    input.dispatchEvent(new Event("input"));
  } else input.select();
}

function makeDialog(base: string): HTMLDialogElement {
  const made = document.createElement("dialog");
  made.className = "search";
  made.setAttribute("aria-label", "Search");
  made.innerHTML = `
    <div class="search-line">
      <input type="text" role="combobox" aria-expanded="true" aria-controls="search-results" aria-autocomplete="list"
        aria-label="Search" placeholder="svd, kv cache, why divide by sqrt d …" autocomplete="off" spellcheck="false">
      <button type="button" class="icon-button" aria-label="Close the search"><kbd>Esc</kbd></button>
    </div>
    <ul id="search-results" role="listbox" aria-label="Results"></ul>
    <p class="search-note" role="status"></p>`;
  document.body.append(made);
  const input = made.querySelector("input")!;
  const list = made.querySelector("ul")!;
  const note = made.querySelector("p")!;
  let chosen = -1;
  let asked = 0;
  /** the question that the list answers */
  let answered = "";

  const choose = (next: number) => {
    const options = [...list.querySelectorAll<HTMLElement>("[role=option]")];
    chosen = options.length ? (next + options.length) % options.length : -1;
    for (const [i, option] of options.entries()) option.setAttribute("aria-selected", String(i === chosen));
    const current = options[chosen];
    if (current) {
      input.setAttribute("aria-activedescendant", current.id);
      current.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };

  const show = async () => {
    const turn = ++asked;
    const question = input.value.trim();
    let results: SearchResult[] = [];
    try {
      results = question === "" ? [] : ask(await index!, question);
    } catch (error) {
      index = undefined;
      note.textContent = `The index could not be read (${(error as Error).message}).`;
      return;
    }
    if (turn !== asked) return;
    answered = question;
    list.replaceChildren(...results.slice(0, MOST).map((result, i) => optionOf(result, i, base, question)));
    note.textContent =
      question === ""
        ? "Titles, definitions, text, formulas and function names. ↑ ↓ choose, Enter opens, Esc closes."
        : results.length === 0
          ? "Nothing found."
          : `${results.length} found${results.length > MOST ? `, the best ${MOST} shown` : ""}.`;
    choose(0);
  };

  const follow = async () => {
    // Who types fast presses Enter before the list is there.
    if (answered !== input.value.trim()) await show();
    const link = list.querySelector<HTMLAnchorElement>("[aria-selected=true] a");
    if (!link) return;
    made.close();
    location.assign(link.href);
  };

  input.addEventListener("input", () => void show());
  made.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter" && event.target === input) void follow();
    else return;
    event.preventDefault();
  });
  made.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    if (target === made || target.closest("button, a")) made.close();
  });
  void show();
  return made;
}

function optionOf(result: SearchResult, i: number, base: string, question: string): HTMLLIElement {
  const { title, summary, category, url, planned, sections } = result as unknown as SearchDocument;
  const item = document.createElement("li");
  item.id = `search-result-${i}`;
  item.setAttribute("role", "option");
  const link = document.createElement("a");
  link.tabIndex = -1;
  // Where in the page: the section that holds most of the words, unless the title says it all.
  const words = Object.keys(result.match);
  const best = bestSection(sections, words, `${title} ${summary}`);
  link.href = `${base}${url}${best ? `#${best[0]}` : ""}`;
  const head = document.createElement("span");
  head.className = "result-title";
  head.append(marked(title, words));
  const where = document.createElement("span");
  where.className = "result-where";
  where.textContent = planned ? `${category} · planned` : best ? `${category} · ${best[1]}` : category;
  const text = document.createElement("span");
  text.className = "result-text";
  text.append(marked(best ? around(best[2], words) : summary, words));
  link.append(head, where, text);
  item.append(link);
  item.dataset.question = question;
  return item;
}

function bestSection(sections: SearchDocument["sections"], words: readonly string[], above: string) {
  const holds = (text: string) => words.filter((word) => text.toLowerCase().includes(word)).length;
  const [best] = sections
    .filter(([slug]) => slug !== "")
    .map((section) => ({ section, count: holds(`${section[1]} ${section[2]}`) }))
    .sort((a, b) => b.count - a.count);
  return best && best.count > holds(above) ? best.section : undefined;
}

/** A stretch of text around the first of the words. */
function around(text: string, words: readonly string[]): string {
  const at = Math.min(
    ...words.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0),
    text.length,
  );
  const start = Math.max(0, text.lastIndexOf(" ", Math.max(0, at - 50)));
  return `${start > 0 ? "… " : ""}${text.slice(start, start + 180).trim()}${start + 180 < text.length ? " …" : ""}`;
}

function marked(text: string, words: readonly string[]): DocumentFragment {
  const fragment = document.createDocumentFragment();
  const known = words.filter((word) => word.length > 1).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (known.length === 0) {
    fragment.append(text);
    return fragment;
  }
  for (const [i, part] of text.split(new RegExp(`(${known.join("|")})`, "gi")).entries()) {
    if (i % 2 === 0) fragment.append(part);
    else {
      const mark = document.createElement("mark");
      mark.textContent = part;
      fragment.append(mark);
    }
  }
  return fragment;
}
