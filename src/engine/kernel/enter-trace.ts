// What user space can tell of a loop that runs in the kernel: the call, what it left in the completion queue, and the globals
// it changed.

import type { RingPlacement } from "../../sys/index.ts";
import { IORING_CQE_F, IORING_ENTER, type RingParams } from "../../uring/abi/index.ts";
import { CompletionQueue } from "../../uring/ring/index.ts";
import { decimal64 } from "../../uring/trace/index.ts";
import type { GlobalWatch } from "../global-watch.ts";
import type { EngineTracing } from "../tracing.ts";

/** The trace of one ring. */
export class EnterTrace {
  /** The globals of the object that is attached. */
  watch: GlobalWatch | undefined;
  readonly #tracing: EngineTracing;
  readonly #ring: number;
  readonly #cq: CompletionQueue;

  constructor(tracing: EngineTracing, ring: number, buffer: ArrayBufferLike, place: RingPlacement, params: RingParams) {
    this.#tracing = tracing;
    this.#ring = ring;
    this.#cq = new CompletionQueue(buffer, place, params);
    const { sq_entries: sq, cq_entries: cq, flags } = params;
    tracing.emit({ ev: "setup", sq, cq, flags: flags >>> 0 }, ring);
  }

  /** io_uring_register was called. */
  register(op: number, res: number): void {
    this.#tracing.emit({ ev: "register", op, res }, this.#ring);
  }

  enter(): void {
    // what the host set before is not the loop's doing
    this.watch?.look();
    this.#tracing.emit({ ev: "enter", submit: 0, min: 0, flags: IORING_ENTER.IORING_ENTER_GETEVENTS }, this.#ring);
  }

  /** The call has returned `res`, after posting `completed` CQEs. */
  leave(res: number, completed: number): void {
    const [tracing, ring, cq] = [this.#tracing, this.#ring, this.#cq];
    const { tail } = cq;
    // those that were there before are not this call's, those the loop consumed may be overwritten
    const left = Math.min(completed, cq.ready);
    if (left < completed) tracing.emit({ ev: "unseen", completed: completed - left }, ring);
    for (let index = (tail - left) >>> 0; index !== tail; index = (index + cq.slots(index)) >>> 0) {
      const flags = cq.cqeFlags(index);
      if (cq.mixed && (flags & IORING_CQE_F.IORING_CQE_F_SKIP) !== 0) continue;
      const data = cq.userData(index);
      const user_data = decimal64(Number(data & 0xffff_ffffn), Number(data >> 32n));
      tracing.emit({ ev: "complete", req: 0, user_data, res: cq.res(index), flags }, ring);
    }
    this.watch?.tell((name, before, after) => tracing.emit({ ev: "global", name, before, after }, ring));
    tracing.emit({ ev: "leave", res }, ring);
  }
}
