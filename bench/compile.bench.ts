// How long does compiling take, and does it grow with the program and no faster? Programs of shapes that strain a compiler, each
// at the kernel's limits and at a quarter of that size: processor time of compile() and of the engine that takes the module.

import { compile } from "../src/bpf/jit/index.ts";
import { insn, type Insn } from "../src/bpf/isa/index.ts";
import { buildImage, VmMemory, type VmImage } from "../src/bpf/vm/index.ts";
import { cpuClock, median, ratiosTo, type Answer, type Bench, type Report } from "./harness.ts";

/** BPF_COMPLEXITY_LIMIT_INSNS: as long as a program may be. */
const MOST = 1_000_000;
const ROUNDS = 1;

const EXIT = insn(0x95, 0, 0, 0, 0);
const mov = (dst: number, imm: number): Insn => insn(0xb7, dst, 0, 0, imm);
const add = (dst: number, imm: number): Insn => insn(0x07, dst, 0, 0, imm);

// Plain work, different from place to place.
const work = (i: number): Insn =>
  i % 3 === 0 ? add(6 + (i % 3), (i % 17) - 3) : insn(i % 2 === 0 ? 0x0f : 0xaf, i % 5, (i % 4) + 1, 0, 0);
const start = (): Insn[] => [0, 1, 2, 3, 4, 6, 7, 8].map((reg) => mov(reg, reg));

/** Shapes by name, each given the number of instructions wanted. */
const SHAPES: Readonly<Record<string, { readonly most: number; readonly make: (length: number) => Insn[] }>> = {
  "straight on": {
    most: MOST,
    make: (length) => [...start(), ...Array.from({ length: length - 9 }, (_, i) => work(i)), EXIT],
  },
  "a branch in ten": {
    most: MOST,
    make(length) {
      const out = start();
      while (out.length < length - 12) {
        out.push(insn(0x65, 6, 0, 4 + (out.length % 5), out.length % 4096));
        for (let i = 0; i < 9; i++) out.push(work(out.length));
      }
      return [...out, ...Array.from({ length: 11 }, (_, i) => work(i)), EXIT];
    },
  },
  "loops in loops": {
    most: 4_000,
    make(length) {
      const depth = Math.floor(length / 4);
      const heads = Array.from({ length: depth }, (_, i) => [add(6, 1), work(i)]).flat();
      const tails = Array.from({ length: depth }, (_, i) => [work(i), insn(0x2d, 1, 6, -(4 * i + 3) - 1, 0)]).flat();
      return [...start(), ...heads, ...tails, EXIT];
    },
  },
  "a thousand functions": {
    most: MOST,
    make(length) {
      const each = Math.floor(length / 1000) - 4;
      const body = (i: number): Insn[] => [...start(), ...Array.from({ length: each }, (_, k) => work(i + k)), EXIT];
      const size = body(0).length;
      const calls = Array.from({ length: 1000 }, (_, i) => insn(0x85, 0, 1, 0, 1000 + i * size - i));
      return [...calls, EXIT, ...Array.from({ length: 1000 }, (_, i) => body(i)).flat()];
    },
  },
  "not reducible": {
    most: 100_000,
    make(length) {
      const out: Insn[] = [...start(), insn(0x15, 1, 0, 2, 9)];
      for (let i = 0; out.length < length - 5; i++) {
        out.push(add(6, -1), insn(0xd5, 6, 0, 2, 0), work(i), insn(0x6d, 0, 6, i % 3 === 0 && i > 2 ? -6 : 0, 0));
      }
      return [...out, EXIT];
    },
  },
  "a ladder of cases": {
    most: MOST,
    make(length) {
      const out = start();
      for (let i = 0; out.length < length - 2; i++) out.push(insn(0x55, 6, 0, 1, i), add(0, i));
      return [...out, EXIT];
    },
  },
  "cases that end apart": {
    most: 30_000,
    make(length) {
      const spread = Math.floor(length / 3);
      const heads = Array.from({ length: spread }, (_, i) => insn(0x15, 6, 0, spread - i - 1 + 2 * i, i));
      return [...start(), ...heads, ...Array.from({ length: spread }, (_, i) => [add(0, i), EXIT]).flat()];
    },
  },
};

function imageOf(insns: readonly Insn[]): VmImage {
  return buildImage({ name: "large", insns, subprogs: [], lines: [], maps: [] }, VmMemory.create());
}

/** Nanoseconds an instruction; median of some rounds, after one that warms up when there is time. */
function perInsn(image: VmImage, checked: boolean, rounds: number): { compile: number; take: number } {
  const times: { compile: number; take: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const before = cpuClock();
    const { bytes } = compile(image, { checked });
    const between = cpuClock();
    void new WebAssembly.Module(bytes);
    const after = cpuClock();
    const count = image.insns.length;
    times.push({ compile: (between - before) / count, take: (after - between) / count });
  }
  const kept = times.slice(rounds > 1 ? 1 : 0);
  return { compile: median(kept.map((time) => time.compile)), take: median(kept.map((time) => time.take)) };
}

/** The bench; `only` names some of the shapes. */
export function compileBench(_root: string, only?: readonly string[]): Bench {
  return {
    name: "compile",
    run({ rounds }, progress): Promise<Report> {
      const tiny = rounds === 1;
      const answers: Answer[] = [];
      const figures: Record<string, number> = {};
      for (const [name, { most, make }] of Object.entries(SHAPES)) {
        if (only !== undefined && !only.includes(name)) continue;
        const length = tiny ? Math.min(most, 4_000) : most;
        const [quarter, whole] = [length / 4, length].map((size) => imageOf(make(size)));
        const times = [quarter, whole].map((image) => perInsn(image, false, tiny ? 1 : ROUNDS));
        const checked = perInsn(whole, true, 1);
        answers.push({
          name,
          ns: { "a quarter": times[0].compile, whole: times[1].compile, "whole, checked": checked.compile },
        });
        figures[`${name}: ms for ${whole.insns.length} instructions`] = (times[1].compile * whole.insns.length) / 1e6;
        figures[`${name}: the engine's ms`] = (times[1].take * whole.insns.length) / 1e6;
        progress(`${name}: ${times.map((time) => time.compile.toFixed(0)).join(" and ")} ns an instruction`);
      }
      const ratios = ratiosTo("a quarter", answers);
      return Promise.resolve({ bench: "compile", answers, baseline: "a quarter", ratios, skipped: [], figures });
    },
  };
}
