// Polls and what hangs on them, where neither the host's kernel nor the random scripts of test/diff-sim tell enough: many
// messages at once, ends that come with data, who is woken, and what is found first.

import { describe, expect, it } from "vitest";
import { IORING_OP, IORING_REGISTER, IOSQE, POLL, SOCKET } from "../abi/index.ts";
import { Timer } from "./clock.ts";
import { LOOP_FLAGS, TestProcess, setupFlags, type TestSqe } from "./harness.ts";
import { SIM_BASE } from "./memory.ts";

const OP = IORING_OP;
const { IOSQE_BUFFER_SELECT } = IOSQE;
const GROUP = 3;
const RECV_MULTISHOT = 2;

const defer = (entries = 32): TestProcess =>
  new TestProcess({ entries, flags: setupFlags([...LOOP_FLAGS, "CQSIZE"]), cq_entries: 256 });

/** Registers a buffer ring with one entry for each address. */
function bufferRing(process: TestProcess, addresses: readonly bigint[], length: number): void {
  const { view } = process.kernel.memory;
  const entries = 2 ** Math.ceil(Math.log2(Math.max(1, addresses.length)));
  let at = process.space(entries * 16 + 4096);
  at += 4096 - (at % 4096);
  process.space(4096);
  addresses.forEach((address, i) => {
    view.setBigUint64(at + i * 16, address, true);
    view.setUint32(at + i * 16 + 8, length, true);
    view.setUint16(at + i * 16 + 12, i, true);
  });
  view.setUint16(at + 14, addresses.length, true);
  const registration = process.space(40);
  view.setBigUint64(registration, BigInt(SIM_BASE + at), true);
  view.setUint32(registration + 8, entries, true);
  view.setUint16(registration + 12, GROUP, true);
  const { kernel, fd } = process;
  expect(kernel.register(fd, IORING_REGISTER.IORING_REGISTER_PBUF_RING, SIM_BASE + registration, 1)).toBe(0);
}

const select = (opcode: number, fd: number, more: TestSqe = {}): TestSqe => ({
  opcode,
  fd,
  flags: IOSQE_BUFFER_SELECT,
  buf_group: GROUP,
  user_data: 1,
  ...more,
});

describe("a multishot receive", () => {
  it("goes on until nothing is left, however many messages there are", () => {
    const process = defer();
    const MESSAGES = 100;
    const [a, b] = process.kernel.socketpair(SOCKET.SOCK_DGRAM);
    const room = process.space(MESSAGES * 16);
    bufferRing(
      process,
      Array.from({ length: MESSAGES }, (_, i) => BigInt(SIM_BASE + room + i * 16)),
      16,
    );
    const text = process.put("ping") - SIM_BASE;
    for (let i = 0; i < MESSAGES; i++) expect(process.kernel.write(b, text, 4)).toBe(4);
    process.submit([select(OP.IORING_OP_RECV, a, { ioprio: RECV_MULTISHOT })]);
    process.wait(MESSAGES);
    expect(
      process
        .reap()
        .slice(0, MESSAGES)
        .map(({ res }) => res),
    ).toEqual(Array.from({ length: MESSAGES }, () => 4));
  });

  it("sees an end that came together with data", () => {
    const process = defer();
    const [a, b] = process.kernel.socketpair(SOCKET.SOCK_STREAM);
    bufferRing(process, [BigInt(SIM_BASE + process.space(16)), BigInt(SIM_BASE + process.space(16))], 16);
    process.submit([select(OP.IORING_OP_RECV, a, { ioprio: RECV_MULTISHOT })]);
    process.kernel.write(b, process.put("ping") - SIM_BASE, 4);
    process.kernel.close(b);
    process.wait(2);
    expect(process.reap().map(({ res }) => res)).toEqual([4, 0]);
  });
});

