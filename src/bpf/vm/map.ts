// A map as seen from either thread: operations over the memory, with the errno values of the kernel's own maps
// (kernel/bpf/arraymap.c, hashtab.c and queue_stack_maps.c at v7.2). Keys and values come from any byte array at an
// offset, so that helpers (the memory itself) and hosts (their own bytes) share one implementation. Changes of a hash or
// queue take a lock word; lookups do not, as in the kernel.

import { E2BIG, EEXIST, EINVAL, ENOENT } from "../../base/index.ts";
import * as L from "./map-layout.ts";
import type { VmMemory } from "./memory.ts";
import type { MapImage } from "./types.ts";

/** One map. Results are 0 or a negative errno; addresses are 0 for "none". */
export abstract class VmMap {
  readonly image: MapImage;
  protected readonly memory: VmMemory;

  constructor(image: MapImage, memory: VmMemory) {
    this.image = image;
    this.memory = memory;
  }

  /** Address of the value of the key at `key[at]`. */
  abstract lookup(key: Uint8Array, at: number): number;
  abstract update(key: Uint8Array, keyAt: number, value: Uint8Array, valueAt: number, flags: number): number;
  abstract delete(key: Uint8Array, at: number): number;
  /** [address of the key, address of the value] of each entry. Entries may be deleted while iterating. */
  abstract entries(): IterableIterator<readonly [key: number, value: number]>;

  push(_value: Uint8Array, _at: number, _flags: number): number {
    return -EINVAL;
  }

  /** Copies the next value to `out`, taking it off when `remove`. */
  take(_out: Uint8Array, _at: number, _remove: boolean): number {
    return -EINVAL;
  }

  /** A copy of the value of `key`, or undefined. */
  get(key: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    const address = this.lookup(key, 0);
    return address === 0 ? undefined : this.memory.u8.slice(address, address + this.image.value_size);
  }

  /** Update with bytes of exactly key_size and value_size. */
  set(key: Uint8Array, value: Uint8Array, flags: number = L.BPF_ANY): number {
    const { key_size, value_size } = this.image;
    return key.length === key_size && value.length === value_size ? this.update(key, 0, value, 0, flags) : -EINVAL;
  }

  /** Copies of all entries. */
  *copies(): Generator<readonly [key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>]> {
    const { key_size, value_size } = this.image;
    for (const [key, value] of this.entries()) {
      const u8 = this.memory.u8;
      yield [u8.slice(key, key + key_size), u8.slice(value, value + value_size)];
    }
  }

  protected word(field: number): number {
    return this.memory.words[(this.image.handle + field) >> 2];
  }

  protected setWord(field: number, value: number): void {
    this.memory.words[(this.image.handle + field) >> 2] = value;
  }

  protected locked(change: () => number): number {
    const words = this.memory.words;
    const lock = (this.image.handle + L.MAP_LOCK) >> 2;
    while (Atomics.compareExchange(words, lock, 0, 1) !== 0);
    try {
      return change();
    } finally {
      Atomics.store(words, lock, 0);
    }
  }
}

function copy(to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number, size: number): void {
  if (to === from) to.copyWithin(toAt, fromAt, fromAt + size);
  else to.set(from.subarray(fromAt, fromAt + size), toAt);
}

class ArrayVmMap extends VmMap {
  lookup(key: Uint8Array, at: number): number {
    const index = (key[at] | (key[at + 1] << 8) | (key[at + 2] << 16) | (key[at + 3] << 24)) >>> 0;
    const { max_entries, values, stride } = this.image;
    return index < max_entries ? values + index * stride : 0;
  }

  update(key: Uint8Array, keyAt: number, value: Uint8Array, valueAt: number, flags: number): number {
    if (flags > L.BPF_EXIST) return -EINVAL;
    const address = this.lookup(key, keyAt);
    if (address === 0) return -E2BIG;
    if (flags === L.BPF_NOEXIST) return -EEXIST;
    copy(this.memory.u8, address, value, valueAt, this.image.value_size);
    return 0;
  }

  delete(): number {
    return -EINVAL;
  }

