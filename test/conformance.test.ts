// The public instruction-set conformance cases (../shared/conformance, see its README), on every engine that executes BPF.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fromHex } from "../src/base/index.ts";
import { decode, IsaError, validate, type Insn } from "../src/bpf/isa/index.ts";
import { buildImage, VmError, VmMemory, type VmImage } from "../src/bpf/vm/index.ts";
import { ENGINES } from "./bpf-engines.ts";

interface Case {
  readonly suite: string;
  readonly name: string;
  readonly program: string;
  readonly memory: string;
  readonly result: string | null;
  readonly mustReject: boolean;
}

const FILE = fileURLToPath(new URL("../../shared/conformance/cases.json", import.meta.url));
const present = existsSync(FILE);
const cases: readonly Case[] = present ? (JSON.parse(readFileSync(FILE, "utf8")) as Case[]) : [];

function prepare(insns: readonly Insn[], memory: VmMemory): VmImage {
  return buildImage({ name: "case", insns, subprogs: [], lines: [], maps: [] }, memory);
}

if (!present) test.skip("instruction-set conformance: ../shared/conformance/cases.json is not there", () => {});

describe.runIf(present)("instruction-set conformance", () => {
  test("the suite is there, whole", () => {
    expect(cases.filter((entry) => entry.mustReject).length).toBeGreaterThan(0);
    expect(cases.filter((entry) => entry.result !== null).length).toBeGreaterThan(300);
  });

  for (const [engine, load] of ENGINES) {
    describe(engine, () => {
      test.each(cases.filter((entry) => !entry.mustReject).map((entry) => [entry.suite, entry.name, entry] as const))(
        "%s %s",
        (_suite, _name, entry) => {
          const memory = VmMemory.create({ initial: 1 << 18 });
          const bytes = fromHex(entry.memory);
          const address = bytes.length === 0 ? 0 : memory.allocate("the input", bytes.length);
          memory.u8.set(bytes, address);
          const executable = load(prepare(decode(fromHex(entry.program)), memory), memory);
          executable.run(address, bytes.length);
          expect(`0x${executable.r0.toString(16)}`).toBe(`0x${BigInt(entry.result!).toString(16)}`);
        },
      );
    });
  }

  test.each(cases.filter((entry) => entry.mustReject).map((entry) => [entry.name, entry] as const))(
    "refused: %s",
    (_name, entry) => {
      const insns = decode(fromHex(entry.program));
      expect(() => validate(insns)).toThrow(IsaError);
      expect(() => prepare(insns, VmMemory.create({ initial: 1 << 18 }))).toThrow(VmError);
    },
  );
});
