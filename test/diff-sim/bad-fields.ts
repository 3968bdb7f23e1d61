// Wrong arguments, systematically: every simulated opcode, every field of its SQE, a set of values for each. One script
// tries the values of one field one after the other, each followed by a cancellation of whatever waits for something.

import { IORING_OP, IORING_SETUP, IOSQE, type OpName } from "../../src/uring/abi/index.ts";
import {
  DATA_AT,
  FIXED_FILES,
  H,
  MEMORY_SIZE,
  OUT_AT,
  STRUCTS_AT,
  type Phase,
  type Poke,
  type Script,
  type Value,
} from "./script.ts";

type Fields = Readonly<Record<string, Value>>;

/** Places of the structures the good requests point at. */
const AT = {
  timespec: STRUCTS_AT,
  long: STRUCTS_AT + 0x40,
  iovec: STRUCTS_AT + 0x80,
  header: STRUCTS_AT + 0x100,
  how: STRUCTS_AT + 0x180,
  name: STRUCTS_AT + 0x200,
  other: STRUCTS_AT + 0x240,
  missing: STRUCTS_AT + 0x280,
  address: STRUCTS_AT + 0x300,
  fds: STRUCTS_AT + 0x380,
  event: STRUCTS_AT + 0x400,
  futex: OUT_AT + 0x1000,
} as const;

const text = (at: number, value: string): Poke[] =>
  [...new TextEncoder().encode(`${value}\0`)].map((byte, i) => ({ at: at + i, size: 1, value: byte }));
const words = (at: number, ...values: readonly Value[]): Poke[] =>
  values.map((value, i) => ({ at: at + i * 8, size: 8, value }));

function pokes(seed: number): Poke[] {
  return [
    ...words(AT.timespec, 0, 1_000_000),
    // 32 years: far away as a duration, past as a time of day
    ...words(AT.long, 1_000_000_000, 0),
    ...words(AT.iovec, { m: DATA_AT }, 100, { m: DATA_AT + 512 }, 50),
    ...words(AT.header, 0, 0, { m: AT.iovec }, 2, 0, 0, 0),
    ...words(AT.how, 2, 0, 0),
    ...text(AT.name, "f0"),
    ...text(AT.other, "new"),
    ...text(AT.missing, "missing/x"),
    { at: AT.address, size: 2, value: 1 },
    ...text(AT.address + 3, `loopstep-bad-${seed}`),
    { at: AT.fds, size: 4, value: { h: H.f0 } },
    { at: AT.fds + 4, size: 4, value: -1 },
    ...words(AT.event, 1),
  ];
}

const OP = IORING_OP;
const data = { m: DATA_AT } as const;
const dir = { h: H.dir } as const;

