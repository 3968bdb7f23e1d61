// struct __kernel_timespec: seconds and nanoseconds, both s64.

import type { Ring } from "./state.ts";

/** Nanoseconds of the timespec at `at`, or undefined when it is not mapped. */
export function readTimespec(ring: Ring, at: number): { sec: number; nsec: number } | undefined {
  const { memory } = ring.machine;
  if (!memory.covers(at, 16)) return undefined;
  return { sec: Number(memory.view.getBigInt64(at, true)), nsec: Number(memory.view.getBigInt64(at + 8, true)) };
}
