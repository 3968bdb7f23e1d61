// Types as C text, for messages and listings: `struct foo *`, `__u32[8]`, `int (*)(struct foo *, int)`.

import type { Btf } from "./btf.ts";
import type { BtfType } from "./types.ts";

/** Deeper nesting is cut off with `...`; it only occurs in malformed BTF. */
const DEEPEST = 32;
/** What a function type counts for: those of functions of functions multiply. */
const PROTO_DEPTH = 6;

/** The text around a declarator: `left` before it, `right` after it. */
interface Text {
  readonly left: string;
  readonly right: string;
}

const glue = (left: string, right: string): string =>
  left.endsWith("*") || right === "" ? left + right : `${left} ${right}`;

function composite(type: BtfType & { kind: "STRUCT" | "UNION" | "ENUM" | "ENUM64" | "FWD" }): string {
  const word =
    type.kind === "FWD" ? (type.union ? "union" : "struct") : type.kind === "ENUM64" ? "enum" : type.kind.toLowerCase();
  return type.name === "" ? `${word} {...}` : `${word} ${type.name}`;
}

/** The text of a type that ends a declaration: a struct, an enum, an integer, a typedef. */
export type LeafText = (type: BtfType, id: number) => string;

const plainLeaf: LeafText = (type) => {
  switch (type.kind) {
    case "STRUCT":
    case "UNION":
    case "ENUM":
    case "ENUM64":
    case "FWD":
      return composite(type);
    default:
      return type.name;
  }
};

/** Puts `type` around the declarator text. */
function around(btf: Btf, id: number, text: Text, depth: number, leaf: LeafText): Text {
  if (depth > DEEPEST) return { left: glue("...", text.left), right: text.right };
  const type = btf.type(id);
  switch (type.kind) {
    case "VOID":
      return { left: glue("void", text.left), right: text.right };
    case "INT":
    case "FLOAT":
    case "TYPEDEF":
    case "STRUCT":
    case "UNION":
    case "ENUM":
    case "ENUM64":
    case "FWD":
      return { left: glue(leaf(type, id), text.left), right: text.right };
    case "PTR": {
      const behind = btf.kind(pointee(btf, type.type));
      const wrap = behind === "ARRAY" || behind === "FUNC_PROTO";
      return around(
        btf,
        type.type,
        wrap ? { left: `(*${text.left}${text.right})`, right: "" } : { left: `*${text.left}`, right: text.right },
        depth + 1,
        leaf,
      );
    }
    case "CONST":
    case "VOLATILE":
    case "RESTRICT": {
      const { words, base } = qualifiers(btf, id);
      // those of a pointer stand behind its star, all others before the type
      if (btf.kind(base) === "PTR")
        return around(btf, base, { left: glue(words, text.left), right: text.right }, depth + 1, leaf);
      const { left, right } = around(btf, base, text, depth + 1, leaf);
      return { left: words === "" || left.startsWith(`${words} `) ? left : `${words} ${left}`, right };
    }
    case "TYPE_TAG":
    case "DECL_TAG":
    case "VAR":
    case "FUNC":
      return around(btf, type.type, text, depth + 1, leaf);
    case "ARRAY":
      return around(btf, type.type, { left: text.left, right: `${text.right}[${type.nelems}]` }, depth + 1, leaf);
    case "FUNC_PROTO": {
      const params = type.params.map((param) =>
        param.type === 0 ? "..." : formatDeep(btf, param.type, depth + PROTO_DEPTH, leaf),
      );
      return around(
        btf,
        type.type,
        { left: text.left, right: `${text.right}(${params.join(", ") || "void"})` },
        depth + 1,
        leaf,
      );
    }
    case "DATASEC":
      return { left: glue(`section ${type.name}`, text.left), right: text.right };
  }
}

/** What a pointer points to, modifiers aside: decides about parentheses. */
function pointee(btf: Btf, id: number): number {
  for (let steps = 0; steps < DEEPEST; steps++) {
    const type = btf.type(id);
    if (type.kind !== "CONST" && type.kind !== "VOLATILE" && type.kind !== "RESTRICT" && type.kind !== "TYPE_TAG")
      break;
    id = type.type;
  }
  return id;
}

/** The qualifiers from `id` on, sorted as usual, and the type they qualify. */
function qualifiers(btf: Btf, id: number): { words: string; base: number } {
  const words = new Set<string>();
  for (let steps = 0; steps < DEEPEST; steps++) {
    const type = btf.type(id);
    if (type.kind === "CONST" || type.kind === "VOLATILE" || type.kind === "RESTRICT")
      words.add(type.kind.toLowerCase());
    else if (type.kind !== "TYPE_TAG") break;
    id = type.type;
  }
  return { words: ["const", "volatile", "restrict"].filter((word) => words.has(word)).join(" "), base: id };
}

function formatDeep(btf: Btf, id: number, depth: number, leaf: LeafText): string {
  const { left, right } = around(btf, id, { left: "", right: "" }, depth, leaf);
  return left + right;
}

/** The type `id` as C text without a name. Throws BTF_ID. */
export function formatType(btf: Btf, id: number, leaf: LeafText = plainLeaf): string {
  return formatDeep(btf, id, 0, leaf);
}

/** A declaration of `name` with type `id`: `__u32 out[8]`. */
export function formatDeclaration(btf: Btf, id: number, name: string, leaf: LeafText = plainLeaf): string {
  const { left, right } = around(btf, id, { left: name, right: "" }, 0, leaf);
  return left + right;
}
