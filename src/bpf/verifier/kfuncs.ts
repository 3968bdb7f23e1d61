// The kernel functions programs may call and how they behave, as far as BTF does not say: one row per kfunc with its KF_*
// flags, in the sets the kernel registers them in (kernel/bpf/helpers.c, cpumask.c, map_iter.c, rqspinlock.c, crypto.c at
// v7.2). Sets of a subsystem come with its program type.

import type { BtfFuncProto } from "../btf/index.ts";

export const KF_ACQUIRE: number = 1 << 0;
export const KF_RELEASE: number = 1 << 1;
export const KF_RET_NULL: number = 1 << 2;
export const KF_SLEEPABLE: number = 1 << 5;
export const KF_DESTRUCTIVE: number = 1 << 6;
export const KF_RCU: number = 1 << 7;
export const KF_ITER_NEW: number = 1 << 8;
export const KF_ITER_NEXT: number = 1 << 9;
export const KF_ITER_DESTROY: number = 1 << 10;
export const KF_RCU_PROTECTED: number = 1 << 11;
export const KF_FASTCALL: number = 1 << 12;
export const KF_ARENA: number = 1 << 13;
export const KF_IMPLICIT_ARGS: number = 1 << 16;

/** A kfunc: its name in the target's BTF and its flags. */
export interface KfuncRow {
  readonly name: string;
  readonly flags: number;
}

/** A callable kfunc. */
export interface KfuncMeta {
  readonly id: number;
  readonly name: string;
  readonly flags: number;
  readonly proto: BtfFuncProto;
  /** Parameters the caller passes; the kernel supplies those beyond. */
  readonly explicitArgs: number;
}

const LETTERS: Readonly<Record<string, number>> = {
  A: KF_ACQUIRE,
  R: KF_RELEASE,
  N: KF_RET_NULL,
  S: KF_SLEEPABLE,
  D: KF_DESTRUCTIVE,
  U: KF_RCU,
  n: KF_ITER_NEW,
  x: KF_ITER_NEXT,
  d: KF_ITER_DESTROY,
  P: KF_RCU_PROTECTED,
  F: KF_FASTCALL,
  I: KF_IMPLICIT_ARGS,
  a: KF_ARENA,
};

/** `name` or `name/letters`, the letters standing for flags. */
function rows(text: string): readonly KfuncRow[] {
  return text
    .split(/\s+/)
    .filter(Boolean)
    .map((item) => {
      const [name = "", letters = ""] = item.split("/");
      let flags = 0;
      for (const letter of letters) flags |= LETTERS[letter] ?? 0;
      return { name, flags };
    });
}

/** For programs of every type. */
export const COMMON_KFUNCS: readonly KfuncRow[] = rows(`
  bpf_cast_to_kern_ctx/F bpf_rdonly_cast/F bpf_rcu_read_lock bpf_rcu_read_unlock bpf_preempt_disable bpf_preempt_enable
  bpf_local_irq_save bpf_local_irq_restore __bpf_trap
  bpf_dynptr_slice/N bpf_dynptr_slice_rdwr/N bpf_dynptr_adjust bpf_dynptr_is_null bpf_dynptr_is_rdonly bpf_dynptr_size
  bpf_dynptr_clone bpf_dynptr_copy bpf_dynptr_memset bpf_dynptr_from_file bpf_dynptr_file_discard/R
  bpf_iter_num_new/n bpf_iter_num_next/xN bpf_iter_num_destroy/d
  bpf_iter_bits_new/n bpf_iter_bits_next/xN bpf_iter_bits_destroy/d
  bpf_iter_task_vma_new/nU bpf_iter_task_vma_next/xN bpf_iter_task_vma_destroy/d
  bpf_iter_css_task_new/n bpf_iter_css_task_next/xN bpf_iter_css_task_destroy/d
  bpf_iter_css_new/nP bpf_iter_css_next/xN bpf_iter_css_destroy/d
  bpf_iter_task_new/nP bpf_iter_task_next/xN bpf_iter_task_destroy/d
  bpf_iter_kmem_cache_new/nS bpf_iter_kmem_cache_next/xNS bpf_iter_kmem_cache_destroy/dS
  bpf_iter_dmabuf_new/nS bpf_iter_dmabuf_next/xNS bpf_iter_dmabuf_destroy/dS
  bpf_get_kmem_cache bpf_modify_return_test_tp bpf_wq_init bpf_wq_set_callback/I bpf_wq_start bpf_timer_cancel_async
  bpf_copy_from_user_str/S bpf_copy_from_user_task_str/S
  bpf_probe_read_user_dynptr bpf_probe_read_kernel_dynptr bpf_probe_read_user_str_dynptr bpf_probe_read_kernel_str_dynptr
  bpf_copy_from_user_dynptr/S bpf_copy_from_user_str_dynptr/S bpf_copy_from_user_task_dynptr/S
  bpf_copy_from_user_task_str_dynptr/S
  bpf_strcmp bpf_strcasecmp bpf_strncasecmp bpf_strchr bpf_strchrnul bpf_strnchr bpf_strrchr bpf_strlen bpf_strnlen
  bpf_strspn bpf_strcspn bpf_strstr bpf_strcasestr bpf_strnstr bpf_strncasestr
  bpf_cgroup_read_xattr/U bpf_stream_vprintk/I bpf_stream_print_stack/I
  bpf_task_work_schedule_signal/I bpf_task_work_schedule_resume/I
  bpf_map_sum_elem_count bpf_res_spin_lock/N bpf_res_spin_unlock bpf_res_spin_lock_irqsave/N bpf_res_spin_unlock_irqrestore
  bpf_arena_alloc_pages/a bpf_arena_free_pages/a bpf_arena_reserve_pages/a
  bpf_get_root_mem_cgroup/AN bpf_get_mem_cgroup/ANU bpf_put_mem_cgroup/R bpf_mem_cgroup_vm_events
  bpf_mem_cgroup_memory_events bpf_mem_cgroup_usage bpf_mem_cgroup_page_state bpf_mem_cgroup_flush_stats/S
`);

