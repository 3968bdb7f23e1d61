/* SPDX-License-Identifier: MIT */
/* common part of the loop_step oracle programs (struct_ops io_uring_bpf_ops, Linux 7.2) */
#ifndef ORACLE_LOOP_H
#define ORACLE_LOOP_H
#include <linux/types.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
struct bpf_iter_num { __u64 opaque[1]; } __attribute__((aligned(8)));
#include <bpf/bpf_tracing.h>

struct io_ring_ctx {};
struct iou_loop_params { __u32 cq_wait_idx; };
enum { IOU_REGION_MEM = 0, IOU_REGION_CQ = 1, IOU_REGION_SQ = 2 };
enum { IOU_LOOP_CONTINUE = 0, IOU_LOOP_STOP = 1 };
struct io_uring_bpf_ops {
	int (*loop_step)(struct io_ring_ctx *, struct iou_loop_params *);
	__u32 ring_fd;
};
extern __u8 *bpf_io_uring_get_region(struct io_ring_ctx *ctx, __u32 region_id, const size_t rdwr_buf_size) __weak __ksym;
extern int bpf_io_uring_submit_sqes(struct io_ring_ctx *ctx, __u32 nr) __weak __ksym;

/* layout of the rings for 8 SQEs / 8 CQEs, IORING_SETUP_NO_SQARRAY (checked by the runner against io_uring_params) */
#define SQ_ENTRIES 8
#define CQ_ENTRIES 8
#define CQ_HEAD_OFF 8
#define CQ_TAIL_OFF 12
#define CQES_OFF 64
#define SQE_SIZE 64
#define SQ_SZ (SQ_ENTRIES * SQE_SIZE)
#define CQ_SZ (CQES_OFF + CQ_ENTRIES * 16)
#define MEM_SZ 4096		/* the runner registers 8192 bytes as IOU_REGION_MEM */

struct cqe { __u64 user_data; __s32 res; __u32 flags; };
struct sqe {
	__u8 opcode, flags; __u16 ioprio; __s32 fd; __u64 off, addr; __u32 len, rw_flags;
	__u64 user_data; __u16 buf_index, personality; __s32 splice_fd_in; __u64 addr3, pad2;
};

#define GET(id, sz) ((void *)bpf_io_uring_get_region(ring, (id), (sz)))
#define STEP_SEC(sec) SEC(sec) int BPF_PROG(step, struct io_ring_ctx *ring, struct iou_loop_params *ls)
#define STEP STEP_SEC("struct_ops.s/step")
#define OPS SEC(".struct_ops.link") struct io_uring_bpf_ops ops = { .loop_step = (void *)step };
#ifndef LICENSE_STR
#define LICENSE_STR "GPL"
#endif
char LICENSE[] SEC("license") = LICENSE_STR;

/* bss: read back by the runner after the loop ended */
__u64 out[8];

/* naked (assembler) programs */
#define NAKED_STEP SEC("struct_ops.s/step") __attribute__((naked)) int step(void)
#define CLOBBER "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "memory"
/* prologue for asm programs: r6 = ring, r7 = ls */
#define ASM_ARGS "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r1 + 8);"
/* r0 = get_region(ring, MEM, sz), stops when NULL */
#define ASM_MEM(sz) "r1 = r6; r2 = 0; r3 = " #sz "; call %[get]; if r0 != 0 goto +2; r0 = 1; exit;"
#define ASM_IMM [get]"i"(bpf_io_uring_get_region), [submit]"i"(bpf_io_uring_submit_sqes)
#define KFUNC_BTF_ROOT __attribute__((used)) SEC("?syscall") int kfunc_btf_root(void *c) { bpf_io_uring_get_region(0, 0, 0); bpf_io_uring_submit_sqes(0, 0); return 0; }
#ifndef barrier_var
#define barrier_var(v) asm volatile("" : "+r"(v))
#endif
/* hide a value from the compiler, leave it visible to the verifier */
#define HIDE(v) asm volatile("" : "+r"(v))

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_rcu_read_lock(void) __weak __ksym;
extern void bpf_rcu_read_unlock(void) __weak __ksym;

/* more than older headers know */
#define M(n, t, e, K, V) struct { __uint(type, BPF_MAP_TYPE_##t); __uint(max_entries, e); __type(key, K); __type(value, V); } n SEC(".maps");
#ifndef bpf_for
#define bpf_for(i, start, end) for ( \
	struct bpf_iter_num ___it __attribute__((aligned(8), cleanup(bpf_iter_num_destroy))), \
	*___p __attribute__((unused)) = (bpf_iter_num_new(&___it, (start), (end)), (void)bpf_iter_num_destroy, (void *)0); \
	({ int *___t = bpf_iter_num_next(&___it); (___t && ((i) = *___t, (i) >= (start) && (i) < (end))); });)
#define __arg_nonnull __attribute__((btf_decl_tag("arg:nonnull")))
#define __arg_nullable __attribute__((btf_decl_tag("arg:nullable")))
#define __arg_ctx __attribute__((btf_decl_tag("arg:ctx")))
#define __arg_trusted __attribute__((btf_decl_tag("arg:trusted")))
#define __arg_untrusted __attribute__((btf_decl_tag("arg:untrusted")))
#define __arg_arena __attribute__((btf_decl_tag("arg:arena")))
#endif
#define NOINLINE __attribute__((noinline))
#define KF extern __weak __ksym
#define KFV(decl) extern decl __weak __ksym
#define REL __attribute__((preserve_access_index))
#define MAY_GOTO(off) ".byte 0xe5; .byte 0; .short " #off "; .long 0;"
#define SUBPROG static __attribute__((naked, noinline, used)) int
struct bpf_wq_ { __u64 opaque[2]; };
KFV(void bpf_preempt_disable(void));
KFV(void bpf_preempt_enable(void));
KFV(void bpf_local_irq_save(unsigned long *));
KFV(void bpf_local_irq_restore(unsigned long *));
KFV(void bpf_throw(__u64 cookie));
KFV(int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u64 start, __u64 end));
KFV(bool bpf_dynptr_is_null(const struct bpf_dynptr *p));
KFV(bool bpf_dynptr_is_rdonly(const struct bpf_dynptr *p));
KFV(__u64 bpf_dynptr_size(const struct bpf_dynptr *p));
KFV(int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone));
KFV(int bpf_dynptr_copy(struct bpf_dynptr *dst, __u64 dst_off, struct bpf_dynptr *src, __u64 src_off, __u64 size));
KFV(int bpf_dynptr_memset(struct bpf_dynptr *p, __u64 offset, __u64 size, __u8 val));
KFV(void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u64 offset, void *buf, __u64 sz));
KFV(void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, __u64 offset, void *buf, __u64 sz));
#endif
