// Prints the code of a module's functions as WebAssembly text, one instruction a line with its offset, so that a reader
// can hold it against BPF instructions. It reads what this folder writes; foreign modules are shown as far as it can.

import { ATOMIC, ATOMIC_PREFIX, MISC, MISC_PREFIX, OP, SIMD, SIMD_PREFIX, typeName, VOID } from "./opcodes.ts";
import { SECTION } from "./section.ts";

/** One printed instruction. */
export interface TextLine {
  /** Byte offset in the module, as in stack traces of engines. */
  readonly offset: number;
  /** Nesting depth, for indentation. */
  readonly depth: number;
  readonly text: string;
}

/** One printed function. */
export interface TextFunction {
  readonly index: number;
  readonly name: string;
  /** `(func $name (param i32) (result i64)`, and its locals. */
  readonly head: string;
  readonly lines: readonly TextLine[];
}

const invert = (table: Readonly<Record<string, number>>): Map<number, string> =>
  new Map(Object.entries(table).map(([name, code]) => [code, name]));
const NAMES = invert(OP);
const ATOMIC_NAMES = invert(ATOMIC);
const MISC_NAMES = invert(MISC);

/** Reads LEB128 and names; throws RangeError beyond the end. */
class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  u8(): number {
    if (this.at >= this.bytes.length) throw new RangeError(`module ends at ${this.at}`);
    return this.bytes[this.at++];
  }

  leb(signed: boolean): bigint {
    let value = 0n;
    let shift = 0n;
    let byte: number;
    do {
      byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte & 0x80);
    return signed ? BigInt.asIntN(Number(shift), value) : value;
  }

  u32(): number {
    return Number(this.leb(false));
  }

  name(): string {
    const length = this.u32();
    this.at += length;
    return new TextDecoder().decode(this.bytes.slice(this.at - length, this.at));
  }
}

interface ModuleParts {
  readonly types: string[];
  readonly imports: { readonly name: string; readonly type: number }[];
  readonly functions: number[];
  readonly names: Map<number, string>;
  code: Cursor | undefined;
}

function readTypes(cursor: Cursor, parts: ModuleParts): void {
  for (let i = cursor.u32(); i > 0; i--) {
    cursor.u8();
    const params = Array.from({ length: cursor.u32() }, () => typeName(cursor.u8()));
    const results = Array.from({ length: cursor.u32() }, () => typeName(cursor.u8()));
    parts.types.push(
      (params.length > 0 ? ` (param ${params.join(" ")})` : "") +
        (results.length > 0 ? ` (result ${results.join(" ")})` : ""),
    );
  }
}

function readImports(cursor: Cursor, parts: ModuleParts): void {
  for (let i = cursor.u32(); i > 0; i--) {
    const name = `${cursor.name()}.${cursor.name()}`;
    const kind = cursor.u8();
    if (kind === 0x00) parts.imports.push({ name, type: cursor.u32() });
    else if (kind === 0x02) {
      const flags = cursor.u8();
      cursor.u32();
      if (flags & 1) cursor.u32();
    } else throw new RangeError(`import kind ${kind} is not printed`);
  }
}

function readNames(cursor: Cursor, end: number, parts: ModuleParts): void {
  if (cursor.name() !== "name") return;
  while (cursor.at < end) {
    const id = cursor.u8();
    const size = cursor.u32();
    const next = cursor.at + size;
    if (id === 1) for (let i = cursor.u32(); i > 0; i--) parts.names.set(cursor.u32(), cursor.name());
    cursor.at = next;
  }
}

function readModule(bytes: Uint8Array): ModuleParts {
  const parts: ModuleParts = { types: [], imports: [], functions: [], names: new Map(), code: undefined };
  const cursor = new Cursor(bytes, 8);
  while (cursor.at < bytes.length) {
    const id = cursor.u8();
    const size = cursor.u32();
    const end = cursor.at + size;
    if (id === SECTION.type) readTypes(cursor, parts);
    else if (id === SECTION.import) readImports(cursor, parts);
    else if (id === SECTION.function) for (let i = cursor.u32(); i > 0; i--) parts.functions.push(cursor.u32());
    else if (id === SECTION.code) parts.code = new Cursor(bytes, cursor.at);
    else if (id === SECTION.custom) readNames(cursor, end, parts);
    cursor.at = end;
  }
  return parts;
}

