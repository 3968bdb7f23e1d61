// io_uring_register(2): files, buffers, eventfd, probe, personalities, restrictions, enabling, ring descriptors, buffer
// rings, cancellation, memory regions (io_uring/register.c, rsrc.c, kbuf.c at v7.2). Left out, answering -EINVAL as a kernel
// without them: workers' affinity, NAPI, clock, clones, resizing, zero-copy receive, queries, filters.

import {
  E2BIG,
  EACCES,
  EALREADY,
  EBADF,
  EBADFD,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  EMFILE,
  ENOENT,
  ENOMEM,
  ENXIO,
  EOPNOTSUPP,
  EOVERFLOW,
} from "../../base/index.ts";
import {
  IORING_ASYNC_CANCEL,
  IORING_OP_LAST,
  IORING_REGISTER,
  IORING_REGISTER_FLAGS,
  IORING_SETUP,
} from "../abi/index.ts";
import { cancelRequests } from "./cancel.ts";
import { fixedFile, normalFile, putFile } from "./fd-table.ts";
import { SIM_PAGE } from "./memory.ts";
import { newBufferList, updateFiles } from "./ops/resources.ts";
import { RingFile } from "./ring-file.ts";
import type { FixedBuffer, Machine, OpenFile, Ring } from "./state.ts";

const R = IORING_REGISTER;
const { IORING_SETUP_R_DISABLED } = IORING_SETUP;
const MAX_FIXED_FILES = 1 << 20;
const MAX_BUFFERS = 1 << 14;
export const RINGFD_MAX = 16;

interface Call {
  readonly machine: Machine;
  readonly ring: Ring;
  /** Memory offset of the argument, negative when it is not mapped. */
  readonly at: number;
  /** The argument as a number, for those opcodes that take one. */
  readonly value: number;
  readonly nr: number;
}

type Handler = (call: Call) => number;

/** The call; `at` and `value` are two readings of its third argument. */
export function registerRing(
  machine: Machine,
  fd: number,
  opcodeAndFlag: number,
  at: number,
  value: number,
  nr: number,
): number {
  const registered = opcodeAndFlag >>> 31 === 1;
  const opcode = opcodeAndFlag & 0x7fff_ffff;
  if (opcode >= Object.keys(R).length) return -EINVAL;
  let file: OpenFile | null;
  if (registered) {
    if (fd < 0 || fd >= RINGFD_MAX) return -EINVAL;
    file = machine.registeredRings[fd]!;
  } else file = normalFile(machine, fd);
  if (file === null) return -EBADF;
  if (!(file instanceof RingFile)) return -EOPNOTSUPP;
  const { ring } = file;
  if (ring.restricted && ring.restrictions?.registerOps.has(opcode) !== true) return -EACCES;
  const handler = HANDLERS.get(opcode);
  return handler === undefined ? -EINVAL : handler({ machine, ring, at, value, nr });
}

function u32(call: Call, offset: number): number {
  return call.machine.memory.view.getUint32(call.at + offset, true);
}

function u64(call: Call, offset: number): bigint {
  return call.machine.memory.view.getBigUint64(call.at + offset, true);
}

function covers(call: Call, bytes: number): boolean {
  return call.machine.memory.covers(call.at, bytes);
}

// ---- files

function readFiles(call: Call, at: number, count: number): (OpenFile | null)[] | number {
  const { machine } = call;
  const files: (OpenFile | null)[] = [];
  for (let i = 0; i < count; i++) {
    if (at < 0 || !machine.memory.covers(at + i * 4, 4)) return -EFAULT;
    const fd = machine.memory.view.getInt32(at + i * 4, true);
    if (fd === -1) {
      files.push(null);
      continue;
    }
    const file = normalFile(machine, fd);
    if (file === null || file.kind === "ring") return -EBADF;
    files.push(file);
  }
  return files;
}

function installFiles(ring: Ring, files: readonly (OpenFile | null)[]): number {
  ring.files = [...files];
  for (const file of files) if (file !== null) file.refs++;
  ring.filesRegistered = true;
  ring.fileAllocStart = 0;
  ring.fileAllocEnd = files.length;
  ring.fileAllocHint = 0;
  return 0;
}

/** The array of a registration, by its place; none: the slots are empty. */
type Register = (call: Call, at: number | undefined, nr: number) => number;

