// The simulated kernel's data: requests (struct io_kiocb), rings (struct io_ring_ctx), open files, the machine they live
// in, and the shape of an opcode's row. No behaviour beyond small accessors; that is in the other files, which all see
// these types, as those of the kernel see io_uring_types.h.

import { EINTR } from "../../base/index.ts";
import { Fifo } from "./fifo.ts";
import type { Clock, Timer } from "./clock.ts";
import type { FaultInjector } from "./faults.ts";
import type { SimMemory } from "./memory.ts";
import type { TraceSink } from "../trace/index.ts";

/** Request flags; the low seven are the IOSQE_ bits of the sqe, as in the kernel. */
export const REQ_F = {
  FIXED_FILE: 0x1,
  IO_DRAIN: 0x2,
  LINK: 0x4,
  HARDLINK: 0x8,
  FORCE_ASYNC: 0x10,
  BUFFER_SELECT: 0x20,
  CQE_SKIP: 0x40,
  FAIL: 0x100,
  ARM_LTIMEOUT: 0x200,
  LINK_TIMEOUT: 0x400,
  NOWAIT: 0x800,
  POLLED: 0x1000,
  APOLL_MULTISHOT: 0x2000,
  BUFFER_SELECTED: 0x4000,
  BUFFER_RING: 0x8000,
  SKIP_LINK_CQES: 0x10000,
  BL_NO_RECYCLE: 0x20000,
  CQE_32: 0x40000,
  /** The fault plan has had its say about this request. */
  FAULTED: 0x80000,
  /** Waits in place of a worker that blocks. */
  WORKER_BLOCKED: 0x200000,
  /** Part of its buffer is left in the ring. */
  BUF_MORE: 0x400000,
  /** The request's buffer ring came from a committed selection. */
  BUFFERS_COMMIT: 0x100000,
} as const;

/** The request has a successor. */
export const LINK_FLAGS: number = REQ_F.LINK | REQ_F.HARDLINK;

/** What an issue function returns: complete with req.res, or it will complete later, or a negative errno. */
export const IOU_COMPLETE = 0;
export const IOU_ISSUE_SKIP_COMPLETE = 1;
/** From an issue with IO_URING_F_MULTISHOT: the request is finished, complete it with req.res. */
export const IOU_STOP_MULTISHOT = 2;
/** The same: there is more, issue it again in task work of its own. */
export const IOU_REQUEUE = 3;

/** Issue flags. */
export const ISSUE_NONBLOCK = 1;
export const ISSUE_MULTISHOT = 2;
export const ISSUE_IOWQ = 4;

/** Kinds of task work; task-work.ts does them. */
export const WORK_CALL = 0;
/** Issue the request (the next of a chain, or one that polled). */
export const WORK_SUBMIT = 1;
/** Post its CQE with req.res. */
export const WORK_COMPLETE = 2;
/** Fail it with req.res. */
export const WORK_FAIL = 3;
/** Look at its file again after a poll wake-up. */
export const WORK_POLL = 4;
/** Hand it to an io-wq worker. */
export const WORK_IOWQ = 5;
/** Fail the chain that hangs on it. */
export const WORK_FAIL_LINKS = 6;

/** Runs as task work of a request. */
export type TaskWork = (ring: Ring, req: Request) => void;

/** How an opcode is simulated: one row of ops/optable.ts, its members as in the kernel's io_issue_defs. */
export interface OpRow {
  readonly opcode: number;
  readonly name: string;
  readonly needsFile: boolean;
  readonly pollin: boolean;
  readonly pollout: boolean;
  readonly pollExclusive: boolean;
  readonly bufferSelect: boolean;
  /** sqe.ioprio has a meaning; else it must be 0. */
  readonly ioprio: boolean;
  /** Buffered writes to one file are done one after the other. */
  readonly hashRegFile: boolean;
  /** The 128-byte form: needs IORING_SETUP_SQE128 or SQE_MIXED. */
  readonly is128: boolean;
  /** What is simulated and what is not, for docs/parity. */
  readonly simulates: string;
  /** Reads the sqe at byte offset `sqe`; 0 or a negative errno. */
  readonly prep: (ring: Ring, req: Request, sqe: number) => number;
  readonly issue: (ring: Ring, req: Request, issueFlags: number) => number;
}

/** Poll and wait bookkeeping of one request. */
export type PollKind = 0 | 1 | 2;
export const POLL_NONE: PollKind = 0;
/** POLL_ADD itself. */
export const POLL_PURE: PollKind = 1;
/** Another request that waits for its file. */
export const POLL_ASYNC: PollKind = 2;