  *entries(): Generator<readonly [key: number, value: number]> {
    const { keys, values, stride, max_entries } = this.image;
    for (let index = 0; index < max_entries; index++) {
      this.memory.view.setUint32(keys, index, true);
      yield [keys, values + index * stride];
    }
  }

  override *copies(): Generator<readonly [key: Uint8Array<ArrayBuffer>, value: Uint8Array<ArrayBuffer>]> {
    // Not through the shown index, which belongs to the running program.
    for (let index = 0; index < this.image.max_entries; index++) {
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, index, true);
      yield [key, this.get(key)!];
    }
  }
}

class HashVmMap extends VmMap {
  #chain(key: Uint8Array, at: number): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.image.key_size; i++) hash = Math.imul(hash ^ key[at + i], 0x01000193);
    return (hash ^ (hash >>> 15)) & (this.image.chains - 1);
  }

  /** Index of the entry with this key, and the word that points to it; index -1 when there is none. */
  #find(key: Uint8Array, at: number, chain: number): readonly [index: number, link: number] {
    const { heads, nexts, keys, keyStride, key_size, max_entries } = this.image;
    const words = this.memory.words;
    const u8 = this.memory.u8;
    let link = (heads >> 2) + chain;
    // Bounded, because an entry that another thread moves to another chain could close a circle.
    for (let steps = 0; steps <= max_entries; steps++) {
      const index = words[link] - 1;
      if (index < 0) break;
      const there = keys + index * keyStride;
      let same = 0;
      while (same < key_size && u8[there + same] === key[at + same]) same++;
      if (same === key_size) return [index, link];
      link = (nexts >> 2) + index;
    }
    return [-1, link];
  }

  lookup(key: Uint8Array, at: number): number {
    const [index] = this.#find(key, at, this.#chain(key, at));
    return index < 0 ? 0 : this.image.values + index * this.image.stride;
  }

  update(key: Uint8Array, keyAt: number, value: Uint8Array, valueAt: number, flags: number): number {
    if (flags > L.BPF_EXIST) return -EINVAL;
    const { heads, nexts, keys, keyStride, key_size, values, stride, value_size, max_entries } = this.image;
    return this.locked(() => {
      const chain = this.#chain(key, keyAt);
      const [found] = this.#find(key, keyAt, chain);
      if (found >= 0 && flags === L.BPF_NOEXIST) return -EEXIST;
      if (found < 0 && flags === L.BPF_EXIST) return -ENOENT;
      const { u8, words } = this.memory;
      if (found >= 0) {
        copy(u8, values + found * stride, value, valueAt, value_size);
        return 0;
      }
      const free = this.word(L.MAP_FREE) - 1;
      const used = this.word(L.MAP_USED);
      const full = free < 0 && used >= max_entries;
      if (full && !L.evicts(this.image.type)) return -E2BIG;
      const index = full ? this.#evict() : free >= 0 ? free : used;
      if (full) this.setWord(L.MAP_COUNT, this.word(L.MAP_COUNT) - 1);
      else if (free >= 0) this.setWord(L.MAP_FREE, words[(nexts >> 2) + index]);
      else this.setWord(L.MAP_USED, used + 1);
      copy(u8, keys + index * keyStride, key, keyAt, key_size);
      copy(u8, values + index * stride, value, valueAt, value_size);
      words[(nexts >> 2) + index] = words[(heads >> 2) + chain]!;
      Atomics.store(words, (heads >> 2) + chain, index + 1);
      this.setWord(L.MAP_COUNT, this.word(L.MAP_COUNT) + 1);
      return 0;
    });
  }

  /** Takes an entry out to make room: one after the other, as Linux says no more of which goes than that it is an old one. */
  #evict(): number {
    const { keys, keyStride, nexts, max_entries } = this.image;
    const { u8, words } = this.memory;
    const index = this.word(L.MAP_QUEUE_HEAD) % max_entries;
    this.setWord(L.MAP_QUEUE_HEAD, index + 1);
    const at = keys + index * keyStride;
    const [found, link] = this.#find(u8, at, this.#chain(u8, at));
    Atomics.store(words, link, words[(nexts >> 2) + found]);
    return found;
  }

  delete(key: Uint8Array, at: number): number {
    return this.locked(() => {
      const [index, link] = this.#find(key, at, this.#chain(key, at));
      if (index < 0) return -ENOENT;
      const words = this.memory.words;
      const next = (this.image.nexts >> 2) + index;
      Atomics.store(words, link, words[next]);
      words[next] = this.word(L.MAP_FREE);
      this.setWord(L.MAP_FREE, index + 1);
      this.setWord(L.MAP_COUNT, this.word(L.MAP_COUNT) - 1);
      return 0;
    });
  }

  *entries(): Generator<readonly [key: number, value: number]> {
    const { chains, heads, nexts, keys, keyStride, values, stride, max_entries } = this.image;
    for (let chain = 0; chain < chains; chain++) {
      let index = this.memory.words[(heads >> 2) + chain] - 1;
      for (let steps = 0; index >= 0 && steps < max_entries; steps++) {
        const next = this.memory.words[(nexts >> 2) + index] - 1;
        yield [keys + index * keyStride, values + index * stride];
        index = next;
      }
    }
  }
}

