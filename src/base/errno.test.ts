import { constants } from "node:os";

import { expect, test } from "vitest";

import { describeErrno, ERRNO, errnoName, errnoNumber } from "./errno.ts";

test.each(Object.entries(ERRNO))("%s is found by name and by number of either sign", (name, [number, meaning]) => {
  expect(errnoNumber(name)).toBe(number);
  expect(errnoName(number)).toBe(name);
  expect(errnoName(-number)).toBe(name);
  expect(describeErrno(-number)).toBe(`${name}: ${meaning}`);
});

test.runIf(process.platform === "linux")("the numbers are those of this Linux", () => {
  const here = Object.entries(constants.errno).filter(([name]) => name in ERRNO);
  expect(here.length).toBeGreaterThan(70);
  for (const [name, number] of here) expect([name, errnoNumber(name)]).toEqual([name, number]);
});

test("an unknown number keeps its number, an unknown name is none", () => {
  expect(errnoName(-4711)).toBe("errno 4711");
  expect(describeErrno(4711)).toBe("errno 4711");
  expect(errnoNumber("toString")).toBeUndefined();
});
