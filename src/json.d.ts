/** Data files are typed by the loader that reads them (src/lib/data.ts), not by their text. */
declare module "*.json" {
  const value: unknown;
  export default value;
}
