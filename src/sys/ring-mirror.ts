// A ring the kernel keeps in memory of its own, copied to and from the program's memory around each io_uring_enter: for
// kernels that take no ring memory from the application. A program sees the queues inside a step only, and a DEFER_TASKRUN
// ring changes inside io_uring_enter only, so nobody can tell. Not for SQPOLL, whose thread reads the queue at any time.

import { IORING_OFF, IORING_SETUP, MMAP, type RingParams } from "../uring/abi/index.ts";
import { mmap, munmap } from "./calls.ts";
import { sysError } from "./errors.ts";
import type { Sys } from "./types.ts";

/** Both areas of the kernel's ring, mapped where the kernel likes. */
export interface MappedAreas {
  readonly rings: number;
  readonly ringsSize: number;
  readonly sqes: number;
  readonly sqesSize: number;
}

/** Maps the areas of ring `fd`. Throws SysError, leaving nothing mapped. */
export function mapAreas(sys: Sys, fd: number, ringsSize: number, sqesSize: number): MappedAreas {
  const map = (size: number, offset: number): number =>
    mmap(sys, 0, size, MMAP.PROT_READ | MMAP.PROT_WRITE, MMAP.MAP_SHARED | MMAP.MAP_POPULATE, fd, offset);
  const rings = map(ringsSize, IORING_OFF.IORING_OFF_SQ_RING);
  if (rings < 0) throw sysError("mmap", rings, { message: "the ring cannot be mapped" });
  const sqes = map(sqesSize, IORING_OFF.IORING_OFF_SQES);
  if (sqes >= 0) return { rings, ringsSize, sqes, sqesSize };
  munmap(sys, rings, ringsSize);
  throw sysError("mmap", sqes, { message: "the SQEs of the ring cannot be mapped" });
}

/** Keeps the program's copy (`rings` and `sqes` in `buffer`) and the kernel's ring alike. */
export class RingMirror {
  readonly #sys: Sys;
  readonly #areas: MappedAreas;
  readonly #params: RingParams;
  readonly #kernel: Uint32Array;
  readonly #kernelSqes: Uint8Array;
  readonly #copy: Uint32Array;
  readonly #copySqes: Uint8Array;
  readonly #sqeSize: number;
  readonly #cqeWords: number;
  /** The kernel's CQ tail when last copied. */
  #cqTail = 0;

  constructor(sys: Sys, areas: MappedAreas, params: RingParams, buffer: ArrayBufferLike, rings: number, sqes: number) {
    this.#sys = sys;
    this.#areas = areas;
    this.#params = params;
    const kernel = sys.viewAt(areas.rings, areas.ringsSize);
    this.#kernel = new Uint32Array(kernel.buffer, kernel.byteOffset, areas.ringsSize / 4);
    this.#kernelSqes = sys.viewAt(areas.sqes, areas.sqesSize);
    this.#copy = new Uint32Array(buffer, rings, areas.ringsSize / 4);
    this.#copySqes = new Uint8Array(buffer, sqes, areas.sqesSize);
    this.#sqeSize = params.flags & IORING_SETUP.IORING_SETUP_SQE128 ? 128 : 64;
    this.#cqeWords = params.flags & IORING_SETUP.IORING_SETUP_CQE32 ? 8 : 4;
    this.#copy.set(this.#kernel);
  }

  /** Before io_uring_enter: what the program has written. `submitting`: with the SQEs it has queued. */
  push(submitting: boolean): void {
    const { sq_off, cq_off, sq_entries } = this.#params;
    this.#toKernel(cq_off.head);
    this.#toKernel(cq_off.flags);
    if (!submitting) return;
    const head = Atomics.load(this.#kernel, sq_off.head >>> 2);
    const tail = Atomics.load(this.#copy, sq_off.tail >>> 2);
    const queued = Math.min((tail - head) >>> 0, sq_entries);
    for (let i = 0; i < queued; i++) {
      const entry = (sq_off.array >>> 2) + ((head + i) & (sq_entries - 1));
      const slot = this.#copy[entry];
      this.#kernel[entry] = slot;
      const at = slot * this.#sqeSize;
      // the kernel itself refuses a slot that does not exist
      if (slot < sq_entries) this.#kernelSqes.set(this.#copySqes.subarray(at, at + this.#sqeSize), at);
    }
    Atomics.store(this.#kernel, sq_off.tail >>> 2, tail);
  }

  /** After io_uring_enter: what the kernel has written. */
  pull(submitted: boolean): void {
    const { sq_off, cq_off, cq_entries } = this.#params;
    if (submitted) this.#toCopy(sq_off.head);
    this.#toCopy(sq_off.flags);
    this.#toCopy(sq_off.dropped);
    this.#toCopy(cq_off.overflow);
    const tail = Atomics.load(this.#kernel, cq_off.tail >>> 2);
    const fresh = (tail - this.#cqTail) >>> 0;
    for (let i = 0; i < fresh; i++) {
      const at = (cq_off.cqes >>> 2) + ((this.#cqTail + i) & (cq_entries - 1)) * this.#cqeWords;
      for (let word = at; word < at + this.#cqeWords; word++) this.#copy[word] = this.#kernel[word]!;
    }
    this.#cqTail = tail;
    Atomics.store(this.#copy, cq_off.tail >>> 2, tail);
  }

  /** Unmaps the kernel's ring; push and pull must not be called any more. */
  close(): void {
    const { rings, ringsSize, sqes, sqesSize } = this.#areas;
    munmap(this.#sys, rings, ringsSize);
    munmap(this.#sys, sqes, sqesSize);
  }

  #toKernel(offset: number): void {
    Atomics.store(this.#kernel, offset >>> 2, Atomics.load(this.#copy, offset >>> 2));
  }

  #toCopy(offset: number): void {
    Atomics.store(this.#copy, offset >>> 2, Atomics.load(this.#kernel, offset >>> 2));
  }
}
