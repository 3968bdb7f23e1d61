// The global variables of an object, as BTF describes them: VARs in the DATASECs of .data, .rodata and .bss.

import { didYouMean, someOf } from "../../base/index.ts";
import {
  formatType,
  readValue,
  writeValue,
  type Btf,
  type BtfType,
  type BtfValue,
  type BtfWritable,
} from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import type { GlobalSpec, MapSpec } from "./types.ts";

function globalsIn(map: MapSpec, index: number, btf: Btf): GlobalSpec[] {
  if (map.kind === "map" || map.btf_value_type_id === 0) return [];
  const section = btf.type(map.btf_value_type_id) as BtfType & { kind: "DATASEC" };
  return section.vars.flatMap(({ type: id, offset }) => {
    const variable = btf.type(id);
    if (variable.kind !== "VAR") return [];
    const size = btf.sizeOf(variable.type);
    if (offset + size > map.value_size) {
      throw new ObjectError("OBJECT_SECTION", {
        message: `variable ${variable.name} lies beyond its section`,
        found: `bytes ${offset} to ${offset + size}`,
        expected: `up to ${map.value_size}`,
        where: `section ${section.name}`,
      });
    }
    return [
      {
        name: variable.name,
        section: section.name,
        map: index,
        offset,
        size,
        type_id: variable.type,
        type: formatType(btf, variable.type),
        constant: map.kind === "rodata",
        local: variable.linkage === 0,
      },
    ];
  });
}

/** All globals, by map and offset. Throws ObjectError, BtfError. */
export function collectGlobals(maps: readonly MapSpec[], btf: Btf): GlobalSpec[] {
  return maps.flatMap((map, index) => globalsIn(map, index, btf));
}

/** How the values of globals are kept. */
export interface GlobalsOptions {
  /** Why constants can no longer be set. */
  readonly frozen?: string;
  /** Told after a global was set, and which: for sections that are copies. */
  readonly changed?: (map: number, view: DataView, spec: GlobalSpec) => void;
}

/**
 * The values of globals, wherever their sections lie: in an opened object, or in the memory of a loaded one. `viewOf` gives
 * the memory of a map by its index.
 */
export class Globals {
  readonly specs: readonly GlobalSpec[];
  readonly #btf: Btf;
  readonly #viewOf: (map: number) => DataView;
  readonly #options: GlobalsOptions;

  constructor(specs: readonly GlobalSpec[], btf: Btf, viewOf: (map: number) => DataView, options: GlobalsOptions = {}) {
    this.#options = options;
    this.specs = specs;
    this.#btf = btf;
    this.#viewOf = viewOf;
  }

  has(name: string): boolean {
    return this.specs.some((spec) => spec.name === name);
  }

  /** The description of `name`, a global of `section` if given. Throws OBJECT_NAME, naming the nearest. */
  spec(name: string, section?: string): GlobalSpec {
    const among = section === undefined ? this.specs : this.specs.filter((spec) => spec.section === section);
    const found = among.find((spec) => spec.name === name);
    if (found) return found;
    const names = among.map((spec) => spec.name);
    throw new ObjectError("OBJECT_NAME", {
      message: "there is no such global variable",
      found: name,
      expected: someOf(names),
      where: section,
      remedy: didYouMean(name, names),
    });
  }

  /** Its value. Throws OBJECT_NAME. */
  get(name: string, section?: string): BtfValue {
    const { map, offset, type_id, name: path } = this.spec(name, section);
    return readValue(this.#btf, type_id, this.#viewOf(map), offset, path);
  }

  /** Sets it. Throws OBJECT_NAME, OBJECT_VALUE (a constant, once frozen), BTF_VALUE, BTF_RANGE. */
  set(name: string, value: BtfWritable, section?: string): void {
    const spec = this.spec(name, section);
    const { map, offset, type_id, constant, name: path } = spec;
    const { frozen, changed } = this.#options;
    if (constant && frozen !== undefined) {
      throw new ObjectError("OBJECT_VALUE", {
        message: frozen,
        where: `global ${name}`,
        remedy: "Set it before loading the object",
      });
    }
    const view = this.#viewOf(map);
    writeValue(this.#btf, type_id, view, value, offset, path);
    changed?.(map, view, spec);
  }

  /** All values by name; where several sections have one of the same name, the first counts. */
  values(): Record<string, BtfValue> {
    return Object.fromEntries(this.specs.toReversed().map(({ name, section }) => [name, this.get(name, section)]));
  }

  /** The globals of one section as properties to get and set: `section(".bss").reqs_to_run = 1000`. */
  section(section: string): Record<string, BtfValue> {
    const properties: PropertyDescriptorMap = {};
    for (const { name } of this.specs.filter((spec) => spec.section === section)) {
      properties[name] = {
        enumerable: true,
        get: () => this.get(name, section),
        set: (value: BtfWritable) => this.set(name, value, section),
      };
    }
    // a misspelt name is an error rather than undefined or a property that nobody reads
    return new Proxy(Object.defineProperties({}, properties), {
      get: (target, name, receiver) => {
        if (typeof name === "string" && !(name in target) && name !== "then" && name !== "toJSON")
          this.spec(name, section);
        return Reflect.get(target, name, receiver) as unknown;
      },
      set: (target, name, value, receiver) => {
        if (typeof name === "string" && !Object.hasOwn(target, name)) this.spec(name, section);
        return Reflect.set(target, name, value, receiver);
      },
    });
  }
}
