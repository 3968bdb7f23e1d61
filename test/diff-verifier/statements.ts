// What programs consist of, and how often: one row for each kind of statement.

import type { Statement } from "./full-writer.ts";
import * as K from "./kernel-statements.ts";

/** Everything. */
export const STATEMENTS: readonly Statement[] = [
  { weight: 16, write: (w) => w.lookup() },
  { weight: 4, write: (w) => w.update() },
  { weight: 10, write: (w) => w.direct() },
  { weight: 10, write: (w) => w.useHeld() },
  { weight: 7, write: (w) => w.ringbuf() },
  { weight: 9, write: (w) => w.sizedMemory() },
  { weight: 3, write: (w) => w.strings() },
  { weight: 3, write: (w) => w.queue() },
  { weight: 5, write: (w) => w.unknown() },
  { weight: 5, write: (w) => w.lock() },
  { weight: 1, write: (w) => w.tailCall() },
  { weight: 5, write: (w) => w.dynptr() },
  { weight: 5, write: (w) => w.critical() },
  { weight: 6, write: (w) => w.iterate() },
  { weight: 10, write: (w) => w.callFunction() },
  { weight: 6, write: (w) => w.callback() },
  { weight: 2, write: (w) => w.context() },
  { weight: 3, write: (w) => w.mayGoto() },
  { weight: 3, write: K.currentTask },
  { weight: 2, write: K.acquiredTask },
  { weight: 3, write: K.cpumask },
  { weight: 2, write: K.interrupts },
  { weight: 2, write: K.bits },
  { weight: 2, write: K.tasks },
  { weight: 4, write: K.dynptrParts },
  { weight: 2, write: K.timer },
  { weight: 2, write: K.print },
  { weight: 2, write: K.perCpuValue },
  { weight: 2, write: K.wideArguments },
  { weight: 1, write: K.throwOut },
  { weight: 8, write: K.packet },
];

/** Nothing but arithmetic, functions and helpers that return a number. */
export const ALONE: readonly Statement[] = [
  { weight: 4, write: (w) => w.callFunction() },
  { weight: 2, write: (w) => w.unknown() },
  { weight: 3, write: (w) => w.useStack() },
];
