// io_uring_register(2) of the simulated kernel.

import { EINVAL } from "./errno.ts";
import type { Machine } from "./state.ts";

/** To come. */
export function registerRing(
  _machine: Machine,
  _fd: number,
  _opcode: number,
  _at: number,
  _value: number,
  _nr: number,
): number {
  return -EINVAL;
}