/** A request that makes sense, by opcode. */
const GOOD: Readonly<Partial<Record<OpName, readonly Fields[]>>> = {
  IORING_OP_NOP: [{}],
  IORING_OP_READV: [{ fd: { h: H.f0 }, addr: { m: AT.iovec }, len: 2 }],
  IORING_OP_WRITEV: [{ fd: { h: H.pipeW }, addr: { m: AT.iovec }, len: 2 }],
  IORING_OP_FSYNC: [{ fd: { h: H.f0 } }],
  IORING_OP_READ_FIXED: [{ fd: { h: H.f0 }, addr: data, len: 100 }],
  IORING_OP_WRITE_FIXED: [{ fd: { h: H.f0 }, addr: data, len: 100 }],
  IORING_OP_POLL_ADD: [
    { fd: { h: H.pipeR }, poll32_events: 1 },
    { fd: { h: H.pipeW }, poll32_events: 4 },
  ],
  IORING_OP_POLL_REMOVE: [{ addr: 77 }],
  IORING_OP_SYNC_FILE_RANGE: [{ fd: { h: H.f0 }, len: 100 }],
  IORING_OP_SENDMSG: [{ fd: { h: H.sockA }, addr: { m: AT.header }, len: 1 }],
  IORING_OP_RECVMSG: [{ fd: { h: H.sockB }, addr: { m: AT.header }, len: 1 }],
  IORING_OP_TIMEOUT: [
    { addr: { m: AT.timespec }, len: 1 },
    { addr: { m: AT.long }, len: 1, off: 1 },
  ],
  IORING_OP_TIMEOUT_REMOVE: [{ addr: 77 }, { addr: 77, timeout_flags: 2, off: { m: AT.long } }],
  IORING_OP_ACCEPT: [{ fd: { h: H.listener } }],
  IORING_OP_ASYNC_CANCEL: [{ addr: 77 }],
  IORING_OP_LINK_TIMEOUT: [{ addr: { m: AT.long }, len: 1 }],
  IORING_OP_CONNECT: [{ fd: { h: H.sockA }, addr: { m: AT.address }, off: 16 }],
  IORING_OP_FALLOCATE: [{ fd: { h: H.f0 }, addr: 9000 }],
  IORING_OP_OPENAT: [{ fd: dir, addr: { m: AT.name }, open_flags: 2, file_index: 8 }],
  IORING_OP_CLOSE: [{ file_index: 7 }, { fd: { h: H.none } }],
  IORING_OP_FILES_UPDATE: [{ addr: { m: AT.fds }, len: 2, off: 5 }],
  IORING_OP_STATX: [{ fd: dir, addr: { m: AT.name }, off: { m: OUT_AT }, len: 0x7ff }],
  IORING_OP_READ: [
    { fd: { h: H.f0 }, addr: data, len: 100 },
    { fd: { h: H.pipeR }, addr: data, len: 100 },
    { fd: { h: H.event }, addr: data, len: 8 },
  ],
  IORING_OP_WRITE: [
    { fd: { h: H.f0 }, addr: data, len: 100 },
    { fd: { h: H.pipeW }, addr: data, len: 100 },
    { fd: { h: H.event }, addr: { m: AT.event }, len: 8 },
  ],
  IORING_OP_FADVISE: [{ fd: { h: H.f0 }, len: 100 }],
  IORING_OP_MADVISE: [{ addr: data, len: 4096 }],
  IORING_OP_SEND: [
    { fd: { h: H.sockA }, addr: data, len: 100 },
    { fd: { h: H.dgramA }, addr: data, len: 100 },
  ],
  IORING_OP_RECV: [
    { fd: { h: H.sockB }, addr: data, len: 100 },
    { fd: { h: H.dgramB }, addr: data, len: 100 },
  ],
  IORING_OP_OPENAT2: [{ fd: dir, addr: { m: AT.name }, off: { m: AT.how }, len: 24, file_index: 8 }],
  IORING_OP_PROVIDE_BUFFERS: [{ fd: 2, addr: data, len: 100, buf_group: 5 }],
  IORING_OP_REMOVE_BUFFERS: [{ fd: 1, buf_group: 5 }],
  IORING_OP_SHUTDOWN: [{ fd: { h: H.sockA }, len: 1 }],
  IORING_OP_RENAMEAT: [{ fd: dir, addr: { m: AT.name }, len: dir, off: { m: AT.other } }],
  IORING_OP_UNLINKAT: [{ fd: dir, addr: { m: AT.name } }],
  IORING_OP_MKDIRAT: [{ fd: dir, addr: { m: AT.other }, len: 0o755 }],
  IORING_OP_SYMLINKAT: [{ fd: dir, addr: { m: AT.name }, off: { m: AT.other } }],
  IORING_OP_LINKAT: [{ fd: dir, addr: { m: AT.name }, len: dir, off: { m: AT.other } }],
  IORING_OP_MSG_RING: [
    { fd: { h: H.ring }, len: 5, off: 900 },
    { fd: { h: H.ring2 }, addr: 1, off: 901 },
  ],
  IORING_OP_SOCKET: [{ fd: 1, off: 1, file_index: 8 }],
  IORING_OP_READ_MULTISHOT: [{ fd: { h: H.pipeR }, flags: 0x20, buf_group: 5 }],
  IORING_OP_FUTEX_WAIT: [{ addr: { m: AT.futex }, off: 0, addr3: 0xffff_ffff, fd: 0x82 }],
  IORING_OP_FUTEX_WAKE: [{ addr: { m: AT.futex }, off: 1, addr3: 0xffff_ffff, fd: 0x82 }],
  IORING_OP_FIXED_FD_INSTALL: [{ fd: 0, flags: 1 }],
  IORING_OP_FTRUNCATE: [{ fd: { h: H.f0 }, off: 50 }],
  IORING_OP_BIND: [{ fd: { h: H.sockA }, addr: { m: AT.address }, off: 24 }],
  IORING_OP_LISTEN: [{ fd: { h: H.sockA }, len: 5 }],
  IORING_OP_PIPE: [{ addr: { m: OUT_AT + 0x2000 }, file_index: 7 }],
};

