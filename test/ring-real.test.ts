// Real rings of the running kernel, driven by hand: every geometry, the emulations against the real thing, and the tables of
// abi against what the kernel says. Skipped, with the reason, where io_uring cannot be used.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { assert, constant, oneof, property, record, subarray } from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

import { errnoName, setField, viewOf } from "../src/base/index.ts";
import {
  checkSetup,
  encodeParams,
  io_uring_mem_region_reg,
  io_uring_params,
  io_uring_region_desc,
  IORING_CQE_F,
  IORING_ENTER,
  IORING_REGISTER,
  IORING_SETUP,
  IORING_SQ,
  isAtLeast,
  OPTABLE,
  parseSetupFlags,
  SETUP_FLAGS,
  type SetupFlag,
  type SetupRequest,
} from "../src/uring/abi/index.ts";
import { prep, prepNop, prepRead, prepTimeout, prepWrite, setSqe, setUserData } from "../src/uring/prep/index.ts";
import { CompletionQueue, ringsLayout, SubmissionQueue, type Cqe } from "../src/uring/ring/index.ts";
import {
  close,
  createRing,
  io_uring_setup,
  kernelVersion,
  type KernelRing,
  openSys,
  probeIoUring,
  SysError,
  type ForcedWay,
  type RingPlacement,
} from "../src/sys/index.ts";

const PAGE = 4096;
const KERNEL = kernelVersion();
const probe = probeIoUring();
if (!probe.available) console.log(`skipped: real rings need io_uring: ${probe.why}. ${probe.remedy}`);
const known = new Set<string>(probe.available ? probe.setupFlags : []);
/** What createRing supplies itself where the kernel has no such flag. */
const EMULATED = new Set(["SQ_REWIND", "NO_SQARRAY"]);
const words = (text: string): string[] => text.split(" ").filter(Boolean);
const missing = (names: readonly string[]): string[] => names.filter((name) => !known.has(name) && !EMULATED.has(name));

const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
const open: KernelRing[] = [];
afterEach(() => {
  while (open.length > 0) open.pop()!.close();
});

interface Rig {
  readonly ring: KernelRing;
  readonly sq: SubmissionQueue;
  readonly cq: CompletionQueue;
}

const FIRST = 16 * PAGE;

function placeFor(request: SetupRequest): RingPlacement {
  const layout = ringsLayout(request, openSys().pageSize);
  return { rings: FIRST, ringsSize: layout.ringsReserve, sqes: FIRST + layout.ringsReserve, sqesSize: layout.sqesSize };
}

function rig(flags: string | number, entries = 8, cq_entries = 0, force?: ForcedWay): Rig {
  const request = { entries, cq_entries, flags: typeof flags === "number" ? flags : parseSetupFlags(words(flags)) };
  const place = placeFor(request);
  const ring = createRing(openSys(), memory.buffer, place, request, force ? { force } : {});
  open.push(ring);
  const sq = new SubmissionQueue(memory.buffer, place, ring.params);
  return { ring, sq, cq: new CompletionQueue(memory.buffer, place, ring.params) };
}

/** Queues NOPs with those user_data. */
function nops({ sq }: Rig, ...user_data: number[]): number {
  for (const data of user_data) {
    const sqe = sq.take()!;
    prepNop(sqe);
    setUserData(sqe, data);
  }
  return sq.commit();
}

/** Takes CQEs until `count` are there. */
function reap({ ring, cq }: Rig, count: number): Cqe[] {
  const cqes = cq.take();
  while (cqes.length < count) {
    const result = ring.wait(1, 5e9);
    if (result < 0) throw new Error(`wait: ${errnoName(result)}`);
    cqes.push(...cq.take());
  }
  return cqes;
}

const dataOf = (cqes: readonly Cqe[]): number[] => cqes.map((cqe) => Number(cqe.user_data));
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

