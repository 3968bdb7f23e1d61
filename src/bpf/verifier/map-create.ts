// Which maps Linux creates: for each type the sizes, entries and flags it takes (the map_alloc_check and map_alloc callbacks of
// kernel/bpf/*map*.c, arena.c, ringbuf.c and others at v7.2, for a privileged process on x86-64). One row per type.

import { E2BIG, EINVAL, ENOTSUPP } from "../../base/index.ts";
import type { MapSpec } from "../object/index.ts";
import * as M from "./map-types.ts";

const BPF_F_NO_PREALLOC = 1 << 0;
const BPF_F_NO_COMMON_LRU = 1 << 1;
const BPF_F_NUMA_NODE = 1 << 2;
const BPF_F_RDONLY = 1 << 3;
const BPF_F_WRONLY = 1 << 4;
const BPF_F_STACK_BUILD_ID = 1 << 5;
const BPF_F_ZERO_SEED = 1 << 6;
const BPF_F_CLONE = 1 << 9;
const BPF_F_MMAPABLE = 1 << 10;
const BPF_F_PRESERVE_ELEMS = 1 << 11;
const BPF_F_SEGV_ON_FAULT = 1 << 17;
const BPF_F_NO_USER_CONV = 1 << 18;
const BPF_F_RB_OVERWRITE = 1 << 19;

const PROG_ACCESS = M.BPF_F_RDONLY_PROG | M.BPF_F_WRONLY_PROG;
const ACCESS = BPF_F_RDONLY | BPF_F_WRONLY | PROG_ACCESS;
const HASH_FLAGS = BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | ACCESS | BPF_F_ZERO_SEED;

const PAGE = 4096;
const KMALLOC_MAX_SIZE = 1 << 22;
/** struct htab_elem. */
const HASH_ELEMENT = 48;
const PCPU_MIN_UNIT_SIZE = 32 << 10;
const MAX_STORAGE = 0xffff - 64;
const INT_MAX = 0x7fff_ffff;
const U32_MAX = 0xffff_ffff;
const PERF_MAX_STACK_DEPTH = 127;
const NR_CPUS = 8192;
const MAX_ARENA = 2 ** 32 / PAGE;
/** Sizes up to this one are those of a fixed struct. */
const LARGEST_FIXED = 16;

type Spec = Omit<MapSpec, "inner">;
/** From, up to. */
type Size = readonly [least: number, most: number, step?: number];

interface Row {
  readonly types: readonly number[];
  readonly key: Size;
  readonly value: Size;
  /** With this flag values have another size. */
  readonly values?: { readonly flag: number; readonly size: Size };
  readonly entries: Size;
  readonly flags: number;
  /** Flags that must be given. */
  readonly needs?: number;
  /** map_extra. */
  readonly extra?: bigint;
}

const NONE: Size = [0, 0];
const WORD: Size = [4, 4];
const WORD_OR_TWO: Size = [4, 8, 4];
const SOME: Size = [1, U32_MAX];

