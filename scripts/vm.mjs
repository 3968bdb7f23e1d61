// Runs a command of this project inside a real Linux 7.1 or later, under emulation when there is no usable KVM:
//   node scripts/vm.mjs [options] COMMAND...
// Plain JavaScript with types in comments, so that it runs on every supported Node without being compiled.

import { existsSync, statSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findKernel, unpackedPackage } from "./vm/kernel.mjs";
import { findTools, runJob } from "./vm/machine.mjs";
import { RigProblem } from "./vm/problem.mjs";

const USAGE = `usage: npm run vm -- [options] COMMAND...

Runs COMMAND inside a real Linux with BPF-controlled io_uring. It sees this machine's files read-only, a /tmp of its own,
and is root. Its output and exit status come back.

  --kernel VERSION|FILE  a version to look for (7.2, 7.1.13), or a kernel image; default: the newest in the cache
  --update               look for a newer kernel first
  --mirror URL           Debian archive to fetch from; default: the one apt uses here
  --timeout SECONDS      stop after this long (default 300; exit status 124)
  --memory MIB           memory of the guest (default 1024)
  --cpus N               processors of the guest (default 2)
  --icount               one processor whose clock counts instructions: 1 ns each, the same in every run
  --writable DIR         let the command write to DIR (may be repeated)
  --env NAME=VALUE       environment variable of the command (may be repeated)
  --fetch                only make sure that a kernel is there
  --package NAME         only unpack the newest Debian package of that name beside the kernel, and print where
  --verbose              what the kernel says, to stderr
`;

/** MiB: with much less Linux does not start, and does not say so. */
const LEAST_MEMORY = 128;
const STATUS = { failed: 1, usage: 2, unsupported: 4, timeout: 124, died: 125 };
const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} text @param {string} option @param {number} least @param {number} most */
function whole(text, option, least, most) {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new TypeError(`--${option} takes a whole number from ${least} to ${most}, not "${text}"`);
}

/** @param {string} dir */
const isFolder = (dir) => existsSync(dir) && statSync(dir).isDirectory();

/** @param {string[]} args */
function settings(args) {
  // Options end at the first word that is none: the rest belongs to the command.
  const { values, positionals } = parseArgs({ args: withSeparator(args), allowPositionals: true, options: OPTIONS });
  const env = Object.fromEntries(
    (values.env ?? []).map((item) => {
      const at = item.indexOf("=");
      if (at < 1) throw new TypeError(`--env takes NAME=VALUE, not ${item}`);
      return [item.slice(0, at), item.slice(at + 1)];
    }),
  );
  for (const dir of values.writable ?? [])
    if (!isFolder(dir)) throw new TypeError(`--writable takes a directory, not "${dir}"`);
  return {
    ...values,
    env,
    command: positionals,
    timeoutMs: whole(values.timeout, "timeout", 1, 86_400) * 1000,
    memoryMiB: whole(values.memory, "memory", LEAST_MEMORY, 65_536),
    cpus: whole(values.cpus, "cpus", 1, 64),
  };
}

const OPTIONS = /** @type {const} */ ({
  kernel: { type: "string" },
  mirror: { type: "string" },
  update: { type: "boolean", default: false },
  timeout: { type: "string", default: "300" },
  memory: { type: "string", default: "1024" },
  cpus: { type: "string", default: "2" },
  icount: { type: "boolean", default: false },
  writable: { type: "string", multiple: true },
  env: { type: "string", multiple: true },
  fetch: { type: "boolean", default: false },
  package: { type: "string" },
  verbose: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
});

/** @param {string[]} args */
function withSeparator(args) {
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? "";
    if (word === "--") return args;
    if (!word.startsWith("--")) return [...args.slice(0, i), "--", ...args.slice(i)];
    const option = /** @type {Record<string, {type: string}>} */ (OPTIONS)[word.slice(2)];
    if (option?.type === "string") i++;
  }
  return args;
}

/**
 * Files and folders a word of the command names, also behind an option's `=` or `:` (in_fd=@open:FILE).
 * @param {string} word @param {string} cwd @param {boolean} whole whether the word as a whole may be one
 */
function pathsIn(word, cwd, whole) {
  const ends = [...word.matchAll(/[=:]/g)].map(({ index }) => word.slice(index + 1));
  const candidates = [...(whole ? [word] : []), ...ends].filter((candidate) => candidate !== "");
  return candidates.map((candidate) => resolve(cwd, candidate)).filter((file) => existsSync(file));
}

/** @param {string[]} args @returns {Promise<number>} */
async function main(args) {
  let wishes;
  try {
    wishes = settings(args);
  } catch (error) {
    const [said = ""] = /** @type {Error} */ (error).message.split("\n");
    process.stderr.write(`vm: ${said.replace(/\.$/, "")}. See --help.\n`);
    return STATUS.usage;
  }
  if (wishes.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const note = (/** @type {string} */ line) => process.stderr.write(`vm: ${line}\n`);
  if (wishes.package !== undefined) {
    process.stdout.write(`${unpackedPackage(wishes.package, { mirror: wishes.mirror, note })}\n`);
    return 0;
  }
  if (wishes.command.length === 0 && !wishes.fetch) {
    process.stderr.write("vm: no command. See --help.\n");
    return STATUS.usage;
  }
  if (wishes.fetch) {
    process.stdout.write(`${findKernel({ ...wishes, note }).version}\n`);
    return 0;
  }
  // first what is quickly seen to be missing, then what may have to be fetched
  const tools = findTools();
  const kernel = findKernel({ ...wishes, note });
  const cwd = process.env.INIT_CWD ?? process.cwd();
  const files = wishes.command.flatMap((word, i) => pathsIn(word, cwd, i > 0 || isAbsolute(word)));
  // what the project's own variables name, the command will look for
  const named = Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith("LOOPSTEP_") && value !== undefined && isAbsolute(value) && existsSync(value) ? [value] : [],
  );
  const outcome = await runJob({
    ...wishes,
    tools,
    image: kernel.image,
    cwd,
    needed: [PROJECT, ...files, ...named],
    writable: wishes.writable ?? [],
  });
  if ("status" in outcome) return outcome.status;
  const said = outcome.console.trim().split("\n").slice(-25).join("\n");
  if (outcome.failure === "timeout") {
    process.stderr.write(`vm: stopped after ${wishes.timeout} seconds (--timeout)\n${said}\n`);
    return STATUS.timeout;
  }
  process.stderr.write(`vm: the machine stopped before the command ended; it said last:\n${said}\n`);
  return STATUS.died;
}

// So that what was started is ended and cleaned up.
for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
  process.once(signal, () => process.exit(128 + number));
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { message, stack } = /** @type {Error} */ (error);
  const said = error instanceof RigProblem ? message : `unexpected failure: ${message.split("\n")[0]}`;
  process.stderr.write(`vm: ${said}\n${process.env.LOOPSTEP_DEBUG ? `${stack}\n` : ""}`);
  process.exitCode = error instanceof RigProblem ? STATUS.unsupported : STATUS.failed;
}
