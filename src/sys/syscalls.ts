// Numbers of the system calls this project makes (arch/x86/entry/syscalls/syscall_64.tbl and
// include/uapi/asm-generic/unistd.h). arm64 uses the generic table; calls from 424 on have one number everywhere.

import type { SyscallArch } from "./types.ts";

/** A system call, by name. */
export type SyscallName =
  | "close"
  | "mmap"
  | "munmap"
  | "madvise"
  | "mprotect"
  | "rt_sigaction"
  | "rt_sigprocmask"
  | "getpid"
  | "gettid"
  | "tgkill"
  | "memfd_create"
  | "bpf"
  | "io_uring_setup"
  | "io_uring_enter"
  | "io_uring_register";

/** Number by processor and name. */
export const SYSCALLS: Readonly<Record<SyscallArch, Readonly<Record<SyscallName, number>>>> = {
  x64: {
    close: 3,
    mmap: 9,
    mprotect: 10,
    munmap: 11,
    rt_sigaction: 13,
    rt_sigprocmask: 14,
    madvise: 28,
    getpid: 39,
    gettid: 186,
    tgkill: 234,
    memfd_create: 319,
    bpf: 321,
    io_uring_setup: 425,
    io_uring_enter: 426,
    io_uring_register: 427,
  },
  arm64: {
    close: 57,
    tgkill: 131,
    rt_sigaction: 134,
    rt_sigprocmask: 135,
    getpid: 172,
    gettid: 178,
    munmap: 215,
    mmap: 222,
    mprotect: 226,
    madvise: 233,
    memfd_create: 279,
    bpf: 280,
    io_uring_setup: 425,
    io_uring_enter: 426,
    io_uring_register: 427,
  },
};
