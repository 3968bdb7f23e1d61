// The one memory of a VM: a shared WebAssembly.Memory in which BPF addresses are byte offsets, an allocator of named
// segments in it, and the segment table, which lies in the memory itself (control-block.ts) so that every thread and the
// JIT's code see the same. Segments are apart by a gap, so that running over the end of one is noticed.

import * as L from "./control-block.ts";
import { VmError } from "./fault.ts";
import { giveBack, takeFree, takeFresh } from "./heap.ts";
import { prepareShadow, shade, type ShadowHost } from "./shadow.ts";
import type { Segment } from "./types.ts";

const PAGE = 0x10000;
/** Addresses stay below 2^31, so that they are non-negative as int32. */
const MAX_PAGES: number = L.MEMORY_END / PAGE;
/** What the VM keeps for itself beside what it is asked for: a start, and an eighth of the rest at most. */
const OWN_BYTES: number = L.FIRST_ADDRESS - L.CONTROL_SIZE;

/** Limits of a new memory, in bytes; rounded up to pages of 64 KiB. */
export interface MemoryLimits {
  readonly initial?: number;
  readonly maximum?: number;
}

/** How a segment is placed. */
export interface AllocateOptions {
  /** Power of two; 8 when absent. */
  readonly align?: number;
  /** True when absent. */
  readonly writable?: boolean;
  /** False: memory of the VM's own, which no program may touch. True when absent. */
  readonly visible?: boolean;
}

const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();

function indexOfBytes(all: Uint8Array, wanted: Uint8Array): number {
  for (let at = 0; at + wanted.length <= all.length; at++)
    if (wanted.every((byte, i) => all[at + i] === byte)) return at;
  return -1;
}

/** A view of one VM memory; any number of them, in any thread, may look at the same WebAssembly.Memory. */
export class VmMemory {
  readonly memory: WebAssembly.Memory;
  #buffer: ArrayBufferLike;
  #u8: Uint8Array;
  #view: DataView;
  #words: Int32Array;
  #words64: BigInt64Array;

