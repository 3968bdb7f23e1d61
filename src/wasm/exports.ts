// Export section (core spec 5.5.10): functions and globals by name.

import { ByteWriter } from "./byte-writer.ts";

const KIND = { function: 0x00, table: 0x01, memory: 0x02, global: 0x03 } as const;

/** Exports in order. */
export class ExportSection {
  readonly #contents = new ByteWriter();
  #count = 0;

  /** Adds one; names must differ. */
  add(name: string, kind: keyof typeof KIND, index: number): void {
    this.#count++;
    this.#contents.name(name);
    this.#contents.u8(KIND[kind]);
    this.#contents.u32(index);
  }

  /** Section contents. */
  encode(): Uint8Array {
    const out = new ByteWriter();
    if (this.#count === 0) return out.view();
    out.u32(this.#count);
    out.bytes(this.#contents.view());
    return out.view();
  }
}
