// The helpers by prototype: what each argument must be and what comes back (the bpf_func_proto of kernel/bpf/helpers.c,
// kernel/trace/bpf_trace.c and net/core/filter.c at v7.2; bpf-helpers(7) says what they do). One row per helper.

import { helperId } from "../isa/index.ts";

/** What an argument register must hold. */
export type ArgKind =
  | "any"
  | "scalar"
  | "map"
  | "key"
  | "value"
  | "mem"
  | "size"
  | "alloc_size"
  | "str"
  | "func"
  | "stack"
  | "ctx"
  | "lock"
  | "timer"
  | "ringbuf_mem"
  | "dynptr"
  | "btf"
  | "percpu"
  | "kptr_dest";

/** One argument of a helper. */
export interface ArgSpec {
  readonly kind: ArgKind;
  /** A null pointer is accepted. */
  readonly nullable: boolean;
  /** The helper writes the memory; with `uninit` it reads nothing of it. */
  readonly write: boolean;
  readonly uninit: boolean;
  /** The argument is given away. */
  readonly release: boolean;
  /** `size` may be 0. */
  readonly zero: boolean;
  /** Fixed size in bytes of a `mem` argument; 0 when a size argument follows. */
  readonly size: number;
  /** Struct behind a `btf` argument. */
  readonly struct: string;
  /** Ring-buffer or local dynptr; "" for any. */
  readonly dynptr: "" | "local" | "ringbuf";
}

/** What r0 is after the call. */
export type ReturnKind = "int" | "void" | "map_value" | "mem" | "ringbuf_mem" | "mem_or_btf" | "btf";

/** A helper's prototype. */
export interface HelperProto {
  readonly name: string;
  readonly id: number;
  readonly args: readonly ArgSpec[];
  readonly ret: ReturnKind;
  readonly retNullable: boolean;
  /** Struct behind a `btf` result. */
  readonly retStruct: string;
  readonly retTrusted: boolean;
  readonly gplOnly: boolean;
  readonly mightSleep: boolean;
}

/**
 * `[helper, arguments, result, flags]`. Arguments: a kind; `?` nullable; `:out` written, not read; `:rw` written;
 * `:release` given away; `size0` a size that may be 0; `s64:out` eight aligned bytes; `btf:STRUCT`.
 * Flags: g for GPL-compatible programs only, s for may sleep.
 */
