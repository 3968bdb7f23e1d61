// Maps of .struct_ops and .struct_ops.link: a struct of the kernel's, some of whose members are programs. Opening yields
// it in the object's layout; resolving moves each member, by name, to where the target has it.

import { didYouMean } from "../../base/index.ts";
import type { ElfFile, ElfSection } from "../../elf/index.ts";
import type { Btf, BtfComposite, BtfType } from "../btf/index.ts";
import { formatType } from "../btf/index.ts";
import { INSN_SIZE } from "../isa/index.ts";
import { ObjectError } from "./errors.ts";
import type { ObjectFunction } from "./functions.ts";
import { BPF_PROG_TYPE_STRUCT_OPS, sectionKind } from "./program-types.ts";
import type { ResolvedStructOps, StructOpsSpec } from "./types.ts";

const SECTION = /^\??\.struct_ops(\.link)?$/;

const bad = (where: string, message: string, found?: string, expected?: string, remedy?: string): ObjectError =>
  new ObjectError("OBJECT_STRUCT_OPS", { message, found, expected, where, remedy });

const pointsToFunction = (btf: Btf, id: number): boolean => {
  const type = btf.resolved(id);
  return type.kind === "PTR" && btf.resolved(type.type).kind === "FUNC_PROTO";
};

/** Programs by member name, from the relocations of the variable at [start, end) of `section`. */
function boundPrograms(
  elf: ElfFile,
  section: ElfSection,
  start: number,
  struct: BtfComposite,
  btf: Btf,
  functions: readonly ObjectFunction[],
): Record<string, string> {
  const programs: Record<string, string> = {};
  for (const { offset, symbol } of elf.relocationsOf(section.index)) {
    if (offset < start || offset >= start + struct.size) continue;
    const where = `section ${section.name}, offset ${offset}`;
    const member = struct.members.find((candidate) => candidate.bit_offset === (offset - start) * 8);
    if (member === undefined || !pointsToFunction(btf, member.type)) {
      throw bad(
        where,
        "only members that point to functions can hold a symbol",
        member?.name ?? "no member",
        "a function pointer",
      );
    }
    const program = functions.find(
      (candidate) => candidate.section.index === symbol.shndx && candidate.start * INSN_SIZE === symbol.value,
    );
    if (program === undefined) throw bad(where, `member ${member.name} refers to no program`, symbol.name || "nothing");
    if (sectionKind(program.section.name).type !== BPF_PROG_TYPE_STRUCT_OPS) {
      throw bad(
        where,
        `program ${program.name} is not for struct_ops`,
        `section ${program.section.name}`,
        "struct_ops/... or struct_ops.s/...",
      );
    }
    programs[member.name] = program.name;
  }
  return programs;
}

function specsOf(elf: ElfFile, section: ElfSection, btf: Btf, functions: readonly ObjectFunction[]): StructOpsSpec[] {
  const id = btf.findByName(section.name, "DATASEC");
  if (id === undefined) {
    throw bad(
      `section ${section.name}`,
      "the BTF does not describe the section",
      undefined,
      "a DATASEC",
      "Compile with -g",
    );
  }
  return (btf.type(id) as BtfType & { kind: "DATASEC" }).vars.map(({ type: variable, offset }) => {
    const name = btf.nameOf(variable);
    const where = `struct_ops ${name}`;
    const holder = btf.type(variable);
    if (holder.kind !== "VAR") throw bad(where, "not a variable", holder.kind, "VAR");
    const type_id = btf.skipModifiers(holder.type);
    const struct = btf.type(type_id);
    if (struct.kind !== "STRUCT" || struct.name === "")
      throw bad(where, "the variable is not a struct with a name", formatType(btf, type_id), "struct NAME");
    if (offset + struct.size > section.data.length) {
      throw bad(
        where,
        "the variable runs beyond its section",
        `${offset + struct.size} bytes`,
        `${section.data.length}`,
      );
    }
    return {
      name,
      section: section.name.replace(/^\?/, ""),
      type_name: struct.name,
      type_id,
      initial: section.data.slice(offset, offset + struct.size),
      programs: boundPrograms(elf, section, offset, struct, btf, functions),
      link: section.name.endsWith(".link"),
      autocreate: !section.name.startsWith("?"),
    };
  });
}

