// What every engine must do alike: one list of cases, run on each engine by engines.test.ts. The behaviour is that of
// Linux 7.2. A case that an engine cannot show says so in `not`, with the reason.

import path from "node:path";
import { expect } from "vitest";
import { openObject } from "../src/engine/index.ts";
import {
  DEFAULT_SETUP_FLAGS,
  LoopError,
  type Engine,
  type EngineName,
  type Link,
  type LoadedObject,
  type Ring,
  type RingOptions,
} from "../src/loop/index.ts";
import { findProgram } from "../src/programs/index.ts";

export interface EngineCase {
  readonly name: string;
  /** Engines that cannot show it, and why. */
  readonly not?: Partial<Record<EngineName, string>>;
  readonly run: (engine: Engine) => Promise<void>;
}

const EIGHT: RingOptions = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS };
/** Without NO_SQARRAY and SQ_REWIND: the program advances the SQ tail. */
const CLASSIC: RingOptions = { entries: 8, flags: ["SINGLE_ISSUER", "DEFER_TASKRUN"] };

const EINTR = -4;
const EFAULT = -14;
const EINVAL = -22;
const ETIME = -62;
const EBADFD = -77;

export const objectPath = (name: string): string =>
  findProgram(name)?.object ?? path.join(import.meta.dirname, `../testdata/loops/${name}.bpf.o`);

/** An object on a ring, attached. */
export interface Setup extends Disposable {
  readonly ring: Ring;
  readonly loaded: LoadedObject;
  readonly link: Link;
}

export async function setUp(
  engine: Engine,
  name: string,
  values: Record<string, number | bigint | readonly number[]> = {},
  options: RingOptions = EIGHT,
  ops?: string,
): Promise<Setup> {
  const object = await openObject(objectPath(name));
  const ring = engine.createRing(options);
  object.bind(ring.params);
  for (const [global, value] of Object.entries(values)) object.values.set(global, value);
  const loaded = await engine.load(object);
  const link = loaded.attach(ops, ring);
  return {
    ring,
    loaded,
    link,
    [Symbol.dispose]() {
      link[Symbol.dispose]();
      loaded[Symbol.dispose]();
      ring[Symbol.dispose]();
    },
  };
}

