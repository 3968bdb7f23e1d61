// From an opened object to a program an engine can take: CO-RE applied, subprograms appended (in the order libbpf appends
// them: depth first, as calls are met), every reference turned into its pseudo instruction, line info moved along.

import { didYouMean } from "../../base/index.ts";
import {
  essentialName,
  patchCore,
  resolveCoreRelo,
  typesCompatible,
  type Btf,
  type BtfExt,
  type BtfVar,
  type CoreRelo,
} from "../btf/index.ts";
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  INSN_SIZE,
  isLdImm64,
  type Insn,
} from "../isa/index.ts";
import { ObjectError } from "./errors.ts";
import { TEXT, type ObjectFunction } from "./functions.ts";
import type { ExternSpec, LineInfo, MapSpec, Relocation, Subprog } from "./types.ts";

/** Helper number of the call that replaces one of a missing weak kfunc; the extern's index is added. */
export const KFUNC_POISON = 2002000000;

/** The parts of an opened object that resolving needs. */
export interface Linkage {
  readonly btf: Btf;
  readonly ext: BtfExt;
  readonly functions: readonly ObjectFunction[];
  readonly relocations: readonly Relocation[];
  readonly maps: readonly MapSpec[];
  readonly externs: readonly ExternSpec[];
}

/** The code of a program with what it calls. */
export interface LinkedCode {
  readonly insns: Insn[];
  readonly subprogs: Subprog[];
  readonly lines: LineInfo[];
}

/** More is refused: the kernel takes at most a million instructions. */
const MOST_SLOTS = 1_000_000;
/** Functions appended within one another; the verifier allows 16 frames and 256 functions. */
const DEEPEST = 1000;

/** BTF id of `extern` in the target; undefined for a weak one that is missing or of other types. Throws OBJECT_KFUNC. */
function resolveKfunc(extern: ExternSpec, btf: Btf, target: Btf): number | undefined {
  const name = essentialName(extern.name);
  const id = target.findByName(name, "FUNC");
  const proto = (type: Btf, func: number): number => (type.type(func) as { type: number }).type;
  if (id !== undefined && typesCompatible(btf, proto(btf, extern.type_id), target, proto(target, id))) return id;
  if (extern.weak) return undefined;
  const kfuncs = [...target.ofKind("FUNC")].map((func) => target.nameOf(func));
  throw new ObjectError("OBJECT_KFUNC", {
    message: id === undefined ? "the target has no such kfunc" : "the target's kfunc has another prototype",
    found: name,
    where: `extern ${extern.name}`,
    remedy: id === undefined ? didYouMean(name, kfuncs) : "Declare it as the target's header does",
  });
}

function resolveVariable(extern: ExternSpec, btf: Btf, target: Btf): number | undefined {
  const id = target.findByName(essentialName(extern.name), "VAR");
  if (id !== undefined || extern.weak) return id;
  if (btf.resolved((btf.type(extern.type_id) as BtfVar).type).kind === "VOID") {
    throw new ObjectError("OBJECT_KSYM", {
      message: "addresses of kernel symbols without a type are not looked up",
      found: `extern const void ${extern.name}`,
      where: `extern ${extern.name}`,
      remedy: "Declare a variable with its type, a kfunc with its prototype",
    });
  }
  throw new ObjectError("OBJECT_KSYM", {
    message: "the target has no such kernel variable",
    found: extern.name,
    where: `extern ${extern.name}`,
    remedy: "Declare it __weak if the program can do without it",
  });
}

/** Builds one program. */
class Assembly {
  readonly code: LinkedCode = { insns: [], subprogs: [], lines: [] };
  readonly #from: Linkage;
  readonly #target: Btf;
  readonly #started = new Map<ObjectFunction, number>();
  readonly #externs: ReadonlyMap<string, ExternSpec>;
  #depth = 0;

  constructor(from: Linkage, target: Btf) {
    this.#from = from;
    this.#target = target;
    this.#externs = new Map(from.externs.map((extern) => [extern.name, extern]));
  }

  /** Appends `func` and all it refers to; the index of its first slot. */
  append(func: ObjectFunction): number {
    const known = this.#started.get(func);
    if (known !== undefined) return known;
    const start = this.code.insns.length;
    this.#started.set(func, start);
    this.#depth++;
    if (start + func.insns.length > MOST_SLOTS) {
      throw new ObjectError("OBJECT_PROGRAM", {
        message: "the program is too large",
        expected: `at most ${MOST_SLOTS} instructions`,
        where: func.name,
      });
    }
    const insns = [...func.insns];
    this.#applyCore(func, insns);
    for (const insn of insns) this.code.insns.push(insn);
    this.code.subprogs.push({ name: func.name, start, global: func.global, type_id: func.type_id });
    this.#addLines(func, start);
    this.#applyRelocations(func, start);
    this.#depth--;
    return start;
  }

