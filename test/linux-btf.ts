// The BTF of Linux 7.2.13 that lies beside the project, packed with xz.

import { execFileSync } from "node:child_process";
import { Btf } from "../src/bpf/btf/index.ts";
import { missingShared, sharedPath } from "./shared-data.ts";

const NAME = "linux-7.2.13.btf.xz";

function hasXz(): boolean {
  try {
    execFileSync("xz", ["--version"]);
    return true;
  } catch {
    return false;
  }
}

/** Why tests that need it are skipped, or undefined when it can be had. */
export const missingLinuxBtf: string | undefined = missingShared(NAME) ?? (hasXz() ? undefined : "xz is not installed");

/** That BTF. */
export function linuxBtf(): Btf {
  return Btf.parse(execFileSync("xz", ["-dc", sharedPath(NAME)], { maxBuffer: 1 << 28 }));
}
