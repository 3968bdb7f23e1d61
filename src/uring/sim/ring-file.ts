// The file behind a ring's descriptor: its poll state, and the end of everything when the last reference goes.

import { EINVAL } from "../../base/index.ts";
import { POLL } from "../abi/index.ts";
import { unhash } from "./issue.ts";
import { OpenFile, type Machine, type Ring } from "./state.ts";

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
    if (words[at + 3] !== words[at + 2] || ring.overflowPending || ring.localWork.length > ring.localHead) {
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
    for (let req = ring.armed; req !== null;) {
      const next = req.hashNext;
      req.queue?.remove(req);
      unhash(ring, req);
      req = next;
    }
    for (const req of [...ring.timeouts, ...ring.linkTimeouts, ...ring.workers]) {
      if (req.timer !== null) machine.clock.stop(req.timer);
    }
    for (const req of ring.futexes) {
      for (const [at, waiters] of machine.futexes) {
        if (!waiters.includes(req)) continue;
        const rest = waiters.filter((other) => other !== req);
        if (rest.length > 0) machine.futexes.set(at, rest);
        else machine.futexes.delete(at);
      }
    }
    for (const list of [ring.timeouts, ring.linkTimeouts, ring.futexes, ring.localWork, ring.deferred]) {
      list.length = 0;
    }
    ring.workers.clear();
    machine.taskWork = machine.taskWork.slice(machine.taskHead).filter((req) => req.ring !== ring);
    machine.taskHead = 0;
    for (const [slot, file] of ring.files.entries()) {
      ring.files[slot] = null;
      if (file !== null && --file.refs === 0) file.release(machine);
    }
    if (ring.eventfd !== null && --ring.eventfd.refs === 0) ring.eventfd.release(machine);
    ring.eventfd = null;
    for (const region of [ring.rings, ring.sqes, ring.memRegion]) {
      if (region?.allocated === true) machine.memory.freePages(region.at, region.size);
    }
  }
}
