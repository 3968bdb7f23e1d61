// One run of a command in a virtual machine: QEMU boots the kernel, the root is this machine's own file system, shared
// read-only by virtiofsd, and the command's output and exit status come back over virtio-serial ports.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDir } from "./kernel.mjs";
import { RigProblem } from "./problem.mjs";

const QEMU = "qemu-system-x86_64";
const INSTALL =
  "On Debian and Ubuntu: apt-get install --no-install-recommends qemu-system-x86 virtiofsd zstd (Debian 12: without virtiofsd).";
const VIRTIOFSD = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"];
/** Mounted over in the guest; what the command needs of the host's is bound back. */
const OWN = ["/tmp", "/run", "/var/tmp"];
/** What takes a virtual machine time and a command in it can do without: see the kernel's kernel-parameters.txt. */
const NOT_AT_BOOT = ["load_system_certificate_list", "trace_eval_init", "trace_eval_sync"];
const BOOT = [
  "console=hvc0 root=host rootfstype=virtiofs rw quiet panic=-1 mitigations=off tsc=reliable no_timer_check audit=0",
  // any number will do that spares the kernel finding one out: nothing here waits for hardware
  "lpj=6000000 rodata=off random.trust_cpu=1",
  `initcall_blacklist=${NOT_AT_BOOT.join(",")}`,
].join(" ");
/** Five levels of page tables are a level more to walk, in software, at each miss. */
const CPU = { tcg: "max,la57=off", kvm: "host" };
const PASSED = /^(PATH|LANG|LC_.*|CI|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|BLESS|SEED|LOOPSTEP_.*)$/;
const KVM_PATIENCE_MS = 8000;
/** Emulated processors now and then trip over code the kernel is just patching. */
const BOOTS = 3;

/**
 * @typedef {object} Job
 * @property {Tools} tools
 * @property {string[]} command
 * @property {string} image the kernel
 * @property {string} cwd
 * @property {string[]} needed paths that must be visible in the guest even below /tmp
 * @property {string[]} writable host directories the command may write to
 * @property {Record<string, string>} env added to the passed ones
 * @property {number} timeoutMs
 * @property {number} memoryMiB
 * @property {number} cpus
 * @property {boolean} icount
 * @property {boolean} verbose
 */

/**
 * How a run ended: the command's status, or why there is none. "fell": the kernel crashed before it had started the command.
 * @typedef {{status: number} | {failure: "timeout" | "died" | "fell" | "silent", console: string}} Outcome
 */

/**
 * Runs the job and resolves with its exit status; its output goes to stdout and stderr as it comes.
 * @param {Job} job
 * @returns {Promise<Outcome>}
 */
export async function runJob(job) {
  const { tools } = job;
  if (!job.icount && kvmMayWork()) {
    const outcome = await boot(job, tools, "kvm");
    if (!("failure" in outcome) || outcome.failure === "timeout") return outcome;
    rememberKvmFailure();
  }
  for (let boots = 1; ; boots++) {
    const outcome = await boot(job, tools, "tcg");
    if (boots === BOOTS || !("failure" in outcome) || outcome.failure !== "fell") return outcome;
    process.stderr.write("vm: the kernel crashed before it started the command; booting again\n");
  }
}

/** @typedef {{qemu: string, virtiofsd: string, rust: boolean, readOnly: boolean, setpriv: string | undefined}} Tools */

/** @param {string} name */
function onPath(name) {
  const dirs = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return dirs.map((dir) => join(dir, name)).find((file) => existsSync(file));
}