/** A map without keys. As it is, of a ring buffer or task storage: only its helpers know what is in it. */
class KeylessVmMap extends VmMap {
  lookup(): number {
    return 0;
  }

  update(): number {
    return -EINVAL;
  }

  delete(): number {
    return -EINVAL;
  }

  *entries(): Generator<readonly [key: number, value: number]> {}
}

class QueueVmMap extends KeylessVmMap {
  override *entries(): Generator<readonly [key: number, value: number]> {
    const { values, stride, max_entries, type } = this.image;
    const count = this.word(L.MAP_COUNT);
    const head = this.word(L.MAP_QUEUE_HEAD);
    for (let i = 0; i < count; i++) {
      const nth = type === L.BPF_MAP_TYPE_QUEUE ? i : count - 1 - i;
      yield [0, values + ((head + nth) % max_entries) * stride];
    }
  }

  override push(value: Uint8Array, at: number, flags: number): number {
    if (flags === L.BPF_NOEXIST || flags > L.BPF_EXIST) return -EINVAL;
    const { values, stride, value_size, max_entries } = this.image;
    return this.locked(() => {
      let count = this.word(L.MAP_COUNT);
      if (count === max_entries) {
        if (flags !== L.BPF_EXIST) return -E2BIG;
        this.setWord(L.MAP_QUEUE_HEAD, (this.word(L.MAP_QUEUE_HEAD) + 1) % max_entries);
        count--;
      }
      const slot = (this.word(L.MAP_QUEUE_HEAD) + count) % max_entries;
      copy(this.memory.u8, values + slot * stride, value, at, value_size);
      this.setWord(L.MAP_COUNT, count + 1);
      return 0;
    });
  }

  override take(out: Uint8Array, at: number, remove: boolean): number {
    const { values, stride, value_size, max_entries, type } = this.image;
    return this.locked(() => {
      const count = this.word(L.MAP_COUNT);
      if (count === 0) {
        out.fill(0, at, at + value_size);
        return -ENOENT;
      }
      const head = this.word(L.MAP_QUEUE_HEAD);
      const fifo = type === L.BPF_MAP_TYPE_QUEUE;
      const slot = fifo ? head : (head + count - 1) % max_entries;
      copy(out, at, this.memory.u8, values + slot * stride, value_size);
      if (remove) {
        this.setWord(L.MAP_COUNT, count - 1);
        if (fifo) this.setWord(L.MAP_QUEUE_HEAD, (head + 1) % max_entries);
      }
      return 0;
    });
  }
}

/** The map behind an image, over this thread's view of the memory. */
export function openMap(image: MapImage, memory: VmMemory): VmMap {
  const shape = L.shapeOf(image.type);
  if (shape === "array") return new ArrayVmMap(image, memory);
  if (shape === "ring" || shape === "storage") return new KeylessVmMap(image, memory);
  return shape === "hash" ? new HashVmMap(image, memory) : new QueueVmMap(image, memory);
}
