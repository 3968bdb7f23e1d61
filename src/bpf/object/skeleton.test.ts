// Skeletons: the modules made must type-check strictly against the package, be the same each time, and refuse what the
// object does not have when they are compiled.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fixture } from "../../../testdata/elf/fixtures.ts";
import { BpfObject } from "./object.ts";
import { generateSkeleton, type SkeletonOptions } from "./skeleton.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), "loopstep-skeleton-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const skeleton = (name: string, options: Omit<SkeletonOptions, "file"> = {}): string =>
  generateSkeleton(BpfObject.open(fixture(name), { name }), { file: `${name}.bpf.o`, ...options });

/** Messages of tsc over `files`, `line: code` each. */
function check(files: Readonly<Record<string, string>>): string[] {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(scratch, name), text);
  const config = {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      noEmit: true,
      typeRoots: [join(ROOT, "node_modules/@types")],
      paths: { loopstep: [join(ROOT, "src/index.ts")], "loopstep/sim": [join(ROOT, "src/sim.ts")] },
    },
    files: Object.keys(files),
  };
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify(config));
  writeFileSync(join(scratch, "package.json"), JSON.stringify({ type: "module" }));
  let output = "";
  try {
    execFileSync(
      process.execPath,
      [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", scratch, "--pretty", "false"],
      { cwd: ROOT, stdio: "pipe" },
    );
  } catch (error) {
    output = String((error as { stdout: Buffer }).stdout);
  }
  // what other files of the package have to say is theirs
  const errors = [...output.matchAll(/^(\S+)\((\d+),\d+\): error (TS\d+)/gm)].map(([, file, line, code]) => ({
    file: file,
    line,
    code,
  }));
  return errors
    .filter(({ file }) => file.includes(basename(scratch)))
    .map(({ file, line, code }) => `${basename(file)}:${line}: ${code}`);
}

const HOST = `
import { attachLoop, loadLoop, openLoop, type LoopProgram, type point } from "SKELETON";
import type { Engine, Ring } from "loopstep";
export async function run(engine: Engine, ring: Ring): Promise<bigint> {
  const object = await openLoop();
  object.data.g_u64 = 5n;
  object.data.g_array = [1, 2, 3];
  object.rodata.c_limit = 7;
  const program: LoopProgram = "step";
  using loaded = await loadLoop(engine, object);
  using link = attachLoop(loaded, ring, "loop_ops");
  const slots: [number, point][] = loaded.maps.slots.entries();
  const wide: bigint = slots[0]![1].all;
  loaded.bss.g_zero = wide;
  return loaded.bss.g_zeroes[0]! + BigInt(program.length + link.ops.length);
}
`;

const WRONG = `
import { loadLoop, openLoop } from "SKELETON";
import type { Engine, Ring } from "loopstep";
export async function wrong(engine: Engine, ring: Ring): Promise<void> {
  const object = await openLoop();
  object.bss.g_zeros = 1n;
  object.bss.g_zero = 1;
  object.data.g_u64 = "5";
  object.data.g_point.x = 1;
  const loaded = await loadLoop(engine, object);
  loaded.rodata.c_limit = 3;
  loaded.maps.slot.entries();
  loaded.attach("no_ops", ring);
}
`;

describe("generated modules", () => {
  test("type-check, and what is not there does not", () => {
    const files = {
      "loop.ts": skeleton("loop.clang19.v4"),
      "core.ts": skeleton("core.clang19.v4", { embed: fixture("core.clang19.v4") }),
      "plain.ts": skeleton("plain.clang19.v3", { embed: fixture("plain.clang19.v3"), library: "loopstep/sim" }),
      "parts.ts": skeleton("parts.linked"),
      "host.ts": HOST.replace("SKELETON", "./loop.ts"),
      "wrong.ts": WRONG.replace("SKELETON", "./loop.ts"),
    };
    expect(check(files)).toEqual([
      "wrong.ts:6: TS2551",
      "wrong.ts:7: TS2322",
      "wrong.ts:8: TS2322",
      "wrong.ts:9: TS2540",
      "wrong.ts:11: TS2540",
      "wrong.ts:12: TS2551",
      "wrong.ts:13: TS2345",
    ]);
  });

  test("the same object gives the same text", () => {
    expect(skeleton("loop.clang19.v4")).toBe(skeleton("loop.clang19.v4"));
    // compilers differ in order and numbers of types, not in what a host sees
    expect(skeleton("loop.clang14.v3.linked").replaceAll("clang14.v3.linked", "")).toBe(
      skeleton("loop.clang14.v3").replaceAll("clang14.v3", ""),
    );
  });

  test("an embedded object comes back", () => {
    const text = skeleton("plain.clang19.v3", { embed: fixture("plain.clang19.v3") });
    const base64 = [...text.matchAll(/^ {2}"([A-Za-z0-9+/=]+)"/gm)].map(([, part]) => part).join("");
    expect(new Uint8Array(Buffer.from(base64, "base64"))).toEqual(fixture("plain.clang19.v3"));
  });

  test("browsers need the object inside", () => {
    expect(() => skeleton("plain.clang19.v3", { library: "loopstep/sim" })).toThrow(/Embed/);
  });
});
