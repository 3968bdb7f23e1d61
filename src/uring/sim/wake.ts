// Waking the requests that wait for a file (io_poll_wake of io_uring/poll.c): an event that concerns a request becomes task
// work, unless the request already has some.

import { POLL } from "../abi/index.ts";
import { REQ_F, WORK_POLL, type Request, type WaitQueue } from "./state.ts";
import { addTaskWork } from "./task-queue.ts";

const { EPOLLEXCLUSIVE, EPOLLONESHOT, EPOLL_URING_WAKE } = POLL;
const BEHAVIOUR = (EPOLLONESHOT | POLL.POLLPRI) >>> 0;

/** Owns the request's poll state: the first of several wake-ups does (io_poll_get_ownership). */
export function takePoll(req: Request): boolean {
  return req.pollRefs++ === 0;
}

/** Queues the task work of a wake-up with `mask` (0: look for yourself). One of several exclusive waiters never waits for more. */
export function pollExecute(req: Request, mask: number): void {
  const { ring } = req;
  // a worker that blocks goes on by itself
  if ((req.flags & REQ_F.WORKER_BLOCKED) !== 0) {
    const { clock, costs } = ring.machine;
    clock.start(req.timer!, clock.now + costs.worker);
    return;
  }
  req.res = mask;
  req.cflags = 0;
  req.workKind = WORK_POLL;
  addTaskWork(ring, req, (req.pollEvents & EPOLLEXCLUSIVE) === 0);
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
        // a ring's completion that wakes a poll whose completion would wake it again: once only
        if ((mask & EPOLL_URING_WAKE) !== 0) req.pollEvents = (req.pollEvents | EPOLLONESHOT) >>> 0;
        if (mask !== 0 && (req.pollEvents & EPOLLONESHOT) !== 0) queue.remove(req);
        pollExecute(req, mask);
      }
      if (exclusive) return;
    }
    req = next;
  }
}
