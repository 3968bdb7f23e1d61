// loopstep link -o OUT IN...: several objects made one.

import { linkObjects } from "../../bpf/object/index.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { writeOutput } from "../files.ts";
import { readFileOrProgram } from "../locate.ts";

export const linkCommand: Command = {
  name: "link",
  usage: "loopstep link -o OUT IN...",
  words: [1, 10_000],
  options: { output: { value: "FILE", short: "o", help: "the object to write" } },
  async run(options) {
    const output = options.text("output");
    if (output === undefined) {
      throw new UsageError("USAGE_OPTION", {
        where: "loopstep link",
        message: "there is no place to write to",
        expected: "-o OUT",
      });
    }
    const sources = options.positionals.map(async (name) => ({ name, bytes: await readFileOrProgram(name) }));
    writeOutput(output, linkObjects(await Promise.all(sources)));
    return EXIT.ok;
  },
};
