/* SPDX-License-Identifier: MIT */
/*
 * What a loop_step program in C needs, with no other header: fixed-width types, the io_uring ABI it touches, the two
 * kfuncs of Linux 7.1 and later, and the ring geometry that the loader binds by name.
 *
 * Build: clang -target bpf -O2 -g -mcpu=v3 -I.../programs/include -c x.bpf.c -o x.bpf.o
 */
#ifndef LOOPSTEP_BPF_H
#define LOOPSTEP_BPF_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))
#define __weak __attribute__((weak))

/* include/uapi/linux/io_uring.h, as far as loops need it */
struct io_uring_sqe {
	__u8 opcode;
	__u8 flags;
	__u16 ioprio;
	__s32 fd;
	__u64 off;
	__u64 addr;
	__u32 len;
	__u32 rw_flags;
	__u64 user_data;
	__u16 buf_index;
	__u16 personality;
	__s32 splice_fd_in;
	__u64 addr3;
	__u64 __pad2[1];
};

struct io_uring_cqe {
	__u64 user_data;
	__s32 res;
	__u32 flags;
};

enum { IORING_OP_NOP = 0, IORING_OP_SYNC_FILE_RANGE = 8, IORING_OP_READ = 22, IORING_OP_WRITE = 23 };

/* io_uring/loop.h and io_uring/bpf-ops.h at v7.2 */
enum { IOU_LOOP_CONTINUE = 0, IOU_LOOP_STOP = 1 };
enum { IOU_REGION_MEM = 0, IOU_REGION_CQ = 1, IOU_REGION_SQ = 2 };

struct iou_ctx {};
struct iou_loop_params {
	__u32 cq_wait_idx;
};
struct io_uring_bpf_ops {
	int (*loop_step)(struct iou_ctx *, struct iou_loop_params *);
	__u32 ring_fd;
	void *priv;
};

extern __u8 *bpf_io_uring_get_region(struct iou_ctx *ctx, __u32 region_id, const __u64 rdwr_buf_size) __weak __ksym;
extern int bpf_io_uring_submit_sqes(struct iou_ctx *ctx, __u32 nr) __weak __ksym;

/* kernel/bpf/bpf_iter.c: the open-coded number iterator */
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

/* for each int i in [start, end): cheap for the verifier, which walks the body a few times only */
#define bpf_for(i, start, end)                                                                                         \
	for (struct bpf_iter_num ___it __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))),                     \
	     *___t __attribute__((unused)) = (bpf_iter_num_new(&___it, (start), (end)), (void *)0);                    \
	     ({                                                                                                        \
		     int *___v = bpf_iter_num_next(&___it);                                                            \
		     int ___more = ___v != 0;                                                                          \
		     if (___more)                                                                                      \
			     (i) = *___v;                                                                              \
		     ___more;                                                                                          \
	     });)

/* The geometry of the ring; the loader fills these in by name, and the verifier takes them for constants. */
const volatile __u32 sq_entries;
const volatile __u32 cq_entries;
const volatile __u32 cq_head_offset;
const volatile __u32 cq_tail_offset;
const volatile __u32 cqes_offset;

/*
 * loop_step's arguments come as an array of two u64. LOOP_STEP(name) { ... } is the step, with `ring` and `params`.
 */
#define LOOP_STEP(name)                                                                                                \
	static __attribute__((always_inline)) int name##_step(struct iou_ctx *ring, struct iou_loop_params *params);   \
	SEC("struct_ops.s/" #name) int name(__u64 *args)                                                               \
	{                                                                                                              \
		return name##_step((struct iou_ctx *)args[0], (struct iou_loop_params *)args[1]);                      \
	}                                                                                                              \
	static __attribute__((always_inline)) int name##_step(struct iou_ctx *ring __attribute__((unused)), struct iou_loop_params *params __attribute__((unused)))

/* The map that attaches LOOP_STEP(name) to a ring. */
#define LOOP_OPS(name) SEC(".struct_ops.link") struct io_uring_bpf_ops name##_ops = { .loop_step = (void *)name }

#endif
