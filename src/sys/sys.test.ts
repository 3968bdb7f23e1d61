import { expect, test } from "vitest";

import { getField, setField, viewOf } from "../base/index.ts";
import { io_uring_params, MMAP, parseSetupFlags, setupFlagNames, type KernelVersion } from "../uring/abi/index.ts";
import {
  bpf,
  close,
  createKoffiSys,
  createRing,
  FakeSys,
  probeIoUring,
  SysError,
  sysError,
  SYSCALLS,
} from "./index.ts";
import type { SyscallHandler } from "./index.ts";

const EINVAL = -22;
const PAGE = 4096;
const REWIND = ["SINGLE_ISSUER", "DEFER_TASKRUN", "NO_SQARRAY", "SQ_REWIND"];
const PLACE = { rings: PAGE, ringsSize: PAGE, sqes: 2 * PAGE, sqesSize: PAGE };
const [V6_1, V6_7, V6_18, V7_2]: readonly KernelVersion[] = [
  [6, 1, 0],
  [6, 7, 0],
  [6, 18, 0],
  [7, 2, 0],
];

/** A fake kernel that knows the flags named, and a log of what each io_uring_setup asked. */
function kernelWith(refused: readonly string[], more: Partial<Record<string, SyscallHandler>> = {}) {
  const asked: string[][] = [];
  const mapped = new Uint8Array(2 * PAGE);
  const sys: FakeSys = new FakeSys({
    io_uring_setup: (entries = 0, address = 0) => {
      const view = viewOf(sys.viewAt(address, io_uring_params.size));
      const flags = Number(getField(io_uring_params, view, 0, "flags"));
      asked.push(setupFlagNames(flags));
      if (flags & parseSetupFlags(refused)) return EINVAL;
      setField(io_uring_params, view, 0, "sq_entries", entries);
      setField(io_uring_params, view, 0, "cq_entries", 2 * entries);
      setField(
        io_uring_params,
        view,
        0,
        "sq_off.array",
        flags & parseSetupFlags(["NO_SQARRAY"]) ? 0 : 64 + 32 * entries,
      );
      return 33;
    },
    close: () => 0,
    madvise: () => 0,
    mmap: (_address, _length, _prot, _flags, _fd, offset = 0) => sys.addressOf(mapped) + (offset === 0 ? 0 : PAGE),
    munmap: () => 0,
    ...more,
  });
  return { sys, asked, buffer: new ArrayBuffer(4 * PAGE) };
}

function caught(run: () => unknown): SysError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SysError);
    return error as SysError;
  }
  throw new Error("nothing was thrown");
}

test.each([
  // what the kernel lacks, its version, what is asked of it in turn
  [[], V7_2, [["NO_MMAP"]], "native"],
  [["SQ_REWIND"], V6_18, [["NO_MMAP"], ["NO_MMAP"]], "rewind"],
  [["SQ_REWIND", "NO_SQARRAY"], V6_7, [["NO_MMAP"], ["NO_MMAP"]], "rewind"],
  [["SQ_REWIND", "NO_SQARRAY", "NO_MMAP"], V6_1, [["NO_MMAP"], ["NO_MMAP"], []], "mirrored"],
])("a kernel without %j gets what it can do", (refused, kernel, attempts, how) => {
  const { sys, asked, buffer } = kernelWith(refused);
  const request = { entries: 8, flags: parseSetupFlags(REWIND) };
  const ring = createRing(sys, buffer, PLACE, request, { kernel: kernel });
  expect(asked.map((names) => names.filter((name) => name === "NO_MMAP"))).toEqual(attempts);
  expect(asked.at(-1)!.includes("SQ_REWIND")).toBe(how === "native");
  expect(ring.params.flags).toBe(request.flags);
  expect(ring.params.sq_off.array).toBe(0);
  expect(ring.emulated.length).toBe({ native: 0, rewind: 1, mirrored: 2 }[how]!);
  ring.close();
  ring.close();
  expect(sys.trace.filter((name) => name === "close")).toHaveLength(1);
});

test("the kernel's own ring is mapped in two areas, and unmapped on close", () => {
  const areas = new Uint8Array(2 * PAGE);
  const { sys, buffer } = kernelWith(["NO_MMAP"], {
    mmap: (_address, _length, _prot, _flags, _fd, offset = 0) => sys.addressOf(areas) + (offset === 0 ? 0 : PAGE),
    munmap: () => 0,
  });
  const ring = createRing(sys, buffer, PLACE, { entries: 8, flags: 0 }, { kernel: V6_1 });
  ring.close();
  expect(ring.submit(1)).toBe(-9);
  const maps = sys.calls.filter((call) => call.name === "mmap").map((call) => call.args);
  const both = MMAP.PROT_READ | MMAP.PROT_WRITE;
  const shared = MMAP.MAP_SHARED | MMAP.MAP_POPULATE;
  expect(maps).toEqual([
    [0, PAGE, both, shared, 33, 0],
    [0, PAGE, both, shared, 33, 0x1000_0000],
  ]);
  const unmaps = sys.calls.filter((call) => call.name === "munmap").map((call) => call.args);
  expect(unmaps).toEqual([0, PAGE].map((offset) => [sys.addressOf(areas) + offset, PAGE]));
});

