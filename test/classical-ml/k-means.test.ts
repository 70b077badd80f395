import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  adjustedRandIndex,
  type KMeansState,
  kMeans,
  kMeansPlusPlus,
  kMeansSteps,
  nearestCentroid,
  optimalKMeans1d,
  silhouetteSamples,
} from "../../src/demos/classical-ml/k-means.js";
import { pca } from "../../src/demos/linear-algebra/svd-and-pca.js";
import { digitsFigure, paletteFigure } from "../../src/figures/classical-ml/k-means.js";
import { loadColourPhotograph, loadDigits, loadIris } from "../../src/lib/data.js";
import { copy, type Matrix, matrix, maxAbsDifference, row, toRows, transpose } from "../../src/lib/matrix.js";
import { random } from "../../src/lib/random.js";
import { concept } from "../concept.js";

const { claim, oracle } = concept("classical-ml/k-means");

// --- independent of the code under test: everything from the definitions, over plain arrays ---

const square = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  Array.from(x, (value, p) => (value - y[p]!) ** 2).reduce((a, b) => a + b, 0);
const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
const meanOf = (rows: readonly number[][]) => rows[0]!.map((_, p) => sum(rows.map((r) => r[p]!)) / rows.length);
const members = (rows: readonly number[][], labels: ArrayLike<number>, c: number) =>
  rows.filter((_, i) => labels[i] === c);
const inertiaOf = (rows: readonly number[][], centroids: readonly number[][], labels: ArrayLike<number>) =>
  sum(rows.map((x, i) => square(x, centroids[labels[i]!]!)));
const firstNearest = (x: number[], centroids: readonly number[][]) => {
  const distances = centroids.map((c) => square(x, c));
  return distances.indexOf(Math.min(...distances));
};
/** Inertia of a partition around its own means. */
const inertiaOfPartition = (rows: readonly number[][], labels: ArrayLike<number>) =>
  sum(
    [...new Set(Array.from(labels))].map((c) => {
      const own = members(rows, labels, c);
      return sum(own.map((x) => square(x, meanOf(own))));
    }),
  );
/** The smallest inertia of n ≤ 9 points in at most k clusters, by trying every labelling. */
function exhaustive(rows: readonly number[][], k: number): number {
  let best = Infinity;
  for (let code = 0; code < k ** rows.length; code++) {
    const labels = rows.map((_, i) => Math.floor(code / k ** i) % k);
    best = Math.min(best, inertiaOfPartition(rows, labels));
  }
  return best;
}

/** Unit Gaussians around the given centres, n points in turn. */
function blobs(centres: readonly (readonly number[])[], n: number, seed: number): Matrix {
  const { normal } = random(seed);
  return matrix(Array.from({ length: n }, (_, i) => centres[i % centres.length]!.map((m) => m + normal())));
}
const rowsOf = (X: Matrix, picks: ArrayLike<number>) => matrix(Array.from(picks, (i) => row(X, i)));
const plain = (state: KMeansState) => ({ ...state, centroids: toRows(state.centroids), labels: [...state.labels] });

/** n, d, k all different, with repeated rows now and then: coordinates on a coarse grid. */
const problems = fc
  .record({
    n: fc.integer({ min: 4, max: 40 }),
    d: fc.integer({ min: 1, max: 6 }),
    seed: fc.integer({ min: 0, max: 9999 }),
  })
  .chain(({ n, d, seed }) =>
    fc.record({ n: fc.constant(n), d: fc.constant(d), seed: fc.constant(seed), k: fc.integer({ min: 1, max: n }) }),
  )
  .map(({ n, d, seed, k }) => {
    const { integer, normal, uniform } = random(seed);
    const coarse = uniform() < 0.5;
    const X = matrix(
      Array.from({ length: n }, () => Array.from({ length: d }, () => (coarse ? integer(4) : normal()))),
    );
    return { X, n, d, k, seed };
  });

