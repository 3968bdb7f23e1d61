// The thread that owns a ring. A ring with SINGLE_ISSUER and DEFER_TASKRUN belongs to the thread that made it, and Linux
// 7.2 crashes when a loop is entered by a thread that never used io_uring: so each ring is created, entered and closed in
// one worker. This is the caller's side: requests by name, answered asynchronously or, blocking, through Atomics.wait.

import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from "node:worker_threads";
import { LoopstepError } from "../base/index.ts";
import type { TracePipe } from "./trace-pipe.ts";
import { workerUrl } from "./worker-url.ts";

/** Words of the control block both sides share. */
export const CONTROL = {
  /** Counts answers; the caller sleeps on it. */
  answers: 0,
  /** Non-zero: the run is to end. The value says why, see ABORT. */
  abort: 1,
  /** Steps of the current run, for progress; low 32 bits. */
  steps: 2,
  /** Non-zero: the ops are gone. Seen at the next iteration only, and wakes nobody: as in the kernel. */
  ejected: 3,
  /** Whether the thread takes requests yet, see READY. */
  ready: 4,
  words: 8,
} as const;

/** Why a run is ended from outside. */
export const ABORT = { no: 0, signal: 1, timeout: 2 } as const;

export const READY = { notYet: 0, yes: 1, failed: 2 } as const;

/** What the worker answers; an error crosses as its facts. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: Record<string, unknown> }
  | { readonly printk: string }
  /** There is something of the trace to read. */
  | { readonly traced: true }
  | { readonly failed: Record<string, unknown> };

/** The first message to a thread: what it needs to know. */
export interface Begin {
  readonly begin: Record<string, unknown>;
}

export interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

/** An error of the worker, told by its facts. Thrown where no better class is known. */
export class ThreadError extends LoopstepError {
  /** The facts as the worker gave them. */
  readonly facts: Record<string, unknown>;

  constructor(facts: Record<string, unknown>) {
    super(String(facts["code"] ?? "THREAD_FAILED"), { message: String(facts["message"]), cause: facts });
    this.facts = facts;
  }
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A limit of a blocking call, in milliseconds from its start. */
export interface Deadline {
  readonly ms: number;
  readonly expire: () => void;
}

/** Something to look at now and then during a blocking call. */
export interface Watch {
  readonly everyMs: number;
  readonly look: () => void;
}

/** A thread that was told to end its run is given this long before it is ended itself. */
export const GRACE_MS = 400;

/** Time a thread has to start, on a machine that is busy with other things. */
const START_MS = 60_000;

/**
 * The ready words of threads that were started. Node aborts the whole process when a thread is ended while it loads native
 * code, so none is, and the process does not end before either.
 */
const starting = new Set<Int32Array>();

function awaitStart(control: Int32Array): void {
  Atomics.wait(control, CONTROL.ready, READY.notYet, START_MS);
  starting.delete(control);
}

process.on("exit", () => starting.forEach(awaitStart));

/** The caller's side of one ring's thread. */
export class RingThread implements Disposable {
  readonly control: Int32Array;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #pending = new Map<number, Pending>();
  #onPrintk: (line: string) => void = () => {};
  /** Where its trace comes from, if there is one: read before every answer, and when the thread ends. */
  readonly trace: TracePipe | undefined;
  #lastId = 0;
  #ended = false;

  /** Starts `entry`, a module that calls `serve`. It takes requests after `begin`. */
  constructor(entry: URL, trace?: TracePipe) {
    const control = new SharedArrayBuffer(CONTROL.words * 4);
    this.control = new Int32Array(control);
    starting.add(this.control);
    this.trace = trace;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(workerUrl("engine/ring-boot"), {
      workerData: { trace: trace?.wire, entry: entry.href, control, port: port2 },
      transferList: [port2],
      stdout: false,
      stderr: false,
    });
    this.#worker.unref();
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => {
      starting.delete(this.control);
      this.#fail(new ThreadError({ code: "THREAD_ENDED", message: "the ring's thread ended before it answered" }));
    });
    port1.on("message", (answer: Answer) => this.#settle(answer));
    port1.unref();
  }

