// What the thread of a ring writes down when the run is traced. It stands between the run loop and the ring, and between the
// loop and its program: the loop itself is the same, but goes step by step. Loaded only when a trace is asked for.

import { ETIME, EINTR } from "../../base/index.ts";
import { VmFault, type Executable, type FaultFacts } from "../../bpf/vm/index.ts";
import { SYSCALLS, type KernelRing, type Sys } from "../../sys/index.ts";
import { decimal64, sqeFields, type TraceEvent, type UntimedEvent, type WakeReason } from "../../uring/trace/index.ts";
import { IORING_CQE_F, IORING_ENTER, IORING_OP, IORING_SETUP, IOSQE } from "../../uring/abi/index.ts";
import { CompletionQueue } from "../../uring/ring/index.ts";
import { GlobalWatch } from "../global-watch.ts";
import { nsSince, TraceWriter, type TraceWire } from "../trace-pipe.ts";
import { vmFaultEvent } from "../vm-fault-event.ts";
import type { WatchedSection } from "../watched-globals.ts";
import { stepsOf, type DrivenRing, type StepArgs } from "./drive.ts";
import type { RingView } from "./loop-ring.ts";

const { IORING_OP_NOP128, IORING_OP_URING_CMD128 } = IORING_OP;
const { IORING_CQE_F_MORE, IORING_CQE_F_SKIP } = IORING_CQE_F;

type Submit = (ctx: number, nr: number) => number;

/** See the head of the file. One for each thread; `made` begins a ring. */
export class RingTracer {
  readonly #writer: TraceWriter;
  readonly #epoch: bigint;
  readonly #buffer: ArrayBufferLike;
  readonly #words: Int32Array;
  #ring = -1;
  #view: RingView | undefined;
  #sqIndices: { readonly head: number; readonly tail: number } | undefined;
  #cq!: CompletionQueue;
  /** CQEs before this index were told. */
  #seen = 0;
  #requests = 0;
  /** Numbers of the requests in flight by user_data, oldest first. */
  #inFlight = new Map<bigint, number[]>();
  #watch: GlobalWatch | undefined;
  #wanted: Uint32Array | undefined;
  #waiting = false;