/** struct io_uring_rsrc_register: nr, flags, resv2, data, tags. */
function registerTagged(call: Call, register: Register): number {
  if (call.nr !== 32) return -EINVAL;
  if (!covers(call, 32)) return -EFAULT;
  const nr = u32(call, 0);
  const flags = u32(call, 4);
  if (nr === 0 || u64(call, 8) !== 0n || (flags & ~IORING_REGISTER_FLAGS.IORING_RSRC_REGISTER_SPARSE) !== 0)
    return -EINVAL;
  const sparse = (flags & IORING_REGISTER_FLAGS.IORING_RSRC_REGISTER_SPARSE) !== 0;
  if (sparse && u64(call, 16) !== 0n) return -EINVAL;
  return register(call, sparse ? undefined : call.machine.memory.locateAt(call.at + 16), nr);
}

function filesAt(call: Call, at: number | undefined, nr: number): number {
  const { ring } = call;
  if (ring.filesRegistered) return -EBUSY;
  if (nr === 0) return -EINVAL;
  if (nr > MAX_FIXED_FILES) return -EMFILE;
  const files = at === undefined ? Array.from({ length: nr }, () => null) : readFiles(call, at, nr);
  return typeof files === "number" ? files : installFiles(ring, files);
}

function unregisterFiles({ ring, machine, value, nr }: Call): number {
  if (value !== 0 || nr !== 0) return -EINVAL;
  if (!ring.filesRegistered) return -ENXIO;
  for (const file of ring.files) if (file !== null) putFile(machine, file);
  ring.files = [];
  ring.filesRegistered = false;
  return 0;
}

/** struct io_uring_rsrc_update: offset, resv, data. */
function filesUpdate(call: Call): number {
  if (call.nr === 0) return -EINVAL;
  if (!covers(call, 16)) return -EFAULT;
  if (u32(call, 4) !== 0) return -EINVAL;
  const offset = u32(call, 0);
  if (offset + call.nr > 0xffff_ffff) return -EOVERFLOW;
  return updateFiles(call.ring, offset, call.machine.memory.locateAt(call.at + 8), call.nr);
}

/** struct io_uring_rsrc_update2: offset, resv, data, tags, nr, resv2. */
function filesUpdate2(call: Call): number {
  if (call.nr !== 32) return -EINVAL;
  if (!covers(call, 32)) return -EFAULT;
  const nr = u32(call, 24);
  if (nr === 0 || u32(call, 4) !== 0 || u32(call, 28) !== 0) return -EINVAL;
  return updateFiles(call.ring, u32(call, 0), call.machine.memory.locateAt(call.at + 8), nr);
}

/** struct io_uring_file_index_range: off, len, resv. */
function fileAllocRange(call: Call): number {
  if (call.value === 0 || call.nr !== 0) return -EINVAL;
  if (!covers(call, 16)) return -EFAULT;
  const off = u32(call, 0);
  const end = off + u32(call, 4);
  if (end > 0xffff_ffff) return -EOVERFLOW;
  if (u64(call, 8) !== 0n || end > call.ring.files.length) return -EINVAL;
  call.ring.fileAllocStart = off;
  call.ring.fileAllocEnd = end;
  call.ring.fileAllocHint = off;
  return 0;
}

// ---- buffers

const BUFFER_MAX = 0x4000_0000;

function readBuffers(call: Call, at: number, count: number): (FixedBuffer | null)[] | number {
  const { memory } = call.machine;
  const out: (FixedBuffer | null)[] = [];
  for (let i = 0; i < count; i++) {
    const entry = at + i * 16;
    if (at < 0 || !memory.covers(entry, 16)) return -EFAULT;
    const base = memory.view.getBigUint64(entry, true);
    const length = memory.view.getBigUint64(entry + 8, true);
    if (base === 0n) {
      if (length !== 0n) return -EFAULT;
      out.push(null);
      continue;
    }
    if (length === 0n || length > BigInt(BUFFER_MAX)) return -EFAULT;
    const where = memory.locateAt(entry);
    if (!memory.covers(where, Number(length))) return -EFAULT;
    out.push({ at: where, length: Number(length), tagLow: 0, tagHigh: 0 });
  }
  return out;
}