  private constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#buffer = memory.buffer;
    this.#u8 = new Uint8Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
    this.#words = new Int32Array(this.#buffer);
    this.#words64 = new BigInt64Array(this.#buffer);
  }

  /** A new memory: 1 MiB, able to grow to 64 MiB, unless told otherwise. */
  static create(limits: MemoryLimits = {}): VmMemory {
    const initial = Math.max(2, Math.ceil((limits.initial ?? 1 << 20) / PAGE));
    const maximum = Math.max(initial, Math.ceil((limits.maximum ?? 64 << 20) / PAGE));
    if (maximum > MAX_PAGES) {
      throw new VmError("VM_MEMORY", {
        message: "the memory is too large",
        found: `${maximum * PAGE} bytes`,
        expected: `at most ${MAX_PAGES * PAGE}`,
      });
    }
    const own = Math.ceil(OWN_BYTES / PAGE);
    const most = Math.min(MAX_PAGES, maximum + own + Math.ceil(maximum / 8));
    const vm = new VmMemory(
      new WebAssembly.Memory({ initial: Math.min(initial + own, most), maximum: most, shared: true }),
    );
    prepareShadow(vm.#u8);
    vm.#words[L.CONTROL_MAGIC >> 2] = L.MAGIC;
    vm.#words[L.CONTROL_BREAK >> 2] = L.FIRST_ADDRESS;
    vm.#words[L.CONTROL_BYTES >> 2] = vm.size;
    return vm;
  }

  /** A view of a memory that create() made, here or in another thread. */
  static attach(memory: WebAssembly.Memory): VmMemory {
    const vm = new VmMemory(memory);
    if (vm.#words[L.CONTROL_MAGIC >> 2] !== L.MAGIC) {
      throw new VmError("VM_MEMORY", { message: "not the memory of a VM", expected: "one made by VmMemory.create()" });
    }
    return vm;
  }

  /** The old views still show the low memory, so that they can tell whether they are old. */
  #refresh(): void {
    if (this.#words[L.CONTROL_BYTES >> 2] !== this.#u8.length) this.#renew();
  }

  #renew(): void {
    const buffer = this.memory.buffer;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#u8 = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#words = new Int32Array(buffer);
    this.#words64 = new BigInt64Array(buffer);
    this.#words[L.CONTROL_BYTES >> 2] = buffer.byteLength;
  }

  /** All bytes. Take it anew after anything that may have grown the memory. */
  get u8(): Uint8Array {
    this.#refresh();
    return this.#u8;
  }

  /** A DataView of all bytes; as `u8`. */
  get view(): DataView {
    this.#refresh();
    return this.#view;
  }

  /** All words, for Atomics; as `u8`. */
  get words(): Int32Array {
    this.#refresh();
    return this.#words;
  }

  /** All pairs of words, for Atomics; as `u8`. */
  get words64(): BigInt64Array {
    this.#refresh();
    return this.#words64;
  }

  /** Bytes of the memory now. */
  get size(): number {
    return this.memory.buffer.byteLength;
  }

  /** Raised whenever the segment table changes. */
  get generation(): number {
    return Atomics.load(this.words, L.CONTROL_GENERATION >> 2);
  }

  /** The flag that ends a running program from another thread. */
  get aborted(): boolean {
    return Atomics.load(this.words, L.CONTROL_ABORT >> 2) !== 0;
  }

  /** Raises or clears the abort flag. */
  abort(raised = true): void {
    Atomics.store(this.words, L.CONTROL_ABORT >> 2, raised ? 1 : 0);
  }

  /**
   * Hands out `size` zeroed bytes (at least 1) and, unless `visible` is false, enters them as a segment named `name`.
   * Grows the memory when needed; throws VmError VM_MEMORY at its maximum.
   */
  allocate(name: string, size: number, options: AllocateOptions = {}): number {
    const { align = 8, writable = true, visible = true } = options;
    return this.#locked(() => {
      const start = this.#take(name, size, align);
      try {
        if (visible) this.#insert({ name, start, end: start + size, writable });
      } catch (error) {
        giveBack(this.#words, start);
        throw error;
      }
      return start;
    });
  }

  #take(name: string, size: number, align: number): number {
    const start = takeFree(this.#words, size, align);
    if (start !== 0) {
      this.#u8.fill(0, start, start + Math.max(size, 1));
      return start;
    }
    return takeFresh(this.#words, size, align, (end) => {
      this.#growTo(end, name, size);
      return this.#words;
    });
  }

  #growTo(end: number, name: string, size: number): void {
    const pages = Math.ceil((end - this.size) / PAGE);
    if (pages <= 0) return;
    try {
      // Doubling keeps the number of growths small: each makes every view stale.
      const wanted = Math.max(pages, this.size / PAGE);
      try {
        this.memory.grow(wanted);
      } catch {
        this.memory.grow(pages);
      }
    } catch (cause) {
      throw new VmError("VM_MEMORY", {
        message: `no room for ${name}`,
        found: `${size} bytes wanted, ${this.size} in use`,
        remedy: "Give VmMemory.create() a larger maximum",
        cause,
      });
    }
    this.#renew();
  }

  /** Lets programs touch memory that is there already (a ring, a region). Segments must not overlap. */
  addSegment(segment: Segment): void {
    this.#locked(() => this.#insert(segment));
  }

  /** Takes the segment that starts at `start` away from programs; false when there is none. Its memory stays taken. */
  removeSegment(start: number): boolean {
    return this.#locked(() => this.#remove(start));
  }

  /**
   * Gives back what allocate() handed out at `start`, with its segment if it has one: it will be handed out again. Nobody may
   * use it any more, neither a program that runs nor the kernel. False when nothing was handed out there.
   */
  release(start: number): boolean {
    return this.#locked(() => {
      if (!giveBack(this.#words, start)) return false;
      this.#remove(start);
      return true;
    });
  }

  /** Takes [start, end) of a stack away from programs until a call opens it as a frame; only code of the JIT asks. */
  closeFrames(start: number, end: number): void {
    this.#locked(() => shade(this.#shadow, start, end, "frames"));
  }

  readonly #shadow: ShadowHost = ((vm: VmMemory) => ({
    get words() {
      return vm.#words;
    },
    get u8() {
      return vm.#u8;
    },
    take: () => vm.#take("the shadow", L.SHADOW_ROW_SIZE, 8),
    giveBack: (row) => void giveBack(vm.#words, row),
  }))(this);

  #remove(start: number): boolean {
    const index = this.#indexOf(start);
    if (index < 0 || this.#row(index, L.SEGMENT_START) !== start) return false;
    shade(this.#shadow, start, this.#row(index, L.SEGMENT_END), "closed");
    const at = L.SEGMENT_TABLE + index * L.SEGMENT_SIZE;
    const count = this.#words[L.CONTROL_SEGMENT_COUNT >> 2];
    this.#u8.copyWithin(at, at + L.SEGMENT_SIZE, L.SEGMENT_TABLE + count * L.SEGMENT_SIZE);
    this.#words[L.CONTROL_SEGMENT_COUNT >> 2] = count - 1;
    this.#words[L.CONTROL_GENERATION >> 2]++;
    return true;
  }

  #locked<T>(change: () => T): T {
    this.#renew();
    const lock = L.CONTROL_LOCK >> 2;
    while (Atomics.compareExchange(this.#words, lock, 0, 1) !== 0);
    try {
      return change();
    } finally {
      Atomics.store(this.#words, lock, 0);
    }
  }

  #insert({ name, start, end, writable }: Segment): void {
    const count = this.#words[L.CONTROL_SEGMENT_COUNT >> 2];
    const index = this.#indexOf(start) + 1;
    const before = index > 0 ? this.#row(index - 1, L.SEGMENT_END) : L.FIRST_ADDRESS;
    const after = index < count ? this.#row(index, L.SEGMENT_START) : this.size;
    if (start < before || end < start || end > after || start % 8 !== 0) {
      throw new VmError("VM_MEMORY", {
        message: `segment ${name} does not fit`,
        found: `${start}..${end}`,
        expected: `within ${before}..${after}, from a multiple of 8 on`,
      });
    }
    if (count >= L.SEGMENT_LIMIT)
      throw new VmError("VM_MEMORY", {
        message: `too many segments to add ${name}`,
        expected: `at most ${L.SEGMENT_LIMIT}`,
      });
    try {
      shade(this.#shadow, start, end, writable ? "writable" : "read-only");
    } catch (error) {
      shade(this.#shadow, start, end, "closed");
      throw error;
    }
    const at = L.SEGMENT_TABLE + index * L.SEGMENT_SIZE;
    this.#u8.copyWithin(at + L.SEGMENT_SIZE, at, L.SEGMENT_TABLE + count * L.SEGMENT_SIZE);
    this.#view.setUint32(at + L.SEGMENT_START, start, true);
    this.#view.setUint32(at + L.SEGMENT_END, end, true);
    this.#view.setUint32(at + L.SEGMENT_FLAGS, writable ? L.SEGMENT_WRITABLE : 0, true);
    this.#view.setUint32(at + L.SEGMENT_NAME, this.#internName(name), true);
    this.#words[L.CONTROL_SEGMENT_COUNT >> 2] = count + 1;
    this.#words[L.CONTROL_GENERATION >> 2]++;
  }

  /** Names are kept once each; beyond the heap's end they are lost, which only costs a message its words. */
  #internName(name: string): number {
    const bytes = UTF8.encode(name).subarray(0, 255);
    const used = this.#words[L.CONTROL_NAME_BYTES >> 2];
    const known = indexOfBytes(this.#u8.subarray(L.NAME_HEAP, L.NAME_HEAP + used), bytes);
    if (known >= 0) return (known << 8) | bytes.length;
    if (L.NAME_HEAP + used + bytes.length > L.CONTROL_SIZE) return 0;
    this.#u8.set(bytes, L.NAME_HEAP + used);
    this.#words[L.CONTROL_NAME_BYTES >> 2] = used + bytes.length;
    return (used << 8) | bytes.length;
  }

  #nameOf(packed: number): string {
    const at = L.NAME_HEAP + (packed >>> 8);
    return TEXT.decode(this.#u8.slice(at, at + (packed & 0xff)));
  }

  #row(index: number, field: number): number {
    return this.#words[(L.SEGMENT_TABLE + index * L.SEGMENT_SIZE + field) >> 2] >>> 0;
  }

  /** Index of the last segment that starts at or below `address`; -1 when none does. */
  #indexOf(address: number): number {
    let low = 0;
    let high = this.#words[L.CONTROL_SEGMENT_COUNT >> 2];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#row(middle, L.SEGMENT_START) <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #segmentAt(index: number): Segment {
    const name = this.#nameOf(this.#row(index, L.SEGMENT_NAME));
    const writable = (this.#row(index, L.SEGMENT_FLAGS) & L.SEGMENT_WRITABLE) !== 0;
    return { name, start: this.#row(index, L.SEGMENT_START), end: this.#row(index, L.SEGMENT_END), writable };
  }

  /** All segments, by address. */
  segments(): Segment[] {
    this.#refresh();
    return Array.from({ length: this.#words[L.CONTROL_SEGMENT_COUNT >> 2] }, (_, index) => this.#segmentAt(index));
  }

  /**
   * Row of the segment that holds all of [address, address + size) and may be written when `write`; -1 when there is none.
   * Rows are those of the table: valid until the generation changes.
   */
  find(address: number, size: number, write: boolean): number {
    this.#refresh();
    const index = this.#indexOf(address);
    if (index < 0 || address + size > this.#row(index, L.SEGMENT_END)) return -1;
    return write && (this.#row(index, L.SEGMENT_FLAGS) & L.SEGMENT_WRITABLE) === 0 ? -1 : index;
  }

  /** First address of table row `index`. */
  start(index: number): number {
    return this.#row(index, L.SEGMENT_START);
  }

  /** End of table row `index`. */
  end(index: number): number {
    return this.#row(index, L.SEGMENT_END);
  }

  /** Where an access of `size` bytes at `address` lies, in words: what it missed, and by how much. */
  describe(address: bigint, size: number, write: boolean): string {
    if (address < BigInt(L.CONTROL_SIZE)) return address === 0n ? "NULL" : "near NULL";
    const plural = (count: number): string => `${count} byte${count === 1 ? "" : "s"}`;
    if (address < 0x8000_0000n) {
      this.#refresh();
      const at = Number(address);
      const index = this.#indexOf(at);
      const count = this.#words[L.CONTROL_SEGMENT_COUNT >> 2];
      const below = index >= 0 ? this.#segmentAt(index) : undefined;
      if (below && at + size <= below.end)
        return write && !below.writable ? `${below.name} is read-only` : `inside ${below.name}`;
      const above = index + 1 < count ? this.#segmentAt(index + 1) : undefined;
      const past = below ? at + size - below.end : Number.POSITIVE_INFINITY;
      const short = above ? above.start - at : Number.POSITIVE_INFINITY;
      if (below && past <= short && past <= PAGE) {
        return at < below.end
          ? `the last ${plural(past)} of it lie past the end of ${below.name}`
          : `${plural(at - below.end)} past the end of ${below.name}`;
      }
      if (above && short <= PAGE) return `${plural(short)} before the start of ${above.name}`;
    }
    const [first, last] = [this.segments()[0], this.segments().at(-1)];
    return first && last
      ? `the program's memory lies within 0x${first.start.toString(16)}..0x${last.end.toString(16)}`
      : "the program has no memory";
  }
}
