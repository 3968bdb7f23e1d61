// The static linker: against bpftool where it is installed, and every way in which objects can contradict one another.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { addIoUring, fixture, ioUringTarget, LOOPS } from "../../../testdata/elf/fixtures.ts";
import { LoopstepError } from "../../base/index.ts";
import {
  EM_BPF,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  STB_GLOBAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  writeElf,
  type ElfSectionInit,
  type ElfSymbolInit,
} from "../../elf/index.ts";
import { BTF_EXTERN, BTF_GLOBAL, BtfBuilder, dumpRaw } from "../btf/index.ts";
import { linkObjects } from "./link.ts";
import type { LinkSource } from "./link-inputs.ts";
import { BpfObject } from "./object.ts";

const target = ioUringTarget();
const source = (name: string): LinkSource => ({ name, bytes: fixture(name) });
const link = (...names: string[]): BpfObject => BpfObject.open(linkObjects(names.map(source)), { name: "linked" });

/** What two objects must share to load the same. */
function facts(object: BpfObject): unknown {
  return {
    license: object.license,
    maps: object.maps.map(({ btf_key_type_id: _key, btf_value_type_id: _value, ...map }) => map),
    structOps: object.structOps.map(({ type_id: _id, ...spec }) => spec),
    externs: object.externs.map(({ type_id: _id, ...extern }) => extern),
    globals: object.globals.map(({ type_id: _id, ...spec }) => spec),
    values: object.values.values(),
    programs: object.programs.map((program) => {
      const { insns, subprogs, lines } = object.resolve(program.name, { target });
      return {
        name: program.name,
        insns,
        subprogs: subprogs.map(({ name, start, global, type_id }) => [name, start, global, object.btf.nameOf(type_id)]),
        lines,
      };
    }),
  };
}

describe("linking", () => {
  test("two halves make a whole", () => {
    const object = link("part-a.clang19.v3", "part-b.clang19.v3");
    expect(object.externs).toEqual([]);
    expect(object.values.values()).toMatchObject({ shared_count: 1, b_total: 5, b_zero: 0n, b_limit: 7 });
    expect(
      object.globals
        .filter(({ name }) => name === "private")
        .map(({ offset }) => object.maps.find((map) => map.kind === "data")!.initial![offset]),
    ).toEqual([2, 6]);
    const program = object.resolve("step", { target });
    expect(program.subprogs.map(({ name }) => name)).toEqual(["step", "mine", "part_b", "mine", "overridden"]);
    // the strong definition, which reads b_limit, has replaced the weak one
    const start = program.subprogs.at(-1)!.start;
    expect(program.insns.slice(start).some((insn) => insn.src_reg === 6)).toBe(true);
    expect(program.lines.some(({ text }) => text.includes("n + b_limit"))).toBe(true);
  });

  test("order changes places, not meaning", () => {
    const one = link("part-a.clang19.v3", "part-b.clang19.v3");
    const other = link("part-b.clang19.v3", "part-a.clang19.v3");
    // each half has a static of that name, of which values() shows the first
    const { private: _one, ...values } = one.values.values();
    const { private: _other, ...others } = other.values.values();
    expect(others).toEqual(values);
    expect(other.resolve("step", { target }).insns.length).toBe(one.resolve("step", { target }).insns.length);
  });

  test.each(LOOPS)("an object linked alone stays what it is: %s", (name) => {
    const [before, after] = [
      BpfObject.open(fixture(name), { name }),
      BpfObject.open(linkObjects([source(name)]), { name }),
    ];
    expect(facts(after)).toEqual(facts(before));
    expect(linkObjects([source(name)])).toEqual(linkObjects([source(name)]));
  });

  test("CO-RE relocations survive", () => {
    const builder = new BtfBuilder();
    addIoUring(builder);
    const name = "core.clang19.v4";
    const reports = (object: BpfObject): unknown =>
      object
        .coreReports({ target: builder.build() })
        .map(({ kind, value, poison, function: func, insn, local }) => [
          kind,
          kind === "type_id_local" ? 0 : value,
          poison,
          func,
          insn,
          local.replace(/\[\d+\]/, ""),
        ]);
    expect(reports(link(name))).toEqual(reports(BpfObject.open(fixture(name))));
  });
});