/** A request from SQE to CQE. Pooled: a request must not be kept after it was freed. */
export class Request {
  /** Number in the trace, from 1 on. */
  serial = 0;
  ring: Ring;
  op: OpRow;
  opcode = 0;
  flags = 0;
  userLow = 0;
  userHigh = 0;
  fd = 0;
  file: OpenFile | null = null;
  /** Holds beyond the one of its own life. */
  refs = 0;
  free = false;

  res = 0;
  cflags = 0;
  extra1Low = 0;
  extra1High = 0;
  extra2Low = 0;
  extra2High = 0;

  link: Request | null = null;

  /** What to do as task work: one of WORK_*, and for WORK_CALL the function. */
  workKind = 0;
  work: TaskWork | null = null;
  timer: Timer<Request> | null = null;

  /** Generic arguments, their meaning per op: memory offset, length, file offset, flags. */
  at = 0;
  len = 0;
  off = 0;
  opFlags = 0;
  ioFlags = 0;
  bufIndex = 0;
  done = 0;
  /** The file itself was asked, and did not only refuse. */
  tried = false;
  /** At most so many bytes, when the fault plan says so. */
  limit = 0;
  fileSlot = 0;
  segments: number[] | null = null;
  bufferList: BufferList | null = null;
  /** The buffer chosen from a list, to be able to give it back. */
  selected: [at: number, length: number, id: number] | null = null;
  data: unknown = null;

  pollKind: PollKind = POLL_NONE;
  pollEvents = 0;
  pollRefs = 0;
  pollCancelled = false;
  /** How often it was armed. */
  polls = 0;
  /** The wait queue this request stands in, and its neighbours there. */
  queue: WaitQueue | null = null;
  queueNext: Request | null = null;
  queuePrev: Request | null = null;
  /** Bucket of the ring's armed requests that it stands in, or -1. */
  bucket = -1;
  hashNext: Request | null = null;
  hashPrev: Request | null = null;
  cancelSeq = 0;

  constructor(ring: Ring, op: OpRow) {
    this.ring = ring;
    this.op = op;
  }
}

/** Requests that wait for something, in the order in which they would be woken. */
export class WaitQueue {
  head: Request | null = null;
  tail: Request | null = null;

  /** Puts `req` first, as add_wait_queue() does; exclusive waiters go last. */
  add(req: Request, exclusive: boolean): void {
    req.queue = this;
    if (exclusive) {
      req.queueNext = null;
      req.queuePrev = this.tail;
      if (this.tail) this.tail.queueNext = req;
      else this.head = req;
      this.tail = req;
      return;
    }
    req.queuePrev = null;
    req.queueNext = this.head;
    if (this.head) this.head.queuePrev = req;
    else this.tail = req;
    this.head = req;
  }

  remove(req: Request): void {
    if (req.queue !== this) return;
    if (req.queuePrev) req.queuePrev.queueNext = req.queueNext;
    else this.head = req.queueNext;
    if (req.queueNext) req.queueNext.queuePrev = req.queuePrev;
    else this.tail = req.queuePrev;
    req.queue = null;
    req.queueNext = null;
    req.queuePrev = null;
  }
}

/** What kind of thing a descriptor stands for. */
export type FileKind = "regular" | "directory" | "pipe" | "socket" | "eventfd" | "ring" | "device" | "path";

/** An open file description. Reads and writes move bytes of the memory and answer a count or a negative errno. */
export abstract class OpenFile {
  abstract readonly kind: FileKind;
  /** open(2) flags. */
  flags = 0;
  /** Current position, for those that have one. */
  position = 0;
  refs = 1;
  readonly waiters: WaitQueue = new WaitQueue();
  /** Can be waited for with poll. */
  abstract readonly pollable: boolean;
  /** Has no position: an offset of -1 and a file position mean nothing. */
  abstract readonly stream: boolean;
  /** FMODE_NOWAIT: knows how to answer -EAGAIN by itself. */
  abstract readonly nowait: boolean;
  /** Buffered writes are never tried without blocking first. */
  readonly writeAlwaysAsync: boolean = false;
  /** When an io-wq worker of a serialised write will be done, ns. */
  busyUntil = 0;

  /** Current POLL events. */
  abstract poll(): number;
  abstract read(memory: SimMemory, at: number, length: number, offset: number): number;
  abstract write(memory: SimMemory, at: number, length: number, offset: number): number;
  /** Vectors as one operation, for files where that makes a difference: offsets and lengths alternating. */
  readVector?(memory: SimMemory, segments: readonly number[]): number;
  writeVector?(memory: SimMemory, segments: readonly number[]): number;
  /** What a read or receive of `length` bytes that blocks in a worker returns when a signal ends it. */
  interrupted(_length: number): number {
    return -EINTR;
  }
  /** Called when the last reference goes. */
  abstract release(machine: Machine): void;
}

