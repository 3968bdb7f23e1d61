// `npm start` is `loopstep demo`: what it prints, what it needs, and that an ordinary user can run it.

import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loopstep, missingRing, ROOT, type Ended } from "./command-line.ts";

const MAX_RESIDENT_KIB = 150 * 1024;
/** Nobody, with the limit on locked memory that ordinary users have. */
const AS_ORDINARY_USER = [
  "prlimit",
  `--memlock=${8 << 20}:${8 << 20}`,
  "setpriv",
  "--reuid=65534",
  "--regid=65534",
  "--clear-groups",
  "--bounding-set=-all",
  "--inh-caps=-all",
];

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-demo-test-"));
chmodSync(dir, 0o777);
afterAll(() => rmSync(dir, { recursive: true }));

const noRing = missingRing();

function expectDemo({ status, stdout, stderr }: Ended): void {
  expect([stderr, status]).toEqual(["", 0]);
  expect(stdout.match(/^ {6}engine (kernel|user|sim): \S.*$/gm)).toHaveLength(2);
  expect(stdout.match(/^ {6}steps [\d,]+, requests [\d,]+, system calls [\d,]+, time [\d.]+ m?s$/gm)).toHaveLength(2);
  expect(stdout).toMatch(/^ {6}SHA-256 [0-9a-f]{16}\.\.\. identical$/m);
  expect(stdout).toMatch(/^nops {2}1,000,000 requests/m);
  expect(stdout).toMatch(/requests 1,000,000,/);
  expect(readdirSync(dir).filter((name) => name.startsWith("loopstep-demo-"))).toEqual([]);
}

function otherUserMissing(): string | undefined {
  if (process.getuid?.() !== 0) return "this user is an ordinary one";
  const [command = "", ...words] = AS_ORDINARY_USER;
  const tried = spawnSync(command, [...words, process.execPath, "-e", "0"], { cwd: "/" });
  return tried.status === 0 ? undefined : "prlimit, setpriv or node cannot be run as another user here";
}

describe.skipIf(noRing)(noRing ? `demo (skipped: ${noRing})` : "demo", () => {
  it("copies, counts, says how, cleans up, and stays small", async () => {
    const script = path.join(ROOT, "test/max-resident.mjs");
    const ended = await loopstep(["demo"], { script, env: { TMPDIR: dir } });
    const [, resident] = /^resident (\d+)\n/m.exec(ended.stderr) ?? [];
    expectDemo({ ...ended, stderr: ended.stderr.replace(/^resident \d+\n/m, "") });
    expect(Number(resident)).toBeGreaterThan(0);
    expect(Number(resident)).toBeLessThanOrEqual(MAX_RESIDENT_KIB);
  });

  const cannot = otherUserMissing();
  it.skipIf(cannot)(`runs for an ordinary user${cannot ? ` (skipped: ${cannot})` : ""}`, async () => {
    // a checkout may lie where others cannot read it
    const copy = path.join(dir, "copy");
    for (const part of ["dist", "src/programs", "package.json", "node_modules/koffi", "node_modules/@koromix"]) {
      cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true, dereference: true });
    }
    const script = path.join(copy, "dist/cli/main.js");
    expectDemo(await loopstep(["demo"], { script, wrapper: AS_ORDINARY_USER, cwd: copy, env: { TMPDIR: dir } }));
  });
});
