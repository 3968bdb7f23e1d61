// What the simulator holds: with thousands of requests in flight, after they are done, and after rings are closed. By count,
// so that nothing depends on the machine it runs on.

import { describe, expect, it } from "vitest";
import { IORING_OP, IORING_REGISTER, IORING_REGISTER_FLAGS, SOCKET } from "../abi/index.ts";
import { TestProcess, setupFlags, type TestSqe } from "./harness.ts";
import { SIM_BASE } from "./memory.ts";

const IN_FLIGHT = 10_000;
const ENTRIES = 4096;
const { IORING_OP_ACCEPT, IORING_OP_FUTEX_WAIT, IORING_OP_POLL_ADD, IORING_OP_READ, IORING_OP_TIMEOUT } = IORING_OP;
const FUTEX2_PRIVATE_U32 = 0x82;
const ECANCELED = 125;

/** Ways to wait; the request and what ends all of them. */
const WAITS: readonly (readonly [name: string, make: (process: TestProcess) => { sqe: TestSqe; end: () => void }])[] = [
  [
    "timeouts",
    (process) => ({
      sqe: { opcode: IORING_OP_TIMEOUT, addr: process.timespec(1e9), len: 1 },
      end: () => process.kernel.advance(2e9),
    }),
  ],
  [
    "polls of one pipe",
    (process) => {
      const [reader, writer] = process.kernel.pipe2() as [number, number];
      return {
        sqe: { opcode: IORING_OP_POLL_ADD, fd: reader, poll32_events: 1 },
        end: () => void process.kernel.write(writer, 0, 1),
      };
    },
  ],
  [
    "reads of an empty pipe",
    (process) => {
      const [reader, writer] = process.kernel.pipe2() as [number, number];
      return {
        sqe: { opcode: IORING_OP_READ, fd: reader, addr: SIM_BASE + process.space(1), len: 1 },
        end: () => void process.kernel.close(writer),
      };
    },
  ],
];

function countOf(process: TestProcess): Record<string, number> {
  const { machine } = process.kernel;
  const { ring } = process;
  return {
    inFlight: ring.inFlight,
    timers: machine.clock.pending,
    requests: ring.pool.length,
    localWork: ring.localWork.length,
    taskWork: machine.taskWork.length,
    overflow: ring.overflow.length,
  };
}

describe(`${IN_FLIGHT} requests in flight`, () => {
  for (const deferred of [false, true]) {
    for (const [name, make] of WAITS) {
      it(`${name}${deferred ? ", DEFER_TASKRUN" : ""}: each completes once, and what they took is used again`, () => {
        const flags = deferred ? setupFlags(["SINGLE_ISSUER", "DEFER_TASKRUN", "CQSIZE"]) : setupFlags(["CQSIZE"]);
        const process = new TestProcess({ entries: ENTRIES, cq_entries: 4 * ENTRIES, flags });
        let first: Record<string, number> | undefined;
        for (let round = 0; round < 3; round++) {
          const { sqe, end } = make(process);
          for (let sent = 0; sent < IN_FLIGHT;) {
            const some = Math.min(ENTRIES, IN_FLIGHT - sent);
            const sqes = Array.from({ length: some }, (_, i) => ({ ...sqe, user_data: sent + i }));
            expect(process.submit(sqes)).toBe(some);
            sent += some;
          }
          expect(process.ring.inFlight).toBe(IN_FLIGHT);
          end();
          expect(process.wait(IN_FLIGHT)).toBe(0);
          const seen = new Set(process.reap().map(({ user_data }) => user_data));
          expect(seen.size).toBe(IN_FLIGHT);
          first ??= countOf(process);
          expect(countOf(process)).toEqual(first);
        }
        expect(first).toMatchObject({ inFlight: 0, timers: 0, requests: IN_FLIGHT, taskWork: 0 });
      });
    }
  }
});

