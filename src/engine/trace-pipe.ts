// The way of a trace out of a ring's thread: JSON Lines through a circular buffer that both threads share. What the thread
// has written is there for the reader whatever becomes of the thread; when the buffer is full the thread waits for the
// reader, so nothing is lost and the memory for events on their way is CAPACITY a thread.

import type { TraceEvent, UntimedEvent } from "../uring/trace/index.ts";

/** Words before the bytes: how many bytes were ever written and read (modulo 2^32), and whether the reader was told. */
const WRITTEN = 0;
const READ = 1;
const TOLD = 2;
const HEADER_BYTES = 16;
/** A power of two. */
const CAPACITY = 1 << 20;
/** The reader is told when so much has come together. */
const TELL_AT = CAPACITY / 4;

/** What the thread needs to write; crosses to it. */
export interface TraceWire {
  readonly buffer: SharedArrayBuffer;
  /** The moment that `t` counts from, as process.hrtime.bigint() has it: one clock for all threads. */
  readonly epoch: bigint;
}

/** Nanoseconds since `epoch`. */
export const nsSince = (epoch: bigint): number => Number(process.hrtime.bigint() - epoch);

/** The thread's end. */
export class TraceWriter {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #tell: () => void;
  readonly #encoder = new TextEncoder();

  /** `tell` makes the reader read. */
  constructor({ buffer }: TraceWire, tell: () => void) {
    this.#words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#bytes = new Uint8Array(buffer, HEADER_BYTES);
    this.#tell = tell;
  }

  write(event: TraceEvent): void {
    const line = this.#encoder.encode(`${JSON.stringify(event)}\n`);
    const words = this.#words;
    for (let at = 0; at < line.length;) {
      const read = Atomics.load(words, READ);
      const written = words[WRITTEN];
      const used = (written - read) >>> 0;
      if (used === CAPACITY) {
        this.tell();
        Atomics.wait(words, READ, read);
        continue;
      }
      const place = written & (CAPACITY - 1);
      const count = Math.min(line.length - at, CAPACITY - used, CAPACITY - place);
      this.#bytes.set(line.subarray(at, at + count), place);
      at += count;
      Atomics.store(words, WRITTEN, (written + count) | 0);
    }
    if ((words[WRITTEN] - Atomics.load(words, READ)) >>> 0 >= TELL_AT) this.tell();
  }

  /** Makes the reader read, unless it was told already. */
  tell(): void {
    if (Atomics.exchange(this.#words, TOLD, 1) === 0) this.#tell();
  }
}

/** The reader's end. `emit` takes each event; what it throws is kept for `raise`. */
export class TracePipe {
  readonly wire: TraceWire;
  /** Is called when `emit` has thrown: nobody can be told from here. */
  onFailure: (() => void) | undefined;
  readonly #emit: (event: TraceEvent) => void;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #draining = false;
  #failure: { readonly cause: unknown } | undefined;

  constructor(epoch: bigint, emit: (event: TraceEvent) => void) {
    const buffer = new SharedArrayBuffer(HEADER_BYTES + CAPACITY);
    this.wire = { buffer, epoch };
    this.#emit = emit;
    this.#words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    this.#bytes = new Uint8Array(buffer, HEADER_BYTES);
  }

  /** An event of this side. */
  tell(event: UntimedEvent): void {
    this.drain();
    this.#deliver({ t: nsSince(this.wire.epoch), ...event });
  }

  /** Hands on all that was written so far. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    const words = this.#words;
    Atomics.store(words, TOLD, 0);
    for (;;) {
      const read = words[READ];
      const place = read & (CAPACITY - 1);
      const count = Math.min((Atomics.load(words, WRITTEN) - read) >>> 0, CAPACITY - place);
      if (count === 0) break;
      // copied: a decoder takes no shared memory
      this.#rest += this.#decoder.decode(this.#bytes.slice(place, place + count), { stream: true });
      Atomics.store(words, READ, (read + count) | 0);
      Atomics.notify(words, READ);
      const lines = this.#rest.split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.#deliver(JSON.parse(line) as TraceEvent);
    }
    this.#draining = false;
  }

  /** Throws what taking an event has thrown since the last time. */
  raise(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.cause;
  }

  #deliver(event: TraceEvent): void {
    try {
      this.#emit(event);
    } catch (cause) {
      if (this.#failure !== undefined) return;
      this.#failure = { cause };
      this.onFailure?.();
    }
  }
}
