import { expect, test } from "vitest";

import { IORING_CQE_F, IORING_OP, IORING_REGISTER } from "./constants.ts";
import { io_uring_cqe, io_uring_cqe32 } from "./cqe.ts";
import { isAtLeast, parseKernelVersion } from "./kernel-version.ts";
import { openFlags } from "./linux.ts";
import { IORING_OP_LAST, opName, OPTABLE } from "./optable.ts";
import { decodeParams, encodeParams, io_uring_params } from "./params.ts";
import { io_uring_sqe, io_uring_sqe128 } from "./sqe.ts";

test("the op table has a row for each opcode, at its own index", () => {
  expect(IORING_OP_LAST).toBe(Object.keys(IORING_OP).length);
  OPTABLE.forEach((row, index) => {
    expect(row.number).toBe(index);
    expect(IORING_OP[row.name]).toBe(index);
    expect(opName(index)).toBe(row.name);
  });
  expect(opName(200)).toBe("opcode 200");
});

test("opcodes were added in the order of kernel versions", () => {
  const versions = OPTABLE.map((row) => parseKernelVersion(row.since)!);
  for (let i = 1; i < versions.length; i++) {
    // SEND_ZC to READ_MULTISHOT and later numbers never precede an earlier version
    expect(isAtLeast(versions[i], OPTABLE[i - 1].since), OPTABLE[i].name).toBe(true);
  }
});

test("register opcodes are dense from 0", () => {
  const numbers = Object.values(IORING_REGISTER).sort((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, i) => i));
});

test("sizes are the kernel's", () => {
  const sizes = [io_uring_sqe, io_uring_sqe128, io_uring_cqe, io_uring_cqe32, io_uring_params].map((l) => l.size);
  expect(sizes).toEqual([64, 128, 16, 32, 120]);
  expect(IORING_CQE_F.IORING_CQE_BUFFER_SHIFT).toBe(16);
});

test("params survive encoding and decoding", () => {
  const bytes = new Uint8Array(io_uring_params.size).fill(0xff);
  encodeParams({ entries: 8, cq_entries: 16, flags: 0x1_2345, sq_thread_cpu: 1, sq_thread_idle: 2, wq_fd: 3 }, bytes);
  const params = decodeParams(bytes);
  expect(params).toMatchObject({ cq_entries: 16, flags: 0x1_2345, features: 0, sq_entries: 0 });
  expect(params.cq_off.cqes).toBe(0);
});

test("the open flags that differ on arm64 differ, the others do not", () => {
  const x64 = openFlags("x64");
  const arm64 = openFlags("arm64");
  const different = (Object.keys(x64) as (keyof typeof x64)[]).filter((name) => x64[name] !== arm64[name]);
  expect(different.sort()).toEqual(["O_DIRECT", "O_DIRECTORY", "O_NOFOLLOW", "O_TMPFILE"]);
});

test.each([
  ["7.2.13+deb14-cloud-amd64", [7, 2, 13]],
  ["6.1", [6, 1, 0]],
  ["6.18.44-fc-v595", [6, 18, 44]],
])("kernel release %s", (release, version) => {
  expect(parseKernelVersion(release)).toEqual(version);
});

test.each([
  ["6.18.44", "6.18", true],
  ["6.18.0", "6.19", false],
  ["7.0.0", "6.19", true],
  ["6.9.1", "6.13", false],
])("%s at least %s: %s", (version, since, expected) => {
  expect(isAtLeast(parseKernelVersion(version)!, since)).toBe(expected);
  expect(parseKernelVersion("GNU")).toBeUndefined();
});
