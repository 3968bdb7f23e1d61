/* The other half of part-a. */
#include "bpf.h"

struct iou_ctx {};

extern u32 shared_count;
u32 b_total = 5;
u64 b_zero;
static volatile u32 private = 6;
const volatile u32 b_limit = 7;

struct {
	UINT(type, BPF_MAP_TYPE_ARRAY);
	UINT(max_entries, 2);
	TYPE(key, u32);
	TYPE(value, u64);
} b_slots SEC(".maps");

static NOINLINE u64 mine(u64 n)
{
	return n * private;
}

NOINLINE u64 overridden(u64 n)
{
	return n + b_limit;
}

NOINLINE u64 part_b(u64 n)
{
	u32 key = 1;
	u64 *slot = bpf_map_lookup_elem(&b_slots, &key);

	b_zero += shared_count;
	return (slot ? *slot : 0) + mine(n) + overridden(n);
}
