// Pipes and eventfds. A pipe holds up to 16 pages, a small write joins the page before it when it fits, and both ends tell
// their waiters (fs/pipe.c and fs/eventfd.c at v7.2). Left out: packet mode, resizing, SIGPIPE.

import { EAGAIN, EBADF, EFAULT, EINVAL, EPIPE } from "../../base/index.ts";
import { POLL, O } from "../abi/index.ts";
import type { SimMemory } from "./memory.ts";
import { scatter, totalLength } from "./segments.ts";
import { OpenFile, type Machine } from "./state.ts";
import { wakeQueue } from "./wake.ts";

const PAGE = 4096;
const PAGES = 16;

interface PipeBuffer {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

/** What both ends share. */
class PipeState {
  readonly buffers: PipeBuffer[] = [];
  reader: PipeEnd | null = null;
  writer: PipeEnd | null = null;

  get full(): boolean {
    return this.buffers.length >= PAGES;
  }
}

/** One end of a pipe. */
class PipeEnd extends OpenFile {
  readonly kind = "pipe";
  readonly pollable = true;
  readonly stream = true;
  readonly nowait = true;
  readonly #state: PipeState;
  readonly #reads: boolean;

  constructor(state: PipeState, reads: boolean, flags: number) {
    super();
    this.#state = state;
    this.#reads = reads;
    this.flags = (reads ? O.O_RDONLY : O.O_WRONLY) | flags;
  }

  /** Bytes in the pipe. */
  get queued(): number {
    return this.#state.buffers.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  poll(): number {
    const { buffers, reader, writer, full } = this.#state;
    let mask = 0;
    if (this.#reads) {
      if (buffers.length > 0) mask |= POLL.POLLIN | POLL.POLLRDNORM;
      if (writer === null) mask |= POLL.POLLHUP;
    } else {
      if (!full) mask |= POLL.POLLOUT | POLL.POLLWRNORM;
      if (reader === null) mask |= POLL.POLLERR;
    }
    return mask;
  }

  read(memory: SimMemory, at: number, length: number): number {
    return this.readVector(memory, [at, length]);
  }

  override readVector(memory: SimMemory, segments: readonly number[]): number {
    if (!this.#reads) return -EBADF;
    const wanted = totalLength(segments);
    if (wanted === 0) return 0;
    const { buffers, writer } = this.#state;
    if (buffers.length === 0) return writer === null ? 0 : -EAGAIN;
    const wasFull = this.#state.full;
    let done = 0;
    while (done < wanted && buffers.length > 0) {
      const buffer = buffers[0];
      const count = Math.min(wanted - done, buffer.end - buffer.start);
      const put = scatter(memory, segments, done, buffer.bytes.subarray(buffer.start, buffer.start + count));
      // a page that cannot be copied whole stays
      if (put < count) return done > 0 ? done : -EFAULT;
      buffer.start += count;
      done += count;
      if (buffer.start === buffer.end) buffers.shift();
    }
    if (wasFull && !this.#state.full && writer !== null) wakeQueue(writer.waiters, POLL.POLLOUT | POLL.POLLWRNORM);
    return done;
  }

  write(memory: SimMemory, at: number, length: number): number {
    if (this.#reads) return -EBADF;
    if (length === 0) return 0;
    const { buffers, reader } = this.#state;
    if (reader === null) return -EPIPE;
    const wanted = memory.reachable(at, length);
    if (wanted === 0) {
      // the waiters are woken all the same
      wakeQueue(reader.waiters, POLL.POLLIN | POLL.POLLRDNORM);
      return -EFAULT;
    }
    let done = 0;
    const odd = wanted % PAGE;
    const last = buffers.at(-1);
    if (odd > 0 && last !== undefined && last.end + odd <= PAGE) {
      last.bytes.set(memory.bytes.subarray(at, at + odd), last.end);
      last.end += odd;
      done = odd;
    }
    while (done < wanted && !this.#state.full) {
      const count = Math.min(PAGE, wanted - done);
      const bytes = new Uint8Array(PAGE);
      bytes.set(memory.bytes.subarray(at + done, at + done + count));
      buffers.push({ bytes, start: 0, end: count });
      done += count;
    }
    if (done === 0) return -EAGAIN;
    wakeQueue(reader.waiters, POLL.POLLIN | POLL.POLLRDNORM);
    return done;
  }

  release(): void {
    const state = this.#state;
    if (this.#reads) {
      state.reader = null;
      if (state.writer !== null) wakeQueue(state.writer.waiters, 0);
    } else {
      state.writer = null;
      if (state.reader !== null) wakeQueue(state.reader.waiters, 0);
    }
  }
}

/** pipe2(2): both ends. `flags`: O_NONBLOCK counts. */
export function makePipe(flags = 0): { reader: PipeEnd; writer: PipeEnd } {
  const state = new PipeState();
  const status = flags & (O.O_NONBLOCK | O.O_DIRECT);
  state.reader = new PipeEnd(state, true, status);
  state.writer = new PipeEnd(state, false, status);
  return { reader: state.reader, writer: state.writer };
}

const COUNTER_MAX = 0xffff_ffff_ffff_fffen;

/** An eventfd: a counter that reads as 8 bytes and is reset by that. */
export class EventFile extends OpenFile {
  readonly kind = "eventfd";
  readonly pollable = true;
  readonly stream = true;
  readonly nowait = true;
  /** It has no write_iter: io_uring never writes to it without a worker. */
  override readonly writeAlwaysAsync = true;
  count = 0n;
  readonly #semaphore: boolean;

  constructor(initial: number, semaphore: boolean, flags = 0) {
    super();
    this.count = BigInt(initial);
    this.#semaphore = semaphore;
    this.flags = O.O_RDWR | flags;
  }

  /** Adds one, as the kernel does for a registered eventfd. */
  signal(): void {
    if (this.count < COUNTER_MAX) this.count++;
    wakeQueue(this.waiters, POLL.POLLIN | POLL.EPOLL_URING_WAKE);
  }

  poll(): number {
    let mask = 0;
    if (this.count > 0n) mask |= POLL.POLLIN;
    if (this.count > COUNTER_MAX) mask |= POLL.POLLERR;
    if (this.count < COUNTER_MAX) mask |= POLL.POLLOUT;
    return mask;
  }

  read(memory: SimMemory, at: number, length: number): number {
    if (length < 8) return -EINVAL;
    if (this.count === 0n) return -EAGAIN;
    const value = this.#semaphore ? 1n : this.count;
    this.count -= value;
    wakeQueue(this.waiters, POLL.POLLOUT);
    if (!memory.covers(at, 8)) return -EFAULT;
    memory.view.setBigUint64(at, value, true);
    return 8;
  }

  write(memory: SimMemory, at: number, length: number): number {
    if (length === 0) return 0;
    if (length !== 8) return -EINVAL;
    if (!memory.covers(at, 8)) return -EFAULT;
    const value = memory.view.getBigUint64(at, true);
    if (value > COUNTER_MAX) return -EINVAL;
    if (this.count + value > COUNTER_MAX) return -EAGAIN;
    this.count += value;
    wakeQueue(this.waiters, POLL.POLLIN);
    return 8;
  }

  release(_machine: Machine): void {}
}
