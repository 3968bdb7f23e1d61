// A ring of the `user` engine, on the caller's side: its memory, its thread, and running its loop.

import { EBADF, EBUSY, EINTR } from "../../base/index.ts";
import { closeSync } from "node:fs";
import { VmFault, type VmImage, type VmMemory } from "../../bpf/vm/index.ts";
import {
  ejectSlot,
  LoopError,
  ringGeometry,
  placeTask,
  type RingGeometry,
  type OpsSlot,
  type Region,
  type Regions,
  type RingOptions,
  type RunOptions,
  type RunStats,
  UnsupportedError,
} from "../../loop/index.ts";
import type { RingPlacement } from "../../sys/index.ts";
import { IORING_SETUP, parseSetupFlags } from "../../uring/abi/index.ts";
import { ringsLayout } from "../../uring/ring/index.ts";
import { ABORT, CONTROL, GRACE_MS, ThreadError, type RingThread } from "../ring-thread.ts";
import { Occupied } from "../occupied.ts";
import type { VmRing } from "../vm-object.ts";
import { reviveSysError } from "../revive.ts";
import { loopError } from "../run-outcome.ts";
import { stepsOf } from "./drive.ts";
import { STEPS_BYTES } from "./protocol.ts";
import { OWN_BYTES } from "./submit-code.ts";
import type { AttachRequest, CreateReply, CreateRequest, RunReply } from "./protocol.ts";

const PAGE = 4096;

/** What stands for struct iou_ctx: a value in the page no program may touch, so that it can be passed on but not read. */
const IOU_CTX = 0x40;