  #applyCore(func: ObjectFunction, insns: Insn[]): void {
    for (const relo of recordsOf(func, this.#from.ext.relos)) {
      patchCore(insns, slotOf(relo, func), resolveCoreRelo(relo, this.#from.btf, this.#target));
    }
  }

  #addLines(func: ObjectFunction, start: number): void {
    for (const record of recordsOf(func, this.#from.ext.lines)) {
      const { file, text, line, column } = record;
      this.code.lines.push({ insn: start + slotOf(record, func), file, text, line, column });
    }
  }

  #applyRelocations(func: ObjectFunction, start: number): void {
    const end = func.start + func.insns.length;
    const relocations = new Map(
      this.#from.relocations
        .filter(({ section, insn }) => section === func.section.name && insn >= func.start && insn < end)
        .map((relocation) => [relocation.insn - func.start, relocation]),
    );
    for (let i = 0; i < func.insns.length; i++) {
      const relocation = relocations.get(i);
      const at = start + i;
      const insn = this.code.insns[at];
      if (relocation !== undefined) this.#apply(relocation, at, func);
      else if (isLocalCall(insn))
        this.#call(at, func, func.section.name === TEXT ? (func.start + i + insn.imm + 1) * INSN_SIZE : -1);
    }
  }

  #apply(relocation: Relocation, at: number, func: ObjectFunction): void {
    const { kind, target, offset } = relocation;
    if (isLdImm64(this.code.insns[at]) && at + 1 >= this.code.insns.length) {
      throw new ObjectError("OBJECT_PROGRAM", {
        message: "a 16-byte instruction is cut off",
        where: `${func.name}, insn ${at}`,
      });
    }
    switch (kind) {
      case "map":
      case "data": {
        const src_reg = kind === "map" ? BPF_PSEUDO_MAP_IDX : BPF_PSEUDO_MAP_IDX_VALUE;
        return this.#load(at, src_reg, relocation.map!, kind === "map" ? 0 : offset);
      }
      case "call":
        return this.#call(at, func, offset);
      case "func": {
        const start = this.append(this.#functionAt(offset, func, at));
        return this.#load(at, BPF_PSEUDO_FUNC, start - at - 1, 0);
      }
      case "kfunc":
        return this.#callKfunc(at, this.#externs.get(target)!);
      case "ksym": {
        const extern = this.#externs.get(target)!;
        const id =
          extern.kind === "func"
            ? resolveKfunc(extern, this.#from.btf, this.#target)
            : resolveVariable(extern, this.#from.btf, this.#target);
        // a missing weak symbol has the address 0, which programs compare with NULL
        return id === undefined ? this.#load(at, 0, 0, 0) : this.#load(at, BPF_PSEUDO_BTF_ID, id, 0);
      }
    }
  }

  #load(at: number, src_reg: number, imm: number, second: number): void {
    const { insns } = this.code;
    insns[at] = { ...insns[at], src_reg, imm: imm | 0 };
    insns[at + 1] = { ...insns[at + 1], imm: second | 0 };
  }

  #call(at: number, func: ObjectFunction, offset: number): void {
    const start = this.append(this.#functionAt(offset, func, at));
    const { insns } = this.code;
    insns[at] = { ...insns[at], src_reg: BPF_PSEUDO_CALL, imm: start - at - 1 };
  }

  #callKfunc(at: number, extern: ExternSpec): void {
    const id = resolveKfunc(extern, this.#from.btf, this.#target);
    const { insns } = this.code;
    insns[at] =
      id === undefined
        ? {
            code: BPF_JMP | BPF_CALL,
            dst_reg: 0,
            src_reg: 0,
            off: 0,
            imm: KFUNC_POISON + this.#from.externs.indexOf(extern),
          }
        : { ...insns[at], src_reg: BPF_PSEUDO_KFUNC_CALL, off: 0, imm: id };
  }

  /** The function that begins at byte `offset` of .text. */
  #functionAt(offset: number, caller: ObjectFunction, at: number): ObjectFunction {
    const found = this.#from.functions.find(
      ({ section, start }) => section.name === TEXT && start * INSN_SIZE === offset,
    );
    if (found && this.#depth < DEEPEST) return found;
    throw new ObjectError("OBJECT_RELOCATION", {
      message: found ? "calls nest too deeply" : "no function begins where a call leads",
      found: offset < 0 ? `a call within section ${caller.section.name}` : `byte ${offset} of ${TEXT}`,
      where: `${caller.name}, insn ${at - this.#started.get(caller)!}`,
    });
  }
}

const isLocalCall = (insn: Insn): boolean => insn.code === (BPF_JMP | BPF_CALL) && insn.src_reg === BPF_PSEUDO_CALL;

const slotOf = ({ insn_off }: { insn_off: number }, func: ObjectFunction): number => insn_off / INSN_SIZE - func.start;

/** The records of .BTF.ext that lie within `func`. */
function recordsOf<T extends { readonly insn_off: number }>(
  func: ObjectFunction,
  bySection: ReadonlyMap<string, readonly T[]>,
): T[] {
  const records = bySection.get(func.section.name) ?? [];
  return records.filter((record) => {
    const slot = slotOf(record, func);
    return Number.isInteger(slot) && slot >= 0 && slot < func.insns.length;
  });
}

/** The CO-RE relocations of `func` alone, for listings. */
export function coreRelosOf(func: ObjectFunction, ext: BtfExt): CoreRelo[] {
  return recordsOf(func, ext.relos);
}

/** Links `main` with all it calls, against `target`. Throws ObjectError, BtfError. */
export function linkProgram(main: ObjectFunction, from: Linkage, target: Btf): LinkedCode {
  const assembly = new Assembly(from, target);
  assembly.append(main);
  return assembly.code;
}
