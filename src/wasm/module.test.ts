import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import wabtInit from "wabt";
import { ByteWriter, Expr, I32, I64, ModuleWriter, OP, printFunctions } from "./index.ts";
import { ATOMIC, MISC } from "./opcodes.ts";

// wabt's own type declarations leave out the parts a test needs nothing of.
const wabt = await wabtInit();
const FEATURES = { threads: true, sign_extension: true, bulk_memory: true } as const;

// A module with one exported function around `write`.
function moduleWith(
  params: (typeof I32 | typeof I64)[],
  results: (typeof I32 | typeof I64)[],
  write: (code: Expr) => void,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleWriter("test");
  module.imports.addMemory("env", "memory", { minimum: 1, maximum: 2, shared: true });
  const index = module.declare("run", params, results);
  const code = new Expr();
  write(code);
  module.define(index, { locals: [I32, I64, I64], code: code.finish() });
  module.exports.add("run", "function", index);
  return module.finish().bytes;
}

function instance(bytes: Uint8Array<ArrayBuffer>): {
  run: (...args: (number | bigint)[]) => unknown;
  memory: WebAssembly.Memory;
} {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return { run: exports["run"] as (...args: (number | bigint)[]) => unknown, memory };
}

describe("LEB128", () => {
  it("writes every int32 and int64 constant as the engine reads it", () => {
    const edges64 = [0n, 1n, -1n, 63n, 64n, -64n, -65n, 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)];
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...edges64), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
        (value) => {
          const bytes = moduleWith([], [I64], (code) =>
            code.i64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))),
          );
          expect(instance(bytes).run()).toBe(value);
        },
      ),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.integer(), (value) => {
        expect(instance(moduleWith([], [I32], (code) => code.i32(value))).run()).toBe(value);
      }),
      { numRuns: 100 },
    );
  });

  it("writes unsigned numbers in the fewest bytes", () => {
    for (const [value, hex] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [624485, "e58e26"],
      [0xffffffff, "ffffffff0f"],
    ] as const) {
      const out = new ByteWriter(1);
      out.u32(value);
      expect(Buffer.from(out.view()).toString("hex")).toBe(hex);
    }
  });
});

describe("a written module", () => {
  const everything = moduleWith([I64, I64], [I64], (code) => {
    const outer = code.block();
    const inner = code.loop();
    code.get(0);
    code.op(OP["i64.eqz"]);
    code.brIf(outer);
    code.get(1);
    code.get(0);
    code.op(OP["i64.add"]);
    code.set(1);
    code.get(0);
    code.i64(1, 0);
    code.op(OP["i64.sub"]);
    code.set(0);
    code.br(inner);
    code.end();
    code.end();
    code.i32(8);
    code.get(1);
    code.atomic(ATOMIC["i64.atomic.rmw.add"], 3, 64);
    code.op(OP.drop);
    code.i32(8);
    code.memory(OP["i64.load"], 64);
  });

  it("validates, here and in wabt", () => {
    expect(WebAssembly.validate(everything)).toBe(true);
    // wabt reads shared memories, but its validate() takes no feature flags; WebAssembly.validate has judged that above.
    const parsed = wabt.readWasm(everything, { readDebugNames: true, ...FEATURES });
    expect(parsed.toText({ foldExprs: false, inlineExport: false })).toContain("(func $run");
  });

  it("computes", () => {
    expect(instance(everything).run(10n, 5n)).toBe(60n);
  });

  it("prints the instructions wabt prints", () => {
    const [run] = printFunctions(everything);
    expect(run.head).toBe("(func $run (param i64 i64) (result i64) (local i32, 2 x i64)");
    const theirs = wabt
      .readWasm(everything, FEATURES)
      .toText({ foldExprs: false, inlineExport: false })
      .split("\n")
      .map((line) => line.replace(/;;.*|\(;.*?;\)/g, "").trim());
    for (const { text } of run.lines.slice(0, -1)) {
      expect(theirs.map((line) => line.replace(/\)+$/, ""))).toContain(text);
    }
  });

  it("says which function lacks a body", () => {
    const module = new ModuleWriter("test");
    module.declare("gone", [], []);
    expect(() => module.finish()).toThrow("gone");
  });
});

// Every code of the tables is known to wabt under the same name: a module holding it alone parses back to that name.
describe("instruction tables", () => {
  const STRUCTURAL = new Set([
    "block",
    "loop",
    "if",
    "else",
    "end",
    "br",
    "br_if",
    "br_table",
    "call",
    "call_indirect",
    "return",
    "f32.load",
    "f64.load",
    "f32.store",
    "f64.store",
  ]);
  const plain = Object.entries(OP).filter(([name]) => !STRUCTURAL.has(name));
  const encodings: [string, (code: Expr) => void][] = [
    ...plain.map(([name, byte]): [string, (code: Expr) => void] => [
      name,
      (code) => {
        if (name.includes("load") || name.includes("store")) code.memory(byte, 0);
        else if (name.endsWith(".const")) (name.startsWith("i32") ? () => code.i32(1) : () => code.i64(1, 0))();
        else {
          code.op(byte);
          if (name.startsWith("local.") || name.startsWith("global.") || name.startsWith("memory.")) code.op(0);
        }
      },
    ]),
    ...Object.entries(ATOMIC).map(([name, sub]): [string, (code: Expr) => void] => [
      name,
      (code) => {
        const size = /8/.test(name)
          ? 0
          : /16/.test(name)
            ? 1
            : /^i64\.atomic\.(load|store|rmw)(\.|$)/.test(name) || name.endsWith("wait64")
              ? 3
              : 2;
        if (name === "atomic.fence") code.fence();
        else code.atomic(sub, size, 0);
      },
    ]),
    ...Object.keys(MISC).map((name): [string, (code: Expr) => void] => [
      name,
      (code) => (name === "memory.copy" ? code.memoryCopy() : code.memoryFill()),
    ]),
  ];

  it.each(encodings)("%s", (name, write) => {
    const module = new ModuleWriter("test");
    module.imports.addMemory("env", "memory", { minimum: 1, maximum: 2, shared: true });
    module.globals.add(I32);
    const index = module.declare("run", [I32], []);
    const code = new Expr();
    // Unreachable code is typed polymorphically, so that any one instruction validates.
    code.op(OP.unreachable);
    write(code);
    code.op(OP.unreachable);
    module.define(index, { locals: [], code: code.finish() });
    const { bytes } = module.finish();
    const text = wabt
      .readWasm(bytes, { readDebugNames: false, ...FEATURES })
      .toText({ foldExprs: false, inlineExport: false });
    expect(text.split(/[\s()]+/)).toContain(name);
    expect(printFunctions(bytes)[0].lines.some((line) => line.text.split(" ")[0] === name)).toBe(true);
  });
});
