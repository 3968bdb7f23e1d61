import { expect, test } from "vitest";
import { BpfObject } from "../bpf/object/index.ts";
import { readFileSync } from "node:fs";
import { DEFAULT_SETUP_FLAGS, type RingOptions } from "../loop/index.ts";
import { parseSetupFlags, setupFlagNames } from "../uring/abi/index.ts";
import { openEngine } from "./index.ts";
import { setupRequest } from "./ring-request.ts";

test("a ring without flags has those a loop runs best with", () => {
  expect(setupRequest({ entries: 8, cq_entries: 16 })).toEqual({
    entries: 8,
    cq_entries: 16,
    flags: parseSetupFlags(DEFAULT_SETUP_FLAGS),
  });
  expect(setupFlagNames(setupRequest({ entries: 8 }).flags)).not.toContain("CQSIZE");
  expect(setupRequest({ entries: 8, flags: [] }).flags).toBe(0);
});

test.each([
  ["none", undefined, /say how many entries it has \(found entries: undefined, expected createRing/],
  ["null", null, /found entries: undefined/],
  ["a number", 8, /found entries: undefined/],
  ["no entries", { flags: [] }, /found entries: undefined/],
  ["entries as text", { entries: "8" }, /found entries: 8/],
  ["half a page", { entries: 8, mem: 2048 }, /whole pages \(found 2048 bytes/],
  ["a flag that is none", { entries: 8, flags: ["SQREWIND"] }, /no such io_uring setup flag \(found "SQREWIND"\)/],
])("options are refused: %s", async (_, options, message) => {
  expect(() => setupRequest(options as RingOptions)).toThrow(message);
  using engine = await openEngine("sim");
  expect(() => engine.createRing(options as RingOptions)).toThrow(message);
});

test("a loop runs in a ring of a number of entries", async () => {
  using engine = await openEngine("sim");
  const object = BpfObject.open(readFileSync(new URL("../programs/nops/nops.bpf.o", import.meta.url)));
  using ring = engine.createRing({ entries: 8 });
  object.bind(ring.params);
  using loaded = await engine.load(object);
  using link = loaded.attach(undefined, ring);
  loaded.bss["reqs_to_run"] = 100n;
  expect(await ring.run()).toBe(0);
  expect([link.ops, loaded.bss["reqs_done"]]).toEqual(["nops_ops", 100n]);
});

test.each([undefined, null, {}, "nops.bpf.o"])("%j is no object to load", async (given) => {
  using engine = await openEngine("sim");
  await expect(engine.load(given as BpfObject)).rejects.toMatchObject({
    code: "FEATURE_UNSUPPORTED",
    message: expect.stringMatching(/is no BpfObject/),
  });
});
