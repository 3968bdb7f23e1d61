/* SPDX-License-Identifier: MIT */
/* Two struct_ops maps over two programs, one of them in the older style without link. */
#include "loopstep.bpf.h"
char LICENSE[] SEC("license") = "Dual MIT/GPL";
__u32 which;
LOOP_STEP(first)
{
	which = 1;
	return IOU_LOOP_STOP;
}
LOOP_STEP(second)
{
	which = 2;
	return IOU_LOOP_STOP;
}
LOOP_OPS(first);
SEC(".struct_ops") struct io_uring_bpf_ops second_ops = { .loop_step = (void *)second };
