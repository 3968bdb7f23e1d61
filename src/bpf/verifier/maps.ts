// Maps as the verifier sees them: sizes, special fields of their values, and what may be done with each type
// (check_map_func_compatibility of kernel/bpf/verifier.c at v7.2).

import type { Btf } from "../btf/index.ts";
import type { MapSpec } from "../object/index.ts";
import { helperNumber } from "./helpers-proto.ts";
import { mapFields } from "./map-btf.ts";
import {
  BPF_F_INNER_MAP,
  BPF_F_RDONLY_PROG,
  MAP_ARENA,
  MAP_ARRAY,
  MAP_ARRAY_OF_MAPS,
  MAP_BLOOM_FILTER,
  MAP_CGROUP_ARRAY,
  MAP_CGROUP_STORAGE,
  MAP_CGRP_STORAGE,
  MAP_CPUMAP,
  MAP_DEVMAP,
  MAP_DEVMAP_HASH,
  MAP_HASH,
  MAP_HASH_OF_MAPS,
  MAP_INODE_STORAGE,
  MAP_INSN_ARRAY,
  MAP_LPM_TRIE,
  MAP_LRU_HASH,
  MAP_LRU_PERCPU_HASH,
  MAP_PERCPU_ARRAY,
  MAP_PERCPU_CGROUP_STORAGE,
  MAP_PERCPU_HASH,
  MAP_PERF_EVENT_ARRAY,
  MAP_PROG_ARRAY,
  MAP_QUEUE,
  MAP_REUSEPORT_SOCKARRAY,
  MAP_RHASH,
  MAP_RINGBUF,
  MAP_SK_STORAGE,
  MAP_SOCKHASH,
  MAP_SOCKMAP,
  MAP_STACK,
  MAP_STACK_TRACE,
  MAP_TASK_STORAGE,
  MAP_USER_RINGBUF,
  MAP_XSKMAP,
} from "./map-types.ts";
import type { Fields } from "./record.ts";

/** A map of the program. Compared by identity. */
export interface MapInfo {
  readonly name: string;
  readonly map_type: number;
  readonly key_size: number;
  readonly value_size: number;
  readonly max_entries: number;
  readonly map_flags: number;
  /** Contents of a frozen read-only map. */
  readonly contents: Uint8Array | undefined;
  readonly hasBtf: boolean;
  readonly fields: Fields;
  /** Of a map of maps: what every map in it looks like. */
  readonly inner: MapInfo | undefined;
}

/** The verifier's view of a map. */
export function mapInfo(spec: MapSpec, btf: Btf, target: Btf): MapInfo {
  const { inner } = spec;
  const fields = mapFields(spec, btf, target);
  return {
    name: spec.name.slice(0, 15),
    map_type: spec.type,
    key_size: spec.key_size,
    value_size: spec.value_size,
    max_entries: spec.max_entries,
    map_flags: spec.map_flags | (spec.frozen ? BPF_F_RDONLY_PROG : 0),
    contents: spec.frozen ? spec.initial : undefined,
    hasBtf: fields !== undefined,
    fields: fields ?? [],
    // the template has no name of its own
    inner: inner === undefined ? undefined : mapInfo({ ...inner, name: "" }, btf, target),
  };
}

/** Whether the program may point into the value directly: arrays of one entry. */
export function hasDirectValue(map: MapInfo): boolean {
  return (map.map_type === MAP_ARRAY && map.max_entries === 1) || map.map_type === MAP_ARENA;
}

/** Whether contents are constants. */
export function isConstant(map: MapInfo): boolean {
  return map.contents !== undefined && (map.map_flags & BPF_F_RDONLY_PROG) !== 0 && hasDirectValue(map);
}

/** A lookup with a constant key in range cannot fail. */
export function lookupCannotFail(map: MapInfo): boolean {
  return (map.map_flags & BPF_F_INNER_MAP) === 0 && (map.map_type === MAP_ARRAY || map.map_type === MAP_PERCPU_ARRAY);
}

