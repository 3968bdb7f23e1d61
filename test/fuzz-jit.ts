// Programs made by a grammar, run by the interpreter and by both modes of the JIT, and compared: the result or the fault, and
// every byte of memory, into which a program's last instructions put its registers. Instructions come from the table of the
// instruction set, so that a new row is tried without a change here.

import * as fc from "fast-check";
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

/** One step of a generated function; what it becomes depends on its kind. */
export type Step =
  | { readonly kind: "insn"; readonly row: number; readonly dst: number; readonly src: number; readonly imm: number }
  /** Loads a 64-bit constant. */
  | { readonly kind: "constant"; readonly dst: number; readonly low: number; readonly high: number }
  /** Points `base` into the buffer, then accesses memory through it. */
  | {
      readonly kind: "memory";
      readonly row: number;
      readonly base: number;
      readonly other: number;
      readonly shift: number;
      readonly place: number;
      readonly imm: number;
      readonly stray: number;
    }
  /** Accesses the stack through r10. */
  | {
      readonly kind: "stack";
      readonly row: number;
      readonly other: number;
      readonly place: number;
      readonly imm: number;
    }
  /** Reads a constant of a frozen map, where it lies or a little beside it. */
  | {
      readonly kind: "frozen";
      readonly row: number;
      readonly base: number;
      readonly dst: number;
      readonly place: number;
      readonly shift: number;
      readonly moved: boolean;
    }
  /** Jumps over up to seven steps. */
  | {
      readonly kind: "jump";
      readonly row: number;
      readonly dst: number;
      readonly src: number;
      readonly imm: number;
      readonly over: number;
    }
  /** Jumps back over up to seven steps while the loop budget in r9 lasts. */
  | { readonly kind: "back"; readonly over: number }
  /** A jump over one to three moves, as compilers write a choice. */
  | {
      readonly kind: "choose";
      readonly row: number;
      readonly dst: number;
      readonly src: number;
      readonly imm: number;
      readonly moves: number;
      readonly seed: number;
    }
  /** Two shifts joined, as compilers write a rotation; not always a real one. */
  | {
      readonly kind: "rotate";
      readonly x: number;
      readonly a: number;
      readonly b: number;
      readonly amount: number;
      readonly seed: number;
    }
  /** A loop of one block that counts, up or down, to a constant or a register. */
  | {
      readonly kind: "count";
      readonly counter: number;
      readonly limit: number;
      readonly seed: number;
      readonly body: readonly number[];
      readonly imm: number;
    }
  | { readonly kind: "call"; readonly callee: number; readonly seed: number }
  | { readonly kind: "loop"; readonly callee: number; readonly count: number; readonly seed: number }
  | { readonly kind: "lookup"; readonly key: number; readonly seed: number }
  | { readonly kind: "iterate"; readonly start: number; readonly end: number; readonly seed: number }
  | { readonly kind: "helper"; readonly id: number; readonly seed: number };

/** Functions of a program, the entry first, each a list of steps. `wild` ones may access any address. */
export interface Draft {
  readonly functions: readonly (readonly Step[])[];
  readonly wild: boolean;
  readonly seed: number;
}

const CLASSES = new Set(["alu", "alu64"]);
const ALU = OP_TABLE.flatMap((row, i) => (CLASSES.has(row.class) && row.refused === undefined ? [i] : []));
const MEMORY = OP_TABLE.flatMap((row, i) =>
  ["ldx", "st", "stx"].includes(row.class) && row.refused === undefined ? [i] : [],
);
const LOAD = OP_TABLE.flatMap((row, i) => (row.class === "ldx" && row.refused === undefined ? [i] : []));
const JUMP = OP_TABLE.flatMap((row, i) =>
  row.format === "jump_k" || row.format === "jump_x" || row.format === "may_goto" ? [i] : [],
);

const GOTO = OP_TABLE.flatMap((row, i) => (row.format === "goto" || row.format === "gotol" ? [i] : []));

const EDGES = [
  0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 33, 63, 64, 255, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, -2, 0x00ff00ff,
];
const CONSTANT_SIZE = 64;
const imm = fc.oneof(fc.constantFrom(...EDGES), fc.integer({ min: -0x80000000, max: 0x7fffffff }));
const written = fc.integer({ min: 0, max: 8 });
const read = fc.integer({ min: 0, max: 10 });
const over = fc.integer({ min: 0, max: 7 });
const seed = fc.integer({ min: 0, max: 0x7fffffff });

