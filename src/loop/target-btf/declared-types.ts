// C declarations, as the tables of this folder write them, to BTF types: one at a time, when they are asked for by name.
// The grammar is C's, but that structs go without the word, members say where they lie, and nothing is nested but structs
// and unions without a name.

import { FIELD_SIZE, type Layout } from "../../base/index.ts";
import type { BtfEnumerator, BtfMember, BtfType, GrowingBtf, TypeSource } from "../../bpf/btf/index.ts";
import { ATTRIBUTES, ENUMS, INTS, PERCPU, TYPEDEFS } from "./types.ts";

/** What there is of a target, by name. */
export interface Declarations {
  /** Kfuncs: declarations that end in `;`. */
  readonly kfuncs: string;
  /** Of the kfuncs, those that are there; all unless given. */
  readonly only?: ReadonlySet<string>;
  /** Functions that programs do not call. */
  readonly functions: string;
  /** Structs: `SIZE: TYPE MEMBER @OFFSET; ...`, or what writes that. */
  readonly structs: Readonly<Record<string, string | (() => string)>>;
  /** Per-CPU variables: `TYPE @OFFSET`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Enums without a name: their values. */
  readonly values: readonly Readonly<Record<string, number>>[];
}

const VOID = 0;
const GLOBAL = 1;

/** A layout as a struct's row: what shares bytes becomes a union, in it what follows one another a struct. */
export function rowOf({ size, fields }: Layout): string {
  const sorted = Object.entries(fields)
    .map(([name, [start, type]]) => ({ text: `__${type} ${name} @${start}`, start, end: start + FIELD_SIZE[type] }))
    .sort((a, b) => a.start - b.start);
  const members: string[] = [];
  /** Members that share bytes, as chains of those that do not. */
  let chains: { text: string[]; end: number }[] = [];
  const close = (): void => {
    const texts = chains.map(({ text }) => (text.length > 1 ? `struct { ${text.join("; ")} }` : text[0]));
    if (texts.length > 0) members.push(texts.length > 1 ? `union { ${texts.join("; ")} }` : texts[0]);
    chains = [];
  };
  for (const { text, start, end } of sorted) {
    if (chains.every((chain) => chain.end <= start)) close();
    const chain = chains.find((one) => one.end <= start);
    if (chain === undefined) chains.push({ text: [text], end });
    else {
      chain.text.push(text);
      chain.end = end;
    }
  }
  close();
  return `${size}: ${members.join("; ")}`;
}

