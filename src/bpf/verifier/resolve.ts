// The checks on single instructions, before any path is walked: functions and kfuncs called, jumps inside their function,
// reserved fields, maps and symbols behind 64-bit loads (add_subprog_and_kfunc, check_subprogs and
// check_and_resolve_insns of kernel/bpf/verifier.c at v7.2).

import { BtfError } from "../btf/index.ts";
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ADDR_SPACE_CAST,
  BPF_ALU,
  BPF_ALU64,
  BPF_AND,
  BPF_ARSH,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CLASS,
  BPF_DIV,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_LSH,
  BPF_MAY_GOTO,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MODE,
  BPF_MOV,
  BPF_MUL,
  BPF_NEG,
  BPF_OP,
  BPF_OR,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_RSH,
  BPF_SIZE,
  BPF_SRC,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_X,
  BPF_XOR,
  isLdImm64,
  MAX_BPF_REG,
  rowsOf,
  type Insn,
} from "../isa/index.ts";
import {
  E2BIG,
  EBADF,
  EBUSY,
  EINVAL,
  ENOENT,
  isHelperCall,
  isKfuncCall,
  isSubprogCall,
  SubprogInfo,
  type Env,
} from "./env.ts";
import { helperNumber } from "./helpers-proto.ts";
import { checkKfuncId } from "./kfunc-meta.ts";
import { MAP_ARENA, MAP_CGROUP_STORAGE, MAP_PERCPU_CGROUP_STORAGE, MAP_STRUCT_OPS } from "./map-types.ts";
import { hasDirectValue, SLEEPABLE_MAPS, UNMODELLED_MAPS, type MapInfo } from "./maps.ts";
import { BPF_PROG_TYPE_SOCKET_FILTER } from "./prog-types.ts";
import { hasField } from "./record.ts";
import { MEM_PERCPU, MEM_RDONLY, pointer, PTR_TO_BTF_ID, PTR_TO_MEM, type Reg } from "./reg-state.ts";

const MAX_SUBPROGS = 256;
const MAX_KFUNCS = 256;
const MAX_USED_MAPS = 64;
const CGROUP_STORAGE: readonly number[] = [MAP_CGROUP_STORAGE, MAP_PERCPU_CGROUP_STORAGE];
const R11 = 11;
const ARENA_PAGE = 4096;

/** Register 11 addresses arguments on the stack. */
export function isStackArgLoad(insn: Insn): boolean {
  return insn.code === (BPF_LDX | BPF_MEM | BPF_DW) && insn.src_reg === R11 && insn.off > 0 && insn.off % 8 === 0;
}

export function isStackArgStore(insn: Insn): boolean {
  return insn.code === (BPF_STX | BPF_MEM | BPF_DW) && insn.dst_reg === R11 && insn.off < 0 && insn.off % 8 === 0;
}

export function isStackArgStoreImm(insn: Insn): boolean {
  return insn.code === (BPF_ST | BPF_MEM | BPF_DW) && insn.dst_reg === R11 && insn.off < 0 && insn.off % 8 === 0;
}

const isPseudoFunc = (insn: Insn): boolean => isLdImm64(insn) && insn.src_reg === BPF_PSEUDO_FUNC;