const ROWS: readonly (readonly [name: string, args: string, ret: string, flags?: string])[] = [
  ["map_lookup_elem", "map key", "map_value?"],
  ["map_update_elem", "map key value any", "int"],
  ["map_delete_elem", "map key", "int"],
  ["map_push_elem", "map value any", "int"],
  ["map_pop_elem", "map value:out", "int"],
  ["map_peek_elem", "map value:out", "int"],
  ["map_lookup_percpu_elem", "map key any", "map_value?"],
  ["get_prandom_u32", "", "int"],
  ["get_smp_processor_id", "", "int"],
  ["get_numa_node_id", "", "int"],
  ["tail_call", "ctx map any", "void"],
  ["ktime_get_ns", "", "int"],
  ["ktime_get_boot_ns", "", "int"],
  ["ktime_get_tai_ns", "", "int"],
  ["ktime_get_coarse_ns", "", "int"],
  ["ringbuf_output", "map mem size0 any", "int"],
  ["ringbuf_reserve", "map alloc_size any", "ringbuf_mem?"],
  ["ringbuf_submit", "ringbuf_mem:release any", "void"],
  ["ringbuf_discard", "ringbuf_mem:release any", "void"],
  ["ringbuf_query", "map any", "int"],
  ["strncmp", "mem size str", "int"],
  ["strtol", "mem size any s64:out", "int"],
  ["strtoul", "mem size any s64:out", "int"],
  ["get_current_pid_tgid", "", "int"],
  ["get_ns_current_pid_tgid", "any any mem:out size", "int"],
  ["get_current_uid_gid", "", "int"],
  ["spin_lock", "lock", "void"],
  ["spin_unlock", "lock", "void"],
  ["jiffies64", "", "int"],
  ["per_cpu_ptr", "percpu any", "mem_or_btf?"],
  ["this_cpu_ptr", "percpu", "mem_or_btf"],
  ["timer_init", "timer map any", "int", "g"],
  ["timer_set_callback", "timer func", "int", "g"],
  ["timer_start", "timer any any", "int", "g"],
  ["timer_cancel", "timer", "int", "g"],
  ["kptr_xchg", "kptr_dest btf?:release", "btf?"],
  ["for_each_map_elem", "map func stack? any", "int"],
  ["loop", "scalar func stack? any", "int"],
  ["user_ringbuf_drain", "map func stack? any", "int"],
  ["ringbuf_reserve_dynptr", "map any any dynptr:ringbuf:out", "int"],
  ["ringbuf_submit_dynptr", "dynptr:ringbuf:release any", "void"],
  ["ringbuf_discard_dynptr", "dynptr:ringbuf:release any", "void"],
  ["dynptr_from_mem", "mem:out size0 any dynptr:local:out", "int"],
  ["dynptr_read", "mem:out size0 dynptr any any", "int"],
  ["dynptr_write", "dynptr any mem size0 any", "int"],
  ["dynptr_data", "dynptr any alloc_size", "mem?"],
  ["cgrp_storage_get", "map btf?:cgroup value? any", "map_value?"],
  ["cgrp_storage_delete", "map btf?:cgroup", "int"],
  ["get_current_cgroup_id", "", "int"],
  ["get_current_ancestor_cgroup_id", "any", "int"],
  ["current_task_under_cgroup", "map any", "int"],
  ["get_cgroup_classid", "", "int"],
  ["task_storage_get", "map btf?:task_struct value? any", "map_value?"],
  ["task_storage_delete", "map btf?:task_struct", "int"],
  ["trace_printk", "mem size", "int", "g"],
  ["get_current_task", "", "int", "g"],
  ["get_current_task_btf", "", "btf:task_struct:trusted", "g"],
  ["get_current_comm", "mem:out size", "int"],
  ["probe_read", "mem:out size0 any", "int", "g"],
  ["probe_read_str", "mem:out size0 any", "int", "g"],
  ["probe_read_user", "mem:out size0 any", "int", "g"],
  ["probe_read_kernel", "mem:out size0 any", "int", "g"],
  ["probe_read_user_str", "mem:out size0 any", "int", "g"],
  ["probe_read_kernel_str", "mem:out size0 any", "int", "g"],
  ["probe_write_user", "any mem size", "int", "g"],
  ["copy_from_user", "mem:out size0 any", "int", "s"],
  ["copy_from_user_task", "mem:out size0 any btf:task_struct any", "int", "gs"],
  ["snprintf_btf", "mem:rw size mem size any", "int"],
  ["snprintf", "mem?:rw size0 str mem? size0", "int", "g"],
  ["task_pt_regs", "btf:task_struct", "btf:pt_regs", "g"],
  ["trace_vprintk", "mem size mem? size0", "int", "g"],
  ["perf_event_read", "map any", "int", "g"],
  ["perf_event_read_value", "map any mem:out size", "int", "g"],
  ["perf_event_output", "ctx map any mem size0", "int", "g"],
  ["send_signal", "any", "int"],
  ["send_signal_thread", "any", "int"],
  ["get_task_stack", "btf:task_struct mem:out size0 any", "int"],
  ["get_branch_snapshot", "mem:out size0", "int", "g"],
  ["get_stackid", "ctx map any", "int", "g"],
  ["get_stack", "ctx mem:out size0 any", "int", "g"],
  ["get_attach_cookie", "ctx", "int"],
  ["find_vma", "btf:task_struct any func stack? any", "int"],
  ["skb_load_bytes", "ctx any mem:out size", "int"],
  ["skb_load_bytes_relative", "ctx any mem:out size any", "int"],
  ["get_socket_cookie", "ctx", "int"],
  ["get_netns_cookie", "ctx?", "int"],
  ["get_socket_uid", "ctx", "int"],
  ["sys_bpf", "any mem size", "int"],
  ["btf_find_by_name_kind", "mem size any any", "int"],
  ["sys_close", "any", "int"],
  ["kallsyms_lookup_name", "mem size0 any s64:out", "int"],
];

const NO_ARG: ArgSpec = {
  kind: "any",
  nullable: false,
  write: false,
  uninit: false,
  release: false,
  zero: false,
  size: 0,
  struct: "",
  dynptr: "",
};

function parseArg(text: string): ArgSpec {
  const [head = "", ...marks] = text.split(":");
  const nullable = head.endsWith("?");
  const word = nullable ? head.slice(0, -1) : head;
  const out = marks.includes("out");
  const spec = {
    ...NO_ARG,
    nullable,
    write: out || marks.includes("rw"),
    uninit: out,
    release: marks.includes("release"),
  };
  switch (word) {
    case "size0":
      return { ...spec, kind: "size", zero: true };
    case "s64":
      return { ...spec, kind: "mem", size: 8 };
    case "btf":
      return { ...spec, kind: "btf", struct: marks.find((mark) => mark !== "release") ?? "" };
    case "dynptr": {
      const dynptr = marks.includes("local") ? "local" : marks.includes("ringbuf") ? "ringbuf" : "";
      return { ...spec, kind: "dynptr", dynptr };
    }
    default:
      return { ...spec, kind: word as ArgKind };
  }
}

