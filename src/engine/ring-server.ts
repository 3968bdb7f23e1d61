// The worker's side of a ring's thread: takes requests by name, answers each, and wakes a caller that blocks.

import type { MessagePort } from "node:worker_threads";
import { workerData } from "node:worker_threads";
import { LoopstepError } from "../base/index.ts";
import { CONTROL, READY, type Answer, type Request } from "./ring-thread.ts";

/** What a handler may use besides its arguments. */
export interface ServerContext {
  readonly control: Int32Array;
  printk(line: string): void;
  /** Makes the caller read the trace. */
  traced(): void;
}

export type Handlers = Readonly<Record<string, (args: never) => unknown>>;

/** Serves until the port closes. `make` gets the data the thread was started with. */
export function serve(make: (context: ServerContext, data: Record<string, unknown>) => Handlers): void {
  const {
    port,
    control: shared,
    entry: _,
    ...data
  } = workerData as {
    port: MessagePort;
    control: SharedArrayBuffer;
    entry: string;
  };
  const control = new Int32Array(shared);
  const answer = (message: Answer): void => {
    port.postMessage(message);
    Atomics.add(control, CONTROL.answers, 1);
    Atomics.notify(control, CONTROL.answers);
  };
  const handlers = make(
    { control, printk: (printk) => answer({ printk }), traced: () => answer({ traced: true }) },
    data,
  );
  Atomics.store(control, CONTROL.ready, READY.yes);
  Atomics.notify(control, CONTROL.ready);
  port.on("message", ({ id, name, args }: Request) => {
    try {
      answer({ id, value: (handlers[name] as (args: unknown) => unknown)(args) });
    } catch (error) {
      answer({ id, error: factsOf(error) });
    }
  });
}

function factsOf(error: unknown): Record<string, unknown> {
  if (error instanceof LoopstepError) return { ...error, ...error.toJSON() };
  if (error instanceof Error)
    return { name: error.name, code: "THREAD_FAILED", message: error.message, stack: error.stack };
  return { name: "Error", code: "THREAD_FAILED", message: String(error) };
}