/** All struct_ops maps. Throws ObjectError, BtfError. */
export function collectStructOps(elf: ElfFile, btf: Btf, functions: readonly ObjectFunction[]): StructOpsSpec[] {
  return elf.sections
    .filter((section) => SECTION.test(section.name) && section.size > 0)
    .flatMap((section) => specsOf(elf, section, btf, functions));
}

/** The struct_ops to attach: the one of that name, or the only one there is. Throws ObjectError. */
export function chooseStructOps(all: readonly StructOpsSpec[], name?: string): StructOpsSpec {
  const names = all.map((spec) => spec.name);
  if (name !== undefined) {
    const found = all.find((spec) => spec.name === name);
    if (found) return found;
    throw new ObjectError("OBJECT_NAME", {
      message: "there is no such struct_ops map",
      found: name,
      expected: names.join(", ") || "none",
      remedy: didYouMean(name, names),
    });
  }
  if (all.length === 1) return all[0];
  if (all.length === 0) {
    throw new ObjectError("OBJECT_NO_STRUCT_OPS", {
      message: "the object has no struct_ops map to attach",
      expected: 'a variable with SEC(".struct_ops.link")',
    });
  }
  throw new ObjectError("OBJECT_STRUCT_OPS_CHOICE", {
    message: "the object has more than one struct_ops map",
    found: names.join(", "),
    expected: "a choice of one",
    remedy: "Name the one to attach (--ops NAME)",
  });
}

/** A struct_ops map in the target's layout (bpf_map__init_kern_struct_ops of libbpf). Throws ObjectError, BtfError. */
export function resolveStructOps(spec: StructOpsSpec, btf: Btf, target: Btf): ResolvedStructOps {
  const where = `struct_ops ${spec.name}`;
  const type_id = target.findByName(spec.type_name, "STRUCT");
  if (type_id === undefined) {
    throw bad(
      where,
      "the target has no such struct",
      `struct ${spec.type_name}`,
      undefined,
      "It needs Linux 7.1 or later with CONFIG_IO_URING_BPF_OPS",
    );
  }
  const [local, kernel] = [btf.type(spec.type_id) as BtfComposite, target.type(type_id) as BtfComposite];
  const data = new Uint8Array(kernel.size);
  const programs: { member: string; index: number; offset: number; program: string }[] = [];
  for (const member of local.members) {
    const start = member.bit_offset >>> 3;
    const size = btf.sizeOf(member.type);
    const bytes = spec.initial.subarray(start, start + size);
    const program = spec.programs[member.name];
    const index = kernel.members.findIndex((candidate) => candidate.name === member.name);
    const there = kernel.members[index];
    if (there === undefined) {
      if (bytes.every((byte) => byte === 0) && program === undefined) continue;
      throw bad(
        where,
        "the target's struct lacks a member that is set",
        member.name,
        kernel.members.map((m) => m.name).join(", "),
      );
    }
    if (member.bitfield_size !== 0 || there.bitfield_size !== 0)
      throw bad(where, "bitfields are not supported", member.name);
    const [mine, theirs] = [btf.resolved(member.type).kind, target.resolved(there.type).kind];
    if (mine !== theirs) throw bad(where, `member ${member.name} is of another kind in the target`, mine, theirs);
    const offset = there.bit_offset >>> 3;
    if (program !== undefined) {
      if (!pointsToFunction(target, there.type))
        throw bad(where, `member ${member.name} is no function pointer in the target`);
      programs.push({ member: member.name, index, offset, program });
    } else if (target.sizeOf(there.type) !== size) {
      throw bad(
        where,
        `member ${member.name} has another size in the target`,
        `${size} bytes`,
        `${target.sizeOf(there.type)}`,
      );
    } else if (mine !== "PTR") {
      data.set(bytes, offset);
    }
  }
  return { name: spec.name, type_name: spec.type_name, type_id, data, programs, link: spec.link };
}
