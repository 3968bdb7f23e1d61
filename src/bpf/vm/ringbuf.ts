// Ring buffers (kernel/bpf/ringbuf.c at v7.2): records lie one after the other, each behind a header of 8 bytes, until there
// is no room. Nothing consumes them here. The bytes are there twice over, so that a record that runs over the end of the ring
// still lies in one piece.

import { EAGAIN, EINVAL } from "../../base/index.ts";
import type { VmHost } from "./host.ts";
import { MAP_USED } from "./map-layout.ts";
import type { VmMap } from "./map.ts";

const HEADER = 8;
const LARGEST_RECORD = 0x3fff_ffff;
/** In the header's length: not submitted yet; thrown away. */
const BUSY = 1 << 31;
const DISCARD = 1 << 30;

const BPF_RB_AVAIL_DATA = 0;
const BPF_RB_RING_SIZE = 1;
const BPF_RB_PROD_POS = 3;

/** BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP */
export const OUTPUT_FLAGS = 3;

const positionAt = ({ image }: VmMap): number => (image.handle + MAP_USED) >> 2;

/** Address of a new record of `size` bytes, or 0. */
export function reserveRecord(host: VmHost, map: VmMap, size: number): number {
  const { values, max_entries } = map.image;
  const { words, view } = host.memory;
  const length = Math.ceil((size + HEADER) / 8) * 8;
  const position = words[positionAt(map)] >>> 0;
  if (size > LARGEST_RECORD || length > max_entries || position + length > max_entries - 1) return 0;
  words[positionAt(map)] = position + length;
  const record = values + (position & (max_entries - 1));
  view.setUint32(record, (size | BUSY) >>> 0, true);
  view.setUint32(record + 4, 0, true);
  return record + HEADER;
}

/** Submits a record, or throws it away. */
export function commitRecord(host: VmHost, record: number, discard: boolean): void {
  const { view } = host.memory;
  const length = view.getUint32(record - HEADER, true) & ~BUSY;
  view.setUint32(record - HEADER, (discard ? length | DISCARD : length) >>> 0, true);
}

/** bpf_ringbuf_output() */
export function outputRecord(host: VmHost, map: VmMap, data: number, size: number, flags: number): number {
  if (flags > OUTPUT_FLAGS) return -EINVAL;
  const record = reserveRecord(host, map, size);
  if (record === 0) return -EAGAIN;
  if (size > 0) host.check(data, size, false);
  host.memory.u8.copyWithin(record, data, data + size);
  commitRecord(host, record, false);
  return 0;
}

/** bpf_ringbuf_query() */
export function queryRing(host: VmHost, map: VmMap, what: number): number {
  const position = host.memory.words[positionAt(map)] >>> 0;
  if (what === BPF_RB_RING_SIZE) return map.image.max_entries;
  return what === BPF_RB_AVAIL_DATA || what === BPF_RB_PROD_POS ? position : 0;
}
