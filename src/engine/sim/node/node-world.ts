// A world of real files through node:fs, for the simulator in Node: the I/O is simulated in time and order only, the bytes
// are those of the machine's files. Directories are remembered by path. Left out: openat2's RESOLVE_*, RENAME_EXCHANGE,
// O_TMPFILE, punching holes other than by writing zeros.

import * as fs from "node:fs";
import path from "node:path";
import { errnoNumber, EEXIST, EFAULT, EINVAL, EIO, EISDIR } from "../../../base/index.ts";
import { AT, O } from "../../../uring/abi/index.ts";
import {
  WorldFile,
  type FileKind,
  type FileStat,
  type OpenFile,
  type Place,
  type SimMemory,
  type World,
} from "../../../uring/sim/index.ts";

/** Runs `act`; a negative errno when it throws a system error. */
function attempt<T>(act: () => T): T | number {
  try {
    return act();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return -(errnoNumber(code) ?? EIO);
  }
}

/** Linux flag bits to this platform's. */
function hostFlags(flags: number): number {
  let out = flags & 3;
  for (const [name, bit] of Object.entries(O)) {
    if (bit > 3 && (flags & bit) === bit) out |= (fs.constants as Record<string, number>)[name] ?? 0;
  }
  return out;
}

function toStat(stat: fs.BigIntStats): FileStat {
  return {
    ino: Number(stat.ino),
    mode: Number(stat.mode),
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: Number(stat.size),
    blockSize: Number(stat.blksize),
    blocks: Number(stat.blocks),
    atime: stat.atimeNs,
    mtime: stat.mtimeNs,
    ctime: stat.ctimeNs,
    btime: stat.birthtimeNs,
  };
}

/** An open real file. */
class NodeFile extends WorldFile {
  readonly kind: FileKind;
  readonly fd: number;
  readonly path: string;

  constructor(fd: number, where: string, flags: number, directory: boolean) {
    super();
    this.fd = fd;
    this.path = where;
    this.flags = flags & ~(O.O_CREAT | O.O_EXCL | O.O_TRUNC | O.O_CLOEXEC);
    this.kind = directory ? "directory" : "regular";
  }

  size(): number {
    return fs.fstatSync(this.fd).size;
  }

  stat(): FileStat | number {
    return attempt(() => toStat(fs.fstatSync(this.fd, { bigint: true })));
  }

  read(memory: SimMemory, at: number, length: number, offset: number): number {
    if (this.kind === "directory") return -EISDIR;
    if (length === 0) return 0;
    const count = memory.reachable(at, length);
    if (count === 0) return offset >= this.size() ? 0 : -EFAULT;
    return attempt(() => fs.readSync(this.fd, memory.bytes, at, count, offset));
  }

  write(memory: SimMemory, at: number, length: number, offset: number): number {
    if (length === 0) return 0;
    const count = memory.reachable(at, length);
    if (count === 0) return -EFAULT;
    const position = (this.flags & O.O_APPEND) !== 0 ? null : offset;
    return attempt(() => fs.writeSync(this.fd, memory.bytes, at, count, position));
  }

  truncate(length: number): number {
    return attempt(() => {
      fs.ftruncateSync(this.fd, length);
      return 0;
    });
  }

  allocate(mode: number, offset: number, length: number): number {
    return attempt(() => {
      const end = offset + length;
      const size = this.size();
      if ((mode & 2) !== 0)
        fs.writeSync(this.fd, new Uint8Array(Math.max(0, Math.min(end, size) - offset)), 0, undefined, offset);
      else if ((mode & 1) === 0 && end > size) fs.ftruncateSync(this.fd, end);
      return 0;
    });
  }

  sync(dataOnly: boolean): number {
    return attempt(() => {
      if (dataOnly) fs.fdatasyncSync(this.fd);
      else fs.fsyncSync(this.fd);
      return 0;
    });
  }

  release(): void {
    fs.closeSync(this.fd);
  }
}

/** Real files; relative paths start at `root`, by default the process's working directory. */
export class NodeWorld implements World {
  readonly root: string;

  constructor(root: string = process.cwd()) {
    this.root = path.resolve(root);
  }

  setTime(): void {
    // the real clock stamps real files
  }

  #resolve({ directory, path: name }: Place): string {
    const base = directory instanceof NodeFile ? directory.path : this.root;
    const full = path.resolve(base, name);
    return name.endsWith("/") ? `${full}/` : full;
  }

  open(place: Place, flags: number, mode: number): OpenFile | number {
    const where = this.#resolve(place);
    return attempt(() => {
      const fd = fs.openSync(where, hostFlags(flags), mode);
      return new NodeFile(fd, where, flags, fs.fstatSync(fd).isDirectory());
    });
  }

  stat(place: Place, flags: number): FileStat | number {
    if (place.path === "" && place.directory instanceof NodeFile) return place.directory.stat();
    const where = this.#resolve(place);
    const follow = (flags & AT.AT_SYMLINK_NOFOLLOW) === 0;
    return attempt(() => toStat((follow ? fs.statSync : fs.lstatSync)(where, { bigint: true })));
  }

  mkdir(place: Place, mode: number): number {
    return done(() => fs.mkdirSync(this.#resolve(place), { mode }));
  }

  unlink(place: Place, flags: number): number {
    const where = this.#resolve(place);
    return done(() => ((flags & AT.AT_REMOVEDIR) === 0 ? fs.unlinkSync(where) : fs.rmdirSync(where)));
  }

  rename(from: Place, to: Place, flags: number): number {
    const target = this.#resolve(to);
    if ((flags & ~1) !== 0) return -EINVAL;
    if ((flags & 1) !== 0 && fs.existsSync(target)) return -EEXIST;
    return done(() => fs.renameSync(this.#resolve(from), target));
  }

  link(from: Place, to: Place): number {
    return done(() => fs.linkSync(this.#resolve(from), this.#resolve(to)));
  }

  symlink(target: string, place: Place): number {
    return done(() => fs.symlinkSync(target, this.#resolve(place)));
  }
}

function done(act: () => void): number {
  return attempt(() => {
    act();
    return 0;
  });
}
