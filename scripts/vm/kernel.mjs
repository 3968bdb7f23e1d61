// Finds a Linux that can run io_uring loops (7.1 or later, CONFIG_IO_URING_BPF_OPS=y): the newest cloud kernel that Debian
// packages, taken from the mirror this machine's apt already uses, unpacked without installing it, kept in the user's cache.
// The system's apt configuration, lists and packages are read and never changed.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { RigProblem } from "./problem.mjs";

const WANTED = /^linux-image-[0-9][^ ]*-cloud-amd64$/;
const OLDEST = [7, 1];
const MARKER = "CONFIG_IO_URING_BPF_OPS=y";
const SUITES = ["sid", "stable-backports"];
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * @typedef {object} Kernel
 * @property {string} version e.g. `7.2.13+deb14-cloud-amd64`, or the path given
 * @property {string} image path of a vmlinux or bzImage
 */

/** The cache directory of the rig. */
export function cacheDir() {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(base, "loopstep", "kernels");
}

/**
 * The kernel to boot.
 * @param {{kernel?: string | undefined, mirror?: string | undefined, update?: boolean, note: (line: string) => void}} wishes
 *   `kernel`: a path, or a version (prefix) to look for; `update`: look for a newer one than the cached
 * @returns {Kernel}
 */
export function findKernel(wishes) {
  const { kernel, note } = wishes;
  // versions begin with a digit
  if (kernel !== undefined && (kernel.includes("/") || !/^[0-9]/.test(kernel))) {
    if (!existsSync(kernel) || !statSync(kernel).isFile())
      throw new RigProblem(`No file ${kernel}`, "Give a vmlinux or vmlinuz, or a version.");
    return { version: kernel, image: resolve(kernel) };
  }
  const cached = cachedKernels().find(({ version }) => kernel === undefined || matches(version, kernel));
  if (cached && !wishes.update) return cached;
  const fetched = fetchKernel(kernel, wishes.mirror, note);
  if (fetched) return fetched;
  throw new RigProblem(
    `The mirror has no cloud kernel ${kernel ?? `of ${OLDEST.join(".")} or later`} with ${MARKER}`,
    "Give a kernel image with --kernel FILE, or another mirror with --mirror URL.",
  );
}

/**
 * The newest version of a Debian package, unpacked beside the kernels and not installed: the folder it would go over.
 * @param {string} name @param {{mirror?: string | undefined, note: (line: string) => void}} wishes
 */
