// The ready-made programs by name: where their objects lie, in a checkout and in the published package alike (the objects
// stay beside their sources, and both src/ and dist/ are two folders below the root).

import { fileURLToPath } from "node:url";

/** A program of the collection. */
export interface ReadyProgram {
  readonly name: string;
  readonly summary: string;
  /** Path of its compiled object. */
  readonly object: string;
}

const SUMMARIES: Readonly<Record<string, string>> = {
  nops: "keeps a number of NOP requests in flight until reqs_to_run have completed",
  cp: "copies a regular file with a bounded number of buffers in flight",
};

/** All of them. */
export const PROGRAMS: readonly ReadyProgram[] = Object.entries(SUMMARIES).map(([name, summary]) => ({
  name,
  summary,
  object: fileURLToPath(new URL(`../../src/programs/${name}/${name}.bpf.o`, import.meta.url)),
}));

/** The program called `name`, if there is one. */
export function findProgram(name: string): ReadyProgram | undefined {
  return PROGRAMS.find((program) => program.name === name);
}
