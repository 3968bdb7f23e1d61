// The `sim` engine: the loop runs in this thread, BPF in a VM, on a simulated io_uring in the same memory. Virtual time,
// one seed, faults on demand. Without node:* and FFI: it runs in a browser as it is; a world of real files is handed in.

import type { Btf } from "../../bpf/btf/index.ts";
import type { BpfObject } from "../../bpf/object/index.ts";
import { VmMemory } from "../../bpf/vm/index.ts";
import {
  currentTaskHelpers,
  UnsupportedError,
  vmTargetBtf,
  type Engine,
  type EngineOptions,
  type IoBuffer,
  type LoadedObject,
  type Ring,
  type RingOptions,
} from "../../loop/index.ts";
import { O } from "../../uring/abi/index.ts";
import { MemoryWorld, SIM_BASE, SimKernel, type Costs, type Network, type World } from "../../uring/sim/index.ts";
import type { TraceEvent, TraceSink } from "../../uring/trace/index.ts";
import { checkBufferSize } from "../buffer-size.ts";
import { expectObject } from "../expect-object.ts";
import { GlobalWatch } from "../global-watch.ts";
import { VmObject, type VmRings } from "../vm-object.ts";
import { watchedSections } from "../watched-globals.ts";
import { executableOf, type RunMode } from "./run-mode.ts";
import { SimRing } from "./sim-ring.ts";

const PAGE = 4096;
const MAX_MEMORY = 1 << 30;

/** Options of this engine beyond those of all. */
export interface SimEngineOptions extends EngineOptions {
  /** Files. Default: an empty MemoryWorld. */
  readonly world?: World;
  readonly costs?: Partial<Costs>;
  readonly network?: Partial<Network>;
  /** Largest memory, bytes. Default 1 GiB, reserved rather than used. */
  readonly maxMemory?: number;
}

/** Opens the engine; it can always be had. */
export function openSimEngine(options: SimEngineOptions = {}): SimEngine {
  return new SimEngine(options);
}

/** The engine, with its machine for those who want to look inside. */
export class SimEngine implements Engine {
  readonly name = "sim";
  readonly why: string;
  readonly target: Btf = vmTargetBtf();
  readonly kernel: SimKernel;
  readonly #memory: VmMemory;
  readonly #verify: boolean;
  /** How a ring of this engine takes a program. */
  readonly #vmRings: VmRings<SimRing>;
  readonly #rings = new Set<SimRing>();
  readonly #objects = new Set<VmObject<SimRing>>();

  constructor(options: SimEngineOptions) {
    const { interpret = false, verify = true, seed = 1, onPrintk = () => {}, world, maxMemory = MAX_MEMORY } = options;
    this.#memory = VmMemory.create({ maximum: maxMemory });
    const { buffer } = this.#memory.memory;
    const { faults, trace, costs, network } = options;
    const watching = trace && ((event: TraceEvent): void => this.#follow(event, trace));
    this.kernel = new SimKernel({
      memory: buffer,
      kernelFloor: buffer.byteLength,
      world: world ?? new MemoryWorld(),
      seed,
      ...(faults === undefined ? {} : { faults }),
      ...(watching === undefined ? {} : { trace: watching }),
      ...(costs === undefined ? {} : { costs }),
      ...(network === undefined ? {} : { network }),
    });
    const ktimeNs = (): bigint => BigInt(Math.floor(this.kernel.now));
    const mode: RunMode = { interpret, checked: !verify, seed, ktimeNs, printk: onPrintk };
    this.#verify = verify;
    this.#vmRings = {
      engine: "sim",
      own: (ring) => (ring instanceof SimRing ? ring : undefined),
      attach: (ring, image, loaded) =>
        ring.attach(
          (kfuncs) => executableOf(image, this.#memory, mode, { kfuncs, helpers: currentTaskHelpers(ring.task) }),
          trace && this.#watch(loaded),
        ),
      note: trace && ((event, ring) => trace({ t: this.kernel.now, ...(ring && { ring: ring.fd }), ...event })),
    };
    const files = world === undefined ? "files in memory" : "files of the given world";
    this.why = [`a simulated io_uring: virtual time, seed ${seed}, ${files}`, ...(options.passedOver ?? [])].join("; ");
  }

  createRing(options: RingOptions): Ring {
    const ring = new SimRing(this.kernel, this.#memory, options, (closed) => this.#rings.delete(closed));
    this.#rings.add(ring);
    return ring;
  }

  /** The machine knows no globals: those that a step has changed are told after it. */
  #follow(event: TraceEvent, trace: TraceSink): void {
    trace(event);
    if (event.ev !== "step") return;
    for (const ring of this.#rings) if (ring.fd === event.ring) ring.tellGlobals(trace);
  }

  #watch(loaded: VmObject<SimRing>): GlobalWatch {
    const { globals, btf } = loaded.object;
    const sections = watchedSections(globals, btf, loaded.placeOf);
    return new GlobalWatch(this.#memory.memory.buffer, sections);
  }

  async load(object: BpfObject): Promise<LoadedObject> {
    const loaded: VmObject<SimRing> = new VmObject(
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
    const flags = mode === "read" ? O.O_RDONLY : O.O_RDWR | O.O_CREAT | O.O_TRUNC;
    const fd = this.kernel.open(path, flags, 0o666);
    if (fd < 0) {
      throw new UnsupportedError("FEATURE_UNSUPPORTED", {
        where: path,
        message: "the file cannot be opened in the simulated world",
        found: `errno ${-fd}`,
        remedy: "Check the path, or hand in a world that has the file.",
      });
    }
    return fd;
  }

  closeFile(fd: number): void {
    this.kernel.close(fd);
  }

  buffer(bytes: number): IoBuffer {
    checkBufferSize(bytes);
    const memory = this.#memory;
    const start = memory.allocate("I/O buffer", bytes, { align: PAGE, visible: false });
    this.kernel.memory.refresh(memory.memory.buffer);
    const view = memory.u8.subarray(start, start + bytes);
    // a second dispose finds nothing, or what is another's by now
    let mine = true;
    const dispose = (): void => void (mine && memory.release(start));
    return {
      address: BigInt(SIM_BASE + start),
      bytes: view,
      [Symbol.dispose]() {
        dispose();
        mine = false;
      },
    };
  }

  [Symbol.dispose](): void {
    for (const loaded of this.#objects) loaded[Symbol.dispose]();
    for (const ring of this.#rings) ring[Symbol.dispose]();
  }
}
