// The NOP loop in plain JavaScript, without BPF: a ring in WebAssembly memory, its words read and written through typed
// arrays, one system call a round. What a careful Node programmer could write with this project's system calls.

import { createRing, openSys, type KernelRing } from "../../src/sys/index.ts";
import { IORING_OP, parseSetupFlags } from "../../src/uring/abi/index.ts";
import { ringsLayout } from "../../src/uring/ring/index.ts";

const PAGE = 65536;
const FLAGS = ["SINGLE_ISSUER", "DEFER_TASKRUN", "CQSIZE", "NO_SQARRAY"];
const SQE_WORDS = 16;
const CQE_WORDS = 4;
const CQE_RES = 2;
const SQE_USER_DATA = 8;
/** A completion that is late is waited for this long at a time. */
const WAIT_NS = 50_000_000;

/** A ring of `depth` entries and the loop over it. */
export class ByHand {
  readonly #ring: KernelRing;
  readonly #words: Int32Array;
  readonly #depth: number;

  constructor(depth: number) {
    const request = { entries: depth, cq_entries: depth, flags: parseSetupFlags(FLAGS) };
    const { ringsReserve, sqesSize } = ringsLayout(request);
    const pages = 1 + Math.ceil((ringsReserve + sqesSize) / PAGE);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const place = { rings: PAGE, ringsSize: ringsReserve, sqes: PAGE + ringsReserve, sqesSize };
    this.#ring = createRing(openSys(), memory.buffer, place, request);
    this.#words = new Int32Array(memory.buffer);
    this.#depth = depth;
  }

  /** Nanoseconds a request took, over `requests` of them. */
  run(requests: number): number {
    const ring = this.#ring;
    const words = this.#words;
    const depth = this.#depth;
    const { place, params } = ring;
    const { sq_off, cq_off } = params;
    const [sqTail, cqHead, cqTail] = [sq_off.tail, cq_off.head, cq_off.tail].map(
      (off) => (place.rings + off) >>> 2,
    ) as [number, number, number];
    const [sqes, cqes] = [place.sqes >>> 2, (place.rings + cq_off.cqes) >>> 2];
    const [sqMask, cqMask] = [params.sq_entries - 1, params.cq_entries - 1];
    const start = process.hrtime.bigint();
    let inflight = 0;
    for (let done = 0; done < requests;) {
      const count = Math.min(depth - inflight, requests - done - inflight);
      if (count > 0) {
        const tail = words[sqTail];
        for (let i = 0; i < count; i++) {
          const at = sqes + ((tail + i) & sqMask) * SQE_WORDS;
          words.fill(0, at, at + SQE_WORDS);
          words[at] = IORING_OP.IORING_OP_NOP;
          words[at + SQE_USER_DATA] = i;
        }
        Atomics.store(words, sqTail, tail + count);
        if (ring.enter(count, 0, 0) !== count) throw new Error("a submission failed");
        inflight += count;
      }
      const head = words[cqHead];
      const ready = (Atomics.load(words, cqTail) - head) | 0;
      for (let i = 0; i < ready; i++) {
        if (words[cqes + ((head + i) & cqMask) * CQE_WORDS + CQE_RES] < 0) throw new Error("a NOP failed");
      }
      Atomics.store(words, cqHead, head + ready);
      inflight -= ready;
      done += ready;
      if (ready === 0) ring.wait(1, WAIT_NS);
    }
    return Number(process.hrtime.bigint() - start) / requests;
  }

  close(): void {
    this.#ring.close();
  }
}
