// Starting a LINK_TIMEOUT when the request it guards was issued (io_queue_linked_timeout of io_uring/timeout.c).

import { WORK_CALL, type Request, type Ring } from "./state.ts";
import { Timer } from "./clock.ts";
import { removeFrom, unlinkNext } from "./completion.ts";
import { addTaskWork } from "./task-queue.ts";
import type { TimeoutData } from "./timeout-data.ts";

/** Arms `guard`; without effect when the guarded request has finished already. `onExpiry` was set by the op's prep. */
export function startLinkedTimeout(ring: Ring, guard: Request): void {
  const data = guard.data as TimeoutData;
  if (data.head === null) return;
  const { clock } = ring.machine;
  const at = data.absolute ? data.ns : clock.now + data.ns;
  guard.timer ??= new Timer(expire, guard);
  guard.timer.fire = expire;
  ring.linkTimeouts.push(guard);
  // a timer that is due strikes while it is being started
  if (at <= clock.now) expire(guard);
  else clock.start(guard.timer, at);
}

function expire(guard: Request): void {
  const { ring } = guard;
  const data = guard.data as TimeoutData;
  const prev = data.head;
  data.head = null;
  if (prev !== null) {
    unlinkNext(prev, guard);
    prev.refs++;
  }
  removeFrom(ring.linkTimeouts, guard);
  data.prev = prev;
  // The function itself is the op's, set in its prep.
  guard.workKind = WORK_CALL;
  addTaskWork(ring, guard, false);
}

/** Restarts the timer of an armed guard (TIMEOUT_REMOVE with IORING_LINK_TIMEOUT_UPDATE). */
export function restartLinkedTimeout(ring: Ring, guard: Request, at: number): void {
  ring.machine.clock.start(guard.timer!, at);
}
