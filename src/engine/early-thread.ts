// The threads of rings, the first of which may be started before its engine is loaded: starting one takes a large part of a
// short run, and goes on beside everything else.

import { RingThread } from "./ring-thread.ts";
import type { TracePipe } from "./trace-pipe.ts";
import { workerUrl } from "./worker-url.ts";

/** The module of a ring's thread, by engine. */
const MODULES = { user: "engine/user/ring-worker", kernel: "engine/kernel/ring-worker" } as const;

/** Engines whose rings have threads. */
export type ThreadedEngine = keyof typeof MODULES;

let early: { readonly engine: ThreadedEngine; readonly thread: RingThread } | undefined;

const start = (engine: ThreadedEngine, trace?: TracePipe): RingThread =>
  new RingThread(workerUrl(MODULES[engine]), trace);

/** Starts the thread of the first ring of `engine`. Whoever opens an engine takes it, or ends it. */
export function startEarly(engine: ThreadedEngine): void {
  early ??= { engine, thread: start(engine) };
}

/** The thread that was started early for `engine`, or one that starts now: always the latter where it is to be traced. */
export function takeThread(engine: ThreadedEngine, trace?: TracePipe): RingThread {
  if (trace !== undefined || early?.engine !== engine) return start(engine, trace);
  const { thread } = early;
  early = undefined;
  return thread;
}

/** Ends the thread that was started early, if nobody took it. */
export function dropEarly(): void {
  early?.thread[Symbol.dispose]();
  early = undefined;
}
