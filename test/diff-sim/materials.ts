// What requests are made of: files, memory, paths and earlier requests, drawn as a seed says.

import type { Prng } from "../../src/base/index.ts";
import { IOSQE } from "../../src/uring/abi/index.ts";
import { BUFFER_RING_GROUP, DATA_AT, H, MEMORY_SIZE, STRUCTS_AT, type Poke, type Value } from "./script.ts";

const { IOSQE_FIXED_FILE } = IOSQE;

export type Fields = Record<string, Value>;

/** A request and what it touches. */
export interface Draft {
  readonly fields: Fields;
  /** Files and tables it uses. */
  readonly uses: readonly string[];
  /** May complete outside the call. */
  readonly async: boolean;
  readonly gives?: number;
}

export const FAR_OFFSET: Value = { raw: "0x7fffffffffffffff" };
export const BAD_ADDRESSES: readonly Value[] = [
  0,
  { raw: "0x1000" },
  { raw: "0x8000000000000000" },
  { raw: "0x7fff00000000" },
  { m: MEMORY_SIZE },
];

/** The names that requests may look up. */
const PATHS = ["f0", "f1", "f2", "new", "sub", "sub/x", "sub/../f0", "missing/x", "link", ".", "", "f0/", "a/b/c"];

/** Draws what requests need; what it has written for them into the process's memory is `pokes`. */
export class Materials {
  readonly prng: Prng;
  readonly pokes: Poke[] = [];
  /** Number of the next handle. */
  handle: number = H.first;
  /** user_data of the next request. */
  userData = 1;
  /** Handles of files that requests were to open. */
  readonly opened: number[] = [];
  /** user_data of all requests so far. */
  readonly past: number[] = [];
  /** Where the address of a unix socket lies that only this script uses. */
  readonly address: number;
  /** Flags of the buffer ring, if there is one. */
  bufferRing: number | undefined;
  #structs = STRUCTS_AT + 64;
  #data = DATA_AT;
  readonly #paths: readonly number[];

  constructor(seed: number, prng: Prng) {
    this.prng = prng;
    this.#paths = PATHS.map((name) => this.bytes([...new TextEncoder().encode(name), 0]));
    const name = [0, ...new TextEncoder().encode(`loopstep-${seed}-${seed % 7919}`)];
    this.address = this.bytes([1, 0, ...name, ...Array.from({ length: 30 }, () => 0)]);
  }

  group(): number {
    return this.bufferRing !== undefined && this.prng.chance(0.6) ? BUFFER_RING_GROUP : 5;
  }

  bytes(bytes: readonly number[]): number {
    const at = this.#structs;
    for (const [i, value] of bytes.entries()) this.pokes.push({ at: at + i, size: 1, value });
    this.#structs += (bytes.length + 15) & ~15;
    if (this.#structs > DATA_AT - 4096) this.#structs = STRUCTS_AT + 0x8000;
    return at;
  }

  words(...words: readonly (readonly [size: 4 | 8, value: Value])[]): number {
    const at = this.#structs;
    let offset = 0;
    for (const [size, value] of words) {
      this.pokes.push({ at: at + offset, size, value });
      offset += size;
    }
    this.#structs += (offset + 15) & ~15;
    return at;
  }

  buffer(length: number): number {
    const at = this.#data;
    this.#data += (length + 63) & ~63;
    if (this.#data > DATA_AT + 0x28000) this.#data = DATA_AT;
    return at;
  }

  length(): number {
    return this.prng.pick([0, 1, 10, 100, 100, 512, 4096, 5000]);
  }

  path(): Value {
    const p = this.prng;
    return p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: p.pick(this.#paths) };
  }

  timespec(long: boolean): Value {
    const p = this.prng;
    if (p.chance(0.04)) return p.pick(BAD_ADDRESSES);
    const ns = long ? 0 : 1_000_000 * (1 + p.below(5));
    return { m: this.words([8, long ? 1000 : 0], [8, p.chance(0.03) ? { raw: "-1" } : ns]) };
  }

  newHandle(): number {
    const handle = this.handle++;
    this.opened.push(handle);
    return handle;
  }

  /** A descriptor for reading or writing: plain or fixed. */
  file(names: readonly (readonly [use: string, handle: number, fixed?: number])[]): { use: string; fields: Fields } {
    const p = this.prng;
    const [use, handle, slot] = p.pick(names);
    if (slot !== undefined && p.chance(0.3)) return { use, fields: { fd: slot, flags: IOSQE_FIXED_FILE } };
    if (p.chance(0.02)) return { use, fields: { fd: p.pick([-1, 9999]) } };
    return { use, fields: { fd: { h: handle } } };
  }

  iovecs(): { at: Value; count: number } {
    const p = this.prng;
    const count = p.pick([0, 1, 2, 3]);
    const words: [8, Value][] = [];
    for (let i = 0; i < count; i++) {
      const length = p.pick([0, 10, 100, 1000]);
      words.push([8, p.chance(0.04) ? p.pick(BAD_ADDRESSES) : { m: this.buffer(length) }], [8, length]);
    }
    return { at: count === 0 ? { m: STRUCTS_AT } : { m: this.words(...words) }, count };
  }

  socketFile(): { use: string; fields: Fields } {
    return this.file([
      ["sock", H.sockA, 4],
      ["sock", H.sockB, 5],
      ["sock", H.sockA, 4],
      ["dgram", H.dgramA],
      ["dgram", H.dgramB],
      ["tcp", H.tcpA],
      ["tcp", H.tcpB],
      ["pipe", H.pipeR],
    ]);
  }

  /** The user_data of an earlier request, or of none. */
  target(): number {
    const p = this.prng;
    const settled = this.past;
    return settled.length > 0 && p.chance(0.85) ? settled[Math.max(0, settled.length - 1 - p.below(16))] : 100_000;
  }

  dirfd(): Value {
    return this.prng.chance(0.04) ? this.prng.pick([-1, 9999, { h: H.f0 }]) : { h: H.dir };
  }
}
