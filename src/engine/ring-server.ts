// The worker's side of a ring's thread: takes requests by name, answers each, and wakes a caller that blocks.

import type { MessagePort } from "node:worker_threads";
import { workerData } from "node:worker_threads";
import { LoopstepError } from "../base/index.ts";
import { CONTROL, READY, type Answer, type Begin, type Request } from "./ring-thread.ts";

/** What a handler may use besides its arguments. */
export interface ServerContext {
  readonly control: Int32Array;
  printk(line: string): void;
  /** Makes the caller read the trace. */
  traced(): void;
}

export type Handlers = Readonly<Record<string, (args: never) => unknown>>;

/** Serves until the port closes. `make` gets the data the thread was begun with, when its first request is there. */
export function serve(make: (context: ServerContext, data: Record<string, unknown>) => Handlers): void {
  const { port, control: shared } = workerData as { port: MessagePort; control: SharedArrayBuffer };
  const control = new Int32Array(shared);
  const answer = (message: Answer): void => {
    port.postMessage(message);
    Atomics.add(control, CONTROL.answers, 1);
    Atomics.notify(control, CONTROL.answers);
  };
  const context: ServerContext = {
    control,
    printk: (printk) => answer({ printk }),
    traced: () => answer({ traced: true }),
  };
  let data: Record<string, unknown> = {};
  let handlers: Handlers | undefined;
  Atomics.store(control, CONTROL.ready, READY.yes);
  Atomics.notify(control, CONTROL.ready);
  port.on("message", (message: Begin | Request) => {
    if ("begin" in message) {
      data = message.begin;
      return;
    }
    const { id, name, args } = message;
    try {
      handlers ??= make(context, data);
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