const ROWS: readonly Row[] = [
  {
    types: [M.MAP_ARRAY],
    key: WORD,
    value: [1, INT_MAX],
    entries: SOME,
    flags: BPF_F_NUMA_NODE | BPF_F_MMAPABLE | ACCESS | M.BPF_F_INNER_MAP,
  },
  {
    types: [M.MAP_PERCPU_ARRAY],
    key: WORD,
    value: [1, PCPU_MIN_UNIT_SIZE],
    entries: SOME,
    flags: ACCESS,
  },
  {
    types: [M.MAP_PROG_ARRAY, M.MAP_CGROUP_ARRAY, M.MAP_ARRAY_OF_MAPS],
    key: WORD,
    value: WORD,
    entries: SOME,
    flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  },
  {
    types: [M.MAP_PERF_EVENT_ARRAY],
    key: WORD,
    value: WORD,
    // the loader puts the number of processors for 0
    entries: [0, U32_MAX],
    flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_PRESERVE_ELEMS,
  },
  {
    types: [M.MAP_REUSEPORT_SOCKARRAY],
    key: WORD,
    value: WORD_OR_TWO,
    entries: SOME,
    flags: BPF_F_NUMA_NODE | ACCESS,
  },
  { types: [M.MAP_HASH], key: SOME, value: SOME, entries: SOME, flags: HASH_FLAGS },
  {
    types: [M.MAP_HASH_OF_MAPS],
    key: SOME,
    value: WORD,
    entries: SOME,
    flags: HASH_FLAGS,
  },
  {
    types: [M.MAP_LRU_HASH],
    key: SOME,
    value: SOME,
    entries: SOME,
    flags: HASH_FLAGS | BPF_F_NO_COMMON_LRU,
  },
  {
    types: [M.MAP_PERCPU_HASH],
    key: SOME,
    value: [1, PCPU_MIN_UNIT_SIZE],
    entries: SOME,
    flags: HASH_FLAGS & ~BPF_F_NUMA_NODE,
  },
  {
    types: [M.MAP_LRU_PERCPU_HASH],
    key: SOME,
    value: [1, PCPU_MIN_UNIT_SIZE],
    entries: SOME,
    flags: (HASH_FLAGS | BPF_F_NO_COMMON_LRU) & ~BPF_F_NUMA_NODE,
  },
  {
    types: [M.MAP_RHASH],
    key: [1, 0xffff],
    value: SOME,
    entries: SOME,
    flags: HASH_FLAGS & ~BPF_F_ZERO_SEED,
    needs: BPF_F_NO_PREALLOC,
    extra: 0xffffn,
  },
  {
    types: [M.MAP_LPM_TRIE],
    key: [5, 260],
    value: [1, KMALLOC_MAX_SIZE - 256 - 40],
    entries: SOME,
    flags: BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | ACCESS,
    needs: BPF_F_NO_PREALLOC,
  },
  {
    types: [M.MAP_STACK_TRACE],
    key: WORD,
    value: [8, PERF_MAX_STACK_DEPTH * 8, 8],
    // struct bpf_stack_build_id instead of an address
    values: { flag: BPF_F_STACK_BUILD_ID, size: [32, PERF_MAX_STACK_DEPTH * 32, 32] },
    entries: [1, 2 ** 31],
    flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID,
  },
  {
    types: [M.MAP_DEVMAP, M.MAP_DEVMAP_HASH],
    key: WORD,
    value: WORD_OR_TWO,
    entries: SOME,
    flags: BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY,
  },
  {
    types: [M.MAP_CPUMAP],
    key: WORD,
    value: WORD_OR_TWO,
    entries: [1, NR_CPUS],
    flags: BPF_F_NUMA_NODE,
  },
  {
    types: [M.MAP_CGROUP_STORAGE, M.MAP_PERCPU_CGROUP_STORAGE],
    key: [8, 16, 8],
    value: [1, MAX_STORAGE],
    entries: NONE,
    flags: BPF_F_NUMA_NODE | ACCESS,
  },
  {
    types: [M.MAP_SK_STORAGE, M.MAP_INODE_STORAGE, M.MAP_TASK_STORAGE, M.MAP_CGRP_STORAGE],
    key: WORD,
    value: [1, MAX_STORAGE],
    entries: NONE,
    flags: BPF_F_NO_PREALLOC | BPF_F_CLONE,
    needs: BPF_F_NO_PREALLOC,
  },
  {
    types: [M.MAP_QUEUE, M.MAP_STACK],
    key: NONE,
    value: [1, KMALLOC_MAX_SIZE],
    entries: SOME,
    flags: BPF_F_NUMA_NODE | ACCESS,
  },
  {
    types: [M.MAP_BLOOM_FILTER],
    key: NONE,
    value: [1, KMALLOC_MAX_SIZE],
    entries: SOME,
    flags: BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | ACCESS,
    extra: 0xfn,
  },
  // the loader rounds the size up to whole pages, a power of two of them
  {
    types: [M.MAP_RINGBUF],
    key: NONE,
    value: NONE,
    entries: SOME,
    flags: BPF_F_NUMA_NODE | BPF_F_RB_OVERWRITE,
  },
  { types: [M.MAP_USER_RINGBUF], key: NONE, value: NONE, entries: SOME, flags: BPF_F_NUMA_NODE },
  {
    types: [M.MAP_ARENA],
    key: NONE,
    value: NONE,
    entries: [1, MAX_ARENA],
    flags: BPF_F_MMAPABLE | BPF_F_SEGV_ON_FAULT | BPF_F_NO_USER_CONV,
    needs: BPF_F_MMAPABLE,
    extra: 2n ** 64n - BigInt(PAGE),
  },
];
const BY_TYPE: ReadonlyMap<number, Row> = new Map(ROWS.flatMap((row) => row.types.map((type) => [type, row] as const)));
const LRU = [M.MAP_LRU_HASH, M.MAP_LRU_PERCPU_HASH];
const HASHES = [M.MAP_HASH, M.MAP_PERCPU_HASH, M.MAP_HASH_OF_MAPS, M.MAP_RHASH, ...LRU];