function parseRow(id: number, [name, args, ret, flags = ""]: (typeof ROWS)[number]): HelperProto {
  const [kind = "int", struct = "", trust = ""] = ret.split(":");
  const retNullable = kind.endsWith("?");
  return {
    name: `bpf_${name}`,
    id,
    args: args === "" ? [] : args.split(" ").map(parseArg),
    ret: (retNullable ? kind.slice(0, -1) : kind) as ReturnKind,
    retNullable,
    retStruct: struct,
    retTrusted: trust === "trusted",
    gplOnly: flags.includes("g"),
    mightSleep: flags.includes("s"),
  };
}

const ROW_BY_ID: ReadonlyMap<number, (typeof ROWS)[number]> = new Map(ROWS.map((row) => [helperNumber(row[0]), row]));
/** Those asked for so far: a program calls few. */
const PROTOS = new Map<number, HelperProto>();

/** The prototype of helper `id`; undefined when it is not modelled. */
export function helperProto(id: number): HelperProto | undefined {
  const row = ROW_BY_ID.get(id);
  if (row === undefined) return undefined;
  let proto = PROTOS.get(id);
  if (proto === undefined) {
    proto = parseRow(id, row);
    PROTOS.set(id, proto);
  }
  return proto;
}

function ids(names: string): ReadonlySet<number> {
  return new Set(
    names
      .trim()
      .split(/\s+/)
      .map((name) => helperNumber(name)),
  );
}

/** Helpers every privileged program may call (bpf_base_func_proto). */
export const BASE_HELPERS: ReadonlySet<number> = ids(`
  map_lookup_elem map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem map_lookup_percpu_elem
  get_prandom_u32 get_smp_processor_id get_numa_node_id tail_call ktime_get_ns ktime_get_boot_ns ktime_get_tai_ns
  ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query strncmp strtol strtoul get_current_pid_tgid
  get_ns_current_pid_tgid get_current_uid_gid spin_lock spin_unlock jiffies64 per_cpu_ptr this_cpu_ptr timer_init
  timer_set_callback timer_start timer_cancel kptr_xchg for_each_map_elem loop user_ringbuf_drain ringbuf_reserve_dynptr
  ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_from_mem dynptr_read dynptr_write dynptr_data cgrp_storage_get
  cgrp_storage_delete get_current_cgroup_id get_current_ancestor_cgroup_id current_task_under_cgroup get_cgroup_classid
  task_storage_get task_storage_delete trace_printk get_current_task get_current_task_btf get_current_comm
  probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str copy_from_user copy_from_user_task
  snprintf_btf snprintf task_pt_regs trace_vprintk perf_event_read_value perf_event_read send_signal send_signal_thread
  get_task_stack get_branch_snapshot find_vma
`);

/** What tracing programs may call besides. */
export const TRACING_HELPERS: ReadonlySet<number> = ids("probe_read probe_read_str probe_write_user get_func_ip");
export const RAW_TP_HELPERS: ReadonlySet<number> = ids("perf_event_output get_stackid get_stack get_attach_cookie");
export const SOCKET_HELPERS: ReadonlySet<number> = ids(`
  skb_load_bytes skb_load_bytes_relative get_socket_cookie get_netns_cookie get_socket_uid perf_event_output
  ktime_get_coarse_ns skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock
  skc_to_unix_sock skc_to_mptcp_sock
`);
export const SYSCALL_HELPERS: ReadonlySet<number> = ids(`
  sys_bpf btf_find_by_name_kind sys_close kallsyms_lookup_name sk_storage_get sk_storage_delete skb_output xdp_output
  skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock d_path sock_from_file
  skc_to_unix_sock xdp_get_buff_len skc_to_mptcp_sock
`);

/** Helpers that call a function of the program before they return. */
export const SYNC_CALLBACK_HELPERS: ReadonlySet<number> = ids("for_each_map_elem find_vma loop user_ringbuf_drain");
/** Helpers that arrange for a function to be called later. */
export const ASYNC_CALLBACK_HELPERS: ReadonlySet<number> = ids("timer_set_callback");

/** The number of a helper by its short name, for the few the verifier treats by name. */
export function helperNumber(name: string): number {
  return helperId(name) ?? -1;
}
