// Putting a new file where a request wants it: a descriptor, or a slot of the ring's table (io_uring/filetable.c at v7.2).

import { EBADF, EINVAL, ENFILE, ENXIO } from "../../base/index.ts";
import { IORING_MISC } from "../abi/index.ts";
import { allocFixedSlot, installFile, putFile, setFixedFile } from "./fd-table.ts";
import type { OpenFile, Ring } from "./state.ts";

const { IORING_FILE_INDEX_ALLOC } = IORING_MISC;

/** Installs `file` by `slot` (0: as a descriptor; else 1-based, or IORING_FILE_INDEX_ALLOC); takes over the reference. */
export function installResult(ring: Ring, file: OpenFile, slot: number): number {
  if (slot === 0) return installFile(ring.machine, file);
  const ret = slot === IORING_FILE_INDEX_ALLOC ? installAnywhere(ring, file) : installAt(ring, file, slot - 1);
  if (ret < 0) putFile(ring.machine, file);
  return ret;
}

function installAnywhere(ring: Ring, file: OpenFile): number {
  if (!ring.filesRegistered) return -ENFILE;
  const slot = allocFixedSlot(ring);
  if (slot < 0) return slot;
  const ret = installAt(ring, file, slot);
  return ret < 0 ? ret : slot;
}

function installAt(ring: Ring, file: OpenFile, slot: number): number {
  if (file.kind === "ring") return -EBADF;
  if (!ring.filesRegistered) return -ENXIO;
  if (slot >= ring.files.length) return -EINVAL;
  setFixedFile(ring, slot, file);
  return 0;
}

/** Empties a fixed slot: 0, -ENXIO, -EINVAL or -EBADF. */
export function removeFixed(ring: Ring, slot: number): number {
  if (!ring.filesRegistered) return -ENXIO;
  if (slot >= ring.files.length) return -EINVAL;
  if (ring.files[slot] === null) return -EBADF;
  setFixedFile(ring, slot, null);
  return 0;
}
