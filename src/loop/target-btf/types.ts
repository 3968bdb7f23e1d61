// The names that kernel declarations are made of: integers, typedefs, enums, and the per-CPU variables that typed symbols
// (`extern ... __ksym`) commonly name. As Linux 7.2.13 has them (Debian's build for x86-64), held against its BTF by
// test/target.test.ts.

/** Integers as C spells them: the name in BTF, bytes, whether signed. */
export const INTS: Readonly<Record<string, readonly [name: string, size: number, signed: boolean]>> = {
  char: ["char", 1, false],
  "signed char": ["signed char", 1, true],
  "unsigned char": ["unsigned char", 1, false],
  short: ["short int", 2, true],
  "unsigned short": ["short unsigned int", 2, false],
  int: ["int", 4, true],
  "unsigned int": ["unsigned int", 4, false],
  long: ["long int", 8, true],
  "unsigned long": ["long unsigned int", 8, false],
  "long long": ["long long int", 8, true],
  "unsigned long long": ["long long unsigned int", 8, false],
  _Bool: ["_Bool", 1, false],
};

/** A type, or the members of a struct without a name. */
export const TYPEDEFS: Readonly<Record<string, string>> = {
  __u8: "unsigned char",
  __u16: "unsigned short",
  __u32: "unsigned int",
  __u64: "unsigned long long",
  __s8: "signed char",
  __s16: "short",
  __s32: "int",
  __s64: "long long",
  u8: "__u8",
  u16: "__u16",
  u32: "__u32",
  u64: "__u64",
  s8: "__s8",
  s16: "__s16",
  s32: "__s32",
  s64: "__s64",
  bool: "_Bool",
  int32_t: "s32",
  uint32_t: "u32",

  __kernel_ulong_t: "unsigned long",
  __kernel_size_t: "__kernel_ulong_t",
  __kernel_pid_t: "int",
  __kernel_uid32_t: "unsigned int",
  __kernel_gid32_t: "unsigned int",
  __kernel_loff_t: "long long",
  __kernel_dev_t: "u32",
  __kernel_time64_t: "long long",
  size_t: "__kernel_size_t",
  pid_t: "__kernel_pid_t",
  uid_t: "__kernel_uid32_t",
  gid_t: "__kernel_gid32_t",
  loff_t: "__kernel_loff_t",
  dev_t: "__kernel_dev_t",
  time64_t: "__s64",

  blkcnt_t: "u64",
  fmode_t: "unsigned int",
  key_perm_t: "uint32_t",
  key_serial_t: "int32_t",
  pgdval_t: "unsigned long",
  slab_flags_t: "unsigned int",
  umode_t: "unsigned short",
  vm_flags_t: "unsigned long",

  atomic_t: "{ 4: int counter @0 }",
  atomic64_t: "{ 8: s64 counter @0 }",
  atomic_long_t: "atomic64_t",
  cpumask_t: "cpumask",
  freeptr_t: "{ 8: unsigned long v @0 }",
  kernel_cap_t: "{ 8: u64 val @0 }",
  kgid_t: "{ 4: gid_t val @0 }",
  kuid_t: "{ 4: uid_t val @0 }",
  pgd_t: "{ 8: pgdval_t pgd @0 }",
  refcount_t: "refcount_struct",
  sigset_t: "{ 8: unsigned long sig[1] @0 }",
  uuid_t: "{ 16: __u8 b[16] @0 }",
  vma_flags_t: "{ 8: unsigned long __vma_flags[1] @0 }",

  bpf_task_work_callback_t: "int (*)(bpf_map *, void *, void *)",
};

/** Attributes of what a pointer points to: the tag that stands for each. */
export const ATTRIBUTES: Readonly<Record<string, string>> = { __arena: "address_space(1)" };

/** Names of values from 0 on, of long ones the first; `=N` goes on from N. */
export const ENUMS: Readonly<Record<string, string>> = {
  pid_type: "PIDTYPE_PID PIDTYPE_TGID PIDTYPE_PGID PIDTYPE_SID PIDTYPE_MAX",
  memcg_memory_event: `MEMCG_LOW MEMCG_HIGH MEMCG_MAX MEMCG_OOM MEMCG_OOM_KILL MEMCG_OOM_GROUP_KILL MEMCG_SWAP_HIGH
    MEMCG_SWAP_MAX MEMCG_SWAP_FAIL MEMCG_SOCK_THROTTLED MEMCG_NR_MEMORY_EVENTS`,
  vm_event_item: "PGPGIN PGPGOUT PSWPIN PSWPOUT",
  bpf_struct_ops_state: `BPF_STRUCT_OPS_STATE_INIT BPF_STRUCT_OPS_STATE_INUSE BPF_STRUCT_OPS_STATE_TOBEFREE
    BPF_STRUCT_OPS_STATE_READY`,
  bpf_map_type: `BPF_MAP_TYPE_UNSPEC BPF_MAP_TYPE_HASH BPF_MAP_TYPE_ARRAY BPF_MAP_TYPE_PROG_ARRAY BPF_MAP_TYPE_PERF_EVENT_ARRAY
    BPF_MAP_TYPE_PERCPU_HASH BPF_MAP_TYPE_PERCPU_ARRAY BPF_MAP_TYPE_STACK_TRACE BPF_MAP_TYPE_CGROUP_ARRAY
    BPF_MAP_TYPE_LRU_HASH BPF_MAP_TYPE_LRU_PERCPU_HASH BPF_MAP_TYPE_LPM_TRIE BPF_MAP_TYPE_ARRAY_OF_MAPS
    BPF_MAP_TYPE_HASH_OF_MAPS BPF_MAP_TYPE_DEVMAP BPF_MAP_TYPE_SOCKMAP BPF_MAP_TYPE_CPUMAP BPF_MAP_TYPE_XSKMAP
    BPF_MAP_TYPE_SOCKHASH BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED BPF_MAP_TYPE_CGROUP_STORAGE=19
    BPF_MAP_TYPE_REUSEPORT_SOCKARRAY BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE=21
    BPF_MAP_TYPE_QUEUE BPF_MAP_TYPE_STACK BPF_MAP_TYPE_SK_STORAGE BPF_MAP_TYPE_DEVMAP_HASH BPF_MAP_TYPE_STRUCT_OPS
    BPF_MAP_TYPE_RINGBUF BPF_MAP_TYPE_INODE_STORAGE BPF_MAP_TYPE_TASK_STORAGE BPF_MAP_TYPE_BLOOM_FILTER
    BPF_MAP_TYPE_USER_RINGBUF BPF_MAP_TYPE_CGRP_STORAGE BPF_MAP_TYPE_ARENA BPF_MAP_TYPE_INSN_ARRAY BPF_MAP_TYPE_RHASH
    __MAX_BPF_MAP_TYPE`,
};

/** The section of per-CPU variables and its size. */
export const PERCPU: readonly [name: string, size: number] = [".data..percpu", 213_248];

/** Per-CPU variables: the type, and where it lies in the section. */
export const VARIABLES: Readonly<Record<string, string>> = {
  cpu_current_top_of_stack: "unsigned long @98320",
  current_task: "task_struct * @98328",
  this_cpu_off: "unsigned long @98344",
  __preempt_count: "int @98352",
  cpu_number: "int @98356",
  process_counts: "unsigned long @117696",
  ksoftirqd: "task_struct * @117920",
  kstat: "kernel_stat @118240",
  bpf_prog_active: "int @175728",
  numa_node: "int @186112",
  runqueues: "rq @205056",
};
