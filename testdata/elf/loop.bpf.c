/* A loop with one of everything that opening an object must see. It is not meant to do anything useful. */
#include "bpf.h"

struct iou_ctx {};

struct point {
	s32 x, y;
	union {
		u64 all;
		struct {
			u32 low, high;
		};
	};
	u32 flags : 3, mode : 5;
	char tag[4];
	void *next;
};
enum color { RED = 1, GREEN = 2, DARK = -1 };

u8 g_u8 = 1;
s8 g_s8 = -2;
u16 g_u16 = 3;
s16 g_s16 = -4;
u32 g_u32 = 5;
s32 g_s32 = -6;
u64 g_u64 = 0xffffffffffffffffull;
s64 g_s64 = -8;
_Bool g_bool = 1;
enum color g_color = GREEN;
u32 g_array[3] = { 7, 8, 9 };
char g_text[8] = "abc";
struct point g_point = { .x = 1, .y = -1, .low = 2, .high = 3, .flags = 5, .mode = 17, .tag = "tag" };
u64 g_zero;
u64 g_zeroes[4];
static volatile u32 g_static = 10;
static volatile u32 g_static_zero;
u32 g_hidden HIDDEN = 11;
const volatile u32 c_limit = 12;
const volatile u64 c_wide = 13;
u32 d_custom SEC(".data.custom") = 14;

struct {
	UINT(type, BPF_MAP_TYPE_ARRAY);
	UINT(max_entries, 4);
	TYPE(key, u32);
	TYPE(value, struct point);
} slots SEC(".maps");

struct {
	UINT(type, BPF_MAP_TYPE_HASH);
	UINT(max_entries, 16);
	UINT(key_size, 8);
	UINT(value_size, 12);
	UINT(map_flags, 1);
} table SEC(".maps");

extern int bpf_loopstep_absent(int n) WEAK KSYM;

static NOINLINE u64 twice(u64 n)
{
	return n * 2 + g_static;
}

NOINLINE u64 global_sum(u64 a, u64 b)
{
	return twice(a) + b + g_hidden;
}

HIDDEN NOINLINE u64 hidden_sum(u64 a)
{
	return a + g_u32;
}

static long visit(u32 i, void *ctx)
{
	u64 *sum = ctx;

	*sum += twice(i);
	return 0;
}

SEC("struct_ops.s/step")
int step(u64 *ctx)
{
	struct iou_ctx *ring = (struct iou_ctx *)ctx[0];
	struct iou_loop_params *lp = (struct iou_loop_params *)ctx[1];
	u32 key = 1;
	u64 sum = 0;
	struct point *p;
	u8 *region;

	p = bpf_map_lookup_elem(&slots, &key);
	if (p)
		p->x = c_limit;
	bpf_loop(4, visit, &sum, 0);
	region = bpf_io_uring_get_region(ring, 0, 64);
	if (region)
		sum += region[0];
	if (bpf_loopstep_absent)
		sum += bpf_loopstep_absent(1);
	if (bpf_io_uring_submit_sqes)
		bpf_io_uring_submit_sqes(ring, 1);
	g_zeroes[2] = global_sum(sum, g_u64) + hidden_sum(c_wide);
	g_array[1] += d_custom;
	g_zero++;
	g_static_zero++;
	lp->cq_wait_idx = 1;
	return 1;
}

SEC("?struct_ops/other")
int other(u64 *ctx)
{
	u64 key = 0;

	return bpf_map_lookup_elem(&table, &key) ? 0 : 1;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops loop_ops = { .loop_step = (void *)step, .ring_fd = 3 };

SEC(".struct_ops")
struct io_uring_bpf_ops other_ops = { .loop_step = (void *)other };