  /** Tells the thread whose it is: `data` reaches `serve`. Once, before any request. */
  begin(data: Record<string, unknown>, onPrintk: (line: string) => void): this {
    this.#onPrintk = onPrintk;
    const begin: Begin = { begin: data };
    this.#port.postMessage(begin);
    return this;
  }

  /** Asks and waits without blocking the event loop; keeps the process alive until the answer is there. */
  call(name: string, args?: unknown): Promise<unknown> {
    const { promise, pending } = deferred();
    const id = this.#post(name, args);
    this.#pending.set(id, pending);
    this.#port.ref();
    return promise.finally(() => {
      if (this.#pending.size === 0) this.#port.unref();
    });
  }

  /**
   * Asks and blocks this thread until the answer is there. After `deadline.ms` its `expire` is called, once; a thread that
   * does not answer within the grace that follows is ended, and THREAD_STUCK thrown.
   */
  callSync(name: string, args?: unknown, deadline?: Deadline, watch?: Watch): unknown {
    this.#awaitReady();
    const id = this.#post(name, args);
    let until = deadline ? performance.now() + deadline.ms : Number.POSITIVE_INFINITY;
    let expired = false;
    for (;;) {
      const seen = Atomics.load(this.control, CONTROL.answers);
      const message = receiveMessageOnPort(this.#port);
      if (message) {
        const answer = message.message;
        if ("id" in answer && answer.id === id) {
          this.trace?.drain();
          return valueOf(answer);
        }
        this.#settle(answer);
        continue;
      }
      const left = until - performance.now();
      if (left > 0) {
        Atomics.wait(this.control, CONTROL.answers, seen, Math.min(left, watch?.everyMs ?? left));
        watch?.look();
      } else if (!expired) {
        expired = true;
        until = performance.now() + GRACE_MS;
        deadline!.expire();
      } else {
        void this.terminate();
        throw new ThreadError({ code: "THREAD_STUCK", message: "the ring's thread did not answer and was ended" });
      }
    }
  }

  /** True once the thread was ended or failed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Ends the thread, whatever it is doing; a blocked system call must have been woken before. */
  terminate(): Promise<number> {
    this.#ended = true;
    awaitStart(this.control);
    return this.#worker.terminate();
  }

  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#port.close();
    void this.terminate();
  }

  /** A thread that cannot start never answers. */
  #awaitReady(): void {
    awaitStart(this.control);
    if (Atomics.load(this.control, CONTROL.ready) === READY.yes) return;
    const failed = receiveMessageOnPort(this.#port);
    this.#ended = true;
    void this.#worker.terminate();
    if (failed && "failed" in failed.message) throw new ThreadError(failed.message.failed);
    const message = `the ring's thread did not start within ${START_MS / 1000} seconds`;
    throw new ThreadError({ code: "THREAD_STUCK", message });
  }

  #post(name: string, args: unknown): number {
    const request: Request = { id: ++this.#lastId, name, args };
    this.#port.postMessage(request);
    return request.id;
  }

  #settle(answer: Answer): void {
    this.trace?.drain();
    if ("traced" in answer) return;
    if ("printk" in answer) {
      this.#onPrintk(answer.printk);
      return;
    }
    if ("failed" in answer) {
      this.#fail(new ThreadError(answer.failed));
      return;
    }
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if ("error" in answer) pending?.reject(new ThreadError(answer.error));
    else pending?.resolve(answer.value);
  }

  #fail(error: Error): void {
    this.trace?.drain();
    this.#ended = true;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function valueOf(answer: Extract<Answer, { readonly id: number }>): unknown {
  if ("error" in answer) throw new ThreadError(answer.error);
  return answer.value;
}

function deferred(): { promise: Promise<unknown>; pending: Pending } {
  let pending!: Pending;
  const promise = new Promise<unknown>((resolve, reject) => {
    pending = { resolve, reject };
  });
  return { promise, pending };
}
