// Whether Linux takes the types of a map's key and value (map_check_btf of kernel/bpf/syscall.c and the map_check_btf callbacks
// at v7.2). Where it does not, a loader makes the map without them, as libbpf does: its values have no special fields then.

import type { Btf, BtfType } from "../btf/index.ts";
import { BtfError } from "../btf/index.ts";
import type { MapSpec } from "../object/index.ts";
import * as M from "./map-types.ts";
import { type FieldKind, type Fields, valueFields } from "./record.ts";

type Spec = Omit<MapSpec, "inner">;

/** A loader never gives BTF to these; PROG_ARRAY refuses it. */
const WITHOUT: ReadonlySet<number> = new Set([
  M.MAP_PROG_ARRAY,
  M.MAP_PERF_EVENT_ARRAY,
  M.MAP_STACK_TRACE,
  M.MAP_CGROUP_ARRAY,
  M.MAP_ARRAY_OF_MAPS,
  M.MAP_HASH_OF_MAPS,
  M.MAP_DEVMAP,
  M.MAP_DEVMAP_HASH,
  M.MAP_CPUMAP,
  M.MAP_SOCKMAP,
  M.MAP_SOCKHASH,
  M.MAP_XSKMAP,
  M.MAP_QUEUE,
  M.MAP_STACK,
  M.MAP_ARENA,
]);
const STORAGE = [M.MAP_SK_STORAGE, M.MAP_INODE_STORAGE, M.MAP_TASK_STORAGE, M.MAP_CGRP_STORAGE];
/** Types whose key is a number of 32 bits. */
const INDEXED = [M.MAP_ARRAY, M.MAP_PERCPU_ARRAY, ...STORAGE];
const LOCKABLE: readonly number[] = [M.MAP_HASH, M.MAP_RHASH, M.MAP_ARRAY, M.MAP_CGROUP_STORAGE, ...STORAGE];
const OWNING: readonly number[] = [M.MAP_HASH, M.MAP_LRU_HASH, M.MAP_ARRAY];
const SCHEDULING: readonly number[] = [M.MAP_RHASH, ...OWNING];
const POINTING: readonly number[] = [
  M.MAP_HASH,
  M.MAP_RHASH,
  M.MAP_ARRAY,
  ...STORAGE,
  M.MAP_PERCPU_HASH,
  M.MAP_LRU_HASH,
  M.MAP_LRU_PERCPU_HASH,
  M.MAP_PERCPU_ARRAY,
];

/** Types of map whose values may hold a field. */
const HOLDERS: Readonly<Partial<Record<FieldKind, readonly number[]>>> = {
  bpf_spin_lock: LOCKABLE,
  bpf_res_spin_lock: LOCKABLE,
  bpf_timer: SCHEDULING,
  bpf_wq: SCHEDULING,
  bpf_task_work: SCHEDULING,
  kptr: POINTING,
  kptr_untrusted: POINTING,
  percpu_kptr: POINTING,
  bpf_refcount: POINTING,
  uptr: [M.MAP_TASK_STORAGE],
  bpf_list_head: OWNING,
  bpf_rb_root: OWNING,
};
const PAGE = 4096;

/** The special fields of a map's values, or undefined when the map is made without BTF. */
export function mapFields(spec: Spec, btf: Btf, target: Btf): Fields | undefined {
  if (spec.btf_value_type_id === 0 || WITHOUT.has(spec.type)) return undefined;
  const fields = valueFields(btf, target, spec.btf_value_type_id);
  return typesFit(spec, btf) && fieldsFit(spec, fields, target) ? fields : undefined;
}

/** Whether a map of this type cannot be made without BTF. */
export function needsBtf(spec: Spec): boolean {
  return STORAGE.includes(spec.type);
}

function typesFit({ type, kind, btf_key_type_id, btf_value_type_id, key_size, value_size }: Spec, btf: Btf): boolean {
  if (sizeOf(btf, btf_value_type_id) !== value_size) return false;
  // only data sections and bloom filters have no key
  if (btf_key_type_id === 0) return kind !== "map" || type === M.MAP_BLOOM_FILTER;
  if (sizeOf(btf, btf_key_type_id) !== key_size) return false;
  const key = btf.resolved(btf_key_type_id);
  if (INDEXED.includes(type)) return isNumber(key);
  if (type === M.MAP_LPM_TRIE) return key.kind === "STRUCT";
  return type !== M.MAP_BLOOM_FILTER;
}

const isNumber = (type: BtfType): boolean => type.kind === "INT" && type.bits === 32 && type.offset === 0;

function sizeOf(btf: Btf, id: number): number | undefined {
  try {
    return btf.sizeOf(id);
  } catch (error) {
    if (error instanceof BtfError) return undefined;
    throw error;
  }
}

function fieldsFit({ type, map_flags, frozen }: Spec, fields: Fields, target: Btf): boolean {
  const readOnly = frozen || (map_flags & (M.BPF_F_RDONLY_PROG | M.BPF_F_WRONLY_PROG)) !== 0;
  return fields.every(({ kind, btf, btf_id }) => {
    if (readOnly || HOLDERS[kind]?.includes(type) !== true) return false;
    if (kind !== "uptr") return true;
    const size = btf === target ? 0 : btf!.sizeOf(btf_id);
    return size > 0 && size <= PAGE;
  });
}
