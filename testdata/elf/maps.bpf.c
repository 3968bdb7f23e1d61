/* Maps of maps and of programs, with their slots filled. */
#include "bpf.h"

struct iou_ctx {};
enum { BPF_MAP_TYPE_PROG_ARRAY = 3, BPF_MAP_TYPE_ARRAY_OF_MAPS = 12, BPF_MAP_TYPE_ARENA_LIKE = 33 };

struct inner_def {
	UINT(type, BPF_MAP_TYPE_ARRAY);
	UINT(max_entries, 1);
	TYPE(key, u32);
	TYPE(value, u64);
} inner SEC(".maps");

struct {
	UINT(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	UINT(max_entries, 4);
	UINT(key_size, 4);
	struct inner_def *values[];
} outer SEC(".maps") = { .values = { [1] = (void *)&inner } };

SEC("socket")
int filter(void *ctx)
{
	return 0;
}

struct {
	UINT(type, BPF_MAP_TYPE_PROG_ARRAY);
	UINT(max_entries, 3);
	UINT(key_size, 4);
	UINT(pinning, 1);
	UINT(numa_node, 2);
	int (*values[])(void *);
} tails SEC(".maps") = { .values = { (void *)&filter, 0, (void *)&filter } };

struct {
	UINT(type, BPF_MAP_TYPE_ARENA_LIKE);
	UINT(max_entries, 100);
	enum { map_extra_value = 0x100000000ull } map_extra;
} far SEC(".maps");
