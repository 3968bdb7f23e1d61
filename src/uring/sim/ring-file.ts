// The file behind a ring's descriptor: its poll state, and the end of everything when the last reference goes.

import { EINVAL } from "../../base/index.ts";
import { POLL } from "../abi/index.ts";
import { allArmed } from "./armed.ts";
import { unqueueFutex } from "./cancel.ts";
import { putFile } from "./fd-table.ts";
import { OpenFile, type Machine, type Request, type Ring } from "./state.ts";

/** A ring's file. */
export class RingFile extends OpenFile {
  readonly kind = "ring";
  readonly pollable = true;
  readonly stream = true;
  readonly nowait = false;
  readonly ring: Ring;

  constructor(ring: Ring) {
    super();
    this.ring = ring;
    this.flags = 2;
  }

  poll(): number {
    const { ring } = this;
    const { words } = ring.machine.memory;
    const at = ring.rings.at >>> 2;
    let mask = 0;
    if ((words[at + 1] - ring.cachedSqHead) >>> 0 < ring.sqEntries) mask |= POLL.POLLOUT | POLL.POLLWRNORM;
    if (words[at + 3] !== words[at + 2] || ring.overflowPending || ring.localWork.length > 0) {
      mask |= POLL.POLLIN | POLL.POLLRDNORM;
    }
    return mask;
  }

  read(): number {
    return -EINVAL;
  }

  write(): number {
    return -EINVAL;
  }

  release(machine: Machine): void {
    const { ring } = this;
    ring.closed = true;
    ring.loopStep = null;
    for (const req of unfinished(ring)) drop(machine, req);
    ring.armed.fill(null);
    for (const req of ring.futexes.splice(0)) unqueueFutex(req);
    for (const list of [ring.timeouts, ring.linkTimeouts, ring.deferred]) list.length = 0;
    ring.localWork.filter(() => false);
    ring.workers.clear();
    ring.delayed.clear();
    machine.taskWork.filter((req) => req.ring !== ring);
    for (const [slot, file] of ring.files.entries()) {
      ring.files[slot] = null;
      if (file !== null) putFile(machine, file);
    }
    if (ring.eventfd !== null) putFile(machine, ring.eventfd);
    ring.eventfd = null;
    for (const region of [ring.rings, ring.sqes, ring.memRegion]) {
      if (region?.allocated === true) machine.memory.freePages(region.at, region.size);
    }
    for (const { ringAt, allocated } of ring.bufferLists.values()) {
      if (allocated > 0) machine.memory.freePages(ringAt, allocated);
    }
    ring.bufferLists.clear();
  }
}

/** Everything the ring has not completed, wherever it waits, with the chains behind it. */
function unfinished(ring: Ring): Set<Request> {
  const found = new Set<Request>();
  const add = (first: Request | null): void => {
    for (let req = first; req !== null && !req.free; req = req.link) found.add(req);
  };
  for (const req of allArmed(ring)) add(req);
  for (const list of [ring.timeouts, ring.linkTimeouts, ring.futexes, ring.workers, ring.delayed, ring.deferred]) {
    for (const req of list) add(req);
  }
  for (const req of ring.localWork.waiting()) add(req);
  for (const req of ring.machine.taskWork.waiting()) if (req.ring === ring) add(req);
  return found;
}

/** Gives up a request: it stands in no queue any more and holds no file. */
function drop(machine: Machine, req: Request): void {
  req.queue?.remove(req);
  req.bucket = -1;
  req.hashNext = null;
  req.hashPrev = null;
  if (req.timer !== null) machine.clock.stop(req.timer);
  const { file } = req;
  req.file = null;
  if (file !== null) putFile(machine, file);
}
