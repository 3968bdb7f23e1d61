// The `kernel` engine: objects are loaded into the running Linux (7.1 or later) with raw bpf(2) calls, and their loops run
// inside io_uring_enter. One memory for all rings and objects of an engine; one thread for each ring.

import { closeSync, openSync } from "node:fs";
import type { Btf } from "../../bpf/btf/index.ts";
import type { BpfObject } from "../../bpf/object/index.ts";
import {
  UnsupportedError,
  type Engine,
  type EngineOptions,
  type IoBuffer,
  type LoadedObject,
  type Ring,
  type RingOptions,
} from "../../loop/index.ts";
import { kernelVersion, openSys, probeIoUring, type Sys } from "../../sys/index.ts";
import { formatKernelVersion } from "../../uring/abi/index.ts";
import { checkBufferSize } from "../buffer-size.ts";
import { expectObject } from "../expect-object.ts";
import { takeThread } from "../early-thread.ts";
import type { RingThread } from "../ring-thread.ts";
import type { EngineTracing } from "../tracing.ts";
import { BpfCalls } from "./bpf.ts";
import { loadPrivilege } from "./privilege.ts";
import { InKernelObject } from "./loaded-object.ts";
import { LoopRing } from "./loop-ring.ts";
import { PageMemory } from "./page-memory.ts";
import { hasLoopOps, vmlinuxBtf } from "./vmlinux.ts";

const unavailable = (message: string, remedy: string): UnsupportedError =>
  new UnsupportedError("ENGINE_UNAVAILABLE", { where: "engine kernel", message, remedy });

/** Opens the engine; throws UnsupportedError with the reason and the remedy where loops cannot be loaded. */
export function openKernelEngine(options: Omit<EngineOptions, "trace"> = {}, tracing?: EngineTracing): Engine {
  const probe = probeIoUring();
  if (!probe.available) throw unavailable(probe.why, probe.remedy);
  const sys = openSys();
  const version = formatKernelVersion(kernelVersion());
  if (!hasLoopOps()) {
    throw unavailable(
      `Linux ${version} has no BPF-controlled io_uring`,
      "It needs Linux 7.1 or later with CONFIG_IO_URING_BPF_OPS; the user engine runs the same program here",
    );
  }
  const bpf = new BpfCalls(sys);
  const missing = loadPrivilege(bpf);
  if (missing) throw unavailable(missing.message, missing.remedy);
  return new KernelEngine(
    sys,
    bpf,
    vmlinuxBtf(),
    `Linux ${version} runs the loop itself, inside io_uring_enter`,
    options,
    tracing,
  );
}

class KernelEngine implements Engine {
  readonly name = "kernel";
  readonly target: Btf;
  readonly why: string;
  readonly #sys: Sys;
  readonly #bpf: BpfCalls;
  readonly #memory = new PageMemory();
  readonly #rings = new Set<LoopRing>();
  readonly #objects = new Set<InKernelObject>();
  readonly #tracing: EngineTracing | undefined;
  readonly #onPrintk: (line: string) => void;
  /** A thread inside the kernel would hold up the end of the process. */
  readonly #onExit = (): void => this[Symbol.dispose]();
  /** Started early, so that the first ring need not wait for it. */
  #spare: RingThread | undefined;
  #closed = false;

  constructor(
    sys: Sys,
    bpf: BpfCalls,
    target: Btf,
    why: string,
    { onPrintk = () => {} }: EngineOptions,
    tracing: EngineTracing | undefined,
  ) {
    this.#tracing = tracing;
    this.#sys = sys;
    this.#bpf = bpf;
    this.target = target;
    this.why = why;
    this.#onPrintk = onPrintk;
    this.#spare = this.#startThread();
    process.once("exit", this.#onExit);
  }

  createRing(options: RingOptions): Ring {
    this.#forgetClosed();
    const thread = this.#spare ?? this.#startThread();
    this.#spare = undefined;
    try {
      const ring = new LoopRing(this.#sys, this.#memory, thread, options, this.#keepThread, this.#tracing);
      this.#rings.add(ring);
      return ring;
    } catch (error) {
      this.#keepThread(thread);
      throw error;
    }
  }

  async load(object: BpfObject): Promise<LoadedObject> {
    const loaded = new InKernelObject(this.#bpf, this.#memory, expectObject(object), this.target, this.#tracing);
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
    const start = memory.allocate(bytes);
    const view = memory.bytes.subarray(start, start + bytes);
    let released = false;
    return {
      address: BigInt(this.#sys.addressOf(view)),
      bytes: view,
      [Symbol.dispose]() {
        if (!released) memory.release(start, bytes);
        released = true;
      },
    };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    process.off("exit", this.#onExit);
    for (const ring of this.#rings) ring[Symbol.dispose]();
    for (const loaded of this.#objects) loaded[Symbol.dispose]();
    this.#rings.clear();
    this.#objects.clear();
    this.#spare?.[Symbol.dispose]();
    this.#spare = undefined;
  }

  /** One idle thread is kept: starting one takes much longer than making a ring. */
  readonly #keepThread = (thread: RingThread): void => {
    if (this.#spare === undefined && !this.#closed && !thread.ended) this.#spare = thread;
    else thread[Symbol.dispose]();
  };

  #forgetClosed(): void {
    for (const ring of this.#rings) if (ring.closed) this.#rings.delete(ring);
    for (const loaded of this.#objects) if (loaded.closed) this.#objects.delete(loaded);
  }

  #startThread(): RingThread {
    return takeThread("kernel").begin({ memory: this.#memory.memory }, this.#onPrintk);
  }
}
