// What the verifier claims of registers, held against runs of the programs it accepts: at each instruction, what the
// registers hold must be what one of the states walked there allows, in all views of a range (bits, the arc of 64 bits and
// that of 32), pointers to the stack included. Code the verifier calls dead must not be reached.

import { constRange, rangeIn, UNKNOWN, type Range } from "../../src/bpf/verifier/bounds.ts";
import { verify } from "../../src/bpf/verifier/index.ts";
import { PTR_TO_STACK, SCALAR_VALUE, type Reg } from "../../src/bpf/verifier/reg-state.ts";
import type { State } from "../../src/bpf/verifier/states.ts";
import { fromBigInt } from "../../src/bpf/verifier/u64.ts";
import { execute, frameAddress } from "./execute.ts";
import { generatePlain } from "./generate.ts";
import { Random } from "./random.ts";

const MOST_INSNS = 4000;

/** What one register may hold: a range, from an address on. */
interface RegClaim {
  readonly reg: number;
  readonly range: Range;
  readonly base: bigint;
}

/** What one state claims at one instruction. */
interface Claim {
  readonly depth: number;
  readonly regs: readonly RegClaim[];
}

function claimOf(state: State): Claim {
  const regs: RegClaim[] = [];
  state.frame.regs.forEach((reg: Reg, index) => {
    if (reg.type === SCALAR_VALUE && reg.range !== UNKNOWN) regs.push({ reg: index, range: reg.range, base: 0n });
    if (reg.type === PTR_TO_STACK) regs.push({ reg: index, range: reg.range, base: frameAddress(reg.frameno) });
  });
  return { depth: state.curframe, regs };
}

/** A run that did what the verifier ruled out. */
export interface Violation {
  readonly seed: number;
  readonly run: number;
  readonly insn: number;
  readonly regs: readonly bigint[];
  readonly what: "registers" | "dead code";
}

/** What became of one program. */
export type Outcome = "rejected" | "held" | Violation;

/** Verifies program number `seed` and runs it `runs` times. */
export function checkRanges(seed: number, runs: number): Outcome {
  const program = generatePlain(seed);
  const claims: Claim[][] = [];
  const observer = (insn: number, state: State): void => {
    (claims[insn] ??= []).push(claimOf(state));
  };
  // every path to its end: a path that ended because it is like an earlier one shows more than its states say
  const { errno } = verify(program, { logLevel: 0, everyPath: true, limits: { insns: MOST_INSNS }, observer });
  if (errno !== 0) return "rejected";
  const walked = new Set<number>();
  verify(program, { logLevel: 0, observer: (insn) => walked.add(insn) });
  const random = new Random(seed);
  const violations: Violation[] = [];
  for (let run = 0; run < runs && violations.length === 0; run++) {
    execute(program.insns, random, (insn, regs, depth) => {
      if (violations.length > 0) return;
      const values = regs.map(() => undefined as Range | undefined);
      const allows = (claim: Claim): boolean =>
        claim.depth === depth &&
        claim.regs.every(({ reg, range, base }) => {
          const value =
            base === 0n
              ? (values[reg] ??= constRange(fromBigInt(regs[reg])))
              : constRange(fromBigInt(regs[reg] - base));
          return rangeIn(range, value);
        });
      const dead = !walked.has(insn);
      if (!dead && (claims[insn] ?? []).some(allows)) return;
      violations.push({ seed, run, insn, regs: [...regs], what: dead ? "dead code" : "registers" });
    });
  }
  return violations[0] ?? "held";
}
