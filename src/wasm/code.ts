// Code section (core spec 5.5.13): locals in runs of one type, then the expression. Gives back where each expression
// starts, because engines report traps as offsets into the module.

import { ByteWriter } from "./byte-writer.ts";
import type { WasmType } from "./opcodes.ts";

/** The body of one function: its locals beyond the parameters, and its code including the final `end`. */
export interface FuncBody {
  readonly locals: readonly WasmType[];
  readonly code: Uint8Array;
}

/** Section contents, and for each body the offset of its first instruction in them. */
export function encodeCode(bodies: readonly FuncBody[]): { contents: Uint8Array; offsets: number[] } {
  const out = new ByteWriter(bodies.reduce((sum, body) => sum + body.code.length + 32, 16));
  const offsets: number[] = [];
  if (bodies.length === 0) return { contents: out.view(), offsets };
  out.u32(bodies.length);
  for (const { locals, code } of bodies) {
    const head = encodeLocals(locals);
    out.u32(head.length + code.length);
    out.bytes(head);
    offsets.push(out.length);
    out.bytes(code);
  }
  return { contents: out.view(), offsets };
}

function encodeLocals(locals: readonly WasmType[]): Uint8Array {
  const runs: [count: number, type: WasmType][] = [];
  for (const type of locals) {
    const last = runs.at(-1);
    if (last?.[1] === type) last[0]++;
    else runs.push([1, type]);
  }
  const out = new ByteWriter(16);
  out.u32(runs.length);
  for (const [count, type] of runs) {
    out.u32(count);
    out.u8(type);
  }
  return out.view();
}
