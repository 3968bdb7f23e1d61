// Ready-made loops, each in a folder of its own: its README, its source and object, its host side, its test.

export { findProgram, PROGRAMS, type ReadyProgram } from "./collection.ts";
export { copyDescriptor, copyFile, type CopyOptions, type CopyResult } from "./cp/host.ts";
export { ProgramError, type ProgramErrorCode } from "./errors.ts";
export { runNops, type NopsResult } from "./nops/host.ts";
export { isSameFile } from "./same-file.ts";
