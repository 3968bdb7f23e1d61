// Getting a thread out of io_uring_enter: a signal ends a loop with -EINTR whether it sleeps or spins, never to be restarted
// (kernel-semantics: run loop, results). Node cannot handle a signal in a worker, so the handler is two instructions of
// our own: `ret`, and on x86-64 the call of rt_sigreturn that the kernel wants to return to.
//
// The signal is a real-time one that nobody has taken. Its handler stays for the life of the process, so that a signal that
// comes late does no harm.

import { viewOf } from "../../base/index.ts";
import { UnsupportedError } from "../../loop/index.ts";
import { check, mmap, SYSCALLS, type Sys, type SyscallArch } from "../../sys/index.ts";
import { MMAP } from "../../uring/abi/index.ts";

/** Handler, then the restorer, then a mark by which another thread of this process knows them. */
const CODE: Readonly<Record<SyscallArch, { readonly bytes: readonly number[]; readonly restorer: number }>> = {
  // ret; nop...; mov eax, 15; syscall
  x64: { bytes: [0xc3, 0x90, 0x90, 0x90, 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05, 0x90], restorer: 4 },
  // ret; the kernel returns through its own page
  arm64: { bytes: [0xc0, 0x03, 0x5f, 0xd6], restorer: 0 },
};
const MARK = new TextEncoder().encode("loopstep wake-up");

const PROT_EXEC = 4;
const SA_RESTORER = 0x0400_0000;
const SIG_UNBLOCK = 1;
const SIGSET_SIZE = 8;
/** struct kernel_sigaction: handler, flags, restorer, mask; 8 bytes each. */
const SIGACTION_SIZE = 32;
const LAST_SIGNAL = 64;
const FIRST_SIGNAL = 50;
const PAGE = 4096;

let installed: number | undefined;

/** The signal that wakes; installs its handler when this process has none yet. */
function wakeSignal(sys: Sys): number {
  return (installed ??= findInstalled(sys) ?? install(sys));
}

function currentHandler(sys: Sys, signal: number): number {
  const old = new Uint8Array(SIGACTION_SIZE);
  check(sys.syscall(SYSCALLS[sys.arch].rt_sigaction, signal, 0, sys.addressOf(old), SIGSET_SIZE), "rt_sigaction");
  return Number(viewOf(old).getBigUint64(0, true));
}

/** Another thread may have installed it: its page is known by the mark, which a page of ours has at its end. */
function findInstalled(sys: Sys): number | undefined {
  for (let signal = LAST_SIGNAL; signal >= FIRST_SIGNAL; signal--) {
    const handler = currentHandler(sys, signal);
    if (handler === 0 || handler % PAGE !== 0) continue;
    const bytes = sys.viewAt(handler, PAGE).subarray(PAGE - MARK.length);
    if (MARK.every((byte, i) => bytes[i] === byte)) return signal;
  }
  return undefined;
}

function install(sys: Sys): number {
  for (let signal = LAST_SIGNAL; signal >= FIRST_SIGNAL; signal--) {
    if (currentHandler(sys, signal) !== 0) continue;
    const { bytes, restorer } = CODE[sys.arch];
    const flags = MMAP.MAP_PRIVATE | MMAP.MAP_ANONYMOUS;
    const page = check(mmap(sys, 0, PAGE, MMAP.PROT_READ | MMAP.PROT_WRITE, flags, -1, 0), "mmap");
    const memory = sys.viewAt(page, PAGE);
    memory.set(bytes);
    memory.set(MARK, PAGE - MARK.length);
    check(sys.syscall(SYSCALLS[sys.arch].mprotect, page, PAGE, MMAP.PROT_READ | PROT_EXEC), "mprotect");
    const action = new Uint8Array(SIGACTION_SIZE);
    const view = viewOf(action);
    view.setBigUint64(0, BigInt(page), true);
    if (restorer !== 0) {
      view.setBigUint64(8, BigInt(SA_RESTORER), true);
      view.setBigUint64(16, BigInt(page + restorer), true);
    }
    check(sys.syscall(SYSCALLS[sys.arch].rt_sigaction, signal, sys.addressOf(action), 0, SIGSET_SIZE), "rt_sigaction");
    return signal;
  }
  throw new UnsupportedError("FEATURE_UNSUPPORTED", {
    message: "no free signal to end loops with",
    found: `handlers for all of ${FIRST_SIGNAL} to ${LAST_SIGNAL}`,
    remedy: "Leave one real-time signal unused.",
  });
}

/** A thread that can be woken, and the signal that does it. */
export interface Wakeable {
  readonly tid: number;
  readonly signal: number;
}

/** Makes the calling thread one that can be woken. */
export function becomeWakeable(sys: Sys): Wakeable {
  const signal = wakeSignal(sys);
  const mask = new Uint8Array(SIGSET_SIZE);
  viewOf(mask).setBigUint64(0, 1n << BigInt(signal - 1), true);
  check(
    sys.syscall(SYSCALLS[sys.arch].rt_sigprocmask, SIG_UNBLOCK, sys.addressOf(mask), 0, SIGSET_SIZE),
    "rt_sigprocmask",
  );
  return { tid: sys.syscall(SYSCALLS[sys.arch].gettid), signal };
}

/** Interrupts whatever system call a thread of this process is in. A signal that meets it outside one is lost. */
export function wake(sys: Sys, { tid, signal }: Wakeable): void {
  sys.syscall(SYSCALLS[sys.arch].tgkill, process.pid, tid, signal);
}
