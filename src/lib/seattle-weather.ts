/** The weather of Seattle, of data/: a sequence of five states for Markov chains. */
import days from "../../data/seattle-weather.json" with { type: "json" };

/** A sequence of states, one for each day. */
export interface WeatherSequence {
  /** index of the state in `weatherNames`, day after day: 1461 integers in [0, 5) */
  readonly weather: Int32Array;
  /** sun, rain, fog, drizzle, snow */
  readonly weatherNames: readonly string[];
}

/**
 * Seattle's weather on each day from 1 January 2012 to 31 December 2015. NOAA; the labels are those of vega-datasets.
 *
 * @example
 * loadSeattleWeather().weather.length // 1461
 */
export function loadSeattleWeather(): WeatherSequence {
  const { weather, weatherNames } = days as { readonly weather: string; readonly weatherNames: readonly string[] };
  return { weather: Int32Array.from(weather, Number), weatherNames: [...weatherNames] };
}
