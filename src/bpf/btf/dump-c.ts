// BTF as a C header that clang accepts, in the manner of `bpftool btf dump file X format c` (vmlinux.h): every type after
// those it needs, forward declarations where pointers suffice, padding and packing so that sizes and offsets come out as
// in BTF. Type tags and decl tags are left out, but for kfuncs, whose prototypes are declared.

import { Alignments, StructCursor } from "./c-layout.ts";
import type { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { formatDeclaration, type LeafText } from "./format.ts";
import type { BtfComposite, BtfEnum, BtfMember, BtfType } from "./types.ts";

/** What to dump. */
export interface DumpCOptions {
  /** Only these types, functions and variables, by name, and what they need; everything when absent. */
  readonly roots?: readonly string[] | undefined;
  /** Name of the include guard. */
  readonly guard?: string | undefined;
}

const C_WORDS: ReadonlySet<string> = new Set([
  "char",
  "short",
  "int",
  "long",
  "signed",
  "unsigned",
  "_Bool",
  "__int128",
  "float",
  "double",
]);
/** Typedefs the compiler brings along. */
const BUILT_IN: ReadonlySet<string> = new Set(["__builtin_va_list"]);
const DEEPEST = 200;
/** vmlinux takes less than a million. */
const MOST_WORK = 8_000_000;

const endless = (id: number): BtfError =>
  new BtfError("BTF_LOOP", { message: "types nest without end", where: `BTF type ${id}` });

const isC = (name: string): boolean => name !== "" && name.split(" ").every((word) => C_WORDS.has(word));

/** A C integer type of `size` bytes. */
function integerName(size: number, signed: boolean): string {
  const name = new Map([
    [1, "char"],
    [2, "short"],
    [4, "int"],
    [8, "long long"],
    [16, "__int128"],
  ]).get(size);
  return name === undefined ? "" : `${signed ? (name === "char" ? "signed " : "") : "unsigned "}${name}`;
}

class Dump {
  readonly lines: string[] = [];
  readonly #btf: Btf;
  readonly #alignments: Alignments;
  readonly #done = new Set<number>();
  readonly #busy = new Set<number>();
  readonly #forward = new Set<string>();
  /** Names given out, by name space: tags, and everything else. */
  readonly #tags = new Map<string, number>();
  readonly #idents = new Map<string, number>();
  readonly #names = new Map<number, string>();
  readonly #leaf: LeafText = (type, id) => this.#leafText(type, id);
  #depth = 0;
  #work = 0;
  #indent = 0;

  constructor(btf: Btf) {
    this.#btf = btf;
    this.#alignments = new Alignments(btf);
  }

  /** Types shared by many nameless ones could be printed without end. */
  #count(id: number): void {
    if (++this.#work > MOST_WORK) throw endless(id);
  }

  /** A name not given out before: the second of one name is `name___2`. */
  #fresh(space: Map<string, number>, name: string): string {
    const count = (space.get(name) ?? 0) + 1;
    space.set(name, count);
    return count === 1 ? name : `${name}___${count}`;
  }

  #tagName(id: number, type: BtfType): string {
    let name = this.#names.get(id);
    if (name === undefined) {
      name = type.kind === "FWD" ? type.name : this.#fresh(this.#tags, type.name);
      this.#names.set(id, name);
    }
    return name;
  }

  #identName(id: number, type: { readonly name: string }): string {
    let name = this.#names.get(id);
    if (name === undefined) this.#names.set(id, (name = this.#fresh(this.#idents, type.name)));
    return name;
  }

  #keyword(type: BtfType): string {
    if (type.kind === "FWD") return type.union ? "union" : "struct";
    return type.kind === "STRUCT" ? "struct" : type.kind === "UNION" ? "union" : "enum";
  }

  #leafText(type: BtfType, id: number): string {
    switch (type.kind) {
      case "STRUCT":
      case "UNION":
        return type.name === "" ? this.#body(type, "") : `${this.#keyword(type)} ${this.#tagName(id, type)}`;
      case "ENUM":
      case "ENUM64":
        return type.name === "" ? this.#enumBody(type, "") : `enum ${this.#tagName(id, type)}`;
      case "FWD":
        return `${this.#keyword(type)} ${type.name}`;
      case "TYPEDEF":
        return BUILT_IN.has(type.name) ? type.name : this.#identName(id, type);
      default:
        return type.name || "void";
    }
  }

  /** `struct name { ... }`, over several lines joined by newlines; the caller ends the declaration. */
  #body(type: BtfComposite, name: string): string {
    const packed = this.#alignments.packed(type);
    const head = [this.#keyword(type), name].filter(Boolean).join(" ");
    const inner = "\t".repeat(this.#indent + 1);
    const lines: string[] = [];
    const cursor = new StructCursor(this.#btf, this.#alignments, packed);
    this.#indent++;
    for (const member of type.members) {
      this.#count(member.type);
      const size = member.bitfield_size > 0 ? 0 : this.#btf.sizeOf(member.type);
      if (type.kind === "STRUCT") lines.push(...cursor.place(member, size));
      const bits = member.bitfield_size > 0 ? `: ${member.bitfield_size}` : "";
      lines.push(`${this.#member(member)}${bits};`);
    }
    this.#indent--;
    const align = packed
      ? 1
      : type.members.reduce((widest, { type: id }) => Math.max(widest, this.#alignments.of(id)), 1);
    if (type.kind === "STRUCT") lines.push(...cursor.end(type.size, align));
    const end = `${"\t".repeat(this.#indent)}}${this.#attributes(type, packed, align)}`;
    return lines.length === 0
      ? `${head} {}${this.#attributes(type, packed, align)}`
      : `${head} {\n${lines.map((line) => inner + line).join("\n")}\n${end}`;
  }

  #member({ name, type: id }: BtfMember): string {
    if (name === "") {
      const type = this.#btf.type(id);
      // a struct with a tag and no member name is an extension of C: its members are repeated instead
      if (type.kind === "STRUCT" || type.kind === "UNION") return this.#body(type, "");
    }
    return formatDeclaration(this.#btf, id, name, this.#leaf);
  }

  #attributes(type: BtfComposite, packed: boolean, align: number): string {
    if (packed) return " __attribute__((packed))";
    if (type.kind === "STRUCT") return "";
    // a union cannot be padded: its alignment makes its size
    const largest = type.members.reduce(
      (size, { type: id, bitfield_size }) =>
        Math.max(size, bitfield_size > 0 ? Math.ceil(bitfield_size / 8) : this.#btf.sizeOf(id)),
      0,
    );
    let needed = align;
    while (Math.ceil(largest / needed) * needed < type.size && type.size % (needed * 2) === 0) needed *= 2;
    return needed > align ? ` __attribute__((aligned(${needed})))` : "";
  }

  #enumBody(type: BtfEnum, name: string): string {
    const head = ["enum", name].filter(Boolean).join(" ");
    if (type.values.length === 0) return head;
    const inner = "\t".repeat(this.#indent + 1);
    const suffix = type.kind === "ENUM64" ? (type.signed ? "LL" : "ULL") : "";
    const values = type.values.map(({ name: value, val }) => {
      const text = val === -(2n ** 63n) ? "(-9223372036854775807LL - 1)" : `${val}${suffix}`;
      return `${inner}${this.#fresh(this.#idents, value)} = ${text},\n`;
    });
    const mode =
      type.size === 1
        ? " __attribute__((mode(byte)))"
        : type.size === 2
          ? " __attribute__((mode(HI)))"
          : type.size === 8 && type.kind === "ENUM"
            ? " __attribute__((mode(DI)))"
            : "";
    return `${head} {\n${values.join("")}${"\t".repeat(this.#indent)}}${mode}`;
  }

  #emit(text: string): void {
    for (const line of `${text};`.split("\n")) this.lines.push(line);
    this.lines.push("");
  }

  #forwardDeclare(id: number, type: BtfType): void {
    const text = `${this.#keyword(type)} ${this.#tagName(id, type)}`;
    if (this.#done.has(id) || this.#forward.has(text)) return;
    this.#forward.add(text);
    this.#emit(text);
  }

  /** Makes sure that a declaration with type `id` can follow. `whole`: its size is needed too. */
  need(id: number, whole: boolean): void {
    this.#count(id);
    if (++this.#depth > DEEPEST) throw endless(id);
    const type = this.#btf.type(id);
    switch (type.kind) {
      case "INT":
      case "FLOAT":
        this.#scalar(id, type);
        break;
      case "PTR":
        this.need(type.type, false);
        break;
      case "CONST":
      case "VOLATILE":
      case "RESTRICT":
      case "TYPE_TAG":
      case "DECL_TAG":
      case "VAR":
      case "FUNC":
        this.need(type.type, whole);
        break;
      case "ARRAY":
        // an array's element must be complete even behind a pointer
        this.need(type.type, true);
        break;
      case "FUNC_PROTO":
        this.need(type.type, false);
        for (const param of type.params) this.need(param.type, false);
        break;
      case "TYPEDEF":
        this.#typedef(id, type);
        if (whole) this.need(type.type, true);
        break;
      case "FWD":
        this.#forwardDeclare(id, type);
        break;
      case "ENUM":
      case "ENUM64":
        if (type.name !== "") this.#once(id, () => this.#emit(this.#enumBody(type, this.#tagName(id, type))));
        break;
      case "STRUCT":
      case "UNION":
        this.#composite(id, type, whole);
        break;
      default:
        break;
    }
    this.#depth--;
  }

  #once(id: number, emit: () => void): void {
    if (this.#done.has(id)) return;
    this.#done.add(id);
    emit();
  }

  #scalar(id: number, type: BtfType & { kind: "INT" | "FLOAT" }): void {
    if (isC(type.name)) return;
    this.#once(id, () => {
      const integer = type.kind === "INT" ? integerName(type.size, type.signed) : "";
      const floats = new Map([
        [4, "float"],
        [8, "double"],
      ]);
      const name = integer || (type.kind === "FLOAT" && floats.get(type.size));
      this.#emit(name ? `typedef ${name} ${type.name}` : `typedef struct { char bytes[${type.size}]; } ${type.name}`);
    });
  }

  #typedef(id: number, type: { readonly name: string; readonly type: number }): void {
    if (this.#done.has(id) || this.#busy.has(id) || BUILT_IN.has(type.name)) return;
    this.#busy.add(id);
    this.need(type.type, false);
    this.#busy.delete(id);
    this.#once(id, () =>
      this.#emit(`typedef ${formatDeclaration(this.#btf, type.type, this.#identName(id, type), this.#leaf)}`),
    );
  }

  #composite(id: number, type: BtfComposite, whole: boolean): void {
    if (type.name === "") {
      if (this.#busy.has(id)) return;
      this.#busy.add(id);
      for (const member of type.members) this.need(member.type, true);
      this.#busy.delete(id);
      return;
    }
    if (!whole) return this.#forwardDeclare(id, type);
    if (this.#done.has(id)) return;
    if (this.#busy.has(id)) {
      throw new BtfError("BTF_LOOP", { message: `struct ${type.name} contains itself`, where: `BTF type ${id}` });
    }
    this.#busy.add(id);
    for (const member of type.members) this.need(member.type, true);
    this.#busy.delete(id);
    this.#once(id, () => this.#emit(this.#body(type, this.#tagName(id, type))));
  }

  /** An enum without a name that nothing refers to stands alone. */
  looseEnum(id: number): void {
    const type = this.#btf.type(id) as BtfEnum;
    this.#once(id, () => this.#emit(this.#enumBody(type, "")));
  }

  kfunc(id: number): void {
    const type = this.#btf.type(id) as BtfType & { kind: "FUNC" };
    const proto = this.#btf.type(type.type) as BtfType & { kind: "FUNC_PROTO" };
    const params = proto.params.map((param) =>
      param.type === 0 ? "..." : formatDeclaration(this.#btf, param.type, param.name, this.#leaf),
    );
    // the return type stands around `name(params)`
    const text = formatDeclaration(this.#btf, proto.type, `${type.name}(${params.join(", ") || "void"})`, this.#leaf);
    this.lines.push(`extern ${text} __weak __ksym;`);
  }
}

/** Ids that other types refer to: anonymous enums among them are printed where they are used. */
function referredTo(btf: Btf): Set<number> {
  const ids = new Set<number>();
  for (let id = 1; id < btf.nrTypes; id++) {
    if (!["STRUCT", "UNION", "TYPEDEF", "ARRAY", "PTR", "CONST", "VOLATILE", "VAR"].includes(btf.kind(id))) continue;
    const type = btf.type(id);
    if (type.kind === "STRUCT" || type.kind === "UNION") for (const member of type.members) ids.add(member.type);
    else if ("type" in type) ids.add(type.type);
  }
  return ids;
}

const STANDALONE: ReadonlySet<string> = new Set(["STRUCT", "UNION", "ENUM", "ENUM64", "TYPEDEF"]);

function dumpAll(btf: Btf, dump: Dump): void {
  const referred = referredTo(btf);
  for (let id = 1; id < btf.nrTypes; id++) {
    const kind = btf.kind(id);
    if (!STANDALONE.has(kind)) continue;
    if (btf.nameOf(id) !== "") dump.need(id, true);
    else if ((kind === "ENUM" || kind === "ENUM64") && !referred.has(id)) dump.looseEnum(id);
  }
}

function dumpRoots(btf: Btf, dump: Dump, roots: readonly string[]): void {
  for (const name of roots) {
    const ids = btf.findAllByName(name);
    if (ids.length === 0) throw new BtfError("BTF_ID", { message: "there is no type of that name", found: name });
    for (const id of ids) dump.need(id, true);
  }
}

/** FUNCs marked as kfuncs by a decl tag. */
function kfuncIds(btf: Btf): number[] {
  const ids = new Set<number>();
  for (const id of btf.ofKind("DECL_TAG")) {
    const tag = btf.type(id) as BtfType & { kind: "DECL_TAG" };
    if (tag.name === "bpf_kfunc" && tag.component_idx === -1 && btf.kind(tag.type) === "FUNC") ids.add(tag.type);
  }
  return [...ids];
}

/** The header. Throws BtfError. */
export function dumpC(btf: Btf, { roots, guard = "__VMLINUX_H__" }: DumpCOptions = {}): string {
  const dump = new Dump(btf);
  if (roots === undefined) dumpAll(btf, dump);
  else dumpRoots(btf, dump, roots);
  const kfuncs = kfuncIds(btf).filter((id) => roots === undefined || roots.includes(btf.nameOf(id)));
  for (const id of kfuncs) dump.need(id, false);
  const types = dump.lines.splice(0);
  for (const id of kfuncs) dump.kfunc(id);
  return [
    `#ifndef ${guard}`,
    `#define ${guard}`,
    "",
    "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX",
    "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)",
    "#endif",
    "",
    "#ifndef __ksym",
    '#define __ksym __attribute__((section(".ksyms")))',
    "#endif",
    "",
    "#ifndef __weak",
    "#define __weak __attribute__((weak))",
    "#endif",
    "",
    ...types,
    ...(kfuncs.length > 0 ? ["#ifndef BPF_NO_KFUNC_PROTOTYPES", ...dump.lines, "#endif", ""] : []),
    "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX",
    "#pragma clang attribute pop",
    "#endif",
    "",
    `#endif /* ${guard} */`,
    "",
  ].join("\n");
}
