// The simulated kernel as its process sees it: the three io_uring system calls with their real arguments, the mmap of ring
// memory, and a few ordinary calls (open, pipe, socketpair ...) that a host needs to set the stage. All answers are what the
// real calls return: a value, or a negative errno.

import { EBADF, EBADFD, EBUSY, EINTR, EINVAL, ENOMEM, EOPNOTSUPP } from "../../base/index.ts";
import { IORING_ENTER, IORING_OFF, IORING_SETUP } from "../abi/index.ts";
import { Clock, REALTIME_OFFSET_SEC } from "./clock.ts";
import { SimError } from "./errors.ts";
import { FaultInjector, type FaultPlan } from "./faults.ts";
import { Fifo } from "./fifo.ts";
import { closeFd, installFile, normalFile, putFile } from "./fd-table.ts";
import { SIM_BASE, SimMemory, UNMAPPED } from "./memory.ts";
import { SIM_OPTABLE } from "./ops/optable.ts";
import { RingFile } from "./ring-file.ts";
import { RINGFD_MAX, registerRing } from "./register.ts";
import { LoopRun, attachLoop, detachLoop, getRegion, type LoopLimits } from "./run-loop.ts";
import { createRing, isDisabled } from "./setup.ts";
import { raiseSignal } from "./sleep.ts";
import type { Costs, LoopStep, Machine, Network, OpenFile, Ring, World } from "./state.ts";
import { DEFAULT_NETWORK, makeSocketPair } from "./socket.ts";
import { EventFile, makePipe } from "./pipe.ts";
import { submitSqes } from "./submit.ts";
import { runLocalWorkLocked, runTaskWork } from "./task-work.ts";
import type { TraceSink } from "../trace/index.ts";
import { MemoryWorld } from "./world-memory.ts";
import { waitForCqes } from "./wait.ts";

const ENTER_FLAGS = Object.values(IORING_ENTER).reduce((all: number, bit) => all | bit, 0);
const { IORING_ENTER_GETEVENTS, IORING_ENTER_REGISTERED_RING } = IORING_ENTER;

/** What passes of virtual time where a real machine computes, ns. */
const DEFAULT_COSTS: Costs = { enter: 200, step: 100, submit: 0, worker: 5000, wake: 1000 };

/** What a machine is made of. */
export interface SimOptions {
  /** Memory of the process: whole pages, at most 4 GiB; it appears at SIM_BASE. */
  readonly memory: ArrayBufferLike;
  /** Offset below which ring memory allocated by the kernel may not reach. Default 0. */
  readonly kernelFloor?: number;
  /** Files. Default: an empty MemoryWorld. */
  readonly world?: World;
  /** Seed of the fault plan. Default 1. */
  readonly seed?: number;
  readonly faults?: FaultPlan;
  readonly trace?: TraceSink;
  readonly costs?: Partial<Costs>;
  /** How the machine's sockets are connected. Default: at once, with windows of 208 KiB. */
  readonly network?: Partial<Network>;
}

/** A machine with one process of one thread. */
export class SimKernel {
  readonly machine: Machine;

  constructor(options: SimOptions) {
    const faults = options.faults === undefined ? null : new FaultInjector(options.faults, options.seed ?? 1);
    const clock = new Clock();
    const trace = options.trace ?? null;
    this.machine = {
      memory: new SimMemory(options.memory, options.kernelFloor ?? 0),
      clock,
      world: options.world ?? new MemoryWorld(),
      faults,
      trace,
      costs: { ...DEFAULT_COSTS, ...options.costs },
      network: { ...DEFAULT_NETWORK, ...options.network },
      ops: SIM_OPTABLE,
      files: [],
      futexes: new Map(),
      addresses: new Map(),
      registeredRings: Array.from({ length: RINGFD_MAX }, () => null),
      taskWork: new Fifo(),
      signalPending: false,
      sleeper: null,
      awake: false,
      serial: 0,
      ephemeralPort: 32768,
    };
    faults?.listen((rule, kind, req, value, nth) =>
      trace?.({ t: clock.now, ev: "fault", rule, kind, req, value, nth }),
    );
    // Descriptors 0 to 2 are taken, as in a process just started.
    for (const path of ["/dev/null", "/dev/null", "/dev/null"]) this.open(path, 2);
  }

