/** Opens the search: by its button, by "/" anywhere, by Ctrl+K. The search itself is loaded when it is first opened. */
const button = document.querySelector<HTMLButtonElement>(".search-button")!;

/** What is typed while the search is being loaded; undefined when it is not. */
let typed: string | undefined;

async function open(): Promise<void> {
  if (typed !== undefined) return;
  typed = "";
  try {
    const { openSearch } = await import("./search.ts");
    openSearch(button.dataset.index!, button.dataset.base!, typed);
  } finally {
    typed = undefined;
  }
}

button.addEventListener("click", () => void open());
button.addEventListener("pointerenter", () => void import("./search.ts"), { once: true });
addEventListener("keydown", (event) => {
  if (typed !== undefined && event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
    typed += event.key;
    event.preventDefault();
    return;
  }
  const target = event.composedPath()[0] as HTMLElement;
  const typing = target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName ?? "");
  const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
  if (!(slash || ctrlK) || event.defaultPrevented) return;
  event.preventDefault();
  void open();
});
