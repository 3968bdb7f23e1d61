// What the command line says of input it cannot use: each with its own sentence, an exit status, nothing on stdout, and
// never a stack trace. Adding a case is adding a row.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findProgram } from "../src/programs/index.ts";
import { loopPath, loopstep, missingRing } from "./command-line.ts";

const dir = mkdtempSync(path.join(tmpdir(), "loopstep-test-"));
afterAll(() => rmSync(dir, { recursive: true }));

const good = readFileSync(findProgram("nops")!.object);

/** A file of the test's own folder. */
function file(name: string, bytes: Uint8Array | string): string {
  const at = path.join(dir, name);
  writeFileSync(at, bytes);
  return at;
}

/** The good object with some bytes replaced. */
function patched(at: number, ...bytes: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(good);
  copy.set(bytes, at);
  return copy;
}

const EI_CLASS = 4;
const EI_DATA = 5;
const E_TYPE = 16;
const E_MACHINE = 18;

const text = file("text.o", "not an object\n");
const source = file("source", "some bytes");
const noBtf = patched(good.indexOf(".BTF\0"), "!".charCodeAt(0));
mkdirSync(path.join(dir, "folder"));

interface Case {
  readonly name: string;
  readonly words: readonly string[];
  readonly status: number;
  /** All of them are said. */
  readonly says: readonly (string | RegExp)[];
  /** Fails only after a ring was made, or an engine opened. */
  readonly ring?: true;
}

const nops = (...words: string[]): string[] => ["run", "nops", "--engine", "user", ...words];

