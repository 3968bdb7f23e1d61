// An object loaded into an engine that runs programs in a VM (`user`, `sim`): its maps lie in the engine's memory, its
// programs are images ready to run. What an engine adds is how a ring takes such an image.

import { EBADF } from "../base/index.ts";
import type { BtfValue } from "../bpf/btf/index.ts";
import { Globals, type BpfObject, type ResolvedProgram, type ResolvedStructOps } from "../bpf/object/index.ts";
import {
  buildImage,
  createMaps,
  openMap,
  releaseMap,
  VmError,
  type MapImage,
  type VmImage,
  type VmMap,
  type VmMemory,
} from "../bpf/vm/index.ts";
import {
  AttachError,
  attachError,
  ioUringBpfOps,
  LINUX_CONFIG,
  vmTargetBtf,
  type EngineName,
  type Link,
  type LoadedMap,
  type LoadedObject,
  type OpsMap,
  type OpsSlot,
  type Registration,
  type Ring,
} from "../loop/index.ts";
import type { UntimedEvent } from "../uring/trace/index.ts";
import { loadedMap, type MapAccess } from "./loaded-map.ts";
import { resolveForVm, verifyForVm, type Loading } from "./vm-programs.ts";

/** A ring of such an engine. */
export interface VmRing extends Ring {
  readonly closed: boolean;
  readonly slot: OpsSlot;
  detach(): void;
  /** Calls back once none of its programs runs: at once, or after the run that is on. */
  afterRun(callback: () => void): void;
}

/** What the engine adds. */
export interface VmRings<R extends VmRing> {
  readonly engine: EngineName;
  /** The ring as the engine's own, or undefined when it belongs to another. */
  own(ring: Ring): R | undefined;
  /** Gives the program of `object` to the ring. */
  attach(ring: R, image: VmImage, object: VmObject<R>): void;
  /** Hears what is traced of an object: that it was loaded, attached to a ring, and detached. */
  readonly note?: ((event: ObjectEvent, ring?: R) => void) | undefined;
  /** A ring may make ready for a program that is still being verified; it must not run it. */
  prepare?(image: VmImage): void;
}

/** See VmRings.note. */
export type ObjectEvent = Extract<UntimedEvent, { ev: "load" | "attach" | "detach" }>;

const FROZEN = "it is constant once the object is loaded";

/** See the head of the file. */
export class VmObject<R extends VmRing> implements LoadedObject {
  readonly object: BpfObject;
  readonly values: Globals;
  readonly bss: Record<string, BtfValue>;
  readonly data: Record<string, BtfValue>;
  readonly rodata: Record<string, BtfValue>;
  readonly maps: Readonly<Record<string, LoadedMap>>;
  readonly #rings: VmRings<R>;
  readonly #memory: VmMemory;
  #mapImages: readonly MapImage[] = [];
  readonly #images = new Map<string, VmImage>();
  readonly #opsMaps = new Map<string, OpsMap>();
  readonly #links = new Set<Link>();
  /** Rings it was ever attached to: one of them may be in its last step yet. */
  readonly #users = new Set<R>();
  readonly #onClose: () => void;
  #closed = false;

