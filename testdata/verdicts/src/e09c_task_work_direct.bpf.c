/* SPDX-License-Identifier: MIT */
/* expect: ?
 * the work in a map written directly
 */
#include "objects.h"

struct task_struct { int pid; } REL;
struct bpf_map { __u32 id; } REL;
KFV(int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *tw, void *map, int (*callback)(struct bpf_map *map, void *key, void *value)));
KFV(int bpf_task_work_schedule_resume(struct task_struct *task, struct bpf_task_work *tw, void *map, int (*callback)(struct bpf_map *map, void *key, void *value)));
struct val { struct bpf_task_work tw; __u64 x; };
M(a, ARRAY, 1, __u32, struct val)
M(b, ARRAY, 1, __u32, struct val)
static int work(struct bpf_map *map, void *key, void *value) { struct val *v = value; v->x++; return 5; }
STEP { __u32 k = 0; struct val *v = bpf_map_lookup_elem(&a, &k); if (!v) return 1; *(__u64 *)&v->tw = 1; return 1; }

OPS
