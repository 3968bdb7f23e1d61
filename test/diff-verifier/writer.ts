// Writes one function of a random program. Registers 6 and 7 hold unknown scalars, 8 and 9 scalars or a pointer kept for the
// whole function, 0 the scalar a statement ends with; 1 to 5 are for the moment. A writer that slips forgets a check, mistakes
// a register or takes a number that is too large, so that both verdicts come up for every kind of statement.

import type { Insn } from "../../src/bpf/isa/index.ts";
import * as I from "./code.ts";
import { B, DW, SIZES, W, type Size } from "./code.ts";
import type { Random } from "./random.ts";

const IMMEDIATES = [
  0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 47, 63, 64, 255, 256, 4095, 65535, -1, -2, -8, 0x7fff_ffff, -0x8000_0000,
];

/** What a pointer points to: bytes from it on, and what may be done there. */
export interface Place {
  readonly bytes: number;
  readonly readonly?: boolean;
  /** No atomics, no offsets from registers. */
  readonly plain?: boolean;
  /** Slots must be aligned. */
  readonly aligned?: boolean;
}

/** A call whose target is not written yet. */
export interface Fixup {
  readonly at: number;
  /** Index of the function; `func`: its address is taken. */
  readonly callee: number;
}

export class Writer {
  readonly random: Random;
  readonly insns: Insn[] = [];
  readonly calls: Fixup[] = [];
  /** In 10,000: how often something goes wrong. */
  readonly slips: number;
  /** Scalars free to be used and changed. */
  scalars: number[] = [0, 6, 7, 8, 9];
  /** A pointer kept in a register. */
  held: { readonly reg: number; readonly place: Place } | undefined = undefined;
  depth = 0;
  /** Loops around the current statement: their bodies are kept short, or most programs would be too large. */
  loops = 0;
  /** Few rounds of loops: every path is walked. */
  short = false;
  /** Statements left, so that nesting does not explode. */
  budget: number;

  constructor(random: Random, slips: number, budget: number) {
    this.random = random;
    this.slips = slips;
    this.budget = budget;
  }

  put(...insns: Insn[]): void {
    this.insns.push(...insns);
  }

  get here(): number {
    return this.insns.length;
  }

  slip(): boolean {
    return this.random.below(10_000) < this.slips;
  }

  /** A scalar register. */
  reg(): number {
    if (this.loops === 0 && this.slip()) return this.random.below(10);
    return this.scalars.length === 0 ? 7 : this.random.pick(this.scalars);
  }

  imm(): number {
    return this.random.chance(80) ? this.random.pick(IMMEDIATES) : this.random.below(1 << 30) - (1 << 29);
  }

  retarget(at: number, to: number = this.here): void {
    this.insns[at] = { ...this.insns[at], off: to - at - 1 };
  }

  /** Writes a jump, then `body` which it skips. */
  skip(jump: Insn, body: () => void): void {
    const at = this.here;
    this.put(jump);
    body();
    this.retarget(at);
  }

  /** Runs `body` while `regs` are not free. */
  keeping(regs: readonly number[], body: () => void): void {
    const before = this.scalars;
    this.scalars = before.filter((reg) => !regs.includes(reg));
    body();
    this.scalars = before;
  }

  /* ---- arithmetic ---- */

  alu(): void {
    const { random } = this;
    const wide = random.chance(60) ? 0x07 : 0x04;
    const bits = wide === 0x07 ? 64 : 32;
    const op = random.pick(I.ALU_OPS);
    const dst = this.reg();
    const isShift = op === 0x60 || op === 0x70 || op === 0xc0;
    if (random.chance(4)) return this.put(I.insn(0x80 | wide, dst, 0, 0, 0));
    if (random.chance(4))
      return this.put(I.insn(random.pick([0xd4, 0xdc, 0xd7]), dst, 0, 0, random.pick([16, 32, 64])));
    if (random.chance(5)) return this.put(I.insn(0xb8 | wide, dst, this.reg(), random.pick([8, 16]), 0));
    const off = (op === 0x30 || op === 0x90) && random.chance(30) ? 1 : 0;
    if (random.chance(50)) {
      const imm = isShift ? random.below(bits) : this.imm();
      const divides = op === 0x30 || op === 0x90;
      return this.put(I.insn(op | wide, dst, 0, off, divides && imm === 0 && !this.slip() ? 3 : imm));
    }
    return this.put(I.insn(op | 0x08 | wide, dst, this.reg(), off, 0));
  }

