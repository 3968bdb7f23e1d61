import { expect, it } from "vitest";
import { fullCount, IndexCount } from "./full-count.ts";

it.each([
  // difference of the tails, submissions, completions
  [0, 0, 0],
  [5, 5, 5],
  [-1, 3, 2 ** 32 - 1],
  [7, 2 ** 32 + 9, 2 ** 32 + 7],
  [-3, 2 ** 32, 2 ** 32 - 3],
  [4, 3 * 2 ** 32 - 2, 3 * 2 ** 32 + 4],
  // a multishot request completes more often than it is submitted
  [1000, 1, 1000],
])("a tail further by %i after %i submissions means %i completions", (difference, near, count) => {
  expect(fullCount(difference, near)).toBe(count);
});

it("counts beyond 32 bits what it looks at often enough", () => {
  let index = -5;
  const count = new IndexCount(() => index);
  for (let i = 1; i <= 9; i++) {
    index = (index + 0x7000_0000) | 0;
    expect(count.look()).toBe(i * 0x7000_0000);
  }
  expect(count.look()).toBe(9 * 0x7000_0000);
});
