// `loopstep disasm`, as a process: what it prints of the ready-made program nops, held against the object, its C source, and
// what WebAssembly and wabt make of the module.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import wabtInit from "wabt";
import { disasmInsn, isLdImm64 } from "../src/bpf/isa/index.ts";
import { BpfObject } from "../src/bpf/object/index.ts";
import { loopTargetBtf } from "../src/loop/index.ts";
import { jsonOf, loopstep, ROOT } from "./command-line.ts";

const PROGRAM = path.join(ROOT, "src/programs/nops/nops.bpf.o");
const { insns } = BpfObject.open(readFileSync(PROGRAM)).resolve("nops", { target: loopTargetBtf() });

/** Slots that begin an instruction. */
const SLOTS = insns.flatMap((_, slot) => (slot > 0 && isLdImm64(insns[slot - 1]) ? [] : [slot]));

const printed = new Map<string, Promise<string[]>>();

/** Lines printed; each process is started once. */
const said = (...options: string[]): Promise<string[]> => {
  const key = options.join(" ");
  if (!printed.has(key)) printed.set(key, ask(options));
  return printed.get(key)!;
};

async function ask(options: readonly string[]): Promise<string[]> {
  const ended = await loopstep(["disasm", PROGRAM, ...options]);
  expect([ended.stderr, ended.status]).toEqual(["", 0]);
  return ended.stdout.trimEnd().split("\n");
}

const modules = new Map<string, Uint8Array<ArrayBuffer>>();

/** The module as bytes, which a string would spoil. */
const module = (...options: string[]): Uint8Array<ArrayBuffer> => {
  const known = modules.get(options.join(" "));
  if (known !== undefined) return known;
  const words = [path.join(ROOT, "dist/cli/main.js"), "disasm", PROGRAM, "--wasm", ...options];
  const { stdout, status } = spawnSync(process.execPath, words);
  expect(status).toBe(0);
  const bytes = Uint8Array.from(stdout);
  modules.set(options.join(" "), bytes);
  return bytes;
};

test("prints each instruction as the kernel does, names in place of numbers", async () => {
  const [title, ...lines] = await said();
  expect(title).toBe("nops (struct_ops.s/nops)");
  expect(lines.map((line) => Number.parseInt(line))).toEqual(SLOTS);
  for (const [i, slot] of SLOTS.entries()) {
    const [code] = disasmInsn(insns, slot).split(" ");
    expect(lines[i]).toMatch(/^\d+: \([0-9a-f]{2}\) \S/);
    expect(lines[i]).toContain(code);
  }
  expect(lines.some((line) => /r\d = map\[nops\.rodata\]\[0\]\+\d+$/.test(line))).toBe(true);
  expect(lines.some((line) => /call bpf_io_uring_submit_sqes#\d+$/.test(line))).toBe(true);
  expect(lines.at(-1)).toMatch(/\(95\) exit$/);
  const json = jsonOf(await loopstep(["disasm", PROGRAM, "--json"]));
  expect(json["lines"]).toEqual(lines);
});

test("with --source shows lines of the C file above their instructions", async () => {
  const lines = (await said("--source")).slice(1);
  const source = lines.filter((line) => line.startsWith("; "));
  expect(lines.filter((line) => !line.startsWith("; "))).toEqual((await said()).slice(1));
  expect(source.length).toBeGreaterThan(10);
  for (const line of source) {
    const [, text, file, number] = /^; (.*) @ (.*):(\d+)$/.exec(line)!;
    const written = readFileSync(path.join(ROOT, file), "utf8").split("\n")[Number(number) - 1];
    expect(written.trim()).toBe(text);
  }
});

test.each([[], ["--checked"]])(
  "with --wasm %j gives a module that compiles and can be joined with a ring",
  async (...more) => {
    const compiled = await WebAssembly.compile(module(...more));
    expect(WebAssembly.Module.exports(compiled).map(({ name }) => name)).toContain("run");
    const imports = WebAssembly.Module.imports(compiled).map(({ name }) => name);
    expect(imports).toEqual(expect.arrayContaining(["memory", "fault", "bpf_io_uring_submit_sqes"]));
  },
);

test("a program that was not verified is compiled to more", () => {
  expect(module("--checked").length).toBeGreaterThan(module().length);
});

test("with --wat prints the instructions of that module, in order, below those of the program", async () => {
  const lines = (await said("--wat", "--source")).slice(1).map((line) => line.trim());
  const wabt = await wabtInit();
  const theirs = wabt
    .readWasm(module(), { threads: true, sign_extension: true, bulk_memory: true, simd: true })
    .toText({ foldExprs: false, inlineExport: false })
    .split("\n")
    .map((line) =>
      line
        .replace(/;;.*|\(;.*?;\)/g, "")
        .trim()
        .replace(/\)+$/, ""),
    );
  const word = (line: string): string => line.split(" ")[0];
  const isCode = (line: string): boolean => /^[a-z]/.test(line);
  expect(lines.filter(isCode).map(word)).toEqual(theirs.filter(isCode).map(word));
  const slots = lines.flatMap((line) => /^;; (\d+): /.exec(line)?.[1] ?? []).map(Number);
  expect(new Set(slots).size).toBeGreaterThan(SLOTS.length * 0.9);
  expect(slots.every((slot) => SLOTS.includes(slot))).toBe(true);
  expect(lines.some((line) => /^;; .*nops\.bpf\.c:\d+ /.test(line))).toBe(true);
});

test("--wasm of an object with several programs asks which", async () => {
  const ended = await loopstep(["disasm", path.join(ROOT, "testdata/loops/two-ops.bpf.o"), "--wasm"]);
  expect(ended.status).not.toBe(0);
  expect(ended.stderr).toContain("--prog");
});
