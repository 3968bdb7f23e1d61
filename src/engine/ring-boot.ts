// What a ring's thread runs first: it loads the thread's module, and reports when that fails, since a caller that blocks
// would never hear of it otherwise.

import { workerData, type MessagePort } from "node:worker_threads";
import { CONTROL, READY } from "./ring-thread.ts";

const { entry, port, control } = workerData as { entry: string; port: MessagePort; control: SharedArrayBuffer };

try {
  await import(entry);
} catch (error) {
  const { name, message, stack } = error as Error;
  port.postMessage({ failed: { name, code: "THREAD_START", message, stack } });
  const words = new Int32Array(control);
  Atomics.store(words, CONTROL.ready, READY.failed);
  Atomics.notify(words, CONTROL.ready);
}
