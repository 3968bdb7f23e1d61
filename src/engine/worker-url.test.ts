import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { WorkerError, workerUrl } from "./worker-url.ts";

test("is that of a built module", () => {
  expect(existsSync(workerUrl("engine/ring-boot"))).toBe(true);
});

test("one that is not there is told before a thread waits for it", () => {
  expect(() => workerUrl("engine/no-such-worker")).toThrow(WorkerError);
  expect(() => workerUrl("engine/no-such-worker")).toThrow(/no-such-worker\.js: a module .* is not there/);
});
