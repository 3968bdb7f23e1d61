// Programs made of drafts (fuzz-jit-draft.ts), run by the interpreter and by both modes of the JIT, and compared: the result or the
// fault, and every byte of memory, into which a function's last instructions put its registers; but not the frames of bare code,
// which may keep words of them in registers.

import {
  BPF_PSEUDO_FUNC,
  decode,
  encode,
  findViolation,
  insn,
  isLdImm64,
  OP_TABLE,
  rowOf,
  subprogStarts,
  type Insn,
  type OpRow,
} from "../src/bpf/isa/index.ts";
import { compile, instantiate } from "../src/bpf/jit/index.ts";
import { mapSpec } from "../src/bpf/vm/harness.ts";
import {
  BPF_MAP_TYPE_ARRAY,
  buildImage,
  CODE_TAG,
  createMap,
  Interpreter,
  VmFault,
  VmMemory,
  type VmEnv,
  type VmImage,
} from "../src/bpf/vm/index.ts";
import {
  ACCESSED_WORDS,
  ALU,
  CONSTANT_SIZE,
  GOTO,
  JUMP,
  MOST_FUNCTIONS,
  SPILL_WORDS,
  type Draft,
  type Step,
} from "./fuzz-jit-draft.ts";

/** Where in the frame what lies. */
const SAVED_R1 = -400;
const SPILLED = -384;
const ACCESSED = -256;
/** Ten registers and the spilled words. */
const DUMP_SIZE = 8 * (10 + SPILL_WORDS);

// One of the four moves, drawn from a seed.
function move(seed: number): Insn {
  const dst = seed % 9;
  if (seed & 64) return insn(seed & 128 ? MOV64_K : 0xb4, dst, 0, 0, seed & 32 ? -seed : seed);
  return insn(seed & 128 ? MOV64_X : 0xbc, dst, (seed >>> 2) % 11, 0, 0);
}

// Counter and limit are set so that the loop ends after few turns; the body leaves both alone.
function counting({ counter, limit, seed, body, imm }: Extract<Step, { kind: "count" }>): Insn[] {
  const wide = (seed & 1) !== 0;
  const down = (seed & 2) !== 0;
  const turns = (seed >>> 8) % 40;
  const step = 1 + ((seed >>> 16) % 5);
  const limitReg = limit === counter ? (counter + 1) % 9 : limit;
  const from = down ? 300 + turns * step : (seed >>> 4) % 7;
  const to = down ? 300 : from + turns * step;
  const byReg = (seed & 4) !== 0;
  const inner = body.flatMap((pick) => {
    const dst = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((reg) => reg !== counter && reg !== limitReg)[pick % 7];
    if (pick % 4 === 0) return spill((pick >>> 4) % SPILL_WORDS, dst, (pick & 4) !== 0);
    const row = OP_TABLE[ALU[pick % ALU.length]];
    const off = row.when?.[0] === "off" ? row.when[1] : 0;
    const immediate = row.when?.[0] === "imm" ? row.when[1] : row.source === "K" ? imm : 0;
    return [insn(row.code, dst, row.source === "X" ? (pick >>> 8) % 11 : 0, off, immediate)];
  });
  const bump = insn(wide ? ADD64_K : 0x04, counter, 0, 0, down ? -step : step);
  // Either the jump goes back, or it leaves over one that does; != needs a limit that is met.
  const op = (seed & 8) !== 0 ? 0x50 : down ? 0x20 : 0xa0;
  const leave = (seed & 8) !== 0 ? 0x10 : down ? 0xb0 : 0x30;
  const leaving = (seed & 16) !== 0;
  const loop = (seed & 32) !== 0 ? [bump, ...inner] : [...inner, bump];
  const exact = turns === 0 ? (down ? to - step : to + step) : to;
  const code = (leaving ? leave : op) | (wide ? 0x05 : 0x06) | (byReg ? 0x08 : 0);
  const back = -loop.length - 1;
  const test = insn(code, counter, byReg ? limitReg : 0, leaving ? 1 : back, byReg ? 0 : exact);
  const set = [insn(MOV64_K, counter, 0, 0, from), insn(MOV64_K, limitReg, 0, 0, exact)];
  return [...set, ...loop, test, ...(leaving ? [insn(0x05, 0, 0, back - 1, 0)] : [])];
}

