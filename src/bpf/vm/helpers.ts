// The helper functions the VM implements, by number (include/uapi/linux/bpf.h; behaviour of kernel/bpf/helpers.c,
// bpf_iter.c, kernel/trace/bpf_trace.c at v7.2). Every other helper is known by name only (isa's helper-names.ts) and ends
// the program when called. One CPU, number 0.

import { E2BIG, EFAULT, EINVAL, ERANGE } from "../../base/index.ts";
import { clearDynptr, dynptrBase, dynptrData, dynptrFromMem, dynptrRead, dynptrWrite, setDynptr } from "./dynptr.ts";
import type { HostFunction, ParamKind, ResultKind, VmHost } from "./host.ts";
import { isMapOfMaps } from "./map-layout.ts";
import type { VmMap } from "./map.ts";
import { formatPrintk } from "./printk.ts";
import { commitRecord, OUTPUT_FLAGS, outputRecord, queryRing, reserveRecord } from "./ringbuf.ts";
import { deleteStorage, getStorage } from "./task-storage.ts";
import { strtol, strtoul } from "./strtox.ts";

/** Most iterations of bpf_loop, open-coded number iterators and may_goto. */
export const BPF_MAX_LOOPS = 8_388_608;

/** Jiffies a second on common kernels (CONFIG_HZ=250). */
const NS_PER_JIFFY = 4_000_000n;

const UTF8 = new TextEncoder();
const TEXT = new TextDecoder();

function mapOf(host: VmHost, handle: number): VmMap {
  return host.mapAt(handle) ?? host.fail(`0x${handle.toString(16)} is not a map`);
}

/** The map, with the key at `key` checked. */
function keyed(host: VmHost, handle: number, key: number): VmMap {
  const map = mapOf(host, handle);
  host.check(key, map.image.key_size, false);
  return map;
}

function lookup(host: VmHost, handle: number, key: number): number {
  const map = keyed(host, handle, key);
  const address = map.lookup(host.memory.u8, key);
  // what a map of maps holds are the maps' own addresses
  return isMapOfMaps(map.image.type) && address !== 0 ? host.memory.view.getUint32(address, true) : address;
}

function update(host: VmHost, handle: number, key: number, value: number, flags: number): number {
  const map = keyed(host, handle, key);
  host.check(value, map.image.value_size, false);
  const { u8 } = host.memory;
  return map.update(u8, key, u8, value, flags);
}

function push(host: VmHost, handle: number, value: number, flags: number): number {
  const map = mapOf(host, handle);
  host.check(value, map.image.value_size, false);
  return map.push(host.memory.u8, value, flags);
}

function take(remove: boolean): (host: VmHost, handle: number, value: number) => number {
  return (host, handle, value) => {
    const map = mapOf(host, handle);
    host.check(value, map.image.value_size, true);
    return map.take(host.memory.u8, value, remove);
  };
}

function forEach(host: VmHost, handle: number, slot: number, ctx: bigint, flags: number): number {
  const map = mapOf(host, handle);
  if (flags !== 0) return -EINVAL;
  const call = host.callback(slot, ctx, 4);
  let count = 0;
  for (const [key, value] of map.entries()) {
    count++;
    if (call(handle, key, value) !== 0) break;
  }
  return count;
}

function loop(host: VmHost, count: number, slot: number, ctx: bigint, flags: number): bigint {
  const total = count >>> 0;
  if (flags !== 0) return BigInt(-EINVAL);
  // without flags Linux puts the loop in place of the call, where this errno is a word of 32 bits
  if (total > BPF_MAX_LOOPS) return BigInt(-E2BIG >>> 0);
  const call = host.callback(slot, ctx, 2);
  for (let index = 0; index < total; index++) {
    if (call(index) !== 0) return BigInt(index + 1);
  }
  return BigInt(total);
}

/** A NUL-terminated string in memory the program may read; what cannot be read is an empty one. */
function stringAt(host: VmHost, address: bigint): string {
  if (address >= 0x8000_0000n) return "";
  const start = Number(address);
  let end = start;
  while (host.readable(end, 1) && host.memory.u8[end] !== 0) end++;
  return TEXT.decode(host.memory.u8.slice(start, end));
}

