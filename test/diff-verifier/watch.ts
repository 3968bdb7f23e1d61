// Runs a program on the project's interpreter and shows the registers before each instruction. The interpreter has no hook:
// a call of a function of ours goes before each instruction of the program, one that changes nothing.

import { Interpreter, VmFault, VmMemory, buildImage, createMaps } from "../../src/bpf/vm/index.ts";
import type { Callee, FaultKind, MapImage, VmEnv } from "../../src/bpf/vm/index.ts";
import type { Insn } from "../../src/bpf/isa/index.ts";
import type { ResolvedProgram } from "../../src/bpf/object/index.ts";
import * as I from "./code.ts";
import { LD_IMM64, rewritten, type Likewise } from "./edit.ts";
import type { Random } from "./random.ts";
import { MAPS } from "./world.ts";

const MAY_GOTO = 0xe5;
/** What calls of ours are known by: these, and from WATCH on one for each instruction. */
const FLIP = 1 << 29;
const RESTORE = FLIP + 1;
const WATCH = FLIP + 2;
const CTX_BYTES = 1 << 16;
/** How much of the context, and of each frame, programs look at: filled anew for each run. */
const FILLED = 1024;
const MOST_STEPS = 6000;
/** In 100: how often a may_goto ends its loop. */
const ENDS = 25;
/** What `limits.cpus` promises of the processor's number. */
const CPUS = 2;
const PRANDOM = 7;
const CPU = 8;

const INTERESTING = [
  0n,
  1n,
  7n,
  31n,
  63n,
  255n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 32n,
  (1n << 63n) - 1n,
  1n << 63n,
];

function unknown(random: Random): bigint {
  const near = random.pick(INTERESTING) + BigInt(random.below(3) - 1);
  const wild = (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32));
  return BigInt.asUintN(64, random.chance(60) ? near : wild);
}

/** Called before each instruction: where, the registers r0 to r10. */
export type Watcher = (insn: number, regs: readonly bigint[]) => void;

/** How a run ended: by itself, or by a fault. */
export interface End {
  readonly fault?: FaultKind;
  readonly detail?: string;
}

const kfunc = (name: string, call: () => bigint): Callee => ({ name, params: [], result: "i64", call });

/** may_goto goes where chance says, for a real one would go round eight million times. */
function mayGoto(): readonly (Insn | Likewise)[] {
  return [I.callKfunc(FLIP), I.jeq(0, 0, 2), I.callKfunc(RESTORE), { likewise: I.ja(0) }, I.callKfunc(RESTORE)];
}

function watched(program: ResolvedProgram): ResolvedProgram {
  const { target, insns } = program;
  const withCalls = rewritten(program, (insn, i) => {
    if (i > 0 && insns[i - 1].code === LD_IMM64) return [insn];
    return [I.callKfunc(WATCH + i), ...(insn.code === MAY_GOTO ? mayGoto() : [insn])];
  });
  const nameOf = (id: number): string => (id >= FLIP ? `watch ${id}` : target.nameOf(id));
  return { ...withCalls, target: { nameOf } as ResolvedProgram["target"] };
}

/** A memory with the maps of the world and a context in it. */
interface Ground {
  readonly memory: VmMemory;
  readonly maps: readonly MapImage[];
  readonly ctx: number;
  /** The memory as it was made. */
  readonly contents: Uint8Array;
}

let ground: Ground | undefined;

/** The one memory that all programs run in, as if it were new: making another for each would take longer than the runs. */
function freshGround(): Ground {
  if (ground === undefined) {
    const memory = VmMemory.create();
    const maps = createMaps(memory, MAPS);
    const ctx = memory.allocate("ctx", CTX_BYTES);
    ground = { memory, maps, ctx, contents: memory.u8.slice() };
  }
  ground.memory.u8.set(ground.contents);
  return ground;
}

/** A program ready to run. Making another ends its use. */
export class WatchedRun {
  readonly memory: VmMemory;
  readonly maps: readonly MapImage[];
  readonly ctx: number;
  /** Where the first frame ends. */
  readonly stackEnd: number;
  readonly #machine: Interpreter;
  readonly #stackStart: number;
  readonly #random: Random;
  #watcher: Watcher = () => {};
  #stashed = 0n;

  /** Throws VmError when the interpreter cannot run it. */
  constructor(program: ResolvedProgram, random: Random) {
    this.#random = random;
    const { memory, maps, ctx } = freshGround();
    this.memory = memory;
    this.maps = maps;
    this.ctx = ctx;
    const image = buildImage(watched(program), memory, this.maps);
    this.stackEnd = image.stack.end;
    this.#stackStart = Math.max(image.stack.start, image.stack.end - 8 * 512);
    const env: VmEnv = {
      kfuncs: this.#kfuncs(program.insns.length),
      helpers: {
        [PRANDOM]: {
          name: "prandom",
          params: [],
          result: "i32",
          call: () => Number(BigInt.asIntN(32, unknown(random))),
        },
        [CPU]: { name: "cpu", params: [], result: "i32", call: () => random.below(CPUS) },
      },
      ktimeNs: () => unknown(random),
      maxInsns: MOST_STEPS,
    };
    this.#machine = new Interpreter(image, memory, env);
  }

  #kfuncs(count: number): Record<string, Callee> {
    const r0 = (): bigint => this.#machine.r0;
    const flip = (): bigint => {
      this.#stashed = r0();
      return this.#random.chance(ENDS) ? 1n : 0n;
    };
    const named: Record<string, Callee> = {
      [`watch ${FLIP}`]: kfunc("flip", flip),
      [`watch ${RESTORE}`]: kfunc("restore", () => this.#stashed),
    };
    for (let i = 0; i < count; i++) {
      named[`watch ${WATCH + i}`] = kfunc("watch", () => {
        this.#watcher(i, this.#machine.registers());
        return r0();
      });
    }
    return named;
  }

  #fill(from: number, to: number): void {
    const { view } = this.memory;
    for (let at = from; at < to; at += 8) view.setBigUint64(at, unknown(this.#random), true);
  }

  /** One run, on memory that holds anything. */
  run(watcher: Watcher): End {
    this.#watcher = watcher;
    this.#fill(this.ctx, this.ctx + FILLED);
    this.#fill(this.#stackStart, this.stackEnd);
    for (const map of this.maps) {
      if (!map.frozen && ARRAYS.has(map.type)) this.#fill(map.values, map.values + map.stride * map.max_entries);
    }
    try {
      this.#machine.run(this.ctx);
      return {};
    } catch (error) {
      if (!(error instanceof VmFault)) throw error;
      return { fault: error.facts.kind, detail: error.message };
    }
  }
}

/** array, per-CPU array */
const ARRAYS: ReadonlySet<number> = new Set([2, 6]);
