// The running kernel's BTF. It does not change while the system runs, so each thread parses it once, and only where the
// kernel can run loops: whether it can shows from the bytes alone, in a few milliseconds. A cache between processes would
// hold the index of names only, which is made in some 30 ms; the bytes have to be read anyway, and a file that others may
// write would decide what is loaded into the kernel. So there is none.

import { readFileSync } from "node:fs";
import { Btf } from "../../bpf/btf/index.ts";
import { UnsupportedError } from "../../loop/index.ts";

const PATH = "/sys/kernel/btf/vmlinux";

/** A kernel that can run loops describes the value of their struct_ops map. */
const VALUE_TYPE = "bpf_struct_ops_io_uring_bpf_ops";

let bytes: Buffer | undefined;
let parsed: Btf | undefined;

/** True when this kernel can run io_uring loops written in BPF. Throws UnsupportedError when its BTF cannot be read. */
export function hasLoopOps(): boolean {
  bytes ??= readVmlinux();
  return bytes.includes(`\0${VALUE_TYPE}\0`);
}

/** BTF of the running kernel. Throws UnsupportedError when it is not there or not readable. */
export function vmlinuxBtf(): Btf {
  bytes ??= readVmlinux();
  parsed ??= Btf.parse(bytes);
  return parsed;
}

function readVmlinux(): Buffer {
  try {
    return readFileSync(PATH);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UnsupportedError("ENGINE_UNAVAILABLE", {
      message: code === "EACCES" ? "the kernel's BTF may not be read" : "the kernel does not publish its BTF",
      found: `${PATH}: ${code}`,
      where: "engine kernel",
      remedy:
        code === "EACCES"
          ? "Ask for read access to that file"
          : "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y and mount sysfs, or the user engine",
      cause,
    });
  }
}
