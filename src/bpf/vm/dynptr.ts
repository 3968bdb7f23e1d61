// Dynptrs (bpf_dynptr_* of kernel/bpf/helpers.c at v7.2) over memory the program may touch: where the bytes are, how many, and
// what kind of dynptr it is. All zeros is the null dynptr.
//
//   struct bpf_dynptr, seen from inside:   0 u64 address   8 u32 size, kind and whether read-only   12 u32 offset

import { E2BIG, EINVAL, ERANGE } from "../../base/index.ts";
import type { HostFunction, VmHost } from "./host.ts";

const SIZE = 16;
const LARGEST = 0xff_ffff;
const SIZE_MASK = 0xff_ffff;
const READ_ONLY = 1 << 31;

const none = (host: VmHost, at: number): void => {
  host.check(at, SIZE, true);
  host.memory.u8.fill(0, at, at + SIZE);
};

/** Writes a dynptr over `size` bytes at `address`. */
export function setDynptr(host: VmHost, at: number, address: number, size: number): void {
  none(host, at);
  host.memory.view.setUint32(at, address, true);
  host.memory.view.setUint32(at + 8, size, true);
}

interface View {
  readonly base: number;
  readonly offset: number;
  readonly size: number;
  readonly readOnly: boolean;
}

/** What the dynptr at `at` shows; undefined for the null dynptr. */
function viewAt(host: VmHost, at: number): View | undefined {
  host.check(at, SIZE, false);
  const { view } = host.memory;
  const base = view.getUint32(at, true);
  if (base === 0) return undefined;
  const size = view.getUint32(at + 8, true);
  return { base, offset: view.getUint32(at + 12, true), size: size & SIZE_MASK, readOnly: (size & READ_ONLY) !== 0 };
}

/** Where the record of a dynptr over a ring buffer begins, or 0. */
export const dynptrBase = (host: VmHost, at: number): number => viewAt(host, at)?.base ?? 0;

/** Makes it the null dynptr. */
export const clearDynptr: (host: VmHost, at: number) => void = none;

const outside = ({ size }: View, offset: number, length: number): boolean => length > size || offset > size - length;

/** bpf_dynptr_from_mem() */
export function dynptrFromMem(host: VmHost, data: number, size: number, flags: number, at: number): number {
  const length = size >>> 0;
  none(host, at);
  if (length > LARGEST) return -E2BIG;
  if (flags !== 0) return -EINVAL;
  setDynptr(host, at, data, length);
  return 0;
}

/** bpf_dynptr_read() */
export function dynptrRead(host: VmHost, to: number, size: number, at: number, offset: number, flags: number): number {
  const shown = viewAt(host, at);
  const length = size >>> 0;
  if (shown === undefined || flags !== 0) return -EINVAL;
  if (outside(shown, offset, length)) return -E2BIG;
  if (length > 0) host.check(to, length, true);
  const from = shown.base + shown.offset + offset;
  host.memory.u8.copyWithin(to, from, from + length);
  return 0;
}

/** bpf_dynptr_write() */
export function dynptrWrite(
  host: VmHost,
  at: number,
  offset: number,
  from: number,
  size: number,
  flags: number,
): number {
  const shown = viewAt(host, at);
  const length = size >>> 0;
  if (shown === undefined || shown.readOnly || flags !== 0) return -EINVAL;
  if (outside(shown, offset, length)) return -E2BIG;
  if (length > 0) host.check(from, length, false);
  host.memory.u8.copyWithin(shown.base + shown.offset + offset, from, from + length);
  return 0;
}

function slice(host: VmHost, at: number, offset: number, length: number, write: boolean): number {
  const shown = viewAt(host, at);
  if (shown === undefined || (write && shown.readOnly) || outside(shown, offset, length)) return 0;
  return shown.base + shown.offset + offset;
}

/** bpf_dynptr_data() */
export const dynptrData = (host: VmHost, at: number, offset: number, length: number): number =>
  slice(host, at, offset, length, true);

function adjust(host: VmHost, at: number, start: number, end: number): number {
  const shown = viewAt(host, at);
  if (shown === undefined || start > end) return -EINVAL;
  if (start > shown.size || end > shown.size) return -ERANGE;
  const { view } = host.memory;
  const kind = view.getUint32(at + 8, true) & ~SIZE_MASK;
  view.setUint32(at + 8, (kind | (end - start)) >>> 0, true);
  view.setUint32(at + 12, shown.offset + start, true);
  return 0;
}

function clone(host: VmHost, at: number, to: number): number {
  none(host, to);
  if (viewAt(host, at) === undefined) return -EINVAL;
  host.memory.u8.copyWithin(to, at, at + SIZE);
  return 0;
}

function copy(host: VmHost, to: number, toAt: number, from: number, fromAt: number, size: number): number {
  const [target, source] = [viewAt(host, to), viewAt(host, from)];
  if (target === undefined || source === undefined || target.readOnly) return -EINVAL;
  if (outside(target, toAt, size) || outside(source, fromAt, size)) return -E2BIG;
  const start = source.base + source.offset + fromAt;
  host.memory.u8.copyWithin(target.base + target.offset + toAt, start, start + size);
  return 0;
}

function fill(host: VmHost, at: number, offset: number, size: number, value: number): number {
  const shown = viewAt(host, at);
  if (shown === undefined || shown.readOnly) return -EINVAL;
  if (outside(shown, offset, size)) return -E2BIG;
  const start = shown.base + shown.offset + offset;
  host.memory.u8.fill(value & 0xff, start, start + size);
  return 0;
}

/** The kfuncs over dynptrs. */
export const DYNPTR_KFUNCS: readonly HostFunction[] = [
  { name: "bpf_dynptr_adjust", params: ["ptr", "num", "num"], result: "i32", call: adjust },
  {
    name: "bpf_dynptr_is_null",
    params: ["ptr"],
    result: "u32",
    call: (host: VmHost, at: number) => (viewAt(host, at) === undefined ? 1 : 0),
  },
  {
    name: "bpf_dynptr_is_rdonly",
    params: ["ptr"],
    result: "u32",
    call: (host: VmHost, at: number) => (viewAt(host, at)?.readOnly === true ? 1 : 0),
  },
  {
    name: "bpf_dynptr_size",
    params: ["ptr"],
    result: "i32",
    call: (host: VmHost, at: number) => viewAt(host, at)?.size ?? -EINVAL,
  },
  { name: "bpf_dynptr_clone", params: ["ptr", "ptr"], result: "i32", call: clone },
  { name: "bpf_dynptr_copy", params: ["ptr", "num", "ptr", "num", "num"], result: "i32", call: copy },
  { name: "bpf_dynptr_memset", params: ["ptr", "num", "num", "i32"], result: "i32", call: fill },
  {
    name: "bpf_dynptr_slice",
    params: ["ptr", "num", "i64", "num"],
    result: "u32",
    call: (host: VmHost, at: number, offset: number, _buffer: bigint, size: number) =>
      slice(host, at, offset, size, false),
  },
  {
    name: "bpf_dynptr_slice_rdwr",
    params: ["ptr", "num", "i64", "num"],
    result: "u32",
    call: (host: VmHost, at: number, offset: number, _buffer: bigint, size: number) =>
      slice(host, at, offset, size, true),
  },
];
