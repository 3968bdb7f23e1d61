// Programs that never end, on the command line: --steps, --timeout and Ctrl-C end each with status 1 and a result of
// -EINTR, and the process is gone afterwards.

import { describe, expect, it } from "vitest";
import { jsonOf, loopPath, loopstep, missingRing, start, type Ended } from "./command-line.ts";

const noRing = missingRing();

function expectEnded(ended: Ended, code: string, says: string): void {
  expect(ended.signal).toBeNull();
  expect(ended.status).toBe(1);
  const report = jsonOf(ended);
  expect([report["result"], report["errno"]]).toEqual([-4, "EINTR"]);
  expect(report["error"]).toMatchObject({ code });
  expect(report["wallNs"]).toBeGreaterThan(0);
  expect(ended.stderr).toMatch(new RegExp(`^loopstep: .*${says}.*$`, "m"));
  expect(ended.stderr).not.toMatch(/^\s+at /m);
}

const run = (name: string, ...words: string[]): string[] => [
  "run",
  loopPath(name),
  "--engine",
  "user",
  "--no-verify",
  "--json",
  ...words,
];

/** Starts `how` and calls `then` when the program says that it runs. */
async function whenRunning(
  words: readonly string[],
  then: (kill: (signal: NodeJS.Signals) => void) => void,
): Promise<Ended> {
  const { child, ended } = start(words);
  let heard = "";
  child.stderr!.on("data", (text: string) => {
    if (heard.includes("running")) return;
    heard += text;
    if (heard.includes("running")) then((signal) => child.kill(signal));
  });
  return ended;
}

describe.skipIf(noRing)(noRing ? `endless programs (skipped: ${noRing})` : "endless programs", () => {
  for (const mode of [[], ["--interpret"]]) {
    for (const name of ["spin", "sleep", "stuck"]) {
      it(`--timeout ends ${name} ${mode.join("")}`, async () => {
        expectEnded(await loopstep(run(name, "--timeout", "20", ...mode)), "LOOP_TIMEOUT", "within the time allowed");
      });
    }

    it(`--steps ends spin ${mode.join("")}`, async () => {
      const ended = await loopstep(run("spin", "--steps", "1000", ...mode));
      expectEnded(ended, "LOOP_STEPS", "within the steps allowed");
      expect(jsonOf(ended)["steps"]).toBe(1000);
      expect(jsonOf(ended).globals["steps"]).toBe(1000);
    });

    for (const [how, name] of ["one that spins", "one that sleeps", "one that never leaves its first step"].entries()) {
      it(`Ctrl-C ends ${name} ${mode.join("")}`, async () => {
        const ended = await whenRunning(run("endless", "--set", `how=${how}`, ...mode), (kill) => kill("SIGINT"));
        expectEnded(ended, "LOOP_EINTR", "interrupted");
        expect(jsonOf(ended).globals["steps"]).toBeGreaterThan(0);
      });
    }
  }

  it("SIGTERM does too", async () => {
    expectEnded(await whenRunning(run("endless"), (kill) => kill("SIGTERM")), "LOOP_EINTR", "interrupted");
  });

  it("--steps is no error for a loop that ends in time", async () => {
    const ended = await loopstep(["run", "nops", "--set", "reqs_to_run=8", "--steps", "2", "--timeout", "60000"]);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
  });
});
