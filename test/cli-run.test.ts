// loopstep run: its JSON, its text, its settings, the region, and what a ready-made program reports of its own failure.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { jsonOf, loopPath, loopstep, missingRing, type SpawnOptions } from "./command-line.ts";

const EFBIG = -27;
const ENOSPC = -28;

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-run-"));
afterAll(() => rmSync(dir, { recursive: true }));
const bytes = Buffer.from(Uint8Array.from({ length: 300_007 }, (_, i) => (i * 17) ^ (i >> 8)));
const from = path.join(dir, "from");
writeFileSync(from, bytes);

const cp = (settings: readonly string[], options?: SpawnOptions): ReturnType<typeof loopstep> =>
  loopstep(["run", "cp", "--engine", "user", "--json", ...settings.flatMap((setting) => ["--set", setting])], options);

const noRing = missingRing();

describe.skipIf(noRing)(noRing ? `loopstep run (skipped: ${noRing})` : "loopstep run", () => {
  it("prints one JSON object of a known form", async () => {
    const ended = await loopstep(["run", "nops", "--engine", "user", "--set", "reqs_to_run=1000", "--json"]);
    expect([ended.status, ended.stderr, ended.stdout.split("\n").length]).toEqual([0, "", 2]);
    expect(jsonOf(ended)).toEqual({
      schemaVersion: 1,
      engine: "user",
      why: expect.stringMatching(/Linux/),
      result: 0,
      errno: null,
      steps: 126,
      submitted: 1000,
      completed: 1000,
      enters: expect.any(Number),
      wallNs: expect.any(Number),
      globals: expect.objectContaining({ reqs_to_run: 0, reqs_done: 1000, queue_depth: 8, result: 0 }),
      maps: {},
    });
  });

  it("prints maps, of a program in the older style", async () => {
    const words = ["run", loopPath("one-at-a-time"), "--engine", "user", "--setup", "SINGLE_ISSUER,DEFER_TASKRUN"];
    const entries = [
      [0, 1],
      [1, 10],
      [2, 10],
    ];
    expect(jsonOf(await loopstep([...words, "--json"]))["maps"]).toEqual({ results: { entries } });
    expect((await loopstep(words)).stdout).toMatch(/^map results\n {2}0 = 1\n {2}1 = 10\n {2}2 = 10\n/m);
  });

  it("prints 64-bit values as strings where a number would not be exact", async () => {
    const words = ["run", loopPath("wild"), "--engine", "user", "--no-verify", "--json", "--set"];
    const address = async (text: string): Promise<unknown> =>
      jsonOf(await loopstep([...words, `address=${text}`])).globals["address"];
    expect(await address("9007199254740991")).toBe(9_007_199_254_740_991);
    expect(await address("0xffffffffffffffff")).toBe("18446744073709551615");
  });

  it("says nothing with --quiet", async () => {
    const ended = await loopstep(["run", "nops", "--set", "reqs_to_run=10", "--quiet"]);
    expect(ended).toMatchObject({ status: 0, stdout: "", stderr: "" });
  });

  it("gives the same numbers interpreted", async () => {
    const words = ["run", "nops", "--engine", "user", "--set", "reqs_to_run=100", "--json"];
    const [compiled, interpreted] = [jsonOf(await loopstep(words)), jsonOf(await loopstep([...words, "--interpret"]))];
    expect({ ...interpreted, wallNs: 0, enters: 0 }).toEqual({ ...compiled, wallNs: 0, enters: 0 });
  });

  it("binds globals by name unless told not to, and sets them by a parameter's path", async () => {
    const words = ["run", loopPath("returns"), "--engine", "user", "--json", "--set", "value=1"];
    expect(jsonOf(await loopstep(words)).globals).toMatchObject({ sq_entries: 8, cq_entries: 8 });
    const ended = await loopstep([...words, "--no-bind", "--set", "cqes_offset=@cq_off.cqes"]);
    expect(jsonOf(ended).globals).toMatchObject({ sq_entries: 0, cq_entries: 0 });
    expect(jsonOf(ended).globals["cqes_offset"]).toBeGreaterThan(0);
  });

  it("fills the region from a file and writes it out, to the same file too", async () => {
    const mem = path.join(dir, "mem");
    writeFileSync(mem, Uint8Array.of(41, 2, 3, 4));
    const words = ["run", loopPath("regions"), "--engine", "user", "--mem", `4096:${mem}`, "--mem-out", mem, "--json"];
    const ended = await loopstep(words);
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(jsonOf(ended).globals["seen"]).toBe(0x04030229);
    const after = readFileSync(mem);
    expect([after.length, after[0], after[1], after[4095]]).toEqual([4096, 42, 2, 0xaa]);
  });

  it("reports a fault with its place, and the JSON of the run", async () => {
    const ended = await loopstep(["run", loopPath("wild"), "--engine", "user", "--no-verify", "--json"]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/^loopstep: .*insn \d+.*wild\.bpf\.c:\d+.*invalid read of 8 bytes.*\n$/);
    expect(jsonOf(ended)).toMatchObject({ result: -14, errno: "EFAULT", error: { code: "VM_FAULT_MEMORY" } });
  });

  it("tells a return value that is none", async () => {
    const ended = await loopstep(["run", loopPath("returns"), "--engine", "user", "--set", "value=7", "--json"]);
    expect([ended.status, jsonOf(ended)["result"], jsonOf(ended)["errno"]]).toEqual([1, -22, "EINVAL"]);
    expect(ended.stderr).toMatch(/^loopstep: step 1: .*IOU_LOOP_CONTINUE nor IOU_LOOP_STOP/);
  });
});