/** Collects the functions of the program from its calls. */
export function findSubprogs(env: Env): void {
  const starts = new Set([0]);
  const kfuncs = new Set<number>();
  const add = (start: number): void => {
    if (start >= env.insns.length || start < 0) env.reject(EINVAL, "call to invalid destination");
    if (starts.has(start)) return;
    if (starts.size >= MAX_SUBPROGS) env.reject(E2BIG, "too many subprograms");
    starts.add(start);
  };
  let exception = 0;
  try {
    env.insns.forEach((insn, i) => {
      if (isPseudoFunc(insn) || isSubprogCall(insn)) {
        add(i + insn.imm + 1);
        return;
      }
      if (!isKfuncCall(insn)) return;
      if (!env.gplCompatible) env.reject(EINVAL, "cannot call kernel function from non-GPL compatible program");
      // one of a module is another than that of the kernel with the same id
      const key = insn.imm * 0x1_0000 + insn.off;
      if (key === 0 || kfuncs.has(key)) return;
      if (kfuncs.size === MAX_KFUNCS) env.reject(E2BIG, "too many different kernel function calls");
      checkKfuncId(env, insn);
      kfuncs.add(key);
    });
    exception = exceptionCallback(env);
    if (exception > 0) add(exception);
  } finally {
    // the statistics of a refused program show those found so far
    env.subprogs = [...starts].sort((a, b) => a - b).map((start) => new SubprogInfo(start));
  }
  if (exception > 0) {
    env.exceptionCallback = env.subprogAt(exception);
    const info = env.subprogs[env.exceptionCallback];
    info.isCallback = info.isAsyncCallback = info.isExceptionCallback = true;
  }
  env.detail(() => env.subprogs.map((sub, i) => `func#${i} @${sub.start}\n`).join(""));
}

const EXCEPTION_TAG = "exception_callback:";

/** Start of the function a declaration tag names as exception callback; 0 for none. */
function exceptionCallback(env: Env): number {
  const main = env.program.subprogs[0]?.type_id ?? 0;
  if (main === 0) return 0;
  let name: string | undefined;
  for (const id of env.btf.ofKind("DECL_TAG")) {
    const tag = env.btf.type(id);
    if (tag.kind !== "DECL_TAG" || tag.type !== main || tag.component_idx !== -1 || !tag.name.startsWith(EXCEPTION_TAG))
      continue;
    if (name !== undefined) env.reject(17, "multiple exception callback tags for main subprog");
    name = tag.name.slice(EXCEPTION_TAG.length);
  }
  if (name === undefined) return 0;
  const sub = env.program.subprogs.find((candidate) => candidate.name === name);
  if (sub === undefined) {
    if (env.btf.findByName(name, "FUNC") !== undefined)
      env.reject(EINVAL, "exception callback type id not found in func_info");
    return env.reject(ENOENT, `exception callback '${name}' could not be found in BTF`);
  }
  if (!sub.global) env.reject(EINVAL, `exception callback '${name}' must have global linkage`);
  if (sub.start === 0) env.reject(EINVAL, "invalid exception callback insn_off in func_info: 0");
  return sub.start;
}

/** Distance of a jump, from imm for the long form. */
export function jumpOffset(insn: Insn): number {
  return insn.code === (BPF_JMP32 | BPF_JA) ? insn.imm : insn.off;
}

export function isIndirectJump(insn: Insn): boolean {
  return BPF_CLASS(insn.code) === BPF_JMP && BPF_OP(insn.code) === BPF_JA && BPF_SRC(insn.code) === BPF_X;
}

const TAIL_CALL = helperNumber("tail_call");

/** Jumps stay inside their function, and no function falls through its end. */
export function checkSubprogs(env: Env): void {
  env.subprogs.forEach((sub, index) => {
    const end = env.subprogEnd(index);
    for (let i = sub.start; i < end; i++) {
      const insn = env.insns[i];
      const kind = BPF_CLASS(insn.code);
      if (isHelperCall(insn) && insn.imm === TAIL_CALL) sub.hasTailCall = sub.tailCallReachable = true;
      if (kind === BPF_LD && (BPF_MODE(insn.code) === BPF_ABS || BPF_MODE(insn.code) === BPF_IND)) sub.hasLdAbs = true;
      if (kind !== BPF_JMP && kind !== BPF_JMP32) continue;
      const op = BPF_OP(insn.code);
      if (op === BPF_EXIT) sub.exitInsn = i;
      if (op === BPF_CALL || op === BPF_EXIT || isIndirectJump(insn)) continue;
      if (op === BPF_JCOND) sub.hasMayGoto = true;
      const target = i + jumpOffset(insn) + 1;
      if (target < sub.start || target >= end) env.reject(EINVAL, `jump out of range from insn ${i} to ${target}`);
    }
    const last = env.insns[end - 1];
    const leaves =
      last.code === (BPF_JMP | BPF_EXIT) ||
      last.code === (BPF_JMP32 | BPF_JA) ||
      last.code === (BPF_JMP | BPF_JA) ||
      isIndirectJump(last);
    if (!leaves) env.reject(EINVAL, "last insn is not an exit or jmp");
  });
}

