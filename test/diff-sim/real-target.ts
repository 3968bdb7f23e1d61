// A script on the host's real ring: raw system calls on memory that is followed by a large reserved hole, so that a request
// which runs over its end cannot reach anything else of this process.

import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  io_uring_enter,
  io_uring_register,
  io_uring_setup,
  mmap,
  munmap,
  openSys,
  type Sys,
} from "../../src/sys/index.ts";
import { IORING_ENTER, MMAP, O, SOCKET } from "../../src/uring/abi/index.ts";
import {
  H,
  MEMORY_SIZE,
  STRUCTS_AT,
  TCP_ADDRESS_AT,
  TCP_ADDRESS_SIZE,
  UNIX_ADDRESS_AT,
  UNIX_NAME_SIZE,
} from "./script.ts";
import { BACKLOG, F0, F1, HEAD_BYTES, unixName, type FileContents, type Target } from "./target.ts";

/** System call numbers of x86-64 that src/sys has no use for. */
const NR = {
  read: 0,
  write: 1,
  close: 3,
  mprotect: 10,
  socket: 41,
  connect: 42,
  sendto: 44,
  bind: 49,
  listen: 50,
  getsockname: 51,
  socketpair: 53,
  accept4: 288,
  eventfd2: 290,
  pipe2: 293,
};
const LOOPBACK = [127, 0, 0, 1];
const HOLE = 256 * 1024 ** 3;
const { IORING_ENTER_EXT_ARG, IORING_ENTER_GETEVENTS } = IORING_ENTER;
/** How long completions that the simulator saw are waited for, ms. */
const PATIENCE_MS = 60;
const SLICE_NS = 10_000_000n;
/** How long requests are given to arrive where they wait, by attempt. */
const ON_THE_WAY_NS = [1_000_000n, 5_000_000n, 50_000n, 300_000n] as const;

const ENOTSOCK = 88;

/** Memory of one run: a ring that was closed is torn down later, and may still write into its own. */
function reserve(sys: Sys): number {
  const base = mmap(sys, 0, HOLE, MMAP.PROT_NONE, MMAP.MAP_PRIVATE | MMAP.MAP_ANONYMOUS | MMAP.MAP_NORESERVE, -1, 0);
  if (base < 0) throw new Error(`mmap: ${base}`);
  const error = sys.syscall(NR.mprotect, base, MEMORY_SIZE, MMAP.PROT_READ | MMAP.PROT_WRITE);
  if (error < 0) throw new Error(`mprotect: ${error}`);
  return base;
}

const FD_FOLDER = "/proc/self/fd";

/** Closes what a script opened: descriptors that were not there before, of the kinds that scripts make. */
function closeNew(sys: Sys, before: ReadonlySet<string>, folder: string): void {
  for (const name of readdirSync(FD_FOLDER)) {
    if (before.has(name)) continue;
    let target: string;
    try {
      target = readlinkSync(path.join(FD_FOLDER, name));
    } catch {
      // the descriptor of the listing itself
      continue;
    }
    if (/^(pipe|socket|anon_inode):/.test(target) || target.startsWith(folder)) sys.syscall(NR.close, Number(name));
  }
}

/** Of a file that may be large and full of holes. */
function contents(file: string): FileContents {
  const { size } = statSync(file);
  if (size <= HEAD_BYTES) return { size, head: readFileSync(file) };
  const head = new Uint8Array(HEAD_BYTES);
  const fd = openSync(file, "r");
  readSync(fd, head, 0, HEAD_BYTES, 0);
  closeSync(fd);
  return { size, head };
}

/** Numbers the listeners: a ring that is being torn down holds its own a while yet. */
let targets = 0;

