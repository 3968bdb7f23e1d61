// `loopstep vm` as far as it shows without a machine: what is missing is said in one sentence, with what to install; and
// whoever ends the command ends the machine. QEMU and virtiofsd are stand-ins that only wait.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loopstep, start } from "./command-line.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-vm-test-"));
afterAll(() => rmSync(dir, { recursive: true }));
const kernel = path.join(dir, "vmlinux");
writeFileSync(kernel, "");

function script(name: string, body: string): void {
  const file = path.join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe("loopstep vm", () => {
  it.each([
    [
      "no QEMU",
      ["--kernel", kernel, "run", "nops"],
      4,
      /qemu\S+ is not installed\. On Debian .*apt-get install .*qemu/,
    ],
    ["no command", ["--icount"], 2, /something is missing/],
    ["a time that is no number", ["--timeout", "0x10", "run", "nops"], 2, /--timeout takes a whole number .*"0x10"/],
    ["a part of a processor", ["--cpus", "1.5", "run", "nops"], 2, /--cpus takes a whole number .*"1.5"/],
    ["a machine too small", ["--memory", "1", "run", "nops"], 2, /--memory takes a whole number from \d+ to \d+/],
    ["a folder that is a file", ["--writable", kernel, "run", "nops"], 2, /--writable takes a directory/],
    ["an option it has not", ["--icont", "run", "nops"], 2, /no option --icont .*icount/],
  ] as const)("%s: one sentence", async (_, words, status, sentence) => {
    const ended = await loopstep(["vm", ...words], { env: { PATH: "/nonexistent" } });
    expect(ended.stderr).toMatch(sentence);
    expect(ended.stderr.trim().split("\n")).toHaveLength(1);
    expect([ended.status, ended.stdout]).toEqual([status, ""]);
  });

  it("a kernel that is not there: one sentence", async () => {
    script("qemu-system-x86_64", "exit 1");
    script("virtiofsd", "exit 0");
    const PATH = `${dir}:${process.env["PATH"]}`;
    const ended = await loopstep(["vm", "--kernel", "/nonexistent/vmlinux", "run", "nops"], { env: { PATH } });
    expect(ended.stderr).toBe("vm: No file /nonexistent/vmlinux. Give a vmlinux or vmlinuz, or a version.\n");
    expect(ended.status).toBe(4);
    const neither = await loopstep(["vm", "--kernel", "newest", "run", "nops"], { env: { PATH } });
    expect([neither.status, neither.stderr]).toEqual([4, expect.stringMatching(/^vm: No file newest\..*version\.\n$/)]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("%s ends the machine too", async (signal) => {
    const pidFile = path.join(dir, `machine-${signal}`);
    script("qemu-system-x86_64", `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000`);
    script(
      "virtiofsd",
      `[ "$1" = --help ] && exit\nfor word; do case $word in --socket-path=*) : > "\${word#--socket-path=}";; esac; done\nexec sleep 1000`,
    );
    const { child, ended } = start(["vm", "--kernel", kernel, "run", "nops"], {
      env: { PATH: `${dir}:${process.env["PATH"]}` },
    });
    while (!existsSync(pidFile) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
    const machine = Number(readFileSync(pidFile, "utf8"));
    expect(alive(machine)).toBe(true);
    child.kill(signal);
    expect((await ended).status).toBe(signal === "SIGINT" ? 130 : 143);
    while (alive(machine)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
