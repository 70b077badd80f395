/** What a figure is: a pure function from knobs to a Vega-Lite spec, with the declaration of the knobs. */
import type { TopLevelSpec } from "vega-lite";

/** A number that a reader moves. */
export interface Slider {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** where it stands at first */
  readonly value: number;
}

/** One of several named choices. */
export interface Choice {
  readonly label: string;
  readonly options: readonly string[];
  /** the one that is chosen at first */
  readonly value: string;
}

export type Knobs = Readonly<Record<string, Slider | Choice>>;

/** The values of the knobs: a number for a slider, one of its options for a choice. */
export type Settings<K extends Knobs> = { readonly [P in keyof K]: K[P] extends Slider ? number : string };

/** A figure with knobs; `draw()` shows it at their first values. */
export interface Figure<K extends Knobs = Knobs> {
  readonly title: string;
  readonly knobs: K;
  /** Vega-Lite 5 spec; its `description` is the alternative text, computed from the data. */
  draw(settings?: Partial<Settings<K>>): TopLevelSpec;
}

/**
 * Declares a figure.
 *
 * @param title what the figure shows, as a noun phrase
 * @param knobs declaration of the knobs by name
 * @param draw spec for a complete set of knob values
 */
export function figure<const K extends Knobs>(
  title: string,
  knobs: K,
  draw: (settings: Settings<K>) => TopLevelSpec,
): Figure<K> {
  const defaults = Object.fromEntries(Object.entries(knobs).map(([name, knob]) => [name, knob.value]));
  return {
    title,
    knobs,
    draw: (settings = {}) => draw({ ...defaults, ...settings } as Settings<K>),
  };
}
