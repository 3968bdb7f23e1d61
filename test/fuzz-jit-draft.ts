// The grammar of the programs that interpreter and JIT are compared on: drafts, of steps that fuzz-jit.ts makes instructions of.
// Instructions come from the table of the instruction set, so that a new row is tried without a change here.

import * as fc from "fast-check";
import { OP_TABLE } from "../src/bpf/isa/index.ts";

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
  /** Stores a register to a word of the frame that is used for nothing else, or loads it from there. */
  | { readonly kind: "spill"; readonly word: number; readonly reg: number; readonly store: boolean }
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
  /** Comparisons of one register with constants one after the other, as compilers write a switch. */
  | {
      readonly kind: "switch";
      readonly reg: number;
      readonly dst: number;
      readonly mask: number;
      readonly less: number;
      readonly tests: readonly number[];
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
export const ALU: readonly number[] = OP_TABLE.flatMap((row, i) =>
  CLASSES.has(row.class) && row.refused === undefined ? [i] : [],
);
const MEMORY = OP_TABLE.flatMap((row, i) =>
  ["ldx", "st", "stx"].includes(row.class) && row.refused === undefined ? [i] : [],
);
const LOAD = OP_TABLE.flatMap((row, i) => (row.class === "ldx" && row.refused === undefined ? [i] : []));
export const JUMP: readonly number[] = OP_TABLE.flatMap((row, i) =>
  row.format === "jump_k" || row.format === "jump_x" || row.format === "may_goto" ? [i] : [],
);

export const GOTO: readonly number[] = OP_TABLE.flatMap((row, i) =>
  row.format === "goto" || row.format === "gotol" ? [i] : [],
);

const EDGES = [
  0, 1, -1, 2, 7, 8, 15, 16, 31, 32, 33, 63, 64, 255, 0x7fff, 0x8000, 0xffff, 0x7fffffff, -0x80000000, -2, 0x00ff00ff,
];
export const CONSTANT_SIZE = 64;
/** Words of the frame that spill steps use, and that stack steps access. */
export const SPILL_WORDS = 8;
export const ACCESSED_WORDS = 16;
export const MOST_FUNCTIONS = 4;
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
        place: fc.integer({ min: 0, max: ACCESSED_WORDS - 1 }),
        imm,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("spill" as const),
        word: fc.integer({ min: 0, max: SPILL_WORDS - 1 }),
        reg: written,
        store: fc.boolean(),
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
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("switch" as const),
        reg: written,
        dst: written,
        mask: fc.constantFrom(1, 3, 7, 15, -1),
        less: fc.constantFrom(0, 0, 2, -4),
        tests: fc.array(seed, { minLength: 2, maxLength: 10, size: "max" }),
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
        body: fc.array(seed, { maxLength: 16, size: "max" }),
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

/** Drafts of one to four functions. */
export const draft: fc.Arbitrary<Draft> = fc
  .tuple(fc.integer({ min: 1, max: MOST_FUNCTIONS }), fc.boolean(), seed)
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
