/* The smallest object that can be opened, for tests that change every byte. */
#include "bpf.h"

struct iou_ctx {};

u32 count = 3;

SEC("struct_ops/step")
int step(u64 *ctx)
{
	return count;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops ops = { .loop_step = (void *)step };
