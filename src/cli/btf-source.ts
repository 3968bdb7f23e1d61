// Where a command's BTF comes from: the built-in description of Linux 7.2's loops, the running kernel, or a file.

import { existsSync } from "node:fs";
import type { Btf } from "../bpf/btf/index.ts";
import { loadBtf } from "../bpf/object/index.ts";
import { loopTargetBtf } from "../loop/index.ts";
import { compileC, isCSource } from "./c-source.ts";
import { inFile, readInput } from "./files.ts";

/** Name of the built-in target. */
export const BUILT_IN_TARGET = "linux-7.2";

const VMLINUX = "/sys/kernel/btf/vmlinux";

/** BTF by name: `linux-7.2`, `vmlinux`, `-`, a BTF file, an object or a source of one in C. Throws UsageError, BtfError, ElfError, ObjectError. */
export function btfNamed(name: string): Btf {
  if (name === BUILT_IN_TARGET) return loopTargetBtf();
  const bytes = isCSource(name) && existsSync(name) ? compileC(name) : readInput(name === "vmlinux" ? VMLINUX : name);
  try {
    return loadBtf(bytes);
  } catch (error) {
    throw inFile(name, error);
  }
}