const ITERABLE: ReadonlySet<number> = new Set([
  MAP_HASH,
  MAP_RHASH,
  MAP_LRU_HASH,
  MAP_PERCPU_HASH,
  MAP_LRU_PERCPU_HASH,
  MAP_ARRAY,
  MAP_PERCPU_ARRAY,
]);

/** Whether bpf_for_each_map_elem() knows the type. */
export function canIterate(map: MapInfo): boolean {
  return ITERABLE.has(map.map_type);
}

/** Struct in the kernel behind a map pointer. */
export const MAP_STRUCTS: Readonly<Record<number, string>> = {
  [MAP_HASH]: "bpf_htab",
  [MAP_ARRAY]: "bpf_array",
  [MAP_PROG_ARRAY]: "bpf_array",
  [MAP_PERF_EVENT_ARRAY]: "bpf_array",
  [MAP_PERCPU_HASH]: "bpf_htab",
  [MAP_PERCPU_ARRAY]: "bpf_array",
  [MAP_STACK_TRACE]: "bpf_stack_map",
  [MAP_CGROUP_ARRAY]: "bpf_array",
  [MAP_LRU_HASH]: "bpf_htab",
  [MAP_LRU_PERCPU_HASH]: "bpf_htab",
  [MAP_LPM_TRIE]: "lpm_trie",
  [MAP_ARRAY_OF_MAPS]: "bpf_array",
  [MAP_HASH_OF_MAPS]: "bpf_htab",
  [MAP_QUEUE]: "bpf_queue_stack",
  [MAP_STACK]: "bpf_queue_stack",
  [MAP_RINGBUF]: "bpf_ringbuf_map",
  [MAP_BLOOM_FILTER]: "bpf_bloom_filter",
  [MAP_USER_RINGBUF]: "bpf_ringbuf_map",
  [MAP_TASK_STORAGE]: "bpf_local_storage_map",
  [MAP_CGRP_STORAGE]: "bpf_local_storage_map",
  [MAP_ARENA]: "bpf_arena",
  [MAP_RHASH]: "bpf_rhtab",
  [MAP_DEVMAP]: "bpf_dtab",
  [MAP_DEVMAP_HASH]: "bpf_dtab",
  [MAP_CPUMAP]: "bpf_cpu_map",
  [MAP_CGROUP_STORAGE]: "bpf_cgroup_storage_map",
  [MAP_PERCPU_CGROUP_STORAGE]: "bpf_cgroup_storage_map",
  [MAP_REUSEPORT_SOCKARRAY]: "reuseport_array",
  [MAP_SK_STORAGE]: "bpf_local_storage_map",
  [MAP_INODE_STORAGE]: "bpf_local_storage_map",
};

/** Types a sleepable program may use. */
export const SLEEPABLE_MAPS: ReadonlySet<number> = new Set([
  MAP_HASH,
  MAP_RHASH,
  MAP_LRU_HASH,
  MAP_ARRAY,
  MAP_PERCPU_HASH,
  MAP_PERCPU_ARRAY,
  MAP_LRU_PERCPU_HASH,
  MAP_LPM_TRIE,
  MAP_ARRAY_OF_MAPS,
  MAP_HASH_OF_MAPS,
  MAP_RINGBUF,
  MAP_USER_RINGBUF,
  MAP_INODE_STORAGE,
  MAP_SK_STORAGE,
  MAP_TASK_STORAGE,
  MAP_CGRP_STORAGE,
  MAP_QUEUE,
  MAP_STACK,
  MAP_ARENA,
  MAP_INSN_ARRAY,
  MAP_PROG_ARRAY,
]);

/** Types whose lookups yield sockets, and jump tables: a program that uses one is refused. */
export const UNMODELLED_MAPS: ReadonlySet<number> = new Set([MAP_SOCKMAP, MAP_SOCKHASH, MAP_XSKMAP, MAP_INSN_ARRAY]);

