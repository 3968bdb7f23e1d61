// The generated code as WebAssembly text, each BPF instruction above what it became: for people, and for `disasm --wat`.

import { disasmInsn, nameImm } from "../isa/index.ts";
import { lineAt, type VmImage } from "../vm/index.ts";
import { printFunctions } from "../../wasm/index.ts";
import { compile, type CompileOptions } from "./compile.ts";
import { slotAt } from "./source-map.ts";

/** What a listing shows besides the code. */
export interface ListingOptions extends CompileOptions {
  /** Source lines too, when the object has them. */
  readonly source?: boolean;
}

/** The program as WebAssembly text: BPF instructions (and source lines) are comments. Lines without line ends. */
export function listing(image: VmImage, options: ListingOptions): string[] {
  const { bytes, sourceMap } = compile(image, { ...options, listing: true });
  const out: string[] = [];
  for (const { head, lines } of printFunctions(bytes)) {
    out.push(head);
    let slot: number | undefined;
    let source: string | undefined;
    const first = lines[0]?.offset ?? 0;
    const ownMarks = sourceMap.offsets.findIndex((offset) => offset >= first);
    const isProgram = ownMarks !== -1 && sourceMap.offsets[ownMarks] <= (lines.at(-1)?.offset ?? 0);
    for (const { offset, depth, text } of lines) {
      const indent = "  ".repeat(depth);
      const here = isProgram && offset >= sourceMap.offsets[ownMarks] ? slotAt(sourceMap, offset) : undefined;
      if (here !== undefined && here !== slot) {
        slot = here;
        const line = options.source === true ? lineAt(image.lines, slot) : undefined;
        const said = line && `${line.file}:${line.line} ${line.text.trim()}`;
        if (said !== undefined && said !== source) out.push(`${indent};; ${(source = said)}`);
        out.push(`${indent};; ${slot}: ${disasmInsn(image.insns, slot, { imm: nameImm() })}`);
      }
      out.push(`${indent}${text}`);
    }
    // The function's own `end` was printed as an instruction; in text it is the closing parenthesis.
    out.pop();
    out.push(")");
  }
  return out;
}
