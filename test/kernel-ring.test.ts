// What Linux 7.1 and later does with a ring that is made, entered and registered with by hand, in this thread: arguments of
// io_uring_enter that a loop makes meaningless, rings that change their size under a loop, descriptors that are no rings.
// Objects are loaded by our loader. Run by `npm run test:kernel` inside the rig.

import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { setField, viewOf } from "../src/base/index.ts";
import { Globals } from "../src/bpf/object/index.ts";
import { openObject } from "../src/engine/index.ts";
import { BpfCalls } from "../src/engine/kernel/bpf.ts";
import { KernelObject } from "../src/engine/kernel/kernel-object.ts";
import { PageMemory } from "../src/engine/kernel/page-memory.ts";
import { vmlinuxBtf } from "../src/engine/kernel/vmlinux.ts";
import { DEFAULT_SETUP_FLAGS, ringGeometry } from "../src/loop/index.ts";
import { createRing, io_uring_enter, io_uring_register, openSys, type KernelRing } from "../src/sys/index.ts";
import {
  encodeParams,
  io_uring_params,
  IORING_ENTER,
  IORING_REGISTER,
  parseSetupFlags,
} from "../src/uring/abi/index.ts";
import { ringsLayout } from "../src/uring/ring/index.ts";
import { objectPath } from "./engine-cases.ts";
import { missingLoops } from "./missing-loops.ts";

const EBADF = 9;
const EINVAL = 22;
const EBUSY = 16;
const EOPNOTSUPP = 95;
const { IORING_ENTER_EXT_ARG, IORING_ENTER_GETEVENTS, IORING_ENTER_SQ_WAIT, IORING_ENTER_SQ_WAKEUP } = IORING_ENTER;
/** An address nothing is at, and a size no argument has. */
const NOWHERE = 0xdead_0000;

interface ByHand extends Disposable {
  readonly ring: KernelRing;
  readonly memory: PageMemory;
  readonly object: KernelObject;
  readonly ops: string;
  readonly values: Globals;
  readonly bpf: BpfCalls;
  /** Attaches to the descriptor: the link's own, or a negative errno. */
  readonly attach: (fd: number) => number;
  readonly enter: (to_submit: number, min_complete: number, flags: number, arg?: number, argsz?: number) => number;
}

async function byHand(name: string): Promise<ByHand> {
  const sys = openSys();
  const bpf = new BpfCalls(sys);
  const memory = new PageMemory();
  const request = { entries: 8, cq_entries: 8, flags: parseSetupFlags(DEFAULT_SETUP_FLAGS) };
  const { ringsReserve, sqesSize } = ringsLayout(request);
  const place = {
    rings: memory.allocate(ringsReserve),
    ringsSize: ringsReserve,
    sqes: memory.allocate(sqesSize),
    sqesSize,
  };
  const ring = createRing(sys, memory.memory.buffer, place, request);
  const spec = await openObject(objectPath(name));
  spec.bind(ringGeometry(ring.params));
  const object = new KernelObject(bpf, memory, spec, vmlinuxBtf());
  const section = (index: number): DataView => {
    const map = object.maps[index];
    return new DataView(memory.memory.buffer, map.address, map.spec.value_size);
  };
  const ops = spec.structOps[0].name;
  const held: number[] = [];
  return {
    ring,
    memory,
    object,
    ops,
    bpf,
    values: new Globals(spec.globals, spec.btf, section, { frozen: "constant" }),
    attach: (fd) => {
      const map = object.createOps(ops, fd);
      const link = bpf.linkCreate(map);
      held.push(...[link, map].filter((each) => each >= 0));
      return link;
    },
    enter: (...words) => io_uring_enter(sys, ring.fd, ...words),
    [Symbol.dispose]() {
      for (const fd of held) bpf.close(fd);
      object[Symbol.dispose]();
      ring.close();
    },
  };
}

const missing = missingLoops();

