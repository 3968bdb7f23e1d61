// The loops whose verdicts and runs on Linux 7.2.13 are recorded: those of testdata/verdicts and those that lie beside the
// project, in one list.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Recorded } from "./diff-loops/recorded.ts";
import { sharedPath } from "./shared-data.ts";

/** A recorded loop and where its object lies. */
export interface RecordedLoop extends Recorded {
  readonly file: string;
}

const FOLDERS: readonly string[] = [sharedPath("verdicts"), path.join(import.meta.dirname, "../testdata/verdicts")];

/** All of them. */
export const recordedLoops: readonly RecordedLoop[] = FOLDERS.flatMap((folder) => {
  const list = path.join(folder, "verdicts.jsonl");
  if (!existsSync(list)) return [];
  return readFileSync(list, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Recorded)
    .map((row) => ({ ...row, file: path.join(folder, row.object) }));
});
