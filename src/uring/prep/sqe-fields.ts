// The bottom of every prep function: an SQE cleared and filled through the layout of uring/abi, without allocating.

import type { FieldType } from "../../base/index.ts";
import { io_uring_sqe, type OpName, IORING_OP, type SqeField } from "../abi/index.ts";

/** One SQE in place, as a SubmissionQueue hands it out: `at` is its byte offset in `view`. */
export interface SqeTarget {
  readonly view: DataView;
  readonly at: number;
  /** 64 or 128: how much is cleared. */
  readonly size: number;
}

/** An address of the process, or an offset: 64 bits. */
export type Address = bigint | number;

/** Values of further fields. */
export type SqeFields = Partial<Readonly<Record<SqeField, Address>>>;

/** Writes one field, wrapping as C does. */
export function setSqe(sqe: SqeTarget, field: SqeField, value: Address): void {
  const [offset, type] = io_uring_sqe.fields[field];
  write(sqe.view, sqe.at + offset, type, value);
}

/** Clears the SQE and fills what all requests have: opcode, fd, addr, len, off; then `fields`. */
export function prep(
  sqe: SqeTarget,
  op: OpName,
  fd: number,
  addr: Address,
  len: number,
  off: Address,
  fields?: SqeFields,
): void {
  const { view, at, size } = sqe;
  view.setUint32(at, IORING_OP[op], true);
  view.setInt32(at + 4, fd, true);
  write(view, at + 8, "u64", off);
  write(view, at + 16, "u64", addr);
  view.setUint32(at + 24, len, true);
  for (let i = 28; i < size; i += 4) view.setUint32(at + i, 0, true);
  if (fields === undefined) return;
  for (const field in fields) setSqe(sqe, field as SqeField, fields[field as SqeField]!);
}

/** Sets `sqe.user_data`. */
export function setUserData(sqe: SqeTarget, user_data: Address): void {
  write(sqe.view, sqe.at + 32, "u64", user_data);
}

/** Sets `sqe.flags`: any of IOSQE. */
export function setSqeFlags(sqe: SqeTarget, flags: number): void {
  sqe.view.setUint8(sqe.at + 1, flags);
}

function write(view: DataView, at: number, type: FieldType, value: Address): void {
  if (typeof value === "bigint" && type !== "u64" && type !== "s64") return write(view, at, type, Number(value));
  if (typeof value === "bigint") return view.setBigUint64(at, BigInt.asUintN(64, value), true);
  switch (type) {
    case "u8":
    case "s8":
      return view.setUint8(at, value);
    case "u16":
    case "s16":
      return view.setUint16(at, value, true);
    case "u32":
    case "s32":
      return view.setUint32(at, value, true);
    case "u64":
    case "s64":
      // two halves: a bigint for each address would be the only allocation of a prep
      view.setUint32(at, value, true);
      return view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}
