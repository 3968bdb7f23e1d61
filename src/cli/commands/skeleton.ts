// loopstep skeleton FILE: a TypeScript module with the static types of an object.

import path from "node:path";
import { generateSkeleton } from "../../bpf/object/index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { readInput, writeOutput } from "../files.ts";
import { openNamed } from "../locate.ts";

export const skeletonCommand: Command = {
  name: "skeleton",
  usage: "loopstep skeleton FILE [-o X.ts] [--embed] [--browser]",
  words: [1, 1],
  options: {
    output: { value: "FILE", short: "o", help: "write here instead of stdout" },
    embed: { help: "let the object travel inside the module" },
    browser: { help: "import from loopstep/sim, for browsers (needs --embed)" },
  },
  async run(options) {
    const file = options.positionals[0];
    const bytes = readInput(file);
    const output = options.text("output");
    // the module loads the object from beside itself
    const beside =
      output === undefined || output === "-" ? path.basename(file) : path.relative(path.dirname(output), file);
    const text = generateSkeleton(await openNamed(file, bytes), {
      file: beside.split(path.sep).join("/"),
      library: options.flag("browser") ? "loopstep/sim" : "loopstep",
      ...(options.flag("embed") ? { embed: bytes } : {}),
    });
    writeOutput(output, text);
    return EXIT.ok;
  },
};
