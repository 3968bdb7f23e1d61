// A ring of the `sim` engine: memory inside the VM's (IORING_SETUP_NO_MMAP), the simulated kernel behind it, and running
// its loop, in slices so that the event loop of the host stays free.

import { EBADF, EBUSY, EFAULT, EINTR } from "../../base/index.ts";
import { VmFault, type Callee, type Executable, type VmMemory } from "../../bpf/vm/index.ts";
import {
  ejectSlot,
  loopKfuncs,
  LoopError,
  ringGeometry,
  UnsupportedError,
  type OpsSlot,
  type Regions,
  type Ring,
  type RingGeometry,
  type RingOptions,
  type RunOptions,
  type RunStats,
} from "../../loop/index.ts";
import {
  checkSetup,
  setupFlagNames,
  decodeParams,
  encodeParams,
  io_uring_params,
  io_uring_rsrc_update,
  IORING_ENTER,
  IORING_REGISTER,
  IORING_REGISTER_FLAGS,
  IORING_SETUP,
  type SetupRequest,
} from "../../uring/abi/index.ts";
import {
  SIM_BASE,
  SIM_KERNEL_VERSION,
  SimError,
  type LoopRun,
  type LoopStep,
  type SimKernel,
  type Ring as KernelRing,
} from "../../uring/sim/index.ts";
import type { TraceSink } from "../../uring/trace/index.ts";
import type { GlobalWatch } from "../global-watch.ts";
import { fullCount } from "../full-count.ts";
import { Occupied } from "../occupied.ts";
import { IOU_CTX, regionBytes, RingMemory } from "../ring-memory.ts";
import { setupRequest } from "../ring-request.ts";
import { loopError, type EndedBy } from "../run-outcome.ts";
import { vmFaultEvent } from "../vm-fault-event.ts";

const { IORING_ENTER_GETEVENTS, IORING_ENTER_REGISTERED_RING } = IORING_ENTER;
const { fields } = io_uring_params;
const [PARAMS_SQES] = fields["sq_off.user_addr"];
const [PARAMS_RINGS] = fields["cq_off.user_addr"];
/** Bytes for the arguments of system calls, and where in them a second structure lies. */
const ARGUMENTS = 256;
const SECOND = 128;
/** How long a run may keep the host's event loop waiting, ms. */
const SLICE_MS = 8;
const SLICE_STEPS = 256;

const NO_STATS: RunStats = { steps: 0, submitted: 0, completed: 0, enters: 0, wallNs: 0 };

/** Makes the program ready, given the functions it may call. */
export type MakeProgram = (kfuncs: Record<string, Callee>) => Executable;

/** Programs may look at the process they run in; here it is always the same one. */
const SIM_PID = 1;

