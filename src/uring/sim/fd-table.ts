// The process's descriptor table, and a ring's table of fixed files.

import { EMFILE, ENFILE } from "../../base/index.ts";
import type { Machine, OpenFile, Ring } from "./state.ts";

const NOFILE = 1 << 20;

/** The open file of a descriptor, or null. */
export function normalFile(machine: Machine, fd: number): OpenFile | null {
  return fd >= 0 && fd < machine.files.length ? machine.files[fd]! : null;
}

/** As normalFile for what a request works on: a descriptor of O_PATH is none. */
export function requestFile(machine: Machine, fd: number): OpenFile | null {
  const file = normalFile(machine, fd);
  return file === null || file.kind === "path" ? null : file;
}

/** The file in a fixed slot, or null. */
export function fixedFile(ring: Ring, slot: number): OpenFile | null {
  return slot >= 0 && slot < ring.files.length ? ring.files[slot]! : null;
}

/** Installs `file` at the lowest free descriptor; takes over one reference. -EMFILE when full. */
export function installFile(machine: Machine, file: OpenFile): number {
  let fd = machine.files.indexOf(null);
  if (fd < 0) fd = machine.files.length;
  if (fd >= NOFILE) return -EMFILE;
  machine.files[fd] = file;
  return fd;
}

/** Drops a reference. */
export function putFile(machine: Machine, file: OpenFile): void {
  if (--file.refs === 0) file.release(machine);
}

/** Takes a descriptor out of the table and drops its reference; false when it was not open. */
export function closeFd(machine: Machine, fd: number): boolean {
  const file = normalFile(machine, fd);
  if (file === null) return false;
  machine.files[fd] = null;
  while (machine.files.length > 0 && machine.files[machine.files.length - 1] === null) machine.files.pop();
  putFile(machine, file);
  return true;
}

/**
 * Puts `file` into fixed slot `slot`, dropping what was there; takes over one reference. Where the search for a free slot
 * begins next: at one that became free, or behind one that was and is not any more.
 */
export function setFixedFile(ring: Ring, slot: number, file: OpenFile | null): void {
  const old = ring.files[slot]!;
  ring.files[slot] = file;
  if ((old === null) !== (file === null)) ring.fileAllocHint = file === null ? slot : slot + 1;
  if (old !== null) putFile(ring.machine, old);
}

/** A free slot in the allocation range, or -ENFILE (io_file_bitmap_get). */
export function allocFixedSlot(ring: Ring): number {
  const { fileAllocStart: start, fileAllocEnd: end } = ring;
  const hint = ring.fileAllocHint < start || ring.fileAllocHint >= end ? start : ring.fileAllocHint;
  for (let slot = hint; slot < end; slot++) if (ring.files[slot] === null) return slot;
  // a search from the start stays one, also when what was found cannot be filled
  ring.fileAllocHint = start;
  for (let slot = start; slot < hint; slot++) if (ring.files[slot] === null) return slot;
  return -ENFILE;
}