const BINARY_OPS: ReadonlySet<number> = new Set([
  BPF_ADD,
  BPF_SUB,
  BPF_AND,
  BPF_OR,
  BPF_XOR,
  BPF_LSH,
  BPF_RSH,
  BPF_ARSH,
  BPF_MUL,
  BPF_DIV,
  BPF_MOD,
]);

function aluFault(insn: Insn): string | undefined {
  const op = BPF_OP(insn.code);
  const wide = BPF_CLASS(insn.code) === BPF_ALU64;
  const register = BPF_SRC(insn.code) === BPF_X;
  if (op === BPF_NEG) {
    return register || insn.src_reg || insn.off || insn.imm ? "BPF_NEG uses reserved fields" : undefined;
  }
  if (op === BPF_END) {
    const width = insn.imm === 16 || insn.imm === 32 || insn.imm === 64;
    return insn.src_reg || insn.off || !width || (wide && register) ? "BPF_END uses reserved fields" : undefined;
  }
  if (op === BPF_MOV) {
    if (!register) return insn.src_reg || insn.off ? "BPF_MOV uses reserved fields" : undefined;
    if (wide && insn.off === BPF_ADDR_SPACE_CAST) {
      return insn.imm === 1 || insn.imm === 1 << 16
        ? undefined
        : "addr_space_cast insn can only convert between address space 1 and 0";
    }
    const widths = wide ? [0, 8, 16, 32] : [0, 8, 16];
    return !widths.includes(insn.off) || insn.imm ? "BPF_MOV uses reserved fields" : undefined;
  }
  if (!BINARY_OPS.has(op)) return `invalid BPF_ALU opcode ${op.toString(16)}`;
  const signed = op === BPF_DIV || op === BPF_MOD;
  const offset = insn.off === 0 || (insn.off === 1 && signed);
  return !offset || (register ? insn.imm !== 0 : insn.src_reg !== 0) ? "BPF_ALU uses reserved fields" : undefined;
}

function jumpFault(insn: Insn): string | undefined {
  const register = BPF_SRC(insn.code) === BPF_X;
  const narrow = BPF_CLASS(insn.code) === BPF_JMP32;
  switch (BPF_OP(insn.code)) {
    case BPF_CALL: {
      const kfunc = insn.src_reg === BPF_PSEUDO_KFUNC_CALL;
      const kind = insn.src_reg === 0 || insn.src_reg === BPF_PSEUDO_CALL || kfunc;
      return register || (!kfunc && insn.off) || !kind || insn.dst_reg || narrow
        ? "BPF_CALL uses reserved fields"
        : undefined;
    }
    case BPF_JA:
      if (register) return insn.src_reg || insn.imm || insn.off ? "BPF_JA|BPF_X uses reserved fields" : undefined;
      return insn.src_reg || insn.dst_reg || (narrow ? insn.off : insn.imm) ? "BPF_JA uses reserved fields" : undefined;
    case BPF_EXIT:
      return register || insn.imm || insn.src_reg || insn.dst_reg || narrow
        ? "BPF_EXIT uses reserved fields"
        : undefined;
    case BPF_JCOND:
      return insn.code !== (BPF_JMP | BPF_JCOND) || insn.src_reg !== BPF_MAY_GOTO || insn.dst_reg || insn.imm
        ? `invalid may_goto imm ${insn.imm}`
        : undefined;
    default:
      return (register ? insn.imm : insn.src_reg) ? "BPF_JMP/JMP32 uses reserved fields" : undefined;
  }
}

