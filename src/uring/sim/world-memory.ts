// A world in memory: directories, regular files, symbolic links, /dev/null and /dev/zero. Paths are walked as path_openat
// does, for one all-powerful user; times are what the machine says. Left out: permissions, hard limits, special files.

import {
  EBADF,
  EBUSY,
  EEXIST,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EXDEV,
} from "../../base/index.ts";
import { AT, O, RENAME, RESOLVE } from "../abi/index.ts";
import { FileData } from "./file-data.ts";
import type { SimMemory } from "./memory.ts";
import { OpenFile, WorldFile, type FileKind, type FileStat, type Place, type World } from "./state.ts";

const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;
const S_IFMT = 0o170000;
const NAME_MAX = 255;
const MAX_LINKS = 40;
const BLOCK = 4096;
/** Largest file, bytes: that of ext4 with blocks of 4 KiB. */
const SIZE_MAX = 0xfff_ffff_f000;

/** A node of the tree. */
class Inode {
  readonly ino: number;
  readonly mode: number;
  nlink = 1;
  readonly data: FileData = new FileData();
  readonly entries: Map<string, Inode> = new Map();
  parent: Inode | null = null;
  target = "";
  time = 0n;
  readonly btime: bigint;

  constructor(ino: number, mode: number, time: bigint) {
    this.ino = ino;
    this.mode = mode;
    this.time = time;
    this.btime = time;
  }

  get type(): number {
    return this.mode & S_IFMT;
  }

  get size(): number {
    return this.data.size;
  }

  stat(): FileStat {
    return {
      ino: this.ino,
      mode: this.mode,
      nlink:
        this.type === S_IFDIR ? 2 + [...this.entries.values()].filter((e) => e.type === S_IFDIR).length : this.nlink,
      uid: 0,
      gid: 0,
      size: this.type === S_IFDIR ? this.entries.size * 20 : this.type === S_IFLNK ? this.target.length : this.size,
      blockSize: BLOCK,
      blocks: this.type === S_IFREG ? Math.ceil(this.size / BLOCK) * (BLOCK / 512) : 0,
      atime: this.time,
      mtime: this.time,
      ctime: this.time,
      btime: this.btime,
    };
  }
}

class MemoryFile extends WorldFile {
  readonly kind: FileKind;
  readonly inode: Inode;
  readonly world: MemoryWorld;

  constructor(world: MemoryWorld, inode: Inode, flags: number) {
    super();
    this.world = world;
    this.inode = inode;
    this.flags = flags;
    this.kind = (flags & O.O_PATH) !== 0 ? "path" : inode.type === S_IFDIR ? "directory" : "regular";
  }

  size(): number {
    return this.inode.size;
  }

  stat(): FileStat {
    return this.inode.stat();
  }

  read(memory: SimMemory, at: number, length: number, offset: number): number {
    if (this.kind === "directory") return length === 0 ? 0 : -EISDIR;
    const { inode } = this;
    const wanted = Math.min(length, inode.size - offset);
    if (wanted <= 0) return 0;
    const count = memory.reachable(at, wanted);
    if (count === 0) return -EFAULT;
    inode.data.read(offset, memory.bytes, at, count);
    return count;
  }

  write(memory: SimMemory, at: number, length: number, offset: number): number {
    const { inode } = this;
    const start = (this.flags & O.O_APPEND) !== 0 ? inode.size : offset;
    if (length === 0) return 0;
    if (start >= SIZE_MAX) return -EFBIG;
    const count = memory.reachable(at, Math.min(length, SIZE_MAX - start));
    if (count === 0) return -EFAULT;
    inode.data.write(start, memory.bytes.subarray(at, at + count));
    inode.time = this.world.time;
    return count;
  }

  truncate(length: number): number {
    const { inode } = this;
    if (length > SIZE_MAX) return -EFBIG;
    inode.data.resize(length);
    inode.time = this.world.time;
    return 0;
  }

  allocate(mode: number, offset: number, length: number): number {
    const { inode } = this;
    if (offset + length > SIZE_MAX) return -EFBIG;
    const keepSize = (mode & 1) !== 0;
    if ((mode & 2) !== 0) {
      inode.data.clear(offset, offset + length);
      return 0;
    }
    if (!keepSize && offset + length > inode.size) return this.truncate(offset + length);
    return 0;
  }

  sync(): number {
    return 0;
  }

  release(): void {}
}

/** /dev/null and /dev/zero. */
class DeviceFile extends OpenFile {
  readonly kind = "device";
  readonly pollable = false;
  readonly stream = false;
  readonly nowait = true;
  readonly inode: Inode;
  readonly #zero: boolean;

  constructor(inode: Inode, zero: boolean, flags: number) {
    super();
    this.inode = inode;
    this.#zero = zero;
    this.flags = flags;
  }

