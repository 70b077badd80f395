/** The prerequisite graph as a picture: concepts in columns, each to the right of all that it builds on. */

export interface MapNode {
  readonly name: string;
  readonly title: string;
  readonly lines: readonly string[];
  /** of its middle */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface ConceptMap {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly MapNode[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly path: string }[];
}

interface Entry {
  readonly name: string;
  readonly title: string;
  readonly buildsOn: readonly string[];
}

const WIDTH = 176;
/** Letters that a line of that width holds. */
const LETTERS = 24;
const HEIGHT = 46;
const GAP = { x: 74, y: 12 };
const MARGIN = 14;
/** Concepts that are tied to no other stand below the graph, so many in a row. */
const LOOSE_PER_ROW = 5;

/** @param concepts in a reading order: each after all that it builds on */
export function conceptMap(concepts: readonly Entry[]): ConceptMap {
  const known = new Set(concepts.map(({ name }) => name));
  const before = new Map(concepts.map(({ name, buildsOn }) => [name, buildsOn.filter((other) => known.has(other))]));
  const after = new Map(
    concepts.map(({ name }) => [name, concepts.filter((c) => c.buildsOn.includes(name)).map((c) => c.name)]),
  );
  const tied = concepts.filter(({ name }) => before.get(name)!.length > 0 || after.get(name)!.length > 0);
  const loose = concepts.filter((concept) => !tied.includes(concept));

  const column = new Map<string, number>();
  const columnOf = (name: string): number => {
    if (!column.has(name)) column.set(name, 1 + Math.max(-1, ...before.get(name)!.map(columnOf)));
    return column.get(name)!;
  };
  const columns: string[][] = [];
  for (const { name } of tied) (columns[columnOf(name)] ??= []).push(name);

  // Where a concept stands in its column: near those that it is tied to, on both sides; a few rounds settle it.
  const row = new Map<string, number>();
  const settle = (names: readonly string[]) => {
    for (const [i, name] of names.entries()) row.set(name, i - names.length / 2);
  };
  for (const names of columns) settle(names);
  for (let round = 0; round < 8; round++) {
    for (const names of round % 2 ? [...columns].reverse() : columns) {
      const wish = new Map(
        names.map((name) => {
          const rows = [...before.get(name)!, ...after.get(name)!].map((other) => row.get(other)!);
          return [name, rows.reduce((sum, value) => sum + value, 0) / rows.length];
        }),
      );
      names.sort((a, b) => wish.get(a)! - wish.get(b)!);
      settle(names);
    }
  }

  const tallest = Math.max(0, ...columns.map(({ length }) => length));
  const place = new Map<string, { x: number; y: number }>();
  const at = (c: number, r: number) => ({
    x: MARGIN + WIDTH / 2 + c * (WIDTH + GAP.x),
    y: MARGIN + HEIGHT / 2 + r * (HEIGHT + GAP.y),
  });
  for (const [c, names] of columns.entries())
    for (const [r, name] of names.entries()) place.set(name, at(c, (tallest - names.length) / 2 + r));
  for (const [i, { name }] of loose.entries())
    place.set(name, at(i % LOOSE_PER_ROW, tallest + (tallest && 0.6) + Math.floor(i / LOOSE_PER_ROW)));

  const spots = [...place.values()];
  return {
    width: Math.max(0, ...spots.map(({ x }) => x)) + WIDTH / 2 + MARGIN,
    height: Math.max(0, ...spots.map(({ y }) => y)) + HEIGHT / 2 + MARGIN,
    nodes: concepts.map(({ name, title }) => ({
      name,
      title,
      lines: wrapped(title),
      ...place.get(name)!,
      width: WIDTH,
      height: HEIGHT,
    })),
    edges: concepts.flatMap(({ name: to }) =>
      before.get(to)!.map((from) => ({ from, to, path: curve(place.get(from)!, place.get(to)!) })),
    ),
  };
}

function curve(from: { x: number; y: number }, to: { x: number; y: number }): string {
  const [x0, x1] = [from.x + WIDTH / 2, to.x - WIDTH / 2];
  const bend = Math.max(GAP.x / 2, (x1 - x0) / 2.5);
  return `M${x0} ${from.y}C${x0 + bend} ${from.y} ${x1 - bend} ${to.y} ${x1} ${to.y}`;
}

/** A title in two lines at most; a long one without what stands behind its colon or in brackets. */
export function wrapped(title: string): string[] {
  const short = title.length > 2 * LETTERS - 6 ? title.split(/:| \(/)[0]! : title;
  if (short.length <= LETTERS - 2) return [short];
  const spaces = [...short.matchAll(/ /g)].map(({ index }) => index);
  const [middle] = spaces.sort((a, b) => Math.abs(a - short.length / 2) - Math.abs(b - short.length / 2));
  if (middle === undefined) return [short];
  return [short.slice(0, middle), short.slice(middle + 1)].map((line) =>
    line.length > LETTERS ? `${line.slice(0, LETTERS - 1)}…` : line,
  );
}
