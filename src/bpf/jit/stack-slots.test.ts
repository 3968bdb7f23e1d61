// Words of the frame in registers: which become moves, and that everything computes what it computes in memory.

import { describe, expect, it, test } from "vitest";
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

/** A loop of five turns, which is not unrolled, between what comes before and after it; r1 is the buffer, r6 what is left, the result r0. */
function loop(before: string, body: string, after: string): string {
  const lines = body.split("\n");
  return [before, "r6 = 31", ...lines, "r6 >>= 1", `if r6 != 0 goto -${lines.length + 2}`, after, "exit"].join("\n");
}

const WORDS_MORE_THAN_REGISTERS = Array.from({ length: 24 }, (_, i) => -8 * (i + 1));

describe("a word of the frame that a loop carries", () => {
  it.each([
    [
      "of 64 bits",
      loop("*(u64 *)(r10 -8) = -5", "r2 = *(u64 *)(r10 -8)\nr2 *= 3\n*(u64 *)(r10 -8) = r2", "r0 = *(u64 *)(r10 -8)"),
    ],
    [
      "of 32 bits, which a load extends with zeros",
      loop(
        "r2 = -1\n*(u32 *)(r10 -4) = r2",
        "r2 = *(u32 *)(r10 -4)\nr2 += 1\n*(u32 *)(r10 -4) = r2\n*(u32 *)(r10 -4) = -7",
        "r0 = *(u32 *)(r10 -4)\nr0 += 1",
      ),
    ],
    [
      "chosen by a branch",
      loop(
        "*(u64 *)(r10 -16) = 1",
        "r2 = *(u64 *)(r10 -16)\nr2 += r6\nif r2 > 9 goto +1\n*(u64 *)(r10 -16) = r2",
        "r0 = *(u64 *)(r10 -16)",
      ),
    ],
    [
      "with another at the same place in the frame of a callee",
      `${loop(
        "*(u64 *)(r10 -8) = 3",
        "r2 = *(u64 *)(r10 -8)\nr1 = r2\ncall pc+6\n*(u64 *)(r10 -8) = r0",
        "r0 = *(u64 *)(r10 -8)\nr0 += 1",
      )}\n${loop("*(u64 *)(r10 -8) = 2", "r2 = *(u64 *)(r10 -8)\nr2 += r1\n*(u64 *)(r10 -8) = r2", "r0 = *(u64 *)(r10 -8)").replaceAll("r6", "r7")}`,
    ],
  ])("%s becomes a register", (_name, text) => {
    expect(accesses(text)).toBe(0);
    expect(new Set(onUsedStack(text)).size).toBe(1);
  });

  const STEP = "r2 = *(u64 *)(r10 -8)\nr2 += r6\n*(u64 *)(r10 -8) = r2";
  it.each([
    ["and is loaded before it is stored", loop("r2 = 0", STEP, "r0 = *(u64 *)(r10 -8)"), 3],
    [
      "and is loaded on a way without a store",
      loop("r3 = *(u8 *)(r1 +0)\nif r3 > 9 goto +1\n*(u64 *)(r10 -8) = 1", STEP, "r0 = r2"),
      4,
    ],
    ["of which a half is loaded", loop("*(u64 *)(r10 -8) = -2", STEP, "r0 = *(u32 *)(r10 -8)"), 4],
    [
      "and overlaps another",
      loop("*(u64 *)(r10 -8) = 1", `${STEP}\n*(u32 *)(r10 -4) = r6`, "r0 = *(u64 *)(r10 -8)\nr2 = *(u32 *)(r10 -4)"),
      6,
    ],
    [
      "and overlaps another in the middle",
      loop("*(u64 *)(r10 -12) = 5", STEP, "r0 = *(u64 *)(r10 -8)\nr2 = *(u64 *)(r10 -12)\nr0 += r2"),
      5,
    ],
    [
      "of 8 bits",
      loop("*(u8 *)(r10 -1) = 255", "r2 = *(u8 *)(r10 -1)\nr2 += 1\n*(u8 *)(r10 -1) = r2", "r0 = *(u8 *)(r10 -1)"),
      4,
    ],
    [
      "and is loaded with its sign",
      loop("*(u32 *)(r10 -4) = -1", "r2 = *(s32 *)(r10 -4)\nr2 += r2\n*(u32 *)(r10 -4) = r2", "r0 = r2"),
      3,
    ],
    ["of an atomic", loop("*(u64 *)(r10 -8) = 5", `${STEP}\nlock *(u64 *)(r10 -8) += r2`, "r0 = *(u64 *)(r10 -8)"), 4],
    [
      "in a frame whose address is copied",
      loop("*(u64 *)(r10 -8) = 1", `r3 = r10\nr3 += -8\n*(u32 *)(r3 +4) = 7\n${STEP}`, "r0 = *(u64 *)(r10 -8)"),
      5,
    ],
    [
      "in a frame whose address is stored",
      loop(
        "*(u64 *)(r10 -8) = 1\n*(u64 *)(r10 -16) = r10",
        `r3 = *(u64 *)(r10 -16)\n*(u32 *)(r3 -4) = 7\n${STEP}`,
        "r0 = *(u64 *)(r10 -8)",
      ),
      7,
    ],
  ])("%s stays in memory", (_name, text, left) => {
    expect(accesses(text)).toBe(left);
    expect(new Set(onUsedStack(text)).size).toBe(1);
  });

  it("stays in memory when there are more than registers", () => {
    const stores = WORDS_MORE_THAN_REGISTERS.map((at, i) => `*(u64 *)(r10 ${at}) = ${i * i}`).join("\n");
    const steps = WORDS_MORE_THAN_REGISTERS.map((at) => STEP.replaceAll("-8", `${at}`)).join("\n");
    const loads = WORDS_MORE_THAN_REGISTERS.map((at, i) => `r2 = *(u64 *)(r10 ${at})\nr2 *= ${i + 1}\nr0 += r2`);
    const text = loop(stores, steps, ["r0 = 0", ...loads].join("\n"));
    expect(accesses(text)).toBe(4 * (WORDS_MORE_THAN_REGISTERS.length - 19));
    expect(new Set(onUsedStack(text)).size).toBe(1);
  });

  it("of checked code stays in memory", () => {
    const text = loop("*(u64 *)(r10 -8) = 1", STEP, "r0 = *(u64 *)(r10 -8)");
    const lines = listing(world(text).image, { checked: true });
    expect(lines.filter((line) => /i64\.(load|store)/.test(line)).length).toBeGreaterThanOrEqual(4);
  });
});

test.each([
  ["that no loop stores", loop("*(u64 *)(r10 -8) = 1", "r2 = *(u64 *)(r10 -8)", "r0 = r2"), 2],
  ["that each turn stores first", loop("r2 = 0", "*(u64 *)(r10 -8) = r6\nr2 = *(u64 *)(r10 -8)", "r0 = r2"), 2],
  ["beside no loop", "*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)\nr0 = *(u8 *)(r2 +3)\nexit", 3],
])("a word of the frame %s stays in memory", (_name, text, left) => {
  expect(accesses(text)).toBe(left);
  expect(new Set(onUsedStack(text)).size).toBe(1);
});
