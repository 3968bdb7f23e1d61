import { expect, test } from "vitest";

import { IORING_SETUP } from "./constants.ts";
import { parseKernelVersion, type KernelVersion } from "./kernel-version.ts";
import {
  checkSetup,
  parseSetupFlags,
  roundEntries,
  SETUP_FLAGS,
  SetupFlagError,
  setupFlagNames,
} from "./setup-flags.ts";

const NEWEST: KernelVersion = [7, 2, 0];

test("every setup flag has a row", () => {
  expect(SETUP_FLAGS.map((row) => row.bit)).toEqual(Object.values(IORING_SETUP));
});

test.each(SETUP_FLAGS)("$name parses, prints, and needs Linux $since", ({ name, bit, since }) => {
  expect(parseSetupFlags([name])).toBe(bit);
  expect(parseSetupFlags([`IORING_SETUP_${name}`.toLowerCase()])).toBe(bit);
  expect(setupFlagNames(bit)).toEqual([name]);
  const [major, minor] = parseKernelVersion(since)!;
  const before: KernelVersion = minor === 0 ? [major - 1, 99, 0] : [major, minor - 1, 0];
  const verdict = checkSetup({ entries: 8, cq_entries: 8, flags: bit }, before);
  expect(verdict).toMatchObject({ errno: -22, flag: name });
  expect(verdict.why).toContain(since);
});

test("an unknown flag names the nearest", () => {
  expect(() => parseSetupFlags(["DEFER_TASKRUM"])).toThrow(SetupFlagError);
  expect(() => parseSetupFlags(["DEFER_TASKRUM"])).toThrow(/DEFER_TASKRUN/);
  expect(() => parseSetupFlags([""])).toThrow(/Flags are IOPOLL/);
});

test("unknown bits are refused and printed as hex", () => {
  expect(setupFlagNames(0x8000_0001)).toEqual(["IOPOLL", "0x80000000"]);
  expect(checkSetup({ entries: 1, flags: 0x8000_0000 }, NEWEST)).toMatchObject({ errno: -22 });
});

const VERDICTS: readonly (readonly [flags: string, entries: number, cq_entries: number, errno: number])[] = [
  ["", 1, 0, 0],
  ["", 0, 0, -22],
  ["", 32768, 0, 0],
  ["", 32769, 0, -22],
  ["CLAMP", 40000, 0, 0],
  ["SINGLE_ISSUER DEFER_TASKRUN", 8, 0, 0],
  ["DEFER_TASKRUN", 8, 0, -22],
  ["SQPOLL", 8, 0, 0],
  ["SQPOLL SINGLE_ISSUER DEFER_TASKRUN", 8, 0, -22],
  ["SQPOLL COOP_TASKRUN", 8, 0, -22],
  ["SQPOLL NO_SQARRAY SQ_REWIND", 8, 0, -22],
  ["SQ_REWIND", 8, 0, -22],
  ["SQ_REWIND NO_SQARRAY", 8, 0, 0],
  ["TASKRUN_FLAG", 8, 0, -22],
  ["TASKRUN_FLAG COOP_TASKRUN", 8, 0, 0],
  ["HYBRID_IOPOLL", 8, 0, -22],
  ["HYBRID_IOPOLL IOPOLL", 8, 0, 0],
  ["REGISTERED_FD_ONLY", 8, 0, -22],
  ["REGISTERED_FD_ONLY NO_MMAP", 8, 0, 0],
  ["SQ_AFF", 8, 0, -22],
  ["CQSIZE", 8, 0, -22],
  ["CQSIZE", 8, 4, -22],
  ["CQSIZE", 5, 7, 0],
  ["CQSIZE", 8, 65537, -22],
  ["CQSIZE CLAMP", 8, 70000, 0],
  ["CQE32 CQE_MIXED", 8, 0, -22],
  ["SQE128 SQE_MIXED", 8, 0, -22],
  ["SQE_MIXED", 1, 0, -75],
  ["CQE_MIXED CQSIZE", 1, 1, -75],
  ["SQE_MIXED CQE_MIXED", 2, 0, 0],
  ["R_DISABLED SUBMIT_ALL SQE128 CQE32", 8, 0, 0],
];

test.each(VERDICTS)("[%s] entries %i cq %i -> %i", (flags, entries, cq_entries, errno) => {
  const verdict = checkSetup({ entries, cq_entries, flags: parseSetupFlags(flags.split(" ").filter(Boolean)) }, NEWEST);
  expect(verdict.errno).toBe(errno);
  expect(verdict.why).not.toBe("");
});

test.each([
  [{ entries: 5, flags: 0 }, [8, 16]],
  [{ entries: 1, flags: 0 }, [1, 2]],
  [{ entries: 8, cq_entries: 9, flags: IORING_SETUP.IORING_SETUP_CQSIZE }, [8, 16]],
  [{ entries: 8, cq_entries: 9, flags: 0 }, [8, 16]],
  [{ entries: 1e6, flags: IORING_SETUP.IORING_SETUP_CLAMP }, [32768, 65536]],
])("%j is rounded to %j", (request, rounded) => {
  expect(roundEntries(request)).toEqual(rounded);
});
