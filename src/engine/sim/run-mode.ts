// How programs run in the `sim` engine: interpreted, or compiled to WebAssembly in this thread.

import { compile, instantiate } from "../../bpf/jit/index.ts";
import {
  Interpreter,
  type Callee,
  type Executable,
  type VmEnv,
  type VmImage,
  type VmMemory,
} from "../../bpf/vm/index.ts";

export interface RunMode {
  readonly interpret: boolean;
  /** Check every access: the program was not verified. */
  readonly checked: boolean;
  readonly seed: number;
  /** The simulated clock. */
  readonly ktimeNs: () => bigint;
  readonly printk: (line: string) => void;
}

/** What a ring offers the program it runs. */
export interface Host {
  readonly kfuncs: Readonly<Record<string, Callee>>;
  readonly helpers: Readonly<Record<number, Callee>>;
}

/** The program of `image`, ready to run with what a ring offers. */
export function executableOf(image: VmImage, memory: VmMemory, mode: RunMode, host: Host): Executable {
  const { interpret, checked, seed, ktimeNs, printk } = mode;
  const env: VmEnv = { ...host, seed, ktimeNs, printk };
  if (interpret) return new Interpreter(image, memory, env);
  const program = compile(image, { checked, ...host });
  return instantiate(program, new WebAssembly.Module(program.bytes), image, memory, env);
}
