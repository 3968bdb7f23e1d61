// Trees of comparisons as jump tables: each value goes where the comparisons sent it.

import { describe, expect, it } from "vitest";
import { load, world } from "./harness.ts";
import { listing } from "./index.ts";

const VALUES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 62, 63, 64, 65, 66, 0x7fff_ffff, -0x8000_0000, -2, -1];
const HEAD = "r2 = *(u32 *)(r1 +0)\nr0 = 100\n";
const hasTable = (text: string): boolean =>
  listing(world(text).image, { checked: false }).some((line) => line.includes("br_table"));

function outcomes(text: string, mode: "interpreter" | "bare", values = VALUES): bigint[] {
  const here = world(text);
  const executable = load(here, mode);
  return values.map((value) => {
    here.memory.view.setInt32(here.buffer, value, true);
    executable.run(here.buffer, 64);
    return executable.r0;
  });
}

// Leaves 1, 2, 3 .. that comparisons jump to: `goto` numbers count them.
function program(tests: readonly string[], leaves = 4): string {
  const text = tests.map((test, i) =>
    test.replace(/leaf(\d)/, (_, leaf: string) => `+${tests.length - i - 1 + 2 * Number(leaf)}`),
  );
  const ends = Array.from({ length: leaves }, (_, leaf) => `r0 += ${leaf}\ngoto +${2 * (leaves - leaf - 1)}`);
  return `${HEAD}${text.join("\n")}\n${ends.join("\n")}\nr0 *= 2\nexit`;
}

describe("comparisons of one register with constants", () => {
  it.each([
    ["one after the other", program(["if w2 == 0 goto leaf1", "if w2 == 1 goto leaf2", "if w2 == 3 goto leaf3"])],
    [
      "as a tree",
      program([
        "if w2 s> 1 goto +2",
        "if w2 == 0 goto leaf1",
        "if w2 == 1 goto leaf2",
        "if w2 == 2 goto leaf3",
        "if w2 == 3 goto leaf1",
      ]),
    ],
    [
      "by sign",
      program(["if w2 s< 0 goto leaf1", "if w2 s<= 2 goto leaf2", "if w2 s>= 5 goto leaf3", "if w2 == 3 goto leaf1"]),
    ],
    [
      "without sign",
      program(["if w2 > 6 goto leaf1", "if w2 >= 4 goto leaf2", "if w2 < 2 goto leaf3", "if w2 != 3 goto leaf1"]),
    ],
    ["with one far away", program(["if w2 == 1 goto leaf1", "if w2 == 3 goto leaf2", "if w2 == 65 goto leaf3"])],
    ["with a negative one", program(["if w2 == -1 goto leaf1", "if w2 == 3 goto leaf2", "if w2 == 4 goto leaf3"])],
    [
      "with a move between them",
      program(["if w2 == 1 goto leaf1", "r0 = 7", "if w2 == 3 goto leaf2", "if w2 == 4 goto leaf3"]),
    ],
  ])("%s are a table", (_name, text) => {
    expect(hasTable(text)).toBe(true);
    expect(outcomes(text, "bare")).toEqual(outcomes(text, "interpreter"));
  });

  it.each([
    ["of which there are two", program(["if w2 == 1 goto leaf1", "if w2 == 4 goto leaf2"])],
    ["of 64 bits", program(["if r2 == 1 goto leaf1", "if r2 == 3 goto leaf2", "if r2 == 4 goto leaf3"])],
    [
      "between which it is written",
      program(["if w2 == 1 goto leaf1", "w2 += 1", "if w2 == 3 goto leaf2", "if w2 == 4 goto leaf3"]),
    ],
    ["and others", program(["if w2 == 1 goto leaf1", "if w0 == 3 goto leaf2", "if w2 == 4 goto leaf3"])],
    ["with bits", program(["if w2 & 1 goto leaf1", "if w2 & 2 goto leaf2", "if w2 & 4 goto leaf3"])],
  ])("%s stay comparisons", (_name, text) => {
    expect(hasTable(text)).toBe(false);
    expect(outcomes(text, "bare")).toEqual(outcomes(text, "interpreter"));
  });

  it("that one value never gets out of stay comparisons", () => {
    const text = program([
      "if w2 == 1 goto leaf1",
      "if w2 == 4 goto leaf2",
      "if w2 != 3 goto leaf3",
      "if w2 == 3 goto -4",
    ]);
    const others = VALUES.filter((value) => value !== 3);
    expect(hasTable(text)).toBe(false);
    expect(outcomes(text, "bare", others)).toEqual(outcomes(text, "interpreter", others));
  });
});
