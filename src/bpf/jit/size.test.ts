// Programs at the kernel's limits: they compile, the engine takes them, they compute what the interpreter computes, and the
// generated code grows with the program and not faster. Times are the benchmarks' business.

import { describe, expect, it } from "vitest";
import { decode, insn, type Insn } from "../isa/index.ts";
import { buildImage, Interpreter, VmMemory } from "../vm/index.ts";
import { compile, instantiate } from "./index.ts";

const EXIT = insn(0x95, 0, 0, 0, 0);
const mov = (dst: number, imm: number): Insn => insn(0xb7, dst, 0, 0, imm);
const add = (dst: number, imm: number): Insn => insn(0x07, dst, 0, 0, imm);
const addReg = (dst: number, src: number): Insn => insn(0x0f, dst, src, 0, 0);
const gotol = (imm: number): Insn => insn(0x06, 0, 0, 0, imm);

interface Outcome {
  readonly bytes: number;
  readonly r0: bigint;
}

// Compiles, runs in both modes, and compares with the interpreter.
function check(insns: readonly Insn[], run = true): Outcome {
  const memory = VmMemory.create({ initial: 1 << 18 });
  const image = buildImage({ name: "big", insns, subprogs: [], lines: [], maps: [] }, memory);
  const bare = compile(image, { checked: false });
  const executable = instantiate(bare, new WebAssembly.Module(bare.bytes), image, memory);
  if (!run) return { bytes: bare.bytes.length, r0: 0n };
  const interpreter = new Interpreter(image, memory);
  interpreter.run(7);
  executable.run(7);
  expect(executable.r0).toBe(interpreter.r0);
  return { bytes: bare.bytes.length, r0: executable.r0 };
}

// Straight code with a jump over the next instruction now and then.
function long(length: number): Insn[] {
  const out: Insn[] = [mov(0, 0), mov(6, 1)];
  while (out.length < length - 1) {
    const i = out.length;
    if (i % 5 === 0 && i < length - 8) out.push(insn(0x65, 6, 0, 1, (i * 7919) % 4096));
    else if (i % 5 === 1) out.push(add(6, (i % 17) - 3));
    else if (i % 5 === 2) out.push(addReg(0, 6));
    else out.push(insn(i % 2 === 0 ? 0x67 : 0x77, i % 3 === 0 ? 0 : 6, 0, 0, 1));
  }
  return [...out, EXIT];
}

// if (r1 > 0) { if (r1 > 1) { ... } r0 += 1 } r0 += 1
function nested(depth: number): Insn[] {
  const head: Insn[] = [mov(0, 0)];
  const total = depth * 2;
  for (let i = 0; i < depth; i++) {
    // From head i to tail i: everything between.
    const distance = total - 2 * (i + 1);
    if (distance <= 0x7fff) head.push(insn(0xb5, 1, 0, distance, i));
    else head.push(insn(0xb5, 1, 0, 0, i));
  }
  const tail = Array.from({ length: depth }, () => add(0, 1));
  return [...head, ...tail, EXIT];
}

describe("programs at the limits", () => {
  it("1,000,000 instructions, in code that grows with them", () => {
    const small = check(long(50_000));
    const large = check(long(1_000_000));
    expect(large.bytes / small.bytes).toBeLessThan(22);
    expect(large.bytes / small.bytes).toBeGreaterThan(18);
  });

  it("one block of 200,000 instructions", () => {
    const out: Insn[] = [mov(0, 0)];
    while (out.length < 199_999) out.push(add(0, out.length % 1000));
    expect(check([...out, EXIT]).r0).toBeGreaterThan(0n);
  });

  it.each([1000, 10_000])("conditions nested %i deep", (depth) => {
    expect(check(nested(depth)).r0).toBeGreaterThan(0n);
  });

  it("1,000 loops nested in one another", () => {
    // Each turns once; the innermost counts.
    const depth = 1000;
    const heads = Array.from({ length: depth }, () => add(6, 1));
    const tails = Array.from({ length: depth }, (_, i) => insn(0x2d, 1, 6, -(2 * i + 2), 0));
    check([mov(0, 0), mov(6, 0), ...heads, addReg(0, 6), ...tails, EXIT]);
  });

  it("1,000 functions in a row, and one that calls 1,000", () => {
    const count = 1000;
    const body = (i: number): Insn[] => [insn(0xbf, 0, 1, 0, 0), add(0, i), EXIT];
    const main: Insn[] = [mov(6, 0)];
    for (let i = 0; i < count; i++) {
      const start = 1 + count * 3 + 2 + i * 3;
      main.push(insn(0xbf, 1, 6, 0, 0), insn(0x85, 0, 1, 0, start - main.length - 2), addReg(6, 0));
    }
    main.push(insn(0xbf, 0, 6, 0, 0), EXIT);
    check([...main, ...Array.from({ length: count }, (_, i) => body(i)).flat()]);
  });

  it("a long function that many pieces share, with loops across them", () => {
    const inner = long(60_000).slice(2, -1);
    const out: Insn[] = [mov(0, 0), mov(6, 1), mov(7, 0), ...inner, add(7, 1)];
    out.push(insn(0x35, 7, 0, 1, 5), gotol(-(inner.length + 3)), EXIT);
    check(out);
  });

  it("a graph that is not reducible, 20,000 blocks of it", () => {
    // Jumps into the middle of loops: every third block goes back over the entry of the one before.
    const out: Insn[] = [mov(0, 0), mov(6, 60_000), insn(0x15, 1, 0, 2, 9)];
    for (let i = 0; i < 10_000; i++) {
      out.push(add(6, -1), insn(0xd5, 6, 0, 2, 0), addReg(0, 6), insn(0x6d, 0, 6, i % 3 === 0 && i > 2 ? -6 : 0, 0));
    }
    out.push(EXIT);
    check(out);
  });

  it("a switch of 30,000 cases", () => {
    const cases = 15_000;
    const out: Insn[] = [mov(0, 0), insn(0xbf, 6, 1, 0, 0)];
    for (let i = 0; i < cases; i++) out.push(insn(0x55, 6, 0, 1, (i * 31) % cases), add(0, i));
    check([...out, EXIT]);
    const spread = 10_000;
    const heads = Array.from({ length: spread }, (_, i) => insn(0x15, 6, 0, spread - i - 1 + 2 * i, i));
    const bodies = Array.from({ length: spread }, (_, i) => [add(0, i), EXIT]).flat();
    check([mov(0, 0), insn(0xbf, 6, 1, 0, 0), ...heads, ...bodies]);
  });

  it("functions that are long and call each other, each in pieces", () => {
    const callee = long(30_000);
    const inner = long(26_000).slice(2, -1);
    const main: Insn[] = [mov(0, 0), mov(6, 3), mov(1, 5), insn(0x85, 0, 1, 0, inner.length + 1), ...inner, EXIT];
    check([...main, ...callee]);
  });

  it("decodes what it is given", () => {
    expect(check(decode(Uint8Array.of(0xb7, 0, 0, 0, 42, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0))).r0).toBe(42n);
  });
});
