// An object loaded into the kernel, as its host sees it: typed globals over the shared pages of its data sections, maps
// through bpf(2), attaching by bpf_link.

import { LoopstepError, viewOf, EBADF, ENOENT } from "../../base/index.ts";
import type { Btf, BtfValue } from "../../bpf/btf/index.ts";
import { Globals, type BpfObject } from "../../bpf/object/index.ts";
import {
  AttachError,
  attachError,
  ioUringBpfOps,
  type Link,
  type LoadedMap,
  type LoadedObject,
  type OpsMap,
  type Registration,
  type Ring,
} from "../../loop/index.ts";
import { loadedMap, type MapAccess } from "../loaded-map.ts";
import type { EngineTracing } from "../tracing.ts";
import type { PlaceOf } from "../watched-globals.ts";
import type { BpfCalls } from "./bpf.ts";
import { KernelObject, type KernelMap } from "./kernel-object.ts";
import { LoopRing } from "./loop-ring.ts";
import type { PageMemory } from "./page-memory.ts";
import { MapValues } from "./per-cpu.ts";

const FROZEN = "it is constant once the object is loaded";
const KEY_0 = new Uint8Array(4);
const { reg, unreg } = ioUringBpfOps;

const bytesOf = ({ buffer, byteOffset, byteLength }: DataView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Used after it was closed. */
class ClosedError extends LoopstepError<"OBJECT_CLOSED"> {}

/** See the head of the file. */
export class InKernelObject implements LoadedObject {
  readonly object: BpfObject;
  readonly values: Globals;
  readonly bss: Record<string, BtfValue>;
  readonly data: Record<string, BtfValue>;
  readonly rodata: Record<string, BtfValue>;
  readonly maps: Readonly<Record<string, LoadedMap>>;
  readonly #bpf: BpfCalls;
  readonly #target: Btf;
  readonly #kernel: KernelObject;
  readonly #memory: PageMemory;
  readonly #tracing: EngineTracing | undefined;
  readonly #opsMaps = new Map<string, OpsMap>();
  readonly #links = new Set<Link>();
  #closed = false;

  /** Throws SysError, ObjectError, KernelRejection, UnsupportedError. */
  constructor(bpf: BpfCalls, memory: PageMemory, object: BpfObject, target: Btf, tracing?: EngineTracing) {
    this.object = object;
    this.#tracing = tracing;
    this.#memory = memory;
    this.#bpf = bpf;
    this.#target = target;
    const kernel = new KernelObject(bpf, memory, object, target);
    this.#kernel = kernel;
    const section = (index: number): DataView => {
      this.#checkOpen();
      const { address, spec, fd } = kernel.maps[index];
      if (address !== undefined) return new DataView(memory.memory.buffer, address, spec.value_size);
      const copy = new Uint8Array(spec.value_size);
      bpf.mapLookup(fd, KEY_0, copy);
      return viewOf(copy);
    };
    const changed = (index: number, section: DataView): void => {
      const { address, fd } = kernel.maps[index];
      if (address === undefined) bpf.mapUpdate(fd, KEY_0, bytesOf(section));
    };
    this.values = new Globals(object.globals, object.btf, section, { frozen: FROZEN, changed });
    this.bss = this.values.section(".bss");
    this.data = this.values.section(".data");
    this.rodata = this.values.section(".rodata");
    const visible = kernel.maps.filter(({ spec }) => spec.kind === "map");
    this.maps = Object.fromEntries(
      visible.map((map) => [map.spec.name, loadedMap(map.spec, object.btf, this.#access(map))]),
    );
    const programs = new Set(object.structOps.flatMap((spec) => Object.values(spec.programs)));
    try {
      tracing?.emit({ ev: "load", object: object.name, programs: programs.size, maps: object.maps.length });
    } catch (cause) {
      kernel[Symbol.dispose]();
      throw cause;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  attach(name: string | undefined, ring: Ring): Link {
    this.#checkOpen();
    const spec = this.object.resolveStructOps(name, { target: this.#target });
    if (!(ring instanceof LoopRing)) {
      throw new AttachError("ATTACH_FOREIGN_RING", 0, {
        where: spec.name,
        message: "the ring belongs to another engine",
        remedy: "Create it with engine.createRing() of the engine that loaded the object.",
      });
    }
    let map = this.#opsMaps.get(spec.name);
    if (!map) {
      map = { hasLoopStep: spec.programs.some(({ member }) => member === "loop_step"), slot: undefined };
      this.#opsMaps.set(spec.name, map);
    }
    const registration: Registration = { slot: ring.closed ? -EBADF : ring.slot, map };
    // The kernel warns, once and for all to see, when loop_step is missing; and that a map has one ring only it cannot see
    // here, where every attachment has a map of its own. For the rest the kernel is asked.
    const alreadyBound = map.slot !== undefined;
    const expected = reg(registration);
    if (expected < 0 && (alreadyBound || !map.hasLoopStep || ring.closed))
      throw attachError(expected, spec.name, registration);
    const ops = this.#kernel.createOps(spec.name, ring.fd);
    const fd = this.#bpf.linkCreate(ops);
    if (fd < 0) {
      this.#bpf.close(ops);
      if (expected >= 0) unreg(registration);
      throw attachError(fd, spec.name, registration);
    }
    this.#watch(ring);
    const link = this.#link(spec.name, ring, registration, [fd, ops]);
    try {
      this.#tracing?.emit({ ev: "attach", ops: spec.name }, ring.fd);
    } catch (cause) {
      link.detach();
      throw cause;
    }
    return link;
  }

  #watch({ trace }: LoopRing): void {
    if (trace === undefined) return;
    const placeOf: PlaceOf = (map) => {
      const { address, spec } = this.#kernel.maps[map];
      return address === undefined ? undefined : { address, size: spec.value_size };
    };
    trace.watch = this.#tracing!.watch(this.#memory.memory.buffer, this.object, placeOf);
  }

  #link(name: string, ring: LoopRing, registration: Registration, [fd, ops]: readonly [number, number]): Link {
    const detach = (): void => {
      if (!this.#links.delete(link)) return;
      ring.beforeDetach();
      this.#bpf.linkDetach(fd);
      this.#bpf.close(fd);
      this.#bpf.close(ops);
      unreg(registration);
      ring.onClose = undefined;
      if (ring.trace) ring.trace.watch = undefined;
      this.#tracing?.emit({ ev: "detach", ops: name }, ring.fd);
    };
    const link: Link = { ops: name, detach, [Symbol.dispose]: detach };
    this.#links.add(link);
    ring.onClose = detach;
    return link;
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new ClosedError("OBJECT_CLOSED", {
      message: "the object was closed",
      where: this.object.name,
      remedy: "Read its values before.",
    });
  }

  #access({ fd, spec }: KernelMap): MapAccess {
    const bpf = this.#bpf;
    const open = <T>(operation: () => T): T => {
      this.#checkOpen();
      return operation();
    };
    const values = new MapValues(spec);
    const get = (key: Uint8Array): Uint8Array | undefined => {
      const found = values.room();
      return bpf.mapLookup(fd, key, found) ? values.one(found) : undefined;
    };
    function* copies(): Generator<readonly [Uint8Array, Uint8Array]> {
      let key: Uint8Array | undefined;
      for (;;) {
        const next = new Uint8Array(spec.key_size);
        if (!bpf.mapNextKey(fd, key, next)) return;
        const value = get(next);
        if (value) yield [next, value];
        key = next;
      }
    }
    return {
      get: (key) => open(() => get(key)),
      set: (key, value) => open(() => bpf.mapSet(fd, key, values.spread(value))),
      remove: (key) => open(() => (bpf.mapDelete(fd, key) ? 0 : -ENOENT)),
      copies: () => open(copies),
    };
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    for (const link of this.#links) link.detach();
    this.#closed = true;
    this.#kernel[Symbol.dispose]();
  }
}
