// Statements that need maps, helpers, kfuncs, callbacks and functions. How often each is written: statements.ts.

import type { Btf } from "../../src/bpf/btf/index.ts";
import * as I from "./code.ts";
import { DW, W } from "./code.ts";
import type { Random } from "./random.ts";
import { MAP, QUEUE_VALUE, VALUE_SIZE } from "./world.ts";
import { Writer, type Place } from "./writer.ts";

const HELPER = {
  lookup: 1,
  update: 2,
  delete: 3,
  ktime: 5,
  printk: 6,
  prandom: 7,
  cpu: 8,
  tailCall: 12,
  pid: 14,
  comm: 16,
  numbers: [105, 106],
  /** From the kernel and from the user, as bytes and as text. */
  copies: [112, 113, 114, 115],
  copyFromUser: 148,
  jiffies: 118,
  push: 87,
  pop: 88,
  peek: 89,
  lock: 93,
  unlock: 94,
  ringbufOutput: 130,
  reserve: 131,
  submit: 132,
  discard: 133,
  query: 134,
  forEach: 164,
  loop: 181,
  strncmp: 182,
  dynptrFromMem: 197,
  reserveDynptr: 198,
  submitDynptr: 199,
  discardDynptr: 200,
  dynptrRead: 201,
  dynptrWrite: 202,
  dynptrData: 203,
} as const;

/** Helpers that return a number and take none: clocks, ids, addresses. */
const PLAIN_VALUES = [HELPER.ktime, HELPER.prandom, HELPER.cpu, HELPER.pid, HELPER.jiffies];
const VALUES = [...PLAIN_VALUES, 15, 35, 42, 80, 125];

/** What a function takes as its second argument, and what it is to the kernel. */
export type Role = "static" | "staticMem" | "global" | "globalMem" | "loopCallback" | "eachCallback" | "timerCallback";

/** What a program of this kind may do. */
export interface Abilities {
  /** Functions are described by BTF: their addresses may be taken, and global ones exist. */
  readonly btf: boolean;
  /** Maps may hold locks. */
  readonly locks: boolean;
  /** Where kfuncs are looked up. */
  readonly target: Btf | undefined;
  readonly ctxWords: number;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  readonly sleepable: boolean;
  readonly statements: readonly Statement[];
  /** Nothing but functions of its own and helpers that return a number. */
  readonly alone?: boolean;
}

/** What a program may consist of, and how often. */
export interface Statement {
  readonly weight: number;
  readonly write: (writer: FullWriter) => void;
}

export class FullWriter extends Writer {
  readonly can: Abilities;
  /** Functions written so far, shared by the program's writers: new ones are asked for here. */
  readonly roles: Role[];
  /** How many functions the program may have. */
  readonly most: number;
  readonly #statements: readonly Statement[];
  readonly #total: number;

  constructor(random: Random, slips: number, budget: number, can: Abilities, roles: Role[], most: number) {
    super(random, slips, budget);
    this.can = can;
    this.roles = roles;
    this.most = most;
    this.short = can.alone ?? false;
    this.#statements = can.statements;
    this.#total = this.#statements.reduce((sum, { weight }) => sum + weight, 0);
  }

