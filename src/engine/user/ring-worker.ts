// The thread of one ring of the `user` engine: makes the ring, holds the compiled program, drives the loop. Started by
// RingThread; speaks protocol.ts.

import { workerData } from "node:worker_threads";
import { EBADFD, EFAULT } from "../../base/index.ts";
import { compile, instantiate } from "../../bpf/jit/index.ts";
import { Interpreter, VmFault, VmMemory, type Executable, type FaultFacts, type VmEnv } from "../../bpf/vm/index.ts";
import { currentTaskHelpers, loopKfuncs } from "../../loop/calls/index.ts";
import { createRing, openSys, type KernelRing } from "../../sys/index.ts";
import { IORING_SETUP } from "../../uring/abi/index.ts";
import { fullCount } from "../full-count.ts";
import { serve, type Handlers, type ServerContext } from "../ring-server.ts";
import { drive, stepsOf, WORK_PENDING, type DriveResult, type DrivenRing, type StepArgs } from "./drive.ts";
import { LoopRing, type RingView } from "./loop-ring.ts";
import { STEPS_BYTES } from "./protocol.ts";
import type { RingTracer } from "./ring-tracer.ts";
import type {
  AttachRequest,
  CreateReply,
  CreateRequest,
  RunReply,
  RunRequest,
  StartData,
  ThreadData,
} from "./protocol.ts";

/** A program attached to this ring. */
interface Attached {
  readonly executable: Executable;
  readonly args: StepArgs;
}

/** The state of the thread: at most one ring and one program. */
class RingWorker {
  readonly #context: ServerContext;
  readonly #memory: VmMemory;
  #ring: KernelRing | undefined;
  #loopRing: LoopRing | undefined;
  /** What the run loop drives: the ring itself, unless it is traced. */
  #driven: DrivenRing | undefined;
  #attached: Attached | undefined;
  #prepared: Attached | undefined;
  #disabled = false;
  readonly #tracer: RingTracer | undefined;

  constructor(context: ServerContext, { memory }: ThreadData, tracer: RingTracer | undefined) {
    this.#context = context;
    this.#tracer = tracer;
    this.#memory = VmMemory.attach(memory);
  }

