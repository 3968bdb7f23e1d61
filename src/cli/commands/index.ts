// All commands, in the order of the overview.

import type { Command } from "../command.ts";
import { demoCommand } from "./demo.ts";
import { disasmCommand } from "./disasm.ts";
import { doctorCommand } from "./doctor.ts";
import { inspectCommand } from "./inspect.ts";
import { runCommand } from "./run.ts";
import { verifyCommand } from "./verify.ts";

export const COMMANDS: readonly Command[] = [
  runCommand,
  verifyCommand,
  inspectCommand,
  disasmCommand,
  doctorCommand,
  demoCommand,
];
