import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../base/index.ts";
import {
  asm,
  decode,
  disasm,
  disasmInsn,
  encode,
  findViolation,
  IsaError,
  nameImm,
  OP_TABLE,
  rowOf,
  rowsOf,
  subprogStarts,
  validate,
  type Insn,
  type OpRow,
} from "./index.ts";

/** An instruction of every row, with the fields a row leaves free drawn at random. */
function insnOf(row: OpRow): fc.Arbitrary<Insn[]> {
  const register = fc.integer({ min: 0, max: 10 });
  const imm = fc.oneof(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), fc.constantFrom(0, 1, -1));
  return fc
    .record({ dst_reg: register, src_reg: register, off: fc.integer({ min: -0x8000, max: 0x7fff }), imm, high: imm })
    .map(({ high, ...free }) => {
      const fields: Record<string, number> = { code: row.code, ...free };
      for (const zero of row.zero) fields[zero] = 0;
      if (row.when) fields[row.when[0]] = row.when[1];
      // Fields a format neither prints nor requires to be zero.
      if (row.format === "fetch" || row.format === "xchg" || row.format === "lock") fields.imm = row.when![1];
      if (row.format === "call_kfunc") fields.off = 0;
      if (row.format === "call_helper") fields.imm = Math.abs(fields.imm % 300);
      const first = fields as unknown as Insn;
      if (row.format !== "ld_imm64") return [first];
      const offset = row.when![1] === 2 || row.when![1] === 6 ? high >>> 1 : row.when![1] === 0 ? high : 0;
      const index = row.when![1] === 0 || row.when![1] === 4 ? first.imm : first.imm >>> 1;
      return [
        { ...first, imm: index },
        { code: 0, dst_reg: 0, src_reg: 0, off: 0, imm: offset },
      ];
    });
}