const BITS = Array.from({ length: 32 }, (_, i) => 2 ** i);
const HANDLES: readonly Value[] = [H.f1, H.f2, H.dir, H.pipeR, H.pipeW, H.nbR, H.sockA, H.dgramA, H.event, H.ring].map(
  (h) => ({ h }),
);
const POINTERS: readonly Value[] = [
  0,
  1,
  { raw: "0x1000" },
  { raw: "0x8000000000000000" },
  { raw: "0x7fff00000000" },
  { raw: "0x7ffffffff000" },
  { raw: "-1" },
  { m: MEMORY_SIZE },
  { m: MEMORY_SIZE - 4 },
  { m: AT.futex + 1 },
  { m: AT.missing },
];
const LARGE: readonly Value[] = [{ raw: "0x100000000" }, { raw: "0x7fffffffffffffff" }, { raw: "-1" }, { raw: "-2" }];

const DESCRIPTORS: readonly Value[] = [-1, 9999, 0x7fff_ffff, ...HANDLES];

/** What is put into each field. */
const BAD_VALUES: Readonly<Record<string, readonly Value[]>> = {
  // a drain comes last: what follows one waits in line
  flags: [1, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x30, 0x50, 0x14, 0xff, 2],
  ioprio: [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x2000, 0x2007, 0x4000, 0x6000, 0x8000, 0xffff],
  fd: DESCRIPTORS,
  off: [1, 2, 100, 4096, ...LARGE, ...POINTERS],
  addr: [2, 100, 4096, ...LARGE, ...POINTERS],
  len: [0, 1, 2, 3, 8, 24, 100, 1025, 4097, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff],
  rw_flags: [...BITS, 3, 0xffff_ffff],
  buf_index: [1, 2, 5, 0xffff],
  personality: [1, 0xffff],
  file_index: [1, 2, 7, 8, 9, 0x10000, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff],
  addr3: [1, 2, 0xffff_ffff, ...LARGE],
  attr_type_mask: [1, 2, ...LARGE],
};

/** Where `fd` is no descriptor: a count, a family, flags. Elsewhere small numbers would be files of this process. */
const PLAIN_FD = /PROVIDE_BUFFERS|REMOVE_BUFFERS|OP_SOCKET|FUTEX/;
const PLAIN_FDS: readonly Value[] = [
  -1, -100, 0, 1, 2, 3, 7, 10, 16, 0x80, 0x81, 0x82, 0x83, 0x86, 0x8a, 0x8e, 9999, 0x7fff_ffff,
];

/** Where `len` is a descriptor. */
const LEN_IS_FD = /RENAMEAT|LINKAT/;

/** Why some values are not tried on this machine's kernel. */
const LEFT_OUT: readonly {
  readonly ops: RegExp;
  readonly field: string;
  readonly values: readonly Value[];
  readonly why: string;
}[] = [
  {
    ops: /TIMEOUT/,
    field: "rw_flags",
    values: [0x80, 0xffff_ffff],
    why: "IORING_TIMEOUT_IMMEDIATE_ARG is of Linux 7.2",
  },
  {
    ops: /OP_TIMEOUT$/,
    field: "rw_flags",
    values: [0x40],
    why: "a short timeout that repeats for ever gives no fixed number of completions",
  },
  { ops: /SEND|RECV/, field: "rw_flags", values: [1, 3, 0xffff_ffff], why: "MSG_OOB is not simulated" },
  { ops: /OP_SEND$/, field: "ioprio", values: [0x10], why: "bundles are simulated for one buffer only" },
  { ops: /OP_SEND$/, field: "len", values: [0x7fff_ffff], why: "how much a socket holds is the kernel's accounting" },
  { ops: /FALLOCATE/, field: "len", values: [8], why: "FALLOC_FL_COLLAPSE_RANGE is the file system's" },
  { ops: /OP_SOCKET/, field: "fd", values: [16], why: "AF_NETLINK is not simulated" },
  { ops: /FUTEX/, field: "fd", values: [0x86, 0x8e], why: "futexes of NUMA nodes are not simulated" },
  {
    ops: /FUTEX_WAKE/,
    field: "addr",
    values: [{ raw: "0x7ffffffff000" }],
    why: "where exactly user space ends is the architecture's",
  },
  {
    ops: /MADVISE/,
    field: "off",
    values: [{ raw: "0x100000000" }],
    why: "behind the memory lies a mapping in Linux, nothing in the simulator",
  },
  {
    ops: /MADVISE/,
    field: "len",
    values: [0x7fff_ffff, 0x8000_0000, 0xffff_ffff],
    why: "behind the memory lies a mapping in Linux, nothing in the simulator",
  },
];

