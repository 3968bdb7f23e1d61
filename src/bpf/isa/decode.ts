// Bytes to instructions (RFC 9669 section 3). Only the shape is checked here; validate.ts judges the contents.

import { viewOf } from "../../base/index.ts";
import { IsaError } from "./errors.ts";
import { INSN_SIZE, type Insn } from "./insn.ts";

/** The slots in `bytes`. Throws IsaError ISA_BYTES when the length is not a multiple of 8. */
export function decode(bytes: Uint8Array): Insn[] {
  if (bytes.length % INSN_SIZE !== 0) {
    throw new IsaError("ISA_BYTES", Math.floor(bytes.length / INSN_SIZE), {
      message: "the program ends within an instruction",
      found: `${bytes.length} bytes`,
      expected: `a multiple of ${INSN_SIZE}`,
    });
  }
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length / INSN_SIZE }, (_, index) => {
    const at = index * INSN_SIZE;
    const regs = view.getUint8(at + 1);
    return {
      code: view.getUint8(at),
      dst_reg: regs & 15,
      src_reg: regs >> 4,
      off: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
    };
  });
}
