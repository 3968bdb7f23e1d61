// io_uring_setup(2): checks, layout, memory of the ring (io_uring_create and io_allocate_scq_urings at v7.2). The rules of
// the flags are src/uring/abi's, the arithmetic is src/uring/ring's. A ring with SQPOLL has no
// thread: io_uring_enter does what it would have done.

import { EFAULT, EINVAL, ENOMEM } from "../../base/index.ts";
import { IORING_SETUP, checkSetup, io_uring_params, type KernelVersion } from "../abi/index.ts";
import { ringsLayout } from "../ring/index.ts";
import { armedBuckets } from "./armed.ts";
import { SIM_PAGE } from "./memory.ts";
import { Ring, type Machine, type Region } from "./state.ts";

const { IORING_SETUP_NO_MMAP, IORING_SETUP_NO_SQARRAY, IORING_SETUP_R_DISABLED, IORING_SETUP_REGISTERED_FD_ONLY } =
  IORING_SETUP;

const { fields } = io_uring_params;
const WQ_FD_END = 28;
const RESV_END = 40;

/** The kernel that is simulated. */
export const SIM_KERNEL_VERSION: KernelVersion = [7, 2, 0];

/** Makes a ring from the io_uring_params at memory offset `params` and fills them; or a negative errno. */
export function createRing(machine: Machine, entries: number, params: number): Ring | number {
  const { memory } = machine;
  if (!memory.covers(params, io_uring_params.size)) return -EFAULT;
  for (let at = params + WQ_FD_END; at < params + RESV_END; at++) if (memory.bytes[at] !== 0) return -EINVAL;
  const { view } = memory;
  const flags = view.getUint32(params + fields.flags[0], true);
  const cq_entries = view.getUint32(params + fields.cq_entries[0], true);
  const request = { entries, flags, cq_entries };
  const { errno } = checkSetup(request, SIM_KERNEL_VERSION);
  if (errno !== 0) return errno;

  const layout = ringsLayout(request);
  const user = (flags & IORING_SETUP_NO_MMAP) !== 0;
  const rings = region(machine, layout.ringsSize, user ? params + fields["cq_off.user_addr"][0] : -1);
  if (typeof rings === "number") return rings;
  const sqes = region(machine, layout.sqesSize, user ? params + fields["sq_off.user_addr"][0] : -1);
  if (typeof sqes === "number") {
    if (rings.allocated) memory.freePages(rings.at, rings.size);
    return sqes;
  }
  const { params: given } = layout;
  memory.bytes.fill(0, rings.at, rings.at + given.cq_off.cqes);
  view.setUint32(rings.at + given.sq_off.ring_mask, given.sq_entries - 1, true);
  view.setUint32(rings.at + given.cq_off.ring_mask, given.cq_entries - 1, true);
  view.setUint32(rings.at + given.sq_off.ring_entries, given.sq_entries, true);
  view.setUint32(rings.at + given.cq_off.ring_entries, given.cq_entries, true);

  const out = (name: keyof typeof fields, value: number): void => view.setUint32(params + fields[name][0], value, true);
  out("sq_entries", given.sq_entries);
  out("cq_entries", given.cq_entries);
  out("features", given.features);
  for (const name of ["head", "tail", "ring_mask", "ring_entries", "flags", "dropped"] as const) {
    out(`sq_off.${name}`, given.sq_off[name]);
  }
  if ((flags & IORING_SETUP_NO_SQARRAY) === 0) out("sq_off.array", given.sq_off.array);
  for (const name of ["head", "tail", "ring_mask", "ring_entries", "overflow", "cqes", "flags"] as const) {
    out(`cq_off.${name}`, given.cq_off[name]);
  }
  if (!user) {
    view.setBigUint64(params + fields["sq_off.user_addr"][0], 0n, true);
    view.setBigUint64(params + fields["cq_off.user_addr"][0], 0n, true);
  }
  return new Ring(machine, ringNumber(machine, flags), flags, {
    sqEntries: given.sq_entries,
    cqEntries: given.cq_entries,
    rings,
    sqes,
    cqesAt: rings.at + given.cq_off.cqes,
    sqArrayAt: (flags & IORING_SETUP_NO_SQARRAY) === 0 ? rings.at + given.sq_off.array : -1,
    armed: armedBuckets(given.cq_entries),
  });
}

/** What the ring will be called by: its descriptor, or its place among the registered rings. */
function ringNumber({ files, registeredRings }: Machine, flags: number): number {
  const table = (flags & IORING_SETUP_REGISTERED_FD_ONLY) !== 0 ? registeredRings : files;
  const free = table.indexOf(null);
  return free < 0 ? table.length : free;
}

/** Memory of `size` bytes: at the user address stored at offset `userAt`, or pages of the kernel's own. */
function region(machine: Machine, size: number, userAt: number): Region | number {
  const { memory } = machine;
  if (userAt < 0) {
    const at = memory.allocatePages(size);
    return at < 0 ? -ENOMEM : { at, size, allocated: true };
  }
  if (memory.view.getBigUint64(userAt, true) === 0n) return -EFAULT;
  if (memory.view.getUint32(userAt, true) % SIM_PAGE !== 0) return -EINVAL;
  const at = memory.locateAt(userAt);
  return memory.covers(at, size) ? { at, size, allocated: false } : -EFAULT;
}

/** True until IORING_REGISTER_ENABLE_RINGS. */
export function isDisabled(ring: Ring): boolean {
  return (ring.flags & IORING_SETUP_R_DISABLED) !== 0;
}