export function unpackedPackage(name, { mirror, note }) {
  const place = join(cacheDir(), ".packages", name);
  if (existsSync(place)) return place;
  const apt = privateApt(mirror, note);
  note(`fetching the package ${name}`);
  const work = mkdtempSync(join(cacheDir(), ".unpack-"));
  try {
    try {
      apt("apt-get", ["download", name], work);
    } catch {
      throw new RigProblem(`The mirror does not give out the package ${name}`, "Give another with --mirror URL.");
    }
    extract(work);
    mkdirSync(dirname(place), { recursive: true });
    renameSync(join(work, "tree"), place);
    return place;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} version @param {string} wish */
function matches(version, wish) {
  return version === wish || (version.startsWith(wish) && !/[0-9]/.test(version.charAt(wish.length)));
}

/** Numbers of a version, for comparing. @param {string} version */
function numbers(version) {
  return (version.match(/\d+/g) ?? []).map(Number);
}

/** Newest first. @param {string} a @param {string} b */
function byVersion(a, b) {
  const [x, y] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const difference = (y[i] ?? 0) - (x[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** @param {string} version */
function newEnough(version) {
  const [major = 0, minor = 0] = numbers(version);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/** @returns {Kernel[]} */
function cachedKernels() {
  const dir = cacheDir();
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => existsSync(join(dir, name, "image")))
    .sort(byVersion)
    .map((version) => ({ version, image: join(dir, version, "image") }));
}

/**
 * @param {string | undefined} wish @param {string | undefined} mirror @param {(line: string) => void} note
 * @returns {Kernel | undefined}
 */
function fetchKernel(wish, mirror, note) {
  if (process.arch !== "x64")
    throw new RigProblem("The kernel rig knows x86-64 only", "Give an image with --kernel FILE.");
  const apt = privateApt(mirror, note);
  const packages = apt("apt-cache", ["search", "--names-only", "^linux-image-.*-cloud-amd64$"])
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => WANTED.test(name));
  const versions = packages
    .map((name) => name.slice("linux-image-".length))
    .filter((version) => newEnough(version) && (wish === undefined || matches(version, wish)))
    .sort(byVersion);
  for (const version of versions.slice(0, 3)) {
    const place = join(cacheDir(), version);
    if (existsSync(join(place, "image"))) return { version, image: join(place, "image") };
    note(`fetching Linux ${version} (14 MB)`);
    const work = mkdtempSync(join(cacheDir(), ".unpack-"));
    try {
      if (!unpack(apt, version, work)) continue;
      renameSync(join(work, "kernel"), place);
      return { version, image: join(place, "image") };
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return undefined;
}

/**
 * Downloads and unpacks one version into `work`/kernel; false when it lacks what we need.
 * @param {ReturnType<typeof privateApt>} apt @param {string} version @param {string} work
 */
function unpack(apt, version, work) {
  const image = `linux-image-${version}`;
  const depends = apt("apt-cache", ["show", "--no-all-versions", image]).match(/^Depends: (.*)$/m)?.[1] ?? "";
  // Since 7.0 the image package is a shell around these two; before, it carried the files itself.
  const parts = depends
    .split(/[,|]\s*/)
    .map((item) => item.trim().split(" ")[0] ?? "")
    .filter((name) => /^linux-(binary|base)-\d/.test(name));
  apt("apt-get", ["download", image, ...parts], work);
  extract(work);
  const files = readdirSync(join(work, "tree"), { recursive: true }).map((name) => join(work, "tree", String(name)));
  const config = files.find((file) => /^config(-|$)/.test(basename(file)));
  const vmlinuz = files.find((file) => /^vmlinuz(-|$)/.test(basename(file)));
  if (!config || !vmlinuz || !readFileSync(config, "utf8").includes(MARKER)) return false;
  mkdirSync(join(work, "kernel"));
  writeFileSync(join(work, "kernel", "config"), readFileSync(config));
  writeFileSync(join(work, "kernel", "image"), uncompressed(readFileSync(vmlinuz)));
  return true;
}

/** Unpacks every package in `work` into `work`/tree. @param {string} work */
function extract(work) {
  for (const file of readdirSync(work).filter((name) => name.endsWith(".deb")))
    execFileSync("dpkg-deb", ["-x", join(work, file), join(work, "tree")]);
}

/**
 * The ELF inside a bzImage, which boots sooner; the bzImage itself when we cannot unpack it.
 * Offsets: setup_sects, payload_offset and payload_length of the x86 boot protocol.
 * @param {Buffer} bzImage
 */
function uncompressed(bzImage) {
  const start = ((bzImage[0x1f1] || 4) + 1) * 512 + bzImage.readUInt32LE(0x248);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(0x24c));
  const magic = payload.readUInt32BE(0);
  try {
    if (magic === 0x28b52ffd) return withoutTrailer("zstd", ["-dqc"], payload);
    if (magic >>> 16 === 0x1f8b) return gunzipSync(payload);
    if (magic === 0xfd377a58) return withoutTrailer("xz", ["-dqc"], payload);
  } catch {
    return bzImage;
  }
  return bzImage;
}

/** @param {string} tool @param {string[]} args @param {Buffer} payload */
function withoutTrailer(tool, args, payload) {
  // The last four bytes of the payload are the unpacked size, which the tools do not know: they unpack all and complain.
  const size = payload.readUInt32LE(payload.length - 4);
  const input = payload.subarray(0, payload.length - 4);
  const output = execFileSync(tool, args, { input, maxBuffer: 1 << 30, stdio: ["pipe", "pipe", "ignore"] });
  if (output.length !== size) throw new Error(`unpacked ${output.length} bytes of ${size}`);
  return output;
}

const REMEDY = "Check the network, give another mirror with --mirror URL, or a kernel image with --kernel FILE.";

/** What apt said was wrong, or what the system says of apt. @param {unknown} error @returns {string} */
function reasonOf(error) {
  const { stderr, message } = /** @type {{stderr?: string, message: string}} */ (error);
  return stderr?.split("\n").find((line) => /^[EW]:/.test(line)) ?? message.split("\n")[0] ?? "";
}

/**
 * apt with lists and archives of its own and a single source: the Debian archive behind the machine's own mirror.
 * @param {string | undefined} mirror @param {(line: string) => void} note
 */
function privateApt(mirror, note) {
  const uri = mirror ?? process.env.LOOPSTEP_VM_MIRROR ?? debianMirror();
  const root = join(cacheDir(), ".apt");
  for (const dir of ["lists/partial", "cache/archives/partial", "sources", "none"])
    mkdirSync(join(root, dir), { recursive: true });
  const signed = existsSync(KEYRING) ? [`Signed-By: ${KEYRING}`] : [];
  const source = [
    "Types: deb",
    `URIs: ${uri}`,
    `Suites: ${SUITES.join(" ")}`,
    "Components: main",
    "Architectures: amd64",
    ...signed,
  ];
  writeFileSync(join(root, "sources", "archive.sources"), `${source.join("\n")}\n`);
  const settings = {
    "Dir::State": root,
    "Dir::State::lists": join(root, "lists"),
    "Dir::State::status": "/dev/null",
    "Dir::Cache": join(root, "cache"),
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": join(root, "sources"),
    "Dir::Etc::preferencesparts": join(root, "none"),
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": process.getuid?.() === 0 ? "root" : "",
    "Acquire::Languages": "none",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  /** @param {string} tool @param {string[]} args @param {string} [cwd] */
  const tryApt = (tool, args, cwd) =>
    execFileSync(tool, [...options, ...args], {
      cwd: cwd ?? root,
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
    });
  /** @param {string} tool @param {string[]} args @param {string} [cwd] */
  const apt = (tool, args, cwd) => {
    try {
      return tryApt(tool, args, cwd);
    } catch (error) {
      throw new RigProblem(`${tool} ${args[0] ?? ""} failed: ${reasonOf(error)}`, REMEDY);
    }
  };
  note("reading the lists of this machine's Debian mirror");
  let reason = "none came";
  try {
    tryApt("apt-get", ["-q", "update"]);
  } catch (error) {
    // One missing suite fails the whole command, though the other's list has arrived.
    reason = reasonOf(error);
  }
  // Without a connection apt only warns.
  if (!readdirSync(join(root, "lists")).some((name) => /_Packages/.test(name))) {
    throw new RigProblem(`apt cannot read the lists of ${SUITES.join(" and ")} from the mirror: ${reason}`, REMEDY);
  }
  return apt;
}

/** The Debian archive this machine installs from. */
function debianMirror() {
  const remedy = "Give a Debian mirror with --mirror URL, or a kernel image of Linux 7.1 or later with --kernel FILE.";
  let listing;
  try {
    listing = execFileSync("apt-get", ["indextargets", "--format", "$(REPO_URI) $(ORIGIN)", "Created-By: Packages"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    throw new RigProblem("This machine has no apt to fetch a kernel with", remedy);
  }
  const targets = listing.split("\n").map((line) => line.split(" "));
  const archives = targets.filter(
    ([uri, origin]) => uri && !/security/.test(uri) && (origin === "Debian" || /\/debian\/?$/.test(uri)),
  );
  const uri = archives[0]?.[0];
  if (uri === undefined) throw new RigProblem("apt is not configured with a Debian archive", remedy);
  return uri;
}
