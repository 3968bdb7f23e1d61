// Requests with something odd in one field, and which of them are not compared.

import type { Prng } from "../../src/base/index.ts";
import {
  IORING_ASYNC_CANCEL,
  IORING_CQE_F,
  IORING_MSG,
  IORING_OP,
  IORING_OP_LAST,
  IORING_TIMEOUT,
  IOSQE,
} from "../../src/uring/abi/index.ts";
import { BAD_ADDRESSES, FAR_OFFSET, type Fields } from "./materials.ts";
import { MEMORY_SIZE } from "./script.ts";

const OPS = IORING_OP;
const { IOSQE_BUFFER_SELECT } = IOSQE;
const ODD_NUMBERS = [1, 2, 3, 4, 7, 8, 16, 0x40, 0x80, 0x100, 0x8000, 0xffff];

const TIMEOUTS: ReadonlySet<number> = new Set([
  OPS.IORING_OP_TIMEOUT,
  OPS.IORING_OP_TIMEOUT_REMOVE,
  OPS.IORING_OP_LINK_TIMEOUT,
]);

/** A request that is not compared. */
export function isLeftOut({
  opcode,
  addr,
  off,
  cancel_flags,
  len,
  msg_ring_flags,
  file_index,
  rw_flags,
}: Fields): boolean {
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

/** Puts something odd into one field. */
export function spoil(fields: Fields, p: Prng): Fields {
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
  const timeout = TIMEOUTS.has(opcode);
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
