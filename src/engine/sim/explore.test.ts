// Loops with planted mistakes, as TypeScript: each must be found within 1000 seeds, and the plan that shows it must be small.

import { describe, expect, it } from "vitest";
import { IORING_OP, IOSQE } from "../../uring/abi/index.ts";
import { LOOP_FLAGS, TestProcess, setupFlags, type TestCqe, type TestSqe } from "../../uring/sim/harness.ts";
import { MemoryWorld, SimError, type FaultPlan, type LoopStep } from "../../uring/sim/index.ts";
import { compileCheck } from "./check-expression.ts";
import { explore, type Problem, type Scenario } from "./explore.ts";

const SIZE = 10_000;
const CHUNK = 4096;
const SOURCE = Uint8Array.from({ length: SIZE }, (_, i) => (i * 11) & 0xff);
const { IORING_OP_NOP, IORING_OP_READ, IORING_OP_WRITE } = IORING_OP;

/** What a loop sees and does, without the bookkeeping of rings. */
interface Host {
  readonly input: number;
  readonly output: number;
  readonly buffer: number;
  submit(sqes: readonly TestSqe[]): void;
  reap(): TestCqe[];
}

/** One step: how many more completions to wait for, or "stop". */
type Loop = (host: Host) => () => number | "stop";

function scenario(loop: Loop, check: (world: MemoryWorld) => string | undefined): Scenario {
  return ({ seed, faults, trace }): Promise<Problem | undefined> => {
    const world = new MemoryWorld();
    world.writeFile("/from", SOURCE);
    const process = new TestProcess(
      { entries: 8, cq_entries: 8, flags: setupFlags([...LOOP_FLAGS, "CQSIZE"]) },
      { world, seed, faults, ...(trace === undefined ? {} : { trace }) },
    );
    const { kernel, fd } = process;
    const host: Host = {
      input: kernel.open("/from", 0),
      output: kernel.open("/to", 0o102),
      buffer: process.put(new Uint8Array(CHUNK)),
      submit(sqes) {
        for (const sqe of sqes) process.push(sqe);
        kernel.submitSqes(process.ring, sqes.length);
      },
      reap: () => process.reap(),
    };
    const step = loop(host);
    const loopStep: LoopStep = (_ring, params) => {
      const wait = step();
      if (wait === "stop") return 1;
      params.cq_wait_idx = (process.word(process.params.cq_off.head) + wait) >>> 0;
      return 0;
    };
    kernel.attach(fd, loopStep);
    try {
      const result = kernel.enter(fd, 0, 0, 1, 0, 0, { maxSteps: 2000 });
      if (result !== 0) return Promise.resolve({ kind: "result", message: `result ${result}` });
    } catch (error) {
      if (!(error instanceof SimError)) throw error;
      return Promise.resolve({ kind: error.code === "SIM_HANG" ? "hang" : "steps", message: error.message });
    }
    const wrong = check(world);
    return Promise.resolve(wrong === undefined ? undefined : { kind: "check", message: wrong });
  };
}

const copied = (world: MemoryWorld): string | undefined => {
  const to = world.readFile("/to");
  return to !== undefined && to.length === SIZE && to.every((byte, i) => byte === SOURCE[i])
    ? undefined
    : "the copy differs";
};

/** Copies through one buffer. `careful`: goes on after a short write, and tries again after -EINTR. */
const cp =
  (careful: boolean, waitFor: (retried: boolean) => number = () => 1): Loop =>
  ({ input, output, buffer, submit, reap }) => {
    let off = 0;
    let have = 0;
    let written = 0;
    let retried = false;
    const read = (): void =>
      submit([{ opcode: IORING_OP_READ, fd: input, addr: buffer, len: CHUNK, off, user_data: 1 }]);
    const write = (): void =>
      submit([
        {
          opcode: IORING_OP_WRITE,
          fd: output,
          addr: buffer + written,
          len: have - written,
          off: off + written,
          user_data: 2,
        },
      ]);
    let started = false;
    return () => {
      if (!started) {
        started = true;
        read();
        return 1;
      }
      for (const { user_data, res } of reap()) {
        if (res === -4) {
          retried = true;
          if (user_data === 1) read();
          else write();
        } else if (user_data === 1) {
          if (res === 0) return "stop";
          have = res;
          written = 0;
          write();
        } else {
          written += res;
          if (careful && written < have) write();
          else {
            off += have;
            read();
          }
        }
      }
      return waitFor(retried);
    };
  };