/** A fresh directory and set of files. `attempt`: from 1 on; each leaves requests on their way another time. */
export function realTarget(attempt = 1): Target {
  const sys = openSys();
  const before = new Set(readdirSync(FD_FOLDER));
  const base = reserve(sys);
  const memory = sys.viewAt(base, MEMORY_SIZE);
  const folder = mkdtempSync(path.join(tmpdir(), "loopstep-diff-"));
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const pair = (make: (at: number) => number): [number, number] => {
    const error = make(base + STRUCTS_AT);
    if (error < 0) throw new Error(`system call: ${error}`);
    return [view.getInt32(STRUCTS_AT, true), view.getInt32(STRUCTS_AT + 4, true)];
  };
  const call = (number: number, ...args: number[]): number => {
    const result = sys.syscall(number, ...args);
    if (result < 0) throw new Error(`system call ${number}: ${result}`);
    return result;
  };
  /** A stream socket that listens at the address in the memory at `at`. */
  const listen = (domain: number, at: number, size: number): number => {
    const fd = call(NR.socket, domain, SOCKET.SOCK_STREAM, 0);
    call(NR.bind, fd, base + at, size);
    call(NR.listen, fd, BACKLOG);
    return fd;
  };
  const tcp = (): [listener: number, client: number, server: number] => {
    memory.fill(0, TCP_ADDRESS_AT, TCP_ADDRESS_AT + TCP_ADDRESS_SIZE);
    view.setUint16(TCP_ADDRESS_AT, SOCKET.AF_INET, true);
    memory.set(LOOPBACK, TCP_ADDRESS_AT + 4);
    const listener = listen(SOCKET.AF_INET, TCP_ADDRESS_AT, TCP_ADDRESS_SIZE);
    view.setUint32(STRUCTS_AT, TCP_ADDRESS_SIZE, true);
    call(NR.getsockname, listener, base + TCP_ADDRESS_AT, base + STRUCTS_AT);
    const client = call(NR.socket, SOCKET.AF_INET, SOCKET.SOCK_STREAM, 0);
    call(NR.connect, client, base + TCP_ADDRESS_AT, TCP_ADDRESS_SIZE);
    return [listener, client, call(NR.accept4, listener, 0, 0, 0)];
  };
  const extArg = base + 0x300;
  // slices waited in vain, and the completions there were at the last one
  let waited = 0;
  let lastHave = -1;
  return {
    memory,
    base: BigInt(base),
    openFiles() {
      const open = (name: string, flags: number): number => openSync(path.join(folder, name), flags, 0o644);
      writeFileSync(path.join(folder, "f0"), F0);
      writeFileSync(path.join(folder, "f1"), F1);
      const [pipeR, pipeW] = pair((at) => sys.syscall(NR.pipe2, at, O.O_CLOEXEC));
      const [nbR, nbW] = pair((at) => sys.syscall(NR.pipe2, at, O.O_NONBLOCK | O.O_CLOEXEC));
      const [sockA, sockB] = pair((at) => sys.syscall(NR.socketpair, SOCKET.AF_UNIX, SOCKET.SOCK_STREAM, 0, at));
      const [dgramA, dgramB] = pair((at) => sys.syscall(NR.socketpair, SOCKET.AF_UNIX, SOCKET.SOCK_DGRAM, 0, at));
      memory.set(unixName(`${process.pid}-${targets++}`), UNIX_ADDRESS_AT);
      const listener = listen(SOCKET.AF_UNIX, UNIX_ADDRESS_AT, UNIX_NAME_SIZE);
      const [tcpListener, tcpA, tcpB] = tcp();
      return new Map<number, number>([
        [H.f0, open("f0", O.O_RDWR)],
        [H.f1, open("f1", O.O_RDONLY)],
        [H.f2, open("f2", O.O_WRONLY | O.O_APPEND | O.O_CREAT)],
        [H.dir, open(".", O.O_RDONLY | O.O_DIRECTORY)],
        [H.pipeR, pipeR],
        [H.pipeW, pipeW],
        [H.nbR, nbR],
        [H.nbW, nbW],
        [H.sockA, sockA],
        [H.sockB, sockB],
        [H.dgramA, dgramA],
        [H.dgramB, dgramB],
        [H.event, sys.syscall(NR.eventfd2, 0, 0)],
        [H.listener, listener],
        [H.tcpListener, tcpListener],
        [H.tcpA, tcpA],
        [H.tcpB, tcpB],
      ]);
    },
    setup: (entries, params) => io_uring_setup(sys, entries, Number(params)),
    enter: (fd, submit, min, flags, arg, size) => io_uring_enter(sys, fd, submit, min, flags, Number(arg), size),
    register: (fd, opcode, arg, nr) => io_uring_register(sys, fd, opcode, Number(arg), nr),
    // The process never blocks: descriptors that would are only used when they are ready, see the generator.
    read: (fd, at, length) => sys.syscall(NR.read, fd, base + at, length),
    write: (fd, at, length) => {
      const MSG_DONTWAIT_NOSIGNAL = 0x4040;
      const sent = sys.syscall(NR.sendto, fd, base + at, length, MSG_DONTWAIT_NOSIGNAL, 0, 0);
      return sent === -ENOTSOCK ? sys.syscall(NR.write, fd, base + at, length) : sent;
    },
    close: (fd) => sys.syscall(NR.close, fd),
    files: () => {
      const out: Record<string, FileContents> = {};
      const visit = (prefix: string): void => {
        for (const entry of readdirSync(path.join(folder, prefix), { withFileTypes: true })) {
          const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
          if (entry.isDirectory()) visit(name);
          else if (entry.isFile()) out[name] = contents(path.join(folder, name));
        }
      };
      visit("");
      return out;
    },
    rounds: 1,
    settle(ringFd, expected, have, round, waiting) {
      const missing = (expected ?? 0) - have;
      if (missing <= 0 && (!waiting || round > 1)) return false;
      view.setBigUint64(0x300, 0n, true);
      view.setBigUint64(0x308, 0n, true);
      view.setBigUint64(0x310, BigInt(base + 0x320), true);
      view.setBigInt64(0x320, 0n, true);
      view.setBigInt64(0x328, missing > 0 ? SLICE_NS : ON_THE_WAY_NS[(attempt - 1) % ON_THE_WAY_NS.length], true);
      const flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
      waited = have === lastHave ? waited + 1 : 0;
      lastHave = have;
      io_uring_enter(sys, ringFd, 0, 1, flags, extArg, 24);
      return missing > 0 && waited * 10 < PATIENCE_MS;
    },
    dispose() {
      closeNew(sys, before, folder);
      rmSync(folder, { recursive: true, force: true });
      munmap(sys, base, HOLE);
    },
  };
}
