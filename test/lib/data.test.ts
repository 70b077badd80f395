import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadBreastCancer } from "../../src/lib/breast-cancer.js";
import * as data from "../../src/lib/data.js";
import { loadKarateClub } from "../../src/lib/karate-club.js";
import { column, row, rowMajor } from "../../src/lib/matrix.js";
import { loadSeattleWeather } from "../../src/lib/seattle-weather.js";
import { root } from "../../tools/project.ts";

const folder = join(root, "data");
const sources = JSON.parse(readFileSync(join(folder, "sources.json"), "utf8")) as Record<
  string,
  Record<string, unknown>
>;
const files = readdirSync(folder).filter((file) => file.endsWith(".json") && file !== "sources.json");
const counts = (labels: ArrayLike<number>, k: number) =>
  Array.from({ length: k }, (_, c) => Array.from(labels).filter((l) => l === c).length);
const mean = (x: ArrayLike<number>) => Array.from(x).reduce((sum, value) => sum + value, 0) / x.length;

describe("data/", () => {
  test("every file is listed with source, licence and citation, and every listed file is there", () => {
    expect(Object.keys(sources).sort()).toEqual(files.sort());
    for (const entry of Object.values(sources)) {
      for (const key of ["title", "description", "source", "citation"]) expect(entry[key]).toMatch(/\S/);
      expect((entry.licence as { spdx: string }).spdx).toMatch(/\S/);
    }
  });
  test.each(files)("%s has its SHA-256", (file) => {
    expect(
      createHash("sha256")
        .update(readFileSync(join(folder, file)))
        .digest("hex"),
    ).toBe(sources[file]!.sha256);
  });
});

// Facts of the published descriptions, none of them computed from the files here.
test("iris: 50 of each species, the means of Fisher's table", () => {
  const { x, target, targetNames } = data.loadIris();
  expect([x.shape, counts(target, 3), targetNames]).toEqual([
    [150, 4],
    [50, 50, 50],
    ["setosa", "versicolor", "virginica"],
  ]);
  expect([0, 1, 2, 3].map((j) => mean(Array.from(column(x, j)).slice(0, 50)))).toEqual(
    [5.006, 3.428, 1.462, 0.246].map((value) => expect.closeTo(value, 9)),
  );
});

test("wine: 59, 71 and 48 wines, mean alcohol 13.00 %, mean proline 746.9", () => {
  const { x, target, featureNames } = data.loadWine();
  expect([x.shape, counts(target, 3)]).toEqual([
    [178, 13],
    [59, 71, 48],
  ]);
  expect([mean(column(x, featureNames.indexOf("alcohol"))), mean(column(x, featureNames.indexOf("proline")))]).toEqual([
    expect.closeTo(13.0, 2),
    expect.closeTo(746.9, 1),
  ]);
});

test("diabetes: the first patient of Efron's table, mean progression 152.13", () => {
  const { x, target, featureNames } = data.loadDiabetes();
  expect(x.shape).toEqual([442, 10]);
  expect(featureNames).toEqual(["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]);
  expect([...row(x, 0).slice(0, 8), target[0]]).toEqual([59, 2, 32.1, 101, 157, 93.2, 38, 4, 151]);
  expect(mean(target)).toBeCloseTo(152.13, 2);
});

test("breast cancer: 212 malignant and 357 benign masses, mean radius 6.981 to 28.11, mean texture 9.71 to 39.28", () => {
  const { x, target, featureNames, targetNames } = loadBreastCancer();
  expect([x.shape, counts(target, 2), targetNames]).toEqual([
    [569, 30],
    [212, 357],
    ["malignant", "benign"],
  ]);
  const range = (name: string) => {
    const values = column(x, featureNames.indexOf(name));
    return [Math.min(...values), Math.max(...values)];
  };
  expect([range("mean radius"), range("mean texture")]).toEqual([
    [6.981, 28.11],
    [9.71, 39.28],
  ]);
  loadBreastCancer().target.fill(0);
  expect(loadBreastCancer().target[568]).toBe(1);
});

test("digits: class counts of the published test set, grey levels 0 to 16, three pixels that never change", () => {
  const { x, target } = data.loadDigits();
  expect([x.shape, counts(target, 10)]).toEqual([
    [1797, 64],
    [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
  ]);
  const levels = new Set(rowMajor(x));
  expect([...levels].sort((a, b) => a - b)).toEqual(Array.from({ length: 17 }, (_, i) => i));
  expect(Array.from({ length: 64 }, (_, j) => new Set(column(x, j)).size).filter((size) => size === 1)).toHaveLength(3);
});

test("photographs: intensities in [0, 1] over nearly the whole range", () => {
  for (const [{ pixels, width, height }, channels] of [
    [data.loadGreyPhotograph(), 1],
    [data.loadColourPhotograph(), 3],
  ] as const) {
    expect(pixels.shape).toEqual(channels === 1 ? [height, width] : [height * width, 3]);
    const values = rowMajor(pixels);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
    expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.7);
  }
});

test("karate club: Zachary's 34 members and 78 friendships, 17 on each side, the leaders with 16 and 17 friends", () => {
  const { edges, target, targetNames } = loadKarateClub();
  expect([edges.length, new Set(edges.map(String)).size, counts(target, 2)]).toEqual([78, 78, [17, 17]]);
  expect(edges.every(([i, j]) => i < j)).toBe(true);
  const degree = Array.from(target, (_, node) => edges.filter((edge) => edge.includes(node)).length);
  expect([degree[0], degree[33], degree[11]]).toEqual([16, 17, 1]);
  expect([targetNames[target[0]!], targetNames[target[33]!]]).toEqual(["Mr. Hi", "Officer"]);
  (edges as unknown[]).pop();
  expect(loadKarateClub().edges).toHaveLength(78);
});

test("Seattle's weather: four years of days, 641 of rain, 640 of sun; it begins with drizzle and three days of rain", () => {
  const { weather, weatherNames } = loadSeattleWeather();
  expect(weather).toHaveLength(4 * 365 + 1);
  expect(weatherNames).toEqual(["sun", "rain", "fog", "drizzle", "snow"]);
  expect(counts(weather, 5)).toEqual([640, 641, 101, 53, 26]);
  expect(Array.from(weather.slice(0, 4), (state) => weatherNames[state])).toEqual(["drizzle", "rain", "rain", "rain"]);
  weather.fill(9);
  expect(loadSeattleWeather().weather[0]).toBe(3);
});

test("a caller's changes reach nobody else", () => {
  for (const load of [data.loadIris, data.loadDiabetes, data.loadGreyPhotograph]) {
    const [spoilt, clean] = [load(), load()];
    const spoiltMatrix = "x" in spoilt ? spoilt.x : spoilt.pixels;
    const before = ("x" in clean ? clean.x : clean.pixels).get(0, 0);
    spoiltMatrix.set(0, 0, -1);
    if ("x" in spoilt) (spoilt.featureNames as string[])[0] = "spoilt";
    const again = load();
    expect(("x" in again ? again.x : again.pixels).get(0, 0)).toBe(before);
    if ("x" in again) expect(again.featureNames[0]).not.toBe("spoilt");
  }
});
