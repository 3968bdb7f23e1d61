// The commands in indented blocks of README.md, and of the programs' READMEs, that start with `loopstep`, run as they stand
// in a folder of their own, so that they cannot rot. Words in capitals are files: those that are read are put there first.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../src/cli/commands/index.ts";
import { findProgram, PROGRAMS } from "../src/programs/index.ts";
import { loopstep, missingRing, ROOT } from "./command-line.ts";

/** Lines of indented blocks that begin with `loopstep`, without comments, as words. */
const commands = ["README.md", ...PROGRAMS.map(({ name }) => `src/programs/${name}/README.md`)]
  .flatMap((name) => readFileSync(path.join(ROOT, name), "utf8").split("\n"))
  .filter((line) => /^ {4}loopstep /.test(line))
  .map((line) => line.replace(/\s+#.*$/, "").trim());

const wordsOf = (line: string): string[] => line.split(/\s+/).slice(1);
const dir = mkdtempSync(path.join(tmpdir(), "loopstep-readme-"));
const bytes = Buffer.from(Uint8Array.from({ length: 2_000_003 }, (_, i) => (i * 11) ^ (i >> 8)));

beforeAll(() => {
  writeFileSync(path.join(dir, "FROM"), bytes);
  cpSync(findProgram("nops")!.object, path.join(dir, "FILE"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const noRing = missingRing();

describe("README", () => {
  it("shows commands that exist", () => {
    expect(commands.length).toBeGreaterThan(2);
    const names = Object.keys(COMMANDS);
    expect(commands.map((line) => wordsOf(line)[0]).filter((name) => !names.includes(name))).toEqual([]);
  });

  for (const line of new Set(commands)) {
    // a machine of its own is more than a test of a document can boot
    const why = wordsOf(line)[0] === "vm" ? "boots a machine" : noRing;
    it.skipIf(why)(why ? `${line} (skipped: ${why})` : line, async () => {
      const { status, stderr } = await loopstep(wordsOf(line), { cwd: dir });
      expect([status, stderr]).toEqual([0, ""]);
      if (line.includes("@create:TO")) expect(readFileSync(path.join(dir, "TO")).equals(bytes)).toBe(true);
    });
  }
});
