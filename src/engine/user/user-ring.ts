// A ring of the `user` engine, on the caller's side: its memory, its thread, and running its loop.

import { EBADF, EBUSY, EINTR } from "../../base/index.ts";
import { closeSync } from "node:fs";
import { VmFault, type VmImage, type VmMemory } from "../../bpf/vm/index.ts";
import {
  ejectSlot,
  LoopError,
  ringGeometry,
  type RingGeometry,
  type OpsSlot,
  type Regions,
  type RingOptions,
  type RunOptions,
  type RunStats,
} from "../../loop/index.ts";
import type { RingPlacement } from "../../sys/index.ts";
import { IORING_SETUP } from "../../uring/abi/index.ts";
import { ABORT, CONTROL, GRACE_MS, ThreadError, type RingThread } from "../ring-thread.ts";
import { Occupied } from "../occupied.ts";
import { IOU_CTX, regionBytes, RingMemory } from "../ring-memory.ts";
import { setupRequest } from "../ring-request.ts";
import type { VmRing } from "../vm-object.ts";
import type { WatchedSection } from "../watched-globals.ts";
import { reviveSysError } from "../revive.ts";
import { loopError } from "../run-outcome.ts";
import { stepsOf } from "./drive.ts";
import { STEPS_BYTES } from "./protocol.ts";
import { OWN_BYTES } from "./submit-code.ts";
import type { AttachRequest, CreateReply, CreateRequest, RunReply } from "./protocol.ts";

const NO_STATS: RunStats = { steps: 0, submitted: 0, completed: 0, enters: 0, wallNs: 0 };

/** Instructions of a program that may be compiled before its verdict: a refusal waits for the thread, which must be soon. */
const MOST_AHEAD = 4096;

/** How programs run in the ring's thread. */
export interface RunMode {
  readonly interpret: boolean;
  /** Check every access: the program was not verified. */
  readonly checked: boolean;
  readonly seed: number;
}

/** Hears that a ring is closed; its thread can serve another. */
export type RingClosed = (ring: UserRing, thread: RingThread) => void;

export class UserRing implements VmRing {
  readonly params: RingGeometry;
  readonly mem: Uint8Array | undefined;
  readonly sqes: Uint8Array;
  readonly rings: Uint8Array;
  readonly slot: OpsSlot;
  /** Sentences on what the kernel lacks and is made up for. */
  readonly notes: readonly string[];
  stats: RunStats = NO_STATS;
  readonly #memory: VmMemory;
  readonly #own: RingMemory;
  readonly #thread: RingThread;
  readonly #regions: Regions;
  readonly #steps: number;
  readonly fd: number;
  readonly #onClose: RingClosed;
  readonly #occupied = new Occupied();
  #image: VmImage | undefined;
  #startedAt = 0;
  /** What the thread was last asked to make ready for. */
  #prepared: VmImage | undefined;
  #closed = false;
  /** Its thread had to be ended. */
  #lost = false;

