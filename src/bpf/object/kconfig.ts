// Variables a program declares in .kconfig (`extern int CONFIG_HZ __kconfig`): the loader fills them in from the configuration
// of the kernel the program is for, before the verifier sees them as constants. Names, types and places are as libbpf has
// them: LINUX_* are facts libbpf knows by itself, CONFIG_* options of the kernel's .config.

import { alignUp, didYouMean, someOf, viewOf } from "../../base/index.ts";
import { STB_WEAK, type ElfFile } from "../../elf/index.ts";
import {
  Alignments,
  BtfError,
  formatType,
  writeValue,
  type Btf,
  type BtfDatasec,
  type BtfVarSecinfo,
  type BtfWritable,
} from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import type { GlobalSpec, MapSpec } from "./types.ts";

export const KCONFIG = ".kconfig";

/** What a kernel is. */
export interface KernelConfig {
  /** LINUX_VERSION_CODE: `(major << 16) + (minor << 8) + patch`. */
  readonly version: number;
  /** An option as its .config has it: `y`, `m`, `250`, `"text"`; undefined when it is not set. */
  readonly option: (name: string) => string | undefined;
}

/** What libbpf finds out about a kernel by itself, by the name a program asks with. Every kernel with loops has the last two. */
const VIRTUAL: Readonly<Record<string, (kernel: KernelConfig) => number>> = {
  LINUX_KERNEL_VERSION: ({ version }) => version,
  LINUX_HAS_BPF_COOKIE: () => 1,
  LINUX_HAS_SYSCALL_WRAPPER: () => 1,
};

type Kind = "bool" | "char" | "int" | "string" | "tristate";

const TRISTATE = "libbpf_tristate";
/** enum libbpf_tristate. */
const TRI: Readonly<Record<string, number>> = { n: 0, y: 1, m: 2 };

const problem = (name: string, message: string, found: string, expected?: string, remedy?: string): ObjectError =>
  new ObjectError("OBJECT_KCONFIG", { message, found, expected, where: `extern ${name}`, remedy });

/** What values a variable of type `id` takes; undefined for a type that .kconfig cannot have. */
function kindOf(btf: Btf, id: number): Kind | undefined {
  const type = btf.resolved(id);
  switch (type.kind) {
    case "INT":
      if (type.bool) return type.size === 1 ? "bool" : undefined;
      if (type.size === 1) return "char";
      return [2, 4, 8].includes(type.size) ? "int" : undefined;
    case "ENUM":
    case "ENUM64":
      return type.name === TRISTATE ? "tristate" : undefined;
    case "ARRAY":
      return type.nelems > 0 && kindOf(btf, type.type) === "char" ? "string" : undefined;
    default:
      return undefined;
  }
}

/** Bytes. No option is nearly as long. */
const LARGEST = 1 << 20;

/**
 * The places of the variables of .kconfig, whose DATASEC in `btf` is `id`: by alignment, the largest first, then size, then
 * name. Throws OBJECT_KCONFIG.
 */
export function kconfigEntries(btf: Btf, id: number): BtfVarSecinfo[] {
  const alignments = new Alignments(btf);
  const variables = (btf.type(id) as BtfDatasec).vars.map(({ type }) => {
    const variable = btf.type(type);
    const name = btf.nameOf(type);
    if (variable.kind !== "VAR") throw problem(name, "only variables can be in .kconfig", variable.kind, "VAR");
    if (kindOf(btf, variable.type) === undefined) {
      const expected = `a number, a bool, enum ${TRISTATE}, or an array of char`;
      throw problem(name, "the kernel's configuration has no values of this type", variable.kind, expected);
    }
    return { type, name, size: btf.sizeOf(variable.type), align: alignments.of(variable.type) };
  });
  variables.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  return variables.map(({ type, name, size, align }) => {
    const offset = alignUp(end, align);
    end = offset + size;
    if (end > LARGEST) throw problem(name, "the section .kconfig is too large", `${end} bytes`, `at most ${LARGEST}`);
    return { type, offset, size };
  });
}

/** Names of the symbols a program can do without. */
export function weakOf(elf: ElfFile): ReadonlySet<string> {
  return new Set(elf.symbols.filter(({ bind }) => bind === STB_WEAK).map(({ name }) => name));
}