  constructor(wire: TraceWire, buffer: ArrayBufferLike, tell: () => void) {
    this.#writer = new TraceWriter(wire, tell);
    this.#epoch = wire.epoch;
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** `sys`, with every io_uring_register written down. */
  sys(sys: Sys): Sys {
    const { io_uring_register } = SYSCALLS[sys.arch];
    return {
      name: sys.name,
      arch: sys.arch,
      pageSize: sys.pageSize,
      addressOf: (bytes) => sys.addressOf(bytes),
      viewAt: (address, length) => sys.viewAt(address, length),
      syscall: (nr, ...args) => {
        const res = sys.syscall(nr, ...args);
        if (nr === io_uring_register) {
          const [ring = -1, op = 0] = args;
          this.#write({ t: this.#now(), ring, ev: "register", op, res });
        }
        return res;
      },
    };
  }

  /** A ring was made. */
  made(ring: KernelRing): void {
    const { sq_entries, cq_entries, sq_off, flags } = ring.params;
    this.#ring = ring.fd;
    this.#cq = new CompletionQueue(this.#buffer, ring.place, ring.params);
    this.#seen = this.#cq.tail;
    this.#requests = 0;
    this.#inFlight = new Map();
    const rewinds = (flags & IORING_SETUP.IORING_SETUP_SQ_REWIND) !== 0;
    const { rings } = ring.place;
    this.#sqIndices = rewinds ? undefined : { head: (rings + sq_off.head) >>> 2, tail: (rings + sq_off.tail) >>> 2 };
    this.#emit({ ev: "setup", sq: sq_entries, cq: cq_entries, flags: flags >>> 0 });
  }

  /** `inner` as the run loop is to see it: waits and completions are written down. */
  driven(inner: DrivenRing, view: RingView): DrivenRing {
    this.#view = view;
    return {
      cqTail: () => inner.cqTail(),
      sqFlags: () => inner.sqFlags(),
      wakesEarly: () => inner.wakesEarly(),
      getEvents: (minComplete) => {
        if (minComplete > 0) this.#fallAsleep();
        const result = inner.getEvents(minComplete);
        // the end of a slice of the wait is not the end of the wait
        if (result !== -ETIME) this.#awake(result === -EINTR ? "signal" : "work");
        return result;
      },
    };
  }

  /** `submit`, with what it takes from the SQ and what that completes at once written down. */
  submit(submit: Submit): Submit {
    return (ctx, nr) => {
      const from = this.#sqIndex("head");
      const t = this.#now();
      const taken = submit(ctx, nr);
      for (let i = 0; i < taken;) i += this.#tellRequest(t, from + i);
      this.#tellCompletions();
      return taken;
    };
  }

  /** `inner`, with each step, what it changed and what it did wrong written down. */
  program(inner: Executable, { cq_wait_idx, steps }: StepArgs, watched: readonly WatchedSection[]): Executable {
    const watch = new GlobalWatch(this.#buffer, watched);
    this.#watch = watch;
    this.#wanted = cq_wait_idx;
    return {
      get r0() {
        return inner.r0;
      },
      run: (ctx) => {
        this.#awake("work");
        const [wait_idx_before] = cq_wait_idx;
        const { head: cq_head, tail: cq_tail } = this.#cq;
        const [sq_head, sq_tail] = [this.#sqIndex("head") >>> 0, this.#sqIndex("tail") >>> 0];
        const started = this.#now();
        let res: number;
        try {
          res = inner.run(ctx);
        } catch (error) {
          if (error instanceof VmFault) this.#tellFault(error.facts);
          throw error;
        }
        const t = this.#now();
        const found = { wait_idx_before, cq_head, cq_tail, sq_head, sq_tail };
        const step = { n: stepsOf(steps), res, wait_idx: cq_wait_idx[0], ...found, ns: t - started };
        this.#write({ t, ring: this.#ring, ev: "step", ...step });
        this.#tellGlobals();
        return res;
      },
    };
  }

  /** A run begins: io_uring_enter as the program's host would have called it. */
  enter(): void {
    // what the host set before is no step's doing
    this.#watch?.look();
    this.#emit({ ev: "enter", submit: 0, min: 0, flags: IORING_ENTER.IORING_ENTER_GETEVENTS });
  }

  /** A run is over. */
  leave(res: number): void {
    this.#awake("signal");
    this.#emit({ ev: "leave", res });
  }

  #fallAsleep(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#emit({ ev: "wait", nr: this.#wanted === undefined ? 0 : (this.#wanted[0] - this.#cq.tail) | 0 });
    // it may be a long time until the next event
    this.#writer.tell();
  }

  #awake(why: WakeReason): void {
    if (this.#waiting) this.#emit({ ev: "wake", why });
    this.#waiting = false;
    this.#tellCompletions();
  }

  /** Writes the request at SQ index `index` down; how many indices it takes. */
  #tellRequest(t: number, index: number): 1 | 2 {
    const { sqes, sqeSize, sqMask, array } = this.#view!;
    const entry = index & sqMask;
    const slot = array === 0 ? entry : this.#words[(array >>> 2) + entry] & sqMask;
    const at = sqes + slot * sqeSize;
    const req = ++this.#requests;
    const fields = sqeFields(this.#words, at);
    if ((fields.flags & IOSQE.IOSQE_CQE_SKIP_SUCCESS) === 0) {
      const key = BigInt(fields.user_data);
      const others = this.#inFlight.get(key);
      if (others === undefined) this.#inFlight.set(key, [req]);
      else others.push(req);
    }
    this.#write({ t, ring: this.#ring, ev: "submit", req, ...fields });
    const opcode = this.#words[at >>> 2] & 0xff;
    // only a ring that mixes both sizes takes one of these in smaller slots
    return sqeSize === 64 && (opcode === IORING_OP_NOP128 || opcode === IORING_OP_URING_CMD128) ? 2 : 1;
  }

  #tellCompletions(): void {
    const cq = this.#cq;
    const { tail } = cq;
    if (this.#seen === tail) return;
    const t = this.#now();
    while (this.#seen !== tail) {
      const index = this.#seen;
      const flags = cq.cqeFlags(index);
      this.#seen = (index + cq.slots(index)) >>> 0;
      if (cq.mixed && (flags & IORING_CQE_F_SKIP) !== 0) continue;
      const user_data = cq.userData(index);
      const req = this.#requestOf(user_data, (flags & IORING_CQE_F_MORE) !== 0);
      const text = decimal64(Number(user_data & 0xffff_ffffn), Number(user_data >> 32n));
      this.#write({ t, ring: this.#ring, ev: "complete", req, user_data: text, res: cq.res(index), flags });
    }
  }

  #requestOf(user_data: bigint, more: boolean): number {
    const numbers = this.#inFlight.get(user_data);
    if (numbers === undefined) return 0;
    const [req] = numbers;
    if (!more) {
      numbers.shift();
      if (numbers.length === 0) this.#inFlight.delete(user_data);
    }
    return req;
  }

  #tellFault(facts: FaultFacts): void {
    this.#tellGlobals();
    this.#emit(vmFaultEvent(facts));
  }

  #tellGlobals(): void {
    this.#watch!.tell((name, before, after) => this.#emit({ ev: "global", name, before, after }));
  }

  /** 0 where the ring goes back to its first slot at every submission. */
  #sqIndex(which: "head" | "tail"): number {
    return this.#sqIndices === undefined ? 0 : this.#words[this.#sqIndices[which]];
  }

  #now(): number {
    return nsSince(this.#epoch);
  }

  #emit(event: UntimedEvent): void {
    this.#write({ t: this.#now(), ring: this.#ring, ...event });
  }

  #write(event: TraceEvent): void {
    this.#writer.write(event);
  }
}
