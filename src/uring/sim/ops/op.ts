// What the op files share: a row with its defaults, and reading an sqe. Word indices of struct io_uring_sqe:
// 0 opcode/flags/ioprio, 1 fd, 2-3 off, 4-5 addr, 6 len, 7 op flags, 8-9 user_data, 10 buf_index/personality,
// 11 file_index, 12-13 addr3, 14-15 pad.

import { IORING_OP, type OpName } from "../../abi/index.ts";
import { setResult } from "../completion.ts";
import { IOU_COMPLETE, type OpRow, type Request, type Ring } from "../state.ts";

/** Word indices. */
export const SQE_FD = 1;
export const SQE_OFF = 2;
export const SQE_ADDR = 4;
export const SQE_LEN = 6;
export const SQE_OPFLAGS = 7;
export const SQE_BUF = 10;
export const SQE_FILE_INDEX = 11;
export const SQE_ADDR3 = 12;
export const SQE_PAD2 = 14;

type Optional = Omit<OpRow, "opcode" | "name" | "prep" | "issue" | "simulates">;

const PLAIN: Optional = {
  needsFile: false,
  pollin: false,
  pollout: false,
  pollExclusive: false,
  bufferSelect: false,
  ioprio: false,
  hashRegFile: false,
  is128: false,
};

/** A row; what is not given is off. `simulates` says in a few words what is there and what is not. */
export function op(
  name: OpName,
  simulates: string,
  prep: OpRow["prep"],
  issue: OpRow["issue"],
  facts: Partial<Optional> = {},
): OpRow {
  return { ...PLAIN, ...facts, opcode: IORING_OP[name], name, simulates, prep, issue };
}

/** Completes a request with `res` from its issue. */
export function complete(req: Request, res: number): number {
  setResult(req, res);
  return IOU_COMPLETE;
}

/** Word `index` of the sqe at byte offset `sqe`. */
export function sqeWord(ring: Ring, sqe: number, index: number): number {
  return ring.machine.memory.words[(sqe >>> 2) + index];
}

/** True when the 64-bit field at `index` is not zero. */
export function sqeHas64(ring: Ring, sqe: number, index: number): boolean {
  const { words } = ring.machine.memory;
  const at = (sqe >>> 2) + index;
  return words[at] !== 0 || words[at + 1] !== 0;
}

/** The 64-bit field at `index` as a memory offset, UNMAPPED or NOT_USER. */
export function sqeAddress(ring: Ring, sqe: number, index: number): number {
  const { memory } = ring.machine;
  return memory.locateAt(sqe + index * 4);
}

/** `buf_index`. */
export function sqeBufIndex(ring: Ring, sqe: number): number {
  return sqeWord(ring, sqe, SQE_BUF) & 0xffff;
}

/** The 64-bit field at `index` as a signed number; beyond 2^53 it is only roughly right, its sign always is. */
export function sqeSigned64(ring: Ring, sqe: number, index: number): number {
  const { words } = ring.machine.memory;
  const at = (sqe >>> 2) + index;
  return (words[at + 1] | 0) * 0x1_0000_0000 + words[at];
}

/** As sqeSigned64, unsigned. */
export function sqeUnsigned64(ring: Ring, sqe: number, index: number): number {
  const { words } = ring.machine.memory;
  const at = (sqe >>> 2) + index;
  return words[at + 1] * 0x1_0000_0000 + words[at];
}

/** The 64-bit field at `index`, exactly. */
export function sqeBig64(ring: Ring, sqe: number, index: number): bigint {
  return ring.machine.memory.view.getBigInt64(sqe + index * 4, true);
}
