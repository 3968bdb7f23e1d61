// bpf(2): the commands this engine uses and, per command, the part of union bpf_attr it fills (include/uapi/linux/bpf.h at
// v7.2). All fields not named here stay zero.

import { layout, type Layout } from "../../base/index.ts";

/** Commands of bpf(2). */
export const BPF_CMD = {
  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_PROG_GET_NEXT_ID: 11,
  BPF_MAP_GET_NEXT_ID: 12,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_BTF_LOAD: 18,
  BPF_MAP_FREEZE: 22,
  BPF_LINK_CREATE: 28,
  BPF_LINK_GET_NEXT_ID: 31,
  BPF_LINK_DETACH: 34,
} as const;

export type BpfCmd = keyof typeof BPF_CMD;

export const BPF_MAP_TYPE_STRUCT_OPS: number = 26;
export const BPF_PROG_TYPE_STRUCT_OPS = 27;
/** enum bpf_attach_type. */
export const BPF_STRUCT_OPS = 44;
export const BPF_F_SLEEPABLE: number = 1 << 4;
export const BPF_F_MMAPABLE: number = 1 << 10;
export const BPF_F_LINK: number = 1 << 13;
/** Of map and program names, the NUL included. */
export const BPF_OBJ_NAME_LEN = 16;

export const map_create_attr: Layout<
  | "map_type"
  | "key_size"
  | "value_size"
  | "max_entries"
  | "map_flags"
  | "inner_map_fd"
  | "btf_fd"
  | "btf_key_type_id"
  | "btf_value_type_id"
  | "btf_vmlinux_value_type_id"
  | "map_extra"
> = layout("bpf_attr(MAP_CREATE)", 80, {
  map_type: [0, "u32"],
  key_size: [4, "u32"],
  value_size: [8, "u32"],
  max_entries: [12, "u32"],
  map_flags: [16, "u32"],
  inner_map_fd: [20, "u32"],
  btf_fd: [48, "u32"],
  btf_key_type_id: [52, "u32"],
  btf_value_type_id: [56, "u32"],
  btf_vmlinux_value_type_id: [60, "u32"],
  map_extra: [64, "u64"],
});
/** char map_name[16] */
export const MAP_NAME_AT = 28;

/** `value` is also `next_key`. */
export const map_elem_attr: Layout<"map_fd" | "key" | "value" | "flags"> = layout("bpf_attr(MAP_*_ELEM)", 32, {
  map_fd: [0, "u32"],
  key: [8, "u64"],
  value: [16, "u64"],
  flags: [24, "u64"],
});

export const prog_load_attr: Layout<
  | "prog_type"
  | "insn_cnt"
  | "insns"
  | "license"
  | "log_level"
  | "log_size"
  | "log_buf"
  | "prog_flags"
  | "expected_attach_type"
  | "prog_btf_fd"
  | "func_info_rec_size"
  | "func_info"
  | "func_info_cnt"
  | "line_info_rec_size"
  | "line_info"
  | "line_info_cnt"
  | "attach_btf_id"
  | "fd_array"
> = layout("bpf_attr(PROG_LOAD)", 144, {
  prog_type: [0, "u32"],
  insn_cnt: [4, "u32"],
  insns: [8, "u64"],
  license: [16, "u64"],
  log_level: [24, "u32"],
  log_size: [28, "u32"],
  log_buf: [32, "u64"],
  prog_flags: [44, "u32"],
  expected_attach_type: [68, "u32"],
  prog_btf_fd: [72, "u32"],
  func_info_rec_size: [76, "u32"],
  func_info: [80, "u64"],
  func_info_cnt: [88, "u32"],
  line_info_rec_size: [92, "u32"],
  line_info: [96, "u64"],
  line_info_cnt: [104, "u32"],
  attach_btf_id: [108, "u32"],
  fd_array: [120, "u64"],
});
/** char prog_name[16] */
export const PROG_NAME_AT = 48;

export const btf_load_attr: Layout<"btf" | "btf_log_buf" | "btf_size" | "btf_log_size" | "btf_log_level"> = layout(
  "bpf_attr(BTF_LOAD)",
  32,
  {
    btf: [0, "u64"],
    btf_log_buf: [8, "u64"],
    btf_size: [16, "u32"],
    btf_log_size: [20, "u32"],
    btf_log_level: [24, "u32"],
  },
);

/** `map_fd` shares its place with `prog_fd`. */
export const link_create_attr: Layout<"map_fd" | "target_fd" | "attach_type" | "flags"> = layout(
  "bpf_attr(LINK_CREATE)",
  16,
  { map_fd: [0, "u32"], target_fd: [4, "u32"], attach_type: [8, "u32"], flags: [12, "u32"] },
);

export const link_detach_attr: Layout<"link_fd"> = layout("bpf_attr(LINK_DETACH)", 4, { link_fd: [0, "u32"] });

export const get_id_attr: Layout<"start_id" | "next_id" | "open_flags"> = layout("bpf_attr(*_GET_NEXT_ID)", 12, {
  start_id: [0, "u32"],
  next_id: [4, "u32"],
  open_flags: [8, "u32"],
});

/** struct bpf_func_info. */
export const bpf_func_info: Layout<"insn_off" | "type_id"> = layout("bpf_func_info", 8, {
  insn_off: [0, "u32"],
  type_id: [4, "u32"],
});

/** struct bpf_line_info; line_col is line << 10 | column. */
export const bpf_line_info: Layout<"insn_off" | "file_name_off" | "line_off" | "line_col"> = layout(
  "bpf_line_info",
  16,
  { insn_off: [0, "u32"], file_name_off: [4, "u32"], line_off: [8, "u32"], line_col: [12, "u32"] },
);