/** Whether Linux knows the opcode; a call of the address in a register it does not. */
const isKnownOpcode = (code: number): boolean => rowsOf(code).some((row) => row.op !== "callx");

/** What a field holds that must be zero or is out of range, in the kernel's words. */
function fieldFault(insn: Insn): string | undefined {
  const mode = BPF_MODE(insn.code);
  switch (BPF_CLASS(insn.code)) {
    case BPF_ALU:
    case BPF_ALU64:
      return aluFault(insn);
    case BPF_LDX:
      return (mode !== BPF_MEM && mode !== BPF_MEMSX) || insn.imm ? "BPF_LDX uses reserved fields" : undefined;
    case BPF_STX:
      if (mode === BPF_ATOMIC) return undefined;
      return mode !== BPF_MEM || insn.imm ? "BPF_STX uses reserved fields" : undefined;
    case BPF_ST:
      return mode !== BPF_MEM || insn.src_reg ? "BPF_ST uses reserved fields" : undefined;
    case BPF_LD:
      if (mode !== BPF_ABS && mode !== BPF_IND) return mode === BPF_IMM ? undefined : "invalid BPF_LD mode";
      return insn.dst_reg || insn.off || BPF_SIZE(insn.code) === BPF_DW || (mode === BPF_ABS && insn.src_reg)
        ? "BPF_LD_[ABS|IND] uses reserved fields"
        : undefined;
    default:
      return jumpFault(insn);
  }
}

/** Checks every instruction's fields and finds the maps and symbols they name. */
export function resolveInsns(env: Env): void {
  for (let i = 0; i < env.insns.length; i++) {
    const insn = env.insns[i];
    const stackArg = isStackArgStore(insn) || isStackArgStoreImm(insn);
    if (insn.dst_reg >= MAX_BPF_REG && !stackArg) env.reject(EINVAL, `R${insn.dst_reg} is invalid`);
    if (insn.src_reg >= MAX_BPF_REG && !isStackArgLoad(insn)) env.reject(EINVAL, `R${insn.src_reg} is invalid`);
    if (isLdImm64(insn)) {
      resolveImm64(env, i);
      i++;
      continue;
    }
    if (!isKnownOpcode(insn.code)) env.reject(EINVAL, `unknown opcode ${insn.code.toString(16).padStart(2, "0")}`);
    const fault = fieldFault(insn);
    if (fault !== undefined) env.reject(EINVAL, fault);
  }
}

function resolveImm64(env: Env, at: number): void {
  const insn = env.insns[at];
  const next = env.insns[at + 1];
  if (next === undefined || next.code || next.dst_reg || next.src_reg || next.off) {
    env.reject(EINVAL, "invalid bpf_ld_imm64 insn");
  }
  if (insn.off) env.reject(EINVAL, "BPF_LD_IMM64 uses reserved fields");
  switch (insn.src_reg) {
    case 0:
    case BPF_PSEUDO_FUNC:
      return;
    case BPF_PSEUDO_BTF_ID:
      env.aux.symbols.set(at, kernelSymbol(env, insn.imm));
      return;
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      break;
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      if (next.imm === 0) break;
      return env.reject(EINVAL, "unrecognized bpf_ld_imm64 insn");
    default:
      return env.reject(EINVAL, "unrecognized bpf_ld_imm64 insn");
  }
  const byIndex = insn.src_reg === BPF_PSEUDO_MAP_IDX || insn.src_reg === BPF_PSEUDO_MAP_IDX_VALUE;
  const map = byIndex ? env.map(insn.imm) : undefined;
  // A number written down for a file descriptor means another file to each process: here stdin, stdout and stderr, then none.
  const errno = !byIndex && insn.imm >= 0 && insn.imm <= 2 ? EINVAL : EBADF;
  if (map === undefined) return env.reject(errno, `fd ${insn.imm} is not pointing to valid bpf_map`);
  if (!env.usedMaps.includes(map)) useMap(env, map);
  if (insn.src_reg === BPF_PSEUDO_MAP_IDX) {
    env.aux.maps.set(at, { map, offset: 0 });
    return;
  }
  if (!hasDirectValue(map)) env.reject(EINVAL, "no direct value access support for this map type");
  const offset = next.imm >>> 0;
  const bytes = map.map_type === MAP_ARENA ? map.max_entries * ARENA_PAGE + 1 : map.value_size;
  if (offset >= bytes) {
    env.reject(EINVAL, `invalid access to map value pointer, value_size=${map.value_size} off=${offset}`);
  }
  env.aux.maps.set(at, { map, offset });
}

