// loopstep verify FILE...: what Linux 7.2 would say of the programs in it, in its words, at the source line, with advice.

import { describeErrno, LoopstepError, EINVAL } from "../../base/index.ts";
import type { Btf } from "../../bpf/btf/index.ts";
import { BPF_PROG_TYPE_STRUCT_OPS, type BpfObject } from "../../bpf/object/index.ts";
import { verify, type Verdict } from "../../bpf/verifier/index.ts";
import { LINUX_CONFIG, LOOP_STEP_TYPE, ringGeometry } from "../../loop/index.ts";
import { setupRequest } from "../../engine/ring-request.ts";
import { ringsLayout } from "../../uring/ring/index.ts";
import { BUILT_IN_TARGET, btfNamed } from "../btf-source.ts";
import type { Command, ParsedOptions } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { toJson } from "../json.ts";
import { openFileOrProgram } from "../locate.ts";
import { ringOf } from "../ring-options.ts";
import { parseSetting } from "../settings.ts";

const MAX_LOG_LEVEL = 7;
/** Lines of the log shown to people; --json has all of it. */
const LOG_LINES = 24;

/** One line of `--json`. */
interface Row extends Omit<Verdict, "diagnostic" | "insn"> {
  readonly file: string;
  readonly program: string;
}

export const verifyCommand: Command = {
  name: "verify",
  usage: "loopstep verify FILE|PROGRAM... [OPTION...]",
  words: [1, 10_000],
  options: {
    prog: { value: "NAME", many: true, help: "only this program (may be given several times)" },
    "log-level": { value: "N", help: "0 no log, 1 the failing path (default), 2 everything, +4 statistics" },
    target: { value: "NAME", help: `${BUILT_IN_TARGET} (default), vmlinux, or a file with BTF` },
    entries: { value: "N", help: "geometry that globals named like ring parameters get (default 8)" },
    "cq-entries": { value: "N", help: "(default as many)" },
    setup: { value: "FLAG,FLAG", help: "setup flags of that ring" },
    set: { value: "NAME=NUMBER", many: true, help: "a global's value: the verifier knows those of constants" },
    "no-bind": { help: "leave globals named like ring parameters alone" },
    json: { help: "print one JSON object a line and program" },
  },
  async run(options) {
    const target = btfNamed(options.text("target") ?? BUILT_IN_TARGET);
    let status: number = EXIT.ok;
    for (const file of options.positionals) {
      const object = await openFileOrProgram(file);
      prepare(object, options);
      for (const name of programsOf(object, options.list("prog"))) {
        const verdict = verdictOn(object, name, target, options);
        if (verdict.verdict === "rejected") status = EXIT.rejected;
        process.stdout.write(
          options.flag("json") ? `${toJson(rowOf(file, name, verdict))}\n` : text(file, name, verdict),
        );
      }
    }
    return status;
  },
};

/** Constants as `run` would set them: the verdict depends on them (the sizes of regions, above all). */
function prepare(object: BpfObject, options: ParsedOptions): void {
  if (!options.flag("no-bind")) {
    object.bind(ringGeometry(ringsLayout(setupRequest(ringOf(options))).params));
  }
  for (const setting of options.list("set").map(parseSetting)) {
    if (setting.value.kind !== "number") {
      throw new UsageError("USAGE_VALUE", {
        where: `--set ${setting.name}`,
        message: "only numbers can be verified",
        expected: "NAME=NUMBER",
      });
    }
    object.values.set(setting.name, setting.value.value);
  }
}

function programsOf(object: BpfObject, chosen: readonly string[]): readonly string[] {
  return chosen.length > 0 ? chosen.map((name) => object.program(name).name) : object.programs.map(({ name }) => name);
}

function verdictOn(object: BpfObject, name: string, target: Btf, options: ParsedOptions): Verdict {
  const logLevel = options.integer("log-level", 0, MAX_LOG_LEVEL) ?? 1;
  try {
    object.configure(LINUX_CONFIG);
    const program = object.resolve(name, { target });
    const type = program.type === BPF_PROG_TYPE_STRUCT_OPS ? { type: LOOP_STEP_TYPE } : {};
    return verify(program, { ...type, logLevel, externs: object.externs });
  } catch (error) {
    // what cannot be resolved would not get as far as the kernel's verifier
    if (error instanceof LoopstepError) return unresolved(error);
    throw error;
  }
}

const unresolved = (error: LoopstepError): Verdict => ({
  verdict: "rejected",
  errno: EINVAL,
  error: error.message,
  messages: [error.message],
  processed: 0,
  stackDepth: "",
  insn: -1,
  line: 0,
  log: "",
  diagnostic: undefined,
});

function rowOf(file: string, program: string, verdict: Verdict): Row {
  const { diagnostic: _, insn: _insn, ...rest } = verdict;
  return { file, program, ...rest };
}

function text(
  file: string,
  name: string,
  { verdict, errno, error, processed, stackDepth, log, diagnostic }: Verdict,
): string {
  const title = `${file} ${name}: ${verdict}`;
  if (verdict === "accepted")
    return `${title} (${processed} instructions walked, stack ${stackDepth})\n${indent(tail(log))}`;
  const lines = [`${title}, ${describeErrno(errno)}`, `  ${error}`];
  if (diagnostic) {
    const { where, source, insn, meaning, remedy } = diagnostic;
    if (where !== "") lines.push(`  at ${where}${source === "" ? "" : `: ${source}`}`);
    if (insn !== "") lines.push(`  insn ${insn}`);
    lines.push(`  ${meaning}`, `  ${remedy}`);
  }
  return `${lines.join("\n")}\n${indent(tail(log))}`;
}

function tail(log: string): string[] {
  const lines = log.split("\n").filter((line) => line !== "");
  if (lines.length <= LOG_LINES) return lines;
  return [`... ${lines.length - LOG_LINES} lines before (--json has them all)`, ...lines.slice(-LOG_LINES)];
}

const indent = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join("");
