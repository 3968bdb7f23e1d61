// The whole of what this project asks of an FFI library: three members, and one more that saves time. Everything else in src/sys is built on them, and a
// fake of them serves the tests.

/** A processor as `process.arch` names it, among those with a table of system call numbers. */
export type SyscallArch = "x64" | "arm64";

/**
 * io_uring_enter(fd, to_submit, 0, flags) for callers that can leave integers in memory and nothing else; see call-gate.ts.
 */
export interface EnterGate {
  /** From now on `call` goes by the four words at this process address, ENTER_WORDS. */
  readonly use: (words: number) => void;
  /** Makes the call and leaves its result, SQEs consumed or a negative errno, in the words. */
  readonly call: () => void;
}

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
  /** One for the thread, where there is one. */
  readonly enterGate?: EnterGate | undefined;
}