/** Hears that a ring is closed. */
export type RingClosed = (ring: SimRing) => void;

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export class SimRing implements Ring {
  readonly params: RingGeometry;
  readonly mem: Uint8Array | undefined;
  readonly sqes: Uint8Array;
  readonly rings: Uint8Array;
  readonly slot: OpsSlot;
  /** The descriptor, or with REGISTERED_FD_ONLY the index among the registered rings. */
  readonly fd: number;
  /** The ring inside the simulated kernel. */
  readonly kernelRing: KernelRing;
  stats: RunStats = NO_STATS;
  readonly #kernel: SimKernel;
  readonly #memory: VmMemory;
  readonly #own: RingMemory;
  readonly #regions: Regions;
  readonly #onClose: RingClosed;
  /** Memory for the arguments of system calls. */
  readonly #arg: number;
  readonly #registered: boolean;
  #submitted = 0;
  #current: LoopRun | undefined;
  #watch: GlobalWatch | undefined;
  readonly #occupied = new Occupied();
  #closed = false;

  constructor(kernel: SimKernel, memory: VmMemory, options: RingOptions, onClose: RingClosed = () => {}) {
    const request = setupRequest(options);
    const own = new RingMemory(memory, request, options.mem, SIM_PID);
    this.#memory = memory;
    this.#kernel = kernel;
    this.#own = own;
    this.#onClose = onClose;
    const { flags } = request;
    this.#registered = (flags & IORING_SETUP.IORING_SETUP_REGISTERED_FD_ONLY) !== 0;
    let fd = -1;
    let arg = 0;
    try {
      arg = own.own("arguments", ARGUMENTS);
      kernel.memory.refresh(memory.memory.buffer);
      fd = this.#setup(arg, { ...request, flags: flags | IORING_SETUP.IORING_SETUP_NO_MMAP });
      if (fd < 0) throw setupError(fd, request);
      const params = { ...decodeParams(memory.u8.subarray(arg)), flags };
      this.params = ringGeometry(params);
      const { array } = params.sq_off;
      const first = own.rings.address + array;
      if (array !== 0) for (let i = 0; i < params.sq_entries; i++) memory.view.setUint32(first + i * 4, i, true);
      this.#registerMem(fd, arg);
      this.#regions = own.publish();
    } catch (error) {
      if (fd >= 0) this.#close(fd, arg);
      own.release();
      throw error;
    }
    this.fd = fd;
    this.#arg = arg;
    this.kernelRing = kernel.ring(fd, this.#registered) as KernelRing;
    const { mem, cq, sq } = this.#regions;
    this.slot = { flags, ops: undefined };
    this.mem = mem && regionBytes(memory, mem);
    this.sqes = regionBytes(memory, sq);
    this.rings = regionBytes(memory, cq);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get stepsSoFar(): number {
    return this.#current?.steps ?? 0;
  }

  /** Address of the task a program may look at. */
  get task(): number {
    return this.#own.task;
  }

  #setup(arg: number, request: SetupRequest): number {
    const { rings, sqes } = this.#own;
    const { view, u8 } = this.#memory;
    encodeParams(request, u8.subarray(arg));
    view.setBigUint64(arg + PARAMS_SQES, BigInt(SIM_BASE + sqes.address), true);
    view.setBigUint64(arg + PARAMS_RINGS, BigInt(SIM_BASE + rings.address), true);
    return this.#kernel.setup(request.entries, SIM_BASE + arg);
  }

  #registerMem(fd: number, arg: number): void {
    const { mem } = this.#own;
    if (mem === undefined) return;
    const { view, u8 } = this.#memory;
    const desc = arg + SECOND;
    u8.fill(0, arg, arg + ARGUMENTS);
    view.setBigUint64(arg, BigInt(SIM_BASE + desc), true);
    view.setBigUint64(desc, BigInt(SIM_BASE + mem.address), true);
    view.setBigUint64(desc + 8, BigInt(mem.size), true);
    view.setUint32(desc + 16, 1, true);
    this.#register(fd, IORING_REGISTER.IORING_REGISTER_MEM_REGION, SIM_BASE + arg, 1);
  }

  #register(fd: number, opcode: number, arg: number, nr: number): void {
    const flag = this.#registered ? IORING_REGISTER_FLAGS.IORING_REGISTER_USE_REGISTERED_RING : 0;
    this.#kernel.register(fd, (opcode | flag) >>> 0, arg, nr);
  }

  /** Gives up the ring: its descriptor, or its index. */
  #close(fd: number, arg: number): void {
    if (!this.#registered) {
      this.#kernel.close(fd);
      return;
    }
    this.#kernel.memory.refresh(this.#memory.memory.buffer);
    const { view, u8 } = this.#memory;
    u8.fill(0, arg, arg + io_uring_rsrc_update.size);
    view.setUint32(arg + io_uring_rsrc_update.fields.offset[0], fd, true);
    this.#register(fd, IORING_REGISTER.IORING_UNREGISTER_RING_FDS, SIM_BASE + arg, 1);
  }

  /** Installs the program as the ring's loop_step. `watch`: the globals that a trace tells of. */
  attach(make: MakeProgram, watch?: GlobalWatch): void {
    const ring = this.kernelRing;
    const program = make(this.#kfuncs(ring));
    const { words } = this.#memory;
    const { ctx, loopParams } = this.#own;
    const index = loopParams >>> 2;
    const step: LoopStep = (_ring, params) => {
      words[index] = params.cq_wait_idx;
      const verdict = program.run(ctx);
      params.cq_wait_idx = words[index] >>> 0;
      return verdict;
    };
    this.#watch = watch;
    this.#kernel.attach(ring, watch === undefined ? step : this.#tellingFaults(step));
  }

  /** A step that faults has no event of its own: what it did is told with the fault. */
  #tellingFaults(step: LoopStep): LoopStep {
    return (ring, params) => {
      try {
        return step(ring, params);
      } catch (error) {
        const { trace } = ring.machine;
        if (trace !== null && error instanceof VmFault) {
          this.tellGlobals(trace);
          trace({ t: this.#kernel.now, ring: this.fd, ...vmFaultEvent(error.facts) });
        }
        throw error;
      }
    };
  }

  /** Tells the globals that have changed since they were last told. */
  tellGlobals(trace: TraceSink): void {
    this.#watch?.tell((name, before, after) =>
      trace({ t: this.#kernel.now, ring: this.fd, ev: "global", name, before, after }),
    );
  }

  /** Takes the program away; a run that is on ends with -EFAULT at its next iteration, and is not woken. */
  detach(): void {
    if (!this.#closed) this.#kernel.detach(this.kernelRing);
  }

  afterRun(callback: () => void): void {
    this.#occupied.after(callback);
  }

  #kfuncs(ring: KernelRing): Record<string, Callee> {
    const submit = (nr: number): number => {
      const taken = this.#kernel.submitSqes(ring, nr);
      if (taken > 0) this.#submitted += taken;
      return taken;
    };
    return loopKfuncs({ iouCtx: IOU_CTX, regions: this.#regions, submit });
  }

  async run(options: RunOptions = {}): Promise<0> {
    const { signal, timeoutMs, maxSteps = Infinity } = options;
    const begun = this.#begin();
    const deadline = timeoutMs === undefined ? Infinity : begun.started + timeoutMs;
    try {
      // As with the other engines, nothing of the run happens inside the call itself.
      await Promise.resolve();
      for (;;) {
        const ended = this.#endOf(begun, signal, deadline, maxSteps);
        if (ended !== undefined) return this.#finish(begun, ended);
        try {
          this.#slice(begun, Math.min(deadline, performance.now() + SLICE_MS), maxSteps);
        } catch (error) {
          if (!isHang(error) || (signal === undefined && timeoutMs === undefined)) throw error;
          return this.#finish(begun, await reachable(signal, deadline));
        }
        if (begun.run?.result === undefined && begun.plain === undefined) await nextTurn();
      }
    } catch (error) {
      throw this.#failed(begun, error);
    } finally {
      this.#occupied.leave();
    }
  }

  runSync({ maxSteps = Infinity, timeoutMs }: Omit<RunOptions, "signal"> = {}): 0 {
    const begun = this.#begin();
    const deadline = timeoutMs === undefined ? Infinity : begun.started + timeoutMs;
    try {
      for (;;) {
        const ended = this.#endOf(begun, undefined, deadline, maxSteps);
        if (ended !== undefined) return this.#finish(begun, ended);
        try {
          this.#slice(begun, deadline, maxSteps);
        } catch (error) {
          // It would sleep until the time allowed is over: that is now.
          if (!isHang(error) || timeoutMs === undefined) throw error;
          return this.#finish(begun, "timeout");
        }
      }
    } catch (error) {
      throw this.#failed(begun, error);
    } finally {
      this.#occupied.leave();
    }
  }

  enable(): void {
    this.#register(this.fd, IORING_REGISTER.IORING_REGISTER_ENABLE_RINGS, 0, 0);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    ejectSlot(this.slot);
    this.#current?.end();
    this.#close(this.fd, this.#arg);
    this.#occupied.after(() => this.#own.release());
    this.#onClose(this);
  }

  #begin(): Begun {
    if (this.#closed) throw new LoopError("LOOP_CLOSED", -EBADF, undefined, { message: "the ring is closed" });
    if (this.#occupied.on) {
      throw new LoopError("LOOP_BUSY", -EBUSY, undefined, {
        message: "a run of this ring is on already",
        remedy: "Await it first.",
      });
    }
    this.#occupied.enter();
    this.#submitted = 0;
    this.#kernel.memory.refresh(this.#memory.memory.buffer);
    // what the host set before is no step's doing
    this.#watch?.look();
    const started = performance.now();
    const tail = this.kernelRing.cachedCqTail;
    const attached = this.kernelRing.loopStep !== null;
    const flag = this.#registered ? IORING_ENTER_REGISTERED_RING : 0;
    const run = attached
      ? this.#kernel.startLoop(this.fd, flag)
      : this.#kernel.enter(this.fd, 0, 0, IORING_ENTER_GETEVENTS | flag);
    if (typeof run === "number") return { started, tail, run: undefined, plain: Math.min(run, 0) };
    this.#current = run;
    return { started, tail, run, plain: undefined };
  }

  /** Runs steps until the loop ends, `until` (ms of the host's clock) has come, or all steps allowed are done. */
  #slice({ run }: Begun, until: number, maxSteps: number): void {
    if (run === undefined) return;
    do {
      run.advance(Math.min(SLICE_STEPS, maxSteps - run.steps));
    } while (run.result === undefined && run.steps < maxSteps && performance.now() < until);
  }

  #endOf(
    begun: Begun,
    signal: AbortSignal | undefined,
    deadline: number,
    maxSteps: number,
  ): EndedBy | "itself" | undefined {
    const { run, plain } = begun;
    if (plain !== undefined || run?.result !== undefined) return "itself";
    if (signal?.aborted === true) return "signal";
    if (run!.steps >= maxSteps) return "steps";
    return performance.now() >= deadline ? "timeout" : undefined;
  }

  #finish(begun: Begun, ended: EndedBy | "itself"): 0 {
    const { run, plain } = begun;
    if (ended !== "itself") run?.end();
    this.#keepStats(begun);
    const result = ended === "itself" ? (plain ?? run!.result!) : -EINTR;
    if (result >= 0) return 0;
    const ejected = ended === "itself" && result === -EFAULT && run !== undefined;
    throw loopError({ result, ended: ended === "itself" ? (ejected ? "eject" : undefined) : ended, steps: run?.steps });
  }

  #keepStats({ started, tail, run }: Begun): void {
    this.stats = {
      steps: run?.steps ?? 0,
      submitted: this.#submitted,
      completed: this.#closed ? 0 : fullCount(this.kernelRing.cachedCqTail - tail, this.#submitted),
      enters: 1,
      wallNs: Math.round((performance.now() - started) * 1e6),
    };
  }

  /** What to throw for what a slice threw; a fault of the program is its own error. */
  #failed(begun: Begun, error: unknown): unknown {
    if (error instanceof VmFault || error instanceof SimError) this.#keepStats(begun);
    return error;
  }
}

interface Begun {
  readonly started: number;
  readonly tail: number;
  readonly run: LoopRun | undefined;
  /** Result of an ordinary enter, when no loop is attached. */
  readonly plain: number | undefined;
}

const isHang = (error: unknown): boolean => error instanceof SimError && error.code === "SIM_HANG";

/** A process that sleeps for ever is still reached by a signal or the end of its time. */
function reachable(signal: AbortSignal | undefined, deadline: number): Promise<EndedBy> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve("signal");
    const left = deadline - performance.now();
    const timer = deadline === Infinity ? undefined : setTimeout(() => resolve("timeout"), Math.max(0, left));
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve("signal");
      },
      { once: true },
    );
  });
}

function setupError(errno: number, request: SetupRequest): UnsupportedError {
  const verdict = checkSetup(request, SIM_KERNEL_VERSION);
  return new UnsupportedError("FLAG_UNSUPPORTED", {
    where: "io_uring_setup",
    message: `the ring cannot be made: errno ${-errno}${verdict.errno === errno ? `, ${verdict.why}` : ""}`,
    found: `flags ${setupFlagNames(request.flags).join(", ") || "none"}`,
    expected: "what Linux 7.2 accepts",
  });
}
