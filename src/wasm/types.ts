// Type section (core spec 5.5.4): function types, each stored once.

import { ByteWriter } from "./byte-writer.ts";
import { typeName, type WasmType } from "./opcodes.ts";

/** A function type; at most one result. */
export interface FuncType {
  readonly params: readonly WasmType[];
  readonly results: readonly WasmType[];
}

/** Function types by index. */
export class TypeSection {
  readonly #indices = new Map<string, number>();
  readonly #types: FuncType[] = [];

  /** Index of the type, added when new. */
  add(params: readonly WasmType[], results: readonly WasmType[]): number {
    const key = `${params.map(typeName).join()}:${results.map(typeName).join()}`;
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    this.#indices.set(key, this.#types.length);
    return this.#types.push({ params, results }) - 1;
  }

  /** Section contents. */
  encode(): Uint8Array {
    const out = new ByteWriter();
    if (this.#types.length === 0) return out.view();
    out.u32(this.#types.length);
    for (const { params, results } of this.#types) {
      out.u8(0x60);
      out.u32(params.length);
      for (const type of params) out.u8(type);
      out.u32(results.length);
      for (const type of results) out.u8(type);
    }
    return out.view();
  }
}
