// Facts about the running kernel that need no system call of our own.

import { readFileSync } from "node:fs";
import { release } from "node:os";

import { parseKernelVersion, type KernelVersion } from "../uring/abi/index.ts";

/** The running kernel's version as uname(2) tells; [0, 0, 0] where it says nothing that looks like one. */
export function kernelVersion(): KernelVersion {
  return parseKernelVersion(release()) ?? [0, 0, 0];
}

/** sysctl kernel.io_uring_disabled: 0 allowed, 1 privileged or group only, 2 forbidden; undefined before Linux 6.6. */
export function ioUringDisabled(): number | undefined {
  try {
    return Number(readFileSync("/proc/sys/kernel/io_uring_disabled", "utf8").trim());
  } catch {
    return undefined;
  }
}

/** RLIMIT_MEMLOCK in bytes, Infinity for none; undefined when unknown. */
export function memlockLimit(): number | undefined {
  try {
    const match = /^Max locked memory\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    if (!match) return undefined;
    return match[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(match[1]);
  } catch {
    return undefined;
  }
}
