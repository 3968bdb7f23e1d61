// Loops whose course Linux determines: what sim-kernel.test.ts runs on the simulator and on the kernel, to compare each
// step, each completion and all globals. What depends on how fast a machine is does not belong here.

import path from "node:path";
import { DEFAULT_SETUP_FLAGS, type RingOptions } from "../src/loop/index.ts";
import { findProgram } from "../src/programs/index.ts";
import {
  IORING_ASYNC_CANCEL,
  IORING_OP,
  IORING_POLL,
  IORING_TIMEOUT,
  IOSQE,
  type SqeField,
} from "../src/uring/abi/index.ts";

export type Sqe = Partial<Record<SqeField, number | bigint>>;
type Values = Readonly<Record<string, number | bigint | readonly number[]>>;

/** Requests of one step, and how many completions in all the loop then waits for. */
export interface Round {
  readonly sqes: readonly Sqe[];
  readonly until: number;
}

/** What a play may have of the system it runs on. */
export interface Stage {
  /** Process address of zeroed memory. */
  readonly memory: (bytes?: Uint8Array | readonly number[], size?: number) => bigint;
  /** Address of a struct __kernel_timespec. */
  readonly timespec: (ms: number) => bigint;
  readonly pipe: () => readonly [reader: number, writer: number];
  /** A descriptor of a file with these bytes, for reading and writing. */
  readonly file: (bytes: Uint8Array) => number;
  readonly ringFd: number;
}

export interface Play {
  readonly name: string;
  /** Path of the object. */
  readonly object: string;
  readonly ring: RingOptions;
  readonly ops?: string;
  readonly values?: Values;
  /** Values that name something of the system, and are not compared. */
  readonly places?: (stage: Stage) => Values;
  /** For the loop `play`. */
  readonly rounds?: (stage: Stage) => readonly Round[];
  /**
   * Workers do some of it: when they wake the loop is a race in Linux, which also wakes it to make a worker. Only what a round
   * ends with is compared then, not the steps on the way.
   */
  readonly workers?: true;
}

const EIGHT: RingOptions = { entries: 8, cq_entries: 8, flags: DEFAULT_SETUP_FLAGS };
const LONG: RingOptions = { entries: 8, cq_entries: 2048, flags: DEFAULT_SETUP_FLAGS };
const CLASSIC: RingOptions = { entries: 8, flags: ["SINGLE_ISSUER", "DEFER_TASKRUN"] };
const PLAYED: RingOptions = { entries: 8, cq_entries: 64, flags: DEFAULT_SETUP_FLAGS, mem: 4096 };

const loop = (name: string): string =>
  findProgram(name)?.object ?? path.join(import.meta.dirname, `../testdata/loops/${name}.bpf.o`);

const { IOSQE_ASYNC, IOSQE_CQE_SKIP_SUCCESS, IOSQE_IO_DRAIN, IOSQE_IO_HARDLINK, IOSQE_IO_LINK } = IOSQE;
const OP = IORING_OP;
/** IORING_NOP_INJECT_RESULT. */
const INJECT = 1;
const FAR_MS = 1_000_000;

const nop = (more: Sqe = {}): Sqe => ({ opcode: OP.IORING_OP_NOP, ...more });
const failing = (more: Sqe = {}): Sqe => nop({ nop_flags: INJECT, len: 0xffff_fffb, ...more });

/** Numbers the requests, so that completions can be told apart. */
const numbered = (rounds: readonly Round[]): Round[] => {
  let user_data = 0;
  return rounds.map(({ sqes, until }) => ({ until, sqes: sqes.map((sqe) => ({ user_data: ++user_data, ...sqe })) }));
};

const played = (
  name: string,
  rounds: (stage: Stage) => readonly Round[],
  values: Values = {},
  ring: RingOptions = PLAYED,
): Play => ({ name, object: loop("play"), ring, values, rounds: (stage) => numbered(rounds(stage)) });

/** The same by workers. */
const worked = (play: Play): Play => ({ ...play, workers: true });

const once = (name: string, until: number, sqes: (stage: Stage) => readonly Sqe[]): Play =>
  played(name, (stage) => [{ sqes: sqes(stage), until }]);