const GEOMETRIES: readonly (readonly [flags: string, entries: number, cq_entries: number])[] = [
  ["", 8, 0],
  ["", 1, 0],
  ["CQSIZE", 5, 100],
  ["CQSIZE CLAMP", 8, 1_000_000],
  ["SINGLE_ISSUER", 8, 0],
  ["COOP_TASKRUN", 8, 0],
  ["COOP_TASKRUN TASKRUN_FLAG", 8, 0],
  ["SINGLE_ISSUER DEFER_TASKRUN", 8, 0],
  ["SINGLE_ISSUER DEFER_TASKRUN TASKRUN_FLAG", 8, 0],
  ["SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY", 8, 0],
  ["SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY CQSIZE SQ_REWIND", 8, 8],
  ["NO_SQARRAY SQ_REWIND", 8, 0],
  ["SQE128", 8, 0],
  ["CQE32", 8, 0],
  ["SQE128 CQE32 SUBMIT_ALL", 8, 0],
  ["SQE128 CQE32 NO_SQARRAY SQ_REWIND SINGLE_ISSUER DEFER_TASKRUN", 4, 0],
  ["CQE_MIXED", 8, 0],
  ["SQE_MIXED", 8, 0],
  ["SQE_MIXED CQE_MIXED NO_SQARRAY SQ_REWIND", 8, 0],
  ["NO_MMAP", 8, 0],
  ["NO_MMAP REGISTERED_FD_ONLY", 8, 0],
  ["IOPOLL", 8, 0],
  ["IOPOLL HYBRID_IOPOLL", 8, 0],
  ["SQPOLL", 8, 0],
  ["SQPOLL SQ_AFF", 8, 0],
  ["NO_SQARRAY", 128, 0],
  ["", 4096, 0],
];

describe.runIf(probe.available)("a NOP round trip", () => {
  const rows = GEOMETRIES.flatMap(([flags, entries, cq_entries]) =>
    ([undefined, "sqarray", "mirrored"] as const).map(
      (force) => [flags || "no flags", force ?? "as the kernel can", entries, cq_entries, force] as const,
    ),
  );

  test.for(rows)("[%s] %s, %i entries", ([name, , entries, cq_entries, force], { skip }) => {
    const flags = name === "no flags" ? "" : name;
    const lacking = missing(words(flags));
    skip(lacking.length > 0, `Linux ${KERNEL.join(".")} has no ${lacking.join(", ")}`);
    skip(force === "mirrored" && /SQPOLL|REGISTERED/.test(flags), "such a ring cannot be copied at system calls");
    const it = rig(flags, entries, cq_entries, force);
    const size = it.ring.params.sq_entries;
    for (let lap = 0; lap < 3; lap++) {
      const data = upTo(size).map((i) => lap * size + i);
      const queued = nops(it, ...data);
      expect(queued).toBe(size);
      expect(it.ring.submit(queued)).toBe(size);
      expect(dataOf(reap(it, size))).toEqual(data);
    }
    expect(it.cq.overflow).toBe(0);
  });

  test.each(["", "NO_SQARRAY", "NO_SQARRAY CQSIZE", "SQE128 CQE32"])(
    "params are those ringsLayout foretells [%s]",
    (flags) => {
      const request = { entries: 8, cq_entries: 8, flags: parseSetupFlags(words(flags)) };
      const features = probe.available ? probe.features : 0;
      for (const force of [undefined, "sqarray", "mirrored"] as const) {
        const { ring } = rig(request.flags, 8, 8, force);
        expect(ring.params).toEqual(ringsLayout(request, PAGE, features).params);
      }
    },
  );
});

