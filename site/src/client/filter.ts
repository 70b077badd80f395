/** The list of all concepts, filtered while typing; the filter stays in the address, so that it can be sent to somebody. */
const form = document.querySelector<HTMLFormElement>(".filters")!;
const count = form.querySelector(".count")!;
const groups = [...document.querySelectorAll<HTMLElement>(".group")];
const names = ["text", "category", "difficulty", "written"] as const;

function apply(): void {
  const data = new FormData(form);
  const words = String(data.get("text")).toLowerCase().split(/\s+/).filter(Boolean);
  const [category, difficulty, written] = [data.get("category"), data.get("difficulty"), data.get("written")];
  let shown = 0;
  for (const group of groups) {
    let any = false;
    for (const entry of group.querySelectorAll<HTMLElement>(".entry")) {
      const fits =
        (!category || group.dataset.category === category) &&
        (!difficulty || entry.dataset.difficulty === difficulty) &&
        (!written || !entry.classList.contains("planned")) &&
        words.every((word) => entry.dataset.text!.includes(word));
      entry.hidden = !fits;
      any ||= fits;
      if (fits) shown++;
    }
    group.hidden = !any;
  }
  const all = groups.reduce((sum, group) => sum + group.querySelectorAll(".entry").length, 0);
  count.textContent = shown === all ? `${all} concepts` : `${shown} of ${all} concepts`;
  const query = new URLSearchParams();
  for (const name of names) if (data.get(name)) query.set(name, String(data.get(name)));
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`);
}

for (const [name, value] of new URLSearchParams(location.search)) {
  const field = form.elements.namedItem(name) as HTMLInputElement | null;
  if (field?.type === "checkbox") field.checked = true;
  else if (field) field.value = value;
}
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
apply();
