// A script on the simulator.

import { O, SOCKET } from "../../src/uring/abi/index.ts";
import { MemoryWorld, SIM_BASE, SimKernel } from "../../src/uring/sim/index.ts";
import { H, MEMORY_SIZE } from "./script.ts";
import { F0, F1, type Target } from "./target.ts";

const buffer = new ArrayBuffer(MEMORY_SIZE);

/** A fresh machine. */
export function simTarget(): Target {
  new Uint8Array(buffer).fill(0);
  const world = new MemoryWorld();
  const kernel = new SimKernel({ memory: buffer, world, kernelFloor: MEMORY_SIZE });
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
      return new Map<number, number>([
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
    read: (fd, at, length) => kernel.read(fd, at, length),
    write: (fd, at, length) => kernel.write(fd, at, length),
    close: (fd) => kernel.close(fd),
    files: () =>
      Object.fromEntries(
        world
          .listFiles()
          .filter((name) => name.startsWith("/d/"))
          .map((name) => [name.slice(3), world.readFile(name)!]),
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