function buffersAt(call: Call, at: number | undefined, nr: number): number {
  const { ring } = call;
  if (ring.buffersRegistered) return -EBUSY;
  if (nr === 0 || nr > MAX_BUFFERS) return -EINVAL;
  const buffers = at === undefined ? Array.from({ length: nr }, () => null) : readBuffers(call, at, nr);
  if (typeof buffers === "number") return buffers;
  ring.buffers = buffers;
  ring.buffersRegistered = true;
  return 0;
}

function unregisterBuffers({ ring, value, nr }: Call): number {
  if (value !== 0 || nr !== 0) return -EINVAL;
  if (!ring.buffersRegistered) return -ENXIO;
  ring.buffers = [];
  ring.buffersRegistered = false;
  return 0;
}

function buffersUpdate(call: Call): number {
  if (call.nr !== 32) return -EINVAL;
  if (!covers(call, 32)) return -EFAULT;
  const nr = u32(call, 24);
  const offset = u32(call, 0);
  if (nr === 0 || u32(call, 4) !== 0 || u32(call, 28) !== 0) return -EINVAL;
  const { ring } = call;
  if (!ring.buffersRegistered) return -ENXIO;
  if (offset + nr > ring.buffers.length) return -EINVAL;
  const at = call.machine.memory.locateAt(call.at + 8);
  for (let done = 0; done < nr; done++) {
    const buffers = readBuffers(call, at < 0 ? at : at + done * 16, 1);
    if (typeof buffers === "number") return done > 0 ? done : buffers;
    ring.buffers[offset + done] = buffers[0]!;
  }
  return nr;
}

// ---- eventfd, probe, personality, restrictions, enabling

function registerEventfd(call: Call, async: boolean): number {
  const { ring, machine } = call;
  if (call.nr !== 1) return -EINVAL;
  if (ring.eventfd !== null) return -EBUSY;
  if (!covers(call, 4)) return -EFAULT;
  const file = normalFile(machine, u32(call, 0) | 0);
  if (file === null) return -EBADF;
  if (file.kind !== "eventfd") return -EINVAL;
  file.refs++;
  ring.eventfd = file;
  ring.eventfdAsync = async;
  ring.eventfdTail = ring.cachedCqTail;
  return 0;
}

function unregisterEventfd({ ring, machine, value, nr }: Call): number {
  if (value !== 0 || nr !== 0) return -EINVAL;
  if (ring.eventfd === null) return -ENXIO;
  putFile(machine, ring.eventfd);
  ring.eventfd = null;
  return 0;
}

function probe(call: Call): number {
  if (call.value === 0 || call.nr > 256) return -EINVAL;
  const { memory, ops } = call.machine;
  const count = Math.min(call.nr, IORING_OP_LAST);
  if (!covers(call, 16 + count * 8)) return -EFAULT;
  for (let i = 0; i < 16 + count * 8; i++) if (memory.bytes[call.at + i] !== 0) return -EINVAL;
  memory.bytes[call.at] = IORING_OP_LAST - 1;
  memory.bytes[call.at + 1] = count;
  for (let i = 0; i < count; i++) {
    memory.bytes[call.at + 16 + i * 8] = i;
    const flags = ops[i].simulates === "no" ? 0 : IORING_REGISTER_FLAGS.IO_URING_OP_SUPPORTED;
    memory.view.setUint16(call.at + 16 + i * 8 + 2, flags, true);
  }
  return 0;
}

function registerPersonality({ ring, value, nr }: Call): number {
  if (value !== 0 || nr !== 0) return -EINVAL;
  let id = 1;
  while (ring.personalities.has(id)) id++;
  ring.personalities.add(id);
  return id;
}

function unregisterPersonality({ ring, value, nr }: Call): number {
  if (value !== 0) return -EINVAL;
  return ring.personalities.delete(nr) ? 0 : -EINVAL;
}

const RESTRICTIONS_MAX = 4 + Object.keys(R).length + IORING_OP_LAST;

