// loopstep doctor: what this machine can do, and what to do about the rest.

import { diagnose, type Diagnosis, type FindingState } from "../../engine/doctor.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { toJson } from "../json.ts";

const MARK: Readonly<Record<FindingState, string>> = { ok: "ok     ", limited: "limited", missing: "missing" };

export const doctorCommand: Command = {
  name: "doctor",
  usage: "loopstep doctor [--json]",
  words: [0, 0],
  options: { json: { help: "print one JSON object on stdout" } },
  notes: ["Exit status: 0 when an engine works on real rings, 4 when only the simulator does."],
  async run(options) {
    const diagnosis = await diagnose();
    process.stdout.write(options.flag("json") ? `${toJson(diagnosis)}\n` : text(diagnosis));
    return diagnosis.engine === "kernel" || diagnosis.engine === "user" ? EXIT.ok : EXIT.unsupported;
  },
};

function text({ engine, why, findings }: Diagnosis): string {
  const width = Math.max(...findings.map(({ topic }) => topic.length));
  const lines = findings.flatMap(({ topic, state, found, remedy }) => [
    `${MARK[state]}  ${topic.padEnd(width)}  ${found}`,
    ...(remedy ? [`${" ".repeat(width + 11)}-> ${remedy}`] : []),
  ]);
  return `${lines.join("\n")}\n\nengine   ${engine ?? "none"}: ${why}\n`;
}
