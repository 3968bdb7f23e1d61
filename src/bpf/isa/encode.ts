// Instructions to bytes: `struct bpf_insn`, little-endian (RFC 9669 section 3). Big-endian objects are refused by elf.

import { viewOf } from "../../base/index.ts";
import { IsaError } from "./errors.ts";
import { INSN_SIZE, type Insn } from "./insn.ts";

const RANGES = [
  ["code", 0, 0xff],
  ["dst_reg", 0, 15],
  ["src_reg", 0, 15],
  ["off", -0x8000, 0x7fff],
  ["imm", -0x8000_0000, 0x7fff_ffff],
] as const;

/** The bytes of `insns`, 8 per slot. Throws IsaError ISA_ENCODING for a field that does not fit. */
export function encode(insns: readonly Insn[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(insns.length * INSN_SIZE);
  const view = viewOf(bytes);
  for (const [index, insn] of insns.entries()) {
    for (const [field, low, high] of RANGES) {
      const value = insn[field];
      if (!Number.isInteger(value) || value < low || value > high) {
        throw new IsaError("ISA_ENCODING", index, {
          message: `${field} does not fit its field`,
          where: `insn ${index}`,
          found: String(value),
          expected: `an integer of ${low}..${high}`,
        });
      }
    }
    const at = index * INSN_SIZE;
    view.setUint8(at, insn.code);
    view.setUint8(at + 1, insn.dst_reg | (insn.src_reg << 4));
    view.setInt16(at + 2, insn.off, true);
    view.setInt32(at + 4, insn.imm, true);
  }
  return bytes;
}
