// What the simulator must do where no second opinion is at hand: each case is a small program and the CQEs it gets. The
// breadth is test/diff-sim's, which asks the host's kernel.

import { describe, expect, it } from "vitest";
import { IORING_ASYNC_CANCEL, IORING_CQE_F, IORING_MSG, IORING_OP, IOSQE, O, OPTABLE } from "../abi/index.ts";
import { LOOP_FLAGS, TestProcess, setupFlags, type TestSqe } from "./harness.ts";
import { SIM_BASE } from "./memory.ts";
import { SIM_OPTABLE } from "./ops/optable.ts";

const OP = IORING_OP;
const { IOSQE_ASYNC, IOSQE_CQE_SKIP_SUCCESS, IOSQE_IO_DRAIN, IOSQE_IO_HARDLINK, IOSQE_IO_LINK } = IOSQE;

const plain = (): TestProcess => new TestProcess({ entries: 32, flags: setupFlags([]) });
const defer = (): TestProcess => new TestProcess({ entries: 32, flags: setupFlags(LOOP_FLAGS) });

describe("the table of opcodes", () => {
  it("has one row per opcode, in order", () => {
    expect(SIM_OPTABLE.map(({ opcode }) => opcode)).toEqual(OPTABLE.map(({ number }) => number));
    expect(SIM_OPTABLE.filter(({ simulates }) => simulates === "")).toEqual([]);
  });
});