/** What the kernel knows about a file, for statx; times are ns since 1970, as bigint because they need 61 bits. */
export interface FileStat {
  readonly ino: number;
  /** st_mode: type and permissions. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly blockSize: number;
  /** In 512-byte units. */
  readonly blocks: number;
  readonly atime: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly btime: bigint;
}

/** A regular file or directory of a world, open. Offsets and lengths in bytes; answers are counts or negative errno. */
export abstract class WorldFile extends OpenFile {
  readonly pollable: boolean = false;
  readonly stream: boolean = false;
  readonly nowait: boolean = true;
  /** As with ext4 and tmpfs: buffered writes go to a worker (no FOP_BUFFER_WASYNC). */
  override readonly writeAlwaysAsync: boolean = true;

  /** DEFAULT_POLLMASK: always readable and writable. */
  poll(): number {
    return 0x145;
  }

  abstract size(): number;
  abstract stat(): FileStat | number;
  abstract truncate(length: number): number;
  abstract allocate(mode: number, offset: number, length: number): number;
  abstract sync(dataOnly: boolean): number;
}

/** A path relative to a directory: null is the process's working directory. */
export interface Place {
  readonly directory: OpenFile | null;
  readonly path: string;
}

/** The files the machine sees: in memory, or through node:fs. All calls are synchronous and answer negative errno. */
export interface World {
  open(place: Place, flags: number, mode: number, resolve: number): OpenFile | number;
  /** `flags`: AT_*. */
  stat(place: Place, flags: number): FileStat | number;
  mkdir(place: Place, mode: number): number;
  unlink(place: Place, flags: number): number;
  rename(from: Place, to: Place, flags: number): number;
  link(from: Place, to: Place, flags: number): number;
  symlink(target: string, place: Place): number;
  /** Time has come to this (CLOCK_REALTIME, ns since 1970); for time stamps. */
  setTime(realtimeNs: bigint): void;
}

/** Buffers a group provides: a list (PROVIDE_BUFFERS) or a ring in memory. */
export interface BufferList {
  readonly bgid: number;
  /** Provided one by one: [memory offset, length, id]. */
  buffers: [number, number, number][];
  /** Offset of struct io_uring_buf_ring, or -1 for a list. */
  ringAt: number;
  mask: number;
  head: number;
  incremental: boolean;
  /** Memory the kernel allocated itself (IOU_PBUF_RING_MMAP), bytes. */
  allocated: number;
}

/** A region the kernel shares with the process: the offset in memory and its size in bytes. */
export interface Region {
  readonly at: number;
  readonly size: number;
  readonly allocated: boolean;
}

/** What IORING_REGISTER_RESTRICTIONS allowed. */
export interface Restrictions {
  readonly registerOps: Set<number>;
  readonly sqeOps: Set<number>;
  flagsAllowed: number;
  flagsRequired: number;
}

/** A registered buffer. */
export interface FixedBuffer {
  readonly at: number;
  readonly length: number;
  readonly tagLow: number;
  readonly tagHigh: number;
}

/** A completion on the overflow list. */
export interface OverflowCqe {
  readonly words: readonly [number, number, number, number, number, number, number, number];
  readonly cqe32: boolean;
}

/** The hook of the loop: what the kernel calls `ctx->loop_step`, and the parameters it may write. */
export interface LoopParams {
  cq_wait_idx: number;
}
export type LoopStep = (ring: Ring, params: LoopParams) => number;

/** A ring. */
export class Ring {
  readonly machine: Machine;
  readonly number: number;
  flags: number;
  sqEntries: number;
  cqEntries: number;
  sqMask: number;
  cqMask: number;
  /** Memory offsets (bytes) of the rings area, the SQEs, the CQEs, the sq array (-1: none). */
  rings: Region;
  sqes: Region;
  cqesAt: number;
  sqArrayAt: number;
  memRegion: Region | null = null;
  /** Bytes of the region usable as registered wait arguments. */
  waitArgSize = 0;

  cachedSqHead = 0;
  cachedCqTail = 0;
  readonly overflow: OverflowCqe[] = [];
  overflowPending = false;
  dropped = false;
  readonly deferTaskrun: boolean;