const NO_STATS: RunStats = { steps: 0, submitted: 0, completed: 0, enters: 0, wallNs: 0 };

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
  readonly #thread: RingThread;
  readonly #regions: Regions;
  readonly #ctx: number;
  readonly #loopParams: number;
  readonly #task: number;
  readonly #steps: number;
  readonly #allocated: number[] = [];
  readonly #fd: number;
  readonly #onClose: RingClosed;
  readonly #occupied = new Occupied();
  #image: VmImage | undefined;
  #closed = false;
  /** Its thread had to be ended. */
  #lost = false;

  /** Makes the ring in `thread`, which is the caller's again if that fails. */
  constructor(memory: VmMemory, thread: RingThread, options: RingOptions, onClose: RingClosed) {
    const { entries, cq_entries, mem } = options;
    const flags = parseSetupFlags(options.flags);
    const request = { entries, flags, ...(cq_entries === undefined ? {} : { cq_entries }) };
    checkMemSize(mem);
    const layout = ringsLayout(request);
    this.#memory = memory;
    this.#thread = thread;
    this.#onClose = onClose;
    const pages = { align: PAGE, visible: false };
    const keep = (start: number): number => {
      this.#allocated.push(start);
      return start;
    };
    try {
      const place: RingPlacement = {
        rings: keep(memory.allocate("ring", layout.ringsReserve, pages)),
        ringsSize: layout.ringsReserve,
        sqes: keep(memory.allocate("SQEs", layout.sqesSize, pages)),
        sqesSize: layout.sqesSize,
      };
      const region: Region | undefined =
        mem === undefined
          ? undefined
          : { address: keep(memory.allocate("IOU_REGION_MEM", mem, { align: PAGE })), size: mem };
      this.#ctx = keep(memory.allocate("the context", 16, { writable: false }));
      this.#loopParams = keep(memory.allocate("struct iou_loop_params", 4));
      this.#task = keep(placeTask(memory, process.pid, process.pid));
      this.#steps = keep(memory.allocate("the counters", STEPS_BYTES + OWN_BYTES, { visible: false }));
      const create: CreateRequest = { place, request, mem: region, counters: this.#steps };
      const { fd, params, notes } = this.#ask("create", create) as CreateReply;
      this.#fd = fd;
      this.params = ringGeometry(params);
      this.notes = notes;
      const [rings, sqes] = [place.rings, place.sqes];
      memory.addSegment({ name: "IOU_REGION_CQ", start: rings, end: rings + layout.ringsSize, writable: true });
      memory.addSegment({ name: "IOU_REGION_SQ", start: sqes, end: sqes + layout.sqesSize, writable: true });
      this.#regions = {
        mem: region,
        cq: { address: rings, size: layout.ringsSize },
        sq: { address: sqes, size: layout.sqesSize },
      };
    } catch (error) {
      if (!thread.ended) thread.callSync("close");
      this.#release();
      throw error;
    }
    const { mem: region, cq, sq } = this.#regions;
    memory.view.setBigUint64(this.#ctx, BigInt(IOU_CTX), true);
    memory.view.setBigUint64(this.#ctx + 8, BigInt(this.#loopParams), true);
    this.slot = { flags, ops: undefined };
    const { u8 } = memory;
    this.mem = region && u8.subarray(region.address, region.address + region.size);
    this.sqes = u8.subarray(sq.address, sq.address + sq.size);
    this.rings = u8.subarray(cq.address, cq.address + cq.size);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Hands the program to the ring's thread. */
  attach(image: VmImage, mode: RunMode): void {
    const request: AttachRequest = {
      image,
      regions: this.#regions,
      ctx: this.#ctx,
      params: this.#loopParams,
      steps: this.#steps,
      iouCtx: IOU_CTX,
      task: this.#task,
      ...mode,
    };
    this.#ask("attach", request);
    this.#image = image;
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
      if (this.#lost && !(this.slot.flags & IORING_SETUP.IORING_SETUP_REGISTERED_FD_ONLY)) closeSync(this.#fd);
      this.#release();
    });
    this.#onClose(this, this.#thread);
  }

  #release(): void {
    for (const start of this.#allocated) this.#memory.release(start);
  }

  #ask(name: string, args?: unknown): unknown {
    try {
      return this.#thread.callSync(name, args);
    } catch (error) {
      throw reviveSysError(error);
    }
  }

  #begin(): VmImage | undefined {
    if (this.#closed) throw new LoopError("LOOP_CLOSED", -EBADF, undefined, { message: "the ring is closed" });
    if (this.#occupied.on)
      throw new LoopError("LOOP_BUSY", -EBUSY, undefined, {
        message: "a run of this ring is on already",
        remedy: "Await it first.",
      });
    const { control } = this.#thread;
    Atomics.store(control, CONTROL.abort, ABORT.no);
    Atomics.store(control, CONTROL.ejected, 0);
    this.#memory.u8.fill(0, this.#steps, this.#steps + STEPS_BYTES);
    this.#occupied.enter();
    return this.#image;
  }

  #end(reason: number): void {
    Atomics.compareExchange(this.#thread.control, CONTROL.abort, ABORT.no, reason);
  }

  #finish(reply: RunReply, image: VmImage | undefined): 0 {
    const { steps, submitted, completed, enters, wallNs } = reply;
    this.stats = { steps, submitted, completed, enters, wallNs };
    if (reply.fault && image) throw new VmFault(reply.fault, image);
    if (reply.result < 0) throw loopError(reply);
    return 0;
  }

  /** A thread that had to be ended was ended for the reason in the control block; its ring is closed with it. */
  #outcomeOf(error: unknown): unknown {
    if (!(error instanceof ThreadError) || !this.#thread.ended) return reviveSysError(error);
    const reason = Atomics.load(this.#thread.control, CONTROL.abort);
    const steps = this.stepsSoFar;
    this.stats = { ...NO_STATS, steps };
    this[Symbol.dispose]();
    if (reason === ABORT.no) return error;
    return loopError({ result: -EINTR, ended: reason === ABORT.timeout ? "timeout" : "signal", steps });
  }
}

function checkMemSize(mem: number | undefined): void {
  if (mem === undefined || (Number.isInteger(mem) && mem > 0 && mem % PAGE === 0)) return;
  throw new UnsupportedError("FEATURE_UNSUPPORTED", {
    message: "the parameter region must be whole pages",
    found: `${mem} bytes`,
    expected: `a multiple of ${PAGE}, not 0`,
  });
}
