// Words of the frame in registers: which become moves, and that everything computes what it computes in memory.

import { describe, expect, it } from "vitest";
import { load, MODES, world } from "./harness.ts";
import { listing } from "./index.ts";

/** r0 in each mode, with the frames full of a pattern beforehand. */
function onUsedStack(text: string): bigint[] {
  return MODES.map((mode) => {
    const here = world(text);
    const { start, end } = here.image.stack;
    here.memory.u8.fill(0xa5, start, end);
    for (let i = 0; i < 64; i++) here.memory.u8[here.buffer + i] = 0x81 + i;
    const executable = load(here, mode);
    executable.run(here.buffer, 64);
    return executable.r0;
  });
}

/** Loads and stores of memory in the bare code. */
const accesses = (text: string): number =>
  listing(world(text).image, { checked: false }).filter((line) => /i(32|64)\.(load|store)/.test(line)).length;

const LOOP =
  "r6 = 9\n*(u64 *)(r10 -8) = 0\nr2 = *(u64 *)(r10 -8)\nr2 += r6\n*(u64 *)(r10 -8) = r2\nr6 += -1\nif r6 != 0 goto -5\n";
/** A word beyond those there are registers for. */
const MANY = Array.from({ length: 24 }, (_, i) => -8 * (i + 1));

describe("a word of the frame", () => {
  it.each([
    ["64 bits", "*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)\nr0 = *(u8 *)(r2 +3)\nexit", 1],
    ["64 bits, stored as a constant", "*(u64 *)(r10 -8) = -5\nr0 = *(u64 *)(r10 -8)\nexit", 0],
    [
      "32 bits, which a load extends with zeros",
      "r2 = -1\n*(u32 *)(r10 -4) = r2\nr0 = *(u32 *)(r10 -4)\nr0 += 1\nexit",
      0,
    ],
    ["32 bits, stored as a constant", "*(u32 *)(r10 -4) = -5\nr0 = *(u32 *)(r10 -4)\nexit", 0],
    ["carried around a loop", `${LOOP}r0 = *(u64 *)(r10 -8)\nexit`, 0],
    [
      "chosen by a branch",
      "r3 = *(u8 *)(r1 +0)\n*(u64 *)(r10 -16) = 1\nif r3 > 200 goto +1\n*(u64 *)(r10 -16) = r3\nr0 = *(u64 *)(r10 -16)\nexit",
      1,
    ],
    [
      "of two functions at the same place",
      "*(u64 *)(r10 -8) = 3\nr1 = 4\ncall pc+3\nr2 = *(u64 *)(r10 -8)\nr0 += r2\nexit\n*(u64 *)(r10 -8) = r1\nr0 = *(u64 *)(r10 -8)\nr0 *= 10\nexit",
      0,
    ],
  ])("%s becomes a register", (_name, text, left) => {
    expect(accesses(text)).toBe(left);
    const found = onUsedStack(text);
    expect(found[1]).toBe(found[0]);
    expect(found[2]).toBe(found[0]);
  });

  it.each([
    [
      "loaded before it is stored",
      "r0 = *(u64 *)(r10 -8)\n*(u64 *)(r10 -8) = 1\nr2 = *(u64 *)(r10 -8)\nr0 += r2\nexit",
      3,
    ],
    [
      "loaded on a way without a store",
      "r3 = *(u8 *)(r1 +0)\nif r3 > 9 goto +1\n*(u64 *)(r10 -8) = 1\nr0 = *(u64 *)(r10 -8)\nexit",
      3,
    ],
    [
      "of which a half is loaded",
      "r2 = -2\n*(u64 *)(r10 -8) = r2\nr0 = *(u32 *)(r10 -8)\nr2 = *(u64 *)(r10 -8)\nr0 += r2\nexit",
      3,
    ],
    [
      "that overlaps another",
      "*(u64 *)(r10 -8) = 1\n*(u32 *)(r10 -4) = 5\nr0 = *(u64 *)(r10 -8)\nr2 = *(u32 *)(r10 -4)\nr0 += r2\nexit",
      4,
    ],
    [
      "that overlaps another in the middle",
      "*(u64 *)(r10 -16) = 1\n*(u64 *)(r10 -12) = 5\nr0 = *(u64 *)(r10 -16)\nr2 = *(u64 *)(r10 -12)\nr0 += r2\nexit",
      4,
    ],
    ["of 8 bits", "r2 = 511\n*(u8 *)(r10 -1) = r2\nr0 = *(u8 *)(r10 -1)\nexit", 2],
    ["loaded with its sign", "r2 = -1\n*(u32 *)(r10 -4) = r2\nr0 = *(s32 *)(r10 -4)\nexit", 2],
    ["of an atomic", "r2 = 2\n*(u64 *)(r10 -8) = 5\nlock *(u64 *)(r10 -8) += r2\nr0 = *(u64 *)(r10 -8)\nexit", 2],
    [
      "in a frame whose address is copied",
      "*(u64 *)(r10 -8) = 1\nr2 = r10\nr2 += -8\n*(u32 *)(r2 +4) = 7\nr0 = *(u64 *)(r10 -8)\nexit",
      3,
    ],
    [
      "in a frame whose address is stored",
      "*(u64 *)(r10 -16) = 1\n*(u64 *)(r10 -8) = r10\nr2 = *(u64 *)(r10 -8)\n*(u32 *)(r2 -12) = 7\nr0 = *(u64 *)(r10 -16)\nexit",
      5,
    ],
  ])("%s stays in memory", (_name, text, left) => {
    expect(accesses(text)).toBe(left);
    const found = onUsedStack(text);
    expect(found[1]).toBe(found[0]);
    expect(found[2]).toBe(found[0]);
  });

  it("stays in memory when there are more than registers", () => {
    const stores = MANY.map((at, i) => `*(u64 *)(r10 ${at}) = ${i * i}`);
    const loads = MANY.map((at, i) => `r2 = *(u64 *)(r10 ${at})\nr2 *= ${i + 1}\nr0 += r2`);
    const text = ["r0 = 0", ...stores, ...loads, "exit"].join("\n");
    expect(accesses(text)).toBe(2 * (MANY.length - 19));
    expect(new Set(onUsedStack(text)).size).toBe(1);
  });

  it("of checked code stays in memory, where a fault's reader finds it", () => {
    const { image } = world("*(u64 *)(r10 -8) = 5\nr0 = *(u64 *)(r10 -8)\nexit");
    const lines = listing(image, { checked: true });
    expect(lines.filter((line) => /i64\.(load|store)/.test(line)).length).toBeGreaterThanOrEqual(2);
  });
});