const COMPARES = JUMP.filter((i) => OP_TABLE[i].class === "jmp32" && OP_TABLE[i].source === "K");

// Each comparison goes to a later one or to one of three leaves; some have a move before them, which may spoil the register.
function switching({ reg, dst, mask, less, tests }: Extract<Step, { kind: "switch" }>): Insn[] {
  const before = tests.map((pick) => (pick % 5 === 0 ? [insn(MOV64_K, (reg + 1 + (pick % 29)) % 9, 0, 0, pick)] : []));
  const at: number[] = [];
  let length = 0;
  for (const list of before) {
    at.push(length);
    length += list.length + 1;
  }
  const leaves = [0, 1, 2].flatMap((leaf) => [
    insn(MOV64_K, dst, 0, 0, leaf),
    insn(GOTO_CODE, 0, 0, 2 * (2 - leaf), 0),
  ]);
  const compares = tests.flatMap((pick, i) => {
    const later = i + 2 + ((pick >>> 4) % 3);
    const to = pick & 8 && later < tests.length ? at[later] : length + 2 * ((pick >>> 6) % 3);
    const slot = at[i] + before[i].length;
    const row = OP_TABLE[COMPARES[(pick >>> 8) % COMPARES.length]];
    const code = pick & 1 ? JEQ32_K : row.code;
    return [...before[i], insn(code, reg, 0, to - slot - 1, ((pick >>> 12) % 9) - (pick & 2 ? 0 : 1))];
  });
  return [insn(AND32_K, reg, 0, 0, mask), insn(ADD64_K, reg, 0, 0, -less), ...compares, ...leaves];
}

const SHIFTS = {
  32: { mov: 0xbc, lsh: 0x64, rsh: 0x74, joins: [0x4c, 0xac, 0x0c, 0x4f] },
  64: { mov: 0xbf, lsh: 0x67, rsh: 0x77, joins: [0x4f, 0xaf, 0x0f, 0x4c] },
} as const;

// x is copied or shifted in place, the halves come in either order, and now and then something does not fit.
function rotation({ x, a, b, amount, seed }: Extract<Step, { kind: "rotate" }>): Insn[] {
  const width = seed & 1 ? 64 : 32;
  const { mov, lsh, rsh, joins } = SHIFTS[width];
  const left = amount % width;
  const right = seed % 11 === 0 ? amount % 7 : (width - left) % width;
  const half = (reg: number, isLeft: boolean): Insn[] => [
    ...(reg === x ? [] : [insn(seed % 7 === 0 ? MOV64_X : mov, reg, x, 0, 0)]),
    insn(isLeft ? lsh : rsh, reg, 0, 0, isLeft ? left : right),
  ];
  const leftFirst = (seed & 2) !== 0;
  // The half that is shifted in place comes last.
  const [first, second] = a === x ? [b, a] : [a, b];
  const last = seed % 5 === 0 ? [insn(MOV64_X, (first + 1) % 9, second, 0, 0)] : [];
  return [
    ...half(first, leftFirst),
    ...half(second, !leftFirst),
    ...last,
    insn(joins[(seed >>> 4) % 4], first, second, 0, 0),
  ];
}

/** A program in the form that is run and kept: hex of its slots, and the seed of its memory. */
export interface FuzzProgram {
  readonly program: string;
  readonly wild: boolean;
  readonly seed: number;
}

const MOV64_K = 0xb7;
const MOV64_X = 0xbf;
const ADD64_K = 0x07;
const LD_IMM64 = 0x18;
const STX_DW = 0x7b;
const GOTO_CODE = 0x05;
const JEQ32_K = 0x16;
const AND32_K = 0x54;
const ST_W = 0x62;
const ST_DW = 0x7a;
const LDX_DW = 0x79;
const STX_W = 0x63;
const LDX_W = 0x61;
const CALL = 0x85;
const EXIT = 0x95;
const JSGT_K = 0x65;

const ITER_KFUNCS = { 1001: "bpf_iter_num_new", 1002: "bpf_iter_num_next", 1003: "bpf_iter_num_destroy" } as const;
const BUFFER_SIZE = 512;

