// All commands, in the order of the overview. Each is loaded when it is asked for: the whole of them takes longer to load
// than most runs take.

import type { Command } from "../command.ts";

/** A command that is not loaded yet. */
export interface CommandRow {
  /** What it is good for, as the overview and its own help say. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** The commands by name. */
export const COMMANDS: Readonly<Record<string, CommandRow>> = {
  run: {
    summary: "Runs a loop: a BPF object, a source in C (clang needed), or a ready-made program by name",
    load: async () => (await import("./run.ts")).runCommand,
  },
  explore: {
    summary: "Runs a loop under many schedules and faults in the simulator, and shows the shortest way it goes wrong",
    load: async () => (await import("./explore.ts")).exploreCommand,
  },
  verify: {
    summary: "Tells what Linux 7.2's verifier would say of a program, and why",
    load: async () => (await import("./verify.ts")).verifyCommand,
  },
  inspect: {
    summary: "Shows the programs, maps, globals, struct_ops, externs and relocations of an object",
    load: async () => (await import("./inspect.ts")).inspectCommand,
  },
  disasm: {
    summary: "Shows a program's instructions as the kernel prints them, and the WebAssembly made of them",
    load: async () => (await import("./disasm.ts")).disasmCommand,
  },
  skeleton: {
    summary: "Writes a TypeScript module with the types of an object's globals, maps and programs",
    load: async () => (await import("./skeleton.ts")).skeletonCommand,
  },
  btf: {
    summary: "Shows type information (raw, C, TypeScript, JSON), or keeps what objects need of it",
    load: async () => (await import("./btf.ts")).btfCommand,
  },
  link: {
    summary: "Links BPF objects into one: sections, symbols, maps and type information",
    load: async () => (await import("./link.ts")).linkCommand,
  },
  core: {
    summary: "Shows what an object's CO-RE relocations come to on a target",
    load: async () => (await import("./core.ts")).coreCommand,
  },
  doctor: {
    summary: "Says what this machine can do for loops, which engine auto takes, and the remedy for each thing missing",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  vm: {
    summary: "Runs a loopstep command inside a real Linux 7.1 or later, under emulation",
    load: async () => (await import("./vm.ts")).vmCommand,
  },
  demo: {
    summary: "Copies a file of 64 MiB and runs a million requests, to see that it works here",
    load: async () => (await import("./demo.ts")).demoCommand,
  },
};

/** The command called `name`, if there is one. */
export async function findCommand(name: string): Promise<Command | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name].load() : undefined;
}
