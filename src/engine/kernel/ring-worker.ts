// The thread of one ring of the `kernel` engine: makes the ring and enters it; the loop itself runs in the kernel. Started
// by RingThread; speaks protocol.ts.

import { EINTR } from "../../base/index.ts";
import { createRing, openSys, type KernelRing } from "../../sys/index.ts";
import { IORING_ENTER } from "../../uring/abi/index.ts";
import { ABORT, CONTROL } from "../ring-thread.ts";
import { serve, type Handlers, type ServerContext } from "../ring-server.ts";
import { OWN, type CreateReply, type CreateRequest, type RunReply, type ThreadData } from "./protocol.ts";
import { becomeWakeable } from "./wake.ts";

class RingWorker {
  readonly #control: Int32Array;
  readonly #memory: WebAssembly.Memory;
  #ring: KernelRing | undefined;

  constructor({ control }: ServerContext, { memory }: ThreadData) {
    this.#control = control;
    this.#memory = memory;
  }

  create({ place, request, mem }: CreateRequest): CreateReply {
    const sys = openSys();
    const wakeable = becomeWakeable(sys);
    const ring = createRing(sys, this.#memory.buffer, place, request);
    this.#ring = ring;
    const { sq_entries, sq_off } = ring.params;
    if (sq_off.array !== 0) {
      // as liburing leaves it: entry i stands for slot i
      const array = new Uint32Array(this.#memory.buffer, place.rings + sq_off.array, sq_entries);
      for (let i = 0; i < sq_entries; i++) array[i] = i;
    }
    if (mem) ring.registerMemRegion(mem.address, mem.size);
    return { fd: ring.fd, params: ring.params, wakeable };
  }

  enable(): void {
    this.#ring!.enable();
  }

  run(): RunReply {
    const ring = this.#ring!;
    const control = this.#control;
    Atomics.store(control, OWN.inside, 1);
    const started = process.hrtime.bigint();
    // A wake-up that came before this look is seen here, one that comes later interrupts the call; between the two lie a
    // few instructions, so the caller repeats it.
    const aborted = Atomics.load(control, CONTROL.abort) !== ABORT.no;
    const result = aborted ? -EINTR : ring.enter(0, 0, IORING_ENTER.IORING_ENTER_GETEVENTS);
    const wallNs = Number(process.hrtime.bigint() - started);
    Atomics.store(control, OWN.inside, 0);
    Atomics.notify(control, OWN.inside);
    return { result, wallNs };
  }

  close(): void {
    this.#ring?.close();
    this.#ring = undefined;
  }
}

serve((context, data): Handlers => {
  const worker = new RingWorker(context, data as unknown as ThreadData);
  return {
    create: (request: CreateRequest) => worker.create(request),
    enable: () => worker.enable(),
    run: () => worker.run(),
    close: () => worker.close(),
  };
});
