// The same seed gives the same trace, byte for byte, on every Node: this one, and those named in LOOPSTEP_NODES (paths of
// node binaries, separated as in PATH). Chromium is held against Node in browser.test.ts.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "./command-line.ts";

const VARIABLE = "LOOPSTEP_NODES";
const named = (process.env[VARIABLE] ?? "").split(path.delimiter).filter((binary) => binary !== "");

interface Run {
  readonly trace: string;
}

interface Results {
  readonly nops: Run;
  readonly cp: Run;
}

async function resultsOf(binary: string): Promise<{ readonly node: string; readonly results: Results }> {
  const { stdout } = await promisify(execFile)(binary, [path.join(ROOT, "test/traces-of.mjs")], {
    maxBuffer: 1 << 26,
  });
  return JSON.parse(stdout) as { node: string; results: Results };
}

describe("a seed", () => {
  let here: Results;
  beforeAll(async () => {
    const { runAll } = (await import(pathToFileURL(path.join(ROOT, "test/browser-page.mjs")).href)) as {
      runAll: (load: (file: string) => Promise<Uint8Array>) => Promise<Results>;
    };
    here = await runAll((file) => Promise.resolve(readFileSync(path.join(ROOT, file))));
  });

  it("gives traces that say something", () => {
    for (const { trace } of Object.values(here)) expect(trace.split("\n").length).toBeGreaterThan(300);
    expect(here.cp.trace).toMatch(/"ev":"fault"/);
  });

  it("gives the same trace in another process", async () => {
    const { node, results } = await resultsOf(process.execPath);
    expect(node).toBe(process.version);
    expect(results).toEqual(JSON.parse(JSON.stringify(here)));
  });

  it.skipIf(named.length === 0)(
    `gives the same trace on other Nodes${named.length === 0 ? ` (skipped: ${VARIABLE} names none)` : ""}`,
    async () => {
      const versions = new Set<string>();
      for (const binary of named) {
        const { node, results } = await resultsOf(binary);
        versions.add(node);
        expect(results, `${node} (${binary})`).toEqual(JSON.parse(JSON.stringify(here)));
      }
      expect(versions.size, "distinct versions").toBe(named.length);
    },
  );
});
