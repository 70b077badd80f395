/** What `node:module` is in a page: `createRequire` for src/jupyter, which finds vega and the place where output goes. */

const loaded: Record<string, unknown> = {};
const cache: Record<string, unknown> = {};

/** Makes a package known to `require`. */
export function provide(name: string, exports: unknown): void {
  loaded[name] = exports;
}

/** Takes the MIME bundles that `show` writes, as tslab's kernel does. */
export function onDisplay(take: (bundle: Readonly<Record<string, unknown>>) => void): void {
  cache["/tslab/dist/jupyter.js"] = {
    exports: { lastWriteDisplayData: ({ data }: { data: Readonly<Record<string, unknown>> }) => take(data) },
  };
}

export function createRequire(): ((name: string) => unknown) & { cache: typeof cache } {
  const require = (name: string) => {
    if (name in loaded) return loaded[name];
    throw new Error(`there is no "${name}" in the page`);
  };
  return Object.assign(require, { cache });
}