  constant(): void {
    const { random } = this;
    this.put(...I.loadImm64(this.reg(), this.imm(), random.pick([0, 0, -1, 1, 0x7fff_ffff, -0x8000_0000])));
  }

  /** A jump over what follows. */
  branch(): void {
    const { random } = this;
    const wide = random.chance(60) ? 0x05 : 0x06;
    const op = random.pick(I.JUMP_OPS);
    const jump = random.chance(60)
      ? I.insn(op | wide, this.reg(), 0, 0, this.imm())
      : I.insn(op | 0x08 | wide, this.reg(), this.reg(), 0, 0);
    const at = this.here;
    this.put(jump);
    this.block(1 + random.below(3));
    if (random.chance(70)) return this.retarget(at);
    const end = this.here;
    this.put(I.ja(0));
    this.retarget(at);
    this.block(1 + random.below(2));
    this.retarget(end);
    if (random.chance(15)) this.insns[end] = I.insn(0x06, 0, 0, 0, this.here - end - 1);
    return undefined;
  }

  /** A counted loop, or one that ends by chance. */
  loop(): void {
    const { random } = this;
    const counter = random.pick([8, 9]);
    if (this.held?.reg === counter || !this.scalars.includes(counter)) return this.alu();
    const forever = random.below(50_000) === 0;
    const limit = this.loops === 0 && !this.short && random.chance(25) ? 10 + random.below(50) : 1 + random.below(5);
    const byRegister = random.chance(25) && this.scalars.includes(6);
    if (byRegister && !forever) this.put(I.andImm(6, 7));
    this.put(I.movImm(counter, 0));
    const start = this.here;
    this.keeping(forever ? [] : byRegister ? [counter, 6] : [counter], () =>
      this.body(limit > 8 ? 1 : 1 + random.below(2)),
    );
    this.put(I.addImm(counter, 1));
    const back = (): number => start - this.here - 1;
    if (byRegister) this.put(I.insn(0xad, counter, 6, back(), 0), I.movImm(counter, 1));
    else this.put(I.insn(random.pick([0xa5, 0x55, 0xa6, 0xc5]), counter, 0, back(), limit));
    return undefined;
  }

  /** What is repeated. */
  body(count: number): void {
    this.loops++;
    this.block(count);
    this.loops--;
  }

  mayGoto(): void {
    const start = this.here;
    this.skip(I.insn(0xe5, 0, 0, 0, 0), () => {
      this.body(1);
      this.put(I.ja(start - this.here - 1));
    });
  }

  /* ---- the stack ---- */

  stack(): void {
    const { random } = this;
    const [size, bytes] = random.chance(50) ? DW : random.pick(SIZES);
    const slot = -8 * (1 + random.below(4));
    const off = slot + (this.slip() ? random.below(8) : bytes * random.below(8 / bytes));
    const roll = random.below(100);
    if (roll < 8 && bytes < 8) return this.put(I.loadSigned([size, bytes], this.reg(), 10, off));
    if (roll < 45) return this.put(I.load([size, bytes], this.reg(), 10, off));
    if (roll < 62) return this.put(I.storeImm([size, bytes], 10, off, this.imm()));
    return this.put(I.store([size, bytes], 10, off, random.chance(95) ? this.reg() : 10));
  }

