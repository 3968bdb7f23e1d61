// The interpreter's inner loop: one switch over the micro-operations of predecode.ts, whose numbers stand here as literals.
// Semantics are those of RFC 9669 section 4 and kernel/bpf/core.c at v7.2: shifts masked, division by zero 0, remainder by
// zero the dividend, 32-bit results zero-extended. Registers are pairs of int32; there is no BigInt on any common path.
// Everything slow (calls, first accesses, atomics, faults) is the machine's.

import { divmod64, mul64, sdivmod64 } from "./int64.ts";
import type { VmMemory } from "./memory.ts";
import type { MicroProgram } from "./predecode.ts";

/** The state of a running program and what the loop leaves to others. */
export interface Machine {
  readonly program: MicroProgram;
  readonly memory: VmMemory;
  /** Word pairs: r0..r10, one spare, the constants. */
  readonly regs: Int32Array;
  /** Per slot, the lowest and highest address its last segment allows. */
  readonly firsts: Int32Array;
  readonly lasts: Int32Array;
  /** Per frame, the slot to return to, and what may_goto has left. */
  readonly returns: Int32Array;
  readonly loops: Int32Array;
  /** Instructions until the next poll; handed over around calls. */
  left: number;
  /** Slot of the call under way. */
  pc: number;
  /** Makes a frame and returns its depth; faults when there are too many. */
  enter(pc: number, depth: number): number;
  /** Leaves the current frame and returns the depth of its caller. */
  leave(): number;
  /** Checks budget and abort flag; returns the new `left`. */
  poll(pc: number, left: number): number;
  callHelper(id: number, pc: number): void;
  callKfunc(id: number, pc: number): void;
  /** Checks the access of slot `pc` against all segments, or faults; returns a view that reaches it. */
  locate(pc: number): DataView;
  atomic(pc: number): void;
  illegal(pc: number): never;
}