/** Read and write as a chain; the mistake: it takes the second completion for a write that was done. */
const linkedCp =
  (careful: boolean): Loop =>
  ({ input, output, buffer, submit, reap }) => {
    let off = 0;
    let done = 0;
    let again = false;
    const chain = (): void => {
      const len = Math.min(CHUNK, SIZE - off);
      submit([
        { opcode: IORING_OP_READ, fd: input, addr: buffer, len, off, flags: IOSQE.IOSQE_IO_LINK, user_data: 1 },
        { opcode: IORING_OP_WRITE, fd: output, addr: buffer, len, off, user_data: 2 },
      ]);
    };
    let started = false;
    return () => {
      if (!started) {
        started = true;
        chain();
        return 2;
      }
      for (const { user_data, res } of reap()) {
        done++;
        if (res < 0 && (careful || user_data === 1)) again = careful;
      }
      if (done < 2) return 2 - done;
      done = 0;
      if (!again) off += CHUNK;
      again = false;
      if (off >= SIZE) return "stop";
      chain();
      return 2;
    };
  };

/** Keeps eight NOPs going; the mistake: after an error it waits for one more than are in flight. */
const nops =
  (mistake: boolean): Loop =>
  ({ submit, reap }) => {
    let left = 200;
    let inFlight = 0;
    let extra = 0;
    return () => {
      for (const { res } of reap()) {
        inFlight--;
        if (res < 0 && mistake) extra = 1;
      }
      const now = Math.min(left, 8 - inFlight);
      submit(Array.from({ length: now }, () => ({ opcode: IORING_OP_NOP, user_data: 9 })));
      left -= now;
      inFlight += now;
      return inFlight === 0 ? "stop" : inFlight + extra;
    };
  };

let seen = 0;
const allSeen = (): string | undefined => (seen === 64 ? undefined : `${seen} of 64 completions were seen`);

/** Submits without looking at what is there already, so that completions pile up behind a full CQ. */
const overrun =
  (careful: boolean): Loop =>
  ({ submit, reap }) => {
    let submitted = 0;
    seen = 0;
    return () => {
      if (submitted < 64) {
        submit(Array.from({ length: 8 }, () => ({ opcode: IORING_OP_NOP, user_data: 1 })));
        submitted += 8;
        return 0;
      }
      seen += reap().length;
      // the mistake: it believes that what is in the CQ is all there is
      return seen === 64 || (!careful && seen > 0) ? "stop" : 1;
    };
  };

const rule = (plan: FaultPlan["rules"]): FaultPlan => ({ rules: plan });
const SHORT = rule([
  { kind: "short", op: "WRITE", bytes: [1, 4096], chance: 0.05 },
  { kind: "latency", ns: [0, 100_000], chance: 0.5 },
]);
const ERRORS = rule([
  { kind: "error", op: ["READ", "WRITE"], errno: 4, chance: 0.05 },
  { kind: "latency", ns: [0, 50_000], chance: 0.3 },
]);
const NOP_ERRORS = rule([
  { kind: "error", op: "NOP", errno: 5, chance: 0.005 },
  { kind: "latency", ns: [0, 9_000], chance: 0.3 },
]);