/** The world programs run in: one memory, always laid out the same way. */
export class FuzzWorld {
  readonly memory: VmMemory;
  readonly buffer: number;
  /** Where functions put their registers, each DUMP_SIZE bytes. */
  readonly dumps: number;
  readonly map: { readonly handle: number; readonly values: number };
  /** Address of the frozen map's value: small numbers, and words with and without their high bits. */
  readonly constants: number;
  readonly #base: VmImage;
  readonly #region: readonly [start: number, end: number];
  /** Runs on bare code so far, and runs that ended in a fault. */
  bare = 0;
  faults = 0;
  readonly #env: VmEnv = { seed: 1, maxInsns: 1_000_000 };

  constructor() {
    this.memory = VmMemory.create({ initial: 1 << 18, maximum: 1 << 18 });
    const spec = mapSpec("array", BPF_MAP_TYPE_ARRAY, [4, 12, 4]);
    this.buffer = this.memory.allocate("the buffer", BUFFER_SIZE, { align: 64 });
    this.dumps = this.memory.allocate("the registers", MOST_FUNCTIONS * DUMP_SIZE, { align: 64 });
    const map = createMap(this.memory, spec);
    this.map = map;
    const initial = Uint8Array.from({ length: CONSTANT_SIZE }, (_, i) => (i % 24 < 8 ? (i % 8 === 0 ? i : 0) : i * 37));
    initial.fill(0xff, 36, 48);
    const frozen = mapSpec("constants", BPF_MAP_TYPE_ARRAY, [4, CONSTANT_SIZE, 1], { frozen: true, initial });
    const constants = createMap(this.memory, frozen);
    this.constants = constants.values;
    const insns = decode(Uint8Array.of(EXIT, 0, 0, 0, 0, 0, 0, 0));
    this.#base = {
      ...buildImage({ name: "fuzz", insns, subprogs: [], lines: [], maps: [spec, frozen] }, this.memory, [
        map,
        constants,
      ]),
      kfuncs: ITER_KFUNCS,
    };
    this.#region = [this.buffer, this.#base.stack.end];
  }

  /** The image of a program; undefined when it is not a legal one. */
  image(insns: readonly Insn[]): VmImage | undefined {
    if (findViolation(insns) !== undefined) return undefined;
    const resolved = [...insns];
    for (const [slot, found] of insns.entries()) {
      if (!isLdImm64(found) || found.src_reg !== BPF_PSEUDO_FUNC) continue;
      resolved[slot] = { ...found, src_reg: 0, imm: slot + 1 + found.imm };
      resolved[slot + 1] = { ...insns[slot + 1], imm: CODE_TAG };
    }
    return { ...this.#base, insns: resolved, starts: subprogStarts(insns) };
  }

  // The same contents before every run: the buffer from the seed, the map's values, the stack zero.
  #reset(seed: number): void {
    const { u8 } = this.memory;
    let x = seed | 1;
    for (let i = 0; i < BUFFER_SIZE; i++) {
      x = Math.imul(x, 1664525) + 1013904223;
      u8[this.buffer + i] = x >>> 24;
    }
    u8.fill(0, this.dumps, this.dumps + MOST_FUNCTIONS * DUMP_SIZE);
    u8.fill(7, this.map.values, this.map.values + 60);
    u8.fill(0, this.#base.stack.start, this.#base.stack.end);
  }

  /** The words in which two memories differ. */
  where(a: Buffer, b: Buffer): string {
    const differing: string[] = [];
    for (let at = 0; at + 8 <= a.length && differing.length < 8; at += 8) {
      if (a.readBigUInt64LE(at) === b.readBigUInt64LE(at)) continue;
      const address = this.#region[0] + at;
      const place =
        address >= this.#base.stack.start ? `r10${address - this.#base.stack.end}` : `0x${address.toString(16)}`;
      differing.push(`${place}: 0x${b.readBigUInt64LE(at).toString(16)} for 0x${a.readBigUInt64LE(at).toString(16)}`);
    }
    return differing.join(", ");
  }

  /** What a run came to, as text that is equal when the runs are. */
  outcome(
    engine: "interpreter" | "bare" | "checked",
    image: VmImage,
    seed: number,
  ): { result: string; memory: Buffer; fault: boolean } {
    this.#reset(seed);
    let result: string;
    let fault = false;
    try {
      if (engine === "interpreter") {
        const interpreter = new Interpreter(image, this.memory, this.#env);
        interpreter.run(this.buffer, BUFFER_SIZE);
        result = `r0 = ${interpreter.r0}`;
      } else {
        const program = compile(image, { checked: engine === "checked" });
        const executable = instantiate(program, new WebAssembly.Module(program.bytes), image, this.memory, this.#env);
        executable.run(this.buffer, BUFFER_SIZE);
        result = `r0 = ${executable.r0}`;
      }
    } catch (error) {
      if (!(error instanceof VmFault)) throw error;
      fault = true;
      result = JSON.stringify(error.toJSON());
    }
    // a copy: the memory is shared with the next run
    return { result, memory: Buffer.from(this.memory.u8.subarray(...this.#region)), fault };
  }

  /** What of a memory `engine` must leave as the interpreter does: all of it, or all but the frames. */
  compared(engine: "bare" | "checked", memory: Buffer): Buffer {
    return engine === "checked" ? memory : memory.subarray(0, this.#base.stack.start - this.#region[0]);
  }
}

const load64 = (dst: number, low: number, high: number): Insn[] => [
  insn(LD_IMM64, dst, 0, 0, low),
  insn(0, 0, 0, 0, high),
];

// Sets a register to a value drawn from a seed: small, negative, or 64 bits wide.
function draw(reg: number, seed: number): Insn[] {
  const mixed = Math.imul(seed + reg * 0x9e3779b9, 0x85ebca6b);
  const kind = (mixed >>> 8) % 3;
  if (kind === 0) return [insn(MOV64_K, reg, 0, 0, mixed % 100)];
  return kind === 1 ? [insn(MOV64_K, reg, 0, 0, mixed)] : load64(reg, mixed, Math.imul(mixed, 0xc2b2ae35));
}

// After a call r1-r5 hold whatever the engine left in them.
const renew = (seed: number): Insn[] => [1, 2, 3, 4, 5].flatMap((reg) => draw(reg, seed));

function access(row: OpRow, base: number, other: number, off: number, immediate: number): Insn {
  const isLoad = row.class === "ldx" || row.op === "load_acquire";
  const target = row.writes === undefined || other < 9 ? other : other - 5;
  const immField = row.class === "st" ? immediate : row.when?.[0] === "imm" ? row.when[1] : 0;
  const src = row.class === "st" ? 0 : isLoad ? base : target;
  return insn(row.code, isLoad ? target % 9 : base, src, off, immField);
}

/** Turns a draft into slots. */
export function assemble({ functions, wild, seed }: Draft, world: FuzzWorld): FuzzProgram {
  const out: Insn[] = [];
  const starts: number[] = [];
  const fixups: { readonly slot: number; readonly callee: number }[] = [];
  for (const [index, steps] of functions.entries()) {
    starts.push(out.length);
    // Odd functions may be callbacks, which get two arguments; even ones get five.
    const own = index % 2 === 1 || index === 0 ? [0, 3, 4, 5, 6, 7, 8] : [0, 6, 7, 8];
    for (const reg of own) out.push(...draw(reg, seed + index));
    out.push(insn(MOV64_K, 9, 0, 0, index === 0 ? 12 : 3));
    // What earlier frames left in this one's place is for nobody to see.
    for (let word = 0; word < ACCESSED_WORDS; word++) out.push(insn(ST_DW, 10, 0, ACCESSED + 8 * word, word));
    for (let word = 0; word < SPILL_WORDS; word++)
      out.push(insn(isWide(word) ? ST_DW : ST_W, 10, 0, SPILLED + 8 * word, -word));
    const places: number[] = [];
    const jumps: { readonly slot: number; readonly to: number }[] = [];
    for (const [at, step] of steps.entries()) {
      places.push(out.length);
      if (step.kind === "jump" || step.kind === "back") {
        const back = step.kind === "back";
        if (back) {
          out.push(insn(ADD64_K, 9, 0, 0, -1));
          jumps.push({ slot: out.length, to: Math.max(0, at - step.over) });
          out.push(insn(JSGT_K, 9, 0, 0, 0));
        } else {
          const row = OP_TABLE[step.row];
          const bare = row.format === "may_goto" || GOTO.includes(step.row);
          jumps.push({ slot: out.length, to: at + 1 + step.over });
          out.push(
            insn(
              row.code,
              bare ? 0 : step.dst,
              row.source === "X" ? step.src : 0,
              0,
              row.source === "K" ? step.imm : 0,
            ),
          );
        }
      } else out.push(...expand(step, index, functions.length, out.length, fixups, world));
    }
    places.push(out.length);
    for (const { slot, to } of jumps) {
      const distance = places[Math.min(to, steps.length)] - slot - 1;
      const field = rowOf(out[slot])?.format === "gotol" ? "imm" : "off";
      out[slot] = { ...out[slot], [field]: distance };
    }
    out.push(...dump(world.dumps + index * DUMP_SIZE), insn(EXIT, 0, 0, 0, 0));
  }
  for (const { slot, callee } of fixups) {
    const target = starts[callee];
    out[slot] = { ...out[slot], imm: target - slot - 1 };
  }
  return { program: Buffer.from(encode(out)).toString("hex"), wild, seed };
}

const isWide = (word: number): boolean => word % 2 === 0;

function spill(word: number, reg: number, store: boolean): Insn[] {
  const off = SPILLED + 8 * word;
  if (store) return [insn(isWide(word) ? STX_DW : STX_W, 10, reg, off, 0)];
  return [insn(isWide(word) ? LDX_DW : LDX_W, reg, 10, off, 0)];
}

// All registers and spilled words to memory, where runs are compared.
function dump(at: number): Insn[] {
  const words = Array.from({ length: SPILL_WORDS }, (_, word) => [
    insn(isWide(word) ? LDX_DW : LDX_W, 2, 10, SPILLED + 8 * word, 0),
    insn(STX_DW, 1, 2, 8 * (10 + word), 0),
  ]);
  return [
    insn(STX_DW, 10, 1, SAVED_R1, 0),
    ...load64(1, at, 0),
    ...[0, 2, 3, 4, 5, 6, 7, 8, 9].map((reg) => insn(STX_DW, 1, reg, 8 * reg, 0)),
    insn(LDX_DW, 2, 10, SAVED_R1, 0),
    insn(STX_DW, 1, 2, 8, 0),
    ...words.flat(),
  ];
}

function expand(
  step: Exclude<Step, { kind: "jump" | "back" }>,
  index: number,
  count: number,
  slot: number,
  fixups: { slot: number; callee: number }[],
  world: FuzzWorld,
): Insn[] {
  // Only later functions are called, so that every program ends.
  const calleeOf = (pick: number, callback: boolean): number | undefined => {
    const later = Array.from({ length: count }, (_, i) => i).filter((i) => i > index && (!callback || i % 2 === 1));
    return later[pick % Math.max(1, later.length)];
  };
  switch (step.kind) {
    case "insn": {
      const row = OP_TABLE[step.row];
      const off = row.when?.[0] === "off" ? row.when[1] : 0;
      const immediate = row.when?.[0] === "imm" ? row.when[1] : row.source === "K" ? step.imm : 0;
      return [insn(row.code, step.dst, row.source === "X" ? step.src : 0, off, immediate)];
    }
    case "choose": {
      const moves = Array.from({ length: step.moves }, (_, i) => move(step.seed >>> (i * 8)));
      const row = OP_TABLE[step.row];
      const bare = row.format === "may_goto";
      const src = row.source === "X" ? step.src : 0;
      return [insn(row.code, bare ? 0 : step.dst, src, moves.length, row.source === "K" ? step.imm : 0), ...moves];
    }
    case "switch":
      return switching(step);
    case "rotate":
      return rotation(step);
    case "count":
      return counting(step);
    case "constant":
      return load64(step.dst, step.low, step.high);
    case "memory": {
      const row = OP_TABLE[step.row];
      const address = world.buffer + 128 + step.place * 8 + step.stray;
      return [
        ...load64(step.base, (address - step.shift) | 0, address - step.shift < 0 ? -1 : 0),
        access(row, step.base, step.other, step.shift, step.imm),
      ];
    }
    case "frozen": {
      const { code } = OP_TABLE[step.row];
      const base = step.moved ? (step.base + 1) % 9 : step.base;
      return [
        ...load64(step.base, world.constants + step.place - step.shift, 0),
        ...(step.moved ? [insn(MOV64_X, base, step.base, 0, 0)] : []),
        insn(code, step.dst, base, step.shift, 0),
      ];
    }
    case "stack":
      return [access(OP_TABLE[step.row], 10, step.other, ACCESSED + step.place * 8, step.imm)];
    case "spill":
      return spill(step.word, step.reg, step.store);
    case "call": {
      const callee = calleeOf(step.callee, false);
      if (callee === undefined) return [];
      fixups.push({ slot, callee });
      return [insn(CALL, 0, 1, 0, 0), ...renew(step.seed)];
    }
    case "loop": {
      const callee = calleeOf(step.callee, true);
      if (callee === undefined) return [];
      fixups.push({ slot: slot + 1, callee });
      return [
        insn(MOV64_K, 1, 0, 0, step.count),
        insn(LD_IMM64, 2, BPF_PSEUDO_FUNC, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(MOV64_X, 3, 6, 0, 0),
        insn(MOV64_K, 4, 0, 0, step.seed % 7 === 0 ? 1 : 0),
        insn(CALL, 0, 0, 0, 181),
        ...renew(step.seed),
      ];
    }
    case "lookup": {
      const found = step.seed & 1;
      const use = found ? [insn(0x15, 0, 0, 1, 0), insn(0x61, 3, 0, 4, 0)] : [];
      return [
        insn(ST_W, 10, 0, -260, step.key),
        insn(MOV64_X, 2, 10, 0, 0),
        insn(ADD64_K, 2, 0, 0, -260),
        ...load64(1, world.map.handle, 0),
        insn(CALL, 0, 0, 0, 1),
        ...use,
        ...renew(step.seed),
      ];
    }
    case "iterate": {
      const at = [insn(MOV64_X, 1, 10, 0, 0), insn(ADD64_K, 1, 0, 0, -272)];
      return [
        ...at,
        insn(MOV64_K, 2, 0, 0, step.start),
        insn(MOV64_K, 3, 0, 0, step.end),
        insn(CALL, 0, 2, 0, 1001),
        ...at,
        insn(CALL, 0, 2, 0, 1002),
        insn(MOV64_X, 7, 0, 0, 0),
        ...at,
        insn(CALL, 0, 2, 0, 1002),
        insn(MOV64_X, 8, 0, 0, 0),
        ...at,
        insn(CALL, 0, 2, 0, 1003),
        ...renew(step.seed),
      ];
    }
    case "helper":
      return [insn(CALL, 0, 0, 0, step.id), ...renew(step.seed)];
  }
}

/** Runs a program on all engines; the first difference as text, or undefined. "illegal" when it cannot be run. */
export function difference({ program, wild, seed }: FuzzProgram, world: FuzzWorld): string | undefined {
  const insns = decode(Buffer.from(program, "hex"));
  const image = world.image(insns);
  if (image === undefined) return `illegal: ${JSON.stringify(findViolation(insns))}`;
  const expected = world.outcome("interpreter", image, seed);
  // Bare code is for programs that are known to stay inside their memory.
  const isBare = !wild && !expected.fault;
  world.bare += isBare ? 1 : 0;
  world.faults += expected.fault ? 1 : 0;
  const engines = !isBare ? (["checked"] as const) : (["checked", "bare"] as const);
  for (const engine of engines) {
    const found = world.outcome(engine, image, seed);
    if (found.result !== expected.result) return `${engine}: ${found.result}, the interpreter: ${expected.result}`;
    const [here, there] = [world.compared(engine, expected.memory), world.compared(engine, found.memory)];
    if (!there.equals(here)) return `${engine}: memory differs ${world.where(here, there)}`;
  }
  return undefined;
}