/** Cuts at each `separator` that stands outside of brackets. */
function cut(text: string, separator: "," | ";"): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "(" || c === "{") depth++;
    else if (c === ")" || c === "}") depth--;
    else if (c === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

/** A declaration's type and name: `char comm[16]` is of type `char[16]`. */
function declared(text: string): readonly [type: string, name: string] {
  const pointer = text.indexOf("(*");
  if (pointer >= 0) {
    const end = text.indexOf(")", pointer);
    return [`${text.slice(0, pointer + 2)}${text.slice(end)}`, text.slice(pointer + 2, end)];
  }
  const [, type, name, array] = /^(.*?)(\w*)((?:\[\d+\])*)$/.exec(text)!;
  return type === "" ? [name, ""] : [`${type.trimEnd()}${array}`, name];
}

/** The declaration of function `name` among `functions`, without the `;`. */
export function functionNamed(functions: string, name: string): string | undefined {
  for (let at = functions.indexOf(`${name}(`); at >= 0; at = functions.indexOf(`${name}(`, at + 1)) {
    if (at > 0 && /\w/.test(functions[at - 1])) continue;
    const start = functions.lastIndexOf(";", at) + 1;
    return functions.slice(start, functions.indexOf(";", at)).trim();
  }
  return undefined;
}

/** Names of all `functions`, in order. */
export function functionNames(functions: string): string[] {
  return Array.from(functions.matchAll(/(?:^|;)[^(;]*?(\w+)\(/g), (match) => match[1]);
}

/** See the head of the file. */
export class DeclaredTypes implements TypeSource {
  readonly #from: Declarations;
  /** Ids of types by how they are written. */
  readonly #ids = new Map<string, number>([["void", VOID]]);
  readonly #variables = new Map<string, number>();

  constructor(from: Declarations) {
    this.#from = from;
  }

  *names(): Generator<string> {
    yield "";
    yield* Object.keys(this.#from.structs);
    yield* Object.keys(ENUMS);
    yield* functionNames(this.#from.kfuncs);
    yield* functionNames(this.#from.functions);
    yield* Object.keys(this.#from.variables);
    yield PERCPU[0];
  }

  add(name: string, to: GrowingBtf): void {
    const { kfuncs, only, functions, structs, values, variables } = this.#from;
    if (name === "") {
      for (const list of values) to.add(enumOf("", Object.entries(list)));
      return;
    }
    if (Object.hasOwn(structs, name) || Object.hasOwn(TYPEDEFS, name)) this.#type(name, to);
    if (Object.hasOwn(ENUMS, name)) this.#type(`enum ${name}`, to);
    if (Object.hasOwn(variables, name)) this.#variable(name, to);
    if (name === PERCPU[0]) this.#section(to);
    const kfunc = only?.has(name) === false ? undefined : functionNamed(kfuncs, name);
    const declaration = kfunc ?? functionNamed(functions, name);
    if (declaration !== undefined) {
      const type = this.#function(declaration, name, to);
      // by this tag a listing in C knows what to declare
      if (kfunc !== undefined) to.add({ kind: "DECL_TAG", name: "bpf_kfunc", type, component_idx: -1 });
    }
    for (const [spelled, [known]] of Object.entries(INTS)) if (known === name) this.#type(spelled, to);
  }

  /** The id of a type as it is written. */
  #type(text: string, to: GrowingBtf): number {
    let id = this.#ids.get(text);
    if (id === undefined) {
      id = this.#make(text, to);
      this.#ids.set(text, id);
    }
    return id;
  }

  #make(text: string, to: GrowingBtf): number {
    if (text.endsWith("*")) {
      const type = this.#type(text.slice(0, -1).trimEnd(), to);
      return to.add({ kind: "PTR", name: "", type });
    }
    if (text.endsWith("]")) return this.#array(text, to);
    if (text.endsWith(")")) {
      const at = text.indexOf("(*)");
      const type = this.#prototype(text.slice(0, at).trimEnd(), text.slice(at + 4, -1), to);
      return to.add({ kind: "PTR", name: "", type });
    }
    const word = text.slice(text.lastIndexOf(" ") + 1);
    if (Object.hasOwn(ATTRIBUTES, word)) {
      const type = this.#type(text.slice(0, -word.length).trimEnd(), to);
      return to.add({ kind: "TYPE_TAG", name: ATTRIBUTES[word], type, attribute: true });
    }
    if (text.startsWith("const ")) return to.add({ kind: "CONST", name: "", type: this.#type(text.slice(6), to) });
    if (text.startsWith("enum ")) {
      const name = text.slice(5);
      return to.add(enumOf(name, enumerators(ENUMS[name])));
    }
    if (Object.hasOwn(INTS, text)) {
      const [name, size, signed] = INTS[text];
      return to.add({
        kind: "INT",
        name,
        size,
        bits: size * 8,
        offset: 0,
        signed,
        char: false,
        bool: text === "_Bool",
      });
    }
    if (Object.hasOwn(TYPEDEFS, text)) {
      const behind = TYPEDEFS[text];
      const type = behind.startsWith("{") ? this.#struct("", behind.slice(1, -1), to) : this.#type(behind, to);
      return to.add({ kind: "TYPEDEF", name: text, type });
    }
    if (Object.hasOwn(this.#from.structs, text)) return this.#struct(text, this.#from.structs[text], to);
    throw new TypeError(`no type is declared as "${text}"`);
  }

  #array(text: string, to: GrowingBtf): number {
    const open = text.indexOf("[");
    const close = text.indexOf("]", open);
    const type = this.#type(text.slice(0, open) + text.slice(close + 1), to);
    return to.add({
      kind: "ARRAY",
      name: "",
      type,
      index_type: this.#type("unsigned int", to),
      nelems: Number(text.slice(open + 1, close)),
    });
  }

  #prototype(result: string, params: string, to: GrowingBtf): number {
    const list = params === "void" ? [] : cut(params, ",");
    const made = list.map((param) => {
      const [type, name] = declared(param);
      return { name, type: this.#type(type, to) };
    });
    return to.add({ kind: "FUNC_PROTO", name: "", type: this.#type(result, to), params: made });
  }

  #function(declaration: string, name: string, to: GrowingBtf): number {
    const text = declaration.replaceAll(/\s+/g, " ");
    const at = text.indexOf(`${name}(`);
    const type = this.#prototype(text.slice(0, at).trimEnd(), text.slice(at + name.length + 1, -1), to);
    return to.add({ kind: "FUNC", name, type, linkage: GLOBAL });
  }

  #struct(name: string, row: string | (() => string), to: GrowingBtf): number {
    return to.addLater("STRUCT", name, () => {
      const text = typeof row === "string" ? row : row();
      const at = text.indexOf(":");
      return {
        kind: "STRUCT",
        name,
        size: Number(text.slice(0, at)),
        members: this.#members(text.slice(at + 1), 0, to),
      };
    });
  }

  /** `from`: the offset of what they are members of, in bits. */
  #members(text: string, from: number, to: GrowingBtf): BtfMember[] {
    return cut(text, ";").map((item) => {
      const inner = /^(struct|union) \{(.*)\}$/s.exec(item);
      if (inner) return this.#nameless(inner[1] === "union" ? "UNION" : "STRUCT", inner[2], from, to);
      const [, declaration, bits = "0", byte, bit = "0"] = /^(.*?)(?::(\d+))? @(\d+)(?:\.(\d))?$/s.exec(item)!;
      const [type, name] = declared(declaration);
      return {
        name,
        type: this.#type(type, to),
        bit_offset: Number(byte) * 8 + Number(bit) - from,
        bitfield_size: Number(bits),
      };
    });
  }

  /** It begins where its first member does, and ends where its last one ends. */
  #nameless(kind: "STRUCT" | "UNION", text: string, from: number, to: GrowingBtf): BtfMember {
    const inner = this.#members(text, 0, to);
    const start = Math.min(...inner.map(({ bit_offset }) => bit_offset));
    const ends = inner.map(({ bit_offset, type }) => bit_offset / 8 + to.sizeOf(type));
    const members = inner.map((member) => ({ ...member, bit_offset: member.bit_offset - start }));
    const type = to.add({ kind, name: "", size: Math.max(...ends) - start / 8, members });
    return { name: "", type, bit_offset: start - from, bitfield_size: 0 };
  }

  #variable(name: string, to: GrowingBtf): number {
    let id = this.#variables.get(name);
    if (id === undefined) {
      const type = this.#type(this.#from.variables[name].split(" @")[0], to);
      id = to.add({ kind: "VAR", name, type, linkage: GLOBAL });
      this.#variables.set(name, id);
    }
    return id;
  }

  #section(to: GrowingBtf): void {
    const [name, size] = PERCPU;
    const vars = Object.entries(this.#from.variables).map(([variable, text]) => {
      const type = this.#variable(variable, to);
      return { type, offset: Number(text.split(" @")[1]), size: to.sizeOf(type) };
    });
    to.add({ kind: "DATASEC", name, size, vars });
  }
}

/** Names with their values: one more than the one before, but for `NAME=N`. */
function enumerators(text: string): [name: string, value: number][] {
  let next = 0;
  return text.split(/\s+/).map((item) => {
    const [name, value] = item.split("=");
    if (value !== undefined) next = Number(value);
    return [name, next++];
  });
}

function enumOf(name: string, entries: readonly (readonly [string, number])[]): BtfType {
  const values: BtfEnumerator[] = entries.map(([value, number]) => ({ name: value, val: BigInt(number) }));
  return { kind: "ENUM", name, size: 4, signed: false, values };
}
