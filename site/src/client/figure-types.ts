/** Values of a figure's knobs by name. */
export type Settings = Readonly<Record<string, number | string>>;
