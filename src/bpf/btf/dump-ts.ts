// Types as TypeScript: what the values that readValue gives look like, struct by struct, and whole BTFs as declarations.

import type { Btf } from "./btf.ts";
import { BtfError } from "./errors.ts";
import { formatType } from "./format.ts";
import type { BtfComposite, BtfEnum, BtfType } from "./types.ts";

const RESERVED: ReadonlySet<string> = new Set(
  (
    "any as async await bigint boolean break case catch class const continue debugger declare default delete do else enum export " +
    "extends false finally for from function get if implements import in instanceof interface let module never new null number " +
    "object of package private protected public readonly return set static string super switch symbol this throw true try type " +
    "typeof undefined unknown using var void while with yield Promise Uint8Array URL Engine Link LoadedObject Ring BpfObject"
  ).split(" "),
);

/** Nesting and number of types beyond these only occur in malformed BTF. */
const DEEPEST = 64;
const MOST_WORK = 4_000_000;

const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name);
/** A name as a property key. */
export const propertyName = (name: string): string => (isIdentifier(name) ? name : JSON.stringify(name));

const comment = (text: string): string => text.replaceAll("*/", "* /");

/** The types declared so far, by BTF id, in the order they are needed. */
export class TsTypes {
  readonly declared: Map<number, { readonly name: string; text: string }> = new Map();
  readonly #btf: Btf;
  readonly #taken: Set<string>;
  readonly #busy = new Set<number>();
  #depth = 0;
  #work = 0;

  constructor(btf: Btf, taken: Iterable<string>) {
    this.#btf = btf;
    this.#taken = new Set(taken);
  }

  #freshName(name: string): string {
    let candidate = RESERVED.has(name) || !isIdentifier(name) ? `${name.replaceAll(/\W/g, "_")}_` : name;
    while (this.#taken.has(candidate)) candidate += "_";
    this.#taken.add(candidate);
    return candidate;
  }

  /** Declares type `id` under a name that is still free; `text` makes the declaration of it. */
  declare(id: number, name: string, text: (name: string) => string): void {
    const free = this.#freshName(name);
    this.declared.set(id, { name: free, text: text(free) });
  }

  /** The type of values of BTF type `id`, as readValue gives them. */
  of(id: number, indent: string): string {
    if (this.#depth > DEEPEST || ++this.#work > MOST_WORK) {
      throw new BtfError("BTF_LOOP", { message: "types nest without end", where: `BTF type ${id}` });
    }
    this.#depth++;
    const text = this.#of(id, indent);
    this.#depth--;
    return text;
  }

  #of(id: number, indent: string): string {
    const resolved = this.#btf.skipModifiers(id);
    const type = this.#btf.type(resolved);
    switch (type.kind) {
      case "INT":
        if (type.bool) return "boolean";
        return type.size <= 4 ? "number" : "bigint";
      case "ENUM":
      case "ENUM64":
        return type.size <= 4 ? "number" : "bigint";
      case "FLOAT":
        return type.size === 4 || type.size === 8 ? "number" : "bigint";
      case "PTR":
        return "bigint";
      case "ARRAY":
        return `readonly ${this.#element(type.type, indent)}[]`;
      case "STRUCT":
      case "UNION":
        return type.name === "" ? this.#literal(type, indent) : this.#named(resolved, type);
      default:
        return "unknown";
    }
  }

  #element(id: number, indent: string): string {
    const text = this.of(id, indent);
    return text.startsWith("readonly ") ? `(${text})` : text;
  }

  #named(id: number, type: BtfComposite): string {
    const known = this.declared.get(id);
    if (known !== undefined) return known.name;
    if (this.#busy.has(id)) {
      throw new BtfError("BTF_LOOP", { message: `struct ${type.name} contains itself`, where: `BTF type ${id}` });
    }
    this.#busy.add(id);
    const name = this.#freshName(type.name);
    const entry = { name, text: "" };
    // inner structs first
    const text = this.#literal(type, "");
    this.#busy.delete(id);
    entry.text = `/** ${type.kind.toLowerCase()} ${type.name}, ${type.size} bytes */\nexport type ${name} = ${text};`;
    this.declared.set(id, entry);
    return name;
  }

  #literal(type: BtfComposite, indent: string): string {
    const lines = this.#members(type, `${indent}  `, 0);
    return lines.length === 0 ? "Record<never, never>" : `{\n${lines.join("\n")}\n${indent}}`;
  }

  #members(type: BtfComposite, indent: string, depth: number): string[] {
    return type.members.flatMap((member) => {
      const inner: BtfType = this.#btf.resolved(member.type);
      if (member.name !== "") {
        const text =
          member.bitfield_size > 0 ? this.#bitfield(inner, member.bitfield_size) : this.of(member.type, indent);
        return [`${indent}readonly ${propertyName(member.name)}: ${text};`];
      }
      return depth < 16 && (inner.kind === "STRUCT" || inner.kind === "UNION")
        ? this.#members(inner, indent, depth + 1)
        : [];
    });
  }

  #bitfield(type: BtfType, bits: number): string {
    if (type.kind === "INT" && type.bool) return "boolean";
    return bits <= 32 ? "number" : "bigint";
  }
}

function enumText(type: BtfEnum, name: string): string {
  const suffix = type.size <= 4 ? "" : "n";
  const values = type.values.map(({ name: value, val }) => `  ${propertyName(value)}: ${val}${suffix},`);
  return (
    `/** enum ${comment(type.name)} */\nexport const ${name} = {\n${values.join("\n")}\n} as const;\n` +
    `export type ${name} = (typeof ${name})[keyof typeof ${name}];`
  );
}

/** Which types to declare: these by name and what they hold, or all. */
export interface DumpTsOptions {
  readonly roots?: readonly string[] | undefined;
}

const DECLARED: ReadonlySet<string> = new Set(["STRUCT", "UNION", "ENUM", "ENUM64", "TYPEDEF"]);

/** Structs, unions, enums and typedefs as TypeScript declarations. Throws BtfError. */
export function dumpTs(btf: Btf, { roots }: DumpTsOptions = {}): string {
  const types = new TsTypes(btf, []);
  const wanted = (function* (): Generator<number> {
    if (roots === undefined) for (let id = 1; id < btf.nrTypes; id++) yield id;
    for (const name of roots ?? []) {
      const ids = btf.findAllByName(name);
      if (ids.length === 0) throw new BtfError("BTF_ID", { message: "there is no type of that name", found: name });
      yield* ids;
    }
  })();
  for (const id of wanted) {
    if (!DECLARED.has(btf.kind(id)) || btf.nameOf(id) === "" || types.declared.has(id)) continue;
    const type = btf.type(id);
    if (type.kind === "STRUCT" || type.kind === "UNION") types.of(id, "");
    else if (type.kind === "ENUM" || type.kind === "ENUM64")
      types.declare(id, type.name, (name) => enumText(type, name));
    else if (type.kind === "TYPEDEF") {
      const text = types.of(type.type, "");
      const doc = comment(formatType(btf, type.type));
      types.declare(id, type.name, (name) => (text === name ? "" : `/** ${doc} */\nexport type ${name} = ${text};`));
    }
  }
  return `${[...types.declared.values()]
    .map(({ text }) => text)
    .filter(Boolean)
    .join("\n\n")}\n`;
}
