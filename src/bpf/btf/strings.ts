// Names in BTF: offsets into one block of NUL-terminated strings, which a split BTF continues where its base ends; and
// an index from names to types that stores no JavaScript strings, so that 5 MB of vmlinux BTF are indexed in milliseconds.

import { cString } from "../../base/index.ts";
import { BtfError } from "./errors.ts";

const UTF8 = new TextEncoder();

/** The string block of a BTF, on top of that of its base. */
export class StringBlock {
  readonly bytes: Uint8Array;
  readonly base: StringBlock | undefined;
  /** Offset of the first own byte. */
  readonly start: number;
  /** Offset just beyond the last. */
  readonly end: number;

  constructor(bytes: Uint8Array, base?: StringBlock) {
    this.bytes = bytes;
    this.base = base;
    this.start = base?.end ?? 0;
    this.end = this.start + bytes.length;
  }

  /** The string at `offset`. Throws BTF_STRING. */
  at(offset: number): string {
    if (offset < this.start) return this.base!.at(offset);
    const text = cString(this.bytes, offset - this.start);
    if (text === undefined) {
      throw new BtfError("BTF_STRING", {
        message: "a string lies outside the string section",
        found: `offset ${offset}`,
        expected: `below ${this.end}`,
        where: "BTF strings",
      });
    }
    return text;
  }
}

/**
 * Length of the essential part of a name: `task_struct___old` is a flavor of `task_struct`. The last `___` between two
 * other characters counts (bpf_core_essential_name_len of libbpf).
 */
function essentialLength(name: string): number {
  for (let i = name.length - 5; i >= 0; i--) {
    if (name[i] !== "_" && name.startsWith("___", i + 1) && name[i + 4] !== "_") return i + 1;
  }
  return name.length;
}

/** The name without its flavor. */
export function essentialName(name: string): string {
  return name.slice(0, essentialLength(name));
}

const UNDERSCORE = 0x5f;

/** FNV-1a of the string at `at`, up to its NUL or the first `___` inside it: a name and its flavors share a hash. */
function hashStem(bytes: Uint8Array, at: number): number {
  let hash = 0x811c9dc5;
  let run = 0;
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === 0) break;
    // underscores count once it is known that fewer than three follow one another
    if (byte === UNDERSCORE && i > at) {
      if (++run === 3 && i - 3 >= at) break;
      continue;
    }
    for (; run > 0; run--) hash = Math.imul(hash ^ UNDERSCORE, 0x01000193);
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** Types by name: a hash table with chains in ascending order of type. */
export class NameIndex {
  readonly #heads: Int32Array;
  readonly #next: Int32Array;
  readonly #mask: number;

  /** `words`: the type section; `offsets[i]`: where type i begins in it, in bytes. Its first word is its name's offset. */
  constructor(strings: StringBlock, words: Uint32Array, offsets: Uint32Array) {
    let size = 16;
    while (size < offsets.length) size *= 2;
    this.#mask = size - 1;
    this.#heads = new Int32Array(size).fill(-1);
    this.#next = new Int32Array(offsets.length);
    // backwards, so that chains ascend
    for (let i = offsets.length - 1; i >= 0; i--) {
      const off = words[offsets[i] >>> 2];
      if (off === 0 || off >= strings.end) continue;
      let block = strings;
      while (off < block.start) block = block.base!;
      const slot = hashStem(block.bytes, off - block.start) & this.#mask;
      this.#next[i] = this.#heads[slot]!;
      this.#heads[slot] = i;
    }
  }

  /** Types that may be named `name` or a flavor of it, ascending; the caller compares. */
  *candidates(name: string): Generator<number> {
    for (let i = this.#heads[hashStem(UTF8.encode(name), 0) & this.#mask]; i >= 0; i = this.#next[i]!) yield i;
  }
}
