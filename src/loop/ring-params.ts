// The geometry of a ring as io_uring_setup(2) reports it (struct io_uring_params), and the names under which a program's
// globals receive it: those of liburing's loop programs and their obvious kin.

import type { RingParams } from "../uring/abi/index.ts";

/** A named number of a ring's geometry. */
type ParamValue = (params: RingParams) => number;

/** `cq_off.head` and the like: what `--set NAME=@cq_off.head` accepts. */
export const PARAM_BY_PATH: Readonly<Record<string, ParamValue>> = {
  sq_entries: (p) => p.sq_entries,
  cq_entries: (p) => p.cq_entries,
  flags: (p) => p.flags,
  features: (p) => p.features,
  "sq_off.head": (p) => p.sq_off.head,
  "sq_off.tail": (p) => p.sq_off.tail,
  "sq_off.ring_mask": (p) => p.sq_off.ring_mask,
  "sq_off.ring_entries": (p) => p.sq_off.ring_entries,
  "sq_off.flags": (p) => p.sq_off.flags,
  "sq_off.dropped": (p) => p.sq_off.dropped,
  "sq_off.array": (p) => p.sq_off.array,
  "cq_off.head": (p) => p.cq_off.head,
  "cq_off.tail": (p) => p.cq_off.tail,
  "cq_off.ring_mask": (p) => p.cq_off.ring_mask,
  "cq_off.ring_entries": (p) => p.cq_off.ring_entries,
  "cq_off.overflow": (p) => p.cq_off.overflow,
  "cq_off.cqes": (p) => p.cq_off.cqes,
  "cq_off.flags": (p) => p.cq_off.flags,
};

/** Globals that are filled by their name alone. `*_hdr_offset` is where the head/tail pair of that queue begins. */
const GLOBAL_BINDINGS: Readonly<Record<string, ParamValue>> = {
  sq_entries: (p) => p.sq_entries,
  cq_entries: (p) => p.cq_entries,
  sq_mask: (p) => p.sq_entries - 1,
  cq_mask: (p) => p.cq_entries - 1,
  sq_head_offset: (p) => p.sq_off.head,
  sq_tail_offset: (p) => p.sq_off.tail,
  sq_flags_offset: (p) => p.sq_off.flags,
  sq_dropped_offset: (p) => p.sq_off.dropped,
  sq_array_offset: (p) => p.sq_off.array,
  sq_hdr_offset: (p) => p.sq_off.head,
  cq_head_offset: (p) => p.cq_off.head,
  cq_tail_offset: (p) => p.cq_off.tail,
  cq_flags_offset: (p) => p.cq_off.flags,
  cq_overflow_offset: (p) => p.cq_off.overflow,
  cq_hdr_offset: (p) => p.cq_off.head,
  cqes_offset: (p) => p.cq_off.cqes,
};

/** A ring's parameters with the values of GLOBAL_BINDINGS for it: what `object.bind()` takes. */
export interface RingGeometry extends RingParams {
  readonly globals: Readonly<Record<string, number>>;
}

/** See RingGeometry. */
export function ringGeometry(params: RingParams): RingGeometry {
  const globals = Object.fromEntries(Object.entries(GLOBAL_BINDINGS).map(([name, value]) => [name, value(params)]));
  return { ...params, globals };
}