  /** A copy of the frame pointer, moved by a constant or by a register within bounds, then used. */
  stackPointer(): void {
    const { random } = this;
    const pointer = random.pick([2, 3]);
    // an access of the stack must be aligned: by whole slots, or bytes alone
    const bytewise = random.chance(30);
    const aligned = !bytewise && !this.slip();
    this.put(I.mov(pointer, 10), I.addImm(pointer, -64));
    let room = 64;
    if (random.chance(60)) {
      const index = this.reg();
      room -= this.bound(index, 32);
      if (aligned) this.put(I.insn(random.pick([0x57, 0x54]), index, 0, 0, -8));
      this.put(I.add(pointer, index));
    } else if (random.chance(50)) {
      this.put(I.addImm(pointer, 32));
      room = 32;
    }
    this.use(pointer, { bytes: bytewise ? 1 : room, plain: true, aligned });
  }

  /** Spills a register, forgets it and takes it back, whole or in part. */
  spill(): void {
    const { random } = this;
    const reg = this.held !== undefined && random.chance(50) ? this.held.reg : this.reg();
    const slot = -8 * (9 + random.below(4));
    const width = random.chance(75) || reg === this.held?.reg ? DW : W;
    this.put(I.store(width, 10, slot, reg));
    if (random.chance(50)) this.statement();
    if (random.chance(60)) this.branch();
    const off = width === DW || random.chance(70) ? slot : slot + 4;
    if (reg === this.held?.reg) {
      this.put(I.load(DW, 3, 10, slot));
      this.use(3, this.held.place);
    } else this.put(I.load(random.chance(80) ? width : W, this.reg(), 10, off));
  }

  /* ---- memory ---- */

  /** Keeps a register within 0..`most` in one of several ways; what it may be at most. */
  bound(index: number, most: number): number {
    const { random } = this;
    if (this.slip()) return most;
    const odd = this.slip() ? 1 : 0;
    switch (random.below(7)) {
      case 0: {
        const mask = random.pick([7, 15, 31, 12, 24]);
        this.put(I.insn(random.pick([0x57, 0x54]), index, 0, 0, mask + odd));
        return mask;
      }
      case 1: {
        const last = 1 + random.below(most);
        this.put(I.insn(random.pick([0xb5, 0xb6]), index, 0, 1, last + odd), I.movImm(index, 0));
        // the low half alone says nothing of the whole
        if (this.insns[this.here - 2].code === 0xb6) this.put(I.insn(0xbc, index, index, 0, 0));
        return last;
      }
      case 2: {
        this.put(I.insn(0xc5, index, 0, 1, 0 - odd), I.insn(0xd5, index, 0, 1, most), I.movImm(index, 4));
        return most;
      }
      case 3: {
        const by = 1 + random.below(most);
        this.put(I.insn(random.pick([0x97, 0x94]), index, 0, 0, by + odd));
        return by - 1;
      }
      case 4: {
        this.put(I.insn(0x77, index, 0, 0, 60 - odd));
        return 15;
      }
      case 5: {
        // a copy is checked, the register is used
        this.put(I.mov(4, index), I.insn(0xb5, 4, 0, 2, most + odd), I.movImm(index, 0), I.movImm(4, 0));
        return most;
      }
      default: {
        const last = 1 + random.below(most);
        this.put(I.movImm(4, last + odd), I.insn(0xbd, index, 4, 1, 0), I.mov(index, 4));
        return last;
      }
    }
  }

  /** An access of a random size within `place`. */
  use(pointer: number, place: Place): void {
    const { random } = this;
    const fitting = SIZES.filter(([, bytes]) => bytes <= place.bytes);
    const size: Size = fitting.length === 0 ? B : random.pick(fitting);
    const last = Math.max(0, place.bytes - size[1]);
    let off = random.chance(30) ? last : random.below(last + 1);
    if (place.aligned) off -= off % size[1];
    if (this.slip()) off = random.pick([last + 1, -1, 4096, -32768, last + size[1]]);
    const roll = random.below(100);
    if (place.readonly && !this.slip()) this.put(I.load(size, this.reg(), pointer, off));
    else if (roll < 40) this.put(I.load(size, this.reg(), pointer, off));
    else if (roll < 45 && size[1] < 8) this.put(I.loadSigned(size, this.reg(), pointer, off));
    else if (roll < 72) this.put(I.store(size, pointer, off, this.reg()));
    else if (roll < 82) this.put(I.storeImm(size, pointer, off, this.imm()));
    else if (place.plain && !this.slip()) this.put(I.load(size, this.reg(), pointer, off));
    else this.atomicAccess(pointer, place);
  }