describe.skipIf(noRing)(noRing ? `loopstep run cp (skipped: ${noRing})` : "loopstep run cp", () => {
  it("copies from a pipe, in order", async () => {
    const to = path.join(dir, "from-pipe");
    const ended = await cp(["in_fd=0", `out_fd=@create:${to}`, "buffers=@buffer:32k", "buffer_size=4096"], {
      wrapper: ["sh", "-c", 'cat "$SOURCE" | "$@"', "sh"],
      env: { SOURCE: from },
    });
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(jsonOf(ended).globals).toMatchObject({ depth: 1, result: 0, bytes_copied: bytes.length });
    expect(readFileSync(to).equals(bytes)).toBe(true);
  });

  it("tells where a device was full, though the loop stopped by itself", async () => {
    const ended = await cp([`in_fd=@open:${from}`, "out_fd=@create:/dev/full", "buffers=@buffer:512k"]);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/^loopstep: cp: the write at offset 0 failed .*ENOSPC.*\n$/);
    expect(jsonOf(ended)).toMatchObject({
      result: 0,
      globals: { result: ENOSPC, failed_opcode: 23, failed_offset: 0, bytes_copied: 0 },
      error: { code: "PROGRAM_FAILED", errno: ENOSPC },
    });
  });

  it("writes up to a limit on file sizes, in a short write, and tells where it was met", async () => {
    // ulimit -f counts blocks of 512 bytes: the limit lies within the second buffer
    const limit = 9 * 512;
    const to = path.join(dir, "limited");
    const settings = [`in_fd=@open:${from}`, `out_fd=@create:${to}`, "buffers=@buffer:4096", "buffer_size=4096"];
    const ended = await cp([...settings, "nr_buffers=1"], { wrapper: ["sh", "-c", 'ulimit -f 9; "$@"', "sh"] });
    expect(ended.status).toBe(1);
    expect(jsonOf(ended)).toMatchObject({
      result: 0,
      globals: { result: EFBIG, failed_opcode: 23, failed_offset: limit, bytes_copied: limit, writes: 2 },
    });
    expect(readFileSync(to).equals(bytes.subarray(0, limit))).toBe(true);
  });

  for (const [why, setting] of [
    ["no buffers", "nr_buffers=0"],
    ["more buffers than the ring has entries", "nr_buffers=9"],
    ["buffers of no size", "buffer_size=0"],
  ] as const) {
    it(`refuses ${why}`, async () => {
      const ended = await cp([`in_fd=@open:${from}`, `out_fd=@create:${dir}/none`, "buffers=@buffer:1M", setting]);
      expect(ended.status).toBe(1);
      expect(ended.stderr).toMatch(/^loopstep: cp: buffer_size is 0, or nr_buffers .*EINVAL.*\n$/);
    });
  }
});
