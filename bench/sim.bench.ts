// How much does the simulator simulate? Requests of a loop written in TypeScript, so that nothing but the simulator is timed:
// NOPs and reads of a file in memory, at several depths. And what requests take that are in flight, and after they are done.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { IORING_OP, O } from "../src/uring/abi/index.ts";
import { LOOP_FLAGS, TestProcess, setupFlags } from "../src/uring/sim/harness.ts";
import {
  interleave,
  median,
  ratiosTo,
  timeCalls,
  warmUp,
  type Answer,
  type Bench,
  type Effort,
  type Peer,
  type Question,
  type Report,
} from "./harness.ts";

const SIM = "sim";
/** Requests of one run of the loop. */
const REQUESTS = 1024;
const FILE_BYTES = 1 << 16;
const IN_FLIGHT = 10_000;
/** So often IN_FLIGHT requests come and go before what is left of them is asked. */
const GENERATIONS = 20;
/** SQ_REWIND: the loop writes its SQEs once. */
const FLAGS = setupFlags([...LOOP_FLAGS, "CQSIZE", "SQ_REWIND"]);

/** Words of the CQ's head and tail in the rings area, and of an SQE's fields. */
const [CQ_HEAD, CQ_TAIL] = [2, 3];
const [SQE_WORDS, SQE_FD, SQE_OFF, SQE_ADDR, SQE_LEN, SQE_USER_DATA] = [16, 1, 2, 4, 6, 8];

/** One request of a question: fields by word. `at`: the process's memory for it, of `length` bytes. */
type Fill = (sqe: Uint32Array, process: TestProcess, slot: number) => void;

const fillNop: Fill = (sqe) => {
  sqe[0] = IORING_OP.IORING_OP_NOP;
};

function fillRead(length: number): Fill {
  let fd = -1;
  let address = 0;
  return (sqe, process, slot) => {
    if (fd < 0) {
      const text = process.put("/file");
      const created = O.O_RDWR | O.O_CREAT;
      const [cqe] = process.run([
        { opcode: IORING_OP.IORING_OP_OPENAT, fd: -100, addr: text, open_flags: created, len: 0o644 },
      ]);
      fd = cqe.res;
      address = process.put(new Uint8Array(FILE_BYTES));
      process.run([{ opcode: IORING_OP.IORING_OP_WRITE, fd, addr: address, len: FILE_BYTES }]);
    }
    sqe[0] = IORING_OP.IORING_OP_READ;
    sqe[SQE_FD] = fd;
    sqe[SQE_OFF] = (slot * length) % FILE_BYTES;
    sqe[SQE_ADDR] = address % 2 ** 32;
    sqe[SQE_ADDR + 1] = Math.floor(address / 2 ** 32);
    sqe[SQE_LEN] = length;
  };
}

/** A loop that keeps `depth` requests going until REQUESTS are done; a call of the result runs it once. */
function loopOf(depth: number, fill: Fill): () => void {
  const process = new TestProcess({ entries: depth, cq_entries: depth, flags: FLAGS });
  const { kernel, fd } = process;
  const { words } = kernel.memory;
  const rings = process.rings >>> 2;
  for (let slot = 0; slot < depth; slot++) {
    const sqe = new Uint32Array(SQE_WORDS);
    fill(sqe, process, slot);
    sqe[SQE_USER_DATA] = slot;
    words.set(sqe, (process.sqes >>> 2) + slot * SQE_WORDS);
  }
  let submitted = 0;
  let done = 0;
  const attached = kernel.attach(fd, (ring, params) => {
    done += (words[rings + CQ_TAIL] - words[rings + CQ_HEAD]) >>> 0;
    words[rings + CQ_HEAD] = words[rings + CQ_TAIL];
    if (done >= REQUESTS) return 1;
    const count = Math.min(depth - (submitted - done), REQUESTS - submitted);
    submitted += kernel.submitSqes(ring, count);
    params.cq_wait_idx = words[rings + CQ_HEAD] + (submitted - done);
    return 0;
  });
  if (attached !== 0) throw new Error(`the loop cannot be attached: ${attached}`);
  return () => {
    submitted = 0;
    done = 0;
    const result = kernel.enter(fd, 0, 0, 1);
    if (result !== 0 || done !== REQUESTS) throw new Error(`the loop ended with ${result} after ${done} requests`);
  };
}

const QUESTIONS: readonly (readonly [name: string, depth: number, fill: () => Fill])[] = [
  ...[1, 8, 128].map((depth) => [`NOP, depth ${depth}`, depth, () => fillNop] as const),
  ...[512, 4096].map((length) => [`READ of ${length} bytes, depth 8`, 8, () => fillRead(length)] as const),
];

function question([name, depth, fill]: (typeof QUESTIONS)[number], effort: Effort): Question {
  const run = loopOf(depth, fill());
  const peer: Peer = { name: SIM, measure: (forNs) => timeCalls(run, forNs) / REQUESTS };
  return { name, peers: [warmUp(peer, effort)] };
}

/** Bytes of the heap that are in use. */
function heapInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Bytes a request in flight takes, and what is left of one when many have been. */
function memoryFigures(): Record<string, number> {
  const machine = new TestProcess(
    { entries: 2 ** 14, cq_entries: 2 ** 14, flags: setupFlags([...LOOP_FLAGS, "CQSIZE"]) },
    { memory: new ArrayBuffer(2 ** 24) },
  );
  const addr = machine.timespec(1e6);
  const submit = (): void => {
    for (let i = 0; i < IN_FLIGHT; i++)
      machine.push({ opcode: IORING_OP.IORING_OP_TIMEOUT, addr, len: 1, user_data: i });
    const taken = machine.kernel.enter(machine.fd, IN_FLIGHT, 0, 0);
    if (taken !== IN_FLIGHT) throw new Error(`io_uring_enter: ${taken}`);
  };
  const finish = (): void => {
    // a timeout that fires ends every wait
    for (let done = 0; done < IN_FLIGHT; done += machine.reap().length) machine.wait(1);
  };
  const empty = heapInUse();
  submit();
  const full = heapInUse();
  const inFlight = machine.ring.inFlight;
  finish();
  const once = heapInUse();
  for (let i = 0; i < GENERATIONS; i++) {
    submit();
    finish();
  }
  return {
    "requests in flight": inFlight,
    "heap for each in flight, bytes": (full - empty) / inFlight,
    [`heap kept for each of ${GENERATIONS * IN_FLIGHT} that are done, bytes`]:
      Math.max(0, heapInUse() - once) / (GENERATIONS * IN_FLIGHT),
  };
}

function perSecond(answers: readonly Answer[], what: string): number {
  return 1e9 / median(answers.filter(({ name }) => name.startsWith(what)).map(({ ns }) => ns[SIM]));
}

/** The benchmark. */
export function simBench(_root: string, only?: readonly string[]): Bench {
  return {
    name: "sim",
    run(effort, progress): Promise<Report> {
      const answers = QUESTIONS.filter(([name]) => only === undefined || only.includes(name)).map((row) => {
        progress(row[0]);
        return interleave(question(row, effort), effort);
      });
      const figures: Record<string, number> = {};
      for (const what of ["NOP", "READ"]) {
        const rate = perSecond(answers, what);
        if (!Number.isNaN(rate)) figures[`${what}s a second, median of the depths`] = Math.round(rate);
      }
      return Promise.resolve({
        bench: "sim",
        answers,
        baseline: SIM,
        ratios: ratiosTo(SIM, answers),
        bestRatios: ratiosTo(SIM, answers, "best"),
        skipped: [],
        figures: { ...figures, ...memoryFigures() },
      });
    },
  };
}