  get memory(): SimMemory {
    return this.machine.memory;
  }

  /** Virtual CLOCK_MONOTONIC, ns. */
  get now(): number {
    return this.machine.clock.now;
  }

  /**
   * io_uring_setup(2); `params` is the address of a struct io_uring_params. A descriptor, with REGISTERED_FD_ONLY an index to
   * enter with IORING_ENTER_REGISTERED_RING; or a negative errno.
   */
  setup(entries: number, params: number | bigint): number {
    const { machine } = this;
    const at = this.#locate(params);
    const ring = createRing(machine, entries, at);
    if (typeof ring === "number") return ring;
    const registered = (ring.flags & IORING_SETUP.IORING_SETUP_REGISTERED_FD_ONLY) !== 0;
    if (registered && ring.number >= RINGFD_MAX) return -EBUSY;
    const file = new RingFile(ring);
    ring.file = file;
    machine.trace?.({
      t: this.now,
      ring: ring.number,
      ev: "setup",
      sq: ring.sqEntries,
      cq: ring.cqEntries,
      flags: ring.flags >>> 0,
    });
    if (!registered) return installFile(machine, file);
    machine.registeredRings[ring.number] = file;
    return ring.number;
  }

  /** The ring behind a descriptor, with `registered` behind an index of registered rings; or a negative errno. */
  ring(fd: number, registered = false): Ring | number {
    const file = this.#ringFile(fd, registered);
    return typeof file === "number" ? file : file.ring;
  }