/** The format of `size` bytes at `address`, its terminating NUL left out; undefined when that is missing. */
function formatAt(host: VmHost, address: number, size: number): string | undefined {
  host.check(address, size, false);
  const bytes = host.memory.u8.slice(address, address + size);
  const end = bytes.indexOf(0);
  return size === 0 || end !== size - 1 ? undefined : TEXT.decode(bytes.subarray(0, end));
}

function print(host: VmHost, format: string | undefined, args: readonly bigint[]): number {
  if (format === undefined) return -EINVAL;
  const text = formatPrintk(format, args, (address) => stringAt(host, address));
  if (typeof text === "number") return text;
  host.printk(text.replace(/\n$/, ""));
  return UTF8.encode(text).length;
}

function words(host: VmHost, address: number, size: number): bigint[] | undefined {
  if (size % 8 !== 0 || size > 96) return undefined;
  if (size === 0) return [];
  host.check(address, size, false);
  return Array.from({ length: size / 8 }, (_, i) => host.memory.view.getBigUint64(address + i * 8, true));
}

function vprintk(host: VmHost, format: number, size: number, data: number, dataSize: number): number {
  const args = words(host, data, dataSize >>> 0);
  return args === undefined ? -EINVAL : print(host, formatAt(host, format, size >>> 0), args);
}

function snprintf(host: VmHost, out: number, outSize: number, format: number, data: number, dataSize: number): number {
  const args = words(host, data, dataSize >>> 0);
  const text = args && formatPrintk(stringAt(host, BigInt(format)), args, (address) => stringAt(host, address));
  if (text === undefined || typeof text === "number") return text ?? -EINVAL;
  const bytes = UTF8.encode(text);
  const room = outSize >>> 0;
  if (room > 0) {
    host.check(out, room, true);
    const { u8 } = host.memory;
    const kept = Math.min(bytes.length, room - 1);
    u8.set(bytes.subarray(0, kept), out);
    u8[out + kept] = 0;
  }
  return bytes.length + 1;
}

/** Where the kernel's half of the addresses begins. */
const KERNEL_HALF = 0xffff_8000_0000_0000n;
/** Below it no process has memory. */
const FIRST_PAGE = 4096n;

const readableAt = (host: VmHost, from: bigint, length: number): boolean =>
  from >= FIRST_PAGE && from < 0x8000_0000n && host.readable(Number(from), Math.max(length, 1));

/** What reading an address fails with that is none of the program's memory: the user's half is not even tried. */
const unreadable = (from: bigint): number => (from >= KERNEL_HALF ? -EFAULT : -ERANGE);

function probeRead(host: VmHost, out: number, size: number, from: bigint): number {
  const length = size >>> 0;
  if (length > 0) host.check(out, length, true);
  const { u8 } = host.memory;
  if (!readableAt(host, from, length)) {
    u8.fill(0, out, out + length);
    return unreadable(from);
  }
  u8.copyWithin(out, Number(from), Number(from) + length);
  return 0;
}

function probeReadString(host: VmHost, out: number, size: number, from: bigint): number {
  const length = size >>> 0;
  if (length === 0) return 0;
  host.check(out, length, true);
  const { u8 } = host.memory;
  u8.fill(0, out, out + length);
  if (!readableAt(host, from, 1)) return unreadable(from);
  const text = stringBytes(host, Number(from), length - 1);
  u8.set(text, out);
  return text.length + 1;
}

/** The bytes of a string, at most so many, its NUL left out. */
function stringBytes(host: VmHost, start: number, most: number): Uint8Array {
  let end = start;
  while (end - start < most && host.readable(end, 1) && host.memory.u8[end] !== 0) end++;
  return host.memory.u8.slice(start, end);
}

/** There is no memory of a process here: only what none has can be said to fail. */
function userRead(host: VmHost, out: number, size: number, from: bigint): number {
  const length = size >>> 0;
  if (length === 0) return 0;
  host.check(out, length, true);
  if (from >= FIRST_PAGE && from < KERNEL_HALF) host.fail(`the memory of a process cannot be read here`);
  host.memory.u8.fill(0, out, out + length);
  return -EFAULT;
}

function reserveDynptr(host: VmHost, handle: number, size: number, flags: number, at: number): number {
  clearDynptr(host, at);
  if (flags !== 0) return -EINVAL;
  const length = size >>> 0;
  if (length > 0xff_ffff) return -E2BIG;
  const record = reserveRecord(host, mapOf(host, handle), length);
  if (record === 0) return -EINVAL;
  setDynptr(host, at, record, length);
  return 0;
}

