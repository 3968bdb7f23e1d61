// What is known of one call of a helper between its arguments and its result.

import type { RawAccess } from "./check-stack.ts";
import { helperNumber, type HelperProto } from "./helpers-proto.ts";
import type { MapInfo } from "./maps.ts";
import type { SpecialField } from "./record.ts";
import type { Reg } from "./reg-state.ts";

/** What the arguments say, for what comes after them. */
export interface CallMeta {
  readonly proto: HelperProto;
  map: MapInfo | undefined;
  mapUid: number;
  readonly raw: RawAccess;
  memSize: number;
  mostSize: number;
  subprog: number;
  constKey: number | undefined;
  dynptr: Reg | undefined;
  refId: number;
  releaseReg: number;
  btfArg: Reg | undefined;
  kptr: SpecialField | undefined;
}

const NAMES = [
  "tail_call",
  "map_lookup_elem",
  "map_peek_elem",
  "for_each_map_elem",
  "timer_set_callback",
  "find_vma",
  "snprintf",
  "loop",
  "dynptr_from_mem",
  "user_ringbuf_drain",
  "spin_lock",
  "spin_unlock",
  "kptr_xchg",
  "dynptr_data",
  "get_smp_processor_id",
  "ringbuf_reserve",
  "per_cpu_ptr",
  "this_cpu_ptr",
] as const;

/** Numbers of the helpers that get special treatment. */
export const ID: Readonly<Record<(typeof NAMES)[number], number>> = Object.fromEntries(
  NAMES.map((name) => [name, helperNumber(name)]),
) as Record<(typeof NAMES)[number], number>;
