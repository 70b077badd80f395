/** Made by prepare/library.ts: subpath of the package → its module, loaded when asked for. */
declare module "virtual:modules" {
  export const modules: Readonly<Record<string, (() => Promise<Record<string, unknown>>) | undefined>>;
}
