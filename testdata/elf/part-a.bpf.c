/* One half of a program: with part-b it makes a whole. */
#include "bpf.h"

struct iou_ctx {};

u32 shared_count = 1;
static volatile u32 private = 2;
extern u64 part_b(u64 n);
extern u32 b_total;

static NOINLINE u64 mine(u64 n)
{
	return n + private;
}

WEAK NOINLINE u64 overridden(u64 n)
{
	return n;
}

SEC("struct_ops.s/step")
int step(u64 *ctx)
{
	shared_count += part_b(mine(3)) + overridden(1) + b_total;
	return 1;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops ops = { .loop_step = (void *)step };
