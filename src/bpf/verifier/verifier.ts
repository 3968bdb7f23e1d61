// The verifier's front: the passes in the kernel's order (bpf_check of kernel/bpf/verifier.c at v7.2), and the verdict. The
// program is taken as a fully privileged loader would load it (CAP_BPF and CAP_PERFMON, x86-64, JIT).

import { BtfError } from "../btf/index.ts";
import type { ResolvedProgram } from "../object/index.ts";
import type { VerifierOps } from "../struct-ops.ts";
import { asLoaded, checkBeforeLoad } from "./before-load.ts";
import { checkCfg, computePostorder, computeScc, sortSubprogs } from "./cfg.ts";
import { checkFuncInfo } from "./check-btf.ts";
import { computeConstRegs, pruneDeadBranches } from "./const-fold.ts";
import { diagnose } from "./diagnostics.ts";
import { E2BIG, EFAULT, EINVAL, Env, KERNEL_LIMITS, lineOf, type Limits, type Observer } from "./env.ts";
import { Rejection, VerifierError } from "./errors.ts";
import { markFastcallPatterns, removeFastcallSpills } from "./fastcall.ts";
import { computeLiveRegisters } from "./liveness.ts";
import { LOG_STATS } from "./log.ts";
import { BPF_PROG_TYPE_STRUCT_OPS, programType, STRUCT_OPS_KFUNCS, type ProgramType } from "./prog-types.ts";
import { checkSubprogs, findSubprogs, resolveInsns } from "./resolve.ts";
import { checkRewritten } from "./rewritten.ts";
import { addRewrites, checkMaxStackDepth, stackDepthText } from "./stack-depth.ts";
import { computeStackLiveness } from "./stack-liveness.ts";
import type { Verdict } from "./verdict.ts";
import { walkProgram } from "./walk.ts";

/** How a program is verified. */
export interface VerifyOptions {
  /** The type's descriptor; without one, that of the program's BPF_PROG_TYPE_*, if it is known here. */
  readonly type?: ProgramType;
  /** For struct_ops without a descriptor: its callbacks alone. */
  readonly ops?: VerifierOps;
  /** 0 none; 1 the failing path; 2 everything; + 4 statistics. Default 1. */
  readonly logLevel?: number;
  readonly limits?: Partial<Limits>;
  /** Called before each instruction with what is claimed of the registers there. */
  readonly observer?: Observer;
  /** For observers: walk every path to its end, also those like earlier ones. Such paths show more than their states say. */
  readonly everyPath?: boolean;
  /** Names of the object's externs, by index, for calls of kfuncs that were not found. */
  readonly externs?: readonly { readonly name: string }[];
}

const MAX_INSNS = 1_000_000;
/** The log of a failure shows its end: instructions walked last. Level 2 shows everything. */
const LOGGED_INSNS = 100_000;

function typeOf(program: ResolvedProgram, options: VerifyOptions): ProgramType {
  if (options.type !== undefined) return options.type;
  if (options.ops !== undefined) {
    return {
      name: "struct_ops",
      type: BPF_PROG_TYPE_STRUCT_OPS,
      ops: options.ops,
      kfuncs: STRUCT_OPS_KFUNCS,
      fixedContextOffset: true,
    };
  }
  const known = programType(program.type);
  if (known !== undefined) return known;
  throw new VerifierError("VERIFIER_OPTION", {
    message: "programs of this type are not modelled",
    found: `BPF_PROG_TYPE ${program.type}`,
    where: program.section,
    remedy: "Hand in the type's descriptor as `type`",
  });
}

/** The passes, in the order in which the kernel's messages depend on it. */
function check(env: Env): void {
  const count = env.insns.length;
  if (count === 0 || count > MAX_INSNS) env.reject(E2BIG, `a program has 1 to ${MAX_INSNS} instructions, not ${count}`);
  checkBeforeLoad(env);
  findSubprogs(env);
  checkSubprogs(env);
  checkFuncInfo(env);
  resolveInsns(env);
  checkCfg(env);
  computePostorder(env);
  if (env.type.attach !== undefined && !env.gplCompatible) {
    env.reject(EINVAL, "struct ops programs must have a GPL compatible license");
  }
  computeConstRegs(env);
  pruneDeadBranches(env);
  sortSubprogs(env);
  computeScc(env);
  computeStackLiveness(env);
  computeLiveRegisters(env);
  markFastcallPatterns(env);
  walkProgram(env);
  env.messages = [];
  env.insnIdx = -1;
  removeFastcallSpills(env);
  checkMaxStackDepth(env);
  addRewrites(env);
  checkRewritten(env);
}

function run(
  program: ResolvedProgram,
  type: ProgramType,
  options: VerifyOptions,
  level: number,
  logFrom = 0,
): { env: Env; errno: number } {
  const env = new Env({
    program,
    type,
    kfuncs: new Map(type.kfuncs.map((row) => [row.name, row])),
    limits: { ...KERNEL_LIMITS, ...options.limits },
    level,
    observer: options.observer,
  });
  let errno = 0;
  env.insnIdx = -1;
  env.logFrom = logFrom;
  env.everyPath = options.everyPath ?? false;
  try {
    check(env);
  } catch (error) {
    errno = errnoOf(env, error);
  }
  env.trace(statistics(env));
  return { env, errno };
}

