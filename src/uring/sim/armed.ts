// The requests of a ring that wait for a file, in buckets by user_data, as those of the kernel stand in its cancel_table:
// which of several a cancellation finds first shows in the completions (io_uring/poll.c at v7.2).

import type { Request, Ring } from "./state.ts";

/** GOLDEN_RATIO_64, in halves. */
const GOLDEN_HIGH = 0x61c8_8646;
const GOLDEN_LOW = 0x80b5_83eb;
const BITS_MIN = 1;
const BITS_MAX = 8;

/** Empty buckets of a ring with so many CQEs. */
export function armedBuckets(cqEntries: number): (Request | null)[] {
  const bits = Math.min(BITS_MAX, Math.max(BITS_MIN, 31 - Math.clz32(cqEntries) - 5));
  return Array.from({ length: 1 << bits }, () => null);
}

/** The upper half of a product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const [cross, other] = [aLow * bHigh, aHigh * bLow];
  const middle = ((aLow * bLow) >>> 16) + (cross & 0xffff) + (other & 0xffff);
  return aHigh * bHigh + (cross >>> 16) + (other >>> 16) + (middle >>> 16);
}

/** hash_long() of user_data: its top bits choose the bucket. */
function bucketOf(ring: Ring, low: number, high: number): number {
  const hash = multiplyHigh(low, GOLDEN_LOW) + Math.imul(low, GOLDEN_HIGH) + Math.imul(high, GOLDEN_LOW);
  return (hash >>> 0) >>> (1 + Math.clz32(ring.armed.length));
}

/** Puts a request first in its bucket. */
export function arm(ring: Ring, req: Request): void {
  const bucket = bucketOf(ring, req.userLow, req.userHigh);
  const first = ring.armed[bucket];
  req.bucket = bucket;
  req.hashPrev = null;
  req.hashNext = first;
  if (first !== null) first.hashPrev = req;
  ring.armed[bucket] = req;
}

/** Takes a request out of its bucket, if it stands in one. */
export function disarm(ring: Ring, req: Request): void {
  if (req.bucket < 0) return;
  if (req.hashPrev !== null) req.hashPrev.hashNext = req.hashNext;
  else ring.armed[req.bucket] = req.hashNext;
  if (req.hashNext !== null) req.hashNext.hashPrev = req.hashPrev;
  req.bucket = -1;
  req.hashNext = null;
  req.hashPrev = null;
}

/** The first armed request for which `matches` holds: bucket by bucket, in each the newest first. */
export function findArmed(ring: Ring, matches: (req: Request) => boolean): Request | null {
  for (const first of ring.armed) {
    for (let req = first; req !== null; req = req.hashNext) if (matches(req)) return req;
  }
  return null;
}

/** The same of those with this user_data only. */
export function findArmedBy(ring: Ring, low: number, high: number, matches: (req: Request) => boolean): Request | null {
  for (let req = ring.armed[bucketOf(ring, low, high)]; req !== null; req = req.hashNext) {
    if (req.userLow === low && req.userHigh === high && matches(req)) return req;
  }
  return null;
}

/** All armed requests. */
export function allArmed(ring: Ring): Request[] {
  const all: Request[] = [];
  findArmed(ring, (req) => {
    all.push(req);
    return false;
  });
  return all;
}
