// A real ring: its descriptor, what the kernel said of it, and the calls on it. The queues are read and written through the
// views of uring/ring. Create, enter and close a ring in one thread: SINGLE_ISSUER and DEFER_TASKRUN bind it to its creator.
//
// Where SQ_REWIND is emulated, the kernel has an SQ array and ordinary indices, which it reads at submission only. A
// submission of n points array entries (k+i)&mask at slots i, k being the true head, and shows the kernel tail k+n; then
// both indices are put back to 0, which is all a program on a SQ_REWIND ring ever sees. Submissions of whole rings find the
// array as the last one left it. (SQPOLL and SQ_REWIND exclude each other, so nobody else looks at any of this, and plain
// stores will do: the system call comes after them.)

import { getField, setField, viewOf, EBADF, EINVAL } from "../base/index.ts";
import {
  __kernel_timespec,
  formatKernelVersion,
  io_uring_getevents_arg,
  io_uring_mem_region_reg,
  io_uring_region_desc,
  io_uring_rsrc_update,
  io_uring_sync_cancel_reg,
  IORING_ASYNC_CANCEL,
  IORING_ENTER,
  IORING_REGISTER,
  IORING_REGISTER_FLAGS,
  IORING_SETUP,
  IORING_SQ,
  isAtLeast,
  type KernelVersion,
  type RingParams,
  type SetupRequest,
} from "../uring/abi/index.ts";
import { ENTER_WORDS } from "./call-gate.ts";
import { close, io_uring_enter, io_uring_register, madvise } from "./calls.ts";
import { check, SysError, sysError } from "./errors.ts";
import { kernelVersion } from "./kernel.ts";
import { decodeProbe, PROBE_BYTES } from "./probe-ops.ts";
import { RingMirror } from "./ring-mirror.ts";
import { setupRing, type ForcedWay, type RingParts, type RingPlacement } from "./ring-setup.ts";
import type { Sys } from "./types.ts";

const { IORING_ENTER_EXT_ARG, IORING_ENTER_GETEVENTS, IORING_ENTER_REGISTERED_RING, IORING_ENTER_SQ_WAKEUP } =
  IORING_ENTER;
const MADV_DONTNEED = 4;
/** Asks for the first free index. */
const ANY_INDEX = 0xffff_ffff;
const NS_PER_S = 1_000_000_000;
const MEM_REGION_SINCE = "6.13";

/** Options of createRing. `force` and `kernel` are for tests and odd systems. */
export interface CreateRingOptions {
  /** Forces a fallback even where the kernel has the real thing. */
  readonly force?: ForcedWay;
  /** The kernel's version; default: the running one's. Decides which fallbacks are tried, and is named in messages. */
  readonly kernel?: KernelVersion;
  /** Setup flags that the caller adds for its own use: neither `params` nor a refusal names them. */
  readonly own?: number;
}

/** How WebAssembly beside the ring's memory submits without JavaScript; addresses are offsets into the buffer. */
export interface DirectSubmit {
  /** io_uring_enter(2) by the words at the address that was given: `to_submit` in, `result` out. The rest is filled in. */
  readonly call: () => void;
  /** Where SQ_REWIND is emulated: what is to be done about it (see the head of the file). */
  readonly rewind:
    | { readonly head: number; readonly tail: number; readonly array: number; readonly mask: number }
    | undefined;
}

/** What became of a parameter region. `registered` false: the kernel is too old, the region is memory of the process only. */
export interface MemRegionResult {
  readonly registered: boolean;
  readonly why: string;
}

/**
 * Creates a ring whose memory is `place` of `buffer` (of a WebAssembly.Memory, or any page-aligned buffer). The areas are
 * zeroed. Throws SysError with the kernel's errno and the reason.
 */
