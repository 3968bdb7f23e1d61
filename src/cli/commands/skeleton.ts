// loopstep skeleton FILE: a TypeScript module with the static types of an object.

import path from "node:path";
import { generateSkeleton } from "../../bpf/object/index.ts";
import { isCSource } from "../c-source.ts";
import type { Command } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { writeOutput } from "../files.ts";
import { openNamed, programNamed, readFileOrProgram } from "../locate.ts";

export const skeletonCommand: Command = {
  name: "skeleton",
  usage: "loopstep skeleton FILE|PROGRAM [-o X.ts] [--embed] [--browser]",
  words: [1, 1],
  options: {
    output: { value: "FILE", short: "o", help: "write here instead of stdout" },
    embed: { help: "let the object travel inside the module" },
    browser: { help: "import from loopstep/sim, for browsers (needs --embed)" },
  },
  async run(options) {
    const [name] = options.positionals;
    const file = programNamed(name)?.object ?? name;
    if (isCSource(file) && !options.flag("embed")) {
      throw new UsageError("USAGE_OPTION", {
        where: file,
        message: "a module cannot load a source in C",
        remedy: "Add --embed, or give the object it compiles to.",
      });
    }
    const bytes = await readFileOrProgram(name);
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
