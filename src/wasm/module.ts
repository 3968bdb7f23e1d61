// A module put together: sections in the order the core spec (5.5.16) wants, function indices handed out as functions
// are declared. No tables, data or start: the programs compiled here need none.

import { ByteWriter } from "./byte-writer.ts";
import { encodeCode, type FuncBody } from "./code.ts";
import { ExportSection } from "./exports.ts";
import { encodeFunctions } from "./functions.ts";
import { GlobalSection } from "./globals.ts";
import { ImportSection } from "./imports.ts";
import { encodeNames } from "./names.ts";
import type { WasmType } from "./opcodes.ts";
import { SECTION, writeSection } from "./section.ts";
import { TypeSection } from "./types.ts";

/** The bytes of a module, and where the code of each function defined in it starts (in order of declaration). */
export interface EncodedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly codeOffsets: readonly number[];
}

/** Collects a module. Declare all imports before the first function, then give every declared function its body. */
export class ModuleWriter {
  readonly types: TypeSection = new TypeSection();
  readonly imports: ImportSection = new ImportSection();
  readonly globals: GlobalSection = new GlobalSection();
  readonly exports: ExportSection = new ExportSection();
  readonly #name: string;
  readonly #functionTypes: number[] = [];
  readonly #bodies: (FuncBody | undefined)[] = [];
  readonly #names: (string | undefined)[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** Imports a function and gives its index. */
  importFunction(module: string, name: string, params: readonly WasmType[], results: readonly WasmType[]): number {
    if (this.#bodies.length > 0) throw new RangeError("imports come before functions");
    const index = this.imports.addFunction(module, name, this.types.add(params, results));
    this.#names[index] = name;
    return index;
  }

  /** Declares a function and gives its index; its body follows by `define`. */
  declare(name: string, params: readonly WasmType[], results: readonly WasmType[]): number {
    this.#functionTypes.push(this.types.add(params, results));
    const index = this.imports.functions + this.#bodies.push(undefined) - 1;
    this.#names[index] = name;
    return index;
  }

  /** Gives a declared function its body. */
  define(index: number, body: FuncBody): void {
    this.#bodies[index - this.imports.functions] = body;
  }

  /** The module as bytes. */
  finish(): EncodedModule {
    const bodies = this.#bodies.map((body, i) => {
      if (body === undefined)
        throw new RangeError(`function ${i} (${this.#names[this.imports.functions + i]}) has no body`);
      return body;
    });
    const { contents, offsets } = encodeCode(bodies);
    const out = new ByteWriter(contents.length + 4096);
    out.bytes(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00));
    writeSection(out, SECTION.type, this.types.encode());
    writeSection(out, SECTION.import, this.imports.encode());
    writeSection(out, SECTION.function, encodeFunctions(this.#functionTypes));
    writeSection(out, SECTION.global, this.globals.encode());
    writeSection(out, SECTION.export, this.exports.encode());
    writeSection(out, SECTION.code, contents);
    const codeStart = out.length - contents.length;
    writeSection(out, SECTION.custom, encodeNames(this.#name, this.#names));
    return { bytes: out.view().slice(), codeOffsets: offsets.map((offset) => codeStart + offset) };
  }
}
