/* Every kind of CO-RE relocation; each result lands in its own variable. */
#include "bpf.h"

struct iou_ctx {};

struct inner {
	u32 a;
	u32 b;
} CORE;

struct sample {
	u32 first;
	u64 moved;
	u32 array[4];
	struct inner nested[2];
	union {
		u32 in_union;
		u64 in_union_wide;
	};
	u32 bits : 5;
	s32 signed_bits : 7;
	void *pointer;
	u32 gone;
} CORE;

struct sample___old {
	u32 renamed;
} CORE;

struct absent {
	u32 x;
} CORE;

enum level { LOW = 1, HIGH = 2, NEVER = 3 };
enum wide { WIDE = 0x100000000ull };

#define EXISTS(field) __builtin_preserve_field_info(field, 2)

u64 out[40];

SEC("struct_ops/step")
int step(u64 *ctx)
{
	struct sample *s = (struct sample *)ctx[0];
	struct sample___old *old = (struct sample___old *)ctx[0];

	out[0] = s->first;
	out[1] = s->moved;
	out[2] = s->array[2];
	out[3] = s->nested[1].b;
	out[4] = s->in_union;
	out[5] = (u64)s->pointer;
	out[6] = __builtin_preserve_field_info(s->moved, 0);
	out[7] = __builtin_preserve_field_info(s->moved, 1);
	out[8] = EXISTS(s->moved);
	out[9] = EXISTS(s->gone);
	out[10] = __builtin_preserve_field_info(s->bits, 0);
	out[11] = __builtin_preserve_field_info(s->bits, 1);
	out[12] = __builtin_preserve_field_info(s->bits, 3);
	out[13] = __builtin_preserve_field_info(s->signed_bits, 3);
	out[14] = __builtin_preserve_field_info(s->bits, 4);
	out[15] = __builtin_preserve_field_info(s->bits, 5);
	out[16] = EXISTS(old->renamed);
	out[17] = __builtin_btf_type_id(*(struct sample *)0, 0);
	out[18] = __builtin_btf_type_id(*(struct sample *)0, 1);
	out[19] = __builtin_preserve_type_info(*(struct sample *)0, 0);
	out[20] = __builtin_preserve_type_info(*(struct absent *)0, 0);
	out[21] = __builtin_preserve_type_info(*(struct sample *)0, 1);
	out[22] = __builtin_preserve_type_info(*(struct inner *)0, 2);
	out[23] = __builtin_preserve_enum_value(*(enum level *)HIGH, 0);
	out[24] = __builtin_preserve_enum_value(*(enum level *)HIGH, 1);
	out[25] = __builtin_preserve_enum_value(*(enum level *)NEVER, 0);
	out[26] = __builtin_preserve_enum_value(*(enum wide *)WIDE, 1);
	if (EXISTS(s->gone))
		out[27] = s->gone;
	return 1;
}

SEC(".struct_ops.link")
struct io_uring_bpf_ops core_ops = { .loop_step = (void *)step };
