// The kernel functions that a struct_ops program may call on Linux 7.2, as C declares them but for the word "struct"
// (kernel/bpf/helpers.c, cpumask.c, rqspinlock.c, stream.c, mm/bpf_memcontrol.c, io_uring/bpf-ops.c and others at v7.2). The names of parameters
// count: what they end in tells the verifier what an argument must be. test/target.test.ts holds every line against the BTF
// of a kernel.

/** What programs call. Some that end in `_impl` are the older form of one without. */
export const KFUNCS: string = `
__u8 *bpf_io_uring_get_region(iou_ctx *loop_ctx, __u32 region_id, const size_t rdwr_buf_size);
int bpf_io_uring_submit_sqes(iou_ctx *loop_ctx, u32 nr);

void *bpf_cast_to_kern_ctx(void *obj);
void *bpf_rdonly_cast(const void *obj__ign, u32 btf_id__k);
void __bpf_trap(void);
int bpf_modify_return_test_tp(int nonce);
s64 bpf_map_sum_elem_count(const bpf_map *map);
void crash_kexec(pt_regs *regs);
void bpf_throw(u64 cookie);

void bpf_rcu_read_lock(void);
void bpf_rcu_read_unlock(void);
void bpf_preempt_disable(void);
void bpf_preempt_enable(void);
void bpf_local_irq_save(unsigned long *flags__irq_flag);
void bpf_local_irq_restore(unsigned long *flags__irq_flag);
int bpf_res_spin_lock(bpf_res_spin_lock *lock);
void bpf_res_spin_unlock(bpf_res_spin_lock *lock);
int bpf_res_spin_lock_irqsave(bpf_res_spin_lock *lock, unsigned long *flags__irq_flag);
void bpf_res_spin_unlock_irqrestore(bpf_res_spin_lock *lock, unsigned long *flags__irq_flag);

void *bpf_dynptr_slice(const bpf_dynptr *p, u64 offset, void *buffer__nullable, u64 buffer__szk);
void *bpf_dynptr_slice_rdwr(const bpf_dynptr *p, u64 offset, void *buffer__nullable, u64 buffer__szk);
int bpf_dynptr_adjust(bpf_dynptr *p, u64 start, u64 end);
bool bpf_dynptr_is_null(const bpf_dynptr *p);
bool bpf_dynptr_is_rdonly(const bpf_dynptr *p);
u64 bpf_dynptr_size(const bpf_dynptr *p);
int bpf_dynptr_clone(const bpf_dynptr *p, bpf_dynptr *clone__uninit);
int bpf_dynptr_copy(const bpf_dynptr *dst_ptr, u64 dst_off, const bpf_dynptr *src_ptr, u64 src_off, u64 size);
int bpf_dynptr_memset(const bpf_dynptr *p, u64 offset, u64 size, u8 val);
int bpf_dynptr_from_file(file *file, u32 flags, bpf_dynptr *ptr__uninit);
int bpf_dynptr_file_discard(bpf_dynptr *dynptr);

int bpf_probe_read_user_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign);
int bpf_probe_read_kernel_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign);
int bpf_probe_read_user_str_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign);
int bpf_probe_read_kernel_str_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign);
int bpf_copy_from_user_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign);
int bpf_copy_from_user_str_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign);
int bpf_copy_from_user_task_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign,
  task_struct *tsk);
int bpf_copy_from_user_task_str_dynptr(const bpf_dynptr *dptr, u64 off, u64 size, const void *unsafe_ptr__ign,
  task_struct *tsk);

int bpf_copy_from_user_str(void *dst, u32 dst__sz, const void *unsafe_ptr__ign, u64 flags);
int bpf_copy_from_user_task_str(void *dst, u32 dst__sz, const void *unsafe_ptr__ign, task_struct *tsk, u64 flags);

int bpf_iter_num_new(bpf_iter_num *it, int start, int end);
int *bpf_iter_num_next(bpf_iter_num *it);
void bpf_iter_num_destroy(bpf_iter_num *it);
int bpf_iter_bits_new(bpf_iter_bits *it, const u64 *unsafe_ptr__ign, u32 nr_words);
int *bpf_iter_bits_next(bpf_iter_bits *it);
void bpf_iter_bits_destroy(bpf_iter_bits *it);

int bpf_iter_task_vma_new(bpf_iter_task_vma *it, task_struct *task, u64 addr);
vm_area_struct *bpf_iter_task_vma_next(bpf_iter_task_vma *it);
void bpf_iter_task_vma_destroy(bpf_iter_task_vma *it);
int bpf_iter_css_task_new(bpf_iter_css_task *it, cgroup_subsys_state *css, unsigned int flags);
task_struct *bpf_iter_css_task_next(bpf_iter_css_task *it);
void bpf_iter_css_task_destroy(bpf_iter_css_task *it);
int bpf_iter_css_new(bpf_iter_css *it, cgroup_subsys_state *start, unsigned int flags);
cgroup_subsys_state *bpf_iter_css_next(bpf_iter_css *it);
void bpf_iter_css_destroy(bpf_iter_css *it);
int bpf_iter_task_new(bpf_iter_task *it, task_struct *task__nullable, unsigned int flags);
task_struct *bpf_iter_task_next(bpf_iter_task *it);
void bpf_iter_task_destroy(bpf_iter_task *it);

int bpf_iter_kmem_cache_new(bpf_iter_kmem_cache *it);
kmem_cache *bpf_iter_kmem_cache_next(bpf_iter_kmem_cache *it);
void bpf_iter_kmem_cache_destroy(bpf_iter_kmem_cache *it);
int bpf_iter_dmabuf_new(bpf_iter_dmabuf *it);
dma_buf *bpf_iter_dmabuf_next(bpf_iter_dmabuf *it);
void bpf_iter_dmabuf_destroy(bpf_iter_dmabuf *it);
kmem_cache *bpf_get_kmem_cache(u64 addr);

int bpf_wq_init(bpf_wq *wq, void *p__map, unsigned int flags);
int bpf_wq_set_callback(bpf_wq *wq, int (*callback_fn)(void *, int *, void *), unsigned int flags);
int bpf_wq_start(bpf_wq *wq, unsigned int flags);
int bpf_timer_cancel_async(bpf_timer *timer);
int bpf_task_work_schedule_signal(task_struct *task, bpf_task_work *tw, void *map__map,
  bpf_task_work_callback_t callback);
int bpf_task_work_schedule_resume(task_struct *task, bpf_task_work *tw, void *map__map,
  bpf_task_work_callback_t callback);

int bpf_strcmp(const char *s1__ign, const char *s2__ign);
int bpf_strcasecmp(const char *s1__ign, const char *s2__ign);
int bpf_strncasecmp(const char *s1__ign, const char *s2__ign, size_t len);
int bpf_strchr(const char *s__ign, char c);
int bpf_strchrnul(const char *s__ign, char c);
int bpf_strnchr(const char *s__ign, size_t count, char c);
int bpf_strrchr(const char *s__ign, int c);
int bpf_strlen(const char *s__ign);
int bpf_strnlen(const char *s__ign, size_t count);
int bpf_strspn(const char *s__ign, const char *accept__ign);
int bpf_strcspn(const char *s__ign, const char *reject__ign);
int bpf_strstr(const char *s1__ign, const char *s2__ign);
int bpf_strcasestr(const char *s1__ign, const char *s2__ign);
int bpf_strnstr(const char *s1__ign, const char *s2__ign, size_t len);
int bpf_strncasestr(const char *s1__ign, const char *s2__ign, size_t len);

int bpf_stream_vprintk(int stream_id, const char *fmt__str, const void *args, u32 len__sz);
int bpf_stream_print_stack(int stream_id);

void *bpf_obj_new(u64 local_type_id__k);
void *bpf_obj_new_impl(u64 local_type_id__k, void *meta__ign);
void *bpf_percpu_obj_new(u64 local_type_id__k);
void *bpf_percpu_obj_new_impl(u64 local_type_id__k, void *meta__ign);
void bpf_obj_drop(void *p__alloc);
void bpf_obj_drop_impl(void *p__alloc, void *meta__ign);
void bpf_percpu_obj_drop(void *p__alloc);
void bpf_percpu_obj_drop_impl(void *p__alloc, void *meta__ign);
void *bpf_refcount_acquire(void *p__refcounted_kptr);
void *bpf_refcount_acquire_impl(void *p__refcounted_kptr, void *meta__ign);

int bpf_list_push_front(bpf_list_head *head, bpf_list_node *node);
int bpf_list_push_front_impl(bpf_list_head *head, bpf_list_node *node, void *meta__ign, u64 off);
int bpf_list_push_back(bpf_list_head *head, bpf_list_node *node);
int bpf_list_push_back_impl(bpf_list_head *head, bpf_list_node *node, void *meta__ign, u64 off);
int bpf_list_add(bpf_list_head *head, bpf_list_node *new, bpf_list_node *prev__nonown_allowed);
bpf_list_node *bpf_list_pop_front(bpf_list_head *head);
bpf_list_node *bpf_list_pop_back(bpf_list_head *head);
bpf_list_node *bpf_list_del(bpf_list_head *head, bpf_list_node *node__nonown_allowed);
bpf_list_node *bpf_list_front(bpf_list_head *head);
bpf_list_node *bpf_list_back(bpf_list_head *head);
bool bpf_list_is_first(bpf_list_head *head, bpf_list_node *node__nonown_allowed);
bool bpf_list_is_last(bpf_list_head *head, bpf_list_node *node__nonown_allowed);
bool bpf_list_empty(bpf_list_head *head);

bpf_rb_node *bpf_rbtree_remove(bpf_rb_root *root, bpf_rb_node *node);
int bpf_rbtree_add(bpf_rb_root *root, bpf_rb_node *node, bool (*less)(bpf_rb_node *, const bpf_rb_node *));
int bpf_rbtree_add_impl(bpf_rb_root *root, bpf_rb_node *node, bool (*less)(bpf_rb_node *, const bpf_rb_node *),
  void *meta__ign, u64 off);
bpf_rb_node *bpf_rbtree_first(bpf_rb_root *root);
bpf_rb_node *bpf_rbtree_root(bpf_rb_root *root);
bpf_rb_node *bpf_rbtree_left(bpf_rb_root *root, bpf_rb_node *node);
bpf_rb_node *bpf_rbtree_right(bpf_rb_root *root, bpf_rb_node *node);

void __arena *bpf_arena_alloc_pages(void *p__map, void __arena *addr__ign, u32 page_cnt, int node_id, u64 flags);
void bpf_arena_free_pages(void *p__map, void __arena *ptr__ign, u32 page_cnt);
int bpf_arena_reserve_pages(void *p__map, void __arena *ptr__ign, u32 page_cnt);

task_struct *bpf_task_acquire(task_struct *p);
void bpf_task_release(task_struct *p);
long bpf_task_under_cgroup(task_struct *task, cgroup *ancestor);
cgroup *bpf_task_get_cgroup1(task_struct *task, int hierarchy_id);
task_struct *bpf_task_from_pid(s32 pid);
task_struct *bpf_task_from_vpid(s32 vpid);
int bpf_send_signal_task(task_struct *task, int sig, enum pid_type type, u64 value);

int bpf_cgroup_read_xattr(cgroup *cgroup, const char *name__str, bpf_dynptr *value_p);
cgroup *bpf_cgroup_acquire(cgroup *cgrp);
void bpf_cgroup_release(cgroup *cgrp);
cgroup *bpf_cgroup_ancestor(cgroup *cgrp, int level);
cgroup *bpf_cgroup_from_id(u64 cgid);

bpf_cpumask *bpf_cpumask_create(void);
void bpf_cpumask_release(bpf_cpumask *cpumask);
bpf_cpumask *bpf_cpumask_acquire(bpf_cpumask *cpumask);
u32 bpf_cpumask_first(const cpumask *cpumask);
u32 bpf_cpumask_first_zero(const cpumask *cpumask);
u32 bpf_cpumask_first_and(const cpumask *src1, const cpumask *src2);
void bpf_cpumask_set_cpu(u32 cpu, bpf_cpumask *cpumask);
void bpf_cpumask_clear_cpu(u32 cpu, bpf_cpumask *cpumask);
bool bpf_cpumask_test_cpu(u32 cpu, const cpumask *cpumask);
bool bpf_cpumask_test_and_set_cpu(u32 cpu, bpf_cpumask *cpumask);
bool bpf_cpumask_test_and_clear_cpu(u32 cpu, bpf_cpumask *cpumask);
void bpf_cpumask_setall(bpf_cpumask *cpumask);
void bpf_cpumask_clear(bpf_cpumask *cpumask);
bool bpf_cpumask_and(bpf_cpumask *dst, const cpumask *src1, const cpumask *src2);
void bpf_cpumask_or(bpf_cpumask *dst, const cpumask *src1, const cpumask *src2);
void bpf_cpumask_xor(bpf_cpumask *dst, const cpumask *src1, const cpumask *src2);
bool bpf_cpumask_equal(const cpumask *src1, const cpumask *src2);
bool bpf_cpumask_intersects(const cpumask *src1, const cpumask *src2);
bool bpf_cpumask_subset(const cpumask *src1, const cpumask *src2);
bool bpf_cpumask_empty(const cpumask *cpumask);
bool bpf_cpumask_full(const cpumask *cpumask);
void bpf_cpumask_copy(bpf_cpumask *dst, const cpumask *src);
u32 bpf_cpumask_any_distribute(const cpumask *cpumask);
u32 bpf_cpumask_any_and_distribute(const cpumask *src1, const cpumask *src2);
u32 bpf_cpumask_weight(const cpumask *cpumask);
int bpf_cpumask_populate(bpf_cpumask *cpumask, void *src, size_t src__sz);

bpf_key *bpf_lookup_user_key(s32 serial, u64 flags);
bpf_key *bpf_lookup_system_key(u64 id);
void bpf_key_put(bpf_key *bkey);
int bpf_verify_pkcs7_signature(const bpf_dynptr *data_p, const bpf_dynptr *sig_p, bpf_key *trusted_keyring);

mem_cgroup *bpf_get_root_mem_cgroup(void);
mem_cgroup *bpf_get_mem_cgroup(cgroup_subsys_state *css);
void bpf_put_mem_cgroup(mem_cgroup *memcg);
unsigned long bpf_mem_cgroup_vm_events(mem_cgroup *memcg, enum vm_event_item event);
unsigned long bpf_mem_cgroup_memory_events(mem_cgroup *memcg, enum memcg_memory_event event);
unsigned long bpf_mem_cgroup_usage(mem_cgroup *memcg);
unsigned long bpf_mem_cgroup_page_state(mem_cgroup *memcg, int idx);
void bpf_mem_cgroup_flush_stats(mem_cgroup *memcg);

u32 tcp_reno_ssthresh(sock *sk);
void tcp_reno_cong_avoid(sock *sk, u32 ack, u32 acked);
u32 tcp_reno_undo_cwnd(sock *sk);
u32 tcp_slow_start(tcp_sock *tp, u32 acked);
void tcp_cong_avoid_ai(tcp_sock *tp, u32 w, u32 acked);
void cubictcp_init(sock *sk);
u32 cubictcp_recalc_ssthresh(sock *sk);
void cubictcp_cong_avoid(sock *sk, u32 ack, u32 acked);
void cubictcp_state(sock *sk, u8 new_state);
void cubictcp_cwnd_event_tx_start(sock *sk);
void cubictcp_acked(sock *sk, const ack_sample *sample);

s32 scx_bpf_cid_to_cpu(s32 cid);
s32 scx_bpf_cpu_to_cid(s32 cpu);
void scx_bpf_cid_topo(s32 cid, scx_cid_topo *out, size_t out__sz);
`;