describe("claims", () => {
  claim("lloyd-never-increases", () => {
    fc.assert(
      fc.property(problems, fc.constantFrom("random" as const, "k-means++" as const), ({ X, k, seed }, init) => {
        const rows = toRows(X);
        const total = sum(rows.map((x) => square(x, meanOf(rows))));
        const states = [...kMeansSteps(X, k, { init, seed, tol: 0 })];
        states.forEach((state, t) => {
          // The recomputed sums differ from the exact ones by rounding: 1e-12 of the whole.
          expect(state.inertia).toBeCloseTo(inertiaOf(rows, toRows(state.centroids), state.labels), 10);
          if (t > 0) expect(state.inertia).toBeLessThanOrEqual(states[t - 1]!.inertia + 1e-12 * total);
        });
        const { centroids, labels, inertia, converged } = states.at(-1)!;
        expect(converged).toBe(true);
        const means = toRows(centroids);
        let between = 0;
        let pairs = 0;
        for (let c = 0; c < k; c++) {
          const own = members(rows, labels, c);
          if (own.length === 0) continue;
          expect(Math.sqrt(square(means[c]!, meanOf(own)))).toBeLessThan(1e-12 * (1 + Math.sqrt(total)));
          between += own.length * square(means[c]!, meanOf(rows));
          pairs += sum(own.flatMap((x) => own.map((y) => square(x, y)))) / (2 * own.length);
        }
        rows.forEach((x, i) => {
          expect(square(x, means[labels[i]!]!)).toBeLessThanOrEqual(
            Math.min(...means.map((m) => square(x, m))) + 1e-12,
          );
        });
        expect(Math.abs(inertia + between - total)).toBeLessThanOrEqual(1e-10 * total);
        expect(Math.abs(inertia - pairs)).toBeLessThanOrEqual(1e-10 * total);
      }),
      { numRuns: 150 },
    );
  });

  claim("local-minima-arbitrarily-bad", () => {
    for (const w of [1.5, 3, 1000]) {
      const X = matrix([
        [0, 0],
        [0, 1],
        [w, 0],
        [w, 1],
      ]);
      const init = matrix([
        [w / 2, 0],
        [w / 2, 1],
      ]);
      const states = [...kMeansSteps(X, 2, { init, tol: 0 })];
      expect(states.map(({ phase, inertia }) => [phase, inertia])).toEqual([
        ["assign", w * w],
        ["update", w * w],
        ["assign", w * w],
      ]);
      expect(maxAbsDifference(states.at(-1)!.centroids, init)).toBe(0);
      expect(exhaustive(toRows(X), 2)).toBe(1);
      expect(kMeans(X, 2).inertia).toBe(1);
    }
  });

  claim("plus-plus-expected-ratio", () => {
    const centres = Array.from({ length: 25 }, (_, c) => [10 * (c % 5), 10 * Math.floor(c / 5)]);
    const X = blobs(centres, 2500, 1);
    // The clusters are 10 standard deviations apart: the partition by origin is the optimum but for a few points.
    const optimum = inertiaOfPartition(
      toRows(X),
      Array.from({ length: 2500 }, (_, i) => i % 25),
    );
    const seeded = (init: "k-means++" | "random") =>
      sum(
        Array.from({ length: 300 }, (_, seed) => kMeansSteps(X, 25, { init, seed }).next().value!.inertia / optimum),
      ) / 300;
    const ratio = seeded("k-means++");
    expect(ratio).toBeLessThanOrEqual(8);
    expect(ratio).toBeLessThanOrEqual(8 * (Math.log(25) + 2));
    expect(seeded("random")).toBeGreaterThanOrEqual(12);
  });

  claim("plus-plus-hits-every-cluster", () => {
    const X = blobs(
      Array.from({ length: 10 }, (_, c) => [100 * c, 0]),
      1000,
      2,
    );
    const hitsAll = (centroids: Matrix) => new Set(toRows(centroids).map(([x]) => Math.round(x! / 100))).size === 10;
    let plusPlus = 0;
    let uniform = 0;
    for (let seed = 0; seed < 1000; seed++) {
      if (hitsAll(kMeansPlusPlus(X, 10, { seed }))) plusPlus++;
      if (hitsAll(kMeansSteps(X, 10, { init: "random", seed }).next().value!.centroids)) uniform++;
    }
    expect(plusPlus).toBeGreaterThanOrEqual(970);
    expect(uniform).toBeLessThanOrEqual(5);
    // 100¹⁰ choices of one point a cluster among C(1000, 10)
    const probability = Array.from({ length: 10 }, (_, j) => (100 * (j + 1)) / (1000 - j)).reduce((a, b) => a * b, 1);
    expect(probability).toBeCloseTo(0.00038, 5);
  });

  claim("pca-lower-bound", () => {
    const { x: X } = loadIris();
    const { explainedVariance } = pca(X);
    const eigenvalues = Array.from(explainedVariance, (variance) => 149 * variance); // of the scatter matrix
    for (const [k, inertia, bound] of [
      [2, 152.348, 51.363],
      [3, 78.851, 15.205],
    ] as const) {
      expect(sum(eigenvalues.slice(k - 1))).toBeCloseTo(bound, 3);
      expect(kMeans(X, k).inertia).toBeCloseTo(inertia, 3);
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), (seed) => {
        const { normal } = random(seed);
        const rows = Array.from({ length: 7 }, () => [normal(), normal(), normal()]);
        const scatter = Array.from(pca(matrix(rows)).explainedVariance, (variance) => 6 * variance);
        expect(exhaustive(rows, 3)).toBeGreaterThanOrEqual(sum(scatter.slice(2)) - 1e-12);
      }),
      { numRuns: 20 },
    );
  });

  claim("inertia-cannot-choose-k", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 2, maxLength: 25 }), (x) => {
        const optima = x.map((_, i) => optimalKMeans1d(x, i + 1).inertia);
        for (let k = 1; k < x.length; k++) expect(optima[k]!).toBeLessThanOrEqual(optima[k - 1]! + 1e-9);
        expect(optima[new Set(x).size - 1]).toBe(0);
      }),
    );
    const { x: X } = loadIris();
    const silhouette = (k: number) => sum(silhouetteSamples(X, kMeans(X, k).labels)) / 150;
    expect(silhouette(2)).toBeCloseTo(0.681, 3);
    expect(silhouette(3)).toBeCloseTo(0.553, 3);
  });

  claim("optimum-can-be-wrong", () => {
    for (const seed of [0, 1, 2]) {
      const { normal } = random(seed);
      const X = matrix(
        Array.from({ length: 1050 }, (_, i) =>
          i < 1000 ? [3 * normal(), 3 * normal()] : [9 + 0.3 * normal(), 0.3 * normal()],
        ),
      );
      const truth = Int32Array.from({ length: 1050 }, (_, i) => (i < 1000 ? 0 : 1));
      const found = kMeans(X, 2);
      expect(found.inertia).toBeLessThanOrEqual(0.85 * inertiaOfPartition(toRows(X), truth));
      expect(adjustedRandIndex(found.labels, truth)).toBeLessThanOrEqual(0.2);
    }
  });

  claim("hamerly-same-labels-fewer-distances", () => {
    for (const seed of [0, 1, 2]) {
      const { uniform, permutation } = random(seed);
      const X = blobs(
        Array.from({ length: 20 }, () => Array.from({ length: 8 }, () => 10 * uniform())),
        5000,
        seed,
      );
      const init = rowsOf(X, permutation(5000).subarray(0, 20));
      const hamerly = [...kMeansSteps(X, 20, { init, tol: 0 })];
      const lloyd = [...kMeansSteps(X, 20, { init, tol: 0, algorithm: "lloyd" })];
      expect(hamerly.map(({ labels }) => labels)).toEqual(lloyd.map(({ labels }) => labels));
      expect(lloyd.at(-1)!.distanceEvaluations).toBe(5000 * 20 * (lloyd.at(-1)!.iteration + 1));
      expect(hamerly.at(-1)!.distanceEvaluations).toBeLessThanOrEqual(lloyd.at(-1)!.distanceEvaluations / 2);
    }
  });

  claim("noise-has-an-elbow-too", () => {
    const { uniform } = random(3);
    const X = matrix(Array.from({ length: 1000 }, () => [uniform(), uniform()]));
    const inertias = [2, 4, 8, 16, 32].map((k) => kMeans(X, k, { nInit: 5 }).inertia);
    for (let i = 1; i < inertias.length; i++) {
      expect(inertias[i - 1]! / inertias[i]!).toBeGreaterThanOrEqual(1.9);
      expect(inertias[i - 1]! / inertias[i]!).toBeLessThanOrEqual(2.7);
    }
  });
});