// The instruction at the cursor, without indentation.
function readInstruction(cursor: Cursor, functionName: (index: number) => string): string {
  const code = cursor.u8();
  if (code === ATOMIC_PREFIX) {
    const sub = cursor.u32();
    const name = ATOMIC_NAMES.get(sub) ?? `atomic 0x${sub.toString(16)}`;
    if (name === "atomic.fence") {
      cursor.u8();
      return name;
    }
    return name + memarg(cursor, name);
  }
  if (code === SIMD_PREFIX) {
    const sub = cursor.u32();
    return sub === SIMD["v128.store"] ? `v128.store${memarg(cursor, "v128.store128")}` : "i64x2.splat";
  }
  if (code === MISC_PREFIX) {
    const name = MISC_NAMES.get(cursor.u32()) ?? "misc";
    cursor.u8();
    if (name === "memory.copy") cursor.u8();
    return name;
  }
  const name = NAMES.get(code) ?? `0x${code.toString(16)}`;
  if (code === OP.block || code === OP.loop || code === OP.if) {
    const type = cursor.u8();
    return type === VOID ? name : `${name} (result ${typeName(type)})`;
  }
  if (code === OP.br || code === OP.br_if) return `${name} ${cursor.u32()}`;
  if (code === OP.br_table) return `${name} ${Array.from({ length: cursor.u32() + 1 }, () => cursor.u32()).join(" ")}`;
  if (code === OP.call) return `${name} $${functionName(cursor.u32())}`;
  if (code === OP.call_indirect) return `${name} (type ${cursor.u32()}) ${cursor.u32()}`;
  if (code >= OP["local.get"] && code <= OP["global.set"]) return `${name} ${cursor.u32()}`;
  if (code >= OP["i32.load"] && code <= OP["i64.store32"]) return name + memarg(cursor, name);
  if (code === OP["memory.size"] || code === OP["memory.grow"]) {
    cursor.u8();
    return name;
  }
  if (code === OP["i32.const"] || code === OP["i64.const"]) return `${name} ${cursor.leb(true)}`;
  return name;
}

// The text format leaves out an offset of 0 and the natural alignment.
function memarg(cursor: Cursor, name: string): string {
  const align = 2 ** cursor.u32();
  const offset = cursor.u32();
  const bits = /(?:load|store|rmw|wait)(8|16|32|64|128)/.exec(name)?.[1] ?? name.slice(1, 3);
  const natural = name === "memory.atomic.notify" ? 4 : Number(bits) / 8;
  return (offset === 0 ? "" : ` offset=${offset}`) + (align === natural ? "" : ` align=${align}`);
}

/** The functions defined in a module, as text. Throws RangeError when the bytes are not a module this can read. */
export function printFunctions(bytes: Uint8Array): TextFunction[] {
  const parts = readModule(bytes);
  const cursor = parts.code;
  if (cursor === undefined) return [];
  const imports = parts.imports.length;
  const functionName = (index: number): string => parts.names.get(index) ?? parts.imports[index]?.name ?? String(index);
  return Array.from({ length: cursor.u32() }, (_, i) => {
    const size = cursor.u32();
    const end = cursor.at + size;
    const locals: string[] = [];
    for (let run = cursor.u32(); run > 0; run--) {
      const count = cursor.u32();
      const type = typeName(cursor.u8());
      locals.push(count === 1 ? type : `${count} x ${type}`);
    }
    const lines: TextLine[] = [];
    let depth = 1;
    while (cursor.at < end) {
      const offset = cursor.at;
      const text = readInstruction(cursor, functionName);
      if (text === "end" || text === "else") depth--;
      lines.push({ offset, depth, text });
      if (text === "else" || /^(block|loop|if)\b/.test(text)) depth++;
    }
    const type = parts.types[parts.functions[i]] ?? "";
    const head = `(func $${functionName(imports + i)}${type}${locals.length > 0 ? ` (local ${locals.join(", ")})` : ""}`;
    return { index: imports + i, name: functionName(imports + i), head, lines };
  });
}