export function createRing(
  sys: Sys,
  buffer: ArrayBufferLike,
  place: RingPlacement,
  request: SetupRequest,
  options: CreateRingOptions = {},
): KernelRing {
  const bytes = new Uint8Array(buffer);
  if ([place.rings + place.ringsSize, place.sqes + place.sqesSize].some((end) => !(end <= bytes.length))) {
    throw new SysError("SYS_PLACEMENT", {
      message: "the ring's place ends beyond the buffer",
      expected: `at most ${bytes.length}`,
    });
  }
  const base = sys.addressOf(bytes);
  bytes.fill(0, place.rings, place.rings + place.ringsSize);
  bytes.fill(0, place.sqes, place.sqes + place.sqesSize);
  const { kernel: version = kernelVersion(), force, own } = options;
  return new KernelRing(sys, buffer, place, setupRing(sys, base, place, request, { version, force, own }), version);
}

/** A real ring. See createRing. */
export class KernelRing implements Disposable {
  /** As Linux 7.2 would report, also where something is emulated. */
  readonly params: RingParams;
  /** Process address of byte 0 of the buffer: what to add to an offset for `sqe.addr`. */
  readonly base: number;
  readonly place: RingPlacement;
  /** Sentences about what the kernel lacks and is made up for here; for `engine.why`. */
  readonly emulated: readonly string[];
  readonly #sys: Sys;
  #fd: number;
  readonly #parts: RingParts;
  readonly #version: KernelVersion;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  /** What calls name the ring by: the descriptor, or an index the thread registered. */
  #enterFd: number;
  #enterFlags: number;
  readonly #registerFlag: number;
  /** getevents_arg, then the timespec it points at. */
  readonly #arg: Uint8Array;
  readonly #argWords: Uint32Array;
  readonly #argAddress: number;
  /** Word indices. */
  readonly #head: number;
  readonly #tail: number;
  readonly #sqFlags: number;
  readonly #array: number;
  readonly #sqMask: number;
  readonly #rewinds: boolean;
  readonly #mirror: RingMirror | undefined;
  /** The kernel's own head where SQ_REWIND is emulated. */
  #trueHead = 0;
  /** Array entries (#pointedFrom + i) & mask hold i, for i below #pointed. */
  #pointedFrom = 0;
  #pointed = 0;
  /** Where code that submits by itself keeps its words; 0: there is none. */
  #directWords = 0;