  poll(): number {
    return 0x145;
  }

  read(memory: SimMemory, at: number, length: number): number {
    if (!this.#zero || length === 0) return 0;
    const count = memory.reachable(at, length);
    if (count === 0) return -EFAULT;
    memory.bytes.fill(0, at, at + count);
    return count;
  }

  write(_memory: SimMemory, _at: number, length: number): number {
    return length;
  }

  release(): void {}
}

interface Found {
  readonly parent: Inode;
  readonly name: string;
  readonly inode: Inode | undefined;
  /** The path ended in a slash, "." or "..": only a directory will do. */
  readonly directory: boolean;
  readonly special: boolean;
}

/** The tree, with `/dev/null` and `/dev/zero` in it. The working directory is the root. */
export class MemoryWorld implements World {
  time = 0n;
  #ino = 1;
  readonly #root: Inode;

  constructor() {
    this.#root = this.#node(S_IFDIR | 0o755);
    this.#root.parent = this.#root;
    const dev = this.#node(S_IFDIR | 0o755);
    this.#attach(this.#root, "dev", dev);
    for (const name of ["null", "zero"]) this.#attach(dev, name, this.#node(S_IFCHR | 0o666));
  }

  setTime(realtimeNs: bigint): void {
    this.time = realtimeNs;
  }

  /** Contents of a regular file, a copy, at most so many bytes; undefined when there is none. For hosts and checks. */
  readFile(path: string, most: number = Infinity): Uint8Array<ArrayBuffer> | undefined {
    const found = this.#walk({ directory: null, path }, true, 0);
    if (typeof found === "number" || found.inode?.type !== S_IFREG) return undefined;
    const { data, size } = found.inode;
    const out = new Uint8Array(Math.min(size, most));
    data.read(0, out, 0, out.length);
    return out;
  }

  /** Creates or replaces a regular file and the directories it lies in. */
  writeFile(path: string, contents: Uint8Array): void {
    const parts = path.split("/").filter((part) => part !== "");
    let directory = this.#root;
    for (const part of parts.slice(0, -1)) {
      const next = directory.entries.get(part) ?? this.#attach(directory, part, this.#node(S_IFDIR | 0o755));
      directory = next;
    }
    const name = parts.at(-1)!;
    const inode = directory.entries.get(name) ?? this.#attach(directory, name, this.#node(S_IFREG | 0o644));
    inode.data.resize(0);
    inode.data.write(0, contents);
  }

  /** Paths of all regular files, sorted. */
  listFiles(): string[] {
    const out: string[] = [];
    const visit = (inode: Inode, prefix: string): void => {
      for (const [name, entry] of inode.entries) {
        if (entry.type === S_IFDIR) visit(entry, `${prefix}/${name}`);
        else if (entry.type === S_IFREG) out.push(`${prefix}/${name}`);
      }
    };
    visit(this.#root, "");
    return out.sort();
  }

  open(place: Place, flags: number, mode: number, resolve: number): OpenFile | number {
    const follow = (flags & O.O_NOFOLLOW) === 0 && (flags & (O.O_CREAT | O.O_EXCL)) !== (O.O_CREAT | O.O_EXCL);
    if ((flags & O.O_TMPFILE) === O.O_TMPFILE) return this.#openTemporary(place, flags, mode, resolve);
    const found = this.#walk(place, follow, resolve);
    if (typeof found === "number") return found;
    let { inode } = found;
    if ((flags & O.O_CREAT) !== 0 && found.directory && !found.special) return -EISDIR;
    if (inode === undefined) {
      if ((flags & O.O_CREAT) === 0) return -ENOENT;
      inode = this.#attach(found.parent, found.name, this.#node(S_IFREG | (mode & 0o7777 & ~0o022)));
    } else if ((flags & O.O_CREAT) !== 0) {
      if ((flags & O.O_EXCL) !== 0) return -EEXIST;
      if (found.directory && inode.type !== S_IFDIR) return -ENOTDIR;
      if (inode.type === S_IFDIR) return -EISDIR;
    }
    if (inode.type === S_IFLNK) {
      if ((flags & O.O_PATH) === 0) return (flags & O.O_DIRECTORY) !== 0 ? -ENOTDIR : -ELOOP;
      if ((flags & O.O_DIRECTORY) !== 0) return -ENOTDIR;
    }
    if (((flags & O.O_DIRECTORY) !== 0 || found.directory) && inode.type !== S_IFDIR) return -ENOTDIR;
    if ((flags & O.O_PATH) !== 0) return new MemoryFile(this, inode, flags);
    if (inode.type === S_IFDIR && (flags & 3) !== O.O_RDONLY) return -EISDIR;
    if (inode.type === S_IFCHR) return new DeviceFile(inode, found.name === "zero", flags);
    if ((flags & O.O_TRUNC) !== 0 && inode.type === S_IFREG) {
      inode.data.resize(0);
      inode.time = this.time;
    }
    return new MemoryFile(this, inode, flags & ~(O.O_CREAT | O.O_EXCL | O.O_TRUNC | O.O_NOCTTY | O.O_CLOEXEC));
  }

  #openTemporary(place: Place, flags: number, mode: number, resolve: number): OpenFile | number {
    const found = this.#walk(place, true, resolve);
    if (typeof found === "number") return found;
    if (found.inode === undefined) return -ENOENT;
    if (found.inode.type !== S_IFDIR) return -ENOTDIR;
    const inode = this.#node(S_IFREG | (mode & 0o7777 & ~0o022));
    inode.nlink = 0;
    return new MemoryFile(this, inode, flags & ~O.O_TMPFILE);
  }

