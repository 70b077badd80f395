import { expect, test } from "vitest";
import { loadMnist } from "../../src/lib/mnist.js";

const counts = (labels: Int32Array) => Array.from({ length: 10 }, (_, c) => labels.filter((l) => l === c).length);

test("5,000 and 2,000 images, the digits about as frequent as in the whole set", () => {
  const [train, test] = [loadMnist("train"), loadMnist("test")];
  expect([train.n, train.height, train.width, train.images.length]).toEqual([5000, 28, 28, 5000 * 784]);
  expect([test.n, test.height, test.width, test.images.length]).toEqual([2000, 28, 28, 2000 * 784]);
  // Frequencies of the published sets; the standard deviation of a sample's is below 5 % and 8 % of each.
  [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949].forEach((whole, digit) => {
    expect(Math.abs((counts(train.labels)[digit]! * 12) / whole - 1)).toBeLessThan(0.13);
  });
  [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009].forEach((whole, digit) => {
    expect(Math.abs((counts(test.labels)[digit]! * 5) / whole - 1)).toBeLessThan(0.25);
  });
});

// Facts of the published set, not computed from the files here: mean 0.1307 and deviation 0.3081 of the training pixels.
test("grey levels are multiples of 1/255, their mean and deviation those of the whole set", () => {
  const { images } = loadMnist("train");
  const mean = images.reduce((sum, value) => sum + value, 0) / images.length;
  const variance = images.reduce((sum, value) => sum + (value - mean) ** 2, 0) / images.length;
  expect(mean).toBeCloseTo(0.1307, 2);
  expect(Math.sqrt(variance)).toBeCloseTo(0.3081, 2);
  expect(
    images.every((value) => value >= 0 && value <= 1 && Math.abs(value * 255 - Math.round(value * 255)) < 1e-4),
  ).toBe(true);
});

test("digits lie in the 28×28 square as published: ink in at most 20×20, centre of mass in the middle", () => {
  const { n, images } = loadMnist("test", 300);
  for (let i = 0; i < n; i++) {
    const image = images.subarray(i * 784, (i + 1) * 784);
    const ink = [...image.entries()].filter(([, value]) => value > 0);
    const [rows, columns] = [ink.map(([at]) => Math.floor(at / 28)), ink.map(([at]) => at % 28)];
    for (const axis of [rows, columns]) {
      expect(Math.max(...axis) - Math.min(...axis)).toBeLessThan(20);
      const mass = ink.reduce((sum, [, value]) => sum + value, 0);
      const centre = ink.reduce((sum, [, value], k) => sum + value * axis[k]!, 0) / mass;
      expect(Math.abs(centre - 13.5)).toBeLessThan(1.5);
    }
  }
});

test("the first ones, and nobody can spoil another's copy", () => {
  const some = loadMnist("train", 7);
  const all = loadMnist("train");
  expect([some.n, [...some.labels]]).toEqual([7, [...all.labels.subarray(0, 7)]]);
  expect(some.images).toEqual(all.images.slice(0, 7 * 784));
  some.images.fill(9);
  some.labels.fill(9);
  expect(loadMnist("train", 7).images).toEqual(all.images.slice(0, 7 * 784));
  expect(loadMnist("train", 7).labels).toEqual(all.labels.slice(0, 7));
});

test("errors", () => {
  expect(() => loadMnist("dev" as "test")).toThrow(
    new RangeError("loadMnist: part must be one of 'train', 'test', got 'dev'"),
  );
  expect(() => loadMnist("test", 2001)).toThrow(
    new RangeError("loadMnist: n must be an integer in [1, 2000], got 2001"),
  );
  expect(() => loadMnist("train", 0)).toThrow(new RangeError("loadMnist: n must be an integer in [1, 5000], got 0"));
});
