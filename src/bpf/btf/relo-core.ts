// CO-RE relocations: from a path in the object's types to a value for an instruction, by what the target has. Follows
// libbpf's relo_core.c: same candidates, same ambiguities refused, same poison where nothing fits.

import {
  BPF_ALU,
  BPF_ALU64,
  BPF_B,
  BPF_CALL,
  BPF_CLASS,
  BPF_DW,
  BPF_H,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_W,
  isLdImm64,
  type Insn,
} from "../isa/index.ts";
import type { Btf } from "./btf.ts";
import { sameKind } from "./core-compat.ts";
import {
  CORE_KINDS,
  formatSpec,
  isEnumKind,
  isTypeKind,
  matchSpec,
  parseSpec,
  type CoreKind,
  type CoreSpec,
} from "./core-spec.ts";
import { BtfError } from "./errors.ts";
import type { CoreRelo } from "./ext-info.ts";
import { essentialName } from "./strings.ts";
import type { BtfEnum, BtfType } from "./types.ts";

/** Helper number of the call that replaces an instruction nothing in the target fits; "bad relo". */
export const CORE_POISON = 0xbad2310;

/** A type of the target that was considered. */
export interface CoreCandidate {
  readonly id: number;
  readonly name: string;
  /** The path in it, when it matched. */
  readonly spec: string | undefined;
}

/** What a relocation comes to. */
export interface CoreResult {
  readonly kind: CoreKind;
  /** The path in the object's types. */
  readonly local: string;
  readonly candidates: readonly CoreCandidate[];
  /** The path chosen; undefined when nothing matched. */
  readonly target: string | undefined;
  /** The instruction becomes an invalid call. */
  readonly poison: boolean;
  /** The value the instruction should hold now, when that is certain; and the one it gets. */
  readonly expected: bigint | undefined;
  readonly value: bigint;
  /** Access sizes in bytes, where they differ: the instruction's size is changed. */
  readonly resize: { readonly from: number; readonly to: number } | undefined;
  /** The sizes differ in a way that cannot be bridged: a load or store becomes an invalid call. */
  readonly misfit: boolean;
}

/** The aspects of a field one relocation may ask for. */
interface FieldFacts {
  readonly value: bigint;
  /** Size and type of what is accessed, for offsets. */
  readonly size: number;
  readonly type: number;
  readonly certain: boolean;
}

/** Size of one element, of however many dimensions. */
function elementSize(btf: Btf, id: number): number {
  let type = btf.resolved(id);
  for (let depth = 0; type.kind === "ARRAY" && depth < 32; depth++) {
    id = type.type;
    type = btf.resolved(id);
  }
  return btf.sizeOf(id);
}

const unfit = (spec: CoreSpec, why: string): BtfError =>
  new BtfError("BTF_CORE", { message: `a relocation of kind ${spec.kind} ${why}`, where: formatSpec(spec) });

function elementFacts(spec: CoreSpec, id: number): FieldFacts {
  const { btf } = spec;
  if (spec.kind === "field_byte_offset") {
    return { value: BigInt(Math.floor(spec.bitOffset / 8)), size: elementSize(btf, id), type: id, certain: true };
  }
  if (spec.kind === "field_byte_size") return { value: BigInt(btf.sizeOf(id)), size: 0, type: 0, certain: true };
  throw unfit(spec, "does not apply to an array element");
}

/** The aligned unit a bitfield is read in: the smallest that holds all of it. */
function bitfieldUnit(spec: CoreSpec, bits: number, size: number): { offset: number; size: number } {
  for (; size >= 1 && size <= 8; size *= 2) {
    const offset = Math.floor(spec.bitOffset / 8 / size) * size;
    if (spec.bitOffset + bits - offset * 8 <= size * 8) return { offset, size };
  }
  throw unfit(spec, "cannot be read with one load");
}

const isSigned = (type: BtfType): boolean =>
  (type.kind === "INT" || type.kind === "ENUM" || type.kind === "ENUM64") && type.signed;

