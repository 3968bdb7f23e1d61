// Global section (core spec 5.5.9): mutable integers that start at zero, which is all a compiler of BPF needs.

import { ByteWriter } from "./byte-writer.ts";
import { I32, OP, type I64 } from "./opcodes.ts";

/** Mutable globals by index. */
export class GlobalSection {
  readonly #types: (typeof I32 | typeof I64)[] = [];

  /** Adds one and gives its index. */
  add(type: typeof I32 | typeof I64): number {
    return this.#types.push(type) - 1;
  }

  /** Section contents. */
  encode(): Uint8Array {
    const out = new ByteWriter();
    if (this.#types.length === 0) return out.view();
    out.u32(this.#types.length);
    for (const type of this.#types) {
      out.u8(type);
      out.u8(0x01);
      out.u8(type === I32 ? OP["i32.const"] : OP["i64.const"]);
      out.s32(0);
      out.u8(OP.end);
    }
    return out.view();
  }
}
