// Tests of status-of.ts.

import { expect, it } from "vitest";
import { LoopstepError } from "../base/index.ts";
import { statusOf } from "./status-of.ts";

class AnyError extends LoopstepError {}

it.each([
  ["USAGE_OPTION", 2],
  ["FILE_READ", 2],
  ["OBJECT_NAME", 2],
  ["OBJECT_STRUCT_OPS_CHOICE", 2],
  ["BTF_RANGE", 2],
  ["URING_SETUP_FLAG", 2],
  ["VERIFIER_REJECTED", 3],
  ["ENGINE_UNAVAILABLE", 4],
  ["FLAG_UNSUPPORTED", 4],
  ["SYS_EPERM", 4],
  ["SYS_ENOSYS", 4],
  ["SYS_EINVAL", 1],
  ["ELF_MAGIC", 1],
  ["LOOP_EINTR", 1],
  ["VM_FAULT_MEMORY", 1],
  ["PROGRAM_FAILED", 1],
])("%s ends with status %d", (code, status) => {
  expect(statusOf(new AnyError(code, { message: "it failed" }))).toBe(status);
});

it("a kernel too old ends with status 4", () => {
  expect(statusOf(new AnyError("SYS_EINVAL", { message: "no", found: "X needs Linux 6.1, this is 5.15" }))).toBe(4);
});
