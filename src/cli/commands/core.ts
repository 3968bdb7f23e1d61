// loopstep core FILE --target BTF: every CO-RE relocation, its candidates, the one chosen, and what the instruction becomes.

import { disasmInsn } from "../../bpf/isa/index.ts";
import type { CoreReport } from "../../bpf/object/index.ts";
import { BUILT_IN_TARGET, btfNamed } from "../btf-source.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { toJson } from "../json.ts";
import { openFileOrProgram } from "../locate.ts";

export const coreCommand: Command = {
  name: "core",
  usage: "loopstep core FILE [--target BTF] [--json]",
  words: [1, 1],
  options: {
    target: { value: "BTF", help: `${BUILT_IN_TARGET} (default), vmlinux, or a file with BTF` },
    json: { help: "print one JSON object a line and relocation" },
  },
  async run(options) {
    const object = await openFileOrProgram(options.positionals[0]);
    const reports = object.coreReports({ target: btfNamed(options.text("target") ?? BUILT_IN_TARGET) });
    if (options.flag("json")) for (const report of reports) process.stdout.write(`${toJson(report)}\n`);
    else process.stdout.write(reports.length === 0 ? "no CO-RE relocations\n" : reports.map(text).join(""));
    return EXIT.ok;
  },
};

function text(report: CoreReport): string {
  const {
    function: name,
    insn,
    kind,
    local,
    candidates,
    target,
    value,
    poison,
    misfit,
    resize,
    before,
    after,
  } = report;
  const chosen = target ?? "nothing matches";
  const outcome =
    poison || misfit
      ? "the instruction becomes an invalid call"
      : `value ${value}${resize ? `, access of ${resize.from} becomes ${resize.to} bytes` : ""}`;
  const lines = [
    `${name} insn ${insn}: ${kind} ${local}`,
    `  chosen     ${chosen}: ${outcome}`,
    ...candidates.map(
      ({ id, name: candidate, spec }) =>
        `  candidate  [${id}] ${candidate}${spec === undefined ? ", does not match" : `: ${spec}`}`,
    ),
    `  before     ${disasmInsn(before, 0)}`,
    `  after      ${disasmInsn(after, 0)}`,
  ];
  return `${lines.join("\n")}\n`;
}