  /**
   * Resolves every program a struct_ops map refers to, verifies it unless told not to, and places the maps. Throws
   * ObjectError, BtfError, VerifierError, VmError, UnsupportedError.
   */
  constructor(object: BpfObject, memory: VmMemory, rings: VmRings<R>, verify: boolean, onClose: () => void = () => {}) {
    this.object = object;
    this.#rings = rings;
    this.#memory = memory;
    this.#onClose = onClose;
    object.configure(LINUX_CONFIG);
    const programs = [...new Set(object.structOps.flatMap((ops) => Object.values(ops.programs)))];
    const loading: Loading = { engine: rings.engine, object, programs, verify };
    const resolved = resolveForVm(loading);
    const verdict = (): void => {
      if (verify) verifyForVm(resolved, loading);
    };
    try {
      this.#place(resolved);
    } catch (error) {
      this.#release();
      // what Linux says of a program goes before what an engine lacks
      verdict();
      throw error;
    }
    try {
      for (const image of this.#images.values()) rings.prepare?.(image);
      verdict();
    } catch (error) {
      this.#release();
      throw error;
    }

    this.values = new Globals(object.globals, object.btf, (map) => this.#sectionView(map), { frozen: FROZEN });
    this.bss = this.values.section(".bss");
    this.data = this.values.section(".data");
    this.rodata = this.values.section(".rodata");
    const visible = object.maps.map((spec, i) => [spec, i] as const).filter(([{ kind }]) => kind === "map");
    this.maps = Object.fromEntries(
      visible.map(([spec, i]) => [
        spec.name,
        loadedMap(spec, object.btf, this.#access(openMap(this.#mapImages[i], memory))),
      ]),
    );
    try {
      rings.note?.({ ev: "load", object: object.name, programs: resolved.length, maps: object.maps.length });
    } catch (cause) {
      this.#release();
      throw cause;
    }
  }

  /** Where the value of a data section lies in the memory, by the index of its map. */
  readonly placeOf = (map: number): { readonly address: number; readonly size: number } => {
    const { values, value_size } = this.#mapImages[map];
    return { address: values, size: value_size };
  };

  #place(programs: readonly ResolvedProgram[]): void {
    this.#mapImages = createMaps(this.#memory, this.object.maps);
    for (const program of programs) this.#images.set(program.name, buildImage(program, this.#memory, this.#mapImages));
  }

  #sectionView(map: number): DataView {
    this.#refuseClosed();
    const { values, value_size } = this.#mapImages[map];
    return new DataView(this.#memory.memory.buffer, values, value_size);
  }

  /** What its memory holds may be another's by now. */
  #refuseClosed(): void {
    if (this.#closed) throw new VmError("VM_CLOSED", { message: "the object is no longer loaded" });
  }

  attach(name: string | undefined, ring: Ring): Link {
    this.#refuseClosed();
    const spec = this.object.resolveStructOps(name, { target: vmTargetBtf() });
    const own = this.#rings.own(ring);
    if (!own) {
      throw new AttachError("ATTACH_FOREIGN_RING", 0, {
        where: spec.name,
        message: "the ring belongs to another engine",
        remedy: "Create it with engine.createRing() of the engine that loaded the object.",
      });
    }
    const registration: Registration = { slot: own.closed ? -EBADF : own.slot, map: this.#opsMap(spec) };
    const error = ioUringBpfOps.reg(registration);
    if (error < 0) throw attachError(error, spec.name, registration);
    const program = spec.programs.find(({ member }) => member === "loop_step")!.program;
    try {
      this.#rings.attach(own, this.#images.get(program)!, this);
    } catch (cause) {
      ioUringBpfOps.unreg(registration);
      throw cause;
    }
    this.#users.add(own);
    const link = this.#link(spec.name, own, registration);
    try {
      this.#rings.note?.({ ev: "attach", ops: spec.name }, own);
    } catch (cause) {
      link.detach();
      throw cause;
    }
    return link;
  }

  #opsMap({ name, programs }: ResolvedStructOps): OpsMap {
    let map = this.#opsMaps.get(name);
    if (!map) {
      map = { hasLoopStep: programs.some(({ member }) => member === "loop_step"), slot: undefined };
      this.#opsMaps.set(name, map);
    }
    return map;
  }

  #link(name: string, ring: R, registration: Registration): Link {
    const detach = (): void => {
      // only if this link's binding is still the current one: the ring may be gone, or the map attached anew
      if (!this.#links.delete(link) || registration.map.slot !== ring.slot) return;
      ioUringBpfOps.unreg(registration);
      ring.detach();
      this.#rings.note?.({ ev: "detach", ops: name }, ring);
    };
    const link: Link = { ops: name, detach, [Symbol.dispose]: detach };
    this.#links.add(link);
    return link;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    for (const link of this.#links) link.detach();
    this.#closed = true;
    this.#onClose();
    let waiting = this.#users.size;
    if (waiting === 0) return this.#release();
    for (const ring of this.#users) ring.afterRun(() => --waiting === 0 && this.#release());
  }

  #release(): void {
    for (const { stack } of this.#images.values()) this.#memory.release(stack.start);
    for (const map of this.#mapImages) releaseMap(this.#memory, map);
  }

  #access(map: VmMap): MapAccess {
    const open = (): VmMap => {
      this.#refuseClosed();
      return map;
    };
    return {
      get: (key) => open().get(key),
      set: (key, value) => open().set(key, value),
      remove: (key) => open().delete(key, 0),
      copies: () => open().copies(),
    };
  }
}
