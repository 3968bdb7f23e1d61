// Import section (core spec 5.5.5): functions and one memory, which may be shared (threads proposal).

import { ByteWriter } from "./byte-writer.ts";

/** Page counts (64 KiB) of an imported memory; `maximum` is required when it is shared. */
export interface MemoryLimits {
  readonly minimum: number;
  readonly maximum?: number;
  readonly shared: boolean;
}

/** Imports in order; function imports take the first function indices. */
export class ImportSection {
  readonly #contents = new ByteWriter();
  #count = 0;
  /** Number of imported functions. */
  functions = 0;

  /** Imports a function and gives its index. */
  addFunction(module: string, name: string, type: number): number {
    this.#entry(module, name, 0x00);
    this.#contents.u32(type);
    return this.functions++;
  }

  /** Imports memory 0. */
  addMemory(module: string, name: string, limits: MemoryLimits): void {
    this.#entry(module, name, 0x02);
    writeLimits(this.#contents, limits);
  }

  #entry(module: string, name: string, kind: number): void {
    this.#count++;
    this.#contents.name(module);
    this.#contents.name(name);
    this.#contents.u8(kind);
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

// Flag bits: 1 a maximum follows, 2 shared.
function writeLimits(out: ByteWriter, { minimum, maximum, shared }: MemoryLimits): void {
  out.u8((maximum === undefined ? 0 : 1) | (shared ? 2 : 0));
  out.u32(minimum);
  if (maximum !== undefined) out.u32(maximum);
}