  override statement(): void {
    this.budget--;
    if (this.depth >= 4 || this.random.chance(this.loops > 0 ? 75 : 52)) return this.plainStatement();
    let roll = this.random.below(this.#total);
    const row = this.#statements.find(({ weight }) => (roll -= weight) < 0)!;
    return row.write(this);
  }

  /** r0 as a statement should leave it. */
  done(): void {
    if (!this.slip()) this.put(I.movImm(0, this.random.below(4)));
  }

  /** Calls a kfunc; false when the target has none of this name. */
  kfunc(name: string): boolean {
    const id = this.can.target?.findByName(name, "FUNC");
    if (id !== undefined) this.put(I.callKfunc(id));
    return id !== undefined;
  }

  /** A key at fp-8 and r2 pointing to it. */
  key(): void {
    const { random } = this;
    const off = random.chance(80) ? -8 : -4;
    if (random.chance(70)) this.put(I.storeImm(W, 10, off, random.pick([0, 1, 3, 3, 4, 9])));
    else this.put(I.store(W, 10, off, this.reg()));
    this.put(I.mov(2, 10), I.addImm(2, off));
  }

  /** After a call that may have failed: `body` runs when r0 is a pointer. */
  whenFound(body: () => void): void {
    const { random } = this;
    if (this.slip()) return body();
    if (random.chance(12)) {
      const at = this.here;
      this.put(I.jne(0, 0), I.movImm(0, 0));
      const end = this.here;
      this.put(I.ja(0));
      this.retarget(at);
      body();
      return this.retarget(end);
    }
    return this.skip(random.chance(90) ? I.jeq(0, 0) : I.insn(0x1d, 0, 10, 0, 0), body);
  }

  /** Uses r0, which points to `place`, for a while. */
  useResult(place: Place): void {
    const { random } = this;
    const pointer = random.pick([0, 0, 2, 3]);
    this.keeping([0], () => {
      if (pointer !== 0) this.put(I.mov(pointer, 0));
      this.use(pointer, this.advance(pointer, place));
      if (random.chance(40)) this.use(pointer === 0 ? 0 : random.pick([0, pointer]), { ...place, bytes: 8 });
    });
  }

  lookup(): void {
    const { random } = this;
    const map = random.pick([MAP.array, MAP.array, MAP.hash, MAP.percpu, MAP.lru, MAP.percpuHash]);
    this.key();
    this.put(...I.loadMap(1, map), I.call(HELPER.lookup));
    this.whenFound(() => {
      this.useResult({ bytes: VALUE_SIZE });
      if (random.chance(25)) this.keeping([0], () => this.branchKeeping());
    });
    this.done();
  }

  /** A branch whose body leaves r0 alone. */
  branchKeeping(): void {
    const { random } = this;
    this.skip(I.insn(random.pick(I.JUMP_OPS) | 0x05, this.reg(), 0, 0, this.imm()), () => {
      this.alu();
    });
    this.use(0, { bytes: VALUE_SIZE });
  }

  update(): void {
    const { random } = this;
    this.key();
    for (let off = -24 - VALUE_SIZE + 8; off <= -24; off += 8) {
      if (random.chance(this.slips > 0 ? 90 : 100)) this.put(I.store(DW, 10, off, this.reg()));
    }
    this.put(I.mov(3, 10), I.addImm(3, -24 - VALUE_SIZE + 8 + (this.slip() ? 40 : 0)), I.movImm(4, random.below(3)));
    this.put(...I.loadMap(1, random.pick([MAP.array, MAP.hash])), I.call(HELPER.update));
    if (random.chance(40)) {
      this.key();
      this.put(...I.loadMap(1, MAP.hash), I.call(HELPER.delete));
    }
  }

  direct(): void {
    const { random } = this;
    const readonly = random.chance(35);
    const off = random.pick([0, 0, 8, 32, 56, this.slip() ? 64 : 16]);
    const pointer = random.pick([2, 3, 4]);
    this.put(...I.loadMapValue(pointer, readonly ? MAP.rodata : MAP.data, off));
    this.use(pointer, this.advance(pointer, { bytes: Math.max(1, 64 - off), readonly }));
    if (readonly && random.chance(50)) {
      this.put(...I.loadMapValue(pointer, MAP.rodata, random.pick([0, 4, 8, 16, 32, 40])));
      this.put(I.load(random.pick([I.B, I.H, W, DW]), this.reg(), pointer, 0));
      this.branch();
    }
  }

  ringbuf(): void {
    const { random } = this;
    const bytes = random.pick([8, 16, 24, 64]);
    this.put(...I.loadMap(1, MAP.ringbuf), I.movImm(2, bytes), I.movImm(3, 0), I.call(HELPER.reserve));
    this.whenFound(() => {
      this.keeping([0, 8], () => {
        this.put(I.mov(8, 0));
        this.use(0, this.advance(0, { bytes, plain: random.chance(50) }));
        if (random.chance(30)) this.alu();
        if (random.chance(30)) this.skip(I.insn(0x25, 6, 0, 0, 7), () => this.use(8, { bytes }));
        if (this.slip()) return;
        this.put(I.mov(1, 8), I.movImm(2, 0), I.call(random.pick([HELPER.submit, HELPER.discard])));
      });
      if (!this.slip()) this.put(I.movImm(8, 1));
    });
    this.done();
    if (this.held?.reg !== 8) this.put(I.movImm(8, 5));
  }

  /** Memory with a size, of the stack or of a map value. */
  sizedMemory(): void {
    const { random } = this;
    const size = this.reg();
    this.put(I.mov(2, size));
    const least = random.chance(50);
    const most = this.bound(2, 31) + (least ? 1 : 0);
    if (least) this.put(I.addImm(2, 1));
    this.put(I.mov(1, 10), I.addImm(1, -80));
    if (random.chance(30)) this.put(...I.loadMapValue(1, MAP.data, 64 - Math.min(64, most)));
    const roll = random.below(100);
    if (roll < 45) {
      const ids = this.can.sleepable ? [...HELPER.copies, HELPER.copyFromUser] : HELPER.copies;
      this.put(I.mov(3, this.reg()), I.call(random.pick(ids)));
    } else if (roll < 70) {
      if (!least && !this.slip()) this.put(I.insn(0x47, 2, 0, 0, 1));
      this.put(I.call(HELPER.comm));
    } else if (roll < 85) {
      for (let off = -80; off < -40; off += 8) this.put(I.storeImm(DW, 10, off, 0));
      this.put(I.mov(3, 2), I.mov(2, 10), I.addImm(2, -80), ...I.loadMap(1, MAP.ringbuf), I.movImm(4, 0));
      this.put(I.call(HELPER.ringbufOutput));
    } else {
      this.put(I.storeImm(DW, 10, -16, 0), I.mov(4, 10), I.addImm(4, -16), I.movImm(3, 10));
      for (let off = -80; off < -40; off += 8) this.put(I.storeImm(DW, 10, off, 0x31));
      if (!least && !this.slip()) this.put(I.insn(0x47, 2, 0, 0, 1));
      this.put(I.call(random.pick(HELPER.numbers)), I.load(DW, this.reg(), 10, -16));
    }
  }

  strings(): void {
    const { random } = this;
    if (random.chance(50)) {
      this.put(I.storeImm(DW, 10, -16, 0x41), I.mov(1, 10), I.addImm(1, -16), I.movImm(2, random.pick([1, 4, 8])));
      this.put(...I.loadMapValue(3, this.slip() ? MAP.data : MAP.rodata, 24), I.call(HELPER.strncmp));
    } else {
      this.put(...I.loadMapValue(1, MAP.rodata, 24), I.movImm(2, 6), I.mov(3, this.reg()), I.mov(4, this.reg()));
      this.put(I.call(HELPER.printk));
    }
  }

  queue(): void {
    const { random } = this;
    // refused by older kernels as a whole
    if (this.can.sleepable && !this.slip()) return this.update();
    const map = random.pick([MAP.queue, MAP.stack]);
    const op = random.pick([HELPER.push, HELPER.pop, HELPER.peek]);
    if (op === HELPER.push || random.chance(20)) {
      for (let off = 0; off < QUEUE_VALUE; off += 8) this.put(I.store(DW, 10, -32 + off, this.reg()));
    }
    this.put(I.mov(2, 10), I.addImm(2, -32), I.movImm(3, 0), ...I.loadMap(1, map), I.call(op));
    if (random.chance(50)) this.put(I.load(DW, this.reg(), 10, -24));
    return undefined;
  }

  unknown(): void {
    this.put(I.call(this.random.pick(this.can.alone ? PLAIN_VALUES : VALUES)));
    if (this.random.chance(30)) this.put(I.mov(this.random.pick(this.scalars), 0));
  }

  lock(): void {
    const { random } = this;
    if (!this.can.locks && random.below(40) !== 0) return this.lookup();
    this.key();
    this.put(...I.loadMap(1, MAP.locked), I.call(HELPER.lookup));
    return this.whenFound(() => {
      this.keeping([0, 8], () => {
        this.put(I.mov(8, 0), I.mov(1, 0), I.call(HELPER.lock));
        this.put(random.chance(50) ? I.load(DW, this.reg(), 8, 8) : I.store(DW, 8, 16, this.reg()));
        if (random.chance(30)) this.alu();
        if (this.slip()) this.unknown();
        if (!this.slip()) this.put(I.mov(1, 8), I.call(HELPER.unlock));
      });
      this.put(I.movImm(0, 0), I.movImm(8, 2));
    });
  }

  tailCall(): void {
    if (this.depth > 1 || this.roles.length > 0 || (this.can.sleepable && !this.slip())) return this.alu();
    this.put(I.mov(2, 10));
    if (this.held?.place.plain === true) this.put(I.mov(1, this.held.reg));
    else return this.alu();
    return this.put(
      ...I.loadMap(2, MAP.progs),
      I.movImm(3, this.random.below(5)),
      I.call(HELPER.tailCall),
      I.movImm(0, 0),
    );
  }

  /* ---- dynptrs ---- */

  dynptr(): void {
    const { random } = this;
    const at = -112;
    const pointer = (reg: number): void => this.put(I.mov(reg, 10), I.addImm(reg, at));
    const ring = random.chance(50);
    if (ring) {
      this.put(...I.loadMap(1, MAP.ringbuf), I.movImm(2, 32), I.movImm(3, 0));
      pointer(4);
      this.put(I.call(HELPER.reserveDynptr));
    } else {
      this.put(...I.loadMapValue(1, MAP.data, 0), I.movImm(2, random.pick([16, 64, 64])), I.movImm(3, 0));
      pointer(4);
      this.put(I.call(HELPER.dynptrFromMem));
    }
    for (let i = random.below(3); i > 0; i--) this.dynptrUse(pointer);
    if (this.slip()) this.put(I.storeImm(DW, 10, at, 0));
    if (ring && !this.slip()) {
      pointer(1);
      this.put(I.movImm(2, 0), I.call(random.pick([HELPER.submitDynptr, HELPER.discardDynptr])));
    }
    this.done();
  }

  dynptrUse(pointer: (reg: number) => void): void {
    const { random } = this;
    const roll = random.below(4);
    if (roll === 0) {
      pointer(1);
      const bytes = random.pick([4, 8, 16]);
      this.put(I.movImm(2, 0), I.movImm(3, bytes), I.call(HELPER.dynptrData));
      this.whenFound(() => this.useResult({ bytes }));
    } else if (roll === 1) {
      this.put(I.mov(1, 10), I.addImm(1, -32), I.movImm(2, 8));
      pointer(3);
      this.put(I.movImm(4, 0), I.movImm(5, 0), I.call(HELPER.dynptrRead), I.load(DW, this.reg(), 10, -32));
    } else if (roll === 2) {
      this.put(I.storeImm(DW, 10, -32, 3), I.mov(3, 10), I.addImm(3, -32), I.movImm(4, 8));
      pointer(1);
      this.put(I.movImm(2, 0), I.movImm(5, 0), I.call(HELPER.dynptrWrite));
    } else {
      pointer(1);
      if (!this.kfunc(random.pick(["bpf_dynptr_size", "bpf_dynptr_is_null", "bpf_dynptr_is_rdonly"]))) this.alu();
    }
    this.done();
  }

  /* ---- kfuncs ---- */

  critical(): void {
    const { random } = this;
    const [enter, leave] = random.pick([
      ["bpf_rcu_read_lock", "bpf_rcu_read_unlock"],
      ["bpf_preempt_disable", "bpf_preempt_enable"],
    ]);
    if (!this.kfunc(enter)) return this.alu();
    this.done();
    this.keeping([], () => {
      for (let i = random.below(3); i >= 0; i--) this.plainStatement();
    });
    if (!this.slip()) this.kfunc(leave);
    return this.done();
  }

  iterate(): void {
    const { random } = this;
    const at = -120 - 8 * this.depth;
    const pointer = (): void => this.put(I.mov(1, 10), I.addImm(1, at));
    if (this.can.target === undefined) return this.loop();
    pointer();
    this.put(I.movImm(2, 0), I.movImm(3, 1 + random.below(10)));
    if (!this.kfunc("bpf_iter_num_new")) return this.loop();
    const start = this.here;
    pointer();
    this.kfunc("bpf_iter_num_next");
    const out = this.here;
    this.put(I.jeq(0, 0), I.load(W, random.pick(this.scalars), 0, 0));
    this.done();
    if (random.chance(60)) {
      this.keeping(
        [6, 7, 8, 9].filter(() => random.chance(80)),
        () => this.block(1),
      );
    }
    this.put(I.ja(start - this.here - 1));
    this.retarget(out);
    if (!this.slip()) {
      pointer();
      this.kfunc("bpf_iter_num_destroy");
    }
    return this.done();
  }

  /* ---- functions ---- */

  /** A function of this role: one that exists (written later than this one), or a new one; -1 when there may be no more. */
  callee(role: Role): number {
    if (this.roles.length >= this.most) return -1;
    this.roles.push(role);
    return this.roles.length;
  }

  callFunction(): void {
    const { random } = this;
    const role = random.pick<Role>(
      this.can.btf ? ["static", "staticMem", "global", "globalMem"] : ["static", "staticMem"],
    );
    const callee = this.callee(role);
    if (callee < 0) return this.alu();
    const memory = role === "staticMem" || role === "globalMem";
    this.put(I.mov(1, this.reg()));
    if (memory) {
      if (!this.can.alone && random.chance(40)) this.put(...I.loadMapValue(2, MAP.data, 32));
      else this.put(I.storeImm(DW, 10, -16, 1), I.mov(2, 10), I.addImm(2, this.slip() ? -4 : -16));
    } else this.put(I.mov(2, this.reg()));
    this.calls.push({ at: this.here, callee });
    return this.put(I.insn(0x85, 0, 1, 0, 0));
  }

  callback(): void {
    const { random } = this;
    if (!this.can.btf) return this.callFunction();
    const each = random.chance(40);
    const callee = this.callee(each ? "eachCallback" : "loopCallback");
    if (callee < 0) return this.alu();
    if (each) this.put(...I.loadMap(1, random.pick([MAP.array, MAP.hash, MAP.percpu])));
    else if (random.chance(50)) this.put(I.movImm(1, random.pick([0, 1, 3, 10])));
    else this.put(I.mov(1, this.reg()));
    this.calls.push({ at: this.here, callee });
    this.put(I.insn(0x18, 2, 4, 0, 0), I.insn(0, 0, 0, 0, 0));
    this.put(I.storeImm(DW, 10, -16, 1), I.mov(3, 10), I.addImm(3, -16), I.movImm(4, this.slip() ? 1 : 0));
    this.put(I.call(each ? HELPER.forEach : HELPER.loop));
    if (random.chance(50)) this.put(I.load(DW, this.reg(), 10, -16));
    return undefined;
  }

  /** Atomics and other accesses of the stack. */
  useStack(): void {
    const slot = -8 * (1 + this.random.below(4));
    this.put(I.store(DW, 10, slot, this.reg()), I.mov(3, 10), I.addImm(3, slot));
    this.atomicAccess(3, { bytes: 8 });
    this.put(I.load(DW, this.reg(), 10, slot));
  }

  context(): void {
    const { held } = this;
    if (held?.place.plain !== true) return this.unknown();
    return this.put(I.load(DW, this.reg(), held.reg, 8 * this.random.below(this.can.ctxWords)));
  }

  /** The pointer this function keeps. */
  useHeld(): void {
    const { held, random } = this;
    if (held === undefined || held.place.plain) return this.direct();
    if (random.chance(40)) return this.use(held.reg, held.place);
    this.put(I.mov(3, held.reg));
    return this.use(3, this.advance(3, held.place));
  }
}