test.each([
  ["rings", 0, ["close"]],
  ["SQEs", 0x1000_0000, ["munmap", "close"]],
])("a mapping of the %s that fails leaves neither descriptor nor mapping", (_, failing, undone) => {
  const { sys, buffer } = kernelWith(["NO_MMAP"], {
    mmap: (_address, _length, _prot, _flags, _fd, offset) => (offset === failing ? -12 : 0x7000_0000),
    munmap: () => 0,
  });
  const error = caught(() => createRing(sys, buffer, PLACE, { entries: 8, flags: 0 }, { kernel: V6_1 }));
  expect(error).toMatchObject({ code: "SYS_ENOMEM", syscall: "mmap" });
  expect(sys.trace.slice(sys.trace.lastIndexOf("mmap") + 1)).toEqual(undone);
});

test.each([
  // request, kernel, what the message must name
  [["SINGLE_ISSUER", "DEFER_TASKRUN"], [5, 15, 0], /SINGLE_ISSUER needs Linux 6\.0, this is 5\.15\.0/],
  [["CQE_MIXED"], V6_7, /CQE_MIXED needs Linux 6\.18/],
  [["SQ_REWIND"], V7_2, /SQ_REWIND needs NO_SQARRAY/],
  [["SQPOLL"], V6_1, /SQPOLL needs ring memory of the program/],
  [["SQPOLL"], V6_7, /SQPOLL needs ring memory of the program, in full since Linux 6\.10/],
  [[], V7_2, /says EINVAL/],
] as const)("EINVAL for %j is explained", (flags, kernel, message) => {
  const { sys, buffer } = kernelWith([], { io_uring_setup: () => EINVAL });
  const request = { entries: 8, flags: parseSetupFlags(flags) };
  const error = caught(() => createRing(sys, buffer, PLACE, request, { kernel: kernel as KernelVersion }));
  expect(error.code).toBe("SYS_EINVAL");
  expect(error.message).toMatch(message);
});

test("flags the caller adds for itself reach the kernel, but neither its parameters nor a refusal", () => {
  const { sys, asked, buffer } = kernelWith([]);
  const own = parseSetupFlags(["TASKRUN_FLAG"]);
  const flags = parseSetupFlags(["SINGLE_ISSUER", "DEFER_TASKRUN"]);
  const ring = createRing(sys, buffer, PLACE, { entries: 8, flags }, { kernel: V7_2, own });
  expect(asked[0]).toContain("TASKRUN_FLAG");
  expect(ring.params.flags).toBe(flags);
  ring.close();
  for (const given of [["DEFER_TASKRUN"], ["SQPOLL", "SINGLE_ISSUER", "DEFER_TASKRUN"], ["SINGLE_ISSUER"]]) {
    const request = { entries: 8, flags: parseSetupFlags(given) };
    const { sys, buffer } = kernelWith([], { io_uring_setup: () => EINVAL });
    const error = caught(() => createRing(sys, buffer, PLACE, request, { kernel: [5, 15, 0], own }));
    expect(`${error.message} ${error.remedy}`).not.toContain("TASKRUN_FLAG");
  }
});

test("another errno is not retried, and carries its remedy", () => {
  const { sys, buffer } = kernelWith([], { io_uring_setup: () => -1 });
  const error = caught(() =>
    createRing(sys, buffer, PLACE, { entries: 8, flags: parseSetupFlags(REWIND) }, { kernel: V6_18 }),
  );
  expect(error).toMatchObject({ code: "SYS_EPERM", errno: 1, syscall: "io_uring_setup" });
  expect(error.remedy).toContain("io_uring_disabled");
  expect(sys.trace).toEqual(["io_uring_setup"]);
});

test.each([
  ["too small for the rings", { ...PLACE, ringsSize: 0 }],
  ["not aligned", { ...PLACE, sqes: 2 * PAGE + 64 }],
  ["beyond the buffer", { ...PLACE, sqes: 4 * PAGE }],
  ["not a number", { ...PLACE, rings: Number.NaN }],
])("a place that is %s is refused before the kernel sees it", (_, place) => {
  const { sys, buffer } = kernelWith([]);
  expect(caught(() => createRing(sys, buffer, place, { entries: 8, flags: 0 })).code).toBe("SYS_PLACEMENT");
  expect(sys.trace).toEqual([]);
});

