// The ordinary wait of io_uring_enter(2) with IORING_ENTER_GETEVENTS, and its arguments (io_uring/wait.c at v7.2).
// Left out: busy polling of network devices, signal masks (checked for their form, then ignored).

import { EBADR, EFAULT, EINTR, EINVAL, ETIME } from "../../base/index.ts";
import { IORING_ENTER } from "../abi/index.ts";
import { CQ_HEAD, CQ_TAIL, cqPending, flushOverflow, ringWord, shouldWake } from "./completion.ts";
import { sleep } from "./sleep.ts";
import type { Ring } from "./state.ts";
import { readTimespec } from "./timespec.ts";
import { localWorkPending, taskWorkPending } from "./task-queue.ts";
import { LOCAL_WORK_MAX, runLocalWork, runTaskWork } from "./task-work.ts";

const { IORING_ENTER_ABS_TIMER, IORING_ENTER_EXT_ARG, IORING_ENTER_EXT_ARG_REG } = IORING_ENTER;

interface WaitArgs {
  /** ns, Infinity: none. */
  timeout: number;
  minNs: number;
  sigmask: number;
  sigmaskSize: number;
}

const SIGSET_SIZE = 8;
const NO_SIGMASK = -3;

/** The arguments behind `arg`; a negative errno when they cannot be had. */
function readArgs(ring: Ring, flags: number, arg: number, isNull: boolean, size: number): WaitArgs | number {
  const args: WaitArgs = { timeout: Infinity, minNs: 0, sigmask: NO_SIGMASK, sigmaskSize: size };
  const { memory } = ring.machine;
  if ((flags & IORING_ENTER_EXT_ARG) === 0) {
    if (!isNull) args.sigmask = arg;
    return args;
  }
  if ((flags & IORING_ENTER_EXT_ARG_REG) !== 0) return readRegisteredArgs(ring, args, arg, size);
  if (size !== 24) return -EINVAL;
  if (!memory.covers(arg, 24)) return -EFAULT;
  const { view } = memory;
  if (view.getBigUint64(arg, true) !== 0n) args.sigmask = memory.locateAt(arg);
  args.sigmaskSize = view.getUint32(arg + 8, true);
  args.minNs = view.getUint32(arg + 12, true) * 1000;
  if (view.getBigUint64(arg + 16, true) !== 0n) {
    const ts = readTimespec(ring, memory.locateAt(arg + 16));
    if (ts === undefined) return -EFAULT;
    args.timeout = ts.sec * 1e9 + ts.nsec;
  }
  return args;
}

/** struct io_uring_reg_wait (64 bytes) at byte offset `offset` of the registered region. */
function readRegisteredArgs(ring: Ring, args: WaitArgs, offset: number, size: number): WaitArgs | number {
  if (size !== 64) return -EINVAL;
  if (offset < 0 || offset % 8 !== 0 || offset + 64 > ring.waitArgSize) return -EFAULT;
  const { memory } = ring.machine;
  const at = ring.memRegion!.at + offset;
  const flags = memory.view.getUint32(at + 20, true);
  if ((flags & ~1) !== 0) return -EINVAL;
  args.minNs = memory.view.getUint32(at + 16, true) * 1000;
  if (memory.view.getBigUint64(at + 24, true) !== 0n) args.sigmask = memory.locateAt(at + 24);
  args.sigmaskSize = memory.view.getUint32(at + 32, true);
  if ((flags & 1) !== 0) {
    const ts = readTimespec(ring, at)!;
    args.timeout = ts.sec * 1e9 + ts.nsec;
  }
  return args;
}

/** Waits for `minComplete` CQEs; 0 or a negative errno. `arg` is a memory offset (or registered offset), see readArgs. */
export function waitForCqes(
  ring: Ring,
  minComplete: number,
  flags: number,
  arg: number,
  isNull: boolean,
  size: number,
): number {
  const args = readArgs(ring, flags, arg, isNull, size);
  if (typeof args === "number") return args;
  const { machine } = ring;
  const { clock } = machine;
  const min = Math.min(minComplete, ring.cqEntries);
  if (localWorkPending(ring)) runLocalWork(ring, min, Math.max(LOCAL_WORK_MAX, min));
  runTaskWork(machine);
  if (ring.overflowPending) flushOverflow(ring);
  if (cqPending(ring) >= min) return 0;

  const target = (ringWord(ring, CQ_HEAD) + min) >>> 0;
  const start = clock.now;
  let deadline = Infinity;
  if (args.timeout !== Infinity) {
    deadline = (flags & IORING_ENTER_ABS_TIMER) !== 0 ? args.timeout : start + args.timeout;
  }
  if (args.sigmask !== NO_SIGMASK) {
    if (args.sigmaskSize !== SIGSET_SIZE) return -EINVAL;
    if (!machine.memory.covers(args.sigmask, SIGSET_SIZE)) return -EFAULT;
  }
  const ret = waitLoop(ring, target, start, args.minNs, deadline);
  return ringWord(ring, CQ_HEAD) === ringWord(ring, CQ_TAIL) ? ret : 0;
}

function waitLoop(ring: Ring, firstTarget: number, start: number, minNs: number, deadline: number): number {
  const { machine } = ring;
  const minTail = ringWord(ring, CQ_TAIL);
  const timeouts = ring.cqTimeouts;
  let target = firstTarget;
  let nrWait = (target - minTail) | 0;
  let minDeadline = minNs > 0 ? start + minNs : Infinity;
  let hitTimeout = false;
  for (;;) {
    let ret = 0;
    if (!ring.overflowPending && !ring.dropped && !localWorkPending(ring) && !taskWorkPending(machine)) {
      if (machine.signalPending) ret = -EINTR;
      else if (!shouldWake(ring, target, timeouts)) {
        const until = Math.min(minDeadline, deadline);
        const why = sleep(machine, { ring, waitNr: nrWait, tail: target, timeouts }, until);
        if (why === "timeout") {
          const plain = until === deadline || deadline === Infinity;
          const events = ringWord(ring, CQ_TAIL) !== minTail || cqPending(ring) > 0 || localWorkPending(ring);
          if (plain || events || ring.overflowPending) {
            hitTimeout = true;
            ret = -ETIME;
          } else target = (minTail + 1) >>> 0;
          minDeadline = Infinity;
          if (!hitTimeout) nrWait = 1;
        } else if (why === "signal") ret = 0;
      }
    }
    if (localWorkPending(ring)) runLocalWork(ring, nrWait, Math.max(nrWait, 1));
    runTaskWork(machine);
    if (ret < 0) return ret;
    if (ring.overflowPending) flushOverflow(ring);
    if (ring.dropped) return -EBADR;
    if (shouldWake(ring, target, timeouts)) return 0;
    nrWait = hitTimeout ? 1 : Math.max(1, (target - ringWord(ring, CQ_TAIL)) | 0);
  }
}
