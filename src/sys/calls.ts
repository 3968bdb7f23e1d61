// The system calls themselves, thin: each returns the kernel's result or a negative errno and allocates nothing. Files are
// better opened with node:fs, whose descriptors are the kernel's own.

import { SYSCALLS } from "./syscalls.ts";
import type { Sys } from "./types.ts";

/** The same number everywhere, and asked for more often than anything else. */
const IO_URING_ENTER = SYSCALLS.x64.io_uring_enter;

/** io_uring_setup(2): a descriptor. `params`: the address of 120 bytes. */
export function io_uring_setup(sys: Sys, entries: number, params: number): number {
  return sys.syscall(SYSCALLS[sys.arch].io_uring_setup, entries, params);
}

/** io_uring_enter(2): SQEs consumed. */
export function io_uring_enter(
  sys: Sys,
  fd: number,
  to_submit: number,
  min_complete: number,
  flags: number,
  arg = 0,
  argsz = 0,
): number {
  return sys.syscall(IO_URING_ENTER, fd, to_submit, min_complete, flags, arg, argsz) | 0;
}

/** io_uring_register(2). */
export function io_uring_register(sys: Sys, fd: number, opcode: number, arg: number, nr_args: number): number {
  return sys.syscall(SYSCALLS[sys.arch].io_uring_register, fd, opcode, arg, nr_args);
}

/** mmap(2): an address. */
export function mmap(
  sys: Sys,
  addr: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number {
  return sys.syscall(SYSCALLS[sys.arch].mmap, addr, length, prot, flags, fd, offset);
}

/** munmap(2). */
export function munmap(sys: Sys, addr: number, length: number): number {
  return sys.syscall(SYSCALLS[sys.arch].munmap, addr, length);
}

/** madvise(2). */
export function madvise(sys: Sys, addr: number, length: number, advice: number): number {
  return sys.syscall(SYSCALLS[sys.arch].madvise, addr, length, advice);
}

/** close(2), for descriptors node:fs did not open. */
export function close(sys: Sys, fd: number): number {
  return sys.syscall(SYSCALLS[sys.arch].close, fd);
}

/** bpf(2) with the attribute union given as bytes, read and written in place. Addresses inside it are the caller's matter. */
export function bpf(sys: Sys, cmd: number, attr: Uint8Array): number {
  return sys.syscall(SYSCALLS[sys.arch].bpf, cmd, sys.addressOf(attr), attr.length);
}
