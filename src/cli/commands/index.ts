// All commands, in the order of the overview.

import type { Command } from "../command.ts";
import { btfCommand } from "./btf.ts";
import { coreCommand } from "./core.ts";
import { demoCommand } from "./demo.ts";
import { disasmCommand } from "./disasm.ts";
import { doctorCommand } from "./doctor.ts";
import { inspectCommand } from "./inspect.ts";
import { linkCommand } from "./link.ts";
import { runCommand } from "./run.ts";
import { skeletonCommand } from "./skeleton.ts";
import { verifyCommand } from "./verify.ts";
import { vmCommand } from "./vm.ts";

export const COMMANDS: readonly Command[] = [
  runCommand,
  verifyCommand,
  inspectCommand,
  disasmCommand,
  skeletonCommand,
  btfCommand,
  linkCommand,
  coreCommand,
  doctorCommand,
  vmCommand,
  demoCommand,
];
