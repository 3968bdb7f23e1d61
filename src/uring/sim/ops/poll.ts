// POLL_ADD, POLL_REMOVE and updates (io_uring/poll.c at v7.2).

import { EALREADY, ECANCELED, EINVAL, ENOENT } from "../../../base/index.ts";
import { IORING_OP, IORING_POLL, POLL } from "../../abi/index.ts";
import { disarm, findArmedBy } from "../armed.ts";
import { queueTaskComplete, setFail } from "../completion.ts";
import { armFor, pollRemoveEntries } from "../issue.ts";
import {
  IOU_COMPLETE,
  IOU_ISSUE_SKIP_COMPLETE,
  POLL_PURE,
  REQ_F,
  type OpRow,
  type Request,
  type Ring,
} from "../state.ts";
import { takePoll } from "../wake.ts";
import {
  SQE_ADDR,
  SQE_FILE_INDEX,
  SQE_LEN,
  SQE_OFF,
  SQE_OPFLAGS,
  op,
  sqeBufIndex,
  sqeHas64,
  sqeWord,
  complete,
} from "./op.ts";

const { IORING_POLL_ADD_LEVEL, IORING_POLL_ADD_MULTI, IORING_POLL_UPDATE_EVENTS, IORING_POLL_UPDATE_USER_DATA } =
  IORING_POLL;
const { EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT } = POLL;
const UNMASK = POLL.POLLERR | POLL.POLLHUP | POLL.POLLNVAL | POLL.POLLRDHUP;

/** The events of an sqe with the behaviour bits its flags stand for. */
function parseEvents(events: number, flags: number): number {
  let wanted = events;
  if ((flags & IORING_POLL_ADD_MULTI) === 0) wanted |= EPOLLONESHOT;
  if ((flags & IORING_POLL_ADD_LEVEL) === 0) wanted |= EPOLLET;
  return wanted & (0xffff | EPOLLEXCLUSIVE | EPOLLONESHOT | EPOLLET);
}

function prepAdd(ring: Ring, req: Request, sqe: number): number {
  if (sqeBufIndex(ring, sqe) !== 0 || sqeHas64(ring, sqe, SQE_OFF) || sqeHas64(ring, sqe, SQE_ADDR)) return -EINVAL;
  const flags = sqeWord(ring, sqe, SQE_LEN);
  if ((flags & ~IORING_POLL_ADD_MULTI) !== 0) return -EINVAL;
  if ((flags & IORING_POLL_ADD_MULTI) !== 0 && (req.flags & REQ_F.CQE_SKIP) !== 0) return -EINVAL;
  req.opFlags = parseEvents(sqeWord(ring, sqe, SQE_OPFLAGS), flags);
  return 0;
}

function issueAdd(ring: Ring, req: Request): number {
  const ret = armFor(ring, req, req.opFlags, POLL_PURE);
  if (ret > 0) {
    req.res = ret & 0xffff;
    req.cflags = 0;
    return IOU_COMPLETE;
  }
  return ret < 0 ? ret : IOU_ISSUE_SKIP_COMPLETE;
}

interface Update {
  readonly low: number;
  readonly high: number;
  readonly newLow: number;
  readonly newHigh: number;
}

function prepRemove(ring: Ring, req: Request, sqe: number): number {
  if (sqeBufIndex(ring, sqe) !== 0 || sqeWord(ring, sqe, SQE_FILE_INDEX) !== 0) return -EINVAL;
  const flags = sqeWord(ring, sqe, SQE_LEN);
  const valid = IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA | IORING_POLL_ADD_MULTI;
  if ((flags & ~valid) !== 0 || flags === IORING_POLL_ADD_MULTI) return -EINVAL;
  if ((flags & IORING_POLL_UPDATE_USER_DATA) === 0 && sqeHas64(ring, sqe, SQE_OFF)) return -EINVAL;
  const events = sqeWord(ring, sqe, SQE_OPFLAGS);
  if ((flags & IORING_POLL_UPDATE_EVENTS) === 0 && events !== 0) return -EINVAL;
  req.len = flags;
  req.opFlags = parseEvents(events, flags);
  const update: Update = {
    low: sqeWord(ring, sqe, SQE_ADDR),
    high: sqeWord(ring, sqe, SQE_ADDR + 1),
    newLow: sqeWord(ring, sqe, SQE_OFF),
    newHigh: sqeWord(ring, sqe, SQE_OFF + 1),
  };
  req.data = update;
  return 0;
}

function findPoll(ring: Ring, low: number, high: number): Request | null {
  return findArmedBy(ring, low, high, ({ opcode }) => opcode === IORING_OP.IORING_OP_POLL_ADD);
}

/** Gives the poll what the update says; true when it goes on, else its `res` says how it ends. */
function applyUpdate(ring: Ring, req: Request, target: Request, update: Update): boolean {
  if ((req.len & (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA)) !== 0) {
    if ((req.len & IORING_POLL_UPDATE_EVENTS) !== 0) {
      target.opFlags = (target.opFlags & ~0xffff) | (req.opFlags & 0xffff) | UNMASK;
    }
    if ((req.len & IORING_POLL_UPDATE_USER_DATA) !== 0) {
      target.userLow = update.newLow;
      target.userHigh = update.newHigh;
    }
    const ret = issueAdd(ring, target);
    if (ret === IOU_ISSUE_SKIP_COMPLETE) return true;
    if (ret === IOU_COMPLETE) return false;
  }
  target.res = -ECANCELED;
  return false;
}

function issueRemove(ring: Ring, req: Request): number {
  const update = req.data as Update;
  const target = findPoll(ring, update.low, update.high);
  if (target === null) return -ENOENT;
  if (!takePoll(target)) return -EALREADY;
  pollRemoveEntries(target);
  disarm(ring, target);
  if (!applyUpdate(ring, req, target, update)) {
    // task work: the request's own completion comes first
    if (target.res < 0) setFail(target);
    queueTaskComplete(ring, target, target.res);
  }
  return complete(req, 0);
}

export const POLL_OPS: readonly OpRow[] = [
  op("IORING_OP_POLL_ADD", "single and multishot; pipes, sockets, eventfds, rings", prepAdd, issueAdd, {
    needsFile: true,
  }),
  op("IORING_OP_POLL_REMOVE", "removal and updates", prepRemove, issueRemove),
];