/** struct io_uring_restriction: u16 opcode, u8 argument, u8 resv, u32 resv2[3]. */
function registerRestrictions(call: Call): number {
  const { ring, nr } = call;
  if ((ring.flags & IORING_SETUP_R_DISABLED) === 0) return -EBADFD;
  if (ring.restrictions !== null) return -EBUSY;
  if (call.value === 0 || nr > RESTRICTIONS_MAX) return -EINVAL;
  if (!covers(call, nr * 16)) return -EFAULT;
  const { view } = call.machine.memory;
  const rules = { registerOps: new Set<number>(), sqeOps: new Set<number>(), flagsAllowed: 0, flagsRequired: 0 };
  for (let i = 0; i < nr; i++) {
    const entry = call.at + i * 16;
    const argument = view.getUint8(entry + 2);
    switch (view.getUint16(entry, true)) {
      case 0:
        if (argument >= Object.keys(R).length) return -EINVAL;
        rules.registerOps.add(argument);
        break;
      case 1:
        if (argument >= IORING_OP_LAST) return -EINVAL;
        rules.sqeOps.add(argument);
        break;
      case 2:
        rules.flagsAllowed = argument;
        break;
      case 3:
        rules.flagsRequired = argument;
        break;
      default:
        return -EINVAL;
    }
  }
  ring.restrictions = rules;
  return 0;
}

function enableRings({ ring, value, nr }: Call): number {
  if (value !== 0 || nr !== 0) return -EINVAL;
  if ((ring.flags & IORING_SETUP_R_DISABLED) === 0) return -EBADFD;
  ring.flags &= ~IORING_SETUP_R_DISABLED;
  if (ring.restrictions !== null) ring.restricted = true;
  return 0;
}

/** struct io_uring_rsrc_update with a slot in `offset` and a descriptor in `data`. */
function registerRingFds(call: Call): number {
  const { machine, nr } = call;
  if (nr === 0 || nr > RINGFD_MAX) return -EINVAL;
  const { view } = machine.memory;
  let done = 0;
  for (; done < nr; done++) {
    const entry = call.at + done * 16;
    if (!machine.memory.covers(entry, 16)) return done > 0 ? done : -EFAULT;
    if (view.getUint32(entry + 4, true) !== 0) return done > 0 ? done : -EINVAL;
    const offset = view.getUint32(entry, true);
    const any = offset === 0xffff_ffff;
    if (!any && offset >= RINGFD_MAX) return done > 0 ? done : -EINVAL;
    const file = normalFile(machine, view.getInt32(entry + 8, true));
    if (file === null) return done > 0 ? done : -EBADF;
    if (!(file instanceof RingFile)) return done > 0 ? done : -EOPNOTSUPP;
    const slot = any ? machine.registeredRings.indexOf(null) : machine.registeredRings[offset] === null ? offset : -1;
    if (slot < 0) return done > 0 ? done : -EBUSY;
    file.refs++;
    machine.registeredRings[slot] = file;
    view.setUint32(entry, slot, true);
  }
  return done;
}

function unregisterRingFds(call: Call): number {
  const { machine, nr } = call;
  if (nr === 0 || nr > RINGFD_MAX) return -EINVAL;
  const { view } = machine.memory;
  for (let done = 0; done < nr; done++) {
    const entry = call.at + done * 16;
    if (!machine.memory.covers(entry, 16)) return done > 0 ? done : -EFAULT;
    const slot = view.getUint32(entry, true);
    if (view.getUint32(entry + 4, true) !== 0 || view.getBigUint64(entry + 8, true) !== 0n || slot >= RINGFD_MAX) {
      return done > 0 ? done : -EINVAL;
    }
    const file = machine.registeredRings[slot]!;
    if (file === null) continue;
    machine.registeredRings[slot] = null;
    putFile(machine, file);
  }
  return nr;
}

// ---- buffer rings

const { IOU_PBUF_RING_INC, IOU_PBUF_RING_MMAP } = IORING_REGISTER_FLAGS;

