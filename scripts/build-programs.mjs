// npm run build:programs: compiles every BPF program in C of this repository with clang-19 (or $CLANG), next to its
// source. `--check` compiles aside and compares instead. Paths are mapped away, so the same clang gives the same bytes.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const clang = process.env["CLANG"] ?? "clang-19";
const FOLDERS = ["src/programs/nops", "src/programs/cp", "testdata/loops"];

/** Sources, relative to the root. */
export function programSources() {
  return FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith(".bpf.c"))
      .map((name) => `${folder}/${name}`),
  );
}

/** True when the compiler that made the committed objects is here. */
export function hasClang() {
  const { status, stdout } = spawnSync(clang, ["--version"], { encoding: "utf8" });
  return status === 0 && / version 19\./.test(stdout);
}

/** Compiles one source to `out`. */
function compileProgram(source, out) {
  const args = [
    "-target",
    "bpf",
    "-O2",
    "-g",
    "-mcpu=v3",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Isrc/programs/include",
    `-ffile-prefix-map=${root}=.`,
    "-c",
    source,
    "-o",
    out,
  ];
  const { status, stderr } = spawnSync(clang, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`${clang} ${args.join(" ")}\n${stderr}`);
}

/** The sources whose committed object is not what they compile to. */
export function staleObjects() {
  const dir = mkdtempSync(path.join(tmpdir(), "loopstep-"));
  try {
    return programSources().filter((source) => {
      const out = path.join(dir, "out.bpf.o");
      compileProgram(source, out);
      return !readFileSync(out).equals(readFileSync(path.join(root, source.replace(/\.c$/, ".o"))));
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) {
    const stale = staleObjects();
    process.stdout.write(
      stale.length ? `not what their sources compile to: ${stale.join(", ")}\n` : "all objects match their sources\n",
    );
    process.exitCode = stale.length ? 1 : 0;
  } else {
    for (const source of programSources()) compileProgram(source, path.join(root, source.replace(/\.c$/, ".o")));
  }
}
