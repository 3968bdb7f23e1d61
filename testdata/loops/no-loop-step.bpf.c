/* SPDX-License-Identifier: MIT */
/* A struct_ops map whose loop_step is not set. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
LOOP_STEP(unused)
{
	return IOU_LOOP_STOP;
}
SEC(".struct_ops.link") struct io_uring_bpf_ops empty_ops = {};