/** struct io_uring_buf_reg. */
function registerBufferRing(call: Call): number {
  const { ring, machine } = call;
  if (call.value === 0 || call.nr !== 1) return -EINVAL;
  if (!covers(call, 40)) return -EFAULT;
  const entries = u32(call, 8);
  const bgid = u32(call, 12) & 0xffff;
  const flags = u32(call, 12) >>> 16;
  for (let i = 16; i < 40; i += 8) if (u64(call, i) !== 0n) return -EINVAL;
  if ((flags & ~(IOU_PBUF_RING_INC | IOU_PBUF_RING_MMAP)) !== 0) return -EINVAL;
  if (entries === 0 || (entries & (entries - 1)) !== 0 || entries >= 65_536) return -EINVAL;
  const existing = ring.bufferLists.get(bgid);
  if (existing !== undefined && (existing.ringAt >= 0 || existing.buffers.length > 0)) return -EEXIST;
  const size = entries * 16;
  const list = newBufferList(bgid);
  if ((flags & IOU_PBUF_RING_MMAP) !== 0) {
    list.ringAt = machine.memory.allocatePages(size);
    if (list.ringAt < 0) return -ENOMEM;
    list.allocated = Math.ceil(size / SIM_PAGE) * SIM_PAGE;
  } else {
    if (u64(call, 0) === 0n) return -EFAULT;
    if (u64(call, 0) % BigInt(SIM_PAGE) !== 0n) return -EINVAL;
    list.ringAt = machine.memory.locateAt(call.at);
    if (!machine.memory.covers(list.ringAt, size)) return -EFAULT;
  }
  list.mask = entries - 1;
  list.incremental = (flags & IOU_PBUF_RING_INC) !== 0;
  ring.bufferLists.set(bgid, list);
  return 0;
}

function unregisterBufferRing(call: Call): number {
  const { ring, machine } = call;
  if (call.value === 0 || call.nr !== 1) return -EINVAL;
  if (!covers(call, 40)) return -EFAULT;
  for (let i = 16; i < 40; i += 8) if (u64(call, i) !== 0n) return -EINVAL;
  if (u32(call, 12) >>> 16 !== 0) return -EINVAL;
  const bgid = u32(call, 12) & 0xffff;
  const list = ring.bufferLists.get(bgid);
  if (list === undefined) return -ENOENT;
  if (list.ringAt < 0) return -EINVAL;
  if (list.allocated > 0) machine.memory.freePages(list.ringAt, list.allocated);
  ring.bufferLists.delete(bgid);
  return 0;
}

/** struct io_uring_buf_status: u32 buf_group, u32 head (out), u32 resv[8]. */
function bufferRingStatus(call: Call): number {
  if (call.value === 0 || call.nr !== 1) return -EINVAL;
  if (!covers(call, 40)) return -EFAULT;
  for (let i = 8; i < 40; i += 8) if (u64(call, i) !== 0n) return -EINVAL;
  const list = call.ring.bufferLists.get(u32(call, 0));
  if (list === undefined) return -ENOENT;
  if (list.ringAt < 0) return -EINVAL;
  call.machine.memory.view.setUint32(call.at + 4, list.head, true);
  return 0;
}

// ---- cancellation, regions

/** struct io_uring_sync_cancel_reg: addr, fd, flags, timeout, opcode, pad[7], pad2[3]. */
function syncCancel(call: Call): number {
  if (call.value === 0 || call.nr !== 1) return -EINVAL;
  if (!covers(call, 64)) return -EFAULT;
  const { ring, machine } = call;
  const flags = u32(call, 12);
  if ((flags & ~0x3f) !== 0) return -EINVAL;
  for (let i = 33; i < 64; i++) if (machine.memory.bytes[call.at + i] !== 0) return -EINVAL;
  let file: OpenFile | null = null;
  if ((flags & IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_FD) !== 0) {
    const fd = u32(call, 8) | 0;
    const fixed = (flags & IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_FD_FIXED) !== 0;
    file = fixed ? fixedFile(ring, fd) : normalFile(machine, fd);
    if (file === null) return -EBADF;
  }
  const ret = cancelRequests(ring, {
    low: u32(call, 0),
    high: u32(call, 4),
    flags,
    file,
    opcode: machine.memory.bytes[call.at + 32],
    seq: ++ring.cancelSeq,
  });
  // A worker's request finishes by itself; waiting for that is not simulated.
  return ret === -EALREADY ? 0 : ret;
}

