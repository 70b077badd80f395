import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    allowOnly: false,
    // Concepts side by side: mostly a page waits for its worker.
    maxConcurrency: 3,
    // The files share a browser's patience: one after the other.
    fileParallelism: false,
  },
});
