import { expect, it } from "vitest";
import { Prng } from "../../base/index.ts";
import { Fifo } from "./fifo.ts";

it("gives out what a plain array would, however long it is used", () => {
  const prng = new Prng(7);
  const fifo = new Fifo<number>();
  let plain: number[] = [];
  const given: [number | undefined, number][] = [];
  const expected: typeof given = [];
  for (let i = 0; i < 20_000; i++) {
    // it grows to thousands, and shrinks again
    if (prng.chance(i < 10_000 ? 0.7 : 0.3) || plain.length === 0) {
      fifo.push(i);
      plain.push(i);
    } else {
      given.push([fifo.shift(), fifo.length]);
      expected.push([plain.shift(), plain.length]);
    }
    if (i % 5000 === 0) {
      fifo.filter((item) => item % 3 !== 0);
      plain = plain.filter((item) => item % 3 !== 0);
    }
  }
  expect(given).toEqual(expected);
  expect(fifo.waiting()).toEqual(plain);
});