function swap32(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** Runs from slot `pc` in frame `entry` until that frame exits. */
export function execute(machine: Machine, start: number, entry: number): void {
  const { code, off, extra } = machine.program;
  const { regs, firsts, lasts, returns, loops } = machine;
  let view = machine.memory.view;
  let left = machine.left;
  let depth = entry;
  let pc = start;
  if (left < 0) left = machine.poll(pc, left);
  for (;;) {
    left--;
    // opOf, dstOf and srcOf of predecode.ts, spelled out.
    const word = code[pc];
    const d = (word >>> 7) & 31;
    const s = word >>> 12;
    switch (word & 127) {
      case 1: // exit
        if (depth === entry) {
          machine.left = left;
          return;
        }
        depth = machine.leave();
        pc = returns[depth];
        continue;
      case 2: // ja
        if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
        pc = off[pc];
        continue;
      case 3: // may_goto
        if (loops[depth] === 0) {
          pc = off[pc];
          continue;
        }
        loops[depth]--;
        break;
      case 4: // call_helper
        machine.left = left;
        machine.pc = pc;
        machine.callHelper(extra[pc], pc);
        left = machine.left;
        view = machine.memory.view;
        break;
      case 5: // call_pc
        if (left < 0) left = machine.poll(pc, left);
        depth = machine.enter(pc, depth);
        returns[depth - 1] = pc + 1;
        pc = off[pc];
        continue;
      case 6: // call_kfunc
        machine.left = left;
        machine.pc = pc;
        machine.callKfunc(extra[pc], pc);
        left = machine.left;
        view = machine.memory.view;
        break;
      case 7: // callx
        machine.left = left;
        machine.pc = pc;
        machine.callHelper(regs[d], pc);
        left = machine.left;
        view = machine.memory.view;
        break;
      case 8: // mov64
        regs[d] = regs[s];
        regs[d + 1] = regs[s + 1];
        break;
      case 9: // mov32
        regs[d] = regs[s];
        regs[d + 1] = 0;
        break;
      case 10: {
        // add64
        const a = regs[d];
        const low = (a + regs[s]) | 0;
        regs[d + 1] = regs[d + 1] + regs[s + 1] + (low >>> 0 < a >>> 0 ? 1 : 0);
        regs[d] = low;
        break;
      }
      case 11: {
        // sub64
        const a = regs[d];
        const b = regs[s];
        regs[d + 1] = regs[d + 1] - regs[s + 1] - (a >>> 0 < b >>> 0 ? 1 : 0);
        regs[d] = a - b;
        break;
      }
      case 12: // mul64
        mul64(regs, d, s);
        break;
      case 13: // div64
        divmod64(regs, d, s, false);
        break;
      case 14: // sdiv64
        sdivmod64(regs, d, s, false);
        break;
      case 15: // mod64
        divmod64(regs, d, s, true);
        break;
      case 16: // smod64
        sdivmod64(regs, d, s, true);
        break;
      case 17: // or64
        regs[d] |= regs[s];
        regs[d + 1] |= regs[s + 1];
        break;
      case 18: // and64
        regs[d] &= regs[s];
        regs[d + 1] &= regs[s + 1];
        break;
      case 19: {
        // xor64
        const low = regs[d] ^ regs[s];
        regs[d + 1] = regs[d + 1] ^ regs[s + 1];
        regs[d] = low;
        break;
      }
      case 20: {
        // lsh64
        const n = regs[s] & 63;
        const low = regs[d];
        if (n >= 32) {
          regs[d + 1] = low << (n - 32);
          regs[d] = 0;
        } else if (n !== 0) {
          regs[d + 1] = (regs[d + 1] << n) | (low >>> (32 - n));
          regs[d] = low << n;
        }
        break;
      }
      case 21: {
        // rsh64
        const n = regs[s] & 63;
        const high = regs[d + 1];
        if (n >= 32) {
          regs[d] = high >>> (n - 32);
          regs[d + 1] = 0;
        } else if (n !== 0) {
          regs[d] = (regs[d] >>> n) | (high << (32 - n));
          regs[d + 1] = high >>> n;
        }
        break;
      }
      case 22: {
        // arsh64
        const n = regs[s] & 63;
        const high = regs[d + 1];
        if (n >= 32) {
          regs[d] = high >> (n - 32);
          regs[d + 1] = high >> 31;
        } else if (n !== 0) {
          regs[d] = (regs[d] >>> n) | (high << (32 - n));
          regs[d + 1] = high >> n;
        }
        break;
      }
      case 23: {
        // neg64
        const low = -regs[d] | 0;
        regs[d + 1] = -regs[d + 1] - (low !== 0 ? 1 : 0);
        regs[d] = low;
        break;
      }
      case 24: // add32
        regs[d] = regs[d] + regs[s];
        regs[d + 1] = 0;
        break;
      case 25: // sub32
        regs[d] = regs[d] - regs[s];
        regs[d + 1] = 0;
        break;
      case 26: // mul32
        regs[d] = Math.imul(regs[d], regs[s]);
        regs[d + 1] = 0;
        break;
      case 27: {
        // div32
        const b = regs[s] >>> 0;
        regs[d] = b === 0 ? 0 : (regs[d] >>> 0) / b;
        regs[d + 1] = 0;
        break;
      }
      case 28: {
        // sdiv32
        const b = regs[s];
        regs[d] = b === 0 ? 0 : regs[d] / b;
        regs[d + 1] = 0;
        break;
      }
      case 29: {
        // mod32
        const b = regs[s] >>> 0;
        if (b !== 0) regs[d] = (regs[d] >>> 0) % b;
        regs[d + 1] = 0;
        break;
      }
      case 30: {
        // smod32
        const b = regs[s];
        if (b !== 0) regs[d] = regs[d] % b;
        regs[d + 1] = 0;
        break;
      }
      case 31: // or32
        regs[d] = regs[d] | regs[s];
        regs[d + 1] = 0;
        break;
      case 32: // and32
        regs[d] = regs[d] & regs[s];
        regs[d + 1] = 0;
        break;
      case 33: // xor32
        regs[d] = regs[d] ^ regs[s];
        regs[d + 1] = 0;
        break;
      case 34: // lsh32
        regs[d] = regs[d] << regs[s];
        regs[d + 1] = 0;
        break;
      case 35: // rsh32
        regs[d] = regs[d] >>> regs[s];
        regs[d + 1] = 0;
        break;
      case 36: // arsh32
        regs[d] = regs[d] >> regs[s];
        regs[d + 1] = 0;
        break;
      case 37: // neg32
        regs[d] = -regs[d];
        regs[d + 1] = 0;
        break;
      case 38: {
        // movsx64_8
        const low = (regs[s] << 24) >> 24;
        regs[d] = low;
        regs[d + 1] = low >> 31;
        break;
      }
      case 39: {
        // movsx64_16
        const low = (regs[s] << 16) >> 16;
        regs[d] = low;
        regs[d + 1] = low >> 31;
        break;
      }
      case 40: {
        // movsx64_32
        const low = regs[s];
        regs[d] = low;
        regs[d + 1] = low >> 31;
        break;
      }
      case 41: // movsx32_8
        regs[d] = (regs[s] << 24) >> 24;
        regs[d + 1] = 0;
        break;
      case 42: // movsx32_16
        regs[d] = (regs[s] << 16) >> 16;
        regs[d + 1] = 0;
        break;
      case 43: // to_le16
        regs[d] = regs[d] & 0xffff;
        regs[d + 1] = 0;
        break;
      case 44: // to_le32
        regs[d + 1] = 0;
        break;
      case 45: // to_le64
        break;
      case 46: // swap16
        regs[d] = ((regs[d] & 0xff) << 8) | ((regs[d] >>> 8) & 0xff);
        regs[d + 1] = 0;
        break;
      case 47: // swap32
        regs[d] = swap32(regs[d]);
        regs[d + 1] = 0;
        break;
      case 48: {
        // swap64
        const low = swap32(regs[d + 1]);
        regs[d + 1] = swap32(regs[d]);
        regs[d] = low;
        break;
      }
      case 49: // jeq64
        if (regs[d] === regs[s] && regs[d + 1] === regs[s + 1]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 50: // jne64
        if (regs[d] !== regs[s] || regs[d + 1] !== regs[s + 1]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 51: {
        // jgt64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 > regs[s] >>> 0 : a >>> 0 > b >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 52: {
        // jge64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 >= regs[s] >>> 0 : a >>> 0 >= b >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 53: {
        // jlt64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 < regs[s] >>> 0 : a >>> 0 < b >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 54: {
        // jle64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 <= regs[s] >>> 0 : a >>> 0 <= b >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 55: // jset64
        if (((regs[d] & regs[s]) | (regs[d + 1] & regs[s + 1])) !== 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 56: {
        // jsgt64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 > regs[s] >>> 0 : a > b) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 57: {
        // jsge64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 >= regs[s] >>> 0 : a >= b) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 58: {
        // jslt64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 < regs[s] >>> 0 : a < b) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 59: {
        // jsle64
        const a = regs[d + 1];
        const b = regs[s + 1];
        if (a === b ? regs[d] >>> 0 <= regs[s] >>> 0 : a <= b) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      }
      case 60: // jeq32
        if (regs[d] === regs[s]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 61: // jne32
        if (regs[d] !== regs[s]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 62: // jgt32
        if (regs[d] >>> 0 > regs[s] >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 63: // jge32
        if (regs[d] >>> 0 >= regs[s] >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 64: // jlt32
        if (regs[d] >>> 0 < regs[s] >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 65: // jle32
        if (regs[d] >>> 0 <= regs[s] >>> 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 66: // jset32
        if ((regs[d] & regs[s]) !== 0) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 67: // jsgt32
        if (regs[d] > regs[s]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 68: // jsge32
        if (regs[d] >= regs[s]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 69: // jslt32
        if (regs[d] < regs[s]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 70: // jsle32
        if (regs[d] <= regs[s]) {
          if (off[pc] <= pc && left < 0) left = machine.poll(pc, left);
          pc = off[pc];
          continue;
        }
        break;
      case 71: {
        // ldx8
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        regs[d] = view.getUint8(at);
        regs[d + 1] = 0;
        break;
      }
      case 72: {
        // ldx16
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        regs[d] = view.getUint16(at, true);
        regs[d + 1] = 0;
        break;
      }
      case 73: {
        // ldx32
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        regs[d] = view.getInt32(at, true);
        regs[d + 1] = 0;
        break;
      }
      case 74: {
        // ldx64
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        regs[d] = view.getInt32(at, true);
        regs[d + 1] = view.getInt32(at + 4, true);
        break;
      }
      case 75: {
        // ldsx8
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        const low = view.getInt8(at);
        regs[d] = low;
        regs[d + 1] = low >> 31;
        break;
      }
      case 76: {
        // ldsx16
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        const low = view.getInt16(at, true);
        regs[d] = low;
        regs[d + 1] = low >> 31;
        break;
      }
      case 77: {
        // ldsx32
        const at = (regs[s] + off[pc]) | 0;
        if (regs[s + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        const low = view.getInt32(at, true);
        regs[d] = low;
        regs[d + 1] = low >> 31;
        break;
      }
      case 78: {
        // stx8
        const at = (regs[d] + off[pc]) | 0;
        if (regs[d + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        view.setInt8(at, regs[s]);
        break;
      }
      case 79: {
        // stx16
        const at = (regs[d] + off[pc]) | 0;
        if (regs[d + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        view.setInt16(at, regs[s], true);
        break;
      }
      case 80: {
        // stx32
        const at = (regs[d] + off[pc]) | 0;
        if (regs[d + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        view.setInt32(at, regs[s], true);
        break;
      }
      case 81: {
        // stx64
        const at = (regs[d] + off[pc]) | 0;
        if (regs[d + 1] !== 0 || at < firsts[pc] || at > lasts[pc]) view = machine.locate(pc);
        view.setInt32(at, regs[s], true);
        view.setInt32(at + 4, regs[s + 1], true);
        break;
      }
      case 82: {
        // stack_ldx8
        const at = regs[20] + off[pc];
        regs[d] = view.getUint8(at);
        regs[d + 1] = 0;
        break;
      }
      case 83: {
        // stack_ldx16
        const at = regs[20] + off[pc];
        regs[d] = view.getUint16(at, true);
        regs[d + 1] = 0;
        break;
      }
      case 84: {
        // stack_ldx32
        const at = regs[20] + off[pc];
        regs[d] = view.getInt32(at, true);
        regs[d + 1] = 0;
        break;
      }
      case 85: {
        // stack_ldx64
        const at = regs[20] + off[pc];
        regs[d] = view.getInt32(at, true);
        regs[d + 1] = view.getInt32(at + 4, true);
        break;
      }
      case 86: {
        // stack_stx8
        const at = regs[20] + off[pc];
        view.setInt8(at, regs[s]);
        break;
      }
      case 87: {
        // stack_stx16
        const at = regs[20] + off[pc];
        view.setInt16(at, regs[s], true);
        break;
      }
      case 88: {
        // stack_stx32
        const at = regs[20] + off[pc];
        view.setInt32(at, regs[s], true);
        break;
      }
      case 89: {
        // stack_stx64
        const at = regs[20] + off[pc];
        view.setInt32(at, regs[s], true);
        view.setInt32(at + 4, regs[s + 1], true);
        break;
      }
      case 91: // ld_imm64
        regs[d] = regs[s];
        regs[d + 1] = regs[s + 1];
        pc++;
        break;
      case 90: // atomic
        machine.atomic(pc);
        break;
      default:
        machine.illegal(pc);
    }
    pc++;
  }
}
