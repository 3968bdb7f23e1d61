// For tests: a program in a world with a buffer and two maps, run by the interpreter, by bare code and by checked code.

import { asm, type Insn } from "../isa/index.ts";
import { mapSpec } from "../vm/harness.ts";
import {
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  buildImage,
  createMaps,
  Interpreter,
  VmMemory,
  type VmEnv,
  type VmImage,
} from "../vm/index.ts";
import { compile } from "./compile.ts";
import { instantiate } from "./instantiate.ts";

export type Runnable = { run(ctx: number, arg2?: number): number; readonly r0: bigint };
export type Mode = "interpreter" | "bare" | "checked";
export const MODES: readonly Mode[] = ["interpreter", "bare", "checked"];

const MAPS = [mapSpec("array", BPF_MAP_TYPE_ARRAY, [4, 8, 3]), mapSpec("hash", BPF_MAP_TYPE_HASH, [4, 8, 8])];
export const KFUNCS: Readonly<Record<number, string>> = {
  2000: "loop_add",
  2001: "loop_wide",
  2002: "loop_gone",
  2003: "bpf_iter_num_new",
  2004: "bpf_iter_num_next",
  2005: "bpf_iter_num_destroy",
};

const KFUNC_IDS = Object.fromEntries(Object.entries(KFUNCS).map(([id, name]) => [name, Number(id)]));

export interface World {
  readonly memory: VmMemory;
  readonly image: VmImage;
  readonly buffer: number;
}

/** A fresh world for a program, given as text or as instructions. */
export function world(text: string | readonly Insn[]): World {
  const memory = VmMemory.create({ initial: 1 << 18 });
  const buffer = memory.allocate("the buffer", 64);
  const insns = typeof text === "string" ? asm(text, { kfuncs: KFUNC_IDS }) : text;
  const maps = createMaps(memory, MAPS);
  return {
    memory,
    buffer,
    image: {
      ...buildImage({ name: "test", insns, subprogs: [], lines: [], maps: MAPS }, memory, maps),
      kfuncs: KFUNCS,
    },
  };
}

export function load({ image, memory }: World, mode: Mode, env: VmEnv = {}): Runnable {
  if (mode === "interpreter") return new Interpreter(image, memory, env);
  const program = compile(image, { checked: mode === "checked", ...env });
  return instantiate(program, new WebAssembly.Module(program.bytes), image, memory, env);
}

/** r0 of the program in each mode, for a fresh world each. */
export function results(text: string | readonly Insn[], env?: VmEnv): bigint[] {
  return MODES.map((mode) => {
    const here = world(text);
    const executable = load(here, mode, env);
    executable.run(here.buffer, 64);
    return executable.r0;
  });
}
