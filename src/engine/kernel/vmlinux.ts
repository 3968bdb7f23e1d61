// The running kernel's BTF. It does not change while the system runs, so each thread parses it once.

import { readFileSync } from "node:fs";
import { Btf } from "../../bpf/btf/index.ts";
import { UnsupportedError } from "../../loop/index.ts";

const PATH = "/sys/kernel/btf/vmlinux";

/** What a kernel must have for loops to be loaded: the struct's value type, and the kfuncs. */
const VALUE_TYPE = "bpf_struct_ops_io_uring_bpf_ops";

let parsed: Btf | undefined;

/** BTF of the running kernel. Throws UnsupportedError when it is not there or not readable. */
export function vmlinuxBtf(): Btf {
  parsed ??= Btf.parse(readVmlinux());
  return parsed;
}

function readVmlinux(): Uint8Array {
  try {
    return readFileSync(PATH);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UnsupportedError("ENGINE_UNAVAILABLE", {
      message: code === "EACCES" ? "the kernel's BTF may not be read" : "the kernel does not publish its BTF",
      found: `${PATH}: ${code}`,
      remedy:
        code === "EACCES"
          ? "Ask for read access to that file"
          : "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y and mount sysfs, or the user engine",
      cause,
    });
  }
}

/** True when this kernel can run io_uring loops written in BPF. */
export function hasLoopOps(btf: Btf): boolean {
  return btf.findByName(VALUE_TYPE, "STRUCT") !== undefined;
}
