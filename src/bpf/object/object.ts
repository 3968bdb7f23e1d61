// An opened BPF object: what is in the file, the same on every machine. Programs are resolved against a target afterwards.
// Files are read elsewhere: this takes bytes. What libbpf does and this does not: legacy `maps`, jump tables, USDT,
// addresses of kernel symbols without a type (`extern const void x __ksym`).

import { cString, didYouMean, viewOf } from "../../base/index.ts";
import { EM_BPF, ET_REL, readElf, SHT_PROGBITS, type ElfFile } from "../../elf/index.ts";
import {
  parseBtfExt,
  patchCore,
  resolveCoreRelo,
  type Btf,
  type BtfExt,
  type BtfValue,
  type CoreRelo,
  type CoreResult,
} from "../btf/index.ts";
import { INSN_SIZE, isLdImm64, type Insn } from "../isa/index.ts";
import { withArenaData } from "./arena-data.ts";
import { collectDataMaps } from "./data-sections.ts";
import { ObjectError } from "./errors.ts";
import { collectExterns } from "./externs.ts";
import { codeSections, collectFunctions, programSpec, TEXT, type ObjectFunction } from "./functions.ts";
import { collectGlobals, Globals } from "./globals.ts";
import { Kconfig, weakOf, type KernelConfig } from "./kconfig.ts";
import { MAPS, parseMapDefs } from "./map-defs.ts";
import { completeBtf } from "./object-btf.ts";
import { nearestSection } from "./program-types.ts";
import { collectRelocations } from "./relocations.ts";
import { coreRelosOf, linkProgram, type Linkage } from "./resolve.ts";
import { chooseStructOps, collectStructOps, resolveStructOps } from "./struct-ops.ts";
import type {
  ExternSpec,
  GlobalSpec,
  MapSpec,
  ProgramSpec,
  Relocation,
  ResolvedProgram,
  ResolvedStructOps,
  StructOpsSpec,
} from "./types.ts";

/** How to open an object. */
export interface OpenOptions {
  /** Name of the object, from which the names of its data maps are made; a path is cut down to its stem. */
  readonly name?: string;
}

/** What to resolve a program against. */
export interface ResolveOptions {
  /** BTF of the system that will run it: vmlinux's, or the one an engine publishes. */
  readonly target: Btf;
}

/** One CO-RE relocation of a program and what it comes to in a target. */
export interface CoreReport extends CoreResult {
  /** The function that holds it, and the slot in that function. */
  readonly function: string;
  readonly insn: number;
  /** The instruction in the file, and as the relocation leaves it; the second slot only of a 16-byte one. */
  readonly before: readonly Insn[];
  readonly after: readonly Insn[];
}

/** As libbpf names objects: the last part of the path, up to its first dot, 15 characters. */
function objectName(name: string): string {
  return name.split("/").at(-1)!.split(".")[0].slice(0, 15);
}

function checkHeader(elf: ElfFile): void {
  if (elf.machine !== EM_BPF) {
    throw new ObjectError("OBJECT_MACHINE", {
      message: "this ELF file is not for BPF",
      found: `machine ${elf.machine}`,
      expected: `${EM_BPF} (EM_BPF)`,
      where: "ELF header",
      remedy: "Compile with clang -target bpf",
    });
  }
  if (elf.type !== ET_REL) {
    throw new ObjectError("OBJECT_TYPE", {
      message: "this ELF file is not a relocatable object",
      found: `type ${elf.type}`,
      expected: `${ET_REL} (ET_REL)`,
      where: "ELF header",
      remedy: "Compile with -c",
    });
  }
}

function sectionBytes(elf: ElfFile, name: string): Uint8Array | undefined {
  return elf.sections.find((section) => section.name === name && section.type === SHT_PROGBITS)?.data;
}

const NO_EXT: BtfExt = { funcs: new Map(), lines: new Map(), relos: new Map() };

/** An opened object. Everything in it is plain data, and stays as it is in the file but for `initial` of its maps. */
export class BpfObject {
  readonly name: string;
  readonly license: string;
  readonly btf: Btf;
  readonly programs: readonly ProgramSpec[];
  /** Maps of .maps in order of definition, then those of the data sections. References are indices into this list. */
  readonly maps: readonly MapSpec[];
  readonly structOps: readonly StructOpsSpec[];
  readonly externs: readonly ExternSpec[];
  readonly relocations: readonly Relocation[];
  readonly globals: readonly GlobalSpec[];
  /** Values of the globals in `initial` of this object's maps: what they will be when it is loaded. */
  readonly values: Globals;
  readonly #functions: readonly ObjectFunction[];
  readonly #ext: BtfExt;
  readonly #kconfig: Kconfig;

