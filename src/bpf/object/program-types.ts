// Which ELF section makes which kind of program (Documentation/bpf/libbpf/program_types.rst at v7.2). A `+` at the end
// also takes `NAME/anything`; program types are those of include/uapi/linux/bpf.h.

import { nearest } from "../../base/index.ts";

/** BPF_PROG_TYPE_* by number, without the prefix. */
export const PROG_TYPES: readonly string[] = [
  "UNSPEC",
  "SOCKET_FILTER",
  "KPROBE",
  "SCHED_CLS",
  "SCHED_ACT",
  "TRACEPOINT",
  "XDP",
  "PERF_EVENT",
  "CGROUP_SKB",
  "CGROUP_SOCK",
  "LWT_IN",
  "LWT_OUT",
  "LWT_XMIT",
  "SOCK_OPS",
  "SK_SKB",
  "CGROUP_DEVICE",
  "SK_MSG",
  "RAW_TRACEPOINT",
  "CGROUP_SOCK_ADDR",
  "LWT_SEG6LOCAL",
  "LIRC_MODE2",
  "SK_REUSEPORT",
  "FLOW_DISSECTOR",
  "CGROUP_SYSCTL",
  "RAW_TRACEPOINT_WRITABLE",
  "CGROUP_SOCKOPT",
  "TRACING",
  "STRUCT_OPS",
  "EXT",
  "LSM",
  "SK_LOOKUP",
  "SYSCALL",
  "NETFILTER",
];

export const BPF_PROG_TYPE_STRUCT_OPS: number = PROG_TYPES.indexOf("STRUCT_OPS");

interface TypeRow {
  readonly type: string;
  readonly sections: string;
  readonly sleepable?: string;
}

const TABLE: readonly TypeRow[] = [
  { type: "STRUCT_OPS", sections: "struct_ops+", sleepable: "struct_ops.s+" },
  { type: "SYSCALL", sections: "", sleepable: "syscall" },
  { type: "SOCKET_FILTER", sections: "socket" },
  {
    type: "KPROBE",
    sections:
      "kprobe+ kretprobe+ uprobe+ uretprobe+ kprobe.multi+ kretprobe.multi+ kprobe.session+ uprobe.multi+ " +
      "uretprobe.multi+ uprobe.session+ ksyscall+ kretsyscall+ usdt+",
    sleepable: "uprobe.s+ uretprobe.s+ uprobe.multi.s+ uretprobe.multi.s+ uprobe.session.s+ usdt.s+",
  },
  {
    type: "SCHED_CLS",
    sections: "tc tc/ingress tc/egress tcx/ingress tcx/egress classifier netkit/primary netkit/peer",
  },
  { type: "SCHED_ACT", sections: "action" },
  { type: "TRACEPOINT", sections: "tracepoint+ tp+", sleepable: "tracepoint.s+ tp.s+" },
  { type: "RAW_TRACEPOINT", sections: "raw_tracepoint+ raw_tp+", sleepable: "raw_tracepoint.s+ raw_tp.s+" },
  { type: "RAW_TRACEPOINT_WRITABLE", sections: "raw_tracepoint.w+ raw_tp.w+" },
  {
    type: "TRACING",
    sections: "tp_btf+ fentry+ fmod_ret+ fexit+ fsession+ fentry.multi+ fexit.multi+ fsession.multi+ iter+",
    sleepable:
      "tp_btf.s+ fentry.s+ fmod_ret.s+ fexit.s+ fsession.s+ fentry.multi.s+ fexit.multi.s+ fsession.multi.s+ iter.s+",
  },
  { type: "EXT", sections: "freplace+" },
  { type: "LSM", sections: "lsm+ lsm_cgroup+", sleepable: "lsm.s+" },
  { type: "XDP", sections: "xdp xdp.frags xdp/devmap xdp.frags/devmap xdp/cpumap xdp.frags/cpumap" },
  { type: "PERF_EVENT", sections: "perf_event" },
  { type: "LWT_IN", sections: "lwt_in" },
  { type: "LWT_OUT", sections: "lwt_out" },
  { type: "LWT_XMIT", sections: "lwt_xmit" },
  { type: "LWT_SEG6LOCAL", sections: "lwt_seg6local" },
  { type: "SOCK_OPS", sections: "sockops" },
  { type: "SK_SKB", sections: "sk_skb sk_skb/stream_parser sk_skb/stream_verdict sk_skb/verdict" },
  { type: "SK_MSG", sections: "sk_msg" },
  { type: "SK_REUSEPORT", sections: "sk_reuseport sk_reuseport/migrate" },
  { type: "SK_LOOKUP", sections: "sk_lookup" },
  { type: "LIRC_MODE2", sections: "lirc_mode2" },
  { type: "FLOW_DISSECTOR", sections: "flow_dissector" },
  { type: "NETFILTER", sections: "netfilter" },
  { type: "CGROUP_SKB", sections: "cgroup/skb cgroup_skb/ingress cgroup_skb/egress" },
  {
    type: "CGROUP_SOCK",
    sections: "cgroup/sock cgroup/sock_create cgroup/sock_release cgroup/post_bind4 cgroup/post_bind6",
  },
  {
    type: "CGROUP_SOCK_ADDR",
    sections: ["bind4", "bind6", "connect4", "connect6", "connect_unix"]
      .concat(
        ["sendmsg", "recvmsg", "getpeername", "getsockname"].flatMap((call) => [
          `${call}4`,
          `${call}6`,
          `${call}_unix`,
        ]),
      )
      .map((hook) => `cgroup/${hook}`)
      .join(" "),
  },
  { type: "CGROUP_SYSCTL", sections: "cgroup/sysctl" },
  { type: "CGROUP_SOCKOPT", sections: "cgroup/getsockopt cgroup/setsockopt" },
  { type: "CGROUP_DEVICE", sections: "cgroup/dev" },
];

/** What a section name says of the programs in it. */
export interface SectionKind {
  /** BPF_PROG_TYPE_*; 0 when the name is not known. */
  readonly type: number;
  readonly sleepable: boolean;
}

const exact = new Map<string, SectionKind>();
const prefixes = new Map<string, SectionKind>();
for (const { type, sections, sleepable = "" } of TABLE) {
  for (const [names, sleeps] of [
    [sections, false],
    [sleepable, true],
  ] as const) {
    for (const name of names.split(" ").filter(Boolean)) {
      const kind: SectionKind = { type: PROG_TYPES.indexOf(type), sleepable: sleeps };
      if (name.endsWith("+")) prefixes.set(name.slice(0, -1), kind);
      else exact.set(name, kind);
    }
  }
}

/** The kind of the programs in section `name`, a leading `?` aside. */
export function sectionKind(name: string): SectionKind {
  const plain = name.replace(/^\?/, "");
  return exact.get(plain) ?? prefixes.get(plain.split("/")[0]) ?? { type: 0, sleepable: false };
}

/** The known section name most like `name`. */
export function nearestSection(name: string): string | undefined {
  return nearest(name.replace(/^\?/, "").split("/")[0], [...exact.keys(), ...prefixes.keys()]);
}