function fieldFacts(spec: CoreSpec): FieldFacts {
  const { btf } = spec;
  const last = spec.accessors.at(-1)!;
  if (last.name === undefined) return elementFacts(spec, last.type);
  const holder = btf.type(last.type) as BtfType & { kind: "STRUCT" };
  const member = holder.members[last.index];
  const typeId = btf.skipModifiers(member.type);
  const type = btf.type(typeId);
  const bitfield = member.bitfield_size > 0;
  const unit = bitfield
    ? bitfieldUnit(spec, member.bitfield_size, btf.sizeOf(typeId))
    : { offset: Math.floor(spec.bitOffset / 8), size: btf.sizeOf(typeId) };
  const bits = bitfield ? member.bitfield_size : unit.size * 8;
  const plain = (value: number, certain: boolean): FieldFacts => ({
    value: BigInt.asUintN(64, BigInt(value)),
    size: 0,
    type: 0,
    certain,
  });
  switch (spec.kind) {
    case "field_byte_offset":
      return bitfield
        ? plain(unit.offset, false)
        : { value: BigInt(unit.offset), size: elementSize(btf, typeId), type: typeId, certain: true };
    case "field_byte_size":
      return plain(unit.size, !bitfield);
    case "field_signed":
      return plain(isSigned(type) ? 1 : 0, true);
    case "field_lshift_u64":
      return plain(64 - (spec.bitOffset + bits - unit.offset * 8), !bitfield);
    case "field_rshift_u64":
      return plain(64 - bits, true);
    default:
      throw unfit(spec, "is not one of a field");
  }
}

/** Pointers, and unsigned integers, may shrink or grow: reading them zero-extends. */
function resizable(local: BtfType, target: BtfType): boolean {
  if (local.kind === "PTR" && target.kind === "PTR") return true;
  const plain = (type: BtfType): boolean => type.kind === "INT" && !(type.signed && !type.char && !type.bool);
  return plain(local) && plain(target);
}

type Outcome = Pick<CoreResult, "poison" | "expected" | "value" | "resize" | "misfit">;
const NOTHING: Omit<Outcome, "value" | "expected"> = { poison: false, resize: undefined, misfit: false };
const POISON: Outcome = { ...NOTHING, poison: true, expected: undefined, value: 0n };

function fieldOutcome(local: CoreSpec, target: CoreSpec | undefined): Outcome {
  if (local.kind === "field_exists") return { ...NOTHING, expected: 1n, value: target ? 1n : 0n };
  if (target === undefined) return POISON;
  const [mine, theirs] = [fieldFacts(local), fieldFacts(target)];
  const differ = mine.size !== theirs.size;
  return {
    poison: false,
    expected: mine.certain ? mine.value : undefined,
    value: theirs.value,
    resize: differ ? { from: mine.size, to: theirs.size } : undefined,
    misfit: differ && !resizable(local.btf.type(mine.type), target.btf.type(theirs.type)),
  };
}

function typeOutcome(local: CoreSpec, target: CoreSpec | undefined): Outcome {
  const valueOf = (spec: CoreSpec | undefined): bigint => {
    if (spec === undefined) return 0n;
    if (spec.kind === "type_id_target") return BigInt(spec.root);
    return spec.kind === "type_size" ? BigInt(spec.btf.sizeOf(spec.root)) : 1n;
  };
  return { ...NOTHING, expected: local.kind === "type_id_target" ? undefined : valueOf(local), value: valueOf(target) };
}

function enumOutcome(local: CoreSpec, target: CoreSpec | undefined): Outcome {
  if (local.kind === "enumval_exists") return { ...NOTHING, expected: 1n, value: target ? 1n : 0n };
  const valueOf = ({ btf, accessors: [accessor] }: CoreSpec): bigint =>
    BigInt.asUintN(64, (btf.type(accessor.type) as BtfEnum).values[accessor.index].val);
  return target ? { ...NOTHING, expected: valueOf(local), value: valueOf(target) } : POISON;
}

function outcomeOf(local: CoreSpec, target: CoreSpec | undefined): Outcome {
  if (isTypeKind(local.kind)) return typeOutcome(local, target);
  return isEnumKind(local.kind) ? enumOutcome(local, target) : fieldOutcome(local, target);
}

/** Types of the target with the same essential name and kind. */
function candidatesOf(local: Btf, id: number, target: Btf): number[] {
  const { kind, name } = local.type(id);
  const stem = essentialName(name);
  return [...target.candidates(name)].filter(
    (candidate) => sameKind(kind, target.kind(candidate)) && essentialName(target.nameOf(candidate)) === stem,
  );
}

/** The paths of `relo` in all types of the target that have it. Throws BTF_CORE. */
export function matchCoreRelo(relo: CoreRelo, local: Btf, target: Btf): CoreSpec[] {
  const spec = parseSpec(relo, local);
  if (spec.kind === "type_id_local" || local.nameOf(relo.type_id) === "") return [];
  return candidatesOf(local, relo.type_id, target)
    .map((id) => matchSpec(spec, target, id))
    .filter((found) => found !== undefined);
}

