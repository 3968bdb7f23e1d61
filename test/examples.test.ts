// The examples run as they stand. Where Node does not run TypeScript, or not `using` (before 24), they are compiled first.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loopstep, ROOT, type Ended } from "./command-line.ts";
import { chromeViolations } from "./trace-schema.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-examples-"));
/** Inside the package, for its own name to lead to it. */
const compiled = path.join(ROOT, ".cache/examples");
const names = readdirSync(path.join(ROOT, "examples"))
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".skel.ts"))
  .map((name) => name.slice(0, -3));

function understands(statement: string): boolean {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- only parsed, to see whether it can be
    return typeof new Function(statement) === "function";
  } catch {
    return false;
  }
}

const stripsTypes = "typescript" in process.features && process.features.typescript !== false;
const runsExamples = stripsTypes && understands("{ using nothing = null; }");

beforeAll(() => {
  if (!runsExamples)
    execFileSync(path.join(ROOT, "node_modules/.bin/tsc"), ["-p", "tsconfig.examples.json"], { cwd: ROOT });
});
afterAll(() => rmSync(dir, { recursive: true }));

const run = (name: string, ...words: string[]): Promise<Ended> =>
  loopstep(words, {
    script: runsExamples ? path.join(ROOT, "examples", `${name}.ts`) : path.join(compiled, `${name}.js`),
    env: { NODE_NO_WARNINGS: "1" },
  });

/** What each example is run with, and what it must say. */
const RUNS: Readonly<Record<string, () => Promise<void>>> = {
  "copy-file": async () => {
    const [from, to] = [path.join(dir, "from"), path.join(dir, "to")];
    writeFileSync(
      from,
      Uint8Array.from({ length: 1_000_003 }, (_, i) => (i * 13) ^ (i >> 8)),
    );
    const { status, stdout, stderr } = await run("copy-file", from, to);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^1000003 bytes in \d+ system calls \((kernel|user|sim)\)\n$/);
    expect(readFileSync(to).equals(readFileSync(from))).toBe(true);
    expect(await run("copy-file", from)).toMatchObject({ status: 2, stdout: "" });
    expect(await run("copy-file", from, from)).toMatchObject({ status: 1, stderr: expect.stringMatching(/same file/) });
  },
  "count-nops": async () => {
    const { status, stdout, stderr } = await run("count-nops", "4096");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^nops_ops: 4096 requests in 257 steps \((kernel|user|sim)\)\n$/);
  },
  "trace-nops": async () => {
    const file = path.join(dir, "trace.json");
    const { status, stdout, stderr } = await run("trace-nops", "512", file);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^((user|sim): 512|kernel: 0) requests, in flight for [\d.]+ us on average; \d+ changes of globals, \d+ events\n$/,
    );
    expect(chromeViolations(readFileSync(file, "utf8"))).toEqual([]);
  },
  "typed-nops": async () => {
    const { status, stdout, stderr } = await run("typed-nops", "4096");
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^nops_ops: 4096 requests in 257 steps \((kernel|user|sim)\)\n$/);
  },
};

describe("examples", () => {
  it("has the skeleton that its object makes", async () => {
    const { stdout } = await loopstep(["skeleton", "nops", "--embed"]);
    expect(readFileSync(path.join(ROOT, "examples/nops.skel.ts"), "utf8")).toBe(stdout);
  });

  it("all have a run here", () => {
    expect(Object.keys(RUNS).toSorted()).toEqual(names.toSorted());
  });
  for (const name of names) it(name, () => RUNS[name]());
});
