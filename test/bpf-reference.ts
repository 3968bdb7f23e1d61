// What instructions mean, as plainly as BigInt can say it (RFC 9669 section 4): the yardstick of the engines' tests.
// Slow, and independent of anything the engines use but the instruction table.

import type { OpRow } from "../src/bpf/isa/index.ts";

const unsigned = (bits: number, value: bigint): bigint => BigInt.asUintN(bits, value);
const signed = (bits: number, value: bigint): bigint => BigInt.asIntN(bits, value);

function swap(bits: number, value: bigint): bigint {
  let out = 0n;
  for (let shift = 0n; shift < BigInt(bits); shift += 8n) out = (out << 8n) | ((value >> shift) & 0xffn);
  return out;
}

/** r[dst] after an ALU instruction of `row` on a = r[dst] and b = the operand, both 64 bits unsigned. */
export function referenceAlu(row: OpRow, a64: bigint, b64: bigint): bigint {
  const bits = row.width;
  const [a, b] = [unsigned(bits, a64), unsigned(bits, b64)];
  const [sa, sb] = [signed(bits, a), signed(bits, b)];
  const shift = b & BigInt(bits - 1);
  const result = ((): bigint => {
    switch (row.op) {
      case "add":
        return a + b;
      case "sub":
        return a - b;
      case "mul":
        return a * b;
      case "div":
        return b === 0n ? 0n : a / b;
      case "sdiv":
        return b === 0n ? 0n : sa / sb;
      case "mod":
        return b === 0n ? a : a % b;
      case "smod":
        return b === 0n ? a : sa % sb;
      case "or":
        return a | b;
      case "and":
        return a & b;
      case "xor":
        return a ^ b;
      case "lsh":
        return a << shift;
      case "rsh":
        return a >> shift;
      case "arsh":
        return sa >> shift;
      case "neg":
        return -a;
      case "mov":
        return b;
      case "movsx":
        return signed(row.from!, b);
      case "to_le":
        return a;
      case "to_be":
      case "bswap":
        return swap(bits, a);
      default:
        throw new Error(`not an ALU operation: ${row.op}`);
    }
  })();
  // Results of fewer than 64 bits are zero-extended.
  return unsigned(bits, result);
}

/** Whether a conditional jump of `row` is taken. */
export function referenceJump(row: OpRow, a64: bigint, b64: bigint): boolean {
  const bits = row.width;
  const [a, b] = [unsigned(bits, a64), unsigned(bits, b64)];
  const [sa, sb] = [signed(bits, a), signed(bits, b)];
  switch (row.op) {
    case "jeq":
      return a === b;
    case "jne":
      return a !== b;
    case "jgt":
      return a > b;
    case "jge":
      return a >= b;
    case "jlt":
      return a < b;
    case "jle":
      return a <= b;
    case "jset":
      return (a & b) !== 0n;
    case "jsgt":
      return sa > sb;
    case "jsge":
      return sa >= sb;
    case "jslt":
      return sa < sb;
    case "jsle":
      return sa <= sb;
    default:
      throw new Error(`not a conditional jump: ${row.op}`);
  }
}

/** Memory and registers after an atomic instruction. `regs` are r0..r9; `memory` the value at the address. */
export function referenceAtomic(
  row: OpRow,
  memory: bigint,
  regs: readonly bigint[],
  dst: number,
  src: number,
): { memory: bigint; regs: bigint[] } {
  const bits = row.width;
  // r10, which only an address can be in, counts for nothing as an operand.
  const operand = unsigned(bits, regs[src] ?? 0n);
  const after = [...regs];
  const stored = ((): bigint => {
    switch (row.op) {
      case "atomic_add":
      case "fetch_add":
        return memory + operand;
      case "atomic_and":
      case "fetch_and":
        return memory & operand;
      case "atomic_or":
      case "fetch_or":
        return memory | operand;
      case "atomic_xor":
      case "fetch_xor":
        return memory ^ operand;
      case "xchg":
      case "store_release":
        return operand;
      case "cmpxchg":
        return memory === unsigned(bits, regs[0]) ? operand : memory;
      case "load_acquire":
        return memory;
      default:
        throw new Error(`not an atomic operation: ${row.op}`);
    }
  })();
  if (row.op === "cmpxchg") after[0] = memory;
  else if (row.op === "load_acquire") after[dst] = memory;
  else if (row.writes === "src_reg") after[src] = memory;
  return { memory: unsigned(bits, stored), regs: after };
}
