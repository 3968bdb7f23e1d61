// Requests on sockets.

import { IORING_OP, IOSQE } from "../../src/uring/abi/index.ts";
import { BAD_ADDRESSES, type Draft, type Fields, type Materials } from "./materials.ts";
import { H, type Value } from "./script.ts";

const OPS = IORING_OP;
const { IOSQE_BUFFER_SELECT } = IOSQE;

export function send(m: Materials): Draft {
  const p = m.prng;
  const { use, fields } = m.socketFile();
  const length = p.pick([0, 1, 100, 1000]);
  const select = p.chance(0.15);
  return {
    fields: {
      opcode: OPS.IORING_OP_SEND,
      ...fields,
      flags: Number(fields["flags"] ?? 0) | (select ? IOSQE_BUFFER_SELECT : 0),
      addr: select ? 0 : { m: m.buffer(length) },
      len: length,
      buf_group: select ? m.group() : 0,
      msg_flags: p.pick([0, 0, 0x4000, 0x100, 0x40]),
      ioprio: p.pick([0, 0, 0, 1]),
    },
    uses: select ? [use, "bufs"] : [use],
    async: false,
  };
}

export function receive(m: Materials): Draft {
  const p = m.prng;
  const { use, fields } = m.socketFile();
  const select = p.chance(0.25);
  const multishot = select && p.chance(0.6);
  const length = multishot ? 0 : p.pick([0, 50, 100, 500]);
  const flags = Number(fields["flags"] ?? 0) | (select ? IOSQE_BUFFER_SELECT : 0);
  return {
    fields: {
      opcode: OPS.IORING_OP_RECV,
      ...fields,
      flags,
      addr: select ? 0 : { m: m.buffer(length) },
      len: length,
      buf_group: select ? m.group() : 0,
      ioprio: (multishot ? 2 : 0) | p.pick([0, 0, 0, 1]),
      msg_flags: multishot ? 0 : p.pick([0, 0, 0, 2, 0x20, 0x40, 0x100]),
    },
    uses: select ? [use, "bufs"] : [use],
    async: false,
  };
}

export function messageHeader(m: Materials): Draft {
  const p = m.prng;
  const { use, fields } = m.socketFile();
  const send = p.chance(0.5);
  const select = !send && p.chance(0.4);
  const multishot = select && p.chance(0.6);
  const { at, count } = m.iovecs();
  const header = m.words([8, 0], [8, 0], [8, at], [8, select ? Math.min(count, 1) : count], [8, 0], [8, 0], [8, 0]);
  return {
    fields: {
      opcode: send ? OPS.IORING_OP_SENDMSG : OPS.IORING_OP_RECVMSG,
      ...fields,
      flags: Number(fields["flags"] ?? 0) | (select ? IOSQE_BUFFER_SELECT : 0),
      addr: { m: header },
      len: 1,
      ioprio: multishot ? 2 : 0,
      buf_group: select ? m.group() : 0,
    },
    uses: select ? [use, "bufs"] : [use],
    async: false,
  };
}

export function socket(m: Materials): Draft {
  const p = m.prng;
  const handle = m.opened.length > 0 && p.chance(0.8) ? p.pick(m.opened) : undefined;
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
      gives: m.newHandle(),
    };
  }
  const address: Value = p.chance(0.05) ? p.pick(BAD_ADDRESSES) : { m: m.address };
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
        gives: m.newHandle(),
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
