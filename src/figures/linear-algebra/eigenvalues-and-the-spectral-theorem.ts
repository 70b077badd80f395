/** Figures of eigenvalues: a circle and its image, eigenvalues that a touch scatters, powers that grow, a graph that splits. */
import type { TopLevelSpec } from "vega-lite";
import { eig, eigSymmetric } from "../../demos/linear-algebra/eigenvalues-and-the-spectral-theorem.js";
import { matmul } from "../../demos/linear-algebra/matrices-as-linear-maps.js";
import { figure } from "../../lib/figure.js";
import { loadKarateClub } from "../../lib/karate-club.js";
import { column, formatNumber, identity, type Matrix, matrix, transpose, zeros } from "../../lib/matrix.js";

// Okabe and Ito's colours: told apart by colour-blind readers, and by their lightness in print.
const [BLUE, VERMILION, GREEN] = ["#0072B2", "#D55E00", "#009E73"];
const SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json";
const round = (value: number) => Math.round(value * 10000) / 10000 + 0; // + 0 makes −0 a 0
const quantitative = (field: string, title: string, domain?: readonly number[]) => ({
  field,
  type: "quantitative" as const,
  axis: { title, gridColor: "#ececec" },
  ...(domain ? { scale: { domain: [...domain] } } : {}),
});

/** The unit circle under a symmetric matrix, to which an antisymmetric part may be added. */
export const circleAndImage = figure(
  "The unit circle, its image, and the directions that are kept",
  {
    first: { label: "first eigenvalue", min: -2, max: 2.5, step: 0.1, value: 2 },
    second: { label: "second eigenvalue", min: -2, max: 2.5, step: 0.1, value: 0.6 },
    angle: { label: "angle of the first axis (degrees)", min: 0, max: 180, step: 5, value: 30 },
    skew: { label: "antisymmetric part", min: 0, max: 1.5, step: 0.05, value: 0 },
  },
  ({ first, second, angle, skew }): TopLevelSpec => {
    const [c, s] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
    const a = matrix([
      [first * c * c + second * s * s, (first - second) * c * s - skew],
      [(first - second) * c * s + skew, first * s * s + second * c * c],
    ]);
    const { real, imaginary, vectors } = eig(a);
    const complex = imaginary[0] !== 0;
    const directions = complex ? [] : [column(vectors.real, 0), column(vectors.real, 1)];
    const value = (j: number) =>
      formatNumber(round(real[j]!), 3) +
      (complex ? `${imaginary[j]! > 0 ? " + " : " − "}${formatNumber(round(Math.abs(imaginary[j]!)), 3)}i` : "");
    const cosine = complex ? 0 : directions[0]!.reduce((sum, x, i) => sum + x * directions[1]![i]!, 0);
    const between = formatNumber(Math.round((Math.acos(Math.min(1, Math.abs(cosine))) * 1800) / Math.PI) / 10, 3);
    const what = complex ? "no real direction is kept" : `the eigenvectors enclose ${between}°`;
    const turns = Array.from({ length: 91 }, (_, i) => (i * Math.PI) / 45);
    const circle = matrix([turns.map(Math.cos), turns.map(Math.sin)]);
    const points = (shape: string, x: Matrix) =>
      turns.map((_, order) => ({ shape, order, x: round(x.get(0, order)), y: round(x.get(1, order)) }));
    const arrows = directions.flatMap((v, j) =>
      [-1, 1].map((sign) => ({
        vector: `eigenvalue ${value(j)}`,
        x: round(sign * real[j]! * v[0]!),
        y: round(sign * real[j]! * v[1]!),
        from: 0,
      })),
    );
    const reach = [-3, 3];
    return {
      $schema: SCHEMA,
      description:
        `The unit circle and its image under a 2×2 matrix with eigenvalues ${value(0)} and ${value(1)}: ` +
        `${what}${skew === 0 ? ", which are the axes of the image" : ""}.`,
      title: { text: `eigenvalues ${value(0)} and ${value(1)}`, subtitle: what, fontSize: 13 },
      width: 360,
      height: 360,
      layer: [
        {
          data: { values: [...points("unit circle", circle), ...points("image", matmul(a, circle))] },
          mark: { type: "line", strokeWidth: 2, clip: true },
          encoding: {
            x: quantitative("x", "first coordinate", reach),
            y: quantitative("y", "second coordinate", reach),
            order: { field: "order", type: "quantitative" },
            color: {
              field: "shape",
              type: "nominal",
              scale: { domain: ["unit circle", "image"], range: ["#8a8a8a", BLUE] },
              legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 300 },
            },
          },
        },
        {
          data: { values: arrows },
          mark: { type: "rule", strokeWidth: 3, color: VERMILION, clip: true },
          encoding: {
            x: { field: "x", type: "quantitative" },
            y: { field: "y", type: "quantitative" },
            x2: { field: "from" },
            y2: { field: "from" },
            detail: { field: "vector", type: "nominal" },
          },
        },
      ],
    };
  },
);

