// Which parts of the memory are handed out. Blocks lie end to end from page 0 to the break (control-block.ts). A block that is
// in use begins with at least GAP bytes that belong to nobody, whose last words say where the block begins and ends; a free
// one begins with {u32 next free block or 0, u32 end}, and free blocks that touch become one. All of it lies in the memory
// itself, so that any thread may allocate and give back, under the allocator's lock.

import { alignUp } from "../../base/index.ts";
import { CONTROL_BREAK, CONTROL_FREE } from "./control-block.ts";

/** Bytes before each allocation, so that running over the end of the one before is noticed. */
const GAP = 64;
/** A free block smaller than this is not worth keeping apart. */
const LEAST = 2 * GAP;

/** Before the start of an allocation. */
const HEAD_BLOCK = -16;
const HEAD_END = -12;
const HEAD_TAG = -8;
const TAG = 0x4b4c4256;

/** In a free block. */
const NEXT = 0;
const END = 4;

/** A place for an allocation: where the block lies and where what is handed out begins. */
interface Place {
  readonly block: number;
  readonly start: number;
  readonly end: number;
}

function placeIn(block: number, size: number, align: number): Place {
  const start = alignUp(block + GAP, Math.max(align, 8));
  return { block, start, end: alignUp(start + Math.max(size, 1), 8) };
}

/** Keeps what lies before an aligned start as a free block of its own, where it is large enough. */
function trimFront(words: Int32Array, { block, start, end }: Place): Place {
  const front = start - GAP;
  if (front - block < LEAST) return { block, start, end };
  insertFree(words, block, front);
  return { block: front, start, end };
}

function use(words: Int32Array, { block, start, end }: Place): number {
  words[(start + HEAD_BLOCK) >> 2] = block;
  words[(start + HEAD_END) >> 2] = end;
  words[(start + HEAD_TAG) >> 2] = TAG;
  return start;
}

/** Enters [block, end) into the list, which is sorted by address. */
function insertFree(words: Int32Array, block: number, end: number): void {
  let before = 0;
  let after = words[CONTROL_FREE >> 2];
  while (after !== 0 && after < block) {
    before = after;
    after = words[(after + NEXT) >> 2]!;
  }
  let [from, to, next] = [block, end, after];
  if (after === end) {
    to = words[(after + END) >> 2]!;
    next = words[(after + NEXT) >> 2]!;
  }
  if (before !== 0 && words[(before + END) >> 2] === block) from = before;
  else words[(before === 0 ? CONTROL_FREE : before + NEXT) >> 2] = block;
  words[(from + NEXT) >> 2] = next;
  words[(from + END) >> 2] = to;
}

/** Start of `size` bytes among those given back, which are not zeroed; 0 when there is no room. */
export function takeFree(words: Int32Array, size: number, align: number): number {
  let link = CONTROL_FREE;
  for (let block = words[link >> 2]; block !== 0; block = words[link >> 2]!) {
    const free = words[(block + END) >> 2];
    const place = placeIn(block, size, align);
    if (place.end <= free) {
      words[link >> 2] = words[(block + NEXT) >> 2]!;
      if (free - place.end < LEAST) return use(words, trimFront(words, { ...place, end: free }));
      insertFree(words, place.end, free);
      return use(words, trimFront(words, place));
    }
    link = block + NEXT;
  }
  return 0;
}

/** Start of `size` bytes beyond the break. `grow` makes room up to an address, and gives the words to go on with. */
export function takeFresh(words: Int32Array, size: number, align: number, grow: (end: number) => Int32Array): number {
  const place = placeIn(words[CONTROL_BREAK >> 2], size, align);
  const grown = grow(place.end);
  grown[CONTROL_BREAK >> 2] = place.end;
  return use(grown, trimFront(grown, place));
}

/** Gives back what was handed out at `start`; false when nothing was. */
export function giveBack(words: Int32Array, start: number): boolean {
  if (start % 8 !== 0 || !(start >= GAP && start < words[CONTROL_BREAK >> 2])) return false;
  if (words[(start + HEAD_TAG) >> 2] !== TAG) return false;
  words[(start + HEAD_TAG) >> 2] = 0;
  insertFree(words, words[(start + HEAD_BLOCK) >> 2], words[(start + HEAD_END) >> 2]);
  return true;
}