/** What a machine is made with. Throws RigProblem that says what to install. @returns {Tools} */
export function findTools() {
  const qemu = onPath(QEMU);
  if (qemu === undefined) throw new RigProblem(`${QEMU} is not installed`, INSTALL);
  const virtiofsd = onPath("virtiofsd") ?? VIRTIOFSD.find((file) => existsSync(file));
  if (virtiofsd === undefined) throw new RigProblem("virtiofsd is not installed", INSTALL);
  const help = execFileSync(virtiofsd, ["--help"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const rust = help.includes("--shared-dir");
  if (!rust && process.getuid?.() !== 0) {
    throw new RigProblem(
      "This virtiofsd needs root",
      "Run as root, or install the newer virtiofsd written in Rust, which does not.",
    );
  }
  return { qemu, virtiofsd, rust, readOnly: help.includes("--readonly"), setpriv: onPath("setpriv") };
}

function kvmMemo() {
  return join(cacheDir(), ".no-kvm");
}

function bootId() {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function kvmMayWork() {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  if (!/\b(vmx|svm)\b/.test(readFileSync("/proc/cpuinfo", "utf8"))) return false;
  return !existsSync(kvmMemo()) || readFileSync(kvmMemo(), "utf8") !== bootId();
}

function rememberKvmFailure() {
  mkdirSync(cacheDir(), { recursive: true });
  writeFileSync(kvmMemo(), bootId());
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @param {string} path @param {string} dir */
function below(path, dir) {
  return path === dir || path.startsWith(`${dir}/`);
}

/** The files of one run: init, its job and fstab. @param {Job} job @param {string} dir @param {string} end */
function writeGuest(job, dir, end) {
  copyFileSync(fileURLToPath(new URL("guest.sh", import.meta.url)), join(dir, "init"));
  const passed = Object.entries(process.env).filter(([name]) => PASSED.test(name));
  const path = [dirname(process.execPath), process.env.PATH ?? "/usr/bin:/bin", "/usr/sbin:/sbin"].join(":");
  const env = {
    ...Object.fromEntries(passed),
    PATH: path,
    HOME: "/tmp",
    TMPDIR: "/tmp",
    TERM: "dumb",
    LOOPSTEP_VM: "1",
    ...job.env,
  };
  const hidden = [...new Set([...job.needed, job.cwd, process.execPath].map((file) => resolve(file)))]
    .filter((file) => OWN.some((own) => below(file, own)))
    .filter((file, _, all) => !all.some((other) => other !== file && below(file, other)));
  const bind = (/** @type {string} */ to) => [
    `mkdir -p ${quoted(dirname(to))}`,
    `mount --bind ${quoted(`/run/host${to}`)} ${quoted(to)}`,
  ];
  const places = hidden.flatMap((path) => {
    const [parent, mount] = bind(path);
    return [
      parent,
      `${statSync(path).isDirectory() ? "mkdir -p" : "true >"} ${quoted(path)}`,
      mount,
      `mount -o remount,bind,ro ${quoted(path)}`,
    ];
  });
  const writable = job.writable
    .map((path) => resolve(path))
    .flatMap((path) => {
      const hides = OWN.some((own) => below(path, own)) ? [`mkdir -p ${quoted(path)}`] : [];
      return [
        ...hides,
        `mount --bind ${quoted(`/run/host${path}`)} ${quoted(path)}`,
        `mount -o remount,bind,rw ${quoted(path)}`,
      ];
    });
  const lines = [
    ...Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)}`),
    `END=${quoted(end)}`,
    `places() {\n${[":", ...places, ...writable].join("\n")}\n}`,
    `job() {\ncd ${quoted(job.cwd)} && exec ${job.command.map(quoted).join(" ")}\n}`,
  ];
  writeFileSync(join(dir, "job"), `${lines.join("\n")}\n`);
  const fstab = [
    "dev /dev devtmpfs",
    "proc /proc proc",
    "sys /sys sysfs",
    "bpf /sys/fs/bpf bpf",
    "run /run tmpfs",
    "/ /run/host none bind,X-mount.mkdir",
    "tmp /tmp tmpfs mode=1777",
    "tmp /var/tmp tmpfs mode=1777",
    "pts /dev/pts devpts X-mount.mkdir",
    "shm /dev/shm tmpfs X-mount.mkdir,mode=1777",
  ];
  writeFileSync(
    join(dir, "fstab"),
    `${fstab.map((line) => (line.split(" ").length === 3 ? `${line} defaults 0 0` : `${line} 0 0`)).join("\n")}\n`,
  );
}

/** @param {Job} job @param {string} dir @param {"tcg" | "kvm"} accel */
function qemuArguments(job, dir, accel) {
  const memory = `${job.memoryMiB}M`;
  const accelerators = { tcg: job.icount ? "tcg,thread=single" : "tcg,thread=multi,tb-size=512", kvm: "kvm" };
  const parts = [
    ["-accel", accelerators[accel], "-M", "q35", "-cpu", CPU[accel]],
    ["-smp", String(job.icount ? 1 : job.cpus), ...(job.icount ? ["-icount", "shift=0,sleep=off"] : [])],
    ["-m", memory, "-object", `memory-backend-memfd,id=mem,size=${memory},share=on`, "-numa", "node,memdev=mem"],
    ["-nodefaults", "-display", "none", "-no-reboot", "-no-user-config"],
    ["-kernel", job.image, "-append", `${BOOT} init=${join(dir, "init")}`],
    ["-chardev", `socket,id=fs,path=${join(dir, "fs")}`, "-device", "vhost-user-fs-pci,chardev=fs,tag=host"],
    ["-device", "virtio-serial-pci"],
    ["-chardev", `socket,id=console,path=${join(dir, "console")}`, "-device", "virtconsole,chardev=console"],
    ...["out", "err", "status"].map((name) => ["-chardev", `socket,id=${name},path=${join(dir, name)}`]),
    ...["out", "err", "status"].map((name) => ["-device", `virtserialport,chardev=${name},name=${name}`]),
  ];
  return parts.flat();
}

/**
 * A server on a UNIX socket that hands every piece received to `sink`, which may ask to wait by returning a promise.
 * @param {string} path @param {(piece: Buffer) => void | Promise<void>} sink
 */
function receive(path, sink) {
  const server = createServer(async (socket) => {
    socket.on("error", () => {});
    try {
      for await (const piece of socket) await sink(piece);
    } catch {
      // the machine has been stopped
    }
  });
  server.listen(path);
  return server;
}

/**
 * Passes a stream on up to the end mark, which no command writes by accident.
 * @param {NodeJS.WriteStream} to @param {string} end @param {() => void} ended
 */
function untilMark(to, end, ended) {
  let held = Buffer.alloc(0);
  return (/** @type {Buffer} */ piece) => {
    held = Buffer.concat([held, piece]);
    const at = held.indexOf(end);
    // What might be the beginning of the mark waits for more.
    const partial = at >= 0 ? -1 : held.lastIndexOf(end.charAt(0));
    const upTo = at >= 0 ? at : partial >= 0 && held.length - partial < end.length ? partial : held.length;
    const ready = held.subarray(0, upTo);
    held = held.subarray(upTo);
    if (at >= 0) ended();
    if (ready.length === 0 || to.write(ready)) return;
    return new Promise((drained) => to.once("drain", drained));
  };
}

/** @param {string} path @param {() => boolean} gone */
async function appears(path, gone) {
  while (!existsSync(path) && !gone()) await new Promise((tick) => setTimeout(tick, 5));
}

/**
 * @param {Job} job @param {Tools} tools @param {"tcg" | "kvm"} accel
 * @returns {Promise<Outcome>}
 */
async function boot(job, tools, accel) {
  const dir = mkdtempSync(join(tmpdir(), "loopstep-vm-"));
  if (!isAbsolute(dir) || /[\s,]/.test(dir))
    throw new RigProblem(`The temporary directory ${dir} has a blank or comma`, "Set TMPDIR.");
  /** @type {import("node:child_process").ChildProcess[]} */
  const children = [];
  /** @type {import("node:net").Server[]} */
  const servers = [];
  // A child must not outlive us, even when we are killed.
  const start = (/** @type {string} */ file, /** @type {string[]} */ args) => {
    const [program, argv] = tools.setpriv
      ? [tools.setpriv, ["--pdeathsig", "KILL", "--", file, ...args]]
      : [file, args];
    const child = spawn(program, argv, { stdio: ["ignore", "ignore", job.verbose ? "inherit" : "pipe"] });
    children.push(child);
    return child;
  };
  const cleanUp = () => {
    for (const child of children.toReversed()) child.kill("SIGKILL");
    rmSync(dir, { recursive: true, force: true });
  };
  process.once("exit", cleanUp);
  const end = `\u001eend ${randomBytes(12).toString("hex")}\n`;
  let log = "";
  try {
    writeGuest(job, dir, end);
    const shared = tools.rust
      ? ["--socket-path", join(dir, "fs"), "--shared-dir", "/", "--cache", "always", "--log-level", "error"]
      : [`--socket-path=${join(dir, "fs")}`, "-f", "-o", "source=/", "-o", "cache=always", "-o", "log_level=err"];
    const sandbox = process.getuid?.() !== 0 ? [] : tools.rust ? ["--sandbox", "chroot"] : ["-o", "sandbox=chroot"];
    // The older one cannot be told; there the guest's own mount is what keeps it from writing.
    const readOnly = tools.readOnly && job.writable.length === 0 ? ["--readonly"] : [];
    const files = start(tools.virtiofsd, [...shared, ...sandbox, ...readOnly]);
    files.stderr?.on("data", (text) => (log += text));
    return await new Promise((finish, fail) => {
      /** @type {Partial<Record<"out" | "err", boolean>>} */
      const done = {};
      /** @type {number | undefined} */
      let status;
      let ready = false;
      let text = "";
      const check = () => done.out && done.err && status !== undefined && finish({ status });
      const hear = (/** @type {Buffer} */ piece) => {
        log += piece.toString();
        if (job.verbose) process.stderr.write(piece);
      };
      const control = (/** @type {Buffer} */ piece) => {
        text += piece.toString();
        ready ||= text.startsWith("ready\n");
        const found = /^status (\d+)\n/m.exec(text);
        if (found) status = Number(found[1]);
        check();
      };
      const mark = (/** @type {"out" | "err"} */ name) => () => {
        done[name] = true;
        check();
      };
      servers.push(
        receive(join(dir, "out"), untilMark(process.stdout, end, mark("out"))),
        receive(join(dir, "err"), untilMark(process.stderr, end, mark("err"))),
        receive(join(dir, "status"), control),
        receive(join(dir, "console"), hear),
      );
      setTimeout(() => finish({ failure: "timeout", console: log }), job.timeoutMs).unref();
      if (accel === "kvm")
        setTimeout(() => ready || finish({ failure: "silent", console: log }), KVM_PATIENCE_MS).unref();
      void appears(join(dir, "fs"), () => files.exitCode !== null).then(() => {
        if (files.exitCode !== null)
          return fail(new RigProblem(`virtiofsd stopped at once: ${log.trim()}`, "Try as root."));
        const machine = start(tools.qemu, qemuArguments(job, dir, accel));
        machine.stderr?.on("data", (text) => (log += text));
        machine.on("error", fail);
        // What the machine said last may still be on its way to us.
        const closed = () => finish({ failure: !ready && log.includes("Oops") ? "fell" : "died", console: log });
        machine.on("close", () => setTimeout(closed, 100));
        return undefined;
      });
    });
  } finally {
    if (/BUG:|WARNING:|Oops|Call Trace/.test(log) && !job.verbose) process.stderr.write(`the kernel says:\n${log}`);
    for (const server of servers) server.close();
    process.off("exit", cleanUp);
    cleanUp();
  }
}
