// Vectors of buffers (import_iovec of lib/iov_iter.c): struct iovec is a u64 base and a u64 length.

import { EFAULT, EINVAL } from "../../base/index.ts";
import { NOT_USER } from "./memory.ts";
import type { Request, Ring } from "./state.ts";

const UIO_MAXIOV = 1024;
const MAX_RW_COUNT = 0x7fff_f000;

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
