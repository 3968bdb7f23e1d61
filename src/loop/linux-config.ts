// The configuration of the kernel that `user` and `sim` stand for: Linux 7.2.13 as Debian builds it for x86-64. Of its options
// those that a loop may want to know; a program that asks for another is to be told by its host.

import type { KernelConfig } from "../bpf/object/index.ts";

const PREFIX = "CONFIG_";

/** Options by what they are set to, without CONFIG_; those that are absent are not set there, or not known here. */
const OPTIONS: Readonly<Record<string, string>> = {
  y: `64BIT X86_64 SMP NUMA SWAP MODULES TRANSPARENT_HUGEPAGE PAGE_SIZE_4KB BPF BPF_SYSCALL BPF_JIT BPF_JIT_DEFAULT_ON BPF_EVENTS
    BPF_LSM DEBUG_INFO_BTF IO_URING IO_URING_BPF IO_URING_BPF_OPS IO_URING_ZCRX AIO EPOLL FUTEX SECCOMP PREEMPTION PREEMPT_BUILD
    PREEMPT_LAZY PREEMPT_DYNAMIC PREEMPT_RCU PREEMPT_COUNT CGROUPS MEMCG BLOCK NET INET IPV6 NET_RX_BUSY_POLL SECURITY
    HIGH_RES_TIMERS NO_HZ_FULL UNWINDER_ORC X86_KERNEL_IBT HAVE_EFFICIENT_UNALIGNED_ACCESS`,
  "250": "HZ",
  "8192": "NR_CPUS",
  "10": "NODES_SHIFT",
  "17": "LOG_BUF_SHIFT",
  '"(none)"': "DEFAULT_HOSTNAME",
  '""': "LOCALVERSION",
};

/** Linux 7.2.13. */
export const LINUX_CONFIG: KernelConfig = {
  version: (7 << 16) | (2 << 8) | 13,
  option: (name) =>
    Object.keys(OPTIONS).find((value) => OPTIONS[value].split(/\s+/).includes(name.slice(PREFIX.length))),
};
