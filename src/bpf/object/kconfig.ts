// Variables a program declares in .kconfig (`extern int CONFIG_HZ __kconfig`): the loader fills them in from the configuration
// of the kernel the program is for, before the verifier sees them as constants. Names, types and places are as libbpf has
// them: LINUX_* are facts libbpf knows by itself, CONFIG_* options of the kernel's .config.

import { didYouMean, someOf, viewOf } from "../../base/index.ts";
import { STB_WEAK, type ElfFile } from "../../elf/index.ts";
import { Alignments, type Btf, type BtfDatasec } from "../btf/index.ts";
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

const HEAD = 12;
const ENTRY = 12;
/** Bytes. No option is nearly as long. */
const LARGEST = 1 << 20;

/**
 * Gives the variables of .kconfig their places in `btf`, in place: by alignment, the largest first, then size, then name; and
 * makes them definitions, which the kernel's checks of BTF ask for. Throws OBJECT_KCONFIG.
 */
export function placeKconfig(btf: Btf): void {
  const id = btf.findByName(KCONFIG, "DATASEC");
  if (id === undefined) return;
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
  const raw = viewOf(btf.rawType(id));
  let end = 0;
  for (const [i, { type, name, size, align }] of variables.entries()) {
    const offset = Math.ceil(end / align) * align;
    end = offset + size;
    if (end > LARGEST) throw problem(name, "the section .kconfig is too large", `${end} bytes`, `at most ${LARGEST}`);
    for (const [j, word] of [type, offset, size].entries()) raw.setUint32(HEAD + i * ENTRY + j * 4, word, true);
    viewOf(btf.rawType(type)).setUint32(HEAD, 1, true);
  }
  raw.setUint32(8, end, true);
}

/** The names in .kconfig that a program can do without. */
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
      const text = Object.hasOwn(VIRTUAL, spec.name)
        ? `${VIRTUAL[spec.name](kernel)}`
        : this.#option(spec.name, kernel);
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

  #option(name: string, kernel: KernelConfig): string | undefined {
    return name.startsWith("CONFIG_") ? kernel.option(name) : undefined;
  }

  #write({ name, map, offset, size, type_id }: GlobalSpec, text: string): void {
    const bytes = this.#maps[map].initial!.subarray(offset, offset + size);
    const kind = kindOf(this.#btf, type_id)!;
    const isString = text.startsWith('"');
    const refuse = (expected: string): ObjectError =>
      problem(name, "the kernel's configuration has another type than the extern", text, expected);
    if (isString) {
      if (kind !== "string") throw refuse("an array of char");
      // cut short where it is longer, as libbpf does
      bytes.fill(0);
      bytes.set(new TextEncoder().encode(text.slice(1, -1)).subarray(0, size - 1));
    } else if (Object.hasOwn(TRI, text)) {
      if (kind === "char") bytes[0] = text.charCodeAt(0);
      else if (kind === "tristate" || (kind === "bool" && text !== "m")) bytes[0] = TRI[text];
      else throw refuse(text === "m" ? `char or enum ${TRISTATE}` : `bool, char or enum ${TRISTATE}`);
    } else {
      if (kind === "string" || kind === "tristate") throw refuse("a number");
      const value = numberOf(name, text);
      const type = this.#btf.resolved(type_id);
      const signed = type.kind === "INT" && type.signed;
      const fits =
        kind === "bool" ? value <= 1n : asInt(value, size, signed) === (signed ? BigInt.asIntN(64, value) : value);
      if (!fits) throw refuse(`a type of more than ${size} bytes`);
      for (let i = 0; i < size; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
  }
}

const asInt = (value: bigint, size: number, signed: boolean): bigint =>
  signed ? BigInt.asIntN(8 * size, value) : BigInt.asUintN(8 * size, value);

/** An unsigned 64-bit number, as strtoull(3) reads it: decimal, 0x hexadecimal, 0 octal; a minus goes around. */
function numberOf(name: string, text: string): bigint {
  const match = /^(-?)(0[xX][0-9a-fA-F]+|[0-9]+)$/.exec(text);
  if (!match) throw problem(name, "the kernel's configuration has a value that is no number", text);
  const digits = /^0[0-7]+$/.test(match[2]) ? `0o${match[2].slice(1)}` : match[2];
  const value = BigInt(digits);
  return BigInt.asUintN(64, match[1] ? -value : value);
}
