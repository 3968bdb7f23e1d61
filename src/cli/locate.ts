// What FILE may be: the path of an object or of a source in C, or the name of a ready-made program.

import { existsSync } from "node:fs";
import path from "node:path";
import type { BpfObject } from "../bpf/object/index.ts";
import { didYouMean, LoopstepError } from "../base/index.ts";
import { FileError, openObject } from "../engine/index.ts";
import { findProgram, PROGRAMS, type ReadyProgram } from "../programs/index.ts";
import { compileC, isCSource } from "./c-source.ts";
import { InputError, UsageError } from "./errors.ts";

/** The ready-made program that `file` names. A file wins over a program of the same name. */
export function programNamed(file: string): ReadyProgram | undefined {
  return existsSync(file) ? undefined : findProgram(file);
}

/** Opens the object that `file` names: an object's path, a C source's, or a program's name. */
export async function openFileOrProgram(file: string): Promise<BpfObject> {
  const program = programNamed(file);
  if (program) return openObject(program.object);
  if (!existsSync(file) && !/[./]/.test(file)) {
    const names = PROGRAMS.map(({ name }) => name);
    throw new UsageError("USAGE_FILE", {
      where: file,
      message: "there is no such file, nor a program of that name",
      expected: `a BPF object, or one of ${names.join(", ")}`,
      remedy: didYouMean(file, names),
    });
  }
  const compiled = isCSource(file) && existsSync(file) ? compileC(file) : undefined;
  try {
    return await (compiled ? openObject(compiled, `${path.basename(file, ".c")}.o`) : openObject(file));
  } catch (error) {
    // errors of the format know the place in the file, not its name
    throw error instanceof LoopstepError && !(error instanceof FileError) ? new InputError(file, error) : error;
  }
}
