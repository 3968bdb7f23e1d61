// `loopstep run` on a kernel that runs loops itself: the engine `auto` takes, the same JSON from `kernel` and `user`, and
// signals. liburing's own programs take part when LOOPSTEP_LIBURING names a checkout. Run by `npm run test:kernel`.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { BpfCalls } from "../src/engine/kernel/bpf.ts";
import { openSys, SYSCALLS } from "../src/sys/index.ts";
import { jsonOf, loopPath, loopstep, start } from "./command-line.ts";
import { missingLoops } from "./missing-loops.ts";

const missing = missingLoops();
const dir = mkdtempSync(path.join(tmpdir(), "loopstep-kernel-"));
afterAll(() => rmSync(dir, { recursive: true }));

const FROM = path.join(dir, "from");
const TO = path.join(dir, "to");
const BYTES = Uint8Array.from({ length: 300_003 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

interface Compared {
  readonly name: string;
  readonly words: readonly string[];
  /** Globals and counts that are of one run: descriptors, addresses, and steps where requests end in their own time. */
  readonly own?: readonly string[];
  /** The run copies FROM to TO. */
  readonly copies?: true;
}

const set = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ["--set", `${name}=${value}`]);

const cp = (nr_buffers: number): string[] => [
  "cp",
  ...set({
    in_fd: `@open:${FROM}`,
    out_fd: `@create:${TO}`,
    buffers: `@buffer:${nr_buffers * 16384}`,
    buffer_size: 16384,
    nr_buffers,
  }),
];
const CP_OWN = ["in_fd", "out_fd", "buffers", "steps"];

const OURS: readonly Compared[] = [
  { name: "nops", words: ["nops", ...set({ reqs_to_run: 1000 })] },
  { name: "cp", words: cp(1), own: CP_OWN, copies: true },
  // how many reads are on their way when the file's end is seen is of one run
  { name: "cp with four buffers", words: cp(4), own: [...CP_OWN, "reads", "completed"], copies: true },
  {
    name: "the older style, without a link",
    words: [loopPath("one-at-a-time"), "--entries", "8", "--setup", "SINGLE_ISSUER,DEFER_TASKRUN"],
  },
];

const checkout = process.env["LOOPSTEP_LIBURING"] ?? "";
const INCLUDES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "/usr/include/x86_64-linux-gnu",
  arm64: "/usr/include/aarch64-linux-gnu",
};

/** Compiles one of liburing's programs. */
function compiled(name: string): string {
  const out = path.join(dir, `${name}.bpf.o`);
  const include = [path.join(checkout, "src/include"), INCLUDES[process.arch] ?? "/usr/include"].map((at) => `-I${at}`);
  const source = path.join(checkout, `test/bpf-progs/${name}.bpf.c`);
  if (!existsSync(out))
    execFileSync("clang-19", ["-target", "bpf", "-O2", "-g", "-mcpu=v3", ...include, "-c", source, "-o", out]);
  return out;
}

const liburings = (): readonly Compared[] => [
  { name: "liburing's nops", words: [compiled("nops"), ...set({ reqs_to_run: 1000 })] },
  {
    name: "liburing's cp",
    words: [
      compiled("cp"),
      ...set({
        input_fd: `@open:${FROM}`,
        output_fd: `@create:${TO}`,
        buffer_uptr: "@buffer:4096",
        buffer_size: 4096,
        cp_result: 1,
      }),
    ],
    own: ["input_fd", "output_fd", "buffer_uptr"],
    copies: true,
  },
];

/** What must be the same on every engine; what an engine is alone in, and times, left out. */
async function resultOf(engine: string, { words, own = [], copies }: Compared): Promise<unknown> {
  if (copies) writeFileSync(FROM, BYTES);
  const ended = await loopstep(["run", ...words, "--engine", engine, "--json"]);
  expect([ended.status, ended.stderr]).toEqual([0, ""]);
  if (copies) expect(Buffer.compare(readFileSync(TO), BYTES)).toBe(0);
  const { result, errno, completed, globals, maps } = jsonOf(ended);
  const same = Object.entries({ result, errno, completed, ...globals }).filter(([name]) => !own.includes(name));
  return { ...Object.fromEntries(same), maps };
}

/** What a script prints; it may fail, as reading of threads does that end meanwhile. */
const sh = (script: string): string => spawnSync("sh", ["-c", script], { encoding: "utf8" }).stdout;

describe.skipIf(missing !== undefined)(`loopstep run, in the kernel${missing ? ` (skipped: ${missing})` : ""}`, () => {
  it.each(OURS)("$name: the same JSON from kernel and user", async (compared) => {
    expect(await resultOf("kernel", compared)).toEqual(await resultOf("user", compared));
  });

  const no = checkout === "" ? "LOOPSTEP_LIBURING names no checkout of liburing" : undefined;
  it.skipIf(no)(`liburing's programs: the same JSON${no ? ` (skipped: ${no})` : ""}`, async () => {
    for (const compared of liburings())
      expect(await resultOf("kernel", compared), compared.name).toEqual(await resultOf("user", compared));
  });

  it("takes the kernel without being told to, and says why", async () => {
    const ended = await loopstep(["run", "nops", ...set({ reqs_to_run: 8 }), "--json"]);
    expect(jsonOf(ended)).toMatchObject({
      engine: "kernel",
      why: expect.stringMatching(/^Linux 7\.\d+.* runs the loop itself/),
      enters: 1,
    });
    const { stdout } = await loopstep(["doctor", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ engine: "kernel" });
  });

  it("ends with -EINTR when its process was stopped and goes on", async () => {
    const bpf = new BpfCalls(openSys());
    const links = bpf.ids("LINK").length;
    const { child, ended } = start(["run", loopPath("sleep"), "--engine", "kernel", "--json"]);
    // a loop that still sleeps would be in the way of every test after this one
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    const ofThreads = (file: string): string[] => sh(`cat /proc/${child.pid}/task/*/${file}`).trim().split("\n");
    const until = async (reached: () => boolean): Promise<void> => {
      while (!reached() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await until(() => bpf.ids("LINK").length > links);
    await until(() => ofThreads("syscall").some((call) => call.startsWith(`${SYSCALLS.x64.io_uring_enter} `)));
    child.kill("SIGSTOP");
    // A stop that no thread has taken yet is forgotten when SIGCONT comes: Linux would end nothing then.
    await until(() => ofThreads("stat").every((stat) => /\) T /.test(stat)));
    child.kill("SIGCONT");
    const done = await ended;
    expect(done.status).toBe(1);
    expect(jsonOf(done)).toMatchObject({ result: -4, errno: "EINTR" });
  });
});
