/* SPDX-License-Identifier: MIT */
/* expect: ?
 * sleeping global function called in an RCU read section
 */
#include "loop.h"

__u64 v;
NOINLINE int g(int a) { HIDE(a); return bpf_copy_from_user(&v, 8, (void *)8); }
STEP { bpf_rcu_read_lock(); out[0] = g(3); bpf_rcu_read_unlock(); return 1; }

OPS
