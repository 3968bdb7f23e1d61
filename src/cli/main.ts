#!/usr/bin/env node
// The command line: finds the command, runs it, turns errors into a sentence on stderr and an exit status.

import module from "node:module";
import { didYouMean, LoopstepError } from "../base/index.ts";
import { helpText, parseCommand } from "./command.ts";
import { COMMANDS, findCommand } from "./commands/index.ts";
import { UsageError } from "./errors.ts";
import { EXIT } from "./exit-status.ts";
import { statusOf } from "./status-of.ts";

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`);
  return `loopstep: BPF-controlled io_uring for TypeScript.

Usage: loopstep COMMAND [OPTION...]

Commands:
${rows.join("")}
loopstep COMMAND --help tells more.
`;
}

async function main(argv: readonly string[]): Promise<number> {
  // what V8 made of the sources is kept for the next start, in the folder for temporary files; not before Node 22.1
  (module as { enableCompileCache?: () => void }).enableCompileCache?.();
  const [name, ...rest] = argv;
  if (name === undefined) {
    process.stderr.write(overview());
    return EXIT.usage;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(overview());
    return EXIT.ok;
  }
  const command = await findCommand(name);
  if (!command) {
    throw new UsageError("USAGE_COMMAND", {
      message: `there is no command "${name}"`,
      remedy: didYouMean(name, Object.keys(COMMANDS)) ?? "See loopstep --help.",
    });
  }
  if (command.runWords && rest[0] !== "--help") return command.runWords(rest);
  const options = parseCommand(command, rest);
  if (options.flag("help")) {
    process.stdout.write(helpText(COMMANDS[name].summary, command));
    return EXIT.ok;
  }
  return command.run(options);
}

function report(error: unknown): number {
  if (error instanceof LoopstepError) {
    process.stderr.write(`loopstep: ${error.message}\n`);
    return statusOf(error);
  }
  const text = error instanceof Error ? error.message : String(error);
  const stack = process.env["LOOPSTEP_DEBUG"] && error instanceof Error ? `${error.stack}\n` : "";
  process.stderr.write(
    `loopstep: unexpected failure: ${text}. Please report it, with what LOOPSTEP_DEBUG=1 adds.\n${stack}`,
  );
  return EXIT.failed;
}

process.on("uncaughtException", (error) => process.exit(report(error)));

// a reader that closes early (| head) is no failure
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.ok);
  throw error;
});

process.exitCode = await main(process.argv.slice(2)).catch(report);
