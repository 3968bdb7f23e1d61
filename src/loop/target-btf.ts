// The BTF that `user` and `sim` publish as the system a program is resolved against: the types of BPF-controlled io_uring
// as Linux 7.2 has them, the io_uring ABI, and the functions (kfuncs) these engines run. Made from the same layout tables
// the engines use, so it cannot disagree with them. Members of a union lie side by side at one offset.

import type { FieldType, Layout } from "../base/index.ts";
import { FIELD_SIZE } from "../base/index.ts";
import { BtfBuilder, type Btf, type MemberInit } from "../bpf/btf/index.ts";
import {
  __kernel_timespec,
  io_uring_cqe,
  io_uring_sqe,
  iou_loop_params,
  IOU_LOOP,
  IOU_REGION,
} from "../uring/abi/index.ts";
import { task_struct } from "./calls/index.ts";

/** Base types by name: [size, signed]. */
const INTS: Readonly<Record<string, readonly [size: number, signed: boolean]>> = {
  char: [1, true],
  u8: [1, false],
  u16: [2, false],
  u32: [4, false],
  u64: [8, false],
  s8: [1, true],
  s16: [2, true],
  s32: [4, true],
  s64: [8, true],
  int: [4, true],
  bool: [1, false],
  "unsigned long": [8, false],
};

/** Typedefs: name -> base type. */
const TYPEDEFS: Readonly<Record<string, string>> = {
  __u8: "u8",
  __u16: "u16",
  __u32: "u32",
  __u64: "u64",
  __s32: "s32",
  __s64: "s64",
  size_t: "u64",
};

/** Opaque and plain structs besides the ABI's: name, size, members as [name, type, byte offset]. */
const STRUCTS: readonly (readonly [
  name: string,
  size: number,
  members: readonly (readonly [string, string, number])[],
])[] = [
  ["iou_ctx", 0, []],
  ["bpf_iter_num", 8, [["__opaque", "u64", 0]]],
  [
    "bpf_dynptr",
    16,
    [
      ["__opaque0", "u64", 0],
      ["__opaque1", "u64", 8],
    ],
  ],
  ["bpf_res_spin_lock", 4, [["val", "u32", 0]]],
  // what a program may read through a map's pointer, but for pointers
  [
    "bpf_map",
    288,
    [
      ["map_type", "u32", 64],
      ["key_size", "u32", 68],
      ["value_size", "u32", 72],
      ["max_entries", "u32", 76],
      ["map_extra", "u64", 80],
      ["map_flags", "u32", 88],
      ["id", "u32", 92],
      ["numa_node", "int", 104],
      ["btf_key_type_id", "u32", 108],
      ["btf_value_type_id", "u32", 112],
      ["btf_vmlinux_value_type_id", "u32", 116],
      ["cookie", "u64", 272],
    ],
  ],
  [
    "bpf_array",
    304,
    [
      ["map", "struct bpf_map", 0],
      ["elem_size", "u32", 288],
      ["index_mask", "u32", 292],
    ],
  ],
  [
    "bpf_htab",
    896,
    [
      ["map", "struct bpf_map", 0],
      ["n_buckets", "u32", 824],
      ["elem_size", "u32", 828],
      ["hashrnd", "u32", 832],
    ],
  ],
  ["bpf_ringbuf_map", 296, [["map", "struct bpf_map", 0]]],
];

const ABI_STRUCTS: readonly Layout[] = [task_struct, iou_loop_params, io_uring_sqe, io_uring_cqe, __kernel_timespec];

/** Kfuncs: result, name, parameters, as their C declarations read. */
const KFUNC_PROTOTYPES: readonly (readonly [
  result: string,
  name: string,
  params: readonly (readonly [type: string, name: string])[],
])[] = [
  [
    "u8 *",
    "bpf_io_uring_get_region",
    [
      ["struct iou_ctx *", "ctx"],
      ["u32", "region_id"],
      ["const size_t", "rdwr_buf_size"],
    ],
  ],
  [
    "int",
    "bpf_io_uring_submit_sqes",
    [
      ["struct iou_ctx *", "ctx"],
      ["u32", "nr"],
    ],
  ],
  [
    "int",
    "bpf_iter_num_new",
    [
      ["struct bpf_iter_num *", "it"],
      ["int", "start"],
      ["int", "end"],
    ],
  ],
  ["int *", "bpf_iter_num_next", [["struct bpf_iter_num *", "it"]]],
  ["void", "bpf_iter_num_destroy", [["struct bpf_iter_num *", "it"]]],
  ["void", "bpf_rcu_read_lock", []],
  ["void", "bpf_rcu_read_unlock", []],
  ["void", "bpf_preempt_disable", []],
  ["void", "bpf_preempt_enable", []],
  ["void", "bpf_local_irq_save", [["unsigned long *", "flags__irq_flag"]]],
  ["void", "bpf_local_irq_restore", [["unsigned long *", "flags__irq_flag"]]],
  ["int", "bpf_res_spin_lock", [["struct bpf_res_spin_lock *", "lock"]]],
  ["void", "bpf_res_spin_unlock", [["struct bpf_res_spin_lock *", "lock"]]],
  [
    "int",
    "bpf_dynptr_adjust",
    [
      ["struct bpf_dynptr *", "p"],
      ["u64", "start"],
      ["u64", "end"],
    ],
  ],
  ["bool", "bpf_dynptr_is_null", [["const struct bpf_dynptr *", "p"]]],
  ["bool", "bpf_dynptr_is_rdonly", [["const struct bpf_dynptr *", "p"]]],
  ["u64", "bpf_dynptr_size", [["const struct bpf_dynptr *", "p"]]],
  [
    "int",
    "bpf_dynptr_clone",
    [
      ["const struct bpf_dynptr *", "p"],
      ["struct bpf_dynptr *", "clone__uninit"],
    ],
  ],
  [
    "int",
    "bpf_dynptr_copy",
    [
      ["const struct bpf_dynptr *", "dst_ptr"],
      ["u64", "dst_off"],
      ["const struct bpf_dynptr *", "src_ptr"],
      ["u64", "src_off"],
      ["u64", "size"],
    ],
  ],
  [
    "int",
    "bpf_dynptr_memset",
    [
      ["const struct bpf_dynptr *", "p"],
      ["u64", "offset"],
      ["u64", "size"],
      ["u8", "val"],
    ],
  ],
  [
    "void *",
    "bpf_dynptr_slice",
    [
      ["const struct bpf_dynptr *", "p"],
      ["u64", "offset"],
      ["void *", "buffer__nullable"],
      ["u64", "buffer__szk"],
    ],
  ],
  [
    "void *",
    "bpf_dynptr_slice_rdwr",
    [
      ["const struct bpf_dynptr *", "p"],
      ["u64", "offset"],
      ["void *", "buffer__nullable"],
      ["u64", "buffer__szk"],
    ],
  ],
];