/** The error a run ends with. */
async function failure(run: Promise<unknown>): Promise<LoopError> {
  const error = await run.then(
    () => expect.unreachable("the run was expected to fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LoopError);
  return error as LoopError;
}

/** Runs until the program's `steps` are enough, then aborts: the error the run ends with. */
async function aborted({ ring, loaded }: Setup, enough: (steps: number) => boolean): Promise<LoopError> {
  const controller = new AbortController();
  const run = failure(ring.run({ signal: controller.signal }));
  while (!enough(Number(loaded.bss["steps"]))) await new Promise((resolve) => setImmediate(resolve));
  controller.abort();
  return run;
}

export const codeOf = (attempt: () => unknown): unknown => {
  try {
    attempt();
    return "no error";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

export const ENGINE_CASES: readonly EngineCase[] = [
  ...[1, 3, 8].map((depth) => ({
    name: `runs 1000 NOPs at depth ${depth}`,
    run: async (engine: Engine) => {
      using s = await setUp(engine, "nops", { reqs_to_run: 1000, queue_depth: depth });
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["reqs_to_run"]).toBe(0n);
      expect(s.loaded.bss["reqs_done"]).toBe(1000n);
      expect(s.loaded.bss["result"]).toBe(0);
      expect(s.loaded.bss["steps"]).toBe(BigInt(Math.ceil(1000 / depth) + 1));
      expect(s.ring.stats.completed).toBe(1000);
    },
  })),
  {
    name: "tells a program of the kernel's configuration",
    run: async (engine) => {
      using s = await setUp(engine, "kconfig", { CONFIG_HZ: 100 });
      expect(await s.ring.run()).toBe(0);
      const [version, cookie, hz] = s.loaded.bss["out"] as bigint[];
      expect(version).toBeGreaterThanOrEqual(BigInt((7 << 16) | (1 << 8)));
      // what the host has set stays
      expect([cookie, hz]).toEqual([1n, 100n]);
    },
  },
  {
    name: "runs synchronously too",
    run: async (engine) => {
      using s = await setUp(engine, "nops", { reqs_to_run: 100 });
      expect(s.ring.runSync()).toBe(0);
      expect(s.loaded.bss["reqs_done"]).toBe(100n);
    },
  },
  {
    name: "runs the older style: no link, no SQ_REWIND, results in an array map, ten requests one at a time",
    run: async (engine) => {
      using s = await setUp(engine, "one-at-a-time", {}, CLASSIC);
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.maps["results"].entries()).toEqual([
        [0, 1n],
        [1, 10n],
        [2, 10n],
      ]);
    },
  },
  ...[0, 1, 2, 3, -1, -4, -22, 256, 2 ** 31 - 1, -(2 ** 31)].map((value) => ({
    name: `takes ${value} from loop_step as ${value === 1 ? "stop" : value === 0 ? "continue" : "EINVAL, after one call"}`,
    run: async (engine: Engine) => {
      using s = await setUp(engine, "returns", { value, at: 3 });
      if (value === 1) expect(await s.ring.run()).toBe(0);
      else if (value === 0) expect((await aborted(s, (steps) => steps > 3)).errno).toBe(EINTR);
      else expect((await failure(s.ring.run())).errno).toBe(EINVAL);
      if (value === 0) expect(s.loaded.bss["steps"]).toBeGreaterThan(3);
      else expect(s.loaded.bss["steps"]).toBe(3);
    },
  })),
  {
    name: "zeroes cq_wait_idx once an enter and keeps what the program wrote for later steps",
    run: async (engine) => {
      using s = await setUp(engine, "waits", { wait_delta: 0xfffffffb });
      for (let enter = 0; enter < 2; enter++) {
        s.loaded.values.set("steps", 0);
        expect(await s.ring.run()).toBe(0);
        expect(s.loaded.bss["found"]).toEqual([0, 0xfffffffb, 0xfffffffb, 0xfffffffb, 0, 0, 0, 0]);
      }
    },
  },
  ...[0, -1, -1000, 0x80000000, 0xffffffff].map((delta) => ({
    name: `does not sleep for cq_wait_idx = tail ${delta < 0 ? "-" : "+"} ${Math.abs(delta)}`,
    run: async (engine: Engine) => {
      using s = await setUp(engine, "waits", { wait_delta: delta >>> 0 });
      expect(await s.ring.run({ timeoutMs: 5000 })).toBe(0);
      expect(s.loaded.bss["steps"]).toBe(4);
    },
  })),
  ...[1, 5, 0x7fffffff].map((delta) => ({
    name: `sleeps for cq_wait_idx = tail + ${delta}`,
    run: async (engine: Engine) => {
      using s = await setUp(engine, "waits", { wait_delta: delta });
      expect((await failure(s.ring.run({ timeoutMs: 60 }))).errno).toBe(EINTR);
      expect(s.loaded.bss["steps"]).toBe(1);
    },
  })),
  {
    name: "shows inline completions right after submit_sqes, and rewinds to slot 0 for each submission",
    run: async (engine) => {
      using s = await setUp(engine, "submit", { rounds: [3, 2, 0, 0] });
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["returned"]).toEqual([3, 2, 0, 0]);
      expect(s.loaded.bss["tails"]).toEqual([3, 5, 0, 0]);
      const cqes = new DataView(s.ring.rings.slice().buffer, s.ring.params.cq_off.cqes);
      expect([0, 1, 2, 3, 4].map((i) => Number(cqes.getBigUint64(i * 16, true)))).toEqual([0, 1, 2, 0, 1]);
    },
  },
  {
    name: "takes no more SQEs than the ring has",
    run: async (engine) => {
      using s = await setUp(engine, "submit", { rounds: [100, 0, 0, 0] });
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["returned"]).toEqual([8, 0, 0, 0]);
    },
  },
  {
    name: "takes no more SQEs than are queued, without SQ_REWIND",
    run: async (engine) => {
      using s = await setUp(engine, "submit", { rounds: [5, 5, 0, 0], advance_tail: 2 }, CLASSIC);
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["returned"]).toEqual([2, 2, 0, 0]);
    },
  },
  ...(
    [
      ["stops after the first SQE that is refused, counting it", DEFAULT_SETUP_FLAGS, 2],
      ["goes on after it with SUBMIT_ALL", [...DEFAULT_SETUP_FLAGS, "SUBMIT_ALL"], 3],
    ] as const
  ).map(([name, flags, returned]) => ({
    name,
    run: async (engine: Engine) => {
      using s = await setUp(
        engine,
        "submit",
        { rounds: [3, 0, 0, 0], opcodes: [0, 250, 0, 0, 0, 0, 0, 0] },
        { ...EIGHT, flags },
      );
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["returned"]).toEqual([returned, 0, 0, 0]);
      const cqes = new DataView(s.ring.rings.slice().buffer, s.ring.params.cq_off.cqes);
      expect([0, 1].map((i) => cqes.getInt32(i * 16 + 8, true))).toEqual([0, EINVAL]);
    },
  })),
  {
    name: "loses no completion when the CQ overflows",
    run: async (engine) => {
      using s = await setUp(engine, "overflow");
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["consumed"]).toBe(32n);
      expect((s.loaded.bss["tails"] as number[]).slice(0, 9)).toEqual([0, 8, 8, 8, 8, 16, 24, 32, 32].slice(0, 9));
      const CQ_OVERFLOW = 2;
      expect((s.loaded.bss["flags"] as number[]).slice(0, 9).map((flags) => flags & CQ_OVERFLOW)).toEqual([
        0, 0, 2, 2, 2, 2, 2, 0, 0,
      ]);
    },
  },
  ...(
    [
      ["IOU_REGION_MEM, two pages", 0, 8192, [1, 1, 1, 1, 0]],
      ["IOU_REGION_MEM, not registered", 0, undefined, [0, 0, 0, 0, 0]],
      ["IOU_REGION_CQ, in whole pages", 1, undefined, [1, 1, 0, 0, 0]],
      ["IOU_REGION_SQ, in whole pages", 2, undefined, [1, 1, 0, 0, 0]],
      ["an unknown region", 3, 8192, [0, 0, 0, 0, 0]],
      ["a negative region", 0xffffffff, undefined, [0, 0, 0, 0, 0]],
    ] as const
  ).map(([name, region_id, mem, got]) => ({
    name: `gives out ${name}`,
    run: async (engine: Engine) => {
      using s = await setUp(engine, "regions", { region_id }, mem === undefined ? EIGHT : { ...EIGHT, mem });
      expect(await s.ring.run()).toBe(0);
      expect(["got_64", "got_4096", "got_4097", "got_8192", "got_8193"].map((size) => s.loaded.bss[size])).toEqual(got);
    },
  })),
  {
    name: "shares the parameter region both ways",
    run: async (engine) => {
      using s = await setUp(engine, "regions", {}, { ...EIGHT, mem: 4096 });
      s.ring.mem!.set([41, 2, 3, 4]);
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["seen"]).toBe(0x04030229);
      expect([s.ring.mem![0], s.ring.mem![4095]]).toEqual([42, 0xaa]);
    },
  },
  {
    name: "calls the step again when a timeout fires, though more was asked for",
    run: async (engine) => {
      using buffer = engine.buffer(16);
      new DataView(buffer.bytes.buffer, buffer.bytes.byteOffset).setBigInt64(8, 20_000_000n, true);
      using s = await setUp(engine, "timeout", { ts_addr: buffer.address, wait_for: 2 });
      expect(await s.ring.run({ timeoutMs: 10_000 })).toBe(0);
      expect(s.loaded.bss["res"]).toBe(ETIME);
      expect(s.loaded.bss["steps"]).toBe(2);
    },
  },
  {
    name: "keeps one loop a ring and one ring a map",
    run: async (engine) => {
      using s = await setUp(engine, "spin");
      using other = await engine.load(await openObject(objectPath("returns")));
      expect(codeOf(() => other.attach(undefined, s.ring))).toBe("ATTACH_EBUSY");
      expect(codeOf(() => s.loaded.attach(undefined, s.ring))).toBe("ATTACH_EBUSY");
      using second = engine.createRing(EIGHT);
      expect(codeOf(() => s.loaded.attach(undefined, second))).toBe("ATTACH_EBUSY");
      s.link.detach();
      s.link.detach();
      s.loaded.attach(undefined, second).detach();
      other.attach(undefined, s.ring).detach();
    },
  },
  ...(
    [
      ["no flags", []],
      ["SINGLE_ISSUER", ["SINGLE_ISSUER"]],
      ["COOP_TASKRUN", ["COOP_TASKRUN"]],
      ["NO_SQARRAY and SQ_REWIND", ["NO_SQARRAY", "SQ_REWIND"]],
      ["SQPOLL", ["SQPOLL"]],
      ["IOPOLL", ["IOPOLL"]],
      ["IOPOLL with DEFER_TASKRUN", ["IOPOLL", "SINGLE_ISSUER", "DEFER_TASKRUN"]],
    ] as const
  ).map(([name, flags]) => ({
    name: `does not attach to a ring with ${name}`,
    run: async (engine: Engine) => {
      using ring = engine.createRing({ entries: 8, flags });
      using loaded = await engine.load(await openObject(objectPath("spin")));
      expect(codeOf(() => loaded.attach(undefined, ring))).toBe("ATTACH_EOPNOTSUPP");
    },
  })),
  ...(
    [
      ["SUBMIT_ALL"],
      ["SQE128"],
      ["CQE32"],
      ["TASKRUN_FLAG"],
      ["CLAMP"],
      ["NO_SQARRAY"],
      ["NO_SQARRAY", "SQ_REWIND"],
    ] as const
  ).map((extra) => ({
    name: `attaches to a ring with ${extra.join(" and ")}`,
    run: async (engine: Engine) => {
      using s = await setUp(
        engine,
        "returns",
        { value: 1 },
        { entries: 8, flags: ["SINGLE_ISSUER", "DEFER_TASKRUN", ...extra] },
      );
      expect(await s.ring.run()).toBe(0);
    },
  })),
  {
    name: "does not attach to a closed ring, nor a map without loop_step, nor one that is not there",
    run: async (engine) => {
      const closed = engine.createRing(EIGHT);
      closed[Symbol.dispose]();
      using ring = engine.createRing(EIGHT);
      using loaded = await engine.load(await openObject(objectPath("spin")));
      expect(codeOf(() => loaded.attach(undefined, closed))).toBe("ATTACH_EBADF");
      expect(codeOf(() => loaded.attach("spin_op", ring))).toBe("OBJECT_NAME");
      using empty = await engine.load(await openObject(objectPath("no-loop-step")));
      expect(codeOf(() => empty.attach(undefined, ring))).toBe("ATTACH_NO_LOOP_STEP");
    },
  },
  {
    name: "attaches the map that is named, of two",
    run: async (engine) => {
      for (const [ops, which] of [
        ["first_ops", 1],
        ["second_ops", 2],
      ] as const) {
        using s = await setUp(engine, "two-ops", {}, EIGHT, ops);
        expect(await s.ring.run()).toBe(0);
        expect(s.loaded.bss["which"]).toBe(which);
      }
      using ring = engine.createRing(EIGHT);
      using loaded = await engine.load(await openObject(objectPath("two-ops")));
      expect(codeOf(() => loaded.attach(undefined, ring))).toBe("OBJECT_STRUCT_OPS_CHOICE");
    },
  },
  {
    name: "enters as usual once the loop is detached, and runs another that is attached then",
    run: async (engine) => {
      using s = await setUp(engine, "returns", { value: 1 });
      expect(await s.ring.run()).toBe(0);
      s.link.detach();
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["steps"]).toBe(1);
      using again = s.loaded.attach(undefined, s.ring);
      s.loaded.values.set("at", 2);
      expect(await s.ring.run()).toBe(0);
      expect(s.loaded.bss["steps"]).toBe(2);
      expect(again.ops).toBe("returns_ops");
    },
  },
  {
    name: "refuses to enter a disabled ring, attaches to it, and runs once it is enabled",
    run: async (engine) => {
      using s = await setUp(
        engine,
        "returns",
        { value: 1 },
        { ...EIGHT, flags: [...DEFAULT_SETUP_FLAGS, "R_DISABLED"] },
      );
      expect((await failure(s.ring.run())).errno).toBe(EBADFD);
      s.ring.enable();
      expect(await s.ring.run()).toBe(0);
    },
  },
  ...["spin", "sleep"].map((name) => ({
    name: `ends a loop that never stops (${name}) by an AbortSignal and runs it again`,
    run: async (engine: Engine) => {
      using s = await setUp(engine, name);
      for (let round = 0; round < 2; round++) {
        const error = await failure(s.ring.run({ signal: AbortSignal.timeout(30) }));
        expect([error.errno, error.code]).toEqual([EINTR, "LOOP_EINTR"]);
      }
      const aborted = await failure(s.ring.run({ signal: AbortSignal.abort() }));
      expect(aborted.errno).toBe(EINTR);
    },
  })),
  {
    name: "ends a loop after the steps allowed",
    not: { kernel: "the kernel tells nobody how many steps it took" },
    run: async (engine) => {
      using s = await setUp(engine, "spin");
      const steps = await failure(s.ring.run({ maxSteps: 1000 }));
      expect([steps.code, steps.errno, steps.step]).toEqual(["LOOP_STEPS", EINTR, 1000]);
      expect(s.loaded.bss["steps"]).toBe(1000n);
    },
  },
  {
    name: "ends a loop after the time allowed",
    run: async (engine) => {
      using s = await setUp(engine, "spin");
      expect((await failure(s.ring.run({ timeoutMs: 30 }))).code).toBe("LOOP_TIMEOUT");
      expect(codeOf(() => s.ring.runSync({ timeoutMs: 30 }))).toBe("LOOP_TIMEOUT");
    },
  },
  {
    name: "leaves the event loop free, and shows globals while the loop runs",
    run: async (engine) => {
      using s = await setUp(engine, "spin");
      const controller = new AbortController();
      const run = failure(s.ring.run({ signal: controller.signal }));
      let seen = 0n;
      while (seen < 1000n) {
        await new Promise((resolve) => setImmediate(resolve));
        seen = s.loaded.bss["steps"] as bigint;
      }
      controller.abort();
      expect((await run).errno).toBe(EINTR);
      expect(s.loaded.bss["steps"]).toBeGreaterThanOrEqual(seen);
    },
  },
  {
    name: "returns EFAULT from a loop that is detached while it spins",
    run: async (engine) => {
      using s = await setUp(engine, "spin");
      const run = failure(s.ring.run());
      while ((s.loaded.bss["steps"] as bigint) === 0n) await new Promise((resolve) => setImmediate(resolve));
      s.link.detach();
      expect((await run).errno).toBe(EFAULT);
    },
  },
  {
    name: "does not wake a sleeping loop by detaching it",
    run: async (engine) => {
      using s = await setUp(engine, "sleep");
      const controller = new AbortController();
      const run = failure(s.ring.run({ signal: controller.signal }));
      while ((s.loaded.bss["steps"] as bigint) === 0n) await new Promise((resolve) => setImmediate(resolve));
      s.link.detach();
      const still = Symbol("still asleep");
      expect(await Promise.race([run, new Promise((resolve) => setTimeout(resolve, 150, still))])).toBe(still);
      controller.abort();
      expect((await run).errno).toBe(EINTR);
    },
  },
  {
    name: "runs two rings at once",
    run: async (engine) => {
      using a = await setUp(engine, "nops", { reqs_to_run: 5000 });
      using b = await setUp(engine, "nops", { reqs_to_run: 4000 });
      expect(await Promise.all([a.ring.run(), b.ring.run()])).toEqual([0, 0]);
      expect([a.loaded.bss["reqs_done"], b.loaded.bss["reqs_done"]]).toEqual([5000n, 4000n]);
    },
  },
  {
    name: "refuses a second run of a ring while one is on",
    run: async (engine) => {
      using s = await setUp(engine, "sleep");
      const controller = new AbortController();
      const run = failure(s.ring.run({ signal: controller.signal }));
      expect((await failure(s.ring.run())).code).toBe("LOOP_BUSY");
      controller.abort();
      await run;
    },
  },
  {
    name: "refuses a buffer of no size",
    run: (engine) => {
      for (const bytes of [-1, 1.5, Number.NaN, 2 ** 53])
        expect([bytes, codeOf(() => engine.buffer(bytes))]).toEqual([bytes, "VM_MEMORY"]);
      using empty = engine.buffer(0);
      expect(empty.bytes).toHaveLength(0);
      return Promise.resolve();
    },
  },
  {
    name: "refuses to change constants of a loaded object",
    run: async (engine) => {
      using s = await setUp(engine, "nops");
      expect(codeOf(() => s.loaded.values.set("queue_depth", 4))).toBe("OBJECT_VALUE");
      expect(codeOf(() => s.loaded.values.set("queue_dept", 4))).toBe("OBJECT_NAME");
    },
  },
];