describe("the note's worked case", () => {
  test("0, 1, 4, 9 from the centroids 0 and 1", () => {
    const X = matrix([[0], [1], [4], [9]]);
    const states = [...kMeansSteps(X, 2, { init: matrix([[0], [1]]), tol: 0 })].map(plain);
    expect(states.map(({ phase, centroids, labels, inertia }) => [phase, centroids.flat(), labels, inertia])).toEqual([
      ["assign", [0, 1], [0, 1, 1, 1], 73],
      ["update", [0, expect.closeTo(14 / 3, 12)], [0, 1, 1, 1], expect.closeTo(98 / 3, 12)],
      ["assign", [0, expect.closeTo(14 / 3, 12)], [0, 0, 1, 1], expect.closeTo(1 + 4 / 9 + 169 / 9, 12)],
      ["update", [0.5, 6.5], [0, 0, 1, 1], 13],
      ["assign", [0.5, 6.5], [0, 0, 1, 1], 13],
    ]);
    expect(states.map(({ iteration, converged }) => [iteration, converged])).toEqual([
      [0, false],
      [1, false],
      [1, false],
      [2, false],
      [2, true],
    ]);
    // The best two clusters are {0, 1, 4} and {9}: 26/3. Lloyd's end is another fixed point.
    const { breaks, centroids, inertia } = optimalKMeans1d([4, 0, 9, 1], 2);
    expect([...breaks]).toEqual([6.5]);
    expect([...centroids]).toEqual([expect.closeTo(5 / 3, 12), 9]);
    expect(inertia).toBeCloseTo(26 / 3, 12);
  });
});

interface Fixture {
  readonly blobs: number[][];
  readonly lloyd: readonly {
    readonly data: "iris" | "digits" | "blobs";
    readonly initRows: number[];
    readonly centroids: number[][];
    readonly labels: number[];
    readonly inertia: number;
    readonly iterations: number;
  }[];
  readonly stoppedEarly: { initRows: number[]; tol: number; labels: number[]; inertia: number; iterations: number };
  readonly defaults: { n_init: string; tol: number; max_iter: number; algorithm: string };
  readonly startsWithPlusPlus: number;
  readonly plusPlusTrials: readonly { k: number; trials: number }[];
  readonly emptyCluster: { init: number[][]; labels: number[]; inertia: number; iterations: number };
  readonly irisOptima: readonly { k: number; inertia: number; lowerBound: number }[];
  readonly irisRandomStartInertias: Readonly<Record<string, number>>;
  readonly silhouettes: readonly {
    data?: "iris" | "blobs";
    points?: number[][];
    labels: number[];
    samples: number[];
  }[];
  readonly adjustedRandIndex: readonly { a: number[]; b: number[]; adjustedRandIndex: number }[];
  readonly optimal1d: readonly { x: number[]; k: number; inertia: number; centroids: number[] }[];
  readonly optimalExhaustive: readonly { points: number[][]; k: number; inertia: number }[];
}

describe("scikit-learn and exhaustive search", () => {
  const fixture = oracle<Fixture>();
  const points = { iris: loadIris().x, digits: loadDigits().x, blobs: matrix(fixture.blobs) };

  test.each(["hamerly", "lloyd"] as const)("KMeans(n_init=1, tol=0) ends where %s ends", (algorithm) => {
    expect(fixture.lloyd.length).toBeGreaterThan(5);
    for (const { data, initRows, centroids, labels, inertia, iterations } of fixture.lloyd) {
      const X = points[data];
      const ours = kMeans(X, initRows.length, { init: rowsOf(X, initRows), tol: 0, algorithm });
      expect([...ours.labels]).toEqual(labels);
      // Means of up to 1,797 numbers up to 16, added up in another order: 1e-12 leaves hundreds of roundings.
      expect(maxAbsDifference(ours.centroids, matrix(centroids))).toBeLessThan(1e-12);
      expect(Math.abs(ours.inertia / inertia - 1)).toBeLessThan(1e-12);
      expect(ours.iterations + 1).toBe(iterations); // scikit-learn counts the last pass too, which changes nothing
    }
  });

  test("tol means the same, and labels are assigned once more after it", () => {
    const { initRows, tol, labels, inertia, iterations } = fixture.stoppedEarly;
    const init = rowsOf(points.digits, initRows);
    const ours = kMeans(points.digits, initRows.length, { init, tol });
    expect([ours.iterations, ours.converged]).toEqual([iterations, true]);
    expect([...ours.labels]).toEqual(labels);
    expect(Math.abs(ours.inertia / inertia - 1)).toBeLessThan(1e-12);
    expect(kMeans(points.digits, initRows.length, { init, tol: 0 }).iterations).toBeGreaterThan(iterations);
  });

  test("the note's table of scikit-learn's choices", () => {
    const { n_init, tol, max_iter, algorithm } = fixture.defaults;
    expect([n_init, tol, max_iter, algorithm]).toEqual(["auto", 1e-4, 300, "lloyd"]);
    expect(fixture.startsWithPlusPlus).toBe(1);
    for (const { k, trials } of fixture.plusPlusTrials) expect(trials).toBe(2 + Math.floor(Math.log(k)));
    expect(fixture.plusPlusTrials.map(({ trials }) => trials)).toEqual([2, 3, 4, 4]);
  });

  test("empty clusters are filled the same way", () => {
    const { init, labels, inertia, iterations } = fixture.emptyCluster;
    const ours = kMeans(points.blobs, 4, { init: matrix(init), tol: 0 });
    expect([...ours.labels]).toEqual(labels);
    expect(ours.inertia).toBeCloseTo(inertia, 10);
    expect(ours.iterations + 1).toBe(iterations);
  });

  test("iris: the best inertia of many starts, and the kinds of ends of random ones", () => {
    for (const { k, inertia } of fixture.irisOptima) {
      expect(kMeans(points.iris, k, { tol: 0, nInit: 40 }).inertia).toBeCloseTo(inertia, 8);
    }
    const ends = Array.from(
      { length: 400 },
      (_, seed) => kMeans(points.iris, 3, { init: "random", nInit: 1, seed, tol: 0 }).inertia,
    );
    for (const end of ["78.851", "78.856", "142.754"]) {
      expect(fixture.irisRandomStartInertias[end]).toBeGreaterThan(0);
      expect(ends.map((inertia) => inertia.toFixed(3))).toContain(end);
    }
    // Nothing lies between the two nearly equal minima and the traps, here or in scikit-learn.
    for (const end of [...ends, ...Object.keys(fixture.irisRandomStartInertias).map(Number)]) {
      expect(end < 78.857 || end > 142).toBe(true);
    }
    // 79 % of random triples end below 80: four standard errors of 400 starts are 8 %.
    expect(Math.abs(ends.filter((inertia) => inertia < 80).length / 400 - 0.79)).toBeLessThan(0.08);
  });

  test("silhouette_samples, also with a cluster of one point", () => {
    for (const { data, points: own, labels, samples } of fixture.silhouettes) {
      const ours = silhouetteSamples(data ? points[data] : matrix(own!), labels);
      expect(ours.length).toBe(samples.length);
      for (const [i, s] of samples.entries()) expect(ours[i]).toBeCloseTo(s, 7); // it takes x² − 2xy + y², which costs digits
    }
    expect(fixture.silhouettes.some(({ samples }) => samples.includes(0))).toBe(true);
  });

  test("adjusted_rand_score, also below 0", () => {
    for (const { a, b, adjustedRandIndex: expected } of fixture.adjustedRandIndex) {
      expect(adjustedRandIndex(a, b)).toBeCloseTo(expected, 12);
    }
    expect(Math.min(...fixture.adjustedRandIndex.map(({ adjustedRandIndex }) => adjustedRandIndex))).toBeLessThan(0);
  });

  test("the optimum on a line and in space", () => {
    for (const { x, k, inertia, centroids } of fixture.optimal1d) {
      const ours = optimalKMeans1d(x, k);
      expect(ours.inertia).toBeCloseTo(inertia, 10);
      for (const [c, centroid] of centroids.entries()) expect(ours.centroids[c]).toBeCloseTo(centroid, 10);
    }
    for (const { points: own, k, inertia } of fixture.optimalExhaustive) {
      expect(kMeans(matrix(own), k, { nInit: 100, tol: 0 }).inertia).toBeCloseTo(inertia, 10);
    }
  });
});