const step = (functions: number, wild: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("insn" as const),
        row: fc.constantFrom(...ALU),
        dst: written,
        src: read,
        imm,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("constant" as const), dst: written, low: imm, high: imm }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("memory" as const),
        row: fc.constantFrom(...MEMORY),
        base: written,
        other: read,
        shift: fc.constantFrom(0, 0, 8, -8, 32760, -32768),
        place: fc.integer({ min: 0, max: 31 }),
        imm,
        stray: wild
          ? fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: imm })
          : fc.constant(0),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("stack" as const),
        row: fc.constantFrom(...MEMORY),
        other: read,
        place: fc.integer({ min: 0, max: 15 }),
        imm,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("frozen" as const),
        row: fc.constantFrom(...LOAD),
        base: written,
        dst: written,
        place: fc.integer({ min: wild ? -2 : 0, max: wild ? CONSTANT_SIZE : CONSTANT_SIZE - 8 }),
        shift: fc.constantFrom(0, 0, 8, -8),
        moved: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("jump" as const),
        row: fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom(...JUMP) },
          { weight: 1, arbitrary: fc.constantFrom(...GOTO) },
        ),
        dst: read,
        src: read,
        imm,
        over,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("back" as const), over }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("choose" as const),
        row: fc.constantFrom(...JUMP),
        dst: read,
        src: read,
        imm,
        moves: fc.integer({ min: 1, max: 3 }),
        seed,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("rotate" as const),
        x: written,
        a: written,
        b: written,
        amount: fc.integer({ min: 0, max: 63 }),
        seed,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("count" as const),
        counter: written,
        limit: written,
        seed,
        body: fc.array(seed, { maxLength: 5, size: "max" }),
        imm,
      }),
    },
    {
      weight: functions > 1 ? 1 : 0,
      arbitrary: fc.record({ kind: fc.constant("call" as const), callee: seed, seed }),
    },
    {
      weight: functions > 1 ? 1 : 0,
      arbitrary: fc.record({
        kind: fc.constant("loop" as const),
        callee: seed,
        count: fc.integer({ min: 0, max: 5 }),
        seed,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("lookup" as const), key: fc.integer({ min: 0, max: 5 }), seed }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("iterate" as const),
        start: fc.integer({ min: -3, max: 3 }),
        end: fc.integer({ min: -3, max: 6 }),
        seed,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("helper" as const), id: fc.constantFrom(7, 8, 42), seed }) },
  );

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

/** Drafts of one to four functions. */
export const draft: fc.Arbitrary<Draft> = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.boolean(), seed)
  .chain(([count, wild, seed]) =>
    fc.record({
      functions: fc.array(fc.array(step(count, wild), { minLength: 1, maxLength: 40, size: "max" }), {
        minLength: count,
        maxLength: count,
      }),
      wild: fc.constant(wild),
      seed: fc.constant(seed),
    }),
  );

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
const ST_W = 0x62;
const CALL = 0x85;
const EXIT = 0x95;
const JSGT_K = 0x65;

const ITER_KFUNCS = { 1001: "bpf_iter_num_new", 1002: "bpf_iter_num_next", 1003: "bpf_iter_num_destroy" } as const;
const BUFFER_SIZE = 512;

/** The world programs run in: one memory, always laid out the same way. */
export class FuzzWorld {
  readonly memory: VmMemory;
  readonly buffer: number;
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
    // All registers to memory, where runs are compared.
    for (let reg = 0; reg < 10; reg++) out.push(insn(STX_DW, 10, reg, -8 * (reg + 1), 0));
    out.push(insn(EXIT, 0, 0, 0, 0));
  }
  for (const { slot, callee } of fixups) {
    const target = starts[callee];
    out[slot] = { ...out[slot], imm: target - slot - 1 };
  }
  return { program: Buffer.from(encode(out)).toString("hex"), wild, seed };
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
      return [access(OP_TABLE[step.row], 10, step.other, -256 + step.place * 8, step.imm)];
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
    if (!found.memory.equals(expected.memory))
      return `${engine}: memory differs ${world.where(expected.memory, found.memory)}`;
  }
  return undefined;
}
