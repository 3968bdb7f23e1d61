import { describe, expect, it } from "vitest";
import { IORING_OP } from "../abi/index.ts";
import { LOOP_FLAGS, TestProcess, setupFlags } from "./harness.ts";
import type { LoopParams, LoopStep, Ring } from "./state.ts";

function loopProcess(entries = 8, cq_entries = 8): TestProcess {
  return new TestProcess({ entries, cq_entries, flags: setupFlags([...LOOP_FLAGS, "CQSIZE"]) });
}

describe("a loop in TypeScript", () => {
  it("does 1000 NOPs at depth 8", () => {
    const process = loopProcess();
    const { kernel, params } = process;
    let toRun = 1000;
    let inFlight = 0;
    let reaped = 0;
    const step: LoopStep = (ring: Ring, lp: LoopParams) => {
      reaped += process.reap().length;
      inFlight = 1000 - toRun - reaped;
      const now = Math.min(toRun, 8 - inFlight);
      for (let i = 0; i < now; i++) process.push({ opcode: IORING_OP.IORING_OP_NOP, user_data: 7 });
      toRun -= now;
      inFlight += now;
      if (now > 0 && kernel.submitSqes(ring, now) !== now) return 99;
      if (toRun === 0 && reaped === 1000) return 1;
      lp.cq_wait_idx = process.word(params.cq_off.head) + inFlight;
      return 0;
    };
    expect(kernel.attach(process.fd, step)).toBe(0);
    expect(kernel.enter(process.fd, 0, 0, 1)).toBe(0);
    expect(reaped).toBe(1000);
    expect(process.ring.inFlight).toBe(0);
  });

  it.each([2, 3, -1, -4, 256, 0x7fffffff])("ends with -EINVAL when the step returns %d", (res) => {
    const process = loopProcess();
    let calls = 0;
    process.kernel.attach(process.fd, () => {
      calls++;
      return res;
    });
    expect(process.kernel.enter(process.fd, 5, 5, 1)).toBe(-22);
    expect(calls).toBe(1);
  });
});