function commitDynptr(discard: boolean): (host: VmHost, at: number) => void {
  return (host, at) => {
    const record = dynptrBase(host, at);
    if (record === 0) return;
    commitRecord(host, record, discard);
    clearDynptr(host, at);
  };
}

function comm(host: VmHost, out: number, size: number): number {
  const length = size >>> 0;
  host.check(out, length, true);
  const name = UTF8.encode(host.task.comm).subarray(0, Math.min(15, Math.max(0, length - 1)));
  host.memory.u8.fill(0, out, out + length);
  host.memory.u8.set(name, out);
  return 0;
}

function strncmp(host: VmHost, first: number, size: number, second: number): number {
  const { u8 } = host.memory;
  for (let i = 0; i < size >>> 0; i++) {
    host.check(first + i, 1, false);
    host.check(second + i, 1, false);
    const [a, b] = [u8[first + i], u8[second + i]];
    if (a !== b) return a < b ? -1 : 1;
    if (a === 0) break;
  }
  return 0;
}

const u64 = (high: number, low: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

type Row = readonly [
  id: number,
  name: string,
  params: readonly ParamKind[],
  result: ResultKind,
  call: HostFunction["call"],
];

const ROWS: readonly Row[] = [
  [1, "bpf_map_lookup_elem", ["ptr", "ptr"], "u32", lookup],
  [2, "bpf_map_update_elem", ["ptr", "ptr", "ptr", "num"], "i32", update],
  [
    3,
    "bpf_map_delete_elem",
    ["ptr", "ptr"],
    "i32",
    (host: VmHost, map: number, key: number) => keyed(host, map, key).delete(host.memory.u8, key),
  ],
  [4, "bpf_probe_read", ["ptr", "i32", "i64"], "i32", probeRead],
  [45, "bpf_probe_read_str", ["ptr", "i32", "i64"], "i32", probeReadString],
  [5, "bpf_ktime_get_ns", [], "i64", (host) => host.ktimeNs()],
  [
    6,
    "bpf_trace_printk",
    ["ptr", "i32", "i64", "i64", "i64"],
    "i32",
    (host: VmHost, format: number, size: number, ...args: bigint[]) =>
      print(host, formatAt(host, format, size >>> 0), args),
  ],
  [7, "bpf_get_prandom_u32", [], "u32", (host) => host.prng.u32()],
  [8, "bpf_get_smp_processor_id", [], "u32", () => 0],
  // an array that holds no program: the call falls through
  [12, "bpf_tail_call", ["ptr", "ptr", "num"], "void", () => {}],
  [14, "bpf_get_current_pid_tgid", [], "i64", ({ task }) => u64(task.tgid, task.pid)],
  [15, "bpf_get_current_uid_gid", [], "i64", ({ task }) => u64(task.gid, task.uid)],
  [16, "bpf_get_current_comm", ["ptr", "i32"], "i32", comm],
  [42, "bpf_get_numa_node_id", [], "u32", () => 0],
  [87, "bpf_map_push_elem", ["ptr", "ptr", "num"], "i32", push],
  [88, "bpf_map_pop_elem", ["ptr", "ptr"], "i32", take(true)],
  [89, "bpf_map_peek_elem", ["ptr", "ptr"], "i32", take(false)],
  // Nothing else runs programs of this memory at the same time, so that spin locks have nothing to wait for.
  [93, "bpf_spin_lock", ["ptr"], "void", () => {}],
  [94, "bpf_spin_unlock", ["ptr"], "void", () => {}],
  [105, "bpf_strtol", ["ptr", "i32", "num", "ptr"], "i32", strtol],
  [106, "bpf_strtoul", ["ptr", "i32", "num", "ptr"], "i32", strtoul],
  [112, "bpf_probe_read_user", ["ptr", "i32", "i64"], "i32", userRead],
  [113, "bpf_probe_read_kernel", ["ptr", "i32", "i64"], "i32", probeRead],
  [114, "bpf_probe_read_user_str", ["ptr", "i32", "i64"], "i32", userRead],
  [115, "bpf_probe_read_kernel_str", ["ptr", "i32", "i64"], "i32", probeReadString],
  [118, "bpf_jiffies64", [], "i64", (host) => host.ktimeNs() / NS_PER_JIFFY],
  [125, "bpf_ktime_get_boot_ns", [], "i64", (host) => host.bootNs()],
  [
    130,
    "bpf_ringbuf_output",
    ["ptr", "ptr", "num", "num"],
    "i32",
    (host: VmHost, map: number, data: number, size: number, flags: number) =>
      outputRecord(host, mapOf(host, map), data, size, flags),
  ],
  [
    131,
    "bpf_ringbuf_reserve",
    ["ptr", "num", "num"],
    "u32",
    (host: VmHost, map: number, size: number, flags: number) =>
      flags === 0 ? reserveRecord(host, mapOf(host, map), size) : 0,
  ],
  [132, "bpf_ringbuf_submit", ["ptr"], "void", (host: VmHost, record: number) => commitRecord(host, record, false)],
  [133, "bpf_ringbuf_discard", ["ptr"], "void", (host: VmHost, record: number) => commitRecord(host, record, true)],
  [
    134,
    "bpf_ringbuf_query",
    ["ptr", "num"],
    "u32",
    (host: VmHost, map: number, what: number) => queryRing(host, mapOf(host, map), what),
  ],
  [148, "bpf_copy_from_user", ["ptr", "i32", "i64"], "i32", userRead],
  [
    156,
    "bpf_task_storage_get",
    ["ptr", "i64", "ptr", "num"],
    "u32",
    (host: VmHost, map: number, _task: bigint, value: number, flags: number) =>
      getStorage(host, mapOf(host, map), value, flags),
  ],
  [
    157,
    "bpf_task_storage_delete",
    ["ptr", "i64"],
    "i32",
    (host: VmHost, map: number) => deleteStorage(host, mapOf(host, map)),
  ],
  [164, "bpf_for_each_map_elem", ["ptr", "func", "i64", "num"], "i32", forEach],
  [165, "bpf_snprintf", ["ptr", "i32", "ptr", "ptr", "i32"], "i32", snprintf],
  [177, "bpf_trace_vprintk", ["ptr", "i32", "ptr", "i32"], "i32", vprintk],
  [181, "bpf_loop", ["i32", "func", "i64", "num"], "i64", loop],
  [182, "bpf_strncmp", ["ptr", "i32", "ptr"], "i32", strncmp],
  [
    195,
    "bpf_map_lookup_percpu_elem",
    ["ptr", "ptr", "i32"],
    "u32",
    (host: VmHost, map: number, key: number, cpu: number) => (cpu === 0 ? lookup(host, map, key) : 0),
  ],
  [191, "bpf_copy_from_user_task", ["ptr", "i32", "i64"], "i32", userRead],
  [197, "bpf_dynptr_from_mem", ["ptr", "i32", "num", "ptr"], "i32", dynptrFromMem],
  [198, "bpf_ringbuf_reserve_dynptr", ["ptr", "i32", "num", "ptr"], "i32", reserveDynptr],
  [199, "bpf_ringbuf_submit_dynptr", ["ptr"], "void", commitDynptr(false)],
  [200, "bpf_ringbuf_discard_dynptr", ["ptr"], "void", commitDynptr(true)],
  [201, "bpf_dynptr_read", ["ptr", "i32", "ptr", "num", "num"], "i32", dynptrRead],
  [202, "bpf_dynptr_write", ["ptr", "num", "ptr", "i32", "num"], "i32", dynptrWrite],
  [203, "bpf_dynptr_data", ["ptr", "num", "num"], "u32", dynptrData],
  [208, "bpf_ktime_get_tai_ns", [], "i64", (host) => host.ktimeNs()],
  // nobody puts samples in
  [
    209,
    "bpf_user_ringbuf_drain",
    ["ptr", "func", "i64", "num"],
    "i32",
    (_host: VmHost, _map: number, _slot: number, _ctx: bigint, flags: number) => (flags > OUTPUT_FLAGS ? -EINVAL : 0),
  ],
];

/** The helpers the VM implements. */
export const HELPERS: ReadonlyMap<number, HostFunction> = new Map(
  ROWS.map(([id, name, params, result, call]) => [id, { name, params, result, call }]),
);
