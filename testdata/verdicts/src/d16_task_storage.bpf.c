/* SPDX-License-Identifier: MIT */
/* expect: ?
 * task storage
 */
#include "loop.h"

struct { __uint(type, BPF_MAP_TYPE_TASK_STORAGE); __uint(map_flags, 1); __type(key, int); __type(value, __u64); } ts SEC(".maps");
STEP { __u64 *v = bpf_task_storage_get(&ts, bpf_get_current_task_btf(), 0, 1); if (!v) return 1; *v += 4; out[0] = *v; out[1] = bpf_task_storage_delete(&ts, bpf_get_current_task_btf()); out[2] = bpf_task_storage_delete(&ts, bpf_get_current_task_btf()); return 1; }

OPS