describe.skipIf(missing !== undefined)(`a ring by hand${missing ? ` (skipped: ${missing})` : ""}`, () => {
  it.each([
    ["requests to submit", [3, 0, 0]],
    ["completions to wait for", [0, 5, IORING_ENTER_GETEVENTS]],
    ["no GETEVENTS", [0, 0, 0]],
    ["an argument that is nowhere", [0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, NOWHERE, 7]],
    ["flags of a poll thread", [0, 0, IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT]],
  ] as const)("runs the loop and looks at nothing else: %s", async (_, words) => {
    using s = await byHand("returns");
    expect(s.attach(s.ring.fd)).toBeGreaterThanOrEqual(0);
    s.values.set("value", 1);
    expect(s.enter(...(words as [number, number, number]))).toBe(0);
    expect(s.values.get("steps")).toBe(1);
    const { rings } = s.ring.place;
    const tail = new DataView(s.memory.memory.buffer, rings).getUint32(s.ring.params.cq_off.tail, true);
    expect(tail).toBe(0);
  });

  it("refuses flags nobody knows before it looks for a loop", async () => {
    using s = await byHand("returns");
    expect(s.attach(s.ring.fd)).toBeGreaterThanOrEqual(0);
    expect(s.enter(0, 0, 0x4000_0000)).toBe(-EINVAL);
    expect(s.values.get("steps")).toBe(0);
  });

  it("is an ordinary ring before a loop is attached, and once its link is closed", async () => {
    using s = await byHand("returns");
    s.values.set("value", 1);
    expect(s.enter(1, 1, IORING_ENTER_GETEVENTS)).toBe(1);
    const link = s.attach(s.ring.fd);
    expect(s.enter(1, 1, IORING_ENTER_GETEVENTS)).toBe(0);
    s.bpf.linkDetach(link);
    expect(s.enter(2, 2, IORING_ENTER_GETEVENTS)).toBe(2);
    expect(s.values.get("steps")).toBe(1);
  });

  it("attaches to rings only, and to one that is free", async () => {
    using s = await byHand("returns");
    const file = openSync("/dev/null", "r");
    expect(s.attach(file)).toBe(-EOPNOTSUPP);
    closeSync(file);
    expect(s.attach(-1)).toBe(-EBADF);
    expect(s.attach(s.ring.fd)).toBeGreaterThanOrEqual(0);
    expect(s.attach(s.ring.fd)).toBe(-EBUSY);
  });

  it("keeps its loop when it is resized, which then finds the new rings", async () => {
    using s = await byHand("regions");
    expect(s.attach(s.ring.fd)).toBeGreaterThanOrEqual(0);
    s.values.set("region_id", 1);
    expect(s.enter(0, 0, 0)).toBe(0);
    expect([s.values.get("got_4096"), s.values.get("got_8193")]).toEqual([1, 0]);

    const sys = openSys();
    // the rest of its flags it inherits, NO_MMAP among them
    const request = { entries: 8, cq_entries: 1024, flags: parseSetupFlags(["CQSIZE"]) };
    const { ringsReserve, sqesSize } = ringsLayout(request);
    const base = sys.addressOf(s.memory.bytes);
    const params = new Uint8Array(io_uring_params.size);
    encodeParams(request, params);
    setField(io_uring_params, viewOf(params), 0, "sq_entries", request.entries);
    setField(io_uring_params, viewOf(params), 0, "cq_off.user_addr", base + s.memory.allocate(ringsReserve));
    setField(io_uring_params, viewOf(params), 0, "sq_off.user_addr", base + s.memory.allocate(sqesSize));
    const opcode = IORING_REGISTER.IORING_REGISTER_RESIZE_RINGS;
    expect(io_uring_register(sys, s.ring.fd, opcode, sys.addressOf(params), 1)).toBe(0);
    expect(s.enter(0, 0, 0)).toBe(0);
    expect([s.values.get("got_4096"), s.values.get("got_8193")]).toEqual([1, 1]);
  });
});