/** Eigenvalues in the complex plane of a Jordan block and of a symmetric matrix, both touched in one corner. */
export const scatteredEigenvalues = figure(
  "Eigenvalues after a small change of one corner",
  {
    size: { label: "rows n", min: 2, max: 16, step: 1, value: 10 },
    exponent: { label: "log₁₀ of the change", min: -14, max: -2, step: 1, value: -10 },
  },
  ({ size, exponent }): TopLevelSpec => {
    const change = 10 ** exponent;
    const jordan = zeros(size, size);
    for (let i = 0; i + 1 < size; i++) jordan.set(i, i + 1, 1);
    jordan.set(size - 1, 0, jordan.get(size - 1, 0) + change);
    const { real, imaginary } = eig(jordan);
    const kinds = ["Jordan block", "symmetric: zeros"];
    const flat = zeros(size, size);
    flat.set(size - 1, 0, change);
    flat.set(0, size - 1, change);
    const values = [
      ...Array.from(real, (x, j) => ({ kind: kinds[0]!, x, y: imaginary[j]! })),
      ...Array.from(eigSymmetric(flat).values, (x) => ({ kind: kinds[1]!, x, y: 0 })),
    ].map(({ kind, x, y }) => ({ kind, x: round(x), y: round(y) }));
    const radius = Math.hypot(real[0]!, imaginary[0]!);
    return {
      $schema: SCHEMA,
      description:
        `A ${size}×${size} Jordan block of eigenvalue 0 with ${change} in its corner has its eigenvalues on a circle of radius ` +
        `${formatNumber(radius, 3)}; a symmetric matrix of zeros with the same change keeps them within ${change}.`,
      title: {
        text: `change of ${change}: moved by ${formatNumber(radius, 3)}`,
        subtitle: `symmetric: moved by no more than ${change}`,
        fontSize: 13,
      },
      width: 360,
      height: 360,
      data: { values },
      mark: { type: "point", filled: true, size: 70, opacity: 0.9 },
      encoding: {
        x: quantitative("x", "real part", [-1, 1]),
        y: quantitative("y", "imaginary part", [-1, 1]),
        color: {
          field: "kind",
          type: "nominal",
          scale: { domain: kinds, range: [VERMILION, BLUE] },
          legend: { title: null, orient: "bottom" },
        },
        shape: {
          field: "kind",
          type: "nominal",
          scale: { domain: kinds, range: ["circle", "square"] },
          legend: { title: null, orient: "bottom" },
        },
      },
    };
  },
);

