// The whole of what this project asks of an FFI library: three members. Everything else in src/sys is built on them, and a
// fake of them serves the tests.

/** A processor as `process.arch` names it, among those with a table of system call numbers. */
export type SyscallArch = "x64" | "arm64";

/**
 * Access to the kernel from the current thread. Addresses are numbers: user space ends below 2^53 on every supported
 * processor, and numbers cross the FFI faster than bigints.
 */
export interface Sys {
  readonly name: string;
  readonly arch: SyscallArch;
  readonly pageSize: number;
  /** One system call. The result, or a negative errno; never throws. */
  syscall(nr: number, a0?: number, a1?: number, a2?: number, a3?: number, a4?: number, a5?: number): number;
  /** The process address of the first byte. Stable as long as the buffer is alive; shared WebAssembly memory never moves. */
  addressOf(bytes: Uint8Array): number;
  /** The `length` bytes at a process address, in place. The caller answers for their being mapped while it is used. */
  viewAt(address: number, length: number): Uint8Array;
}
