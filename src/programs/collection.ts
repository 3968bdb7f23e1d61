// The ready-made programs by name: where their objects lie, in a checkout and in the published package alike (the objects
// stay beside their sources), and how each tells of a failure.

import { EAGAIN, EINVAL } from "../base/index.ts";
import { fileURLToPath } from "node:url";
import type { BtfValue } from "../bpf/btf/index.ts";
import { PACKAGE_ROOT } from "../engine/package-root.ts";
import { ProgramError } from "./errors.ts";

/** The value of a global by its name. */
export type ReadGlobal = (name: string) => BtfValue;

/** A program of the collection. */
export interface ReadyProgram {
  readonly name: string;
  readonly summary: string;
  /** Path of its compiled object. */
  readonly object: string;
  /** What went wrong in a run whose loop stopped by itself, as the program's globals tell it. */
  readonly failure: (global: ReadGlobal) => ProgramError | undefined;
}

/** What an errno means that a program reports without a request having failed. */
const OWN_ERRORS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  nops: { [-EINVAL]: "queue_depth is 0" },
  cp: {
    [-EINVAL]: "buffer_size is 0, or nr_buffers is not from 1 to 64 or is more than the ring's entries",
  },
};

const NOT_SUBMITTED = "the ring took no request; it needs SQ_REWIND";
const CP_OPS: Readonly<Record<number, string>> = { 22: "read", 23: "write" };

function ownFailure(program: string, result: number): ProgramError {
  const message =
    OWN_ERRORS[program]?.[result] ?? (result === -EAGAIN ? NOT_SUBMITTED : "a request could not be submitted");
  return new ProgramError("PROGRAM_FAILED", result, message, { where: program });
}

function nopsFailure(global: ReadGlobal): ProgramError | undefined {
  const result = Number(global("result"));
  return result < 0 ? ownFailure("nops", result) : undefined;
}

function cpFailure(global: ReadGlobal): ProgramError | undefined {
  const result = Number(global("result"));
  if (result >= 0) return undefined;
  const op = CP_OPS[Number(global("failed_opcode"))];
  if (op === undefined) return ownFailure("cp", result);
  const message = `the ${op} at offset ${Number(global("failed_offset"))} failed`;
  return new ProgramError("PROGRAM_FAILED", result, message, { where: "cp" });
}

const objectOf = (name: string): string => fileURLToPath(new URL(`src/programs/${name}/${name}.bpf.o`, PACKAGE_ROOT));

/** All of them. */
export const PROGRAMS: readonly ReadyProgram[] = [
  {
    name: "nops",
    summary: "keeps a number of NOP requests in flight until reqs_to_run have completed",
    object: objectOf("nops"),
    failure: nopsFailure,
  },
  {
    name: "cp",
    summary: "copies a file with a bounded number of buffers in flight",
    object: objectOf("cp"),
    failure: cpFailure,
  },
];

/** The program called `name`, if there is one. */
export function findProgram(name: string): ReadyProgram | undefined {
  return PROGRAMS.find((program) => program.name === name);
}