/** ‖Aᵏ‖ for a matrix with a double eigenvalue and an entry beside it, against ρᵏ. */
export const growingPowers = figure(
  "Powers of a matrix whose eigenvalues are below 1",
  {
    radius: { label: "eigenvalue ρ, twice", min: 0.5, max: 0.95, step: 0.05, value: 0.9 },
    coupling: { label: "entry above the diagonal", min: 0, max: 2, step: 0.25, value: 1 },
  },
  ({ radius, coupling }): TopLevelSpec => {
    const a = matrix([
      [radius, coupling],
      [0, radius],
    ]);
    const kinds = ["‖Aᵏ‖", "ρᵏ"];
    const values: { kind: string; k: number; size: number }[] = [];
    for (let [k, power] = [0, identity(2)]; k <= 60; k++, power = matmul(power, a)) {
      const largest = eigSymmetric(matmul(transpose(power), power)).values[1]!;
      values.push(
        { kind: kinds[0]!, k, size: round(Math.sqrt(largest)) },
        { kind: kinds[1]!, k, size: round(radius ** k) },
      );
    }
    const peak = values.reduce((best, point) => (point.size > best.size ? point : best));
    const text = `largest ‖Aᵏ‖ ${formatNumber(peak.size, 4)} at k = ${peak.k}`;
    return {
      $schema: SCHEMA,
      description:
        `Spectral norm of the powers of [[${formatNumber(radius)}, ${formatNumber(coupling)}], [0, ${formatNumber(radius)}]] ` +
        `for k = 0 to 60 beside ${formatNumber(radius)} to the k: ${text}.`,
      title: { text, subtitle: `both eigenvalues ${formatNumber(radius)}`, fontSize: 13 },
      width: 480,
      height: 240,
      data: { values },
      mark: { type: "line", strokeWidth: 2.5 },
      encoding: {
        x: quantitative("k", "power k"),
        y: quantitative("size", "size"),
        color: {
          field: "kind",
          type: "nominal",
          scale: { domain: kinds, range: [VERMILION, BLUE] },
          legend: { title: null, orient: "bottom", symbolType: "stroke", symbolSize: 300 },
        },
      },
    };
  },
);

/** Entries of one eigenvector of the karate club's Laplacian, member by member. */
export const splitClub = figure(
  "An eigenvector of the karate club's Laplacian",
  { which: { label: "eigenvector (2 is Fiedler's)", min: 2, max: 8, step: 1, value: 2 } },
  ({ which }): TopLevelSpec => {
    const { edges, target, targetNames } = loadKarateClub();
    const laplacian = zeros(target.length, target.length);
    for (const [i, j] of edges) {
      for (const [p, q, entry] of [
        [i, i, 1],
        [j, j, 1],
        [i, j, -1],
        [j, i, -1],
      ] as const) {
        laplacian.set(p, q, laplacian.get(p, q) + entry);
      }
    }
    const { values, vectors } = eigSymmetric(laplacian);
    const v = column(vectors, which - 1);
    const sign = v[0]! < 0 ? -1 : 1;
    const members = Array.from(v, (entry, i) => ({
      member: i + 1,
      entry: round(sign * entry),
      side: targetNames[target[i]!]!,
    }));
    const against = members.filter(({ entry }, i) => entry > 0 !== (target[i] === target[0])).length;
    const text = `eigenvalue ${formatNumber(values[which - 1]!, 5)}: ${against} of 34 signs against the recorded side`;
    return {
      $schema: SCHEMA,
      description: `Entries of eigenvector ${which} of the Laplacian of the karate club, by member, coloured by the side taken; ${text}.`,
      title: { text, fontSize: 13 },
      width: 560,
      height: 220,
      data: { values: members },
      mark: { type: "bar" },
      encoding: {
        x: { field: "member", type: "ordinal", axis: { title: "member", labelAngle: 0 } },
        y: quantitative("entry", "entry of the unit vector"),
        color: {
          field: "side",
          type: "nominal",
          scale: { domain: [...targetNames], range: [GREEN, VERMILION] },
          legend: { title: "side taken", orient: "bottom" },
        },
      },
    };
  },
);

export const figures = { circleAndImage, scatteredEigenvalues, growingPowers, splitClub };
