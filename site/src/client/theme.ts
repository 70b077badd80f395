/** The button between light and dark, and the system's own changes while nothing was chosen. */
const KEY = "starlight-theme";
const light = matchMedia("(prefers-color-scheme: light)");
const root = document.documentElement;

for (const button of document.querySelectorAll(".theme-button")) {
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem(KEY, root.dataset.theme);
  });
}
light.addEventListener("change", () => {
  if (!localStorage.getItem(KEY)) root.dataset.theme = light.matches ? "light" : "dark";
});
