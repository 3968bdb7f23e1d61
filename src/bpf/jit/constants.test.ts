// Loads from frozen maps become constants; everything else stays a load.

import { expect, test } from "vitest";
import { asm, BPF_PSEUDO_MAP_IDX_VALUE } from "../isa/index.ts";
import { mapSpec } from "../vm/harness.ts";
import { BPF_MAP_TYPE_ARRAY, buildImage, Interpreter, VmMemory } from "../vm/index.ts";
import { compile, instantiate, listing } from "./index.ts";

const BYTES = [0x78, 0x56, 0x34, 0xf2, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 1, 2, 3, 4];

/** A program whose r1 first points `offset` bytes into a map's value. */
function world(body: string, offset: number, frozen: boolean) {
  const memory = VmMemory.create();
  const insns = asm(`r1 = 0 ll\n${body}\nexit`).map((insn, slot) =>
    slot === 0 ? { ...insn, src_reg: BPF_PSEUDO_MAP_IDX_VALUE } : slot === 1 ? { ...insn, imm: offset } : insn,
  );
  const initial = Uint8Array.from(BYTES);
  const map = mapSpec("t.rodata", BPF_MAP_TYPE_ARRAY, [4, BYTES.length, 1], { kind: "rodata", initial, frozen });
  const image = buildImage({ name: "test", insns, subprogs: [], lines: [], maps: [map] }, memory);
  return { memory, image };
}

const loads = (lines: readonly string[]): number => lines.filter((line) => /i(32|64)\.load/.test(line)).length;

test.each([
  ["r0 = *(u8 *)(r1 + 3)", 0],
  ["r0 = *(u16 *)(r1 + 2)", 0],
  ["r0 = *(u32 *)(r1 + 0)", 0],
  ["r0 = *(u64 *)(r1 + 0)", 0],
  ["r0 = *(u64 *)(r1 + 0)", 8],
  ["r0 = *(s8 *)(r1 - 5)", 8],
  ["r0 = *(s16 *)(r1 + 2)", 0],
  ["r0 = *(s32 *)(r1 + 0)", 0],
  ["r2 = r1\nr0 = *(u32 *)(r2 + 4)", 16],
  ["r1 = *(u8 *)(r1 + 0)\nr0 = r1", 20],
])("%s from byte %i of a frozen map", (body, offset) => {
  const { memory, image } = world(body, offset, true);
  expect(loads(listing(image, { checked: false }))).toBe(0);
  const interpreter = new Interpreter(image, memory);
  interpreter.run(0);
  for (const checked of [false, true]) {
    const program = compile(image, { checked });
    const executable = instantiate(program, new WebAssembly.Module(program.bytes), image, memory);
    executable.run(0);
    expect(executable.r0).toBe(interpreter.r0);
  }
});

test.each([
  ["a map that is not frozen", "r0 = *(u32 *)(r1 + 0)", 0, false],
  ["a value no move can give", "r0 = *(u64 *)(r1 + 0)", 16, true],
  ["a place beyond the map", "r0 = *(u32 *)(r1 + 0)", 21, true],
  ["a register that was changed", "r1 += 0\nr0 = *(u32 *)(r1 + 0)", 0, true],
  ["another block", "if r0 == 1 goto +0\nif r0 == 2 goto +1\nr1 += 4\nr0 = *(u32 *)(r1 + 0)", 0, true],
])("%s is loaded", (_, body, offset, frozen) => {
  const { image } = world(body, offset, frozen);
  expect(loads(listing(image, { checked: false }))).toBe(1);
});