const CASES: readonly Case[] = [
  // objects
  { name: "not an ELF file", words: ["run", text], status: 1, says: [text, "not an ELF file", "0x7f454c46"] },
  { name: "an empty file", words: ["run", file("empty.o", "")], status: 1, says: ["not an ELF file", "empty"] },
  {
    name: "a truncated object",
    words: ["run", file("short.o", good.subarray(0, 3000))],
    status: 1,
    says: ["ends too early", "3000 bytes"],
  },
  {
    name: "an object for another machine",
    words: ["run", file("x86.o", patched(E_MACHINE, 62, 0))],
    status: 1,
    says: ["not for BPF", "62", "247"],
  },
  { name: "a big-endian object", words: ["run", file("be.o", patched(EI_DATA, 2))], status: 1, says: ["big-endian"] },
  { name: "a 32-bit object", words: ["run", file("32.o", patched(EI_CLASS, 1))], status: 1, says: ["32"] },
  { name: "an executable", words: ["run", file("exe.o", patched(E_TYPE, 2, 0))], status: 1, says: ["relocatable"] },
  { name: "a device without an end", words: ["run", "/dev/zero"], status: 2, says: ["/dev/zero", "does not end"] },
  {
    name: "link: a truncated object among good ones",
    words: ["link", "-o", path.join(dir, "out.o"), path.join(dir, "exe.o"), path.join(dir, "short.o")],
    status: 1,
    says: ["exe.o: this is not a relocatable object"],
  },
  {
    name: "skeleton: a truncated object",
    words: ["skeleton", path.join(dir, "short.o")],
    status: 1,
    says: ["short.o: ", "ends too early"],
  },
  { name: "skeleton: a source in C, to be loaded", words: ["skeleton", "loop.c"], status: 2, says: ["--embed"] },
  { name: "btf: text", words: ["btf", "dump", text], status: 1, says: [`${text}: BTF header`, "this is not BTF"] },
  { name: "btf: nothing to do", words: ["btf", "constructor", text], status: 2, says: ["dump or min"] },
  { name: "an object without BTF", words: ["run", file("nobtf.o", noBtf)], status: 1, says: ["no BTF", "-g"] },
  { name: "inspect: not an ELF file", words: ["inspect", text, "--json"], status: 1, says: ["not an ELF file"] },
  { name: "no such file", words: ["run", path.join(dir, "none.o")], status: 2, says: ["none.o", "ENOENT", "path"] },
  { name: "a folder", words: ["run", path.join(dir, "folder")], status: 2, says: ["EISDIR"] },
  { name: "no such program", words: ["run", "nop"], status: 2, says: ["nop", 'Did you mean "nops"?'] },
  {
    name: "an unknown kfunc",
    words: ["run", "--engine", "user", loopPath("unknown-kfunc")],
    status: 1,
    says: ["bpf_io_uring_submit_sqe:", 'Did you mean "bpf_io_uring_submit_sqes"?'],
    ring: true,
  },
  {
    name: "a kfunc that is not run here",
    words: ["run", "--engine", "sim", loopPath("finds-task")],
    status: 4,
    says: ["finds-task.bpf.c:13", "sim does not run the kfunc bpf_task_from_pid", "engine kernel"],
  },
  {
    name: "a kfunc that is not run here, in a loop that Linux refuses",
    words: ["run", "--engine", "sim", loopPath("keeps-task")],
    status: 3,
    says: ["keeps-task.bpf.c:10", "would lead to reference leak"],
  },
  {
    name: "a helper that is not run here",
    words: ["run", "--engine", "sim", loopPath("signals")],
    status: 4,
    says: ["signals.bpf.c:12", "sim does not run the helper bpf_send_signal#109"],
  },
  {
    name: "no loop_step",
    words: ["run", "--engine", "user", loopPath("no-loop-step")],
    status: 1,
    says: ["empty_ops", "loop_step"],
    ring: true,
  },
  {
    name: "two struct_ops maps and no choice",
    words: ["run", "--engine", "user", loopPath("two-ops")],
    status: 2,
    says: ["first_ops, second_ops", "--ops"],
    ring: true,
  },
  {
    name: "a struct_ops map that is not there",
    words: ["run", "--engine", "user", loopPath("two-ops"), "--ops", "secnd_ops"],
    status: 2,
    says: ['Did you mean "second_ops"?'],
    ring: true,
  },
  // globals
  {
    name: "an unknown global",
    words: nops("--set", "reqs_to_rum=1"),
    status: 2,
    says: ["reqs_to_rum", 'Did you mean "reqs_to_run"?'],
    ring: true,
  },
  {
    name: "a value above the range",
    words: nops("--set", "queue_depth=4294967296"),
    status: 2,
    says: ["queue_depth", "4294967296", "4294967295"],
    ring: true,
  },
  {
    name: "a value below the range",
    words: nops("--set", "reqs_to_run=-1"),
    status: 2,
    says: ["reqs_to_run", "-1", "18446744073709551615"],
    ring: true,
  },
  { name: "a setting without =", words: nops("--set", "reqs_to_run"), status: 2, says: ["NAME=VALUE"] },
  { name: "a setting without a name", words: nops("--set", "=1"), status: 2, says: ["NAME=VALUE"] },
  { name: "a setting that is no number", words: nops("--set", "reqs_to_run=ten"), status: 2, says: ["not a number"] },
  { name: "a setting of no kind", words: nops("--set", "reqs_to_run=@file:x"), status: 2, says: ["@open:PATH"] },
  { name: "a file of no name", words: nops("--set", "reqs_to_run=@open:"), status: 2, says: ["@open:PATH"] },
  {
    name: "a buffer of no size",
    words: nops("--set", "reqs_to_run=@buffer:0"),
    status: 2,
    says: ["@buffer:0", "2 GiB"],
  },
  {
    name: "a file to open that is not there",
    words: nops("--set", `reqs_to_run=@open:${dir}/none`),
    status: 2,
    says: ["cannot be opened", "ENOENT"],
    ring: true,
  },
  {
    name: "a file to create in no folder",
    words: nops("--set", `reqs_to_run=@create:${dir}/none/x`),
    status: 2,
    says: ["cannot be created", "ENOENT"],
    ring: true,
  },
  {
    name: "a file copied onto itself",
    words: ["run", "cp", "--set", `in_fd=@open:${source}`, "--set", `out_fd=@create:${dir}/./source`],
    status: 2,
    says: ["would be emptied"],
  },
  {
    name: "a value out of range beside a file to create, which stays as it was",
    words: ["run", "cp", "--set", `out_fd=@create:${source}`, "--set", "nr_buffers=-1"],
    status: 2,
    says: ["nr_buffers", "out of range"],
  },
  // ring
  {
    name: "an unknown setup flag",
    words: nops("--setup", "SINGLE_ISUER"),
    status: 2,
    says: ['"SINGLE_ISSUER"'],
    ring: true,
  },
  {
    name: "a ring without DEFER_TASKRUN",
    words: nops("--setup", "SINGLE_ISSUER"),
    status: 1,
    says: ["lacks DEFER_TASKRUN", "nops_ops"],
    ring: true,
  },
  { name: "a ring with SQPOLL", words: nops("--setup", "SQPOLL"), status: 1, says: ["SQPOLL"], ring: true },
  {
    name: "setup flags that need another",
    words: nops("--setup", "DEFER_TASKRUN"),
    status: 1,
    says: ["DEFER_TASKRUN needs SINGLE_ISSUER"],
    ring: true,
  },
  {
    name: "a completion queue shorter than the other",
    words: nops("--entries", "8", "--cq-entries", "4"),
    status: 1,
    says: ["4 CQ entries", "8 SQ entries"],
    ring: true,
  },
  { name: "no entries", words: nops("--entries", "0"), status: 2, says: ["--entries 0", "1 to 32768"] },
  { name: "a region of no whole pages", words: nops("--mem", "100"), status: 2, says: ["--mem 100", "4096"] },
  { name: "a region of no size", words: nops("--mem", "x"), status: 2, says: ["not a number"] },
  {
    name: "a region filled from no file",
    words: nops("--mem", `4096:${dir}/none`),
    status: 2,
    says: ["cannot be read", "ENOENT"],
    ring: true,
  },
  {
    name: "a region filled from a device without an end",
    words: nops("--mem", "4096:/dev/zero"),
    status: 2,
    says: ["/dev/zero", "more than 4096 bytes"],
    ring: true,
  },
  {
    name: "a region smaller than its file",
    words: nops("--mem", `4096:${findProgram("nops")!.object}`),
    status: 2,
    says: ["larger than the region", "4096"],
    ring: true,
  },
  { name: "no region to write out", words: nops("--mem-out", "x"), status: 2, says: ["--mem-out", "--mem BYTES"] },
  {
    name: "a region written to no folder",
    words: nops("--mem", "4096", "--mem-out", `${dir}/none/x`),
    status: 2,
    says: ["cannot be written", "ENOENT"],
    ring: true,
  },
  // words
  { name: "no command", words: [], status: 2, says: ["Usage: loopstep COMMAND"] },
  { name: "an unknown command", words: ["rnu"], status: 2, says: ["rnu", 'Did you mean "run"?'] },
  { name: "an unknown option", words: nops("--stesp", "5"), status: 2, says: ["--stesp", 'Did you mean "steps"?'] },
  { name: "an option without its value", words: nops("--steps"), status: 2, says: ["--steps", "--help"] },
  { name: "a value that looks like an option", words: nops("--steps", "-1"), status: 2, says: ["--steps=VALUE"] },
  { name: "an unknown letter", words: nops("-x"), status: 2, says: ["no option -x", "--help"] },
  {
    name: "disasm: two forms at once",
    words: ["disasm", "nops", "--wasm", "--json"],
    status: 2,
    says: ["--wasm", "--json"],
  },
  { name: "a switch with a value", words: nops("--json=yes"), status: 2, says: ["--json", "--help"] },
  {
    name: "an unknown engine",
    words: ["run", "nops", "--engine", "users"],
    status: 2,
    says: ["users", "auto", "user"],
  },
  { name: "no file", words: ["run"], status: 2, says: ["loopstep run FILE|PROGRAM"] },
  { name: "two files", words: ["run", "nops", "cp"], status: 2, says: ["too many words: cp"] },
  { name: "no steps", words: nops("--steps", "0"), status: 2, says: ["--steps 0"] },
  { name: "no time", words: nops("--timeout", "soon"), status: 2, says: ["--timeout soon"] },
];

