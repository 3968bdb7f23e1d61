// What a failed system call becomes above this folder: an error with the errno, the call, and what to do about it.

import { describeErrno, errnoName, LoopstepError } from "../base/index.ts";

/** `SYS_EPERM` and the like; `SYS_NO_FFI`: koffi is missing; `SYS_PLATFORM`: not Linux on x64 or arm64. */
export type SysErrorCode = `SYS_${string}`;

/** A failed system call, or the lack of a way to make one. */
export class SysError extends LoopstepError<SysErrorCode> {
  /** The positive errno; 0 when no system call was made. */
  readonly errno: number;
  /** Name of the system call, with its command where it has one: "io_uring_register(IORING_REGISTER_PROBE)". */
  readonly syscall: string | undefined;

  constructor(code: SysErrorCode, facts: SysErrorFacts) {
    super(code, facts);
    this.errno = facts.errno ?? 0;
    this.syscall = facts.syscall;
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), errno: this.errno, syscall: this.syscall };
  }
}

/** The facts of a SysError. */
export interface SysErrorFacts {
  readonly message: string;
  readonly errno?: number;
  readonly syscall?: string;
  readonly found?: string | undefined;
  readonly expected?: string | undefined;
  readonly where?: string | undefined;
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** What usually helps, by call and errno; the first row that fits. */
const REMEDIES: readonly (readonly [call: RegExp, errno: string, remedy: string])[] = [
  [
    /^io_uring/,
    "EPERM",
    "io_uring is forbidden here: see sysctl kernel.io_uring_disabled; in a container allow it in the seccomp profile " +
      "(Docker: --security-opt seccomp=PROFILE); the sim engine needs no io_uring",
  ],
  [/^io_uring/, "EACCES", "The ring has restrictions that refuse this; register fewer of them"],
  [
    /^io_uring/,
    "ENOSYS",
    "This kernel has no io_uring (gVisor, WSL1 and some containers have none); use the sim engine",
  ],
  [/^io_uring/, "ENOMEM", "Raise the limit on locked memory (ulimit -l, RLIMIT_MEMLOCK), or use a smaller ring"],
  [/^io_uring_enter/, "EEXIST", "Only the thread that created or enabled the ring may enter it"],
  [/^io_uring_enter/, "EBADFD", "Enable the ring first (IORING_REGISTER_ENABLE_RINGS)"],
  [/^io_uring_enter/, "EBADR", "Completions were dropped for lack of memory; use a larger completion queue"],
  [/^io_uring_setup/, "EINVAL", "The kernel may be older than one of the flags, or the flags exclude each other"],
  [/^io_uring_setup/, "EMFILE", "Close other files, or raise ulimit -n"],
  [/^bpf/, "EPERM", "Loading BPF needs CAP_BPF and CAP_PERFMON; the user engine runs the same program without"],
  [/^bpf/, "ENOSYS", "This kernel has no bpf(2); the user engine runs the same program without"],
  [/^bpf/, "E2BIG", "The program or attribute is too large for this kernel"],
];

/** The usual remedy of a failed call, if one is known. */
export function remedyOf(syscall: string, errno: number): string | undefined {
  const name = errnoName(errno);
  return REMEDIES.find(([call, code]) => code === name && call.test(syscall))?.[2];
}

/** The error of a call that returned `errno` (either sign). Facts given win over the usual ones. */
export function sysError(syscall: string, errno: number, facts: Partial<SysErrorFacts> = {}): SysError {
  return new SysError(`SYS_${errnoName(errno).replaceAll(/\W/g, "_")}`, {
    message: `${syscall} failed`,
    found: describeErrno(errno),
    remedy: remedyOf(syscall, errno),
    ...facts,
    errno: Math.abs(errno),
    syscall,
  });
}

/** `result` when it is not an errno, else throws. */
export function check(result: number, syscall: string, facts?: Partial<SysErrorFacts>): number {
  if (result < 0) throw sysError(syscall, result, facts);
  return result;
}
