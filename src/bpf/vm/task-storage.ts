// Task storage (kernel/bpf/bpf_task_storage.c at v7.2): one value per task, and a loop runs in one task only.

import { ENOENT } from "../../base/index.ts";
import type { VmHost } from "./host.ts";
import { MAP_COUNT } from "./map-layout.ts";
import type { VmMap } from "./map.ts";

const BPF_LOCAL_STORAGE_GET_F_CREATE = 1;

const countAt = ({ image }: VmMap): number => (image.handle + MAP_COUNT) >> 2;

/** bpf_task_storage_get(): the value's address or 0; a new one begins as a copy of `initial`, if there is one. */
export function getStorage(host: VmHost, map: VmMap, initial: number, flags: number): number {
  const { values, value_size } = map.image;
  const { words, u8 } = host.memory;
  if (flags > BPF_LOCAL_STORAGE_GET_F_CREATE) return 0;
  if (words[countAt(map)] !== 0) return values;
  if (flags !== BPF_LOCAL_STORAGE_GET_F_CREATE) return 0;
  words[countAt(map)] = 1;
  u8.fill(0, values, values + value_size);
  if (initial !== 0) {
    host.check(initial, value_size, false);
    u8.copyWithin(values, initial, initial + value_size);
  }
  return values;
}

/** bpf_task_storage_delete() */
export function deleteStorage(host: VmHost, map: VmMap): number {
  const { words } = host.memory;
  if (words[countAt(map)] === 0) return -ENOENT;
  words[countAt(map)] = 0;
  return 0;
}
