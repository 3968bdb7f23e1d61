// A map of an object made in the kernel, as libbpf makes it (bpf_object__create_map, behaviour of libbpf 1.7): types that
// take no BTF get none, a ring buffer is made as large as pages allow, maps of maps get a template, and slots that the
// definition names are filled.

import type { MapSpec } from "../../bpf/object/index.ts";
import { SysError } from "../../sys/index.ts";
import type { BpfCalls, MapCreate } from "./bpf.ts";

const BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4;
const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
const BPF_MAP_TYPE_HASH_OF_MAPS = 13;
const BPF_MAP_TYPE_RINGBUF = 27;
const BPF_MAP_TYPE_USER_RINGBUF = 31;

/** perf event array, stack trace, cgroup array, maps of maps, devmap, sockmap, cpumap, xskmap, sockhash, queue, stack, ... */
const WITHOUT_BTF: ReadonlySet<number> = new Set([4, 7, 8, 12, 13, 14, 15, 16, 17, 18, 22, 23, 25, 33]);

/** Whole pages, a power of two of them; 0, a size that was forgotten, is for the kernel to refuse. */
function ringBytes(wanted: number, pageSize: number): number {
  if (wanted === 0) return 0;
  let size = pageSize;
  while (size < wanted) size *= 2;
  return size;
}

function maxEntries({ type, max_entries }: MapSpec, pageSize: number): number {
  if (type === BPF_MAP_TYPE_RINGBUF || type === BPF_MAP_TYPE_USER_RINGBUF) return ringBytes(max_entries, pageSize);
  return type === BPF_MAP_TYPE_PERF_EVENT_ARRAY && max_entries === 0 ? 1 : max_entries;
}

/** Some types take no BTF, and some BTF says what a map cannot be: it is made without then. */
function mapWithBtf(bpf: BpfCalls, plain: MapCreate, types: Partial<MapCreate>): number {
  try {
    return bpf.mapCreate({ ...plain, ...types });
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return bpf.mapCreate(plain);
  }
}

/** Creates the map; `flags` are added to its own. Throws SysError. */
export function createKernelMap(
  bpf: BpfCalls,
  spec: MapSpec | Omit<MapSpec, "inner">,
  btf_fd: number,
  flags = 0,
): number {
  const { name, type, key_size, value_size, map_flags, btf_key_type_id, btf_value_type_id, map_extra } = spec;
  const inner = "inner" in spec && spec.inner !== undefined ? createKernelMap(bpf, spec.inner, btf_fd) : undefined;
  const plain: MapCreate = {
    name,
    map_type: type,
    key_size,
    value_size,
    max_entries: maxEntries(spec, bpf.sys.pageSize),
    map_flags: map_flags | flags,
    ...(map_extra === undefined ? {} : { map_extra }),
    ...(inner === undefined ? {} : { inner_map_fd: inner }),
  };
  const withBtf = btf_fd !== 0 && btf_value_type_id !== 0 && !WITHOUT_BTF.has(type);
  try {
    return withBtf ? mapWithBtf(bpf, plain, { btf_fd, btf_key_type_id, btf_value_type_id }) : bpf.mapCreate(plain);
  } finally {
    if (inner !== undefined) bpf.close(inner);
  }
}

/** Fills the slots that the definition of a map of maps names. */
export function fillMapSlots(
  bpf: BpfCalls,
  fd: number,
  spec: MapSpec,
  fdOf: (map: string) => number | undefined,
): void {
  if (spec.type !== BPF_MAP_TYPE_ARRAY_OF_MAPS && spec.type !== BPF_MAP_TYPE_HASH_OF_MAPS) return;
  for (const [slot, name] of (spec.values ?? []).entries()) {
    const inner = name === undefined ? undefined : fdOf(name);
    if (inner === undefined) continue;
    const word = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
    bpf.mapUpdate(fd, word(slot), word(inner), { where: `map ${spec.name}` });
  }
}
