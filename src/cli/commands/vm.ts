// loopstep vm: any command of this line inside a real Linux of 7.1 or later, under emulation. The rig itself is a script
// of its own (scripts/vm.mjs), so that it can be used before anything is built.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGE_ROOT } from "../../engine/package-root.ts";
import { didYouMean } from "../../base/index.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";

const ROOT = fileURLToPath(PACKAGE_ROOT);
const RIG = path.join(ROOT, "scripts/vm.mjs");
const MAIN = path.join(ROOT, "dist/cli/main.js");
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

export const vmCommand: Command = {
  name: "vm",
  usage: "loopstep vm [RIG OPTION...] COMMAND [OPTION...]",
  words: [1, Number.POSITIVE_INFINITY],
  options: {
    kernel: {
      value: "VERSION|FILE",
      help: "a version to look for, or a kernel image (default: the newest in the cache)",
    },
    update: { help: "look for a newer kernel first" },
    mirror: { value: "URL", help: "Debian archive to fetch the kernel from (default: the one apt uses)" },
    timeout: { value: "SECONDS", help: "stop after this long (default 300)" },
    memory: { value: "MIB", help: "memory of the guest (default 1024)" },
    cpus: { value: "N", help: "processors of the guest (default 2)" },
    icount: { help: "one processor, whose clock counts instructions" },
    writable: { value: "DIR", help: "let the command write to DIR" },
    verbose: { help: "what the kernel says, to stderr" },
  },
  notes: [
    "The command sees this machine's files read-only, has a /tmp of its own, and is root. Example:",
    "  loopstep vm run nops --set reqs_to_run=1000",
    "What it is to write on this machine needs --writable. Output and exit status are the command's; 124 when the time is up,",
    "125 when the machine stopped by itself. It needs QEMU and virtiofsd, and apt to fetch a kernel; what is missing it names.",
  ],
  run: () => Promise.resolve(EXIT.usage),
  async runWords(argv) {
    const at = commandAt(argv);
    if (at === argv.length) {
      throw new UsageError("USAGE_OPTION", {
        where: "loopstep vm",
        message: "something is missing",
        expected: vmCommand.usage,
      });
    }
    if (!existsSync(RIG)) {
      throw new UsageError("USAGE_FILE", {
        where: RIG,
        message: "the rig is not part of this installation",
        remedy: "Install loopstep anew.",
      });
    }
    const words = [RIG, ...argv.slice(0, at), process.execPath, MAIN, ...argv.slice(at)];
    const rig = spawn(process.execPath, words, {
      stdio: "inherit",
      env: { ...process.env, INIT_CWD: process.cwd() },
    });
    // the machine must not stay behind when only this process is told to end
    const passOn = (signal: NodeJS.Signals): void => void rig.kill(signal);
    for (const signal of SIGNALS) process.on(signal, passOn);
    return new Promise<number>((ended, failed) => {
      rig.once("error", failed);
      rig.once("exit", (status) => ended(status ?? EXIT.failed));
    }).finally(() => {
      for (const signal of SIGNALS) process.off(signal, passOn);
    });
  },
};

/** Where the rig's own options end. */
function commandAt(argv: readonly string[]): number {
  let at = 0;
  while (at < argv.length && argv[at].startsWith("--")) {
    const [name, value] = argv[at].slice(2).split("=", 2);
    const { options } = vmCommand;
    if (!Object.hasOwn(options, name)) {
      throw new UsageError("USAGE_OPTION", {
        where: "loopstep vm",
        message: `there is no option --${name} before the command`,
        remedy: didYouMean(name, Object.keys(options)) ?? "Options of the command come after it.",
      });
    }
    at += options[name].value === undefined || value !== undefined ? 1 : 2;
  }
  return Math.min(at, argv.length);
}