describe("properties", () => {
  test("every state is what its phase says; Hamerly's are Lloyd's, also with ties and empty clusters", () => {
    fc.assert(
      fc.property(problems, fc.boolean(), ({ X, k, n, d, seed }, far) => {
        const rows = toRows(X);
        // Some starts far from every point: those centroids own nothing.
        const { normal } = random(seed + 1);
        const init = far
          ? matrix(Array.from({ length: k }, (_, c) => Array.from({ length: d }, () => normal() + 50 * (c % 2))))
          : ("random" as const);
        const states = [...kMeansSteps(X, k, { init, seed, tol: 0 })].map(plain);
        const lloyd = [...kMeansSteps(X, k, { init, seed, tol: 0, algorithm: "lloyd" })].map(plain);
        const seen = ({ phase, iteration, centroids, labels, converged }: ReturnType<typeof plain>) => ({
          phase,
          iteration,
          centroids,
          labels,
          converged,
        });
        expect(states.map(seen)).toEqual(lloyd.map(seen));
        states.forEach(({ phase, iteration, centroids, labels }, t) => {
          expect([phase, iteration]).toEqual([t % 2 ? "update" : "assign", Math.ceil(t / 2)]);
          expect(centroids.flat().every(Number.isFinite)).toBe(true);
          if (phase === "assign") expect(labels).toEqual(rows.map((x) => firstNearest(x, centroids)));
          for (const c of new Set(labels)) {
            if (phase === "assign") continue;
            expect(square(centroids[c]!, meanOf(members(rows, labels, c)))).toBeLessThan(1e-24 * (1 + 100 * n));
          }
        });
        expect(states.at(-1)!.converged).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("a tie up to rounding is decided as Lloyd decides it", () => {
    // Multiples of 0.1 in space, many equally far from two centroids: the one of 9,000 such draws in which bounds that are
    // not rounded outwards keep another label than the computed distances give.
    const { integer } = random(63);
    const X = matrix(Array.from({ length: 60 }, () => Array.from({ length: 3 }, () => integer(8) * 0.1)));
    const k = 2 + integer(5);
    const run = (algorithm: "hamerly" | "lloyd") =>
      [...kMeansSteps(X, k, { init: "random", seed: 63, tol: 0, algorithm })].map(({ labels }) => labels);
    expect(run("hamerly")).toEqual(run("lloyd"));
  });

  test("an empty cluster takes the point farthest from its centroid", () => {
    const X = matrix([[0], [1], [2], [10]]);
    const [, update] = [...kMeansSteps(X, 3, { init: matrix([[1], [100], [200]]), tol: 0 })].map(plain);
    // 10 is 9 away, then 0 (the first of two points 1 away): each in a cluster of its own.
    expect(update).toMatchObject({ phase: "update", labels: [2, 0, 0, 1], centroids: [[1.5], [10], [0]] });
    // The only point of a cluster stays, however far from its centroid it lies.
    const [, second] = [...kMeansSteps(matrix([[0], [1], [10]]), 3, { init: matrix([[0.4], [15], [50]]), tol: 0 })].map(
      plain,
    );
    expect(second).toMatchObject({ labels: [0, 2, 1], centroids: [[0], [10], [1]] });
    // Without a different row to take, the centroid moves onto a point and owns none.
    const [, third] = [...kMeansSteps(matrix([[7], [7], [7]]), 2, { init: matrix([[7], [50]]), tol: 0 })].map(plain);
    expect(third).toMatchObject({ labels: [0, 0, 0], centroids: [[7], [7]] });
  });

  test("fewer different rows than k: inertia 0, duplicate centroids, and the flag says so exactly then", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0.1, 0.3)), { minLength: 2, maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom("random" as const, "k-means++" as const),
        (rows, wanted, init) => {
          const k = Math.min(wanted, rows.length);
          const different = new Set(rows.map(String)).size;
          const { duplicateCentroids, inertia, converged, centroids } = kMeans(matrix(rows), k, {
            init,
            nInit: 2,
            tol: 0,
          });
          expect(converged).toBe(true);
          expect(duplicateCentroids).toBe(k > different);
          expect(new Set(toRows(centroids).map(String)).size).toBe(Math.min(k, different));
          if (k >= different) expect(inertia === 0 || k === different).toBe(true);
        },
      ),
    );
  });

  test("equivariance: shifting and turning the points moves the centroids and leaves the labels", () => {
    const X = blobs(
      [
        [0, 0],
        [6, 1],
        [2, 7],
      ],
      90,
      5,
    );
    const init = rowsOf(X, [0, 1, 2]);
    const moved = (A: Matrix) =>
      matrix(toRows(A).map(([x, y]) => [0.6 * x! - 0.8 * y! + 1e6, 0.8 * x! + 0.6 * y! - 1e6]));
    const [before, after] = [kMeans(X, 3, { init }), kMeans(moved(X), 3, { init: moved(init) })];
    expect(after.labels).toEqual(before.labels);
    // Coordinates of 1e6 are known to 1e-10; a mean keeps that.
    expect(maxAbsDifference(after.centroids, moved(before.centroids))).toBeLessThan(1e-9);
    expect(after.inertia).toBeCloseTo(before.inertia, 6);
  });

  test("kMeans is the best of its starts, and its seed replays it", () => {
    const { x: X } = loadIris();
    const many = kMeans(X, 3, { init: "random", nInit: 8, seed: 5 });
    const replay = [...kMeansSteps(X, 3, { init: "random", seed: many.seed })].at(-1)!;
    expect(replay.labels).toEqual(many.labels);
    expect([replay.inertia, replay.iteration, replay.converged]).toEqual([
      many.inertia,
      many.iterations,
      many.converged,
    ]);
    const one = [...kMeansSteps(X, 3, { init: "random", seed: 5 })].at(-1)!;
    expect(kMeans(X, 3, { init: "random", nInit: 1, seed: 5 }).inertia).toBe(one.inertia);
    const running = Array.from({ length: 8 }, (_, i) => kMeans(X, 3, { init: "random", nInit: i + 1, seed: 5 }));
    running.slice(1).forEach((run, i) => {
      expect(run.inertia).toBeLessThanOrEqual(running[i]!.inertia);
      expect(run.distanceEvaluations).toBeGreaterThan(running[i]!.distanceEvaluations);
    });
    expect(new Set(running.map(({ inertia }) => inertia)).size).toBeGreaterThan(1);
    expect(many.inertia).toBe(running[7]!.inertia);
  });

  test("maxIter bounds the updates, and the labels are still of the nearest centroids", () => {
    const X = blobs(
      [
        [0, 0],
        [1, 1],
        [2, 0],
      ],
      300,
      8,
    );
    const { iterations, converged, labels, centroids } = kMeans(X, 7, { maxIter: 2, nInit: 1, tol: 0 });
    expect([iterations, converged]).toEqual([2, false]);
    expect(labels).toEqual(nearestCentroid(X, centroids));
  });

  test("maxIter is 300 unless given", () => {
    // Thirty centroids at one end of a thousand numbers in a row spread out slowly: 545 updates to the fixed point.
    const numbers = matrix(Array.from({ length: 1000 }, (_, i) => [i]));
    const init = matrix(Array.from({ length: 30 }, (_, c) => [c]));
    expect(kMeans(numbers, 30, { init, tol: 0 })).toMatchObject({ iterations: 300, converged: false });
    expect(kMeans(numbers, 30, { init, tol: 0, maxIter: 1000 })).toMatchObject({ converged: true });
  });

  test("tol is 1e-4 unless given", () => {
    const X = blobs(
      [
        [0, 0],
        [1, 1],
        [2, 0],
      ],
      2000,
      8,
    );
    const iterations = (options: { tol?: number }) => kMeans(X, 7, { nInit: 1, ...options }).iterations;
    expect(iterations({})).toBe(iterations({ tol: 1e-4 }));
    expect(iterations({})).toBeGreaterThan(iterations({ tol: 1e-2 }));
    expect(iterations({})).toBeLessThan(iterations({ tol: 0 }));
  });

  test("tol is relative to the variance divided by n", () => {
    // 0, 1, 4, 9 from 0 and 1: the first update moves by 11/3, squared 13.44; the variance is 49/4 = 12.25.
    const numbers = matrix([[0], [1], [4], [9]]);
    const run = (tol: number) => kMeans(numbers, 2, { init: matrix([[0], [1]]), tol });
    expect(run(13.4 / 12.25)).toMatchObject({ iterations: 2, converged: true });
    const stopped = run(13.5 / 12.25);
    expect(stopped).toMatchObject({ iterations: 1, converged: true });
    expect([...stopped.labels]).toEqual([0, 0, 1, 1]); // assigned once more to the last centroids
  });

  test("distances are counted: k·n for seeding, n·k an assignment of Lloyd's", () => {
    const X = blobs(
      [
        [0, 0],
        [5, 5],
      ],
      50,
      1,
    );
    const [first] = kMeansSteps(X, 3, { algorithm: "lloyd" });
    expect(first!.distanceEvaluations).toBe(3 * 50 + 3 * 50);
    const [atRandom] = kMeansSteps(X, 3, { algorithm: "lloyd", init: "random" });
    expect(atRandom!.distanceEvaluations).toBe(3 * 50);
    // An empty cluster: the four points of the only other one, then the three that are left there.
    const filled = [
      ...kMeansSteps(matrix([[0], [1], [2], [10]]), 3, { algorithm: "lloyd", init: matrix([[1], [9e4], [9e5]]) }),
    ];
    expect(filled.slice(0, 3).map(({ distanceEvaluations }) => distanceEvaluations)).toEqual([12, 12 + 7, 12 + 7 + 12]);
  });

  test("Hamerly's bounds measure what (5) and (6) leave open, and nothing else", () => {
    const X = matrix([[0], [10], [14]]);
    const counts = [...kMeansSteps(X, 2, { init: matrix([[0], [8]]), tol: 0 })].map(
      (state) => state.distanceEvaluations,
    );
    // First 1 gap, 2 moves, 3 guesses at cluster 0; the point 0 is within half the gap of it, the two others measure both.
    // Then the second centroid moves by 4 to 12, a new gap: u = 0, 6, 10 stay below the bounds 6, 10, 14, since the
    // points 10 and 14 are their own centroid's and the other has not moved.
    expect(counts).toEqual([1 + 2 + 3 + 2 * 2, 10, 10 + 1 + 2]);
  });

  test("centroids given as a matrix are one start", () => {
    const X = loadIris().x;
    const init = rowsOf(X, [0, 50, 100]);
    expect(kMeans(X, 3, { init })).toEqual(kMeans(X, 3, { init, nInit: 1 }));
  });

  test("k-means++ draws each row with probability D² / Σ D²", () => {
    const X = matrix([[0], [1], [3]]);
    const second = { "0": [0, 0, 0], "1": [0, 0, 0], "3": [0, 0, 0] } as Record<string, number[]>;
    for (let seed = 0; seed < 6000; seed++) {
      const [a, b] = kMeansPlusPlus(X, 2, { seed }).data;
      second[String(a)]![[0, 1, 3].indexOf(b!)]!++;
    }
    const probabilities = { "0": [0, 0.1, 0.9], "1": [0.2, 0, 0.8], "3": [9 / 13, 4 / 13, 0] } as Record<
      string,
      number[]
    >;
    for (const [a, counts] of Object.entries(second)) {
      const n = sum(counts);
      expect(Math.abs(n / 6000 - 1 / 3)).toBeLessThan(0.025); // 4 standard errors of a share of 6,000 draws
      counts.forEach((count, j) => {
        const p = probabilities[a]![j]!;
        expect(Math.abs(count / n - p)).toBeLessThanOrEqual(4 * Math.sqrt((p * (1 - p)) / n));
      });
    }
  });

  test("more local trials lower the inertia of the seeds", () => {
    const X = blobs(
      Array.from({ length: 9 }, (_, c) => [6 * (c % 3), 6 * Math.floor(c / 3)]),
      270,
      4,
    );
    const mean = (nLocalTrials: number) =>
      sum(
        Array.from({ length: 60 }, (_, seed) => {
          const centroids = kMeansPlusPlus(X, 9, { seed, nLocalTrials });
          return inertiaOf(toRows(X), toRows(centroids), nearestCentroid(X, centroids));
        }),
      ) / 60;
    expect(mean(5)).toBeLessThan(0.8 * mean(1));
  });

  test("optimalKMeans1d finds the best of all labellings, and kMeans never beats it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 3, maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        (x, k) => {
          const { inertia, breaks, centroids } = optimalKMeans1d(x, k);
          expect(inertia).toBeCloseTo(
            exhaustive(
              x.map((v) => [v]),
              k,
            ),
            10,
          );
          expect([breaks.length, centroids.length]).toEqual([k - 1, k]);
          if (new Set(x).size < k) return;
          // The breaks cut x into clusters with these means.
          const labels = x.map((v) => breaks.filter((b) => v > b).length);
          expect(
            inertiaOfPartition(
              x.map((v) => [v]),
              labels,
            ),
          ).toBeCloseTo(inertia, 10);
          centroids.forEach((m, c) => {
            expect(m).toBeCloseTo(
              meanOf(
                members(
                  x.map((v) => [v]),
                  labels,
                  c,
                ),
              )[0]!,
              10,
            );
          });
        },
      ),
    );
    const { normal } = random(6);
    const x = Array.from({ length: 200 }, () => 1e6 + normal());
    const optimum = optimalKMeans1d(x, 6).inertia;
    const found = kMeans(matrix(x.map((v) => [v])), 6, { nInit: 30, tol: 0 }).inertia;
    expect(found).toBeGreaterThanOrEqual(optimum * (1 - 1e-9));
    expect(found).toBeLessThanOrEqual(optimum * 1.05);
  });

  test("kMeans is never below the exhaustive optimum of small problems, and mostly at it", () => {
    const optimal = Array.from({ length: 100 }, (_, seed) => {
      const { normal } = random(seed);
      const rows = Array.from({ length: 8 }, () => [normal(), normal(), normal()]);
      const [found, optimum] = [kMeans(matrix(rows), 2, { nInit: 60, tol: 0 }).inertia, exhaustive(rows, 2)];
      expect(found).toBeGreaterThanOrEqual(optimum - 1e-12);
      return found <= optimum + 1e-12;
    });
    // Not always: some optima are reached from one of the 28 pairs of rows only, or from none (seeds 107 and 828).
    expect(optimal.filter(Boolean).length).toBeGreaterThanOrEqual(95);
  });

  test("adjustedRandIndex: symmetric, blind to names, 0 on average for random partitions", () => {
    const { integer } = random(9);
    const draw = (n: number, k: number) => Array.from({ length: n }, () => integer(k));
    const values = Array.from({ length: 400 }, () => {
      const [a, b] = [draw(30, 3), draw(30, 5)];
      const value = adjustedRandIndex(a, b);
      expect(adjustedRandIndex(b, a)).toBeCloseTo(value, 12);
      expect(
        adjustedRandIndex(
          a.map((u) => 7 - 5 * u),
          b,
        ),
      ).toBeCloseTo(value, 12);
      return value;
    });
    expect(Math.abs(sum(values) / 400)).toBeLessThan(0.01); // the standard error is about 0.0025
    expect(adjustedRandIndex([3], [4])).toBe(1);
    expect(adjustedRandIndex([1, 2, 3], [6, 5, 4])).toBe(1);
    expect(adjustedRandIndex([1, 1, 1], [5, 5, 5])).toBe(1);
    expect(adjustedRandIndex([1, 1, 1], [5, 6, 7])).toBe(0);
    expect(adjustedRandIndex([0, 0, 1, 2], [0, 0, 1, 1])).toBeCloseTo(4 / 7, 12); // worked out by hand: (1 − 1/3) / (3/2 − 1/3)
  });
});

