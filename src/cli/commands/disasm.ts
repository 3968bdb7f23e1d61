// loopstep disasm FILE: programs as the kernel prints them, with their source lines, and the WebAssembly made of them.

import { BPF_PSEUDO_KFUNC_CALL, disasmInsn, isLdImm64, nameImm, type DisasmCallbacks } from "../../bpf/isa/index.ts";
import { compile, listing } from "../../bpf/jit/index.ts";
import type { BpfObject, ResolvedProgram } from "../../bpf/object/index.ts";
import { buildImage, lineAt, VmMemory, type VmImage } from "../../bpf/vm/index.ts";
import { resolveForVm } from "../../engine/vm-programs.ts";
import { KFUNC_SIGNATURES, loopTargetBtf } from "../../loop/index.ts";
import type { Command, ParsedOptions } from "../command.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit-status.ts";
import { toJson } from "../json.ts";
import { openFileOrProgram } from "../locate.ts";

export const disasmCommand: Command = {
  name: "disasm",
  usage: "loopstep disasm FILE|PROGRAM [OPTION...]",
  words: [1, 1],
  options: {
    prog: { value: "NAME", help: "only this program" },
    source: { help: "source lines above their instructions" },
    wat: { help: "the generated WebAssembly as text" },
    wasm: { help: "the generated WebAssembly as a binary module on stdout" },
    checked: { help: "with --wat or --wasm: as compiled for a program that was not verified" },
    json: { help: "print one JSON object a line and program" },
  },
  async run(options) {
    const second = ["wat", "json"].find((name) => options.flag(name));
    if (options.flag("wasm") && second !== undefined) {
      throw new UsageError("USAGE_OPTION", { where: "--wasm", message: `it does not go together with --${second}` });
    }
    const object = await openFileOrProgram(options.positionals[0]);
    const chosen = options.text("prog");
    const names = chosen === undefined ? object.programs.map(({ name }) => name) : [object.program(chosen).name];
    if (options.flag("wasm")) {
      process.stdout.write(binary(object, names, options));
      return EXIT.ok;
    }
    for (const name of names) {
      const program = options.flag("wat") ? forVm(object, name) : object.resolve(name, { target: loopTargetBtf() });
      const lines = options.flag("wat") ? webAssembly(program, options) : instructions(program, options.flag("source"));
      const title = `${program.name} (${program.section})`;
      process.stdout.write(
        options.flag("json")
          ? `${toJson({ program: name, section: program.section, lines })}\n`
          : `${title}\n${lines.join("\n")}\n\n`,
      );
    }
    return EXIT.ok;
  },
};

const signatures = { kfuncs: KFUNC_SIGNATURES };

function binary(object: BpfObject, names: readonly string[], options: ParsedOptions): Uint8Array {
  const [name, ...others] = names;
  if (name === undefined || others.length > 0) {
    throw new UsageError("USAGE_OPTION", {
      where: "--wasm",
      message: "one module is one program",
      found: names.join(", ") || "no program",
      remedy: "Choose with --prog NAME.",
    });
  }
  if (process.stdout.isTTY) {
    throw new UsageError("USAGE_OPTION", {
      where: "--wasm",
      message: "a binary module is not for a terminal",
      remedy: "Redirect it to a file, or use --wat.",
    });
  }
  const image = imageOf(forVm(object, name));
  return compile(image, { checked: options.flag("checked"), ...signatures }).bytes;
}

/** As the engines compile it. */
const forVm = (object: BpfObject, name: string): ResolvedProgram =>
  resolveForVm({ engine: "user", object, programs: [name], verify: false })[0];

const imageOf = (program: ResolvedProgram): VmImage => buildImage(program, VmMemory.create());

function webAssembly(program: ResolvedProgram, options: ParsedOptions): string[] {
  return listing(imageOf(program), { checked: options.flag("checked"), source: options.flag("source"), ...signatures });
}

function instructions(program: ResolvedProgram, source: boolean): string[] {
  const { insns, subprogs, lines: lineInfo, maps, target } = program;
  const callbacks: DisasmCallbacks = {
    imm: nameImm((index) => maps[index]?.name),
    call: (insn) => (insn.src_reg === BPF_PSEUDO_KFUNC_CALL ? target.nameOf(insn.imm) : undefined),
  };
  const starts = new Map(subprogs.map(({ start, name }) => [start, name]));
  const out: string[] = [];
  let shown: string | undefined;
  for (let slot = 0; slot < insns.length; slot++) {
    const name = starts.get(slot);
    if (name !== undefined && slot > 0) out.push("", `${name}:`);
    const line = source ? lineAt(lineInfo, slot) : undefined;
    const said = line && `; ${line.text.trim()} @ ${line.file}:${line.line}`;
    if (said !== undefined && said !== shown) out.push((shown = said));
    out.push(`${slot}: ${disasmInsn(insns, slot, callbacks)}`);
    if (isLdImm64(insns[slot])) slot++;
  }
  return out;
}