/** Why Linux does not create a map. */
export interface MapProblem {
  readonly errno: number;
  readonly why: string;
}

function sizeProblem(name: string, size: number, [least, most, step = 1]: Size): MapProblem | undefined {
  if (size >= least && size <= most && (size - least) % step === 0) return undefined;
  const upTo = most === U32_MAX ? `at least ${least}` : `${least} to ${most}${step > 1 ? ` in steps of ${step}` : ""}`;
  return {
    errno: size > most && most > LARGEST_FIXED ? E2BIG : EINVAL,
    why: `${name} is ${size}, not ${least === most ? least : upTo}`,
  };
}

const wrong = (why: string): MapProblem => ({ errno: EINVAL, why });
const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function flagProblem({ type, map_flags }: Spec, row: Row): MapProblem | undefined {
  const unknown = map_flags & ~row.flags;
  const missing = (row.needs ?? 0) & ~map_flags;
  if (unknown !== 0) return wrong(`this type does not take map_flags ${hex(unknown)}`);
  if (missing !== 0) return wrong(`this type needs map_flags ${hex(missing)}`);
  if ((map_flags & PROG_ACCESS) === PROG_ACCESS) return wrong("it is read-only and write-only at once");
  if (!LRU.includes(type) || (map_flags & BPF_F_NO_PREALLOC) === 0) return undefined;
  return { errno: ENOTSUPP, why: `this type does not take map_flags ${hex(BPF_F_NO_PREALLOC)}` };
}

/** Why Linux does not create the map; undefined when it does, or when the type is not in the table. */
export function mapProblem(spec: Spec): MapProblem | undefined {
  const row = BY_TYPE.get(spec.type);
  if (row === undefined) return undefined;
  const { key_size, value_size, max_entries, map_flags, map_extra = 0n } = spec;
  const value = row.values && map_flags & row.values.flag ? row.values.size : row.value;
  const most = spec.type === M.MAP_RHASH ? BigInt(max_entries) : map_extra;
  const both: Size = HASHES.includes(spec.type) ? [0, KMALLOC_MAX_SIZE - HASH_ELEMENT - 1] : [0, 2 * U32_MAX];
  const problems = [
    (map_extra & ~(row.extra ?? 0n)) !== 0n || map_extra > most ? wrong(`map_extra is ${hex(map_extra)}`) : undefined,
    flagProblem(spec, row),
    sizeProblem("key_size", key_size, row.key),
    sizeProblem("value_size", value_size, value),
    sizeProblem("max_entries", max_entries, row.entries),
    sizeProblem("key_size and value_size together", key_size + value_size, both),
  ];
  // what is too large Linux looks at last
  return problems.find((problem) => problem?.errno === EINVAL) ?? problems.find((problem) => problem !== undefined);
}
