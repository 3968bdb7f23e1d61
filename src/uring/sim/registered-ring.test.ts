// A ring without a descriptor (IORING_SETUP_REGISTERED_FD_ONLY): all calls name it by its index among the registered rings.

import { describe, expect, it } from "vitest";
import { EBADF, EBUSY, EINVAL } from "../../base/index.ts";
import { encodeParams, IORING_ENTER, IORING_REGISTER, IORING_REGISTER_FLAGS, io_uring_params } from "../abi/index.ts";
import { setupFlags } from "./harness.ts";
import { SimKernel } from "./kernel.ts";
import { SIM_BASE } from "./memory.ts";

const { IORING_ENTER_GETEVENTS, IORING_ENTER_REGISTERED_RING } = IORING_ENTER;
const RINGFD_MAX = 16;
const PARAMS = 0;
const ARGUMENT = 0x200;
const RINGS = 0x1000;
const SQES = 0x2000;
const { fields } = io_uring_params;

/** io_uring_setup of a ring of 4 entries in the process's own memory. */
function setup(kernel: SimKernel): number {
  const { bytes, view } = kernel.memory;
  const flags = setupFlags(["NO_MMAP", "REGISTERED_FD_ONLY", "SINGLE_ISSUER", "DEFER_TASKRUN"]);
  encodeParams({ entries: 4, flags }, bytes.subarray(PARAMS));
  view.setBigUint64(PARAMS + fields["cq_off.user_addr"][0], BigInt(SIM_BASE + RINGS), true);
  view.setBigUint64(PARAMS + fields["sq_off.user_addr"][0], BigInt(SIM_BASE + SQES), true);
  return kernel.setup(4, SIM_BASE + PARAMS);
}

/** IORING_UNREGISTER_RING_FDS of one index, by way of `ring`. */
function unregister(kernel: SimKernel, ring: number, index: number): number {
  kernel.memory.bytes.fill(0, ARGUMENT, ARGUMENT + 16);
  kernel.memory.view.setUint32(ARGUMENT, index, true);
  const opcode = IORING_REGISTER.IORING_UNREGISTER_RING_FDS | IORING_REGISTER_FLAGS.IORING_REGISTER_USE_REGISTERED_RING;
  return kernel.register(ring, opcode >>> 0, SIM_BASE + ARGUMENT, 1);
}

describe("a ring that is a registered index and no descriptor", () => {
  it("is entered by its index, runs a loop, and is gone once unregistered", () => {
    const events: string[] = [];
    const kernel = new SimKernel({
      memory: new ArrayBuffer(1 << 16),
      trace: (event) => events.push(`${event.ev} ${event.ring}`),
    });
    const index = setup(kernel);
    expect(index).toBe(0);
    // descriptor 0 is another file
    expect(kernel.ring(index)).not.toBe(kernel.ring(index, true));
    const flags = IORING_ENTER_GETEVENTS | IORING_ENTER_REGISTERED_RING;
    expect(kernel.enter(index, 0, 0, flags)).toBe(0);
    expect(kernel.enter(RINGFD_MAX, 0, 0, flags)).toBe(-EINVAL);
    const ring = kernel.ring(index, true);
    if (typeof ring === "number") return expect.unreachable("a ring");
    expect(kernel.attach(ring, () => 1)).toBe(0);
    expect(kernel.attach(ring, () => 1)).toBe(-EBUSY);
    const run = kernel.startLoop(index, IORING_ENTER_REGISTERED_RING);
    if (typeof run === "number") return expect.unreachable("a run");
    expect(run.advance(1)).toBe(0);
    expect(unregister(kernel, index, index)).toBe(1);
    expect(kernel.enter(index, 0, 0, flags)).toBe(-EBADF);
    expect(ring.closed).toBe(true);
    expect(new Set(events.map((event) => event.split(" ")[1]))).toEqual(new Set(["0"]));
  });

  it("finds no place beside as many as there are", () => {
    const kernel = new SimKernel({ memory: new ArrayBuffer(1 << 16) });
    const made = Array.from({ length: RINGFD_MAX + 1 }, () => setup(kernel));
    expect(made).toEqual([...Array.from({ length: RINGFD_MAX }, (_, i) => i), -EBUSY]);
    expect(unregister(kernel, 3, 7)).toBe(1);
    expect(setup(kernel)).toBe(7);
  });
});
