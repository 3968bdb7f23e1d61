// Number iterators whose state is in locals (emit-iterator.ts, iterator-uses.ts): whatever a program does with them gives what
// it gives in the interpreter.

import { expect, test } from "vitest";
import { listing } from "./index.ts";
import { MODES, results, world } from "./harness.ts";

const AT = "r1 = r10\nr1 += -8\n";
const made = (start: number | string, end: number | string): string =>
  `${AT}r2 = ${start}\nr3 = ${end}\ncall bpf_iter_num_new\n`;
const NEXT = `${AT}call bpf_iter_num_next\n`;
const DESTROY = `${AT}call bpf_iter_num_destroy\n`;

/** Programs, and r0. They use an iterator as a verified program may. */
const CASES: readonly (readonly [name: string, text: string, r0: bigint])[] = [
  [
    "a sum",
    `${made(3, 7)}r6 = 0\n${NEXT}if r0 == 0 goto +3\nr1 = *(u32 *)(r0 +0)\nr6 += r1\ngoto -7\n${DESTROY}r0 = r6\nexit`,
    18n,
  ],
  [
    "negative numbers, sign-extended, and a test the other way",
    `${made(-3, 2)}r6 = 0\n${NEXT}if r0 != 0 goto +1\ngoto +3\nr1 = *(s32 *)(r0 +0)\nr6 += r1\ngoto -8\n${DESTROY}r0 = r6\nexit`,
    BigInt.asUintN(64, -5n),
  ],
  [
    "its address spilled on the way",
    `r1 = r10\nr1 += -8\n*(u64 *)(r10 -16) = r1\nr2 = 1\nr3 = 4\ncall bpf_iter_num_new\nr6 = 0\nr1 = *(u64 *)(r10 -16)\ncall bpf_iter_num_next\nif r0 == 0 goto +3\nr1 = *(u32 *)(r0 +0)\nr6 += r1\ngoto -6\n${DESTROY}r0 = r6\nexit`,
    6n,
  ],
  [
    "asked again at its end",
    `${made(0, 2)}r6 = 0\nr7 = 5\n${NEXT}if r0 == 0 goto +2\nr1 = *(u32 *)(r0 +0)\nr6 += 10\nr6 += 1\nr7 += -1\nif r7 != 0 goto -9\n${DESTROY}r0 = r6\nexit`,
    25n,
  ],
  [
    "asked again at the end of all numbers",
    `${made(0x7fff_fffd, 0x7fff_ffff)}r6 = 0\nr7 = 6\n${NEXT}if r0 == 0 goto +1\nr6 += 1\nr7 += -1\nif r7 != 0 goto -7\n${DESTROY}r0 = r6\nexit`,
    2n,
  ],
  [
    "its pointer kept in memory, and read there",
    `${made(5, 9)}${NEXT}if r0 == 0 goto +4\n*(u64 *)(r10 -24) = r0\nr1 = *(u64 *)(r10 -24)\nr6 = *(u32 *)(r1 +0)\ngoto +1\nr6 = 99\n${DESTROY}r0 = r6\nexit`,
    5n,
  ],
  [
    "its pointer in another register, and read by bytes",
    `${made(0x0102_0304, 0x0102_0306)}r6 = 0\n${NEXT}r7 = r0\nif r7 == 0 goto +3\nr1 = *(u8 *)(r7 +1)\nr6 += r1\ngoto -8\n${DESTROY}r0 = r6\nexit`,
    6n,
  ],
  [
    "its pointer moved on",
    `${made(7, 9)}${NEXT}if r0 == 0 goto +4\nr0 += -4\nr6 = *(u32 *)(r0 +4)\ngoto +1\nr6 = 99\n${DESTROY}r0 = r6\nexit`,
    7n,
  ],
  ["made backward", `${made(4, 3)}r6 = r0\n${DESTROY}r0 = r6\nexit`, BigInt.asUintN(64, -22n)],
  ["made too long", `${made(0, 8_388_609)}r6 = r0\n${DESTROY}r0 = r6\nexit`, BigInt.asUintN(64, -7n)],
  ["made as long as may be", `${made(1, 8_388_609)}r6 = r0\n${DESTROY}r0 = r6\nexit`, 0n],
  [
    "made around all numbers",
    `${made(0x7fff_ffff, -0x8000_0000)}r6 = r0\n${DESTROY}r0 = r6\nexit`,
    0xffff_ffff_ffff_ffean,
  ],
  [
    "made backward from a start nobody knows",
    `r4 = *(u32 *)(r1 +0)\nr4 += 0x7fffffff\n${AT}r2 = r4\nr3 = -0x7fffffff\ncall bpf_iter_num_new\nr6 = r0\n${DESTROY}r0 = r6\nexit`,
    BigInt.asUintN(64, -22n),
  ],
  [
    "one that could not be made is at its end",
    `${made(4, 3)}r6 = 1\n${NEXT}if r0 == 0 goto +1\nr6 = 2\n${DESTROY}r0 = r6\nexit`,
    1n,
  ],
  [
    "one in another, and made anew each turn",
    `r6 = 0\n${made(0, 3)}${NEXT}if r0 == 0 goto +19\nr7 = *(u32 *)(r0 +0)\nr1 = r10\nr1 += -16\nr2 = 0\nr3 = r7\ncall bpf_iter_num_new\nr1 = r10\nr1 += -16\ncall bpf_iter_num_next\nif r0 == 0 goto +4\nr1 = *(u32 *)(r0 +0)\nr6 += r1\nr6 += 100\ngoto -8\nr1 = r10\nr1 += -16\ncall bpf_iter_num_destroy\ngoto -23\n${DESTROY}r0 = r6\nexit`,
    301n,
  ],
  ["its place after it is destroyed", `${made(3, 7)}${NEXT}${DESTROY}r0 = *(u64 *)(r10 -8)\nexit`, 0n],
];

test.each(CASES)("%s", (_, text, r0) => {
  expect(results(text)).toEqual(MODES.map(() => r0));
});

/** Stores of the iterator's state in bare code, but for those of destroying it. */
const stores = (text: string): number =>
  listing(world(text).image, { checked: false }).filter((line) => /^\s*i32\.store offset=50[48]/.test(line)).length;

test("an iterator that nobody looks at in memory is not kept there", () => {
  const of = (name: string): string => CASES.find(([one]) => one === name)![1];
  expect(stores(of("a sum"))).toBe(0);
  for (const name of ["asked again at its end", "its pointer kept in memory, and read there", "its pointer moved on"])
    expect(stores(of(name)), name).toBeGreaterThan(0);
});