describe.runIf(probe.available)("SQ_REWIND", () => {
  const REWIND = "SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY SQ_REWIND";
  const ways = known.has("SQ_REWIND")
    ? ([undefined, "sqarray", "mirrored"] as const)
    : (["sqarray", "mirrored"] as const);

  test.each(ways)("submits from slot 0 every time, and shows both indices as 0 [%s]", (force) => {
    const it = rig(REWIND, 8, 0, force);
    expect(it.ring.emulated.length).toBe({ sqarray: 1, mirrored: 2 }[force!] ?? 0);
    expect(it.ring.submit(nops(it, 0, 1, 2))).toBe(3);
    expect([it.sq.head, it.sq.tail]).toEqual([0, 0]);
    expect(it.ring.submit(2)).toBe(2);
    expect(dataOf(reap(it, 5))).toEqual([0, 1, 2, 0, 1]);
    expect([it.sq.head, it.sq.tail]).toEqual([0, 0]);
  });

  test.each(ways)("ignores a tail the program has moved, clamps to the ring, trusts stale slots [%s]", (force) => {
    const it = rig(REWIND, 4, 0, force);
    nops(it, 10, 11, 12, 13);
    it.sq.tail = 1;
    expect(it.ring.submit(100)).toBe(4);
    expect(dataOf(reap(it, 4))).toEqual([10, 11, 12, 13]);
    expect(it.ring.submit(0)).toBe(0);
    expect(it.ring.submit(1)).toBe(1);
    expect(dataOf(reap(it, 1))).toEqual([10]);
  });

  test.each(ways)("a partial submission is not continued: the next one starts at slot 0 [%s]", (force) => {
    const it = rig(REWIND, 4, 0, force);
    nops(it, 0, 1, 2);
    prep(it.sq.sqe(1), "IORING_OP_NOP", -1, 0, 0, 0, { opcode: 255, user_data: 1 });
    expect(it.ring.submit(3)).toBe(2);
    expect(it.ring.submit(1)).toBe(1);
    expect(reap(it, 3).map((cqe) => [Number(cqe.user_data), cqe.res])).toEqual([
      [0, 0],
      [1, -22],
      [0, 0],
    ]);
  });

  test.each(ways)("many odd batches run past the end of the array [%s]", (force) => {
    const it = rig(REWIND, 8, 0, force);
    let next = 0;
    for (let round = 0; round < 100; round++) {
      const data = upTo(1 + (round % 8)).map((i) => next + i);
      next += data.length;
      expect(it.ring.submit(nops(it, ...data))).toBe(data.length);
      expect(dataOf(reap(it, data.length))).toEqual(data);
    }
  });
});

describe.runIf(probe.available)("submission", () => {
  test.each([
    [
      "",
      2,
      [
        [0, 0],
        [1, -22],
      ],
    ],
    [
      "SUBMIT_ALL",
      3,
      [
        [0, 0],
        [1, -22],
        [2, 0],
      ],
    ],
  ])("a bad request stops it unless SUBMIT_ALL [%s]", (flags, consumed, cqes) => {
    const it = rig(flags);
    const queued = nops(it, 0, 1, 2);
    setSqe(it.sq.sqe(1), "opcode", 255);
    expect(it.ring.submit(queued)).toBe(consumed);
    expect(reap(it, consumed).map((cqe) => [Number(cqe.user_data), cqe.res])).toEqual(cqes);
    expect(it.ring.submit(3)).toBe(3 - consumed);
  });

  test.each([undefined, "mirrored"] as const)("fewer than queued may be submitted, the rest stays [%s]", (force) => {
    const it = rig("SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY", 8, 0, force);
    nops(it, 0, 1, 2, 3, 4);
    expect([it.ring.submit(2), it.sq.head, it.ring.submit(100), it.ring.submit(1)]).toEqual([2, 2, 3, 0]);
    expect(dataOf(reap(it, 5))).toEqual(upTo(5));
  });

  test.each([undefined, "mirrored"] as const)(
    "an index out of range in the SQ array is dropped and ends the submission [%s]",
    (force) => {
      const it = rig("SINGLE_ISSUER DEFER_TASKRUN", 8, 0, force);
      nops(it, 0, 1, 2);
      const array = new Uint32Array(memory.buffer, FIRST + it.ring.params.sq_off.array, 8);
      array.set([0, 99, 2]);
      expect([it.ring.submit(3), it.sq.head, it.sq.dropped]).toEqual([1, 2, 1]);
    },
  );

  test("a disabled ring refuses to be entered until it is enabled", () => {
    const it = rig("SINGLE_ISSUER DEFER_TASKRUN R_DISABLED");
    nops(it, 1);
    expect(errnoName(it.ring.submit(1))).toBe("EBADFD");
    it.ring.enable();
    expect(it.ring.submit(1)).toBe(1);
    expect(() => it.ring.enable()).toThrow(SysError);
  });

  test("unknown enter flags are refused", () => {
    expect(errnoName(rig("").ring.enter(0, 0, 1 << 20))).toBe("EINVAL");
  });
});

