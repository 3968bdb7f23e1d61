// Vectors of buffers (import_iovec of lib/iov_iter.c): struct iovec is a u64 base and a u64 length. Here a vector is a list
// of offsets and lengths, alternating.

import { EFAULT, EINVAL } from "../../base/index.ts";
import { NOT_USER, type SimMemory } from "./memory.ts";
import type { Request, Ring } from "./state.ts";

const UIO_MAXIOV = 1024;
/** Most bytes of one transfer: a signed 32-bit count, in whole pages. */
export const MAX_RW_COUNT = 0x7fff_f000;

/** Reads `count` iovecs at memory offset `at` into req.segments, offset and length alternating; 0 or a negative errno. */
export function readSegments(ring: Ring, req: Request, at: number, count: number): number {
  if (count > UIO_MAXIOV) return -EINVAL;
  const { memory } = ring.machine;
  const segments: number[] = [];
  req.segments = segments;
  if (count === 0) return 0;
  if (!memory.covers(at, count * 16)) return -EFAULT;
  // all are copied, and their lengths looked at, before any address is
  for (let i = 0; i < count; i++) if (memory.view.getInt32(at + i * 16 + 12, true) < 0) return -EINVAL;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const entry = at + i * 16;
    const length = memory.view.getUint32(entry + 12, true) * 0x1_0000_0000 + memory.view.getUint32(entry + 8, true);
    const base = memory.locateAt(entry);
    if (base === NOT_USER) return -EFAULT;
    const taken = Math.min(length, MAX_RW_COUNT - total);
    segments.push(base, taken);
    total += taken;
  }
  return 0;
}

/** Bytes of all segments. */
export function totalLength(segments: readonly number[]): number {
  let sum = 0;
  for (let i = 1; i < segments.length; i += 2) sum += segments[i];
  return sum;
}

/** The first `length` bytes of the segments; as many as are mapped, null when none are though some were wanted. */
export function gather(memory: SimMemory, segments: readonly number[], length: number): Uint8Array | null {
  const out = new Uint8Array(length);
  let done = 0;
  for (let i = 0; i < segments.length && done < length; i += 2) {
    const wanted = Math.min(segments[i + 1], length - done);
    const count = memory.reachable(segments[i], wanted);
    out.set(memory.bytes.subarray(Math.max(0, segments[i]), Math.max(0, segments[i]) + count), done);
    done += count;
    if (count < wanted) return null;
  }
  return out;
}

/** Puts `bytes` at position `skip` of the segments; how many could be put. */
export function scatter(memory: SimMemory, segments: readonly number[], skip: number, bytes: Uint8Array): number {
  let before = skip;
  let done = 0;
  for (let i = 0; i < segments.length && done < bytes.length; i += 2) {
    const size = segments[i + 1];
    if (before >= size) {
      before -= size;
      continue;
    }
    const wanted = Math.min(size - before, bytes.length - done);
    const count = memory.reachable(segments[i] < 0 ? -1 : segments[i] + before, wanted);
    if (count > 0) memory.bytes.set(bytes.subarray(done, done + count), segments[i] + before);
    done += count;
    before = 0;
    if (count < wanted) break;
  }
  return done;
}