  stat(place: Place, flags: number): FileStat | number {
    if (place.path === "") {
      if ((flags & AT.AT_EMPTY_PATH) === 0) return -ENOENT;
      const { directory } = place;
      if (directory === null) return this.#root.stat();
      if (directory instanceof MemoryFile || directory instanceof DeviceFile) return directory.inode.stat();
      return -EBADF;
    }
    const found = this.#walk(place, (flags & AT.AT_SYMLINK_NOFOLLOW) === 0, 0);
    if (typeof found === "number") return found;
    if (found.inode === undefined) return -ENOENT;
    if (found.directory && found.inode.type !== S_IFDIR) return -ENOTDIR;
    return found.inode.stat();
  }

  mkdir(place: Place, mode: number): number {
    const found = this.#walk(place, false, 0);
    if (typeof found === "number") return found;
    if (found.inode !== undefined) return -EEXIST;
    this.#attach(found.parent, found.name, this.#node(S_IFDIR | (mode & 0o1777 & ~0o022)));
    return 0;
  }

  unlink(place: Place, flags: number): number {
    const removeDirectory = (flags & AT.AT_REMOVEDIR) !== 0;
    const found = this.#walk(place, false, 0);
    if (typeof found === "number") return found;
    if (removeDirectory) {
      if (found.special)
        return place.path.replace(/\/+$/, "").endsWith("..") ? -ENOTEMPTY : found.name === "" ? -EBUSY : -EINVAL;
      if (found.inode === undefined) return -ENOENT;
      if (found.inode.type !== S_IFDIR) return -ENOTDIR;
      if (found.inode.entries.size > 0) return -ENOTEMPTY;
    } else {
      if (found.special) return -EISDIR;
      if (found.inode === undefined) return -ENOENT;
      if (found.directory) return found.inode.type === S_IFDIR ? -EISDIR : -ENOTDIR;
      if (found.inode.type === S_IFDIR) return -EISDIR;
    }
    found.parent.entries.delete(found.name);
    found.inode.nlink--;
    if (found.inode.type === S_IFDIR) found.inode.parent = null;
    return 0;
  }

  rename(from: Place, to: Place, flags: number): number {
    const source = this.#walk(from, false, 0);
    if (typeof source === "number") return source;
    const target = this.#walk(to, false, 0);
    if (typeof target === "number") return target;
    if (source.special) return -EBUSY;
    if (target.special) return (flags & RENAME.RENAME_NOREPLACE) !== 0 ? -EEXIST : -EBUSY;
    if (source.inode === undefined) return -ENOENT;
    if ((flags & RENAME.RENAME_NOREPLACE) !== 0 && target.inode !== undefined) return -EEXIST;
    const exchange = (flags & RENAME.RENAME_EXCHANGE) !== 0;
    if (exchange && target.inode === undefined) return -ENOENT;
    if (exchange && target.directory && target.inode!.type !== S_IFDIR) return -ENOTDIR;
    if (source.inode.type !== S_IFDIR) {
      if (source.directory) return -ENOTDIR;
      if (!exchange && target.directory) return -ENOTDIR;
    }
    for (let up: Inode | null = target.parent; up !== null; up = up.parent === up ? null : up.parent) {
      if (up === source.inode) return -EINVAL;
    }
    if (source.inode === target.inode) return 0;
    for (
      let up: Inode | null = source.parent;
      target.inode !== undefined && up !== null;
      up = up.parent === up ? null : up.parent
    ) {
      if (up === target.inode) return exchange ? -EINVAL : -ENOTEMPTY;
    }
    if (exchange) {
      source.parent.entries.set(source.name, target.inode!);
      target.parent.entries.set(target.name, source.inode);
      target.inode!.parent = source.parent;
      source.inode.parent = target.parent;
      return 0;
    }
    if (target.inode !== undefined) {
      if (source.inode.type === S_IFDIR && target.inode.type !== S_IFDIR) return -ENOTDIR;
      if (source.inode.type !== S_IFDIR && target.inode.type === S_IFDIR) return -EISDIR;
      if (target.inode.entries.size > 0) return -ENOTEMPTY;
      target.inode.nlink--;
    }
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, source.inode);
    source.inode.parent = target.parent;
    return 0;
  }

