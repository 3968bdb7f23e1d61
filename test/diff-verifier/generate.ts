// Random programs, most of them nearly right, so that both verdicts come up: arithmetic, jumps, loops and stack (plain), and
// besides maps, helpers, kfuncs, callbacks and functions. The same seed, and the same target's BTF, give the same program.

import type { Btf } from "../../src/bpf/btf/index.ts";
import type { Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import * as I from "./code.ts";
import { DW } from "./code.ts";
import { FullWriter, type Abilities, type Role } from "./full-writer.ts";
import { Random } from "./random.ts";
import { ALONE, STATEMENTS } from "./statements.ts";
import {
  BPF_PROG_TYPE_RAW_TRACEPOINT,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_SYSCALL,
  FUNC,
  MAP,
  programOf,
} from "./world.ts";
import type { Writer } from "./writer.ts";

const MOST_FUNCTIONS = 4;

/** Registers at the start: two unknown values, two constants or a pointer to keep. */
function start(writer: Writer, ctxWords: number): void {
  const { random } = writer;
  writer.put(I.load(DW, 6, 1, 0), I.load(DW, 7, 1, 8 * (ctxWords - 1)));
  writer.put(I.movImm(8, writer.imm()), I.movImm(9, writer.imm()), I.movImm(0, 0));
  if (!(writer instanceof FullWriter) || writer.can.alone) return;
  const roll = random.below(100);
  if (roll < 20) writer.put(I.mov(9, 1));
  else if (roll < 40) writer.put(...I.loadMapValue(9, MAP.data, 0));
  else if (roll < 50) writer.put(I.mov(9, 10), I.addImm(9, -128));
  else return;
  const place = roll < 20 ? { bytes: 8, plain: true, readonly: true } : { bytes: roll < 40 ? 64 : 32 };
  hold(writer, 9, place);
}

function hold(writer: Writer, reg: number, place: { bytes: number; plain?: boolean; readonly?: boolean }): void {
  writer.held = { reg, place };
  writer.scalars = writer.scalars.filter((other) => other !== reg);
}

/** The start of a function that is called. */
function startFunction(writer: FullWriter, role: Role): void {
  const { random } = writer;
  writer.put(I.mov(6, 1), I.movImm(7, 3), I.movImm(8, writer.imm()), I.movImm(9, writer.imm()), I.movImm(0, 1));
  switch (role) {
    case "static":
    case "global":
      return writer.put(I.mov(7, 2));
    case "staticMem":
      writer.put(I.mov(9, 2));
      return hold(writer, 9, { bytes: 8 });
    case "globalMem":
      // what a global function is handed may be null
      writer.put(I.mov(9, 2));
      if (!writer.slip()) writer.put(I.jne(9, 0, 2), I.movImm(0, 0), I.exit);
      return hold(writer, 9, { bytes: 8 });
    case "loopCallback":
      writer.put(I.mov(9, 2));
      return hold(writer, 9, { bytes: 8 });
    case "timerCallback":
      writer.put(I.load(I.W, 6, 2, 0), I.mov(9, 3), I.addImm(9, 16));
      return hold(writer, 9, { bytes: 32 });
    case "eachCallback":
      writer.put(I.load(I.W, 6, 2, 0), I.mov(9, 3));
      if (random.chance(30)) writer.put(I.load(DW, 7, 4, 0));
      return hold(writer, 9, { bytes: 48 });
  }
}

function endFunction(writer: FullWriter, role: Role): void {
  const { random } = writer;
  if (role === "timerCallback") writer.put(I.movImm(0, writer.slip() ? 1 : 0));
  else if (role === "loopCallback" || role === "eachCallback") {
    if (!writer.slip()) writer.put(I.movImm(0, random.below(2)));
    else writer.put(I.mov(0, 6));
  } else if (random.chance(70)) writer.put(I.mov(0, writer.reg()));
  if (role === "global" || role === "globalMem") writer.put(I.mov(0, writer.random.pick(writer.scalars)));
  writer.put(I.exit);
}

function abilities(random: Random, target: Btf | undefined): Abilities {
  const roll = random.below(100);
  const btf = random.chance(70);
  const common = { btf, target, statements: STATEMENTS };
  if (roll < 45) return { ...common, type: BPF_PROG_TYPE_RAW_TRACEPOINT, sleepable: false, locks: false, ctxWords: 12 };
  if (roll < 82) return { ...common, type: BPF_PROG_TYPE_SYSCALL, sleepable: true, locks: true, ctxWords: 64 };
  return { ...common, type: BPF_PROG_TYPE_SOCKET_FILTER, sleepable: false, locks: false, ctxWords: 1 };
}

const FUNC_OF: Readonly<Record<Role, number>> = {
  static: FUNC.static,
  staticMem: FUNC.static,
  global: FUNC.global,
  globalMem: FUNC.globalMem,
  loopCallback: FUNC.loopCallback,
  eachCallback: FUNC.eachCallback,
  timerCallback: FUNC.timerCallback,
};

/** The functions asked for, and those they ask for. */
function functionsOf(random: Random, slips: number, can: Abilities, roles: Role[], most: number): FullWriter[] {
  const writers: FullWriter[] = [];
  for (let i = 0; i < roles.length; i++) {
    const writer = new FullWriter(random, slips, 2 + random.below(6), can, roles, most);
    startFunction(writer, roles[i]);
    writer.block(1 + random.below(4));
    endFunction(writer, roles[i]);
    writers.push(writer);
  }
  return writers;
}

/** Lays the functions out one after the other and binds the references between them. */
function link(writers: readonly FullWriter[]): { readonly insns: Insn[]; readonly starts: number[] } {
  const starts: number[] = [];
  const insns: Insn[] = [];
  for (const writer of writers) {
    starts.push(insns.length);
    insns.push(...writer.insns);
  }
  writers.forEach((writer, i) => {
    for (const { at, callee } of writer.calls) {
      const from = starts[i] + at;
      if (![0x85, 0x18].includes(insns[from].code)) continue;
      insns[from] = { ...insns[from], imm: starts[callee] - from - 1 };
    }
  });
  return { insns, starts };
}

/** Program number `seed`. */
export function generate(seed: number, target?: Btf): ResolvedProgram {
  const random = new Random(seed);
  const can = abilities(random, target);
  const slips = random.pick([0, 0, 0, 60, 150, 400]);
  const roles: Role[] = [];
  const main = new FullWriter(random, slips, 4 + random.below(16), can, roles, MOST_FUNCTIONS);
  if (can.type === BPF_PROG_TYPE_SOCKET_FILTER) {
    // its context has words of 32 bits
    main.put(I.load(I.W, 6, 1, 0), I.load(I.W, 7, 1, 8), I.movImm(8, main.imm()), I.movImm(9, main.imm()));
    main.put(I.movImm(0, 0));
    const roll = random.below(100);
    if (roll < 40) {
      main.put(...I.loadMapValue(9, MAP.data, 0));
      hold(main, 9, { bytes: 64 });
    } else if (roll < 65) {
      main.put(I.mov(6, 1));
      hold(main, 6, { bytes: 4, plain: true, readonly: true });
    }
  } else start(main, can.ctxWords);
  main.block(4 + random.below(10));
  if (!main.slip()) main.put(I.movImm(0, 0));
  main.put(I.exit);
  const writers = [main, ...functionsOf(random, slips, can, roles, MOST_FUNCTIONS)];
  if (random.chance(12)) random.pick(writers).spoil();
  const { insns, starts } = link(writers);
  const { type, sleepable } = can;
  const funcs = can.btf ? [FUNC.main, ...roles.map((role) => FUNC_OF[role])] : undefined;
  return programOf(insns, starts, { type, sleepable, ...(target && { target }), ...(funcs && { funcs }) });
}

/** Program number `seed` of arithmetic, jumps, loops, stack and functions alone: it can be run anywhere. */
export function generatePlain(seed: number): ResolvedProgram {
  const random = new Random(seed);
  const can: Abilities = {
    type: BPF_PROG_TYPE_RAW_TRACEPOINT,
    sleepable: false,
    btf: false,
    locks: false,
    target: undefined,
    ctxWords: 12,
    statements: ALONE,
    alone: true,
  };
  const roles: Role[] = [];
  const slips = random.pick([0, 0, 100]);
  const main = new FullWriter(random, slips, 4 + random.below(9), can, roles, 2);
  start(main, can.ctxWords);
  main.block(3 + random.below(6));
  if (random.chance(80)) main.put(I.movImm(0, 0));
  main.put(I.exit);
  const { insns, starts } = link([main, ...functionsOf(random, slips, can, roles, 2)]);
  return programOf(insns, starts);
}
