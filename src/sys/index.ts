// The one place that makes system calls. `openSys()` gives the current thread its access to the kernel (koffi, loaded when
// first asked for); everything else takes that Sys, so tests can hand in a FakeSys. What crosses threads is plain data: a
// WebAssembly.Memory, a RingPlacement, a SetupRequest, RingParams. Files are opened with node:fs: its descriptors are the
// kernel's own.
//
//   const sys = openSys();                                    // throws SysError SYS_NO_FFI or SYS_PLATFORM
//   const probe = probeIoUring();                             // never throws
//   using ring = createRing(sys, memory.buffer, place, request);   // place: offsets, sizes from ringsLayout (uring/ring)
//   ring.submit(n); ring.enter(n, min, flags, timeoutNs); ring.wait(n, timeoutNs); ring.getEvents();
//   ring.params, ring.base, ring.emulated (what the kernel lacks: see ring-setup.ts); ring.registerMemRegion(offset, size); ring.enable(); ring.cancelAll();

export { bpf, close, io_uring_enter, io_uring_register, io_uring_setup, madvise, mmap, munmap } from "./calls.ts";
export { ENTER_WORDS } from "./call-gate.ts";
export { check, SysError, sysError, type SysErrorCode, type SysErrorFacts } from "./errors.ts";
export { FakeSys, type SyscallHandler } from "./fake.ts";
export { ioUringDisabled, kernelVersion, memlockLimit } from "./kernel.ts";
export { createRing, KernelRing, type CreateRingOptions, type DirectSubmit } from "./kernel-ring.ts";
export { createKoffiSys, openSys } from "./koffi.ts";
export { probeIoUring, type UringProbe } from "./probe.ts";
export { type ForcedWay, type RingPlacement } from "./ring-setup.ts";
export { SYSCALLS } from "./syscalls.ts";
export { type Sys, type SyscallArch } from "./types.ts";
