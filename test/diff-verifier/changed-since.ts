// Why an older Linux and 7.2 give some programs different verdicts: one row for each reason one of them has and the other
// has not. A difference that fits no row is a fault of ours. Each row was seen on 6.18, and programs like it were asked of
// 7.2.13, which judged as we do.

import type { Insn } from "../../src/bpf/isa/index.ts";

/** Whose reason it is: that of the older kernel, or ours (7.2's). */
type Side = "older" | "7.2";

interface Change {
  readonly side: Side;
  readonly reason: RegExp;
  /** What such a program contains. */
  readonly contains?: (insn: Insn) => boolean;
  readonly why: string;
}

const BPF_DIV = 0x30;
const BPF_MOD = 0x90;
const divides = ({ code }: Insn): boolean => [4, 7].includes(code & 7) && [BPF_DIV, BPF_MOD].includes(code & 0xf0);

const comparesItself = ({ code, dst_reg, src_reg }: Insn): boolean =>
  [5, 6].includes(code & 7) && (code & 8) !== 0 && dst_reg === src_reg;

const OUT_OF_RANGE =
  /(min|max) value is|unbounded|outside of the allowed|out of bounds|beyond|invalid (variable-offset|access|read|write|zero-sized)|expected pointer|makes .* pointer/;

const CHANGES: readonly Change[] = [
  {
    side: "older",
    reason: OUT_OF_RANGE,
    contains: divides,
    why: "7.2 knows the range of a quotient and a remainder by a constant; before, both were unknown",
  },
  {
    side: "older",
    reason: /./,
    contains: comparesItself,
    why: "7.2 knows how a register compares with itself; before, both ways were walked",
  },
  {
    side: "older",
    reason: /^nested rcu read lock/,
    why: "7.2 counts RCU sections; before, they could not be nested",
  },
  {
    side: "older",
    reason: /^Sleepable programs can only use/,
    why: "7.2 lets sleepable programs use program arrays, queues and stacks",
  },
  {
    side: "older",
    reason: /^invalid bpf_context access|^dereference of modified ctx|^variable ctx access/,
    why: "7.2 lets a syscall program read its context at any offset",
  },
  {
    side: "7.2",
    reason: /uses reserved fields$|^R\d+ is invalid$|^unknown opcode|^invalid BPF_LD mode/,
    why: "7.2 looks at the fields of all instructions; before, only at those of instructions walked",
  },
];

/** Why 7.2 judges `insns` otherwise than an older kernel, or undefined when it should not. */
export function changedSince(side: Side, reason: string, insns: readonly Insn[]): string | undefined {
  const found = CHANGES.find(
    (change) =>
      change.side === side &&
      change.reason.test(reason) &&
      (change.contains === undefined || insns.some(change.contains)),
  );
  return found?.why;
}
