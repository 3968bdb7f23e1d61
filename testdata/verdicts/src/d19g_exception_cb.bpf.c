/* SPDX-License-Identifier: MIT */
/* expect: ?
 * exception callback
 */
#include "loop.h"

__attribute__((noinline)) int ecb(__u64 cookie) { out[1] = cookie; return 1; }
SEC("struct_ops.s/step") __attribute__((btf_decl_tag("exception_callback:ecb"))) int step(unsigned long long *ctx) { out[0] = 5; bpf_throw(33); return 0; }
__attribute__((used)) SEC("?syscall") int root(void *c) { return ecb(1); }

OPS
