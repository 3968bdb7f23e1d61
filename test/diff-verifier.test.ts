// What the verifier claims of registers, held against runs of the programs it accepts: at each instruction, what the
// registers hold must be what one of the states walked there allows. Programs that make no sense get a verdict. And random
// programs get the verdict, and the log, that Linux 7.2.13 gave them.

import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fnv1a } from "../src/base/index.ts";
import { BtfBuilder } from "../src/bpf/btf/index.ts";
import { decode, type Insn } from "../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../src/bpf/object/index.ts";
import { verify } from "../src/bpf/verifier/index.ts";
import * as I from "./diff-verifier/code.ts";
import { comparable } from "./diff-verifier/compare.ts";
import { generate, generatePlain } from "./diff-verifier/generate.ts";
import { checkRanges } from "./diff-verifier/ranges.ts";
import { FUNC, programOf } from "./diff-verifier/world.ts";

const PROGRAMS = 150;
const RUNS = 8;

describe("what the verifier claims", () => {
  it("holds whenever accepted programs run", () => {
    let held = 0;
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const outcome = checkRanges(generatePlain(seed), seed, RUNS);
      if (outcome !== "rejected") expect(outcome).toBe("held");
      if (outcome === "held") held++;
    }
    expect(held).toBeGreaterThan(PROGRAMS / 10);
  }, 300_000);
});

const anyInsn: fc.Arbitrary<Insn> = fc.record({
  code: fc.nat({ max: 255 }),
  dst_reg: fc.nat({ max: 15 }),
  src_reg: fc.nat({ max: 15 }),
  off: fc.oneof(fc.integer({ min: -6, max: 6 }), fc.integer({ min: -32768, max: 32767 })),
  imm: fc.oneof(fc.integer({ min: -16, max: 220 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
});

/** No reason, or a fault of ours: but for two things that Linux 7.2 itself says of programs and calls its bug. */
const NO_REASON = /^$|verifier bug(?!: (?:No program to jit|scc exit: no visit info))/;

describe("programs that make no sense", () => {
  it("are rejected, whatever they are", () => {
    fc.assert(
      fc.property(fc.array(anyInsn, { maxLength: 12 }), fc.boolean(), (insns, exits) => {
        const all = exits ? [...insns, { code: 0x95, dst_reg: 0, src_reg: 0, off: 0, imm: 0 }] : insns;
        const { verdict, errno, error } = verify(programOf(all, [0]), { limits: { insns: 50_000 } });
        expect(verdict === "accepted").toBe(errno === 0);
        if (verdict === "rejected") expect(error).not.toMatch(NO_REASON);
      }),
      { numRuns: 400 },
    );
  }, 120_000);

  it("made of good ones by one change too", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 400 }),
        fc.nat({ max: 1000 }),
        anyInsn,
        fc.nat({ max: 4 }),
        (seed, at, other, field) => {
          const program = generate(seed);
          const index = at % program.insns.length;
          const names = ["code", "dst_reg", "src_reg", "off", "imm"] as const;
          const name = names[field];
          const insns = program.insns.with(index, { ...program.insns[index], [name]: other[name] });
          const { errno, error } = verify({ ...program, insns }, { limits: { insns: 50_000 } });
          if (errno !== 0) expect(error).not.toMatch(NO_REASON);
        },
      ),
      { numRuns: 300 },
    );
  }, 120_000);
});

interface Fixture {
  readonly insns: string;
  readonly starts: readonly number[];
  readonly errno: number;
  readonly error: string;
  readonly stats: string;
  readonly log_fnv1a: string;
}

const fixtures: Fixture[] = readFileSync(new URL("../testdata/verifier/linux-7.2.13.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Fixture);

describe("programs that Linux 7.2.13 was asked about", () => {
  it.each(fixtures.map((fixture, i) => [i, fixture.error || "accepted", fixture] as const))(
    "%i: %s",
    (_, __, fixture) => {
      const program = programOf(decode(Buffer.from(fixture.insns, "hex")), fixture.starts);
      const { errno, log } = verify(program, { logLevel: 2 });
      const text = comparable(log);
      const lines = text.filter((line) => line !== "");
      expect({ errno, error: errno === 0 ? "" : lines.at(-2), stats: lines.at(-1) }).toEqual({
        errno: fixture.errno,
        error: fixture.error,
        stats: fixture.stats,
      });
      // the whole log, line for line
      expect(
        fnv1a(new TextEncoder().encode(text.join("\n")))
          .toString(16)
          .padStart(8, "0"),
      ).toBe(fixture.log_fnv1a);
    },
  );
});

const btf = new BtfBuilder();
const u64 = btf.addInt("u64", 8);
const thrower = btf.addFunc("bpf_throw", btf.addFuncProto(0, [{ name: "cookie", type: u64 }]));
const target = btf.build();

describe("a program that throws and has a callback that is never called", () => {
  /** How often bpf_loop calls it. */
  const program = (rounds: number): ResolvedProgram => {
    const main = [
      I.load(I.DW, 6, 1, 0),
      I.movImm(1, rounds),
      I.insn(0x18, 2, 4, 0, 8),
      I.insn(0, 0, 0, 0, 0),
      I.mov(3, 10),
      I.movImm(4, 0),
      I.call(181),
      I.insn(0x25, 6, 0, 2, 7),
      I.movImm(1, 0),
      I.callKfunc(thrower),
      I.exit,
    ];
    const insns = [...main, I.movImm(0, 0), I.exit];
    return programOf(insns, [0, main.length], { target, funcs: [FUNC.main, FUNC.loopCallback] });
  };

  it("is refused once that is gone, as by Linux 7.2.13", () => {
    const { errno, error } = verify(program(0));
    expect(errno).toBe(14);
    expect(error).toMatch(/^verifier bug: No program to jit at insn \d+ \(subprog < 0\)$/);
  });

  it("is accepted when it is called", () => {
    expect(verify(program(1)).error).toBe("");
  });
});

describe("a kfunc of a module", () => {
  it("is another one than that of the kernel with the same id", () => {
    const own = I.callKfunc(thrower);
    const insns = [I.movImm(1, 0), own, { ...own, off: 3 }, I.movImm(0, 0), I.exit];
    expect(verify(programOf(insns, [0], { target })).error).toBe("failed to find BTF for kernel function");
  });
});

describe("a program that throws out of a loop", () => {
  const loop = (checkpoint: Insn[]): Insn[] => [
    I.load(I.DW, 6, 1, 0),
    I.movImm(7, 0),
    ...checkpoint,
    I.insn(0x25, 6, 0, 2, 7),
    I.movImm(1, 0),
    I.callKfunc(thrower),
    I.addImm(7, 1),
    I.insn(0xa5, 7, 0, -5 - checkpoint.length, 3),
    I.movImm(0, 0),
    I.exit,
  ];

  it("is refused as Linux 7.2.13 refuses it, which expects a checkpoint there", () => {
    const { errno, error } = verify(programOf(loop([]), [0], { target }));
    expect({ errno, error }).toEqual({
      errno: 14,
      error: "verifier bug: scc exit: no visit info for call chain (1)",
    });
  });

  it("is accepted where there is one", () => {
    // walked often enough that a checkpoint is made
    const walked = Array.from({ length: 8 }, (_, i) => (i % 3 === 2 ? I.jne(7, 9, 0) : I.addImm(8, 0)));
    const insns = loop([I.movImm(8, 0), ...walked]);
    expect(verify(programOf(insns, [0], { target })).error).toBe("");
  });
});
