// Why an older Linux and 7.2 give some programs different verdicts. Each row is one change between 6.18 and 7.2, with what
// takes it back: a program of which both must say the same again. A row explains a difference only when that holds, reason
// and all, so that a fault of ours cannot hide behind a change that merely occurs in the same program.

import { BPF_PSEUDO_CALL, type Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import { CPUMASK_KFUNCS, GENERIC_KFUNCS } from "../../src/bpf/verifier/kfuncs.ts";
import type { Verdict } from "../../src/bpf/verifier/index.ts";
import * as I from "./code.ts";
import type { Answer } from "./compare.ts";
import { CALL, isJump, LD_IMM64, NOP, rewritten } from "./edit.ts";
import { BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_PROG_TYPE_SYSCALL, MAP } from "./world.ts";

/** The two who judge. */
export interface Judges {
  readonly ours: (program: ResolvedProgram, logLevel?: number) => Verdict;
  /** The older kernel, and its log of level 1. */
  readonly theirs: (program: ResolvedProgram) => Answer;
  readonly log: (program: ResolvedProgram) => string;
}

type Program = ResolvedProgram;

/** 7.2 knows more: of `unlearn(program)` ours must say what the older kernel says of the program itself. */
interface Learnt {
  readonly why: string;
  /** The older kernel never knew: all instructions at once. */
  readonly together: boolean;
  readonly concerns: (insn: Insn) => boolean;
  /** `free` is a register that may be lost. */
  readonly unlearn: (insn: Insn, free: number) => readonly (Insn | { readonly likewise: Insn })[];
}

/** One of the two refuses what the other does not: both are asked of the program without it. */
interface Mended {
  readonly why: string;
  readonly mend: (program: Program, ours: Verdict, theirs: Answer, judges: Judges) => Program | undefined;
}

/** The older kernel's reason is gone, or 7.2's is new. */
interface Gone {
  readonly why: string;
  readonly holds: (program: Program, theirs: Answer, judges: Judges, ours: Verdict) => boolean;
}

const BPF_DIV = 0x30;
const BPF_MOD = 0x90;
const ADD64_K = 0x07;
const ADD32_K = 0x04;
/** Registers that generated programs keep nothing in for long, the least used first. */
const SCRATCH = [5, 4, 3, 2, 1];

const isAlu = ({ code }: Insn): boolean => [4, 7].includes(code & 7);
const divides = (insn: Insn): boolean => isAlu(insn) && [BPF_DIV, BPF_MOD].includes(insn.code & 0xf0);
const comparesItself = (insn: Insn): boolean =>
  isJump(insn) && (insn.code & 8) !== 0 && insn.code !== 0xe5 && insn.dst_reg === insn.src_reg;
const unknown = (reg: number): readonly Insn[] => [...I.loadMapValue(reg, MAP.data, 0), I.load(I.DW, reg, reg, 0)];

const LEARNT: readonly Learnt[] = [
  {
    why: "7.2 knows the range of a quotient and a remainder by a constant; before, both were unknown",
    together: true,
    concerns: divides,
    // of 32 bits too: before, nothing was known of the upper half either
    unlearn: (insn) => [insn, ...unknown(insn.dst_reg)],
  },
  {
    why: "7.2 knows how a register compares with itself; before, both ways were walked",
    together: false,
    concerns: comparesItself,
    unlearn: (insn, free) => [...unknown(free), { likewise: { ...insn, src_reg: free } }],
  },
];

const RESERVED =
  /uses reserved fields$|^R\d+ is invalid$|^unknown opcode|^invalid (BPF_LD mode|may_goto imm)|^addr_space_cast insn can only/;
const CTX_ACCESS = /^invalid bpf_context access off=(-?\d+) size=(\d+)$/;
const CTX_AS_MEMORY = /^R\d type=ctx expected=.*trusted_ptr_$/;
const STACK_ARGUMENT = /^R11 is invalid$/;
const OFFSET = /^(fp|map_value|mem|ringbuf_mem|map_key) pointer offset -?\d+ is not allowed$/;
const UNBOUNDED = /^R(\d) unbounded memory access, make sure to bounds check any such access$/;

function withInsn(program: Program, at: number, insn: Insn): Program {
  const insns = program.insns.with(at, insn);
  return { ...program, insns: program.insns[at].code === LD_IMM64 ? insns.with(at + 1, NOP) : insns };
}

const MENDED: readonly Mended[] = [
  {
    why: "7.2 looks at the fields of all instructions; before, only at those of instructions walked",
    mend: (program, ours, theirs, judges) => {
      if (!RESERVED.test(ours.error) || ours.error === theirs.error) return undefined;
      const heals = (_: Insn, at: number): boolean => judges.ours(withInsn(program, at, NOP)).error !== ours.error;
      const at = program.insns.findIndex(heals);
      return at < 0 ? undefined : withInsn(program, at, NOP);
    },
  },
  {
    why: "7.2 lets a syscall program access its context at any alignment",
    mend: (program, _, theirs, judges) => {
      const [, off, size] = CTX_ACCESS.exec(theirs.error) ?? [];
      if (off === undefined || program.type !== BPF_PROG_TYPE_SYSCALL || Number(off) % Number(size) === 0)
        return undefined;
      const at = stoppedAt(judges.log(program));
      const insn = program.insns[at];
      return withInsn(program, at, { ...insn, off: insn.off - (Number(off) % Number(size)) });
    },
  },
  {
    why: "7.2 keeps the distance between linked registers apart from a pointer's offset; before, it was added to pointers",
    mend: (program, _, theirs) => {
      if (!OFFSET.test(theirs.error)) return undefined;
      const links = ({ code }: Insn): boolean => code === ADD64_K || code === ADD32_K;
      const zero = (insn: Insn): Insn => ({ ...insn, imm: 0 });
      const mended = rewritten(program, (insn) => (links(insn) && insn.imm !== 0 ? [insn, zero(insn)] : [insn]));
      return mended.insns.length === program.insns.length ? undefined : mended;
    },
  },
];

const refersTo = (program: Program, maps: readonly number[]): boolean =>
  program.insns.some(({ code, src_reg, imm }) => code === LD_IMM64 && [5, 6].includes(src_reg) && maps.includes(imm));

const KFUNC = /^calling kernel function (\w+) is not allowed$/;
const TRACING_KFUNCS: ReadonlySet<string> = new Set([...GENERIC_KFUNCS, ...CPUMASK_KFUNCS].map(({ name }) => name));

/** The instruction at which a refused program's log ends. */
const stoppedAt = (log: string): number =>
  Number(
    log
      .split("\n")
      .findLast((line) => /^\d+: \(/.test(line))
      ?.split(":")[0] ?? -1,
  );

/** By the size bits of an opcode. */
const BYTES = [4, 2, 1, 8] as const;

/**
 * Whether the older kernel itself says that the access it calls unbounded is not: what it printed of the pointer's offset and of
 * the signed bounds of its variable part are together within the memory.
 */
function bounded(program: Program, { error }: Answer, judges: Judges): boolean {
  const [, reg] = UNBOUNDED.exec(error) ?? [];
  if (reg === undefined) return false;
  const log = judges.log(program);
  const pointer = lastShown(log, reg);
  const fact = (name: string): number =>
    Number(new RegExp(`[,(]${name}=(?:\\w+=)*(-?\\w+)`).exec(pointer)?.[1] ?? Number.NaN);
  const { off, code } = program.insns[stoppedAt(log)];
  const start = off + (pointer.includes(",off=") ? fact("off") : 0);
  const most = start + fact("smax") + BYTES[(code >> 3) & 3];
  return start + fact("smin") >= 0 && most <= (pointer.includes("vs=") ? fact("vs") : fact("sz"));
}

/** What a log last says of a register. */
const lastShown = (log: string, reg: string): string =>
  log.slice(log.lastIndexOf(`R${reg}=`)).split(/[ \n](?=R\d|processed)/, 1)[0];

/** Whether 7.2 calls an access unbounded because the pointer's offset, a constant, is below zero, as large as a number gets. */
function belowZero(program: Program, { error }: Verdict, judges: Judges): boolean {
  const [, reg] = UNBOUNDED.exec(error) ?? [];
  return reg !== undefined && /[,(]imm=-\d/.test(lastShown(judges.ours(program, 1).log, reg));
}

const GONE: readonly Gone[] = [
  {
    why: "7.2 lets tracing programs use timers",
    holds: (_, { error }) => error === "tracing progs cannot use bpf_timer yet",
  },
  {
    why: "7.2 looks at a call of a global function that may throw as if it threw",
    holds: ({ insns }, _, __, { error, insn }) =>
      error.startsWith("bpf_throw ") && insns[insn]?.code === CALL && insns[insn].src_reg === BPF_PSEUDO_CALL,
  },
  {
    why: "7.2 has a pointer's constant offset within its range; before, it was apart",
    holds: (program, theirs, judges, ours) => bounded(program, theirs, judges) || belowZero(program, ours, judges),
  },
  {
    why: "7.2 lets raw tracepoint programs call the kfuncs of tracing programs",
    holds: ({ type }, { error }) =>
      type === BPF_PROG_TYPE_RAW_TRACEPOINT && TRACING_KFUNCS.has(KFUNC.exec(error)?.[1] ?? ""),
  },
  {
    why: "7.2 lets a program hand its context to helpers as memory",
    holds: (_, { error }) => CTX_AS_MEMORY.test(error),
  },
  {
    why: "7.2 passes arguments on the stack, by r11",
    holds: (_, { error }) => STACK_ARGUMENT.test(error),
  },
  {
    why: "7.2 counts RCU sections; before, they could not be nested",
    holds: (_, { error }) => error === "nested rcu read lock (kernel function bpf_rcu_read_lock)",
  },
  {
    why: "7.2 lets sleepable programs use program arrays, queues and stacks",
    holds: (program, { error }) =>
      program.sleepable &&
      error.startsWith("Sleepable programs can only use ") &&
      refersTo(program, [MAP.progs, MAP.queue]),
  },
];

/** What 7.2 says in other words, ours first. */
const REWORDED: readonly (readonly [here: RegExp, before: RegExp])[] = [
  [/^Expected an initialized dynptr as R/, /unacquired reference$/],
  [/^Expected a dynptr of type ringbuf as R/, /unacquired reference$/],
  [/^R\d type=\w+ expected=scalar$/, /^verifier bug: backtracking misuse$/],
  [/^R\d (expected pointer to an iterator|doesn't point to an irq flag) on stack$/, /^negative offset ctx ptr/],
  // the greatest value of what was unbounded
  [/ m(ax|in) value is (outside|negative, either use unsigned index)/, UNBOUNDED],
  // an arc around zero has no least value
  [
    /^math between \w+ pointer and register with unbounded min value/,
    /^value -9\d{18} makes \w+ pointer be out of bounds$/,
  ],
  [/ and R\d memory, len pair/, / arg#\d memory, len pair/],
  [/^invalid kernel function btf_id /, /^kernel btf_id \d+ is not a function$/],
  [/^sleepable helper .* in non-sleepable prog$/, /^helper call might sleep in a non-sleepable prog$/],
  // what an argument must be comes before whether it is
  [
    /^release kfunc \w+ expects referenced PTR_TO_BTF_ID/,
    / type=\w+ expected=fp$| must point to scalar, or struct with|^variable \? access|expects refcounted PTR_TO_BTF_ID$|^invalid read from stack |must be referenced or trusted$/,
  ],
  [/^sleepable global function /, /^a non-sleepable BPF program context$/],
  // such a loop is noticed sooner
  [/^infinite loop detected/, /^The sequence of \d+ jumps is too complex|^BPF program is too large/],
  [/^expected uninitialized (iter_|irq flag)/, /^invalid write to stack /],
  // offsets and bounds of pointers in other words
  [/^\w+ pointer offset -?\d+ is not allowed$/, /^value -?\d+ makes \w+ pointer be out of bounds$/],
  [/^At callback return the register R0 has /, /^At callback return the register R0 has /],
  // what a kfunc returns is trusted
  [/^math between trusted_ptr_ pointer/, /^math between ptr_ pointer/],
  [/invalid mem access 'trusted_ptr_or_null_'$/, /invalid mem access 'ptr_or_null_'$/],
  [/^negative offset ctx ptr/, CTX_AS_MEMORY],
  [/^(stack arg|invalid (read|write) .*stack arg)/, STACK_ARGUMENT],
  [/ expected=.*, ctx$/, / expected=.*trusted_ptr_$/],
  // a context with an offset, and a constant one, are checked as any memory is
  [
    / min value is (outside of the allowed memory range|negative, either use unsigned index)/,
    /^invalid bpf_context access off=-/,
  ],
  [/ min value is negative, either use unsigned index/, / min value is outside of the allowed memory range/],
];

/** A reason without the numbers in it. 7.2 adds a register's offsets up where 6.18 lists them. */
export const reasonOf = (text: string): string =>
  text.replaceAll(/\b0x[0-9a-f]+|-?\b\d+\b/g, "N").replaceAll(/(\+N)+/g, "+N");

/** 7.2 names an argument by its register. */
const named = (text: string): string => text.replaceAll(/\b(R\d+|arg ?#?N?\d*)(?!\w)/g, "R");

/** Both refuse for the same reason, or neither refuses. */
export function agree(ours: Verdict, theirs: Answer): boolean {
  if (ours.errno === 0 || theirs.errno === 0) return ours.errno === theirs.errno;
  if (named(reasonOf(ours.error)) === named(reasonOf(theirs.error))) return true;
  return REWORDED.some(([here, before]) => here.test(ours.error) && before.test(theirs.error));
}

/** One change at one instruction. */
type Unit = readonly [row: Learnt, at: number];
/** More are not taken back in all combinations. */
const MOST_UNITS = 5;

/**
 * Takes back changes alone and together: all quotients at once, but comparisons one by one, for the older kernel does know how
 * constants compare.
 */
function combinations(program: Program): readonly (readonly Unit[])[] {
  const all = LEARNT.flatMap((row) =>
    program.insns.flatMap((insn, at): Unit[] => (row.concerns(insn) ? [[row, at]] : [])),
  );
  const quotients = all.filter(([row]) => row.together);
  const others = all.filter(([row]) => !row.together);
  const groups = [...(quotients.length > 0 ? [quotients] : []), ...others.map((unit) => [unit])];
  if (groups.length > MOST_UNITS) return [...groups, all, others];
  const sets = Array.from({ length: 2 ** groups.length - 1 }, (_, set) =>
    groups.filter((_, i) => ((set + 1) >> i) & 1),
  );
  return sets.map((set) => set.flat());
}

function unlearnt(program: Program, theirs: Answer, judges: Judges): readonly string[] | undefined {
  for (const taken of combinations(program)) {
    for (const free of taken.every(([{ together }]) => together) ? [0] : SCRATCH) {
      const before = rewritten(
        program,
        (insn, i) => taken.find(([, at]) => at === i)?.[0].unlearn(insn, free) ?? [insn],
      );
      if (agree(judges.ours(before), theirs)) return [...new Set(taken.map(([{ why }]) => why))];
    }
  }
  return undefined;
}

const MOST_MENDS = 12;

/** What changed so that 7.2 judges `program` otherwise than the older kernel, or undefined when nothing known did. */
export function changedSince(program: Program, ours: Verdict, theirs: Answer, judges: Judges): string | undefined {
  const whys = new Set<string>();
  const said = (more: readonly string[]): string => [...whys, ...more].join("; ");
  let current = { program, ours, theirs };
  for (let mends = 0; mends < MOST_MENDS; mends++) {
    if (agree(current.ours, current.theirs)) return said([]);
    const gone = GONE.find(({ holds }) => holds(current.program, current.theirs, judges, current.ours));
    if (gone !== undefined) return said([gone.why]);
    const without = unlearnt(current.program, current.theirs, judges);
    if (without !== undefined) return said(without);
    let next: Program | undefined;
    for (const { why, mend } of MENDED) {
      next = mend(current.program, current.ours, current.theirs, judges);
      if (next === undefined) continue;
      whys.add(why);
      break;
    }
    if (next === undefined) return undefined;
    current = { program: next, ours: judges.ours(next), theirs: judges.theirs(next) };
  }
  return undefined;
}
