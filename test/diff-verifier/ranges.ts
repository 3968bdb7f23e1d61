// What the verifier claims, held against runs of the programs it accepts on the project's interpreter: at each instruction, what
// the registers hold must be what one of the states walked there allows, in all views of a range (bits, the arc of 64 bits and
// that of 32), pointers to the stack, to map values and to the context included. Code the verifier calls dead must not be
// reached, and no access may be outside the memory a program is given.

import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import { constRange, rangeIn, UNKNOWN, type Range } from "../../src/bpf/verifier/bounds.ts";
import { verify } from "../../src/bpf/verifier/index.ts";
import {
  mayBeNull,
  PTR_TO_CTX,
  PTR_TO_MAP_VALUE,
  PTR_TO_STACK,
  SCALAR_VALUE,
  type Reg,
} from "../../src/bpf/verifier/reg-state.ts";
import type { State } from "../../src/bpf/verifier/states.ts";
import { fromBigInt } from "../../src/bpf/verifier/u64.ts";
import { VmError, type FaultKind, type MapImage } from "../../src/bpf/vm/index.ts";
import { Random } from "./random.ts";
import { WatchedRun } from "./watch.ts";

/** Programs that take longer to walk are left out: every path is walked, and everything claimed on it kept. */
const MOST_INSNS = 4000;
const FRAME_BYTES = 512n;

/** What one register may hold: a range, from where on. */
interface RegClaim {
  readonly reg: number;
  readonly range: Range;
  /** The main function's frame is 0. A map by its place among the program's. */
  readonly base: "zero" | "ctx" | { readonly frame: number } | { readonly map: number };
}

/** What one state claims at one instruction. */
interface Claim {
  readonly depth: number;
  /** Global functions are verified on their own, and called from any depth. */
  readonly global: boolean;
  readonly regs: readonly RegClaim[];
}

function regClaim(program: ResolvedProgram, reg: number, { type, range, frameno, map }: Reg): RegClaim | undefined {
  if (type === SCALAR_VALUE) return range === UNKNOWN ? undefined : { reg, range, base: "zero" };
  if (type === PTR_TO_STACK) return { reg, range, base: { frame: frameno } };
  if (type === PTR_TO_CTX) return { reg, range, base: "ctx" };
  if (type !== PTR_TO_MAP_VALUE || mayBeNull(type)) return undefined;
  const index = program.maps.findIndex(({ name }) => name === map?.name);
  return index < 0 ? undefined : { reg, range, base: { map: index } };
}

function claimOf(program: ResolvedProgram, state: State): Claim {
  const regs = state.frame.regs.map((reg: Reg, index) => regClaim(program, index, reg));
  return {
    depth: state.curframe,
    global: state.frames[0].subprogno !== 0,
    regs: regs.filter((claim) => claim !== undefined),
  };
}

/** A run that did what the verifier ruled out. */
export interface Violation {
  readonly seed: number;
  readonly run: number;
  readonly insn: number;
  readonly regs: readonly bigint[];
  readonly what: "registers" | "dead code" | FaultKind;
  readonly detail?: string;
}

/** What became of one program. `unclaimed`: it has no end of paths, so that runs can only be held against its memory. */
export type Outcome = "rejected" | "held" | "unclaimed" | "not run" | Violation;

/** Faults that an accepted program must not come to. */
const RULED_OUT: ReadonlySet<FaultKind> = new Set(["memory", "code", "call-depth"]);

/** What is claimed at each instruction, or undefined when not every path has an end. */
function claimsOf(program: ResolvedProgram): readonly (readonly Claim[])[] | undefined {
  const claims: Claim[][] = [];
  const observer = (insn: number, state: State): void => {
    (claims[insn] ??= []).push(claimOf(program, state));
  };
  // every path to its end: a path that ended because it is like an earlier one shows more than its states say
  const { errno } = verify(program, { logLevel: 0, everyPath: true, limits: { insns: MOST_INSNS }, observer });
  return errno === 0 ? claims : undefined;
}

/** Where a register's claim counts from: several places for an element of a map. */
function bases({ base }: RegClaim, claim: Claim, regs: readonly bigint[], run: WatchedRun): readonly bigint[] {
  if (base === "zero") return [0n];
  if (base === "ctx") return [BigInt(run.ctx)];
  if ("frame" in base) return [regs[10] + FRAME_BYTES * BigInt(claim.depth - base.frame)];
  return elements(run.maps[base.map]);
}

function elements({ values, stride, max_entries }: MapImage): readonly bigint[] {
  return Array.from({ length: max_entries }, (_, i) => BigInt(values + i * stride));
}

function allows(claim: Claim, regs: readonly bigint[], run: WatchedRun, values: (Range | undefined)[]): boolean {
  const depth = (run.stackEnd - Number(regs[10])) / Number(FRAME_BYTES);
  if (!claim.global && claim.depth !== depth) return false;
  return claim.regs.every((one) => {
    const { reg, range } = one;
    if (one.base === "zero") return rangeIn(range, (values[reg] ??= constRange(fromBigInt(regs[reg]))));
    return bases(one, claim, regs, run).some((base) =>
      rangeIn(range, constRange(fromBigInt(BigInt.asUintN(64, regs[reg] - base)))),
    );
  });
}

/** Verifies `program` and runs it `runs` times. */
export function checkRanges(program: ResolvedProgram, seed: number, runs: number): Outcome {
  const walked = new Set<number>();
  const { errno } = verify(program, {
    logLevel: 0,
    limits: { insns: 5 * MOST_INSNS },
    observer: (insn) => walked.add(insn),
  });
  if (errno !== 0) return "rejected";
  const claims = claimsOf(program);
  const random = new Random(seed);
  let machine: WatchedRun;
  try {
    machine = new WatchedRun(program, random);
  } catch (error) {
    if (error instanceof VmError) return "not run";
    throw error;
  }
  let violation: Violation | undefined;
  for (let run = 0; run < runs && violation === undefined; run++) {
    let last = { insn: 0, regs: [] as readonly bigint[] };
    const { fault, detail } = machine.run((insn, regs) => {
      last = { insn, regs };
      if (violation !== undefined) return;
      const values: (Range | undefined)[] = [];
      const dead = !walked.has(insn);
      if (!dead && (claims === undefined || (claims[insn] ?? []).some((claim) => allows(claim, regs, machine, values))))
        return;
      violation = { seed, run, insn, regs, what: dead ? "dead code" : "registers" };
    });
    if (fault !== undefined && RULED_OUT.has(fault))
      violation ??= { seed, run, ...last, what: fault, ...(detail !== undefined && { detail }) };
  }
  return violation ?? (claims === undefined ? "unclaimed" : "held");
}