/** Finds what `relo` comes to in `target`. Throws BTF_CORE for nonsense and for ambiguity. */
export function resolveCoreRelo(relo: CoreRelo, local: Btf, target: Btf): CoreResult {
  const spec = parseSpec(relo, local);
  const head = { kind: CORE_KINDS[relo.kind], local: formatSpec(spec) };
  if (spec.kind === "type_id_local") {
    return { ...head, ...NOTHING, candidates: [], target: head.local, expected: undefined, value: BigInt(spec.root) };
  }
  const where = `CO-RE relocation ${spec.kind} of ${head.local}`;
  if (local.nameOf(relo.type_id) === "")
    throw new BtfError("BTF_CORE", { message: "the type has no name to look for", where });
  const candidates = candidatesOf(local, relo.type_id, target).map((id) => ({ id, spec: matchSpec(spec, target, id) }));
  const matching = candidates.map((candidate) => candidate.spec).filter((found) => found !== undefined);
  const outcomes = matching.map((found) => ({ found, outcome: outcomeOf(spec, found) }));
  const first = outcomes[0];
  for (const { found, outcome } of outcomes.slice(1)) {
    if (
      found.bitOffset !== first.found.bitOffset ||
      outcome.value !== first.outcome.value ||
      outcome.poison !== first.outcome.poison
    ) {
      throw new BtfError("BTF_CORE", {
        message: "the target has several types of that name, and they disagree",
        found: `${formatSpec(first.found)} and ${formatSpec(found)}`,
        where,
      });
    }
  }
  return {
    ...head,
    ...(first?.outcome ?? outcomeOf(spec, undefined)),
    candidates: candidates.map((candidate) => ({
      id: candidate.id,
      name: target.nameOf(candidate.id),
      spec: candidate.spec && formatSpec(candidate.spec),
    })),
    target: first && formatSpec(first.found),
  };
}

const POISONED: Insn = { code: BPF_JMP | BPF_CALL, dst_reg: 0, src_reg: 0, off: 0, imm: CORE_POISON };
const SIZES = new Map([
  [1, BPF_B],
  [2, BPF_H],
  [4, BPF_W],
  [8, BPF_DW],
]);

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));

/**
 * Applies `result` to the instruction at `index` of `insns`, in place; a 16-byte one has two slots there. Throws BTF_CORE
 * when the instruction is not what the relocation says.
 */
export function patchCore(insns: Insn[], index: number, result: CoreResult): void {
  const insn = insns[index];
  const fail = (message: string, found?: string, expected?: string): never => {
    throw new BtfError("BTF_CORE", {
      message,
      found,
      expected,
      where: `insn ${index}, CO-RE relocation ${result.kind} of ${result.local}`,
    });
  };
  if (insn === undefined) return fail("there is no such instruction");
  const poison = (): void => {
    if (isLdImm64(insn) && index + 1 < insns.length) insns[index + 1] = POISONED;
    insns[index] = POISONED;
  };
  const check = (holds: bigint, width: number): void => {
    if (result.expected === undefined || BigInt.asUintN(width, holds) === BigInt.asUintN(width, result.expected))
      return;
    fail("the instruction does not hold the object's own value", `${holds}`, `${result.expected}`);
  };
  if (result.poison) return poison();
  switch (BPF_CLASS(insn.code)) {
    case BPF_ALU:
    case BPF_ALU64:
      if (BPF_SRC(insn.code) !== BPF_K) return fail("the instruction takes no constant");
      check(BigInt(insn.imm), 32);
      insns[index] = { ...insn, imm: low(result.value) };
      return undefined;
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX: {
      check(BigInt(insn.off), 32);
      if (result.value > 0x7fffn)
        return fail("the offset does not fit the instruction", `${result.value}`, "at most 32767");
      if (result.misfit) return poison();
      let code = insn.code;
      if (result.resize) {
        const size = SIZES.get(result.resize.to);
        if (SIZES.get(result.resize.from) !== BPF_SIZE(code) || size === undefined) {
          return fail("the access has an unexpected size", `${result.resize.from} bytes, then ${result.resize.to}`);
        }
        code = (code & ~0x18) | size;
      }
      insns[index] = { ...insn, code, off: Number(result.value) };
      return undefined;
    }
    case BPF_LD: {
      const second = insns[index + 1];
      if (!isLdImm64(insn) || insn.src_reg !== 0 || second === undefined || second.code !== 0) {
        return fail("the instruction is not a plain load of a constant");
      }
      check(BigInt.asUintN(32, BigInt(insn.imm)) | (BigInt(second.imm) << 32n), 64);
      insns[index] = { ...insn, imm: low(result.value) };
      insns[index + 1] = { ...second, imm: low(result.value >> 32n) };
      return undefined;
    }
    default:
      return fail("the instruction cannot be relocated", `code 0x${insn.code.toString(16)}`);
  }
}
