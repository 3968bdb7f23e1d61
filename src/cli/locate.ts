// What FILE may be: the path of an object or of a source in C, `-` for stdin, or the name of a ready-made program.

import { existsSync } from "node:fs";
import path from "node:path";
import type { BpfObject } from "../bpf/object/index.ts";
import { didYouMean } from "../base/index.ts";
import { openObject, readObject } from "../engine/index.ts";
import { findProgram, PROGRAMS, type ReadyProgram } from "../programs/index.ts";
import { compileC, isCSource } from "./c-source.ts";
import { UsageError } from "./errors.ts";
import { inFile, readInput } from "./files.ts";

/** The ready-made program that `file` names. A file wins over a program of the same name. */
export function programNamed(file: string): ReadyProgram | undefined {
  return existsSync(file) ? undefined : findProgram(file);
}

/** The bytes of the object that `file` names: by its path, `-` for stdin, as what a C source compiles to, or by a program's name. */
export async function readFileOrProgram(file: string): Promise<Uint8Array> {
  if (file === "-") return readInput(file);
  const program = programNamed(file);
  if (program) return readObject(program.object);
  if (!existsSync(file) && !/[./]/.test(file)) {
    const names = PROGRAMS.map(({ name }) => name);
    throw new UsageError("USAGE_FILE", {
      where: file,
      message: "there is no such file, nor a program of that name",
      expected: `a BPF object, or one of ${names.join(", ")}`,
      remedy: didYouMean(file, names),
    });
  }
  return isCSource(file) && existsSync(file) ? compileC(file) : readObject(file);
}

/** Opens the object that `file` names, whose bytes are these. */
export async function openNamed(file: string, bytes: Uint8Array): Promise<BpfObject> {
  try {
    return await openObject(bytes, path.basename(programNamed(file)?.object ?? file));
  } catch (error) {
    throw inFile(file, error);
  }
}

/** Opens the object that `file` names. */
export async function openFileOrProgram(file: string): Promise<BpfObject> {
  return openNamed(file, await readFileOrProgram(file));
}