describe("figures", () => {
  /** Pictures drawn by strokes, as colours per pixel; each pixel must be met exactly once. */
  const pixelsOf = (shapes: readonly { shape: string; colour: string }[], width: number, height: number) => {
    const colours = Array.from({ length: width * height }, () => "");
    for (const { shape, colour } of shapes) {
      for (const [, x, y, length] of shape.matchAll(/M(\d+),(\d+)h(\d+)/g)) {
        const end = Math.min(width, Number(x) + Number(length)); // what lies beside the picture is not the next row
        for (let j = Number(x); j < end; j++) colours[width * Number(y) + j] += colour;
      }
    }
    return colours;
  };
  type Drawn = {
    hconcat: { data: { values: never[] } }[];
    layer: { data: { values: never[] } }[];
    description: string;
  };

  test("the photograph has the colour of the nearest centroid in every pixel, and the shares add up", () => {
    const { pixels, width, height } = loadColourPhotograph();
    const k = 5;
    const [picture, bars] = (paletteFigure.draw({ k }) as unknown as Drawn).hconcat;
    const { centroids } = kMeans(pixels, k, { nInit: 1 });
    const rgb = toRows(centroids).map((c) => `rgb(${c.map((value) => Math.round(255 * value)).join(",")})`);
    const expected = Array.from(nearestCentroid(pixels, centroids), (c) => rgb[c]!);
    expect(pixelsOf(picture!.data.values, width, height)).toEqual(expected);
    for (const { colour, share } of bars!.data.values as { colour: string; share: number }[]) {
      expect(share).toBeCloseTo((100 * expected.filter((c) => c === colour).length) / (width * height), 2);
    }
  });

  test("the digits are the means of their clusters, counted against the true labels", () => {
    const { description, layer } = digitsFigure.draw({ k: 3 }) as unknown as Drawn;
    const { x: X, target } = loadDigits();
    const { labels, centroids } = kMeans(X, 3, { nInit: 1 });
    const shapes = layer[0]!.data.values as { x: number; y: number; shape: string; colour: string }[];
    const tiles = [...new Set(shapes.map(({ x }) => x))].map((x) =>
      pixelsOf(
        shapes.filter((shape) => shape.x === x),
        8,
        8,
      ),
    );
    for (let c = 0; c < 3; c++) {
      const own = [...target].filter((_, i) => labels[i] === c);
      const most = Math.max(...Array.from({ length: 10 }, (_, digit) => own.filter((t) => t === digit).length));
      expect(description).toContain(`${own.length} points, ${most} of them a `);
      const grey = (ink: number) => `rgb(${[0, 0, 0].map(() => 240 - 15 * Math.round(ink)).join(",")})`;
      expect(tiles).toContainEqual([...row(centroids, c)].map(grey));
    }
  });
});

