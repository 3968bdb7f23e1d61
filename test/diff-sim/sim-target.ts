// A script on the simulator.

import { O, SOCKET } from "../../src/uring/abi/index.ts";
import { MemoryWorld, SIM_BASE, SimKernel } from "../../src/uring/sim/index.ts";
import { SocketFile, parseAddress } from "../../src/uring/sim/socket.ts";
import { H, MEMORY_SIZE, TCP_ADDRESS_AT, TCP_ADDRESS_SIZE, UNIX_ADDRESS_AT, UNIX_NAME_SIZE } from "./script.ts";
import { BACKLOG, F0, F1, HEAD_BYTES, unixName, type FileContents, type Target } from "./target.ts";

const buffer = new ArrayBuffer(MEMORY_SIZE);

const CALL_NS = 20_000;

/** A fresh machine. */
export function simTarget(): Target {
  new Uint8Array(buffer).fill(0);
  const world = new MemoryWorld();
  const kernel = new SimKernel({ memory: buffer, world, kernelFloor: MEMORY_SIZE });
  const contents = (path: string): FileContents => {
    const stat = world.stat({ directory: null, path }, 0);
    return { size: typeof stat === "number" ? stat : stat.size, head: world.readFile(path, HEAD_BYTES)! };
  };
  /** What a system call of the process itself takes: a worker is done by then. */
  const passed = (result: number): number => {
    kernel.advance(CALL_NS);
    return result;
  };
  return {
    memory: new Uint8Array(buffer),
    base: BigInt(SIM_BASE),
    openFiles() {
      world.writeFile("/d/f0", F0);
      world.writeFile("/d/f1", F1);
      const [pipeR, pipeW] = kernel.pipe2(0) as [number, number];
      const [nbR, nbW] = kernel.pipe2(O.O_NONBLOCK) as [number, number];
      const [sockA, sockB] = kernel.socketpair(SOCKET.SOCK_STREAM);
      const [dgramA, dgramB] = kernel.socketpair(SOCKET.SOCK_DGRAM);
      const listen = (domain: number, at: number, size: number): SocketFile => {
        const socket = new SocketFile(kernel.machine, domain, SOCKET.SOCK_STREAM, 0, kernel.machine.network);
        const error = socket.bind(parseAddress(kernel.memory, at, size, domain)) || socket.listen(BACKLOG);
        if (error !== 0) throw new Error(`the socket cannot listen: ${error}`);
        return socket;
      };
      const { bytes, view } = kernel.memory;
      bytes.set(unixName("files"), UNIX_ADDRESS_AT);
      const listener = listen(SOCKET.AF_UNIX, UNIX_ADDRESS_AT, UNIX_NAME_SIZE);
      view.setUint16(TCP_ADDRESS_AT, SOCKET.AF_INET, true);
      bytes.set([127, 0, 0, 1], TCP_ADDRESS_AT + 4);
      const tcpListener = listen(SOCKET.AF_INET, TCP_ADDRESS_AT, TCP_ADDRESS_SIZE);
      bytes.set(tcpListener.local!.bytes, TCP_ADDRESS_AT);
      const client = new SocketFile(kernel.machine, SOCKET.AF_INET, SOCKET.SOCK_STREAM, 0, kernel.machine.network);
      client.connect(tcpListener.local!);
      return new Map<number, number>([
        [H.listener, kernel.install(listener)],
        [H.tcpListener, kernel.install(tcpListener)],
        [H.tcpA, kernel.install(client)],
        [H.tcpB, kernel.install(tcpListener.accept(0) as SocketFile)],
        [H.f0, kernel.open("/d/f0", O.O_RDWR)],
        [H.f1, kernel.open("/d/f1", O.O_RDONLY)],
        [H.f2, kernel.open("/d/f2", O.O_WRONLY | O.O_APPEND | O.O_CREAT)],
        [H.dir, kernel.open("/d", O.O_RDONLY | O.O_DIRECTORY)],
        [H.pipeR, pipeR],
        [H.pipeW, pipeW],
        [H.nbR, nbR],
        [H.nbW, nbW],
        [H.sockA, sockA],
        [H.sockB, sockB],
        [H.dgramA, dgramA],
        [H.dgramB, dgramB],
        [H.event, kernel.eventfd(0)],
      ]);
    },
    setup: (entries, params) => kernel.setup(entries, params),
    enter: (fd, submit, min, flags, arg, size) => kernel.enter(fd, submit, min, flags, arg, size),
    register: (fd, opcode, arg, nr) => kernel.register(fd, opcode, arg, nr),
    read: (fd, at, length) => passed(kernel.read(fd, at, length)),
    write: (fd, at, length) => passed(kernel.write(fd, at, length)),
    close: (fd) => passed(kernel.close(fd)),
    files: (): Record<string, FileContents> =>
      Object.fromEntries(
        world
          .listFiles()
          .filter((name) => name.startsWith("/d/"))
          .map((name) => [name.slice("/d/".length), contents(name)]),
      ),
    rounds: 40,
    settle(_ringFd, _expected, _have, round) {
      // workers first, then timers: the process looks often enough that none overtakes the other
      kernel.advance(round < 8 ? 50_000 : 1_000_000);
      return false;
    },
    dispose() {},
  };
}