/** Whether this program may use the map at all (check_map_prog_compatibility). */
function useMap(env: Env, map: MapInfo): void {
  if (env.usedMaps.length >= MAX_USED_MAPS) {
    env.reject(E2BIG, `The total number of maps per program has reached the limit of ${MAX_USED_MAPS}`);
  }
  if (hasField(map.fields, "bpf_list_head", "bpf_rb_root") && env.type.tracing) {
    env.reject(EINVAL, "tracing progs cannot use bpf_{list_head,rb_root} yet");
  }
  if (hasField(map.fields, "bpf_spin_lock", "bpf_res_spin_lock")) {
    if (env.type.type === BPF_PROG_TYPE_SOCKET_FILTER)
      env.reject(EINVAL, "socket filter progs cannot use bpf_spin_lock yet");
    if (env.type.tracing) env.reject(EINVAL, "tracing progs cannot use bpf_spin_lock yet");
  }
  if (map.map_type === MAP_STRUCT_OPS) env.reject(EINVAL, "bpf_struct_ops map cannot be used in prog");
  if (env.program.sleepable && !SLEEPABLE_MAPS.has(map.map_type)) {
    env.reject(EINVAL, "Sleepable programs can only use array, hash, ringbuf and local storage maps");
  }
  if (map.map_type === MAP_ARENA) {
    if (env.arena !== undefined) env.reject(EBUSY, "Only one arena per program");
    env.arena = map;
  }
  if (CGROUP_STORAGE.includes(map.map_type) && env.usedMaps.some(({ map_type }) => map_type === map.map_type)) {
    env.reject(EBUSY, "only one cgroup storage of each type is allowed");
  }
  if (UNMODELLED_MAPS.has(map.map_type)) env.notModelled(`map type ${map.map_type}`);
  env.usedMaps.push(map);
}

/** What a load of a kernel symbol's address yields. */
function kernelSymbol(env: Env, id: number): Reg {
  const btf = env.target;
  if (id <= 0 || id >= btf.nrTypes) return env.reject(ENOENT, `ldimm64 insn specifies invalid btf_id ${id}.`);
  const type = btf.type(id);
  if (type.kind === "FUNC") return pointer(PTR_TO_MEM | MEM_RDONLY);
  if (type.kind !== "VAR") return env.reject(EINVAL, `pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  const percpuSection = btf.findByName(".data..percpu", "DATASEC");
  const section = percpuSection === undefined ? undefined : btf.type(percpuSection);
  const percpu = section?.kind === "DATASEC" && section.vars.some((entry) => entry.type === id);
  const behind = btf.resolved(type.type);
  if (percpu || behind.kind === "STRUCT" || behind.kind === "UNION") {
    const reg = pointer(PTR_TO_BTF_ID | (percpu ? MEM_PERCPU : 0));
    reg.btf = btf;
    reg.num = type.type;
    return reg;
  }
  const reg = pointer(PTR_TO_MEM | MEM_RDONLY);
  try {
    reg.num = btf.sizeOf(type.type);
  } catch (error) {
    if (!(error instanceof BtfError)) throw error;
    env.reject(EINVAL, `ldimm64 unable to resolve the size of type '${behind.name}': -22`);
  }
  return reg;
}