const hasBpftool = spawnSync("bpftool", ["version"]).error === undefined;
const scratch = mkdtempSync(join(tmpdir(), "loopstep-link-"));
afterAll(() => rmSync(scratch, { recursive: true }));

describe.skipIf(!hasBpftool)("as bpftool links (skipped without bpftool)", () => {
  function bpftool(sources: readonly LinkSource[]): Uint8Array {
    const files = sources.map(({ bytes }, i) => {
      const file = join(scratch, `in${i}.o`);
      writeFileSync(file, bytes);
      return file;
    });
    execFileSync("bpftool", ["gen", "object", join(scratch, "out.o"), ...files], { stdio: "pipe" });
    return new Uint8Array(readFileSync(join(scratch, "out.o")));
  }

  test.each([[["part-a.clang19.v3", "part-b.clang19.v3"]], ...LOOPS.map((name) => [[name]]), [["core.clang19.v3"]]])(
    "%s",
    (names) => {
      const sources = names.map(source);
      const [ours, theirs] = [BpfObject.open(linkObjects(sources)), BpfObject.open(bpftool(sources))];
      expect(facts(ours)).toEqual(facts(theirs));
      // the same types by content, whatever their numbers
      const kinds = (object: BpfObject): string[] =>
        [...dumpRaw(object.btf)]
          .map((text) => text.replace(/^\[\d+\] /, "").replaceAll(/type_id=\d+/g, ""))
          .filter((text) => !text.startsWith("FUNC_PROTO"))
          .sort();
      expect(kinds(ours)).toEqual(kinds(theirs));
    },
  );

  test("bpftool can take ours as input", () => {
    const ours = linkObjects(["part-a.clang19.v3", "part-b.clang19.v3"].map(source));
    expect(facts(BpfObject.open(bpftool([{ name: "ours", bytes: ours }])))).toEqual(facts(BpfObject.open(ours)));
  });

  const verdicts = new URL("../../../../shared/verdicts/obj/", import.meta.url).pathname;
  test.skipIf(!existsSync(verdicts))("objects of clang 21 (skipped without ../shared)", () => {
    for (const name of readdirSync(verdicts).filter((_, i) => i % 8 === 0)) {
      const sources = [{ name, bytes: new Uint8Array(readFileSync(verdicts + name)) }];
      const [ours, theirs] = [BpfObject.open(linkObjects(sources)), BpfObject.open(bpftool(sources))];
      expect([name, facts(ours)]).toEqual([name, facts(theirs)]);
    }
  });
});

/** A one-variable, one-function object, bent as a case needs it. */
interface Bend {
  readonly size?: number;
  readonly extern?: boolean;
  readonly weak?: boolean;
  readonly as?: "variable" | "function";
  readonly license?: string;
  readonly sectionFlags?: number;
  readonly mapEntries?: number;
  readonly mapExtern?: boolean;
}

function bent(name: string, bend: Bend): LinkSource {
  const b = new BtfBuilder();
  const int = b.addInt("int", bend.size ?? 4, { signed: true });
  const flags = bend.sectionFlags ?? SHF_ALLOC | SHF_WRITE;
  const section: ElfSectionInit =
    bend.as === "function"
      ? {
          name: ".text",
          flags: SHF_ALLOC | SHF_EXECINSTR,
          data: Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
          addralign: 8,
        }
      : { name: ".data", flags, data: new Uint8Array(bend.size ?? 4), addralign: 4 };
  const sections: ElfSectionInit[] = [section];
  const symbols: ElfSymbolInit[] = [
    {
      name: "thing",
      type: bend.extern ? STT_NOTYPE : bend.as === "function" ? STT_FUNC : STT_OBJECT,
      bind: bend.weak ? STB_WEAK : STB_GLOBAL,
      section: bend.extern ? undefined : section,
      value: 0,
      size: section.data.length,
    },
  ];
  if (bend.as === "function") b.addFunc("thing", b.addFuncProto(int, []), bend.extern ? BTF_EXTERN : BTF_GLOBAL);
  else {
    const variable = b.addVar("thing", int, bend.extern ? BTF_EXTERN : BTF_GLOBAL);
    b.addDatasec(".data", section.data.length, [{ type: variable, offset: 0, size: section.data.length }]);
  }
  if (bend.mapEntries !== undefined) {
    const field = (n: number): number => b.addPtr(b.addArray(int, int, n));
    const def = b.addStruct("", 16, [
      { name: "type", type: field(2), bit_offset: 0 },
      { name: "max_entries", type: field(bend.mapEntries), bit_offset: 64 },
    ]);
    const maps: ElfSectionInit = {
      name: ".maps",
      flags: SHF_ALLOC | SHF_WRITE,
      data: new Uint8Array(16),
      addralign: 8,
    };
    const variable = b.addVar("map", def, bend.mapExtern ? BTF_EXTERN : BTF_GLOBAL);
    b.addDatasec(".maps", 16, [{ type: variable, offset: 0, size: 16 }]);
    if (!bend.mapExtern) sections.push(maps);
    symbols.push({
      name: "map",
      type: bend.mapExtern ? STT_NOTYPE : STT_OBJECT,
      bind: STB_GLOBAL,
      section: bend.mapExtern ? undefined : maps,
      value: 0,
      size: 16,
    });
  }
  if (bend.license !== undefined)
    sections.push({
      name: "license",
      flags: SHF_ALLOC | SHF_WRITE,
      data: new TextEncoder().encode(`${bend.license}\0`),
    });
  sections.push({ name: ".BTF", data: b.emit(), addralign: 4 });
  return { name, bytes: writeElf({ machine: EM_BPF, sections, symbols }) };
}

