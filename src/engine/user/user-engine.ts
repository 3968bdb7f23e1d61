// The `user` engine: the loop runs in this process, BPF in a VM, on a real ring whose memory lies inside the VM's. One
// memory for all rings and objects of an engine; one thread for each ring.

import { closeSync, openSync } from "node:fs";
import { alignUp } from "../../base/index.ts";
import type { Btf } from "../../bpf/btf/index.ts";
import type { BpfObject } from "../../bpf/object/index.ts";
import { VmMemory } from "../../bpf/vm/index.ts";
import {
  UnsupportedError,
  vmTargetBtf,
  type Engine,
  type EngineOptions,
  type IoBuffer,
  type LoadedObject,
  type Ring,
  type RingOptions,
} from "../../loop/index.ts";
import { madvise, openSys, probeIoUring, type Sys } from "../../sys/index.ts";
import { checkBufferSize } from "../buffer-size.ts";
import { expectObject } from "../expect-object.ts";
import { takeThread } from "../early-thread.ts";
import type { RingThread } from "../ring-thread.ts";
import type { EngineTracing } from "../tracing.ts";
import { VmObject, type VmRings } from "../vm-object.ts";
import { UserRing, type RunMode } from "./user-ring.ts";

const PAGE = 4096;
const MADV_DONTNEED = 4;
/** Reserved address space, not memory: it becomes memory as it is used. */
const MAX_MEMORY = 1 << 30;

/** Opens the engine; throws UnsupportedError with the reason and the remedy where io_uring cannot be used. */
export function openUserEngine(options: Omit<EngineOptions, "trace"> = {}, tracing?: EngineTracing): Engine {
  const probe = probeIoUring();
  if (!probe.available) {
    throw new UnsupportedError("ENGINE_UNAVAILABLE", {
      where: "engine user",
      message: probe.why,
      remedy: probe.remedy,
    });
  }
  return new UserEngine(openSys(), probe.why, options, tracing);
}

/** A dispose may be called again; memory must not be given back twice. */
function once(dispose: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    dispose();
  };
}

class UserEngine implements Engine {
  readonly name = "user";
  readonly target: Btf = vmTargetBtf();
  readonly #sys: Sys;
  readonly #memory: VmMemory = VmMemory.create({ maximum: MAX_MEMORY });
  readonly #verify: boolean;
  /** How a ring of this engine takes a program. */
  readonly #vmRings: VmRings<UserRing>;
  readonly #onPrintk: (line: string) => void;
  readonly #tracing: EngineTracing | undefined;
  readonly #available: string;
  readonly #notes = new Set<string>();
  readonly #rings = new Set<UserRing>();
  readonly #objects = new Set<VmObject<UserRing>>();
  /** Started early, so that the first ring need not wait for it. */
  #spare: RingThread | undefined;
  #closed = false;

  constructor(sys: Sys, available: string, options: EngineOptions, tracing: EngineTracing | undefined) {
    const { interpret = false, verify = true, seed = 1, onPrintk = () => {}, passedOver = [] } = options;
    this.#sys = sys;
    this.#tracing = tracing;
    this.#available = [available, ...passedOver].join("; ");
    const mode: RunMode = { interpret, checked: !verify, seed };
    this.#verify = verify;
    this.#vmRings = {
      engine: "user",
      own: (ring) => (ring instanceof UserRing ? ring : undefined),
      attach: (ring, image, { object, placeOf }) => ring.attach(image, mode, tracing?.watched(object, placeOf)),
      // one ring at most, for what each compiles is its own; and no program that a trace still has to be told of
      prepare: (image) => (tracing ? undefined : [...this.#rings].find((ring) => ring.idle)?.prepare(image, mode)),
      note: tracing && ((event, ring) => tracing.emit(event, ring?.fd)),
    };
    this.#onPrintk = onPrintk;
    this.#spare = this.#startThread();
  }

  get why(): string {
    return [this.#available, ...this.#notes].join("; ");
  }

  createRing(options: RingOptions): Ring {
    const thread = this.#spare ?? this.#startThread();
    this.#spare = undefined;
    try {
      const ring = new UserRing(this.#memory, thread, options, this.#ringClosed);
      for (const note of ring.notes) this.#notes.add(note);
      this.#rings.add(ring);
      return ring;
    } catch (error) {
      this.#keepThread(thread);
      throw error;
    }
  }

  async load(object: BpfObject): Promise<LoadedObject> {
    const loaded: VmObject<UserRing> = new VmObject(
      expectObject(object),
      this.#memory,
      this.#vmRings,
      this.#verify,
      () => this.#objects.delete(loaded),
    );
    this.#objects.add(loaded);
    return loaded;
  }

  openFile(path: string, mode: "read" | "create"): number {
    return openSync(path, mode === "read" ? "r" : "w+");
  }

  closeFile(fd: number): void {
    closeSync(fd);
  }

  buffer(bytes: number): IoBuffer {
    checkBufferSize(bytes);
    const memory = this.#memory;
    const size = alignUp(bytes, PAGE);
    const start = memory.allocate("I/O buffer", size, { align: PAGE, visible: false });
    const view = memory.u8.subarray(start, start + bytes);
    const address = this.#sys.addressOf(view);
    const dispose = (): void => {
      // a device may write for a while yet after its request was given up: to pages that are nobody's then
      madvise(this.#sys, address, size, MADV_DONTNEED);
      memory.release(start);
    };
    return { address: BigInt(address), bytes: view, [Symbol.dispose]: once(dispose) };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const loaded of this.#objects) loaded[Symbol.dispose]();
    for (const ring of this.#rings) ring[Symbol.dispose]();
    this.#spare?.[Symbol.dispose]();
    this.#spare = undefined;
  }

  readonly #ringClosed = (ring: UserRing, thread: RingThread): void => {
    this.#rings.delete(ring);
    this.#keepThread(thread);
  };

  /** One idle thread is kept: starting one takes much longer than making a ring. */
  #keepThread(thread: RingThread): void {
    if (this.#spare === undefined && !this.#closed && !thread.ended) this.#spare = thread;
    else thread[Symbol.dispose]();
  }

  #startThread(): RingThread {
    return takeThread("user", this.#tracing?.openPipe()).begin({ memory: this.#memory.memory }, this.#onPrintk);
  }
}