describe("a ring that is closed", () => {
  const setUp = (): TestProcess => new TestProcess({ entries: 8, flags: 0 });
  const PARAMS = 0x2000;

  it("gives its memory, descriptors, timers and addresses back, whatever was in flight", () => {
    const process = setUp();
    const { kernel } = process;
    const { memory, machine } = kernel;
    const address = process.put(Uint8Array.from([1, 0, 0, 0x61]));
    const descriptor = process.put(new Uint8Array(40));
    const held = (): unknown => ({
      top: memory.kernelTop,
      descriptors: machine.files.filter((file) => file !== null).length,
      timers: machine.clock.pending,
      addresses: machine.addresses.size,
      futexes: machine.futexes.size,
    });
    const rounds: unknown[] = [];
    for (let round = 0; round < 50; round++) {
      memory.bytes.fill(0, PARAMS, PARAMS + 120);
      const fd = kernel.setup(process.params.sq_entries, SIM_BASE + PARAMS);
      expect(fd).toBeGreaterThan(0);
      const at = descriptor - SIM_BASE;
      memory.bytes.fill(0, at, at + 40);
      memory.view.setUint32(at + 8, 256, true);
      memory.view.setUint16(at + 14, IORING_REGISTER_FLAGS.IOU_PBUF_RING_MMAP, true);
      expect(kernel.register(fd, IORING_REGISTER.IORING_REGISTER_PBUF_RING, descriptor, 1)).toBe(0);
      const [reader, writer] = kernel.pipe2() as [number, number];
      const listener = openListener(process, fd, address);
      submitTo(process, fd, [
        { opcode: IORING_OP_READ, fd: reader, addr: SIM_BASE, len: 1, flags: 0x10 },
        { opcode: IORING_OP_READ, fd: reader, addr: SIM_BASE, len: 1, flags: 0x04 },
        { opcode: IORING_OP_TIMEOUT, addr: process.timespec(1e9), len: 1 },
        { opcode: IORING_OP_TIMEOUT, addr: process.timespec(1e9), len: 1 },
        { opcode: IORING_OP_FUTEX_WAIT, addr: SIM_BASE + 0x3000, addr3: 1, fd: FUTEX2_PRIVATE_U32 },
        { opcode: IORING_OP_ACCEPT, fd: listener },
      ]);
      for (const open of [listener, reader, writer, fd]) expect(kernel.close(open)).toBe(0);
      rounds.push(held());
    }
    expect(new Set(rounds.map((round) => JSON.stringify(round))).size).toBe(1);
    expect(rounds[0]).toMatchObject({ timers: 0, addresses: 0, futexes: 0 });
  });

  it("hears no more of what it waited for", () => {
    const process = setUp();
    const { kernel } = process;
    const [reader, writer] = kernel.pipe2() as [number, number];
    const target = process.space(1);
    process.submit([{ opcode: IORING_OP_READ, fd: reader, addr: SIM_BASE + target, len: 1 }]);
    expect(kernel.close(process.fd)).toBe(0);
    kernel.memory.bytes[0] = 0x55;
    expect(kernel.write(writer, 0, 1)).toBe(1);
    kernel.advance(1e9);
    expect(kernel.memory.bytes[target]).toBe(0);
  });

  it("leaves requests of other rings alone", () => {
    const process = setUp();
    const { kernel } = process;
    kernel.memory.bytes.fill(0, PARAMS, PARAMS + 120);
    const other = kernel.setup(8, SIM_BASE + PARAMS);
    const [reader] = kernel.pipe2() as [number, number];
    process.submit([{ opcode: IORING_OP_POLL_ADD, fd: reader, poll32_events: 1, user_data: 7 }]);
    submitTo(process, other, [{ opcode: IORING_OP_POLL_ADD, fd: reader, poll32_events: 1 }]);
    kernel.close(other);
    process.submit([{ opcode: IORING_OP.IORING_OP_ASYNC_CANCEL, addr: 7, user_data: 8 }]);
    expect(process.reap()).toEqual([
      { user_data: 8, res: 0, flags: 0 },
      { user_data: 7, res: -ECANCELED, flags: 0 },
    ]);
  });
});

/** A unix socket that listens at `address` (4 bytes); its descriptor. */
function openListener(process: TestProcess, fd: number, address: number): number {
  const socket = process.kernel.machine.files.indexOf(null);
  const expected = socket < 0 ? process.kernel.machine.files.length : socket;
  submitTo(process, fd, [
    { opcode: IORING_OP.IORING_OP_SOCKET, fd: SOCKET.AF_UNIX, off: SOCKET.SOCK_STREAM, flags: 0x04 },
    { opcode: IORING_OP.IORING_OP_BIND, fd: expected, addr: address, off: 4, flags: 0x04 },
    { opcode: IORING_OP.IORING_OP_LISTEN, fd: expected, len: 5 },
  ]);
  return expected;
}

/** Submits to a ring that was made as the first one was. */
function submitTo(process: TestProcess, fd: number, sqes: readonly TestSqe[]): void {
  const mine = { fd: process.fd, rings: process.rings, sqes: process.sqes, params: process.params };
  const { kernel } = process;
  const other = {
    fd,
    rings: kernel.mmap(fd, 0, 64) - SIM_BASE,
    sqes: kernel.mmap(fd, 0x1000_0000, 64) - SIM_BASE,
  };
  Object.assign(process, other);
  try {
    expect(process.submit(sqes)).toBe(sqes.length);
    kernel.enter(fd, 0, 0, 1);
  } finally {
    Object.assign(process, mine);
  }
}
