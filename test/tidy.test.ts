// The repository checks itself: which folder may import which, cycles between files, folders reached through their index,
// where node:* and FFI are allowed, file length and file heads.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";

const SRC = path.join(import.meta.dirname, "../src");

/** Layer -> the layers it may import. A layer is the longest listed folder that holds a file. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  elf: ["base"],
  wasm: ["base"],
  "bpf/isa": ["base"],
  "bpf/btf": ["base", "bpf/isa"],
  "bpf/object": ["base", "elf", "bpf/isa", "bpf/btf"],
  "bpf/verifier": ["base", "bpf/isa", "bpf/btf", "bpf/object", "bpf"],
  "bpf/vm": ["base", "bpf/isa", "bpf/btf", "bpf/object"],
  "bpf/jit": ["base", "bpf/isa", "bpf/object", "bpf/vm", "wasm"],
  bpf: ["bpf/btf"],
  "uring/abi": ["base"],
  "uring/ring": ["base", "uring/abi"],
  "uring/prep": ["base", "uring/abi"],
  "uring/trace": ["base", "uring/abi"],
  "uring/sim": ["base", "uring/abi", "uring/ring", "uring/trace"],
  "loop/calls": ["base", "bpf/vm", "uring/abi"],
  loop: ["base", "bpf", "bpf/*", "uring/*", "loop/calls"],
  sys: ["base", "uring/abi", "uring/ring"],
  "engine/user": ["base", "wasm", "bpf/*", "uring/*", "loop", "loop/calls", "sys", "engine"],
  "engine/kernel": ["base", "bpf", "bpf/*", "uring/*", "loop", "sys", "engine"],
  "engine/sim": ["base", "bpf/*", "uring/*", "loop", "engine"],
  engine: ["base", "bpf/*", "uring/*", "loop", "sys", "engine/*"],
  programs: ["base", "bpf/*", "loop", "engine"],
  cli: ["*"],
  ".": ["*"],
};

/** Where node:* and koffi may be imported. */
const NODE_ALLOWED = ["sys", "engine", "engine/user", "engine/kernel", "engine/sim", "cli", "programs", "."];
const MAX_LINES = 700;

interface SourceFile {
  readonly name: string;
  readonly text: string;
  readonly layer: string;
  /** Relative imports, as names from src. */
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

function layerOf(name: string): string {
  const folder = path.posix.dirname(name);
  const known = Object.keys(LAYERS).filter((layer) => folder === layer || folder.startsWith(`${layer}/`));
  return known.toSorted((a, b) => b.length - a.length)[0] ?? (folder === "." ? "." : `unknown folder ${folder}`);
}

function readSource(name: string): SourceFile {
  const text = readFileSync(path.join(SRC, name), "utf8");
  const specifiers = [
    ...text.matchAll(/^(?:import|export)\b[^"';]*?from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  const relative = specifiers.filter((s) => s.startsWith("."));
  return {
    name,
    text,
    layer: layerOf(name),
    imports: relative.map((s) => path.posix.join(path.posix.dirname(name), s)),
    packages: specifiers.filter((s) => !s.startsWith(".")),
  };
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map(readSource);
/** Tests, and what they share. */
const isForTests = (name: string): boolean => /(\.test|\/harness)\.ts$/.test(name);
const shipped = files.filter(({ name }) => !isForTests(name));
const byName = new Map(files.map((file) => [file.name, file]));

const allows = (from: string, to: string): boolean =>
  from === to ||
  (LAYERS[from] ?? []).some(
    (rule) => rule === "*" || rule === to || (rule.endsWith("/*") && to.startsWith(rule.slice(0, -1))),
  );

function findCycle(): string[] | undefined {
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const visit = (name: string): string[] | undefined => {
    if (state.get(name) === "done") return undefined;
    if (state.get(name) === "open") return [...trail.slice(trail.indexOf(name)), name];
    state.set(name, "open");
    trail.push(name);
    for (const next of byName.get(name)?.imports ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    trail.pop();
    state.set(name, "done");
    return undefined;
  };
  for (const { name } of shipped) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}

describe("tidy", () => {
  it("sees the sources", () => {
    expect(shipped.length).toBeGreaterThan(20);
    for (const { name, imports } of files)
      for (const target of imports) expect(existsSync(path.join(SRC, target)), `${name} imports ${target}`).toBe(true);
  });

  it("keeps the directions between folders", () => {
    expect(Object.keys(LAYERS).filter((layer) => !existsSync(path.join(SRC, layer)))).toEqual([]);
    const wrong = shipped.flatMap(({ name, layer, imports }) =>
      imports.filter((to) => !allows(layer, layerOf(to))).map((to) => `${name} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it("reaches other folders through their index.ts", () => {
    const wrong = shipped.flatMap(({ name, layer, imports }) =>
      imports
        .filter(
          (to) =>
            layerOf(to) !== layer &&
            path.posix.basename(to) !== "index.ts" &&
            !["bpf", "engine"].includes(layerOf(to)) &&
            layer !== ".",
        )
        .map((to) => `${name} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  it("ships nothing that needs what is for tests", () => {
    const wrong = shipped.filter(({ imports }) => imports.some(isForTests)).map(({ name }) => name);
    expect(wrong).toEqual([]);
  });

  it("has no import cycle between files", () => {
    expect(findCycle()?.join(" -> ")).toBeUndefined();
  });

  it("keeps node:* and FFI where the system is", () => {
    const wrong = shipped
      .filter(({ layer, packages }) => packages.length > 0 && !NODE_ALLOWED.includes(layer))
      .map(({ name, packages }) => `${name}: ${packages.join(", ")}`);
    expect(wrong).toEqual([]);
    expect(
      files.filter(({ layer, packages }) => packages.includes("koffi") && layer !== "sys").map(({ name }) => name),
    ).toEqual([]);
  });

  it("opens every file with what it is, and keeps it short enough to read", () => {
    const wrong = shipped
      .filter(({ name, text }) => path.posix.basename(name) !== "index.ts" && !/^(#!.*\n)?\/[/*]/.test(text))
      .map(({ name }) => `${name}: no head`);
    const long = shipped
      .filter(({ text }) => text.split("\n").length > MAX_LINES)
      .map(({ name, text }) => `${name}: ${text.split("\n").length} lines`);
    expect([...wrong, ...long]).toEqual([]);
    const elsewhere = ["bench", "scripts", "test"].flatMap((folder) =>
      readdirSync(path.join(SRC, "..", folder), { recursive: true, encoding: "utf8" })
        .filter((name) => /\.m?[jt]s$/.test(name))
        .map((name) => [`${folder}/${name}`, readFileSync(path.join(SRC, "..", folder, name), "utf8")] as const),
    );
    expect(elsewhere.filter(([, text]) => text.split("\n").length > MAX_LINES).map(([name]) => name)).toEqual([]);
  });

  it("names no file after nothing, and has no default export or enum", () => {
    const vague = files
      .filter(({ name }) => /(^|\/)(utils?|helpers?-?misc|misc|common)\.ts$/.test(name))
      .map(({ name }) => name);
    const banned = shipped
      .filter(({ text }) => /^export default |^(export )?(const )?enum /m.test(text))
      .map(({ name }) => name);
    expect([...vague, ...banned]).toEqual([]);
  });
});