test("parameter regions: an old kernel is no error, a bad region is", () => {
  const { sys, buffer } = kernelWith([], { io_uring_register: () => EINVAL });
  const ringOn = (kernel: KernelVersion) => createRing(sys, buffer, PLACE, { entries: 8, flags: 0 }, { kernel });
  const old = ringOn(V6_7).registerMemRegion(0, PAGE);
  expect(old.registered).toBe(false);
  expect(old.why).toMatch(/6\.7\.0.*6\.13/);
  expect(caught(() => ringOn(V7_2).registerMemRegion(0, 100)).message).toMatch(/multiples of 4096/);
});

test.each([
  [-38, "ENOSYS", /gVisor/],
  [-1, "EPERM", /io_uring/],
  [-12, "ENOMEM", /RLIMIT_MEMLOCK/],
])("a probe that gets %i says %s and what helps", (errno, name, remedy) => {
  const probe = probeIoUring(new FakeSys({ io_uring_setup: () => errno }));
  expect(probe).toMatchObject({ available: false, errno: -errno, errnoName: name });
  expect(!probe.available && probe.remedy).toMatch(remedy);
});

test.each([
  ["win32", "x64", "SYS_PLATFORM"],
  ["linux", "ia32", "SYS_PLATFORM"],
  ["linux", "x64", "SYS_NO_FFI"],
])("%s on %s without koffi: %s", (platform, arch, code) => {
  const error = caught(() =>
    createKoffiSys(platform, arch, () => {
      throw new Error("Cannot find module 'koffi'\nRequire stack: ...");
    }),
  );
  expect(error).toMatchObject({ code, errno: 0 });
  expect(error.remedy).toMatch(/sim engine/);
});

test("errno is taken from the call, results of either type become numbers", () => {
  const results: (number | bigint)[] = [4096, 5, -1, 2n ** 40n];
  const koffi = {
    load: () => ({ func: () => () => results.shift() }),
    errno: () => 9,
    address: () => 4096n,
    view: () => new ArrayBuffer(8),
  };
  const sys = createKoffiSys("linux", "arm64", () => koffi);
  expect(sys.pageSize).toBe(4096);
  expect([sys.syscall(1), sys.syscall(1), sys.syscall(1)]).toEqual([5, -9, 2 ** 40]);
  expect(sys.addressOf(new Uint8Array(8))).toBe(4096);
});

test.each([
  ["everything", {}, "gate"],
  ["no page", { mmap: -12 }, "syscall(2)"],
  ["no executable memory", { mprotect: -13 }, "syscall(2)"],
  ["a gate that does not work", { getpid: -38 }, "syscall(2)"],
])("with %s %j calls go through the %s", (_, refused, way) => {
  const PAGES = 2 ** 46;
  const [code, block] = [new ArrayBuffer(PAGE), new ArrayBuffer(8 * 8)];
  const words = new Float64Array(block, 0, 7);
  const results = new Map<number, number>();
  for (const [name, result] of Object.entries({ mmap: PAGES, mprotect: 0, munmap: 0, getpid: process.pid, ...refused }))
    results.set(SYSCALLS.x64[name as keyof typeof SYSCALLS.x64], result);
  let last = "";
  let errno = 0;
  const syscall = (nr: number): number => {
    last = "syscall(2)";
    const result = results.get(nr) ?? -9;
    errno = -result;
    return result < 0 ? -1 : result;
  };
  const sys = createKoffiSys("linux", "x64", () => ({
    load: () => ({ func: (prototype: string) => (prototype.includes("sysconf") ? () => PAGE : syscall) }),
    errno: () => errno,
    address: () => 0,
    view: (address: number) => (address === PAGES ? code : block),
    proto: (result: string) => result,
    decode: () => () => {
      last = "gate";
      words[0] = results.get(words[0]) ?? -9;
    },
  }));
  expect(sys.syscall(SYSCALLS.x64.close, 77)).toBe(-9);
  expect(last).toBe(way);
  if (way === "gate") expect([...words.subarray(1)]).toEqual([77, 0, 0, 0, 0, 0]);
});

test("errors are plain data with the errno, and unknown errnos still have a code", () => {
  const error = sysError("bpf", -1);
  expect(error.toJSON()).toMatchObject({ name: "SysError", code: "SYS_EPERM", errno: 1, syscall: "bpf" });
  expect(error.remedy).toContain("CAP_BPF");
  expect(sysError("close", 4711).code).toBe("SYS_errno_4711");
});

test("calls go out under the numbers of their processor", () => {
  expect(Object.keys(SYSCALLS.x64).sort()).toEqual(Object.keys(SYSCALLS.arm64).sort());
  const sys = new FakeSys({ close: () => 0 });
  expect(close(sys, 3)).toBe(0);
  const attr = new Uint8Array(16);
  expect(bpf(sys, 5, attr)).toBe(-38);
  expect(sys.calls.at(-1)).toEqual({ name: "bpf", args: [5, sys.addressOf(attr), 16] });
  expect(sys.viewAt(sys.addressOf(attr) + 8, 8).buffer).toBe(attr.buffer);
  expect(() => sys.viewAt(0, 1)).toThrow(RangeError);
});