  private constructor(bytes: Uint8Array, name: string) {
    const elf = readElf(bytes);
    checkHeader(elf);
    this.name = objectName(name);
    this.license = cString(sectionBytes(elf, "license") ?? new Uint8Array(1), 0) ?? "";
    this.btf = completeBtf(elf);
    const ext = sectionBytes(elf, ".BTF.ext");
    this.#ext = ext === undefined ? NO_EXT : parseBtfExt(ext, this.btf);
    this.#functions = collectFunctions(elf, this.btf, this.#ext);
    this.programs = this.#functions.filter(({ section }) => section.name !== TEXT).map(programSpec);
    const maps = elf.sections.find((section) => section.name === MAPS && section.size > 0);
    this.maps = [
      ...withArenaData(maps === undefined ? [] : parseMapDefs(this.btf, elf, maps), elf),
      ...collectDataMaps(elf, this.name, this.btf),
    ];
    this.externs = collectExterns(elf, this.btf);
    this.globals = collectGlobals(this.maps, this.btf);
    const externs = new Map(this.externs.map((extern) => [extern.name, extern]));
    const referents = { elf, maps: this.maps, externs, globals: this.globals };
    this.relocations = codeSections(elf).flatMap((section) => collectRelocations(section, referents));
    this.structOps = collectStructOps(elf, this.btf, this.#functions);
    const kconfig = new Kconfig(this.btf, this.globals, this.maps, weakOf(elf));
    this.#kconfig = kconfig;
    this.values = new Globals(this.globals, this.btf, (map) => viewOf(this.maps[map].initial!), {
      changed: (_map, _view, spec) => kconfig.note(spec),
    });
  }

  /**
   * Opens an object from the bytes of its file, without touching them. Throws ElfError, BtfError, IsaError or ObjectError,
   * all LoopstepErrors.
   */
  static open(bytes: Uint8Array, options: OpenOptions = {}): BpfObject {
    return new BpfObject(bytes, options.name ?? "object");
  }

  /**
   * Sets every global whose name `source.globals` has (`ring.params` is such a source: cqes_offset, sq_entries ...), leaving
   * the others alone. Returns the names that were set.
   */
  bind(source: { readonly globals: Readonly<Record<string, number | bigint>> }): string[] {
    const bound = this.globals.filter(({ name }) => Object.hasOwn(source.globals, name)).map(({ name }) => name);
    for (const name of bound) this.values.set(name, source.globals[name]);
    return bound;
  }

  /**
   * Fills in the externs of .kconfig that were not set, from the kernel the object is to be loaded into; engines do so by
   * themselves. Throws OBJECT_KCONFIG: a value that is not known, or is of another type.
   */
  configure(kernel: KernelConfig): void {
    this.#kconfig.fill(kernel);
  }

  /** The entry program `name`. Throws OBJECT_NAME, naming the nearest. */
  program(name: string): ProgramSpec {
    const names = this.programs.map((program) => program.name);
    const found = this.programs.find((program) => program.name === name);
    if (found) return found;
    throw new ObjectError("OBJECT_NAME", {
      message: "there is no such program",
      found: name,
      expected: names.join(", ") || "none",
      where: this.name,
      remedy: didYouMean(name, names),
    });
  }

  /** The struct_ops map of that name, or the only one. Throws OBJECT_NAME, OBJECT_NO_STRUCT_OPS, OBJECT_STRUCT_OPS_CHOICE. */
  chooseStructOps(name?: string): StructOpsSpec {
    return chooseStructOps(this.structOps, name);
  }

  /** Globals of .bss, .data and .rodata as properties: `object.bss.count = 3`. A misspelt name throws OBJECT_NAME. */
  get bss(): Record<string, BtfValue> {
    return this.values.section(".bss");
  }
  get data(): Record<string, BtfValue> {
    return this.values.section(".data");
  }
  get rodata(): Record<string, BtfValue> {
    return this.values.section(".rodata");
  }

  /** The program `name` ready to be verified and run on `target`. Throws ObjectError, BtfError. */
  resolve(name: string, { target }: ResolveOptions): ResolvedProgram {
    const spec = this.program(name);
    if (spec.type === 0) {
      const near = nearestSection(spec.section);
      throw new ObjectError("OBJECT_PROGRAM", {
        message: "the section's name does not say what kind of program this is",
        found: spec.section,
        expected: "struct_ops/..., struct_ops.s/... or another known one",
        where: `program ${name}`,
        remedy: near && `Did you mean "${near}"?`,
      });
    }
    const code = linkProgram(this.#function(name), this.#linkage(), target);
    const { section, type, sleepable } = spec;
    return { name, section, type, sleepable, license: this.license, ...code, maps: this.maps, btf: this.btf, target };
  }

  /** The struct_ops map `name`, or the only one, in the target's layout. Throws ObjectError, BtfError. */
  resolveStructOps(name: string | undefined, { target }: ResolveOptions): ResolvedStructOps {
    return resolveStructOps(this.chooseStructOps(name), this.btf, target);
  }

  /** All CO-RE relocations, function by function. */
  coreRelos(): CoreRelo[] {
    return this.#functions.flatMap((func) => coreRelosOf(func, this.#ext));
  }

  /** All CO-RE relocations and what they come to in `target`, function by function. Throws BtfError. */
  coreReports({ target }: ResolveOptions): CoreReport[] {
    return this.#functions.flatMap((func) =>
      coreRelosOf(func, this.#ext).map((relo) => {
        const result = resolveCoreRelo(relo, this.btf, target);
        const insn = relo.insn_off / INSN_SIZE - func.start;
        const before = func.insns.slice(insn, insn + (isLdImm64(func.insns[insn]) ? 2 : 1));
        const after = [...before];
        patchCore(after, 0, result);
        return { ...result, function: func.name, insn, before, after };
      }),
    );
  }

  #function(name: string): ObjectFunction {
    return this.#functions.find((func) => func.name === name && func.section.name !== TEXT)!;
  }

  #linkage(): Linkage {
    const { btf, relocations, maps, externs } = this;
    return { btf, ext: this.#ext, functions: this.#functions, relocations, maps, externs };
  }
}
