// Requests about time, readiness, other requests and other rings.

import { IORING_OP } from "../../src/uring/abi/index.ts";
import { BAD_ADDRESSES, type Draft, type Materials } from "./materials.ts";
import { H, OUT_AT } from "./script.ts";

const OPS = IORING_OP;

export function poll(m: Materials): Draft {
  const p = m.prng;
  const { use, fields } = m.file([
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

export function pollRemove(m: Materials): Draft {
  const p = m.prng;
  const update = p.chance(0.5);
  const len = update ? p.pick([2, 4, 6, 3, 7]) : 0;
  return {
    fields: {
      opcode: OPS.IORING_OP_POLL_REMOVE,
      addr: m.target(),
      len,
      off: (len & 4) !== 0 ? 500_000 + m.userData : 0,
      poll32_events: (len & 2) !== 0 ? p.pick([1, 4, 5]) : 0,
    },
    uses: ["cancel"],
    async: true,
  };
}

export function timeout(m: Materials): Draft {
  const p = m.prng;
  const long = p.chance(0.6);
  const flags = p.pick([0, 0, 0, 4, 8, 0x20, 0x40, 0x44, 2, 12, 1, 5, 9]);
  const multishot = (flags & 0x40) !== 0;
  if ((flags & 1) !== 0) {
    // past or far away by every clock
    const at = m.words([8, p.pick([0, 1, 4_000_000_000])], [8, 0]);
    return {
      fields: { opcode: OPS.IORING_OP_TIMEOUT, addr: { m: at }, len: 1, timeout_flags: flags },
      uses: ["timeout"],
      async: true,
    };
  }
  return {
    fields: {
      opcode: OPS.IORING_OP_TIMEOUT,
      addr: m.timespec(long || multishot),
      len: 1,
      timeout_flags: flags,
      off: long && !multishot ? p.pick([0, 0, 1, 2, 5]) : 0,
    },
    uses: ["timeout"],
    async: true,
  };
}

export function linkTimeout(m: Materials): Draft {
  const p = m.prng;
  return {
    fields: {
      opcode: OPS.IORING_OP_LINK_TIMEOUT,
      addr: p.chance(0.5) ? m.timespec(true) : { m: m.words([8, 0], [8, 15_000_000]) },
      len: 1,
      timeout_flags: p.pick([0, 0, 0x20]),
    },
    uses: [],
    async: true,
  };
}

export function timeoutRemove(m: Materials): Draft {
  const p = m.prng;
  const update = p.chance(0.4);
  return {
    fields: {
      opcode: OPS.IORING_OP_TIMEOUT_REMOVE,
      addr: m.target(),
      timeout_flags: update ? p.pick([2, 2, 0x12]) : 0,
      off: update ? m.timespec(true) : 0,
    },
    uses: ["timeout"],
    async: true,
  };
}

export function cancel(m: Materials): Draft {
  const p = m.prng;
  const flags = p.pick([0, 0, 0, 1, 2, 3, 4, 16, 17, 2 | 16, 32, 32 | 1, 6, 8]);
  return {
    fields: {
      opcode: OPS.IORING_OP_ASYNC_CANCEL,
      addr: m.target(),
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

export function futex(m: Materials): Draft {
  const p = m.prng;
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

export function message(m: Materials): Draft {
  const p = m.prng;
  const command = p.pick([0, 0, 1, 1, 2]);
  const file = command === 1;
  return {
    fields: {
      opcode: OPS.IORING_OP_MSG_RING,
      fd: { h: p.pick([H.ring, H.ring2, H.ring2, H.f0]) },
      addr: command,
      len: file ? p.pick([0, 0, 0, 5]) : 77,
      off: 900_000 + m.userData,
      addr3: file ? p.pick([0, 1, 2, 6]) : 0,
      file_index: file ? p.pick([0, 1, 4, 5, 0xffff_ffff]) : 0,
      msg_ring_flags: p.pick([0, 0, 1, 2, 4]),
    },
    uses: ["table"],
    async: true,
  };
}
