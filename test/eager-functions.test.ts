// What the build writes so that V8 compiles it at once: what a command called, and nothing else; what it does stays.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface Builder {
  codeForCalls(input: Record<string, string>, dir: string, commands: string[][]): Promise<void>;
}

mkdirSync(path.join(ROOT, ".cache"), { recursive: true });
const folder = mkdtempSync(path.join(ROOT, ".cache/eager-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SOURCES = {
  "main.ts": `const { total, mean } = await import("./sums.ts");
console.log(process.argv[2] === "mean" ? mean([1, 2, 6]) : total([1, 2, 6]));`,
  // TABLE calls a function that stands below it
  "sums.ts": `const TABLE = [double(1), double(2)];
export function total(list: number[]): number { return list.reduce((a, b) => a + b, TABLE[0]); }
export function mean(list: number[]): number { return total(list) / list.length; }
function double(n: number): number { return 2 * n; }`,
};

const run = (dir: string, word: string): string =>
  spawnSync(process.execPath, [path.join(dir, "main.js"), word], { encoding: "utf8" }).stdout.trim();

it("compiles at once what a command called", async () => {
  for (const [name, text] of Object.entries(SOURCES)) writeFileSync(path.join(folder, name), text);
  const { codeForCalls } = (await import(pathToFileURL(path.join(ROOT, "scripts/build.mjs")).href)) as Builder;
  const built = path.join(folder, "built");
  await codeForCalls({ main: path.join(folder, "main.ts") }, built, [["main.js", "total"]]);
  const chunks = path.join(built, "chunks");
  const code = readdirSync(chunks)
    .filter((name) => name.endsWith(".js"))
    .map((name) => readFileSync(path.join(chunks, name), "utf8"))
    .join("\n");
  const eager = [...code.matchAll(/= \(function (\w+)/g)].map(([, name]) => name);
  expect(eager.sort()).toEqual(["double", "total"]);
  expect(code).toContain("function mean(");
  expect({ total: run(built, "total"), mean: run(built, "mean") }).toEqual({ total: "11", mean: String(11 / 3) });
});