/** One message, of one line, that a person can read. */
function expectMessage(stderr: string): void {
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).not.toMatch(/TypeError|RangeError|unexpected failure|\[object|undefined|NaN/);
  expect(stderr.endsWith("\n")).toBe(true);
}

const noRing = missingRing();
/** What was said of each case, without paths. */
const said = new Map<string, string>();

describe.concurrent("bad input", () => {
  for (const { name, words, status, says, ring } of CASES) {
    it.skipIf(ring && noRing)(noRing && ring ? `${name} (skipped: ${noRing})` : name, async () => {
      const ended = await loopstep(words);
      for (const part of says) expect(ended.stderr).toMatch(part);
      expect(ended.status).toBe(status);
      expect(ended.stdout).toBe("");
      expectMessage(ended.stderr);
      if (words.length > 0) expect(ended.stderr.split("\n")).toHaveLength(2);
      expect(readFileSync(source, "utf8")).toBe("some bytes");
      if (words[0] === "run") said.set(name, ended.stderr.replaceAll(/\/\S+\//g, ""));
    });
  }
});

describe("the messages of bad input", () => {
  it("are all different", () => {
    const messages = [...said.values()];
    expect(messages.filter((message, i) => messages.indexOf(message) !== i)).toEqual([]);
  });
});