const LINKS: readonly Play[] = [
  once("a chain", 3, () => [nop({ flags: IOSQE_IO_LINK }), nop({ flags: IOSQE_IO_LINK }), nop()]),
  once("a chain whose first fails", 4, () => [
    failing({ flags: IOSQE_IO_LINK }),
    nop({ flags: IOSQE_IO_LINK }),
    nop(),
    nop(),
  ]),
  once("a hard chain whose first fails", 3, () => [
    failing({ flags: IOSQE_IO_HARDLINK }),
    failing({ flags: IOSQE_IO_HARDLINK }),
    nop(),
  ]),
  once("a chain that ends with the submission", 2, () => [nop(), nop({ flags: IOSQE_IO_LINK })]),
  once("silent requests", 2, () => [
    nop({ flags: IOSQE_CQE_SKIP_SUCCESS }),
    nop(),
    failing({ flags: IOSQE_CQE_SKIP_SUCCESS }),
  ]),
  once("a silent chain that fails", 1, () => [
    failing({ flags: IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS }),
    nop({ flags: IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS }),
    nop({ flags: IOSQE_CQE_SKIP_SUCCESS }),
  ]),
  // a drain makes what follows it a worker's
  worked(once("a drain", 3, () => [nop(), nop({ flags: IOSQE_IO_DRAIN }), nop()])),
  worked(once("one request of a worker", 1, () => [nop({ flags: IOSQE_ASYNC })])),
  worked(once("a chain begun by a worker", 2, () => [nop({ flags: IOSQE_ASYNC | IOSQE_IO_LINK }), nop()])),
  once("task work", 2, () => [nop({ nop_flags: 16 }), nop({ nop_flags: 16 })]),
  once("a refused opcode ends the submission", 2, () => [nop(), { opcode: 200 }, nop()]),
  once("a refused flag ends the submission", 1, () => [nop({ flags: 0x80 }), nop()]),
  once("a chain with a refused request", 3, () => [
    nop({ flags: IOSQE_IO_LINK }),
    { opcode: 200, flags: IOSQE_IO_LINK },
    nop(),
  ]),
];

const TIMEOUTS: readonly Play[] = [
  once("a timeout", 1, (stage) => [{ opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(10), len: 1 }]),
  played(
    "a timeout wakes a loop that waits for more",
    (stage) => [{ sqes: [{ opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(10), len: 1 }], until: 1 }],
    { more: 3 },
  ),
  once("two timeouts, one step each", 2, (stage) =>
    [150, 20].map((ms) => ({ opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(ms), len: 1 })),
  ),
  once("a timeout that counts", 3, (stage) => [
    { opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(FAR_MS), len: 1, off: 2 },
    nop(),
    nop(),
  ]),
  once("a timeout that repeats", 3, (stage) => [
    {
      opcode: OP.IORING_OP_TIMEOUT,
      addr: stage.timespec(15),
      len: 1,
      off: 3,
      timeout_flags: IORING_TIMEOUT.IORING_TIMEOUT_MULTISHOT,
    },
  ]),
  once("a timeout that is past", 1, (stage) => [
    { opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(0), len: 1, timeout_flags: IORING_TIMEOUT.IORING_TIMEOUT_ABS },
  ]),
  once("a timeout that counts as success", 2, (stage) => [
    {
      opcode: OP.IORING_OP_TIMEOUT,
      addr: stage.timespec(5),
      len: 1,
      flags: IOSQE_IO_LINK,
      timeout_flags: IORING_TIMEOUT.IORING_TIMEOUT_ETIME_SUCCESS,
    },
    nop(),
  ]),
  played("a timeout that is removed", (stage) => [
    { sqes: [{ opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(FAR_MS), len: 1 }], until: 0 },
    { sqes: [{ opcode: OP.IORING_OP_TIMEOUT_REMOVE, addr: 1 }], until: 2 },
  ]),
  played("a timeout that is moved", (stage) => [
    { sqes: [{ opcode: OP.IORING_OP_TIMEOUT, addr: stage.timespec(FAR_MS), len: 1 }], until: 0 },
    {
      sqes: [
        {
          opcode: OP.IORING_OP_TIMEOUT_REMOVE,
          addr: 1,
          off: stage.timespec(5),
          timeout_flags: IORING_TIMEOUT.IORING_TIMEOUT_UPDATE,
        },
      ],
      until: 2,
    },
  ]),
  once("a read that a linked timeout ends", 2, (stage) => [
    { opcode: OP.IORING_OP_READ, fd: stage.pipe()[0], addr: stage.memory(), len: 8, flags: IOSQE_IO_LINK },
    { opcode: OP.IORING_OP_LINK_TIMEOUT, addr: stage.timespec(10), len: 1 },
  ]),
  once("a linked timeout that is not needed", 2, (stage) => [
    nop({ flags: IOSQE_IO_LINK }),
    { opcode: OP.IORING_OP_LINK_TIMEOUT, addr: stage.timespec(FAR_MS), len: 1 },
  ]),
];

