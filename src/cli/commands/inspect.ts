// loopstep inspect FILE: what is in an object, without running it.

import type { BpfObject } from "../../bpf/object/index.ts";
import { PROG_TYPES } from "../../bpf/object/index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-status.ts";
import { toJson } from "../json.ts";
import { openFileOrProgram } from "../locate.ts";
import { formatValue } from "../report-text.ts";

export const inspectCommand: Command = {
  name: "inspect",
  usage: "loopstep inspect FILE|PROGRAM [--json]",
  words: [1, 1],
  options: { json: { help: "print one JSON object on stdout" } },
  async run(options) {
    const object = await openFileOrProgram(options.positionals[0]);
    process.stdout.write(options.flag("json") ? `${toJson(describe(object))}\n` : text(object));
    return EXIT.ok;
  },
};

function describe(object: BpfObject): Record<string, unknown> {
  const { name, license, programs, maps, structOps, externs, relocations, globals } = object;
  return {
    schemaVersion: 1,
    name,
    license,
    programs: programs.map((program) => ({ ...program, typeName: PROG_TYPES[program.type] })),
    maps: maps.map((map) => omit(map, "initial", "inner")),
    structOps: structOps.map((ops) => omit(ops, "initial")),
    globals: globals.map((global) => ({ ...global, value: object.values.get(global.name, global.section) })),
    externs,
    relocations,
  };
}

const omit = (value: object, ...names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

function text(object: BpfObject): string {
  const { programs, maps, structOps, globals, externs, relocations } = object;
  const sections: (readonly [title: string, rows: readonly (readonly string[])[]])[] = [
    [
      "programs",
      programs.map(({ name, section, insn_cnt, sleepable }) => [
        name,
        section,
        `${insn_cnt} insns`,
        sleepable ? "sleepable" : "",
      ]),
    ],
    [
      "struct_ops",
      structOps.map(({ name, type_name, section, programs: set }) => [
        name,
        `struct ${type_name}`,
        section,
        Object.entries(set)
          .map(([member, program]) => `.${member} = ${program}`)
          .join(", "),
      ]),
    ],
    [
      "maps",
      maps.map(({ name, kind, type, key_size, value_size, max_entries }) => [
        name,
        kind === "map" ? `type ${type}` : kind,
        `key ${key_size}`,
        `value ${value_size}`,
        `${max_entries} entries`,
      ]),
    ],
    [
      "globals",
      globals.map(({ name, section, offset, type, local }) => [
        name,
        type,
        `${section}+${offset}`,
        local ? "static" : "",
        `= ${formatValue(object.values.get(name, section))}`,
      ]),
    ],
    ["externs", externs.map(({ name, kind, weak }) => [name, kind, weak ? "weak" : "strong"])],
    [
      "relocations",
      relocations.map(({ section, insn, kind, target, offset }) => [
        `${section}#${insn}`,
        kind,
        offset ? `${target}+${offset}` : target,
      ]),
    ],
  ];
  const body = sections.filter(([, rows]) => rows.length > 0).map(([title, rows]) => `${title}\n${table(rows)}`);
  return `${object.name} (${object.license || "no licence"})\n\n${body.join("\n")}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, cell.length)), []);
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, i) => cell.padEnd(widths[i]))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
