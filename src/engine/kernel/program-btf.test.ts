import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Btf } from "../../bpf/btf/index.ts";
import { BpfObject } from "../../bpf/object/index.ts";
import { loopTargetBtf } from "../../loop/index.ts";
import { findProgram } from "../../programs/index.ts";
import { funcInfo, lineInfo, programBtf } from "./program-btf.ts";

const object = BpfObject.open(readFileSync(findProgram("nops")!.object));
const program = object.resolve(object.programs[0].name, { target: loopTargetBtf() });

describe("BTF for the kernel", () => {
  test("keeps every id, and has void for what the kernel does not take", () => {
    const made = Btf.parse(programBtf(object.btf, []).bytes);
    expect(made.nrTypes).toBe(object.btf.nrTypes);
    let replaced = 0;
    for (let id = 1; id < made.nrTypes; id++) {
      const [before, after] = [object.btf.type(id), made.type(id)];
      const extern = (before.kind === "FUNC" || before.kind === "VAR") && before.linkage === 2;
      if (extern || before.name === ".ksyms") {
        expect(after).toEqual({ kind: "CONST", name: "", type: 0 });
        replaced++;
      } else {
        expect(after).toEqual(before);
      }
    }
    expect(replaced).toBeGreaterThanOrEqual(object.externs.length);
  });

  test("holds the texts that line info refers to", () => {
    const texts = program.lines.flatMap(({ file, text }) => [file, text]);
    const btf = programBtf(object.btf, texts);
    const made = Btf.parse(btf.bytes);
    for (const text of texts) expect(made.strings.at(btf.offsetOf(text))).toBe(text);
    const info = new Uint32Array(lineInfo(program.lines, program.subprogs, btf)!.buffer);
    expect(info.length).toBe(program.lines.length * 4);
    expect(made.strings.at(info[2])).toBe(program.lines[0].text);
    expect(info[3] >>> 10).toBe(program.lines[0].line);
  });

  test("has info for all functions or none, and lines only when the kernel would take them", () => {
    expect([...new Uint32Array(funcInfo(program.subprogs)!.buffer)].filter((_, i) => i % 2 === 0)).toEqual(
      program.subprogs.map(({ start }) => start),
    );
    expect(funcInfo([...program.subprogs, { name: "x", start: 9, global: false, type_id: 0 }])).toBeUndefined();
    const btf = programBtf(object.btf, []);
    expect(lineInfo(program.lines.slice(1), program.subprogs, btf)).toBeUndefined();
    expect(lineInfo(program.lines.toReversed(), program.subprogs, btf)).toBeUndefined();
  });
});