const WAITING: readonly Play[] = [
  played("a read that waits for a write", (stage) => {
    const [reader, writer] = stage.pipe();
    return [
      { sqes: [{ opcode: OP.IORING_OP_READ, fd: reader, addr: stage.memory(), len: 16 }], until: 0 },
      { sqes: [{ opcode: OP.IORING_OP_WRITE, fd: writer, addr: stage.memory([1, 2, 3]), len: 3 }], until: 2 },
    ];
  }),
  played("two reads that wait for one write each", (stage) => {
    const [reader, writer] = stage.pipe();
    const read = (): Sqe => ({ opcode: OP.IORING_OP_READ, fd: reader, addr: stage.memory(), len: 2 });
    const write = (): Sqe => ({ opcode: OP.IORING_OP_WRITE, fd: writer, addr: stage.memory([1, 2]), len: 2 });
    return [
      { sqes: [read()], until: 0 },
      { sqes: [write()], until: 2 },
      { sqes: [read()], until: 2 },
      { sqes: [write()], until: 4 },
    ];
  }),
  played("a poll that goes on", (stage) => {
    const [reader, writer] = stage.pipe();
    const write = (): Sqe => ({ opcode: OP.IORING_OP_WRITE, fd: writer, addr: stage.memory([1]), len: 1 });
    return [
      {
        sqes: [{ opcode: OP.IORING_OP_POLL_ADD, fd: reader, poll32_events: 1, len: IORING_POLL.IORING_POLL_ADD_MULTI }],
        until: 0,
      },
      { sqes: [write()], until: 2 },
      { sqes: [write()], until: 4 },
      { sqes: [{ opcode: OP.IORING_OP_POLL_REMOVE, addr: 1 }], until: 6 },
    ];
  }),
  played("a poll that is cancelled", (stage) => [
    { sqes: [{ opcode: OP.IORING_OP_POLL_ADD, fd: stage.pipe()[0], poll32_events: 1 }], until: 0 },
    { sqes: [{ opcode: OP.IORING_OP_ASYNC_CANCEL, addr: 1 }], until: 2 },
  ]),
  played("all that waits at a file is cancelled", (stage) => {
    const [reader] = stage.pipe();
    const read = (): Sqe => ({ opcode: OP.IORING_OP_READ, fd: reader, addr: stage.memory(), len: 1 });
    const cancel_flags = IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_ALL;
    return [
      { sqes: [read(), nop(), read()], until: 1 },
      { sqes: [{ opcode: OP.IORING_OP_ASYNC_CANCEL, fd: reader, cancel_flags }], until: 4 },
    ];
  }),
  played("what cannot be cancelled", () => [
    {
      sqes: [
        { opcode: OP.IORING_OP_ASYNC_CANCEL, addr: 77 },
        { opcode: OP.IORING_OP_TIMEOUT_REMOVE, addr: 77 },
      ],
      until: 2,
    },
  ]),
  played("a futex", (stage) => {
    const addr = stage.memory();
    const [fd, addr3] = [0x82, 1];
    return [
      { sqes: [{ opcode: OP.IORING_OP_FUTEX_WAIT, addr, fd, addr3, off: 5 }], until: 1 },
      { sqes: [{ opcode: OP.IORING_OP_FUTEX_WAIT, addr, fd, addr3 }], until: 1 },
      { sqes: [{ opcode: OP.IORING_OP_FUTEX_WAKE, addr, fd, addr3, off: 1 }], until: 3 },
    ];
  }),
  played("a message to itself", (stage) => [
    { sqes: [{ opcode: OP.IORING_OP_MSG_RING, fd: stage.ringFd, len: 5, off: 99 }], until: 2 },
  ]),
];

