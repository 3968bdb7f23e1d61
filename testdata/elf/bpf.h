/* What the fixtures need of BPF, in our own words: no header of the kernel or of libbpf is used. */
#ifndef FIXTURE_BPF_H
#define FIXTURE_BPF_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define WEAK __attribute__((weak))
#define HIDDEN __attribute__((visibility("hidden")))
#define KSYM __attribute__((section(".ksyms")))
#define CORE __attribute__((preserve_access_index))
#define UINT(name, value) int (*name)[value]
#define TYPE(name, type) __typeof__(type) *name

enum { BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2 };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_loop)(u32 nr, void *callback, void *ctx, u64 flags) = (void *)181;

struct iou_ctx;
struct iou_loop_params {
	u32 cq_wait_idx;
};
struct io_uring_bpf_ops {
	int (*loop_step)(struct iou_ctx *, struct iou_loop_params *);
	u32 ring_fd;
};
extern u8 *bpf_io_uring_get_region(struct iou_ctx *ctx, u32 region_id, const u64 rdwr_buf_size) KSYM;
extern int bpf_io_uring_submit_sqes(struct iou_ctx *ctx, u32 nr) WEAK KSYM;

char LICENSE[] SEC("license") = "GPL";
#endif
