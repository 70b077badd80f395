/** Starlight asks for a collection of this name; the pages of this site are made by src/pages from .generated/. */
import { docsSchema } from "@astrojs/starlight/schema";
import { defineCollection } from "astro/content/config";

export const collections = { docs: defineCollection({ loader: () => [], schema: docsSchema() }) };
