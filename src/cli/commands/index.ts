// All commands, in the order of the overview. Each is loaded when it is asked for: the whole of them takes longer to load
// than most runs take.

import type { Command } from "../command.ts";

/** Loads a command, by its name. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import("./run.ts")).runCommand,
  explore: async () => (await import("./explore.ts")).exploreCommand,
  verify: async () => (await import("./verify.ts")).verifyCommand,
  inspect: async () => (await import("./inspect.ts")).inspectCommand,
  disasm: async () => (await import("./disasm.ts")).disasmCommand,
  skeleton: async () => (await import("./skeleton.ts")).skeletonCommand,
  btf: async () => (await import("./btf.ts")).btfCommand,
  link: async () => (await import("./link.ts")).linkCommand,
  core: async () => (await import("./core.ts")).coreCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
  vm: async () => (await import("./vm.ts")).vmCommand,
  demo: async () => (await import("./demo.ts")).demoCommand,
};

/** The command called `name`, if there is one. */
export async function findCommand(name: string): Promise<Command | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]() : undefined;
}

/** All of them. */
export const allCommands = (): Promise<Command[]> => Promise.all(Object.values(COMMANDS).map((load) => load()));
