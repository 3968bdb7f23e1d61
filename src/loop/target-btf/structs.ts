// The kernel structs that programs read, as Linux 7.2.13 has them (Debian's build for x86-64): the size, then members with
// their offsets in bytes (a bitfield: byte and bit), without the word "struct". Of the large ones these are the members that
// programs read most, and those that the lists of safe pointers name (NAME__safe_rcu and the like); what is left out is not
// there for a program. test/target.test.ts holds every member against the BTF of that kernel.

export const STRUCTS: Readonly<Record<string, string>> = {
  // loops
  iou_ctx: "0:",
  iou_loop_params: "4: __u32 cq_wait_idx @0",
  io_uring_bpf_ops: "24: int (*loop_step)(iou_ctx *, iou_loop_params *) @0; __u32 ring_fd @8; void *priv @16",
  bpf_struct_ops_common_value: "8: refcount_t refcnt @0; enum bpf_struct_ops_state state @4",
  bpf_struct_ops_io_uring_bpf_ops: "128: bpf_struct_ops_common_value common @0; io_uring_bpf_ops data @64",
  __kernel_timespec: "16: __kernel_time64_t tv_sec @0; long long tv_nsec @8",
  io_uring_task: `384: int cached_refs @0; const io_ring_ctx *last @8; task_struct *task @16;
    file *registered_rings[16] @40; atomic_t in_cancel @208; atomic_t inflight_tracked @212`,
  io_ring_ctx: `1408: unsigned int flags @0; task_struct *submitter_task @8; unsigned int cached_sq_head @104;
    unsigned int sq_entries @108; unsigned int cached_cq_tail @528; unsigned int cq_entries @532;
    user_struct *user @960; mm_struct *mm_account @968`,

  // what a program has on its stack, or in its maps and objects
  bpf_dynptr: "16: __u64 __opaque[2] @0",
  bpf_iter_num: "8: __u64 __opaque[1] @0",
  bpf_iter_bits: "16: __u64 __opaque[2] @0",
  bpf_iter_css: "24: __u64 __opaque[3] @0",
  bpf_iter_css_task: "8: __u64 __opaque[1] @0",
  bpf_iter_task: "24: __u64 __opaque[3] @0",
  bpf_iter_task_vma: "8: __u64 __opaque[1] @0",
  bpf_iter_kmem_cache: "8: __u64 __opaque[1] @0",
  bpf_iter_dmabuf: "8: __u64 __opaque[1] @0",
  bpf_spin_lock: "4: __u32 val @0",
  bpf_res_spin_lock: "4: u32 val @0",
  bpf_timer: "16: __u64 __opaque[2] @0",
  bpf_wq: "16: __u64 __opaque[2] @0",
  bpf_task_work: "8: __u64 __opaque @0",
  bpf_list_head: "16: __u64 __opaque[2] @0",
  bpf_list_node: "24: __u64 __opaque[3] @0",
  bpf_rb_root: "16: __u64 __opaque[2] @0",
  bpf_rb_node: "32: __u64 __opaque[4] @0",
  bpf_refcount: "4: __u32 __opaque[1] @0",

  // maps and programs
  bpf_map: `288: u32 excl @32; const bpf_map_ops *ops @40; bpf_map *inner_map_meta @48; void *security @56;
    enum bpf_map_type map_type @64; u32 key_size @68; u32 value_size @72; u32 max_entries @76; u64 map_extra @80;
    u32 map_flags @88; u32 id @92; btf_record *record @96; int numa_node @104; u32 btf_key_type_id @108;
    u32 btf_value_type_id @112; u32 btf_vmlinux_value_type_id @116; btf *btf @120; char name[16] @136;
    atomic64_t refcnt @176; atomic64_t usercnt @184; atomic64_t writecnt @224; bool bypass_spec_v1 @248;
    bool frozen @249; bool free_after_mult_rcu_gp @250; bool free_after_rcu_gp @251; atomic64_t sleepable_refcnt @256;
    s64 *elem_count @264; u64 cookie @272; char *excl_prog_sha @280`,
  bpf_array: "304: bpf_map map @0; u32 elem_size @288; u32 index_mask @292",
  bpf_htab: `896: bpf_map map @0; void *elems @456; atomic_t count @816; bool use_percpu_counter @820;
    u32 n_buckets @824; u32 elem_size @828; u32 hashrnd @832`,
  bpf_ringbuf_map: "296: bpf_map map @0; bpf_ringbuf *rb @288",
  bpf_stack_map: "328: bpf_map map @0; void *elems @288; u32 n_buckets @320",
  lpm_trie: "408: bpf_map map @0; size_t n_entries @376; size_t max_prefixlen @384; size_t data_size @392",
  bpf_queue_stack: "304: bpf_map map @0; u32 head @292; u32 tail @296; u32 size @300; char elements[0] @304",
  bpf_bloom_filter: `304: bpf_map map @0; u32 bitset_mask @288; u32 hash_seed @292; u32 nr_hash_funcs @296;
    unsigned long bitset[0] @304`,
  bpf_local_storage_map: "304: bpf_map map @0; u32 bucket_log @296; u16 elem_size @300; u16 cache_idx @302",
  bpf_rhtab: "536: bpf_map map @0; u32 elem_size @528; bool freeing_internal @532",
  bpf_dtab: "336: bpf_map map @0; unsigned int items @324; u32 n_buckets @328",
  bpf_cpu_map: "296: bpf_map map @0",
  bpf_cgroup_storage_map: "320: bpf_map map @0; list_head list @304",
  reuseport_array: "288: bpf_map map @0",
  bpf_arena: "504: bpf_map map @0; u64 user_vm_start @288; u64 user_vm_end @296",
  bpf_prog: "96: u16 pages @0; u32 len @16; u32 jited_len @20; bpf_prog_aux *aux @80",
  bpf_prog_aux: `1320: atomic64_t refcnt @0; u32 used_map_cnt @8; u32 max_ctx_offset @16; u32 stack_depth @28;
    u32 id @32; u32 func_cnt @36; u32 func_idx @44; u32 attach_btf_id @48; bpf_prog *dst_prog @120;
    bool func_proto_unreliable @150; bpf_prog_aux *main_prog_aux @248; bpf_prog *prog @960; u64 load_time @976;
    u32 verified_insns @984; char name[16] @1008`,
  btf_struct_meta: "16: u32 btf_id @0; btf_record *record @8",
  btf_record: "32: u32 cnt @0; u32 field_mask @4; int spin_lock_off @8; btf_field fields[0] @32",
  btf_field: "48: u32 offset @0; u32 size @4",
  btf: "248:",
  bpf_ctx_convert: `7312: void *BPF_PROG_TYPE_STRUCT_OPS_prog @7216; void *BPF_PROG_TYPE_STRUCT_OPS_kern @7224;
    void *BPF_PROG_TYPE_SYSCALL_prog @7264; void *BPF_PROG_TYPE_SYSCALL_kern @7272`,
  bpf_map_ops: "352:",
  bpf_ringbuf: "12288: char data[0] @12288",

  // tasks
  task_struct: `6080: thread_info thread_info @0; unsigned int __state @24; unsigned int saved_state @28;
    void *stack @32; refcount_t usage @40; unsigned int flags @44; unsigned int ptrace @48; u8 on_cpu @52;
    u8 on_rq @53; u8 is_blocked @54; unsigned int wakee_flips @72; unsigned long wakee_flip_decay_ts @80;
    task_struct *last_wakee @88; int recent_used_cpu @96; int wake_cpu @100; int prio @104; int static_prio @108;
    int normal_prio @112; unsigned int rt_priority @116; sched_entity se @128; sched_rt_entity rt @448;
    task_group *sched_task_group @1008; unsigned int policy @1356; int nr_cpus_allowed @1368;
    const cpumask_t *cpus_ptr @1376; cpumask_t *user_cpus_ptr @1384; cpumask_t cpus_mask @1392;
    void *migration_pending @2416; unsigned short migration_disabled @2424; unsigned short migration_flags @2426;
    int rcu_read_lock_nesting @2428; sched_info sched_info @2536; list_head tasks @2600; mm_struct *mm @2680;
    mm_struct *active_mm @2688; int exit_state @2704; int exit_code @2708; int exit_signal @2712;
    int pdeath_signal @2716; unsigned long jobctl @2720; unsigned int personality @2728;
    unsigned int in_execve:1 @2736.2; unsigned int in_iowait:1 @2736.3; unsigned int restore_sigmask:1 @2736.4;
    unsigned int no_cgroup_migration:1 @2736.6; unsigned int frozen:1 @2736.7; unsigned long atomic_flags @2744;
    pid_t pid @2808; pid_t tgid @2812; unsigned long stack_canary @2816; task_struct *real_parent @2824;
    task_struct *parent @2832; list_head children @2840; list_head sibling @2856; task_struct *group_leader @2872;
    list_head ptraced @2880; list_head ptrace_entry @2896; pid *thread_pid @2912; list_head thread_node @2984;
    int *set_child_tid @3008; int *clear_child_tid @3016; void *worker_private @3024; u64 utime @3032;
    u64 stime @3040; u64 gtime @3048; unsigned long nvcsw @3136; unsigned long nivcsw @3144; u64 start_time @3152;
    u64 start_boottime @3160; unsigned long min_flt @3168; unsigned long maj_flt @3176;
    const cred *ptracer_cred @3312; const cred *real_cred @3320; const cred *cred @3328; char comm[16] @3344;
    unsigned long last_switch_count @3392; unsigned long last_switch_time @3400; fs_struct *fs @3408;
    files_struct *files @3416; io_uring_task *io_uring @3424; nsproxy *nsproxy @3440; signal_struct *signal @3448;
    sighand_struct *sighand @3456; sigset_t blocked @3464; sigset_t real_blocked @3472; sigset_t saved_sigmask @3480;
    unsigned long sas_ss_sp @3512; size_t sas_ss_size @3520; unsigned int sas_ss_flags @3528; kuid_t loginuid @3552;
    unsigned int sessionid @3556; u64 parent_exec_id @3608; u64 self_exec_id @3616; task_struct *pi_top_task @3656;
    void *journal_info @3712; unsigned long ptrace_message @3760; task_io_accounting ioac @3776;
    unsigned int psi_flags @3832; css_set *cgroups @4000; list_head cg_list @4008; int numa_preferred_nid @4196;
    int nr_dirtied @5480; u64 timer_slack_ns @5496; u64 default_timer_slack_ns @5504;
    unsigned long trace_recursion @5552; callback_head rcu @5608; refcount_t rcu_users @5624;
    int pagefault_disabled @5628; void *security @5696`,
  task_struct__safe_rcu: `32: const cpumask_t *cpus_ptr @0; css_set *cgroups @8; task_struct *real_parent @16;
    task_struct *group_leader @24`,
  thread_info: "24: unsigned long flags @0; unsigned long syscall_work @8; u32 status @16; u32 cpu @20",
  sched_entity: `320: load_weight load @0; rb_node run_node @16; u64 deadline @40; u64 min_vruntime @48;
    u64 min_slice @56; u64 max_slice @64; list_head group_node @72; unsigned char on_rq @88;
    unsigned char sched_delayed @89; unsigned char rel_deadline @90; unsigned char custom_slice @91;
    u64 exec_start @96; u64 sum_exec_runtime @104; u64 prev_sum_exec_runtime @112; u64 vruntime @120; s64 vlag @128;
    u64 vprot @136; u64 slice @144; u64 nr_migrations @152; int depth @160; sched_entity *parent @168;
    unsigned long runnable_weight @192`,
  sched_rt_entity: `48: list_head run_list @0; unsigned long timeout @16; unsigned long watchdog_stamp @24;
    unsigned int time_slice @32; unsigned short on_rq @36; unsigned short on_list @38; sched_rt_entity *back @40`,
  task_group: "768: cgroup_subsys_state css @0; int idle @248",
  load_weight: "16: unsigned long weight @0; u32 inv_weight @8",
  sched_info: `64: unsigned long pcount @0; unsigned long long run_delay @8; unsigned long long max_run_delay @16;
    unsigned long long min_run_delay @24; unsigned long long last_arrival @32; unsigned long long last_queued @40`,
  task_io_accounting: `56: u64 rchar @0; u64 wchar @8; u64 syscr @16; u64 syscw @24; u64 read_bytes @32;
    u64 write_bytes @40; u64 cancelled_write_bytes @48`,
  signal_struct: `1144: refcount_t sigcnt @0; atomic_t live @4; int nr_threads @8; list_head thread_head @16;
    task_struct *curr_target @56; int group_exit_code @96; int group_stop_count @112; unsigned int flags @116;
    bool is_child_subreaper @128; bool has_child_subreaper @129; pid *pids[4] @376; pid *tty_old_pgrp @416;
    int leader @424; u64 utime @456; u64 stime @464; u64 cutime @472; u64 cstime @480; u64 gtime @488;
    u64 cgtime @496; unsigned long nvcsw @528; unsigned long nivcsw @536; unsigned long cnvcsw @544;
    unsigned long cnivcsw @552; unsigned long min_flt @560; unsigned long maj_flt @568; unsigned long cmin_flt @576;
    unsigned long cmaj_flt @584; unsigned long inblock @592; unsigned long oublock @600; unsigned long maxrss @624;
    unsigned long cmaxrss @632; task_io_accounting ioac @640; unsigned long long sum_sched_runtime @696;
    rlimit rlim[16] @704; short oom_score_adj @1074; short oom_score_adj_min @1076; mm_struct *oom_mm @1080`,
  rlimit: "16: __kernel_ulong_t rlim_cur @0; __kernel_ulong_t rlim_max @8",
  sighand_struct: "2080: refcount_t count @4",
  pid: `128: refcount_t count @0; unsigned int level @4; u64 ino @16; dentry *stashed @32; hlist_head tasks[4] @48;
    hlist_head inodes @80; callback_head rcu @112; upid numbers[0] @128`,
  upid: "16: int nr @0; pid_namespace *ns @8",

  // users, keys and namespaces
  cred: `184: atomic_long_t usage @0; kuid_t uid @8; kgid_t gid @12; kuid_t suid @16; kgid_t sgid @20;
    kuid_t euid @24; kgid_t egid @28; kuid_t fsuid @32; kgid_t fsgid @36; unsigned int securebits @40;
    kernel_cap_t cap_inheritable @48; kernel_cap_t cap_permitted @56; kernel_cap_t cap_effective @64;
    kernel_cap_t cap_bset @72; kernel_cap_t cap_ambient @80; unsigned char jit_keyring @88; key *session_keyring @96;
    key *process_keyring @104; key *thread_keyring @112; key *request_key_auth @120; void *security @128;
    user_struct *user @136; user_namespace *user_ns @144; union { int non_rcu @168; callback_head rcu @168 }`,
  user_struct: `136: refcount_t __count @0; unsigned long unix_inflight @48; kuid_t uid @80;
    atomic_long_t locked_vm @88`,
  user_namespace: `896: user_namespace *parent @192; int level @200; kuid_t owner @204; kgid_t group @208;
    ns_common ns @256; unsigned long flags @512`,
  key: `208: refcount_t usage @0; key_serial_t serial @4; void *security @72;
    union { time64_t expiry @80; time64_t revoked_at @80 }; time64_t last_used_at @88; kuid_t uid @96;
    kgid_t gid @100; key_perm_t perm @104; unsigned short quotalen @108; unsigned short datalen @110;
    short state @112; unsigned long flags @120`,
  bpf_key: "16: key *key @0; bool has_ref @8",
  nsproxy: `72: refcount_t count @0; uts_namespace *uts_ns @8; ipc_namespace *ipc_ns @16; mnt_namespace *mnt_ns @24;
    pid_namespace *pid_ns_for_children @32; net *net_ns @40; time_namespace *time_ns @48;
    time_namespace *time_ns_for_children @56; cgroup_namespace *cgroup_ns @64`,
  ns_common: "256: refcount_t __ns_ref @0; u32 ns_type @64; dentry *stashed @72; unsigned int inum @88",
  uts_namespace: "704: new_utsname name @0; user_namespace *user_ns @392; ns_common ns @448",
  new_utsname: `390: char sysname[65] @0; char nodename[65] @65; char release[65] @130; char version[65] @195;
    char machine[65] @260; char domainname[65] @325`,
  ipc_namespace: "1472: user_namespace *user_ns @1144; ns_common ns @1216",
  mnt_namespace: "384: ns_common ns @0; mount *root @256; user_namespace *user_ns @288",
  mount: "368:",
  pid_namespace: `576: unsigned int pid_allocated @40; task_struct *child_reaper @160; unsigned int level @176;
    int pid_max @180; pid_namespace *parent @184; user_namespace *user_ns @200; ns_common ns @256`,
  time_namespace: "384: user_namespace *user_ns @0; ns_common ns @64",
  cgroup_namespace: "320: ns_common ns @0; user_namespace *user_ns @256; css_set *root_cset @272",
  net: `4800: refcount_t passive @0; u32 ifindex @12; list_head list @24; user_namespace *user_ns @112;
    ns_common ns @192; u32 hash_mix @648; u64 net_cookie @4608`,

  // memory
  mm_struct: `1728: struct { atomic_t mm_count @0; unsigned long mmap_base @80; unsigned long mmap_legacy_base @88;
    unsigned long task_size @112; pgd_t *pgd @120; atomic_t mm_users @132; atomic_long_t pgtables_bytes @392;
    int map_count @400; unsigned long hiwater_rss @592; unsigned long hiwater_vm @600; unsigned long total_vm @608;
    unsigned long locked_vm @616; atomic64_t pinned_vm @624; unsigned long data_vm @632; unsigned long exec_vm @640;
    unsigned long stack_vm @648; unsigned long start_code @672; unsigned long end_code @680;
    unsigned long start_data @688; unsigned long end_data @696; unsigned long start_brk @704; unsigned long brk @712;
    unsigned long start_stack @720; unsigned long arg_start @728; unsigned long arg_end @736;
    unsigned long env_start @744; unsigned long env_end @752; unsigned long saved_auxv[56] @760;
    task_struct *owner @1528; file *exe_file @1536 }; char flexible_array[0] @1728`,
  mm_struct__safe_rcu_or_null: "16: file *exe_file @0; task_struct *owner @8",
  vm_area_struct: `192:
    union { struct { unsigned long vm_start @0; unsigned long vm_end @8 }; freeptr_t vm_freeptr @0 };
    mm_struct *vm_mm @16; union { const vm_flags_t vm_flags @32; vma_flags_t flags @32 }; unsigned long vm_pgoff @80;
    file *vm_file @88; void *vm_private_data @96; refcount_t vm_refcnt @128`,
  vm_area_struct__safe_trusted_or_null: "16: mm_struct *vm_mm @0; file *vm_file @8",
  kmem_cache: `16592: slab_flags_t flags @8; unsigned long min_partial @16; unsigned int size @24;
    unsigned int object_size @28; unsigned int offset @40; int refcount @60; unsigned int inuse @72;
    unsigned int align @76; unsigned int red_left_pad @80; const char *name @88; list_head list @96;
    unsigned int useroffset @200; unsigned int usersize @204`,
  dma_buf: `232: size_t size @0; file *file @8; list_head attachments @16; unsigned int vmapping_counter @40;
    const char *exp_name @64; const char *name @72; list_head list_node @96; void *priv @112`,

  // files
  files_struct: `704: atomic_t count @0; bool resize_in_progress @4; fdtable *fdt @32; fdtable fdtab @40;
    unsigned int next_fd @132; unsigned long close_on_exec_init[1] @136; unsigned long open_fds_init[1] @144;
    unsigned long full_fds_bits_init[1] @152; file *fd_array[64] @160`,
  fdtable: `56: unsigned int max_fds @0; file **fd @8; unsigned long *close_on_exec @16; unsigned long *open_fds @24;
    unsigned long *full_fds_bits @32; callback_head rcu @40`,
  fs_struct: "56: int users @0; int umask @12; int in_exec @16; path root @24; path pwd @40",
  file: `176: fmode_t f_mode @4; address_space *f_mapping @16; void *private_data @24; inode *f_inode @32;
    unsigned int f_flags @40; unsigned int f_iocb_flags @44; const cred *f_cred @48;
    union { const path f_path @64; path __f_path @64 }; loff_t f_pos @104; void *f_security @112`,
  file__safe_trusted: "8: inode *f_inode @0",
  path: "16: vfsmount *mnt @0; dentry *dentry @8",
  vfsmount: "32: dentry *mnt_root @0; super_block *mnt_sb @8; int mnt_flags @16; mnt_idmap *mnt_idmap @24",
  mnt_idmap: "136:",
  dentry: `192: unsigned int d_flags @0; dentry *d_parent @24; union { qstr __d_name @32; const qstr d_name @32 };
    inode *d_inode @48; super_block *d_sb @104; unsigned long d_time @112; void *d_fsdata @120; hlist_node d_sib @152;
    hlist_head d_children @168`,
  dentry__safe_trusted_or_null: "8: inode *d_inode @0",
  qstr: "16: union { struct { u32 hash @0; u32 len @4 }; u64 hash_len @0 }; const unsigned char *name @8",
  inode: `560: umode_t i_mode @0; unsigned short i_opflags @2; unsigned int i_flags @4; kuid_t i_uid @24;
    kgid_t i_gid @28; super_block *i_sb @40; address_space *i_mapping @48; void *i_security @56; u64 i_ino @64;
    union { const unsigned int i_nlink @72; unsigned int __i_nlink @72 }; dev_t i_rdev @76; loff_t i_size @80;
    time64_t i_atime_sec @88; time64_t i_mtime_sec @96; time64_t i_ctime_sec @104; u32 i_atime_nsec @112;
    u32 i_mtime_nsec @116; u32 i_ctime_nsec @120; u32 i_generation @124; unsigned short i_bytes @132;
    u8 i_blkbits @134; blkcnt_t i_blocks @136; atomic64_t i_version @312; atomic_t i_count @328;
    atomic_t i_dio_count @332; atomic_t i_writecount @336; atomic_t i_readcount @340; void *i_private @552`,
  super_block: `1408: list_head s_list @0; dev_t s_dev @16; unsigned char s_blocksize_bits @20;
    unsigned long s_blocksize @24; loff_t s_maxbytes @32; file_system_type *s_type @40; unsigned long s_flags @80;
    unsigned long s_iflags @88; unsigned long s_magic @96; dentry *s_root @104; atomic_t s_active @148;
    void *s_security @152; file *s_bdev_file @240; void *s_fs_info @904; u32 s_time_gran @912; char s_id[32] @952;
    uuid_t s_uuid @984; user_namespace *s_user_ns @1128; int s_stack_depth @1304`,
  file_system_type: "72: const char *name @0; int fs_flags @8",
  address_space: "152: inode *host @0; unsigned long nrpages @80; unsigned long flags @104",

  // control groups
  cgroup: `2368: cgroup_subsys_state self @0; unsigned long flags @248; int level @256; int max_depth @260;
    int nr_descendants @264; int nr_dying_descendants @268; int max_descendants @272;
    int nr_populated_domain_children @276; int nr_populated_threaded_children @280; int nr_threaded_children @284;
    unsigned int kill_seq @288; kernfs_node *kn @296; u32 subtree_control @624; u32 subtree_ss_mask @628;
    cgroup_subsys_state *subsys[14] @640; cgroup_root *root @808; list_head cset_links @816; cgroup *dom_cgrp @1056;
    cgroup *old_dom_cgrp @1064; cgroup_freezer_state freezer @2304;
    union { cgroup *ancestors[0] @2352; cgroup *_root_ancestor @2352 }`,
  cgroup__safe_rcu: "8: kernfs_node *kn @0",
  cgroup_freezer_state: `32: bool freeze @0; bool e_freeze @1; int nr_frozen_descendants @4; int nr_frozen_tasks @8;
    u64 freeze_start_nsec @16; u64 frozen_nsec @24`,
  cgroup_subsys_state: `248: cgroup *cgroup @0; cgroup_subsys *ss @8; list_head sibling @40; list_head children @56;
    int id @72; unsigned int flags @76; u64 serial_nr @80; atomic_t online_cnt @88; cgroup_subsys_state *parent @184;
    int nr_descendants @192`,
  cgroup_subsys_state__safe_rcu: "8: cgroup *cgroup @0",
  cgroup_subsys: `256: bool early_init:1 @152.0; bool implicit_on_dfl:1 @152.1; bool threaded:1 @152.2; int id @156;
    const char *name @160; const char *legacy_name @168; cgroup_root *root @176; unsigned int depends_on @240`,
  cgroup_root: `6592: unsigned int subsys_mask @8; int hierarchy_id @12; list_head root_list @16;
    atomic_t nr_cgrps @48; unsigned int flags @52; char name[64] @4152; cgroup cgrp @4224`,
  css_set: `592: cgroup_subsys_state *subsys[14] @0; refcount_t refcount @112; css_set *dom_cset @120;
    cgroup *dfl_cgrp @128; int nr_tasks @136; list_head tasks @144; cgroup *mg_src_cgrp @544;
    cgroup *mg_dst_cgrp @552; css_set *mg_dst_cset @560; bool dead @568`,
  css_set__safe_rcu: "8: cgroup *dfl_cgrp @0",
  kernfs_node: `136: atomic_t count @0; atomic_t active @4; kernfs_node *__parent @8; const char *name @16;
    rb_node rb @24; unsigned int hash @56; unsigned short flags @60; umode_t mode @62; u64 id @96; void *priv @104`,

  // processors
  cpumask: "1024: unsigned long bits[128] @0",
  bpf_cpumask: "1032: cpumask_t cpumask @0; refcount_t usage @1024",
  rq: `4480: unsigned int nr_running @0; unsigned int nr_numa_running @4; unsigned int ttwu_pending @12;
    unsigned long cpu_capacity @16; union { task_struct *donor @24; task_struct *curr @24 }; task_struct *idle @32;
    u64 nr_switches @64; unsigned long nr_uninterruptible @3608; u64 clock_task @3712; u64 clock_pelt @3720;
    u64 clock @3728; int cpu @3880; int online @3884; u64 avg_idle @4040; long calc_load_active @4080`,
  kernel_stat: "48: unsigned long irqs_sum @0; unsigned int softirqs[10] @8",
  pt_regs: `168: unsigned long r15 @0; unsigned long r14 @8; unsigned long r13 @16; unsigned long r12 @24;
    unsigned long bp @32; unsigned long bx @40; unsigned long r11 @48; unsigned long r10 @56; unsigned long r9 @64;
    unsigned long r8 @72; unsigned long ax @80; unsigned long cx @88; unsigned long dx @96; unsigned long si @104;
    unsigned long di @112; unsigned long orig_ax @120; unsigned long ip @128; union { u16 cs @136; u64 csx @136 };
    unsigned long flags @144; unsigned long sp @152; union { u16 ss @160; u64 ssx @160 }`,

  ack_sample: "12: u32 pkts_acked @0; s32 rtt_us @4; u32 in_flight @8",
  scx_cid_topo: `24: s32 core_cid @0; s32 core_idx @4; s32 llc_cid @8; s32 llc_idx @12; s32 node_cid @16;
    s32 node_idx @20`,

  // lists and the like
  list_head: "16: list_head *next @0; list_head *prev @8",
  hlist_head: "8: hlist_node *first @0",
  hlist_node: "16: hlist_node *next @0; hlist_node **pprev @8",
  rb_node: "24: unsigned long __rb_parent_color @0; rb_node *rb_right @8; rb_node *rb_left @16",
  callback_head: "16: callback_head *next @0; void (*func)(callback_head *) @8",
  refcount_struct: "4: atomic_t refs @0",

  // known to be the kernel's, by name and size: a pointer to one in a map is no pointer to an object of the program
  bio: "128:",
  block_device: "976:",
  bpf_crypto_ctx: "48:",
  bpf_link: "80:",
  bpf_local_storage: "184:",
  device: "784:",
  folio: "256:",
  gendisk: "704:",
  hrtimer: "80:",
  mem_cgroup: "1664: cgroup_subsys_state css @0",
  module: "1280:",
  net_device: "2752: u8 priv[0] @2752",
  nf_conn: "248:",
  page: "64:",
  perf_event: "1320:",
  request: "256:",
  request_queue: "920:",
  seq_file: "112:",
  sk_buff: "232: sock *sk @24",
  sk_buff__safe_rcu_or_null: "8: sock *sk @0",
  sock: "800: socket *sk_socket @288; mem_cgroup *sk_memcg @296; void *sk_user_data @672",
  socket: "128: sock *sk @24",
  socket__safe_trusted_or_null: "8: sock *sk @0",
  tcp_sock: "2432: inet_connection_sock inet_conn @0",
  inet_connection_sock: "1432: inet_sock icsk_inet @0",
  inet_sock: "1048: sock sk @0",
  timer_list: "40:",
  tty_struct: "640:",
  work_struct: "32:",
  xfrm_state: "832:",

  // names that a program's own objects may well have too: a pointer to one in a map is to the kernel's all the same
  node: "824:",
  bucket: "16:",
  callback: "16:",
  class: "96:",
  component: "56:",
  console: "280:",
  context: "72:",
  controller: "336:",
  filename: "192:",
  hash: "4128:",
  hashtab: "16:",
  klist: "40:",
  listener: "24:",
  location: "1224:",
  once: "32:",
  param: "88:",
  port: "200:",
  probe: "56:",
  property: "32:",
  range: "16:",
  region: "20:",
  req: "80:",
  resource: "64:",
  sample: "40:",
  slot: "48:",
  stat: "144:",
  tracer: "160:",
  track: "32:",
  trie: "24:",
  worker: "176:",
  wrapper: "16:",
  writer: "56:",
  zone: "1856:",
};
