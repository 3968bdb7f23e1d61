// A TypeScript module for one object: its globals, maps, programs and struct_ops as static types, and functions to open and
// load it. Only text is made here; what it says at run time is BpfObject and LoadedObject as they are.

import { propertyName, TsTypes } from "../btf/index.ts";
import { ObjectError } from "./errors.ts";
import type { BpfObject } from "./object.ts";
import type { GlobalSpec, MapSpec } from "./types.ts";

/** How to make a skeleton. */
export interface SkeletonOptions {
  /** Name of the file the object is in; the module loads it from beside itself, unless it is embedded. */
  readonly file: string;
  /** The bytes of the object, to travel inside the module. */
  readonly embed?: Uint8Array;
  /** The module to import from; `loopstep/sim` for browsers, where objects must be embedded. */
  readonly library?: "loopstep" | "loopstep/sim";
}

const LINE = 116;
/** `io-uring_nops` -> `IoUringNops`. */
function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter(Boolean);
  const joined = words.map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  return /^[A-Za-z]/.test(joined) ? joined : `Object${joined}`;
}

/** Text that cannot end a comment. */
const comment = (text: string): string => text.replaceAll("*/", "* /");

/** Globals of one section as a type; of several with one name the first counts, as it does at run time. */
function sectionType(name: string, section: string, globals: readonly GlobalSpec[], types: TsTypes): string {
  const once = [...new Map(globals.toReversed().map((spec) => [spec.name, spec])).values()].sort(
    (a, b) => a.offset - b.offset,
  );
  const lines = once.flatMap((spec) => [
    `  /** ${comment(spec.type)} */`,
    `  ${propertyName(spec.name)}: ${types.of(spec.type_id, "  ")};`,
  ]);
  return `/** Globals of ${section}. */\nexport type ${name} = {\n${lines.join("\n")}\n};`;
}

function mapLine(map: MapSpec, types: TsTypes): string {
  const side = (id: number): string => (id === 0 ? "unknown" : types.of(id, "  "));
  const key = map.btf_key_type_id === 0 && map.kind !== "map" ? "number" : side(map.btf_key_type_id);
  return `  readonly ${propertyName(map.name)}: TypedMap<${key}, ${side(map.btf_value_type_id)}>;`;
}

/** Names as a union of literals, over several lines when they are many. */
function literals(names: readonly string[]): string {
  if (names.length === 0) return "never";
  const quoted = names.map((name) => JSON.stringify(name));
  const line = quoted.join(" | ");
  return line.length < LINE - 40 ? line : `\n${quoted.map((name) => `  | ${name}`).join("\n")}`;
}

function base64Lines(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  const encoded = btoa(text);
  const lines: string[] = [];
  for (let at = 0; at < encoded.length; at += LINE - 6) lines.push(`  "${encoded.slice(at, at + LINE - 6)}"`);
  return lines.join(" +\n");
}

function sourceLines({ file, embed }: SkeletonOptions): string {
  if (embed === undefined) return `const SOURCE = new URL(${JSON.stringify(`./${file}`)}, import.meta.url);`;
  return `const BASE64 =\n${base64Lines(embed)};\n\nconst SOURCE = Uint8Array.from(atob(BASE64), (char) => char.charCodeAt(0));`;
}

const SECTIONS = ["bss", "data", "rodata"] as const;

/**
 * The text of a module for `object`: the same object gives the same text. Maps are typed by their keys and values, globals
 * by section; those of custom sections are reached by `values`. Throws ObjectError.
 */
export function generateSkeleton(object: BpfObject, options: SkeletonOptions): string {
  const { file, embed, library = "loopstep" } = options;
  if (library === "loopstep/sim" && embed === undefined) {
    throw new ObjectError("OBJECT_VALUE", {
      message: "a module for browsers cannot read files",
      remedy: "Embed the object",
    });
  }
  const stem = file.split("/").at(-1)!.split(".")[0];
  const name = pascalCase(stem);
  const present = SECTIONS.filter((section) => object.globals.some((spec) => spec.section === `.${section}`));
  const typeName = (section: string): string => name + pascalCase(section);
  const types = new TsTypes(object.btf, [
    name,
    `Loaded${name}`,
    "TypedMap",
    `${name}Maps`,
    `${name}Program`,
    `${name}Ops`,
    ...SECTIONS.map(typeName),
  ]);
  const sections = present.map((section) =>
    sectionType(
      typeName(section),
      `.${section}`,
      object.globals.filter((spec) => spec.section === `.${section}`),
      types,
    ),
  );
  const maps = object.maps.filter((map) => map.kind === "map").map((map) => mapLine(map, types));
  const ops = object.structOps.map((spec) => spec.name);
  const fields = (readonlyRodata: boolean): string[] =>
    present.map((section) => {
      const type = typeName(section);
      return `  readonly ${section}: ${readonlyRodata && section === "rodata" ? `Readonly<${type}>` : type};`;
    });
  return `${[
    `// Made by \`loopstep skeleton\` from ${comment(file.split("/").at(-1)!)}. Make it anew when the program changes; do not edit it.`,
    `import { BpfObject, type Engine, type Link, type LoadedObject, type Ring } from "${library}";`,
    ...[...types.declared.values()].map(({ text }) => text),
    ...sections,
    ...(maps.length > 0
      ? [
          "/** A map whose entries have the types the program gives them. */\n" +
            "export interface TypedMap<K, V> extends LoadedMap {\n  entries(): [key: K, value: V][];\n}\n\n" +
            'type LoadedMap = LoadedObject["maps"][string];',
          `/** Maps of the program. */\nexport type ${name}Maps = {\n${maps.join("\n")}\n};`,
        ]
      : []),
    `/** Programs of the object. */\nexport type ${name}Program = ${literals(object.programs.map((program) => program.name))};`,
    `/** struct_ops maps that can be attached. */\nexport type ${name}Ops = ${literals(ops)};`,
    `/** The object, opened: globals can be set before it is loaded. */\nexport interface ${name} extends BpfObject {\n${fields(false).join("\n")}\n}`,
    `/** The object, loaded: globals are those of the running program. */\nexport interface Loaded${name} extends LoadedObject {\n${[
      ...fields(true),
      ...(maps.length > 0 ? [`  readonly maps: ${name}Maps;`] : []),
      `  attach(ops: ${name}Ops | undefined, ring: Ring): Link;`,
    ].join("\n")}\n}`,
    sourceLines(options),
    `/** Opens the object. */\nexport async function open${name}(): Promise<${name}> {\n  return (await BpfObject.open(SOURCE, ${JSON.stringify(stem)})) as ${name};\n}`,
    `/** Loads it into an engine; \`object\`, when given, with the globals set there. Dispose of the result after use. */\nexport async function load${name}(engine: Engine, object?: ${name}): Promise<Loaded${name}> {\n  return (await engine.load(object ?? (await open${name}()))) as Loaded${name};\n}`,
    ...(ops.length > 0
      ? [
          `/** Attaches the loop to a ring. Dispose of the result to detach it. */\nexport function attach${name}(loaded: Loaded${name}, ring: Ring${ops.length === 1 ? `, ops: ${name}Ops = ${JSON.stringify(ops[0])}` : `, ops: ${name}Ops`}): Link {\n  return loaded.attach(ops, ring);\n}`,
        ]
      : []),
  ].join("\n\n")}\n`.replaceAll(/ \{\n\n\}/g, " {}");
}