function errnoOf(env: Env, error: unknown): number {
  if (error instanceof Rejection) return error.errno;
  if (error instanceof BtfError) {
    env.say(`invalid BTF: ${error.message}\n`);
    return EINVAL;
  }
  // a fault of this verifier must not look like an accepted program, nor bring its caller down
  if (error instanceof Error) {
    env.say(`verifier bug: ${error.message}\n`);
    return EFAULT;
  }
  throw error;
}

function statistics(env: Env): string {
  let text = "";
  if (env.level & LOG_STATS) {
    const globals = env.subprogs
      .filter((sub, i) => !sub.removed && (i === 0 || sub.global))
      .map((sub) => sub.insnsTotal);
    text += `verification time 0 usec\nstack depth ${stackDepthText(env)}\ninsns processed ${globals.join("+")}\n`;
  }
  return (
    `${text}processed ${env.insnProcessed} insns (limit ${env.limits.insns}) max_states_per_insn ${env.maxStatesPerInsn} ` +
    `total_states ${env.totalStates} peak_states ${env.peakStates} mark_read 0\n`
  );
}

const KFUNC_POISON = 2_002_000_000;
const MAP_POISON = 2_001_000_000;
const CORE_POISON = 195_896_080;

/** A call that replaced something the loader did not find: says what, as libbpf does. */
function unresolved(env: Env, lines: string[], options: VerifyOptions): string[] {
  const poisoned = /^invalid func unknown#(\d+)$/.exec(lines.at(-1) ?? "");
  if (poisoned === null) return lines;
  const number = Number(poisoned[1]);
  const at = env.insnIdx;
  if (number === CORE_POISON) {
    return [`${at}: <invalid CO-RE relocation>`, "failed to resolve CO-RE relocation"];
  }
  const external = number >= KFUNC_POISON ? options.externs?.[number - KFUNC_POISON]?.name : undefined;
  if (external !== undefined) {
    return [`${at}: <invalid kfunc call>`, `kfunc '${external}' is referenced but wasn't resolved`];
  }
  if (number >= MAP_POISON && number < KFUNC_POISON) {
    const map = env.program.maps[number - MAP_POISON]?.name ?? String(number - MAP_POISON);
    return [`${at}: <invalid BPF map reference>`, `BPF map '${map}' is referenced but wasn't created`];
  }
  return lines;
}

function verdictOf(env: Env, errno: number, options: VerifyOptions): Verdict {
  const plain = env.messages
    .join("")
    .split("\n")
    .filter((line) => line !== "");
  const messages = errno === 0 ? [] : unresolved(env, plain, options);
  const error = messages.at(-1) ?? "";
  const insn = errno === 0 ? -1 : env.insnIdx;
  const line = insn < 0 ? undefined : lineOf(env.program.lines, insn);
  let log = env.log.toString();
  if (errno !== 0 && messages !== plain) {
    const from = plain.at(-1)!;
    log = log.replace(
      new RegExp(`^${env.insnIdx}: .*\\n${from.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`, "m"),
      messages.join("\n"),
    );
  }
  return {
    verdict: errno === 0 ? "accepted" : "rejected",
    errno,
    error,
    messages,
    processed: env.insnProcessed,
    stackDepth: stackDepthText(env),
    insn,
    line: line?.line ?? 0,
    log,
    diagnostic:
      errno === 0
        ? undefined
        : diagnose({
            error,
            messages,
            line,
            insn: insn < 0 ? "" : `${insn}: ${env.insnText(insn)}`,
          }),
  };
}

/**
 * What Linux 7.2 would say of `resolved`, loaded by a privileged process on x86-64. Never throws for what is in the program:
 * malformed ones are rejected. Throws VERIFIER_OPTION when the type of program is unknown and no descriptor is given.
 */
export function verify(resolved: ResolvedProgram, options: VerifyOptions = {}): Verdict {
  const type = typeOf(resolved, options);
  const program = asLoaded(resolved, type);
  const level = options.logLevel ?? 1;
  // The log costs time, and an accepted program has none at level 1: it is written in a second run, when there is a reason.
  const quiet = level & 2 ? level : 0;
  const first = run(program, type, options, quiet);
  if (level === quiet || (first.errno === 0 && !(level & LOG_STATS))) {
    const verdict = verdictOf(first.env, first.errno, options);
    return level & 1 && quiet === 0 ? { ...verdict, log: first.env.lastSafe + statistics(first.env) } : verdict;
  }
  const second = run(program, type, options, level, first.env.insnProcessed - LOGGED_INSNS);
  return verdictOf(second.env, second.errno, options);
}

/** The verdict, or VERIFIER_REJECTED thrown. */
export function verifyOrThrow(program: ResolvedProgram, options: VerifyOptions = {}): Verdict {
  const verdict = verify(program, options);
  if (verdict.verdict === "accepted") return verdict;
  throw new VerifierError(
    "VERIFIER_REJECTED",
    {
      message: `the verifier rejects the program: ${verdict.error}`,
      where: verdict.diagnostic?.where || `${program.name}, insn ${verdict.insn}`,
      remedy: verdict.diagnostic?.remedy,
    },
    verdict,
  );
}