describe.runIf(probe.available)("completion", () => {
  const OVERFLOWING = ["SINGLE_ISSUER DEFER_TASKRUN", "SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY SQ_REWIND", ""].flatMap(
    (flags) => ([undefined, "mirrored"] as const).map((force) => [flags, force] as const),
  );
  test.each(OVERFLOWING)("overflow loses and reorders nothing [%s] %s", (flags, force) => {
    const it = rig(`CQSIZE ${flags}`, 8, 8, force);
    for (let batch = 0; batch < 4; batch++) it.ring.submit(nops(it, ...upTo(8).map((i) => batch * 8 + i)));
    expect(it.cq.tail).toBe(8);
    expect(it.sq.flags & IORING_SQ.IORING_SQ_CQ_OVERFLOW).toBe(IORING_SQ.IORING_SQ_CQ_OVERFLOW);
    const seen: number[] = [];
    for (let round = 0; round < 4; round++) {
      expect(it.cq.ready).toBe(8);
      seen.push(...dataOf(it.cq.take()));
      expect(it.ring.getEvents()).toBe(0);
    }
    expect(seen).toEqual(upTo(32));
    expect([it.cq.ready, it.cq.overflow, it.sq.flags & IORING_SQ.IORING_SQ_CQ_OVERFLOW]).toEqual([0, 0, 0]);
  });

  test.each([undefined, "mirrored"] as const)(
    "a wait ends with -ETIME, and at once when the CQEs are there [%s]",
    (force) => {
      const it = rig("SINGLE_ISSUER DEFER_TASKRUN", 8, 0, force);
      expect(errnoName(it.ring.wait(1, 2e6))).toBe("ETIME");
      it.ring.submit(nops(it, 1));
      expect(it.ring.wait(1, 3_600e9)).toBe(0);
      expect(it.ring.enter(nops(it, 2), 2, IORING_ENTER.IORING_ENTER_GETEVENTS, 3_600e9)).toBe(1);
      expect(dataOf(it.cq.take())).toEqual([1, 2]);
    },
  );

  test("a timeout request ends a wait for more", () => {
    const it = rig("SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY SQ_REWIND");
    new DataView(memory.buffer).setBigInt64(8, 1_000_000n, true);
    prepTimeout(it.sq.take()!, it.ring.base);
    it.ring.submit(it.sq.commit());
    expect(it.ring.wait(1, 5e9)).toBe(0);
    expect(it.cq.take().map((cqe) => errnoName(cqe.res))).toEqual(["ETIME"]);
  });

  test("a large CQE of a mixed ring takes two slots, and a gap is filled before the end", ({ skip }) => {
    skip(!known.has("CQE_MIXED"), `Linux ${KERNEL.join(".")} has no CQE_MIXED`);
    const it = rig("CQE_MIXED CQSIZE", 8, 8);
    const big = (data: number): void => {
      nops(it, data);
      setSqe(it.sq.sqe(it.sq.tail - 1), "nop_flags", 1 << 5);
      it.ring.submit(1);
    };
    it.ring.submit(nops(it, 1));
    for (const data of [2, 3, 4]) big(data);
    expect(it.cq.tail).toBe(7);
    const cqes = it.cq.take();
    big(5);
    cqes.push(...it.cq.take());
    expect(dataOf(cqes)).toEqual([1, 2, 3, 4, 5]);
    expect(cqes.map((cqe) => cqe.flags & IORING_CQE_F.IORING_CQE_F_32)).toEqual([
      0,
      ...upTo(4).map(() => IORING_CQE_F.IORING_CQE_F_32),
    ]);
    // 1 small, 3 large, 1 gap, 1 large
    expect(it.cq.head).toBe(10);
  });
});

