// A loop in C, compiled on the way in: by whichever clang is here, with the header of src/programs/include and the options
// that the ready-made programs are compiled with.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { PACKAGE_ROOT } from "../engine/package-root.ts";
import { UnsupportedError } from "../loop/index.ts";
import { UsageError } from "./errors.ts";

const INCLUDE = fileURLToPath(new URL("src/programs/include", PACKAGE_ROOT));
const OPTIONS = ["-target", "bpf", "-O2", "-g", "-mcpu=v3", "-Wall", `-I${INCLUDE}`] as const;

/** clang's names from the newest that Debian or Fedora call so to the oldest whose code Linux 7.2 is known to take. */
const CLANGS = ["clang", ...Array.from({ length: 10 }, (_, age) => `clang-${25 - age}`)];
const LARGEST_OBJECT = 1 << 28;

/** Whether `file` is C by its name. */
export function isCSource(file: string): boolean {
  return file.endsWith(".c");
}

/**
 * The BPF object that `file` compiles to. `$CLANG` names another compiler. What clang says goes to stderr. Throws
 * USAGE_FILE when it does not compile, FEATURE_UNSUPPORTED when no clang is here.
 */
export function compileC(file: string): Uint8Array {
  const named = process.env["CLANG"];
  for (const clang of named === undefined ? CLANGS : [named]) {
    const { error, status, signal, stdout } = spawnSync(clang, [...OPTIONS, "-c", file, "-o", "-"], {
      stdio: ["ignore", "pipe", "inherit"],
      maxBuffer: LARGEST_OBJECT,
    });
    if (error !== undefined && "code" in error && error.code === "ENOENT") continue;
    if (status === 0) return stdout;
    throw new UsageError("USAGE_FILE", {
      where: file,
      message: "the source does not compile to BPF",
      found: `${clang} ended with ${signal ?? error?.message ?? `status ${String(status)}`}`,
      remedy: "What clang says of it stands above.",
      cause: error,
    });
  }
  throw new UnsupportedError("FEATURE_UNSUPPORTED", {
    where: file,
    message: "a source in C needs clang, and none is here",
    found: named === undefined ? "no clang on the PATH" : `no ${named}, which $CLANG names`,
    remedy: "Install clang, or give an object compiled elsewhere with clang -target bpf -O2 -g -c.",
  });
}