describe.each([
  ["a plain ring", plain],
  ["a DEFER_TASKRUN ring", defer],
])("%s", (_name, make) => {
  it("runs a chain in order and breaks it at a failure", () => {
    const process = make();
    const sqes: TestSqe[] = [
      { opcode: OP.IORING_OP_NOP, flags: IOSQE_IO_LINK, user_data: 1 },
      { opcode: OP.IORING_OP_READ, fd: 99, flags: IOSQE_IO_LINK, user_data: 2 },
      { opcode: OP.IORING_OP_NOP, flags: IOSQE_IO_LINK, user_data: 3 },
      { opcode: OP.IORING_OP_NOP, user_data: 4 },
    ];
    expect(process.run(sqes).map(({ user_data, res }) => [user_data, res])).toEqual([
      [1, 0],
      [2, -9],
      [3, -125],
      [4, -125],
    ]);
  });

  it("goes on behind a failure in a hard chain", () => {
    const process = make();
    const cqes = process.run([
      { opcode: OP.IORING_OP_READ, fd: 99, flags: IOSQE_IO_HARDLINK, user_data: 1 },
      { opcode: OP.IORING_OP_NOP, user_data: 2 },
    ]);
    expect(cqes.map(({ user_data, res }) => [user_data, res])).toEqual([
      [1, -9],
      [2, 0],
    ]);
  });

  it("holds a drained request back until all before it are done", () => {
    const process = make();
    const cqes = process.run(
      [
        { opcode: OP.IORING_OP_TIMEOUT, addr: process.timespec(5e6), len: 1, user_data: 1 },
        { opcode: OP.IORING_OP_NOP, flags: IOSQE_IO_DRAIN, user_data: 2 },
        { opcode: OP.IORING_OP_NOP, user_data: 3 },
      ],
      1,
    );
    const all = [...cqes, ...(process.wait(3 - cqes.length), process.reap())];
    expect(all.map(({ user_data, res }) => [user_data, res])).toEqual([
      [1, -62],
      [2, 0],
      [3, 0],
    ]);
  });

  it("posts nothing for a success with CQE_SKIP_SUCCESS, and a failure all the same", () => {
    const process = make();
    const cqes = process.run(
      [
        { opcode: OP.IORING_OP_NOP, flags: IOSQE_CQE_SKIP_SUCCESS, user_data: 1 },
        { opcode: OP.IORING_OP_NOP, nop_flags: 1, len: 0xffff_fffb, flags: IOSQE_CQE_SKIP_SUCCESS, user_data: 2 },
        { opcode: OP.IORING_OP_NOP, user_data: 3 },
      ],
      2,
    );
    expect(cqes.map(({ user_data, res }) => [user_data, res])).toEqual([
      [2, -5],
      [3, 0],
    ]);
  });

  it("cancels what a linked timeout guards", () => {
    const process = make();
    const [reader] = process.kernel.pipe2() as [number, number];
    const cqes = process.run(
      [
        {
          opcode: OP.IORING_OP_READ,
          fd: reader,
          addr: process.put(new Uint8Array(8)),
          len: 8,
          flags: IOSQE_IO_LINK,
          user_data: 1,
        },
        { opcode: OP.IORING_OP_LINK_TIMEOUT, addr: process.timespec(1e6), len: 1, user_data: 2 },
      ],
      1,
    );
    const all = [...cqes, ...(process.wait(2 - cqes.length), process.reap())];
    expect(all.map(({ user_data, res }) => [user_data, res]).toSorted()).toEqual([
      [1, -125],
      [2, -62],
    ]);
    expect(process.ring.inFlight).toBe(0);
  });

  it("moves bytes through a pipe, whoever comes first", () => {
    const process = make();
    const [reader, writer] = process.kernel.pipe2() as [number, number];
    const target = process.put(new Uint8Array(16));
    expect(process.submit([{ opcode: OP.IORING_OP_READ, fd: reader, addr: target, len: 16, user_data: 1 }])).toBe(1);
    expect(process.reap()).toEqual([]);
    const cqes = process.run(
      [{ opcode: OP.IORING_OP_WRITE, fd: writer, addr: process.put("hello"), len: 5, user_data: 2 }],
      2,
    );
    expect(cqes.map(({ user_data, res }) => [user_data, res]).toSorted()).toEqual([
      [1, 5],
      [2, 5],
    ]);
    expect(new TextDecoder().decode(process.bytes(target, 5))).toBe("hello");
  });

  it("receives in many shots into provided buffers until they run out", () => {
    const process = make();
    const [a, b] = process.kernel.socketpair(1);
    process.run([
      { opcode: OP.IORING_OP_PROVIDE_BUFFERS, fd: 2, addr: process.put(new Uint8Array(64)), len: 32, buf_group: 3 },
    ]);
    process.submit([
      { opcode: OP.IORING_OP_RECV, fd: a, flags: IOSQE.IOSQE_BUFFER_SELECT, buf_group: 3, ioprio: 2, user_data: 1 },
    ]);
    const text = process.put("0123456789") - SIM_BASE;
    const got = [1, 2, 3].flatMap((count) => {
      process.kernel.write(b, text, 10);
      process.wait(1);
      return process.reap().map(({ res, flags }) => [count, res, flags & 3, flags >>> 16]);
    });
    expect(got).toEqual([
      [1, 10, 3, 0],
      [2, 10, 3, 1],
      [3, -105, 0, 0],
    ]);
  });

  it("accepts, connects, sends and receives", () => {
    const process = make();
    const { kernel } = process;
    const address = process.put(Uint8Array.of(2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0));
    const [server, client] = process
      .run([
        { opcode: OP.IORING_OP_SOCKET, fd: 2, off: 1, user_data: 1 },
        { opcode: OP.IORING_OP_SOCKET, fd: 2, off: 1, user_data: 2 },
      ])
      .map(({ res }) => res) as [number, number];
    process.run([{ opcode: OP.IORING_OP_BIND, fd: server, addr: address, addr2: 16 }]);
    process.run([{ opcode: OP.IORING_OP_LISTEN, fd: server, len: 4 }]);
    process.submit([{ opcode: OP.IORING_OP_ACCEPT, fd: server, user_data: 3 }]);
    const cqes = process.run([{ opcode: OP.IORING_OP_CONNECT, fd: client, addr: address, addr2: 16, user_data: 4 }], 2);
    const accepted = cqes.find(({ user_data }) => user_data === 3)!.res;
    expect(accepted).toBeGreaterThan(client);
    const target = process.put(new Uint8Array(8));
    process.submit([{ opcode: OP.IORING_OP_RECV, fd: accepted, addr: target, len: 8, user_data: 5 }]);
    const done = process.run(
      [{ opcode: OP.IORING_OP_SEND, fd: client, addr: process.put("ping"), len: 4, user_data: 6 }],
      2,
    );
    expect(done.map(({ user_data, res }) => [user_data, res]).toSorted()).toEqual([
      [5, 4],
      [6, 4],
    ]);
    kernel.close(client);
    expect(process.run([{ opcode: OP.IORING_OP_RECV, fd: accepted, addr: target, len: 8 }])[0].res).toBe(0);
  });

  it("opens, writes, looks at, renames and removes a file", () => {
    const process = make();
    const path = process.put("/a");
    const stat = process.put(new Uint8Array(256));
    const fd = process.run([
      { opcode: OP.IORING_OP_OPENAT, fd: -100, addr: path, open_flags: O.O_RDWR | O.O_CREAT, len: 0o644 },
    ])[0].res;
    const cqes = process.run([
      { opcode: OP.IORING_OP_WRITE, fd, addr: process.put("0123456789"), len: 10, flags: IOSQE_IO_LINK, user_data: 1 },
      { opcode: OP.IORING_OP_STATX, fd: -100, addr: path, len: 0x7ff, off: stat, flags: IOSQE_IO_LINK, user_data: 2 },
      {
        opcode: OP.IORING_OP_RENAMEAT,
        fd: -100,
        addr: path,
        len: 0xffff_ff9c,
        off: process.put("/b"),
        flags: IOSQE_IO_LINK,
        user_data: 3,
      },
      { opcode: OP.IORING_OP_UNLINKAT, fd: -100, addr: path, user_data: 4 },
    ]);
    expect(cqes.map(({ user_data, res }) => [user_data, res])).toEqual([
      [1, 10],
      [2, 0],
      [3, 0],
      [4, -2],
    ]);
    expect(new DataView(process.bytes(stat, 256).buffer).getBigUint64(40, true)).toBe(10n);
  });

  it("wakes a futex and cancels another", () => {
    const process = make();
    const word = process.put(new Uint8Array(4));
    const wait = { opcode: OP.IORING_OP_FUTEX_WAIT, addr: word, fd: 0x82, addr3: 0xffff_ffff };
    process.submit([
      { ...wait, user_data: 1 },
      { ...wait, user_data: 2 },
    ]);
    const cqes = process.run(
      [
        { opcode: OP.IORING_OP_FUTEX_WAKE, addr: word, off: 1, fd: 0x82, addr3: 0xffff_ffff, user_data: 3 },
        { opcode: OP.IORING_OP_ASYNC_CANCEL, addr: 2, user_data: 4 },
      ],
      4,
    );
    expect(cqes.map(({ user_data, res }) => [user_data, res]).toSorted()).toEqual([
      [1, 0],
      [2, -125],
      [3, 1],
      [4, 1],
    ]);
    expect(process.kernel.machine.futexes.size).toBe(0);
  });

  it("repeats a multishot timeout and counts completions for another", () => {
    const process = make();
    process.submit([
      { opcode: OP.IORING_OP_TIMEOUT, addr: process.timespec(1e6), len: 1, off: 3, timeout_flags: 0x40, user_data: 1 },
    ]);
    const shots: number[][] = [];
    for (let i = 0; i < 3; i++) {
      process.wait(1);
      shots.push(...process.reap().map(({ res, flags }) => [res, flags]));
    }
    expect(shots).toEqual([
      [-62, 2],
      [-62, 2],
      [-62, 0],
    ]);
    process.submit([{ opcode: OP.IORING_OP_TIMEOUT, addr: process.timespec(1e12), len: 1, off: 2, user_data: 2 }]);
    const cqes = process.run(
      [
        { opcode: OP.IORING_OP_NOP, user_data: 3 },
        { opcode: OP.IORING_OP_NOP, user_data: 4 },
      ],
      3,
    );
    expect(cqes.map(({ user_data, res }) => [user_data, res])).toEqual([
      [3, 0],
      [4, 0],
      [2, 0],
    ]);
  });

  it("leaves nothing behind after many requests of many kinds", () => {
    const process = make();
    const [a, b] = process.kernel.socketpair(1);
    const buffer = process.put(new Uint8Array(64));
    for (let i = 0; i < 200; i++) {
      process.run(
        [
          { opcode: OP.IORING_OP_RECV, fd: a, addr: buffer, len: 8, user_data: 1 },
          {
            opcode: OP.IORING_OP_SEND,
            fd: b,
            addr: buffer,
            len: 8,
            flags: i % 2 === 0 ? IOSQE_ASYNC : 0,
            user_data: 2,
          },
          { opcode: OP.IORING_OP_NOP, flags: IOSQE_IO_LINK, user_data: 3 },
          { opcode: OP.IORING_OP_NOP, user_data: 4 },
        ],
        4,
      );
    }
    const { ring, kernel } = process;
    expect([ring.inFlight, ring.pool.length, ring.workers.size, kernel.machine.clock.pending]).toEqual([0, 4, 0, 0]);
  });
});