function ids(names: string): readonly number[] {
  return names.split(" ").map(helperNumber);
}

/** Map types that only these helpers take. */
const ONLY_HELPERS: Readonly<Record<number, readonly number[]>> = {
  [MAP_PROG_ARRAY]: ids("tail_call"),
  [MAP_PERF_EVENT_ARRAY]: ids("perf_event_read perf_event_output skb_output perf_event_read_value xdp_output"),
  [MAP_RINGBUF]: ids(
    "ringbuf_output ringbuf_reserve ringbuf_query ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr",
  ),
  [MAP_USER_RINGBUF]: ids("user_ringbuf_drain"),
  [MAP_STACK_TRACE]: ids("get_stackid"),
  [MAP_CGROUP_STORAGE]: ids("get_local_storage"),
  [MAP_PERCPU_CGROUP_STORAGE]: ids("get_local_storage"),
  [MAP_DEVMAP]: ids("redirect_map map_lookup_elem"),
  [MAP_DEVMAP_HASH]: ids("redirect_map map_lookup_elem"),
  [MAP_CPUMAP]: ids("redirect_map"),
  [MAP_REUSEPORT_SOCKARRAY]: ids("sk_select_reuseport"),
  [MAP_SK_STORAGE]: ids("sk_storage_get sk_storage_delete kptr_xchg"),
  [MAP_INODE_STORAGE]: ids("inode_storage_get inode_storage_delete kptr_xchg"),
  [MAP_CGROUP_ARRAY]: ids("skb_under_cgroup current_task_under_cgroup"),
  [MAP_ARRAY_OF_MAPS]: ids("map_lookup_elem"),
  [MAP_HASH_OF_MAPS]: ids("map_lookup_elem"),
  [MAP_QUEUE]: ids("map_peek_elem map_pop_elem map_push_elem"),
  [MAP_STACK]: ids("map_peek_elem map_pop_elem map_push_elem"),
  [MAP_TASK_STORAGE]: ids("task_storage_get task_storage_delete kptr_xchg"),
  [MAP_CGRP_STORAGE]: ids("cgrp_storage_get cgrp_storage_delete kptr_xchg"),
  [MAP_BLOOM_FILTER]: ids("map_peek_elem map_push_elem"),
  [MAP_INSN_ARRAY]: [],
};

const HELPER_MAPS: readonly (readonly [helpers: readonly number[], types: readonly number[]])[] = [
  [ids("tail_call"), [MAP_PROG_ARRAY]],
  [ids("perf_event_read perf_event_output perf_event_read_value skb_output xdp_output"), [MAP_PERF_EVENT_ARRAY]],
  [ONLY_HELPERS[MAP_RINGBUF], [MAP_RINGBUF]],
  [ids("user_ringbuf_drain"), [MAP_USER_RINGBUF]],
  [ids("get_stackid"), [MAP_STACK_TRACE]],
  [ids("current_task_under_cgroup skb_under_cgroup"), [MAP_CGROUP_ARRAY]],
  [ids("map_pop_elem"), [MAP_QUEUE, MAP_STACK]],
  [ids("map_peek_elem map_push_elem"), [MAP_QUEUE, MAP_STACK, MAP_BLOOM_FILTER]],
  [ids("map_lookup_percpu_elem"), [MAP_PERCPU_ARRAY, MAP_PERCPU_HASH, MAP_LRU_PERCPU_HASH]],
  [ids("task_storage_get task_storage_delete"), [MAP_TASK_STORAGE]],
  [ids("cgrp_storage_get cgrp_storage_delete"), [MAP_CGRP_STORAGE]],
];

/** Whether helper `id` may be handed this map. */
export function mapFitsHelper(map: MapInfo, id: number): boolean {
  const only = ONLY_HELPERS[map.map_type];
  if (only !== undefined && !only.includes(id)) return false;
  return HELPER_MAPS.every(([helpers, types]) => !helpers.includes(id) || types.includes(map.map_type));
}
