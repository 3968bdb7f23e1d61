// What FILE may be: a path, or the name of a ready-made program.

import { existsSync } from "node:fs";
import type { BpfObject } from "../bpf/object/index.ts";
import { didYouMean } from "../base/index.ts";
import { openObject } from "../engine/index.ts";
import { findProgram, PROGRAMS } from "../programs/index.ts";
import { UsageError } from "./errors.ts";

/** Opens the object that `file` names. A file wins over a program of the same name. */
export async function openFileOrProgram(file: string): Promise<BpfObject> {
  const program = existsSync(file) ? undefined : findProgram(file);
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
  return openObject(file);
}
