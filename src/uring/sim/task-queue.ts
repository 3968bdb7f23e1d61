// Task work: putting it in line, and whom that wakes. DEFER_TASKRUN rings have a list of their own and two kinds of
// wake-up, lazy and not; other rings use the task's list and always wake (io_uring/tw.c at v7.2).

import { IORING_SETUP, IORING_SQ } from "../abi/index.ts";
import { REQ_F, type Machine, type Request, type Ring } from "./state.ts";

const { IORING_SETUP_TASKRUN_FLAG } = IORING_SETUP;
/** Word index of the sq flags in the rings area. */
const SQ_FLAGS = 9;

/** Ends the process's sleep, if it sleeps. */
export function wakeProcess(machine: Machine): void {
  if (machine.sleeper !== null) machine.awake = true;
}

function markTaskrun(ring: Ring, on: boolean): void {
  if ((ring.flags & IORING_SETUP_TASKRUN_FLAG) === 0) return;
  const { words } = ring.machine.memory;
  const at = (ring.rings.at >>> 2) + SQ_FLAGS;
  if (on) words[at] = words[at] | IORING_SQ.IORING_SQ_TASKRUN;
  else words[at] = words[at] & ~IORING_SQ.IORING_SQ_TASKRUN;
}

/** Queues `req.workKind` of `req`. `lazy`: completions a waiter may collect before it is woken. */
export function addTaskWork(ring: Ring, req: Request, lazy: boolean): void {
  const machine = ring.machine;
  if (!ring.deferTaskrun) {
    machine.taskWork.push(req);
    markTaskrun(ring, true);
    wakeProcess(machine);
    return;
  }
  ring.localWork.push(req);
  if (ring.localWork.length === 1) markTaskrun(ring, true);
  const sleeper = machine.sleeper;
  if (sleeper === null || sleeper.ring !== ring || sleeper.waitNr <= 0) return;
  // How many requests a chain brings is not known, so it always wakes.
  const isLazy = lazy && (req.flags & (REQ_F.LINK | REQ_F.HARDLINK)) === 0;
  sleeper.waitNr = isLazy ? sleeper.waitNr - 1 : 0;
  if (sleeper.waitNr === 0) wakeProcess(machine);
}

/** True when the ring's own list has work. */
export function localWorkPending(ring: Ring): boolean {
  return ring.localWork.length > 0;
}

/** True when the task's list has work. */
export function taskWorkPending(machine: Machine): boolean {
  return machine.taskWork.length > 0;
}

/** Clears IORING_SQ_TASKRUN. */
export function clearTaskrun(ring: Ring): void {
  markTaskrun(ring, false);
}

/** Sets IORING_SQ_TASKRUN. */
export function setTaskrun(ring: Ring): void {
  markTaskrun(ring, true);
}
