// Whether this process may load loops: asked of the kernel by making the smallest map, since capabilities, tokens and
// security modules all have a say.

import { readFileSync } from "node:fs";
import { describeErrno, ENOSYS, EPERM } from "../../base/index.ts";
import { map_create_attr } from "./bpf-attr.ts";
import type { BpfCalls } from "./bpf.ts";

/** Bits of CapEff in /proc/self/status. */
const CAPABILITIES = { CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;
const BPF_MAP_TYPE_ARRAY = 2;

/** The effective capabilities among those that matter. */
export function bpfCapabilities(): (keyof typeof CAPABILITIES)[] {
  try {
    const hex = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
    const effective = BigInt(`0x${hex}`);
    const names = Object.keys(CAPABILITIES) as (keyof typeof CAPABILITIES)[];
    return names.filter((name) => (effective >> BigInt(CAPABILITIES[name])) & 1n);
  } catch {
    return [];
  }
}

/** Why loading would be refused, and what helps; undefined when it would not. */
export function loadPrivilege(bpf: BpfCalls): { readonly message: string; readonly remedy: string } | undefined {
  const shape = { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 1 };
  const fd = bpf.call("BPF_MAP_CREATE", map_create_attr, shape);
  if (fd >= 0) bpf.close(fd);
  if (fd < 0 && fd !== -EPERM) {
    return fd === -ENOSYS
      ? { message: "this kernel has no bpf(2)", remedy: "Use a kernel with CONFIG_BPF_SYSCALL, or the user engine" }
      : { message: `bpf(2) does not work here: ${describeErrno(fd)}`, remedy: "Use the user engine" };
  }
  const has = bpfCapabilities();
  if (fd >= 0 && (has.includes("CAP_SYS_ADMIN") || has.includes("CAP_PERFMON"))) return undefined;
  const lacking = (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !has.includes(name));
  return {
    message: `loading a loop needs CAP_BPF and CAP_PERFMON, and this process lacks ${lacking.join(" and ") || "the right to use them"}`,
    remedy:
      "Run as root or grant them (setcap cap_bpf,cap_perfmon+ep on a copy of node; systemd: AmbientCapabilities), or use the user engine, which needs none",
  };
}
