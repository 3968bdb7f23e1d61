/* SPDX-License-Identifier: MIT */
/* expect: ?
 * tasks of a group
 */
#include "objects.h"

struct cgroup_subsys_state { int id; } REL; struct cgroup { struct cgroup_subsys_state self; } REL; struct task_struct { int pid; } REL;
struct bpf_iter_css_task { __u64 opaque[1]; } __attribute__((aligned(8)));
KFV(int bpf_iter_css_task_new(struct bpf_iter_css_task *it, struct cgroup_subsys_state *css, unsigned int flags));
KFV(struct task_struct *bpf_iter_css_task_next(struct bpf_iter_css_task *it));
KFV(void bpf_iter_css_task_destroy(struct bpf_iter_css_task *it));
KFV(struct cgroup *bpf_cgroup_from_id(__u64 id)); KFV(void bpf_cgroup_release(struct cgroup *c));
STEP { struct cgroup *c = bpf_cgroup_from_id(1); struct bpf_iter_css_task it; struct task_struct *t; if (!c) return 1; bpf_iter_css_task_new(&it, &c->self, 0); while ((t = bpf_iter_css_task_next(&it))) out[0] += t->pid > 0; bpf_iter_css_task_destroy(&it); bpf_cgroup_release(c); out[0] = out[0] > 0; return 1; }

OPS
