/* A strong kfunc that no kernel has, and a strong one that all have under a slightly different name. */
#include "bpf.h"

struct iou_ctx {};
extern int bpf_io_uring_submit_sqe(struct iou_ctx *ctx, u32 nr) KSYM;

SEC("struct_ops.s/step")
int step(u64 *ctx)
{
	return bpf_io_uring_submit_sqe((struct iou_ctx *)ctx[0], 1);
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops ops = { .loop_step = (void *)step };