describe("assembler and disassembler", () => {
  for (const row of OP_TABLE) {
    const variant = row.when ? ` ${row.when.join("=")}` : "";
    test(`${row.code.toString(16)}${variant} ${row.op} survives disasm, asm and bytes`, () => {
      fc.assert(
        fc.property(insnOf(row), (insns) => {
          expect(rowOf(insns[0])).toBe(row);
          const btf = row.when?.[0] === "src_reg" && row.format === "ld_imm64" && row.when[1] === 3;
          const imm = btf ? (insn: Insn) => `btf[id:${insn.imm}]` : nameImm();
          const text = disasmInsn(insns, 0, { imm });
          expect(asm(text)).toEqual(insns);
          expect(disasmInsn(asm(text), 0, { imm })).toBe(text);
          expect(decode(encode(insns))).toEqual(insns);
        }),
        { numRuns: 20 },
      );
    });
  }

  // Text as kernel/bpf/disasm.c formats it.
  const TEXT = [
    ["bf16000000000000", "(bf) r6 = r1"],
    ["6161080000000000", "(61) r1 = *(u32 *)(r6 +8)"],
    ["8510000003000000", "(85) call pc+3"],
    ["8500000005000000", "(85) call bpf_ktime_get_ns#5"],
    ["8500000040420f00", "(85) call unknown#1000000"],
    ["8520000007000000", "(85) call kernel-function#7"],
    ["1801000000f0ffff00000000ffffffff", "(18) r1 = 0xfffffffffffff000"],
    ["db21000000000000", "(db) lock *(u64 *)(r1 +0) += r2"],
    ["c321fcff01000000", "(c3) r2 = atomic_fetch_add((u32 *)(r1 -4), r2)"],
    ["db210000e1000000", "(db) r2 = atomic64_xchg((u64 *)(r1 +0), r2)"],
    ["db210000f1000000", "(db) r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)"],
    ["d310000000010000", "(d3) r0 = load_acquire((u8 *)(r1 +0))"],
    ["cb21020010010000", "(cb) store_release((u16 *)(r1 +2), r2)"],
    ["0600000001000000", "(06) gotol pc+1"],
    ["0500ffff00000000", "(05) goto pc-1"],
    ["e500020000000000", "(e5) may_goto pc+2"],
    ["9110000000000000", "(91) r0 = *(s8 *)(r1 +0)"],
    ["3f12010000000000", "(3f) r2 s/= r1"],
    ["9402010003000000", "(94) w2 s%= 3"],
    ["bc21080000000000", "(bc) w1 = (s8)w2"],
    ["bf21200000000000", "(bf) r1 = (s32)r2"],
    ["d701000010000000", "(d7) r1 = bswap16 r1"],
    ["dc01000020000000", "(dc) r1 = be32 r1"],
    ["bf21010001000000", "(bf) r1 = addr_space_cast(r2, 0, 1)"],
    ["5602fcff05000000", "(56) if w2 != 0x5 goto pc-4"],
    ["c501010fffffffff".replace("0f", "00"), "(c5) if r1 s< 0xffffffff goto pc+1"],
    ["8704000000000000", "(87) r4 = -r4"],
    ["c703000007000000", "(c7) r3 s>>= 7"],
    ["7a0af8fffdffffff", "(7a) *(u64 *)(r10 -8) = -3"],
    ["630af8ff00000000", "(63) *(u32 *)(r10 -8) = r0"],
    ["9500000000000000", "(95) exit"],
  ] as const;
  test.each(TEXT)("%s is %s", (hex, text) => {
    const insns = decode(fromHex(hex));
    expect(disasmInsn(insns, 0)).toBe(text);
    expect(toHex(encode(asm(text)))).toBe(hex);
  });

  test("labels, kfuncs, maps and comments", () => {
    const insns = asm(
      `   r6 = map[counts]          // a map
          r1 = map[counts][0]+8
          r2 = &callback
       again:
          call bpf_iter_num_new
          if r0 != 0 goto again
          call callback
          exit
       callback:
          exit`,
      { kfuncs: { bpf_iter_num_new: 77 }, maps: ["other", "counts"] },
    );
    expect(
      disasm(insns, {
        imm: nameImm((index) => ["other", "counts"][index]),
        call: (insn) => (insn.src_reg === 2 ? "bpf_iter_num_new" : undefined),
      }),
    ).toEqual([
      "0: (18) r6 = map[counts]",
      "2: (18) r1 = map[counts][0]+8",
      "4: (18) r2 = subprog[+5]",
      "6: (85) call bpf_iter_num_new#77",
      "7: (55) if r0 != 0x0 goto pc-2",
      "8: (85) call pc+1",
      "9: (95) exit",
      "10: (95) exit",
    ]);
    expect(subprogStarts(insns)).toEqual([0, 10]);
  });

  test.each([
    ["r1 = ", "not an instruction"],
    ["r1 = r77", "no register r77"],
    ["w1 = r2", "r and w registers mixed"],
    ["if r1 > w2 goto +1", "r and w registers mixed"],
    ["goto nowhere", "unknown label or function nowhere"],
    ["r2 = be32 r1", "byte swaps are in place"],
    ["r1 += 0x1ffffffff", "does not fit 32 bits"],
    ["r1 = *(u64 *)(r2 +40000)", "does not fit 16 bits"],
    ["w1 = (s32)w2", "no such instruction"],
    ["r1 = map[x]", "unknown map x"],
  ])("%s: %s", (text, message) => {
    expect(() => asm(`exit\n${text}`)).toThrow(IsaError);
    expect(() => asm(`exit\n${text}`)).toThrow(message);
    expect(() => asm(`exit\n${text}`)).toThrow(/^line 2/);
  });
});

describe("encode and decode", () => {
  test.each([1, 7, 9, 15])("%d bytes are refused", (length) => {
    expect(() => decode(new Uint8Array(length))).toThrow("ends within an instruction");
  });

  test.each([
    ["code", 256],
    ["dst_reg", 16],
    ["src_reg", -1],
    ["off", 32768],
    ["imm", 2 ** 31],
    ["imm", 1.5],
  ] as const)("%s = %d does not fit", (field, value) => {
    const exit = asm("exit")[0];
    expect(() => encode([{ ...exit, [field]: value }])).toThrow(`${field} does not fit`);
  });
});