/** Fills in what the host has not set itself. `weak`: what may be left 0. Throws OBJECT_KCONFIG. */
export class Kconfig {
  readonly #btf: Btf;
  readonly #globals: readonly GlobalSpec[];
  readonly #maps: readonly MapSpec[];
  readonly #weak: ReadonlySet<string>;
  /** Names the host has set. */
  readonly #given = new Set<string>();

  constructor(btf: Btf, globals: readonly GlobalSpec[], maps: readonly MapSpec[], weak: ReadonlySet<string>) {
    this.#btf = btf;
    this.#globals = globals.filter(({ section }) => section === KCONFIG);
    this.#maps = maps;
    this.#weak = weak;
  }

  /** The host has set a global. */
  note({ name, section }: GlobalSpec): void {
    if (section === KCONFIG) this.#given.add(name);
  }

  fill(kernel: KernelConfig): void {
    const unknown: string[] = [];
    for (const spec of this.#globals) {
      if (this.#given.has(spec.name)) continue;
      const text = textOf(spec.name, kernel);
      if (text !== undefined) this.#write(spec, text);
      else if (!this.#weak.has(spec.name)) unknown.push(spec.name);
    }
    if (unknown.length === 0) return this.#freeze();
    const virtual = unknown.find((name) => !name.startsWith("CONFIG_"));
    throw new ObjectError("OBJECT_KCONFIG", {
      message: "the value of an extern of the kernel's configuration is not known",
      found: someOf(unknown),
      where: `section ${KCONFIG}`,
      remedy:
        (virtual && didYouMean(virtual, Object.keys(VIRTUAL))) ??
        `Set it before loading (--set ${unknown[0]}=NUMBER), or declare it __weak: it is 0 then`,
    });
  }

  /** From here on the verifier may know the values. */
  #freeze(): void {
    for (const map of this.#maps) if (map.section === KCONFIG) (map as { frozen: boolean }).frozen = true;
  }

  #write({ name, map, offset, size, type_id }: GlobalSpec, text: string): void {
    const btf = this.#btf;
    const value = valueOf(btf, type_id, size, text);
    try {
      if (value !== undefined) return writeValue(btf, type_id, viewOf(this.#maps[map].initial!), value, offset, name);
    } catch (error) {
      if (!(error instanceof BtfError)) throw error;
    }
    const message = "the kernel's configuration has another type than the extern";
    throw problem(name, message, text, formatType(btf, type_id));
  }
}

/** What a kernel says of a name, as text; undefined when it says nothing. */
function textOf(name: string, kernel: KernelConfig): string | undefined {
  if (Object.hasOwn(VIRTUAL, name)) return `${VIRTUAL[name](kernel)}`;
  return name.startsWith("CONFIG_") ? kernel.option(name) : undefined;
}

/** What `text` stands for in a variable of type `id` and `size` bytes; undefined for text of another kind. */
function valueOf(btf: Btf, id: number, size: number, text: string): BtfWritable | undefined {
  const kind = kindOf(btf, id)!;
  if (text.startsWith('"')) return kind === "string" ? cStringBytes(text.slice(1, -1), size) : undefined;
  if (Object.hasOwn(TRI, text)) {
    if (kind === "char") return text.charCodeAt(0);
    if (kind === "tristate") return TRI[text];
    return kind === "bool" && text !== "m" ? text === "y" : undefined;
  }
  const number = parseU64(text);
  if (number === undefined || kind === "string" || kind === "tristate") return undefined;
  if (kind === "bool") return Number(number);
  const type = btf.resolved(id);
  return type.kind === "INT" && type.signed ? BigInt.asIntN(64, number) : number;
}

/** Text of at most `size` bytes with its NUL, cut short where it is longer, as libbpf does. */
function cStringBytes(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(text).subarray(0, size - 1));
  return bytes;
}

/** An unsigned 64-bit number, as strtoull(3) reads it: decimal, 0x hexadecimal, 0 octal; a minus goes around. */
function parseU64(text: string): bigint | undefined {
  const match = /^(-?)(0[xX][0-9a-fA-F]+|[0-9]+)$/.exec(text);
  if (!match) return undefined;
  const digits = /^0[0-7]+$/.test(match[2]) ? `0o${match[2].slice(1)}` : match[2];
  const value = BigInt(digits);
  return BigInt.asUintN(64, match[1] ? -value : value);
}