/** What the kernel calls in the place of a kfunc to which it adds arguments of its own. */
export const IMPLICIT: string = `
int bpf_wq_set_callback_impl(bpf_wq *wq, int (*callback_fn)(void *, int *, void *), unsigned int flags,
  bpf_prog_aux *aux);
int bpf_task_work_schedule_signal_impl(task_struct *task, bpf_task_work *tw, void *map__map,
  bpf_task_work_callback_t callback, bpf_prog_aux *aux);
int bpf_task_work_schedule_resume_impl(task_struct *task, bpf_task_work *tw, void *map__map,
  bpf_task_work_callback_t callback, bpf_prog_aux *aux);
int bpf_stream_vprintk_impl(int stream_id, const char *fmt__str, const void *args, u32 len__sz, bpf_prog_aux *aux);
int bpf_stream_print_stack_impl(int stream_id, bpf_prog_aux *aux);
int bpf_list_add_impl(bpf_list_head *head, bpf_list_node *new, bpf_list_node *prev__nonown_allowed,
  btf_struct_meta *meta, u64 off);
s32 scx_bpf_cid_to_cpu_impl(s32 cid, const bpf_prog_aux *aux);
s32 scx_bpf_cpu_to_cid_impl(s32 cpu, const bpf_prog_aux *aux);
void scx_bpf_cid_topo_impl(s32 cid, scx_cid_topo *out, size_t out__sz, const bpf_prog_aux *aux);
`;
