import { readFileSync } from "node:fs";
import { join } from "node:path";
import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";

const generated = process.env.SITE_GENERATED ?? ".generated";
const site = JSON.parse(readFileSync(join(generated, "site.json"), "utf8"));
const base = process.env.SITE_BASE ?? "/";

export default defineConfig({
  base,
  outDir: process.env.SITE_OUTPUT ?? "dist",
  publicDir: join(generated, "public"),
  cacheDir: join(generated, "cache"),
  trailingSlash: "always",
  devToolbar: { enabled: false },
  vite: { build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } } },
  integrations: [
    starlight({
      title: "runnable-ml",
      description: "An executable handbook of machine learning: every claim runs.",
      pagefind: false,
      expressiveCode: false,
      credits: false,
      disable404Route: true,
      favicon: "/favicon.svg",
      customCss: ["./src/styles/fonts.css", "./src/styles/theme.css", "./src/styles/page.css"],
      components: {
        Header: "./src/components/Header.astro",
        PageTitle: "./src/components/Nothing.astro",
        MarkdownContent: "./src/components/Plain.astro",
        Footer: "./src/components/Footer.astro",
        ThemeSelect: "./src/components/Theme.astro",
      },
      sidebar: [
        { label: "All concepts", link: "/" },
        { label: "Map", link: "/map/" },
        ...site.categories.flatMap(({ id, title }) => {
          const items = site.order
            .map((name) => site.entries.find((entry) => entry.name === name))
            .filter((entry) => entry.category === id)
            .map(({ title: label, name }) => ({ label, link: `/${name}/` }));
          return items.length ? [{ label: title, items, collapsed: site.order.length > 30 }] : [];
        }),
      ],
    }),
  ],
});