  atomicAccess(pointer: number, place: Place): void {
    const { random } = this;
    if (random.chance(4)) {
      const narrow = random.pick([B, I.H]);
      if (random.chance(50)) return this.put(I.atomic(narrow, this.reg(), 0, pointer, 0x100));
      return this.put(I.atomic(narrow, pointer, 0, this.reg(), 0x110));
    }
    const size = place.bytes >= 8 && random.chance(60) ? DW : W;
    if (place.bytes < 4) return this.put(I.load(B, this.reg(), pointer, 0));
    const off = size[1] * random.below(Math.floor(place.bytes / size[1]));
    const op = random.pick(I.ATOMIC_OPS);
    const at = this.slip() ? off + 1 : off;
    if (op === 0x100) return this.put(I.atomic(size, this.reg(), at, pointer, op));
    return this.put(I.atomic(size, pointer, at, this.reg(), op));
  }

  /** Adds a register within bounds, or a constant, to a pointer; what is left of the place. */
  advance(pointer: number, place: Place): Place {
    const { random } = this;
    const roll = random.below(100);
    if (place.plain || roll < 35 || place.bytes < 2) return place;
    if (roll < 50) {
      const by = random.below(place.bytes);
      this.put(I.addImm(pointer, by));
      return { ...place, bytes: place.bytes - by };
    }
    const index = this.reg();
    const by = this.bound(index, place.bytes - 1);
    if (roll < 58) {
      // moved forth and back again
      this.put(I.add(pointer, index), I.insn(0x1f, pointer, index, 0, 0));
      return place;
    }
    this.put(I.add(pointer, index));
    return { ...place, bytes: Math.max(0, place.bytes - by) };
  }

  /* ---- structure ---- */

  block(count: number): void {
    this.depth++;
    for (let i = 0; i < count && this.budget > 0; i++) this.statement();
    if (count > 0 && this.budget <= 0) this.alu();
    this.depth--;
  }

  /** One of arithmetic, jumps, loops and stack: what a plain program consists of. */
  plainStatement(): void {
    const roll = this.random.below(100);
    const straight = this.loops > 1 || (this.loops === 1 && this.random.chance(60));
    if (straight) return roll < 70 ? this.alu() : this.stack();
    if (roll < 40) this.alu();
    else if (roll < 64 && this.depth < 4) this.branch();
    else if (roll < 70 && this.depth < 3) this.loop();
    else if (roll < 74) this.constant();
    else if (roll < 88) this.stack();
    else if (roll < 94) this.stackPointer();
    else this.spill();
    return undefined;
  }

  statement(): void {
    this.budget--;
    this.plainStatement();
  }

  /** Spoils an instruction, as a bit that flips would. */
  spoil(): void {
    const { random } = this;
    if (this.here === 0) return;
    const at = random.below(this.here);
    const one = this.insns[at];
    // a map's descriptor would be that of whatever file happens to be open
    if (one.code === 0 || one.code === 0x18) return;
    switch (random.below(6)) {
      case 0:
        this.insns[at] = { ...one, dst_reg: random.below(12) };
        break;
      case 1:
        this.insns[at] = { ...one, src_reg: random.below(12) };
        break;
      case 2:
        this.insns[at] = { ...one, off: one.off + random.pick([1, -1, 8, -8, 3]) };
        break;
      case 3:
        this.insns[at] = { ...one, imm: this.imm() };
        break;
      case 4:
        this.insns[at] = { ...one, code: one.code ^ (1 << random.below(8)) };
        break;
      default:
        this.insns[at] = I.ja(0);
    }
  }
}
