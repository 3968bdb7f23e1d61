// Sources in C on the command line: compiled on the way by the clang that is here, refused in one sentence without.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { jsonOf, loopstep, ROOT } from "./command-line.ts";

const CLANG = "clang-19";
const NOPS = path.join(ROOT, "src/programs/nops/nops.bpf.c");

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-c-"));
afterAll(() => rmSync(dir, { recursive: true }));

const noClang = spawnSync(CLANG, ["--version"]).status === 0 ? undefined : `no ${CLANG} here`;

describe.skipIf(noClang)(noClang ? `a source in C (skipped: ${noClang})` : "a source in C", () => {
  const env = { CLANG };

  it("runs like its object", async () => {
    const words = ["--engine", "sim", "--set", "reqs_to_run=1000", "--json"];
    const [source, object] = await Promise.all([
      loopstep(["run", NOPS, ...words], { env }),
      loopstep(["run", "nops", ...words]),
    ]);
    expect([source.status, source.stderr]).toEqual([0, ""]);
    expect({ ...jsonOf(source), wallNs: 0 }).toEqual({ ...jsonOf(object), wallNs: 0 });
  });

  it("is explored like its object", async () => {
    const ended = await loopstep(["explore", NOPS, "--seeds", "1..2"], { env });
    expect([ended.status, ended.stderr]).toEqual([0, ""]);
    expect(ended.stdout).toMatch(/^2 seeds of 1\.\.2, .*nothing found\n$/);
  });

  it("is linked, described and shown like its object", async () => {
    const linked = path.join(dir, "nops.bpf.o");
    const link = await loopstep(["link", "-o", linked, NOPS], { env });
    expect([link.status, link.stderr]).toEqual([0, ""]);
    const made = NOPS.replace(/c$/, "o");
    for (const [of, ...words] of [
      [linked, "disasm"],
      [made, "btf", "dump"],
    ]) {
      const [source, object] = await Promise.all([NOPS, of].map((file) => loopstep([...words, file], { env })));
      expect([source.status, source.stderr, source.stdout]).toEqual([0, "", object.stdout]);
      expect(source.stdout).toContain("nops");
    }
  });

  it("is verified with its own lines", async () => {
    const file = path.join(dir, "returns-pointer.bpf.c");
    const loop = 'SEC("struct_ops.s/step") int step(void *ctx)\n{ return *(int *)(ctx + 4096); }\n';
    const map = 'SEC(".struct_ops.link") struct io_uring_bpf_ops ops = { .loop_step = (void *)step };\n';
    writeFileSync(file, `#include "loopstep.bpf.h"\nchar LICENSE[] SEC("license") = "GPL";\n${loop}${map}`);
    const ended = await loopstep(["verify", file], { env });
    expect([ended.status, ended.stdout.includes("returns-pointer.bpf.c:4")]).toEqual([3, true]);
  });

  it("that does not compile is told in clang's words and one sentence", async () => {
    const file = path.join(dir, "broken.bpf.c");
    writeFileSync(file, "int x(\n");
    const ended = await loopstep(["run", file], { env });
    expect([ended.status, ended.stdout]).toEqual([2, ""]);
    expect(ended.stderr).toMatch(/broken\.bpf\.c:1:7: error: /);
    expect(ended.stderr).toContain(`loopstep: ${file}: the source does not compile to BPF (found ${CLANG} ended with`);
  });
});

it("needs a clang", async () => {
  const ended = await loopstep(["inspect", NOPS], { env: { CLANG: "no-such-clang" } });
  expect([ended.status, ended.stdout]).toEqual([4, ""]);
  expect(ended.stderr).toMatch(/^loopstep: .*needs clang.*no-such-clang.*Install clang.*\n$/);
});
