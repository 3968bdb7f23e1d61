// Where io_uring is forbidden or missing: what each engine, and auto, say. The refusal is made with seccomp.

import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { FakeSys, createRing, probeIoUring } from "../src/sys/index.ts";
import { statusOf } from "../src/cli/status-of.ts";
import { parseSetupFlags } from "../src/uring/abi/index.ts";
import { ringsLayout } from "../src/uring/ring/index.ts";
import { LoopstepError } from "../src/base/index.ts";
import { jsonOf, loopstep, ROOT } from "./command-line.ts";

const EPERM = 1;
const ENOSYS = 38;
const EINVAL = 22;

const hasSeccomp = /^Seccomp:/m.test(readFileSync("/proc/self/status", "utf8"));

const denied = (errno: number): string[] => [process.execPath, path.join(ROOT, "test/deny-io-uring.mjs"), `${errno}`];

const title = `io_uring refused${hasSeccomp ? "" : " (skipped: this kernel has no seccomp)"}`;
describe.skipIf(!hasSeccomp)(title, () => {
  for (const [name, errno, says] of [
    ["EPERM", EPERM, /io_uring_disabled|seccomp/],
    ["ENOSYS", ENOSYS, /no io_uring/],
  ] as const) {
    it(`engine user says ${name}, and what helps`, async () => {
      const ended = await loopstep(["run", "nops", "--engine", "user", "--json"], { wrapper: denied(errno) });
      expect(ended.stderr).toMatch(/^loopstep: engine user: .*\n$/);
      expect(ended.stderr).toContain(name);
      expect(ended.stderr).toMatch(says);
      expect([ended.status, ended.stdout]).toEqual([4, ""]);
    });

    it(`auto takes another engine on ${name}, and says why`, async () => {
      const words = ["run", "nops", "--set", "reqs_to_run=10", "--json"];
      const ended = await loopstep(words, { wrapper: denied(errno) });
      expect([ended.status, ended.stderr]).toEqual([0, ""]);
      const report = jsonOf(ended);
      expect(report["engine"]).toBe("sim");
      expect(report["why"]).toMatch(/not user: /);
      expect(report.globals["reqs_done"]).toBe(10);
    });
  }

  it("`npm start` copies its real file all the same, simulated, and says so", async () => {
    const { status, stderr, stdout } = await loopstep(["demo"], { wrapper: denied(EPERM) });
    expect([stderr, status]).toEqual(["", 0]);
    expect(stdout.match(/^ {6}engine sim: .*; not user: io_uring_setup failed with EPERM/gm)).toHaveLength(2);
    expect(stdout).toMatch(/^ {6}SHA-256 [0-9a-f]{16}\.\.\. identical$/m);
  });
});

function caught(attempt: () => unknown): LoopstepError {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(LoopstepError);
    return error as LoopstepError;
  }
  return expect.unreachable("an error was expected");
}

describe("a kernel that lacks something", () => {
  const refuse = (errno: number): FakeSys => new FakeSys({ io_uring_setup: () => -errno });

  for (const [name, errno] of [
    ["EPERM", EPERM],
    ["ENOSYS", ENOSYS],
  ] as const) {
    it(`${name} is told with a remedy`, () => {
      expect(probeIoUring(refuse(errno))).toMatchObject({ available: false, errno, errnoName: name });
    });
  }

  it("is named with its version, the flag and the flag's version", () => {
    const request = { entries: 8, cq_entries: 8, flags: parseSetupFlags(["CQSIZE", "SINGLE_ISSUER", "DEFER_TASKRUN"]) };
    const { ringsReserve, sqesSize } = ringsLayout(request);
    const place = { rings: 65_536, ringsSize: ringsReserve, sqes: 131_072, sqesSize };
    const buffer = new ArrayBuffer(262_144);
    const error = caught(() => createRing(refuse(EINVAL), buffer, place, request, { kernel: [5, 19, 0] }));
    expect(error.message).toMatch(/SINGLE_ISSUER needs Linux 6.0, this is 5.19/);
    expect(statusOf(error)).toBe(4);
  });
});