describe("waiting", () => {
  it("wakes a loop at once for a timeout, and for lazy completions only when enough are there", () => {
    const process = new TestProcess({ entries: 8, flags: setupFlags(LOOP_FLAGS) });
    const { kernel, params } = process;
    const [a, b] = kernel.socketpair(1);
    const buffer = process.put(new Uint8Array(8));
    const seen: number[] = [];
    let step = 0;
    kernel.attach(process.fd, (ring, lp) => {
      seen.push(process.reap().length);
      if (step++ === 0) {
        process.push({ opcode: OP.IORING_OP_RECV, fd: a, addr: buffer, len: 4, user_data: 1 });
        process.push({ opcode: OP.IORING_OP_RECV, fd: b, addr: buffer, len: 4, user_data: 2 });
        process.push({ opcode: OP.IORING_OP_TIMEOUT, addr: process.timespec(1e6), len: 1, user_data: 3 });
        kernel.submitSqes(ring, 3);
      }
      if (step === 2) {
        process.push({ opcode: OP.IORING_OP_SEND, fd: a, addr: buffer, len: 4, user_data: 4 });
        process.push({ opcode: OP.IORING_OP_SEND, fd: b, addr: buffer, len: 4, user_data: 5 });
        kernel.submitSqes(ring, 2);
      }
      lp.cq_wait_idx = process.word(params.cq_off.head) + 4;
      return seen.reduce((sum, count) => sum + count, 0) === 5 ? 1 : 0;
    });
    expect(kernel.enter(process.fd, 0, 0, 1)).toBe(0);
    expect(seen.slice(0, 2)).toEqual([0, 1]);
    expect(seen.reduce((sum, count) => sum + count, 0)).toBe(5);
  });

  it("says what a sleeper without hope waits for", () => {
    const process = plain();
    expect(() => process.wait(1)).toThrow(/nothing in flight can ever wake it/);
  });

  it("ends with -ETIME at the end of its time, and -EINTR by a signal", () => {
    const process = new TestProcess(
      { entries: 8, flags: setupFlags(LOOP_FLAGS) },
      { faults: { rules: [{ kind: "signal", nth: 2 }] } },
    );
    const arg = process.put(new Uint8Array(24));
    process.kernel.memory.view.setBigUint64(arg - SIM_BASE + 16, BigInt(process.timespec(1e9)), true);
    expect(process.kernel.enter(process.fd, 0, 1, 9, arg, 24)).toBe(-62);
    expect(process.kernel.enter(process.fd, 0, 1, 9, arg, 24)).toBe(-4);
  });
});

describe("what Linux 7.2 refuses, and the kernels before it did not", () => {
  const cancel = (opcode: number): TestSqe => ({
    opcode: OP.IORING_OP_ASYNC_CANCEL,
    cancel_flags: IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_OP,
    len: opcode,
  });
  const message = (fd: number): TestSqe => ({
    opcode: OP.IORING_OP_MSG_RING,
    fd,
    msg_ring_flags: IORING_MSG.IORING_MSG_RING_FLAGS_PASS,
    file_index: IORING_CQE_F.IORING_CQE_F_32,
  });

  it("is a cancellation by an opcode that is none", () => {
    const last = OPTABLE.at(-1)!.number;
    const got = [last, last + 1, 255, 256].map((opcode) => plain().run([cancel(opcode)])[0].res);
    expect(got).toEqual([-2, -22, -22, -22]);
  });

  it("is a message that announces a long CQE to a ring that has none", () => {
    const short = plain();
    expect(short.run([message(short.fd)])).toMatchObject([{ res: -22 }]);
    const long = new TestProcess({ entries: 4, flags: setupFlags(["CQE32"]) });
    expect(long.run([message(long.fd)], 2).map(({ res }) => res)).toEqual([0, 0]);
  });
});
