// What generated programs find around them: maps of several kinds, BTF that describes their functions, and the types of
// program they are loaded as. Everything here is made once, so that the kernel's side needs to create it once only.

import { BTF_STATIC, BtfBuilder, type Btf } from "../../src/bpf/btf/index.ts";
import type { Insn } from "../../src/bpf/isa/index.ts";
import type { MapSpec, ResolvedProgram } from "../../src/bpf/object/index.ts";
import { mapSpec } from "../../src/bpf/vm/harness.ts";

export const BPF_PROG_TYPE_SOCKET_FILTER = 1;
export const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
export const BPF_PROG_TYPE_SYSCALL = 31;

export const VALUE_SIZE = 48;
export const QUEUE_VALUE = 16;
const RDONLY_PROG = 1 << 7;

/** Indices into MAPS. */
export const MAP = {
  array: 0,
  hash: 1,
  percpu: 2,
  data: 3,
  rodata: 4,
  ringbuf: 5,
  locked: 6,
  queue: 7,
  progs: 8,
  lru: 9,
  percpuHash: 10,
  stack: 11,
  timed: 12,
  formats: 13,
} as const;

const builder = new BtfBuilder();
const int = builder.addInt("int", 4, { signed: true });
const u64 = builder.addInt("unsigned long", 8);
const words = builder.addPtr(u64);
const proto = (...types: number[]): number =>
  builder.addFuncProto(
    int,
    types.map((type, i) => ({ name: `a${i}`, type })),
  );
const spinLock = builder.addStruct("bpf_spin_lock", 4, [{ name: "val", type: int, bit_offset: 0 }]);
const lockedValue = builder.addStruct("locked", VALUE_SIZE, [
  { name: "lock", type: spinLock, bit_offset: 0 },
  ...[1, 2, 3, 4, 5].map((i) => ({ name: `word${i}`, type: u64, bit_offset: i * 64 })),
]);
const timer = builder.addStruct("bpf_timer", 16, [
  { name: "a", type: u64, bit_offset: 0 },
  { name: "b", type: u64, bit_offset: 64 },
]);
const timedValue = builder.addStruct("timed", VALUE_SIZE, [
  { name: "timer", type: timer, bit_offset: 0 },
  ...[2, 3, 4, 5].map((i) => ({ name: `word${i}`, type: u64, bit_offset: i * 64 })),
]);

/** Ids of functions by what they are: what a program's functions may be described as. */
export const FUNC: Readonly<
  Record<"main" | "static" | "global" | "globalMem" | "loopCallback" | "eachCallback" | "timerCallback", number>
> = {
  main: builder.addFunc("fuzz", proto(words)),
  static: builder.addFunc("part", proto(u64, u64), BTF_STATIC),
  global: builder.addFunc("whole", proto(int, u64)),
  globalMem: builder.addFunc("whole_mem", proto(int, words)),
  loopCallback: builder.addFunc("each_round", proto(u64, words), BTF_STATIC),
  timerCallback: builder.addFunc("at_last", proto(words, words, words), BTF_STATIC),
  eachCallback: builder.addFunc("each_element", proto(words, words, words, words), BTF_STATIC),
};

/** The BTF of every generated program that has any. */
const PROGRAM_BTF: Btf = builder.build();
const EMPTY_BTF = new BtfBuilder().build();

interface MapRow {
  readonly name: keyof typeof MAP;
  readonly type: number;
  readonly key?: number;
  readonly value?: number;
  readonly entries: number;
  readonly flags?: number;
  /** Contents, of a map that is frozen. */
  readonly initial?: Uint8Array;
  /** BTF id of the value's type. */
  readonly btf?: number;
}

/** Small numbers, a negative one, text, and the bits of a large number. */
const RODATA = new Uint8Array(64);
RODATA.set([1, 0, 0, 0, 7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 40]);
RODATA.set(new TextEncoder().encode("%d %x\0"), 24);
RODATA.set([0, 0, 0, 0x80, 0, 0, 0, 0, 0x12, 0x34], 32);

/** Formats of text, good and bad. */
const FORMATS: readonly string[] = [
  "%d %x",
  "%s|%p",
  "%sx",
  "%llu%c",
  "%pks %u",
  "\u00fc%d",
  "%\u00fc",
  "a\u0001b",
  "%pI4%%",
];
/** Where each starts. */
export const FORMAT_AT: readonly number[] = FORMATS.map((_, i) => texts(FORMATS.slice(0, i), 0).length);

/** Texts, each with a zero byte behind it, filled up to `size`. */
function texts(all: readonly string[], size = 64): Uint8Array {
  const bytes = new TextEncoder().encode(all.map((text) => `${text}\0`).join(""));
  if (bytes.length >= size) return bytes;
  const filled = new Uint8Array(size);
  filled.set(bytes);
  return filled;
}

const ROWS: readonly MapRow[] = [
  { name: "array", type: 2, entries: 4 },
  { name: "hash", type: 1, entries: 4 },
  { name: "percpu", type: 6, entries: 4 },
  { name: "data", type: 2, value: 64, entries: 1 },
  { name: "rodata", type: 2, value: 64, entries: 1, flags: RDONLY_PROG, initial: RODATA },
  { name: "ringbuf", type: 27, key: 0, value: 0, entries: 4096 },
  { name: "locked", type: 1, entries: 4, btf: lockedValue },
  { name: "queue", type: 22, key: 0, value: QUEUE_VALUE, entries: 4 },
  { name: "progs", type: 3, value: 4, entries: 4 },
  { name: "lru", type: 9, entries: 4 },
  { name: "percpuHash", type: 5, entries: 4 },
  { name: "stack", type: 23, key: 0, value: QUEUE_VALUE, entries: 4 },
  { name: "timed", type: 2, entries: 4, btf: timedValue },
  { name: "formats", type: 2, value: 64, entries: 1, flags: RDONLY_PROG, initial: texts(FORMATS) },
];

export const MAPS: readonly MapSpec[] = ROWS.map(({ name, type, key = 4, value = VALUE_SIZE, entries, ...row }) =>
  mapSpec(name, type, [key, value, entries], {
    map_flags: row.flags ?? 0,
    btf_key_type_id: row.btf === undefined ? 0 : int,
    btf_value_type_id: row.btf ?? 0,
    frozen: row.initial !== undefined,
    ...(row.initial && { initial: row.initial }),
  }),
);

/** How a program differs from a raw tracepoint program without BTF. */
export interface Kind {
  readonly type?: number;
  readonly sleepable?: boolean;
  readonly target?: Btf;
  /** BTF ids of the functions (FUNC), in the order of `starts`. */
  readonly funcs?: readonly number[];
}

/** Wraps instructions into a program over MAPS. */
export function programOf(insns: readonly Insn[], starts: readonly number[], kind: Kind = {}): ResolvedProgram {
  const globals: readonly number[] = [FUNC.main, FUNC.global, FUNC.globalMem];
  const { type = BPF_PROG_TYPE_RAW_TRACEPOINT, sleepable = false, target = EMPTY_BTF, funcs } = kind;
  return {
    name: "fuzz",
    section: "fuzz",
    type,
    sleepable,
    license: "GPL",
    insns,
    subprogs: starts.map((start, i) => ({
      name: funcs === undefined ? "" : PROGRAM_BTF.nameOf(funcs[i]),
      start,
      global: funcs === undefined ? i === 0 : globals.includes(funcs[i]),
      type_id: funcs?.[i] ?? 0,
    })),
    lines: [],
    maps: MAPS,
    btf: PROGRAM_BTF,
    target,
  };
}
