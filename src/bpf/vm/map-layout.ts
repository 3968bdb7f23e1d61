// Maps in linear memory, so that the thread that runs programs and the thread that looks on see the same: the header a map
// pointer points to, and how the parts of each kind are placed. Values lie 8-byte aligned `stride` apart in one piece.
//
//   header (u32 words)   0 type   4 key_size   8 value_size   12 max_entries   16 map_flags   20 values   24 stride
//                       28 entries in use   32 first free entry + 1   36 entries ever used   40 queue head   44 lock
//   hash                heads: u32[chains], nexts: u32[max_entries], both holding entry index + 1; keys; values
//   array, percpu array keys: one u32 in which bpf_for_each_map_elem shows the index
//   queue, stack        values as a ring of max_entries
//   ring buffer         max_entries bytes twice over; "entries ever used" is where the next record begins
//   task storage        one value; "entries in use" tells whether it is there
//   map of maps         values are addresses of headers

import { alignUp } from "../../base/index.ts";
import type { MapSpec } from "../object/index.ts";
import { VmError } from "./fault.ts";
import type { VmMemory } from "./memory.ts";
import type { MapImage } from "./types.ts";

/** Map types of include/uapi/linux/bpf.h that the VM has. */
export const BPF_MAP_TYPE_HASH = 1;
export const BPF_MAP_TYPE_ARRAY = 2;
export const BPF_MAP_TYPE_PROG_ARRAY = 3;
export const BPF_MAP_TYPE_PERCPU_HASH = 5;
export const BPF_MAP_TYPE_PERCPU_ARRAY = 6;
export const BPF_MAP_TYPE_LRU_HASH = 9;
export const BPF_MAP_TYPE_LRU_PERCPU_HASH = 10;
export const BPF_MAP_TYPE_ARRAY_OF_MAPS = 12;
export const BPF_MAP_TYPE_HASH_OF_MAPS = 13;
export const BPF_MAP_TYPE_QUEUE = 22;
export const BPF_MAP_TYPE_STACK = 23;
export const BPF_MAP_TYPE_RINGBUF = 27;
export const BPF_MAP_TYPE_TASK_STORAGE = 29;
export const BPF_MAP_TYPE_USER_RINGBUF = 31;

/** Flags of an update. */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

const MAP_HEADER_SIZE = 64;
export const MAP_COUNT = 28;
export const MAP_FREE = 32;
export const MAP_USED = 36;
export const MAP_QUEUE_HEAD = 40;
export const MAP_LOCK = 44;

/** How a kind of map is placed. */
type Shape = "array" | "hash" | "queue" | "ring" | "storage";

const SHAPES = new Map<number, Shape>([
  [BPF_MAP_TYPE_HASH, "hash"],
  [BPF_MAP_TYPE_ARRAY, "array"],
  [BPF_MAP_TYPE_PROG_ARRAY, "array"],
  [BPF_MAP_TYPE_TASK_STORAGE, "storage"],
  [BPF_MAP_TYPE_PERCPU_HASH, "hash"],
  [BPF_MAP_TYPE_PERCPU_ARRAY, "array"],
  [BPF_MAP_TYPE_LRU_HASH, "hash"],
  [BPF_MAP_TYPE_LRU_PERCPU_HASH, "hash"],
  [BPF_MAP_TYPE_ARRAY_OF_MAPS, "array"],
  [BPF_MAP_TYPE_HASH_OF_MAPS, "hash"],
  [BPF_MAP_TYPE_RINGBUF, "ring"],
  [BPF_MAP_TYPE_USER_RINGBUF, "ring"],
  [BPF_MAP_TYPE_QUEUE, "queue"],
  [BPF_MAP_TYPE_STACK, "queue"],
]);

/** The shape of a map type, or undefined when the VM does not have it. */
export function shapeOf(type: number): Shape | undefined {
  return SHAPES.get(type);
}

/** Whether its values are maps. */
export const isMapOfMaps = (type: number): boolean =>
  type === BPF_MAP_TYPE_ARRAY_OF_MAPS || type === BPF_MAP_TYPE_HASH_OF_MAPS;

/** Whether a full one makes room by itself. */
export const evicts = (type: number): boolean =>
  type === BPF_MAP_TYPE_LRU_HASH || type === BPF_MAP_TYPE_LRU_PERCPU_HASH;