  create({ place, request, mem, counters }: CreateRequest): CreateReply {
    const {
      IORING_SETUP_DEFER_TASKRUN,
      IORING_SETUP_TASKRUN_FLAG,
      IORING_SETUP_SQE128,
      IORING_SETUP_SQ_REWIND,
      IORING_SETUP_R_DISABLED,
    } = IORING_SETUP;
    // the ring must announce its task work, or every iteration would need a system call to find out
    const { flags } = request;
    const own = flags & IORING_SETUP_DEFER_TASKRUN ? IORING_SETUP_TASKRUN_FLAG : 0;
    const sys = openSys();
    const ring = createRing(this.#tracer?.sys(sys) ?? sys, this.#memory.memory.buffer, place, request, { own });
    this.#ring = ring;
    this.#tracer?.made(ring);
    ring.registerFd();
    this.#disabled = (flags & IORING_SETUP_R_DISABLED) !== 0;
    const { params } = ring;
    // as liburing does: entry i of an SQ array stands for slot i until a program says otherwise
    if (params.sq_off.array !== 0) {
      const array = new Uint32Array(this.#memory.memory.buffer, place.rings + params.sq_off.array, params.sq_entries);
      array.forEach((_, i) => (array[i] = i));
    }
    const notes = [...ring.emulated];
    if (mem) {
      const { registered, why } = ring.registerMemRegion(mem.address, mem.size);
      if (!registered) notes.push(why);
    }
    const view: RingView = {
      sqes: place.sqes,
      sqeSize: flags & IORING_SETUP_SQE128 ? 128 : 64,
      sqMask: params.sq_entries - 1,
      rewind: (flags & IORING_SETUP_SQ_REWIND) !== 0,
      array: params.sq_off.array === 0 ? 0 : place.rings + params.sq_off.array,
      own: counters + STEPS_BYTES,
    };
    this.#loopRing = new LoopRing(ring, this.#memory.memory.buffer, view);
    this.#driven = this.#tracer?.driven(this.#loopRing, view) ?? this.#loopRing;
    return { fd: ring.fd, params, notes };
  }

  prepare(request: AttachRequest): void {
    this.#prepared = undefined;
    this.#prepared = this.#make(request);
  }

  attach(request: AttachRequest): void {
    this.#attached = (request.prepared ? this.#prepared : undefined) ?? this.#make(request);
    this.#prepared = undefined;
  }

  #make(request: AttachRequest): Attached {
    const { ctx, params, steps, seed, iouCtx, regions } = request;
    const { memory } = this.#memory;
    const untraced = this.#loopRing!.submitFor(memory, iouCtx);
    const submit = this.#tracer?.submit(untraced) ?? untraced;
    const kfuncs = loopKfuncs({ iouCtx, regions, submit: (nr) => submit(iouCtx, nr) });
    const env = {
      // the function itself: called by the program without a detour through JavaScript
      kfuncs: { ...kfuncs, bpf_io_uring_submit_sqes: { ...kfuncs["bpf_io_uring_submit_sqes"], call: submit } },
      helpers: currentTaskHelpers(request.task),
      printk: (line: string) => this.#context.printk(line),
      seed,
    };
    const executable = this.#executable(request, env);
    const words = (address: number, count: number): Uint32Array => new Uint32Array(memory.buffer, address, count);
    const args = { ctx, cq_wait_idx: words(params, 1), steps: words(steps, 2) };
    return { executable: this.#tracer?.program(executable, args, request.watched ?? []) ?? executable, args };
  }

  #executable(
    { image, interpret, checked, params, steps }: AttachRequest,
    env: VmEnv & Required<Pick<VmEnv, "kfuncs" | "helpers">>,
  ): Executable {
    if (interpret) return new Interpreter(image, this.#memory, env);
    const { cqTail, sqFlags } = this.#loopRing!.words;
    const program = compile(image, {
      checked,
      kfuncs: env.kfuncs,
      helpers: env.helpers,
      // nothing to wait for, and nothing for the kernel to do
      repeat: { count: steps, reached: cqTail, target: params, flags: sqFlags, mask: WORK_PENDING },
    });
    return instantiate(program, new WebAssembly.Module(program.bytes), image, this.#memory, env);
  }

  detach(): void {
    this.#attached = undefined;
  }

  enable(): void {
    this.#ring!.enable();
    this.#disabled = false;
  }

  run({ maxSteps }: RunRequest): RunReply {
    const ring = this.#loopRing!;
    ring.begin();
    const tail = ring.cqTail();
    const started = performance.now();
    let outcome: DriveResult;
    let fault: FaultFacts | undefined;
    if (!this.#disabled) this.#tracer?.enter();
    try {
      outcome = this.#enter(maxSteps);
    } catch (error) {
      if (!(error instanceof VmFault)) throw error;
      fault = error.facts;
      outcome = { result: -EFAULT, steps: this.#attached ? stepsOf(this.#attached.args.steps) : 0 };
    }
    if (!this.#disabled) this.#tracer?.leave(outcome.result);
    const wallNs = Math.round((performance.now() - started) * 1e6);
    return {
      result: outcome.result,
      ended: outcome.ended,
      fault,
      steps: outcome.steps,
      submitted: ring.submittedThisRun,
      completed: fullCount(ring.cqTail() - tail, ring.submittedThisRun),
      enters: ring.enters,
      wallNs,
    };
  }

  /** io_uring_enter(fd, 0, 0, GETEVENTS): the loop where one is attached, the ordinary call where none is. */
  #enter(maxSteps: number): DriveResult {
    const ring = this.#driven!;
    if (this.#disabled) return { result: -EBADFD, steps: 0 };
    if (!this.#attached) return { result: Math.min(ring.getEvents(0), 0), steps: 0 };
    return drive(ring, this.#attached.executable, this.#attached.args, this.#context.control, maxSteps);
  }

  close(): void {
    this.#attached = undefined;
    this.#prepared = undefined;
    // what requests in flight point at will be given back too
    if (this.#loopRing?.inFlight) this.#ring?.cancelAll();
    this.#ring?.close();
    this.#ring = undefined;
    this.#loopRing = undefined;
    this.#driven = undefined;
  }
}

try {
  // loaded while the engine has other things to do; where it cannot be, making a ring says so
  openSys();
} catch {}

const { trace } = workerData as StartData;
/** Loaded for a trace only. */
const tracing = trace && { wire: trace, ...(await import("./ring-tracer.ts")) };

serve((context, data): Handlers => {
  const threadData = data as unknown as ThreadData;
  const tracer = tracing && new tracing.RingTracer(tracing.wire, threadData.memory.buffer, () => context.traced());
  const worker = new RingWorker(context, threadData, tracer);
  return {
    create: (args: CreateRequest) => worker.create(args),
    prepare: (args: AttachRequest) => worker.prepare(args),
    attach: (args: AttachRequest) => worker.attach(args),
    detach: () => worker.detach(),
    enable: () => worker.enable(),
    run: (args: RunRequest) => worker.run(args),
    close: () => worker.close(),
  };
});