  /** Submission state. */
  linkHead: Request | null = null;
  linkLast: Request | null = null;
  compl: Request[] = [];
  spareCompl: Request[] = [];
  cqFlush = false;

  /** DEFER_TASKRUN's own list. */
  readonly localWork: Fifo<Request> = new Fifo();

  readonly pool: Request[] = [];
  inFlight = 0;
  /** Requests armed for poll, for cancellation: first of each bucket, see armed.ts. */
  readonly armed: (Request | null)[];
  futexes: Request[] = [];
  timeouts: Request[] = [];
  linkTimeouts: Request[] = [];
  readonly workers: Set<Request> = new Set();
  /** Held back by the fault plan before they were issued. */
  readonly delayed: Set<Request> = new Set();
  /** What a worker is doing right now. */
  running: Request | null = null;
  cqTimeouts = 0;
  cqLastTmFlush = 0;
  offTimeoutUsed = false;
  cancelSeq = 0;

  drainActive = false;
  drainNext = false;
  drainDisabled = false;
  readonly deferred: Request[] = [];
  nrDrained = 0;

  files: (OpenFile | null)[] = [];
  fileAllocStart = 0;
  fileAllocEnd = 0;
  fileAllocHint = 0;
  filesRegistered = false;
  buffers: (FixedBuffer | null)[] = [];
  buffersRegistered = false;
  readonly bufferLists: Map<number, BufferList> = new Map();
  eventfd: OpenFile | null = null;
  eventfdAsync = false;
  eventfdTail = 0;
  restrictions: Restrictions | null = null;
  restricted = false;
  readonly personalities: Set<number> = new Set();

  loopStep: LoopStep | null = null;
  /** The file behind the ring's descriptor. */
  file: OpenFile | null = null;
  closed = false;

  constructor(machine: Machine, number: number, flags: number, geometry: RingGeometry) {
    this.machine = machine;
    this.number = number;
    this.flags = flags;
    this.sqEntries = geometry.sqEntries;
    this.cqEntries = geometry.cqEntries;
    this.sqMask = geometry.sqEntries - 1;
    this.cqMask = geometry.cqEntries - 1;
    this.rings = geometry.rings;
    this.sqes = geometry.sqes;
    this.cqesAt = geometry.cqesAt;
    this.sqArrayAt = geometry.sqArrayAt;
    this.armed = geometry.armed;
    // IORING_SETUP_DEFER_TASKRUN
    this.deferTaskrun = (flags & 0x2000) !== 0;
  }
}

/** How large a ring is, and where its parts lie in the memory. */
export interface RingGeometry {
  readonly sqEntries: number;
  readonly cqEntries: number;
  readonly rings: Region;
  readonly sqes: Region;
  readonly cqesAt: number;
  readonly sqArrayAt: number;
  /** Empty buckets for armed requests. */
  readonly armed: (Request | null)[];
}

/** Who sleeps: the process, in a wait on `ring`. */
export interface Sleeper {
  readonly ring: Ring;
  /** How much lazy task work of a DEFER_TASKRUN ring it takes yet to wake it (ctx->cq_wait_nr); 0: it was woken. */
  waitNr: number;
  /** Plain waits: wake when the CQ tail reaches this, or a timeout fired. Undefined in the loop. */
  readonly tail: number | undefined;
  readonly timeouts: number;
}

/** The network between the machine's sockets. */
export interface Network {
  /** Bytes a stream takes in before its reader has read any. */
  readonly window: number;
  /** ns from send to arrival; 0: at once. */
  readonly delayNs: number;
}

/** Virtual costs, ns, so that a program that never sleeps still sees time pass. */
export interface Costs {
  readonly enter: number;
  readonly step: number;
  readonly submit: number;
  readonly worker: number;
  readonly wake: number;
}

/** The simulated machine: one process with one thread, its memory, descriptors and rings. */
export interface Machine {
  readonly memory: SimMemory;
  readonly clock: Clock;
  readonly world: World;
  readonly faults: FaultInjector | null;
  readonly trace: TraceSink | null;
  readonly costs: Costs;
  readonly network: Network;
  readonly ops: readonly OpRow[];
  readonly files: (OpenFile | null)[];
  readonly futexes: Map<number, Request[]>;
  /** Bound socket addresses. */
  readonly addresses: Map<string, OpenFile>;
  readonly registeredRings: (OpenFile | null)[];
  /** Task work of rings without DEFER_TASKRUN. */
  readonly taskWork: Fifo<Request>;
  signalPending: boolean;
  sleeper: Sleeper | null;
  awake: boolean;
  serial: number;
  ephemeralPort: number;
}
