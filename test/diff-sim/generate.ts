// Random scripts: requests of all simulated kinds, chains, timeouts, cancellations, and wrong arguments in any field. What
// the kernel leaves open (the order of workers) must not decide a result, so requests that may run beside others get their
// files for themselves within a phase.

import { Prng } from "../../src/base/index.ts";
import {
  IORING_ASYNC_CANCEL,
  IORING_CQE_F,
  IORING_MSG,
  IORING_OP,
  IORING_OP_LAST,
  IORING_SETUP,
  IORING_TIMEOUT,
  IOSQE,
  O,
} from "../../src/uring/abi/index.ts";
import {
  BUFFER_RING_ENTRIES,
  BUFFER_RING_GROUP,
  DATA_AT,
  H,
  MEMORY_SIZE,
  OUT_AT,
  STRUCTS_AT,
  TCP_ADDRESS_AT,
  TCP_ADDRESS_SIZE,
  UNIX_ADDRESS_AT,
  UNIX_NAME_SIZE,
  type Action,
  type Phase,
  type Poke,
  type Script,
  type ScriptSqe,
  type Value,
} from "./script.ts";

const OPS = IORING_OP;
const {
  IOSQE_ASYNC,
  IOSQE_BUFFER_SELECT,
  IOSQE_CQE_SKIP_SUCCESS,
  IOSQE_FIXED_FILE,
  IOSQE_IO_DRAIN,
  IOSQE_IO_HARDLINK,
  IOSQE_IO_LINK,
} = IOSQE;

type Fields = Record<string, Value>;

/** A request and what it touches. */
interface Draft {
  readonly fields: Fields;
  /** Files and tables it uses. */
  readonly uses: readonly string[];
  /** May complete outside the call. */
  readonly async: boolean;
  readonly gives?: number;
}

const FAR_OFFSET: Value = { raw: "0x7fffffffffffffff" };
const BAD_ADDRESSES: readonly Value[] = [
  0,
  { raw: "0x1000" },
  { raw: "0x8000000000000000" },
  { raw: "0x7fff00000000" },
  { m: MEMORY_SIZE },
];
/** IOU_PBUF_RING_INC. */
const INCREMENTAL = 2;
const ODD_NUMBERS = [1, 2, 3, 4, 7, 8, 16, 0x40, 0x80, 0x100, 0x8000, 0xffff];

const TIMEOUTS: ReadonlySet<number> = new Set([
  OPS.IORING_OP_TIMEOUT,
  OPS.IORING_OP_TIMEOUT_REMOVE,
  OPS.IORING_OP_LINK_TIMEOUT,
]);

/** A request that is not compared. */
function isLeftOut({ opcode, addr, off, cancel_flags, len, msg_ring_flags, file_index, rw_flags }: Fields): boolean {
  if (opcode === OPS.IORING_OP_MADVISE) {
    // a length that reaches over all memory behind the address: this process's own
    if (off === FAR_OFFSET) return true;
    // reserved, so neither mapped nor not
    return typeof addr === "object" && "m" in addr && addr.m >= MEMORY_SIZE;
  }
  // a time since the machine was started, which is another on each
  if (TIMEOUTS.has(opcode as number)) return (Number(rw_flags ?? 0) & IORING_TIMEOUT.IORING_TIMEOUT_ABS) !== 0;
  if (opcode === OPS.IORING_OP_MSG_RING) {
    // passes on that the CQE is a long one: refused since Linux 7.2, where the ring has none
    const passes = (Number(msg_ring_flags ?? 0) & IORING_MSG.IORING_MSG_RING_FLAGS_PASS) !== 0;
    return passes && (Number(file_index ?? 0) & IORING_CQE_F.IORING_CQE_F_32) !== 0;
  }
  // no opcode: refused since Linux 7.2, before it was looked for in vain
  const byOpcode = (Number(cancel_flags ?? 0) & IORING_ASYNC_CANCEL.IORING_ASYNC_CANCEL_OP) !== 0;
  return opcode === OPS.IORING_OP_ASYNC_CANCEL && byOpcode && Number(len) >= IORING_OP_LAST;
}

/** Makes one script from a seed. */
export function generate(seed: number): Script {
  return new Generator(seed).script();
}

