// The memory of the simulated process: one buffer that appears at the fixed address SIM_BASE, as pages of a real process
// do. `sqe->addr` and all other addresses lie in it; what lies elsewhere is not mapped (-EFAULT). The buffer may be a
// WebAssembly.Memory's, so that programs work on the very same bytes. Left out: protection bits, unmapping.

import { alignUp } from "../../base/index.ts";
import { SimError } from "./errors.ts";

/** Page size of the simulated machine, bytes. */
export const SIM_PAGE = 4096;

/** Address of byte 0 of the memory: 16 TiB. Its low 32 bits are zero, so the low half of an address is the offset. */
export const SIM_BASE = 0x1000_0000_0000;

const BASE_HIGH = SIM_BASE / 0x1_0000_0000;
// The first address user space of x86-64 cannot have (4-level paging): 2^47 less one page.
const USER_TOP_HIGH = 0x7fff;
const USER_TOP_LOW = 0xffff_f000;
const USER_TOP = USER_TOP_HIGH * 0x1_0000_0000 + USER_TOP_LOW;

/** `locate()`: an address of user space with nothing behind it. */
export const UNMAPPED = -1;
/** `locate()`: an address no user space can have. */
export const NOT_USER = -2;
/** `locate()`: the address 0, where a provided buffer counts as none. */
export const NULL_ADDRESS = -4;

/** access_ok(): user space may have all of `length` bytes from `address` on. */
export function isUserRange(address: number, length: number): boolean {
  return address + length <= USER_TOP;
}

const UTF8 = new TextDecoder("utf-8");
const UTF8_ENCODE = new TextEncoder();

/** The buffer, views over it, and a page allocator for what the kernel allocates itself. */
export class SimMemory {
  #buffer: ArrayBufferLike;
  bytes: Uint8Array;
  words: Uint32Array;
  view: DataView;
  #kernelFloor: number;
  readonly #freePages = new Map<number, number[]>();

  /**
   * `buffer`: a multiple of 4096 bytes, at most 4 GiB. Rings that are not IORING_SETUP_NO_MMAP and regions that the kernel
   * allocates take pages from its end downwards; `floor` (an offset) says how far down they may reach.
   */
  constructor(buffer: ArrayBufferLike, floor = 0) {
    if (buffer.byteLength === 0 || buffer.byteLength % SIM_PAGE !== 0) {
      throw new SimError("SIM_MEMORY", {
        message: "the simulated memory is not made of whole pages",
        found: `${buffer.byteLength} bytes`,
        expected: `a positive multiple of ${SIM_PAGE}`,
      });
    }
    this.#buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.view = new DataView(buffer);
    this.#kernelFloor = floor;
    this.kernelTop = buffer.byteLength;
  }

  /** The lowest offset taken by the kernel's own pages. */
  kernelTop: number;

  /** Bytes. */
  get size(): number {
    return this.bytes.length;
  }

  /** Looks at a grown buffer; needed after `WebAssembly.Memory.grow`, offsets stay the same. */
  refresh(buffer: ArrayBufferLike): void {
    if (buffer === this.#buffer && this.bytes.length === buffer.byteLength) return;
    this.#buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Offset behind the address given in two 32-bit halves, or UNMAPPED, NOT_USER or NULL_ADDRESS. */
  locate(low: number, high: number): number {
    if (high === BASE_HIGH) return low < this.bytes.length ? low : UNMAPPED;
    if (high > USER_TOP_HIGH || (high === USER_TOP_HIGH && low >= USER_TOP_LOW)) return NOT_USER;
    return low === 0 && high === 0 ? NULL_ADDRESS : UNMAPPED;
  }

  /** As `locate`, of a u64 in memory at offset `at`. */
  locateAt(at: number): number {
    return this.locate(this.words[at >>> 2], this.words[(at >>> 2) + 1]);
  }

  /** Address of an offset. */
  address(offset: number): number {
    return SIM_BASE + offset;
  }

  /** How many of `length` bytes from `offset` on exist: 0 for a located error. */
  reachable(offset: number, length: number): number {
    if (offset < 0 || offset >= this.bytes.length) return 0;
    return Math.min(length, this.bytes.length - offset);
  }

  /** True when all of `length` bytes from `offset` on exist. */
  covers(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.bytes.length;
  }

  /** The NUL-terminated string at `offset` as getname() takes it; undefined: not mapped; null: 4096 bytes or longer. */
  path(offset: number): string | undefined | null {
    if (offset < 0) return undefined;
    const end = this.bytes.indexOf(0, offset);
    if (end >= 0 && end - offset < SIM_PAGE) return UTF8.decode(this.bytes.slice(offset, end));
    return this.bytes.length - offset >= SIM_PAGE ? null : undefined;
  }

  /** Writes `text` and a NUL at `offset`; the number of bytes written. For the host's side of a test or engine. */
  putPath(offset: number, text: string): number {
    const encoded = UTF8_ENCODE.encode(text);
    this.bytes.set(encoded, offset);
    this.bytes[offset + encoded.length] = 0;
    return encoded.length + 1;
  }

  /** Zeroed pages for `length` bytes, from the end of the memory; the offset, or -1 when there is no room. */
  allocatePages(length: number): number {
    const size = alignUp(length, SIM_PAGE);
    const reuse = this.#freePages.get(size)?.pop();
    const at = reuse ?? this.kernelTop - size;
    if (reuse === undefined) {
      if (at < this.#kernelFloor) return -1;
      this.kernelTop = at;
    }
    this.bytes.fill(0, at, at + size);
    return at;
  }

  /** Gives back what `allocatePages(length)` returned. */
  freePages(at: number, length: number): void {
    const size = alignUp(length, SIM_PAGE);
    const list = this.#freePages.get(size);
    if (list) list.push(at);
    else this.#freePages.set(size, [at]);
  }
}
