// loopstep btf dump|min: type information as text, and the part of it that objects need.

import { dumpC, dumpJson, dumpRaw, dumpTs, type Btf } from "../../bpf/btf/index.ts";
import { minimizeBtf } from "../../bpf/object/index.ts";
import { didYouMean } from "../../base/index.ts";
import { btfNamed } from "../btf-source.ts";
import type { Command, ParsedOptions } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { writeOutput } from "../files.ts";
import { toJson } from "../json.ts";
import { openFileOrProgram } from "../locate.ts";

type Format = (btf: Btf, roots: readonly string[] | undefined) => string;

const lines = (texts: Iterable<string>): string => {
  let all = "";
  for (const text of texts) all += `${text}\n`;
  return all;
};

const FORMATS: Readonly<Record<string, Format>> = {
  raw: (btf) => lines(dumpRaw(btf)),
  c: (btf, roots) => dumpC(btf, { roots }),
  ts: (btf, roots) => dumpTs(btf, { roots }),
  json: (btf) => lines(Array.from(dumpJson(btf), toJson)),
};

const ACTIONS: Readonly<Record<string, (options: ParsedOptions) => Promise<void>>> = { dump, min };

export const btfCommand: Command = {
  name: "btf",
  usage: "loopstep btf dump FILE|-|vmlinux|linux-7.2 [OPTION...] | loopstep btf min -o OUT --target BTF FILE...",
  words: [2, 10_000],
  options: {
    format: { value: "FORMAT", help: `dump: ${Object.keys(FORMATS).join(", ")} (default raw)` },
    root: { value: "NAME", many: true, help: "dump as c or ts: only what is reachable from this name" },
    target: { value: "BTF", help: "min: the BTF to take from" },
    output: { value: "FILE", short: "o", help: "write here instead of stdout" },
  },
  async run(options) {
    const action = options.positionals[0];
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (!run) {
      throw new UsageError("USAGE_OPTION", {
        where: "loopstep btf",
        message: `there is no "${action}"`,
        expected: "dump or min",
        remedy: didYouMean(action, Object.keys(ACTIONS)),
      });
    }
    await run(options);
    return EXIT.ok;
  },
};

function dump(options: ParsedOptions): Promise<void> {
  const [, file, ...others] = options.positionals;
  if (others.length > 0) {
    throw new UsageError("USAGE_OPTION", {
      where: "loopstep btf dump",
      message: "one file at a time",
      found: others.join(" "),
    });
  }
  const name = options.text("format") ?? "raw";
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  if (!format) {
    throw new UsageError("USAGE_VALUE", {
      where: `--format ${name}`,
      message: "there is no such format",
      expected: Object.keys(FORMATS).join(", "),
    });
  }
  const roots = options.list("root");
  if (roots.length > 0 && (name === "raw" || name === "json")) {
    throw new UsageError("USAGE_OPTION", {
      where: "--root",
      message: `format ${name} shows everything`,
      expected: "--format c or ts",
    });
  }
  writeOutput(options.text("output"), format(btfNamed(file).complete(), roots.length > 0 ? roots : undefined));
  return Promise.resolve();
}

async function min(options: ParsedOptions): Promise<void> {
  const target = options.text("target");
  const output = options.text("output");
  if (target === undefined || output === undefined) {
    throw new UsageError("USAGE_OPTION", {
      where: "loopstep btf min",
      message: "something is missing",
      expected: "-o OUT --target BTF FILE...",
    });
  }
  const objects = await Promise.all(options.positionals.slice(1).map(openFileOrProgram));
  writeOutput(output, minimizeBtf(btfNamed(target), objects));
}
