// What a load fails for before Linux looks at the program: BTF whose special fields make no sense, and maps that may not hold
// such fields (btf_parse_struct_metas of kernel/bpf/btf.c, map_check_btf of kernel/bpf/syscall.c at v7.2). Linux prints no
// log there; the messages are ours.

import { EACCES, EOPNOTSUPP } from "../../base/index.ts";
import { E2BIG, EINVAL, type Env } from "./env.ts";
import {
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY_PROG,
  MAP_ARRAY,
  MAP_CGRP_STORAGE,
  MAP_CGROUP_STORAGE,
  MAP_HASH,
  MAP_INODE_STORAGE,
  MAP_LRU_HASH,
  MAP_LRU_PERCPU_HASH,
  MAP_PERCPU_ARRAY,
  MAP_PERCPU_HASH,
  MAP_RHASH,
  MAP_SK_STORAGE,
  MAP_TASK_STORAGE,
  type MapInfo,
} from "./maps.ts";
import { fieldName, FieldProblem, type FieldKind, structFields } from "./record.ts";

const STORAGE = [MAP_SK_STORAGE, MAP_INODE_STORAGE, MAP_TASK_STORAGE, MAP_CGRP_STORAGE];
const LOCKABLE: readonly number[] = [MAP_HASH, MAP_RHASH, MAP_ARRAY, MAP_CGROUP_STORAGE, ...STORAGE];
const OWNING: readonly number[] = [MAP_HASH, MAP_LRU_HASH, MAP_ARRAY];
const SCHEDULING: readonly number[] = [MAP_RHASH, ...OWNING];
const POINTING: readonly number[] = [
  MAP_HASH,
  MAP_RHASH,
  MAP_ARRAY,
  ...STORAGE,
  MAP_PERCPU_HASH,
  MAP_LRU_HASH,
  MAP_LRU_PERCPU_HASH,
  MAP_PERCPU_ARRAY,
];

/** Types of map whose values may hold a field. */
const HOLDERS: Readonly<Partial<Record<FieldKind, readonly number[]>>> = {
  bpf_spin_lock: LOCKABLE,
  bpf_res_spin_lock: LOCKABLE,
  bpf_timer: SCHEDULING,
  bpf_wq: SCHEDULING,
  bpf_task_work: SCHEDULING,
  kptr: POINTING,
  kptr_untrusted: POINTING,
  percpu_kptr: POINTING,
  bpf_refcount: POINTING,
  uptr: [MAP_TASK_STORAGE],
  bpf_list_head: OWNING,
  bpf_rb_root: OWNING,
};
const PAGE = 4096;

/** Finds the program's structs with special fields, and refuses BTF and maps that Linux would refuse. */
export function checkBeforeLoad(env: Env): void {
  try {
    env.objects = structFields(env.btf, env.target);
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    env.reject(error.errno, `BTF of the program is refused: ${error.message}`);
  }
  env.program.maps.forEach((_, index) => {
    const map = env.map(index)!;
    checkMap(env, map);
    if (map.inner !== undefined) checkMap(env, map.inner);
  });
}

function checkMap(env: Env, map: MapInfo): void {
  for (const { kind, btf, btf_id } of map.fields) {
    const refuse = (errno: number, why: string): never =>
      env.reject(errno, `map '${map.name}' is refused: ${fieldName(kind)} ${why}`);
    if (map.map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
      refuse(EACCES, "in a map the program may only read or write");
    if (HOLDERS[kind]?.includes(map.map_type) !== true) refuse(EOPNOTSUPP, "in a map of this type");
    if (kind !== "uptr") continue;
    if (btf === env.target) refuse(EINVAL, "to a struct of the kernel");
    const size = btf!.sizeOf(btf_id);
    if (size === 0) refuse(EINVAL, "to a struct of no size");
    if (size > PAGE) refuse(E2BIG, `to a struct of more than ${PAGE} bytes`);
  }
}
