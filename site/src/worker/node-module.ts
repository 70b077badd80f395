/** What `node:module` is in a page: `createRequire` for src/jupyter, which finds vega and the place where output goes. */

const loaded: Record<string, unknown> = {};
const cache: Record<string, unknown> = {};

/** Makes a package known to `require`. */
export function provide(name: string, exports: unknown): void {
  loaded[name] = exports;
}

type Bundle = Readonly<Record<string, unknown>>;

/** Takes the MIME bundles that `show` and `progress` write, as tslab's kernel does; `line` says that it is a line of progress. */
export function onDisplay(take: (bundle: Bundle, line: boolean) => void): void {
  cache["/tslab/dist/jupyter.js"] = {
    exports: {
      lastWriteDisplayData: ({ data, transient }: { data: Bundle; transient?: object }) => take(data, !!transient),
    },
  };
}

export function createRequire(): ((name: string) => unknown) & { cache: typeof cache } {
  const require = (name: string) => {
    if (name in loaded) return loaded[name];
    throw new Error(`there is no "${name}" in the page`);
  };
  return Object.assign(require, { cache });
}