describe("exploring schedules", () => {
  it.each([
    ["a cp that ignores short writes", cp(false), SHORT, copied, "check", 1],
    [
      "a cp that waits for two completions after a retry",
      cp(true, (retried) => (retried ? 2 : 1)),
      ERRORS,
      copied,
      "hang",
      1,
    ],
    ["one that waits for more completions than are in flight", nops(true), NOP_ERRORS, () => undefined, "hang", 1],
    ["one that forgets that a linked request is cancelled", linkedCp(false), ERRORS, copied, "check", 1],
    ["one that overruns the CQ", overrun(false), rule([]), allSeen, "check", 0],
  ] as const)("finds %s", async (_name, loop, plan, check, kind, rules) => {
    const report = await explore(scenario(loop, check), { seeds: 1000, plan });
    const [finding] = report.findings;
    expect(finding?.problem.kind).toBe(kind);
    expect(finding.plan.rules).toHaveLength(rules);
    expect(finding.trace.length).toBeLessThan(400);
  });

  it.each([
    ["a careful cp", cp(true), rule([...SHORT.rules, ...ERRORS.rules]), copied],
    [
      "a careful chain",
      linkedCp(true),
      rule([
        { kind: "latency", ns: [0, 50_000] },
        { kind: "error", op: "READ", errno: 4, chance: 0.05 },
      ]),
      copied,
    ],
    ["NOPs", nops(false), NOP_ERRORS, (): string | undefined => undefined],
    ["a full CQ that is emptied", overrun(true), rule([]), allSeen],
  ] as const)("finds nothing in %s", async (_name, loop, plan, check) => {
    const report = await explore(scenario(loop, check), { seeds: 100, plan });
    expect(report.findings).toEqual([]);
    expect(report.runs).toBe(100);
  });

  it("gives the same trace for the same seed and plan, byte for byte", async () => {
    const traces: string[] = [];
    for (let run = 0; run < 2; run++) {
      const lines: string[] = [];
      await scenario(
        cp(true),
        copied,
      )({ seed: 77, faults: ERRORS, trace: (event) => lines.push(JSON.stringify(event)) });
      traces.push(lines.join("\n"));
    }
    expect(traces[0]).toBe(traces[1]);
    expect(traces[0].length).toBeGreaterThan(1000);
  });

  it("shows a finding again with the plan it made", async () => {
    const subject = scenario(cp(false), copied);
    const { findings } = await explore(subject, { seeds: 1000, plan: SHORT });
    const { seed, plan, problem } = findings[0];
    expect(await subject({ seed, faults: plan })).toEqual(problem);
    expect(await subject({ seed, faults: { rules: [] } })).toBeUndefined();
  });
});

describe("check expressions", () => {
  const scope = {
    global: (name: string): bigint | undefined => ({ a: 3n, b: 0n })[name],
    file: (path: string): Uint8Array | undefined => (path === "/x" ? Uint8Array.of(104, 105) : undefined),
  };

  it.each([
    ["a == 3", true],
    ["a + 2 * 3 == 9 && !b", true],
    ['a < b || size("/x") == 2', true],
    ['file("/x") == "hi"', true],
    ['exists("/y")', false],
    ["-a % 2 == -1", true],
    ["(a + 1) / 2 == 0x2", true],
    ["a", true],
    ["b", false],
  ])("%s", (text, expected) => {
    expect(compileCheck(text)(scope)).toBe(expected);
  });

  it.each([
    ["a == 3 && b", "a is 3, b is 0"],
    ['file("/x") == file("/y")', 'file("/x") has 2 bytes, file("/y") has 0 bytes, they differ from byte 0 on'],
    ['size("/x") + a - a', 'size("/x") is 2, a is 3'],
    ["1 == 2", ""],
  ])("%s tells what it is about", (text, told) => {
    expect(compileCheck(text).tell(scope)).toBe(told);
  });

  it.each(["a ==", "a b", "(a", "a $ b", 'nothing("x")', ""])("refuses %j", (text) => {
    expect(() => compileCheck(text)).toThrow(/check "/);
  });

  it.each(["c == 1", 'file("/x") < 1', "a / b"])("fails when it runs: %s", (text) => {
    const check = compileCheck(text);
    expect(() => check(scope)).toThrow();
  });
});
