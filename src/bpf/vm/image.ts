// From a resolved program to something that can run: maps and stack placed in the memory, and every symbolic load turned
// into a plain number (kernel/bpf/verifier.c does the same in resolve_pseudo_ldimm64 and convert_pseudo_ld_imm64).

import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  callKind,
  disasmInsn,
  findViolation,
  isLdImm64,
  MAX_BPF_STACK,
  rowOf,
  subprogStarts,
  type Insn,
} from "../isa/index.ts";
import type { ResolvedProgram } from "../object/index.ts";
import { CODE_TAG, KERNEL_TAG, FRAME_LIMIT } from "./control-block.ts";
import { VmError } from "./fault.ts";
import { createMaps } from "./maps.ts";
import type { VmMemory } from "./memory.ts";
import type { MapImage, VmImage } from "./types.ts";

function refuse(name: string, insns: readonly Insn[], insn: number, message: string, remedy?: string): VmError {
  return new VmError("VM_IMAGE", { message, where: `${name}, insn ${insn}`, found: disasmInsn(insns, insn), remedy });
}

/** What a symbolic load becomes: [low word, high word]. */
function resolveLoad(
  program: Pick<ResolvedProgram, "name" | "insns">,
  maps: readonly MapImage[],
  index: number,
): readonly [number, number] {
  const first = program.insns[index];
  const offset = program.insns[index + 1].imm;
  const map = maps[first.imm];
  switch (first.src_reg) {
    case 0:
      return [first.imm, offset];
    case BPF_PSEUDO_MAP_IDX:
      if (map) return [map.handle, 0];
      break;
    case BPF_PSEUDO_MAP_IDX_VALUE:
      if (map && offset >= 0 && offset < map.value_size) return [map.values + offset, 0];
      break;
    case BPF_PSEUDO_FUNC:
      return [index + 1 + first.imm, CODE_TAG];
    case BPF_PSEUDO_BTF_ID:
      return [first.imm, KERNEL_TAG];
    default:
      throw refuse(
        program.name,
        program.insns,
        index,
        "a map by file descriptor cannot be resolved here",
        "Give map indices",
      );
  }
  throw refuse(program.name, program.insns, index, map ? "the offset lies beyond the map's value" : "no such map");
}

/** The parts of a resolved program that an image is made of. */
export type ImageSource = Pick<ResolvedProgram, "name" | "insns" | "subprogs" | "lines" | "maps"> & {
  readonly target?: Pick<ResolvedProgram["target"], "nameOf">;
};

/**
 * Prepares `program` to run in `memory`. `maps` are the placed maps of its object (createMaps), in the order of
 * `program.maps`; without them they are placed here. Throws VmError VM_IMAGE for an illegal or unsupported instruction.
 */
export function buildImage(
  program: ImageSource,
  memory: VmMemory,
  maps: readonly MapImage[] = createMaps(memory, program.maps),
): VmImage {
  const { name, insns } = program;
  const violation = findViolation(insns);
  if (violation) throw refuse(name, insns, violation.insn, violation.message);
  const resolved = [...insns];
  const kfuncs: Record<number, string> = {};
  for (let index = 0; index < insns.length; index++) {
    const insn = insns[index];
    const refused = rowOf(insn)!.refused;
    if (refused !== undefined) throw refuse(name, insns, index, refused);
    if (callKind(insn) === "kfunc") kfuncs[insn.imm] = program.target?.nameOf(insn.imm) ?? "";
    if (!isLdImm64(insn)) continue;
    const [low, high] = resolveLoad(program, maps, index);
    resolved[index] = { ...insn, src_reg: 0, imm: low };
    resolved[index + 1] = { ...insns[index + 1], imm: high };
    index++;
  }
  const size = FRAME_LIMIT * MAX_BPF_STACK;
  const start = memory.allocate("the stack", size, { align: MAX_BPF_STACK });
  memory.closeFrames(start, start + size - MAX_BPF_STACK);
  return {
    memory: memory.memory,
    name,
    insns: resolved,
    subprogs: program.subprogs,
    starts: subprogStarts(insns),
    lines: program.lines,
    maps,
    stack: { start, end: start + size },
    kfuncs,
  };
}
