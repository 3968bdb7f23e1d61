import { describe, expect, test } from "vitest";
import { openEngine } from "./open-engine.ts";
import { diagnose } from "./doctor.ts";

describe("doctor", () => {
  test("agrees with auto, and has a remedy for whatever is not ok", async () => {
    const { engine, why, findings } = await diagnose();
    using opened = await openEngine("auto");
    expect([engine, why]).toEqual([opened.name, opened.why]);
    for (const { topic, state, found, remedy } of findings) {
      expect(found, topic).not.toBe("");
      expect((remedy ?? "") === "", topic).toBe(state === "ok");
    }
    const missing = findings.filter(({ state }) => state === "missing").map(({ topic }) => topic);
    const forKernel = ["kernel", "io_uring", "system calls", "BPF-controlled io_uring", "privilege to load BPF"];
    expect(engine === "kernel").toBe(!missing.some((topic) => forKernel.includes(topic)));
  });
});