describe.runIf(probe.available)("memory", () => {
  test("data goes between files and the memory of the program", () => {
    const folder = mkdtempSync(join(tmpdir(), "ring-"));
    const text = "written by a ring, read by a ring";
    const fd = openSync(join(folder, "file"), "w+");
    try {
      const it = rig("SINGLE_ISSUER DEFER_TASKRUN NO_SQARRAY SQ_REWIND");
      new Uint8Array(memory.buffer).set(new TextEncoder().encode(text), 0);
      prepWrite(it.sq.take()!, fd, it.ring.base, text.length, 5);
      it.ring.submit(it.sq.commit());
      expect(reap(it, 1)[0].res).toBe(text.length);
      expect(readFileSync(join(folder, "file"), "utf8")).toBe(`\0\0\0\0\0${text}`);
      writeFileSync(fd, "");
      prepRead(it.sq.take()!, fd, it.ring.base + PAGE, 100, 5);
      prepRead(it.sq.take()!, fd, 8, 100, 5);
      it.ring.submit(it.sq.commit());
      expect(
        reap(it, 2)
          .map((cqe) => cqe.res)
          .sort(),
      ).toEqual([-14, text.length]);
      expect(new TextDecoder().decode(new Uint8Array(memory.buffer).slice(PAGE, PAGE + text.length))).toBe(text);
    } finally {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    }
  });

  test("a closed ring leaves zeroed memory that its late completions cannot reach", () => {
    const first = rig("SINGLE_ISSUER DEFER_TASKRUN");
    new DataView(memory.buffer).setBigInt64(0, 3600n, true);
    for (let i = 0; i < 8; i++) prepTimeout(first.sq.take()!, first.ring.base);
    first.ring.submit(first.sq.commit());
    first.ring.close();
    expect(first.ring.closed).toBe(true);
    first.ring.close();
    const { rings, ringsSize } = placeFor({ entries: 8, flags: 0 });
    expect(new Uint8Array(memory.buffer, rings, ringsSize).every((byte) => byte === 0)).toBe(true);
    const second = rig("SINGLE_ISSUER DEFER_TASKRUN");
    for (let round = 0; round < 200; round++) {
      second.ring.submit(nops(second, round));
      expect(dataOf(second.cq.take())).toEqual([round]);
    }
    expect(errnoName(first.ring.submit(1))).toBe("EBADF");
  });

  test("requests in flight can be cancelled before the ring is closed", () => {
    const it = rig("SINGLE_ISSUER DEFER_TASKRUN");
    new DataView(memory.buffer).setBigInt64(0, 3600n, true);
    prepTimeout(it.sq.take()!, it.ring.base);
    it.ring.submit(it.sq.commit());
    expect(it.ring.cancelAll(1000)).toBeGreaterThanOrEqual(0);
    it.ring.getEvents();
    expect(it.cq.take().map((cqe) => errnoName(cqe.res))).toEqual(["ECANCELED"]);
  });
});

describe.runIf(probe.available && isAtLeast(KERNEL, "6.13"))("parameter regions", () => {
  const USER = 1;
  const WAIT_ARG = 1;
  type Row = readonly [
    what: string,
    expected: string,
    desc: Partial<Record<"user_addr" | "size" | "flags" | "id" | "mmap_offset", number>>,
    reg?: number,
    flags?: string,
  ];
  const ROWS: readonly Row[] = [
    ["user memory", "ok", {}],
    ["kernel memory", "ok", { user_addr: 0, flags: 0 }],
    ["an address without TYPE_USER", "EFAULT", { flags: 0 }],
    ["TYPE_USER without an address", "EFAULT", { user_addr: 0 }],
    ["no size", "EINVAL", { size: 0 }],
    ["part of a page", "EINVAL", { size: 100 }],
    ["more than 2^31 pages", "E2BIG", { size: PAGE * 2 ** 31 }],
    ["an id", "EINVAL", { id: 1 }],
    ["an mmap offset", "EINVAL", { mmap_offset: PAGE }],
    ["unknown flags", "EINVAL", { flags: 3 }],
    ["wait arguments on an enabled ring", "EINVAL", {}, WAIT_ARG],
    ["wait arguments on a disabled ring", "ok", {}, WAIT_ARG, "R_DISABLED"],
    ["unknown registration flags", "EINVAL", {}, 2],
  ];

  const cases = ROWS.map(([what, expected, desc, reg = 0, flags = ""]) => ({ what, expected, desc, reg, flags }));
  test.each(cases)("$what: $expected", ({ expected, desc, reg, flags }) => {
    const { ring } = rig(flags);
    const bytes = new Uint8Array(io_uring_region_desc.size + io_uring_mem_region_reg.size);
    const view = viewOf(bytes);
    const fields = { user_addr: ring.base, size: 2 * PAGE, flags: USER, ...desc };
    for (const [name, value] of Object.entries(fields)) setField(io_uring_region_desc, view, 0, name as "size", value);
    setField(io_uring_mem_region_reg, view, io_uring_region_desc.size, "region_uptr", openSys().addressOf(bytes));
    setField(io_uring_mem_region_reg, view, io_uring_region_desc.size, "flags", reg);
    const result = ring.register(
      IORING_REGISTER.IORING_REGISTER_MEM_REGION,
      bytes.subarray(io_uring_region_desc.size),
      1,
    );
    expect(result < 0 ? errnoName(result) : "ok").toBe(expected);
  });

  test("a ring has one region", () => {
    const { ring } = rig("SINGLE_ISSUER DEFER_TASKRUN");
    expect(ring.registerMemRegion(0, 2 * PAGE).registered).toBe(true);
    expect(() => ring.registerMemRegion(0, 2 * PAGE)).toThrow(/EBUSY/);
  });

  test("a region in pieces of pages is refused with what is needed", () => {
    expect(() => rig("").ring.registerMemRegion(0, 100)).toThrow(/multiples of 4096/);
  });
});

