// liburing's own loop programs (test/bpf-progs/nops.bpf.c and cp.bpf.c), compiled unchanged from a checkout of liburing that
// LOOPSTEP_LIBURING names, for every CPU version, plain and linked by bpftool. Nothing of them is in this repository.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { jsonOf, loopstep, missingRing } from "./command-line.ts";

const CLANG = "clang-19";
const INCLUDES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "/usr/include/x86_64-linux-gnu",
  arm64: "/usr/include/aarch64-linux-gnu",
};
const checkout = process.env["LOOPSTEP_LIBURING"] ?? "";
const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;

function missing(): string | undefined {
  if (checkout === "") return "LOOPSTEP_LIBURING names no checkout of liburing";
  if (!existsSync(path.join(checkout, "test/bpf-progs/nops.bpf.c"))) return `${checkout} has no test/bpf-progs`;
  if (!works(CLANG, "--version")) return `no ${CLANG} here`;
  return missingRing();
}

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-liburing-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Compiles one of liburing's programs; `linked` sends it through bpftool too. */
function compile(name: string, cpu: string, linked: boolean): string {
  const out = path.join(dir, `${name}.${cpu}.bpf.o`);
  const source = path.join(checkout, `test/bpf-progs/${name}.bpf.c`);
  const include = [path.join(checkout, "src/include"), INCLUDES[process.arch] ?? "/usr/include"].map((at) => `-I${at}`);
  execFileSync(CLANG, ["-target", "bpf", "-O2", "-g", `-mcpu=${cpu}`, ...include, "-c", source, "-o", out]);
  if (!linked) return out;
  const together = out.replace(/\.o$/, ".linked.o");
  execFileSync("bpftool", ["gen", "object", together, out]);
  return together;
}

const reason = missing();
const VARIANTS = ["v2", "v3", "v4"].flatMap((cpu) => [
  { cpu, linked: false },
  { cpu, linked: true },
]);

describe.skipIf(reason)(reason ? `liburing's programs (skipped: ${reason})` : "liburing's programs", () => {
  for (const { cpu, linked } of VARIANTS) {
    const title = `${cpu}${linked ? ", linked by bpftool" : ""}`;
    const skip = linked && !works("bpftool", "version");
    it.skipIf(skip)(`nops, ${title}${skip ? " (skipped: no bpftool here)" : ""}`, async () => {
      const ended = await loopstep(["run", compile("nops", cpu, linked), "--set", "reqs_to_run=1000", "--json"]);
      expect([ended.status, ended.stderr]).toEqual([0, ""]);
      expect(jsonOf(ended)).toMatchObject({ result: 0, submitted: 1000, globals: { reqs_to_run: 0 } });
    });

    it.skipIf(skip)(`cp, ${title}${skip ? " (skipped: no bpftool here)" : ""}`, async () => {
      const [from, to] = [path.join(dir, "from"), path.join(dir, "to")];
      writeFileSync(
        from,
        Uint8Array.from({ length: 100_001 }, (_, i) => (i * 7) ^ (i >> 8)),
      );
      const settings = [
        `input_fd=@open:${from}`,
        `output_fd=@create:${to}`,
        "buffer_uptr=@buffer:4096",
        "buffer_size=4096",
        "cp_result=1",
      ];
      const words = settings.flatMap((setting) => ["--set", setting]);
      const ended = await loopstep(["run", compile("cp", cpu, linked), ...words, "--json"]);
      expect([ended.status, ended.stderr]).toEqual([0, ""]);
      expect(jsonOf(ended)).toMatchObject({ result: 0, globals: { cp_result: 0, cur_offset: 100_001 } });
      expect(readFileSync(to).equals(readFileSync(from))).toBe(true);
    });
  }
});