test("the note's digits: every digit is most frequent in one cluster; that of 8 holds 101 eights and 99 ones", () => {
  const { x: X, target } = loadDigits();
  const { labels } = kMeans(X, 10, { nInit: 1 });
  const counts = Array.from({ length: 10 }, (_, c) =>
    Array.from({ length: 10 }, (_, digit) => [...target].filter((t, i) => t === digit && labels[i] === c).length),
  );
  const digits = counts.map((row) => row.indexOf(Math.max(...row)));
  expect(digits.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const eights = counts[digits.indexOf(8)]!;
  expect([eights[8], eights[1]]).toEqual([101, 99]);
});

describe("contract", () => {
  const X = () =>
    blobs(
      [
        [0, 0, 0],
        [4, 4, 4],
      ],
      20,
      3,
    );

  test("inputs are unchanged, and results are no views of them", () => {
    const [points, init] = [X(), rowsOf(X(), [0, 1])];
    const [pointsBefore, initBefore] = [copy(points), copy(init)];
    const { centroids, labels } = kMeans(points, 2, { init });
    [...kMeansSteps(points, 2, { init })];
    kMeansPlusPlus(points, 2, { nLocalTrials: 2 });
    nearestCentroid(points, init);
    silhouetteSamples(points, labels);
    const x = [3, 1, 2];
    optimalKMeans1d(x, 2);
    expect(x).toEqual([3, 1, 2]);
    expect(maxAbsDifference(points, pointsBefore)).toBe(0);
    expect(maxAbsDifference(init, initBefore)).toBe(0);
    const first = kMeansSteps(points, 2, { init }).next().value!;
    init.set(0, 0, 99);
    expect(centroids.get(0, 0)).not.toBe(99);
    expect(first.centroids.get(0, 0)).toBe(initBefore.get(0, 0));
  });

  test("a state stays what it was when the algorithm goes on", () => {
    const live: KMeansState[] = [];
    const snapshots: ReturnType<typeof plain>[] = [];
    for (const state of kMeansSteps(X(), 5, { init: "random", tol: 0 })) {
      live.push(state);
      snapshots.push(plain(state));
    }
    expect(snapshots.length).toBeGreaterThan(3);
    expect(live.map(plain)).toEqual(snapshots);
  });

  test("the same seed gives the same bits, another seed another start", () => {
    for (const init of ["random", "k-means++"] as const) {
      expect(kMeans(X(), 4, { init, seed: 7 })).toEqual(kMeans(X(), 4, { init, seed: 7 }));
      const start = (seed: number) => [...kMeansSteps(X(), 4, { init, seed }).next().value!.centroids.data];
      expect(start(1)).not.toEqual(start(2));
      expect(new Set(toRows(kMeansSteps(X(), 20, { init }).next().value!.centroids).map(String)).size).toBe(20);
    }
    expect(kMeansPlusPlus(X(), 4).data).toEqual(kMeansPlusPlus(X(), 4, { seed: 0 }).data);
    // The whole result, with distanceEvaluations: that tells the number of starts and the algorithm.
    expect(kMeans(X(), 4)).toEqual(
      kMeans(X(), 4, { seed: 0, nInit: 10, maxIter: 300, tol: 1e-4, init: "k-means++", algorithm: "hamerly" }),
    );
    expect([...kMeansSteps(X(), 4)].map(plain)).toEqual([...kMeansSteps(X(), 4, { seed: 0 })].map(plain));
  });

  test("strided views", () => {
    const points = X();
    const view = transpose(matrix(toRows(transpose(points))));
    expect(kMeans(view, 3).labels).toEqual(kMeans(points, 3).labels);
    expect(silhouetteSamples(view, kMeans(points, 3).labels)).toEqual(
      silhouetteSamples(points, kMeans(points, 3).labels),
    );
    expect(
      nearestCentroid(
        view,
        transpose(
          matrix([
            [0, 4],
            [0, 4],
            [0, 4],
          ]),
        ),
      ),
    ).toEqual(
      kMeans(points, 2, {
        init: matrix([
          [0, 0, 0],
          [4, 4, 4],
        ]),
      }).labels,
    );
  });

  test("extremes: one point, equal points, a constant column, the largest and the smallest numbers", () => {
    expect(kMeans(matrix([[3, -1]]), 1)).toMatchObject({ inertia: 0, converged: true, duplicateCentroids: false });
    expect(kMeans(matrix([[0.1], [0.1], [0.1]]), 2)).toMatchObject({
      inertia: 0,
      converged: true,
      duplicateCentroids: true,
    });
    expect(
      kMeans(
        matrix([
          [7, 0],
          [7, 1],
          [7, 9],
        ]),
        2,
      ),
    ).toMatchObject({ inertia: 0.5 });
    expect(kMeans(matrix([[-1e140], [1e140], [1e140]]), 2)).toMatchObject({ inertia: 0, converged: true });
    for (const tiny of [Number.MIN_VALUE, 1e-310, 1e-170]) {
      const { centroids, inertia, converged } = kMeans(matrix([[0], [tiny], [2 * tiny]]), 2);
      expect([inertia, converged]).toEqual([0, true]); // squares underflow, as the header says
      expect(centroids.data.every(Number.isFinite)).toBe(true);
    }
    expect(kMeans(matrix([[0], [1]]), 2, { init: matrix([[1e140], [-1e140]]) }).inertia).toBe(0);
    expect([...silhouetteSamples(matrix([[2], [2], [2]]), [0, 0, 1])]).toEqual([0, 0, 0]);
  });

  const M = (rows: number[][]) => matrix(rows);
  const four = M([
    [0, 0],
    [0, 1],
    [5, 0],
    [5, 1],
  ]);
  test.each([
    ["kMeans: k must be an integer in [1, 4], got 0", () => kMeans(four, 0)],
    ["kMeans: k must be an integer in [1, 4], got 5", () => kMeans(four, 5)],
    ["kMeans: k must be an integer in [1, 4], got NaN", () => kMeans(four, Number.NaN)],
    ["kMeans: k must be an integer in [1, 4], got 1.5", () => kMeans(four, 1.5)],
    [
      "kMeans: X must be finite, got NaN at (1, 0)",
      () =>
        kMeans(
          M([
            [0, 1],
            [Number.NaN, 1],
          ]),
          1,
        ),
    ],
    ["kMeans: X must be finite, got -Infinity at (0, 1)", () => kMeans(M([[0, -Infinity]]), 1)],
    [
      "kMeans: X must lie within ±1e140, beyond which squares overflow, got -1e+308",
      () => kMeans(M([[1], [-1e308]]), 1),
    ],
    ["kMeans: X must have at least one row and one column, got 0×0", () => kMeans(M([]), 1)],
    ["kMeans: init must be 2×2, got 2×1", () => kMeans(four, 2, { init: M([[0], [1]]) })],
    [
      "kMeans: init must be 2×2, got 3×2",
      () =>
        kMeans(four, 2, {
          init: M([
            [0, 0],
            [1, 1],
            [2, 2],
          ]),
        }),
    ],
    ["kMeans: init must be finite, got NaN at (0, 0)", () => kMeans(four, 1, { init: M([[Number.NaN, 0]]) })],
    [
      "kMeans: init must be one of 'k-means++', 'random', got 'best'",
      () => kMeans(four, 2, { init: "best" as "random" }),
    ],
    ["kMeans: nInit must be an integer at least 1, got 0", () => kMeans(four, 2, { nInit: 0 })],
    ["kMeans: maxIter must be an integer at least 1, got 0", () => kMeans(four, 2, { maxIter: 0 })],
    ["kMeans: tol must be a finite number in [0, Infinity), got -1", () => kMeans(four, 2, { tol: -1 })],
    ["kMeans: tol must be a finite number in [0, Infinity), got NaN", () => kMeans(four, 2, { tol: Number.NaN })],
    [
      "kMeans: algorithm must be one of 'hamerly', 'lloyd', got 'elkan'",
      () => kMeans(four, 2, { algorithm: "elkan" as "lloyd" }),
    ],
    ["kMeans: seed must be an integer in [-2147483648, 4294967295], got 0.5", () => kMeans(four, 2, { seed: 0.5 })],
    ["kMeansSteps: k must be an integer in [1, 4], got 5", () => kMeansSteps(four, 5)],
    ["kMeansPlusPlus: k must be an integer in [1, 4], got 0", () => kMeansPlusPlus(four, 0)],
    [
      "kMeansPlusPlus: nLocalTrials must be an integer at least 1, got 0",
      () => kMeansPlusPlus(four, 1, { nLocalTrials: 0 }),
    ],
    [
      "kMeansPlusPlus: seed must be an integer in [-2147483648, 4294967295], got 0.5",
      () => kMeansPlusPlus(four, 1, { seed: 0.5 }),
    ],
    ["kMeansPlusPlus: X must be finite, got NaN at (0, 0)", () => kMeansPlusPlus(M([[Number.NaN]]), 1)],
    ["nearestCentroid: centroids must have 2 columns, got 1", () => nearestCentroid(four, M([[0]]))],
    ["optimalKMeans1d: x must have at least one number, got 0", () => optimalKMeans1d([], 1)],
    ["optimalKMeans1d: x must be finite, got NaN at 1", () => optimalKMeans1d([0, Number.NaN], 1)],
    ["optimalKMeans1d: k must be an integer in [1, 2], got 3", () => optimalKMeans1d([0, 1], 3)],
    [
      "optimalKMeans1d: x must lie within ±1e140, beyond which squares overflow, got 1e+141",
      () => optimalKMeans1d([0, 1e141], 1),
    ],
    ["silhouetteSamples: labels must have length 4, got 3", () => silhouetteSamples(four, [0, 1, 0])],
    [
      "silhouetteSamples: labels must have at least 2 and at most n − 1 = 3 different values, got 1",
      () => silhouetteSamples(four, [1, 1, 1, 1]),
    ],
    [
      "silhouetteSamples: labels must have at least 2 and at most n − 1 = 3 different values, got 4",
      () => silhouetteSamples(four, [0, 1, 2, 3]),
    ],
    [
      "silhouetteSamples: labels[2] must be an integer at least -9007199254740991, got 0.5",
      () => silhouetteSamples(four, [0, 1, 0.5, 1]),
    ],
    ["adjustedRandIndex: a must have at least one label, got 0", () => adjustedRandIndex([], [])],
    ["adjustedRandIndex: b must have length 2, got 1", () => adjustedRandIndex([0, 1], [0])],
    [
      "adjustedRandIndex: a[1] must be an integer at least -9007199254740991, got NaN",
      () => adjustedRandIndex([0, Number.NaN], [0, 1]),
    ],
  ])("RangeError: %s", (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("TypeError where it is no matrix", () => {
    expect(() => kMeans([[0, 1]] as unknown as Matrix, 1)).toThrow(
      new TypeError("kMeans: X must be a rank-2 ndarray of Float64Array, got Array"),
    );
    expect(() => kMeans(four, 1, { init: 3 as unknown as Matrix })).toThrow(
      new TypeError("kMeans: init must be a rank-2 ndarray of Float64Array, got number"),
    );
    expect(() => optimalKMeans1d(null as unknown as number[], 1)).toThrow(
      new TypeError("optimalKMeans1d: x must be an array of numbers, got null"),
    );
  });
});
