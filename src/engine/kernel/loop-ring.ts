// A ring of the `kernel` engine, on the caller's side: its memory, its thread, and entering it. A run is one
// io_uring_enter, which the kernel's loop keeps until the program stops; to end it from outside the thread is interrupted.

import { EBADF, EBUSY, EFAULT, EINTR } from "../../base/index.ts";
import { readFileSync } from "node:fs";
import {
  LoopError,
  UnsupportedError,
  ejectSlot,
  type OpsSlot,
  ringGeometry,
  type Ring,
  type RingGeometry,
  type RingOptions,
  type RunOptions,
  type RunStats,
} from "../../loop/index.ts";
import type { RingPlacement, Sys } from "../../sys/index.ts";
import { IORING_REGISTER } from "../../uring/abi/index.ts";
import { ringsLayout } from "../../uring/ring/index.ts";
import { IndexCount } from "../full-count.ts";
import { reviveSysError } from "../revive.ts";
import { ABORT, CONTROL, type RingThread } from "../ring-thread.ts";
import { setupRequest } from "../ring-request.ts";
import { loopError, type EndedBy } from "../run-outcome.ts";
import type { EngineTracing } from "../tracing.ts";
import { EnterTrace } from "./enter-trace.ts";
import type { PageMemory } from "./page-memory.ts";
import { EJECT, OWN, type CreateReply, type CreateRequest, type RunReply } from "./protocol.ts";
import { wake, type Wakeable } from "./wake.ts";

/** Between two wake-ups of a thread that has not answered the last. */
const WAKE_EVERY_MS = 2;
/** The CQ tail has to be looked at before it can have come round: long before, since no kernel completes 2 ** 32 in it. */
const COUNT_EVERY_MS = 20_000;
/** A loop seen at work so often, a millisecond apart, is one that spins. */
const MOST_LOOKS = 25;
const NO_STATS: RunStats = { steps: undefined, submitted: undefined, completed: 0, enters: 0, wallNs: 0 };

const ENDED: Readonly<Record<number, EndedBy>> = {
  [ABORT.signal]: "signal",
  [ABORT.timeout]: "timeout",
  [EJECT]: "eject",
};

/** See the head of the file. */
export class LoopRing implements Ring {
  readonly fd: number;
  readonly params: RingGeometry;
  readonly mem: Uint8Array | undefined;
  readonly sqes: Uint8Array;
  readonly rings: Uint8Array;
  readonly slot: OpsSlot;
  stats: RunStats = NO_STATS;
  /** Its trace, if one is wanted. */
  readonly trace: EnterTrace | undefined;
  /** Ends the attachment; set while there is one. */
  onClose: (() => void) | undefined;
  readonly #sys: Sys;
  readonly #memory: PageMemory;
  readonly #thread: RingThread;
  readonly #wakeable: Wakeable;
  readonly #giveBack: (thread: RingThread) => void;
  readonly #pages: (readonly [start: number, size: number])[] = [];
  readonly #cqTail: () => number;
  #completed: IndexCount;
  #running = false;
  #closed = false;

