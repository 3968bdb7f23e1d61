// Waking the requests that wait for a file (io_poll_wake of io_uring/poll.c): an event that concerns a request becomes task
// work, unless the request already has some.

import { POLL } from "../abi/index.ts";
import { WORK_POLL, type Request, type WaitQueue } from "./state.ts";
import { addTaskWork } from "./task-queue.ts";

const { EPOLLEXCLUSIVE, EPOLLONESHOT } = POLL;
const BEHAVIOUR = (EPOLLONESHOT | POLL.POLLPRI) >>> 0;

/** Owns the request's poll state: the first of several wake-ups does (io_poll_get_ownership). */
export function takePoll(req: Request): boolean {
  return req.pollRefs++ === 0;
}

/** Queues the task work of a wake-up with `mask` (0: look for yourself). */
export function pollExecute(req: Request, mask: number, lazy = true): void {
  req.res = mask;
  req.cflags = 0;
  req.workKind = WORK_POLL;
  addTaskWork(req.ring, req, lazy);
}

/** An event with `mask` at a file: wakes its waiters. Key 0 means something changed, look. */
export function wakeQueue(queue: WaitQueue, mask: number): void {
  let req = queue.head;
  while (req !== null) {
    const next: Request | null = req.queueNext;
    const exclusive = (req.pollEvents & EPOLLEXCLUSIVE) !== 0;
    const concerns = mask === 0 || (mask & (req.pollEvents & ~BEHAVIOUR)) !== 0;
    if (concerns) {
      if (takePoll(req)) {
        if (mask !== 0 && (req.pollEvents & EPOLLONESHOT) !== 0) queue.remove(req);
        pollExecute(req, mask);
      }
      if (exclusive) return;
    }
    req = next;
  }
}