describe("an entry of a buffer ring", () => {
  it.each([
    ["that only the kernel can have", 0x8000_0000_0000_0000n],
    ["that ends where user space does", 0x7fff_ffff_eff8n],
  ])("with an address %s is none for a read, and stays", (_, address) => {
    const process = defer();
    const [a, b] = process.kernel.socketpair(SOCKET.SOCK_STREAM);
    bufferRing(process, [address], 16);
    process.kernel.write(b, process.put("ping") - SIM_BASE, 4);
    const ops = [OP.IORING_OP_READ, OP.IORING_OP_RECV, OP.IORING_OP_READ];
    const got = ops.map((opcode) => process.run([select(opcode, a)])[0]);
    expect(got.map(({ res, flags }) => [res, flags & 1])).toEqual(ops.map(() => [-105, 0]));
  });

  it("with such an address is a fault for a send, and stays", () => {
    const process = defer();
    const [a] = process.kernel.socketpair(SOCKET.SOCK_STREAM);
    bufferRing(process, [0x8000_0000_0000_0000n], 16);
    const got = [1, 2].map(() => process.run([select(OP.IORING_OP_SEND, a)])[0]);
    expect(got.map(({ res, flags }) => [res, flags])).toEqual([
      [-14, 0],
      [-14, 0],
    ]);
  });

  it("is a send's own while that waits", () => {
    const process = defer();
    const [a, b] = process.kernel.socketpair(SOCKET.SOCK_STREAM);
    const [full, mine] = [process.put(new Uint8Array(65536)), process.put("ping")];
    while (process.kernel.write(a, full - SIM_BASE, 65536) > 0);
    bufferRing(process, [BigInt(mine), BigInt(process.put("pong"))], 4);
    process.submit([select(OP.IORING_OP_SEND, a)]);
    process.submit([select(OP.IORING_OP_SEND, a, { user_data: 2 })]);
    // neither has been sent, both have their buffers
    expect(process.run([select(OP.IORING_OP_SEND, b, { user_data: 3 })])).toEqual([
      { user_data: 3, res: -105, flags: 0 },
    ]);
    process.kernel.read(b, full - SIM_BASE, 65536);
    process.wait(2);
    const sent = process.reap().map(({ user_data, res, flags }) => [user_data, res, flags >>> 16]);
    expect(sent.toSorted()).toEqual([
      [1, 4, 0],
      [2, 4, 1],
    ]);
  });
});

describe("a loop that waits for more than comes", () => {
  /** The CQ's tail at each step; a poll is met after half the time of a timeout. */
  function tails(events: number): number[] {
    const process = defer();
    const { kernel, params } = process;
    const { clock } = kernel.machine;
    const [reader, writer] = kernel.pipe2() as [number, number];
    const byte = process.put("x") - SIM_BASE;
    clock.start(new Timer(() => kernel.write(writer, byte, 1), undefined), clock.now + 500_000);
    const seen: number[] = [];
    kernel.attach(process.fd, (ring, lp) => {
      seen.push(process.word(params.cq_off.tail));
      if (seen.length === 1) {
        process.push({ opcode: OP.IORING_OP_POLL_ADD, fd: reader, poll32_events: events, user_data: 1 });
        process.push({ opcode: OP.IORING_OP_TIMEOUT, addr: process.timespec(1e6), len: 1, user_data: 2 });
        kernel.submitSqes(ring, 2);
      }
      lp.cq_wait_idx = 8;
      return seen.at(-1)! >= 2 ? 1 : 0;
    });
    kernel.enter(process.fd, 0, 0, 1);
    return seen;
  }

  it("sleeps on for a poll, and is woken for an exclusive one", () => {
    expect(tails(POLL.POLLIN)).toEqual([0, 2]);
    expect(tails(POLL.POLLIN | POLL.EPOLLEXCLUSIVE)).toEqual([0, 1, 2]);
  });
});

describe("a poll that repeats", () => {
  it("at its own ring is done after one completion", () => {
    const process = defer();
    process.submit([
      { opcode: OP.IORING_OP_POLL_ADD, fd: process.fd, poll32_events: POLL.POLLIN, len: 1, user_data: 1 },
    ]);
    process.run([{ opcode: OP.IORING_OP_NOP, user_data: 2 }]);
    process.run([{ opcode: OP.IORING_OP_NOP, user_data: 3 }]);
    expect(process.ring.inFlight).toBe(0);
  });
});
