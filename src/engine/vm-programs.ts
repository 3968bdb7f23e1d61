// Programs for the engines with a VM (`user`, `sim`): resolved against what these have, and verified so. A program that needs
// what they lack is refused before anything runs, and only after Linux's own verdict on it. A weak kfunc that is missing and
// a field that is asked after are not needed: such a program goes on without.

import { LoopstepError } from "../base/index.ts";
import { CORE_POISON, essentialName } from "../bpf/btf/index.ts";
import { callKind, helperName } from "../bpf/isa/index.ts";
import { KFUNC_POISON, ObjectError, type BpfObject, type ResolvedProgram } from "../bpf/object/index.ts";
import { VerifierError, verifyOrThrow } from "../bpf/verifier/index.ts";
import { HELPERS, lineAt } from "../bpf/vm/index.ts";
import {
  currentTaskHelpers,
  LOOP_STEP_TYPE,
  loopTargetBtf,
  UnsupportedError,
  vmTargetBtf,
  type EngineName,
} from "../loop/index.ts";

/** Programs of an object, on their way into an engine. */
export interface Loading {
  readonly engine: EngineName;
  readonly object: BpfObject;
  readonly programs: readonly string[];
  readonly verify: boolean;
}

/** What is missing, and where it is asked for. */
interface Missing {
  readonly message: string;
  readonly found?: string;
  readonly where: string | undefined;
}

function notRunHere({ message, found, where }: Missing): UnsupportedError {
  return new UnsupportedError("FEATURE_UNSUPPORTED", {
    message,
    found,
    where,
    remedy: "Linux has it: take the engine kernel (7.1 or later), or only verify the program.",
  });
}

/** The source line of an instruction; without line information, its number. */
function placeOf({ name, lines }: ResolvedProgram, insn: number): string {
  const line = lineAt(lines, insn);
  return line === undefined ? `${name}, insn ${insn}` : `${line.file}:${line.line}`;
}

/** The programs against what these engines have. Throws ObjectError, BtfError, VerifierError, UnsupportedError. */
export function resolveForVm(loading: Loading): ResolvedProgram[] {
  const target = vmTargetBtf();
  try {
    return loading.programs.map((name) => loading.object.resolve(name, { target }));
  } catch (error) {
    throw refusalOf(loading, error);
  }
}

/** The verdict on them, as they are to run. Throws VerifierError, UnsupportedError. */
export function verifyForVm(programs: readonly ResolvedProgram[], loading: Loading): void {
  for (const program of programs) {
    try {
      verifyOne(program, loading);
    } catch (error) {
      throw error instanceof VerifierError ? refusalOf(loading, error, program) : error;
    }
  }
}

/** What to throw for programs that did not do (`program`, of those): Linux's own refusal if there is one, else what is not here. */
function refusalOf(loading: Loading, error: unknown, program?: ResolvedProgram): unknown {
  if (!(error instanceof LoopstepError)) return error;
  const { engine, object, programs, verify } = loading;
  try {
    const target = loopTargetBtf();
    const resolved = programs.map((name) => object.resolve(name, { target }));
    if (verify) {
      for (const one of resolved) verifyOrThrow(one, { type: LOOP_STEP_TYPE, externs: object.externs });
    }
    const missing = missingKfunc(loading, resolved, error, program) ?? missingField(loading, error, program);
    return notRunHere(
      missing ?? {
        message: `${engine} does not have what the program needs`,
        found: error.summary,
        where: error.where,
      },
    );
  } catch (refusal) {
    return refusal;
  }
}

/** The number of the helper called at the instruction that was refused: it stands for what was not found. */
function refusedCall(error: LoopstepError, program: ResolvedProgram | undefined): number | undefined {
  const insn = error instanceof VerifierError ? program?.insns[error.verdict?.insn ?? -1] : undefined;
  return insn !== undefined && callKind(insn) === "helper" ? insn.imm : undefined;
}

/** The kfunc that was not found, where it is first called. */
function missingKfunc(
  { engine, object }: Loading,
  inLinux: readonly ResolvedProgram[],
  error: LoopstepError,
  program: ResolvedProgram | undefined,
): Missing | undefined {
  const call = refusedCall(error, program) ?? 0;
  const isUnknown = error instanceof ObjectError && error.code === "OBJECT_KFUNC";
  const name = isUnknown ? error.found : object.externs[call - KFUNC_POISON]?.name;
  if (name === undefined) return undefined;
  const id = loopTargetBtf().findByName(essentialName(name), "FUNC");
  const message = `${engine} does not run the kfunc ${essentialName(name)}`;
  for (const one of inLinux) {
    const insn = one.insns.findIndex((candidate) => callKind(candidate) === "kfunc" && candidate.imm === id);
    if (insn >= 0) return { message, where: placeOf(one, insn) };
  }
  return { message, where: error.where };
}

/** The fields of kernel structs that were not found, when one of them was the reason. */
function missingField(
  { engine, object }: Loading,
  error: LoopstepError,
  program: ResolvedProgram | undefined,
): Missing | undefined {
  if (refusedCall(error, program) !== CORE_POISON) return undefined;
  const inLinux = object.coreReports({ target: loopTargetBtf() });
  const absent = object
    .coreReports({ target: vmTargetBtf() })
    .filter(({ poison, misfit }, i) => (poison || misfit) && !(inLinux[i].poison || inLinux[i].misfit));
  // "[7] struct task_struct.comm (0:3 @ offset 16)" without the numbers
  const fields = new Set(absent.map(({ local }) => local.replaceAll(/^\[\d+\] | \(.*\)$/g, "")));
  return {
    message: `${engine} does not have what the program reads of the kernel`,
    found: [...fields].join(", "),
    where: error.where,
  };
}

/** Helpers that rings bring along. */
const RING_HELPERS: ReadonlySet<number> = new Set(Object.keys(currentTaskHelpers(0)).map(Number));

/** Throws UnsupportedError for a program that is accepted and calls a helper that is not run, other than in dead code. */
function verifyOne(program: ResolvedProgram, { engine, object }: Loading): void {
  const missing = new Map<number, number>();
  program.insns.forEach((insn, i) => {
    if (callKind(insn) === "helper" && !HELPERS.has(insn.imm) && !RING_HELPERS.has(insn.imm)) missing.set(i, insn.imm);
  });
  let reached = -1;
  verifyOrThrow(program, {
    type: LOOP_STEP_TYPE,
    externs: object.externs,
    ...(missing.size > 0 && {
      observer: (insn: number) => void (reached < 0 && missing.has(insn) && (reached = insn)),
    }),
  });
  if (reached < 0) return;
  const id = missing.get(reached)!;
  throw notRunHere({
    message: `${engine} does not run the helper ${helperName(id) ?? ""}#${id}`,
    where: placeOf(program, reached),
  });
}
