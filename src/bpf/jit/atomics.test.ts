// Every atomic instruction with every pair of registers, the address and the value in the same one included: registers and
// memory afterwards are the interpreter's.

import { expect, test } from "vitest";
import { asm, BPF_ATOMIC, BPF_CLASS, BPF_MODE, BPF_STX, insn, OP_TABLE, type Insn, type OpRow } from "../isa/index.ts";
import { results } from "./harness.ts";

const ATOMICS = OP_TABLE.filter(({ code }) => BPF_CLASS(code) === BPF_STX && BPF_MODE(code) === BPF_ATOMIC);
const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
/** Distances from r10: the word it works on, where r0-r9 are put afterwards, and what all of them come to. */
const [WORD, AFTER, SUM] = [-16, -96, -104];
const VALUE = 0x8123_4567_89ab_cdefn;

const filled = (i: number): bigint => BigInt.asUintN(64, 0x9e37_79b9_7f4a_7c15n * BigInt(i + 1));

/** One execution on fresh registers and a fresh word, and what it left, taken into the sum. */
function once(row: OpRow, dst_reg: number, src_reg: number): Insn[] {
  const holder = row.op === "load_acquire" ? src_reg : dst_reg;
  // the address is in the register, or in the register and the offset
  const off = holder % 2 === 0 ? WORD : 0;
  const before = [
    `r1 = ${VALUE} ll\n*(u64 *)(r10 ${WORD}) = r1`,
    ...REGISTERS.map((reg) => `r${reg} = ${reg === 3 ? VALUE : filled(reg)} ll`),
    // what cmpxchg compares with: the word's value, unless it is compared with something else
    ...((dst_reg + src_reg) % 2 === 0 && holder !== 0 ? [`r0 = ${VALUE} ll`] : []),
    ...(holder === 10 ? [] : [`r${holder} = r10`, ...(off === 0 ? [`r${holder} += ${WORD}`] : [])]),
  ];
  const after = [
    ...REGISTERS.map((reg) => `*(u64 *)(r10 ${AFTER + reg * 8}) = r${reg}`),
    `r0 = *(u64 *)(r10 ${SUM})`,
    ...[WORD, ...REGISTERS.map((reg) => AFTER + reg * 8)].map(
      (at) => `r1 = *(u64 *)(r10 ${at})\nr0 *= 1000003\nr0 ^= r1`,
    ),
    `*(u64 *)(r10 ${SUM}) = r0`,
  ];
  const imm = row.when?.[0] === "imm" ? row.when[1] : 0;
  return [...asm(before.join("\n")), insn(row.code, dst_reg, src_reg, off, imm), ...asm(after.join("\n"))];
}

test.each(ATOMICS.map((row) => [row.op, row.width, row] as const))(
  "%s of %i bits, every pair of registers",
  (_, __, row) => {
    const withFrame = [...REGISTERS, 10];
    const pairs = withFrame
      .flatMap((dst) => withFrame.map((src) => [dst, src] as const))
      .filter(([dst, src]) => !(row.writes === "src_reg" && src === 10) && !(row.writes === "dst_reg" && dst === 10));
    const program = pairs.flatMap(([dst, src]) => once(row, dst, src));
    const [interpreter, ...compiled] = results([
      ...asm(`r0 = 0\n*(u64 *)(r10 ${SUM}) = r0`),
      ...program,
      ...asm(`r0 = *(u64 *)(r10 ${SUM})\nexit`),
    ]);
    expect(compiled).toEqual([interpreter, interpreter]);
    expect(interpreter).not.toBe(0n);
  },
);

test("atomics are all there", () => {
  expect(ATOMICS.map(({ op, width }) => `${op} ${width}`)).toHaveLength(10 * 2 + 2 * 4);
});
