// How diverse generated programs are: how many are accepted, how far the others come, and which instructions, helpers, kfuncs
// and kinds of program are walked at all. What is only written but never reached proves nothing.

import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  helperName,
  OP_TABLE,
  rowOf,
  type OpRow,
} from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import { NOT_INIT, PTR_TO_MAP_VALUE, PTR_TO_STACK, SCALAR_VALUE, typeName } from "../../src/bpf/verifier/reg-state.ts";
import type { State } from "../../src/bpf/verifier/states.ts";
import { verify } from "../../src/bpf/verifier/index.ts";
import { CALL } from "./edit.ts";

const FIXED: ReadonlySet<number> = new Set([NOT_INIT, SCALAR_VALUE, PTR_TO_STACK, PTR_TO_MAP_VALUE]);
const WALKED_STEPS = [0, 1, 10, 30, 100, 300, 1000, 10_000, 100_000, 1_000_000];

export class Coverage {
  programs = 0;
  readonly outcomes: Map<string, number> = new Map();
  readonly walked: Map<string, number> = new Map();
  readonly ops: Map<string, number> = new Map();
  readonly calls: Map<string, number> = new Map();
  readonly pointers: Map<string, number> = new Map();

  /** Looks at one program; counts it once for each thing that it has. */
  add(program: ResolvedProgram): void {
    const reached = new Set<number>();
    const types = new Set<string>();
    const observer = (insn: number, state: State): void => {
      reached.add(insn);
      for (const { type } of state.frame.regs) if (!FIXED.has(type)) types.add(typeName(type));
    };
    const { errno, processed } = verify(program, { logLevel: 0, observer });
    this.programs++;
    const kind = `type ${program.type}${program.sleepable ? ", sleepable" : ""}`;
    count(this.outcomes, `${errno === 0 ? "accepted" : "rejected"}, ${kind}`);
    const step = WALKED_STEPS.findLast((least) => processed >= least);
    count(this.walked, `${errno === 0 ? "accepted" : "rejected"} after ${String(step).padStart(7)} or more`);
    const once = new Set<string>();
    const called = new Set<string>();
    for (const at of reached) {
      const insn = program.insns[at];
      const row = rowOf(insn);
      if (row !== undefined) once.add(nameOf(row));
      if (insn.code !== CALL) continue;
      if (insn.src_reg === BPF_PSEUDO_CALL) called.add("a function of its own");
      else if (insn.src_reg === BPF_PSEUDO_KFUNC_CALL) called.add(program.target.nameOf(insn.imm));
      else called.add(helperName(insn.imm) ?? `helper ${insn.imm}`);
    }
    for (const name of once) count(this.ops, name);
    for (const name of called) count(this.calls, name);
    for (const name of types) count(this.pointers, name);
  }

  toString(): string {
    const missing = OP_TABLE.filter((row) => row.refused === undefined && !this.ops.has(nameOf(row))).map(nameOf);
    return [
      `${this.programs} programs`,
      `verdicts:\n${table(this.outcomes)}`,
      `instructions walked:\n${table(this.walked)}`,
      `programs in which an instruction was walked:\n${table(this.ops)}`,
      `instructions of the table never walked: ${[...new Set(missing)].join(", ") || "none"}\n`,
      `programs in which a call was walked:\n${table(this.calls)}`,
      `programs in which a register of a type was seen:\n${table(this.pointers)}`,
    ].join("\n");
  }
}

const nameOf = (row: OpRow): string =>
  `${row.class} ${row.op}${row.source === undefined ? "" : ` ${row.source}`} ${row.width}`;

/** One more of `key`; how many there are now. */
export function count(of: Map<string, number>, key: string): number {
  const number = (of.get(key) ?? 0) + 1;
  of.set(key, number);
  return number;
}

/** Most frequent first. */
export function table(of: ReadonlyMap<string, number>): string {
  const rows = [...of].sort(([, a], [, b]) => b - a);
  return rows.map(([key, number]) => `${String(number).padStart(8)}  ${key}\n`).join("");
}
