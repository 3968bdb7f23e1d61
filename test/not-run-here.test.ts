// Loops that need what Linux 7.2 has and the engines with a VM do not: the verdict on them is Linux's, the refusal comes before
// anything runs, and a loop that can do without goes on without.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BpfObject } from "../src/bpf/object/index.ts";
import { verify, VerifierError } from "../src/bpf/verifier/index.ts";
import { openEngine, openObject } from "../src/engine/index.ts";
import { LOOP_STEP_TYPE, loopTargetBtf, UnsupportedError, vmTargetBtf, type EngineName } from "../src/loop/index.ts";
import { loopPath, missingRing } from "./command-line.ts";
import { recordedLoops } from "./recorded-loops.ts";

const notRun = recordedLoops.filter(({ not_run_here }) => not_run_here !== undefined);

async function refused(engineName: EngineName, file: string, verified = true): Promise<unknown> {
  using engine = await openEngine(engineName, { verify: verified });
  const object = await openObject(file);
  return engine.load(object).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Globals after a run, with `set` before it. */
async function ran(engineName: EngineName, name: string, set: Readonly<Record<string, number>>): Promise<unknown> {
  using engine = await openEngine(engineName);
  using ring = engine.createRing({ entries: 8 });
  const object = await openObject(loopPath(name));
  for (const [global, value] of Object.entries(set)) object.values.set(global, value);
  using loaded = await engine.load(object);
  using _link = loaded.attach(undefined, ring);
  await ring.run({ timeoutMs: 10_000 });
  return { ...loaded.bss };
}

describe.each(["finds-task", "prefers-task", "reads-comm", "signals"])("%s", (name) => {
  it("is accepted by Linux 7.2", () => {
    const object = BpfObject.open(readFileSync(loopPath(name)));
    const program = object.resolve(object.programs[0].name, { target: loopTargetBtf() });
    expect(verify(program, { type: LOOP_STEP_TYPE, externs: object.externs })).toMatchObject({ error: "", errno: 0 });
  });
});

it("a weak kfunc and a field asked after are there for Linux's verdict", () => {
  const object = BpfObject.open(readFileSync(loopPath("prefers-task")));
  const logOf = (target: ReturnType<typeof loopTargetBtf>): string =>
    verify(object.resolve("prefers", { target }), { type: LOOP_STEP_TYPE, externs: object.externs, logLevel: 2 }).log;
  expect(logOf(loopTargetBtf())).toMatch(/call bpf_task_from_pid/);
  expect(logOf(vmTargetBtf())).not.toMatch(/\d: .*call bpf_task_from_pid/);
});

const noRing = missingRing();

describe.each(["sim", "user"] as const)("on %s", (engine) => {
  const skipped = engine === "user" ? noRing : undefined;

  describe.skipIf(skipped)(skipped ? `skipped: ${skipped}` : "a loop", () => {
    it.each([
      ["finds-task", `${engine} does not run the kfunc bpf_task_from_pid`, undefined, 13],
      ["reads-comm", `${engine} does not have what the program reads of the kernel`, "struct task_struct.comm[0]", 12],
      ["signals", `${engine} does not run the helper bpf_send_signal#109`, undefined, 12],
    ])("%s is refused when it is loaded", async (name, summary, found, line) => {
      const error = await refused(engine, loopPath(name));
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error).toMatchObject({ code: "FEATURE_UNSUPPORTED", summary, found });
      expect((error as UnsupportedError).where).toMatch(new RegExp(`/${name}\\.bpf\\.c:${line}$`));
      expect((error as UnsupportedError).remedy).toMatch(/engine kernel/);
    });

    it("that needs a kfunc is refused without the verifier too", async () => {
      expect(await refused(engine, loopPath("finds-task"), false)).toMatchObject({ code: "FEATURE_UNSUPPORTED" });
    });

    it("that Linux refuses is refused with Linux's words", async () => {
      const error = await refused(engine, loopPath("keeps-task"));
      expect(error).toBeInstanceOf(VerifierError);
      expect((error as VerifierError).message).toMatch(/would lead to reference leak/);
    });

    it.each(notRun.map((row) => [row.program, row] as const))(
      "%s, recorded and not run here, is refused",
      async (_, row) => {
        const codes = ["FEATURE_UNSUPPORTED", "VM_UNSUPPORTED"];
        expect(codes).toContain(((await refused(engine, row.file)) as UnsupportedError).code);
      },
    );

    it("that can do without kfuncs and fields goes on without", async () => {
      expect(await ran(engine, "prefers-task", {})).toMatchObject({ way: 0 });
    });

    it("may hold a helper that is not run where it is never called", async () => {
      expect(await ran(engine, "signals", { quiet: 1 })).toMatchObject({ steps: 1 });
    });
  });
});