describe.runIf(probe.available)("the tables of abi are true of this kernel", () => {
  /** Sets up without memory of ours, and closes again. */
  function setupErrno(request: SetupRequest): number {
    const sys = openSys();
    const bytes = new Uint8Array(io_uring_params.size);
    encodeParams(request, bytes);
    const result = io_uring_setup(sys, request.entries, sys.addressOf(bytes));
    if (result < 0) return result;
    close(sys, result);
    return 0;
  }

  // these need memory or another ring beside the flag
  const plain = SETUP_FLAGS.map((row) => row.name).filter(
    (name) => !["NO_MMAP", "REGISTERED_FD_ONLY", "ATTACH_WQ"].includes(name),
  );

  test("any combination of flags and entries is accepted or refused as checkSetup says", () => {
    const combination = record({
      names: subarray<SetupFlag>(plain.filter((name) => name !== "SQPOLL" && name !== "SQ_AFF")),
      entries: oneof(...[0, 1, 2, 5, 8, 32768, 32769].map((n) => constant(n))),
      cq_entries: oneof(...[0, 1, 4, 8, 64, 70000].map((n) => constant(n))),
    });
    assert(
      property(combination, ({ names, entries, cq_entries }) => {
        const request = { entries, cq_entries, flags: parseSetupFlags(names) };
        const verdict = checkSetup(request, KERNEL);
        const errno = setupErrno(request);
        // a ring this large may exceed what the process may use; that is no verdict on the request
        if (errno === -12) return;
        expect([errnoName(errno), names]).toEqual([errnoName(verdict.errno), names]);
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    "SQPOLL",
    "SQPOLL SQ_AFF",
    "SQ_AFF",
    "SQPOLL COOP_TASKRUN",
    "SQPOLL SINGLE_ISSUER DEFER_TASKRUN",
    "SQPOLL NO_SQARRAY SQ_REWIND",
    "REGISTERED_FD_ONLY",
    "DEFER_TASKRUN",
    "SINGLE_ISSUER DEFER_TASKRUN",
    "IOPOLL SINGLE_ISSUER DEFER_TASKRUN",
    "CQE32 CQE_MIXED",
    "SQE128 SQE_MIXED",
    "NO_SQARRAY SQ_REWIND",
    "TASKRUN_FLAG",
    "HYBRID_IOPOLL",
  ])("[%s]", (flags) => {
    const request = { entries: 8, flags: parseSetupFlags(words(flags)) };
    expect(errnoName(setupErrno(request))).toBe(errnoName(checkSetup(request, KERNEL).errno));
  });

  test.each(["SQPOLL", "NO_MMAP REGISTERED_FD_ONLY"])("[%s] is refused where it would have to be copied", (flags) => {
    expect(() => rig(flags, 8, 0, "mirrored")).toThrow(SysError);
  });

  test("what createRing refuses, it refuses with the kernel's errno", () => {
    const request = { entries: 8, flags: IORING_SETUP.IORING_SETUP_DEFER_TASKRUN };
    try {
      createRing(openSys(), memory.buffer, placeFor(request), request);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "SYS_EINVAL", errno: -setupErrno(request) });
    }
  });

  test("the opcodes of this kernel are those the table dates to it or before", () => {
    const here = rig("").ring.probeOps();
    const dated = OPTABLE.filter((row) => isAtLeast(KERNEL, row.since)).map((row) => row.name);
    expect(OPTABLE.filter((row) => here.has(row.number)).map((row) => row.name)).toEqual(dated);
  });

  test("the setup flags of this kernel are those the table dates to it or before", () => {
    expect([...known]).toEqual(SETUP_FLAGS.filter((row) => isAtLeast(KERNEL, row.since)).map((row) => row.name));
  });
});