class Generator {
  readonly #seed: number;
  readonly #prng: Prng;
  readonly #pokes: Poke[] = [];
  #structs = STRUCTS_AT + 64;
  #data = DATA_AT;
  #handle: number = H.first;
  #userData = 1;
  readonly #opened: number[] = [];
  readonly #past: number[] = [];
  readonly #paths: number[] = [];
  readonly #address: number;
  #tuned: Prng;
  #bufferRing: number | undefined;
  /** Buffers put into the ring so far: it is never overrun. */
  #provided = 0;
  #drained = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#prng = new Prng(seed);
    this.#tuned = this.#prng;
    for (const name of [
      "f0",
      "f1",
      "f2",
      "new",
      "sub",
      "sub/x",
      "sub/../f0",
      "missing/x",
      "link",
      ".",
      "",
      "f0/",
      "a/b/c",
    ]) {
      this.#paths.push(this.#bytes([...new TextEncoder().encode(name), 0]));
    }
    const name = [0, ...new TextEncoder().encode(`loopstep-${seed}-${seed % 7919}`)];
    this.#address = this.#bytes([1, 0, ...name, ...Array.from({ length: 30 }, () => 0)]);
  }

  script(): Script {
    const p = this.#prng;
    const flags = p.pick([
      0,
      0,
      IORING_SETUP.IORING_SETUP_SINGLE_ISSUER | IORING_SETUP.IORING_SETUP_DEFER_TASKRUN,
      IORING_SETUP.IORING_SETUP_SINGLE_ISSUER | IORING_SETUP.IORING_SETUP_DEFER_TASKRUN,
      IORING_SETUP.IORING_SETUP_COOP_TASKRUN,
      IORING_SETUP.IORING_SETUP_SINGLE_ISSUER,
    ]);
    let extra = IORING_SETUP.IORING_SETUP_NO_MMAP | IORING_SETUP.IORING_SETUP_NO_SQARRAY;
    if (p.chance(0.3)) extra &= ~IORING_SETUP.IORING_SETUP_NO_SQARRAY;
    if (p.chance(0.5)) extra |= IORING_SETUP.IORING_SETUP_SUBMIT_ALL;
    if (p.chance(0.1)) extra |= IORING_SETUP.IORING_SETUP_SQE128;
    if (p.chance(0.1)) extra |= IORING_SETUP.IORING_SETUP_CQE32;
    if (p.chance(0.2)) extra |= IORING_SETUP.IORING_SETUP_CQSIZE;
    if (p.chance(0.4)) this.#bufferRing = p.pick([0, 0, INCREMENTAL]);
    const phases: Phase[] = [];
    for (let left = 1 + p.below(6); left > 0; left--) {
      if (p.chance(0.12)) phases.push(...this.#connection());
      else phases.push(this.#phase());
    }
    return {
      seed: this.#seed,
      entries: 16,
      cqEntries: 16,
      flags: flags | extra,
      secondFlags: p.pick([0, IORING_SETUP.IORING_SETUP_SINGLE_ISSUER | IORING_SETUP.IORING_SETUP_DEFER_TASKRUN]),
      ...(this.#bufferRing === undefined ? {} : { bufferRing: this.#bufferRing }),
      pokes: this.#pokes,
      phases,
    };
  }

  /** A phase of its own for one request. */
  #alone(fields: Fields, gives?: number): Phase {
    const sqe: ScriptSqe = {
      fields: { ...fields, user_data: this.#userData++ },
      ...(gives === undefined ? {} : { gives }),
    };
    return { actions: [], sqes: [sqe], ordered: false };
  }

  /** A client that connects to one of the listening sockets, what both say to each other, and how they part. */
  #connection(): Phase[] {
    const p = this.#prng;
    const tcp = p.chance(0.5);
    const listener: Value = { h: tcp ? H.tcpListener : H.listener };
    const [at, size] = tcp ? [TCP_ADDRESS_AT, TCP_ADDRESS_SIZE] : [UNIX_ADDRESS_AT, UNIX_NAME_SIZE];
    const client = this.#handle++;
    const server = this.#handle++;
    const direct = p.chance(0.3);
    const multishot = p.chance(0.4);
    const accept: Phase = this.#alone(
      {
        opcode: OPS.IORING_OP_ACCEPT,
        fd: listener,
        ioprio: (multishot ? 1 : 0) | p.pick([0, 0, 0, 4]),
        file_index: direct ? (multishot ? 0xffff_ffff : p.pick([8, 0xffff_ffff])) : 0,
        accept_flags: p.pick([0, 0, 0x800]),
        flags: p.chance(0.2) ? IOSQE_ASYNC : 0,
      },
      direct ? undefined : server,
    );
    const connect = this.#alone({ opcode: OPS.IORING_OP_CONNECT, fd: { h: client }, addr: { m: at }, off: size });
    const out = [
      this.#alone({ opcode: OPS.IORING_OP_SOCKET, fd: tcp ? 2 : 1, off: p.pick([1, 1, 0x801]) }, client),
      ...(p.chance(0.5) ? [accept, connect] : [connect, accept]),
    ];
    // a server in a fixed slot has no handle
    const ends: Value[] = direct ? [{ h: client }] : [{ h: client }, { h: server }];
    for (let left = p.below(6); left > 0; left--) {
      const length = p.pick([1, 100, 1000]);
      const select = p.chance(0.3);
      const common: Fields = { fd: p.pick(ends), addr: { m: this.#buffer(length) }, len: length };
      const receive: Fields = select
        ? { fd: p.pick(ends), flags: IOSQE_BUFFER_SELECT, buf_group: this.#group(), ioprio: p.pick([0, 2]) }
        : common;
      out.push(
        p.chance(0.5)
          ? this.#alone({ opcode: OPS.IORING_OP_SEND, ...common, msg_flags: 0x4000 })
          : this.#alone({ opcode: OPS.IORING_OP_RECV, ...receive }),
      );
    }
    if (p.chance(0.3)) out.push(this.#alone({ opcode: OPS.IORING_OP_SHUTDOWN, fd: p.pick(ends), len: p.below(3) }));
    if (p.chance(0.4)) out.push(this.#alone({ opcode: OPS.IORING_OP_CLOSE, fd: p.pick(ends) }));
    return out;
  }

  #group(): number {
    return this.#bufferRing !== undefined && this.#prng.chance(0.6) ? BUFFER_RING_GROUP : 5;
  }

  #phase(): Phase {
    const p = this.#prng;
    const used = new Map<string, "shared" | "exclusive">();
    const sqes: ScriptSqe[] = [];
    const drain = p.chance(0.06);
    // what comes after a drain may be a worker's
    let ordered = !this.#drained;
    this.#drained ||= drain;
    const chains: number[][] = [];
    const units = 1 + p.below(5);
    for (let unit = 0; unit < units; unit++) {
      let linked = p.chance(0.3);
      let drafts = Array.from({ length: linked ? 2 + p.below(3) : 1 }, () => this.#draft());
      // a worker that cancels may find itself
      const cancels = drafts.find((draft) => draft.uses.includes("cancel"));
      if (cancels !== undefined) {
        if (drain || (Number(cancels.fields["flags"] ?? 0) & IOSQE_ASYNC) !== 0) continue;
        linked = false;
        drafts = [cancels];
      }
      if (linked && p.chance(0.25)) drafts.splice(1, 0, this.#linkTimeout());
      // what looks for other requests must not meet some that are just being done by a worker
      const alone = drafts.some((draft) => draft.uses.includes("cancel") || draft.uses.includes("timeout"));
      if (alone && sqes.length > 0) continue;
      const isAsync = linked || drain || drafts.some((draft) => draft.async);
      const uses = new Set(drafts.flatMap((draft) => draft.uses));
      const clash = [...uses].some((use) => (isAsync ? used.has(use) : used.get(use) === "exclusive"));
      if (clash || sqes.length + drafts.length > 12) continue;
      for (const use of uses) used.set(use, isAsync ? "exclusive" : "shared");
      if (isAsync) ordered = false;
      const chain: number[] = [];
      const hard = p.chance(0.25) ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK;
      for (const [i, draft] of drafts.entries()) {
        let flags = Number(draft.fields["flags"] ?? 0);
        if (linked && i < drafts.length - 1) flags |= hard;
        if (drain && i === 0 && p.chance(0.5)) flags |= IOSQE_IO_DRAIN;
        const fields: Fields = { ...draft.fields, flags, user_data: this.#userData };
        if (draft.fields["opcode"] !== OPS.IORING_OP_LINK_TIMEOUT) chain.push(this.#userData);
        this.#past.push(this.#userData++);
        sqes.push(draft.gives === undefined ? { fields } : { fields, gives: draft.gives });
      }
      if (linked) chains.push(chain);
      if (alone) break;
    }
    return { actions: this.#actions(), sqes, ordered: ordered && !drain, chains };
  }

  #actions(): Action[] {
    const p = this.#prng;
    const out: Action[] = [];
    while (p.chance(0.45)) {
      const h = p.pick([H.pipeW, H.sockA, H.sockB, H.dgramA, H.nbW, H.event]);
      if (h === H.event) {
        const at = this.#bytes([p.below(3), 0, 0, 0, 0, 0, 0, 0]);
        out.push({ do: "write", h, at, length: 8 });
      } else out.push({ do: "write", h, at: DATA_AT + p.below(1000), length: 1 + p.below(300) });
    }
    while (this.#bufferRing !== undefined && this.#provided < BUFFER_RING_ENTRIES && p.chance(0.5)) {
      const length = p.pick([16, 100, 300]);
      out.push({ do: "provide", at: this.#buffer(length), length, id: this.#provided++ });
    }
    if (p.chance(0.06)) out.push({ do: "close", h: p.pick([H.pipeW, H.pipeR, H.sockB, H.nbW]) });
    return out;
  }

  #bytes(bytes: readonly number[]): number {
    const at = this.#structs;
    for (const [i, value] of bytes.entries()) this.#pokes.push({ at: at + i, size: 1, value });
    this.#structs += (bytes.length + 15) & ~15;
    if (this.#structs > DATA_AT - 4096) this.#structs = STRUCTS_AT + 0x8000;
    return at;
  }

  #words(...words: readonly (readonly [size: 4 | 8, value: Value])[]): number {
    const at = this.#structs;
    let offset = 0;
    for (const [size, value] of words) {
      this.#pokes.push({ at: at + offset, size, value });
      offset += size;
    }
    this.#structs += (offset + 15) & ~15;
    return at;
  }

  #buffer(length: number): number {
    const at = this.#data;
    this.#data += (length + 63) & ~63;
    if (this.#data > DATA_AT + 0x28000) this.#data = DATA_AT;
    return at;
  }

  #length(): number {
    return this.#tuned.pick([0, 1, 10, 100, 100, 512, 4096, 5000]);
  }

  #path(): Value {
    const p = this.#prng;
    return p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: p.pick(this.#paths) };
  }

  #timespec(long: boolean): Value {
    const p = this.#prng;
    if (p.chance(0.04)) return p.pick(BAD_ADDRESSES);
    const ns = long ? 0 : 1_000_000 * (1 + p.below(5));
    return { m: this.#words([8, long ? 1000 : 0], [8, p.chance(0.03) ? { raw: "-1" } : ns]) };
  }

  #newHandle(): number {
    const handle = this.#handle++;
    this.#opened.push(handle);
    return handle;
  }

  /** A descriptor for reading or writing: plain or fixed. */
  #file(names: readonly (readonly [use: string, handle: number, fixed?: number])[]): { use: string; fields: Fields } {
    const p = this.#prng;
    const [use, handle, slot] = p.pick(names);
    if (slot !== undefined && p.chance(0.3)) return { use, fields: { fd: slot, flags: IOSQE_FIXED_FILE } };
    if (p.chance(0.02)) return { use, fields: { fd: p.pick([-1, 9999]) } };
    return { use, fields: { fd: { h: handle } } };
  }

  #draft(): Draft {
    const p = this.#prng;
    const draft = this.#good();
    let { fields } = draft;
    let isAsync = draft.async;
    if (p.chance(0.07)) {
      fields = { ...fields, flags: Number(fields["flags"] ?? 0) | IOSQE_ASYNC };
      isAsync = true;
    }
    if (p.chance(0.05)) fields = { ...fields, flags: Number(fields["flags"] ?? 0) | IOSQE_CQE_SKIP_SUCCESS };
    if (p.chance(0.12)) {
      const spoilt = this.#spoil(fields);
      if (!isLeftOut(spoilt)) fields = spoilt;
    }
    return { ...draft, fields, async: isAsync };
  }

  /** Puts something odd into one field. */
  #spoil(fields: Fields): Fields {
    const p = this.#prng;
    const field = p.pick([
      "ioprio",
      "off",
      "addr",
      "len",
      "rw_flags",
      "buf_index",
      "personality",
      "file_index",
      "addr3",
      "flags",
      "attr_type_mask",
    ]);
    const opcode = Number(fields["opcode"]);
    if (field === "addr") {
      const isPointer = opcode !== OPS.IORING_OP_FALLOCATE && opcode !== OPS.IORING_OP_FADVISE;
      return {
        ...fields,
        addr: isPointer ? p.pick(BAD_ADDRESSES) : p.pick([0, 1, { raw: "0x7fffffffffffffff" }, { raw: "-1" }]),
      };
    }
    if (field === "off") {
      const pointer = typeof fields["off"] === "object" && "m" in fields["off"];
      return {
        ...fields,
        off: pointer ? p.pick(BAD_ADDRESSES) : p.pick([1, 100, { raw: "-1" }, { raw: "-2" }, FAR_OFFSET]),
      };
    }
    if (field === "len") {
      // lengths of provided buffers and truncation stay small: they are taken at their word
      const small = [
        OPS.IORING_OP_PROVIDE_BUFFERS,
        OPS.IORING_OP_FALLOCATE,
        OPS.IORING_OP_MADVISE,
        OPS.IORING_OP_SEND,
        OPS.IORING_OP_WRITE,
      ].includes(opcode as never);
      return { ...fields, len: p.pick(small ? [0, 1, 2, 100] : [0, 1, 2, 100, 0x7fff_ffff, 0xffff_ffff, 1025]) };
    }
    if (field === "flags")
      return { ...fields, flags: Number(fields["flags"] ?? 0) ^ p.pick([0x80, IOSQE_BUFFER_SELECT]) };
    if (field === "addr3") return { ...fields, addr3: p.pick([1, { raw: "0x100000000" }]) };
    if (field === "attr_type_mask") return { ...fields, attr_type_mask: p.pick([2, { raw: "0x100000000" }]) };
    if (
      field === "file_index" &&
      [
        OPS.IORING_OP_OPENAT,
        OPS.IORING_OP_OPENAT2,
        OPS.IORING_OP_SOCKET,
        OPS.IORING_OP_ACCEPT,
        OPS.IORING_OP_PIPE,
      ].includes(opcode as never)
    ) {
      return fields;
    }
    // IORING_TIMEOUT_IMMEDIATE_ARG is younger than the kernels this runs on
    const timeout =
      opcode === OPS.IORING_OP_TIMEOUT ||
      opcode === OPS.IORING_OP_TIMEOUT_REMOVE ||
      opcode === OPS.IORING_OP_LINK_TIMEOUT;
    const network =
      opcode === OPS.IORING_OP_SEND ||
      opcode === OPS.IORING_OP_RECV ||
      opcode === OPS.IORING_OP_SENDMSG ||
      opcode === OPS.IORING_OP_RECVMSG;
    // neither out-of-band data nor bundles are simulated
    if (network && field === "rw_flags") return { ...fields, rw_flags: p.pick([2, 4, 0x40, 0x80, 0x100]) };
    if (network && field === "ioprio") return { ...fields, ioprio: p.pick([0x40, 0x100, 0x8000]) };
    return { ...fields, [field]: p.pick(timeout ? ODD_NUMBERS.filter((odd) => odd !== 0x80) : ODD_NUMBERS) };
  }

  #good(): Draft {
    const p = this.#prng;
    const table: readonly (readonly [number, () => Draft])[] = [
      [3, () => this.#nop()],
      [10, () => this.#readWrite()],
      [4, () => this.#fixedBuffer()],
      [3, () => this.#vectored()],
      [5, () => this.#send()],
      [6, () => this.#receive()],
      [4, () => this.#poll()],
      [2, () => this.#pollRemove()],
      [4, () => this.#timeout()],
      [3, () => this.#timeoutRemove()],
      [4, () => this.#cancel()],
      [6, () => this.#pathOp()],
      [4, () => this.#open()],
      [2, () => this.#close()],
      [4, () => this.#fileOp()],
      [2, () => this.#futex()],
      [2, () => this.#message()],
      [3, () => this.#provide()],
      [2, () => this.#filesUpdate()],
      [3, () => this.#socket()],
      [1, () => this.#pipe()],
      [2, () => this.#messageHeader()],
      [3, () => this.#readSelect()],
      [1, () => this.#install()],
      [1, () => this.#advise()],
    ];
    let pick = p.below(table.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, make] of table) {
      if (pick < weight) return make();
      pick -= weight;
    }
    return this.#nop();
  }

  #nop(): Draft {
    const p = this.#prng;
    const flags = p.pick([0, 0, 1, 2, 3, 1 | 8, 16, 17]);
    const fields: Fields = {
      opcode: OPS.IORING_OP_NOP,
      nop_flags: flags,
      len: p.pick([0, 5, 0xffff_fff0]),
      fd: { h: p.pick([H.f0, H.none]) },
      buf_index: p.below(3),
    };
    return { fields, uses: [], async: (flags & 16) !== 0 };
  }

  #readWrite(): Draft {
    const p = this.#prng;
    const write = p.chance(0.45);
    const length = this.#length();
    const { use, fields } = this.#file([
      ["f0", H.f0, 0],
      ["f1", H.f1, 1],
      ["f2", H.f2],
      ["pipe", write ? H.pipeW : H.pipeR, write ? 3 : 2],
      ["nb", write ? H.nbW : H.nbR],
      ["sock", p.pick([H.sockA, H.sockB]), p.pick([4, 5])],
      ["event", H.event],
      ["dir", H.dir],
    ]);
    const regular = use === "f0" || use === "f1" || use === "f2";
    const off: Value = regular ? p.pick([0, 0, 50, 4096, 8000, { raw: "-1" }]) : p.pick([0, { raw: "-1" }]);
    if (use === "event" && write) {
      const value = this.#words([8, p.below(3)]);
      return {
        fields: { opcode: OPS.IORING_OP_WRITE, ...fields, off, addr: { m: value }, len: p.pick([8, 8, 4]) },
        uses: [use],
        async: true,
      };
    }
    const addr: Value = p.chance(0.04) ? p.pick(BAD_ADDRESSES) : { m: this.#buffer(length) };
    const rw_flags = p.chance(0.1) ? p.pick([1, 2, 4, 8, 16, 0x20, 0x1000]) : 0;
    return {
      fields: {
        opcode: write ? OPS.IORING_OP_WRITE : OPS.IORING_OP_READ,
        ...fields,
        off,
        addr,
        len: use === "event" ? p.pick([8, 8, 4]) : length,
        rw_flags,
      },
      uses: [use],
      async: (regular && write) || use === "dir",
    };
  }

  /** A read into a buffer of a group, once or as long as there are some. */
  #readSelect(): Draft {
    const p = this.#prng;
    const { use, fields } = this.#file([
      ["pipe", H.pipeR, 2],
      ["nb", H.nbR],
      ["sock", H.sockA, 4],
      ["f0", H.f0, 0],
    ]);
    const multishot = p.chance(0.5);
    return {
      fields: {
        opcode: multishot ? OPS.IORING_OP_READ_MULTISHOT : OPS.IORING_OP_READ,
        ...fields,
        flags: Number(fields["flags"] ?? 0) | IOSQE_BUFFER_SELECT,
        len: multishot ? 0 : p.pick([0, 10, 1000]),
        buf_group: this.#group(),
      },
      uses: [use, "bufs"],
      async: use === "f0",
    };
  }

  #install(): Draft {
    const p = this.#prng;
    return {
      fields: {
        opcode: OPS.IORING_OP_FIXED_FD_INSTALL,
        fd: p.below(9),
        flags: IOSQE_FIXED_FILE,
        install_fd_flags: p.pick([0, 1]),
      },
      uses: ["tree", "table"],
      async: true,
      gives: this.#newHandle(),
    };
  }

  /** Not where registered buffers lie: the kernel would go on using the pages it has pinned. */
  #advise(): Draft {
    const p = this.#prng;
    return {
      fields: {
        opcode: OPS.IORING_OP_MADVISE,
        addr: { m: p.pick([0x62000, 0x84000]) },
        len: p.pick([0, 1, 4096, 8192]),
        fadvise_advice: p.pick([0, 1, 2, 4, 4, 5, 20]),
      },
      uses: ["memory"],
      async: true,
    };
  }

  #fixedBuffer(): Draft {
    const p = this.#prng;
    const write = p.chance(0.4);
    const { use, fields } = this.#file([
      ["f0", H.f0, 0],
      ["pipe", write ? H.pipeW : H.pipeR, write ? 3 : 2],
    ]);
    const length = p.pick([0, 10, 500, 4096, 5000]);
    const index = p.pick([0, 0, 1, 1, 2]);
    const start = index === 0 ? 0x60000 : 0x70000;
    return {
      fields: {
        opcode: write ? OPS.IORING_OP_WRITE_FIXED : OPS.IORING_OP_READ_FIXED,
        ...fields,
        addr: { m: start + p.pick([0, 100, 4000]) },
        len: length,
        off: use === "f0" ? p.pick([0, 4096]) : 0,
        buf_index: index,
      },
      uses: [use, "fixedmem"],
      async: write && use === "f0",
    };
  }

  #iovecs(): { at: Value; count: number } {
    const p = this.#prng;
    const count = p.pick([0, 1, 2, 3]);
    const words: [8, Value][] = [];
    for (let i = 0; i < count; i++) {
      const length = p.pick([0, 10, 100, 1000]);
      words.push([8, p.chance(0.04) ? p.pick(BAD_ADDRESSES) : { m: this.#buffer(length) }], [8, length]);
    }
    return { at: count === 0 ? { m: STRUCTS_AT } : { m: this.#words(...words) }, count };
  }

  #vectored(): Draft {
    const p = this.#prng;
    const write = p.chance(0.4);
    const { use, fields } = this.#file([
      ["f0", H.f0, 0],
      ["pipe", write ? H.pipeW : H.pipeR, write ? 3 : 2],
      ["sock", H.sockA, 4],
    ]);
    const { at, count } = this.#iovecs();
    return {
      fields: {
        opcode: write ? OPS.IORING_OP_WRITEV : OPS.IORING_OP_READV,
        ...fields,
        addr: at,
        len: count,
        off: use === "f0" ? p.pick([0, 100, { raw: "-1" }]) : 0,
      },
      uses: [use],
      async: write && use === "f0",
    };
  }

  #socketFile(): { use: string; fields: Fields } {
    return this.#file([
      ["sock", H.sockA, 4],
      ["sock", H.sockB, 5],
      ["sock", H.sockA, 4],
      ["dgram", H.dgramA],
      ["dgram", H.dgramB],
      ["tcp", H.tcpA],
      ["tcp", H.tcpB],
      ["pipe", H.pipeR],
    ]);
  }

  #send(): Draft {
    const p = this.#prng;
    const { use, fields } = this.#socketFile();
    const length = p.pick([0, 1, 100, 1000]);
    const select = p.chance(0.15);
    return {
      fields: {
        opcode: OPS.IORING_OP_SEND,
        ...fields,
        flags: Number(fields["flags"] ?? 0) | (select ? IOSQE_BUFFER_SELECT : 0),
        addr: select ? 0 : { m: this.#buffer(length) },
        len: length,
        buf_group: select ? this.#group() : 0,
        msg_flags: p.pick([0, 0, 0x4000, 0x100, 0x40]),
        ioprio: p.pick([0, 0, 0, 1]),
      },
      uses: select ? [use, "bufs"] : [use],
      async: false,
    };
  }

  #receive(): Draft {
    const p = this.#prng;
    const { use, fields } = this.#socketFile();
    const select = p.chance(0.25);
    const multishot = select && p.chance(0.6);
    const length = multishot ? 0 : p.pick([0, 50, 100, 500]);
    const flags = Number(fields["flags"] ?? 0) | (select ? IOSQE_BUFFER_SELECT : 0);
    return {
      fields: {
        opcode: OPS.IORING_OP_RECV,
        ...fields,
        flags,
        addr: select ? 0 : { m: this.#buffer(length) },
        len: length,
        buf_group: select ? this.#group() : 0,
        ioprio: (multishot ? 2 : 0) | p.pick([0, 0, 0, 1]),
        msg_flags: multishot ? 0 : p.pick([0, 0, 0, 2, 0x20, 0x40, 0x100]),
      },
      uses: select ? [use, "bufs"] : [use],
      async: false,
    };
  }

  #poll(): Draft {
    const p = this.#prng;
    const { use, fields } = this.#file([
      ["pipe", H.pipeR, 2],
      ["pipe", H.pipeW, 3],
      ["sock", H.sockA, 4],
      ["sock", H.sockB, 5],
      ["dgram", H.dgramA],
      ["event", H.event],
      ["f0", H.f0, 0],
    ]);
    const len = p.pick([0, 0, 0, 1, 1, 8, 9]);
    return {
      fields: { opcode: OPS.IORING_OP_POLL_ADD, ...fields, poll32_events: p.pick([1, 1, 4, 5, 0, 0x2000, 0x10]), len },
      uses: [use],
      async: (len & 1) !== 0,
    };
  }

  /** The user_data of an earlier request, or of none. */
  #target(): number {
    const p = this.#prng;
    const settled = this.#past;
    return settled.length > 0 && p.chance(0.85) ? settled[Math.max(0, settled.length - 1 - p.below(16))] : 100_000;
  }

  #pollRemove(): Draft {
    const p = this.#prng;
    const update = p.chance(0.5);
    const len = update ? p.pick([2, 4, 6, 3, 7]) : 0;
    return {
      fields: {
        opcode: OPS.IORING_OP_POLL_REMOVE,
        addr: this.#target(),
        len,
        off: (len & 4) !== 0 ? 500_000 + this.#userData : 0,
        poll32_events: (len & 2) !== 0 ? p.pick([1, 4, 5]) : 0,
      },
      uses: ["cancel"],
      async: true,
    };
  }

  #timeout(): Draft {
    const p = this.#prng;
    const long = p.chance(0.6);
    const flags = p.pick([0, 0, 0, 4, 8, 0x20, 0x40, 0x44, 2, 12, 1, 5, 9]);
    const multishot = (flags & 0x40) !== 0;
    if ((flags & 1) !== 0) {
      // past or far away by every clock
      const at = this.#words([8, p.pick([0, 1, 4_000_000_000])], [8, 0]);
      return {
        fields: { opcode: OPS.IORING_OP_TIMEOUT, addr: { m: at }, len: 1, timeout_flags: flags },
        uses: ["timeout"],
        async: true,
      };
    }
    return {
      fields: {
        opcode: OPS.IORING_OP_TIMEOUT,
        addr: this.#timespec(long || multishot),
        len: 1,
        timeout_flags: flags,
        off: long && !multishot ? p.pick([0, 0, 1, 2, 5]) : 0,
      },
      uses: ["timeout"],
      async: true,
    };
  }

  #linkTimeout(): Draft {
    const p = this.#prng;
    return {
      fields: {
        opcode: OPS.IORING_OP_LINK_TIMEOUT,
        addr: p.chance(0.5) ? this.#timespec(true) : { m: this.#words([8, 0], [8, 15_000_000]) },
        len: 1,
        timeout_flags: p.pick([0, 0, 0x20]),
      },
      uses: [],
      async: true,
    };
  }

  #timeoutRemove(): Draft {
    const p = this.#prng;
    const update = p.chance(0.4);
    return {
      fields: {
        opcode: OPS.IORING_OP_TIMEOUT_REMOVE,
        addr: this.#target(),
        timeout_flags: update ? p.pick([2, 2, 0x12]) : 0,
        off: update ? this.#timespec(true) : 0,
      },
      uses: ["timeout"],
      async: true,
    };
  }

  #cancel(): Draft {
    const p = this.#prng;
    const flags = p.pick([0, 0, 0, 1, 2, 3, 4, 16, 17, 2 | 16, 32, 32 | 1, 6, 8]);
    return {
      fields: {
        opcode: OPS.IORING_OP_ASYNC_CANCEL,
        addr: this.#target(),
        cancel_flags: flags,
        fd: (flags & 8) !== 0 ? p.below(8) : { h: p.pick([H.sockA, H.pipeR, H.f0]) },
        len:
          (flags & 32) !== 0
            ? p.pick([OPS.IORING_OP_RECV, OPS.IORING_OP_READ, OPS.IORING_OP_POLL_ADD, OPS.IORING_OP_TIMEOUT])
            : 0,
      },
      uses: ["cancel", "timeout", "sock", "dgram", "pipe", "event", "futex", "nb"],
      async: true,
    };
  }

  #dirfd(): Value {
    return this.#prng.chance(0.04) ? this.#prng.pick([-1, 9999, { h: H.f0 }]) : { h: H.dir };
  }

  #pathOp(): Draft {
    const p = this.#prng;
    const opcode = p.pick([
      OPS.IORING_OP_MKDIRAT,
      OPS.IORING_OP_UNLINKAT,
      OPS.IORING_OP_RENAMEAT,
      OPS.IORING_OP_LINKAT,
      OPS.IORING_OP_SYMLINKAT,
      OPS.IORING_OP_STATX,
    ]);
    const fields: Fields = { opcode, fd: this.#dirfd(), addr: this.#path() };
    switch (opcode) {
      case OPS.IORING_OP_MKDIRAT:
        fields["len"] = 0o755;
        break;
      case OPS.IORING_OP_UNLINKAT:
        fields["unlink_flags"] = p.pick([0, 0, 0x200, 1]);
        break;
      case OPS.IORING_OP_RENAMEAT:
        fields["len"] = this.#dirfd();
        fields["off"] = this.#path();
        fields["rename_flags"] = p.pick([0, 0, 1, 2, 3, 8]);
        break;
      case OPS.IORING_OP_LINKAT:
        fields["len"] = this.#dirfd();
        fields["off"] = this.#path();
        fields["hardlink_flags"] = p.pick([0, 0, 0x400, 0x1000, 1]);
        break;
      case OPS.IORING_OP_SYMLINKAT:
        fields["off"] = this.#path();
        break;
      case OPS.IORING_OP_STATX:
        fields["off"] = p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: OUT_AT };
        fields["len"] = 0x7ff;
        fields["statx_flags"] = p.pick([0, 0x100, 0x1000, 0x6000, 0x2000, 1]);
        break;
    }
    return { fields, uses: ["tree"], async: true };
  }

  #open(): Draft {
    const p = this.#prng;
    const flags = p.pick([
      O.O_RDONLY,
      O.O_RDWR,
      O.O_RDWR | O.O_CREAT,
      O.O_WRONLY | O.O_CREAT | O.O_EXCL,
      O.O_RDONLY | O.O_DIRECTORY,
      O.O_RDWR | O.O_TRUNC,
      O.O_RDONLY | O.O_NOFOLLOW,
      O.O_PATH,
      O.O_TMPFILE | O.O_RDWR,
      O.O_CREAT | O.O_DIRECTORY,
    ]);
    const direct = p.chance(0.25);
    const fields: Fields = {
      opcode: OPS.IORING_OP_OPENAT,
      fd: this.#dirfd(),
      addr: this.#path(),
      len: 0o644,
      open_flags: flags,
    };
    if (p.chance(0.35)) {
      const mode = (flags & (O.O_CREAT | 0x400000)) !== 0 ? 0o644 : p.pick([0, 0, 0, 1]);
      fields["opcode"] = OPS.IORING_OP_OPENAT2;
      fields["open_flags"] = 0;
      fields["off"] = {
        m: this.#words(
          [8, p.chance(0.05) ? { raw: "0x100000000" } : flags],
          [8, mode],
          [8, p.pick([0, 0, 8, 0x10, 4, 0x18, 0x40])],
        ),
      };
      fields["len"] = p.pick([24, 24, 24, 16, 32]);
    }
    if (direct) {
      fields["file_index"] = p.pick([7, 8, 9, 0xffff_ffff]);
      return { fields, uses: ["tree", "table"], async: true };
    }
    return { fields, uses: ["tree"], async: true, gives: this.#newHandle() };
  }

  #close(): Draft {
    const p = this.#prng;
    if (p.chance(0.4))
      return { fields: { opcode: OPS.IORING_OP_CLOSE, file_index: p.pick([7, 8, 9]) }, uses: ["table"], async: true };
    const handle = p.chance(0.8) && this.#opened.length > 0 ? this.#opened.pop()! : H.none;
    return { fields: { opcode: OPS.IORING_OP_CLOSE, fd: { h: handle } }, uses: ["tree"], async: true };
  }

  #fileOp(): Draft {
    const p = this.#prng;
    const { use, fields } = this.#file([
      ["f0", H.f0, 0],
      ["f1", H.f1, 1],
      ["f2", H.f2],
      ["pipe", H.pipeR],
      ["sock", H.sockA],
      ["dir", H.dir],
    ]);
    const pick = p.below(5);
    const base = { ...fields };
    if (pick === 0)
      return {
        fields: { opcode: OPS.IORING_OP_FSYNC, ...base, fsync_flags: p.pick([0, 1, 2]) },
        uses: [use],
        async: true,
      };
    if (pick === 1) {
      return {
        fields: {
          opcode: OPS.IORING_OP_FALLOCATE,
          ...base,
          off: p.pick([0, 100]),
          addr: p.pick([0, 100, 10_000]),
          len: p.pick([0, 0, 1, 3, 2]),
        },
        uses: [use],
        async: true,
      };
    }
    if (pick === 2)
      return {
        fields: { opcode: OPS.IORING_OP_FTRUNCATE, ...base, off: p.pick([0, 10, 9000, { raw: "-1" }]) },
        uses: [use],
        async: true,
      };
    if (pick === 3)
      return {
        fields: { opcode: OPS.IORING_OP_FADVISE, ...base, fadvise_advice: p.below(7), len: 100 },
        uses: [use],
        async: true,
      };
    return {
      fields: { opcode: OPS.IORING_OP_SYNC_FILE_RANGE, ...base, sync_range_flags: p.pick([0, 2, 7, 8]) },
      uses: [use],
      async: true,
    };
  }

  #futex(): Draft {
    const p = this.#prng;
    const at = OUT_AT + 0x1000;
    const wait = p.chance(0.5);
    return {
      fields: {
        opcode: wait ? OPS.IORING_OP_FUTEX_WAIT : OPS.IORING_OP_FUTEX_WAKE,
        addr: p.chance(0.05) ? p.pick([...BAD_ADDRESSES, { m: at + 1 }]) : { m: at },
        off: wait ? p.pick([0, 0, 7]) : p.pick([1, 5, 0]),
        addr3: p.pick([0xffff_ffff, 0xffff_ffff, 1, 2, 0]),
        fd: p.pick([0x82, 0x82, 2, 0, 1]),
      },
      uses: ["futex"],
      async: true,
    };
  }

  #message(): Draft {
    const p = this.#prng;
    const command = p.pick([0, 0, 1, 1, 2]);
    const file = command === 1;
    return {
      fields: {
        opcode: OPS.IORING_OP_MSG_RING,
        fd: { h: p.pick([H.ring, H.ring2, H.ring2, H.f0]) },
        addr: command,
        len: file ? p.pick([0, 0, 0, 5]) : 77,
        off: 900_000 + this.#userData,
        addr3: file ? p.pick([0, 1, 2, 6]) : 0,
        file_index: file ? p.pick([0, 1, 4, 5, 0xffff_ffff]) : 0,
        msg_ring_flags: p.pick([0, 0, 1, 2, 4]),
      },
      uses: ["table"],
      async: true,
    };
  }

  #provide(): Draft {
    const p = this.#prng;
    if (p.chance(0.25))
      return {
        fields: { opcode: OPS.IORING_OP_REMOVE_BUFFERS, fd: p.pick([1, 2, 0]), buf_group: 5 },
        uses: ["bufs"],
        async: true,
      };
    const count = 1 + p.below(4);
    const length = p.pick([16, 100, 200]);
    return {
      fields: {
        opcode: OPS.IORING_OP_PROVIDE_BUFFERS,
        fd: count,
        addr: { m: this.#buffer(count * length) },
        len: length,
        off: p.below(20),
        buf_group: 5,
      },
      uses: ["bufs"],
      async: true,
    };
  }

  #filesUpdate(): Draft {
    const p = this.#prng;
    const at = this.#words([4, p.pick<Value>([{ h: H.f0 }, -1, -2, 9999])], [4, p.pick<Value>([{ h: H.f1 }, -1])]);
    return {
      fields: { opcode: OPS.IORING_OP_FILES_UPDATE, addr: { m: at }, len: p.pick([1, 2]), off: p.pick([6, 6, 7, 8]) },
      uses: ["table"],
      async: true,
    };
  }

  #socket(): Draft {
    const p = this.#prng;
    const handle = this.#opened.length > 0 && p.chance(0.8) ? p.pick(this.#opened) : undefined;
    const pick = p.below(6);
    if (handle === undefined || pick === 0) {
      return {
        fields: {
          opcode: OPS.IORING_OP_SOCKET,
          fd: p.pick([1, 1, 2, 0, 99]),
          off: p.pick([1, 1, 2, 5, 0x801, 0x80001]),
          len: p.pick([0, 0, 0, 6, 1]),
        },
        uses: ["net"],
        async: true,
        gives: this.#newHandle(),
      };
    }
    const address: Value = p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: this.#address };
    const common: Fields = { fd: { h: handle } };
    switch (pick) {
      case 1:
        return {
          fields: { opcode: OPS.IORING_OP_BIND, ...common, addr: address, off: p.pick([24, 24, 24, 2, 1]) },
          uses: ["net"],
          async: true,
        };
      case 2:
        return { fields: { opcode: OPS.IORING_OP_LISTEN, ...common, len: 5 }, uses: ["net"], async: true };
      case 3:
        return {
          fields: { opcode: OPS.IORING_OP_CONNECT, ...common, addr: address, off: 24 },
          uses: ["net"],
          async: true,
        };
      case 4:
        return {
          fields: {
            opcode: OPS.IORING_OP_ACCEPT,
            ...common,
            accept_flags: p.pick([0, 0x800, 0x80000]),
            ioprio: p.pick([0, 2, 0, 4]),
          },
          uses: ["net"],
          async: true,
          gives: this.#newHandle(),
        };
      default:
        return {
          fields: {
            opcode: OPS.IORING_OP_SHUTDOWN,
            fd: { h: p.pick([handle, handle, H.sockA, H.pipeR]) },
            len: p.pick([0, 1, 2, 3]),
          },
          uses: ["net", "sock", "pipe"],
          async: true,
        };
    }
  }

  #pipe(): Draft {
    const p = this.#prng;
    return {
      fields: {
        opcode: OPS.IORING_OP_PIPE,
        addr: p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: OUT_AT + 0x2000 },
        pipe_flags: p.pick([0, 0x800, 1]),
        file_index: p.pick([0, 0, 7, 8, 0xffff_ffff]),
      },
      uses: ["table"],
      async: true,
    };
  }

  #messageHeader(): Draft {
    const p = this.#prng;
    const { use, fields } = this.#socketFile();
    const send = p.chance(0.5);
    const select = !send && p.chance(0.4);
    const multishot = select && p.chance(0.6);
    const { at, count } = this.#iovecs();
    const header = this.#words(
      [8, 0],
      [8, 0],
      [8, at],
      [8, select ? Math.min(count, 1) : count],
      [8, 0],
      [8, 0],
      [8, 0],
    );
    return {
      fields: {
        opcode: send ? OPS.IORING_OP_SENDMSG : OPS.IORING_OP_RECVMSG,
        ...fields,
        flags: Number(fields["flags"] ?? 0) | (select ? IOSQE_BUFFER_SELECT : 0),
        addr: { m: header },
        len: 1,
        ioprio: multishot ? 2 : 0,
        buf_group: select ? this.#group() : 0,
      },
      uses: select ? [use, "bufs"] : [use],
      async: false,
    };
  }
}