  /** Makes the ring in `thread`, which is the caller's again if that fails. */
  constructor(memory: VmMemory, thread: RingThread, options: RingOptions, onClose: RingClosed) {
    this.#memory = memory;
    this.#thread = thread;
    this.#onClose = onClose;
    const request = setupRequest(options);
    const own = new RingMemory(memory, request, options.mem, process.pid);
    this.#own = own;
    try {
      this.#steps = own.own("the counters", STEPS_BYTES + OWN_BYTES);
      const place: RingPlacement = {
        rings: own.rings.address,
        ringsSize: own.rings.size,
        sqes: own.sqes.address,
        sqesSize: own.sqes.size,
      };
      const create: CreateRequest = { place, request, mem: own.mem, counters: this.#steps };
      const { fd, params, notes } = this.#ask("create", create) as CreateReply;
      this.fd = fd;
      this.params = ringGeometry(params);
      this.notes = notes;
      this.#regions = own.publish();
    } catch (error) {
      if (!thread.ended) thread.callSync("close");
      own.release();
      throw error;
    }
    const { mem, cq, sq } = this.#regions;
    this.slot = { flags: request.flags, ops: undefined };
    this.mem = mem && regionBytes(memory, mem);
    this.sqes = regionBytes(memory, sq);
    this.rings = regionBytes(memory, cq);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True while there is nothing to run, so that its thread has nothing to do. */
  get idle(): boolean {
    return !this.#closed && this.#image === undefined && !this.#occupied.on && !this.#thread.ended;
  }

  /** Lets the thread compile, while this one goes on, what is likely to be attached. */
  prepare(image: VmImage, mode: RunMode): void {
    if (mode.interpret || image.insns.length > MOST_AHEAD) return;
    this.#prepared = image;
    // what goes wrong goes wrong again when it is attached
    this.#thread.call("prepare", this.#attachRequest(image, mode)).catch(() => {});
  }

  /** Hands the program to the ring's thread. `watched`: the globals that a trace tells of. */
  attach(image: VmImage, mode: RunMode, watched?: readonly WatchedSection[]): void {
    this.#ask("attach", this.#attachRequest(image, mode, watched));
    this.#image = image;
  }

  #attachRequest(image: VmImage, mode: RunMode, watched?: readonly WatchedSection[]): AttachRequest {
    return {
      image,
      regions: this.#regions,
      ctx: this.#own.ctx,
      params: this.#own.loopParams,
      steps: this.#steps,
      iouCtx: IOU_CTX,
      task: this.#own.task,
      watched,
      prepared: image === this.#prepared,
      ...mode,
    };
  }

  /** Takes the program away; a run that is on ends with -EFAULT at its next iteration, and is not woken. */
  detach(): void {
    this.#image = undefined;
    if (this.#occupied.on) Atomics.store(this.#thread.control, CONTROL.ejected, 1);
    else if (!this.#closed) this.#ask("detach");
  }

  async run(options: RunOptions = {}): Promise<0> {
    const { signal, timeoutMs, maxSteps = -1 } = options;
    const image = this.#begin();
    let grace: NodeJS.Timeout | undefined;
    const abort = (reason: number): void => {
      this.#end(reason);
      grace ??= setTimeout(() => void this.#thread.terminate(), GRACE_MS);
    };
    const onAbort = (): void => abort(ABORT.signal);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) abort(ABORT.signal);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => abort(ABORT.timeout), timeoutMs);
    try {
      return this.#finish((await this.#thread.call("run", { maxSteps })) as RunReply, image);
    } catch (error) {
      throw this.#outcomeOf(error);
    } finally {
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener("abort", onAbort);
      this.#occupied.leave();
    }
  }

  runSync({ maxSteps = -1, timeoutMs }: Omit<RunOptions, "signal"> = {}): 0 {
    const image = this.#begin();
    const deadline = timeoutMs === undefined ? undefined : { ms: timeoutMs, expire: () => this.#end(ABORT.timeout) };
    try {
      return this.#finish(this.#thread.callSync("run", { maxSteps }, deadline) as RunReply, image);
    } catch (error) {
      throw this.#outcomeOf(error);
    } finally {
      this.#occupied.leave();
    }
  }

  enable(): void {
    this.#ask("enable");
  }

  /** Steps so far of the run that is on. */
  get stepsSoFar(): number {
    return this.#closed ? this.stats.steps! : stepsOf(new Uint32Array(this.#memory.memory.buffer, this.#steps, 2));
  }

  afterRun(callback: () => void): void {
    this.#occupied.after(() => this.#whenQuiet(callback));
  }

  /** A thread that had to be ended may need a moment yet to stop. */
  #whenQuiet(callback: () => void): void {
    if (this.#lost) void this.#thread.terminate().then(callback);
    else callback();
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    ejectSlot(this.slot);
    if (this.#occupied.on) this.#end(ABORT.signal);
    if (!this.#thread.ended) this.#thread.callSync("close");
    this.#lost = this.#thread.ended;
    this.#whenQuiet(() => {
      // a registered index went with its thread, a descriptor is the process's
      if (this.#lost && !(this.slot.flags & IORING_SETUP.IORING_SETUP_REGISTERED_FD_ONLY)) closeSync(this.fd);
      this.#own.release();
    });
    this.#onClose(this, this.#thread);
  }

  #ask(name: string, args?: unknown): unknown {
    let value: unknown;
    try {
      value = this.#thread.callSync(name, args);
    } catch (error) {
      throw reviveSysError(error);
    }
    this.#thread.trace?.raise();
    return value;
  }

  #begin(): VmImage | undefined {
    if (this.#closed) throw new LoopError("LOOP_CLOSED", -EBADF, undefined, { message: "the ring is closed" });
    if (this.#occupied.on)
      throw new LoopError("LOOP_BUSY", -EBUSY, undefined, {
        message: "a run of this ring is on already",
        remedy: "Await it first.",
      });
    const { control, trace } = this.#thread;
    // who takes the trace and cannot go on ends the run
    if (trace) trace.onFailure = () => this.#end(ABORT.signal);
    Atomics.store(control, CONTROL.abort, ABORT.no);
    Atomics.store(control, CONTROL.ejected, 0);
    this.#memory.u8.fill(0, this.#steps, this.#steps + STEPS_BYTES);
    this.#occupied.enter();
    this.#startedAt = performance.now();
    return this.#image;
  }

  #end(reason: number): void {
    Atomics.compareExchange(this.#thread.control, CONTROL.abort, ABORT.no, reason);
  }

  #finish(reply: RunReply, image: VmImage | undefined): 0 {
    const { steps, submitted, completed, enters, wallNs } = reply;
    this.stats = { steps, submitted, completed, enters, wallNs };
    this.#thread.trace?.raise();
    if (reply.fault && image) throw new VmFault(reply.fault, image);
    if (reply.result < 0) throw loopError(reply);
    return 0;
  }

  /** A thread that had to be ended was ended for the reason in the control block; its ring is closed with it. */
  #outcomeOf(error: unknown): unknown {
    if (!(error instanceof ThreadError) || !this.#thread.ended) return reviveSysError(error);
    const reason = Atomics.load(this.#thread.control, CONTROL.abort);
    const steps = this.stepsSoFar;
    this.stats = { ...NO_STATS, steps, wallNs: Math.round((performance.now() - this.#startedAt) * 1e6) };
    this.#thread.trace?.tell({ ev: "leave", ring: this.fd, res: -EINTR });
    this[Symbol.dispose]();
    if (reason === ABORT.no) return error;
    return loopError({ result: -EINTR, ended: reason === ABORT.timeout ? "timeout" : "signal", steps });
  }
}