  #ringFile(fd: number, registered: boolean): RingFile | number {
    if (registered && (fd < 0 || fd >= RINGFD_MAX)) return -EINVAL;
    const file = registered ? this.machine.registeredRings[fd]! : normalFile(this.machine, fd);
    if (file === null) return -EBADF;
    return file instanceof RingFile ? file : -EOPNOTSUPP;
  }

  /**
   * io_uring_enter(2). `arg` is an address, with EXT_ARG_REG an offset into the registered region. With a loop attached it
   * runs the loop, and `limits` apply. Throws SimError SIM_HANG where a real process would sleep for ever.
   */
  enter(
    fd: number,
    toSubmit: number,
    minComplete: number,
    flags: number,
    arg: number | bigint = 0,
    size = 0,
    limits?: LoopLimits,
  ): number {
    const file = this.#beginEnter(fd, toSubmit, minComplete, flags);
    if (typeof file === "number") return file;
    const { ring } = file;
    if (ring.loopStep !== null) {
      const run = new LoopRun(ring, (result) => this.#endEnter(file, result));
      const maxSteps = limits?.maxSteps ?? Infinity;
      const res = run.advance(maxSteps);
      if (res !== undefined) return res;
      run.end();
      throw new SimError("SIM_STEPS", {
        message: "the loop did not stop",
        found: `${maxSteps} steps`,
        where: `ring ${ring.number}, ${this.now} ns`,
      });
    }
    let res = -EINTR;
    try {
      res = this.#enterPlain(ring, toSubmit >>> 0, minComplete >>> 0, flags, arg, size);
    } finally {
      this.#endEnter(file, res);
    }
    return res;
  }

  /**
   * As enter() on a ring with a loop, but to be driven step by step; a negative errno when it cannot be entered. `flags`: 0 or
   * IORING_ENTER_REGISTERED_RING.
   */
  startLoop(fd: number, flags = 0): LoopRun | number {
    const file = this.#beginEnter(fd, 0, 0, IORING_ENTER_GETEVENTS | flags);
    return typeof file === "number" ? file : new LoopRun(file.ring, (result) => this.#endEnter(file, result));
  }

  /** The checks of io_uring_enter; the ring's file, held. */
  #beginEnter(fd: number, toSubmit: number, min: number, flags: number): RingFile | number {
    const { machine } = this;
    if ((flags & ~ENTER_FLAGS) !== 0) return -EINVAL;
    const file = this.#ringFile(fd, (flags & IORING_ENTER_REGISTERED_RING) !== 0);
    if (typeof file === "number") return file;
    const { ring } = file;
    if (isDisabled(ring)) return -EBADFD;
    machine.trace?.({ t: this.now, ring: ring.number, ev: "enter", submit: toSubmit, min, flags });
    file.refs++;
    machine.clock.advance(machine.costs.enter);
    return file;
  }

  /** On the way back to the process task work is run and signals are delivered. */
  #endEnter(file: RingFile, res: number): void {
    const { machine } = this;
    if (!file.ring.closed) runTaskWork(machine);
    machine.signalPending = false;
    machine.trace?.({ t: this.now, ring: file.ring.number, ev: "leave", res });
    putFile(machine, file);
  }

  #enterPlain(ring: Ring, toSubmit: number, min: number, flags: number, arg: number | bigint, size: number): number {
    let ret = 0;
    if ((ring.flags & IORING_SETUP.IORING_SETUP_SQPOLL) !== 0) {
      // There is no poll thread here: what it would have taken is taken now.
      submitSqes(ring, ring.sqEntries);
      ret = toSubmit;
    } else if (toSubmit > 0) {
      ret = submitSqes(ring, toSubmit);
      if (ret !== toSubmit) return ret;
      if ((flags & IORING_ENTER_GETEVENTS) !== 0 && ring.deferTaskrun) runLocalWorkLocked(ring, min);
    }
    if ((flags & IORING_ENTER_GETEVENTS) !== 0) {
      const registered = (flags & IORING_ENTER.IORING_ENTER_EXT_ARG_REG) !== 0;
      const at = registered ? Number(arg) : this.#locate(arg);
      const waited = waitForCqes(ring, min, flags, at, Number(arg) === 0, size);
      if (waited === -53) ring.dropped = false;
      if (ret === 0) ret = waited;
    }
    return ret;
  }

  /** io_uring_register(2); `arg` is an address (for some opcodes a plain number or 0). */
  register(fd: number, opcode: number, arg: number | bigint, nr: number): number {
    const { machine } = this;
    const res = registerRing(machine, fd, opcode, this.#locate(arg), Number(arg), nr);
    machine.trace?.({ t: this.now, ring: fd, ev: "register", op: opcode & 0x7fff_ffff, res });
    return res;
  }

  /** mmap(2) of a ring's parts (IORING_OFF_*): the address, or a negative errno. The memory is where it is: no copy. */
  mmap(fd: number, offset: number | bigint, length: number): number {
    const ring = this.ring(fd);
    if (typeof ring === "number") return ring === -EBADF ? ring : -EINVAL;
    const at = Number(offset);
    if (at === IORING_OFF.IORING_OFF_SQ_RING || at === IORING_OFF.IORING_OFF_CQ_RING) {
      return length > ring.rings.size || !ring.rings.allocated ? -EINVAL : this.memory.address(ring.rings.at);
    }
    if (at === IORING_OFF.IORING_OFF_SQES) {
      return length > ring.sqes.size || !ring.sqes.allocated ? -EINVAL : this.memory.address(ring.sqes.at);
    }
    if (at === 0x2000_0000 && ring.memRegion?.allocated === true) {
      return length > ring.memRegion.size ? -EINVAL : this.memory.address(ring.memRegion.at);
    }
    if (Math.floor(at / 0x8000_0000) % 2 === 1) {
      const list = ring.bufferLists.get((at % 0x8000_0000) >>> IORING_OFF.IORING_OFF_PBUF_SHIFT);
      if (list !== undefined && list.allocated >= length) return this.memory.address(list.ringAt);
    }
    return -EINVAL;
  }

  /** close(2). */
  close(fd: number): number {
    const closed = closeFd(this.machine, fd);
    runTaskWork(this.machine);
    return closed ? 0 : -EBADF;
  }

  /** open(2) in the world. */
  open(path: string, flags: number, mode = 0o644): number {
    this.#tellTime();
    const file = this.machine.world.open({ directory: null, path }, flags, mode, 0);
    return typeof file === "number" ? file : installFile(this.machine, file);
  }

  /** pipe2(2): [reading end, writing end], or a negative errno. */
  pipe2(flags = 0): [number, number] | number {
    const { reader, writer } = makePipe(flags);
    return [this.install(reader), this.install(writer)];
  }

  /** socketpair(2) of AF_UNIX: both ends, or a negative errno. `type`: SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET. */
  socketpair(type: number): [number, number] {
    const [a, b] = makeSocketPair(this.machine, type, this.machine.network);
    return [this.install(a), this.install(b)];
  }

  /** eventfd2(2). */
  eventfd(initial: number, flags = 0): number {
    return this.install(new EventFile(initial, (flags & 1) !== 0, flags & ~1));
  }

  /** read(2) without blocking, at the current position: a count or a negative errno. `at`: a memory offset. */
  read(fd: number, at: number, length: number): number {
    const file = normalFile(this.machine, fd);
    if (file === null) return -EBADF;
    const count = file.read(this.memory, at, length, file.position);
    if (count > 0 && !file.stream) file.position += count;
    runTaskWork(this.machine);
    return count;
  }

  /** write(2) without blocking, at the current position. */
  write(fd: number, at: number, length: number): number {
    const file = normalFile(this.machine, fd);
    if (file === null) return -EBADF;
    const count = file.write(this.memory, at, length, file.position);
    if (count > 0 && !file.stream) file.position += count;
    runTaskWork(this.machine);
    return count;
  }

  /** Installs an open file description of the host's own making; its descriptor, or -EMFILE. */
  install(file: OpenFile): number {
    return installFile(this.machine, file);
  }

  /** The open file of a descriptor. */
  file(fd: number): OpenFile | undefined {
    return normalFile(this.machine, fd) ?? undefined;
  }

  /** Zeroed pages for the process, taken like the kernel's own from the end of memory: the address, or -ENOMEM. */
  allocate(bytes: number): number {
    const at = this.memory.allocatePages(bytes);
    return at < 0 ? -ENOMEM : SIM_BASE + at;
  }

  /** Attaches a loop to a ring, given by its descriptor or itself: 0, -EBADF, -EOPNOTSUPP or -EBUSY, in the kernel's order. */
  attach(to: number | Ring, step: LoopStep): number {
    const ring = typeof to === "number" ? this.ring(to) : to;
    return typeof ring === "number" ? ring : attachLoop(ring, step);
  }

  /** Takes the loop away, waking nobody. */
  detach(from: number | Ring): void {
    const ring = typeof from === "number" ? this.ring(from) : from;
    if (typeof ring !== "number") detachLoop(ring);
  }

  /** bpf_io_uring_submit_sqes. */
  submitSqes(ring: Ring, nr: number): number {
    return submitSqes(ring, nr);
  }

  /** bpf_io_uring_get_region: a memory offset, or -1 for NULL. */
  getRegion(ring: Ring, id: number, size: number): number {
    return getRegion(ring, id, size);
  }

  /** A signal with a handler arrives now: the call in progress ends with -EINTR, otherwise nothing happens. */
  signal(): void {
    raiseSignal(this.machine);
    if (this.machine.sleeper === null) this.machine.signalPending = true;
  }

  /** Lets virtual time pass outside any system call. */
  advance(ns: number): void {
    this.machine.clock.advance(ns);
    runTaskWork(this.machine);
  }

  #tellTime(): void {
    this.machine.world.setTime(BigInt(REALTIME_OFFSET_SEC) * 1_000_000_000n + BigInt(Math.floor(this.now)));
  }

  #locate(address: number | bigint): number {
    const value = typeof address === "bigint" ? address : BigInt(Math.trunc(address));
    if (value < 0n) return UNMAPPED;
    return this.memory.locate(Number(value & 0xffff_ffffn), Number(value >> 32n));
  }
}