describe("validation", () => {
  test("every row passes with its reserved fields zero, and fails with any of them set", () => {
    for (const row of OP_TABLE) {
      const insn: Insn = {
        code: row.code,
        dst_reg: 0,
        src_reg: 0,
        off: 0,
        imm: 0,
        ...(row.when && { [row.when[0]]: row.when[1] }),
      };
      const rest = row.format === "ld_imm64" ? [{ code: 0, dst_reg: 0, src_reg: 0, off: 0, imm: 0 }] : [];
      const self = row.format === "call_pc" || row.when?.[1] === 4 ? { imm: -1 } : {};
      const cast = row.op === "addr_space_cast" ? { imm: 1 } : {};
      // Functions referred to must lie in the program: here they refer to themselves.
      const program = [{ ...insn, ...cast, ...self }, ...rest, ...asm("exit\nexit")];
      if (row.op !== "exit") expect([row.op, findViolation(program)]).toEqual([row.op, undefined]);
      for (const field of row.zero) {
        const variant = rowsOf(row.code).some((other) => other.when?.[0] === field && other.when[1] === 9);
        if (!variant)
          expect(
            findViolation([{ ...insn, ...cast, ...self, [field]: 9 }, ...rest, ...asm("exit\nexit")]),
            `${row.op} ${field}`,
          ).toMatchObject({ insn: 0 });
      }
    }
  });

  test.each([
    ["", 0, "the program is empty"],
    ["r0 = 0", 0, "last insn is not an exit or jmp"],
    ["if r0 == 0 goto +1\nexit", 0, "jump out of range from insn 0 to 2"],
    ["goto -2\nexit", 0, "jump out of range from insn 0 to -1"],
    ["goto +1\nr0 = 0x1\nexit", 0, "jump into the middle of ldimm64 insn 1"],
    ["r10 = 0\nexit", 0, "frame pointer is read only"],
    ["r11 = 0\nexit", 0, "R11 is invalid"],
    ["r0 = r15\nexit", 0, "R15 is invalid"],
    ["call +9\nexit", 0, "call to invalid destination"],
    ["call f\nif r0 == 0 goto +1\nexit\nf:\nexit", 1, "jump out of range from insn 1 to 3"],
    ["call f\nr0 = 1\nf:\nexit", 1, "last insn is not an exit or jmp"],
    ["exit\nr0 = 0x1", 1, "last insn is not an exit or jmp"],
  ])("%j: insn %d, %s", (text, insn, message) => {
    expect(findViolation(asm(text))).toEqual({ insn, message });
  });

  test("every unknown code is refused", () => {
    for (let code = 0; code < 256; code++) {
      if (rowsOf(code).length > 0) continue;
      const message = `unknown opcode ${code.toString(16).padStart(2, "0")}`;
      expect(findViolation([{ code, dst_reg: 0, src_reg: 0, off: 0, imm: 0 }, ...asm("exit")])).toEqual({
        insn: 0,
        message,
      });
    }
  });

  test.each([
    [{ code: 0xdb, dst_reg: 1, src_reg: 2, off: 0, imm: 0x42 }, "BPF_ATOMIC uses invalid atomic opcode 42"],
    [{ code: 0x18, dst_reg: 1, src_reg: 7, off: 0, imm: 0 }, "unrecognized bpf_ld_imm64 insn"],
    [{ code: 0x18, dst_reg: 1, src_reg: 0, off: 0, imm: 0 }, "invalid bpf_ld_imm64 insn"],
    [{ code: 0xd4, dst_reg: 1, src_reg: 0, off: 0, imm: 8 }, "BPF_END uses reserved fields"],
    [{ code: 0x85, dst_reg: 0, src_reg: 3, off: 0, imm: 8 }, "BPF_CALL uses reserved fields"],
    [{ code: 0xbf, dst_reg: 0, src_reg: 3, off: 7, imm: 0 }, "BPF_MOV uses reserved fields"],
    [{ code: 0x3f, dst_reg: 0, src_reg: 3, off: 2, imm: 0 }, "BPF_ALU uses reserved fields"],
  ])("%j: %s", (insn, message) => {
    expect(findViolation([insn, ...asm("exit")])).toEqual({ insn: 0, message });
  });

  test.each([
    ["r1 <<= 64\nexit", "invalid shift 64"],
    ["w1 >>= 32\nexit", "invalid shift 32"],
    ["r1 /= 0\nexit", "div by zero"],
    ["callx r1\nexit", "unknown opcode 8d"],
  ])("only Linux refuses %j", (text, message) => {
    expect(findViolation(asm(text))).toBeUndefined();
    expect(() => validate(asm(text), { linux: true })).toThrow(message);
  });
});
