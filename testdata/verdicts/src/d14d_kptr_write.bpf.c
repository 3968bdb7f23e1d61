/* SPDX-License-Identifier: MIT */
/* expect: ?
 * kernel pointer in a map written
 */
#include "loop.h"

struct task_struct { int pid; int tgid; } REL;
struct val { struct task_struct __kptr *t; __u32 x; };
KFV(struct task_struct *bpf_task_acquire(struct task_struct *p)); KFV(void bpf_task_release(struct task_struct *p)); KFV(struct task_struct *bpf_task_from_pid(int pid));
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct val); } a SEC(".maps");
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; *(__u64 *)v = 5; return 1; }

OPS
