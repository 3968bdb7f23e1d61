// Rings as Linux 7.2 makes them, refuses them and lets loops be attached to them, and what of a ring a loop cannot escape:
// its owner, its restrictions, its eventfd. Run on each engine by engines.test.ts.

import { closeSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { expect } from "vitest";
import { openObject } from "../src/engine/index.ts";
import { DEFAULT_SETUP_FLAGS, type Engine, type RingOptions } from "../src/loop/index.ts";
import { io_uring_enter, io_uring_register, kernelVersion, openSys } from "../src/sys/index.ts";
import { IORING_ENTER, IORING_REGISTER, isAtLeast, SETUP_FLAGS } from "../src/uring/abi/index.ts";
import { codeOf, objectPath, setUp, type EngineCase } from "./engine-cases.ts";

const EFD_NONBLOCK = 0o4000;
const EACCES = 13;
const EEXIST = 17;
const EINVAL = 22;
const EOVERFLOW = 75;
const LOOPS = ["SINGLE_ISSUER", "DEFER_TASKRUN"];
const NO_DESCRIPTOR = { sim: "its rings are no descriptors of the process" } as const;

const REFUSED: readonly (readonly [errno: number, flags: readonly string[], entries: number, cq_entries?: number])[] = [
  [EINVAL, ["DEFER_TASKRUN"], 8],
  [EINVAL, ["SQPOLL", ...LOOPS], 8],
  [EINVAL, ["SQPOLL", "NO_SQARRAY", "SQ_REWIND"], 8],
  [EINVAL, [...LOOPS, "SQ_REWIND"], 8],
  [EINVAL, [...LOOPS, "CQSIZE"], 8, 4],
  [EINVAL, [...LOOPS, "CQSIZE"], 8, 0],
  [EINVAL, [...LOOPS, "CQE32", "CQE_MIXED"], 8],
  [EINVAL, [...LOOPS, "SQE128", "SQE_MIXED"], 8],
  [EINVAL, LOOPS, 0],
  [EINVAL, LOOPS, 32769],
  [EOVERFLOW, [...LOOPS, "CQSIZE", "CQE_MIXED"], 1, 1],
  [EOVERFLOW, [...LOOPS, "SQE_MIXED"], 1],
];

const MADE: readonly (readonly [
  flags: readonly string[],
  asked: readonly [entries: number, cq_entries?: number],
  made: readonly [entries: number, cq_entries: number],
])[] = [
  [LOOPS, [1], [1, 2]],
  [LOOPS, [5], [8, 16]],
  [
    [...LOOPS, "CQSIZE"],
    [5, 9],
    [8, 16],
  ],
  [
    [...LOOPS, "CQSIZE"],
    [8, 8],
    [8, 8],
  ],
  [[...LOOPS, "CLAMP"], [40_000], [32768, 65536]],
  [[...LOOPS, "CQE_MIXED"], [8], [8, 16]],
  [[...LOOPS, "SQE_MIXED"], [8], [8, 16]],
  [[...LOOPS, "NO_MMAP"], [8], [8, 16]],
];

const options = (flags: readonly string[], [entries, cq_entries]: readonly [number, number?]): RingOptions => ({
  entries,
  flags,
  ...(cq_entries === undefined ? {} : { cq_entries }),
});

/** The errno of a refusal, which `sim` tells in words only. */
function refusalOf(attempt: () => unknown): { readonly errno: number; readonly message: string } {
  try {
    attempt();
  } catch (error) {
    const { errno, message } = error as { readonly errno?: number; readonly message: string };
    return { errno: errno ?? Number(/errno (\d+)/.exec(message)?.[1]), message };
  }
  return expect.unreachable("the ring was expected to be refused");
}

/** Whether the running kernel knows all the flags, which only `user` must make do without. */
const knownHere = (engine: Engine, flags: readonly string[]): boolean =>
  engine.name === "sim" ||
  SETUP_FLAGS.filter(({ name }) => flags.includes(name)).every(
    ({ name, since }) => ["NO_SQARRAY", "SQ_REWIND"].includes(name) || isAtLeast(kernelVersion(), since),
  );

/** Descriptors of this process that are rings. */
function ringFds(): number[] {
  return readdirSync("/proc/self/fd")
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[io_uring]";
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** What `make` makes, and the descriptor of its ring. */
async function withFd<T>(make: () => Promise<T>): Promise<readonly [T, number]> {
  const before = new Set(ringFds());
  const made = await make();
  const fds = ringFds().filter((fd) => !before.has(fd));
  expect(fds).toHaveLength(1);
  return [made, fds[0]];
}

const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

/** io_uring_register(2) from this thread: a ring that is still disabled belongs to nobody yet. */
function register(fd: number, opcode: number, arg: Uint8Array, nr_args: number): void {
  const sys = openSys();
  expect(io_uring_register(sys, fd, opcode, sys.addressOf(arg), nr_args)).toBe(0);
}

const DISABLED: RingOptions = { entries: 8, cq_entries: 8, flags: [...DEFAULT_SETUP_FLAGS, "R_DISABLED"] };

export const RING_CASES: readonly EngineCase[] = [
  ...REFUSED.map(([errno, flags, ...size]) => ({
    name: `refuses a ring of ${size.join(" and ")} entries with ${flags.join("|")}, naming no flag but these`,
    run: (engine: Engine) => {
      const refusal = refusalOf(() => engine.createRing(options(flags, size)));
      expect(refusal.errno).toBe(errno);
      const named = SETUP_FLAGS.map(({ name }) => name).filter((name) =>
        new RegExp(`ring of .* with .*\\b${name}\\b`).test(refusal.message.split(" (found")[0]),
      );
      expect(named.filter((name) => !flags.includes(name))).toEqual([]);
      return Promise.resolve();
    },
  })),
  ...MADE.map(([flags, asked, made]) => ({
    name: `attaches to a ring of ${asked.join(" and ")} entries with ${flags.join("|")}, which has ${made.join(" and ")}`,
    run: async (engine: Engine) => {
      const make = (): Promise<Disposable> => setUp(engine, "returns", { value: 1 }, options(flags, asked));
      if (!knownHere(engine, flags)) {
        await expect(make()).rejects.toThrow(/needs Linux/);
        return;
      }
      using s = await setUp(engine, "returns", { value: 1 }, options(flags, asked));
      expect([s.ring.params.sq_entries, s.ring.params.cq_entries]).toEqual(made);
      expect(await s.ring.run()).toBe(0);
    },
  })),
  {
    name: "does not attach to a ring that is a registered index and no descriptor",
    not: {
      user: "the ring is attached to in the process, where an index is as good",
      sim: "the ring is attached to in the process, where an index is as good",
    },
    run: async (engine) => {
      using ring = engine.createRing({ entries: 8, flags: [...LOOPS, "NO_MMAP", "REGISTERED_FD_ONLY"] });
      using loaded = await engine.load(await openObject(objectPath("spin")));
      expect(codeOf(() => loaded.attach(undefined, ring))).toMatch(/^ATTACH_E(BADF|OPNOTSUPP)$/);
    },
  },
  {
    name: "runs on a ring that is a registered index and no descriptor",
    not: { kernel: "programs are attached to descriptors" },
    run: async (engine) => {
      const flags = [...DEFAULT_SETUP_FLAGS, "NO_MMAP", "REGISTERED_FD_ONLY"];
      const make = (): ReturnType<typeof setUp> =>
        setUp(engine, "submit", { rounds: [1, 0, 0, 0] }, { entries: 8, cq_entries: 8, flags });
      if (!knownHere(engine, flags)) {
        await expect(make()).rejects.toThrow(/needs Linux/);
        return;
      }
      using s = await make();
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["returned"]).toEqual([1, 0, 0, 0]);
    },
  },
  {
    name: "lets no other thread enter or register, and does not call the program for it",
    not: NO_DESCRIPTOR,
    run: async (engine) => {
      const [s, fd] = await withFd(() => setUp(engine, "returns", { value: 1 }));
      try {
        const sys = openSys();
        expect(io_uring_enter(sys, fd, 0, 1, IORING_ENTER.IORING_ENTER_GETEVENTS)).toBe(-EEXIST);
        expect(io_uring_register(sys, fd, IORING_REGISTER.IORING_UNREGISTER_EVENTFD, 0, 0)).toBe(-EEXIST);
        expect(s.loaded.bss["steps"]).toBe(0);
        expect(await s.ring.run()).toBe(0);
        expect(s.loaded.bss["steps"]).toBe(1);
      } finally {
        s[Symbol.dispose]();
      }
    },
  },
  {
    name: "holds requests of the program to the ring's restrictions",
    not: NO_DESCRIPTOR,
    run: async (engine) => {
      const [s, fd] = await withFd(() => setUp(engine, "submit", { rounds: [1, 0, 0, 0] }, DISABLED));
      try {
        const SQE_OP = 1;
        const READ = 22;
        // struct io_uring_restriction: u16 opcode, u8 sqe_op, u8, u32[3]
        register(fd, IORING_REGISTER.IORING_REGISTER_RESTRICTIONS, words(SQE_OP | (READ << 16), 0, 0, 0), 1);
        s.ring.enable();
        expect(await s.ring.run()).toBe(0);
        expect(s.loaded.bss["returned"]).toEqual([1, 0, 0, 0]);
        const cqes = new DataView(s.ring.rings.slice().buffer, s.ring.params.cq_off.cqes);
        expect(cqes.getInt32(8, true)).toBe(-EACCES);
      } finally {
        s[Symbol.dispose]();
      }
    },
  },
  {
    name: "signals a registered eventfd once for the completions of one submission",
    not: NO_DESCRIPTOR,
    run: async (engine) => {
      const sys = openSys();
      const eventfd = sys.syscall(sys.arch === "x64" ? 290 : 19, 0, EFD_NONBLOCK);
      const [s, fd] = await withFd(() => setUp(engine, "submit", { rounds: [3, 0, 0, 0] }, DISABLED));
      try {
        register(fd, IORING_REGISTER.IORING_REGISTER_EVENTFD, words(eventfd), 1);
        s.ring.enable();
        expect(await s.ring.run()).toBe(0);
        expect(s.loaded.bss["tails"]).toEqual([3, 0, 0, 0]);
        const counter = new BigUint64Array(1);
        expect(readSync(eventfd, counter)).toBe(8);
        expect(counter[0]).toBe(1n);
      } finally {
        s[Symbol.dispose]();
        closeSync(eventfd);
      }
    },
  },
];