const PAGE = 4096;
/** A ring buffer is whole pages, a power of two of them. */
const ringBytes = (wanted: number): number => Math.max(PAGE, 2 ** Math.ceil(Math.log2(wanted)));

function checkSpec(spec: MapSpec, shape: Shape | undefined): asserts shape is Shape {
  const where = `map ${spec.name}`;
  if (shape === undefined) {
    throw new VmError("VM_UNSUPPORTED", {
      message: `map type ${spec.type} is not supported`,
      where,
      expected: "array, hash, their kinds per CPU or with LRU, queue, stack, ring buffer, task storage, map of maps",
      remedy: "Run it with the kernel engine",
    });
  }
  if (shape === "ring" && spec.max_entries > 0) return;
  if (shape === "storage" && spec.key_size === 4 && spec.value_size > 0) return;
  if (spec.type === BPF_MAP_TYPE_PROG_ARRAY && spec.values?.some((slot) => slot !== undefined)) {
    throw new VmError("VM_UNSUPPORTED", {
      message: "tail calls into other programs are not supported",
      where,
      remedy: "Run it with the kernel engine",
    });
  }
  const keyFits = shape === "array" ? spec.key_size === 4 : shape === "queue" ? spec.key_size === 0 : spec.key_size > 0;
  if (!keyFits) {
    const expected = shape === "array" ? "4" : shape === "queue" ? "0" : "at least 1";
    throw new VmError("VM_MAP", { message: "wrong key_size", where, found: String(spec.key_size), expected });
  }
  if (spec.value_size <= 0 || spec.max_entries <= 0) {
    const field = spec.value_size <= 0 ? "value_size" : "max_entries";
    throw new VmError("VM_MAP", {
      message: `wrong ${field}`,
      where,
      found: String(spec[field]),
      expected: "at least 1",
    });
  }
}

/** Places one map, zeroed or with its initial contents. Throws VmError VM_UNSUPPORTED for a kind, VM_MAP for a size that cannot be. */
export function createMap(memory: VmMemory, spec: MapSpec): MapImage {
  const { name, kind, type, key_size, value_size, map_flags, btf_key_type_id, btf_value_type_id, frozen } = spec;
  const shape = shapeOf(type);
  checkSpec(spec, shape);
  // a loop has one task
  const max_entries = shape === "ring" ? ringBytes(spec.max_entries) : shape === "storage" ? 1 : spec.max_entries;
  const title = kind === "map" ? `map '${name}'` : name;
  const hidden = { visible: false };
  const handle = memory.allocate(`${title} header`, MAP_HEADER_SIZE, hidden);
  const stride = alignUp(value_size, 8);
  const bytes = shape === "ring" ? 2 * max_entries : stride * (max_entries - 1) + value_size;
  const values = memory.allocate(`${title} value`, bytes, { writable: !frozen });
  let chains = 0;
  let heads = 0;
  let nexts = 0;
  let keys = 0;
  let keyStride = 0;
  if (shape === "hash") {
    chains = 2 ** Math.ceil(Math.log2(max_entries));
    heads = memory.allocate(`${title} heads`, chains * 4, hidden);
    nexts = memory.allocate(`${title} nexts`, max_entries * 4, hidden);
    keyStride = alignUp(key_size, 8);
    keys = memory.allocate(`${title} key`, keyStride * max_entries, { writable: false });
  } else if (shape === "array") {
    keys = memory.allocate(`${title} key`, 4, { writable: false });
  }
  const { view, u8 } = memory;
  for (const [index, word] of [type, key_size, value_size, max_entries, map_flags, values, stride].entries()) {
    view.setUint32(handle + index * 4, word, true);
  }
  if (spec.initial) u8.set(spec.initial.subarray(0, value_size), values);
  return {
    name,
    kind,
    type,
    key_size,
    value_size,
    max_entries,
    map_flags,
    btf_key_type_id,
    btf_value_type_id,
    frozen,
    handle,
    values,
    stride,
    chains,
    heads,
    nexts,
    keys,
    keyStride,
  };
}

/** Gives a map's memory back; no program may use it any more. */
export function releaseMap(memory: VmMemory, { handle, values, heads, nexts, keys }: MapImage): void {
  for (const start of [handle, values, heads, nexts, keys]) if (start !== 0) memory.release(start);
}