  constructor(sys: Sys, buffer: ArrayBufferLike, place: RingPlacement, parts: RingParts, version: KernelVersion) {
    const { sq_off } = parts.real;
    this.#sys = sys;
    this.#parts = parts;
    this.#version = version;
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.base = sys.addressOf(this.#bytes);
    this.#fd = parts.fd;
    this.#enterFd = parts.fd;
    this.params = parts.params;
    this.place = place;
    this.emulated = parts.emulated;
    const registered = (parts.params.flags & IORING_SETUP.IORING_SETUP_REGISTERED_FD_ONLY) !== 0;
    this.#enterFlags = registered ? IORING_ENTER_REGISTERED_RING : 0;
    this.#registerFlag = registered ? IORING_REGISTER_FLAGS.IORING_REGISTER_USE_REGISTERED_RING : 0;
    this.#arg = new Uint8Array(io_uring_getevents_arg.size + __kernel_timespec.size);
    this.#argWords = new Uint32Array(this.#arg.buffer);
    this.#argAddress = sys.addressOf(this.#arg);
    setField(io_uring_getevents_arg, viewOf(this.#arg), 0, "ts", this.#argAddress + io_uring_getevents_arg.size);
    this.#head = (place.rings + sq_off.head) >>> 2;
    this.#tail = (place.rings + sq_off.tail) >>> 2;
    this.#sqFlags = (place.rings + sq_off.flags) >>> 2;
    this.#array = (place.rings + sq_off.array) >>> 2;
    this.#sqMask = parts.real.sq_entries - 1;
    this.#rewinds = parts.array === "rewind";
    this.#mirror = parts.mirrored && new RingMirror(sys, parts.mirrored, parts.real, buffer, place.rings, place.sqes);
    if (parts.array === "identity") {
      for (let i = 0; i < parts.real.sq_entries; i++) this.#words[this.#array + i] = i;
    }
  }

  /** The descriptor; with REGISTERED_FD_ONLY the registered index; -1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /** True where the kernel fetches SQEs itself. */
  get sqpoll(): boolean {
    return (this.params.flags & IORING_SETUP.IORING_SETUP_SQPOLL) !== 0;
  }

  /**
   * Submits up to `count` queued SQEs (with SQ_REWIND: the first `count` slots): SQEs consumed, or a negative errno. One
   * system call; with SQPOLL none unless the poll thread sleeps.
   */
  submit(count: number): number {
    if (!this.sqpoll || this.#fd < 0) return this.enter(count, 0, 0);
    if (!(Atomics.load(this.#words, this.#sqFlags) & IORING_SQ.IORING_SQ_NEED_WAKEUP)) return count;
    return this.enter(count, 0, IORING_ENTER_SQ_WAKEUP);
  }

  /**
   * io_uring_enter(2), without allocating. `timeoutNs` >= 0 limits the wait (needs GETEVENTS in `flags`): -ETIME then.
   * Returns SQEs consumed or a negative errno, exactly as the kernel.
   */
  enter(toSubmit: number, minComplete: number, flags: number, timeoutNs = -1): number {
    if (!this.#rewinds || toSubmit === 0) return this.#enter(toSubmit, minComplete, flags, timeoutNs);
    const words = this.#words;
    const head = this.#trueHead;
    const count = Math.min(toSubmit >>> 0, this.#sqMask + 1);
    this.#point(head & this.#sqMask, count);
    words[this.#tail] = (head + count) | 0;
    const result = this.#enter(toSubmit, minComplete, flags, timeoutNs);
    // the kernel counts for itself: it reads the tail only, and has taken what it says
    if (result > 0) this.#trueHead = (head + result) | 0;
    words[this.#head] = 0;
    words[this.#tail] = 0;
    return result;
  }

  /** Lets array entries from `from` on stand for slots 0 .. count-1. */
  #point(from: number, count: number): void {
    if (from === this.#pointedFrom && count <= this.#pointed) return;
    for (let i = 0; i < count; i++) this.#words[this.#array + ((from + i) & this.#sqMask)] = i;
    this.#pointedFrom = from;
    this.#pointed = count;
  }

  /**
   * Leaves submitting to the caller's own code, which keeps its words (ENTER_WORDS) at `words` of the buffer; from then on it
   * alone may submit. Undefined where only `enter` can do it.
   */
  direct(words: number): DirectSubmit | undefined {
    const gate = this.#sys.enterGate;
    if (gate === undefined || this.#mirror !== undefined || this.#fd < 0 || this.#trueHead !== 0) return undefined;
    this.#words[(words + ENTER_WORDS.fd) >>> 2] = this.#enterFd;
    this.#words[(words + ENTER_WORDS.flags) >>> 2] = this.#enterFlags;
    this.#directWords = words;
    gate.use(this.base + words);
    const [head, tail, array] = [this.#head << 2, this.#tail << 2, this.#array << 2];
    return { call: gate.call, rewind: this.#rewinds ? { head, tail, array, mask: this.#sqMask } : undefined };
  }

  /** Waits until `minComplete` CQEs are there, at most `timeoutNs` (< 0: for ever). 0, -ETIME, -EINTR or another errno. */
  wait(minComplete: number, timeoutNs = -1): number {
    return this.#enter(0, minComplete, IORING_ENTER_GETEVENTS, timeoutNs);
  }

  /** Runs pending task work and flushes overflowed CQEs, without waiting. */
  getEvents(): number {
    return this.#enter(0, 0, IORING_ENTER_GETEVENTS, -1);
  }

  #enter(toSubmit: number, minComplete: number, flags: number, timeoutNs: number): number {
    const mirror = this.#mirror;
    if (mirror === undefined) return this.#call(toSubmit, minComplete, flags, timeoutNs);
    if (this.#fd < 0) return -EBADF;
    mirror.push(toSubmit !== 0);
    const result = this.#call(toSubmit, minComplete, flags, timeoutNs);
    mirror.pull(toSubmit !== 0);
    return result;
  }

  #call(toSubmit: number, minComplete: number, flags: number, timeoutNs: number): number {
    const all = flags | this.#enterFlags;
    if (timeoutNs < 0) return io_uring_enter(this.#sys, this.#enterFd, toSubmit, minComplete, all);
    const seconds = Math.floor(timeoutNs / NS_PER_S);
    // the timespec by halves: tv_sec at word 6, tv_nsec at word 8
    this.#argWords[6] = seconds;
    this.#argWords[7] = seconds / 0x1_0000_0000;
    this.#argWords[8] = timeoutNs - seconds * NS_PER_S;
    return io_uring_enter(
      this.#sys,
      this.#enterFd,
      toSubmit,
      minComplete,
      all | IORING_ENTER_EXT_ARG,
      this.#argAddress,
      io_uring_getevents_arg.size,
    );
  }

  /** io_uring_register(2) with an argument given as bytes, an address, or 0: the result or a negative errno. */
  register(opcode: number, arg: Uint8Array | number, nr_args: number): number {
    const address = typeof arg === "number" ? arg : this.#sys.addressOf(arg);
    return io_uring_register(this.#sys, this.#fd, (opcode | this.#registerFlag) >>> 0, address, nr_args);
  }

  /**
   * Registers the descriptor with this thread: from now on the ring can be entered from no other. It spares each call taking
   * and dropping a reference to the file, which in a process of several threads is dear. Where it cannot be had nothing changes.
   */
  registerFd(): void {
    if (this.#enterFlags & IORING_ENTER_REGISTERED_RING) return;
    const bytes = new Uint8Array(io_uring_rsrc_update.size);
    const view = viewOf(bytes);
    setField(io_uring_rsrc_update, view, 0, "offset", ANY_INDEX);
    setField(io_uring_rsrc_update, view, 0, "data", this.#fd);
    if (this.register(IORING_REGISTER.IORING_REGISTER_RING_FDS, bytes, 1) !== 1) return;
    this.#enterFd = Number(getField(io_uring_rsrc_update, view, 0, "offset"));
    this.#enterFlags |= IORING_ENTER_REGISTERED_RING;
  }

  #unregisterFd(): void {
    const bytes = new Uint8Array(io_uring_rsrc_update.size);
    setField(io_uring_rsrc_update, viewOf(bytes), 0, "offset", this.#enterFd);
    this.register(IORING_REGISTER.IORING_UNREGISTER_RING_FDS, bytes, 1);
  }

  /** Enables a ring made with R_DISABLED; binds it to this thread. Throws SysError. */
  enable(): void {
    check(
      this.register(IORING_REGISTER.IORING_REGISTER_ENABLE_RINGS, 0, 0),
      "io_uring_register(IORING_REGISTER_ENABLE_RINGS)",
    );
  }

  /**
   * Registers `size` bytes at `offset` of the buffer as the parameter region (whole pages). `waitArg`: also as wait
   * arguments, while R_DISABLED. Throws SysError; a kernel before 6.13 is no error, see MemRegionResult.
   */
  registerMemRegion(offset: number, size: number, waitArg = false): MemRegionResult {
    const bytes = new Uint8Array(io_uring_region_desc.size + io_uring_mem_region_reg.size);
    const view = viewOf(bytes);
    const address = this.#sys.addressOf(bytes);
    setField(io_uring_region_desc, view, 0, "user_addr", this.base + offset);
    setField(io_uring_region_desc, view, 0, "size", size);
    setField(io_uring_region_desc, view, 0, "flags", IORING_REGISTER_FLAGS.IORING_MEM_REGION_TYPE_USER);
    const reg = io_uring_region_desc.size;
    setField(io_uring_mem_region_reg, view, reg, "region_uptr", address);
    setField(
      io_uring_mem_region_reg,
      view,
      reg,
      "flags",
      waitArg ? IORING_REGISTER_FLAGS.IORING_MEM_REGION_REG_WAIT_ARG : 0,
    );
    const call = "io_uring_register(IORING_REGISTER_MEM_REGION)";
    const result = this.register(IORING_REGISTER.IORING_REGISTER_MEM_REGION, bytes.subarray(reg), 1);
    if (result >= 0) return { registered: true, why: "the parameter region is registered with the kernel" };
    if (result === -EINVAL && !isAtLeast(this.#version, MEM_REGION_SINCE)) {
      const why = `Linux ${formatKernelVersion(this.#version)} has no parameter regions (since ${MEM_REGION_SINCE}): it is memory of this process only`;
      return { registered: false, why };
    }
    throw sysError(call, result, {
      message: "the parameter region cannot be registered",
      where: `${size} bytes at offset ${offset}`,
      ...(result === -EINVAL
        ? { remedy: `Address and size must be multiples of ${this.#sys.pageSize}, the size not 0` }
        : {}),
    });
  }

  /** The opcodes this kernel supports. Throws SysError. */
  probeOps(): ReadonlySet<number> {
    const bytes = new Uint8Array(PROBE_BYTES);
    check(this.register(IORING_REGISTER.IORING_REGISTER_PROBE, bytes, 256), "io_uring_register(IORING_REGISTER_PROBE)");
    return decodeProbe(bytes);
  }

  /** Cancels every request in flight, waiting at most `timeoutMs` for them to end. 0, -ENOENT (none) or a negative errno. */
  cancelAll(timeoutMs = 100): number {
    const bytes = new Uint8Array(io_uring_sync_cancel_reg.size);
    const view = viewOf(bytes);
    const { IORING_ASYNC_CANCEL_ALL, IORING_ASYNC_CANCEL_ANY } = IORING_ASYNC_CANCEL;
    setField(io_uring_sync_cancel_reg, view, 0, "fd", -1);
    setField(io_uring_sync_cancel_reg, view, 0, "flags", IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
    setField(io_uring_sync_cancel_reg, view, 0, "timeout.tv_sec", Math.floor(timeoutMs / 1000));
    setField(io_uring_sync_cancel_reg, view, 0, "timeout.tv_nsec", (timeoutMs % 1000) * 1_000_000);
    return this.register(IORING_REGISTER.IORING_REGISTER_SYNC_CANCEL, bytes, 1);
  }

  /** True once closed. */
  get closed(): boolean {
    return this.#fd < 0;
  }

  /**
   * Closes the ring; a second call does nothing. The ring's memory reads as zero afterwards: the kernel takes a ring down in
   * its own time and may still post completions, which must not land in memory that is used again.
   */
  close(): void {
    if (this.#fd < 0) return;
    // a registered index keeps the ring alive
    if (this.#enterFlags & IORING_ENTER_REGISTERED_RING) this.#unregisterFd();
    if (!this.#registerFlag) close(this.#sys, this.#fd);
    // the number may soon name another file
    this.#fd = -1;
    this.#enterFd = -1;
    this.#enterFlags = 0;
    if (this.#directWords !== 0) this.#words[(this.#directWords + ENTER_WORDS.fd) >>> 2] = -1;
    const { rings, sqes } = this.place;
    const { ringsSize, sqesSize } = this.#parts;
    if (this.#mirror === undefined) {
      madvise(this.#sys, this.base + rings, ringsSize, MADV_DONTNEED);
      madvise(this.#sys, this.base + sqes, sqesSize, MADV_DONTNEED);
    } else {
      this.#mirror.close();
      this.#bytes.fill(0, rings, rings + ringsSize);
      this.#bytes.fill(0, sqes, sqes + sqesSize);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