// the rig's tmpfs knows no reading without blocking, as other file systems do: workers read there
const FILES: readonly Play[] = [
  played("reads of a file, one after the other", (stage) => {
    const fd = stage.file(Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff));
    const read = (off: number, len: number): Sqe => ({
      opcode: OP.IORING_OP_READ,
      fd,
      off,
      len,
      addr: stage.memory([], 4096),
    });
    return [read(0, 4096), read(4096, 4096), read(5000, 10)].map((sqe, i) => ({ sqes: [sqe], until: i + 1 }));
  }),
  played("writes to a file, one after the other", (stage) => {
    const fd = stage.file(new Uint8Array(10));
    const addr = stage.memory([7, 8, 9]);
    const step = (sqe: Sqe, until: number): Round => ({ sqes: [{ fd, ...sqe }], until });
    return [
      step({ opcode: OP.IORING_OP_WRITE, addr, len: 3, off: 100 }, 1),
      step({ opcode: OP.IORING_OP_FSYNC }, 2),
      step({ opcode: OP.IORING_OP_READ, addr: stage.memory([], 256), len: 256 }, 3),
      step({ opcode: OP.IORING_OP_FTRUNCATE, off: 50 }, 4),
      step({ opcode: OP.IORING_OP_READ, addr: stage.memory([], 256), len: 256 }, 5),
      step({ opcode: OP.IORING_OP_READ, addr: 0x1000, len: 1 }, 6),
      step({ opcode: OP.IORING_OP_READ, addr, len: 1, fd: 9999 }, 7),
    ];
  }),
];

export const PLAYS: readonly Play[] = [
  ...[1, 3, 8].map((depth) => ({
    name: `nops, ${depth} at a time`,
    object: loop("nops"),
    ring: LONG,
    values: { reqs_to_run: 200, queue_depth: depth },
  })),
  { name: "one at a time", object: loop("one-at-a-time"), ring: CLASSIC },
  { name: "submit", object: loop("submit"), ring: EIGHT, values: { rounds: [3, 2, 0, 0] } },
  { name: "submit more than there are", object: loop("submit"), ring: EIGHT, values: { rounds: [100, 0, 0, 0] } },
  {
    name: "submit by the tail",
    object: loop("submit"),
    ring: CLASSIC,
    values: { rounds: [5, 5, 0, 0], advance_tail: 2 },
  },
  {
    name: "submit what is refused",
    object: loop("submit"),
    ring: EIGHT,
    values: { rounds: [4, 4, 0, 0], opcodes: [0, 0, 255, 0, 0, 0, 0, 0] },
  },
  { name: "overflow", object: loop("overflow"), ring: EIGHT },
  ...[0, 1, 2, 3].map((region_id) => ({
    name: `region ${region_id}`,
    object: loop("regions"),
    ring: { ...EIGHT, mem: 8192 },
    values: { region_id },
  })),
  ...[1, 2, -1].map((value) => ({
    name: `returns ${value}`,
    object: loop("returns"),
    ring: EIGHT,
    values: { value, at: 3 },
  })),
  { name: "waits", object: loop("waits"), ring: EIGHT, values: { wait_delta: 0xffff_fffb, last: 8 } },
  ...["first_ops", "second_ops"].map((ops) => ({ name: ops, object: loop("two-ops"), ring: EIGHT, ops })),
  {
    name: "timeout",
    object: loop("timeout"),
    ring: EIGHT,
    places: (stage) => ({ ts_addr: stage.timespec(10) }),
  },
  {
    name: "cp, one buffer",
    object: loop("cp"),
    ring: { ...LONG, cq_entries: 128 },
    values: { buffer_size: 4096, nr_buffers: 1 },
    places: (stage) => ({
      in_fd: stage.file(Uint8Array.from({ length: 100_003 }, (_, i) => (i * 7) & 0xff)),
      out_fd: stage.file(new Uint8Array(0)),
      buffers: stage.memory([], 4096),
    }),
  },
  ...LINKS,
  ...TIMEOUTS,
  ...WAITING,
  ...FILES.map(worked),
];
