// Random scripts: requests of all simulated kinds, chains, timeouts, cancellations, and wrong arguments in any field. What
// the kernel leaves open (the order of workers) must not decide a result, so requests that may run beside others get their
// files for themselves within a phase.

import { Prng } from "../../src/base/index.ts";
import { IORING_OP, IORING_SETUP, IOSQE } from "../../src/uring/abi/index.ts";
import * as control from "./control-requests.ts";
import * as files from "./file-requests.ts";
import { Materials, type Draft, type Fields } from "./materials.ts";
import * as net from "./net-requests.ts";
import { isLeftOut, spoil } from "./odd-requests.ts";
import {
  BUFFER_RING_ENTRIES,
  DATA_AT,
  H,
  TCP_ADDRESS_AT,
  TCP_ADDRESS_SIZE,
  UNIX_ADDRESS_AT,
  UNIX_NAME_SIZE,
  type Action,
  type Phase,
  type Script,
  type ScriptSqe,
  type Value,
} from "./script.ts";

const OPS = IORING_OP;
const { IOSQE_ASYNC, IOSQE_BUFFER_SELECT, IOSQE_CQE_SKIP_SUCCESS, IOSQE_IO_DRAIN, IOSQE_IO_HARDLINK, IOSQE_IO_LINK } =
  IOSQE;
/** IOU_PBUF_RING_INC. */
const INCREMENTAL = 2;

/** Requests by how often they are drawn. */
const GOOD: readonly (readonly [weight: number, make: (m: Materials) => Draft])[] = [
  [3, files.nop],
  [10, files.readWrite],
  [4, files.fixedBuffer],
  [3, files.vectored],
  [5, net.send],
  [6, net.receive],
  [4, control.poll],
  [2, control.pollRemove],
  [4, control.timeout],
  [3, control.timeoutRemove],
  [4, control.cancel],
  [6, files.pathOp],
  [4, files.open],
  [2, files.close],
  [4, files.fileOp],
  [2, control.futex],
  [2, control.message],
  [3, files.provide],
  [2, files.filesUpdate],
  [3, net.socket],
  [1, files.pipe],
  [2, net.messageHeader],
  [3, files.readSelect],
  [1, files.install],
  [1, files.advise],
];
const ALL_WEIGHTS = GOOD.reduce((sum, [weight]) => sum + weight, 0);

/** A request that means something. */
function good(m: Materials): Draft {
  let pick = m.prng.below(ALL_WEIGHTS);
  for (const [weight, make] of GOOD) {
    if (pick < weight) return make(m);
    pick -= weight;
  }
  return files.nop(m);
}

/** Makes one script from a seed. */
export function generate(seed: number): Script {
  return new Generator(seed).script();
}

class Generator {
  readonly #seed: number;
  readonly #materials: Materials;
  /** Buffers put into the ring so far: it is never overrun. */
  #provided = 0;
  #drained = false;

  constructor(seed: number) {
    this.#seed = seed;
    this.#materials = new Materials(seed, new Prng(seed));
  }

  script(): Script {
    const m = this.#materials;
    const p = m.prng;
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
    if (p.chance(0.4)) m.bufferRing = p.pick([0, 0, INCREMENTAL]);
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
      ...(m.bufferRing === undefined ? {} : { bufferRing: m.bufferRing }),
      pokes: m.pokes,
      phases,
    };
  }

  /** A phase of its own for one request. */
  #alone(fields: Fields, gives?: number): Phase {
    const m = this.#materials;
    const sqe: ScriptSqe = {
      fields: { ...fields, user_data: m.userData++ },
      ...(gives === undefined ? {} : { gives }),
    };
    return { actions: [], sqes: [sqe], ordered: false };
  }

  /** A client that connects to one of the listening sockets, what both say to each other, and how they part. */
  #connection(): Phase[] {
    const m = this.#materials;
    const p = m.prng;
    const tcp = p.chance(0.5);
    const listener: Value = { h: tcp ? H.tcpListener : H.listener };
    const [at, size] = tcp ? [TCP_ADDRESS_AT, TCP_ADDRESS_SIZE] : [UNIX_ADDRESS_AT, UNIX_NAME_SIZE];
    const client = m.handle++;
    const server = m.handle++;
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
      const common: Fields = { fd: p.pick(ends), addr: { m: m.buffer(length) }, len: length };
      const receive: Fields = select
        ? { fd: p.pick(ends), flags: IOSQE_BUFFER_SELECT, buf_group: m.group(), ioprio: p.pick([0, 2]) }
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

  #phase(): Phase {
    const m = this.#materials;
    const p = m.prng;
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
      if (linked && p.chance(0.25)) drafts.splice(1, 0, control.linkTimeout(m));
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
        const fields: Fields = { ...draft.fields, flags, user_data: m.userData };
        if (draft.fields["opcode"] !== OPS.IORING_OP_LINK_TIMEOUT) chain.push(m.userData);
        m.past.push(m.userData++);
        sqes.push(draft.gives === undefined ? { fields } : { fields, gives: draft.gives });
      }
      if (linked) chains.push(chain);
      if (alone) break;
    }
    return { actions: this.#actions(), sqes, ordered: ordered && !drain, chains };
  }

  #actions(): Action[] {
    const m = this.#materials;
    const p = m.prng;
    const out: Action[] = [];
    while (p.chance(0.45)) {
      const h = p.pick([H.pipeW, H.sockA, H.sockB, H.dgramA, H.nbW, H.event]);
      if (h === H.event) {
        const at = m.bytes([p.below(3), 0, 0, 0, 0, 0, 0, 0]);
        out.push({ do: "write", h, at, length: 8 });
      } else out.push({ do: "write", h, at: DATA_AT + p.below(1000), length: 1 + p.below(300) });
    }
    while (m.bufferRing !== undefined && this.#provided < BUFFER_RING_ENTRIES && p.chance(0.5)) {
      const length = p.pick([16, 100, 300]);
      out.push({ do: "provide", at: m.buffer(length), length, id: this.#provided++ });
    }
    if (p.chance(0.06)) out.push({ do: "close", h: p.pick([H.pipeW, H.pipeR, H.sockB, H.nbW]) });
    return out;
  }

  #draft(): Draft {
    const m = this.#materials;
    const p = m.prng;
    const draft = good(m);
    let { fields } = draft;
    let isAsync = draft.async;
    if (p.chance(0.07)) {
      fields = { ...fields, flags: Number(fields["flags"] ?? 0) | IOSQE_ASYNC };
      isAsync = true;
    }
    if (p.chance(0.05)) fields = { ...fields, flags: Number(fields["flags"] ?? 0) | IOSQE_CQE_SKIP_SUCCESS };
    if (p.chance(0.12)) {
      const spoilt = spoil(fields, p);
      if (!isLeftOut(spoilt)) fields = spoilt;
    }
    return { ...draft, fields, async: isAsync };
  }
}
