// Programs of several shapes for the verifier to walk: what makes it slow differs from one to the next.

import { BtfBuilder } from "../../src/bpf/btf/index.ts";
import { asm } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";

const RAW_TRACEPOINT = 17;
const SLOTS = 60;

/** One shape; `size` is about how many instructions are walked. */
export interface Shape {
  readonly name: string;
  readonly write: (size: number) => string;
}

const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join("\n");

/** Arithmetic whose ranges change all the time. */
const ARITHMETIC = ["r6 += r7", "r7 &= 0xffff", "r8 = r6", "w8 >>= 3", "r6 ^= r8", "r7 *= 5", "r7 += 1", "r6 <<= 1"];

const START = "r6 = *(u64 *)(r1 + 0)\nr7 = *(u64 *)(r1 + 8)\nr8 = 0\nr9 = 0";
const END = "r0 = 0\nexit";

export const SHAPES: readonly Shape[] = [
  {
    name: "straight",
    write: (size) => `${START}\n${lines(size, (i) => ARITHMETIC[i % ARITHMETIC.length])}\n${END}`,
  },
  {
    name: "branches",
    // the two ways of a jump meet again and are alike, for what they set is written anew
    write: (size) =>
      `${START}\n${lines(size / 6, (i) => `r6 = *(u64 *)(r1 + 0)\nif r6 s> ${i % 97} goto +1\nr8 = ${i}\nr8 = 0\nr6 = 0`)}\n${END}`,
  },
  {
    name: "loops",
    write: (size) =>
      `${START}\nr8 = 0\nr9 = 0\nr6 &= 0xff\nr6 += 1\nr9 += 1\nif r9 < 50 goto -3\nr9 = 0\nr8 += 1\nif r8 < ${Math.ceil(size / 160)} goto -7\n${END}`,
  },
  {
    name: "stack slots and jumps",
    // three stores a jump, over the whole stack
    write: (size) =>
      `${START}\n${lines(size / 6, (i) => {
        const at = (k: number): number => -8 * (1 + ((i * 3 + k) % SLOTS));
        return `*(u64 *)(r10 ${at(0)}) = r6\n*(u64 *)(r10 ${at(1)}) = r7\nr7 = *(u64 *)(r1 + 8)\nif r7 > ${i % 89} goto +1\n*(u64 *)(r10 ${at(2)}) = r8\nr7 = 0`;
      })}\n${END}`,
  },
  {
    name: "functions",
    // each calls the next one, which spills what it was handed
    write: (size) => {
      const depth = 6;
      const calls = Math.ceil(size / (depth * 7));
      const main = `${START}\n${lines(calls, (i) => `r1 = r6\nr1 += ${i % 7}\ncall f0\nr6 = r0`)}\n${END}`;
      const functions = lines(
        depth,
        (i) =>
          `f${i}:\n*(u64 *)(r10 - 8) = r1\n${i + 1 < depth ? `call f${i + 1}` : "r0 = r1"}\nr1 = *(u64 *)(r10 - 8)\nr0 += r1\nr0 &= 0xffff\nexit`,
      );
      return `${main}\n${functions}`;
    },
  },
];

/** A loop without end: refused after a million instructions. */
export const ENDLESS: Shape = {
  name: "endless",
  write: () => `${START}\n*(u64 *)(r10 - 8) = r6\nr8 += 1\nr7 = r8\nif r8 != r6 goto -4\n${END}`,
};

const EMPTY_BTF = new BtfBuilder().build();

/** A raw tracepoint program of `shape`. */
export function programOf(shape: Shape, size: number): ResolvedProgram {
  return {
    name: "bench",
    section: "raw_tp",
    type: RAW_TRACEPOINT,
    sleepable: false,
    license: "GPL",
    insns: asm(shape.write(size)),
    subprogs: [{ name: "bench", start: 0, global: true, type_id: 0 }],
    lines: [],
    maps: [],
    btf: EMPTY_BTF,
    target: EMPTY_BTF,
  };
}