/** As above, for values that are no numbers. */
const NO_ADDRESSES = /MSG_RING off|MADVISE (off|addr)/;

function leftOut(name: string, field: string, value: Value): boolean {
  if (typeof value === "object" && "m" in value && NO_ADDRESSES.test(`${name} ${field}`)) return true;
  return LEFT_OUT.some(
    (row) =>
      row.ops.test(name) &&
      row.field === field &&
      row.values.some((other) => JSON.stringify(other) === JSON.stringify(value)),
  );
}

/** Fields under another name in the good request. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  rw_flags: ["poll32_events", "timeout_flags", "open_flags"],
  buf_index: ["buf_group"],
};

/** An empty one of the fixed table. */
const NO_SLOT = -1;

/** Everything that waits is cancelled, before the next value. */
const CANCEL: Fields = { opcode: OP.IORING_OP_ASYNC_CANCEL, cancel_flags: 5, user_data: 99_999 };

/** One script per opcode, good request and field. */
export function badFieldScripts(): (Script & { readonly title: string })[] {
  const out: (Script & { readonly title: string })[] = [];
  for (const [name, requests] of Object.entries(GOOD)) {
    for (const good of requests) {
      for (const [field, values] of Object.entries(BAD_VALUES)) {
        const seed = 1_000_000 + out.length;
        const phases: Phase[] = [];
        const plain = field === "fd" && PLAIN_FD.test(name);
        const list = plain ? PLAIN_FDS : field === "len" && LEN_IS_FD.test(name) ? DESCRIPTORS : values;
        const tried = list.filter((value) => !leftOut(name, field, value));
        for (const [i, value] of tried.entries()) {
          const rest = Object.entries(good).filter(([key]) => !(ALIASES[field] ?? []).includes(key));
          const old = good["flags"];
          const changed = field === "flags" ? Number(value) | Number(old ?? 0) : value;
          const fields: Record<string, Value> = {
            ...Object.fromEntries(rest),
            opcode: OP[name as OpName],
            [field]: changed,
            user_data: i + 1,
          };
          const { fd } = fields;
          // a descriptor is no slot
          if ((Number(fields["flags"] ?? 0) & IOSQE.IOSQE_FIXED_FILE) !== 0 && typeof fd === "object" && "h" in fd)
            fields["fd"] = Math.max(FIXED_FILES.indexOf(fd.h), NO_SLOT);
          // the number of a descriptor is not compared
          const sqe = name === "IORING_OP_FIXED_FD_INSTALL" ? { fields, gives: H.first + i } : { fields };
          const guarded = name === "IORING_OP_LINK_TIMEOUT";
          const before = { fields: { opcode: OP.IORING_OP_NOP, flags: 4, user_data: 50_000 + i } };
          phases.push({ actions: [], sqes: guarded ? [before, sqe] : [sqe], ordered: false });
          if ((Number(fields["flags"] ?? 0) & IOSQE.IOSQE_IO_DRAIN) === 0)
            phases.push({ actions: [], sqes: [{ fields: CANCEL }], ordered: false });
        }
        const flags = IORING_SETUP.IORING_SETUP_NO_MMAP | IORING_SETUP.IORING_SETUP_NO_SQARRAY;
        const { IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_DEFER_TASKRUN } = IORING_SETUP;
        const more = seed % 2 === 0 ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : 0;
        const title = `${name.slice("IORING_OP_".length)} ${field}`;
        out.push({ seed, entries: 16, cqEntries: 16, flags: flags | more, pokes: pokes(seed), phases, title });
      }
    }
  }
  return out;
}