/** Interns C type names of the small grammar above: `[const] (void | int | struct X) [*]`. */
class TypeNames {
  readonly #builder: BtfBuilder;
  readonly #ids = new Map<string, number>([["void", 0]]);

  constructor(builder: BtfBuilder) {
    this.#builder = builder;
  }

  define(name: string, id: number): void {
    this.#ids.set(name, id);
  }

  id(type: string): number {
    const known = this.#ids.get(type);
    if (known !== undefined) return known;
    const id = this.#make(type);
    this.#ids.set(type, id);
    return id;
  }

  #make(type: string): number {
    if (type.endsWith(" *")) return this.#builder.addPtr(this.id(type.slice(0, -2)));
    if (type.startsWith("const ")) return this.#builder.addConst(this.id(type.slice(6)));
    const typedef = TYPEDEFS[type];
    if (typedef) return this.#builder.addTypedef(type, this.id(typedef));
    const [size, signed] = INTS[type];
    return this.#builder.addInt(type, size, { signed });
  }
}

const byField = (names: TypeNames, layout: Layout): MemberInit[] =>
  Object.entries<readonly [number, FieldType]>(layout.fields).map(([name, [offset, type]]) => ({
    name,
    type: names.id(FIELD_SIZE[type] === 8 && type === "u64" ? "__u64" : type),
    bit_offset: offset * 8,
  }));

function addOps(builder: BtfBuilder, names: TypeNames): void {
  const step = builder.addFuncProto(names.id("int"), [
    { name: "ctx", type: names.id("struct iou_ctx *") },
    { name: "params", type: names.id("struct iou_loop_params *") },
  ]);
  const ops = builder.addStruct("io_uring_bpf_ops", 24, [
    { name: "loop_step", type: builder.addPtr(step), bit_offset: 0 },
    { name: "ring_fd", type: names.id("__u32"), bit_offset: 64 },
    { name: "priv", type: names.id("void *"), bit_offset: 128 },
  ]);
  const state = builder.addEnum(
    "bpf_struct_ops_state",
    4,
    ["INIT", "INUSE", "TOBEFREE", "READY"].map((s, val) => ({ name: `BPF_STRUCT_OPS_STATE_${s}`, val })),
  );
  const common = builder.addStruct("bpf_struct_ops_common_value", 8, [
    { name: "refcnt", type: names.id("u32"), bit_offset: 0 },
    { name: "state", type: state, bit_offset: 32 },
  ]);
  builder.addStruct("bpf_struct_ops_io_uring_bpf_ops", 128, [
    { name: "common", type: common, bit_offset: 0 },
    { name: "data", type: ops, bit_offset: 64 * 8 },
  ]);
}

function build(): Btf {
  const builder = new BtfBuilder();
  const names = new TypeNames(builder);
  for (const [name, size, members] of STRUCTS) {
    const id = builder.addStruct(
      name,
      size,
      members.map(([member, type, offset]) => ({ name: member, type: names.id(type), bit_offset: offset * 8 })),
    );
    names.define(`struct ${name}`, id);
  }
  for (const layout of ABI_STRUCTS) {
    const members = byField(names, layout);
    names.define(`struct ${layout.name}`, builder.addStruct(layout.name, layout.size, members));
  }
  for (const values of [IOU_LOOP, IOU_REGION])
    builder.addEnum(
      "",
      4,
      Object.entries(values).map(([name, val]) => ({ name, val })),
    );
  addOps(builder, names);
  for (const [result, name, params] of KFUNC_PROTOTYPES) {
    const proto = builder.addFuncProto(
      names.id(result),
      params.map(([type, param]) => ({ name: param, type: names.id(type) })),
    );
    builder.addFunc(name, proto);
  }
  return builder.build();
}

let made: Btf | undefined;

/** The engines' own target BTF; made once. */
export function loopTargetBtf(): Btf {
  made ??= build();
  return made;
}
