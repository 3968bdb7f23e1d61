// The engines that execute BPF, for the suites that run on each of them: adding one is adding a row.

import { compile, instantiate } from "../src/bpf/jit/index.ts";
import { Interpreter, type Executable, type VmEnv, type VmImage, type VmMemory } from "../src/bpf/vm/index.ts";

/** [name, how it makes an image executable]. */
export const ENGINES: readonly (readonly [
  name: string,
  load: (image: VmImage, memory: VmMemory, env?: VmEnv) => Executable,
])[] = [
  ["interpreter", (image, memory, env) => new Interpreter(image, memory, env)],
  ["jit", (image, memory, env) => compiled(image, memory, false, env)],
  ["jit, every access checked", (image, memory, env) => compiled(image, memory, true, env)],
];

function compiled(image: VmImage, memory: VmMemory, checked: boolean, env: VmEnv | undefined): Executable {
  const program = compile(image, { checked });
  return instantiate(program, new WebAssembly.Module(program.bytes), image, memory, env);
}