/** For tracing, struct_ops, syscall and a few network types. */
export const GENERIC_KFUNCS: readonly KfuncRow[] = rows(`
  crash_kexec/D bpf_obj_new/ANI bpf_obj_new_impl/AN bpf_percpu_obj_new/ANI bpf_percpu_obj_new_impl/AN bpf_obj_drop/RI
  bpf_obj_drop_impl/R bpf_percpu_obj_drop/RI bpf_percpu_obj_drop_impl/R bpf_refcount_acquire/ANUI
  bpf_refcount_acquire_impl/ANU bpf_list_push_front/I bpf_list_push_front_impl bpf_list_push_back/I
  bpf_list_push_back_impl bpf_list_add/I bpf_list_pop_front/AN bpf_list_pop_back/AN bpf_list_del/AN bpf_list_front/N
  bpf_list_back/N bpf_list_is_first bpf_list_is_last bpf_list_empty bpf_task_acquire/AUN bpf_task_release/R
  bpf_rbtree_remove/AN bpf_rbtree_add/I bpf_rbtree_add_impl bpf_rbtree_first/N bpf_rbtree_root/N bpf_rbtree_left/N
  bpf_rbtree_right/N bpf_cgroup_acquire/AUN bpf_cgroup_release/R bpf_cgroup_ancestor/AUN bpf_cgroup_from_id/AN
  bpf_task_under_cgroup/U bpf_task_get_cgroup1/AUN bpf_task_from_pid/AN bpf_task_from_vpid/AN bpf_throw
  bpf_send_signal_task bpf_lookup_user_key/ANS bpf_lookup_system_key/AN bpf_key_put/R bpf_verify_pkcs7_signature/S
`);

/** For tracing, struct_ops and syscall programs. */
export const CPUMASK_KFUNCS: readonly KfuncRow[] = rows(`
  bpf_cpumask_create/AN bpf_cpumask_release/R bpf_cpumask_acquire/A bpf_cpumask_first/U bpf_cpumask_first_zero/U
  bpf_cpumask_first_and/U bpf_cpumask_set_cpu/U bpf_cpumask_clear_cpu/U bpf_cpumask_test_cpu/U bpf_cpumask_test_and_set_cpu/U
  bpf_cpumask_test_and_clear_cpu/U bpf_cpumask_setall/U bpf_cpumask_clear/U bpf_cpumask_and/U bpf_cpumask_or/U
  bpf_cpumask_xor/U bpf_cpumask_equal/U bpf_cpumask_intersects/U bpf_cpumask_subset/U bpf_cpumask_empty/U bpf_cpumask_full/U
  bpf_cpumask_copy/U bpf_cpumask_any_distribute/U bpf_cpumask_any_and_distribute/U bpf_cpumask_weight/U bpf_cpumask_populate/U
`);

/** Of other subsystems, for struct_ops programs of every type (net/ipv4/bpf_tcp_ca.c, tcp_cubic.c, kernel/sched/ext/cid.c). */
export const SHARED_STRUCT_OPS_KFUNCS: readonly KfuncRow[] = rows(`
  tcp_reno_ssthresh tcp_reno_cong_avoid tcp_reno_undo_cwnd tcp_slow_start tcp_cong_avoid_ai
  cubictcp_init cubictcp_recalc_ssthresh cubictcp_cong_avoid cubictcp_state cubictcp_cwnd_event_tx_start cubictcp_acked
  scx_bpf_cid_to_cpu/I scx_bpf_cpu_to_cid/I scx_bpf_cid_topo/I
`);

/** For programs of a network device only; anything else is told so. */
export const DEVICE_KFUNCS: ReadonlySet<string> = new Set(
  "bpf_xdp_metadata_rx_hash bpf_xdp_metadata_rx_timestamp bpf_xdp_metadata_rx_vlan_tag".split(" "),
);

export const CRYPTO_KFUNCS: readonly KfuncRow[] = rows(`
  bpf_crypto_ctx_create/ANS bpf_crypto_ctx_release/R bpf_crypto_ctx_acquire/AUN
`);

/** For tests of the kernel itself, and for wakeup sources: syscall programs (net/bpf/test_run.c, drivers/base/power/wakeup.c). */
export const SYSCALL_KFUNCS: readonly KfuncRow[] = rows(`
  bpf_kfunc_call_test_release/R bpf_kfunc_call_memb_release/R
  bpf_wakeup_sources_read_lock/A bpf_wakeup_sources_read_unlock/R bpf_wakeup_sources_get_head
`);

export const SKB_KFUNCS: readonly KfuncRow[] = rows("bpf_dynptr_from_skb");

/** Kfuncs whose effects on the verifier's state are not modelled: a program that calls one is refused. */
export const UNMODELLED_KFUNCS: ReadonlySet<string> = new Set(
  `
  bpf_dynptr_from_file bpf_dynptr_file_discard bpf_dynptr_from_skb
`
    .split(/\s+/)
    .filter(Boolean),
);