/** struct io_uring_mem_region_reg: region_uptr, flags, resv[2]; struct io_uring_region_desc behind it. */
function memRegion(call: Call): number {
  const { ring, machine } = call;
  const { memory } = machine;
  if (call.value === 0 || call.nr !== 1) return -EINVAL;
  if (ring.memRegion !== null) return -EBUSY;
  if (!covers(call, 32)) return -EFAULT;
  const desc = memory.locateAt(call.at);
  if (!memory.covers(desc, 64)) return -EFAULT;
  if (u64(call, 16) !== 0n || u64(call, 24) !== 0n) return -EINVAL;
  const flags = u64(call, 8);
  const waitArg = BigInt(IORING_REGISTER_FLAGS.IORING_MEM_REGION_REG_WAIT_ARG);
  if ((flags & ~waitArg) !== 0n) return -EINVAL;
  if (flags !== 0n && (ring.flags & IORING_SETUP_R_DISABLED) === 0) return -EINVAL;
  const { view } = memory;
  const userAddress = view.getBigUint64(desc, true);
  const size = view.getBigUint64(desc + 8, true);
  const descFlags = view.getUint32(desc + 16, true);
  const user = (descFlags & IORING_REGISTER_FLAGS.IORING_MEM_REGION_TYPE_USER) !== 0;
  for (let i = 32; i < 64; i += 8) if (view.getBigUint64(desc + i, true) !== 0n) return -EINVAL;
  if ((descFlags & ~1) !== 0) return -EINVAL;
  if (user !== (userAddress !== 0n)) return -EFAULT;
  const page = BigInt(SIM_PAGE);
  if (size === 0n || view.getBigUint64(desc + 24, true) !== 0n || view.getUint32(desc + 20, true) !== 0) return -EINVAL;
  if (size % page !== 0n || userAddress % page !== 0n) return -EINVAL;
  if (size / page > 0x7fff_ffffn) return -E2BIG;
  let at: number;
  if (user) {
    at = memory.locateAt(desc);
    if (!memory.covers(at, Number(size))) return -EFAULT;
  } else {
    at = memory.allocatePages(Number(size));
    if (at < 0) return -ENOMEM;
    view.setBigUint64(desc + 24, 0x2000_0000n, true);
  }
  ring.memRegion = { at, size: Number(size), allocated: !user };
  if (flags !== 0n) ring.waitArgSize = Number(size);
  return 0;
}

const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [R.IORING_REGISTER_BUFFERS, (call): number => (call.value === 0 ? -EFAULT : buffersAt(call, call.at, call.nr))],
  [R.IORING_UNREGISTER_BUFFERS, unregisterBuffers],
  [R.IORING_REGISTER_FILES, (call): number => filesAt(call, call.value === 0 ? undefined : call.at, call.nr)],
  [R.IORING_UNREGISTER_FILES, unregisterFiles],
  [R.IORING_REGISTER_EVENTFD, (call): number => registerEventfd(call, false)],
  [R.IORING_UNREGISTER_EVENTFD, unregisterEventfd],
  [R.IORING_REGISTER_FILES_UPDATE, filesUpdate],
  [R.IORING_REGISTER_EVENTFD_ASYNC, (call): number => registerEventfd(call, true)],
  [R.IORING_REGISTER_PROBE, probe],
  [R.IORING_REGISTER_PERSONALITY, registerPersonality],
  [R.IORING_UNREGISTER_PERSONALITY, unregisterPersonality],
  [R.IORING_REGISTER_RESTRICTIONS, registerRestrictions],
  [R.IORING_REGISTER_ENABLE_RINGS, enableRings],
  [R.IORING_REGISTER_FILES2, (call): number => registerTagged(call, filesAt)],
  [R.IORING_REGISTER_FILES_UPDATE2, filesUpdate2],
  [R.IORING_REGISTER_BUFFERS2, (call): number => registerTagged(call, buffersAt)],
  [R.IORING_REGISTER_BUFFERS_UPDATE, buffersUpdate],
  [R.IORING_REGISTER_RING_FDS, registerRingFds],
  [R.IORING_UNREGISTER_RING_FDS, unregisterRingFds],
  [R.IORING_REGISTER_PBUF_RING, registerBufferRing],
  [R.IORING_UNREGISTER_PBUF_RING, unregisterBufferRing],
  [R.IORING_REGISTER_SYNC_CANCEL, syncCancel],
  [R.IORING_REGISTER_FILE_ALLOC_RANGE, fileAllocRange],
  [R.IORING_REGISTER_PBUF_STATUS, bufferRingStatus],
  [R.IORING_REGISTER_MEM_REGION, memRegion],
]);