  link(from: Place, to: Place, flags: number): number {
    let inode: Inode | undefined;
    if (from.path === "") {
      if ((flags & AT.AT_EMPTY_PATH) === 0) return -ENOENT;
      if (!(from.directory instanceof MemoryFile)) return -ENOENT;
      ({ inode } = from.directory);
    } else {
      const source = this.#walk(from, (flags & AT.AT_SYMLINK_FOLLOW) !== 0, 0);
      if (typeof source === "number") return source;
      if (source.inode !== undefined && source.directory && source.inode.type !== S_IFDIR) return -ENOTDIR;
      ({ inode } = source);
    }
    if (inode === undefined) return -ENOENT;
    const target = this.#walk(to, false, 0);
    if (typeof target === "number") return target;
    if (target.inode !== undefined) return -EEXIST;
    if (target.directory) return -ENOENT;
    if (inode.type === S_IFDIR) return -EPERM;
    if (inode.nlink === 0) return -ENOENT;
    inode.nlink++;
    target.parent.entries.set(target.name, inode);
    return 0;
  }

  symlink(target: string, place: Place): number {
    if (target === "") return -ENOENT;
    const found = this.#walk(place, false, 0);
    if (typeof found === "number") return found;
    if (found.inode !== undefined) return -EEXIST;
    if (found.directory) return -ENOENT;
    const inode = this.#node(S_IFLNK | 0o777);
    inode.target = target;
    this.#attach(found.parent, found.name, inode);
    return 0;
  }

  #node(mode: number): Inode {
    return new Inode(this.#ino++, mode, this.time);
  }

  #attach(parent: Inode, name: string, inode: Inode): Inode {
    parent.entries.set(name, inode);
    if (inode.type === S_IFDIR) inode.parent = parent;
    return inode;
  }

  /** The last component of a path and where it hangs; a negative errno when the way there does not exist. */
  #walk(place: Place, follow: boolean, resolve: number): Found | number {
    const state = { links: 0 };
    if (place.path === "") return -ENOENT;
    let base = this.#root;
    const { directory } = place;
    if (directory !== null && (!place.path.startsWith("/") || (resolve & RESOLVE.RESOLVE_IN_ROOT) !== 0)) {
      if (!(directory instanceof MemoryFile) || directory.inode.type !== S_IFDIR) return -ENOTDIR;
      base = directory.inode;
    }
    return this.#walkFrom(base, place.path, follow, resolve, base, state);
  }

  #walkFrom(
    base: Inode,
    path: string,
    follow: boolean,
    resolve: number,
    top: Inode,
    state: { links: number },
  ): Found | number {
    const scoped = (resolve & (RESOLVE.RESOLVE_BENEATH | RESOLVE.RESOLVE_IN_ROOT)) !== 0;
    let current = base;
    if (path.startsWith("/")) {
      if ((resolve & RESOLVE.RESOLVE_BENEATH) !== 0) return -EXDEV;
      current = (resolve & RESOLVE.RESOLVE_IN_ROOT) !== 0 ? top : this.#root;
    }
    const trailing = path.endsWith("/");
    const parts = path.split("/").filter((part) => part !== "");
    if (parts.length === 0) return { parent: current, name: "", inode: current, directory: true, special: true };
    for (const [index, name] of parts.entries()) {
      const last = index === parts.length - 1;
      if (current.type !== S_IFDIR) return -ENOTDIR;
      if (name === "." || name === "..") {
        if (name === "..") {
          if (current === top && scoped) {
            if ((resolve & RESOLVE.RESOLVE_BENEATH) !== 0) return -EXDEV;
          } else current = current.parent ?? current;
        }
        if (last) return { parent: current, name, inode: current, directory: true, special: true };
        continue;
      }
      if (new TextEncoder().encode(name).length > NAME_MAX) return -ENAMETOOLONG;
      const next = current.entries.get(name);
      if (last && (next === undefined || next.type !== S_IFLNK || !(follow || trailing))) {
        return { parent: current, name, inode: next, directory: trailing, special: false };
      }
      if (next === undefined) return -ENOENT;
      if (next.type === S_IFLNK) {
        if ((resolve & RESOLVE.RESOLVE_NO_SYMLINKS) !== 0) return -ELOOP;
        if (++state.links > MAX_LINKS) return -ELOOP;
        const rest = this.#walkFrom(current, next.target, true, resolve, top, state);
        if (typeof rest === "number") return rest;
        if (last) return { ...rest, directory: rest.directory || trailing };
        if (rest.inode === undefined) return -ENOENT;
        current = rest.inode;
      } else current = next;
    }
    return -ENOENT;
  }
}