  /** `giveBack` takes the thread when the ring is closed. */
  constructor(
    sys: Sys,
    memory: PageMemory,
    thread: RingThread,
    options: RingOptions,
    giveBack: (thread: RingThread) => void,
    tracing?: EngineTracing,
  ) {
    const request = setupRequest(options);
    const { mem } = options;
    const layout = ringsLayout(request);
    this.#sys = sys;
    this.#memory = memory;
    this.#thread = thread;
    this.#giveBack = giveBack;
    const place: RingPlacement = {
      rings: this.#allocate(layout.ringsReserve),
      ringsSize: layout.ringsReserve,
      sqes: this.#allocate(layout.sqesSize),
      sqesSize: layout.sqesSize,
    };
    const region = mem === undefined ? undefined : { address: this.#allocate(mem), size: mem };
    const create: CreateRequest = { place, request, mem: region };
    try {
      const { fd, params, wakeable } = this.#ask("create", create) as CreateReply;
      this.fd = fd;
      this.params = ringGeometry(params);
      this.#wakeable = wakeable;
      this.trace = tracing && new EnterTrace(tracing, fd, memory.memory.buffer, place, params);
      if (region) this.trace?.register(IORING_REGISTER.IORING_REGISTER_MEM_REGION, 0);
    } catch (error) {
      if (!thread.ended) thread.callSync("close");
      this.#free();
      throw error;
    }
    const { bytes } = memory;
    const words = new Int32Array(memory.memory.buffer);
    const tail = (place.rings + this.params.cq_off.tail) >>> 2;
    this.#cqTail = () => Atomics.load(words, tail);
    this.#completed = new IndexCount(this.#cqTail);
    this.slot = { flags: request.flags, ops: undefined };
    this.mem = region && bytes.subarray(region.address, region.address + region.size);
    this.sqes = bytes.subarray(place.sqes, place.sqes + layout.sqesSize);
    this.rings = bytes.subarray(place.rings, place.rings + layout.ringsSize);
  }

  /** The kernel does not tell. */
  readonly stepsSoFar: undefined = undefined;

  get closed(): boolean {
    return this.#closed;
  }

  async run(options: RunOptions = {}): Promise<0> {
    const { signal, timeoutMs } = options;
    this.#begin(options);
    let waking: NodeJS.Timeout | undefined;
    const abort = (reason: number): void => {
      this.#mark(reason);
      this.#wake();
      waking ??= setInterval(() => this.#wake(), WAKE_EVERY_MS);
    };
    const onAbort = (): void => abort(ABORT.signal);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => abort(ABORT.timeout), timeoutMs);
    const counting = setInterval(() => this.#completed.look(), COUNT_EVERY_MS);
    try {
      this.trace?.enter();
      return this.#finish((await this.#thread.call("run")) as RunReply);
    } catch (error) {
      throw reviveSysError(error);
    } finally {
      clearTimeout(timer);
      clearInterval(waking);
      clearInterval(counting);
      signal?.removeEventListener("abort", onAbort);
      this.#running = false;
    }
  }

  runSync(options: Omit<RunOptions, "signal"> = {}): 0 {
    const { timeoutMs } = options;
    this.#begin(options);
    const deadline =
      timeoutMs === undefined ? undefined : { ms: timeoutMs, expire: () => this.interrupt(ABORT.timeout) };
    const watch = { everyMs: COUNT_EVERY_MS, look: () => this.#completed.look() };
    try {
      this.trace?.enter();
      return this.#finish(this.#thread.callSync("run", undefined, deadline, watch) as RunReply);
    } catch (error) {
      throw reviveSysError(error);
    } finally {
      this.#running = false;
    }
  }

  enable(): void {
    this.#ask("enable");
    this.trace?.register(IORING_REGISTER.IORING_REGISTER_ENABLE_RINGS, 0);
  }

  /**
   * Makes it safe to take the loop away. A loop that sleeps may lose its ops where it is; one that spins holds the ring,
   * and whoever detaches waits for it without end, as does every other attaching and detaching in the system. So that one
   * is interrupted first.
   */
  beforeDetach(): void {
    const { control } = this.#thread;
    const inside = (): boolean => this.#running && Atomics.load(control, OWN.inside) === 1;
    // one that is on its way to sleep is given the time to get there
    for (let look = 0; inside() && !isAsleep(this.#wakeable.tid); look++) {
      if (look === MOST_LOOKS) return this.interrupt(EJECT);
      Atomics.wait(control, OWN.inside, 1, 1);
    }
  }

  /** Ends a run that is on, for `reason` of ABORT, and waits until the thread has left the kernel. */
  interrupt(reason: number): void {
    if (!this.#running) return;
    this.#mark(reason);
    const { control } = this.#thread;
    while (Atomics.load(control, OWN.inside) === 1) {
      this.#wake();
      Atomics.wait(control, OWN.inside, 1, WAKE_EVERY_MS);
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.interrupt(ABORT.signal);
    this.onClose?.();
    ejectSlot(this.slot);
    if (!this.#thread.ended) this.#thread.callSync("close");
    this.#giveBack(this.#thread);
    this.#free();
  }

  #allocate(size: number): number {
    const start = this.#memory.allocate(size);
    this.#pages.push([start, size]);
    return start;
  }

  #free(): void {
    for (const [start, size] of this.#pages) this.#memory.release(start, size);
    this.#pages.length = 0;
  }

  #ask(name: string, args?: unknown): unknown {
    try {
      return this.#thread.callSync(name, args);
    } catch (error) {
      throw reviveSysError(error);
    }
  }

  #begin({ maxSteps }: RunOptions): void {
    if (this.#closed) throw new LoopError("LOOP_CLOSED", -EBADF, undefined, { message: "the ring is closed" });
    if (this.#running) {
      throw new LoopError("LOOP_BUSY", -EBUSY, undefined, {
        message: "a run of this ring is on already",
        remedy: "Await it first.",
      });
    }
    if (maxSteps !== undefined) {
      throw new UnsupportedError("FEATURE_UNSUPPORTED", {
        message: "the kernel does not count the steps of a loop",
        where: "engine kernel",
        remedy: "Use a time limit, or the user or sim engine.",
      });
    }
    const { control } = this.#thread;
    Atomics.store(control, CONTROL.abort, ABORT.no);
    this.#completed = new IndexCount(this.#cqTail);
    this.#running = true;
  }

  #mark(reason: number): void {
    Atomics.compareExchange(this.#thread.control, CONTROL.abort, ABORT.no, reason);
  }

  #wake(): void {
    if (Atomics.load(this.#thread.control, OWN.inside) === 1) wake(this.#sys, this.#wakeable);
  }

  #finish({ result, wallNs }: RunReply): 0 {
    const completed = this.#completed.look();
    this.stats = { steps: undefined, submitted: undefined, completed, enters: 1, wallNs };
    this.trace?.leave(result, completed);
    // without a loop attached it was an ordinary io_uring_enter
    if (result >= 0) return 0;
    const reason = ENDED[Atomics.load(this.#thread.control, CONTROL.abort)];
    if (result === -EFAULT || (result === -EINTR && reason === "eject")) {
      throw loopError({ result: -EFAULT, ended: "eject", steps: undefined });
    }
    throw loopError({ result, ended: result === -EINTR ? (reason ?? "signal") : undefined, steps: undefined });
  }
}

/** Whether a thread of this process sleeps where signals can reach it. */
function isAsleep(tid: number): boolean {
  const stat = readFileSync(`/proc/self/task/${tid}/stat`, "latin1");
  // the name before it is in brackets and may contain anything
  return stat.charAt(stat.lastIndexOf(")") + 2) === "S";
}