describe("contradictions name the inputs", () => {
  test.each<[string, Bend, Bend, RegExp]>([
    ["two definitions", {}, {}, /thing is defined twice.*a\.o and b\.o/],
    ["two functions", { as: "function" }, { as: "function" }, /thing is defined twice.*a\.o and b\.o/],
    ["a function and a variable", {}, { as: "function" }, /different kinds.*a function in b\.o.*a variable as in a\.o/],
    ["another type", {}, { extern: true, size: 8 }, /thing is declared with different types.*in b\.o.*as in a\.o/],
    ["a function declared as variable", { as: "function" }, { extern: true }, /thing is declared with different types/],
    [
      "licences",
      { license: "GPL" },
      { license: "MIT", extern: true },
      /differ in their license.*"MIT" in b\.o.*"GPL" as in a\.o/,
    ],
    [
      "kinds of sections",
      {},
      { sectionFlags: SHF_ALLOC, weak: true },
      /section \.data is of different kinds.*b\.o.*a\.o/,
    ],
    [
      "map definitions",
      { mapEntries: 4 },
      { extern: true, mapEntries: 5, mapExtern: true },
      /map is declared with different types.*in b\.o.*as in a\.o/,
    ],
  ])("%s", (_what, a, b, message) => {
    let text = "no error";
    try {
      linkObjects([bent("a.o", a), bent("b.o", b)]);
    } catch (error) {
      if (!(error instanceof LoopstepError)) throw error;
      expect(error.code).toBe("OBJECT_LINK");
      text = error.message;
    }
    expect(text).toMatch(message);
  });

  test.each<[string, Bend, Bend]>([
    ["a declaration and its definition", {}, { extern: true }],
    ["the definition last", { extern: true }, {}],
    ["weak and strong", { weak: true }, {}],
    ["two weak ones", { weak: true }, { weak: true }],
    ["the same licence", { license: "GPL" }, { license: "GPL", extern: true }],
    ["a map and its declaration", { mapEntries: 4 }, { extern: true, mapEntries: 4, mapExtern: true }],
  ])("no contradiction: %s", (_what, a, b) => {
    const object = BpfObject.open(linkObjects([bent("a.o", a), bent("b.o", b)]));
    expect(object.globals.map(({ name }) => name)).toEqual(["thing"]);
    expect(object.externs).toEqual([]);
  });

  test("nothing to link, and a thing that is no object", () => {
    expect(() => linkObjects([])).toThrow(LoopstepError);
    expect(() => linkObjects([{ name: "text", bytes: new TextEncoder().encode("hello") }])).toThrow(LoopstepError);
  });

  test("a broken input: an error of ours", () => {
    const good = fixture("plain.clang19.v3");
    for (let at = 0; at < good.length; at += 3) {
      const copy = good.slice();
      copy[at] = 0xff;
      try {
        linkObjects([{ name: "bad", bytes: copy }, source("part-b.clang19.v3")]);
      } catch (error) {
        if (!(error instanceof LoopstepError)) throw error;
      }
    }
  });
});
