// Loads the fixtures of this folder, and builds the small target BTFs that they are resolved against.

import { readFileSync } from "node:fs";
import { BtfBuilder, type Btf } from "../../src/bpf/btf/index.ts";

/** The bytes of `NAME.bpf.o`. */
export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.bpf.o`, import.meta.url)));
}

/** All builds of loop.bpf.c. */
export const LOOPS: readonly string[] = [
  "loop.clang14.v2",
  "loop.clang14.v3",
  "loop.clang19.v2",
  "loop.clang19.v3",
  "loop.clang19.v4",
  "loop.clang14.v3.linked",
  "loop.clang19.v4.linked",
];

/** Adds what every target of a loop has: the struct_ops type of Linux 7.2 and the two kfuncs. */
export function addIoUring(b: BtfBuilder): void {
  const int = b.addInt("int", 4, { signed: true });
  const u32 = b.addInt("unsigned int", 4);
  const u64 = b.addInt("unsigned long", 8);
  const u8 = b.addInt("unsigned char", 1);
  const ctx = b.addPtr(b.addStruct("iou_ctx", 0, []));
  const params = b.addPtr(b.addStruct("iou_loop_params", 4, [{ name: "cq_wait_idx", type: u32, bit_offset: 0 }]));
  const step = b.addPtr(
    b.addFuncProto(int, [
      { name: "", type: ctx },
      { name: "", type: params },
    ]),
  );
  b.addStruct("io_uring_bpf_ops", 24, [
    { name: "loop_step", type: step, bit_offset: 0 },
    { name: "ring_fd", type: u32, bit_offset: 64 },
    { name: "priv", type: b.addPtr(0), bit_offset: 128 },
  ]);
  const region = b.addFuncProto(b.addPtr(u8), [
    { name: "ctx", type: ctx },
    { name: "region_id", type: u32 },
    { name: "rdwr_buf_size", type: u64 },
  ]);
  b.addFunc("bpf_io_uring_get_region", region);
  b.addFunc(
    "bpf_io_uring_submit_sqes",
    b.addFuncProto(int, [
      { name: "ctx", type: ctx },
      { name: "nr", type: u32 },
    ]),
  );
}

/** A target with the struct_ops type and the kfuncs, and nothing else. */
export function ioUringTarget(): Btf {
  const builder = new BtfBuilder();
  addIoUring(builder);
  return builder.build();
}
