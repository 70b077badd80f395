/** What every figure keeps: it compiles without a warning wherever its knobs stand, quickly, and says what it shows. */
import { compile, type TopLevelSpec } from "vega-lite";
import { describe, expect, test } from "vitest";
import { svg } from "../../src/jupyter/index.js";
import type { Figure, Knobs } from "../../src/lib/figure.js";
import { ARTEFACTS, conceptNames } from "../../tools/catalogue.ts";
import { filesBelow } from "../../tools/project.ts";

const present = filesBelow("src/figures", ".ts");
const names = conceptNames().filter((name) => present.includes(ARTEFACTS.figure(name)));

type FigureModule = { readonly figures?: Readonly<Record<string, Figure>> };
const modules = await Promise.all(
  names.map(async (name) => {
    const file = `../../${ARTEFACTS.figure(name)}`;
    return [name, (await import(/* @vite-ignore */ file)) as FigureModule] as const;
  }),
);

describe.each(modules)("%s", (name, module) => {
  const path = ARTEFACTS.figure(name);

  test("exports figures", () => {
    expect(Object.keys(module.figures ?? {}), `${path} must export const figures = { ... }`).not.toEqual([]);
  });

  test.each(Object.entries(module.figures ?? {}))(
    "%s compiles without warnings at the defaults and at both ends of every knob",
    (id, figure) => {
      const known = Object.keys(module).filter((key) => key !== "figures");
      expect(known, `${path} must export ${id} by its own name too`).toContain(id);
      for (const settings of settingsOf(figure.knobs)) {
        const where = `${path}, ${id} at ${JSON.stringify(settings)}`;
        const { spec, milliseconds } = fastestDraw(figure, settings);
        expect(warningsOf(spec), where).toEqual([]);
        expect(JSON.stringify(spec).length, `${where}: at most 200 KB of data`).toBeLessThanOrEqual(200_000);
        // A busy machine may double the time; more than that is a slow figure.
        expect(milliseconds, `${where}: must be drawn in 300 ms`).toBeLessThan(600);
        expect(
          String(spec.description ?? "").length,
          `${where}: needs alternative text in its description`,
        ).toBeGreaterThan(40);
        expect(JSON.stringify(spec), `${where}: needs a title`).toContain('"title"');
        const [, width] = /<svg[^>]* width="(\d+)"/.exec(svg(spec)) ?? [];
        expect(Number(width), `${where}: must fit a page, 720 px`).toBeLessThanOrEqual(720);
        expect(svg(spec), `${where}: must draw something`).toMatch(/<path|<image|<text|<rect/);
        expect(svg(spec), `${where}: draws NaN`).not.toMatch(/NaN|Infinity/);
      }
      const [start, ...ends] = settingsOf(figure.knobs).map((settings) =>
        JSON.stringify(figure.draw(settings as never)),
      );
      for (const [knob] of Object.entries(figure.knobs)) {
        const moved = settingsOf(figure.knobs)
          .slice(1)
          .flatMap((settings, i) => (knob in settings ? [ends[i]!] : []));
        expect(
          moved.some((spec) => spec !== start),
          `${path}, ${id}: the knob ${knob} changes nothing`,
        ).toBe(true);
      }
      expect(JSON.stringify(figure.draw()), `${path}, ${id}: the same settings must give the same figure`).toBe(start);
    },
  );
});

/** The defaults, then each knob at each of its ends (each option of a choice) with the others at their defaults. */
function settingsOf(knobs: Knobs): Record<string, number | string>[] {
  const moved = Object.entries(knobs).flatMap(([name, knob]) =>
    ("options" in knob ? knob.options : [knob.min, knob.max]).map((value) => ({ [name]: value })),
  );
  return [{}, ...moved];
}

function warningsOf(spec: TopLevelSpec): string[] {
  const said: string[] = [];
  const take = (...words: readonly unknown[]) => {
    said.push(words.join(" "));
    return logger;
  };
  const logger = { level: () => logger, error: take, warn: take, info: () => logger, debug: () => logger } as never;
  compile(spec, { logger });
  return said;
}

/** The spec, and the processor time of the fastest of three calls: the first pays for compilation. */
function fastestDraw(figure: Figure, settings: Record<string, number | string>) {
  let milliseconds = Infinity;
  let spec = figure.draw(settings as never);
  for (let i = 0; i < 3 && milliseconds > 300; i++) {
    const start = process.cpuUsage();
    spec = figure.draw(settings as never);
    const { user, system } = process.cpuUsage(start);
    milliseconds = Math.min(milliseconds, (user + system) / 1000);
  }
  return { spec, milliseconds };
}
